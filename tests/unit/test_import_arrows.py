"""Who may import whom: the contracts in pyproject.toml, kept by import-linter, and no private names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vizkit"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
# Private names of other libraries for which there is no public one.
PRIVATE = {
    "_BatchNorm",  # torch: the base of all batch norms
    "_asdict",  # namedtuple, where it is public
    "_base",  # torch: what a view is a view of
    "_css",  # anywidget: a widget's style
    "_esm",  # anywidget: a widget's code
    "_fields",  # namedtuple
    "_forward_hooks",  # torch
    "_forward_pre_hooks",  # torch
    "_instances",  # ipywidgets: all widgets that there are; in tests tqdm's bars
    "_orig_mod",  # torch.compile: the module inside
    "_pos_embed",  # timm
    "_trait_notifiers",  # traitlets: who observes what
    "_repr_mimebundle_",  # IPython's protocol
}
PRIVATE_IN_TESTS = {
    "_MODEL_CONFIGS",  # open_clip: what a hub of the tests' own has
    "_PRETRAINED",
    "_pcfg",
    "_slpcfg",
    "_attn",  # timm
    "_dynamo",  # torch.compile
    "_exit",  # os: a process that is lost
    "_from_config",  # transformers: a model without its weights
    "_get_current_function_mode_stack",  # torch
    "_get_number_of_features",  # transformers
    "_local_constants",  # hypothesis
}


def test_every_contract_is_kept():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in run.stdout


def test_every_room_has_its_contract():
    present = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    declared = {
        module.removeprefix("vizkit.")
        for contract in CONTRACTS
        for module in contract.get("source_modules", [])
    }
    assert present - {"extras"} == declared  # which every room may import


def private_names(source: str) -> list[str]:
    """The private names of something else that a file imports or reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("getattr", "setattr")):
            texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
            found += [str(text).rsplit(".", 1)[-1] for text in texts]
        elif isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            above = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super"
            if not own and not above:
                found.append(node.attr)
    return [name for name in found if re.match(r"_(?!_)", name)]


def test_nobody_reads_anothers_private_names():
    allowed = dict.fromkeys(("vizkit", "tools", "benchmarks", "experiments"), PRIVATE)
    allowed["tests"] = PRIVATE | PRIVATE_IN_TESTS
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for folder, names in allowed.items()
        for path in (ROOT / folder).rglob("*.py")
        for name in private_names(path.read_text(encoding="utf-8"))
        if name not in names
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    "source",
    [
        "from vizkit.widgets.page import _saved",
        "widget._shape",
        "f(x)._cache",
        "a.b._c = 1",
        "getattr(widget, '_shape', None)",
        "monkeypatch.setattr(page, '_saved', None)",
        "monkeypatch.setattr('vizkit.widgets.page._saved', None)",
    ],
)
def test_a_private_name_is_noticed(source):
    assert private_names(source)


@pytest.mark.parametrize("source", ["self._cache", "super()._repr()", "cls._esm", "a.__class__"])
def test_ones_own_names_are_let_through(source):
    assert private_names(source) == []


def test_no_room_is_imported_with_the_package():
    code = (
        "import sys, vizkit;"
        " sys.exit(', '.join(name for name in sys.modules if name.startswith('vizkit.')) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("room", ["widgets", "course", "data", "inputs"])
def test_importing_a_room_without_torch_leaves_torch_out(room):
    code = f"import sys, vizkit.{room}; sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr or f"vizkit.{room} imports torch"
