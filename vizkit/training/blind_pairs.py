"""Pairs of pictures that differ in one thing, and tokens that are steered with one sparse feature.

Tong et al. 2024 ("Eyes Wide Shut? Exploring the Visual Shortcomings of Multimodal LLMs", MMVP,
2401.06209) look for pairs that CLIP takes for the same, and ask a language model about them.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vizkit.data import COLORS, SHAPES
from vizkit.data.scenes import SceneTable
from vizkit.models.sparse_autoencoder import SparseAutoencoder
from vizkit.training.binding import twins_of
from vizkit.training.labelled import labels_of_cells
from vizkit.training.vlm import check_scenes
from vizkit.training.vlm_exam import COLOR_NAMES, NAMES

CHANGES = ("colors exchanged", "places exchanged", "another color", "another shape")


def changed(scenes: SceneTable, change: str, seed: int) -> SceneTable:
    """The same scenes of two objects with one thing changed; see `CHANGES`.

    "another color" and "another shape" change object 0 to one of `COLOR_NAMES` or `NAMES` that the
    scene does not hold. Raises ValueError on an unknown change.
    """
    check_scenes(scenes)
    if change not in CHANGES:
        raise ValueError(f"expected a change among {CHANGES}, received {change!r}")
    if change == "colors exchanged":
        return twins_of(scenes)
    if change == "places exchanged":
        return replace(
            scenes, color=scenes.color[:, ::-1].copy(), shape=scenes.shape[:, ::-1].copy()
        )
    kind, names, known = (
        ("color", COLOR_NAMES, list(COLORS))
        if change == "another color"
        else ("shape", NAMES, list(SHAPES))
    )
    return replace(scenes, **{kind: another(getattr(scenes, kind), names, known, seed)})


def another(column: np.ndarray, names: tuple, known: list[str], seed: int) -> np.ndarray:
    """The column (N, 2) with a new value in slot 0, one of `names` that its row does not hold."""
    rng = np.random.default_rng(seed)
    numbers = np.array([known.index(name) for name in names])
    free = ~(numbers[None, None] == column[..., None]).any(axis=1)  # (N, names)
    pick = (rng.random(free.shape) * free).argmax(axis=1)  # (N,)
    found = column.copy()
    found[:, 0] = numbers[pick]
    return found


def area_under_curve(scores: np.ndarray, events: np.ndarray) -> float:
    """The chance that a pair with the event has a higher score than one without; ties count half.

    scores (N,), events (N,) of bool. Raises ValueError unless there are both.
    """
    from scipy.stats import rankdata

    events = np.asarray(events, bool)
    if not events.any() or events.all():
        raise ValueError("expected pairs with the event and pairs without it")
    ranks, hits = rankdata(scores), events.sum()
    return float((ranks[events].sum() - hits * (hits + 1) / 2) / (hits * (len(events) - hits)))


def patches_of(scenes: SceneTable, slot: int, side: int) -> np.ndarray:
    """Which patches lie in the box of one object, (N, side * side) of bool."""
    alone = scenes.shape.copy()
    alone[:, 1 - slot] = -1
    return labels_of_cells(replace(scenes, shape=alone), "shape", side) >= 0


@torch.no_grad()
def steer(
    model: SparseAutoencoder,
    tokens: Tensor,
    where: np.ndarray,
    out: np.ndarray,
    into: np.ndarray,
    strength: Tensor,
) -> Tensor:
    """Tokens (N, P, D) in which one feature was taken out and another put in.

    where: (N, P) of bool, the patches that change; out, into: (N,) numbers of features;
    strength: (M,) how large a feature's code is where it is put in. What the autoencoder does not
    explain of a token stays as it was.
    """
    codes = model.encode(tokens)  # (N, P, M)
    rows = torch.arange(len(tokens))
    removed = codes[rows, :, out, None] * model.directions[out][:, None]  # (N, P, D)
    added = (strength[into, None] * model.directions[into])[:, None]  # (N, 1, D)
    mask = torch.from_numpy(where)[..., None]  # (N, P, 1)
    return tokens + mask * (added - removed)
