"""Answers of an eleventh referee to the exercises of notebook 17, all of them new.

Right ones in unusual forms (regressions, quantiles, gradients, tables, answers that write into what
they were given), wrong ones as learners write them: an index of numbers taken for a mask, ranks that
are not put back, norms over the wrong thing.
"""

import array
import heapq
import statistics
from fractions import Fraction

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch.nn.functional import normalize

from tests.unit.probes import Probe

SWAP, HEADS, CODES = "A fair swap test", "A head's part of the score", "Sparse codes"


def hits(true, false):
    return (true > false).double()


def by_order(values, first):
    """The mean of each order, (2,)."""
    return torch.stack([values[first == order].double().mean() for order in (0, 1)])


def whole(heads, rest):
    return heads.sum(0) + rest


def kept(scores, chosen):
    """Scores where chosen, not below 0."""
    return torch.where(chosen, scores, torch.zeros_like(scores)).relu()


# ── Right ─────────────────────────────────────────────────────────────────────────────────────────


def by_regression(true, false, first):
    """Intercept and half of the slope of a line through the successes."""
    line = torch.stack([torch.ones_like(hits(true, false)), first.double()], dim=1)
    intercept, slope = torch.linalg.lstsq(line, hits(true, false)).solution
    return intercept + slope / 2


def by_nan_means(true, false, first):
    nothing = torch.full((len(first),), torch.nan, dtype=torch.double)
    orders = [torch.where(first == k, hits(true, false), nothing).nanmean() for k in (0, 1)]
    return sum(orders) / 2


def by_a_table(true, false, first):
    table = pd.DataFrame({"hit": (true > false).numpy(), "first": first.numpy()})
    return table.groupby("first")["hit"].mean().mean()


def by_fractions(true, false, first):
    found = []
    for order in (0, 1):
        some = [a > b for a, b, o in zip(true, false, first, strict=True) if o == order]
        found.append(Fraction(sum(map(bool, some)), len(some)))
    return statistics.mean(found)


def by_sorting(true, false, first):
    """The orders one behind the other, cut where the second begins."""
    places = first.argsort(stable=True)
    parts = hits(true, false)[places].tensor_split([int((first == 0).sum())])
    return torch.stack([part.mean() for part in parts]).mean()


def writing_into_the_arguments(true, false, first):
    true.sub_(false)
    return by_order(true > 0, first).mean()


def heads_by_gradient(heads, rest, text):
    """Scales before the heads: how the sum's product with the text changes with each of them."""
    scales = torch.ones(len(heads), dtype=heads.dtype, requires_grad=True)
    picture = scales @ heads + rest
    (found,) = torch.autograd.grad(picture @ text / picture.detach().norm(), scales)
    return found


def heads_by_partial_sums(heads, rest, text):
    along = heads.cumsum(0) @ text / whole(heads, rest).norm()
    return along.diff(prepend=torch.zeros_like(along[:1]))


def heads_by_shares_of_the_cosine(heads, rest, text):
    picture = whole(heads, rest)
    return F.cosine_similarity(picture, text, dim=0) * (heads @ text) / (picture @ text)


def heads_by_angles(heads, rest, text):
    lengths = heads.norm(dim=1)
    return F.cosine_similarity(heads, text[None]) * lengths / whole(heads, rest).norm()


def heads_by_differences(heads, rest, text):
    """The score with the length held, less the score without the head."""
    picture = normalize(whole(heads, rest), dim=0)
    scale = whole(heads, rest).norm()
    return torch.stack([picture @ text - (picture - one / scale) @ text for one in heads])


def codes_by_picking(scores, k):
    """The largest is taken k times, and taken off."""
    left, found = scores.clone(), torch.zeros_like(scores)
    rows = torch.arange(len(scores))
    for _ in range(k):
        best = left.argmax(1)
        found[rows, best] = left[rows, best].clamp(min=0)
        left[rows, best] = -torch.inf
    return found


def codes_by_heaps(scores, k):
    found = np.zeros(scores.shape)
    for row, values in enumerate(scores.tolist()):
        for value, place in heapq.nlargest(k, zip(values, range(len(values)), strict=True)):
            found[row, place] = max(value, 0)
    return found


def codes_by_partition(scores, k):
    values = scores.numpy()
    places = np.argpartition(values, -k, axis=1)[:, -k:]
    found = np.zeros_like(values)
    np.put_along_axis(found, places, np.take_along_axis(values, places, 1).clip(0), axis=1)
    return found


