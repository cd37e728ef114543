"""The table of what each notebook takes, and whether a run keeps to it.

`make outputs` writes the table, the headers of the notebooks quote it, and the notebook tests fail
when a run takes more than twice what it says: twice the time on the clock, and not only for having
waited for a busy machine; or twice the memory.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vizkit.course.storage import read_json, update_json

# Figures are stored again only when they move by more than a third.
_STILL_THE_SAME = 4 / 3
_TOO_MUCH = 2.0
# For `user_expressions`: what `kernel_use` returns.
KERNEL_USE = "__import__('tools.course.measure', fromlist=['kernel_use']).kernel_use()"


class Use(NamedTuple):
    """What a run of a notebook took.

    seconds: on the clock; processor: seconds of the processors, 0 where the system does not tell;
    gigabytes: peak memory, 0 where the system does not tell.
    """

    seconds: float
    processor: float
    gigabytes: float


def table_path() -> Path:
    """Where the table lies: `VIZKIT_MEASURED`, or beside this file."""
    return Path(os.environ.get("VIZKIT_MEASURED") or Path(__file__).with_name("measured.json"))


def kernel_use() -> list[float]:
    """[peak memory of this process or of its largest child in bytes, its and their processor seconds].

    Zeros where the system does not tell.
    """
    try:
        import resource
    except ImportError:  # Windows
        return [0, 0]
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(use.ru_utime + use.ru_stime for use in uses)
    unit = 1 if sys.platform == "darwin" else 1024
    own, children = (use.ru_maxrss * unit for use in uses)
    # On Linux a process starts with the peak of the one that started it (getrusage(2), execve): a
    # kernel with that of a large test run.
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        own = int(found[1]) * 1024
    return [max(own, children), processor]


def use_of_kernel(seconds: float, reply: dict) -> Use:
    """What a run took, from the clock and from a kernel's reply to `KERNEL_USE`.

    reply: the content of the execute_reply with the user expression "use".
    """
    use = reply["user_expressions"]["use"]
    if use["status"] != "ok":
        return Use(seconds, 0.0, 0.0)
    peak, processor = json.loads(use["data"]["text/plain"])
    return Use(seconds, processor, peak / 1e9)


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


def store_measured(name: str, use: Use, *, table: Path | None = None) -> Use:
    """Write what a notebook took to the table; returns the figures to quote.

    Quoted are the stored ones, unless the time or the memory differs by a third. The speed of the
    machine, `reference_seconds`, is stored beside them.
    """
    table = table or table_path()
    stored = read_json(table).get(name, {})
    old = Use(*(stored.get(field, 0.0) for field in Use._fields))
    new = Use(*(float(f"{value:.2g}") for value in use))
    quoted = ((old.seconds, new.seconds), (old.gigabytes, new.gigabytes))
    if {*Use._fields, "reference"} <= set(stored) and all(_about_the_same(*p) for p in quoted):
        return old
    row = {**new._asdict(), "reference": round(reference_seconds(), 4)}
    update_json(table, lambda content: content.update({name: row}))
    return new


def problem_with(name: str, use: Use, speed: float) -> str:
    """What is wrong with a run of a notebook of the table, or an empty text.

    A run that waited for other programs is late on the clock and takes no more of the processors;
    so too slow is what takes more than twice of both.

    speed: `reference_seconds()` of the machine now. A slower machine may take longer in proportion;
    a faster one is not held to less.

    Raises:
        KeyError: the notebook is not in the table.
    """
    row = read_json(table_path())[name]
    slower = max(1.0, speed / row["reference"])
    worked = use.processor > _TOO_MUCH * slower * row["processor"] or not use.processor
    if use.seconds > _TOO_MUCH * slower * row["seconds"] and worked:
        return (
            f"took {use.seconds:.0f} s ({use.processor:.0f} s of the processors); the table says "
            f"{row['seconds']:.0f} s ({row['processor']:.0f} s). This machine now needs "
            f"{slower:.1f} times as long for the reference. Quicker again, or: make outputs"
        )
    if use.gigabytes > _TOO_MUCH * row["gigabytes"]:
        return (
            f"took {use.gigabytes:.2f} GB; the table says {row['gigabytes']:.2f} GB. "
            "Smaller again, or: make outputs"
        )
    return ""


def _about_the_same(old: float, new: float) -> bool:
    return old == new or bool(old and new and 1 / _STILL_THE_SAME <= old / new <= _STILL_THE_SAME)
