"""What an encoder does, and where the three instruments of the course look (00)."""

from vizkit.course.drawings.svg import Svg
from vizkit.course.show import BLUE, GREEN, VERMILLION


def encoder_and_instruments() -> Svg:
    """A picture becomes patches, layers of attention and a vector; a sentence becomes a vector."""
    parts = [
        _box(20, 60, 110, "picture"),
        _arrow(130, 85, 158),
        _box(160, 60, 130, "patches"),
        _arrow(290, 85, 318),
        _box(320, 60, 170, "layers of attention"),
        _arrow(490, 85, 518),
        _box(520, 60, 110, "vector"),
        _box(20, 170, 110, "sentence"),
        _arrow(130, 195, 158),
        _box(160, 170, 130, "words"),
        _arrow(290, 195, 318),
        _box(320, 170, 170, "layers of attention"),
        _arrow(490, 195, 518),
        _box(520, 170, 110, "vector"),
        _line("M405 52V34"),
        _words(405, 24, "AttentionMap: who looks at whom", BLUE),
        _line("M575 112V168"),
        _words(660, 145, "SimilarityMatrix:", VERMILLION, "start"),
        _words(660, 165, "the cosine of the two", VERMILLION, "start"),
        _line("M582 140H652"),
        _line("M575 222V244"),
        _words(575, 262, "EmbeddingSpace: all vectors in one plane", GREEN),
    ]
    style = 'font-family="system-ui, sans-serif" font-size="16" fill="currentColor"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 276" width="840" {style}>'
    return Svg(
        svg + "".join(parts) + "</svg>",
        "Two rows: a picture becomes patches, passes through layers of attention and becomes a "
        "vector; a sentence becomes words, passes through layers of attention and becomes a vector. "
        "The attention map looks into the layers, the similarity matrix at the cosine of the two "
        "vectors, the embedding space at all vectors.",
    )


def _box(x: float, y: float, width: float, words: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="50" rx="6" fill="none" '
        'stroke="currentColor" stroke-width="2"/>'
        f'<text x="{x + width / 2}" y="{y + 31}" text-anchor="middle">{words}</text>'
    )


def _arrow(left: float, y: float, right: float) -> str:
    return _line(f"M{left} {y}H{right}m-7 -6l7 6l-7 6")


def _line(path: str) -> str:
    return f'<path d="{path}" stroke="currentColor" stroke-width="2" fill="none"/>'


def _words(x: float, y: float, words: str, color: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{color}">{words}</text>'
