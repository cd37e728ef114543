"""The three widgets in a real JupyterLab with a real kernel: one notebook, driven in turn.

Every control is moved and the trait is read back in the kernel; numbers are compared with torch;
every key must reach the widget and none the notebook.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.test_accessibility import violations
from tests.support.harness import (
    PANEL,
    NotebookPage,
    click_at,
    drag,
    drag_slider,
    hover_at,
    picture_of,
    press,
    wait_until,
)

HOSTILE = "<img src=x onerror=window.hacked=1>"
SETUP = f"""
import numpy as np, torch
from torch.nn import functional as F
from ipywidgets import jslink
from vizkit.data import render, sample_scenes
from vizkit.models import VisionTransformer
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix

hostile = {HOSTILE!r}
count, random = 12, np.random.default_rng(0)
pictures = list(render(sample_scenes(count, seed=0)))
captions = [hostile, *(f"caption {{i}}" for i in range(1, count))]
texts = random.normal(size=(count, 16))
course = np.stack([noise * random.normal(size=texts.shape) + texts for noise in (3.0, 1.2)])

def torch_numbers():
    images, words = (torch.tensor(part) for part in (course[matrix.step], texts))
    cosines = F.normalize(images, dim=1) @ F.normalize(words, dim=1).T
    logits, target = cosines / matrix.temperature, torch.arange(count)
    signs = 2 * torch.eye(count) - 1
    return [
        ((F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2).item(),
        (-F.logsigmoid(signs * (logits + matrix.bias)).sum() / count).item(),
        (logits.argmax(1) == target).double().mean().item(),
        (logits.argmax(0) == target).double().mean().item(),
        logits.softmax(1).tolist(),
    ]
"""
MATRIX = """
matrix = SimilarityMatrix(course, np.stack([texts] * 2), images=pictures, captions=captions,
                          steps=[hostile, "end"], title=hostile)
matrix
"""
ATTENTION = """
torch.manual_seed(0)
model = VisionTransformer(patch_size=16, embed_dim=48, depth=4, num_heads=3).eval()
attention = AttentionMap.from_model(model, pictures[:2], mean=0.5, std=0.5, title=hostile)
attention
"""
SPACE = """
space = EmbeddingSpace.from_pairs(course, np.stack([texts] * 2), images=pictures, captions=captions,
                                  labels=[hostile, "star", "heart"] * 4, steps=[hostile, "end"],
                                  title=hostile)
link = jslink((matrix, "hovered"), (space, "hovered"))
space
"""
# Too many points for a table of all neighbours: the front end asks for each one's.
LARGE = """
large = EmbeddingSpace(random.normal(size=(4_500, 8)))
large
"""
CELLS = {"matrix": 1, "attention": 2, "space": 3, "large": 4}
NAMES = ("matrix", "attention", "space")
# What a key that JupyterLab took for itself would change.
NOTEBOOK_STATE = f"""() => ({{
    cells: {PANEL}.content.widgets.map(cell => [cell.model.type, cell.model.sharedModel.source]),
    active: {PANEL}.content.activeCellIndex, mode: {PANEL}.content.mode,
    popups: document.querySelectorAll(".jp-Dialog, .jp-DocumentSearch-overlay").length,
    hidden: document.querySelectorAll(".jp-Notebook .jp-Placeholder").length,
    lines: document.querySelectorAll(".jp-Notebook .cm-lineNumbers").length,
}})"""


class Session:
    """The notebook, and the moves that the tests make in its widgets."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook, self.page, self.kernel = notebook, notebook.page, notebook.kernel

    def root(self, name: str) -> Locator:
        root = self.notebook.widget(CELLS[name]).locator(".vk")
        expect(root).to_have_attribute("data-ready", "true")
        return root

    def canvas(self, name: str) -> Locator:
        """The widget's main picture, which has the keyboard."""
        return self.root(name).locator("canvas[role=application]").first

    def status(self, name: str) -> Locator:
        return self.root(name).locator("output.vk-status")

    def control(self, name: str, label: str) -> Locator:
        return self.root(name).get_by_label(label, exact=True)

    def button(self, name: str, label: str) -> Locator:
        return self.root(name).locator(".vk-bar button", has_text=label).first

    def trait(self, name: str) -> object:
        return self.kernel.evaluate(name)

    def becomes(self, name: str, expected: object) -> None:
        self.kernel.wait_for(name, expected)

    def slide(self, name: str, label: str, trait: str, ends: tuple[float, float]) -> None:
        """Drag a slider to its middle and both ends; each time the trait follows."""
        slider = self.control(name, label)
        seen = set()
        for fraction in (0.5, 1.0, 0.0):
            drag_slider(slider, fraction)
            if fraction != 0.5:
                expected = pytest.approx(ends[int(fraction)])
                wait_until(lambda e=expected: self.trait(trait) == e, f"{trait} at its end")
            else:
                wait_until(lambda: ends[0] < self.trait(trait) <= ends[1], f"{trait} between")
            seen.add(self.trait(trait))
        assert len(seen) >= 2

    def state(self) -> dict:
        return self.page.evaluate(NOTEBOOK_STATE)

    def numbers(self) -> list[float]:
        """What the tiles of the similarity matrix show, in full precision."""
        values = self.root("matrix").locator(".sm-tiles b")
        return [float(v) for v in values.evaluate_all("all => all.map(b => b.dataset.value)")]


@pytest.fixture(scope="module")
def lab(open_shared_notebook) -> Session:
    notebook = open_shared_notebook("widgets.ipynb", cells=[SETUP, MATRIX, ATTENTION, SPACE, LARGE])
    notebook.page.emulate_media(reduced_motion="reduce")
    # Tall enough for a whole widget under JupyterLab's own bars.
    notebook.page.set_viewport_size({"width": 1280, "height": 1400})
    notebook.run_all(timeout=120)
    assert notebook.errors() == []
    return Session(notebook)


@pytest.fixture(autouse=True)
def _nothing_goes_wrong(lab: Session):
    """The test that caused an error fails, not only the last one; none inherits a full screen."""
    yield
    for full in lab.page.locator(".vk[data-full=true]").all():
        press(full, "Escape")
    lab.notebook.log.check()
    assert lab.page.evaluate("window.hacked") is None


def marks_where_python_has_them(lab: Session) -> None:
    """The graphics card's marks: as wide and high a cloud as the map's points."""
    extent = lab.trait("space.maps['pca']['extent']")
    codes = "np.frombuffer(space.maps['pca']['points']['buffer'], np.uint16).reshape(2, 24, 2)"
    spread = np.ptp(np.array(lab.trait(f"{codes}[space.step]")) / 65535, axis=0)
    canvas = lab.canvas("space")
    box = canvas.bounding_box()
    unit = min((box["width"] - 48) / extent[0], (box["height"] - 48) / extent[1])
    pixels = np.asarray(picture_of(canvas)).astype(int)[4:-4, 4:-4]
    rows, columns = np.nonzero(np.ptp(pixels, axis=2) > 40)  # coloured: not paper, line or text
    found = [np.ptp(columns), np.ptp(rows)]
    assert found == pytest.approx(list(spread * unit), abs=20)  # a mark is up to 15 px wide


def near(values: list[float], expected: list[float]) -> bool:
    return values == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_every_widget_paints_and_shows_captions_as_text(lab: Session):
    for name in NAMES:
        root = lab.root(name)
        expect(root.locator(".vk-title")).to_have_text(HOSTILE)
        assert root.locator("img[src='x'], .vk-title img").count() == 0
        colours = picture_of(lab.canvas(name), f"jupyterlab-{name}-canvas.png").getcolors(1 << 20)
        assert len(colours) > 60, f"{name} is nearly blank"
        picture_of(root, f"jupyterlab-{name}-light.png")
        bundle = lab.notebook.outputs(CELLS[name])[-1]["data"]
        assert bundle["text/plain"].startswith(("SimilarityMatrix:", "AttentionMap:", "Embedding"))
        assert bundle["image/png"]
    marks_where_python_has_them(lab)


def test_similarity_matrix_controls_and_torchs_numbers(lab: Session):
    canvas, root = lab.canvas("matrix"), lab.root("matrix")

    def agrees() -> None:
        wait_until(lambda: near(lab.numbers(), lab.trait("torch_numbers()[:4]")), "torch's numbers")

    agrees()
    lab.control("matrix", "view").select_option("sigmoid")  # the bias shows where it acts
    for label, trait, ends in (
        ("temperature τ", "matrix.temperature", (0.005, 2.0)),
        ("bias", "matrix.bias", (-20.0, 10.0)),
    ):
        slider = lab.control("matrix", label)
        for fraction, expected in ((1.0, ends[1]), (0.0, ends[0]), (0.6, None)):
            drag_slider(slider, fraction)
            if expected is not None:
                wait_until(lambda t=trait, e=expected: lab.trait(t) == pytest.approx(e), trait)
            agrees()
    lab.slide("matrix", "step", "matrix.step", (0, 1))
    agrees()
    lab.root("matrix").get_by_label("Play the steps (space)").click()
    lab.becomes("matrix.step", 1)
    agrees()
    for view in lab.trait("list(matrix.traits()['view'].values)")[::-1]:
        lab.control("matrix", "view").select_option(view)
        lab.becomes("matrix.view", view)
    lab.control("matrix", "view").select_option("softmax over texts")
    press(canvas, "ArrowRight", *["ArrowDown"] * 4)
    lab.becomes("[matrix.hovered, matrix.hovered_text]", [4, 0])
    items = root.locator(".sm-list li").evaluate_all(
        "all => all.map(li => [li.dataset.index, li.dataset.value])"
    )
    softmax = lab.trait("torch_numbers()[4][4]")
    assert len(items) == 10
    for index, value in items:
        assert float(value) == pytest.approx(softmax[int(index)], abs=1e-5)


def test_similarity_matrix_pointer(lab: Session):
    canvas, root = lab.canvas("matrix"), lab.root("matrix")
    lab.control("matrix", "view").select_option("cosine")

    def cells() -> list[float]:
        return [float(number) for number in canvas.get_attribute("data-cells").split(",")]

    def cell(row: int, column: int) -> tuple[float, float]:
        left, top, width, height, *_ = cells()
        box = canvas.bounding_box()
        x, y = left + (column + 0.5) * width, top + (row + 0.5) * height
        return x / box["width"], y / box["height"]

    hover_at(canvas, *cell(3, 0))
    lab.becomes("[matrix.hovered, matrix.hovered_text]", [3, 0])
    expect(root.locator(".vk-tip")).to_contain_text(HOSTILE)
    click_at(canvas, *cell(3, 0))
    lab.becomes("matrix.selected", [3])
    click_at(canvas, *cell(3, 0))
    lab.becomes("matrix.selected", [])
    drag(canvas, [cell(2, 2), cell(6, 6)])
    wait_until(lambda: cells()[4:] == [2, 2, 5, 5], "zoomed by rectangle")
    scrolled = "() => document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    before = lab.page.evaluate(scrolled)
    lab.page.mouse.wheel(0, -100)
    wait_until(lambda: cells()[6] == 4, "zoomed by wheel")
    assert lab.page.evaluate(scrolled) == before
    canvas.dblclick()
    wait_until(lambda: cells()[6:] == [12, 12], "whole again")
    lab.page.mouse.move(5, 5)
    lab.becomes("matrix.hovered", -1)


def test_attention_map_controls(lab: Session):
    root = lab.root("attention")
    wait_until(
        lambda: "layers" not in root.locator("[data-panel=heads]").inner_text().split("layers")[-1],
        "every layer has arrived",
    )
    lab.slide("attention", "layer", "attention.layer", (0, 3))
    lab.slide("attention", "head", "attention.head", (0, 2))
    root.get_by_role("button", name="More").click()
    lab.slide("attention", "opacity", "attention.opacity", (0.0, 1.0))
    for mode in ("mean over heads", "max over heads", "rollout", "one head"):
        lab.control("attention", "show").select_option(mode)
        lab.becomes("attention.mode", mode)
    for scale in ("shared", "each map"):
        lab.control("attention", "colours").select_option(scale)
        lab.becomes("attention.scale", scale)
    for label, trait, on, off in (
        ("smooth", "attention.smooth", True, False),
        ("matrix", "'matrix' in attention.panels", True, False),
        ("heads", "'heads' in attention.panels", False, True),
        ("distance", "'distance' in attention.panels", False, True),
    ):
        lab.button("attention", label).click()
        lab.becomes(trait, on)
        lab.button("attention", label).click()
        lab.becomes(trait, off)
    for index in (1, 0):
        root.get_by_role("button", name=f"picture {index + 1}").click()
        lab.becomes("attention.image_index", index)


def test_attention_map_pointer_and_numbers(lab: Session):
    canvas, root = lab.canvas("attention"), lab.root("attention")
    lab.kernel.execute("attention.layer, attention.head, attention.mode = 2, 1, 'one head'")
    hover_at(canvas, 0.9, 0.1)
    lab.becomes("attention.hovered", 3)
    click_at(canvas, 0.1, 0.9)
    lab.becomes("[attention.selected, attention.query]", [[12], 13])
    # The raw weights of torch's own softmax, to the three digits that are shown.
    lab.kernel.execute(
        "from vizkit.models import capture_attention\n"
        "batch = torch.tensor(np.stack(pictures[:1])).permute(0, 3, 1, 2).float() / 255\n"
        "batch = (batch - 0.5) / 0.5\n"
        "row = capture_attention(model, batch).maps[2][0, 1, 13]"
    )
    strongest = lab.trait("[row[1:].max().item(), row[0].item()]")
    lab.page.mouse.move(5, 5)
    shown = root.locator(".vk-facts dd").first
    wait_until(lambda: abs(float(shown.inner_text()) - strongest[0]) < 6e-4, "torch's weight")
    chip = root.get_by_title("Query: CLS")
    assert float(chip.inner_text().split()[-1].rstrip("%")) == pytest.approx(
        100 * strongest[1], abs=0.06
    )
    chip.click()
    lab.becomes("attention.query", 0)
    heads = root.locator("[data-panel=heads] canvas")
    click_at(heads, 0.95, 0.3)
    lab.becomes("[attention.layer, attention.head]", [1, 2])


def test_embedding_space_controls(lab: Session):
    root = lab.root("space")
    lab.slide("space", "step", "space.step", (0, 1))
    root.get_by_label("Play the steps (space)").click()
    lab.becomes("space.step", 1)
    for label, trait in (
        ("pictures", "space.show_thumbnails"),
        ("pairs", "space.show_pairs"),
        ("gap", "space.show_gap"),
    ):
        before = lab.trait(trait)
        picture = picture_of(lab.canvas("space")).tobytes()
        lab.button("space", label).click()
        lab.becomes(trait, not before)
        lab.page.mouse.move(5, 5)
        wait_until(
            lambda p=picture: picture_of(lab.canvas("space")).tobytes() != p, f"{label} shows"
        )
        lab.button("space", label).click()
        lab.becomes(trait, before)
    more = root.get_by_role("button", name="More")
    more.click()
    for label in ("size", "opacity"):
        slider = lab.control("space", label)
        press(slider, "Home")
        low = slider.input_value()
        press(slider, "End")
        assert float(slider.input_value()) > float(low)
    field = lab.control("space", "Search")
    field.press_sequentially("IMG SRC")
    lab.becomes("space.search", "IMG SRC")
    lab.becomes("space.selected", lab.trait("[i for i in range(24) if i % 3 == 0]"))
    field.fill("")
    lab.becomes("space.selected", [])
    swatch = root.locator(".vk-legend button").first
    expect(swatch).to_contain_text(HOSTILE)
    swatch.click()
    lab.becomes("space.hidden_classes", [HOSTILE])
    swatch.click()
    lab.becomes("space.hidden_classes", [])


def test_embedding_space_pointer_and_lasso(lab: Session):
    canvas, root = lab.canvas("space"), lab.root("space")
    if root.get_by_role("button", name="More").get_attribute("aria-expanded") == "false":
        root.get_by_role("button", name="More").click()
    lab.button("space", "reset view").click()
    lab.button("space", "lasso").click()
    drag(canvas, [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)])
    lab.becomes("sorted(space.selected)", list(range(24)))
    press(canvas, "Escape")
    lab.becomes("space.selected", [])
    press(canvas, "ArrowRight")
    wait_until(lambda: lab.trait("space.hovered") >= 0, "a point")
    index = lab.trait("space.hovered")
    expect(lab.status("space")).to_contain_text(f"point {index}")
    expect(root.locator(".vk-card button")).to_have_count(8)
    listed = re.findall(r"(\d+) \((-?[\d.]+)\)", lab.status("space").inner_text().replace("−", "-"))
    rows = np.array(lab.trait("np.concatenate([course[1], texts])"))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows[index]
    cosines[index] = -2
    nearest = np.argsort(-cosines)[:8]
    assert [int(other) for other, _ in listed] == nearest.tolist(), lab.status("space").inner_text()
    assert [float(value) for _, value in listed] == pytest.approx(cosines[nearest], abs=0.0051)
    press(canvas, "Enter")
    lab.becomes("space.selected", [index])
    root.locator(".vk-card button").first.click()
    lab.becomes("space.selected", [int(nearest[0])])
    press(canvas, "Escape")


