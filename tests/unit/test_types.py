"""The public modules that pyproject.toml lists pass a strict type check."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_the_public_modules_are_typed_strictly():
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


def test_a_wrong_type_is_noticed(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def double(x: int) -> str:\n    return 2 * x\n", encoding="utf-8")
    done = mypy(str(wrong))
    assert done.returncode == 1
    assert "Incompatible return value type" in done.stdout
