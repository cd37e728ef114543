"""A deck in Chromium: keys, clicker, full screen, notes, paper, and instruments that are large and answer where they are hit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.drive_site import CURRENT, LEAST_SHARE, SLIDES, open_deck, turn_to
from tests.browser.test_accessibility import violations
from tests.support.harness import click_at, drag_slider, picture_of, press, wait_until
from tests.support.sites import COUNT, DECK_START, INSTRUMENTS, slide_of
from vizkit.widgets import EmbeddingSpace, SimilarityMatrix, picture

pytestmark = pytest.mark.browser
SCREEN = {"width": 1280, "height": 720}
LEAST_TYPE = 16.5  # pixels of an instrument's controls on a screen of 720 lines


@pytest.fixture
def deck(page: Page, deck_path: Path) -> Page:
    page.set_viewport_size(SCREEN)
    open_deck(page, deck_path.as_uri())
    return page


def at(deck: Page, number: int) -> None:
    expect(deck.locator("#count")).to_have_text(f"{number} / {COUNT}")


def test_keys_clicker_and_buttons_turn_the_slides(deck: Page):
    at(deck, 1)
    deck.keyboard.press("ArrowRight")
    at(deck, 2)
    expect(deck.locator(f"{CURRENT} .shows")).to_be_hidden()  # what was asked waits
    deck.keyboard.press("Space")
    expect(deck.locator(f"{CURRENT} .shows")).to_be_visible()
    expect(deck.locator(f"{CURRENT} .says.fragment")).to_be_hidden()
    for key, number in (
        ("PageDown", 2),
        ("PageDown", 3),
        ("PageUp", 2),
        ("End", COUNT),
        ("Home", 1),
    ):
        deck.keyboard.press(key)
        at(deck, number)
    deck.get_by_role("button", name="next slide").click()
    at(deck, 2)
    deck.get_by_role("button", name="previous slide").click()
    at(deck, 1)
    turn_to(deck, 4)
    deck.wait_for_timeout(1500)  # reveal.js writes the address at most once a second
    deck.reload()
    deck.locator("body[data-ready]").wait_for(state="attached")
    at(deck, 4)
    deck.evaluate("document.activeElement.blur()")
    deck.keyboard.press("o")
    expect(deck.locator(".reveal.overview")).to_have_count(1)
    deck.keyboard.press("Escape")
    expect(deck.locator(".reveal.overview")).to_have_count(0)


TYPE = """widget => Math.min(...[...widget.querySelectorAll('.vk-field > span, .vk-status')].map(
    (words) => parseFloat(getComputedStyle(words).fontSize)))"""


def test_an_instrument_is_large_and_its_type_legible(deck: Page):
    for name in INSTRUMENTS:
        turn_to(deck, slide_of(name))
        picture_of(deck, f"slide-{name}.png")
        for widget in deck.locator(f"{CURRENT} .vk").all():
            box = widget.bounding_box()
            assert box["height"] >= LEAST_SHARE * SCREEN["height"], name
            assert widget.evaluate("one => one.scrollHeight <= one.clientHeight + 1"), name
            assert widget.evaluate(TYPE) >= LEAST_TYPE, name
        inside = "all => all.every((one) => one.getBoundingClientRect().bottom <= 690)"
        assert deck.locator(f"{CURRENT} > *").evaluate_all(inside), name


def matrix_answers_for_its_cells(deck: Page, widget: SimilarityMatrix) -> None:
    """What is said of a cell is of the colour under the pointer: its similarity's own."""
    canvas = deck.locator(f"{CURRENT} canvas.sm-main")
    screen, box = picture_of(deck), canvas.bounding_box()
    scale = box["width"] / canvas.evaluate("one => one.clientWidth")
    left, top, width, height = map(float, canvas.get_attribute("data-cells").split(",")[:4])
    low, high = widget.color_limits()
    levels = np.rint(255 * (widget.similarity() - low) / (high - low)).clip(0, 255).astype(int)
    table = picture.color_table("viridis").astype(int)
    for row, column in ((20, 19), (3, 11), (0, 23), (23, 0)):
        x = box["x"] + scale * (left + (column + 0.5) * width)
        y = box["y"] + scale * (top + (row + 0.5) * height)
        ink = np.array(screen.getpixel((int(x), int(y))))
        assert np.abs(ink - table[levels[row, column]]).max() < 24, (row, column)
        deck.mouse.move(x, y)
        said = deck.locator(f"{CURRENT} .vk-status")
        expect(said).to_contain_text(f"image {row} × text {column} ")


