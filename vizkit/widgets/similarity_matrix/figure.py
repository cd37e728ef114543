"""What `SimilarityMatrix` shows without a browser: its picture, and a Plotly figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.widgets import picture
from vizkit.widgets.similarity_matrix.numbers import COLORS, SIGNED_VIEWS, SIMILARITY

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


SHARP = picture.SHARP
SLANT, CAPTION, ROW_CAPTION = 55, 116 * SHARP, 110 * SHARP  # degrees; pixels
SIDE, GAP = 190 * SHARP, 16 * SHARP  # the numbers beside the matrix
RANKED = 6
RIGHT, HARD = "#007a59", "#b84d00"  # as in the browser


class Picture:
    """Draws the static picture; few colours and a coarse map keep its PNG at some kilobytes."""

    MAX_CELLS = 96

    def __init__(self, widget: SimilarityMatrix) -> None:
        self.widget = widget
        _, self.rows, self.columns = widget.shape
        self.labelled = max(self.rows, self.columns) <= 24
        # A whole number of pixels for each cell, or several cells in one pixel.
        longest = max(self.rows, self.columns)
        cell = max(4, min(28, 280 // longest)) if longest <= self.MAX_CELLS else 3
        if self.labelled and widget.captions:
            cell = max(cell, 18)  # slanted captions any closer would overlap
        self.cell = cell * SHARP
        self.face = font(12 * SHARP)
        # With paper, ink, grey and line sixteen colours: half a byte for each pixel.
        self.colors = 24 if self.labelled else 12
        # Soft edges of letters are half of what the picture of a large matrix would weigh.
        self.type = "L" if self.labelled else "1"

    def draw(self) -> Image.Image:
        """Title, captions, images, matrix and colour bar; beside them the losses and a ranking."""
        colors = self._colors()
        high, wide = colors.shape[0] * self.cell, colors.shape[1] * self.cell
        matrix = picture.enlarge(colors, wide, high)
        left, right, head = self._room(wide)
        side = side_of(self)
        broad = max(wide + right, 200 * SHARP)
        width = left + broad + (GAP + side.width if side else 0)
        _, pen = picture.blank(1, 1)
        titles = picture.wrapped(self.widget.title, pen, font(13 * SHARP), width - 12 * SHARP)
        top = head + 20 * SHARP * len(titles)
        height = max(top + high + 52 * SHARP, top + side.height if side else 0)
        image, pen = picture.blank(width, height)
        pen.fontmode = self.type
        for line, words in enumerate(titles):
            place = (6 * SHARP, (4 + 20 * line) * SHARP)
            pen.text(place, words, picture.INK, font(13 * SHARP))
        image.paste(matrix, (left, top))
        pen.rectangle((left - 1, top - 1, left + wide, top + high), outline=picture.LINE)
        self._divide(pen, left, top, wide, high)
        self._name_columns(image, pen, left, top, broad)
        self._name_rows(image, pen, left, top, high)
        self._bar(image, pen, left, top + high + 10 * SHARP, max(wide, 200 * SHARP))
        if side:
            image.paste(side, (left + broad + GAP, top))
        return image

    def _room(self, wide: int) -> tuple[int, int, int]:
        """Pixels left of the matrix, right of it and above it."""
        widget, captions = self.widget, self.widget.captions if self.labelled else []
        left = self.cell + 8 * SHARP if self._thumbs() else 34 * SHARP
        _, pen = picture.blank(1, 1)
        lengths = [min(CAPTION, pen.textlength(text, self.face)) for text in captions]
        if widget.num_images and captions:
            left = max(left, int(min(ROW_CAPTION, max(lengths))) + 10 * SHARP)
        if captions:
            longest = max(lengths) + 6 * SHARP
            lean = np.deg2rad(SLANT)
            above = longest * np.sin(lean) + 12 * SHARP
            return left, int(max(0, longest * np.cos(lean) - self.cell / 2)), int(above)
        lines = len(self._told(pen, max(wide, 200 * SHARP)))
        return left, 12 * SHARP, (8 + 15 * lines) * SHARP

    def _thumbs(self) -> list[np.ndarray]:
        return (self.widget.pictures or []) if self.labelled else []

    def _told(self, pen: ImageDraw.ImageDraw, width: float) -> list[str]:
        """What rows and columns are, where there is no room for captions."""
        first = self.widget.num_images
        told = (
            f"{first} images, then {self.columns - first} texts"
            if first
            else f"{self.rows} images × {self.columns} texts"
        )
        return picture.wrapped(told, pen, self.face, width)

    def _name_columns(self, image: Image.Image, pen: Any, left: int, top: int, broad: int) -> None:
        first = self.widget.num_images  # columns before the first text
        captions = self.widget.captions if self.labelled else []
        for index, text in enumerate(captions):
            self._slanted(image, text, left + (first + index + 0.5) * self.cell, top - 2 * SHARP)
        if first:
            for index, one in enumerate(self._thumbs()):
                above = (left + index * self.cell, top - self.cell - 3 * SHARP)
                image.paste(picture.fit_square(one, self.cell - SHARP), above)
        if not captions:
            lines = self._told(pen, broad)
            for line, words in enumerate(lines):
                y = top - (5 + 15 * (len(lines) - 1 - line)) * SHARP
                pen.text((left, y), words, picture.MUTED, self.face, anchor="ls")

    def _name_rows(self, image: Image.Image, pen: Any, left: int, top: int, high: int) -> None:
        thumbs, first = self._thumbs(), self.widget.num_images
        for index, one in enumerate(thumbs):
            corner = (left - self.cell - 3 * SHARP, top + index * self.cell)
            image.paste(picture.fit_square(one, self.cell - SHARP), corner)
        texts = self.widget.captions if self.labelled and first else []
        for index, text in enumerate(texts):
            words = picture.shorten(text, pen, self.face, ROW_CAPTION)
            place = (left - 6 * SHARP, top + (first + index + 0.5) * self.cell)
            pen.text(place, words, picture.INK, self.face, anchor="rm")
        if not thumbs and not texts:
            x, last = left - 6 * SHARP, str(self.rows - 1)
            pen.text((x, top), "0", picture.MUTED, self.face, anchor="rt")
            if high > 28 * SHARP:
                pen.text((x, top + high), last, picture.MUTED, self.face, anchor="rb")

    def _divide(self, pen: Any, left: int, top: int, wide: int, high: int) -> None:
        """A line where images end and texts begin."""
        first = self.widget.num_images
        if first:
            edge = round(first * min(high, wide) / self.rows)
            pen.line((left, top + edge, left + wide, top + edge), picture.LINE, SHARP)
            pen.line((left + edge, top, left + edge, top + high), picture.LINE, SHARP)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Places 0..1 on the colour map; shares and gradients by the root of their size."""
        low, high = self.widget.color_limits()
        if self.widget.view == SIMILARITY:
            return (values - low) / ((high - low) or 1.0)
        root = np.sqrt(np.abs(values) / high)
        return root if low == 0 else 0.5 + np.sign(values) * root / 2

    def _colors(self) -> np.ndarray:
        values = self.widget.numbers().values
        if self.widget.view == SIMILARITY:  # the mean may come first: its colours are linear
            values = self._scaled(self._coarse(values))
        else:
            values = self._coarse(self._scaled(values))
        steps = np.rint(values.clip(0, 1) * (self.colors - 1)) / (self.colors - 1)
        return picture.colorize(steps, COLORS[self.widget.view], 0, 1)

    def _coarse(self, values: np.ndarray) -> np.ndarray:
        """The means of cells of a matrix that is too large to show each of them."""
        longest = max(values.shape)
        if longest <= self.MAX_CELLS:
            return values
        rows, columns = (max(1, round(side * self.MAX_CELLS / longest)) for side in values.shape)
        whole = Image.fromarray(values.astype(np.float32), "F")
        return np.asarray(whole.resize((columns, rows), Image.Resampling.BOX))

    def _slanted(self, image: Image.Image, text: str, x: float, y: float) -> None:
        pen = ImageDraw.Draw(image)
        text = picture.shorten(text, pen, self.face, CAPTION)
        label = Image.new("L", (CAPTION + 8 * SHARP, 16 * SHARP), 0)
        ImageDraw.Draw(label).text((2 * SHARP, 8 * SHARP), text, 255, self.face, anchor="lm")
        label = label.rotate(SLANT, Image.Resampling.BICUBIC, expand=True)
        ink = Image.new("RGB", label.size, picture.INK)
        image.paste(ink, (round(x - 8 * SHARP), round(y - label.height + 4 * SHARP)), label)

    def _bar(self, image: Image.Image, pen: Any, left: int, top: int, wide: int) -> None:
        ramp = picture.colorize(np.linspace(0, 1, self.colors)[None], self._map(), 0, 1)
        image.paste(picture.enlarge(ramp, wide, 8 * SHARP), (left, top))
        for share, value in self._ticks():
            anchor = "lt" if share < 0.05 else "rt" if share > 0.95 else "mt"
            place = (left + share * wide, top + 11 * SHARP)
            pen.text(place, number(value, 2), picture.INK, self.face, anchor=anchor)
        place = (left, top + 26 * SHARP)
        pen.text(place, self.widget.symbol(), picture.INK, self.face, anchor="lt")

    def _ticks(self) -> list[tuple[float, float]]:
        """Marks of the colour bar: places from 0 to 1 and their numbers, round ones for cosines."""
        low, high = self.widget.color_limits()
        if self.widget.view == SIMILARITY:
            return [
                ((value - low) / ((high - low) or 1.0), value)
                for value in picture.round_ticks(low, high)
            ]
        return [(0, low), (0.5, 0.0 if low else high / 4), (1, high)]

    def _map(self) -> str:
        return COLORS[self.widget.view]


