"""The slides of a notebook: what stands on which. Cells that say nothing are left out of the deck.

    python -m tools.course.slides notebooks/06_clip.ipynb

Give cells a slide type in JupyterLab (the property inspector, "Slide Type") or in the notebook's JSON; this prints the
deck that comes out, and writes "skip" into cells without a type: Jupyter's own tools would show those.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

from tools.course.slideshow import Slide, slide_type, slides_of
from vizkit.files import write_whole

FEWEST, MOST = 15, 25  # slides of a deck


def leave_out_the_rest(cells: Sequence[Any]) -> int:
    """Write "skip" into the cells without a slide type; how many there were."""
    silent = [cell for cell in cells if not slide_type(cell)]
    for cell in silent:
        cell.metadata.setdefault("slideshow", {})["slide_type"] = "skip"
    return len(silent)


def outline(slides: Sequence[Slide]) -> Iterator[str]:
    """A line for each slide, and one for each thing on it; "~" comes with a click of its own."""
    for number, slide in enumerate(slides, 1):
        begins = "==" if slide.new_section else " -"
        yield f"{number:2} {begins} {slide.title or f'({slide.section})'}"
        for part in slide.parts:
            words = part.text if part.cell is None else f"[outputs of {part.cell.id}]"
            yield f"      {'~' if part.waits else ' '} {' '.join(words.split())}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.course.slides", description=__doc__.splitlines()[0]
    )
    parser.add_argument("notebooks", nargs="+", type=Path)
    for path in parser.parse_args(arguments).notebooks:
        notebook = nbformat.read(path, as_version=4)
        if silent := leave_out_the_rest(notebook.cells):
            write_whole(path, (nbformat.writes(notebook) + "\n").encode())
            print(f"{path}: {silent} cells had no slide type and are left out now")
        slides = slides_of(notebook.cells)
        print(f"{path.stem}: {len(slides)} slides; a deck has {FEWEST} to {MOST}")
        print("\n".join(outline(slides)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
