"""A trained ViT, ours or timm's, run with fewer and fewer tokens from block to block."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

import torch
from torch import Tensor, nn

from vizkit.models.attention import EncoderBlock, split_heads
from vizkit.models.checks import check_module
from vizkit.models.merging import Plan, follow, merge_tokens, merged_attention
from vizkit.models.vit import VisionTransformer


@dataclass(frozen=True)
class Shortened:
    """What leaves the encoder; see `encode_shortened`.

    Attributes:
        tokens: (B, T', D), the class token first, after the last norm.
        sizes: (B, T') for how many patches each stands.
        origin: (B, T) where each token of the whole sequence is now, -1 if it was dropped.
    """

    tokens: Tensor
    sizes: Tensor
    origin: Tensor

    @property
    def on_the_grid(self) -> Tensor:
        """The tokens of the patches (B, N, D): merged ones stand in all their places.

        Raises ValueError if patches were dropped: their places have no token.
        """
        patches = self.origin[:, 1:]  # (B, N), without the class token
        if bool((patches < 0).any()):
            raise ValueError("expected merged patches, received dropped ones: they have no token")
        return self.taken_from(patches)

    def filled(self, grid: tuple[int, int]) -> Tensor:
        """As `on_the_grid`, (B, N, D), but a dropped patch gets the token of the nearest one left.

        grid: (rows, columns) of the N patches; of two that are as near the one that comes first.
        Raises ValueError unless the grid has N places.
        """
        patches, (rows, columns) = self.origin[:, 1:], grid  # (B, N), without the class token
        count = patches.shape[1]
        if rows * columns != count:
            raise ValueError(f"expected a grid of {count} patches, received {rows} x {columns}")
        number = torch.arange(count, device=patches.device)
        place = torch.stack([number // columns, number % columns], dim=1)  # (N, 2)
        apart = (place[:, None] - place).square().sum(-1)  # (N, N)
        order = apart * count + number  # (N, N), no two alike in a row
        nearest = order.masked_fill(
            (patches < 0)[:, None], torch.iinfo(order.dtype).max
        )  # (B, N, N)
        return self.taken_from(patches.gather(1, nearest.argmin(-1)))

    def taken_from(self, places: Tensor) -> Tensor:
        """The tokens (B, N, D) at places (B, N) of the shorter sequence."""
        index = places[..., None].expand(-1, -1, self.tokens.shape[2])  # (B, N, D)
        return self.tokens.gather(1, index)  # (B, N, D)


@torch.no_grad()
def encode_shortened(
    model: nn.Module, images: Tensor, removed: Sequence[int], plan: Plan
) -> Shortened:
    """Run a ViT with a class token on images (B, C, H, W), removing tokens between its sublayers.

    model: a `VisionTransformer` with pooling "cls" and no RoPE, or such a ViT of timm;
    removed: how many tokens go in each block, after its attention (see `keep_evenly`);
    plan: which ones, `merge_similar` or another of `vizkit.models.merging`.

    Nothing is trained. With 0 everywhere the tokens are those of the model itself. Raises TypeError
    for another kind of model and ValueError unless there is a number for each block.
    """
    check_module("model", model)
    tokens = embedded(model, images)  # (B, T, D)
    blocks = list(cast(Iterable[nn.Module], model.blocks))
    if len(removed) != len(blocks):
        raise ValueError(
            f"expected a number for each of {len(blocks)} blocks, received {len(removed)}"
        )
    sizes = tokens.new_ones(tokens.shape[:2])  # (B, T)
    origin = torch.arange(tokens.shape[1], device=tokens.device).expand(len(tokens), -1)  # (B, T)
    for block, number in zip(blocks, removed, strict=True):
        parts = parts_of(block)
        joint = parts["query_key_value"](parts["norm_1"](tokens))  # (B, T, 3*D)
        query, key, value = (split_heads(p, parts["heads"]) for p in joint.chunk(3, dim=-1))
        mixed, looked_at = merged_attention(query, key, value, sizes)  # (B, T, D), (B, T)
        tokens = tokens + parts["scale_1"](parts["projection"](mixed))  # (B, T, D)
        if number:
            target = plan(key.mean(dim=1), looked_at, number)  # (B, T)
            tokens, sizes = merge_tokens(tokens, sizes, target)  # (B, T', D), (B, T')
            origin = follow(origin, target)  # (B, T)
        tokens = tokens + parts["scale_2"](parts["mlp"](parts["norm_2"](tokens)))  # (B, T', D)
    return Shortened(model.get_submodule("norm")(tokens), sizes, origin)


def embedded(model: nn.Module, images: Tensor) -> Tensor:
    """The tokens (B, T, D) that enter the first block, the class token first."""
    if isinstance(model, VisionTransformer):
        if model.class_token is None or model.position.rotations()[0] is not None:
            raise TypeError("expected a ViT with a class token and no RoPE, received another")
        tokens = model.patch_embed(images)  # (B, N, D)
        class_token = model.class_token.expand(len(images), -1, -1)  # (B, 1, D)
        return model.position(torch.cat([class_token, tokens], dim=1))  # (B, T, D)
    with_position = getattr(model, "_pos_embed", None)
    if getattr(model, "num_prefix_tokens", None) != 1 or with_position is None:
        raise TypeError(
            f"expected a ViT with a class token and no registers, received {type(model).__name__}"
        )
    patches = model.get_submodule("patch_embed")(images)  # (B, N, D)
    return model.get_submodule("norm_pre")(with_position(patches))  # (B, T, D)


class Parts(TypedDict):
    """The layers of an encoder block, and its number of heads."""

    norm_1: nn.Module
    norm_2: nn.Module
    mlp: nn.Module
    query_key_value: nn.Module
    projection: nn.Module
    heads: int
    scale_1: nn.Module
    scale_2: nn.Module


def parts_of(block: nn.Module) -> Parts:
    """The layers of an encoder block, ours or timm's, by one set of names."""
    nothing = nn.Identity()
    if isinstance(block, EncoderBlock):
        return {
            "norm_1": block.norm_1,
            "norm_2": block.norm_2,
            "mlp": block.mlp,
            "query_key_value": block.attention.query_key_value,
            "projection": block.attention.projection,
            "heads": block.attention.num_heads,
            "scale_1": nothing,
            "scale_2": nothing,
        }
    attention = getattr(block, "attn", None)
    if attention is None or not (
        hasattr(attention, "qkv") and isinstance(attention.q_norm, nn.Identity)
    ):
        raise TypeError(
            f"expected an encoder block of vizkit or of timm's ViT, received {type(block).__name__}"
        )
    return {
        "norm_1": block.get_submodule("norm1"),
        "norm_2": block.get_submodule("norm2"),
        "mlp": block.get_submodule("mlp"),
        "query_key_value": attention.qkv,
        "projection": attention.proj,
        "heads": attention.num_heads,
        "scale_1": getattr(block, "ls1", nothing),
        "scale_2": getattr(block, "ls2", nothing),
    }
