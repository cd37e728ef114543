"""Grade a folder of returned notebooks: which exercise is right, and which mistake was made.

Each notebook gets a kernel of its own in a sandbox (`sandbox.py`). Of its cells only those run
that an answer needs (`slices.py`); if a name is missing then, all cells above it run.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

import vizkit
from tools.classroom.sandbox import MOST_MEMORY, Kernel, Protection, sandboxed_kernel
from tools.classroom.slices import cells_needed, imports_of
from tools.classroom.tasks import Task, read_notebook, tasks_of
from vizkit.files import write_whole
from vizkit.progress import progress_bar

MIME = "application/vnd.vizkit.grade+json"
# Run before any cell of a stranger: the limits, and the check as it is now, whatever a later cell
# puts in its place.
FIRST = """
import resource as _resource
_resource.setrlimit(_resource.RLIMIT_AS, ({memory}, {memory}))
from vizkit.course.exercises import Exercise as _Exercise
{name} = _Exercise.grade
del _resource, _Exercise
"""
GRADE = """
import importlib as _importlib, dataclasses as _dataclasses
from IPython.display import display as _display
_display({{"{mime}": _dataclasses.asdict({name}(
    getattr(_importlib.import_module("{module}"), "{exercise}"), {answer}))}}, raw=True)
"""


@dataclass(frozen=True)
class Grade:
    """What became of one exercise in one returned notebook.

    `result` is "right", "mistake", "wrong", "not yet attempted", or "missing" (the cell is gone),
    "unreadable" (the notebook is), "too slow", "no result" (the kernel died). `mistake` is the
    named mistake; `message` says more.
    """

    student: str
    notebook: str
    exercise: str
    result: str
    mistake: str = ""
    message: str = ""
    points: int = 0
    of: int = 0


def returned_notebooks(folder: Path) -> list[Path]:
    """Every notebook below `folder`, checkpoints aside.

    Raises:
        FileNotFoundError: there is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder of returned notebooks")
    found = [p for p in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    if not found:
        raise FileNotFoundError(f"no notebook (*.ipynb) lies in {folder}")
    return found


def grade_folder(folder: Path, stored: Path, how: Protection, seconds: float = 300) -> list[Grade]:
    """Grade all notebooks in `folder`; `stored` is a file that keeps what is done already.

    A notebook that was graded before and has not changed is not run again, so an interrupted run
    goes on where it was.

    Raises:
        FileNotFoundError: nothing to grade.
    """
    paths = returned_notebooks(folder)
    done = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
    grades: list[Grade] = []
    with progress_bar(total=len(paths), desc="grading", unit="notebook") as bar:
        for path in paths:
            student = str(path.relative_to(folder).with_suffix(""))
            key = hashlib.sha256(f"{student}\0{vizkit.__version__}\0".encode() + path.read_bytes())
            key = key.hexdigest()
            if key not in done:
                found = grade_notebook(path, student, how, seconds)
                done[key] = [asdict(grade) for grade in found]
                write_whole(stored, json.dumps(done, indent=1, ensure_ascii=False).encode())
            grades += [Grade(**row) for row in done[key]]
            bar.update()
    return grades


def grade_notebook(path: Path, student: str, how: Protection, seconds: float) -> list[Grade]:
    """The grades of all exercises of the notebook that `path` is a copy of."""
    try:
        book = nbformat.read(path, as_version=4)
        original = read_notebook(notebook_of(book))
        tasks = tasks_of(original)
    except Exception as error:  # whatever a broken file does to its reader
        return [Grade(student, "", "", "unreadable", message=f"{type(error).__name__}: {error}")]
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in cells]
    imports = imports_of(cell.source for cell in original.cells if cell.cell_type == "code")
    places = {answer_of(cell): index for index, cell in enumerate(cells)}
    grades: list[Grade] = []
    while len(grades) < len(tasks):  # once, and once more for each kernel that did not come back
        grades += grade_until_killed(
            tasks[len(grades) :], imports, sources, places, student, how, seconds
        )
    return grades


