"""Answers to the exercises of 00 to 09 that are the solution, mechanically changed.

Nobody thought of them one by one: each exercise gets every change of its kind. What such a change
turns into another mistake that has a name stands in NAMED; what it leaves right, in RIGHT.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.unit.probes import Probe
from vizkit.course.exercises import all_exercises

NOTEBOOKS = ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09")


def one_entry_off(values):
    changed = np.array(values, dtype=float)
    changed.flat[-1] += 0.5
    return changed


def rows_exchanged(values):
    changed = values.copy()
    changed[[0, 1]] = changed[[1, 0]]
    return changed


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


CHANGES: dict[str, Callable] = {  # of one number as of many
    "one more": lambda y: y + 1,
    "one less": lambda y: y - 1,
    "two more": lambda y: y + 2,
    "ten less": lambda y: y - 10,
    "doubled": lambda y: y * 2,
    "halved": lambda y: y / 2,
    "three times": lambda y: y * 3,
    "ten times": lambda y: y * 10,
    "a thousandth part": lambda y: y / 1000,
    "negated": lambda y: -y,
    "squared": lambda y: y * y,
    "cubed": lambda y: y**3,
    "a tenth more": lambda y: y * 1.1,
    "a thousandth more": lambda y: y * 1.001,
    "zero": lambda y: y * 0,
    "one": lambda y: y * 0 + 1,
    "inverse": lambda y: 1 / (y + 1e-12),
    "not a number": lambda y: y * np.nan,
    "infinite": lambda y: y * 0 + np.inf,
    "root of the size": lambda y: np.sqrt(np.abs(y)),
    "exponential": lambda y: np.exp(np.clip(y, -50, 50)),
    "logarithm of the size": lambda y: np.log(np.abs(y) + 1e-12),
    "the last entry off": one_entry_off,
    "as a text": str,
    "a pair": lambda y: (y, y),
    "a dictionary": lambda y: {"answer": y},
    "a set": lambda y: {float(np.sum(y))},
}
CHANGES_OF_ARRAYS: dict[str, Callable] = {
    "last two axes exchanged": lambda y: y.swapaxes(-1, -2),
    "last axis reversed": lambda y: y[..., ::-1],
    "moved along the last axis": lambda y: np.roll(y, 1, -1),
    "an axis more": lambda y: y[None],
    "an axis at the end": lambda y: y[..., None],
    "first only": lambda y: y[0],
    "last left out": lambda y: y[:-1],
    "first left out": lambda y: y[1:],
    "mean": lambda y: y.mean(),
    "sum": lambda y: y.sum(),
    "mean over the last axis": lambda y: y.mean(-1),
    "mean over the first axis": lambda y: y.mean(0),
    "largest": lambda y: y.max(),
    "centred": lambda y: y - y.mean(),
    "running sum": lambda y: np.cumsum(y, -1),
    "a softmax more": softmax,
    "rows exchanged": rows_exchanged,
}
ARRAYS = {
    "Cosine similarity", "Cut an image into patches", "Scaled dot-product attention",
    "Split into heads", "Attention rollout", "Sines and cosines for a grid", "Turn the pairs",
    "Resize a learned table", "Cut a grid into windows", "The mask of shifted windows",
    "Softmax with a temperature", "Who gets the gradient?", "Gradient of the sigmoid loss",
}  # fmt: skip
NAMED = {
    ("Count the negative pairs", "doubled"): "counted from both sides",
    ("Count the negative pairs", "halved"): "each pair counted once",
    ("Cosine similarity", "last two axes exchanged"): "transposed",
    ("Measure the equivariance error", "squared"): "squared difference",
    ("The receptive field of a stack", "one less"): "started from nothing",
    ("The receptive field of a stack", "squared"): "area instead of width",
    ("The price of finer patches", "doubled"): "floating-point operations",
    ("The price of finer patches", "halved"): "one of two products",
    ("Count the tokens of a larger picture", "one less"): "class token forgotten",
    ("Resize a learned table", "first left out"): "class token forgotten",
    ("The cost of attention in windows", "doubled"): "multiplications and additions counted apart",
    ("InfoNCE from scratch", "doubled"): "the two directions not halved",
    ("InfoNCE from scratch", "negated"): "the minus forgotten",
    ("The loss of CLIP's batch at chance", "doubled"): "twice as large",
    ("The loss of CLIP's batch at chance", "halved"): "halved",
    ("The loss of CLIP's batch at chance", "negated"): "the minus forgotten",
    ("Measure the modality gap", "squared"): "squared",
    ("Softmax with a temperature", "logarithm of the size"): "the logarithm of the shares",
    ("One update of the temperature", "inverse"): "the scale returned",
    ("Sigmoid loss", "negated"): "minus forgotten",
    ("Gradient of the sigmoid loss", "negated"): "wrong sign",
    ("The bias that fits the batch", "negated"): "wrong sign",
    ("The size of one matrix", "doubled"): "float64",
    ("The size of one matrix", "halved"): "float16",
    ("The size of one matrix", "root of the size"): "float16",  # 2 either way
    ("The size of one matrix", "one"): "numbers counted",
    ("The factor of a gather", "squared"): "divided twice",
    ("The factor of a gather", "one"): "no factor",
    ("The factor of a gather", "root of the size"): "root of W",
}
RIGHT = {  # a mask squared is the same mask, and it is its own transpose
    ("The mask of shifted windows", "squared"),
    ("The mask of shifted windows", "last two axes exchanged"),
}


def plain(value: Any) -> np.ndarray:
    """What a solution takes and gives, in numpy; truth values stay what they are."""
    value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return value if value.dtype == bool else value.astype(float)


def changed(solution: Any, change: Callable) -> Any:
    """The solution's answer after a change: a function where the solution is one."""
    if not callable(solution):
        return change(plain(solution))

    def answer(*arguments):
        given = [
            [plain(one) for one in a]
            if isinstance(a, list) and a and isinstance(a[0], torch.Tensor)
            else a.numpy()
            if isinstance(a, torch.Tensor)
            else a
            for a in arguments
        ]
        return change(plain(solution(*given)))

    return answer


def probes_of(exercise):
    changes = CHANGES | (CHANGES_OF_ARRAYS if exercise.name in ARRAYS else {})
    for what, change in changes.items():
        key = (exercise.name, what)
        name = NAMED.get(key, "")
        kind = "mistake" if name else "right" if key in RIGHT else "wrong"
        yield Probe(
            exercise.name, f"mechanical: {what}", changed(exercise.solution, change), kind, name
        )


PROBES = [
    probe
    for notebook, exercises in all_exercises().items()
    if notebook.startswith(NOTEBOOKS)
    for exercise in exercises
    for probe in probes_of(exercise)
]
