"""The front end by itself: types, style, unit tests, and that what is shipped was built from its sources."""

from __future__ import annotations

import base64
import json
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


def unpacked(data: bytes) -> str:
    """What a part holds; its compression may differ between versions of Node."""
    return zlib.decompressobj(-15).decompress(data).decode()


def test_what_is_shipped_was_built_from_the_sources(node, tmp_path):
    run(node, "build.mjs", "--out", tmp_path)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {
        path.name: path.read_bytes() for path in (*STATIC.iterdir(), *SMALL, *SITE.iterdir())
    }
    assert sorted(built) == sorted(shipped)
    for name, data in built.items():
        same = unpacked if name.endswith(".part") else bytes.decode
        assert same(shipped[name]) == same(data), f"{name} is old: run `npm run build` in js/"


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_complete_module_carries_its_parts(name):
    texts = re.findall(r'"text": ?"([^"]+)"', assets.module(name))
    for text, part in zip(texts, assets.parts_of(name), strict=True):
        digits = [ord(sign) - 35 for sign in text.translate(str.maketrans("xyz{|}", "$&<>\\`"))]
        words = (digits[at : at + 5] for at in range(0, len(digits), 5))
        data = b"".join(sum(d * 85 ** (4 - i) for i, d in enumerate(w)).to_bytes(4) for w in words)
        assert unpacked(data) == unpacked(assets.part(part))


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_parts_are_the_instrument(name):
    """Nothing is in two parts, and no style is left out."""
    shared, own = (unpacked(assets.part(part)).split("\0") for part in assets.parts_of(name))
    style = (shared[0] + own[0]).replace("\n", "")
    assert style == assets.style(name).replace("\n", "")
    size = sum(len(code) for _, code in (*modules_of(shared), *modules_of(own)))
    assert len(assets.script(name)) < size < 1.15 * len(assets.script(name))


def modules_of(texts: list[str]) -> list[tuple[str, str]]:
    return list(zip(texts[1::2], texts[2::2], strict=True))


# A host by the name that the first line gives: how it answers who asks for the code.
HOST = """
const [kind, text, ...parts] = (await import("node:fs")).readFileSync(0, "utf8").split("\\n");
const packed = parts.map((part) => Buffer.from(part.split(" ")[1], "base64"));
const digests = parts.map((part) => part.split(" ")[0]);
const asked = [], handlers = [];
globalThis.setTimeout = (step) => { if (kind === "nobody") step(); };
globalThis.document = { createElement: () => ({ remove() {} }) };
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const models = packed.map((bytes, place) => ({ get: () => ({ [digests[place]]: view(bytes) }) }));
const model = {
  get: (name) => name === "_code" ? ["IPY_MODEL_0", "IPY_MODEL_1"] : undefined,
  on: (event, handler) => handlers.push(handler),
  off: () => handlers.pop(),
  send(content) {
    asked.push(content.request);
    if (kind === "kernel") for (const handler of handlers) handler({ response: "code" }, packed);
  },
  widget_manager: {
    async get_model(id) {
      if (kind !== "notebook") throw new Error("no such model");
      asked.push(id);
      return models[id];
    },
  },
};
const load = async () => (await import("data:text/javascript," + encodeURIComponent(text) + `//${Math.random()}`)).default;
const shown = [];
for (let instance = 0; instance < 2; instance++) {
  const widget = await load(), el = { append() {}, textContent: "" };
  widget.initialize({ model });
  const refused = await widget.render({ model, el }).then(() => el.textContent, (error) => `rendered: ${error.name}`);
  shown.push(refused);
}
console.log(JSON.stringify({ asked, shown }));
"""


def on_host(node: str, kind: str, name: str) -> dict[str, list[str]]:
    """What two instances of an instrument asked of a host, and what they showed."""
    packed = [assets.part(part) for part in assets.parts_of(name)]
    parts = [f"{assets.digest(part)} {base64.b64encode(part).decode()}" for part in packed]
    loader = assets.module(name, complete=False).replace("\n", " ")
    done = subprocess.run(
        [node, "--input-type=module", "--eval", HOST],
        input="\n".join([kind, loader, *parts]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


# Node has no page to draw on: that the instrument was linked and called is seen by its error.
RENDERED = "rendered: TypeError"


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_two_instances_fetch_their_parts_once_from_the_notebooks_models(node, name):
    """The second part lies in the second model; the first is asked before it. The second instance asks nothing."""
    assert on_host(node, "notebook", name) == {"asked": ["0", "0", "1"], "shown": [RENDERED] * 2}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_where_one_model_does_not_find_another_the_kernel_gives_the_code(node, name):
    found = on_host(node, "kernel", name)
    assert found["shown"] == [RENDERED] * 2
    assert set(found["asked"]) == {"code"}


def test_an_instrument_without_its_code_says_so(node):
    found = on_host(node, "nobody", "similarity_matrix")
    assert len(found["shown"]) == 2
    assert all("run its cell again" in text for text in found["shown"])


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


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instruments_module_loads_before_it_is_unpacked(node, name, complete):
    done = subprocess.run(
        [node, "--input-type=module", "--eval", LOADS],
        input=assets.module(name, complete=complete),
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
