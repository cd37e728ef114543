"""Behind `AttentionMap.from_model`: a picture into a model, its attention and the picture it saw out again.

Widgets know arrays only: tensors are made by the model's own parameters and read by duck typing, and
`capture_attention` comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from vizkit.widgets.inputs import Array, as_array, as_image


def run_model(
    capture_attention: Callable[[Any, Any], Any],
    model: Any,
    image: Any,
    preprocess: Any,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> tuple[Any, list[Array]]:
    """Return what `capture_attention` returns and the pictures that the model saw, uint8 (H, W, 3).

    Raises:
        TypeError: not a model with parameters.
        ValueError: `image`, `preprocess`, `mean` or `std` do not fit.
    """
    weight = next(model.parameters(), None) if hasattr(model, "parameters") else None
    if weight is None:
        raise TypeError(f"model must be a torch model with parameters, got {type(model).__name__}")
    mean, std = _normalization(model, preprocess, mean, std)
    inputs = _inputs(model, image, preprocess, mean, std)  # (B, 3, H, W)
    # A tensor like the model's own weights: their device and their precision.
    captured = capture_attention(model, weight.detach().new_tensor(inputs))
    return captured, [_seen(one, mean, std) for one in inputs]


def _normalization(
    model: Any, preprocess: Any, mean: Any, std: Any
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and standard deviation of the model's input, from the caller, the transform or the model."""
    for step in getattr(preprocess, "transforms", ()):
        if hasattr(step, "mean") and hasattr(step, "std"):
            # timm holds them as tensors, which are neither true nor false.
            mean, std = (step.mean if mean is None else mean), (step.std if std is None else std)
    config = getattr(model, "pretrained_cfg", None) or {}
    visual = getattr(model, "visual", None)
    if mean is None:
        mean = config.get("mean") or getattr(visual, "image_mean", None)
    if std is None:
        std = config.get("std") or getattr(visual, "image_std", None)
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std belong together, got mean={mean} and std={std}")
    return _three("mean", mean), _three("std", std)


def _three(name: str, values: Any) -> tuple[float, ...] | None:
    if values is None:
        return None
    values = tuple(float(value) for value in values)
    if len(values) != 3:
        raise ValueError(f"{name} must hold three numbers, one for each channel, got {values}")
    return values


def _inputs(model: Any, image: Any, preprocess: Any, mean: Any, std: Any) -> Array:
    """One batch (B, 3, H, W) from whatever came."""
    if hasattr(image, "is_floating_point") and image.is_floating_point() and preprocess is None:
        batch = as_array("image", image, ndims=(3, 4))
        batch = batch[None] if batch.ndim == 3 else batch
        if batch.shape[1] != 3:
            raise ValueError(
                "a float tensor as image must be the model's input (3, H, W) or (B, 3, H, W),"
                f" got {tuple(image.shape)}"
            )
        return batch
    several = isinstance(image, list | tuple)
    if several and not image:
        raise ValueError("image must not be an empty list")
    pictures = [as_image("image", one) for one in (image if several else [image])]
    if preprocess is not None:
        return np.stack([_preprocessed(preprocess, one) for one in pictures])
    size = _input_size(model)
    batch = np.stack([_fitted(one, size) for one in pictures]).astype(np.float32) / 255
    if mean is not None:
        batch = (batch - np.float32(mean)) / np.float32(std)
    return np.moveaxis(batch, -1, 1)  # (B, 3, H, W)


def _preprocessed(preprocess: Any, pixels: Array) -> Array:
    result = as_array("what preprocess returns", preprocess(Image.fromarray(pixels)))
    if result.ndim != 3 or result.shape[0] != 3:
        raise ValueError(f"preprocess must return a tensor (3, H, W), got shape {result.shape}")
    return result


def _input_size(model: Any) -> tuple[int, int] | None:
    """(height, width) that the model wants, or None where it does not say."""
    config = getattr(model, "pretrained_cfg", None) or {}
    patches = getattr(model, "patch_embed", None)
    visual = getattr(model, "visual", None)
    for size in (
        getattr(patches, "img_size", None),
        getattr(model, "image_size", None),
        getattr(visual, "image_size", None),
        (config.get("input_size") or (None,))[1:],
    ):
        if size:
            return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    return None


def _fitted(pixels: Array, size: tuple[int, int] | None) -> Array:
    """Short side to the model's size, then the middle: what most models are evaluated with."""
    if size is None or pixels.shape[:2] == size:
        return pixels
    height, width = size
    image = Image.fromarray(pixels)
    scale = max(height / image.height, width / image.width)
    shape = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    image = image.resize(shape, Image.Resampling.BICUBIC)
    left, top = (shape[0] - width) // 2, (shape[1] - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)))


def _seen(inputs: Array, mean: Any, std: Any) -> Array:
    """One input (3, H, W) as a picture: the normalisation undone, or stretched to 0..1 if unknown."""
    pixels = np.moveaxis(inputs, 0, -1).astype(np.float64)  # (H, W, 3)
    if mean is not None:
        pixels = pixels * np.array(std) + np.array(mean)
    elif pixels.min() < -1e-3 or pixels.max() > 1 + 1e-3:
        pixels = (pixels - pixels.min()) / ((pixels.max() - pixels.min()) or 1.0)
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
