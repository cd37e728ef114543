"""`jupyter nbconvert --to html`: every widget and chart leaves its picture, with the network off.

The stored notebooks are converted as they are; a notebook that Notebook 7 saved with widgets in it
is converted in test_hosts.py. What nbconvert's own page asks for is blocked and tolerated: require.js
and MathJax. Nothing of the course asks for more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from tests.support.harness import PageLog, picture_of
from vizkit.jupyter import NBCONVERT_CONFIG

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# What the pages of nbconvert load for themselves, whatever the notebook.
OF_NBCONVERT = ("/require.js/", "/mathjax/", "/mermaid/", "/jquery/")
PICTURES = """() => [...document.images].map((image) => ({
    loaded: image.complete && image.naturalWidth > 0, width: image.clientWidth,
    right: image.getBoundingClientRect().right, alt: image.alt, data: image.src.slice(0, 5) }))"""


@cache
def exporter(template: str) -> HTMLExporter:
    return HTMLExporter(template_name=template)


def open_converted(page: Page, page_log: PageLog, source: Path, folder: Path, template: str) -> str:
    """Convert a notebook, open it and look at it; what may not be on any such page is checked.

    Returns the text of the page.
    """
    page_log.ignore.extend(OF_NBCONVERT)
    html, _ = exporter(template).from_filename(str(source))
    target = folder / f"{source.stem}-{template}.html"
    target.write_text(html, encoding="utf-8")
    page.goto(target.as_uri())
    text = page.inner_text("body")
    assert "Traceback" not in text
    assert page.evaluate("window.hacked") is None
    expect(page.locator("img[src=x]")).to_have_count(0)
    width = page.evaluate("document.documentElement.clientWidth")
    for index, picture in enumerate(page.evaluate(PICTURES)):
        assert picture["loaded"], f"picture {index} is broken"
        assert picture["data"] == "data:"
        assert picture["width"] > 100, f"picture {index} is {picture['width']} pixels wide"
        assert picture["right"] <= width, f"picture {index} sticks out of the page"
    picture_of(page, f"nbconvert-{target.stem}.png")
    return text


def outputs_with(source: Path, *mimes: str) -> list[dict]:
    book = nbformat.read(source, as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    return [output for output in outputs if any(mime in output.get("data", {}) for mime in mimes)]


@pytest.mark.parametrize(
    ("name", "template"),
    [("01_cnn_vs_vit", "lab"), ("06_clip", "classic")],
)
def test_a_stored_notebook_shows_all_its_pictures(
    page: Page, page_log: PageLog, tmp_path: Path, name: str, template: str
):
    source = NOTEBOOKS / f"{name}.ipynb"
    text = open_converted(page, page_log, source, tmp_path, template)
    stored = outputs_with(source, "image/png", "image/svg+xml")
    assert len(stored) > 8
    assert any("application/vnd.plotly.v1+json" in output["data"] for output in stored)
    shown = page.evaluate(PICTURES)
    assert len(shown) == len(stored)
    if template == "classic":  # the other one, nbconvert's default, writes no alt text of outputs
        assert [picture["alt"] for picture in shown] == [
            output.metadata.get("image/png", {}).get("alt") or output.data["text/plain"]
            for output in stored
        ]
    for output in outputs_with(source, "text/html"):  # claims, quizzes, sources of functions
        if "image/svg+xml" in output.data:  # a drawing, counted above; its words are its picture's
            continue
        first_line = output["data"]["text/plain"].splitlines()[0]
        words = first_line.removeprefix("Question: ").split(" · ")[0]
        assert words.split()[-1] in text, f"nothing is shown of {first_line!r}"


CELL = """
import numpy as np
from IPython.display import display
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix
rows = np.random.default_rng(0).normal(size=(9, 4))
weights = np.full((2, 2, 9, 9), 1 / 9)
display(SimilarityMatrix(rows, rows))
display(AttentionMap(weights, np.zeros((9, 9, 3), np.uint8), grid=(3, 3), num_prefix_tokens=0))
display(EmbeddingSpace(rows))
"""
# Not vizkit's, and without a picture: a widget as before.
OTHER = "import ipywidgets\nipywidgets.IntSlider(description='another')"


def convert(folder: Path, *options: str) -> None:
    """`jupyter nbconvert --to html` as `make setup` sets it up."""
    settings = folder / "config"
    settings.mkdir()
    (settings / "jupyter_nbconvert_config.json").write_text(json.dumps(NBCONVERT_CONFIG))
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, "book.ipynb"]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(settings)}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["nbconvert --execute", "papermill, then nbconvert"])
def test_an_executed_notebook_shows_pictures_of_its_widgets(
    page: Page, page_log: PageLog, tmp_path: Path, way: str
):
    page_log.ignore.extend((*OF_NBCONVERT, "unpkg.com", "require is not defined"))
    page_log.ignore.append("net::ERR")
    cells = [nbformat.v4.new_code_cell(source) for source in (CELL, OTHER)]
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    if way == "nbconvert --execute":
        nbformat.write(book, tmp_path / "book.ipynb")
        convert(tmp_path, "--execute")
    else:  # papermill executes by nbclient, and stores the state of the widgets as it does
        NotebookClient(book, kernel_name="python3").execute()
        assert book.metadata.widgets
        nbformat.write(book, tmp_path / "book.ipynb")
        convert(tmp_path)
    page.goto((tmp_path / "book.html").as_uri())
    pictures = page.locator(".jp-OutputArea-output img")
    expect(pictures).to_have_count(3)
    assert all(one["loaded"] and one["width"] > 100 for one in page.evaluate(PICTURES))
    views = page.locator("script[type='application/vnd.jupyter.widget-view+json']")
    expect(views).to_have_count(1)
