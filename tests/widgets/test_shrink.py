"""The front end without white space means what its source means."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from vizkit.widgets.base import FRONTEND, joined
from vizkit.widgets.shrink import drop_unused, shrink_css, shrink_javascript

TEXTS = re.compile(r"\"(?:\\.|[^\"\\\n])*\"")
CASES = [
    ("const a = 1; // why\nconst b = 2;", "let a=1,b=2;"),
    ("let a = 1;\nf( a );\nconst b = 2;", "let a=1;f(a);let b=2;"),
    ("const a = 1;\nif (a) return;\nconst b = 2;", "let a=1;if(a)return;let b=2;"),
    ("const a = { b: 1 };\nconst c = 2;", "let a={b:1},c=2;"),
    ("const a = 1;\n{ f(); }\ng();\nconst b = 2;", "let a=1;{f()}\ng();let b=2;"),
    ("f(() => { g(`${a} x`); });\nlet b = 1;", "f(()=>{g(`${a} x`)});let b=1;"),
    (
        "const a = 1;\nf(`a ${b ? `c,  ${d}` : 1} e`);\nlet g = 2;",
        "let a=1;f(`a ${b?`c,  ${d}`:1} e`);let g=2;",
    ),
    ('const a = "b  , c";', 'let a="b  , c";'),
    ("a = b + +c - -d;", "a=b+ +c- -d;"),
    ('x.match(/[/" ] ?, /g) / 2;', 'x.match(/[/" ] ?, /g)/2;'),
    ("return typeof a in b;", "return typeof a in b;"),
    (
        "for (let i = 0, n = 2; i < n; i++) f(i);\nlet j = 1;",
        "for(let i=0,n=2;i<n;i++)f(i);let j=1;",
    ),
    ("function a() {}\n\nexport default { a };", "function a(){}\nexport default { a };"),
]


@pytest.mark.parametrize(("source", "expected"), CASES)
def test_only_white_space_goes(source, expected):
    assert shrink_javascript(source) == expected


@pytest.mark.parametrize("path", sorted(FRONTEND.glob("*.js")), ids=lambda path: path.name)
def test_every_string_of_the_source_is_shipped(path):
    source = re.sub(r"/\*.*?\*/|^\s*//.*?$", "", path.read_text("utf-8"), flags=re.S | re.M)
    wanted = [text for text in TEXTS.findall(source) if "//" not in text]
    shipped = shrink_javascript(source)
    assert wanted
    assert [text for text in wanted if text not in shipped] == []


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
