"""EmbeddingSpace: a map of embeddings, with classes, pairs, true neighbours and training steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from vizkit.inputs import as_embeddings, as_list, power_of_two, unit_rows
from vizkit.widgets import assets, codec, picture
from vizkit.widgets import projection as plane
from vizkit.widgets.base import VizkitWidget
from vizkit.widgets.embedding_space.figure import draw, figure
from vizkit.widgets.embedding_space.inputs import (
    MODALITIES,
    Array,
    as_captions,
    as_classes,
    as_colors,
    as_modality,
    as_pairs,
    as_whole,
    spread,
    step_names,
)

NEIGHBOURS = 8
TABLE_POINTS = (
    20_000  # an exported page carries the neighbours of this many points (x steps: twice)
)
QUICK_POINTS = 4_000  # so many get all their neighbours at once in JupyterLab; beyond, when asked
ORDINARY = 40  # a power of two: up to 1e12 and down to 1e-12 nothing needs to be rescaled
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
        across_classes: a point's neighbours are looked for in the other classes only, such as a
            patch's in the other photographs; of more than two dimensions.
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
        across_classes: bool = False,
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
        self.exponent = exponent if abs(exponent) > ORDINARY else 0
        self._seed = as_whole("seed", seed)
        self.points: dict[str, Array] = {}
        count = self._rows.shape[1]
        self._step_names = step_names(steps, len(self._rows))
        self.modality = as_modality(modality, count)
        self.codes, self.classes = as_classes(labels, class_names, count)
        if self.codes is None and self.modality is not None:
            self.codes, self.classes = self.modality, list(MODALITIES)
        self.class_colors = as_colors(class_colors, self.classes)  # at least one
        self._own_colors = bool(class_colors)
        self.pictures = spread("images", images, self.modality, 0, count)
        self.captions = as_captions(spread("captions", captions, self.modality, 1, count), count)
        self.pairs = as_pairs(pairs, count)
        self.across_classes = self._checked_across(across_classes)
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

    def _checked_across(self, across_classes: Any) -> bool:
        """`across_classes` if it is allowed: it needs classes, and a space in which Python looks for neighbours."""
        if not isinstance(across_classes, bool):
            raise TypeError(f"across_classes must be True or False, got {across_classes!r}")
        if across_classes and self._flat:
            raise ValueError("across_classes needs more than two dimensions, got 2")
        if across_classes and (self.codes is None or len(np.unique(self.codes)) < 2):
            raise ValueError("across_classes needs points of at least two classes: pass labels=")
        return across_classes

    @property
    def _groups(self) -> Array | None:
        """Classes within which no neighbours are looked for, `(N,)`; None: everywhere."""
        return self.codes if self.across_classes else None

    @property
    def _flat(self) -> bool:
        return self._rows.shape[2] == 2

    @property
    def count(self) -> int:
        return self._rows.shape[1]

    def _data(self) -> dict[str, Any]:
        """Return what never changes, as the front end reads it."""
        steps, count, dims = self._rows.shape
        tsne_fits = _allowed(plane.check_tsne, steps, count)
        data: dict[str, Any] = {
            "count": count,
            "dims": dims,
            "steps": self._step_names,
            "classes": self.classes,
            "colors": self.class_colors if self._own_colors else None,
            "codes": _pack_codes(self.codes, len(self.classes)),
            "modality": None,
            "gaps": None,
            "pairs": None,
            "captions": self.captions,
            "across": self.across_classes,
            "atlas": None,
            "live": True,
            "offers": [*(["none"] if self._flat else []), "pca", *(["tsne"] if tsne_fits else [])],
            "quick": count <= QUICK_POINTS and steps * count <= 4 * QUICK_POINTS,
        }
        if self.modality is not None:
            data["modality"] = codec.pack(np.packbits(self.modality, bitorder="little"))
            if 0 < self.modality.sum() < count:
                data["gaps"] = [self.modality_gap(step) for step in range(steps)]
        if self.pairs is not None:
            data["pairs"] = codec.pack(self.pairs.astype(np.uint32))
        if self.pictures is not None:
            shown = [index for index, image in enumerate(self.pictures) if image is not None]
            tile = 64 if len(shown) <= 300 else 48 if len(shown) <= 1500 else 32
            data["atlas"] = picture.atlas([self.pictures[index] for index in shown], tile)
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
        self.points[name] = found.points
        # One coordinate after the other: numpy is slow where the last axis is as short as two.
        columns = [found.points[..., axis] for axis in (0, 1)]  # (steps, N) each
        low = np.array([column.min() for column in columns], np.float64)
        extent = [column.max() for column in columns] - low
        span = float(extent.max()) or 1.0
        margin = (span - extent) / 2
        codes = np.empty(found.points.shape, np.uint16)
        for axis, column in enumerate(columns):
            # Float32 rounds by less than a hundredth of a step once the minimum is off.
            for start in range(0, self.count, plane.BLOCK):
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
        if not self.exponent:
            return self._rows
        return np.ldexp(self._rows.astype(np.float64), -self.exponent)

    def _own_size(self, number: Any) -> float:
        """Return a coordinate or distance of `_near_one` in the units that came."""
        limit = np.finfo(np.float64).max
        return float(np.clip(np.ldexp(np.float64(number), self.exponent), -limit, limit))

    def _preservation(self, name: str) -> list[float] | None:
        if name == "none" or self.count <= 20:  # the map is the space; or too few points to say
            return None
        return [
            plane.neighborhood_preservation(one, points, seed=self._seed)
            for one, points in zip(self._rows, self.points[name], strict=True)
        ]

    def _checked_projection(self, name: str) -> str:
        if name not in PROJECTION_NAMES:
            raise ValueError(f"projection must be 'pca', 'tsne' or 'none', got {name!r}")
        if name == "none" and not self._flat:
            raise ValueError(
                f"projection 'none' needs embeddings in 2 dimensions, got {self._rows.shape[2]}"
            )
        if name == "tsne":
            plane.check_tsne(len(self._rows), self.count)
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
        known = set(self.classes)
        for name in proposal["value"]:
            if name not in known:
                raise traitlets.TraitError(
                    f"hidden_classes must name classes, got {name!r}; there are {self.classes[:20]}"
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
            if 0 <= index < self.count and 0 <= step < len(self._rows):
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
        everyone = np.arange(self.count)
        found = [
            plane.nearest(one, everyone, NEIGHBOURS, groups=self._groups) for one in self._rows
        ]
        kind = np.uint16 if self.count <= 1 << 16 else np.uint32
        indices, values = (np.stack(part) for part in zip(*found, strict=True))  # (steps, N, k)
        quantised = np.rint(np.clip(values, -1, 1) * 32767).astype(np.int16)
        return {"indices": codec.pack(indices.astype(kind)), "values": codec.pack(quantised)}

    def neighbours(
        self, index: int, k: int = NEIGHBOURS, *, step: int | None = None
    ) -> tuple[Array, Array]:
        """True nearest neighbours of a point in the full space; with `across_classes`, in other classes.

        Args:
            index: the point.
            k: how many; at most N - 1 come, or as many as lie outside of the largest class.
            step: the default is the step on view.

        Returns:
            Indices `(k,)`, nearest first, and their cosine similarities (in two dimensions, shown
            as they are, their Euclidean distances).

        Raises:
            ValueError: `index`, `k` or `step` is out of range.
        """
        step = self._checked_step(step)
        if not 0 <= index < self.count:
            raise ValueError(f"index must lie in 0..{self.count - 1}, got {index}")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        rows = self._near_one()[step].astype(np.float64) if self._flat else self._rows[step]
        found, values = plane.nearest(
            rows, np.array([index]), k, cosine=not self._flat, groups=self._groups
        )
        return found[0], np.ldexp(values[0], self.exponent if self._flat else 0)

    def modality_gap(self, step: int | None = None) -> float:
        """Distance between the mean of the image and of the text embeddings (Liang et al. 2022).

        Embeddings are scaled to length 1 first, as in the paper; two dimensions are taken as given.

        Raises:
            ValueError: no `modality`, one of the two is missing, or `step` is out of range.
        """
        step = self._checked_step(step)
        if self.modality is None or not 0 < self.modality.sum() < self.count:
            raise ValueError("the modality gap needs points of both modalities: pass modality=")
        space = self._near_one() if self._flat else unit_rows(self._rows[step].astype(np.float64))
        space = space[step].astype(np.float64) if self._flat else space
        means = [space[self.modality == code].mean(0) for code in (0, 1)]
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
        if self.classes and self.codes is not self.modality:
            parts.append(_plural(len(self.classes), "class", "classes"))
        if self.modality is not None:
            parts.append(_plural(len(np.unique(self.modality)), "modality", "modalities"))
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

    def picture(self) -> Image.Image:
        return draw(self)

    def to_plotly(self) -> Any:
        return figure(self)


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


def _pack_codes(codes: Array | None, classes: int) -> dict[str, Any] | None:
    """Pack the classes: two points in a byte up to 16 classes, which a million points feel."""
    if codes is None:
        return None
    if classes > 16:
        return {**codec.pack(codes), "bits": 8 * codes.itemsize}
    padded = np.append(codes, np.zeros(len(codes) % 2, np.uint8))
    return {**codec.pack(padded[::2] | (padded[1::2] << 4)), "bits": 4}
