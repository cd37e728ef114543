"""Tables of experiments that take longer than a notebook may: `experiments/` in the checkout."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]


def stored_experiment(name: str) -> dict[str, Any]:
    """The stored table of the experiment called `name`: settings, versions, rows, verdicts.

    It is read from `experiments/results` of the checkout that this package lies in, wherever the
    notebook runs.

    Raises:
        TypeError: the name is no string.
        ValueError: there is no such table, or no whole one; the error says which command makes it.
    """
    if not isinstance(name, str):
        raise TypeError(f"expected the name of an experiment, received {name!r}")
    path = CHECKOUT / "experiments" / "results" / f"{name}.json"
    command = f"python -m experiments {name}"
    if not name.isidentifier() or not path.is_file():
        raise ValueError(
            f"expected the name of a stored table in experiments/results, received {name!r}, which "
            f"is not there: `{command}`, run in the folder of the course, makes it"
        )
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path.name} is no whole table ({error}); `{command}` renews it"
        ) from None
    if not isinstance(table, dict) or "settings" not in table:
        raise ValueError(f"{path.name} is no table of an experiment; `{command}` renews it")
    return table


def experiment_verdicts(table: dict[str, Any]) -> dict[str, bool | str]:
    """The verdicts on a stored table, computed now by the experiment's own function.

    Raises:
        ValueError: this is no table of `stored_experiment`, or the checkout holds no such experiment.
    """
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(name, str) or not (CHECKOUT / "experiments" / f"{name}.py").is_file():
        raise ValueError(
            "expected a table of stored_experiment(...), "
            f"received {type(table).__name__} with the name {name!r}"
        )
    if str(CHECKOUT) not in sys.path:
        sys.path.append(str(CHECKOUT))  # `experiments` is a folder of the checkout, not installed
    module = importlib.import_module(f"experiments.{name}")
    return module.EXPERIMENT.verdicts(table)
