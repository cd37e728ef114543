"""SimilarityMatrix: images against texts, with the losses, gradients and rankings that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.inputs import (
    as_embeddings,
    as_images,
    as_list,
    as_texts,
    nonzero_rows,
    unit_rows,
)
from vizkit.widgets import assets, codec, picture
from vizkit.widgets.base import VizkitWidget

VIEW_LIST = assets.constant("similarityViews")  # the browser reads the same list
VIEWS = tuple(view["name"] for view in VIEW_LIST)
PAIRED_VIEWS = tuple(view["name"] for view in VIEW_LIST if view["paired"])
TEMPERATURES = (0.005, 2.0)
BIASES = (-20.0, 10.0)
COLORS = {view["name"]: view["colormap"] for view in VIEW_LIST}


@dataclass(frozen=True)
class SimilarityNumbers:
    """What a `SimilarityMatrix` shows, in float64.

    Attributes:
        values: the view's matrix, shape `(N, M)`.
        infonce_loss: symmetric InfoNCE in nats, log N at chance; None unless N = M.
        sigmoid_loss: sigmoid loss, summed over all pairs and divided by N; None unless N = M.
        image_to_text_accuracy: share of images whose own text scores highest; None unless N = M.
        text_to_image_accuracy: share of texts whose own image scores highest; None unless N = M.
    """

    values: np.ndarray
    infonce_loss: float | None
    sigmoid_loss: float | None
    image_to_text_accuracy: float | None
    text_to_image_accuracy: float | None


class SimilarityMatrix(VizkitWidget, frontend="similarity_matrix"):
    """Similarity of N images (rows) and M texts (columns), with both contrastive losses live.

    The logits are `cosine / temperature`, for the sigmoid `cosine / temperature + bias`. Views:

    - "cosine": the similarity itself.
    - "softmax over texts": each row sums to 1, P(text | image).
    - "softmax over images": each column sums to 1, P(image | text).
    - "sigmoid": probability that the two belong together, each pair on its own.
    - "gradient of InfoNCE": derivative of the symmetric InfoNCE loss (Radford et al. 2021, Fig. 3)
      with respect to the logit: `((P_row + P_column) / 2 - [i = j]) / N`.
    - "gradient of sigmoid": derivative of the sigmoid loss (Zhai et al. 2023, Algorithm 1) with
      respect to the logit: `(sigmoid - [i = j]) / N`.

    With respect to the cosine the gradients are 1 / temperature times as large. Image i and text i
    are a pair; losses, accuracies and gradients need N = M. Of equal maxima the first counts.

    With `against_both=True` rows and columns are all images and then all texts, so that cosines
    within the images and within the texts stand beside those across: the modality gap in one
    picture (Liang et al. 2022). Only the view "cosine" has a meaning there.

    Traits, all linkable without a kernel:
        temperature: τ from 0.005 to 2; the logit scale is 1 / τ.
        bias: added to the sigmoid's logits, -20 to 10.
        view: one of the views.
        step: index into a sequence of matrices.
        hovered, hovered_text: image (row) and text (column) under the pointer, -1 for none.
        selected, selected_text: pinned images (rows) and texts (columns).

    A widget that is linked may have more items: an index that has no row or column here is ignored,
    with a warning.
    """

    temperature = traitlets.Float(0.07, min=TEMPERATURES[0], max=TEMPERATURES[1]).tag(sync=True)
    bias = traitlets.Float(-10.0, min=BIASES[0], max=BIASES[1]).tag(sync=True)
    view = traitlets.Enum(VIEWS, VIEWS[0]).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    hovered_text = traitlets.Int(-1).tag(sync=True)
    selected_text = traitlets.List(traitlets.Int()).tag(sync=True)
    data = traitlets.Dict(read_only=True).tag(sync=True)
    size = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)
    captions = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    thumbnails = traitlets.Dict(read_only=True).tag(sync=True)
    step_names = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    value_range = traitlets.List(traitlets.Float(), read_only=True).tag(sync=True)
    measure = traitlets.Unicode("cosine", read_only=True).tag(sync=True)
    # Of rows and columns that are images first and texts after them; 0: rows images, columns texts.
    num_images = traitlets.Int(0, read_only=True).tag(sync=True)

    def __init__(
        self,
        image_embeddings: Any = None,
        text_embeddings: Any = None,
        *,
        similarity: Any = None,
        images: Sequence[Any] | None = None,
        captions: Sequence[str] | None = None,
        temperature: float = 0.07,
        bias: float = -10.0,
        view: str = "cosine",
        steps: Sequence[Any] | None = None,
        against_both: bool = False,
        title: str = "",
        **traits: Any,
    ) -> None:
        """Show embeddings, or a similarity matrix that is already computed.

        Args:
            image_embeddings: `(N, D)`, or `(steps, N, D)` for a course of training. Each embedding
                is divided by its L2 norm here, right for numbers of any finite size; the browser
                multiplies them. A row of zeros has no direction and is refused. What travels is
                float32: the embeddings, or their product where that is smaller.
            text_embeddings: `(M, D)` or `(steps, M, D)`, treated alike.
            similarity: instead of embeddings, `(N, M)` or `(steps, N, M)`, shown as it is.
            images: N pictures (PIL, arrays, tensors).
            captions: M strings; shown as text, never as HTML.
            temperature: τ, from 0.005 to 2.
            bias: of the sigmoid, from -20 to 10.
            view: one of `VIEWS`.
            steps: names of the steps of a sequence, such as the number of updates.
            against_both: images and texts against images and texts, `(N + M, N + M)`; of
                embeddings only. `hovered` and `selected` then count images first, then texts.
            title: shown above the widget.
            **traits: further traits, such as `theme` or `selected`.

        Raises:
            TypeError: an argument is of the wrong kind, or a keyword is not known.
            ValueError: a shape, length or number is not allowed (NaN, empty, zero norm, …).
            traitlets.TraitError: temperature, bias, view or step is out of range.
        """
        self.refuse_unknown(SimilarityMatrix.__init__, traits)
        steps = None if steps is None else as_list("steps", steps)
        if not isinstance(against_both, bool):
            raise TypeError(f"against_both must be True or False, got {against_both!r}")
        sent, self._shape = _arrays_to_send(image_embeddings, text_embeddings, similarity, steps)
        num_images, num_texts = self._shape[1:]
        if against_both:
            sent, self._shape = _stacked(image_embeddings, text_embeddings, steps)
        self._num_images = num_images if against_both else 0
        data = {name: codec.pack_fixed(array) for name, array in sent.items()}
        # Python and the browser compute with what travels, so that they agree to the last digit shown.
        self._arrays = {name: codec.unpack(packed) for name, packed in data.items()}
        count, rows, columns = self._shape
        pictures = None if images is None else as_images("images", images, num_images)
        texts = None if captions is None else as_texts("captions", captions, num_texts)
        names = _step_names(steps, count)
        tile = 48 if rows <= 256 else 32
        self._pictures = pictures
        self._cache: dict[tuple, SimilarityNumbers] = {}
        low, high = self._range()
        super().__init__(temperature=temperature, bias=bias, view=view, title=title, **traits)
        self.set_trait("data", data)
        self.set_trait("size", [rows, columns])
        self.set_trait("captions", texts or [])
        self.set_trait("thumbnails", picture.atlas(pictures, tile) if pictures else {})
        self.set_trait("step_names", names)
        self.set_trait("value_range", [low, high])
        self.set_trait("measure", "cosine" if similarity is None else "similarity")
        self.set_trait("num_images", self._num_images)
        self.open()

    def open(self) -> None:
        """Meet the browser, but only when the widget is whole: what follows may come late there."""
        if self.size:
            super().open()

    # ------------------------------------------------------------------ checks of what Python sets

    @traitlets.validate("view")
    def _check_view(self, proposal: Any) -> str:
        _, rows, columns = self._shape
        if self._num_images and proposal.value != VIEWS[0]:
            raise traitlets.TraitError(f"against both there is one view, {VIEWS[0]!r}")
        if proposal.value in PAIRED_VIEWS and rows != columns:
            raise traitlets.TraitError(
                f"view {proposal.value!r} needs one text for each image,"
                f" got {rows} images and {columns} texts"
            )
        return proposal.value

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        last = self._shape[0] - 1
        if not 0 <= proposal.value <= last:
            raise traitlets.TraitError(f"step must lie between 0 and {last}, got {proposal.value}")
        return proposal.value

    @traitlets.validate("hovered", "hovered_text")
    def _check_hovered(self, proposal: Any) -> int:
        name = proposal.trait.name
        return self.within(name, proposal.value, self._shape[1 if name == "hovered" else 2])

    @traitlets.validate("selected", "selected_text")
    def _check_indices(self, proposal: Any) -> list[int]:
        name = proposal.trait.name
        count = self._shape[1 if name == "selected" else 2]
        return [self.within(name, one, count) for one in proposal.value]

    # ------------------------------------------------------------------ numbers

    def similarity(self) -> np.ndarray:
        """Similarities at the current step, float64 `(N, M)`, from the numbers that are sent."""
        return _product({name: array[self.step] for name, array in self._arrays.items()})

    def numbers(self, view: str | None = None) -> SimilarityNumbers:
        """The numbers on view at the current step, temperature and bias, in float64.

        Args:
            view: another view than the current one.

        Raises:
            ValueError: unknown view, or one that needs N = M.
        """
        view = self.view if view is None else view
        if view not in VIEWS:
            raise ValueError(f"view must be one of {', '.join(map(repr, VIEWS))}, got {view!r}")
        _, rows, columns = self._shape
        if self._num_images and view != VIEWS[0]:
            raise ValueError(f"against both there is one view, {VIEWS[0]!r}")
        if view in PAIRED_VIEWS and rows != columns:
            raise ValueError(f"{view!r} needs one text for each image, got {rows} and {columns}")
        key = (view, self.step, self.temperature, self.bias)
        if key not in self._cache:
            similarity = self.similarity()
            if self._num_images:  # a pair is no place on the diagonal, and there is no loss
                found = SimilarityNumbers(similarity, None, None, None, None)
            else:
                found = _numbers(similarity, self.temperature, self.bias, view)
            self._cache = {key: found}
        return self._cache[key]

    def _range(self) -> tuple[float, float]:
        """Smallest and largest similarity over all steps, the ends of the cosine view's colours."""
        lows, highs = [], []
        for step in range(self._shape[0]):
            values = _product({name: array[step] for name, array in self._arrays.items()})
            lows.append(float(values.min()))
            highs.append(float(values.max()))
        return min(lows), max(highs)

    def headline(self) -> str:
        """One line with the losses and accuracies; measured numbers stand between ⟨ and ⟩."""
        _, rows, columns = self._shape
        if self._num_images:
            return self._headline_of_both()
        shown = f"SimilarityMatrix: {rows} images × {columns} texts"
        numbers = self.numbers()
        if numbers.infonce_loss is None:
            return f"{shown}, {self.view}, temperature {self.temperature:.3g}"
        return (
            f"{shown}, InfoNCE loss ⟨{numbers.infonce_loss:.3f}⟩,"
            f" sigmoid loss ⟨{numbers.sigmoid_loss:.3f}⟩ at temperature {self.temperature:.3g},"
            f" accuracy image→text ⟨{numbers.image_to_text_accuracy:.2f}⟩,"
            f" text→image ⟨{numbers.text_to_image_accuracy:.2f}⟩"
        )

    def _headline_of_both(self) -> str:
        """The mean cosine within images, within texts and across, a row with itself left out."""
        values, first = self.similarity(), self._num_images
        count = len(values)
        means = [
            f"{name} ⟨{part[~np.eye(*part.shape, dtype=bool) | across].mean():.2f}⟩"
            for name, part, across in (
                ("images", values[:first, :first], False),
                ("texts", values[first:, first:], False),
                ("one of each", values[:first, first:], True),
            )
            if part.size > 1
        ]
        told = f"mean cosine of two {', '.join(means)}" if means else self.view
        return f"SimilarityMatrix: {first} images and {count - first} texts against both, {told}"

    # ------------------------------------------------------------------ static picture and figure

    def color_limits(self) -> tuple[float, float]:
        """Ends of the current view's colours: the range of all steps, 0 to 1, or -1/N to 1/N."""
        if self.view == VIEWS[0]:
            return self.value_range[0], self.value_range[1]
        return (
            (-1 / self._shape[1], 1 / self._shape[1]) if self.view in PAIRED_VIEWS else (0.0, 1.0)
        )

    def picture(self) -> Image.Image:
        """The current view with thumbnails, captions (where there is room) and its colour bar."""
        return _Picture(self).draw()

    def to_plotly(self) -> Any:
        """The current view as a static heat map; its colours are linear in the numbers."""
        require("plotly", "plotly", what="to_plotly")
        import plotly.graph_objects as go

        low, high = self.color_limits()
        _, rows, columns = self._shape
        table = picture.color_table(COLORS[self.view])
        scale = [
            [index / 255, "rgb({},{},{})".format(*table[index])] for index in range(0, 256, 15)
        ]
        names = [" ".join(text.split()) for text in self.captions]
        if self._num_images:
            texts = names or [f"text {index}" for index in range(columns - self._num_images)]
            names = [*(f"image {index}" for index in range(self._num_images)), *texts]
        short = [_escape(text if len(text) <= 40 else text[:39] + "…") for text in names]
        heatmap = go.Heatmap(
            z=self.numbers().values,
            zmin=low,
            zmax=high,
            colorscale=scale,
            colorbar={"title": self._symbol()},
        )
        figure = go.Figure(heatmap)
        figure.update_layout(
            title={
                "text": _escape(
                    self.title or self.headline().translate({0x27E8: None, 0x27E9: None})
                )
            },
            template="plotly_white",
        )
        figure.update_yaxes(
            title="image", autorange="reversed", scaleanchor="x" if rows == columns else None
        )
        figure.update_xaxes(title="text", constrain="domain")
        ticks = {"tickvals": list(range(columns)), "ticktext": short}
        if short and columns <= 40:
            figure.update_xaxes(**ticks, tickangle=-50)
        if self._num_images:
            figure.update_yaxes(title="", **(ticks if columns <= 40 else {}))
            figure.update_xaxes(title="")
        return figure

    def _symbol(self) -> str:
        symbol = next(view["symbol"] for view in VIEW_LIST if view["name"] == self.view)
        return symbol.replace("{measure}", self.measure)


