"""The RoPE wheel in a browser: its keys, its words, its two themes, and a late place on the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

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
