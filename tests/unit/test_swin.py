"""Swin equals timm's: windows, shift, mask, bias, merging, block, network, gradients included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models import swin_transformer as timm_swin
from torch import nn

from tests.unit.equality import DTYPES, assert_same_function, fill
from vizkit.models import (
    PatchMerging,
    SwinBlock,
    SwinTransformer,
    VisionTransformer,
    WindowAttention,
    attention_weights,
    count_parameters,
    relative_position_index,
    shift_mask,
    window_merge,
    window_partition,
)
from vizkit.models.attention import merge_heads, split_heads
from vizkit.models.timm_names import our_part_name

QUICK = settings(max_examples=60, deadline=None)
SIDES = st.integers(1, 4)


def our_swin_name(name):
    return our_part_name(name, SwinTransformer)


@QUICK
@given(high=SIDES, wide=SIDES, window=st.tuples(SIDES, SIDES))
def test_windows_equal_those_of_timm_and_come_back(high, wide, window):
    grid = (high * window[0], wide * window[1])
    tokens = torch.randn(2, *grid, 3)
    windows = window_partition(tokens, window)
    expected = timm_swin.window_partition(tokens, window)
    assert torch.equal(windows, expected.reshape(len(expected), -1, 3))
    assert torch.equal(window_merge(windows, window, grid), tokens)


@pytest.mark.parametrize("window", [(4, 4), (3, 5), (1, 2), (7, 7)])
def test_relative_position_index_equals_timm(window):
    index = relative_position_index(window)
    assert torch.equal(index, timm_swin.get_relative_position_index(*window))
    assert sorted(index.unique().tolist()) == list(
        range((2 * window[0] - 1) * (2 * window[1] - 1))
    )  # every row of the table is used


def timm_block(grid, window_size, shift_size, heads=2, dim=12):
    return timm_swin.SwinTransformerBlock(
        dim, grid, num_heads=heads, window_size=window_size, shift_size=shift_size
    )


@pytest.mark.parametrize("grid", [(8, 8), (12, 8), (8, 4), (4, 12)])
def test_shift_mask_equals_timm(grid):
    reference = timm_block(grid, 4, 2)
    mask = shift_mask(grid, reference.window_size, reference.shift_size)
    assert torch.equal(mask, reference.attn_mask == 0)
    assert not mask.all()


def test_shift_mask_by_hand():
    """3 x 6 tokens in windows of 3 x 3, shifted by a column: the last window holds column 0."""
    mask = shift_mask((3, 6), (3, 3), (0, 1))
    assert mask[0].all()
    came_round = torch.tensor([False, False, True] * 3)
    assert torch.equal(mask[1], came_round[:, None] == came_round[None, :])


def test_window_attention_looks_only_within_its_window():
    """Changing a token changes its own window and no other; after the shift, the new neighbours."""
    torch.manual_seed(0)
    tokens = torch.randn(1, 8, 8, 12).double().requires_grad_()
    for shifted, expected in ((False, range(4)), (True, [2, 3, 4, 5])):
        block = SwinBlock(
            embed_dim=12, num_heads=2, grid=(8, 8), window_size=4, shifted=shifted
        ).double()
        fill(block)
        (gradient,) = torch.autograd.grad(block(tokens)[0, 3, 3].sum(), tokens)
        seen = gradient[0].abs().sum(-1) > 0
        assert seen.nonzero().unique().tolist() == list(expected)
        assert seen.sum() == 16
    # The corner's window holds all four corners of the image; the mask lets it see its own.
    (gradient,) = torch.autograd.grad(block(tokens)[0, 0, 0].sum(), tokens)
    seen = gradient[0].abs().sum(-1) > 0
    assert seen.nonzero().unique().tolist() == [0, 1]
    assert seen.sum() == 4


class WithMask(nn.Module):
    def __init__(self, attention, mask):
        super().__init__()
        self.attention, self.mask = attention, mask

    def forward(self, windows):
        return self.attention(windows, mask=self.mask)


@DTYPES
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])
@pytest.mark.parametrize("masked", [True, False])
def test_window_attention_equals_timm(dtype, fused, masked):
    block = timm_block((8, 12), 4, 2).to(dtype)
    mask = shift_mask((8, 12), (4, 4), (2, 2)) if masked else None
    block.attn.fused_attn = fused
    assert_same_function(
        WithMask(WindowAttention(embed_dim=12, num_heads=2, window=(4, 4)), mask),
        WithMask(block.attn, block.attn_mask if masked else None),
        (2 * 6, 16, 12),
        dtype,
        rename=our_swin_name,
    )


def test_window_attention_is_the_formula():
    torch.manual_seed(0)
    attention = WindowAttention(embed_dim=12, num_heads=2, window=(2, 3)).double()
    fill(attention)
    windows = torch.randn(5, 6, 12).double()
    joint = attention.query_key_value(windows).chunk(3, dim=-1)
    query, key, value = (split_heads(part, 2) for part in joint)
    bias = attention.bias_table[attention.index].permute(2, 0, 1)
    plain = attention_weights(query, key).log()
    mixed = (plain + bias).softmax(-1) @ value
    expected = attention.projection(merge_heads(mixed))
    torch.testing.assert_close(attention(windows), expected, atol=1e-12, rtol=0)
    # The bias depends on the offset only: places (0, 0) -> (0, 1) and (1, 1) -> (1, 2).
    assert torch.equal(bias[:, 0, 1], bias[:, 4, 5])


GRIDS = {
    "whole windows": ((8, 12), 4),
    "one window": ((4, 4), 4),
    "larger window": ((3, 3), 4),
    "larger on one side": ((3, 8), 4),
    "odd window": ((6, 9), 3),
    "not a multiple": ((7, 10), 4),
    "not a multiple, small": ((5, 5), 3),
}


@DTYPES
@pytest.mark.parametrize("shifted", [False, True], ids=["plain", "shifted"])
@pytest.mark.parametrize("grid", GRIDS)
def test_block_equals_timm(dtype, grid, shifted):
    grid, window_size = GRIDS[grid]
    assert_same_function(
        SwinBlock(embed_dim=12, num_heads=2, grid=grid, window_size=window_size, shifted=shifted),
        timm_block(grid, window_size, window_size // 2 if shifted else 0),
        (2, *grid, 12),
        dtype,
        rename=our_swin_name,
    )


@DTYPES
@pytest.mark.parametrize("grid", [(4, 6), (5, 7), (1, 1)])
def test_patch_merging_equals_timm(dtype, grid):
    assert_same_function(
        PatchMerging(12), timm_swin.PatchMerging(12), (2, *grid, 12), dtype, rename=our_swin_name
    )


@DTYPES
@pytest.mark.parametrize("num_classes", [5, 0])
@pytest.mark.parametrize("size", [(32, 32), (20, 36)])
def test_network_equals_timm(dtype, num_classes, size):
    shared = {"patch_size": 2, "depths": (2, 2, 1), "num_heads": (1, 2, 4), "window_size": 4}
    assert_same_function(
        SwinTransformer(image_size=size, width=8, num_classes=num_classes, **shared),
        timm_swin.SwinTransformer(
            img_size=size, embed_dim=8, num_classes=num_classes, drop_path_rate=0.0, **shared
        ),
        (2, 3, *size),
        dtype,
        rename=our_swin_name,
    )


def test_intermediates_and_size():
    model = SwinTransformer(
        image_size=(16, 24), patch_size=2, width=12, depths=(1, 2), num_heads=(2, 2), num_classes=5
    )
    images = torch.randn(2, 3, 16, 24)
    output, named = model(images, return_intermediates=True)
    assert {name: tuple(value.shape) for name, value in named.items()} == {
        "patch_tokens": (2, 8, 12, 12),
        "stage_0": (2, 8, 12, 12),
        "stage_1": (2, 4, 6, 24),
        "encoded": (2, 4, 6, 24),
        "pooled": (2, 24),
    }
    assert torch.equal(output, model(images))
    assert torch.equal(output, model.head(named["pooled"]))
    assert (output.shape, model.embed_dim, model.grids) == ((2, 5), 24, [(8, 12), (4, 6)])
    assert [block.shift for block in model.stages[1]] == [(0, 0), (0, 2)]
    assert 0.9 < count_parameters(SwinTransformer()) / count_parameters(VisionTransformer()) < 1.1


def test_buffers_are_no_weights():
    names = SwinTransformer(num_classes=3).state_dict()
    assert not [name for name in names if "mask" in name or "index" in name]


@pytest.mark.parametrize(
    "make",
    [
        lambda: SwinTransformer(depths=(2, 2), num_heads=(2,)),
        lambda: SwinTransformer(depths=(), num_heads=()),
        lambda: SwinTransformer(depths=(2, 0, 1)),
        lambda: SwinTransformer(num_heads=(3, 6, 12)),
        lambda: SwinTransformer(image_size=30),
        lambda: SwinTransformer(window_size=0),
        lambda: SwinTransformer(width=0),
        lambda: SwinTransformer(num_classes=-1),
        lambda: SwinTransformer()(torch.zeros(1, 3, 32, 32)),
        lambda: SwinTransformer()(torch.zeros(3, 64, 64)),
        lambda: SwinBlock(embed_dim=12, num_heads=5, grid=(4, 4)),
        lambda: SwinBlock(embed_dim=12, num_heads=2, grid=(4, 0)),
        lambda: SwinBlock(embed_dim=12, num_heads=2, grid=(4, 4))(torch.zeros(1, 8, 8, 12)),
        lambda: window_partition(torch.zeros(1, 8, 6, 3), (4, 4)),
    ],
)
def test_errors_say_what_was_expected_and_what_came(make):
    with pytest.raises(ValueError, match=r"(?s)expected .*received "):
        make()
