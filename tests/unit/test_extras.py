"""Whoever imports a library of an extra says first, in one line, which extra brings it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vizkit"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# `vizkit.models.capture` and others read what somebody else has imported already, or come with it.
COMES_WITH = {
    "numpy": "",
    "PIL": "",
    "ipywidgets": "anywidget",
    "IPython": "ipywidgets",
    "traitlets": "",
    "anywidget": "",
}


def optional_modules() -> set[str]:
    """The modules of all distributions that an extra names."""
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    named = {re.split(r"[\[>=<;\s]", line)[0].lower().replace("-", "_") for line in extras}
    by_module = packages_distributions()
    found = {
        module
        for module, distributions in by_module.items()
        if any(name.lower().replace("-", "_") in named for name in distributions)
    }
    return found - COMES_WITH.keys() - {"vizkit"}


def required_in(tree: ast.AST) -> set[str]:
    """What the calls of `require` in a piece of code name."""
    return {
        argument.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "require"
        for argument in call.args[1:]
        if isinstance(argument, ast.Constant)
    }


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module.split(".")[0]]
    return []


def unannounced(source: str, announced: set[str], optional: set[str]) -> list[str]:
    """The optional modules that a file imports without `require`, in the function or in its package."""

    def look(node: ast.AST, known: set[str]) -> list[str]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return []
        if isinstance(node, ast.FunctionDef):
            known = known | required_in(node)
        here = [name for name in imported(node) if name in optional - known]
        return here + [name for child in ast.iter_child_nodes(node) for name in look(child, known)]

    tree = ast.parse(source)
    top = [node for node in tree.body if isinstance(node, ast.Expr)]
    return look(tree, announced.union(*map(required_in, top)))


def announced_by_packages(path: Path) -> set[str]:
    """What the packages above a file require when they are imported, and thereby models and data do."""
    found: set[str] = set()
    for folder in path.relative_to(PACKAGE).parents:
        init = PACKAGE / folder / "__init__.py"
        found |= required_in(ast.parse(init.read_text(encoding="utf-8")))
    return found


def test_every_import_of_an_optional_library_is_announced():
    optional = optional_modules()
    assert {"torch", "plotly", "sklearn", "datasets", "scipy", "tqdm"} <= optional
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in unannounced(
            path.read_text(encoding="utf-8"), announced_by_packages(path), optional
        )
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch", ["torch"]),
        ("require('models', 'torch', what='it')\nimport torch", []),
        ("def f():\n    from torch import nn", ["torch"]),
        ("def f():\n    require('models', 'torch', what='it')\n    from torch import nn", []),
        ("if TYPE_CHECKING:\n    import torch", []),
    ],
)
def test_an_unannounced_import_is_noticed(source, found):
    assert unannounced(source, set(), {"torch"}) == found


def test_a_living_encoder_needs_the_models_and_nothing_of_the_course(tmp_path):
    code = f"""
import sys
sys.modules.update(dict.fromkeys(("datasets", "plotly", "sklearn", "skimage", "scipy")))
from vizkit import LivingEncoder, load
widget = LivingEncoder(load("pocket-clip"))
widget.save_html({str(tmp_path / "page.html")!r})
assert "image/png" in widget._repr_mimebundle_()[0]
try:
    widget.to_plotly()
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "to_plotly needs plotly, which comes with the extra 'plotly': pip install \"vizkit[plotly]\"\n"
    )
