"""The exercises of notebook 11: PCA to a plane, neighbours by cosine, closing the modality gap."""

from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import unit


def _turned(points: np.ndarray) -> np.ndarray:
    """Mirror each axis so that its largest coordinate (by size) is positive."""
    largest = np.abs(points).argmax(0)
    return points * np.sign(points[largest, np.arange(points.shape[1])])


def _plane(rows: np.ndarray) -> np.ndarray:
    """Rows (N, D) to their two principal coordinates (N, 2); Pearson 1901."""
    centred = rows - rows.mean(0)
    return _turned(centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T)


def _not_centred(rows: np.ndarray) -> np.ndarray:
    return _turned(rows @ np.linalg.svd(rows, full_matrices=False)[2][:2].T)


def _one_mean(rows: np.ndarray) -> np.ndarray:
    return _not_centred(rows - rows.mean())


def _centred_only_for_the_directions(rows: np.ndarray) -> np.ndarray:
    directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:2]
    return _turned(rows @ directions.T)


def _columns_for_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(0)
    return _turned(centred @ np.linalg.svd(centred, full_matrices=False)[2][:, :2])


def _is_columns_for_rows(points: np.ndarray, rows: np.ndarray) -> bool:
    """Whether they are `_columns_for_rows` with other signs of the rows of Vᵀ.

    Each library chooses those signs in its own way, so that the points differ. What multiplied the
    centred rows does not, up to a sign.
    """
    if points.shape != (len(rows), 2) or points.dtype.kind != "f" or not np.isfinite(points).all():
        return False
    centred = (rows - rows.mean(0)).astype(float)
    directions = np.linalg.lstsq(centred, points.astype(float))[0]  # (D, 2)
    columns = np.linalg.svd(centred, full_matrices=False)[2][:, :2]
    pairs = [
        (centred @ directions, points),
        (np.abs(directions), np.abs(columns)),
        # A row's sign is that of both of its entries; only the two axes may still be mirrored.
        (directions.prod(1), directions[0].prod() / columns[0].prod() * columns.prod(1)),
    ]
    return all(np.allclose(one, other, rtol=1e-3, atol=1e-3) for one, other in pairs)


