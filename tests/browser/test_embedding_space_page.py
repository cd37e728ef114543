"""EmbeddingSpace on an exported page: every control, and its numbers against numpy."""

from __future__ import annotations

import re

import ipywidgets
import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.browser.test_engines import without_webgl
from tests.support.harness import CARD, drag, hover_at, picture_of, point, press, wait_until
from vizkit.widgets import EmbeddingSpace, picture, save_page
from vizkit.widgets.embedding_space.figure import MARKS, TEXT_MARKS, as_rgb

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

    def __init__(self, page: Page, widget: EmbeddingSpace, path, renderer: str = "") -> None:
        self.page, self.widget = page, widget
        page.emulate_media(reduced_motion="reduce")
        widget.save_html(path)
        if renderer == "canvas":
            without_webgl(path)
        page.goto(path.as_uri())
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


# What the browser says of its graphics card: there is none, or it is one that a processor plays.
NO_CARD = """{ const original = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : original.call(this, kind, ...rest); }; }"""
PLAYED = CARD.replace("a card", "llvmpipe (LLVM 15.0.6, 256 bits)")
CROWD = 30_000


def crowd(page, path, card: str, count: int = CROWD, **options) -> Space:
    page.add_init_script(card)
    points = np.random.default_rng(0).normal(size=(count, 2))
    return Space(page, EmbeddingSpace(points, labels=np.arange(count) % 10, **options), path)


@pytest.mark.parametrize("count", [500, CROWD])
@pytest.mark.parametrize(
    ("card", "renderer"), [(CARD, "webgl2"), (PLAYED, "canvas"), (NO_CARD, "canvas")]
)
def test_a_canvas_draws_every_point_where_no_card_helps(page, tmp_path, card, renderer, count):
    space = crowd(page, tmp_path / "page.html", card, count)
    assert space.root.get_attribute("data-renderer") == renderer
    assert space.root.get_attribute("data-drawn") == str(count)
    assert space.said() == f"{count:,} points, two dimensions as given"


def test_a_card_that_a_processor_plays_is_given_back_for_good(page, tmp_path):
    space = crowd(page, tmp_path / "page.html", PLAYED, 500)
    page.wait_for_timeout(300)  # the browser tells of the loss later
    assert space.root.get_attribute("data-renderer") == "canvas"
    assert page.evaluate(
        "[...document.querySelectorAll('.vk-plot canvas')].map((one) => one.hidden)"
    )[:2] == [True, False]


def picture_of_a_crowd(page, path, card: str, keys: list[str]) -> Image.Image:
    """Some of its points lie out of view, some across the edge; `keys` set the size of the marks."""
    space = crowd(page, path, card, theme="light")
    press(space.canvas, "+")
    more(space)
    press(page.get_by_label("size", exact=True), *keys)
    page.mouse.move(2, 2)
    wait_until(lambda: space.root.get_attribute("data-drawn") == str(CROWD), "all are at rest")
    page.wait_for_timeout(300)
    return picture_of(space.canvas)


# A card of the tests' kind rounds places to a sixteenth of a pixel, which shows where marks are one pixel large.
@pytest.mark.parametrize(
    ("keys", "least"),
    [(["Home"], 0.93), ([], 0.965), (["End"], 0.96)],
    ids=["squares", "shapes", "shapes with rims"],
)
def test_a_canvas_draws_a_crowd_as_a_card_does(page, tmp_path, keys, least):
    path = tmp_path / "page.html"
    usual = picture_of_a_crowd(page, path, CARD, keys)
    plain = picture_of_a_crowd(page.context.new_page(), path, NO_CARD, keys)
    assert likeness(usual, plain) > least
    difference = np.asarray(usual, float) - np.asarray(plain, float)
    assert np.abs(difference).mean() < 8
    assert np.abs(difference.mean((0, 1))).max() < 1


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


