"""Copies of notebooks for a class: for nbgrader, for Otter, and for students.

`write_assignment` makes a folder in nbgrader's layout:

    source/NAME/NOTEBOOK.ipynb    with solutions and hidden tests; stays with the lecturer
    release/NAME/NOTEBOOK.ipynb   for students: what `nbgrader generate_assignment` would make
    otter/NAME/NOTEBOOK.ipynb     the same as a source for `otter assign`
    nbgrader_config.py            under which nbgrader leaves the course's stubs as they are

The hidden tests call the course's own checks, so that feedback names the mistake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_raw_cell

from tools.classroom.tasks import Task, read_notebook, stub_with, tasks_of
from vizkit.files import write_whole

CONFIG = '''"""Settings of nbgrader for assignments of this course."""

c = get_config()  # noqa: F821 - nbgrader defines it
c.CourseDirectory.course_id = "vision-encoders"
# The stubs raise NotImplementedError themselves, below this line.
c.ClearSolutions.code_stub = {"python": "# your code here"}
c.ExecutePreprocessor.timeout = 600
'''
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
SCHEMA = 3


def write_assignment(notebooks: Sequence[str], folder: Path, name: str) -> list[Task]:
    """Write the copies of `notebooks` as the assignment `name`; the exercises in it.

    Raises:
        FileNotFoundError: no notebook of that name.
        FileExistsError: `folder` already has an assignment of that name.
        ValueError: a name that nbgrader refuses, or nothing to hand out.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"an assignment's name has letters, digits, _ and - only, not {name!r}")
    books = [read_notebook(notebook) for notebook in notebooks]
    tasks = [task for book in books for task in tasks_of(book)]
    if not tasks:
        raise ValueError("none of these notebooks has an exercise")
    places = [folder / kind / name for kind in ("source", "release", "otter")]
    if taken := [place for place in places if place.exists()]:
        raise FileExistsError(f"{taken[0]} exists: give another name, or remove it first")
    for place in places:
        place.mkdir(parents=True)
    for book in books:
        file = f"{book.metadata['vizkit']['notebook']}.ipynb"
        for place, convert in zip(places, (source_of, release_of, otter_of), strict=True):
            text = nbformat.writes(convert(book), indent=1, ensure_ascii=False)
            write_whole(place / file, f"{text.rstrip()}\n".encode())
    write_whole(folder / "nbgrader_config.py", CONFIG.encode())
    return tasks


def source_of(book: NotebookNode) -> NotebookNode:
    """The lecturer's version: solutions between nbgrader's marks, and hidden tests."""
    return converted(book, graded)


def release_of(book: NotebookNode) -> NotebookNode:
    """The students' version: stubs, and tests that do not say what they test."""

    def stub_only(book: NotebookNode, task: Task) -> list[NotebookNode]:
        answer, test = graded(book, task)
        answer.source = book.cells[task.cell].source
        test.source = test.source.split(HIDDEN[0])[0].rstrip()
        return [answer, test]

    return converted(book, stub_only)


def otter_of(book: NotebookNode) -> NotebookNode:
    """The source for `otter assign`, with its marks in raw cells."""
    copy = converted(book, otter_question)
    title = f"# ASSIGNMENT CONFIG\nname: {book.metadata['vizkit']['notebook']}\n"
    options = "init_cell: true\nexport_cell: false\ncheck_all_cell: false\nsolutions_pdf: false"
    copy.cells.insert(0, new_raw_cell(title + options, id="otter-settings"))
    return copy


def converted(book: NotebookNode, question) -> NotebookNode:
    """A copy without outputs and solutions, in which `question(book, task)` are an exercise's cells."""
    tasks = {task.cell: task for task in tasks_of(book)}
    gone = {task.solution_cell for task in tasks.values()}
    # "A solution:" and the like lead to nothing any more.
    gone |= {index - 1 for index in gone if "solution" in book.cells[index - 1].source.lower()}
    cells: list[NotebookNode] = []
    for index, cell in enumerate(book.cells):
        if index in tasks:
            cells += question(book, tasks[index])
        elif index not in gone:
            cells.append(bare(cell))
    copy = deepcopy(book)
    copy.cells = cells
    copy.metadata.pop("widgets", None)
    return copy


def bare(cell: NotebookNode) -> NotebookNode:
    """A cell as nobody has run it, without the marks that only the course's own tests read."""
    cell = deepcopy(cell)
    cell.metadata.pop("vizkit", None)
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    return cell


def graded(book: NotebookNode, task: Task) -> list[NotebookNode]:
    """The cell of an answer with its solution, and the cell that tests it."""
    answer = bare(book.cells[task.cell])
    solution = book.cells[task.solution_cell].source
    answer.source = stub_with(
        task, answer.source, solution, "### BEGIN SOLUTION", "### END SOLUTION", comment=False
    )
    answer.metadata["nbgrader"] = marks(task.grade_id, solution=True)
    said = f"# {task.exercise.name}: {task.points} point{'s' * (task.points > 1)}"
    hidden = test_of(task)
    test = new_code_cell("\n".join([said, HIDDEN[0], hidden, HIDDEN[1]]))
    test.id = f"{book.cells[task.cell].id}-test"
    test.metadata["nbgrader"] = marks(f"{task.grade_id}-test", points=task.points)
    return [answer, test]


def marks(grade_id: str, *, solution: bool = False, points: int | None = None) -> dict:
    """A cell's metadata in nbgrader's schema 3: an answer, or a test with its points."""
    found = {
        "schema_version": SCHEMA,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    return found if points is None else found | {"points": points}


def test_of(task: Task) -> str:
    """The lines that raise an AssertionError, with the named mistake, unless the answer is right."""
    return (
        f"from {task.module} import {task.name} as graded_exercise\n"
        f"graded_exercise.require({task.answer})"
    )


def otter_question(book: NotebookNode, task: Task) -> list[NotebookNode]:
    """An exercise between the raw cells by which `otter assign` knows it."""
    answer = bare(book.cells[task.cell])
    solution = book.cells[task.solution_cell].source
    answer.source = stub_with(
        task, answer.source, solution, "# BEGIN SOLUTION NO PROMPT", "# END SOLUTION", comment=True
    )
    settings = '""" # BEGIN TEST CONFIG\nhidden: true\n""" # END TEST CONFIG\n'
    cells = [
        new_raw_cell(f"# BEGIN QUESTION\nname: {task.name}\npoints: {task.points}"),
        new_raw_cell("# BEGIN SOLUTION"),
        answer,
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# BEGIN TESTS"),
        new_code_cell(settings + test_of(task)),
        new_raw_cell("# END TESTS"),
        new_raw_cell("# END QUESTION"),
    ]
    for number, cell in enumerate(cells):
        if cell is not answer:
            cell.id = f"{answer.id}-otter-{number}"  # the same file in every run
    return cells