def test_embedding_space_gets_its_answers_from_the_kernel(lab: Session):
    assert lab.trait("'tsne' in space.maps") is False
    lab.control("space", "map").select_option("t-SNE")
    lab.becomes("'tsne' in space.maps", True)
    expect(lab.status("space")).to_contain_text("t-SNE")
    lab.control("space", "map").select_option("PCA")
    lab.becomes("space.projection", "pca")

    press(lab.canvas("large"), "ArrowRight")
    wait_until(lambda: lab.trait("large.hovered") >= 0, "a point")
    found, values = lab.trait(
        "[list(map(float, part)) for part in large.neighbours(large.hovered)]"
    )
    expect(lab.status("large")).to_contain_text(f"{found[0]:.0f} ({values[0]:.2f})")
    expect(lab.root("large").locator(".vk-card button")).to_have_count(8)


def test_python_moves_the_page(lab: Session):
    lab.kernel.execute("matrix.temperature, matrix.view, matrix.bias = 0.5, 'sigmoid', 2.5")
    slider = lab.control("matrix", "temperature τ")
    wait_until(
        lambda: float(slider.input_value()) == pytest.approx(np.log(0.5), abs=0.02), "the slider"
    )
    expect(lab.control("matrix", "view")).to_have_value("sigmoid")
    wait_until(lambda: near(lab.numbers(), lab.trait("torch_numbers()[:4]")), "torch's numbers")
    lab.kernel.execute("matrix.selected, matrix.title = [2], 'from Python'")
    expect(lab.root("matrix").locator(".sm-head")).to_contain_text("image 2, pinned")
    expect(lab.root("matrix").locator(".vk-title")).to_have_text("from Python")
    lab.kernel.execute("matrix.selected, matrix.title, matrix.view = [], hostile, 'cosine'")

    lab.kernel.execute("attention.selected, attention.layer, attention.smooth = [5], 0, True")
    expect(lab.status("attention")).to_contain_text("layer 1 of 4")
    expect(lab.status("attention")).to_contain_text("query row 1, column 1 (pinned)")
    expect(lab.root("attention").get_by_title("Interpolate (s)")).to_have_attribute(
        "aria-pressed", "true"
    )
    lab.kernel.execute("attention.selected, attention.smooth = [], False")

    lab.kernel.execute("space.step, space.search, space.show_gap = 0, 'star', True")
    expect(lab.control("space", "step")).to_have_value("0")
    expect(lab.control("space", "Search")).to_have_value("star")
    expect(lab.status("space")).to_contain_text("8 of 24 points match")
    lab.becomes("len(space.selected)", 8)
    lab.kernel.execute("space.step, space.search, space.show_gap = 1, '', False")
    lab.becomes("space.selected", [])