def space_answers_for_its_marks(deck: Page, widget: EmbeddingSpace) -> None:
    """What is said of a mark is of the one under the pointer, which has its class's colour."""
    canvas = deck.locator(f"{CURRENT} canvas[role=application]")
    screen, box = picture_of(deck), canvas.bounding_box()
    width, height = canvas.evaluate("one => [one.clientWidth, one.clientHeight]")
    places = widget.points[widget.projection][widget.step]  # (N, 2)
    low, high = places.min(0), places.max(0)
    unit = np.min((np.array([width, height]) - 48) / (high - low))
    at = np.array([width, height]) / 2 + (places - (low + high) / 2) * [unit, -unit]
    apart = np.linalg.norm(at[:, None] - at, axis=-1) + 1e9 * np.eye(len(at))
    for index in np.argsort(-apart.min(1))[:4]:  # those with the most room around them
        x, y = [box["x"], box["y"]] + at[index] * box["width"] / width
        ink = np.array(screen.getpixel((int(x), int(y))))
        own = widget.class_colors[int(widget.codes[index])]
        assert np.abs(ink - [int(own[i : i + 2], 16) for i in (1, 3, 5)]).max() < 60, index
        deck.mouse.move(x, y)
        said = deck.locator(f"{CURRENT} .vk-status")
        expect(said).to_contain_text(f"point {index} ")


@pytest.mark.parametrize("scale", [1, 0.7])
def test_a_pointer_hits_what_is_under_it(deck: Page, scale: float):
    """On the slide as it is, and scaled as the overview and other decks scale theirs."""
    deck.evaluate(f"document.querySelector('.slides').style.transform = 'scale({scale})'")
    made: dict = {}
    exec(DECK_START, made)
    turn_to(deck, slide_of("matrix"))
    matrix_answers_for_its_cells(deck, eval(INSTRUMENTS["matrix"], made))
    turn_to(deck, slide_of("space"))
    space_answers_for_its_marks(deck, eval(INSTRUMENTS["space"], made))
    turn_to(deck, slide_of("maps"))
    maps = deck.locator(f"{CURRENT} .vk-main canvas").first
    said = deck.locator(f"{CURRENT} .vk-status")
    for x, y, row, column in ((0.1, 0.9, 3, 0), (0.6, 0.35, 1, 2)):
        click_at(maps, x, y)
        expect(said).to_contain_text(f"query row {row}, column {column}")
    press(maps, "ArrowRight")
    expect(said).to_contain_text("query row 1, column 3")
    at(deck, slide_of("maps"))


def test_the_clicker_turns_the_slide_unless_an_instrument_fills_the_screen(deck: Page):
    number = slide_of("matrix")
    turn_to(deck, number)
    widget = deck.locator(f"{CURRENT} .vk")
    small = widget.locator("canvas.sm-main").bounding_box()
    drag_slider(deck.get_by_label("temperature τ", exact=True).first, 0.8)
    widget.locator(".vk-last button").first.click()
    expect(widget).to_have_attribute("data-full", "true")
    wait_until(lambda: widget.bounding_box()["height"] >= 719, "fills the screen")
    wait_until(
        lambda: widget.locator("canvas.sm-main").bounding_box()["height"] > 1.15 * small["height"],
        "a larger picture",
    )
    view = widget.get_by_label("view", exact=True)
    expect(view).to_have_value("cosine")
    deck.keyboard.press("PageDown")
    expect(view).to_have_value("softmax over texts")
    # Somebody clicked beside it: the focus is nowhere.
    deck.evaluate("document.activeElement.blur()")
    deck.keyboard.press("PageDown")
    expect(view).to_have_value("softmax over images")
    deck.keyboard.press("ArrowRight")
    at(deck, number)
    deck.keyboard.press("Escape")
    expect(widget).not_to_have_attribute("data-full", "true")
    deck.get_by_label("temperature τ", exact=True).first.focus()
    deck.keyboard.press("PageDown")
    at(deck, number + 1)


def test_full_screen_of_the_deck_gives_way_to_the_instrument(deck: Page):
    turn_to(deck, slide_of("space"))
    deck.evaluate("document.activeElement.blur()")
    deck.keyboard.press("f")
    wait_until(lambda: deck.evaluate("!!document.fullscreenElement"), "the deck in full screen")
    widget = deck.locator(f"{CURRENT} .vk")
    widget.locator(".vk-last button").first.click()
    wait_until(
        lambda: widget.evaluate("one => document.fullscreenElement === one"), "the instrument alone"
    )
    box = widget.locator(".vk-plot").bounding_box()
    assert max(box["width"] / 1280, box["height"] / 720) >= 0.75


