"""The drawn world of the browser is that of Python: the same scenes, pixel by pixel."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from tests.frontend.test_frontend import node  # noqa: F401  (a fixture)
from tests.support.harness import bundled
from vizkit.data.render import render
from vizkit.data.scenes import SceneTable
from vizkit.data.shapes import SHAPES
from vizkit.data.styles import BACKGROUNDS, COLORS, STYLES, smooth_noise
from vizkit.widgets import assets

DRAW = """
const code = (await import("node:fs")).readFileSync(0, "utf8");
const at = code.indexOf("\\n");
const { drawScene } = await import("data:text/javascript," + encodeURIComponent(code.slice(at)));
for (const scene of JSON.parse(code.slice(0, at))) process.stdout.write(Buffer.from(drawScene(scene, 64, false).buffer));
"""


def drawn(scenes: list[dict]) -> np.ndarray:
    """The pictures that the browser's code draws: (N, 64, 64, 3), from 0 to 255."""
    module = bundled("living-encoder/world/draw.ts")
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", DRAW],
        input=(json.dumps(scenes) + "\n" + module).encode(),
        capture_output=True,
        check=True,
    )
    planes = np.frombuffer(done.stdout, np.float32).reshape(-1, 3, 64, 64)
    return planes.transpose(0, 2, 3, 1) * 255


def every_kind(styles: list[int]) -> SceneTable:
    """Every shape in these styles, on every background, somewhere and turned."""
    kinds = np.stack(
        np.meshgrid(range(len(SHAPES)), styles, range(len(BACKGROUNDS)), indexing="ij"), -1
    )
    shape, style, background = kinds.reshape(-1, 3).T
    n, random = len(shape), np.random.default_rng(3)
    pair = np.stack([shape, np.full(n, -1)], 1)
    rotation = np.where(style == STYLES.index("pixel"), 0, random.uniform(-3, 3, n))
    zero = np.zeros(n)
    return SceneTable(
        shape=pair,
        color=np.stack([random.integers(0, len(COLORS), n), np.full(n, -1)], 1),
        size=np.stack([np.zeros(n, int), np.full(n, -1)], 1),
        center=np.stack([random.uniform(0.35, 0.65, (n, 2)), np.zeros((n, 2))], 1),
        radius=np.stack([random.uniform(0.15, 0.3, n), zero], 1),
        rotation=np.stack([rotation, zero], 1),
        style=style,
        background=background,
        relation=np.zeros(n, int),
        texture=np.zeros((n, 2), int),
        shading=np.ones(n, bool),
        grain=np.zeros(n, bool),
    )


def as_scenes(table: SceneTable) -> list[dict]:
    return [
        {
            "background": int(table.background[i]),
            "objects": [
                {
                    "shape": int(table.shape[i, 0]),
                    "color": int(table.color[i, 0]),
                    "style": int(table.style[i]),
                    "x": float(table.center[i, 0, 0]),
                    "y": float(table.center[i, 0, 1]),
                    "radius": float(table.radius[i, 0]),
                    "rotation": float(table.rotation[i, 0]),
                }
            ],
        }
        for i in range(len(table))
    ]


def test_names_and_their_order_are_those_of_python():
    world = assets.constant("drawnWorld")
    assert tuple(world["shapes"]) == SHAPES
    assert tuple(world["styles"]) == STYLES


@pytest.mark.parametrize("style", [name for name in STYLES if name != "sketch"])
def test_every_shape_is_the_same_picture(node, style):  # noqa: F811
    table = every_kind([STYLES.index(style)])
    apart = np.abs(drawn(as_scenes(table)) - render(table))
    # Python rounds to bytes; the far end of a glow is cut by a window that stands a pixel elsewhere.
    assert apart.max() <= (4 if style == "neon" else 0.51)
    assert apart.mean() < 0.3


def test_a_sketch_differs_by_its_noise_alone(node):  # noqa: F811
    table = every_kind([STYLES.index("sketch")])
    apart = np.abs(drawn(as_scenes(table)) - render(table)).mean(axis=(1, 2, 3))
    empty = render(every_kind([STYLES.index("flat")])[:1])  # another picture altogether
    far = np.abs(empty.astype(float) - render(table)).mean(axis=(1, 2, 3))
    assert apart.max() < 7
    assert np.median(apart) < 0.2 * np.median(far)


def test_the_noise_is_as_smooth_as_that_of_python(node):  # noqa: F811
    module = bundled("living-encoder/world/noise.ts")
    program = """
    const code = (await import("node:fs")).readFileSync(0, "utf8");
    const { noiseAt } = await import("data:text/javascript," + encodeURIComponent(code));
    const all = Array.from({ length: 128 * 128 }, (_, i) => noiseAt(i % 128, Math.floor(i / 128)));
    console.log(JSON.stringify(all));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", program],
        input=module.encode(),
        capture_output=True,
        check=True,
    )
    own, theirs = np.reshape(json.loads(done.stdout), (128, 128)), smooth_noise(64)
    assert own.mean() == pytest.approx(0, abs=1e-3)
    assert own.std() == pytest.approx(1, abs=1e-3)
    for step in (1, 2, 3):
        along = [(noise * np.roll(noise, step, axis)).mean() for noise in (own,) for axis in (0, 1)]
        known = (theirs * np.roll(theirs, step, 0)).mean()
        assert along == pytest.approx([known, known], abs=0.06)
