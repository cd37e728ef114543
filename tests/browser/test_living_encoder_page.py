"""LivingEncoder on an exported page: what a person does with the picture, and that the encoder answers."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_engines import READY, STATUS, engine  # noqa: F401  (a fixture)
from tests.support.engines import DOWN, UP, box_of, move, opened, wait_for
from tests.support.harness import bundled, click_at, drag, hover_at, wait_until
from vizkit.widgets import LivingEncoder, assets
from vizkit.zoo import load

pytestmark = pytest.mark.browser
HEART, CIRCLE = (0.3, 0.42), (0.72, 0.62)  # where they stand in the first scene
STAGE = "canvas.vk-picture"


@pytest.fixture(scope="module")
def clip_page(tmp_path_factory) -> Path:
    page = tmp_path_factory.mktemp("living") / "clip.html"
    return LivingEncoder(load("pocket-clip"), theme="light").save_html(page)


@pytest.fixture
def stage(page: Page, clip_page) -> Locator:
    page.goto(clip_page.as_uri())
    expect(page.locator(".vk")).to_have_attribute("data-ready", "true")
    return page.locator(STAGE)


def says(page: Page, text: str | re.Pattern) -> None:
    expect(page.locator("output.vk-status")).to_contain_text(text)


def share(page: Page, caption: int) -> float:
    """Probability of a caption, in per cent, as it is now (after an arrow, if there is one)."""
    text = page.locator(".vk-share").nth(caption).inner_text()
    return float(text.split("→")[-1].strip().rstrip("%"))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def more(page: Page) -> None:
    button(page, "More").click()


def test_a_dragged_object_moves_and_the_numbers_follow(page, stage):
    assert share(page, 0) > 40
    assert share(page, 2) < 5
    drag(stage, [CIRCLE, (0.9, 0.62), (1.14, 0.62)])
    says(page, "chosen: flat green circle at 114% from the left, 62% from the top")
    wait_until(lambda: share(page, 2) > 90, "the heart alone")
    button(page, "Undo").click()
    says(page, "chosen: flat green circle at 72% from the left")
    wait_until(lambda: share(page, 2) < 5, "the circle again")


def test_answers_come_while_the_pointer_is_still_down(page, stage):
    box = stage.bounding_box()
    x, y = box["x"] + CIRCLE[0] * box["width"], box["y"] + CIRCLE[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    seen = set()
    for step in range(1, 12):
        page.mouse.move(x + step * 0.04 * box["width"], y)
        page.wait_for_timeout(60)
        seen.add(share(page, 2))
    page.mouse.up()
    assert len(seen) > 4, seen


def test_handles_turn_and_scale_the_chosen_object(page, stage):
    click_at(stage, *HEART)
    # The ring around an object lies at 1.15 of its radius, the turning handle above it.
    corner = 0.2 * 1.15 * 0.5**0.5
    drag(stage, [(0.3 + corner, 0.42 + corner), (0.3 + 1.6 * corner, 0.42 + 1.6 * corner)])
    assert scene_of(page)["objects"][0]["radius"] == pytest.approx(0.32, abs=0.02)
    above = 0.42 - 0.32 * 1.15 - 0.07
    drag(stage, [(0.3, max(0.03, above)), (0.3 + 0.3, 0.42)])
    assert scene_of(page)["objects"][0]["rotation"] == pytest.approx(np.pi / 2, abs=0.1)


def scene_of(page: Page) -> dict:
    """The scene as the page's model has it."""
    return page.evaluate("window.model.get('scene')")


@pytest.fixture(autouse=True)
def watched_model(page: Page) -> None:
    """Lets a test read the traits of an exported page."""
    page.add_init_script(
        """Object.defineProperty(window, "vizkit", { configurable: true, set(value) {
            Object.defineProperty(window, "vizkit", { value, writable: true });
            Object.defineProperty(value, "LivingEncoder", { configurable: true, set(own) {
                const { render } = own;
                Object.defineProperty(value, "LivingEncoder", { value: { ...own, render(view) {
                    window.model = view.model;
                    return render(view);
                } } });
            } });
        } });"""
    )


