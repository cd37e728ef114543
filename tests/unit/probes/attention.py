"""Notebook 03: attention, heads, rollout, distance. Many wrong answers are made from few parts."""

import functools
import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

ATTEND, SPLIT, ROLLOUT, DISTANCE = (
    "Scaled dot-product attention",
    "Split into heads",
    "Attention rollout",
    "Attention distance in pixels",
)

# ------------------------------------------------------------------------------ attention


def by_loops(query, key, value):
    answer = torch.zeros_like(value)
    for head, row in itertools.product(range(query.shape[0]), range(query.shape[1])):
        scores = [float(query[head, row] @ other) / query.shape[2] ** 0.5 for other in key[head]]
        powers = [math.exp(score) for score in scores]
        for power, given in zip(powers, value[head], strict=True):
            answer[head, row] += power / sum(powers) * given
    return answer


def by_numpy(query, key, value):
    query, key, value = (np.asarray(part, dtype="float64") for part in (query, key, value))
    powers = np.exp(np.einsum("hqd,hkd->hqk", query, key) / query.shape[-1] ** 0.5)
    return powers / powers.sum(-1, keepdims=True) @ value


def plain(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    return scores.softmax(-1) @ value


def by_torch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value)


RIGHT_ATTENTION = {
    "triple loop": by_loops,
    "numpy, float64": by_numpy,
    "baddbmm": lambda q, k, v: (
        torch.baddbmm(torch.zeros(()), q, k.mT, beta=0, alpha=q.shape[-1] ** -0.5).softmax(2) @ v
    ),
    "a list over heads": lambda q, k, v: [
        ((a @ b.T) / a.shape[1] ** 0.5).softmax(1) @ c for a, b, c in zip(q, k, v, strict=True)
    ],
    "root on both sides": lambda q, k, v: (
        ((q / q.shape[-1] ** 0.25) @ (k / q.shape[-1] ** 0.25).mT).softmax(-1) @ v
    ),
    "bfloat16": lambda q, k, v: plain(q, k, v).bfloat16(),
    "float16": lambda q, k, v: plain(q, k, v).half(),
}
SCALES = {
    "root of d": lambda q: q.shape[-1] ** -0.5,
    "none": lambda q: 1.0,
    "d": lambda q: 1 / q.shape[-1],
    "root of T": lambda q: q.shape[1] ** -0.5,
    "2": lambda q: 0.5,
    "times the root": lambda q: q.shape[-1] ** 0.5,
}
SOFTMAXES = {
    "keys": lambda s: s.softmax(-1),
    "queries": lambda s: s.softmax(-2),
    "heads": lambda s: s.softmax(0),
    "everything": lambda s: s.flatten().softmax(0).reshape(s.shape),
    "none": lambda s: s,
    "exp alone": lambda s: s.exp(),
    "sigmoid": lambda s: s.sigmoid(),
    "hard": lambda s: F.one_hot(s.argmax(-1), s.shape[-1]).float(),
}
ROLES = {
    "q k v": lambda q, k, v: (q, k, v),
    "k q v": lambda q, k, v: (k, q, v),
    "q v k": lambda q, k, v: (q, v, k),
    "v k q": lambda q, k, v: (v, k, q),
}
NAMED_ATTENTION = {
    ("none", "keys", "q k v"): "not divided by the root of d",
    ("d", "keys", "q k v"): "divided by d without the root",
    ("root of d", "queries", "q k v"): "softmax over the queries",
    ("root of d", "none", "q k v"): "no softmax",
    ("root of d", "keys", "k q v"): "keys ask, queries answer",
    ("root of d", "keys", "q v k"): "key and value swapped",
}


def made_attention(scale, softmax, role):
    def attention(query, key, value):
        query, key, value = ROLES[role](query, key, value)
        scores = query @ key.transpose(-2, -1) * SCALES[scale](query)
        return SOFTMAXES[softmax](scores) @ value

    return attention


