"""The whole package passes a strict type check: no module is left out, no error ignored in silence."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
IGNORED = re.compile(r"#\s*type:\s*ignore(?P<why>.*)|#\s*mypy:")
CODE_AND_REASON = re.compile(r"\[[a-z-]+(, ?[a-z-]+)*\]  # \w.*")


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_the_package_is_typed_strictly():
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


def test_no_module_is_left_out():
    assert SETTINGS["strict"] is True
    assert SETTINGS["files"] == ["vizkit"]
    assert not {"exclude", "ignore_errors", "disable_error_code"} & SETTINGS.keys()
    for override in SETTINGS["overrides"]:
        own = [name for name in override["module"] if name.split(".")[0] in ("vizkit", "*")]
        assert not own, f"{own} would be checked by other rules than the rest"


def test_every_ignored_error_has_a_code_and_a_reason():
    for file in (ROOT / "vizkit").rglob("*.py"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if found := IGNORED.search(line):
                assert CODE_AND_REASON.fullmatch(found["why"] or ""), f"{file.name}: {line.strip()}"


def test_a_wrong_type_is_noticed(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def double(x: int) -> str:\n    return 2 * x\n", encoding="utf-8")
    done = mypy(str(wrong))
    assert done.returncode == 1
    assert "Incompatible return value type" in done.stdout
