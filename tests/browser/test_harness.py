"""The harness proves itself: a minimal widget in a real JupyterLab, and what it must notice."""

from __future__ import annotations

import pytest

from tests.support.harness import drag_slider, picture_of, press, wait_until

WIDGET = '''
import anywidget
import traitlets

class Minimal(anywidget.AnyWidget):
    _esm = """export default { render({ model, el }) {
        const slider = document.createElement("input");
        Object.assign(slider, { type: "range", min: 0, max: 100, value: model.get("level") });
        slider.oninput = () => { model.set("level", +slider.value); model.save_changes(); };
        model.on("change:level", () => { slider.value = model.get("level"); });
        el.append(slider);
        // JupyterLab takes arrow keys for itself, even from a focused slider, unless told not to.
        slider.dataset.lmSuppressShortcuts = "true";
        el.style.background = "var(--jp-layout-color0)";
    } };"""
    level = traitlets.Int(20).tag(sync=True)

widget = Minimal()
'''
BLOCKED = """
import urllib.request
try:
    urllib.request.urlopen("https://example.org", timeout=5)
    answer = "reached"
except OSError as error:
    answer = str(error)
"""


def test_a_widget_in_jupyterlab_talks_to_its_kernel_both_ways(open_notebook):
    notebook = open_notebook(cells=[WIDGET, "widget"])
    notebook.run_all()
    assert notebook.errors() == []
    slider = notebook.widget(1).locator("input[type=range]")

    assert drag_slider(slider, 1.0) == 100
    notebook.kernel.wait_for("widget.level", 100)
    press(slider, "Home", "ArrowRight")
    notebook.kernel.wait_for("widget.level", 1)

    notebook.kernel.execute("widget.level = 42")
    notebook.page.wait_for_function(
        "slider => slider.value === '42'", arg=slider.element_handle(), timeout=5_000
    )


def test_dark_theme_reaches_the_widget(open_notebook):
    notebook = open_notebook(cells=[WIDGET, "widget"])
    notebook.run_all()

    def brightness() -> float:
        pixels = picture_of(notebook.widget(1)).convert("L").get_flattened_data()
        return sum(pixels) / len(pixels)

    light = brightness()
    notebook.set_theme(dark=True)
    try:
        dark = brightness()
    finally:  # the theme is a setting of the server, which the other tests share
        notebook.set_theme(dark=False)
    assert light > 200
    assert dark < 100


def test_a_failing_cell_and_the_outside_world_are_reported(open_notebook):
    notebook = open_notebook(cells=["1 / 0", BLOCKED])
    notebook.run_all()
    assert [(error["cell"], error["name"]) for error in notebook.errors()] == [
        (0, "ZeroDivisionError")
    ]
    notebook.kernel.execute(BLOCKED)
    assert "runs offline" in notebook.kernel.evaluate("answer")


def test_jupyterlab_opens_without_any_popup(open_notebook):
    notebook = open_notebook(cells=["1"])
    notebook.page.wait_for_timeout(2_000)
    assert notebook.page.locator(".jp-Dialog, .Toastify__toast").count() == 0


def test_a_page_from_disk_has_webgl(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><canvas></canvas>", encoding="utf-8")
    page.goto(path.as_uri())
    pixel = page.evaluate("""() => {
        const gl = document.querySelector("canvas").getContext("webgl2");
        gl.clearColor(1, 0, 0, 1);
        gl.clear(gl.COLOR_BUFFER_BIT);
        const pixel = new Uint8Array(4);
        gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
        return [...pixel];
    }""")
    assert pixel == [255, 0, 0, 255]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('broken')</script>", "console error: broken"),
        ("<script>throw new Error('broken')</script>", "uncaught error: broken"),
        ("<img src='https://example.org/x.png'>", "request to the outside: https://example.org"),
        ("<script>new WebSocket('wss://example.org')</script>", "request to the outside: wss://"),
    ],
)
def test_what_must_not_happen_on_a_page_is_noticed(page, page_log, tmp_path, body, complaint):
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html>{body}", encoding="utf-8")
    page.goto(path.as_uri())

    def noticed() -> bool:
        page.wait_for_timeout(50)
        try:
            page_log.check()
        except AssertionError as error:
            return complaint in str(error)
        return False

    wait_until(noticed, complaint)
    page_log.ignore += ["broken", "example.org"]
