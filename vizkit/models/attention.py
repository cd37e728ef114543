"""Attention, and the transformer encoder block around it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.checks import check_heads, check_positive, check_whole
from vizkit.models.rope import rotate

# The value of Dosovitskiy et al. 2021 and timm; torch's own default is 1e-5.
LAYER_NORM_EPS = 1e-6


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(d)), Vaswani et al. 2017, eq. 1: every row sums to 1.

    Query (..., T, d) and key (..., S, d) give weights (..., T, S); a token looks only where the
    boolean `mask` (T, S) is True.
    """
    scale = query.shape[-1] ** -0.5
    scores = (query * scale) @ key.transpose(-2, -1)  # (..., T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)  # (..., T, S)
    return scores.softmax(dim=-1)  # (..., T, S)


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017, section 3.2.2) over tokens (B, T, D).

    `forward(tokens)` uses the fused kernel, which never stores the (B, H, T, T) map;
    `forward(tokens, return_map=True)` takes the explicit path and returns (tokens, map).
    `rotation` turns query and key (RoPE); see `rotate`. Reference: timm `layers/attention.py`.
    """

    def __init__(self, *, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        self.num_heads = num_heads
        self.query_key_value = nn.Linear(embed_dim, 3 * embed_dim)
        self.projection = nn.Linear(embed_dim, embed_dim)

    def forward(
        self,
        tokens: Tensor,
        return_map: bool = False,
        mask: Tensor | None = None,
        rotation: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        joint = self.query_key_value(tokens)  # (B, T, 3*D)
        query, key, value = (split_heads(part, self.num_heads) for part in joint.chunk(3, dim=-1))
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)  # (B, H, T, d) each
        if return_map:
            attention_map = attention_weights(query, key, mask)  # (B, H, T, T)
            mixed = attention_map @ value  # (B, H, T, d)
            return self.projection(merge_heads(mixed)), attention_map
        mixed = self.mix(query, key, value, mask)  # (B, H, T, d)
        return self.projection(merge_heads(mixed))  # (B, T, D)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """softmax(Q K^T / sqrt(d)) V, (B, H, T, d), in the fused kernel; maps are captured here."""
        return F.scaled_dot_product_attention(query, key, value, mask)  # (B, H, T, d)


class Mlp(nn.Module):
    """Two linear layers with a GELU between, applied to every token by itself."""

    def __init__(self, *, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        check_whole(embed_dim=embed_dim, hidden_dim=hidden_dim)
        self.expand = nn.Linear(embed_dim, hidden_dim)
        self.contract = nn.Linear(hidden_dim, embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = F.gelu(self.expand(tokens))  # (B, T, hidden_dim)
        return self.contract(hidden)  # (B, T, D)


class EncoderBlock(nn.Module):
    """Pre-norm transformer block (Dosovitskiy et al. 2021, eq. 2 and 3): tokens mix, then think.

    Reference: `Block` in timm `models/vision_transformer.py`.
    """

    def __init__(self, *, embed_dim: int, num_heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        check_positive(mlp_ratio=mlp_ratio)
        self.norm_1 = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.attention = Attention(embed_dim=embed_dim, num_heads=num_heads)
        self.norm_2 = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(embed_dim=embed_dim, hidden_dim=int(mlp_ratio * embed_dim))

    def forward(
        self, tokens: Tensor, mask: Tensor | None = None, rotation: Tensor | None = None
    ) -> Tensor:
        attended = self.attention(self.norm_1(tokens), mask=mask, rotation=rotation)
        tokens = tokens + attended  # (B, T, D)
        return tokens + self.mlp(self.norm_2(tokens))  # (B, T, D)


def split_heads(tokens: Tensor, num_heads: int) -> Tensor:
    """(B, T, D) to (B, H, T, d): each head gets its own d = D / H of the channels."""
    batch, length, width = tokens.shape
    heads = tokens.reshape(batch, length, num_heads, width // num_heads)  # (B, T, H, d)
    return heads.transpose(1, 2)  # (B, H, T, d)


def merge_heads(mixed: Tensor) -> Tensor:
    """(B, H, T, d) to (B, T, D): the heads side by side again."""
    return mixed.transpose(1, 2).flatten(2)  # (B, T, D)
