"""Notebook 04: the sine-cosine table, a turn of pairs, a resized table."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

TABLE = "Sines and cosines for a grid"
TURN = "Turn the pairs"
RESIZE = "Resize a learned table"

# ------------------------------------------------------------------------------- the table

FREQUENCIES = {
    "as asked": lambda k, d: 10_000.0 ** -(k / (d // 4)),
    "over the width": lambda k, d: 10_000.0 ** -(k / d),
    "over half of the width": lambda k, d: 10_000.0 ** -(k / (d // 2)),
    "to the last": lambda k, d: 10_000.0 ** -(k / (d // 4 - 1)),
    "growing": lambda k, d: 10_000.0 ** (k / (d // 4)),
    "base 100": lambda k, d: 100.0 ** -(k / (d // 4)),
    "base 1000": lambda k, d: 1000.0 ** -(k / (d // 4)),
    "from k = 1": lambda k, d: 10_000.0 ** -((k + 1) / (d // 4)),
}
PLACES = {
    "row, column": lambda r, c: (r, c),
    "column, row": lambda r, c: (c, r),
    "from 1": lambda r, c: (r + 1, c + 1),
    "two rows": lambda r, c: (r, r),
    "from the middle": lambda r, c: (r - r.mean(), c - c.mean()),
}
ORDERS = {
    "sin sin cos cos": lambda a, b: [a.sin(), b.sin(), a.cos(), b.cos()],
    "sin cos sin cos": lambda a, b: [a.sin(), a.cos(), b.sin(), b.cos()],
    "cos cos sin sin": lambda a, b: [a.cos(), b.cos(), a.sin(), b.sin()],
    "sin sin": lambda a, b: [a.sin(), b.sin(), a.sin(), b.sin()],
    "cos sin cos sin": lambda a, b: [a.cos(), a.sin(), b.cos(), b.sin()],
}
TABLE_RIGHT = ("as asked", "row, column", "sin sin cos cos")
TABLE_NAMES = {
    "over the width": "frequencies spread over the whole width",
    "growing": "frequencies that grow",
    "base 100": "frequencies end at 1/100",
    "over half of the width": "frequencies end at 1/100",
    "column, row": "row and column swapped",
    "from 1": "places from 1",
    "sin cos sin cos": "sine and cosine of the row first",
    "cos cos sin sin": "cosines first",
}


def table(frequency, place, order):
    def answer(rows, columns, dim):
        row, column = torch.meshgrid(
            torch.arange(rows).double(), torch.arange(columns).double(), indexing="ij"
        )
        omega = FREQUENCIES[frequency](torch.arange(dim // 4).double(), dim)
        one, other = PLACES[place](row.reshape(-1, 1), column.reshape(-1, 1))
        return torch.cat(ORDERS[order](one * omega, other * omega), dim=1)

    return answer


def table_probes():
    """Every combination: one deviation has its name if it is a known one, several have none."""
    for choice in itertools.product(FREQUENCIES, PLACES, ORDERS):
        wrong = [part for part, right in zip(choice, TABLE_RIGHT, strict=True) if part != right]
        name = TABLE_NAMES.get(wrong[0], "") if len(wrong) == 1 else ""
        kind = "right" if not wrong else "mistake" if name else "wrong"
        yield Probe(TABLE, ", ".join(choice), table(*choice), kind, name)


def by_lists(rows, columns, dim):
    omega = [10_000 ** -(4 * k / dim) for k in range(dim // 4)]
    return [
        [wave(place * w) for wave in (math.sin, math.cos) for place in (r, c) for w in omega]
        for r in range(rows)
        for c in range(columns)
    ]


right_table = table(*TABLE_RIGHT)
TABLES = [
    *table_probes(),
    Probe(TABLE, "lists", by_lists, "right"),
    Probe(TABLE, "float32", lambda r, c, d: right_table(r, c, d).float(), "right"),
    Probe(TABLE, "float16", lambda r, c, d: right_table(r, c, d).half(), "right"),
    Probe(TABLE, "numpy", lambda r, c, d: right_table(r, c, d).numpy(), "right"),
    Probe(TABLE, "not flattened", lambda r, c, d: right_table(r, c, d).view(r, c, d), "wrong"),
    Probe(
        TABLE, "a class token", lambda r, c, d: F.pad(right_table(r, c, d), (0, 0, 1, 0)), "wrong"
    ),
    Probe(TABLE, "transposed", lambda r, c, d: right_table(r, c, d).T, "wrong"),
    Probe(TABLE, "twice as large", lambda r, c, d: 2 * right_table(r, c, d), "wrong"),
    Probe(TABLE, "zeros", lambda r, c, d: torch.zeros(r * c, d), "wrong"),
    Probe(TABLE, "nothing returned", lambda r, c, d: None, "wrong"),
]

# ------------------------------------------------------------------------------- the turn

ANGLES = {
    "as asked": lambda p, f: p[:, None] * f,
    "counted": lambda p, f: torch.arange(len(p))[:, None] * f,
    "no place": lambda p, f: torch.ones_like(p)[:, None] * f,
    "turns": lambda p, f: 2 * math.pi * p[:, None] * f,
    "degrees": lambda p, f: torch.deg2rad(p[:, None] * f),
    "divided": lambda p, f: p[:, None] / f,
    "halved": lambda p, f: p[:, None] * f / 2,
    "the other way": lambda p, f: -p[:, None] * f,
    "one place on": lambda p, f: (p[:, None] + 1) * f,
}
RULES = {
    "turned": lambda x, y, a: (x * a.cos() - y * a.sin(), x * a.sin() + y * a.cos()),
    "mirrored": lambda x, y, a: (x * a.cos() + y * a.sin(), x * a.sin() - y * a.cos()),
    "a sign lost": lambda x, y, a: (x * a.cos() + y * a.sin(), x * a.sin() + y * a.cos()),
    "cosine only": lambda x, y, a: (x * a.cos(), y * a.cos()),
    "the new first": lambda x, y, a: (
        x * a.cos() - y * a.sin(),
        (x * a.cos() - y * a.sin()) * a.sin() + y * a.cos(),
    ),
}
TURN_RIGHT = ("as asked", "turned")
TURN_NAMES = {
    "counted": "counted instead of the places given",
    "no place": "place forgotten",
    "turns": "whole turns",
    "degrees": "degrees",
    "the other way": "turned the other way",
    "mirrored": "mirrored instead of turned",
    "cosine only": "length not kept",
}
# A cosine does not tell which way its angle was turned.
SAME_TURN = {("the other way", "cosine only"): "length not kept"}


def turned(angle, rule, halves=False):
    def answer(vectors, places, frequencies):
        half = vectors.shape[1] // 2
        parts = (
            (vectors[:, :half], vectors[:, half:])
            if halves
            else (vectors[:, 0::2], vectors[:, 1::2])
        )
        pairs = RULES[rule](*parts, ANGLES[angle](places, frequencies))
        if halves:
            return torch.cat(pairs, dim=1)
        return torch.stack(pairs, dim=-1).flatten(1)

    return answer


def turn_probes():
    """Every combination of angle and rule, on neighbours and on halves."""
    for choice in itertools.product(ANGLES, RULES):
        wrong = [part for part, right in zip(choice, TURN_RIGHT, strict=True) if part != right]
        name = TURN_NAMES.get(wrong[0], "") if len(wrong) == 1 else SAME_TURN.get(choice, "")
        kind = "right" if not wrong else "mistake" if name else "wrong"
        yield Probe(TURN, ", ".join(choice), turned(*choice), kind, name)
        name = "" if wrong else "halves paired"
        kind = "wrong" if wrong else "mistake"
        yield Probe(TURN, ", ".join(choice) + ", halves", turned(*choice, True), kind, name)


def by_complex(vectors, places, frequencies):
    pairs = torch.view_as_complex(vectors.reshape(len(vectors), -1, 2))
    angle = places[:, None] * frequencies
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(1)


right_turn = turned(*TURN_RIGHT)
TURNS = [
    *turn_probes(),
    Probe(TURN, "complex numbers", by_complex, "right"),
    Probe(TURN, "float64", lambda v, p, f: right_turn(v.double(), p.double(), f.double()), "right"),
    Probe(TURN, "a list", lambda v, p, f: right_turn(v, p, f).tolist(), "right"),
    Probe(TURN, "bfloat16", lambda v, p, f: right_turn(v, p, f).bfloat16(), "right"),
    Probe(TURN, "unchanged", lambda v, p, f: v, "wrong"),
    Probe(TURN, "transposed", lambda v, p, f: right_turn(v, p, f).T, "wrong"),
    Probe(TURN, "normalised", lambda v, p, f: F.normalize(right_turn(v, p, f), dim=1), "wrong"),
    Probe(TURN, "nothing returned", lambda v, p, f: None, "wrong"),
]

# ------------------------------------------------------------------------------- resizing

WAYS = {
    "as asked": {"mode": "bicubic", "antialias": True},
    "no antialias": {"mode": "bicubic"},
    "bilinear, antialiased": {"mode": "bilinear", "antialias": True},
    "bilinear": {"mode": "bilinear"},
    "nearest": {"mode": "nearest"},
    "area": {"mode": "area"},
    "aligned corners": {"mode": "bicubic", "align_corners": True},
}
UNFOLDED = {
    "rows, columns": lambda t, old: t.reshape(1, *old, -1).permute(0, 3, 1, 2),
    "columns, rows": lambda t, old: t.reshape(1, *old[::-1], -1).permute(0, 3, 1, 2),
    "no permute": lambda t, old: t.reshape(1, -1, *old),
}
FOLDED = {
    "permuted": lambda x: x[0].permute(1, 2, 0).flatten(0, 1),
    "not permuted": lambda x: x[0].reshape(-1, x.shape[1]),
    "columns first": lambda x: x[0].permute(2, 1, 0).flatten(0, 1),
}
CLASS = {
    "in front": lambda t, patches: torch.cat([t[:1], patches]),
    "gone": lambda t, patches: patches,
    "behind": lambda t, patches: torch.cat([patches, t[:1]]),
    "zeros": lambda t, patches: torch.cat([0 * t[:1], patches]),
}
RESIZE_RIGHT = ("as asked", "rows, columns", "permuted", "in front")
RESIZE_NAMES = {
    "no antialias": "not antialiased",
    "bilinear, antialiased": "bilinear",
    "nearest": "nearest",
    "columns, rows": "rows and columns swapped",
    "gone": "class token forgotten",
}


def resized(way, unfolded, folded, prefix):
    def answer(table, old, new):
        grid = UNFOLDED[unfolded](table[1:], old)
        return CLASS[prefix](table, FOLDED[folded](F.interpolate(grid, size=new, **WAYS[way])))

    return answer


def resize_probes():
    """Every combination: one deviation has its name if it is a known one, several have none."""
    for choice in itertools.product(WAYS, UNFOLDED, FOLDED, CLASS):
        wrong = [part for part, right in zip(choice, RESIZE_RIGHT, strict=True) if part != right]
        name = RESIZE_NAMES.get(wrong[0], "") if len(wrong) == 1 else ""
        kind = "right" if not wrong else "mistake" if name else "wrong"
        yield Probe(RESIZE, ", ".join(choice), resized(*choice), kind, name)


def last_as_class(table, old, new):
    grid = UNFOLDED["rows, columns"](table[:-1], old)
    grid = F.interpolate(grid, size=new, **WAYS["as asked"])
    return torch.cat([table[-1:], FOLDED["permuted"](grid)])


right_resize = resized(*RESIZE_RIGHT)
RESIZES = [
    *resize_probes(),
    Probe(RESIZE, "the last vector taken", last_as_class, "mistake", "class token at the end"),
    Probe(RESIZE, "float64", lambda t, o, n: right_resize(t.double(), o, n), "right"),
    Probe(RESIZE, "numpy", lambda t, o, n: np.asarray(right_resize(t, o, n)), "right"),
    Probe(RESIZE, "with a batch", lambda t, o, n: right_resize(t, o, n)[None], "wrong"),
    Probe(RESIZE, "new transposed", lambda t, o, n: right_resize(t, o, n[::-1]), "wrong"),
    Probe(RESIZE, "unchanged", lambda t, o, n: t, "wrong"),
    Probe(RESIZE, "nothing returned", lambda t, o, n: None, "wrong"),
]

PROBES = [*TABLES, *TURNS, *RESIZES]