def codes_in_place(scores, k):
    scores[scores.argsort(1, descending=True).argsort(1) >= k] = 0
    return scores.relu_()


def codes_by_one_hot(scores, k):
    chosen = F.one_hot(scores.topk(k, 1).indices, scores.shape[1]).sum(1)
    return torch.einsum("nm,nm->nm", scores.relu(), chosen.to(scores))


def codes_in_a_table(scores, k):
    table = pd.DataFrame(scores.numpy())
    return table.where(table.rank(axis=1, ascending=False) <= k, 0).clip(lower=0)


RIGHT = {
    SWAP: {
        "a line through the successes": by_regression,
        "means that leave out nan": by_nan_means,
        "a table by groups": by_a_table,
        "fractions": by_fractions,
        "sorted by order and cut": by_sorting,
        "written into the arguments": writing_into_the_arguments,
        "what is not lost": lambda t, f, first: 1 - by_order(f >= t, first).mean(),
        "a step function": lambda t, f, first: by_order(
            torch.heaviside(t - f, torch.zeros_like(t)), first
        ).mean(),
        "weights that numpy divides by": lambda t, f, first: np.average(
            (t > f).numpy(), weights=1 / np.bincount(first.numpy())[first.numpy()]
        ),
        "the overall mean put right": lambda t, f, first: (
            hits(t, f).mean()
            + (0.5 - first.double().mean())
            * (by_order(hits(t, f), first)[1] - by_order(hits(t, f), first)[0])
        ),
        "one number in a list": lambda t, f, first: [by_order(hits(t, f), first).mean().item()],
    },
    HEADS: {
        "by a gradient": heads_by_gradient,
        "by partial sums": heads_by_partial_sums,
        "as shares of the cosine": heads_by_shares_of_the_cosine,
        "by angles and lengths": heads_by_angles,
        "by differences at one length": heads_by_differences,
        "F.linear": lambda h, r, t: F.linear(t, h) / torch.dist(whole(h, r), torch.zeros_like(r)),
        "the rest appended and cut off": lambda h, r, t: (
            torch.vstack([h, r]) @ t / torch.vstack([h, r]).sum(0).norm()
        )[:-1],
        "an array of the standard library": lambda h, r, t: array.array(
            "d", (h @ t / whole(h, r).norm()).tolist()
        ),
        "a column of a table": lambda h, r, t: pd.Series(h @ t / whole(h, r).norm()),
        "a tuple of numbers": lambda h, r, t: tuple(
            torch.dot(one, t) / whole(h, r).pow(2).sum().sqrt() for one in h
        ),
        "numpy's norm of all rows": lambda h, r, t: (
            np.asarray(h) @ np.asarray(t) / np.linalg.norm(np.concatenate([h, r[None]]).sum(0))
        ),
    },
    CODES: {
        "the largest taken k times": codes_by_picking,
        "heaps": codes_by_heaps,
        "a partition": codes_by_partition,
        "written into the scores": codes_in_place,
        "one-hot places": codes_by_one_hot,
        "ranks of a table": codes_in_a_table,
        "a quantile as threshold": lambda s, k: kept(
            s, s >= s.quantile(1 - k / s.shape[1], dim=1, keepdim=True)
        ),
        "above the one that comes after": lambda s, k: (
            s.relu() * (s > s.sort(1, descending=True).values[:, k, None])
        ),
        "kthvalue": lambda s, k: kept(
            s, s >= s.kthvalue(s.shape[1] - k + 1, dim=1, keepdim=True).values
        ),
        "a masked array, filled": lambda s, k: np.ma.masked_less(
            np.where(np.sort(s.numpy(), 1)[:, -k, None] <= s.numpy(), s.numpy(), 0), 0
        ).filled(0),
        "index_put": lambda s, k: torch.zeros_like(s).index_put(
            (torch.arange(len(s))[:, None], s.topk(k).indices), s.topk(k).values.clamp(0)
        ),
    },
}

# ── Wrong ─────────────────────────────────────────────────────────────────────────────────────────

