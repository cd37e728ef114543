"""The exercises of notebook 09."""

from collections.abc import Callable, Sequence

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.memory import peak_of


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
    with np.errstate(over="ignore", divide="ignore"):
        return np.log(sum(np.exp(block.astype(float)).sum(axis=1) for block in blocks))


def _without_rescaling(blocks: Sequence[np.ndarray]) -> np.ndarray:
    peak, total = np.full(len(blocks[0]), -np.inf), 0.0
    for block in blocks:
        peak = np.maximum(peak, block.max(axis=1))
        total = total + np.exp(block - peak[:, None]).sum(axis=1)
    return peak + np.log(total)


def _maximum(blocks: Sequence[np.ndarray]) -> np.ndarray:
    return np.max([block.max(axis=1) for block in blocks], axis=0)  # (R,)


def _maximum_from_zero(blocks: Sequence[np.ndarray]) -> np.ndarray:
    peak = np.maximum(_maximum(blocks), 0.0)  # (R,)
    with np.errstate(divide="ignore"):
        return peak + np.log(sum(np.exp(block - peak[:, None]).sum(axis=1) for block in blocks))


def _of_the_blocks(join: Callable[..., np.ndarray]) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """Each block by itself, then joined."""
    return lambda blocks: join(np.stack([_logsumexp(block) for block in blocks]), axis=0)


def _blocks(
    rng: np.random.Generator, rows: int, widths: Sequence[int], scale: float
) -> list[np.ndarray]:
    """Blocks (rows, width) whose maxima rise and fall from one to the next."""
    return [
        (scale * rng.normal(size=(rows, width)) + shift).astype("float32")
        for width, shift in zip(widths, (0.0, 2.5, -1.5), strict=False)
    ]


def _far_apart(rng: np.random.Generator) -> list[np.ndarray]:
    """A row that falls by 2,000 from block to block, one that rises by as much, one that stays low."""
    shifts = ((1000, -1000, -1000), (-1000, 1000, -1000))  # one for each row
    pairs = zip(_blocks(rng, 3, (2, 3), 1.0), shifts, strict=True)
    return [block + np.array(shift, "float32")[:, None] for block, shift in pairs]


# Answers that go block by block hold up to 18 blocks of float64, with each step in a list of its own.
# Of the one row all 64 blocks are held by whoever joins it: 32 as float32.
_MANY, _FEW = 64, 24


def _holds_many_blocks(function: Callable[[list[np.ndarray]], object]) -> str:
    """What is wrong with a function that holds the numbers of many blocks at once, else ""."""
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=(1, 256)).astype("float32") for _ in range(_MANY)]
    one = blocks[0].size * np.dtype(float).itemsize
    held = peak_of(function, [block.copy() for block in blocks]) / one
    if _FEW < held < 2 * _FEW:  # something else may have run at the same time
        held = min(held, peak_of(function, [block.copy() for block in blocks]) / one)
    if held <= _FEW:
        return ""
    return (
        f"The result is right, but given {_MANY} blocks your function held as much memory at once "
        f"as {held:.0f} of them take in float64. Do not collect the numbers of all blocks, neither "
        "joined nor row by row nor as copies: keep one maximum and one sum for each row."
    )


