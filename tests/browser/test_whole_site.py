"""Every notebook as a page and as slides, from its stored outputs: small, joined up, and legible.

Nothing runs here, so the widgets are the pictures that the notebooks store; test_site.py has them
alive. All decks share one browser page, and a script measures all slides of a deck at once.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from playwright.sync_api import Page

from tests.browser.drive_site import SLIDES, open_deck
from tests.support.harness import picture_of, wait_until
from tools.site import build
from tools.site.build import MOST_BYTES, build_site

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SCREEN = {"width": 1280, "height": 720}
LEAST_TYPE = 15.9  # pixels on a screen of 720 lines
# What is wrong with the slides of a deck. Scripts and limits of a formula are small everywhere, and
# a chart's own type is checked where it is text of its axes, legend and title.
FAULTS = """least => [...document.querySelectorAll('.slides section:not(.stack, :has(> section))')].flatMap((slide, index) => {
    const faults = [], say = (text) => faults.push(`slide ${index + 1} ${text}`);
    const room = slide.getBoundingClientRect(), shown = slide.querySelector('.says, .shows, h1, h2, h3');
    if (!shown || !shown.getBoundingClientRect().height) say('is empty');
    const scrolls = (part) => part.scrollHeight > part.clientHeight + 1 || part.scrollWidth > part.clientWidth + 1;
    for (const part of [slide, ...slide.querySelectorAll('pre, .table, .shows, .says')])
        if (scrolls(part)) say(`cuts ${part.className || part.tagName} off`);
    const words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    for (let node; (node = words.nextNode()); ) {
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest('math, svg, aside, script, details:not([open]) > :not(summary)')) continue;
        const size = parseFloat(getComputedStyle(parent).fontSize);
        if (size < least) say(`has type of ${size.toFixed(1)} px: ${node.data.trim().slice(0, 30)}`);
    }
    for (const text of slide.querySelectorAll('.chart svg text')) {
        const size = parseFloat(getComputedStyle(text).fontSize);
        if (text.textContent.trim() && size < least) say(`has type of ${size.toFixed(1)} px in a chart: ${text.textContent}`);
    }
    for (const picture of slide.querySelectorAll('.shows > img, .shows > .chart')) {
        const { width, height } = picture.getBoundingClientRect();
        if (Math.max(height / room.height, width / room.width) < 0.4) say(`has a picture of ${width} x ${height}`);
    }
    return faults;
})"""


def stored(path: Path, cache: Path, on_cell=None) -> dict:
    """What `execute.run` returns, from the outputs in the file instead of from a kernel."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [cell.outputs for cell in cells if cell.cell_type == "code"]
    return {"outputs": outputs, "widgets": {"models": {}, "links": []}}


def site_of(notebooks: list[Path], folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "run", stored)
        patch.setattr(build, "is_cached", lambda path, cache: True)
        build_site(notebooks, folder, slides=True)
    return folder


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """The site of the whole course."""
    return site_of(NOTEBOOKS, tmp_path_factory.mktemp("course") / "site")


def open_on_paper(page: Page, path: Path) -> None:
    """All slides of a deck below each other, as they go on paper: laid out as on the screen."""
    page.set_viewport_size(SCREEN)
    open_deck(page, f"{path.as_uri()}?print-pdf")
    wait_until(
        lambda: page.evaluate("!document.querySelector('.shows .chart:not([data-drawn])')"),
        f"every chart of {path.stem} is drawn",
        timeout=90,
    )


def test_no_slide_of_the_course_is_empty_runs_over_or_has_small_type(page: Page, course: Path):
    faults = []
    for path in sorted((course / "slides").glob("*.html")):
        open_on_paper(page, path)
        for fault in page.evaluate(FAULTS, LEAST_TYPE):
            faults.append(f"{path.stem}: {fault}")
            number = int(fault.split()[1])
            slide = page.locator(SLIDES).nth(number - 1)
            picture_of(slide, f"{path.stem}-{number}.png")
    # The ledger has none: it is a table to look things up in.
    assert len(list((course / "slides").glob("*.html"))) == len(NOTEBOOKS) - 1
    assert faults == []


def test_every_page_is_small(course: Path):
    sizes = {path: len(path.read_bytes()) for path in course.rglob("*.html")}
    assert len(sizes) == 2 * len(NOTEBOOKS)
    large = {path.name: size for path, size in sizes.items() if size >= MOST_BYTES}
    assert large == {}


def test_every_link_of_the_course_leads_to_a_place(course: Path):
    places = {
        path.name: {
            unescape(place) for place in re.findall(r' id="([^"]*)"', path.read_text("utf-8"))
        }
        for path in course.glob("*.html")
    }
    dead, links = [], 0
    for path in course.rglob("*.html"):
        for link in re.findall(r'<a [^>]*href="([^":]*)"', path.read_text("utf-8")):
            links += 1
            page, _, place = unquote(unescape(link)).partition("#")
            target = (path.parent / page) if page else path
            known = places.get(target.name, set()) if target.parent.resolve() == course else {""}
            if not target.is_file() or (place and place not in known and path.parent == course):
                dead.append(f"{path.name}: {link}")
    assert links > 30 * len(NOTEBOOKS)
    assert dead == []
