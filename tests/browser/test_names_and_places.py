"""What is written, framed and coloured on an exported page stands at what it names.

Words on a canvas are read from the calls that wrote them, with their places; colours from the screen.
"""

from __future__ import annotations

import contextlib
import itertools
import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_engines import COLORS, CORNERS, without_webgl
from tests.browser.test_living_encoder_page import one_hot_page  # noqa: F401  (a fixture)
from tests.support.harness import click_at, drag, hover_at, picture_of, press, wait_until
from tests.widgets.test_ink import COLUMNS, ROWS, TARGETS, one_hot_heads, width_shares
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix, picture

pytestmark = pytest.mark.browser

# Notes every text and frame with its place in CSS pixels, by the canvas that it is on.
RECORD = """
window.words = []; window.frames = []; window.rings = []; window.paths = [];
const { prototype } = CanvasRenderingContext2D;
const at = (pen, x, y) => {
  const place = pen.getTransform().transformPoint({ x, y });
  return [place.x / devicePixelRatio, place.y / devicePixelRatio];
};
const note = (name, list, what) => {
  const draw = prototype[name];
  prototype[name] = function (...given) {
    window[list].push([this.canvas, what(this, given)]);
    if (window[list].length > 20000) window[list].splice(0, 10000);
    return draw.apply(this, given);
  };
};
note("fillText", "words", (pen, [text, x, y]) => [text, ...at(pen, x, y)]);
note("strokeRect", "frames", (pen, [x, y, w, h]) => [pen.strokeStyle, ...at(pen, x, y), ...at(pen, x + w, y + h)]);
for (const step of ["moveTo", "lineTo"]) note(step, "paths", (pen, [x, y]) => at(pen, x, y));
note("arc", "rings", (pen, [x, y, r]) => [...at(pen, x, y), r]);
window.noted = (list, canvas) => window[list].filter(([one]) => one === canvas).map(([, what]) => what);
"""


FRAME = "new Promise(requestAnimationFrame)"


@pytest.fixture
def recorded(page: Page) -> Page:
    page.add_init_script(RECORD)
    page.emulate_media(reduced_motion="reduce")
    return page


def show(page: Page, widget, tmp_path) -> Locator:
    page.goto(widget.save_html(tmp_path / "page.html").as_uri())
    page.locator(".vk[data-ready=true]").wait_for()
    # What is asked next must lie where the last drawing has it: on a busy machine a size may still change.
    page.evaluate(f"async () => {{ for (let i = 0; i < 4; i++) await {FRAME}; }}")
    return page.locator("canvas[role=application]").first


def noted(canvas: Locator, kind: str) -> list[list]:
    return canvas.evaluate(f"one => noted({kind!r}, one)")


def words_on(canvas: Locator) -> dict[str, tuple[float, float]]:
    """Where each text was last written on a canvas."""
    return {text: (x, y) for text, x, y in noted(canvas, "words")}


def layout_of(canvas: Locator) -> tuple[float, float, float, float]:
    left, top, width, height, *_ = map(float, canvas.get_attribute("data-cells").split(","))
    return left, top, width, height


def rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


# ------------------------------------------------------------------------------ SimilarityMatrix


SIMILARITY = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) / 20 + 0.05


def test_names_and_numbers_of_a_matrix_stand_at_their_rows_columns_and_cells(recorded, tmp_path):
    captions = [f"word {column}" for column in range(COLUMNS)]
    canvas = show(recorded, SimilarityMatrix(similarity=SIMILARITY, captions=captions), tmp_path)
    left, top, width, height = layout_of(canvas)
    found = words_on(canvas)
    for column, caption in enumerate(captions):
        x, y = found[caption]
        assert y < top
        assert x == pytest.approx(left + (column + 0.5) * width, abs=6), caption
    for row in range(ROWS):
        x, y = found[str(row)]
        assert x < left
        assert y == pytest.approx(top + (row + 0.5) * height, abs=2)
    inside = [(text, x, y) for text, x, y in noted(canvas, "words") if left < x and top < y]
    numbers = {float(text): (x, y) for text, x, y in inside if y < top + ROWS * height}
    for (row, column), value in np.ndenumerate(SIMILARITY.round(3)):
        x, y = numbers[value]
        place = left + (column + 0.5) * width, top + (row + 0.5) * height
        assert (x, y) == pytest.approx(place, abs=2), (row, column)


def test_columns_without_captions_are_numbered(recorded, tmp_path):
    canvas = show(recorded, SimilarityMatrix(similarity=SIMILARITY.T - 3), tmp_path)
    left, top, width, _ = layout_of(canvas)
    above = {text: x for text, x, y in noted(canvas, "words") if y < top}
    assert {text: round((x - left) / width - 0.5, 1) for text, x in above.items()} == {
        str(column): column for column in range(ROWS)
    }


