"""Answers of an eleventh referee to the exercises of notebooks 09 to 16.

Those in FOUND came out wrong once: an error that cannot say what it is and an answer that holds
itself stopped the check with a traceback of its own, and an `async` function left warnings.
"""

import functools
import itertools
import math
import operator
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import normalize

from tests.unit.probes import Probe
from tests.unit.probes.ninth_referee_b import (
    CANVAS,
    CENTRE,
    CLASSIFIER,
    COST,
    CROP,
    DINO,
    GAP,
    HIDE,
    IOU,
    LLAVA,
    LOGSUMEXP,
    MASK,
    NAME,
    NEAREST,
    NEXT,
    PARTNERS,
    PLANE,
    PREFIX,
    RANK,
    RECALL,
    SCORES,
    SHUFFLE,
    SIZE,
    SOLUTIONS,
    UNSEEN,
)

FACTOR = "The factor of a gather"
WEIGHTS, DAYS = (
    "The weights of SO400M's patch embedding",
    "The GPU-days of the largest CLIP ResNet",
)
RIGHT, WRONG = {}, {}


# ── Found ─────────────────────────────────────────────────────────────────────────────────────────


class WithoutWordsError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def speechless(*arguments):
    raise WithoutWordsError


def holding_itself(*arguments):
    found = []
    found.append(found)
    return found


ENDLESS = []
ENDLESS.append(ENDLESS)


def later(name):
    async def answer(*arguments):
        return SOLUTIONS[name](*map(np.asarray, arguments))

    return answer


FOUND = [
    Probe(name, f"eleventh: {what}", answer, "wrong")
    for name in (LOGSUMEXP, CLASSIFIER, GAP, PREFIX, NEXT, CROP, DINO, NAME, COST)
    for what, answer in (
        ("an error without words", speechless),
        ("a list that holds itself", holding_itself),
        ("an async function", later(name)),
    )
] + [
    Probe(name, "eleventh: a list that holds itself, for a value", ENDLESS, "wrong")
    for name in (SIZE, FACTOR, GAP)
]

# ── 09 ────────────────────────────────────────────────────────────────────────────────────────────


def by_pairs(blocks):
    """Log-sum-exp of the blocks' own results, two by two."""

    def of_one(block):
        top = block.max(axis=1, keepdims=True)
        return top[:, 0] + np.log(np.exp(block - top).sum(axis=1))

    return functools.reduce(np.logaddexp, map(of_one, blocks))


def sorted_sums(blocks):
    """Rows by themselves, the largest of all blocks first found."""
    found = []
    for row in range(len(blocks[0])):
        top = max(block[row].max() for block in blocks)
        found.append(top + math.log(sum(np.exp(block[row] - top).sum() for block in blocks)))
    return tuple(found)


class Running:
    """Keeps the two numbers as attributes."""

    def __call__(self, blocks):
        self.top = torch.full((len(blocks[0]),), -torch.inf, dtype=torch.float64)
        self.total = torch.zeros_like(self.top)
        for block in map(torch.from_numpy, blocks):
            self.add(block.double())
        return self.top + self.total.log()

    def add(self, block):
        new = torch.maximum(self.top, block.amax(1))
        self.total = self.total * (self.top - new).exp() + (block - new[:, None]).exp().sum(1)
        self.top = new


def into_the_first(blocks):
    """Writes the running maximum into its own input."""
    blocks[0][:, 0] = np.maximum(blocks[0].max(1), blocks[-1].max(1))
    return by_pairs(blocks)


RIGHT[LOGSUMEXP] = {
    "two by two": by_pairs,
    "row by row, a tuple": sorted_sums,
    "a class with two attributes": Running(),
    "numbers by a generator": lambda blocks: list(
        functools.reduce(
            lambda one, other: np.logaddexp(one, other),
            (block[:, k].astype(float) for block in blocks for k in range(block.shape[1])),
        )
    ),
    "an offset that is no maximum": lambda blocks: (
        (middle := np.max([b.max(1) for b in blocks], axis=0) - 3.0)
        + np.log(sum(np.exp(b - middle[:, None]).sum(1) for b in blocks))
    ),
}
WRONG[LOGSUMEXP] = {
    "into its own input": into_the_first,
    "the mean of maximum and result": lambda b: (
        (np.max([x.max(1) for x in b], axis=0) + SOLUTIONS[LOGSUMEXP](b)) / 2
    ),
    "its powers": lambda b: np.exp(np.minimum(SOLUTIONS[LOGSUMEXP](b), 80)),
    "one column twice": lambda b: np.logaddexp(SOLUTIONS[LOGSUMEXP](b), b[0][:, 0]),
    "whole numbers": lambda b: SOLUTIONS[LOGSUMEXP](b).round().astype(int),
    "as texts": lambda b: [f"{x:.6f}" for x in SOLUTIONS[LOGSUMEXP](b)],
    "with the number of columns": lambda b: (
        SOLUTIONS[LOGSUMEXP](b) + math.log(sum(x.shape[1] for x in b))
    ),
}
RIGHT[SIZE] = {
    "a fraction": Fraction(2**32, 2**30),
    "a decimal": Decimal(4),
    "bytes of a tensor on meta": torch.empty(32768, 32768, device="meta").nbytes / 2**30,
    "float16": np.float16(4),
    "bfloat16": torch.tensor([[4.0]], dtype=torch.bfloat16),
    "complex": 4 + 0j,
}
WRONG[SIZE] = {
    "with its gradient, GB": 2 * 32768**2 * 4 / 1e9,
    "a side only": 32768 * 4 / 2**30,
    "in bytes": 2**32,
    "half of the matrix": 32767 * 32768 / 2 * 4 / 2**30,
    "with a unit": "4 GiB",
    "all matrices": [4, 4],
    "a nan": math.nan,
    "kibibytes": 2**22,
}
RIGHT[FACTOR] = {
    "a fraction": Fraction(1, 8),
    "a decimal": Decimal("0.125"),
    "float16": np.float16(0.125),
    "a power of two": 2.0**-3,
    "a mean": np.eye(8).mean(),
    "with a gradient": torch.tensor(0.125, requires_grad=True),
}
WRONG[FACTOR] = {
    "rounded": 0.13,
    "in percent": 12.5,
    "negative": -0.125,
    "seven eighths": 7 / 8,
    "seven others": 1 / 7,
    "as a formula": "1 / W",
    "numerator and denominator": (1, 8),
    "two directions": 1 / 16,
    "a logarithm": -3,
}

# ── 10 ────────────────────────────────────────────────────────────────────────────────────────────


class Classifier(nn.Module):
    def forward(self, images, prompts, scale):
        classes = nn.functional.normalize(prompts, dim=2).sum(1)  # a sum has the mean's direction
        logits = F.cosine_similarity(images[:, None], classes[None], dim=2)
        return torch.exp(F.log_softmax(logits * scale, dim=1))


