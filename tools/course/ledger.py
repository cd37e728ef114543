"""The last page of the course: every claim with its verdict, its number and its cell.

    python -m tools.course.ledger [notebooks]

It is built from what the notebooks have stored, never from a run; `make outputs` does it last.
"""

import argparse
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

from vizkit.course.claims import CLAIM_MIME, VERDICTS
from vizkit.course.registry import CLAIMS, NOTEBOOKS, Claim
from vizkit.course.storage import write_atomically

PAGE = "ledger.ipynb"
FAMILIES = {
    "A": "CNN and ViT",
    "B": "Patch embedding",
    "C": "Positional embedding",
    "D": "CLIP and contrastive learning",
    "E": "SigLIP",
    "F": "Into the vision-language model",
    "G": "Self-supervision",
    "H": "Words for a real encoder",
    "I": "Any size",
    "J": "Why it fails",
}


@dataclass(frozen=True)
class Entry:
    """One claim as one cell shows it.

    Attributes:
        notebook, cell: where it stands (the name without ".ipynb", the id of the cell).
        content: the bundle that the cell's output carries, see `vizkit.course.claims.claim`.
    """

    notebook: str
    cell: str
    content: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.content["id"]

    @property
    def verdict(self) -> str:
        return self.content["verdict"]


def stored_entries(folder: str | Path) -> list[Entry]:
    """Every claim that the notebooks in `folder` show, in the order of the course.

    Raises:
        FileNotFoundError: there is no notebook of the course in `folder`.
        ValueError: a cell shows a claim that the course does not have.
    """
    paths = [path for name in NOTEBOOKS if (path := Path(folder) / f"{name}.ipynb").is_file()]
    if not paths:
        raise FileNotFoundError(f"expected the notebooks of the course in {str(folder)!r}")
    return [entry for path in paths for entry in _entries_of(path)]


def ledger_notebook(folder: str | Path) -> nbformat.NotebookNode:
    """The page, as a notebook without code: Jupyter shows it rendered, and its links work there.

    Raises:
        ValueError: a claim of a family that has no table on the page; and as `stored_entries`.
    """
    entries = stored_entries(folder)
    if homeless := [id for id in CLAIMS if id[0] not in FAMILIES]:
        raise ValueError(
            f"no table of the ledger takes {', '.join(homeless)}: "
            f"give the family {homeless[0][0]!r} a title in FAMILIES of tools/course/ledger.py"
        )
    cells = [new_markdown_cell(_introduction(entries), id="ledger-intro")]
    for letter, title in FAMILIES.items():
        claims = [claim for claim in CLAIMS.values() if claim.id.startswith(letter)]
        cells.append(new_markdown_cell(_table(title, claims, entries), id=f"ledger-{letter}"))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return new_notebook(cells=cells, metadata=metadata)


def write_ledger(folder: str | Path) -> Path:
    """Write the page beside the notebooks; an unchanged page keeps its bytes."""
    path = Path(folder) / PAGE
    text = nbformat.writes(ledger_notebook(folder), indent=1).rstrip("\n") + "\n"
    write_atomically(path, text)
    return path


def _entries_of(path: Path) -> list[Entry]:
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            content = output.get("data", {}).get(CLAIM_MIME)
            if content is None:
                continue
            if content.get("id") not in CLAIMS:
                raise ValueError(
                    f"{path.stem}, cell {cell.id}: there is no claim {content.get('id')} in the course"
                )
            if content.get("verdict") not in VERDICTS:
                raise ValueError(
                    f"{path.stem}, cell {cell.id}: {content.get('verdict')!r} is no verdict"
                )
            found.append(Entry(path.stem, cell.id, content))
    return found


def _introduction(entries: list[Entry]) -> str:
    counts = Counter(entry.verdict for entry in entries)
    verdicts = "\n".join(
        f"- {mark} **{verdict}**: {counts[verdict]}" for verdict, (mark, _) in VERDICTS.items()
    )
    return (
        "# Ledger of claims\n\n"
        "> What is commonly taught about vision encoders, with what came out when it was measured.\n\n"
        f"{len(CLAIMS)} statements in {len(entries)} cells (some are measured in two notebooks). "
        "A statement that did not come out is listed as it came out. A verdict *by its source* is "
        "not measured here: the source that the cell names decides it.\n\n"
        f"{verdicts}\n\n"
        "A **rival** is something else that could have produced the same number; beside it stands "
        "what its control measured.\n\n"
        "The numbers are those of the stored outputs, ± one standard error: run a notebook again "
        "and yours may differ in the last digits; the verdicts are compared strictly by the tests. "
        "This page is written by `make outputs`; do not edit it."
    )


def _table(title: str, claims: list[Claim], entries: list[Entry]) -> str:
    rows = [
        f"## {title}",
        "",
        "| | commonly taught | verdict | what came out | rivals and controls | cell |",
    ]
    rows.append("|---|---|---|---|---|---|")
    for claim in claims:
        mine = [entry for entry in entries if entry.id == claim.id]
        name, statement = f"**{claim.id}**", _safe(claim.statement)
        for entry in mine:
            mark, _ = VERDICTS[entry.verdict]
            link = f"[{entry.notebook[:2]}]({entry.notebook}.ipynb#cell-id={entry.cell})"
            columns = (name, statement, f"{mark} {entry.verdict}", _came_out(entry.content))
            rows.append(f"| {' | '.join(columns)} | {_rivals(entry.content)} | {link} |")
            name = statement = ""
        if not mine:
            rows.append(f"| {name} | {statement} | not measured yet | | | |")
    return "\n".join(rows)


def _came_out(content: Mapping[str, Any]) -> str:
    parts = [_safe(content["sentence"])]
    parts += [_row(row) for row in content["measured"]]
    if content["note"]:
        parts.append(f"*{_safe(content['note'])}*")
    if not content["measured"]:
        parts.append(f"Source: {_safe(content['source'])}")
    return " · ".join(parts)


def _rivals(content: Mapping[str, Any]) -> str:
    parts = []
    for rival in content["rivals"]:
        parts.append(f"{_safe(rival['rival'])}: {_safe(rival['reason'])}")
        parts += [_row(row) for row in rival["control"]]
    return " · ".join(parts)


def _row(row: Mapping[str, str]) -> str:
    return f"{_safe(row['name'])} **{_safe(row['value'])}**"


def _safe(text: str) -> str:
    """Text for a cell of a Markdown table: nothing in it is markup."""
    plain = " ".join(re.sub("[⟨⟩]", "", text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", plain)


def main(arguments: list[str] | None = None) -> int:
    """Write the page of the folder named on the command line (default: notebooks)."""
    parser = argparse.ArgumentParser(prog="python -m tools.course.ledger")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("notebooks"))
    print(write_ledger(parser.parse_args(arguments).folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
