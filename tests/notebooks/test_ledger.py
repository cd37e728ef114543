"""The ledger of claims: complete, built from the stored outputs, and free of markup."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from vizkit.course import CLAIMS, NOTEBOOKS
from vizkit.course.ledger import PAGE, VERDICTS, ledger_notebook, stored_entries, write_ledger

FOLDER = Path(__file__).parents[2] / "notebooks"
CLAIM_CALL = re.compile(r"^(?:claim|cite)\(\s*[\"']([A-F]\d+)[\"']", re.MULTILINE)


def wanted() -> set[tuple[str, str]]:
    return {(claim.id, notebook) for claim in CLAIMS.values() for notebook in claim.notebooks}


def test_every_claim_has_a_cell_in_each_of_its_notebooks_and_every_cell_a_claim():
    shown = [(entry.id, entry.notebook) for entry in stored_entries(FOLDER)]
    assert sorted(shown) == sorted(wanted())


def test_every_call_of_claim_has_its_line_in_the_stored_output():
    called = {
        (id, path.stem, cell.id)
        for path in FOLDER.glob("[0-9]*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
        for id in CLAIM_CALL.findall(cell.source)
    }
    assert called == {(e.id, e.notebook, e.cell) for e in stored_entries(FOLDER)}


def test_stored_outputs_and_ledger_file_give_the_same_verdicts():
    rows = json.loads((FOLDER / "ledger.json").read_text(encoding="utf-8"))
    stored = {(id, name): row["verdict"] for id, by in rows.items() for name, row in by.items()}
    assert stored == {(e.id, e.notebook): e.verdict for e in stored_entries(FOLDER)}


def test_page_in_the_repository_is_the_one_that_the_notebooks_give():
    stored = nbformat.read(FOLDER / PAGE, as_version=4)
    assert stored == ledger_notebook(FOLDER), "run: python -m vizkit.course.ledger"


def test_links_of_the_page_lead_to_cells_that_show_the_claim():
    text = "\n".join(cell.source for cell in nbformat.read(FOLDER / PAGE, as_version=4).cells)
    links = re.findall(r"\]\((\w+)\.ipynb#cell-id=([\w-]+)\)", text)
    assert len(links) == len(wanted())
    for notebook, id in links:
        cells = nbformat.read(FOLDER / f"{notebook}.ipynb", as_version=4).cells
        assert [cell.cell_type for cell in cells if cell.id == id] == ["code"]


# On made-up notebooks


def notebook_with(*lines: str):
    output = new_output("stream", text="\n".join(lines) + "\n")
    cells = [new_markdown_cell("# 01", id="top"), new_code_cell("x", id="cell", outputs=[output])]
    return new_notebook(cells=cells)


def folder_with(tmp_path: Path, *lines: str) -> Path:
    nbformat.write(notebook_with(*lines), tmp_path / f"{NOTEBOOKS[1]}.ipynb")
    return tmp_path


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_line_becomes_a_row(tmp_path, verdict):
    line = (
        f"✓ A1 {verdict} · {CLAIMS['A1'].statement} · measured error ⟨0.5⟩ · only <b>here</b> | so"
    )
    folder = folder_with(tmp_path, "something else", line)
    (entry,) = stored_entries(folder)
    assert (entry.id, entry.notebook, entry.cell) == ("A1", NOTEBOOKS[1], "cell")
    assert entry.verdict == verdict
    text = "\n".join(cell.source for cell in ledger_notebook(folder).cells)
    row = next(line for line in text.splitlines() if line.startswith("| **A1**"))
    assert f"{VERDICTS[verdict]} {verdict} | measured error **0.5** · only " in row
    assert r"\<b\>here\</b\> \| so" in row
    assert f"- {VERDICTS[verdict]} **{verdict}**: 1" in text
    assert "| **A2** " in text
    assert "not measured yet" in text


def test_an_unknown_claim_is_refused_and_nothing_is_written(tmp_path):
    folder = folder_with(tmp_path, "✓ A99 holds · made up · measured ⟨1⟩")
    with pytest.raises(ValueError, match=r"01_cnn_vs_vit, cell cell: there is no claim A99"):
        write_ledger(folder)
    assert not (folder / PAGE).exists()


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="notebooks of the course"):
        stored_entries(tmp_path)


def test_an_unchanged_page_keeps_its_file(tmp_path):
    folder = folder_with(tmp_path, "✓ A1 holds · x · measured ⟨1⟩")
    path = write_ledger(folder)
    before = path.stat()
    assert write_ledger(folder).stat().st_mtime_ns == before.st_mtime_ns
