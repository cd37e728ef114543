"""Vision models in plain torch, one idea per file; each equals its reference implementation."""

from vizkit.models.attention import Attention, EncoderBlock, Mlp, attention_weights
from vizkit.models.capture import AttentionCapture, capture_attention
from vizkit.models.cnn import BasicBlock, ConvNet
from vizkit.models.convnext import ConvNeXt, ConvNeXtBlock, LayerNorm2d
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
from vizkit.models.timm_weights import load_timm_weights
from vizkit.models.vit import VisionTransformer, count_parameters

__all__ = [
    "POSITIONS",
    "LearnedPosition2d",
    "Position",
    "RopeAxial",
    "RopeMixed",
    "patch_places",
    "axial_frequencies",
    "mixed_frequencies",
    "rotate",
    "rotation_of",
    "RESNET_TO_CONVNEXT",
    "Attention",
    "AttentionCapture",
    "AttentionPooling",
    "BasicBlock",
    "ClassTokenPooling",
    "ConvNeXt",
    "ConvNeXtBlock",
    "ConvNet",
    "ConvolutionalStem",
    "EncoderBlock",
    "LayerNorm2d",
    "LearnedPosition1d",
    "MeanPooling",
    "Mlp",
    "ModernizedBlock",
    "PatchEmbed",
    "ResidualStem",
    "SinCosPosition2d",
    "VisionTransformer",
    "attention_weights",
    "capture_attention",
    "count_parameters",
    "load_timm_weights",
    "patchify",
    "sincos_2d",
    "unpatchify",
]
