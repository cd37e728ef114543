"""Answers of an eighth referee to the exercises of notebooks 09 to 17.

Those in FOUND came out wrong once: an ellipsis that was part of an index was taken for a blank, a
sparse tensor stopped the check, and maxima stacked by `vstack` were taken for joined blocks.
"""

import math
from functools import reduce

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.functional import normalize

from tests.unit.probes import Probe

LOGSUMEXP, CLASSIFIER = "Log-sum-exp, one block at a time", "A zero-shot classifier from features"
RECALL = "Recall@k both ways"
NEAREST, GAP = "Nearest neighbours by cosine", "Close the modality gap"
SHUFFLE, PREFIX = "Pixel shuffle", "The mask of a picture before words"
NEXT, CROP = "The loss of the next word", "Resize and crop as CLIP does"
HIDE, DINO, RANK = "Hide a share of the patches", "DINO's loss", "The effective rank"
IOU, CENTRE = "Intersection over union", "Centre on what was seen"
NAME, UNSEEN = "The rank of the right name", "Names without a seen word"
MASK, CANVAS = "The mask of packed pictures", "What a canvas keeps"
PARTNERS, COST = "Partners to merge", "What a picture costs"
SWAP, HEADS, CODES = "A fair swap test", "A head's part of the score", "Sparse codes"


# ── Found ─────────────────────────────────────────────────────────────────────────────────────────


def index_kept_in_a_tuple(scores, k):
    first = (..., slice(0, k))
    places = scores.argsort(dim=-1, descending=True)[first]
    return torch.zeros_like(scores).scatter(-1, places, scores.gather(-1, places).relu())


def einsum_with_lists_of_axes(heads, rest, text):
    picture = torch.einsum(heads, [0, ...], [...]) + rest
    return torch.einsum(heads, [0, 1], text, [1], [0]) / picture.norm()


def blank_in_a_tuple(heads, rest, text):
    length, parts = ..., ...
    return parts / length


def new_maximum_by_vstack(blocks):
    largest = np.full(len(blocks[0]), -np.inf)
    total = np.zeros(len(blocks[0]))
    for block in blocks:
        new = np.vstack([largest, block.max(axis=1)]).max(axis=0)
        total = total * np.exp(largest - new) + np.exp(block.T - new).sum(axis=0)
        largest = new
    return largest + np.log(total)


def two_passes_with_vstack(blocks):
    largest = np.vstack([block.max(axis=1) for block in blocks]).max(axis=0)
    return largest + np.log(sum(np.exp(block.T - largest).sum(axis=0) for block in blocks))


def joined_in_two_lines(blocks):
    columns = np.vstack([block.T for block in blocks]).astype(float)
    largest = columns.max(axis=0)
    return largest + np.log(np.exp(columns - largest).sum(axis=0))


def joined_and_turned_later(blocks):
    turned = [block.transpose() for block in blocks]
    joined = np.vstack(turned)
    whole = joined.transpose().astype(float)
    largest = whole.max(axis=1)
    return largest + np.log(np.exp(whole - largest[:, None]).sum(axis=1))


def top_as_sparse(scores, k):
    largest, places = scores.topk(k, dim=1)
    return torch.zeros_like(scores).scatter(1, places, largest.relu()).to_sparse()


def blocks_as_sparse(lengths):
    return torch.block_diag(*[torch.ones(n, n) for n in lengths.tolist()]).bool().to_sparse()


FOUND = [
    Probe(CODES, "an index kept in a tuple", index_kept_in_a_tuple, "right"),
    Probe(HEADS, "einsum with lists of axes", einsum_with_lists_of_axes, "right"),
    Probe(HEADS, "two blanks in a tuple", blank_in_a_tuple, "not yet attempted"),
    Probe(CODES, "a sparse tensor", top_as_sparse, "right"),
    Probe(MASK, "a sparse tensor", blocks_as_sparse, "right"),
    Probe(LOGSUMEXP, "the new maximum by vstack", new_maximum_by_vstack, "right"),
    Probe(LOGSUMEXP, "maxima by vstack, columns first", two_passes_with_vstack, "right"),
    Probe(LOGSUMEXP, "joined by vstack in two lines", joined_in_two_lines, "wrong"),
    Probe(LOGSUMEXP, "joined by vstack, turned later", joined_and_turned_later, "wrong"),
]