def test_keys_do_all_that_a_pointer_does(page, stage):
    stage.focus()
    press = page.keyboard.press
    press("n")
    says(page, "chosen: flat red heart at 30% from the left, 42% from the top")
    press("ArrowRight")
    says(page, "at 32% from the left")
    press("Shift+ArrowDown")
    says(page, "54% from the top")
    press("c")
    press("s")
    press("y")
    says(page, "chosen: outline orange cross")
    before = scene_of(page)["objects"][0]
    press("+")
    press(".")
    after = scene_of(page)["objects"][0]
    assert after["radius"] == pytest.approx(1.1 * before["radius"])
    assert after["rotation"] == pytest.approx(np.pi / 24)
    press("a")
    assert len(scene_of(page)["objects"]) == 3
    press("Delete")
    press("u")
    assert len(scene_of(page)["objects"]) == 3
    press("r")
    assert len(scene_of(page)["objects"]) == 2
    press("Control+z")
    assert len(scene_of(page)["objects"]) == 3


def test_without_a_chosen_object_arrows_move_the_patch_that_asks(page, stage):
    stage.focus()
    says(page, "of the class token")
    page.keyboard.press("ArrowRight")
    says(page, "of the patch in row 0, column 1 (pinned)")
    page.keyboard.press("ArrowDown")
    says(page, "of the patch in row 1, column 1 (pinned)")
    page.keyboard.press("Enter")
    says(page, "of the class token")
    hover_at(stage, 0.95, 0.05)
    says(page, "of the patch in row 0, column 7")
    click_at(stage, 0.95, 0.05)
    says(page, "of the patch in row 0, column 7 (pinned)")


def test_paint_and_eraser_change_the_answer_and_can_be_undone(page, stage):
    button(page, "Eraser").click()
    drag(
        stage,
        [
            (0.55, 0.5),
            (0.9, 0.5),
            (0.55, 0.58),
            (0.9, 0.62),
            (0.55, 0.68),
            (0.9, 0.74),
            (0.55, 0.78),
        ],
    )
    says(page, "paint on white")
    wait_until(lambda: share(page, 2) > 50, "the circle wiped away")
    button(page, "Undo").click()
    wait_until(lambda: share(page, 2) < 5, "the circle again")
    button(page, "Brush").click()
    page.get_by_role("button", name="blue", exact=True).click()
    drag(stage, [(0.1, 0.9), (0.5, 0.9)])
    color = at(picture(stage), 0.3, 0.9)
    assert color[2] > color[0] + 60, color


def test_by_keyboard_the_brush_draws_a_line_and_the_eraser_wipes_one(page, stage):
    stage.focus()
    press = page.keyboard.press
    press("b")
    says(page, "brush up at 6% from the left, 6% from the top")
    for _ in range(7):
        press("Shift+ArrowDown")
    for _ in range(6):
        press("c")
    press("Space")
    says(page, "brush down at 6% from the left, 94% from the top")
    for _ in range(4):
        press("Shift+ArrowRight")
    press("ArrowRight")
    says(page, "brush down at 58% from the left")
    press("Space")
    press("Shift+ArrowRight")  # up: paints nothing
    says(page, "brush up at 70% from the left")
    expect_painted(page, {0.12: True, 0.3: True, 0.5: True, 0.85: False})  # between the steps, too
    press("e")
    says(page, "eraser up at 6% from the left, 6% from the top")
    for _ in range(7):
        press("Shift+ArrowDown")
    press("+")
    press("Space")
    for _ in range(2):
        press("Shift+ArrowRight")
    press("Space")
    expect_painted(page, {0.12: False, 0.3: False, 0.5: True})
    press("u")  # a line is one step
    expect_painted(page, {0.12: True, 0.3: True, 0.5: True})
    press("r")
    expect_painted(page, {0.12: False, 0.3: False, 0.5: True})
    press("u")
    press("u")
    expect_painted(page, {0.12: False, 0.3: False, 0.5: False})
    press("Space")
    says(page, "eraser down")
    press("u")  # while it is down
    press("ArrowLeft")
    says(page, "eraser up")
    press("m")
    says(page, "red heart, green circle on")


