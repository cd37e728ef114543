"""Notebook 17: a fair swap test, a head's part of a score, sparse codes."""

import itertools

import numpy as np
import torch

from tests.unit.probes import Probe

SWAP, PART, CODES = "A fair swap test", "A head's part of the score", "Sparse codes"


def stub(*arguments):
    raise NotImplementedError


def probe(exercise, what, answer, name):
    """A probe for an answer that is right, a named mistake, or wrong without a name."""
    kind = name if name in ("right", "wrong") else "mistake"
    return Probe(exercise, what, answer, kind, name if kind == "mistake" else "")


# ------------------------------------------------------------------------------- the swap test

COMPARE = {
    ">": torch.gt,
    ">=": torch.ge,
    "<": torch.lt,
    "<=": torch.le,
    "==": torch.eq,
    "!=": torch.ne,
}
OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
GATHER = {
    "balanced": lambda hits, first: (hits[first == 0].mean() + hits[first == 1].mean()) / 2,
    "plain": lambda hits, first: hits.mean(),
    "order 0": lambda hits, first: hits[first == 0].mean(),
    "order 1": lambda hits, first: hits[first == 1].mean(),
    "better order": lambda hits, first: max(hits[first == 0].mean(), hits[first == 1].mean()),
    "sum": lambda hits, first: hits[first == 0].mean() + hits[first == 1].mean(),
}
SAY = {
    "share": lambda share: share,
    "rest of 1": lambda share: 1 - share,
    "percent": lambda share: 100 * share,
}
SWAP_NAMED = {
    (">", "balanced"): "right",
    (">=", "balanced"): "ties count as right",
    ("<", "balanced"): "the false sentence preferred",
    (">", "plain"): "orders not balanced",
    (">", "order 0"): "only where object 0 is named first",
    (">", "order 1"): "only where object 1 is named first",
}


def swapped(compare, gather, say):
    def test(true, false, first):
        return SAY[say](GATHER[gather](COMPARE[compare](true, false).float(), first))

    return test


def swap_name(compare, gather, say):
    """What a combination amounts to: 1 - share is the share of the opposite comparison."""
    if say == "rest of 1":
        if gather in ("better order", "sum"):
            return "wrong"
        compare = OPPOSITE[compare]
    return "wrong" if say == "percent" else SWAP_NAMED.get((compare, gather), "wrong")


SWAPS = [
    probe(SWAP, ", ".join(way), swapped(*way), swap_name(*way))
    for way in itertools.product(COMPARE, GATHER, SAY)
] + [
    probe(
        SWAP,
        "the mean margin of the orders",
        lambda true, false, first: GATHER["balanced"](true - false, first),
        "the margin in place of the success",
    ),
    probe(
        SWAP,
        "the margin, not balanced",
        lambda true, false, first: (true - false).mean(),
        "wrong",
    ),
    probe(
        SWAP,
        "means compared",
        lambda true, false, first: sum(
            (true[first == k].mean() > false[first == k].mean()).float() / 2 for k in (0, 1)
        ),
        "averaged before it is compared",
    ),
    probe(
        SWAP,
        "by a loop",
        lambda true, false, first: sum(
            float(t > f) / (2 * int((first == o).sum()))
            for t, f, o in zip(true, false, first, strict=True)
        ),
        "right",
    ),
    probe(
        SWAP,
        "in numpy",
        lambda true, false, first: np.mean(
            [
                np.mean(true.numpy()[first.numpy() == k] > false.numpy()[first.numpy() == k])
                for k in (0, 1)
            ]
        ),
        "right",
    ),
    probe(SWAP, "one half", lambda true, false, first: 0.5, "wrong"),
    probe(SWAP, "None", lambda true, false, first: None, "wrong"),
    probe(SWAP, "an error", lambda true, false, first: true @ first.reshape(1, -1), "wrong"),
    Probe(SWAP, "the stub", stub, "not yet attempted"),
]

# ------------------------------------------------------------------------------- a head's part

DIVIDE = {
    "whole": lambda heads, rest: (heads.sum(0) + rest).norm(),
    "nothing": lambda heads, rest: torch.tensor(1.0).to(heads),
    "own": lambda heads, rest: heads.norm(dim=1),
    "heads": lambda heads, rest: heads.sum(0).norm(),
    "rest": lambda heads, rest: rest.norm(),
    "square": lambda heads, rest: (heads.sum(0) + rest).square().sum(),
    "number": lambda heads, rest: torch.tensor(float(len(heads))).to(heads),
    "all lengths": lambda heads, rest: heads.norm(dim=1).sum() + rest.norm(),
}
AGAINST = {
    "text": lambda heads, rest, text: heads @ text,
    "text, rest dealt out": lambda heads, rest, text: (heads + rest / len(heads)) @ text,
    "text, rest added": lambda heads, rest, text: (heads + rest) @ text,
    "picture": lambda heads, rest, text: heads @ (heads.sum(0) + rest),
}
AFTER = {
    "plain": lambda parts: parts,
    "abs": torch.abs,
    "relu": torch.relu,
    "softmax": lambda parts: parts.softmax(0),
    "to 1": lambda parts: parts / parts.sum(),
}
PART_NAMED = {
    ("whole", "text", "plain"): "right",
    ("nothing", "text", "plain"): "not divided by the length",
    ("own", "text", "plain"): "each head at length 1",
    ("heads", "text", "plain"): "the length of the heads alone",
    ("whole", "text", "abs"): "the signs are lost",
    ("whole", "text, rest dealt out", "plain"): "the rest is dealt out to the heads",
}


