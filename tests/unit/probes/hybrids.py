"""Notebook 05: windows, the mask of a shift, the cost of attention."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

CUT, MASK, COST = (
    "Cut a grid into windows",
    "The mask of shifted windows",
    "The cost of attention in windows",
)

# ------------------------------------------------------------------------------- windows


def cells(tokens, side):
    batch, rows, columns, channels = tokens.shape
    return tokens.reshape(batch, rows // side, side, columns // side, side, channels)


def permuted(axes):
    def windows(tokens, side):
        return cells(tokens, side).permute(axes).reshape(-1, side * side, tokens.shape[-1])

    return windows


def by_slices(tokens, side):
    _, rows, columns, channels = tokens.shape
    return torch.stack(
        [
            image[top : top + side, left : left + side].reshape(side * side, channels)
            for image in tokens
            for top in range(0, rows, side)
            for left in range(0, columns, side)
        ]
    )


def by_unfold(tokens, side):
    columns = F.unfold(tokens.permute(0, 3, 1, 2), side, stride=side)  # (B, D*A, W)
    batch, _, count = columns.shape
    split = columns.reshape(batch, tokens.shape[-1], side * side, count)
    return split.permute(0, 3, 2, 1).reshape(-1, side * side, tokens.shape[-1])


def by_tensor_unfold(tokens, side):
    windows = tokens.unfold(1, side, side).unfold(2, side, side)  # (B, H, W, D, side, side)
    return windows.flatten(4).transpose(3, 4).reshape(-1, side * side, tokens.shape[-1])


RIGHT_WINDOWS = {
    "slices": by_slices,
    "F.unfold": by_unfold,
    "tensor.unfold": by_tensor_unfold,
    "einsum": lambda tokens, side: torch.einsum("bhiwjd->bhwijd", cells(tokens, side)).reshape(
        -1, side * side, tokens.shape[-1]
    ),
    "double precision": lambda tokens, side: permuted((0, 1, 3, 2, 4, 5))(tokens.double(), side),
    "half precision": lambda tokens, side: permuted((0, 1, 3, 2, 4, 5))(tokens.half(), side),
    "a nested list": lambda tokens, side: by_slices(tokens, side).tolist(),
    "numpy": lambda tokens, side: by_slices(tokens, side).numpy(),
}
NAMED_ORDERS = {
    (0, 1, 2, 3, 4, 5): "one reshape and no permute",
    (0, 3, 1, 2, 4, 5): "windows down the columns first",
    (0, 1, 3, 4, 2, 5): "rows and columns swapped within a window",
    (0, 3, 1, 4, 2, 5): "both orders swapped",
    (1, 3, 0, 2, 4, 5): "images mixed",
    (0, 2, 4, 1, 3, 5): "tokens before windows",
    (0, 1, 3, 5, 2, 4): "channels before tokens",
}


def orders():
    """Every order of the axes with the channel last, and the orders with a name."""
    every = {(*axes, 5) for axes in itertools.permutations(range(5))} | NAMED_ORDERS.keys()
    for axes in sorted(every):
        if axes == (0, 1, 3, 2, 4, 5):
            yield Probe(CUT, f"permute {axes}", permuted(axes), "right")
        elif axes in NAMED_ORDERS:
            yield Probe(CUT, f"permute {axes}", permuted(axes), "mistake", NAMED_ORDERS[axes])
        else:
            yield Probe(CUT, f"permute {axes}", permuted(axes), "wrong")


WRONG_WINDOWS = {
    "not flattened": lambda tokens, side: cells(tokens, side).permute(0, 1, 3, 2, 4, 5),
    "images kept apart": lambda tokens, side: by_slices(tokens, side).unflatten(
        0, (len(tokens), -1)
    ),
    "tokens flattened into channels": lambda tokens, side: by_slices(tokens, side).flatten(1),
    "channels first": lambda tokens, side: by_slices(tokens, side).transpose(1, 2),
    "first image only": lambda tokens, side: by_slices(tokens[:1], side),
    "windows in reverse": lambda tokens, side: by_slices(tokens, side).flip(0),
    "tokens in reverse": lambda tokens, side: by_slices(tokens, side).flip(1),
    "sliding windows": lambda tokens, side: (
        tokens.unfold(1, side, 1).unfold(2, side, 1).flatten(4).transpose(3, 4).flatten(0, 2)
    ),
    "shifted by one": lambda tokens, side: by_slices(tokens.roll((-1, -1), (1, 2)), side),
    "rows and columns of the grid swapped": lambda tokens, side: by_slices(
        tokens.transpose(1, 2), side
    ).roll(1, 0),
    "twice the values": lambda tokens, side: 2 * by_slices(tokens, side),
    "None": lambda tokens, side: None,
    "the tokens themselves": lambda tokens, side: tokens,
}

# ---------------------------------------------------------------------------------- mask

CAME_ROUND = {
    ">= n - shift": lambda n, side, shift: np.arange(n) >= n - shift,
    "< n - shift": lambda n, side, shift: np.arange(n) < n - shift,
    "> n - shift": lambda n, side, shift: np.arange(n) > n - shift,
    "< shift": lambda n, side, shift: np.arange(n) < shift,
    ">= n - side": lambda n, side, shift: np.arange(n) >= n - side,
    ">= n - shift - 1": lambda n, side, shift: np.arange(n) >= n - shift - 1,
    ">= side": lambda n, side, shift: np.arange(n) >= side,
    "odd": lambda n, side, shift: np.arange(n) % 2 == 1,
}
JOINED = {
    "2a + b": lambda a, b: 2 * a[:, None] + b,
    "a + 2b": lambda a, b: a[:, None] + 2 * b,
    "a or b": lambda a, b: a[:, None] | b,
    "a and b": lambda a, b: a[:, None] & b,
    "a + b": lambda a, b: a[:, None].astype(int) + b,
    "a xor b": lambda a, b: a[:, None] ^ b,
    "a": lambda a, b: np.repeat(a[:, None], len(b), 1),
    "b": lambda a, b: np.repeat(b[None], len(a), 0),
}


def mask_of(came_round, joined):
    def mask(rows, columns, side, shift):
        region = joined(came_round(rows, side, shift), came_round(columns, side, shift))
        cut = region.reshape(rows // side, side, columns // side, side).transpose(0, 2, 1, 3)
        windows = cut.reshape(-1, side * side)
        return windows[:, :, None] == windows[:, None, :]

    return mask


NO_MASK = "no mask at all"
NAMED_MASKS = {
    (">= n - shift", "a or b"): "two regions instead of four",
    (">= n - shift", "a and b"): "only the corner apart",
    (">= n - shift", "a + b"): "three regions instead of four",
    (">= n - shift", "a"): "columns forgotten",
    (">= n - shift", "b"): "rows forgotten",
    # The complement names the same regions the other way round.
    ("< n - shift", "a and b"): "two regions instead of four",
    ("< n - shift", "a or b"): "only the corner apart",
    ("< n - shift", "a + b"): "three regions instead of four",
    ("< n - shift", "a"): "columns forgotten",
    ("< n - shift", "b"): "rows forgotten",
    ("> n - shift", "2a + b"): "one row and column too few",
    ("> n - shift", "a + 2b"): "one row and column too few",
    ("< shift", "2a + b"): "rolled the other way",
    ("< shift", "a + 2b"): "rolled the other way",
    # These borders lie between windows: within each window everything is allowed.
    **{(name, join): NO_MASK for name in (">= n - side", ">= side") for join in JOINED},
}


def masks():
    for (name, came_round), (join, joined) in itertools.product(CAME_ROUND.items(), JOINED.items()):
        right = name in (">= n - shift", "< n - shift") and join in ("2a + b", "a + 2b")
        mistake = NAMED_MASKS.get((name, join), "")
        kind = "right" if right else "mistake" if mistake else "wrong"
        yield Probe(MASK, f"{name}, {join}", mask_of(came_round, joined), kind, mistake)


def right_mask(rows, columns, side, shift):
    return mask_of(CAME_ROUND[">= n - shift"], JOINED["2a + b"])(rows, columns, side, shift)


def nine_slices(rows, columns, side, shift):
    """As the paper's code does it: a number for each of nine pieces."""
    region, number = np.zeros((rows, columns)), 0
    parts = slice(0, -side), slice(-side, -shift), slice(-shift, None)
    for high in parts:
        for wide in parts:
            region[high, wide] = number
            number += 1
    cut = region.reshape(rows // side, side, columns // side, side).transpose(0, 2, 1, 3)
    windows = cut.reshape(-1, side * side)
    return windows[:, :, None] - windows[:, None, :] == 0


def by_loops(rows, columns, side, shift):
    mask = []
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            places = [(top + i, left + j) for i in range(side) for j in range(side)]
            regions = [(i >= rows - shift, j >= columns - shift) for i, j in places]
            mask.append([[one == other for other in regions] for one in regions])
    return mask


OTHER_MASKS = [
    Probe(MASK, "nine slices", nine_slices, "right"),
    Probe(MASK, "loops and a nested list", by_loops, "right"),
    Probe(MASK, "a tensor", lambda *sizes: torch.from_numpy(right_mask(*sizes)), "right"),
    Probe(MASK, "swapped", lambda *sizes: ~right_mask(*sizes), "mistake", "True and False swapped"),
    Probe(MASK, "everything", lambda *s: np.ones_like(right_mask(*s)), "mistake", NO_MASK),
    Probe(MASK, "nothing", lambda *sizes: np.zeros_like(right_mask(*sizes)), "wrong"),
    Probe(MASK, "itself only", lambda *s: right_mask(*s) & np.eye(s[2] ** 2, dtype=bool), "wrong"),
    Probe(MASK, "one mask for all windows", lambda *sizes: right_mask(*sizes)[-1:], "wrong"),
    Probe(MASK, "windows in reverse", lambda *sizes: right_mask(*sizes)[::-1], "wrong"),
    Probe(MASK, "tokens in reverse", lambda *sizes: right_mask(*sizes)[:, ::-1], "wrong"),
    Probe(MASK, "flattened", lambda *sizes: right_mask(*sizes).reshape(-1), "wrong"),
    Probe(MASK, "added to scores", lambda *s: np.where(right_mask(*s), 0.0, -np.inf), "wrong"),
    Probe(
        MASK,
        "windows down the columns",
        lambda rows, columns, side, shift: (
            right_mask(rows, columns, side, shift)
            .reshape(rows // side, columns // side, side * side, side * side)
            .swapaxes(0, 1)
            .reshape(-1, side * side, side * side)
        ),
        "mistake",
        "windows down the columns first",
    ),
]

# ---------------------------------------------------------------------------------- cost

NAMED_COSTS = {  # (matrices, products, power of the side)
    (0, 2, 2): "projections forgotten",
    (3, 2, 2): "projection at the end forgotten",
    (4, 2, 1): "side instead of area",
    (4, 1, 2): "one product only",
    (8, 4, 2): "multiplications and additions counted apart",
}


def cost_of(matrices, products, power):
    return lambda patches, side, width: (
        matrices * patches * width**2 + products * patches * side**power * width
    )


def costs():
    for key in itertools.product((0, 1, 2, 3, 4, 5, 8), (0, 1, 2, 3, 4), (1, 2, 3)):
        if key[1] == 0 and key[2] > 1:
            continue  # the power of the side does not count
        mistake = NAMED_COSTS.get(key, "")
        kind = "right" if key == (4, 2, 2) else "mistake" if mistake else "wrong"
        what = f"{key[0]} matrices, {key[1]} products, side to the power {key[2]}"
        yield Probe(COST, what, cost_of(*key), kind, mistake)


def by_windows(patches, side, width):
    windows, tokens = patches / side**2, side**2
    return windows * (4 * tokens * width**2 + 2 * tokens**2 * width)


OTHER_COSTS = [
    Probe(COST, "window by window", by_windows, "right"),
    Probe(COST, "a tensor", lambda *sizes: torch.tensor(by_windows(*sizes)), "right"),
    Probe(COST, "one element", lambda *sizes: np.array([by_windows(*sizes)]), "right"),
    Probe(COST, "in millions", lambda *sizes: by_windows(*sizes) / 1e6, "wrong"),
    Probe(COST, "one too many", lambda *sizes: by_windows(*sizes) + 1, "wrong"),
    Probe(COST, "with biases", lambda n, s, d: by_windows(n, s, d) + 4 * n * d, "wrong"),
    Probe(COST, "with the softmax", lambda n, s, d: by_windows(n, s, d) + n * s**2, "wrong"),
    Probe(
        COST,
        "whole image",
        lambda n, s, d: 4 * n * d**2 + 2 * n**2 * d,
        "mistake",
        "attention over the whole image",
    ),
    Probe(
        COST,
        "one window",
        lambda n, s, d: 4 * n * d**2 + 2 * s**4 * d,
        "mistake",
        "one window only",
    ),
    Probe(
        COST,
        "windows meet windows",
        lambda n, s, d: 4 * n * d**2 + 2 * (n // s**2) ** 2 * d,
        "mistake",
        "windows attend to windows",
    ),
    Probe(COST, "matrices on windows", lambda n, s, d: by_windows(n // s**2, s, d), "wrong"),
]

PROBES = [
    Probe(CUT, "the stub", ..., "not yet attempted"),
    *(Probe(CUT, what, answer, "right") for what, answer in RIGHT_WINDOWS.items()),
    *(Probe(CUT, what, answer, "wrong") for what, answer in WRONG_WINDOWS.items()),
    *orders(),
    *masks(),
    *OTHER_MASKS,
    *costs(),
    *OTHER_COSTS,
]
