"""Interactive pictures of how vision encoders see, and the components the course builds.

`from vizkit import SimilarityMatrix, capture_attention, info_nce, load` works, and nothing is imported
before it is asked for: an instrument never waits for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vizkit.data import pairs, photos, scenes
    from vizkit.losses import info_nce, sigmoid_loss
    from vizkit.models import capture_attention
    from vizkit.widgets import (
        AttentionMap,
        EmbeddingSpace,
        LivingEncoder,
        SimilarityMatrix,
        save_page,
    )
    from vizkit.zoo import load

_PLACES = {
    "SimilarityMatrix": "widgets",
    "AttentionMap": "widgets",
    "EmbeddingSpace": "widgets",
    "LivingEncoder": "widgets",
    "save_page": "widgets",
    "capture_attention": "models",
    "info_nce": "losses",
    "sigmoid_loss": "losses",
    "load": "zoo",
    "scenes": "data",
    "pairs": "data",
    "photos": "data",
}

__all__ = [
    "AttentionMap",
    "EmbeddingSpace",
    "LivingEncoder",
    "SimilarityMatrix",
    "capture_attention",
    "info_nce",
    "load",
    "pairs",
    "photos",
    "save_page",
    "scenes",
    "sigmoid_loss",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module 'vizkit' has no attribute {name!r}")
    value = getattr(import_module(f"vizkit.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
