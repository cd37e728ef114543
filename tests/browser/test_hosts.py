"""The widgets, a quiz, an exercise and a chart in Notebook 7 and in marimo, with a real kernel each.

One page for each host, driven in turn: what is moved in the browser reaches Python, what Python
sets reaches the browser. JupyterLab, the course's own host, is tested in more depth in
test_jupyterlab_widgets.py. Notebook 7 saves its page at the end for nbconvert.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import VIEWPORT
from tests.browser.test_nbconvert import open_converted, outputs_with
from tests.support.harness import (
    PATIENCE,
    Notebook7,
    NotebookPage,
    PageLog,
    click_at,
    drag_slider,
    free_port,
    hover_at,
    picture_of,
    press,
    wait_until,
)

HOSTILE = "<img src=x onerror=window.hacked=1>"
SETUP = f"""
import numpy as np
from vizkit.course import Exercise, Mistake, bar_chart, quiz, rope_wheel, show_images
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix, side_by_side

hostile, random = {HOSTILE!r}, np.random.default_rng(0)
pictures = list(random.integers(0, 255, (8, 32, 32, 3), dtype=np.uint8))
captions = [hostile, *(f"caption {{i}}" for i in range(1, 8))]
texts = random.normal(size=(8, 16))
images = texts + random.normal(size=(8, 16))
weights = random.random((3, 2, 17, 17), dtype=np.float32)
weights /= weights.sum(-1, keepdims=True)
"""
CELLS = {
    "matrix": """
matrix = SimilarityMatrix(images, texts, images=pictures, captions=captions, title=hostile)
matrix
""",
    "attention": """
attention = AttentionMap(weights, pictures[0], grid=(4, 4), title=hostile)
attention
""",
    "space": """
space = EmbeddingSpace(images, labels=[hostile, "b"] * 4, images=pictures, captions=captions,
                       title=hostile)
space
""",
    "row": """
left, right = SimilarityMatrix(images, texts), EmbeddingSpace(images)
side_by_side(left, right)
""",
    "wheel": "rope_wheel()",
    "quiz": 'quiz("Which " + hostile, ["one", hostile], 1, ["no", "Right: " + hostile])',
    "exercise": """
adding = Exercise("adding " + hostile, solution=lambda a, b: a + b, inputs=[(1.0, 2.0)],
                  mistakes=[Mistake("a minus", lambda a, b: a - b, "look at the sign")])
adding.check(lambda a, b: a - b, record_progress=False)
""",
    "chart": """
bar_chart({hostile: 1, "b": 2}, title="Bars", x_label="x", y_label="y", alt="two bars that rise")
""",
    "pictures": 'show_images(pictures[:3], captions=captions[:3], alt="three noisy pictures")',
}
WIDGETS = {"matrix": "SimilarityMatrix", "attention": "AttentionMap", "space": "EmbeddingSpace"}


class NotebookHost:
    """The page in Notebook 7."""

    themes = ("dark", "light")

    def __init__(self, chromium: Browser, folder: Path) -> None:
        self.server = Notebook7(folder)
        self.context = chromium.new_context(viewport=VIEWPORT)
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.server.write_notebook("hosts.ipynb", [SETUP, *CELLS.values()])
        self.notebook = NotebookPage(self.server, self.page, "hosts.ipynb")
        self.log = self.notebook.log
        # Notebook 7 stumbles over its own shortcuts: github.com/jupyter/notebook/issues/7862
        self.log.ignore.append("(reading 'schema')")
        # Jupyter asks a kernel that it has just met for its widgets, late on a busy machine; a
        # widget that is made meanwhile is shown once without its numbers, and complains.
        self.page.evaluate("() => window.jupyterapp.allPluginsActivated")
        self.page.wait_for_load_state("networkidle")
        self.notebook.wait_idle(idle=2.0)
        self.notebook.run_all(timeout=300)
        assert self.notebook.errors() == []

    def cell(self, name: str) -> Locator:
        index = 1 + list(CELLS).index(name)
        cell = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"]')
        if cell.is_visible():  # much quicker than to ask Jupyter to scroll to it
            cell.scroll_into_view_if_needed()
        else:
            cell = self.notebook.cell(index)
        return cell.locator(".jp-Cell-outputWrapper")

    def execute(self, code: str) -> None:
        self.notebook.kernel.execute(code)

    def evaluate(self, expression: str) -> object:
        return self.notebook.kernel.evaluate(expression)

    def set_theme(self, theme: str) -> None:
        self.notebook.set_theme(theme == "dark")

    def close(self) -> None:
        self.notebook.close()
        self.context.close()
        self.server.close()


# Runs what the test types, and shows the value beside the number that came with it.
CONSOLE = """
@app.cell
def console_input(mo):
    console = mo.ui.text(label="console", full_width=True)
    console
    return (console,)


