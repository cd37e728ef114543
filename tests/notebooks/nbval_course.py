"""Pytest plugin: how nbval runs the notebooks of the course.

Every kernel starts with the network blocked and writes its ledger and progress to a scratch
folder. Text is compared strictly; pictures, whose bytes depend on the machine, are not. Every
output that the course makes carries a text for that purpose.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from vizkit.course.offline import notebook_environment

NOT_COMPARED = ("application/vnd.plotly.v1+json", "text/html")
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

    collector.setup = setup