def expect_painted(page: Page, wanted: dict[float, bool]) -> None:
    """Where along the lower edge the picture that arrives at the encoder has another colour than its ground."""
    arrived = page.locator("[data-panel=input] canvas")

    def found() -> dict[float, bool]:
        seen = picture(arrived)
        ground = at(seen, 0.95, 0.94)
        return {x: bool(np.abs(at(seen, x, 0.94) - ground).max() > 40) for x in wanted}

    wait_until(lambda: found() == wanted, f"paint at {wanted}")


def test_the_stage_says_what_it_can_do_without_a_pointer(page, stage):
    described = stage.get_attribute("aria-description")
    for gesture in (
        "arrows move it",
        "turn it",
        "scale it",
        "colour, shape and style",
        "Delete removes it",
        "a adds one",
        "space puts it down and the arrows draw",
        "e the eraser",
        "u undoes",
        "p opens a picture",
    ):
        assert gesture in described
    # What it promises is in the list of keys.
    keys = stage.get_attribute("aria-keyshortcuts").lower().split()
    stage.press("?")
    shown = page.locator(".vk-keys").inner_text().lower()
    signs = {"plus": "+", "minus": "-", "comma": ",", "period": "."}
    for key in keys:
        assert key.startswith("control") or signs.get(key, key) in shown, key


def test_a_picture_is_opened_by_a_key_pasted_and_dropped(page, stage):
    page.evaluate(
        "void (HTMLInputElement.prototype.click = function () { window.asked = [this.type, this.accept]; })"
    )
    stage.focus()
    page.keyboard.press("p")
    wait_until(lambda: page.evaluate("window.asked") == ["file", "image/*"], "a choice of files")
    arrived = page.locator("[data-panel=input] canvas")
    for kind, part in (("ClipboardEvent", "clipboardData"), ("DragEvent", "dataTransfer")):
        stage.evaluate(
            """async (canvas, [kind, part]) => {
                const own = Object.assign(document.createElement("canvas"), { width: 60, height: 60 });
                const pen = own.getContext("2d");
                pen.fillStyle = "rgb(220 30 30)";
                pen.fillRect(0, 0, 60, 60);
                const blob = await new Promise((done) => own.toBlob(done));
                const data = new DataTransfer();
                data.items.add(new File([blob], "own.png", { type: "image/png" }));
                const type = kind === "DragEvent" ? "drop" : "paste";
                canvas.dispatchEvent(new window[kind](type, { bubbles: true, cancelable: true, [part]: data }));
            }""",
            [kind, part],
        )
        says(page, "nothing on your picture")
        wait_until(lambda: at(picture(arrived), 0.5, 0.5)[0] > 180, f"red, by {kind}")
        page.keyboard.press("u")
        says(page, "red heart, green circle")


# ------------------------------------------------------------------------- what a picture costs

# Counts what every frame does: pictures of each canvas, pictures of bytes, and texts and sizes between.
WATCH = """() => {
  const seen = window.seen = { frames: 0, painted: {}, bytes: 0, changes: 0, words: 0, late: 0 };
  const { prototype } = CanvasRenderingContext2D;
  const { clearRect, putImageData } = prototype;
  let dirty = false;
  const frame = () => { seen.frames++; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const placeOf = (canvas) => canvas.closest("[data-panel]")?.dataset.panel ?? canvas.className.split(" ").at(-1);
  prototype.clearRect = function (...box) {
    const { canvas } = this;
    if (canvas.isConnected) seen.painted[placeOf(canvas)] = (seen.painted[placeOf(canvas)] ?? 0) + 1;
    return clearRect.apply(this, box);
  };
  prototype.putImageData = function (...rest) { seen.bytes++; return putImageData.apply(this, rest); };
  const count = (list) => {
    for (const { target } of list) {
      seen.changes++;
      if (target.closest?.("output.vk-status")) seen.words++;
    }
  };
  const observer = new MutationObserver((list) => { dirty = false; count(list); });
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  observer.observe(document.querySelector(".vk"), all);
  for (const name of ["clientWidth", "clientHeight"]) {
    const { get } = Object.getOwnPropertyDescriptor(Element.prototype, name);
    Object.defineProperty(Element.prototype, name, { get() {
      const list = observer.takeRecords();
      if (list.length) dirty = true;
      count(list);
      if (dirty && this.tagName === "CANVAS") seen.late++;
      return get.call(this);
    } });
  }
}"""