def test_the_frames_of_a_matrix_are_around_what_they_mean(recorded, tmp_path):
    canvas = show(recorded, SimilarityMatrix(np.eye(4, 6), np.eye(4, 6) + 0.1), tmp_path)
    left, top, width, height = layout_of(canvas)
    pairs = {tuple(box) for color, *box in noted(canvas, "frames") if color.startswith("rgba(255")}
    middles = {
        (
            round((b + d) / 2 / height - top / height - 0.5, 1),
            round(((a + c) / 2 - left) / width - 0.5, 1),
        )
        for a, b, c, d in pairs
    }
    assert middles == {(k, k) for k in range(4)}
    box = canvas.bounding_box()
    hover_at(canvas, (left + 2.5 * width) / box["width"], (top + 1.5 * height) / box["height"])
    expect(recorded.locator("output.vk-status")).to_contain_text("image 1 × text 2")
    cell = [left + 2 * width, top + height, left + 3 * width, top + 2 * height]
    wait_until(
        lambda: noted(canvas, "frames")[-1][1:] == pytest.approx(cell, abs=1), "a frame at the cell"
    )
    recorded.mouse.down()
    recorded.mouse.up()
    expect(recorded.locator(".sm-head")).to_contain_text("image 1, pinned")
    recorded.mouse.move(2, 2)
    inks = np.asarray(picture_of(canvas), int)
    beside = [inks[round(top + (row + 0.5) * height), round(left - 3)] for row in range(4)]
    marked = [row for row in range(4) if np.abs(beside[row] - np.median(beside, 0)).max() > 60]
    assert marked == [1]


def test_the_pictures_of_a_matrix_are_those_of_their_rows_and_of_the_list(recorded, tmp_path):
    inks = [[220, 0, 0], [0, 160, 0], [0, 0, 220], [200, 160, 0]]
    images = [np.full((8, 8, 3), ink, np.uint8) for ink in inks]
    widget = SimilarityMatrix(
        np.eye(4), np.eye(4), images=images, selected_text=[2], view="softmax over images"
    )
    canvas = show(recorded, widget, tmp_path)
    recorded.mouse.move(2, 2)
    left, top, _, height = layout_of(canvas)

    def own(pixels: np.ndarray) -> int:
        """Whose colour pixels have."""
        return int(np.argmin([np.abs(pixels - ink).max(-1).min() for ink in inks]))

    pixels = np.asarray(picture_of(canvas), int)
    for row in range(4):
        line = pixels[round(top + (row + 0.5) * height), : round(left) - 6]
        assert own(line) == row
    middle = """one => [...one.getContext("2d").getImageData(one.width / 2, one.height / 2, 1, 1).data].slice(0, 3)"""
    stamps = recorded.locator(".sm-list li").filter(has=recorded.locator("canvas")).all()
    assert len(stamps) == 4
    for stamp in stamps:
        found = np.array(stamp.locator("canvas").evaluate(middle))
        assert own(found) == int(stamp.get_attribute("data-index"))


def test_a_colour_bar_runs_from_the_lowest_to_the_highest(recorded, tmp_path):
    canvas = show(recorded, SimilarityMatrix(similarity=SIMILARITY), tmp_path)
    left, top, width, height = layout_of(canvas)
    pixels = np.asarray(picture_of(canvas), int)
    line = pixels[round(top + ROWS * height + 18)]
    table = picture.color_table("viridis").astype(int)
    ends = line[round(left + 4)], line[round(left + COLUMNS * width - 5)]
    assert np.abs(ends[0] - table[0]).max() < 30
    assert np.abs(ends[1] - table[255]).max() < 30
    low, high = SIMILARITY.min(), SIMILARITY.max()
    below = [(x, text) for text, x, y in noted(canvas, "words") if y > top + ROWS * height]
    ticks = {float(text): (x - left) / (COLUMNS * width) for x, text in below if text[0].isdigit()}
    assert len(ticks) >= 3
    for value, place in ticks.items():
        assert place == pytest.approx((value - low) / (high - low), abs=0.02)


TINTS = np.array(
    [
        [220, 0, 0],
        [0, 160, 0],
        [0, 0, 220],
        [200, 160, 0],
        [0, 170, 170],
        [190, 0, 190],
        [90, 90, 90],
    ]
)


def tinted(count: int) -> list[np.ndarray]:
    """Pictures of one colour each."""
    return [np.full((8, 8, 3), tint, np.uint8) for tint in TINTS[:count]]


def tint_of(pixels: np.ndarray) -> int:
    """The picture whose colour pixels have."""
    return int(np.argmin([np.abs(pixels - tint).max(-1).min() for tint in TINTS]))


