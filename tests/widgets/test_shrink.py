"""The front end without white space means what its source means."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from vizkit.widgets.base import joined
from vizkit.widgets.shrink import drop_unused, shrink_css


def test_unused_top_level_names_go_and_used_ones_stay():
    source = (
        "const A = 1;\nconst B = {\n  c: 1\n};\nfunction used() {\n  return A;\n}\n"
        "/** calls unused */\nfunction unused() {\n  return B;\n}\nused();\n"
    )
    assert drop_unused(source) == "const A = 1;\nfunction used() {\n  return A;\n}\n\nused();\n"


def test_css_keeps_its_meaning():
    source = "/* x */\n.a :focus, .b { width: calc(1px * 2); margin: 0 auto; }\n"
    assert shrink_css(source) == ".a :focus,.b{width:calc(1px * 2);margin:0 auto}"


@pytest.mark.skipif(shutil.which("node") is None, reason="the parser is Node's")
@pytest.mark.parametrize("name", ["attention_map", "embedding_space", "similarity_matrix"])
def test_what_is_shipped_parses(name, tmp_path):
    path = tmp_path / "widget.mjs"
    path.write_text(joined(name, "js"), encoding="utf-8")
    run = subprocess.run(["node", "--check", path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