def test_a_layout_that_comes_late_is_heeded(lab: Session):
    """A widget has no layout until Python asks for it."""
    root = lab.root("matrix")
    lab.kernel.execute("matrix.layout.width = '600px'")
    wait_until(lambda: root.bounding_box()["width"] == pytest.approx(600, abs=12), "600 px")
    lab.kernel.execute("matrix.layout.width = None")
    wait_until(lambda: root.bounding_box()["width"] > 640, "the whole width")


def test_a_linked_widget_follows(lab: Session):
    # JupyterLab takes cells that are far out of sight off the page; the one that follows is in it.
    lab.canvas("space")
    press(lab.canvas("matrix"), "Home", "ArrowDown")
    lab.becomes("matrix.hovered", 1)
    lab.becomes("space.hovered", 1)
    expect(lab.status("space")).to_contain_text("point 1 ")
    lab.kernel.execute("space.hovered = 7")
    expect(lab.status("matrix")).to_contain_text("image 7")
    lab.becomes("matrix.hovered", 7)


KEYS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "Enter", "Escape", " "]
KEYS += ["f", "Escape", "?", "Escape", "PageDown", "PageUp", "0", "+", "-", *"abcdhjklmoprstvxyz[]"]
KEYS += ["Shift+L", "Shift+H", "Shift+M", "d", "d", "i", "i", "Escape"]


