"""Draws a table of scenes: backgrounds first, then each object inside its own window."""

from __future__ import annotations

import numpy as np

from vizkit.data.scenes import SceneTable, check_count, check_table
from vizkit.data.styles import BACKGROUNDS, MARGIN, STYLES, Patch, inks, paint, smooth_noise

__all__ = ["compose", "object_masks", "render"]

# Scenes drawn at once: enough to spread numpy's cost per call, few enough to stay in the cache.
_CHUNK = 1024
_REACH = 1.06  # the farthest that any outline lies from its centre, in radii
_GRADIENT = 0.07  # how much darker the lower edge of the background is
_GRAIN = 0.007  # standard deviation of the paper's grain


def render(table: SceneTable, image_size: int = 64) -> np.ndarray:
    """Draws every scene of a table.

    The same scene looks the same at every size: strokes and textures scale with the picture.

    Args:
        table: scenes from `sample_scenes`.
        image_size: side of the square pictures in pixels, 16 to 1024.

    Returns:
        `(N, image_size, image_size, 3)` uint8 RGB.

    Raises:
        ValueError: image_size is not an integer from 16 to 1024.
    """
    check_table(table)
    check_image_size(image_size)
    images = np.empty((len(table), image_size, image_size, 3), np.uint8)
    chunk = min(max(1, _CHUNK * 64 * 64 // image_size**2), max(1, len(table)))
    # Channels first keeps numpy's inner loops long; one canvas for all saves fresh memory.
    canvases = np.empty((chunk, 3, image_size, image_size), np.float32)
    for start in range(0, len(table), chunk):
        part = table[start : start + chunk]
        canvas = canvases[: len(part)]
        _fill_backgrounds(canvas, part)
        for slot in (0, 1):
            _draw_objects(canvas, part, slot, image_size)
        _add_grain(canvas, part, image_size)
        _to_bytes(canvas, images[start : start + chunk])
    return images


def compose(layers: SceneTable, image_size: int = 64) -> np.ndarray:
    """Draws one picture from scenes that lie over each other, which has room for many objects and styles.

    Args:
        layers: scenes of one background, from back to front; shading and grain are the first one's.
        image_size: as for `render`.

    Returns:
        `(image_size, image_size, 3)` uint8 RGB.

    Raises:
        ValueError: no scene, different backgrounds, or image_size is not an integer from 16 to 1024.
    """
    check_table(layers)
    check_image_size(image_size)
    if len(set(layers.background.tolist())) != 1:
        raise ValueError("layers must be scenes of one background, at least one")
    canvas = np.empty((1, 3, image_size, image_size), np.float32)
    _fill_backgrounds(canvas, layers[:1])
    for index in range(len(layers)):
        for slot in (0, 1):
            _draw_objects(canvas, layers[index], slot, image_size)
    _add_grain(canvas, layers[:1], image_size)
    images = np.empty((1, image_size, image_size, 3), np.uint8)
    _to_bytes(canvas, images)
    return images[0]


def object_masks(table: SceneTable, image_size: int = 64) -> np.ndarray:
    """Where each object lies: the pixels whose centres are inside of its outline.

    Glow, shadow and pencil strokes beyond the outline do not count; of a ring, its hole does not.

    Args:
        table, image_size: as for `render`.

    Returns:
        `(N, 2, image_size, image_size)` bool; all False where there is no object.

    Raises:
        ValueError: image_size is not an integer from 16 to 1024.
    """
    check_table(table)
    check_image_size(image_size)
    masks = np.zeros((len(table), 2, image_size, image_size), bool)
    for slot in (0, 1):
        chosen = np.flatnonzero(table.shape[:, slot] >= 0)
        corner = np.zeros((len(chosen), 2), int)
        patch = _patch(table, chosen, slot, corner, image_size, image_size / 64)
        masks[chosen, slot] = patch.distance(patch.x, patch.y) < 0
    return masks


def _to_bytes(canvas: np.ndarray, images: np.ndarray) -> None:
    """Rounds `(N, 3, R, R)` in 0..1 to bytes `(N, R, R, 3)`, a few at a time to stay in cache."""
    block = max(1, 4 * 64 * 64 // canvas.shape[-1] ** 2)
    for start in range(0, len(canvas), block):
        part = canvas[start : start + block]
        part *= 255
        part += 0.5
        np.clip(part, 0, 255.5, out=part)
        rounded = part.astype(np.uint8)
        for channel in range(3):  # three plain copies beat one transposed copy by far
            images[start : start + block, :, :, channel] = rounded[:, channel]


def check_image_size(image_size: int) -> None:
    """Raises ValueError unless `image_size` is an integer from 16 to 1024."""
    check_count("image_size", image_size, 16, 1024)


def _ground_colors() -> np.ndarray:
    return np.array(list(BACKGROUNDS.values()), np.float32) / 255


def _fill_backgrounds(canvas: np.ndarray, table: SceneTable) -> None:
    """Fills `(N, 3, R, R)` with plain or gently darkening colours."""
    image_size = canvas.shape[-1]
    row = (np.arange(image_size, dtype=np.float32) + 0.5) / image_size
    fade = np.where(table.shading[:, None], 1 - np.float32(_GRADIENT) * row, np.float32(1))
    rows = _ground_colors()[table.background][:, :, None] * fade[:, None]  # (N, 3, R)
    canvas[:] = rows[..., None]


def _add_grain(canvas: np.ndarray, table: SceneTable, image_size: int) -> None:
    corners = (table.texture + 96) % 192 * image_size // 64
    noise = smooth_noise(image_size) * np.float32(_GRAIN)
    for scene in np.flatnonzero(table.grain):
        left, top = corners[scene]
        canvas[scene] += noise[top : top + image_size, left : left + image_size]


def _draw_objects(canvas: np.ndarray, table: SceneTable, slot: int, image_size: int) -> None:
    """Paints object `slot` of every scene that has one, in groups of one style and window."""
    scale = image_size / 64
    step = max(4, image_size // 8)
    present = np.flatnonzero(table.shape[:, slot] >= 0)
    margin = np.array([MARGIN.get(style, 0.5) for style in STYLES])[table.style[present]]
    reach = (table.radius[present, slot] * 64 * _REACH + margin) * scale
    window = np.minimum(np.ceil(2 * reach / step).astype(int) * step, image_size)
    group = table.style[present].astype(int) * (image_size + 1) + window
    for key in np.unique(group):
        chosen = present[group == key]
        style, side = divmod(int(key), image_size + 1)
        center = table.center[chosen, slot] * image_size
        corner = np.clip(np.round(center - side / 2).astype(int), 0, image_size - side)
        patch = _patch(table, chosen, slot, corner, side, scale)
        windows = [
            canvas[scene, :, top : top + side, left : left + side]
            for scene, (left, top) in zip(chosen, corner, strict=True)
        ]
        painted = paint(np.stack(windows), style, patch)
        for window, picture in zip(windows, painted, strict=True):
            window[:] = picture


def _patch(
    table: SceneTable, chosen: np.ndarray, slot: int, corner: np.ndarray, side: int, scale: float
) -> Patch:
    """The windows `side` pixels wide whose upper left pixels are `corner` `(M, 2)`, x and y."""
    pixels = (corner[:, :, None] + np.arange(side) + 0.5) / scale  # (M, 2, side) in points
    offset = (pixels - table.center[chosen, slot][:, :, None] * 64).astype(np.float32)
    shape = (len(chosen), side, side)
    return Patch(
        x=np.broadcast_to(offset[:, 0, None, :], shape),
        y=np.broadcast_to(offset[:, 1, :, None], shape),
        shape=table.shape[chosen, slot],
        radius=(table.radius[chosen, slot] * 64)[:, None, None],
        rotation=table.rotation[chosen, slot][:, None, None],
        ink=inks(table.color[chosen, slot], table.background[chosen]),
        ground=_ground_colors()[table.background[chosen]],
        texture=table.texture[chosen] + (corner / scale),
        scale=scale,
    )
