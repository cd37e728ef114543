"""Answers of a ninth referee to the exercises of notebooks 09 to 17.

Those in FOUND came out wrong once: numbers that were kept as objects were refused, and a tensor
that numpy cannot read stopped the check. The mechanical changes of 00 to 09 reach 10 to 17 here.
"""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.functional import normalize

from tests.unit.probes import Probe
from tests.unit.probes.mechanical import CHANGES, CHANGES_OF_ARRAYS, changed, plain
from vizkit.course.exercises import all_exercises

LOGSUMEXP, CLASSIFIER = "Log-sum-exp, one block at a time", "A zero-shot classifier from features"
RECALL, PLANE = "Recall@k both ways", "PCA to two dimensions"
NEAREST, GAP = "Nearest neighbours by cosine", "Close the modality gap"
SHUFFLE, PREFIX = "Pixel shuffle", "The mask of a picture before words"
LLAVA, NEXT = "The picture in LLaVA-1.5's prompt", "The loss of the next word"
CROP, SCORES = (
    "Resize and crop as CLIP does",
    "From vectors to probabilities, for CLIP and for SigLIP",
)
HIDE, DINO, RANK = "Hide a share of the patches", "DINO's loss", "The effective rank"
IOU, CENTRE = "Intersection over union", "Centre on what was seen"
NAME, UNSEEN = "The rank of the right name", "Names without a seen word"
MASK, CANVAS = "The mask of packed pictures", "What a canvas keeps"
PARTNERS, COST = "Partners to merge", "What a picture costs"
SWAP, HEADS, CODES = "A fair swap test", "A head's part of the score", "Sparse codes"
SIZE = "The size of one matrix"

SOLUTIONS = {one.name: one.solution for group in all_exercises().values() for one in group}


# ── Found ─────────────────────────────────────────────────────────────────────────────────────────


def kept_as(form):
    """The right answer of an exercise in another form."""
    return lambda name: changed(SOLUTIONS[name], form)


as_objects = kept_as(lambda values: np.array(values).astype(object))
on_meta = kept_as(lambda values: torch.as_tensor(values).to("meta"))
nested = kept_as(lambda values: torch.nested.nested_tensor([torch.as_tensor(r) for r in values]))
quantized = kept_as(
    lambda values: torch.quantize_per_tensor(torch.as_tensor(values).float(), 1e-6, 0, torch.qint32)
)


def recall_as_fractions(similarity, k):
    n = len(similarity)
    return [
        Fraction(int((m >= m.diagonal()[:, None]).sum(1).le(k).sum()), n)
        for m in (similarity, similarity.T)
    ]


FOUND = [
    *(Probe(name, "numbers kept as objects", as_objects(name), "right") for name in (
        LOGSUMEXP, CLASSIFIER, RECALL, PLANE, NEAREST, GAP, SHUFFLE, PREFIX, CROP, SCORES, HIDE,
        CENTRE, NAME, UNSEEN, MASK, CANVAS, PARTNERS, HEADS, CODES,
    )),
    *(Probe(name, "a tensor on the meta device", on_meta(name), "wrong") for name in (
        SIZE, CLASSIFIER, PLANE, SHUFFLE, LLAVA, CROP, HIDE, NAME, COST, CODES,
    )),
    *(Probe(name, "a nested tensor", nested(name), "right") for name in (
        CLASSIFIER, SHUFFLE, SCORES, CENTRE, MASK, CODES,
    )),
    *(Probe(name, "a quantized tensor", quantized(name), "right") for name in (
        CLASSIFIER, SCORES, CENTRE, HEADS,
    )),
    Probe(RECALL, "two fractions", recall_as_fractions, "right"),
]  # fmt: skip

# ── Mechanical changes of 10 to 17 ────────────────────────────────────────────────────────────────

