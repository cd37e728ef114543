"""Connectors: from the patch tokens of an encoder to "words" that a language model can read."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.attention import (
    LAYER_NORM_EPS,
    Mlp,
    attention_weights,
    merge_heads,
    split_heads,
)
from vizkit.models.checks import check_heads, check_pair, check_tensor, check_whole


def pixel_shuffle(tokens: Tensor, factor: int, grid: tuple[int, int] | None = None) -> Tensor:
    """Space to depth: every factor x factor neighbours become one token, side by side.

    Tokens (B, N, D) on a grid of (rows, columns), a square if None, give (B, N / f², f² D): a
    quarter of the tokens for f = 2, and nothing is lost. Raises ValueError on tokens that do not
    fill the grid, and on a grid that does not divide.

    InternVL (Chen et al. 2024) calls it pixel shuffle; it is the way back of Shi et al. 2016, torch's
    `pixel_unshuffle`, with another order of the channels.
    """
    rows, columns = check_grid(tokens, factor, grid)
    blocks = tokens.unflatten(1, (rows // factor, factor, columns // factor, factor))
    # (B, rows / f, f, columns / f, f, D): the two f go to the channels
    return blocks.transpose(2, 3).flatten(3).flatten(1, 2)  # (B, N / f², f² D)


def pool_grid(tokens: Tensor, factor: int, grid: tuple[int, int] | None = None) -> Tensor:
    """The mean of every factor x factor neighbours: (B, N, D) to (B, N / f², D).

    Raises ValueError like `pixel_shuffle`. LLaVA-OneVision pools its video frames like this.
    """
    rows, columns = check_grid(tokens, factor, grid)
    blocks = tokens.unflatten(1, (rows // factor, factor, columns // factor, factor))
    return blocks.mean(dim=(2, 4)).flatten(1, 2)  # (B, N / f², D)


class MlpConnector(nn.Module):
    """Two linear layers with a GELU between, for each token by itself: (B, N, D_in) to (B, N, D).

    Source: LLaVA-1.5 (Liu et al. 2023, "Improved Baselines with Visual Instruction Tuning",
    section 3.2); `mlp2x_gelu` in `llava/model/multimodal_projector/builder.py`.
    """

    def __init__(self, *, in_dim: int, embed_dim: int) -> None:
        super().__init__()
        check_whole(in_dim=in_dim, embed_dim=embed_dim)
        self.embed_dim = embed_dim
        self.linear_1 = nn.Linear(in_dim, embed_dim)
        self.linear_2 = nn.Linear(embed_dim, embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        check_tensor("tokens", tokens, "(B, N, D)")
        hidden = F.gelu(self.linear_1(tokens))  # (B, N, embed_dim)
        return self.linear_2(hidden)  # (B, N, embed_dim)


class PixelShuffleConnector(nn.Module):
    """`pixel_shuffle`, a norm, then an MLP: (B, N, D_in) to (B, N / f², D); a square grid.

    Source: InternVL 1.5 (Chen et al. 2024, section 3.1), `mlp1` in `modeling_internvl_chat.py`.
    """

    def __init__(self, *, in_dim: int, embed_dim: int, factor: int = 2) -> None:
        super().__init__()
        check_whole(in_dim=in_dim, embed_dim=embed_dim, factor=factor)
        check_whole(**{"in_dim * factor * factor": in_dim * factor**2})
        self.factor, self.embed_dim = factor, embed_dim
        self.norm = nn.LayerNorm(in_dim * factor**2)  # torch's own epsilon, as in InternVL
        self.mlp = MlpConnector(in_dim=in_dim * factor**2, embed_dim=embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.mlp(self.norm(pixel_shuffle(tokens, self.factor)))  # (B, N / f², embed_dim)


class PoolingConnector(nn.Module):
    """`pool_grid`, then an MLP: (B, N, D_in) to (B, N / f², D); a square grid."""

    def __init__(self, *, in_dim: int, embed_dim: int, factor: int = 2) -> None:
        super().__init__()
        check_whole(factor=factor)
        self.factor, self.embed_dim = factor, embed_dim
        self.mlp = MlpConnector(in_dim=in_dim, embed_dim=embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.mlp(pool_grid(tokens, self.factor))  # (B, N / f², embed_dim)


class Resampler(nn.Module):
    """Learned queries attend to all tokens: (B, N, D_in) to (B, num_queries, D), whatever N is.

    `forward(tokens, return_map=True)` also returns who looked where, (B, H, num_queries, N).

    One layer of cross-attention as in Qwen-VL (Bai et al. 2023, section 2.1; `Resampler` in its
    `visual.py`), with the residual MLP of the Perceiver resampler (Alayrac et al. 2022, Flamingo,
    section 3.1.1), which stacks several such layers. The Q-Former (Li et al. 2023, BLIP-2) also
    lets its queries look at one another.
    """

    def __init__(self, *, in_dim: int, embed_dim: int, num_queries: int, num_heads: int) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        check_whole(in_dim=in_dim, num_queries=num_queries)
        self.num_heads, self.embed_dim = num_heads, embed_dim
        self.latent = nn.Parameter(torch.empty(num_queries, embed_dim))
        self.norm_latent = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.norm_tokens = nn.LayerNorm(in_dim, eps=LAYER_NORM_EPS)
        self.query = nn.Linear(embed_dim, embed_dim)
        self.key_value = nn.Linear(in_dim, 2 * embed_dim)
        self.projection = nn.Linear(embed_dim, embed_dim)
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(embed_dim=embed_dim, hidden_dim=4 * embed_dim)
        nn.init.trunc_normal_(self.latent, std=embed_dim**-0.5)

    def forward(self, tokens: Tensor, return_map: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        check_tensor("tokens", tokens, "(B, N, D)")
        latent = self.latent.expand(len(tokens), -1, -1)  # (B, Q, D)
        query = self.query(self.norm_latent(latent))  # (B, Q, D)
        key, value = self.key_value(self.norm_tokens(tokens)).chunk(2, dim=-1)  # (B, N, D) each
        query, key, value = (split_heads(part, self.num_heads) for part in (query, key, value))
        attention_map = attention_weights(query, key)  # (B, H, Q, N)
        read = latent + self.projection(merge_heads(attention_map @ value))  # (B, Q, D)
        read = read + self.mlp(self.norm(read))  # (B, Q, D)
        return (read, attention_map) if return_map else read


def check_grid(tokens: Tensor, factor: int, grid: tuple[int, int] | None) -> tuple[int, int]:
    """(rows, columns) of the tokens; ValueError unless they can be cut into whole blocks."""
    check_tensor("tokens", tokens, "(B, N, D)")
    check_whole(factor=factor)
    side = math.isqrt(tokens.shape[1])
    grid = (side, side) if grid is None else grid
    check_pair("grid", grid)
    if grid[0] * grid[1] != tokens.shape[1] or grid[0] % factor or grid[1] % factor:
        raise ValueError(
            f"expected tokens (B, N, D) that fill a grid of whole {factor} x {factor} blocks, "
            f"received {tuple(tokens.shape)} on a grid of {grid[0]} x {grid[1]}"
        )
    return grid[0], grid[1]
