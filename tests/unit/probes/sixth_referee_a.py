"""Answers of a sixth referee to the exercises of notebooks 00 to 04.

Those in FOUND came out wrong once: a right answer in half precision was told of a mistake, a complex
number stopped the check, and a right way to resize ran into torch's own error.
"""

import functools
import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

NEGATIVES, COSINE = "Count the negative pairs", "Cosine similarity"
ERROR, FIELD = "Measure the equivariance error", "The receptive field of a stack"
PARAMETERS, CUT = "Count the parameters of a patch embedding", "Cut an image into patches"
COST, TOKENS = "The price of finer patches", "Count the tokens of a larger picture"
ATTEND, SPLIT = "Scaled dot-product attention", "Split into heads"
ROLLOUT, DISTANCE = "Attention rollout", "Attention distance in pixels"
TABLE, TURN, RESIZE = (
    "Sines and cosines for a grid",
    "Turn the pairs",
    "Resize a learned table",
)


def unit(v):
    return v / v.norm(dim=1, keepdim=True)


def moved(before, after, shift):
    return after[..., shift:] - before[..., :-shift]


def field(kernels, strides, step=1, start=1):
    for kernel, stride in zip(kernels, strides, strict=True):
        start += (kernel - 1) * step
        step *= stride
    return start