def notes_of_what_is_drawn(space: Space) -> None:
    """On a slow machine a sample can come and go between two looks: the page itself takes notes."""
    space.root.evaluate(
        """root => {
            window.drawn = [];
            const note = () => window.drawn.push(Number(root.dataset.drawn));
            new MutationObserver(note).observe(root, { attributeFilter: ["data-drawn"] });
        }"""
    )


def is_sampled_and_then_whole(space: Space, most: int, count: int) -> None:
    notes_of_what_is_drawn(space)
    press(space.canvas, "+")
    first = f"window.drawn.findIndex(count => count < {most})"
    wait_until(lambda: space.page.evaluate(first) >= 0, "a sample")
    whole = f"window.drawn.lastIndexOf({count}) > {first}"
    wait_until(lambda: space.page.evaluate(whole), "all of them at rest")


def test_a_million_points_are_sampled_while_they_move_and_whole_at_rest(page, tmp_path):
    points = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    labels = np.arange(1_000_000) % 10
    space = Space(page, EmbeddingSpace(points, labels=labels), tmp_path / "million.html")
    assert space.root.get_attribute("data-drawn") == "1000000"
    is_sampled_and_then_whole(space, 60_000, 1_000_000)


def test_a_crowd_that_a_canvas_draws_late_is_sampled_while_it_moves(page, tmp_path):
    page.add_init_script(
        """{ const { putImageData } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.putImageData = function (...all) {
          const end = performance.now() + 60;
          while (performance.now() < end);
          return putImageData.apply(this, all); }; }"""
    )
    space = crowd(page, tmp_path / "page.html", NO_CARD)
    is_sampled_and_then_whole(space, CROWD / 2, CROWD)


# ------------------------------------------------------------------ where the ink lies

BOTH = pytest.mark.parametrize("renderer", ["webgl2", "canvas"])
CORNERS = np.array([[0, 0], [3, 0], [0, 2], [3, 2]], float)
INKS = {"a": "#d00000", "b": "#00a000", "c": "#0000d0", "d": "#202020"}
USUAL, DIMMED = 0.85, 0.85 * 0.16  # opacities of few points


def corners(**options) -> EmbeddingSpace:
    return EmbeddingSpace(CORNERS, labels=list(INKS), class_colors=INKS, theme="light", **options)


def pixels_of(space: Space) -> np.ndarray:
    return np.asarray(picture_of(space.canvas), float)


def share_of(pixel: np.ndarray, ink) -> float:
    """How much of an ink lies over the white paper."""
    whole = 255 - np.asarray(ink, float)
    return float((255 - pixel) @ whole / (whole @ whole))


def shares(space: Space, inks=None, away: int = 4) -> list[float]:
    """How much of its own ink each corner has, some pixels away from its lines."""
    inks = inks or [as_rgb(ink) for ink in INKS.values()]
    pixels = pixels_of(space)
    found = []
    for index in range(4):
        x, y = (round(s * n) for s, n in zip(space.place(index), pixels.shape[1::-1], strict=True))
        found.append(pixels[y + (away if index < 2 else -away), x])
    return [share_of(one, ink) for one, ink in zip(found, inks, strict=True)]


def line_ink(space: Space, one: int, other: int) -> float:
    """The darkest pixel on the way from one corner to another, a third of it, from 0 to 255."""
    pixels = pixels_of(space)
    size = np.array(pixels.shape[1::-1])
    a, b = (np.array(space.place(index)) * size for index in (one, other))
    x, y = (a + (b - a) / 3).round().astype(int)
    return 255 - pixels[y - 3 : y + 4, x - 3 : x + 4].mean(-1).min()


