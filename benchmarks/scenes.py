"""How fast the drawn world is drawn: pictures per second of processor time on one core.

    python -m benchmarks.scenes [--quick]

Processor time counts the work of every thread, so none can flatter these figures; the best of
several runs counts. Ends with 1 when the requirement is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable

from vizkit.data import images_as_array, render, sample_scenes, scenes

REQUIRED = 3_000  # images/s of `scenes()` with an empty cache, 64 pixels
COUNT, QUICK_COUNT, IMAGE_SIZE, REPEATS = 6_000, 1_000, 64, 3


def rate(count: int, work: Callable[[int], object]) -> float:
    """The best of several runs, in pictures per second of processor time."""
    best = float("inf")
    for repeat in range(REPEATS):
        start = time.process_time()
        work(repeat)
        best = min(best, time.process_time() - start)
    return count / best


def main(quick: bool = False) -> bool:
    """Measure, print the table, say whether the requirement is met; `quick` draws fewer pictures."""
    count = QUICK_COUNT if quick else COUNT
    with tempfile.TemporaryDirectory() as folder:
        where = {"image_size": IMAGE_SIZE, "cache_dir": folder}
        table = sample_scenes(count)
        scenes(16, **where)  # imports and first-use tables are not drawing
        rates = {
            "render": rate(count, lambda _: render(table, IMAGE_SIZE)),
            "scenes(), empty cache": rate(count, lambda repeat: scenes(count, repeat, **where)),
            "scenes(), filled cache": rate(count, lambda _: scenes(count, 0, **where)),
        }
        dataset = scenes(count, 0, **where)
        rates["images_as_array"] = rate(count, lambda _: images_as_array(dataset))
    met = rates["scenes(), empty cache"] >= REQUIRED
    print(f"{count:,} pictures of {IMAGE_SIZE} px\n")
    print("| work                   | images/s   | required   | verdict |")
    print("|------------------------|------------|------------|---------|")
    for name, value in rates.items():
        required = f"≥ {REQUIRED:,}" if "empty" in name else "–"
        verdict = ("met" if met else "not met") if "empty" in name else "–"
        print(f"| {name:22} | {value:10,.0f} | {required:10} | {verdict:7} |")
    return met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer pictures: noisy")
    sys.exit(0 if main(quick=parser.parse_args().quick) else 1)
