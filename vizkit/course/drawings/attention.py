"""Drawings of notebook 03: query, key and value, and the encoder block."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, PURPLE

_CELL = 22
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'font-family="system-ui, sans-serif" font-size="15" fill="currentColor" '
    'text-anchor="middle"><defs><marker id="{id}" viewBox="0 0 10 10" refX="9" refY="5" '
    'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" '
    'fill="currentColor"/></marker></defs>'
)


def query_key_value() -> Svg:
    """Four tokens become queries, keys and values, and then answers: attention in one picture."""
    parts = [_HEAD.format(width=760, height=370, id="qkv")]
    parts += _matrix(20, 135, 4, 3, "currentColor", "tokens", "4 × 3")
    tops = {"Q": 32, "K": 146, "V": 260}
    for (name, top), color, width in zip(
        tops.items(), (BLUE, ORANGE, GREEN), (2, 2, 1), strict=True
    ):
        rows = _CELL * 3  # drawn a little smaller than the tokens, so that three fit above another
        parts += _matrix(196, top, 4, width, color, name, f"4 × {width}", cell=rows / 4)
        parts.append(_arrow("qkv", f"M92 179 C140 179 140 {top + 33} 188 {top + 33}"))
    parts += [_word(118, 100, "W_q"), _word(142, 168, "W_k"), _word(118, 272, "W_v")]
    scores = [[1.0, 1.0, 0.05, 0.05]] * 2 + [[0.05, 0.05, 1.0, 1.0]] * 2
    parts += _matrix(350, 76, 4, 4, BLUE, "scores", "Q Kᵀ / √d", fills=scores)
    parts.append(_arrow("qkv", "M236 65 C290 65 290 110 342 110"))
    parts.append(_arrow("qkv", "M236 179 C290 179 290 130 342 130"))
    weights = [[0.45, 0.45, 0.05, 0.05]] * 2 + [[0.05, 0.05, 0.45, 0.45]] * 2
    parts += _matrix(
        520, 76, 4, 4, PURPLE, "weights", "each row sums to 1", fills=weights, numbers=True
    )
    parts.append(_arrow("qkv", "M442 120 L512 120") + _word(477, 108, "softmax"))
    parts += _matrix(690, 135, 4, 1, GREEN, "answers", "weights · V")
    parts.append(_arrow("qkv", "M612 120 C650 120 650 169 682 169"))
    parts.append(_arrow("qkv", "M220 293 C420 340 600 320 682 193"))
    return Svg(
        "".join([*parts, "</svg>"]),
        "Tokens times three matrices give queries, keys and values; queries and keys give scores, "
        "a softmax makes each row of weights sum to 1, and the weights average the values",
    )


def encoder_block() -> Svg:
    """One pre-norm block: the residual stream runs straight through, two parts add to it."""
    parts = [_HEAD.format(width=760, height=190, id="block")]
    stream = 140
    parts.append(_arrow("block", f"M20 {stream} L744 {stream}"))
    parts += [_word(58, stream + 26, "tokens"), _word(720, stream - 12, "tokens")]
    parts.append(
        _word(380, stream + 40, "residual stream: nothing on it is normalised or multiplied")
    )
    for left, name, hint, color in (
        (110, "attention", "between tokens", PURPLE),
        (420, "MLP", "each token by itself", GREEN),
    ):
        parts.append(_arrow("block", f"M{left} {stream} L{left} 60 L{left + 24} 60"))
        parts.append(_box(left + 26, "norm", "", BLUE, 62))
        parts.append(_arrow("block", f"M{left + 88} 60 L{left + 106} 60"))
        parts.append(_box(left + 108, name, hint, color, 130))
        parts.append(
            _arrow("block", f"M{left + 238} 60 L{left + 258} 60 L{left + 258} {stream - 14}")
        )
        parts.append(
            f'<circle cx="{left + 258}" cy="{stream}" r="13" fill="{ORANGE}" fill-opacity=".35" '
            'stroke="currentColor"/>' + _word(left + 258, stream + 6, "+")
        )
    return Svg(
        "".join([*parts, "</svg>"]),
        "A straight line carries the tokens through the block; first norm and attention, then norm "
        "and MLP branch off it, and the result of each is added back to the line",
    )


def _matrix(
    left: float,
    top: float,
    rows: int,
    columns: int,
    color: str,
    name: str,
    note: str,
    *,
    cell: float = _CELL,
    fills: list[list[float]] | None = None,
    numbers: bool = False,
) -> list[str]:
    """Cells of a matrix with its name above and a note below; `fills` are opacities, 0 to 1."""
    parts = []
    for row in range(rows):
        for column in range(columns):
            value = 0.35 if fills is None else fills[row][column]
            x, y = left + column * cell, top + row * cell
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="{color}" '
                f'fill-opacity="{value}" stroke="currentColor" stroke-width="1"/>'
            )
            if numbers:
                parts.append(_word(x + cell / 2, y + cell / 2 + 4, f"{value:.2f}"[1:], size=11))
    middle = left + columns * cell / 2
    parts.append(_word(middle, top - 8, name))
    parts.append(_word(middle, top + rows * cell + 17, note, size=12))
    return parts


def _word(x: float, y: float, text: str, size: int = 15) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}">{text}</text>'


def _arrow(marker: str, path: str) -> str:
    return (
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.6" '
        f'marker-end="url(#{marker})"/>'
    )


def _box(left: float, name: str, hint: str, color: str, width: float) -> str:
    middle = left + width / 2
    return (
        f'<rect x="{left}" y="30" width="{width}" height="60" rx="8" fill="{color}" '
        'fill-opacity=".25" stroke="currentColor" stroke-width="1.6"/>'
        + _word(middle, 58 if hint else 65, name)
        + (_word(middle, 78, hint, size=12) if hint else "")
    )
