"""One table and one page for the lecturer: what was right, and which mistake how many made."""

from __future__ import annotations

import csv
import io
from collections import Counter
from html import escape
from pathlib import Path

from tools.classroom.grade import Grade, students
from tools.classroom.sandbox import Protection
from vizkit.files import write_whole

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
caption { text-align: left; font-weight: 600 }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
meter { width: 8rem }
"""
PROTECTED = {
    "bubblewrap": "Each notebook ran without a network and could not write to the disk.",
    "network only": "Each notebook ran without a network, but as a program of yours: with bubblewrap "
    "(`bwrap`) installed it could not have read or written your files.",
    "none": "The notebooks ran unprotected, as you asked.",
}


def write_report(grades: list[Grade], folder: Path, how: Protection) -> None:
    """Write grades.csv and grades.html into `folder`, each whole or not at all."""
    write_whole(folder / "grades.csv", as_csv(grades).encode("utf-8-sig"))  # so that Excel reads it
    write_whole(folder / "grades.html", as_page(grades, how).encode())


def as_csv(grades: list[Grade]) -> str:
    """A row for each exercise of each notebook. What a spreadsheet would compute is quoted."""
    file = io.StringIO()
    names = list(Grade.__dataclass_fields__)
    writer = csv.writer(file)
    writer.writerow(names)
    for grade in grades:
        writer.writerow([unlike_a_formula(getattr(grade, name)) for name in names])
    return file.getvalue()


def unlike_a_formula(value: str | int) -> str | int:
    """A text that begins as a formula does, with an apostrophe before it."""
    return (
        f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value
    )


def as_page(grades: list[Grade], how: Protection) -> str:
    """A page that needs nothing else: exercises, mistakes, students."""
    count = len({grade.student for grade in grades})
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Grades</title>',
        '<meta name="viewport" content="width=device-width">',
        f"<style>{STYLE}</style><h1>Grades of {count} notebooks</h1><p>{escape(PROTECTED[how])}</p>",
        exercises_table(grades),
        mistakes_table(grades),
        students_table(grades),
        unread(grades),
    ]
    return "\n".join(part for part in parts if part) + "</html>\n"


def table(caption: str, header: list[str], rows: list[list[str | int]]) -> str:
    """A table with all its texts escaped; numbers stand to the right."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="number">{cell}</td>'
            if isinstance(cell, int)
            else f"<td>{escape(cell)}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def exercises_table(grades: list[Grade]) -> str:
    """For each exercise how many were right, wrong by a known mistake, wrong otherwise, missing."""
    rows: list[list[str | int]] = []
    for notebook, exercise in dict.fromkeys((g.notebook, g.exercise) for g in grades if g.exercise):
        results = Counter(
            g.result for g in grades if (g.notebook, g.exercise) == (notebook, exercise)
        )
        right, mistake, wrong = results["right"], results["mistake"], results["wrong"]
        rest = results.total() - right - mistake - wrong
        rows.append([notebook, exercise, right, mistake, wrong, rest])
    header = ["notebook", "exercise", "right", "a known mistake", "wrong", "no answer"]
    return table("Exercises", header, rows)


def mistakes_table(grades: list[Grade]) -> str:
    """Which named mistake how many made, the most frequent first: what to take up in class."""
    counts = Counter((g.exercise, g.mistake, g.message) for g in grades if g.mistake)
    if not counts:
        return "<p>Nobody made a mistake that has a name.</p>"
    rows = [[count, *words] for words, count in counts.most_common()]
    return table("Mistakes", ["notebooks", "exercise", "mistake", "first hint"], rows)


def students_table(grades: list[Grade]) -> str:
    rows = [[student, points, of] for student, points, of in students(grades)]
    return table("Notebooks", ["notebook", "points", "of"], rows)


def unread(grades: list[Grade]) -> str:
    """What needs a look by hand."""
    odd = ("unreadable", "too slow", "no result", "missing")
    rows = [[g.student, g.exercise, g.result, g.message] for g in grades if g.result in odd]
    if not rows:
        return ""
    return table("To be looked at", ["notebook", "exercise", "result", "why"], rows)
