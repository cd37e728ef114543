"""The drawn world: what is in each scene, drawn at random or to order.

A scene holds one or two objects. Everything that is true of it stands in a `SceneTable`; `render`
turns the table into pictures and `write_captions` into sentences, so the three always agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np

from vizkit.data.shapes import SHAPES, half_extents
from vizkit.data.styles import BACKGROUNDS, COLORS, STYLES

__all__ = ["HELD_OUT_PAIRS", "PLACES", "RELATIONS", "SIZES", "SceneTable", "sample_scenes"]

SIZES = ("small", "large")
# Of the first object to the second; "none" when there is one object.
RELATIONS = ("none", "left of", "right of", "above", "below")
PLACES = (
    "top left",
    "top center",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
)
# (shape, color) combinations that no single object has in training data unless asked for. Every color loses two
# shapes, every shape one or two colors, so each word is still seen often.
HELD_OUT_PAIRS = (
    ("circle", "teal"),
    ("circle", "brown"),
    ("square", "orange"),
    ("square", "purple"),
    ("triangle", "red"),
    ("triangle", "pink"),
    ("star", "green"),
    ("star", "blue"),
    ("heart", "yellow"),
    ("heart", "teal"),
    ("cross", "orange"),
    ("cross", "brown"),
    ("ring", "green"),
    ("ring", "pink"),
    ("crescent", "red"),
    ("crescent", "blue"),
    ("diamond", "yellow"),
    ("flower", "purple"),
)

_EDGE = 0.03  # free margin along the picture's edge
_GAP = 0.05  # free space between two objects
_ROTATION = 0.25  # radians either way
# Radius ranges (small, large), for one object and for two.
_RADII = {1: ((0.15, 0.20), (0.27, 0.34)), 2: ((0.125, 0.155), (0.185, 0.215))}
_MIDDLE = (0.4, 0.6)  # a centre between these is "middle" or "center"
_MOST = 10_000_000  # scenes in one table: about 2 GB

Names = str | Sequence[str] | None


@dataclass(frozen=True)
class SceneTable:
    """The ground truth of `N` scenes, as numpy columns. Slicing gives a smaller table.

    Slot 1 of the `(N, 2)` columns is -1 (integers) or 0 (lengths) where a scene has one object.
    Lengths are shares of the picture's side; `x` points right and `y` down.
    """

    shape: np.ndarray  # (N, 2) indices into SHAPES
    color: np.ndarray  # (N, 2) indices into COLORS
    size: np.ndarray  # (N, 2) indices into SIZES
    center: np.ndarray  # (N, 2, 2) x and y of each object
    radius: np.ndarray  # (N, 2)
    rotation: np.ndarray  # (N, 2) radians, clockwise
    style: np.ndarray  # (N,) indices into STYLES
    background: np.ndarray  # (N,) indices into BACKGROUNDS
    relation: np.ndarray  # (N,) indices into RELATIONS, of the first object to the second
    texture: np.ndarray  # (N, 2) where the scene's grain and pencil strokes are cut from
    shading: np.ndarray  # (N,) bool: the background darkens downwards
    grain: np.ndarray  # (N,) bool: paper grain

    def __len__(self) -> int:
        return len(self.style)

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray) -> SceneTable:
        if isinstance(index, (int, np.integer)):
            index = [int(index)]
        if not isinstance(index, slice):
            index = np.asarray(index)
        return SceneTable(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @property
    def num_objects(self) -> np.ndarray:
        """`(N,)` 1 or 2."""
        return (self.shape >= 0).sum(axis=1)

    @property
    def place(self) -> np.ndarray:
        """`(N, 2)` indices into PLACES by the objects' centres; -1 where there is no object."""
        low, high = _MIDDLE
        third = (self.center >= low).astype(np.int64) + (self.center > high)
        return np.where(self.shape >= 0, third[..., 1] * 3 + third[..., 0], -1)

    def boxes(self, image_size: int = 64) -> np.ndarray:
        """Boxes around the objects' outlines in pixels.

        Glow and shadow reach beyond the box; lines and blocks stay within 1/32 of the picture.

        Returns:
            `(N, 2, 4)` float32: left, top, right, bottom; NaN where there is no object.
        """
        reach = half_extents(np.maximum(self.shape, 0), self.rotation) * self.radius[..., None]
        center = self.center.astype(np.float64)
        boxes = np.concatenate([center - reach[..., :2], center + reach[..., 2:]], axis=-1)
        boxes[self.shape < 0] = np.nan
        return (boxes * image_size).astype(np.float32)


