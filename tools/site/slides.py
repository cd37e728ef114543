"""The HTML of a deck: a section a slide, for reveal.js."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from tools.course.slideshow import Part, Slide, slides_of
from tools.site.notebook import Layout, Page, outputs_of

# Where a cell draws, what it prints besides belongs to the reader, not to the audience.
_PICTURES = ('class="widget ', 'class="chart"', "<img ")
_INSTRUMENT = re.compile(r'<div class="widget (?!Quiz)')


def deck_of(name: str, notebook: Any, run: dict[str, Any], names: Sequence[str]) -> Page | None:
    """The slides of a notebook as a page whose blocks are the deck's sections; None if it has no slides.

    Args:
        notebook, run, names: as of `page_of`.
    """
    layout = Layout(Page(name), run["widgets"], frozenset(names))
    outputs = outputs_of(notebook, run)
    stacks: list[list[str]] = []
    for slide in slides_of(notebook.cells):
        if slide.new_section or not stacks:
            stacks.append([])
        stacks[-1].append(_section(layout, slide, outputs))
    for stack in stacks:
        html = "\n".join(stack)
        layout.page.blocks.append(html if len(stack) == 1 else f"<section>{html}</section>")
    return layout.finish(notebook) if stacks else None


def _section(layout: Layout, slide: Slide, outputs: dict[str, Any]) -> str:
    head = layout.to_html(slide.title) if slide.title else ""
    if not head and slide.section:
        head = f'<p class="section">{_inline(layout, slide.section)}</p>'
    shown = [_part(layout, part, outputs) for part in slide.parts]
    notes = "\n".join(layout.to_html(note) for note in slide.notes)
    codes = "".join(_code(layout, part.cell) for part in slide.parts if part.cell is not None)
    kind = "title" if slide.title.startswith("# ") else "plain"
    if any(_INSTRUMENT.search(html) for html in shown):
        kind = "instrument"
    elif any(picture in html for html in shown for picture in _PICTURES):
        kind = "picture"
    aside = f'<aside class="notes">{_without_places(notes)}</aside>' if notes else ""
    code = f'<template class="source">{codes}</template>' if codes else ""
    inside = _without_places(head) + "\n".join(filter(None, shown)) + code + aside
    return f'<section class="{kind}">{inside}</section>'


def _part(layout: Layout, part: Part, outputs: dict[str, Any]) -> str:
    waits = " fragment" if part.waits else ""
    if part.cell is None:
        asks = " question" if part.text.startswith("**Predict") else ""
        return f'<div class="says{asks}{waits}">{layout.to_html(part.text)}</div>'
    html = [text for text in map(layout.output, outputs[part.cell.id]) if text]
    drawn = [text for text in html if any(picture in text for picture in _PICTURES)]
    html = drawn or html
    if not html:
        return ""
    # An instrument, a chart and a picture fill the room that the words leave.
    inside = "".join(html).replace('<div class="widget ', '<div data-room class="widget ')
    return f'<div class="shows{waits}">{inside}</div>'


def _code(layout: Layout, cell: Any) -> str:
    """The source of a cell, behind a key; that of a question holds its answer, and stays away."""
    hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    return "" if hidden else layout.source(cell.source)


def _inline(layout: Layout, text: str) -> str:
    return re.sub(r"^<p>|</p>\s*$", "", layout.to_html(text)) or escape(text)


def _without_places(html: str) -> str:
    """Headings without their ids: the same heading may stand on a slide and in its notes."""
    return re.sub(r'(<h[1-6]) id="[^"]*"', r"\1", html)
