"""Static pictures: what a widget shows where no browser code runs (GitHub, nbviewer, PDF)."""

from __future__ import annotations

import base64
import io
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vizkit.widgets import assets

SHARP = 2  # pixels of a picture for one that it takes where it is shown
INK, MUTED, LINE, PAPER = "#1b1f24", "#59626d", "#d0d7de", "#ffffff"


def color_names() -> list[str]:
    """Names of the colour maps."""
    return list(assets.constant("colorStops"))


def category_color(index: int) -> str:
    """Colour of a class as '#rrggbb'; the palette repeats after its end."""
    colors = assets.constant("categoryColors")
    return colors[index % len(colors)]


def category_count() -> int:
    """How many classes have a colour of their own."""
    return len(assets.constant("categoryColors"))


# Corners of the marks on a circle of radius 1, as (right, down); a disc has none.
_CORNERS: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
    "hourglass": [(-0.9, -1), (0.9, -1), (-0.9, 1), (0.9, 1)],
    "triangle-up": [(0, -1.3), (1.13, 0.65), (-1.13, 0.65)],
    "triangle-down": [(0, 1.3), (1.13, -0.65), (-1.13, -0.65)],
    "triangle-left": [(-1.3, 0), (0.65, 1.13), (0.65, -1.13)],
    "triangle-right": [(1.3, 0), (-0.65, 1.13), (-0.65, -1.13)],
}


def draw_mark(
    pen: ImageDraw.ImageDraw, mark: str, x: float, y: float, radius: float, fill: str
) -> None:
    """Draw a mark of Plotly's name around a place."""
    if mark in ("cross", "x"):
        arms = [(1, 0), (0, 1)] if mark == "cross" else [(0.75, 0.75), (0.75, -0.75)]
        for right, down in arms:
            ends = [x - right * radius, y - down * radius, x + right * radius, y + down * radius]
            pen.line(ends, fill, max(1, round(0.7 * radius)))
    elif mark in ("star", "pentagon"):
        turns = np.arange(10 if mark == "star" else 5) * (np.pi / (5 if mark == "star" else 2.5))
        star = np.where(np.arange(len(turns)) % 2, 0.5, 1.15)
        length = radius * (star if mark == "star" else np.ones(5))
        places = np.stack([x + length * np.sin(turns), y - length * np.cos(turns)], 1)
        pen.polygon([(float(a), float(b)) for a, b in places], fill)
    elif mark in _CORNERS:
        pen.polygon([(x + radius * a, y + radius * b) for a, b in _CORNERS[mark]], fill)
    else:
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill)


@cache
def color_table(name: str) -> np.ndarray:
    """The colour map as uint8 `(256, 3)`, equal to `colorTable` in js/shared/color.ts."""
    stops = assets.constant("colorStops")[name]
    rgb = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], float)
    at = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(at, np.arange(len(stops)), rgb[:, channel]) for channel in range(3)]
    return np.floor(np.stack(columns, 1) + 0.5).astype(np.uint8)


def colorize(values: np.ndarray, name: str, low: float, high: float) -> np.ndarray:
    """Return `values` (any shape) as uint8 colours (shape + (3,)), from `low` to `high`."""
    scaled = (np.asarray(values, float) - low) / ((high - low) or 1.0)
    return color_table(name)[np.clip(scaled * 255 + 0.5, 0, 255).astype(int)]


def blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white canvas and its pen."""
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)


def wrapped(text: str, pen: ImageDraw.ImageDraw, face: Any, width: float) -> list[str]:
    """`text` in lines that are no wider than `width`, cut between words; a longer word is shortened."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and pen.textlength(longer, face) <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(word, pen, face, width))
    return lines


def shorten(
    text: str,
    pen: ImageDraw.ImageDraw,
    face: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: float,
) -> str:
    """Cut `text` in its middle to at most `width` pixels: names often differ at their ends.

    As `shorten` in js/shared/name.ts, which counts letters.
    """
    text = " ".join(text.split())
    if pen.textlength(text, face) <= width:
        return text

    def cut(letters: int) -> str:
        end = letters // 3
        return f"{text[: letters - end]}…{text[len(text) - end :]}"

    kept = bisect_left(
        range(len(text)), True, key=lambda letters: pen.textlength(cut(letters), face) > width
    )
    return cut(max(0, kept - 1))