@pytest.mark.parametrize("how", ["zoomed", "sorted", "sorted and zoomed"])
def test_all_of_a_matrix_follows_its_order_and_its_part_on_view(recorded, tmp_path, how):
    values = np.random.default_rng(0).permutation(63).reshape(7, 9) / 100 + 0.1
    options = {"images": tinted(7)} if "zoomed" in how else {}  # else rows are numbered
    captions = [f"word {column}" for column in range(9)]
    widget = SimilarityMatrix(similarity=values, captions=captions, theme="light", **options)
    canvas = show(recorded, widget, tmp_path)
    if "sorted" in how:
        press(canvas, "o")
    if "zoomed" in how:
        press(canvas, "ArrowRight", *["ArrowDown"] * 6, *["ArrowRight"] * 4, "+")
    wait_until(lambda: canvas.get_attribute("data-cells").endswith(",9") == (how == "sorted"), how)
    left, top, width, height, *part = map(float, canvas.get_attribute("data-cells").split(","))
    first_row, first_column, rows, columns = map(int, part)
    if "zoomed" in how:
        assert (first_row, first_column, rows, columns) == (2, 1, 5, 6)
    box = canvas.bounding_box()

    def at(row: int, column: int) -> tuple[str, ...]:
        """Image and text under the pointer at a place on view, with a frame around it."""
        share = (
            (left + (column + 0.5) * width) / box["width"],
            (top + (row + 0.5) * height) / box["height"],
        )
        hover_at(canvas, *share)
        cell = [
            left + column * width,
            top + row * height,
            left + (column + 1) * width,
            top + (row + 1) * height,
        ]
        wait_until(lambda: noted(canvas, "frames")[-1][1:] == pytest.approx(cell, abs=1), "a frame")
        said = recorded.locator("output.vk-status").inner_text()
        return re.search(r"image (\d+) × text (\d+)", said).groups()

    images = [int(at(row, 0)[0]) for row in range(rows)]
    texts = [int(at(0, column)[1]) for column in range(columns)]
    as_given = (
        list(range(first_row, first_row + rows)),
        list(range(first_column, first_column + columns)),
    )
    if "sorted" in how:
        assert images != as_given[0]
        assert texts != as_given[1]
    else:
        assert (images, texts) == as_given
    at(1, 1)
    recorded.mouse.down()
    recorded.mouse.up()
    expect(recorded.locator(".sm-head")).to_contain_text(f"image {images[1]}, pinned")
    recorded.evaluate("words.length = 0")
    recorded.mouse.move(2, 2)
    wait_until(lambda: len(noted(canvas, "words")) > rows * columns, "all words")

    found = words_on(canvas)
    assert {text for text in found if text.startswith("word")} == {f"word {text}" for text in texts}
    for column, text in enumerate(texts):
        assert found[f"word {text}"][0] == pytest.approx(left + (column + 0.5) * width, abs=6), text
    pixels = np.asarray(picture_of(canvas), int)
    middles = [round(top + (row + 0.5) * height) for row in range(rows)]
    for row, image in enumerate(images):
        if options:
            assert tint_of(pixels[middles[row], : round(left) - 6]) == image
        else:
            assert found[str(image)][1] == pytest.approx(middles[row], abs=2)
    bottom = top + rows * height
    inside = [
        (word, x, y) for word, x, y in noted(canvas, "words") if left < x and top < y < bottom
    ]
    numbers = {float(word): (x, y) for word, x, y in inside}
    table = picture.color_table("viridis").astype(int)
    for (row, image), (column, text) in itertools.product(enumerate(images), enumerate(texts)):
        x, y = left + (column + 0.5) * width, top + (row + 0.5) * height
        share = (values[image, text] - values.min()) / np.ptp(values)
        # Its colour beside its number.
        ground = pixels[round(y - 0.3 * height), round(x - 0.3 * width)]
        assert np.abs(ground - table[round(255 * share)]).max() < 12, (row, column)
        assert numbers[round(values[image, text], 2)] == pytest.approx((x, y), abs=2)
        written = pixels[round(y) - 6 : round(y) + 6, round(x) - 12 : round(x) + 12].mean(-1)
        if share < 0.3:
            assert written.max() > 190
        if share > 0.8:
            assert written.min() < 60
    beside = np.array([pixels[middle, round(left - 3)] for middle in middles])
    marked = np.flatnonzero(np.abs(beside - np.median(beside, 0)).max(-1) > 60)
    assert marked.tolist() == [1]


