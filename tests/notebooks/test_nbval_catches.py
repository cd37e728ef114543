"""The command that checks the notebooks fails when a stored notebook is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools.course.outputs import store_outputs

ROOT = Path(__file__).parents[2]

CELLS = {
    "claims": (
        "import time\n"
        "from vizkit.course import CLAIMS, claim\n"
        "for id, measured in (('B1', 196), ('B3', time.time())):\n"
        "    claim(id, measured=measured, holds=(224 // 16) ** 2 == 196, sentence='So it is.',\n"
        "          controls={rival: time.time() for rival in CLAIMS[id].rivals})"
    ),
    "number": "print('there are', 14 * 14, 'patches')",
    "result": "sorted({'b': 2, 'a': 1})",
    "network": (
        "import urllib.request\n"
        "try:\n"
        "    urllib.request.urlopen('http://192.0.2.1', timeout=5)\n"
        "except OSError as error:\n"
        "    print(error)"
    ),
}


def _outputs(notebook, cell_id):
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def _wrong_number(notebook):
    output = _outputs(notebook, "number").outputs[0]
    output.text = output.text.replace("196", "197")


def _raised_error(notebook):
    _outputs(notebook, "number").source = "raise ValueError('planted')"


def _removed_output(notebook):
    _outputs(notebook, "result").outputs = []


def _changed_verdict(notebook):
    data = _outputs(notebook, "claims").outputs[0].data
    data["text/plain"] = data["text/plain"].replace("holds", "does not hold", 1)


def _as_it_was(notebook):
    """The notebook is right; its row in the table of times is not."""


PLANTED = {
    "wrong_number": _wrong_number,
    "raised_error": _raised_error,
    "removed_output": _removed_output,
    "changed_verdict": _changed_verdict,
    "too_slow": _as_it_was,
    "busy": _as_it_was,
    "too_large": _as_it_was,
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory) -> dict[str, list[str]]:
    """The messages of the failed cells for the notebook as stored and with each fault planted."""
    folder = tmp_path_factory.mktemp("notebooks")
    notebook = new_notebook(
        cells=[new_code_cell(source, id=name) for name, source in CELLS.items()]
    )
    nbformat.write(notebook, folder / "as_stored.ipynb")
    store_outputs(
        folder / "as_stored.ipynb", render=lambda figure: "", measured=folder / "measured.json"
    )
    for name, plant in PLANTED.items():
        copy = nbformat.read(folder / "as_stored.ipynb", as_version=4)
        plant(copy)
        nbformat.write(copy, folder / f"{name}.ipynb")
    table = json.loads((folder / "measured.json").read_text())
    row = table["as_stored"]
    table["too_slow"] = {
        **row,
        "seconds": row["seconds"] / 1000,
        "processor": row["processor"] / 1000,
    }
    table["busy"] = {**row, "seconds": row["seconds"] / 1000, "processor": row["processor"] * 10}
    table["too_large"] = {
        **row,
        "seconds": row["seconds"] * 1000,
        "gigabytes": row["gigabytes"] / 3,
    }
    (folder / "measured.json").write_text(json.dumps(table))
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir", "."]
    command += ["-p", "tests.notebooks.nbval_course", "-p", "no:cacheprovider"]
    command += [f"--junitxml={folder}/report.xml", str(folder)]
    environment = {**os.environ, "VIZKIT_MEASURED": str(folder / "measured.json")}
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment
    )
    assert run.returncode == 1, run.stdout + run.stderr
    failed = {name: [] for name in ("as_stored", *PLANTED)}
    cells = dict.fromkeys(failed, 0)
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        name = next(name for name in failed if name in case.get("classname"))
        cells[name] += 1
        failed[name] += [failure.text for failure in case.iter("failure")]
    wanted = {name: len(CELLS) + (name in table) for name in failed}
    assert cells == wanted, f"not every cell was run: {cells}"
    return failed


def test_notebook_as_stored_passes_although_its_measured_time_differs(failures):
    assert failures["as_stored"] == []


def test_waiting_for_a_busy_machine_is_no_fault(failures):
    assert failures["busy"] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_number", "there are 197 patches"),
        ("raised_error", "planted"),
        ("removed_output", "Unexpected output fields"),
        ("changed_verdict", "B1 does not hold ·"),
        ("too_slow", "the table says 0 s (0 s)"),
        ("too_large", "GB; the table says"),
    ],
)
def test_planted_fault_fails(failures, name, message):
    assert len(failures[name]) == 1
    assert message in failures[name][0]


def test_network_is_refused_in_the_kernel(tmp_path):
    notebook = new_notebook(cells=[new_code_cell(CELLS["network"], id="network")])
    path = tmp_path / "network.ipynb"
    nbformat.write(notebook, path)
    store_outputs(path, render=lambda figure: "", measured=tmp_path / "measured.json")
    stored = nbformat.read(path, as_version=4)
    assert "the connection to '192.0.2.1' was refused" in stored.cells[0].outputs[0].text
