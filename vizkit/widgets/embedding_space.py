"""EmbeddingSpace: a map of embeddings, with classes, pairs, true neighbours and training steps."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.inputs import (
    as_array,
    as_embeddings,
    as_images,
    as_list,
    as_texts,
    is_missing,
    power_of_two,
    unit_rows,
)
from vizkit.widgets import assets, codec, picture
from vizkit.widgets import projection as plane
from vizkit.widgets.base import VizkitWidget

Array = np.ndarray
NEIGHBOURS = 8
TABLE_POINTS = (
    20_000  # an exported page carries the neighbours of this many points (x steps: twice)
)
PICTURE_POINTS = 60_000  # the static picture is drawn from so many
QUICK_POINTS = 4_000  # so many get all their neighbours at once in JupyterLab; beyond, when asked
ORDINARY = 40  # a power of two: up to 1e12 and down to 1e-12 nothing needs to be rescaled
MODALITIES = ("image", "text")
MAX_IMAGES = 10_000
# A class has a colour and, where there are more classes than colours, a mark of its own as well.
MARKS = tuple(assets.constant("marks"))
TEXT_MARKS = tuple(assets.constant("textMarks"))
PROJECTION_NAMES = assets.constant("projectionNames")


class EmbeddingSpace(VizkitWidget, frontend="embedding_space"):
    """A map of embeddings that can be zoomed, searched, filtered and played over training steps.

    Two dimensions are shown as they are, with Euclidean neighbours. More are projected; then
    neighbours and their similarities are cosines in the full space, because a map distorts: how
    many of the true neighbours the map keeps is always shown. Cosines are right for numbers of any
    finite size; the cosine of a row of zeros with any other row is 0. Equal rows are each other's
    neighbours, with cosine 1; where all rows are equal the map is one place.

    There are twelve colours. From the 13th class on a class is told apart by its mark as well.

    Args:
        embeddings: `(N, D)` or `(steps, N, D)`, D at least 2; an array or a tensor of any dtype and
            device, or a list of vectors. A list of batches is refused: join them.
        labels: a class for each point, integers or strings; at most 65,536 classes.
        class_names: names for integer labels 0, 1, …
        class_colors: a colour "#rrggbb" for some or all classes, by name; the others take one of
            the palette, which the colour-blind can tell apart.
        modality: "image" or "text" for each point: discs and triangles, and the modality gap.
        images: one picture for each point, None where a point has none; or, with `modality`, one
            for each image point.
        captions: one text for each point, None or "" where there is none; or, with `modality`, one
            for each text point.
        pairs: `(P, 2)` indices of points that belong together, joined by lines.
        projection: "pca", "tsne" or "none" (only for D = 2); the default is "none" for D = 2, else
            "pca". t-SNE is computed when first asked for.
        projections: further projections to compute at once, so that an exported page can switch.
        steps: a name for each step, such as the number of training steps.
        step: the step shown first; the default is the last one.
        title: shown above the map, as text.
        seed: of t-SNE and of the samples.

    Traits:
        projection, step, hovered, selected, show_pairs, show_gap, show_thumbnails, search,
        hidden_classes (names), theme, title: all two-way. `hovered` and `selected` are indices of
        points; a linked widget may hold others, which are ignored.

    Raises:
        TypeError, ValueError: an argument is not what it should be; the message says what came.
    """

    projection = traitlets.Unicode("pca").tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    show_pairs = traitlets.Bool(True).tag(sync=True)
    show_gap = traitlets.Bool(False).tag(sync=True)
    show_thumbnails = traitlets.Bool(False).tag(sync=True)
    search = traitlets.Unicode("").tag(sync=True)
    hidden_classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    maps = traitlets.Dict().tag(sync=True)
    table = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        embeddings: Any,
        *,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        class_colors: Mapping[str, str] | None = None,
        modality: Sequence[str] | None = None,
        images: Any = None,
        captions: Sequence[str | None] | None = None,
        pairs: Any = None,
        projection: str | None = None,
        projections: Sequence[str] = (),
        steps: Sequence[Any] | None = None,
        step: int | None = None,
        title: str = "",
        seed: int = 0,
        **traits: Any,
    ) -> None:
        self.refuse_unknown(EmbeddingSpace.__init__, traits)
        steps = None if steps is None else as_list("steps", steps)
        rows = as_embeddings("embeddings", embeddings, steps=steps)
        if rows.shape[-1] < 2:
            raise ValueError(f"embeddings must have at least 2 dimensions, got shape {rows.shape}")
        self._rows = rows if rows.ndim == 3 else rows[None]  # (steps, N, D)
        # Plane and distances are computed near 1, and the scale put back at the end.
        exponent = power_of_two(self._rows)
        self._exponent = exponent if abs(exponent) > ORDINARY else 0
        self._seed = _whole("seed", seed)
        self._points: dict[str, Array] = {}
        count = self._rows.shape[1]
        self._step_names = _step_names(steps, len(self._rows))
        self._modality = _modality(modality, count)
        self._codes, self._classes = _classes(labels, class_names, count)
        if self._codes is None and self._modality is not None:
            self._codes, self._classes = self._modality, list(MODALITIES)
        self._class_colors = _class_colors(class_colors, self._classes)  # at least one
        self._own_colors = bool(class_colors)
        self._images = _spread("images", images, self._modality, 0, count)
        self._captions = _captions(_spread("captions", captions, self._modality, 1, count), count)
        self._pairs = _pairs(pairs, count)
        step = len(self._rows) - 1 if step is None else self._checked_step(step)
        first = self._checked_projection(projection or ("none" if self._flat else "pca"))
        wanted = {
            name: self._map(name) for name in (first, *map(self._checked_projection, projections))
        }
        super().__init__(
            data=self._data(),
            maps=wanted,
            projection=first,
            step=step,
            title=title,
            **traits,
        )
        self.observe(self._add_map, "projection")
        self.on_msg(self._respond)

    @classmethod
    def from_pairs(
        cls, image_embeddings: Any, text_embeddings: Any, **options: Any
    ) -> EmbeddingSpace:
        """Show matched images and texts: point i is image i, point N + i its text.

        Args:
            image_embeddings, text_embeddings: `(N, D)` or `(steps, N, D)` each, of one shape.
            options: as in the constructor; `images` and `captions` have N entries, `labels` N
                or 2N.

        Raises:
            ValueError: the two differ in shape.
        """
        steps = options.get("steps")
        if steps is not None:
            options["steps"] = steps = as_list("steps", steps)
        image_rows = as_embeddings("image_embeddings", image_embeddings, steps=steps)
        text_rows = as_embeddings("text_embeddings", text_embeddings, steps=steps)
        if image_rows.shape != text_rows.shape:
            raise ValueError(
                "image_embeddings and text_embeddings must have one shape, got"
                f" {image_rows.shape} and {text_rows.shape}"
            )
        count = image_rows.shape[-2]
        labels = options.pop("labels", None)
        if labels is not None:
            labels = as_list("labels", labels, what="classes")
            labels = labels * 2 if len(labels) == count else labels
        return cls(
            np.concatenate([image_rows, text_rows], axis=-2),
            modality=[MODALITIES[0]] * count + [MODALITIES[1]] * count,
            pairs=np.arange(2 * count).reshape(2, count).T,
            labels=labels,
            **options,
        )

    @property
    def _flat(self) -> bool:
        return self._rows.shape[2] == 2

    @property
    def _count(self) -> int:
        return self._rows.shape[1]

    def _data(self) -> dict[str, Any]:
        """Return what never changes, as the front end reads it."""
        steps, count, dims = self._rows.shape
        tsne_fits = _allowed(plane.check_tsne, steps, count)
        data: dict[str, Any] = {
            "count": count,
            "dims": dims,
            "steps": self._step_names,
            "classes": self._classes,
            "colors": self._class_colors if self._own_colors else None,
            "codes": _pack_codes(self._codes, len(self._classes)),
            "modality": None,
            "gaps": None,
            "pairs": None,
            "captions": self._captions,
            "atlas": None,
            "live": True,
            "offers": [*(["none"] if self._flat else []), "pca", *(["tsne"] if tsne_fits else [])],
            "quick": count <= QUICK_POINTS and steps * count <= 4 * QUICK_POINTS,
        }
        if self._modality is not None:
            data["modality"] = codec.pack(np.packbits(self._modality, bitorder="little"))
            if 0 < self._modality.sum() < count:
                data["gaps"] = [self.modality_gap(step) for step in range(steps)]
        if self._pairs is not None:
            data["pairs"] = codec.pack(self._pairs.astype(np.uint32))
        if self._images is not None:
            shown = [index for index, image in enumerate(self._images) if image is not None]
            tile = 64 if len(shown) <= 300 else 48 if len(shown) <= 1500 else 32
            data["atlas"] = picture.atlas([self._images[index] for index in shown], tile)
            data["tiles"] = codec.pack(np.array(shown, np.uint32))
        return data

    def _map(self, name: str) -> dict[str, Any]:
        """Compute a projection and return it as the front end reads it: 16 bits a coordinate."""
        near_one = self._near_one()
        if name == "none":
            found = plane.Projection(near_one.astype(np.float32, copy=False), None)
        elif name == "pca":
            found = plane.pca(near_one)
        else:
            space = near_one if self._flat else unit_rows(self._rows)
            found = plane.tsne(space, seed=self._seed)
        self._points[name] = found.points
        # One coordinate after the other: numpy is slow where the last axis is as short as two.
        columns = [found.points[..., axis] for axis in (0, 1)]  # (steps, N) each
        low = np.array([column.min() for column in columns], np.float64)
        extent = [column.max() for column in columns] - low
        span = float(extent.max()) or 1.0
        margin = (span - extent) / 2
        codes = np.empty(found.points.shape, np.uint16)
        for axis, column in enumerate(columns):
            # Float32 rounds by less than a hundredth of a step once the minimum is off.
            for start in range(0, self._count, plane.BLOCK):
                part = slice(start, start + plane.BLOCK)
                places = column[:, part] - column.dtype.type(low[axis])
                places *= 65535 / span
                places += 65535 / span * margin[axis]
                codes[:, part, axis] = np.rint(places, out=places)
        low -= margin
        return {
            "points": codec.pack(codes),
            "low": [self._own_size(value) for value in low],
            "span": self._own_size(span),
            "extent": [float(value / span) for value in extent],
            "explained_variance_ratio": found.explained_variance_ratio,
            "neighborhood_preservation": self._preservation(name),
        }

    def _near_one(self) -> Array:
        """Return the embeddings, times a power of two where they are very large or very small."""
        if not self._exponent:
            return self._rows
        return np.ldexp(self._rows.astype(np.float64), -self._exponent)

    def _own_size(self, number: Any) -> float:
        """Return a coordinate or distance of `_near_one` in the units that came."""
        limit = np.finfo(np.float64).max
        return float(np.clip(np.ldexp(np.float64(number), self._exponent), -limit, limit))

    def _preservation(self, name: str) -> list[float] | None:
        if name == "none" or self._count <= 20:  # the map is the space; or too few points to say
            return None
        return [
            plane.neighborhood_preservation(one, points, seed=self._seed)
            for one, points in zip(self._rows, self._points[name], strict=True)
        ]

    def _checked_projection(self, name: str) -> str:
        if name not in PROJECTION_NAMES:
            raise ValueError(f"projection must be 'pca', 'tsne' or 'none', got {name!r}")
        if name == "none" and not self._flat:
            raise ValueError(
                f"projection 'none' needs embeddings in 2 dimensions, got {self._rows.shape[2]}"
            )
        if name == "tsne":
            plane.check_tsne(len(self._rows), self._count)
        return name

    @traitlets.validate("projection")
    def _valid_projection(self, proposal: Any) -> str:
        return _as_trait_error(self._checked_projection, proposal["value"])

    @traitlets.validate("step")
    def _valid_step(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] < len(self._rows):
            last = len(self._rows) - 1
            raise traitlets.TraitError(f"step must lie in 0..{last}, got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("hovered")
    def _valid_hovered(self, proposal: Any) -> int:
        if proposal["value"] < -1:
            raise traitlets.TraitError(f"hovered must be -1 or an index, got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("selected")
    def _valid_selected(self, proposal: Any) -> list[int]:
        if min(proposal["value"], default=0) < 0:
            raise traitlets.TraitError("selected must hold indices of points, got a negative one")
        return proposal["value"]

    @traitlets.validate("hidden_classes")
    def _valid_hidden(self, proposal: Any) -> list[str]:
        known = set(self._classes)
        for name in proposal["value"]:
            if name not in known:
                raise traitlets.TraitError(
                    f"hidden_classes must name classes, got {name!r};"
                    f" there are {self._classes[:20]}"
                )
        return proposal["value"]

    def _add_map(self, change: Any) -> None:
        if change["new"] not in self.maps:
            self.maps = {**self.maps, change["new"]: self._map(change["new"])}

    def _respond(self, _: Any, content: Any, __: Any) -> None:
        """Respond to the front end: the whole table of neighbours, or those of one point."""
        requested = content.get("request") if isinstance(content, dict) else None
        if requested == "table" and self.data["quick"] and not self.table:
            self.table = self._neighbour_table()
        elif requested == "neighbours":
            index, step = int(content["index"]), int(content["step"])
            if 0 <= index < self._count and 0 <= step < len(self._rows):
                found, values = self.neighbours(index, step=step)
                about = {
                    "response": requested,
                    "index": index,
                    "step": step,
                    "found": found.tolist(),
                }
                self.send({**about, "values": values.tolist()})

    def _neighbour_table(self) -> dict[str, Any]:
        """Return all neighbours at all steps; similarities as 16-bit integers over 32,767."""
        everyone = np.arange(self._count)
        found = [plane.nearest(one, everyone, NEIGHBOURS) for one in self._rows]
        kind = np.uint16 if self._count <= 1 << 16 else np.uint32
        indices, values = (np.stack(part) for part in zip(*found, strict=True))  # (steps, N, k)
        quantised = np.rint(np.clip(values, -1, 1) * 32767).astype(np.int16)
        return {"indices": codec.pack(indices.astype(kind)), "values": codec.pack(quantised)}

    def neighbours(
        self, index: int, k: int = NEIGHBOURS, *, step: int | None = None
    ) -> tuple[Array, Array]:
        """True nearest neighbours of a point in the full space.

        Args:
            index: the point.
            k: how many; at most N - 1 come.
            step: the default is the step on view.

        Returns:
            Indices `(k,)`, nearest first, and their cosine similarities (in two dimensions, shown
            as they are, their Euclidean distances).

        Raises:
            ValueError: `index`, `k` or `step` is out of range.
        """
        step = self._checked_step(step)
        if not 0 <= index < self._count:
            raise ValueError(f"index must lie in 0..{self._count - 1}, got {index}")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        rows = self._near_one()[step].astype(np.float64) if self._flat else self._rows[step]
        found, values = plane.nearest(rows, np.array([index]), k, cosine=not self._flat)
        return found[0], np.ldexp(values[0], self._exponent if self._flat else 0)

    def modality_gap(self, step: int | None = None) -> float:
        """Distance between the mean of the image and of the text embeddings (Liang et al. 2022).

        Embeddings are scaled to length 1 first, as in the paper; two dimensions are taken as given.

        Raises:
            ValueError: no `modality`, one of the two is missing, or `step` is out of range.
        """
        step = self._checked_step(step)
        if self._modality is None or not 0 < self._modality.sum() < self._count:
            raise ValueError("the modality gap needs points of both modalities: pass modality=")
        space = self._near_one() if self._flat else unit_rows(self._rows[step].astype(np.float64))
        space = space[step].astype(np.float64) if self._flat else space
        means = [space[self._modality == code].mean(0) for code in (0, 1)]
        gap = float(np.linalg.norm(means[0] - means[1]))
        return self._own_size(gap) if self._flat else gap

    def _checked_step(self, step: int | None) -> int:
        step = self.step if step is None else step
        if not 0 <= step < len(self._rows):
            raise ValueError(f"step must lie in 0..{len(self._rows) - 1}, got {step}")
        return step

    def page_state(self) -> dict[str, Any]:
        state = self.get_state()
        steps, count, _ = self._rows.shape
        fits = not self._flat and count <= TABLE_POINTS and steps * count <= 2 * TABLE_POINTS
        if fits and not self.table:
            state["table"] = self._neighbour_table()
        offers = [name for name in self.data["offers"] if name in self.maps]
        return {**state, "data": {**self.data, "live": False, "quick": False, "offers": offers}}

    def headline(self) -> str:
        steps, count, dims = self._rows.shape
        parts = [f"{count:,} points in " + ("the plane" if self._flat else f"{dims:,} dimensions")]
        if self._classes and self._codes is not self._modality:
            parts.append(_plural(len(self._classes), "class", "classes"))
        if self._modality is not None:
            parts.append(_plural(len(np.unique(self._modality)), "modality", "modalities"))
        if steps > 1:
            parts.append(f"step {self._step_names[self.step]} of {steps} steps")
        shown = self.maps[self.projection]
        if shown["explained_variance_ratio"]:
            parts.append(
                f"PCA explains ⟨{shown['explained_variance_ratio'][self.step]:.2f}⟩ of the variance"
            )
        elif self.projection == "tsne":
            parts.append("t-SNE")
        if shown["neighborhood_preservation"]:
            parts.append(
                f"keeps ⟨{shown['neighborhood_preservation'][self.step]:.2f}⟩ of the 10 nearest neighbours"
            )
        if self.data["gaps"]:
            parts.append(f"modality gap ⟨{self.data['gaps'][self.step]:.2f}⟩")
        return "EmbeddingSpace: " + ", ".join(parts)

    def _visible(self) -> Array:
        """Return the indices of the points whose class is not hidden."""
        if not self.hidden_classes:
            return np.arange(self._count)
        hidden = np.isin(
            np.arange(len(self._classes)), [self._classes.index(n) for n in self.hidden_classes]
        )
        return np.flatnonzero(~hidden[self._codes])

    def _colors(self) -> Array:
        """Return a uint8 colour for each class, `(classes, 3)`."""
        return np.array([_rgb(color) for color in self._class_colors], np.uint8)

    def picture(self) -> Image.Image:
        width, height = (480, 360) if self._count <= 500 else (360, 270)
        shown = self._visible()
        shown = shown[:: -(-len(shown) // PICTURE_POINTS) or 1]  # a sample looks the same
        image, pen = picture.blank(width, height)
        if not len(shown):
            return image
        places = self._points[self.projection][self.step][shown]  # (M, 2)
        low, high = places.min(0), places.max(0)
        scale = np.min([width - 32, height - 32] / np.maximum(high - low, 1e-30))
        middle = (low + high) / 2
        places = (places - middle) * [scale, -scale] + [width / 2, height / 2]  # (M, 2) pixels
        if self._count > 5_000:
            return self._density(places, shown, width, height)
        place = dict(zip(shown.tolist(), places.tolist(), strict=True))
        if self._pairs is not None and self.show_pairs:
            for one, other in self._pairs.tolist():
                if one in place and other in place:
                    pen.line([*place[one], *place[other]], picture.LINE)
        for index, (x, y) in place.items():
            self._draw_mark(image, pen, index, x, y)
        return self._framed(image)

    def _framed(self, image: Image.Image) -> Image.Image:
        """The drawing with its title above it and the names of its colours beside it."""
        shown = self._codes is not None and len(self._classes) <= 12
        face, top, pen = font(12), 24 if self.title else 0, ImageDraw.Draw(image)
        names = {
            code: picture.shorten(name, pen, face, 110)
            for code, name in enumerate(self._classes if shown else [])
            if name not in self.hidden_classes
        }
        side = 26 + int(max(pen.textlength(name, face) for name in names.values())) if names else 0
        sheet, pen = picture.blank(image.width + side, image.height + top)
        sheet.paste(image, (0, top))
        if self.title:
            title = picture.shorten(self.title, pen, font(13), sheet.width - 16)
            pen.text((8, 5), title, picture.INK, font(13))
        for number, (code, name) in enumerate(names.items()):
            y = top + 16 + 18 * number
            mark, color = _marks(code)[0], self._class_colors[code]
            picture.draw_mark(pen, mark, image.width + 6, y, 5, color)
            pen.text((image.width + 16, y), name, picture.INK, face, anchor="lm")
        return sheet

    def _draw_mark(self, image: Image.Image, pen: Any, index: int, x: float, y: float) -> None:
        """Draw a point: its picture where pictures are shown, a triangle for a text, or a disc."""
        radius = 1.5 if self._count > 800 else float(np.clip(60 / np.sqrt(self._count), 2.5, 6))
        fill = self._class_colors[0 if self._codes is None else int(self._codes[index])]
        thumbnail = self._images[index] if self._images and self._count <= 200 else None
        if self.show_thumbnails and thumbnail is not None:
            size = int(np.clip(200 / np.sqrt(self._count), 20, 40))
            corner = (round(x - size / 2), round(y - size / 2))
            image.paste(
                fill, (corner[0] - 2, corner[1] - 2, corner[0] + size + 2, corner[1] + size + 2)
            )
            image.paste(picture.fit_square(thumbnail, size), corner)
        else:
            code = 0 if self._codes is None else int(self._codes[index])
            kind = bool(self._modality is not None and self._modality[index])
            picture.draw_mark(pen, _marks(code)[kind], x, y, radius, fill)

    def _density(self, places: Array, shown: Array, width: int, height: int) -> Image.Image:
        """Draw many points as colour by class and saturation by number."""
        codes = np.zeros(len(shown), int) if self._codes is None else self._codes[shown].astype(int)
        at = np.clip(places.astype(int), 0, [width - 1, height - 1])
        cell = at[:, 1] * width + at[:, 0]
        counts = np.bincount(cell, minlength=width * height)
        mix = (
            np.stack(
                [
                    np.bincount(cell, self._colors()[codes, channel], minlength=width * height)
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

    def to_plotly(self) -> Any:
        require("plotly", "plotly", what="to_plotly")
        import plotly.graph_objects as go

        figure = go.Figure()
        shown, places = self._visible(), self._points[self.projection][self.step]
        if self._exponent:
            places = np.ldexp(places.astype(np.float64), self._exponent)
        if self._pairs is not None and self.show_pairs:
            kept = self._pairs[np.isin(self._pairs, shown).all(1)]
            lines = np.full((len(kept), 3, 2), np.nan)
            lines[:, :2] = places[kept]
            x, y = lines.reshape(-1, 2).T
            style = {"color": "rgba(120,120,120,0.4)", "width": 1}
            figure.add_scattergl(x=x, y=y, mode="lines", line=style, name="pairs", hoverinfo="skip")
        codes = np.zeros(self._count, int) if self._codes is None else self._codes
        for code in np.unique(codes[shown]):
            mine = shown[codes[shown] == code]
            kinds = 0 if self._modality is None else self._modality[mine]
            marker = {
                "color": self._class_colors[code],
                "symbol": np.where(kinds, *_marks(code)[::-1])
                if np.ndim(kinds)
                else _marks(code)[0],
                "size": float(np.clip(120 / np.sqrt(self._count), 2, 11)),
            }
            figure.add_scattergl(
                x=places[mine, 0],
                y=places[mine, 1],
                mode="markers",
                marker=marker,
                name=html.escape(self._classes[code]) if self._classes else "points",
                text=[html.escape(self._captions[i] or f"point {i}") for i in mine]
                if self._captions
                else None,
            )
        figure.update_yaxes(scaleanchor="x")
        figure.update_layout(
            title=html.escape(self.title or self.headline()),
            template="plotly_white",
            showlegend=bool(self._classes),
        )
        return figure


def _marks(code: int) -> tuple[str, str]:
    """Return the marks of a class: of its points, and of those that are texts."""
    turn = int(code) // picture.category_count()
    return MARKS[turn % len(MARKS)], TEXT_MARKS[turn % len(TEXT_MARKS)]


def _rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _allowed(check: Any, *values: Any) -> bool:
    try:
        check(*values)
    except (ValueError, ModuleNotFoundError):
        return False
    return True


def _as_trait_error(check: Any, value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise traitlets.TraitError(str(error)) from None


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, got {value!r}")
    return int(value)


def _step_names(steps: Sequence[Any] | None, count: int) -> list[str]:
    if steps is None:
        return [str(index) for index in range(count)]
    if len(steps) != count:
        raise ValueError(f"steps must hold {count} names, one for each step, got {len(steps)}")
    return [str(name) for name in steps]


def _modality(modality: Sequence[str] | None, count: int) -> Array | None:
    """Return 0 for image and 1 for text, uint8 `(N,)`."""
    if modality is None:
        return None
    names = as_texts("modality", modality, count)
    for index, name in enumerate(names):
        if name not in MODALITIES:
            raise ValueError(f"modality[{index}] must be 'image' or 'text', got {name!r}")
    return np.array([MODALITIES.index(name) for name in names], np.uint8)


def _classes(labels: Any, class_names: Any, count: int) -> tuple[Array | None, list[str]]:
    """Return each point's class as a number and the classes' names."""
    if labels is None:
        if class_names is not None:
            raise ValueError("class_names need labels, got none")
        return None, []
    array = _label_array(labels, count)
    if array.ndim != 1:
        raise ValueError(f"labels must be a flat sequence, got shape {array.shape}")
    if array.dtype.kind not in "iubU" and not all(isinstance(one, str) for one in array):
        missing = sum(map(is_missing, array))
        found = f"{missing} missing" if missing else f"dtype {array.dtype}"
        raise TypeError(f"labels must be integers or strings, got {found}")
    return _coded(array, class_names)


def _label_array(labels: Any, count: int) -> Array:
    """The labels of a column as one array; whole numbers of numpy stay what they are."""
    whole = isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iub"
    if whole and len(labels) == count:
        return labels  # a million of them without a list
    labels = as_list("labels", labels, count, what="classes")
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise ValueError(f"labels must be a flat sequence: {error}") from None
    if array.dtype.kind == "U" and not all(isinstance(one, str) for one in labels):
        return np.array(labels, object)  # numpy has written numbers, or what is missing, as words
    return array


def _class_colors(given: Any, classes: list[str]) -> list[str]:
    """Return a colour for each class, or one where there are none."""
    colors = [picture.category_color(index) for index in range(max(1, len(classes)))]
    if given is None:
        return colors
    if not isinstance(given, Mapping):
        raise TypeError(
            f"class_colors must map names of classes to colours, got {type(given).__name__}"
        )
    for name, color in given.items():
        if name not in classes:
            raise ValueError(
                f"class_colors names {name!r}, which is no class of the labels ({len(classes)} classes)"
            )
        if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise ValueError(f"class_colors must hold colours like '#1f77b4', got {color!r}")
        colors[classes.index(name)] = color
    return colors


def _coded(array: Array, class_names: Any) -> tuple[Array, list[str]]:
    if class_names is not None and array.dtype.kind not in "iub":
        raise ValueError("class_names go with integer labels, got strings")
    if class_names is not None:
        names = as_texts("class_names", class_names)
        if array.min() < 0 or array.max() >= len(names):
            raise ValueError(
                f"labels must lie in 0..{len(names) - 1}, one for each of the class_names, got"
                f" {array.min()} to {array.max()}"
            )
        codes = array.astype(np.int64)
    elif array.dtype.kind in "iu" and array.min() >= 0 and array.max() < 1 << 16:
        present = np.flatnonzero(np.bincount(array.astype(np.int64)))  # no sort of a million labels
        code_of = np.zeros(present[-1] + 1, np.uint16)
        code_of[present] = np.arange(len(present))
        codes, names = code_of[array], [str(value) for value in present]
    else:
        values, codes = np.unique(
            array.astype(str) if array.dtype.kind == "O" else array, return_inverse=True
        )
        names = [str(value).replace("\0", "␀") for value in values]
    if len(names) > 1 << 16:
        raise ValueError(f"labels must have at most 65,536 classes, got {len(names):,}")
    if len(set(names)) < len(names):
        raise ValueError("class_names must differ from each other")
    return codes.astype(np.uint8 if len(names) <= 256 else np.uint16), names


def _pack_codes(codes: Array | None, classes: int) -> dict[str, Any] | None:
    """Pack the classes: two points in a byte up to 16 classes, which a million points feel."""
    if codes is None:
        return None
    if classes > 16:
        return {**codec.pack(codes), "bits": 8 * codes.itemsize}
    padded = np.append(codes, np.zeros(len(codes) % 2, np.uint8))
    return {**codec.pack(padded[::2] | (padded[1::2] << 4)), "bits": 4}


def _spread(
    name: str, values: Any, modality: Array | None, code: int, count: int
) -> list[Any] | None:
    """Return one value for each point, where values came for all points or for one modality's."""
    if values is None:
        return None
    values = as_list(name, values, what="entries")
    places = np.arange(count)
    if len(values) != count and modality is not None:
        places = np.flatnonzero(modality == code)
    if len(values) != len(places):
        extra = (
            f" (or {len(places)}, the {MODALITIES[code]} points)" if modality is not None else ""
        )
        raise ValueError(
            f"{name} must hold {count} entries, one for each point{extra}, got {len(values)}"
        )
    values = [None if is_missing(value) else value for value in values]
    if name == "images" and sum(value is not None for value in values) > MAX_IMAGES:
        raise ValueError(f"images must be at most {MAX_IMAGES:,}; pass None for most of the points")
    if name == "images":
        values = as_images(name, values, missing=True)
    full: list[Any] = [None] * count
    for place, value in zip(places.tolist(), values, strict=True):
        full[place] = value
    return full if any(value is not None for value in full) else None


def _captions(values: list[Any] | None, count: int) -> list[str] | None:
    return None if values is None else as_texts("captions", values, count, missing="")


def _pairs(pairs: Any, count: int) -> Array | None:
    """Return checked pairs, int64 `(P, 2)`."""
    if pairs is None or (hasattr(pairs, "__len__") and len(pairs) == 0):
        return None
    if not hasattr(pairs, "__len__"):
        pairs = as_list("pairs", pairs)
        if not pairs:
            return None
    array = as_array("pairs", pairs, ndims=(2,))
    if array.shape[1] != 2:
        raise ValueError(f"pairs must have shape (P, 2), got {array.shape}")
    if (array != np.rint(array)).any() or array.min() < 0 or array.max() >= count:
        raise ValueError(
            f"pairs must hold indices of points in 0..{count - 1},"
            f" got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)
