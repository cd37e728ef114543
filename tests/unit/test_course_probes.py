"""Right answers written in odd ways are right; wrong ones are wrong, by their own name or none."""

import importlib
import pkgutil
import warnings
from collections import Counter
from pathlib import Path

import pytest

from tests.unit import probes
from tests.unit.probes import Probe
from vizkit.course.exercises import all_exercises

COURSE = {exercise.name: exercise for group in all_exercises().values() for exercise in group}
MODULES = [module.name for module in pkgutil.iter_modules(probes.__path__)]
PROBES = [
    probe
    for name in MODULES
    for probe in importlib.import_module(f"{probes.__name__}.{name}").PROBES
]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.exercise}: {probe.what}")
def test_the_check_says_what_it_must(probe: Probe):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = COURSE[probe.exercise].grade(probe.answer)
    assert (result.kind, result.mistake) == (probe.kind, probe.mistake), result.message
    if result.kind == "wrong":
        assert result.message
        assert result.message.count("\n") <= 1, "a dump, not a message"
        assert len(result.message) < 600, result.message
    of_the_check = [one for one in told if Path(one.filename).parent.name == "exercises"]
    assert not of_the_check, of_the_check[0].message


def test_every_exercise_is_probed_with_right_and_wrong_answers():
    kinds = Counter((probe.exercise, probe.kind == "right") for probe in PROBES)
    assert {name for name in COURSE if not kinds[name, True]} == set(), "no right answer"
    assert {name for name in COURSE if kinds[name, False] < 3} == set(), "few wrong answers"


def test_probes_are_told_apart():
    counts = Counter((probe.exercise, probe.what) for probe in PROBES)
    assert [which for which, count in counts.items() if count > 1] == []
