"""ConvNeXt (Liu et al. 2022): a convolutional network built the way a transformer is."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, Mlp
from vizkit.models.checks import check_images, check_positive, check_stages, check_whole
from vizkit.models.initialization import initialize


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization of maps (B, C, H, W) over the channels, at every place by itself."""

    def __init__(self, channels: int) -> None:
        check_whole(channels=channels)
        super().__init__(channels, eps=LAYER_NORM_EPS)

    def forward(self, features: Tensor) -> Tensor:
        normalized = super().forward(features.permute(0, 2, 3, 1))  # (B, H, W, C)
        return normalized.permute(0, 3, 1, 2)  # (B, C, H, W)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, then a transformer's MLP (Liu et al. 2022, fig. 4).

    The 7x7 convolution mixes places, each channel by itself; the MLP mixes channels, each place
    by itself: what attention and MLP do in an `EncoderBlock`. `layer_scale` is where the learned
    factor of each channel starts (Touvron et al. 2021), None for no such factor.
    Maps (B, C, H, W) keep their shape. Reference: `ConvNeXtBlock` in timm `models/convnext.py`.
    """

    def __init__(
        self, channels: int, *, kernel_size: int = 7, layer_scale: float | None = 1e-6
    ) -> None:
        super().__init__()
        check_whole(channels=channels)
        check_odd(kernel_size)
        self.depthwise = nn.Conv2d(
            channels, channels, kernel_size, padding=kernel_size // 2, groups=channels
        )
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(embed_dim=channels, hidden_dim=4 * channels)
        self.scale = None
        if layer_scale is not None:
            check_positive(layer_scale=layer_scale)
            self.scale = nn.Parameter(torch.full((channels,), float(layer_scale)))

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.depthwise(features).permute(0, 2, 3, 1)  # (B, H, W, C)
        hidden = self.mlp(self.norm(hidden))  # (B, H, W, C)
        if self.scale is not None:
            hidden = self.scale * hidden  # (B, H, W, C)
        return features + hidden.permute(0, 3, 1, 2)  # (B, C, H, W)


class ConvNeXt(nn.Module):
    """Images (B, C, H, W) to class scores (B, num_classes), or to features (B, D) if that is 0.

    patch_size: the stem cuts the image into patches of that side, like a `PatchEmbed`;
    widths, depths: channels and blocks of each stage; D is the last of `widths`. Between stages
        a 2x2 convolution halves the map;
    block: makes a block from its number of channels, by default a `ConvNeXtBlock`;
    initialization: "published" (standard deviation 0.02) or "fan_in", for narrow networks.

    The defaults have about as many parameters as the default `VisionTransformer`. Any image of
    at least patch_size * 2^(stages - 1) pixels a side is accepted. Raises ValueError on lengths
    that differ. Reference: timm `models/convnext.py`, equal with the same weights.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        patch_size: int = 4,
        widths: tuple[int, ...] = (40, 80, 160, 320),
        depths: tuple[int, ...] = (1, 1, 3, 1),
        block: Callable[[int], nn.Module] = ConvNeXtBlock,
        num_classes: int = 0,
        initialization: str = "published",
    ) -> None:
        super().__init__()
        check_stages(widths=widths, depths=depths)
        check_whole(in_channels=in_channels, patch_size=patch_size)
        check_whole(num_classes=num_classes, at_least=0)
        check_makes_modules(block)
        self.in_channels, self.embed_dim = in_channels, widths[-1]
        self.smallest_side = patch_size * 2 ** (len(widths) - 1)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], patch_size, patch_size), LayerNorm2d(widths[0])
        )
        self.halvings = nn.ModuleList([nn.Identity()])  # the stem comes before the first stage
        for before, after in pairwise(widths):
            halving = nn.Sequential(LayerNorm2d(before), nn.Conv2d(before, after, 2, 2))
            self.halvings.append(halving)
        self.stages = nn.ModuleList(
            nn.Sequential(*(block(width) for _ in range(depth)))
            for width, depth in zip(widths, depths, strict=True)
        )
        self.norm = nn.LayerNorm(self.embed_dim, eps=LAYER_NORM_EPS)
        self.head = nn.Linear(self.embed_dim, num_classes) if num_classes else nn.Identity()
        initialize(self, initialization, published=(nn.Conv2d, nn.Linear))

    def forward(
        self, images: Tensor, return_intermediates: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        check_images(images, channels=self.in_channels)
        if min(images.shape[2:]) < self.smallest_side:
            raise ValueError(
                f"expected images of at least {self.smallest_side} pixels a side, "
                f"received {tuple(images.shape)}"
            )
        named: dict[str, Tensor] = {}
        named["stem"] = features = self.stem(images)  # (B, widths[0], H/P, W/P)
        for index, (halving, stage) in enumerate(zip(self.halvings, self.stages, strict=True)):
            features = halving(features)  # (B, widths[i], H', W')
            named[f"stage_{index}"] = features = stage(features)  # (B, widths[i], H', W')
        named["pooled"] = pooled = self.norm(features.mean(dim=(2, 3)))  # (B, D)
        output = self.head(pooled)  # (B, num_classes), or (B, D)
        return (output, named) if return_intermediates else output


def check_odd(kernel_size: int) -> None:
    """Raise ValueError unless a kernel of this size has a middle, so that maps keep their size."""
    check_whole(kernel_size=kernel_size)
    if kernel_size % 2 == 0:
        raise ValueError(f"expected kernel_size to be odd, received {kernel_size}")


def check_makes_modules(block: Callable[[int], nn.Module]) -> None:
    """Raise TypeError unless `block` can be called, and gives a module if it is a class."""
    if not (issubclass(block, nn.Module) if isinstance(block, type) else callable(block)):
        raise TypeError(f"expected block to make a module from its channels, received {block!r}")