def painted(page: Page) -> dict[str, int]:
    return page.evaluate("window.seen.painted")


def test_a_drag_paints_each_canvas_once_a_frame_and_writes_little(page, stage):
    click_at(stage, *CIRCLE)
    says(page, "chosen: flat green circle")
    page.wait_for_timeout(700)  # its warm-up is over
    page.evaluate(WATCH)
    began = page.evaluate("performance.now()")
    drag(stage, [(CIRCLE[0] + 0.01 * k, CIRCLE[1] - 0.01 * k) for k in range(25)])
    page.wait_for_timeout(400)
    seconds = (page.evaluate("performance.now()") - began) / 1000
    seen = page.evaluate("window.seen")
    pictures = seen["painted"]["vk-picture"]
    assert 5 <= pictures <= seen["frames"] + 1
    assert set(seen["painted"]) == {"vk-picture", "vk-legend", "heads", "norms", "input"}
    for name, count in seen["painted"].items():
        assert count <= pictures, (name, count, pictures)
    # The map over the picture, all heads together, the ramp of the legend, what arrives.
    assert seen["bytes"] <= 4 * pictures, seen
    # Three numbers of each of four captions, a few words; and no size is asked for after a change.
    assert seen["changes"] <= 12 * pictures + 8 * seconds + 20, seen
    assert seen["words"] <= 4 * seconds + 3, seen
    assert seen["late"] == 0, seen


def test_only_what_changed_is_painted_again(page, stage):
    page.wait_for_timeout(700)
    hover_at(stage, 0.05, 0.95)
    says(page, "of the patch in row 7, column 0")
    page.evaluate(WATCH)
    hover_at(stage, 0.95, 0.05)
    says(page, "of the patch in row 0, column 7")
    assert set(painted(page)) == {"vk-picture", "vk-legend", "heads"}
    # A caption that is typed changes no map of attention.
    page.evaluate("void Object.assign(window.seen, { painted: {}, bytes: 0 })")
    page.get_by_label("caption 1", exact=True).fill("a red circle")
    wait_until(lambda: painted(page), "another picture")
    page.wait_for_timeout(400)
    seen = page.evaluate("window.seen")
    assert set(seen["painted"]) == {"vk-picture"}
    assert seen["bytes"] <= seen["painted"]["vk-picture"]


def test_nothing_that_changes_in_every_frame_is_cut_out_round_or_casts_a_shadow(page, stage):
    """In WebKitGTK without a graphics card they made the putting together of the page a third dearer."""
    costly = page.locator(".vk canvas, .vk-meter").evaluate_all(
        """(all) => all.flatMap((element) => {
            const style = getComputedStyle(element);
            const clips = element.tagName === "CANVAS" || style.overflow !== "visible";
            const cut = style.borderRadius !== "0px" && clips;
            return cut || style.boxShadow !== "none" || style.filter !== "none" ? [element.className] : [];
        })"""
    )
    assert not costly


