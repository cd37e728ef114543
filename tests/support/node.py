"""Node, which some tests run the front end's code in."""

from __future__ import annotations

import shutil

import pytest

from tests.support.harness import FRONT_END


def find_node(undone: str) -> str:
    """Path of Node; without it the test that asks is skipped, and says what was `undone`."""
    path = shutil.which("node")
    if path is None:
        pytest.skip(f"Node is not installed: {undone}")
    if not (FRONT_END / "node_modules" / "esbuild").exists():
        pytest.fail("esbuild is missing: run `npm ci` in js/", pytrace=False)
    return path
