"""What the measured comparisons share: a real JupyterLab, a headless Chromium, arithmetic.

Definitions, the same for every contender:

- **bytes received**: every byte of every websocket message that the page gets between the run key
  and quiet (nothing for a second). Text counts as UTF-8, binary messages in full. The page's own
  `WebSocket` is wrapped to count, because forwarding a 40 MB message to a debugger would slow down
  exactly those contenders that send much.
- **first display**: the same count, stopped at the frame that counts as painted.
- **run to painted**: from the run key (the kernel is warm, libraries are imported, data is made) to
  the second animation frame after the sign of a finished picture, WebGL included. The sign is
  `data-ready` for vizkit, the heat map's `<image>` with its pixels for Plotly, a canvas that is
  not empty for jupyter-scatter.
- **page to painted**: a fresh page of a fresh browser context that has been open for a second,
  network off, from the start of the navigation to the second animation frame after the same sign.
- **hover**, **drag** (of a map): in an exported page, the pointer moves in every animation frame
  for two seconds (with the button down for a drag); frames that came and whose WebGL has drawn,
  divided by the time they took. The longest frame is told beside it.
- **temperature drag**: in an exported page, a real pointer drags the slider from end to end, each
  move as soon as the browser took the last one; per input event, from its first listener to the
  first task after the frame that shows it: handler, computing, drawing and layout are all in it.

- **phases** of run to painted, for vizkit in JupyterLab: *asked* ends when the kernel's first word
  arrives, *constructed* when code or data of the widget do (`comm_open`), *described* when its static
  picture and headline do (`execute_result`), *mounted* when its module is unpacked and has put its
  frame into the page, *drawn* at `data-ready`, *shown* at the second animation frame after that.
  A phase that overlaps with the one before it counts from that one's end, and 0 if it was earlier.

Contenders alternate (A B A B), the first round is thrown away, medians are compared. Absolute times
belong to the machine; ratios travel better, and those are what the table asks for.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tests.support.harness import JupyterLab, is_local
from tools.browsers import headless_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Without a GPU, pages are painted by the processor and WebGL2 runs in SwiftShader, for every contender
# alike. (--use-angle=swiftshader, which the tests take, would paint the pages themselves through the
# emulated GPU as well, about six times slower.)
CHROMIUM_FLAGS = ("--disable-gpu", "--enable-unsafe-swiftshader")


# The phases of run to painted, and what ends each (the definitions stand above).
PHASES = {
    "asked": "status",
    "constructed": "comm_open",
    "described": "execute_result",
    "mounted": "mounted",
    "drawn": "drawn",
    "shown": "shown",
}


class CannotMeasureError(RuntimeError):
    """Something that every measurement needs is missing; the message says what to do."""


# ── Arithmetic ────────────────────────────────────────────────────────────────────────────────────


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest measured value that at least `percent` % of the values do not exceed.

    Raises:
        ValueError: no values, or `percent` outside 0..100.
    """
    if not values:
        raise ValueError("percentile needs at least one value, got none")
    if not 0 <= percent <= 100:
        raise ValueError(f"percent must lie between 0 and 100, got {percent}")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


@dataclass(frozen=True)
class Requirement:
    """One cell of the required table.

    Attributes:
        work: what is shown, for example "similarity 64²".
        measure: what is measured, for example "bytes received".
        peer: the alternative it is compared with, "" where the bound is absolute.
        kind: "ratio": vizkit / peer ≤ bound; "at most" and "at least": vizkit against the bound.
        bound: the ratio, or a number in `unit`.
        unit: "B", "ms" or "frames/s".
    """

    work: str
    measure: str
    peer: str
    kind: Literal["ratio", "at most", "at least"]
    bound: float
    unit: str


@dataclass
class Row:
    """A requirement with what was measured for it; None where it could not be measured.

    Attributes:
        requirement: what must be reached.
        ours: the measured value of the vizkit widget, in the requirement's unit.
        theirs: the measured value of the peer, in the same unit.
        note: what a reader needs besides (longest frame, why a value is missing).
    """

    requirement: Requirement
    ours: float | None = None
    theirs: float | None = None
    note: str = ""

    @property
    def reached(self) -> float | None:
        """The number that is compared with the bound."""
        if self.requirement.kind != "ratio":
            return self.ours
        if self.ours is None or not self.theirs:
            return None
        return self.ours / self.theirs

    @property
    def verdict(self) -> Literal["met", "not met", "not measured"]:
        if self.reached is None or math.isnan(self.reached):
            return "not measured"
        bound = self.requirement.bound
        good = (
            self.reached >= bound if self.requirement.kind == "at least" else self.reached <= bound
        )
        return "met" if good else "not met"


