"""Normalization layers for feature maps (B, C, H, W)."""

import math

from torch import nn

from vizkit.models.checks import check_choice, check_whole


def normalization_2d(name: str, channels: int) -> nn.Module:
    """The normalization layer called `name` for feature maps with that many channels.

    "batch": BatchNorm2d (Ioffe and Szegedy 2015), over the batch, one image depends on the others;
    "group": GroupNorm with up to 16 channels in a group (Wu and He 2018), each image by itself;
    "layer": GroupNorm with one group, over channels and places of one image.
    """
    check_choice("norm", name, ("batch", "group", "layer"))
    check_whole(channels=channels)
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "group":
        return nn.GroupNorm(channels // math.gcd(channels, 16), channels)
    return nn.GroupNorm(1, channels)
