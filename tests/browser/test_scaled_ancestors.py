"""Below an ancestor that is scaled, as on slides, an instrument answers for what is drawn under the pointer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_rope_wheel_page import CONTENT, START, STATE, WHEEL, words
from tests.support.harness import picture_of
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix, picture
from vizkit.zoo import load

pytestmark = pytest.mark.browser
ANCESTORS = {
    "scaled down": "transform: scale(0.7); transform-origin: 30px 10px;",
    "zoomed": "zoom: 1.3;",
}
ROWS, COLUMNS = 5, 9
PLACES = [(0, 0), (4, 8), (0, 8), (3, 1), (2, 5)]
SIMILARITY = np.random.default_rng(0).permutation(ROWS * COLUMNS).reshape(ROWS, COLUMNS) / 44.0

Place = tuple[int, int]


def matrix() -> SimilarityMatrix:
    return SimilarityMatrix(similarity=SIMILARITY, theme="light")


def attention() -> AttentionMap:
    weights = np.full((1, 1, ROWS * COLUMNS, ROWS * COLUMNS), 1 / (ROWS * COLUMNS))
    return AttentionMap(weights, grid=(ROWS, COLUMNS), num_prefix_tokens=0, theme="light")


def space() -> EmbeddingSpace:
    places = [(column, -row) for row in range(ROWS) for column in range(COLUMNS)]
    return EmbeddingSpace(np.array(places, float), theme="light")


def living() -> LivingEncoder:
    return LivingEncoder(load("pocket-clip"), theme="light")


def share_in_matrix(canvas, place: Place) -> tuple[float, float]:
    left, top, width, height = map(float, canvas.get_attribute("data-cells").split(",")[:4])
    row, column = place
    whole = canvas.evaluate("one => [one.clientWidth, one.clientHeight]")
    return (left + (column + 0.5) * width) / whole[0], (top + (row + 0.5) * height) / whole[1]


def share_in_grid(rows: int, columns: int) -> Callable:
    return lambda _, place: ((place[1] + 0.5) / columns, (place[0] + 0.5) / rows)


def share_in_plane(canvas, place: Place) -> tuple[float, float]:
    width, height = canvas.evaluate("one => [one.clientWidth, one.clientHeight]")
    scale = min((width - 48) / (COLUMNS - 1), (height - 48) / (ROWS - 1))
    row, column = place
    x = width / 2 + (column - (COLUMNS - 1) / 2) * scale
    return x / width, (height / 2 + (row - (ROWS - 1) / 2) * scale) / height


# What to show, where a place lies on its canvas as shares of its sides, what is said there, and what a click adds.
CASES = {
    "matrix": (matrix, share_in_matrix, "image {0} × text {1} ", PLACES),
    "attention": (attention, share_in_grid(ROWS, COLUMNS), "query row {0}, column {1}", PLACES),
    "space": (space, share_in_plane, "point {2} ", PLACES),
    "living": (
        living,
        share_in_grid(8, 8),
        "row {0}, column {1}",
        [(0, 0), (7, 7), (0, 7), (7, 1)],
    ),
}


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1500, "height": 1000}, has_touch=True)
    yield context.new_page()
    context.close()


def shown(page: Page, name: str, style: str, tmp_path):
    make, share, said, places = CASES[name]
    page.goto(make().save_html(tmp_path / "page.html").as_uri())
    page.locator(".vk[data-ready=true]").wait_for()
    page.evaluate("style => { document.querySelector('main').style = style; }", style)
    page.wait_for_timeout(300)
    canvas = page.locator("canvas[role=application]").first
    canvas.scroll_into_view_if_needed()
    return canvas, share, said, places


def on_screen(canvas, share: tuple[float, float]) -> tuple[float, float]:
    box = canvas.bounding_box()
    return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]


@pytest.mark.parametrize("style", ANCESTORS.values(), ids=ANCESTORS)
@pytest.mark.parametrize("name", CASES)
def test_a_pointer_is_answered_for_where_it_is(page: Page, tmp_path, name, style):
    canvas, share, said, places = shown(page, name, style, tmp_path)
    status = page.locator("output.vk-status")
    for kind in ("mouse", "touch"):
        for row, column in places:
            x, y = on_screen(canvas, share(canvas, (row, column)))
            if not (0 < x < 1500 and 0 < y < 1000):
                continue
            page.mouse.move(x, y) if kind == "mouse" else page.touchscreen.tap(x, y)
            expect(status).to_contain_text(said.format(row, column, row * COLUMNS + column))
        page.mouse.move(2, 2)


@pytest.mark.parametrize("style", ANCESTORS.values(), ids=ANCESTORS)
def test_what_is_said_of_a_cell_is_what_is_drawn_there(page: Page, tmp_path, style):
    canvas, share, _, places = shown(page, "matrix", style, tmp_path)
    screen = picture_of(page)
    table = picture.color_table("viridis").astype(int)
    for row, column in places:
        x, y = on_screen(canvas, share(canvas, (row - 0.3, column - 0.3)))  # beside its number
        level = round(255 * SIMILARITY[row, column])
        assert np.abs(np.subtract(screen.getpixel((round(x), round(y))), table[level])).max() < 12
        page.mouse.move(x, y)
        expect(page.locator("output.vk-status")).to_contain_text(f"image {row} × text {column} ")


@pytest.mark.parametrize("style", ANCESTORS.values(), ids=ANCESTORS)
def test_what_is_said_of_a_mark_is_what_is_drawn_there(page: Page, tmp_path, style):
    canvas, share, _, places = shown(page, "space", style, tmp_path)
    screen = picture_of(page)
    paper = np.array(screen.getpixel((round(canvas.bounding_box()["x"]) + 12, 0)))
    for row, column in places:
        x, y = on_screen(canvas, share(canvas, (row, column)))
        if y < 1000:
            assert np.abs(screen.getpixel((round(x), round(y))) - paper).max() > 60, (row, column)
            page.mouse.move(x, y)
            expect(page.locator("output.vk-status")).to_contain_text(
                f"point {row * COLUMNS + column} "
            )


@pytest.mark.parametrize("style", ANCESTORS.values(), ids=ANCESTORS)
@pytest.mark.parametrize("name", CASES)
def test_a_click_takes_what_is_under_it(page: Page, tmp_path, name, style):
    canvas, share, _, places = shown(page, name, style, tmp_path)
    pinned = {
        "matrix": (".sm-head", "image {0}, pinned"),
        "attention": ("output.vk-status", "query row {0}, column {1} (pinned)"),
        "space": ("output.vk-status", "point {2} "),
        "living": ("output.vk-status", "row {0}, column {1} (pinned)"),
    }[name]
    for row, column in places[:2]:
        x, y = on_screen(canvas, share(canvas, (row, column)))
        if not (0 < x < 1500 and 0 < y < 1000):
            continue
        page.mouse.click(x, y)
        page.mouse.move(2, 2)
        text = pinned[1].format(row, column, row * COLUMNS + column)
        expect(page.locator(pinned[0])).to_contain_text(text)


@pytest.mark.parametrize("style", ANCESTORS.values(), ids=ANCESTORS)
def test_the_wheel_is_moved_by_its_controls(page: Page, style):
    page.set_content(f"<body><main style='{style}'></main></body>")
    source = WHEEL["_FRONT_END"].read_text(encoding="utf-8")
    page.evaluate(
        START.replace("document.body", "document.querySelector('main')"), [source, CONTENT]
    )
    said = page.locator("output").last
    left = page.get_by_role("button", name="move query and key one patch to the left")
    box = left.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(*middle)
    expect(said).to_have_text(words(query=STATE["query"] - 1, key=STATE["key"] - 1))
    page.touchscreen.tap(*middle)
    expect(said).to_have_text(words(query=STATE["query"] - 2, key=STATE["key"] - 2))
    slider = page.get_by_label("place of the query").bounding_box()
    page.mouse.click(slider["x"] + slider["width"] - 2, slider["y"] + slider["height"] / 2)
    expect(said).to_have_text(words(query=15, key=0))