# ── Right, written in other ways ──────────────────────────────────────────────────────────────────


def shares_of(teacher, center):
    return ((teacher - center) / 0.04).softmax(1)


def entropy(variances):
    return torch.distributions.Categorical(probs=variances).entropy()


def owners(lengths):
    return torch.repeat_interleave(torch.arange(len(lengths)), lengths)


def by_strides(tokens, factor):
    grid = tokens.unflatten(1, (math.isqrt(tokens.shape[1]), -1))
    steps = range(factor)
    return torch.cat([grid[:, r::factor, c::factor] for r in steps for c in steps], -1).flatten(
        1, 2
    )


def by_unfold(tokens, factor):
    side = math.isqrt(tokens.shape[1])
    picture = tokens.transpose(1, 2).unflatten(2, (side, side))
    columns = F.unfold(picture, factor, stride=factor).unflatten(1, (tokens.shape[2], factor**2))
    return columns.permute(0, 3, 2, 1).flatten(2)


def around_a_common_mean(images, texts):
    images, texts = normalize(images), normalize(texts)
    middle = (images.mean(0) + texts.mean(0)) / 2
    return [normalize(one - one.mean(0) + middle) for one in (images, texts)]


def counted_only(tokens, counted):
    return tokens.masked_fill(~counted, -100)[:, 1:]


RIGHT = {
    LOGSUMEXP: {
        "logarithms added by log1p": lambda blocks: reduce(
            lambda a, b: np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b))),
            [np.logaddexp.reduce(block, axis=1) for block in blocks],
        ),
    },
    CLASSIFIER: {
        "cosines with the mean": lambda i, p, s: (
            s * F.cosine_similarity(i[:, None], normalize(p, dim=-1).mean(1)[None], dim=-1)
        ).softmax(1),
    },
    RECALL: {
        "both along the picture's axes": lambda m, k: torch.stack(
            [
                (m.topk(k, d).indices == torch.arange(len(m)).unsqueeze(d)).any(d).double().mean()
                for d in (1, 0)
            ]
        ),
    },
    NEAREST: {
        "distances of unit vectors": lambda r, k: torch.cdist(normalize(r), normalize(r)).argsort(
            1
        )[:, 1 : k + 1],
    },
    GAP: {"around a common mean": around_a_common_mean},
    SHUFFLE: {"strides of the grid": by_strides, "torch's unfold": by_unfold},
    PREFIX: {
        "places compared": lambda n, free: (
            torch.arange(n)[None] <= torch.arange(n)[:, None].clamp_min(free - 1)
        ),
    },
    NEXT: {
        "labels rolled": lambda logits, t, c: F.cross_entropy(
            logits.transpose(1, 2), F.pad(counted_only(t, c), (0, 1), value=-100)
        ),
    },
    HIDE: {
        "compared with each other": lambda noise, share: (
            (noise[:, None] < noise[..., None]).sum(2) < round(share * noise.shape[1])
        ),
    },
    DINO: {
        "the trace of a product": lambda s, t, c: (
            -torch.trace(shares_of(t, c) @ (s / 0.1).log_softmax(1).T) / len(s)
        ),
        "in place": lambda s, t, c: (
            -(t.sub_(c).div_(0.04).softmax(1) * s.div_(0.1).log_softmax(1)).sum(1).mean()
        ),
    },
    RANK: {
        "a distribution's entropy": lambda v: entropy(v).exp(),
        "a product of powers": lambda v: 1 / torch.prod((v / v.sum()) ** (v / v.sum())),
        "the sum taken out": lambda v: (
            v.sum() * torch.exp(-torch.special.xlogy(v, v).sum() / v.sum())
        ),
    },
    IOU: {
        "smaller over larger": lambda p, t: (
            torch.minimum(p.int(), t.int()).sum() / torch.maximum(p.int(), t.int()).sum()
        ),
    },
    CENTRE: {
        "in place": lambda f, seen: f.sub_(f[seen].mean(0)).div_(f.norm(dim=1, keepdim=True)),
    },
    NAME: {
        "sought in sorted rows": lambda c: (
            len(c) - torch.searchsorted(c.sort(1).values, c.diagonal()[:, None].contiguous())[:, 0]
        ),
    },
    UNSEEN: {"the largest of products": lambda s, u: (u * s.amax(0)).amax(1) < 1},
    MASK: {
        "buckets of the ends": lambda n: (lambda owner: owner[:, None] == owner)(
            torch.bucketize(torch.arange(int(n.sum())), n.cumsum(0), right=True)
        ),
        "ones that meet": lambda n: (
            F.one_hot(owners(n)).float() @ F.one_hot(owners(n)).float().T > 0
        ),
    },
    CANVAS: {
        "side by side": lambda h, w, c: torch.stack(
            [
                torch.minimum(c[:, 0], c[:, 1] * h / w).clamp(max=h),
                torch.minimum(c[:, 1], c[:, 0] * w / h).clamp(max=w),
            ]
        ).prod(0),
    },
    PARTNERS: {
        "even places masked": lambda k: (
            (normalize(k) @ normalize(k).T)
            .masked_fill(torch.arange(len(k)) % 2 == 0, -2)
            .argmax(1)[::2]
        ),
        "only the partners at length 1": lambda k: (
            2 * (k[::2] @ normalize(k)[1::2].T).argmax(1) + 1
        ),
    },
    COST: {"height and width exchanged": lambda h, w: cost_of(w, h)},
    SWAP: {
        "counts by order": lambda t, f, first: (
            torch.bincount(first, (t > f).double()) / torch.bincount(first)
        ).mean(),
    },
    CODES: {
        "all others at minus infinity": lambda s, k: s.masked_fill(
            s.argsort(1, descending=True).argsort(1) >= k, -torch.inf
        ).relu(),
        "the ReLU first": lambda s, k: torch.zeros_like(s).scatter(
            1, s.relu().topk(k, 1).indices, s.relu().topk(k, 1).values
        ),
    },
}


