"""Notebook 14: a random mask, DINO's loss, the effective rank, intersection over union."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

MASK, DINO, RANK, IOU = (
    "Hide a share of the patches",
    "DINO's loss",
    "The effective rank",
    "Intersection over union",
)

# ------------------------------------------------------------------------------- mask

ORDERS = {
    "ranks": lambda noise: noise.argsort(1).argsort(1),
    "order": lambda noise: noise.argsort(1),
    "falling ranks": lambda noise: (-noise).argsort(1).argsort(1),
    "batch": lambda noise: noise.flatten().argsort().argsort().view_as(noise),
    "columns": lambda noise: noise.argsort(0).argsort(0),
}
COUNTS = {
    "hidden": lambda noise, share: round(share * noise.shape[1]),
    "kept": lambda noise, share: noise.shape[1] - round(share * noise.shape[1]),
    "all": lambda noise, share: round(share * noise.numel()),
    "one more": lambda noise, share: round(share * noise.shape[1]) + 1,
}
SIDES = {"below": torch.lt, "from": torch.ge, "up to": torch.le}
MASK_NAMES = {
    ("ranks", "hidden", "from"): "visible and hidden exchanged",
    ("order", "hidden", "below"): "the order taken for the ranks",
    ("falling ranks", "hidden", "below"): "the largest numbers hidden",
    ("batch", "all", "below"): "ranked over the whole batch",
    ("ranks", "kept", "below"): "the share kept, not hidden",
    # The largest of all but `kept` are the others than the smallest of `hidden`.
    ("falling ranks", "kept", "below"): "visible and hidden exchanged",
    ("falling ranks", "hidden", "from"): "the share kept, not hidden",
    ("ranks", "kept", "from"): "the largest numbers hidden",
}
MASK_RIGHT = {("ranks", "hidden", "below"), ("falling ranks", "kept", "from")}


def mask_of(order, count, side):
    return lambda noise, share: SIDES[side](ORDERS[order](noise), COUNTS[count](noise, share))


def mask_probes():
    for choice in itertools.product(ORDERS, COUNTS, SIDES):
        name = MASK_NAMES.get(choice, "")
        kind = "right" if choice in MASK_RIGHT else "mistake" if name else "wrong"
        yield Probe(MASK, ", ".join(choice), mask_of(*choice), kind, name)


def by_scatter(noise, share):
    count = round(share * noise.shape[1])
    return torch.zeros_like(noise).scatter(1, noise.argsort(1)[:, :count], 1.0).bool()


def by_kth_value(noise, share):
    count = round(share * noise.shape[1])
    return noise <= noise.sort(1).values[:, count - 1 : count]


def by_loop(noise, share):
    count = round(share * noise.shape[1])
    return [[sorted(row).index(value) < count for value in row] for row in noise.tolist()]


# ------------------------------------------------------------------------------- DINO

CENTERS = {
    "subtracted": lambda t, c: t - c,
    "forgotten": lambda t, c: t,
    "added": lambda t, c: t + c,
    "batch mean": lambda t, c: t - t.mean(0),
}
TEMPERATURES = {
    "sharp": (0.1, 0.04),
    "equal": (0.1, 0.1),
    "exchanged": (0.04, 0.1),
    "none": (1.0, 1.0),
    "multiplied": (10.0, 25.0),
}
TERMS = {
    "cross-entropy": lambda s, t: -t.softmax(1) * s.log_softmax(1),
    "exchanged": lambda s, t: -s.softmax(1) * t.log_softmax(1),
    "no logarithm": lambda s, t: -t.softmax(1) * s.softmax(1),
    "no minus": lambda s, t: t.softmax(1) * s.log_softmax(1),
    "divergence": lambda s, t: t.softmax(1) * (t.log_softmax(1) - s.log_softmax(1)),
}
SUMS = {
    "sum, mean": lambda e: e.sum(1).mean(),
    "sum": lambda e: e.sum(),
    "mean": lambda e: e.mean(),
    "rows": lambda e: e.sum(1),
}
DINO_RIGHT = ("subtracted", "sharp", "cross-entropy", "sum, mean")
DINO_NAMES = {
    "forgotten": "centring forgotten",
    "added": "the centre added",
    "equal": "sharpening forgotten",
    "exchanged temperatures": "the temperatures exchanged",
    "exchanged terms": "teacher and student exchanged",
    "no logarithm": "logarithm forgotten",
    "no minus": "sign forgotten",
    "sum": "sum over the batch",
    "mean": "mean over the outputs",
}


def dino_of(center, temperatures, term, total):
    cool, sharp = TEMPERATURES[temperatures]
    return lambda student, teacher, centre: SUMS[total](
        TERMS[term](student / cool, CENTERS[center](teacher, centre) / sharp)
    )


def dino_probes():
    for choice in itertools.product(CENTERS, TEMPERATURES, TERMS, SUMS):
        wrong = [place for place in range(4) if choice[place] != DINO_RIGHT[place]]
        part = choice[wrong[0]] if len(wrong) == 1 else ""
        if part == "exchanged":
            part += " temperatures" if wrong == [1] else " terms"
        name = DINO_NAMES.get(part, "")
        kind = "right" if not wrong else "mistake" if name else "wrong"
        yield Probe(DINO, ", ".join(choice), dino_of(*choice), kind, name)


def student_centered(student, teacher, center):
    return dino_of(*DINO_RIGHT)(student - center, teacher, center)


def by_hand(student, teacher, center):
    shares = ((teacher - center) / 0.04).exp()
    shares = shares / shares.sum(1, keepdim=True)
    own = (student / 0.1).exp()
    return -(shares * (own / own.sum(1, keepdim=True)).log()).sum() / len(student)


# ------------------------------------------------------------------------------- rank

PARTS = {
    "shares": lambda v: v / v.sum(),
    "bare": lambda v: v,
    "roots": lambda v: v.sqrt() / v.sqrt().sum(),
    "squares": lambda v: v**2 / (v**2).sum(),
    "of the largest": lambda v: v / v.max(),
    "softmax": lambda v: v.softmax(0),
}
ENTROPIES = {
    "entropy": lambda p: torch.special.entr(p).sum(),
    "base 2": lambda p: torch.special.entr(p).sum() / np.log(2),
    "minus": lambda p: -torch.special.entr(p).sum(),
    "mean": lambda p: torch.special.entr(p).mean(),
}
ENDS = {"exp": torch.exp, "nothing": lambda h: h, "2**": lambda h: 2**h}
RANK_RIGHT = {("shares", "entropy", "exp"), ("shares", "base 2", "2**")}
RANK_NAMES = {
    ("shares", "entropy", "nothing"): "the entropy itself",
    ("bare", "entropy", "exp"): "not divided by the sum",
    ("bare", "base 2", "2**"): "not divided by the sum",
    ("roots", "entropy", "exp"): "the standard deviations used",
    ("roots", "base 2", "2**"): "the standard deviations used",
    ("squares", "entropy", "exp"): "the variances squared",
    ("squares", "base 2", "2**"): "the variances squared",
    ("shares", "base 2", "exp"): "the logarithm to the base 2",
    ("shares", "minus", "exp"): "the sign of the entropy",
}


def rank_of(part, entropy, end):
    return lambda variances: ENDS[end](ENTROPIES[entropy](PARTS[part](variances)))


def rank_probes():
    for choice in itertools.product(PARTS, ENTROPIES, ENDS):
        name = RANK_NAMES.get(choice, "")
        kind = "right" if choice in RANK_RIGHT else "mistake" if name else "wrong"
        yield Probe(RANK, ", ".join(choice), rank_of(*choice), kind, name)


def nan_at_zero(variances):
    shares = variances / variances.sum()
    return (-(shares * shares.log()).sum()).exp()


# ------------------------------------------------------------------------------- IoU

REGIONS = {"object": lambda m: m, "background": lambda m: ~m}
ABOVE = {
    "and": lambda p, t: (p & t).sum(),
    "twice and": lambda p, t: 2 * (p & t).sum(),
    "or": lambda p, t: (p | t).sum(),
    "xor": lambda p, t: (p ^ t).sum(),
    "equal": lambda p, t: (p == t).sum(),
}
BELOW = {
    "or": lambda p, t: (p | t).sum(),
    "both": lambda p, t: p.sum() + t.sum(),
    "prediction": lambda p, t: p.sum(),
    "truth": lambda p, t: t.sum(),
    "cells": lambda p, t: p.numel(),
    "and": lambda p, t: (p & t).sum(),
}
IOU_NAMES = {
    ("object", "equal", "cells"): "the share of right cells",
    ("background", "equal", "cells"): "the share of right cells",
    ("object", "twice and", "both"): "the Dice coefficient",
    ("object", "and", "both"): "the common cells counted twice",
    ("object", "and", "prediction"): "divided by the prediction",
    ("object", "and", "truth"): "divided by the truth",
    ("background", "and", "or"): "the background instead of the object",
    ("object", "xor", "or"): "the part that differs",
}


def iou_of(region, above, below):
    def answer(predicted, true):
        p, t = REGIONS[region](predicted), REGIONS[region](true)
        return ABOVE[above](p, t) / BELOW[below](p, t)

    return answer


def iou_probes():
    for choice in itertools.product(REGIONS, ABOVE, BELOW):
        name = IOU_NAMES.get(choice, "")
        right = choice == ("object", "and", "or")
        yield Probe(
            IOU,
            ", ".join(choice),
            iou_of(*choice),
            "right" if right else "mistake" if name else "wrong",
            name,
        )


def both_regions(predicted, true):
    return (
        iou_of("object", "and", "or")(predicted, true)
        + iou_of("background", "and", "or")(predicted, true)
    ) / 2


PROBES = [
    *mask_probes(),
    Probe(MASK, "scatter", by_scatter, "right"),
    Probe(MASK, "by the k-th value", by_kth_value, "right"),
    Probe(MASK, "a loop, lists", by_loop, "right"),
    Probe(MASK, "as numbers", lambda n, s: mask_of("ranks", "hidden", "below")(n, s).float(), "wrong"),
    Probe(MASK, "a threshold", lambda n, s: n < s, "mistake", "a threshold instead of a count"),
    Probe(MASK, "a threshold, from above", lambda n, s: n > s, "wrong"),
    Probe(MASK, "a threshold at 1 - share", lambda n, s: n < 1 - s, "wrong"),
    Probe(MASK, "the first patches", lambda n, s: torch.arange(n.shape[1]).expand_as(n) < s * n.shape[1], "wrong"),
    Probe(MASK, "the indices", lambda n, s: n.argsort(1)[:, : round(s * n.shape[1])], "wrong"),
    Probe(MASK, "new random numbers", lambda n, s: torch.zeros_like(n).bool(), "wrong"),
    *dino_probes(),
    Probe(DINO, "by hand", by_hand, "right"),
    Probe(DINO, "a float", lambda s, t, c: float(by_hand(s, t, c)), "right"),
    Probe(DINO, "student centred", student_centered, "mistake", "the student centred as well"),
    Probe(DINO, "forbidden", lambda s, t, c: F.cross_entropy(s / 0.1, ((t - c) / 0.04).softmax(1)), "wrong"),
    Probe(DINO, "squared error", lambda s, t, c: (s - t).square().mean(), "wrong"),
    Probe(DINO, "the likeliest alone", lambda s, t, c: -(s / 0.1).log_softmax(1).gather(1, (t - c).argmax(1, keepdim=True)).mean(), "wrong"),
    *rank_probes(),
    Probe(RANK, "the sum over some", lambda v: np.exp(-sum(p * np.log(p) for p in (v / v.sum()).tolist() if p)), "right"),
    Probe(RANK, "xlogy", lambda v: torch.exp(-torch.special.xlogy(v / v.sum(), v / v.sum()).sum()), "right"),
    Probe(RANK, "a distribution", lambda v: torch.distributions.Categorical(v).entropy().exp(), "right"),
    Probe(RANK, "counted", lambda v: int((v > 0).sum()), "mistake", "the directions counted"),
    Probe(RANK, "participation", lambda v: v.sum() ** 2 / (v**2).sum(), "mistake", "one over the sum of squares"),
    Probe(RANK, "not a number at zero", nan_at_zero, "wrong"),
    Probe(RANK, "all directions", lambda v: len(v), "wrong"),
    Probe(RANK, "sum over the largest", lambda v: v.sum() / v.max(), "wrong"),
    *iou_probes(),
    Probe(IOU, "areas", lambda p, t: (p & t).sum() / (p.sum() + t.sum() - (p & t).sum()), "right"),
    Probe(IOU, "products", lambda p, t: (p.float() * t.float()).sum() / (p.float() + t.float()).clamp(max=1).sum(), "right"),
    Probe(IOU, "smallest over largest", lambda p, t: torch.minimum(p.int(), t.int()).sum() / torch.maximum(p.int(), t.int()).sum(), "right"),
    Probe(IOU, "one minus the rest", lambda p, t: 1 - (p ^ t).sum() / (p | t).sum(), "right"),
    Probe(IOU, "with the background", both_regions, "mistake", "the mean with the background"),
    Probe(IOU, "a smoothed ratio", lambda p, t: ((p & t).sum() + 1) / ((p | t).sum() + 1), "wrong"),
    Probe(IOU, "in percent", lambda p, t: 100 * (p & t).sum() / (p | t).sum(), "wrong"),
]  # fmt: skip