def number(value: float, digits: int = 3) -> str:
    """A number for people, with a true minus sign; as `formatNumber` in js/shared/numbers.ts."""
    size = abs(value)
    if not size:
        return "0"
    if not 1e-3 <= size < 1e5:
        return f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("-", "−")
    places = digits - 1 - math.floor(math.log10(size))
    return f"{value:.{min(max(0, places), digits)}f}".replace("-", "−")


def side_of(drawn: Picture) -> Image.Image | None:
    """What stands beside the matrix in the browser: losses and accuracies, and a ranking; None for neither."""
    widget = drawn.widget
    sheet, pen = picture.blank(SIDE, 480 * SHARP)
    pen.fontmode = drawn.type
    below = _tiles(widget, pen)
    if drawn.labelled:
        below = _ranking(widget, pen, below)
    return sheet.crop((0, 0, SIDE, below)) if below else None


def _tiles(widget: SimilarityMatrix, pen: ImageDraw.ImageDraw) -> int:
    """Write both losses and both accuracies; return the height that they take."""
    numbers = widget.numbers()
    if (
        numbers.infonce_loss is None
        or numbers.sigmoid_loss is None
        or numbers.image_to_text_accuracy is None
        or numbers.text_to_image_accuracy is None
    ):
        return 0  # no pairs
    shown = (
        ("InfoNCE loss", number(numbers.infonce_loss)),
        ("sigmoid loss", number(numbers.sigmoid_loss)),
        ("image → text", f"{number(100 * numbers.image_to_text_accuracy)}%"),
        ("text → image", f"{number(100 * numbers.text_to_image_accuracy)}%"),
    )
    for index, (name, value) in enumerate(shown):
        x, y = (index % 2) * SIDE // 2, index // 2 * 38 * SHARP
        pen.text((x, y), name, picture.MUTED, font(11 * SHARP))
        pen.text((x, y + 14 * SHARP), value, picture.INK, font(15 * SHARP))
    return 76 * SHARP