WRONG = {
    SWAP: {
        "first as an index": lambda t, f, first: hits(t, f)[first].mean(),
        "first and not first as indices": lambda t, f, first: (
            (hits(t, f)[first].mean() + hits(t, f)[1 - first].mean()) / 2
        ),
        "first and ~first as indices": lambda t, f, first: (
            (hits(t, f)[first].mean() + hits(t, f)[~first].mean()) / 2
        ),
        "two halves of the unbalanced mean": lambda t, f, first: (
            ((hits(t, f) * first).mean() + (hits(t, f) * (1 - first)).mean()) / 2
        ),
        "wins less losses": lambda t, f, first: by_order((t - f).sign(), first).mean(),
        "a soft comparison": lambda t, f, first: by_order((t - f).sigmoid(), first).mean(),
        "a very steep comparison": lambda t, f, first: by_order(
            (t - f).mul(1e4).sigmoid(), first
        ).mean(),
        "against the mean of the false": lambda t, f, first: by_order(t > f.mean(), first).mean(),
        "against the largest of the false": lambda t, f, first: by_order(t > f.max(), first).mean(),
        "a cosine above one half": lambda t, f, first: by_order(t > 0.5, first).mean(),
        "the order guessed": lambda t, f, first: ((t > f).long() == first).double().mean(),
        "rounded before it is compared": lambda t, f, first: by_order(
            t.round(decimals=1) > f.round(decimals=1), first
        ).mean(),
        "medians of the orders": lambda t, f, first: statistics.mean(
            float((t > f)[first == k].double().median()) for k in (0, 1)
        ),
        "the first half and the second": lambda t, f, first: torch.stack(
            [part.mean() for part in hits(t, f).chunk(2)]
        ).mean(),
        "both orders, as a pair": lambda t, f, first: by_order(hits(t, f), first),
        "counts of both orders": lambda t, f, first: (
            (hits(t, f)[first == 0].sum() + hits(t, f)[first == 1].sum()) / 2
        ),
        "one order twice": lambda t, f, first: (
            by_order(hits(t, f), first) @ torch.tensor([2.0, 1]).double() / 3
        ),
        "nothing but nan": lambda t, f, first: by_order(hits(t, f), first + 2).mean(),
    },
    HEADS: {
        "the wrong axis summed": lambda h, r, t: h @ t / (h.sum(1) + r).norm(),
        "the sum of sizes for a length": lambda h, r, t: h @ t / whole(h, r).norm(p=1),
        "the length of all numbers": lambda h, r, t: h @ t / torch.vstack([h, r]).norm(),
        "the rest taken off the length": lambda h, r, t: h @ t / (h.sum(0) - r).norm(),
        "heads at length 1, then summed": lambda h, r, t: (
            normalize(h, dim=1) @ t / (normalize(h, dim=1).sum(0) + r).norm()
        ),
        "each at length 1 with the rest": lambda h, r, t: normalize(h + r, dim=1) @ t,
        "columns at length 1": lambda h, r, t: normalize(h, dim=0) @ t,
        "the root of their number": lambda h, r, t: h @ t / len(h) ** 0.5,
        "around their mean": lambda h, r, t: (h - h.mean(0)) @ t / whole(h, r).norm(),
        "sizes before the sum": lambda h, r, t: (h * t).abs().sum(1) / whole(h, r).norm(),
        "sums so far": lambda h, r, t: (h @ t / whole(h, r).norm()).cumsum(0),
        "sorted": lambda h, r, t: (h @ t / whole(h, r).norm()).sort(descending=True).values,
        "squares": lambda h, r, t: (h @ t / whole(h, r).norm()).square(),
        "one column": lambda h, r, t: (h @ t / whole(h, r).norm())[:, None],
        "divided by the cosine": lambda h, r, t: h @ t / F.cosine_similarity(whole(h, r), t, dim=0),
        "the length of what the text sees": lambda h, r, t: h @ t / (whole(h, r) * t).norm(),
        "a generator that was not run": lambda h, r, t: (one @ t for one in h),
        "a set": lambda h, r, t: set((h @ t / whole(h, r).norm()).tolist()),
    },
    CODES: {
        "k of all for the batch": lambda s, k: kept(s, s >= s.flatten().topk(k).values[-1]),
        "places sorted, values not": lambda s, k: torch.zeros_like(s).scatter(
            1, s.topk(k).indices.sort(1).values, s.topk(k).values.relu()
        ),
        "values at the front": lambda s, k: F.pad(s.topk(k).values.relu(), (0, s.shape[1] - k)),
        "all but the k": lambda s, k: s.relu() * (s < s.topk(k).values[:, -1:]),
        "softplus": lambda s, k: torch.where(
            s >= s.topk(k).values[:, -1:], F.softplus(s), torch.zeros_like(s)
        ),
        "a leaky ReLU": lambda s, k: torch.where(
            s >= s.topk(k).values[:, -1:], F.leaky_relu(s), torch.zeros_like(s)
        ),
        "made larger as dropout does": lambda s, k: (
            kept(s, s >= s.topk(k).values[:, -1:]) * s.shape[1] / k
        ),
        "ranks once": lambda s, k: kept(s, s.argsort(1) >= s.shape[1] - k),
        "the rest at -1": lambda s, k: torch.where(
            s >= s.topk(k).values[:, -1:], s.relu(), -torch.ones_like(s)
        ),
        "the k largest, then the largest of each column": lambda s, k: (
            kept(s, s >= s.topk(k).values[:, -1:]) * (s == s.amax(0))
        ),
        "the mean taken off": lambda s, k: kept(
            s - s.mean(1, keepdim=True), s >= s.topk(k).values[:, -1:]
        ),
        "k below 0 as well": lambda s, k: torch.where(
            (s >= s.topk(k).values[:, -1:]) | (s <= -s.neg().topk(k).values[:, -1:].abs()), s, 0
        ),
        "rank by rank": lambda s, k: (
            s.relu() * (k - s.argsort(1, descending=True).argsort(1)).clamp(0)
        ),
        "a list of pairs": lambda s, k: [s.topk(k).values, s.topk(k).indices],
        "turned": lambda s, k: kept(s, s >= s.topk(k).values[:, -1:]).T,
        "scores above the mean of the k": lambda s, k: kept(
            s, s >= s.topk(k).values.mean(1, keepdim=True)
        ),
    },
}

