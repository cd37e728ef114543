"""Wrong answers of a fourth referee to the exercises of notebooks 09 to 17.

Some were taken for right; of others the check could show no inputs that a learner would redo by
hand. None may be taken for another mistake; what is another way to a mistake with a name stands in
NAMED.
"""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

ANSWERS: dict[str, list[tuple]] = {}


def online(blocks):
    return functools.reduce(np.logaddexp, [column for b in blocks for column in b.T.astype(float)])


def in_base(base):
    return lambda blocks: online(blocks) / np.log(base)


ANSWERS["Log-sum-exp, one block at a time"] = [
    ("base 2", in_base(2)),
    ("base 10", in_base(10)),
    ("the last block left out", lambda blocks: online(blocks[:-1])),
    ("the first block twice", lambda blocks: online([*blocks, blocks[0]])),
    (
        "the mean of the powers",
        lambda blocks: online(blocks) - np.log(sum(len(b.T) for b in blocks)),
    ),
    (
        "clipped at 700",
        lambda blocks: np.log(sum(np.exp(b.astype(float).clip(-700, 700)).sum(1) for b in blocks)),
    ),
]


def recall(similarity, k):
    own = torch.arange(len(similarity))[:, None]
    found = [(one.topk(k, 1).indices == own).any(1) for one in (similarity, similarity.T)]
    return [one.double().mean().item() for one in found]


ANSWERS["Recall@k both ways"] = [
    ("the symmetric part", lambda s, k: recall(s + s.T, k)),
    ("absolute similarities", lambda s, k: recall(s.abs(), k)),
    ("the better of both, twice", lambda s, k: [max(recall(s, k))] * 2),
]


def words(logits, tokens):
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")


ANSWERS["The loss of the next word"] = [
    ("divided by all words", lambda x, t, c: (words(x, t) * c[:, 1:]).mean()),
    ("perplexity", lambda x, t, c: words(x, t)[c[:, 1:]].mean().exp()),
    ("bits", lambda x, t, c: words(x, t)[c[:, 1:]].mean() / math.log(2)),
]


def shrunk(image, size):
    factor = min(image.shape[:2]) // size
    rows, columns = (side // factor for side in image.shape[:2])
    blocks = image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, 3)
    return blocks.mean((1, 3))


def cropped(small, size):
    top, left = (small.shape[0] - size) // 2, (small.shape[1] - size) // 2
    return small[top : top + size, left : left + size]


ANSWERS["Resize and crop as CLIP does"] = [
    ("the last corner", lambda image, size: shrunk(image, size)[-size:, -size:]),
    (
        "blocks from the end",
        lambda image, size: cropped(shrunk(image.flip(0, 1), size), size).flip(0, 1),
    ),
    ("one mean", lambda image, size: image.mean((0, 1)).expand(size, size, 3)),
    ("black and white", lambda image, size: cropped(shrunk(image, size), size).mean(-1)),
]


def ranks(noise):
    return noise.argsort(1).argsort(1)


ANSWERS["Hide a share of the patches"] = [
    ("count rounded down", lambda noise, share: ranks(noise) < int(share * noise.shape[1])),
    ("count rounded up", lambda noise, share: ranks(noise) < math.ceil(share * noise.shape[1])),
    ("half of them", lambda noise, share: ranks(noise) < noise.shape[1] // 2),
    ("below the mean", lambda noise, share: noise < noise.mean(1, keepdim=True)),
    ("up to the median", lambda noise, share: noise <= noise.median(1, keepdim=True).values),
]


def dino(student, teacher, center, sharp=0.04, cool=0.1):
    return (
        -(((teacher - center) / sharp).softmax(1) * (student / cool).log_softmax(1)).sum(1).mean()
    )


ANSWERS["DINO's loss"] = [
    ("one centre for all outputs", lambda s, t, c: dino(s, t, c.mean())),
    ("centred on the batch", lambda s, t, c: dino(s, t, t.mean(0))),
    ("centre taken off twice", lambda s, t, c: dino(s, t, 2 * c)),
    ("the student at 1", lambda s, t, c: dino(s, t, c, cool=1)),
    (
        "mean and sum exchanged",
        lambda s, t, c: -(((t - c) / 0.04).softmax(1) * (s / 0.1).log_softmax(1)).mean(1).sum(),
    ),
]
ANSWERS["The rank of the right name"] = [
    (
        "a place in the sorted row",
        lambda c: c.argsort(dim=1, descending=True, stable=True).argsort(1).diagonal() + 1,
    ),
    ("the diagonal along the columns", lambda c: (c >= c.diagonal()).sum(1)),
    ("one more", lambda c: (c >= c.diagonal()[:, None]).sum(1) + 1),
]


def known(seen):
    return seen.sum(0)


ANSWERS["Names without a seen word"] = [
    ("words of all seen names", lambda s, u: ~((u > 0) & (s.amin(0) > 0)).any(1)),
    ("words seen twice", lambda s, u: ~((u > 0) & (known(s) > 1)).any(1)),
    ("more new words than half", lambda s, u: ((u > 0) & (known(s) == 0)).sum(1) * 2 > u.sum(1)),
    ("none in common with the first", lambda s, u: ((u * s[0]) == 0).all(1)),
]


def cells_scaled(height, width):
    rows, columns = round(height / 28), round(width / 28)
    if rows * columns <= 1280:
        return rows * columns
    scale = math.sqrt(rows * columns / 1280)
    return math.floor(rows / scale) * math.floor(columns / scale)


ANSWERS["What a picture costs"] = [
    ("the scale of the rounded cells", cells_scaled),
    ("the area in cells", lambda height, width: min(1280, round(height * width / 784))),
]


def balanced(hits, first):
    return (hits[first == 0].mean() + hits[first == 1].mean()) / 2


ANSWERS["A fair swap test"] = [
    ("a margin of 0.05", lambda t, f, o: balanced((t > f + 0.05).float(), o)),
    ("a tie is half a success", lambda t, f, o: balanced((t > f) + (t == f) / 2, o)),
    (
        "the worse of both orders",
        lambda t, f, o: min((t > f)[o == k].float().mean() for k in (0, 1)),
    ),
]
ANSWERS["A head's part of the score"] = [
    ("the length squared", lambda h, r, t: h @ t / (h.sum(0) + r).square().sum()),
    ("the rest taken off", lambda h, r, t: (h - r) @ t / (h.sum(0) + r).norm()),
    ("each head with the rest", lambda h, r, t: h @ t / (h + r).norm(dim=1)),
    ("the sum of the lengths", lambda h, r, t: h @ t / (h.norm(dim=1).sum() + r.norm())),
]
ANSWERS["Sparse codes"] = [
    ("argsort once", lambda s, k: s.relu() * (s.argsort(1, descending=True) < k)),
    ("less the k-th", lambda s, k: (s - s.topk(k, 1).values[:, -1:]).relu()),
    ("one too few", lambda s, k: s.relu() * ((-s).argsort(1).argsort(1) < k - 1)),
]
NAMED = {("DINO's loss", "one centre for all outputs"): "centring forgotten"}

PROBES = [
    Probe(exercise, f"fourth referee: {what}", answer, "mistake" if named else "wrong", named)
    for exercise, tried in ANSWERS.items()
    for what, answer in tried
    for named in [NAMED.get((exercise, what), "")]
]