def sample_scenes(
    n: int,
    seed: int = 0,
    *,
    objects: str = "mixed",
    shapes: Names | np.ndarray = None,
    colors: Names | np.ndarray = None,
    styles: Names = None,
    backgrounds: Names = None,
    sizes: Names = None,
    relation: Names = None,
    same_color: bool | None = None,
    far_apart: bool = False,
    held_out: str = "exclude",
    shading: bool = True,
    grain: bool = True,
) -> SceneTable:
    """Draws `n` scenes at random. The same arguments give the same scenes on every machine.

    The first `k` of `n` scenes are *not* the scenes of a call with `n=k`.

    Args:
        n: how many scenes, 1 to 10,000,000.
        seed: non-negative integer.
        objects: "one", "two" or "mixed" (half and half).
        shapes, colors: None for all, a name, a list of names to draw from uniformly, or an
            integer array `(n, 2)` of indices into SHAPES or COLORS, -1 in its second column
            where a scene has one object (then `objects` is read from the array).
        styles, backgrounds, sizes: None for all, a name, or a list of names. A style and a
            background belong to the scene, a size to each object.
        relation: of the first object to the second: None for all, a name, or a list of names
            among "left of", "right of", "above", "below". It follows the larger of the two
            offsets. Scenes with one object ignore it.
        same_color: whether the two objects share their colour. None: drawn independently, but
            no two objects share both shape and colour where that can be avoided.
        far_apart: push the two objects to opposite sides of the picture.
        held_out: "exclude" HELD_OUT_PAIRS, draw "only" those, or "include" them with the rest.
        shading: backgrounds darken gently downwards. False gives a strictly plain background,
            which tells nothing about position.
        grain: paper grain. False gives clean pixels.

    Raises:
        ValueError: unknown name, wrong array, or options that no scene can satisfy.
    """
    check_count("n", n, 1, _MOST)
    check_count("seed", seed)
    for name, value in (("far_apart", far_apart), ("shading", shading), ("grain", grain)):
        check_flag(name, value)
    if same_color is not None:
        check_flag("same_color", same_color)
    rng = np.random.default_rng(seed)
    shape_array, color_array = (
        _as_array(shapes, SHAPES, n, "shapes"),
        _as_array(colors, tuple(COLORS), n, "colors"),
    )
    two = _number_of_objects(n, rng, objects, shape_array, color_array) == 2
    shape, color = _shapes_and_colors(
        rng,
        two,
        shape_array if shape_array is not None else _indices(shapes, SHAPES, "shapes"),
        color_array if color_array is not None else _indices(colors, tuple(COLORS), "colors"),
        same_color,
        held_out,
    )
    style = rng.choice(_indices(styles, STYLES, "styles"), n)
    size = rng.choice(_indices(sizes, SIZES, "sizes"), (n, 2))
    size[~two, 1] = -1
    related = rng.choice(_indices(relation, RELATIONS[1:], "relation") + 1, n)
    related = np.where(two, related, 0)
    radius = _radii(rng, size, two)
    rotation = rng.uniform(-_ROTATION, _ROTATION, (n, 2))
    # Sprites stand upright: turned blocks would only look broken.
    rotation[style == STYLES.index("pixel")] = 0
    rotation[~two, 1] = 0
    reach = half_extents(np.maximum(shape, 0), rotation) * radius[..., None]
    center = _centers(rng, reach, related, far_apart)
    return SceneTable(
        shape=shape.astype(np.int64),
        color=color.astype(np.int64),
        size=size.astype(np.int64),
        center=center.astype(np.float32),
        radius=radius.astype(np.float32),
        rotation=rotation.astype(np.float32),
        style=style.astype(np.int64),
        background=rng.choice(_indices(backgrounds, tuple(BACKGROUNDS), "backgrounds"), n),
        relation=related.astype(np.int64),
        texture=rng.integers(0, 192, (n, 2)),
        shading=np.full(n, bool(shading)),
        grain=np.full(n, bool(grain)),
    )


