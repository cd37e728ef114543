"""What every instrument ships to the browser: small, self-contained, and no way in for markup."""

from __future__ import annotations

import re

import pytest

from vizkit import widgets
from vizkit.widgets import assets

# Bytes of the packed part of each, style sheet included: what a notebook receives once, however many it shows.
BUDGETS = {
    "SimilarityMatrix": 12_500,
    "AttentionMap": 12_900,
    "EmbeddingSpace": 16_400,  # two renderers: on a graphics card, and in the bytes of a plain canvas
    "LivingEncoder": 31_900,  # a drawing of the world and a forward pass in it
}
SHARED = 9_700  # what all of them need, which a notebook receives once
LOADER = 2_600  # what every single widget carries; a layout, which most do without now, took 1,700
THREE = 52_700  # of the first three together, as much as when they shared nothing and could do less
ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*")
NAMESPACE = re.compile(r"http://www\.w3\.org/(?:2000/svg|1999/xhtml|1999/xlink)")
FORBIDDEN = {
    "import": re.compile(r"^\s*import[\s{*\"']|\bimport\s*\(", re.MULTILINE),
    "require": re.compile(r"\brequire\s*\("),
    "innerHTML": re.compile(r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b"),
    "markup parser": re.compile(r"\b(?:DOMParser|createContextualFragment|setHTMLUnsafe)\b"),
    "eval": re.compile(r"\beval\s*\(|\bnew Function\b|\bset(?:Timeout|Interval)\s*\(\s*[\"'`]"),
}
FORBIDDEN_CSS = re.compile(r"@import|url\((?!\s*[\"']?data:)")


def javascript_faults(source: str) -> list[str]:
    """Names of the rules that a module breaks."""
    faults = [name for name, pattern in FORBIDDEN.items() if pattern.search(source)]
    return faults + (["address"] if ADDRESS.search(NAMESPACE.sub("", source)) else [])


@pytest.fixture(params=BUDGETS)
def shipped(request) -> tuple[str, str]:
    """The JavaScript and the CSS of one widget, as the browser runs them."""
    name = getattr(widgets, request.param).frontend
    return assets.script(name), assets.style(name)


def test_every_part_stays_within_its_budget():
    sizes = {name: len(assets.part(getattr(widgets, name).frontend)) for name in BUDGETS}
    assert all(1_000 < size <= BUDGETS[name] for name, size in sizes.items()), sizes
    assert 1_000 < len(assets.part("shared")) <= SHARED
    three = [sizes[name] for name in ("SimilarityMatrix", "AttentionMap", "EmbeddingSpace")]
    assert sum(three) + len(assets.part("shared")) <= THREE


@pytest.mark.parametrize("name", BUDGETS)
def test_every_widget_carries_a_loader_and_no_more(name):
    frontend = getattr(widgets, name).frontend
    assert 500 < len(assets.module(frontend, complete=False).encode()) <= LOADER


def test_a_widget_needs_nobody_and_writes_no_markup(shipped):
    javascript, css = shipped
    assert javascript_faults(javascript) == []
    assert not FORBIDDEN_CSS.search(css)
    assert not ADDRESS.search(css)


def test_a_widget_ends_in_its_one_export(shipped):
    javascript, _ = shipped
    assert len(re.findall(r"\bexport(?:\s*\{|\s+\w)", javascript)) == 1
    assert re.search(r"\bexport ?\{[^}]*[\w$]+ as default\b[^}]*\};\s*$", javascript)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('import { a } from "b";', "import"),
        ('const a = await import("b");', "import"),
        ("el.innerHTML = caption;", "innerHTML"),
        ('el.insertAdjacentHTML("beforeend", caption);', "innerHTML"),
        ("eval(text)", "eval"),
        ('setTimeout("run()", 5)', "eval"),
        ('fetch("https://example.org/x.js")', "address"),
        ('el.src = "//example.org/x.js"', "address"),
    ],
)
def test_a_fault_is_noticed(source, fault):
    assert fault in javascript_faults(source)


def test_the_svg_namespace_is_no_address():
    source = 'document.createElementNS("http://www.w3.org/2000/svg", "svg"); // a comment'
    assert javascript_faults(source) == []