def by_loops(images, prompts, scale):
    table = []
    for image in images.double():
        scores = []
        for some in prompts.double():
            mean = sum(one / one.norm() for one in some)
            scores.append(math.exp(float(scale * (image @ mean) / image.norm() / mean.norm())))
        table.append([score / math.fsum(scores) for score in scores])
    return table


RIGHT[CLASSIFIER] = {
    "a module, the sum of the prompts": Classifier(),
    "loops and fsum": by_loops,
    "odds against the last class": lambda i, p, s: (
        lambda z: torch.cat([(z - z[:, -1:]).exp()], 1) / (z - z[:, -1:]).exp().sum(1, keepdim=True)
    )((s * normalize(i) @ normalize(normalize(p, dim=2).mean(1)).T).double()),
    "pairs of sigmoids": lambda i, p, s: (
        lambda z: 1 / (z[:, None, :] - z[:, :, None]).exp().sum(2)
    )(s * normalize(i) @ normalize(normalize(p, dim=2).mean(1)).T),
    "a view that is not contiguous": lambda i, p, s: (
        torch.as_tensor(np.asfortranarray(SOLUTIONS[CLASSIFIER](i.numpy(), p.numpy(), s)))
        .T.contiguous()
        .T
    ),
}
WRONG[CLASSIFIER] = {
    "images at length 1 by their largest number": lambda i, p, s: (
        s * (i / i.abs().amax(1, keepdim=True)) @ normalize(normalize(p, dim=2).mean(1)).T
    ).softmax(1),
    "the mean of the probabilities": lambda i, p, s: (
        torch.einsum("nd,kpd->npk", normalize(i), normalize(p, dim=2)).mul(s).softmax(2).mean(1)
    ),
    "the scale squared": lambda i, p, s: (
        s**2 * normalize(i) @ normalize(normalize(p, dim=2).mean(1)).T
    ).softmax(1),
    "as an exponent of the scale": lambda i, p, s: (
        math.exp(s) * normalize(i) @ normalize(normalize(p, dim=2).mean(1)).T
    ).softmax(1),
    "distances": lambda i, p, s: (
        -s * torch.cdist(normalize(i), normalize(normalize(p, dim=2).mean(1)).to(i))
    ).softmax(1),
    "all prompts compete": lambda i, p, s: (
        s * normalize(i) @ normalize(p, dim=2).flatten(0, 1).T
    ).softmax(1),
    "certain": lambda i, p, s: F.one_hot(
        torch.as_tensor(SOLUTIONS[CLASSIFIER](i.numpy(), p.numpy(), s)).argmax(1), len(p)
    ).float(),
    "one class a row": lambda i, p, s: SOLUTIONS[CLASSIFIER](i.numpy(), p.numpy(), s).T,
}


def recall_by_kth(similarity, k):
    """A pair is found if it is no smaller than the k-th largest number."""
    own = similarity.diagonal()
    return [
        (own >= m.kthvalue(m.shape[1] - k + 1, dim=1).values).double().mean()
        for m in (similarity, similarity.T)
    ]


def recall_by_dictionaries(similarity, k):
    rows = {i: dict(enumerate(row)) for i, row in enumerate(similarity.tolist())}
    columns = {j: {i: rows[i][j] for i in rows} for j in rows}
    return tuple(
        sum(i in sorted(some, key=some.get, reverse=True)[:k] for i, some in table.items())
        / len(table)
        for table in (rows, columns)
    )


RIGHT[RECALL] = {
    "the k-th value": recall_by_kth,
    "dictionaries": recall_by_dictionaries,
    "stacked tensors": lambda m, k: torch.stack(
        [(x.argsort(1, descending=True).argsort(1).diagonal() < k).float().mean() for x in (m, m.T)]
    ),
    "in place on a copy": lambda m, k: [
        x.clone().sub_(m.diagonal()[:, None]).gt_(0).sum(1).lt(k).double().mean() for x in (m, m.T)
    ],
    "argpartition": lambda m, k: np.array(
        [
            np.mean([i in np.argpartition(-row, k - 1)[:k] for i, row in enumerate(x)])
            for x in (m.numpy(), m.numpy().T)
        ]
    ),
}
WRONG[RECALL] = {
    "precision": lambda m, k: [v / k for v in SOLUTIONS[RECALL](m.numpy(), k)],
    "misses": lambda m, k: 1 - SOLUTIONS[RECALL](m.numpy(), k),
    "both found": lambda m, k: float(
        np.mean(
            [(m[i] > m[i, i]).sum() < k and (m[:, i] > m[i, i]).sum() < k for i in range(len(m))]
        )
    ),
    "without the pair itself": lambda m, k: SOLUTIONS[RECALL](
        (m - 9 * torch.eye(len(m))).numpy(), k
    ),
    "three numbers": lambda m, k: [*SOLUTIONS[RECALL](m.numpy(), k), k],
    "a dictionary": lambda m, k: dict(
        zip(("i", "t"), SOLUTIONS[RECALL](m.numpy(), k), strict=True)
    ),
    "mean reciprocal rank": lambda m, k: [
        (1 / (1 + (x > m.diagonal()[:, None]).sum(1))).mean() for x in (m, m.T)
    ],
    "of the first k alone": lambda m, k: SOLUTIONS[RECALL](m[:k, :k].numpy(), 1),
}

# ── 11 ────────────────────────────────────────────────────────────────────────────────────────────


def turned(points):
    largest = points.abs().argmax(dim=0)
    return points * points[largest, torch.arange(points.shape[1])].sign()


def by_power_iteration(rows):
    left = (rows - rows.mean(0)).double()
    centred, found = left.clone(), []
    for _ in range(2):
        direction = torch.ones(left.shape[1], dtype=torch.float64)
        for _ in range(4000):
            direction = F.normalize(left.T @ (left @ direction), dim=0)
        found.append(centred @ direction)
        left = left - torch.outer(left @ direction, direction)
    return turned(torch.stack(found, dim=1))


RIGHT[PLANE] = {
    "power iteration": by_power_iteration,
    "by the Gram matrix": lambda r: (
        lambda c: (lambda e: turned(e.eigenvectors[:, [-1, -2]] * e.eigenvalues[[-1, -2]].sqrt()))(
            torch.linalg.eigh(c @ c.T)
        )
    )((r - r.mean(0)).double()),
    "a centring matrix": lambda r: (lambda c: turned(c @ torch.linalg.svd(c).Vh[:2].mT))(
        (torch.eye(len(r)) - 1 / len(r)) @ r
    ),
    "the covariance of torch": lambda r: turned(
        (r - r.mean(0)) @ torch.linalg.eigh(torch.cov(r.T)).eigenvectors.flip(1)[:, :2]
    ),
    "svd of torch": lambda r: (lambda u, s, v: turned((u * s)[:, :2]))(*torch.svd(r - r.mean(0))),
}
WRONG[PLANE] = {
    "turned over": lambda r: SOLUTIONS[PLANE](r.numpy()).T,
    "second direction first": lambda r: SOLUTIONS[PLANE](r.numpy())[:, ::-1],
    "divided by the singular values": lambda r: (
        SOLUTIONS[PLANE](r.numpy()) / np.linalg.svd(r.numpy() - r.numpy().mean(0))[1][:2] ** 0.5
    ),
    "one direction": lambda r: SOLUTIONS[PLANE](r.numpy())[:, :1],
    "the two widest columns": lambda r: turned(
        (r - r.mean(0))[:, r.var(0).argsort(descending=True)[:2]]
    ),
    "rows of length 1 first": lambda r: SOLUTIONS[PLANE](normalize(r).numpy()),
    "signs of the smallest": lambda r: -SOLUTIONS[PLANE](r.numpy()),
    "whitened rows": lambda r: turned(
        torch.linalg.svd(r - r.mean(0), full_matrices=False).U[:, :2] * 2
    ),
}


