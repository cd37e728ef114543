"""Every notebook of the course in a real JupyterLab: run from top to bottom, widgets alive.

A rehearsal: of each training the first two steps (`vizkit.training.loop.steps_to_compute`). That
the numbers are right is for nbval to say.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.harness import NotebookPage, drag_slider, picture_of, wait_until

NOTEBOOKS = sorted(path.name for path in Path(__file__).parents[2].glob("notebooks/[0-9]*.ipynb"))
WIDGETS = ("SimilarityMatrix:", "AttentionMap:", "EmbeddingSpace:")
LIMIT = 600  # seconds; the notebooks promise less, but a busy machine must not fail the test


def test_there_are_notebooks():
    assert NOTEBOOKS


def widget_cells(notebook: NotebookPage) -> dict[int, int]:
    """Cells that show widgets of the course, and how many each."""
    found = {}
    count = notebook.page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length")
    for index in range(count):
        code = notebook.page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.type", index
        )
        texts = [
            "".join(output.get("data", {}).get("text/plain", ""))
            for output in (notebook.outputs(index) if code == "code" else [])
        ]
        if shown := sum(line.startswith(WIDGETS) for text in texts for line in text.splitlines()):
            found[index] = shown
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_its_widgets_paint(open_notebook, name: str):
    notebook = open_notebook(name)
    notebook.run_all(timeout=LIMIT)
    assert notebook.errors() == []
    cells = widget_cells(notebook)
    assert cells, "no widget of the course in this notebook"
    for index, shown in cells.items():
        roots = notebook.cell(index).locator(".jp-OutputArea-output .vk")
        expect(roots).to_have_count(shown)
        for root in roots.all():
            root.scroll_into_view_if_needed()
            expect(root).to_have_attribute("data-ready", "true")
        picture_of(roots.first, f"{Path(name).stem}-cell-{index}.png")
    if name.startswith("00_"):
        the_temperature_changes_the_loss(notebook)


def the_temperature_changes_the_loss(notebook: NotebookPage) -> None:
    """The taste of a widget on the front page: drag the slider, the loss follows at once."""
    index = next(
        index
        for index in widget_cells(notebook)
        if any("SimilarityMatrix:" in str(output) for output in notebook.outputs(index))
    )
    root = notebook.cell(index).locator(".vk[data-kind=SimilarityMatrix]").first
    tile = root.locator(".sm-tiles b").first
    before = tile.inner_text()
    drag_slider(root.get_by_label("temperature τ", exact=True), 1.0)
    wait_until(lambda: tile.inner_text() not in ("", before), "another loss")
