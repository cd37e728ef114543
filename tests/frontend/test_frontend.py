"""The front end's type check and unit tests. They need Node; nothing else in this project does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vizkit.widgets.base import packed

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def node() -> str:
    """Path of Node; without it these tests are skipped, and say so."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("Node is not installed: the front end's own tests were not run")
    return path


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_types(node):
    compiler = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        pytest.fail("TypeScript is missing: run `npm ci` in tests/frontend", pytrace=False)
    run(node, compiler, "--project", FOLDER)


def test_units(node):
    run(node, "--test", "--test-reporter=spec")


# A laptop that never gets round to unpacking: the module must have loaded all the same.
LOADS = """
globalThis.DecompressionStream = class {
  readable = new ReadableStream();
  writable = new WritableStream();
};
const text = (await import("node:fs")).readFileSync(0, "utf8");
const { default: widget } = await import("data:text/javascript," + encodeURIComponent(text));
console.log(typeof widget.render);
"""


@pytest.mark.parametrize("name", ["similarity_matrix", "attention_map", "embedding_space"])
def test_a_widgets_module_loads_before_it_is_unpacked(node, name):
    command = [node, "--input-type=module", "--eval", LOADS]
    done = subprocess.run(
        command, input=packed(name), capture_output=True, text=True, encoding="utf-8", timeout=30
    )
    assert done.stdout.strip() == "function", done.stderr
