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
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Page, expect

from tests.browser.harness import picture_of, wait_until
from tools.site import build
from tools.site.build import MOST_BYTES, build_site

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SCREEN = {"width": 1280, "height": 720}
LEAST_TYPE = 15.9  # pixels on a screen of 720 lines
# What is wrong with the slides of a deck. Scripts and limits of a formula are small everywhere, and
# a chart's own type is checked where it is text of its axes, legend and title.
FAULTS = """least => [...document.querySelectorAll('.slide')].flatMap((slide, index) => {
    const body = slide.firstElementChild, faults = [], say = (text) => faults.push(`slide ${index + 1} ${text}`);
    const box = body.getBoundingClientRect(), room = slide.getBoundingClientRect();
    if (!box.height) say('is empty');
    if (box.bottom > room.bottom - 8 || box.right > room.right || box.top < room.top)
        say(`runs over its edge: ${Math.round(box.bottom)} of ${Math.round(room.bottom)}`);
    const scrolls = (part) => part.scrollHeight > part.clientHeight + 1 || part.scrollWidth > part.clientWidth + 1;
    for (const part of body.querySelectorAll('pre, .table, .output, .code, .cell'))
        if (scrolls(part) && !part.querySelector('.chart')) say(`cuts ${part.className || part.tagName} off`);
    const words = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    for (let node; (node = words.nextNode()); ) {
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest('math, svg, details:not([open]) > :not(summary)')) continue;
        const size = parseFloat(getComputedStyle(parent).fontSize) * (parent.currentCSSZoom ?? 1);
        if (size < least) say(`has type of ${size.toFixed(1)} px: ${node.data.trim().slice(0, 30)}`);
    }
    for (const text of body.querySelectorAll('.chart svg text')) {
        const size = parseFloat(getComputedStyle(text).fontSize);
        if (text.textContent.trim() && size < least) say(`has type of ${size.toFixed(1)} px in a chart: ${text.textContent}`);
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


def open_deck(page: Page, path: Path) -> None:
    page.set_viewport_size(SCREEN)
    page.goto(path.as_uri(), timeout=90_000)
    page.locator("body[data-ready]").wait_for(state="attached", timeout=90_000)
    wait_until(
        lambda: page.evaluate(
            "!document.querySelector('.slide:not([data-fitted=true]), .slide .chart:not([data-drawn])')"
        ),
        f"every slide of {path.stem} is laid out",
        timeout=90,
    )


def test_no_slide_of_the_course_scrolls_or_has_small_type(page: Page, course: Path):
    faults = []
    for path in sorted((course / "slides").glob("*.html")):
        open_deck(page, path)
        assert page.locator(".slide").count() >= 7, path.stem
        for fault in page.evaluate(FAULTS, LEAST_TYPE):
            faults.append(f"{path.stem}: {fault}")
            page.goto(f"{path.as_uri()}#{fault.split()[1]}")
            picture_of(page, f"{path.stem}-{fault.split()[1]}.png")
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


# ---------------------------------------------------------------------------- too much for a slide

LINES = [f"line {index} = {'value ' * 3}# and why" for index in range(70)]
ROWS = "\n".join(f"| {index} | {'word ' * 30}|" for index in range(30))
ITEMS = "\n".join(f"{index + 1}. item {index} {'word ' * 20}" for index in range(25))


@pytest.fixture
def crowded(tmp_path: Path, page: Page) -> Page:
    """The deck of a notebook whose every part is taller than a screen."""
    printed = new_output("stream", name="stdout", text="\n".join(f"result {i}" for i in range(60)))
    card = new_output("display_data", {"text/html": "<div>A card.</div>", "text/plain": "A card."})
    skipped = new_markdown_cell("## Left out\n\nNot for the screen.")
    skipped.metadata["slideshow"] = {"slide_type": "skip"}
    broken = new_markdown_cell("A paragraph on a slide of its own.")
    broken.metadata["slideshow"] = {"slide_type": "subslide"}
    cells = [
        new_markdown_cell("# 01 · Crowded\n\n> Much.\n\n## Code"),
        new_code_cell("\n".join(LINES), outputs=[printed]),
        new_markdown_cell(f"## Table\n\n| a | b |\n|---|---|\n{ROWS}\n\n## List\n\n{ITEMS}"),
        skipped,
        new_markdown_cell("## Question\n\n**Predict.** What comes?"),
        new_code_cell("show_the_card()", outputs=[card]),
        broken,
    ]
    path = tmp_path / "01_crowded.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    open_deck(page, site_of([path], tmp_path / "site") / "slides" / "01_crowded.html")
    return page


def squeezed(*texts: str) -> str:
    """All words with nothing between them: lines and blocks leave no trace in a text content."""
    return "".join("".join(text.split()) for text in texts)


def test_what_is_too_tall_goes_on_and_nothing_is_lost(crowded: Page):
    assert crowded.evaluate(FAULTS, LEAST_TYPE) == []
    said = squeezed(*crowded.locator(".slide").all_text_contents())
    items = (f"item {index} word" for index in range(25))
    for text in (*LINES, "result 0", "result 59", *items):
        assert said.count(squeezed(text)) == 1, text
    tables = crowded.locator(".slide table")
    assert tables.count() > 1
    assert tables.locator("tbody tr").count() == 30
    assert tables.locator("thead").count() == tables.count()
    starts = crowded.locator(".slide ol").evaluate_all("all => all.map(list => list.start)")
    counts = crowded.locator(".slide ol").evaluate_all(
        "all => all.map(list => list.children.length)"
    )
    assert starts == [1 + sum(counts[:index]) for index in range(len(counts))]


def test_metadata_leaves_out_and_breaks_and_an_answer_waits(crowded: Page):
    assert "Not for the screen." not in crowded.locator("#stage").text_content()
    slides = crowded.locator(".slide").all_text_contents()
    (question,) = [index for index, text in enumerate(slides) if "Predict." in text]
    assert "A card." in slides[question + 1]
    assert "A card." not in slides[question]
    assert slides[-1].strip() == "QuestionA paragraph on a slide of its own."


def test_the_code_of_a_picture_waits_behind_a_key(crowded: Page):
    source = crowded.locator("#source")
    index = 1 + crowded.locator(".slide").evaluate_all(
        "all => all.findIndex(slide => slide.textContent.includes('A card.'))"
    )
    crowded.keyboard.press("c")
    expect(source).to_be_hidden()  # the first slide shows nothing that code made
    for _ in range(index - 1):
        crowded.keyboard.press("PageDown")
    for close in ("c", "Escape", "PageDown"):
        crowded.keyboard.press("c")
        expect(source).to_be_visible()
        expect(source).to_have_text("show_the_card()")
        crowded.keyboard.press(close)
        expect(source).to_be_hidden()
    expect(crowded.locator("#count")).to_contain_text(f"{index + 1} / ")
