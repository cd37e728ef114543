"""Telling a token where it is: position embeddings that are added to the tokens."""

import torch
from torch import Tensor, nn


def sincos_2d(grid: tuple[int, int], embed_dim: int, temperature: float = 10_000.0) -> Tensor:
    """Fixed sine-cosine table (rows*columns, D): a quarter of D for each of sin, cos × row, column.

    Vaswani et al. 2017, section 3.5, applied to both axes as in MoCo v3 and MAE. The order is
    (sin row, sin column, cos row, cos column), as in timm `build_sincos2d_pos_embed`.
    Computed in float64. Raises ValueError if `embed_dim` is not a multiple of 4.
    """
    if embed_dim % 4:
        raise ValueError(f"expected embed_dim to be a multiple of 4, received {embed_dim}")
    quarter = embed_dim // 4
    frequencies = temperature ** -(torch.arange(quarter, dtype=torch.float64) / quarter)  # (D/4,)
    rows, columns = (torch.arange(size, dtype=torch.float64) for size in grid)
    row, column = torch.meshgrid(rows, columns, indexing="ij")  # (rows, columns) each
    places = torch.stack([row.flatten(), column.flatten()], dim=1)  # (N, 2)
    angles = (places[:, :, None] * frequencies).flatten(1)  # (N, D/2), the row's first
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (N, D)


class LearnedPosition1d(nn.Module):
    """One learned vector per token, the class token included (Dosovitskiy et al. 2021, eq. 1)."""

    def __init__(self, grid: tuple[int, int], num_prefix_tokens: int, embed_dim: int) -> None:
        super().__init__()
        num_tokens = num_prefix_tokens + grid[0] * grid[1]
        self.table = nn.Parameter(torch.empty(1, num_tokens, embed_dim))  # (1, T, D)
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table  # (B, T, D)


class SinCosPosition2d(nn.Module):
    """The fixed table of `sincos_2d`; class tokens have no place and get zeros, as in MAE."""

    table: Tensor

    def __init__(self, grid: tuple[int, int], num_prefix_tokens: int, embed_dim: int) -> None:
        super().__init__()
        nowhere = torch.zeros(num_prefix_tokens, embed_dim)
        table = torch.cat([nowhere, sincos_2d(grid, embed_dim).float()])  # (T, D)
        # Not persistent: it follows from the sizes, so a checkpoint need not carry it.
        self.register_buffer("table", table[None], persistent=False)  # (1, T, D)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table  # (B, T, D)


class NoPosition(nn.Module):
    """No position at all: the encoder then sees a bag of patches."""

    def __init__(self, grid: tuple[int, int], num_prefix_tokens: int, embed_dim: int) -> None:
        super().__init__()

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens


POSITIONS: dict[str, type[nn.Module]] = {
    "learned_1d": LearnedPosition1d,
    "sincos_2d": SinCosPosition2d,
    "none": NoPosition,
}
