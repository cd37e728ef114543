"""Every notebook of the course in a real JupyterLab: its widgets are alive.

What its widgets need is run; the other cells show what is stored. One notebook is run from top to
bottom. It is a rehearsal: of each training the first two steps
(`vizkit.training.loop.steps_to_compute`). That every cell runs and that the numbers are right is
for nbval to say.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.support.harness import NotebookPage, drag_slider, picture_of, wait_until
from tests.support.needed_cells import needed_cells

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("[0-9]*.ipynb"))
WIDGETS = ("SimilarityMatrix:", "AttentionMap:", "EmbeddingSpace:", "LivingEncoder:")
FROM_TOP_TO_BOTTOM = "00_start_here.ipynb"
LIMIT = 600  # seconds; the notebooks promise less, but a busy machine must not fail the test


def test_there_are_notebooks():
    assert FROM_TOP_TO_BOTTOM in NOTEBOOKS


def widget_cells(name: str) -> dict[int, int]:
    """Cells of a notebook that show widgets of the course, and how many each, by what is stored."""
    found = {}
    for index, cell in enumerate(nbformat.read(FOLDER / name, as_version=4).cells):
        texts = [output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])]
        if shown := sum(line.startswith(WIDGETS) for text in texts for line in text.splitlines()):
            found[index] = shown
    return found


def code_of(name: str) -> list[str]:
    """The code of each cell, empty for one of text."""
    cells = nbformat.read(FOLDER / name, as_version=4).cells
    return [cell.source if cell.cell_type == "code" else "" for cell in cells]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebooks_widgets_paint(open_notebook, name: str):
    cells = widget_cells(name)
    assert cells, "no widget of the course in this notebook"
    notebook = open_notebook(name)
    if name == FROM_TOP_TO_BOTTOM:
        notebook.run_all(timeout=LIMIT)
    else:
        notebook.run_cells(needed_cells(code_of(name), cells), timeout=LIMIT)
    assert notebook.errors() == []
    for index, shown in cells.items():
        roots = notebook.cell(index).locator(".jp-OutputArea-output .vk")
        expect(roots).to_have_count(shown)
        for root in roots.all():
            root.scroll_into_view_if_needed()
            expect(root).to_have_attribute("data-ready", "true")
        picture_of(roots.first, f"{Path(name).stem}-cell-{index}.png")
    if name == FROM_TOP_TO_BOTTOM:
        the_temperature_changes_the_loss(notebook, cells)


def the_temperature_changes_the_loss(notebook: NotebookPage, cells: dict[int, int]) -> None:
    """The taste of a widget on the front page: drag the slider, the loss follows at once."""
    index = next(
        index
        for index in cells
        if any("SimilarityMatrix:" in str(output) for output in notebook.outputs(index))
    )
    root = notebook.cell(index).locator(".vk[data-kind=SimilarityMatrix]").first
    tile = root.locator(".sm-tiles b").first
    before = tile.inner_text()
    drag_slider(root.get_by_label("temperature τ", exact=True), 1.0)
    wait_until(lambda: tile.inner_text() not in ("", before), "another loss")
