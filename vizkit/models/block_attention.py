"""Attention inside blocks of one sequence: pictures that are packed together, or windows of one."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vizkit.models.checks import check_pair, check_tensor, check_whole
from vizkit.models.positions import patch_places


def block_diagonal_mask(block: Tensor) -> Tensor:
    """True where two tokens belong to the same block: (S, T) block numbers give (S, T, T).

    With the blocks one after the other, the True entries are squares on the diagonal. Empty places,
    which all have the number -1, see one another, so that no row of a softmax is empty.
    Source: Dehghani et al. 2023, NaViT (2307.06304), section 2.1, "masked self attention".
    """
    check_tensor("block", block, "(S, T)")
    return block[:, :, None] == block[:, None, :]  # (S, T, T)


def block_attention(query: Tensor, key: Tensor, value: Tensor, block: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V inside each block: heads (H, T, d) and block numbers (T,).

    The same numbers as with `block_diagonal_mask`, without the T x T scores that the mask would
    throw away: blocks of one size are attended to together. The tokens of a block need not be
    neighbours. Returns (H, T, d). Raises ValueError if the lengths differ.

    Source: the `cu_seqlens` of FlashAttention, by which Qwen2.5-VL (2502.13923) attends in windows.
    """
    for name, heads in (("query", query), ("key", key), ("value", value)):
        check_tensor(name, heads, "(H, T, d)")
    check_tensor("block", block, "(T)")
    if not len(block) == query.shape[1] == key.shape[1] == value.shape[1]:
        raise ValueError(
            f"expected one block number for each of {query.shape[1]} tokens, received {len(block)}"
        )
    _, sizes = torch.unique(block, return_counts=True)  # (blocks,), by block number
    members = block.argsort(stable=True).split(sizes.tolist())  # block by block, (A,) each
    mixed = torch.empty_like(query)  # (H, T, d)
    for size in sizes.unique().tolist():
        alike = torch.stack([places for places in members if len(places) == size])  # (W, A)
        q, k, v = (heads[:, alike].transpose(0, 1) for heads in (query, key, value))  # (W, H, A, d)
        mixed[:, alike] = F.scaled_dot_product_attention(q, k, v).transpose(0, 1)  # (H, W, A, d)
    return mixed  # (H, T, d)


def window_numbers(grid: tuple[int, int], window: int) -> Tensor:
    """The window of every patch of a `grid` (rows, columns): (N,), row by row, from 0.

    Windows are `window` x `window` patches; those at the right and lower edge are smaller where the
    grid does not divide, and nothing is padded, as in Qwen2.5-VL (2502.13923, section 2.1.1).
    """
    check_pair("grid", grid)
    check_whole(window=window)
    row, column = (patch_places(grid).long() // window).unbind(1)  # (N,) each
    across = -(-grid[1] // window)  # windows side by side, the last one may be narrow
    return row * across + column  # (N,)
