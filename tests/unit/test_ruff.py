"""`make lint` has nothing to say: rules and layout of every tracked Python file and notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("task", [["check"], ["format", "--check"]], ids=["rules", "layout"])
def test_ruff_has_nothing_to_say(task):
    command = [sys.executable, "-m", "ruff", *task, "--no-cache", "."]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
