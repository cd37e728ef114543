"""Shortening names keeps what a program does: strings, patterns, templates, properties."""

import re

import pytest

from vizkit.widgets import base
from vizkit.widgets.names import shorten_names
from vizkit.widgets.shrink import drop_unused


def test_comments_and_white_space_go():
    assert (
        shorten_names("const width = 3; // why\n/* more */ let other = width  + 2;\n")
        == "const a=3;let b=a+2;"
    )


@pytest.mark.parametrize(
    "literal",
    [
        '"a // b  c /* d */"',
        "'it  \"is\"'",
        r'"quote \" and  spaces"',
        r"/a  [/\]'] +(?:b)/gi",
        "`a  ` + `b`",
    ],
)
def test_literals_stay_as_they_are(literal):
    kept = literal.replace(" + ", "+") if literal.startswith("`") else literal
    assert shorten_names(f"const text = {literal};") == f"const a={kept};"


def test_code_in_templates_is_renamed_and_its_text_is_not():
    assert shorten_names("const amount = 2; f(`amount ${amount + g({ k: amount })} amount`);") == (
        "const a=2;f(`amount ${a+g({k:a})} amount`);"
    )


def test_division_is_not_a_pattern():
    assert shorten_names("const total = (3 + 1) / 2 / total;") == "const a=(3+1)/2/a;"


def test_signs_that_would_grow_together_stay_apart():
    assert shorten_names("const long = x + +y - -z;") == "const a=x+ +y- -z;"


@pytest.mark.parametrize(
    "source",
    [
        "const size = 1; box.size = size;",  # a property
        "const size = 1; f({ size });",  # a shorthand
        "const { size } = box; f(size);",  # a shorthand in a pattern
        "const box = { size: 1 }; const size = 2;",  # a key
        "const box = { size() { return 1; } }; const size = 2;",  # a method
    ],
)
def test_names_that_are_part_of_the_meaning_stay(source):
    assert len(re.findall(r"\bsize\b", shorten_names(source))) == source.count("size")


def test_names_of_the_browser_stay():
    assert shorten_names("requestAnimationFrame(() => { unknown(); });") == (
        "requestAnimationFrame(()=>{unknown();});"
    )


def test_every_new_name_is_new():
    short = shorten_names("const a = 1, longer = 2; f((third) => third + a + b + longer);")
    assert short == "const a=1,c=2;f((d)=>d+a+b+c);"


@pytest.mark.parametrize("source", ["const a = `no end", "const a = (1;"])
def test_what_cannot_be_read_is_refused(source):
    with pytest.raises((ValueError, IndexError)):
        shorten_names(source + "\n} }")


def test_a_block_is_not_an_object():
    assert shorten_names("f(() => { let one = 1, two = 2; g(one, two); });") == (
        "f(()=>{let a=1,b=2;g(a,b);});"
    )


@pytest.mark.parametrize("name", ["similarity_matrix", "attention_map", "embedding_space"])
def test_the_front_ends_get_smaller_and_end_as_pages_expect(name):
    parts = (base.FRONTEND / f"{stem}.js" for stem in ("core", name))
    whole = drop_unused("\n".join(part.read_text("utf-8") for part in parts))
    short = shorten_names(whole)
    assert len(short) < 0.93 * len(whole)
    assert short.endswith("export default{render};")
    assert {"COLOR_STOPS", "render"} & set(re.findall(r"\w+", short)) >= {"render"}