def test_the_pictures_of_a_matrix_stand_upright(recorded, tmp_path):
    quarters = TINTS[:4]
    image = quarters.astype(np.uint8).reshape(2, 2, 3).repeat(16, 0).repeat(16, 1)
    widget = SimilarityMatrix(
        np.eye(4), np.eye(4), images=[image] * 4, selected_text=[2], view="softmax over images"
    )
    canvas = show(recorded, widget, tmp_path)
    recorded.mouse.move(2, 2)
    left, top, _, height = layout_of(canvas)
    pixels = np.asarray(picture_of(canvas), int)[: round(top + height), : round(left) - 4]
    middles = []
    for tint in quarters:
        rows, columns = np.nonzero(np.abs(pixels - tint).max(-1) < 20)
        middles.append((np.median(rows), np.median(columns)))  # of the first row's picture
    (a, b), (c, d), (e, f), (g, h) = middles
    assert (a, b) == pytest.approx((c, f), abs=2)
    assert (g, h) == pytest.approx((e, d), abs=2)
    assert a < e - 4
    assert b < d - 4
    corners = """one => [[.25, .25], [.75, .25], [.25, .75], [.75, .75]].map(([x, y]) =>
        [...one.getContext("2d").getImageData(x * one.width, y * one.height, 1, 1).data].slice(0, 3))"""
    stamp = recorded.locator(".sm-list li canvas").first
    assert np.abs(np.array(stamp.evaluate(corners)) - quarters).max() < 20


def sorted_order(canvas: Locator, count: int) -> list[int]:
    """The images from the first row on, as a pointer finds them."""
    left, top, width, height = layout_of(canvas)
    box = canvas.bounding_box()
    found = []
    for row in range(count):
        y = (top + (row + 0.5) * height) / box["height"]
        hover_at(canvas, (left + 0.5 * width) / box["width"], y)
        frame = [left, top + row * height, left + width, top + (row + 1) * height]
        wait_until(
            lambda f=frame: noted(canvas, "frames")[-1][1:] == pytest.approx(f, abs=1), "a frame"
        )
        said = canvas.page.locator("output.vk-status").inner_text()
        found.append(int(re.search(r"image (\d+)", said)[1]))
    return found


def test_the_frames_of_pairs_stay_on_the_diagonal_of_a_sorted_matrix(recorded, tmp_path):
    places = np.random.default_rng(5).normal(size=(7, 3))
    canvas = show(recorded, SimilarityMatrix(places, places), tmp_path)
    press(canvas, "o")
    order = sorted_order(canvas, 7)
    assert np.argsort(order).tolist() != list(range(7))
    left, top, width, height = layout_of(canvas)
    recorded.evaluate("frames.length = 0")
    recorded.mouse.move(2, 2)
    wait_until(lambda: len(noted(canvas, "frames")) >= 7, "frames")
    middles = {
        (round(((b + d) / 2 - top) / height - 0.5), round(((a + c) / 2 - left) / width - 0.5))
        for color, a, b, c, d in noted(canvas, "frames")
        if color.startswith("rgba(255, 255, 255, 0.69")
    }
    assert middles == {(place, place) for place in range(7)}


def test_the_frames_of_pairs_follow_the_part_on_view(recorded, tmp_path):
    canvas = show(recorded, SimilarityMatrix(np.eye(8), np.eye(8)), tmp_path)
    left, top, width, height = layout_of(canvas)
    box = canvas.bounding_box()
    recorded.evaluate("frames.length = 0")
    corners = [(2.5, 3.5), (5.5, 6.5)]
    path = [
        ((left + column * width) / box["width"], (top + row * height) / box["height"])
        for row, column in corners
    ]
    drag(canvas, path)
    wait_until(lambda: canvas.get_attribute("data-cells").endswith(",2,3,4,4"), "rows 2 to 5")
    left, top, width, height = layout_of(canvas)
    recorded.evaluate("frames.length = 0")
    recorded.mouse.move(2, 2)
    wait_until(lambda: noted(canvas, "frames"), "frames")
    frames = [
        box
        for color, *box in noted(canvas, "frames")
        if color.startswith("rgba(255, 255, 255, 0.69")
    ]
    middles = {
        (
            round(((b + d) / 2 - top) / height - 0.5 + 2),
            round(((a + c) / 2 - left) / width - 0.5 + 3),
        )
        for a, b, c, d in frames
    }
    assert middles == {(3, 3), (4, 4), (5, 5)}


def test_images_and_texts_are_divided_where_the_texts_begin(recorded, tmp_path):
    widget = SimilarityMatrix(
        np.eye(3, 5),
        np.eye(3, 5) + 0.1,
        images=tinted(3),
        captions=["one", "two", "three"],
        against_both=True,
        theme="light",
    )
    canvas = show(recorded, widget, tmp_path)
    recorded.mouse.move(2, 2)
    left, top, width, height = layout_of(canvas)
    pixels = np.asarray(picture_of(canvas), int)
    for place in range(1, 6):
        across = pixels[round(top + 0.3 * height), round(left + place * width) + np.arange(-1, 2)]
        down = pixels[round(top + place * height) + np.arange(-1, 2), round(left + 0.3 * width)]
        for line in (across, down):
            assert (line.min(-1).max() > 240) == (place == 3), place
    for index in range(3):
        assert tint_of(pixels[round(top + (index + 0.5) * height), : round(left) - 6]) == index
        assert tint_of(pixels[: round(top) - 5, round(left + (index + 0.5) * width)]) == index


