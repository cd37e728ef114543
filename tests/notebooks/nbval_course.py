"""Pytest plugin: how nbval runs the notebooks of the course.

Every kernel starts with the network blocked and writes its progress to a scratch folder. Text is compared strictly; pictures, whose bytes depend on the machine, are not. Every
output that the course makes carries a text for that purpose.

After the cells of a notebook that stands in the table of times comes one more test: it must not
have taken more than twice what the table says, in time or in memory (`tools.course.measure`).
"""

import shutil
import tempfile
import time
from pathlib import Path

import pytest

from tools.course.measure import (
    KERNEL_USE,
    problem_with,
    reference_seconds,
    table_path,
    use_of_kernel,
)
from tools.course.offline import notebook_environment
from vizkit.course.storage import read_json

NOT_COMPARED = (
    "application/vnd.plotly.v1+json",
    "application/vnd.vizkit.claim+json",  # its numbers breathe; its text says all of it
    "image/svg+xml",
    "text/html",
)
_scratch = pytest.StashKey[Path]()


def pytest_configure(config):
    scratch = Path(tempfile.mkdtemp(prefix="vizkit-notebooks-"))
    config.stash[_scratch] = scratch
    # nbval's kernels inherit these; tests of other kinds never see them.
    config.notebook_environment = notebook_environment(scratch)


def pytest_unconfigure(config):
    shutil.rmtree(config.stash[_scratch], ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_collect_file(file_path, parent):
    outcome = yield
    for collector in outcome.get_result():
        if file_path.suffix == ".ipynb" and hasattr(collector, "skip_compare"):
            _prepare(collector, parent.config)


def _prepare(collector, config):
    collector.skip_compare = (*collector.skip_compare, *NOT_COMPARED)
    collector.add_marker(pytest.mark.notebooks)
    start_kernel = collector.setup

    def setup():
        with pytest.MonkeyPatch.context() as patch:
            for name, value in config.notebook_environment.items():
                patch.setenv(name, value)
            start_kernel()
        collector.speed = reference_seconds()
        collector.started = time.perf_counter()

    collector.setup = setup
    collect_cells = collector.collect

    def collect():
        yield from collect_cells()
        if collector.path.stem in read_json(table_path()):
            yield TimeAndMemory.from_parent(collector, name="time and memory")

    collector.collect = collect


class TimeAndMemory(pytest.Item):
    """Comes after the cells of a notebook: its kernel is still there and tells what it took."""

    def runtest(self):
        seconds = time.perf_counter() - self.parent.started
        speed = (self.parent.speed + reference_seconds()) / 2  # before and after
        client = self.parent.kernel.kc
        message = client.execute("", silent=True, user_expressions={"use": KERNEL_USE})
        reply = client.get_shell_msg(timeout=30)
        while reply["parent_header"].get("msg_id") != message:
            reply = client.get_shell_msg(timeout=30)
        use = use_of_kernel(seconds, reply["content"])
        self.user_properties += [(name, round(value, 2)) for name, value in use._asdict().items()]
        self.user_properties.append(("speed", round(speed, 4)))
        problem = problem_with(self.parent.path.stem, use, speed)
        if problem:
            raise TooMuchError(f"{self.parent.path.name} {problem}")

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, TooMuchError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, f"{self.parent.path.stem}: time and memory"


class TooMuchError(Exception):
    """A run took more than twice what the table says."""
