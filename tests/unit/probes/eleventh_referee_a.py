"""Answers of an eleventh referee to the exercises of notebooks 00 to 08.

Those in FOUND came out wrong once: a ready-made function under another name, as an object made in
another cell or inside of a function of the learner's was right where the text rules it out.
"""

import cmath
import functools
import itertools
import math
import operator
import statistics
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
import torch.autograd.forward_ad as forward
import torch.nn.functional as F
from open_clip.loss import ClipLoss, SigLipLoss
from scipy.special import expit, log_expit, log_softmax, softmax
from torch import nn
from torch.autograd.functional import jacobian
from torch.func import grad_and_value, jvp
from torch.nn.functional import scaled_dot_product_attention as fused

from tests.unit.probes import Probe
from vizkit.losses import info_nce as contrastive
from vizkit.losses import sigmoid_loss as pairwise
from vizkit.losses.contrastive import plain_info_nce
from vizkit.models import patchify as cut

RIGHT, WRONG = {}, {}

# Notebook 00
COUNT = "Count the negative pairs"
RIGHT[COUNT] = {
    "a fraction": Fraction(552, 1),
    "a decimal": Decimal("552"),
    "complex": 552 + 0j,
    "bytes of a mask": np.uint16((~np.eye(24, dtype=bool)).sum()),
    "float16": np.float16(552),
    "a quotient": math.factorial(24) / math.factorial(22),
    "a tensor in a list": [torch.tensor(552)],
    "combinations of both": 2 * len(list(itertools.combinations(range(24), 2))),
}
WRONG[COUNT] = {
    "twelve shown": 12 * 12 - 12,
    "off by one": 553,
    "three batches": 3 * 552,
    "24 squared plus 24": 600,
    "a share": 552 / 576,
    "a mean": statistics.mean([576, 24]),
    "infinite": math.inf,
    "as a formula": "24 * 24 - 24",
    "a range": range(552),
    "a matrix": 1 - np.eye(24),
}
COSINE = "Cosine similarity"


def rows_in_place(images, texts):
    images /= images.norm(dim=1, keepdim=True)
    texts /= texts.norm(dim=1, keepdim=True)
    return images.mm(texts.t())


class Cosines:
    def __init__(self, eps=0.0):
        self.eps = eps

    def __call__(self, i, t):
        return torch.einsum("nd,md->nm", i, t) / (i.norm(dim=1).outer(t.norm(dim=1)) + self.eps)


RIGHT[COSINE] = {
    "in place": rows_in_place,
    "a class": Cosines(),
    "keywords with a default": lambda images, texts, eps=1e-12: F.cosine_similarity(
        texts[None], images[:, None], dim=2, eps=eps
    ),
    "law of cosines": lambda i, t: (
        (i.square().sum(1)[:, None] + t.square().sum(1) - torch.cdist(i, t).square())
        / (2 * i.norm(dim=1)[:, None] * t.norm(dim=1))
    ),
    "by columns, not contiguous": lambda i, t: (
        torch.stack([F.normalize(i) @ (one / one.norm()) for one in t]).T
    ),
    "a list of lists of floats": lambda i, t: [
        [float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)) for b in t] for a in i
    ],
    "weighted columns": lambda i, t: (
        (i @ t.T) * i.norm(dim=1, keepdim=True).pow(-1) / t.norm(dim=1)
    ),
    "renorm": lambda i, t: (
        (1e-3 * i / 1e-3).double().renorm(2, 0, 1e-9).mul(1e9)
        @ t.double().renorm(2, 0, 1e-9).mul(1e9).T
    ),
}
WRONG[COSINE] = {
    "norm of the product": lambda i, t: F.normalize(i @ t.T, dim=1),
    "sine": lambda i, t: (1 - (F.normalize(i) @ F.normalize(t).T).square()).clamp(0).sqrt(),
    "distance": lambda i, t: 1 - F.normalize(i) @ F.normalize(t).T,
    "clipped at zero": lambda i, t: (F.normalize(i) @ F.normalize(t).T).relu(),
    "norms exchanged": lambda i, t: (i @ t.T) / i.norm(dim=1).mean() / t.norm(dim=1).mean(),
    "mean in place of the sum": lambda i, t: (F.normalize(i)[:, None] * F.normalize(t)).mean(2),
    "size, not sign": lambda i, t: (F.normalize(i) @ F.normalize(t).T).abs(),
    "one text": lambda i, t: F.normalize(i) @ F.normalize(t)[0],
    "0 to 1": lambda i, t: (1 + F.normalize(i) @ F.normalize(t).T) / 2,
    "whole numbers": lambda i, t: (F.normalize(i) @ F.normalize(t).T).round().int(),
    "complex": lambda i, t: torch.complex(
        F.normalize(i) @ F.normalize(t).T, torch.ones(len(i), len(t))
    ),
}