online_logsumexp = Exercise(
    "Log-sum-exp, one block at a time",
    solution=lambda blocks: _online(blocks),
    mistakes=[
        Mistake(
            "maximum forgotten",
            _without_maximum,
            (
                "What is e to the power of 1,000?",
                "It overflows: subtract the largest value seen so far, and add it again at the end.",
                "np.exp(block - largest[:, None])",
            ),
        ),
        Mistake(
            "sum not rescaled",
            _without_rescaling,
            (
                "What happens to the sum when a later block holds a larger value?",
                "The sum so far is still relative to the old maximum: multiply it by e to the power "
                "of (old maximum - new maximum).",
                "total = total * np.exp(old - new) + np.exp(block - new[:, None]).sum(axis=1)",
            ),
        ),
        Mistake(
            "mean of the blocks",
            _of_the_blocks(np.mean),
            (
                "May the results of the blocks be averaged?",
                "No: the powers of e add up, not their logarithms.",
                "Keep one running sum of powers for all blocks.",
            ),
        ),
        Mistake(
            "sum of the blocks",
            _of_the_blocks(np.sum),
            (
                "Is the logarithm of a sum the sum of the logarithms?",
                "It is not: add up the powers of e, and take one logarithm at the end.",
                "return largest + np.log(total), once",
            ),
        ),
        Mistake(
            "largest block only",
            _of_the_blocks(np.max),
            (
                "Which blocks does your result depend on?",
                "You kept the largest block's result; the other blocks add to the sum as well.",
                "Carry the sum from block to block.",
            ),
        ),
        Mistake(
            "maximum started too high",
            _maximum_from_zero,
            (
                "Try rows in which every logit is below -1,000.",
                "A maximum that starts at 0, or at another number above all of yours, never comes "
                "down: all powers of e are then 0. Start below every number.",
                "largest = np.full(len(blocks[0]), -np.inf)",
            ),
        ),
        Mistake(
            "maximum not added again",
            lambda blocks: _online(blocks) - _maximum(blocks),
            (
                "You have subtracted something that is still missing.",
                "The sum is relative to the largest value: add that value after the logarithm.",
                "return largest + np.log(total)",
            ),
        ),
    ],
    inputs=lambda rng: [
        ([np.array([[1.0, 0.0]], "float32"), np.array([[2.0]], "float32")],),
        (_blocks(rng, 4, (3, 5, 2), 1.0),),
        (_blocks(rng, 3, (4, 4), 2.0),),
        ([1000 + block for block in _blocks(rng, 2, (3, 3, 3), 1.0)],),
        ([block - 1000 for block in _blocks(rng, 2, (2, 4, 1), 1.0)],),
        ([block - 60 for block in _blocks(rng, 2, (3, 2), 1.0)],),
        (_far_apart(rng),),
    ],
    difficulty=3,
    minutes=12,
    forbidden=(
        *("concatenate", "hstack", "column_stack", "concat", "torch.cat", "np.block", "bmat", "c_"),
        *("r_", "np.append", "np.insert", "vstack T", "vstack transpose", "row_stack T"),
        "logsumexp",
    ),
    further=_holds_many_blocks,
)


matrix_in_gibibytes = Exercise(
    "The size of one matrix",
    solution=4,
    mistakes=[
        Mistake(
            "numbers counted",
            1,
            (
                "How long is one number?",
                "You counted the numbers, in units of 2^30. Each float32 takes 4 bytes.",
                "32768**2 * 4 / 2**30",
            ),
        ),
        Mistake(
            "float64",
            8,
            (
                "How many bytes did you take for one number?",
                "A float64 has 8 bytes, a float32 has 4.",
                "32768**2 * 4 / 2**30",
            ),
        ),
        Mistake(
            "float16",
            2,
            (
                "How many bytes has one number?",
                "A float16 has 2 bytes, a float32 has 4.",
                "32768**2 * 4 / 2**30",
            ),
        ),
        Mistake(
            "bits",
            32,
            (
                "Bits or bytes?",
                "A float32 has 32 bits, which are 4 bytes.",
                "32768**2 * 4 / 2**30",
            ),
        ),
        Mistake(
            "gigabytes",
            32768**2 * 4 / 1e9,
            (
                "In which unit is the answer asked for?",
                "You divided by a billion, which gives gigabytes. One GiB is 2^30 bytes.",
                "32768**2 * 4 / 2**30",
            ),
        ),
        Mistake(
            "mebibytes",
            4096,
            (
                "Are those GiB?",
                "That is in units of 2^20 bytes. One GiB is 2^30 bytes.",
                "32768**2 * 4 / 2**30",
            ),
        ),
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
            (
                "With two processes, what did the cell above print for open_clip's default?",
                "A factor of 1 is with gather_with_grad=True. By default a process sees its own "
                "share of the gradient only, and DistributedDataParallel still divides by W.",
                "One share each, added up to the whole gradient once, divided by 8.",
            ),
        ),
        Mistake(
            "multiplied",
            8,
            (
                "Did the gradient become longer or shorter with two processes?",
                "8 is the sum that every process holds with gather_with_grad=True, before the mean. "
                "By default each process has its own share only.",
                "The whole gradient once, divided by 8.",
            ),
        ),
        Mistake(
            "divided twice",
            1 / 64,
            (
                "How often is something divided by the number of processes?",
                "Once: the loss is the mean over the whole batch in every process, and the "
                "gradients are averaged over W processes.",
                "1 / W",
            ),
        ),
        Mistake(
            "root of W",
            8**-0.5,
            (
                "Is this about noise?",
                "Gradients are added here, not independent noise: there is no root.",
                "A mean over 8 processes divides by 8.",
            ),
        ),
        Mistake(
            "for two processes",
            1 / 2,
            (
                "How many processes has the question?",
                "One half is what two processes print above. Here there are 8.",
                "1 / W with W = 8",
            ),
        ),
    ],
    difficulty=3,
    minutes=5,
)
