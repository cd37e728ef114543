"""Attention within windows of a grid: cutting, masking and a bias for every offset (Swin's parts)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.attention import merge_heads, split_heads
from vizkit.models.checks import check_heads, check_pair, check_tensor

Pair = tuple[int, int]


def window_partition(tokens: Tensor, window: Pair) -> Tensor:
    """Cut tokens (B, rows, columns, D) into windows (B*W, A, D) of A = window[0] * window[1].

    Raises ValueError if the grid is not a multiple of the window.
    """
    check_tensor("tokens", tokens, "(B, rows, columns, D)")
    batch, rows, columns, channels = tokens.shape
    check_whole_windows((rows, columns), window)
    high, wide = rows // window[0], columns // window[1]
    cells = tokens.reshape(batch, high, window[0], wide, window[1], channels)
    windows = cells.transpose(2, 3)  # (B, high, wide, window[0], window[1], D)
    return windows.reshape(batch * high * wide, window[0] * window[1], channels)  # (B*W, A, D)


def window_merge(windows: Tensor, window: Pair, grid: Pair) -> Tensor:
    """Put windows (B*W, A, D) back onto their `grid`: the inverse of `window_partition`.

    Raises ValueError if the sizes do not fit together.
    """
    check_tensor("windows", windows, "(B*W, A, D)")
    check_whole_windows(grid, window)
    area = window[0] * window[1]
    if windows.shape[1] != area or len(windows) * area % (grid[0] * grid[1]):
        raise ValueError(
            f"expected windows {window[0]} x {window[1]} of a grid {grid[0]} x {grid[1]}, "
            f"received {tuple(windows.shape)}"
        )
    high, wide = grid[0] // window[0], grid[1] // window[1]
    cells = windows.reshape(-1, high, wide, *window, windows.shape[-1])
    return cells.transpose(2, 3).reshape(-1, *grid, windows.shape[-1])  # (B, rows, columns, D)


def relative_position_index(window: Pair) -> Tensor:
    """Which row of the bias table each pair of places uses, (A, A): one for each offset.

    The offset of a pair is (row, column) of the query minus that of the key; it has
    2 * window[0] - 1 times 2 * window[1] - 1 values (Liu et al. 2021, eq. 4).
    """
    check_pair("window", window)
    places = torch.cartesian_prod(*(torch.arange(side) for side in window))  # (A, 2)
    offsets = places[:, None] - places[None, :]  # (A, A, 2), from 1 - side to side - 1
    row, column = (offsets[..., axis] + window[axis] - 1 for axis in range(2))  # (A, A) each
    return row * (2 * window[1] - 1) + column  # (A, A)


def shift_mask(grid: Pair, window: Pair, shift: Pair) -> Tensor:
    """True where two tokens of a window may see each other after the shift: (W, A, A).

    Rolling brings the first `shift` rows and columns to the far edge, where they share windows
    with tokens that are no neighbours of theirs (Liu et al. 2021, fig. 4).
    """
    check_whole_windows(grid, window)
    check_pair("shift", shift, at_least=0)
    came_round = [torch.arange(side) >= side - step for side, step in zip(grid, shift, strict=True)]
    region = 2 * came_round[0][:, None] + came_round[1][None, :]  # (rows, columns), 0 to 3
    region = window_partition(region[None, :, :, None], window)[..., 0]  # (W, A)
    return region[:, :, None] == region[:, None, :]  # (W, A, A)


class WindowAttention(nn.Module):
    """Self-attention within each window, with a learned bias for every offset (eq. 4).

    softmax(Q K^T / sqrt(d) + bias) V over windows (B*W, A, D); `mask` (W, A, A) is True where a
    token may look. Reference: `WindowAttention` in timm `models/swin_transformer.py`.
    """

    index: Tensor

    def __init__(self, *, embed_dim: int, num_heads: int, window: Pair) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        check_pair("window", window)
        self.num_heads = num_heads
        offsets = (2 * window[0] - 1) * (2 * window[1] - 1)
        self.bias_table = nn.Parameter(torch.empty(offsets, num_heads))  # (offsets, H)
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        self.register_buffer("index", relative_position_index(window), persistent=False)  # (A, A)
        self.query_key_value = nn.Linear(embed_dim, 3 * embed_dim)
        self.projection = nn.Linear(embed_dim, embed_dim)

    def forward(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
        joint = self.query_key_value(windows)  # (B*W, A, 3*D)
        query, key, value = (split_heads(part, self.num_heads) for part in joint.chunk(3, dim=-1))
        bias = self.bias_table[self.index].permute(2, 0, 1)  # (H, A, A)
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None], -torch.inf)  # (W, H, A, A)
            bias = bias.repeat(len(windows) // len(mask), 1, 1, 1)  # (B*W, H, A, A)
        mixed = self.mix(query, key, value, bias)  # (B*W, H, A, d)
        return self.projection(merge_heads(mixed))  # (B*W, A, D)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """softmax(Q K^T / sqrt(d) + bias) V, (B*W, H, A, d), in the fused kernel; maps are captured here."""
        return F.scaled_dot_product_attention(query, key, value, bias)  # (B*W, H, A, d)


def check_whole_windows(grid: Pair, window: Pair) -> None:
    """Raise ValueError unless the grid can be cut into whole windows."""
    check_pair("grid", grid)
    check_pair("window", window)
    if grid[0] % window[0] or grid[1] % window[1]:
        raise ValueError(
            f"expected a grid of whole windows {window[0]} x {window[1]}, "
            f"received {grid[0]} x {grid[1]}"
        )
