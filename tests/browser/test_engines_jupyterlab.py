"""The instruments in JupyterLab in Firefox and WebKitGTK: run, painted, pointed at, saved, opened again.

test_jupyterlab_widgets.py tries every control of them there in Chromium.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.browser.test_engines import COLORS, CORNERS, HOT
from tests.support.engines import (
    DOWN,
    UP,
    Engine,
    FirefoxEngine,
    box_of,
    cell_middle,
    into_view,
    move,
    opened,
    wait_for,
)
from tests.support.harness import (
    BUSY_CELLS,
    CELL_ERRORS,
    KERNEL_STATUS,
    PANEL,
    JupyterLab,
    Kernel,
    is_local,
)

pytestmark = pytest.mark.browser
CELLS = [
    "import numpy as np\nfrom vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix",
    f"""similarity = np.zeros((3, 5))
similarity[{HOT}] = 1
matrix = SimilarityMatrix(similarity=similarity, theme="light")
matrix""",
    f"""weights = np.zeros((1, 1, 15, 15))
weights[..., {HOT[0] * 5 + HOT[1]}] = 1
maps = AttentionMap(weights, grid=(3, 5), num_prefix_tokens=0, theme="light")
maps""",
    f"""corners = {CORNERS}
space = EmbeddingSpace(np.array(list(corners.values()), float), labels=list(corners), class_colors={COLORS},
                       theme="light")
space""",
]
MATRIX, MAPS, SPACE = 1, 2, 3


class Notebook:
    """A notebook open in JupyterLab, in any engine."""

    def __init__(self, engine: Engine, lab: JupyterLab, name: str) -> None:
        self.engine, self.lab, self.name = engine, lab, name
        self.open()

    def open(self) -> None:
        self.engine.open(
            f"{self.lab.url}/{self.lab.address}/{self.name}?token={self.lab.token}&reset"
        )
        path = f"window.jupyterapp && {PANEL}?.context?.path"
        wait_for(self.engine, f"{path} === {json.dumps(self.name)}", 90)
        self.engine.ask(f"{PANEL}.context.ready.then(() => 1)")
        wait_for(self.engine, f"({KERNEL_STATUS})() === 'idle'", 90)

    def run_all(self) -> None:
        self.engine.ask("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        done = f"{PANEL}.content.widgets.every((cell) => cell.model.executionCount > 0)"
        wait_for(self.engine, f"{done} && !({BUSY_CELLS})()", 180)
        assert self.engine.ask(f"({CELL_ERRORS})()") == []

    def place(self, index: int) -> str:
        """The selector of a cell's output."""
        return f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"] .jp-Cell-outputArea'

    def canvas(self, index: int) -> str:
        """The selector of an instrument's picture, on view and at rest."""
        self.engine.ask(f"{PANEL}.content.scrollToItem({index}).then(() => 1)")
        ready = f"{self.place(index)} .vk[data-ready=true]"
        wait_for(self.engine, f"document.querySelector({ready!r}) !== null")
        canvas, before = f"{self.place(index)} canvas[role=application]", None
        while before != (before := into_view(self.engine, canvas)):
            time.sleep(0.3)  # JupyterLab scrolls a little later once more
        return canvas

    def says(self, index: int, words: str) -> None:
        status = f"document.querySelector({f'{self.place(index)} output.vk-status'!r})"
        wait_for(self.engine, f"{status}.textContent.includes({words!r})", 20)

    def save_and_stop(self) -> None:
        self.engine.ask(f"{PANEL}.context.save().then(() => 1)")
        for session in self.lab.request("GET", "api/sessions"):
            if session["path"] == self.name:
                self.lab.request("DELETE", f"api/sessions/{session['id']}")


@pytest.fixture(params=["firefox", "webkit"])
def notebook(request, jupyterlab) -> Iterator[Notebook]:
    name = jupyterlab.write_notebook(f"{request.param}.ipynb", CELLS)
    with opened(request.param, request, width=1280, height=1000) as engine:
        yield Notebook(engine, jupyterlab, name)
        sources = "performance.getEntriesByType('resource').map((one) => one.name)"
        assert [one for one in engine.ask(sources) if not is_local(one)] == []
        if isinstance(engine, FirefoxEngine):
            # As in Chromium's log: a widget that takes more than two seconds is no error of it.
            late = "[anywidget] Failed to initialize model."
            assert [text for text in engine.errors() if late not in text] == []


def inks(engine: Engine, places: list[tuple[float, float]]) -> np.ndarray:
    image = np.asarray(engine.screenshot(), float)
    scale = image.shape[1] / engine.ask("innerWidth")
    return np.stack([image[round(y * scale), round(x * scale)] for x, y in places])


def test_instruments_paint_answer_and_are_there_when_it_is_opened_again(notebook):
    engine = notebook.engine
    notebook.run_all()
    kernel_id = engine.ask(f"{PANEL}.sessionContext.session.kernel.id")
    kernel = Kernel(notebook.lab.runtime / f"kernel-{kernel_id}.json")

    canvas = notebook.canvas(MATRIX)
    middles = [cell_middle(engine, canvas, *cell) for cell in (HOT, (0, 0), (2, 4), (1, 2))]
    hot, *cold = inks(engine, [(x + 9, y + 9) for x, y in middles])
    assert np.abs(hot - cold[0]).max() > 60
    assert np.abs(np.subtract(cold, cold[0])).max() < 20
    engine.pointer([move(*middles[0])])
    notebook.says(MATRIX, f"image {HOT[0]} × text {HOT[1]}")
    kernel.wait_for("[matrix.hovered, matrix.hovered_text]", list(HOT))
    engine.pointer([move(*middles[2]), DOWN, UP], kind="touch")
    notebook.says(MATRIX, "image 2 × text 4")
    kernel.execute("matrix.title = 'from Python'")
    title = f"document.querySelector({f'{notebook.place(MATRIX)} .vk-title'!r}).textContent"
    wait_for(engine, f"{title} === 'from Python'")

    x, y, width, height = box_of(engine, notebook.canvas(MAPS))
    cells = [(x + (c + 0.6) * width / 5, y + (r + 0.6) * height / 3) for r, c in (HOT, (0, 0))]
    assert np.ptp(inks(engine, cells), axis=0).max() > 60
    engine.pointer([move(*cells[0])])
    notebook.says(MAPS, f"row {HOT[0]}, column {HOT[1]}")

    x, y, width, height = box_of(engine, notebook.canvas(SPACE))
    scale = min((width - 48) / 3, (height - 48) / 2)
    marks = {
        name: (x + width / 2 + (right - 1.5) * scale, y + height / 2 - (up - 1) * scale)
        for name, (right, up) in CORNERS.items()
    }
    expected = [[int(COLORS[name][i : i + 2], 16) for i in (1, 3, 5)] for name in marks]
    # WebKitGTK may put what WebGL has drawn on the screen some frames later.
    for _ in range(20):
        found = inks(engine, list(marks.values()))
        if np.abs(found - expected).max() < 60:
            break
        time.sleep(0.3)
    assert np.abs(found - expected).max() < 60, found
    for name, at in marks.items():
        engine.pointer([move(*at)])
        notebook.says(SPACE, name)
    kernel.close()

    notebook.save_and_stop()
    notebook.open()
    for index in (MATRIX, MAPS, SPACE):
        engine.ask(f"{PANEL}.content.scrollToItem({index}).then(() => 1)")
        picture = f"document.querySelector({f'{notebook.place(index)} img'!r})"
        wait_for(engine, f"{picture}?.naturalWidth > 100")
    assert "Error displaying widget" not in engine.ask("document.body.textContent")
