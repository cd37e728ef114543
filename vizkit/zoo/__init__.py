"""Trained encoders behind one interface: `load("pocket-clip")`, `load("open_clip/ViT-B-16/openai")`."""

from vizkit.extras import require

require(
    "models",
    "torch",
    "timm",
    "open_clip",
    "safetensors",
    "huggingface_hub",
    "tokenizers",
    "filelock",
    "tqdm",
    what="vizkit.zoo",
)

from vizkit.zoo.catalog import list_models, load
from vizkit.zoo.encoder import Encoder
from vizkit.zoo.features import cached_features
from vizkit.zoo.open_clip_encoder import OpenClipEncoder
from vizkit.zoo.pocket import PocketEncoder, PocketImageEncoder
from vizkit.zoo.timm_encoder import TimmEncoder

__all__ = [
    "Encoder",
    "PocketEncoder",
    "PocketImageEncoder",
    "TimmEncoder",
    "OpenClipEncoder",
    "cached_features",
    "list_models",
    "load",
]
