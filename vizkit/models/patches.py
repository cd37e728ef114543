"""From an image to a sequence of tokens: one patch, one token."""

from torch import Tensor, nn

from vizkit.models.checks import check_images, check_pair, check_whole
from vizkit.models.normalization import normalization_2d


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut images (B, C, H, W) into flat patches (B, N, P*P*C), row by row.

    The values inside a patch are ordered (row, column, channel), as in `big_vision` and MAE
    (`models_mae.py`). Raises ValueError if a side is not a multiple of `patch_size`.
    """
    check_images(images, patch_size=patch_size)
    batch, channels, height, width = images.shape
    rows, columns = height // patch_size, width // patch_size
    cells = images.reshape(batch, channels, rows, patch_size, columns, patch_size)
    patches = cells.permute(0, 2, 4, 3, 5, 1)  # (B, rows, columns, P, P, C)
    return patches.reshape(batch, rows * columns, patch_size**2 * channels)  # (B, N, P*P*C)


def unpatchify(patches: Tensor, patch_size: int, grid: tuple[int, int]) -> Tensor:
    """Put patches (B, N, P*P*C) back onto their `grid` (rows, columns): the inverse of `patchify`.

    Returns images (B, C, rows*P, columns*P). Raises ValueError if the sizes do not fit together.
    """
    check_pair("grid", grid)
    check_whole(patch_size=patch_size)
    if not isinstance(patches, Tensor):
        raise TypeError(f"expected patches as a tensor, received {type(patches).__name__}")
    rows, columns = grid
    if patches.ndim != 3 or patches.shape[1] != rows * columns:
        raise ValueError(
            f"expected patches (B, {rows * columns}, P*P*C) for a grid of {rows} x {columns}, "
            f"received {tuple(patches.shape)}"
        )
    batch, _, values = patches.shape
    if values % patch_size**2:
        raise ValueError(
            f"expected patches of a multiple of {patch_size}*{patch_size} values, "
            f"received {tuple(patches.shape)}"
        )
    channels = values // patch_size**2
    cells = patches.reshape(batch, rows, columns, patch_size, patch_size, channels)
    cells = cells.permute(0, 5, 1, 3, 2, 4)  # (B, C, rows, P, columns, P)
    return cells.reshape(batch, channels, rows * patch_size, columns * patch_size)  # (B, C, H, W)


class PatchEmbed(nn.Module):
    """Patch embedding: every patch through the same linear layer (Dosovitskiy et al. 2021, eq. 1).

    Written as a convolution whose stride equals its kernel, which is the same sum in another
    order: `as_linear` returns the equal `nn.Linear` for flat patches. Images (B, C, H, W) become
    tokens (B, N, D). Reference: timm `layers/patch_embed.py`.
    """

    def __init__(self, *, patch_size: int = 8, in_channels: int = 3, embed_dim: int = 192) -> None:
        super().__init__()
        check_whole(patch_size=patch_size, in_channels=in_channels, embed_dim=embed_dim)
        self.patch_size = patch_size
        self.in_channels = in_channels
        self.projection = nn.Conv2d(
            in_channels, embed_dim, kernel_size=patch_size, stride=patch_size
        )

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, channels=self.in_channels, patch_size=self.patch_size)
        feature_map = self.projection(images)  # (B, D, rows, columns)
        return feature_map.flatten(2).transpose(1, 2)  # (B, N, D)

    def as_linear(self) -> nn.Linear:
        """The `nn.Linear` for which `linear(patchify(images, P))` equals `self(images)`."""
        kernel = self.projection.weight.detach()  # (D, C, P, P)
        weight = kernel.permute(0, 2, 3, 1).flatten(1)  # (D, P*P*C), the order of `patchify`
        linear = nn.Linear(weight.shape[1], weight.shape[0]).to(weight)
        linear.load_state_dict({"weight": weight, "bias": self.projection.bias})
        return linear


class ConvolutionalStem(nn.Module):
    """3x3 stride-2 convolutions in place of one big patch (Xiao et al. 2021, section 4).

    "Early convolutions help transformers see better": each convolution halves the image, the
    channels double up to `embed_dim`, and a 1x1 convolution ends the stem. The grid and the
    tokens (B, N, D) are those of a `PatchEmbed` with the same `patch_size`, a power of two.
    `norm` is "batch" (the paper), "group" or "layer"; see `normalization_2d`.
    """

    def __init__(
        self,
        *,
        patch_size: int = 8,
        in_channels: int = 3,
        embed_dim: int = 192,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        check_whole(patch_size=patch_size, in_channels=in_channels, embed_dim=embed_dim)
        halvings = patch_size.bit_length() - 1
        if patch_size < 2 or 2**halvings != patch_size:
            raise ValueError(f"expected patch_size to be a power of two, received {patch_size}")
        if embed_dim % 2 ** (halvings - 1):
            raise ValueError(
                f"expected embed_dim to be a multiple of {2 ** (halvings - 1)} "
                f"for patch_size {patch_size}, received {embed_dim}"
            )
        self.patch_size = patch_size
        self.in_channels = in_channels
        layers: list[nn.Module] = []
        for remaining in reversed(range(halvings)):
            channels = embed_dim // 2**remaining
            layers += [
                # No bias: the normalization that follows has one.
                nn.Conv2d(in_channels, channels, kernel_size=3, stride=2, padding=1, bias=False),
                normalization_2d(norm, channels),
                nn.ReLU(),
            ]
            in_channels = channels
        self.convolutions = nn.Sequential(*layers)
        self.projection = nn.Conv2d(embed_dim, embed_dim, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, channels=self.in_channels, patch_size=self.patch_size)
        feature_map = self.projection(self.convolutions(images))  # (B, D, rows, columns)
        return feature_map.flatten(2).transpose(1, 2)  # (B, N, D)
