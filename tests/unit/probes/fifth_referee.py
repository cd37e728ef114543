"""Answers of a fifth referee to the exercises of notebooks 00 to 08.

The first of each kind came out wrong once: accepted though wrong, or told something untrue.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

ERROR, ROLLOUT, RESIZE = (
    "Measure the equivariance error",
    "Attention rollout",
    "Resize a learned table",
)
SOFTMAX, SHARES, UPDATE, GRADIENT = (
    "Softmax with a temperature",
    "Who gets the gradient?",
    "One update of the temperature",
    "Gradient of the sigmoid loss",
)


def moved(before, after, shift):
    return after[..., shift:] - before[..., :-shift]


def rolled(maps, join=lambda layer: layer.mean(0)):
    out = np.eye(maps.shape[-1])
    for layer in maps:
        out = (join(layer) + np.eye(len(out))) / 2 @ out
    return out


def resized(table, old, new, **options):
    grid = table[1:].reshape(1, *old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=new, mode="bicubic", antialias=True, **options)
    return torch.cat([table[:1], grid[0].permute(1, 2, 0).flatten(0, 1)])


def update(temperature, gradient, rate):
    return max(temperature * math.exp(rate * gradient), 0.01)


def gradient(logits):
    return (logits.sigmoid() - torch.eye(len(logits))) / len(logits)


WRONG = {
    ERROR: {
        "last channel only": lambda *a: moved(*a)[-1].abs().max(),
        "below minus above": lambda b, a, s: (b[..., :-s] - a[..., s:]).max(),
        "smallest signed": lambda *a: moved(*a).min().abs(),
        "first row only": lambda *a: moved(*a)[:, 0].abs().max(),
        "summed over the channels": lambda *a: moved(*a).abs().sum(0).max(),
        "mean over the channels": lambda *a: moved(*a).mean(0).abs().max(),
        "length over the channels": lambda *a: moved(*a).norm(dim=0).max(),
        "difference of the largest": lambda b, a, s: b[..., :-s].max() - a[..., s:].max(),
        "always by one": lambda b, a, s: moved(b, a, 1).abs().max(),
    },
    ROLLOUT: {
        "last head": lambda maps: rolled(maps, lambda layer: layer[-1]),
        "weakest head": lambda maps: rolled(maps, lambda layer: layer.min(0)),
        "maximum, rows brought to 1": lambda maps: rolled(
            maps, lambda layer: layer.max(0) / layer.max(0).sum(1, keepdims=True)
        ),
        "geometric mean": lambda maps: rolled(
            maps, lambda layer: np.exp(np.log(layer + 1e-12).mean(0))
        ),
        "heads rolled out apart": lambda maps: np.mean(
            [rolled(maps[:, [head]]) for head in range(maps.shape[1])], 0
        ),
        "power of the mean": lambda maps: np.linalg.matrix_power(
            rolled(maps.mean(0, keepdims=True)), len(maps)
        ),
    },
    RESIZE: {
        "channels taken for rows": lambda t, old, new: torch.cat(
            [
                t[:1],
                F.interpolate(t[1:].reshape(1, -1, *old), size=new, mode="bicubic", antialias=True)[
                    0
                ]
                .permute(1, 2, 0)
                .flatten(0, 1),
            ]
        ),
        "never permuted back": lambda t, old, new: torch.cat(
            [
                t[:1],
                F.interpolate(
                    t[1:].reshape(1, *old, -1).permute(0, 3, 1, 2),
                    size=new,
                    mode="bicubic",
                    antialias=True,
                ).reshape(-1, t.shape[1]),
            ]
        ),
        "corners aligned": lambda t, old, new: resized(t, old, new, align_corners=True),
        "both grids swapped": lambda t, old, new: resized(t, old[::-1], new[::-1]),
        "as it was": lambda t, old, new: t,
    },
    SOFTMAX: {
        "base 2": lambda c, tau: (c * math.log(2) / tau).softmax(1),
        "squared temperature": lambda c, tau: (c / tau**2).softmax(1),
        "exponent of the shares": lambda c, tau: c.softmax(1) ** (1 / tau),
        "sums of the columns": lambda c, tau: (c / tau).exp() / (c / tau).exp().sum(1),
    },
    SHARES: {
        "shared out over the whole matrix": lambda c, tau: (
            ((c / tau).masked_fill(torch.eye(len(c), dtype=torch.bool), -torch.inf).flatten())
            .softmax(0)
            .view_as(c)
        ),
        "relative to the positive": lambda c, tau: (
            ((c - c.diagonal()[:, None]) / tau).exp() * (1 - torch.eye(len(c)))
        ),
        "own cosine at -1": lambda c, tau: (
            c.masked_fill(torch.eye(len(c), dtype=torch.bool), -1.0) / tau
        ).softmax(1),
    },
    UPDATE: {
        "first order": lambda t, g, r: max(t * (1 + r * g), 0.01),
        "gradient of the scale": lambda t, g, r: 1 / min(1 / t - r * g / t, 100),
        "float16": lambda *a: torch.tensor(update(*a)).half(),
        "held at 1, too": lambda *a: min(update(*a), 1),
    },
    GRADIENT: {
        "slope of the sigmoid": lambda logits: logits.sigmoid() * (1 - logits.sigmoid()),
        "bfloat16": lambda logits: gradient(logits.bfloat16()),
        "label left out": lambda logits: ((2 * torch.eye(len(logits)) - 1) * logits).sigmoid() - 1,
        "labels of -1": lambda logits: (
            (logits.sigmoid() - 2 * torch.eye(len(logits)) + 1) / len(logits)
        ),
    },
    "Count the parameters of a patch embedding": {"a half": 787_456.5, "two biases": 788_480},
}
NAMED = {
    (SOFTMAX, "temperature subtracted", "temperature forgotten"): lambda c, tau: (c - tau).softmax(
        1
    ),
}
RIGHT = {
    ERROR: {
        "larger of both signs": lambda *a: max(moved(*a).max(), (-moved(*a)).max()),
        "sorted": lambda *a: moved(*a).abs().flatten().sort().values[-1],
    },
    ROLLOUT: {
        "rows brought to 1 again": lambda maps: rolled(
            maps, lambda layer: layer.sum(0) / layer.sum(0).sum(1, keepdims=True)
        ),
        "float16": lambda maps: rolled(maps).astype(np.float16),
    },
    RESIZE: {
        "bfloat16": lambda *a: resized(*a).bfloat16(),
        "corners not aligned": lambda *a: resized(*a, align_corners=False),
    },
    SOFTMAX: {"a power of e": lambda c, tau: F.normalize(math.exp(1 / tau) ** c, p=1, dim=1)},
    UPDATE: {"products": update},
    GRADIENT: {"float16": lambda logits: gradient(logits).half()},
}

PROBES = [
    *(
        Probe(name, what, one, "wrong")
        for name, ones in WRONG.items()
        for what, one in ones.items()
    ),
    *(
        Probe(name, what, one, "right")
        for name, ones in RIGHT.items()
        for what, one in ones.items()
    ),
    *(Probe(name, what, one, "mistake", mistake) for (name, what, mistake), one in NAMED.items()),
]
