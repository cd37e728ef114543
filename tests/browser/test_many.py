"""Forty instruments of each kind on one exported page: each is painted, and the page stays usable.

A browser keeps a limited number of WebGL contexts (Chromium 16) and takes the oldest away: an
EmbeddingSpace then draws by a canvas.
"""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.harness import picture_of
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix, save_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EACH = 40
MOST_CONTEXTS = 16
KINDS = ("SimilarityMatrix", "AttentionMap", "EmbeddingSpace")

# How many colours each main canvas of a kind has; -1 where the graphics card keeps them to itself.
COLOURS = """(kind) => [...document.querySelectorAll(`.vk[data-kind=${kind}]`)].map((root) => {
    const canvas = [...root.querySelectorAll("canvas")].find((one) => one.clientWidth > 200);
    const pen = canvas.getContext("2d");
    if (!pen) return -1;
    const data = new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return new Set(data).size;
})"""


@pytest.fixture
def crowd(page: Page, tmp_path) -> Page:
    random = np.random.default_rng(0)
    widgets: list = []
    for i in range(EACH):
        rows = random.normal(size=(12, 4))
        weights = random.random((2, 2, 10, 10))
        weights /= weights.sum(-1, keepdims=True)
        picture = random.integers(0, 255, (9, 9, 3), dtype=np.uint8)
        widgets += [
            SimilarityMatrix(rows, rows[::-1], title=f"matrix {i}"),
            AttentionMap(weights, picture, grid=(3, 3), num_prefix_tokens=1, title=f"map {i}"),
            EmbeddingSpace(rows, labels=np.arange(12) % 3, title=f"space {i}"),
        ]
    page.set_viewport_size({"width": 760, "height": 900})
    page.goto(save_page(tmp_path / "crowd.html", widgets).as_uri())
    expect(page.locator(".vk[data-ready=true]")).to_have_count(3 * EACH)
    return page


def test_forty_of_each_kind_are_painted_and_answer(crowd: Page):
    for kind in KINDS[:2]:
        colours = crowd.evaluate(COLOURS, kind)
        assert len(colours) == EACH
        assert min(colours) > 20, f"a {kind} is blank: {colours}"

    spaces = crowd.locator(".vk[data-kind=EmbeddingSpace]")
    renderers = spaces.evaluate_all("roots => roots.map((root) => root.dataset.renderer)")
    assert set(renderers) == {"webgl2", "canvas"}
    assert renderers.count("webgl2") <= MOST_CONTEXTS
    for index in range(EACH):
        picture = np.asarray(picture_of(spaces.nth(index).locator(".vk-plot")).convert("L"))
        paper = np.median(picture)
        assert (abs(picture[8:-8, 8:-8] - paper) > 60).sum() > 100, f"space {index} is blank"

    for kind in KINDS:
        for root in (crowd.locator(f".vk[data-kind={kind}]").nth(at) for at in (0, EACH - 1)):
            status = root.locator("output.vk-status")
            before = status.text_content() or ""
            canvas = root.locator("canvas[role=application]").first
            for key in ("Home", "ArrowRight", "ArrowDown"):
                canvas.press(key)
            expect(status).not_to_have_text(before)
