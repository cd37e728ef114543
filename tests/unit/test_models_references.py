"""Every component computes what its reference computes: outputs and all gradients."""

from functools import partial

import numpy as np
import pytest
import timm
import torch
from timm.layers import AttentionPoolLatent, build_sincos2d_pos_embed
from timm.layers import Mlp as TimmMlp
from timm.layers import PatchEmbed as TimmPatchEmbed
from timm.layers.attention import Attention as TimmAttention
from timm.models.vision_transformer import Block as TimmBlock
from timm.models.vision_transformer_hybrid import ConvStem
from torch import nn
from torchvision.models.resnet import BasicBlock as TorchvisionBasicBlock
from torchvision.models.resnet import ResNet

from tests.unit.equality import DTYPES, assert_close, assert_same_function
from vizkit.models import (
    Attention,
    AttentionPooling,
    BasicBlock,
    ConvNet,
    ConvolutionalStem,
    EncoderBlock,
    Mlp,
    PatchEmbed,
    VisionTransformer,
    load_timm_weights,
    patchify,
    sincos_2d,
)
from vizkit.models.timm_weights import our_name


@DTYPES
def test_patch_embedding_equals_timm(dtype):
    assert_same_function(
        PatchEmbed(patch_size=4, in_channels=3, embed_dim=24),
        TimmPatchEmbed(img_size=(8, 12), patch_size=4, in_chans=3, embed_dim=24),
        (2, 3, 8, 12),
        dtype,
        rename=lambda name: name.replace("proj", "projection"),
    )


@DTYPES
def test_patch_embedding_equals_flatten_and_linear(dtype):
    torch.manual_seed(0)
    embed = PatchEmbed(patch_size=4, in_channels=3, embed_dim=24).to(dtype)
    linear = embed.as_linear()
    images = torch.randn(2, 3, 8, 12, dtype=dtype, requires_grad=True)
    copies = images.detach().clone().requires_grad_()
    tokens, expected = embed(images), linear(patchify(copies, 4))
    direction = torch.randn_like(tokens)
    (tokens * direction).sum().backward()
    (expected * direction).sum().backward()

    assert_close(tokens, expected, "tokens")
    assert_close(images.grad, copies.grad, "gradient of the images")
    kernel_gradient = embed.projection.weight.grad.permute(0, 2, 3, 1).flatten(1)
    assert_close(kernel_gradient, linear.weight.grad, "gradient of the weights")
    assert_close(embed.projection.bias.grad, linear.bias.grad, "gradient of the bias")


@DTYPES
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_convolutional_stem_equals_timm(dtype, training):
    def rename(name):
        index, part = name.split(".", 1)
        if index == "3":
            return part.replace("conv", "projection")
        place = 3 * int(index) + (0 if part.startswith("conv") else 1)
        return f"convolutions.{place}.{part.split('.')[1]}"

    assert_same_function(
        ConvolutionalStem(patch_size=8, in_channels=3, embed_dim=32).train(training),
        ConvStem(
            3, depth=4, channels=(8, 16, 32, 32), kernel_size=(3, 3, 3, 1), stride=(2, 2, 2, 1)
        ).train(training),
        (2, 3, 16, 24),
        dtype,
        rename=rename,
        as_ours=lambda feature_map: feature_map.flatten(2).transpose(1, 2),
    )


@pytest.mark.parametrize("grid", [(8, 8), (3, 5), (1, 1)])
def test_sincos_table_equals_timm_and_its_formula(grid):
    table = sincos_2d(grid, 24)
    torch.testing.assert_close(table.float(), build_sincos2d_pos_embed(grid, 24), atol=1e-5, rtol=0)
    frequencies = 10_000.0 ** (-np.arange(6) / 6)
    for token, (row, column) in enumerate(np.ndindex(*grid)):
        expected = [wave(p * frequencies) for wave in (np.sin, np.cos) for p in (row, column)]
        np.testing.assert_allclose(table[token], np.concatenate(expected), atol=1e-10, rtol=0)


def rename_attention(name):
    return name.replace("qkv", "query_key_value").replace("proj", "projection")


@DTYPES
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])
def test_attention_equals_timm(dtype, fused):
    reference = TimmAttention(24, num_heads=3, qkv_bias=True)
    reference.fused_attn = fused
    ours = Attention(embed_dim=24, num_heads=3)
    assert_same_function(ours, reference, (2, 5, 24), dtype, rename=rename_attention)


@DTYPES
def test_attention_with_its_map_equals_timm(dtype):
    class WithMap(Attention):
        def forward(self, tokens):
            return super().forward(tokens, return_map=True)[0]

    reference = TimmAttention(24, num_heads=3, qkv_bias=True)
    ours = WithMap(embed_dim=24, num_heads=3)
    assert_same_function(ours, reference, (2, 5, 24), dtype, rename=rename_attention)


def rename_mlp(name):
    return name.replace("fc1", "expand").replace("fc2", "contract")


@DTYPES
def test_mlp_equals_timm(dtype):
    ours, reference = Mlp(embed_dim=24, hidden_dim=40), TimmMlp(24, 40)
    assert_same_function(ours, reference, (2, 5, 24), dtype, rename=rename_mlp)


