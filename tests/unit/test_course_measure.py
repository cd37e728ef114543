"""The table of times: what is quoted, and when a run took too much."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tools.course import measure
from tools.course.measure import (
    KERNEL_USE,
    Use,
    kernel_use,
    problem_with,
    reference_seconds,
    store_measured,
    use_of_kernel,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    path = tmp_path / "measured.json"
    monkeypatch.setenv("VIZKIT_MEASURED", str(path))
    monkeypatch.setattr(measure, "reference_seconds", lambda: 0.05)
    return path


def test_quoted_figures_stay_until_they_move_by_a_third(table):
    assert store_measured("01_x", Use(61.7, 99, 0.912)) == (62, 99, 0.91)
    assert store_measured("01_x", Use(80.0, 99, 1.15)) == (62, 99, 0.91)
    before = table.read_bytes()
    assert store_measured("01_x", Use(50.0, 10, 0.8)) == (62, 99, 0.91)
    assert table.read_bytes() == before
    assert store_measured("01_x", Use(84.0, 123.4, 0.91)) == (84, 120, 0.91)
    row = {"seconds": 84, "processor": 120, "gigabytes": 0.91, "reference": 0.05}
    assert json.loads(table.read_text()) == {"01_x": row}


@pytest.mark.parametrize("missing", ["processor", "reference"])
def test_a_row_that_lacks_a_figure_is_measured_anew(table, missing):
    store_measured("01_x", Use(60, 99, 1))
    row = json.loads(table.read_text())["01_x"]
    table.write_text(json.dumps({"01_x": {k: v for k, v in row.items() if k != missing}}))
    assert store_measured("01_x", Use(61, 98, 1)) == (61, 98, 1)
    assert set(json.loads(table.read_text())["01_x"]) == set(row)


@pytest.mark.parametrize(
    ("seconds", "processor", "gigabytes", "speed", "problem"),
    [
        (119, 201, 1.9, 0.05, ""),
        (121, 201, 1.9, 0.05, "took 121 s (201 s of the processors); the table says 60 s (100 s)"),
        # Late on the clock, but it only waited.
        (500, 199, 1.9, 0.05, ""),
        # This system does not tell what its processors do.
        (121, 0, 1.9, 0.05, "took 121 s"),
        (119, 201, 2.1, 0.05, "took 2.10 GB; the table says 1.00 GB"),
        # A machine that is half as fast may take twice as long, but not more memory.
        (239, 401, 1.0, 0.1, ""),
        (241, 399, 1.0, 0.1, ""),
        (241, 401, 1.0, 0.1, "2.0 times as long for the reference"),
        (60, 100, 2.1, 0.1, "took 2.10 GB"),
        # A faster one is not held to less.
        (119, 201, 1.0, 0.01, ""),
    ],
)
def test_more_than_twice_the_stored_figure_is_a_problem(
    seconds, processor, gigabytes, speed, problem
):
    store_measured("01_x", Use(60, 100, 1))
    found = problem_with("01_x", Use(seconds, processor, gigabytes), speed)
    assert problem in found
    assert bool(found) == bool(problem)


def _reply(status: str, text: str = "") -> dict:
    return {"user_expressions": {"use": {"status": status, "data": {"text/plain": text}}}}


def test_use_of_a_kernel():
    resource = pytest.importorskip("resource", reason="this system has no resource usage")
    use = use_of_kernel(2.5, _reply("ok", repr(eval(KERNEL_USE))))
    own = resource.getrusage(resource.RUSAGE_SELF)
    assert use.seconds == 2.5
    assert use.processor >= own.ru_utime + own.ru_stime - 1 > -1
    assert 0.01 < use.gigabytes < 1000
    assert use_of_kernel(2.5, _reply("error")) == (2.5, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands a peak on")
def test_a_kernel_does_not_answer_for_the_memory_of_who_started_it():
    """What a large test run holds is not what a notebook took."""
    held = np.ones(1_200_000_000 // 8)
    command = [sys.executable, "-c", f"print({KERNEL_USE})"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    peak, _ = json.loads(run.stdout)
    assert 5e6 < peak < 0.5 * held.nbytes


def test_a_peak_stays_after_the_memory_is_given_back():
    before, _ = kernel_use()
    held = np.ones(int(before + 400e6) // 8)
    del held
    after, _ = kernel_use()
    assert after == 0 or after > before + 350e6


def test_reference_is_short_and_grows_with_the_work(monkeypatch):
    monkeypatch.undo()
    assert 0 < reference_seconds(repeats=2) < 5
