"""Token merging against its definition, token by token in float64; and inside whole networks."""

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.equality import assert_close, fill
from vizkit.models.attention import attention_weights, merge_heads
from vizkit.models.merging import (
    follow,
    keep_evenly,
    merge_random,
    merge_similar,
    merge_tokens,
    merged_attention,
    prune_random,
    prune_unseen,
)
from vizkit.models.shortened import Shortened, encode_shortened
from vizkit.models.vit import VisionTransformer

QUICK = settings(max_examples=60, deadline=None)


def by_hand(keys, remove):
    """The groups of tokens of one picture after ToMe, by its words: keys (T, d), a list of sets."""
    unit = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    pairs = []
    for a in range(2, len(keys), 2):
        cosines = {b: float(unit[a] @ unit[b]) for b in range(1, len(keys), 2)}
        partner = max(cosines, key=cosines.get)
        pairs.append((cosines[partner], a, partner))
    groups = {token: {token} for token in range(len(keys))}
    for _, a, partner in sorted(pairs, reverse=True)[:remove]:
        groups[partner] |= groups.pop(a)
    return [groups[token] for token in sorted(groups)]


def groups_of(target):
    """The groups that one row of a plan makes, in the order of their places."""
    return [set((target == n).nonzero().flatten().tolist()) for n in range(int(target.max()) + 1)]


@QUICK
@given(st.integers(3, 17), st.data())
def test_the_plan_is_that_of_the_definition(length, data):
    remove = data.draw(st.integers(0, (length + 1) // 2 - 1))
    keys = torch.from_numpy(np.random.default_rng(length).normal(size=(3, length, 4)))
    target = merge_similar(keys, torch.ones(3, length), remove)
    for row, own in zip(target, keys.numpy(), strict=True):
        assert groups_of(row) == by_hand(own, remove)
        assert row[0] == 0
        assert (row == 0).sum() == 1, "the class token stays alone"


def test_merged_tokens_are_means_weighted_by_size_gradients_included():
    torch.manual_seed(0)
    tokens = torch.randn(2, 9, 5, dtype=torch.float64, requires_grad=True)
    sizes = torch.tensor([[1, 2, 1, 3, 1, 1, 4, 1, 2], [1, 1, 1, 1, 5, 1, 1, 2, 1]]).double()
    target = torch.tensor([[0, 1, 1, 2, 3, 1, 3, 2, 4], [0, -1, 1, 2, 2, 3, -1, 4, 4]])
    merged, totals = merge_tokens(tokens, sizes, target)
    expected = torch.stack(
        [
            torch.stack(
                [
                    (tokens[b, target[b] == n] * sizes[b, target[b] == n, None]).sum(0)
                    / sizes[b, target[b] == n].sum()
                    for n in range(5)
                ]
            )
            for b in range(2)
        ]
    )
    assert_close(merged, expected)
    assert totals.tolist() == [[1, 4, 4, 5, 2], [1, 1, 6, 1, 3]]
    direction = torch.randn_like(expected)
    mine = torch.autograd.grad((merged * direction).sum(), tokens, retain_graph=True)[0]
    theirs = torch.autograd.grad((expected * direction).sum(), tokens)[0]
    assert_close(mine, theirs, "gradient")
    assert not mine[1, 1].any(), "a dropped token has no part in the result"
    assert torch.autograd.gradcheck(lambda x: merge_tokens(x, sizes, target)[0], tokens)


def test_proportional_attention_equals_attention_to_every_copy():
    """A token of size s counts as s equal tokens do: eq. 1 of the paper, as its meaning."""
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 4, 8, dtype=torch.float64).unbind()
    sizes = torch.tensor([[1, 3, 1, 2]])
    copies = torch.tensor([0, 1, 1, 1, 2, 3, 3])
    weights = attention_weights(query, key[:, :, copies])
    mixed, looked_at = merged_attention(query, key, value, sizes.double())
    assert_close(mixed, merge_heads(weights @ value[:, :, copies]))
    expected = torch.zeros(1, 4).double().index_add(1, copies, weights.mean(1)[:, 0])
    assert_close(looked_at, expected)


@pytest.mark.parametrize("make", [merge_random, prune_random])
def test_plans_by_chance_remove_as_many_leave_the_first_and_follow_their_seed(make):
    plan = make(torch.Generator().manual_seed(3))
    keys, looked_at = torch.randn(50, 12, 4), torch.rand(50, 12)
    target = plan(keys, looked_at, 4)
    assert (target.amax(1) == 7).all()
    assert (target[:, 0] == 0).all()
    assert ((target == 0).sum(1) == 1).all()
    assert target.unique(dim=0).shape[0] > 25
    again = make(torch.Generator().manual_seed(3))(keys, looked_at, 4)
    assert torch.equal(target, again)


def test_pruning_drops_what_the_class_token_does_not_look_at():
    looked_at = torch.tensor([[0.01, 0.3, 0.1, 0.4, 0.19], [0.5, 0.1, 0.2, 0.15, 0.05]])
    target = prune_unseen(torch.randn(2, 5, 4), looked_at, 2)
    assert target.tolist() == [[0, 1, -1, 2, -1], [0, -1, 1, 2, -1]]


def test_follow_leads_the_first_tokens_through_two_plans():
    first = torch.tensor([[0, 1, 1, 2, -1, 3]])
    second = torch.tensor([[0, 1, 1, 2]])
    origin = follow(follow(torch.arange(6)[None], first), second)
    assert origin.tolist() == [[0, 1, 1, 1, -1, 2]]


def test_keep_evenly_reaches_its_number_or_says_why_not():
    assert keep_evenly(65, 33, 3) == [11, 11, 10]
    assert keep_evenly(65, 65, 3) == [0, 0, 0]
    with pytest.raises(ValueError, match="at most half"):
        keep_evenly(65, 5, 3)
    with pytest.raises(ValueError, match="at most half"):
        keep_evenly(65, 70, 3)


def our_vit():
    model = VisionTransformer(image_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=2)
    fill(model)
    return model.eval(), lambda images: model(images, return_intermediates=True)[1]["encoded"]


def timm_vit():
    """As DINOv2: layer scale, a class token, no registers."""
    model = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=2, init_values=0.1
    )
    fill(model)
    return model.eval(), model.forward_features


