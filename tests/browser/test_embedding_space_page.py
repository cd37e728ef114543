"""EmbeddingSpace on an exported page: every control, and its numbers against numpy."""

from __future__ import annotations

import re

import ipywidgets
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.harness import drag, hover_at, picture_of, press, wait_until
from vizkit.widgets import EmbeddingSpace, save_page

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> a red star"
PER_CLASS = 20


def embeddings(steps: int = 3) -> np.ndarray:
    """Four classes that move apart over the steps, `(steps, 80, 12)`."""
    random = np.random.default_rng(2)
    labels = np.arange(4 * PER_CLASS) % 4
    centres = 4 * np.eye(4, 12)[labels]
    return np.stack([k * centres for k in range(steps)]) + random.normal(size=(len(labels), 12))


class Space:
    """A widget on its page, and the moves that the tests make in it."""

    def __init__(self, page: Page, widget: EmbeddingSpace, path) -> None:
        self.page, self.widget = page, widget
        page.emulate_media(reduced_motion="reduce")
        page.goto(widget.save_html(path).as_uri())
        self.root = page.locator(".vk[data-ready=true]")
        self.root.wait_for()
        self.canvas = page.locator("canvas[role=application]")
        self.status = page.locator("output.vk-status")

    def place(self, index: int) -> tuple[float, float]:
        """Where a point lies in the untouched view, as fractions of the plot."""
        shown = self.widget.maps[self.widget.projection]
        codes = np.frombuffer(shown["points"]["buffer"], np.uint16).reshape(
            shown["points"]["shape"]
        )
        unit = codes[self.widget.step, index] / 65535 - 0.5
        box = self.canvas.bounding_box()
        width, height = box["width"], box["height"]
        scale = min((width - 48) / shown["extent"][0], (height - 48) / shown["extent"][1])
        return 0.5 + unit[0] * scale / width, 0.5 - unit[1] * scale / height

    def alone(self) -> int:
        """The point with the most room around it, which a pointer cannot miss."""
        points = self.widget.points[self.widget.projection][self.widget.step]
        apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
        np.fill_diagonal(apart, np.inf)
        return int(apart.min(1).argmax())

    def said(self) -> str:
        return self.status.text_content().replace("−", "-")

    def selected(self) -> int:
        """How many points are selected, as the status line says."""
        found = re.match(r"([\d,]+) of", self.said())
        return int(found.group(1).replace(",", "")) if found else 0


