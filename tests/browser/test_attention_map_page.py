"""AttentionMap on an exported page: every control, and its numbers against numpy."""

from __future__ import annotations

import base64
import re
from itertools import pairwise

import numpy as np
import pytest
from ipywidgets import jslink
from playwright.sync_api import Locator, Page, expect

from tests.support.harness import (
    bundled,
    click_at,
    drag_slider,
    hover_at,
    picture_of,
    press,
    wait_until,
)
from vizkit.widgets import AttentionMap, picture, save_page

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)>"


def softmax_maps(*shape: int, seed: int = 0) -> np.ndarray:
    weights = np.exp(np.random.default_rng(seed).standard_normal(shape) * 1.5)
    return weights / weights.sum(-1, keepdims=True)


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (32, 32, 3)).astype(np.uint8)


def more(page: Page) -> None:
    """Opens the bar of rarer controls."""
    page.get_by_role("button", name="More").click()


def opened(page: Page, widget: AttentionMap, folder) -> None:
    page.goto(widget.save_html(folder / "page.html").as_uri())
    expect(page.locator(".vk").first).to_have_attribute("data-ready", "true")


def says(page: Page, text: str, widget: int = 0) -> None:
    expect(page.locator(".vk-status").nth(widget)).to_contain_text(text)


def changed(target, before):
    """The target's picture once it differs from `before`."""
    wait_until(lambda: picture_of(target) != before, "another picture")
    return picture_of(target)


def fact(page: Page, index: int) -> Locator:
    return page.locator(".vk-facts dd").nth(index)


def strongest_is(page: Page, weight: float) -> None:
    said = fact(page, 0)
    near = pytest.approx(weight, abs=6e-4)
    wait_until(lambda: float(said.inner_text()) == near, f"{weight:.3f} as the strongest weight")


@pytest.fixture
def widget() -> AttentionMap:
    return AttentionMap(softmax_maps(4, 3, 17, 17), photo(), title=HOSTILE)


# What the colour scale writes, with where it begins and ends.
WRITTEN = """() => {
    const write = CanvasRenderingContext2D.prototype.fillText;
    window.written = [];
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        const width = this.measureText(text).width, share = { left: 0, center: 0.5, right: 1 }[this.textAlign];
        if (this.canvas.classList.contains("vk-scale")) window.written.push([text, x - share * width, x + (1 - share) * width]);
        write.call(this, text, x, y);
    };
}"""


@pytest.mark.parametrize(("width", "words"), [(700, True), (220, False)])
def test_words_of_the_colour_scale_never_touch_its_numbers(page, widget, tmp_path, width, words):
    opened(page, widget, tmp_path)
    page.evaluate(WRITTEN)
    page.set_viewport_size({"width": width, "height": 900})
    head, texts = page.get_by_label("head", exact=True), {}

    def drawn_as_wide() -> bool:
        page.evaluate("written = []")
        head.fill("0" if head.input_value() == "1" else "1")
        written = wait_until(lambda: page.evaluate("written"), "a new scale")
        texts.clear()
        first = max(place for place, (_, left, _) in enumerate(written) if left == 0)
        texts.update(
            {text: (left, right) for text, left, right in written[first:]}
        )  # the last drawing
        return ("up to this map's maximum" in texts) is words

    wait_until(drawn_as_wide, "words where there is room")
    places = sorted(texts.values())
    assert len(places) == 2 + words
    assert all(one[1] < other[0] for one, other in pairwise(places)), texts


