"""The set-up tool: when it installs, when it starts at once, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.lock import locked_packages
from vizkit.jupyter import NBCONVERT_CONFIG, SERVER_CONFIG

ROOT = Path(__file__).parents[2]


def lock(version: str) -> str:
    """A uv.lock of one package, and of vizkit itself."""
    own = '[[package]]\nname = "vizkit"\nsource = { editable = "." }\n'
    return f'{own}[[package]]\nname = "a"\nversion = "{version}"\nsource = {{ registry = "r" }}\n'


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool with a checkout in a temporary folder; uv, pip and venv are recorded, not run."""
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "setup_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = tmp_path / ".venv"
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "ENVIRONMENT", environment)
    monkeypatch.setattr(module, "STAMP", environment / "vizkit-ready.json")
    monkeypatch.setattr(module, "UNFINISHED", environment / "vizkit-unfinished")
    (tmp_path / "pyproject.toml").write_text("one", encoding="utf-8")
    (tmp_path / "uv.lock").write_text(lock("1"), encoding="utf-8")
    (tmp_path / "vizkit").mkdir()
    shutil.copy(ROOT / "vizkit" / "jupyter.py", tmp_path / "vizkit")
    module.events, module.commands = [], []

    def create(folder, **options):
        module.events.append("venv")
        python = module.environment_python()
        python.parent.mkdir(parents=True)
        python.touch()

    class Done:
        returncode = 0

    def run(command, **options):
        kinds = {module.UV: "get uv", "uv": "uv", "pip": "pip", "vizkit.zoo.carriers": "weights"}
        module.events.append(next((kinds[word] for word in kinds if word in command), "check"))
        module.commands.append([str(word) for word in command])
        return Done

    monkeypatch.setattr(module.venv, "create", create)
    monkeypatch.setattr(module.subprocess, "run", run)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    monkeypatch.setenv("VIZKIT_DISK_GB", "0")
    monkeypatch.setenv("VIZKIT_TORCH", "pypi")
    monkeypatch.delenv("VIZKIT_NEWEST", raising=False)
    return module


def test_the_first_run_installs_and_the_second_does_nothing(tool):
    tool.ensure_environment()
    assert tool.events == ["venv", "get uv", "uv", "weights"]
    tool.ensure_environment()
    assert tool.events == ["venv", "get uv", "uv", "weights"]


def test_a_changed_pin_installs_again_into_the_same_environment(tool):
    tool.ensure_environment()
    (tool.ROOT / "uv.lock").write_text(lock("2"), encoding="utf-8")
    tool.ensure_environment()
    assert tool.events == ["venv", "get uv", "uv", "weights", "check", "get uv", "uv", "weights"]


def test_an_extra_is_added_once_and_kept(tool):
    tool.ensure_environment()
    tool.ensure_environment("test")
    tool.ensure_environment()
    tool.ensure_environment("test")
    assert tool.events == ["venv", "get uv", "uv", "weights", "check", "get uv", "uv", "weights"]
    assert json.loads(tool.STAMP.read_text(encoding="utf-8"))["extras"] == [
        "course",
        "real",
        "test",
        "words",
    ]


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
    assert tool.events == ["venv", "venv", "get uv", "uv", "weights"]
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
    assert tool.installed_extras() == {
        "course",
        "real",
        "words",
    }  # not tried again with every start
    tool.ensure_environment()
    assert tool.events == ["venv", "get uv", "uv", "weights"]


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
    assert tool.events == ["venv", "get uv", "uv", "weights"]
    assert started[1:3] == ["-m", "jupyterlab"]
    assert started[-1] == "--no-browser"
    options = dict(word.split("=", 1) for word in map(str, started) if "=" in word)
    first = options["--LabApp.default_url"].removeprefix("/lab/tree/")
    folder = Path(options["--ServerApp.root_dir"]).relative_to(tool.ROOT)
    assert (ROOT / folder / first).is_file()


def test_uv_on_the_path_is_used_and_pinned_by_the_lock(tool, monkeypatch):
    monkeypatch.setattr(tool.shutil, "which", lambda name: f"/bin/{name}" if name == "uv" else None)
    tool.ensure_environment()
    assert tool.events == ["venv", "pip", "weights"]
    command = tool.commands[0]
    assert command[:3] == ["/bin/uv", "pip", "install"]
    assert command[-1] == f"{tool.ROOT}[course,real,words]"
    pins = Path(command[command.index("--constraint") + 1])
    assert pins.read_text(encoding="utf-8") == "a==1\n"
    assert "--torch-backend" not in command


