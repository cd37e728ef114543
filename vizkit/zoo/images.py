"""Pictures and sentences of any kind, checked by `vizkit.inputs`, as the encoders take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vizkit.inputs import as_image, as_images, as_texts, is_one_picture


def to_pixels(images: Any, size: int) -> Tensor:
    """One picture or many to float pixels (B, 3, size, size) from 0 to 1.

    Takes what `to_pictures` takes. Others than `size` by `size` are squashed to it, as SigLIP does
    it.

    Raises:
        TypeError: something that is no picture.
        ValueError: an array of another shape or type, or no picture at all.
    """
    return scale(np.stack([squash(image, size) for image in checked(images)]))  # (B, 3, size, size)


def to_pictures(images: Any) -> list[Image.Image]:
    """One picture or many, all that `vizkit.inputs.as_images` takes, to RGB pictures.

    An array or a tensor with two or three axes is one picture, with four axes it is many.
    """
    return [Image.fromarray(image) for image in checked(images)]


def to_sentences(texts: Any) -> list[str]:
    """One sentence, or a column of them, to a list.

    Raises TypeError for anything else, ValueError for none.
    """
    found = as_texts("texts", [texts] if isinstance(texts, str) else texts)
    if not found:
        raise ValueError("expected at least one sentence, received none")
    return found


def checked(images: Any) -> list[np.ndarray]:
    """uint8 (H, W, 3) of each picture; TypeError or ValueError if one is none."""
    if is_one_picture(images):
        return [as_image("images", images)]
    found = as_images("images", images)
    if not found:
        raise ValueError("expected at least one picture, received none")
    return found


def squash(image: np.ndarray, size: int) -> np.ndarray:
    """Pixels (H, W, 3) to uint8 `(size, size, 3)`."""
    if image.shape[:2] == (size, size):
        return image
    resized = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def scale(pixels: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) to float32 (B, 3, H, W) from 0 to 1."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(0, 3, 1, 2)  # (B, 3, H, W)
