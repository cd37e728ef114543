"""How a vision-language model is put together: encoder, connector, decoder (12)."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, ORANGE, PURPLE

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 690 416" width="690" '
    'font-family="system-ui, sans-serif" font-size="16" fill="currentColor" text-anchor="middle">'
)
QUESTION = ("where", "is", "the", "star")
ANSWER = ("top", "left")
PREDICTED = (*ANSWER, "end")
_TOKEN, _WORD = 34, 72  # widths of a visual token and of a word
_ROW, _DECODER, _OUT = 236, 308, 400  # heights: the sequence, the decoder, what it predicts


def vision_language_model() -> Svg:
    """A picture becomes visual tokens in front of the words; the decoder predicts the answer."""
    parts = [_HEAD, *_picture(20, 56)]
    parts += [_box(146, 66, 130, 70, "encoder", "frozen", BLUE), _arrow(116, 101, 142, 101)]
    parts += [
        _arrow(278, 101, 306, 101),
        *_tokens(312, 58, 62, BLUE),
        _text(343, 40, "patch tokens"),
    ]
    parts += [_arrow(380, 101, 420, 101)]
    parts += [_box(426, 66, 130, 70, "connector", "learns", ORANGE), _arrow(558, 101, 586, 101)]
    parts += [*_tokens(592, 58, 42, ORANGE), _text(613, 40, "visual tokens")]
    parts += [
        '<path d="M613 150 L613 176 L100 176 L100 222" fill="none" stroke="currentColor" '
        'stroke-width="1.6"/>' + _head(100, 230),
        _text(356, 198, "in front of the words, as wide as the words"),
    ]
    return Svg(
        "".join([*parts, *_sequence(), "</svg>"]),
        "A picture goes through a frozen encoder to patch tokens, a connector makes visual tokens of "
        "them, and these stand in front of the words of the question and the answer; a causal decoder "
        "predicts the words of the answer and the end sign",
    )


def _sequence() -> list[str]:
    """Visual tokens, question and answer in one row, the decoder below, and what it predicts."""
    parts, x = [], 20
    for _ in range(4):
        parts.append(_cell(x, _TOKEN, "", ORANGE))
        x += _TOKEN + 6
    parts.append(_text(x + 8, _ROW + 24, "…"))
    x += 26
    predicts = len(QUESTION) - 1  # the last word of the question is the first to predict
    for index, word in enumerate(QUESTION + ANSWER):
        parts.append(_cell(x, _WORD, word, PURPLE if index < len(QUESTION) else GREEN))
        if index >= predicts:
            middle = x + _WORD / 2
            parts.append(_arrow(middle, _DECODER + 54, middle, _OUT - 20))
            parts.append(_text(middle, _OUT, PREDICTED[index - predicts]))
        x += _WORD + 6
    right = x - 6
    parts += [_arrow(x, _ROW + 40, x, _DECODER - 4) for x in (94, right - 3 * (_WORD + 6))]
    parts.append(_box(20, _DECODER, right - 20, 54, "decoder: nobody looks ahead", "", GREEN))
    parts.append(_text(268, _OUT, "predicted, and learned from: the answer"))
    return parts


def _picture(x: float, y: float) -> list[str]:
    """A picture of a star, cut into 4 x 4 patches."""
    side = 90
    lines = "".join(
        f"M{x + k * side / 4} {y} v{side} M{x} {y + k * side / 4} h{side} " for k in range(5)
    )
    star = "45,14 52,34 73,34 56,47 62,67 45,55 28,67 34,47 17,34 38,34"
    points = " ".join(
        f"{x + float(a)},{y + float(b)}" for a, b in (one.split(",") for one in star.split())
    )
    return [
        f'<polygon points="{points}" fill="{ORANGE}"/>',
        f'<path d="{lines}" stroke="currentColor" stroke-width="1" fill="none"/>',
        _text(x + side / 2, y - 16, "picture"),
    ]


def _tokens(x: float, y: float, width: float, color: str) -> list[str]:
    """Six tokens below each other, as bars."""
    return [
        f'<rect x="{x}" y="{y + 15 * k}" width="{width}" height="11" fill="{color}" '
        f'fill-opacity="0.45" stroke="{color}"/>'
        for k in range(6)
    ]


def _cell(x: float, width: float, word: str, color: str) -> str:
    rectangle = (
        f'<rect x="{x}" y="{_ROW}" width="{width}" height="36" rx="4" fill="{color}" '
        f'fill-opacity="0.3" stroke="{color}"/>'
    )
    return rectangle + (_text(x + width / 2, _ROW + 24, word) if word else "")


def _box(x: float, y: float, width: float, height: float, name: str, hint: str, color: str) -> str:
    rectangle = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="{color}" '
        f'fill-opacity="0.18" stroke="{color}" stroke-width="2.5"/>'
    )
    middle, line = x + width / 2, y + height / 2 + (0 if hint else 6)
    return rectangle + _text(middle, line, name) + (_text(middle, line + 22, hint) if hint else "")


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A level arrow to the right, or one straight down."""
    right = y1 == y2
    end = (x2 - 8, y2) if right else (x2, y2 - 8)
    line = (
        f'<line x1="{x1}" y1="{y1}" x2="{end[0]}" y2="{end[1]}" stroke="currentColor" '
        'stroke-width="1.6"/>'
    )
    tip = f"{x2},{y2} {x2 - 9},{y2 - 5} {x2 - 9},{y2 + 5}"
    return line + (f'<polygon points="{tip}"/>' if right else _head(x2, y2))


def _head(x: float, y: float) -> str:
    """The head of an arrow that points down."""
    return f'<polygon points="{x},{y} {x - 5},{y - 9} {x + 5},{y - 9}"/>'


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x}" y="{y}">{words}</text>'
