"""axe-core finds nothing, of any impact: every instrument, both themes, all controls open; zoomed in, and at rest.

In exported pages and on the site here; on slides in test_slides.py; in JupyterLab, within the instruments, in
test_jupyterlab_widgets.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.harness import picture_of
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix, save_page
from vizkit.zoo import load

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"


def instruments(theme: str) -> list:
    random = np.random.default_rng(0)
    rows = random.normal(size=(16, 8))
    pictures = [np.full((16, 16, 3), 12 * i, np.uint8) for i in range(16)]
    texts = [f"a caption of picture {i}" for i in range(16)]
    weights = random.random((2, 3, 17, 17))
    weights /= weights.sum(-1, keepdims=True)
    return [
        SimilarityMatrix(rows, rows, images=pictures, captions=texts, theme=theme, title="pairs"),
        AttentionMap(weights, pictures[3], grid=(4, 4), num_prefix_tokens=1, theme=theme),
        EmbeddingSpace.from_pairs(
            np.stack([rows, 2 * rows]),
            np.stack([rows + 1, rows]),
            images=pictures,
            captions=texts,
            labels=[f"class {i}" for i in range(16)],
            theme=theme,
        ),
        LivingEncoder(load("pocket-clip"), theme=theme),
    ]


def violations(page, selector: str) -> list[str]:
    """What axe finds within an element: rule, impact and where."""
    page.add_script_tag(path=AXE) if not page.evaluate("'axe' in window") else None
    found = page.evaluate("selector => axe.run(selector)", selector)
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:150]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.fixture
def open_page(chromium):
    """A page that lets the checker in: its policy would refuse any further script."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.set_default_timeout(120_000)  # axe itself takes long on a busy machine
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_page(open_page, tmp_path, theme):
    open_page.emulate_media(color_scheme=theme)
    open_page.goto(save_page(tmp_path / "page.html", instruments(theme)).as_uri())
    ready = open_page.locator(".vk[data-ready=true]")
    ready.nth(3).wait_for()
    assert violations(open_page, "html") == []
    for more in open_page.get_by_role("button", name="More", exact=True).all():
        more.click()
    for canvas in open_page.locator("canvas[role=application]").all():
        canvas.focus()
        open_page.keyboard.press("ArrowRight")
        open_page.keyboard.press("Enter")
        open_page.keyboard.press("?")
    assert violations(open_page, "html") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tool", ["Move", "Brush"])
def test_axe_finds_nothing_in_the_tour_with_heads_off(open_page, tmp_path, theme, tool):
    living = LivingEncoder(load("pocket-siglip"), ["a blob", "zzz"], theme=theme)
    open_page.goto(living.save_html(tmp_path / "page.html").as_uri())
    open_page.locator(".vk[data-ready=true]").wait_for()
    stage = open_page.locator("canvas.vk-picture")
    stage.focus()
    for key in ("n", "h", "o", "t"):
        open_page.keyboard.press(key)
    open_page.get_by_role("button", name=tool, exact=True).click()
    open_page.get_by_role("button", name="Answer", exact=True).click()
    open_page.locator(".vk-answer:not(:empty)").wait_for()
    assert violations(open_page, "html") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_site(open_page, site, scheme):
    open_page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for name in ("00_first.html", "01_second.html", "index.html"):
        open_page.goto((site / name).as_uri())
        open_page.wait_for_function("!document.querySelector('.vk:not([data-ready=true])')")
        for chart in open_page.locator(".chart").all():
            chart.scroll_into_view_if_needed()
            chart.locator("path.js-line").first.wait_for()
        assert violations(open_page, "html") == [], name


def test_a_window_magnified_four_times_scrolls_one_way(open_page, tmp_path, site):
    """1280 x 1024 pixels at 400% are 320 x 256 of the page's own."""
    exported = save_page(tmp_path / "page.html", instruments("light"))
    open_page.set_viewport_size({"width": 320, "height": 256})
    for path in (exported, site / "index.html", site / "00_first.html"):
        open_page.goto(path.as_uri())
        open_page.wait_for_function("!document.querySelector('.vk:not([data-ready=true])')")
        more = "document.querySelectorAll('.vk-more-button').forEach((one) => one.click())"
        for _ in range(2):
            assert open_page.evaluate("document.documentElement.scrollWidth") <= 320, path.name
            open_page.evaluate(more)


# What moves by itself or glides, for longer than an eye can see.
MOVING = """() => [document.documentElement, ...document.querySelectorAll("body, body *")].flatMap((one) => {
    const style = getComputedStyle(one), long = (times) => times.split(",").some((time) => parseFloat(time) > 0.02);
    const moves = long(style.transitionDuration) || style.scrollBehavior === "smooth"
        || (style.animationName !== "none" && long(style.animationDuration));
    return moves && one.checkVisibility() ? [`${one.tagName}.${one.className}`] : [];
})"""


def test_who_asks_for_less_motion_gets_none(open_page, tmp_path, site, deck_path):
    exported = save_page(tmp_path / "page.html", instruments("light"))
    moving = {"reduce": [], "no-preference": []}
    for motion, found in moving.items():
        open_page.emulate_media(reduced_motion=motion)
        for path in (exported, site / "index.html", deck_path):
            open_page.goto(path.as_uri())
            found += open_page.evaluate(MOVING)
    assert sorted(set(moving["reduce"])) == []
    assert moving["no-preference"] != []  # there is something to be switched off


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_points_glide_to_the_next_step_only_for_who_likes_it(open_page, tmp_path, motion):
    open_page.clock.install()
    open_page.emulate_media(reduced_motion=motion)
    steps = np.random.default_rng(0).normal(size=(2, 12, 2))
    open_page.goto(EmbeddingSpace(steps, step=0).save_html(tmp_path / "page.html").as_uri())
    root = open_page.locator(".vk")
    root.and_(open_page.locator("[data-ready=true]")).wait_for()
    canvas = root.locator("canvas[role=application]")
    open_page.clock.pause_at("2099-01-01")
    root.get_by_label("step", exact=True).press("End")
    open_page.clock.run_for(120)
    soon = picture_of(canvas).tobytes()
    open_page.clock.run_for(3000)
    assert (picture_of(canvas).tobytes() == soon) == (motion == "reduce")


def test_axe_is_asked(open_page, tmp_path):
    """A button without a name is noticed: the checker runs."""
    (tmp_path / "bad.html").write_text(
        '<!DOCTYPE html><html lang="en"><title>x</title><main><h1>x</h1><button></button></main>'
    )
    open_page.goto((tmp_path / "bad.html").as_uri())
    assert any("button-name" in one for one in violations(open_page, "html"))
