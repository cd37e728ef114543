"""Captions of 150 words, class names of 40 letters, 1,000 classes."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.harness import hover_at, picture_of, wait_until
from vizkit.widgets import EmbeddingSpace, SimilarityMatrix

pytestmark = pytest.mark.browser
COUNT = 12
WORDS = "a wooden table on which several objects stand beside each other "
CAPTIONS = [f"{i} " + WORDS * 14 + f"end {i}" for i in range(COUNT)]
ROWS = np.random.default_rng(0).normal(size=(COUNT, 8))
PICTURES = [np.full((16, 16, 3), 15 * i, np.uint8) for i in range(COUNT)]


def opened(page: Page, widget, tmp_path) -> Locator:
    page.emulate_media(reduced_motion="reduce")
    page.goto(widget.save_html(tmp_path / "page.html").as_uri())
    root = page.locator(".vk[data-ready=true]")
    root.wait_for()
    return root


def long_name(k: int) -> str:
    return f"a rather long name of a class, no. {k:05d}"


def overlap(one: dict, other: dict) -> float:
    """Area in which two boxes cover each other."""
    across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return max(0.0, across) * max(0.0, down)


def check_tip(root: Locator, explained: dict, height: float) -> None:
    tip = root.locator(".vk-tip")
    expect(tip).to_be_visible()
    shown, around = tip.bounding_box(), root.bounding_box()
    assert overlap(shown, around) > 0.99 * shown["width"] * shown["height"], "it sticks out"
    assert overlap(shown, explained) == 0, f"{shown} covers {explained}"
    assert shown["height"] < 260
    assert around["height"] == pytest.approx(height, abs=1), "the widget has grown"


@pytest.mark.parametrize("width", [390, 760, 1280])
def test_a_long_captions_tooltip_stays_off_the_cell(page: Page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})
    widget = SimilarityMatrix(ROWS, ROWS[::-1], captions=CAPTIONS, images=PICTURES)
    root = opened(page, widget, tmp_path)
    canvas = root.locator("canvas[role=application]")
    height = root.bounding_box()["height"]
    for row, column in ((0, 0), (5, 6), (11, 0), (0, 11), (11, 11)):
        left, top, wide, high, *_ = map(float, canvas.get_attribute("data-cells").split(","))
        box = canvas.bounding_box()
        x, y = left + (column + 0.5) * wide, top + (row + 0.5) * high
        hover_at(canvas, x / box["width"], y / box["height"])
        expect(root.locator("output.vk-status")).to_contain_text(f"image {row} × text {column}")
        box = canvas.bounding_box()
        cell = {"x": box["x"] + left + column * wide, "y": box["y"] + top + row * high}
        check_tip(root, cell | {"width": wide, "height": high}, height)
    expect(root.locator(".vk-tip")).to_contain_text("end 11")  # names differ at their ends
    picture_of(page, f"long-matrix-{width}.png")
    page.mouse.move(1, 1)
    wait_until(lambda: abs(root.bounding_box()["height"] - height) <= 1, "as high as before")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_captions_tooltip_stays_off_the_point(page: Page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})
    angle = 2 * np.pi * np.arange(COUNT) / COUNT
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    widget = EmbeddingSpace(points, captions=CAPTIONS, labels=[long_name(i) for i in range(COUNT)])
    root = opened(page, widget, tmp_path)
    canvas = root.locator("canvas[role=application]")
    height = root.bounding_box()["height"]
    box = canvas.bounding_box()
    shown = widget.maps[widget.projection]
    codes = np.frombuffer(shown["points"]["buffer"], np.uint16).reshape(shown["points"]["shape"])
    scale = min(
        (side - 48) / extent
        for side, extent in zip((box["width"], box["height"]), shown["extent"], strict=True)
    )
    for index in range(0, COUNT, 3):
        right, up = codes[0, index] / 65535 - 0.5
        x, y = box["width"] / 2 + right * scale, box["height"] / 2 - up * scale
        hover_at(canvas, x / box["width"], y / box["height"])
        expect(root.locator("output.vk-status")).to_contain_text(f"point {index}")
        now = canvas.bounding_box()
        mark = {"x": now["x"] + x - 4, "y": now["y"] + y - 4, "width": 8, "height": 8}
        check_tip(root, mark, height)
        expect(root.locator(".vk-tip")).to_contain_text(f"end {index}")
    picture_of(page, f"long-space-{width}.png")
    page.mouse.move(1, 1)
    wait_until(lambda: abs(root.bounding_box()["height"] - height) <= 1, "as high as before")


# Names whose last letters are not on view: cut off by their own box or by one around it.
HIDDEN_ENDS = """(names) => names.filter((name) => {
    const walk = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
    let last = null;
    while (walk.nextNode()) if (walk.currentNode.data.trim()) last = walk.currentNode;
    const range = document.createRange();
    range.setStart(last, Math.max(0, last.length - 3));
    range.setEnd(last, last.length);
    const end = range.getBoundingClientRect();
    for (let box = last.parentElement; !box.classList.contains("vk"); box = box.parentElement)
        if (getComputedStyle(box).overflowX !== "visible"
            && end.right > box.getBoundingClientRect().right + 1) return true;
    return end.width === 0;
}).map((name) => name.textContent)"""


def test_the_ends_of_long_names_stay_visible(page: Page, tmp_path):
    labels = [long_name(i) for i in range(COUNT)]
    root = opened(page, EmbeddingSpace(ROWS, labels=labels), tmp_path)
    names = root.locator(".vk-legend .vk-button .vk-name")
    expect(names).to_have_count(COUNT)
    assert names.evaluate_all(HIDDEN_ENDS) == []
    root = opened(page, SimilarityMatrix(ROWS, ROWS, captions=labels), tmp_path)
    names = root.locator(".sm-list .sm-what > span")
    assert names.count() >= 8
    assert names.evaluate_all(HIDDEN_ENDS) == []


def test_a_thousand_classes_can_be_searched(page: Page, tmp_path):
    count = 1000
    rows = np.random.default_rng(0).normal(size=(2 * count, 2))
    labels = [long_name(i % count) for i in range(2 * count)]
    root = opened(page, EmbeddingSpace(rows, labels=labels), tmp_path)
    assert root.bounding_box()["height"] < 1000
    entries = root.locator(".vk-legend .vk-button")
    expect(entries).to_have_count(count)
    root.get_by_label("Find a class").fill("00997")
    expect(entries.locator("visible=true")).to_have_text([f"{long_name(997)}2"])
    entries.locator("visible=true").click()
    expect(entries.nth(997)).to_have_attribute("aria-pressed", "false")
    root.get_by_label("Find a class").fill("")
    expect(entries.locator("visible=true")).to_have_count(count)


def test_a_thousand_captions_are_named_under_the_pointer(page: Page, tmp_path):
    rows = np.random.default_rng(0).normal(size=(1000, 8))
    widget = SimilarityMatrix(rows, rows, captions=[long_name(i) for i in range(1000)])
    root = opened(page, widget, tmp_path)
    hover_at(root.locator("canvas[role=application]"), 0.5, 0.5)
    expect(root.locator(".vk-tip")).to_contain_text("a rather long name of a class, no. 00")