def _left_side_alone(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(0)
    return _turned(np.linalg.svd(centred, full_matrices=False)[0][:, :2])


def _least_variance(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(0)
    return _turned(centred @ np.linalg.eigh(centred.T @ centred)[1][:, :2])


def _standardised(rows: np.ndarray) -> np.ndarray:
    return _plane((rows - rows.mean(0)) / rows.std(0))


def _clouds(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    return [
        ((rng.normal(size=(n, dims)) * np.linspace(3, 0.5, dims) + 1.5).astype("float32"),)
        for n, dims in ((4, 3), (12, 5), (9, 6))
    ]


principal_plane = Exercise(
    "PCA to two dimensions",
    solution=_plane,
    mistakes=[
        Mistake(
            "centering forgotten",
            _not_centred,
            (
                "Add 100 to every row: does your map change? It should not.",
                "Your first direction points from the origin to the middle of the cloud. Variance is measured from the mean: subtract the mean of each column first.",
                "`centred = rows - rows.mean(dim=0)`.",
            ),
        ),
        Mistake(
            "one mean for all numbers",
            _one_mean,
            (
                "How many means did you subtract?",
                "You subtracted a single number. Each of the D columns has a mean of its own: `rows.mean(0)`.",
                "`rows - rows.mean(dim=0)`, with `dim=0`.",
            ),
        ),
        Mistake(
            "centred for the directions only",
            _centred_only_for_the_directions,
            (
                "Is the mean of your map at the origin?",
                "The directions are right, but you projected the rows as they were, so the map is off by the place of the mean. Project the centred rows.",
                "`centred @ directions.T`, not `rows @ directions.T`.",
            ),
        ),
        Mistake(
            "columns of Vᵀ instead of rows",
            _columns_for_rows,
            (
                "Which side of your matrix of directions is D long, and do you take two rows of it, or two columns?",
                "`torch.linalg.svd` and numpy return V already transposed: the directions are its first two rows. (Of the V of `torch.svd` and of the eigenvectors of `eigh` they are the columns.)",
                "`Vh[:2]`, not `Vh[:, :2]`; of V or of eigenvectors two columns, not `V[:2]`.",
            ),
            fits=_is_columns_for_rows,
        ),
        Mistake(
            "left side of the SVD alone",
            _left_side_alone,
            (
                "How wide is your map along its first axis, and along its second?",
                "The columns of U say how the points are spread along each direction, but all at one width. Multiply by the singular values, or project on the rows of Vᵀ.",
                "`U[:, :2] * S[:2]`, or `centred @ Vh[:2].T`.",
            ),
        ),
        Mistake(
            "directions of least variance",
            _least_variance,
            (
                "Is your first coordinate wider than your second?",
                "`eigh` sorts its eigenvalues upwards: the largest two stand last.",
                "`eigh(...).eigenvectors[:, -2:].flip(1)`.",
            ),
        ),
        Mistake(
            "each column scaled to variance 1",
            _standardised,
            (
                "Does a wide column count more than a narrow one in your map?",
                "You divided by the standard deviations. All columns are in the same unit here, and how wide each one is, is what PCA should see.",
                "Only `rows - rows.mean(dim=0)`, without a division.",
            ),
        ),
    ],
    inputs=_clouds,
    difficulty=2,
    minutes=8,
    to="torch",
)


def _ranked(scores: np.ndarray, k: int, *, own: bool = False) -> np.ndarray:
    """The columns of the k largest scores of each row, largest first; (N, N) to (N, k)."""
    scores = scores.astype(float)
    if not own:
        np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1)[:, :k]


def _cosines(rows: np.ndarray) -> np.ndarray:
    return unit(rows) @ unit(rows).T


def _nearest(rows: np.ndarray, k: int) -> np.ndarray:
    """Rows (N, D) to the indices (N, k) of their nearest by cosine, nearest first."""
    return _ranked(_cosines(rows), k)


def _farthest(rows: np.ndarray, k: int) -> np.ndarray:
    return _ranked(-_cosines(rows), k)


def _euclidean(rows: np.ndarray, k: int) -> np.ndarray:
    return _ranked(-np.linalg.norm(rows[:, None] - rows[None], axis=-1), k)


nearest_by_cosine = Exercise(
    "Nearest neighbours by cosine",
    solution=_nearest,
    mistakes=[
        Mistake(
            "counted itself",
            lambda rows, k: _ranked(_cosines(rows), k, own=True),
            (
                "Which point is the first in each of your rows?",
                "Every point is its own nearest neighbour, at a cosine of 1, and tells you nothing. Leave it out, for example with -inf on the diagonal.",
                "`cosines.fill_diagonal_(-torch.inf)`.",
            ),
        ),
        Mistake(
            "not normalised",
            lambda rows, k: _ranked(rows @ rows.T, k),
            (
                "Make one vector ten times as long: do the neighbours of the others change?",
                "Those are dot products: long vectors are everybody's neighbours. Divide each row by its length first.",
                "`F.normalize(rows, dim=1)` before the product.",
            ),
        ),
        Mistake(
            "normalised over the wrong axis",
            lambda rows, k: _ranked(unit(rows, 0) @ unit(rows, 0).T, k),
            (
                "What is the length of each of your rows after the division?",
                "You divided each column by its length. A vector is a row.",
                "`F.normalize(rows, dim=1)`, not `dim=0`.",
            ),
        ),
        Mistake(
            "the farthest",
            _farthest,
            (
                "Are the cosines of your neighbours large or small?",
                "Sorting goes upwards, from the smallest cosine, and those are the farthest. Sort the negative cosines, or read from the end.",
                "`cosines.topk(k, dim=1).indices`.",
            ),
        ),
        Mistake(
            "nearest last",
            lambda rows, k: _nearest(rows, k)[:, ::-1],
            (
                "Is the first of your neighbours the nearest of them?",
                "The right neighbours in the wrong order: the nearest should come first.",
                "`topk(k, dim=1)` sorts the largest first.",
            ),
        ),
        Mistake(
            "Euclidean distance",
            _euclidean,
            (
                "Make one vector ten times as long: does it lose its neighbours?",
                "You compared places, and these vectors differ in length. The cosine compares directions only.",
                "`F.normalize(rows, dim=1)`, then the product with its transpose.",
            ),
        ),
    ],
    inputs=lambda rng: [
        ((rng.normal(size=(n, dims)) * rng.uniform(0.3, 3, (n, 1))).astype("float32"), k)
        for n, dims, k in ((4, 2, 2), (10, 4, 3), (8, 3, 4))
    ],
    difficulty=2,
    minutes=7,
    to="torch",
)

_Pair = tuple[np.ndarray, np.ndarray]
_OfTwo = Callable[[np.ndarray, np.ndarray], _Pair]


def _moved(by: _OfTwo, *, raw: bool = False, normalized: bool = True) -> _OfTwo:
    """A function of two clouds that subtracts what `by` says from each of them."""

    def move(images: np.ndarray, texts: np.ndarray) -> _Pair:
        clouds = (images, texts) if raw else (unit(images), unit(texts))
        first, second = (cloud - step for cloud, step in zip(clouds, by(*clouds), strict=True))
        return (unit(first), unit(second)) if normalized else (first, second)

    return move


def _shares(first: float, second: float) -> _OfTwo:
    """Subtract these shares of the difference of the two means, images minus texts."""

    def steps(images: np.ndarray, texts: np.ndarray) -> _Pair:
        difference = images.mean(0) - texts.mean(0)
        return first * difference, second * difference

    return steps


close_gap = Exercise(
    "Close the modality gap",
    # Liang et al. 2022, section 5: shift along the difference of the means, then normalise again.
    solution=_moved(_shares(0.5, -0.5)),
    mistakes=[
        Mistake(
            "moved apart",
            _moved(_shares(-0.5, 0.5)),
            (
                "Is the gap smaller after your shift, or larger?",
                "You doubled the gap: the images have to move towards the texts, against the difference of images minus texts.",
                "`images - half`, `texts + half`.",
            ),
        ),
        Mistake(
            "each moved the whole way",
            _moved(_shares(1, -1)),
            (
                "Where does each mean lie after your shift?",
                "Both clouds went the whole way and passed each other. To meet in the middle, each moves by half.",
                "`half = (images.mean(dim=0) - texts.mean(dim=0)) / 2`.",
            ),
        ),
        Mistake(
            "only one of the two moved",
            _moved(_shares(1, 0)),
            (
                "Which of the two clouds did you leave in its place?",
                "The gap is closed, but the images did all the walking. Each cloud moves by half.",
                "`images - half` and `texts + half`.",
            ),
        ),
        Mistake(
            "length 1 forgotten at the end",
            _moved(_shares(0.5, -0.5), normalized=False),
            (
                "How long are the rows that you return?",
                "After the shift the vectors are no longer of length 1: normalise them again.",
                "`F.normalize(images - half, dim=1)`.",
            ),
        ),
        Mistake(
            "length 1 forgotten at the start",
            _moved(_shares(0.5, -0.5), raw=True),
            (
                "How long are the rows that you were given?",
                "These are raw features, and long ones dominate the mean. Normalise every row first.",
                "`images = F.normalize(images, dim=1)` before the means.",
            ),
        ),
        Mistake(
            "each cloud centred",
            _moved(lambda images, texts: (images.mean(0), texts.mean(0))),
            (
                "Where is the mean of both clouds together, before and after?",
                "You moved both means to the origin. That closes the gap too, but throws away what the two have in common: they should meet in their middle.",
                "The shift is half of the *difference* of the means, for both clouds.",
            ),
        ),
    ],
    inputs=lambda rng: [
        tuple(
            ((rng.normal(size=(n, dims)) + shift) * rng.uniform(0.5, 3, (n, 1))).astype("float32")
            for shift in (0.8, -0.3)
        )
        for n, dims in ((3, 2), (7, 5), (7, 4))
    ],
    difficulty=3,
    minutes=8,
    to="torch",
)
