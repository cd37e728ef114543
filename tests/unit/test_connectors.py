"""Connectors: each equals torch's own operations, gradients included."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.unit.equality import DTYPES, assert_close, assert_same_function, fill
from vizkit.models import (
    MlpConnector,
    PixelShuffleConnector,
    PoolingConnector,
    Resampler,
    pixel_shuffle,
    pool_grid,
)


def as_picture(tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Tokens (B, N, D) to (B, D, rows, columns)."""
    return tokens.transpose(1, 2).unflatten(2, grid)


def unshuffled(tokens: torch.Tensor, factor: int, grid: tuple[int, int]) -> torch.Tensor:
    """The same with torch's pixel_unshuffle, which keeps a channel's neighbours together."""
    width = tokens.shape[-1]
    picture = F.pixel_unshuffle(as_picture(tokens, grid), factor)  # (B, D f f, rows, columns)
    by_place = picture.unflatten(1, (width, factor**2)).transpose(1, 2).flatten(1, 2)
    return by_place.flatten(2).transpose(1, 2)


@pytest.mark.parametrize(("factor", "grid"), [(1, (2, 3)), (2, (4, 4)), (2, (4, 6)), (3, (6, 3))])
def test_pixel_shuffle_equals_torch(factor, grid):
    tokens = torch.randn(2, grid[0] * grid[1], 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(pixel_shuffle(tokens, factor, grid), unshuffled(tokens, factor, grid))


@DTYPES
@pytest.mark.parametrize(("factor", "grid"), [(2, (4, 6)), (3, (3, 6))])
def test_pooling_equals_torch(factor, grid, dtype):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(2, grid[0] * grid[1], 5, generator=generator, dtype=dtype)
    pooled = F.avg_pool2d(as_picture(tokens, grid), factor).flatten(2).transpose(1, 2)
    assert_close(pool_grid(tokens, factor, grid), pooled)


def test_pixel_shuffle_loses_nothing():
    tokens = torch.arange(64.0).reshape(1, 16, 4)
    shuffled = pixel_shuffle(tokens, 2)
    assert shuffled.shape == (1, 4, 16)
    assert shuffled[0, 0].tolist() == tokens[0, [0, 1, 4, 5]].flatten().tolist()
    assert sorted(shuffled.flatten().tolist()) == list(range(64))


@DTYPES
def test_mlp_connector_equals_llava_layout(dtype):
    llava = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 8))  # mlp2x_gelu
    names = {"0": "linear_1", "2": "linear_2"}
    assert_same_function(
        MlpConnector(in_dim=6, embed_dim=8),
        llava,
        (2, 5, 6),
        dtype,
        rename=lambda name: names[name[0]] + name[1:],
    )