def format_value(value: float | None, unit: str) -> str:
    """Return the number as people read it: 57.3 kB, 4.96 MB, 118 ms, 1.42 s, 59.6 frames/s."""
    if value is None:
        return "–"
    if unit == "B":
        return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
    if unit == "ms":
        return (
            f"{value / 1e3:.2f} s" if value >= 1e3 else f"{value:.{0 if value >= 100 else 1}f} ms"
        )
    return f"{value:.1f} {unit}"


def format_ratio(ratio: float | None) -> str:
    """Return 1/44 for small ratios, 1.3x from one upwards, rounded towards the worse."""
    if ratio is None or math.isnan(ratio):
        return "–"
    if ratio >= 1:
        return f"{math.ceil(ratio * 10) / 10:.1f}x"
    inverse = 1 / ratio
    return f"1/{math.floor(inverse)}" if inverse >= 10 else f"1/{math.floor(inverse * 10) / 10:.1f}"


def format_table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table: required and measured side by side, and the verdict."""
    lines = [["work", "measure", "peer", "vizkit", "required", "measured", "verdict", "note"]]
    for row in rows:
        need = row.requirement
        if need.kind == "ratio":
            required, measured = f"≤ {format_bound(need.bound)}", format_ratio(row.reached)
        else:
            sign = "≤" if need.kind == "at most" else "≥"
            required = f"{sign} {format_value(need.bound, need.unit)}"
            measured = format_value(row.ours, need.unit)
        theirs = format_value(row.theirs, need.unit)
        peer = f"{need.peer} {theirs}" if need.peer else "–"
        ours = format_value(row.ours, need.unit)
        lines.append(
            [need.work, need.measure, peer, ours, required, measured, row.verdict, row.note]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def format_bound(bound: float) -> str:
    """Return a required ratio as it was written: 1/88, 1/6.9."""
    return f"1/{1 / bound:.3g}"


def summary(rows: Sequence[Row]) -> str:
    """Return one line that counts the verdicts and names the rows that are not met."""
    counts = dict.fromkeys(("met", "not met", "not measured"), 0)
    for row in rows:
        counts[row.verdict] += 1
    text = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    missed = [
        f"{r.requirement.work}: {r.requirement.measure}" for r in rows if r.verdict == "not met"
    ]
    return text + (f" ({'; '.join(missed)})" if missed else "")


def to_json(rows: Sequence[Row], details: dict[str, Any]) -> str:
    """Return rows, verdicts and the single measurements as JSON text."""
    table = [{**asdict(row), "reached": row.reached, "verdict": row.verdict} for row in rows]
    return json.dumps({"rows": table, "details": details}, indent=1, ensure_ascii=False)


def write_text(path: str | Path, text: str) -> None:
    """Write a file whole or not at all."""
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@dataclass
class Samples:
    """Repeated measurements by name, with their medians."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float | None:
        values = self.values.get(name)
        return statistics.median(values) if values else None


def alternate(contenders: Sequence[str], repeats: int) -> Iterator[tuple[str, bool]]:
    """Yield (contender, counts) as A B A B …; the first round does not count: it warms caches."""
    for repeat in range(repeats + 1):
        for contender in contenders:
            yield contender, repeat > 0


def tell(text: str) -> None:
    """Print a progress line at once, beside the table."""
    print(f"  {text}", file=sys.stderr, flush=True)


# ── What runs inside the page ─────────────────────────────────────────────────────────────────────

