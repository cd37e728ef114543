"""Pictures of any kind to one form: uint8 pixels (H, W, 3), upright, on white."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from PIL import Image, ImageOps

from vizkit.inputs.columns import as_list, is_missing
from vizkit.inputs.embeddings import as_numpy

Array = np.ndarray
# Floats up to here that are above 1 are neither 0..1 nor 0..255: most likely they were normalised.
NORMALISED = 8.0
TOLERANCE = 1e-3  # what a resampling may leave below 0 and above 1


def upright_rgb(picture: Image.Image) -> Image.Image:
    """What a viewer shows of an opened picture: turned as the camera was held, 8 bits, no holes.

    The EXIF orientation is applied; 16-bit gray keeps its shades (Pillow by itself would turn all
    but the darkest white); pixels that are floats count from 0 to 1, or to 255 if one is larger;
    what is transparent is white; CMYK becomes RGB; of an animation the first picture is taken.
    Raises what Pillow raises for a damaged file.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # I;16, I;16B: 0 to 65535; I: so, or 0 to 255
        shades = np.asarray(picture).astype(np.float32)
        eight_bits = picture.mode == "I" and shades.max(initial=0) <= 255
        shades = np.clip(shades if eight_bits else shades / 257, 0, 255)
        return Image.fromarray(np.rint(shades).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        shades = np.nan_to_num(np.asarray(picture))
        shades = np.clip(shades * (1 if shades.max(initial=0) > 1 + TOLERANCE else 255), 0, 255)
        return Image.fromarray(np.rint(shades).astype(np.uint8)).convert("RGB")
    if picture.mode == "La":  # gray, multiplied by its alpha: Pillow goes from it to LA alone
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return picture.convert("RGB")


def as_image(name: str, value: Any) -> Array:
    """Return one picture as uint8 `(H, W, 3)`.

    Takes a picture of PIL in any mode (see `upright_rgb`), a file's `{"bytes": …}` as `datasets`
    keeps it undecoded, arrays and tensors of any device:
    `(H, W)`, `(H, W, C)` or `(C, H, W)` with C = 1 (gray), 3 (RGB) or 4 (RGB and alpha), and
    `(H, W, 2)` (gray and alpha). Where both orders fit, a tensor has its channels first and an
    array last. Numbers: uint8 and other whole numbers from 0 to 255, uint16 from 0 to 65,535, bool,
    floats from 0 to 1 or from 0 to 255.

    Raises:
        TypeError: not a picture.
        ValueError: a shape that no picture has, NaN, or numbers out of range (a normalised tensor:
            undo the mean and standard deviation first).
    """
    return as_pictures([name], [value])[0]


@overload
def as_images(
    name: str, value: Any, count: int | None = None, *, missing: Literal[False] = False
) -> list[Array]: ...


@overload
def as_images(
    name: str, value: Any, count: int | None = None, *, missing: bool
) -> list[Array | None]: ...


def as_images(
    name: str, value: Any, count: int | None = None, *, missing: bool = False
) -> list[Any]:
    """Return `count` pictures as uint8 `(H, W, 3)` each; they may differ in size.

    Takes any column (see `as_list`) of what `as_image` takes, or one array with an axis more. The
    range of floats is judged over all of them: a black picture among others is no brighter.

    Args:
        missing: whether an entry may be None, which then stays None.

    Raises:
        ValueError: another number of pictures came.
        TypeError, ValueError: as `as_image`, naming the picture's index.
    """
    entries = as_list(name, value, count, what="pictures")
    there = [index for index, entry in enumerate(entries) if not (missing and is_missing(entry))]
    found: list[Array | None] = [None] * len(entries)
    pictures = as_pictures([f"{name}[{index}]" for index in there], [entries[i] for i in there])
    for index, picture in zip(there, pictures, strict=True):
        found[index] = picture
    return found


def is_one_picture(value: Any) -> bool:
    """Whether this is one picture, where one or many may come: of PIL, a file, two or three axes."""
    if isinstance(value, Image.Image | Mapping):
        return True
    shape = getattr(value, "shape", None)
    return shape is not None and len(shape) in (2, 3)


def as_pictures(names: Sequence[str], values: Sequence[Any]) -> list[Array]:
    """Return pictures as `as_image` does; floats are of one range in all of them."""
    arrays = [_pixels(name, value) for name, value in zip(names, values, strict=True)]
    largest = max(
        (float(array.max(initial=0)) for array in arrays if array.dtype.kind == "f"), default=0.0
    )
    return [_to_rgb(name, array, largest) for name, array in zip(names, arrays, strict=True)]


def _pixels(name: str, value: Any) -> Array:
    """One picture as an array `(H, W, C)` of the numbers that came."""
    if isinstance(value, Image.Image):
        return np.asarray(upright_rgb(value))
    if isinstance(value, Mapping) and isinstance(value.get("bytes"), bytes):
        with Image.open(io.BytesIO(value["bytes"])) as opened:
            return np.asarray(upright_rgb(opened))
    channels_first = hasattr(value, "detach")
    array = np.asarray(as_numpy(name, value))
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be a PIL image or an array of pixels, got {type(value).__name__}"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
    last = array.ndim == 3 and array.shape[2] in (1, 2, 3, 4)
    if first and (channels_first or not last):
        array, last = np.moveaxis(array, 0, 2), True
    if not last or 0 in array.shape:
        raise ValueError(
            f"{name} must have shape (H, W, 3), (H, W) or (3, H, W), got"
            f" {type(value).__name__} of shape {np.shape(array)}"
        )
    return array


def _to_rgb(name: str, array: Array, largest: float) -> Array:
    """Pixels `(H, W, C)` as uint8 RGB; `largest` is the largest float of all pictures."""
    kind = array.dtype.kind
    if kind == "f":
        array = _from_floats(name, array, largest)
    elif kind == "b":
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        if 0 < array.max() <= 255:
            raise ValueError(
                f"{name} is uint16, from 0 to 65,535, but holds nothing above {array.max()}: make it"
                " uint8 if it counts to 255"
            )
        array = np.rint(array / 257)
    elif array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"{name} holds integers, which must lie between 0 and 255,"
            f" got {array.min()} to {array.max()}"
        )
    array = array.astype(np.uint8)
    if array.shape[2] in (1, 2):
        array = np.concatenate([array[:, :, :1]] * 3 + [array[:, :, 1:]], axis=2)
    if array.shape[2] == 4:
        return np.asarray(upright_rgb(Image.fromarray(np.ascontiguousarray(array), "RGBA")))
    return np.ascontiguousarray(array)


def _from_floats(name: str, array: Array, largest: float) -> Array:
    top = 255.0 if largest > NORMALISED else 1.0
    if top == 255 and array.max() <= 1 and (array != np.rint(array)).any():
        raise ValueError(
            f"{name} holds floats from 0 to 1, and another of the pictures goes to {largest:.3g}:"
            " all must count from 0 to 1, or all to 255"
        )
    low, high = -TOLERANCE * top, (1 + TOLERANCE) * top
    if not np.isfinite(array).all() or array.min() < low or array.max() > high:
        raise ValueError(
            f"{name} holds floats, which must lie between 0 and 1 or 0 and 255, got"
            f" {array.min():.3g} to {array.max():.3g} in shape {array.shape}"
            " (a normalised tensor: undo the mean and the standard deviation first)"
        )
    return np.rint(np.clip(array.astype(np.float64), 0, top) * (255 / top))
