"""From many tokens to one vector: three ways to read out an image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, Mlp, merge_heads, split_heads
from vizkit.models.checks import check_heads, check_positive


class ClassTokenPooling(nn.Module):
    """Read the class token, the first one (Dosovitskiy et al. 2021, eq. 4; CLIP)."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]  # (B, D)


class MeanPooling(nn.Module):
    """The mean of all tokens ("global average pooling")."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.mean(dim=1)  # (B, D)


class AttentionPooling(nn.Module):
    """One learned query attends to all tokens: the MAP head of SigLIP (Zhai et al. 2022, ViT-G).

    Multihead attention pooling, then a residual MLP. References: `MAPHead` in big_vision
    `models/vit.py`, `AttentionPoolLatent` in timm `layers/attention_pool.py`.
    """

    def __init__(self, *, embed_dim: int, num_heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        check_positive(mlp_ratio=mlp_ratio)
        self.num_heads = num_heads
        self.latent = nn.Parameter(torch.empty(1, 1, embed_dim))
        self.query = nn.Linear(embed_dim, embed_dim)
        self.key_value = nn.Linear(embed_dim, 2 * embed_dim)
        self.projection = nn.Linear(embed_dim, embed_dim)
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(embed_dim=embed_dim, hidden_dim=int(mlp_ratio * embed_dim))
        nn.init.trunc_normal_(self.latent, std=embed_dim**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        latent = self.query(self.latent).expand(len(tokens), -1, -1)  # (B, 1, D)
        key, value = self.key_value(tokens).chunk(2, dim=-1)  # (B, N, D) each
        query, key, value = (split_heads(part, self.num_heads) for part in (latent, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value)  # (B, H, 1, d)
        pooled = self.projection(merge_heads(mixed))[:, 0]  # (B, D)
        return pooled + self.mlp(self.norm(pooled))  # (B, D)