def test_query_by_pointer_click_and_keys(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    main = page.locator(".vk-main canvas").first
    assert page.locator(".vk-title").inner_text() == HOSTILE
    says(page, "query CLS")
    hover_at(main, 0.9, 0.1)
    says(page, "query row 0, column 3")
    before = picture_of(main)
    click_at(main, 0.1, 0.9)
    hover_at(main, 0.6, 0.6)
    says(page, "query row 3, column 0 (pinned): here: row 2, column 2")
    changed(main, before)
    widget.query = 1 + 12
    expect(fact(page, 0)).to_have_text(f"{widget.weights()[1 + 10]:.3f}")
    press(main, "ArrowUp", "ArrowRight")
    says(page, "query row 2, column 1 (pinned)")
    press(main, "Home")
    says(page, "query row 0, column 0")
    press(main, "End")
    says(page, "query row 3, column 3")
    press(main, "Enter")
    page.mouse.move(5, 5)
    says(page, "query CLS:")
    press(main, "End", "c")
    says(page, "query CLS (pinned)")
    chip = page.get_by_title("Query: CLS")
    expect(chip).to_have_attribute("aria-pressed", "true")
    widget.query = 0
    expect(chip).to_have_text(re.compile(rf"{widget.weights()[0] * 100:.1f}%$"))
    chip.click()
    expect(page.locator(".vk-status").first).not_to_contain_text("(pinned)")


def test_layer_head_and_ways_to_show(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    layer, head = page.get_by_label("layer", exact=True), page.get_by_label("head", exact=True)
    show = page.get_by_label("show", exact=True)
    main = page.locator(".vk-main canvas").first
    for fraction, index in ((0, 0), (1, 3)):
        drag_slider(layer, fraction)
        says(page, f"layer {index + 1} of 4, head 1")
    drag_slider(head, 1)
    says(page, "layer 4 of 4, head 3")
    press(main, "[", "L", "h", "l", "H")
    says(page, "layer 4 of 4, head 2")
    for mode in ("mean over heads", "max over heads", "rollout", "one head"):
        show.select_option(mode)
        widget.mode, widget.layer, widget.head = mode, 3, 1
        strongest = widget.weights()[1:]
        row, column = divmod(int(strongest.argmax()), 4)
        says(page, f"strongest: row {row}, column {column}")
        strongest_is(page, strongest.max())
    press(main, "m")
    says(page, "mean over heads")


def test_colours_smooth_opacity_and_panels(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    main = page.locator(".vk-main canvas").first
    first = picture_of(main)
    expect(page.get_by_label("opacity", exact=True)).to_be_hidden()
    more(page)
    page.get_by_label("colours", exact=True).select_option("shared")
    shared = changed(main, first)
    page.get_by_title("Interpolate (s)").click()
    smooth = changed(main, shared)
    drag_slider(page.get_by_label("opacity", exact=True), 0)
    changed(main, smooth)
    for name, there in (("heads", True), ("distance", True), ("matrix", False)):
        panel, button = (
            page.locator(f"[data-panel={name}]"),
            page.get_by_title(f"Show {name}"),
        )
        expect(panel).to_be_visible(visible=there)
        button.click()
        expect(panel).to_be_visible(visible=not there)
        expect(button).to_have_attribute("aria-pressed", str(not there).lower())
        button.click()


def test_heads_distances_and_matrix_choose(page, widget, tmp_path):
    widget.panels = ["heads", "distance", "matrix"]
    opened(page, widget, tmp_path)
    heads = page.locator("[data-panel=heads] canvas")
    box = heads.bounding_box()
    tile = (box["width"] - 20) / 3
    click_at(heads, (20 + 2.5 * tile) / box["width"], (16 + 1.5 * tile) / box["height"])
    says(page, "layer 2 of 4, head 3")
    expect(page.locator(".vk-tip")).to_contain_text("layer 2 of 4, head 3")
    distance = widget.attention_distance()[1][2]
    expect(fact(page, 2)).to_have_text(f"{distance:.2f} of the width")
    matrix = page.locator("[data-panel=matrix] canvas")
    hover_at(matrix, (6 + 0.5) / 17, (9 + 0.5) / 17)
    widget.layer, widget.head, widget.query = 1, 2, 9
    expect(page.locator(".vk-tip")).to_contain_text("query 9, key 6")
    expect(page.locator(".vk-tip")).to_contain_text(f"weight {widget.weights()[6]:.3f}"[:12])
    click_at(matrix, (6 + 0.5) / 17, (9 + 0.5) / 17)
    says(page, "query row 2, column 0 (pinned)")
    # A click near the last layer's column of dots takes the dot that is nearest.
    dots = page.locator("[data-panel=distance] canvas")
    size = dots.bounding_box()
    top = max(0.5208 * 1.25, *(float(one.max()) for one in widget.attention_distance()))
    value = float(widget.attention_distance()[3][0])
    x = 40 + 3.5 / 4 * (size["width"] - 48)
    y = size["height"] - 34 - value / top * (size["height"] - 48)
    click_at(dots, x / size["width"], y / size["height"])
    says(page, "layer 4 of 4, head")


def test_pictures_two_models_and_links(page, tmp_path):
    several = AttentionMap(softmax_maps(3, 2, 2, 17, 17), [photo(i) for i in range(3)])
    two = AttentionMap(
        {"a": softmax_maps(4, 2, 17, 17), HOSTILE: softmax_maps(2, 1, 64, 64)}, photo()
    )
    link = jslink((several, "hovered"), (two, "hovered"))
    page.goto(save_page(tmp_path / "page.html", [several, two]).as_uri())
    expect(page.locator(".vk").nth(1)).to_have_attribute("data-ready", "true")
    main = page.locator(".vk").first.locator(".vk-main canvas").first
    before = picture_of(main)
    page.get_by_role("button", name="picture 3").click()
    changed(main, before)
    several.image_index = 2
    strongest_is(page, several.weights()[1:].max())
    press(main, ",")
    expect(page.get_by_role("button", name="picture 2")).to_have_attribute("aria-pressed", "true")
    hover_at(main, 0.9, 0.1)
    says(page, "query row 0, column 3", 1)
    fine = page.locator(".vk").nth(1).locator(".vk-main canvas").nth(1)
    click_at(fine, 0.55, 0.3)
    says(page, "query row 1, column 2 (pinned)", 1)
    assert page.locator("img[src=x]").count() == 0
    link.unlink()


def test_themes_and_full_screen(page, widget, tmp_path):
    widget.theme = "dark"
    opened(page, widget, tmp_path)
    root = page.locator(".vk")
    assert np.asarray(picture_of(root))[2, 2].max() < 60
    main = page.locator(".vk-main canvas").first
    width = main.bounding_box()["width"]
    press(main, "f")
    wait_until(lambda: main.bounding_box()["width"] > width, "larger in full screen")
    press(main, "Escape")
    wait_until(lambda: main.bounding_box()["width"] == width, "back to its size")


def test_the_pooling_query_shows_its_own_map(page, tmp_path):
    pooling = softmax_maps(3, 16, seed=1)
    widget = AttentionMap(softmax_maps(4, 3, 16, 16), photo(), num_prefix_tokens=0, pooling=pooling)
    opened(page, widget, tmp_path)
    main = page.locator(".vk-main canvas").first
    before = picture_of(main)
    page.get_by_title("Query: pooling").click()
    says(page, "query pooling (pinned)")
    changed(main, before)
    best = int(pooling[0].argmax())
    says(page, f"strongest: row {best // 4}, column {best % 4} {pooling[0].max():.3f}")
    press(page.get_by_label("head", exact=True), "ArrowRight")
    best = int(pooling[1].argmax())
    says(page, f"strongest: row {best // 4}, column {best % 4} {pooling[1].max():.3f}")
    page.get_by_label("show", exact=True).select_option("mean over heads")
    best = int(pooling.mean(0).argmax())
    says(page, f"strongest: row {best // 4}, column {best % 4}")
    expect(page.locator("[data-panel=heads]")).to_contain_text("after the last layer")
    press(main, "Home")
    says(page, "query row 0, column 0")
    press(main, "c")
    says(page, "query pooling")


def test_named_heads_are_called_by_their_names(page, tmp_path):
    maps = np.random.default_rng(0).random((2, 2, 9, 3, 3))
    opened(page, AttentionMap.from_maps(maps, head_names=["CNN", HOSTILE]), tmp_path)
    says(page, "layer 1 of 2, CNN, query")
    press(page.get_by_label("head", exact=True), "ArrowRight")
    says(page, f"layer 1 of 2, {HOSTILE}, query")
    expect(page.locator(".vk-slider", has_text="head").locator("output")).to_have_text(HOSTILE)


@pytest.mark.parametrize("width", [830, 1280])
def test_the_window_buttons_stand_in_the_first_row_at_every_width(page, widget, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, widget, tmp_path)
    full, keys = (page.locator(".vk-last button").nth(index).bounding_box() for index in (0, 1))
    first = page.locator(".vk-bar .vk-field").first.bounding_box()
    assert full["y"] == keys["y"]
    assert abs(full["y"] - first["y"]) < 12
    for control in page.locator("[role=toolbar] > .vk-field, [role=toolbar] > .vk-button").all():
        box = control.bounding_box()
        assert box["x"] + box["width"] <= full["x"] or box["y"] > full["y"]


def test_signed_maps(page, tmp_path):
    maps = np.random.default_rng(0).standard_normal((2, 9, 6, 6))
    widget = AttentionMap.from_maps(maps, grid=(3, 3), names=["one", HOSTILE])
    opened(page, widget, tmp_path)
    low, high = map(float, fact(page, 1).inner_text().replace("−", "-").split(" to "))
    assert (low, high) == pytest.approx((widget.weights().min(), widget.weights().max()), abs=6e-3)
    press(page.locator(".vk-main canvas").first, "l")
    says(page, HOSTILE)
    assert page.locator("img[src=x]").count() == 0


def test_the_numbers_equal_numpy_to_a_millionth(page, widget):
    sources = [bundled(f"attention-map/{name}.ts") for name in ("data", "numbers")]
    blocks = [layer.blocks[0] for layer in widget.models[0].layers]
    raw = [b.scales.tobytes() + b.prefix.tobytes() + b.values.tobytes() for b in blocks]
    got = page.evaluate(
        """async ([sources, blocks]) => {
            const read_ = sources.map((source) => import("data:text/javascript," + encodeURIComponent(source)));
            const the = Object.assign({}, ...await Promise.all(read_));
            const layer = { name: "", heads: 3, grid: [4, 4], keys: [4, 4] };
            const read = blocks.map((text) => the.readQuantizedMaps(
                Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer, layer, 1, false));
            return { one: [...the.rowWeights(read[2], 1, 5)], mean: [...the.overHeads(read[2], 5, false)],
                max: [...the.overHeads(read[2], 5, true)], rollout: [...the.rolloutRow(read.slice(0, 3), 5)],
                received: [5, the.EVERY].map((key) => [the.receivedWeights(read[2], 1, key),
                    the.receivedOverHeads(read[2], key, false), the.receivedOverHeads(read[2], key, true),
                    (key < 0 ? the.rolloutRow : the.rolloutColumn)(read.slice(0, 3), key)].map((row) => [...row])),
                distance: read.map((block) => [0, 1, 2].map((head) => the.meanDistance(block, head, [4, 4]))) };
        }""",
        [sources, [base64.b64encode(part).decode() for part in raw]],
    )
    widget.layer, widget.head, widget.query = 2, 1, 5
    modes = {
        "one": "one head",
        "mean": "mean over heads",
        "max": "max over heads",
        "rollout": "rollout",
    }
    for key, mode in modes.items():
        widget.mode = mode
        assert got[key] == pytest.approx(widget.weights().tolist(), abs=1e-6), mode
    widget.direction = "received"
    for query, rows in zip((5, -1), got["received"], strict=True):
        widget.query = query
        for mode, row in zip(modes.values(), rows, strict=True):
            widget.mode = mode
            assert row == pytest.approx(widget.weights().tolist(), abs=1e-6), (query, mode)
    assert np.array(got["distance"]) == pytest.approx(
        np.stack(widget.attention_distance()), abs=1e-6
    )


# ------------------------------------------------------------------ where the ink lies

GRID = (3, 5)
TARGETS = [3, 0, 4, 10, 14, 6]  # no mirror image of itself, the corners, one inside


@pytest.fixture
def one_hot() -> AttentionMap:
    """Query q looks at patch TARGETS[q] alone, on a grid that is no square; the second head at the one before."""
    maps = np.zeros((2, 2, 15, 15))
    for query, target in enumerate(TARGETS):
        maps[:, 0, query, target] = maps[:, 1, query, target - 1] = 1
    maps[:, :, len(TARGETS) :, 7] = 1
    return AttentionMap(maps, grid=GRID, num_prefix_tokens=0, layer=0, query=0)


def ink(target, box=(0.0, 0.0, 1.0, 1.0)) -> list[int]:
    """The patches that are bright at their middles; `box` is the part of the picture that the map takes."""
    pixels = np.asarray(picture_of(target), float).sum(-1)
    left, top, width, height = box
    rows, columns = GRID
    y = ((top + height * (np.arange(rows) + 0.5) / rows) * pixels.shape[0]).astype(int)
    x = ((left + width * (np.arange(columns) + 0.5) / columns) * pixels.shape[1]).astype(int)
    return np.flatnonzero(pixels[np.ix_(y, x)] > 450).tolist()


def test_a_map_is_drawn_where_the_query_looks_and_answers_there(page, one_hot, tmp_path):
    opened(page, one_hot, tmp_path)
    main = page.locator(".vk-main canvas").first
    head = page.get_by_label("head", exact=True)
    for query, target in enumerate(TARGETS):
        row, column = divmod(query, 5)
        hover_at(main, (column + 0.5) / 5, (row + 0.5) / 3)
        says(
            page,
            f"query row {row}, column {column}: strongest: row {target // 5}, column {target % 5}",
        )
        wait_until(lambda target=target: ink(main) == [target], f"ink at patch {target}")
    click_at(main, 0.7, 0.1)  # column 3
    head.fill("1")
    wait_until(lambda: ink(main) == [9], "the second head's ink")


def test_heads_and_what_is_received_are_drawn_where_they_belong(page, one_hot, tmp_path):
    opened(page, one_hot, tmp_path)
    heads = page.locator("[data-panel=heads] canvas")
    box = heads.bounding_box()
    wide, high = (box["width"] - 20) / 2 / box["width"], (box["height"] - 16) / 2 / box["height"]
    left, top = 20 / box["width"], 16 / box["height"]
    for layer in (0, 1):
        for head, target in ((0, 3), (1, 2)):
            area = (left + head * wide, top + layer * high, wide, high)
            wait_until(lambda a=area, t=target: ink(heads, a) == [t], f"layer {layer}, head {head}")
    more(page)
    page.get_by_label("attention", exact=True).select_option("received")
    main = page.locator(".vk-main canvas").first
    hover_at(main, 0.7, 0.1)  # patch 3, which query 0 alone looks at
    says(page, "received by row 0, column 3: strongest: row 0, column 0")
    wait_until(lambda: ink(main) == [0], "ink at the query that looks at it")
    press(main, "r")
    expect(page.get_by_label("attention", exact=True)).to_have_value("given")
    press(main, "r")
    page.mouse.move(5, 5)
    page.get_by_role("button", name="all queries").click()
    says(page, "received by each patch from all: strongest: row 1, column 2")
    wait_until(lambda: 7 in ink(main), "ink where nearly all look")


def test_zoom_keeps_the_place_and_hits_what_is_seen(page, one_hot, tmp_path):
    opened(page, one_hot, tmp_path)
    main = page.locator(".vk-main canvas").first
    before = page.evaluate("scrollY")
    hover_at(main, 0.9, 0.1)
    page.mouse.wheel(0, -200)  # without the focus the page scrolls
    says(page, "query row 0, column 4")
    main.focus()
    page.mouse.wheel(0, -2000)
    page.mouse.wheel(0, -2000)
    page.mouse.wheel(0, -2000)
    hover_at(main, 0.5, 0.5)
    says(page, "query row 0, column 4")
    press(main, "0")
    hover_at(main, 0.1, 0.9)
    says(page, "query row 2, column 0")
    press(main, "+", "+", "+")
    hover_at(main, 0.02, 0.02)
    says(page, "query row 1, column 1")
    assert page.evaluate("scrollY") == before


def colors(target, box=(0.0, 0.0, 1.0, 1.0)) -> np.ndarray:
    """The colours at the patches' middles, (15, 3)."""
    pixels = np.asarray(picture_of(target), float)
    left, top, width, height = box
    rows, columns = GRID
    y = ((top + height * (np.arange(rows) + 0.5) / rows) * pixels.shape[0]).astype(int)
    x = ((left + width * (np.arange(columns) + 0.5) / columns) * pixels.shape[1]).astype(int)
    return pixels[np.ix_(y, x)].reshape(-1, 3)


def with_one_patch(patch: int, color=(255, 255, 255)) -> np.ndarray:
    """A photograph that is black but for one patch."""
    image = np.zeros((*GRID, 3), np.uint8)
    image[divmod(patch, GRID[1])] = color
    return image.repeat(20, 0).repeat(20, 1)


def test_the_photograph_lies_below_the_map_as_it_is(page, tmp_path):
    photos = [with_one_patch(patch) for patch in (1, 13)]
    maps = np.full((2, 1, 1, 15, 15), 1 / 15)
    widget = AttentionMap(maps, photos, grid=GRID, num_prefix_tokens=0, opacity=0.0)
    opened(page, widget, tmp_path)
    main = page.locator(".vk-main canvas").first
    wait_until(lambda: ink(main) == [1], "the first photograph's patch")
    press(main, ".")
    wait_until(lambda: ink(main) == [13], "the second one's")


@pytest.mark.parametrize("opacity", [1.0, 0.4])
def test_the_photograph_shows_through_where_little_is_looked_at(page, tmp_path, opacity):
    blue = np.full((60, 100, 3), (0, 40, 240), np.uint8)
    maps = np.zeros((1, 1, 15, 15))
    maps[..., 9] = 1
    widget = AttentionMap(maps, blue, grid=GRID, num_prefix_tokens=0, query=0, opacity=opacity)
    opened(page, widget, tmp_path)
    table = picture.color_table("magma").astype(float)
    found = colors(page.locator(".vk-main canvas").first)
    for patch, word, alpha in ((9, 255, 1.0), (3, 0, 140 / 255)):
        share = opacity * alpha
        expected = share * table[word] + (1 - share) * blue[0, 0]
        assert found[patch] == pytest.approx(expected, abs=5), patch


def test_smoothing_blends_the_patches_of_the_map_and_of_the_heads(page, one_hot, tmp_path):
    opened(page, one_hot, tmp_path)
    main = page.locator(".vk-main canvas").first
    heads = page.locator("[data-panel=heads] canvas")
    box = heads.bounding_box()
    page.mouse.move(5, 5)

    def blends(target, left: float, right: float, down: float) -> int:
        """How many colours there are on the way from one patch's middle to the next one's."""
        pixels = np.asarray(picture_of(target))
        y = int(down * pixels.shape[0])
        line = pixels[y, int(left * pixels.shape[1]) : int(right * pixels.shape[1])]
        return len(np.unique(line, axis=0))

    wide, high = (box["width"] - 20) / 2, (box["height"] - 16) / 2
    place = [(20 + share / 5 * wide) / box["width"] for share in (3.5, 4.5)]
    down = (16 + high / 6) / box["height"]
    for smooth in (False, True, False):
        least, most = (8, 300) if smooth else (2, 3)  # between two pixels there may be one of both
        wait_until(lambda a=least, b=most: a <= blends(main, 0.7, 0.9, 1 / 6) <= b, f"{smooth}")
        wait_until(lambda a=least, b=most: a <= blends(heads, *place, down) <= b, f"heads {smooth}")
        press(main, "s")


SIGNS = {2: -1.0, 9: 1.0}


def test_a_signed_map_and_its_scale_run_from_one_colour_over_zero_to_the_other(page, tmp_path):
    maps = np.zeros((15, *GRID))
    for patch, value in SIGNS.items():
        maps[:, *divmod(patch, 5)] = value
    opened(page, AttentionMap.from_maps(maps, grid=GRID, query=0), tmp_path)
    page.mouse.move(5, 5)
    table = picture.color_table("diverging").astype(float)
    found = colors(page.locator(".vk-main canvas").first)
    for patch in range(1, 15):  # a frame lies around the first
        place = round(127.5 + 127.5 * SIGNS.get(patch, 0))
        assert found[patch] == pytest.approx(table[place], abs=8), patch
    bar = np.asarray(picture_of(page.locator("canvas.vk-scale")), float)[2]
    for share, place in ((0.01, 0), (0.25, 64), (0.5, 128), (0.75, 191), (0.99, 255)):
        assert bar[int(share * len(bar))] == pytest.approx(table[place], abs=24), share
    assert bar.shape[0] > 100


@pytest.mark.parametrize("scale", ["each map", "shared"])
def test_shared_colours_are_those_of_the_largest_weight_of_all_maps(page, tmp_path, scale):
    maps = np.zeros((1, 2, 15, *GRID))
    maps[0, 0, :, 0, 3], maps[0, 1, :, 1, 4] = 0.25, 1
    widget = AttentionMap.from_maps(maps, grid=GRID, query=7, scale=scale)
    opened(page, widget, tmp_path)
    table = picture.color_table("magma").astype(float)
    expected = table[64 if scale == "shared" else 255]
    assert colors(page.locator(".vk-main canvas").first)[3] == pytest.approx(expected, abs=8)
    heads = page.locator("[data-panel=heads] canvas")
    box = heads.bounding_box()
    wide, top = (box["width"] - 20) / 2 / box["width"], 16 / box["height"]
    left = 20 / box["width"]
    found = [colors(heads, (left + head * wide, top, wide, 1 - top)) for head in (0, 1)]
    assert found[0][3] == pytest.approx(expected, abs=8)
    assert found[1][9] == pytest.approx(table[255], abs=8)


def test_maps_without_heads_stand_in_rows_and_answer_there(page, tmp_path):
    hot = [3, 0, 4, 10, 14]
    maps = np.zeros((len(hot), 15, *GRID))
    for one, patch in enumerate(hot):
        maps[one, :, *divmod(patch, 5)] = 1
    names = [f"map {one}" for one in range(len(hot))]
    opened(page, AttentionMap.from_maps(maps, grid=GRID, names=names, query=7), tmp_path)
    tiles = page.locator("[data-panel=heads] canvas")
    tiles.scroll_into_view_if_needed()
    box = tiles.bounding_box()
    wide, high = box["width"] / 3, box["height"] / 2  # three abreast
    for one, patch in enumerate(hot):
        area = (one % 3 / 3, one // 3 / 2, 1 / 3, 0.6 * wide / box["height"])
        wait_until(lambda a=area, p=patch: ink(tiles, a) == [p], f"map {one}")
    for one, name in enumerate(names):
        hover_at(tiles, (one % 3 + 0.5) / 3, (one // 3 * high + 0.3 * wide) / box["height"])
        expect(page.locator(".vk-tip")).to_contain_text(name)


def test_a_zoomed_map_is_drawn_and_answered_for_alike(page, one_hot, tmp_path):
    one_hot.query = 5  # which looks at patch 6
    opened(page, one_hot, tmp_path)
    main = page.locator(".vk-main canvas").first
    seen = (np.arange(8) + 0.5) / 8
    factor = 1.0
    for key, by in (("+", 1.5), ("+", 1.5), ("-", 1 / 1.5)):
        press(main, key)
        factor *= by
        x, y = (0.5 + (seen - 0.5) / factor for _ in "xy")
        patches = (y * 3).astype(int)[:, None] * 5 + (x * 5).astype(int)
        page.mouse.move(5, 5)

        def bright() -> np.ndarray:
            pixels = np.asarray(picture_of(main), float).sum(-1)
            at = [(seen * size).astype(int) for size in pixels.shape]
            return pixels[np.ix_(*at)] > 450

        wait_until(lambda p=patches: np.array_equal(bright(), p == 6), f"patch 6, {factor:.3g}")
        hover_at(main, seen[1], seen[6])
        row, column = divmod(int(patches[6, 1]), 5)
        says(page, f"query row {row}, column {column}")


# ------------------------------------------------------------------ room


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (1920, 1080)])
def test_in_full_screen_the_picture_fills_the_screen(page, widget, tmp_path, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, widget, tmp_path)
    main, root = page.locator(".vk-main canvas").first, page.locator(".vk")
    press(main, "f")
    wait_until(lambda: main.bounding_box()["height"] >= 0.8 * size[1], "80% of the height")
    whole = "one => one.scrollHeight <= one.clientHeight && one.scrollWidth <= one.clientWidth"
    wait_until(lambda: root.evaluate(whole), "no scroll")
    below = page.locator(".vk-status").bounding_box()
    assert below["y"] + below["height"] <= size[1]


def test_two_models_share_a_screen_without_a_scroll(page, tmp_path):
    maps = {name: softmax_maps(4, 2, 17, 17, seed=seed) for seed, name in enumerate("ab")}
    page.set_viewport_size({"width": 1280, "height": 720})
    opened(page, AttentionMap(maps, photo()), tmp_path)
    press(page.locator(".vk-main canvas").first, "f")
    mains = page.locator(".vk-main canvas")
    wait_until(
        lambda: sum(mains.nth(i).bounding_box()["width"] for i in (0, 1)) >= 0.8 * 1280,
        "80% of the width",
    )
    assert page.locator(".vk").evaluate("one => one.scrollHeight <= one.clientHeight")


@pytest.mark.parametrize(("width", "share"), [(390, 0.85), (1100, 0.55)])
def test_the_picture_fills_what_the_panels_leave(page, widget, tmp_path, width, share):
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, widget, tmp_path)
    assert page.locator(".vk-main canvas").first.bounding_box()["width"] >= share * width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_models_stand_below_each_other_on_a_phone(page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 844})
    maps = {name: softmax_maps(4, 2, 17, 17, seed=seed) for seed, name in enumerate("ab")}
    opened(page, AttentionMap(maps, photo()), tmp_path)
    boxes = [page.locator(".vk-main canvas").nth(i).bounding_box() for i in (0, 1)]
    assert min(box["width"] for box in boxes) > 0.8 * 390
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_thumbnails_are_large_enough_to_tell_apart(page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 844})
    many = AttentionMap(softmax_maps(12, 2, 2, 17, 17), [photo(i) for i in range(12)])
    opened(page, many, tmp_path)
    for thumb in page.locator(".vk-thumb img").all():
        box = thumb.bounding_box()
        assert min(box["width"], box["height"]) >= 28


def test_a_control_that_does_nothing_is_not_there(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    head = page.get_by_label("head", exact=True)
    expect(head).to_be_visible()
    page.get_by_label("show", exact=True).select_option("mean over heads")
    expect(head).to_be_hidden()
    alone = AttentionMap.from_maps(np.random.default_rng(0).random((9, 3, 3)))
    opened(page, alone, tmp_path)
    for label in ("layer", "map", "head", "show", "opacity", "colours", "attention"):
        expect(page.get_by_label(label, exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="More")).to_have_count(0)
    says(page, "query row 1, column 1: strongest")


def test_the_rarer_controls_open_and_close_by_keyboard(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    button = page.get_by_role("button", name="More")
    expect(button).to_have_attribute("aria-expanded", "false")
    press(button, "Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_label("opacity", exact=True)).to_be_visible()
    press(page.get_by_label("opacity", exact=True), "Escape")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(button).to_be_focused()
    assert button.get_attribute("aria-controls") == page.locator(".vk-more").get_attribute("id")


def test_nothing_moves_while_the_pointer_does(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    main = page.locator(".vk-main canvas").first
    boxes = "() => [...document.querySelectorAll('.vk *')].filter(e => !e.closest('.vk-tip'))" + (
        ".map(e => { const b = e.getBoundingClientRect(); return [b.top, b.height].join() }).join(';')"
    )
    hover_at(main, 0.1, 0.1)
    says(page, "row 0, column 0")
    before = page.evaluate(boxes)
    for x, y in ((0.9, 0.9), (0.6, 0.1), (0.1, 0.9)):
        hover_at(main, x, y)
        says(page, f"query row {int(y * 4)}, column {int(x * 4)}")
        assert page.evaluate(boxes) == before


def test_a_finger_inspects_pins_and_scrolls(chromium, widget, tmp_path):
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, offline=True
    )
    page = context.new_page()
    opened(page, widget, tmp_path)
    main = page.locator(".vk-main canvas").first
    box = main.bounding_box()
    x, y = box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"]
    assert main.evaluate("one => getComputedStyle(one).touchAction") != "none"
    page.touchscreen.tap(x, y)
    says(page, "query row 0, column 3:")
    assert main.evaluate("one => getComputedStyle(one).touchAction") == "none"
    touch = context.new_cdp_session(page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    fingers("touchStart", (x - 0.8 * box["width"], y))
    page.wait_for_timeout(700)
    fingers("touchEnd")
    says(page, "query row 0, column 0 (pinned)")
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = picture_of(main)
    fingers("touchStart", (middle[0] - 20, middle[1]), (middle[0] + 20, middle[1]))
    for apart in (40, 60, 90, 130):
        fingers("touchMove", (middle[0] - apart, middle[1]), (middle[0] + apart, middle[1]))
    fingers("touchEnd")
    changed(main, before)
    context.close()


def test_the_keys_are_listed(page, widget, tmp_path):
    opened(page, widget, tmp_path)
    page.get_by_role("button", name=re.compile("Keys")).click()
    expect(page.locator(".vk-keys")).to_contain_text("next layer")
    expect(page.get_by_role("button", name=re.compile("510"))).to_be_visible()