@pytest.mark.parametrize("view", ["softmax over texts", "gradient of InfoNCE"])
def test_a_colour_bar_by_roots_has_its_views_colours_and_ticks(recorded, tmp_path, view):
    canvas = show(recorded, SimilarityMatrix(np.eye(4), np.eye(4), view=view), tmp_path)
    left, top, width, height = layout_of(canvas)
    pixels = np.asarray(picture_of(canvas), int)
    line = pixels[round(top + 4 * height + 18)]
    table = picture.color_table("diverging" if view.startswith("gradient") else "magma").astype(int)
    for share in (0.01, 0.25, 0.5, 0.75, 0.99):
        color = line[round(left + share * 4 * width)]
        assert np.abs(color - table[round(255 * share)]).max() < 30, share
    below = [(x, text) for text, x, y in noted(canvas, "words") if y > top + 4 * height]
    ticks = {}
    for x, text in below:
        with contextlib.suppress(ValueError):  # the bar's name
            ticks[float(text.replace("−", "-"))] = (x - left) / (4 * width)
    assert len(ticks) >= 5
    for value, place in ticks.items():
        expected = np.sqrt(value) if value >= 0 else np.nan
        if view.startswith("gradient"):
            expected = 0.5 + np.sign(value) * np.sqrt(4 * abs(value)) / 2
        assert place == pytest.approx(expected, abs=0.02), value


def test_a_tooltip_shows_its_rows_picture(recorded, tmp_path):
    canvas = show(recorded, SimilarityMatrix(np.eye(4), np.eye(4), images=tinted(4)), tmp_path)
    left, top, width, height = layout_of(canvas)
    box = canvas.bounding_box()
    for row in (2, 1):
        hover_at(
            canvas,
            (left + 0.5 * width) / box["width"],
            (top + (row + 0.5) * height) / box["height"],
        )
        expect(recorded.locator("output.vk-status")).to_contain_text(f"image {row} ")
        middle = """one => [...one.getContext("2d").getImageData(one.width / 2, one.height / 2, 1, 1).data]"""
        ink = recorded.locator(".vk-tip canvas").evaluate(middle)[:3]
        assert tint_of(np.array(ink)) == row


def test_a_wheel_zooms_in_on_what_is_under_it(recorded, tmp_path):
    canvas = show(recorded, SimilarityMatrix(similarity=np.eye(7, 9)), tmp_path)
    left, top, width, height = layout_of(canvas)
    box = canvas.bounding_box()
    canvas.focus()
    hover_at(canvas, (left + 1.5 * width) / box["width"], (top + 6.5 * height) / box["height"])
    recorded.mouse.wheel(0, -100)
    wait_until(
        lambda: canvas.get_attribute("data-cells").endswith(",1,0,6,7"), "one row less, above"
    )


# --------------------------------------------------------------------------------- AttentionMap


def test_heads_layers_queries_and_keys_stand_at_their_names(recorded, tmp_path):
    widget = one_hot_heads(3)
    widget.panels, widget.layer = ["heads", "matrix", "distance"], 0
    main = show(recorded, widget, tmp_path)
    heads = recorded.locator("[data-panel=heads] canvas")
    box = heads.bounding_box()
    found = noted(heads, "words")
    across = {text: x for text, x, y in found if y < 16}
    down = {text: y for text, x, y in found if y >= 16}
    wide, high = (box["width"] - 20) / 2, (box["height"] - 16) / 2
    assert {text: int((x - 20) / wide) for text, x in across.items()} == {"1": 0, "2": 1}
    assert {text: int((y - 16) / high) for text, y in down.items()} == {"1": 0, "2": 1}

    matrix = recorded.locator("[data-panel=matrix] canvas")
    matrix.scroll_into_view_if_needed()
    pixels = np.asarray(picture_of(matrix), float).sum(-1)
    cell = np.array(pixels.shape) / (ROWS * COLUMNS)
    for query in range(ROWS * COLUMNS):
        line = pixels[int((query + 0.5) * cell[0])]
        values = [line[int((key + 0.5) * cell[1])] for key in range(ROWS * COLUMNS)]
        assert int(np.argmax(values)) == TARGETS.get(query, 7), query

    distance = words_on(recorded.locator("[data-panel=distance] canvas"))
    assert distance["0.0"][1] > distance["0.4"][1]

    width, height = main.evaluate("one => [one.clientWidth, one.clientHeight]")
    frame = noted(main, "frames")[-1][1:]
    cell = [3 * width / COLUMNS, 0, 4 * width / COLUMNS, height / ROWS]
    assert frame == pytest.approx(cell, abs=1)  # the query is row 0, column 3

    scale = np.asarray(picture_of(recorded.locator("canvas.vk-scale")), int)
    table = picture.color_table("magma").astype(int)
    assert np.abs(scale[2, 3] - table[0]).max() < 30
    assert np.abs(scale[2, -4] - table[255]).max() < 30
    canvas = recorded.locator("canvas.vk-scale")
    wide = canvas.evaluate("one => one.clientWidth")
    places = {text: x for text, (x, _) in words_on(canvas).items() if text[0].isdigit()}
    assert {float(text): x for text, x in places.items()} == {0: 0, 1: wide}


