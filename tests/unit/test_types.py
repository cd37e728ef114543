"""The package passes a strict type check, but for the modules that pyproject.toml names as not yet typed."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OVERRIDES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"][
    "overrides"
]
# Whole rooms that are typed, and stay so.
TYPED = (
    "vizkit.data",
    "vizkit.inputs",
    "vizkit.losses",
    "vizkit.models",
    "vizkit.training",
    "vizkit.widgets",
    "vizkit.zoo",
)


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_the_package_is_typed_strictly():
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


def not_yet_typed() -> list[str]:
    return [name for one in OVERRIDES if one.get("ignore_errors") for name in one["module"]]


def test_what_is_not_yet_typed_exists_and_lies_outside_of_the_typed_rooms():
    for name in not_yet_typed():
        assert name.startswith("vizkit.")
        assert (ROOT / f"{name.replace('.', '/')}.py").is_file(), f"{name} is gone: take it out"
        assert not name.startswith(TYPED), name


def test_a_wrong_type_is_noticed(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def double(x: int) -> str:\n    return 2 * x\n", encoding="utf-8")
    done = mypy(str(wrong))
    assert done.returncode == 1
    assert "Incompatible return value type" in done.stdout
