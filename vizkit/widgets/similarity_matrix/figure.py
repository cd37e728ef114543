"""What `SimilarityMatrix` shows without a browser: its picture, and a Plotly figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.widgets import picture
from vizkit.widgets.similarity_matrix.numbers import COLORS, VIEWS

if TYPE_CHECKING:
    from vizkit.widgets.similarity_matrix.widget import SimilarityMatrix


def figure(widget: SimilarityMatrix) -> Any:
    """The current view as a heat map, a `plotly.graph_objects.Figure`."""
    require("plotly", "plotly", what="to_plotly")
    import plotly.graph_objects as go

    low, high = widget.color_limits()
    _, rows, columns = widget.shape
    table = picture.color_table(COLORS[widget.view])
    scale = [[index / 255, "rgb({},{},{})".format(*table[index])] for index in range(0, 256, 15)]
    names = [" ".join(text.split()) for text in widget.captions]
    if widget.num_images:
        texts = names or [f"text {index}" for index in range(columns - widget.num_images)]
        names = [*(f"image {index}" for index in range(widget.num_images)), *texts]
    short = [escape(text if len(text) <= 40 else text[:39] + "…") for text in names]
    heatmap = go.Heatmap(
        z=widget.numbers().values,
        zmin=low,
        zmax=high,
        colorscale=scale,
        colorbar={"title": widget.symbol()},
    )
    drawn = go.Figure(heatmap)
    drawn.update_layout(
        title={
            "text": escape(
                widget.title or widget.headline().translate({0x27E8: None, 0x27E9: None})
            )
        },
        template="plotly_white",
    )
    drawn.update_yaxes(
        title="image", autorange="reversed", scaleanchor="x" if rows == columns else None
    )
    drawn.update_xaxes(title="text", constrain="domain")
    ticks = {"tickvals": list(range(columns)), "ticktext": short}
    if short and columns <= 40:
        drawn.update_xaxes(**ticks, tickangle=-50)
    if widget.num_images:
        drawn.update_yaxes(title="", **(ticks if columns <= 40 else {}))
        drawn.update_xaxes(title="")
    return drawn


def escape(text: str) -> str:
    """Plotly reads a few HTML tags in its texts; a caption must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Picture:
    """Draws the static picture; few colours and a coarse map keep its PNG at some kilobytes."""

    MAX_CELLS, COLOR_COUNT = 96, 24

    def __init__(self, widget: SimilarityMatrix) -> None:
        self.widget = widget
        _, self.rows, self.columns = widget.shape
        self.labelled = max(self.rows, self.columns) <= 24
        # A whole number of pixels for each cell, or several cells in one pixel.
        longest = max(self.rows, self.columns)
        self.cell = max(4, min(28, 280 // longest)) if longest <= self.MAX_CELLS else 3
        if self.labelled and widget.captions:
            self.cell = max(self.cell, 18)  # slanted captions any closer would overlap

    def draw(self) -> Image.Image:
        colors = self._colors()
        high, wide = colors.shape[0] * self.cell, colors.shape[1] * self.cell
        face = font(12)
        first = self.widget.num_images  # columns before the first text
        captions = self.widget.captions if self.labelled else []
        thumbs = self.widget.pictures if self.labelled else None
        left, top = (self.cell + 8 if thumbs else 34), (112 if captions else 22)
        right, title = 80 if captions else 12, self.widget.title
        top += 20 if title else 0
        image, pen = picture.blank(left + max(wide, 200) + right, top + high + 52)
        image.paste(picture.enlarge(colors, wide, high), (left, top))
        pen.rectangle((left - 1, top - 1, left + wide, top + high), outline=picture.LINE)
        if title:
            title = picture.shorten(title, pen, font(13), image.width - 12)
            pen.text((6, 4), title, picture.INK, font(13))
        for index, text in enumerate(captions):
            self._slanted(image, text, left + (first + index + 0.5) * self.cell, top - 2, face)
        for index, one in enumerate(thumbs or []):
            place = (left - self.cell - 3, top + index * self.cell)
            image.paste(picture.fit_square(one, self.cell - 1), place)
            if first:
                above = (left + index * self.cell, top - self.cell - 3)
                image.paste(picture.fit_square(one, self.cell - 1), above)
        if first:  # where images end and texts begin
            edge = round(first * min(high, wide) / self.rows)
            pen.line((left, top + edge, left + wide, top + edge), picture.LINE)
            pen.line((left + edge, top, left + edge, top + high), picture.LINE)
        if not thumbs:
            pen.text((left - 6, top), "0", picture.MUTED, face, anchor="rt")
            pen.text((left - 6, top + high), str(self.rows - 1), picture.MUTED, face, anchor="rb")
        if not captions:
            told = (
                f"{first} images, {self.columns - first} texts"
                if first
                else f"text 0 … {self.columns - 1}"
            )
            pen.text((left, top - 5), told, picture.MUTED, face, anchor="ls")
        self._bar(image, pen, left, top + high + 10, max(wide, 200), face)
        return image

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Places 0..1 on the colour map; shares and gradients by the root of their size."""
        low, high = self.widget.color_limits()
        if self.widget.view == VIEWS[0]:
            return (values - low) / ((high - low) or 1.0)
        root = np.sqrt(np.abs(values) / high)
        return root if low == 0 else 0.5 + np.sign(values) * root / 2

    def _colors(self) -> np.ndarray:
        values = self._scaled(self.widget.numbers().values)
        longest = max(values.shape)
        if longest > self.MAX_CELLS:
            share = self.MAX_CELLS / longest
            size = [max(1, round(count * share)) for count in values.shape]
            whole = Image.fromarray(values.astype(np.float32), "F")
            values = np.asarray(whole.resize((size[1], size[0]), Image.Resampling.BOX))
        steps = np.rint(values.clip(0, 1) * (self.COLOR_COUNT - 1)) / (self.COLOR_COUNT - 1)
        return picture.colorize(steps, COLORS[self.widget.view], 0, 1)

    def _slanted(self, image: Image.Image, text: str, x: float, y: float, face: Any) -> None:
        pen = ImageDraw.Draw(image)
        text = picture.shorten(text, pen, face, 116)
        label = Image.new("L", (124, 16), 0)
        ImageDraw.Draw(label).text((2, 8), text, 255, face, anchor="lm")
        label = label.rotate(55, Image.Resampling.BICUBIC, expand=True)
        ink = Image.new("RGB", label.size, picture.INK)
        image.paste(ink, (round(x - 8), round(y - label.height + 4)), label)

    def _bar(self, image: Image.Image, pen: Any, left: int, top: int, wide: int, face: Any) -> None:
        ramp = np.linspace(0, 1, self.COLOR_COUNT)[None]
        image.paste(
            picture.enlarge(picture.colorize(ramp, COLORS[self.widget.view], 0, 1), wide, 8),
            (left, top),
        )
        low, high = self.widget.color_limits()
        middle = (low + high) / 2 if self.widget.view == VIEWS[0] else (0.0 if low else high / 4)
        for value, x, anchor in ((low, 0, "lt"), (middle, wide / 2, "mt"), (high, wide, "rt")):
            pen.text((left + x, top + 11), f"{value:.2g}", picture.INK, face, anchor=anchor)
        pen.text((left, top + 26), self.widget.symbol(), picture.INK, face, anchor="lt")