def test_what_is_on_view_is_framed_in_the_map_the_heads_and_the_matrix(recorded, tmp_path):
    count = ROWS * COLUMNS
    one_hot = np.eye(count)
    targets = [[range(count), [7] * count], [[0] * count, [11] * count]]  # four mean distances
    maps = np.array([[one_hot[list(target)] for target in heads] for heads in targets])
    panels = ["heads", "matrix", "distance"]
    widget = AttentionMap(
        maps, grid=(ROWS, COLUMNS), num_prefix_tokens=0, layer=0, head=1, panels=panels
    )
    main = show(recorded, widget, tmp_path)
    width, height = main.evaluate("one => [one.clientWidth, one.clientHeight]")

    def cell(row: int, column: int) -> list[float]:
        return [
            column * width / COLUMNS,
            row * height / ROWS,
            (column + 1) * width / COLUMNS,
            (row + 1) * height / ROWS,
        ]

    def framed(canvas: Locator, box: list[float], back: int = 1, within: float = 1) -> None:
        """Waits until the last frame drawn on a canvas, or one before, is around a box."""
        wait_until(
            lambda: noted(canvas, "frames")[-back][1:] == pytest.approx(box, abs=within),
            f"a frame around {box}",
        )

    click_at(main, 3.5 / COLUMNS, 0.5 / ROWS)
    hover_at(main, 1.5 / COLUMNS, 2.5 / ROWS)
    framed(main, cell(2, 1))
    framed(main, cell(0, 3), back=3)  # a frame is two lines
    heads = recorded.locator("[data-panel=heads] canvas")
    box = heads.bounding_box()
    wide, high = (box["width"] - 20) / 2, (box["height"] - 16) / 2
    framed(heads, [20 + wide, 16, 20 + 2 * wide, 16 + high], within=0.04 * wide)
    matrix = recorded.locator("[data-panel=matrix] canvas")
    side = matrix.evaluate("one => one.clientWidth")
    framed(matrix, [0, 3 * side / count, side, 4 * side / count])

    distance = recorded.locator("[data-panel=distance] canvas")
    wide, words = distance.evaluate("one => one.clientWidth"), words_on(distance)
    zero, scale = words["0.0"][1] - 4, (words["0.0"][1] - words["0.4"][1]) / 0.4
    dots = noted(distance, "rings")[-4:]
    for layer, values in enumerate(widget.attention_distance()):
        for head, value in enumerate(values):
            x, y = 40 + (layer + 0.5) / 2 * (wide - 48), zero - value * scale
            assert dots[2 * layer + head][:2] == pytest.approx([x, y], abs=1), (layer, head)
    assert [dot[2] > 5 for dot in dots] == [False, True, False, False]

    press(main, "r")
    framed(matrix, [3 * side / count, 0, 4 * side / count, side])


# ------------------------------------------------------------------------------- EmbeddingSpace


def corners(**options) -> EmbeddingSpace:
    return EmbeddingSpace(np.array(list(CORNERS.values()), float), theme="light", **options)


def places_on(canvas: Locator) -> dict[str, tuple[float, float]]:
    """Where the corners lie on the plot."""
    width, height = canvas.evaluate("one => [one.clientWidth, one.clientHeight]")
    scale = min((width - 48) / 3, (height - 48) / 2)
    return {
        name: (width / 2 + (right - 1.5) * scale, height / 2 - (up - 1) * scale)
        for name, (right, up) in CORNERS.items()
    }


