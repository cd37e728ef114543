"""The RoPE wheel in a browser: keys, words, themes, full screen, and a late place on the page."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.harness import picture_of, press, wait_until
from vizkit.course import rope_wheel

WHEEL = rope_wheel.__globals__
STATE = {"query": 5, "key": 2, "frequency": 0.4, "start": [0.6, 0.2]}
CONTENT = {
    **STATE,
    "light": {"query": "#0072B2", "key": "#D55E00", "product": "#009E73"},
    "dark": {"query": "#56B4E9", "key": "#E69F00", "product": "#009E73"},
}
# Rendered while off the page, as JupyterLab does, and attached afterwards.
START = """async ([source, content]) => {
    const { default: widget } = await import('data:text/javascript;charset=utf-8,' + encodeURIComponent(source));
    const el = document.createElement('div');
    widget.render({ model: { get: () => content }, el });
    document.body.append(el);
}"""


@pytest.fixture
def wheel(page: Page) -> Page:
    """A page with the wheel on it."""
    page.set_content("<body></body>")
    source = WHEEL["_FRONT_END"].read_text(encoding="utf-8")
    page.evaluate(START, [source, CONTENT])
    return page


def words(**changes) -> str:
    return WHEEL["describe"]({**STATE, **changes})


def test_keys_move_the_places_and_the_words_follow(wheel: Page):
    said = wheel.locator("output").last
    expect(said).to_have_text(words())
    wheel.get_by_label("place of the key").press("ArrowRight")
    expect(said).to_have_text(words(key=3))
    wheel.get_by_label("place of the query").press("End")
    expect(said).to_have_text(words(key=3, query=15))
    wheel.get_by_label("radians per patch").press("Home")
    expect(said).to_have_text(words(key=3, query=15, frequency=0.0))
    expect(wheel.get_by_role("img")).to_have_accessible_name(words(key=3, query=15, frequency=0.0))


def test_moving_both_keeps_the_score_and_stops_at_the_edge(wheel: Page):
    said = wheel.locator("output").last
    left = wheel.get_by_role("button", name="move query and key one patch to the left")
    score = words().split("; ")[-1]
    for step in (1, 2):
        left.press("Enter")
        expect(said).to_have_text(words(query=5 - step, key=2 - step))
        assert said.inner_text().endswith(score)
    left.press("Enter")
    expect(said).to_have_text(words(query=3, key=0))


def test_colours_follow_the_theme(wheel: Page):
    line = wheel.locator("svg polygon").first
    expect(line).to_have_attribute("fill", CONTENT["light"]["query"])
    wheel.evaluate("document.body.style.color = '#eee'; document.body.className = 'dark'")
    expect(line).to_have_attribute("fill", CONTENT["dark"]["query"])


def test_it_fills_the_screen_and_a_clicker_moves_both(wheel: Page):
    box, said = wheel.get_by_role("group", name="RoPE wheel"), wheel.locator("output").last
    slider = wheel.get_by_label("radians per patch")
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    small = slider.locator("..").evaluate(size)
    wheel.get_by_role("button", name="Full screen (f)").click()
    wait_until(lambda: box.bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 900}, "all")
    assert slider.locator("..").evaluate(size) > 1.4 * small
    assert box.evaluate("one => one.scrollHeight <= one.clientHeight")
    slider.focus()
    wheel.keyboard.press("PageDown")
    expect(said).to_have_text(words(query=6, key=3))
    wheel.keyboard.press("PageUp")
    expect(said).to_have_text(words())
    wheel.evaluate("document.body.style.color = '#eee'; document.body.className = 'dark'")
    wait_until(lambda: picture_of(wheel, "rope-wheel-full.png").getpixel((3, 3))[0] < 40, "dark")
    wheel.keyboard.press("Escape")
    wait_until(lambda: box.bounding_box()["width"] == 600, "its place again")
    slider.press("PageDown")
    expect(said).to_have_text(words(frequency=0.25))


def test_two_presses_at_once_leave_the_screen_free(wheel: Page):
    box = wheel.get_by_role("group", name="RoPE wheel")
    press(box, "Shift")  # a page may ask for the screen only after a key or click
    box.evaluate(
        """root => new Promise((entered, refused) => {
            document.addEventListener("fullscreenchange", entered, { once: true });
            document.addEventListener("fullscreenerror", refused, { once: true });
            for (let press = 0; press < 2; press++)
                root.dispatchEvent(new KeyboardEvent("keydown", { key: "f", bubbles: true }));
        })"""
    )
    wait_until(lambda: wheel.evaluate("document.fullscreenElement === null"), "a free screen")
    assert box.bounding_box()["width"] == 600


def test_arrows_arcs_curve_and_row_are_drawn_where_the_numbers_say(wheel: Page):
    def shapes(selector: str, *names: str) -> list[list[str]]:
        script = "(all, names) => all.map((one) => names.map((name) => one.getAttribute(name)))"
        return wheel.locator(f"svg {selector}").evaluate_all(script, list(names))

    def corners(points: str) -> np.ndarray:
        return np.array([list(map(float, point.split(","))) for point in points.split()])

    middle, radius = np.array([125, 205]), 105

    def on_wheel(angle: float, length: float = radius) -> np.ndarray:
        """A place on the wheel; angles grow anticlockwise from the right."""
        return middle + length * np.array([np.cos(angle), -np.sin(angle)])

    angles = {"query": 0.6 + 5 * 0.4, "key": 0.2 + 2 * 0.4}
    starts = {"query": 0.6, "key": 0.2}
    light = CONTENT["light"]
    heads = {fill: corners(points) for fill, points in shapes("polygon", "fill", "points")}
    arcs = {
        stroke: corners(points)
        for stroke, points in shapes("polyline[stroke^='#']", "stroke", "points")
    }
    dotted = "line[stroke-dasharray='2 4']"
    ends = {stroke: end for stroke, *end in shapes(dotted, "stroke", "x2", "y2")}
    lines = {
        stroke: [float(end) for end in ends] + [dash]
        for stroke, dash, *ends in shapes(
            "line[stroke-width='4']", "stroke", "stroke-dasharray", "x2", "y2"
        )
    }
    row = {"query": 5, "key": 2}
    for name, angle in angles.items():
        color = light[name]
        tip, *barbs = heads[color]
        assert tip == pytest.approx(on_wheel(angle), abs=0.1), name
        assert all(np.linalg.norm(barb - middle) < radius - 5 for barb in barbs), name
        assert list(map(float, ends[color])) == pytest.approx(on_wheel(starts[name]), abs=0.1)
        length = np.linalg.norm(arcs[color][0] - middle)
        assert length == pytest.approx(radius * {"query": 0.58, "key": 0.42}[name], abs=0.1)
        *end, dash = lines[color]
        assert end == pytest.approx(on_wheel(angle, radius - 8), abs=0.1), name
        assert (dash == "none") == (name == "query")  # the sign beside the colour
        assert arcs[color][0] == pytest.approx(on_wheel(starts[name], length), abs=0.1)
        assert arcs[color][-1] == pytest.approx(on_wheel(angle, length), abs=0.1)
        half = on_wheel((starts[name] + angle) / 2, length)
        assert np.linalg.norm(arcs[color] - half, axis=1).min() < 3
        box, word = shapes(f"rect[stroke='{color}']", "x"), shapes(f"text[fill='{color}']", "x")
        assert float(box[0][0]) == pytest.approx(36 * row[name], abs=6), name
        assert float(word[0][0]) == pytest.approx(36 * (row[name] + 0.5), abs=1), name

    def on_curve(offset: np.ndarray) -> np.ndarray:
        """Query at its place, key `offset` before it: the score, from 1 above to -1 below."""
        score = np.cos(0.6 - 0.2 + 0.4 * offset)
        return np.stack([300 + (offset + 15) / 30 * 265, 205 - 85 * score], -1)

    [[curve]] = shapes("polyline[stroke='currentColor']", "points")
    assert corners(curve) == pytest.approx(on_curve(np.linspace(-15, 15, 301)), abs=0.1)
    [dot] = shapes("circle[r='8']", "cx", "cy")
    assert list(map(float, dot)) == pytest.approx(on_curve(np.array(3.0)), abs=0.1)
    words = wheel.locator("svg text[text-anchor=end]")
    heights = {one.text_content(): float(one.get_attribute("y")) for one in words.all()}
    assert heights["1"] < heights["0"] < heights["−1"]
