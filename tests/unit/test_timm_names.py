"""Weights loaded from timm: the same outputs, and a clear no where the functions differ."""

from functools import partial

import pytest
import torch
from timm.layers import HybridEmbed
from timm.models.convnext import ConvNeXt as TimmConvNeXt
from timm.models.convnext import ConvNeXtBlock as TimmConvNeXtBlock
from timm.models.swin_transformer import PatchMerging as TimmPatchMerging
from timm.models.swin_transformer import SwinTransformer as TimmSwinTransformer
from timm.models.swin_transformer import SwinTransformerBlock
from torch import nn

from tests.unit.equality import assert_close, fill
from tests.unit.test_hybrid import EMBED_DIM, PATCH_SIZE, SIZE, our_hybrid, timm_hybrid, timm_resnet
from vizkit.models import (
    ConvNet,
    ConvNeXt,
    ConvNeXtBlock,
    PatchMerging,
    ResidualStem,
    SwinBlock,
    SwinTransformer,
    load_timm_parts,
)

WIDTHS = (8, 12, 16, 24)
SWIN = {"patch_size": 2, "depths": (2, 1), "num_heads": (1, 2), "window_size": 4, "num_classes": 5}


def timm_convnext(**options):
    return TimmConvNeXt(dims=WIDTHS, depths=(1, 2, 1, 1), num_classes=5, **options)


def our_convnext(**options):
    return ConvNeXt(widths=WIDTHS, depths=(1, 2, 1, 1), num_classes=5, **options)


def timm_swin(**options):
    return TimmSwinTransformer(
        **{"img_size": 16, "embed_dim": 8, "drop_path_rate": 0.0, **SWIN, **options}
    )


def our_swin(**options):
    return SwinTransformer(**{"image_size": 16, "width": 8, **SWIN, **options})


def timm_stem():
    return HybridEmbed(timm_resnet(), SIZE, embed_dim=EMBED_DIM)


def our_block(**options):
    return SwinBlock(embed_dim=8, num_heads=2, grid=(8, 8), **options)


PAIRS = {
    "ConvNeXt": (our_convnext, timm_convnext, (2, 3, 32, 32)),
    "ConvNeXtBlock": (partial(ConvNeXtBlock, 8), partial(TimmConvNeXtBlock, 8), (2, 8, 5, 5)),
    "SwinTransformer": (our_swin, timm_swin, (2, 3, 16, 16)),
    "SwinBlock": (
        partial(our_block, shifted=True),
        partial(SwinTransformerBlock, 8, (8, 8), 2, window_size=4, shift_size=2),
        (2, 8, 8, 8),
    ),
    "PatchMerging": (partial(PatchMerging, 8), partial(TimmPatchMerging, 8), (2, 4, 4, 8)),
    "ResidualStem": (
        partial(ResidualStem, patch_size=PATCH_SIZE, embed_dim=EMBED_DIM),
        timm_stem,
        (2, 3, *SIZE),
    ),
    "hybrid": (our_hybrid, timm_hybrid, (2, 3, *SIZE)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_loaded_weights_give_the_same_output(name):
    make_ours, make_theirs, shape = PAIRS[name]
    ours, theirs = make_ours().double().eval(), make_theirs().double().eval()
    fill(theirs, scale=0.2)
    before = {name: value.clone() for name, value in theirs.state_dict().items()}
    load_timm_parts(ours, theirs)
    inputs = torch.randn(shape).double()
    assert_close(ours(inputs), theirs(inputs))
    with torch.no_grad():
        next(ours.parameters()).add_(1)
    assert all(torch.equal(before[name], value) for name, value in theirs.state_dict().items())


def leaky_stem():
    stem = timm_stem()
    stem.backbone.conv1.stride = (1, 1)
    return stem


def loose_batch_norm():
    stem = timm_stem()
    stem.backbone.layer1[0].bn1.eps = 1e-3
    return stem


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (our_convnext, partial(timm_convnext, ls_init_value=None), "scale"),
        (our_convnext, partial(timm_convnext, head_norm_first=True), "norm_pre"),
        (our_convnext, partial(timm_convnext, act_layer="silu"), r"GELU.*SiLU"),
        (our_convnext, partial(timm_convnext, norm_eps=1e-5), r"epsilon 1e-06.*1e-05"),
        (our_swin, partial(timm_swin, window_size=8), r"bias_table"),
        (our_swin, partial(timm_swin, depths=(1, 2)), r"stages\.1\.1"),
        (our_swin, partial(timm_swin, norm_layer=partial(nn.LayerNorm, eps=1e-6)), "epsilon"),
        (
            *PAIRS["SwinBlock"][:1],
            partial(SwinTransformerBlock, 8, (8, 8), 2, window_size=4),
            "shift",
        ),
        (PAIRS["ResidualStem"][0], leaky_stem, r"stride \(2, 2\).*\(1, 1\)"),
        (PAIRS["ResidualStem"][0], loose_batch_norm, "epsilon 1e-05.*0.001"),
        (our_hybrid, partial(timm_hybrid, reg_tokens=2), "reg_token"),
        (partial(our_hybrid, stem="patch"), timm_hybrid, "patch_embed"),
    ],
)
def test_a_model_that_computes_something_else_is_refused(ours, theirs, message):
    model = ours()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=rf"(?s)expected .*{message}"):
        load_timm_parts(model, theirs())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_model_without_names_is_refused():
    with pytest.raises(TypeError, match=r"expected one of ConvNeXt, .*received ConvNet"):
        load_timm_parts(ConvNet(width=8), timm_convnext())
