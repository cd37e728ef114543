"""Run all, save, close everything, open again: nothing says that it has failed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

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
