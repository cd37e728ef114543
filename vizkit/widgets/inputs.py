"""The door of the widgets: whatever a learner hands over becomes checked numpy arrays here, or a clear error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray


def as_array(name: str, value: Any, *, ndims: Sequence[int] | None = None) -> Array:
    """Return `value` as a finite float array.

    Accepts numpy arrays, nested lists and anything with `detach` and `cpu` (a torch tensor, also
    one that requires gradients, lives on a GPU or is bfloat16). Floats keep float64 only when they
    came as float64; everything else becomes float32.

    Args:
        name: the argument's name, for the message.
        value: the numbers.
        ndims: allowed numbers of dimensions; None allows any.

    Raises:
        TypeError: `value` holds no numbers.
        ValueError: the number of dimensions is not allowed, an axis is empty, or a value is NaN or infinite.
    """
    if hasattr(value, "detach"):
        value = value.detach()
        value = (
            (value.float() if "bfloat16" in str(getattr(value, "dtype", "")) else value)
            .cpu()
            .numpy()
        )
    try:
        array = np.asarray(value)
    except ValueError as error:  # ragged nested lists
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must hold real numbers, got {type(value).__name__} of dtype {array.dtype}"
        )
    if ndims is not None and array.ndim not in ndims:
        allowed = " or ".join(str(n) for n in ndims)
        raise ValueError(f"{name} must have {allowed} dimensions, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    array = array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} must be finite, got {bad} NaN or infinite value(s), the first at index {where}"
        )
    return array


def as_image(name: str, value: Any) -> Array:
    """Return one picture as uint8 `(H, W, 3)`.

    Accepts a PIL image (alpha is laid on white), `(H, W)`, `(H, W, 1|3|4)` or `(1|3, H, W)` arrays
    or tensors: uint8 from 0 to 255, or floats from 0 to 1.

    Raises:
        TypeError: not a picture.
        ValueError: a shape that no picture has, NaN, or floats outside 0..1 (a normalised tensor:
            undo the mean and standard deviation first).
    """
    if isinstance(value, Image.Image):
        picture = value.convert("RGBA")
        return np.asarray(
            Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        )
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.dtype.is_floating_point else value).numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be a PIL image or an array of pixels, got {type(value).__name__}"
        )
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ValueError(
            f"{name} must have shape (H, W, 3), (H, W) or (3, H, W), got {np.shape(value)}"
        )
    return _to_rgb(name, array)


def _to_rgb(name: str, array: Array) -> Array:
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < -1e-3 or array.max() > 1 + 1e-3:
            raise ValueError(
                f"{name} holds floats, which must lie between 0 and 1, got {np.nanmin(array):.3g} to {np.nanmax(array):.3g}"
                " (a normalised tensor: undo the mean and the standard deviation first)"
            )
        array = np.rint(np.clip(array, 0, 1) * 255)
    elif array.dtype == bool:
        array = array * 255
    elif array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"{name} holds integers, which must lie between 0 and 255, got {array.min()} to {array.max()}"
        )
    array = array.astype(np.uint8)
    if array.shape[2] == 1:
        return np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        return as_image(name, Image.fromarray(array, "RGBA"))
    return np.ascontiguousarray(array)


def as_images(name: str, value: Any, count: int) -> list[Array] | None:
    """Return `count` pictures as uint8 `(H, W, 3)` each, or None when none were given.

    Raises:
        ValueError: another number of pictures came.
        TypeError, ValueError: as `as_image`, naming the picture's index.
    """
    if value is None:
        return None
    if isinstance(value, Image.Image | str | bytes) or not hasattr(value, "__len__"):
        raise TypeError(
            f"{name} must be a sequence of {count} pictures, got {type(value).__name__}"
        )
    if len(value) != count:
        raise ValueError(f"{name} must hold {count} pictures, one for each item, got {len(value)}")
    return [as_image(f"{name}[{index}]", item) for index, item in enumerate(value)]


def as_texts(name: str, value: Any, count: int) -> list[str] | None:
    """Return `count` strings as they came, or None when none were given; NUL characters become '␀'.

    Raises:
        TypeError: an entry is not a string.
        ValueError: another number of strings came.
    """
    if value is None:
        return None
    if isinstance(value, str) or not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be a sequence of {count} strings, got {type(value).__name__}")
    if len(value) != count:
        raise ValueError(f"{name} must hold {count} strings, one for each item, got {len(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise TypeError(f"{name}[{index}] must be a string, got {type(item).__name__}")
    return [str(item).replace("\0", "␀") for item in value]


def pack(array: Array) -> dict[str, Any]:
    """Return the array as the `{dtype, shape, buffer}` that `unpack` in core.js reads; the buffer travels as binary."""
    array = np.ascontiguousarray(array)
    return {"dtype": str(array.dtype), "shape": list(array.shape), "buffer": array.tobytes()}


def pack_fixed(array: Array) -> dict[str, Any]:
    """Return the array as 24-bit fixed point between its own minimum and maximum, as `pack` does.

    Three bytes instead of the four of float32; the error is at most (maximum - minimum) / 2**25,
    which for cosines is that of float32.
    """
    array = np.ascontiguousarray(array, dtype=np.float64)
    low, high = float(array.min()), float(array.max())
    steps = np.rint((array - low) * ((2**24 - 1) / ((high - low) or 1.0))).astype("<u4")
    raw = steps[..., None].view(np.uint8)[..., :3]
    packed = {"dtype": "fixed24", "shape": list(array.shape), "low": low, "high": high}
    return {**packed, "buffer": raw.tobytes()}


def unpack(packed: dict[str, Any]) -> Array:
    """Return the array that `pack` packed; what `pack_fixed` packed comes back as float64."""
    if packed["dtype"] == "fixed24":
        raw = np.frombuffer(packed["buffer"], np.uint8).reshape(-1, 3).astype(np.int64)
        step = (packed["high"] - packed["low"]) / (2**24 - 1)
        values = packed["low"] + step * (raw @ np.array([1, 256, 65536]))
        return values.reshape(packed["shape"])
    return np.frombuffer(packed["buffer"], packed["dtype"]).reshape(packed["shape"])
