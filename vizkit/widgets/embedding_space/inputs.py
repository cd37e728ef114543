"""What comes into an `EmbeddingSpace`: classes, modalities, captions, pictures and pairs, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vizkit.inputs import as_array, as_images, as_list, as_texts, is_missing
from vizkit.widgets import assets, picture

Array = np.ndarray
MODALITIES = ("image", "text")
MAX_IMAGES = 10_000
# A class has a colour and, where there are more classes than colours, a mark of its own as well.
MARKS = tuple(assets.constant("marks"))
TEXT_MARKS = tuple(assets.constant("textMarks"))


def as_whole(name: str, value: Any) -> int:
    """The whole number of at least 0 that `value` is."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, got {value!r}")
    return int(value)


def step_names(steps: Sequence[Any] | None, count: int) -> list[str]:
    """The names of `count` steps, by default their numbers."""
    if steps is None:
        return [str(index) for index in range(count)]
    if len(steps) != count:
        raise ValueError(f"steps must hold {count} names, one for each step, got {len(steps)}")
    return [str(name) for name in steps]


def as_modality(modality: Sequence[str] | None, count: int) -> Array | None:
    """Return 0 for image and 1 for text, uint8 `(N,)`."""
    if modality is None:
        return None
    names = as_texts("modality", modality, count)
    for index, name in enumerate(names):
        if name not in MODALITIES:
            raise ValueError(f"modality[{index}] must be 'image' or 'text', got {name!r}")
    return np.array([MODALITIES.index(name) for name in names], np.uint8)


def as_classes(labels: Any, class_names: Any, count: int) -> tuple[Array | None, list[str]]:
    """Return each point's class as a number and the classes' names."""
    if labels is None:
        if class_names is not None:
            raise ValueError("class_names need labels, got none")
        return None, []
    array = _label_array(labels, count)
    if array.ndim != 1:
        raise ValueError(f"labels must be a flat sequence, got shape {array.shape}")
    if array.dtype.kind not in "iubU" and not all(isinstance(one, str) for one in array):
        missing = sum(map(is_missing, array))
        found = f"{missing} missing" if missing else f"dtype {array.dtype}"
        raise TypeError(f"labels must be integers or strings, got {found}")
    return _coded(array, class_names)


def _label_array(labels: Any, count: int) -> Array:
    """The labels of a column as one array; whole numbers of numpy stay what they are."""
    whole = isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iub"
    if whole and len(labels) == count:
        return labels  # a million of them without a list
    labels = as_list("labels", labels, count, what="classes")
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise ValueError(f"labels must be a flat sequence: {error}") from None
    if array.dtype.kind == "U" and not all(isinstance(one, str) for one in labels):
        return np.array(labels, object)  # numpy has written numbers, or what is missing, as words
    return array


def as_colors(given: Any, classes: list[str]) -> list[str]:
    """Return a colour for each class, or one where there are none."""
    colors = [picture.category_color(index) for index in range(max(1, len(classes)))]
    if given is None:
        return colors
    if not isinstance(given, Mapping):
        raise TypeError(
            f"class_colors must map names of classes to colours, got {type(given).__name__}"
        )
    for name, color in given.items():
        if name not in classes:
            raise ValueError(
                f"class_colors names {name!r}, which is no class of the labels ({len(classes)} classes)"
            )
        if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise ValueError(f"class_colors must hold colours like '#1f77b4', got {color!r}")
        colors[classes.index(name)] = color
    return colors


def _coded(array: Array, class_names: Any) -> tuple[Array, list[str]]:
    if class_names is not None and array.dtype.kind not in "iub":
        raise ValueError("class_names go with integer labels, got strings")
    if class_names is not None:
        names = as_texts("class_names", class_names)
        if array.min() < 0 or array.max() >= len(names):
            raise ValueError(
                f"labels must lie in 0..{len(names) - 1}, one for each of the class_names, got"
                f" {array.min()} to {array.max()}"
            )
        codes = array.astype(np.int64)
    elif array.dtype.kind in "iu" and array.min() >= 0 and array.max() < 1 << 16:
        present = np.flatnonzero(np.bincount(array.astype(np.int64)))  # no sort of a million labels
        code_of = np.zeros(present[-1] + 1, np.uint16)
        code_of[present] = np.arange(len(present))
        codes, names = code_of[array], [str(value) for value in present]
    else:
        values, codes = np.unique(
            array.astype(str) if array.dtype.kind == "O" else array, return_inverse=True
        )
        names = [str(value).replace("\0", "␀") for value in values]
    if len(names) > 1 << 16:
        raise ValueError(f"labels must have at most 65,536 classes, got {len(names):,}")
    if len(set(names)) < len(names):
        raise ValueError("class_names must differ from each other")
    return codes.astype(np.uint8 if len(names) <= 256 else np.uint16), names


def spread(
    name: str, values: Any, modality: Array | None, code: int, count: int
) -> list[Any] | None:
    """Return one value for each point, where values came for all points or for one modality's."""
    if values is None:
        return None
    values = as_list(name, values, what="entries")
    places = np.arange(count)
    if len(values) != count and modality is not None:
        places = np.flatnonzero(modality == code)
    if len(values) != len(places):
        extra = (
            f" (or {len(places)}, the {MODALITIES[code]} points)" if modality is not None else ""
        )
        raise ValueError(
            f"{name} must hold {count} entries, one for each point{extra}, got {len(values)}"
        )
    values = [None if is_missing(value) else value for value in values]
    if name == "images" and sum(value is not None for value in values) > MAX_IMAGES:
        raise ValueError(f"images must be at most {MAX_IMAGES:,}; pass None for most of the points")
    if name == "images":
        values = as_images(name, values, missing=True)
    full: list[Any] = [None] * count
    for place, value in zip(places.tolist(), values, strict=True):
        full[place] = value
    return full if any(value is not None for value in full) else None


def as_captions(values: list[Any] | None, count: int) -> list[str] | None:
    """The caption of each point, "" where there is none."""
    return None if values is None else as_texts("captions", values, count, missing="")


def as_pairs(pairs: Any, count: int) -> Array | None:
    """Return checked pairs, int64 `(P, 2)`."""
    if pairs is None or (hasattr(pairs, "__len__") and len(pairs) == 0):
        return None
    if not hasattr(pairs, "__len__"):
        pairs = as_list("pairs", pairs)
        if not pairs:
            return None
    array = as_array("pairs", pairs, ndims=(2,))
    if array.shape[1] != 2:
        raise ValueError(f"pairs must have shape (P, 2), got {array.shape}")
    if (array != np.rint(array)).any() or array.min() < 0 or array.max() >= count:
        raise ValueError(
            f"pairs must hold indices of points in 0..{count - 1},"
            f" got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)