def _escape(text: str) -> str:
    """Plotly reads a few HTML tags in its texts; a caption must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _step_names(steps: list[Any] | None, count: int) -> list[str]:
    if steps is None:
        return [str(index) for index in range(count)]
    if len(steps) != count:
        raise ValueError(f"steps must name {count} step(s), got {len(steps)} names")
    return [str(step) for step in steps]


def _arrays_to_send(
    image_embeddings: Any, text_embeddings: Any, similarity: Any, names: list[Any] | None
) -> tuple[dict[str, np.ndarray], tuple[int, int, int]]:
    """Check; return the smaller of embeddings and matrix as float32, and (steps, N, M)."""
    if similarity is not None:
        if image_embeddings is not None or text_embeddings is not None:
            raise ValueError("give either embeddings or similarity, not both")
        matrix = _with_steps(as_embeddings("similarity", similarity, steps=names))
        return {"similarity": _float32("similarity", matrix)}, matrix.shape
    if image_embeddings is None or text_embeddings is None:
        raise ValueError("give image_embeddings and text_embeddings, or similarity")
    images = _with_steps(as_embeddings("image_embeddings", image_embeddings, steps=names))
    texts = _with_steps(as_embeddings("text_embeddings", text_embeddings, steps=names))
    if (images.shape[0], images.shape[2]) != (texts.shape[0], texts.shape[2]):
        raise ValueError(
            "image_embeddings and text_embeddings must have equal numbers of steps and dimensions,"
            f" got {images.shape} and {texts.shape} (steps, rows, dimensions)"
        )
    steps, rows, dim = images.shape
    columns = texts.shape[1]
    images, texts = _normalized("image_embeddings", images), _normalized("text_embeddings", texts)
    if rows * columns <= (rows + columns) * dim:
        return {"similarity": np.float32(images @ texts.swapaxes(1, 2))}, (steps, rows, columns)
    return {"images": np.float32(images), "texts": np.float32(texts)}, (steps, rows, columns)


def _stacked(
    image_embeddings: Any, text_embeddings: Any, steps: list[Any] | None
) -> tuple[dict[str, np.ndarray], tuple[int, int, int]]:
    """Images and texts as rows and as columns, in the form that `_arrays_to_send` gives.

    Raises:
        ValueError: there are no embeddings to stack, only their similarity.
    """
    if image_embeddings is None:
        raise ValueError("against_both needs image_embeddings and text_embeddings, not similarity")
    parts = [
        _with_steps(as_embeddings(name, value, steps=steps))
        for name, value in (("image", image_embeddings), ("text", text_embeddings))
    ]
    rows = np.concatenate(parts, axis=1)
    return _arrays_to_send(rows, rows, None, None)


def _with_steps(array: np.ndarray) -> np.ndarray:
    return array if array.ndim == 3 else array[None]


def _float32(name: str, array: np.ndarray) -> np.ndarray:
    largest = float(np.abs(array).max())
    if largest > 1e6:
        raise ValueError(f"{name} must lie between -1e6 and 1e6, got {largest:.3g}")
    return array.astype(np.float32)


def _normalized(name: str, embeddings: np.ndarray) -> np.ndarray:
    """Divide by the L2 norms, in float64; a row of zeros has no direction and is refused."""
    return unit_rows(nonzero_rows(name, embeddings.astype(np.float64)))


def _product(arrays: dict[str, np.ndarray]) -> np.ndarray:
    if "similarity" in arrays:
        return arrays["similarity"].astype(np.float64)
    return arrays["images"].astype(np.float64) @ arrays["texts"].astype(np.float64).T


def _log_sum_exp(logits: np.ndarray, axis: int) -> np.ndarray:
    top = logits.max(axis, keepdims=True)
    return top + np.log(np.exp(logits - top).sum(axis, keepdims=True))


def _numbers(
    similarity: np.ndarray, temperature: float, bias: float, view: str
) -> SimilarityNumbers:
    """The textbook formulas, in float64."""
    logits = similarity / temperature
    rows, columns = logits.shape
    row_lse, column_lse = _log_sum_exp(logits, 1), _log_sum_exp(logits, 0)
    biased = logits + bias
    paired = rows == columns
    if view == VIEWS[0]:
        values = similarity
    elif view == VIEWS[1]:
        values = np.exp(logits - row_lse)
    elif view == VIEWS[2]:
        values = np.exp(logits - column_lse)
    elif view == VIEWS[4]:
        both = np.exp(logits - row_lse) + np.exp(logits - column_lse)
        values = (both / 2 - np.eye(rows)) / rows
    else:
        values = np.exp(-np.logaddexp(0, -biased))
        if view == VIEWS[5]:
            values = (values - np.eye(rows)) / rows
    if not paired:
        return SimilarityNumbers(values, None, None, None, None)
    own = np.arange(rows)
    diagonal = logits[own, own]
    return SimilarityNumbers(
        values,
        float(((row_lse[:, 0] + column_lse[0]) / 2 - diagonal).mean()),
        float((np.logaddexp(0, biased).sum() - biased[own, own].sum()) / rows),
        float((similarity.argmax(1) == own).mean()),
        float((similarity.argmax(0) == own).mean()),
    )


class _Picture:
    """Draws the static picture; few colours and a coarse map keep its PNG at some kilobytes."""

    MAX_CELLS, COLOR_COUNT = 96, 24

    def __init__(self, widget: SimilarityMatrix) -> None:
        self.widget = widget
        _, self.rows, self.columns = widget._shape
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
        first = self.widget._num_images  # columns before the first text
        captions = self.widget.captions if self.labelled else []
        thumbs = self.widget._pictures if self.labelled else None
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
        pen.text((left, top + 26), self.widget._symbol(), picture.INK, face, anchor="lt")