def picture(stage: Locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB"), float)


def at(pixels: np.ndarray, x: float, y: float) -> np.ndarray:
    return pixels[int(y * pixels.shape[0]), int(x * pixels.shape[1])]


def test_captions_are_typed_added_and_removed_and_unknown_words_are_named(page, stage):
    before = [share(page, i) for i in range(4)]
    field = page.get_by_label("a new caption")
    field.fill("a flat red heart and a purplish blob")
    field.press("Enter")
    expect(page.locator(".vk-caption")).to_have_count(5)
    expect(page.locator(".vk-unknown").nth(4)).to_have_text(
        "“purplish”, “blob” are unknown to the encoder"
    )
    first = page.get_by_label("caption 1", exact=True)
    first.fill("zzz")
    expect(page.locator(".vk-unknown").first).to_contain_text("knows none of these words")
    first.fill("a red heart and a green circle")
    button(page, "Remove caption 5").click()
    expect(page.locator(".vk-caption")).to_have_count(4)
    assert [share(page, i) for i in range(4)] == pytest.approx(before, abs=1)
    # Letters belong to the field: "c" recolours nothing.
    says(page, "red heart, green circle")


def test_a_head_is_switched_off_by_a_second_click_and_before_stands_beside_after(page, stage):
    heads = page.locator("[data-panel=heads] canvas")
    cosines = page.locator(".vk-cosine")
    assert "→" not in cosines.first.inner_text()
    click_at(heads, 0.18, 0.2)
    says(page, "attention in layer 1, head 1")
    click_at(heads, 0.18, 0.2)
    says(page, "switched off: head 1 of layer 1")
    expect(cosines.first).to_contain_text("→")
    button(page, "All on again").click()
    expect(cosines.first).not_to_contain_text("→")


def test_layers_positions_and_stem_are_switched_off_behind_more(page, stage):
    more(page)
    cosine = page.locator(".vk-cosine").first
    button(page, "layer 3").click()
    says(page, "switched off: layer 3")
    before, after = (float(x) for x in cosine.inner_text().replace("−", "-").split("→"))
    assert abs(before - after) > 0.05
    button(page, "layer 3").click()
    page.get_by_label("positions").select_option("shuffle the patches")
    says(page, "the 64 patches are shuffled")
    page.get_by_label("positions").select_option("switched off")
    says(page, "switched off: the positions")
    page.get_by_label("stem").select_option("each patch by itself")
    says(page, "each patch goes through the stem by itself")
    page.get_by_label("stem").select_option("switched off")
    says(page, "the stem")
    before, after = (float(x) for x in cosine.inner_text().replace("−", "-").split("→"))
    assert before - after > 0.2


def test_what_arrives_is_what_is_on_view_and_is_shuffled_as_the_encoder_is_told(page, clip_page):
    store = bundled("living-encoder/store.ts")
    script = """async (source) => [...(await import("data:text/javascript," + encodeURIComponent(source)))
        .orderOf({ grid: [8, 8] })]"""
    order = page.evaluate(script, store)
    page.goto(clip_page.as_uri())
    expect(page.locator(".vk")).to_have_attribute("data-ready", "true")
    page.get_by_label("show", exact=True).select_option("the picture alone")
    says(page, "%.")
    small = (64, 64)

    def seen(locator: Locator) -> np.ndarray:
        whole = Image.fromarray(picture(locator).astype(np.uint8))
        return np.asarray(whole.resize(small, Image.Resampling.BOX), float)

    arrived = page.locator("[data-panel=input] canvas")
    shown = seen(page.locator(STAGE))
    assert shown.std() > 30
    wait_until(lambda: np.abs(seen(arrived) - shown).mean() < 6, "the picture on view")
    before = patches_of(seen(arrived))
    more(page)
    page.get_by_label("positions").select_option("shuffle the patches")
    says(page, "the 64 patches are shuffled")
    wait_until(
        lambda: np.abs(patches_of(seen(arrived)) - before[order]).mean() < 3, "each patch elsewhere"
    )


def patches_of(pixels: np.ndarray) -> np.ndarray:
    """Mean colours of the middles of 8 x 8 patches, row by row, (64, 3)."""
    inside = slice(2, 6)
    return pixels.reshape(8, 8, 8, 8, 3)[:, inside, :, inside].mean((1, 3)).reshape(64, 3)


@pytest.mark.parametrize(
    "show", ["each patch’s answer", "each patch’s label", "effect of covering"]
)
def test_every_map_changes_the_picture(page, stage, show):
    chooser = page.get_by_label("show", exact=True)
    chooser.select_option("the picture alone")
    says(page, "%.")
    bare = picture(stage)
    chooser.select_option(show)
    wait_until(lambda: np.abs(picture(stage) - bare).mean() > 2, f"{show} over the picture")
    if show == "effect of covering":
        expect(page.locator("output.vk-status")).not_to_contain_text("not all", timeout=60_000)
    else:
        first = picture(stage)
        page.get_by_label("layer", exact=True).fill("0")
        wait_until(lambda: np.abs(picture(stage) - first).mean() > 2, "another layer, another map")


def test_the_tour_lights_parts_asks_and_answers(page, stage):
    opener = button(page, "Tour")
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_focused()
    expect(page.locator(".vk-lit")).to_have_count(1)
    expect(button(page, "Back")).to_be_disabled()
    drag(stage, [CIRCLE, (1.14, 0.62)])
    wait_until(lambda: share(page, 2) > 90, "the heart alone, while the tour is open")
    button(page, "Answer").click()
    expect(dialog.locator(".vk-answer")).to_contain_text("“a red heart” leads with")
    titles = []
    while True:
        titles.append(dialog.locator(".vk-strong").inner_text())
        last = page.get_by_role("button", name="Finish", exact=True)
        if last.count():
            break
        button(page, "Next").click()
    assert len(set(titles)) == 8
    button(page, "Back").click()
    expect(dialog.locator(".vk-strong")).to_have_text(titles[-2])
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    expect(page.locator(".vk-lit")).to_have_count(0)
    # What the tour had switched off is on again.
    expect(page.locator(".vk-cosine").first).not_to_contain_text("→")


def test_a_picture_of_ones_own_is_dropped_and_arrives(page, stage, tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:40] = (220, 30, 30)  # left half of the middle square
    pixels[:, 40:60] = (30, 30, 220)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    more(page)
    with page.expect_file_chooser() as chosen:
        button(page, "Open a picture").click()
    chosen.value.set_files(tmp_path / "own.png")
    says(page, "nothing on your picture")
    page.get_by_label("show", exact=True).select_option("the picture alone")
    arrived = page.locator("[data-panel=input] canvas")
    for seen in (stage, arrived):
        wait_until(lambda seen=seen: at(picture(seen), 0.25, 0.5)[0] > 180, "red on the left")
        assert at(picture(seen), 0.75, 0.5)[2] > 180
    (tmp_path / "no.png").write_bytes(b"no picture")
    with page.expect_file_chooser() as chosen:
        button(page, "Open a picture").click()
    chosen.value.set_files(tmp_path / "no.png")
    says(page, "no.png is no picture that this browser can read")


@pytest.mark.parametrize("width", [390, 760])
def test_nothing_needs_sideways_scrolling(page, stage, width):
    page.set_viewport_size({"width": width, "height": 900})
    more(page)
    button(page, "Tour").click()
    click_at(stage, *HEART)
    wait_until(
        lambda: page.evaluate("document.documentElement.scrollWidth") <= width, "no overflow"
    )
    wait_until(
        lambda: stage.bounding_box()["width"] >= (0.85 if width < 500 else 0.4) * width,
        "a large picture",
    )


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_full_screen_gives_the_picture_four_fifths_of_the_height(page, stage, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    stage.focus()
    page.keyboard.press("f")
    wait_until(lambda: stage.bounding_box()["height"] >= 0.8 * size[1], "80% of the height")
    click_at(stage, *HEART)
    root = page.locator(".vk")
    wait_until(
        lambda: root.evaluate("e => e.scrollHeight <= e.clientHeight + 1"), "nothing to scroll"
    )
    for key, shown in (
        ("PageDown", "cosine of each patch"),
        ("PageDown", "labels (shapes)"),
        ("PageUp", "cosine"),
    ):
        page.keyboard.press(key)
        says(page, shown)


def test_a_finger_drags_an_object_and_scrolls_beside_it(chromium, request, clip_page):
    with opened("chromium", request, 390, 800, touch=True) as phone:
        phone.open(clip_page)
        wait_for(phone, READY)
        x, y, width, _ = box_of(phone, STAGE)
        place = lambda at: move(x + at[0] * width, y + at[1] * width)  # noqa: E731
        path = [place(HEART), DOWN, place((0.4, 0.3)), place((0.6, 0.2)), UP]
        phone.pointer(path, "touch")
        wait_for(phone, f"{STATUS}.includes('heart at 60% from the left, 20% from the top')")
        assert phone.ask("scrollY") == 0


# ------------------------------------------------------------------- where the ink lies

ROWS, COLUMNS, HOT = 3, 5, (2, 1)


@pytest.fixture(scope="module")
def one_hot_page(tmp_path_factory) -> Path:
    """The instrument with an encoder whose head 2 looks at one patch of a grid of 3 x 5, in an ancestor that is scaled."""
    page = tmp_path_factory.mktemp("hot") / "page.html"
    page.write_text(
        f"""<!DOCTYPE html><meta charset="utf-8"><title>one hot</title>
        <style>{assets.style("living_encoder")}</style>
        <div style="transform: scale(.7); transform-origin: 30px 20px"><div id="place"></div></div>
        <script type="module">{bundled("tests/one-hot-encoder.ts")}</script>""",
        encoding="utf-8",
    )
    return page


def test_the_hot_patch_is_where_it_belongs_and_a_pointer_finds_it(engine, one_hot_page):  # noqa: F811
    engine.open(one_hot_page)
    wait_for(engine, READY)
    # In one go: a picture in between would set the select back to what is on view.
    select = "document.querySelector('[aria-label=head]')"
    engine.ask(f"{select}.value = 'head 2', {select}.dispatchEvent(new Event('change'))")
    wait_for(engine, f"{STATUS}.includes('head 2')")
    x, y, width, height = box_of(engine, STAGE)
    middle = {
        (row, column): (x + (column + 0.5) / COLUMNS * width, y + (row + 0.5) / ROWS * height)
        for row in range(ROWS)
        for column in range(COLUMNS)
    }
    image = np.asarray(engine.screenshot(), float)
    scale = image.shape[1] / engine.ask("innerWidth")
    light = {
        cell: image[round(b * scale), round(a * scale)].mean() for cell, (a, b) in middle.items()
    }
    assert max(light, key=light.get) == HOT
    others = [value for cell, value in light.items() if cell != HOT]
    assert light[HOT] > max(others) + 60
    # The edges of the hot patch are where the grid has them.
    left, top = x + HOT[1] / COLUMNS * width, y + HOT[0] / ROWS * height
    inside, outside = (
        image[round((top + 6 * side) * scale), round((left + 6 * side) * scale)].mean()
        for side in (1, -1)
    )
    assert inside > outside + 60
    engine.pointer([move(10, 10), move(*middle[1, 3])])
    wait_for(engine, f"{STATUS}.includes('of the patch in row 1, column 3')")


def test_an_object_is_dragged_in_every_engine(engine, clip_page):  # noqa: F811
    engine.open(clip_page)
    wait_for(engine, READY)
    x, y, width, _ = box_of(engine, STAGE)
    place = lambda a, b: move(x + a * width, y + b * width)  # noqa: E731
    engine.pointer(
        [place(*CIRCLE), DOWN, place(0.8, 0.62), place(0.96, 0.62), place(1.1, 0.62), UP]
    )
    wait_for(engine, f"/chosen: flat green circle at 1[01]\\d%/.test({STATUS})")
    wait_for(engine, f"{STATUS}.includes('best: “a red heart” ')")