def parted(divide, against, after):
    def parts(heads, rest, text):
        return AFTER[after](AGAINST[against](heads, rest, text) / DIVIDE[divide](heads, rest))

    return parts


def part_name(divide, against, after):
    """Brought to a sum of 1, one divisor for all heads does not matter."""
    if after == "to 1" and against == "text" and divide != "own":
        return "shares that add up to 1"
    return PART_NAMED.get((divide, against, after), "wrong")


PARTS = [
    probe(PART, ", ".join(way), parted(*way), part_name(*way))
    for way in itertools.product(DIVIDE, AGAINST, AFTER)
] + [
    probe(
        PART,
        "by a loop, as a list",
        lambda heads, rest, text: [
            float(head @ text) / float((heads.sum(0) + rest).norm()) for head in heads
        ],
        "right",
    ),
    probe(
        PART,
        "the loss when a head is left out",
        lambda heads, rest, text: torch.stack(
            [
                torch.cosine_similarity(heads.sum(0) + rest, text, dim=0)
                - torch.cosine_similarity(heads.sum(0) - head + rest, text, dim=0)
                for head in heads
            ]
        ),
        "wrong",
    ),
    probe(
        PART,
        "the whole cosine",
        lambda heads, rest, text: torch.cosine_similarity(heads.sum(0) + rest, text, dim=0),
        "wrong",
    ),
    probe(PART, "None", lambda heads, rest, text: None, "wrong"),
    Probe(PART, "the stub", stub, "not yet attempted"),
]

# ------------------------------------------------------------------------------- sparse codes


def among(values, k, dim):
    return values.argsort(dim=dim, descending=True).argsort(dim=dim) < k


CHOOSE = {
    "row": lambda scores, k: among(scores, k, 1),
    "size": lambda scores, k: among(scores.abs(), k, 1),
    "column": lambda scores, k: among(scores, k, 0),
    "batch": lambda scores, k: among(scores.flatten(), k * len(scores), 0).reshape(scores.shape),
    "smallest": lambda scores, k: among(-scores, k, 1),
    "above 0": lambda scores, k: scores > 0,
    "one more": lambda scores, k: among(scores, k + 1, 1),
}
SIGN = {"relu": torch.relu, "as it is": lambda scores: scores, "abs": torch.abs}
GIVE = {
    "codes": lambda kept: kept,
    "mask": lambda kept: (kept > 0).to(kept),
    "shares": lambda kept: kept / kept.sum(1, keepdim=True).clamp(min=1e-9),
}
CODE_NAMED = {
    ("row", "relu", "codes"): "right",
    ("row", "as it is", "codes"): "negative codes stay",
    ("size", "relu", "codes"): "the largest in size",
    ("column", "relu", "codes"): "k of each column",
    # The largest of these batches are all above 0.
    ("batch", "relu", "codes"): "the largest of the whole batch",
    ("batch", "as it is", "codes"): "the largest of the whole batch",
    ("batch", "abs", "codes"): "the largest of the whole batch",
    ("above 0", "relu", "codes"): "all that are above 0",
    ("above 0", "as it is", "codes"): "all that are above 0",
    ("above 0", "abs", "codes"): "all that are above 0",
    ("row", "relu", "mask"): "yes and no in place of codes",
    ("row", "as it is", "mask"): "yes and no in place of codes",
}


def coded(choose, sign, give):
    def codes(scores, k):
        kept = torch.where(CHOOSE[choose](scores, k), SIGN[sign](scores), torch.zeros_like(scores))
        return GIVE[give](kept)

    return codes


SPARSE = [
    probe(CODES, ", ".join(way), coded(*way), CODE_NAMED.get(way, "wrong"))
    for way in itertools.product(CHOOSE, SIGN, GIVE)
] + [
    probe(
        CODES,
        "by topk and scatter",
        lambda scores, k: torch.zeros_like(scores).scatter(
            1, scores.topk(k, dim=1).indices, scores.topk(k, dim=1).values.relu()
        ),
        "right",
    ),
    probe(
        CODES,
        "ReLU first",
        lambda scores, k: torch.zeros_like(scores).scatter(
            1, scores.relu().topk(k, dim=1).indices, scores.relu().topk(k, dim=1).values
        ),
        "right",
    ),
    probe(CODES, "the values alone", lambda scores, k: scores.topk(k, dim=1).values, "wrong"),
    probe(CODES, "the scores", lambda scores, k: scores, "wrong"),
    Probe(CODES, "the stub", stub, "not yet attempted"),
]

PROBES = SWAPS + PARTS + SPARSE