def check_count(name: str, value: int, least: int = 0, most: int | None = None) -> None:
    """Raises ValueError unless `value` is an integer from `least` to `most`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be an integer {wanted}, got {value!r}")


def check_flag(name: str, value: bool) -> None:
    """Raises ValueError unless `value` is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")


def check_table(table: SceneTable) -> None:
    """Raises TypeError unless `table` comes from `sample_scenes`."""
    if not isinstance(table, SceneTable):
        raise TypeError(f"expected scenes from sample_scenes, got {type(table).__name__}")


def check_share(name: str, value: float) -> None:
    """Raises ValueError unless `value` is a number from 0 to 1."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a share from 0 to 1, got {value!r}")


def _indices(names: Names | np.ndarray, known: Sequence[str], option: str) -> np.ndarray:
    """Indices of the named entries; all of them for None."""
    if names is None:
        return np.arange(len(known))
    listed = list(names) if isinstance(names, (list, tuple, set, np.ndarray)) else [names]
    wrong = [name for name in listed if not isinstance(name, str) or name not in known]
    if wrong or not listed:
        got = wrong[0] if wrong else names
        raise ValueError(f"{option}: {got!r} is not among {', '.join(known)}")
    return np.array([known.index(name) for name in listed])


def _as_array(
    values: Names | np.ndarray, known: Sequence[str], n: int, option: str
) -> np.ndarray | None:
    """An explicit (n, 2) array of indices, checked; None when names were given."""
    if not isinstance(values, np.ndarray) or values.dtype.kind in "UO":
        return None
    if values.shape != (n, 2) or values.dtype.kind not in "iu":
        raise ValueError(
            f"{option} as an array must be integers of shape ({n}, 2), "
            f"got {values.dtype} of shape {values.shape}"
        )
    bounds_ok = (values < len(known)).all() and (values[:, 0] >= 0).all() and (values >= -1).all()
    if not bounds_ok:
        raise ValueError(
            f"{option} as an array must hold indices from 0 to {len(known) - 1}, "
            "with -1 allowed in the second column only"
        )
    return values.astype(np.int64)


def _number_of_objects(
    n: int,
    rng: np.random.Generator,
    objects: str,
    shape: np.ndarray | None,
    color: np.ndarray | None,
) -> np.ndarray:
    if not isinstance(objects, str) or objects not in ("mixed", "one", "two"):
        raise ValueError(f'objects must be "mixed", "one" or "two", got {objects!r}')
    given = [1 + (array[:, 1] >= 0) for array in (shape, color) if array is not None]
    if len(given) == 2 and not np.array_equal(given[0], given[1]):
        raise ValueError("shapes and colors disagree on which scenes have two objects")
    if given:
        wanted = {"one": 1, "two": 2}.get(objects)
        if wanted is not None and not (given[0] == wanted).all():
            raise ValueError(f'objects="{objects}" disagrees with the array of shapes or colors')
        return given[0]
    if objects == "mixed":
        return rng.integers(1, 3, n)
    return np.full(n, 1 if objects == "one" else 2)


def _shapes_and_colors(
    rng: np.random.Generator,
    two: np.ndarray,
    shapes: np.ndarray,
    colors: np.ndarray,
    same_color: bool | None,
    held_out: str,
) -> tuple[np.ndarray, np.ndarray]:
    """`(N, 2)` shapes and colours. The options are exact `(N, 2)` arrays or lists of indices."""
    n = len(two)
    first = _allowed(shapes, colors, 0, held_out, n)
    second = _allowed(shapes, colors, 1, held_out, n)
    if same_color is True:  # a colour is of use only if the second object can have it too
        first &= ~two[:, None, None] | second.any(axis=1, keepdims=True)
    shape, color = np.full((n, 2), -1), np.full((n, 2), -1)
    shape[:, 0], color[:, 0] = _draw_pairs(rng, first)
    scenes = np.flatnonzero(two)
    if len(scenes) == 0:
        return shape, color
    second, row = second[scenes], np.arange(len(scenes))
    if same_color is not None:
        is_first = np.arange(len(COLORS)) == color[scenes, 0, None]
        second &= (is_first if same_color else ~is_first)[:, None, :]
    fresh = second.copy()
    fresh[row, shape[scenes, 0], color[scenes, 0]] = False
    fresh = np.where(fresh.any(axis=(1, 2), keepdims=True), fresh, second)
    shape[scenes, 1], color[scenes, 1] = _draw_pairs(rng, fresh)
    return shape, color


def _allowed(
    shapes: np.ndarray, colors: np.ndarray, slot: int, held_out: str, n: int
) -> np.ndarray:
    """`(N, 10, 9)` which shape-colour combinations an object may be."""
    if not isinstance(held_out, str) or held_out not in ("exclude", "only", "include"):
        raise ValueError(f'held_out must be "exclude", "only" or "include", got {held_out!r}')
    held = np.zeros((len(SHAPES), len(COLORS)), bool)
    for shape, color in HELD_OUT_PAIRS:
        held[SHAPES.index(shape), list(COLORS).index(color)] = True
    allowed = {"exclude": ~held, "only": held, "include": np.ones_like(held)}[held_out]
    masks = []
    for values, count in ((shapes, len(SHAPES)), (colors, len(COLORS))):
        if values.ndim == 2:
            masks.append(np.arange(count) == values[:, slot, None])
        else:
            masks.append(np.broadcast_to(np.isin(np.arange(count), values), (n, count)))
    return allowed & masks[0][:, :, None] & masks[1][:, None, :]


def _draw_pairs(rng: np.random.Generator, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One allowed combination per scene: a shape uniformly, then one of its colours uniformly."""
    possible = allowed.any(axis=(1, 2))
    if not possible.all():
        raise ValueError(
            f"no shape-color combination fits scene {int(np.argmin(possible))}: look at shapes, "
            "colors, same_color and held_out (explicit arrays with held-out pairs need "
            'held_out="include")'
        )
    n = len(allowed)
    shape = (rng.random(allowed.shape[:2], np.float32) + allowed.any(axis=2)).argmax(axis=1)
    options = allowed[np.arange(n), shape]
    return shape, (rng.random(options.shape, np.float32) + options).argmax(axis=1)


