"""The ledger of claims: complete, built from the stored bundles, and free of markup."""

import dataclasses
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.course.ledger import PAGE, ledger_notebook, stored_entries, write_ledger
from vizkit.course import CLAIMS, NOTEBOOKS
from vizkit.course.claims import BY_ITS_SOURCE, CLAIM_MIME, VERDICTS, claim_html, claim_text

FOLDER = Path(__file__).parents[2] / "notebooks"
CLAIM_CALL = re.compile(r"^(?:claim|cite)\(\s*[\"']([A-Z]\d+)[\"']", re.MULTILINE)


def wanted() -> set[tuple[str, str]]:
    return {(claim.id, notebook) for claim in CLAIMS.values() for notebook in claim.notebooks}


def test_every_claim_has_a_cell_in_each_of_its_notebooks_and_every_cell_a_claim():
    shown = [(entry.id, entry.notebook) for entry in stored_entries(FOLDER)]
    assert sorted(shown) == sorted(wanted())


def test_every_call_of_claim_has_its_bundle_in_the_stored_output():
    called = {
        (id, path.stem, cell.id)
        for path in FOLDER.glob("[0-9]*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
        for id in CLAIM_CALL.findall(cell.source)
    }
    assert called == {(e.id, e.notebook, e.cell) for e in stored_entries(FOLDER)}


def test_a_measured_claim_names_its_rivals_and_has_a_control_for_each():
    measured = {e.id for e in stored_entries(FOLDER) if not e.verdict.endswith(BY_ITS_SOURCE)}
    controlled: dict[str, set[str]] = {id: set() for id in measured}
    for entry in stored_entries(FOLDER):
        for rival in entry.content["rivals"]:
            assert rival["control"], f"{entry.id} in {entry.notebook}: {rival['rival']}"
            controlled[entry.id].add(rival["rival"])
    assert {id: set(CLAIMS[id].rivals) for id in measured} == controlled
    assert all(controlled.values()), "a measured claim without a rival"
    assert all(len(reason) > 20 for claim in CLAIMS.values() for reason in claim.rivals.values())


def test_stored_text_and_picture_of_a_claim_are_those_of_its_bundle():
    for path in FOLDER.glob("[0-9]*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                content = output.get("data", {}).get(CLAIM_MIME)
                if content:
                    assert output.data["text/plain"] == claim_text(content)
                    assert output.data["text/html"] == claim_html(content)


def test_page_in_the_repository_is_the_one_that_the_notebooks_give():
    stored = nbformat.read(FOLDER / PAGE, as_version=4)
    assert stored == ledger_notebook(FOLDER), "run: python -m tools.course.ledger"


def test_links_of_the_page_lead_to_cells_that_show_the_claim():
    text = "\n".join(cell.source for cell in nbformat.read(FOLDER / PAGE, as_version=4).cells)
    links = re.findall(r"\]\((\w+)\.ipynb#cell-id=([\w-]+)\)", text)
    assert len(links) == len(wanted()), "run: python -m tools.course.ledger"
    for notebook, id in links:
        cells = nbformat.read(FOLDER / f"{notebook}.ipynb", as_version=4).cells
        assert [cell.cell_type for cell in cells if cell.id == id] == ["code"]


# On made-up notebooks


def content_with(**changes):
    return {
        "id": "A1",
        "notebook": NOTEBOOKS[1],
        "statement": CLAIMS["A1"].statement,
        "verdict": "holds",
        "sentence": "It came out as ⟨0.5⟩.",
        "measured": [{"name": "error", "value": "0.5"}],
        "rivals": [
            {"rival": "luck", "reason": "A lucky seed.", "control": [{"name": "r", "value": "3"}]}
        ],
        "note": "",
        "source": "a paper",
        **changes,
    }


def folder_with(tmp_path: Path, *contents: dict) -> Path:
    outputs = [new_output("display_data", {CLAIM_MIME: content}) for content in contents]
    cells = [new_markdown_cell("# 01", id="top"), new_code_cell("x", id="cell", outputs=outputs)]
    nbformat.write(new_notebook(cells=cells), tmp_path / f"{NOTEBOOKS[1]}.ipynb")
    return tmp_path


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_bundle_becomes_a_row(tmp_path, verdict):
    folder = folder_with(tmp_path, content_with(verdict=verdict, note="only <b>here</b> | so"))
    (entry,) = stored_entries(folder)
    assert (entry.id, entry.notebook, entry.cell) == ("A1", NOTEBOOKS[1], "cell")
    assert entry.verdict == verdict
    text = "\n".join(cell.source for cell in ledger_notebook(folder).cells)
    row = next(line for line in text.splitlines() if line.startswith("| **A1**"))
    mark, _ = VERDICTS[verdict]
    assert f"{mark} {verdict} | It came out as 0.5. · error **0.5** · *only " in row
    assert r"\<b\>here\</b\> \| so" in row
    assert "luck: A lucky seed. · r **3**" in row
    assert row.count(" | ") == 5
    assert f"- {mark} **{verdict}**: 1" in text
    assert "| **A2** " in text
    assert "not measured yet" in text


@pytest.mark.parametrize("changes", [{"id": "A99"}, {"verdict": "cited"}])
def test_an_unknown_claim_or_verdict_is_refused_and_nothing_is_written(tmp_path, changes):
    folder = folder_with(tmp_path, content_with(**changes))
    with pytest.raises(ValueError, match=r"01_cnn_vs_vit, cell cell: .*(A99|cited)"):
        write_ledger(folder)
    assert not (folder / PAGE).exists()


def test_a_claim_of_a_family_without_a_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(CLAIMS, "Z1", dataclasses.replace(CLAIMS["A1"], id="Z1"))
    with pytest.raises(ValueError, match=r"takes Z1: give the family 'Z' a title in FAMILIES"):
        write_ledger(folder_with(tmp_path, content_with()))


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="notebooks of the course"):
        stored_entries(tmp_path)


def test_an_unchanged_page_keeps_its_file(tmp_path):
    folder = folder_with(tmp_path, content_with())
    path = write_ledger(folder)
    before = path.stat()
    assert write_ledger(folder).stat().st_mtime_ns == before.st_mtime_ns
