"""Where the browsers of this machine are, and a headless Chromium.

The one place that looks for them: the tests, the benchmarks and the pictures of Plotly figures in
stored notebooks all come here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FIREFOX_NAMES = (
    "firefox-esr",
    "firefox",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    r"C:\Program Files\Mozilla Firefox\firefox.exe",
)
WEBKIT_NAMES = ("WebKitWebDriver", "/usr/lib/webkit2gtk-4.1/WebKitWebDriver")
CHROMIUM_MISSING = (
    "Chromium or Chrome is needed, and none starts. Debian: apt install chromium; macOS: brew install "
    "--cask chromium; Windows: winget install Google.Chrome; or set VIZKIT_CHROMIUM to its path. "
    "Tests without it: make test ARGS=\"-m 'not browser'\""
)
# Chromium's sandbox does not start in every container; what is opened here is our own.
ALWAYS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium() -> str | None:
    """Path of a Chromium: VIZKIT_CHROMIUM if set, else from PATH or the usual places, else None."""
    chosen = os.environ.get("VIZKIT_CHROMIUM")
    return shutil.which(chosen) if chosen else _first(CHROMIUM_NAMES)


def find_firefox() -> str | None:
    """Path of a Firefox, None if there is none."""
    return _first(FIREFOX_NAMES)


def find_webkit_driver() -> str | None:
    """Path of the driver that WebKitGTK brings, None if there is none."""
    return _first(WEBKIT_NAMES)


def _first(names: Sequence[str]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def headless_chromium(*flags: str) -> Iterator[Browser]:
    """A headless Chromium with a fresh profile; it is closed whatever happens.

    Where the machine has none, the one that Playwright brings is tried.

    Args:
        flags: further words of its command line.

    Raises:
        ImportError: Playwright is not installed (the extra `test`).
        FileNotFoundError: no Chromium starts; the message says how to get one.
    """
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        path = find_chromium()
        try:
            browser = playwright.chromium.launch(executable_path=path, args=[*ALWAYS, *flags])
        except Error as error:
            raise FileNotFoundError(f"{CHROMIUM_MISSING} ({str(error).splitlines()[0]})") from error
        try:
            yield browser
        finally:
            browser.close()
