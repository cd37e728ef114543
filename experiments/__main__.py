"""`python -m experiments [NAME …] [--compare]`: run experiments and store their tables.

Without a name all of them run, one after the other. With `--compare` nothing is stored: each runs
again beside its stored table, and the exit status is 1 when a verdict has changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from experiments.run import load, names, run_from_command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument("--compare", action="store_true", help="1 when a verdict has changed")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names()]
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r}: choose from {', '.join(names())}")
    chosen = [load(name) for name in options.names or names()]
    good = [run_from_command_line(one, options.compare) for one in chosen]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
