"""The exercises of notebook 04: the sine-cosine table, a turn of pairs, a resized table."""

from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake


def _places(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every patch, patches row by row."""
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    return row.ravel(), column.ravel()


def _places_from_1(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    row, column = _places(rows, columns)
    return row + 1, column + 1


def _frequencies(dim: int) -> np.ndarray:
    return 10_000.0 ** -(np.arange(dim // 4) / (dim // 4))


def _sincos(
    row: np.ndarray, column: np.ndarray, frequencies: np.ndarray, interleaved: bool = False
) -> np.ndarray:
    angles = np.concatenate([row[:, None] * frequencies, column[:, None] * frequencies], axis=1)
    if interleaved:
        return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(row), -1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def _column_by_column(rows: int, columns: int, dim: int) -> np.ndarray:
    column, row = _places(columns, rows)
    return _sincos(row, column, _frequencies(dim))


def _row_first(rows: int, columns: int, dim: int) -> np.ndarray:
    angles = [place[:, None] * _frequencies(dim) for place in _places(rows, columns)]
    return np.concatenate([wave(one) for one in angles for wave in (np.sin, np.cos)], axis=1)


sincos_table = Exercise(
    "Sines and cosines for a grid",
    solution=lambda rows, columns, dim: _sincos(*_places(rows, columns), _frequencies(dim)),
    mistakes=[
        Mistake(
            "row and column swapped",
            lambda rows, columns, dim: _sincos(*_places(rows, columns)[::-1], _frequencies(dim)),
            (
                "Which of the two axes comes first?",
                "Each quarter of sines and cosines is right, but the column's stands where the row's "
                "should be: the row comes first.",
                "The line is torch.cat([row * omega, column * omega], dim=1).",
            ),
        ),
        Mistake(
            "column by column",
            _column_by_column,
            (
                "In which order are the patches numbered?",
                "Your places run down the columns first; patches are numbered row by row.",
                'meshgrid(rows, columns, indexing="ij"), then flatten.',
            ),
        ),
        Mistake(
            "frequencies spread over the whole width",
            lambda rows, columns, dim: _sincos(
                *_places(rows, columns), 10_000.0 ** -(np.arange(dim // 4) / dim)
            ),
            (
                "Compare your slowest frequency with the formula.",
                "Your frequencies fall too slowly: a quarter of the width belongs to each of sine and "
                "cosine, row and column, so divide k by dim / 4.",
                "omega = 10_000.0 ** -(arange(dim // 4) / (dim // 4))",
            ),
        ),
        Mistake(
            "frequencies that grow",
            lambda rows, columns, dim: _sincos(*_places(rows, columns), 1 / _frequencies(dim)),
            (
                "Is your last frequency slow or fast?",
                "The exponent is negative: frequencies fall from 1 towards 1/10,000.",
                "omega = 10_000.0 ** -(arange(dim // 4) / (dim // 4))",
            ),
        ),
        Mistake(
            "sine and cosine in turn",
            lambda rows, columns, dim: _sincos(
                *_places(rows, columns), _frequencies(dim), interleaved=True
            ),
            (
                "In which order do sine and cosine stand?",
                "All the numbers are there, but sine and cosine take turns. Here, as in MAE, all sines "
                "stand before all cosines.",
                "torch.cat([angles.sin(), angles.cos()], dim=1)",
            ),
        ),
        Mistake(
            "sine and cosine of the row first",
            lambda rows, columns, dim: _row_first(rows, columns, dim),
            (
                "In which order are the four quarters?",
                "Here all sines stand before all cosines: sin row, sin column, cos row, cos column.",
                "torch.cat([angles.sin(), angles.cos()], dim=1)",
            ),
        ),
        Mistake(
            "cosines first",
            lambda rows, columns, dim: np.roll(
                _sincos(*_places(rows, columns), _frequencies(dim)), dim // 2, axis=1
            ),
            (
                "Which comes first?",
                "The sines stand before the cosines.",
                "torch.cat([angles.sin(), angles.cos()], dim=1)",
            ),
        ),
        Mistake(
            "places from 1",
            lambda rows, columns, dim: _sincos(*_places_from_1(rows, columns), _frequencies(dim)),
            (
                "What is the sine of the first place?",
                "Places are counted from 0, so all sines of the first patch are 0.",
                "torch.arange(rows), not torch.arange(1, rows + 1)",
            ),
        ),
        Mistake(
            "frequencies end at 1/100",
            lambda rows, columns, dim: _sincos(
                *_places(rows, columns), 100.0 ** -(np.arange(dim // 4) / (dim // 4))
            ),
            (
                "How slow is your slowest wave?",
                "Your frequencies fall towards 1/100: the base is 100, as in RoPE, or k is divided by D/2.",
                "omega = 10_000.0 ** -(arange(dim // 4) / (dim // 4))",
            ),
        ),
    ],
    inputs=lambda rng: [(1, 3, 8), (2, 3, 8), (3, 2, 16)],
    difficulty=3,
    minutes=12,
)


def _turn(
    first: np.ndarray, second: np.ndarray, angles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = np.cos(angles), np.sin(angles)
    return first * cosine - second * sine, first * sine + second * cosine


def _neighbours(vectors: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn (0, 1), (2, 3), ... by angles (T, d/2)."""
    pairs = _turn(vectors[:, 0::2], vectors[:, 1::2], angles)
    return np.stack(pairs, axis=-1).reshape(vectors.shape)


def _halves(vectors: np.ndarray, places: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    half = vectors.shape[1] // 2
    angles = places[:, None] * frequencies
    return np.concatenate(_turn(vectors[:, :half], vectors[:, half:], angles), axis=1)


def _parts_apart(vectors: np.ndarray, places: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    pairs = _turn(vectors[:, 0::2], vectors[:, 1::2], places[:, None] * frequencies)
    return np.concatenate(pairs, axis=1)


def _mirrored(vectors: np.ndarray, places: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    angles = places[:, None] * frequencies
    first, second = vectors[:, 0::2], vectors[:, 1::2]
    pairs = (
        first * np.cos(angles) + second * np.sin(angles),
        first * np.sin(angles) - second * np.cos(angles),
    )
    return np.stack(pairs, axis=-1).reshape(vectors.shape)


turn_pairs = Exercise(
    "Turn the pairs",
    solution=lambda vectors, places, frequencies: _neighbours(
        vectors, places[:, None] * frequencies
    ),
    mistakes=[
        Mistake(
            "halves paired",
            _halves,
            (
                "Which two channels are a pair?",
                "You pair channel i with channel i + d/2, as Llama does. A fine RoPE, but weights "
                "trained with the one order fail with the other: here neighbours are a pair.",
                "first, second = vectors[:, 0::2], vectors[:, 1::2]",
            ),
        ),
        Mistake(
            "place forgotten",
            lambda vectors, places, frequencies: _neighbours(
                vectors, np.ones_like(places)[:, None] * frequencies
            ),
            (
                "Does a later token turn further?",
                "Every token is turned by the same angle: the angle is frequency times place.",
                "angles = places[:, None] * frequencies",
            ),
        ),
        Mistake(
            "turned the other way",
            lambda vectors, places, frequencies: _neighbours(
                vectors, -places[:, None] * frequencies
            ),
            (
                "In which direction does your first pair turn?",
                "You turn clockwise: the minus belongs to the sine of the first row, "
                "(x cos - y sin, x sin + y cos).",
                "(first * cos - second * sin, first * sin + second * cos)",
            ),
        ),
        Mistake(
            "parts not put back",
            _parts_apart,
            (
                "In which order are the channels of your result?",
                "The turn is right, but the pairs came apart: put the two halves of each pair back "
                "next to each other.",
                "torch.stack(turned, dim=-1).flatten(1)",
            ),
        ),
        Mistake(
            "length not kept",
            lambda vectors, places, frequencies: (
                vectors * np.repeat(np.cos(places[:, None] * frequencies), 2, axis=1)
            ),
            (
                "Are the vectors still as long as before?",
                "You only multiply by the cosine. A turn keeps the length of each pair and mixes its "
                "two numbers.",
                "(first * cos - second * sin, first * sin + second * cos)",
            ),
        ),
        Mistake(
            "counted instead of the places given",
            lambda vectors, places, frequencies: _neighbours(
                vectors, np.arange(len(places))[:, None] * frequencies
            ),
            (
                "Where do the places come from?",
                "The places are given; they need not be 0, 1, 2, …",
                "angles = places[:, None] * frequencies",
            ),
        ),
        Mistake(
            "mirrored instead of turned",
            lambda vectors, places, frequencies: _mirrored(vectors, places, frequencies),
            (
                "What does your rule do to a vector at place 0?",
                "At place 0 a turn changes nothing; yours changes the sign of the second number.",
                "(first * cos - second * sin, first * sin + second * cos)",
            ),
        ),
        Mistake(
            "whole turns",
            lambda vectors, places, frequencies: _neighbours(
                vectors, 2 * np.pi * places[:, None] * frequencies
            ),
            (
                "In which unit is the frequency?",
                "A frequency is in radians per place, not in turns.",
                "angles = places[:, None] * frequencies",
            ),
        ),
        Mistake(
            "degrees",
            lambda vectors, places, frequencies: _neighbours(
                vectors, np.radians(places[:, None] * frequencies)
            ),
            (
                "How far do your vectors turn at all?",
                "A frequency is in radians already.",
                "angles = places[:, None] * frequencies",
            ),
        ),
    ],
    inputs=lambda rng: [
        (
            np.array([[1.0, 0.0], [2.0, 1.0]], dtype="float32"),
            np.array([0.0, 2.0], dtype="float32"),
            np.array([0.5], dtype="float32"),
        ),
        (
            rng.normal(size=(5, 8)).astype("float32"),
            np.arange(5, dtype="float32"),
            np.array([1.0, 0.5, 0.25, 0.1], dtype="float32"),
        ),
        (
            rng.normal(size=(3, 4)).astype("float32"),
            np.array([7.0, 2.0, 0.0], dtype="float32"),
            np.array([0.8, 0.3], dtype="float32"),
        ),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


def _cubic(distance: np.ndarray, sharpness: float) -> np.ndarray:
    """Keys' cubic convolution kernel."""
    x, a = np.abs(distance), sharpness
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _antialiased(size: int, new: int, kernel: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Weights (new, size) that resize an axis; a kernel that leaves the edge is normalised."""
    scale = size / new
    centers = (np.arange(new) + 0.5) * scale
    wide = max(scale, 1.0)
    weights = kernel((np.arange(size) + 0.5 - centers[:, None]) / wide)
    return weights / weights.sum(axis=1, keepdims=True)


def _bicubic(size: int, new: int) -> np.ndarray:
    return _antialiased(size, new, lambda x: _cubic(x, -0.5))


def _bilinear(size: int, new: int) -> np.ndarray:
    return _antialiased(size, new, lambda x: np.maximum(1 - np.abs(x), 0))


def _bicubic_aliased(size: int, new: int) -> np.ndarray:
    """As torch without antialias: another kernel, not widened, the edge repeated."""
    at = (np.arange(new) + 0.5) * size / new - 0.5
    weights = np.zeros((new, size))
    for step in range(-1, 3):
        index = np.floor(at).astype(int) + step
        np.add.at(weights, (np.arange(new), np.clip(index, 0, size - 1)), _cubic(at - index, -0.75))
    return weights


def _nearest(size: int, new: int) -> np.ndarray:
    return np.eye(size)[np.arange(new) * size // new]


_Grid = tuple[int, int]
_Weights = Callable[[int, int], np.ndarray]  # of an old and a new size


def _resized(
    patches: np.ndarray, old: _Grid, new: _Grid, weights: _Weights = _bicubic
) -> np.ndarray:
    """(R*C, D) of a grid as (R'*C', D) of another."""
    table = patches.reshape(*old, -1)
    down, across = weights(old[0], new[0]), weights(old[1], new[1])
    resized = np.einsum("ir,jc,rcd->ijd", down, across, table)
    return resized.reshape(new[0] * new[1], -1)


def _with_class_token(
    table: np.ndarray, old: _Grid, new: _Grid, weights: _Weights = _bicubic
) -> np.ndarray:
    return np.concatenate([table[:1], _resized(table[1:], old, new, weights)])


def _class_token_last(table: np.ndarray, old: _Grid, new: _Grid) -> np.ndarray:
    return np.concatenate([table[-1:], _resized(table[:-1], old, new)])


resize_table = Exercise(
    "Resize a learned table",
    solution=_with_class_token,
    mistakes=[
        Mistake(
            "class token forgotten",
            lambda table, old, new: _resized(table[1:], old, new),
            (
                "How many rows should the new table have?",
                "The class token's vector is missing: it has no place in the grid, so it is set "
                "aside, and put back in front unchanged.",
                "torch.cat([table[:1], resized])",
            ),
        ),
        Mistake(
            "class token at the end",
            _class_token_last,
            (
                "Where does the class token stand?",
                "You took the last vector for the class token's; it is the first.",
                "table[:1] is the class token, table[1:] are the patches.",
            ),
        ),
        Mistake(
            "rows and columns swapped",
            lambda table, old, new: _with_class_token(table, old[::-1], new),
            (
                "How is the old grid numbered?",
                "You unfold the table as columns x rows: neighbours in the image are torn apart.",
                "table[1:].reshape(1, *old, -1).permute(0, 3, 1, 2)",
            ),
        ),
        Mistake(
            "bilinear",
            lambda table, old, new: _with_class_token(table, old, new, _bilinear),
            (
                "Which kind of interpolation is it?",
                "That is bilinear: the course, like timm, takes bicubic.",
                'interpolate(..., mode="bicubic", antialias=True)',
            ),
        ),
        Mistake(
            "not antialiased",
            lambda table, old, new: _with_class_token(table, old, new, _bicubic_aliased),
            (
                "Compare your options with those of the task.",
                "Bicubic is right; antialias=True is missing.",
                'interpolate(..., mode="bicubic", antialias=True)',
            ),
        ),
        Mistake(
            "nearest",
            lambda table, old, new: _with_class_token(table, old, new, _nearest),
            (
                "Are there new values in your table, or only repeated ones?",
                "You repeat the nearest vector; bicubic mixes its neighbours.",
                'interpolate(..., mode="bicubic", antialias=True)',
            ),
        ),
    ],
    inputs=lambda rng: [
        # No new side is 1: there torch (2.15) resizes wrongly what stands in columns.
        (np.array([[9], [1], [2], [4], [8], [5], [7]], dtype="float32"), (2, 3), (2, 2)),
        # The same size again: what changes here was put into the wrong place.
        (np.arange(14, dtype="float32").reshape(7, 2), (2, 3), (2, 3)),
        # Two channels and another size: what is unfolded wrongly does not fold back.
        (np.array([[9, 6], [1, 5], [2, 0], [4, 7], [8, 3]], "float32"), (2, 2), (2, 3)),
        (rng.normal(size=(13, 5)).astype("float32"), (3, 4), (6, 8)),
        (rng.normal(size=(21, 3)).astype("float32"), (5, 4), (3, 6)),
    ],
    difficulty=4,
    minutes=12,
    to="torch",
)
