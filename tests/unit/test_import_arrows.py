"""Who may import whom: the arrows between the rooms of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "vizkit"

# Room → rooms and heavy libraries it must not import. Numbers come in as numpy
# arrays, so what a person sees never waits for PyTorch.
ROOMS = {
    *("widgets", "course", "models", "losses", "data", "training", "zoo"),
    *("device", "files", "fonts", "extras", "inputs", "jupyter", "progress"),
}
ALLOWED_ROOMS = {
    "widgets": {"files", "fonts", "inputs"},
    "course": {"files", "fonts"},
    "device": set(),
    "files": set(),
    "extras": set(),  # every room may import it
    "fonts": set(),
    "inputs": set(),
    "models": set(),
    "losses": set(),
    "jupyter": set(),
    "progress": set(),
    "data": {"files", "inputs", "progress"},
    "training": {"models", "losses", "data", "device", "files", "progress"},
    "zoo": {"models", "device", "files", "inputs", "progress"},
}
FORBIDDEN_LIBRARIES = {
    "widgets": {"torch", "torchvision", "timm", "open_clip", "datasets"},
    "course": {"torch", "torchvision", "timm", "open_clip", "datasets"},
    "data": {"torch", "torchvision", "timm", "open_clip"},
    "models": {"datasets", "anywidget", "ipywidgets"},
    "losses": {"datasets", "anywidget", "ipywidgets"},
    # They recognise tables and tensors by what they can do.
    "inputs": {"torch", "torchvision", "timm", "open_clip", "datasets", "pandas", "pyarrow"},
}
# Declared exceptions, all inside a function, so that the import of the room stays light:
# `AttentionMap.from_model` and `from_text` look into a model; the static face of `LivingEncoder` is drawn
# and asked in Python; an exercise hands tensors to a learner's function.
EXCEPTIONS = {
    ("widgets/attention_map/widget.py", "from_model", "vizkit.models"),
    ("widgets/attention_map/widget.py", "from_text", "vizkit.models"),
    ("widgets/living_encoder/answer.py", "_attention", "vizkit.models"),
    ("widgets/living_encoder/scene.py", "draw_scene", "vizkit.data"),
    ("course/exercises/exercise.py", "_for_learner", "torch.torch"),
}


def imports(tree: ast.AST, package: tuple[str, ...], function: str = "") -> list[tuple[str, str]]:
    """Every `(imported module, enclosing function or "")` of a file, relative imports resolved."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, function) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join(base + ([node.module] if node.module else []))
            # `from vizkit import models` imports a room, too.
            found += [(f"{module}.{alias.name}", function) for alias in node.names]
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        found += imports(node, package, node.name if inside else function)
    return found


def violations(room: str, file: str, source: str) -> list[str]:
    """What one file of a room imports although its room may not."""
    package = ("vizkit", *Path(file).parent.parts)
    wrong = []
    for module, function in imports(ast.parse(source), package):
        parts = module.split(".")
        other = parts[1] if parts[0] == "vizkit" and len(parts) > 1 else ""
        libraries = FORBIDDEN_LIBRARIES.get(room, set()) | {"tools"}  # are not installed with it
        forbidden = other in ROOMS - {room, "extras"} - ALLOWED_ROOMS[room] or parts[0] in libraries
        excepted = (file, function, ".".join((parts * 2)[:2])) in EXCEPTIONS
        if forbidden and not excepted:
            wrong.append(f"{file}: {module}" + (f" (in {function})" if function else ""))
    return wrong


def rooms_present() -> set[str]:
    return {
        path.stem
        for path in PACKAGE.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


def test_every_room_has_its_arrows_declared():
    assert rooms_present() <= ROOMS, f"declare the arrows of {rooms_present() - ROOMS}"


@pytest.mark.parametrize("room", sorted(rooms_present()))
def test_a_room_imports_only_what_its_arrows_allow(room):
    single = PACKAGE / f"{room}.py"
    files = [single] if single.exists() else sorted((PACKAGE / room).rglob("*.py"))
    wrong = []
    for path in files:
        name = path.relative_to(PACKAGE).as_posix()
        wrong += violations(room, name, path.read_text(encoding="utf-8"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("widgets/base.py", "import torch"),
        ("widgets/base.py", "from vizkit.models import ViT"),
        ("widgets/base.py", "from ..data import scenes"),
        ("widgets/base.py", "from vizkit import zoo"),
        ("widgets/deep/base.py", "from ...models import vit"),
        ("widgets/attention_map/widget.py", "from vizkit.models import capture_attention"),
        (
            "widgets/attention_map/widget.py",
            "def from_model():\n    from vizkit.data import scenes",
        ),
        ("data/scenes.py", "def later():\n    import torch.nn"),
        ("models/vit.py", "from datasets import Dataset"),
        ("training/loop.py", "import vizkit.widgets.base"),
        ("training/loop.py", "from tools import site"),
        ("inputs/columns.py", "def later():\n    import pandas"),
        ("course/show.py", "try:\n    import vizkit.zoo\nexcept ImportError:\n    pass"),
    ],
)
def test_a_forbidden_import_is_noticed(file, source):
    assert violations(file.split("/")[0], file, source)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "widgets/attention_map/widget.py",
            "def from_model():\n    from vizkit.models import capture",
        ),
        ("widgets/base.py", "from vizkit.widgets import page\nfrom .inputs import pack"),
        ("training/loop.py", "from vizkit.models import vit\nimport torch"),
        ("data/scenes.py", "import datasets\nimport numpy as np"),
    ],
)
def test_an_allowed_import_is_let_through(file, source):
    assert violations(file.split("/")[0], file, source) == []


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
