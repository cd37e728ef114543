"""Packed pictures: what each gives alone, and what timm's naflexvit gives; gradients included."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg

from tests.unit.equality import DTYPES, assert_close, fill
from vizkit.models.attention import attention_weights
from vizkit.models.block_attention import block_attention, block_diagonal_mask, window_numbers
from vizkit.models.naflex_weights import EMBEDS, load_naflex_weights
from vizkit.models.packing import PackedVisionTransformer, first_fit, pack
from vizkit.models.patches import patchify, unpatchify
from vizkit.models.timm_weights import our_name

QUICK = settings(max_examples=60, deadline=None)
GRIDS = [(3, 7), (5, 6), (1, 4), (6, 2), (3, 7)]
KINDS = [
    ("learned", "", "learned"),
    ("factorized", "", "factorized"),
    ("none", "axial", "rope_axial"),
]
POOLINGS = {"avg": "mean", "map": "map"}


def some_pictures(grids=GRIDS, dtype=torch.float32, patch_size=4):
    draw = torch.Generator().manual_seed(0)
    return [
        torch.randn(3, patch_size * rows, patch_size * columns, generator=draw).to(dtype)
        for rows, columns in grids
    ]


def both(embedding, rope, position, pool, **changes):
    """timm's network with random weights, and ours with the same."""
    options = {
        "patch_size": 4,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "pos_embed": embedding,
        "pos_embed_grid_size": (5, 6),
        "rope_type": rope,
        "rope_temperature": 100.0,
        "global_pool": pool,
        "fc_norm": False,
    }
    theirs = NaFlexVit(NaFlexVitCfg(**(options | changes)), num_classes=5)
    fill(theirs, scale=0.2)
    return theirs, ours_like(position, pool)


def ours_like(position, pool, dtype=torch.float32):
    return PackedVisionTransformer(
        patch_size=4,
        embed_dim=32,
        depth=2,
        num_heads=2,
        position=position,
        trained_grid=(5, 6),
        pooling=POOLINGS[pool],
        num_classes=5,
    ).to(dtype)


def as_naflex(pictures, length):
    """The pictures as timm's loader gives them: one row each, filled up with empty places."""
    rows = pack(pictures, patch_size=4, length=length)
    alone = [pack([picture], patch_size=4) for picture in pictures]
    batch = {
        "patches": rows.patches.new_zeros(len(pictures), length, rows.patches.shape[2]),
        "patch_coord": torch.zeros(len(pictures), length, 2, dtype=torch.long),
        "patch_valid": torch.zeros(len(pictures), length, dtype=torch.bool),
    }
    for row, one in enumerate(alone):
        count = one.patches.shape[1]
        batch["patches"][row, :count] = one.patches[0]
        batch["patch_coord"][row, :count] = one.places[0].long()
        batch["patch_valid"][row, :count] = True
    return batch


@pytest.mark.parametrize("length", [None, 60, 30], ids=["one sequence", "two or three", "rows"])
@pytest.mark.parametrize("pool", POOLINGS)
@pytest.mark.parametrize(("embedding", "rope", "position"), KINDS, ids=[kind[2] for kind in KINDS])
def test_packed_equals_timm_row_by_row_gradients_included(embedding, rope, position, pool, length):
    """In float32: timm stretches its tables and turns its heads in nothing finer."""
    theirs, ours = both(embedding, rope, position, pool)
    load_naflex_weights(ours, theirs)
    pictures = some_pictures()
    packed = pack(pictures, patch_size=4, length=length)
    assert packed.patches.shape[0] < len(pictures)
    packed.patches.requires_grad_()
    batch = as_naflex(pictures, 30)
    batch["patches"].requires_grad_()
    received, expected = ours(packed), theirs(batch)
    assert_close(received, expected, "scores")

    direction = torch.randn_like(received)
    (received * direction).sum().backward()
    (expected * direction).sum().backward()
    for index, (rows, columns) in enumerate(GRIDS):
        mine = packed.part(packed.patches.grad, index)
        assert_close(mine, batch["patches"].grad[index, : rows * columns], "patches")
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    for name, parameter in theirs.named_parameters():
        name = EMBEDS.get(name, our_name(name))
        expected = parameter.grad[0] if name.startswith("position.") else parameter.grad
        assert_close(gradients.pop(name), expected, f"gradient of {name}")
    assert not gradients


@pytest.mark.parametrize("position", ["learned", "factorized", "rope_axial", "none"])
def test_a_picture_gives_the_same_alone_and_packed_with_any_others(position):
    model = ours_like(position, "avg", torch.float64)
    fill(model)
    pictures = some_pictures(dtype=torch.float64)
    alone = torch.cat([model(pack([picture], patch_size=4)) for picture in pictures])
    assert_close(model(pack(pictures, patch_size=4)), alone)
    assert_close(model(pack(pictures[::-1], patch_size=4, length=45)), alone.flip(0))


def test_without_the_mask_the_pictures_mix():
    """The equality above says something: one sequence without a mask gives other scores."""
    model = ours_like("rope_axial", "avg", torch.float64)
    fill(model)
    packed = pack(some_pictures(dtype=torch.float64), patch_size=4)
    whole = packed.__class__(**{**vars(packed), "picture": torch.zeros_like(packed.picture)})
    assert (model(packed) - model(whole)).abs().max() > 1e-3


