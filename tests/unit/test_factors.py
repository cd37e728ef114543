"""Scores of features against true factors, and the autoencoder's training."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from vizkit.data import SHAPES, object_masks, sample_scenes
from vizkit.training.factors import (
    average_precisions,
    best_of,
    train_sparse_autoencoder,
    true_factors,
)


def test_average_precision_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    values, truth = rng.normal(size=(200, 6)), rng.random((200, 4)) < 0.2
    found = average_precisions(values, truth)
    expected = [
        [average_precision_score(truth[:, k], values[:, m]) for k in range(4)] for m in range(6)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_best_is_chosen_on_some_rows_and_scored_on_the_others():
    rng = np.random.default_rng(1)
    truth = rng.random((400, 1)) < 0.3
    choose = np.arange(400) < 200
    lucky = np.where(choose[:, None], truth, ~truth)  # perfect where it is chosen, wrong elsewhere
    steady = truth + 0.8 * rng.normal(size=(400, 1))
    best, score = best_of(np.hstack([steady, lucky]), truth, choose=choose)
    assert best.tolist() == [1]
    assert score[0] < 0.35
    best, score = best_of(steady, truth, choose=choose)
    assert score[0] == pytest.approx(
        average_precision_score(truth[~choose, 0], steady[~choose, 0]), abs=1e-12
    )


@pytest.mark.parametrize("truth", [np.zeros((5, 1), bool), np.ones((5, 1), bool)])
def test_a_factor_that_tells_nothing_is_refused(truth):
    with pytest.raises(ValueError, match="some rows"):
        average_precisions(np.zeros((5, 2)), truth)


def test_factors_lie_where_the_objects_are():
    scenes = sample_scenes(40, 3)
    truth, names = true_factors(scenes, 8)
    assert truth.shape == (40, 64, len(names))
    assert len(names) == 27
    masks = object_masks(scenes).any(axis=1)  # (N, 64, 64)
    cover = masks.reshape(40, 8, 8, 8, 8).mean(axis=(2, 4)).reshape(40, 64)
    full, empty = cover > 0.99, cover == 0
    assert truth[full].any(axis=-1).all()
    for scene in range(40):
        here = {SHAPES[k] for k in scenes.shape[scene] if k >= 0}
        shown = {names[k].split(": ")[1] for k in np.flatnonzero(truth[scene].any(0)) if k < 10}
        assert shown <= here
    assert truth[empty].any(axis=-1).mean() < 0.3  # corners of boxes


def test_training_finds_directions_that_tokens_are_made_of():
    generator = torch.Generator().manual_seed(0)
    true = torch.nn.functional.normalize(torch.randn(12, 16, generator=generator), dim=-1)
    codes = torch.rand(4000, 12, generator=generator) + 0.5
    chosen = torch.rand(4000, 12, generator=generator).argsort(1) < 2  # two of twelve
    model = train_sparse_autoencoder(
        (codes * chosen) @ true, num_features=24, active=2, steps=400, batch_size=256
    )
    cosines = (model.directions @ true.T).max(dim=0).values  # (12,)
    assert (cosines > 0.9).float().mean() > 0.7
    again = train_sparse_autoencoder(
        (codes * chosen) @ true, num_features=24, active=2, steps=400, batch_size=256
    )
    torch.testing.assert_close(model.directions, again.directions)
