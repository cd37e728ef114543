"""A lecture: full screen, type that the last row can read, and a clicker that turns the pages.

A clicker sends the page keys to whatever has the focus, and a lecturer has just dragged a slider.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.harness import wait_until
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix
from vizkit.zoo import load

pytestmark = pytest.mark.browser
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(3, 12, 6))
LAYERS = RNG.dirichlet(np.ones(9), size=(3, 2, 9))  # (L, H, T, T)


def matrix(**options) -> SimilarityMatrix:
    return SimilarityMatrix(ROWS[0], ROWS[1], **options)


# A widget, the label of the control that the clicker moves, and what it shows in turn.
WIDGETS: dict[str, tuple[Callable, str, list[str]]] = {
    "matrix": (matrix, "view", ["cosine", "softmax over texts", "softmax over images"]),
    "matrix with steps": (
        lambda: SimilarityMatrix(ROWS, ROWS[::-1], steps=["a", "b", "c"]),
        "step",
        ["0", "1", "2"],
    ),
    "attention": (
        lambda: AttentionMap(LAYERS, np.zeros((24, 24, 3)), layer=0),
        "layer",
        list("012"),
    ),
    "living encoder": (
        lambda: LivingEncoder(load("pocket-clip")),
        "show",
        ["attention", "each patch’s answer", "each patch’s label"],
    ),
    "space": (
        lambda: EmbeddingSpace(ROWS[0], projections=["tsne"]),
        "map",
        ["PCA", "t-SNE", "PCA"],
    ),
    "space with steps": (
        lambda: EmbeddingSpace(ROWS, steps=["a", "b", "c"], step=0),
        "step",
        ["0", "1", "2"],
    ),
}


@pytest.mark.parametrize("name", WIDGETS)
def test_a_clicker_turns_the_pages_in_full_screen(page: Page, tmp_path, name: str):
    make, label, shown = WIDGETS[name]
    widget = make()
    if "step" in label:
        widget.step = 0
    page.goto(widget.save_html(tmp_path / "page.html").as_uri())
    root = page.locator(".vk[data-ready=true]")
    root.wait_for()
    control = root.get_by_label(label, exact=True)
    size = "one => parseFloat(getComputedStyle(one.querySelector('.vk-field span')).fontSize)"
    before = root.evaluate(size)
    page.locator(".vk-last button").first.click()
    expect(root).to_have_attribute("data-full", "true")
    wait_until(lambda: root.evaluate(size) > 1.2 * before, "larger type")
    assert root.evaluate(size) >= 18
    slider = root.locator("input[type=range]").last
    slider.focus()
    kept = slider.input_value() if label != "step" else None
    for value in shown[1:]:
        page.keyboard.press("PageDown")
        expect(control).to_have_value(value)
    page.keyboard.press("PageUp")
    expect(control).to_have_value(shown[-2])
    if kept is not None:
        assert slider.input_value() == kept
    page.keyboard.press("Escape")
    expect(root).not_to_have_attribute("data-full", "true")


def test_outside_of_full_screen_a_slider_keeps_its_page_keys(page: Page, tmp_path):
    page.goto(matrix().save_html(tmp_path / "page.html").as_uri())
    slider = page.get_by_label("temperature τ", exact=True)
    slider.focus()
    before = float(slider.input_value())
    page.keyboard.press("PageUp")
    assert float(slider.input_value()) > before
    expect(page.get_by_label("view", exact=True)).to_have_value("cosine")
