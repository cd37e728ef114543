"""The exercises of the course: all of them by notebook, and which are solved."""

import importlib
import pkgutil
from html import escape

from vizkit.course.exercises.exercise import Exercise
from vizkit.course.exercises.progress import is_solved, progress_path
from vizkit.course.registry import NOTEBOOKS
from vizkit.course.show import show
from vizkit.course.storage import read_json


def all_exercises() -> dict[str, list[Exercise]]:
    """Every exercise of the course, by notebook, in the order of the course."""
    package = importlib.import_module(__package__)
    found = {}
    for notebook in NOTEBOOKS:
        module_name = notebook[3:]
        if any(module.name == module_name for module in pkgutil.iter_modules(package.__path__)):
            module = importlib.import_module(f"{package.__name__}.{module_name}")
            found[notebook] = [x for x in vars(module).values() if isinstance(x, Exercise)]
    return found


def show_progress() -> None:
    """Show the exercises of the course and which of them are solved."""
    try:
        stored = read_json(progress_path())
    except FileNotFoundError:
        stored = {}
    lines, rows = [], []
    solved = total = 0
    for notebook, exercises in all_exercises().items():
        for exercise in exercises:
            entry = stored.get(exercise.name)
            done = is_solved(entry)
            solved, total = solved + done, total + 1
            mark, word = ("✓", "solved") if done else ("○", "open")
            level = f"difficulty {exercise.difficulty} of 5, {exercise.minutes} minutes"
            lines.append(f"  {mark} {notebook}: {exercise.name} ({level})")
            rows.append(
                "".join(
                    f'<td style="text-align:left">{escape(cell)}</td>'
                    for cell in (f"{mark} {word}", notebook, exercise.name, level)
                )
            )
    headline = f"Exercises solved: {solved} of {total}"
    show(
        "\n".join([headline, *lines]),
        f"<table><caption><strong>{headline}</strong></caption>"
        + "".join(f"<tr>{row}</tr>" for row in rows)
        + "</table>",
    )