# Other ways to a mistake that has a name.
NAMED = {
    SWAP: {
        ("both products with first added", "orders not balanced"): lambda t, f, first: (
            (hits(t, f) * first).mean() + (hits(t, f) * (1 - first)).mean()
        ),
        ("a product with first", "only where object 1 is named first"): lambda t, f, first: (
            (hits(t, f) * first).sum() / first.sum()
        ),
        ("not smaller", "ties count as right"): lambda t, f, first: by_order(
            ~(t < f), first
        ).mean(),
        (
            "positive where the false is larger",
            "the false sentence preferred",
        ): lambda t, f, first: by_order((f - t).clamp(min=0) > 0, first).mean(),
        ("margins by a table", "the margin in place of the success"): lambda t, f, first: (
            pd.Series((t - f).numpy()).groupby(first.numpy()).mean().mean()
        ),
    },
    HEADS: {
        ("cosines of the heads", "each head at length 1"): lambda h, r, t: F.cosine_similarity(
            h, t.expand_as(h)
        ),
        ("einsum alone", "not divided by the length"): lambda h, r, t: torch.einsum(
            "hd,d->h", h, t
        ),
        ("divided by their sum", "shares that add up to 1"): lambda h, r, t: (
            (h * t).sum(1) / (h * t).sum()
        ),
        ("the root of the square", "the signs are lost"): lambda h, r, t: (
            (h @ t).square().sqrt() / whole(h, r).norm()
        ),
    },
    CODES: {
        ("topk(k, 0) and scatter", "k of each column"): lambda s, k: torch.zeros_like(s).scatter(
            0, s.topk(min(k, len(s)), 0).indices, s.topk(min(k, len(s)), 0).values.relu()
        ),
        ("flat topk and scatter", "the largest of the whole batch"): lambda s, k: (
            torch.zeros_like(s)
            .flatten()
            .scatter(0, s.flatten().topk(k * len(s)).indices, s.flatten().topk(k * len(s)).values)
            .reshape(s.shape)
            .relu()
        ),
        ("where it is above 0", "yes and no in place of codes"): lambda s, k: (
            kept(s, s >= s.topk(k).values[:, -1:]) > 0
        ),
        ("clamped only", "all that are above 0"): lambda s, k: s.clamp(min=0, max=s.max()),
        ("topk and scatter", "negative codes stay"): lambda s, k: torch.zeros_like(s).scatter(
            1, *s.topk(k)[::-1]
        ),
        ("sizes by topk", "the largest in size"): lambda s, k: torch.zeros_like(s).scatter(
            1, s.abs().topk(k).indices, s.gather(1, s.abs().topk(k).indices).relu()
        ),
    },
}

PROBES = [
    Probe(exercise, f"eleventh referee: {what}", answer, kind)
    for kind, tried in (("right", RIGHT), ("wrong", WRONG))
    for exercise, some in tried.items()
    for what, answer in some.items()
] + [
    Probe(exercise, f"eleventh referee: {what}", answer, "mistake", name)
    for exercise, some in NAMED.items()
    for (what, name), answer in some.items()
]
