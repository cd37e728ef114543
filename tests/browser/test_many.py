"""Forty instruments of each kind on one exported page and in one JupyterLab notebook.

Each is painted, and the page stays usable.

A browser keeps a limited number of WebGL contexts (Chromium 16) and takes the oldest away: an
EmbeddingSpace then draws by a canvas.
"""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.harness import picture_of
from vizkit.widgets import save_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EACH = 40
MOST_CONTEXTS = 16
KINDS = ("SimilarityMatrix", "AttentionMap", "EmbeddingSpace")

# How many colours the main canvas of each instrument has.
COLOURS = """(roots) => roots.map((root) => {
    const canvas = [...root.querySelectorAll("canvas")].find((one) => one.clientWidth > 200);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
})"""
RENDERERS = "roots => roots.map((root) => root.dataset.renderer)"
# What makes the instruments of one number; run here, and by the first cell of the notebook.
MAKE = """
import numpy as np

from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix


def make(number):
    random = np.random.default_rng(number)
    rows = random.normal(size=(12, 4))
    weights = random.random((2, 2, 10, 10))
    weights /= weights.sum(-1, keepdims=True)
    picture = random.integers(0, 255, (9, 9, 3), dtype=np.uint8)
    return [
        SimilarityMatrix(rows, rows[::-1], title=f"matrix {number}"),
        AttentionMap(weights, picture, grid=(3, 3), num_prefix_tokens=1, title=f"map {number}"),
        EmbeddingSpace(rows, labels=np.arange(12) % 3, title=f"space {number}"),
    ]
"""


def instruments(number: int) -> list:
    names: dict = {}
    exec(MAKE, names)  # the text that the notebook's first cell holds
    return names["make"](number)


def are_painted(roots: Locator, kind: str) -> None:
    """Fails unless each of these instruments of one kind shows something."""
    if kind != "EmbeddingSpace":
        colours = roots.evaluate_all(COLOURS)
        assert min(colours) > 20, f"a {kind} is blank: {colours}"
        return
    for root in roots.all():  # from a screenshot: a graphics card keeps what it drew to itself
        picture = np.asarray(picture_of(root.locator(".vk-plot")).convert("L"))
        paper = np.median(picture)
        ink = abs(picture[8:-8, 8:-8] - paper) > 60
        assert ink.sum() > 100, f"a space is blank: {root.get_attribute('aria-label')}"


def answers(root: Locator, *keys: str) -> None:
    """Fails unless the status line of an instrument follows the keys."""
    status = root.locator("output.vk-status")
    before = status.text_content() or ""
    canvas = root.locator("canvas[role=application]").first
    for key in keys:
        canvas.press(key)
    expect(status).not_to_have_text(before)


def test_forty_of_each_kind_on_a_page_are_painted_and_answer(page: Page, tmp_path):
    widgets = [widget for number in range(EACH) for widget in instruments(number)]
    page.set_viewport_size({"width": 760, "height": 900})
    page.goto(save_page(tmp_path / "crowd.html", widgets).as_uri())
    expect(page.locator(".vk[data-ready=true]")).to_have_count(3 * EACH)

    for kind in KINDS:
        roots = page.locator(f".vk[data-kind={kind}]")
        expect(roots).to_have_count(EACH)
        are_painted(roots, kind)
        for at in (0, EACH - 1):
            answers(roots.nth(at), "Home", "ArrowRight", "ArrowDown")
    renderers = page.locator(".vk[data-kind=EmbeddingSpace]").evaluate_all(RENDERERS)
    assert set(renderers) == {"webgl2", "canvas"}
    assert renderers.count("webgl2") <= MOST_CONTEXTS


def test_forty_of_each_kind_in_jupyterlab_are_painted_and_answer(open_notebook):
    show = [f"for one in make({number}):\n    display(one)" for number in range(EACH)]
    notebook = open_notebook(cells=[MAKE, *show])
    notebook.run_all()
    assert notebook.errors() == []
    down = dict.fromkeys(range(1, EACH + 1), ())
    down[1] = down[EACH] = ("Home", "ArrowRight", "ArrowDown")
    for at, keys in (*down.items(), (1, ("ArrowLeft",))):  # and up to the first again
        cell = notebook.cell(at)
        expect(cell.locator(".vk[data-ready=true]")).to_have_count(len(KINDS))
        for kind in KINDS:
            root = cell.locator(f".vk[data-kind={kind}]")
            root.scroll_into_view_if_needed()
            are_painted(root, kind)
            if keys:
                answers(root, *keys)
        renderers = notebook.page.locator(".vk[data-kind=EmbeddingSpace]").evaluate_all(RENDERERS)
        assert renderers.count("webgl2") <= MOST_CONTEXTS
    # The code of each kind is there once, and once what all kinds need.
    models = "__import__('ipywidgets').Widget.get_manager_state()['state'].values()"
    buffers = f"(one for model in {models} for one in model.get('buffers', ()))"
    kept = f"sum(one['path'][0] == 'packed' for one in {buffers})"
    assert notebook.kernel.evaluate(kept) == len(KINDS) + 1