class InternVlConnector(nn.Module):
    """Unshuffled by torch, then InternVL's `mlp1`: norm, linear, GELU, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp1 = nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 8), nn.GELU(), nn.Linear(8, 8))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.mlp1(unshuffled(tokens, 2, (4, 4)))


@DTYPES
def test_pixel_shuffle_connector_equals_internvl_layout(dtype):
    names = {"mlp1.0": "norm", "mlp1.1": "mlp.linear_1", "mlp1.3": "mlp.linear_2"}
    assert_same_function(
        PixelShuffleConnector(in_dim=3, embed_dim=8, factor=2),
        InternVlConnector(),
        (2, 16, 3),
        dtype,
        rename=lambda name: names[name[:6]] + name[6:],
    )


class PooledReference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.Linear(8, 8))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        pooled = F.avg_pool2d(as_picture(tokens, (4, 4)), 2)
        return self.mlp(pooled.flatten(2).transpose(1, 2))


@DTYPES
def test_pooling_connector_equals_torch(dtype):
    names = {"mlp.0": "mlp.linear_1", "mlp.2": "mlp.linear_2"}
    assert_same_function(
        PoolingConnector(in_dim=3, embed_dim=8, factor=2),
        PooledReference(),
        (2, 16, 3),
        dtype,
        rename=lambda name: names[name[:5]] + name[5:],
    )


class MultiheadResampler(nn.Module):
    """The same with torch's own multi-head cross-attention, key and value of another width."""

    def __init__(self, ours: Resampler, dtype: torch.dtype) -> None:
        super().__init__()
        width, in_dim = ours.embed_dim, ours.key_value.in_features
        self.ours = ours
        self.attention = nn.MultiheadAttention(
            width, ours.num_heads, kdim=in_dim, vdim=in_dim, batch_first=True, dtype=dtype
        )
        key, value = ours.key_value.weight.chunk(2)
        key_bias, value_bias = ours.key_value.bias.chunk(2)
        self.weights = {
            "q_proj_weight": ours.query.weight,
            "k_proj_weight": key,
            "v_proj_weight": value,
            "in_proj_bias": torch.cat([ours.query.bias, key_bias, value_bias]),
            "out_proj.weight": ours.projection.weight,
            "out_proj.bias": ours.projection.bias,
        }

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ours = self.ours
        latent = ours.latent.expand(len(tokens), -1, -1)
        seen = F.layer_norm(tokens, tokens.shape[-1:], ours.norm_tokens.weight,
                            ours.norm_tokens.bias, 1e-6)  # fmt: skip
        query = F.layer_norm(latent, latent.shape[-1:], ours.norm_latent.weight,
                             ours.norm_latent.bias, 1e-6)  # fmt: skip
        mixed, weights = torch.func.functional_call(
            self.attention,
            self.weights,
            (query, seen, seen),
            {"average_attn_weights": False},
        )
        read = latent + mixed
        normed = F.layer_norm(read, read.shape[-1:], ours.norm.weight, ours.norm.bias, 1e-6)
        hidden = F.gelu(F.linear(normed, ours.mlp.expand.weight, ours.mlp.expand.bias))
        return read + F.linear(hidden, ours.mlp.contract.weight, ours.mlp.contract.bias), weights


@DTYPES
def test_resampler_equals_multihead_attention(dtype):
    ours = Resampler(in_dim=5, embed_dim=12, num_queries=4, num_heads=3).to(dtype)
    fill(ours)
    reference = MultiheadResampler(ours, dtype)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(2, 7, 5, generator=generator, dtype=dtype)
    results = []
    for function in (lambda x: ours(x, return_map=True), reference):
        leaf = tokens.clone().requires_grad_()
        read, weights = function(leaf)
        direction = torch.randn(read.shape, generator=generator.manual_seed(2), dtype=dtype)
        gradients = torch.autograd.grad((read * direction).sum(), [leaf, *ours.parameters()])
        results.append([read, weights, *gradients])
    names = ["output", "map", "tokens", *(name for name, _ in ours.named_parameters())]
    for one, other, name in zip(*results, names, strict=True):
        assert_close(one, other, name)


def test_a_resampler_reads_any_number_of_tokens_in_any_order():
    resampler = Resampler(in_dim=5, embed_dim=12, num_queries=4, num_heads=3)
    fill(resampler)
    tokens = torch.randn(1, 9, 5, generator=torch.Generator().manual_seed(0))
    assert resampler(tokens[:, :3]).shape == resampler(tokens).shape == (1, 4, 12)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    assert_close(resampler(tokens[:, order]), resampler(tokens))


@pytest.mark.parametrize("function", [pixel_shuffle, pool_grid])
@pytest.mark.parametrize(("tokens", "factor", "grid"), [(16, 3, None), (15, 1, None),
                                                        (16, 2, (2, 4)), (12, 2, (4, 3))])  # fmt: skip
def test_a_grid_that_does_not_divide_is_refused(function, tokens, factor, grid):
    with pytest.raises(ValueError, match="that fill a grid of whole"):
        function(torch.zeros(1, tokens, 2), factor, grid)
