"""Answers of a sixth referee to the exercises of notebooks 10 to 13."""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

(
    CLASSIFIER,
    RECALL,
    PLANE,
    NEAREST,
    GAP,
    SHUFFLE,
    TOKENS,
    MASK,
    LOSS,
    CROP,
    SCORES,
    WEIGHTS,
    DAYS,
) = (
    "A zero-shot classifier from features",
    "Recall@k both ways",
    "PCA to two dimensions",
    "Nearest neighbours by cosine",
    "Close the modality gap",
    "Pixel shuffle",
    "The picture in LLaVA-1.5's prompt",
    "The mask of a picture before words",
    "The loss of the next word",
    "Resize and crop as CLIP does",
    "From vectors to probabilities, for CLIP and for SigLIP",
    "The weights of SO400M's patch embedding",
    "The GPU-days of the largest CLIP ResNet",
)


def unit(x, dim=-1):
    return F.normalize(x, dim=dim)


# ── 10 ────────────────────────────────────────────────────────────────────────────────────────────


def classes_of(prompts):
    return unit(unit(prompts).mean(1))


def classified(images, classes, scale):
    return (scale * images @ classes.T).softmax(1)


def classes_one_by_one(images, prompts, scale):
    columns = []
    for each in prompts:
        total = torch.zeros_like(each[0])
        for prompt in each:
            total += prompt / prompt.dot(prompt).sqrt()
        columns.append((images @ total) / images.norm(dim=1) / total.norm())
    powers = (scale * torch.stack(columns, 1)).exp()
    return powers / powers.sum(1, keepdim=True)


def running_mean(images, prompts, scale):
    mean = unit(prompts[:, 0])
    for at in range(1, prompts.shape[1]):
        mean = (mean + unit(prompts[:, at])) / 2
    return classified(unit(images), unit(mean), scale)


def leave_the_worst_out(images, prompts, scale):
    prompts = unit(prompts)
    agree = (prompts @ unit(prompts.mean(1))[..., None])[..., 0]
    keep = agree.argmax(1)
    return classified(unit(images), prompts[torch.arange(len(prompts)), keep], scale)


def shares(similarity, k):
    own = torch.arange(len(similarity))[:, None]
    return [
        (one.topk(k, 1).indices == own).any(1).double().mean().item()
        for one in (similarity, similarity.T)
    ]


def one_by_one(similarity, k):
    found = np.zeros(2)
    for i in range(len(similarity)):
        row = sorted(similarity[i].tolist(), reverse=True)
        column = sorted((r[i].item() for r in similarity), reverse=True)
        found += [similarity[i, i].item() in row[:k], similarity[i, i].item() in column[:k]]
    return found / len(similarity)


# ── 11 ────────────────────────────────────────────────────────────────────────────────────────────


def turned(points):
    return points * points[points.abs().argmax(0), torch.arange(points.shape[1])].sign()


def middle(rows):
    return rows - rows.mean(0)


def vh(rows):
    return torch.linalg.svd(rows, full_matrices=False).Vh


def by_gram(rows):
    values, vectors = torch.linalg.eigh(middle(rows).double() @ middle(rows).double().T)
    return turned(vectors[:, -2:].flip(1) * values[-2:].flip(0).sqrt())


def by_distances(rows):
    squares = torch.cdist(rows.double(), rows.double()) ** 2
    gram = -(squares - squares.mean(0) - squares.mean(1, keepdim=True) + squares.mean()) / 2
    values, vectors = torch.linalg.eigh(gram)
    return turned(vectors[:, -2:].flip(1) * values[-2:].flip(0).clamp(min=0).sqrt())


def by_powers(rows):
    left, found = middle(rows).double(), []
    cloud = left.clone()
    for _ in range(2):
        direction = torch.ones(cloud.shape[1], dtype=torch.float64)
        for _ in range(3000):
            direction = unit(left.T @ (left @ direction), 0)
        found.append(cloud @ direction)
        left = left - (left @ direction)[:, None] * direction
    return turned(torch.stack(found, 1)).float()


def by_sklearn(rows):
    from sklearn.decomposition import PCA

    return turned(torch.from_numpy(PCA(2).fit_transform(rows.numpy())))


def by_numpy(rows):
    cloud = rows.numpy().astype(float) - rows.numpy().mean(0, dtype=float)
    values, vectors = np.linalg.eig(np.cov(cloud.T))
    return turned(torch.from_numpy(cloud @ vectors[:, np.argsort(-values)[:2]])).tolist()


def sides(rows, power):
    left, widths, _ = torch.linalg.svd(middle(rows), full_matrices=False)
    return turned(left[:, :2] * widths[:2] ** power)


def cosines(rows):
    return unit(rows) @ unit(rows).T


def without_itself(rows, k):
    found = []
    for i, row in enumerate(rows):
        others = torch.cat([rows[:i], rows[i + 1 :]])
        found.append(F.cosine_similarity(row[None], others).topk(k).indices)
    return torch.stack(found)


def shifted_back(rows, k):
    places = without_itself(rows, k)
    return places + (places >= torch.arange(len(rows))[:, None])


