"""A small residual convolutional network (He et al. 2016), the ViT's opponent."""

import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.checks import check_images, check_stages, check_whole
from vizkit.models.normalization import normalization_2d


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, fig. 2).

    Maps (B, C, H, W) become (B, C', H/s, W/s), C' = `out_channels`, s = `stride`. The shortcut is
    the identity, or a 1x1 convolution where the shape changes (option B of the paper).
    Reference: `BasicBlock` in torchvision `models/resnet.py`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int = 1, norm: str = "batch"
    ) -> None:
        super().__init__()
        check_whole(in_channels=in_channels, out_channels=out_channels, stride=stride)
        self.conv_1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm_1 = normalization_2d(norm, out_channels)
        self.conv_2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm_2 = normalization_2d(norm, out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut.append(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False))
            self.shortcut.append(normalization_2d(norm, out_channels))

    def forward(self, features: Tensor) -> Tensor:
        hidden = F.relu(self.norm_1(self.conv_1(features)))  # (B, C', H/s, W/s)
        residual = self.norm_2(self.conv_2(hidden))  # (B, C', H/s, W/s)
        return F.relu(residual + self.shortcut(features))  # (B, C', H/s, W/s)


class ConvNet(nn.Module):
    """Images (B, C, H, W) to class scores (B, num_classes), or to features (B, D) if that is 0.

    width: channels of the first stage; every further stage doubles them, D is the last;
    depth: residual blocks in each stage, e.g. (1, 1, 1, 1);
    strides: the step of each stage's first block; stem_stride: that of the first convolution;
    norm: "batch", "group" or "layer"; the last two treat each image by itself (small batches).

    The defaults have about as many parameters (`count_parameters`) as the default
    `VisionTransformer`. Any image size is accepted. Raises ValueError on lengths that differ.
    """

    has_own_initialization = True  # also inside of another model, see models/initialization.py

    def __init__(
        self,
        *,
        in_channels: int = 3,
        width: int = 40,
        depth: tuple[int, ...] = (1, 1, 1, 1),
        strides: tuple[int, ...] = (1, 2, 2, 2),
        stem_stride: int = 2,
        norm: str = "batch",
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        check_stages(depth=depth, strides=strides)
        check_whole(in_channels=in_channels, width=width, stem_stride=stem_stride)
        check_whole(num_classes=num_classes, at_least=0)
        self.in_channels = in_channels
        self.embed_dim = width * 2 ** (len(depth) - 1)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stem_stride, padding=1, bias=False),
            normalization_2d(norm, width),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList()
        channels = width
        for index, (num_blocks, stride) in enumerate(zip(depth, strides, strict=True)):
            self.stages.append(
                make_stage(
                    channels, width * 2**index, num_blocks=num_blocks, stride=stride, norm=norm
                )
            )
            channels = width * 2**index
        self.head = nn.Linear(self.embed_dim, num_classes) if num_classes else nn.Identity()
        self.apply(initialize)

    def forward(
        self, images: Tensor, return_intermediates: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        check_images(images, channels=self.in_channels)
        named: dict[str, Tensor] = {}
        # Contiguous: in torch 2.15 the backward pass of a 1x1 convolution of stride 2 writes past
        # its memory on the CPU when channels come last, as they do in pictures from numpy.
        named["stem"] = features = self.stem(images.contiguous())  # (B, width, H/s, W/s)
        for index, stage in enumerate(self.stages):
            named[f"stage_{index}"] = features = stage(features)  # (B, 2^i * width, H', W')
        named["pooled"] = pooled = features.mean(dim=(2, 3))  # (B, D)
        output = self.head(pooled)  # (B, num_classes), or (B, D)
        return (output, named) if return_intermediates else output


def make_stage(
    in_channels: int, out_channels: int, *, num_blocks: int, stride: int, norm: str
) -> nn.Sequential:
    """Blocks at one resolution; the first one changes the channels and takes the stride."""
    first = BasicBlock(in_channels, out_channels, stride=stride, norm=norm)
    rest = (BasicBlock(out_channels, out_channels, norm=norm) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *rest)


def initialize(module: nn.Module) -> None:
    """He et al. 2015 for convolutions followed by ReLU, as in torchvision's ResNet."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
