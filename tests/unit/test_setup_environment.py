"""The set-up tool: when it installs, when it starts at once, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from vizkit.jupyter import NBCONVERT_CONFIG, SERVER_CONFIG

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool with a checkout in a temporary folder; pip and venv are recorded, not run."""
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "setup_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = tmp_path / ".venv"
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "ENVIRONMENT", environment)
    monkeypatch.setattr(module, "STAMP", environment / "vizkit-ready.json")
    monkeypatch.setattr(module, "UNFINISHED", environment / "vizkit-unfinished")
    (tmp_path / "pyproject.toml").write_text("one", encoding="utf-8")
    (tmp_path / "constraints.txt").write_text("a==1", encoding="utf-8")
    (tmp_path / "vizkit").mkdir()
    shutil.copy(ROOT / "vizkit" / "jupyter.py", tmp_path / "vizkit")
    module.events = []

    def create(folder, **options):
        module.events.append("venv")
        python = module.environment_python()
        python.parent.mkdir(parents=True)
        python.touch()

    class Done:
        returncode = 0

    def run(command, **options):
        kinds = {"pip": "pip", "vizkit.zoo.carriers": "weights"}
        module.events.append(next((kinds[word] for word in command if word in kinds), "check"))
        return Done

    monkeypatch.setattr(module.venv, "create", create)
    monkeypatch.setattr(module.subprocess, "run", run)
    monkeypatch.setenv("VIZKIT_DISK_GB", "0")
    monkeypatch.delenv("VIZKIT_NEWEST", raising=False)
    return module


def test_the_first_run_installs_and_the_second_does_nothing(tool):
    tool.ensure_environment()
    assert tool.events == ["venv", "pip", "weights"]
    tool.ensure_environment()
    assert tool.events == ["venv", "pip", "weights"]


def test_a_changed_pin_installs_again_into_the_same_environment(tool):
    tool.ensure_environment()
    (tool.ROOT / "constraints.txt").write_text("a==2", encoding="utf-8")
    tool.ensure_environment()
    assert tool.events == ["venv", "pip", "weights", "check", "pip", "weights"]


def test_an_extra_is_added_once_and_kept(tool):
    tool.ensure_environment()
    tool.ensure_environment("test")
    tool.ensure_environment()
    tool.ensure_environment("test")
    assert tool.events == ["venv", "pip", "weights", "check", "pip", "weights"]
    assert json.loads(tool.STAMP.read_text(encoding="utf-8"))["extras"] == ["real", "test", "words"]


def test_an_interrupted_install_is_made_anew(tool, monkeypatch):
    run = tool.subprocess.run

    def interrupted(command, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tool.ensure_environment()
    (tool.ENVIRONMENT / "half-unpacked").touch()
    monkeypatch.setattr(tool.subprocess, "run", run)
    tool.ensure_environment()
    assert tool.events == ["venv", "venv", "pip", "weights"]
    assert not (tool.ENVIRONMENT / "half-unpacked").exists()
    assert not tool.UNFINISHED.exists()


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tool, monkeypatch):
    monkeypatch.setenv("VIZKIT_DISK_GB", "999999")
    with pytest.raises(SystemExit, match="not enough disk: the install takes about 999999 GB"):
        tool.ensure_environment()
    assert not tool.ENVIRONMENT.exists()


def test_an_install_that_fails_says_so_and_is_not_taken_for_ready(tool, monkeypatch):
    class Failed:
        returncode = 1

    monkeypatch.setattr(tool.subprocess, "run", lambda command, **options: Failed)
    with pytest.raises(SystemExit, match="the install did not finish"):
        tool.ensure_environment()
    assert tool.installed_extras() is None


def test_without_the_weights_of_the_real_encoders_the_course_opens_with_one_line(
    tool, monkeypatch, capsys
):
    run = tool.subprocess.run

    class Failed:
        returncode = 1

    def offline(command, **options):
        done = run(command, **options)
        return Failed if "vizkit.zoo.carriers" in command else done

    monkeypatch.setattr(tool.subprocess, "run", offline)
    assert tool.ensure_environment() == tool.environment_python()
    lines = [line for line in capsys.readouterr().out.splitlines() if "works without" in line]
    assert len(lines) == 1
    assert lines[0].endswith(f"{tool.environment_python()} -m vizkit.zoo.carriers")
    assert tool.installed_extras() == {"real", "words"}  # not tried again with every start
    tool.ensure_environment()
    assert tool.events == ["venv", "pip", "weights"]


def test_the_lab_is_told_to_save_pictures_of_widgets(tool, capsys):
    tool.ensure_environment()
    tool.prepare_jupyter()
    server = tool.ENVIRONMENT / "etc/jupyter/jupyter_server_config.d/vizkit.json"
    assert json.loads(server.read_text()) == SERVER_CONFIG
    nbconvert = tool.ENVIRONMENT / "etc/jupyter/jupyter_nbconvert_config.json"
    assert json.loads(nbconvert.read_text()) == NBCONVERT_CONFIG
    before = server.stat().st_mtime_ns
    tool.prepare_jupyter()
    assert server.stat().st_mtime_ns == before


def test_the_lab_opens_on_the_first_notebook_wherever_its_address_is_opened(tool, monkeypatch):
    started = []
    monkeypatch.setattr(tool, "run_in_environment", started.extend)
    tool.lab(["--no-browser"])
    assert tool.events == ["venv", "pip", "weights"]
    assert started[1:3] == ["-m", "jupyterlab"]
    assert started[-1] == "--no-browser"
    options = dict(word.split("=", 1) for word in map(str, started) if "=" in word)
    first = options["--LabApp.default_url"].removeprefix("/lab/tree/")
    folder = Path(options["--ServerApp.root_dir"]).relative_to(tool.ROOT)
    assert (ROOT / folder / first).is_file()
