"""The tool that repeats the notebooks' tests: runs add up, changes count anew, failures are named."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STABLE = "def test_stable():\n    pass\n"
FLAKY = "import os\ndef test_two():\n    assert os.environ['OMP_NUM_THREADS'] == '1'\n"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool with a small checkout of its own."""
    path = ROOT / "tools" / "repeat_notebooks.py"
    spec = importlib.util.spec_from_file_location("repeat_notebooks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for folder in module.WATCHED:
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks" / "test_stable.py").write_text(STABLE, encoding="utf-8")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # one plain test needs none: quicker
    module.log = tmp_path / "log.jsonl"
    module.call = lambda *options: module.main(["--log", str(module.log), *options])
    return module


def test_runs_on_one_thread_and_two_add_up(tool, monkeypatch, capsys):
    done = {"seconds": 5, "tests": 1, "failed": []}
    monkeypatch.setattr(tool, "run_once", lambda threads: {"threads": threads, **done})
    assert tool.call("--runs", "1") == 0
    assert tool.call("--runs", "3") == 0
    runs = [json.loads(line) for line in tool.log.read_text().splitlines()]
    assert [run["threads"] for run in runs] == [1, 2, 1]
    text = capsys.readouterr().out
    assert "1 thread: 2 runs of 1 tests, 0 with a failure" in text
    assert "2 threads: 1 runs of 1 tests, 0 with a failure" in text
    assert tool.call("--report") == 0
    assert len(tool.log.read_text().splitlines()) == 3


def test_the_rarer_number_of_threads_is_next_unless_one_is_asked_for(tool, monkeypatch):
    done = {"seconds": 5, "tests": 1, "failed": []}
    monkeypatch.setattr(tool, "run_once", lambda threads: {"threads": threads, **done})
    tool.call("--runs", "3", "--threads", "1")
    tool.call("--runs", "7")
    runs = [json.loads(line) for line in tool.log.read_text().splitlines()]
    assert [run["threads"] for run in runs] == [1, 1, 1, 2, 2, 2, 1]


def test_failures_are_named_and_counted(tool, capsys):
    (tool.ROOT / "notebooks" / "test_stable.py").write_text(FLAKY, encoding="utf-8")
    assert tool.call("--runs", "2") == 1
    text = capsys.readouterr().out
    assert "1 thread: 1 runs of 1 tests, 0 with a failure" in text
    assert "2 threads: 1 runs of 1 tests, 1 with a failure" in text
    assert "1 x notebooks.test_stable::test_two" in text


def test_a_change_makes_the_count_start_anew(tool, monkeypatch, capsys):
    done = {"threads": 1, "seconds": 5, "tests": 1, "failed": []}
    monkeypatch.setattr(tool, "run_once", lambda threads: {**done, "threads": threads})
    tool.call("--runs", "2")
    (tool.ROOT / "notebooks" / "test_stable.py").write_text(STABLE + "\n", encoding="utf-8")
    capsys.readouterr()
    tool.call("--report")
    assert capsys.readouterr().out.strip() == "no run yet"
    tool.call("--runs", "2")
    assert len(tool.log.read_text().splitlines()) == 4


def test_a_change_of_the_site_counts_for_nothing(tool):
    before = tool.fingerprint()
    for folder, same in (("tools/site", True), ("vizkit/data", False)):
        (tool.ROOT / folder).mkdir(parents=True)
        (tool.ROOT / folder / "new.py").write_text("", encoding="utf-8")
        subprocess.run(["git", "add", "-A"], cwd=tool.ROOT, check=True)
        assert (tool.fingerprint() == before) is same, folder


def test_a_run_during_which_something_changed_is_not_counted(tool, monkeypatch):
    def change(threads):
        (tool.ROOT / "notebooks" / "test_stable.py").write_text(FLAKY, encoding="utf-8")
        return {"threads": threads, "seconds": 5, "tests": 1, "failed": []}

    monkeypatch.setattr(tool, "run_once", change)
    with pytest.raises(SystemExit, match="not counted"):
        tool.call()
    assert not tool.log.exists()


def test_a_run_that_is_interrupted_loses_none_before_it(tool, monkeypatch, capsys):
    def interrupted(threads):
        if threads == 2:
            raise KeyboardInterrupt
        return {"threads": threads, "seconds": 5, "tests": 1, "failed": []}

    monkeypatch.setattr(tool, "run_once", interrupted)
    assert tool.call() == 0
    assert len(tool.log.read_text().splitlines()) == 1


def test_no_tests_is_no_run(tool):
    (tool.ROOT / "notebooks" / "test_stable.py").unlink()
    subprocess.run(["git", "add", "-A"], cwd=tool.ROOT, check=True)
    with pytest.raises(SystemExit, match="pytest ended with 5"):
        tool.call()
    assert not tool.log.exists()


def test_bad_count(tool, capsys):
    with pytest.raises(SystemExit):
        tool.call("--runs", "0")
    assert "expected --runs to be positive, received 0" in capsys.readouterr().err
