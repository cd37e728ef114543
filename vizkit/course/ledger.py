"""The last page of the course: every claim with its verdict, its number and its cell.

    python -m vizkit.course.ledger [notebooks]

It is built from what the notebooks have stored, never from a run; `make outputs` does it last.
"""

import argparse
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

from vizkit.course.registry import CLAIMS, NOTEBOOKS, Claim
from vizkit.course.storage import write_atomically

PAGE = "ledger.ipynb"
VERDICTS = {
    "holds": "✓",
    "holds with a limit": "◐",
    "does not hold here": "✗",
    "cited": "❝",
}
FAMILIES = {
    "A": "CNN and ViT",
    "B": "Patch embedding",
    "C": "Positional embedding",
    "D": "CLIP and contrastive learning",
    "E": "SigLIP",
    "F": "Into the vision-language model",
}
# Longest first: "holds" begins "holds with a limit".
_LINE = re.compile(
    rf"^\S (?P<id>[A-Z]\d+) (?P<verdict>{'|'.join(sorted(VERDICTS, key=len, reverse=True))}) · ",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Entry:
    """One claim as one cell shows it.

    Attributes:
        notebook, cell: where it stands (the name without ".ipynb", the id of the cell).
        verdict: a key of `VERDICTS`.
        evidence: what was measured (numbers between ⟨ ⟩) or what is known, as the cell prints it.
    """

    id: str
    notebook: str
    cell: str
    verdict: str
    evidence: str


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
    """The page, as a notebook without code: Jupyter shows it rendered, and its links work there."""
    entries = stored_entries(folder)
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
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            for line in text.splitlines():
                if match := _LINE.match(line):
                    found.append(_entry(path.stem, cell.id, line, match))
    return found


def _entry(notebook: str, cell: str, line: str, match: re.Match) -> Entry:
    id, rest = match["id"], line[match.end() :]
    if id not in CLAIMS:
        raise ValueError(f"{notebook}, cell {cell}: there is no claim {id} in the course")
    evidence = rest.removeprefix(f"{CLAIMS[id].statement} · ")
    return Entry(id, notebook, cell, match["verdict"], evidence)


def _introduction(entries: list[Entry]) -> str:
    counts = Counter(entry.verdict for entry in entries)
    verdicts = "\n".join(
        f"- {mark} **{verdict}**: {counts[verdict]}" for verdict, mark in VERDICTS.items()
    )
    return (
        "# Ledger of claims\n\n"
        "> Everything that the course claims, with what came out when it was measured.\n\n"
        f"{len(CLAIMS)} statements that are commonly taught about vision encoders, in "
        f"{len(entries)} cells (some are measured in two notebooks). "
        "A statement that did not come out here is listed as it came out.\n\n"
        f"{verdicts}\n\n"
        "The numbers are those of the stored outputs: run a notebook again and yours may differ in "
        "the last digits; the verdicts are compared strictly by the tests. This page is written by "
        "`make outputs`; do not edit it."
    )


def _table(title: str, claims: list[Claim], entries: list[Entry]) -> str:
    rows = [f"## {title}", "", "| | commonly taught | verdict | what came out | cell |"]
    rows.append("|---|---|---|---|---|")
    for claim in claims:
        mine = [entry for entry in entries if entry.id == claim.id]
        name, statement = f"**{claim.id}**", _safe(claim.statement)
        for entry in mine:
            verdict = f"{VERDICTS[entry.verdict]} {entry.verdict}"
            link = f"[{entry.notebook[:2]}]({entry.notebook}.ipynb#cell-id={entry.cell})"
            evidence = re.sub("⟨([^⟩]*)⟩", r"**\1**", _safe(entry.evidence))
            rows.append(f"| {name} | {statement} | {verdict} | {evidence} | {link} |")
            name = statement = ""
        if not mine:
            rows.append(f"| {name} | {statement} | not measured yet | | |")
    return "\n".join(rows)


def _safe(text: str) -> str:
    """Text for a cell of a Markdown table: nothing in it is markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", text)


def main(arguments: list[str] | None = None) -> int:
    """Write the page of the folder named on the command line (default: notebooks)."""
    parser = argparse.ArgumentParser(prog="python -m vizkit.course.ledger")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("notebooks"))
    print(write_ledger(parser.parse_args(arguments).folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
