"""The exercises of notebook 05: windows, the mask of a shift, the cost of attention."""

from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _cells(tokens: np.ndarray, side: int) -> np.ndarray:
    """Tokens (B, rows, columns, D) with named axes: (B, high, side, wide, side, D)."""
    batch, rows, columns, channels = tokens.shape
    return tokens.reshape(batch, rows // side, side, columns // side, side, channels)


def _windows_in_order(*axes: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Windows (B*W, A, D) from the axes of `_cells` in that order."""

    def partition(tokens: np.ndarray, side: int) -> np.ndarray:
        cells = _cells(tokens, side).transpose(axes)
        return cells.reshape(-1, side * side, tokens.shape[-1])

    return partition


cut_into_windows = Exercise(
    "Cut a grid into windows",
    solution=_windows_in_order(0, 1, 3, 2, 4, 5),
    mistakes=[
        Mistake(
            "one reshape and no permute",
            lambda tokens, side: tokens.reshape(-1, side * side, tokens.shape[-1]),
            "A reshape alone reads whole rows of the grid: your first window is a strip, not a "
            "square. Name the axes first, then bring those of the windows to the front.",
        ),
        Mistake(
            "windows down the columns first",
            _windows_in_order(0, 3, 1, 2, 4, 5),
            "Each window is right, their order is not: walk along the first row of windows, then "
            "along the second.",
        ),
        Mistake(
            "rows and columns swapped within a window",
            _windows_in_order(0, 1, 3, 4, 2, 5),
            "Each window holds the right tokens, read down its columns: read it row by row.",
        ),
        Mistake(
            "images mixed",
            _windows_in_order(1, 3, 0, 2, 4, 5),
            "All windows of the first image come first. You put the same window of every image "
            "side by side.",
        ),
    ],
    inputs=lambda rng: [
        (rng.normal(size=(2, 4, 6, 3)).astype("float32"), 2),
        (rng.normal(size=(2, 6, 9, 2)).astype("float32"), 3),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


def _mask_from(region: np.ndarray, side: int) -> np.ndarray:
    """(W, A, A): True for two tokens of a window with the same number in `region`."""
    windows = _windows_in_order(0, 1, 3, 2, 4, 5)(region[None, ..., None], side)[..., 0]  # (W, A)
    return windows[:, :, None] == windows[:, None, :]


def _came_round(length: int, shift: int) -> np.ndarray:
    """True for the places at the far end, which a roll by -shift brings round."""
    return np.arange(length) >= length - shift


def _shift_mask(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = 2 * _came_round(rows, shift)[:, None] + _came_round(columns, shift)
    return _mask_from(region, side)


def _rolled_the_other_way(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(rows) < shift)[:, None] + (np.arange(columns) < shift)
    return _mask_from(region, side)


def _rows_only(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    return _mask_from(np.repeat(_came_round(rows, shift)[:, None], columns, axis=1), side)


def _either(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = _came_round(rows, shift)[:, None] | _came_round(columns, shift)
    return _mask_from(region, side)


mask_after_the_shift = Exercise(
    "The mask of shifted windows",
    solution=_shift_mask,
    mistakes=[
        Mistake(
            "no mask at all",
            lambda rows, columns, side, shift: np.ones_like(
                _shift_mask(rows, columns, side, shift)
            ),
            "Everything may see everything. After the roll the last windows hold tokens from "
            "opposite edges of the image: keep those apart.",
        ),
        Mistake(
            "rolled the other way",
            _rolled_the_other_way,
            "The roll goes up and to the left, so what comes round arrives at the *end* of the "
            "rows and columns, not at their beginning.",
        ),
        Mistake(
            "columns forgotten",
            _rows_only,
            "You keep the top and the bottom edge apart; the left and the right edge meet too.",
        ),
        Mistake(
            "two regions instead of four",
            _either,
            "In the corner window, what came round from the top, from the left and from both are "
            "three different places. Give each combination a number of its own.",
        ),
        Mistake(
            "True and False swapped",
            lambda *sizes: ~_shift_mask(*sizes),
            "True is to mean that one token *may* see the other; a token always sees itself.",
        ),
    ],
    inputs=[(8, 12, 4, 2), (6, 3, 3, 1), (4, 8, 4, 3)],
    difficulty=4,
    minutes=15,
)

window_attention_cost = Exercise(
    "The cost of attention in windows",
    solution=lambda patches, side, width: 4 * patches * width**2 + 2 * patches * side**2 * width,
    mistakes=[
        Mistake(
            "projections forgotten",
            lambda patches, side, width: 2 * patches * side**2 * width,
            "Those are the two products of attention. Query, key, value and the projection at the "
            "end are four matrices of width x width, applied to every patch.",
        ),
        Mistake(
            "attention over the whole image",
            lambda patches, side, width: 4 * patches * width**2 + 2 * patches**2 * width,
            "That is global attention. A patch meets only the side x side patches of its window.",
        ),
        Mistake(
            "side instead of area",
            lambda patches, side, width: 4 * patches * width**2 + 2 * patches * side * width,
            "A window holds side x side patches: each of them meets all of these.",
        ),
        Mistake(
            "one product only",
            lambda patches, side, width: 4 * patches * width**2 + patches * side**2 * width,
            "There are two products: queries with keys, then weights with values.",
        ),
        Mistake(
            "windows attend to windows",
            lambda patches, side, width: (
                4 * patches * width**2 + 2 * (patches // side**2) ** 2 * width
            ),
            "You squared the number of windows. Windows do not look at each other: add up what "
            "happens within each.",
        ),
    ],
    inputs=[(64, 4, 32), (3136, 7, 96), (144, 3, 24)],
    difficulty=2,
    minutes=5,
)
