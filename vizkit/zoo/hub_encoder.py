"""What the encoders with weights from the hub share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn

from vizkit.device import default_device
from vizkit.models import AttentionCapture, capture_attention
from vizkit.progress import progress_bar
from vizkit.zoo.images import checked
from vizkit.zoo.preprocess import Preprocess

BATCH = 32  # pictures at a time: bounds the memory of a large call


class HubEncoder:
    """An encoder with weights from the hub; `model` is the library's own model, in eval mode.

    source: where the weights came from, in words.
    """

    source: str = "the hub"
    logit_scale: float = 1.0
    logit_bias: float | None = None

    def __init__(
        self, name: str, model: nn.Module, transform: Callable[[Image.Image], Tensor]
    ) -> None:
        self.name = name
        self.device = default_device()
        # Any: what timm's and open_clip's own classes can do beyond a Module is not typed.
        self.model: Any = model.eval().to(self.device)
        self.preprocess = Preprocess(transform)

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, C, H, W) to vectors (B, D)."""
        raise NotImplementedError

    def tokens(self, pixels: Tensor) -> Tensor:
        """Pixels (B, C, H, W) to one vector for each patch (B, N, D)."""
        raise NotImplementedError

    def encode_image(self, images: Any) -> Tensor:
        """Pictures to unit vectors (B, D), on the CPU."""
        return nn.functional.normalize(self.in_batches(self.features, images), dim=-1)  # (B, D)

    def patch_tokens(self, images: Any) -> Tensor:
        """One vector for each patch (B, N, D) after the last norm, without prefix tokens.

        Raises TypeError for an image tower that has no patch tokens (a CNN).
        """
        return self.in_batches(self.tokens, images)  # (B, N, D)

    @torch.no_grad()
    def capture_attention(
        self, images: Any, *, layers: Sequence[int] | None = None
    ) -> AttentionCapture:
        """The image tower's attention maps, of all layers or of these (from 0).

        Raises TypeError if it has none (a CNN), ValueError if it has no such layer.
        """
        pixels = self.preprocess(images).to(self.device)  # (B, 3, H, W)
        return capture_attention(self.model, pixels, layers=layers)

    @torch.no_grad()
    def in_batches(self, function: Callable[[Tensor], Tensor], images: Any) -> Tensor:
        """`function` of the pictures, a bounded number at a time, joined on the CPU."""
        pictures = checked(
            images
        )  # pixels: a list of Pillow's pictures would be one more copy of them all
        starts = range(0, len(pictures), BATCH)
        # `with`: a call that the model refuses must not leave its bar behind.
        with progress_bar(starts, desc=self.name, delay=2, leave=False, disable=quiet()) as bar:
            parts = [
                function(self.preprocess(pictures[start : start + BATCH]).to(self.device)).cpu()
                for start in bar
            ]
        return torch.cat(parts)


def quiet() -> bool:
    """VIZKIT_PROGRESS=0: stored notebook outputs must not hold half a progress bar."""
    return os.environ.get("VIZKIT_PROGRESS") == "0"


@contextmanager
def fitting(name: str) -> Iterator[None]:
    """Within this context, weights that the model cannot take are an OSError that says so."""
    try:
        yield
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise OSError(
            f"the weights of {name} do not fit the model that the installed library builds: "
            f"update timm and open_clip_torch, or choose other weights. ({error!s:.300})"
        ) from error
