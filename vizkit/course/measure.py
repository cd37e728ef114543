"""The table of what each notebook takes, and whether a run keeps to it.

`make outputs` writes the table, the headers of the notebooks quote it, and the notebook tests fail
when a run takes more than twice what it says.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from vizkit.course.storage import read_json, update_json

# Figures are stored again only when they move by more than a third.
_STILL_THE_SAME = 4 / 3
_TOO_MUCH = 2.0
# For `user_expressions`: peak memory of the kernel or of its largest child, by the system's count.
PEAK_MEMORY = (
    "(lambda r: max(r.getrusage(w).ru_maxrss for w in (r.RUSAGE_SELF, r.RUSAGE_CHILDREN)))"
    "(__import__('resource'))"
)


def table_path() -> Path:
    """Where the table lies: `VIZKIT_MEASURED`, or in the package."""
    return Path(os.environ.get("VIZKIT_MEASURED") or Path(__file__).with_name("measured.json"))


def peak_gigabytes(reply: dict) -> float:
    """Peak memory in GB from a kernel's reply to `PEAK_MEMORY`, 0 where the system does not tell.

    reply: the content of the execute_reply with the user expression "peak".
    """
    peak = reply["user_expressions"]["peak"]
    if peak["status"] != "ok":
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return int(peak["data"]["text/plain"]) * unit / 1e9


def reference_seconds(repeats: int = 5) -> float:
    """How long this machine takes now for a fixed piece of work, in seconds: the mean of several.

    Small matrices on one thread, as in the notebooks. The ratio of two such times compares two
    machines, or one machine quiet and busy; so it is the mean, not the best.
    """
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 48, 48)).astype("float32")

    start = time.perf_counter()
    for _ in range(repeats):
        state = left
        for _ in range(4000):
            state = np.tanh(state @ right * 0.1)
    return (time.perf_counter() - start) / repeats


def store_measured(
    name: str, seconds: float, gigabytes: float, *, table: Path | None = None
) -> tuple[float, float]:
    """Write a notebook's figures to the table; returns those to quote.

    Quoted are the stored ones, unless the new ones differ by a third. The speed of the machine,
    `reference_seconds`, is stored beside them.
    """
    table = table or table_path()
    stored = read_json(table).get(name, {})
    old = (stored.get("seconds", 0), stored.get("gigabytes", 0))
    new = (float(f"{seconds:.2g}"), float(f"{gigabytes:.2g}"))
    if all(_about_the_same(a, b) for a, b in zip(old, new, strict=True)) and "reference" in stored:
        return old
    row = {"seconds": new[0], "gigabytes": new[1], "reference": round(reference_seconds(), 4)}
    update_json(table, lambda content: content.update({name: row}))
    return new


def problem_with(name: str, seconds: float, gigabytes: float, speed: float) -> str:
    """What is wrong with a run of a notebook of the table, or an empty text.

    seconds, gigabytes: what the run took; speed: `reference_seconds()` of the machine now. A
    slower machine may take longer in proportion; a faster one is not held to less.

    Raises:
        KeyError: the notebook is not in the table.
    """
    row = read_json(table_path())[name]
    slower = max(1.0, speed / row["reference"])
    if seconds > _TOO_MUCH * slower * row["seconds"]:
        return (
            f"took {seconds:.0f} s; the table says {row['seconds']:.0f} s (this machine now needs "
            f"{slower:.1f} times as long for the reference). Quicker again, or: make outputs"
        )
    if gigabytes > _TOO_MUCH * row["gigabytes"]:
        return (
            f"took {gigabytes:.2f} GB; the table says {row['gigabytes']:.2f} GB. "
            "Smaller again, or: make outputs"
        )
    return ""


def _about_the_same(old: float, new: float) -> bool:
    return old == new or bool(old and new and 1 / _STILL_THE_SAME <= old / new <= _STILL_THE_SAME)