def test_positions_tell_a_picture_from_the_same_patches_on_another_grid():
    pictures = some_pictures([(3, 4)])
    other = [unpatchify(patchify(pictures[0][None], 4), 4, (4, 3))[0]]
    for position, different in [("learned", True), ("factorized", True), ("none", False)]:
        model = ours_like(position, "avg")
        fill(model)
        apart = (model(pack(pictures, patch_size=4)) - model(pack(other, patch_size=4))).abs().max()
        assert bool(apart > 1e-3) == different, position


@QUICK
@given(st.lists(st.integers(1, 12), max_size=20), st.integers(12, 30))
def test_first_fit_places_every_item_once_and_where_it_first_fits(lengths, capacity):
    rows = first_fit(lengths, capacity)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(row and sum(lengths[index] for index in row) <= capacity for row in rows)
    for number, row in enumerate(rows):
        for index in row:
            for earlier in rows[:number]:
                before = sum(lengths[other] for other in earlier if other < index)
                assert before + lengths[index] > capacity


def test_packed_knows_its_parts_and_its_empty_share():
    pictures = some_pictures()
    packed = pack(pictures, patch_size=4, length=40)
    for index, (picture, grid) in enumerate(zip(pictures, GRIDS, strict=True)):
        part = packed.part(packed.patches, index)
        rows = picture.unfold(1, 4, 4).unfold(2, 4, 4)  # (C, rows, columns, P, P)
        assert torch.equal(part, rows.permute(1, 2, 3, 4, 0).reshape(grid[0] * grid[1], -1))
        places = packed.part(packed.places, index)
        assert places.tolist() == [[r, c] for r in range(grid[0]) for c in range(grid[1])]
    filled = sum(rows * columns for rows, columns in GRIDS)
    assert packed.empty_share == pytest.approx(1 - filled / packed.picture.numel())


# Blocks and windows


@DTYPES
def test_block_attention_equals_the_mask_gradients_included(dtype):
    torch.manual_seed(0)
    block = torch.randint(0, 6, (40,))
    heads = [torch.randn(3, 40, 8, dtype=dtype, requires_grad=True) for _ in range(3)]
    weights = attention_weights(heads[0], heads[1], block_diagonal_mask(block[None])[0])
    expected = weights @ heads[2]
    received = block_attention(*heads, block)
    assert_close(received, expected)
    direction = torch.randn_like(expected)
    for mine, theirs in zip(
        torch.autograd.grad((received * direction).sum(), heads),
        torch.autograd.grad((expected * direction).sum(), heads),
        strict=True,
    ):
        assert_close(mine, theirs, "gradient")


@QUICK
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_windows_are_those_of_qwen(rows, columns, window):
    vision = pytest.importorskip("transformers.vision_utils")
    order, ends = vision.get_vision_window_index(torch.tensor([[1, rows, columns]]), 1, window, 1)
    numbers = window_numbers((rows, columns), window)
    theirs = [set(order[a:b].tolist()) for a, b in itertools.pairwise(ends)]
    ours = [set((numbers == n).nonzero().flatten().tolist()) for n in numbers.unique()]
    assert ours == theirs


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pack([], patch_size=4), "a list of pictures"),
        (lambda: pack([torch.zeros(3, 8, 9)], patch_size=4), "multiples of patch_size"),
        (lambda: pack([torch.zeros(3, 8, 8), torch.zeros(1, 8, 8)], patch_size=4), "same channels"),
        (lambda: pack([torch.zeros(3, 8, 16)], patch_size=4, length=7), "at most 7, received 8"),
        (lambda: first_fit([3, 0], 4), "length 1"),
        (lambda: PackedVisionTransformer(position="rope"), "rope_axial"),
        (lambda: PackedVisionTransformer(pooling="cls"), "mean"),
        (lambda: PackedVisionTransformer(embed_dim=10, num_heads=3), "multiple of num_heads"),
        (lambda: PackedVisionTransformer()(torch.zeros(1, 3, 8, 8)), "Packed pictures"),
        (lambda: block_attention(*[torch.zeros(1, 4, 2)] * 3, torch.zeros(3)), "for each of 4"),
        (lambda: block_diagonal_mask(torch.zeros(3)), r"\(S, T\)"),
        (lambda: window_numbers((3, 0), 2), "grid"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize(
    "changes",
    [
        {"class_token": True},
        {"reg_tokens": 2},
        {"init_values": 0.1},
        {"embed_dim": 64},
        {"act_layer": "gelu_tanh"},
        {"pos_embed_ar_preserving": True},
        {"pos_embed_use_grid_sample": True},
        {"pos_embed": "factorized"},
        {"rope_type": "axial"},
        {"fc_norm": True},
    ],
    ids=str,
)
def test_other_networks_of_timm_are_refused_before_anything_is_copied(changes):
    theirs, ours = both("learned", "", "learned", "avg", **changes)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    with pytest.raises(ValueError, match="expected"):
        load_naflex_weights(ours, theirs)
    assert all(torch.equal(before[name], value) for name, value in ours.state_dict().items())


def test_rope_of_another_temperature_is_refused():
    theirs, ours = both(*KINDS[2], "avg", rope_temperature=50.0)
    with pytest.raises(ValueError, match="rotations of rope_axial"):
        load_naflex_weights(ours, theirs)
