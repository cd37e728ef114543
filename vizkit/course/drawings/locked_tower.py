"""Locked-image tuning: the image tower stays as it is, the text tower learns (notebook 15)."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREY, VERMILLION

_SPACE = (560, 150)  # the middle of the space in which both meet


def locked_tower() -> Svg:
    """A drawing goes through a locked tower, names in two languages through one that learns."""
    x, y = _SPACE
    parts = [
        _box(170, 20, "image encoder", "locked", GREY),
        _padlock(338, 34),
        _box(170, 208, "text tower", "learns", VERMILLION),
        _apple(84, 58),
        _text(84, 226, "red apple"),
        _text(84, 262, "빨간 사과"),
        _arrow(128, 58, 164, 58),
        _arrow(134, 222, 164, 236),
        _arrow(134, 258, 164, 250),
        f'<circle cx="{x}" cy="{y}" r="96" fill="currentColor" fill-opacity=".06" '
        'stroke="currentColor" stroke-dasharray="5 5"/>',
        _arrow(324, 64, x - 40, y - 34),
        _arrow(324, 240, x - 42, y + 40),
        f'<rect x="{x - 34}" y="{y - 40}" width="18" height="18" fill="{BLUE}"/>',
        f'<circle cx="{x - 28}" cy="{y + 34}" r="10" fill="{VERMILLION}"/>',
        _arrow(x - 28, y + 20, x - 26, y - 16, dashed=True),
        _text(x + 26, y + 6, "pulled", size=15),
        _text(x, y + 124, "one space", size=17),
        _text(350, 322, "no weight of the image encoder moves"),
    ]
    return Svg(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 340" width="700" height="340" '
        'font-family="system-ui, sans-serif">' + "".join(parts) + "</svg>",
        alt="A drawing of an apple goes through an image encoder with a padlock into a space; its "
        "names, red apple and the same in Korean, go through a text tower that learns; the vector "
        "of the name is pulled to the vector of the picture, which does not move",
    )


def _box(x: float, y: float, name: str, state: str, color: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="150" height="76" rx="10" fill="{color}" fill-opacity=".18" '
        f'stroke="{color}" stroke-width="2.5"/>'
        + _text(x + 75, y + 34, name)
        + _text(x + 75, y + 58, state, size=15)
    )


def _padlock(x: float, y: float) -> str:
    return (
        f'<path d="M {x - 7} {y} v -8 a 7 7 0 0 1 14 0 v 8" fill="none" stroke="currentColor" '
        f'stroke-width="3"/><rect x="{x - 11}" y="{y}" width="22" height="17" rx="3" '
        'fill="currentColor"/>'
    )


def _apple(x: float, y: float) -> str:
    return (
        f'<path d="M {x} {y - 14} c -34 -16 -44 34 -10 48 q 10 -4 20 0 c 34 -14 24 -64 -10 -48 z" '
        f'fill="{VERMILLION}" stroke="currentColor" stroke-width="2"/>'
        f'<path d="M {x} {y - 14} q 2 -12 10 -16" fill="none" stroke="currentColor" '
        'stroke-width="3"/>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float, dashed: bool = False) -> str:
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    back = (x2 - 9 * dx, y2 - 9 * dy)
    left, right = (
        f"{back[0] - side * 5 * dy:.1f},{back[1] + side * 5 * dx:.1f}" for side in (1, -1)
    )
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{back[0]:.1f}" y2="{back[1]:.1f}" stroke="currentColor" '
        f'stroke-width="1.8"{dashes}/><polygon points="{x2},{y2} {left} {right}" '
        'fill="currentColor"/>'
    )


def _text(x: float, y: float, text: str, size: int = 17) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="middle" fill="currentColor">'
        f"{text}</text>"
    )
