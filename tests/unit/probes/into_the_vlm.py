"""Notebook 12: pixel shuffle, the tokens of LLaVA, the mask, the loss of the next word."""

import itertools
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

SHUFFLE, TOKENS, MASK, LOSS = (
    "Pixel shuffle",
    "The picture in LLaVA-1.5's prompt",
    "The mask of a picture before words",
    "The loss of the next word",
)

# ---------------------------------------------------------------------------------- shuffle


def blocks(tokens, factor):
    side = int(tokens.shape[1] ** 0.5)
    return tokens.reshape(
        len(tokens), side // factor, factor, side // factor, factor, tokens.shape[2]
    )


def made_shuffle(order):
    """Axes of the blocks: b r i c j d (row and column of the block, i down and j right in it)."""

    def shuffle(tokens, factor):
        parts = torch.einsum(f"bricjd->{order}", blocks(tokens, factor))
        return parts.reshape(len(tokens), tokens.shape[1] // factor**2, -1)

    return shuffle


def by_indices(tokens, factor):
    side = int(tokens.shape[1] ** 0.5)
    index = torch.arange(side * side).reshape(side, side)
    found = [
        torch.cat(
            [tokens[:, index[top + i, left + j]] for i in range(factor) for j in range(factor)], -1
        )
        for top in range(0, side, factor)
        for left in range(0, side, factor)
    ]
    return torch.stack(found, 1)


def by_unfold(tokens, factor):
    side = int(tokens.shape[1] ** 0.5)
    picture = tokens.transpose(1, 2).unflatten(2, (side, side))
    windows = picture.unfold(2, factor, factor).unfold(3, factor, factor)  # (B, D, r, c, f, f)
    return windows.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)


def torch_unshuffle(tokens, factor):
    side = int(tokens.shape[1] ** 0.5)
    picture = tokens.transpose(1, 2).unflatten(2, (side, side))
    return F.pixel_unshuffle(picture, factor).flatten(2).transpose(1, 2)


NAMED_SHUFFLE = {
    "bcrijd": "blocks down the columns",
    "brcjid": "block transposed within",
    "brcdij": "channels interleaved",
    "bricjd": "neighbours in the sequence, not on the grid",
}


