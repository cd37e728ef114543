"""Vision models in plain torch, one idea per file; each equals its reference implementation."""

from vizkit.extras import require

require("models", "torch", what="vizkit.models")

from vizkit.models.attention import Attention, EncoderBlock, Mlp, attention_weights
from vizkit.models.capture import AttentionCapture, capture_attention
from vizkit.models.cnn import BasicBlock, ConvNet
from vizkit.models.connectors import (
    MlpConnector,
    PixelShuffleConnector,
    PoolingConnector,
    Resampler,
    pixel_shuffle,
    pool_grid,
)
from vizkit.models.convnext import ConvNeXt, ConvNeXtBlock, LayerNorm2d
from vizkit.models.decoder import CausalDecoder, next_word_loss, prefix_mask
from vizkit.models.hybrid import ResidualStem
from vizkit.models.modernized import RESNET_TO_CONVNEXT, ModernizedBlock
from vizkit.models.patches import ConvolutionalStem, PatchEmbed, patchify, unpatchify
from vizkit.models.pooling import AttentionPooling, ClassTokenPooling, MeanPooling
from vizkit.models.positions import (
    POSITIONS,
    LearnedPosition1d,
    LearnedPosition2d,
    Position,
    RopeAxial,
    RopeMixed,
    SinCosPosition2d,
    patch_places,
    sincos_2d,
)
from vizkit.models.rope import axial_frequencies, mixed_frequencies, rotate, rotation_of
from vizkit.models.swin import PatchMerging, SwinBlock, SwinTransformer
from vizkit.models.timm_names import load_timm_parts
from vizkit.models.timm_weights import load_timm_weights
from vizkit.models.vit import VisionTransformer, count_parameters
from vizkit.models.vlm import VisionLanguageModel
from vizkit.models.windows import (
    WindowAttention,
    relative_position_index,
    shift_mask,
    window_merge,
    window_partition,
)

__all__ = [
    "POSITIONS",
    "RESNET_TO_CONVNEXT",
    "Attention",
    "AttentionCapture",
    "AttentionPooling",
    "BasicBlock",
    "CausalDecoder",
    "ClassTokenPooling",
    "ConvNeXt",
    "ConvNeXtBlock",
    "ConvNet",
    "ConvolutionalStem",
    "EncoderBlock",
    "LayerNorm2d",
    "LearnedPosition1d",
    "LearnedPosition2d",
    "MeanPooling",
    "Mlp",
    "MlpConnector",
    "ModernizedBlock",
    "PatchEmbed",
    "PatchMerging",
    "PixelShuffleConnector",
    "PoolingConnector",
    "Position",
    "Resampler",
    "ResidualStem",
    "RopeAxial",
    "RopeMixed",
    "SinCosPosition2d",
    "SwinBlock",
    "SwinTransformer",
    "VisionLanguageModel",
    "VisionTransformer",
    "WindowAttention",
    "attention_weights",
    "axial_frequencies",
    "capture_attention",
    "count_parameters",
    "load_timm_parts",
    "load_timm_weights",
    "mixed_frequencies",
    "next_word_loss",
    "patch_places",
    "patchify",
    "pixel_shuffle",
    "pool_grid",
    "prefix_mask",
    "relative_position_index",
    "rotate",
    "rotation_of",
    "shift_mask",
    "sincos_2d",
    "unpatchify",
    "window_merge",
    "window_partition",
]