def test_without_uv_pip_installs_the_same_versions(tool, monkeypatch):
    run = tool.subprocess.run

    def without(command, **options):
        done = run(command, **options)
        if tool.UV in command:
            done = type("Failed", (), {"returncode": 1})
        return done

    monkeypatch.setattr(tool.subprocess, "run", without)
    tool.ensure_environment()
    assert tool.events == ["venv", "get uv", "pip", "weights"]
    command = tool.commands[1]
    assert command[1:4] == ["-m", "pip", "install"]
    assert "--constraint" in command


def test_where_a_build_of_torch_cannot_be_had_pypis_is_taken(tool, monkeypatch):
    monkeypatch.setenv("VIZKIT_TORCH", "cpu")
    run = tool.subprocess.run

    def failing(command, **options):
        done = run(command, **options)
        return type("Failed", (), {"returncode": 1}) if "--torch-backend" in command else done

    monkeypatch.setattr(tool.subprocess, "run", failing)
    tool.ensure_environment()
    assert tool.events == ["venv", "get uv", "uv", "uv", "weights"]
    assert tool.commands[1][-4:-2] == ["--torch-backend", "cpu"]
    assert "--torch-backend" not in tool.commands[2]


@pytest.mark.parametrize(
    ("platform", "reachable", "programs", "expected"),
    [
        ("linux", True, (), "cpu"),
        ("linux", True, ("nvidia-smi",), "auto"),
        ("linux", False, ("nvidia-smi",), None),
        ("win32", True, (), "cpu"),
        ("darwin", True, (), None),
    ],
)
def test_the_build_of_torch_follows_the_machine(
    tool, monkeypatch, platform, reachable, programs, expected
):
    def urlopen(address, timeout):
        assert address.startswith("https://download.pytorch.org/")
        if not reachable:
            raise OSError("no network")
        return io.BytesIO()

    monkeypatch.delenv("VIZKIT_TORCH")
    monkeypatch.setattr(tool.sys, "platform", platform)
    monkeypatch.setattr(tool.urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(tool.shutil, "which", lambda name: name if name in programs else None)
    assert tool.torch_backend() == expected


def test_the_pins_are_those_of_the_lock(tool, monkeypatch):
    monkeypatch.setattr(tool, "ROOT", ROOT)
    pins = [Requirement(line) for line in tool.pins_of_lock().splitlines()]
    locked = {(package["name"], package["version"]) for package in locked_packages()}
    assert {(pin.name, str(pin.specifier)[2:]) for pin in pins} == locked
    here = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate()]
    assert len(here) == len(set(here)) == len({name for name, _ in locked})


def test_the_whole_run_takes_two_processes_and_a_chosen_part_takes_one(tool, monkeypatch):
    called = []
    monkeypatch.setattr(tool, "run_in_environment", called.append)
    monkeypatch.setattr(tool, "ensure_environment", lambda *_: "python")
    monkeypatch.setattr(tool, "prepare_jupyter", lambda: None)
    monkeypatch.setattr(tool, "prepare_front_end", lambda: None)
    monkeypatch.setattr(tool.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(tool.os, "environ", {})
    tool.test([])
    tool.test(["tests/unit"])
    monkeypatch.setattr(tool.os, "cpu_count", lambda: 1)
    tool.test([])
    whole, part, one_core = (command[3:] for command in called)
    assert whole[0] == "--numprocesses=2"
    assert tool.os.environ["OMP_NUM_THREADS"] == "1"
    assert part == ["tests/unit"]
    assert one_core == []


def test_a_share_of_the_tests_stays_on_one_process():
    from conftest import share_of

    assert share_of("tests/browser/test_site.py::test_a") == share_of(
        "tests/browser/test_slides.py::test_b"
    )
    assert share_of("tests/browser/test_notebooks_in_jupyterlab.py::test_c[00]") == "JupyterLab"
    assert share_of("notebooks/08_siglip.ipynb::Cell 0") == share_of(
        "notebooks/08_siglip.ipynb::Cell 9"
    )
    assert share_of("notebooks/07_temperature.ipynb::Cell 0") != share_of(
        "notebooks/08_siglip.ipynb::Cell 0"
    )