IN_PAGE = """
(() => {
  const bench = window.bench = { received: 0, last: 0, started: 0, painted: 0, bytes: 0, moments: {} };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...rest) {
      super(...rest);
      this.addEventListener("message", ({ data }) => {
        const text = typeof data === "string";
        bench.received += text ? new Blob([data]).size : data.byteLength ?? data.size;
        bench.last = performance.now();
        for (const type of text ? [] : typesIn(data)) bench.moments[type] ??= bench.last;
      });
    }
  };
  /** The messages that begin or end a phase, by their type. The header lies near the beginning. */
  const head = new TextDecoder("latin1");
  const typesIn = (data) => {
    const beginning = head.decode(new Uint8Array(data, 0, Math.min(2000, data.byteLength)));
    return [/"msg_type": ?"(status|comm_open|execute_result)"/.exec(beginning)?.[1]].filter(Boolean);
  };
  /** WebGL draws later than its calls return; reading a pixel waits until it has drawn. */
  const known = new WeakSet(), surfaces = new Set(), pixel = new Uint8Array(4);
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (...rest) {
    const made = getContext.apply(this, rest);
    if (made && "readPixels" in made && !known.has(made)) {
      known.add(made);
      const calls = ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"];
      for (const name of calls) {
        const draw = made[name];
        if (draw) made[name] = (...what) => { surfaces.add(made); draw.apply(made, what); };
      }
    }
    return made;
  };
  const drawn = () => {
    for (const gl of surfaces) {
      if (!gl.isContextLost()) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    }
    surfaces.clear();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey) {
      bench.started = bench.last = performance.now();
      bench.received = 0;
      bench.moments = {};
      const old = new Set(document.querySelectorAll(".vk"));
      const observer = new MutationObserver(() => {
        if (![...document.querySelectorAll(".vk")].some((one) => !old.has(one))) return;
        bench.moments.mounted = performance.now();
        observer.disconnect();
      });
      observer.observe(document.body, { childList: true, subtree: true });
    }
  }, true);
  const small = document.createElement("canvas");
  small.width = small.height = 48;
  const context = small.getContext("2d", { willReadFrequently: true });
  // Shrunk copies keep the cost of looking small; a plain background has one colour.
  const painted = (canvas) => {
    if (!canvas.width || !canvas.height || canvas.offsetWidth < 100) return false;
    context.clearRect(0, 0, 48, 48);
    context.drawImage(canvas, 0, 0, 48, 48);
    const pixels = new Uint32Array(context.getImageData(0, 0, 48, 48).data.buffer);
    let other = 0;
    for (const pixel of pixels) if (pixel !== pixels[0]) other++;
    return other > 40;
  };
  const inside = (selector) => [...document.querySelectorAll(selector)];
  const signs = {
    vizkit: () => !!document.querySelector("[data-ready=true]"),
    plotly: () => inside(".heatmaplayer image").some((image) => image.href.baseVal.length > 100),
    scatter: () => inside(".jp-OutputArea-output canvas").some(painted),
  };
  /** Waits for the sign of a finished picture, then for the frame that shows it. */
  bench.watch = (name, timeout) => {
    bench.painted = bench.bytes = 0;
    const begin = performance.now();
    const look = () => {
      if (!signs[name]()) {
        if (performance.now() - begin < timeout) requestAnimationFrame(look);
        return;
      }
      drawn();
      bench.moments.drawn = performance.now();
      requestAnimationFrame(() => requestAnimationFrame(() => {
        bench.moments.shown = performance.now();
        bench.painted = performance.now();
        bench.bytes = bench.received;
      }));
    };
    look();
  };
  /** What lies on top of the middle of the largest element. */
  bench.largest = (selector) => {
    const area = (element) => element.offsetWidth * element.offsetHeight;
    const picture = inside(selector).sort((a, b) => area(b) - area(a))[0];
    picture.scrollIntoView({ block: "center" });
    const box = picture.getBoundingClientRect();
    return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  };
  /** Moves the pointer once in every frame for `milliseconds`, all over the element. */
  bench.sweep = async (element, milliseconds, drag) => {
    const box = element.getBoundingClientRect(), moments = [];
    const fire = (type, x, y, buttons) => {
      const at = {
        bubbles: true, composed: true, cancelable: true, view: window, clientX: x, clientY: y,
        screenX: x, screenY: y, // what tells a pointer that moved from a page that moved
        button: type === "move" ? -1 : 0, buttons,
        pointerId: 1, pointerType: "mouse", isPrimary: true,
      };
      element.dispatchEvent(new PointerEvent(`pointer${type}`, at));
      element.dispatchEvent(new MouseEvent(`mouse${type}`, { ...at, button: 0 }));
    };
    // Made-up pointers cannot be captured, and a drag must not fail because of that.
    if (drag) {
      Element.prototype.setPointerCapture = Element.prototype.releasePointerCapture = () => {};
    }
    const place = (part) => [
      box.left + box.width * (0.5 + 0.42 * Math.sin(part * 9)),
      box.top + box.height * (0.5 + 0.42 * Math.sin(part * 7 + 1)),
    ];
    const frame = () => new Promise(requestAnimationFrame);
    let changes = 0;
    const observer = new MutationObserver((list) => { changes += list.length; });
    const everything = { subtree: true, childList: true, characterData: true, attributes: true };
    observer.observe(document.body, everything);
    if (drag) fire("down", ...place(0), 1);
    for (let wait = 0; wait < 5; wait++) await frame();
    const begin = performance.now();
    let now = begin;
    while (now - begin < milliseconds) {
      fire("move", ...place((now - begin) / milliseconds), drag ? 1 : 0);
      await frame();
      drawn();
      now = performance.now();
      moments.push(now);
    }
    observer.disconnect();
    const points = Number(element.closest("[data-drawn]")?.dataset.drawn ?? 0);
    const lengths = moments.map((moment, index) => moment - (index ? moments[index - 1] : begin));
    const longest = Math.max(...lengths);
    if (drag) fire("up", ...place(1), 0);
    return { rate: (1000 * moments.length) / (now - begin), longest, changes, points };
  };
  /** Times every input event from its first listener to the first task after its frame. */
  bench.timeInputs = () => {
    bench.inputs = [];
    window.addEventListener("input", () => {
      const begin = performance.now();
      const after = new MessageChannel();
      after.port1.onmessage = () => {
        bench.inputs.push(performance.now() - begin);
        after.port1.close();
      };
      requestAnimationFrame(() => after.port2.postMessage(0));
    }, true);
  };
})();
"""


