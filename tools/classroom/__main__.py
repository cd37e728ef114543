"""The commands behind `make assignment` and `make grade`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.classroom.assignment import write_assignment
from tools.classroom.grade import grade_folder
from tools.classroom.report import write_report
from tools.classroom.sandbox import protection


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.classroom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("assignment", help="copies of notebooks for a class")
    one.add_argument("notebooks", nargs="+", help="names or numbers, such as 07_temperature or 07")
    one.add_argument("--name", default="vision-encoders", help="the assignment's name")
    one.add_argument("--folder", type=Path, default=Path("assignments"))
    two = commands.add_parser("grade", help="a folder of returned notebooks")
    two.add_argument("folder", type=Path)
    two.add_argument("--report", type=Path, help="where grades.csv and grades.html go")
    two.add_argument("--seconds", type=float, default=300, help="the longest that a cell may run")
    two.add_argument("--unprotected", action="store_true", help="run without a sandbox")
    arguments = parser.parse_args()
    try:
        assignment(arguments) if arguments.command == "assignment" else grade(arguments)
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"vizkit: {error}")


def assignment(arguments: argparse.Namespace) -> None:
    tasks = write_assignment(arguments.notebooks, arguments.folder, arguments.name)
    points = sum(task.points for task in tasks)
    print(f"{len(tasks)} exercises, {points} points:")
    for task in tasks:
        print(f"  {task.grade_id}: {task.exercise.name}, {in_words(task.points)}")
    release = arguments.folder / "release" / arguments.name
    print(f"For students: {release}. With solutions, for nbgrader and Otter: beside it.")


def in_words(points: int) -> str:
    return f"{points} point{'s' * (points != 1)}"


def grade(arguments: argparse.Namespace) -> None:
    how = protection()
    if how == "none" and not arguments.unprotected:
        sys.exit(
            "vizkit: neither bubblewrap (`bwrap`) nor `unshare` works here, so the notebooks would "
            "run as programs of yours. Install bubblewrap, or say --unprotected."
        )
    report = arguments.report or arguments.folder.with_name(f"{arguments.folder.name}-grades")
    report.mkdir(parents=True, exist_ok=True)
    grades = grade_folder(arguments.folder, report / "grades.json", how, arguments.seconds)
    write_report(grades, report, how)
    right = sum(row.result == "right" for row in grades)
    print(f"{right} of {len(grades)} answers are right. {report / 'grades.html'}")


if __name__ == "__main__":
    main()
