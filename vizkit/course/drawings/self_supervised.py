"""Drawings of notebook 14: the masked autoencoder, and a student that follows its teacher."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, VERMILLION

_HIDDEN = {0, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14}  # of 4 x 4 patches: three quarters
_COLORS = (BLUE, ORANGE, GREEN, VERMILLION)


def masked_autoencoder() -> Svg:
    """A picture of 4 x 4 patches, of which 4 go through the encoder and 16 come out of the decoder."""
    parts = [_grid(20, 60, _HIDDEN), _text(80, 40, "picture, 3/4 hidden")]
    for row, patch in enumerate(sorted(set(range(16)) - _HIDDEN)):
        parts.append(_patch(205, 54 + 38 * row, patch))
    parts += [_text(220, 40, "4 visible patches"), _arrow(150, 125, 195, 125)]
    parts += [_box(270, 75, 130, 100, BLUE, "encoder", "large"), _arrow(240, 125, 268, 125)]
    parts += [_arrow(400, 125, 440, 125)]
    for patch in range(16):
        x, y = 445 + patch % 4 * 22, 82 + patch // 4 * 22
        parts.append(_patch(x, y, patch, size=18, hidden=patch in _HIDDEN))
    parts += [_text(487, 40, "+ 12 mask tokens"), _text(487, 60, "and all places")]
    parts += [_arrow(537, 125, 565, 125), _box(567, 88, 96, 74, GREEN, "decoder", "small")]
    parts += [_arrow(663, 125, 700, 125), _grid(705, 60, set())]
    parts += [_text(765, 40, "rebuilt picture"), _text(765, 205, "loss: the hidden patches alone")]
    return Svg(
        _svg(900, 220, parts),
        "A masked autoencoder: 12 of 16 patches are hidden, the 4 visible ones alone go through "
        "a large encoder, mask tokens take the hidden places, a small decoder rebuilds the "
        "picture, and the loss is taken on the hidden patches.",
    )


def two_views() -> Svg:
    """One picture, two views, a student that learns and a teacher that follows as an average."""
    parts = [_grid(20, 100, set()), _text(80, 85, "picture")]
    parts += [_arrow(142, 140, 195, 75), _arrow(142, 180, 195, 245)]
    parts += [_box(197, 40, 110, 70, ORANGE, "view 1", "cut, turned")]
    parts += [_box(197, 210, 110, 70, ORANGE, "view 2", "cut, turned")]
    parts += [_arrow(307, 75, 360, 75), _arrow(307, 245, 360, 245)]
    parts += [_box(362, 40, 130, 70, BLUE, "student", "learns")]
    parts += [_box(362, 210, 130, 70, GREEN, "teacher", "no gradient")]
    parts += [_arrow(427, 110, 427, 208), _text(520, 165, "running average")]
    parts += [_arrow(492, 75, 560, 75), _arrow(492, 245, 560, 245)]
    parts += [_box(562, 40, 120, 70, BLUE, "softmax", "temperature 0.1")]
    parts += [_box(562, 195, 120, 100, GREEN, "centre,", "then softmax", "at 0.04")]
    parts += [_arrow(682, 75, 735, 140), _arrow(682, 245, 735, 180)]
    parts += [_box(737, 125, 130, 70, VERMILLION, "loss", "cross-entropy")]
    return Svg(
        _svg(890, 310, parts),
        "Two views of one picture: the student sees one, the teacher the other. The teacher is a "
        "running average of the student and gets no gradient; its outputs are centred and "
        "sharpened, and the student learns to give the same answer.",
    )


def _svg(width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="system-ui, sans-serif" text-anchor="middle" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _patch(x: float, y: float, patch: int, *, size: int = 30, hidden: bool = False) -> str:
    """A patch in a colour of its own; a hidden one is empty."""
    inside = patch in (5, 6, 9, 10)  # an object in the middle
    fill = _COLORS[3] if inside else _COLORS[patch % 3]
    look = 'fill="none" stroke-dasharray="3 2"' if hidden else f'fill="{fill}" fill-opacity="0.6"'
    return f'<rect x="{x}" y="{y}" width="{size}" height="{size}" {look} stroke="currentColor"/>'


def _grid(left: float, top: float, hidden: set[int]) -> str:
    """16 patches."""
    return "".join(
        _patch(left + patch % 4 * 30, top + patch // 4 * 30, patch, hidden=patch in hidden)
        for patch in range(16)
    )


def _box(x: float, y: float, width: float, height: float, color: str, *lines: str) -> str:
    """A coloured box with a name and a remark."""
    start = y + height / 2 + 6 - 10 * (len(lines) - 1)
    words = [
        _text(x + width / 2, start + 20 * n, line, 16 if n == 0 else 13)
        for n, line in enumerate(lines)
    ]
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{color}" '
        f'fill-opacity="0.3" stroke="{color}" stroke-width="2"/>{"".join(words)}'
    )


def _text(x: float, y: float, text: str, size: int = 14) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}">{text}</text>'


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