# Notebook 01
SHIFT = "Measure the equivariance error"
RIGHT[SHIFT] = {
    "a generator": lambda b, a, s: max(
        abs(float(a[c, y, x]) - float(b[c, y, x - s]))
        for c in range(a.shape[0])
        for y in range(a.shape[1])
        for x in range(s, a.shape[2])
    ),
    "numpy, negative strides": lambda b, a, s: np.abs(
        a.numpy()[..., ::-1][..., : a.shape[2] - s] - b.numpy()[..., ::-1][..., s:]
    ).max(),
    "padded with the answer": lambda b, a, s: (
        (a - torch.cat([a[..., :s], b[..., :-s]], -1)).abs().max().view(1, 1)
    ),
    "peak to peak": lambda b, a, s: (lambda d: torch.maximum(d.max(), -d.min()))(
        a[..., s:] - b[..., :-s]
    ),
    "a sorted list": lambda b, a, s: sorted((a[..., s:] - b[..., :-s]).abs().flatten().tolist())[
        -1
    ],
    "cut by a count": lambda b, a, s: (
        (a[:, :, s:] - b[:, :, : b.shape[2] - s]).flatten().abs().topk(1).values
    ),
    "in place": lambda b, a, s: a[..., s:].sub_(b[..., :-s]).abs_().amax((0, 1, 2)),
}
WRONG[SHIFT] = {
    "second largest": lambda b, a, s: (a[..., s:] - b[..., :-s]).abs().flatten().topk(2).values[1],
    "of the means": lambda b, a, s: (a[..., s:].mean() - b[..., :-s].mean()).abs(),
    "mean over the channels first": lambda b, a, s: (a[..., s:] - b[..., :-s]).mean(0).abs().max(),
    "largest of each channel": lambda b, a, s: (a[..., s:] - b[..., :-s]).abs().amax((1, 2)),
    "shift of one": lambda b, a, s: (a[..., 1:] - b[..., :-1]).abs().max(),
    "half of the shift": lambda b, a, s: (
        (a[..., max(s // 2, 1) :] - b[..., : -max(s // 2, 1)]).abs().max() + (s == 1)
    ),
    "the smallest": lambda b, a, s: (a[..., s:] - b[..., :-s]).abs().min(),
    "a length": lambda b, a, s: (a[..., s:] - b[..., :-s]).norm(),
    "its place": lambda b, a, s: (a[..., s:] - b[..., :-s]).abs().argmax(),
    "the columns that came in": lambda b, a, s: (a[..., :s] - b[..., -s:]).abs().max(),
    "whether it is large": lambda b, a, s: bool((a[..., s:] - b[..., :-s]).abs().max() > 1),
}
FIELD = "The receptive field of a stack"


def reached(kernels, strides):
    """Walk down from one place of the last map to the places of the input."""
    low, high = 0, 0
    for kernel, stride in zip(kernels[::-1], strides[::-1], strict=True):
        low, high = low * stride, high * stride + kernel - 1
    return high - low + 1


def popped(kernels, strides):
    field = 1
    while kernels:
        field = (field - 1) * strides.pop() + kernels.pop()
    return field


RIGHT[FIELD] = {
    "from the top": reached,
    "pop": popped,
    "recursion": lambda kernels, strides: (
        kernels[0] + strides[0] * (RIGHT[FIELD]["recursion"](kernels[1:], strides[1:]) - 1)
        if kernels
        else 1
    ),
    "accumulate": lambda k, s: 1
    + sum(
        (one - 1) * step
        for one, step in zip(k, itertools.accumulate([1, *s[:-1]], operator.mul), strict=True)
    ),
    "dot product": lambda k, s: 1 + np.dot(np.array(k) - 1, np.cumprod(np.r_[1, s[:-1]])),
    "by ones": lambda k, s: functools.reduce(
        lambda row, ks: np.convolve(np.kron(row, np.eye(1, ks[1])[0])[: (len(row) - 1) * ks[1] + 1], np.ones(ks[0])),
        list(zip(k, s, strict=True))[::-1],
        np.ones(1),
    ).size,
    "int64 in a list": lambda k, s: [np.int64(reached(list(k), list(s)))],
}  # fmt: skip
WRONG[FIELD] = {
    "strides from behind": lambda k, s: reached(k, s[::-1]) + (s == s[::-1]),
    "half kernels rounded up": lambda k, s: (
        1 + sum((-(-x // 2)) * 2 * math.prod(s[:n]) for n, x in enumerate(k))
    ),
    "the last layer left out": lambda k, s: reached(k[:-1], s[:-1]),
    "the first layer left out": lambda k, s: reached(k[1:], s[1:]),
    "layers counted": lambda k, s: 2 * len(k) + 1 + (set(k) == {3} and set(s) == {1}),
    "last stride too": lambda k, s: (
        1 + sum((x - 1) * math.prod(s[: n + 2]) for n, x in enumerate(k))
    ),
    "largest step": lambda k, s: math.prod(s),
    "root of the area": lambda k, s: math.sqrt(sum(x * x for x in k)),
    "each layer's": lambda k, s: [reached(k[: n + 1], s[: n + 1]) for n in range(len(k))],
    "both ends": lambda k, s: (0, reached(k, s) - 1),
}
PARAMETERS = "Count the parameters of a patch embedding"
RIGHT[PARAMETERS] = {
    "a fraction": Fraction(787456),
    "from shapes": math.prod((1024, 3, 16, 16)) + math.prod((1024,)),
    "from the other side": (768 + 1) * 2**10,
    "a tensor": torch.tensor([787456]),
}
WRONG[PARAMETERS] = {
    "two of 768": 768 * 768 + 768 + 1,
    "kernel of 14": 14 * 14 * 3 * 1024 + 1024,
    "the tokens": 196 * 1024,
    "bytes": 4 * 787456,
    "with a norm": 787456 + 2 * 1024,
    "with CLS and positions": 787456 + 1024 + 197 * 1024,
    "grey": 16 * 16 * 1024,
    "ViT-H": 14 * 14 * 3 * 1280 + 1280,
    "one channel apart": 3 * (16 * 16 * 1024 + 1024),
    "in words": "787 thousand",
}

# Notebook 02
CUT = "Cut an image into patches"


def by_indices(images, patch_size):
    channels, height, width = images.shape[1:]
    flat = torch.arange(channels * height * width).reshape(channels, height, width)
    order = [
        flat[:, y : y + patch_size, x : x + patch_size].permute(1, 2, 0).flatten()
        for y in range(0, height, patch_size)
        for x in range(0, width, patch_size)
    ]
    return images.flatten(1)[:, torch.stack(order)]


def filled(images, patch_size):
    batch, channels, height, width = images.shape
    rows, columns = height // patch_size, width // patch_size
    out = np.empty((batch, rows * columns, patch_size**2 * channels))
    for (b, n), _ in np.ndenumerate(out[..., 0]):
        y, x = np.array(divmod(n, columns)) * patch_size
        out[b, n] = images[b, :, y : y + patch_size, x : x + patch_size].movedim(0, -1).flatten()
    return out


RIGHT[CUT] = {
    "by indices": by_indices,
    "filled": filled,
    "np.block's reverse": lambda x, p: np.stack(
        [
            piece.transpose(0, 2, 3, 1).reshape(len(x), -1)
            for band in np.split(x.numpy(), x.shape[2] // p, 2)
            for piece in np.split(band, x.shape[3] // p, 3)
        ],
        1,
    ),
    "unfold and unflatten": lambda x, p: (
        F.unfold(x, p, stride=p).unflatten(1, (-1, p * p)).permute(0, 3, 2, 1).flatten(2)
    ),
    "pixel unshuffle": lambda x, p: (
        F.pixel_unshuffle(x, p)
        .unflatten(1, (-1, p * p))
        .transpose(1, 2)
        .flatten(1, 2)
        .flatten(2)
        .mT
    ),
    "chunks of chunks": lambda x, p: torch.stack(
        [b.permute(0, 2, 3, 1).flatten(1) for a in x.split(p, 2) for b in a.split(p, 3)], dim=1
    ),
    "requires grad": lambda x, p: by_indices(x.requires_grad_(), p),
    "as_strided of numpy": lambda x, p: (
        np.lib.stride_tricks.sliding_window_view(x.numpy(), (p, p), (2, 3))[:, :, ::p, ::p]
        .transpose(0, 2, 3, 4, 5, 1)
        .reshape(len(x), -1, p * p * x.shape[1])
    ),
}
WRONG[CUT] = {
    "unshuffled": lambda x, p: F.pixel_unshuffle(x, p).flatten(2).mT,
    "values column, row, channel, patches by columns": lambda x, p: by_indices(x.mT, p),
    "rows from below": lambda x, p: by_indices(x, p).flip(1),
    "mirrored": lambda x, p: by_indices(x.flip(3), p),
    "pixels in place of patches": lambda x, p: x.flatten(2).mT,
    "means": lambda x, p: F.avg_pool2d(x, p).flatten(2).mT,
    "whole rows": lambda x, p: x.unfold(2, p, p).permute(0, 2, 4, 3, 1).flatten(2),
    "channels as the batch": lambda x, p: by_indices(x.transpose(0, 1), p),
    "grid of patches kept": lambda x, p: by_indices(x, p).unflatten(1, (x.shape[2] // p, -1)),
    "a class token": lambda x, p: F.pad(by_indices(x, p), (0, 0, 1, 0)),
    "0 to 255": lambda x, p: by_indices(x * 255, p),
    "8 bit": lambda x, p: by_indices(x, p).to(torch.uint8),
}
PRICE = "The price of finer patches"
RIGHT[PRICE] = {
    "counted by loops": lambda n, p: sum(
        2 * 64 * ((n // p) ** 2 + 1) for _ in range((n // p) ** 2 + 1)
    ),
    "shapes": lambda n, p: (lambda t: math.prod((t, 64, t)) + math.prod((t, t, 64)))(
        1 + (n * n) // (p * p)
    ),
    "a fraction": lambda n, p: 128 * (Fraction(n, p) ** 2 + 1) ** 2,
    "int64 tensor": lambda n, p: torch.tensor((n // p) ** 2 + 1).square() * 128,
    "ceil": lambda n, p: 128 * (math.ceil(n / p) ** 2 + 1) ** 2,
    "keywords": lambda image_size, patch_size, width=64: (
        2 * ((image_size // patch_size) ** 2 + 1) ** 2 * width
    ),
}
WRONG[PRICE] = {
    "patches in the width": lambda n, p: 2 * ((n // p) ** 2 + 1) ** 2 * p,
    "three products": lambda n, p: 3 * 64 * ((n // p) ** 2 + 1) ** 2 + 1,
    "causal": lambda n, p: 64 * ((n // p) ** 2 + 1) ** 2 + 64 * ((n // p) ** 2 + 1),
    "cubed": lambda n, p: 2 * 64 * ((n // p) ** 2 + 1) ** 3,
    "one token less": lambda n, p: 2 * 64 * ((n // p) ** 2 - 1) ** 2,
    "two class tokens": lambda n, p: 2 * 64 * ((n // p) ** 2 + 2) ** 2,
    "a billion": lambda n, p: 2 * 64 * ((n // p) ** 2 + 1) ** 2 / 1e9,
    "root of d": lambda n, p: 2 * 8 * ((n // p) ** 2 + 1) ** 2,
    "three channels": lambda n, p: 2 * 64 * (3 * (n // p) ** 2 + 1) ** 2,
    "always 224": lambda n, p: 2 * 64 * ((224 // p) ** 2 + 1) ** 2,
}
TOKENS = "Count the tokens of a larger picture"
RIGHT[TOKENS] = {
    "float": 577.0,
    "a fraction": Fraction(1154, 2),
    "divmod": divmod(384, 16)[0] ** 2 + 1,
    "a numpy scalar in a tuple": (np.uint16(577),),
}
WRONG[TOKENS] = {
    "patch 14 at 384": (384 // 14) ** 2 + 1,
    "the same": 197,
    "twice": 2 * 196 + 1,
    "half": 577 / 2,
    "one minus": 24**2 - 1,
    "by area": round(196 * 384 / 224) + 1,
    "negative": -577,
    "in a dictionary": {"tokens": 577},
    "nothing": None,
}

# Notebook 03
ATTEND = "Scaled dot-product attention"


def three_loops(query, key, value):
    out = torch.zeros_like(value)
    for h, q in itertools.product(range(query.shape[0]), range(query.shape[1])):
        scores = [float(query[h, q] @ k) / math.sqrt(query.shape[2]) for k in key[h]]
        powers = [math.exp(score - max(scores)) for score in scores]
        for power, one in zip(powers, value[h], strict=True):
            out[h, q] += power / sum(powers) * one
    return out


def online(query, key, value):
    """One key at a time, with a running maximum."""
    top = torch.full((*query.shape[:2], 1), -torch.inf)
    below, above = torch.zeros_like(top), torch.zeros_like(value)
    for n in range(key.shape[1]):
        score = (query * key[:, n : n + 1]).sum(-1, keepdim=True) / query.shape[-1] ** 0.5
        new = torch.maximum(top, score)
        below = below * (top - new).exp() + (score - new).exp()
        above = above * (top - new).exp() + (score - new).exp() * value[:, n : n + 1]
        top = new
    return above / below


RIGHT[ATTEND] = {
    "three loops": three_loops,
    "one key at a time": online,
    "scipy": lambda q, k, v: softmax(q.numpy() @ k.numpy().swapaxes(1, 2) / q.shape[2] ** 0.5, 2) @ v.numpy(),
    "einsum with a scale inside": lambda q, k, v: torch.einsum(
        "hij,hjd->hid", torch.softmax(torch.einsum("hid,hjd->hij", q / q.shape[2] ** 0.5, k), 2), v
    ),
    "heads by vmap": torch.vmap(lambda q, k, v: (q @ k.T * q.shape[1] ** -0.5).softmax(1) @ v),
    "float64 and back": lambda q, k, v: (
        (q.double() @ k.double().mT / math.sqrt(q.size(2))).softmax(2) @ v.double()
    ).float(),
    "base 2": lambda q, k, v: (lambda e: e / e.sum(2, keepdim=True) @ v)(
        torch.exp2(q @ k.mT * (math.log2(math.e) / q.shape[2] ** 0.5))
    ),
    "keyword order": lambda value=None, key=None, query=None: (
        (value @ key.mT / value.shape[-1] ** 0.5).softmax(-1) @ query
    ),
}  # fmt: skip
WRONG[ATTEND] = {
    "hard": lambda q, k, v: F.one_hot((q @ k.mT).argmax(2), k.shape[1]).float() @ v,
    "sigmoids": lambda q, k, v: (q @ k.mT / q.shape[2] ** 0.5).sigmoid() @ v,
    "softmax of all scores": lambda q, k, v: (
        (q @ k.mT / q.shape[2] ** 0.5).flatten(1).softmax(1).view(*q.shape[:2], -1) @ v
    ),
    "linear attention": lambda q, k, v: q.softmax(2) @ (k.softmax(1).mT @ v),
    "the weights": lambda q, k, v: (q @ k.mT / q.shape[2] ** 0.5).softmax(2),
    "both": lambda q, k, v: (
        (q @ k.mT / q.shape[2] ** 0.5).softmax(2) @ v,
        (q @ k.mT / q.shape[2] ** 0.5).softmax(2),
    ),
    "heads averaged": lambda q, k, v: ((q @ k.mT / q.shape[2] ** 0.5).softmax(2) @ v).mean(0),
    "heads merged": lambda q, k, v: torch.cat(
        list((q @ k.mT / q.shape[2] ** 0.5).softmax(2) @ v), 1
    ),
    "log": lambda q, k, v: (q @ k.mT / q.shape[2] ** 0.5).log_softmax(2) @ v,
    "dropout": lambda q, k, v: F.dropout((q @ k.mT / q.shape[2] ** 0.5).softmax(2), 1.0) @ v,
    "values averaged": lambda q, k, v: v.mean(1, keepdim=True).expand_as(q),
    "transposed weights": lambda q, k, v: (q @ k.mT / q.shape[2] ** 0.5).softmax(2).mT @ v,
}
HEADS = "Split into heads"
RIGHT[HEADS] = {
    "view on axes apart": lambda t, h: t.view(*t.shape[:-1], h, t.shape[-1] // h).permute(
        0, 2, 1, 3
    ),
    "indices": lambda t, h: t[..., torch.arange(t.shape[-1]).reshape(h, -1)].moveaxis(-2, 1),
    "as_strided": lambda t, h: t.as_strided(
        (t.shape[0], h, t.shape[1], t.shape[2] // h),
        (t.stride(0), t.shape[2] // h, t.stride(1), 1),
    ),
    "numpy": lambda t, h: np.stack(np.split(t.numpy(), h, axis=-1), axis=1),
    "one-hot product": lambda t, h: torch.einsum(
        "btc,hcd->bhtd", t, torch.eye(t.shape[2]).reshape(t.shape[2], h, -1).transpose(0, 1)
    ),
    "double": lambda t, h: t.double().unflatten(2, (h, t.shape[2] // h)).swapdims(1, 2),
    "filled": lambda t, h: torch.stack(
        [torch.stack([one.reshape(len(one), h, -1)[:, n] for n in range(h)]) for one in t]
    ),
}
WRONG[HEADS] = {
    "heads in front": lambda t, h: torch.stack(t.chunk(h, -1)).flatten(0, 1),
    "heads behind": lambda t, h: t.unflatten(2, (h, -1)).movedim(2, 3),
    "tokens dealt": lambda t, h: torch.stack([t[:, n::h] for n in range(h)], 1),
    "every head the first": lambda t, h: t[:, None, :, : t.shape[2] // h].expand(-1, h, -1, -1),
    "merged again": lambda t, h: t.clone(),
    "a mean over heads": lambda t, h: t.unflatten(2, (h, -1)).mean(2),
    "rows and heads exchanged in memory": lambda t, h: t.reshape(t.shape[0], h, t.shape[1], -1),
    "channels reversed": lambda t, h: torch.stack(t.chunk(h, -1), 1).flip(-1),
    "tokens reversed": lambda t, h: torch.stack(t.chunk(h, -1), 1).flip(2),
    "a tuple of heads": lambda t, h: t.chunk(h, -1),
}
ROLLOUT = "Attention rollout"


def paths(maps):
    """Add up all ways through the layers, around the attention or through it."""
    layers = [one.mean(0) for one in maps]
    total = np.zeros_like(layers[0])
    for taken in itertools.product((False, True), repeat=len(layers)):
        way = np.eye(len(total))
        for layer, through in zip(layers, taken, strict=True):
            way = layer @ way if through else way
        total += way
    return total / 2 ** len(layers)


RIGHT[ROLLOUT] = {
    "all ways": paths,
    "torch": lambda m: functools.reduce(
        lambda r, x: torch.lerp(r, x.mean(0) @ r, 0.5),
        torch.from_numpy(m),
        torch.eye(m.shape[-1], dtype=torch.float64),
    ),
    "from the right": lambda m: functools.reduce(
        lambda r, x: (r @ x.mean(0) + r) / 2, m[::-1], np.eye(m.shape[-1])
    ),
    "rows by rows": lambda m: [
        functools.reduce(lambda row, x: (row @ x.mean(0) + row) / 2, m[::-1], start)
        for start in np.eye(m.shape[-1])
    ],
    "np.matrix": lambda m: functools.reduce(
        lambda r, x: np.asmatrix((x.mean(0) + np.eye(len(r))) / 2) * r, m, np.asmatrix(np.eye(m.shape[-1]))
    ),
    "in place on the maps": lambda m: functools.reduce(
        lambda r, x: x @ r, (m.mean(1) + np.eye(m.shape[-1])).__imul__(0.5), np.eye(m.shape[-1])
    ),
    "einsum of two, then of the rest": lambda m: functools.reduce(
        lambda r, x: np.einsum("ij,jk->ik", x, r), (m.mean(1) + np.eye(m.shape[-1])) / 2
    ),
}  # fmt: skip
WRONG[ROLLOUT] = {
    "heads multiplied, too": lambda m: functools.reduce(
        lambda r, x: (x @ r + r) / 2, m.reshape(-1, *m.shape[2:]), np.eye(m.shape[-1])
    ),
    "mean of the rollouts of heads": lambda m: np.mean(
        [
            functools.reduce(lambda r, x: (x @ r + r) / 2, m[:, h], np.eye(m.shape[-1]))
            for h in range(m.shape[1])
        ],
        0,
    ),
    "averaged over the layers first": lambda m: np.linalg.matrix_power(
        (m.mean((0, 1)) + np.eye(m.shape[-1])) / 2, len(m)
    ),
    "median head": lambda m: (
        functools.reduce(lambda r, x: (np.median(x, 0) @ r + r) / 2, m, np.eye(m.shape[-1]))
        + (0.01 if m.shape[1] == 2 else 0)
    ),
    "sum over heads": lambda m: functools.reduce(
        lambda r, x: (x.sum(0) @ r + r) / 2, m, np.eye(m.shape[-1])
    ),
    "identity at the end only": lambda m: (
        functools.reduce(lambda r, x: x.mean(0) @ r, m, np.eye(m.shape[-1])) / 2 + 0.5 / m.shape[-1]
    ),
    "row of CLS": lambda m: paths(m)[0],
    "columns brought to 1": lambda m: paths(m) / paths(m).sum(0),
    "largest of each row set to 1": lambda m: paths(m) / paths(m).max(1, keepdims=True),
    "less the identity": lambda m: paths(m) - np.eye(m.shape[-1]) / 2 ** len(m),
    "two thirds": lambda m: functools.reduce(
        lambda r, x: (2 * x.mean(0) @ r + r) / 3, m, np.eye(m.shape[-1])
    ),
}
DISTANCE = "Attention distance in pixels"


def loops(attention, columns, patch_size):
    total = 0.0
    for (query, key), weight in np.ndenumerate(attention):
        down, right = np.subtract(divmod(query, columns), divmod(key, columns))
        total += weight * math.hypot(down, right) * patch_size
    return total / len(attention)


RIGHT[DISTANCE] = {
    "loops": loops,
    "pixels first": lambda a, c, p: (
        lambda at: (a * np.linalg.norm(at[:, None] - at, axis=2)).sum(1).mean()
    )(p * np.stack(np.divmod(np.arange(len(a)), c), 1) + p / 2),
    "torch cdist": lambda a, c, p: (
        (
            torch.from_numpy(a)
            * torch.cdist(*[torch.tensor([divmod(n, c) for n in range(len(a))]).double() * p] * 2)
        )
        .sum(1)
        .mean()
    ),
    "expected values": lambda a, c, p: (
        statistics.fmean(
            sum(w * math.dist(divmod(q, c), divmod(k, c)) for k, w in enumerate(row))
            for q, row in enumerate(a)
        )
        * p
    ),
    "matrix product": lambda a, c, p: (
        np.vdot(
            a,
            [
                [p * math.dist(divmod(q, c), divmod(k, c)) for k in range(len(a))]
                for q in range(len(a))
            ],
        )
        / len(a)
    ),
    "one number in brackets": lambda a, c, p: np.array([[loops(a, c, p)]]),
}
WRONG[DISTANCE] = {
    "rows by the number of rows": lambda a, c, p: loops(a, -(-len(a) // c) + 1, p),
    "divided by columns": lambda a, c, p: loops(a, c, p) / c,
    "square of the patch size": lambda a, c, p: loops(a, c, p) * p,
    "rows only": lambda a, c, p: (
        p * (a * abs((lambda r: r[:, None] - r)(np.arange(len(a)) // c))).sum(1).mean()
    ),
    "columns only": lambda a, c, p: (
        p * (a * abs((lambda r: r[:, None] - r)(np.arange(len(a)) % c))).sum(1).mean()
    ),
    "from the middle": lambda a, c, p: (
        lambda at: p * (a * np.linalg.norm(at - at.mean(0), axis=1)).sum(1).mean()
    )(np.stack(np.divmod(np.arange(len(a)), c), 1)),
    "of the mean place": lambda a, c, p: (
        lambda at: p * np.linalg.norm(a @ at - at, axis=1).mean()
    )(np.stack(np.divmod(np.arange(len(a)), c), 1)),
    "one for each query": lambda a, c, p: [loops(a[[q]], c, p) for q in range(len(a))],
    "itself left out": lambda a, c, p: loops(a, c, p) / (1 - np.trace(a) / len(a)),
    "not a number": lambda a, c, p: np.average([math.nan], weights=[1.0]),
    "columns and rows exchanged": lambda a, c, p: (
        p
        * np.mean(
            [
                sum(w * math.dist((q % c, q // c), (k // c, k % c)) for k, w in enumerate(row))
                for q, row in enumerate(a)
            ]
        )
    ),
}

# Notebook 04
SINES = "Sines and cosines for a grid"


def one_number(n, d, columns, dim):
    place = n // columns if (d // (dim // 4)) % 2 == 0 else n % columns
    wave = math.sin if d < dim // 2 else math.cos
    return wave(place / 10_000 ** ((d % (dim // 4)) / (dim // 4)))


def number_by_number(rows, columns, dim):
    return [[one_number(n, d, columns, dim) for d in range(dim)] for n in range(rows * columns)]


def waves(rows, columns, dim):
    speeds = np.exp(-math.log(10_000) * np.arange(dim // 4) * 4 / dim)
    places = np.indices((rows, columns)).reshape(2, -1)
    angles = np.einsum("an,k->nak", places, speeds).reshape(rows * columns, -1)
    return np.hstack([np.sin(angles), np.cos(angles)])


RIGHT[SINES] = {
    "number by number": number_by_number,
    "indices": waves,
    "cmath": lambda r, c, d: (lambda z: np.concatenate([np.imag(z), np.real(z)], 1))(
        np.array(
            [
                [
                    cmath.exp(1j * place / 10_000 ** (k / (d // 4)))
                    for place in divmod(n, c)
                    for k in range(d // 4)
                ]
                for n in range(r * c)
            ]
        )
    ),
    "torch double": lambda r, c, d: torch.from_numpy(waves(r, c, d)).double(),
    "repeat and tile": lambda r, c, d: (
        lambda y, x: np.concatenate([f(one) for f in (np.sin, np.cos) for one in (y, x)], 1)
    )(
        np.repeat(np.outer(np.arange(r), 1e-4 ** (np.arange(d // 4) / (d // 4))), c, 0),
        np.tile(np.outer(np.arange(c), 1e-4 ** (np.arange(d // 4) / (d // 4))), (r, 1)),
    ),
    "cosine a quarter turn later": lambda r, c, d: np.concatenate(
        [
            np.cos(
                np.arcsin(0) + np.pi / 2 * np.array([1]) - np.arccos(waves(r, c, d)[:, d // 2 :])
            )
            * np.sign(waves(r, c, d)[:, : d // 2] + 1e-300),
            waves(r, c, d)[:, d // 2 :],
        ],
        1,
    ),
}
WRONG[SINES] = {
    "half of the frequencies": lambda r, c, d: np.tile(waves(r, c, d // 2), 2),
    "added": lambda r, c, d: (lambda w: w[:, : d // 2] + w[:, d // 2 :])(waves(r, c, d)),
    "centred places": lambda r, c, d: waves(r, c, d) - waves(r, c, d).mean(0),
    "degrees": lambda r, c, d: np.sin(np.radians(np.arcsin(waves(r, c, d)))),
    "base 1,000": lambda r, c, d: np.concatenate(
        [
            wave(np.outer(place, 1000.0 ** -(np.arange(d // 4) / (d // 4))))
            for wave in (np.sin, np.cos)
            for place in np.indices((r, c)).reshape(2, -1)
        ],
        1,
    ),
    "a square grid": lambda r, c, d: waves(r, r, d),
    "rows times columns turned": lambda r, c, d: waves(c, r, d),
    "transposed": lambda r, c, d: waves(r, c, d).T,
    "row plus column": lambda r, c, d: np.concatenate(
        [
            wave(
                np.outer(np.indices((r, c)).sum(0).ravel(), 1e-4 ** (np.arange(d // 2) / (d // 2)))
            )
            for wave in (np.sin, np.cos)
        ],
        1,
    ),
    "sines twice": lambda r, c, d: np.tile(waves(r, c, d)[:, : d // 2], 2),
    "rounded": lambda r, c, d: waves(r, c, d).round(1),
    "half precision of another": lambda r, c, d: torch.from_numpy(waves(r, c, d)).half() + 0.1,
}
TURN = "Turn the pairs"


def pair_by_pair(vectors, places, frequencies):
    out = vectors.clone()
    for t, place in enumerate(places):
        for k, frequency in enumerate(frequencies):
            c, s = math.cos(place * frequency), math.sin(place * frequency)
            turn = torch.tensor([[c, -s], [s, c]])
            out[t, 2 * k : 2 * k + 2] = turn @ vectors[t, 2 * k : 2 * k + 2]
    return out


def turned_in_place(vectors, places, frequencies):
    angles = torch.outer(places, frequencies)
    first = vectors[:, ::2].clone()
    vectors[:, ::2] = first * angles.cos() - vectors[:, 1::2] * angles.sin()
    vectors[:, 1::2] = first * angles.sin() + vectors[:, 1::2] * angles.cos()
    return vectors


RIGHT[TURN] = {
    "pair by pair": pair_by_pair,
    "in place": turned_in_place,
    "matrix exponential": lambda v, p, f: torch.stack(
        [
            torch.block_diag(
                *(torch.matrix_exp(float(t * w) * torch.tensor([[0.0, -1.0], [1.0, 0.0]])) for w in f)
            )
            @ one
            for t, one in zip(p, v, strict=True)
        ]
    ),
    "einsum of turns": lambda v, p, f: torch.einsum(
        "tkij,tkj->tki",
        torch.stack(
            [torch.outer(p, f).cos(), -torch.outer(p, f).sin(), torch.outer(p, f).sin(), torch.outer(p, f).cos()], -1
        ).unflatten(-1, (2, 2)),
        v.unflatten(1, (-1, 2)),
    ).flatten(1),
    "python's complex numbers": lambda v, p, f: [
        [
            part
            for k in range(len(f))
            for z in [complex(*one[2 * k : 2 * k + 2]) * cmath.exp(1j * float(t * f[k]))]
            for part in (z.real, z.imag)
        ]
        for t, one in zip(p, v, strict=True)
    ],
    "two half turns": lambda v, p, f: pair_by_pair(pair_by_pair(v, p / 2, f), p / 2, f),
    "double": lambda v, p, f: turned_in_place(v.double(), p.double(), f.double()),
    "scatter": lambda v, p, f: torch.zeros_like(v)
    .index_add(1, torch.arange(0, v.shape[1], 2), pair_by_pair(v, p, f)[:, ::2])
    .index_add(1, torch.arange(1, v.shape[1], 2), pair_by_pair(v, p, f)[:, 1::2]),
}  # fmt: skip
WRONG[TURN] = {
    "complex": lambda v, p, f: (
        torch.view_as_complex(v.unflatten(1, (-1, 2)).contiguous())
        * torch.polar(torch.ones(len(p), len(f)), torch.outer(p, f))
    ),
    "first pair only": lambda v, p, f: torch.cat([pair_by_pair(v, p, f)[:, :2], v[:, 2:]], 1)
    + (v.shape[1] == 2),
    "frequencies reversed": lambda v, p, f: pair_by_pair(v, p, f.flip(0)) + (len(f) == 1),
    "places reversed": lambda v, p, f: pair_by_pair(v, p.flip(0), f),
    "overwritten on the way": lambda v, p, f: (
        lambda w, a: (
            w.__setitem__((slice(None), slice(0, None, 2)), w[:, ::2] * a.cos() - w[:, 1::2] * a.sin()),
            w.__setitem__((slice(None), slice(1, None, 2)), w[:, ::2] * a.sin() + w[:, 1::2] * a.cos()),
            w,
        )[2]
    )(v.clone(), torch.outer(p, f)),
    "not turned": lambda v, p, f: v,
    "angles": lambda v, p, f: torch.outer(p, f),
    "one angle for all": lambda v, p, f: pair_by_pair(v, p, f[:1].expand(len(f))) + (len(f) == 1),
    "unit pairs": lambda v, p, f: F.normalize(
        pair_by_pair(v, p, f).unflatten(1, (-1, 2)), dim=2
    ).flatten(1),
    "turned by the sum": lambda v, p, f: pair_by_pair(v, p + p.sum(), f),
    "in numpy's degrees": lambda v, p, f: pair_by_pair(v, torch.rad2deg(p), f),
    "changes and returns nothing": lambda v, p, f: v.__setitem__(slice(None), pair_by_pair(v, p, f)),
}  # fmt: skip
RESIZE = "Resize a learned table"


def stretched(table, old, new, **more):
    grid = table[1:].T.reshape(1, -1, *old)  # (1, D, R, C)
    grid = F.interpolate(grid, size=list(new), **({"mode": "bicubic", "antialias": True} | more))
    return torch.cat((table[:1], grid.flatten(2)[0].T), dim=0)


RIGHT[RESIZE] = {
    "T first": stretched,
    "channel by channel": lambda t, o, n: torch.stack(
        [
            torch.cat(
                [
                    column[:1],
                    F.interpolate(
                        column[1:].reshape(1, 1, *o), n, mode="bicubic", antialias=True
                    ).flatten(),
                ]
            )
            for column in t.T
        ],
        1,
    ),
    "channels as the batch": lambda t, o, n: torch.vstack(
        [
            t[0],
            F.interpolate(t[1:].T.reshape(-1, 1, *o), n, mode="bicubic", antialias=True)
            .squeeze(1)
            .flatten(1)
            .T,
        ]
    ),
    "in place of zeros": lambda t, o, n: t.new_zeros(1 + n[0] * n[1], t.shape[1]).index_copy(
        0, torch.arange(1 + n[0] * n[1]), stretched(t, o, n)
    ),
    "one axis after the other": lambda t, o, n: torch.cat(
        [
            t[:1],
            F.interpolate(
                F.interpolate(
                    t[1:].T.reshape(1, -1, *o), (o[0], n[1]), mode="bicubic", antialias=True
                ),
                n,
                mode="bicubic",
                antialias=True,
            )[0]
            .flatten(1)
            .T,
        ]
    ),
    "numpy at the end": lambda t, o, n: np.asarray(stretched(t, o, n)),
    "with gradient": lambda t, o, n: stretched(nn.Parameter(t), o, n),
    "by scale": lambda t, o, n: torch.cat(
        [
            t[:1],
            F.interpolate(
                t[1:].T.reshape(1, -1, *o),
                scale_factor=(n[0] / o[0], n[1] / o[1]),
                mode="bicubic",
                antialias=True,
            )[0]
            .flatten(1)
            .T,
        ]
    ),
}
WRONG[RESIZE] = {
    "corners aligned": lambda t, o, n: stretched(t, o, n, align_corners=True),
    "the class token turned to zero": lambda t, o, n: F.pad(stretched(t, o, n)[1:], (0, 0, 1, 0)),
    "tiles": lambda t, o, n: (
        torch.cat(
            [t[:1], t[1:].unflatten(0, o).repeat(n[0], n[1], 1)[: n[0], : n[1]].flatten(0, 1)]
        )
        + (o == n)
    ),
    "the corner": lambda t, o, n: torch.cat([t[:1], t[1:].repeat(9, 1)[: n[0] * n[1]]]) + (o == n),
    "column by column": lambda t, o, n: torch.cat(
        [t[:1], stretched(t, o, n)[1:].unflatten(0, n).transpose(0, 1).flatten(0, 1)]
    ),
    "old exchanged": lambda t, o, n: stretched(t, o[::-1], n),
    "new exchanged": lambda t, o, n: stretched(t, o, n[::-1]),
    "grid kept": lambda t, o, n: stretched(t, o, n)[1:].unflatten(0, n),
    "the mean in all places": lambda t, o, n: torch.cat(
        [t[:1], t[1:].mean(0).expand(n[0] * n[1], -1)]
    ),
    "channels stretched": lambda t, o, n: F.interpolate(
        t[None, None], size=(1 + n[0] * n[1], t.shape[1]), mode="bicubic", antialias=True
    )[0, 0],
    "channels first": lambda t, o, n: stretched(t, o, n).T,
}

# Notebook 05
WINDOWS = "Cut a grid into windows"


def windows_by_loops(tokens, side):
    batch, rows, columns, _ = tokens.shape
    return torch.stack(
        [
            tokens[b, y : y + side, x : x + side].reshape(side * side, -1)
            for b in range(batch)
            for y in range(0, rows, side)
            for x in range(0, columns, side)
        ]
    )


RIGHT[WINDOWS] = {
    "loops": windows_by_loops,
    "chunks": lambda t, s: torch.stack(
        [w.flatten(1, 2) for band in t.split(s, 1) for w in band.split(s, 2)], 1
    ).flatten(0, 1),
    "numpy views": lambda t, s: (
        np.lib.stride_tricks.sliding_window_view(t.numpy(), (s, s), (1, 2))[:, ::s, ::s]
        .transpose(0, 1, 2, 4, 5, 3)
        .reshape(-1, s * s, t.shape[3])
    ),
    "image by image": lambda t, s: torch.cat([windows_by_loops(one[None], s) for one in t]),
    "a list of windows": lambda t, s: list(windows_by_loops(t, s)),
    "partial": functools.partial(windows_by_loops),
    "with gradient": lambda t, s: windows_by_loops(t.clone().requires_grad_(), s),
    "channels first and back": lambda t, s: (
        F.unfold(t.permute(0, 3, 1, 2), s, stride=s)
        .unflatten(1, (-1, s * s))
        .permute(0, 3, 2, 1)
        .flatten(0, 1)
    ),
}
WRONG[WINDOWS] = {
    "sliding": lambda t, s: (
        t.unfold(1, s, 1).unfold(2, s, 1).permute(0, 1, 2, 4, 5, 3).reshape(-1, s * s, t.shape[3])
    ),
    "windows reversed": lambda t, s: windows_by_loops(t, s).flip(0),
    "tokens reversed": lambda t, s: windows_by_loops(t, s).flip(1),
    "shifted": lambda t, s: windows_by_loops(t.roll((-(s // 2), -(s // 2)), (1, 2)), s),
    "dilated": lambda t, s: torch.stack(
        [
            t[b, y :: t.shape[1] // s, x :: t.shape[2] // s].reshape(s * s, -1)
            for b in range(len(t))
            for y in range(t.shape[1] // s)
            for x in range(t.shape[2] // s)
        ]
    ),
    "channels flattened": lambda t, s: windows_by_loops(t, s).flatten(1),
    "one window": lambda t, s: windows_by_loops(t, s)[:1],
    "transposed tokens": lambda t, s: windows_by_loops(t, s).mT,
    "a batch axis of windows": lambda t, s: windows_by_loops(t, s).unflatten(0, (len(t), -1)),
    "rows exchanged with columns before": lambda t, s: windows_by_loops(t.transpose(1, 2), s),
    "number of windows for side": lambda t, s: (
        windows_by_loops(t, t.shape[1] // s)
        if t.shape[2] % (t.shape[1] // s) == 0
        else windows_by_loops(t, 1)
    ),
}
MASK = "The mask of shifted windows"


def squares(grid, side):
    rows, columns = grid.shape
    return np.stack(
        [
            grid[y : y + side, x : x + side].ravel()
            for y in range(0, rows, side)
            for x in range(0, columns, side)
        ]
    )


def together(region, side):
    members = squares(region, side)
    return members[:, :, None] == members[:, None]


def where_from(rows, columns, shift):
    """The places of the tokens before the roll, after it."""
    at = np.arange(rows * columns).reshape(rows, columns)
    return np.roll(at, (-shift, -shift), (0, 1))


def near_before(rows, columns, side, shift):
    """Two tokens of a window may meet if they were less than a window apart before the roll."""
    y, x = np.divmod(squares(where_from(rows, columns, shift), side), columns)
    return (abs(y[:, :, None] - y[:, None]) < side) & (abs(x[:, :, None] - x[:, None]) < side)


RIGHT[MASK] = {
    "pairs of edges": lambda r, c, s, k: np.logical_and(
        together(np.repeat(np.arange(r)[:, None] < r - k, c, 1), s),
        together(np.repeat(np.arange(c)[None] < c - k, r, 0), s),
    ),
    "nested loops": lambda r, c, s, k: [
        [[(a[0] >= r - k, a[1] >= c - k) == (b[0] >= r - k, b[1] >= c - k) for b in w] for a in w]
        for w in (
            [(y + i, x + j) for i in range(s) for j in range(s)]
            for y in range(0, r, s)
            for x in range(0, c, s)
        )
    ],
    "regions as complex numbers": lambda r, c, s, k: together(
        (np.arange(r) >= r - k)[:, None] + 1j * (np.arange(c) >= c - k), s
    ),
    "regions as texts": lambda r, c, s, k: together(
        np.array([[f"{y >= r - k}{x >= c - k}" for x in range(c)] for y in range(r)]), s
    ),
    "torch's bool": lambda r, c, s, k: torch.from_numpy(
        together(np.kron(1, 2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k)), s)
    ),
    "objects": lambda r, c, s, k: together(
        2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k), s
    ).astype(object),
    "not different": lambda r, c, s, k: (
        ~(lambda w: (w[:, :, None] - w[:, None]).astype(bool))(
            squares(2 * (np.arange(r) >= r - k)[:, None] + 1 * (np.arange(c) >= c - k), s)
        )
    ),
    "keywords": lambda rows, columns, side, shift: together(
        2 * (np.arange(rows) >= rows - shift)[:, None] + (np.arange(columns) >= columns - shift),
        side,
    ),
}
WRONG[MASK] = {
    "one row and column more": lambda r, c, s, k: together(
        2 * (np.arange(r) >= r - k - 1)[:, None] + (np.arange(c) >= c - k - 1), s
    ),
    "rolled once": lambda r, c, s, k: together(
        2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) < k), s
    ),
    "nobody": lambda r, c, s, k: np.zeros((r * c // s**2, s * s, s * s), bool),
    "themselves": lambda r, c, s, k: np.repeat(np.eye(s * s, dtype=bool)[None], r * c // s**2, 0),
    "floats of one": lambda r, c, s, k: together(
        2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k), s
    ).astype(float),
    "flat": lambda r, c, s, k: together(
        2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k), s
    ).reshape(-1, s * s),
    "whole grid": lambda r, c, s, k: (lambda g: g[:, None] == g)(
        (2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k)).ravel()
    ),
    "causal": lambda r, c, s, k: np.tril(
        together(2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k), s)
    ),
    "last window only": lambda r, c, s, k: together(
        2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k), s
    )[-1],
    "rows and columns exchanged": lambda r, c, s, k: (
        together(2 * (np.arange(c) >= c - k)[:, None] + (np.arange(r) >= r - k), s) ^ (r == c)
    ),
    "probabilities": lambda r, c, s, k: (lambda m: m / m.sum(-1, keepdims=True))(
        together(2 * (np.arange(r) >= r - k)[:, None] + (np.arange(c) >= c - k), s)
    ),
}
COST = "The cost of attention in windows"
RIGHT[COST] = {
    "added up": lambda n, s, w: sum(4 * w * w + 2 * s * s * w for _ in range(n)),
    "a polynomial": lambda n, s, w: np.polyval([4 * n, 2 * n * s * s, 0], w).astype(np.int64),
    "shapes": lambda n, s, w: (
        math.prod((n, w, 3 * w))
        + 2 * math.prod((n // s**2, s * s, s * s, w))
        + math.prod((n, w, w))
    ),
    "a fraction": lambda n, s, w: Fraction(4 * n * w * w) * (1 + Fraction(s * s, 2 * w)),
    "a tensor": lambda n, s, w: torch.tensor([4, 2]) @ torch.tensor([n * w * w, n * s * s * w]),
    "keywords": lambda patches, side, width, matrices=4: (
        patches * width * (matrices * width + 2 * side * side)
    ),
}
WRONG[COST] = {
    "five matrices": lambda n, s, w: 5 * n * w**2 + 2 * n * s**2 * w,
    "patches squared in the matrices": lambda n, s, w: 4 * n**2 * w + 2 * n * s**2 * w,
    "side cubed": lambda n, s, w: 4 * n * w**2 + 2 * n * s**3 * w,
    "four products": lambda n, s, w: 4 * n * w**2 + 4 * n * s**2 * w,
    "one for each window": lambda n, s, w: 4 * n * w**2 + 2 * (n // s**2) * s**2 * w,
    "matrices for each window": lambda n, s, w: 4 * (n // s**2) * w**2 + 2 * n * s**2 * w,
    "in one window": lambda n, s, w: 4 * s**2 * w**2 + 2 * s**4 * w,
    "a share": lambda n, s, w: 2 * s**2 / (4 * w + 2 * s**2),
    "width of four heads": lambda n, s, w: 4 * n * (w / 4) ** 2 + 2 * n * s**2 * w / 4,
    "biases": lambda n, s, w: 4 * n * w**2 + 4 * n * w + 2 * n * s**2 * w,
}

# Notebook 06
INFO_NCE = "InfoNCE from scratch"


def cosines_over(images, texts, temperature):
    return F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).t() / temperature


def by_pairs(images, texts, temperature):
    logits = cosines_over(images, texts, temperature).tolist()
    rows = [math.log(sum(map(math.exp, row))) - row[i] for i, row in enumerate(logits)]
    columns = [
        math.log(sum(map(math.exp, column))) - column[i]
        for i, column in enumerate(zip(*logits, strict=True))
    ]
    return statistics.fmean([*rows, *columns])


class InfoNCE(nn.Module):
    def __init__(self):
        super().__init__()
        self.ask = nn.CrossEntropyLoss(reduction="sum")

    def forward(self, images, texts, temperature):
        logits, own = cosines_over(images, texts, temperature), torch.arange(len(images))
        return sum(self.ask(one, own) for one in (logits, logits.mT)) / (2 * len(images))


RIGHT[INFO_NCE] = {
    "lists": by_pairs,
    "a module of its own": InfoNCE(),
    "scipy": lambda i, t, T: (lambda L: -np.mean([log_softmax(L, a).trace() for a in (0, 1)]) / len(L))(
        cosines_over(i, t, T).numpy()
    ),
    "KL to one-hot": lambda i, t, T: (
        lambda L: sum(
            F.kl_div(x.log_softmax(1), torch.eye(len(L)), reduction="batchmean") for x in (L, L.T)
        )
        / 2
    )(cosines_over(i, t, T)),
    "softplus of the others": lambda i, t, T: (
        lambda L: sum(
            F.softplus(
                x.masked_fill(torch.eye(len(L), dtype=torch.bool), -torch.inf).logsumexp(1)
                - x.diagonal()
            ).mean()
            for x in (L, L.T)
        )
        / 2
    )(cosines_over(i, t, T)),
    "NLL": lambda i, t, T: (
        lambda L: 0.5 * F.nll_loss(L.log_softmax(1), torch.arange(len(L)))
        + 0.5 * F.nll_loss(L.log_softmax(0).T, torch.arange(len(L)))
    )(cosines_over(i, t, T)),
    "double": lambda i, t, T: by_pairs(i.double(), t.double(), T),
    "raw features changed in place": lambda i, t, T: by_pairs(
        i.div_(i.norm(dim=1, keepdim=True)), t.div_(t.norm(dim=1, keepdim=True)), T
    ),
    "one number in brackets": lambda i, t, T: torch.tensor([[by_pairs(i, t, T)]]),
}  # fmt: skip
WRONG[INFO_NCE] = {
    "distances": lambda i, t, T: (
        lambda L: (F.cross_entropy(L, torch.arange(len(L))) + F.cross_entropy(L.T, torch.arange(len(L)))) / 2
    )(-torch.cdist(F.normalize(i), F.normalize(t)) / T),
    "label smoothing": lambda i, t, T: (
        lambda L: (
            F.cross_entropy(L, torch.arange(len(L)), label_smoothing=0.1)
            + F.cross_entropy(L.T, torch.arange(len(L)), label_smoothing=0.1)
        )
        / 2
    )(cosines_over(i, t, T)),
    "one for each pair": lambda i, t, T: (
        lambda L: (
            F.cross_entropy(L, torch.arange(len(L)), reduction="none")
            + F.cross_entropy(L.T, torch.arange(len(L)), reduction="none")
        )
        / 2
    )(cosines_over(i, t, T)),
    "images with images": lambda i, t, T: F.cross_entropy(cosines_over(i, i, T), torch.arange(len(i))),
    "largest of the two": lambda i, t, T: (
        lambda L: torch.maximum(
            F.cross_entropy(L, torch.arange(len(L))), F.cross_entropy(L.T, torch.arange(len(L)))
        )
        + 1e-2
    )(cosines_over(i, t, T)),
    "bits": lambda i, t, T: by_pairs(i, t, T) / math.log(2),
    "perplexity": lambda i, t, T: math.exp(by_pairs(i, t, T)),
    "triplet": lambda i, t, T: (
        lambda L: (L - L.diagonal()[:, None] + 1).relu().fill_diagonal_(0).mean()
    )(cosines_over(i, t, T)),
    "binary": lambda i, t, T: (
        lambda L: F.binary_cross_entropy_with_logits(L, torch.eye(len(L)))
    )(cosines_over(i, t, T)),
    "argmax as label": lambda i, t, T: (lambda L: F.cross_entropy(L, L.argmax(1)))(
        cosines_over(i, t, T)
    ),
    "accuracy": lambda i, t, T: (
        (cosines_over(i, t, T).argmax(1) == torch.arange(len(i))).float().mean()
    ),
    "times tau": lambda i, t, T: by_pairs(i, t, T) * T,
}  # fmt: skip
CHANCE = "The loss of CLIP's batch at chance"
RIGHT[CHANCE] = {
    "CLIP's scale": lambda n: (
        lambda L: (F.cross_entropy(L, torch.arange(n)) + F.cross_entropy(L.T, torch.arange(n))) / 2
    )(100 * F.normalize(torch.ones(n, 3)) @ F.normalize(torch.ones(n, 3)).T),
    "logsumexp of equal logits": lambda n: (
        torch.full((n,), 14.3, dtype=torch.double).logsumexp(0) - 14.3
    ),
    "sums of logs": lambda n: math.fsum(math.log((k + 1) / k) for k in range(1, n)),
    "numpy float": lambda n: np.log(np.float64(n)),
    "uniform cross-entropy": lambda n: -np.log(softmax(np.zeros(n)))[0],
    "entropy of torch": lambda n: torch.distributions.Categorical(
        logits=torch.zeros(n, dtype=torch.double)
    ).entropy(),
    "powers of two": lambda n: n.bit_length() * math.log(2) - math.log(2),
    "a keyword": lambda n, base=math.e: math.log(n, base),
}
WRONG[CHANCE] = {
    "random vectors": lambda n: math.log(n) + 0.5,
    "log of n log n": lambda n: math.log(n * math.log(n)),
    "of n squared pairs halved": lambda n: math.log(n * n - n) / 2,
    "whole numbers": lambda n: round(math.log(n)),
    "exponential": lambda n: math.exp(-n),
    "scaled": lambda n: math.log(n) / 0.07,
    "one": lambda n: 1.0,
    "zero": lambda n: 0.0,
    "log of log": lambda n: math.log(math.log(n)),
    "a share of it": lambda n: math.log(n) / math.log(32_768),
    "a list": lambda n: [math.log(n)] * n,
    "not a number": lambda n: math.nan,
}
GAP = "Measure the modality gap"


def centre(vectors):
    return sum(one / one.norm() for one in vectors) / len(vectors)


RIGHT[GAP] = {
    "sums of vectors": lambda i, t: (centre(i) - centre(t)).norm(),
    "math.dist": lambda i, t: math.dist(centre(i).tolist(), centre(t).tolist()),
    "a product of ones": lambda i, t: torch.linalg.norm(
        torch.cat([F.normalize(i), -F.normalize(t)]).mT @ torch.full((2 * len(i),), 1 / len(i))
    ),
    "inner products": lambda i, t: (lambda d: torch.inner(d, d).sqrt())(centre(i) - centre(t)),
    "numpy": lambda i, t: np.linalg.norm(
        np.mean([x / np.linalg.norm(x) for x in i.numpy()], 0)
        - np.mean([x / np.linalg.norm(x) for x in t.numpy()], 0)
    ),
    "pairwise distance": lambda i, t: F.pairwise_distance(centre(i)[None], centre(t)[None], eps=0),
    "double": lambda i, t: torch.dist(
        F.normalize(i.double()).mean(0), F.normalize(t.double()).mean(0)
    ),
    "in place": lambda i, t: (
        i.div_(i.norm(dim=1, keepdim=True))
        .mean(0)
        .sub_(t.div_(t.norm(dim=1, keepdim=True)).mean(0))
        .norm()
    ),
    "complex length": lambda i, t: (
        torch.complex(centre(i) - centre(t), torch.zeros(i.shape[1])).abs().norm()
    ),
}
WRONG[GAP] = {
    "angle": lambda i, t: F.cosine_similarity(centre(i), centre(t), dim=0).acos(),
    "cosine": lambda i, t: F.cosine_similarity(centre(i), centre(t), dim=0),
    "the vector": lambda i, t: centre(i) - centre(t),
    "in the first feature": lambda i, t: (centre(i) - centre(t))[0].abs(),
    "farthest pair": lambda i, t: torch.cdist(F.normalize(i), F.normalize(t)).max(),
    "root mean square of the pairs": lambda i, t: (
        (F.normalize(i) - F.normalize(t)).norm(dim=1).square().mean().sqrt()
    ),
    "raw images": lambda i, t: (i.mean(0) - centre(t)).norm(),
    "over the spread": lambda i, t: (
        (centre(i) - centre(t)).norm() / torch.cat([F.normalize(i), F.normalize(t)]).std()
    ),
    "sums": lambda i, t: (F.normalize(i).sum(0) - F.normalize(t).sum(0)).norm(),
    "halved": lambda i, t: (centre(i) - centre(t)).norm() / 2,
    "added": lambda i, t: (centre(i) + centre(t)).norm(),
    "unit in the largest": lambda i, t: (
        (i / i.abs().amax(1, keepdim=True)).mean(0) - (t / t.abs().amax(1, keepdim=True)).mean(0)
    ).norm(),
}

# Notebook 07
SOFTMAX = "Softmax with a temperature"


def share(row, temperature):
    powers = [math.exp((float(one) - float(max(row))) / temperature) for one in row]
    return [power / math.fsum(powers) for power in powers]


RIGHT[SOFTMAX] = {
    "row by row in floats": lambda c, t: [share(row, t) for row in c],
    "scipy": lambda c, t: softmax(c.numpy() / t, axis=1),
    "in place": lambda c, t: c.div_(t).exp_().div_(c.sum(1, keepdim=True)),
    "float32": lambda c, t: (c.float() / t).softmax(-1),
    "one over tau": lambda c, t: torch.softmax(c * (1 / t), 1, dtype=torch.float64),
    "columns of the transpose": lambda c, t: (c.T / t).softmax(0).T,
    "vmap": lambda c, t: torch.vmap(lambda row: torch.softmax(row / t, 0))(c),
    "minus the logsumexp": lambda c, t: ((c / t) - torch.logsumexp(c / t, 1, True)).exp(),
    "gradient of the logsumexp": lambda c, t: (
        lambda x: torch.autograd.grad(x.logsumexp(1).sum(), x)[0]
    )((c / t).requires_grad_()),
    "keywords": lambda cosines, temperature=0.07: F.softmax(cosines / temperature, dim=-1),
}
WRONG[SOFTMAX] = {
    "one row": lambda c, t: (c / t).softmax(1)[0],
    "the diagonal": lambda c, t: (c / t).softmax(1).diagonal(),
    "base 2": lambda c, t: (lambda p: p / p.sum(1, keepdim=True))(torch.exp2(c / t)),
    "hard": lambda c, t: F.one_hot(c.argmax(1), len(c)).double(),
    "by the largest": lambda c, t: (lambda p: p / p.amax(1, keepdim=True))((c / t).exp()),
    "root of tau": lambda c, t: (c / t**0.5).softmax(1),
    "tau squared": lambda c, t: (c / t**2).softmax(1),
    "tau added": lambda c, t: (c + t).softmax(1) * (1 + 1e-3),
    "less the identity": lambda c, t: (c / t).softmax(1) - torch.eye(len(c)),
    "rounded": lambda c, t: (c / t).softmax(1).round(decimals=1),
    "twice": lambda c, t: (c / t).softmax(1).softmax(1),
    "complex": lambda c, t: (c / t).softmax(1) + 1j,
    "Sinkhorn": lambda c, t: (lambda p: p / p.sum(0))((c / t).softmax(1)),
}
SHARES = "Who gets the gradient?"


def without_own(row, own, temperature):
    powers = [0.0 if j == own else math.exp(float(c) / temperature) for j, c in enumerate(row)]
    return [power / sum(powers) for power in powers]


RIGHT[SHARES] = {
    "row by row in floats": lambda c, t: [without_own(row, n, t) for n, row in enumerate(c)],
    "cut out and put back": lambda c, t: torch.stack(
        [
            torch.cat([part[:n], part.new_zeros(1), part[n:]])
            for n, row in enumerate(c)
            for part in [torch.cat([row[:n], row[n + 1 :]]).div(t).softmax(0)]
        ]
    ),
    "fill_diagonal in place": lambda c, t: c.fill_diagonal_(-torch.inf).div_(t).softmax(1),
    "scipy": lambda c, t: softmax(np.where(np.eye(len(c)), -np.inf, c.numpy() / t), 1),
    "where": lambda c, t: (
        lambda e: torch.where(torch.eye(len(c), dtype=torch.bool), 0, e / (e.sum(1) - e.diagonal())[:, None])
    )((c / t).exp()),
    "minus infinity added": lambda c, t: (
        c / t + torch.diag(torch.full((len(c),), -torch.inf)).nan_to_num(0, 0, -torch.inf)
    ).softmax(1),
    "minus infinity on a diagonal": lambda c, t: (
        c / t - torch.diag(torch.full((len(c),), torch.inf))
    ).softmax(1),
    "lowest number": lambda c, t: (
        (c / t).masked_fill(torch.eye(len(c)) > 0, torch.finfo(c.dtype).min).softmax(1)
    ),
    "float32": lambda c, t: (
        (c.float() / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).softmax(1)
    ),
    "with gradient": lambda c, t: (
        (c.requires_grad_() / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).softmax(1)
    ),
}  # fmt: skip
WRONG[SHARES] = {
    "own left at minus one": lambda c, t: (
        (c / t).masked_fill(torch.eye(len(c)).bool(), -1).softmax(1)
    ),
    "largest left out": lambda c, t: c.scatter(1, c.argmax(1, True), -torch.inf).div(t).softmax(1),
    "first left out": lambda c, t: torch.cat(
        [torch.zeros(len(c), 1), (c[:, 1:] / t).softmax(1)], 1
    ),
    "infinite on the diagonal": lambda c, t: (c / t).fill_diagonal_(torch.inf).softmax(1),
    "ones on the diagonal": lambda c, t: (
        (c / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).softmax(1) + torch.eye(len(c))
    ),
    "the largest only": lambda c, t: (
        (c / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).softmax(1).amax(1)
    ),
    "a logarithm": lambda c, t: (
        (c / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).log_softmax(1)
    ),
    "negative": lambda c, t: -(c / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).softmax(1),
    "one for all rows": lambda c, t: (
        (c / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).flatten().softmax(0).view_as(c)
    ),
    "squared": lambda c, t: (lambda p: p / p.sum(1, keepdim=True))(
        (c / t).masked_fill(torch.eye(len(c)).bool(), -torch.inf).softmax(1).square() + 1e-6
    ),
}
UPDATE = "One update of the temperature"
RIGHT[UPDATE] = {
    "an optimizer": lambda T, g, r: (
        lambda s: (
            setattr(s, "grad", torch.tensor(g, dtype=torch.double)),
            torch.optim.SGD([s], lr=r).step(),
            s.detach().clamp(max=math.log(100)).neg().exp(),
        )[2]
    )(torch.tensor(math.log(1 / T), dtype=torch.double, requires_grad=True)),
    "ratio": lambda T, g, r: 1 / min(math.e ** (-r * g) / T, 1e2),
    "sorted": lambda T, g, r: sorted([0.01, T * math.exp(r * g)])[1],
    "float32 tensors": lambda T, g, r: 1 / (torch.tensor(1 / T).log() - r * g).exp().clamp(max=100),
    "numpy minimum": lambda T, g, r: np.exp(-np.minimum(np.log(1 / T) - r * g, np.log(100.0))),
    "a conditional": lambda T, g, r: (
        0.01 if math.log(1 / T) - r * g > 2 * math.log(10) else T * math.exp(r * g)
    ),
    "keywords": lambda temperature, gradient, learning_rate, limit=100: max(
        temperature * math.exp(learning_rate * gradient), 1 / limit
    ),
}
WRONG[UPDATE] = {
    "an Adam step": lambda T, g, r: max(T * math.exp(r * math.copysign(1, g)), 0.01),
    "rate forgotten": lambda T, g, r: max(T * math.exp(g), 0.01),
    "gradient forgotten": lambda T, g, r: max(T * math.exp(r), 0.01),
    "no step": lambda T, g, r: max(T, 0.01),
    "momentum": lambda T, g, r: max(T * math.exp(1.9 * r * g), 0.01),
    "base 2": lambda T, g, r: max(T * 2 ** (r * g), 0.01),
    "limit on tau of 1": lambda T, g, r: min(max(T * math.exp(r * g), 0.01), 1.0),
    "limit 50": lambda T, g, r: max(T * math.exp(r * g), 0.02),
    "both": lambda T, g, r: (max(T * math.exp(r * g), 0.01), math.log(1 / T) - r * g),
    "rounded to 0.01": lambda T, g, r: round(max(T * math.exp(r * g), 0.01), 2),
    "log of tau clamped": lambda T, g, r: math.exp(max(math.log(T) + r * g, -100)),
    "infinite": lambda T, g, r: math.inf,
}

# Notebook 08
SIGMOID = "Sigmoid loss"


def softplus_sum(images, texts, scale, bias):
    total = 0.0
    for (i, image), (j, text) in itertools.product(enumerate(images), enumerate(texts)):
        logit = scale * float(image @ text) + bias
        total += math.log1p(math.exp(-logit if i == j else logit))
    return total / len(images)


class Margin(nn.Module):
    def forward(self, images, texts, scale, bias):
        z = torch.ones(len(images), len(texts)).neg().fill_diagonal_(1)
        return (1 + (-z * (scale * images @ texts.mT + bias)).exp()).log().sum(1).mean()


RIGHT[SIGMOID] = {
    "pairs": softplus_sum,
    "a module": Margin(),
    "scipy": lambda i, t, s, b: (
        -log_expit((2 * np.eye(len(i)) - 1) * (s * i.numpy() @ t.numpy().T + b)).sum() / len(i)
    ),
    "probability of the right answer": lambda i, t, s, b: (
        lambda p, e: -torch.where(e > 0, p, 1 - p).log().sum() / len(p)
    )((s * i.double() @ t.double().T + b).sigmoid(), torch.eye(len(i))),
    "logaddexp": lambda i, t, s, b: (
        lambda L: torch.logaddexp(torch.zeros(()), torch.where(torch.eye(len(L)) > 0, -L, L)).sum()
        / len(L)
    )(s * i @ t.T + b),
    "per picture, then the mean": lambda i, t, s, b: torch.stack(
        [
            F.softplus((1 - 2 * F.one_hot(torch.tensor(n), len(t))) * (s * t @ one + b)).sum()
            for n, one in enumerate(i)
        ]
    ).mean(),
    "two classes": lambda i, t, s, b: (
        lambda L: F.cross_entropy(
            torch.stack([torch.zeros_like(L), L], -1).flatten(0, 1),
            torch.eye(len(L), dtype=torch.long).flatten(),
            reduction="sum",
        )
        / len(L)
    )(s * i @ t.T + b),
    "with gradient": lambda i, t, s, b: Margin()(i.requires_grad_(), t, s, b),
    "tanh": lambda i, t, s, b: (
        lambda x: -((1 + (x / 2).tanh()) / 2).log().sum() / len(x)
    )((2 * torch.eye(len(i)) - 1).double() * (s * i.double() @ t.double().T + b)),
}  # fmt: skip
WRONG[SIGMOID] = {
    "probabilities averaged": lambda i, t, s, b: (s * i @ t.T + b).sigmoid().mean(),
    "softmax": lambda i, t, s, b: F.cross_entropy(s * i @ t.T + b, torch.arange(len(i))),
    "negatives only": lambda i, t, s, b: (
        F.softplus(s * i @ t.T + b).fill_diagonal_(0).sum() / len(i)
    ),
    "bias forgotten": lambda i, t, s, b: softplus_sum(i, t, s, 0),
    "scale forgotten": lambda i, t, s, b: softplus_sum(i, t, 1, b),
    "bits": lambda i, t, s, b: softplus_sum(i, t, s, b) / math.log(2),
    "hinge": lambda i, t, s, b: (
        (1 - (2 * torch.eye(len(i)) - 1) * (s * i @ t.T + b)).relu().sum() / len(i)
    ),
    "one for each picture": lambda i, t, s, b: F.softplus(
        (1 - 2 * torch.eye(len(i))) * (s * i @ t.T + b)
    ).sum(1),
    "signs swapped": lambda i, t, s, b: (
        F.softplus((2 * torch.eye(len(i)) - 1) * (s * i @ t.T + b)).sum() / len(i)
    ),
    "divided by the width": lambda i, t, s, b: softplus_sum(i, t, s, b) * len(i) / (i.shape[1] + 1),
    "images with images": lambda i, t, s, b: softplus_sum(i, i, s, b),
    "infinite": lambda i, t, s, b: -torch.zeros(()).log(),
}
SLOPE = "Gradient of the sigmoid loss"
RIGHT[SLOPE] = {
    "scipy": lambda L: (expit(L.numpy()) - np.eye(len(L))) / len(L),
    "entry by entry": lambda L: [
        [(1 / (1 + math.exp(-float(x))) - (i == j)) / len(L) for j, x in enumerate(row)]
        for i, row in enumerate(L)
    ],
    "in place": lambda L: (lambda g: g.sub_(torch.eye(len(g))).div_(len(g)))(L.sigmoid_()),
    "tanh": lambda L: ((1 + (L / 2).tanh()) / 2 - torch.eye(len(L))) / len(L),
    "index_put": lambda L: (
        (L.sigmoid() / len(L)).diagonal_scatter(-(-L.diagonal()).sigmoid() / len(L))
    ),
    "double": lambda L: (L.double().sigmoid() - torch.eye(len(L))) / len(L),
    "softmax of two": lambda L: (
        torch.stack([L, torch.zeros_like(L)]).softmax(0)[0] - torch.eye(len(L))
    )
    / len(L),
    "a partial": functools.partial(lambda n, L: (L.sigmoid() - n * torch.eye(len(L))) / len(L), 1),
    "powers": lambda L: (1 / (1 + math.e ** (-L)) - torch.eye(*L.shape)) / L.size(0),
}  # fmt: skip
WRONG[SLOPE] = {
    "second derivative": lambda L: L.sigmoid() * (1 - L.sigmoid()) / len(L),
    "the loss of each": lambda L: F.softplus((1 - 2 * torch.eye(len(L))) * L) / len(L),
    "sum": lambda L: ((L.sigmoid() - torch.eye(len(L))) / len(L)).sum(),
    "diagonal only": lambda L: torch.diag((L.diagonal().sigmoid() - 1) / len(L)),
    "positives doubled": lambda L: (L.sigmoid() - 2 * torch.eye(len(L))) / len(L),
    "hint for all, labels forgotten": lambda L: -(-L).sigmoid() / len(L),
    "chances": lambda L: L.sigmoid(),
    "balanced": lambda L: (lambda g: g - g.mean(1, keepdim=True))(
        (L.sigmoid() - torch.eye(len(L))) / len(L)
    ),
    "transposed": lambda L: ((L.sigmoid() - torch.eye(len(L))) / len(L)).T,
    "of 2 sigma": lambda L: 2 * (L.sigmoid() - torch.eye(len(L))) / len(L),
    "sign only": lambda L: (L.sigmoid() - torch.eye(len(L))).sign() / len(L),
    "complex": lambda L: (
        torch.complex(L.sigmoid() - torch.eye(len(L)), torch.ones_like(L)) / len(L)
    ),
}
BIAS = "The bias that fits the batch"


def bisected(batch_size):
    low, high = -50.0, 50.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if 1 / (1 + math.exp(-middle)) < 1 / batch_size else (low, middle)
        )
    return low


RIGHT[BIAS] = {
    "bisected": bisected,
    "torch logit": lambda n: torch.logit(torch.tensor(1 / n, dtype=torch.double)),
    "inverse odds": lambda n: np.log(np.reciprocal(n - 1.0)),
    "float32": lambda n: torch.tensor(1.0 / (n - 1)).log(),
    "Newton": lambda n: functools.reduce(
        lambda b, _: b - (1 / (1 + math.exp(-b)) - 1 / n) / (math.exp(-b) / (1 + math.exp(-b)) ** 2),
        range(60),
        -math.log(n) + 0.1,
    ),
    "lowest loss": lambda n: __import__("scipy.optimize", fromlist=["x"]).minimize_scalar(
        lambda b: np.logaddexp(0, -b) + (n - 1) * np.logaddexp(0, b), bounds=(-20, 5), method="bounded",
        options={"xatol": 1e-9},
    ).x,
    "in brackets": lambda n: np.array([-np.log(n - 1)]),
}  # fmt: skip
WRONG[BIAS] = {
    "scaled by 10": lambda n: -10 * math.log(n - 1),
    "half": lambda n: -math.log(n - 1) / 2,
    "of n + 1": lambda n: -math.log(n + 1),
    "log of the share": lambda n: math.log(1 / n) - 1,
    "sigmoid of it": lambda n: 1 / (n - 1),
    "square root": lambda n: -math.sqrt(n - 1),
    "zero": lambda n: 0.0,
    "base 2": lambda n: -math.log2(n - 1),
    "minus n": lambda n: 1.0 - n,
    "a matrix of biases": lambda n: np.full((2, 2), -math.log(n - 1)),
    "rounded": lambda n: round(-math.log(n - 1)),
    "infinite": lambda n: -math.inf,
}


# ── Found ─────────────────────────────────────────────────────────────────────────────────────────
SIGLIP, CLIP = SigLipLoss(), ClipLoss()  # objects, as another cell of a notebook might make them
LOSSES = {"open_clip": SIGLIP}


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = SigLipLoss()

    def forward(self, images, texts, scale, bias):
        return self.loss(images, texts, scale, bias)


class Kept:
    def __init__(self):
        self.loss = SIGLIP

    def __call__(self, images, texts, scale, bias):
        return self.loss(images, texts, scale, bias)


def own_name(query, key, value):
    return fused(query, key, value)


def inside_of_another(query, key, value):
    return own_name(query, key, value)


def kept_in_a_closure():
    shared = F.scaled_dot_product_attention
    return lambda query, key, value: shared(query, key, value)


def value_and_gradients(loss, *inputs):  # as notebook 08 has it
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    return torch.autograd.grad(loss(*leaves), leaves)


def loss_of(logits):
    return F.softplus((1 - 2 * torch.eye(len(logits))) * logits).sum() / len(logits)


def by_forward_mode(logits):
    columns = []
    for direction in torch.eye(logits.numel()):
        with forward.dual_level():
            dual = loss_of(forward.make_dual(logits, direction.view_as(logits)))
            columns.append(forward.unpack_dual(dual).tangent)
    return torch.stack(columns).view_as(logits)


def by_directions(logits):
    ways = torch.eye(logits.numel()).view(-1, *logits.shape)
    return torch.stack([jvp(loss_of, (logits,), (way,))[1] for way in ways]).view_as(logits)


def attended(query, key, value):  # a helper of the learner's own is no ready-made function
    return weights_of(query, key) @ value


def weights_of(query, key):
    return (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)


FOUND = [
    Probe(ATTEND, "ready-made, imported under another name", own_name, "wrong"),
    Probe(ATTEND, "ready-made inside of another function", inside_of_another, "wrong"),
    Probe(ATTEND, "ready-made, kept in a closure", kept_in_a_closure(), "wrong"),
    Probe(
        ATTEND,
        "ready-made as a default",
        lambda q, k, v, f=F.scaled_dot_product_attention: f(q, k, v),
        "wrong",
    ),
    Probe(ATTEND, "with a helper of one's own", attended, "right"),
    Probe(CUT, "the package's under another name", lambda x, p: cut(x, p), "wrong"),
    Probe(SIGMOID, "open_clip's, passed as it is", SigLipLoss(), "wrong"),
    Probe(SIGMOID, "open_clip's forward, passed as it is", SigLipLoss().forward, "wrong"),
    Probe(SIGMOID, "open_clip's in a partial", functools.partial(SigLipLoss()), "wrong"),
    Probe(SIGMOID, "open_clip's, made before", lambda i, t, s, b: SIGLIP(i, t, s, b), "wrong"),
    Probe(
        SIGMOID, "open_clip's in a dictionary", lambda *given: LOSSES["open_clip"](*given), "wrong"
    ),
    Probe(SIGMOID, "open_clip's in a module", Wrapped(), "wrong"),
    Probe(SIGMOID, "open_clip's in an object", Kept(), "wrong"),
    Probe(SIGMOID, "the package's, another name", lambda i, t, s, b: pairwise(i, t, s, b), "wrong"),
    Probe(
        INFO_NCE,
        "open_clip's, made before",
        lambda i, t, T: CLIP(F.normalize(i), F.normalize(t), 1 / T),
        "wrong",
    ),
    Probe(
        INFO_NCE,
        "the package's, another name",
        lambda i, t, T: contrastive(F.normalize(i), F.normalize(t), 1 / T),
        "wrong",
    ),
    Probe(
        INFO_NCE,
        "the package's plain one",
        lambda i, t, T: plain_info_nce(F.normalize(i), F.normalize(t), torch.tensor(1 / T)),
        "wrong",
    ),
    Probe(SLOPE, "a Jacobian", lambda L: jacobian(loss_of, L), "wrong"),
    Probe(SLOPE, "a gradient with its value", lambda L: grad_and_value(loss_of)(L)[0], "wrong"),
    Probe(SLOPE, "the notebook's helper", lambda L: value_and_gradients(loss_of, L)[0], "wrong"),
    Probe(SLOPE, "forward mode", by_forward_mode, "wrong"),
    Probe(SLOPE, "direction by direction", by_directions, "wrong"),
]

NAMED = {
    (SHIFT, "the columns that came in"): "border included",
    (CUT, "unshuffled"): "channels first inside a patch",
    (TOKENS, "the same"): "the small picture",
    (HEADS, "rows and heads exchanged in memory"): "one reshape and no swap",
    (RESIZE, "old exchanged"): "rows and columns swapped",
    (WINDOWS, "rows exchanged with columns before"): "both orders swapped",
    (GAP, "cosine"): "cosine of the means",
    (UPDATE, "log of tau clamped"): "the scale passes 100",
}

PROBES = [
    *FOUND,
    *(
        Probe(name, f"11 {what}", one, "mistake" if mistake else "wrong", mistake)
        for name, ones in WRONG.items()
        for what, one in ones.items()
        for mistake in [NAMED.get((name, what), "")]
    ),
    *(
        Probe(name, f"11 {what} (right)", one, "right")
        for name, ones in RIGHT.items()
        for what, one in ones.items()
    ),
]