def attention_probes():
    for name, answer in RIGHT_ATTENTION.items():
        yield Probe(ATTEND, name, answer, "right")
    for parts in itertools.product(SCALES, SOFTMAXES, ROLES):
        if parts == ("root of d", "keys", "q k v"):
            continue
        if parts[1] == "hard" and parts[0] != "root of d":
            continue  # a hard choice does not depend on the scale
        mistake = NAMED_ATTENTION.get(parts, "")
        what = f"scale {parts[0]}, softmax over {parts[1]}, roles {parts[2]}"
        yield Probe(
            ATTEND, what, made_attention(*parts), "mistake" if mistake else "wrong", mistake
        )
    yield Probe(ATTEND, "ready-made", by_torch, "wrong")
    yield Probe(ATTEND, "answer and weights", lambda q, k, v: (plain(q, k, v), q), "wrong")
    yield Probe(ATTEND, "key.T", lambda q, k, v: (q @ k.T).softmax(-1) @ v, "wrong")
    yield Probe(ATTEND, "nothing returned", lambda q, k, v: None, "wrong")
    yield Probe(
        ATTEND,
        "root after the softmax",
        lambda q, k, v: (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 @ v,
        "wrong",
    )
    yield Probe(
        ATTEND,
        "looks back only",
        lambda q, k, v: (
            (q @ k.mT / q.shape[-1] ** 0.5)
            .masked_fill(~torch.ones(q.shape[1], q.shape[1]).tril().bool(), -torch.inf)
            .softmax(-1)
            @ v
        ),
        "mistake",
        "looks back only",
    )


# ---------------------------------------------------------------------------------- heads


def cut(tokens, heads):
    batch, length, width = tokens.shape
    return batch, length, heads, width // heads


SPLITS = {
    "channels cut (H, d)": lambda x, h: (x.reshape(cut(x, h)), "bthd"),
    "channels cut (d, H)": lambda x, h: (
        x.reshape(x.shape[0], x.shape[1], x.shape[2] // h, h),
        "btdh",
    ),
    "one reshape": lambda x, h: (x.reshape(x.shape[0], h, x.shape[1], x.shape[2] // h), "bhtd"),
}


def made_split(how, order):
    def split(tokens, heads):
        parts, axes = SPLITS[how](tokens, heads)
        return torch.einsum(f"{axes}->{order}", parts)

    return split


NAMED_SPLIT = {
    ("channels cut (H, d)", "bthd"): "heads in the middle",
    ("channels cut (d, H)", "bhtd"): "neighbouring channels dealt to different heads",
    ("one reshape", "bhtd"): "one reshape and no swap",
}


def split_probes():
    right = {
        "chunk and stack": lambda x, h: torch.stack(x.chunk(h, -1), 1),
        "unflatten and movedim": lambda x, h: x.unflatten(2, (h, -1)).movedim(2, 1),
        "slices": lambda x, h: torch.stack(
            [x[..., i * x.shape[2] // h : (i + 1) * x.shape[2] // h] for i in range(h)], 1
        ),
        "nested lists": lambda x, h: torch.stack(x.chunk(h, -1), 1).tolist(),
        "numpy": lambda x, h: x.numpy().reshape(cut(x, h)).swapaxes(1, 2),
    }
    for name, answer in right.items():
        yield Probe(SPLIT, name, answer, "right")
    for how, order in itertools.product(SPLITS, map("".join, itertools.permutations("bthd"))):
        if (how, order) == ("channels cut (H, d)", "bhtd"):
            continue
        mistake = NAMED_SPLIT.get((how, order), "")
        kind = "mistake" if mistake else "wrong"
        yield Probe(SPLIT, f"{how}, then {order}", made_split(how, order), kind, mistake)
    wrong = {
        "batch and heads merged": lambda x, h: torch.stack(x.chunk(h, -1), 1).flatten(0, 1),
        "a list of heads": lambda x, h: list(x.chunk(h, -1)),
        "tokens cut": lambda x, h: x.unflatten(1, (h, -1)),
        "heads in reverse": lambda x, h: torch.stack(x.chunk(h, -1), 1).flip(1),
    }
    for name, answer in wrong.items():
        yield Probe(SPLIT, name, answer, "wrong")


# -------------------------------------------------------------------------------- rollout

JOINS = {
    "mean": lambda layer: layer.mean(0),
    "max": lambda layer: layer.max(0),
    "sum": lambda layer: layer.sum(0),
    "first": lambda layer: layer[0],
    "last": lambda layer: layer[-1],
    "min": lambda layer: layer.min(0),
}
STEPS = {
    "half": lambda one: 0.5 * one + 0.5 * np.eye(len(one)),
    "none": lambda one: one,
    "whole": lambda one: one + np.eye(len(one)),
    "a tenth": lambda one: 0.9 * one + 0.1 * np.eye(len(one)),
}
PRODUCTS = {
    "later left": lambda maps: functools.reduce(lambda done, now: now @ done, maps),
    "later right": lambda maps: functools.reduce(lambda done, now: done @ now, maps),
    "entry by entry": lambda maps: functools.reduce(np.multiply, maps),
    "mean of the layers": lambda maps: np.mean(maps, 0),
    "transposed": lambda maps: functools.reduce(lambda done, now: now @ done, maps).T,
    "last layer only": lambda maps: maps[-1],
}
NAMED_ROLLOUT = {
    ("mean", "none", "later left"): "residual forgotten",
    ("mean", "half", "later right"): "layers multiplied in the wrong order",
    ("mean", "whole", "later left"): "rows not brought back to 1",
    ("first", "half", "later left"): "one head only",
    ("max", "half", "later left"): "strongest head",
}


def made_rollout(join, step, product):
    return lambda maps: PRODUCTS[product]([STEPS[step](JOINS[join](layer)) for layer in maps])


def rollout_probes():
    def halved(maps):
        return maps.mean(1) / 2 + np.eye(maps.shape[-1]) / 2

    right = {
        "reduce": lambda maps: functools.reduce(lambda done, now: now @ done, halved(maps)),
        "multi_dot": lambda maps: (
            np.linalg.multi_dot(halved(maps)[::-1]) if len(maps) > 1 else halved(maps)[0]
        ),
        "normalised afterwards": made_rollout_normalised,
        "from the last layer": lambda maps: functools.reduce(np.matmul, halved(maps)[::-1]),
    }
    for name, answer in right.items():
        yield Probe(ROLLOUT, name, answer, "right")
    for parts in itertools.product(JOINS, STEPS, PRODUCTS):
        if parts == ("mean", "half", "later left"):
            continue
        mistake = NAMED_ROLLOUT.get(parts, "")
        what = f"{parts[0]} of the heads, residual {parts[1]}, {parts[2]}"
        kind = "mistake" if mistake else "wrong"
        yield Probe(ROLLOUT, what, made_rollout(*parts), kind, mistake)


def made_rollout_normalised(maps):
    """A + I, brought back to 1 row by row."""
    result = np.eye(maps.shape[-1])
    for layer in maps:
        both = layer.mean(0) + np.eye(len(result))
        result = both / both.sum(1, keepdims=True) @ result
    return result


# ------------------------------------------------------------------------------- distance

LENGTHS = {
    "straight": np.hypot,
    "streets": lambda down, right: abs(down) + abs(right),
    "squared": lambda down, right: down**2 + right**2,
    "Chebyshev": lambda down, right: np.maximum(abs(down), abs(right)),
    "rows only": lambda down, right: abs(down) + 0 * right,
    "columns only": lambda down, right: abs(right) + 0 * down,
}
UNITS = {"pixels": lambda p: p, "patches": lambda p: 1, "squared": lambda p: p * p}
MEANS = {
    "weighted": lambda a, d: (a * d).sum(1).mean(),
    "summed": lambda a, d: (a * d).sum(),
    "over entries": lambda a, d: (a * d).mean(),
    "alike": lambda a, d: d.mean(),
    "strongest": lambda a, d: d[np.arange(len(a)), a.argmax(1)].mean(),
    "one a query": lambda a, d: (a * d).sum(1),
    "largest query": lambda a, d: (a * d).sum(1).max(),
}
NAMED_DISTANCE = {
    ("straight", "patches", "weighted"): "counted in patches",
    ("streets", "pixels", "weighted"): "rows plus columns",
    ("straight", "pixels", "summed"): "summed over the queries",
    ("straight", "pixels", "alike"): "every patch counted alike",
}


def apart(attention, columns, length=np.hypot):
    row, column = np.divmod(np.arange(len(attention)), columns)
    return length(row[:, None] - row, column[:, None] - column)


def made_distance(length, unit, mean):
    def distance(attention, columns, patch_size):
        between = apart(attention, columns, LENGTHS[length])
        return UNITS[unit](patch_size) * MEANS[mean](attention, between)

    return distance


def along_the_sequence(attention, columns, patch_size):
    steps = np.arange(len(attention))
    return patch_size * (attention * abs(steps[:, None] - steps)).sum(1).mean()


def distance_probes():
    right = {
        "torch.cdist": lambda a, c, p: (
            (torch.cdist(places(a, c), places(a, c)) * torch.tensor(a) * p).sum() / len(a)
        ),
        "complex numbers": lambda a, c, p: (
            p
            * (
                a
                * abs(np.subtract.outer(*[np.arange(len(a)) // c + np.arange(len(a)) % c * 1j] * 2))
            )
            .sum(1)
            .mean()
        ),
        "one number in brackets": lambda a, c, p: [p * (a * apart(a, c)).sum() / len(a)],
        "attention transposed": lambda a, c, p: p * (a.T * apart(a, c)).sum() / len(a),
    }
    for name, answer in right.items():
        yield Probe(DISTANCE, name, answer, "right")
    for parts in itertools.product(LENGTHS, UNITS, MEANS):
        if parts == ("straight", "pixels", "weighted"):
            continue
        mistake = NAMED_DISTANCE.get(parts, "")
        what = f"{parts[0]}, in {parts[1]}, {parts[2]}"
        kind = "mistake" if mistake else "wrong"
        yield Probe(DISTANCE, what, made_distance(*parts), kind, mistake)
    yield Probe(DISTANCE, "sequence", along_the_sequence, "mistake", "distance along the sequence")


def places(attention, columns):
    index = torch.arange(len(attention))
    return torch.stack([index // columns, index % columns], 1).double()


PROBES = [*attention_probes(), *split_probes(), *rollout_probes(), *distance_probes()]
