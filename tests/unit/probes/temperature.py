"""Notebook 07: softmax with a temperature, the shares of the negatives, one update of the scale."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

SOFTMAX, SHARES, UPDATE = (
    "Softmax with a temperature",
    "Who gets the gradient?",
    "One update of the temperature",
)

# ------------------------------------------------------------------------------- softmax

HEATS = {
    "divided": lambda c, tau: c / tau,
    "multiplied": lambda c, tau: c * tau,
    "not used": lambda c, tau: c,
}
AXES = {
    "rows": lambda c: c.softmax(1),
    "columns": lambda c: c.softmax(0),
    "all": lambda c: c.flatten().softmax(0).view_as(c),
    "logarithm": lambda c: c.log_softmax(1),
    "exponentials": lambda c: c.exp(),
    "over the largest": lambda c: c.exp() / c.exp().amax(1, keepdim=True),
    "twice": lambda c: c.softmax(1).softmax(1),
    "proportion": lambda c: c / c.sum(1, keepdim=True),
}
AFTER = {
    "nothing": lambda s, tau: s,
    "divided after": lambda s, tau: s / tau,
    "transposed": lambda s, tau: s.T,
    "minus": lambda s, tau: -s,
}
SOFTMAX_NAMES = {
    ("multiplied", "rows", "nothing"): "temperature multiplied",
    ("not used", "rows", "nothing"): "temperature forgotten",
    ("not used", "rows", "divided after"): "temperature after the softmax",
    ("divided", "columns", "nothing"): "softmax over the wrong axis",
    ("divided", "all", "nothing"): "softmax over the whole matrix",
    ("divided", "logarithm", "nothing"): "the logarithm of the shares",
    ("divided", "exponentials", "nothing"): "the exponentials not divided by their sum",
    # Dividing or multiplying all cosines of a row leaves their proportions as they are.
    **{(heat, "proportion", "nothing"): "in proportion to the cosine" for heat in HEATS},
}


def softmax_of(heat, axis, after):
    return lambda cosines, temperature: AFTER[after](
        AXES[axis](HEATS[heat](cosines, temperature)), temperature
    )


def softmax_probes():
    for choice in itertools.product(HEATS, AXES, AFTER):
        if choice == ("divided", "rows", "nothing"):
            continue
        name = SOFTMAX_NAMES.get(choice, "")
        kind = "mistake" if name else "wrong"
        yield Probe(SOFTMAX, ", ".join(choice), softmax_of(*choice), kind, name)


def by_loops(cosines, temperature):
    rows = [[math.exp(c / temperature) for c in row] for row in cosines.tolist()]
    return [[power / sum(row) for power in row] for row in rows]


SOFTMAX_RIGHT = {
    "method": softmax_of("divided", "rows", "nothing"),
    "last axis": lambda c, tau: F.softmax(c / tau, dim=-1),
    "exponentials": lambda c, tau: (c / tau).exp() / (c / tau).exp().sum(1, keepdim=True),
    "minus the largest": lambda c, tau: ((c - c.amax(1, keepdim=True)) / tau).softmax(1),
    "by the scale": lambda c, tau: (c * (1 / tau)).softmax(1),
    "loops, lists": by_loops,
    "numpy": lambda c, tau: np.asarray((c / tau).softmax(1)),
    "float32": lambda c, tau: (c.float() / tau).softmax(1),
    "columns of the transpose": lambda c, tau: (c.T / tau).softmax(0).T,
}

# ------------------------------------------------------------------------------- shares


def diagonal(cosines):
    return torch.eye(len(cosines), dtype=torch.bool)


OWN = {
    "left out": lambda c, tau: (c / tau).masked_fill(diagonal(c), -torch.inf),
    "included": lambda c, tau: c / tau,
    "at zero": lambda c, tau: c.masked_fill(diagonal(c), 0.0) / tau,
    "at minus one": lambda c, tau: c.masked_fill(diagonal(c), -1.0) / tau,
    "left out, multiplied": lambda c, tau: (c * tau).masked_fill(diagonal(c), -torch.inf),
    "left out, not used": lambda c, tau: c.masked_fill(diagonal(c), -torch.inf),
}
SHARE_AXES = {"rows": 1, "columns": 0}
THEN = {
    "nothing": lambda s, c, tau: s,
    "over τ": lambda s, c, tau: s / tau,
    "over N": lambda s, c, tau: s / len(c),
    "over τ and N": lambda s, c, tau: s / tau / len(c),
    "diagonal removed": lambda s, c, tau: s.masked_fill(diagonal(c), 0.0),
    "gradient": lambda s, c, tau: (s - torch.eye(len(c))) / tau,
    "minus": lambda s, c, tau: -s,
}
SHARE_NAMES = {
    ("included", "rows", "nothing"): "positive included",
    ("included", "rows", "diagonal removed"): "positive removed too late",
    ("included", "rows", "gradient"): "the gradient itself",
    ("at zero", "rows", "nothing"): "the positive's cosine set to zero",
    ("left out, multiplied", "rows", "nothing"): "temperature multiplied",
    ("left out, multiplied", "rows", "diagonal removed"): "temperature multiplied",
    ("left out, not used", "rows", "nothing"): "temperature forgotten",
    ("left out, not used", "rows", "diagonal removed"): "temperature forgotten",
    ("left out", "columns", "nothing"): "softmax over the wrong axis",
    ("left out", "columns", "diagonal removed"): "softmax over the wrong axis",
    ("left out", "rows", "over τ"): "the factor 1 / τ left in",
}
SHARE_RIGHT = {("left out", "rows", "nothing"), ("left out", "rows", "diagonal removed")}


def shares_of(own, axis, then):
    def answer(cosines, temperature):
        shares = OWN[own](cosines, temperature).softmax(SHARE_AXES[axis])
        return THEN[then](shares, cosines, temperature)

    return answer


def share_probes():
    for choice in itertools.product(OWN, SHARE_AXES, THEN):
        name = SHARE_NAMES.get(choice, "")
        kind = "right" if choice in SHARE_RIGHT else "mistake" if name else "wrong"
        yield Probe(SHARES, ", ".join(choice), shares_of(*choice), kind, name)


def rescaled(cosines, temperature):
    shares = (cosines / temperature).softmax(1).masked_fill(diagonal(cosines), 0.0)
    return shares / shares.sum(1, keepdim=True)


def by_autograd(cosines, temperature):
    leaf = cosines.clone().requires_grad_()
    F.cross_entropy(leaf / temperature, torch.arange(len(leaf))).backward()
    push = leaf.grad.masked_fill(diagonal(cosines), 0.0)
    return push / push.sum(1, keepdim=True)


def in_proportion(cosines, temperature):
    bare = cosines.masked_fill(diagonal(cosines), 0.0)
    return bare / bare.sum(1, keepdim=True)


def hardest_only(cosines, temperature):
    bare = cosines.masked_fill(diagonal(cosines), -torch.inf)
    return F.one_hot(bare.argmax(1), len(cosines)).double()


# ------------------------------------------------------------------------------- the update

BASES = {
    "e": (math.log, math.exp),
    "10": (math.log10, lambda s: 10**s),
    "2": (math.log2, lambda s: 2**s),
}
SIGNS = {"down": -1, "up": 1}
LIMITS = {
    "after": lambda s, top: (s, min),
    "before": lambda s, top: (min(s, top), None),
    "both": lambda s, top: (min(s, top), min),
    "never": lambda s, top: (s, None),
}
RETURNED = {
    "temperature": lambda s, power: 1 / power(s),
    "scale": lambda s, power: power(s),
    "stored": lambda s, power: s,
}
UPDATE_RIGHT = ("e", "down", "after", "temperature")
UPDATE_NAMES = {
    "10": "logarithm to the base 10",
    "up": "wrong direction",
    "before": "clipped before the step",
    "both": "clipped before and after the step",
    "never": "the scale passes 100",
    "scale": "the scale returned",
    "stored": "the stored logarithm returned",
}


def update_of(base, sign, limit, returned):
    logarithm, power = BASES[base]

    def answer(temperature, gradient, learning_rate):
        top = logarithm(100)
        stored, then = LIMITS[limit](logarithm(1 / temperature), top)
        stored += SIGNS[sign] * learning_rate * gradient
        return RETURNED[returned](stored if then is None else then(stored, top), power)

    return answer


def update_probes():
    for choice in itertools.product(BASES, SIGNS, LIMITS, RETURNED):
        wrong = [part for part, right in zip(choice, UPDATE_RIGHT, strict=True) if part != right]
        named = len(wrong) == 1 and wrong[0] in UPDATE_NAMES
        kind = "right" if not wrong else "mistake" if named else "wrong"
        name = UPDATE_NAMES[wrong[0]] if named else ""
        yield Probe(UPDATE, ", ".join(choice), update_of(*choice), kind, name)


def by_ratio(temperature, gradient, learning_rate):
    return max(temperature * math.exp(learning_rate * gradient), 0.01)


def by_torch(temperature, gradient, learning_rate):
    stored = torch.tensor(1 / temperature).log() - learning_rate * gradient
    return 1 / stored.exp().clamp(max=100)


PROBES = [
    *(Probe(SOFTMAX, f"right: {what}", answer, "right") for what, answer in SOFTMAX_RIGHT.items()),
    *softmax_probes(),
    *share_probes(),
    Probe(SHARES, "rescaled", rescaled, "right"),
    Probe(SHARES, "autograd", by_autograd, "right"),
    Probe(SHARES, "proportion", in_proportion, "mistake", "in proportion to the cosine"),
    Probe(SHARES, "the hardest alone", hardest_only, "wrong"),
    Probe(SHARES, "equal parts", lambda c, tau: torch.ones_like(c) / (len(c) - 1), "wrong"),
    *update_probes(),
    Probe(UPDATE, "by a ratio", by_ratio, "right"),
    Probe(UPDATE, "torch", by_torch, "right"),
    Probe(
        UPDATE,
        "step on the scale",
        lambda t, g, r: 1 / min(1 / t - r * g, 100),
        "mistake",
        "log forgotten",
    ),
    Probe(
        UPDATE,
        "step on τ",
        lambda t, g, r: max(t - r * g, 0.01),
        "mistake",
        "the step taken on the temperature",
    ),
    Probe(UPDATE, "step on τ, never held", lambda t, g, r: t - r * g, "wrong"),
    Probe(
        UPDATE,
        "the logarithm held at 1",
        lambda t, g, r: math.exp(-min(math.log(1 / t) - r * g, 1)),
        "mistake",
        "the logarithm held at 1",
    ),
    Probe(UPDATE, "nothing changed", lambda t, g, r: t, "wrong"),
    Probe(UPDATE, "held at 1", lambda t, g, r: min(by_ratio(t, g, r), 1) * 2, "wrong"),
]
