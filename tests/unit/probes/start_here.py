"""Notebook 00: counting negative pairs, the cosine of every pair."""

import itertools
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

COUNT, COSINE = "Count the negative pairs", "Cosine similarity"

NAMED_COUNTS = {
    24 * 24: "positives counted too",
    24: "positives counted",
    24 * 23 // 2: "each pair counted once",
    23: "one row only",
    2 * 24 * 23: "counted from both sides",
}
OTHER_COUNTS = [
    0, 1, 2, 12, 22, 25, 46, 47, 48, 96, 144, 264, 277, 288, 300, 506, 529, 550, 551, 553, 575, 577,
    600, 1128, 1152, 2256, -552, 551.9, 552.04, 5.52, 24**3, 2**24,
]  # fmt: skip

counts = [
    Probe(COUNT, "a formula", 24 * 23, "right"),
    Probe(COUNT, "numpy", np.int64(552), "right"),
    Probe(COUNT, "a float", 552.0, "right"),
    Probe(COUNT, "a tensor", torch.tensor(552), "right"),
    Probe(COUNT, "a tensor of one element", torch.tensor([552]), "right"),
    Probe(COUNT, "a fraction", Fraction(552), "right"),
    Probe(COUNT, "a mask that is counted", (1 - torch.eye(24)).sum(), "right"),
    Probe(COUNT, "half precision", torch.tensor(552, dtype=torch.float16), "right"),
    Probe(COUNT, "the stub", ..., "not yet attempted"),
    Probe(COUNT, "None", None, "wrong"),
    Probe(COUNT, "True", True, "wrong"),
    Probe(COUNT, "a text", "552", "wrong"),
    Probe(COUNT, "a function", lambda: 552, "wrong"),
    Probe(COUNT, "two numbers", (24, 23), "wrong"),
    *(Probe(COUNT, f"{n}", n, "mistake", name) for n, name in NAMED_COUNTS.items()),
    *(Probe(COUNT, f"{n}", n, "wrong") for n in OTHER_COUNTS),
]

# ------------------------------------------------------------------------------- cosines


def unit(vectors):
    return vectors / vectors.norm(dim=1, keepdim=True)


def by_loops(images, texts):
    return [
        [float(torch.dot(i, t) / (i.norm() * t.norm())) for t in texts.double()]
        for i in images.double()
    ]


def in_place(images, texts):
    images /= images.norm(dim=1, keepdim=True)
    texts /= texts.norm(dim=1, keepdim=True)
    return images @ texts.T


RIGHT = {
    "ready-made, broadcast": lambda i, t: F.cosine_similarity(i[:, None], t[None], dim=-1),
    "einsum": lambda i, t: torch.einsum("id,td->it", F.normalize(i), F.normalize(t)),
    "loops and lists": by_loops,
    "double precision": lambda i, t: unit(i.double()) @ unit(t.double()).T,
    "half precision": lambda i, t: (unit(i) @ unit(t).T).half(),
    "divided by the product of the norms": lambda i, t: (
        i @ t.T / torch.outer(i.norm(dim=1), t.norm(dim=1))
    ),
    "in place": in_place,
    "from distances": lambda i, t: 1 - torch.cdist(unit(i), unit(t)) ** 2 / 2,
    "numpy": lambda i, t: (unit(i) @ unit(t).T).numpy(),
}
# How a vector may be scaled, and what may be done with the product: every pair is a probe.
SCALES = {
    "as it is": lambda v: v,
    "unit": unit,
    "unit over the batch": lambda v: v / v.norm(dim=0, keepdim=True),
    "by its square": lambda v: v / v.square().sum(1, keepdim=True),
    "by the sum of sizes": lambda v: v / v.abs().sum(1, keepdim=True),
    "by the norm of all": lambda v: v / v.norm(),
    "by the largest": lambda v: v / v.abs().amax(1, keepdim=True),
    "centred, then unit": lambda v: unit(v - v.mean(1, keepdim=True) + 1e-3),
    "softmax": lambda v: v.softmax(1),
}
ENDS = {
    "product": lambda s: s,
    "absolute": torch.abs,
    "halved": lambda s: s / 2,
    "negative": lambda s: -s,
    "softmax over texts": lambda s: s.softmax(1),
    "angle": lambda s: s.clamp(-1, 1).arccos(),
}
NAMED = {
    ("as it is", "as it is"): "missing normalisation",
    ("unit", "as it is"): "texts not normalised",
    ("as it is", "unit"): "images not normalised",
    ("unit over the batch", "unit over the batch"): "normalised over the wrong axis",
    ("by its square", "by its square"): "divided by the squared length",
}


def cosine(images, texts, end):
    return lambda i, t: ENDS[end](SCALES[images](i) @ SCALES[texts](t).T)


def cosine_probes():
    for images, texts, end in itertools.product(SCALES, SCALES, ENDS):
        if (images, texts, end) == ("unit", "unit", "product"):
            continue
        name = NAMED.get((images, texts), "") if end == "product" else ""
        what = f"images {images}, texts {texts}, {end}"
        yield Probe(COSINE, what, cosine(images, texts, end), "mistake" if name else "wrong", name)


PROBES = [
    *counts,
    *(Probe(COSINE, what, answer, "right") for what, answer in RIGHT.items()),
    *cosine_probes(),
    Probe(COSINE, "transposed", lambda i, t: unit(t) @ unit(i).T, "mistake", "transposed"),
    Probe(COSINE, "keepdim forgotten", lambda i, t: i / i.norm(dim=1) @ t.T, "wrong"),
    Probe(COSINE, "images with themselves", lambda i, t: unit(i) @ unit(i).T, "wrong"),
    Probe(COSINE, "the diagonal only", lambda i, t: (unit(i) @ unit(t).T).diagonal(), "wrong"),
    Probe(COSINE, "nothing returned", lambda i, t: None, "wrong"),
]