ARRAYS = {
    CLASSIFIER, RECALL, PLANE, NEAREST, SHUFFLE, PREFIX, CROP, SCORES, HIDE, CENTRE, NAME, UNSEEN,
    MASK, CANVAS, PARTNERS, HEADS, CODES,
}  # fmt: skip
NAMED = {
    (RECALL, "last axis reversed"): "the two directions swapped",
    (RECALL, "moved along the last axis"): "the two directions swapped",
    (RECALL, "rows exchanged"): "the two directions swapped",
    (NEAREST, "last axis reversed"): "nearest last",
    (LLAVA, "one more"): "class token counted",
    (LLAVA, "root of the size"): "one row",
    (PREFIX, "last two axes exchanged"): "rows and columns swapped",
    (NEXT, "negated"): "minus forgotten",
    (DINO, "negated"): "sign forgotten",
    (RANK, "inverse"): "the sign of the entropy",
    (RANK, "logarithm of the size"): "the entropy itself",
    (NAME, "one less"): "ranks from 0",
}
STAYS_RIGHT = {  # a mask squared is that mask; a map around its mean stays there
    (PLANE, "centred"), (PREFIX, "squared"), (HIDE, "squared"), (UNSEEN, "squared"),
    (MASK, "squared"), (MASK, "last two axes exchanged"), (MASK, "rows exchanged"),
}  # fmt: skip


def mechanical():
    for notebook, exercises in all_exercises().items():
        if notebook[:2] < "10" or not notebook[:2].isdigit():
            continue
        for exercise in exercises:
            changes = CHANGES | (CHANGES_OF_ARRAYS if exercise.name in ARRAYS else {})
            for what, change in changes.items():
                name = NAMED.get((exercise.name, what), "")
                stays = (exercise.name, what) in STAYS_RIGHT
                kind = "mistake" if name else "right" if stays else "wrong"
                answer = changed(exercise.solution, change)
                yield Probe(exercise.name, f"mechanical: {what}", answer, kind, name)


# ── Right, written in other ways ──────────────────────────────────────────────────────────────────


def largest_block_first(blocks):
    order = sorted(range(len(blocks)), key=lambda k: -blocks[k].max())
    largest, total = np.full(len(blocks[0]), -np.inf), np.zeros(len(blocks[0]))
    for k in order:
        new = np.maximum(largest, blocks[k].max(1))
        total = total * np.exp(largest - new) + np.exp(blocks[k] - new[:, None]).sum(1)
        largest = new
    return largest + np.log(total)


def sums_by_fsum(blocks):
    rows = [[float(x) for block in blocks for x in block[r]] for r in range(len(blocks[0]))]
    return [max(row) + math.log(math.fsum(math.exp(x - max(row)) for x in row)) for row in rows]


def in_powers_of_two(blocks, two=None):
    """Two passes; `two`: the blocks divided by log 2, one after the other."""
    two = two or (lambda: (block.astype(float) / math.log(2) for block in blocks))
    top = np.max([block.max(1) for block in two()], axis=0)
    return (top + np.log2(sum(np.exp2(b - top[:, None]).sum(1) for b in two()))) * math.log(2)


def in_powers_of_two_from_copies(blocks):
    copies = [block.astype(float) / math.log(2) for block in blocks]
    return in_powers_of_two(blocks, lambda: copies)


def unit_by_hand(x):
    return x / (x * x).sum(-1, keepdim=True) ** 0.5


def plane_by_power_iteration(rows):
    centred = (rows - rows.mean(0)).double()
    spread, found = centred.T @ centred, []
    for _ in range(2):
        values, vectors = torch.linalg.eigh(spread)
        found.append(centred @ vectors[:, -1])
        spread = spread - values[-1] * torch.outer(vectors[:, -1], vectors[:, -1])
    points = torch.stack(found, 1)
    return points * points[points.abs().argmax(0), [0, 1]].sign()


def plane_by_gram_matrix(rows):
    centred = (rows - rows.mean(0)).double()
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    points = vectors[:, -2:].flip(1) * values[-2:].flip(0).clamp(min=0).sqrt()
    return points * points[points.abs().argmax(0), [0, 1]].sign()


def gap_by_one_matrix(images, texts):
    both = normalize(torch.cat([images, texts]))
    n = len(images)
    half = torch.cat([torch.full((n,), 1 / n), torch.full((len(texts),), -1 / len(texts))]) @ both
    sign = torch.cat([torch.ones(n), -torch.ones(len(texts))])[:, None]
    return normalize(both - sign * half / 2).split([n, len(texts)])


def blocks_by_index(tokens, factor):
    side = math.isqrt(tokens.shape[1])
    numbers = torch.arange(side * side).view(side, side)
    blocks = numbers.unfold(0, factor, factor).unfold(1, factor, factor)  # (s, s, f, f)
    return tokens[:, blocks.reshape(-1, factor**2)].flatten(2)


