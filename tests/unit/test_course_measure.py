"""The table of times: what is quoted, and when a run took too much."""

import json

import pytest

from vizkit.course import measure
from vizkit.course.measure import problem_with, reference_seconds, store_measured


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    path = tmp_path / "measured.json"
    monkeypatch.setenv("VIZKIT_MEASURED", str(path))
    monkeypatch.setattr(measure, "reference_seconds", lambda: 0.05)
    return path


def test_quoted_figures_stay_until_they_move_by_a_third(table):
    assert store_measured("01_x", 61.7, 0.912) == (62, 0.91)
    assert store_measured("01_x", 80.0, 1.15) == (62, 0.91)
    before = table.read_bytes()
    assert store_measured("01_x", 50.0, 0.8) == (62, 0.91)
    assert table.read_bytes() == before
    assert store_measured("01_x", 84.0, 0.91) == (84, 0.91)
    assert json.loads(table.read_text()) == {
        "01_x": {"seconds": 84, "gigabytes": 0.91, "reference": 0.05}
    }


@pytest.mark.parametrize(
    ("seconds", "gigabytes", "speed", "problem"),
    [
        (119, 1.9, 0.05, ""),
        (121, 1.9, 0.05, "took 121 s; the table says 60 s"),
        (119, 2.1, 0.05, "took 2.10 GB; the table says 1.00 GB"),
        # A machine that is half as fast may take twice as long, but not more memory.
        (239, 1.0, 0.1, ""),
        (241, 1.0, 0.1, "2.0 times as long for the reference"),
        (60, 2.1, 0.1, "took 2.10 GB"),
        # A faster one is not held to less.
        (119, 1.0, 0.01, ""),
    ],
)
def test_more_than_twice_the_stored_figure_is_a_problem(seconds, gigabytes, speed, problem):
    store_measured("01_x", 60, 1)
    found = problem_with("01_x", seconds, gigabytes, speed)
    assert problem in found
    assert bool(found) == bool(problem)


def test_reference_is_short_and_grows_with_the_work(monkeypatch):
    monkeypatch.undo()
    assert 0 < reference_seconds(repeats=2) < 5
