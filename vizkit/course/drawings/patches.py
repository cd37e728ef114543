"""A numbered 4 x 4 grid on its way through reshape and permute (02)."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, PURPLE

_COLORS = (BLUE, ORANGE, GREEN, PURPLE)
_CELL = 34


def _cell(x: float, y: float, number: int) -> str:
    """One pixel with its number, in the colour and with the edge of its patch."""
    row, column = divmod(number, 4)
    color = _COLORS[row // 2 * 2 + column // 2]
    return (
        f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{color}" fill-opacity="0.25" '
        f'stroke="{color}" stroke-width="2"/>'
        f'<text x="{x + _CELL / 2}" y="{y + 23}" text-anchor="middle">{number}</text>'
    )


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>'


def numbered_grid() -> Svg:
    """Sixteen numbered pixels: as a picture, in memory, and after the permute, patch by patch."""
    parts = [_text(20, 26, "the picture, (4, 4)")]
    for number in range(16):
        row, column = divmod(number, 4)
        parts.append(_cell(20 + column * _CELL, 40 + row * _CELL, number))
    parts.append(_text(190, 62, "in memory: row by row"))
    parts.append(_text(190, 132, "reshape (2, 2, 2, 2): the same order, four axes:"))
    parts.append(_text(190, 154, "row of patches, row, column of patches, column"))
    for number in range(16):
        parts.append(_cell(190 + number * _CELL, 72, number))
    parts.append(_text(20, 222, "permute (0, 2, 1, 3): the two axes of the grid come first"))
    order = [
        8 * p + 4 * r + 2 * q + c for p in (0, 1) for q in (0, 1) for r in (0, 1) for c in (0, 1)
    ]
    for place, number in enumerate(order):
        parts.append(_cell(20 + place * _CELL + place // 4 * 16, 236, number))
    for patch in range(4):
        x = 20 + patch * (4 * _CELL + 16) + 2 * _CELL
        parts.append(_text(x, 294, f"token {patch}", "middle"))
    style = 'font-family="system-ui, sans-serif" font-size="16" fill="currentColor"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 750 306" width="750" {style}>'
    return Svg(
        svg + "".join(parts) + "</svg>",
        "Sixteen numbered pixels in a 4 x 4 grid; in memory they lie row by row, 0 to 15; after the "
        "permute the first token holds 0, 1, 4, 5, the second 2, 3, 6, 7, and so on.",
    )