def words_by_nll(logits, tokens, counted):
    log = torch.log_softmax(logits, -1)[:, :-1].flatten(0, 1)
    weights = counted[:, 1:].flatten().to(log)
    picked = F.nll_loss(log, tokens[:, 1:].flatten(), reduction="none")
    return (picked @ weights) / weights.sum()


def crop_by_pooling(image, size):
    factor = min(image.shape[:2]) // size
    small = F.avg_pool2d(image.permute(2, 0, 1)[None], factor)[0]
    high, wide = small.shape[1:]
    top, left = (high - size) // 2, (wide - size) // 2
    return small.narrow(1, top, size).narrow(2, left, size).permute(1, 2, 0)


def odds_by_hand(images, texts, scale, bias):
    powers = torch.exp(scale * images @ texts.T + (0.0 if bias is None else bias))
    return powers / (powers.sum(1, keepdim=True) if bias is None else 1 + powers)


def hidden_by_threshold(noise, share):
    count = round(share * noise.shape[1])
    if count == 0:
        return torch.zeros_like(noise, dtype=torch.bool)
    return noise <= noise.kthvalue(count, dim=1, keepdim=True).values


def found_by_walking(cosines):
    order = cosines.argsort(dim=1, descending=True, stable=True)
    own = cosines.diagonal()
    return [
        max(p for p, j in enumerate(row.tolist(), 1) if cosines[i, j] == own[i])
        for i, row in enumerate(order)
    ]


def canvas_cases(height, width, canvases):
    kept = []
    for high, wide in canvases.tolist():
        taller = high * width >= wide * height  # the width decides
        pixels = wide * wide * height / width if taller else high * high * width / height
        kept.append(min(pixels, float(height * width)))
    return kept


def keep_by_sorting(scores, k):
    least = scores.sort(1, descending=True).values[:, k - 1 : k]
    return (scores * (scores >= least)).clamp_min(0)


