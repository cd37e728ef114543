"""Steering a tiny language model by a sparse feature: what is pushed, how far, and what is said."""

import numpy as np
import pytest
import torch

from vizkit.data import object_masks
from vizkit.training.binding import twins_of, two_colored_scenes
from vizkit.training.blind_pairs import changed
from vizkit.training.factors import train_sparse_autoencoder, true_factors
from vizkit.training.steering import (
    AS_ACTIVE,
    WAYS,
    NamedFeatures,
    Steered,
    as_active,
    between_means,
    chosen_by_others,
    emptied,
    named_features,
    patches_of,
    push,
    said_of,
    ways_of_steering,
)
from vizkit.training.vlm import describe_scene

FACTORS = [f"color: {one}" for one in ("red", "blue", "green", "yellow")]
FACTORS += [f"shape: {one}" for one in ("circle", "square", "star", "heart")]


def steered_scenes(kind="color", n=20):
    """Scenes whose object 0 gets another color or shape, a sparse autoencoder, made-up features."""
    table = two_colored_scenes(n, 0)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(n, 64, 12, generator=generator)
    model = train_sparse_autoencoder(
        tokens.flatten(0, 1), num_features=20, active=4, steps=5, batch_size=64
    )
    features = NamedFeatures(
        model,
        {name: number for number, name in enumerate(FACTORS)},
        torch.full((20,), 3.0),
        torch.arange(20) / 20,
        dict(zip(FACTORS, torch.randn(8, 12, generator=generator), strict=True)),
    )
    return Steered(table, changed(table, f"another {kind}", 0), kind, features), tokens


def test_patches_of_one_object_lie_on_it_alone():
    table = two_colored_scenes(20, 0)
    masks = object_masks(table).reshape(20, 2, 8, 8, 8, 8).mean(axis=(3, 5)).reshape(20, 2, 64)
    for slot in (0, 1):
        inside = patches_of(table, slot, 8)
        assert inside[masks[:, slot] > 0.99].all()
        assert not inside[masks[:, 1 - slot] > 0.99].any()


def test_as_many_empty_patches_as_there_are():
    first, second = np.zeros((2, 10), bool), np.zeros((2, 10), bool)
    first[:, :3], second[0, 3:5], second[1, 3:9] = True, True, True
    found = emptied(first, second, np.random.default_rng(0))
    assert found.sum(1).tolist() == [3, 1]  # the second row has but one free patch
    assert not (found & (first | second)).any()


def test_features_get_the_names_of_the_factors_that_they_rank_first():
    """Tokens that say nothing but the colors and shapes of their patches, one channel each."""
    table = two_colored_scenes(60, 0)
    truth, names = true_factors(table, 8)
    tokens = torch.from_numpy(5.0 * truth).float()  # (60, 64, 27)
    found = named_features(tokens, table, count=3000, seed=0, num_features=40, active=6, steps=150)
    there = [name for name, seen in zip(names, truth.any((0, 1)), strict=True) if seen]
    assert set(found.numbers) == set(found.means) == set(there)
    codes = found.model.encode(tokens).detach().numpy()
    for name in ("color: red", "shape: star"):
        factor, number = names.index(name), found.numbers[name]
        own, mine = truth[..., factor], codes[..., number]
        assert mine[own].mean() > 5 * mine[~own].mean()
        usual = mine[own][mine[own] > 0].mean()
        assert found.usual[number].item() == pytest.approx(usual, rel=0.2)
        assert found.activity[number].item() == pytest.approx((mine > 0).mean(), abs=0.03)
        assert found.means[name][factor].item() == pytest.approx(5.0)
    assert (found.usual > 0).sum() <= len(set(found.numbers.values()))


def test_a_push_exchanges_one_feature_for_another():
    steered, tokens = steered_scenes()
    out, into = (steered.numbers_of(some) for some in (steered.scenes, steered.new))
    assert (out < 4).all()
    assert (out != into).all()
    added = push(steered.features, tokens, out, into)
    directions, codes = steered.features.model.directions, steered.features.model.encode(tokens)
    for row in range(20):
        expected = 3 * directions[into[row]] - codes[row, :, out[row], None] * directions[out[row]]
        torch.testing.assert_close(added[row], expected.detach())