@pytest.mark.parametrize("renderer", ["webgl2", "canvas"])
def test_marks_and_lines_of_a_space_are_those_of_their_points(recorded, tmp_path, renderer):
    kinds = ["image", "text", "text", "image"]
    labels = list(CORNERS)
    widget = corners(labels=labels, class_colors=COLORS, modality=kinds, pairs=[[0, 3]])
    path = widget.save_html(tmp_path / "page.html")
    if renderer == "canvas":
        without_webgl(path)
    recorded.goto(path.as_uri())
    recorded.locator(f".vk[data-ready=true][data-renderer={renderer}]").wait_for()
    recorded.mouse.move(2, 2)
    canvas = recorded.locator("canvas[role=application]")
    pixels = np.asarray(picture_of(recorded.locator(".vk-plot")), int)
    places = places_on(canvas)
    for (name, (x, y)), kind in zip(places.items(), kinds, strict=True):
        part = pixels[round(y) - 12 : round(y) + 13, round(x) - 12 : round(x) + 13]
        share = width_shares(np.abs(part - rgb(COLORS[name])).max(-1) < 90)
        assert share == pytest.approx(1, abs=0.35) if kind == "image" else share < 0.6, name

    def inked(one: str, other: str) -> bool:
        """Whether there is a line between two corners, a third of the way."""
        (a, b), (c, d) = places[one], places[other]
        x, y = round(a + (c - a) / 3), round(b + (d - b) / 3)
        part = pixels[y - 2 : y + 3, x - 2 : x + 3]
        return bool((part.min(-1) < part.max() - 25).any())

    assert inked("left low", "right high")
    assert not inked("left high", "right low")


