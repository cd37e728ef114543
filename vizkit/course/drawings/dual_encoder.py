"""The dual encoder of CLIP: two towers, unit vectors, one matrix of cosines (notebook 06)."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, ORANGE, VERMILLION

PAIRS = 4
CELL = 54  # side of one cell of the matrix
LEFT, TOP = 430, 180  # where the matrix begins


def dual_encoder() -> Svg:
    """Pictures go down from the left, captions from above; picture i meets caption j in cell (i, j)."""
    parts = [
        _tower(20, TOP + 58, "image encoder", "pictures", BLUE),
        _tower(LEFT + PAIRS * CELL / 2 - 202, 14, "text encoder", "captions", VERMILLION),
        *(_row(index) for index in range(PAIRS)),
        *(_column(index) for index in range(PAIRS)),
        *(_cell(i, j) for i in range(PAIRS) for j in range(PAIRS)),
        _text(LEFT + PAIRS * CELL / 2, TOP + PAIRS * CELL + 30, "cosines, N × N"),
        _text(LEFT + PAIRS * CELL / 2, TOP + PAIRS * CELL + 54, "orange: own pairs", size=15),
        _text(LEFT - 52, TOP - 22, "unit vectors", size=15),
    ]
    return Svg(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 460" width="680" height="460" '
        'font-family="system-ui, sans-serif">' + "".join(parts) + "</svg>",
        alt="Pictures go through the image encoder and become unit vectors, the rows of a matrix; "
        "captions go through the text encoder and become its columns; each cell is the cosine of a "
        "picture and a caption, and the own pairs are the diagonal",
    )


def _tower(x: float, y: float, name: str, given: str, color: str) -> str:
    """What goes in, an arrow, and the encoder as a box."""
    return (
        _text(x + 46, y + 42, given)
        + _arrow(x + 92, y + 36, x + 126, y + 36)
        + f'<rect x="{x + 132}" y="{y}" width="140" height="72" rx="10" fill="{color}" '
        f'fill-opacity=".18" stroke="{color}" stroke-width="2.5"/>' + _text(x + 202, y + 42, name)
    )


def _row(index: int) -> str:
    """An arrow from the image encoder to the vector of picture `index`."""
    y = TOP + (index + 0.5) * CELL
    return _arrow(296, TOP + 94, LEFT - 84, y) + _vector(LEFT - 78, y - 9, 56, 18, BLUE, index)


def _column(index: int) -> str:
    """An arrow from the text encoder to the vector of caption `index`."""
    x = LEFT + (index + 0.5) * CELL
    return _arrow(LEFT + PAIRS * CELL / 2, 90, x, TOP - 70) + _vector(
        x - 9, TOP - 66, 18, 56, VERMILLION, index
    )


def _vector(x: float, y: float, width: float, height: float, color: str, index: int) -> str:
    """A vector as four boxes of different shades."""
    across, boxes = width > height, []
    for k in range(4):
        shade = 0.2 + 0.22 * ((k * 3 + index) % 4)
        left, top = (x + k * width / 4, y) if across else (x, y + k * height / 4)
        size = (width / 4, height) if across else (width, height / 4)
        boxes.append(
            f'<rect x="{left}" y="{top}" width="{size[0]}" height="{size[1]}" fill="{color}" '
            f'fill-opacity="{shade:.2f}" stroke="currentColor"/>'
        )
    return "".join(boxes)


def _cell(i: int, j: int) -> str:
    own = i == j
    fill = f'fill="{ORANGE}" fill-opacity=".75"' if own else 'fill="currentColor" fill-opacity=".1"'
    return (
        f'<rect x="{LEFT + j * CELL}" y="{TOP + i * CELL}" width="{CELL}" height="{CELL}" {fill} '
        'stroke="currentColor"/>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line with a head of its own, so that no marker id can clash between two drawings."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    along, across = (
        ((x2 - x1) / length, (y2 - y1) / length),
        ((y1 - y2) / length, (x2 - x1) / length),
    )
    back = (x2 - 9 * along[0], y2 - 9 * along[1])
    left, right = (
        f"{back[0] + side * 5 * across[0]:.1f},{back[1] + side * 5 * across[1]:.1f}"
        for side in (1, -1)
    )
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{back[0]:.1f}" y2="{back[1]:.1f}" stroke="currentColor" '
        f'stroke-width="1.6"/><polygon points="{x2},{y2} {left} {right}" fill="currentColor"/>'
    )


def _text(x: float, y: float, text: str, size: int = 17) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="middle" fill="currentColor">'
        f"{text}</text>"
    )
