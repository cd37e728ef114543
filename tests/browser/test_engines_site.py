"""The site and the deck in Firefox and WebKitGTK, as test_site.py and test_slides.py have them in Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.browser.drive_site import CURRENT, LEAST_SHARE
from tests.support.engines import (
    DOWN,
    UP,
    Engine,
    FirefoxEngine,
    box_of,
    cell_middle,
    click,
    drag_slider,
    into_view,
    move,
    opened,
    wait_for,
)
from tests.support.sites import COUNT, DECK_START, INSTRUMENTS, slide_of

pytestmark = pytest.mark.browser
ALL_READY = """document.readyState === "complete" && document.querySelector(".vk[data-ready=true]") !== null
    && !document.querySelector(".vk:not([data-ready=true])")"""
TEXT = "document.querySelector({!r}).textContent"


@pytest.fixture(params=["firefox", "webkit"])
def engine(request) -> Iterator[Engine]:
    with opened(request.param, request, width=1280, height=768) as found:
        yield found
        if isinstance(found, FirefoxEngine):
            assert found.errors() == []


def painted(engine: Engine, selector: str) -> bool:
    """Whether an element on view has many colours: more than paper, a frame and letters."""
    x, y, width, height = into_view(engine, selector)
    image = np.asarray(engine.screenshot())
    scale = image.shape[1] / engine.ask("innerWidth")
    left, top, right, low = (round(max(0, at) * scale) for at in (x, y, x + width, y + height))
    return len(np.unique(image[top:low, left:right].reshape(-1, 3), axis=0)) > 60


def says(engine: Engine, place: str, words: str) -> None:
    wait_for(engine, f"{TEXT.format(place)}.includes({words!r})", 20)


def test_the_front_pages_instrument_answers_and_leads_to_a_page(engine, site):
    engine.open(site / "index.html")
    wait_for(engine, ALL_READY)
    assert engine.ask("document.documentElement.scrollWidth <= innerWidth")
    canvas = ".opening .vk-main canvas"
    assert painted(engine, canvas)
    x, y, width, height = into_view(engine, canvas)
    for at, place in (((0.6, 0.3), "row 1, column 2"), ((0.1, 0.9), "row 3, column 0")):
        engine.pointer([move(x + at[0] * width, y + at[1] * height)])
        says(engine, ".opening .vk-status", place)
    click(engine, ".card")
    wait_for(engine, "document.title.startsWith('00 · First')")


def test_a_course_page_paints_answers_and_follows_the_theme(engine, site):
    engine.open(site / "00_first.html")
    wait_for(engine, ALL_READY)
    assert engine.ask("window.hacked === undefined")
    for kind in ("SimilarityMatrix", "AttentionMap", "EmbeddingSpace"):
        assert painted(engine, f".{kind} canvas[role=application]"), kind
    into_view(engine, "canvas.sm-main")
    for row, column in ((2, 5), (6, 1)):
        engine.pointer([move(*cell_middle(engine, "canvas.sm-main", row, column))])
        says(engine, ".SimilarityMatrix .vk-status", f"image {row} × text {column}")
    # A linked instrument follows.
    x, y, width, height = into_view(engine, ".AttentionMap .vk-main canvas")
    engine.pointer([move(x + 0.9 * width, y + 0.1 * height), DOWN, UP])
    says(engine, "#vizkit-2 .vk-status", "point 3 ")
    # A question is answered, a chart drawn, a formula set.
    click(engine, ".Quiz label:nth-of-type(2)")
    says(engine, ".Quiz [role=status]", "✓ Right. Well said.")
    into_view(engine, ".chart")
    wait_for(engine, "document.querySelector('.chart path.js-line') !== null")
    assert box_of(engine, "main p math mfrac")[3] > 1.5 * box_of(engine, "main p math mfrac mi")[3]
    click(engine, "header button[aria-label*=theme], header button[title*=theme]")
    wait_for(engine, "document.querySelector('.vk').dataset.theme === 'dark'")
    engine.ask("scrollTo({ top: 0, behavior: 'instant' })")
    assert np.asarray(engine.screenshot())[-40, 3].max() < 60
    click(engine, "header button[aria-label*=theme], header button[title*=theme]")


def turn_to(engine: Engine, number: int) -> None:
    """On by the clicker, to a slide and all that it has to show."""
    more = f"document.querySelector('{CURRENT} .fragment:not(.visible)') !== null"
    for _ in range(60):
        if engine.ask(f"parseInt({TEXT.format('#count')})") >= number and not engine.ask(more):
            break
        engine.press("PageDown")
    says(engine, "#count", f"{number} / {COUNT}")
    wait_for(engine, f"!document.querySelector('{CURRENT} .vk:not([data-ready=true])')")


def test_the_deck_turns_its_instruments_are_large_and_keep_their_keys(engine, deck_path):
    engine.open(deck_path)
    wait_for(engine, "document.body.dataset.ready === 'true'")
    for key, number in (("ArrowRight", 2), ("End", COUNT), ("Home", 1)):
        engine.press(key)
        says(engine, "#count", f"{number} / {COUNT}")
    height = engine.ask("innerHeight")

    turn_to(engine, slide_of("matrix"))
    matrix = f"{CURRENT} canvas.sm-main"
    assert box_of(engine, f"{CURRENT} .vk")[3] >= LEAST_SHARE * height
    for row, column in ((20, 20), (3, 11)):
        engine.pointer([move(*cell_middle(engine, matrix, row, column))])
        says(engine, f"{CURRENT} .vk-status", f"image {row} × text {column}")

    # In full screen the clicker belongs to the instrument.
    full = f"document.querySelector('{CURRENT} .vk').dataset.full"
    view = f"document.querySelector('{CURRENT} .vk select').value"
    small = box_of(engine, matrix)[3]
    engine.ask(f"document.querySelector({matrix!r}).focus()")
    engine.press("f")
    wait_for(engine, f"{full} === 'true' && document.fullscreenElement !== null")
    wait_for(engine, f"document.querySelector({matrix!r}).clientHeight > {1.1 * small}")
    before = engine.ask(view)
    engine.press("PageDown")
    wait_for(engine, f"{view} !== {before!r}")
    engine.press("ArrowRight")
    says(engine, "#count", f"{slide_of('matrix')} / {COUNT}")
    engine.press("f")
    wait_for(engine, f"{full} === 'false' && document.fullscreenElement === null")
    engine.press("PageDown")
    says(engine, "#count", f"{slide_of('matrix') + 1} / {COUNT}")

    turn_to(engine, slide_of("maps"))
    assert box_of(engine, f"{CURRENT} .vk")[3] >= LEAST_SHARE * height
    x, y, wide, high = box_of(engine, f"{CURRENT} .vk-main canvas")
    for at, place in (((0.1, 0.9), "row 3, column 0"), ((0.6, 0.35), "row 1, column 2")):
        engine.pointer([move(x + at[0] * wide, y + at[1] * high), DOWN, UP])
        says(engine, f"{CURRENT} .vk-status", f"query {place}")


def test_sliders_are_dragged_on_a_slide_and_in_full_screen(engine, deck_path):
    """The loss on view is the one at the temperature that the thumb was dragged to."""
    made: dict = {}
    exec(DECK_START, made)
    widget = eval(INSTRUMENTS["matrix"], made)
    engine.open(deck_path)
    wait_for(engine, "document.body.dataset.ready === 'true'")
    turn_to(engine, slide_of("matrix"))
    slider = f"{CURRENT} .vk input[aria-label='temperature τ']"
    loss = f"Number(document.querySelector('{CURRENT} .sm-tiles b').dataset.value)"

    def dragged(fraction: float) -> None:
        place = drag_slider(engine, slider, fraction)
        assert place == pytest.approx(np.log(0.005) + fraction * np.log(400), abs=0.25)
        widget.temperature = float(np.exp(place))
        expected = widget.numbers().infonce_loss
        wait_for(engine, f"Math.abs({loss} - {expected}) < 1e-4", 10)

    for fraction in (0.8, 0.1):
        dragged(fraction)
    says(engine, "#count", f"{slide_of('matrix')} / {COUNT}")
    engine.ask(f"document.querySelector('{CURRENT} canvas.sm-main').focus()")
    engine.press("f")
    wait_for(engine, f"document.querySelector('{CURRENT} .vk').dataset.full === 'true'")
    wait_for(engine, f"document.querySelector('{CURRENT} .vk').getBoundingClientRect().left === 0")
    for fraction in (0.9, 0.3):
        dragged(fraction)
    says(engine, "#count", f"{slide_of('matrix')} / {COUNT}")
