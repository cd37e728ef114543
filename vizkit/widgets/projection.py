"""From many dimensions to a plane: PCA and t-SNE, aligned over steps, and what the plane keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vizkit.extras import require
from vizkit.inputs import unit_rows

Array = np.ndarray
BLOCK = 1 << 16  # rows taken at once: bounds the float64 copies of a million points
TSNE_POINTS = 5_000
TSNE_ROWS = 40_000  # points x steps


@dataclass(frozen=True)
class Projection:
    """Points in the plane.

    Attributes:
        points: `(steps, N, 2)` float32.
        explained_variance_ratio: for each step the share of its variance that the plane shows; None where a
            projection has no such number (t-SNE).
    """

    points: Array
    explained_variance_ratio: list[float] | None


def pca(embeddings: Array) -> Projection:
    """Project on the two directions of largest variance, the same two for all steps.

    One common basis makes the steps comparable without any further alignment. Sums run in float64,
    in blocks. Each direction's sign is fixed by making its largest entry positive.

    Args:
        embeddings: `(steps, N, D)`, D at least 2.
    """
    steps, count, dims = embeddings.shape
    rows = embeddings.reshape(steps * count, dims)
    mean = _mean(rows)
    basis = _basis(rows, mean)  # (D, 2)
    points = np.empty((steps * count, 2), np.float32)
    for start in range(0, len(rows), BLOCK):
        points[start : start + BLOCK] = (rows[start : start + BLOCK] - mean) @ basis
    shares = [_share(one, basis) for one in embeddings]
    return Projection(points.reshape(steps, count, 2), shares)


def _mean(rows: Array) -> Array:
    total = np.zeros(rows.shape[1])
    for start in range(0, len(rows), BLOCK):
        total += rows[start : start + BLOCK].sum(0, dtype=np.float64)
    return total / len(rows)


def _basis(rows: Array, mean: Array) -> Array:
    """Return the two leading directions `(D, 2)`, from the smaller second-moment matrix."""
    if rows.shape[1] > len(rows):  # fewer points than dimensions: the (N, N) Gram matrix is smaller
        centred = rows.astype(np.float64) - mean
        values, vectors = np.linalg.eigh(centred @ centred.T)
        # A direction without variance has an eigenvalue of rounding errors: no direction at all.
        real = values[-2:] > max(values[-1], 0) * 1e-12
        lengths = np.where(real, np.sqrt(np.maximum(values[-2:], 0)), np.inf)
        basis = (centred.T @ vectors[:, -2:] / lengths)[:, ::-1]
    else:
        basis = np.linalg.eigh(_scatter(rows, mean))[1][:, :-3:-1]
    if basis.shape[1] < 2:  # a single point has no second direction
        basis = np.pad(basis, ((0, 0), (0, 2 - basis.shape[1])))
    largest = np.abs(basis).argmax(0)
    return basis * np.where(basis[largest, [0, 1]] < 0, -1.0, 1.0)


def _scatter(rows: Array, mean: Array) -> Array:
    """Return the sum of outer products `(D, D)` of the centred rows."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), BLOCK):
        centred = rows[start : start + BLOCK] - mean
        total += centred.T @ centred
    return total


def _share(rows: Array, basis: Array) -> float:
    """Return the share of the variance of `rows` `(N, D)` that lies in the plane of `basis`."""
    mean = _mean(rows)
    shown = total = 0.0
    for start in range(0, len(rows), BLOCK):
        centred = rows[start : start + BLOCK] - mean
        total += float((centred**2).sum())
        shown += float(((centred @ basis) ** 2).sum())
    return min(1.0, shown / total) if total > 0 else 1.0


def check_tsne(steps: int, count: int) -> None:
    """Raise ValueError where t-SNE would take minutes, or where it is not defined.

    Raises ModuleNotFoundError where scikit-learn is absent.
    """
    require("tsne", "sklearn", what="t-SNE")
    if count < 5:
        raise ValueError(f"t-SNE needs at least 5 points, got {count}; use projection='pca'")
    if count > TSNE_POINTS or steps * count > TSNE_ROWS:
        size = f"{count:,} points" + (f" x {steps} steps" if steps > 1 else "")
        raise ValueError(
            f"t-SNE takes at most {TSNE_POINTS:,} points and {TSNE_ROWS:,} points x steps,"
            f" got {size}; pass a random sample of the points, or use projection='pca'"
        )


def tsne(embeddings: Array, *, seed: int = 0) -> Projection:
    """Project with t-SNE (van der Maaten & Hinton 2008, scikit-learn's), aligned over steps.

    The first step starts from PCA, every later one from the step before; each result is then turned
    onto the step before, because t-SNE's orientation means nothing.

    Args:
        embeddings: `(steps, N, D)`, N at least 5.
        seed: of the random numbers.

    Raises:
        ValueError: too few points, or so many that it would take minutes.
    """
    require("tsne", "sklearn", what="t-SNE")
    steps, count, dims = embeddings.shape
    check_tsne(steps, count)
    from sklearn.manifold import TSNE

    start = pca(embeddings[:1]).points[0]
    maps: list[Array] = []
    for one in embeddings:
        start = 1e-4 * start / (start[:, 0].std() or 1.0)
        model = TSNE(2, perplexity=min(30, (count - 1) / 3), init=start, random_state=seed)
        current = model.fit_transform(_compress(one, min(50, dims, count)))
        maps.append(align(maps[-1], current) if maps else current)
        start = maps[-1].astype(np.float32)
    return Projection(np.stack(maps).astype(np.float32), None)


