"""What is around an instrument changes: pixels, theme, forced colours, its place in the page, its views."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import instruments
from tests.support.harness import picture_of, wait_until
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix

pytestmark = pytest.mark.browser
KINDS = (SimilarityMatrix, AttentionMap, EmbeddingSpace, LivingEncoder)
KEYS = ("ArrowRight", "ArrowDown")

# A second model like the page's own, for views that a test makes: `window.model`.
MODEL = """
window.makeModel = () => {
  const saved = JSON.parse(document.getElementById("vizkit-state").textContent).widgets[0];
  for (const { path, data } of saved.buffers) {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    const parent = path.slice(0, -1).reduce((place, key) => place[key], saved.state);
    parent[path[path.length - 1]] = new DataView(bytes.buffer);
  }
  const handlers = new Map();
  return {
    get: (name) => saved.state[name],
    set(name, value) {
      saved.state[name] = value;
      for (const handler of handlers.get(`change:${name}`) ?? []) handler();
    },
    on: (event, handler) => handlers.set(event, [...(handlers.get(event) ?? []), handler]),
    off() {}, save_changes() {}, send() {},
  };
};
window.mount = (kind, id, model) => {
  const el = document.createElement("div");
  el.id = id;
  vizkit[kind].render({ model, el });
  return el;
};
"""

# JupyterLab names its colours, and says whether they are dark.
LAB = "document.body.style = '--jp-layout-color0: {}'; document.body.dataset.jpThemeLight = '{}'"

# Canvases on view whose pixels are not the screen's.
BLURRED = """() => [...document.querySelectorAll(".vk canvas")].filter((one) => one.clientWidth
    && Math.abs(one.width - one.clientWidth * devicePixelRatio) > 1)
    .map((one) => `${one.className} in ${one.parentElement.className}: ${one.width} pixels for `
    + `${one.clientWidth} at ${devicePixelRatio}`)"""


def opened(page: Page, kind: type, tmp_path, theme: str = "auto") -> Locator:
    page.emulate_media(reduced_motion="reduce")
    page.add_init_script(MODEL)
    widget = next(one for one in instruments(theme) if isinstance(one, kind))
    page.goto(widget.save_html(tmp_path / "page.html").as_uri())
    root = page.locator(".vk[data-ready=true]")
    root.wait_for()
    return root


def brightness(root: Locator) -> float:
    """Of the picture's ground: the commonest grey level of what is drawn upon."""
    grey = np.asarray(picture_of(root).convert("L"))
    return float(np.bincount(grey.ravel()).argmax())


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_of_another_pixel_ratio_is_painted_sharp(page: Page, tmp_path, kind):
    root = opened(page, kind, tmp_path)
    assert page.evaluate(BLURRED) == []
    devtools = page.context.new_cdp_session(page)
    # The protocol's change of the ratio alone fires no event in a page, as the browser's zoom does.
    for ratio, width in ((2, 1000), (1.5, 900)):
        screen = {"width": width, "height": 900, "deviceScaleFactor": ratio, "mobile": False}
        devtools.send("Emulation.setDeviceMetricsOverride", screen)
        assert page.evaluate("devicePixelRatio") == ratio
        wait_until(lambda: page.evaluate(BLURRED) == [], "as sharp as the screen", 10)
    # Sharp because painted anew, not because a canvas was emptied.
    canvas = root.locator("canvas[role=application]").first
    assert len(picture_of(canvas).getcolors(1 << 22)) > 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_changes_its_theme(page: Page, tmp_path, kind):
    root = opened(page, kind, tmp_path)
    steps = (
        ("document.body.style.background = '#101010'", "dark"),
        ("document.body.style.background = 'oklch(0.98 0 0)'", "light"),
        (LAB.format("#111111", "false"), "dark"),
        (LAB.format("#ffffff", "true"), "light"),
    )
    for code, theme in steps:
        page.evaluate(code)
        expect(root).to_have_attribute("data-theme", theme)
        dark = theme == "dark"
        wait_until(lambda d=dark: (brightness(root) < 80) == d, f"{code}: painted {theme}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_show_what_is_pressed(page: Page, tmp_path, kind, scheme):
    root = opened(page, kind, tmp_path)
    page.emulate_media(forced_colors="active", color_scheme=scheme, reduced_motion="reduce")
    more = root.locator(".vk-more-button")
    if more.count():
        more.first.click()
    expect(root).to_have_attribute("data-theme", scheme)
    wait_until(lambda: (brightness(root) < 80) == (scheme == "dark"), f"painted {scheme}")
    toggles = root.locator(".vk-bar .vk-button[aria-pressed]:visible")
    grounds = {}
    toggle = toggles.last
    for _ in range(2):
        pressed = toggle.get_attribute("aria-pressed")
        grounds[pressed] = picture_of(toggle).resize((1, 1)).getpixel((0, 0))
        toggle.click()
        page.mouse.move(2, 2)
    assert set(grounds) == {"true", "false"}
    difference = np.abs(np.subtract(grounds["true"], grounds["false"])).max()
    assert difference > 40, f"pressed and not pressed look alike: {grounds}"
    for mark in root.locator(".vk-legend i, .sm-track i").all()[:4]:
        if mark.bounding_box()["width"] > 4:
            ground = np.asarray(picture_of(mark), int).reshape(-1, 3)
            paper = 0 if scheme == "dark" else 255
            assert np.abs(ground - paper).max() > 60, "a mark has lost its colour"
    for words in root.locator(".vk-legend .vk-button").all()[:2]:
        grey = np.asarray(picture_of(words).convert("L"), int)
        assert np.ptp(grey[:, 24:]) > 120, "the name of a class cannot be read"


@pytest.mark.parametrize("kind", KINDS)
def test_a_detached_element_reads_the_theme_once_it_is_in_the_page(page: Page, tmp_path, kind):
    opened(page, kind, tmp_path)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate("document.body.style.background = 'white'")
    page.evaluate("kind => { window.late = mount(kind, 'late', makeModel()); }", kind.__name__)
    page.wait_for_timeout(200)
    page.evaluate("document.body.prepend(late)")
    late = page.locator("#late .vk[data-ready=true]")
    expect(late).to_have_attribute("data-theme", "light")
    wait_until(lambda: brightness(late) > 180, "painted light")
    # The same element goes to a parent that comes later, and is dark; at once, and after a while.
    page.evaluate(
        """() => { const parent = document.createElement("div");
        parent.style.background = "#111"; parent.append(late); document.body.prepend(parent); }"""
    )
    expect(late).to_have_attribute("data-theme", "dark")
    wait_until(lambda: brightness(late) < 80, "painted dark")
    page.evaluate("late.remove()")
    page.wait_for_timeout(200)
    page.evaluate("document.body.prepend(late)")
    expect(late).to_have_attribute("data-theme", "light")
    wait_until(lambda: brightness(late) > 180, "painted light again")


@pytest.mark.parametrize("kind", KINDS)
def test_two_views_of_one_model_show_the_same_and_follow(page: Page, tmp_path, kind):
    opened(page, kind, tmp_path)
    page.evaluate(
        """kind => { window.model = makeModel();
        document.body.replaceChildren(document.getElementById("vizkit-state"),
            mount(kind, "one", model), mount(kind, "two", model)); }""",
        kind.__name__,
    )
    views = [page.locator(f"#{name} .vk[data-ready=true]") for name in ("one", "two")]
    canvases = [view.locator("canvas[role=application]").first for view in views]
    said = [view.locator("output.vk-status") for view in views]

    def alike() -> bool:
        page.evaluate("document.activeElement.blur()")
        one, two = (canvas.evaluate("canvas => canvas.toDataURL()") for canvas in canvases)
        return one == two

    for view in views:
        view.wait_for()
    wait_until(alike, "the same picture")
    before = said[0].text_content() or ""
    for key in KEYS:
        canvases[0].press(key)
    expect(said[0]).not_to_have_text(before)
    page.evaluate("model.set('title', 'from Python')")
    page.evaluate("model.set('selected', [3])")
    for view in views:
        expect(view.locator(".vk-title")).to_have_text("from Python")
    wait_until(lambda: said[0].text_content() == said[1].text_content(), "the same words", 10)
    wait_until(alike, "the same picture after a change", 10)