@BOTH
def test_what_is_meant_has_its_full_ink_and_the_rest_fades(page, tmp_path, renderer):
    pairs = [[0, 3], [1, 2]]
    space = Space(page, corners(pairs=pairs), tmp_path / "usual.html", renderer)
    page.mouse.move(2, 2)
    near = {"abs": 0.07}
    wait_until(lambda: shares(space) == pytest.approx([USUAL] * 4, **near), "four marks")
    assert min(line_ink(space, *ends) for ends in pairs) > 40
    legend = page.locator(".vk-legend button")
    legend.nth(2).hover()
    expected = [DIMMED, DIMMED, USUAL, DIMMED]
    wait_until(lambda: shares(space) == pytest.approx(expected, **near), "one class stands out")
    legend.nth(1).click()
    page.mouse.move(2, 2)
    expected = [USUAL, 0, USUAL, USUAL]
    wait_until(lambda: shares(space) == pytest.approx(expected, **near), "a hidden class")
    assert line_ink(space, 1, 2) < 10 < 40 < line_ink(space, 0, 3)
    chosen = corners(pairs=pairs, selected=[0, 3])
    space = Space(page, chosen, tmp_path / "selected.html", renderer)
    page.mouse.move(2, 2)
    expected = [1, DIMMED, DIMMED, 1]
    wait_until(lambda: shares(space) == pytest.approx(expected, **near), "two are selected")
    assert line_ink(space, 1, 2) < 25 < 40 < line_ink(space, 0, 3)


def with_large_marks(space: Space, ink: int) -> tuple[float, np.ndarray]:
    """The radius of marks of the largest size, and the picture once so many squares of it are dark."""
    more(space)
    press(space.page.get_by_label("size", exact=True), "End")
    space.page.mouse.move(2, 2)
    radius = 4 * 7.5
    wait_until(lambda: (pixels_of(space).mean(-1) < 128).sum() > ink * radius**2, "large marks")
    return radius, pixels_of(space)