def round_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten; as `roundTicks` in js/shared/numbers.ts."""
    rough = (high - low) / about
    if rough <= 0:
        return [low]
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next((factor for factor in (1, 2, 5) if factor * power >= rough), 10)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [float(round(step * k, 12)) for k in range(first, last + 1)]


def enlarge(pixels: np.ndarray, width: int, height: int, *, smooth: bool = False) -> Image.Image:
    """Return uint8 pixels `(H, W, 3)` as a picture of the given size in pixels."""
    mode = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), mode)


COLOR_COUNT = 128  # of a PNG
SAMPLE = 3  # every which pixel, across and down, chooses the colours


def to_png(image: Image.Image, colors: int = COLOR_COUNT) -> bytes:
    """Return PNG bytes, small and soon made: few colours, which plots and maps hardly show.

    The colours are all there are, or chosen from a sample of the pixels. Rows that repeat the row above say so, which
    Pillow's own writer does for no picture with a palette; enlarged maps consist of such rows.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    holder = _palette(image, colors)
    pixels = np.asarray(image.quantize(palette=holder, dither=Image.Dither.NONE))  # (H, W)
    palette = (holder.getpalette() or [])[: 3 * (int(pixels.max()) + 1)]
    depth = 4 if len(palette) <= 3 * 16 else 8
    if depth == 4:  # two pixels a byte, which are deflated in half the time
        even = np.pad(pixels, ((0, 0), (0, image.width % 2)))
        pixels = even[:, ::2] << 4 | even[:, 1::2]
    lines = np.zeros((pixels.shape[0], pixels.shape[1] + 1), np.uint8)
    lines[:, 1:] = pixels
    same = np.flatnonzero((pixels[1:] == pixels[:-1]).all(1)) + 1
    lines[same] = 0
    lines[same, 0] = 2  # the filter "up": what is added to the row above
    return _png_file(image.size, depth, palette, lines)


def _palette(image: Image.Image, colors: int) -> Image.Image:
    """A picture in palette mode whose palette holds the colours for `image`: all, if there are few."""
    found = image.getcolors(colors)
    if found:
        palette = [
            part
            for _, color in found
            for part in (color if isinstance(color, tuple) else (int(color),))
        ]
    else:
        shape = (-(-image.width // SAMPLE), -(-image.height // SAMPLE))
        sample = image.resize(shape, Image.Resampling.NEAREST)
        sample = sample.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        table = np.array(sample.getpalette(), np.uint8).reshape(-1, 3)
        table[(table > 246).all(1)] = 255  # the mean of paper and the palest rims is paper
        palette = table.ravel().tolist()
    holder = Image.new("P", (1, 1))
    holder.putpalette(palette)
    return holder


def _png_file(size: tuple[int, int], depth: int, palette: list[int], lines: np.ndarray) -> bytes:
    """A PNG of indices of 4 or 8 bits from its filtered lines `(H, 1 + bytes)` (ISO/IEC 15948)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return len(data).to_bytes(4, "big") + kind + data + check.to_bytes(4, "big")

    width, height = (side.to_bytes(4, "big") for side in size)
    parts = (
        (b"IHDR", width + height + bytes((depth, 3, 0, 0, 0))),
        (b"PLTE", bytes(palette)),
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def as_output(image: Image.Image, words: str) -> tuple[str, dict[str, Any]]:
    """Return a picture as a notebook's output holds it, base64, and its metadata: the size that it is shown at, and words for it."""
    size = {"width": round(image.width / SHARP), "height": round(image.height / SHARP)}
    return base64.b64encode(to_png(image)).decode(), {**size, "alt": words}


def fit_square(pixels: np.ndarray, size: int) -> Image.Image:
    """Return a picture scaled to fit a white square of `size` pixels, its proportions kept."""
    image = Image.fromarray(pixels)
    scale = size / max(image.size)
    shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    mode = Image.Resampling.NEAREST if scale >= 2 else Image.Resampling.LANCZOS
    square = Image.new("RGB", (size, size), PAPER)
    square.paste(image.resize(shape, mode), ((size - shape[0]) // 2, (size - shape[1]) // 2))
    return square


def atlas(
    images: Sequence[np.ndarray], tile: int = 48, *, columns: int | None = None
) -> dict[str, Any]:
    """Lay thumbnails into one picture, as `openAtlas` in js/shared/atlas.ts reads it.

    Returns:
        `{tile, columns, count, png}`; `png` is a data URL (JPEG inside for many pictures, which is
        several times smaller).
    """
    columns = columns or max(1, min(len(images), 4096 // tile))
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * tile, rows * tile), PAPER)
    for index, image in enumerate(images):
        sheet.paste(fit_square(image, tile), (index % columns * tile, index // columns * tile))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=82, optimize=True)
    url = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
    return {"tile": tile, "columns": columns, "count": len(images), "png": url}
