"""Run all, save, close everything, open again: nothing says that it has failed."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.support.harness import press
from vizkit.jupyter import WIDGET_MIME

CELLS = [
    "import torch\nfrom torch import nn\nfrom vizkit.course import quiz\n"
    "from vizkit.training import fit\nfrom vizkit.widgets import SimilarityMatrix",
    "import numpy as np\nrows = np.random.default_rng(0).normal(size=(8, 4))\n"
    "SimilarityMatrix(rows, rows, title='matrix')",
    "layer = nn.Linear(2, 2)\nhistory = fit(layer, lambda step: layer.weight.sum() ** 2, steps=3)",
    "quiz('Which?', ['one', 'two'], 0, ['yes', 'no'])",
]


@pytest.mark.slow
def test_a_reopened_notebook_shows_pictures_and_texts_in_place_of_widgets(
    open_notebook, jupyterlab
):
    name = "reopened.ipynb"
    notebook = open_notebook(name, CELLS)
    notebook.run_all()
    expect(notebook.widget(1).locator(".vk")).to_have_attribute("data-ready", "true")
    notebook.save()
    notebook.close()  # its kernel, too
    assert WIDGET_MIME in (jupyterlab.root / name).read_text(encoding="utf-8")

    notebook = open_notebook(name)
    expect(notebook.cell(1).locator("img").first).to_be_visible()
    expect(notebook.cell(2)).to_contain_text("3/3")
    expect(notebook.cell(3)).to_contain_text("Which?")
    expect(notebook.page.locator("body")).not_to_contain_text("Error displaying widget")


SAVE_WIDGETS = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
STATE = [
    "import numpy as np\nfrom vizkit.widgets import EmbeddingSpace, SimilarityMatrix\n"
    "rows = np.random.default_rng(0).normal(size=(8, 4))",
    *["SimilarityMatrix(rows, rows)"] * 3,
    "EmbeddingSpace(rows)",
]


@pytest.mark.slow
def test_instruments_live_in_a_notebook_that_was_saved_with_its_widgets(open_notebook, jupyterlab):
    """And it holds the code of each kind once, and once what the kinds have in common."""
    name = "with_state.ipynb"
    notebook = open_notebook(name, STATE)
    notebook.command(SAVE_WIDGETS)
    notebook.run_all()
    expect(notebook.widget(4).locator(".vk")).to_have_attribute("data-ready", "true")
    notebook.save()
    notebook.close()
    saved = json.loads((jupyterlab.root / name).read_text(encoding="utf-8"))
    models = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    buffers = [one for model in models.values() for one in model.get("buffers", ())]
    assert sum(one["path"][0] == "packed" for one in buffers) == 3

    notebook = open_notebook(name)
    notebook.command(SAVE_WIDGETS)  # off again
    for cell in range(1, 5):
        expect(notebook.widget(cell).locator(".vk")).to_have_attribute("data-ready", "true")
    press(notebook.widget(3).locator("canvas[role=application]").first, "ArrowRight", "ArrowDown")
    expect(notebook.widget(3).locator("output.vk-status")).to_contain_text("image")
