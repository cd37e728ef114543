"""The numbers behind AttentionMap in numpy: rows on 8 bits, attention distance, rollout.

The browser computes the same from the same bytes; tests compare the two.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
PREFIX_LEVELS = 65535


@dataclass(frozen=True)
class QuantizedMaps:
    """The maps of one layer on 8 bits, each row with a scale of its own.

    A weight on a patch is `(values - zero) * scales / levels`; a weight on a prefix token (class
    token, register) is `prefix / 65535`, because one such token often takes most of a row and
    would leave the patches few levels. So a weight on a patch is off by at most the row's largest
    patch weight / 510 (signed maps: largest magnitude / 254), one on a prefix token by 1 / 131,070.

    scales: float32 (H, Q), the largest magnitude on the patches of each row;
    prefix: uint16 (H, Q, P);
    values: uint8 (H, Q, N);
    signed: whether 128 stands for zero.
    """

    scales: Array
    prefix: Array
    values: Array
    signed: bool

    @classmethod
    def from_weights(
        cls, weights: Array, num_prefix_tokens: int = 0, signed: bool = False
    ) -> QuantizedMaps:
        """Quantise weights (H, Q, P + N)."""
        patches = weights[..., num_prefix_tokens:]  # (H, Q, N)
        levels, zero = (127, 128) if signed else (255, 0)
        scales = np.empty(patches.shape[:2], np.float32)  # (H, Q)
        values = np.empty(patches.shape, np.uint8)  # (H, Q, N)
        # Head by head: what is computed on the way takes the memory of one head, not of all.
        for one, scale, value in zip(patches, scales, values, strict=True):
            scale[:] = np.abs(one).max(-1)
            # A row of zeros has no scale.
            shares = one / np.where(scale > 0, scale, 1)[:, None]  # (Q, N)
            shares *= levels
            np.rint(shares, out=shares)
            shares += zero
            value[:] = np.clip(shares, 0, 255, out=shares)
        prefix = np.clip(weights[..., :num_prefix_tokens], 0, 1) * PREFIX_LEVELS
        return cls(scales, np.rint(prefix).astype(np.uint16), values, signed)

    @property
    def nbytes(self) -> int:
        """Bytes before compression."""
        return self.scales.nbytes + self.prefix.nbytes + self.values.nbytes

    def weights(self, head: int, queries: slice | int = slice(None)) -> Array:
        """Return the weights of one head as the browser sees them, float64 (Q, P + N)."""
        levels, zero = (127.0, 128.0) if self.signed else (255.0, 0.0)
        scales = self.scales[head, queries].astype(np.float64)[..., None]
        patches = (self.values[head, queries] - zero) * (scales / levels)
        return np.concatenate([self.prefix[head, queries] / PREFIX_LEVELS, patches], -1)

    def compressed(self, level: int = 1) -> bytes:
        """Return scales, prefix and values, little endian, one after the other, as a zlib stream."""
        parts = (self.scales.astype("<f4"), self.prefix.astype("<u2"), self.values)
        packer = zlib.compressobj(level)
        return b"".join([*(packer.compress(part.tobytes()) for part in parts), packer.flush()])


def patch_distances(grid: tuple[int, int]) -> Array:
    """Distances between the centres of the patches of a grid, (N, N), in widths of the picture.

    Patches are taken as square, so one column is 1 / columns of the width and one row as much.
    """
    rows, columns = grid
    at = np.stack(np.divmod(np.arange(rows * columns), columns), 1).astype(np.float64)  # (N, 2)
    squares = ((at[:, None] - at[None]) ** 2).sum(-1)
    return np.sqrt(squares) / columns


def attention_distance(
    attention: Array, *, grid: tuple[int, int], num_prefix_tokens: int = 0
) -> Array:
    """Mean attention distance of every head, as a share of the picture's width.

    For each patch, the distance to every patch weighted by the attention paid to it; then the mean
    over the patches. Prefix tokens are left out both as queries and as keys, and the weights that
    remain are rescaled to sum to 1. A head that gives patches no weight at all has NaN.

    Source: Dosovitskiy et al. 2021 (An Image is Worth 16x16 Words), Figure 7 and Appendix D.7;
    Raghu et al. 2021 (Do Vision Transformers See Like Convolutional Neural Networks?), Figure 3.
    They state pixels: multiply by the picture's width.

    Args:
        attention: (..., T, T) with T = num_prefix_tokens + rows * columns.
        grid: (rows, columns) of the patches.
        num_prefix_tokens: how many tokens stand before the patches.

    Returns:
        Array of shape (...), 0 for a head that looks at the query's own patch only.

    Raises:
        ValueError: the tokens do not fit the grid.
    """
    attention = np.asarray(attention)
    tokens = num_prefix_tokens + grid[0] * grid[1]
    if attention.ndim < 2 or attention.shape[-2:] != (tokens, tokens):
        raise ValueError(
            f"attention must have shape (..., {tokens}, {tokens}) for a grid of {grid[0]} x {grid[1]} "
            f"and {num_prefix_tokens} prefix token(s), got {attention.shape}"
        )
    patches = attention[..., num_prefix_tokens:, num_prefix_tokens:]
    flat = patches.reshape(-1, *patches.shape[-2:])
    distances = patch_distances(grid)
    return np.array([mean_distance(one, distances) for one in flat]).reshape(patches.shape[:-2])


def mean_distance(weights: Array, distances: Array) -> float:
    """Mean over the rows of `weights` (N, N) of the distance weighted by the row; rows of zeros are left out."""
    weights = weights.astype(np.float64)
    totals = weights.sum(-1)  # (N,)
    looks = totals > 0
    if not looks.any():
        return float("nan")
    return float((np.einsum("qk,qk->q", weights, distances)[looks] / totals[looks]).mean())


def attention_rollout(layers: Sequence[Array]) -> Array:
    """Attention rollout of maps (H, T, T), first layer first: how much of each input token reaches each output token.

    Each layer's heads are averaged, the residual connection enters as 0.5 A + 0.5 I, rows are
    normalised, and the layers are multiplied: R_l = (0.5 A_l + 0.5 I) R_{l-1}.

    Source: Abnar and Zuidema 2020 (Quantifying Attention Flow in Transformers), Section 3, equation (1).

    Returns:
        (T, T), float64; rows sum to 1.

    Raises:
        ValueError: no layers, or layers of different tokens.
    """
    shapes = {np.shape(layer)[-2:] for layer in layers}
    if len(shapes) != 1 or len(set(next(iter(shapes)))) != 1:
        raise ValueError(
            f"rollout needs square maps with the same tokens in every layer, got {sorted(shapes)}"
        )
    tokens = next(iter(shapes))[0]
    result = np.eye(tokens)
    for layer in layers:
        mean = np.asarray(layer, np.float64).reshape(-1, tokens, tokens).mean(0)  # (T, T)
        mean = mean / mean.sum(-1, keepdims=True)
        result = 0.5 * mean @ result + 0.5 * result
    return result


def effective_number(weights: Array) -> Array:
    """exp(entropy) of weights (..., N) rescaled to sum to 1: 1 for one patch, N for all of them alike; 0 for zeros."""
    weights = np.asarray(weights, np.float64)
    totals = weights.sum(-1, keepdims=True)
    shares = weights / np.where(totals > 0, totals, 1)
    logs = np.log(np.where(shares > 0, shares, 1))
    return np.where(totals[..., 0] > 0, np.exp(-(shares * logs).sum(-1)), 0.0)
