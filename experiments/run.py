"""What all experiments share: settings, rows that survive an interrupt, one file at the end.

An experiment is a file `experiments/NAME.py` that ends with

    EXPERIMENT = Experiment(
        name="NAME",
        settings={"seeds": [0, 1, 2, 3, 4], ...},
        parts=(Part("rows", points=lambda table: [...], measure=run_once),),
        verdicts=verdicts,
    )

    if __name__ == "__main__":
        run_from_command_line(EXPERIMENT)

and is then listed, run and compared by `python -m experiments`. Every file beside this one counts
as an experiment.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vizkit
from vizkit.files import write_whole
from vizkit.progress import progress_bar

RESULTS = Path(__file__).parent / "results"
SHARED_FILES = {"__init__", "__main__", "run"}

Table = dict[str, Any]  # what a results file holds; plain JSON throughout


@dataclass(frozen=True)
class Part:
    """Rows of one kind.

    points: the settings of every run, as flat dicts, given the table so far: a later part may
        depend on an earlier one, as a comparison does on the learning rates that were chosen;
    measure: what one run gives, as a flat dict, given its point and the table so far.

    A row is the point and what was measured, in one dict.
    """

    name: str
    points: Callable[[Table], list[dict[str, Any]]]
    measure: Callable[[dict[str, Any], Table], dict[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """A name, settings that are stored with the results, parts in their order, and verdicts.

    verdicts: from the whole table to a dict of sentence → True, False, "with a limit" or
        "undecided". The notebook and `--compare` use this same function. It must do with the
        table alone.
    """

    name: str
    settings: dict[str, Any]
    parts: tuple[Part, ...]
    verdicts: Callable[[Table], dict[str, bool | str]]


def run(experiment: Experiment, folder: Path = RESULTS) -> Table:
    """Run an experiment, write `folder`/NAME.json when it is whole, and return its table.

    Rows are kept in NAME.partial.json as they come: the same command goes on after an interrupt,
    unless settings or versions have changed meanwhile. Then the rows would not belong together,
    and it begins anew.

    Raises:
        OSError: the results cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{experiment.name}.partial.json"
    table = unfinished(partial, heading(experiment))
    for part in experiment.parts:
        rows = table.setdefault(part.name, [])
        for point in progress_bar(part.points(table), desc=f"{experiment.name}: {part.name}"):
            if any(point.items() <= row.items() for row in rows):
                continue
            start = time.perf_counter()
            row = {**point, **part.measure(point, table)}
            rows.append({**row, "seconds": round(time.perf_counter() - start, 3)})
            write_json(partial, table)
    table["verdicts"] = experiment.verdicts(table)
    write_json(folder / f"{experiment.name}.json", table)
    partial.unlink(missing_ok=True)
    return table


def heading(experiment: Experiment) -> Table:
    """What stands above the rows: how they were made, and with which versions."""
    versions = {name: version(name) for name in ("torch", "numpy")}
    return {
        "name": experiment.name,
        "command": f"python -m experiments {experiment.name}",
        "settings": json.loads(json.dumps(experiment.settings)),  # tuples become lists
        "versions": {
            "python": platform.python_version(),
            **versions,
            "vizkit": vizkit.__version__,
        },
    }


def unfinished(partial: Path, expected: Table) -> Table:
    """The table of an interrupted run of the same experiment, or an empty one."""
    try:
        table = json.loads(partial.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return expected
    same = isinstance(table, dict) and all(table.get(k) == v for k, v in expected.items())
    return table if same else expected


def on_one_test(count: int, shares: Any, beside: Any = None) -> Any:
    """An `Estimate` over seeds that are all asked the same `count` questions.

    shares: of right answers by seed; beside: shares of the same seeds that are taken away. The error
    of the questions is added to that of the seeds, as if it moved all of them alike; those of two
    rows are taken as independent.
    """
    from vizkit.course.evidence import estimate
    from vizkit.training.sentences import error_of_test

    if beside is None:
        return estimate(shares, shared=error_of_test(count, shares))
    return estimate(shares - beside, shared=error_of_test(count, shares, beside))


def write_json(path: Path, table: Table) -> None:
    """Write a table with one row a line, so that a changed row is a changed line."""
    lines = []
    for key, value in table.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value)
            text = f"[\n    {rows}\n  ]"
        lines.append(f"  {json.dumps(key)}: {text}")
    write_whole(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8"))


def compare(experiment: Experiment, folder: Path = RESULTS) -> list[str]:
    """Run an experiment again, beside the stored table; what came out otherwise, a line each.

    The stored table stays as it is. Empty when every verdict is the same.

    Raises:
        FileNotFoundError: there is no stored table.
    """
    path = folder / f"{experiment.name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"expected {path.name} in {folder.name}, made by python -m experiments {experiment.name}"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    again = run(experiment, folder / "again")
    changed = []
    if stored["settings"] != again["settings"]:
        changed.append("the settings are not those of the stored table: run it without --compare")
    for sentence in {**stored["verdicts"], **again["verdicts"]}:
        before, now = (table["verdicts"].get(sentence, "absent") for table in (stored, again))
        print(f"{experiment.name}: {sentence}: {before} → {now}")
        if before != now:
            changed.append(f"{sentence}: {before} → {now}")
    return changed


def names() -> list[str]:
    """The experiments there are."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in files if path.stem not in SHARED_FILES)


def load(name: str) -> Experiment:
    """The experiment called `name`. Raises ValueError, naming those there are."""
    if name not in names():
        raise ValueError(f"expected an experiment among {names()}, received {name!r}")
    return importlib.import_module(f"experiments.{name}").EXPERIMENT


def run_from_command_line(experiment: Experiment, comparing: bool = False) -> bool:
    """Run, or compare; say how it went; return whether all is well."""
    import torch

    torch.set_num_threads(1)  # small networks; and one number of threads gives one result
    try:
        if comparing:
            changed = compare(experiment)
            print("\n".join([f"{experiment.name}: {len(changed)} changed", *changed]))
            return not changed
        table = run(experiment)
    except KeyboardInterrupt:
        print(f"\n{experiment.name}: stopped. The same command goes on from here.", file=sys.stderr)
        return False
    for sentence, verdict in table["verdicts"].items():
        print(f"{experiment.name}: {sentence}: {verdict}")
    return True