def nearest_by_sorting(rows, k):
    unit = [[x / math.hypot(*row) for x in row] for row in rows.tolist()]
    return [
        sorted(
            (j for j in range(len(unit)) if j != i),
            key=lambda j: (
                -math.sumprod(unit[i], unit[j])
                if hasattr(math, "sumprod")
                else -sum(map(operator.mul, unit[i], unit[j]))
            ),
        )[:k]
        for i in range(len(unit))
    ]


RIGHT[NEAREST] = {
    "sorted in Python": nearest_by_sorting,
    "largest of k + 1, itself taken out": lambda r, k: torch.stack(
        [
            (found := (normalize(r) @ normalize(r)[i]).topk(k + 1).indices)[found != i][:k]
            for i in range(len(r))
        ]
    ),
    "arc cosines": lambda r, k: (
        (normalize(r.double()) @ normalize(r.double()).T)
        .clamp(-1, 1)
        .arccos()
        .fill_diagonal_(9)
        .argsort(1)[:, :k]
    ),
    "int32": lambda r, k: SOLUTIONS[NEAREST](r.numpy(), k).astype(np.int32),
    "euclidean between unit vectors": lambda r, k: (
        (torch.cdist(normalize(r.double()), normalize(r.double())) + 9 * torch.eye(len(r)))
        .topk(k, largest=False)
        .indices
    ),
}
WRONG[NEAREST] = {
    "places and cosines": lambda r, k: tuple(
        (normalize(r) @ normalize(r).T).fill_diagonal_(-2).topk(k)
    ),
    "down the columns": lambda r, k: SOLUTIONS[NEAREST](r.numpy(), k).T,
    "absolute cosines": lambda r, k: (
        (normalize(r) @ normalize(r).T).abs().fill_diagonal_(-2).topk(k).indices
    ),
    "L1 lengths": lambda r, k: (
        (normalize(r, p=1) @ normalize(r, p=1).T).fill_diagonal_(-2).topk(k).indices
    ),
    "centred first": lambda r, k: SOLUTIONS[NEAREST]((r - r.mean(0)).numpy(), k),
    "k - 1 of them": lambda r, k: SOLUTIONS[NEAREST](r.numpy(), k)[:, :-1],
    "itself for the last": lambda r, k: np.c_[
        SOLUTIONS[NEAREST](r.numpy(), k)[:, :-1], np.arange(len(r))
    ],
    "sorted by number": lambda r, k: np.sort(SOLUTIONS[NEAREST](r.numpy(), k), 1),
}


def closed_in_place(images, texts):
    images /= images.norm(dim=1, keepdim=True)
    texts /= texts.norm(dim=1, keepdim=True)
    step = (images.mean(0) - texts.mean(0)).mul_(0.5)
    return tuple(F.normalize(one) for one in (images.sub_(step), texts.add_(step)))


RIGHT[GAP] = {
    "in place": closed_in_place,
    "towards the middle": lambda i, t: (
        lambda a, b: (lambda m: [normalize(x - x.mean(0) + m) for x in (a, b)])(
            (a.mean(0) + b.mean(0)) / 2
        )
    )(normalize(i), normalize(t)),
    "one stacked tensor": lambda i, t: (
        lambda both: normalize(both - both.mean(1, keepdim=True) + both.mean((0, 1)), dim=2)
    )(normalize(torch.stack([i, t]), dim=2)),
    "float64 and back": lambda i, t: [
        torch.as_tensor(x).float() for x in SOLUTIONS[GAP](i.double().numpy(), t.double().numpy())
    ],
}
WRONG[GAP] = {
    "texts first": lambda i, t: SOLUTIONS[GAP](t.numpy(), i.numpy()),
    "one after the other": lambda i, t: (
        lambda a, b: (
            (moved := normalize(a - (a.mean(0) - b.mean(0)) / 2)),
            normalize(b + (moved.mean(0) - b.mean(0)) / 2),
        )
    )(normalize(i), normalize(t)),
    "along a unit vector": lambda i, t: (
        lambda a, b, d: (normalize(a - d / 2), normalize(b + d / 2))
    )(normalize(i), normalize(t), normalize(normalize(i).mean(0) - normalize(t).mean(0), dim=0)),
    "pair by pair": lambda i, t: (
        lambda a, b: (normalize(a - (a - b) / 2), normalize(b + (a - b) / 2))
    )(normalize(i), normalize(t)),
    "joined": lambda i, t: np.concatenate(SOLUTIONS[GAP](i.numpy(), t.numpy())),
    "the images alone": lambda i, t: SOLUTIONS[GAP](i.numpy(), t.numpy())[0],
    "the medians": lambda i, t: (
        lambda a, b, d: (normalize(a - d), normalize(b + d))
    )(
        normalize(i), normalize(t),
        (normalize(i).median(0).values - normalize(t).median(0).values) / 2,
    ),
    "None beside": lambda i, t: (None, SOLUTIONS[GAP](i.numpy(), t.numpy())[1]),
}  # fmt: skip

# ── 12 ────────────────────────────────────────────────────────────────────────────────────────────


def shuffled_by_slices(tokens, factor):
    side = math.isqrt(tokens.shape[1])
    grid = tokens.view(len(tokens), side, side, -1)
    parts = [grid[:, i::factor, j::factor] for i in range(factor) for j in range(factor)]
    return torch.cat(parts, dim=-1).flatten(1, 2)


