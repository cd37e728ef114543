"""Drawings: safe, scalable, legible in both themes."""

import base64
import importlib
import inspect
import pkgutil
import re

import pytest

from vizkit.course import Svg, drawings, show_drawing
from vizkit.course.drawings import svg as module
from vizkit.course.show import GREY

GOOD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path stroke="currentColor"/></svg>'
)
ALT = "A line from left to right."
TOPICS = [m.name for m in pkgutil.iter_modules(drawings.__path__) if m.name != "svg"]


@pytest.mark.parametrize(
    "text",
    ["<svg", "<p/>", GOOD.replace(' viewBox="0 0 4 4"', ""), GOOD.replace("svg", "g"), 3],
)
def test_what_is_no_svg_is_refused(text):
    with pytest.raises(ValueError, match="text must be"):
        Svg(text, ALT)


def test_a_drawing_needs_a_text_for_those_who_do_not_see_it():
    with pytest.raises(ValueError, match="alt"):
        Svg(GOOD, "line")


def test_it_is_shown_as_a_picture_in_a_grey_of_both_themes(monkeypatch):
    shown = {}
    monkeypatch.setattr(module, "show", lambda text, html, data: shown.update(data, html=html))
    show_drawing(Svg(GOOD, 'A "line" <b>'), width=120)
    assert GREY in shown["image/svg+xml"]
    assert "currentColor" not in shown["image/svg+xml"]
    assert 'alt="A &quot;line&quot; &lt;b&gt;"' in shown["html"]
    assert "width:120px" in shown["html"]
    code = re.search('base64,([^"]+)', shown["html"])[1]
    assert base64.b64decode(code).decode() == shown["image/svg+xml"]


@pytest.mark.parametrize("topic", TOPICS)
def test_the_drawings_of_the_course_can_be_drawn_and_carry_no_script(topic):
    functions = [
        function
        for name, function in vars(importlib.import_module(f"{drawings.__name__}.{topic}")).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and inspect.signature(function).return_annotation in (Svg, "Svg")
    ]
    assert functions
    for function in functions:
        required = [
            p for p in inspect.signature(function).parameters.values() if p.default is p.empty
        ]
        if required:
            continue
        drawing = function()
        assert not re.search(r"<script|\son\w+=|href=", drawing.text)
        assert "#000" not in drawing.text, "black is not legible on black"
