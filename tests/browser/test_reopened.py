"""Run all, save, close everything, open again: widgets are alive, nothing says that it has failed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.harness import press
from vizkit.jupyter import STATE_MIME

CELLS = [
    "import torch\nfrom torch import nn\nfrom vizkit.course import quiz\n"
    "from vizkit.training import fit\nfrom vizkit.widgets import SimilarityMatrix",
    "import numpy as np\nrows = np.random.default_rng(0).normal(size=(8, 4))\n"
    "SimilarityMatrix(rows, rows, title='matrix')",
    "layer = nn.Linear(2, 2)\nhistory = fit(layer, lambda step: layer.weight.sum() ** 2, steps=3)",
    "quiz('Which?', ['one', 'two'], 0, ['yes', 'no'])",
]


@pytest.mark.slow
@pytest.mark.parametrize("state_is_saved", [True, False], ids=["state saved", "no state"])
def test_a_reopened_notebook_shows_widgets_or_their_pictures(
    open_notebook, jupyterlab, state_is_saved
):
    name = f"reopened_{state_is_saved}.ipynb"
    notebook = open_notebook(name, CELLS)
    notebook.run_all()
    expect(notebook.widget(1).locator(".vk")).to_have_attribute("data-ready", "true")
    notebook.save()
    notebook.close()  # its kernel, too
    model = jupyterlab.request("GET", f"api/contents/{name}")
    assert STATE_MIME in model["content"]["metadata"]["widgets"]
    if not state_is_saved:
        # As a host without that setting saves it: the server leaves the dead views out.
        del model["content"]["metadata"]["widgets"]
        jupyterlab.request("PUT", f"api/contents/{name}", model)

    notebook = open_notebook(name)
    expect(notebook.cell(2)).to_contain_text("3/3")
    if state_is_saved:
        widget = notebook.widget(1).locator(".vk")
        expect(widget).to_have_attribute("data-ready", "true")
        press(widget.locator("canvas[role=application]").first, "ArrowDown")
        expect(widget.locator("output.vk-status")).to_contain_text("image")
    else:
        expect(notebook.cell(1).locator("img").first).to_be_visible()
        expect(notebook.cell(3)).to_contain_text("Which?")
    expect(notebook.page.locator("body")).not_to_contain_text("Error displaying widget")
