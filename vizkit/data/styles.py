"""The colours, backgrounds and eight drawing styles of the drawn world.

A style is a function that turns a `Patch` (the pixels around each object, with their distance to
the outline) into a stack of layers, each a coverage in 0..1 and one colour per object. Layers are
painted in order. Lengths are in *points*: one point is 1/64 of the picture's side, so that a
picture looks the same at every size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from vizkit.data.shapes import inner_radius, signed_distance

__all__ = ["BACKGROUNDS", "COLORS", "MARGIN", "STYLES", "Patch", "inks", "paint", "smooth_noise"]

ARRAY = np.ndarray

# The front end draws the same world: what both need to agree on stands in one file.
_WORLD = json.loads(Path(__file__).parents[1].joinpath("constants.json").read_text("utf-8"))[
    "drawnWorld"
]


def _colors(part: str) -> dict[str, tuple[int, int, int]]:
    return {name: tuple(color) for name, color in _WORLD[part].items()}


COLORS = _colors("colors")
BACKGROUNDS = _colors("backgrounds")
# What a colour is drawn as where it would be too faint: on light backgrounds (yellow on white)
# and on dark ones (brown on black). Chosen so that each still deserves its name.
_ON_LIGHT, _ON_DARK = _colors("onLight"), _colors("onDark")
# Room that a glow, a shadow or a wavering line takes around an object, in points.
MARGIN = {"shaded": 6.0, "neon": 6.0, "pixel": 2.0, "sketch": 2.0}


@lru_cache(maxsize=1)
def _inks() -> ARRAY:
    """The colours as drawn, `(colours, backgrounds, 3)` in 0..1."""
    drawn = [
        [
            (_ON_DARK if _is_dark(np.divide(ground, 255)) else _ON_LIGHT).get(name, color)
            for ground in BACKGROUNDS.values()
        ]
        for name, color in COLORS.items()
    ]
    return np.array(drawn, np.float32) / 255


def _is_dark(ground: ARRAY) -> ARRAY:
    return ground.mean(axis=-1) < 0.35


@lru_cache(maxsize=8)
def smooth_noise(image_size: int) -> ARRAY:
    """Periodic smooth noise, mean 0, standard deviation 1, with 256 points to a side.

    Returns:
        `(S, S)` float32, `S = 4 * image_size`: the same texture, finer or coarser.
    """
    spectrum = np.fft.rfft2(np.random.default_rng(0).standard_normal((256, 256)))
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    spectrum *= np.exp(-((frequency / 0.21) ** 2))
    # Zero-padding (or cropping) the spectrum resamples a periodic texture exactly.
    side, keep = 4 * image_size, min(256, 4 * image_size) // 2
    resized = np.zeros((side, side // 2 + 1), complex)
    resized[:keep, :keep] = spectrum[:keep, :keep]
    resized[-keep + 1 :, :keep] = spectrum[-keep + 1 :, :keep]
    noise = np.fft.irfft2(resized, s=(side, side))
    return (noise / noise.std()).astype(np.float32)


@dataclass
class Patch:
    """The square windows around `M` objects of one style. Arrays `(M, W, W)` unless noted."""

    x: ARRAY  # points right of the object's centre
    y: ARRAY  # points below the object's centre
    shape: ARRAY  # (M,)
    radius: ARRAY  # (M, 1, 1) points
    rotation: ARRAY  # (M, 1, 1) radians
    ink: ARRAY  # (M, 3) the object's colour
    ground: ARRAY  # (M, 3) the background's colour
    texture: ARRAY  # (M, 2) x and y in points where the noise of each window begins
    scale: float  # pixels to a point

    def distance(self, x: ARRAY, y: ARRAY) -> ARRAY:
        """Points to the outline at `(x, y)`; negative inside."""
        cos, sin = np.cos(self.rotation) / self.radius, np.sin(self.rotation) / self.radius
        return signed_distance(self.shape, cos * x + sin * y, cos * y - sin * x) * self.radius

    def cover(self, distance: ARRAY) -> ARRAY:
        """Share of each pixel on the negative side of a distance: anti-aliased edges."""
        return np.clip(0.5 - distance * self.scale, 0, 1)

    def noise(self) -> ARRAY:
        """Smooth noise, mean 0, standard deviation 1."""
        side = self.x.shape[-1]
        texture = smooth_noise(round(64 * self.scale))
        corners = np.round(self.texture * self.scale).astype(int)
        return np.stack([texture[top : top + side, left : left + side] for left, top in corners])

    def dark(self) -> ARRAY:
        """(M, 1) float32: 1 for objects on a dark background, else 0."""
        return _is_dark(self.ground)[:, None].astype(np.float32)

    def towards(self, target: float | ARRAY, amount: float | ARRAY) -> ARRAY:
        """(M, 3) the ink mixed with black (0), white (1) or another colour."""
        return self.ink + (target - self.ink) * amount


Layers = list[tuple[ARRAY, ARRAY]]  # coverage (M, W, W) and colour (M, 3), bottom first


def _stroke(patch: Patch) -> ARRAY:
    """(M, 1, 1) line width in points: thicker for larger objects, as one would draw."""
    return 0.8 + 0.11 * patch.radius


def _flat(patch: Patch) -> Layers:
    return [(patch.cover(patch.distance(patch.x, patch.y)), patch.ink)]


def _outline(patch: Patch) -> Layers:
    half = _stroke(patch) * 0.55
    line = patch.cover(np.abs(patch.distance(patch.x, patch.y) + half) - half)
    return [(line, patch.towards(0.0, 0.06 * (1 - patch.dark())))]


def _hatched(patch: Patch) -> Layers:
    distance = patch.distance(patch.x, patch.y)
    fill = patch.cover(distance)
    period = 2.6 + 0.09 * patch.radius
    across = (patch.x + patch.y) * 0.5**0.5 / period
    stripe = patch.cover((np.abs(across - np.round(across)) - 0.27) * period)
    edge = patch.cover(-distance - 0.7 * _stroke(patch))
    return [(fill, patch.towards(1.0, 0.78)), (fill * np.maximum(stripe, edge), patch.ink)]


def _dotted(patch: Patch) -> Layers:
    distance = patch.distance(patch.x, patch.y)
    period = 3.4 + 0.13 * patch.radius
    along, across = (patch.x + patch.y) / period, (patch.x - patch.y) / period
    along, across = along - np.round(along), across - np.round(across)
    dot = patch.cover((np.sqrt(along * along + across * across) * 0.5**0.5 - 0.21) * period)
    inside = patch.cover(distance + 0.7 * _stroke(patch))
    return [(patch.cover(distance), patch.ink), (dot * inside, patch.towards(1.0, 0.88))]


def _shaded(patch: Patch) -> Layers:
    distance = patch.distance(patch.x, patch.y)
    fill = patch.cover(distance)
    offset = 0.8 + 0.09 * patch.radius
    fallen = patch.distance(patch.x - offset, patch.y - 1.3 * offset)
    shadow = np.clip(0.5 - fallen / (3.2 + 0.1 * patch.radius), 0, 1) ** 1.5
    # A round bevel as wide as the shape allows; its slope follows the distance's gradient.
    bevel = inner_radius(patch.shape)[:, None, None] * patch.radius * 0.95
    depth = np.clip(1 + distance / bevel, 0, 1)
    slope_y, slope_x = np.gradient(distance * patch.scale, axis=(1, 2))
    light = -depth * (0.50 * slope_x + 0.62 * slope_y)
    light = light + 0.6 * np.sqrt(np.maximum(1 - depth * depth, 0))
    shade = np.clip(0.62 - light, 0, 1) * 0.62
    gloss = np.clip((light - 0.72) * 3.2, 0, 1) ** 2 * 0.75
    return [
        (shadow * 0.42, np.zeros_like(patch.ink)),
        (fill, patch.towards(1.0, 0.06)),
        (fill * shade, patch.towards(0.0, 0.82)),
        (fill * gloss, np.ones_like(patch.ink)),
    ]


def _pixel(patch: Patch) -> Layers:
    # Blocks are whole pixels, and one block is centred on the object, so that sprites are crisp.
    block = np.maximum(np.round(patch.radius * patch.scale / 7), 1) / patch.scale
    x, y = np.round(patch.x / block) * block, np.round(patch.y / block) * block
    inside = patch.distance(x, y) < 0.15 * block  # fine tips stay joined
    lit = inside & (patch.distance(x - block, y - block) >= 0)
    dim = inside & ~lit & (patch.distance(x + block, y + block) >= 0)
    as_cover = patch.x.dtype.type
    return [
        (inside.astype(as_cover), patch.ink),
        (lit * as_cover(1), patch.towards(1.0, 0.25)),
        (dim * as_cover(1), patch.towards(0.0, 0.3)),
    ]


def _neon(patch: Patch) -> Layers:
    # On a dark background the tube shines; on a light one it is a coloured tube with a sheen.
    dark = patch.dark()
    dark_windows = dark[:, :, None]
    half = 0.5 * _stroke(patch) + 0.25 * (1 - dark_windows)
    distance = np.abs(patch.distance(patch.x, patch.y) + half)
    reach = 1.6 + 0.06 * patch.radius
    glow = np.exp(-np.maximum(distance - half, 0) / reach) * (0.5 + 0.12 * dark_windows)
    core = patch.cover(distance - 0.4 * half) * (0.6 + 0.3 * dark_windows)
    return [
        (glow, patch.ink),
        (patch.cover(distance - half), patch.towards(1.0, 0.18 * dark)),
        (core, patch.towards(1.0, 0.6 + 0.25 * dark)),
    ]


def _sketch(patch: Patch) -> Layers:
    # Pencil on light paper, chalk on dark: a wash, slanted strokes, a wavering contour.
    distance, noise, dark = patch.distance(patch.x, patch.y), patch.noise(), patch.dark()
    wavering = distance + 0.3 * noise
    period = 2.3 + 0.04 * patch.radius
    across = (0.45 * patch.x + 0.9 * patch.y + 0.4 * noise) / period
    stroke = 0.5 + 0.5 * np.cos(2 * np.pi * across) + 0.3 * noise
    fill = patch.cover(wavering)
    line = patch.cover(np.abs(wavering + 0.5) - 0.55)
    return [
        (fill * 0.42, patch.ink),
        (fill * np.clip(stroke * 1.3 - 0.25, 0, 1) * 0.9, patch.ink),
        (line * np.clip(0.8 + 0.25 * noise, 0, 1), patch.towards(dark, 0.2)),
    ]


_PAINTERS: dict[str, Callable[[Patch], Layers]] = {
    "flat": _flat,
    "outline": _outline,
    "hatched": _hatched,
    "dotted": _dotted,
    "shaded": _shaded,
    "pixel": _pixel,
    "neon": _neon,
    "sketch": _sketch,
}
STYLES = tuple(_PAINTERS)


def inks(color: ARRAY, background: ARRAY) -> ARRAY:
    """The colours drawn for objects of a colour on a background: `(N, 3)` in 0..1."""
    return _inks()[color, background]


def paint(canvas: ARRAY, style: int, patch: Patch) -> ARRAY:
    """Paints objects of one style over `canvas` `(M, 3, W, W)`, colours in 0..1."""
    for coverage, colour in _PAINTERS[STYLES[style]](patch):
        canvas += coverage[:, None] * (colour[:, :, None, None] - canvas)
    return canvas