RIGHT = {
    LOGSUMEXP: {
        "the largest block first": largest_block_first,
        "powers of two": in_powers_of_two,
    },
    CLASSIFIER: {
        "lengths by hand": lambda i, p, s: (
            (s * unit_by_hand(i) @ unit_by_hand(unit_by_hand(p).sum(1)).T).softmax(-1)
        ),
        "exponentials shared out": lambda i, p, s: F.normalize(
            (s * normalize(i) @ normalize(normalize(p, dim=-1).sum(1)).T).exp(), p=1, dim=1
        ),
    },
    RECALL: {
        "ranks of the diagonal": lambda m, k: [
            float((x.argsort(1, descending=True).argsort(1).diagonal() < k).double().mean())
            for x in (m, m.T)
        ],
        "the k-th value as a bar": lambda m, k: torch.stack(
            [(x.diagonal() >= x.topk(k, 1).values[:, -1]).double().mean() for x in (m, m.T)]
        ),
    },
    PLANE: {
        "one direction after the other": plane_by_power_iteration,
        "the products of the rows": plane_by_gram_matrix,
    },
    NEAREST: {
        "minus one on the diagonal": lambda r, k: (
            (normalize(r) @ normalize(r).T - 3 * torch.eye(len(r))).topk(k).indices
        ),
        "angles": lambda r, k: (
            (normalize(r) @ normalize(r).T).clamp(-1, 1).arccos() + 9 * torch.eye(len(r))
        ).argsort(1)[:, :k],
    },
    GAP: {"both clouds in one matrix": gap_by_one_matrix},
    SHUFFLE: {"places of the blocks": blocks_by_index},
    PREFIX: {
        "either of two masks": lambda n, free: (
            torch.ones(n, n).tril().bool()
            | torch.outer(torch.arange(n) < free, torch.arange(n) < free)
        ),
        "built row by row": lambda n, free: [
            [j <= i or (i < free and j < free) for j in range(n)] for i in range(n)
        ],
    },
    NEXT: {"weights for the words": words_by_nll},
    CROP: {"pooled and narrowed": crop_by_pooling},
    SCORES: {"powers shared out": odds_by_hand},
    HIDE: {"a threshold for each row": hidden_by_threshold},
    DINO: {
        "one product of matrices": lambda s, t, c: (
            -torch.einsum("bk,bk->b", ((t - c) * 25).softmax(1), (s * 10).log_softmax(1)).mean()
        ),
    },
    RANK: {
        "a perplexity in bits": lambda v: (
            2 ** torch.special.entr(v / v.sum()).div(math.log(2)).sum()
        ),
        "only what is not zero": lambda v: (
            lambda p: torch.exp(-(p * p.log()).sum())
        )(v[v > 0] / v.sum()),
    },
    IOU: {
        "one minus what differs": lambda p, t: 1 - (p ^ t).sum() / (p | t).sum(),
        "of the flattened": lambda p, t: (
            (p.float().flatten() @ t.float().flatten())
            / (p.sum() + t.sum() - p.float().flatten() @ t.float().flatten())
        ),
        "sets of places": lambda p, t: (
            len({*p.flatten().nonzero()[:, 0].tolist()} & {*t.flatten().nonzero()[:, 0].tolist()})
            / len({*p.flatten().nonzero()[:, 0].tolist()} | {*t.flatten().nonzero()[:, 0].tolist()})
        ),
    },
    CENTRE: {
        "a mask of the seen": lambda f, seen: normalize(
            f - (torch.zeros(len(f)).index_fill(0, seen, 1 / len(seen)).to(f) @ f)
        ),
        "renorm": lambda f, seen: (
            (f - f[seen].mean(0)) * (f - f[seen].mean(0)).square().sum(1, keepdim=True).rsqrt()
        ),
    },
    NAME: {
        "walking down the sorted row": found_by_walking,
        "one and the others": lambda c: (
            1 + (c >= c.diagonal()[:, None]).fill_diagonal_(False).sum(1)
        ),
    },
    UNSEEN: {
        "sets of words": lambda s, u: [
            not ({*row.nonzero()[:, 0].tolist()} & {*s.sum(0).nonzero()[:, 0].tolist()})
            for row in u
        ],
        "no overlap at most": lambda s, u: torch.minimum(u[:, None], s[None]).amax((1, 2)) == 0,
    },
    MASK: {
        "starts counted": lambda n: (
            lambda owner: owner.unsqueeze(1).eq(owner.unsqueeze(0))
        )(
            torch.zeros(int(n.sum())).index_fill(0, n.cumsum(0)[:-1], 1.0).cumsum(0)
        ),
        "filled square by square": lambda n: (
            lambda m: [
                m.__setitem__((slice(e - k, e), slice(e - k, e)), True)
                for k, e in zip(n.tolist(), n.cumsum(0).tolist(), strict=True)
            ]
            and m
        )(torch.zeros(int(n.sum()), int(n.sum()), dtype=torch.bool)),
    },
    CANVAS: {"case by case": canvas_cases},
    PARTNERS: {
        "one token after the other": lambda k: [
            1 + 2 * int(F.cosine_similarity(k[i : i + 1], k[1::2]).argmax())
            for i in range(0, len(k), 2)
        ],
        "smallest angle": lambda k: (
            2 * (normalize(k[::2]) @ normalize(k[1::2]).T).clamp(-1, 1).arccos().argmin(1) + 1
        ),
    },
    COST: {
        "halves by divmod": lambda h, w: cells(h) * cells(w)
        if cells(h) * cells(w) <= 1280
        else int((h / w * 1280) ** 0.5 + 1e-9) * int((w / h * 1280) ** 0.5 + 1e-9),
    },
    SWAP: {
        "grouped by hand": lambda t, f, first: (
            sum(
                sum(a > b for a, b, o in zip(t.tolist(), f.tolist(), first.tolist(), strict=True)
                    if o == order) / first.tolist().count(order)
                for order in (0, 1)
            )
            / 2
        ),
    },
    HEADS: {
        "inner products with the unit vector of the whole": lambda h, r, t: (
            torch.tensordot(h, t, 1) / torch.linalg.vector_norm(h.sum(0).add(r))
        ),
    },
    CODES: {"all from the k-th on": keep_by_sorting},
}  # fmt: skip


def cells(side):
    whole, rest = divmod(side, 28)
    return whole + (rest > 14 or (rest == 14 and whole % 2))


# ── Wrong ─────────────────────────────────────────────────────────────────────────────────────────


