"""Who has compared a text with the output it speaks of, and whether that output is still the same.

    python -m tools.course.looked notebooks/06_clip.ipynb [CELL …]

A test can compare an output with an output; whether a *sentence* about it is true, somebody has to
look. A markdown cell that follows an output carries a digest of it, as it was at that look. This
command sets the digests of a notebook (or of the named markdown cells) once you have looked;
`make outputs` names the cells that need a new look, and a test fails for them.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat

from vizkit.course.storage import write_atomically

KEY = "vizkit"
_BREATHES = re.compile(r"⟨[^⟩]*⟩")
_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
# From here on a notebook asks questions; it no longer speaks of what came out.
_LAST_SECTIONS = re.compile(r"^## (?:Quiz|Take-aways|Glossary)\b", re.MULTILINE)


def digest_of(cells: list[Any]) -> str:
    """A digest of the checked text and the pictures of some code cells' outputs.

    Numbers between ⟨ ⟩ do not count: they breathe from run to run.
    """
    parts = []
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            parts.append(_BREATHES.sub("⟨⟩", output.get("text") or data.get("text/plain", "")))
            parts += [data[mime] for mime in _PICTURES if mime in data]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def speaking_cells(notebook: Any) -> list[tuple[Any, list[Any]]]:
    """The markdown cells that follow an output, each with the code cells it may speak of.

    Those are the code cells since the markdown cell before; exercises and what comes after the
    take-aways do not count.
    """
    found, since = [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tags = cell.metadata.get("tags", [])
            if "exercise" not in tags and "solution" not in tags and cell.get("outputs"):
                since.append(cell)
            continue
        if _LAST_SECTIONS.search(cell.source):
            break
        if since:
            found.append((cell, since))
        since = []
    return found


def unlooked(notebook: Any) -> list[str]:
    """The ids of the markdown cells whose output has changed since somebody looked."""
    return [
        cell.id
        for cell, spoken_of in speaking_cells(notebook)
        if cell.metadata.get(KEY, {}).get("looked") != digest_of(spoken_of)
    ]


def mark_looked(notebook: Any, ids: list[str] | None = None) -> list[str]:
    """Set the digests of the named markdown cells (None: of all) and return whose changed.

    Raises ValueError for an id that is no markdown cell after an output.
    """
    cells = {cell.id: (cell, spoken_of) for cell, spoken_of in speaking_cells(notebook)}
    unknown = [id for id in ids or [] if id not in cells]
    if unknown:
        raise ValueError(f"these are no markdown cells that follow an output: {unknown}")
    changed = []
    for id in cells if ids is None else ids:
        cell, spoken_of = cells[id]
        digest = digest_of(spoken_of)
        if cell.metadata.get(KEY, {}).get("looked") != digest:
            cell.metadata[KEY] = {**cell.metadata.get(KEY, {}), "looked": digest}
            changed.append(id)
    if ids is None:
        for cell in notebook.cells:
            if cell.id not in cells and "looked" in cell.metadata.get(KEY, {}):
                del cell.metadata[KEY]  # it no longer follows an output
                changed.append(cell.id)
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Mark the cells named on the command line as looked at."""
    parser = argparse.ArgumentParser(prog="python -m tools.course.looked")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("cells", nargs="*")
    options = parser.parse_args(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
    try:
        changed = mark_looked(notebook, options.cells or None)
    except ValueError as error:
        parser.error(str(error))
    text = nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"
    write_atomically(options.notebook, text)
    print(f"{options.notebook.name}: {len(changed)} cells marked as looked at")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