def by_tree(rows, k):
    from sklearn.neighbors import NearestNeighbors

    points = unit(rows).numpy()
    return NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)


def moved(images, texts, gap, first=0.5, second=0.5):
    return unit(images - first * gap), unit(texts + second * gap)


def gap_of(images, texts):
    return images.mean(0) - texts.mean(0)


def again_and_again(images, texts):
    images, texts = unit(images), unit(texts)
    for _ in range(20):
        images, texts = moved(images, texts, gap_of(images, texts))
    return images, texts


def met_in_the_middle(images, texts):
    clouds = [unit(cloud.double()) for cloud in (images, texts)]
    point = sum(cloud.sum(0) / len(cloud) for cloud in clouds) / 2
    return torch.stack([unit(cloud - cloud.mean(0) + point) for cloud in clouds])


# ── 12 ────────────────────────────────────────────────────────────────────────────────────────────


def grid(tokens):
    side = math.isqrt(tokens.shape[1])
    return tokens.unflatten(1, (side, side))


def slices(tokens, factor, order=lambda places: places):
    cells = grid(tokens)
    places = [(down, right) for down in range(factor) for right in range(factor)]
    parts = [cells[:, down::factor, right::factor] for down, right in order(places)]
    return torch.cat(parts, -1).flatten(1, 2)


def by_unshuffle(tokens, factor):
    picture = grid(tokens).permute(0, 3, 1, 2)
    small = F.pixel_unshuffle(picture, factor)
    return small.unflatten(1, (tokens.shape[2], -1)).transpose(1, 2).flatten(1, 2).flatten(2).mT


def by_index(tokens, factor):
    side = math.isqrt(tokens.shape[1])
    numbers = np.arange(side * side).reshape(side, side)
    blocks = [
        numbers[y : y + factor, x : x + factor].ravel()
        for y in range(0, side, factor)
        for x in range(0, side, factor)
    ]
    return torch.stack([tokens[:, block].flatten(1) for block in blocks], 1)


def overlapping(tokens, factor):
    cells = grid(tokens)
    side = cells.shape[1] // factor
    parts = [
        cells[:, down : down + side, right : right + side]
        for down in range(factor)
        for right in range(factor)
    ]
    return torch.cat(parts, -1).flatten(1, 2)


def looks(length, num_free):
    row, column = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
    return row, column, (row >= column) | ((row < num_free) & (column < num_free))


def by_hand(length, num_free):
    return [[j <= i or max(i, j) < num_free for j in range(length)] for i in range(length)]


def each(logits, tokens):
    return F.cross_entropy(logits[:, :-1].mT, tokens[:, 1:], reduction="none")


def word_by_word(logits, tokens, counted):
    costs = []
    for b in range(len(tokens)):
        for at in range(1, tokens.shape[1]):
            if counted[b, at]:
                scores = logits[b, at - 1].double()
                costs.append(scores.exp().sum().log() - scores[tokens[b, at]])
    return sum(costs) / len(costs)


def rolled(logits, tokens, counted):
    costs = F.cross_entropy(logits.mT, tokens.roll(-1, 1), reduction="none")
    return costs[counted.roll(-1, 1)].mean()


def categorical(logits, tokens, counted):
    words = torch.distributions.Categorical(logits=logits[:, :-1])
    return -words.log_prob(tokens[:, 1:])[counted[:, 1:]].mean()


def one_hot(logits, tokens, counted):
    wanted = F.one_hot(tokens, logits.shape[-1]).float() * counted[..., None]
    costs = torch.einsum("blv,blv->", -logits[:, :-1].log_softmax(-1), wanted[:, 1:])
    return costs / counted.sum()


# ── 13 ────────────────────────────────────────────────────────────────────────────────────────────


def pooled(image, factor):
    return F.avg_pool2d(image.permute(2, 0, 1)[None], factor)[0].permute(1, 2, 0)