@pytest.mark.parametrize("name", NAMES)
def test_no_key_reaches_the_notebook(lab: Session, name: str):
    canvas = lab.canvas(name)
    canvas.focus()
    before = lab.state()
    focused = "() => document.activeElement.matches('[data-lm-suppress-shortcuts]')"
    for key in KEYS:
        press(canvas, key)
        assert lab.page.evaluate(focused), f"{key!r} moved the focus out of the widget"
    assert lab.state() == before
    # Wherever in the widget the last click was.
    root = lab.root(name)
    places = [".vk-title", ".vk-status", ".vk-stage", ".vk-bar button", "canvas"]
    for place in places:
        for element in root.locator(place).all():
            if not element.is_visible():
                continue
            click_at(element, 0.99, 0.98)
            lab.page.keyboard.press("Escape")
            before = lab.state()
            for key in ("m", "x", "a", "Escape", "ArrowDown"):
                lab.page.keyboard.press(key)
            assert lab.state() == before, f"keys leave the widget after a click on {place}"
    for slider in root.locator("input[type=range]").all():
        if not slider.is_visible():  # it does nothing in the view that the keys have chosen
            continue
        press(slider, "End")
        high = float(slider.input_value())
        press(slider, "Home")
        assert float(slider.input_value()) < high
        press(slider, "ArrowRight")
        assert float(slider.input_value()) > float(slider.get_attribute("min"))
    assert lab.state()["cells"] == before["cells"]


