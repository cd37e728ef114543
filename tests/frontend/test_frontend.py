"""The front end by itself: types, style, unit tests, and that what is shipped was built from its sources."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.support.node import find_node
from vizkit.widgets import assets

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "js"
STATIC = ROOT / "vizkit" / "widgets" / "static"
SMALL = [ROOT / "vizkit" / "course" / name for name in ("rope_wheel.js", "quiz.js")]
SITE = ROOT / "tools" / "site" / "frontend"
INSTRUMENTS = ("similarity_matrix", "attention_map", "embedding_space", "living_encoder")


@pytest.fixture(scope="module")
def node() -> str:
    return find_node("the front end's own tests were not run")


def run(*command: str | Path, cwd: Path = SOURCES) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    return done.stdout


def test_types(node):
    run(node, "node_modules/typescript/bin/tsc", "--project", ".")


def test_format_and_lint(node):
    run(node, "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".")


def test_units(node, tmp_path):
    # Inside of the folder, so that Node finds the modules.
    run(node, "build.mjs", "--tests", tmp_path)
    run(node, "--test", "--test-reporter=spec", *sorted(tmp_path.glob("*.test.mjs")))


def unpacked(text: str) -> str:
    """The module inside of what travels; its compression may differ between versions of Node."""
    signs = re.search(r'^const \w+="([^"]+)"', text)[1]
    signs = signs.translate(str.maketrans("xyz{|}", "$&<>\\`"))
    digits = [ord(sign) - 35 for sign in signs]
    words = (digits[at : at + 5] for at in range(0, len(digits), 5))
    data = b"".join(sum(d * 85 ** (4 - i) for i, d in enumerate(w)).to_bytes(4) for w in words)
    return zlib.decompressobj(-15).decompress(data).decode()


def test_what_is_shipped_was_built_from_the_sources(node, tmp_path):
    run(node, "build.mjs", "--out", tmp_path)
    built = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    shipped = {
        path.name: path.read_text("utf-8") for path in (*STATIC.iterdir(), *SMALL, *SITE.iterdir())
    }
    assert sorted(built) == sorted(shipped)
    for name, text in built.items():
        same = unpacked if name.endswith(".bundle.js") else str
        assert same(shipped[name]) == same(text), f"{name} is old: run `npm run build` in js/"


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_what_travels_is_the_same_code_compressed(name):
    assert unpacked(assets.module(name)).split("\0") == [assets.script(name), assets.style(name)]


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


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instruments_module_loads_before_it_is_unpacked(node, name):
    done = subprocess.run(
        [node, "--input-type=module", "--eval", LOADS],
        input=assets.module(name),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
    )
    assert done.stdout.strip() == "function", done.stderr


@pytest.mark.parametrize(
    "path", sorted(SOURCES.glob("[!n]*/**/*.ts")), ids=lambda path: "/".join(path.parts[-3:])
)
def test_a_file_can_be_read_in_one_go(path):
    assert len(path.read_text("utf-8").splitlines()) <= 250
