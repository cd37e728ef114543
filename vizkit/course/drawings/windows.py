"""Drawings of notebook 05: how Swin's windows shift, and the offsets between their tokens."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, VERMILLION

CELL = 26  # pixels for a token
FONT = 'font-family="sans-serif" fill="currentColor" text-anchor="middle"'


def _rectangle(
    x: float, y: float, width: float, height: float, *, fill: str = "none", line: float = 1
) -> str:
    """A rectangle in tokens; `fill` is a colour, shown half transparent."""
    place = f'x="{x * CELL:g}" y="{y * CELL:g}" width="{width * CELL:g}" height="{height * CELL:g}"'
    return (
        f'<rect {place} fill="{fill}" fill-opacity="0.35" stroke="currentColor" '
        f'stroke-width="{line:g}"/>'
    )


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    """A thick line, ends in tokens."""
    ends = (x, y, to_x, to_y)
    x1, y1, x2, y2 = (f"{CELL * end:g}" for end in ends)
    return f'<path d="M{x1},{y1} L{x2},{y2}" stroke="currentColor" stroke-width="3"/>'


def _text(x: float, y: float, text: str, size: int = 15) -> str:
    """Words centred on a place that is given in tokens."""
    return f'<text x="{x * CELL:g}" y="{y * CELL + size / 3:g}" font-size="{size}" {FONT}>{text}</text>'


def _panel(parts: list[str], x: float, title: str, width: float) -> str:
    """Parts moved to the right by `x` tokens, below a title."""
    heading = _text(width / 2, -0.8, title)
    return f'<g transform="translate({x * CELL:g},{1.6 * CELL:g})">{heading}{"".join(parts)}</g>'


def _svg(width: float, height: float, panels: list[str]) -> str:
    size = f"{-0.5 * CELL:g} 0 {(width + 1) * CELL:g} {height * CELL:g}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" width="{(width + 1) * CELL:g}">{"".join(panels)}</svg>'


def _grid(side: int, tall: int | None = None) -> list[str]:
    """Thin lines around every token."""
    return [
        _rectangle(x, y, 1, 1, line=0.3)
        for y in range(side if tall is None else tall)
        for x in range(side)
    ]


def window_shift() -> Svg:
    """A grid of 8 x 8 tokens: windows of 4 x 4, the same shifted by 2, and after the roll.

    Letters name the nine pieces that the shifted windows cut the grid into; pieces of one colour
    share a window after the roll.
    """
    colours = (BLUE, ORANGE, GREEN, VERMILLION)
    bands = ((0, 2, 6), (2, 4, 0), (6, 2, 4))  # (start, length, start after the roll by -2)
    plain, shifted, rolled = _grid(8), _grid(8), _grid(8)
    for window, colour in enumerate(colours):
        plain.append(_rectangle(window % 2 * 4, window // 2 * 4, 4, 4, fill=colour, line=3))
    letters = iter("ABCDEFGHI")
    for row, (top, tall, new_top) in enumerate(bands):
        for column, (left, wide, new_left) in enumerate(bands):
            letter, colour = next(letters), colours[2 * (row != 1) + (column != 1)]
            for parts, y, x in (shifted, top, left), (rolled, new_top, new_left):
                parts.append(_rectangle(x, y, wide, tall, fill=colour, line=1))
                parts.append(_text(x + wide / 2, y + tall / 2, letter, 18))
    # A window that is cut by the edge of the grid is open on that side.
    shifted += [_line(0, place, 8, place) + _line(place, 0, place, 8) for place in (2, 6)]
    rolled += [_rectangle(x, y, 4, 4, line=3) for x in (0, 4) for y in (0, 4)]
    panels = [
        _panel(plain, 0, "windows", 8),
        _panel(shifted, 10, "shifted by 2", 8),
        _panel(rolled, 20, "rolled up and left by 2", 8),
    ]
    return Svg(
        _svg(28, 10.2, panels),
        alt="Three grids of 8 by 8 tokens. Left: four windows of 4 by 4. Middle: lines shifted by 2 "
        "cut the grid into nine pieces, A to I, with the large piece E in the middle. Right: the "
        "grid rolled up and left by 2; four whole windows again, of which one holds E alone, one D "
        "and F, one B and H, and the last the four corners A, C, G and I.",
    )


def window_offsets(side: int = 3) -> Svg:
    """The offsets from two query tokens to every key of a window, and the table that holds all."""
    last = 2 * side - 1
    queries = (("query 1", (0, 0), BLUE), ("query 2", (side - 1, 1), VERMILLION))
    panels, table = [], _grid(last)
    for number, (title, (down, right), colour) in enumerate(queries):
        # The numbers come last, so that no colour lies over them.
        parts = [*_grid(side), _rectangle(right, down, 1, 1, fill=colour, line=3)]
        parts += _offsets(side, down, right)
        panels.append(_panel(parts, number * (side + 2), title, side))
        corner = (side - 1 - right, side - 1 - down)
        table.append(_rectangle(*corner, side, side, fill=colour, line=2))
    table += _offsets(last, side - 1, side - 1)
    start = 2 * (side + 2)
    panels.append(_panel(table, start, "the table of one head", last))
    return Svg(
        _svg(start + last, last + 2.2, panels),
        alt=f"Two windows of {side} by {side} tokens, in each the offsets, rows and columns, from a "
        f"marked query to every key, and a table of {last} by {last} offsets. The offsets of each "
        f"query are a block of {side} by {side} in the table, and the two blocks overlap.",
    )


def _offsets(side: int, down: int, right: int) -> list[str]:
    """In every cell its offset, rows and columns, from the cell (down, right)."""
    return [
        _text(column + 0.5, row + 0.5, f"{_signed(row - down)},{_signed(column - right)}", 9)
        for row in range(side)
        for column in range(side)
    ]


def _signed(number: int) -> str:
    """A whole number with a true minus sign."""
    return str(number).replace("-", "−")
