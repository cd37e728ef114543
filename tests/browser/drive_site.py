"""Touches everything on the pages of a finished site, with the network off, and says what is dead.

    python -m tests.browser.drive_site site [--pictures folder]

`make site` first; this opens every page and every slide deck of it as a file. The tests do the same
with a small site: to run the whole course for one takes as long as the course itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, Locator, Page
from tqdm import tqdm

from tests.support.harness import CHROMIUM_FLAGS, PageLog, drag_slider, picture_of, wait_until
from tools.browsers import headless_chromium

PAGE = {"width": 1280, "height": 900}
SLIDE = {"width": 1280, "height": 720}
PATIENCE = 15  # seconds for what is to appear
PIECE = 4000  # lines of a picture
VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


def faults_of_page(page: Page, address: str) -> list[str]:
    """Open a page, wait for its widgets and charts, move every slider, answer every question."""
    open_alive(page, address)
    faults = []
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        if not comes(chart.locator("svg.main-svg").first):
            faults.append(f"chart not drawn: {chart.get_attribute('aria-label')}")
    for widget in page.locator(".vk").all():
        name = widget.get_attribute("aria-label") or widget.get_attribute("class")
        faults += [f"{name}: {fault}" for fault in faults_of_widget(widget)]
    return faults + [f"policy violated: {what}" for what in page.evaluate("window.violations")]


SLIDES = ".slides section:not(.stack, :has(> section))"
CURRENT = f"{SLIDES}.present"
LEAST_SHARE = 0.6  # of its slide's height that an instrument takes


def faults_of_deck(page: Page, address: str) -> list[str]:
    """Open a slide deck, turn to every slide that holds a widget, and move its sliders."""
    open_deck(page, address)
    slides = page.locator(SLIDES).evaluate_all(
        "all => all.flatMap((slide, index) => slide.querySelector('.vk') ? [index + 1] : [])"
    )
    faults = []
    for number in slides:
        turn_to(page, number)
        for widget in page.locator(f"{CURRENT} .vk").all():
            faults += [f"slide {number}: {fault}" for fault in faults_of_widget(widget)]
            faults += [f"slide {number}: {fault}" for fault in misplaced(widget)]
    return faults


def open_deck(page: Page, address: str) -> None:
    page.goto(address, timeout=90_000)
    page.locator("body[data-ready]").wait_for(state="attached", timeout=90_000)


def turn_to(page: Page, number: int) -> None:
    """Go on to a later slide, counted from 1, and to all that it has to show."""
    hidden = page.locator(f"{CURRENT} .fragment:not(.visible)")
    for _ in range(500):
        at = int(page.locator("#count").inner_text().split(" / ")[0])
        if at >= number and not hidden.count():
            break
        page.locator("#on").click()
    widgets, ready = page.locator(f"{CURRENT} .vk"), page.locator(f"{CURRENT} .vk[data-ready=true]")
    wait_until(lambda: ready.count() == widgets.count(), "every widget of the slide is ready")
    # What comes with a click fades in; until then its colours are not its own.
    page.wait_for_function(
        "() => document.getAnimations().every(one => one.playState !== 'running')"
    )


def open_alive(page: Page, address: str) -> None:
    page.goto(address, timeout=90_000)
    widgets, ready = page.locator(".vk"), page.locator(".vk[data-ready=true]")
    wait_until(lambda: ready.count() == widgets.count(), "every widget is ready", timeout=90)


def faults_of_widget(widget: Locator) -> Iterator[str]:
    """What does not answer: a slider without effect, a question without feedback."""
    widget.scroll_into_view_if_needed()
    for slider in widget.locator("input[type=range]").all():
        if not slider.is_visible() or slider.is_disabled():
            continue
        before, value = seen(widget), float(slider.input_value())
        low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
        drag_slider(slider, 0.2 if value > (low + high) / 2 else 0.8)
        if not changes(widget, before):
            yield f"{slider.get_attribute('aria-label')} moves nothing"
    choices = widget.get_by_role("radio")
    if widget.locator("legend").count() and choices.count():
        choices.first.check()
        if not comes(widget.get_by_role("status").filter(has_text=".")):
            yield "a question without an answer"


def misplaced(widget: Locator) -> Iterator[str]:
    """Whether a widget runs over the edge of the screen, or is too small for it."""
    box, screen = widget.bounding_box(), widget.page.viewport_size
    if box["y"] + box["height"] > screen["height"] or box["x"] + box["width"] > screen["width"]:
        yield f"runs over the edge: {box}"
    if box["height"] < LEAST_SHARE * screen["height"]:
        yield f"takes {box['height'] / screen['height']:.0%} of the height"
    if widget.evaluate("one => one.scrollHeight > one.clientHeight + 1"):
        yield "scrolls"


def seen(widget: Locator) -> tuple[str, bytes]:
    """What a widget shows, but for its sliders, which move in any case."""
    canvases = widget.locator("canvas")
    pictures = b"".join(picture_of(one).tobytes() for one in canvases.all() if one.is_visible())
    return widget.inner_text(), pictures


def changes(widget: Locator, before: tuple[str, bytes]) -> bool:
    try:
        wait_until(lambda: seen(widget) != before, "something else to see", timeout=PATIENCE / 3)
    except AssertionError:
        return False
    return True


def comes(part: Locator) -> bool:
    try:
        part.wait_for(timeout=1000 * PATIENCE)
    except Error:
        return False
    return True


def drive(site: Path, pictures: Path | None) -> list[str]:
    """Every page and deck of a site; a picture of each, light and dark, where wanted."""
    pages = [*sorted(site.glob("*.html")), *sorted((site / "slides").glob("*.html"))]
    if not pages:
        raise ValueError(f"expected a site with pages, found none in {site}: make site first")
    faults = []
    with headless_chromium(*CHROMIUM_FLAGS) as browser:
        for path in tqdm(pages, desc="pages", unit="page"):
            viewport = SLIDE if path.parent.name == "slides" else PAGE
            context = browser.new_context(viewport=viewport, offline=True)
            context.add_init_script(VIOLATIONS)
            page = context.new_page()
            faults += [f"{path.relative_to(site)}: {fault}" for fault in faults_of(page, path)]
            if pictures is not None and viewport is PAGE:
                take_pictures(page, pictures / path.stem)
            context.close()
    return faults


def faults_of(page: Page, path: Path) -> list[str]:
    """All that is wrong with one file; a page that does not even open has one fault, and says so."""
    log = PageLog()
    log.watch(page)
    find = faults_of_deck if path.parent.name == "slides" else faults_of_page
    try:
        found = find(page, path.as_uri())
        log.check()
    except (AssertionError, Error) as error:
        return [str(error)]
    return found


def take_pictures(page: Page, start: Path) -> None:
    """A page from top to bottom, light and dark, as `<start>-light-0.png`, `-1.png`, ...

    In pieces, because Chromium repeats the first 16,384 lines of what is longer.
    """
    height = page.evaluate("document.documentElement.scrollHeight")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for number, top in enumerate(range(0, height, PIECE)):
            piece = {"x": 0, "y": top, "width": PAGE["width"], "height": min(PIECE, height - top)}
            path = start.with_name(f"{start.name}-{scheme}-{number}.png")
            page.screenshot(path=path, full_page=True, clip=piece)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of every page")
    options = parser.parse_args(arguments)
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    try:
        faults = drive(options.site, options.pictures)
    except FileNotFoundError as error:
        sys.exit(str(error))
    print("\n".join(faults) or "every page and deck is alive, and asked for nothing")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