def one_maximum_for_all(blocks):
    top = max(float(block.max()) for block in blocks)
    with np.errstate(divide="ignore"):
        return top + np.log(sum(np.exp(b.astype(float) - top).sum(1) for b in blocks))


WRONG = {
    LOGSUMEXP: {
        "one maximum for all rows": one_maximum_for_all,
        # These two hold the numbers of all blocks at once.
        "sums by fsum": sums_by_fsum,
        "powers of two from copies": in_powers_of_two_from_copies,
        "the first block forgotten": lambda b: SOLUTIONS[LOGSUMEXP](b[1:]),
        "the last block forgotten": lambda b: SOLUTIONS[LOGSUMEXP](b[:-1]),
        "log1p": lambda b: np.log1p(np.exp(np.minimum(SOLUTIONS[LOGSUMEXP](b), 700))),
        "the mean in the logarithm": lambda b: (
            SOLUTIONS[LOGSUMEXP](b) - math.log(sum(x.shape[1] for x in b))
        ),
        "in bits": lambda b: SOLUTIONS[LOGSUMEXP](b) / math.log(2),
        "columns": lambda b: [np.logaddexp.reduce(x, axis=0) for x in b],
    },
    CLASSIFIER: {
        "the best prompt of a class": lambda i, p, s: (
            s * torch.einsum("nd,kpd->nkp", normalize(i), normalize(p, dim=-1)).amax(2)
        ).softmax(1),
        "the median of the prompts": lambda i, p, s: (
            s * normalize(i) @ normalize(normalize(p, dim=-1).median(1).values).T
        ).softmax(1),
        "a sigmoid": lambda i, p, s: torch.sigmoid(
            s * normalize(i) @ normalize(normalize(p, dim=-1).mean(1)).T
        ),
        "logits": lambda i, p, s: s * normalize(i) @ normalize(normalize(p, dim=-1).mean(1)).T,
    },
    RECALL: {
        "any of the k for the pair": lambda m, k: [
            float(((m >= m.topk(k, 1).values[:, -1:]) | (m >= m.topk(k, 0).values[-1:])).diagonal()
                  .double().mean())
        ] * 2,
        "mean of both": lambda m, k: [float(SOLUTIONS[RECALL](plain(m), k).mean())] * 2,
        "in percent": lambda m, k: 100 * SOLUTIONS[RECALL](plain(m), k),
    },
    PLANE: {
        "second and third direction": lambda r: (
            lambda c: c @ torch.linalg.svd(c, full_matrices=False).Vh[1:3].T
        )(r - r.mean(0)),
        "variance 1 on both axes": lambda r: (
            lambda y: torch.as_tensor(y / y.std(0))
        )(SOLUTIONS[PLANE](plain(r))),
        "the median taken off": lambda r: SOLUTIONS[PLANE](
            np.vstack([plain(r) - np.median(plain(r), 0)])
        ) + 0.1,
    },
    NEAREST: {
        "one neighbour further": lambda r, k: (
            (normalize(r) @ normalize(r).T).argsort(1, descending=True)[:, 2 : k + 2]
        ),
        "numbered from one": lambda r, k: SOLUTIONS[NEAREST](plain(r), k) + 1,
        "length 1 down the columns": lambda r, k: SOLUTIONS[NEAREST](plain(normalize(r, dim=0)), k),
    },
    GAP: {
        "means at length 1": lambda i, t: (
            lambda a, b, step: (normalize(a - step), normalize(b + step))
        )(
            normalize(i), normalize(t),
            (normalize(normalize(i).mean(0), dim=0) - normalize(normalize(t).mean(0), dim=0)) / 2,
        ),
        "a quarter each": lambda i, t: (
            lambda a, b, step: (normalize(a - step), normalize(b + step))
        )(normalize(i), normalize(t), (normalize(i).mean(0) - normalize(t).mean(0)) / 4),
    },
    SHUFFLE: {
        "blocks from the end": lambda x, f: SOLUTIONS[SHUFFLE](plain(x), f)[:, ::-1].copy(),
        "shifted by one": lambda x, f: SOLUTIONS[SHUFFLE](plain(x.roll(1, 1)), f),
    },
    PREFIX: {
        "words free, the picture causal": lambda n, free: (
            torch.ones(n, n).tril().bool()
            | torch.outer(torch.arange(n) >= free, torch.arange(n) >= free)
        ),
        "one free token too many": lambda n, free: SOLUTIONS[PREFIX](n, min(free + 1, n)),
        "added to scores": lambda n, free: np.where(SOLUTIONS[PREFIX](n, free), 0.0, -np.inf),
    },
    NEXT: {
        "a perplexity": lambda x, t, c: math.exp(SOLUTIONS[NEXT](*map(np.asarray, (x, t, c)))),
        "in bits": lambda x, t, c: SOLUTIONS[NEXT](*map(np.asarray, (x, t, c))) / math.log(2),
        "two words ahead": lambda x, t, c: F.cross_entropy(
            x[:, :-2][c[:, 2:]], t[:, 2:][c[:, 2:]]
        ),
        "mean over all places": lambda x, t, c: (
            SOLUTIONS[NEXT](*map(np.asarray, (x, t, c))) * float(c[:, 1:].float().mean())
        ),
    },
    CROP: {
        "the brightest of a block": lambda im, size: F.adaptive_max_pool2d(
            im.permute(2, 0, 1), (im.shape[0] // (min(im.shape[:2]) // size),
                                  im.shape[1] // (min(im.shape[:2]) // size))
        ).permute(1, 2, 0)[:size, :size],
        "turned": lambda im, size: (
            SOLUTIONS[CROP](plain(im), size).swapaxes(0, 1)[::-1].copy()
        ),
        "colours first": lambda im, size: np.moveaxis(SOLUTIONS[CROP](plain(im), size), 2, 0),
    },
    SCORES: {
        "a bias for CLIP's softmax alone": lambda i, t, s, b: (
            (s * i @ t.T).softmax(1) if b is None else (s * i @ t.T + b).softmax(1).sigmoid()
        ),
        "bias before the scale": lambda i, t, s, b: (
            (s * i @ t.T).softmax(1) if b is None else torch.sigmoid(s * (i @ t.T + b))
        ),
        "logarithms": lambda i, t, s, b: (
            (s * i @ t.T).log_softmax(1) if b is None else F.logsigmoid(s * i @ t.T + b)
        ),
    },
    HIDE: {
        "a coin for each patch": lambda noise, share: noise < share + 0.05,
        "the first ones": lambda noise, share: (
            (torch.arange(noise.shape[1]) < round(share * noise.shape[1])).expand(noise.shape)
        ),
        "one too many": lambda noise, share: (
            noise.argsort(1).argsort(1) <= round(share * noise.shape[1])
        ),
    },
    DINO: {
        "the teacher's shares alone": lambda s, t, c: (
            torch.special.entr(((t - c) / 0.04).softmax(1)).sum(1).mean()
        ),
        "squared difference of the shares": lambda s, t, c: (
            (((t - c) / 0.04).softmax(1) - (s / 0.1).softmax(1)).square().sum(1).mean()
        ),
    },
    RANK: {
        "the largest share turned over": lambda v: v.sum() / v.max(),
        "shares of the largest": lambda v: torch.special.entr(v / v.max()).sum().exp(),
    },
    IOU: {
        "the smaller area": lambda p, t: (p & t).sum() / min(p.sum(), t.sum()),
        "over all cells": lambda p, t: (p & t).sum() / p.numel(),
        "row by row": lambda p, t: (
            (p & t).sum(1) / (p | t).sum(1).clamp(min=1)
        ).mean(),
    },
    CENTRE: {
        "the median of the seen": lambda f, seen: normalize(f - f[seen].median(0).values),
        "divided by the mean": lambda f, seen: normalize(f / f[seen].mean(0)),
        "length 1 by sums": lambda f, seen: normalize(f - f[seen].mean(0), p=1),
    },
    NAME: {
        "shares of the row": lambda c: SOLUTIONS[NAME](plain(c)) / len(c),
        "one over the root of the rank": lambda c: SOLUTIONS[NAME](plain(c)) ** -0.5,
        "the median rank": lambda c: np.median(SOLUTIONS[NAME](plain(c))),
    },
    UNSEEN: {
        "at most one seen word": lambda s, u: (u @ s.amax(0)) <= 1,
        "as numbers": lambda s, u: ((u @ s.T == 0).all(1)).float(),
        "names without any word": lambda s, u: u.sum(1) == 0,
    },
    MASK: {
        "the picture before as well": lambda n: (
            lambda o: (o[:, None] == o) | (o[:, None] == o + 1)
        )(torch.repeat_interleave(torch.arange(len(n)), n)),
        "padded to the longest": lambda n: (
            torch.arange(int(n.max()))[None] < n[:, None]
        ),
        "borders only": lambda n: (
            lambda o: o[:, None] != o
        )(torch.repeat_interleave(torch.arange(len(n)), n)).float(),
    },
    CANVAS: {
        "the mean of both scales": lambda h, w, c: (
            ((c[:, 0] / h + c[:, 1] / w) / 2) ** 2 * h * w
        ).clamp(max=h * w),
        "never enlarged, the canvas counted": lambda h, w, c: (
            torch.minimum(c.prod(1), torch.tensor(float(h * w)) * 0.999)
        ),
        "one number": lambda h, w, c: float(SOLUTIONS[CANVAS](h, w, plain(c)).max()),
    },
    PARTNERS: {
        "each odd place once": lambda k: (
            lambda c: [
                (lambda j: (c.__setitem__((slice(None), j), -9), 2 * j + 1)[1])(int(c[i].argmax()))
                for i in range(len(c))
            ]
        )((normalize(k[::2]) @ normalize(k[1::2]).T).clone())
        if len(k) % 2 == 0
        else torch.zeros((len(k) + 1) // 2),
        "the place after": lambda k: SOLUTIONS[PARTNERS](plain(k)) + 1,
    },
    COST: {
        "one cell for the end of each row": lambda h, w: SOLUTIONS[COST](h, w) + round(h / 28),
        "a start and an end token": lambda h, w: SOLUTIONS[COST](h, w) + 2,
        "the area by a cell's": lambda h, w: min(round(h * w / 784), 1280),
    },
    SWAP: {
        "chance taken off": lambda t, f, first: (
            SOLUTIONS[SWAP](*map(np.asarray, (t, f, first))) - 0.5
        ),
        "all but the ties": lambda t, f, first: (t > f).double().sum() / (t != f).sum(),
        "weighed by the others": lambda t, f, first: (
            ((t > f).double() * torch.where(first == 1, first.double().mean(),
                                            1 - first.double().mean())).mean() * 2
        ),
    },
    HEADS: {
        "the mean vector's length": lambda h, r, t: (
            h @ t / ((h.sum(0) + r) / (len(h) + 1)).norm()
        ),
        "by the largest head": lambda h, r, t: h @ t / h.norm(dim=1).max(),
        "the text's shares": lambda h, r, t: (h * t).sum(1) / ((h.sum(0) + r) * t).abs().sum(),
    },
    CODES: {
        "the k-th taken off": lambda s, k: (s - s.topk(k, 1).values[:, -1:]).relu(),
        "rounded": lambda s, k: torch.as_tensor(SOLUTIONS[CODES](plain(s), k)).round(decimals=1),
        "k of all, by the mean": lambda s, k: s.relu() * (s > s.mean(1, keepdim=True)),
    },
}  # fmt: skip

MISTAKES = [
    Probe(
        RANK,
        "of the squares",
        lambda v: SOLUTIONS[RANK](plain(v) ** 2),
        "mistake",
        "the variances squared",
    ),
    Probe(
        DINO, "student sharpened, teacher not", lambda s, t, c: -(
            ((t - c) / 0.1).softmax(1) * (s / 0.04).log_softmax(1)
        ).sum(1).mean(), "mistake", "the temperatures exchanged",
    ),
    Probe(
        DINO, "the centre taken off both", lambda s, t, c: -(
            ((t - c) / 0.04).softmax(1) * ((s - c) / 0.1).log_softmax(1)
        ).sum(1).mean(), "mistake", "the student centred as well",
    ),
    Probe(
        RANK, "how many are not zero", lambda v: int((v > 0).sum()), "mistake",
        "the directions counted",
    ),
    Probe(
        RANK, "of the roots", lambda v: SOLUTIONS[RANK](np.sqrt(plain(v))), "mistake",
        "the standard deviations used",
    ),
]  # fmt: skip

PROBES = [
    *FOUND,
    *MISTAKES,
    *mechanical(),
    *(Probe(name, what, a, "right") for name, some in RIGHT.items() for what, a in some.items()),
    *(Probe(name, what, a, "wrong") for name, some in WRONG.items() for what, a in some.items()),
]