def _ranking(widget: SimilarityMatrix, pen: ImageDraw.ImageDraw, top: int) -> int:
    """List the highest scores of the pinned row or column, else of the first row; return where it ends."""
    down = not widget.selected and bool(widget.selected_text)
    pinned = [one for one in (widget.selected or widget.selected_text) if one >= 0]
    index, face = (pinned[-1] if pinned else 0), font(12 * SHARP)
    values, plain = (v.T if down else v for v in (widget.numbers().values, widget.similarity()))
    index = min(index, len(values) - 1)
    scores, plain = values[index], plain[index]
    paired = widget.numbers().infonce_loss is not None
    by_score = np.argsort(
        -(np.abs(scores) if widget.view in SIGNED_VIEWS else scores), kind="stable"
    )
    order = [int(k) for k in by_score if not (widget.num_images and k == index)]
    rivals = [int(k) for k in np.argsort(-plain, kind="stable") if k != index] if paired else []
    hard = rivals[: max(2, sum(plain[k] >= plain[index] for k in rivals))]
    shown = order[:RANKED]
    if paired and index not in shown:
        shown[-1] = index
    head = f"{name_of(widget, index, down)}: {widget.symbol()}"
    pen.text((0, top), picture.shorten(head, pen, face, SIDE), picture.MUTED, face)
    most = max((abs(float(scores[k])) for k in shown), default=0) or 1.0
    signed = any(scores[k] < 0 for k in shown)
    for line, k in enumerate(shown):
        y = top + (22 + 29 * line) * SHARP
        ink = RIGHT if paired and k == index else HARD if k in hard else picture.MUTED
        score = number(float(scores[k]))
        room = SIDE - pen.textlength(score, face) - 8 * SHARP
        name = picture.shorten(name_of(widget, k, not down), pen, face, room)
        pen.text((0, y), name, picture.INK, face)
        pen.text((SIDE, y), score, picture.INK, face, anchor="ra")
        zero = SIDE / 2 if signed else 0
        end = zero + float(scores[k]) / most * (SIDE - zero)
        bar = (min(zero, end), y + 17 * SHARP, max(zero, end), y + 21 * SHARP)
        pen.rectangle((0, bar[1], SIDE - 1, bar[3]), "#eef1f4")
        pen.rectangle(bar, ink)
    return top + (22 + 29 * len(shown)) * SHARP


def name_of(widget: SimilarityMatrix, index: int, down: bool) -> str:
    """A row's name, or (`down`) a column's: a caption, or a number; as `nameOf` in the browser."""
    first = widget.num_images
    if index < first if first else not down:
        return f"image {index}"
    text = index - first
    return widget.captions[text] if widget.captions else f"text {text}"
