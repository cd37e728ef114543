"""Returned notebooks in the sandbox, and the round trip with nbgrader itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools.classroom.assignment import write_assignment
from tools.classroom.grade import grade_folder
from tools.classroom.sandbox import protection

IMPORT = "from vizkit.course.exercises import temperature as temperature_exercises\n"
CHECK = "\ntemperature_exercises.softmax_with_temperature.check(my_softmax)"
SOFTMAX, SHARES, UPDATE = "c07-046", "c07-050", "c07-054"

needs_sandbox = pytest.mark.skipif(
    protection() == "none", reason="neither bubblewrap nor unshare works on this machine"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    write_assignment(["07_temperature", "00_start_here"], folder, "week1")
    return folder


def give_back(course: Path, folder: Path, notebook: str, student: str, answers: dict) -> None:
    """Write a student's copy of the release, with other sources in some cells."""
    book = nbformat.read(course / "release" / "week1" / f"{notebook}.ipynb", as_version=4)
    for cell in book.cells:
        cell.source = answers.get(cell.id, cell.source)
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, folder / f"{student}.ipynb")


@needs_sandbox
@pytest.mark.slow
def test_answers_are_graded_and_mistakes_named(course: Path, tmp_path: Path):
    returned = tmp_path / "returned"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port, secret = server.getsockname()[1], tmp_path / "written"
        right = f"{IMPORT}def my_softmax(c, t):\n    return (c / t).softmax(1){CHECK}"
        diagonal = (
            "def my_shares(cosines, temperature):\n    return (cosines / temperature).softmax(1)"
        )
        give_back(course, returned, "07_temperature", "ann", {SOFTMAX: right, SHARES: diagonal})
        cheat = "from vizkit.course.exercises import Exercise, Result\n"
        cheat += "Exercise.grade = lambda *given: Result('right', '')\n"
        ends = f"{IMPORT}import os\nos._exit(0){CHECK}"
        update = "my_update = lambda t, g, r: 1 / min(np.exp(np.log(1 / t) - r * g), 100)"
        give_back(
            course,
            returned,
            "07_temperature",
            "bad",
            {SOFTMAX: ends, SHARES: f"{cheat}my_shares = 3", UPDATE: update},
        )
        reach = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 3)"
        write = f"open({str(secret)!r}, 'w').write('here')"
        give_back(
            course,
            returned,
            "07_temperature",
            "curious",
            {SOFTMAX: reach, SHARES: write, UPDATE: "while True: pass"},
        )
        (returned / "broken.ipynb").write_text("{")
        grades = grade_folder(returned, tmp_path / "grades.json", protection(), seconds=25)
    found = {(grade.student, grade.exercise[:3]): grade for grade in grades}
    assert found["ann", "Sof"].result == "right"
    assert found["ann", "Sof"].points == found["ann", "Sof"].of == 1
    assert (found["ann", "Who"].result, found["ann", "Who"].points) == ("mistake", 0)
    assert found["ann", "Who"].mistake == "positive included"
    assert found["ann", "One"].result == "not yet attempted"
    assert found["bad", "Sof"].result == "no result"
    assert found["bad", "Who"].result == "wrong"  # whatever a student puts in the check's place
    assert found["bad", "One"].result == "right"  # its kernel's death took nothing else along
    assert found["curious", "Sof"].result == "wrong"
    assert "Error" in found["curious", "Sof"].message
    if protection() == "bubblewrap":
        assert (
            "Read-only" in found["curious", "Who"].message
            or "No such" in found["curious", "Who"].message
        )
        assert not secret.exists()
    assert found["curious", "One"].result == "too slow"
    assert found["broken", ""].result == "unreadable"
    # A second run runs nothing: the stored grades are those of the same files.
    again = grade_folder(returned, tmp_path / "grades.json", "none", seconds=0)
    assert again == grades


@pytest.mark.slow
def test_nbgrader_generates_autogrades_and_gives_feedback(course: Path):
    def nbgrader(*words: str) -> None:
        command = [sys.executable, "-m", "nbgrader", *words]
        # nbgrader calls `alembic`, which lies beside Python: an activated environment has it.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = os.environ | {"PATH": path}
        done = subprocess.run(command, cwd=course, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    ours = course / "release" / "week1"
    mine = {path.name: nbformat.read(path, as_version=4) for path in ours.glob("*.ipynb")}
    (course / "source" / "week1" / "07_temperature.ipynb").unlink()  # 00 is enough, and quicker
    ours.rename(course / "mine")
    nbgrader("generate_assignment", "week1", "--create")
    theirs = nbformat.read(ours / "00_start_here.ipynb", as_version=4)
    for one, other in zip(mine["00_start_here.ipynb"].cells, theirs.cells, strict=True):
        code = one.cell_type == "code" and "nbgrader" in one.metadata
        assert [one.id, *one.source.split()][: 6 if code else None] == [
            other.id,
            *other.source.split(),
        ][: 6 if code else None]
    (cosine,) = (c.id for c in theirs.cells if "def cosine_similarity" in c.source)
    (number,) = (c.id for c in theirs.cells if "negative_pairs = ..." in c.source)
    solved = "def cosine_similarity(images, texts):\n    images = images / images.norm(dim=1, keepdim=True)\n    texts = texts / texts.norm(dim=1, keepdim=True)\n    return images @ texts.T"
    forgotten = "def cosine_similarity(images, texts):\n    return images @ texts.T"
    for student, answers in {
        "ann": {cosine: solved, number: "negative_pairs = 24 * 24 - 24"},
        "ben": {cosine: forgotten},
    }.items():
        folder = course / "submitted" / student / "week1"
        give_back(course, folder, "00_start_here", "00_start_here", answers)
    nbgrader("autograde", "week1", "--create")
    nbgrader("generate_feedback", "week1")
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        scores = {
            s.student.id: (s.score, s.max_score) for s in book.assignment_submissions("week1")
        }
    assert scores == {"ann": (3.0, 3.0), "ben": (0.0, 3.0)}
    feedback = (course / "feedback" / "ben" / "week1" / "00_start_here.html").read_text()
    assert "Cosine similarity: missing normalisation." in feedback
