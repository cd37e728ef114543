"""Run a notebook with no network and keep what it shows, widgets included; once, until its code changes."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

import vizkit
from tools.course.execute import Request, executed
from vizkit.course.storage import read_json, write_atomically

PACKAGE = Path(vizkit.__file__).parent
IN_KERNEL = Path(__file__).with_name("save_widget_state.py")
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_SHAPES_OUTPUTS = ("torch", "plotly", "ipywidgets", "anywidget")
_SUFFIXES = {".py", ".js", ".json", ".safetensors"}


def run(path: Path, cache: Path, on_cell: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Outputs and widgets of a notebook, from `cache` if the same code has been run before.

    Args:
        on_cell: called after each code cell that ran.

    Returns:
        {"outputs": one list of outputs per code cell, "widgets": what `save_widget_state` wrote}.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; nothing is cached.
        OSError: the cache cannot be written.
    """
    notebook = nbformat.read(path, as_version=4)
    stored = cache / f"{path.stem}-{fingerprint(notebook)}.json"
    found = read_json(stored)
    if found:
        return found
    result = run_anew(notebook, path.parent, on_cell)
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
    digest.update(IN_KERNEL.read_bytes())
    return digest.hexdigest()


def run_anew(notebook: Any, folder: Path, on_cell: Callable[[], None]) -> dict[str, Any]:
    """What `run` returns, from a run of the notebook in `folder`; it raises the same."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        with executed(notebook, folder, scratch, on_cell=on_cell) as request:
            widgets = _saved_widgets(request, notebook, scratch / "widgets.json")
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    return {"outputs": outputs, "widgets": widgets}


def _saved_widgets(request: Request, notebook: Any, path: Path) -> dict[str, Any]:
    shown = [
        output.data[WIDGET_MIME]["model_id"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if WIDGET_MIME in output.get("data", {})
    ]
    # By its path: in the kernel, "tools" may be something of the learner's.
    run = f"__import__('runpy').run_path({str(IN_KERNEL)!r})"
    code = f"{run}['save_widget_state']({str(path)!r}, {shown})"
    # Not silent, which would hide an error; outside of the history all the same.
    reply = request(code, store_history=False)
    if reply["status"] != "ok":
        raise RuntimeError(f"the widgets could not be saved: {reply['ename']}: {reply['evalue']}")
    return json.loads(path.read_text(encoding="utf-8"))
