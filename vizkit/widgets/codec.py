"""How arrays travel to the browser: `{dtype, shape, buffer}`, the buffer as binary."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


def pack(array: Array) -> dict[str, Any]:
    """Return the array as the `{dtype, shape, buffer}` that `unpack` in js/shared/codec.ts reads; the buffer travels as binary."""
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
