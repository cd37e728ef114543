"""The ten shapes of the drawn world, as signed distance functions.

A signed distance function takes points `(x, y)` (any array shape; `y` points down, as in images)
in a frame where the shape fills about the unit circle, and returns the distance to the outline:
negative inside, positive outside. One number per pixel gives the fill, the outline, the glow, the
shadow and the bevel, at any picture size. The formulas for star, heart and box follow Inigo
Quilez, "2D distance functions" (iquilezles.org/articles/distfunctions2d).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

__all__ = ["SHAPES", "half_extents", "inner_radius", "signed_distance"]

ARRAY = np.ndarray


def _length(x: ARRAY, y: ARRAY) -> ARRAY:
    return np.sqrt(x * x + y * y)  # several times faster than np.hypot; nothing here overflows


def _box(x: ARRAY, y: ARRAY, half_width: float, half_height: float) -> ARRAY:
    dx, dy = np.abs(x) - half_width, np.abs(y) - half_height
    outside = _length(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0)


def _circle(x: ARRAY, y: ARRAY) -> ARRAY:
    return _length(x, y) - 0.9


def _square(x: ARRAY, y: ARRAY) -> ARRAY:
    return _box(x, y, 0.68, 0.68) - 0.1


def _triangle(x: ARRAY, y: ARRAY) -> ARRAY:
    # An equilateral triangle, its corners rounded by growing it by 0.08.
    half_side, root3 = 0.84, 3.0**0.5
    x = np.abs(x) - half_side
    y = half_side / root3 - (y - 0.2)
    beyond = x + root3 * y > 0
    x, y = np.where(beyond, (x - root3 * y) / 2, x), np.where(beyond, (-root3 * x - y) / 2, y)
    x = x - np.clip(x, -2 * half_side, 0)
    return -np.copysign(_length(x, y), y) - 0.08


def _fold_five(x: ARRAY, y: ARRAY) -> tuple[ARRAY, ARRAY]:
    """Mirrors every point into the upward one of five equal sectors, `y` up and `x >= 0`."""
    cos36, sin36 = 0.809016994375, 0.587785252292
    x, y = np.abs(x), -y
    fold = 2 * np.maximum(cos36 * x - sin36 * y, 0)
    x, y = x - fold * cos36, y + fold * sin36
    fold = 2 * np.maximum(-cos36 * x - sin36 * y, 0)
    return np.abs(x + fold * cos36), y + fold * sin36


def _star(x: ARRAY, y: ARRAY) -> ARRAY:
    radius, inner = 0.98, 0.47
    x, y = _fold_five(x, y - 0.06)
    y = y - radius
    edge_x, edge_y = inner * math.sin(math.pi / 5), inner * math.cos(math.pi / 5) - 1
    along = np.clip((x * edge_x + y * edge_y) / (edge_x**2 + edge_y**2), 0, radius)
    distance = _length(x - edge_x * along, y - edge_y * along)
    return np.copysign(distance, y * edge_x - x * edge_y) - 0.06


def _heart(x: ARRAY, y: ARRAY) -> ARRAY:
    scale = 0.62
    x, y = np.abs(x) * scale, 0.55 - y * scale
    lobe = _length(x - 0.25, y - 0.75) - 0.125**0.5
    middle = 0.5 * np.maximum(x + y, 0)
    squared = np.minimum(x * x + (y - 1) ** 2, (x - middle) ** 2 + (y - middle) ** 2)
    return np.where(x + y > 1, lobe, np.copysign(np.sqrt(squared), x - y)) / scale


def _cross(x: ARRAY, y: ARRAY) -> ARRAY:
    return np.minimum(_box(x, y, 0.86, 0.26), _box(x, y, 0.26, 0.86)) - 0.06


def _ring(x: ARRAY, y: ARRAY) -> ARRAY:
    return np.abs(_length(x, y) - 0.67) - 0.25


def _crescent(x: ARRAY, y: ARRAY) -> ARRAY:
    # A disc with a second disc bitten out along the slanted axis through both centres.
    outer, bite, apart, slant = 0.95, 0.76, 0.46, 0.3
    x = x - 0.12
    x, y = math.cos(slant) * x - math.sin(slant) * y, math.sin(slant) * x + math.cos(slant) * y
    y = np.abs(y)
    tip_x = (outer**2 - bite**2 + apart**2) / (2 * apart)
    tip_y = (outer**2 - tip_x**2) ** 0.5
    nearest_is_tip = x * tip_y - y * tip_x > apart * np.maximum(tip_y - y, 0)
    body = np.maximum(_length(x, y) - outer, bite - _length(x - apart, y))
    return np.where(nearest_is_tip, _length(x - tip_x, y - tip_y), body)


def _diamond(x: ARRAY, y: ARRAY) -> ARRAY:
    half_width, half_height = 0.66, 1.0
    x, y = np.abs(x), np.abs(y)
    squared = half_width**2 + half_height**2
    along = np.clip(((half_width - x) * half_width + y * half_height) / squared, 0, 1)
    distance = _length(x - half_width * (1 - along), y - half_height * along)
    return np.copysign(distance, x * half_height + y * half_width - half_width * half_height)


def _flower(x: ARRAY, y: ARRAY) -> ARRAY:
    # Five round petals around a disc, with a round eye cut out of the middle.
    radius = _length(x, y)
    x, y = _fold_five(x, y)
    petal = _length(x, y - 0.56) - 0.39
    return np.maximum(np.minimum(petal, radius - 0.5), 0.2 - radius)


_DISTANCE: dict[str, Callable[[ARRAY, ARRAY], ARRAY]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
    "diamond": _diamond,
    "flower": _flower,
}
SHAPES = tuple(_DISTANCE)
_FUNCTIONS = tuple(_DISTANCE.values())
_NUM_ANGLES = 720


def signed_distance(shape: ARRAY, x: ARRAY, y: ARRAY) -> ARRAY:
    """Signed distance of every point to its object's outline.

    Args:
        shape: `(N,)` integers, indices into `SHAPES`.
        x, y: `(N, ...)` points in each object's own frame (unit radius, `y` down).

    Returns:
        `(N, ...)` array of the points' type: negative inside, in units of the radius.
    """
    distance = np.empty_like(x)
    for index in np.unique(shape):
        chosen = np.flatnonzero(shape == index)
        distance[chosen] = _FUNCTIONS[index](x[chosen], y[chosen])
    return distance


@lru_cache(maxsize=1)
def _outline_tables() -> tuple[ARRAY, ARRAY]:
    """How far each shape reaches in each direction `(10, 721)`, and its largest inner circle."""
    axis = np.linspace(-1.3, 1.3, 261)
    x, y = np.meshgrid(axis, axis)
    angles = np.linspace(0, 2 * np.pi, _NUM_ANGLES + 1)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    reach, inner = [], []
    for function in _FUNCTIONS:
        distance = function(x, y)
        near = np.abs(distance) < 0.02
        slope_y, slope_x = np.gradient(distance, axis[1] - axis[0])
        on_outline = np.stack([(p - distance * s)[near] for p, s in ((x, slope_x), (y, slope_y))])
        reach.append((on_outline.T @ directions).max(axis=0))
        inner.append(-distance.min())
    return np.array(reach), np.array(inner, np.float32)


def half_extents(shape: ARRAY, rotation: ARRAY) -> ARRAY:
    """How far a rotated shape reaches from its centre: left, top, right, bottom.

    Args:
        shape: integers of any array shape, indices into `SHAPES`.
        rotation: radians, clockwise on the screen, same array shape.

    Returns:
        `(..., 4)` non-negative lengths in units of the radius.
    """
    reach, _ = _outline_tables()
    extents = []
    for side in (np.pi, -np.pi / 2, 0.0, np.pi / 2):
        turns = np.mod(side - np.asarray(rotation, np.float64), 2 * np.pi) / (2 * np.pi)
        extents.append(reach[shape, np.round(turns * _NUM_ANGLES).astype(int)])
    return np.stack(extents, axis=-1)


def inner_radius(shape: ARRAY) -> ARRAY:
    """Radius of the largest circle inside each shape, in units of the shape's radius."""
    return _outline_tables()[1][shape]
