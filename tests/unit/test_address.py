"""The repository's own address: set by one command, and named in no place that the command does not know."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tools import check_release
from tools.set_address import UNKNOWN, address, set_address

ROOT = Path(__file__).parents[2]
SET = {"README.md", "pyproject.toml", "CITATION.cff"}
SPEAK_OF_IT = {"tools/set_address.py", "tests/unit/test_address.py"}


@pytest.fixture
def copy(tmp_path):
    """The three files, before anybody has said where the repository is published."""
    for name in SET:
        shutil.copyfile(ROOT / name, tmp_path / name)
    if (known := address(tmp_path)) != UNKNOWN:
        for path in tmp_path.iterdir():
            lines = path.read_text().replace(known, UNKNOWN).splitlines(keepends=True)
            own = (
                rf'(Repository = |repository-code: )"https://github.com/{UNKNOWN}"|\[project.urls\]'
            )
            path.write_text("".join(line for line in lines if not re.match(own, line)))
    return tmp_path


def test_no_other_place_names_the_address():
    listed = subprocess.run(
        ["git", "grep", "-lIF", address(), "--", ".", ":!js/package-lock.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 128:
        pytest.skip("no git checkout")
    named = set(listed.stdout.split()) - SPEAK_OF_IT
    assert named == ({"README.md"} if address() == UNKNOWN else SET)


def test_one_command_sets_it_and_moves_it(copy):
    before = (copy / "README.md").read_text().count(UNKNOWN)
    assert before
    for name in ("somebody/vision-encoders", "else-body/course.2"):
        set_address(name, copy)
        assert address(copy) == name
        readme = (copy / "README.md").read_text()
        assert (readme.count(name), UNKNOWN in readme) == (before, False)
        link = f"https://github.com/{name}"
        project = tomllib.loads((copy / "pyproject.toml").read_text())["project"]
        assert project["urls"] == {"Repository": link}
        assert set(project["optional-dependencies"]) > {"course", "models"}
        assert yaml.safe_load((copy / "CITATION.cff").read_text())["repository-code"] == link


@pytest.mark.parametrize("wrong", ["", "name", "https://github.com/a/b", "a/b/c", "a b/c", UNKNOWN])
def test_what_is_no_address_changes_nothing(copy, wrong):
    before = {path: path.read_bytes() for path in copy.iterdir()}
    with pytest.raises(ValueError, match="expected owner/name"):
        set_address(wrong, copy)
    assert before == {path: path.read_bytes() for path in copy.iterdir()}


def test_nothing_is_published_without_it(copy):
    with pytest.raises(ValueError, match="nobody has said where"):
        check_release.check_address(copy)
    set_address("somebody/vision-encoders", copy)
    assert check_release.check_address(copy).endswith("somebody/vision-encoders")
