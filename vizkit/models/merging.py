"""Fewer tokens inside a ViT: merging those that are alike (ToMe), and rivals that know less.

A plan says where every token goes: `target` (B, T) holds its place in the shorter sequence, or -1
if it is dropped. Tokens with one target become their mean.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vizkit.models.attention import merge_heads
from vizkit.models.checks import check_tensor, check_whole

# From the keys of a block (B, T, d), the attention that the first token pays to each token (B, T),
# and how many tokens shall go, to a plan (B, T).
Plan = Callable[[Tensor, Tensor, int], Tensor]


def merge_similar(keys: Tensor, looked_at: Tensor, remove: int) -> Tensor:
    """Token merging (ToMe, Bolya et al. 2022, 2210.09461, section 3): (B, T) targets.

    The tokens are dealt out alternately to two sets. Each one of the first set finds the token of
    the second whose key has the largest cosine with its own; the `remove` best of these pairs
    merge. The first token is a class token and stays. Reference: `bipartite_soft_matching` in the
    authors' `tome/merge.py`, which orders the remaining tokens otherwise.
    """
    unit = F.normalize(keys, dim=-1)  # (B, T, d)
    cosine = unit[:, ::2] @ unit[:, 1::2].transpose(1, 2)  # (B, first set, second set)
    cosine[:, 0] = -math.inf  # the class token
    best, partner = cosine.max(dim=2)  # (B, first set) each
    going = best.argsort(dim=1, descending=True)[:, :remove]  # (B, remove)
    return join(2 * going, 2 * partner.gather(1, going) + 1, keys.shape[1])  # (B, T)


def merge_random(generator: torch.Generator) -> Plan:
    """A plan that merges as many tokens as ToMe, but into partners drawn by chance."""

    def plan(keys: Tensor, looked_at: Tensor, remove: int) -> Tensor:
        batch, length, _ = keys.shape
        first, second = (length + 1) // 2, length // 2
        chance = torch.rand(batch, first - 1, generator=generator)  # the class token stays
        going = 1 + chance.argsort(dim=1)[:, :remove]  # (B, remove)
        partner = torch.randint(second, going.shape, generator=generator)  # (B, remove)
        return join(2 * going, 2 * partner + 1, length)  # (B, T)

    return plan


def prune_unseen(keys: Tensor, looked_at: Tensor, remove: int) -> Tensor:
    """Drop the tokens to which the class token pays the least attention: (B, T) targets.

    The criterion of EViT (Liang et al. 2022, 2202.07800), without its token for the rest.
    """
    unseen = looked_at[:, 1:].argsort(dim=1)[:, :remove] + 1  # (B, remove)
    return drop(unseen, keys.shape[1])  # (B, T)


def prune_random(generator: torch.Generator) -> Plan:
    """A plan that drops tokens drawn by chance."""

    def plan(keys: Tensor, looked_at: Tensor, remove: int) -> Tensor:
        batch, length, _ = keys.shape
        chance = torch.rand(batch, length - 1, generator=generator)
        return drop(chance.argsort(dim=1)[:, :remove] + 1, length)  # (B, T)

    return plan


def join(source: Tensor, into: Tensor, length: int) -> Tensor:
    """The plan (B, T) that merges tokens `source` (B, R) into tokens `into` (B, R)."""
    kept = ~chosen(source, length)  # (B, T)
    target = kept.cumsum(dim=1) - 1  # (B, T), the remaining tokens close up
    return target.scatter(1, source, target.gather(1, into))  # (B, T)


def drop(unwanted: Tensor, length: int) -> Tensor:
    """The plan (B, T) that drops tokens `unwanted` (B, R)."""
    gone = chosen(unwanted, length)  # (B, T)
    return ((~gone).cumsum(dim=1) - 1).masked_fill(gone, -1)  # (B, T)


def chosen(places: Tensor, length: int) -> Tensor:
    """True at the places (B, R) of a sequence: (B, T)."""
    nowhere = torch.zeros(len(places), length, dtype=torch.bool, device=places.device)
    return nowhere.scatter(1, places, True)  # (B, T)


def merge_tokens(tokens: Tensor, sizes: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens (B, T, D) and sizes (B, T) after a plan (B, T): means weighted by size, and new sizes.

    The size of a token is how many patches it stands for. Every row of `target` leads to the same
    number T' of places. Returns (B, T', D) and (B, T'). Raises ValueError on shapes that differ.
    """
    check_tensor("tokens", tokens, "(B, T, D)")
    if not tokens.shape[:2] == sizes.shape == target.shape:
        raise ValueError(
            f"expected sizes and target {tuple(tokens.shape[:2])}, received "
            f"{tuple(sizes.shape)} and {tuple(target.shape)}"
        )
    weight = sizes * (target >= 0)  # (B, T), 0 for what is dropped
    place = target.clamp(min=0)  # (B, T)
    length = int(target.max()) + 1
    total = weight.new_zeros(len(tokens), length).scatter_add(1, place, weight)  # (B, T')
    summed = tokens.new_zeros(len(tokens), length, tokens.shape[2])
    index = place[..., None].expand_as(tokens)  # (B, T, D)
    summed = summed.scatter_add(1, index, tokens * weight[..., None])  # (B, T', D)
    return summed / total[..., None], total


def follow(origin: Tensor, target: Tensor) -> Tensor:
    """Where the first tokens are now: `origin` (B, T0) into the old sequence, after a plan (B, T)."""
    moved = target.gather(1, origin.clamp(min=0))  # (B, T0)
    return moved.masked_fill(origin < 0, -1)  # (B, T0)


def keep_evenly(length: int, kept: int, blocks: int) -> list[int]:
    """How many tokens each block removes, so that `kept` of `length` tokens leave the last one.

    ToMe's constant schedule: every block removes the same number, the first ones take the rest.
    Raises ValueError for fewer than half of the tokens of a block, which one matching cannot do.
    """
    check_whole(length=length, kept=kept, blocks=blocks)
    share, rest = divmod(length - kept, blocks)
    removed = [share + (block < rest) for block in range(blocks)]
    left = length
    for number in removed:
        if number < 0 or number > (left + 1) // 2 - 1:
            raise ValueError(
                f"expected {blocks} blocks to bring {length} tokens down to {kept} by merging at "
                f"most half in each, received {removed}"
            )
        left -= number
    return removed


def merged_attention(
    query: Tensor, key: Tensor, value: Tensor, sizes: Tensor
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(d) + log s) V: a token that stands for s patches counts s times.

    Heads (B, H, T, d) and sizes (B, T) give (B, T, D) and the attention that the first token pays,
    a mean over the heads (B, T). ToMe's proportional attention (2210.09461, eq. 1).
    """
    bias = sizes.log()[:, None, None]  # (B, 1, 1, T)
    mixed = F.scaled_dot_product_attention(query, key, value, bias.to(query))  # (B, H, T, d)
    scores = query[:, :, :1] @ key.transpose(2, 3) * query.shape[-1] ** -0.5 + bias  # (B, H, 1, T)
    return merge_heads(mixed), scores.softmax(dim=-1).mean(1)[:, 0]  # (B, T, D), (B, T)
