"""Notebook 06: InfoNCE, its value at chance, the modality gap."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

LOSS = "InfoNCE from scratch"
CHANCE = "The loss of CLIP's batch at chance"
GAP = "Measure the modality gap"

# ------------------------------------------------------------------------------- InfoNCE

SIDES = {
    "both of length 1": lambda i, t: (F.normalize(i, dim=1), F.normalize(t, dim=1)),
    "raw": lambda i, t: (i, t),
    "images of length 1": lambda i, t: (F.normalize(i, dim=1), t),
    "texts of length 1": lambda i, t: (i, F.normalize(t, dim=1)),
    "features of length 1": lambda i, t: (F.normalize(i, dim=0), F.normalize(t, dim=0)),
}
HEATS = {
    "divided": lambda cosines, tau: cosines / tau,
    "multiplied": lambda cosines, tau: cosines * tau,
    "not used": lambda cosines, tau: cosines,
}
DIRECTIONS = {
    "mean of both": lambda rows, columns: (rows + columns) / 2,
    "sum of both": lambda rows, columns: rows + columns,
    "rows": lambda rows, columns: rows,
    "columns": lambda rows, columns: columns,
}
ENDS = {
    "mean": lambda shares: -shares.log().mean(),
    "sum": lambda shares: -shares.log().sum(),
    "without the minus": lambda shares: shares.log().mean(),
    "log of the mean": lambda shares: -shares.mean().log(),
}
LABELS = {"own": 0, "the next": 1}
RIGHT = ("both of length 1", "divided", "mean of both", "mean", "own")
NAMES = {
    "raw": "missing normalisation",
    "images of length 1": "only the images normalised",
    "texts of length 1": "only the texts normalised",
    "features of length 1": "normalised over the wrong axis",
    "multiplied": "temperature multiplied",
    "not used": "temperature forgotten",
    "sum of both": "the two directions not halved",
    "rows": "one-sided, images to texts only",
    "columns": "softmax over the wrong axis, texts to images only",
    "sum": "the sum over the batch instead of the mean",
    "without the minus": "the minus forgotten",
    "log of the mean": "-log of the mean",
    "the next": "labels off by one",
}


def assembled(side, heat, direction, end, label):
    def answer(images, texts, temperature):
        images, texts = SIDES[side](images, texts)
        logits = HEATS[heat](images @ texts.T, temperature)
        own = torch.arange(len(logits)).roll(-LABELS[label])
        rows, columns = (
            ENDS[end](one.softmax(dim=1)[torch.arange(len(one)), own]) for one in (logits, logits.T)
        )
        return DIRECTIONS[direction](rows, columns)

    return answer


def assembled_probes():
    """Every combination: one deviation has its name, several have none."""
    for choice in itertools.product(SIDES, HEATS, DIRECTIONS, ENDS, LABELS):
        wrong = [part for part, right in zip(choice, RIGHT, strict=True) if part != right]
        kind = ("right", "mistake")[len(wrong)] if len(wrong) < 2 else "wrong"
        name = NAMES[wrong[0]] if len(wrong) == 1 else ""
        yield Probe(LOSS, ", ".join(choice), assembled(*choice), kind, name)


def cosines_of(images, texts):
    return F.normalize(images, dim=1) @ F.normalize(texts, dim=1).T


def by_cross_entropy(images, texts, temperature):
    logits, own = cosines_of(images, texts) / temperature, torch.arange(len(images))
    return F.cross_entropy(logits, own) / 2 + F.cross_entropy(logits.T, own) / 2


def by_logsumexp(images, texts, temperature):
    logits = torch.einsum("id,jd->ij", F.normalize(images), F.normalize(texts)) / temperature
    own = logits.diagonal()
    return ((logits.logsumexp(1) - own).mean() + (logits.logsumexp(0) - own).mean()) / 2


def by_loops(images, texts, temperature):
    total, n = 0.0, len(images)
    unit = [[v / v.norm() for v in vectors] for vectors in (images, texts)]
    for first, second in (unit, unit[::-1]):
        for k in range(n):
            powers = [math.exp(float(first[k] @ other) / temperature) for other in second]
            total -= math.log(powers[k] / sum(powers)) / (2 * n)
    return total


def by_numpy(images, texts, temperature):
    images, texts = (np.asarray(x, dtype=np.float64) for x in (images, texts))
    images, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts))
    powers = np.exp(images @ texts.T / temperature)
    own = np.diag(powers)
    return -(np.log(own / powers.sum(0)) + np.log(own / powers.sum(1))).mean() / 2


def own_left_out(images, texts, temperature):
    logits = cosines_of(images, texts) / temperature
    others = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -torch.inf)
    own = logits.diagonal()
    return ((others.logsumexp(1) - own).mean() + (others.logsumexp(0) - own).mean()) / 2


def softmax_twice(images, texts, temperature):
    logits, own = cosines_of(images, texts) / temperature, torch.arange(len(images))
    rows, columns = logits.softmax(1), logits.T.softmax(1)
    return (F.cross_entropy(rows, own) + F.cross_entropy(columns, own)) / 2


def transformed(change):
    return lambda images, texts, temperature: change(by_cross_entropy(images, texts, temperature))


INFO_NCE = [
    Probe(LOSS, "cross_entropy", by_cross_entropy, "right"),
    Probe(LOSS, "logsumexp and einsum", by_logsumexp, "right"),
    Probe(LOSS, "loops, a plain float", by_loops, "right"),
    Probe(LOSS, "numpy, float64", by_numpy, "right"),
    Probe(LOSS, "one element", transformed(lambda loss: loss.reshape(1)), "right"),
    Probe(LOSS, "float64", transformed(lambda loss: loss.double()), "right"),
    Probe(
        LOSS,
        "own pair left out",
        own_left_out,
        "mistake",
        "own pair left out below the fraction bar",
    ),
    Probe(LOSS, "softmax twice", softmax_twice, "mistake", "softmax twice"),
    Probe(LOSS, "a constant", lambda images, texts, temperature: torch.tensor(1.0), "wrong"),
    Probe(LOSS, "the logits", lambda i, t, tau: cosines_of(i, t) / tau, "wrong"),
    Probe(LOSS, "in bits", transformed(lambda loss: loss / math.log(2)), "wrong"),
    Probe(LOSS, "one more", transformed(lambda loss: loss + 1), "wrong"),
    Probe(LOSS, "minus log N", transformed(lambda loss: loss - math.log(3)), "wrong"),
    Probe(LOSS, "squared", transformed(lambda loss: loss**2), "wrong"),
    Probe(LOSS, "exponential", transformed(lambda loss: loss.exp()), "wrong"),
    Probe(LOSS, "nothing returned", lambda images, texts, temperature: None, "wrong"),
    *assembled_probes(),
]

# ------------------------------------------------------------------------------- at chance

AT_CHANCE = [
    Probe(CHANCE, "math.log", lambda n: math.log(n), "right"),
    Probe(CHANCE, "minus the log of the share", lambda n: -math.log(1 / n), "right"),
    Probe(CHANCE, "torch", lambda n: torch.tensor(float(n), dtype=torch.float64).log(), "right"),
    Probe(
        CHANCE,
        "cross_entropy of zeros",
        lambda n: F.cross_entropy(torch.zeros(1, n, dtype=torch.float64), torch.tensor([0])),
        "right",
    ),
    Probe(CHANCE, "base 2", lambda n: math.log2(n), "mistake", "logarithm to the base 2"),
    Probe(CHANCE, "base 10", lambda n: math.log10(n), "mistake", "logarithm to the base 10"),
    Probe(CHANCE, "all pairs", lambda n: math.log(n * n), "mistake", "twice as large"),
    Probe(CHANCE, "twice", lambda n: 2 * math.log(n), "mistake", "twice as large"),
    Probe(
        CHANCE, "the negatives", lambda n: math.log(n - 1), "mistake", "logarithm of the negatives"
    ),
    Probe(CHANCE, "half", lambda n: math.log(n) / 2, "mistake", "halved"),
    Probe(CHANCE, "the share", lambda n: 1 / n, "mistake", "a probability"),
    Probe(CHANCE, "no minus", lambda n: math.log(1 / n), "mistake", "the minus forgotten"),
    Probe(CHANCE, "10.4 for every n", lambda n: 10.4, "wrong"),
    Probe(CHANCE, "10.397 for every n", lambda n: 10.397, "wrong"),
    Probe(CHANCE, "log of n + 1", lambda n: math.log(n + 1), "wrong"),
    Probe(CHANCE, "n log n", lambda n: n * math.log(n), "wrong"),
    Probe(CHANCE, "the negatives' share", lambda n: (n - 1) / n, "wrong"),
    Probe(CHANCE, "root", lambda n: math.sqrt(n), "wrong"),
    Probe(CHANCE, "n itself", lambda n: n, "wrong"),
    Probe(CHANCE, "log of n² - n", lambda n: math.log(n * n - n), "wrong"),
    Probe(CHANCE, "nothing", lambda n: None, "wrong"),
]

# ------------------------------------------------------------------------------- the gap

UNITS = {
    "rows": lambda x: x / x.norm(dim=1, keepdim=True),
    "raw": lambda x: x,
    "columns": lambda x: x / x.norm(dim=0, keepdim=True),
}
CENTRES = {
    "mean": lambda x: x.mean(0),
    "sum": lambda x: x.sum(0),
    "median": lambda x: x.median(0).values,
    "mean of length 1": lambda x: F.normalize(x.mean(0), dim=0),
}
LENGTHS = {
    "distance": lambda d: d.norm(),
    "square": lambda d: d.square().sum(),
    "mean square": lambda d: d.square().mean().sqrt(),
    "absolute": lambda d: d.abs().sum(),
    "largest": lambda d: d.abs().max(),
}
GAP_RIGHT = ("rows", "mean", "distance")
GAP_NAMES = {
    "raw": "missing normalisation",
    "columns": "normalised over the wrong axis",
    "mean of length 1": "means brought to length 1",
    "square": "squared",
    "mean square": "mean instead of sum of the squares",
    "absolute": "sum of the absolute differences",
}


def gap_of(unit, centre, length):
    def answer(images, texts):
        images, texts = (CENTRES[centre](UNITS[unit](x)) for x in (images, texts))
        return LENGTHS[length](images - texts)

    return answer


def gap_probes():
    for choice in itertools.product(UNITS, CENTRES, LENGTHS):
        wrong = [part for part, right in zip(choice, GAP_RIGHT, strict=True) if part != right]
        named = len(wrong) == 1 and wrong[0] in GAP_NAMES
        kind = "right" if not wrong else "mistake" if named else "wrong"
        name = GAP_NAMES[wrong[0]] if named else ""
        yield Probe(GAP, ", ".join(choice), gap_of(*choice), kind, name)


def of_the_pairs(images, texts):
    return (F.normalize(images) - F.normalize(texts)).norm(dim=1).mean()


def angle(images, texts):
    return F.cosine_similarity(F.normalize(images).mean(0), F.normalize(texts).mean(0), dim=0)


def by_cdist(images, texts):
    centres = [F.normalize(x, dim=1).mean(0, keepdim=True) for x in (images, texts)]
    return torch.cdist(*centres)


MODALITY_GAP = [
    Probe(GAP, "cdist, shape (1, 1)", by_cdist, "right"),
    Probe(
        GAP,
        "numpy",
        lambda i, t: np.linalg.norm(
            np.subtract(*[(x / x.norm(dim=1, keepdim=True)).numpy().mean(0) for x in (i, t)])
        ),
        "right",
    ),
    Probe(GAP, "pairs", of_the_pairs, "mistake", "mean distance of the pairs"),
    Probe(GAP, "angle", angle, "mistake", "cosine of the means"),
    Probe(GAP, "one minus the cosine", lambda i, t: 1 - angle(i, t), "wrong"),
    Probe(GAP, "vector", lambda i, t: F.normalize(i).mean(0) - F.normalize(t).mean(0), "wrong"),
    Probe(GAP, "images only", lambda i, t: F.normalize(i).mean(0).norm(), "wrong"),
    Probe(GAP, "one side raw", lambda i, t: (F.normalize(i).mean(0) - t.mean(0)).norm(), "wrong"),
    Probe(
        GAP, "all pairs", lambda i, t: torch.cdist(F.normalize(i), F.normalize(t)).mean(), "wrong"
    ),
    *gap_probes(),
]

PROBES = [*INFO_NCE, *AT_CHANCE, *MODALITY_GAP]
