"""The interface of every trained encoder, whoever trained it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from vizkit.models import AttentionCapture


class Encoder(Protocol):
    """Pictures and sentences to unit vectors in one space.

    name: as `load` knows it;
    logit_scale: 1 / temperature; logit_bias: None where the model has none;
    model: the library's own.
    """

    name: str
    logit_scale: float
    logit_bias: float | None
    model: Any  # the library's own `nn.Module`

    def preprocess(self, images: Any) -> Tensor:
        """Pictures of any kind and size to the tensor (B, C, H, W) that the model expects."""
        ...

    def encode_image(self, images: Any) -> Tensor:
        """Pictures to unit vectors (B, D), on the CPU."""
        ...

    def encode_text(self, texts: str | Sequence[str]) -> Tensor:
        """Sentences to unit vectors (B, D), on the CPU."""
        ...

    def patch_tokens(self, images: Any) -> Tensor:
        """One vector for each patch (B, N, D), without prefix tokens."""
        ...

    def capture_attention(
        self, images: Any, *, layers: Sequence[int] | None = None
    ) -> AttentionCapture:
        """The image tower's attention maps, of all layers or of these (from 0)."""
        ...
