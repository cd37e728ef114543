"""Assignments: every exercise of the course in the formats of nbgrader and Otter, and back."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from tools.classroom import sandbox
from tools.classroom.assignment import otter_of, release_of, source_of, write_assignment
from tools.classroom.grade import Grade, returned_notebooks
from tools.classroom.report import as_csv, as_page
from tools.classroom.slices import cells_needed, imports_of, names_used
from tools.classroom.tasks import read_notebook, stub_with, tasks_of, without_check
from vizkit.course.exercises import all_exercises
from vizkit.course.registry import NOTEBOOKS

WITH_EXERCISES = [name for name in NOTEBOOKS if all_exercises().get(name)]


def test_all_exercises_are_tasks():
    ids = [task.grade_id for name in WITH_EXERCISES for task in tasks_of(read_notebook(name))]
    assert len(ids) == sum(map(len, all_exercises().values()))
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", one) for one in ids)


@pytest.mark.parametrize("name", WITH_EXERCISES)
def test_the_release_is_the_notebook_without_its_solutions(name: str):
    book = read_notebook(name)
    release = release_of(book)
    nbformat.validate(release)
    text = "\n".join(cell.source for cell in release.cells)
    for task in tasks_of(book):
        solution = without_check(book.cells[task.solution_cell].source)
        assert not solution or solution not in text
        assert book.cells[task.cell].source in text
    assert "record_progress=False" not in text
    assert "HIDDEN" not in text
    assert not any(cell.get("outputs") for cell in release.cells)
    prose = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    kept = [cell.source for cell in release.cells if cell.cell_type == "markdown"]
    assert len(prose) - len(kept) <= len(tasks_of(book))  # one line before each solution, no more


@pytest.mark.parametrize("name", WITH_EXERCISES)
def test_taking_out_what_is_marked_gives_the_stub_back(name: str):
    book = read_notebook(name)
    sources = {cell.id: cell.source for cell in source_of(book).cells}
    prompts = {cell.id: cell.source for cell in otter_of(book).cells}
    for task in tasks_of(book):
        cell = book.cells[task.cell]
        marked = sources[cell.id]
        ast.parse(marked)
        cleared = re.sub(
            r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION",
            r"\1# your code here",
            marked,
            flags=re.S | re.M,
        )
        assert without_comments(cleared) == without_comments(cell.source)
        otter = re.sub(
            r"^ *# BEGIN SOLUTION NO PROMPT\n.*?^ *# END SOLUTION\n?",
            "",
            prompts[cell.id],
            flags=re.S | re.M,
        )
        assert otter.rstrip() == cell.source.rstrip()


def without_comments(source: str) -> str:
    return ast.unparse(ast.parse(source))


def test_a_solution_whose_arguments_have_other_names_is_called():
    book = read_notebook("07_temperature")
    task = tasks_of(book)[0]
    solution = "def other(c, t):\n    return (c / t).softmax(dim=1)\n\n\nx.y.check(other)"
    stub = book.cells[task.cell].source
    filled = stub_with(task, stub, solution, "# BEGIN", "# END", comment=True)
    names: dict = {}
    exec(filled.rsplit("\n", 1)[0], names)
    task.exercise.require(names["my_softmax"])


def test_the_hidden_test_names_the_mistake():
    task = tasks_of(read_notebook("07_temperature"))[1]
    wrong = task.exercise.mistakes[0]
    with pytest.raises(AssertionError, match=re.escape(f"{task.exercise.name}: {wrong.name}. ")):
        task.exercise.require(
            lambda *given: wrong.wrong(
                *(one.numpy() if hasattr(one, "numpy") else one for one in given)
            )
        )
    with pytest.raises(AssertionError, match="not yet attempted"):
        task.exercise.require(...)


def test_what_is_there_is_not_written_over(tmp_path):
    write_assignment(["00"], tmp_path, "first")
    with pytest.raises(FileExistsError, match="first exists"):
        write_assignment(["00"], tmp_path, "first")
    with pytest.raises(ValueError, match="letters, digits"):
        write_assignment(["00"], tmp_path, "a/b")
    with pytest.raises(FileNotFoundError, match="no notebook '99'"):
        write_assignment(["99"], tmp_path, "other")
    assert not (tmp_path / "source" / "other").exists()
    again = tmp_path / "again"
    write_assignment(["00"], again, "first")
    for path in (tmp_path / "source").rglob("*.ipynb"):
        assert path.read_bytes() == (again / path.relative_to(tmp_path)).read_bytes()


# ------------------------------------------------------------ which cells an answer needs

CELLS = [
    "import numpy as np\nfrom torch import nn as layers",
    "temperature = slow()",
    "%matplotlib inline\nscale = np.ones(3)",
    "def helper(x):\n    return x * scale",
    "this is no Python",
    "answer = lambda temperature: helper(temperature)",
]


def test_only_the_cells_run_that_an_answer_needs():
    # `temperature` is an argument, so the slow cell that binds such a name is not needed.
    assert cells_needed(CELLS, 5) == [0, 2, 3]
    assert cells_needed(CELLS, 5, given={"np"}) == [2, 3]
    assert cells_needed(CELLS, 4) == []
    assert names_used("def f(a):\n    b = a\n    return b + c") == {"c"}


def test_the_nearest_cell_above_counts():
    assert cells_needed(["a = 1", "a = 2", "b = a", "a = 3"], 2) == [1]
    assert cells_needed(["a = 1", "a = a + 1", "b = a"], 2) == [0, 1]


def test_imports_are_found_with_their_names():
    assert imports_of(CELLS) == {
        "np": "import numpy as np",
        "layers": "from torch import nn as layers",
    }


# ------------------------------------------------------------ the report

GRADES = [
    Grade("<b>ann", "07_temperature", "Softmax", "mistake", "wrong axis", "=1+1 <script>", 0, 1),
    Grade("ben", "07_temperature", "Softmax", "right", points=1, of=1),
    Grade("cem", "07_temperature", "Softmax", "mistake", "wrong axis", "=1+1 <script>", 0, 1),
    Grade("dan", "", "", "unreadable", message="no JSON"),
]


def test_the_page_counts_mistakes_and_escapes_names():
    page = as_page(GRADES, "bubblewrap")
    assert "<b>ann" not in page
    assert "<script>" not in page
    assert '<tr><td>07_temperature</td><td>Softmax</td><td class="number">1</td>' in page
    assert '<tr><td class="number">2</td><td>Softmax</td><td>wrong axis</td>' in page
    assert "no JSON" in page


def test_a_spreadsheet_computes_nothing_of_a_student():
    assert "'=1+1" in as_csv(GRADES)
    assert as_csv(GRADES).splitlines()[2].startswith("ben,07_temperature,Softmax,right")


def test_a_folder_without_notebooks_is_refused(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a.ipynb").touch()
    with pytest.raises(FileNotFoundError, match="no notebook"):
        returned_notebooks(tmp_path)


# ------------------------------------------------------------ the sandbox


@pytest.mark.skipif(sandbox.protection() != "bubblewrap", reason="bubblewrap does not work here")
def test_python_is_seen_where_the_checkout_lies_below_tmp(monkeypatch):
    """Its kernels once died at their start there: the sandbox hides /tmp."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        for part in ("environment", "kernel", "others"):
            (Path(name) / part).mkdir()
            (Path(name) / part / "file").write_text(part)
        monkeypatch.setattr(sys, "prefix", f"{name}/environment")
        words = sandbox.bubblewrap(Path(name) / "kernel")

        def seen(part: str) -> str:
            return subprocess.run(
                [*words, "cat", f"{name}/{part}/file"], capture_output=True, text=True
            ).stdout

        assert [seen(part) for part in ("environment", "kernel", "others")] == [
            "environment",
            "kernel",
            "",
        ]
        write = [*words, "touch", f"{name}/environment/new"]
        assert subprocess.run(write, capture_output=True).returncode
