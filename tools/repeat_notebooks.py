"""Runs the notebooks' tests many times, on one thread and on two by turns, and counts what fails.

    make repeat                     until there are 20 runs of these notebooks and this package
    make repeat ARGS="--runs 4"     until there are 4
    make repeat ARGS="--threads 1"  on one thread only: two clones can then share two cores
    make repeat ARGS=--report       only says what stands in the log

Each run adds a line to `tools/repeats.jsonl`, so that the runs of several evenings add up. The file
is not committed: the weekly workflow keeps its own among its artefacts. A run counts for as long as neither
`notebooks/` nor `vizkit/` changes. Ctrl-C loses only the run that is going.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "tools" / "repeats.jsonl"
WATCHED = ("notebooks", "vizkit")


def fingerprint() -> str:
    """Changes whenever a tracked file of the notebooks or the package does."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *WATCHED],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed.split(b"\0"))):
        digest.update(
            name + b"\0" + hashlib.sha256((ROOT / os.fsdecode(name)).read_bytes()).digest()
        )
    return digest.hexdigest()[:16]


def counted(log: Path, version: str) -> list[dict]:
    """The runs of this version in the log."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [run for run in map(json.loads, lines) if run["version"] == version]


def rarer(runs: list[dict]) -> int:
    """The number of threads, one or two, that fewer of the runs had."""
    twice = sum(run["threads"] == 2 for run in runs)
    return 1 if len(runs) - twice <= twice else 2


def run_once(threads: int) -> dict:
    """One run of every notebook under nbval: seconds, tests, and the names of those that failed."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "notebooks"]
        command.append(f"--rootdir={ROOT}")  # the names of tests begin there, whatever lies above
        start = time.perf_counter()
        run = subprocess.run(
            [*command, f"--junitxml={report}"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
        )
        if run.returncode not in (0, 1):  # neither passed nor failed: stopped, or nothing was run
            sys.exit(
                f"pytest ended with {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
            )
        cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    seconds = round(time.perf_counter() - start)
    return {"threads": threads, "seconds": seconds, "tests": len(cases), "failed": failed}


def report(runs: list[dict]) -> str:
    """The runs in words: how many by threads, how long, how many tests, and every failure."""
    lines = []
    for threads in sorted({run["threads"] for run in runs}):
        some = [run for run in runs if run["threads"] == threads]
        seconds = sorted(run["seconds"] for run in some)
        flaky = sum(bool(run["failed"]) for run in some)
        lines.append(
            f"{threads} thread{'s' * (threads > 1)}: {len(some)} runs of {some[0]['tests']} tests, "
            f"{flaky} with a failure; {seconds[0]} to {seconds[-1]} s a run"
        )
    failures = [name for run in runs for name in run["failed"]]
    lines += [f"{failures.count(name)} x {name}" for name in sorted(set(failures))]
    return "\n".join(lines) or "no run yet"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="how many there are to be in the end")
    parser.add_argument("--threads", type=int, choices=(1, 2), help="instead of both by turns")
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error(f"expected --runs to be positive, received {options.runs}")
    version = fingerprint()
    runs = counted(options.log, version)
    wanted = 0 if options.report else options.runs - len(runs)
    try:
        for _ in tqdm(range(wanted), desc="notebooks, all", unit="run", disable=wanted <= 0):
            threads = options.threads or rarer(runs)
            run = {"version": version, **run_once(threads)}
            if fingerprint() != version:
                sys.exit(
                    "the notebooks or the package were changed during the run: it is not counted"
                )
            runs.append(run)
            with options.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(run) + "\n")
    except KeyboardInterrupt:
        print("stopped; the finished runs are kept", file=sys.stderr)
    print(report(runs))
    return int(any(run["failed"] for run in runs))


if __name__ == "__main__":
    sys.exit(main())
