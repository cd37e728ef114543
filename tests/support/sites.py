"""A site and a deck made of small notebooks with one of everything, each built once for all tests of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.site.build import build_site

TAG = "<img src=x onerror=window.hacked=1>"
HOSTILE = f"{TAG}<script>window.hacked=1</script></script>\u202etxt.exe 🙈\x00 nul"
LONG = "long " * 2000
START = f"""
import numpy as np
from IPython.display import HTML, display
from vizkit.course import line_chart, quiz, rope_wheel, show_source
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix
random = np.random.default_rng(0)
hostile, long = {HOSTILE!r}, {LONG!r}
rows = random.normal(size=(8, 6))
captions = [hostile, long, *(f"caption {{index}}" for index in range(6))]
"""
# What stands on the first page, in this order.
CELLS = (
    START,
    "matrix = SimilarityMatrix(rows, rows + 0.3, captions=captions, title=hostile)\nmatrix",
    """from ipywidgets import HBox, Layout, Text, VBox, jslink
attention = AttentionMap(random.dirichlet(np.ones(17), (2, 2, 17)).astype("float32"),
                         random.uniform(size=(32, 32, 3)).astype("float32"), title="maps")
space = EmbeddingSpace(random.normal(size=(16, 5)), labels=[hostile] * 8 + ["b"] * 8, title="space")
jslink((attention, "selected"), (space, "selected"))
HBox([attention, space])""",
    'line_chart({hostile: ([1, 2, 3], [1, 4, 9])}, title="Squares", x_label="n", y_label="n²",'
    ' alt="A line that " + hostile)',
    """quiz("Which? " + hostile, [hostile, "the other"], 1, ["No: " + hostile, "Well said."])""",
    "rope_wheel()",
    "print(hostile)\nprint(long)",
    "display(HTML('<b onclick=\"window.hacked=1\">bold</b>' + hostile"
    " + '<a href=\"javascript:window.hacked=1\">press</a>'"
    " + '<iframe srcdoc=\"<script>parent.hacked=1</script>\"></iframe>'))",
    "show_source(dict.fromkeys.__class__) if False else show_source(nothing := rope_wheel)",
    """def heard(change):
    print(change)

told = EmbeddingSpace(random.normal(size=(6, 3)))
told.observe(heard, "selected")
VBox([Text("search"), told])""",
)
PROSE = f"""Prose with $x^2 < \\frac{{a}}{{b}}$ and {TAG}, a [link](01_second.ipynb#Far-down), a
[missing one](09_gone.ipynb), a [bad one](javascript:window.hacked=1), and mathematics:

$$\\text{{{TAG}}} + \\sqrt{{d}}$$

| English | 한국어 |
|---|---|
| patch | 패치 |
"""


def on_slide(cell, kind: str):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def written(folder: Path) -> list[Path]:
    """Two notebooks: one of everything, and one to go on to."""
    cells = [
        on_slide(new_markdown_cell("# 00 · First\n\n> A promise.\n\n## All of it"), "slide"),
        on_slide(new_markdown_cell(PROSE), "slide"),
    ]
    for source in CELLS:
        code = on_slide(new_code_cell(source), "skip" if source == START else "subslide")
        cells += [code, new_markdown_cell("**Predict.** What comes next?")]
    solution = new_code_cell("print('solved')")
    solution.metadata = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    first = new_notebook(cells=[*cells, new_markdown_cell("## Exercises"), solution])
    filler = "\n\n".join(f"Line {index}." for index in range(60))
    end = f"# 01 · Second\n\n> More.\n\n## Begin\n\n{filler}\n\n## Far down\n\nThe end."
    second = new_notebook(cells=[new_markdown_cell(end)])
    paths = []
    for name, notebook in (("00_first", first), ("01_second", second)):
        paths.append(folder / f"{name}.ipynb")
        nbformat.write(notebook, paths[-1])
    return paths


@pytest.fixture(scope="package")
def site(tmp_path_factory) -> Path:
    """A site made of those notebooks, slides included."""
    folder = tmp_path_factory.mktemp("course")
    build_site(written(folder), folder / "site", slides=True)
    return folder / "site"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *arguments) -> None: ...


@pytest.fixture(scope="package")
def server(site) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


# ---------------------------------------------------------------------------- the deck

DECK_START = """import numpy as np
from ipywidgets import HBox
from vizkit.course import line_chart, quiz
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix
random = np.random.default_rng(0)
few, many = (random.dirichlet(np.ones(17), (n, n // 2, 17)).astype("float32") for n in (6, 24))
photo, rows = np.zeros((32, 32, 3)), random.normal(size=(24, 8))
captions = [f"a caption of some length, number {i}" for i in range(24)]
"""
INSTRUMENTS = {
    "matrix": "SimilarityMatrix(rows, rows + 0.3, captions=captions)",
    "space": "EmbeddingSpace.from_pairs(rows, rows + 0.1, captions=captions, labels=list('abcdef') * 4)",
    "maps": "AttentionMap(few, photo)",
    "deep": "AttentionMap({'a': many, 'b': many}, photo, panels=['heads', 'distance', 'matrix'])",
    "two": "HBox([AttentionMap(few, photo), EmbeddingSpace(rows)])",
}
CHART = 'line_chart({"a": ([1, 2, 3], [1, 4, 9])}, title="Squares", x_label="n", y_label="n²", alt="a line")'
QUIZ = 'quiz("Which?", ["this", "that"], 1, ["No.", "Yes."])'
QUESTION = "**Predict.** What will it show first, and what when the sliders are dragged, one after the other and then both?"
ANSWER = "It shows what a sentence of about this length says that it does, and hardly anything else. A reason."


def cell(source: str, kind: str, new=new_markdown_cell):
    made = new(source)
    made.metadata["slideshow"] = {"slide_type": kind}
    return made


COUNT = len(INSTRUMENTS) + 4  # title, chart, quiz, take-aways


def slide_of(name: str) -> int:
    return 2 + list(INSTRUMENTS).index(name)


@pytest.fixture(scope="package")
def deck_path(tmp_path_factory) -> Path:
    """A deck with each kind of slide: words, every instrument between question and answer, a chart, a quiz."""
    folder = tmp_path_factory.mktemp("deck")
    cells = [cell("# 00 · Deck\n\n> A promise.", "slide"), cell(DECK_START, "skip", new_code_cell)]
    for name, source in {**INSTRUMENTS, "chart": CHART}.items():
        cells.append(cell(f"## {name}\n\nSet-up.\n\n{QUESTION}", "slide"))
        cells += [cell(source, "fragment", new_code_cell), cell(ANSWER, "fragment")]
    quiz = cell(QUIZ, "subslide", new_code_cell)
    quiz.metadata["jupyter"] = {"source_hidden": True}
    cells += [quiz, cell("## Take-aways\n\n- One.\n- Two.", "slide")]
    nbformat.write(new_notebook(cells=cells), folder / "00_deck.ipynb")
    build_site([folder / "00_deck.ipynb"], folder / "site", slides=True)
    return folder / "site" / "slides" / "00_deck.html"