RIGHT[SHUFFLE] = {
    "every nth row and column": shuffled_by_slices,
    "unfold": lambda x, f: (
        x.unflatten(1, (math.isqrt(x.shape[1]),) * 2)
        .unfold(1, f, f).unfold(2, f, f)
        .permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(1, 2)
    ),
    "an index": lambda x, f: (
        lambda n: x[:, torch.arange(n * n).view(n // f, f, n // f, f).transpose(1, 2).reshape(-1)]
        .reshape(len(x), -1, f * f * x.shape[2])
    )(math.isqrt(x.shape[1])),
    "F.unfold": lambda x, f: (
        F.unfold(x.mT.unflatten(2, (math.isqrt(x.shape[1]),) * 2), f, stride=f)
        .unflatten(1, (x.shape[2], f * f)).permute(0, 3, 2, 1).flatten(2)
    ),
    "a list of lists": lambda x, f: shuffled_by_slices(x, f).tolist(),
}  # fmt: skip
WRONG[SHUFFLE] = {
    "still a grid": lambda x, f: shuffled_by_slices(x, f).unflatten(
        1, (math.isqrt(x.shape[1]) // f,) * 2
    ),
    "side by side in the sequence": lambda x, f: shuffled_by_slices(x, f).flatten(1),
    "the sum of neighbours": lambda x, f: shuffled_by_slices(x, f).unflatten(2, (f * f, -1)).sum(2),
    "neighbours in reverse": lambda x, f: shuffled_by_slices(x, f)
    .unflatten(2, (f * f, -1)).flip(2).flatten(2),
    "only the first neighbour": lambda x, f: shuffled_by_slices(x, f)[..., : x.shape[2]],
    "whole numbers": lambda x, f: shuffled_by_slices(x, f).int(),
}  # fmt: skip
RIGHT[LLAVA] = {
    "a product of sides": math.prod([336 // 14] * 2),
    "patches of a tensor": torch.empty(336, 336)
    .unfold(0, 14, 14)
    .unfold(1, 14, 14)[..., 0, 0]
    .numel(),
    "a fraction": Fraction(336**2, 14**2),
    "float16": np.float16(576),
    "as float": 576.0,
}
WRONG[LLAVA] = {
    "336 x 336": 336**2,
    "with three colours": 3 * 576,
    "line breaks": 576 + 24,
    "the layer's width": 1024,
    "two sides": "24 x 24",
    "a shape": (24, 24),
    "a half more": 576.5,
    "four tiles": 4 * 576,
}
RIGHT[PREFIX] = {
    "outer or": lambda n, free: (
        np.logical_or.outer(np.zeros(n, bool), np.arange(n) < free)
        & np.ones((n, n), bool)
        & (np.arange(n)[:, None] < free)
        | np.tri(n, dtype=bool)
    ),
    "clamped places": lambda n, free: (
        torch.arange(n)[None] <= torch.arange(n)[:, None].clamp(min=free - 1)
    ),
    "a list of lists": lambda n, free: [
        [j <= i or max(i, j) < free for j in range(n)] for i in range(n)
    ],
    "block_diag": lambda n, free: (
        torch.block_diag(torch.ones(free, free), torch.zeros(n - free, n - free)).bool()[:n, :n]
        | torch.ones(n, n, dtype=torch.bool).tril()
    ),
    "not triu": lambda n, free: (
        ~(torch.ones(n, n).triu(1).bool() & (torch.arange(n) >= free)[None].expand(n, n))
        if free == 0
        else ~(
            torch.ones(n, n).triu(1).bool()
            & ~((torch.arange(n) < free)[:, None] & (torch.arange(n) < free))
        )
    ),
}
WRONG[PREFIX] = {
    "as floats": lambda n, free: torch.as_tensor(SOLUTIONS[PREFIX](n, free)).float(),
    "as bytes": lambda n, free: torch.as_tensor(SOLUTIONS[PREFIX](n, free)).to(torch.uint8),
    "one batch more": lambda n, free: SOLUTIONS[PREFIX](n, free)[None],
    "one place further": lambda n, free: np.tri(n, n, 1).astype(bool) | SOLUTIONS[PREFIX](n, free),
    "a window": lambda n, free: SOLUTIONS[PREFIX](n, free) & ~np.tri(n, n, -3).astype(bool),
    "the prefix at the end": lambda n, free: SOLUTIONS[PREFIX](n, free)[::-1, ::-1].copy(),
    "all free": lambda n, free: np.ones((n, n), bool),
    "words blind to the prefix": lambda n, free: (
        SOLUTIONS[PREFIX](n, free)
        & ~((np.arange(n)[:, None] >= free) & (np.arange(n)[None] < free))
    ),
}


def loss_by_loops(logits, tokens, counted):
    costs = [
        math.log(sum(map(math.exp, logits[b, t].tolist()))) - float(logits[b, t, tokens[b, t + 1]])
        for b, t in itertools.product(range(len(tokens)), range(tokens.shape[1] - 1))
        if counted[b, t + 1]
    ]
    return math.fsum(costs) / len(costs)


RIGHT[NEXT] = {
    "loops": loss_by_loops,
    "nll_loss, a sum divided": lambda x, t, c: (
        (
            F.nll_loss(x[:, :-1].log_softmax(2).flatten(0, 1), t[:, 1:].flatten(), reduction="none")
            * c[:, 1:].flatten()
        ).sum()
        / c[:, 1:].sum()
    ),
    "labels rolled": lambda x, t, c: F.cross_entropy(
        x.permute(0, 2, 1),
        torch.where(c.roll(-1, 1), t.roll(-1, 1), -100).index_fill(1, torch.tensor([-1]), -100),
    ),
    "one hot": lambda x, t, c: (
        -((x[:, :-1].log_softmax(2) * F.one_hot(t[:, 1:], x.shape[2])).sum(2)[c[:, 1:]]).mean()
    ),
    "a one-element list": lambda x, t, c: [loss_by_loops(x, t, c)],
}
WRONG[NEXT] = {
    "each row divided by the length": lambda x, t, c: (
        loss_by_loops(x, t, c) * float(c.sum()) / c.numel()
    ),
    "the last word left out": lambda x, t, c: F.cross_entropy(
        x[:, :-2][c[:, 1:-1]], t[:, 1:-1][c[:, 1:-1]]
    ),
    "the raw logits": lambda x, t, c: -x[:, :-1].gather(2, t[:, 1:, None])[..., 0][c[:, 1:]].mean(),
    "the best word": lambda x, t, c: -x[:, :-1].log_softmax(2).amax(2)[c[:, 1:]].mean(),
    "softmax over the places": lambda x, t, c: (
        -(x[:, :-1].log_softmax(1).gather(2, t[:, 1:, None])[..., 0][c[:, 1:]].mean())
    ),
    "one number a word": lambda x, t, c: F.cross_entropy(
        x[:, :-1][c[:, 1:]], t[:, 1:][c[:, 1:]], reduction="none"
    ),
    "smoothed labels": lambda x, t, c: F.cross_entropy(
        x[:, :-1][c[:, 1:]], t[:, 1:][c[:, 1:]], label_smoothing=0.1
    ),
    "softmax twice": lambda x, t, c: F.cross_entropy(
        x.softmax(2)[:, :-1][c[:, 1:]], t[:, 1:][c[:, 1:]]
    ),
}

# ── 13 ────────────────────────────────────────────────────────────────────────────────────────────


def cropped_by_pooling(image, size):
    small = F.avg_pool2d(image.permute(2, 0, 1), min(image.shape[:2]) // size).permute(1, 2, 0)
    top, left = ((side - size) // 2 for side in small.shape[:2])
    return small.narrow(0, top, size).narrow(1, left, size)


def cropped_by_loops(image, size):
    factor = min(len(image), len(image[0])) // size
    high, wide = len(image) // factor, len(image[0]) // factor
    top, left = (high - size) // 2, (wide - size) // 2
    return [
        [
            image[(top + i) * factor : (top + i + 1) * factor,
                  (left + j) * factor : (left + j + 1) * factor].mean((0, 1)).tolist()
            for j in range(size)
        ]
        for i in range(size)
    ]  # fmt: skip


RIGHT[CROP] = {
    "avg_pool2d and narrow": cropped_by_pooling,
    "loops": cropped_by_loops,
    "two products": lambda im, size: (
        lambda f, means: torch.einsum(
            "ih,jw,hwc->ijc", means(im.shape[0], f), means(im.shape[1], f), im
        )
    )(
        min(im.shape[:2]) // size,
        lambda side, f: torch.stack(
            [
                ((torch.arange(side) // f) == ((side // f - size) // 2 + i)).float() / f
                for i in range(size)
            ]
        ),
    ),
    "unfold, float64": lambda im, size: (
        lambda f: (
            lambda s: s[(s.shape[0] - size) // 2 :, (s.shape[1] - size) // 2 :][:size, :size]
        )(im.double().unfold(0, f, f).unfold(1, f, f).mean((-1, -2)))
    )(min(im.shape[:2]) // size),
}
WRONG[CROP] = {
    "the longer side": lambda im, size: (
        lambda f: F.avg_pool2d(im.permute(2, 0, 1), f).permute(1, 2, 0)[:size, :size]
    )(max(1, max(im.shape[:2]) // size)),
    "the right end": lambda im, size: F.avg_pool2d(
        im.permute(2, 0, 1), min(im.shape[:2]) // size
    ).permute(1, 2, 0)[-size:, -size:],
    "turned colours": lambda im, size: cropped_by_pooling(im, size).flip(2),
    "gray": lambda im, size: cropped_by_pooling(im, size).mean(2),
    "cropped before shrinking to a square": lambda im, size: F.adaptive_avg_pool2d(
        im.permute(2, 0, 1), size
    ).permute(1, 2, 0),
    "from 0 to 255": lambda im, size: 255 * cropped_by_pooling(im, size),
    "one batch more": lambda im, size: cropped_by_pooling(im, size)[None],
    "the median of a block": lambda im, size: (
        lambda f: (
            lambda s: s[(s.shape[0] - size) // 2 :, (s.shape[1] - size) // 2 :][:size, :size]
        )(im.unfold(0, f, f).unfold(1, f, f).flatten(3).median(-1).values)
    )(min(im.shape[:2]) // size),
}


def by_case(images, texts, scale, bias):
    match bias:
        case None:
            return nn.Softmax(dim=-1)(torch.inner(images, texts) * scale)
        case _:
            return nn.Sigmoid()(torch.inner(images, texts) * scale + bias)


RIGHT[SCORES] = {
    "match": by_case,
    "keywords in another order": functools.partial(
        lambda given, images, texts, scale, bias: by_case(
            bias=bias, scale=scale, texts=texts, images=images
        ),
        None,
    ),
    "tanh for the sigmoid": lambda i, t, s, b: (
        (s * i @ t.T).softmax(1) if b is None else (1 + torch.tanh((s * i @ t.T + b) / 2)) / 2
    ),
    "two classes a pair": lambda i, t, s, b: (
        (s * i @ t.T).softmax(1)
        if b is None
        else torch.stack([s * i @ t.T + b, torch.zeros(len(i), len(t))]).softmax(0)[0]
    ),
    "as lists": lambda i, t, s, b: by_case(i, t, s, b).tolist(),
}
WRONG[SCORES] = {
    "one bias a text": lambda i, t, s, b: (
        (s * i @ t.T).softmax(1) if b is None else torch.sigmoid(s * i @ t.T + b / len(t))
    ),
    "sigmoid brought to 1": lambda i, t, s, b: (
        lambda p: p if b is None else p / p.sum(1, keepdim=True)
    )(by_case(i, t, s, b)),
    "texts in the rows": lambda i, t, s, b: by_case(t, i, s, b),
    "log of the scale": lambda i, t, s, b: by_case(i, t, math.log(s), b),
    "of the scale's power": lambda i, t, s, b: by_case(i, t, math.exp(s), b),
    "one minus": lambda i, t, s, b: 1 - by_case(i, t, s, b),
    "pairs only": lambda i, t, s, b: by_case(i, t, s, b).diagonal(),
    "numbers of the best": lambda i, t, s, b: by_case(i, t, s, b).argmax(1),
}
RIGHT[WEIGHTS] = {
    "a layer's": sum(p.numel() for p in nn.Conv2d(3, 1152, 14, 14, device="meta").parameters()),
    "a float": 678528.0,
    "a fraction": Fraction(678528),
    "int32": np.int32(678528),
    "one more than without": 1152 * (14 * 14 * 3 + 1),
}
WRONG[WEIGHTS] = {
    "in millions": 0.678528,
    "infinite, as in float16": np.float16(np.inf),
    "in bytes": 4 * 678528,
    "at 384 pixels": 384 * 384 * 3 * 1152 + 1152,
    "a bias for each colour": 14 * 14 * 3 * 1152 + 3 * 1152,
    "a shape": (1152, 3, 14, 14),
    "with separators": "678,528",
    "one too few": 678527,
}
RIGHT[DAYS] = {
    "seconds by seconds": 592 * 18 * 86400 / 86400,
    "a decimal": Decimal("10656"),
    "bfloat16 of its parts": np.float64(592) * np.uint8(18),
    "a sum": sum([592] * 18),
    "float16": np.float16(10656),
}
WRONG[DAYS] = {
    "in weeks": 592 * 18 / 7,
    "in years": 592 * 18 / 365,
    "in thousands": 10.656,
    "both runs": 592 * 18 + 256 * 12,
    "each GPU": 18,
    "a ratio": 592 / 18,
    "with a unit": "10656 days",
    "rounded": 10_700,
}

# ── 14 ────────────────────────────────────────────────────────────────────────────────────────────


def hidden_by_sorting(noise, share):
    count = round(share * noise.shape[1])
    rows = [
        Counter(sorted(range(noise.shape[1]), key=row.__getitem__)[:count])
        for row in noise.tolist()
    ]
    return [[place in row for place in range(noise.shape[1])] for row in rows]


RIGHT[HIDE] = {
    "sorted in Python": hidden_by_sorting,
    "scatter": lambda noise, share: torch.zeros_like(noise, dtype=torch.bool).scatter_(
        1, noise.argsort(1)[:, : round(share * noise.shape[1])], True
    ),
    "kthvalue": lambda noise, share: (
        noise <= noise.kthvalue(max(1, round(share * noise.shape[1])), 1, True).values
        if round(share * noise.shape[1])
        else torch.zeros_like(noise, dtype=torch.bool)
    ),
    "numbers that are smaller": lambda noise, share: (
        (noise[:, None, :] < noise[:, :, None]).sum(2) < round(share * noise.shape[1])
    ),
    "put_along_axis": lambda noise, share: (
        lambda m: (
            np.put_along_axis(m, noise.numpy().argsort(1)[:, : round(share * m.shape[1])], True, 1), m
        )[1]
    )(np.zeros(noise.shape, bool)),
}  # fmt: skip
WRONG[HIDE] = {
    "as 0 and 1": lambda noise, share: torch.as_tensor(
        SOLUTIONS[HIDE](noise.numpy(), share)
    ).long(),
    "rounded down": lambda noise, share: noise.argsort(1).argsort(1) < int(share * noise.shape[1]),
    "rounded up": lambda noise, share: (
        noise.argsort(1).argsort(1) < math.ceil(share * noise.shape[1])
    ),
    "down the batch": lambda noise, share: noise.argsort(0).argsort(0) < share * noise.shape[0],
    "one mask for all": lambda noise, share: (
        torch.as_tensor(SOLUTIONS[HIDE](noise.numpy(), share))[:1].expand(noise.shape).roll(1, 1)
    ),
    "the numbers themselves": lambda noise, share: noise.argsort(1)[
        :, : round(share * noise.shape[1])
    ],
    "a quantile": lambda noise, share: noise <= noise.quantile(share, dim=1, keepdim=True),
}


def dino_by_loops(student, teacher, center):
    def shares(values):
        powers = [math.exp(value) for value in values]
        return [power / sum(powers) for power in powers]

    total = 0.0
    for s, t in zip(student.tolist(), teacher.tolist(), strict=True):
        aim = shares([(x - c) / 0.04 for x, c in zip(t, center.tolist(), strict=True)])
        total -= sum(
            p * math.log(q) for p, q in zip(aim, shares([x / 0.1 for x in s]), strict=True)
        )
    return total / len(student)


RIGHT[DINO] = {
    "loops": dino_by_loops,
    "keywords exchanged": lambda student, teacher, center: dino_by_loops(
        center=center, teacher=teacher, student=student
    ),
    "a trace": lambda s, t, c: (
        -torch.trace((25 * (t - c)).softmax(1) @ (10 * s).log_softmax(1).T) / len(s)
    ),
    "logsumexp minus the product": lambda s, t, c: (
        (10 * s).logsumexp(1) - 10 * (((t - c) / 0.04).softmax(1) * s).sum(1)
    ).mean(),
    "tensordot": lambda s, t, c: (
        -torch.tensordot(((t - c) / 0.04).softmax(-1), (s / 0.1).log_softmax(-1), 2) / s.shape[0]
    ),
    "inference mode": torch.inference_mode()(
        lambda s, t, c: torch.tensor([dino_by_loops(s, t, c)])
    ),
}
WRONG[DINO] = {
    "softmax over the batch": lambda s, t, c: (
        -(((t - c) / 0.04).softmax(0) * (s / 0.1).log_softmax(0)).sum(1).mean()
    ),
    "multiplied by the temperatures": lambda s, t, c: (
        -(((t - c) * 0.04).softmax(1) * (s * 0.1).log_softmax(1)).sum(1).mean()
    ),
    "the hardest teacher": lambda s, t, c: (
        -((s / 0.1).log_softmax(1).gather(1, (t - c).argmax(1, keepdim=True))).mean()
    ),
    "the divergence": lambda s, t, c: (
        dino_by_loops(s, t, c) - torch.special.entr(((t - c) / 0.04).softmax(1)).sum(1).mean()
    ),
    "log in base 2": lambda s, t, c: dino_by_loops(s, t, c) / math.log(2),
    "the mean of the batch taken off": lambda s, t, c: dino_by_loops(s, t, t.mean(0)),
    "the centre after the temperature": lambda s, t, c: (
        -((t / 0.04 - c).softmax(1) * (s / 0.1).log_softmax(1)).sum(1).mean()
    ),
    "one number a picture": lambda s, t, c: (
        -(((t - c) / 0.04).softmax(1) * (s / 0.1).log_softmax(1)).sum(1)
    ),
}
RIGHT[RANK] = {
    "xlogy": lambda v: torch.exp(-torch.xlogy(v / v.sum(), v / v.sum()).sum()),
    "a product of powers": lambda v: 1 / math.prod(p**p for p in (v[v > 0] / v.sum()).tolist()),
    "Categorical": lambda v: torch.distributions.Categorical(probs=v).entropy().exp().reshape(1),
    "the perplexity, by logarithms": lambda v: math.exp(
        math.log(float(v.sum())) - float(torch.xlogy(v, v).sum() / v.sum())
    ),
    "bits, then powers of two": lambda v: (
        2 ** -sum(p * math.log2(p) for p in (v / v.sum()).tolist() if p)
    ),
}
WRONG[RANK] = {
    "nan where a variance is 0": lambda v: (-(v / v.sum() * (v / v.sum()).log()).sum()).exp(),
    "in powers of two": lambda v: 2 ** torch.special.entr(v / v.sum()).sum(),
    "rounded": lambda v: torch.special.entr(v / v.sum()).sum().exp().round(),
    "over all directions": lambda v: torch.special.entr(v / v.sum()).sum().exp() / len(v),
    "a softmax": lambda v: torch.special.entr(v.softmax(0)).sum().exp(),
    "its terms": lambda v: torch.special.entr(v / v.sum()).exp(),
}
RIGHT[IOU] = {
    "by counts": lambda p, t: Fraction(
        sum(map(operator.and_, p.flatten().tolist(), t.flatten().tolist())),
        sum(map(operator.or_, p.flatten().tolist(), t.flatten().tolist())),
    ),
    "minimum and maximum": lambda p, t: (
        torch.minimum(p.int(), t.int()).sum() / torch.maximum(p.int(), t.int()).sum()
    ),
    "nonzero": lambda p, t: (p * t).count_nonzero() / (p + t).count_nonzero(),
    "inclusion and exclusion": lambda p, t: (lambda both: both / (p.sum() + t.sum() - both))(
        (p & t).sum().double()
    ),
    "masked mean": lambda p, t: p[p | t].logical_and(t[p | t]).double().mean(),
}
WRONG[IOU] = {
    "in percent": lambda p, t: 100 * (p & t).sum() / (p | t).sum(),
    "whole division": lambda p, t: (p & t).sum() // (p | t).sum(),
    "any": lambda p, t: (p & t).any() / (p | t).any(),
}

# ── 15 ────────────────────────────────────────────────────────────────────────────────────────────

RIGHT[CENTRE] = {
    "index_select, in place": lambda f, seen: F.normalize(
        f.sub_(f.index_select(0, seen).mean(0, keepdim=True)), p=2.0, dim=1
    ),
    "einsum lengths": lambda f, seen: (
        lambda c: c / torch.einsum("nf,nf->n", c, c).sqrt()[:, None]
    )(f - f[seen].mean(0)),
    "row by row": lambda f, seen: [
        (row - sum(f[i] for i in seen) / len(seen)) / torch.dist(row, f[seen].mean(0)) for row in f
    ],
    "renormalised by linalg": lambda f, seen: (
        lambda c: c / torch.linalg.norm(c, ord=2, dim=1, keepdim=True)
    )(f - torch.take_along_dim(f, seen[:, None], 0).sum(0) / seen.numel()),
    "float16 of small numbers": lambda f, seen: normalize(f - f[seen].mean(0)).half(),
}
WRONG[CENTRE] = {
    "the mean of the unseen": lambda f, seen: normalize(
        f - f[[i for i in range(len(f)) if i not in seen.tolist()]].mean(0)
    ),
    "the first len(seen)": lambda f, seen: normalize(f - f[: len(seen)].mean(0)),
    "the sum": lambda f, seen: normalize(f - f[seen].sum(0)),
    "one mean for all numbers": lambda f, seen: normalize(f - f[seen].mean()),
    "squared lengths": lambda f, seen: (lambda c: c / c.square().sum(1, keepdim=True))(
        f - f[seen].mean(0)
    ),
    "length 1 down the columns": lambda f, seen: normalize(f - f[seen].mean(0), dim=0),
    "added": lambda f, seen: normalize(f + f[seen].mean(0)),
    "seen centred alone": lambda f, seen: normalize(
        f.index_copy(0, seen, f[seen] - f[seen].mean(0))
    ),
}
RIGHT[NAME] = {
    "counted in Python": lambda c: [
        sum(other >= row[i] for other in row) for i, row in enumerate(c.tolist())
    ],
    "searchsorted": lambda c: (
        len(c)
        - torch.searchsorted(
            c.sort(1).values.contiguous(), c.diagonal()[:, None].contiguous(), side="left"
        )[:, 0]
    ),
    "a table of comparisons": lambda c: torch.einsum(
        "ij->i", torch.ge(c, c.diagonal().unsqueeze(1)).long()
    ),
    "as float": lambda c: (c - c.diag()[:, None] >= 0).double().sum(-1),
    "uint8": lambda c: (c >= c.diagonal()[:, None]).sum(1).to(torch.uint8),
    "ranks of ties, the worst": lambda c: torch.tensor(
        [int((c[i] > c[i, i]).sum() + (c[i] == c[i, i]).sum()) for i in range(len(c))]
    ),
}
WRONG[NAME] = {
    "ties shared": lambda c: (
        (c > c.diagonal()[:, None]).sum(1) + ((c == c.diagonal()[:, None]).sum(1) + 1) / 2
    ),
    "by argsort": lambda c: c.argsort(1, descending=True, stable=True).argsort(1).diagonal() + 1,
    "one over the rank": lambda c: 1 / (c >= c.diagonal()[:, None]).sum(1),
    "the mean rank": lambda c: (c >= c.diagonal()[:, None]).sum(1).double().mean(),
    "ranks of all": lambda c: (c[:, None, :] >= c[:, :, None]).sum(2),
    "the cosines": lambda c: c.diagonal(),
    "against the first name": lambda c: (c >= c[:, :1]).sum(1),
}
RIGHT[UNSEEN] = {
    "loops over words": lambda s, u: [
        not any(name[w] and any(row[w] for row in s) for w in range(s.shape[1])) for name in u
    ],
    "a product with the known words": lambda s, u: (u * (s.sum(0) > 0)).sum(1) == 0,
    "no known word is left": lambda s, u: (
        torch.equal(torch.zeros(1), torch.zeros(1)) and ~u[:, s.any(0)].any(1)
    ),
    "bits": lambda s, u: (u.bool() & s.bool().any(0)).logical_not().all(1),
    "an int product of numpy": lambda s, u: ~(u.numpy() @ s.numpy().T).any(axis=1),
    "einsum": lambda s, u: torch.einsum("uv,sv->u", u, s) < 1,
}
WRONG[UNSEEN] = {
    "as 0 and 1": lambda s, u: torch.as_tensor(SOLUTIONS[UNSEEN](s.numpy(), u.numpy())).int(),
    "which ones": lambda s, u: SOLUTIONS[UNSEEN](s.numpy(), u.numpy()).nonzero()[0],
    "how many": lambda s, u: SOLUTIONS[UNSEEN](s.numpy(), u.numpy()).sum(),
    "equal names": lambda s, u: ~(u[:, None] == s[None]).all(2).any(1),
    "words that all names share": lambda s, u: ~(u.bool() & s.bool().all(0)).any(1),
    "words": lambda s, u: ~s.bool().any(0),
    "of the first seen name": lambda s, u: (u @ s[0]) == 0,
    "shorter than": lambda s, u: u.sum(1) < s.sum(1).min(),
}

# ── 16 ────────────────────────────────────────────────────────────────────────────────────────────

RIGHT[MASK] = {
    "block_diag": lambda n: torch.block_diag(*[torch.ones(k, k) for k in n.tolist()]).bool(),
    "bucketize": lambda n: (lambda o: o[None] == o[:, None])(
        torch.bucketize(torch.arange(int(n.sum())), n.cumsum(0), right=True)
    ),
    "one hot": lambda n: (lambda h: (h @ h.T).bool())(
        F.one_hot(torch.arange(len(n)).repeat_interleave(n)).float()
    ),
    "lists of lists": lambda n: (lambda o: [[a == b for b in o] for a in o])(
        [i for i, k in enumerate(n.tolist()) for _ in range(k)]
    ),
    "kron by slices": lambda n: functools.reduce(
        lambda m, cut: (m.__setitem__((cut, cut), True), m)[1],
        [
            slice(e - k, e)
            for k, e in zip(n.tolist(), itertools.accumulate(n.tolist()), strict=True)
        ],
        np.zeros((int(n.sum()),) * 2, bool),
    ),
}
WRONG[MASK] = {
    "added to scores": lambda n: np.where(SOLUTIONS[MASK](n.numpy()), 0, -np.inf),
    "itself left out": lambda n: SOLUTIONS[MASK](n.numpy()) & ~np.eye(int(n.sum()), dtype=bool),
    "a batch of masks": lambda n: [np.ones((k, k), bool) for k in n.tolist()],
    "lengths in reverse": lambda n: SOLUTIONS[MASK](n.numpy()[::-1]),
    "sorted lengths": lambda n: SOLUTIONS[MASK](np.sort(n.numpy())),
    "one class token more": lambda n: SOLUTIONS[MASK](n.numpy() + 1),
    "as numbers": lambda n: SOLUTIONS[MASK](n.numpy()).astype(float),
    "the owner alone": lambda n: torch.arange(len(n)).repeat_interleave(n),
}
RIGHT[CANVAS] = {
    "by fractions": lambda h, w, c: [
        float(min(min(Fraction(int(a), h), Fraction(int(b), w)) ** 2 * h * w, h * w))
        for a, b in c.tolist()
    ],
    "the sides first": lambda h, w, c: (lambda s: (h * s) * (w * s))(
        torch.stack([c[:, 0] / h, c[:, 1] / w, torch.ones(len(c))]).amin(0)
    ),
    "where": lambda h, w, c: torch.where(
        c[:, 0] * w < c[:, 1] * h, c[:, 0] ** 2 * w / h, c[:, 1] ** 2 * h / w
    ).clamp_max(h * w),
    "numpy": lambda h, w, c: (
        np.minimum(np.minimum(c.numpy()[:, 0] / h, c.numpy()[:, 1] / w), 1) ** 2 * (h * w)
    ),
}
WRONG[CANVAS] = {
    "rounded": lambda h, w, c: SOLUTIONS[CANVAS](h, w, c.numpy()).round(-1),
    "whole sides": lambda h, w, c: (lambda s: np.floor(h * s) * np.floor(w * s))(
        np.minimum((c.numpy() / [h, w]).min(1), 1) * 0.999
    ),
    "bars": lambda h, w, c: c.prod(1),
    "the largest": lambda h, w, c: SOLUTIONS[CANVAS](h, w, c.numpy()).argmax(),
    "never more than the canvas' half": lambda h, w, c: np.minimum(
        SOLUTIONS[CANVAS](h, w, c.numpy()), c.numpy().prod(1) / 2
    ),
    "sorted": lambda h, w, c: np.sort(SOLUTIONS[CANVAS](h, w, c.numpy())),
    "a column": lambda h, w, c: SOLUTIONS[CANVAS](h, w, c.numpy())[:, None],
    "the root": lambda h, w, c: SOLUTIONS[CANVAS](h, w, c.numpy()) ** 0.5,
}
RIGHT[PARTNERS] = {
    "largest product with a unit key": lambda k: (
        1
        + 2
        * torch.einsum("ed,od->eo", k[0::2], k[1::2] / k[1::2].norm(dim=1, keepdim=True)).argmax(1)
    ),
    "nearest unit key": lambda k: (
        torch.cdist(normalize(k[::2]), normalize(k[1::2])).argmin(1).mul(2).add(1)
    ),
    "a loop of max": lambda k: [
        max(range(1, len(k), 2), key=lambda j: float(k[i] @ k[j] / k[j].norm()))
        for i in range(0, len(k), 2)
    ],
    "int16": lambda k: SOLUTIONS[PARTNERS](k.numpy()).astype(np.int16),
    "by places": lambda k: torch.arange(1, len(k), 2)[
        (
            normalize(k[torch.arange(0, len(k), 2)]) @ normalize(k[torch.arange(1, len(k), 2)]).mT
        ).max(1)[1]
    ],
}
WRONG[PARTNERS] = {
    "for all places": lambda k: np.repeat(SOLUTIONS[PARTNERS](k.numpy()), 2),
    "places of a half": lambda k: SOLUTIONS[PARTNERS](k.numpy()) / 2,
    "pairs": lambda k: np.c_[np.arange(0, len(k), 2), SOLUTIONS[PARTNERS](k.numpy())],
    "centred keys": lambda k: SOLUTIONS[PARTNERS]((k - k.mean(0)).numpy()),
    "the neighbour": lambda k: torch.arange(1, len(k) + 1, 2),
    "squared cosines": lambda k: (
        2 * (normalize(k[::2]) @ normalize(k[1::2]).T).square().argmax(1) + 1
    ),
    "how alike": lambda k: (normalize(k[::2]) @ normalize(k[1::2]).T).amax(1),
    "first places from the end": lambda k: len(k) - SOLUTIONS[PARTNERS](k.numpy()),
}


def cost_by_decimals(height, width):
    sides = [
        int((Decimal(side) / 28).to_integral_value(rounding="ROUND_HALF_EVEN"))
        for side in (height, width)
    ]
    if math.prod(sides) > 1280:
        beta = (Decimal(height * width) / (1280 * 784)).sqrt()
        sides = [int(Decimal(side) / beta // 28) for side in (height, width)]
    return sides[0] * sides[1]


RIGHT[COST] = {
    "decimals": cost_by_decimals,
    "numpy scalars": lambda h, w: np.int64(cost_by_decimals(int(h), int(w))),
    "torch.round": lambda h, w: (
        lambda s: (
            (s / 28).round().prod()
            if (s / 28).round().prod() <= 1280
            else (s / (s.prod() / 1280).sqrt()).floor().prod()
        )
    )(torch.tensor([h, w], dtype=torch.float64)),
    "a list of one": lambda h, w: [cost_by_decimals(h, w)],
}
WRONG[COST] = {
    "rows": lambda h, w: round(h / 28),
    "one more column": lambda h, w: cost_by_decimals(h, w + 28),
    "half of them": lambda h, w: cost_by_decimals(h, w) // 2,
    "a tuple of both": lambda h, w: (round(h / 28), round(w / 28)),
    "a text": lambda h, w: str(cost_by_decimals(h, w)),
    "at least 4 more": lambda h, w: max(cost_by_decimals(h, w), 16),
    "scaled again": lambda h, w: int(cost_by_decimals(h, w) * 0.999),
    "round half down": lambda h, w: min(
        math.ceil(h / 28 - 0.5 - 1e-9) * math.ceil(w / 28 - 0.5 - 1e-9), 1280
    ),
}

MISTAKES = {  # (exercise, what) → the answer and the name that it must get
    (SHUFFLE, "strided in the sequence"): (
        lambda x, f: torch.cat([x[:, i :: f * f] for i in range(f * f)], dim=2),
        "neighbours in the sequence, not on the grid",
    ),
    (RANK, "the participation ratio"): (
        lambda v: v.sum() ** 2 / (v**2).sum(),
        "one over the sum of squares",
    ),
    (IOU, "dice"): (
        lambda p, t: 2 * (p & t).sum() / (p.sum() + t.sum()),
        "the Dice coefficient",
    ),
    (IOU, "precision"): (
        lambda p, t: (p & t).sum() / p.sum(),
        "divided by the prediction",
    ),
    (IOU, "recall"): (
        lambda p, t: (p & t).sum() / t.sum(),
        "divided by the truth",
    ),
    (IOU, "accuracy"): (
        lambda p, t: (p == t).float().mean(),
        "the share of right cells",
    ),
    (IOU, "of the ground"): (
        lambda p, t: (~p & ~t).sum() / (~p | ~t).sum(),
        "the background instead of the object",
    ),
}

PROBES = [
    *FOUND,
    *(Probe(e, f"eleventh: {w}", a, "right") for e, some in RIGHT.items() for w, a in some.items()),
    *(Probe(e, f"eleventh: {w}", a, "wrong") for e, some in WRONG.items() for w, a in some.items()),
    *(Probe(e, f"eleventh: {w}", a, "mistake", m) for (e, w), (a, m) in MISTAKES.items()),
]
