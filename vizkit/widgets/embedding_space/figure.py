"""What `EmbeddingSpace` shows without a browser: its picture, and a Plotly figure."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.widgets import picture
from vizkit.widgets.embedding_space.inputs import MARKS, TEXT_MARKS, Array

if TYPE_CHECKING:
    from vizkit.widgets.embedding_space.widget import EmbeddingSpace

PICTURE_POINTS = 60_000  # the static picture is drawn from so many


def visible(widget: EmbeddingSpace) -> Array:
    """Return the indices of the points whose class is not hidden."""
    if not widget.hidden_classes:
        return np.arange(widget.count)
    hidden = np.isin(
        np.arange(len(widget.classes)), [widget.classes.index(n) for n in widget.hidden_classes]
    )
    return np.flatnonzero(~hidden[widget.codes])


def colors(widget: EmbeddingSpace) -> Array:
    """Return a uint8 colour for each class, `(classes, 3)`."""
    return np.array([as_rgb(color) for color in widget.class_colors], np.uint8)


SHARP = picture.SHARP
FEW = 800  # points that are drawn sharp
GAP_INK = "#b84d00"  # as in the browser
NAME = 150  # room for a class's name beside the map


def draw(widget: EmbeddingSpace) -> Image.Image:
    """The map on view; many points as colour by class and saturation by number."""
    width, height = (480, 360) if widget.count <= 500 else (360, 270)
    shown = visible(widget)
    shown = shown[:: -(-len(shown) // PICTURE_POINTS) or 1]  # a sample looks the same
    many = widget.count > FEW
    sharp = 1 if many else SHARP  # marks as small as pixels are as sharp as they can be
    image, pen = picture.blank(width * sharp, height * sharp)
    if not len(shown):
        return framed(widget, enlarged(image) if many else image)
    places = widget.points[widget.projection][widget.step][shown]  # (M, 2)
    low, high = places.min(0), places.max(0)
    scale = np.min([width - 32, height - 32] / np.maximum(high - low, 1e-30))
    middle = (low + high) / 2
    places = (
        (places - middle) * [scale, -scale] + [width / 2, height / 2]
    ) * sharp  # (M, 2) pixels
    if widget.count > 5_000:
        image = enlarged(density(widget, places, shown, width, height))
        draw_gap(widget, image, places * SHARP, shown)
        return framed(widget, image)
    place = dict(zip(shown.tolist(), places.tolist(), strict=True))
    if widget.pairs is not None and widget.show_pairs:
        for one, other in widget.pairs.tolist():
            if one in place and other in place:
                pen.line([*place[one], *place[other]], picture.LINE, sharp)
    for index, (x, y) in place.items():
        draw_point(widget, image, pen, index, x, y, sharp)
    image = enlarged(image) if many else image
    draw_gap(widget, image, places * (SHARP / sharp), shown)
    return framed(widget, image)


def draw_gap(widget: EmbeddingSpace, image: Image.Image, places: Array, shown: Array) -> None:
    """Where the gap is shown: an arrow from the mean of the images to the mean of the texts, and its length."""
    gaps = widget.data["gaps"]
    if not (widget.show_gap and gaps) or widget.modality is None:
        return
    kinds = widget.modality[shown].astype(bool)
    if kinds.all() or not kinds.any():
        return
    tail, head = places[~kinds].mean(0), places[kinds].mean(0)
    pen = ImageDraw.Draw(image)
    angle = np.arctan2(head[1] - tail[1], head[0] - tail[0])
    wings = [
        head + 11 * SHARP * np.array([np.cos(angle + turn), np.sin(angle + turn)])
        for turn in (2.6, -2.6)
    ]
    for start, end in ((tail, head), (head, wings[0]), (head, wings[1])):
        pen.line([*start.tolist(), *end.tolist()], GAP_INK, 3 * SHARP)
    x, y = (tail + head) / 2 - [0, 12 * SHARP]
    words = f"gap {gaps[widget.step]:.2f}"
    face = font(13 * SHARP)
    pen.text((x, y), words, picture.INK, face, anchor="ms", stroke_width=4, stroke_fill="white")


def enlarged(image: Image.Image) -> Image.Image:
    """As large as a sharp picture, in pixels of twice the side: no more bytes."""
    size = (image.width * SHARP, image.height * SHARP)
    return image.resize(size, Image.Resampling.NEAREST)


def framed(widget: EmbeddingSpace, image: Image.Image) -> Image.Image:
    """The drawing with its title above it, and beside it the names of its colours and marks."""
    face, pen = font(12 * SHARP), ImageDraw.Draw(image)
    lines = legend(widget, image.height // (18 * SHARP))
    names = [picture.shorten(name, pen, face, NAME * SHARP) for _, _, name in lines]
    longest = max((pen.textlength(name, face) for name in names), default=0)
    side = 26 * SHARP + int(longest) if names else 0
    width = image.width + side
    titles = picture.wrapped(widget.title, pen, font(13 * SHARP), width - 16 * SHARP)
    top = (4 + 20 * len(titles)) * SHARP if titles else 0
    sheet, pen = picture.blank(width, max(image.height, (18 * len(names) + 8) * SHARP) + top)
    sheet.paste(image, (0, top))
    for line, title in enumerate(titles):
        pen.text((8 * SHARP, (5 + 20 * line) * SHARP), title, picture.INK, font(13 * SHARP))
    for number, ((mark, color, _), name) in enumerate(zip(lines, names, strict=True)):
        y = top + (16 + 18 * number) * SHARP
        if mark:
            picture.draw_mark(pen, mark, image.width + 6 * SHARP, y, 5 * SHARP, color)
        pen.text((image.width + 16 * SHARP, y), name, picture.INK, face, anchor="lm")
    return sheet


def legend(widget: EmbeddingSpace, most: int = 20) -> list[tuple[str, str, str]]:
    """Mark, colour and name of each class on view, `most` at most, and of images and texts where both are there."""
    lines = []
    by_kind = widget.codes is not None and widget.classes == ["image", "text"]
    for code, name in enumerate(widget.classes if widget.codes is not None else []):
        if name not in widget.hidden_classes:
            mark = marks_of(code)[bool(by_kind and code == 1)]
            lines.append((mark, widget.class_colors[code], name))
    both = False
    if widget.modality is not None and not by_kind:
        both = bool(widget.modality[visible(widget)].any())
    most -= 2 * both
    if len(lines) > most:
        rest = len(lines) - most + 1
        lines = [*lines[: most - 1], ("", picture.MUTED, f"… and {rest} more")]
    if both:
        lines += [("circle", picture.MUTED, "images"), ("triangle-up", picture.MUTED, "texts")]
    return lines


def draw_point(
    widget: EmbeddingSpace,
    image: Image.Image,
    pen: Any,
    index: int,
    x: float,
    y: float,
    sharp: int = SHARP,
) -> None:
    """Draw a point: its picture where pictures are shown, a triangle for a text, or a disc."""
    radius = 1.5 if widget.count > FEW else float(np.clip(60 / np.sqrt(widget.count), 2.5, 6))
    fill = widget.class_colors[0 if widget.codes is None else int(widget.codes[index])]
    thumbnail = widget.pictures[index] if widget.pictures and widget.count <= 200 else None
    if widget.show_thumbnails and thumbnail is not None:
        size = int(np.clip(200 / np.sqrt(widget.count), 20, 40)) * sharp
        rim = 2 * sharp
        corner = (round(x - size / 2), round(y - size / 2))
        end = (corner[0] + size + rim, corner[1] + size + rim)
        image.paste(fill, (corner[0] - rim, corner[1] - rim, *end))
        image.paste(picture.fit_square(thumbnail, size), corner)
    else:
        code = 0 if widget.codes is None else int(widget.codes[index])
        kind = bool(widget.modality is not None and widget.modality[index])
        picture.draw_mark(pen, marks_of(code)[kind], x, y, radius * sharp, fill)


def density(
    widget: EmbeddingSpace, places: Array, shown: Array, width: int, height: int
) -> Image.Image:
    """Draw many points as colour by class and saturation by number."""
    codes = np.zeros(len(shown), int) if widget.codes is None else widget.codes[shown].astype(int)
    at = np.clip(places.astype(int), 0, [width - 1, height - 1])
    cell = at[:, 1] * width + at[:, 0]
    counts = np.bincount(cell, minlength=width * height)
    mix = (
        np.stack(
            [
                np.bincount(cell, colors(widget)[codes, channel], minlength=width * height)
                for channel in range(3)
            ],
            1,
        )
        / np.maximum(counts, 1)[:, None]
    )
    typical = np.median(counts[counts > 0]) if counts.any() else 1
    cover = (1 - 0.4 ** (counts / typical))[:, None]
    pixels = np.rint((255 * (1 - cover) + mix * cover) / 16) * 16
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8).reshape(height, width, 3))


def figure(widget: EmbeddingSpace) -> Any:
    """The map on view as a `plotly.graph_objects.Figure`."""
    require("plotly", "plotly", what="to_plotly")
    import plotly.graph_objects as go

    drawn = go.Figure()
    shown, places = visible(widget), widget.points[widget.projection][widget.step]
    if widget.exponent:
        places = np.ldexp(places.astype(np.float64), widget.exponent)
    if widget.pairs is not None and widget.show_pairs:
        kept = widget.pairs[np.isin(widget.pairs, shown).all(1)]
        lines = np.full((len(kept), 3, 2), np.nan)
        lines[:, :2] = places[kept]
        x, y = lines.reshape(-1, 2).T
        style = {"color": "rgba(120,120,120,0.4)", "width": 1}
        drawn.add_scattergl(x=x, y=y, mode="lines", line=style, name="pairs", hoverinfo="skip")
    codes = np.zeros(widget.count, int) if widget.codes is None else widget.codes
    for code in np.unique(codes[shown]):
        mine = shown[codes[shown] == code]
        kinds = 0 if widget.modality is None else widget.modality[mine]
        marker = {
            "color": widget.class_colors[code],
            "symbol": np.where(kinds, *marks_of(code)[::-1])
            if np.ndim(kinds)
            else marks_of(code)[0],
            "size": float(np.clip(120 / np.sqrt(widget.count), 2, 11)),
        }
        drawn.add_scattergl(
            x=places[mine, 0],
            y=places[mine, 1],
            mode="markers",
            marker=marker,
            name=html.escape(widget.classes[code]) if widget.classes else "points",
            text=[html.escape(widget.captions[i] or f"point {i}") for i in mine]
            if widget.captions
            else None,
        )
    drawn.update_yaxes(scaleanchor="x")
    drawn.update_layout(
        title=html.escape(widget.title or widget.headline()),
        template="plotly_white",
        showlegend=bool(widget.classes),
    )
    return drawn


def marks_of(code: int) -> tuple[str, str]:
    """Return the marks of a class: of its points, and of those that are texts."""
    turn = int(code) // picture.category_count()
    return MARKS[turn % len(MARKS)], TEXT_MARKS[turn % len(TEXT_MARKS)]


def as_rgb(color: str) -> list[int]:
    """A colour '#rrggbb' as three numbers."""
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]
