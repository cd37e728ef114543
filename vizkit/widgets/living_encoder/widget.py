"""The widget `LivingEncoder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets
from PIL import Image

from vizkit.extras import require
from vizkit.inputs import as_texts
from vizkit.widgets import assets
from vizkit.widgets.base import VizkitWidget
from vizkit.widgets.living_encoder.answer import Answer, run_encoder
from vizkit.widgets.living_encoder.encoder import pack_encoder, parts_of
from vizkit.widgets.living_encoder.scene import as_scene, draw_scene

MOST_CAPTIONS = 50


class LivingEncoder(VizkitWidget, frontend="living_encoder"):
    """A vision encoder that answers while you touch its picture: its forward pass runs in the browser.

    The picture is a stage: objects of the drawn world are dragged, turned, scaled, recoloured,
    restyled, deleted and added; one paints, erases, or drops a picture of one's own. Captions are
    typed. At once it shows where each patch looks in every layer and head, how near each caption
    is, which patches answer to it, what each patch would be called after each layer (a lens through
    the last norm and the projection, as in Vilas et al. 2023), and the length of the residual
    stream. Heads, layers, positions and the stem can be switched off. No kernel is asked: an exported
    page does the same.

    Args:
        encoder: a pocket encoder (`load("pocket-clip")`, …); or a `VisionTransformer`, `DualEncoder` or
            `LabelledEncoder` of `vizkit.models` with at most 5 million weights. Its weights are taken
            as they are now, and travel in half precision.
        captions: one text or several; None for those of the first scene. Not for an encoder that was
            taught with labels.
        scene: what stands on the stage at first: None, a table of `sample_scenes` with one scene, or a
            dictionary; see `living_encoder.scene.as_scene`.
        labels: names of the classes of a `LabelledEncoder` (a dictionary by head) or of a
            `VisionTransformer` with a head (a list); None numbers them.
        tokenizer: the `WordTokenizer` of a bare `DualEncoder`.
        mean, std: of the pixels from 0 to 1 that the encoder was trained with, a number or one for each
            channel; pocket encoders know theirs.
        title: shown above the instrument, as text.

    Traits:
        captions, scene, theme, title: two-way. `scene` is the dictionary above, with indices.

    Raises:
        ModuleNotFoundError: PyTorch, which every encoder needs, is not installed.
        TypeError: an encoder whose architecture the browser does not have, with the reason; an unknown
            keyword; captions for an encoder without a text tower.
        ValueError: too many weights, a normalisation that is not known, or an argument out of range.
    """

    needs_wasm = True

    captions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    scene = traitlets.Dict().tag(sync=True)
    encoder = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        encoder: Any,
        captions: Sequence[str] | str | None = None,
        *,
        scene: Any = None,
        labels: Any = None,
        tokenizer: Any = None,
        mean: Any = None,
        std: Any = None,
        title: str = "",
        **traits: Any,
    ) -> None:
        self.refuse_unknown(LivingEncoder.__init__, traits)
        require("models", "torch", what="LivingEncoder")
        self._parts = parts_of(encoder, tokenizer, labels)
        packed = pack_encoder(self._parts, mean, std)
        self.facts = packed["facts"]
        super().__init__(
            encoder=packed,
            captions=self._checked_captions(captions),
            scene=as_scene(scene),
            title=title,
            **traits,
        )

    def _checked_captions(self, captions: Any) -> list[str]:
        readable = self._parts.tokenizer is not None
        if captions is None:
            return list(assets.constant("firstCaptions")) if readable else []
        texts = as_texts("captions", [captions] if isinstance(captions, str) else captions)
        if texts and not readable:
            raise TypeError(
                f"{self._parts.name} has no text tower: leave captions out, received {captions!r:.60}"
            )
        if len(texts) > MOST_CAPTIONS:
            raise ValueError(f"captions must be at most {MOST_CAPTIONS}, got {len(texts)}")
        return texts

    @traitlets.validate("captions")
    def _valid_captions(self, proposal: Any) -> list[str]:
        return _as_trait_error(self._checked_captions, proposal["value"])

    @traitlets.validate("scene")
    def _valid_scene(self, proposal: Any) -> dict[str, Any]:
        return _as_trait_error(as_scene, proposal["value"])

    def drawn(self, image_size: int | None = None) -> Any:
        """The scene as Python draws it, uint8 (S, S, 3); S is the encoder's own size unless another is given."""
        return draw_scene(self.scene, image_size or self.facts["imageSize"])

    def answer(self) -> Answer:
        """What the encoder says of scene and captions, computed in Python with nothing switched off."""
        return run_encoder(self._parts, self.facts, self.drawn(), list(self.captions))

    def headline(self) -> str:
        """The encoder, its size, and what it thinks of the scene."""
        facts = self.facts
        layers = (
            f"{facts['layers']} layers of {facts['heads']} heads" if facts["layers"] else "a CNN"
        )
        line = f"LivingEncoder: {facts['name']} runs in the browser ({facts['parameters']:,} weights, {layers})"
        answer = self.answer()
        if not answer.names:
            return line
        best = int(answer.shares.argmax())
        return f"{line}; {answer.names[best]!r} {answer.shares[best]:.0%}"

    def picture(self) -> Image.Image:
        """Scene, attention and probabilities, drawn without a browser."""
        from vizkit.widgets.living_encoder.figure import draw

        return draw(self)

    def to_plotly(self) -> Any:
        """Scene, attention and probabilities as a static `plotly.graph_objects.Figure`."""
        from vizkit.widgets.living_encoder.figure import figure

        return figure(self)


def _as_trait_error(check: Any, value: Any) -> Any:
    try:
        return check(value)
    except (TypeError, ValueError) as error:
        raise traitlets.TraitError(str(error)) from error
