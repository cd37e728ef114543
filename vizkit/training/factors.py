"""Patch tokens and what is really there: sparse features, neurons and directions against the truth."""

import numpy as np
import torch
from torch import Tensor

from vizkit.data import COLORS, SHAPES, STYLES
from vizkit.data.scenes import SceneTable
from vizkit.models.sparse_autoencoder import SparseAutoencoder, unexplained
from vizkit.training.labelled import labels_of_cells
from vizkit.training.loop import check_whole, fit, generator, seed_everything
from vizkit.training.vlm import check_scenes


def train_sparse_autoencoder(
    tokens: Tensor,
    *,
    num_features: int = 256,
    active: int = 8,
    steps: int = 300,
    batch_size: int = 512,
    learning_rate: float = 3e-3,
    seed: int = 0,
    progress: bool = False,
) -> SparseAutoencoder:
    """A `SparseAutoencoder` for tokens (N, D), in eval mode; the loss is the unexplained variance."""
    check_whole(steps=steps, batch_size=batch_size)
    seed_everything(seed)
    model = SparseAutoencoder(in_dim=tokens.shape[1], num_features=num_features, active=active).to(
        tokens
    )
    with torch.no_grad():
        model.middle.copy_(tokens.mean(0))
    chooser = generator(seed)

    def loss(step: int) -> Tensor:
        model.normalize_directions()
        rows = torch.randint(len(tokens), (batch_size,), generator=chooser)  # (B,)
        return unexplained(tokens[rows], model(tokens[rows])[0])

    fit(
        model, loss, steps=steps, learning_rate=learning_rate, warmup_steps=min(20, steps),
        weight_decay=0.0, clip_norm=1.0, seed=None, progress=progress,
    )  # fmt: skip
    model.normalize_directions()
    return model


def true_factors(scenes: SceneTable, side: int) -> tuple[np.ndarray, list[str]]:
    """What each patch shows, (N, side * side, K) of bool, and the names of the K factors.

    Factors: the ten shapes, the nine colors, the eight styles; a patch belongs to the object whose
    box holds its centre, and has no factor if there is none.
    """
    check_scenes(scenes)
    columns = {"shape": SHAPES, "color": tuple(COLORS), "style": STYLES}
    inside = labels_of_cells(scenes, "shape", side) >= 0  # (N, P)
    truth, names = [], []
    for kind, values in columns.items():
        if kind == "style":
            cells = np.where(inside, scenes.style[:, None], -1)  # (N, P)
        else:
            cells = labels_of_cells(scenes, kind, side)  # (N, P)
        truth.append(cells[..., None] == np.arange(len(values)))  # (N, P, values)
        names += [f"{kind}: {value}" for value in values]
    return np.concatenate(truth, axis=-1), names


def average_precisions(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How well each of M values ranks each of K factors, (M, K) from 0 to 1.

    values (N, M), truth (N, K) of bool. Average precision, a patch of higher value ranked before
    one of lower value; patches of equal value stand in the order of the rows, so let the rows be
    in random order. Raises ValueError on a factor that no row or every row has.
    """
    values, truth = np.asarray(values), np.asarray(truth, bool)
    if values.ndim != 2 or truth.ndim != 2 or len(values) != len(truth):
        raise ValueError(f"expected (N, M) and (N, K), received {values.shape} and {truth.shape}")
    if not (truth.any(0) & ~truth.all(0)).all():
        raise ValueError("expected factors that some rows have and some do not")
    ranks = np.arange(1, len(values) + 1)[:, None]  # (N, 1)
    found = np.empty((values.shape[1], truth.shape[1]))
    for number, column in enumerate(values.T):
        hits = truth[np.argsort(-column, kind="stable")]  # (N, K)
        precision = np.cumsum(hits, axis=0) / ranks  # (N, K)
        found[number] = (precision * hits).sum(0) / hits.sum(0)
    return found


def best_of(
    values: np.ndarray, truth: np.ndarray, *, choose: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each factor the column of `values` that is best on the rows `choose`, and its score there
    where it was not chosen: two arrays (K,).

    values (N, M), truth (N, K), choose (N,) of bool.
    """
    best = average_precisions(values[choose], truth[choose]).argmax(axis=0)  # (K,)
    rest = ~np.asarray(choose, bool)
    scores = [
        average_precisions(values[rest][:, [column]], truth[rest][:, [factor]])[0, 0]
        for factor, column in enumerate(best)
    ]
    return best, np.array(scores)
