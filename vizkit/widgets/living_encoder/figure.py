"""LivingEncoder without its front end: a picture without a browser, and a Plotly figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.widgets import picture
from vizkit.widgets.codec import Array

if TYPE_CHECKING:
    from vizkit.widgets.living_encoder.answer import Answer
    from vizkit.widgets.living_encoder.widget import LivingEncoder

# Twice as sharp as it is shown.
SIDE, GAP, TEXT, ROW, WIDTH = 416, 28, 26, 60, 560
HEAD = 40
SHOWN = 6  # captions
BAR, TRACK = "#0072b2", "#e4e8ec"


def draw(widget: LivingEncoder) -> Image.Image:
    """Scene, where the last block looks, and what the captions get."""
    answer = widget.answer()
    sheet, pen = picture.blank(2 * SIDE + WIDTH + 2 * GAP, SIDE + HEAD)
    face = font(TEXT)
    sheet.paste(Image.fromarray(widget.drawn(SIDE)), (0, HEAD))
    pen.text((0, 2), "the picture", picture.MUTED, face)
    left = SIDE + GAP
    if answer.attention is not None:
        pen.text((left, 2), _where(widget), picture.MUTED, face)
        sheet.paste(_over(widget.drawn(SIDE), answer.attention), (left, HEAD))
        left += SIDE + GAP
    _bars(pen, answer, left, face)
    return _titled(widget.title, sheet.crop((0, 0, left + WIDTH, sheet.height)))


def _titled(title: str, drawn: Image.Image) -> Image.Image:
    """The title above what is drawn."""
    _, pen = picture.blank(1, 1)
    lines = picture.wrapped(title, pen, font(TEXT), drawn.width)
    sheet, pen = picture.blank(drawn.width, drawn.height + HEAD * len(lines))
    for number, line in enumerate(lines):
        pen.text((0, 2 + HEAD * number), line, picture.INK, font(TEXT))
    sheet.paste(drawn, (0, HEAD * len(lines)))
    return sheet


def _where(widget: LivingEncoder) -> str:
    return "where the class token looks" if widget.facts["prefix"] else "where the patches look"


def _over(drawn: Array, attention: Array) -> Image.Image:
    """The attention over the picture, which shows through where little is looked at."""
    share = attention / (attention.max() or 1.0)
    colors = picture.enlarge(picture.colorize(share, "magma", 0, 1), SIDE, SIDE)
    mask = Image.fromarray(np.rint(90 + 140 * share).astype(np.uint8))
    return Image.composite(
        colors, Image.fromarray(drawn), mask.resize((SIDE, SIDE), Image.Resampling.NEAREST)
    )


def _bars(pen: ImageDraw.ImageDraw, answer: Answer, left: int, face: Any) -> None:
    pen.text((left, 2), "probability" if answer.names else "", picture.MUTED, face)
    order = np.argsort(-answer.shares, kind="stable")[:SHOWN]
    for row, index in enumerate(order):
        top = HEAD + row * ROW
        share = answer.shares[index]
        room = WIDTH - 90
        pen.text(
            (left, top), picture.shorten(answer.names[index], pen, face, room), picture.INK, face
        )
        pen.text((left + WIDTH, top), f"{share:.0%}", picture.INK, face, anchor="ra")
        bar = [left, top + 38, left + WIDTH, top + 47]
        pen.rectangle(bar, TRACK)
        pen.rectangle([*bar[:2], left + max(1, round(WIDTH * share)), bar[3]], BAR)


def figure(widget: LivingEncoder) -> Any:
    """The same as a Plotly figure."""
    require("plotly", "plotly", what="to_plotly")
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    answer = widget.answer()
    shown = answer.attention is not None
    titles = ["the picture", *([_where(widget)] if shown else []), "probability"]
    sheet = make_subplots(1, len(titles), subplot_titles=titles)
    sheet.add_trace(go.Image(z=widget.drawn(256), hoverinfo="skip"), 1, 1)
    if shown:
        heat = go.Heatmap(z=answer.attention, colorscale="Magma", showscale=False)
        sheet.add_trace(heat, 1, 2)
        sheet.update_yaxes(autorange="reversed", scaleanchor="x2", row=1, col=2)
    order = np.argsort(answer.shares, kind="stable")[-SHOWN:]
    names = [_escaped(answer.names[index]) for index in order]
    bars = go.Bar(x=answer.shares[order], y=names, orientation="h", marker_color=BAR)
    sheet.add_trace(bars, 1, len(titles))
    sheet.update_xaxes(showticklabels=False, row=1, col=1)
    sheet.update_yaxes(showticklabels=False, row=1, col=1)
    sheet.update_xaxes(range=[0, 1], title="probability", row=1, col=len(titles))
    sheet.update_layout(title=_escaped(widget.title), template="plotly_white", showlegend=False)
    return sheet


def _escaped(text: str) -> str:
    """Plotly reads a little HTML in its texts."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
