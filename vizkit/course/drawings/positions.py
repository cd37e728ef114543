"""The waves of the sine-cosine table, and how RoPE's pairs add up to a score (04)."""

import math

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, VERMILLION

_STYLE = 'font-family="system-ui, sans-serif" font-size="15" fill="currentColor"'
_COLORS = (BLUE, VERMILLION, GREEN, ORANGE)
_DASHES = ("none", "8 4", "2 4", "10 4 2 4")


def _open(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" {_STYLE}>'
    )


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>'


def _shade(value: float) -> str:
    """Blue for -1, white for 0, orange for +1."""
    target = (213, 94, 0) if value > 0 else (0, 114, 178)
    part = min(abs(value), 1.0)
    return "#" + "".join(f"{round(255 + part * (color - 255)):02x}" for color in target)


def _curve(points: list[tuple[float, float]], index: int, width: float = 2.5) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{_COLORS[index % 4]}" '
        f'stroke-width="{width}" stroke-dasharray="{_DASHES[index % 4]}"/>'
    )


def sincos_waves(places: int = 16, frequencies: int = 4) -> Svg:
    """One axis of the sine-cosine table as a heat map, and its sines as waves over the places.

    Raises ValueError unless both are whole numbers from 2 to 32 and 1 to 8.
    """
    for name, value, least, most in (("places", places, 2, 32), ("frequencies", frequencies, 1, 8)):
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}: {value!r}")
    omega = [10_000.0 ** -(k / frequencies) for k in range(frequencies)]
    side, top = 22, 60
    parts = [_text(20, 24, "the table (place, channel)")]
    for place in range(places):
        parts.append(_text(40, top + place * side + 16, str(place), "end"))
        for channel in range(2 * frequencies):
            angle = place * omega[channel % frequencies]
            entry = math.sin(angle) if channel < frequencies else math.cos(angle)
            parts.append(
                f'<rect x="{48 + channel * side}" y="{top + place * side}" width="{side}" '
                f'height="{side}" fill="{_shade(entry)}"/>'
            )
    parts.append(
        f'<rect x="48" y="{top}" width="{2 * frequencies * side}" height="{places * side}" '
        'fill="none" stroke="currentColor"/>'
    )
    for name, start in (("sin", 0), ("cos", frequencies)):
        parts.append(_text(48 + (start + frequencies / 2) * side, 52, name, "middle"))
    left = 48 + 2 * frequencies * side + 60
    parts.append(_text(left, 24, "its sine columns, drawn as waves over the places"))
    height = places * side / frequencies
    for k, one in enumerate(omega):
        middle = top + (k + 0.5) * height
        steps = [place / 8 for place in range(8 * (places - 1) + 1)]
        scale = 330 / (places - 1)
        wave = [(left + p * scale, middle - 0.4 * height * math.sin(p * one)) for p in steps]
        parts.append(_curve(wave, k))
        parts.append(_text(left + 342, middle + 5, f"ω = {one:g}"))
    width, total = left + 460, top + places * side + 34
    parts.append(_text(left + 165, total - 8, "place 0 to " + str(places - 1), "middle"))
    parts.append(_text(48, total - 8, "orange +1, white 0, blue −1"))
    return Svg(
        _open(width, total) + "".join(parts) + "</svg>",
        "A heat map of the sine-cosine table beside its sine columns as waves: the first wave goes "
        "up and down every six places, each further one is ten times as slow.",
    )


def rope_sum() -> Svg:
    """The cosines of RoPE's pairs over the offset, their sum, and the sum over both axes.

    Eight channels an axis at temperature 100, for a query and a key that are all ones.
    """
    speed = [100.0 ** -(t / 4) for t in range(4)]
    reach, left, scale = 8, 30, 19
    parts = [_text(20, 24, "four pairs: cos(θ · offset)")]
    offsets = [n / 8 for n in range(-8 * reach, 8 * reach + 1)]
    middle = left + reach * scale
    for index, one in enumerate(speed):
        points = [(middle + n * scale, 110 - 50 * math.cos(one * n)) for n in offsets]
        parts.append(_curve(points, index))
        parts.append(_text(left + 2 * reach * scale + 8, 60 + 26 * index, f"θ = {one:.2g}"))
        parts.append(
            f'<line x1="{left + 2 * reach * scale + 94}" x2="{left + 2 * reach * scale + 130}" '
            f'y1="{55 + 26 * index}" y2="{55 + 26 * index}" stroke="{_COLORS[index]}" '
            f'stroke-width="2.5" stroke-dasharray="{_DASHES[index]}"/>'
        )
    parts.append(_text(20, 196, "their sum: the score between two places of a row"))
    total = [(middle + n * scale, 290 - 20 * sum(math.cos(s * n) for s in speed)) for n in offsets]
    parts.append(_curve(total, 0, 3.5))
    parts.append(_text(middle, 352, "offset −8 … 8 (patches)", "middle"))
    parts.append(_text(510, 24, "rows and columns together"))
    side = 18
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            value = sum(math.cos(s * row) + math.cos(s * column) for s in speed) / 8
            parts.append(
                f'<rect x="{510 + (column + reach) * side}" y="{40 + (row + reach) * side}" '
                f'width="{side}" height="{side}" fill="{_shade(value)}"/>'
            )
    parts.append(_text(663, 368, "column offset (across), row offset (down)", "middle"))
    return Svg(
        _open(840, 380) + "".join(parts) + "</svg>",
        "Four cosines of different frequencies over the offset; their sum is highest at offset 0; "
        "the sum over both axes is strongest in the middle of the map.",
    )
