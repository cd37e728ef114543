"""A checkout, a home or a cache that cannot be written to: it works and says so, or stops and says so.

Every program runs in a copy of the checkout of its own, whose rights are taken away.
"""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.faults.places import files_in, read_only, run_without_privileges
from vizkit.course.exercises import progress, show_progress
from vizkit.course.storage import update_json
from vizkit.data import cache_folder, scenes

ROOT = Path(__file__).parents[2]
# The first cells of a learner: a picture, a claim, an exercise, the progress, drawn scenes.
LESSON = """
import json, warnings
from pathlib import Path
import numpy as np
from vizkit.course import cite
from vizkit.course.exercises import show_progress
from vizkit.course.exercises import progress
from vizkit.data import scenes
from vizkit.widgets import SimilarityMatrix

matrix = SimilarityMatrix(np.eye(4), np.eye(4))
assert "image/png" in matrix._repr_mimebundle_()[0]
cite("D7", "a paper", holds=False)
progress.record("first", solved=True)
progress.record("second", solved=True)
show_progress()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert len(scenes(4, image_size=16)) == 4
print("warned:", *(str(one.message) for one in caught))
try:
    matrix.save_html("page.html")
except OSError as error:
    print("page:", error)
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of what matters of the checkout: the package, the tools, one quick notebook."""
    folder = tmp_path / "checkout"
    weights = shutil.ignore_patterns("weights")
    shutil.copytree(ROOT / "vizkit", folder / "vizkit", ignore=weights)
    shutil.copytree(ROOT / "tools", folder / "tools")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / "notebooks").mkdir()
    cell = nbformat.v4.new_code_cell("raise RuntimeError('this must not have been run')")
    book = nbformat.v4.new_notebook(cells=[cell])
    nbformat.write(book, folder / "notebooks" / "01_cnn_vs_vit.ipynb")
    return folder


def run(checkout: Path, home: Path, *command: str, **variables: str):
    """Run Python in the copied checkout, as the user whose home folder is `home`."""
    own = {"HOME": str(home), "PYTHONPATH": str(checkout), "IPYTHONDIR": str(home / "ipython")}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("XDG_", "VIZKIT_", "HF_")):
                patch.delenv(name)
        return run_without_privileges(command, cwd=checkout, **own, **variables)


@pytest.mark.parametrize("home_is_writable", [True, False], ids=["home", "no home"])
def test_a_lesson_in_a_read_only_checkout(checkout, tmp_path, home_is_writable):
    home = tmp_path / "home"
    home.mkdir()
    (checkout / "notebooks" / "lesson.py").write_text(LESSON)
    before = files_in(checkout)
    with read_only(checkout, *([] if home_is_writable else [home])):
        done = run(checkout, home, "notebooks/lesson.py")
    said = done.stdout
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert files_in(checkout) == before
    assert said.count("Permission denied") == (1 if home_is_writable else 3)
    assert "D7 does not hold, by its source" in said
    assert "Exercises solved: " in said
    assert "page: [Errno 13] Permission denied: 'page.html'" in said
    if home_is_writable:
        kept = {Path(name).name: data for name, data in files_in(home).items()}
        assert set(json.loads(kept["progress.json"])) == {"first", "second"}
        assert "Your progress could not be saved" not in said
        assert [name for name in kept if name.startswith("scenes-")]
        assert "warned:\n" in said
    else:
        assert files_in(home) == {}
        assert said.count("Your progress could not be saved") == 1
        assert str(home / ".local") in said
        assert f"cannot keep drawn scenes in {home / '.cache' / 'vizkit'}" in said


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["-m", "tools.site", "--out", "site"], "site"),
        (["-m", "tools.course.outputs"], "notebooks"),
        (["tools/setup_environment.py", "lab"], ".venv"),
    ],
    ids=["site", "outputs", "lab"],
)
def test_a_tool_in_a_read_only_checkout_stops_at_once_and_names_the_folder(
    checkout, tmp_path, command, named
):
    before = files_in(checkout)
    with read_only(checkout):
        done = run(checkout, tmp_path, *command, VIZKIT_DISK_GB="0")
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "must not have been run" not in done.stderr + done.stdout
    assert files_in(checkout) == before


def test_a_file_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path):
    """Its folder can be written to, so that a new file could replace it, and all it holds."""
    file = tmp_path / "progress.json"
    update_json(file, lambda content: content.update(solved="much"))
    file.chmod(0)
    program = (
        "from vizkit.course.exercises import show_progress\n"
        "from vizkit.course.exercises.progress import record\n"
        "record('new', solved=True)\nshow_progress()"
    )
    variables = {"PYTHONPATH": str(ROOT), "VIZKIT_PROGRESS_FILE": str(file)}
    done = run_without_privileges(["-c", program], cwd=tmp_path, **variables)
    file.chmod(0o644)
    assert done.returncode == 0, done.stderr
    assert "Your progress could not be saved" in done.stdout
    assert json.loads(file.read_text()) == {"solved": "much"}


def test_a_user_without_a_home_folder_can_work(monkeypatch, capsys):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    for name in ("VIZKIT_PROGRESS_FILE", "VIZKIT_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(progress, "warned", False)
    progress.record("first", solved=True)
    show_progress()
    said = capsys.readouterr().out
    assert said.count("no home folder") == 1
    assert "VIZKIT_PROGRESS_FILE" in said
    assert "Exercises solved: 0" in said
    with pytest.warns(UserWarning, match=r"no home folder.*VIZKIT_CACHE"):
        assert len(scenes(4, image_size=16)) == 4
    with pytest.raises(FileNotFoundError, match="no home folder"):
        cache_folder()