def _radii(rng: np.random.Generator, size: np.ndarray, two: np.ndarray) -> np.ndarray:
    ranges = np.array([_RADII[1], _RADII[2]])  # (one or two, small or large, low and high)
    chosen = ranges[two.astype(int)[:, None], np.maximum(size, 0)]
    radius = chosen[..., 0] + rng.random(size.shape) * (chosen[..., 1] - chosen[..., 0])
    return np.where(size >= 0, radius, 0)


def _centers(
    rng: np.random.Generator, reach: np.ndarray, relation: np.ndarray, far_apart: bool
) -> np.ndarray:
    """`(N, 2, 2)` centres: objects inside the picture, a pair side by side as `relation` says."""
    low, high = reach[..., :2] + _EDGE, 1 - reach[..., 2:] - _EDGE  # (N, object, axis)
    center = low + rng.random(low.shape) * (high - low)
    scenes = np.flatnonzero(relation > 0)
    axis = (relation[scenes] > 2).astype(int)  # 0 along x, 1 along y
    leader = (relation[scenes] % 2 == 0).astype(int)  # which object is nearer the origin
    follower = 1 - leader
    # Along the axis of the relation, share out the space that the two objects leave free.
    start = low[scenes, leader, axis]
    end = high[scenes, follower, axis]
    touching = reach[scenes, leader, axis + 2] + reach[scenes, follower, axis] + _GAP
    free = end - start - touching
    cuts = np.sort(rng.random((len(scenes), 2)), axis=1)
    if far_apart:
        cuts = np.stack([cuts[:, 0] * 0.15, 1 - (1 - cuts[:, 1]) * 0.15], axis=1)
    near, far = start + free * cuts[:, 0], start + free * cuts[:, 1] + touching
    center[scenes, leader, axis], center[scenes, follower, axis] = near, far
    # Across it, keep the offset smaller, so that the relation is the plain one to state.
    across = 1 - axis
    offset = (far - near) * rng.uniform(-0.5, 0.5, len(scenes))
    wanted = center[scenes, leader, across] + offset
    center[scenes, follower, across] = np.clip(
        wanted, low[scenes, follower, across], high[scenes, follower, across]
    )
    center[relation == 0, 1] = 0
    return center