TWICE = """root => new Promise((entered, refused) => {
    document.addEventListener("fullscreenchange", entered, { once: true });
    document.addEventListener("fullscreenerror", refused, { once: true });
    for (let press = 0; press < 2; press++)
        root.dispatchEvent(new KeyboardEvent("keydown", { key: "f", bubbles: true }));
})"""


@pytest.mark.parametrize("name", NAMES)
def test_full_screen_by_key_and_button(lab: Session, name: str):
    root, canvas = lab.root(name), lab.canvas(name)
    width = canvas.bounding_box()["width"]
    press(canvas, "f")
    expect(root).to_have_attribute("data-full", "true")
    wait_until(lambda: root.bounding_box()["width"] >= 1279, "the whole window")
    wait_until(lambda: canvas.bounding_box()["width"] > width, "a larger picture")
    picture_of(lab.page, f"jupyterlab-{name}-full.png")
    press(canvas, "Escape")
    expect(root).to_have_attribute("data-full", "false")
    wait_until(lambda: canvas.bounding_box()["width"] == width, "back to its size")
    root.get_by_label("Full screen (f)").click()
    expect(root).to_have_attribute("data-full", "true")
    press(canvas, "f")
    expect(root).to_have_attribute("data-full", "false")
    # Twice at once: the browser enters full screen only after the second.
    outside = "() => document.fullscreenElement === null"
    wait_until(lambda: lab.page.evaluate(outside), "the window given back")
    root.evaluate(TWICE)
    wait_until(lambda: lab.page.evaluate(outside), "the window given back after a double press")
    expect(root).to_have_attribute("data-full", "false")
    canvas.press("?")
    expect(root.locator(".vk-keys")).to_contain_text("full screen")
    canvas.press("Escape")
    expect(root.locator(".vk-keys")).to_be_hidden()


