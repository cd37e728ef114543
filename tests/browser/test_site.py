"""The built site in Chromium, from a server and from a file: alive, offline, and deaf to hostile text."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import drive_site
from tests.browser.drive_site import VIOLATIONS, faults_of_deck, faults_of_page
from tests.support.harness import drag_slider, hover_at, picture_of, wait_until
from tests.support.sites import HOSTILE, LONG, TAG
from tools.site.build import MOST_BYTES

pytestmark = pytest.mark.browser


@pytest.fixture
def first(page: Page, site: Path) -> Page:
    """The first page, opened as a file."""
    return opened(page, f"{site.as_uri()}/00_first.html")


@pytest.fixture(params=["file", "server"])
def either(request, page: Page) -> Page:
    """The first page, once as a file and once from a server."""
    if request.param == "file":
        return request.getfixturevalue("first")
    page.context.set_offline(False)  # only this machine answers: the log stops all else
    return opened(page, f"{request.getfixturevalue('server')}/00_first.html")


def opened(page: Page, address: str) -> Page:
    page.add_init_script(VIOLATIONS)
    page.goto(address)
    wait_until(
        lambda: page.locator(".vk[data-ready=true]").count() == page.locator(".vk").count() > 0,
        "every widget is ready",
    )
    return page


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("window.violations") == []
    assert page.locator("iframe, img[src=x], [onclick], a[href^=javascript]").count() == 0


def test_widgets_chart_quiz_and_mathematics_are_alive(either: Page):
    assert either.locator(".vk").count() == 4
    tiles = either.locator(".SimilarityMatrix .sm-tiles b").first
    before = tiles.get_attribute("data-value")
    drag_slider(either.get_by_label("temperature τ", exact=True), 0.9)
    wait_until(lambda: tiles.get_attribute("data-value") != before, "another loss")

    place = either.locator(".chart")
    place.scroll_into_view_if_needed()
    expect(place.locator("path.js-line")).to_have_count(1)
    expect(place.locator(".gtitle")).to_have_text("Squares")

    asked = either.locator(".Quiz")
    expect(either.get_by_text("Well said.")).to_be_hidden()  # the question's code holds the answer
    asked.get_by_label("the other").check()
    expect(asked.get_by_role("status")).to_have_text("✓ Right. Well said.")

    said = either.locator(".RopeWheel output").last
    words = said.inner_text()
    either.get_by_label("place of the key").press("ArrowRight")
    expect(said).not_to_have_text(words)

    formula = either.locator("main p math msup")
    expect(formula).to_have_count(1)
    fraction = either.locator("main p math mfrac").bounding_box()
    assert (
        fraction["height"]
        > 1.5 * either.locator("main p math mfrac mi").first.bounding_box()["height"]
    )
    nothing_ran(either)


def test_another_layer_of_an_attention_map_is_on_the_page(first: Page):
    maps = first.locator(".AttentionMap")
    layer = maps.get_by_label("layer", exact=True)
    expect(maps.locator(".vk-status")).to_contain_text("layer 2 of 2")
    drag_slider(layer, 0.0)
    expect(maps.locator(".vk-status")).to_contain_text("layer 1 of 2")
    expect(maps.locator(".vk-status")).not_to_contain_text("…")
    expect(maps).not_to_contain_text("of 2 layers")  # which says that one has not come


def test_linked_widgets_follow_each_other(first: Page):
    maps, space = first.locator(".AttentionMap .vk-main canvas").first, first.locator("#vizkit-2")
    maps.scroll_into_view_if_needed()
    status = space.locator(".vk-status")
    before = status.inner_text()
    box = maps.bounding_box()
    first.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    expect(status).not_to_have_text(before)
    expect(status).to_contain_text("point 3 ")  # the first row, the last column


def test_hostile_text_is_shown_as_text(either: Page):
    shown = HOSTILE.replace("\x00", "\ufffd")
    stream = either.locator("pre.stream").filter(has_text="txt.exe")
    assert stream.text_content() == f"{shown}\n{LONG}\n"
    expect(either.locator("main p").filter(has_text="Prose with")).to_contain_text(TAG)
    expect(either.locator("main p > code")).to_contain_text(TAG)
    cleaned = either.locator(".output").filter(has_text="bold")
    expect(cleaned).to_contain_text("<script>window.hacked=1</script>")
    cleaned.locator("b").click()
    cleaned.get_by_text("press").click()
    legend = either.locator(".Quiz legend")
    expect(legend).to_contain_text(TAG)
    either.locator(".Quiz").get_by_role("radio").first.check()
    expect(either.locator(".Quiz").get_by_role("status")).to_contain_text(TAG)
    assert TAG in either.locator(".chart").get_attribute("aria-label")
    either.locator(".chart").scroll_into_view_if_needed()
    hover_at(either.locator(".chart"), 0.5, 0.5)
    hover_at(either.locator("canvas.sm-main"), 0.4, 0.3)
    expect(either.locator("#vizkit-0 .vk-title")).to_contain_text(TAG)
    nothing_ran(either)


def test_what_needs_a_kernel_says_so(first: Page):
    lines = first.locator(".needs")
    expect(lines).to_have_text(
        [
            "This part needs JupyterLab: a control (Text).",
            "This part needs JupyterLab: what Python code does with this widget.",
        ]
    )


def test_the_policy_stops_a_script_and_every_connection(either: Page, page_log):
    page_log.ignore += ["Content Security Policy", "Failed to fetch"]
    result = either.evaluate(
        """async () => {
            const script = Object.assign(document.createElement('script'), {textContent: 'window.hacked = 1'});
            document.body.append(script);
            const image = Object.assign(new Image(), {src: 'assets/x.png'});
            document.body.append(image);
            try { await fetch('assets/site.css'); return 'fetched'; } catch { return 'stopped'; }
        }"""
    )
    assert result == "stopped"
    assert either.evaluate("window.hacked") is None
    wait_until(
        lambda: {"connect-src", "img-src", "script-src-elem"} <= set(either.evaluate("violations")),
        "three violations",
    )
    assert page_log.outside_requests == []


def test_the_theme_follows_the_system_and_the_button(either: Page):
    def darkness() -> tuple[bool, str]:
        pixel = picture_of(either).getpixel((3, 700))
        return max(pixel) < 60, either.locator(".vk").first.get_attribute("data-theme")

    assert darkness() == (False, "light")
    either.emulate_media(color_scheme="dark")
    wait_until(lambda: darkness() == (True, "dark"), "dark as the system")
    either.get_by_role("button", name="light or dark theme").click()
    wait_until(lambda: darkness() == (False, "light"), "light by the button")
    either.reload()
    wait_until(lambda: darkness() == (False, "light"), "light after a reload")
    either.get_by_role("button", name="light or dark theme").click()
    either.emulate_media(color_scheme="light")
    wait_until(lambda: darkness() == (False, "light"), "it follows the system again")


def test_contents_previous_next_and_links_lead_somewhere(first: Page):
    contents = first.get_by_role("navigation", name="Contents", exact=True)
    contents.get_by_role("link", name="Exercises").click()
    wait_until(lambda: first.evaluate("scrollY") > 500, "scrolled to the exercises")
    expect(contents.get_by_role("link", name="Exercises")).to_have_attribute("aria-current", "true")
    fold = first.locator("details.solution")
    expect(fold.get_by_text("solved", exact=True)).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.get_by_text("solved", exact=True)).to_be_visible()
    assert first.locator("main a", has_text="missing one").count() == 0
    first.locator("main a", has_text="link").first.click()
    expect(first).to_have_title("01 · Second · How vision encoders see")
    wait_until(lambda: first.evaluate("scrollY") > 300, "at the heading of the link")
    first.get_by_role("navigation", name="Previous and next").get_by_role("link").click()
    expect(first).to_have_title("00 · First · How vision encoders see")
    first.get_by_role("link", name="How vision encoders see").click()
    expect(first.locator(".card")).to_have_count(2)
    first.locator(".card").nth(1).click()
    expect(first).to_have_title("01 · Second · How vision encoders see")


def test_every_page_is_small_and_shares_its_assets(site: Path):
    plotly = (site / "assets" / "plotly.min.js").stat().st_size
    assert plotly > 1_000_000
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert len(text.encode()) < MOST_BYTES, path
        assert "plotly.js v" not in text
        assert "function render(" not in text
    names = [path.name.split("_")[0] for path in (site / "assets").glob("*_*.js")]
    assert sorted(names) == [
        "AttentionMap",
        "EmbeddingSpace",
        "Quiz",
        "RopeWheel",
        "SimilarityMatrix",
    ]


def test_nothing_is_wider_than_a_telephone(first: Page):
    first.set_viewport_size({"width": 400, "height": 800})
    wait_until(
        lambda: first.evaluate("document.documentElement.scrollWidth") <= 400, "no wider than 400"
    )
    menu = first.get_by_role("button", name="Contents")
    contents = first.get_by_role("link", name="Exercises")
    expect(contents).to_be_hidden()
    menu.click()
    expect(contents).to_be_visible()
    first.keyboard.press("Escape")
    expect(contents).to_be_hidden()


def test_on_paper_it_is_light_open_and_without_navigation(first: Page, tmp_path):
    first.emulate_media(color_scheme="dark")
    first.evaluate("dispatchEvent(new Event('beforeprint'))")
    first.emulate_media(media="print", color_scheme="dark")
    expect(first.locator("details.solution").get_by_text("solved", exact=True)).to_be_visible()
    for gone in ("header.top", "#side", ".steps"):
        expect(first.locator(gone)).to_be_hidden()
    assert first.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(first.locator("path.js-line")).to_have_count(1)
    first.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(first.locator("details.solution")).not_to_have_attribute("open", "")
    assert len(first.pdf()) > 20_000


# ---------------------------------------------------------------------------- the driver


def test_every_slider_of_the_site_moves_something(page: Page, site: Path):
    page.add_init_script(VIOLATIONS)
    assert faults_of_page(page, f"{site.as_uri()}/00_first.html") == []
    page.set_viewport_size({"width": 1280, "height": 720})
    assert faults_of_deck(page, f"{site.as_uri()}/slides/00_first.html") == []


DEAD = """
<div class="vk" data-ready="true" aria-label="dead"><input type="range" min="0" max="9" aria-label="layer"></div>
<fieldset class="vk" data-ready="true" aria-label="mute"><legend>Which?</legend>
<label><input type="radio">this</label><p role="status"></p></fieldset>
<div class="chart" aria-label="an empty chart" style="height: 9px"></div>
<img src="http://127.0.0.1:9/x.png">
"""


def test_the_driver_names_what_is_dead(page: Page, page_log, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(drive_site, "PATIENCE", 1)
    page_log.ignore += ["Content Security Policy"]
    policy = "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\">"
    (tmp_path / "dead.html").write_text(f"<!doctype html>{policy}{DEAD}", encoding="utf-8")
    page.add_init_script(VIOLATIONS)
    assert faults_of_page(page, (tmp_path / "dead.html").as_uri()) == [
        "chart not drawn: an empty chart",
        "dead: layer moves nothing",
        "mute: a question without an answer",
        "policy violated: img-src",
    ]


def test_the_driver_names_a_page_that_does_not_open_and_goes_on(page: Page, page_log, tmp_path):
    page_log.ignore += ["ERR_FILE_NOT_FOUND"]
    (fault,) = drive_site.faults_of(page, tmp_path / "missing.html")
    assert "ERR_FILE_NOT_FOUND" in fault
    (tmp_path / "whole.html").write_text("<!doctype html><p>A page.", encoding="utf-8")
    page.add_init_script(VIOLATIONS)
    assert drive_site.faults_of(page, tmp_path / "whole.html") == []


# ---------------------------------------------------------------------------- front page, narrow windows
