"""What every test shares. It lies here and not in tests/ because the notebooks are tests too.

- The whole run is offline: this process, and through PYTHONPATH every kernel it starts.
- The groups (unit, widgets, …, notebooks) get a heading each, and at the end a line that says how
  long each of them took; notebooks and browser tests get a marker.
- On several processes (`-n 2`) a file stays on one of them; the browser tests stay together, because
  they share a JupyterLab and a built site. What takes longest begins first.
- Property-based tests try the same examples in every run (`tests/examples.py`).
- A missing Chromium ends the run at once, with one line.
"""

from __future__ import annotations

import os
import runpy
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

pytest_plugins = ["tests.notebooks.nbval_course", "tests.examples"]

ROOT = Path(__file__).parent
OFFLINE = ROOT / "tests" / "offline"
LAST_GROUP = pytest.StashKey[str]()
SECONDS = pytest.StashKey[dict[str, float]]()  # that each group took


def pytest_configure(config: pytest.Config) -> None:
    paths = [str(OFFLINE), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    os.environ["HF_HUB_OFFLINE"] = "1"
    runpy.run_path(str(OFFLINE / "sitecustomize.py"))


def group_of(item: pytest.Item) -> str:
    """The folder a test belongs to: unit, widgets, faults, frontend, browser or notebooks."""
    if not item.path.is_relative_to(ROOT):
        return "other"
    parts = item.path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "tests" and len(parts) > 2 else parts[0]


def pytest_itemcollected(item: pytest.Item) -> None:
    if group_of(item) in ("browser", "notebooks"):
        item.add_marker(group_of(item))


def share_of(node_id: str) -> str:
    """The tests that one process runs together: the browser's in two shares, others by their file."""
    file = node_id.split("::")[0]
    if not file.startswith("tests/browser/"):
        return file
    return "JupyterLab" if file.endswith("test_notebooks_in_jupyterlab.py") else "browser"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Shares in place of xdist's groups, which get lost in the ids of pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class SharesScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return share_of(nodeid)

    return SharesScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several processes begin with what takes longest: the browser's two shares, then notebooks."""
    if hasattr(config, "workerinput"):
        rank = {"browser": 0, "JupyterLab": 1}
        items.sort(
            key=lambda item: (rank.get(share_of(item.nodeid), 2), item.path.suffix != ".ipynb")
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    alone = not hasattr(session.config, "workerinput")
    if alone and not session.config.option.collectonly:
        ask_for_chromium(item.nodeid for item in session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids: list[str]) -> None:
    ask_for_chromium(ids)


def ask_for_chromium(ids: Iterable[str]) -> None:
    from tools.browsers import CHROMIUM_MISSING, find_chromium

    if any(one.startswith("tests/browser/") for one in ids) and find_chromium() is None:
        pytest.exit(CHROMIUM_MISSING, returncode=1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None):
    """Writes a heading before the first test of each group."""
    config, group = item.config, group_of(item)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and config.stash.get(LAST_GROUP, None) != group:  # none in one of several processes
        config.stash[LAST_GROUP] = group
        reporter.write("\n")
        reporter.section(f"{group} tests", sep="-")
    start = time.perf_counter()
    result = yield
    seconds = config.stash.setdefault(SECONDS, {})
    seconds[group] = seconds.get(group, 0.0) + time.perf_counter() - start
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its times over."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["seconds"] = session.config.stash.get(SECONDS, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    seconds = node.config.stash.setdefault(SECONDS, {})
    for group, took in getattr(node, "workeroutput", {}).get("seconds", {}).items():
        seconds[group] = seconds.get(group, 0.0) + took


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """Says how long each group took, fixtures included; the times of several processes are added up."""
    seconds = config.stash.get(SECONDS, {})
    if seconds:
        terminalreporter.section("how long each group took", sep="-")
        for group, took in seconds.items():
            terminalreporter.write_line(f"{group:<12} {took // 60:3.0f} min {took % 60:2.0f} s")