@DTYPES
def test_encoder_block_equals_timm(dtype):
    def rename(name):
        name = rename_mlp(rename_attention(name.replace("attn", "attention")))
        return name.replace("norm1", "norm_1").replace("norm2", "norm_2")

    reference = TimmBlock(24, 3, qkv_bias=True, norm_layer=partial(nn.LayerNorm, eps=1e-6))
    ours = EncoderBlock(embed_dim=24, num_heads=3)
    assert_same_function(ours, reference, (2, 5, 24), dtype, rename=rename)


@DTYPES
def test_attention_pooling_equals_timm(dtype):
    reference = AttentionPoolLatent(24, num_heads=3, norm_layer=partial(nn.LayerNorm, eps=1e-6))
    assert_same_function(
        AttentionPooling(embed_dim=24, num_heads=3),
        reference,
        (2, 5, 24),
        dtype,
        rename=lambda name: our_name(f"attn_pool.{name}").removeprefix("pooling."),
    )


SMALL = {"img_size": (16, 24), "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}


def timm_vit(pooling, num_classes):
    """A small timm ViT, made by the factory function of a model that pools this way."""
    name, options = {
        "cls": ("vit_tiny_patch16_224", {}),
        "mean": ("vit_base_patch16_siglip_gap_224", {}),
        "map": ("vit_base_patch16_siglip_224", {}),
    }[pooling]
    return timm.create_model(name, num_classes=num_classes, **SMALL, **options)


@DTYPES
@pytest.mark.parametrize("pooling", ["cls", "mean", "map"])
def test_vision_transformer_equals_timm(dtype, pooling):
    reference = timm_vit(pooling, num_classes=7)
    ours = VisionTransformer(
        image_size=(16, 24), embed_dim=24, depth=2, num_heads=3, pooling=pooling, num_classes=7
    )
    with torch.no_grad():
        torch.manual_seed(1)
        for parameter in reference.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))
    load_timm_weights(ours, reference)
    assert_same_function(ours, reference, (2, 3, 16, 24), dtype, rename=our_name, copy=False)


def test_loading_refuses_a_model_that_computes_something_else():
    def ours():
        return VisionTransformer(
            image_size=(16, 24), embed_dim=24, depth=2, num_heads=3, num_classes=7
        )

    registers = timm.create_model("vit_tiny_patch16_224", num_classes=7, reg_tokens=2, **SMALL)
    with pytest.raises(ValueError, match="reg_token"):
        load_timm_weights(ours(), registers)
    deeper = timm.create_model("vit_tiny_patch16_224", num_classes=7, **{**SMALL, "depth": 3})
    with pytest.raises(ValueError, match=r"blocks\.2"):
        load_timm_weights(ours(), deeper)
    quick = timm.create_model("vit_tiny_patch16_224", num_classes=7, act_layer="silu", **SMALL)
    with pytest.raises(ValueError, match=r"GELU.*SiLU"):
        load_timm_weights(ours(), quick)
    epsilon = timm.create_model(
        "vit_tiny_patch16_224",
        num_classes=7,
        norm_layer=partial(nn.LayerNorm, eps=1e-5),
        **SMALL,
    )
    with pytest.raises(ValueError, match="epsilon"):
        load_timm_weights(ours(), epsilon)


def rename_resnet(name):
    for theirs, mine in (("downsample", "shortcut"), ("conv", "conv_"), ("bn", "norm_")):
        name = name.replace(theirs, mine)
    return name


@DTYPES
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("stride", [1, 2])
def test_basic_block_equals_torchvision(dtype, training, stride):
    shortcut = None
    if stride == 2:
        shortcut = nn.Sequential(nn.Conv2d(8, 12, 1, stride, bias=False), nn.BatchNorm2d(12))
    reference = TorchvisionBasicBlock(8, 8 if stride == 1 else 12, stride, shortcut)
    ours = BasicBlock(8, 8 if stride == 1 else 12, stride=stride)
    ours.train(training)
    reference.train(training)
    assert_same_function(ours, reference, (2, 8, 6, 10), dtype, rename=rename_resnet)


@DTYPES
@pytest.mark.parametrize(("norm", "groups"), [("group", 2), ("layer", 1)])
def test_basic_block_with_norms_of_one_image_equals_torchvision(dtype, norm, groups):
    reference = TorchvisionBasicBlock(32, 32, norm_layer=lambda c: nn.GroupNorm(groups, c))
    ours = BasicBlock(32, 32, norm=norm)
    assert_same_function(ours, reference, (2, 32, 5, 5), dtype, rename=rename_resnet)


@DTYPES
def test_conv_net_equals_torchvision_resnet(dtype):
    reference = ResNet(TorchvisionBasicBlock, [1, 2, 1, 1], num_classes=5)
    reference.conv1 = nn.Conv2d(3, 64, 3, 2, padding=1, bias=False)
    reference.maxpool = nn.Identity()

    def rename(name):
        top, _, rest = name.partition(".")
        if top.startswith("layer"):
            return f"stages.{int(top[-1]) - 1}.{rename_resnet(rest)}"
        return {"conv1": "stem.0.", "bn1": "stem.1.", "fc": "head."}[top] + rest

    ours = ConvNet(width=64, depth=(1, 2, 1, 1), num_classes=5)
    # In train mode: with weights this large, eval mode would overflow through 10 layers.
    assert_same_function(ours, reference, (3, 3, 32, 32), dtype, rename=rename)
