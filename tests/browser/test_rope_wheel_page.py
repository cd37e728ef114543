"""The RoPE wheel in a browser: keys, words, themes, full screen, and a late place on the page."""

from __future__ import annotations

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
