"""Run a notebook with no network and keep what it shows, widgets included; once, until its code changes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

import vizkit
from tools.course.offline import notebook_environment
from vizkit.course.storage import read_json, write_atomically

PACKAGE = Path(vizkit.__file__).parent
HARVEST = Path(__file__).with_name("harvest.py")
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_SHAPES_OUTPUTS = ("torch", "plotly", "ipywidgets", "anywidget")
_SUFFIXES = {".py", ".js", ".json", ".safetensors"}
_SECONDS_PER_CELL = 1200
_SECONDS_TO_START = 300


def run(path: Path, cache: Path, on_cell: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Outputs and widgets of a notebook, from `cache` if the same code has been run before.

    Args:
        on_cell: called after each code cell that ran.

    Returns:
        {"outputs": one list of outputs per code cell, "widgets": what `harvest` wrote}.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; nothing is cached.
        OSError: the cache cannot be written.
    """
    notebook = nbformat.read(path, as_version=4)
    stored = cache / f"{path.stem}-{fingerprint(notebook)}.json"
    found = read_json(stored)
    if found:
        return found
    result = _execute(notebook, path.parent, on_cell)
    cache.mkdir(parents=True, exist_ok=True)
    write_atomically(stored, json.dumps(result))
    for older in cache.glob(f"{path.stem}-*.json"):
        if older != stored:
            older.unlink(missing_ok=True)  # another build may be as quick
    return result


def is_cached(path: Path, cache: Path) -> bool:
    """Whether `run` would take this notebook from the cache."""
    key = fingerprint(nbformat.read(path, as_version=4))
    return (cache / f"{path.stem}-{key}.json").is_file()


def fingerprint(notebook: Any) -> str:
    """Changes with a code cell of the notebook, with the package's code and weights, and with the
    versions of the libraries that shape the outputs; not with prose."""
    digest = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            digest.update(cell.source.encode() + b"\0")
    digest.update(_package_digest().encode())
    for name in _SHAPES_OUTPUTS:
        digest.update(f"{name} {version(name)}".encode())
    return digest.hexdigest()[:16]


def _package_digest() -> str:
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*")):
        place = file.relative_to(PACKAGE).as_posix()
        # The front ends are read anew by every build.
        if file.suffix in _SUFFIXES and not place.startswith("widgets/static/"):
            digest.update(place.encode() + b"\0" + file.read_bytes())
    digest.update(HARVEST.read_bytes())
    return digest.hexdigest()


def _execute(notebook: Any, folder: Path, on_cell: Callable[[], None]) -> dict[str, Any]:
    from nbclient import NotebookClient

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook,
        timeout=_SECONDS_PER_CELL,
        startup_timeout=_SECONDS_TO_START,
        kernel_name="python3",
        # What the kernel logs, of its connection or of being stopped, says nothing of the notebook.
        extra_arguments=["--IPKernelApp.log_level=50"],
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, **notebook_environment(Path(scratch))}
        environment.setdefault("VIZKIT_DEVICE", "cpu")
        with client.setup_kernel(env=environment):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
                if cell.cell_type == "code":
                    on_cell()
            widgets = _harvest(client, notebook, Path(scratch) / "widgets.json")
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    return {"outputs": outputs, "widgets": widgets}


def _harvest(client: Any, notebook: Any, path: Path) -> dict[str, Any]:
    from jupyter_core.utils import run_sync

    shown = [
        output.data[WIDGET_MIME]["model_id"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if WIDGET_MIME in output.get("data", {})
    ]
    # By its path: in the kernel, "tools" may be something of the learner's.
    run = f"__import__('runpy').run_path({str(HARVEST)!r})"
    code = f"{run}['write_widgets']({str(path)!r}, {shown})"
    ask = run_sync(client.kc.execute_interactive)
    # Not silent, which would hide an error; outside of the history all the same.
    reply = ask(code, store_history=False, output_hook=lambda message: None)["content"]
    if reply["status"] != "ok":
        raise RuntimeError(f"the widgets could not be saved: {reply['ename']}: {reply['evalue']}")
    return json.loads(path.read_text(encoding="utf-8"))