@BOTH
def test_marks_have_their_shapes_and_stand_upright(page, tmp_path, renderer):
    turns, colors = range(len(MARKS)), picture.category_count()
    names = [f"class {code}" for code in range(colors * len(MARKS))]
    places = [(turn, row) for row in (0, 1) for turn in turns]
    widget = EmbeddingSpace(
        np.array([*places, (-1, 0), (len(MARKS), 1)], float),
        labels=[*[colors * turn for turn in turns] * 2, 1, 1],
        class_names=names,
        class_colors=dict.fromkeys(names, "#000000"),
        hidden_classes=[names[1]],  # two points for a wider margin
        modality=["image"] * len(MARKS) + ["text"] * (len(MARKS) + 2),
        theme="light",
    )
    space = Space(page, widget, tmp_path / "marks.html", renderer)
    radius, pixels = with_large_marks(space, ink=8)
    half = int(1.4 * radius)
    for index in range(2 * len(MARKS)):
        x, y = (round(s * n) for s, n in zip(space.place(index), pixels.shape[1::-1], strict=True))
        found = pixels[y - half : y + half, x - half : x + half].mean(-1) < 128
        row, turn = divmod(index, len(MARKS))
        mark = TEXT_MARKS[turn % len(TEXT_MARKS)] if row else MARKS[turn]
        drawn = Image.new("L", (2 * half, 2 * half))
        picture.draw_mark(ImageDraw.Draw(drawn), mark, half, half, 0.8 * radius, 255)  # in its rim
        expected = np.asarray(drawn) > 0
        assert (found & expected).sum() > 0.72 * (found | expected).sum(), mark
    for code, swatch in enumerate(page.locator(".vk-legend i").all()[:: colors // 2]):
        shape = swatch.evaluate("one => one.style.clipPath")
        assert shape.startswith("circle") == (code < 2), code
    kinds = page.locator(".vk-kinds i").evaluate_all("all => all.map((one) => one.style.clipPath)")
    assert kinds[0].startswith("circle")
    assert kinds[1].startswith("polygon(50% 1.9%, ")  # its tip is on top


@BOTH
def test_a_rim_parts_a_mark_from_the_one_below(page, tmp_path, renderer):
    widget = EmbeddingSpace(
        np.array([(0, 0), (100, 100), (48, 50), (52, 50)], float),
        labels=["edge", "edge", "below", "above"],
        class_colors=dict.fromkeys(["edge", "below", "above"], "#000000"),
        theme="light",
    )
    space = Space(page, widget, tmp_path / "rims.html", renderer)
    radius, colors = with_large_marks(space, ink=6)
    pixels = colors.mean(-1)
    size = np.array(pixels.shape[1::-1])
    below, above = (np.array(space.place(index)) * size for index in (2, 3))
    assert 0.3 * radius < np.linalg.norm(above - below) < 0.9 * radius
    at = {share: (above - [share * radius, 0]).round().astype(int) for share in (0.6, 0.9)}
    ink = {share: pixels[y - 1 : y + 2, x - 1 : x + 2].mean() for share, (x, y) in at.items()}
    assert ink[0.6] < 80  # the mark above
    assert ink[0.9] > ink[0.6] + 100, "its rim, over the mark below"


def test_images_and_texts_have_their_marks_in_the_legend_and_in_the_list(page, tmp_path):
    kinds = ["image", "text", "text", "image"]
    space = Space(page, EmbeddingSpace(CORNERS, modality=kinds), tmp_path / "kinds.html")
    shapes = {"image": "circle", "text": "polygon"}
    legend = page.locator(".vk-legend button")
    expect(legend).to_have_count(2)
    for entry in legend.all():
        name = re.search("image|text", entry.inner_text())[0]
        shape = entry.locator("i").evaluate("one => one.style.clipPath")
        assert shape.startswith(shapes[name])
    hover_at(space.canvas, *space.place(0))
    listed = page.locator(".vk-card button")
    expect(listed).to_have_count(3)
    for entry in listed.all():
        index = int(re.search(r"point (\d)", entry.inner_text())[1])
        shape = entry.locator("i").evaluate("one => one.style.clipPath")
        assert shape.startswith(shapes[kinds[index]]), index


def test_swatches_have_the_marks_and_the_colours_of_their_points(page, tmp_path):
    turns, colors = len(MARKS), picture.category_count()
    names = [f"class {code}" for code in range(colors * turns)]
    codes = [colors * (index % turns) + index // 2 for index in range(2 * turns)]
    places = [(index % turns, index // turns) for index in range(2 * turns)]
    widget = EmbeddingSpace(
        np.array(places, float),
        labels=codes,
        class_names=names,
        modality=["image"] * turns + ["text"] * turns,
        theme="light",
    )
    space = Space(page, widget, tmp_path / "swatches.html")
    legend = page.locator(".vk-legend i").evaluate_all(
        "all => all.map((one) => [one.style.clipPath, one.style.background])"
    )
    assert len(legend) == len(names)
    for code, (shape, _) in enumerate(legend):
        assert covers(shape, MARKS[code // colors]), code
    assert legend[0][1] == "rgb({}, {}, {})".format(*as_rgb(picture.category_color(0)))
    seen = set()
    for index in range(2 * turns):
        hover_at(space.canvas, *space.place(index))
        wait_until(lambda index=index: f"point {index} " in space.said(), f"point {index}")
        listed = page.locator(".vk-card button").evaluate_all(
            """all => all.map((one) => [one.textContent, one.querySelector("i").style])
                .map(([text, { clipPath, backgroundColor }]) => [text, clipPath, backgroundColor])"""
        )
        for text, shape, color in listed:
            other = int(re.search(r"point (\d+)", text)[1])
            row, turn = divmod(other, turns)
            assert covers(shape, TEXT_MARKS[turn % len(TEXT_MARKS)] if row else MARKS[turn]), other
            assert color == legend[codes[other]][1], other
            seen.add(other)
    assert seen == set(range(2 * turns))


def covers(shape: str, mark: str) -> bool:
    """Whether a swatch's `clip-path` is a mark."""
    if mark == "circle" or shape.startswith("circle"):
        return shape == "circle(38%)" and mark == "circle"
    side = 300
    corners = [float(part) * side / 100 for part in re.findall(r"(-?[\d.]+)%", shape)]
    found, expected = Image.new("1", (side, side)), Image.new("1", (side, side))
    ImageDraw.Draw(found).polygon(list(zip(corners[::2], corners[1::2], strict=True)), 1)
    middle, radius = side / 2, side / 2 / 1.35  # the farthest corner of all marks fits in
    picture.draw_mark(ImageDraw.Draw(expected), mark, middle, middle, radius, 1)
    a, b = np.asarray(found), np.asarray(expected)
    return (a & b).sum() > 0.8 * (a | b).sum()


@BOTH
def test_between_two_steps_marks_and_lines_are_between_their_places(page, tmp_path, renderer):
    moved = CORNERS.copy()
    moved[0] = (0, 1)  # on its way from the lower left corner; 2 is above it, unmoved
    widget = EmbeddingSpace(
        np.stack([CORNERS, moved]),
        labels=list(INKS),
        class_colors=INKS,
        pairs=[[0, 3]],
        steps=["before", "after"],
        step=0,
        theme="light",
    )
    page.add_init_script(
        """const now = performance.now.bind(performance);
        performance.now = () => window.clock ?? now();"""
    )
    space = Space(page, widget, tmp_path / "steps.html", renderer)
    page.emulate_media(reduced_motion="no-preference")
    start, unmoved = (np.array(space.place(index)) for index in (0, 2))
    page.evaluate("window.clock = performance.now()")
    press(page.get_by_label("step", exact=True), "End")
    page.mouse.move(2, 2)
    page.evaluate("window.began = window.clock")
    for share in (0.0, 0.5, 1.0):
        page.evaluate(f"window.clock = window.began + {650 * share}")
        place = start + (unmoved - start) * share / 2
        other = np.array(space.place(3))

        def there(place=place, other=other) -> bool:
            pixels = pixels_of(space)
            size = np.array(pixels.shape[1::-1])
            x, y = (place * size).round().astype(int)
            third = ((place + (other - place) / 3) * size).round().astype(int)
            line = pixels[third[1] - 3 : third[1] + 4, third[0] - 3 : third[0] + 4].mean(-1).min()
            ink = share_of(pixels[y, x], as_rgb(INKS["a"]))
            return ink == pytest.approx(USUAL, abs=0.07) and 255 - line > 40

        wait_until(there, f"mark and line after {share:.0%} of the way")


def test_points_that_are_drawn_in_several_passes_keep_their_colours(page, tmp_path):
    count, alone = 3600, 3005  # the graphics card draws every seventh, seven times
    corner = np.arange(count) % 4
    places = CORNERS[corner]
    places[alone] = (1.5, 1)
    widget = EmbeddingSpace(
        places,
        labels=np.array(list(INKS))[corner],
        class_colors=INKS,
        selected=[alone, 5],  # one alone has lines to its neighbours
        theme="light",
    )
    space = Space(page, widget, tmp_path / "many.html")
    page.mouse.move(2, 2)
    inks = {index: INKS["abcd"[index % 4]] for index in (0, 1, 2, 3, alone)}

    def found() -> list[float]:
        pixels = pixels_of(space)
        size = np.array(pixels.shape[1::-1])
        at = {index: (np.array(space.place(index)) * size).astype(int) for index in inks}
        return [share_of(pixels[y, x], as_rgb(inks[index])) for index, (x, y) in at.items()]

    wait_until(lambda: found() == pytest.approx([1] * 5, abs=0.1), "all in their full ink")


def test_pictures_as_marks_follow_classes_and_selection(page, tmp_path):
    tints = [(250, 200, 0), (0, 200, 200), (200, 0, 200), (90, 140, 90)]
    images = [np.full((8, 8, 3), tint, np.uint8) for tint in tints]
    options = {"images": images, "show_thumbnails": True}
    space = Space(page, corners(**options), tmp_path / "pictures.html")
    page.mouse.move(2, 2)

    def pictures() -> list[bool]:
        """Which corners show their picture in full."""
        return [share > 0.9 for share in shares(space, tints, 9)]  # beside the mark below

    wait_until(lambda: all(pictures()), "four pictures")
    pixels = pixels_of(space)
    for index, ink in enumerate(INKS.values()):
        x, y = (round(s * n) for s, n in zip(space.place(index), pixels.shape[1::-1], strict=True))
        line = pixels[y, x : x + 40] if index % 2 == 0 else pixels[y, x : x - 40 : -1]
        edge = np.flatnonzero(np.abs(line - 255).max(-1) > 60)[-1]  # inwards from the margin
        assert np.abs(line[edge - 1] - as_rgb(ink)).max() < 40, index  # a frame of its class
    legend = page.locator(".vk-legend button")
    legend.nth(2).hover()
    wait_until(lambda: pictures() == [False, False, True, False], "one class stands out")
    legend.nth(1).click()
    page.mouse.move(2, 2)
    wait_until(lambda: pictures() == [True, False, True, True], "a hidden class")
    space = Space(page, corners(selected=[0, 3], **options), tmp_path / "selected.html")
    page.mouse.move(2, 2)
    wait_until(lambda: pictures() == [True, False, False, True], "two are selected")


def test_pictures_as_marks_stand_upright(page, tmp_path):
    quarters = [(220, 0, 0), (0, 160, 0), (0, 0, 220), (230, 180, 0)]
    image = np.array(quarters, np.uint8).reshape(2, 2, 3).repeat(8, 0).repeat(8, 1)
    options = {"images": [image] * 4, "show_thumbnails": True}
    space = Space(page, corners(**options), tmp_path / "upright.html")
    page.mouse.move(2, 2)
    x, y = space.place(0)

    def upright() -> bool:
        pixels = pixels_of(space)
        right, down = round(x * pixels.shape[1]), round(y * pixels.shape[0])
        around = [pixels[down + b, right + a] for b in (-9, 9) for a in (-9, 9)]
        return np.abs(np.array(around) - quarters).max() < 60

    wait_until(upright, "each quarter in its place")


def test_a_drag_takes_the_map_along_and_a_wheel_leaves_what_is_under_it(page, tmp_path):
    space = Space(page, corners(), tmp_path / "moves.html")
    box = space.canvas.bounding_box()
    drag(space.canvas, [(0.5, 0.5), (0.5 - 60 / box["width"], 0.5 + 40 / box["height"])])
    x, y = point(space.canvas, *space.place(3))
    page.mouse.move(x - 60, y + 40)
    wait_until(lambda: "point 3 " in space.said(), "the point where it was dragged to")
    press(space.canvas, "0")
    page.mouse.move(2, 2)
    page.mouse.move(x, y)
    wait_until(lambda: "point 3 " in space.said(), "the point in its place")
    page.mouse.wheel(0, -200)
    x, y = point(space.canvas, 0.5, 0.5)
    page.mouse.move(x, y)
    wait_until(lambda: "4 points" in space.said(), "nothing in the middle")
    x, y = point(space.canvas, *space.place(3))
    page.mouse.move(x, y)
    wait_until(lambda: "point 3 " in space.said(), "the point that the wheel was turned over")


def test_a_lasso_selects_what_is_shown_inside(page, tmp_path):
    space = Space(page, corners(hidden_classes=["c"]), tmp_path / "lasso.html")
    press(space.canvas, "l")
    # Around all but the upper right corner; the upper left one is hidden.
    drag(
        space.canvas,
        [(0.01, 0.01), (0.4, 0.01), (0.6, 0.6), (0.99, 0.6), (0.99, 0.99), (0.01, 0.99)],
    )
    page.mouse.move(2, 2)
    wait_until(lambda: space.selected() == 2, "the two lower corners")
    expected = [1, 1, 0, DIMMED]
    wait_until(lambda: shares(space) == pytest.approx(expected, abs=0.07), "their full ink")
