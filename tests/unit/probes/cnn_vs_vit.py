"""Notebook 01: the equivariance error, the receptive field, the weights of a patch embedding."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

ERROR, FIELD, COUNT = (
    "Measure the equivariance error",
    "The receptive field of a stack",
    "Count the parameters of a patch embedding",
)

# ------------------------------------------------------------------- equivariance error

RIGHT_ERRORS = {
    "loops": lambda b, a, s: max(
        float((a[c, y, x] - b[c, y, x - s]).abs())
        for c, y, x in itertools.product(*map(range, a.shape))
        if x >= s
    ),
    "roll, then cut": lambda b, a, s: (a - b.roll(s, 2))[..., s:].abs().max(),
    "narrow": lambda b, a, s: (
        (a.narrow(2, s, a.shape[2] - s) - b.narrow(2, 0, a.shape[2] - s)).abs().max().item()
    ),
    "padding": lambda b, a, s: (F.pad(b, (s, 0))[..., : a.shape[2]] - a)[..., s:].abs().max(),
    "one element": lambda b, a, s: (a[..., s:] - b[..., :-s]).abs().max().reshape(1),
    "infinity norm": lambda b, a, s: torch.linalg.vector_norm(
        a[..., s:].double() - b[..., :-s].double(), ord=float("inf")
    ),
    "half precision": lambda b, a, s: (a[..., s:] - b[..., :-s]).abs().max().half(),
}
# Which places are compared, how a difference becomes a size, and which number is returned.
PLACES = {
    "shifted": lambda b, a, s: a[..., s:] - b[..., :-s],
    "same place": lambda b, a, s: a - b,
    "wrong way": lambda b, a, s: a[..., :-s] - b[..., s:],
    "rows": lambda b, a, s: a[:, s:] - b[:, :-s],
    "rolled": lambda b, a, s: a - b.roll(s, 2),
    "rolled back": lambda b, a, s: a - b.roll(-s, 2),
    "one too many": lambda b, a, s: a[..., s + 1 :] - b[..., : -s - 1],
    "same columns cut": lambda b, a, s: a[..., s:] - b[..., s:],
    "first channel": lambda b, a, s: (a[..., s:] - b[..., :-s])[:1],
    "first row": lambda b, a, s: (a[..., s:] - b[..., :-s])[:, :1],
    "last column": lambda b, a, s: (a[..., s:] - b[..., :-s])[..., -1:],
}
SIZES = {"absolute": torch.abs, "signed": lambda d: d, "squared": torch.square}
ENDS = {
    "largest": torch.max,
    "mean": torch.mean,
    "sum": torch.sum,
    "median": torch.median,
    "standard deviation": torch.std,
    "not reduced": lambda d: d,
}
NAMED_ERRORS = {
    ("same place", "absolute", "largest"): "invariance measured",
    ("wrong way", "absolute", "largest"): "shifted the wrong way",
    ("rolled back", "absolute", "largest"): "shifted the wrong way",
    ("rows", "absolute", "largest"): "rows shifted",
    ("rolled", "absolute", "largest"): "border included",
    ("one too many", "absolute", "largest"): "one column too many left out",
    ("shifted", "signed", "largest"): "sign kept",
    ("shifted", "absolute", "mean"): "mean instead of the largest",
    ("shifted", "squared", "largest"): "squared difference",
    ("first channel", "absolute", "largest"): "first channel only",
}


def error(place, size, end):
    return lambda b, a, s: ENDS[end](SIZES[size](PLACES[place](b, a, s)))


def error_probes():
    for steps in itertools.product(PLACES, SIZES, ENDS):
        if steps == ("shifted", "absolute", "largest"):
            continue
        name = NAMED_ERRORS.get(steps, "")
        yield Probe(ERROR, ", ".join(steps), error(*steps), "mistake" if name else "wrong", name)


# --------------------------------------------------------------------- receptive field


def backwards(kernels, strides):
    field = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        field = (field - 1) * stride + kernel
    return field


def by_gradient(kernels, strides):
    pixels = torch.zeros(1, 1, 400, requires_grad=True)
    features = pixels
    for kernel, stride in zip(kernels, strides, strict=True):
        features = F.conv1d(features, torch.ones(1, 1, kernel), stride=stride)
    features[0, 0, 0].backward()
    return int((pixels.grad != 0).sum())


def closed_form(kernels, strides):
    return 1.0 + sum((k - 1) * np.prod(strides[:i]) for i, k in enumerate(kernels))


RIGHT_FIELDS = {"backwards": backwards, "gradient": by_gradient, "closed form": closed_form}
# The start, what a kernel adds, when and how the step changes, and what is returned.
ADDS = {"k - 1": -1, "k": 0, "k + 1": 1, "k - 2": -2}
STEPS = {
    "multiplied": lambda step, stride: step * stride,
    "added": lambda step, stride: step + stride,
    "added less one": lambda step, stride: step + stride - 1,
    "last only": lambda step, stride: stride,
    "ignored": lambda step, stride: 1,
}
RESULTS = {
    "width": lambda field: field,
    "radius": lambda field: (field - 1) / 2,
    "area": lambda field: field**2,
}


def field(start, add, early, change, result):
    def function(kernels, strides):
        size, step = start, 1
        for kernel, stride in zip(kernels, strides, strict=True):
            if early:
                step = STEPS[change](step, stride)
            size += (kernel + ADDS[add]) * step
            if not early:
                step = STEPS[change](step, stride)
        return RESULTS[result](size)

    return function


GOOD = (1, "k - 1", False, "multiplied", "width")
NAMED_FIELDS = {
    (1, "k - 1", False, "ignored", "width"): "strides ignored",
    (1, "k - 1", True, "ignored", "width"): "strides ignored",
    (1, "k - 1", True, "multiplied", "width"): "own stride counted",
    (1, "k", False, "multiplied", "width"): "whole kernels added",
    (0, "k - 1", False, "multiplied", "width"): "started from nothing",
    (1, "k - 1", False, "added", "width"): "strides added",
    (1, "k - 1", False, "multiplied", "radius"): "radius instead of width",
    (1, "k - 1", False, "multiplied", "area"): "area instead of width",
}


def field_probes():
    for steps in itertools.product((0, 1), ADDS, (False, True), STEPS, RESULTS):
        if steps == GOOD:
            continue
        name = NAMED_FIELDS.get(steps, "")
        what = ", ".join(map(str, steps))
        yield Probe(FIELD, what, field(*steps), "mistake" if name else "wrong", name)


# -------------------------------------------------------------------------- parameters

RIGHT_COUNT = 787_456
NAMED_COUNTS = {
    768 * 1024: "bias forgotten",
    16 * 16 * 1024 + 1024: "channels forgotten",
    196 * RIGHT_COUNT: "weights for every patch",
    769: "one output only",
    768 * 1024 + 1: "one bias for all",
    RIGHT_COUNT + 196 * 1024: "positions counted",
    590_592: "width of ViT-B",
}
OTHER_COUNTS = [
    0, 3, 16, 196, 768, 1024, 787_000, 787_455, 787_457, 787_460, 0.787456, 786_944, 200_704,
    589_824, RIGHT_COUNT + 1024, RIGHT_COUNT + 197 * 1024, 2 * RIGHT_COUNT, -RIGHT_COUNT,
]  # fmt: skip

counts = [
    Probe(COUNT, "a formula", 16 * 16 * 3 * 1024 + 1024, "right"),
    Probe(COUNT, "a float", 787_456.0, "right"),
    Probe(COUNT, "scientific", 0.787456e6, "right"),
    Probe(COUNT, "numpy", np.int32(787_456), "right"),
    Probe(COUNT, "a tensor of one element", torch.tensor([787_456]), "right"),
    Probe(
        COUNT,
        "the layer's own",
        sum(p.numel() for p in torch.nn.Conv2d(3, 1024, 16, 16).parameters()),
        "right",
    ),
    Probe(COUNT, "the stub", ..., "not yet attempted"),
    Probe(COUNT, "a text", "787,456", "wrong"),
    Probe(COUNT, "None", None, "wrong"),
    *(Probe(COUNT, f"{n}", n, "mistake", name) for n, name in NAMED_COUNTS.items()),
    *(Probe(COUNT, f"{n}", n, "wrong") for n in OTHER_COUNTS),
]

PROBES = [
    *(Probe(ERROR, what, answer, "right") for what, answer in RIGHT_ERRORS.items()),
    *error_probes(),
    Probe(ERROR, "maximum before the difference", lambda b, a, s: a.max() - b.max(), "wrong"),
    *(Probe(FIELD, what, answer, "right") for what, answer in RIGHT_FIELDS.items()),
    *field_probes(),
    Probe(
        FIELD, "kernels multiplied", lambda k, s: int(np.prod(k)), "mistake", "kernels multiplied"
    ),
    Probe(FIELD, "sum of kernels", lambda k, s: sum(k), "wrong"),
    Probe(FIELD, "product of strides", lambda k, s: int(np.prod(s)), "wrong"),
    Probe(FIELD, "recursion run forwards", lambda k, s: backwards(k[::-1], s[::-1]), "wrong"),
    *counts,
]