def grade_until_killed(
    tasks: list[Task],
    imports: dict[str, str],
    sources: list[str],
    places: dict[str, int],
    student: str,
    how: Protection,
    seconds: float,
) -> list[Grade]:
    """Grade `tasks` in one kernel, up to the one whose code never ended or killed the kernel."""
    grades: list[Grade] = []
    with sandboxed_kernel(how) as kernel:
        name = f"grade_{secrets.token_hex(8)}"
        run(kernel, FIRST.format(memory=MOST_MEMORY, name=name), seconds)
        for line in imports.values():
            run(kernel, line, seconds)
        for task in tasks:
            found = {"kind": "missing"}
            if task.grade_id in places:
                place = places[task.grade_id]
                found = grade_task(kernel, task, sources, place, set(imports), name, seconds)
            grades.append(grade_from(student, task, found))
            if found["kind"] in ("too slow", "no result"):
                break
    return grades


def notebook_of(book: nbformat.NotebookNode) -> str:
    """Which notebook of the course a returned one is a copy of.

    Raises:
        ValueError: it has no cell of an assignment.
    """
    for cell in book.cells:
        if answer := answer_of(cell):
            return answer.split("-")[0]
    raise ValueError("no cell carries a grade_id: this is no assignment of the course")


def answer_of(cell: nbformat.NotebookNode) -> str:
    """The grade_id of an answer's cell, or ""."""
    marks = cell.metadata.get("nbgrader", {})
    return str(marks.get("grade_id", "")) if marks.get("solution") else ""


def grade_task(
    kernel: Kernel,
    task: Task,
    sources: list[str],
    place: int,
    given: set[str],
    name: str,
    seconds: float,
) -> dict:
    """What the check says of one answer, as a dictionary with kind, message, mistake and more."""
    check = GRADE.format(
        mime=MIME, name=name, module=task.module, exercise=task.name, answer=task.answer
    )
    last: dict = {}
    for needed in (cells_needed(sources, place, given), range(place)):
        for index in (*needed, place):
            last = run(kernel, sources[index], seconds)
            if last.get("kind"):  # too slow, or dead
                return last
        found = run(kernel, check, seconds)
        if found.get("kind") or "NameError" not in (last.get("error", "") + found.get("error", "")):
            break
    if found.get("kind"):
        return found
    return {"kind": "wrong", "message": last.get("error") or found.get("error", "")}


def run(kernel: Kernel, source: str, seconds: float) -> dict:
    """Execute a cell: {} or {"error": …}, the bundle of a grade, or {"kind": …} if it never ended."""
    found: dict = {}
    try:
        messages = kernel.run(source, seconds)
    except TimeoutError as error:
        return {"kind": "too slow", "message": str(error)}
    except ChildProcessError as error:
        return {"kind": "no result", "message": str(error)}
    for message in messages:
        content = message["content"]
        if message["msg_type"] == "error":
            found["error"] = f"{content['ename']}: {content['evalue']}"
        elif message["msg_type"] == "display_data" and MIME in content["data"]:
            found.update(content["data"][MIME])
    return found


def grade_from(student: str, task: Task, found: dict) -> Grade:
    """A row of the table."""
    right = found["kind"] == "right"
    return Grade(
        student=student,
        notebook=task.notebook,
        exercise=task.exercise.name,
        result=found["kind"],
        mistake=found.get("mistake", ""),
        message=found.get("message", ""),
        points=task.points if right else 0,
        of=task.points,
    )


def students(grades: list[Grade]) -> Iterator[tuple[str, int, int]]:
    """Each returned notebook with its points and the points that it could have."""
    for student in dict.fromkeys(grade.student for grade in grades):
        rows = [grade for grade in grades if grade.student == student]
        yield student, sum(row.points for row in rows), sum(row.of for row in rows)
