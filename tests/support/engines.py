"""Three browser engines behind one small interface: Chromium by Playwright, Firefox by WebDriver BiDi, WebKitGTK by WebDriver.

Only what the tests need: open a page, ask it, move a pointer, press keys, look at it. Firefox and WebKitGTK are
started once for all tests; each test has a tab of its own.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
import websocket
from PIL import Image

from tests.support.harness import CARD, free_port
from tools.browsers import find_firefox, find_webkit_driver

ENGINES = ("chromium", "firefox", "webkit")
KEYS = {
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "End": "\ue010",
    "Home": "\ue011",
    "Escape": "\ue00c",
    "Enter": "\ue007",
    "PageUp": "\ue00e",
    "PageDown": "\ue00f",
}


class Engine(Protocol):
    """A page in a browser."""

    def open(self, page: Path | str) -> None:
        """A file or an address, until it is loaded."""
        ...

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON has it."""
        ...

    def pointer(self, actions: list[dict[str, Any]], kind: str = "mouse") -> None:
        """Moves and presses, as WebDriver's action sequences state them."""
        ...

    def press(self, *keys: str) -> None: ...

    def screenshot(self) -> Image.Image: ...


def wait_for(engine: Engine, expression: str, seconds: float = 60) -> Any:
    """Waits until an expression is true in the page; returns its value."""
    end = time.monotonic() + seconds
    while not (value := engine.ask(expression)):
        if time.monotonic() > end:
            raise TimeoutError(f"not true within {seconds} s: {expression}")
        time.sleep(0.05)
    return value


