"""`python -m benchmarks [part …]`: every comparison that the README quotes, each with its table.

    python -m benchmarks [widgets living scenes capture models losses] [--quick] [--check]

Ends with 0 when everything ran, whatever came out; with `--check`, with 1 when a requirement was
missed or could not be measured. Each part also runs alone: `python -m benchmarks.widgets --help`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# Each has `main(quick: bool = False) -> bool`, which prints its table and says whether all is met.
PARTS = ("widgets", "living", "scenes", "capture", "models", "losses")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts one after the other; return the exit status that the module's first lines state.

    Raises:
        ImportError: a part is missing; before anything is measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few repeats of everything: noisy")
    parser.add_argument("--check", action="store_true", help="fail when a requirement is missed")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(PARTS)}")
    chosen = options.parts or PARTS
    modules = [importlib.import_module(f"benchmarks.{part}") for part in chosen]
    met = {}
    for part, module in zip(chosen, modules, strict=True):
        print(f"\n## {part}\n", flush=True)
        met[part] = module.main(quick=options.quick)
    print("\n" + ", ".join(f"{part}: {'met' if good else 'NOT met'}" for part, good in met.items()))
    return int(options.check and not all(met.values()))


if __name__ == "__main__":
    sys.exit(main())
