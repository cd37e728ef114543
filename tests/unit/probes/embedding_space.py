"""Notebook 11: PCA to a plane, neighbours by cosine, closing the modality gap."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

PLANE, NEAREST, GAP = (
    "PCA to two dimensions",
    "Nearest neighbours by cosine",
    "Close the modality gap",
)

# ----------------------------------------------------------------------------------- PCA


def turned(points):
    largest = points.abs().argmax(dim=0)
    return points * points[largest, torch.arange(points.shape[1])].sign()


def plane(centre="columns", project="centred", change=lambda x: x, turn=turned):
    def points_of(rows):
        centred = {
            "columns": lambda: rows - rows.mean(dim=0),
            "rows": lambda: rows - rows.mean(dim=1, keepdim=True),
            "not": lambda: rows,
            "all": lambda: rows - rows.mean(),
            "median": lambda: rows - rows.median(dim=0).values,
        }[centre]()
        directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
        return turn(change((centred if project == "centred" else rows) @ directions.T))

    return points_of


def by_covariance(rows):
    centred = rows - rows.mean(dim=0)
    directions = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :2]
    return turned(centred @ directions)


def by_left_side(rows):
    left, widths, _ = torch.linalg.svd(rows - rows.mean(dim=0), full_matrices=False)
    return turned(left[:, :2] * widths[:2])


def by_lowrank(rows):
    return turned(by_left_side(rows.double()).float())


def columns(directions_of, turn=turned):
    """Points along the first two columns of what should be read in rows."""

    def points_of(rows):
        centred = rows - rows.mean(dim=0)
        return turn(centred @ directions_of(centred)[:, :2])

    return points_of


def by_numpys_svd(centred):
    return torch.from_numpy(np.linalg.svd(centred.numpy(), full_matrices=False)[2])


def in_double(rows):
    return columns(lambda x: torch.linalg.svd(x, full_matrices=False).Vh)(rows.double())


# numpy and torch choose the signs of the rows of Vᵀ each in its own way.
COLUMNS = {
    "torch": columns(lambda x: torch.linalg.svd(x, full_matrices=False).Vh),
    "torch, full matrices": columns(lambda x: torch.linalg.svd(x).Vh),
    "torch, float64": in_double,
    "torch.svd": columns(lambda x: torch.svd(x).V.T),
    "rows of what is V": lambda rows: turned(
        (rows - rows.mean(0)) @ torch.svd(rows - rows.mean(0)).V[:2].T
    ),
    "numpy": columns(by_numpys_svd),
    "every second sign": columns(
        lambda x: torch.linalg.svd(x).Vh * (-1.0) ** torch.arange(x.shape[1])[:, None]
    ),
    "not turned": columns(lambda x: torch.linalg.svd(x).Vh, turn=lambda points: points),
}
NO_COLUMNS = {
    "last two columns": columns(lambda x: torch.linalg.svd(x).Vh[:, -2:]),
    "columns exchanged": columns(lambda x: torch.linalg.svd(x).Vh.flip(1)[:, -2:]),
    "columns without signs": columns(lambda x: torch.linalg.svd(x).Vh.abs()),
    "columns, doubled": columns(lambda x: 2 * torch.linalg.svd(x).Vh),
    "columns, not a number": lambda rows: rows[:, :2] * torch.nan,
}

CHANGES = {
    "as it is": lambda x: x,
    "axes exchanged": lambda x: x.flip(1),
    "doubled": lambda x: 2 * x,
    "unit variance": lambda x: x / x.std(dim=0),
    "absolute": lambda x: x.abs(),
    "first axis alone": lambda x: x[:, :1],
    "transposed": lambda x: x.T[:, :2],
    "unit rows": lambda x: F.normalize(x, dim=1),
}
CENTRED = {
    ("not", "centred"): "centering forgotten",
    ("not", "rows"): "centering forgotten",
    ("all", "centred"): "one mean for all numbers",
    ("columns", "rows"): "centred for the directions only",
}
PLANES = [
    Probe(
        PLANE,
        f"centred {centre}, projected {project}, {change}",
        plane(centre, project, CHANGES[change]),
        "mistake" if name else "wrong",
        name,
    )
    for centre, project, change in itertools.product(
        ("columns", "rows", "not", "all", "median"), ("centred", "rows"), CHANGES
    )
    for name in [CENTRED.get((centre, project), "") if change == "as it is" else ""]
    if (centre, project, change) != ("columns", "centred", "as it is")
]

# ---------------------------------------------------------------------------- neighbours


def nearest(norm=1, own="out", sign=1, order=lambda x: x, power=1):
    def indices(rows, k):
        rows = rows if norm is None else F.normalize(rows, dim=norm)
        scores = sign * (rows @ rows.T) ** power
        if own == "out":
            scores.fill_diagonal_(-torch.inf)
        elif own == "zero":
            scores.fill_diagonal_(0)
        return order(scores.argsort(dim=1, descending=True)[:, :k])

    return indices


def by_topk(rows, k):
    cosines = F.cosine_similarity(rows[:, None], rows[None], dim=-1)
    return cosines.fill_diagonal_(-2).topk(k, dim=1).indices


def in_lists(rows, k):
    found = []
    for i, row in enumerate(rows):
        cosines = [float(F.cosine_similarity(row, other, dim=0)) for other in rows]
        order = sorted(range(len(rows)), key=lambda j: -cosines[j])
        found.append([j for j in order if j != i][:k])
    return found


ORDERS = {
    "as it is": lambda x: x,
    "nearest last": lambda x: x.flip(1),
    "from 1": lambda x: x + 1,
    "transposed": lambda x: x.T,
    "one": lambda x: x[:, :1],
    "sorted by number": lambda x: x.sort(dim=1).values,
}
NEIGHBOURS = {
    (1, "in", 1, "as it is"): "counted itself",
    (None, "out", 1, "as it is"): "not normalised",
    (0, "out", 1, "as it is"): "normalised over the wrong axis",
    (1, "out", -1, "as it is"): "the farthest",
    (1, "in", -1, "as it is"): "the farthest",
    (1, "out", 1, "nearest last"): "nearest last",
}
NEARBY = [
    Probe(
        NEAREST,
        f"normalised {norm}, itself {own}, sign {sign}, {order}",
        nearest(norm, own, sign, ORDERS[order]),
        "mistake" if name else "wrong",
        name,
    )
    for norm, own, sign, order in itertools.product(
        (1, 0, None), ("out", "in", "zero"), (1, -1), ORDERS
    )
    for name in [NEIGHBOURS.get((norm, own, sign, order), "")]
    if (norm, own, sign, order) != (1, "out", 1, "as it is")
]

# ----------------------------------------------------------------------------------- gap


def closed(start=True, end=True, first=0.5, second=0.5, means="each"):
    def clouds(images, texts):
        if start:
            images, texts = F.normalize(images, dim=1), F.normalize(texts, dim=1)
        gap = images.mean(dim=0) - texts.mean(dim=0)
        if means == "medians":
            gap = images.median(dim=0).values - texts.median(dim=0).values
        elif means == "one number":
            gap = images.mean() - texts.mean()
        images, texts = images - first * gap, texts + second * gap
        return (F.normalize(images, dim=1), F.normalize(texts, dim=1)) if end else (images, texts)

    return clouds


def by_numpy(images, texts):
    images, texts = (
        x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True) for x in (images, texts)
    )
    middle = (images.mean(0) + texts.mean(0)) / 2
    moved = (images - images.mean(0) + middle, texts - texts.mean(0) + middle)
    return [x / np.linalg.norm(x, axis=1, keepdims=True) for x in moved]


GAPS = {
    (True, True, -0.5, -0.5, "each"): "moved apart",
    (True, True, 1, 1, "each"): "each moved the whole way",
    (True, True, 1, 0, "each"): "only one of the two moved",
    (True, False, 0.5, 0.5, "each"): "length 1 forgotten at the end",
    (False, True, 0.5, 0.5, "each"): "length 1 forgotten at the start",
}
MOVES = [
    Probe(
        GAP,
        f"unit at the start {start}, at the end {end}, shares {shares}, {means}",
        closed(start, end, *shares, means),
        "mistake" if name else "wrong",
        name,
    )
    for start, end, shares, means in itertools.product(
        (True, False),
        (True, False),
        (
            (0.5, 0.5),
            (-0.5, -0.5),
            (1, 1),
            (1, 0),
            (0, 1),
            (0, 0),
            (0.25, 0.25),
            (0.5, 0),
            (0, 0.5),
        ),
        ("each", "medians", "one number"),
    )
    for name in [GAPS.get((start, end, *shares, means), "")]
    if (start, end, shares, means) != (True, True, (0.5, 0.5), "each")
]
# Without a shift it does not matter which means it would have followed.
MOVES = [p for p in MOVES if "(0, 0)" not in p.what or "each" in p.what]

PROBES = [
    Probe(PLANE, "eigenvectors of the covariance", by_covariance, "right"),
    Probe(PLANE, "left side times widths", by_left_side, "right"),
    Probe(PLANE, "in float64", by_lowrank, "right"),
    Probe(PLANE, "untouched", ..., "not yet attempted"),
    *PLANES,
    *(
        Probe(PLANE, f"columns: {what}", answer, "mistake", "columns of Vᵀ instead of rows")
        for what, answer in COLUMNS.items()
    ),
    *(Probe(PLANE, what, answer, "wrong") for what, answer in NO_COLUMNS.items()),
    Probe(NEAREST, "topk", by_topk, "right"),
    Probe(NEAREST, "loops and lists", in_lists, "right"),
    Probe(NEAREST, "untouched", ..., "not yet attempted"),
    *NEARBY,
    Probe(GAP, "numpy, to the common middle", by_numpy, "right"),
    Probe(GAP, "texts first", lambda i, t: closed()(i, t)[::-1], "wrong"),
    Probe(GAP, "untouched", ..., "not yet attempted"),
    *MOVES,
]
