"""SimilarityMatrix: images against texts, with the losses, gradients and rankings that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from vizkit.inputs import as_images, as_list, as_texts
from vizkit.widgets import codec, picture
from vizkit.widgets.base import VizkitWidget
from vizkit.widgets.similarity_matrix.figure import Picture, figure
from vizkit.widgets.similarity_matrix.inputs import arrays_to_send, stacked, step_names
from vizkit.widgets.similarity_matrix.numbers import (
    BIASES,
    PAIRED_VIEWS,
    SIGNED_VIEWS,
    SIMILARITY,
    TEMPERATURES,
    VIEW_LIST,
    VIEWS,
    SimilarityNumbers,
    product,
    similarity_numbers,
)


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
    view = traitlets.Enum(VIEWS, SIMILARITY).tag(sync=True)
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
        sent, self.shape = arrays_to_send(image_embeddings, text_embeddings, similarity, steps)
        num_images, num_texts = self.shape[1:]
        if against_both:
            sent, self.shape = stacked(image_embeddings, text_embeddings, steps)
        self._num_images = num_images if against_both else 0
        data = {name: codec.pack_fixed(array) for name, array in sent.items()}
        # Python and the browser compute with what travels, so that they agree to the last digit shown.
        self._arrays = {name: codec.unpack(packed) for name, packed in data.items()}
        count, rows, columns = self.shape
        pictures = None if images is None else as_images("images", images, num_images)
        texts = None if captions is None else as_texts("captions", captions, num_texts)
        names = step_names(steps, count)
        tile = 48 if rows <= 256 else 32
        self.pictures = pictures
        self._cache: dict[tuple[Any, ...], SimilarityNumbers] = {}
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
        _, rows, columns = self.shape
        if self._num_images and proposal.value != SIMILARITY:
            raise traitlets.TraitError(f"against both there is one view, {SIMILARITY!r}")
        if proposal.value in PAIRED_VIEWS and rows != columns:
            raise traitlets.TraitError(
                f"view {proposal.value!r} needs one text for each image,"
                f" got {rows} images and {columns} texts"
            )
        return proposal.value

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        last = self.shape[0] - 1
        if not 0 <= proposal.value <= last:
            raise traitlets.TraitError(f"step must lie between 0 and {last}, got {proposal.value}")
        return proposal.value

    @traitlets.validate("hovered", "hovered_text")
    def _check_hovered(self, proposal: Any) -> int:
        name = proposal.trait.name
        return self.within(name, proposal.value, self.shape[1 if name == "hovered" else 2])

    @traitlets.validate("selected", "selected_text")
    def _check_indices(self, proposal: Any) -> list[int]:
        name = proposal.trait.name
        count = self.shape[1 if name == "selected" else 2]
        return [self.within(name, one, count) for one in proposal.value]

    # ------------------------------------------------------------------ numbers

    def similarity(self) -> np.ndarray:
        """Similarities at the current step, float64 `(N, M)`, from the numbers that are sent."""
        return product({name: array[self.step] for name, array in self._arrays.items()})

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
        _, rows, columns = self.shape
        if self._num_images and view != SIMILARITY:
            raise ValueError(f"against both there is one view, {SIMILARITY!r}")
        if view in PAIRED_VIEWS and rows != columns:
            raise ValueError(f"{view!r} needs one text for each image, got {rows} and {columns}")
        key = (view, self.step, self.temperature, self.bias)
        if key not in self._cache:
            similarity = self.similarity()
            if self._num_images:  # a pair is no place on the diagonal, and there is no loss
                found = SimilarityNumbers(similarity, None, None, None, None)
            else:
                found = similarity_numbers(similarity, self.temperature, self.bias, view)
            self._cache = {key: found}
        return self._cache[key]

    def _range(self) -> tuple[float, float]:
        """Smallest and largest similarity over all steps, the ends of the cosine view's colours."""
        lows, highs = [], []
        for step in range(self.shape[0]):
            values = product({name: array[step] for name, array in self._arrays.items()})
            lows.append(float(values.min()))
            highs.append(float(values.max()))
        return min(lows), max(highs)

    def headline(self) -> str:
        """One line with the losses and accuracies; measured numbers stand between ⟨ and ⟩."""
        _, rows, columns = self.shape
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
            f"{name} ⟨{part[np.logical_or(np.eye(*part.shape) == 0, across)].mean():.2f}⟩"
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
        if self.view == SIMILARITY:
            return self.value_range[0], self.value_range[1]
        return (-1 / self.shape[1], 1 / self.shape[1]) if self.view in SIGNED_VIEWS else (0.0, 1.0)

    def picture(self) -> Image.Image:
        """The current view with thumbnails, captions (where there is room) and its colour bar."""
        return Picture(self).draw()

    def to_plotly(self) -> Any:
        """The current view as a static heat map; its colours are linear in the numbers."""
        return figure(self)

    def symbol(self) -> str:
        """What the numbers on view are, beside the colour bar."""
        symbol = next(view["symbol"] for view in VIEW_LIST if view["name"] == self.view)
        return symbol.replace("{measure}", self.measure)
