"""Answers to the exercises of 13: right in unusual ways, and wrong in 200."""

import itertools
import math

import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

CROP, SCORES, WEIGHTS, DAYS = (
    "Resize and crop as CLIP does",
    "From vectors to probabilities, for CLIP and for SigLIP",
    "The weights of SO400M's patch embedding",
    "The GPU-days of the largest CLIP ResNet",
)


def not_implemented(*arguments):
    raise NotImplementedError


# ── Resize and crop ───────────────────────────────────────────────────────────────────────────────


def pooled(image, size):
    factor = min(image.shape[:2]) // size
    small = F.avg_pool2d(image.permute(2, 0, 1)[None], factor)[0].permute(1, 2, 0)
    top, left = (small.shape[0] - size) // 2, (small.shape[1] - size) // 2
    return small[top : top + size, left : left + size]


def in_loops(image, size):
    factor = min(image.shape[:2]) // size
    top, left = (image.shape[0] // factor - size) // 2, (image.shape[1] // factor - size) // 2
    out = torch.zeros(size, size, 3)
    for row, column in itertools.product(range(size), range(size)):
        y, x = (top + row) * factor, (left + column) * factor
        out[row, column] = image[y : y + factor, x : x + factor].mean(dim=(0, 1))
    return out


FACTORS = {
    "of the shorter side": lambda high, wide, size: (min(high, wide) // size,) * 2,
    "of the longer side": lambda high, wide, size: (max(high, wide) // size,) * 2,
    "each its own": lambda high, wide, size: (high // size, wide // size),
    "rounded up": lambda high, wide, size: (math.ceil(min(high, wide) / size),) * 2,
    "one": lambda high, wide, size: (1, 1),
}
BLOCKS = {
    "mean": lambda blocks: blocks.mean(dim=(1, 3)),
    "sum": lambda blocks: blocks.sum(dim=(1, 3)),
    "maximum": lambda blocks: blocks.amax(dim=(1, 3)),
    "first pixel": lambda blocks: blocks[:, 0, :, 0],
    "middle pixel": lambda blocks: blocks[:, blocks.shape[1] // 2, :, blocks.shape[3] // 2],
    "median": lambda blocks: blocks.permute(0, 2, 4, 1, 3).flatten(3).median(dim=3).values,
}
CUTS = {
    "middle": lambda more: more // 2,
    "middle rounded up": lambda more: -(-more // 2),
    "first": lambda more: 0,
    "last": lambda more: more,
    "no cut": None,
}
CROP_NAMED = {
    ("of the shorter side", "mean", "middle rounded up"): "offset rounded up",
    ("of the shorter side", "mean", "first"): "cropped at the corner",
    ("of the shorter side", "mean", "no cut"): "not cropped",
    ("of the shorter side", "sum", "middle"): "sum instead of mean",
    ("of the shorter side", "first pixel", "middle"): "first pixel of each block",
    ("each its own", "mean", "no cut"): "squashed",
    **{("one", block, "middle"): "cropped without resizing" for block in BLOCKS},
}


def cropped(factor, block, cut):
    def answer(image, size):
        rows, columns = FACTORS[factor](*image.shape[:2], size)
        high, wide = image.shape[0] // rows, image.shape[1] // columns
        blocks = image[: high * rows, : wide * columns].reshape(high, rows, wide, columns, 3)
        small = BLOCKS[block](blocks)
        if CUTS[cut] is None:
            return small
        top, left = (CUTS[cut](max(side - size, 0)) for side in small.shape[:2])
        return small[top : top + size, left : left + size]

    return answer


def ceil_mode(image, size):
    factor = min(image.shape[:2]) // size
    small = F.avg_pool2d(image.permute(2, 0, 1)[None], factor, ceil_mode=True)[0].permute(1, 2, 0)
    top, left = (small.shape[0] - size) // 2, (small.shape[1] - size) // 2
    return small[top : top + size, left : left + size]


def nth_pixel(image, size):
    factor = min(image.shape[:2]) // size
    small = image[::factor, ::factor]
    top, left = (small.shape[0] - size) // 2, (small.shape[1] - size) // 2
    return small[top : top + size, left : left + size]


def composed_crops() -> list[Probe]:
    found = []
    for parts in itertools.product(FACTORS, BLOCKS, CUTS):
        name = CROP_NAMED.get(parts, "")
        kind = "mistake" if name else "wrong"
        if parts == ("of the shorter side", "mean", "middle"):
            kind = "right"
        found.append(Probe(CROP, ", ".join(parts), cropped(*parts), kind, name))
    return found


CROPS = [
    Probe(CROP, "avg_pool2d", pooled, "right"),
    Probe(CROP, "loops", in_loops, "right"),
    Probe(CROP, "numpy", lambda image, size: in_loops(image, size).numpy(), "right"),
    Probe(CROP, "the stub", not_implemented, "not yet attempted"),
    Probe(CROP, "slices with a step", nth_pixel, "mistake", "every nth pixel"),
    Probe(CROP, "ceil_mode", ceil_mode, "mistake", "incomplete blocks kept"),
    Probe(
        CROP, "channels first", lambda image, size: pooled(image, size).permute(2, 0, 1), "wrong"
    ),
    Probe(CROP, "transposed", lambda image, size: pooled(image, size).transpose(0, 1), "wrong"),
    Probe(CROP, "grey", lambda image, size: pooled(image, size).mean(dim=2), "wrong"),
    *composed_crops(),
]

# ── Probabilities ─────────────────────────────────────────────────────────────────────────────────

SCALES = {
    "scaled": lambda c, t: t * c,
    "divided by the scale": lambda c, t: c / t,
    "no scale": lambda c, t: c,
    "scale as a logarithm": lambda c, t: math.exp(t / 4) * c,
}
SHIFTS = {
    "bias added": lambda x, b: x if b is None else x + b,
    "bias subtracted": lambda x, b: x if b is None else x - b,
    "no bias": lambda x, b: x,
}
READS = {
    "softmax or sigmoid": lambda x, b: x.softmax(1) if b is None else x.sigmoid(),
    "softmax": lambda x, b: x.softmax(1),
    "sigmoid": lambda x, b: x.sigmoid(),
    "softmax over images, or sigmoid": lambda x, b: x.softmax(0) if b is None else x.sigmoid(),
    "softmax over images": lambda x, b: x.softmax(0),
    "the wrong way round": lambda x, b: x.sigmoid() if b is None else x.softmax(1),
    "logits": lambda x, b: x,
    "logarithms": lambda x, b: x.log_softmax(1) if b is None else F.logsigmoid(x),
    "softmax of the sigmoid": lambda x, b: x.softmax(1) if b is None else x.sigmoid().softmax(1),
    "over all pairs": lambda x, b: x.flatten().softmax(0).view_as(x) if b is None else x.sigmoid(),
}
SCORE_NAMED = {
    ("divided by the scale", "bias added", "softmax or sigmoid"): "scale divided",
    ("no scale", "bias added", "softmax or sigmoid"): "no scale",
    ("scaled", "bias subtracted", "softmax or sigmoid"): "bias subtracted",
    ("scaled", "no bias", "softmax or sigmoid"): "bias forgotten",
    ("scaled", "bias added", "sigmoid"): "sigmoid for both",
    ("scaled", "bias added", "softmax over images, or sigmoid"): "softmax over the images",
    **{("scaled", shift, "softmax"): "softmax for both" for shift in SHIFTS},
}


def scored(scale, shift, read):
    def answer(images, texts, factor, bias):
        logits = SHIFTS[shift](SCALES[scale](images @ texts.T, factor), bias)
        return READS[read](logits, bias)

    return answer


def composed_scores() -> list[Probe]:
    found = []
    for parts in itertools.product(SCALES, SHIFTS, READS):
        name = SCORE_NAMED.get(parts, "")
        kind = "mistake" if name else "wrong"
        if parts == ("scaled", "bias added", "softmax or sigmoid"):
            kind = "right"
        found.append(Probe(SCORES, ", ".join(parts), scored(*parts), kind, name))
    return found


def by_einsum(images, texts, scale, bias):
    logits = torch.einsum("nd,kd->nk", images, texts) * scale
    if bias is None:
        powers = (logits - logits.amax(dim=1, keepdim=True)).exp()
        return powers / powers.sum(dim=1, keepdim=True)
    return 1 / (1 + (-logits - bias).exp())


READINGS = [
    Probe(SCORES, "einsum and powers of e", by_einsum, "right"),
    Probe(SCORES, "float64", lambda x, y, t, b: by_einsum(x.double(), y.double(), t, b), "right"),
    Probe(SCORES, "the stub", not_implemented, "not yet attempted"),
    Probe(SCORES, "texts first", lambda x, y, t, b: by_einsum(y, x, t, b), "wrong"),
    Probe(
        SCORES,
        "a bias of 0 for none",
        lambda x, y, t, b: by_einsum(x, y, t, b or 0.0),
        "mistake",
        "sigmoid for both",
    ),
    Probe(
        SCORES,
        "if not bias",
        lambda x, y, t, b: by_einsum(x, y, t, b or None),
        "mistake",
        "a bias of 0 taken for none",
    ),
    Probe(SCORES, "nothing returned", lambda *a: None, "wrong"),
    *composed_scores(),
]

# ── Two numbers ───────────────────────────────────────────────────────────────────────────────────

PATCH = 14 * 14 * 3 * 1152
COUNTS = [
    Probe(WEIGHTS, "computed", PATCH + 1152, "right"),
    Probe(WEIGHTS, "as a float", float(PATCH + 1152), "right"),
    Probe(WEIGHTS, "the stub", ..., "not yet attempted"),
    Probe(WEIGHTS, "no bias", PATCH, "mistake", "no bias"),
    Probe(WEIGHTS, "one colour", 14 * 14 * 1152 + 1152, "mistake", "one color only"),
    Probe(WEIGHTS, "16 pixels", 16 * 16 * 3 * 1152 + 1152, "mistake", "patches of 16 pixels"),
    Probe(WEIGHTS, "each patch", 729 * (PATCH + 1152), "mistake", "counted for every patch"),
    Probe(WEIGHTS, "positions", PATCH + 1152 + 729 * 1152, "mistake", "positions counted with it"),
    *(
        Probe(WEIGHTS, f"{value!r}", value, "wrong")
        for value in (
            PATCH + 1, PATCH + 1151, PATCH + 1153, PATCH + 3, PATCH + 2 * 1152, 14 * 14 * 3, 1152,
            14 * 3 * 1152 + 1152, 384 * 384 * 3, 576, 678_000, 0, -1, "many",
        )
    ),
]  # fmt: skip
TOTALS = [
    Probe(DAYS, "computed", 592 * 18, "right"),
    Probe(DAYS, "as a float", 10_656.0, "right"),
    Probe(DAYS, "the stub", ..., "not yet attempted"),
    Probe(DAYS, "hours", 592 * 18 * 24, "mistake", "GPU-hours"),
    Probe(DAYS, "ViT-L/14", 3072, "mistake", "the ViT's machines or days"),
    Probe(DAYS, "512", 512 * 18, "mistake", "512 machines"),
    Probe(DAYS, "12 days", 592 * 12, "mistake", "the days of the ViT"),
    Probe(DAYS, "added", 610, "mistake", "added"),
    *(
        Probe(DAYS, f"{value!r}", value, "wrong")
        for value in (
            592,
            18,
            10_655,
            10_657,
            10_650,
            592 / 18,
            256 * 18,
            0,
            -10_656,
            "ten thousand",
        )
    ),
]

PROBES = CROPS + READINGS + COUNTS + TOTALS
