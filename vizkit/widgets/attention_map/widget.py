"""AttentionMap: where each token of a picture looks, layer by layer and head by head."""

from __future__ import annotations

import base64
import inspect
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
import traitlets
from PIL import Image

from vizkit.inputs import as_image, as_images, as_texts, is_one_picture
from vizkit.widgets.attention_map.figure import PANELS, draw, figure
from vizkit.widgets.attention_map.inputs import (
    Layer,
    ModelMaps,
    as_grid,
    attention_sides,
    map_sides,
    with_pooling,
)
from vizkit.widgets.attention_map.numbers import (
    QuantizedMaps,
    attention_rollout,
    mean_distance,
    patch_distances,
)
from vizkit.widgets.base import VizkitWidget
from vizkit.widgets.codec import Array

MODES = ("one head", "mean over heads", "max over heads", "rollout")
DIRECTIONS = ("given", "received")
SCALES = ("each map", "shared")
KINDS = ("similarity", "receptive field")
STREAM_ALL_BYTES = 24 * 2**20
PAGE_BYTES = 48 * 2**20
PICTURE_SIDE = 448


class AttentionMap(VizkitWidget, frontend="attention_map"):
    """Attention maps of an image encoder over the picture: hover a patch to see where it looks.

    Weights travel on 8 bits with a scale for each row: a weight on a patch is off by at most the
    row's largest patch weight / 510 (for `from_maps` with signed numbers: / 254), a weight on a
    prefix token by at most 1 / 131,070. All that the widget shows is computed in the browser from
    these bytes. The layer on view travels first, the others when the browser asks for them.

    Places (`query`, `hovered`, `selected`) are counted in the first layer of the first model; maps
    with other grids follow by the place in the picture.

    Args:
        attention: weights after softmax, queries before keys: (L, H, T, T); for several pictures
            (images, L, H, T, T); a list of (H, T, T) or (images, H, T, T), one for each layer, when
            layers differ; or a dict of one or two of these, name -> maps, to compare two models.
        image: the picture as the model saw it (PIL image, array or tensor with values 0..1 or
            uint8); a list for several pictures; None to draw the maps alone.
        grid: (rows, columns) of the patches; a list of them, one for each layer; a dict for two
            models; None when the patches form a square.
        num_prefix_tokens: tokens before the patches (class token, registers); a dict for two
            models; None to infer.
        layer: layer on view, counted from 0; negative counts from the end. What the widget writes
            counts layers and heads as people do: "layer 1 of 12, head 1".
        head: head on view, counted from 0; negative counts from the end.
        query: token whose map is shown (prefix tokens first, then the patches row by row), -1 for
            none; None starts with the first prefix token, or the middle patch.
        names: names of the layers.
        opacity: of the map over the picture, 0 to 1.
        title: shown above the picture.
        layers: keep these layers only (large models); rollout then needs all from the first on.
        pooling: weights of the learned query of attention pooling over the last layer's tokens, a
            query "pooling" of its own: (H, T), or (images, H, T); a dict for two models.
        mode, scale, smooth, panels, image_index: the traits of the same names.

    Traits, beside those of every widget:
        layer, head, query, opacity: as above.
        mode: "one head", "mean over heads", "max over heads" or "rollout".
        direction: "given" shows where the query looks (a row of the map); "received" who looks at
            it (a column, divided by the number of queries, so that it sums to the mean attention
            that the token receives), and without a query what each patch receives, the mean over
            all queries. For attention only.
        scale: "each map" colours up to its own maximum, "shared" up to the maximum of all heads for this query.
        smooth: interpolate between the patches.
        image_index: picture on view.
        panels: which of "heads", "distance" and "matrix" stand beside the map.
        hovered: index of the patch under the pointer, -1 for none.
        selected: the pinned patch, as a list of at most one index. An index that a linked widget
            sends and that is no patch here is ignored, with a warning.

    Raises:
        ValueError, TypeError: bad shapes, NaN, rows that do not sum to 1 within 1e-3, a layer, head
            or query out of range, an unknown keyword; the message names the argument.
    """

    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    mode = traitlets.Enum(MODES, MODES[0]).tag(sync=True)
    direction = traitlets.Enum(DIRECTIONS, DIRECTIONS[0]).tag(sync=True)
    query = traitlets.Int(-1).tag(sync=True)
    opacity = traitlets.Float(0.65).tag(sync=True)
    scale = traitlets.Enum(SCALES, SCALES[0]).tag(sync=True)
    smooth = traitlets.Bool(False).tag(sync=True)
    image_index = traitlets.Int(0).tag(sync=True)
    panels = traitlets.List(traitlets.Enum(tuple(PANELS))).tag(sync=True)
    about = traitlets.Dict().tag(sync=True)
    blocks = traitlets.Dict().tag(sync=True)
    text_scores: list[list[Any]] = []  # noqa: RUF012  (of `from_text`: pictures, sentences)
    kind: str  # "attention", "similarity", "receptive field" or "text"
    models: tuple[ModelMaps, ...]
    pictures: list[Array]  # of all images, uint8 (H, W, 3)
    head_names: list[str]
    method = ""
    notes: list[list[str]] = []  # noqa: RUF012  (pictures, layers): what is said of each map

    def __init__(
        self,
        attention: Any,
        image: Any = None,
        *,
        grid: Any = None,
        num_prefix_tokens: int | Mapping[str, int] | None = None,
        layer: int = -1,
        head: int = 0,
        query: int | None = None,
        names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        opacity: float = 0.65,
        title: str = "",
        layers: Sequence[int] | None = None,
        pooling: Any = None,
        **traits: Any,
    ) -> None:
        self.refuse_unknown(AttentionMap.__init__, traits)
        sides = attention_sides(attention, grid, num_prefix_tokens, names, layers)
        sides = with_pooling(sides, pooling)
        self.head_names = []
        self._open("attention", sides, image, layer, head, query, opacity, title, traits)

    @classmethod
    def from_maps(
        cls,
        maps: Any,
        image: Any = None,
        *,
        grid: tuple[int, int] | None = None,
        kind: Literal["similarity", "receptive field"] = "similarity",
        names: Sequence[str] | None = None,
        head_names: Sequence[str] | None = None,
        query: int | None = None,
        layer: int = 0,
        head: int = 0,
        opacity: float = 0.8,
        title: str = "",
        **traits: Any,
    ) -> AttentionMap:
        """Show any "place -> map over the picture" numbers; signed ones with a diverging colour map.

        Args:
            maps: (Q, rows, columns), one map for each place, such as the cosine similarity of
                position embeddings or an effective receptive field; (variants, Q, rows, columns) or
                (layers, heads, Q, rows, columns) for several.
            image: as in the constructor; None draws the maps alone.
            grid: (rows, columns) of the places, Q in all; None when they are the maps' own
                cells or form a square. The maps may be finer than the queries.
            kind: what the numbers are: "similarity" or "receptive field".
            names: names of the variants (of the layers, where there are heads too).
            head_names: names of the heads, for (layers, heads, Q, rows, columns).

        Raises:
            ValueError, TypeError: as the constructor.
        """
        cls.refuse_unknown(cls.from_maps, traits)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
        self = cls.__new__(cls)
        sides = map_sides(maps, grid, names)
        self.head_names = []
        if head_names is not None:
            self.head_names = as_texts("head_names", head_names, sides[0].layers[0].heads)
        self._open(kind, sides, image, layer, head, query, opacity, title, traits)
        return self

    @classmethod
    def from_model(
        cls,
        model: Any,
        image: Any,
        *,
        preprocess: Any = None,
        picture: Any = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **options: Any,
    ) -> AttentionMap:
        """Run an image encoder on a picture (or a list of them) and show its attention.

        Args:
            model: anything `vizkit.models.capture_attention` knows (of vizkit, timm, open_clip,
                transformers, torch), in any wrapper; it runs in its own mode, on its own device.
            image: a PIL image or uint8 array: with `preprocess` it goes through that, without it is
                resized to the model's size (short side, then the middle), scaled to 0..1 and
                normalised. A float tensor (3, H, W) or (B, 3, H, W) is taken as the model's input.
            preprocess: PIL image -> tensor (3, H, W), such as open_clip's or timm's transform, or an
                image processor (or whole processor) of transformers.
            picture: what to show instead of the input with the normalisation undone; as `image` of the constructor.
            mean, std: normalisation of the channels from 0..1; None takes the model's own (timm
                `pretrained_cfg`, open_clip `image_mean`), also of a model inside of a wrapper.
            options: as the constructor (`layer`, `head`, `title`, `layers`, …). `layers` costs no
                more than these layers; `num_prefix_tokens` is for a model that does not say.

        Raises:
            TypeError: the model has no attention that is known, or `image` is no picture.
            ValueError: as the constructor; the normalisation is not found and not given.
        """
        cls.refuse_unknown(cls.from_model, options, also=OPTIONS)
        # Widgets know arrays only; the models are imported only here, when they are used.
        from vizkit.models import capture
        from vizkit.widgets.attention_map.model import chosen_modules, run_model

        layers, prefix = options.pop("layers", None), options.pop("num_prefix_tokens", None)
        chosen = None
        if layers is not None and hasattr(model, "named_modules"):
            chosen = chosen_modules(capture.layer_kinds(model), layers)
        captured, pictures, chosen = run_model(
            capture.capture_attention,
            model,
            image,
            preprocess,
            mean,
            std,
            chosen,
            num_prefix_tokens=prefix,
        )
        return cls._of_capture(
            captured, pictures if picture is None else picture, layers, chosen, options
        )

    @classmethod
    def from_text(
        cls,
        encoder: Any,
        image: Any,
        texts: Sequence[str] | str,
        *,
        method: Literal["patches", "decomposition", "occlusion"] = "patches",
        mask: Any = None,
        picture: Any = None,
        window: int = 1,
        grid: tuple[int, int] | None = None,
        layer: int = 0,
        head: int = 0,
        opacity: float = 0.8,
        title: str | None = None,
        **traits: Any,
    ) -> AttentionMap:
        """Show which patches of a picture (or of a list of them) answer to sentences, and how well that is true.

        Args:
            encoder: what `vizkit.zoo.load` returns for pictures and texts.
            image: pictures of any kind that the encoder takes.
            texts: a sentence, or a list of them; the layer chooses the one on view.
            method: "patches", the cosine of each patch token, projected like the read-out, with the
                sentence; "decomposition", what all heads (head 0), or one, add to the cosine by
                looking at each patch, exactly; "occlusion", how much of the cosine is lost while
                each patch is covered. The first two want a ViT whose tokens have a linear way to
                the score (pocket encoders, open_clip's own ViTs); the third takes every encoder.
            mask: where the thing of each sentence really is, true or false, (H, W) or (sentences,
                H, W), for several pictures (pictures, sentences, H, W), of the picture as the model
                sees it: the maps are scored against it, beside chance and random maps. Scenes of
                the drawn world know theirs: `vizkit.data.object_masks`.
            picture: what to show instead of the input with the normalisation undone.
            window: for "occlusion", an odd number of patches covered each way.
            grid: for "occlusion", (rows, columns); None takes the patches'.
            title: None says the method, and the score where there is a mask.

        Raises:
            TypeError: no encoder, or one whose structure does not allow the method (and why); an
                unknown keyword.
            ValueError: an unknown method, empty sentences, masks that do not fit.
        """
        cls.refuse_unknown(cls.from_text, traits)
        from vizkit.models import patch_text
        from vizkit.widgets.attention_map import text as attention_text
        from vizkit.widgets.attention_map.model import seen_by

        texts = as_texts("texts", [texts] if isinstance(texts, str) else texts)
        if not texts or not all(text.strip() for text in texts):
            raise ValueError(f"texts must be sentences with words, got {texts}")
        found = patch_text.text_maps(
            encoder, image, texts, method, window=window, grid=grid and as_grid("grid", grid)
        )
        maps = found.maps.numpy()
        scores = attention_text.text_scores(
            maps, attention_text.as_masks(mask, len(maps), len(texts))
        )
        self = cls.__new__(cls)
        self.head_names = found.names
        self.method, self.text_scores = method, scores
        sums = maps[:, :, 0].sum((2, 3)).tolist()
        sums = sums if method == "decomposition" else [[None] * len(texts)] * len(maps)
        self.notes = [
            [attention_text.note(*one) for one in zip(*row, strict=True)]
            for row in zip(found.scores.tolist(), scores, sums, strict=True)
        ]
        sides = attention_text.text_sides(maps, texts)
        if title is None:
            told = attention_text.summary(scores).replace("⟨", "").replace("⟩", "")
            title = f"Which patches answer, by {method}" + (f": {told}" if told else "")
        pictures = seen_by(encoder.model, found.pixels.numpy()) if picture is None else picture
        self._open("text", sides, pictures, layer, head, 0, opacity, title, traits)
        return self

    @classmethod
    def _of_capture(
        cls, captured: Any, image: Any, layers: Any, chosen: Any, options: dict[str, Any]
    ) -> AttentionMap:
        """Show captured maps: all, those of `layers`, or those that alone were captured, `chosen`."""
        if not captured.maps:
            raise ValueError(
                f"the model has attention pooling only, {list(captured.pooling_maps)}: its maps are"
                " shown by AttentionMap.from_maps"
            )
        tokens = captured.maps[-1].shape[-1]
        pooling, complete = options.pop("pooling", None), True
        if chosen is not None:
            captured.maps, captured.names, captured.grids = (
                [part[place] for place in chosen[1]]
                for part in (captured.maps, captured.names, captured.grids)
            )
            wanted = [int(layer) for layer in layers]
            complete, layers = wanted == list(range(len(wanted))), None
        if pooling is None:
            for pooled in captured.pooling_maps.values():  # (B, H, L, S), of L learned queries
                if tuple(pooled.shape[2:]) == (1, tokens):
                    pooling = pooled[:, :, 0]
        names = options.pop("names", None)
        names = [_short_name(name) for name in captured.names] if names is None else names
        prefix = captured.num_prefix_tokens
        (side,) = attention_sides(captured.maps, list(captured.grids), prefix, names, layers)
        side = replace(
            side,
            complete=side.complete and complete,
            prefix_names=tuple(captured.prefix_names),
        )
        (side,) = with_pooling((side,), pooling)
        self = cls.__new__(cls)
        self.head_names = []
        shown: dict[str, Any] = {
            "layer": -1,
            "head": 0,
            "query": None,
            "opacity": 0.65,
            "title": "",
        }
        shown |= {name: options.pop(name) for name in tuple(shown) if name in options}
        self._open("attention", (side,), image, traits=options, **shown)
        return self

    def _open(
        self,
        kind: str,
        sides: tuple[ModelMaps, ...],
        image: Any,
        layer: int,
        head: int,
        query: int | None,
        opacity: float,
        title: str,
        traits: dict[str, Any],
    ) -> None:
        self.kind, self.models = kind, sides
        count = len(sides[0].layers[0].blocks)
        self.pictures = _pictures(image, count)
        first = sides[0].layers[0]
        if query is None:
            middle = first.grid[0] // 2 * first.grid[1] + first.grid[1] // 2
            query = 0 if sides[0].num_prefix_tokens else middle
        traits.setdefault("panels", ["heads", "distance"] if kind == "attention" else ["heads"])
        layer, head = int(layer), int(head)
        layer = self._in_range("layer", layer, len(sides[0].layers))
        blocks = self._first_blocks(layer, int(traits.get("image_index", 0)) % count)
        super().__init__(
            layer=layer,
            head=head,
            query=query,
            opacity=opacity,
            title=title,
            about=self._describe(),
            blocks=blocks,
            **traits,
        )
        self.on_msg(self._respond)
        self.observe(self._follow_selected, "selected")
        self.observe(self._follow_query, "query")

    # Traits stay in range, whoever sets them.

    @staticmethod
    def _in_range(name: str, value: int, count: int) -> int:
        if not -count <= value < count:
            raise traitlets.TraitError(
                f"{name} must be between {-count} and {count - 1}, got {value}"
            )
        return value % count

    @traitlets.validate("layer")
    def _check_layer(self, proposal: dict[str, Any]) -> int:
        return self._in_range("layer", proposal["value"], len(self.models[0].layers))

    @traitlets.validate("head")
    def _check_head(self, proposal: dict[str, Any]) -> int:
        most = max(layer.heads for layer in self.models[0].layers)
        return self._in_range("head", proposal["value"], most)

    @traitlets.validate("image_index")
    def _check_image_index(self, proposal: dict[str, Any]) -> int:
        count = len(self.models[0].layers[0].blocks)
        return self._in_range("image_index", proposal["value"], count)

    @traitlets.validate("query")
    def _check_query(self, proposal: dict[str, Any]) -> int:
        count = self.models[0].layers[0].queries
        if not -1 <= proposal["value"] < count:
            raise traitlets.TraitError(
                f"query must be a token from 0 to {count - 1}, or -1 for none, got {proposal['value']}"
            )
        return proposal["value"]

    @traitlets.validate("hovered")
    def _check_hovered(self, proposal: dict[str, Any]) -> int:
        return self.within("hovered", proposal["value"], self._patches)

    @traitlets.validate("selected")
    def _check_selected(self, proposal: dict[str, Any]) -> list[int]:
        # A linked widget may select many items; one query can be pinned: the last.
        last = proposal["value"][-1:]
        return [self.within("selected", one, self._patches) for one in last]

    @property
    def _patches(self) -> int:
        rows, columns = self.models[0].layers[0].grid
        return rows * columns

    @traitlets.validate("opacity")
    def _check_opacity(self, proposal: dict[str, Any]) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise traitlets.TraitError(f"opacity must be from 0 to 1, got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("mode")
    def _check_mode(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] == "rollout" and not all(side.can_roll_out for side in self.models):
            raise traitlets.TraitError(
                "rollout needs attention of all layers from the first on, with the same tokens in each"
            )
        return proposal["value"]

    @traitlets.validate("direction")
    def _check_direction(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] == "received" and self.kind != "attention":
            raise traitlets.TraitError(f"only attention is received, these maps show {self.kind}")
        return proposal["value"]

    def _follow_selected(self, change: dict[str, Any]) -> None:
        if change["new"] and 0 <= change["new"][0] < self._patches:
            self.query = self.models[0].num_prefix_tokens + change["new"][0]

    def _follow_query(self, change: dict[str, Any]) -> None:
        if self.selected:
            patch = change["new"] - self.models[0].num_prefix_tokens
            self.selected = [patch] if patch >= 0 else []

    # What travels to the browser, and when.

    def _describe(self) -> dict[str, Any]:
        sides = [
            {
                "name": side.name,
                "prefix": side.num_prefix_tokens,
                "tokens": list(side.prefix_names),
                "signed": side.signed,
                "rollout": self.kind == "attention" and side.can_roll_out,
                "layers": [_facts(layer) for layer in side.layers],
                "pooling": side.pooling and _facts(side.pooling),
            }
            for side in self.models
        ]
        one_picture = sum(layer.blocks[0].nbytes for side in self.models for layer in side.layers)
        return {
            # A sentence is one query for the whole picture; the browser shows it as any other map.
            "kind": "similarity" if self.kind == "text" else self.kind,
            "notes": self.notes,
            "sides": sides,
            "count": len(self.models[0].layers[0].blocks),
            "images": [_as_url(image) for image in self.pictures],
            "bytes": one_picture,
            "all": one_picture <= STREAM_ALL_BYTES,
            "heads": self.head_names,
        }

    def _first_blocks(self, layer: int, image: int) -> dict[str, bytes]:
        found = {}
        for index, side in enumerate(self.models):
            key = (index, image, self._matching_layer(side, layer))
            found["/".join(map(str, key))] = self._block(*key).compressed()
        return found

    def _matching_layer(self, side: ModelMaps, layer: int) -> int:
        """The layer of a second model that stands beside `layer` of the first: the same share of its depth."""
        depth = len(self.models[0].layers) - 1
        return int(layer * (len(side.layers) - 1) / depth + 0.5) if depth else len(side.layers) - 1

    def _block(self, side: int, image: int, layer: int | str) -> QuantizedMaps:
        """The block of a layer or, for "pooling", of the pooling query; IndexError where there is none."""
        one = self.models[side]
        found = one.pooling if layer == "pooling" else one.layers[int(layer)]
        if found is None:
            raise IndexError(f"model {side} has no pooling query")
        return found.blocks[image]

    def _respond(self, _: Any, content: Any, __: Any) -> None:
        """Send the block that the front end requests, `{"request": "side/image/layer"}`."""
        requested = content.get("request") if isinstance(content, dict) else None
        if not isinstance(requested, str) or not re.fullmatch(
            r"\d{1,6}/\d{1,6}/(\d{1,6}|pooling)", requested
        ):
            return
        side, image, layer = requested.split("/")
        try:
            block = self._block(int(side), int(image), layer)
        except IndexError:
            return
        self.send({"response": requested}, buffers=[block.compressed()])

    def page_state(self) -> dict[str, Any]:
        """Return the state of an exported page, with the layer on view."""
        shown = self._first_blocks(self.layer, self.image_index)
        return {**self.get_state(), "blocks": shown}

    def page_responses(self) -> dict[str, bytes]:
        """Return all layers of all pictures but those on view, for an exported page.

        Raises:
            ValueError: the page would be larger than 48 MB.
        """
        shown = self._first_blocks(self.layer, self.image_index)
        answers: dict[str, bytes] = {}
        room = PAGE_BYTES - sum(map(len, shown.values()))
        for s, side in enumerate(self.models):
            named = [
                *enumerate(side.layers),
                *([("pooling", side.pooling)] if side.pooling else []),
            ]
            for index, layer in named:
                for i, block in enumerate(layer.blocks):
                    name = f"{s}/{i}/{index}"
                    if name not in shown:
                        answers[name] = block.compressed(6)
                        room -= len(answers[name])
                    if room < 0:
                        raise ValueError(
                            f"the page would be larger than {PAGE_BYTES >> 20} MB: keep fewer layers (layers=[…])"
                            " or fewer pictures"
                        )
        return answers

    # Numbers, from the same bytes as the browser's.

    def weights(self, model: int = 0) -> Array:
        """Return the map on view (mode, layer, head, query, direction), float64 (T,).

        Zeros without a query where it is about what a query gives.
        """
        side = self.models[model]
        number = min(self.layer, len(side.layers) - 1)
        layer = side.layers[number]
        block, token = layer.blocks[self.image_index], self.token_in(layer, side)
        received = self.direction == "received"
        if token < 0 and not (received and self.query < 0):
            return np.zeros(block.prefix.shape[-1] + block.values.shape[-1])
        if self.mode == "rollout":
            whole = self.rollout(number, model)
            return self._read(whole, token) if received else whole[token]
        if self.mode == "one head":
            return self.head_map(block, min(self.head, layer.heads - 1), token)
        rows = np.stack([self.head_map(block, head, token) for head in range(layer.heads)])
        # What each patch receives from all queries is a mean of a maximum, no maximum of means.
        if received and token < 0 and self.mode == "max over heads":
            wholes = (block.weights(head) for head in range(layer.heads))
            return self._read(reduce(np.maximum, wholes), token)
        return rows.mean(0) if self.mode == "mean over heads" else rows.max(0)

    def head_map(self, block: QuantizedMaps, head: int, token: int) -> Array:
        """Return what `token` gives, or receives, in one head of a block, float64 (T,)."""
        if self.direction == "given":
            return block.weights(head, token)
        return self._read(block.weights(head), token)

    @staticmethod
    def _read(whole: Array, token: int) -> Array:
        """A column of a map (queries, keys) as a share of all queries; without a token their mean."""
        return whole.mean(0) if token < 0 else whole[:, token] / len(whole)

    def attention_received(self, model: int = 0) -> list[Array]:
        """What each token receives, the mean over all queries: one array (H, T) for each layer.

        Of the picture on view; prefix tokens first. Each row sums to 1.
        """
        if self.kind != "attention":
            raise ValueError(f"attention received needs attention maps, these show {self.kind}")
        return [
            np.stack([block.weights(head).mean(0) for head in range(layer.heads)])
            for layer in self.models[model].layers
            for block in [layer.blocks[self.image_index]]
        ]

    def token_in(self, layer: Layer, side: ModelMaps | None = None) -> int:
        """The query's token in a layer whose grid may differ from the first layer's; -1 for none."""
        first, prefix = self.models[0].layers[0], self.models[0].num_prefix_tokens
        own = prefix if side is None else side.num_prefix_tokens
        if self.query < prefix:
            return self.query if self.query < own else -1
        row, column = divmod(self.query - prefix, first.grid[1])
        row = int((row + 0.5) / first.grid[0] * layer.grid[0])
        column = int((column + 0.5) / first.grid[1] * layer.grid[1])
        return own + row * layer.grid[1] + column

    def attention_distance(self, model: int = 0) -> list[Array]:
        """Mean attention distance of each head, one array (H,) for each layer, as a share of the picture's width.

        Of the picture on view; see `attention_map.numbers.attention_distance` for the definition and its source.
        """
        return self.distances(model, self.image_index)

    def distances(self, model: int, index: int) -> list[Array]:
        """As `attention_distance`, of any picture."""
        if self.kind != "attention":
            raise ValueError(f"attention distance needs attention maps, these show {self.kind}")
        side = self.models[model]
        found = []
        for layer in side.layers:
            distances = patch_distances(layer.grid)
            # The scale of a row cancels in its mean distance: the bytes are enough.
            values = layer.blocks[index].values[:, side.num_prefix_tokens :]
            found.append(np.array([mean_distance(one, distances) for one in values]))
        return found

    def rollout(self, layer: int = -1, model: int = 0) -> Array:
        """Attention rollout up to and including `layer` of the picture on view, float64 (T, T).

        Raises:
            ValueError: layers are missing, or differ in their tokens.
        """
        side = self.models[model]
        if self.kind != "attention" or not side.complete:
            raise ValueError("rollout needs attention of all layers from the first on")
        layer = self._in_range("layer", layer, len(side.layers))
        blocks = [one.blocks[self.image_index] for one in side.layers[: layer + 1]]
        return attention_rollout(
            [np.stack([block.weights(h) for h in range(len(block.scales))]) for block in blocks]
        )

    # The static picture and the Plotly figure.

    @cached_property
    def _mean_distance(self) -> float:
        per_layer = self.distances(0, 0)
        return float(np.nanmean(np.concatenate(per_layer)))

    def headline(self) -> str:
        """One line: layers, heads, patches, and the mean attention distance (a breathing number between ⟨ ⟩)."""
        parts = []
        for side in self.models:
            heads = sorted({layer.heads for layer in side.layers})
            grids = list(dict.fromkeys(layer.grid for layer in side.layers))
            counts = str(heads[0]) if len(heads) == 1 else f"{heads[0]} to {heads[-1]}"
            size = " and ".join(f"{rows} x {columns}" for rows, columns in grids)
            depth = len(side.layers)
            text = (
                f"{depth} layer{'s'[: depth > 1]} x {counts} head{'s'[: counts != '1']}, "
                if self.kind == "attention" or depth > 1 or counts != "1"
                else ""
            )
            if self.kind == "attention":
                text += f"{size} patches"
            else:
                text += "one map each" if size == "1 x 1" else f"{size} places, each with a map"
            if side.num_prefix_tokens:
                text += (
                    f" + {side.num_prefix_tokens} prefix token{'s'[: side.num_prefix_tokens > 1]}"
                )
            parts.append(f"{side.name}: {text}" if side.name else text)
        count = len(self.models[0].layers[0].blocks)
        pictures = f", {count} pictures" if count > 1 else ""
        line = f"AttentionMap: {' | '.join(parts)}{pictures}"
        if self.kind == "text":
            return self._text_headline()
        if self.kind == "attention":
            return f"{line}; mean attention distance ⟨{self._mean_distance:.2f}⟩ of the width"
        largest = max(float(layer.blocks[0].scales.max()) for layer in self.models[0].layers)
        return f"{line}; {self.kind}, largest magnitude ⟨{largest:.3g}⟩"

    def _text_headline(self) -> str:
        from vizkit.widgets.attention_map.text import summary

        layers = self.models[0].layers
        rows, columns = layers[0].key_grid
        several = len(layers[0].blocks)
        line = f"AttentionMap: {len(layers)} sentence{'s'[: len(layers) > 1]}, {rows} x {columns} patches"
        line += f", {several} pictures" if several > 1 else ""
        told = summary(self.text_scores)
        return f"{line}, by {self.method}" + (f"; {told}" if told else "")

    def picture(self) -> Image.Image:
        """The map on view over the picture, and the same query's map in every head, drawn without a browser."""
        return draw(self)

    def to_plotly(self) -> Any:
        """The map on view over the picture as a static `plotly.graph_objects.Figure`."""
        return figure(self)


# What the constructor takes beside maps and pictures, which `from_model` computes.
OPTIONS = tuple(
    name
    for name in inspect.signature(AttentionMap.__init__).parameters
    if name not in ("self", "attention", "image", "grid", "traits")
)


def _pictures(image: Any, count: int) -> list[Array]:
    """Return no pictures or `count` of them."""
    if image is None:
        return []
    if not is_one_picture(image):
        return as_images("image", image, count)
    if count > 1:
        raise ValueError(f"image must be a list of {count} pictures, one for each, got one picture")
    return [as_image("image", image)]


def _as_url(image: Array) -> dict[str, Any]:
    """A picture as a data URL: lossless when small (drawn scenes stay crisp), else JPEG of at most 448 pixels."""
    opened = Image.fromarray(image)
    out = io.BytesIO()
    if max(opened.size) <= 128:
        kind = "png"
        opened.save(out, "PNG", optimize=True)
    else:
        kind = "jpeg"
        opened.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
        opened.save(out, "JPEG", quality=82, optimize=True)
    url = f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"
    return {"url": url, "width": opened.width, "height": opened.height}


def _facts(layer: Layer) -> dict[str, Any]:
    """What the front end must know of a layer before its bytes come."""
    return {
        "name": layer.name,
        "heads": layer.heads,
        "grid": layer.grid,
        "keys": layer.key_grid,
    }


def _short_name(name: str) -> str:
    """A layer's name for people, counted from 1: "blocks.3.attn" -> "4"; of a Swin both numbers, "2.1"."""
    return ".".join(str(int(number) + 1) for number in re.findall(r"\d+", name)) or name
