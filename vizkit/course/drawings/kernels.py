"""A kernel that slides and patches that lie side by side (01)."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, PURPLE

_CELL = 20
_SIDE = 8  # pixels of the picture along each side


def kernel_and_patches() -> Svg:
    """Left: a 3x3 kernel at two neighbouring places. Right: the same picture in four patches."""
    parts = [
        _text(20, 24, "a 3x3 kernel slides, stride 1"),
        _grid(20, 40, _SIDE),
        _box(20 + 2 * _CELL, 40 + 2 * _CELL, 3, BLUE),
        _box(20 + 3 * _CELL, 40 + 2 * _CELL, 3, ORANGE),
        _arrow(196, 120, 224),
        _grid(240, 40, _SIDE),
        _place(240 + 3 * _CELL, 40 + 3 * _CELL, BLUE),
        _place(240 + 4 * _CELL, 40 + 3 * _CELL, ORANGE),
        _text(20, 226, "the windows of neighbours overlap:"),
        _text(20, 247, "64 outputs, a pixel is read up to nine times"),
        _text(450, 24, "patches of 4x4, stride 4"),
        _grid(450, 40, _SIDE),
        _arrow(626, 120, 654),
        _text(450, 226, "the windows lie side by side:"),
        _text(450, 247, "4 outputs (tokens), a pixel is read once"),
    ]
    for number, color in enumerate((BLUE, ORANGE, GREEN, PURPLE)):
        row, column = divmod(number, 2)
        parts.append(_box(450 + 4 * column * _CELL, 40 + 4 * row * _CELL, 4, color))
        parts.append(_place(680 + 40 * column, 84 + 40 * row, color, side=32))
    style = 'font-family="system-ui, sans-serif" font-size="16" fill="currentColor"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 260" width="800" {style}>'
    return Svg(
        svg + "".join(parts) + "</svg>",
        "Left: a picture of 8 by 8 pixels with two overlapping windows of 3 by 3, one pixel apart, "
        "which become two neighbouring outputs of 8 by 8. Right: the same picture cut into four "
        "patches of 4 by 4 that do not overlap, which become four tokens.",
    )


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x}" y="{y}">{words}</text>'


def _grid(x: float, y: float, count: int) -> str:
    """A square of count x count cells in thin lines."""
    size = count * _CELL
    lines = "".join(
        f"M{x + k * _CELL} {y}v{size}M{x} {y + k * _CELL}h{size}" for k in range(count + 1)
    )
    return f'<path d="{lines}" stroke="currentColor" stroke-opacity="0.5" fill="none"/>'


def _box(x: float, y: float, count: int, color: str) -> str:
    """A window over count x count cells."""
    size = count * _CELL
    return (
        f'<rect x="{x}" y="{y}" width="{size}" height="{size}" fill="{color}" fill-opacity="0.25" '
        f'stroke="{color}" stroke-width="3"/>'
    )


def _place(x: float, y: float, color: str, side: int = _CELL) -> str:
    """One output."""
    return (
        f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{color}" fill-opacity="0.7"/>'
    )


def _arrow(left: float, y: float, right: float) -> str:
    return (
        f'<path d="M{left} {y}H{right}m-7 -6l7 6l-7 6" stroke="currentColor" stroke-width="2" '
        'fill="none"/>'
    )