@pytest.mark.parametrize("make", [our_vit, timm_vit])
def test_with_nothing_removed_the_tokens_are_those_of_the_model(make):
    model, encode = make()
    images = torch.randn(3, 3, 32, 32)
    found = encode_shortened(model, images, [0, 0, 0], merge_similar)
    assert_close(found.tokens, encode(images).detach())
    assert (found.sizes == 1).all()
    assert torch.equal(found.on_the_grid, found.tokens[:, 1:])


@pytest.mark.parametrize("make", [our_vit, timm_vit])
def test_merging_equal_tokens_changes_nothing(make):
    """Equal patches are equal tokens without positions; merged, they count as often as before."""
    model, encode = make()
    with torch.no_grad():
        table = model.position.table if hasattr(model, "position") else model.pos_embed
        table.zero_()
    images = torch.randn(1, 3, 8, 8).repeat(2, 1, 4, 4)  # 16 times the same patch
    found = encode_shortened(model, images, [7, 4, 2], merge_similar)
    assert found.tokens.shape[1] == 17 - 13
    assert found.sizes.sum(1).tolist() == [17, 17]
    assert_close(found.on_the_grid, encode(images).detach()[:, 1:])
    assert_close(found.tokens[:, 0], encode(images).detach()[:, 0], "class token")


def test_origins_and_sizes_belong_together():
    model, _ = our_vit()
    found = encode_shortened(model, torch.randn(4, 3, 32, 32), [5, 3, 1], merge_similar)
    for origin, sizes in zip(found.origin, found.sizes, strict=True):
        assert origin.bincount(minlength=8).tolist() == sizes.tolist()
    assert found.origin[:, 0].tolist() == [0] * 4


def test_dropped_patches_have_no_token_on_the_grid():
    model, _ = our_vit()
    found = encode_shortened(model, torch.randn(1, 3, 32, 32), [5, 0, 0], prune_unseen)
    assert (found.origin < 0).sum() == 5
    with pytest.raises(ValueError, match="dropped ones"):
        _ = found.on_the_grid


def test_a_dropped_patch_is_filled_with_the_nearest_one_that_is_left():
    tokens = torch.arange(4.0)[None, :, None]  # the class token, and what is left of six patches
    gone = Shortened(tokens, torch.ones(1, 4), torch.tensor([[0, -1, 1, -1, 2, -1, 3]]))
    # On 2 x 3 places lie . 1 . / 2 . 3: the first is as near to 1 as to 2, and 1 comes first.
    assert gone.filled((2, 3)).flatten().tolist() == [1, 1, 1, 2, 1, 3]
    assert gone.filled((3, 2)).flatten().tolist() == [1, 1, 2, 2, 3, 3]
    assert gone.filled((1, 6)).flatten().tolist() == [1, 1, 1, 2, 2, 3]
    with pytest.raises(ValueError, match="a grid of 6 patches, received 2 x 2"):
        gone.filled((2, 2))


def test_filled_is_on_the_grid_where_nothing_was_dropped():
    model, _ = our_vit()
    found = encode_shortened(model, torch.randn(2, 3, 32, 32), [5, 3, 1], merge_similar)
    assert torch.equal(found.filled((4, 4)), found.on_the_grid)


def test_other_models_and_other_numbers_are_refused():
    model, _ = our_vit()
    images = torch.randn(1, 3, 32, 32)
    with pytest.raises(ValueError, match="each of 3 blocks, received 2"):
        encode_shortened(model, images, [1, 1], merge_similar)
    for other in (
        VisionTransformer(image_size=32, embed_dim=24, num_heads=2, pooling="mean"),
        VisionTransformer(image_size=32, embed_dim=24, num_heads=2, position="rope_axial"),
        timm.create_model("vit_tiny_patch16_224", class_token=False, global_pool="avg"),
        torch.nn.Linear(3, 3),
    ):
        with pytest.raises(TypeError, match="expected a ViT"):
            encode_shortened(other, images, [0] * 4, merge_similar)
    with pytest.raises(ValueError, match="expected sizes and target"):
        merge_tokens(torch.zeros(1, 3, 2), torch.ones(1, 2), torch.zeros(1, 3, dtype=torch.long))