def centred(image, size, half=lambda more: more // 2):
    top, left = (half(side - size) for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def factor_of(image, size):
    return min(image.shape[:2]) // size


def trimmed_on_both_sides(image, size):
    factor = factor_of(image, size)
    top, left = (side % factor // 2 for side in image.shape[:2])
    return centred(pooled(image[top:, left:], factor), size)


def first_leftovers_cut(image, size):
    factor = factor_of(image, size)
    top, left = (side % factor for side in image.shape[:2])
    return centred(pooled(image[top:, left:], factor), size)


def square_first(image, size):
    side = min(image.shape[:2])
    return centred(pooled(centred(image, side), side // size), size)


def cut_before(image, size):
    factor = factor_of(image, size)
    top, left = ((side // factor - size) // 2 * factor for side in image.shape[:2])
    part = image[top : top + size * factor, left : left + size * factor]
    return F.interpolate(part.permute(2, 0, 1)[None], size=(size, size), mode="area")[0].permute(
        1, 2, 0
    )


def by_running_sums(image, size):
    factor = factor_of(image, size)
    sums = F.pad(image.double().cumsum(0).cumsum(1), (0, 0, 1, 0, 1, 0))
    rows, columns = (
        torch.arange(0, side // factor * factor + 1, factor) for side in image.shape[:2]
    )
    corners = sums[rows][:, columns]
    blocks = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    return centred(blocks / factor**2, size)


def by_convolution(image, size):
    factor = factor_of(image, size)
    kernel = torch.full((3, 1, factor, factor), 1 / factor**2)
    small = F.conv2d(image.permute(2, 0, 1)[None], kernel, stride=factor, groups=3)
    return centred(small[0].permute(1, 2, 0), size).numpy()


def read(logits, bias):
    return logits.softmax(1) if bias is None else torch.sigmoid(logits)


def with_nothing(images, texts, scale, bias):
    logits = scale * images @ texts.T
    if bias is not None:
        return torch.sigmoid(logits + bias)
    return torch.cat([logits, torch.zeros(len(logits), 1)], 1).softmax(1)[:, :-1]


def two_classes(images, texts, scale, bias):
    logits = scale * images @ texts.T
    if bias is None:
        return torch.exp(logits - logits.logsumexp(1, keepdim=True))
    return torch.stack([logits + bias, torch.zeros_like(logits)]).softmax(0)[0]


def by_tanh(images, texts, scale, bias):
    logits = scale * F.cosine_similarity(images[:, None], texts[None], dim=-1)
    return logits.softmax(-1) if bias is None else (1 + torch.tanh((logits + bias) / 2)) / 2


PATCH = 14 * 14 * 3 * 1152

WRONG = {
    CLASSIFIER: {
        "all images by one length": lambda i, p, s: classified(i / i.norm(), classes_of(p), s),
        "lengths without the root": lambda i, p, s: classified(
            i / i.square().sum(1, keepdim=True), classes_of(p), s
        ),
        "sum of the sizes for the length": lambda i, p, s: classified(
            F.normalize(i, p=1, dim=1), classes_of(p), s
        ),
        "largest entry for the length": lambda i, p, s: classified(
            unit(i), F.normalize(F.normalize(p, p=math.inf, dim=-1).mean(1), dim=1), s
        ),
        "scale added": lambda i, p, s: (unit(i) @ classes_of(p).T + s).softmax(1),
        "logarithm of the scale": lambda i, p, s: classified(unit(i), classes_of(p), math.log(s)),
        "a running mean": running_mean,
        "the most typical prompt": leave_the_worst_out,
        "angles": lambda i, p, s: (-s * (unit(i) @ classes_of(p).T).clamp(-1, 1).arccos()).softmax(
            1
        ),
        "cosines squared": lambda i, p, s: (s * (unit(i) @ classes_of(p).T) ** 2).softmax(1),
        "classes centred": lambda i, p, s: classified(
            unit(i), unit(classes_of(p) - classes_of(p).mean(0)), s
        ),
        "powers of two": lambda i, p, s: (math.log(2) * s * unit(i) @ classes_of(p).T).softmax(1),
        "shares of the cosines": lambda i, p, s: F.normalize(
            (unit(i) @ classes_of(p).T).clamp(min=0), p=1, dim=1
        ),
        "both softmaxes halved": lambda i, p, s: (
            (classified(unit(i), classes_of(p), s) + (s * unit(i) @ classes_of(p).T).softmax(0)) / 2
        ),
    },
    RECALL: {
        "sum of both": lambda m, k: [sum(shares(m, k))] * 2,
        "product of both": lambda m, k: [math.prod(shares(m, k))] * 2,
        "half rounded": lambda m, k: [round(share, 1) for share in shares(m, k)],
        "whole numbers": lambda m, k: [int(share) for share in shares(m, k)],
        "rows centred": lambda m, k: shares(m - m.mean(1, keepdim=True), k),
        "columns of length 1": lambda m, k: shares(unit(m, 0), k),
        "twice k": lambda m, k: shares(m, 2 * k),
        "above the mean of its row": lambda m, k: [
            (one.diagonal() > one.mean(1)).double().mean().item() for one in (m, m.T)
        ],
        "cross-entropy": lambda m, k: [
            F.cross_entropy(one, torch.arange(len(one))).item() for one in (m, m.T)
        ],
        "anybody's partner": lambda m, k: [
            len(set(one.topk(k, 1).indices.flatten().tolist())) / len(one) for one in (m, m.T)
        ],
        "one of N too few": lambda m, k: [share * len(m) / (len(m) - 1) for share in shares(m, k)],
        "divided by k twice": lambda m, k: [share / k**2 for share in shares(m, k)],
    },
    PLANE: {
        "never turned": lambda r: -turned(middle(r) @ vh(middle(r))[:2].T),
        "a thousandth wider": lambda r: 1.001 * turned(middle(r) @ vh(middle(r))[:2].T),
        "turned by the first point": lambda r: (lambda p: -p * p[:1].sign())(
            middle(r) @ vh(middle(r))[:2].T
        ),
        "directions of the rows, centred points": lambda r: turned(middle(r) @ vh(r)[:2].T),
        "directions of the scaled columns": lambda r: turned(
            middle(r) @ vh(middle(r) / r.std(0))[:2].T
        ),
        "centred twice, both ways": lambda r: (lambda x: turned(x @ vh(x)[:2].T))(
            middle(r) - middle(r).mean(1, keepdim=True)
        ),
        "the two widest columns": lambda r: turned(
            middle(r)[:, r.var(0).argsort(descending=True)[:2]]
        ),
        "largest two of eigh, unturned order": lambda r: turned(
            middle(r) @ torch.linalg.eigh(middle(r).T @ middle(r)).eigenvectors[:, -2:]
        ),
        "root of the widths": lambda r: sides(r, 0.5),
        "square of the widths": lambda r: sides(r, 2),
        "from 0 to 1": lambda r: (lambda p: (p - p.amin(0)) / (p.amax(0) - p.amin(0)))(
            turned(middle(r) @ vh(middle(r))[:2].T)
        ),
        "divided by the root of N": lambda r: (
            turned(middle(r) @ vh(middle(r))[:2].T) / len(r) ** 0.5
        ),
        "the mean put back": lambda r: (
            turned(middle(r) @ vh(middle(r))[:2].T) + (r.mean(0) @ vh(middle(r))[:2].T)
        ),
        "last two directions of Vh": lambda r: turned(middle(r) @ vh(middle(r))[-2:].T),
        "covariance without the mean": lambda r: turned(
            r @ torch.linalg.eigh(r.T @ r).eigenvectors.flip(1)[:, :2] * 2
        ),
        "first point for the origin": lambda r: turned((r - r[0]) @ vh(r - r[0])[:2].T),
    },
    NEAREST: {
        "numbers of the others alone": without_itself,
        "without the first of k + 1 products": lambda r, k: (r @ r.T).topk(k + 1, 1).indices[:, 1:],
        "sum of the sizes for the length": lambda r, k: (
            (F.normalize(r, p=1, dim=1) @ F.normalize(r, p=1, dim=1).T)
            .fill_diagonal_(-torch.inf)
            .topk(k, 1)
            .indices
        ),
        "lengths without the root": lambda r, k: (
            (lambda x: x @ x.T)(r / r.square().sum(1, keepdim=True))
            .fill_diagonal_(-torch.inf)
            .topk(k, 1)
            .indices
        ),
        "lower half alone": lambda r, k: (
            (cosines(r).masked_fill(torch.ones(len(r), len(r)).triu().bool(), -torch.inf))
            .topk(k, 1)
            .indices
        ),
        "nearest of the row's neighbour": lambda r, k: (
            cosines(r).fill_diagonal_(-torch.inf).topk(k, 1).indices.roll(1, 0)
        ),
        "ranks": lambda r, k: cosines(r).argsort(1, descending=True).argsort(1)[:, 1 : k + 1],
        "k + 1 neighbours": lambda r, k: (
            cosines(r).fill_diagonal_(-torch.inf).topk(min(k + 1, len(r)), 1).indices
        ),
        "one neighbour, k times": lambda r, k: (
            cosines(r).fill_diagonal_(-torch.inf).argmax(1, keepdim=True).expand(-1, k)
        ),
        "a mask": lambda r, k: cosines(r) >= cosines(r).topk(k, 1).values[:, -1:],
        "minus the mean cosine": lambda r, k: (
            (cosines(r) - cosines(r).mean(0)).fill_diagonal_(-torch.inf).topk(k, 1).indices
        ),
        "largest distance of unit vectors": lambda r, k: (
            torch.cdist(unit(r), unit(r)).fill_diagonal_(torch.inf).topk(k, 1).indices
        ),
    },
    GAP: {
        "unit gap": lambda i, t: moved(unit(i), unit(t), unit(gap_of(unit(i), unit(t)), 0)),
        "gap of the raw features": lambda i, t: moved(unit(i), unit(t), gap_of(i, t)),
        "columns of length 1 at the start": lambda i, t: moved(
            unit(i, 0), unit(t, 0), gap_of(unit(i, 0), unit(t, 0))
        ),
        "only the images of length 1 at the end": lambda i, t: (
            moved(unit(i), unit(t), gap_of(unit(i), unit(t)))[0],
            unit(t) + gap_of(unit(i), unit(t)) / 2,
        ),
        "only the texts of length 1 at the start": lambda i, t: moved(
            i, unit(t), gap_of(i, unit(t))
        ),
        "again and again": again_and_again,
        "root of one half": lambda i, t: moved(
            unit(i), unit(t), gap_of(unit(i), unit(t)), 0.5**0.5, 0.5**0.5
        ),
        "a third each": lambda i, t: moved(
            unit(i), unit(t), gap_of(unit(i), unit(t)), 1 / 3, 1 / 3
        ),
        "two thirds and one": lambda i, t: moved(
            unit(i), unit(t), gap_of(unit(i), unit(t)), 2 / 3, 1 / 3
        ),
        "projected out": lambda i, t: (
            lambda i, t, g: (unit(i - (i @ g)[:, None] * g), unit(t - (t @ g)[:, None] * g))
        )(unit(i), unit(t), unit(gap_of(unit(i), unit(t)), 0)),
        "both to the images' mean": lambda i, t: (
            unit(i),
            unit(unit(t) + gap_of(unit(i), unit(t))),
        ),
        "second step after the first": lambda i, t: (lambda i, t: (i, unit(t + gap_of(i, t) / 2)))(
            unit(unit(i) - gap_of(unit(i), unit(t)) / 2), unit(t)
        ),
        "the means alone": lambda i, t: (unit(i).mean(0), unit(t).mean(0)),
        "columns of length 1 at the end": lambda i, t: tuple(
            unit(cloud, 0)
            for cloud in (
                unit(i) - gap_of(unit(i), unit(t)) / 2,
                unit(t) + gap_of(unit(i), unit(t)) / 2,
            )
        ),
    },
    SHUFFLE: {
        "slices in another order": lambda t, f: slices(t, f, lambda p: p[1:] + p[:1]),
        "slices from the last": lambda t, f: slices(t, f, lambda p: p[::-1]),
        "overlapping blocks": overlapping,
        "even columns first": lambda t, f: slices(t, f)[
            ..., torch.arange(f * f * t.shape[2]) * 2 % max(f * f * t.shape[2] - 1, 1)
        ],
        "grid turned by 90 degrees": lambda t, f: slices(
            torch.rot90(grid(t), 1, (1, 2)).flatten(1, 2), f
        ),
        "grid mirrored": lambda t, f: slices(grid(t).flip(2).flatten(1, 2), f),
        "first row of each block": lambda t, f: slices(t, f)[..., : f * t.shape[2]],
        "moved by one row": lambda t, f: slices(grid(t).roll(1, 1).flatten(1, 2), f),
        "less the mean of the block": lambda t, f: (
            slices(t, f) - slices(t, f).unflatten(2, (f * f, -1)).mean(2).repeat(1, 1, f * f)
        ),
        "a list of slices": lambda t, f: [
            grid(t)[:, y::f, x::f].flatten(1, 2) for y in range(f) for x in range(f)
        ],
        "pooled by the maximum, repeated": lambda t, f: (
            slices(t, f).unflatten(2, (f * f, -1)).amax(2).repeat(1, 1, f * f)
        ),
        "batch and blocks exchanged": lambda t, f: slices(t, f).transpose(0, 1),
        "one token": lambda t, f: t.flatten(1)[:, None],
    },
    TOKENS: {
        f"{value!r}": value
        for value in (
            48,
            289,
            625,
            588,
            24**3,
            1176,
            2880,
            2928,
            112896,
            23 * 23,
            25 * 25,
            "24 x 24",
            (24, 24),
            576.4,
        )
    },
    MASK: {
        "words see themselves alone": lambda n, k: (
            looks(n, k)[2] & ((looks(n, k)[0] < k) | (looks(n, k)[0] == looks(n, k)[1]))
        ),
        "the word before alone": lambda n, k: (
            looks(n, k)[2] & ((looks(n, k)[1] < k) | (looks(n, k)[0] - looks(n, k)[1] == 1))
        ),
        "prefix sees one word": lambda n, k: (
            looks(n, k)[2] | ((looks(n, k)[0] < k) & (looks(n, k)[1] == k))
        ),
        "words see the next one": lambda n, k: (
            looks(n, k)[2] | (looks(n, k)[1] - looks(n, k)[0] == 1)
        ),
        "prefix up to and with num_free": lambda n, k: (
            (looks(n, k)[0] >= looks(n, k)[1]) | ((looks(n, k)[0] <= k) & (looks(n, k)[1] <= k))
        ),
        "prefix without itself": lambda n, k: (
            looks(n, k)[2] & ~((looks(n, k)[0] == looks(n, k)[1]) & (looks(n, k)[0] < k))
        ),
        "words without themselves": lambda n, k: (
            looks(n, k)[2] & ~((looks(n, k)[0] == looks(n, k)[1]) & (looks(n, k)[0] >= k))
        ),
        "a row too many": lambda n, k: torch.cat([looks(n, k)[2], looks(n, k)[2][-1:]]),
        "bytes": lambda n, k: looks(n, k)[2].to(torch.uint8),
        "every second free": lambda n, k: (
            (looks(n, k)[0] >= looks(n, k)[1]) | (looks(n, k)[1] % 2 == 0)
        ),
        "prefix blind to itself": lambda n, k: (
            (looks(n, k)[0] >= looks(n, k)[1]) & ~((looks(n, k)[0] < k) & (looks(n, k)[1] < k))
        ),
        "a sum of two masks": lambda n, k: (
            (looks(n, k)[0] >= looks(n, k)[1]).float()
            + ((looks(n, k)[0] < k) & (looks(n, k)[1] < k))
        ),
    },
    LOSS: {
        "bfloat16": lambda x, t, c: categorical(x, t, c).bfloat16(),  # near a mistake, and told so
        "counted stays, the rest is rolled": lambda x, t, c: F.cross_entropy(
            x.mT, t.roll(-1, 1), reduction="none"
        )[c].mean(),
        "temperature of two": lambda x, t, c: each(x / 2, t)[c[:, 1:]].mean(),
        "square of the miss": lambda x, t, c: (
            (x[:, :-1].softmax(-1) - F.one_hot(t[:, 1:], x.shape[-1]))
            .square()
            .sum(-1)[c[:, 1:]]
            .mean()
        ),
        "one minus P": lambda x, t, c: (1 - (-each(x, t)[c[:, 1:]]).exp()).mean(),
        "binary": lambda x, t, c: F.binary_cross_entropy_with_logits(
            x[:, :-1][c[:, 1:]], F.one_hot(t[:, 1:][c[:, 1:]], x.shape[-1]).to(x)
        ),
        "least": lambda x, t, c: each(x, t)[c[:, 1:]].min(),
        "root of the mean square": lambda x, t, c: each(x, t)[c[:, 1:]].square().mean().sqrt(),
        "divided by the batch and the length": lambda x, t, c: (
            (each(x, t) * c[:, 1:]).sum() / t.numel()
        ),
        "last word left out": lambda x, t, c: each(x, t)[:, :-1][c[:, 1:-1]].mean(),
        "question before the answer as well": lambda x, t, c: each(x, t)[
            c[:, 1:] | c[:, 1:].roll(-1, 1)
        ].mean(),
        "answers alone in the logits": lambda x, t, c: F.cross_entropy(
            (x * c[..., None])[:, :-1][c[:, 1:]], t[:, 1:][c[:, 1:]]
        ),
        "first row alone": lambda x, t, c: each(x, t)[0][c[0, 1:]].mean() + 0.0 * len(t),
        "log of the sum alone": lambda x, t, c: x[:, :-1].logsumexp(-1)[c[:, 1:]].mean(),
        "words of the batch mixed": lambda x, t, c: each(x, t.flip(1))[c[:, 1:]].mean(),
    },
    CROP: {
        "leftovers cut on both sides": trimmed_on_both_sides,
        "leftovers cut at the beginning": first_leftovers_cut,
        "a square first": square_first,
        "factor of the rows": lambda i, s: centred(pooled(i, max(i.shape[0] // s, 1)), s),
        "factor of the columns": lambda i, s: centred(
            pooled(i, min(max(i.shape[1] // s, 1), i.shape[0])), s
        ),
        "offset rounded to even": lambda i, s: centred(
            pooled(i, factor_of(i, s)), s, lambda more: round(more / 2)
        ),
        "one pixel off": lambda i, s: pooled(i, factor_of(i, s)).roll(1, 1)[:s, :s],
        "whole numbers": lambda i, s: centred(pooled(i, factor_of(i, s)), s).round(),
        "upside down": lambda i, s: centred(pooled(i, factor_of(i, s)), s).flip(0) + 0.01,
        "colours exchanged": lambda i, s: centred(pooled(i, factor_of(i, s)), s).flip(2),
        "shrunk by half": lambda i, s: centred(pooled(i, 2 if min(i.shape[:2]) > 1 else 1), s),
        "nearest": lambda i, s: F.interpolate(i.permute(2, 0, 1)[None], size=(s, s))[0].permute(
            1, 2, 0
        ),
        "padded to a square": lambda i, s: F.adaptive_avg_pool2d(
            F.pad(
                i.permute(2, 0, 1)[None],
                (0, max(i.shape[0] - i.shape[1], 0), 0, max(i.shape[1] - i.shape[0], 0)),
            ),
            s,
        )[0].permute(1, 2, 0),
        "sum over the factor once": lambda i, s: (
            centred(pooled(i, factor_of(i, s)), s) * factor_of(i, s)
        ),
    },
    SCORES: {
        "one more column for none": with_nothing,
        "bias of all pairs in the softmax": lambda i, t, s, b: (s * i @ t.T + (b or 0)).softmax(0),
        "two sigmoids": lambda i, t, s, b: (
            (s * i @ t.T).softmax(1)
            if b is None
            else torch.sigmoid(s * i @ t.T) * torch.sigmoid(torch.tensor(float(b)))
        ),
        "bias to the cosines": lambda i, t, s, b: read(s * (i @ t.T + (b or 0) / s / s), b),
        "root of the scale": lambda i, t, s, b: read(s**0.5 * i @ t.T + (b or 0), b),
        "scale squared": lambda i, t, s, b: read(s**2 * i @ t.T + (b or 0), b),
        "cosines squared": lambda i, t, s, b: read(s * (i @ t.T) ** 2 + (b or 0), b),
        "sizes of the cosines": lambda i, t, s, b: read(s * (i @ t.T).abs() + (b or 0), b),
        "distances": lambda i, t, s, b: read(-s * torch.cdist(i, t) + (b or 0), b),
        "winners": lambda i, t, s, b: F.one_hot((i @ t.T).argmax(1), len(t)).double(),
        "sigmoid brought to 1": lambda i, t, s, b: F.normalize(
            torch.sigmoid(s * i @ t.T + (b or 0)), p=1, dim=1
        ),
        "yes or no": lambda i, t, s, b: read(s * i @ t.T + (b or 0), b) > 0.5,
        "softmax of both directions": lambda i, t, s, b: (
            ((s * i @ t.T).softmax(1) + (s * i @ t.T).softmax(0)) / 2
            if b is None
            else torch.sigmoid(s * i @ t.T + b)
        ),
        "bias twice": lambda i, t, s, b: read(s * i @ t.T + 2 * (b or 0), b),
    },
    WEIGHTS: {
        f"{value!r}": value
        for value in (
            PATCH + 14,
            14 * 3 * 1152,
            16 * 16 * 3 * 1152,
            729 * 1152,
            1152 + 588,
            588 * 1152 * 2,
            384 * 384 * 1152,
            678.528,
            14**2 * 3**2 * 1152 + 1152,
            14 * 14 * 3 * 1153 + 1153,
            "678528",
            [PATCH, 1152],
        )
    },
    DAYS: {
        f"{value!r}": value
        for value in (
            592 * 18 * 24 * 60,
            592 * 18 / 7,
            10.656,
            2 * 592 * 18,
            592**2,
            20.8,
            3.5,
            592 - 18,
            592 * 19,
            592 * 17,
            591 * 18,
            64 * 18,
            "10,656",
            (592, 18),
        )
    },
}
NAMED = {
    (
        CLASSIFIER,
        "all prompts of a class by one length",
        "prompts not normalised before the mean",
    ): (
        lambda i, p, s: classified(unit(i), unit((p / p.norm(dim=(1, 2), keepdim=True)).mean(1)), s)
    ),
    (RECALL, "better than the k-th", "one candidate too few"): lambda m, k: [
        (one.diagonal() > one.topk(k, 1).values[:, -1]).double().mean().item() for one in (m, m.T)
    ],
    (RECALL, "the last k", "the smallest instead of the largest"): lambda m, k: [
        (one.argsort(1, descending=True)[:, -k:] == torch.arange(len(one))[:, None])
        .any(1)
        .double()
        .mean()
        .item()
        for one in (m, m.T)
    ],
    (NEAREST, "second to last", "nearest last"): lambda r, k: cosines(r).argsort(1)[:, -k - 1 : -1],
    (NEAREST, "last of k + 1 left out", "counted itself"): lambda r, k: (
        cosines(r).topk(k + 1, 1).indices[:, :-1]
    ),
    (MASK, "either in the prefix", "prefix reads the words"): lambda n, k: (
        (looks(n, k)[0] >= looks(n, k)[1]) | (looks(n, k)[0] < k) | (looks(n, k)[1] < k)
    ),
    (GAP, "means exchanged", "each moved the whole way"): lambda i, t: (
        unit(unit(i) - unit(i).mean(0) + unit(t).mean(0)),
        unit(unit(t) - unit(t).mean(0) + unit(i).mean(0)),
    ),
    (MASK, "the upper half", "rows and columns swapped"): lambda n, k: (
        (looks(n, k)[0] <= looks(n, k)[1]) | ((looks(n, k)[0] < k) & (looks(n, k)[1] < k))
    ),
}
RIGHT = {
    CLASSIFIER: {
        "class by class, prompt by prompt": classes_one_by_one,
        "one vector added to all classes": lambda i, p, s: classified(
            unit(i), classes_of(p) + unit(p).mean((0, 1)), s
        ),
        "cosine_similarity": lambda i, p, s: (
            s * F.cosine_similarity(i[:, None], F.normalize(p, dim=2).mean(1)[None], dim=2)
        ).softmax(1),
        "float32": lambda i, p, s: classified(unit(i.float()), classes_of(p.float()), s),
        "float16": lambda i, p, s: classified(unit(i), classes_of(p), s).half(),
        "bfloat16": lambda i, p, s: classified(unit(i), classes_of(p), s).bfloat16(),
        "lists": lambda i, p, s: classified(unit(i), classes_of(p), s).tolist(),
        "log_softmax and exp": lambda i, p, s: (
            (torch.einsum("nd,kd->kn", unit(i) * s, classes_of(p)).log_softmax(0)).exp().T
        ),
    },
    RECALL: {
        "one by one": one_by_one,
        "values at least the k-th": lambda m, k: tuple(
            (one.diagonal() >= one.topk(k, 1).values[:, -1]).float().mean() for one in (m, m.T)
        ),
        "ranks from 1": lambda m, k: (
            torch.stack([(m >= m.diag()[:, None]).sum(1) <= k, (m >= m.diag()).sum(0) <= k])
            .float()
            .mean(1)
        ),
        "float16": lambda m, k: torch.tensor(shares(m, k)).half(),
        "numpy": lambda m, k: np.array(shares(m, k), dtype=np.float32),
    },
    PLANE: {
        "Gram matrix": by_gram,
        "distances (MDS)": by_distances,
        "power iteration": by_powers,
        "scikit-learn": by_sklearn,
        "numpy's eig of the covariance, as lists": by_numpy,
        "bfloat16": lambda r: turned(middle(r) @ vh(middle(r))[:2].T).bfloat16(),
        "turned twice": lambda r: turned(turned(-(middle(r) @ vh(middle(r))[:2].T))),
    },
    NEAREST: {
        "numbers of the others, shifted back": shifted_back,
        "a tree of unit vectors": by_tree,
        "distances of unit vectors": lambda r, k: (
            torch.cdist(unit(r), unit(r)).fill_diagonal_(torch.inf).argsort(1)[:, :k]
        ),
        "first of k + 1 left out": lambda r, k: cosines(r).topk(k + 1, 1).indices[:, 1:].int(),
        "down the columns": lambda r, k: (
            (cosines(r.double()) - 3 * torch.eye(len(r))).topk(k, 0).indices.T
        ),
        "angles": lambda r, k: (
            cosines(r).clamp(-1, 1).arccos().fill_diagonal_(9).topk(k, 1, largest=False).indices
        ),
    },
    GAP: {
        "met in the middle, stacked": met_in_the_middle,
        "a list of lists": lambda i, t: [
            cloud.tolist() for cloud in moved(unit(i), unit(t), gap_of(unit(i), unit(t)))
        ],
        "float16": lambda i, t: [
            cloud.half() for cloud in moved(unit(i), unit(t), gap_of(unit(i), unit(t)))
        ],
        "lengths by hand": lambda i, t: (
            lambda a, b, g: (
                (a - g) / (a - g).square().sum(1, keepdim=True).sqrt(),
                (b + g) / (b + g).square().sum(1, keepdim=True).sqrt(),
            )
        )(unit(i), unit(t), gap_of(unit(i), unit(t)) / 2),
    },
    SHUFFLE: {
        "slices": slices,
        "torch's order sorted": by_unshuffle,
        "indices of the blocks": by_index,
        "float16": lambda t, f: slices(t, f).half(),
        "numpy": lambda t, f: slices(t, f).numpy(),
        "unfold, channels last": lambda t, f: (
            grid(t)
            .unfold(1, f, f)
            .unfold(2, f, f)
            .permute(0, 1, 2, 4, 5, 3)
            .flatten(3)
            .flatten(1, 2)
        ),
    },
    TOKENS: {
        "numpy's integer": np.int32(576),
        "a tensor": torch.tensor(24) ** 2,
        "a fraction": Fraction(336, 14) ** 2,
        "float16": np.float16(576),
    },
    MASK: {
        "lists of booleans": by_hand,
        "meshgrid": lambda n, k: looks(n, k)[2],
        "numpy": lambda n, k: np.array(by_hand(n, k)),
        "not above the diagonal": lambda n, k: (
            ~(torch.ones(n, n).triu(1).bool() & (torch.arange(n) >= k))
        ),
        "larger of row and prefix": lambda n, k: (
            torch.arange(n) < torch.maximum(torch.arange(1, n + 1), torch.tensor(k))[:, None]
        ),
    },
    LOSS: {
        "word by word": word_by_word,
        "both rolled": rolled,
        "a distribution": categorical,
        "one-hot": one_hot,
        "nll_loss with 0 and 1": lambda x, t, c: (
            (F.nll_loss(x[:, :-1].log_softmax(-1).mT, t[:, 1:], reduction="none") * c[:, 1:]).sum()
            / c[:, 1:].sum()
        ),
    },
    CROP: {
        "cut before": cut_before,
        "running sums": by_running_sums,
        "convolution": by_convolution,
        "float16": lambda i, s: centred(pooled(i, factor_of(i, s)), s).half(),
        "lists": lambda i, s: centred(pooled(i.double(), factor_of(i, s)), s).tolist(),
    },
    SCORES: {
        "two classes": two_classes,
        "tanh": by_tanh,
        "pair by pair": lambda i, t, s, b: torch.stack(
            [
                (s * t @ one).softmax(0) if b is None else 1 - torch.sigmoid(-(s * t @ one) - b)
                for one in i
            ]
        ),
        "float16": lambda i, t, s, b: read(s * i @ t.T + (b or 0), b).half(),
        "normalised again": lambda i, t, s, b: read(s * unit(i) @ unit(t).T + (b or 0), b).numpy(),
    },
    WEIGHTS: {
        "each patch and one": (14 * 14 * 3 + 1) * 1152,
        "numpy's integer": np.int64(PATCH + 1152),
        "a tensor of one": torch.tensor([PATCH + 1152]),
    },
    DAYS: {
        "a fraction": Fraction(592 * 18),
        "numpy's integer": np.int16(592 * 18),
        "a float": 592.0 * 18,
    },
}

PROBES = [
    *(
        Probe(name, f"sixth referee: {what}", one, "wrong")
        for name, ones in WRONG.items()
        for what, one in ones.items()
    ),
    *(
        Probe(name, f"sixth referee: {what}", one, "right")
        for name, ones in RIGHT.items()
        for what, one in ones.items()
    ),
    *(
        Probe(name, f"sixth referee: {what}", one, "mistake", mistake)
        for (name, what, mistake), one in NAMED.items()
    ),
]
