"""Measures the encoder of LivingEncoder in every browser there is: bytes, times, frames, and how near torch it comes.

    python -m benchmarks.living [--quick] [--check]

Each browser gets two pages. One holds the encoder alone and 100 scenes with what torch says of them: its times
are those of the forward pass, the first one with the weights unpacked. The other is an exported LivingEncoder, where
an object is dragged in circles by pointer events, one before every frame; the median of three rounds counts. With
`--check`, ends with 1 when a requirement was missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks import harness
from benchmarks.harness import Requirement, Row, percentile, tell
from tests.living_encoder import bundle, comparing_page
from tests.support.engines import (
    Engine,
    chromium_engine,
    firefox_engine,
    wait_for,
    webkit_engine,
)
from vizkit.data.render import render
from vizkit.data.scenes import sample_scenes
from vizkit.widgets import LivingEncoder
from vizkit.zoo import load

SCENES = 100
CAPTIONS = ["a red heart", "a small blue star left of a large green circle"]
BROWSERS = ("Chromium", "Firefox", "WebKitGTK")
SPARED = "WEBKIT_DISABLE_DMABUF_RENDERER"
MILLIONTHS = "millionths"
# The heart of the first scene, dragged around its place; a frame counts when it has been shown.
DRAG = """(async () => {
  const canvas = document.querySelector("canvas.vk-picture"), box = canvas.getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  const send = (type, turn) => {
    const x = box.left + (0.3 + 0.1 * Math.sin(turn / 8)) * box.width;
    const y = box.top + (0.42 + 0.1 * (1 - Math.cos(turn / 8))) * box.height;
    const at = { clientX: x, clientY: y, screenX: x, screenY: y };
    const how = { bubbles: true, cancelable: true, pointerId: 1, isPrimary: true, button: 0 };
    canvas.dispatchEvent(new PointerEvent(type, { ...how, ...at, buttons: type === "pointerup" ? 0 : 1 }));
  };
  const share = () => document.querySelector("[data-panel=captions]").textContent;
  send("pointerdown", 0);
  const shares = new Set(), times = [];
  for (let turn = 1; turn <= FRAMES; turn++) {
    send("pointermove", turn);
    await frame();
    times.push(performance.now());
    shares.add(share());
  }
  send("pointerup", FRAMES);
  window.dragged = { times, shares: shares.size };
})().catch((error) => { window.dragged = { times: [0, 1], shares: 0, error: String(error) }; })"""


def rows() -> list[Row]:
    """The requirements, in the order of the table."""
    found = [Row(Requirement("pocket-clip", "weights", "", "at most", 2e6, "B"))]
    for browser in BROWSERS:
        found += [
            Row(Requirement(browser, "first answer", "", "at most", 500, "ms")),
            Row(Requirement(browser, "still picture, median", "", "at most", 30, "ms")),
            Row(Requirement(browser, "while dragging", "", "at least", 15, "frames/s")),
            Row(Requirement(browser, "1 - cosine, 100 scenes", "", "at most", 100, MILLIONTHS)),
            Row(Requirement(browser, "attention off by", "", "at most", 1000, MILLIONTHS)),
        ]
    return found


@contextmanager
def opened(browser: str, spared: bool = False) -> Iterator[Engine]:
    """A window of 1100 x 800 in a browser.

    spared: WebKitGTK emulates no graphics card where there is none. By itself it does, to put its layers
    together, and that costs as much as the rest of a frame; Chromium is told `--disable-gpu`.
    """
    with ExitStack() as stack:
        if browser == "Chromium":
            chromium = stack.enter_context(harness.chromium())
            yield stack.enter_context(chromium_engine(chromium, 1100, 800, False))
            return
        if browser == "Firefox":
            yield stack.enter_context(firefox_engine(1100, 800))
            return
        if spared:
            os.environ[SPARED] = "1"
            stack.callback(os.environ.pop, SPARED)
        yield stack.enter_context(webkit_engine(1100, 800))


def measure(table: list[Row], quick: bool) -> None:
    """Fill the table; a browser that is missing leaves its rows empty, with the reason."""
    node = shutil.which("node")
    if node is None:
        raise harness.CannotMeasureError("Node is missing: it takes the encoder out of its bundle")
    encoder = load("pocket-clip")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        widget = LivingEncoder(encoder)
        table[0].ours = widget.encoder["facts"]["bytes"]
        instrument = widget.save_html(folder / "instrument.html")
        images = torch.from_numpy(render(sample_scenes(SCENES, seed=3))).permute(0, 3, 1, 2) / 255
        compared = folder / "compared.html"
        compared.write_text(
            comparing_page(bundle(node, folder), encoder, images, CAPTIONS), "utf-8"
        )
        for index, browser in enumerate(BROWSERS):
            part = table[1 + 5 * index : 6 + 5 * index]
            try:
                frames = (
                    50 if quick else 150
                )  # whole circles: the heart is where the next round takes it
                with opened(browser) as engine:
                    fill(part, engine, compared, instrument, frames)
                if browser == "WebKitGTK":
                    part[2].note += f"; {without_emulated_graphics(instrument, frames)}"
            except (OSError, RuntimeError) as error:
                part[0].note = f"{type(error).__name__}: {str(error)[:60]}"
                tell(f"{browser}: {part[0].note}")


def fill(part: list[Row], engine: Engine, compared: Path, instrument: Path, frames: int) -> None:
    """Measure one browser."""
    first, still, dragging, cosine, attention = part
    engine.open(compared)
    found: dict[str, Any] = wait_for(engine, "window.found", seconds=300)
    simd, plain = found["simd"], found["plain"]
    first.ours, still.ours = simd["times"][0], percentile(simd["times"][1:], 50)
    first.note = f"kernel: {simd['kernel']}"
    still.note = f"without WebAssembly {percentile(plain['times'][1:], 50):.0f} ms"
    cosine.ours = 1e6 * max(0.0, 1 - simd["feature"])
    attention.ours = 1e6 * simd["attention"]
    rates, dragging.note = dragged(engine, instrument, frames)
    dragging.ours = percentile(rates, 50)
    tell(f"{part[0].requirement.work}: {still.ours:.1f} ms, {dragging.ours:.1f} frames/s")


def dragged(engine: Engine, instrument: Path, frames: int) -> tuple[list[float], str]:
    """Frames a second of each of three rounds after one that warms the instrument up, and what is to be said of them."""
    engine.open(instrument)
    wait_for(engine, 'document.querySelector(".vk[data-ready=true]") !== null')
    rates = []
    for _ in range(4):
        engine.ask("window.dragged = null")
        engine.ask(f"void {DRAG.replace('FRAMES', str(frames))}")
        found = wait_for(engine, "window.dragged", seconds=300)
        times = found["times"]
        if found["shares"] < len(times) / 8:
            raise RuntimeError(f"the picture did not follow: {found['shares']} answers")
        rates.append(1000 * (len(times) - 1) / (times[-1] - times[0]))
    span = f"{min(rates[1:]):.1f} to {max(rates[1:]):.1f} in 3 rounds"
    return rates[1:], f"{span}; {found['shares']} different answers in {len(times)} frames"


def without_emulated_graphics(instrument: Path, frames: int) -> str:
    """The same drag in WebKitGTK where it emulates no graphics card."""
    with opened("WebKitGTK", spared=True) as engine:
        rates, _ = dragged(engine, instrument, frames)
    return f"{percentile(rates, 50):.1f} frames/s with {SPARED}=1"


def main(quick: bool = False) -> bool:
    """Print the table; whether every requirement is met."""
    table = rows()
    measure(table, quick)
    print(harness.format_table(table))
    print(harness.summary(table))
    print(f"load of the machine in the last five minutes: {os.getloadavg()[1]:.1f}")
    return all(row.verdict == "met" for row in table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.living", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer frames: noisy")
    parser.add_argument("--check", action="store_true", help="fail when a requirement is missed")
    chosen = parser.parse_args()
    met = main(quick=chosen.quick)
    sys.exit(int(chosen.check and not met))