def cost_of(height, width):
    rows, columns = round(height / 28), round(width / 28)
    if rows * columns > 1280:
        scale = (height * width / (1280 * 28**2)) ** 0.5
        rows, columns = int(height / scale // 28), int(width / scale // 28)
    return rows * columns


# ── Wrong ─────────────────────────────────────────────────────────────────────────────────────────


def moved_by(step):
    """Images minus and texts plus a step that is computed from unit vectors."""

    def move(images, texts):
        images, texts = normalize(images), normalize(texts)
        away = step(images, texts)
        return normalize(images - away), normalize(texts + away)

    return move


def first_maximum(blocks):
    largest = blocks[0].max(1).astype(float)
    with np.errstate(over="ignore"):
        return largest + np.log(sum(np.exp(b - largest[:, None]).sum(1) for b in blocks))


WRONG = {
    LOGSUMEXP: {
        "the first block's maximum": first_maximum,
    },
    CLASSIFIER: {
        "probabilities averaged": lambda i, p, s: (
            (s * torch.einsum("nd,kpd->nkp", normalize(i, dim=-1), normalize(p, dim=-1)))
            .softmax(1)
            .mean(2)
        ),
        "length 1 over the prompts": lambda i, p, s: (
            s * normalize(i) @ normalize(normalize(p).mean(1)).T
        ).softmax(1),
    },
    RECALL: {
        "precision": lambda m, k: [
            float(((x > x.diagonal()[:, None]).sum(1) < k).double().mean()) / k for x in (m, m.T)
        ],
    },
    GAP: {
        "pair by pair": moved_by(lambda images, texts: (images - texts) / 2),
        "a step of length 1": moved_by(
            lambda images, texts: normalize(images.mean(0) - texts.mean(0), dim=0) / 2
        ),
    },
    PREFIX: {
        "a diagonal further up": lambda n, free: torch.ones(n, n).tril(free - 1).bool(),
    },
    NEXT: {
        "word 0 ignored": lambda logits, t, c: F.cross_entropy(
            logits[:, :-1].transpose(1, 2), t.masked_fill(~c, 0)[:, 1:], ignore_index=0
        ),
        "the last word alone": lambda logits, t, c: F.cross_entropy(logits[:, -2], t[:, -1]),
    },
    CROP: {
        "the middle square first": lambda image, size: F.adaptive_avg_pool2d(
            middle_square(image).permute(2, 0, 1), size
        ).permute(1, 2, 0),
    },
    DINO: {
        "the divergence": lambda s, t, c: (
            (shares_of(t, c) * (shares_of(t, c).log() - (s / 0.1).log_softmax(1))).sum(1).mean()
        ),
        "the teacher's favourite alone": lambda s, t, c: (
            -(s / 0.1).log_softmax(1).gather(1, (t - c).argmax(1, keepdim=True)).mean()
        ),
        "every picture with every other": lambda s, t, c: (
            -(shares_of(t, c) @ (s / 0.1).log_softmax(1).T).mean()
        ),
    },
    RANK: {
        "a power of 2 of nats": lambda v: 2 ** entropy(v),
        "divided by the logarithm of all": lambda v: entropy(v) / math.log(len(v)),
    },
    IOU: {
        "the geometric mean of both": lambda p, t: (p & t).sum() / (p.sum() * t.sum()) ** 0.5,
    },
    CENTRE: {
        "the mean at length 1": lambda f, seen: normalize(f - normalize(f[seen].mean(0), dim=0)),
        "only the seen centred": lambda f, seen: normalize(
            f.index_copy(0, seen, f[seen] - f[seen].mean(0))
        ),
    },
    NAME: {
        "a tie in the middle": lambda c: (
            (c > c.diagonal()[:, None]).sum(1) + ((c == c.diagonal()[:, None]).sum(1) + 1) / 2
        ),
        "against the column's own": lambda c: (c >= c.diagonal()).sum(1),
    },
    UNSEEN: {
        "unlike every seen name": lambda s, u: [not any(torch.equal(a, b) for b in s) for a in u],
    },
    MASK: {
        "lengths compared": lambda n: (
            torch.repeat_interleave(n, n)[:, None] == torch.repeat_interleave(n, n)
        ),
        "neighbours too": lambda n: (owners(n)[:, None] - owners(n)).abs() <= 1,
    },
    CANVAS: {
        "each side cut": lambda h, w, c: c[:, 0].clamp(max=h) * c[:, 1].clamp(max=w),
        "sides rounded down": lambda h, w, c: torch.tensor(
            [
                float(min(int(h * min(a / h, b / w)) * int(w * min(a / h, b / w)), h * w))
                for a, b in c.tolist()
            ]
        ),
    },
    PARTNERS: {
        "the sign lost": lambda k: (
            2 * (normalize(k)[::2] @ normalize(k)[1::2].T).abs().argmax(1) + 1
        ),
    },
    COST: {
        "the limit of the pixels": lambda h, w: (
            math.floor(h / (h * w / 1_003_520) ** 0.5 / 28)
            * math.floor(w / (h * w / 1_003_520) ** 0.5 / 28)
            if h * w > 1_003_520
            else round(h / 28) * round(w / 28)
        ),
    },
    SWAP: {
        "half a point for a tie": lambda t, f, first: (
            sum(((t > f).double() + (t == f) / 2)[first == order].mean() for order in (0, 1)) / 2
        ),
        "the weaker order": lambda t, f, first: min(
            (t > f)[first == order].double().mean() for order in (0, 1)
        ),
    },
    HEADS: {
        "the cosine without the head": lambda h, r, t: (
            F.cosine_similarity(h.sum(0) + r, t, 0)
            - torch.stack([F.cosine_similarity(h.sum(0) + r - one, t, 0) for one in h])
        ),
        "the lengths added": lambda h, r, t: h @ t / (h.norm(dim=1).sum() + r.norm()),
    },
    CODES: {
        "above the least of k": lambda s, k: s.relu() * (s > s.topk(k, 1).values[:, -1:]),
        "shares of the k": lambda s, k: torch.zeros_like(s).scatter(
            1, s.topk(k, 1).indices, s.topk(k, 1).values.softmax(1)
        ),
    },
}


def middle_square(image):
    side = min(image.shape[:2])
    top, left = ((whole - side) // 2 for whole in image.shape[:2])
    return image[top : top + side, left : left + side]


PROBES = [
    *FOUND,
    *(Probe(name, what, a, "right") for name, some in RIGHT.items() for what, a in some.items()),
    *(Probe(name, what, a, "wrong") for name, some in WRONG.items() for what, a in some.items()),
]