# ── Chromium and JupyterLab ───────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a headless Chromium; it is closed whatever happens.

    Raises:
        CannotMeasureError: none starts.
    """
    with contextlib.ExitStack() as opened:
        try:
            browser = opened.enter_context(headless_chromium(*CHROMIUM_FLAGS))
        except FileNotFoundError as error:
            raise CannotMeasureError(str(error)) from error
        yield browser


class Lab:
    """An open notebook with one cell, which runs whatever it is told to.

    Unlike the tests' `NotebookPage` it lets every request pass unseen: what is counted is the page's.

    Args:
        page: a Playwright page.
        server: where the notebook is.
        name: the notebook.
    """

    def __init__(self, page: Any, server: JupyterLab, name: str) -> None:
        self.page = page
        page.goto(server.address_of(name))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell .cm-content", timeout=90_000)
        page.wait_for_selector('.jp-NotebookPanel [data-status="idle"]', timeout=90_000)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        # The first keys after loading may fall into a notebook that is still being laid out.
        # On a slow machine JupyterLab may ask for the kernel that it was about to start.
        question = self.page.locator(".jp-Dialog .jp-mod-accept")
        for _ in range(4):
            if question.count():
                question.first.click()
            with contextlib.suppress(TimeoutError):
                return self.run_to_end("pass", timeout=20)
        raise RuntimeError("the notebook opened, but its cell does not run")

    def run(self, source: str) -> None:
        """Put `source` into the cell and press run."""
        self.page.locator(".jp-CodeCell .cm-content").first.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Control+Enter")

    def run_to_end(self, source: str, *, timeout: float = 180) -> None:
        """Run `source` and wait until the kernel has done it.

        Raises:
            RuntimeError: the code raised; the message is the traceback's last lines.
            TimeoutError: it did not end in time.
        """
        mark = f"done {secrets.token_hex(4)}"
        self.run(f"{source}\nprint({mark!r})")
        output = self.page.locator(".jp-OutputArea-output")
        self._wait_for(
            "mark => [...document.querySelectorAll('.jp-OutputArea-output')]"
            ".some(({ textContent }) => textContent.includes(mark)"
            " || textContent.includes('Traceback'))",
            timeout,
            mark,
        )
        text = "\n".join(output.all_inner_texts())
        if mark not in text:
            raise RuntimeError(f"the kernel raised:\n{text[-1500:]}")

    def _wait_for(self, condition: str, seconds: float, argument: Any = None) -> None:
        from playwright.sync_api import TimeoutError as PlaywrightTimeout

        try:
            self.page.wait_for_function(
                condition, arg=argument, timeout=seconds * 1000, polling=100
            )
        except PlaywrightTimeout:
            text = "\n".join(self.page.locator(".jp-OutputArea-output").all_inner_texts())
            raise TimeoutError(
                f"nothing after {seconds:.0f} s; the cell shows: {text[-800:]}"
            ) from None

    def show(self, source: str, sign: str, *, timeout: float = 75) -> dict[str, float]:
        """Run `source`, wait until its picture is painted and everything has arrived.

        Returns:
            `painted` in ms since the run key, `first` and `bytes` in bytes (first display, all).

        Raises:
            TimeoutError: nothing was painted in time, with what the cell shows instead.
        """
        self.page.locator(".jp-CodeCell .cm-content").first.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.page.evaluate("([sign, time]) => bench.watch(sign, time)", [sign, timeout * 1000])
        self.page.keyboard.press("Control+Enter")
        self._wait_for("bench.painted > 0", timeout)
        self._wait_for("performance.now() - bench.last > 1000", timeout)
        return self.page.evaluate(
            "({ painted: bench.painted - bench.started,"
            " first: bench.bytes, bytes: bench.received })"
        )

    def phases(self) -> dict[str, float]:
        """Return how long each of `PHASES` of the last `show` took, in ms; {} for a peer."""
        moments = self.page.evaluate("({ started: bench.started, ...bench.moments })")
        before, phases = moments["started"], {}
        for name, sign in PHASES.items():
            if sign not in moments:
                return {}
            phases[name] = max(0.0, moments[sign] - before)
            before = max(before, moments[sign])
        return phases


@contextlib.contextmanager
def lab(browser: Any) -> Iterator[Lab]:
    """Yield a `Lab`: a fresh JupyterLab with an empty notebook, open in a fresh page."""
    with tempfile.TemporaryDirectory(prefix="vizkit-bench-", ignore_cleanup_errors=True) as folder:
        # A message may be larger than the default limit of messages a second allows.
        rate = "--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e12"
        with contextlib.closing(JupyterLab(Path(folder), options=[rate])) as server:
            name = server.write_notebook("bench.ipynb", [""])
            with new_page(browser) as page:
                yield Lab(page, server, name)


@contextlib.contextmanager
def new_page(browser: Any, *, offline: bool = False, then: str = "") -> Iterator[Any]:
    """Yield a page of a fresh context, 1280 x 900, with the measuring code, then `then`, in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=offline)
    try:
        context.add_init_script(IN_PAGE + then)
        yield context.new_page()
    finally:
        context.close()