# axe-core looks at the instruments alone: what it finds in JupyterLab itself is not the course's.
OUTPUT = ".jp-OutputArea-output:has(.vk)"


def test_dark_theme_and_axe_finds_nothing_in_either(lab: Session):
    def brightness(target: Locator) -> float:
        # The lowest rows: of an instrument as high as the window, toolbars may cover the uppermost.
        return float(np.asarray(picture_of(target).convert("L"))[-3:].mean())

    light = {name: brightness(lab.root(name)) for name in NAMES}
    lab.notebook.set_theme(dark=True)
    try:
        for name in NAMES:
            root = lab.root(name)
            expect(root).to_have_attribute("data-theme", "dark")
            wait_until(lambda r=root: brightness(r) < 80, f"{name} is dark")
            picture_of(root, f"jupyterlab-{name}-dark.png")
            assert violations(lab.page, OUTPUT) == [], f"{name}, dark"
            assert light[name] > 200
    finally:
        lab.notebook.set_theme(dark=False)
    for name in NAMES:
        expect(lab.root(name)).to_have_attribute("data-theme", "light")
        assert violations(lab.page, OUTPUT) == [], f"{name}, light"


def test_reload_and_restart_leave_no_loop_of_errors(lab: Session):
    lab.notebook.save()
    lab.page.reload()
    lab.notebook.wait_ready()
    for name in NAMES:  # the kernel lives: the widgets come back as they are there
        lab.root(name)
    drag_slider(lab.control("matrix", "temperature τ"), 0.3)
    wait_until(
        lambda: near(lab.numbers(), lab.trait("torch_numbers()[:4]")), "torch's numbers again"
    )

    lab.notebook.restart_kernel()
    # The old widgets have no kernel any more: they may be moved, and must not fill the console.
    for name in NAMES:
        press(lab.canvas(name), "ArrowRight", "ArrowDown")
    drag_slider(lab.control("matrix", "temperature τ"), 0.6)
    lab.notebook.run_all(timeout=120)
    assert lab.notebook.errors() == []
    for name in NAMES:
        lab.root(name)
    drag_slider(lab.control("matrix", "temperature τ"), 0.1)
    wait_until(
        lambda: near(lab.numbers(), lab.trait("torch_numbers()[:4]")), "torch's numbers at last"
    )
