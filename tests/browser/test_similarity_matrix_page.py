"""SimilarityMatrix on an exported page: every control, and its numbers against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from torch.nn import functional as F

from tests.support.harness import (
    click_at,
    drag,
    drag_slider,
    hover_at,
    picture_of,
    press,
    wait_until,
)
from vizkit.widgets import SimilarityMatrix
from vizkit.widgets.similarity_matrix import PAIRED_VIEWS, VIEWS

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)>"
KOREAN = "아주 길고 자세한 설명: 하늘색 배경 위에 놓인 커다란 빨간 별과 작은 초록 세모"


def embeddings(count: int, dim: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    shared = random.normal(size=(count, dim))
    return shared + 1.2 * random.normal(size=shared.shape), shared


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((8, 8, 3), (20 * i % 256, 90, 200), np.uint8) for i in range(count)]


def captions(count: int) -> list[str]:
    return [HOSTILE, KOREAN, *(f"caption {index}" for index in range(2, count))]


class Matrix:
    """A widget on its page, and the moves that the tests make in it."""

    def __init__(self, page: Page, widget: SimilarityMatrix, path) -> None:
        self.page, self.widget = page, widget
        page.goto(widget.save_html(path).as_uri())
        page.locator(".vk[data-ready=true]").wait_for()
        self.canvas: Locator = page.locator("canvas.sm-main")
        self.status = page.locator("output.vk-status")
        # The page's model is private to it; tests read what it shows.
        self.view = page.get_by_label("view", exact=True)
        self.temperature = page.get_by_label("temperature τ", exact=True)
        self.bias = page.get_by_label("bias", exact=True)

    def tiles(self) -> list[float]:
        """InfoNCE, sigmoid loss and both accuracies, in full precision."""
        # One frame passes between an input and its numbers.
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        values = self.page.locator(".sm-tiles b").evaluate_all(
            "all => all.map(b => b.dataset.value)"
        )
        return [float(value) for value in values]

    def ranking(self) -> dict[int, float]:
        items = self.page.locator(".sm-list li")
        pairs = items.evaluate_all("all => all.map(li => [li.dataset.index, li.dataset.value])")
        return {int(index): float(value) for index, value in pairs}

    def set_slider(self, slider: Locator, value: float) -> float:
        """Set a range input as a drag would, and return the value it took (sliders have steps)."""
        script = "(s, v) => { s.value = v; s.dispatchEvent(new Event('input', {bubbles: true})); }"
        slider.evaluate(script, value)
        return float(slider.input_value())


@pytest.fixture
def matrix(page: Page, tmp_path):
    widget = SimilarityMatrix(*embeddings(12), images=pictures(12), captions=captions(12))
    return Matrix(page, widget, tmp_path / "matrix.html")


def torch_losses(similarity: np.ndarray, temperature: float, bias: float) -> list[float]:
    logits = torch.tensor(similarity / temperature)
    target = torch.arange(len(logits))
    signs = 2 * torch.eye(len(logits), dtype=torch.float64) - 1
    return [
        ((F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2).item(),
        (-F.logsigmoid(signs * (logits + bias)).sum() / len(logits)).item(),
        (logits.argmax(1) == target).double().mean().item(),
        (logits.argmax(0) == target).double().mean().item(),
    ]


def test_sliders_from_end_to_end_give_torchs_numbers(matrix: Matrix):
    similarity = matrix.widget.similarity()
    assert matrix.tiles() == pytest.approx(torch_losses(similarity, 0.07, -10), abs=1e-5)
    for place in (np.log(0.005), np.log(0.03), np.log(2.0)):
        temperature = np.exp(matrix.set_slider(matrix.temperature, place))
        for place_of_bias in (-20, 0, 10):
            bias = matrix.set_slider(matrix.bias, place_of_bias)
            expected = torch_losses(similarity, temperature, bias)
            assert matrix.tiles() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    low, high = (drag_slider(matrix.temperature, place) for place in (0.0, 1.0))
    assert (low, high) == pytest.approx((np.log(0.005), np.log(2)))
    expect(matrix.page.get_by_text("2.00 · logit_scale 0.500")).to_be_visible()


def test_a_temperature_between_the_sliders_steps_is_shown_as_it_is(page: Page, tmp_path):
    widget = SimilarityMatrix(*embeddings(4), temperature=0.01)
    matrix = Matrix(page, widget, tmp_path / "exact.html")
    expect(page.get_by_text("0.010 · logit_scale 100")).to_be_visible()
    assert matrix.tiles() == pytest.approx(torch_losses(widget.similarity(), 0.01, -10), abs=1e-5)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_torchs_values(matrix: Matrix, view: str):
    matrix.view.select_option(view)
    before = picture_of(matrix.page, f"similarity-{view}.png")
    matrix.set_slider(matrix.temperature, np.log(0.02))
    matrix.widget.temperature = float(np.exp(float(matrix.temperature.input_value())))
    for row in (0, 7):
        hover_thumbnail(matrix, row)
        expected = matrix.widget.numbers(view).values[row]
        found = matrix.ranking()
        assert row in found
        assert len(found) == 10
        for index, value in found.items():
            assert value == pytest.approx(expected[index], abs=1e-6)
    assert picture_of(matrix.page) != before


def cells(matrix: Matrix) -> list[float]:
    """Left, top, width and height of a cell in pixels, then first row and column, rows, columns."""
    return [float(number) for number in matrix.canvas.get_attribute("data-cells").split(",")]


def cell(matrix: Matrix, row: int, column: int) -> tuple[float, float]:
    """The middle of a cell, as fractions of the canvas."""
    left, top, width, height, first_row, first_column, *_ = cells(matrix)
    box = matrix.canvas.bounding_box()
    x, y = left + (column - first_column + 0.5) * width, top + (row - first_row + 0.5) * height
    return x / box["width"], y / box["height"]


def hover_thumbnail(matrix: Matrix, row: int) -> None:
    """Hover the image left of the matrix."""
    _, y = cell(matrix, row, 0)
    hover_at(matrix.canvas, 0.03, y)
    expect(matrix.status).to_contain_text(f"image {row}")


def test_hover_names_the_cell(matrix: Matrix):
    matrix.view.select_option("softmax over texts")
    hover_at(matrix.canvas, *cell(matrix, 3, 1))
    values = matrix.widget.similarity()
    tip = matrix.page.locator(".vk-tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(KOREAN)
    shown = tip.text_content() or ""
    assert f"{abs(values[3, 1]):.3f}"[:5] in shown
    expect(matrix.status).to_contain_text("image 3 × text 1")
    hover_at(matrix.page.locator(".sm-tiles"))
    expect(tip).to_be_hidden()


def test_click_pins_a_row_and_a_second_click_releases_it(matrix: Matrix):
    place = cell(matrix, 5, 2)
    click_at(matrix.canvas, *place)
    expect(matrix.page.locator(".sm-head")).to_contain_text("image 5, pinned")
    hover_at(matrix.canvas, *cell(matrix, 1, 1))
    expect(matrix.page.locator(".sm-head")).to_contain_text("image 5, pinned")
    values = matrix.widget.similarity()[5]
    assert (
        list(matrix.ranking()) == [int(i) for i in np.argsort(-values)[:10]]
        or 5 in matrix.ranking()
    )
    expect(matrix.page.locator(".sm-right em")).to_have_text("✓ correct")
    rivals = set(np.flatnonzero(values >= values[5])) - {5}
    hard = matrix.page.locator(".sm-hard").evaluate_all("all => all.map(li => +li.dataset.index)")
    assert rivals <= set(hard)
    assert len(hard) == max(2, len(rivals))
    click_at(matrix.canvas, *place)
    expect(matrix.page.locator(".sm-head")).not_to_contain_text("pinned")


@pytest.mark.parametrize("signed", [True, False])
def test_the_bars_of_the_list_begin_at_zero(page: Page, tmp_path, signed: bool):
    values = np.array([[0.8, -0.4, 0.2, -0.6], [0.1, 0.2, 0.3, 0.4]])
    values = values if signed else np.abs(values)
    matrix = Matrix(page, SimilarityMatrix(similarity=values, selected=[0]), tmp_path / "bars.html")
    found = page.locator(".sm-list li").evaluate_all(
        """all => all.map((one) => {
            const track = one.querySelector(".sm-track").getBoundingClientRect();
            const { left, right } = one.querySelector(".sm-track i").getBoundingClientRect();
            const places = [left, right].map((x) => (x - track.left) / track.width);
            return [Number(one.dataset.index), ...places];
        })"""
    )
    assert len(found) == len(matrix.ranking()) == 4
    zero, whole = (0.5, 0.5) if signed else (0, 1)
    for index, left, right in found:
        end = zero + whole * values[0, index] / 0.8
        assert (left, right) == pytest.approx((min(zero, end), max(zero, end)), abs=0.01), index


def test_softmax_over_images_pins_the_column(matrix: Matrix):
    matrix.view.select_option("softmax over images")
    click_at(matrix.canvas, *cell(matrix, 5, 2))
    expect(matrix.page.locator(".sm-head")).to_contain_text("text 2, pinned")
    found = matrix.ranking()
    expected = matrix.widget.numbers("softmax over images").values[:, 2]
    assert found == pytest.approx({i: expected[i] for i in found}, abs=1e-6)


def test_keyboard(matrix: Matrix):
    press(matrix.canvas, "ArrowRight")
    expect(matrix.status).to_contain_text("image 0 × text 0, a pair")
    press(
        matrix.canvas, "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowRight"
    )
    expect(matrix.status).to_contain_text("image 1 × text 1")
    press(matrix.canvas, "End")
    expect(matrix.status).to_contain_text("image 1 × text 11")
    press(matrix.canvas, "Home", "Enter")
    expect(matrix.page.locator(".sm-head")).to_contain_text("image 1, pinned")
    press(matrix.canvas, "Enter", "c")
    expect(matrix.page.locator(".sm-head")).to_contain_text("text 0, pinned")
    before = float(matrix.temperature.input_value())
    press(matrix.canvas, "]", "]")
    assert float(matrix.temperature.input_value()) > before
    press(matrix.canvas, "[", "[", "[")
    assert float(matrix.temperature.input_value()) < before
    start = VIEWS.index(matrix.view.input_value())
    for view in (*VIEWS[start + 1 :], *VIEWS[: start + 1]):
        press(matrix.canvas, "v")
        expect(matrix.view).to_have_value(view)
    press(matrix.canvas, "?")
    keys = matrix.page.locator(".vk-keys")
    for name in ("move the cell", "next view", "zoom", "whole matrix", "pin or release the row"):
        expect(keys).to_contain_text(name)


def test_zoom_by_keyboard_wheel_and_rectangle(matrix: Matrix):
    def settled(count: int) -> bool:
        return cells(matrix)[6:] == [count, count]

    assert settled(12)
    press(matrix.canvas, "+", "=")
    wait_until(lambda: settled(5), "zoomed by keyboard")
    press(matrix.canvas, "-")
    wait_until(lambda: settled(8), "zoomed out")
    press(matrix.canvas, "0")
    wait_until(lambda: settled(12), "the whole matrix")
    hover_at(matrix.canvas, *cell(matrix, 6, 6))
    matrix.page.mouse.wheel(0, -100)
    wait_until(lambda: settled(10), "zoomed by wheel")
    matrix.canvas.dblclick()
    wait_until(lambda: settled(12), "the whole matrix after a double click")
    drag(matrix.canvas, [cell(matrix, 2, 2), cell(matrix, 6, 6)])
    wait_until(lambda: cells(matrix)[4:] == [2, 2, 5, 5], "zoomed by rectangle")


def test_captions_are_text(matrix: Matrix):
    click_at(matrix.canvas, *cell(matrix, 0, 0))
    expect(matrix.page.locator(".sm-head")).to_contain_text(HOSTILE)
    assert matrix.page.locator(".vk img").count() == 0


def test_themes_and_full_screen(page: Page, tmp_path):
    shades = []
    for theme in ("light", "dark"):
        widget = SimilarityMatrix(*embeddings(6), captions=captions(6), theme=theme)
        matrix = Matrix(page, widget, tmp_path / f"{theme}.html")
        image = picture_of(page.locator(".vk"), f"similarity-{theme}.png")
        shades.append(image.getpixel((3, 3)))
    assert sum(shades[0]) > 700 > 200 > sum(shades[1])
    width = matrix.canvas.bounding_box()["width"]
    press(matrix.canvas, "f")
    expect(page.locator(".vk")).to_have_attribute("data-full", "true")
    wait_until(lambda: matrix.canvas.bounding_box()["width"] != width, "full screen")
    press(matrix.canvas, "Escape")
    expect(page.locator(".vk")).to_have_attribute("data-full", "false")


@pytest.mark.parametrize("count", [4, 12])
def test_a_small_matrix_fills_the_screen(page: Page, tmp_path, count: int):
    page.set_viewport_size({"width": 1600, "height": 900})
    shown = SimilarityMatrix(*embeddings(count))
    matrix = Matrix(page, shown, tmp_path / "full.html")
    press(matrix.canvas, "f")

    def bottom() -> float:
        _, top, _, height, *_ = map(float, matrix.canvas.get_attribute("data-cells").split(","))
        return matrix.canvas.bounding_box()["y"] + top + height * count

    # Below it stand the colour bar, its name and the status line.
    wait_until(lambda: 900 - 62 * 1.5 - 80 * 1.5 < bottom() < 900 - 62 * 1.5, "a full screen")


def test_the_tooltip_leaves_the_side_panel_free(page: Page, tmp_path):
    images, texts = embeddings(40)
    matrix = Matrix(page, SimilarityMatrix(images[:6], texts), tmp_path / "wide.html")
    left, top, wide, high, *_ = map(float, matrix.canvas.get_attribute("data-cells").split(","))
    box = matrix.canvas.bounding_box()
    hover_at(matrix.canvas, (left + 39.5 * wide) / box["width"], (top + 3 * high) / box["height"])
    expect(page.locator(".vk-tip")).to_be_visible()
    tip, side = (page.locator(name).bounding_box() for name in (".vk-tip", ".sm-side"))
    assert tip["x"] + tip["width"] <= side["x"]


def test_steps_scrub_and_play(page: Page, tmp_path):
    images, texts = embeddings(8)
    course = np.stack([images, (images + texts) / 2, texts])
    widget = SimilarityMatrix(course, np.stack([texts] * 3), steps=["start", "middle", "end"])
    matrix = Matrix(page, widget, tmp_path / "steps.html")
    expected = []
    for step in range(3):
        widget.step = step
        expected.append(torch_losses(widget.similarity(), 0.07, -10))
    scrubber = page.get_by_label("step", exact=True)
    for step in (2, 0, 1):
        matrix.set_slider(scrubber, step)
        assert matrix.tiles() == pytest.approx(expected[step], abs=1e-5)
    press(matrix.canvas, " ")
    wait_until(lambda: scrubber.input_value() == "2", "played to the end")
    wait_until(lambda: page.get_by_label("Play the steps").text_content() == "▶", "stopped")
    assert matrix.tiles() == pytest.approx(expected[2], abs=1e-5)


def test_without_pairs_there_are_no_losses_and_cosines_have_no_temperature(page: Page, tmp_path):
    matrix = Matrix(page, SimilarityMatrix(similarity=np.eye(4, 9)), tmp_path / "wide.html")
    expect(page.locator(".sm-tiles")).to_be_hidden()
    temperature = page.get_by_label("temperature")
    expect(temperature).to_be_hidden()
    matrix.view.select_option("softmax over texts")
    expect(temperature).to_be_visible()
    matrix.view.select_option("cosine")
    disabled = matrix.view.locator("option:disabled").all_text_contents()
    assert disabled == list(PAIRED_VIEWS)
    press(matrix.canvas, *["v"] * (len(VIEWS) - len(PAIRED_VIEWS)))
    expect(matrix.view).to_have_value("cosine")


def test_a_large_product_reports_progress_and_ends_right(page: Page, tmp_path):
    random = np.random.default_rng(0)
    images = random.normal(size=(1600, 500))
    widget = SimilarityMatrix(images, images + random.normal(size=images.shape))
    page.add_init_script(
        "window.seen = new Set(); const plain = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest)"
        " { if (/Multiplying/.test(text)) seen.add(text);"
        " return plain.call(this, text, ...rest); };"
    )
    matrix = Matrix(page, widget, tmp_path / "large.html")
    assert page.evaluate("seen.size") >= 2
    assert matrix.tiles() == pytest.approx(torch_losses(widget.similarity(), 0.07, -10), abs=1e-5)


def test_traits_linked_between_two_widgets(page: Page, tmp_path):
    from ipywidgets import jslink

    from vizkit.widgets import save_page

    a, b = (SimilarityMatrix(*embeddings(6), captions=captions(6)) for _ in range(2))
    traits = ("temperature", "bias", "view", "hovered", "hovered_text", "selected", "selected_text")
    links = [jslink((a, name), (b, name)) for name in traits]
    page.goto(save_page(tmp_path / "two.html", [a, b]).as_uri())
    first, second = (page.locator(f"#vizkit-{index}") for index in (0, 1))
    second.locator(".vk[data-ready=true]").wait_for()
    first.get_by_label("view", exact=True).select_option("sigmoid")
    expect(second.get_by_label("view", exact=True)).to_have_value("sigmoid")
    press(first.locator("canvas.sm-main"), "ArrowRight", "ArrowDown", "ArrowRight", "Enter")
    expect(second.locator("output.vk-status")).to_contain_text("image 1 × text 1")
    expect(second.locator(".sm-head")).to_contain_text("image 1, pinned")
    drag_slider(first.get_by_label("bias", exact=True), 1.0)
    drag_slider(first.get_by_label("temperature τ", exact=True), 0.0)
    script = "all => all.map(b => b.dataset.value)"
    numbers = [one.locator(".sm-tiles b").evaluate_all(script) for one in (first, second)]
    wait_until(
        lambda: (
            first.locator(".sm-tiles b").evaluate_all(script)
            == second.locator(".sm-tiles b").evaluate_all(script)
        ),
        "both show the same numbers",
    )
    assert numbers[0][1] != "NaN"
    assert len(links) == 7


# ------------------------------------------------------------ images and texts against both


def test_images_and_texts_against_both(page: Page, tmp_path):
    images, texts = embeddings(6)
    widget = SimilarityMatrix(
        images,
        texts,
        images=pictures(6),
        captions=captions(6),
        against_both=True,
    )
    matrix = Matrix(page, widget, tmp_path / "page.html")
    expect(matrix.status).to_have_text("6 images and 6 texts against both")
    for control in (matrix.view, matrix.temperature, matrix.bias):
        expect(control).to_be_hidden()  # cosines only: there is nothing to set
    expect(page.locator(".sm-tiles")).to_be_hidden()
    similarity = widget.similarity()
    # Row 2 is an image, column 8 its own text: a pair off the diagonal. Its text is named as such.
    hover_at(matrix.canvas, *cell(matrix, 2, 8))
    expect(matrix.status).to_contain_text("caption 2 · and image 2, a pair")
    hover_at(matrix.canvas, *cell(matrix, 9, 3))
    expect(matrix.status).to_contain_text("image 3 · and caption 3, a pair")
    hover_at(matrix.canvas, *cell(matrix, 9, 10))
    expect(matrix.status).to_contain_text("caption 4 · and caption 3 · cosine")
    # The list of a text holds images and texts, and not itself.
    shown = matrix.ranking()
    assert 9 not in shown
    for index, value in shown.items():
        assert value == pytest.approx(similarity[9, index], abs=1e-5)
    assert max(shown.values()) == pytest.approx(np.delete(similarity[9], 9).max(), abs=1e-5)
    right = page.locator(".sm-list .sm-right")
    expect(right).to_have_attribute("data-index", "3")
    expect(right.locator("canvas")).to_have_count(1)  # the pair of a text is an image
