"""A full screen gives its picture four fifths of the lowest projector, a phone its toolbar two rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.support.harness import picture_of, wait_until
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix
from vizkit.zoo import load

pytestmark = pytest.mark.browser
COUNT = 12
PICTURES = [np.full((32, 32, 3), 15 * i, np.uint8) for i in range(COUNT)]
ROWS = np.random.default_rng(0).normal(size=(COUNT, 8))
TITLE = "A title says what is asked here"


def matrix():
    captions = [f"caption {i}" for i in range(COUNT)]
    return SimilarityMatrix(ROWS, ROWS[::-1], images=PICTURES, captions=captions, title=TITLE)


def attention():
    return AttentionMap(np.full((3, 4, 50, 50), 0.02), PICTURES[5], title=TITLE)


def space():
    kinds = [("image", "text")[i % 2] for i in range(COUNT)]
    pictures = [one if i % 2 == 0 else None for i, one in enumerate(PICTURES)]
    pairs = [(i, i + 1) for i in range(0, COUNT, 2)]
    labels = [f"class {i % 6}" for i in range(COUNT)]
    return EmbeddingSpace(
        ROWS, labels=labels, modality=kinds, images=pictures, pairs=pairs, title=TITLE
    )


def living():
    return LivingEncoder(load("pocket-clip"), title=TITLE)


def opened(page: Page, widget, tmp_path) -> None:
    page.goto(widget.save_html(tmp_path / "page.html").as_uri())
    page.locator(".vk[data-ready=true]").wait_for()


@pytest.mark.parametrize("make", [matrix, attention, space, living])
def test_below_a_title_the_picture_keeps_four_fifths_of_a_low_screen(page, tmp_path, make):
    page.set_viewport_size({"width": 1280, "height": 720})
    opened(page, make(), tmp_path)
    page.get_by_role("button", name="Full screen").click()

    def share() -> float:
        boxes = [canvas.bounding_box() for canvas in page.locator(".vk canvas:visible").all()]
        return max(box["height"] for box in boxes if box) / 720

    wait_until(lambda: share() >= 0.8, f"{make.__name__}: 80% of the height")
    whole = "one => one.scrollHeight <= one.clientHeight && one.scrollWidth <= one.clientWidth"
    wait_until(lambda: page.locator(".vk").evaluate(whole), "no scroll")
    picture_of(page, f"full-{make.__name__}.png")


def test_the_toolbar_of_a_map_takes_two_rows_of_a_phone(page: Page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 800})
    opened(page, space(), tmp_path)
    boxes = [part.bounding_box() for part in page.locator(".vk-bar").first.locator("> *").all()]
    boxes = [box for box in boxes if box]
    assert len(boxes) == 6  # search, three toggles, More, the last two
    centres = sorted(box["y"] + box["height"] / 2 for box in boxes)
    rows = 1 + sum(b - a > 10 for a, b in pairwise(centres))
    assert rows == 2, boxes
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            across = one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
            down = one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]
            assert not (across and down), f"{one} covers {other}"