def box_of(engine: Engine, selector: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of an element in the window."""
    script = f"(({{ x, y, width, height }}) => [x, y, width, height])(document.querySelector({selector!r}).getBoundingClientRect())"
    return tuple(engine.ask(script))


def into_view(engine: Engine, selector: str) -> tuple[float, float, float, float]:
    """The box of an element, once it has been scrolled to the middle of the window."""
    where = "{ block: 'center', behavior: 'instant' }"
    engine.ask(f"document.querySelector({selector!r}).scrollIntoView({where})")
    return box_of(engine, selector)


def cell_middle(engine: Engine, canvas: str, row: int, column: int) -> tuple[float, float]:
    """Middle of a cell of a SimilarityMatrix in the window."""
    x, y, *_ = box_of(engine, canvas)
    cells = engine.ask(f"document.querySelector({canvas!r}).dataset.cells")
    left, top, width, height = map(float, cells.split(",")[:4])
    return x + left + (column + 0.5) * width, y + top + (row + 0.5) * height


def click(engine: Engine, selector: str, kind: str = "mouse") -> None:
    """A click, or a tap, in the middle of an element."""
    x, y, width, height = into_view(engine, selector)
    engine.pointer([move(x + width / 2, y + height / 2), DOWN, UP], kind=kind)


def drag_slider(engine: Engine, selector: str, fraction: float) -> float:
    """Drags the thumb of a slider to a fraction of its track, in steps as a hand does; its new value."""
    slider = f"document.querySelector({selector!r})"
    start = engine.ask(f"((one) => (one.value - one.min) / (one.max - one.min))({slider})")
    x, y, width, height = box_of(engine, selector)
    # The thumb's middle stays half its width away from both ends: 16 pixels wide, or nearly so.
    places = [8 + part * (width - 16) for part in (start, (start + fraction) / 2, fraction)]
    first, *rest = [move(x + place, y + height / 2) for place in places]
    engine.pointer([first, DOWN, *rest, UP])
    return float(engine.ask(f"{slider}.value"))


def address_of(page: Path | str) -> str:
    return page.as_uri() if isinstance(page, Path) else page


def move(x: float, y: float) -> dict[str, Any]:
    return {"type": "pointerMove", "x": round(x), "y": round(y)}


DOWN, UP = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}


def _sequences(actions: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [
        {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}
    ]


def _key_sequence(keys: tuple[str, ...]) -> list[dict[str, Any]]:
    strokes = [
        {"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")
    ]
    return [{"type": "key", "id": "keyboard", "actions": strokes}]


# ------------------------------------------------------------------------------------- Chromium


class ChromiumEngine:
    """By Playwright, like the other browser tests."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, page: Path | str) -> None:
        self.page.goto(address_of(page))

    def ask(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def pointer(self, actions: list[dict[str, Any]], kind: str = "mouse") -> None:
        if kind == "touch":
            return self._touch(actions)
        mouse = self.page.mouse
        for action in actions:
            if action["type"] == "pointerMove":
                mouse.move(action["x"], action["y"])
            elif action["type"] == "pause":
                self.page.wait_for_timeout(action["duration"])
            else:
                mouse.down() if action["type"] == "pointerDown" else mouse.up()
        return None

    def _touch(self, actions: list[dict[str, Any]]) -> None:
        session = self.page.context.new_cdp_session(self.page)
        point, down = {"x": 0, "y": 0}, False
        for action in actions:
            if action["type"] == "pause":
                self.page.wait_for_timeout(action["duration"])
                continue
            if action["type"] == "pointerMove":
                point = {"x": action["x"], "y": action["y"]}
                if not down:
                    continue
                kind = "touchMove"
            else:
                down = action["type"] == "pointerDown"
                kind = "touchStart" if down else "touchEnd"
            points = [] if kind == "touchEnd" else [point]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def screenshot(self) -> Image.Image:
        return Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")


@contextmanager
def chromium_engine(browser: Any, width: int, height: int, touch: bool) -> Iterator[Engine]:
    size = {"width": width, "height": height}
    context = browser.new_context(viewport=size, offline=True, has_touch=touch)
    context.add_init_script(CARD)
    context.set_default_timeout(90_000)
    yield ChromiumEngine(context.new_page())
    context.close()


# -------------------------------------------------------------------------------------- Firefox


class Firefox:
    """A running Firefox, by WebDriver BiDi, which it speaks itself."""

    def __init__(self, address: str) -> None:
        self.socket = websocket.create_connection(address, timeout=90, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.errors: list[tuple[str | None, str]] = []  # of which tab, and what
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])

    def call(self, method: str, **parameters: Any) -> Any:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:  # events come between
            answer = json.loads(self.socket.recv())
            if answer.get("method") == "log.entryAdded":
                self._note(answer["params"])
            if answer.get("id") != number:
                continue
            if "result" not in answer:
                raise RuntimeError(f"{method}: {answer.get('error')}: {answer.get('message')}")
            return answer["result"]

    def _note(self, entry: dict[str, Any]) -> None:
        if entry["level"] == "error":
            self.errors.append((entry["source"].get("context"), entry["text"]))

    @contextmanager
    def page(self, width: int, height: int) -> Iterator[FirefoxEngine]:
        engine = FirefoxEngine(self)
        try:
            engine.resize(width, height)
            yield engine
        finally:
            self.call("browsingContext.close", context=engine.context)


class FirefoxEngine:
    """A tab of a running Firefox."""

    def __init__(self, browser: Firefox) -> None:
        self.call = browser.call
        self.browser = browser
        self.context = self.call("browsingContext.create", type="tab")["context"]

    def errors(self) -> list[str]:
        """What the page threw, or wrote to the console as errors."""
        return [text for context, text in self.browser.errors if context == self.context]

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self.context, viewport=size)

    def set_pixel_ratio(self, ratio: float) -> None:
        """Screen pixels for one of the page, as the browser's zoom or another screen change them.

        Unlike Chromium's protocol, this tells the page (`matchMedia`), and the size stays.
        """
        self.call("browsingContext.setViewport", context=self.context, devicePixelRatio=ratio)

    def open(self, page: Path | str) -> None:
        url = address_of(page)
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def ask(self, expression: str) -> Any:
        answer = self.call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value) ?? 'null')",
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"])

    def pointer(self, actions: list[dict[str, Any]], kind: str = "mouse") -> None:
        sequences = _sequences(actions, kind)
        self.call("input.performActions", context=self.context, actions=sequences)

    def press(self, *keys: str) -> None:
        actions = _key_sequence(keys)
        self.call("input.performActions", context=self.context, actions=actions)

    def screenshot(self) -> Image.Image:
        data = self.call("browsingContext.captureScreenshot", context=self.context)["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


@contextmanager
def firefox() -> Iterator[Firefox]:
    path = _found("Firefox", find_firefox())
    with tempfile.TemporaryDirectory() as profile:
        port = free_port()
        command = [path, "--headless", "--no-remote", "--profile", profile]
        process = _started([*command, f"--remote-debugging-port={port}"], port)
        try:
            yield Firefox(f"ws://127.0.0.1:{port}/session")
        finally:
            process.terminate()
            process.wait(20)


# -------------------------------------------------------------------------------------- WebKitGTK


# What a finger tells a page; one that is lifted points no more.
FINGER = """(() => {{
    const place = document.elementFromPoint({x}, {y}) ?? document.body;
    const finger = {{ pointerId: 7, pointerType: "touch", isPrimary: true, clientX: {x}, clientY: {y},
        screenX: {x}, screenY: {y}, button: 0, bubbles: true, cancelable: true, composed: true }};
    const say = (kind, more) => place.dispatchEvent(new PointerEvent(kind, {{ ...finger, ...more }}));
    if ("{kind}" === "pointermove" && !window.fingerIsDown) return;
    window.fingerIsDown = "{kind}" !== "pointerup";
    say("{kind}", {{ buttons: window.fingerIsDown ? 1 : 0 }});
    if ("{kind}" === "pointerup") {{ say("pointerout"); say("pointerleave", {{ bubbles: false }}); say("click"); }}
}})()"""


class WebKit:
    """A running WebKitGTK, by WebDriver, through the driver that it brings."""

    def __init__(self, address: str) -> None:
        self.address = address
        browser = {"args": ["--automation"]}
        capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": browser}}
        self.session = ""
        self.session = "/" + self.call("POST", "session", capabilities=capabilities)["sessionId"]

    def call(self, verb: str, path: str, **parameters: Any) -> Any:
        path = path if path == "session" else f"session{self.session}/{path}".rstrip("/")
        body = json.dumps(parameters).encode() if verb == "POST" else None
        request = urllib.request.Request(f"{self.address}/{path}", body, method=verb)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.read().decode()[:500]}") from None

    @contextmanager
    def page(self, width: int, height: int) -> Iterator[WebKitEngine]:
        first = self.call("GET", "window")
        handle = self.call("POST", "window/new", type="window")["handle"]
        try:
            self.call("POST", "window", handle=handle)
            self.call("POST", "window/rect", width=width, height=height)
            yield WebKitEngine(self)
        finally:
            self.call("DELETE", "window")
            self.call("POST", "window", handle=first)


