"""Long experiments: rows survive an interrupt, a table is whole or absent, verdicts are compared."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from experiments import __main__ as command
from experiments import run as runner
from experiments.run import RESULTS, Experiment, Part, compare, load, names, run
from vizkit.course import experiment_verdicts, stored_experiment

ROOT = Path(__file__).parents[2]


def toy(measured: list[int], *, seeds=(0, 1, 2), stop_at: int | None = None, good: bool = True):
    """An experiment of two parts that notes what it measures, and may be interrupted once."""

    def measure(point, table):
        if point["seed"] == stop_at and point["seed"] not in measured:
            raise KeyboardInterrupt
        measured.append(point["seed"])
        return {"value": 10 * point["seed"]}

    def later(point, table):
        return {"best": max(row["value"] for row in table["rows"])}

    return Experiment(
        name="toy",
        settings={"seeds": tuple(seeds)},
        parts=(
            Part("rows", lambda table: [{"seed": seed} for seed in seeds], measure),
            Part("summary", lambda table: [{"of": len(table["rows"])}], later),
        ),
        verdicts=lambda table: {"the largest is 20": good and table["summary"][0]["best"] == 20},
    )


def stored(folder: Path) -> dict:
    return json.loads((folder / "toy.json").read_text(encoding="utf-8"))


def test_a_table_holds_settings_versions_rows_and_verdicts(tmp_path):
    table = run(toy([]), tmp_path)
    assert stored(tmp_path) == table
    assert [(row["seed"], row["value"]) for row in table["rows"]] == [(0, 0), (1, 10), (2, 20)]
    assert all(row["seconds"] >= 0 for row in table["rows"])
    assert table["summary"][0]["best"] == 20  # a later part sees the earlier one
    assert table["settings"] == {"seeds": [0, 1, 2]}
    assert table["versions"].keys() == {"python", "torch", "numpy", "vizkit"}
    assert table["verdicts"] == {"the largest is 20": True}
    assert table["command"] == "python -m experiments toy"
    assert [path.name for path in tmp_path.iterdir()] == ["toy.json"]


def test_no_table_names_the_machine():
    secret = {name for name in (platform.processor(), platform.node()) if len(name) > 6}
    for path in RESULTS.glob("*.json"):
        assert not [name for name in secret if name in path.read_text(encoding="utf-8")]


def test_an_interrupted_run_keeps_its_rows_and_writes_no_table(tmp_path):
    measured: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(toy(measured, stop_at=2), tmp_path)
    assert not (tmp_path / "toy.json").exists()
    assert measured == [0, 1]
    run(toy(measured), tmp_path)
    assert measured == [0, 1, 2]  # nothing was computed twice
    assert [row["seed"] for row in stored(tmp_path)["rows"]] == [0, 1, 2]


def test_rows_of_other_settings_are_not_mixed_in(tmp_path):
    measured: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(toy(measured, stop_at=2), tmp_path)
    table = run(toy(measured, seeds=(1, 2)), tmp_path)
    assert measured == [0, 1, 1, 2]
    assert [row["seed"] for row in table["rows"]] == [1, 2]


def test_a_broken_file_of_rows_is_set_aside(tmp_path):
    (tmp_path / "toy.partial.json").write_text("{", encoding="utf-8")
    assert len(run(toy([]), tmp_path)["rows"]) == 3


def test_comparing_names_a_changed_verdict_and_stores_nothing(tmp_path):
    run(toy([]), tmp_path)
    before = (tmp_path / "toy.json").read_bytes()
    assert compare(toy([]), tmp_path) == []
    assert compare(toy([], good=False), tmp_path) == ["the largest is 20: True → False"]
    assert (tmp_path / "toy.json").read_bytes() == before


def test_comparing_notices_other_settings(tmp_path):
    run(toy([]), tmp_path)
    assert "settings" in compare(toy([], seeds=(1, 2)), tmp_path)[0]


def test_comparing_needs_a_stored_table(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m experiments toy"):
        compare(toy([]), tmp_path)


@pytest.mark.parametrize(("good", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_is_1_when_a_verdict_has_changed(tmp_path, monkeypatch, good, status):
    run(toy([]), tmp_path)
    monkeypatch.setattr(runner, "compare", lambda one: compare(one, tmp_path))
    monkeypatch.setattr(command, "names", lambda: ["toy"])
    monkeypatch.setattr(command, "load", lambda name: toy([], good=good))
    assert command.main(["toy", "--compare"]) == status


def test_an_unknown_name_lists_those_there_are(capsys):
    with pytest.raises(SystemExit):
        command.main(["nowhere"])
    assert "data_hunger" in capsys.readouterr().err


def test_the_weekly_run_compares():
    weekly = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8"))
    steps = weekly["jobs"]["experiments"]["steps"]
    assert any(
        "make experiments" in step.get("run", "") and "--compare" in step["run"] for step in steps
    )


# --------------------------------------------------------------- the experiments of the course


def test_every_experiment_has_its_table_and_every_table_its_experiment():
    assert {path.stem for path in RESULTS.glob("*.json") if ".partial" not in path.name} == set(
        names()
    )


@pytest.mark.parametrize("name", names())
def test_a_stored_table_is_that_of_the_code(name):
    experiment, table = load(name), stored_experiment(name)
    assert experiment.name == name == table["name"]
    assert table["settings"] == json.loads(json.dumps(experiment.settings)), "run it again"
    for part in experiment.parts:
        for point in part.points(table):
            assert sum(point.items() <= row.items() for row in table[part.name]) == 1, point
    assert table["verdicts"] == experiment.verdicts(table) == experiment_verdicts(table)
    assert table["verdicts"]
    assert len(table["settings"]["seeds"]) >= 5


def test_a_table_is_found_from_any_folder(tmp_path):
    code = (
        "from vizkit.course import experiment_verdicts, stored_experiment\n"
        "print(len(experiment_verdicts(stored_experiment('data_hunger'))))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 0


def test_a_missing_table_is_an_error_that_names_the_command():
    with pytest.raises(ValueError, match="python -m experiments nowhere"):
        stored_experiment("nowhere")