def test_a_spaces_legend_has_the_colour_the_number_and_the_mark_of_each_class(recorded, tmp_path):
    order = [0, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    places = np.array(list(CORNERS.values()), float)[order]
    labels = [list(CORNERS)[k] for k in order]
    widget = EmbeddingSpace(
        places, labels=labels, class_colors=COLORS, modality=["image", "text"] * 5, show_gap=True
    )
    canvas = show(recorded, widget, tmp_path)
    shown = recorded.locator(".vk-legend button").evaluate_all(
        """all => all.map((one) => [one.querySelector("i").style.background,
        one.querySelector("small").textContent])"""
    )
    names = recorded.locator(".vk-legend button").all_inner_texts()
    for (color, count), text in zip(shown, names, strict=True):
        name = next(name for name in CORNERS if name in " ".join(text.split()))
        assert color == "rgb({}, {}, {})".format(*rgb(COLORS[name]))
        assert int(count) == labels.count(name)
    kinds = recorded.locator(".vk-kinds span").evaluate_all(
        "all => all.map((one) => [one.textContent, one.querySelector('i').style.clipPath.split('(')[0]])"
    )
    assert kinds == [["image", "circle"], ["text", "polygon"]]

    press(canvas, "n")
    at = places_on(canvas)
    wait_until(lambda: set(CORNERS) <= set(words_on(canvas)), "the classes' names")
    found = words_on(canvas)
    for name, (_, y) in at.items():
        assert abs(found[name][1] - y) < 6, name
        assert (found[name][0] < canvas.bounding_box()["width"] / 2) == name.startswith("left")
    middles = [places[kind::2].mean(0) for kind in (0, 1)]
    assert middles[0][1] != middles[1][1]
    higher = found["mean image"][1] < found["mean text"][1]
    assert higher == (middles[0][1] > middles[1][1])


def test_pictures_and_rings_of_a_space_are_at_their_points(recorded, tmp_path):
    images = [np.full((8, 8, 3), rgb(color), np.uint8) for color in COLORS.values()]
    canvas = show(recorded, corners(images=images, show_thumbnails=True), tmp_path)
    places = places_on(canvas)
    plot = recorded.locator(".vk-plot")

    def at_points() -> bool:
        pixels = np.asarray(picture_of(plot), int)
        found = [pixels[round(y) + 4, round(x) + 4] for x, y in places.values()]
        return all(
            np.abs(one - rgb(color)).max() < 40
            for one, color in zip(found, COLORS.values(), strict=True)
        )

    wait_until(at_points, "each point's own picture", 20)
    box = canvas.bounding_box()
    x, y = places["right low"]
    hover_at(canvas, x / box["width"], y / box["height"])
    expect(recorded.locator("output.vk-status")).to_contain_text("point 1 ")
    last = noted(canvas, "rings")[-1]
    assert last[:2] == pytest.approx([x, y], abs=1.5)
    rings = {(round(a), round(b)) for a, b, _ in noted(canvas, "rings")[-9:]}
    assert all(any(np.hypot(a - p, b - q) < 3 for p, q in places.values()) for a, b in rings)
    buttons = recorded.locator(".vk-card button")
    for button in buttons.all():
        index = int(button.inner_text().split("point ")[-1].split()[0])
        ink = np.asarray(picture_of(button.locator("i")), int)
        assert np.abs(ink[len(ink) // 2, len(ink[0]) // 2] - images[index][0, 0]).max() < 40, index


def test_the_arrow_of_the_gap_and_the_lines_to_partners_lead_where_they_should(recorded, tmp_path):
    kinds = ["image", "image", "text", "image"]
    widget = corners(modality=kinds, pairs=[[0, 3]], show_gap=True)
    canvas = show(recorded, widget, tmp_path)
    recorded.mouse.move(2, 2)
    places = {name: np.array(place) for name, place in places_on(canvas).items()}
    images = np.mean([places["left low"], places["right low"], places["right high"]], 0)
    texts = places["left high"]
    steps = [np.array(step) for step in noted(canvas, "paths")[-6:]]  # the arrow and its two barbs
    assert [step.tolist() for step in steps[:2]] == [
        pytest.approx(end.tolist(), abs=1) for end in (images, texts)
    ]
    ahead = (texts - images) / np.linalg.norm(texts - images)
    aside = []
    for start, end in (steps[2:4], steps[4:6]):
        assert start == pytest.approx(texts, abs=1)
        assert -14 < (end - texts) @ ahead < -8
        aside.append((end - texts) @ [-ahead[1], ahead[0]])
    assert aside[0] * aside[1] < -9

    box = canvas.bounding_box()
    x, y = places["left low"]
    recorded.evaluate("paths.length = 0")
    hover_at(canvas, x / box["width"], y / box["height"])
    expect(recorded.locator("output.vk-status")).to_contain_text("point 0")

    def lines() -> list[str]:
        """Which corners the lines drawn last lead to, from the one under the pointer."""
        steps = noted(canvas, "paths")
        begins = [k for k, step in enumerate(steps) if np.abs(np.array(step) - [x, y]).max() < 1]
        ends = [steps[k + 1] for k in begins if k + 1 < len(steps)]
        nearest = [min(places, key=lambda name: np.abs(places[name] - end).max()) for end in ends]
        return nearest[-4:]

    # A line to each neighbour, and one more to the partner.
    expected = ["left high", "right high", "right high", "right low"]
    wait_until(lambda: sorted(lines()) == expected, "a line to the partner")
    recorded.evaluate("paths.length = 0")
    canvas.focus()
    recorded.keyboard.press("l")
    recorded.mouse.move(box["x"] + 100, box["y"] + 60)
    recorded.mouse.down()
    recorded.mouse.move(box["x"] + 300, box["y"] + 90)
    wait_until(
        lambda: (
            noted(canvas, "paths")[-2:]
            == [pytest.approx([100, 60], abs=1), pytest.approx([300, 90], abs=1)]
        ),
        "the lasso at the pointer",
    )
    recorded.mouse.up()


# -------------------------------------------------------------------------------- LivingEncoder


def test_heads_frames_and_names_of_a_living_encoder_are_at_their_places(recorded, one_hot_page):  # noqa: F811
    recorded.goto(one_hot_page.as_uri())
    recorded.locator(".vk[data-ready=true]").wait_for()
    heads = recorded.locator("[data-panel=heads] canvas")
    heads.scroll_into_view_if_needed()
    width = heads.evaluate("one => one.clientWidth")
    found = words_on(heads)
    size = (width - 17) / 2
    assert [int((found[f"head {k}"][0] - 17) / size) for k in (1, 2)] == [0, 1]
    assert found["layer 1"][1] < found["layer 2"][1]
    pixels = np.asarray(picture_of(heads), float).sum(-1)
    scale = pixels.shape[1] / width
    for layer, hot in enumerate([(1, 3), (2, 1)]):  # what head 2 looks at
        left, top, side = 17 + size + 0.03 * size, 17 + layer * size + 0.03 * size, 0.94 * size
        light = [
            [
                pixels[
                    int((top + (row + 0.5) / 3 * side) * scale),
                    int((left + (column + 0.5) / 5 * side) * scale),
                ]
                for column in range(5)
            ]
            for row in range(3)
        ]
        assert np.argmax(light) == hot[0] * 5 + hot[1], layer
    high = heads.evaluate("one => one.clientHeight")
    for layer, head in itertools.product((0, 1), (0, 1)):
        hover_at(heads, (17 + (head + 0.5) * size) / width, (17 + (layer + 0.5) * size) / high)
        expect(recorded.locator(".vk-tip")).to_contain_text(f"layer {layer + 1}, head {head + 1}")

    stage = recorded.locator("canvas.vk-picture")
    hover_at(stage, 0.7, 0.5)  # row 1, column 3
    expect(recorded.locator("output.vk-status")).to_contain_text("row 1, column 3")
    side = stage.evaluate("one => one.clientWidth")
    cell = [3 * side / 5, side / 3, 4 * side / 5, 2 * side / 3]
    wait_until(
        lambda: noted(stage, "frames")[-1][1:] == pytest.approx(cell, abs=1), "the asking patch"
    )
    norms = noted(recorded.locator("[data-panel=norms] canvas"), "words")
    numbers = {float(text): y for text, x, y in norms if text.replace(".", "").isdigit() and x < 34}
    heights = [numbers[value] for value in sorted(numbers)]
    assert heights == sorted(heights, reverse=True)
    for row in recorded.locator(".vk-caption").all():
        said = float(row.locator(".vk-share").inner_text().rstrip("%"))
        drawn = row.locator(".vk-fill").evaluate("one => parseFloat(one.style.width)")
        assert drawn == pytest.approx(said, abs=1)
