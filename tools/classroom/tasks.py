"""The exercises of a notebook, as an assignment needs them: stub, answer, solution and check."""

from __future__ import annotations

import ast
import importlib
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from vizkit.course.exercises import Exercise

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@dataclass(frozen=True)
class Task:
    """One exercise in its notebook.

    Attributes:
        notebook: name without suffix, such as "07_temperature".
        cell: the index of the cell with the stub.
        solution_cell: the index of the cell with the solution.
        name: the exercise's name in its module, such as "softmax_with_temperature".
        answer: what the check receives, as source, such as "my_softmax".
        exercise: the exercise itself.
    """

    notebook: str
    cell: int
    solution_cell: int
    name: str
    answer: str
    exercise: Exercise

    @property
    def grade_id(self) -> str:
        """Unique in the whole course: letters, digits, underscores and hyphens."""
        return f"{self.notebook}-{self.name}"

    @property
    def module(self) -> str:
        return f"vizkit.course.exercises.{self.notebook[3:]}"

    @property
    def points(self) -> int:
        """As many as the exercise is difficult."""
        return self.exercise.difficulty


def read_notebook(name: str | Path) -> NotebookNode:
    """A notebook of the course, by its name, its number or its path.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    found = sorted(NOTEBOOKS.glob(f"{Path(name).stem}*.ipynb"))
    if len(found) != 1:
        known = ", ".join(path.stem for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")))
        raise FileNotFoundError(f"no notebook {str(name)!r}: there are {known}.")
    book = nbformat.read(found[0], as_version=4)
    book.metadata["vizkit"] = {"notebook": found[0].stem}
    return book


def tasks_of(book: NotebookNode) -> list[Task]:
    """The exercises of a notebook that `read_notebook` read, in order."""
    notebook = book.metadata["vizkit"]["notebook"]
    module = importlib.import_module(f"vizkit.course.exercises.{notebook[3:]}")
    places = {"exercise": {}, "solution": {}}
    for index, cell in enumerate(book.cells):
        for tag in set(cell.metadata.get("tags", [])) & set(places):
            name, answer = checked(cell.source)
            places[tag][name] = (index, answer)
    return [
        Task(notebook, index, places["solution"][name][0], name, answer, getattr(module, name))
        for name, (index, answer) in places["exercise"].items()
    ]


def checked(source: str) -> tuple[str, str]:
    """The name of the exercise and the answer in the last statement, `….name.check(answer)`."""
    call = ast.parse(source).body[-1].value
    return call.func.value.attr, ast.unparse(call.args[0])


def stub_with(task: Task, stub: str, solution: str, begin: str, end: str, *, comment: bool) -> str:
    """The source of the stub's cell with the solution between two marks of a grading tool.

    When the tool takes out what lies between the marks, the stub is left as it was. `comment` says
    whether "# your code here" stays, or the tool writes it itself.
    """
    lines = stub.splitlines()
    body = ast.parse(stub).body
    place = next(node for node in body if binds(node, task.answer))
    if isinstance(place, ast.FunctionDef):
        last = place.body[0].lineno - 1
        first = last
        while lines[first - 1].lstrip().startswith("#"):  # "# your code here"
            first -= 1
        rest = lines[first:] if comment else lines[last:]
        inserted = textwrap.indent(body_for(place, solution), "    ").splitlines()
        marked = [f"    {begin}", *inserted, f"    {end}"]
    else:
        first = place.end_lineno
        rest = lines[first:]
        marked = [begin, *value_for(task, solution).splitlines(), end]
    return "\n".join([*lines[:first], *marked, *rest])


def binds(node: ast.stmt, name: str) -> bool:
    """Whether a statement gives `name` its value."""
    if isinstance(node, ast.FunctionDef):
        return node.name == name
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def body_for(stub: ast.FunctionDef, solution: str) -> str:
    """The statements with which the solution's function fills the stub's."""
    functions = [n for n in ast.parse(solution).body if isinstance(n, ast.FunctionDef)]
    _, answer = checked(solution)
    function = next((node for node in functions if node.name == answer), None)
    names = [argument.arg for argument in stub.args.args]
    if function is not None and [argument.arg for argument in function.args.args] == names:
        lines = solution.splitlines()[function.body[0].lineno - 1 : function.end_lineno]
        return textwrap.dedent("\n".join(lines))
    before = without_check(solution)
    return f"{before}\nreturn {answer}({', '.join(names)})".strip()


def value_for(task: Task, solution: str) -> str:
    """The statements with which the solution gives the stub's variable its value."""
    _, answer = checked(solution)
    return f"{without_check(solution)}\n{task.answer} = {answer}".strip()


def without_check(source: str) -> str:
    """A solution's source without its first comment and its last statement, the check."""
    last = ast.parse(source).body[-1].lineno - 1
    lines = source.splitlines()[:last]
    return "\n".join(line for line in lines if not line.startswith("# Solution")).strip()