def test_every_way_goes_as_far_and_stays_in_its_place():
    steered, tokens = steered_scenes()
    own, other = (torch.from_numpy(patches_of(steered.scenes, k, 8)) for k in (0, 1))
    usual, twice = (ways_of_steering(steered, tokens, 0, times=times) for times in (1, 2))
    assert tuple(usual) == WAYS
    moved = {way: some - tokens for way, some in usual.items()}
    full = push(steered.features, tokens, *map(steered.numbers_of, (steered.scenes, steered.new)))
    torch.testing.assert_close(moved["feature"][own], full[own])
    for way in WAYS[:4]:
        lengths = moved[way].norm(dim=-1)
        torch.testing.assert_close(lengths[own], full.norm(dim=-1)[own], rtol=1e-4, atol=1e-4)
        assert (lengths[~own] < 1e-5).all()
        torch.testing.assert_close(twice[way] - tokens, 2 * moved[way], rtol=1e-4, atol=1e-4)
    empty = moved["empty patches"].norm(dim=-1)
    assert (empty[own | other] < 1e-5).all()
    assert ((empty > 0.1).sum(1) == own.sum(1)).all()


def test_each_way_has_its_direction():
    steered, tokens = steered_scenes()
    own = torch.from_numpy(patches_of(steered.scenes, 0, 8))
    ways = ways_of_steering(steered, tokens, 0)
    means = steered.features.means
    first = [steered.factors_of(some)[0] for some in (steered.scenes, steered.new)]
    torch.testing.assert_close(between_means(steered)[0], means[first[1]] - means[first[0]])
    for way, known in (
        ("difference of means", between_means(steered)),
        ("another feature", steered.features.model.directions[4:].detach()),
    ):
        along = torch.nn.functional.normalize((ways[way] - tokens)[own], dim=-1)
        found = (along @ torch.nn.functional.normalize(known, dim=-1).T).amax(dim=1)
        torch.testing.assert_close(found, torch.ones_like(found), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(ways["random direction"], ways["another feature"])


@pytest.mark.parametrize("kind", ["color", "shape"])
def test_another_feature_is_nearly_as_active_and_of_another_kind(kind):
    steered, _ = steered_scenes(kind, n=60)
    own = range(4) if kind == "color" else range(4, 8)
    found = as_active(steered, np.random.default_rng(0))
    for number, new in zip(found, steered.numbers_of(steered.new), strict=True):
        nearest = sorted(set(range(20)) - set(own), key=lambda k: abs(k - new))
        assert abs(number - new) <= abs(nearest[AS_ACTIVE - 1] - new)
    assert not set(found) & set(own)
    assert len(set(found)) > 1


@pytest.mark.parametrize("kind", ["color", "shape"])
def test_what_is_said_of_a_steered_object_is_counted_by_its_place(kind):
    steered, _ = steered_scenes(kind)
    old, new = ([describe_scene(s, k) for k in range(20)] for s in (steered.scenes, steered.new))

    def shares(answers):
        return {name: hits.mean() for name, hits in said_of(steered, answers, old).items()}

    every = {"other": 1.0, "rest": 1.0, "well formed": 1.0}
    assert shares(old) == {"new": 0.0, "old": 1.0, "clean": 0.0} | every
    assert shares(new) == {"new": 1.0, "old": 0.0, "clean": 1.0} | every
    assert set(shares([f"a {steered.names[0]}"] * 20).values()) == {0.0}
    turned = [text.replace("left of", "above") for text in new]
    found = said_of(steered, turned, old)
    there = np.array(["left of" in text for text in new])
    assert (found["rest"] == ~there).all()
    assert (found["clean"] == ~there).all()
    assert found["new"].all()
    twins = [describe_scene(twins_of(steered.scenes), k) for k in range(20)]
    assert shares(twins)["other"] == (0.0 if kind == "color" else 1.0)
    assert shares(twins)["rest"] == 0.0
    with pytest.raises(ValueError, match="20 answers"):
        said_of(steered, old[1:], old)


def test_no_seed_has_a_say_in_its_own_strength():
    by = np.array([[9.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.5]])
    values = np.arange(9.0).reshape(3, 3)
    assert chosen_by_others(values, by).tolist() == [1.0, 3.0, 6.0]
    for bad in (values[:2], values[0]):
        with pytest.raises(ValueError, match="seeds, strengths"):
            chosen_by_others(bad, by)
