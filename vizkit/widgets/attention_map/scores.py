"""How well a map over patches finds a known object: pointing, average precision and overlap."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from vizkit.widgets.codec import Array


@dataclass(frozen=True)
class MapScore:
    """One map, or the mean over several, against where the object is; all from 0 to 1.

    pointing: whether the patch with the largest value is one of the object's;
    average_precision: of the ranking of the patches by their values, ties broken evenly;
    overlap: intersection over union of the object's n patches and the n patches of largest value;
    area: the share of the object's patches, which is what chance gives to `pointing`;
    random_precision, random_overlap: the same expected of a map drawn at random.
    """

    pointing: float
    average_precision: float
    overlap: float
    area: float
    random_precision: float
    random_overlap: float


def object_patches(mask: Array, grid: tuple[int, int]) -> Array:
    """The patches that belong to an object, bool (rows, columns): half of them or more is covered.

    Where no patch is covered by half, the one that is covered most. mask: (H, W), true where the
    object is. Raises ValueError if nothing is true.
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2 or not mask.any():
        raise ValueError(
            f"mask must be (height, width) and true somewhere, got shape {mask.shape}"
            f" with {int(mask.sum())} true values"
        )
    rows, columns = grid
    # Sums over rectangles from the running sums, so that the patches need not be whole pixels.
    sums = np.pad(mask.astype(float), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    row_ends = np.linspace(0, mask.shape[0], rows + 1)
    column_ends = np.linspace(0, mask.shape[1], columns + 1)
    at = _between(_between(sums, row_ends).T, column_ends).T  # (rows + 1, columns + 1)
    cover = np.diff(np.diff(at, axis=0), axis=1) * rows * columns / mask.size
    found = cover >= 0.5
    return found if found.any() else cover == cover.max()


def _between(sums: Array, places: Array) -> Array:
    """Rows of `sums` at places that may lie between two of them."""
    low = np.minimum(places.astype(int), len(sums) - 2)
    share = (places - low)[:, None]
    return sums[low] * (1 - share) + sums[low + 1] * share


def average_precision(values: Array, wanted: Array) -> float:
    """Mean over the wanted patches of the precision down to each, ranked by value.

    Patches of one value stand in no order: each gets the precision that is expected over all orders
    of its group.
    """
    values, wanted = np.ravel(values), np.ravel(wanted).astype(bool)
    total, above, hits = 0.0, 0, 0
    for value in np.unique(values)[::-1]:
        group = wanted[values == value]
        size, found = len(group), int(group.sum())
        if found:
            # A wanted patch at place p of its group has (p - 1) (found - 1) / (size - 1) more above it.
            places = np.arange(1, size + 1)
            more = (places - 1) * ((found - 1) / (size - 1) if size > 1 else 0)
            total += found * float(((hits + 1 + more) / (above + places)).mean())
        above, hits = above + size, hits + found
    return total / hits if hits else 0.0


def overlap(values: Array, wanted: Array) -> float:
    """Intersection over union of the n wanted patches and the n of largest value, ties shared out."""
    values, wanted = np.ravel(values), np.ravel(wanted).astype(bool)
    count = int(wanted.sum())
    edge = np.sort(values)[::-1][count - 1]
    sure, tied = values > edge, values == edge
    inside = (wanted & sure).sum() + (count - sure.sum()) * wanted[tied].mean()
    return float(inside / (2 * count - inside))


def random_overlap(patches: int, count: int) -> float:
    """The overlap that is expected of `count` patches drawn at random with `count` wanted ones."""
    ways = comb(patches, count)
    chances = (
        (shared, comb(count, shared) * comb(patches - count, count - shared) / ways)
        for shared in range(count + 1)
    )
    return float(sum(chance * shared / (2 * count - shared) for shared, chance in chances))


def score_map(values: Array, mask: Array) -> MapScore:
    """Score one map (rows, columns) against a mask (H, W) of the object. ValueError as `object_patches`."""
    values = np.asarray(values, float)
    wanted = object_patches(mask, values.shape)
    top = values == values.max()
    return MapScore(
        pointing=float(wanted[top].mean()),
        average_precision=average_precision(values, wanted),
        overlap=overlap(values, wanted),
        area=float(wanted.mean()),
        # A map of one value everywhere stands for the mean over all orders.
        random_precision=average_precision(np.zeros(wanted.size), wanted),
        random_overlap=random_overlap(wanted.size, int(wanted.sum())),
    )


def mean_score(scores: list[MapScore]) -> MapScore:
    """The mean of each number over several maps."""
    names = MapScore.__dataclass_fields__
    return MapScore(
        **{name: float(np.mean([getattr(one, name) for one in scores])) for name in names}
    )