def test_code_waits_behind_a_key_and_a_questions_never_comes(deck: Page):
    source = deck.locator("#source")
    deck.keyboard.press("c")
    expect(source).to_be_hidden()  # nothing that code made
    turn_to(deck, slide_of("maps"))
    deck.evaluate("document.activeElement.blur()")
    for close in ("c", "Escape", "PageDown"):
        deck.keyboard.press("c")
        expect(source).to_have_text(INSTRUMENTS["maps"])
        deck.keyboard.press(close)
        expect(source).to_be_hidden()
    turn_to(deck, COUNT - 1)
    expect(deck.get_by_role("button", name="Code")).to_be_hidden()
    deck.locator(f"{CURRENT} .Quiz").get_by_label("that").check()
    expect(deck.locator(f"{CURRENT} [role=status]")).to_have_text("✓ Right. Yes.")
    assert "Yes." not in deck.locator("template.source").evaluate_all(
        "all => all.map((one) => one.innerHTML).join()"
    )


def test_the_speaker_reads_the_whole_text_in_a_window_of_its_own(deck: Page):
    turn_to(deck, slide_of("maps"))
    with deck.expect_popup() as opened:
        deck.get_by_role("button", name="Notes").click()
    notes = opened.value
    expect(notes.locator("main")).to_contain_text("Set-up.")
    expect(notes.locator("main")).to_contain_text("A reason.")
    expect(notes.locator("#place")).to_have_text(f"{slide_of('maps')} / {COUNT}")
    notes.keyboard.press("PageDown")
    expect(notes.locator("#place")).to_have_text(f"{slide_of('maps') + 1} / {COUNT}")
    at(deck, slide_of("maps") + 1)
    expect(deck.locator(f"{CURRENT} aside.notes")).to_be_hidden()


def test_on_paper_every_slide_is_a_light_page(page: Page, deck_path: Path):
    page.set_viewport_size(SCREEN)
    page.emulate_media(color_scheme="dark")
    open_deck(page, f"{deck_path.as_uri()}?print-pdf")
    wait_until(
        lambda: page.locator(".vk[data-ready=true]").count() == page.locator(".vk").count(),
        "every instrument is drawn",
    )
    assert page.locator(".pdf-page").count() == COUNT
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    answers = page.locator(".says.fragment")
    assert answers.evaluate_all(
        "all => all.every((one) => getComputedStyle(one).visibility === 'visible')"
    )
    sheet = page.pdf(prefer_css_page_size=True)
    assert sheet.count(b"/Type /Page\n") + sheet.count(b"/Type /Page ") == COUNT


def test_sizes_follow_the_screen(deck: Page):
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    small = deck.evaluate(size)
    deck.set_viewport_size({"width": 1920, "height": 1080})
    wait_until(lambda: deck.evaluate(size) == pytest.approx(1.5 * small), "larger type")
    turn_to(deck, slide_of("matrix"))
    box = deck.locator(f"{CURRENT} .vk").bounding_box()
    assert box["height"] >= LEAST_SHARE * 1080
    # Nothing is scaled as a picture: a canvas has the screen's own pixels.
    canvas = deck.locator(f"{CURRENT} canvas.sm-main")
    assert canvas.evaluate("one => one.width") == pytest.approx(
        canvas.bounding_box()["width"], abs=2
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_slides(chromium, deck_path: Path, scheme: str):
    context = chromium.new_context(
        viewport=SCREEN, bypass_csp=True, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(120_000)  # axe itself takes long on a busy machine
    open_deck(page, deck_path.as_uri())
    for name in ("matrix", "maps", "two"):
        turn_to(page, slide_of(name))
        assert violations(page, "html") == [], name
    for name in ("index.html", "00_deck.html"):
        page.goto((deck_path.parents[1] / name).as_uri())
        page.locator(".vk[data-ready=true]").first.wait_for()
        assert violations(page, "html") == [], name
    context.close()


def test_a_narrow_window_shows_a_text_that_scrolls_one_way(page: Page, deck_path: Path):
    """As 1280 pixels do when they are magnified four times."""
    page.set_viewport_size({"width": 320, "height": 256})
    open_deck(page, deck_path.as_uri())
    wait_until(
        lambda: page.locator(".vk[data-ready=true]").count() == page.locator(".vk").count(),
        "every instrument is ready",
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    tops = page.locator(SLIDES).evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)
    assert len(set(tops)) == COUNT