def cells(images, p):
    batch, channels, height, width = images.shape
    return images.reshape(batch, channels, height // p, p, width // p, p)


def patches(images, p):
    return cells(images, p).permute(0, 2, 4, 3, 5, 1).flatten(1, 2).flatten(2)


def whole_patches(images, p):
    """(B, N, P, P, C)."""
    return patches(images, p).unflatten(2, (p, p, -1))


def tokens(size, p):
    return (size // p) ** 2 + 1


def mixed_by(query, key, value, scale=None, shares=lambda scores: scores.softmax(-1)):
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return shares(query @ key.mT * scale) @ value


def masked(mask):
    return lambda s: s.masked_fill(mask(torch.ones(s.shape[-2:])).bool(), -torch.inf).softmax(-1)


def with_own_helper(query, key, value):
    def mix(one, other, mixed):
        return (one @ other.transpose(-2, -1) / one.shape[-1] ** 0.5).softmax(-1) @ mixed

    return mix(query, key, value)


def key_by_key(query, key, value):
    """The softmax built up one key at a time, as flash attention does."""
    scores = query @ key.mT / query.shape[-1] ** 0.5
    largest, total = torch.full(scores.shape[:2], -torch.inf), torch.zeros(scores.shape[:2])
    mixed = torch.zeros_like(query)
    for s, v in zip(scores.unbind(-1), value.unbind(1), strict=True):
        new = torch.maximum(largest, s)
        kept, added = (largest - new).exp(), (s - new).exp()
        total = total * kept + added
        mixed = mixed * kept[..., None] + added[..., None] * v[:, None]
        largest = new
    return mixed / total[..., None]


def heads(x, h):
    return x.unflatten(-1, (h, -1)).transpose(1, 2)


def half(weights):
    return (weights + np.eye(len(weights))) / 2


def rolled(maps, join=lambda layer: layer.mean(0), step=half, start=None):
    out = np.eye(maps.shape[-1]) if start is None else start
    for layer in maps:
        out = step(join(layer)) @ out
    return out


def apart(n, columns):
    row, column = np.divmod(np.arange(n), columns)
    return np.hypot(row[:, None] - row, column[:, None] - column)


def table(rows, columns, dim, places=lambda r, c: (r, c), omega=None, order="sScC"):
    """In `order`, s and c are sine and cosine of the row, S and C of the column."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    k = np.arange(dim // 4)
    omega = 10_000.0 ** -(k / len(k)) if omega is None else omega(k, len(k))
    waves = {"s": np.sin, "c": np.cos}
    r, c = places(row, column)
    parts = [waves[one.lower()](np.outer(r if one.islower() else c, omega)) for one in order]
    return np.concatenate(parts, 1)


def turned(vectors, angles, rule=lambda x, y, c, s: (x * c - y * s, x * s + y * c)):
    pairs = rule(vectors[:, 0::2], vectors[:, 1::2], angles.cos(), angles.sin())
    return torch.stack(pairs, -1).flatten(1)


def resized(t, old, new, cls=None, before=lambda g: g, after=lambda g: g, **options):
    options = {"mode": "bicubic", "antialias": True} | options
    grid = before(t[1:].reshape(1, *old, -1).permute(0, 3, 1, 2))
    grid = after(F.interpolate(grid, size=tuple(new), **options))
    return torch.cat([t[:1] if cls is None else cls, grid[0].permute(1, 2, 0).flatten(0, 1)])


def columns_as_rows(t, old, new):
    """Both grids on their side, and the result turned back."""
    grid = t[1:].reshape(1, *old, -1).permute(0, 3, 2, 1)
    grid = F.interpolate(grid, size=new[::-1], mode="bicubic", antialias=True)
    return torch.cat([t[:1], grid[0].permute(2, 1, 0).flatten(0, 1)])


FOUND = [
    Probe(PARAMETERS, "right, rounded by bfloat16", torch.tensor(787_456.0).bfloat16(), "wrong"),
    Probe(PARAMETERS, "right, beyond float16", torch.tensor(787_456.0).half(), "wrong"),
    Probe(TOKENS, "right, rounded by bfloat16", torch.tensor(577.0).bfloat16(), "wrong"),
    Probe(NEGATIVES, "a complex number", 552 + 1j, "wrong"),
    Probe(NEGATIVES, "a number beyond 64 bits", math.factorial(24), "wrong"),
    Probe(PARAMETERS, "the number in the notebook's table", 590_592.0, "mistake", "width of ViT-B"),
    Probe(
        ERROR,
        "rolled back, whole",
        lambda b, a, s: (a.roll(-s, 2) - b).abs().max(),
        "mistake",
        "border included",
    ),
    Probe(RESIZE, "columns as rows, and back", columns_as_rows, "right"),
]
WRONG = {
    NEGATIVES: {
        "of three indices": 24**3 - 24,
        "with repetition": 24 * 25 // 2,
        "a count a row": [23] * 24,
        "the mask": np.ones((24, 24)) - np.eye(24),
        "bytes": b"552",
    },
    COSINE: {
        "rows of the product at length 1": lambda i, t: unit(i @ t.T),
        "columns of the product at length 1": lambda i, t: F.normalize(i @ t.T, dim=0),
        "over the sum of the lengths": lambda i, t: (
            i @ t.T / (i.norm(dim=1)[:, None] + t.norm(dim=1))
        ),
        "over the root of the lengths": lambda i, t: (
            i @ t.T / torch.outer(i.norm(dim=1), t.norm(dim=1)).sqrt()
        ),
        "the sine": lambda i, t: (1 - (unit(i) @ unit(t).T) ** 2).clamp_min(0).sqrt(),
        "one minus the cosine": lambda i, t: 1 - unit(i) @ unit(t).T,
        "from 0 to 1": lambda i, t: (1 + unit(i) @ unit(t).T) / 2,
        "no negative ones": lambda i, t: (unit(i) @ unit(t).T).relu(),
        "a hundredth added": lambda i, t: (
            i @ t.T / (torch.outer(i.norm(dim=1), t.norm(dim=1)) + 0.01)
        ),
        "L1, then the product": lambda i, t: F.normalize(i, p=1) @ F.normalize(t, p=1).T,
        "images over the batch": lambda i, t: i / i.norm(dim=0) @ unit(t).T,
        "texts over the batch": lambda i, t: unit(i) @ (t / t.norm(dim=0)).T,
        "images by their square": lambda i, t: i / i.square().sum(1, keepdim=True) @ unit(t).T,
    },
    ERROR: {
        "difference of the sizes": lambda b, a, s: moved(b.abs(), a.abs(), s).abs().max(),
        "from lowest to highest": lambda *a: moved(*a).max() - moved(*a).min(),
        "mean of the rows' largest": lambda *a: moved(*a).abs().amax(2).mean(),
        "mean of the channels' largest": lambda *a: moved(*a).abs().amax((1, 2)).mean(),
        "second largest": lambda *a: moved(*a).abs().flatten().sort().values[-2],
        "last column left out": lambda *a: moved(*a)[..., :-1].abs().max(),
        "first row left out": lambda *a: moved(*a)[:, 1:].abs().max(),
        "rows rolled": lambda b, a, s: (a - b.roll(s, 1)).abs().max(),
        "rolled through all axes": lambda b, a, s: (a - b.roll(s)).abs().max(),
        "a column too few left out": lambda b, a, s: (
            (a[..., s - 1 :] - b[..., : b.shape[2] - s + 1]).abs().max()
        ),
        "every second column": lambda *a: moved(*a)[..., ::2].abs().max(),
        "sorted first": lambda b, a, s: (
            (a[..., s:].sort().values - b[..., :-s].sort().values).abs().max()
        ),
        "where it is": lambda *a: moved(*a).abs().argmax(),
        "whole numbers only": lambda *a: moved(*a).abs().max().to(torch.uint8),
    },
    FIELD: {
        "last layer left out": lambda k, s: field(k[:-1], s[:-1]),
        "kernels halved, then doubled": lambda k, s: field([one // 2 * 2 + 1 for one in k], s),
        "stack turned over": lambda k, s: field(k[::-1], s[::-1]),
        "strides turned over": lambda k, s: field(k, s[::-1]),
        "own stride as a factor": lambda k, s: (
            1 + sum((a - 1) * b for a, b in zip(k, s, strict=True))
        ),
        "times all strides": lambda k, s: field(k, [1] * len(k)) * math.prod(s),
        "largest kernel": lambda k, s: max(k) * math.prod(s),
        "recursion without the minus": lambda k, s: functools.reduce(
            lambda f, one: f * one[1] + one[0] - 1, reversed(list(zip(k, s, strict=True))), 1
        ),
        "from the first kernel, its stride lost": lambda k, s: field(k[1:], s[1:], start=k[0]),
        "powers of two": lambda k, s: 1 + sum((one - 1) * 2**i for i, one in enumerate(k)),
        "largest stride everywhere": lambda k, s: field(k, [max(s)] * len(s)),
        "padding added": lambda k, s: field(k, s) + 2 * len(k),
        "all of the fields": lambda k, s: [field(k[:i], s[:i]) for i in range(len(k) + 1)],
    },
    PARAMETERS: {
        "three biases": 16 * 16 * 3 * 1024 + 3,
        "one side of a patch": 16 * 3 * 1024 + 1024,
        "of an image": 224 * 224 * 3 * 1024 + 1024,
        "with alpha": 16 * 16 * 4 * 1024 + 1024,
        "patches of 14": 14 * 14 * 3 * 1024 + 1024,
        "patches of 32": 32 * 32 * 3 * 1024 + 1024,
        "1024 in and out": 1024 * 1024 + 1024,
        "bytes of float32": 4 * 787_456,
        "class token and places": 787_456 + 1024 + 197 * 1024,
        "weights and biases": [786_432, 1024],
        "the shape": (1024, 3, 16, 16),
    },
    CUT: {
        "each patch upside down": lambda i, p: whole_patches(i, p).flip(2).flatten(2),
        "each patch mirrored": lambda i, p: whole_patches(i, p).flip(3).flatten(2),
        "blue before red": lambda i, p: whole_patches(i, p).flip(4).flatten(2),
        "every second row of patches backwards": lambda i, p: torch.cat(
            [
                patches(r, p).flip(1) if n % 2 else patches(r, p)
                for n, r in enumerate(i.split(p, 2))
            ],
            1,
        ),
        "the mean of each patch": lambda i, p: (
            patches(i, p).mean(2, keepdim=True).expand(patches(i, p).shape)
        ),
        "strips of columns": lambda i, p: torch.stack(i.split(p, 3), 1).flatten(2),
        "strips of rows": lambda i, p: torch.stack(i.split(p, 2), 1).flatten(2),
        "pixels far apart": lambda i, p: torch.stack(
            [
                i[:, :, r::p, c::p].permute(0, 2, 3, 1).flatten(1)
                for r in range(p)
                for c in range(p)
            ],
            1,
        ),
        "batch second": lambda i, p: patches(i, p).transpose(0, 1),
        "each patch standardised": lambda i, p: F.layer_norm(
            patches(i, p), patches(i, p).shape[2:]
        ),
        "only the first row of patches": lambda i, p: patches(i[:, :, :p], p),
        "moved by a pixel": lambda i, p: patches(i.roll(1, 3), p),
        "channel between row and column": lambda i, p: (
            cells(i, p).permute(0, 2, 4, 3, 1, 5).flatten(1, 2).flatten(2)
        ),
        "values in order of size": lambda i, p: patches(i, p).sort(-1).values,
    },
    COST: {
        "three products": lambda s, p: 3 * tokens(s, p) ** 2 * 64,
        "softmax counted": lambda s, p: 2 * tokens(s, p) ** 2 * 64 + tokens(s, p) ** 2,
        "64 squared": lambda s, p: 2 * tokens(s, p) * 64**2,
        "a triangle": lambda s, p: tokens(s, p) * (tokens(s, p) + 1) * 64,
        "CLS asks, but is not asked": lambda s, p: 2 * tokens(s, p) * (s // p) ** 2 * 64,
        "without the diagonal": lambda s, p: 2 * tokens(s, p) * (tokens(s, p) - 1) * 64,
        "63 additions": lambda s, p: 2 * tokens(s, p) ** 2 * 63,
        "127 operations": lambda s, p: 2 * tokens(s, p) ** 2 * 127,
        "eight heads": lambda s, p: 2 * tokens(s, p) ** 2 * 512,
        "width added": lambda s, p: 2 * (tokens(s, p) ** 2 + 64),
        "sides exchanged": lambda s, p: 2 * tokens(p, s) ** 2 * 64,
        "each product": lambda s, p: [tokens(s, p) ** 2 * 64] * 2,
    },
    TOKENS: {
        "a patch of 14": (384 // 14) ** 2 + 1,
        "in proportion": 197 * 384 / 224,
        "area in proportion": 197 * (384 / 224) ** 2,
        "CLS on either side": 25 * 25,
        "a class token a row": 24 * 25,
        "both pictures": 577 + 197,
        "pixels a row": 384 + 1,
        "two sides": 24 * 2 + 1,
    },
    ATTEND: {
        "divided after the softmax": lambda q, k, v: mixed_by(q, k, v, 1) / q.shape[-1] ** 0.5,
        "divided before and after": lambda q, k, v: mixed_by(q, k, v) / q.shape[-1] ** 0.5,
        "fourth root": lambda q, k, v: mixed_by(q, k, v, q.shape[-1] ** -0.25),
        "root of the heads": lambda q, k, v: mixed_by(q, k, v, len(q) ** -0.5),
        "eight": lambda q, k, v: mixed_by(q, k, v, 1 / 8),
        "cosines": lambda q, k, v: mixed_by(F.normalize(q, dim=-1), F.normalize(k, dim=-1), v),
        "softmax twice": lambda q, k, v: mixed_by(
            q, k, v, shares=lambda s: s.softmax(-1).softmax(-1)
        ),
        "negative scores": lambda q, k, v: mixed_by(q, k, v, shares=lambda s: (-s).softmax(-1)),
        "not itself": lambda q, k, v: mixed_by(
            q, k, v, shares=masked(lambda one: torch.eye(len(one)))
        ),
        "looks ahead only": lambda q, k, v: mixed_by(q, k, v, shares=masked(lambda m: m.tril(-1))),
        "one too many seen": lambda q, k, v: mixed_by(q, k, v, shares=masked(lambda m: m.triu(2))),
        "cut after the softmax": lambda q, k, v: mixed_by(
            q, k, v, shares=lambda s: s.softmax(-1).tril()
        ),
        "residual added": lambda q, k, v: v + mixed_by(q, k, v),
        "weights on their side": lambda q, k, v: (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1).mT @ v,
        "each query by itself": lambda q, k, v: mixed_by(q, q, v),
        "powers of 2": lambda q, k, v: mixed_by(
            q, k, v, shares=lambda s: 2**s / (2**s).sum(-1, keepdim=True)
        ),
    },
    SPLIT: {
        "tokens in the last axis": lambda x, h: heads(x, h).mT,
        "heads first of all": lambda x, h: heads(x, h).transpose(0, 1),
        "channels backwards": lambda x, h: heads(x, h).flip(3),
        "tokens backwards": lambda x, h: heads(x, h).flip(2),
        "windows that overlap": lambda x, h: torch.stack(
            [x.roll(-i, -1)[..., : x.shape[-1] // h] for i in range(h)], 1
        ),
        "transposed, then cut": lambda x, h: x.mT.reshape(len(x), h, -1, x.shape[1]),
        "stacked last": lambda x, h: torch.stack(x.chunk(h, -1), -1),
        "scaled by the root": lambda x, h: heads(x, h) / (x.shape[-1] / h) ** 0.5,
        "channels between": lambda x, h: x.unflatten(-1, (h, -1)).permute(0, 2, 3, 1),
        "channels before the heads": lambda x, h: x.unflatten(-1, (h, -1)).permute(0, 3, 1, 2),
        "pieces of size H": lambda x, h: torch.stack(x.split(h, -1), 1),
        "every head everything": lambda x, h: x[:, None].expand(-1, h, -1, -1),
        "dealt, in the middle": lambda x, h: torch.stack([x[..., i::h] for i in range(h)], 2),
    },
    ROLLOUT: {
        "a half added everywhere": lambda m: rolled(m, step=lambda a: (a + 1) / 2),
        "identity once, at the end": lambda m: half(rolled(m, step=lambda a: a)),
        "half a residual, whole attention": lambda m: rolled(
            m, step=lambda a: a + np.eye(len(a)) / 2
        ),
        "a third goes around": lambda m: rolled(m, step=lambda a: (2 * a + np.eye(len(a))) / 3),
        "first layer left out": lambda m: rolled(m[1:]),
        "last layer left out": lambda m: rolled(m[:-1]),
        "each map transposed": lambda m: rolled(m, join=lambda layer: layer.mean(0).T),
        "heads one after another": lambda m: rolled(
            m, join=lambda layer: np.linalg.multi_dot(list(layer))
        ),
        "layers for heads": lambda m: rolled(m.swapaxes(0, 1)),
        "started from the first map": lambda m: rolled(m, start=m[0].mean(0)),
        "started from ones": lambda m: rolled(m, start=np.ones(m.shape[-2:])),
        "no residual in the last layer": lambda m: m[-1].mean(0) @ rolled(m[:-1]),
        "halved after the product": lambda m: functools.reduce(
            lambda out, layer: half(layer.mean(0) @ out), m, np.eye(m.shape[-1])
        ),
        "halved once": lambda m: rolled(m, step=lambda a: a + np.eye(len(a))) / 2,
        "identity taken off": lambda m: rolled(m) - np.eye(m.shape[-1]),
    },
    DISTANCE: {
        "others only": lambda a, c, p: (
            p * ((a * apart(len(a), c)).sum(1) / (1 - np.diag(a))).mean()
        ),
        "rows for columns": lambda a, c, p: (
            p * (a * apart(len(a), max(1, len(a) // c))).sum(1).mean()
        ),
        "share of the width": lambda a, c, p: (a * apart(len(a), c)).sum(1).mean() / c,
        "pixels squared": lambda a, c, p: p * p * (a * apart(len(a), c)).sum(1).mean(),
        "root of the mean square": lambda a, c, p: (
            p * np.sqrt((a * apart(len(a), c) ** 2).sum(1)).mean()
        ),
        "between the edges": lambda a, c, p: (
            (a * np.maximum(p * apart(len(a), c) - p, 0)).sum(1).mean()
        ),
        "median query": lambda a, c, p: p * np.median((a * apart(len(a), c)).sum(1)),
        "first query": lambda a, c, p: p * (a * apart(len(a), c))[0].sum(),
        "weights squared": lambda a, c, p: (
            p * (a**2 / (a**2).sum(1, keepdims=True) * apart(len(a), c)).sum(1).mean()
        ),
        "columns brought to 1": lambda a, c, p: p * (a / a.sum(0) * apart(len(a), c)).sum(0).mean(),
        "matrix product": lambda a, c, p: p * (a @ apart(len(a), c)).sum(1).mean(),
        "first patch cut off": lambda a, c, p: (
            p * (a[1:, 1:] * apart(len(a), c)[1:, 1:]).sum(1).mean()
        ),
        "a column more": lambda a, c, p: p * (a * apart(len(a), c + 1)).sum(1).mean(),
        "patches down the columns": lambda a, c, p: (
            p * (a * apart(len(a), -(-len(a) // c))).sum(1).mean()
        ),
    },
    TABLE: {
        "falling evenly": lambda *a: table(*a, omega=lambda k, q: 1 - k / q),
        "to the last, evenly": lambda *a: table(*a, omega=lambda k, q: np.linspace(1, 1e-4, q)),
        "powers of 2": lambda *a: table(*a, omega=lambda k, q: 2.0**-k),
        "powers of e": lambda *a: table(*a, omega=lambda k, q: np.exp(-k / q)),
        "half turns": lambda *a: table(*a, omega=lambda k, q: np.pi * 10_000.0 ** -(k / q)),
        "in degrees": lambda *a: table(*a, omega=lambda k, q: np.radians(10_000.0 ** -(k / q))),
        "slow to fast": lambda *a: table(*a, omega=lambda k, q: 10_000.0 ** -(k[::-1] / q)),
        "whole division": lambda *a: table(*a, omega=lambda k, q: 10_000.0 ** -(k // q)),
        "centres of the patches": lambda *a: table(*a, places=lambda r, c: (r + 0.5, c + 0.5)),
        "rows from 1": lambda *a: table(*a, places=lambda r, c: (r + 1, c)),
        "share of the height": lambda rows, columns, dim: table(
            rows, columns, dim, places=lambda r, c: (r / rows, c / columns)
        ),
        "diagonals": lambda *a: table(*a, places=lambda r, c: (r + c, r - c)),
        "last row first": lambda rows, *a: table(rows, *a, places=lambda r, c: (rows - 1 - r, c)),
        "cosines exchanged": lambda *a: table(*a, order="sSCc"),
        "column's half first": lambda *a: table(*a, order="SCsc"),
        "a class token in front": lambda *a: np.pad(table(*a), ((1, 0), (0, 0))),
    },
    TURN: {
        "sine and cosine exchanged": lambda v, p, f: turned(
            v, torch.outer(p, f), lambda x, y, c, s: (x * s - y * c, x * c + y * s)
        ),
        "both minus": lambda v, p, f: turned(
            v, torch.outer(p, f), lambda x, y, c, s: (x * c - y * s, x * s - y * c)
        ),
        "parts of a pair exchanged": lambda v, p, f: turned(
            v, torch.outer(p, f), lambda x, y, c, s: (x * s + y * c, x * c - y * s)
        ),
        "place plus frequency": lambda v, p, f: turned(v, p[:, None] + f),
        "places squared": lambda v, p, f: turned(v, torch.outer(p**2, f)),
        "first frequency for all": lambda v, p, f: turned(v, torch.outer(p, f[:1].expand_as(f))),
        "frequencies turned over": lambda v, p, f: turned(v, torch.outer(p, f.flip(0))),
        "from the first place": lambda v, p, f: turned(v, torch.outer(p - p[0], f)),
        "places added up": lambda v, p, f: turned(v, torch.outer(p.cumsum(0), f)),
        "first order": lambda v, p, f: (
            v
            + torch.outer(p, f).repeat_interleave(2, 1)
            * torch.stack([-v[:, 1::2], v[:, 0::2]], -1).flatten(1)
        ),
        "first pair only": lambda v, p, f: torch.cat(
            [turned(v, torch.outer(p, f))[:, :2], v[:, 2:]], 1
        ),
        "frequencies side by side": lambda v, p, f: (
            v * torch.outer(p, f.repeat(2)).cos()
            + torch.stack([-v[:, 1::2], v[:, 0::2]], -1).flatten(1)
            * torch.outer(p, f.repeat(2)).sin()
        ),
        "neighbours turned, halves mixed": lambda v, p, f: (
            v * torch.outer(p, f.repeat_interleave(2)).cos()
            + torch.cat([-v[:, v.shape[1] // 2 :], v[:, : v.shape[1] // 2]], 1)
            * torch.outer(p, f.repeat_interleave(2)).sin()
        ),
        "still complex": lambda v, p, f: (
            torch.view_as_complex(v.unflatten(1, (-1, 2)).contiguous())
            * torch.polar(torch.ones(len(p), len(f)), torch.outer(p, f))
        ),
    },
    RESIZE: {
        "class token the mean of all": lambda t, old, new: resized(
            t, old, new, cls=t.mean(0, keepdim=True)
        ),
        "class token twice": lambda t, old, new: torch.cat([t[:1], resized(t, old, new)]),
        "along the sequence": lambda t, old, new: torch.cat(
            [t[:1], F.interpolate(t[1:].T[None], size=math.prod(new), mode="linear")[0].T]
        ),
        "class token in the sequence": lambda t, old, new: (
            F.interpolate(t.T[None], size=1 + math.prod(new), mode="linear")[0].T
        ),
        "the table as a picture": lambda t, old, new: torch.cat(
            [
                t[:1],
                F.interpolate(
                    t[None, None, 1:],
                    size=(math.prod(new), t.shape[1]),
                    mode="bicubic",
                    antialias=True,
                )[0, 0],
            ]
        ),
        "mirrored": lambda t, old, new: resized(t, old, new, after=lambda g: g.flip(3)),
        "upside down": lambda t, old, new: resized(t, old, new, after=lambda g: g.flip(2)),
        "twice": lambda t, old, new: resized(
            t,
            old,
            new,
            before=lambda g: F.interpolate(g, scale_factor=2, mode="bicubic", antialias=True),
        ),
        "at length 1": lambda t, old, new: torch.cat(
            [t[:1], F.normalize(resized(t, old, new)[1:])]
        ),
        "less its mean": lambda t, old, new: resized(t, old, new) - t.mean(0),
        "a square": lambda t, old, new: resized(t, old, (new[0], new[0])),
        "class token left in the grid": lambda t, old, new: resized(
            torch.cat([t[:1], t[:-1]]), old, new
        ),
        "still a grid": lambda t, old, new: resized(t, old, new)[1:].unflatten(0, new),
        "no permute, back or forth": lambda t, old, new: torch.cat(
            [
                t[:1],
                F.interpolate(
                    t[1:].reshape(1, -1, *old), size=new, mode="bicubic", antialias=True
                ).reshape(math.prod(new), -1),
            ]
        ),
    },
}
RIGHT = {
    NEGATIVES: {"off the diagonal": (~torch.eye(24, dtype=torch.bool)).sum()},
    COSINE: {
        "rsqrt": lambda i, t: (
            (i * i.square().sum(1, keepdim=True).rsqrt())
            @ (t * t.square().sum(1, keepdim=True).rsqrt()).T
        ),
        "cosine of the angle": lambda i, t: (unit(i) @ unit(t).T).clamp(-1, 1).arccos().cos(),
        "bfloat16 all the way": lambda i, t: unit(i.bfloat16()) @ unit(t.bfloat16()).T,
    },
    ERROR: {
        "rolled through all axes, then cut": lambda b, a, s: (a - b.roll(s))[..., s:].abs().max(),
        "through a matrix": lambda b, a, s: (
            (b @ torch.eye(b.shape[2]).roll(s, 1) - a)[..., s:].abs().max()
        ),
    },
    FIELD: {
        "accumulated": lambda k, s: (
            1
            + sum(
                (one - 1) * step
                for one, step in zip(
                    k, itertools.accumulate([1, *s[:-1]], int.__mul__), strict=True
                )
            )
        ),
        "recursive": lambda k, s: functools.reduce(
            lambda f, one: (f - 1) * one[1] + one[0], reversed(list(zip(k, s, strict=True))), 1
        ),
    },
    PARAMETERS: {"one input more": 769 * 1024},
    CUT: {
        "pixel_unshuffle": lambda i, p: (
            F.pixel_unshuffle(i, p)
            .unflatten(1, (i.shape[1], p * p))
            .permute(0, 3, 4, 2, 1)
            .flatten(1, 2)
            .flatten(2)
        ),
        "einsum": lambda i, p: torch.einsum("bcrxsy->brsxyc", cells(i, p)).flatten(1, 2).flatten(2),
    },
    COST: {"multiplied out": lambda s, p: 128 * ((s // p) ** 4 + 2 * (s // p) ** 2 + 1)},
    TOKENS: {"float16": torch.tensor(577.0).half()},
    ATTEND: {
        "a helper of its own": with_own_helper,
        "key by key": key_by_key,
        "keys centred": lambda q, k, v: mixed_by(q, k - k.mean(1, keepdim=True), v),
        "everything transposed": lambda q, k, v: (
            (v.mT @ (k @ q.mT / q.shape[-1] ** 0.5).softmax(-2)).mT
        ),
    },
    SPLIT: {
        "unfold": lambda x, h: x.unfold(2, x.shape[2] // h, x.shape[2] // h).transpose(1, 2),
        "indices": lambda x, h: x[:, :, torch.arange(x.shape[2]).reshape(h, -1)].transpose(1, 2),
    },
    ROLLOUT: {
        "by the power of two at the end": lambda m: (
            rolled(m, step=lambda a: a + np.eye(len(a))) / 2 ** len(m)
        ),
        "row by row": lambda m: np.stack(
            [
                functools.reduce(lambda x, layer: x @ half(layer.mean(0)), m[::-1], row)
                for row in np.eye(m.shape[-1])
            ]
        ),
        "residual in every head": lambda m: functools.reduce(
            lambda out, layer: ((layer + np.eye(len(out))) / 2).mean(0) @ out,
            m,
            np.eye(m.shape[-1]),
        ),
    },
    DISTANCE: {
        "trace": lambda a, c, p: p * np.trace(a @ apart(len(a), c)) / len(a),
        "weighted averages": lambda a, c, p: (
            p
            * np.mean([np.average(d, weights=w) for d, w in zip(apart(len(a), c), a, strict=True)])
        ),
    },
    TABLE: {
        "logspace": lambda *a: table(*a, omega=lambda k, q: np.logspace(0, -4, q, endpoint=False)),
        "cosines moved by a quarter": lambda *a: np.concatenate(
            [
                np.cos(np.outer(one, 10_000.0 ** -(np.arange(a[2] // 4) * 4 / a[2])) - shift)
                for shift in (np.pi / 2, 0)
                for one in np.divmod(np.arange(a[0] * a[1]), a[1])
            ],
            1,
        ),
    },
    TURN: {
        "polar": lambda v, p, f: (
            lambda length, angle: torch.stack(
                [length * angle.cos(), length * angle.sin()], -1
            ).flatten(1)
        )(
            torch.hypot(v[:, 0::2], v[:, 1::2]),
            torch.atan2(v[:, 1::2], v[:, 0::2]) + torch.outer(p, f),
        ),
        "within one turn": lambda v, p, f: turned(v, torch.outer(p, f) % (2 * math.pi)),
    },
    RESIZE: {
        "rows, then columns": lambda t, old, new: resized(
            t,
            old,
            new,
            before=lambda g: F.interpolate(
                g, size=(new[0], old[1]), mode="bicubic", antialias=True
            ),
        ),
        "channels as a batch": lambda t, old, new: torch.cat(
            [
                t[:1],
                F.interpolate(
                    t[1:].T.reshape(-1, 1, *old), size=new, mode="bicubic", antialias=True
                )
                .flatten(1)
                .T,
            ]
        ),
    },
}

PROBES = [
    *FOUND,
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
]
