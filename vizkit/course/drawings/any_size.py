"""Drawings of notebook 16: packed pictures and their mask, places of a mixed sequence, merging."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, VERMILLION

_GRIDS = ((2, 2), (1, 3), (3, 2))  # rows and columns of the three pictures
_COLORS = (BLUE, ORANGE, GREEN)


def packed_pictures() -> Svg:
    """Three pictures of different grids, one sequence of their patches, and the mask of squares."""
    parts, owner = [], []
    y = 40
    for index, (rows, columns) in enumerate(_GRIDS):
        for row in range(rows):
            for column in range(columns):
                parts.append(_cell(20 + 26 * column, y + 26 * row, 24, _COLORS[index]))
                owner.append(index)
        y += 26 * rows + 16
    parts += [_text(57, 25, "three pictures"), _arrow(112, 130, 146, 130)]
    for place, index in enumerate(owner):
        parts.append(_cell(152 + 22 * place, 118, 20, _COLORS[index]))
    middle = 152 + 11 * len(owner)
    parts += [_text(middle, 25, "one sequence"), _arrow(446, 130, 486, 130)]
    for row, one in enumerate(owner):
        for column, other in enumerate(owner):
            color = _COLORS[one] if one == other else ""
            parts.append(_cell(500 + 15 * column, 40 + 15 * row, 14, color))
    parts.append(_text(598, 25, "who may see whom"))
    return Svg(
        _svg(720, 250, parts),
        "Three pictures of 2 x 2, 1 x 3 and 3 x 2 patches, laid one after the other into one "
        "sequence of 13 tokens. The mask of 13 x 13 has three squares on its diagonal: each "
        "picture sees its own patches only.",
    )


def mixed_places() -> Svg:
    """Three words, a picture of 2 x 3 tokens and two words, with (time, row, column) of each."""
    places = [(n, n, n) for n in range(3)]
    places += [(3, 3 + row, 3 + column) for row in range(2) for column in range(3)]
    places += [(n, n, n) for n in (6, 7)]
    parts = [_text(58, y, name) for y, name in ((124, "time"), (154, "row"), (184, "column"))]
    for index, place in enumerate(places):
        x = 112 + 58 * index
        picture = 3 <= index < 9
        parts.append(_cell(x, 50, 50, GREEN if picture else BLUE))
        parts.append(_text(x + 25, 80, "patch" if picture else "word"))
        parts += [
            _text(x + 25, 124 + 30 * axis, str(value), 16) for axis, value in enumerate(place)
        ]
    parts.append(_text(112 + 58 * 6 - 4, 32, "a picture of 2 x 3 tokens"))
    return Svg(
        _svg(770, 202, parts),
        "Three words stand at times, rows and columns 0, 1 and 2. The six tokens of a picture share "
        "time 3, with rows 3 and 4 and columns 3, 4 and 5. The next words stand at 6 and 7 in all "
        "three: behind the picture's longer side.",
    )


def merged_pairs() -> Svg:
    """Nine tokens, dealt out to two sets; the two most similar pairs merge, seven tokens are left."""
    values = [0.1, 0.75, 0.3, 0.35, 0.8, 0.15, 0.55, 0.9, 0.4]
    partners = {2: 3, 4: 1}  # the two best pairs: a token of the first set, its partner
    parts = [_text(20, 60, "first set", 14, "start"), _text(20, 160, "second set", 14, "start")]
    for place, value in enumerate(values):
        x, y = 130 + 60 * place, 40 if place % 2 == 0 else 140
        parts.append(_cell(x, y, 34, VERMILLION, value))
        if place == 0:
            parts.append(_text(x + 17, 28, "CLS stays", 13))
    for source, into in partners.items():
        parts.append(_arrow(147 + 60 * source, 76, 147 + 60 * into, 137))
    left = [place for place in range(9) if place not in partners]
    parts.append(_text(20, 245, "after it", 14, "start"))
    for number, place in enumerate(left):
        size = 1 + sum(into == place for into in partners.values())
        merged = [values[place], *(values[s] for s, into in partners.items() if into == place)]
        x = 190 + 60 * number
        parts.append(_cell(x, 222, 34, VERMILLION, sum(merged) / len(merged)))
        parts.append(_text(x + 17, 276, f"x {size}", 14))
    return Svg(
        _svg(690, 290, parts),
        "Nine tokens, dealt out in turn to two sets. Arrows lead from two tokens of the first set to "
        "the tokens of the second that are most like them. Seven tokens are left; two of them stand "
        "for two, the others for one. The class token stays alone.",
    )


def _svg(width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="system-ui, sans-serif" text-anchor="middle" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _cell(x: float, y: float, side: float, color: str, opacity: float = 0.6) -> str:
    """A square in a colour; an empty one is drawn faintly."""
    look = f'fill="{color}" fill-opacity="{opacity:.3g}"' if color else 'fill="none"'
    line = f'stroke="{color or "currentColor"}" stroke-opacity="{1 if color else 0.35}"'
    return f'<rect x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" rx="2" {look} {line}/>'


def _text(x: float, y: float, text: str, size: int = 14, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}">{text}</text>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line with a head of its own, so that no marker id can clash between two drawings."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    along = ((x2 - x1) / length, (y2 - y1) / length)
    back = (x2 - 9 * along[0], y2 - 9 * along[1])
    sides = " ".join(
        f"{back[0] - s * 5 * along[1]:.1f},{back[1] + s * 5 * along[0]:.1f}" for s in (1, -1)
    )
    return (
        f'<path d="M{x1:g},{y1:g} L{back[0]:.1f},{back[1]:.1f}" stroke="currentColor" '
        f'stroke-width="1.6"/><polygon points="{x2:g},{y2:g} {sides}" fill="currentColor"/>'
    )