@app.cell
def console_output(attention, console, matrix, mo, space):
    import json as _json

    _number, _code = _json.loads(console.value or '[0, "None"]')
    _scope = {"matrix": matrix, "attention": attention, "space": space}
    _value = exec(_code, _scope) if ";" in _code else eval(_code, _scope)
    mo.plain_text("console " + _json.dumps([_number, _value]))
    return


@app.cell
def reactive(mo, wrapped):
    mo.plain_text(f"reactive {wrapped.value['hovered']}")
    return
"""


def marimo_app() -> str:
    """The same cells as a marimo app: the matrix wrapped as its manual says, the others bare."""
    names = {
        "matrix": "matrix, wrapped",
        "attention": "attention",
        "space": "space",
        "row": "",
    }
    shared = "AttentionMap, EmbeddingSpace, Exercise, Mistake, SimilarityMatrix, bar_chart, captions, hostile, images, mo, pictures, quiz, rope_wheel, show_images, side_by_side, texts, weights"

    def cell(name: str, needs: str, source: str, gives: str = "") -> str:
        body = "\n".join(f"    {line}".rstrip() for line in source.strip().splitlines())
        returned = f"({gives},)" if gives else ""
        return f"@app.cell\ndef {name}({needs}):\n{body}\n    return {returned}\n"

    cells = [cell("setup", "", "import marimo as mo\n" + SETUP, shared)]
    for name, source in CELLS.items():
        if name == "matrix":
            source = (
                source.rstrip().removesuffix("matrix")
                + "wrapped = mo.ui.anywidget(matrix)\nwrapped"
            )
        cells.append(cell(name + "_cell", shared, source, names.get(name, "")))
    head = 'import marimo\n\napp = marimo.App(width="full")\n'
    return "\n\n".join([head, *cells, CONSOLE, 'if __name__ == "__main__":\n    app.run()\n'])


class MarimoHost:
    """The page as a marimo app: `marimo run`, with settings of its own.

    Its theme is the one of its settings, and not the one that the browser asks for.
    """

    themes = ("light",)

    def __init__(self, chromium: Browser, folder: Path) -> None:
        app = folder / "app.py"
        app.write_text(marimo_app(), encoding="utf-8")
        port = free_port()
        own = {"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
        environment = os.environ | {name: str(folder / path) for name, path in own.items()}
        settings = folder / "config" / "marimo" / "marimo.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text('[display]\ntheme = "light"\n', encoding="utf-8")
        command = [sys.executable, "-m", "marimo", "run", str(app), "--headless", "--no-token"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        self._server_log = folder / "marimo.log"
        with self._server_log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: self._answers(url), "marimo has started", timeout=120)
        self.context = chromium.new_context(viewport=VIEWPORT)
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.log = PageLog()
        # marimo's charts ask a server for MathJax; they do without where there is no network.
        self.log.ignore.append("mathjax")
        self.log.watch(self.page)
        self.page.goto(url)
        # The last cell's output means that every cell has run.
        expect(self.page.get_by_text("console [0, null]")).to_be_visible(timeout=180_000)
        self._count = 0

    def _answers(self, url: str) -> bool:
        log = self._server_log.read_text(encoding="utf-8", errors="replace")
        assert self._process.poll() is None, f"marimo stopped:\n{log[-2000:]}"
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def cell(self, name: str) -> Locator:
        cell = self.page.locator(f'[data-cell-name="{name}_cell"]')
        cell.scroll_into_view_if_needed()
        return cell

    def _type(self, code: str) -> object:
        self._count += 1
        field = self.page.get_by_label("console")
        field.fill(json.dumps([self._count, code]))
        field.press("Enter")
        shown = self.page.get_by_text(f"console [{self._count},")
        shown.wait_for(state="attached")
        return json.loads(shown.inner_text().removeprefix("console "))[1]

    def execute(self, code: str) -> None:
        self._type(code + ";")

    def evaluate(self, expression: str) -> object:
        return self._type(expression)

    def set_theme(self, theme: str) -> None:
        assert theme == "light"

    def close(self) -> None:
        self.context.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


HOSTS = {"notebook": NotebookHost, "marimo": MarimoHost}


@pytest.fixture(scope="module", params=HOSTS)
def host(request, chromium: Browser, tmp_path_factory) -> Iterator[NotebookHost | MarimoHost]:
    opened = HOSTS[request.param](chromium, tmp_path_factory.mktemp(request.param))
    # Tall enough for a whole widget under the host's own bars.
    opened.page.set_viewport_size({"width": 1280, "height": 1400})
    opened.page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _nothing_goes_wrong(host):
    """The test that caused an error fails, not only the last one."""
    yield
    host.log.check()
    assert host.page.evaluate("window.hacked") is None


def root(host, name: str) -> Locator:
    found = host.cell(name).locator(".vk").first
    expect(found).to_have_attribute("data-ready", "true")
    return found


def canvas(host, name: str) -> Locator:
    return root(host, name).locator("canvas[role=application]").first


def becomes(host, expression: str, expected: object) -> None:
    wait_until(lambda: host.evaluate(expression) == expected, f"{expression} == {expected!r}")


def test_all_is_there_and_hostile_text_is_text(host):
    for name, kind in WIDGETS.items():
        shown = root(host, name)
        expect(shown).to_have_attribute("data-kind", kind)
        expect(shown.locator(".vk-title")).to_have_text(HOSTILE)
        colours = picture_of(canvas(host, name), f"{name}.png").getcolors(1 << 20)
        assert len(colours) > 30, f"{name} is nearly blank"
    pair = host.cell("row").locator(".vk")
    expect(pair).to_have_count(2)
    boxes = [pair.nth(index).bounding_box() for index in (0, 1)]
    assert boxes[1]["x"] >= boxes[0]["x"] + boxes[0]["width"], "not side by side"
    expect(host.cell("chart").locator(".js-plotly-plot .bars path").first).to_be_visible()
    expect(host.cell("chart")).to_contain_text(HOSTILE)
    picture = host.cell("pictures").locator("img")
    assert picture.evaluate("img => img.naturalWidth > img.width")  # as sharp as the screen
    if isinstance(host, MarimoHost):  # Jupyter's own pages drop a picture's alt text
        expect(picture).to_have_attribute("alt", "three noisy pictures")
    expect(host.page.locator("img[src=x]")).to_have_count(0)


def test_what_the_browser_does_reaches_python(host):
    slider = root(host, "matrix").get_by_label("temperature τ", exact=True)
    drag_slider(slider, 1.0)
    becomes(host, "round(matrix.temperature, 6)", 2.0)
    drag_slider(slider, 0.0)
    becomes(host, "round(matrix.temperature, 6)", 0.005)
    press(canvas(host, "matrix"), "Home", "ArrowDown")
    becomes(host, "matrix.hovered >= 0", True)
    host.execute("__import__('traitlets').link((matrix, 'hovered'), (space, 'hovered'))")
    press(canvas(host, "matrix"), "ArrowDown")
    said = root(host, "space").locator("output.vk-status")
    wait_until(
        lambda: f"point {host.evaluate('matrix.hovered')} " in said.inner_text(), "it follows"
    )
    drag_slider(root(host, "attention").get_by_label("layer", exact=True), 0.0)
    becomes(host, "attention.layer", 0)
    # Kept, since to ask may scroll the page, and then the pointer is elsewhere.
    host.execute("attention.met = []")
    host.execute("attention.observe(lambda change: attention.met.append(change.new), 'hovered')")

    def met() -> bool:
        hover_at(canvas(host, "attention"), 0.9, 0.1)
        host.page.wait_for_timeout(250)  # a widget tells the changes of 50 ms at once
        return host.evaluate("3 in attention.met")

    wait_until(met, "Python hears of the hovered patch")
    click_at(canvas(host, "attention"), 0.1, 0.9)
    becomes(host, "attention.selected", [12])
    field = root(host, "space").get_by_label("Search", exact=True)
    field.fill("caption 3")
    becomes(host, "[space.search, space.selected]", ["caption 3", [3]])
    field.fill("")
    becomes(host, "space.selected", [])


def test_what_python_sets_reaches_the_browser(host):
    host.execute("matrix.temperature, matrix.view, matrix.title = 0.5, 'sigmoid', 'from Python'")
    shown = root(host, "matrix")
    expect(shown.locator(".vk-title")).to_have_text("from Python")
    expect(shown.get_by_label("view", exact=True)).to_have_value("sigmoid")
    slider = shown.get_by_label("temperature τ", exact=True)
    wait_until(lambda: abs(float(slider.input_value()) - np.log(0.5)) < 0.02, "the slider")
    host.execute("attention.layer, attention.smooth = 2, True")
    expect(root(host, "attention").locator("output.vk-status")).to_contain_text("layer 3 of")
    host.execute("space.search = 'caption'")
    expect(root(host, "space").locator("output.vk-status")).to_contain_text("7 of 8 points match")
    host.execute("space.search = ''")


def test_the_course_answers(host):
    form = host.cell("quiz")
    expect(form.locator("legend")).to_have_text(f"Which {HOSTILE}")
    form.get_by_label("one", exact=True).check()
    expect(form.get_by_role("status")).to_have_text("✗ Not quite. no")
    form.get_by_label(HOSTILE, exact=True).check()
    expect(form.get_by_role("status")).to_have_text(f"✓ Right: {HOSTILE}")
    card = host.cell("exercise").get_by_role("status")
    expect(card).to_contain_text(f"adding {HOSTILE}: a minus")
    expect(card).to_contain_text("look at the sign")
    wheel = host.cell("wheel")
    press(wheel.get_by_label("place of the key"), "End")
    expect(wheel.locator("output").last).to_contain_text("key at place 15")


def test_dark_theme_and_full_screen(host):
    def brightness(name: str) -> float:
        return float(np.asarray(picture_of(root(host, name)).convert("L"))[:2].mean())

    for theme in host.themes:
        host.set_theme(theme)
        for name in WIDGETS:
            expect(root(host, name)).to_have_attribute("data-theme", theme)
            dark = theme == "dark"
            wait_until(lambda n=name, d=dark: (brightness(n) < 80) == d, f"{name} is {theme}")
    shown, picture = root(host, "matrix"), canvas(host, "matrix")
    press(picture, "f")
    wait_until(lambda: shown.bounding_box()["width"] >= 1279, "the whole window")
    picture_of(host.page, "full.png")
    expect(shown).to_have_attribute("data-full", "true")
    press(picture, "Escape")
    expect(shown).to_have_attribute("data-full", "false")


@pytest.mark.parametrize("host", ["notebook"], indirect=True)
def test_nbconvert_shows_what_was_saved(host, page: Page, page_log: PageLog, tmp_path: Path):
    host.notebook.save()
    source = host.server.root / "hosts.ipynb"
    # The live views were saved too, and must not hide the pictures.
    assert len(outputs_with(source, "application/vnd.jupyter.widget-view+json")) == 6
    text = open_converted(page, page_log, source, tmp_path, "lab")
    expect(page.locator("img")).to_have_count(7)  # the chart's was added by Plotly's extension
    for words in (f"Which {HOSTILE}", f"adding {HOSTILE}: a minus", "look at the sign"):
        assert words in text
