"""Every instrument in Chromium, Firefox and WebKitGTK: where the ink lies, what a pointer says, fingers, phones.

Pictures are tested as numbers are: one hot cell on a grid that is not square, and four points in the corners. A map
that is drawn transposed, mirrored or upside down puts its ink elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import (
    DOWN,
    ENGINES,
    UP,
    Engine,
    box_of,
    cell_middle,
    move,
    opened,
    wait_for,
)
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix

pytestmark = pytest.mark.browser
ROWS, COLUMNS = 3, 5
HOT = (2, 1)  # row and column; neither transposing nor mirroring leaves it where it is
READY = 'document.querySelector(".vk[data-ready=true]") !== null'
STATUS = 'document.querySelector("output.vk-status").textContent'
CORNERS = {"left low": (0, 0), "right low": (3, 0), "left high": (0, 2), "right high": (3, 2)}
COLORS = {
    "left low": "#d00000",
    "right low": "#00a000",
    "left high": "#0000d0",
    "right high": "#000000",
}


def hot_matrix() -> SimilarityMatrix:
    similarity = np.zeros((ROWS, COLUMNS))
    similarity[HOT] = 1
    return SimilarityMatrix(similarity=similarity, theme="light")


def hot_map() -> AttentionMap:
    """Each patch looks at the same one."""
    cells = ROWS * COLUMNS
    weights = np.zeros((1, 1, cells, cells))
    weights[..., HOT[0] * COLUMNS + HOT[1]] = 1
    return AttentionMap(weights, grid=(ROWS, COLUMNS), num_prefix_tokens=0, theme="light")


def corner_points() -> EmbeddingSpace:
    places = np.array(list(CORNERS.values()), float)
    names = list(CORNERS)
    return EmbeddingSpace(places, labels=names, class_colors=COLORS, theme="light")


MAKERS = {"SimilarityMatrix": hot_matrix, "AttentionMap": hot_map, "EmbeddingSpace": corner_points}


@pytest.fixture(params=ENGINES)
def engine(request) -> Iterator[Engine]:
    with opened(request.param, request) as found:
        yield found


def show(engine: Engine, widget, tmp_path: Path) -> None:
    engine.open(widget.save_html(tmp_path / "page.html"))
    wait_for(engine, READY)


def pixel(engine: Engine, x: float, y: float) -> np.ndarray:
    image = np.asarray(engine.screenshot(), float)
    scale = image.shape[1] / engine.ask("innerWidth")
    return image[round(y * scale), round(x * scale)]


def cell_middles(engine: Engine) -> dict[tuple[int, int], tuple[float, float]]:
    """Middle of each cell of the matrix in the window."""
    cells = np.ndindex(ROWS, COLUMNS)
    return {cell: cell_middle(engine, "canvas.sm-main", *cell) for cell in cells}


def map_middles(engine: Engine) -> dict[tuple[int, int], tuple[float, float]]:
    """Middle of each patch of the attention map in the window."""
    x, y, width, height = box_of(engine, "canvas[role=application]")
    return {
        (row, column): (x + (column + 0.5) * width / COLUMNS, y + (row + 0.5) * height / ROWS)
        for row in range(ROWS)
        for column in range(COLUMNS)
    }


def only_hot(engine: Engine, middles: dict[tuple[int, int], tuple[float, float]]) -> bool:
    """Whether the hot cell, and no other, has a colour of its own."""
    image = np.asarray(engine.screenshot(), float)
    scale = image.shape[1] / engine.ask("innerWidth")
    # Beside the middle: numbers may be written there.
    ink = {
        cell: image[round((y + 9) * scale), round((x + 9) * scale)]
        for cell, (x, y) in middles.items()
    }
    typical = np.median(np.stack(list(ink.values())), axis=0)
    return [cell for cell, color in ink.items() if np.abs(color - typical).max() > 60] == [HOT]


def test_the_hot_cell_of_a_matrix_is_where_it_belongs(engine, tmp_path):
    show(engine, hot_matrix(), tmp_path)
    middles = cell_middles(engine)
    assert only_hot(engine, middles)
    engine.pointer([move(*middles[HOT])])
    wait_for(engine, f"{STATUS}.includes('image {HOT[0]} × text {HOT[1]}')")


def test_the_hot_patch_of_a_map_is_where_it_belongs(engine, tmp_path):
    show(engine, hot_map(), tmp_path)
    engine.pointer([move(2, 2)])
    assert only_hot(engine, map_middles(engine))


REFUSE = """<script>
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : get.call(this, kind, ...rest);
};
</script>"""


def without_webgl(path: Path) -> None:
    """Gives a page a browser without WebGL2, and a policy that allows the script that does so."""
    page = path.read_text("ascii")
    start = page.index("script-src")
    policy = page[start : page.index(";", start)]
    page = page.replace(policy, "script-src 'unsafe-inline'", 1)
    path.write_text(page.replace("<head>", f"<head>{REFUSE}", 1), "ascii")


def corners_in_place(engine: Engine) -> dict[str, tuple[float, float]]:
    """Where the four corners are in the window, once each has been seen there in its colour."""
    x, y, width, height = box_of(engine, "canvas[role=application]")
    scale = min((width - 48) / 3, (height - 48) / 2)
    middles = {
        name: (x + width / 2 + (right - 1.5) * scale, y + height / 2 - (up - 1) * scale)
        for name, (right, up) in CORNERS.items()
    }
    for name, at in middles.items():
        expected = [int(COLORS[name][i : i + 2], 16) for i in (1, 3, 5)]
        end = time.monotonic() + 10  # WebKitGTK composes what is drawn a little later
        while np.abs((found := pixel(engine, *at)) - expected).max() >= 60:
            assert time.monotonic() < end, f"{name}: {found}"
    return middles


@pytest.mark.parametrize("renderer", ["first choice", "canvas"])
def test_four_corners_are_where_they_belong(engine, tmp_path, renderer):
    widget = corner_points()
    path = widget.save_html(tmp_path / "page.html")
    if renderer == "canvas":
        without_webgl(path)
    engine.open(path)
    wait_for(engine, READY)
    if renderer == "canvas":
        assert engine.ask('document.querySelector(".vk").dataset.renderer') == "canvas"
    middles = corners_in_place(engine)
    for name, at in middles.items():  # a second round: lines to neighbours lie over the marks
        engine.pointer([move(*at)])
        wait_for(engine, f"{STATUS}.startsWith({name!r})")


@pytest.mark.parametrize(
    "which", ["chromium", "webkit"]
)  # Firefox ESR without a card has no WebGL2
def test_a_lost_graphics_context_draws_again_by_itself(request, tmp_path, which):
    with opened(which, request) as engine:
        show(engine, corner_points(), tmp_path)
        renderer = 'document.querySelector(".vk").dataset.renderer'
        assert engine.ask(renderer) == "webgl2"
        card = 'document.querySelector("canvas.vk-layer").getContext("webgl2")'
        engine.ask(f'window.card = {card}.getExtension("WEBGL_lose_context"), card.loseContext()')
        wait_for(engine, f"{renderer} === 'canvas'", 10)
        corners_in_place(engine)
        engine.ask("card.restoreContext()")
        wait_for(engine, f"{renderer} === 'webgl2'", 10)
        corners_in_place(engine)


@pytest.mark.parametrize("name", MAKERS)
def test_full_screen_by_key_and_back(engine, tmp_path, name):
    show(engine, MAKERS[name](), tmp_path)
    engine.ask('document.querySelector("canvas[role=application]").focus()')
    engine.press("f")
    wait_for(engine, 'document.querySelector(".vk").dataset.full === "true"')
    wait_for(engine, 'document.querySelector(".vk").getBoundingClientRect().left === 0')
    engine.press("Escape")
    wait_for(engine, 'document.querySelector(".vk").dataset.full === "false"')


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("which", ENGINES)
def test_a_phone_shows_it_without_a_sideways_scroll(request, tmp_path, which, name):
    with opened(which, request, width=390, height=844) as engine:
        show(engine, MAKERS[name](), tmp_path)
        width = engine.ask("innerWidth")  # WebKitGTK has a least width of its own
        assert engine.ask("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("which", ENGINES)
def test_a_tap_inspects_and_a_long_press_pins(request, tmp_path, which):
    with opened(which, request, touch=True) as engine:
        show(engine, hot_matrix(), tmp_path)
        x, y = cell_middles(engine)[(1, 3)]
        engine.pointer([move(x, y), DOWN, UP], kind="touch")
        wait_for(engine, f"{STATUS}.includes('image 1 × text 3')")
        head = 'document.querySelector(".sm-head").textContent'
        assert "pinned" not in engine.ask(head)
        engine.pointer([move(x, y), DOWN, {"type": "pause", "duration": 700}, UP], kind="touch")
        wait_for(engine, f"{head}.includes('pinned')")


def test_plus_moves_points_apart_and_the_pointer_follows(engine, tmp_path):
    show(engine, corner_points(), tmp_path)
    x, y, width, height = box_of(engine, "canvas[role=application]")
    scale = min((width - 48) / 3, (height - 48) / 2)
    engine.ask('document.querySelector("canvas[role=application]").focus()')
    engine.press("+", "-", "-", "-")
    for name, (right, up) in CORNERS.items():
        # Twice 1 / 1.4 of the way from the middle.
        dx, dy = (right - 1.5) * scale / 1.96, (up - 1) * scale / 1.96
        at = (x + width / 2 + dx, y + height / 2 - dy)
        engine.pointer([move(*at)])
        wait_for(engine, f"{STATUS}.startsWith({name!r})")


# Canvases on view whose pixels are not the screen's.
BLURRED = """[...document.querySelectorAll(".vk canvas")].filter((one) => one.clientWidth
    && Math.abs(one.width - one.clientWidth * devicePixelRatio) > 1).length"""


@pytest.mark.parametrize("name", MAKERS)
def test_another_pixel_ratio_alone_is_painted_sharp(request, tmp_path, name):
    with opened("firefox", request) as engine:
        engine.open(MAKERS[name]().save_html(tmp_path / "page.html"))
        wait_for(engine, READY)
        wait_for(engine, f"{BLURRED} === 0", 10)
        size = engine.ask("[innerWidth, innerHeight]")
        for ratio in (2, 1.5, 1):
            engine.set_pixel_ratio(ratio)
            wait_for(engine, f"devicePixelRatio === {ratio}", 10)
            assert engine.ask("[innerWidth, innerHeight]") == size  # no resize that would repaint
            wait_for(engine, f"{BLURRED} === 0", 10)
        assert len(engine.screenshot().getcolors(1 << 22)) > 8  # painted anew, not emptied
