"""From ResNet's block to ConvNeXt's, one change at a time (Liu et al. 2022, section 2, fig. 2)."""

from typing import TypedDict

import torch
from torch import Tensor, nn

from vizkit.models.checks import check_choice, check_flags, check_positive, check_whole
from vizkit.models.convnext import LayerNorm2d, check_odd

NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "layer": LayerNorm2d}
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


class BlockOptions(TypedDict, total=False):
    """Options of a `ModernizedBlock`."""

    depthwise: bool
    inverted: bool
    spatial_first: bool
    kernel_size: int
    activation: str
    one_activation: bool
    one_norm: bool
    norm: str
    layer_scale: float | None


# The paper's order; every step keeps the changes before it. Steps that change the network around
# the block (stage depths, stem, width, halving between stages) are in `ConvNeXt`.
CHANGES: dict[str, BlockOptions] = {
    "ResNet bottleneck": {},
    "depthwise convolution": {"depthwise": True},
    "inverted bottleneck": {"inverted": True},
    "spatial convolution first": {"spatial_first": True},
    "7x7 kernel": {"kernel_size": 7},
    "GELU": {"activation": "gelu"},
    "one activation": {"one_activation": True},
    "one normalization": {"one_norm": True},
    "LayerNorm": {"norm": "layer"},
    "layer scale": {"layer_scale": 1e-6},
}


def add_up(changes: dict[str, BlockOptions]) -> dict[str, BlockOptions]:
    """Name -> the options after this change and all before it."""
    options: BlockOptions = {}
    ladder = {}
    for name, change in changes.items():
        options = {**options, **change}
        ladder[name] = options
    return ladder


# Name -> options: `ModernizedBlock(96, **RESNET_TO_CONVNEXT["GELU"])`.
RESNET_TO_CONVNEXT = add_up(CHANGES)


class ModernizedBlock(nn.Module):
    """A residual block of two 1x1 convolutions and a spatial one, on maps (B, C, H, W).

    The defaults are ResNet's bottleneck (He et al. 2016, fig. 5 right); all of
    `RESNET_TO_CONVNEXT` together is a `ConvNeXtBlock`.

    depthwise: the spatial convolution sees each channel by itself;
    inverted: the middle is 4 times wider than `channels`, not 4 times narrower;
    spatial_first: the spatial convolution comes first, where the channels are few;
    one_activation, one_norm: only before the last convolution, only after the spatial one;
    norm: "batch" or "layer" (over the channels of each place); activation: "relu" or "gelu";
    layer_scale: where a learned factor for each channel starts, None for none.

    References: `Bottleneck` in torchvision `models/resnet.py`, `ConvNeXtBlock` in timm.
    """

    def __init__(
        self,
        channels: int,
        *,
        depthwise: bool = False,
        inverted: bool = False,
        spatial_first: bool = False,
        kernel_size: int = 3,
        activation: str = "relu",
        one_activation: bool = False,
        one_norm: bool = False,
        norm: str = "batch",
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        check_whole(channels=channels)
        check_odd(kernel_size)
        check_flags(depthwise=depthwise, inverted=inverted, spatial_first=spatial_first)
        check_flags(one_activation=one_activation, one_norm=one_norm)
        check_choice("norm", norm, NORMS)
        check_choice("activation", activation, ACTIVATIONS)
        if not inverted and channels % 4:
            raise ValueError(f"expected channels to be a multiple of 4, received {channels}")
        hidden = 4 * channels if inverted else channels // 4
        spatial = 0 if spatial_first else 1  # its place among the three convolutions
        widths = (channels, channels, hidden) if spatial_first else (channels, hidden, hidden)

        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(zip(widths, (*widths[1:], channels), strict=True)):
            size = kernel_size if index == spatial else 1
            groups = before if index == spatial and depthwise else 1
            normalized = index == spatial or not one_norm
            # A batch normalization takes any bias away again.
            bias = not (normalized and norm == "batch")
            layers.append(
                nn.Conv2d(before, after, size, padding=size // 2, groups=groups, bias=bias)
            )
            if normalized:
                layers.append(NORMS[norm](after))
            if index == 1 or (index == 0 and not one_activation):
                layers.append(ACTIVATIONS[activation]())
        self.layers = nn.Sequential(*layers)
        self.last_activation = nn.Identity() if one_activation else ACTIVATIONS[activation]()
        self.scale = None
        if layer_scale is not None:
            check_positive(layer_scale=layer_scale)
            self.scale = nn.Parameter(torch.full((channels, 1, 1), float(layer_scale)))

    def forward(self, features: Tensor) -> Tensor:
        residual = self.layers(features)  # (B, C, H, W)
        if self.scale is not None:
            residual = self.scale * residual  # (B, C, H, W)
        return self.last_activation(features + residual)  # (B, C, H, W)
