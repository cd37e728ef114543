"""The hybrid equals timm's: a feature map as tokens, by itself and in front of a ViT."""

from functools import partial

import pytest
import torch
from timm.layers import HybridEmbed
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer as TimmVisionTransformer
from torch import nn

from tests.unit.equality import DTYPES, assert_same_function, fill
from vizkit.models import PatchEmbed, ResidualStem, VisionTransformer, load_timm_parts
from vizkit.models.timm_names import our_part_name

EMBED_DIM = 64
PATCH_SIZE = 16  # four stages, of 8 to 64 channels: timm's ResNet always has four
SIZE = (32, 48)


def timm_resnet():
    """timm's ResNet as the backbone of a hybrid: a 3x3 stem, no max pooling, no head."""
    options = {"num_classes": 0, "global_pool": "", "stem_type": "deep", "stem_width": 4}
    backbone = ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 16, 32, 64), **options)
    backbone.conv1 = nn.Conv2d(3, 8, 3, 2, padding=1, bias=False)
    backbone.maxpool = nn.Identity()
    return backbone


def with_statistics(module):
    """Running statistics that are not those of a new layer, so that losing them shows."""
    generator = torch.Generator().manual_seed(0)
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.running_mean.normal_(generator=generator)
            one.running_var.uniform_(1, 2, generator=generator)
    return module


@DTYPES
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_stem_equals_timm(dtype, training):
    reference = HybridEmbed(with_statistics(timm_resnet()), SIZE, embed_dim=EMBED_DIM)
    assert_same_function(
        ResidualStem(patch_size=PATCH_SIZE, embed_dim=EMBED_DIM).train(training),
        reference.train(training),
        (2, 3, *SIZE),
        dtype,
        rename=lambda name: our_part_name(name, ResidualStem),
    )


def timm_hybrid(**options):
    return TimmVisionTransformer(
        img_size=SIZE,
        patch_size=1,
        embed_dim=EMBED_DIM,
        depth=1,
        num_heads=2,
        num_classes=5,
        embed_layer=partial(HybridEmbed, backbone=timm_resnet()),
        **options,
    )


def our_hybrid(**options):
    return VisionTransformer(
        image_size=SIZE,
        patch_size=PATCH_SIZE,
        embed_dim=EMBED_DIM,
        depth=1,
        num_heads=2,
        num_classes=5,
        **{"stem": "residual", **options},
    )


@DTYPES
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_hybrid_equals_timm(dtype, training):
    reference = with_statistics(timm_hybrid())
    fill(reference, scale=0.2)
    ours = our_hybrid()
    load_timm_parts(ours, reference)
    assert_same_function(
        ours.train(training),
        reference.train(training),
        (2, 3, *SIZE),
        dtype,
        rename=lambda name: our_part_name(name, VisionTransformer),
        copy=False,
    )


def test_the_grid_is_that_of_a_patch_embedding():
    images = torch.randn(2, 3, 32, 48)
    for patch_size in (4, 8, 16):
        sizes = {"patch_size": patch_size, "embed_dim": 16}
        assert ResidualStem(**sizes)(images).shape == PatchEmbed(**sizes)(images).shape


def test_parameter_names_are_those_of_the_shipped_weights():
    names = set(ResidualStem(patch_size=4, embed_dim=8).state_dict())
    assert {"network.stem.0.weight", "network.stem.1.running_mean", "projection.bias"} < names
    assert {"network.stages.1.0.conv_1.weight", "network.stages.1.0.shortcut.1.weight"} < names


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResidualStem(patch_size=2),
        lambda: ResidualStem(patch_size=12),
        lambda: ResidualStem(patch_size=4.0),
        lambda: ResidualStem(patch_size=8, embed_dim=30),
        lambda: ResidualStem(in_channels=0),
        lambda: ResidualStem(patch_size=8)(torch.zeros(1, 3, 12, 16)),
        lambda: ResidualStem(patch_size=8)(torch.zeros(1, 1, 16, 16)),
    ],
)
def test_errors_say_what_was_expected_and_what_came(make):
    with pytest.raises(ValueError, match=r"(?s)expected .*received "):
        make()
