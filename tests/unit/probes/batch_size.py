"""Answers to the exercises of 09: right in unusual ways, and wrong in 150."""

import array
import itertools
import math
from fractions import Fraction

import numpy as np
import torch

from tests.unit.probes import Probe

ONLINE, MATRIX, FACTOR = (
    "Log-sum-exp, one block at a time",
    "The size of one matrix",
    "The factor of a gather",
)

# ── Log-sum-exp ───────────────────────────────────────────────────────────────────────────────────


def by_logaddexp(blocks):
    total = np.full(len(blocks[0]), -np.inf)
    for block in blocks:
        for column in block.T:
            total = np.logaddexp(total, column)
    return total


def in_loops(blocks):
    found = []
    for row in range(len(blocks[0])):
        largest, total = -np.inf, 0.0
        for block in blocks:
            for value in block[row].tolist():
                new = max(largest, value)
                total = total * np.exp(largest - new) + np.exp(value - new)
                largest = new
        found.append(largest + np.log(total))
    return found


def two_passes(blocks):
    largest = np.max([block.max(axis=1) for block in blocks], axis=0)
    return largest + np.log(sum(np.exp(block - largest[:, None]).sum(axis=1) for block in blocks))


def in_torch(blocks):
    total = torch.full((len(blocks[0]),), -torch.inf, dtype=torch.float64)
    for block in blocks:
        values = torch.from_numpy(np.asarray(block)).double()
        largest = values.amax(dim=1)
        own = largest + (values - largest[:, None]).exp().sum(dim=1).log()
        total = torch.logaddexp(total, own)
    return total


STARTS = {"-inf": -np.inf, "0": 0.0, "the first value": None}
SUMS = {
    "rescaled": lambda total, old, new: total * np.exp(old - new),
    "not rescaled": lambda total, old, new: total,
    "rescaled the wrong way": lambda total, old, new: total * np.exp(new - old),
    "forgotten": lambda total, old, new: 0.0,
}
TERMS = {
    "sum": lambda powers: powers.sum(axis=1),
    "mean": lambda powers: powers.mean(axis=1),
    "largest": lambda powers: powers.max(axis=1),
    "first": lambda powers: powers[:, 0],
    "sum of all rows": lambda powers: np.full(len(powers), powers.sum()),
}
ENDS = {
    "largest + log": lambda largest, total: largest + np.log(total),
    "log": lambda largest, total: np.log(total),
    "largest": lambda largest, total: largest,
    "largest * log": lambda largest, total: largest * np.log(total),
    "total": lambda largest, total: total,
    "largest - log": lambda largest, total: largest - np.log(total),
}
NAMED = {
    ("-inf", "not rescaled", "sum", "largest + log"): "sum not rescaled",
    ("0", "not rescaled", "sum", "largest + log"): "",
    ("0", "rescaled", "sum", "largest + log"): "maximum started too high",
    ("-inf", "rescaled", "sum", "log"): "maximum not added again",
    ("the first value", "rescaled", "sum", "log"): "maximum not added again",
    ("the first value", "not rescaled", "sum", "largest + log"): "sum not rescaled",
}
RIGHT = {
    ("-inf", "rescaled", "sum", "largest + log"),
    ("the first value", "rescaled", "sum", "largest + log"),
}


def online(start, carry, term, end):
    def answer(blocks):
        with np.errstate(all="ignore"):
            largest = (
                blocks[0][:, 0] if STARTS[start] is None else np.full(len(blocks[0]), STARTS[start])
            )
            total = np.zeros(len(blocks[0]))
            for block in blocks:
                new = np.maximum(largest, block.max(axis=1))
                total = SUMS[carry](total, largest, new) + TERMS[term](np.exp(block - new[:, None]))
                largest = new
            return ENDS[end](largest, total)

    return answer


def composed() -> list[Probe]:
    found = []
    for parts in itertools.product(STARTS, SUMS, TERMS, ENDS):
        name = NAMED.get(parts, "")
        kind = "right" if parts in RIGHT else "mistake" if name else "wrong"
        found.append(Probe(ONLINE, ", ".join(parts), online(*parts), kind, name))
    return found


def without_maximum(blocks):
    with np.errstate(all="ignore"):
        return np.log(sum(np.exp(block).sum(axis=1) for block in blocks))


def own_results(join):
    def answer(blocks):
        each = [block.max(axis=1) for block in blocks]
        each = [
            m + np.log(np.exp(b - m[:, None]).sum(axis=1))
            for m, b in zip(each, blocks, strict=True)
        ]
        return join(np.stack(each), axis=0)

    return answer


