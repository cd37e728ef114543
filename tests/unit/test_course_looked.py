"""Texts that speak of outputs: a changed output asks for a new look."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.course.looked import main, mark_looked, speaking_cells, unlooked


def code(id: str, text: str = "", tags=(), **data: str):
    outputs = [new_output("display_data", {"text/plain": text, **data})] if text else []
    return new_code_cell("x", id=id, outputs=outputs, metadata={"tags": list(tags)})


def a_notebook():
    return new_notebook(
        cells=[
            new_markdown_cell("# Title", id="title"),
            code("first", "accuracy ⟨0.91⟩"),
            code("second", "a picture", **{"image/png": "abc"}),
            new_markdown_cell("It is high, and the picture is dark.", id="both"),
            code("silent"),
            new_markdown_cell("Nothing was shown.", id="nothing"),
            code("stub", "not yet attempted", tags=["exercise"]),
            new_markdown_cell("The solution is folded.", id="folded"),
            code("third", "one more"),
            new_markdown_cell("## Take-aways", id="end"),
        ]
    )


def test_a_text_speaks_of_the_outputs_since_the_text_before():
    found = {cell.id: [c.id for c in codes] for cell, codes in speaking_cells(a_notebook())}
    assert found == {"both": ["first", "second"]}


def test_looking_once_is_enough_while_nothing_changes():
    notebook = a_notebook()
    assert unlooked(notebook) == ["both"]
    assert mark_looked(notebook) == ["both"]
    assert unlooked(notebook) == []
    assert mark_looked(notebook) == []
    notebook.cells[1].outputs[0].data["text/plain"] = "accuracy ⟨0.93⟩"
    assert unlooked(notebook) == []  # it breathes


@pytest.mark.parametrize(
    ("cell", "mime", "value"),
    [(1, "text/plain", "error ⟨0.91⟩"), (2, "image/png", "xyz"), (2, "image/svg+xml", "<svg/>")],
)
def test_another_text_or_picture_asks_for_a_new_look(cell, mime, value):
    notebook = a_notebook()
    mark_looked(notebook)
    notebook.cells[cell].outputs[0].data[mime] = value
    assert unlooked(notebook) == ["both"]


def test_a_text_that_has_moved_away_loses_its_mark():
    notebook = a_notebook()
    mark_looked(notebook)
    notebook.cells.insert(1, notebook.cells.pop(3))
    assert mark_looked(notebook) == ["nothing", "both"]  # the other one speaks of them now
    assert "vizkit" not in notebook.cells[1].metadata


def test_only_the_named_cells_are_marked(tmp_path, capsys):
    path = tmp_path / "01_a.ipynb"
    nbformat.write(a_notebook(), path)
    with pytest.raises(SystemExit):
        main([str(path), "title"])
    assert "['title']" in capsys.readouterr().err
    assert main([str(path), "both"]) == 0
    assert "1 cells" in capsys.readouterr().out
    assert unlooked(nbformat.read(path, as_version=4)) == []
