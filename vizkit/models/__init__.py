"""Vision models in plain torch, one idea per file; each equals its reference implementation."""

from vizkit.models.attention import Attention, EncoderBlock, Mlp, attention_weights
from vizkit.models.capture import AttentionCapture, capture_attention
from vizkit.models.cnn import BasicBlock, ConvNet
from vizkit.models.hybrid import ResidualStem
from vizkit.models.patches import ConvolutionalStem, PatchEmbed, patchify, unpatchify
from vizkit.models.pooling import AttentionPooling, ClassTokenPooling, MeanPooling
from vizkit.models.positions import LearnedPosition1d, SinCosPosition2d, sincos_2d
from vizkit.models.timm_weights import load_timm_weights
from vizkit.models.vit import VisionTransformer, count_parameters

__all__ = [
    "Attention",
    "AttentionCapture",
    "AttentionPooling",
    "BasicBlock",
    "ClassTokenPooling",
    "ConvNet",
    "ConvolutionalStem",
    "EncoderBlock",
    "LearnedPosition1d",
    "MeanPooling",
    "Mlp",
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
