"""The exercises of notebook 09."""

from collections.abc import Callable, Sequence

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _logsumexp(values: np.ndarray) -> np.ndarray:
    peak = values.max(axis=1)  # (R,)
    return peak + np.log(np.exp(values - peak[:, None]).sum(axis=1))


def _online(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Milakov and Gimelshein 2018, Algorithm 3: a running maximum and a sum relative to it."""
    peak = np.full(len(blocks[0]), -np.inf)  # (R,)
    total = np.zeros(len(blocks[0]))  # (R,)
    for block in blocks:
        higher = np.maximum(peak, block.max(axis=1))
        total = total * np.exp(peak - higher) + np.exp(block - higher[:, None]).sum(axis=1)
        peak = higher
    return peak + np.log(total)


def _without_maximum(blocks: Sequence[np.ndarray]) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.log(sum(np.exp(block.astype(float)).sum(axis=1) for block in blocks))


def _without_rescaling(blocks: Sequence[np.ndarray]) -> np.ndarray:
    peak, total = np.full(len(blocks[0]), -np.inf), 0.0
    for block in blocks:
        peak = np.maximum(peak, block.max(axis=1))
        total = total + np.exp(block - peak[:, None]).sum(axis=1)
    return peak + np.log(total)


def _of_the_blocks(join: Callable) -> Callable:
    """Each block by itself, then joined."""
    return lambda blocks: join(np.stack([_logsumexp(block) for block in blocks]), axis=0)


def _blocks(rng: np.random.Generator, rows: int, widths: Sequence[int], scale: float) -> list:
    """Blocks (rows, width) whose maxima rise and fall from one to the next."""
    return [
        (scale * rng.normal(size=(rows, width)) + shift).astype("float32")
        for width, shift in zip(widths, (0.0, 2.5, -1.5), strict=False)
    ]


online_logsumexp = Exercise(
    "Log-sum-exp, one block at a time",
    solution=lambda blocks: _online(blocks),
    mistakes=[
        Mistake(
            "maximum forgotten",
            _without_maximum,
            "e to the power of a large logit overflows: subtract the largest one seen so far, and "
            "add it again at the end.",
        ),
        Mistake(
            "sum not rescaled",
            _without_rescaling,
            "When a later block holds a larger maximum, the sum so far is still relative to the "
            "old one: multiply it by e to the power of (old maximum - new maximum).",
        ),
        Mistake(
            "mean of the blocks",
            _of_the_blocks(np.mean),
            "The log-sum-exps of the blocks cannot be averaged: add up the powers of e.",
        ),
        Mistake(
            "sum of the blocks",
            _of_the_blocks(np.sum),
            "The logarithm of a sum is not the sum of the logarithms: add up the powers of e.",
        ),
        Mistake(
            "largest block only",
            _of_the_blocks(np.max),
            "You kept the largest block's result; the other blocks add to the sum as well.",
        ),
    ],
    inputs=lambda rng: [
        (_blocks(rng, 4, (3, 5, 2), 1.0),),
        (_blocks(rng, 3, (4, 4), 2.0),),
        ([1000 + block for block in _blocks(rng, 2, (3, 3, 3), 1.0)],),
    ],
    difficulty=3,
    minutes=12,
)


matrix_in_gibibytes = Exercise(
    "The size of one matrix",
    solution=4,
    mistakes=[
        Mistake(
            "numbers counted", 1, "That many numbers, in units of 2^30. How long is a float32?"
        ),
        Mistake("float64", 8, "A float64 has 8 bytes, a float32 has 4."),
        Mistake("float16", 2, "A float16 has 2 bytes, a float32 has 4."),
        Mistake("bits", 32, "A float32 has 32 bits. How many bytes are that?"),
    ],
    difficulty=1,
    minutes=3,
)


gradient_factor = Exercise(
    "The factor of a gather",
    solution=1 / 8,
    mistakes=[
        Mistake(
            "no factor",
            1,
            "That is with gather_with_grad=True. By default a process sees its own share of the "
            "gradient only, and DistributedDataParallel still divides by W.",
        ),
        Mistake(
            "multiplied",
            8,
            "That is the sum that every process holds with gather_with_grad=True, before the mean. "
            "By default nobody adds up.",
        ),
        Mistake(
            "divided twice",
            1 / 64,
            "One division only: the loss is the mean over the whole batch in every process, and "
            "the gradients are averaged over W processes.",
        ),
        Mistake(
            "root of W",
            8**-0.5,
            "Gradients are added here, not independent noise: there is no root.",
        ),
    ],
    difficulty=3,
    minutes=5,
)
