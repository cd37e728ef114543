"""Notebook 15: centring on seen pictures, ranks of names, names without a seen word."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

CENTRE, RANK, WORDS = (
    "Centre on what was seen",
    "The rank of the right name",
    "Names without a seen word",
)


def stub(*arguments):
    raise NotImplementedError


# ------------------------------------------------------------------------------- centring


def centred(first="none", mean="seen", sign="minus", spread="none", last="rows", rows="all"):
    """The solution with some of its steps done otherwise."""

    def lock(features, seen):
        unit = lambda x: F.normalize(x, dim=-1)  # noqa: E731
        x = unit(features) if first == "rows" else features
        unseen = torch.tensor([i for i in range(len(x)) if i not in seen.tolist()])
        middle = {
            "seen": lambda: x[seen].mean(0),
            "all": lambda: x.mean(0),
            "unseen": lambda: x[unseen].mean(0),
            "none": lambda: torch.zeros_like(x[0]),
            "median": lambda: x[seen].median(0).values,
            "first": lambda: x[seen[0]],
            "sum": lambda: x[seen].sum(0),
            "number": lambda: x[seen].mean(),
            "columns": lambda: x.mean(1, keepdim=True),
        }[mean]()
        x = x - middle if sign == "minus" else x + middle
        if spread == "seen":
            x = x / x[seen].std(0)
        elif spread == "all":
            x = x / x.std(0)
        x = {
            "rows": lambda: unit(x),
            "columns": lambda: F.normalize(x, dim=0),
            "matrix": lambda: x / x.norm(),
            "none": lambda: x,
            "sum": lambda: x / x.sum(-1, keepdim=True),
            "squared": lambda: x / x.square().sum(-1, keepdim=True),
        }[last]()
        return {"all": x, "seen": x[seen], "unseen": x[unseen]}[rows]

    return lock


CENTRE_NAMED = {
    ("none", "seen", "minus", "none", "rows", "all"): "right",
    ("none", "all", "minus", "none", "rows", "all"): "the mean of all pictures",
    ("none", "seen", "minus", "none", "none", "all"): "not at length 1",
    ("rows", "seen", "minus", "none", "rows", "all"): "at length 1 before the mean is taken off",
    ("none", "none", "minus", "none", "rows", "all"): "no mean taken off",
    ("rows", "none", "minus", "none", "none", "all"): "no mean taken off",
    ("rows", "none", "minus", "none", "rows", "all"): "no mean taken off",
    ("none", "none", "plus", "none", "rows", "all"): "no mean taken off",
    ("rows", "none", "plus", "none", "none", "all"): "no mean taken off",
    ("rows", "none", "plus", "none", "rows", "all"): "no mean taken off",
    ("rows", "none", "minus", "none", "squared", "all"): "no mean taken off",
    ("rows", "none", "plus", "none", "squared", "all"): "no mean taken off",
    ("rows", "columns", "minus", "none", "rows", "all"): "the mean over the numbers of a picture",
    ("none", "seen", "minus", "none", "rows", "seen"): "only the seen pictures returned",
    ("none", "seen", "minus", "none", "matrix", "all"): "the whole matrix at length 1",
    ("none", "columns", "minus", "none", "rows", "all"): "the mean over the numbers of a picture",
}


def probe(exercise, what, answer, name):
    """A probe for an answer that is right, a named mistake, or wrong without a name."""
    kind = name if name in ("right", "wrong") else "mistake"
    return Probe(exercise, what, answer, kind, name if kind == "mistake" else "")


CENTRINGS = [
    probe(CENTRE, ", ".join(way), centred(*way), CENTRE_NAMED.get(way, "wrong"))
    for way in itertools.product(
        ("none", "rows"),
        ("seen", "all", "unseen", "none", "median", "first", "sum", "number", "columns"),
        ("minus", "plus"),
        ("none", "seen"),
        ("rows", "columns", "matrix", "none", "sum", "squared"),
        ("all",),
    )
] + [
    probe(CENTRE, ", ".join(way), centred(*way), CENTRE_NAMED.get(way, "wrong"))
    for way in itertools.product(
        ("none",), ("seen", "all"), ("minus",), ("none",), ("rows", "none"), ("seen", "unseen")
    )
]


def by_loop(features, seen):
    middle = sum(features[i] for i in seen) / len(seen)
    return [((row - middle) / (row - middle).norm()).tolist() for row in features]


CENTRINGS += [
    Probe(CENTRE, "by a loop, as lists", by_loop, "right"),
    Probe(
        CENTRE,
        "in numpy",
        lambda features, seen: (
            (x := features.numpy() - features.numpy()[seen.numpy()].mean(0))
            / np.sqrt((x**2).sum(1, keepdims=True))
        ),
        "right",
    ),
    Probe(
        CENTRE,
        "in half precision",
        lambda features, seen: centred()(features, seen).half(),
        "right",
    ),
    Probe(CENTRE, "the features as they are", lambda features, seen: features, "wrong"),
    Probe(CENTRE, "None", lambda features, seen: None, "wrong"),
    Probe(CENTRE, "an error", lambda features, seen: features[seen] @ features, "wrong"),
]

# ------------------------------------------------------------------------------- ranks

COMPARE = {
    ">=": torch.ge,
    ">": torch.gt,
    "<=": torch.le,
    "<": torch.lt,
    "==": torch.eq,
    "!=": torch.ne,
}


def ranks(compare, axis, plus, own):
    def rank(cosines):
        diagonal = cosines.diagonal()
        reference = {
            "row": diagonal[:, None],
            "column": diagonal[None, :],
            "best": cosines.amax(1, keepdim=True),
            "first": cosines[:, :1],
        }[own]
        return COMPARE[compare](cosines, reference).sum(axis) + plus

    return rank


RANK_NAMED = {
    (">=", 1, 0, "row"): "right",
    (">=", 1, -1, "row"): "ranks from 0",
    (">", 1, 1, "row"): "ties count for the right name",
    (">=", 0, 0, "column"): "names look for pictures",
    ("<=", 1, 0, "row"): "counted from the worst",
}
RANKS = [
    probe(RANK, " ".join(map(str, way)), ranks(*way), RANK_NAMED.get(way, "wrong"))
    for way in itertools.product(COMPARE, (0, 1), (-1, 0, 1), ("row", "column", "best", "first"))
]


def by_sorting(cosines):
    """Ties against: the last place at which the own cosine stands in the sorted row."""
    found = []
    for place, row in enumerate(cosines.tolist()):
        ordered = sorted(row, reverse=True)
        found.append(len(ordered) - ordered[::-1].index(row[place]))
    return found


def by_argsort(cosines):
    order = cosines.argsort(dim=1, descending=True, stable=True)
    return (order == torch.arange(len(cosines))[:, None]).int().argmax(1) + 1


RANKS += [
    Probe(RANK, "by sorting, as a list", by_sorting, "right"),
    Probe(RANK, "as floats", lambda cosines: ranks(">=", 1, 0, "row")(cosines).double(), "right"),
    Probe(RANK, "argsort, ties as they fall", by_argsort, "wrong"),
    Probe(RANK, "argsort itself", lambda cosines: cosines.argsort(dim=1, descending=True), "wrong"),
    Probe(
        RANK, "argmax", lambda cosines: cosines.argmax(1), "mistake", "the place of the best name"
    ),
    Probe(RANK, "argmax of columns", lambda cosines: cosines.argmax(0), "wrong"),
    Probe(RANK, "argmax from 1", lambda cosines: cosines.argmax(1) + 1, "wrong"),
    Probe(
        RANK,
        "right or wrong",
        lambda cosines: (ranks(">=", 1, 0, "row")(cosines) == 1).int(),
        "mistake",
        "right or wrong",
    ),
    Probe(RANK, "the own cosine", lambda cosines: cosines.diagonal(), "wrong"),
    Probe(
        RANK,
        "one over the rank",
        lambda cosines: 1 / ranks(">=", 1, 0, "row")(cosines),
        "wrong",
    ),
    Probe(
        RANK,
        "the mean rank",
        lambda cosines: ranks(">=", 1, 0, "row")(cosines).double().mean(),
        "wrong",
    ),
    Probe(RANK, "None", lambda cosines: None, "wrong"),
    Probe(RANK, "a number", lambda cosines: 1, "wrong"),
]

# ------------------------------------------------------------------------------- words


def marked(table, test, over, negate):
    def mark(seen, unseen):
        shared = {
            "unseen @ seen": lambda: unseen.double() @ seen.double().T,
            "unseen @ unseen": lambda: unseen.double() @ unseen.double().T,
            "seen anywhere": lambda: unseen.double() * (seen.sum(0) > 0),
            "new": lambda: unseen.double() * (seen.sum(0) == 0),
        }[table]()
        found = shared == 0 if test == "none" else shared > 0
        found = {
            "all": lambda: found.all(1),
            "any": lambda: found.any(1),
            "all of columns": lambda: found.all(0),
            "any of columns": lambda: found.any(0),
        }[over]()
        return ~found if negate else found

    return mark


WORDS_NAMED = {
    ("unseen @ seen", "none", "all", False): "right",
    ("unseen @ seen", "some", "any", True): "right",
    ("seen anywhere", "none", "all", False): "right",
    ("seen anywhere", "some", "any", True): "right",
    ("unseen @ seen", "none", "all", True): "the names that do have one",
    ("unseen @ seen", "some", "any", False): "the names that do have one",
    ("seen anywhere", "none", "all", True): "the names that do have one",
    ("seen anywhere", "some", "any", False): "the names that do have one",
    ("unseen @ seen", "none", "any", False): "no word in common with one of the names",
    ("unseen @ seen", "some", "all", True): "no word in common with one of the names",
    ("new", "some", "any", False): "some word is new",
    ("new", "none", "all", True): "some word is new",
    ("unseen @ seen", "none", "all of columns", False): "seen and unseen exchanged",
    ("unseen @ seen", "some", "any of columns", True): "seen and unseen exchanged",
}
MARKS = [
    probe(WORDS, " ".join(map(str, way)), marked(*way), WORDS_NAMED.get(way, "wrong"))
    for way in itertools.product(
        ("unseen @ seen", "unseen @ unseen", "seen anywhere", "new"),
        ("none", "some"),
        ("all", "any", "all of columns", "any of columns"),
        (False, True),
    )
]


def by_sets(seen, unseen):
    known = {int(word) for row in seen for word in row.nonzero()}
    return [not known & {int(word) for word in row.nonzero()} for row in unseen]


MARKS += [
    Probe(WORDS, "by sets, as a list", by_sets, "right"),
    Probe(
        WORDS, "in numpy", lambda seen, unseen: ~(unseen.numpy() @ seen.numpy().T).any(1), "right"
    ),
    Probe(
        WORDS,
        "how many",
        lambda seen, unseen: (unseen @ seen.T).sum(1),
        "mistake",
        "numbers in place of yes and no",
    ),
    Probe(WORDS, "the table of shared words", lambda seen, unseen: unseen @ seen.T, "wrong"),
    Probe(WORDS, "the same name twice", lambda seen, unseen: (unseen == seen[0]).all(1), "wrong"),
    Probe(
        WORDS, "their number", lambda seen, unseen: ((unseen @ seen.T).sum(1) == 0).sum(), "wrong"
    ),
    Probe(
        WORDS,
        "their places",
        lambda seen, unseen: ((unseen @ seen.T).sum(1) == 0).nonzero().flatten(),
        "wrong",
    ),
    Probe(WORDS, "None", lambda seen, unseen: None, "wrong"),
    Probe(WORDS, "an error", lambda seen, unseen: unseen @ seen, "wrong"),
]

STUBS = [Probe(name, "the stub", stub, "not yet attempted") for name in (CENTRE, RANK, WORDS)]
PROBES = STUBS + CENTRINGS + RANKS + MARKS
