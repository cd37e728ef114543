"""Pictures and sentences of any kind, checked: one batch of pixels, RGB pictures, a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_pixels(images: Any, size: int) -> Tensor:
    """One picture or many to float pixels (B, 3, size, size) from 0 to 1.

    Takes PIL pictures and uint8 arrays `(H, W, 3)`, alone or in a sequence, and one array
    `(B, H, W, 3)`. Others than `size` by `size` are squashed to it, as SigLIP does it.

    Raises:
        TypeError: something that is no picture.
        ValueError: an array of another shape or type, or no picture at all.
    """
    images = several(images)
    if isinstance(images, np.ndarray):
        check_pixels(images, ndim=4)
        if images.shape[1:3] == (size, size):
            return scale(images)  # (B, 3, size, size)
    return scale(np.stack([squash(image, size) for image in images]))  # (B, 3, size, size)


def to_pictures(images: Any) -> list[Image.Image]:
    """One picture or many, as `to_pixels` takes them, to RGB pictures of their own sizes."""
    images = several(images)
    if isinstance(images, np.ndarray):
        check_pixels(images, ndim=4)
    return [to_picture(image) for image in images]


def to_sentences(texts: str | Sequence[str]) -> list[str]:
    """One sentence or many to a list. Raises TypeError for anything else, ValueError for none."""
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"expected texts to be sentences, received {texts!r}")
    if not texts:
        raise ValueError("expected at least one sentence, received none")
    return list(texts)


def several(images: Any) -> Any:
    """A sequence of pictures, not looked into yet; TypeError or ValueError if it is none."""
    if isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim == 3):
        images = [images]
    if isinstance(images, (str, bytes)) or not hasattr(images, "__len__"):
        raise TypeError(f"expected pictures, received {type(images).__name__}")
    if len(images) == 0:
        raise ValueError("expected at least one picture, received none")
    return images


def squash(image: Any, size: int) -> np.ndarray:
    """One picture to uint8 `(size, size, 3)`."""
    return np.asarray(to_picture(image).resize((size, size), Image.Resampling.BICUBIC))


def to_picture(image: Any) -> Image.Image:
    """One picture to an RGB picture."""
    if isinstance(image, np.ndarray):
        check_pixels(image, ndim=3)
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise TypeError(f"expected a PIL picture or an array, received {type(image).__name__}")
    if image.mode.startswith("I"):  # 16-bit gray: Pillow by itself turns nearly all of it white
        shades = np.clip(np.asarray(image).astype(np.float32) / 257, 0, 255)
        image = Image.fromarray(np.rint(shades).astype(np.uint8))
    return image.convert("RGB")


def check_pixels(images: np.ndarray, *, ndim: int) -> None:
    """Raise ValueError unless `images` is uint8 with three channels last."""
    fits = images.dtype == np.uint8 and images.ndim == ndim and images.shape[-1] == 3
    if not fits or 0 in images.shape:
        raise ValueError(
            f"expected uint8 pictures with {ndim} dimensions, channels (3) last, "
            f"received {images.dtype} {images.shape}"
        )


def scale(pixels: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) to float32 (B, 3, H, W) from 0 to 1."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(0, 3, 1, 2)  # (B, 3, H, W)
