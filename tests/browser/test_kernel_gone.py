"""A kernel that is restarted, or dies, while widgets are on the page: they stay, and say so."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.support.harness import (
    NotebookPage,
    drag_slider,
    picture_of,
    press,
    wait_until,
)

SETUP = """
import os
import numpy as np
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix

random = np.random.default_rng(0)
rows = random.normal(size=(12, 16))
"""
MATRIX = """
matrix = SimilarityMatrix(rows, rows + random.normal(size=rows.shape), title="matrix")
matrix
"""
# So many layers that each comes only when one goes there.
ATTENTION = """
maps = np.full((24, 16, 257, 257), 1 / 257, np.float32)
picture = np.zeros((64, 64, 3), np.uint8)
attention = AttentionMap(maps, picture, grid=(16, 16), num_prefix_tokens=1, title="attention")
attention
"""
# So many points that the neighbours of each are asked for.
SPACE = """
space = EmbeddingSpace(random.normal(size=(4_500, 8)), title="space")
space
"""
CELLS = {"matrix": 1, "attention": 2, "space": 3}


class Widgets:
    """The notebook's widgets, and whether they are alive."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook = notebook

    def root(self, name: str) -> Locator:
        root = self.notebook.widget(CELLS[name]).locator(".vk")
        expect(root).to_have_attribute("data-ready", "true")
        return root

    def canvas(self, name: str) -> Locator:
        return self.root(name).locator("canvas[role=application]").first

    def status(self, name: str) -> Locator:
        return self.root(name).locator("output.vk-status")

    def picture(self, name: str) -> np.ndarray:
        self.notebook.page.mouse.move(2, 2)
        return np.asarray(picture_of(self.canvas(name)), np.int16)

    def have_a_kernel(self) -> None:
        """What is moved here arrives there, and what is asked for comes."""
        assert self.notebook.errors() == []
        kernel = self.notebook.kernel
        before = kernel.evaluate("matrix.temperature")
        drag_slider(self.root("matrix").get_by_label("temperature τ"), 0.8)
        wait_until(lambda: kernel.evaluate("matrix.temperature") != before, "the temperature")
        self.root("attention").get_by_label("layer", exact=True).fill("3")
        kernel.wait_for("attention.layer", 3)
        press(self.canvas("space"), "ArrowRight")
        expect(self.status("space")).to_contain_text("nearest by cosine")

    def have_none(self, before: dict[str, np.ndarray]) -> None:
        """The pictures stand as they were, all can be moved, and what cannot come says so."""
        for name, picture in before.items():
            # A card or a mark of what is hovered may differ; an empty picture differs in all its ink.
            ink = np.abs(picture - picture[0, 0]).max(axis=2) > 8
            changed = np.abs(self.picture(name) - picture).max(axis=2) > 8
            assert changed.mean() < ink.mean() / 2, f"{name} is not what it was"
        drag_slider(self.root("matrix").get_by_label("temperature τ"), 0.2)
        press(self.canvas("matrix"), "ArrowDown")
        expect(self.status("matrix")).to_contain_text("image")
        press(self.canvas("space"), "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown")
        expect(self.status("space")).to_contain_text("gone?")
        self.root("attention").get_by_label("layer", exact=True).fill("17")
        expect(self.status("attention")).to_contain_text("layer 18 of 24")


@pytest.mark.slow
def test_widgets_outlive_their_kernel_and_come_back(open_notebook):
    notebook = open_notebook("kernel_gone.ipynb", [SETUP, MATRIX, ATTENTION, SPACE])
    widgets = Widgets(notebook)
    notebook.run_all()
    widgets.have_a_kernel()
    before = {name: widgets.picture(name) for name in CELLS}

    notebook.restart_kernel()
    widgets.have_none(before)
    notebook.run_all()
    widgets.have_a_kernel()
    before = {name: widgets.picture(name) for name in CELLS}

    os.kill(notebook.kernel.evaluate("os.getpid()"), signal.SIGKILL)
    dialog = notebook.page.locator(".jp-Dialog", has_text="appears to have died")
    dialog.wait_for()
    dialog.get_by_role("button", name="OK").click()
    notebook.wait_ready()
    widgets.have_none(before)
    notebook.run_all()
    widgets.have_a_kernel()
