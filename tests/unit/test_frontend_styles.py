"""Widgets of one notebook share a page, and so do their style sheets: none may style another."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "vizkit" / "widgets" / "frontend"
NAMES = ("similarity_matrix", "attention_map", "embedding_space")


def own_classes(name: str) -> set[str]:
    """Classes that a widget's style sheet styles without saying in which kind of widget."""
    text = re.sub(r"/\*.*?\*/", "", (FRONTEND / f"{name}.css").read_text("utf-8"), flags=re.DOTALL)
    selectors = (rule.split("{")[0] for rule in text.split("}"))
    shared = set(re.findall(r"\.([\w-]+)", (FRONTEND / "core.css").read_text("utf-8")))
    found = {c for s in selectors if "[data-kind" not in s for c in re.findall(r"\.([\w-]+)", s)}
    return found - shared


@pytest.mark.parametrize(("one", "other"), list(combinations(NAMES, 2)))
def test_no_two_widgets_style_the_same_class(one: str, other: str):
    assert own_classes(one)
    assert own_classes(other)
    assert not own_classes(one) & own_classes(other)


@pytest.mark.parametrize("name", NAMES)
def test_shared_classes_are_styled_only_within_the_widget(name: str):
    """A rule that begins with a class of the core would reach every widget on the page."""
    text = re.sub(r"/\*.*?\*/", "", (FRONTEND / f"{name}.css").read_text("utf-8"), flags=re.DOTALL)
    shared = set(re.findall(r"\.([\w-]+)", (FRONTEND / "core.css").read_text("utf-8")))
    selectors = [s.strip() for rule in text.split("}") for s in rule.split("{")[0].split(",")]
    wide = [
        selector
        for selector in selectors
        if selector
        and "[data-kind" not in selector
        and set(re.findall(r"\.([\w-]+)", selector)) <= shared
    ]
    assert not [s for s in wide if "." in s]
