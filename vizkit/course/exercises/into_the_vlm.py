"""The exercises of notebook 12: pixel shuffle, the tokens of LLaVA, the mask, the next word."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake


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
            (
                "Which tokens stand in your first block?",
                "You joined tokens that follow one another in the sequence: a strip of one row. Bring the rows and columns of each block together first.",
                "tokens.unflatten(1, (rows // f, f, columns // f, f)).transpose(2, 3)",
            ),
        ),
        Mistake(
            "blocks down the columns",
            lambda tokens, factor: _ordered(tokens, factor, (0, 3, 1, 2, 4, 5)),
            (
                "Which block comes second in your result?",
                "Your blocks come column by column. The tokens came row by row, and so should they leave.",
                "(B, rows / f, columns / f, f, f, D) before you flatten",
            ),
        ),
        Mistake(
            "block transposed within",
            lambda tokens, factor: _ordered(tokens, factor, (0, 1, 3, 4, 2, 5)),
            (
                "In which order do you walk within a block?",
                "The right tokens are together, but within a block you walk down before you walk right.",
                "(B, rows / f, columns / f, f down, f right, D) before you flatten",
            ),
        ),
        Mistake(
            "channels interleaved",
            lambda tokens, factor: _ordered(tokens, factor, (0, 1, 3, 5, 2, 4)),
            (
                "Look at the first D numbers of your first token.",
                "You keep the f x f values of one channel together, as torch's pixel_unshuffle does. Here each neighbour's whole vector stands beside the next.",
                "the axis of the channels comes last before you flatten",
            ),
        ),
        Mistake(
            "averaged",
            lambda tokens, factor: np.tile(
                _blocks(tokens, factor).mean(axis=(2, 4)).reshape(len(tokens), -1, tokens.shape[2]),
                factor**2,
            ),
            (
                "Are all numbers of the input still there?",
                "You averaged the neighbours, which throws three quarters away. Put them side by side.",
                "flatten instead of mean",
            ),
        ),
    ],
    inputs=lambda rng: [
        (np.arange(16.0, dtype="float32").reshape(1, 16, 1), 2),
        (rng.normal(size=(2, 16, 3)).astype("float32"), 2),
        (rng.normal(size=(1, 36, 2)).astype("float32"), 3),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
    forbidden=("pixel_shuffle", "PixelShuffleConnector"),
)


llava_tokens = Exercise(
    "The picture in LLaVA-1.5's prompt",
    solution=(336 // 14) ** 2,
    mistakes=[
        Mistake(
            "class token counted",
            (336 // 14) ** 2 + 1,
            (
                "Does the language model read all tokens of the encoder?",
                "The encoder makes that many, but LLaVA drops the class token.",
                "patches per side, squared",
            ),
        ),
        Mistake(
            "picture of 224 pixels",
            (224 // 14) ** 2,
            (
                "How large is the picture?",
                "That is ViT-L/14 at 224 pixels. LLaVA-1.5 feeds it 336.",
                "(336 // 14) ** 2",
            ),
        ),
        Mistake(
            "patches of 16",
            (336 // 16) ** 2,
            (
                "What does the 14 of L/14 say?",
                "The 14 of L/14 is the patch size, and 336 is not the side of a B/16.",
                "(336 // 14) ** 2",
            ),
        ),
        Mistake(
            "one row",
            336 // 14,
            (
                "How many rows of patches are there?",
                "That is one row of patches. There are as many rows.",
                "(336 // 14) ** 2",
            ),
        ),
        Mistake(
            "pixel-shuffled",
            (336 // 14) ** 2 // 4,
            (
                "Which connector has LLaVA-1.5?",
                "InternVL would shuffle them to a quarter. The MLP of LLaVA keeps every token.",
                "(336 // 14) ** 2",
            ),
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
            (
                "May the first patch see the second?",
                "That is LLaVA's mask: even the patches look back only. Here the first `num_free` tokens look at one another both ways.",
                "mask[:num_free, :num_free] = True",
            ),
        ),
        Mistake(
            "prefix reads the words",
            lambda length, num_free: _with(
                _mask(length, num_free), slice(num_free), slice(None), True
            ),
            (
                "May a patch see the answer?",
                "Your prefix looks at the words behind it, also at the answer that is to be learned. It may see itself, no more.",
                "mask[:num_free, :num_free] = True, not mask[:num_free]",
            ),
        ),
        Mistake(
            "rows and columns swapped",
            lambda length, num_free: _mask(length, num_free).T,
            (
                "May the first word see the last one in your mask?",
                "Row i says what token i may look at. Yours look ahead and never back.",
                "torch.ones(length, length).tril()",
            ),
        ),
        Mistake(
            "no word sees itself",
            lambda length, num_free: _mask(length, num_free) & ~np.eye(length, dtype=bool),
            (
                "Look at the diagonal.",
                "A token may look at itself; it is the *next* one that it must not see.",
                ".tril() with its diagonal",
            ),
        ),
        Mistake(
            "True where it must not look",
            lambda length, num_free: ~_mask(length, num_free),
            (
                "What does True mean here?",
                "You marked the forbidden places. Here True means: may look.",
                "~mask",
            ),
        ),
        Mistake(
            "words see nothing but the prefix",
            lambda length, num_free: _with(
                _mask(length, num_free), slice(num_free, None), slice(num_free, None), False
            ),
            (
                "May the last word see the word before it?",
                "Your words see the picture but not the words before them.",
                "torch.ones(length, length).tril().bool() first, then the prefix",
            ),
        ),
    ],
    inputs=lambda rng: [(3, 2), (6, 3), (5, 2), (4, 0), (4, 4)],
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


_Answers = tuple[np.ndarray, np.ndarray, np.ndarray]  # logits, words, which are answers


def _answers(rng: np.random.Generator, batch: int, length: int) -> _Answers:
    """Logits, words, and which are answers: of another length in every row."""
    starts = 2 + np.arange(batch) % (length - 3)
    return (
        rng.normal(size=(batch, length, 7)).astype("float32") * 2,
        rng.integers(0, 7, (batch, length)),
        np.arange(length) >= starts[:, None],
    )


def _short_answer() -> _Answers:
    """Two words to learn after two that are given, among three words: short enough for paper."""
    logits = np.array([[[2, 0, 1], [0, 1, 0], [1, 1, 3], [0, 2, 0]]], dtype="float32")
    return logits, np.array([[0, 2, 1, 0]]), np.array([[False, False, True, True]])


next_word = Exercise(
    "The loss of the next word",
    solution=_next_word,
    mistakes=[
        Mistake(
            "not shifted",
            lambda logits, tokens, counted: float(_cost(logits, tokens)[counted].mean()),
            (
                "Which word do the logits at place i speak of?",
                "You ask each word to predict itself, which it can see. The logits at word i speak of word i + 1.",
                "logits[:, :-1] with tokens[:, 1:]",
            ),
        ),
        Mistake(
            "shifted the wrong way",
            lambda logits, tokens, counted: float(
                _cost(logits[:, 1:], tokens[:, :-1])[counted[:, 1:]].mean()
            ),
            (
                "Does a word predict what came or what comes?",
                "You ask each word for the one *before* it. Drop the last logits and the first token.",
                "logits[:, :-1] with tokens[:, 1:]",
            ),
        ),
        Mistake(
            "counted not shifted",
            lambda logits, tokens, counted: float(
                _cost(logits[:, :-1], tokens[:, 1:])[counted[:, :-1]].mean()
            ),
            (
                "To which words does `counted` belong?",
                "`counted` marks the words to be learned, so it moves along with the tokens; yours leaves out the first word of each answer.",
                "counted[:, 1:]",
            ),
        ),
        Mistake(
            "questions learned as well",
            lambda logits, tokens, counted: float(_cost(logits[:, :-1], tokens[:, 1:]).mean()),
            (
                "Which words are counted in your mean?",
                "You count the words of the question too. Nobody needs a model that predicts what it will be asked.",
                "[counted[:, 1:]]",
            ),
        ),
        Mistake(
            "mean of the means",
            _mean_of_rows,
            (
                "Do long answers count as much as short ones in your loss?",
                "You averaged each answer first, so the words of short answers weigh more. Take one mean over all counted words.",
                "cost[counted[:, 1:]].mean()",
            ),
        ),
        Mistake(
            "minus forgotten",
            lambda logits, tokens, counted: -_next_word(logits, tokens, counted),
            (
                "Can a loss of this kind be negative?",
                "The loss is the mean of minus log P: the smaller, the better.",
                "-log_probability[...].mean()",
            ),
        ),
        Mistake(
            "summed",
            lambda logits, tokens, counted: float(
                _cost(logits[:, :-1], tokens[:, 1:])[counted[:, 1:]].sum()
            ),
            (
                "Your loss grows with the number of words.",
                "You added the words up; take their mean, or a longer batch would look worse.",
                ".mean()",
            ),
        ),
    ],
    inputs=lambda rng: [_short_answer(), _answers(rng, 3, 6), _answers(rng, 2, 8)],
    difficulty=3,
    minutes=10,
    to="torch",
)
