"""The exercises of notebook 05: windows, the mask of a shift, the cost of attention."""

from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake


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


_NAME_AXES = (
    "Name the axes with `tokens.reshape(B, rows // side, side, columns // side, side, D)`: they "
    "are 0 image, 1 row of windows, 2 row in the window, 3 column of windows, 4 column in the "
    "window, 5 channel."
)

cut_into_windows = Exercise(
    "Cut a grid into windows",
    solution=_windows_in_order(0, 1, 3, 2, 4, 5),
    mistakes=[
        Mistake(
            "one reshape and no permute",
            lambda tokens, side: tokens.reshape(-1, side * side, tokens.shape[-1]),
            (
                "Your first window is a strip of the grid, not a square.",
                "A reshape alone reads whole rows of the grid. Give rows and columns two axes "
                "each, then bring those of the windows to the front.",
                f"{_NAME_AXES} Then permute.",
            ),
        ),
        Mistake(
            "windows down the columns first",
            _windows_in_order(0, 3, 1, 2, 4, 5),
            (
                "Each window is right; look at their order.",
                "Reading order walks along the first row of windows, then along the second.",
                f"{_NAME_AXES} Axis 1 comes before axis 3.",
            ),
        ),
        Mistake(
            "rows and columns swapped within a window",
            _windows_in_order(0, 1, 3, 4, 2, 5),
            (
                "Each window holds the right tokens; look at their order.",
                "You read a window down its columns: read it row by row.",
                f"{_NAME_AXES} Axis 2 comes before axis 4.",
            ),
        ),
        Mistake(
            "both orders swapped",
            _windows_in_order(0, 3, 1, 4, 2, 5),
            (
                "Compare your second window with the grid: where should it lie?",
                "You read down the columns twice, from window to window and within each. Reading "
                "order goes along the rows both times.",
                f"{_NAME_AXES} The order is 0, 1, 3, 2, 4, 5.",
            ),
        ),
        Mistake(
            "images mixed",
            _windows_in_order(1, 3, 0, 2, 4, 5),
            (
                "Try two images: which windows come first?",
                "All windows of the first image come first. You put the same window of every "
                "image side by side.",
                f"{_NAME_AXES} Axis 0 stays in front.",
            ),
        ),
        Mistake(
            "tokens before windows",
            _windows_in_order(0, 2, 4, 1, 3, 5),
            (
                "The tokens of one of your windows lie far apart in the grid.",
                "You collect the tokens that stand at the same place of every window. The axes "
                "within a window come after those of the windows.",
                f"{_NAME_AXES} Axes 2 and 4 come after 1 and 3.",
            ),
        ),
        Mistake(
            "channels before tokens",
            lambda tokens, side: (
                _cells(tokens, side)
                .transpose(0, 1, 3, 5, 2, 4)
                .reshape(-1, side * side, tokens.shape[-1])
            ),
            (
                "With one channel your answer is right, with several it is not.",
                "The numbers of one token must stay together: the channel is the last axis.",
                f"{_NAME_AXES} Axis 5 stays last.",
            ),
        ),
    ],
    inputs=lambda rng: [
        (np.arange(16, dtype="float32").reshape(1, 4, 4, 1), 2),
        (rng.normal(size=(2, 4, 6, 3)).astype("float32"), 2),
        (rng.normal(size=(2, 6, 9, 2)).astype("float32"), 3),
        (np.arange(16, dtype="float32").reshape(2, 2, 4, 1), 2),  # two images
        (np.arange(16, dtype="float32").reshape(1, 2, 4, 2), 2),  # two channels
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


def _mask_from(region: np.ndarray, side: int, *axes: int) -> np.ndarray:
    """(W, A, A): True for two tokens of a window with the same number in `region`."""
    cut = _windows_in_order(*(axes or (0, 1, 3, 2, 4, 5)))
    windows = cut(region[None, ..., None], side)[..., 0]  # (W, A)
    return windows[:, :, None] == windows[:, None, :]


def _came_round(length: int, shift: int) -> np.ndarray:
    """True for the places at the far end, which a roll by -shift brings round."""
    return np.arange(length) >= length - shift


def _regions(rows: int, columns: int, shift: int) -> np.ndarray:
    return 2 * _came_round(rows, shift)[:, None] + _came_round(columns, shift)


def _shift_mask(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    return _mask_from(_regions(rows, columns, shift), side)


def _rolled_the_other_way(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(rows) < shift)[:, None] + (np.arange(columns) < shift)
    return _mask_from(region, side)


def _rows_only(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    return _mask_from(np.repeat(_came_round(rows, shift)[:, None], columns, axis=1), side)


def _columns_only(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    return _mask_from(np.repeat(_came_round(columns, shift)[None], rows, axis=0), side)


def _either(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = _came_round(rows, shift)[:, None] | _came_round(columns, shift)
    return _mask_from(region, side)


def _added_up(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = _came_round(rows, shift)[:, None].astype(int) + _came_round(columns, shift)
    return _mask_from(region, side)


def _both(rows: int, columns: int, side: int, shift: int) -> np.ndarray:
    region = _came_round(rows, shift)[:, None] & _came_round(columns, shift)
    return _mask_from(region, side)


_FOUR_REGIONS = (
    "`2 * from_top[:, None] + from_left` is 0, 1, 2 or 3, where from_top is True for the last "
    "`shift` rows and from_left for the last `shift` columns."
)

mask_after_the_shift = Exercise(
    "The mask of shifted windows",
    solution=_shift_mask,
    mistakes=[
        Mistake(
            "no mask at all",
            lambda rows, columns, side, shift: np.ones_like(
                _shift_mask(rows, columns, side, shift)
            ),
            (
                "Everything may see everything: is that right in the last window?",
                "After the roll the last windows hold tokens from opposite edges of the image. "
                "Give every place of the rolled grid a number for its region; cut those numbers "
                "into windows, and compare.",
                _FOUR_REGIONS,
            ),
        ),
        Mistake(
            "rolled the other way",
            _rolled_the_other_way,
            (
                "Where in the rolled grid do the tokens arrive that came round?",
                "The roll goes up and to the left, so what comes round arrives at the *end* of "
                "the rows and columns, not at their beginning.",
                "`np.arange(rows) >= rows - shift` is True for rows that came round.",
            ),
        ),
        Mistake(
            "columns forgotten",
            _rows_only,
            (
                "Look at a window at the right edge.",
                "You keep the top and the bottom edge apart; the left and the right edge meet too.",
                _FOUR_REGIONS,
            ),
        ),
        Mistake(
            "rows forgotten",
            _columns_only,
            (
                "Look at a window at the bottom edge.",
                "You keep the left and the right edge apart; the top and the bottom edge meet too.",
                _FOUR_REGIONS,
            ),
        ),
        Mistake(
            "two regions instead of four",
            _either,
            (
                "Look at the last window: how many parts of the image meet there?",
                "What came round from the top, from the left and from both are three different "
                "places. Give each combination a number of its own.",
                _FOUR_REGIONS,
            ),
        ),
        Mistake(
            "three regions instead of four",
            _added_up,
            (
                "Look at the last window: which two parts of the image have the same number?",
                "A sum of two yes-or-no values gives 1 for 'from the top' and for 'from the "
                "left'. Those are different places.",
                _FOUR_REGIONS,
            ),
        ),
        Mistake(
            "only the corner apart",
            _both,
            (
                "Look at a window at the right edge that is not the last.",
                "You set apart only what came round over both edges. One edge is enough.",
                _FOUR_REGIONS,
            ),
        ),
        Mistake(
            "windows down the columns first",
            lambda rows, columns, side, shift: _mask_from(
                _regions(rows, columns, shift), side, 0, 3, 1, 2, 4, 5
            ),
            (
                "Each window has a right mask; look at their order.",
                "Windows are in reading order: along the first row of windows, then the second.",
                "As in the exercise above: permute to (row of windows, column of windows, row, "
                "column).",
            ),
        ),
        Mistake(
            "one row and column too few",
            lambda rows, columns, side, shift: _mask_from(_regions(rows, columns, shift - 1), side),
            (
                "Count the rows that came round.",
                "A roll by `shift` brings `shift` rows and `shift` columns round. You have one "
                "fewer of each.",
                "`np.arange(rows) >= rows - shift`, not `>`.",
            ),
        ),
        Mistake(
            "True and False swapped",
            lambda *sizes: ~_shift_mask(*sizes),
            (
                "May a token see itself in your mask?",
                "True is to mean that one token *may* see the other.",
                "Compare with `==`, not with `!=`.",
            ),
        ),
    ],
    inputs=[(4, 4, 2, 1), (8, 12, 4, 2), (6, 3, 3, 1), (4, 8, 4, 3)],
    difficulty=4,
    minutes=15,
)


def _cost(patches: int, side: int, width: int) -> int:
    return 4 * patches * width**2 + 2 * patches * side**2 * width


_TWO_PRODUCTS = "For each patch: side · side · width to compare, and as much again to average."

window_attention_cost = Exercise(
    "The cost of attention in windows",
    solution=_cost,
    mistakes=[
        Mistake(
            "projections forgotten",
            lambda patches, side, width: 2 * patches * side**2 * width,
            (
                "What happens to a token before it is compared, and after the average?",
                "Query, key, value and the projection at the end are four matrices of width x "
                "width, applied to every patch.",
                "They add 4 · patches · width².",
            ),
        ),
        Mistake(
            "projection at the end forgotten",
            lambda patches, side, width: 3 * patches * width**2 + 2 * patches * side**2 * width,
            (
                "How many matrices does an attention layer have?",
                "Query, key and value are three; after the average comes one more.",
                "The matrices cost 4 · patches · width².",
            ),
        ),
        Mistake(
            "attention over the whole image",
            lambda patches, side, width: 4 * patches * width**2 + 2 * patches**2 * width,
            (
                "How many tokens does one token meet?",
                "That is global attention. A patch meets only the side x side patches of its "
                "window.",
                _TWO_PRODUCTS,
            ),
        ),
        Mistake(
            "side instead of area",
            lambda patches, side, width: 4 * patches * width**2 + 2 * patches * side * width,
            (
                "How many tokens are in a window?",
                "A window holds side x side patches: each of them meets all of these.",
                _TWO_PRODUCTS,
            ),
        ),
        Mistake(
            "one product only",
            lambda patches, side, width: 4 * patches * width**2 + patches * side**2 * width,
            (
                "What happens to the weights after the softmax?",
                "There are two products: queries with keys, then weights with values.",
                _TWO_PRODUCTS,
            ),
        ),
        Mistake(
            "windows attend to windows",
            lambda patches, side, width: (
                4 * patches * width**2 + 2 * (patches // side**2) ** 2 * width
            ),
            (
                "Who attends to whom?",
                "You squared the number of windows. Windows do not look at each other: add up "
                "what happens within each.",
                _TWO_PRODUCTS,
            ),
        ),
        Mistake(
            "one window only",
            lambda patches, side, width: 4 * patches * width**2 + 2 * side**4 * width,
            (
                "How many windows are there?",
                "You counted the meetings within one window; there are patches / side² windows.",
                _TWO_PRODUCTS,
            ),
        ),
        Mistake(
            "multiplications and additions counted apart",
            lambda patches, side, width: 2 * _cost(patches, side, width),
            (
                "Every number of yours is twice the right one.",
                "A multiply-add is one multiplication together with one addition.",
                "Divide by two.",
            ),
        ),
    ],
    inputs=[(16, 2, 3), (64, 4, 32), (3136, 7, 96), (144, 3, 24)],
    difficulty=2,
    minutes=5,
)
