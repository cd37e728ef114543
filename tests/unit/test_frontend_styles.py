"""Widgets of one notebook share a page, and so do their style sheets: none may style another."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "js"
FRAME = SOURCES / "shared" / "frame.css"
NAMES = ("similarity_matrix", "attention_map", "embedding_space")


def sheet(name: str) -> str:
    """The style sheet of an instrument, without what all share."""
    return (SOURCES / name.replace("_", "-") / "style.css").read_text("utf-8")


def own_classes(name: str) -> set[str]:
    """Classes that a widget's style sheet styles without saying in which kind of widget."""
    text = re.sub(r"/\*.*?\*/", "", sheet(name), flags=re.DOTALL)
    selectors = (rule.split("{")[0] for rule in text.split("}"))
    shared = set(re.findall(r"\.([\w-]+)", FRAME.read_text("utf-8")))
    found = {c for s in selectors if "[data-kind" not in s for c in re.findall(r"\.([\w-]+)", s)}
    return found - shared


@pytest.mark.parametrize(("one", "other"), list(combinations(NAMES, 2)))
def test_no_two_widgets_style_the_same_class(one: str, other: str):
    assert own_classes(one)
    assert own_classes(other)
    assert not own_classes(one) & own_classes(other)


def selectors_of(prelude: str) -> list[str]:
    """The selectors of a rule; a comma within brackets, as in `:is(a, b)`, parts none."""
    return re.split(r",(?![^(]*\))", prelude)


@pytest.mark.parametrize("name", NAMES)
def test_shared_classes_are_styled_only_within_the_widget(name: str):
    """A rule that begins with a class of the core would reach every widget on the page."""
    text = re.sub(r"/\*.*?\*/", "", sheet(name), flags=re.DOTALL)
    shared = set(re.findall(r"\.([\w-]+)", FRAME.read_text("utf-8")))
    selectors = [s.strip() for rule in text.split("}") for s in selectors_of(rule.split("{")[0])]
    wide = [
        selector
        for selector in selectors
        if selector
        and "[data-kind" not in selector
        and set(re.findall(r"\.([\w-]+)", selector)) <= shared
    ]
    assert not [s for s in wide if "." in s]


def relative_luminance(color: str) -> float:
    """Of a colour #rrggbb (WCAG 2.2, relative luminance)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_colour_stands_out_from_its_ground(theme: str):
    """At least 4.5 : 1 (WCAG 2.2, success criterion 1.4.3)."""
    core, similarity = FRAME.read_text("utf-8"), sheet("similarity_matrix")
    rule = r"\.vk \{(.*?)\}" if theme == "light" else r'\.vk\[data-theme="dark"\] \{(.*?)\}'
    colors = dict(re.findall(r"--vk-(\w+): (#\w{6})", re.search(rule, core, re.DOTALL)[1]))
    marks = re.findall(r"\.sm-right \{\s*--sm-mark: (#\w{6})", similarity)
    assert len(marks) == 2
    texts = {name: colors[name] for name in ("ink", "muted", "accent", "focus")}
    for name, text in (texts | {"right": marks[theme == "dark"]}).items():
        for ground in ("paper", "raised"):
            low, high = sorted(map(relative_luminance, (text, colors[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{name} on {ground}"
