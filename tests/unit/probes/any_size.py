"""Notebook 16: the mask of packed pictures, what a canvas keeps, partners, what a picture costs."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

MASK, KEPT, PARTNERS, COST = (
    "The mask of packed pictures",
    "What a canvas keeps",
    "Partners to merge",
    "What a picture costs",
)


def stub(*arguments):
    raise NotImplementedError


def probe(exercise, what, answer, name):
    """A probe for an answer that is right, a named mistake, or wrong without a name."""
    kind = name if name in ("right", "wrong") else "mistake"
    return Probe(exercise, what, answer, kind, name if kind == "mistake" else "")


# ------------------------------------------------------------------------------- the mask


def owners(lengths, of):
    total = int(lengths.sum())
    places, ends = torch.arange(total), lengths.cumsum(0)
    return {
        "pictures": lambda: torch.repeat_interleave(torch.arange(len(lengths)), lengths),
        "from 1": lambda: torch.repeat_interleave(torch.arange(len(lengths)), lengths) + 1,
        "searched": lambda: torch.searchsorted(ends, places, right=True),
        "searched, one late": lambda: torch.searchsorted(ends, places),
        "first length": lambda: places // lengths[0],
        "mean length": lambda: places // (total // len(lengths)),
        "places": lambda: places,
        "nothing": lambda: torch.zeros(total, dtype=torch.long),
        "lengths": lambda: torch.repeat_interleave(lengths, lengths),
        "within": lambda: torch.cat([torch.arange(n) for n in lengths.tolist()]),
    }[of]()


def masked(of, compare, cut):
    def mask(lengths):
        owner = owners(lengths, of)
        a, b = owner[:, None], owner[None, :]
        seen = {"==": a == b, "!=": a != b, ">=": a >= b, "<=": a <= b}[compare]
        return {"all": lambda: seen, "tril": seen.tril, "triu": seen.triu}[cut]()

    return mask


MASK_NAMED = {
    **{(of, "==", "all"): "right" for of in ("pictures", "from 1", "searched")},
    **{
        (of, "!=", "all"): "the pictures see the others, not themselves"
        for of in ("pictures", "from 1", "searched")
    },
    **{
        (of, "==", "tril"): "no token sees a later one" for of in ("pictures", "from 1", "searched")
    },
    ("searched, one late", "==", "all"): "one picture too many",
    ("first length", "==", "all"): "all blocks of one size",
    **{("places", "==", cut): "tokens see themselves only" for cut in ("all", "tril", "triu")},
    ("places", ">=", "triu"): "tokens see themselves only",
    ("places", "<=", "tril"): "tokens see themselves only",
    ("nothing", "==", "all"): "everybody sees everybody",
    ("nothing", ">=", "all"): "everybody sees everybody",
    ("nothing", "<=", "all"): "everybody sees everybody",
}
OWNERS = (
    "pictures",
    "from 1",
    "searched",
    "searched, one late",
    "first length",
    "mean length",
    "places",
    "nothing",
    "lengths",
    "within",
)
MASKS = [
    probe(MASK, " ".join(way), masked(*way), MASK_NAMED.get(way, "wrong"))
    for way in itertools.product(OWNERS, ("==", "!=", ">=", "<="), ("all", "tril", "triu"))
    # Two of these are one and the same, and what they are depends on the order of the numbers.
    if not (way[1] in (">=", "<=") and way[0] in ("pictures", "from 1", "searched", "lengths"))
]


def by_blocks(lengths):
    return torch.block_diag(*[torch.ones(n, n) for n in lengths.tolist()]).bool()


def by_writing(lengths):
    mask, first = np.zeros((int(lengths.sum()),) * 2, bool), 0
    for n in lengths.tolist():
        mask[first : first + n, first : first + n] = True
        first += n
    return mask.tolist()


def by_one_hot(lengths):
    owner = F.one_hot(owners(lengths, "pictures"))
    return owner @ owner.T > 0


MASKS += [
    probe(MASK, "block_diag", by_blocks, "right"),
    probe(MASK, "written into, as a list", by_writing, "right"),
    probe(MASK, "by one-hot vectors", by_one_hot, "right"),
    probe(MASK, "1 and 0", lambda n: masked("pictures", "==", "all")(n).int(), "wrong"),
    probe(
        MASK,
        "0 and -inf",
        lambda n: torch.zeros(int(n.sum()), int(n.sum())).masked_fill(
            ~masked("pictures", "==", "all")(n), -torch.inf
        ),
        "wrong",
    ),
    probe(
        MASK,
        "near",
        lambda n: (
            (torch.arange(int(n.sum()))[:, None] - torch.arange(int(n.sum()))).abs() < n.max()
        ),
        "near instead of in the same picture",
    ),
    probe(
        MASK,
        "a row for each picture",
        lambda n: F.one_hot(owners(n, "pictures")).bool().T,
        "a row for each picture",
    ),
    probe(MASK, "a column for each", lambda n: F.one_hot(owners(n, "pictures")).bool(), "wrong"),
    probe(MASK, "the owners", lambda n: owners(n, "pictures"), "wrong"),
    probe(MASK, "with a batch axis", lambda n: masked("pictures", "==", "all")(n)[None], "wrong"),
    probe(MASK, "None", lambda n: None, "wrong"),
    probe(MASK, "an error", lambda n: n @ torch.zeros(99), "wrong"),
]

# ------------------------------------------------------------------------------- what a canvas keeps


def kept(which, power, cap, sides):
    def pixels(height, width, canvases):
        if sides == "exchanged":
            height, width = width, height
        ratios = canvases / torch.tensor([float(height), float(width)])
        scale = {
            "min": lambda: ratios.amin(1),
            "max": lambda: ratios.amax(1),
            "mean": lambda: ratios.mean(1),
            "first": lambda: ratios[:, 0],
            "second": lambda: ratios[:, 1],
        }[which]()
        own = height * width
        found = scale**power * own
        return {
            "capped": lambda: found.clamp(max=own),
            "any": lambda: found,
            "at least": lambda: found.clamp(min=own),
            "share": lambda: found.clamp(max=own) / own,
            "wasted": lambda: canvases.prod(1) - found.clamp(max=own),
            "whole": lambda: found.clamp(max=own).floor(),
        }[cap]()

    return pixels


KEPT_NAMED = {
    ("min", 2, "capped", "right"): "right",
    ("min", 2, "any", "right"): "enlarging counts",
    ("max", 2, "capped", "right"): "the canvas filled",
    ("min", 1, "capped", "right"): "one side scaled",
    ("min", 2, "capped", "exchanged"): "height and width exchanged",
    ("min", 2, "wasted", "right"): "what is wasted",
    ("min", 2, "share", "right"): "a share of the picture",
}
KEEPS = [
    probe(KEPT, " ".join(map(str, way)), kept(*way), KEPT_NAMED.get(way, "wrong"))
    for way in itertools.product(
        ("min", "max", "mean", "first", "second"),
        (1, 2),
        ("capped", "any", "at least", "share", "wasted"),
        ("right", "exchanged"),
    )
]


def by_loop(height, width, canvases):
    found = []
    for tall, wide in canvases.tolist():
        if wide / width < tall / height:
            wide_used, tall_used = wide, wide * height / width
        else:
            wide_used, tall_used = tall * width / height, tall
        found.append(min(wide_used * tall_used, height * width))
    return found


KEEPS += [
    probe(KEPT, "by a loop, as a list", by_loop, "right"),
    probe(
        KEPT,
        "the scale cut at 1",
        lambda h, w, c: (c / torch.tensor([h, w])).amin(1).clamp(max=1) ** 2 * h * w,
        "right",
    ),
    probe(
        KEPT,
        "in numpy",
        lambda h, w, c: np.minimum((c.numpy() / [h, w]).min(1) ** 2 * h * w, h * w),
        "right",
    ),
    probe(
        KEPT,
        "all of the canvas",
        lambda h, w, c: c.prod(1).clamp(max=h * w),
        "all of the canvas",
    ),
    probe(KEPT, "the canvas's pixels", lambda h, w, c: c.prod(1), "wrong"),
    probe(
        KEPT,
        "the best canvas",
        lambda h, w, c: kept("min", 2, "capped", "right")(h, w, c).argmax(),
        "wrong",
    ),
    probe(
        KEPT,
        "its pixels alone",
        lambda h, w, c: kept("min", 2, "capped", "right")(h, w, c).max(),
        "wrong",
    ),
    probe(KEPT, "the scales", lambda h, w, c: (c / torch.tensor([h, w])).amin(1), "wrong"),
    probe(KEPT, "None", lambda h, w, c: None, "wrong"),
    probe(KEPT, "an error", lambda h, w, c: c / torch.zeros(7), "wrong"),
]

# ------------------------------------------------------------------------------- partners


def matched(likeness, looks, pick, number):
    def find(keys):
        half = (len(keys) + 1) // 2
        a, b = {
            "even": (keys[::2], keys[1::2]),
            "odd": (keys[1::2], keys[::2]),
            "halves": (keys[:half], keys[half:]),
        }[looks]
        like = {
            "cosine": lambda: F.normalize(a, dim=1) @ F.normalize(b, dim=1).T,
            "product": lambda: a @ b.T,
            "distance": lambda: -torch.cdist(a, b),
            "columns": lambda: F.normalize(a, dim=0) @ F.normalize(b, dim=0).T,
            "absolute": lambda: (F.normalize(a, dim=1) @ F.normalize(b, dim=1).T).abs(),
            "one side": lambda: a @ F.normalize(b, dim=1).T,
        }[likeness]()
        found = {"max": like.argmax(1), "min": like.argmin(1)}[pick]
        return {
            "sequence": {"even": 2 * found + 1, "odd": 2 * found, "halves": half + found}[looks],
            "set": found,
            "even places": 2 * found,
        }[number]

    return find


# A cosine does not ask for the length of the one who chooses.
PARTNERS_NAMED = {
    **{(like, "even", "max", "sequence"): "right" for like in ("cosine", "one side")},
    ("product", "even", "max", "sequence"): "a product instead of a cosine",
    **{
        (like, "even", "max", "set"): "the number within the set" for like in ("cosine", "one side")
    },
    **{(like, "odd", "max", "sequence"): "the other set looks" for like in ("cosine", "one side")},
    **{
        (like, "odd", "max", "even places"): "the other set looks"
        for like in ("cosine", "one side")
    },
    **{(like, "even", "min", "sequence"): "the least similar" for like in ("cosine", "one side")},
    ("distance", "even", "max", "sequence"): "the nearest instead of the most similar",
    **{
        (like, "halves", "max", "sequence"): "halves instead of alternating places"
        for like in ("cosine", "one side")
    },
}
MATCHES = [
    probe(PARTNERS, " ".join(way), matched(*way), PARTNERS_NAMED.get(way, "wrong"))
    for way in itertools.product(
        ("cosine", "product", "distance", "columns", "absolute", "one side"),
        ("even", "odd", "halves"),
        ("max", "min"),
        ("sequence", "set", "even places"),
    )
]


def partner_by_loop(keys):
    found = []
    for a in range(0, len(keys), 2):
        cosines = {
            b: float(F.cosine_similarity(keys[a], keys[b], dim=0)) for b in range(1, len(keys), 2)
        }
        found.append(max(cosines, key=cosines.get))
    return found


def partner_among_all(keys):
    like = F.normalize(keys, dim=1) @ F.normalize(keys, dim=1).T
    return like.fill_diagonal_(-torch.inf)[::2].argmax(1)


def partner_masked(keys):
    like = F.normalize(keys, dim=1) @ F.normalize(keys, dim=1).T
    like[:, ::2] = -torch.inf
    return like[::2].argmax(1)


MATCHES += [
    probe(PARTNERS, "by a loop, as a list", partner_by_loop, "right"),
    probe(PARTNERS, "among all, even ones masked", partner_masked, "right"),
    probe(PARTNERS, "among all", partner_among_all, "partners from all tokens"),
    probe(
        PARTNERS,
        "itself",
        lambda keys: (F.normalize(keys, dim=1) @ F.normalize(keys, dim=1).T)[::2].argmax(1),
        "wrong",
    ),
    probe(
        PARTNERS,
        "the cosines",
        lambda keys: F.normalize(keys[::2], dim=1) @ F.normalize(keys[1::2], dim=1).T,
        "wrong",
    ),
    probe(
        PARTNERS,
        "chosen by each partner",
        lambda keys: (
            2 * (F.normalize(keys[::2], dim=1) @ F.normalize(keys[1::2], dim=1).T).argmax(0)
        ),
        "the other set looks",
    ),
    probe(
        PARTNERS,
        "the next one",
        lambda keys: (torch.arange(0, len(keys), 2) + 1).clamp(max=len(keys) - 1),
        "wrong",
    ),
    probe(PARTNERS, "None", lambda keys: None, "wrong"),
    probe(PARTNERS, "an error", lambda keys: keys @ keys, "wrong"),
]

# ------------------------------------------------------------------------------- the cost


def cost(cell, first, most, last, merged=1):
    roundings = {"round": round, "floor": math.floor, "ceil": math.ceil}

    def tokens(height, width):
        rows, columns = roundings[first](height / cell), roundings[first](width / cell)
        if rows * columns > most and last in roundings:
            scale = math.sqrt(height * width / (most * cell**2))
            rows, columns = (roundings[last](side / scale / cell) for side in (height, width))
        elif rows * columns > most and last == "cut":
            return most
        return rows * columns * merged

    return tokens


COST_NAMED = {
    (28, "round", 1280, "floor", 1): "right",
    (28, "round", 1280, "floor", 4): "patches instead of tokens",
    **{(28, "round", most, "none", 1): "no limit" for most in (1280, 640)},
    (28, "round", 1280, "cut", 1): "cut off at the limit",
    (28, "round", 1280, "ceil", 1): "rounded up when scaled",
    (28, "round", 1280, "round", 1): "to the nearest when scaled",
    (28, "floor", 1280, "floor", 1): "rounded down from the start",
    (28, "ceil", 1280, "floor", 1): "rounded up from the start",
}
COSTS = [
    probe(COST, " ".join(map(str, way)), cost(*way), COST_NAMED.get(way, "wrong"))
    for way in itertools.product(
        (28, 14),
        ("round", "floor", "ceil"),
        (1280, 640),
        ("round", "floor", "ceil", "cut", "none"),
        (1, 4),
    )
]


def by_pixels(height, width):
    """As the authors write it: sides in pixels."""
    tall, wide = (round(side / 28) * 28 for side in (height, width))
    if tall * wide > 1280 * 28 * 28:
        beta = (height * width / (1280 * 28 * 28)) ** 0.5
        tall, wide = (math.floor(side / beta / 28) * 28 for side in (height, width))
    return tall // 28 * (wide // 28)


COSTS += [
    probe(COST, "in pixels", by_pixels, "right"),
    probe(COST, "as a float", lambda h, w: float(by_pixels(h, w)), "right"),
    probe(COST, "as a tensor", lambda h, w: torch.tensor(by_pixels(h, w)), "right"),
    probe(COST, "area by area", lambda h, w: h * w / 28**2, "wrong"),
    probe(COST, "rounded area", lambda h, w: round(h * w / 28**2), "wrong"),
    probe(COST, "the limit", lambda h, w: 1280, "wrong"),
    probe(COST, "the smaller", lambda h, w: min(h * w // 28**2, 1280), "wrong"),
    probe(COST, "rows and columns", lambda h, w: (round(h / 28), round(w / 28)), "wrong"),
    probe(
        COST,
        "no root",
        lambda h, w: (
            by_pixels(h, w)
            if round(h / 28) * round(w / 28) <= 1280
            else math.prod(math.floor(side / (h * w / (1280 * 28**2)) / 28) for side in (h, w))
        ),
        "the scale without its root",
    ),
    probe(COST, "None", lambda h, w: None, "wrong"),
    probe(COST, "an error", lambda h, w: h / 0, "wrong"),
]

STUBS = [
    Probe(name, "the stub", stub, "not yet attempted") for name in (MASK, KEPT, PARTNERS, COST)
]
PROBES = STUBS + MASKS + KEEPS + MATCHES + COSTS