def shuffle_probes():
    right = {
        "indices": by_indices,
        "tensor.unfold": by_unfold,
        "einsum": made_shuffle("brcijd"),
        "nested lists": lambda tokens, factor: by_indices(tokens, factor).tolist(),
        "numpy": lambda tokens, factor: made_shuffle("brcijd")(tokens, factor).numpy(),
        "float16": lambda tokens, factor: by_indices(tokens, factor).half(),
    }
    for name, answer in right.items():
        yield Probe(SHUFFLE, name, answer, "right")
    for order in map("".join, itertools.permutations("ricjd")):
        order = f"b{order}"
        if order == "brcijd":
            continue
        mistake = NAMED_SHUFFLE.get(order, "")
        kind = "mistake" if mistake else "wrong"
        yield Probe(SHUFFLE, f"axes {order}", made_shuffle(order), kind, mistake)
    yield Probe(SHUFFLE, "torch's order", torch_unshuffle, "mistake", "channels interleaved")
    wrong = {
        "pooled, not tiled": lambda t, f: blocks(t, f).mean((2, 4)).flatten(1, 2),
        "first neighbour only": lambda t, f: blocks(t, f)[:, :, 0, :, 0].flatten(1, 2),
        "not flattened": blocks,
        "unchanged": lambda t, f: t,
        "to fewer channels": lambda t, f: t.reshape(len(t), -1, max(t.shape[2] // f**2, 1)),
        "nothing returned": lambda t, f: None,
    }
    for name, answer in wrong.items():
        yield Probe(SHUFFLE, name, answer, "wrong")


# ----------------------------------------------------------------------------------- tokens


def token_probes():
    right = (576, 576.0, 24 * 24, np.int64(576), torch.tensor([576]), Fraction(576), [576])
    for number, answer in enumerate(right):
        yield Probe(TOKENS, f"right {number}: {type(answer).__name__}", answer, "right")
    named = {577: "class token counted", 256: "picture of 224 pixels", 441: "patches of 16"}
    named |= {24: "one row", 144: "pixel-shuffled"}
    for value, mistake in named.items():
        yield Probe(TOKENS, f"{value}", value, "mistake", mistake)
    others = {575, 578, 336, 14, 196, 197, 257, 64, 16, 1024, 588, 729, 2304, 112896, 48, 25, 0}
    for value in sorted(others):
        yield Probe(TOKENS, f"{value}", value, "wrong")
    for value in ("576", "24 x 24", True, [24, 24], 576.04, -576, 1e9):
        yield Probe(TOKENS, f"{value!r}", value, "wrong")
    yield Probe(TOKENS, "untouched", ..., "not yet attempted")


# ------------------------------------------------------------------------------------- mask

START = {
    "causal": lambda n: torch.ones(n, n).tril().bool(),
    "ahead": lambda n: torch.ones(n, n).triu().bool(),
    "strictly back": lambda n: torch.ones(n, n).tril(-1).bool(),
    "everything": lambda n: torch.ones(n, n).bool(),
    "nothing": lambda n: torch.zeros(n, n).bool(),
    "itself": lambda n: torch.eye(n).bool(),
    "one ahead as well": lambda n: torch.ones(n, n).tril(1).bool(),
}
CHANGES = {
    "prefix free": lambda m, k: (slice(k), slice(k), True),
    "left alone": lambda m, k: (slice(0), slice(0), True),
    "prefix sees all": lambda m, k: (slice(k), slice(None), True),
    "all see the prefix": lambda m, k: (slice(None), slice(k), True),
    "prefix shut": lambda m, k: (slice(k), slice(k), False),
    "words free": lambda m, k: (slice(k, None), slice(k, None), True),
    "words shut": lambda m, k: (slice(k, None), slice(k, None), False),
    "one too few": lambda m, k: (slice(max(k - 1, 0)), slice(max(k - 1, 0)), True),
    "one too many": lambda m, k: (slice(k + 1), slice(k + 1), True),
    "words do not see the prefix": lambda m, k: (slice(k, None), slice(k), False),
}
NAMED_MASK = {
    ("causal", "left alone", False): "causal throughout",
    ("causal", "prefix sees all", False): "prefix reads the words",
    # The same answers on another way.
    ("ahead", "prefix free", False): "rows and columns swapped",
    ("ahead", "prefix sees all", False): "rows and columns swapped",
    ("strictly back", "prefix shut", True): "rows and columns swapped",
    ("nothing", "all see the prefix", False): "words see nothing but the prefix",
}


def made_mask(start, change, inverted):
    def mask(length, num_free):
        made = START[start](length)
        rows, columns, value = CHANGES[change](made, num_free)
        made[rows, columns] = value
        return ~made if inverted else made

    return mask


def mask_probes():
    good = made_mask("causal", "prefix free", False)
    right = {
        "positions": lambda n, k: (
            (torch.arange(n) <= torch.arange(n)[:, None])
            | ((torch.arange(n) < k) & (torch.arange(n) < k)[:, None])
        ),
        "lists": lambda n, k: [[j <= i or max(i, j) < k for j in range(n)] for i in range(n)],
        "numpy": lambda n, k: good(n, k).numpy(),
        "all see the prefix": made_mask("causal", "all see the prefix", False),
    }
    for name, answer in right.items():
        yield Probe(MASK, name, answer, "right")
    named = {
        "rows and columns swapped": lambda n, k: good(n, k).T,
        "no word sees itself": lambda n, k: good(n, k) & ~torch.eye(n).bool(),
        "True where it must not look": lambda n, k: ~good(n, k),
        "words see nothing but the prefix": lambda n, k: made_words_shut(good(n, k), k),
    }
    for mistake, answer in named.items():
        yield Probe(MASK, mistake, answer, "mistake", mistake)
    same = {("causal", "prefix free"), ("causal", "all see the prefix")}
    for start, change, inverted in itertools.product(START, CHANGES, (False, True)):
        if (start, change) in same:
            continue
        made = made_mask(start, change, inverted)
        mistake = NAMED_MASK.get((start, change, inverted), "")
        what = f"{start}, {change}{', inverted' if inverted else ''}"
        yield Probe(MASK, what, made, "mistake" if mistake else "wrong", mistake)
    yield Probe(MASK, "minus infinity", lambda n, k: (~good(n, k)).float() * -1e9, "wrong")
    yield Probe(MASK, "always the same prefix", lambda n, k: good(n, 2), "wrong")


def made_words_shut(mask, num_free):
    mask[num_free:, num_free:] = False
    return mask


# ------------------------------------------------------------------------------------- loss

COUNTS = {"with the tokens": np.s_[:, 1:], "with the logits": np.s_[:, :-1]}
REDUCTIONS = {
    "mean": lambda cost, counted: cost[counted].mean(),
    "sum": lambda cost, counted: cost[counted].sum(),
    "all words": lambda cost, counted: cost.mean(),
    "over all places": lambda cost, counted: (cost * counted).mean(),
    "mean of means": lambda cost, counted: torch.stack(
        [row[here].mean() for row, here in zip(cost, counted, strict=True)]
    ).mean(),
    "by answers": lambda cost, counted: cost[counted].sum() / len(cost),
    "negative": lambda cost, counted: -cost[counted].mean(),
    "probability": lambda cost, counted: (-cost[counted]).exp().mean(),
    "log of the mean": lambda cost, counted: -(-cost[counted]).exp().mean().log(),
    "largest": lambda cost, counted: cost[counted].max(),
    "bits": lambda cost, counted: cost[counted].mean() / np.log(2),
}
FORMS = {"softmax": lambda x: x.log_softmax(-1), "twice": lambda x: x.softmax(-1).log_softmax(-1)}
NAMED_LOSS = {
    ("back", "with the tokens", "mean", "softmax"): "shifted the wrong way",
    ("on", "with the logits", "mean", "softmax"): "counted not shifted",
    ("on", "with the tokens", "sum", "softmax"): "summed",
    ("on", "with the tokens", "all words", "softmax"): "questions learned as well",
    ("on", "with the logits", "all words", "softmax"): "questions learned as well",
    ("on", "with the tokens", "mean of means", "softmax"): "mean of the means",
    ("on", "with the tokens", "negative", "softmax"): "minus forgotten",
}
SHIFTS = {
    "on": (np.s_[:, :-1], np.s_[:, 1:]),
    "back": (np.s_[:, 1:], np.s_[:, :-1]),
    "none": (np.s_[:, 1:], np.s_[:, 1:]),
}


def made_loss(shift, count, reduction, form):
    def loss(logits, tokens, counted):
        of_logits, of_tokens = SHIFTS[shift]
        log_probability = FORMS[form](logits)[of_logits]
        cost = -log_probability.gather(-1, tokens[of_tokens][..., None])[..., 0]
        return REDUCTIONS[reduction](cost, counted[COUNTS[count]])

    return loss


def ignored(logits, tokens, counted):
    labels = tokens.masked_fill(~counted, -100)[:, 1:]
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten())


def loss_probes():
    good = made_loss("on", "with the tokens", "mean", "softmax")
    right = {
        "ignore_index": ignored,
        "gather": good,
        "a float": lambda *all_of_them: float(good(*all_of_them)),
        "one number in brackets": lambda *all_of_them: good(*all_of_them)[None],
        "weights": lambda logits, t, c: (
            (F.cross_entropy(logits[:, :-1].mT, t[:, 1:], reduction="none") * c[:, 1:]).sum()
            / c[:, 1:].sum()
        ),
    }
    for name, answer in right.items():
        yield Probe(LOSS, name, answer, "right")
    for parts in itertools.product(SHIFTS, COUNTS, REDUCTIONS, FORMS):
        if parts == ("on", "with the tokens", "mean", "softmax"):
            continue
        # With this shift and without a question's first word, this is the answer not shifted.
        if parts == ("none", "with the tokens", "mean", "softmax"):
            yield Probe(LOSS, "not shifted", made_loss(*parts), "mistake", "not shifted")
            continue
        mistake = NAMED_LOSS.get(parts, "")
        what = f"shifted {parts[0]}, counted {parts[1]}, {parts[2]}, {parts[3]}"
        yield Probe(LOSS, what, made_loss(*parts), "mistake" if mistake else "wrong", mistake)
    yield Probe(LOSS, "one loss a word", lambda logits, t, c: logits[..., 0], "wrong")


PROBES = [*shuffle_probes(), *token_probes(), *mask_probes(), *loss_probes()]