def by_lists(blocks):
    """One block as a list of lists of Python numbers, and the powers of e as another."""
    largest, total = [-math.inf] * len(blocks[0]), [0.0] * len(blocks[0])
    for block in blocks:
        rows = block.tolist()
        new = [max(old, *row) for old, row in zip(largest, rows, strict=True)]
        powers = [[math.exp(x - top) for x in row] for row, top in zip(rows, new, strict=True)]
        parts = zip(largest, new, total, powers, strict=True)
        total = [one * math.exp(old - top) + sum(more) for old, top, one, more in parts]
        largest = new
    return [top + math.log(one) for top, one in zip(largest, total, strict=True)]


def in_long_doubles(blocks):
    """One block in the widest type, with every step in an array of its own."""
    largest = np.full(len(blocks[0]), -np.inf, np.longdouble)
    total = np.zeros(len(blocks[0]), np.longdouble)
    for block in blocks:
        wide = block.astype(np.longdouble)
        new = np.maximum(largest, wide.max(axis=1))
        less = wide - new[:, None]
        powers = np.exp(less)
        total = total * np.exp(largest - new) + powers.sum(axis=1)
        largest = new
    return (largest + np.log(total)).astype(float)


# ── Right numbers from blocks that were joined all the same ───────────────────────────────────────


def of_the_whole(wide):
    largest = wide.max(axis=1)
    return largest + np.log(np.exp(wide - largest[:, None]).sum(axis=1))


