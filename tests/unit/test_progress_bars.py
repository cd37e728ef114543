"""A bar of progress is closed when its work fails: else it stays on the page, and the next one below it."""

import ast
import contextlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import tqdm
from torch import nn

from vizkit import progress
from vizkit.training import checkpoint, loop, together

PACKAGE = Path(progress.__file__).parent


@dataclass
class Recipe:
    name: str = "x"
    steps: int = 3
    learning_rate: float = 0.1
    warmup_steps: int = 0
    clip_norm: float = 1.0


def is_bar(node):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "progress_bar"


def unclosed(tree):
    """Lines that make a bar neither in `with` nor before a `try` whose `finally` closes it."""
    safe = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            safe |= {item.context_expr for item in node.items if is_bar(item.context_expr)}
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for one, after in pairwise(body):
                closes = isinstance(after, ast.Try) and any(
                    ast.unparse(line) == "bar.close()" for line in after.finalbody
                )
                if isinstance(one, ast.Assign) and is_bar(one.value) and closes:
                    safe.add(one.value)
    return [node.lineno for node in ast.walk(tree) if is_bar(node) and node not in safe]


def test_every_bar_of_the_package_is_closed():
    found = {
        path.name: unclosed(ast.parse(path.read_text(encoding="utf-8")))
        for path in PACKAGE.rglob("*.py")
    }
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["fit", "fit_together", "run_steps"])
def test_work_that_fails_closes_its_bar(where, error, monkeypatch, tmp_path):
    bars = []

    def watched(*args, **options):
        bars.append(tqdm.tqdm(*args, **options | {"disable": False}))
        return bars[-1]

    for module in (loop, together, checkpoint):
        monkeypatch.setattr(module, "progress_bar", watched)

    def fails(*args, **options):
        raise error("stop")

    model = nn.Linear(2, 2)
    calls = {
        "fit": lambda: loop.fit(model, fails, steps=3),
        "fit_together": lambda: together.fit_together(
            [model], lambda m, b: m(b).sum(), fails, steps=3
        ),
        "run_steps": lambda: checkpoint.train_resumably(
            Recipe(),
            model,
            torch.optim.AdamW(model.parameters()),
            fails,
            tmp_path / "x",
            first=0,
            seconds=0.0,
        ),
    }
    with contextlib.suppress(error):
        calls[where]()
    assert len(bars) == 1
    assert bars[0] not in tqdm.tqdm._instances
    assert bars[0].disable  # as tqdm leaves a bar that is closed
