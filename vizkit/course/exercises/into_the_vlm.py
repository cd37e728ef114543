"""The exercises of notebook 12: pixel shuffle, the tokens of LLaVA, the mask, the next word."""

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _blocks(tokens: np.ndarray, factor: int) -> np.ndarray:
    """Tokens (B, N, D) of a square grid to (B, rows / f, f, columns / f, f, D)."""
    batch, count, width = tokens.shape
    side = round(count**0.5)
    small = side // factor
    return tokens.reshape(batch, small, factor, small, factor, width)


def _pixel_shuffle(tokens: np.ndarray, factor: int) -> np.ndarray:
    """Tokens (B, N, D) to (B, N / f², f² D): every f x f neighbours side by side."""
    return _ordered(tokens, factor, (0, 1, 3, 2, 4, 5))


def _ordered(tokens: np.ndarray, factor: int, axes: tuple[int, ...]) -> np.ndarray:
    batch, count, width = tokens.shape
    moved = _blocks(tokens, factor).transpose(axes)
    return moved.reshape(batch, count // factor**2, factor**2 * width)


pixel_shuffle = Exercise(
    "Pixel shuffle",
    solution=_pixel_shuffle,
    mistakes=[
        Mistake(
            "neighbours in the sequence, not on the grid",
            lambda tokens, factor: tokens.reshape(
                len(tokens), tokens.shape[1] // factor**2, factor**2 * tokens.shape[2]
            ),
            "You joined tokens that follow one another in the sequence: a strip of one row. The "
            "tokens lie on a grid; bring rows and columns of each block together first.",
        ),
        Mistake(
            "blocks down the columns",
            lambda tokens, factor: _ordered(tokens, factor, (0, 3, 1, 2, 4, 5)),
            "Your blocks come column by column. The tokens came row by row, and so should they "
            "leave.",
        ),
        Mistake(
            "block transposed within",
            lambda tokens, factor: _ordered(tokens, factor, (0, 1, 3, 4, 2, 5)),
            "The right tokens are together, but within a block you walk down before you walk "
            "right.",
        ),
        Mistake(
            "channels interleaved",
            lambda tokens, factor: _ordered(tokens, factor, (0, 1, 3, 5, 2, 4)),
            "You keep the f x f values of one channel together, as torch's pixel_unshuffle does. "
            "Here each neighbour's whole vector stands beside the next.",
        ),
        Mistake(
            "averaged",
            lambda tokens, factor: np.tile(
                _blocks(tokens, factor).mean(axis=(2, 4)).reshape(len(tokens), -1, tokens.shape[2]),
                factor**2,
            ),
            "You averaged the neighbours, which throws three quarters away. Put them side by side.",
        ),
    ],
    inputs=lambda rng: [
        (rng.normal(size=(2, 16, 3)).astype("float32"), 2),
        (rng.normal(size=(1, 36, 2)).astype("float32"), 3),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


llava_tokens = Exercise(
    "The picture in LLaVA-1.5's prompt",
    solution=(336 // 14) ** 2,
    mistakes=[
        Mistake(
            "class token counted",
            (336 // 14) ** 2 + 1,
            "The encoder makes that many, but LLaVA drops the class token.",
        ),
        Mistake(
            "picture of 224 pixels",
            (224 // 14) ** 2,
            "That is ViT-L/14 at 224 pixels. LLaVA-1.5 feeds it 336.",
        ),
        Mistake(
            "patches of 16",
            (336 // 16) ** 2,
            "The 14 of L/14 is the patch size, and 336 is not the side of a B/16.",
        ),
        Mistake("one row", 336 // 14, "That is one row of patches. There are as many rows."),
        Mistake(
            "pixel-shuffled",
            (336 // 14) ** 2 // 4,
            "InternVL would shuffle them to a quarter. The MLP of LLaVA keeps every token.",
        ),
    ],
    difficulty=1,
    minutes=3,
)


def _mask(length: int, num_free: int) -> np.ndarray:
    """(length, length), True where a row may look: causal, a prefix that sees all of itself."""
    mask = np.tril(np.ones((length, length), dtype=bool))
    mask[:num_free, :num_free] = True
    return mask


def _with(mask: np.ndarray, rows: slice, columns: slice, value: bool) -> np.ndarray:
    changed = mask.copy()
    changed[rows, columns] = value
    return changed


prefix_mask = Exercise(
    "The mask of a picture before words",
    solution=_mask,
    mistakes=[
        Mistake(
            "causal throughout",
            lambda length, num_free: _mask(length, 0),
            "That is LLaVA's mask: even the patches look back only. Here the first `num_free` "
            "tokens look at one another both ways.",
        ),
        Mistake(
            "prefix reads the words",
            lambda length, num_free: _with(
                _mask(length, num_free), slice(num_free), slice(None), True
            ),
            "Your prefix looks at the words behind it, also at the answer that is to be learned. "
            "It may see itself, no more.",
        ),
        Mistake(
            "rows and columns swapped",
            lambda length, num_free: _mask(length, num_free).T,
            "Row i says what token i may look at. Yours look ahead and never back.",
        ),
        Mistake(
            "no word sees itself",
            lambda length, num_free: _mask(length, num_free) & ~np.eye(length, dtype=bool),
            "A token may look at itself; it is the *next* one that it must not see.",
        ),
        Mistake(
            "True where it must not look",
            lambda length, num_free: ~_mask(length, num_free),
            "You marked the forbidden places. Here True means: may look.",
        ),
        Mistake(
            "words see nothing but the prefix",
            lambda length, num_free: _with(
                _mask(length, num_free), slice(num_free, None), slice(num_free, None), False
            ),
            "Your words see the picture but not the words before them.",
        ),
    ],
    inputs=lambda rng: [(6, 3), (5, 2)],
    difficulty=2,
    minutes=6,
    to="torch",
)


def _minus_log(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted


def _cost(logits: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """-log P(token) for every place, (B, L)."""
    return np.take_along_axis(_minus_log(logits), tokens[..., None], axis=-1)[..., 0]


def _next_word(logits: np.ndarray, tokens: np.ndarray, counted: np.ndarray) -> float:
    """Mean of -log P(next word) over the counted words."""
    return float(_cost(logits[:, :-1], tokens[:, 1:])[counted[:, 1:]].mean())


def _mean_of_rows(logits: np.ndarray, tokens: np.ndarray, counted: np.ndarray) -> float:
    cost, learned = _cost(logits[:, :-1], tokens[:, 1:]), counted[:, 1:]
    return float(np.mean([row[here].mean() for row, here in zip(cost, learned, strict=True)]))


def _answers(rng: np.random.Generator, batch: int, length: int) -> tuple:
    """Logits, words, and which are answers: of another length in every row."""
    starts = 2 + np.arange(batch) % (length - 3)
    return (
        rng.normal(size=(batch, length, 7)).astype("float32") * 2,
        rng.integers(0, 7, (batch, length)),
        np.arange(length) >= starts[:, None],
    )


next_word = Exercise(
    "The loss of the next word",
    solution=_next_word,
    mistakes=[
        Mistake(
            "not shifted",
            lambda logits, tokens, counted: float(_cost(logits, tokens)[counted].mean()),
            "You ask each word to foretell itself, which it can see. The logits at word i speak of "
            "word i + 1.",
        ),
        Mistake(
            "shifted the wrong way",
            lambda logits, tokens, counted: float(
                _cost(logits[:, 1:], tokens[:, :-1])[counted[:, 1:]].mean()
            ),
            "You ask each word for the one *before* it. Drop the last logits and the first token.",
        ),
        Mistake(
            "counted not shifted",
            lambda logits, tokens, counted: float(
                _cost(logits[:, :-1], tokens[:, 1:])[counted[:, :-1]].mean()
            ),
            "`counted` marks the words to be learned, so it moves along with the tokens; yours "
            "leaves out the first word of each answer.",
        ),
        Mistake(
            "questions learned as well",
            lambda logits, tokens, counted: float(_cost(logits[:, :-1], tokens[:, 1:]).mean()),
            "You count the words of the question too. Nobody needs a model that foretells what it "
            "will be asked.",
        ),
        Mistake(
            "mean of the means",
            _mean_of_rows,
            "You averaged each answer first, so the words of short answers weigh more. Take one "
            "mean over all counted words.",
        ),
        Mistake(
            "summed",
            lambda logits, tokens, counted: float(
                _cost(logits[:, :-1], tokens[:, 1:])[counted[:, 1:]].sum()
            ),
            "You added the words up; take their mean, or a longer batch would look worse.",
        ),
    ],
    inputs=lambda rng: [_answers(rng, 3, 6), _answers(rng, 2, 8)],
    difficulty=3,
    minutes=10,
    to="torch",
)
