"""The Vision Transformer (Dosovitskiy et al. 2021), put together from its parts."""

import copy

import torch
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, EncoderBlock
from vizkit.models.checks import (
    check_choice,
    check_divisible,
    check_images,
    check_module,
    check_pair,
    check_whole,
)
from vizkit.models.hybrid import ResidualStem
from vizkit.models.initialization import initialize
from vizkit.models.patches import ConvolutionalStem, PatchEmbed
from vizkit.models.pooling import AttentionPooling, ClassTokenPooling, MeanPooling
from vizkit.models.positions import POSITIONS

STEMS: dict[str, type[PatchEmbed | ConvolutionalStem | ResidualStem]] = {
    "patch": PatchEmbed,
    "convolution": ConvolutionalStem,
    "residual": ResidualStem,
}
POOLINGS = ("cls", "mean", "map")


class VisionTransformer(nn.Module):
    """Images (B, C, H, W) to class scores (B, num_classes), or to features (B, D) if that is 0.

    stem: "patch" (one linear layer per patch) or "convolution" (Xiao et al. 2021),
        or "residual" (the hybrid: the feature map of a small CNN);
    position: "none", "learned_1d", "learned_2d", "sincos_2d", "rope_axial" or "rope_mixed";
    pooling: "cls" (class token), "mean" (of the patches) or "map" (attention pooling, SigLIP);
    initialization: "published" (standard deviation 0.02) or "fan_in", for narrow networks.

    `image_size` is a side in pixels or (height, width), a multiple of `patch_size`; the model
    accepts that size only, see `resized`. Raises ValueError on sizes and names that do not fit.
    Reference: timm `models/vision_transformer.py`, and `models/eva.py` for RoPE; equal outputs and
    gradients with the same weights.
    """

    def __init__(
        self,
        *,
        image_size: int | tuple[int, int] = 64,
        patch_size: int = 8,
        in_channels: int = 3,
        embed_dim: int = 192,
        depth: int = 4,
        num_heads: int = 3,
        mlp_ratio: float = 4.0,
        stem: str = "patch",
        position: str = "learned_1d",
        pooling: str = "cls",
        num_classes: int = 0,
        initialization: str = "published",
    ) -> None:
        super().__init__()
        check_choice("stem", stem, STEMS)
        check_choice("position", position, POSITIONS)
        check_choice("pooling", pooling, POOLINGS)
        check_whole(depth=depth)
        check_whole(num_classes=num_classes, at_least=0)
        self.image_size, self.grid = cut(image_size, patch_size)  # the grid: (rows, columns)
        self.in_channels, self.embed_dim = in_channels, embed_dim
        self.num_prefix_tokens = 1 if pooling == "cls" else 0

        self.patch_embed = STEMS[stem](
            patch_size=patch_size, in_channels=in_channels, embed_dim=embed_dim
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim)) if pooling == "cls" else None
        self.position = POSITIONS[position](
            grid=self.grid,
            embed_dim=embed_dim,
            num_prefix_tokens=self.num_prefix_tokens,
            num_heads=num_heads,
            depth=depth,
        )
        self.blocks = nn.ModuleList(
            EncoderBlock(embed_dim=embed_dim, num_heads=num_heads, mlp_ratio=mlp_ratio)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.pooling = make_pooling(pooling, embed_dim, num_heads, mlp_ratio)
        self.head = nn.Linear(embed_dim, num_classes) if num_classes else nn.Identity()
        initialize(self, initialization, published=(nn.Linear,))  # as timm does for a ViT

    def forward(
        self, images: Tensor, return_intermediates: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        check_images(images, channels=self.in_channels, size=self.image_size)
        named: dict[str, Tensor] = {}
        named["patch_tokens"] = tokens = self.patch_embed(images)  # (B, N, D)
        if self.class_token is not None:
            class_token = self.class_token.expand(len(images), -1, -1)  # (B, 1, D)
            tokens = torch.cat([class_token, tokens], dim=1)  # (B, T, D) with T = N + 1
        named["with_position"] = tokens = self.position(tokens)  # (B, T, D)
        rotations = self.position.rotations()  # one for each block, None without RoPE
        for index, (block, rotation) in enumerate(zip(self.blocks, rotations, strict=True)):
            named[f"block_{index}"] = tokens = block(tokens, rotation=rotation)  # (B, T, D)
        named["encoded"] = tokens = self.norm(tokens)  # (B, T, D)
        named["pooled"] = pooled = self.pooling(tokens)  # (B, D)
        output = self.head(pooled)  # (B, num_classes), or (B, D)
        return (output, named) if return_intermediates else output

    def resized(
        self, image_size: int | tuple[int, int], positions: str = "interpolate"
    ) -> "VisionTransformer":
        """A copy with the same weights for images of another size; this model stays as it is.

        positions: "interpolate", "extrapolate" or "repeat"; see `Position.resize`.
        """
        model = copy.deepcopy(self)
        model.image_size, model.grid = cut(image_size, self.patch_embed.patch_size)
        model.position.resize(model.grid, positions)
        return model


def cut(
    image_size: int | tuple[int, int], patch_size: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) in pixels and (rows, columns) in patches of an image."""
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    check_pair("image_size", size)
    height, width = size
    check_divisible(height, width, patch_size)
    return (height, width), (height // patch_size, width // patch_size)


def make_pooling(pooling: str, embed_dim: int, num_heads: int, mlp_ratio: float) -> nn.Module:
    """The read-out called `pooling`: "cls", "mean" or "map"."""
    if pooling == "cls":
        return ClassTokenPooling()
    if pooling == "mean":
        return MeanPooling()
    return AttentionPooling(embed_dim=embed_dim, num_heads=num_heads, mlp_ratio=mlp_ratio)


def count_parameters(model: nn.Module) -> int:
    """The number of trainable values in `model`."""
    check_module("model", model)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