@pytest.fixture(scope="module")
def widget():
    """Made once: its t-SNE takes seconds."""
    count = 4 * PER_CLASS
    pictures = [np.full((8, 8, 3), (3 * i, 90, 200), np.uint8) for i in range(count // 2)]
    return EmbeddingSpace(
        embeddings(),
        labels=[("circle", "square", "star", "heart")[i % 4] for i in range(count)],
        modality=["image"] * (count // 2) + ["text"] * (count // 2),
        images=pictures,
        captions=[HOSTILE, *(f"caption {i}" for i in range(1, count // 2))],
        pairs=np.arange(count).reshape(2, -1).T,
        projections=("pca", "tsne"),
        steps=[0, 100, 200],
        title=HOSTILE,
    )


@pytest.fixture
def space(page, widget, tmp_path):
    return Space(page, widget, tmp_path / "space.html")


def test_hover_says_what_python_says(space):
    index = space.alone()
    hover_at(space.canvas, *space.place(index))
    wait_until(lambda: f"point {index} " in space.said(), "the status line names the point")
    said, widget = space.said(), space.widget
    x, y = map(float, re.search(r"at (-?[\d.e-]+), (-?[\d.e-]+)", said).groups())
    span = widget.maps["pca"]["span"]
    np.testing.assert_allclose([x, y], widget.points["pca"][2, index], atol=span / 65535 + 6e-3)
    listed = [(int(i), float(v)) for i, v in re.findall(r"(\d+) \((-?[\d.]+)\)", said)]
    found, cosines = widget.neighbours(index)
    assert [i for i, _ in listed] == found.tolist()
    np.testing.assert_allclose([v for _, v in listed], cosines, atol=0.0051)
    expect(space.page.locator(".vk-tip")).to_be_visible()
    expect(space.page.locator(".vk-card button")).to_have_count(8)
    space.page.mouse.move(5, 5)
    wait_until(lambda: "80 points" in space.said(), "the pointer has left")


def test_figures_are_pythons_numbers_at_every_step(space):
    step = space.page.get_by_label("step", exact=True)
    for key, expected in (("Home", 0), ("ArrowRight", 1), ("End", 2)):
        press(step, key)
        pca = space.widget.maps["pca"]
        expect(space.page.locator(".vk-figure b")).to_have_text(
            [
                f"{int(pca['explained_variance_ratio'][expected] * 100 + 0.5)}%",
                f"{int(pca['neighborhood_preservation'][expected] * 100 + 0.5)}%",
                f"{space.widget.modality_gap(expected):.2f}",
            ]
        )


def test_play_goes_to_the_last_step(space):
    step = space.page.get_by_label("step", exact=True)
    press(step, "Home")
    press(space.canvas, " ")
    wait_until(lambda: step.input_value() == "2", "the last step")
    before = picture_of(space.canvas).tobytes()
    press(step, "Home")
    wait_until(
        lambda: picture_of(space.canvas).tobytes() != before, "the first step looks different"
    )


def test_the_map_switches_without_a_kernel(space):
    space.page.get_by_label("map", exact=True).select_option("t-SNE")
    wait_until(lambda: "t-SNE" in space.said(), "t-SNE")
    kept = space.widget.maps["tsne"]["neighborhood_preservation"][2]
    expect(space.page.locator(".vk-figure b").first).to_have_text(f"{int(kept * 100 + 0.5)}%")


def test_click_selects_and_escape_clears(space):
    index = space.alone()
    hover_at(space.canvas, *space.place(index))
    before = picture_of(space.canvas).tobytes()
    space.page.mouse.down()
    space.page.mouse.up()
    wait_until(lambda: picture_of(space.canvas).tobytes() != before, "the others fade")
    space.page.mouse.move(5, 5)
    wait_until(lambda: f"point {index} " in space.said(), "the point stays pinned")
    press(space.canvas, "Escape")
    wait_until(lambda: "80 points" in space.said(), "nothing is selected")


@pytest.mark.parametrize("tool", ["button", "shift"])
def test_lasso_selects_what_lies_inside(space, tool):
    corners = [(0.02, 0.02), (0.6, 0.02), (0.6, 0.98), (0.02, 0.98), (0.02, 0.02)]
    expected = sum(space.place(i)[0] < 0.6 for i in range(80))
    if tool == "button":
        press(space.canvas, "l")
    else:
        space.page.keyboard.down("Shift")
    drag(space.canvas, corners)
    space.page.keyboard.up("Shift")
    space.page.mouse.move(5, 5)
    wait_until(lambda: abs(space.selected() - expected) <= 1, f"about {expected} points")


def test_search_finds_captions_and_classes(space):
    field = space.page.get_by_label("Search", exact=True)
    field.fill("RED STAR")
    # One match: the text point with the hostile caption.
    expect(space.status).to_contain_text("point 40 ")
    expect(space.status).to_contain_text(HOSTILE)
    field.fill("circle")
    wait_until(lambda: space.selected() == PER_CLASS, "a class")
    field.fill("nothing such")
    expect(space.status).to_have_text("0 of 80 points match “nothing such”")
    field.fill("")
    wait_until(lambda: space.said().startswith("80 points"), "all of them")


def test_legend_hides_and_isolates(space):
    star = space.page.locator(".vk-legend button", has_text="star")
    pressed = space.page.locator(".vk-legend [aria-pressed=true]")
    star.click()
    expect(pressed).to_have_count(3)
    star.click(modifiers=["Shift"])
    expect(pressed).to_have_count(1)
    expect(star).to_have_attribute("aria-pressed", "true")
    space.page.wait_for_timeout(600)  # or this click would complete a double click
    star.click(modifiers=["Shift"])
    expect(pressed).to_have_count(4)
    space.page.wait_for_timeout(600)
    star.dblclick()
    expect(pressed).to_have_count(1)


@pytest.mark.parametrize(("name", "key"), [("pictures", "t"), ("pairs", "p"), ("gap", "g")])
def test_toggles_change_the_picture_by_button_and_by_key(space, name, key):
    control = space.page.locator(".vk-bar button", has_text=name)
    before = picture_of(space.canvas).tobytes()
    state = control.get_attribute("aria-pressed")
    control.click()
    space.page.mouse.move(5, 5)
    expect(control).not_to_have_attribute("aria-pressed", state)
    wait_until(lambda: picture_of(space.canvas).tobytes() != before, f"{name} shows")
    press(space.canvas, key)
    expect(control).to_have_attribute("aria-pressed", state)


@pytest.mark.parametrize("label", ["size", "opacity"])
def test_sliders_change_the_marks(space, label):
    more(space)
    slider = space.page.get_by_label(label, exact=True)

    def ink() -> int:
        return (255 - np.asarray(picture_of(space.canvas)).astype(int)).sum()

    usual = ink()
    press(slider, "Home")
    wait_until(lambda: ink() < usual, "fainter marks")
    faint = ink()
    press(slider, "End")
    wait_until(lambda: ink() > 1.3 * faint, "stronger marks")


def more(space) -> None:
    """Open the bar of rarer controls."""
    space.page.get_by_role("button", name="More", exact=True).click()


def test_zoom_and_pan_move_the_view_and_reset_brings_it_back(space):
    more(space)
    press(space.canvas, "0")
    before = picture_of(space.canvas).tobytes()
    for move in (
        lambda: space.page.mouse.wheel(0, -400),
        lambda: press(space.canvas, "+"),
        lambda: press(space.canvas, "-"),
        lambda: drag(space.canvas, [(0.5, 0.06), (0.7, 0.2)]),
    ):
        hover_at(space.canvas, 0.5, 0.05)
        move()
        wait_until(lambda: picture_of(space.canvas).tobytes() != before, "the view moved")
        space.page.mouse.move(5, 5)
        press(space.canvas, "0", "Escape")
        wait_until(lambda: picture_of(space.canvas).tobytes() == before, "the view is back")
    hover_at(space.canvas, 0.5, 0.05)
    space.page.mouse.wheel(0, -400)
    space.page.locator(".vk-bar button", has_text="reset view").click()
    space.page.mouse.move(5, 5)
    press(space.canvas, "Escape")
    wait_until(lambda: picture_of(space.canvas).tobytes() == before, "the button resets")


def test_arrow_keys_walk_and_enter_selects(space):
    def named(other_than: str) -> str:
        press(space.canvas, "ArrowRight")
        said = re.compile(r"point (\d+)")
        wait_until(
            lambda: (found := said.search(space.said())) and found[1] != other_than, "a new point"
        )
        return said.search(space.said())[1]

    first = named(other_than="")
    second = named(other_than=first)
    assert space.place(int(second))[0] > space.place(int(first))[0]
    press(space.canvas, "Enter")
    space.page.mouse.move(5, 5)
    space.page.wait_for_timeout(300)
    assert f"point {second} " in space.said()  # still


def test_keys_list_full_screen_and_dark(space):
    press(space.canvas, "?")
    expect(space.page.locator(".vk-keys")).to_contain_text("walk to the next point")
    press(space.canvas, "?", "f")
    expect(space.root).to_have_attribute("data-full", "true")
    space.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    expect(space.root).to_have_attribute("data-theme", "dark")
    wait_until(lambda: np.asarray(picture_of(space.canvas)).mean() < 90, "a dark plot")


def test_classes_are_painted_in_colours_of_their_own(page, tmp_path):
    rows = np.array([[0.0, 0.0], [1.0, 1.0]])
    widget = EmbeddingSpace(rows, labels=["red", "blue"], class_colors={"red": "#e02020"})
    shown = Space(page, widget, tmp_path / "colours.html")
    swatch = shown.page.locator(".vk-legend button", has_text="red").locator("i")
    assert swatch.evaluate("one => one.style.background") == "rgb(224, 32, 32)"


def test_the_neighbours_marks_follow_the_theme_as_the_legend_does(space):
    press(space.canvas, "ArrowRight")
    legend = space.page.locator(".vk-legend i")
    marks = space.page.locator(".vk-card i")
    expect(marks).to_have_count(8)

    def colors(parts) -> set[str]:
        return set(parts.evaluate_all("all => all.map((one) => getComputedStyle(one).color)"))

    def legend_colors() -> set[str]:
        return set(legend.evaluate_all("all => all.map((one) => one.style.background)"))

    before = colors(marks)
    assert before <= legend_colors()
    space.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    expect(space.root).to_have_attribute("data-theme", "dark")
    wait_until(lambda: not before & legend_colors(), "another legend")
    assert colors(marks) <= legend_colors()


def test_text_is_text(space):
    expect(space.page.locator(".vk-title")).to_have_text(HOSTILE)
    assert space.page.locator("img").count() == 0


def likeness(one, other) -> float:
    """Correlation of two pictures' brightness."""
    a, b = (np.asarray(image.convert("L"), float).ravel() for image in (one, other))
    return float(np.corrcoef(a, b)[0, 1])


def test_a_lost_context_is_drawn_by_canvas_with_the_same_look_and_comes_back(space, page_log):
    usual = picture_of(space.canvas)
    before = usual.tobytes()
    space.page.evaluate(
        """() => { const gl = document.querySelector(".vk-plot canvas").getContext("webgl2");
        window.lose = gl.getExtension("WEBGL_lose_context"); lose.loseContext(); }"""
    )
    expect(space.root).to_have_attribute("data-renderer", "canvas")
    wait_until(lambda: likeness(picture_of(space.canvas), usual) > 0.97, "the same, by canvas")
    space.page.evaluate("lose.restoreContext()")
    wait_until(lambda: picture_of(space.canvas).tobytes() == before, "the same picture again")


def test_without_webgl_a_sample_is_drawn_and_said(page, tmp_path):
    page.add_init_script(
        """const original = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind === "webgl2" ? null : original.call(this, kind, ...rest); };"""
    )
    points = np.random.default_rng(0).normal(size=(30_000, 2))
    space = Space(page, EmbeddingSpace(points), tmp_path / "plain.html")
    assert space.root.get_attribute("data-renderer") == "canvas"
    assert "no WebGL2 to spare: a sample of 20,000 points" in space.said()
    assert np.asarray(picture_of(space.canvas)).min() < 200


def test_linked_widgets_share_the_hovered_point_without_a_kernel(page, tmp_path):
    rows = embeddings()[2]
    one, other = EmbeddingSpace(rows), EmbeddingSpace(rows, theme="dark")
    link = ipywidgets.jslink((one, "hovered"), (other, "hovered"))
    page.goto(save_page(tmp_path / "two.html", [one, other]).as_uri())
    page.locator(".vk[data-ready=true]").nth(1).wait_for()
    press(page.locator("canvas[role=application]").first, "ArrowRight")
    said = page.locator("output.vk-status")
    for one in (said.first, said.nth(1)):
        expect(one).to_have_text(re.compile(r"^point \d+"))
    assert said.first.text_content() == said.nth(1).text_content()
    link.close()


def test_a_million_points_are_sampled_while_they_move_and_whole_at_rest(page, tmp_path):
    points = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    labels = np.arange(1_000_000) % 10
    space = Space(page, EmbeddingSpace(points, labels=labels), tmp_path / "million.html")
    assert space.root.get_attribute("data-drawn") == "1000000"
    # On a slow machine the sample can come and go between two looks: the page itself takes notes.
    space.root.evaluate(
        """root => {
            window.drawn = [];
            const note = () => window.drawn.push(Number(root.dataset.drawn));
            new MutationObserver(note).observe(root, { attributeFilter: ["data-drawn"] });
        }"""
    )
    press(space.canvas, "+")
    first = "window.drawn.findIndex(count => count < 60_000)"
    wait_until(lambda: page.evaluate(first) >= 0, "a sample")
    whole = f"window.drawn.lastIndexOf(1_000_000) > {first}"
    wait_until(lambda: page.evaluate(whole), "all of them at rest")
