"""A picture of the drawn world as the stage edits it: any number of objects, each with a style of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vizkit.widgets import assets
from vizkit.widgets.codec import Array

MOST_OBJECTS = 40
INDICES = {"shape": "shapes", "color": "colors", "style": "styles"}
# From the middle of the picture, objects may stand beyond its edge; their size is that of the handles.
NUMBERS = {"x": (-0.5, 1.5), "y": (-0.5, 1.5), "radius": (0.02, 1.0), "rotation": (-1e3, 1e3)}


def as_scene(scene: Any) -> dict[str, Any]:
    """A scene as the trait `scene` has it.

    Args:
        scene: None for the first one; a table of `sample_scenes` with one scene; or a dictionary
            `{"background": name, "objects": [{"shape": name, "color": name, "style": name, "x": …, "y": …,
            "radius": …, "rotation": …}]}` with names or their indices. Lengths are shares of the
            picture's side; `style` is "flat" and `rotation` 0 where it is left out.

    Raises:
        TypeError: something else.
        ValueError: an unknown name, a number out of range, a table with more than one scene.
    """
    if scene is None:
        return assets.constant("firstScene")
    if hasattr(scene, "num_objects") and hasattr(scene, "center"):
        return _of_table(scene)
    if not isinstance(scene, Mapping):
        raise TypeError(
            f"scene must be a table of sample_scenes with one scene, or a dictionary, got {scene!r:.60}"
        )
    _check_keys("scene", scene, ("background", "objects"))
    objects = scene.get("objects", [])
    if not isinstance(objects, list | tuple) or len(objects) > MOST_OBJECTS:
        raise ValueError(
            f"objects of a scene must be a list of at most {MOST_OBJECTS}, got {objects!r:.60}"
        )
    return {
        "background": _index("background", "backgrounds", scene.get("background", 0)),
        "objects": [_object(one) for one in objects],
    }


def _of_table(table: Any) -> dict[str, Any]:
    if len(table) != 1:
        raise ValueError(
            f"scene must be a table with one scene, such as table[0], got {len(table)}"
        )
    present = [slot for slot in (0, 1) if table.shape[0, slot] >= 0]
    return {
        "background": int(table.background[0]),
        "objects": [
            {
                "shape": int(table.shape[0, slot]),
                "color": int(table.color[0, slot]),
                "style": int(table.style[0]),
                "x": float(table.center[0, slot, 0]),
                "y": float(table.center[0, slot, 1]),
                "radius": float(table.radius[0, slot]),
                "rotation": float(table.rotation[0, slot]),
            }
            for slot in present
        ],
    }


def _check_keys(what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"{what} has {', '.join(known)}, and no {key!r}")


def _object(thing: Any) -> dict[str, Any]:
    if not isinstance(thing, Mapping):
        raise ValueError(f"an object of a scene must be a dictionary, got {thing!r:.60}")
    _check_keys("an object of a scene", thing, (*INDICES, *NUMBERS))
    thing = {"style": 0, "rotation": 0.0, **thing}
    missing = [key for key in (*INDICES, *NUMBERS) if key not in thing]
    if missing:
        raise ValueError(
            f"an object of a scene needs {', '.join(missing)}, got {dict(thing)!r:.120}"
        )
    return {
        **{name: _index(name, known, thing[name]) for name, known in INDICES.items()},
        **{name: _number(name, *limits, thing[name]) for name, limits in NUMBERS.items()},
    }


def _index(name: str, kind: str, value: Any) -> int:
    known = list(assets.constant("drawnWorld")[kind])
    if isinstance(value, str) and value in known:
        return known.index(value)
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= value < len(known):
        raise ValueError(f"{name} must be among {', '.join(known)}, got {value!r:.60}")
    return int(value)


def _number(name: str, low: float, high: float, value: Any) -> float:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r:.60}")
    return float(value)


def draw_scene(scene: dict[str, Any], image_size: int) -> Array:
    """The scene as Python draws it, uint8 (image_size, image_size, 3)."""
    from vizkit.data.render import compose
    from vizkit.data.scenes import SceneTable

    things = scene["objects"]
    count = max(1, len(things))  # the background of an empty scene hangs on something
    empty = np.full(count, -1)

    def slots(values: list[Any], missing: float) -> Array:
        first = np.array(values or [missing])  # (M,)
        return np.stack([first, np.full_like(first, missing)], axis=1)  # (M, 2)

    column = {name: [one[name] for one in things] for name in (*INDICES, *NUMBERS)}
    centers = np.stack([slots(column["x"], 0.0), slots(column["y"], 0.0)], axis=2)
    layers = SceneTable(
        shape=slots(column["shape"], -1),
        color=slots(column["color"], -1),
        size=np.stack([empty, empty], axis=1),
        center=centers.astype(np.float32),
        radius=slots(column["radius"], 0.0).astype(np.float32),
        rotation=slots(column["rotation"], 0.0).astype(np.float32),
        style=np.array(column["style"] or [0]),
        background=np.full(count, scene["background"]),
        relation=np.zeros(count, np.int64),
        texture=np.zeros((count, 2), np.int64),
        shading=np.ones(count, bool),
        grain=np.ones(count, bool),
    )
    return compose(layers, image_size)
