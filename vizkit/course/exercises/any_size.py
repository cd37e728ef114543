"""The exercises of notebook 16: the mask, what a canvas keeps, partners to merge, what it costs."""

import math
from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import unit

# ── The mask of packed pictures ───────────────────────────────────────────────────────────────────


def _owner(lengths: np.ndarray) -> np.ndarray:
    """Which picture each place belongs to, (T,)."""
    return np.repeat(np.arange(len(lengths)), lengths)


def _mask(lengths: np.ndarray) -> np.ndarray:
    """True where two places belong to one picture, (T, T)."""
    owner = _owner(lengths)
    return owner[:, None] == owner[None, :]


def _lengths(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """How many tokens each picture has; no two orders of them give the same mask."""
    return [(np.array([2, 1, 3]),), (np.array([4, 2, 5, 1, 2]),), (rng.integers(1, 7, size=6),)]


def _near(lengths: np.ndarray) -> np.ndarray:
    places = np.arange(lengths.sum())
    return np.abs(places[:, None] - places[None, :]) < lengths.max()


packed_mask = Exercise(
    "The mask of packed pictures",
    solution=_mask,
    mistakes=[
        Mistake(
            "the pictures see the others, not themselves",
            lambda lengths: ~_mask(lengths),
            (
                "May the first token of your mask see itself?",
                "True means may see. Yours is True where the pictures differ.",
                "owner[:, None] == owner[None, :]",
            ),
        ),
        Mistake(
            "no token sees a later one",
            lambda lengths: np.tril(_mask(lengths)),
            (
                "May the first token of a picture see the last one of the same picture?",
                "An image encoder has no before and after: within a picture all see all. A triangle "
                "belongs to a language model that must not read ahead.",
                "Leave out the triangle.",
            ),
        ),
        Mistake(
            "everybody sees everybody",
            lambda lengths: np.ones((lengths.sum(),) * 2, bool),
            (
                "What does your mask forbid?",
                "Tokens of different pictures must not see each other.",
                "Number the pictures, give each place the number of its picture, and compare.",
            ),
        ),
        Mistake(
            "tokens see themselves only",
            lambda lengths: np.eye(lengths.sum(), dtype=bool),
            (
                "How many True entries has a picture of three tokens in your mask?",
                "All tokens of a picture see each other: three tokens make nine entries.",
                "owner[:, None] == owner[None, :], with one number for all tokens of a picture",
            ),
        ),
        Mistake(
            "all blocks of one size",
            lambda lengths: (
                (place := np.arange(lengths.sum()) // lengths[0])[:, None] == place[None, :]
            ),
            (
                "Where does the second picture end in your mask?",
                "Each picture has a length of its own. Yours cuts every so many places.",
                "torch.repeat_interleave(torch.arange(len(lengths)), lengths)",
            ),
        ),
        Mistake(
            "near instead of in the same picture",
            _near,
            (
                "Does the last token of a picture see the first one of the next in your mask?",
                "Being close in the sequence says nothing: at a border two neighbours are strangers.",
                "Compare the numbers of the pictures, not the places.",
            ),
        ),
        Mistake(
            "a row for each picture",
            lambda lengths: np.arange(len(lengths))[:, None] == _owner(lengths)[None, :],
            (
                "How many rows has your mask?",
                "A row says what one token may see: as many rows as tokens.",
                "owner[:, None] == owner[None, :], with owner of length T on both sides",
            ),
        ),
        Mistake(
            "one picture too many",
            lambda lengths: (
                (owner := (np.arange(lengths.sum())[:, None] > np.cumsum(lengths)).sum(1))[:, None]
                == owner[None, :]
            ),
            (
                "At which place does the second picture begin in your mask?",
                "Places count from 0: with a first length of 2, place 2 is the second picture's.",
                "places >= ends, not places > ends",
            ),
        ),
    ],
    inputs=_lengths,
    difficulty=2,
    minutes=8,
    to="torch",
)

# ── What a canvas keeps ───────────────────────────────────────────────────────────────────────────


def _scale(
    height: float,
    width: float,
    canvases: np.ndarray,
    which: Callable[..., np.ndarray] = np.min,
) -> np.ndarray:
    """How much a picture is enlarged on each canvas, (n,)."""
    return which(canvases / np.array([height, width]), axis=1)


def _kept(height: float, width: float, canvases: np.ndarray) -> np.ndarray:
    """Pixels of the picture on each canvas, at most those that it has: (n,)."""
    scaled = _scale(height, width, canvases) ** 2 * height * width
    return np.minimum(scaled, height * width).astype(float)


def _pictures_and_canvases(rng: np.random.Generator) -> list[tuple[int, int, np.ndarray]]:
    """A height, a width, and canvases (n, 2) of height and width; some larger than the picture."""
    return [
        (40, 20, np.array([[20.0, 20.0], [20.0, 40.0], [40.0, 20.0], [60.0, 60.0]])),
        (300, 500, np.array([[336.0, 672.0], [672.0, 336.0], [336.0, 336.0], [150.0, 300.0]])),
        (123, 77, np.round(rng.uniform(30, 300, size=(6, 2)))),
    ]


pixels_kept = Exercise(
    "What a canvas keeps",
    solution=_kept,
    mistakes=[
        Mistake(
            "enlarging counts",
            lambda height, width, canvases: _scale(height, width, canvases) ** 2 * height * width,
            (
                "Can a canvas keep more pixels than the picture has?",
                "A picture that is blown up has more pixels, but it shows no more.",
                "Take the smaller of that number and height * width.",
            ),
        ),
        Mistake(
            "the canvas filled",
            lambda height, width, canvases: np.minimum(
                _scale(height, width, canvases, np.max) ** 2 * height * width, height * width
            ),
            (
                "Does the whole picture lie on your canvas?",
                "It must fit both ways: the smaller of the two scales decides.",
                "min of canvas height / height and canvas width / width",
            ),
        ),
        Mistake(
            "all of the canvas",
            lambda height, width, canvases: np.minimum(canvases.prod(1), height * width),
            (
                "Do the black bars belong to the picture?",
                "You counted the canvas. Wanted are the pixels that the picture has on it.",
                "(scale * height) * (scale * width)",
            ),
        ),
        Mistake(
            "one side scaled",
            lambda height, width, canvases: np.minimum(
                _scale(height, width, canvases) * height * width, height * width
            ),
            (
                "At half the scale, how many of four pixels are left?",
                "Both sides are scaled: the number of pixels goes with the square of the scale.",
                "scale ** 2 * height * width",
            ),
        ),
        Mistake(
            "height and width exchanged",
            lambda height, width, canvases: _kept(width, height, canvases),
            (
                "Which of the two numbers of a canvas is its height?",
                "Canvases are (height, width). You put the picture on its side.",
                "canvases[:, 0] / height and canvases[:, 1] / width",
            ),
        ),
        Mistake(
            "what is wasted",
            lambda height, width, canvases: canvases.prod(1) - _kept(height, width, canvases),
            (
                "Is a large number good or bad in your answer?",
                "You return the pixels of the canvas that the picture does not use.",
                "Leave out the canvas's own pixels.",
            ),
        ),
        Mistake(
            "a share of the picture",
            lambda height, width, canvases: _kept(height, width, canvases) / (height * width),
            (
                "Is your answer a number of pixels?",
                "You return a share from 0 to 1. Wanted are pixels.",
                "Do not divide by height * width.",
            ),
        ),
    ],
    inputs=_pictures_and_canvases,
    difficulty=2,
    minutes=8,
    to="torch",
)

# ── Partners to merge ─────────────────────────────────────────────────────────────────────────────


def _partners(keys: np.ndarray) -> np.ndarray:
    """For every token at an even place the place of the most similar one at an odd place."""
    return 2 * (unit(keys[::2]) @ unit(keys[1::2]).T).argmax(1) + 1


def _keys(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Keys (T, d) of very different lengths, so that a product is no cosine."""

    def scale(rows: int) -> np.ndarray:
        return rng.uniform(0.2, 5, size=(rows, 1))

    return [
        (np.array([[1.0, 0.2], [0.1, 3.0], [-0.3, 1.0], [0.5, 0.1], [-1.0, -0.4], [-4.0, 4.0]]),),
        (rng.normal(size=(12, 4)) * scale(12),),
        (rng.normal(size=(17, 3)) * scale(17),),
        (rng.normal(size=(24, 5)) * scale(24),),
    ]


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a[:, None] - b[None, :], axis=2)


def _likest_of_all(keys: np.ndarray) -> np.ndarray:
    cosine = unit(keys) @ unit(keys).T
    np.fill_diagonal(cosine, -np.inf)
    return cosine.argmax(1)[::2]


partners = Exercise(
    "Partners to merge",
    solution=_partners,
    mistakes=[
        Mistake(
            "a product instead of a cosine",
            lambda keys: 2 * (keys[::2] @ keys[1::2].T).argmax(1) + 1,
            (
                "Which token do your tokens choose if one of the keys is very long?",
                "A long key has a large product with many. A cosine does not ask for the length.",
                "F.normalize(keys, dim=1) before the product",
            ),
        ),
        Mistake(
            "the number within the set",
            lambda keys: (_partners(keys) - 1) // 2,
            (
                "Are your partners at odd places of the sequence?",
                "argmax counts within the second set. Its n-th token stands at place 2n + 1.",
                "2 * cosines.argmax(dim=1) + 1",
            ),
        ),
        Mistake(
            "the other set looks",
            lambda keys: 2 * (unit(keys[1::2]) @ unit(keys[::2]).T).argmax(1),
            (
                "How many partners do you return?",
                "The tokens at the even places 0, 2, 4, … look for partners at the odd ones.",
                "unit[::2] @ unit[1::2].T",
            ),
        ),
        Mistake(
            "the least similar",
            lambda keys: 2 * (unit(keys[::2]) @ unit(keys[1::2]).T).argmin(1) + 1,
            (
                "Are the tokens that you merge alike?",
                "Merging is harmless for tokens that are alike: the largest cosine is wanted.",
                "argmax, not argmin",
            ),
        ),
        Mistake(
            "partners from all tokens",
            _likest_of_all,
            (
                "May a token at an even place choose another one at an even place?",
                "Partners come from the other set: or both could want to merge into each other.",
                "unit[::2] @ unit[1::2].T",
            ),
        ),
        Mistake(
            "the nearest instead of the most similar",
            lambda keys: 2 * _distance(keys[::2], keys[1::2]).argmin(1) + 1,
            (
                "Does your measure of likeness ask for the lengths of the keys?",
                "You took the smallest distance. ToMe takes the largest cosine.",
                "F.normalize(keys, dim=1), then the product",
            ),
        ),
        Mistake(
            "halves instead of alternating places",
            lambda keys: (
                (half := (len(keys) + 1) // 2) + (unit(keys[:half]) @ unit(keys[half:]).T).argmax(1)
            ),
            (
                "Which tokens are in your first set?",
                "The tokens are dealt out in turn: even places and odd places. You cut the sequence "
                "in the middle.",
                "keys[::2] and keys[1::2]",
            ),
        ),
    ],
    inputs=_keys,
    difficulty=3,
    minutes=12,
    to="torch",
)

# ── What a picture costs ──────────────────────────────────────────────────────────────────────────

CELL, MOST = 28, 1280


def _cost(
    height: float,
    width: float,
    *,
    cell: int = CELL,
    rounding: Callable[[float], int] = round,
    most: float = MOST,
    root: Callable[[float], float] = math.sqrt,
    last: Callable[[float], int] = math.floor,
) -> int:
    """Tokens by Qwen's rule: whole cells near the picture's size, scaled down if they are too many."""
    rows, columns = rounding(height / cell), rounding(width / cell)
    if rows * columns > most:
        scale = root(height * width / (most * cell**2))
        rows, columns = last(height / scale / cell), last(width / scale / cell)
    return rows * columns


def _sizes(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Heights and widths: some are small, some need scaling."""
    # 1200 x 1600: the scale is that of the pixels, not of the cells that they were rounded to.
    # 900 x 1120: 32 x 40 cells are at the limit and not above it, though the pixels are.
    # 70 x 98: two and a half cells by three and a half, which `round` takes to the even 2 and 4.
    return [
        (60, 100),
        (720, 1290),
        (1080, 1920),
        (3000, 2000),
        (435, 610),
        (1500, 400),
        (1200, 1600),
        (900, 1120),
        (70, 98),
    ]


picture_cost = Exercise(
    "What a picture costs",
    solution=_cost,
    mistakes=[
        Mistake(
            "patches instead of tokens",
            lambda height, width: 4 * _cost(height, width),
            (
                "How many patches of 14 pixels become one token?",
                "2 x 2 patches are merged into one token: a token stands for 28 x 28 pixels.",
                "round(height / 28) * round(width / 28)",
            ),
        ),
        Mistake(
            "no limit",
            lambda height, width: _cost(height, width, most=math.inf),
            (
                "What does your function say of a picture of 3000 x 2000 pixels?",
                "There are at most 1280 tokens: larger pictures are scaled down first.",
                "if rows * columns > 1280: …",
            ),
        ),
        Mistake(
            "cut off at the limit",
            lambda height, width: min(_cost(height, width, most=math.inf), MOST),
            (
                "Do your rows and columns still make a grid?",
                "The picture is scaled down and cut into whole cells, which is a little less than "
                "the limit. You just stop counting.",
                "scale = sqrt(height * width / (1280 * 28**2)), then floor(side / scale / 28)",
            ),
        ),
        Mistake(
            "rounded up when scaled",
            lambda height, width: _cost(height, width, last=math.ceil),
            (
                "Does your scaled picture keep within the limit?",
                "After scaling, sides are rounded down, or there could be too many tokens again.",
                "math.floor(height / scale / 28)",
            ),
        ),
        Mistake(
            "to the nearest when scaled",
            lambda height, width: _cost(height, width, last=round),
            (
                "Is your number of tokens always at most 1280?",
                "After scaling, sides are rounded down. To the nearest could be too many.",
                "math.floor(height / scale / 28)",
            ),
        ),
        Mistake(
            "rounded down from the start",
            lambda height, width: _cost(height, width, rounding=math.floor),
            (
                "How many cells of 28 pixels does a side of 60 pixels get, and one of 100?",
                "A small picture is resized to the nearest whole number of cells.",
                "round(height / 28)",
            ),
        ),
        Mistake(
            "rounded up from the start",
            lambda height, width: _cost(height, width, rounding=math.ceil),
            (
                "Does a side of 60 pixels need three cells of 28?",
                "Nothing is padded: sides are resized to the nearest whole number of cells.",
                "round(height / 28)",
            ),
        ),
        Mistake(
            "a half rounded up",
            lambda height, width: _cost(
                height, width, rounding=lambda cells: math.floor(cells + 0.5)
            ),
            (
                "How many cells has a side of 70 pixels, which is two and a half of them?",
                "Python's round takes a half to the even neighbour: 2.5 to 2, and 3.5 to 4. You "
                "round every half up.",
                "round(height / 28), not math.floor(height / 28 + 0.5)",
            ),
        ),
        Mistake(
            "the scale without its root",
            lambda height, width: _cost(height, width, root=lambda area: area),
            (
                "By how much do the pixels shrink if both sides shrink by a half?",
                "height * width is an area: the scale of a side is its square root.",
                "math.sqrt(height * width / (1280 * 28**2))",
            ),
        ),
    ],
    inputs=_sizes,
    difficulty=2,
    minutes=10,
)
