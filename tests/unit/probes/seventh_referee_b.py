"""Answers of a seventh referee to the exercises of notebooks 06 to 11."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

INFO_NCE = "InfoNCE from scratch"
CHANCE = "The loss of CLIP's batch at chance"
GAP = "Measure the modality gap"
SOFTMAX = "Softmax with a temperature"
SHARES = "Who gets the gradient?"
UPDATE = "One update of the temperature"
SIGMOID_LOSS = "Sigmoid loss"
GRADIENT = "Gradient of the sigmoid loss"
BIAS = "The bias that fits the batch"
ONLINE = "Log-sum-exp, one block at a time"
GIBIBYTES = "The size of one matrix"
FACTOR = "The factor of a gather"
CLASSIFIER = "A zero-shot classifier from features"
RECALL = "Recall@k both ways"
PLANE = "PCA to two dimensions"
NEAREST = "Nearest neighbours by cosine"
CLOSE = "Close the modality gap"

WRONG, RIGHT = {}, {}


def unit(x, dim=-1):
    return F.normalize(x, dim=dim)


def own(n):
    return torch.eye(n, dtype=torch.bool)


# ── 06 ────────────────────────────────────────────────────────────────────────────────────────────


def cosines(images, texts):
    return unit(images) @ unit(texts).T


def both(logits):
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def by_margins(images, texts, tau):
    logits = cosines(images, texts) / tau
    mine = logits.diagonal()
    return (
        sum((others - mine[:, None]).exp().sum(1).log().mean() for others in (logits, logits.T)) / 2
    )


def with_one_softmax_of_both(images, texts, tau):
    logits = cosines(images, texts) / tau
    shares = torch.stack([logits.log_softmax(1).diagonal(), logits.log_softmax(0).diagonal()])
    return shares.mean().neg()


def normalised_by_hand(images, texts, tau):
    images, texts = (x / x.square().sum(1, keepdim=True).sqrt() for x in (images, texts))
    return both(torch.tensordot(images, texts, dims=([1], [1])) / tau)


def mean_of_the_shares(images, texts, tau):
    logits = cosines(images, texts) / tau
    return -((logits.softmax(1) + logits.softmax(0)) / 2).diagonal().log().mean()


WRONG[INFO_NCE] = {
    "7 log of the mean of both shares": mean_of_the_shares,
    "7 rows twice": lambda i, t, tau: (
        (
            F.cross_entropy(cosines(i, t) / tau, torch.arange(len(i)))
            + F.cross_entropy((cosines(t, i) / tau).T, torch.arange(len(i)))
        )
        / 2
    ),
    "7 squares of the centred cosines": lambda i, t, tau: both(
        (cosines(i, t) - cosines(i, t).mean()).square() / tau
    ),
    "7 labels as a matrix of ones": lambda i, t, tau: F.cross_entropy(
        cosines(i, t) / tau, torch.ones(len(i), len(i)) / len(i)
    ),
    "7 divided by N minus 1": lambda i, t, tau: both(cosines(i, t) / tau) * len(i) / (len(i) - 1),
    "7 the temperature added": lambda i, t, tau: both(cosines(i, t) + tau),
    "7 divided by tau on either side": lambda i, t, tau: both(unit(i) / tau @ (unit(t) / tau).T),
    "7 less chance": lambda i, t, tau: both(cosines(i, t) / tau) - math.log(len(i)),
}
RIGHT[INFO_NCE] = {
    "7 margins to the own": by_margins,
    "7 two log-softmaxes stacked": with_one_softmax_of_both,
    "7 tensordot of rows divided by hand": normalised_by_hand,
    "7 the root of tau on either side": lambda i, t, tau: both(
        (unit(i) / tau**0.5) @ (unit(t) / tau**0.5).T
    ),
}

WRONG[CHANCE] = {
    "7 log of 2N": lambda n: math.log(2 * n),
    "7 log of N squared minus N": lambda n: math.log(n * n - n),
    "7 the sum over the batch": lambda n: n * math.log(n),
    "7 exp": lambda n: math.exp(1 / n),
    "7 the negatives' share": lambda n: -math.log((n - 1) / n),
    "7 log N and a half": lambda n: math.log(n) + 0.5,
}
RIGHT[CHANCE] = {
    "7 an integral": lambda n: math.asinh((n - 1 / n) / 2),
    "7 a KL divergence": lambda n: F.kl_div(
        torch.full((n,), 1 / n, dtype=torch.float64).log(),
        torch.eye(1, n, dtype=torch.float64)[0],
        reduction="sum",
    ),
    "7 lgamma": lambda n: math.lgamma(n + 1) - math.lgamma(n),
}

WRONG[GAP] = {
    "7 distance of the raw means over both lengths": lambda i, t: (
        (i.mean(0) - t.mean(0)).norm() / (i.mean(0).norm() + t.mean(0).norm())
    ),
    "7 the means of columns": lambda i, t: (unit(i).mean(1) - unit(t).mean(1)).norm(),
    "7 distance to the common mean": lambda i, t: (
        unit(i).mean(0) - torch.cat([unit(i), unit(t)]).mean(0)
    ).norm(),
    "7 root of the sum of the distances": lambda i, t: (unit(i) - unit(t)).norm(dim=1).sum().sqrt(),
    "7 cube root of cubes": lambda i, t: (unit(i).mean(0) - unit(t).mean(0)).norm(p=3),
    "7 means divided by N minus 1": lambda i, t: (
        (unit(i).sum(0) - unit(t).sum(0)) / (len(i) - 1)
    ).norm(),
    "7 normalised before and dot product": lambda i, t: unit(i).mean(0) @ unit(t).mean(0),
}
RIGHT[GAP] = {
    "7 by the matrices of cosines": lambda i, t: (
        cosines(i, i).mean() + cosines(t, t).mean() - 2 * cosines(i, t).mean()
    ).sqrt(),
    "7 twice the distance to the common mean": lambda i, t: (
        2 * (unit(i).mean(0) - torch.cat([unit(i), unit(t)]).mean(0)).norm()
    ),
    "7 a product with ones": lambda i, t: (
        torch.ones(1, len(i)) @ (unit(i) - unit(t)) / len(i)
    ).norm(),
}

# ── 07 ────────────────────────────────────────────────────────────────────────────────────────────

WRONG[SOFTMAX] = {
    "7 cosines minus tau": lambda c, t: (c - t).softmax(1),
    "7 the absolute cosines": lambda c, t: (c.abs() / t).softmax(1),
    "7 one minus the cosine": lambda c, t: ((1 - c) / t).softmax(1),
    "7 softmax of the shares": lambda c, t: (c / t).softmax(1).softmax(1),
    "7 the cumulated shares": lambda c, t: (c / t).softmax(1).cumsum(1),
    "7 shares to the power of tau": lambda c, t: c.softmax(1) ** t,
    "7 odds": lambda c, t: (c / t).softmax(1) / (1 - (c / t).softmax(1)),
}
RIGHT[SOFTMAX] = {
    "7 shares to the power, made whole again": lambda c, t: F.normalize(
        c.softmax(1) ** (1 / t), p=1, dim=1
    ),
    "7 by vmap over the rows": lambda c, t: torch.vmap(lambda row: (row / t).softmax(0))(c),
    "7 less the logsumexp": lambda c, t: (c / t - (c / t).logsumexp(1, keepdim=True)).exp(),
}

WRONG[SHARES] = {
    "7 triangle above only": lambda c, t: (
        (c / t).masked_fill(own(len(c)), -torch.inf).softmax(1).triu()
    ),
    "7 mean of share and column share": lambda c, t: (
        (
            (c / t).masked_fill(own(len(c)), -torch.inf).softmax(1)
            + (c / t).masked_fill(own(len(c)), -torch.inf).softmax(0)
        )
        / 2
    ),
    "7 relative to the own cosine": lambda c, t: (
        ((c - c.diagonal()[:, None]) / t).exp().masked_fill(own(len(c)), 0)
    ),
    "7 diagonal at -1 over tau": lambda c, t: (c.masked_fill(own(len(c)), -1) / t).softmax(1),
    "7 other diagonal left out": lambda c, t: (
        (c / t).masked_fill(own(len(c)).flip(1), -torch.inf).softmax(1)
    ),
    "7 all of the matrix": lambda c, t: (
        (c / t).masked_fill(own(len(c)), -torch.inf).flatten().softmax(0).view_as(c)
    ),
    "7 first column left out": lambda c, t: F.pad((c / t)[:, 1:].softmax(1), (1, 0)),
}
RIGHT[SHARES] = {
    "7 by logsumexp of the others": lambda c, t: (
        (c / t - (c / t).masked_fill(own(len(c)), -torch.inf).logsumexp(1, keepdim=True))
        .exp()
        .masked_fill(own(len(c)), 0)
    ),
    "7 by the gradient, rescaled": lambda c, t: F.normalize(
        (c / t).softmax(1).masked_fill(own(len(c)), 0) / t / len(c), p=1, dim=1
    ),
    "7 as numpy with an index": lambda c, t: np.stack(
        [
            np.insert(np.exp(np.delete(row, k) / t) / np.exp(np.delete(row, k) / t).sum(), k, 0.0)
            for k, row in enumerate(c.numpy())
        ]
    ),
}

WRONG[UPDATE] = {
    "7 clip of the gradient's step to 1%": lambda t, g, r: max(
        t * math.exp(math.copysign(min(abs(r * g), 0.01), g)), 0.01
    ),
    "7 scale held at exp(100)": lambda t, g, r: (
        1 / min(math.exp(-math.log(t) - r * g), math.exp(100))
    ),
    "7 held at a temperature of 0.07": lambda t, g, r: max(t * math.exp(r * g), 0.07),
    "7 log of the temperature returned": lambda t, g, r: math.log(max(t * math.exp(r * g), 0.01)),
    "7 step divided by tau": lambda t, g, r: max(t * math.exp(r * g / (1 / t)), 0.01),
    "7 the squared gradient": lambda t, g, r: max(t * math.exp(r * g * abs(g)), 0.01),
    "7 first order only": lambda t, g, r: max(t * (1 + r * g), 0.01),
}
RIGHT[UPDATE] = {
    "7 cosh and sinh": lambda t, g, r: max(t * (math.cosh(r * g) + math.sinh(r * g)), 0.01),
    "7 a tensor clamped in place": lambda t, g, r: (
        torch.tensor(1 / t, dtype=torch.float64)
        .log_()
        .sub_(r * g)
        .clamp_(max=math.log(100))
        .neg()
        .exp()
    ),
    "7 sorted": lambda t, g, r: sorted([t * math.exp(r * g), 1e-2])[1],
}

# ── 08 ────────────────────────────────────────────────────────────────────────────────────────────


def z(n):
    return 2 * torch.eye(n) - 1


def lg(i, t, s, b):
    return s * i @ t.T + b


WRONG[SIGMOID_LOSS] = {
    "7 bias added after the label": lambda i, t, s, b: (
        -F.logsigmoid(z(len(i)) * (s * i @ t.T) + b).sum() / len(i)
    ),
    "7 the log of no, for every pair": lambda i, t, s, b: (
        -(1 - lg(i, t, s, b).sigmoid() + 1e-9).log().sum() / len(i)
    ),
    "7 divided by 2N": lambda i, t, s, b: (
        -F.logsigmoid(z(len(i)) * lg(i, t, s, b)).sum() / len(i) / 2
    ),
    "7 squared error": lambda i, t, s, b: (
        (lg(i, t, s, b).sigmoid() - torch.eye(len(i))).square().sum() / len(i)
    ),
    "7 bias multiplied": lambda i, t, s, b: (
        -F.logsigmoid(z(len(i)) * (s * i @ t.T * b)).sum() / len(i)
    ),
    "7 upper triangle": lambda i, t, s, b: (
        F.softplus(-z(len(i)) * lg(i, t, s, b)).triu().sum() / len(i)
    ),
    "7 divided by the scale": lambda i, t, s, b: (
        -F.logsigmoid(z(len(i)) * (i @ t.T / s + b)).sum() / len(i)
    ),
}
RIGHT[SIGMOID_LOSS] = {
    "7 as binary cross entropy with weights": lambda i, t, s, b: F.binary_cross_entropy_with_logits(
        lg(i, t, s, b), torch.eye(len(i)), weight=torch.full((len(i), len(i)), float(len(i)))
    ),
    "7 soft margin loss": lambda i, t, s, b: (
        F.soft_margin_loss(lg(i, t, s, b), z(len(i)), reduction="sum") / len(i)
    ),
    "7 trace and the rest": lambda i, t, s, b: (
        (F.softplus(lg(i, t, s, b)).sum() - lg(i, t, s, b).trace()) / len(i)
    ),
}

WRONG[GRADIENT] = {
    "7 autograd of the sum": lambda lo: torch.autograd.functional.jacobian(
        lambda x: -F.logsigmoid(z(len(x)) * x).sum() / len(x), lo
    ),
    "7 divided by the root of N": lambda lo: (lo.sigmoid() - torch.eye(len(lo))) / len(lo) ** 0.5,
    "7 softmax over columns": lambda lo: (lo.softmax(0) - torch.eye(len(lo))) / len(lo),
    "7 the diagonal alone divided": lambda lo: lo.sigmoid() - torch.eye(len(lo)) / len(lo),
    "7 of the mean removed": lambda lo: (
        (
            (lo.sigmoid() - torch.eye(len(lo)))
            - (lo.sigmoid() - torch.eye(len(lo))).mean(1, keepdim=True)
        )
        / len(lo)
    ),
    "7 clipped at 0": lambda lo: ((lo.sigmoid() - torch.eye(len(lo))) / len(lo)).clamp(min=0),
    "7 label 0 for negatives": lambda lo: (lo.sigmoid() - 1) * torch.eye(len(lo)) / len(lo),
    "7 hard decisions": lambda lo: ((lo > 0).float() - torch.eye(len(lo))) / len(lo),
}
RIGHT[GRADIENT] = {
    "7 one over one plus exp": lambda lo: (
        1 / len(lo) / (1 + (-lo).exp()) - torch.diag(torch.full((len(lo),), 1 / len(lo)))
    ),
    "7 addcmul": lambda lo: torch.sub(lo.sigmoid(), torch.eye(len(lo))).mul_(1 / len(lo)),
}

WRONG[BIAS] = {
    "7 log of N plus 1, negative": lambda n: -math.log(n + 1),
    "7 minus the root": lambda n: -math.sqrt(n),
    "7 log of the odds of negatives": lambda n: math.log((n - 1) / 1),
    "7 half share": lambda n: math.log(0.5 / n),
    "7 share of the negatives": lambda n: math.log((n - 1) / n),
    "7 minus 10 for the largest only": lambda n: -10 if n > 1000 else -math.log(n - 1),
    "7 twice the logarithm": lambda n: -math.log(n) * 2,
}
RIGHT[BIAS] = {
    "7 special.logit": lambda n: torch.special.logit(torch.tensor([1 / n], dtype=torch.float64)),
    "7 sum of logs": lambda n: math.log(1 / n) - math.log(1 - 1 / n),
    "7 Newton": lambda n: _newton(n),
}


def _newton(n):
    bias = 0.0
    for _ in range(200):
        chance = 1 / (1 + math.exp(-bias))
        bias -= max(-1.0, min(1.0, (chance - 1 / n) / (chance * (1 - chance))))
    return bias


# ── 09 ────────────────────────────────────────────────────────────────────────────────────────────


def blocks_in_pairs(blocks):
    result = None
    for block in blocks:
        top = block.max(axis=1)
        part = top + np.log(np.exp(block - top[:, None]).sum(axis=1))
        result = part if result is None else np.logaddexp(result, part)
    return result


def column_by_column(blocks):
    result = np.full(len(blocks[0]), -np.inf)
    for block in blocks:
        for column in block.astype(float).T:
            result = np.logaddexp(result, column)
    return result


def two_passes(blocks):
    top = np.maximum.reduce([block.max(axis=1) for block in blocks])
    return top + np.log(sum(np.exp(block - top[:, None]).sum(axis=1) for block in blocks))


def first_maximum(blocks):
    top = blocks[0].max(axis=1)
    with np.errstate(over="ignore", divide="ignore"):
        return top + np.log(sum(np.exp(block - top[:, None]).sum(axis=1) for block in blocks))


def rescaled_the_wrong_way(blocks):
    top, total = np.full(len(blocks[0]), -1e30), np.zeros(len(blocks[0]))
    with np.errstate(all="ignore"):
        for block in blocks:
            new = np.maximum(top, block.max(axis=1))
            total = total * np.exp(np.minimum(new - top, 50)) + np.exp(block - new[:, None]).sum(1)
            top = new
        return top + np.log(total)


WRONG[ONLINE] = {
    "7 the first block's maximum": first_maximum,
    "7 rescaled the wrong way": rescaled_the_wrong_way,
    "7 the maximum": lambda bl: np.maximum.reduce([block.max(axis=1) for block in bl]),
    "7 the last block": lambda bl: blocks_in_pairs(bl[-1:]),
    "7 in bits": lambda bl: blocks_in_pairs(bl) / math.log(2),
    "7 log-mean-exp": lambda bl: blocks_in_pairs(bl) - math.log(sum(b.shape[1] for b in bl)),
    "7 one number for all rows": lambda bl: np.logaddexp.reduce(blocks_in_pairs(bl)),
}
RIGHT[ONLINE] = {
    "7 logaddexp of blocks": blocks_in_pairs,
    "7 logaddexp of columns": column_by_column,
    "7 two passes": two_passes,
}

WRONG[GIBIBYTES] = {
    "7 three matrices": 12,
    "7 GB rounded": 4.3,
    "7 bytes": 4294967296,
    "7 as text with a unit": "4 GiB",
    "7 bytes of a byte": 16,
    "7 a list of two": [4, 4],
    "7 KiB": 4194304,
}
RIGHT[GIBIBYTES] = {
    "7 a bit shift": (1 << 32) >> 30,
    "7 from numpy": np.dtype("float32").itemsize * np.float64(2**15) ** 2 / 1024**3,
    "7 from a tensor on the meta device": torch.empty(32768, 32768, device="meta").nbytes / 2**30,
}
WRONG[FACTOR] = {
    "7 one minus an eighth": 7 / 8,
    "7 an eighth in percent": 12.5,
    "7 one in seven": 1 / 7,
    "7 negative": -1 / 8,
    "7 text": "1/8 of it",
    "7 a sixteenth": 1 / 16,
    "7 a quarter": 0.25,
}
RIGHT[FACTOR] = {
    "7 a power": 2.0**-3,
    "7 a tensor": torch.ones(8).softmax(0)[0],
    "7 a mean": np.eye(8)[0].mean(),
}

# ── 10 ────────────────────────────────────────────────────────────────────────────────────────────


def classified(images, classes, scale):
    return (scale * unit(images) @ classes.T).softmax(1)


def class_of(prompts):
    return unit(unit(prompts).mean(1))


WRONG[CLASSIFIER] = {
    "7 best prompt of each class": lambda i, p, s: (
        s * torch.einsum("nd,kpd->nkp", unit(i), unit(p)).amax(2)
    ).softmax(1),
    "7 the cosines": lambda i, p, s: unit(i) @ class_of(p).T,
    "7 last prompt only": lambda i, p, s: classified(i, unit(p[:, -1]), s),
    "7 median prompt": lambda i, p, s: classified(i, unit(unit(p).median(1).values), s),
    "7 argmax": lambda i, p, s: classified(i, class_of(p), s).argmax(1),
    "7 transposed": lambda i, p, s: classified(i, class_of(p), s).T,
    "7 mean of the pictures taken away": lambda i, p, s: classified(
        unit(i) - unit(i).mean(0), class_of(p), s
    ),
    "7 scale after the softmax": lambda i, p, s: s * (unit(i) @ class_of(p).T).softmax(1),
}
RIGHT[CLASSIFIER] = {
    "7 sum instead of mean": lambda i, p, s: classified(i, unit(unit(p).sum(1)), s),
    "7 cosine_similarity by broadcasting": lambda i, p, s: (
        s * F.cosine_similarity(i[:, None], unit(p).mean(1)[None], dim=-1)
    ).softmax(-1),
    "7 norms divided at the end": lambda i, p, s: (
        s * (i @ unit(p).mean(1).T) / i.norm(dim=1, keepdim=True) / unit(p).mean(1).norm(dim=1)
    ).softmax(1),
}


def found(m, k):
    return (m.argsort(1, descending=True)[:, :k] == torch.arange(len(m))[:, None]).any(1)


def each(m, k, of):
    return [of(x, k) for x in (m, m.T)]


WRONG[RECALL] = {
    "7 misses": lambda m, k: each(m, k, lambda x, k: 1 - found(x, k).double().mean().item()),
    "7 divided by k": lambda m, k: each(m, k, lambda x, k: found(x, k).double().mean().item() / k),
    "7 one number, the mean": lambda m, k: (
        sum(each(m, k, lambda x, k: found(x, k).double().mean().item())) / 2
    ),
    "7 found both ways": lambda m, k: [(found(m, k) & found(m.T, k)).double().mean().item()] * 2,
    "7 percent": lambda m, k: each(m, k, lambda x, k: 100 * found(x, k).double().mean().item()),
    "7 precision of the first k of all": lambda m, k: each(
        m, k, lambda x, k: (x.flatten().topk(k).indices % (len(x) + 1) == 0).double().mean().item()
    ),
    "7 mean reciprocal rank": lambda m, k: each(
        m, k, lambda x, k: (1 / (1 + (x > x.diagonal()[:, None]).sum(1).double())).mean().item()
    ),
}
RIGHT[RECALL] = {
    "7 kthvalue": lambda m, k: each(
        m,
        k,
        lambda x, k: (x.diagonal() >= x.kthvalue(len(x) - k + 1, dim=1).values).double().mean(),
    ),
    "7 a tensor of two": lambda m, k: torch.stack(
        each(m, k, lambda x, k: found(x, k).double().mean())
    ),
    "7 a scatter": lambda m, k: tuple(
        torch.zeros_like(x).scatter_(1, x.topk(k, 1).indices, 1.0).trace().item() / len(x)
        for x in (m, m.T)
    ),
}

# ── 11 ────────────────────────────────────────────────────────────────────────────────────────────


def turned(points):
    largest = points.abs().argmax(dim=0)
    return points * points[largest, torch.arange(points.shape[1])].sign()


def svd(rows):
    return torch.linalg.svd(rows - rows.mean(0), full_matrices=False)


WRONG[PLANE] = {
    "7 second and third": lambda x: turned(svd(x).U[:, 1:3] * svd(x).S[1:3]),
    "7 axes swapped": lambda x: turned(svd(x).U[:, [1, 0]] * svd(x).S[[1, 0]]),
    "7 widths squared": lambda x: turned(svd(x).U[:, :2] * svd(x).S[:2] ** 2),
    "7 whitened": lambda x: turned(svd(x).U[:, :2] * (len(x) - 1) ** 0.5),
    "7 mirrored": lambda x: -turned(svd(x).U[:, :2] * svd(x).S[:2]),
    "7 row means": lambda x: turned(
        (x - x.mean(1, keepdim=True))
        @ torch.linalg.svd(x - x.mean(1, keepdim=True), full_matrices=False).Vh[:2].T
    ),
    "7 divided by the root of N": lambda x: turned(svd(x).U[:, :2] * svd(x).S[:2]) / len(x) ** 0.5,
}
RIGHT[PLANE] = {
    "7 eigh of the Gram matrix": lambda x: _by_gram(x),
    "7 power iteration": lambda x: _by_power(x),
    "7 pca_lowrank of all": lambda x: turned(
        (x - x.mean(0)) @ torch.pca_lowrank(x, q=min(x.shape), center=True, niter=20)[2][:, :2]
    ),
}


def _by_gram(rows):
    centred = (rows - rows.mean(0)).double()
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    return turned(vectors[:, [-1, -2]] * values[[-1, -2]].sqrt())


def _by_power(rows):
    left, columns = (rows - rows.mean(0)).double(), []
    for _ in range(2):
        direction = torch.ones(rows.shape[1], dtype=torch.float64)
        for _ in range(2000):
            direction = unit(left.T @ (left @ direction), 0)
        columns.append(left @ direction)
        left = left - torch.outer(columns[-1], direction)
    return turned(torch.stack(columns, 1))


WRONG[NEAREST] = {
    "7 nearest columns": lambda x, k: (
        (unit(x).T @ unit(x)).fill_diagonal_(-torch.inf).topk(min(k, x.shape[1]), 1).indices
    ),
    "7 absolute cosines": lambda x, k: (
        cosines(x, x).abs().fill_diagonal_(-torch.inf).topk(k, 1).indices
    ),
    "7 the cosines themselves": lambda x, k: (
        cosines(x, x).fill_diagonal_(-torch.inf).topk(k, 1).values
    ),
    "7 second to k": lambda x, k: (
        cosines(x, x).fill_diagonal_(-torch.inf).topk(k + 1, 1).indices[:, 1:]
    ),
    "7 transposed": lambda x, k: cosines(x, x).fill_diagonal_(-torch.inf).topk(k, 1).indices.T,
    "7 centred": lambda x, k: (
        cosines(x - x.mean(0), x - x.mean(0)).fill_diagonal_(-torch.inf).topk(k, 1).indices
    ),
    "7 sorted by number": lambda x, k: (
        cosines(x, x).fill_diagonal_(-torch.inf).topk(k, 1).indices.sort(1).values
    ),
}
RIGHT[NEAREST] = {
    "7 cdist of unit rows": lambda x, k: (
        torch.cdist(unit(x), unit(x)).fill_diagonal_(torch.inf).topk(k, 1, largest=False).indices
    ),
    "7 first of k + 1 dropped": lambda x, k: cosines(x, x).topk(k + 1, 1).indices[:, 1:],
    "7 a list of lists by angles": lambda x, k: [
        sorted(
            (j for j in range(len(x)) if j != i),
            key=lambda j, i=i: math.acos(min(1, F.cosine_similarity(x[i], x[j], dim=0).item())),
        )[:k]
        for i in range(len(x))
    ],
}


def shifted(images, texts, first, second):
    images, texts = unit(images), unit(texts)
    delta = images.mean(0) - texts.mean(0)
    return unit(images - first * delta), unit(texts + second * delta)


WRONG[CLOSE] = {
    "7 a quarter each": lambda i, t: shifted(i, t, 0.25, 0.25),
    "7 texts moved alone": lambda i, t: shifted(i, t, 0, 1),
    "7 swapped at the end": lambda i, t: shifted(i, t, 0.5, 0.5)[::-1],
    "7 a third and two": lambda i, t: shifted(i, t, 1 / 3, 2 / 3),
    "7 both the same way": lambda i, t: shifted(i, t, 0.5, -0.5),
    "7 images alone returned": lambda i, t: shifted(i, t, 0.5, 0.5)[0],
    "7 along the unit difference": lambda i, t: (
        unit(unit(i) - unit(unit(i).mean(0) - unit(t).mean(0), 0) / 2),
        unit(unit(t) + unit(unit(i).mean(0) - unit(t).mean(0), 0) / 2),
    ),
    "7 number by number": lambda i, t: (
        unit((unit(i) + unit(t)) / 2),
        unit((unit(i) + unit(t)) / 2),
    ),
}
RIGHT[CLOSE] = {
    "7 to the common mean": lambda i, t: tuple(
        unit(x - x.mean(0) + (unit(i).mean(0) + unit(t).mean(0)) / 2) for x in (unit(i), unit(t))
    ),
    "7 one stack": lambda i, t: torch.stack(shifted(i, t, 0.5, 0.5)),
    "7 numpy in a list": lambda i, t: [x.numpy() for x in shifted(i, t, 0.5, 0.5)],
}

# Wrong answers that are a named mistake, written in another way.
NAMED = {
    "7 rows twice": "one-sided, images to texts only",
    "7 the temperature added": "temperature forgotten",
    "7 cosines minus tau": "temperature forgotten",
    "7 scale held at exp(100)": "the scale passes 100",
    "7 bias added after the label": "label on the cosine only",
    "7 log of the odds of negatives": "wrong sign",
}

PROBES = [
    *(
        Probe(name, what, answer, *(("mistake", NAMED[what]) if what in NAMED else ("wrong",)))
        for name, answers in WRONG.items()
        for what, answer in answers.items()
    ),
    *(
        Probe(name, what, answer, "right")
        for name, answers in RIGHT.items()
        for what, answer in answers.items()
    ),
]
