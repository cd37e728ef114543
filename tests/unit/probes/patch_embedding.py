"""Notebook 02: cutting patches, counting tokens and multiply-adds."""

import itertools
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

CUT = "Cut an image into patches"
COST = "The price of finer patches"
TOKENS = "Count the tokens of a larger picture"

# ------------------------------------------------------------------------------- cutting


def cells_of(images, p):
    """(B, C, rows, P, columns, P)"""
    b, c, h, w = images.shape
    return images.reshape(b, c, h // p, p, w // p, p)


RIGHT_ORDER = (2, 4, 3, 5, 1)
ORDER_NAMES = {
    RIGHT_ORDER: "",
    (4, 2, 3, 5, 1): "patches column by column",
    (2, 4, 1, 3, 5): "channels first inside a patch",
    (2, 4, 5, 3, 1): "rows and columns swapped inside a patch",
    (1, 2, 3, 4, 5): "reshape alone",
    (2, 3, 4, 5, 1): "channels last, then reshape alone",
}


def permuted(order):
    def answer(images, patch_size):
        cells = cells_of(images, patch_size)
        n = cells.shape[2] * cells.shape[4]
        return cells.permute(0, *order).reshape(len(images), n, -1)

    return answer


def order_probes():
    """All 120 orders of the five axes: one is right, five have a name, the others have none."""
    for order in itertools.permutations((1, 2, 3, 4, 5)):
        name = ORDER_NAMES.get(order)
        kind = "right" if name == "" else "mistake" if name else "wrong"
        yield Probe(CUT, f"permute(0, {order})", permuted(order), kind, name or "")


def by_loops(images, p):
    c, h, w = images.shape[1:]
    rows = []
    for image in images.double():
        row = []
        for y, x in itertools.product(range(0, h, p), range(0, w, p)):
            row.append(
                [
                    image[k, y + i, x + j].item()
                    for i in range(p)
                    for j in range(p)
                    for k in range(c)
                ]
            )
        rows.append(row)
    return rows


def by_unfold(images, p):
    b, c = images.shape[:2]
    columns = F.unfold(images, p, stride=p)
    return columns.reshape(b, c, p * p, -1).permute(0, 3, 2, 1).flatten(2)


def by_windows(images, p):
    return torch.einsum("bcrspq->brspqc", images.unfold(2, p, p).unfold(3, p, p)).reshape(
        len(images), -1, p * p * images.shape[1]
    )


def by_split(images, p):
    pieces = [q for row in images.split(p, dim=2) for q in row.split(p, dim=3)]
    return torch.stack([q.permute(0, 2, 3, 1).flatten(1) for q in pieces], dim=1)


def after(change):
    return lambda images, patch_size: change(permuted(RIGHT_ORDER)(images, patch_size))


CUTTING = [
    *order_probes(),
    Probe(CUT, "loops, nested lists", by_loops, "right"),
    Probe(CUT, "F.unfold", by_unfold, "right"),
    Probe(CUT, "tensor.unfold and einsum", by_windows, "right"),
    Probe(CUT, "split", by_split, "right"),
    Probe(CUT, "float64", after(lambda x: x.double()), "right"),
    Probe(CUT, "float16", after(lambda x: x.half()), "right"),
    Probe(CUT, "bfloat16", after(lambda x: x.bfloat16()), "right"),
    Probe(CUT, "numpy", after(lambda x: x.numpy()), "right"),
    Probe(
        CUT,
        "as F.unfold returns it",
        lambda images, p: F.unfold(images, p, stride=p),
        "mistake",
        "patches in the last axis",
    ),
    Probe(
        CUT,
        "batch merged",
        after(lambda x: x.flatten(0, 1)),
        "mistake",
        "batch merged with the patches",
    ),
    Probe(
        CUT,
        "not flattened",
        lambda images, p: cells_of(images, p).permute(0, *RIGHT_ORDER).flatten(1, 2),
        "mistake",
        "not flattened",
    ),
    Probe(CUT, "grid kept", lambda i, p: cells_of(i, p).permute(0, *RIGHT_ORDER), "wrong"),
    Probe(
        CUT,
        "stride 1",
        lambda i, p: F.unfold(i, p, stride=1).transpose(1, 2),
        "wrong",
    ),
    Probe(CUT, "first picture only", after(lambda x: x[:1]), "wrong"),
    Probe(CUT, "first picture, no batch", after(lambda x: x[0]), "wrong"),
    Probe(CUT, "one channel", lambda i, p: permuted(RIGHT_ORDER)(i[:, :1], p), "wrong"),
    Probe(
        CUT, "channels averaged", lambda i, p: permuted(RIGHT_ORDER)(i.mean(1)[:, None], p), "wrong"
    ),
    Probe(CUT, "channels reversed", lambda i, p: permuted(RIGHT_ORDER)(i.flip(1), p), "wrong"),
    Probe(CUT, "upside down", lambda i, p: permuted(RIGHT_ORDER)(i.flip(2), p), "wrong"),
    Probe(CUT, "mirrored", lambda i, p: permuted(RIGHT_ORDER)(i.flip(3), p), "wrong"),
    Probe(CUT, "transposed", lambda i, p: permuted(RIGHT_ORDER)(i.transpose(2, 3), p), "wrong"),
    Probe(CUT, "patches from the end", after(lambda x: x.flip(1)), "wrong"),
    Probe(CUT, "values from the end", after(lambda x: x.flip(2)), "wrong"),
    Probe(CUT, "transposed at the end", after(lambda x: x.transpose(1, 2)), "wrong"),
    Probe(CUT, "a class token of zeros", after(lambda x: F.pad(x, (0, 0, 1, 0))), "wrong"),
    Probe(CUT, "halved", after(lambda x: x / 2), "wrong"),
    Probe(CUT, "the pictures themselves", lambda images, patch_size: images, "wrong"),
    Probe(CUT, "nothing returned", lambda images, patch_size: None, "wrong"),
    Probe(CUT, "raises", lambda images, patch_size: images.no_such_name, "wrong"),
    Probe(CUT, "not a function", 3, "wrong"),
]

# ------------------------------------------------------------------------------- the cost

COUNTS = {
    "patches and CLS": lambda s, p: (s // p) ** 2 + 1,
    "patches": lambda s, p: (s // p) ** 2,
    "one side and CLS": lambda s, p: s // p + 1,
    "pixels and CLS": lambda s, p: s * s + 1,
    "patches and two CLS": lambda s, p: (s // p) ** 2 + 2,
}
POWERS = {"squared": 2, "linear": 1, "cubed": 3}
FACTORS = {"two products": 2, "one product": 1, "operations": 4}
WIDTHS = {"64": 64, "no width": 1, "768": 768}
COST_RIGHT = ("patches and CLS", "squared", "two products", "64")
COST_NAMES = {
    "patches": "class token forgotten",
    "one side and CLS": "tokens along one side only",
    "pixels and CLS": "pixels instead of patches",
    "linear": "linear in the tokens",
    "one product": "one of two products",
    "operations": "floating-point operations",
    "no width": "width of the head forgotten",
    "768": "all heads of ViT-B",
}


def cost(count, power, factor, width):
    return lambda image_size, patch_size: (
        FACTORS[factor] * COUNTS[count](image_size, patch_size) ** POWERS[power] * WIDTHS[width]
    )


def cost_probes():
    """Every combination: one deviation has its name if it is a known one, several have none."""
    for choice in itertools.product(COUNTS, POWERS, FACTORS, WIDTHS):
        wrong = [part for part, right in zip(choice, COST_RIGHT, strict=True) if part != right]
        name = COST_NAMES.get(wrong[0], "") if len(wrong) == 1 else ""
        kind = "right" if not wrong else "mistake" if name else "wrong"
        yield Probe(COST, ", ".join(choice), cost(*choice), kind, name)


right_cost = cost(*COST_RIGHT)
COSTS = [
    *cost_probes(),
    Probe(COST, "a float", lambda s, p: float(right_cost(s, p)), "right"),
    Probe(COST, "np.float64", lambda s, p: np.float64(right_cost(s, p)), "right"),
    Probe(COST, "a tensor of one element", lambda s, p: torch.tensor([right_cost(s, p)]), "right"),
    Probe(COST, "a fraction", lambda s, p: Fraction(right_cost(s, p)), "right"),
    Probe(
        COST,
        "CLS outside of the square",
        lambda s, p: 2 * ((s // p) ** 4 + 1) * 64,
        "mistake",
        "class token added after squaring",
    ),
    Probe(COST, "one too many", lambda s, p: right_cost(s, p) + 1, "wrong"),
    Probe(COST, "with projections", lambda s, p: right_cost(s, p) + 4 * 64 * 64, "wrong"),
    Probe(COST, "in millions", lambda s, p: right_cost(s, p) / 1e6, "wrong"),
    Probe(COST, "224 only", lambda s, p: 2 * 197**2 * 64, "wrong"),
    Probe(COST, "a text", lambda s, p: str(right_cost(s, p)), "wrong"),
    Probe(COST, "nothing returned", lambda s, p: None, "wrong"),
]

# ------------------------------------------------------------------------------- the tokens

COUNTED = [
    Probe(TOKENS, "an integer", 577, "right"),
    Probe(TOKENS, "a float", 577.0, "right"),
    Probe(TOKENS, "a tensor", torch.tensor(577), "right"),
    Probe(TOKENS, "one element", torch.tensor([577]), "right"),
    Probe(TOKENS, "numpy", np.int64(577), "right"),
    Probe(TOKENS, "a fraction", Fraction(577), "right"),
    Probe(TOKENS, "576", 576, "mistake", "class token forgotten"),
    Probe(TOKENS, "25", 25, "mistake", "one side only"),
    Probe(TOKENS, "24", 24, "mistake", "one side, no class token"),
    Probe(TOKENS, "197", 197, "mistake", "the small picture"),
    Probe(TOKENS, "1729", 24 * 24 * 3 + 1, "mistake", "channels counted as tokens"),
    *(
        Probe(TOKENS, f"{value!r}", value, "wrong")
        for value in (578, 575, 576.97, 577.05, 196, 384, 147456, 1728, 0, -577, True, 48, 9217)
    ),
    Probe(TOKENS, "a text", "577", "wrong"),
    Probe(TOKENS, "two numbers", (576, 1), "wrong"),
    Probe(TOKENS, "nothing", None, "wrong"),
    Probe(TOKENS, "the blank", ..., "not yet attempted"),
    Probe(TOKENS, "a function", lambda: 577, "wrong"),
]

PROBES = [*CUTTING, *COSTS, *COUNTED]
