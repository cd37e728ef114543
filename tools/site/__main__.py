"""python -m tools.site [--notebooks FILE …] [--out FOLDER] [--slides]"""

import argparse
import logging
import sys
import time
from pathlib import Path

from nbclient.exceptions import CellExecutionError

from tools.site.build import MOST_BYTES, build_site
from vizkit.course import NOTEBOOKS

GALLERY = Path("docs/gallery.ipynb")  # recipes of the instruments: no notebook of the course


def main(arguments: list[str] | None = None) -> int:
    """Build the site as the command line says; 0 if it stands."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.site", description="Build the course as a static, offline site."
    )
    parser.add_argument("--notebooks", nargs="+", type=Path, help="default: the whole course")
    parser.add_argument("--out", type=Path, default=Path("site"), help="default: site")
    parser.add_argument("--no-reference", action="store_true", help="without vizkit's reference")
    parser.add_argument("--slides", action="store_true", help="a slide deck of each notebook, too")
    options = parser.parse_args(arguments)
    course = [*Path("notebooks").glob("*.ipynb"), *filter(Path.is_file, [GALLERY])]
    notebooks = options.notebooks or sorted(course, key=_course_order)
    reference = not (options.notebooks or options.no_reference)
    start = time.perf_counter()
    try:
        pages = build_site(notebooks, options.out, slides=options.slides, reference=reference)
    except CellExecutionError as error:
        return _stopped(f"a cell raised {error.ename}: {error.evalue}", options.out)
    except OSError as error:
        return _stopped(f"{options.out} cannot be written: {error}", options.out)
    except (ValueError, RuntimeError) as error:
        return _stopped(str(error), options.out)
    except KeyboardInterrupt:
        # nbclient leaves a task behind that would complain when Python ends.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        return _stopped("interrupted; what ran is kept", options.out) + 129
    for page in pages:
        size = page.stat().st_size
        note = f"  more than {MOST_BYTES / 1e6:g} MB" if size > MOST_BYTES else ""
        print(f"{size / 1e6:6.2f} MB  {page.relative_to(options.out.absolute())}{note}")
    print(f"{options.out}: {len(pages)} pages in {time.perf_counter() - start:.0f} s")
    return 0


def _course_order(path: Path) -> tuple[bool, str]:
    """The numbered notebooks first, then what belongs to all of them."""
    return path.stem not in NOTEBOOKS, path.stem


def _stopped(reason: str, out: Path) -> int:
    left = "the site is as it was" if out.exists() else "no site was written"
    print(f"vizkit: {reason}; {left}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
