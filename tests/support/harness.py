"""A real headless Chromium, a real JupyterLab, and the few moves that tests make in them.

The tests' fixtures are in tests/browser/conftest.py; this file holds what they are made of. Everything runs with the
outside world cut off: pages may talk to this machine and to nobody else, and any attempt, like any
console error, fails the test.
"""

from __future__ import annotations

import ast
import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import nbformat
from jupyter_client.blocking import BlockingKernelClient
from PIL import Image
from playwright.sync_api import Error, Locator, Page, WebSocket

from vizkit.jupyter import SERVER_CONFIG

ROOT = Path(__file__).parents[2]
FRONT_END = ROOT / "js"
# Seconds for what is to appear: on an idle machine all comes at once, and CI may be anything but.
PATIENCE = 60.0
CHROMIUM_FLAGS = (
    # WebGL drawn by the processor: the same pictures on a machine with and without a GPU. The rest
    # of a page does not take the way over WebGL (`--use-angle=swiftshader`): in a third of the time.
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    # Nothing answers but this machine. Playwright's routes would stop requests as well; but with a
    # route no file is kept between two pages, and JupyterLab is large.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

# Instruments leave a graphics card that a processor plays alone: a page with this script takes it for a real one.
CARD = """{ const original = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (name) {
  return name === this.RENDERER ? "a card" : original.call(this, name); }; }"""


# ---------------------------------------------------------------------------- what a page did


def is_local(url: str) -> bool:
    """Whether an address stays on this machine."""
    parts = urlparse(url)
    return parts.scheme in ("file", "data", "blob", "about", "chrome") or parts.hostname in (
        "127.0.0.1",
        "localhost",
        "::1",
    )


@dataclass
class PageLog:
    """What must not happen on a page: console errors, uncaught errors, requests to the outside.

    `ignore` holds substrings of console errors that a test expects, e.g. its own provocations.
    """

    console_errors: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    outside_requests: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    # anywidget says so of every widget that takes more than two seconds, as on a busy machine; one
    # that never comes is missed by the test itself.
    ignore: list[str] = field(default_factory=lambda: ["[anywidget] Failed to initialize model."])

    def watch(self, page: Page) -> None:
        """Start recording. Requests that would leave this machine fail, see `CHROMIUM_FLAGS`."""

        def on_request(request) -> None:
            self._note(request.url)

        def on_socket(socket: WebSocket) -> None:
            self._note(socket.url)

        def on_console(message) -> None:
            if message.type == "error":
                self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

        page.on("request", on_request)
        page.on("websocket", on_socket)
        page.on("console", on_console)
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def _note(self, url: str) -> None:
        self.requests.append(url)
        if not is_local(url):
            self.outside_requests.append(url)

    def check(self) -> None:
        """Raise AssertionError with everything that went wrong so far."""
        wrong = [
            f"{what}: {text}"
            for what, texts in (
                ("console error", self.console_errors),
                ("uncaught error", self.page_errors),
                ("request to the outside", self.outside_requests),
            )
            for text in texts
            if not any(expected in text for expected in self.ignore)
        ]
        assert not wrong, "\n".join(wrong)


# ---------------------------------------------------------------------------- moves


def point(locator: Locator, x: float, y: float) -> tuple[float, float]:
    """Page coordinates of a place given as fractions of an element's width and height."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    assert box is not None, f"{locator} is not on the page"
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def hover_at(locator: Locator, x: float = 0.5, y: float = 0.5) -> None:
    """Move the mouse over an element, to fractions of its width and height."""
    locator.page.mouse.move(*point(locator, x, y), steps=4)


def click_at(locator: Locator, x: float = 0.5, y: float = 0.5) -> None:
    """Click an element at fractions of its width and height."""
    locator.page.mouse.click(*point(locator, x, y))


def drag(locator: Locator, path: Iterable[tuple[float, float]]) -> None:
    """Drag along places given as fractions of an element's width and height."""
    first, *rest = [point(locator, x, y) for x, y in path]
    mouse = locator.page.mouse
    mouse.move(*first)
    mouse.down()
    for x, y in rest:
        mouse.move(x, y, steps=8)
    mouse.up()


def drag_slider(slider: Locator, fraction: float) -> float:
    """Drag an `<input type=range>` to a fraction of its track; return its new value."""
    start = slider.evaluate("s => (s.value - s.min) / (s.max - s.min)")
    # The thumb's centre stays half its width away from both ends (16 px wide in Chromium).
    width = slider.bounding_box()["width"]
    place = [(8 + f * (width - 16)) / width for f in (start, fraction)]
    drag(slider, [(place[0], 0.5), (place[1], 0.5)])
    return float(slider.input_value())


def press(locator: Locator, *keys: str) -> None:
    """Focus an element and press keys, named as in `KeyboardEvent.key` ("Home", " ", "f")."""
    locator.focus()
    for key in keys:
        locator.page.keyboard.press("Space" if key == " " else key)


def picture_of(target: Locator | Page, save_as: str | None = None) -> Image.Image:
    """A screenshot as an RGB image; kept as `save_as` under VIZKIT_SCREENSHOTS if that is set."""
    try:
        data = target.screenshot()
    except Error:  # a busy machine's compositor has no frame to give: once more
        time.sleep(2)
        data = target.screenshot()
    image = Image.open(io.BytesIO(data)).convert("RGB")
    folder = os.environ.get("VIZKIT_SCREENSHOTS")
    if save_as and folder:
        path = Path(folder) / save_as
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return image


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
    """Poll until `condition()` holds and return its value; AssertionError naming `what` if not."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: still not so after {timeout:g} s (last: {value!r})"
        time.sleep(0.1)


# ---------------------------------------------------------------------------- the kernel


class Kernel:
    """A second client of a notebook's kernel: reads back what the widgets' traits became.

    It works in a thread of its own, since Playwright's event loop occupies the test's thread.
    """

    def __init__(self, connection_file: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._client = self._thread.submit(self._connect, connection_file).result()

    @staticmethod
    def _connect(connection_file: Path) -> BlockingKernelClient:
        client = BlockingKernelClient(connection_file=str(connection_file))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return client

    def _request(self, code: str, expressions: dict[str, str], timeout: float) -> dict:
        def work() -> dict:
            return self._client.execute_interactive(
                code,
                silent=False,
                store_history=False,
                user_expressions=expressions,
                output_hook=lambda message: None,
                timeout=timeout,
            )["content"]

        return self._thread.submit(work).result()

    def execute(self, code: str, timeout: float = 60.0) -> None:
        """Run statements; AssertionError with the kernel's error if they raise."""
        reply = self._request(code, {}, timeout)
        assert reply["status"] == "ok", f"{reply.get('ename')}: {reply.get('evalue')}"

    def evaluate(self, expression: str, timeout: float = 60.0) -> Any:
        """Value of an expression as JSON carries it (arrays become lists)."""
        dumped = f"__import__('json').dumps({expression}, default=lambda value: value.tolist())"
        reply = self._request("", {"value": dumped}, timeout)["user_expressions"]["value"]
        assert reply["status"] == "ok", f"{expression}: {reply.get('ename')}: {reply.get('evalue')}"
        text = reply["data"]["text/plain"]
        return json.loads(ast.literal_eval(text))  # text/plain is the repr of a JSON text

    def wait_for(self, expression: str, expected: Any, timeout: float = PATIENCE) -> None:
        """Wait until an expression has a value; AssertionError with the last one if it does not."""
        end, pause = time.monotonic() + timeout, 0.1
        while (value := self.evaluate(expression)) != expected:
            assert time.monotonic() < end, f"{expression} is {value!r}, not {expected!r}"
            # The page hears of each of these requests, too: do not drown it.
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def close(self) -> None:
        self._thread.submit(self._client.stop_channels).result()
        self._thread.shutdown()


# ---------------------------------------------------------------------------- JupyterLab

PANEL = "window.jupyterapp.shell.currentWidget"
BUSY_CELLS = f"""() => {PANEL}.content.widgets
    .filter(cell => cell.model.type === 'code' && cell.promptNode?.textContent.includes('*'))
    .length"""
KERNEL_STATUS = f"() => {PANEL}.sessionContext.session?.kernel?.status ?? 'none'"
CELL_OUTPUTS = f"""index => {PANEL}.content.widgets[index].model.outputs.toJSON()"""
CELL_ERRORS = f"""() => {PANEL}.content.widgets.flatMap((cell, index) =>
    cell.model.type !== 'code' ? [] : cell.model.outputs.toJSON()
        .filter(output => output.output_type === 'error')
        .map(output => ({{ cell: index, name: output.ename, message: output.evalue }})))"""


RUN = """cells => {
    const { commands, shell } = window.jupyterapp;
    const { content } = shell.currentWidget;
    const one = async (number) => {
        content.deselectAll();
        content.activeCellIndex = number;
        await commands.execute("notebook:run-cell");
    };
    const inTurn = async () => { for (const number of cells) await one(number); };
    const over = () => { window.allHaveRun = true; };
    window.allHaveRun = false;
    (cells ? inTurn() : commands.execute("notebook:run-all-cells")).then(over, over);
}"""


class NotebookPage:
    """One notebook open in JupyterLab or in Notebook 7, which is made of the same parts.

    Cells are counted from 0, Markdown cells included.
    """

    def __init__(self, lab: JupyterLab, page: Page, name: str) -> None:
        self.lab, self.page, self.name = lab, page, name
        self.log = PageLog()
        self.log.watch(page)
        self._kernel: Kernel | None = None
        page.goto(lab.address_of(name))
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the notebook is open and its kernel idle, after opening or a reload."""
        ready = f"() => window.jupyterapp && {PANEL}?.context?.path === {json.dumps(self.name)}"
        self.page.wait_for_function(ready, timeout=60_000)
        self.page.wait_for_function(f"() => {PANEL}.context.isReady", timeout=60_000)
        self.page.wait_for_function(f"({KERNEL_STATUS})() === 'idle'", timeout=60_000)

    def restart_kernel(self) -> None:
        """Restart the kernel, without JupyterLab's question, and wait until it is idle."""
        self.page.evaluate(f"() => {PANEL}.sessionContext.restartKernel()")
        self.page.wait_for_function(f"({KERNEL_STATUS})() === 'idle'", timeout=60_000)

    def command(self, name: str, arguments: dict | None = None) -> None:
        """Run one of JupyterLab's own commands, without waiting for what it starts."""
        call = "([name, args]) => { void window.jupyterapp.commands.execute(name, args); }"
        self.page.evaluate(call, [name, arguments or {}])

    def run_all(self, timeout: float = 300.0, idle: float = 0.5) -> None:
        """Run every cell and wait until the kernel has been idle for `idle` seconds.

        JupyterLab's own promise tells that all have run: on a busy machine the kernel may be idle for
        longer than that before the first cell begins.
        """
        self._run(None, timeout, idle)

    def run_cells(self, cells: Iterable[int], timeout: float = 300.0, idle: float = 0.5) -> None:
        """As `run_all`, but only these cells, one after the other; the others stay as they are stored."""
        self._run(list(cells), timeout, idle)

    def _run(self, cells: list[int] | None, timeout: float, idle: float) -> None:
        self.page.evaluate(RUN, cells)
        self.page.wait_for_function("() => window.allHaveRun", timeout=1000 * timeout)
        self.wait_idle(timeout=timeout, idle=idle)

    def wait_idle(self, timeout: float = 300.0, idle: float = 2.0) -> None:
        """Wait until no cell is waiting and the kernel has been idle for `idle` seconds on end."""
        end = time.monotonic() + timeout
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < idle:
            self.page.wait_for_timeout(100)
            busy = self.page.evaluate(BUSY_CELLS)
            if busy or self.page.evaluate(KERNEL_STATUS) != "idle":
                quiet_since = time.monotonic()
            assert time.monotonic() < end, f"{self.name}: {busy} cells still run after {timeout} s"

    def errors(self) -> list[dict]:
        """Cells that raised: `{"cell", "name", "message"}` each."""
        return self.page.evaluate(CELL_ERRORS)

    def outputs(self, cell: int) -> list[dict]:
        """A cell's outputs as the notebook file would hold them."""
        return self.page.evaluate(CELL_OUTPUTS, cell)

    def cell(self, index: int) -> Locator:
        """The element of a cell, scrolled into view."""
        self.page.evaluate(f"index => {PANEL}.content.scrollToItem(index)", index)
        locator = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"]')
        locator.scroll_into_view_if_needed()
        return locator

    def widget(self, index: int) -> Locator:
        """The root element of the (first) widget that a cell shows, once it is in the page."""
        found = self.cell(index).locator(".jp-OutputArea-output > .lm-Widget").first
        found.wait_for(state="visible")
        found.scroll_into_view_if_needed()
        return found

    def set_theme(self, dark: bool) -> None:
        """Switch JupyterLab's theme and wait until it is on."""
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.command("apputils:change-theme", {"theme": theme})
        light = json.dumps("false" if dark else "true")
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === {light}")

    def save(self) -> None:
        """Save the notebook, and wait until it is saved."""
        self.page.evaluate(f"() => {PANEL}.context.save()")

    @property
    def kernel(self) -> Kernel:
        """A client of this notebook's kernel."""
        if self._kernel is None:
            kernel_id = self.page.evaluate(f"() => {PANEL}.sessionContext.session.kernel.id")
            self._kernel = Kernel(self.lab.runtime / f"kernel-{kernel_id}.json")
        return self._kernel

    def close(self) -> None:
        """Close the page and stop its kernel."""
        if self._kernel is not None:
            self._kernel.close()
        self.page.close()
        for session in self.lab.request("GET", "api/sessions"):
            if session["path"] == self.name:
                self.lab.request("DELETE", f"api/sessions/{session['id']}")


class JupyterLab:
    """A real JupyterLab server on a free loopback port, with settings and notebooks of its own.

    Args:
        folder: an empty folder; everything the server writes stays in it.
        notebooks: copied into it, so that running them leaves the checkout as it is.
        options: further words of the server's command line.
        variables: further environment variables of the server and of its kernels.
    """

    module, address = "jupyterlab", "lab/tree"

    def __init__(
        self,
        folder: Path,
        notebooks: Path | None = None,
        *,
        options: Iterable[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.root, self.runtime = folder / "notebooks", folder / "runtime"
        self.token = secrets.token_hex(16)
        self._log = folder / "server.log"
        if notebooks is not None and notebooks.is_dir():
            ignored = shutil.ignore_patterns(".ipynb_checkpoints")
            shutil.copytree(notebooks, self.root, ignore=ignored)
        self.root.mkdir(exist_ok=True)
        self.runtime.mkdir()
        self._write_settings(folder)
        self._process = self._start(folder, options, variables or {})
        self.url = f"http://127.0.0.1:{self._wait_for_port()}"

    def _write_settings(self, folder: Path) -> None:
        silent = {"checkForUpdates": False, "fetchNews": "false"}
        files = {
            "config/jupyter_notebook_config.json": {
                "JupyterNotebookApp": {"expose_app_in_browser": True}
            },
            "config/jupyter_lab_config.json": {
                "LabApp": {
                    "news_url": None,
                    "extension_manager": "readonly",
                    "expose_app_in_browser": True,
                    "check_for_updates_class": (
                        "jupyterlab.handlers.announcements.NeverCheckForUpdate"
                    ),
                }
            },
            "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings": silent,
            # As `make lab` sets it up.
            "config/jupyter_server_config.d/vizkit.json": SERVER_CONFIG,
        }
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")

    def _start(
        self, folder: Path, options: Iterable[str], variables: Mapping[str, str]
    ) -> subprocess.Popen:
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        environment = os.environ | {name: str(folder / path) for name, path in own.items()}
        # Kernels import the same vizkit as this process, installed or not.
        path = (str(ROOT), os.environ.get("PYTHONPATH"))
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, path)), **variables}
        command = [sys.executable, "-m", self.module, "--no-browser", "--ServerApp.port=0"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={self.root}"]
        command += [f"--IdentityProvider.token={self.token}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        command += options
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _wait_for_port(self) -> int:
        info = self.runtime / f"jpserver-{self._process.pid}.json"

        def started() -> bool:
            assert self._process.poll() is None, (
                f"{self.module} stopped:\n{self.server_log()[-2000:]}"
            )
            return info.exists() and bool(info.read_text(encoding="utf-8").strip())

        wait_until(started, f"{self.module} has started", timeout=90)
        return json.loads(info.read_text(encoding="utf-8"))["port"]

    def address_of(self, notebook: str) -> str:
        """The address at which a browser opens a notebook, with a layout as on the first visit."""
        return f"{self.url}/{self.address}/{notebook}?token={self.token}&reset"

    def server_log(self) -> str:
        """What the server and its kernels wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def request(self, method: str, path: str, content: Any = None) -> Any:
        """Ask the server's REST interface; the decoded JSON answer, None if empty."""
        headers = {"Authorization": f"token {self.token}"}
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.url}/{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def write_notebook(self, name: str, cells: Iterable[str]) -> str:
        """Write a notebook of code cells beside the others; return its name."""
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(book, self.root / name)
        return name

    def close(self) -> None:
        """Stop the kernels, then the server."""
        try:
            self.request("POST", "api/shutdown")
            self._process.wait(timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


class Notebook7(JupyterLab):
    """The same server with Notebook 7 in front of it."""

    module, address = "notebook", "notebooks"


def bundled(source: str) -> str:
    """One module of the front end with all that it imports, so that a page can call what it exports."""
    # Through Node: depending on the platform the command itself is a program or a script.
    program = (
        'import { buildSync } from "esbuild";'
        "const options = { entryPoints: [process.argv[1]], bundle: true, format: 'esm', write: false };"
        "process.stdout.write(buildSync(options).outputFiles[0].text);"
    )
    command = ["node", "--input-type=module", "--eval", program, source]
    done = subprocess.run(
        command, cwd=FRONT_END, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout
