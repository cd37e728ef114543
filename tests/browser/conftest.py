"""Fixtures: a browser, a page with the network off, a JupyterLab, notebooks open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.engines import Browsers
from tests.support.harness import CARD, CHROMIUM_FLAGS, PATIENCE, JupyterLab, NotebookPage, PageLog
from tests.support.sites import deck_path, server, site  # noqa: F401  (fixtures)
from tools.browsers import headless_chromium

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
VIEWPORT = {"width": 1280, "height": 900}
expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A headless Chromium with a fresh profile, shared by the browser tests."""
    with headless_chromium(*CHROMIUM_FLAGS) as browser:
        yield browser


@pytest.fixture(scope="package")
def browsers() -> Iterator[Browsers]:
    """Firefox and WebKitGTK: `with browsers["firefox"].page(1100, 800) as engine`."""
    with ExitStack() as stack:
        yield Browsers(stack)


@pytest.fixture
def page_log() -> PageLog:
    """What the test's page did; put expected console errors into its `ignore`."""
    return PageLog()


@pytest.fixture
def page(chromium: Browser, page_log: PageLog) -> Iterator[Page]:
    """An empty page with the network off: `page.goto(path.as_uri())` opens an exported page.

    The test fails on any console error, uncaught error or request to the outside.
    """
    context = chromium.new_context(viewport=VIEWPORT, offline=True)
    context.add_init_script(CARD)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page_log.watch(page)
    yield page
    context.close()
    page_log.check()


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """A running JupyterLab over a copy of the course's notebooks; its kernels are offline."""
    # What the notebooks compute is nbval's matter; here they must run through and be painted.
    rehearsal = {"VIZKIT_REHEARSAL": "2"}
    lab = JupyterLab(tmp_path_factory.mktemp("jupyterlab"), NOTEBOOKS, variables=rehearsal)
    yield lab
    lab.close()


@pytest.fixture(scope="package")
def lab_context(chromium: Browser) -> Iterator[BrowserContext]:
    """What all pages with JupyterLab share: its files are fetched once."""
    context = chromium.new_context(viewport=VIEWPORT)
    context.add_init_script(CARD)
    yield context
    context.close()


@contextmanager
def notebooks(
    context: BrowserContext, jupyterlab: JupyterLab
) -> Iterator[Callable[..., NotebookPage]]:
    """What opens notebooks; afterwards it closes them all and looks at what their pages did."""
    opened: list[NotebookPage] = []

    def open_one(name: str = "generated.ipynb", cells: Iterable[str] | None = None) -> NotebookPage:
        if cells is not None:
            jupyterlab.write_notebook(name, cells)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        notebook = NotebookPage(jupyterlab, page, name)
        opened.append(notebook)
        return notebook

    yield open_one
    for notebook in opened:
        notebook.close()
    for notebook in opened:
        notebook.log.check()


@pytest.fixture
def open_notebook(
    lab_context: BrowserContext, jupyterlab: JupyterLab
) -> Iterator[Callable[..., NotebookPage]]:
    """`open_notebook("00_start_here.ipynb")` or `open_notebook(cells=["1 + 1", …])`.

    Afterwards every page is closed, every kernel stopped, and the test fails on any console error,
    uncaught error or request to the outside.
    """
    with notebooks(lab_context, jupyterlab) as open_one:
        yield open_one


@pytest.fixture(scope="module")
def open_shared_notebook(
    lab_context: BrowserContext, jupyterlab: JupyterLab
) -> Iterator[Callable[..., NotebookPage]]:
    """As `open_notebook`, for one notebook that all tests of a module use in turn."""
    with notebooks(lab_context, jupyterlab) as open_one:
        yield open_one