def _compress(rows: Array, width: int) -> Array:
    """Return `rows` in their `width` leading principal coordinates, as is usual before t-SNE."""
    if rows.shape[1] <= width:
        return rows.astype(np.float32)
    centred = rows - rows.mean(0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return (left[:, :width] * values[:width]).astype(np.float32)


def align(previous: Array, current: Array) -> Array:
    """Turn, mirror and shift `current` `(N, 2)` onto `previous`; all distances stay.

    The orthogonal Procrustes solution (Schönemann 1966).

    Raises:
        ValueError: the two differ in shape.
    """
    previous, current = np.asarray(previous, np.float64), np.asarray(current, np.float64)
    if previous.shape != current.shape or current.ndim != 2:
        raise ValueError(
            "previous and current must both have shape (N, 2), got"
            f" {previous.shape} and {current.shape}"
        )
    target, moving = previous - previous.mean(0), current - current.mean(0)
    left, _, right = np.linalg.svd(moving.T @ target)
    return moving @ (left @ right) + previous.mean(0)


def nearest(
    rows: Array, queries: Array, k: int, *, cosine: bool = True, groups: Array | None = None
) -> tuple[Array, Array]:
    """Return the true nearest neighbours of some rows among all rows, in blocks of queries.

    Args:
        rows: `(N, D)`.
        queries: indices of the rows asked about, `(Q,)`; a row is not its own neighbour.
        k: neighbours for each; at most N - 1 come.
        cosine: closest by cosine, returned as similarity, for numbers of any finite size: the
            cosine of a row of zeros with any other is 0; else by Euclidean distance, of rows whose
            squares are finite.
        groups: whole numbers from 0 `(N,)`: rows of one group are not each other's neighbours, and at most as
            many come as there are rows outside of the largest group.

    Returns:
        Indices `(Q, k)`, nearest first (equal ones by index), and their similarities or distances.
    """
    largest = 1 if groups is None else int(np.bincount(groups).max())
    k = min(k, len(rows) - largest)
    found = np.empty((len(queries), k), np.int64)
    values = np.empty((len(queries), k), np.float64)
    if k == 0:
        return found, values
    lengths = _lengths(rows)
    if lengths is None:  # too large or too small to be multiplied as they are
        rows = unit_rows(rows.astype(np.float64)) if cosine else rows
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    inverse = 1 / np.where(lengths > 0, lengths, 1)
    block = max(1, (1 << 24) // len(rows))
    for start in range(0, len(queries), block):
        asked = queries[start : start + block]
        score = rows[asked] @ rows.T  # (block, N)
        if cosine:
            score = np.clip(score * inverse[asked, None] * inverse, -1, 1)
        else:
            score = 2 * score - lengths**2 - lengths[asked, None] ** 2
        if groups is None:
            score[np.arange(len(asked)), asked] = -np.inf
        else:
            score[groups[asked, None] == groups] = -np.inf
        best = np.argpartition(score, -k, axis=1)[:, -k:]
        best.sort(axis=1)
        order = np.argsort(-np.take_along_axis(score, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        found[start : start + block] = best
        values[start : start + block] = np.take_along_axis(score, best, 1)
    return found, (values if cosine else np.sqrt(np.maximum(-values, 0)))


def _lengths(rows: Array) -> Array | None:
    """L2 norms `(N,)`, or None where products of rows would leave the range of their format."""
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    most = 1e15 if rows.dtype == np.float32 else 1e140
    real = lengths[lengths > 0]
    fits = not real.size or (real.min() > 1 / most and real.max() < most)
    return lengths if fits and not rows[lengths == 0].any() else None


def neighborhood_preservation(
    embeddings: Array, points: Array, *, k: int = 10, sample: int = 500, seed: int = 0
) -> float:
    """Share of the true `k` nearest neighbours (cosine) that are the `k` nearest in the plane too.

    1 means that the map can be trusted locally, k / (N - 1) is chance. Exact up to `sample` points;
    beyond, the mean over a seeded sample of points; beyond 20,000 points neighbours are looked for
    in a seeded sample of 20,000.

    Args:
        embeddings: `(N, D)`.
        points: `(N, 2)`, their places in the plane.
    """
    rng = np.random.default_rng(seed)
    if len(embeddings) > 20_000:
        chosen = np.sort(rng.choice(len(embeddings), 20_000, replace=False))
        embeddings, points = embeddings[chosen], points[chosen]
    count = len(embeddings)
    if count < 3:
        return 1.0
    k = min(k, count - 1)
    queries = (
        np.arange(count) if count <= sample else np.sort(rng.choice(count, sample, replace=False))
    )
    true, _ = nearest(embeddings, queries, k)
    shown, _ = nearest(points.astype(np.float64), queries, k, cosine=False)
    return float((true[:, :, None] == shown[:, None, :]).any(2).mean())
