"""Answers to the exercises of 08: right in unusual ways, and wrong in 200."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

LOSS, SLOPE, BIAS = (
    "Sigmoid loss",
    "Gradient of the sigmoid loss",
    "The bias that fits the batch",
)

# ── The loss ──────────────────────────────────────────────────────────────────────────────────────


def in_loops(images, texts, scale, bias):
    total = 0.0
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            z = 1 if i == j else -1
            total += float(np.logaddexp(0, -z * (scale * float(image @ text) + bias)))
    return total / len(images)


def as_cross_entropy(images, texts, scale, bias):
    logits = scale * images @ texts.T + bias
    return F.binary_cross_entropy_with_logits(
        logits, torch.eye(len(logits)), reduction="sum"
    ) / len(logits)


def of_open_clip(images, texts, scale, bias):
    logits = torch.einsum("id,jd->ij", images, texts) * scale + bias
    own = torch.diag(logits)
    return (F.softplus(logits).sum() - own.sum()) / len(logits)


LABELS = {
    "labels +1 and -1": lambda n: 2 * torch.eye(n) - 1,
    "labels +1 and 0": torch.eye,
    "labels one to the right": lambda n: 2 * torch.roll(torch.eye(n), 1, 1) - 1,
    "labels turned round": lambda n: 1 - 2 * torch.eye(n),
    "all labels +1": lambda n: torch.ones(n, n),
    "all labels -1": lambda n: -torch.ones(n, n),
}
LOGITS = {
    "logits": lambda c, t, b: t * c + b,
    "bias subtracted": lambda c, t, b: t * c - b,
    "no bias": lambda c, t, b: t * c,
    "divided by the scale": lambda c, t, b: c / t + b,
    "no scale": lambda c, t, b: c + b,
    "scale on the bias as well": lambda c, t, b: t * (c + b),
}
ENDS = {
    "sum over N": lambda losses: losses.sum() / len(losses),
    "mean": torch.mean,
    "sum": torch.sum,
    "half the sum over N": lambda losses: losses.sum() / len(losses) / 2,
    "diagonal only": lambda losses: losses.diagonal().mean(),
    "minus": lambda losses: -losses.sum() / len(losses),
    "sum over columns only": lambda losses: losses.sum(dim=0),
}
NAMED = {
    ("labels +1 and 0", "logits", "sum over N"): "labels 0 and 1",
    ("labels one to the right", "logits", "sum over N"): "labels off by one",
    ("labels +1 and -1", "bias subtracted", "sum over N"): "bias with the wrong sign",
    ("labels +1 and -1", "logits", "mean"): "divided by N squared",
    ("labels +1 and -1", "logits", "sum"): "not divided",
    ("labels +1 and -1", "logits", "diagonal only"): "positives only",
    ("labels +1 and -1", "logits", "minus"): "minus forgotten",
    ("all labels +1", "logits", "diagonal only"): "positives only",
    ("labels +1 and 0", "logits", "diagonal only"): "positives only",
}


def loss_of(label, logit, end):
    def answer(images, texts, scale, bias):
        logits = LOGITS[logit](images @ texts.T, scale, bias)
        return ENDS[end](-F.logsigmoid(LABELS[label](len(logits)) * logits))

    return answer


def composed() -> list[Probe]:
    found = []
    for parts in itertools.product(LABELS, LOGITS, ENDS):
        kind = "mistake" if parts in NAMED else "wrong"
        if parts == ("labels +1 and -1", "logits", "sum over N"):
            kind = "right"
        found.append(Probe(LOSS, ", ".join(parts), loss_of(*parts), kind, NAMED.get(parts, "")))
    return found


def label_on_the_cosine(images, texts, scale, bias):
    z = 2 * torch.eye(len(images)) - 1
    return -F.logsigmoid(z * scale * (images @ texts.T) + bias).sum() / len(images)


def log_of_the_mean(images, texts, scale, bias):
    z = 2 * torch.eye(len(images)) - 1
    chances = torch.sigmoid(z * (scale * images @ texts.T + bias))
    return -chances.mean(dim=1).log().sum()


def softmax_instead(images, texts, scale, bias):
    return F.cross_entropy(scale * images @ texts.T + bias, torch.arange(len(images)))


def not_implemented(*arguments):
    raise NotImplementedError


LOSSES = [
    Probe(LOSS, "two loops", in_loops, "right"),
    Probe(LOSS, "binary cross-entropy", as_cross_entropy, "right"),
    Probe(LOSS, "softplus minus the own logits", of_open_clip, "right"),
    Probe(
        LOSS,
        "float64",
        lambda x, y, t, b: as_cross_entropy(x.float(), y.float(), t, b).double(),
        "right",
    ),
    Probe(
        LOSS,
        "one element",
        lambda x, y, t, b: as_cross_entropy(x, y, t, b).reshape(1),
        "right",
    ),
    Probe(LOSS, "bfloat16", lambda *a: as_cross_entropy(*a).bfloat16(), "right"),
    Probe(LOSS, "a number", lambda *a: as_cross_entropy(*a).item(), "right"),
    Probe(LOSS, "the stub", not_implemented, "not yet attempted"),
    Probe(LOSS, "z on the cosine only", label_on_the_cosine, "mistake", "label on the cosine only"),
    Probe(LOSS, "log of the mean", log_of_the_mean, "mistake", "log of the mean"),
    Probe(LOSS, "softmax", softmax_instead, "wrong"),
    Probe(LOSS, "nothing returned", lambda *a: None, "wrong"),
    Probe(
        LOSS,
        "the mean probability",
        lambda x, y, t, b: torch.sigmoid(t * x @ y.T + b).mean(),
        "wrong",
    ),
    *composed(),
]

# ── Its gradient ──────────────────────────────────────────────────────────────────────────────────


def by_autograd(logits):
    leaf = logits.clone().requires_grad_()
    z = 2 * torch.eye(len(leaf)) - 1
    return torch.autograd.grad(-F.logsigmoid(z * leaf).sum() / len(leaf), leaf)[0]


def by_labels(logits):
    z = 2 * torch.eye(len(logits)) - 1
    return -z * torch.sigmoid(-z * logits) / len(logits)


CHANCES = {
    "sigmoid": torch.sigmoid,
    "softmax of rows": lambda x: x.softmax(dim=1),
    "softmax of columns": lambda x: x.softmax(dim=0),
    "sigmoid of minus": lambda x: torch.sigmoid(-x),
    "slope of the sigmoid": lambda x: torch.sigmoid(x) * (1 - torch.sigmoid(x)),
    "logits": lambda x: x,
    "tanh": torch.tanh,
}
TARGETS = {
    "minus identity": lambda p: p - torch.eye(len(p)),
    "nothing subtracted": lambda p: p,
    "plus identity": lambda p: p + torch.eye(len(p)),
    "minus labels of both signs": lambda p: p - 2 * torch.eye(len(p)) + 1,
    "identity minus": lambda p: torch.eye(len(p)) - p,
    "one off all": lambda p: p - 1,
    "times the labels": lambda p: (2 * torch.eye(len(p)) - 1) * p,
}
SHARES = {
    "over N": lambda g: g / len(g),
    "whole": lambda g: g,
    "over N squared": lambda g: g / g.numel(),
    "over 2 N": lambda g: g / len(g) / 2,
}
SLOPES_NAMED = {
    ("sigmoid", "nothing subtracted", "over N"): "positives forgotten",
    ("softmax of rows", "minus identity", "over N"): "softmax instead of sigmoid",
    ("sigmoid", "identity minus", "over N"): "wrong sign",
    ("sigmoid", "minus identity", "whole"): "not divided by N",
    ("sigmoid", "minus identity", "over N squared"): "divided by N squared",
}


def slope_of(chance, target, share):
    return lambda logits: SHARES[share](TARGETS[target](CHANCES[chance](logits)))


def composed_slopes() -> list[Probe]:
    found = []
    for parts in itertools.product(CHANCES, TARGETS, SHARES):
        kind = "mistake" if parts in SLOPES_NAMED else "wrong"
        if parts == ("sigmoid", "minus identity", "over N"):
            kind = "right"
        name = SLOPES_NAMED.get(parts, "")
        found.append(Probe(SLOPE, ", ".join(parts), slope_of(*parts), kind, name))
    return found


SLOPES = [
    Probe(SLOPE, "autograd, which the text rules out", by_autograd, "wrong"),
    Probe(SLOPE, "with labels", by_labels, "right"),
    Probe(SLOPE, "numpy", lambda x: by_labels(x).numpy(), "right"),
    Probe(SLOPE, "the stub", not_implemented, "not yet attempted"),
    Probe(SLOPE, "transposed", lambda x: by_labels(x).T, "wrong"),
    Probe(SLOPE, "a scalar", lambda x: by_labels(x).sum(), "wrong"),
    *composed_slopes(),
]

# ── The bias ──────────────────────────────────────────────────────────────────────────────────────


def bisection(n):
    low, high = -50.0, 50.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 / (1 + np.exp(-middle)) < 1 / n else (low, middle)
    return low


BIASES = [
    Probe(BIAS, "log of a fraction", lambda n: np.log(1 / (n - 1)), "right"),
    Probe(BIAS, "logit of the share", lambda n: np.log((1 / n) / (1 - 1 / n)), "right"),
    Probe(BIAS, "bisection", bisection, "right"),
    Probe(BIAS, "torch", lambda n: torch.logit(torch.tensor(1 / n, dtype=torch.float64)), "right"),
    Probe(BIAS, "the stub", not_implemented, "not yet attempted"),
    Probe(BIAS, "positive", lambda n: np.log(n - 1), "mistake", "wrong sign"),
    Probe(BIAS, "minus log N", lambda n: -np.log(n), "mistake", "odds mistaken for a share"),
    Probe(BIAS, "the share", lambda n: 1 / n, "mistake", "the share itself"),
    Probe(BIAS, "one in all pairs", lambda n: -np.log(n * n - 1), "mistake", "one pair in N x N"),
    Probe(BIAS, "minus ten", lambda n: -10, "mistake", "always the paper's value"),
    Probe(BIAS, "log10", lambda n: -np.log10(n - 1), "mistake", "logarithm to the base 10"),
    *(
        Probe(BIAS, what, answer, "wrong")
        for what, answer in {
            "log2": lambda n: -np.log2(n - 1),
            "minus N": lambda n: -float(n),
            "minus the root": lambda n: -np.sqrt(n),
            "plus one": lambda n: -np.log(n + 1),
            "half": lambda n: -np.log(n - 1) / 2,
            "zero": lambda n: 0.0,
            "minus N plus one": lambda n: 1.0 - n,
            "log of N squared": lambda n: -2 * np.log(n),
            "odds": lambda n: 1 / (n - 1),
            "one minus the share": lambda n: 1 - 1 / n,
            "sigmoid of the share": lambda n: 1 / (1 + np.exp(-1 / n)),
            "minus one over N": lambda n: -1 / n,
            "minus ten over N": lambda n: -10 / n,
            "a text": lambda n: "minus log",
        }.items()
    ),
]

PROBES = LOSSES + SLOPES + BIASES
