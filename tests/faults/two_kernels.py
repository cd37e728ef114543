"""What two kernels do at the same moment, each in a process of its own: see test_two_kernels.py."""

import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tools.course.measure import Use, store_measured
from tools.site import build, execute
from vizkit.course.exercises import progress
from vizkit.course.registry import NOTEBOOKS
from vizkit.files import write_whole

LENGTH = 1_000_000  # of a file that one process reads while another writes it
VERSIONS = 60


def work(rank: int, count: int, place: Path) -> None:
    """Everything that a kernel writes for keeps, all of it at the same time as the other kernel."""
    stages = (keep_progress, keep_times, keep_whole_files)
    for stage in (*stages, keep_a_run_for_the_site, keep_a_site):
        meeting = place / stage.__name__
        meeting.mkdir(exist_ok=True)
        (meeting / f"{rank}").touch()
        end = time.monotonic() + 60
        while len(list(meeting.iterdir())) < count:
            assert time.monotonic() < end, f"alone at {stage.__name__}"
            time.sleep(0.001)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            stage(rank, place)


def keep_progress(rank: int, place: Path) -> None:
    os.environ["VIZKIT_PROGRESS_FILE"] = str(place / "progress.json")
    for number in range(40):
        progress.record(f"exercise {number} of {rank}", solved=True)
        progress.record("exercise of both", solved=False)


def keep_times(rank: int, place: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.course.measure.reference_seconds", lambda: 0.1)
        for name in NOTEBOOKS[rank::2]:
            store_measured(name, Use(10.0, 9.0, 1.0), table=place / "measured.json")


def keep_whole_files(rank: int, place: Path) -> None:
    """Each writes the file in its own letter and reads what stands there: one letter throughout."""
    for _ in range(2 * VERSIONS):
        write_whole(place / "weights", bytes([rank]) * LENGTH)
        found = np.frombuffer((place / "weights").read_bytes(), np.uint8)
        assert found.size == LENGTH
        assert (found == found[0]).all()


def keep_a_run_for_the_site(rank: int, place: Path) -> None:
    """Other code in each round, so that each removes what the other has left behind."""
    with pytest.MonkeyPatch.context() as patch:
        result = {"outputs": [["x" * 200_000]], "widgets": {"models": {}, "links": []}}
        patch.setattr(execute, "run_anew", lambda *_: result)
        for version in range(VERSIONS):
            patch.setattr(execute, "fingerprint", lambda notebook, v=version: f"{v}")
            assert execute.run(place / "01_a.ipynb", place / "cache") == result


def keep_a_site(rank: int, place: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        nothing = {"outputs": [], "widgets": {"models": {}, "links": []}}
        patch.setattr(build, "run", lambda *_: nothing)
        for _ in range(4):
            pages = build.build_site([place / "01_a.ipynb"], place / "site")
            assert len(pages) == 2