class WebKitEngine:
    """A window of a running WebKitGTK."""

    def __init__(self, browser: WebKit) -> None:
        self.call = browser.call

    def open(self, page: Path | str) -> None:
        self.call("POST", "url", url=address_of(page))

    def ask(self, expression: str) -> Any:
        script = (
            "const done = arguments[arguments.length - 1];"
            f"Promise.resolve({expression}).then((value) => done(JSON.stringify(value) ?? 'null'))"
        )
        return json.loads(self.call("POST", "execute/async", script=script, args=[]))

    def pointer(self, actions: list[dict[str, Any]], kind: str = "mouse") -> None:
        if kind == "touch":
            return self._touch(actions)
        return self.call("POST", "actions", actions=_sequences(actions, kind))

    def _touch(self, actions: list[dict[str, Any]]) -> None:
        """One finger, by events: the driver makes a mouse of everything that it is told to be a finger."""
        x = y = 0
        for action in actions:
            if action["type"] == "pause":
                time.sleep(action["duration"] / 1000)
                continue
            x, y = action.get("x", x), action.get("y", y)
            self.ask(FINGER.format(kind=action["type"].lower(), x=x, y=y))

    def press(self, *keys: str) -> None:
        self.call("POST", "actions", actions=_key_sequence(keys))

    def screenshot(self) -> Image.Image:
        data = self.call("GET", "screenshot")
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


@contextmanager
def webkit() -> Iterator[WebKit]:
    path = _found("WebKitGTK's driver", find_webkit_driver())
    port = free_port()
    # Without a screen WebKitGTK draws on a virtual one.
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1600x1200x24"] if shutil.which("xvfb-run") else []
    process = _started([*screen, path, f"--port={port}"], port)
    browser = None
    try:
        browser = WebKit(f"http://127.0.0.1:{port}")
        yield browser
    finally:
        if browser:
            browser.call("DELETE", "")
        os.killpg(process.pid, 15)
        process.wait(20)


# ------------------------------------------------------------------------------------- all three


class Browsers:
    """Firefox and WebKitGTK, each started when a test first asks for it, and closed together."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.running: dict[str, Firefox | WebKit] = {}

    def __getitem__(self, name: str) -> Firefox | WebKit:
        if name not in self.running:
            start = {"firefox": firefox, "webkit": webkit}[name]
            self.running[name] = self.stack.enter_context(start())
        return self.running[name]


@contextmanager
def firefox_engine(width: int, height: int) -> Iterator[Engine]:
    """A page in a Firefox of its own, as a benchmark wants it."""
    with firefox() as browser, browser.page(width, height) as engine:
        yield engine


@contextmanager
def webkit_engine(width: int, height: int) -> Iterator[Engine]:
    """A page in a WebKitGTK of its own."""
    with webkit() as browser, browser.page(width, height) as engine:
        yield engine


@contextmanager
def opened(name: str, request, width: int = 1100, height: int = 800, touch: bool = False):
    """An empty page in the browser of this name, for one test."""
    if name == "webkit" and sys.platform != "linux":
        pytest.skip("WebKitGTK runs on Linux only")
    if name == "chromium":
        chromium = request.getfixturevalue("chromium")
        with chromium_engine(chromium, width, height, touch) as engine:
            yield engine
    else:
        with request.getfixturevalue("browsers")[name].page(width, height) as engine:
            yield engine


def _found(what: str, path: str | None) -> str:
    if path is None:
        raise FileNotFoundError(
            f"the browser tests need {what}. Debian: apt install firefox-esr webkit2gtk-driver xvfb"
        )
    return path


def _started(command: list[str], port: int) -> subprocess.Popen:
    """Starts a program in a group of its own and waits until it listens."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **quiet)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    os.killpg(process.pid, 15)
    raise RuntimeError(f"{command[0]} did not start to listen")