@contextlib.contextmanager
def exported(
    browser: Any, path: Path, sign: str, *, timeout: float = 120
) -> Iterator[tuple[Any, float]]:
    """Open an exported page with the network off; yield the page and its time to painted in ms.

    Raises:
        RuntimeError: nothing was painted in time, or the page asked for something outside itself.
    """
    watch = f"bench.watch({sign!r}, {timeout * 1000});"
    with new_page(browser, offline=True, then=watch) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        # Opening a window keeps Chromium itself busy for a while; that is no page's time.
        page.wait_for_timeout(1000)
        page.goto(path.as_uri(), wait_until="commit")
        # Asked from outside: the page's content-security policy forbids the evaluation that
        # Playwright's own waiting does inside.
        deadline = time.monotonic() + timeout
        while not page.evaluate("bench.painted"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path.name} painted nothing in {timeout:.0f} s")
            page.wait_for_timeout(50)
        outside = [url for url in asked if not is_local(url)]
        if outside:
            raise RuntimeError(f"{path.name} asked for {outside[0]}")
        yield page, page.evaluate("bench.painted")


def drag_slider(page: Any, selector: str, *, moves: int = 80) -> list[float]:
    """Drag a range input from end to end with a real pointer; return the ms of every input event.

    Raises:
        RuntimeError: the slider answered fewer than 60 times.
    """
    slider = page.locator(selector).first
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.evaluate("bench.timeInputs()")
    page.mouse.move(box["x"] + 9, middle)
    page.mouse.down()
    for move in range(moves):
        page.mouse.move(box["x"] + 9 + (box["width"] - 18) * (move + 1) / moves, middle)
    page.mouse.up()
    page.wait_for_timeout(300)
    times = page.evaluate("bench.inputs")
    if len(times) < 60:
        raise RuntimeError(
            f"the slider answered {len(times)} times in {moves} moves; 60 are needed"
        )
    return times
