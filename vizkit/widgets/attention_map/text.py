"""Behind `AttentionMap.from_text`: maps of sentences over a picture, and how well they find things."""

from __future__ import annotations

from typing import Any

import numpy as np

from vizkit.inputs import as_array, as_numpy
from vizkit.widgets.attention_map.inputs import Layer, ModelMaps
from vizkit.widgets.attention_map.numbers import QuantizedMaps
from vizkit.widgets.attention_map.scores import MapScore, mean_score, score_map
from vizkit.widgets.codec import Array


def text_sides(maps: Any, texts: list[str]) -> tuple[ModelMaps, ...]:
    """One side whose layers are the sentences and whose heads are the variants of each map.

    maps: (B, K, M, rows, columns) for B pictures, K sentences, M variants.
    """
    array = as_array("maps", maps, ndims=(5,))
    signed = bool(array.min() < 0)
    grid = array.shape[-2:]
    flat = array.reshape(*array.shape[:3], 1, -1)  # (B, K, M, 1, N)
    layers = [
        Layer(
            text,
            (1, 1),
            grid,
            tuple(QuantizedMaps.from_weights(picture[number], 0, signed) for picture in flat),
        )
        for number, text in enumerate(texts)
    ]
    return (ModelMaps("", tuple(layers), 0, signed, False),)


def as_masks(mask: Any, pictures: int, texts: int) -> Array | None:
    """Masks (B, K, H, W) of where each sentence's object is; one mask for one sentence will do.

    Raises:
        ValueError: masks of other numbers, or of values other than false and true.
    """
    if mask is None:
        return None
    array = np.asarray(as_numpy("mask", mask))
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = array[None] if pictures == 1 else array[:, None]
    if array.ndim != 4 or array.shape[:2] != (pictures, texts):
        raise ValueError(
            f"mask must hold one (height, width) for each of {pictures} picture(s) and {texts}"
            f" sentence(s), got shape {np.shape(mask)}"
        )
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise ValueError("mask must hold false and true, or 0 and 1")
    return array.astype(bool)


def text_scores(maps: Array, masks: Array | None) -> list[list[MapScore | None]]:
    """The score of each picture's map of each sentence, of its first variant; None without an object."""
    if masks is None:
        return [[None] * maps.shape[1] for _ in maps]
    return [
        [
            score_map(one[0], mask) if mask.any() else None
            for one, mask in zip(of_picture, own, strict=True)
        ]
        for of_picture, own in zip(maps, masks, strict=True)
    ]


def summary(scores: list[list[MapScore | None]]) -> str:
    """What the maps find, all sentences and pictures together; "" where nothing is known."""
    known = [one for row in scores for one in row if one is not None]
    if not known:
        return ""
    mean = mean_score(known)
    return (
        f"average precision ⟨{mean.average_precision:.2f}⟩ (a random map"
        f" ⟨{mean.random_precision:.2f}⟩), pointing ⟨{mean.pointing:.2f}⟩ (chance"
        f" ⟨{mean.area:.2f}⟩), overlap ⟨{mean.overlap:.2f}⟩ (a random map"
        f" ⟨{mean.random_overlap:.2f}⟩)"
    )


def note(cosine: float, score: MapScore | None, patches: float | None = None) -> str:
    """What is said of one map: its cosine, and how well it finds the object where that is known.

    patches: how much of the cosine the map adds up to, for a decomposition.
    """
    text = f"cosine {cosine:.2f}"
    if patches is not None:
        text += f", {patches:.2f} of it by looking at patches"
    if score is not None:
        text += (
            f"; average precision {score.average_precision:.2f} (a random map"
            f" {score.random_precision:.2f}), pointing {score.pointing:.0%} (chance {score.area:.0%})"
        )
    return text