def filled_in(blocks, kind=float):
    wide, at = np.zeros((len(blocks[0]), sum(block.shape[1] for block in blocks)), kind), 0
    for block in blocks:
        wide[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    return wide


def filled_in_place(blocks):
    """As little as joining can take: float32, and every step in place."""
    wide = filled_in(blocks, np.float32)
    largest = wide.max(axis=1)
    wide -= largest[:, None]
    np.exp(wide, out=wide)
    return largest + np.log(wide.sum(axis=1))


def rows_extended(blocks):
    found = []
    for i in range(len(blocks[0])):
        row = []
        for block in blocks:
            row.extend(block[i].tolist())
        largest = max(row)
        found.append(largest + np.log(sum(np.exp(value - largest) for value in row)))
    return found


def rows_chained(blocks):
    rows = (np.array([*itertools.chain(*parts)]) for parts in zip(*blocks, strict=True))
    return np.array([of_the_whole(row[None])[0] for row in rows])


def rows_added(blocks):
    rows = []
    for i in range(len(blocks[0])):
        rows.append(sum((list(block[i]) for block in blocks), []))  # noqa: RUF017 (a learner's way)
    return of_the_whole(np.array(rows))


def row_by_row(join, end=np.logaddexp.reduce):
    """Joins one row after the other."""

    def answer(blocks):
        return np.array([end(join([block[i] for block in blocks])) for i in range(len(blocks[0]))])

    return answer


def one_row(parts, kind=float):
    row, at = np.empty(sum(len(part) for part in parts), kind), 0
    for part in parts:
        row[at : at + len(part)] = part
        at += len(part)
    return row


def end_in_place(row):
    largest = row.max()
    row -= largest
    np.exp(row, out=row)
    return largest + np.log(row.sum())


ROWS_JOINED = {
    "a row filled in": row_by_row(one_row),
    "a row filled in, float32": row_by_row(lambda parts: one_row(parts, np.float32)),
    "a row in place, float32": row_by_row(lambda parts: one_row(parts, np.float32), end_in_place),
    "a row in an array": row_by_row(lambda parts: array.array("d", itertools.chain(*parts))),
    "a row from an iterator": row_by_row(lambda parts: np.fromiter(itertools.chain(*parts), float)),
}


def padded(blocks):
    wide = blocks[0]
    for block in blocks[1:]:
        width = wide.shape[1]
        wide = np.pad(wide, ((0, 0), (0, block.shape[1])))
        wide[:, width:] = block
    return of_the_whole(wide)


JOINED = {
    **ROWS_JOINED,
    "filled in, float32, reduced": lambda blocks: np.logaddexp.reduce(
        filled_in(blocks, np.float32), axis=1
    ),
    "filled in": lambda blocks: of_the_whole(filled_in(blocks)),
    "filled in, in place": filled_in_place,
    "rows extended": rows_extended,
    "rows added": rows_added,
    "rows chained": rows_chained,
    "columns in an array": lambda b: of_the_whole(np.array([c for one in b for c in one.T]).T),
    "columns by stack": lambda b: of_the_whole(np.stack([c for one in b for c in one.T], 1)),
    "padded": padded,
}


def not_implemented(blocks):
    raise NotImplementedError


ONLINES = [
    Probe(ONLINE, "logaddexp", by_logaddexp, "right"),
    Probe(ONLINE, "loops and a list", in_loops, "right"),
    Probe(ONLINE, "two passes", two_passes, "right"),
    Probe(ONLINE, "torch", in_torch, "right"),
    Probe(ONLINE, "logaddexp of the blocks' results", own_results(np.logaddexp.reduce), "right"),
    Probe(ONLINE, "lists of one block", by_lists, "right"),
    Probe(ONLINE, "long doubles, step by step", in_long_doubles, "right"),
    *(Probe(ONLINE, f"joined: {what}", answer, "wrong") for what, answer in JOINED.items()),
    Probe(ONLINE, "the stub", not_implemented, "not yet attempted"),
    Probe(
        ONLINE, "joined", lambda blocks: np.log(np.exp(np.concatenate(blocks, 1)).sum(1)), "wrong"
    ),
    Probe(ONLINE, "hstack", lambda blocks: two_passes([np.hstack(blocks)]), "wrong"),
    Probe(ONLINE, "no maximum", without_maximum, "mistake", "maximum forgotten"),
    Probe(ONLINE, "mean of blocks", own_results(np.mean), "mistake", "mean of the blocks"),
    Probe(ONLINE, "sum of blocks", own_results(np.sum), "mistake", "sum of the blocks"),
    Probe(ONLINE, "largest of blocks", own_results(np.max), "mistake", "largest block only"),
    Probe(ONLINE, "smallest of blocks", own_results(np.min), "wrong"),
    Probe(ONLINE, "one number", lambda blocks: two_passes(blocks).sum(), "wrong"),
    Probe(ONLINE, "a column", lambda blocks: two_passes(blocks)[:, None], "wrong"),
    *composed(),
]

# ── Two numbers ───────────────────────────────────────────────────────────────────────────────────

MATRICES = [
    Probe(MATRIX, "computed", 32768**2 * 4 / 2**30, "right"),
    Probe(MATRIX, "a fraction", Fraction(4), "right"),
    Probe(MATRIX, "a tensor", torch.tensor([4.0]), "right"),
    Probe(MATRIX, "a text", "4", "wrong"),
    Probe(MATRIX, "the stub", ..., "not yet attempted"),
    Probe(MATRIX, "gigabytes", 4.294967296, "mistake", "gigabytes"),
    Probe(MATRIX, "numbers", 1, "mistake", "numbers counted"),
    Probe(MATRIX, "float64", 8.0, "mistake", "float64"),
    Probe(MATRIX, "float16", 2, "mistake", "float16"),
    Probe(MATRIX, "bits", 32, "mistake", "bits"),
    Probe(MATRIX, "mebibytes", 4096, "mistake", "mebibytes"),
    *(
        Probe(MATRIX, f"{value!r}", value, "wrong")
        for value in (0, -4, 3, 5, 16, 64, 4.1, 3.9, 4.0e9, 32768, 2**30, 2**32, "four", [4, 4])
    ),
]
FACTORS = [
    Probe(FACTOR, "a fraction", Fraction(1, 8), "right"),
    Probe(FACTOR, "a text", "1/8", "wrong"),
    Probe(FACTOR, "a decimal", 0.125, "right"),
    Probe(FACTOR, "the stub", ..., "not yet attempted"),
    Probe(FACTOR, "one", 1, "mistake", "no factor"),
    Probe(FACTOR, "eight", 8, "mistake", "multiplied"),
    Probe(FACTOR, "a 64th", 1 / 64, "mistake", "divided twice"),
    Probe(FACTOR, "root", 8**-0.5, "mistake", "root of W"),
    Probe(FACTOR, "one half", 0.5, "mistake", "for two processes"),
    *(
        Probe(FACTOR, f"{value!r}", value, "wrong")
        for value in (
            0,
            -1 / 8,
            1 / 7,
            7 / 8,
            1 / 16,
            2,
            64,
            0.13,
            0.12,
            7,
            "an eighth",
            [1 / 8, 1 / 8],
        )
    ),
]

PROBES = ONLINES + MATRICES + FACTORS
