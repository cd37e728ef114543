"""The decks that the notebooks' slideshow metadata make: one idea a slide, and nothing that is no lecture's."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.course import slides as tool
from tools.course.slideshow import SLIDE_TYPES, first_sentence, slide_type, slides_of
from vizkit.course import NOTEBOOKS

FOLDER = Path(__file__).parents[2] / "notebooks"
MOST_LETTERS = 350  # of a text on a slide that is no list, quotation or table: three lines, or four
CLAIM = "application/vnd.vizkit.claim+json"


def deck(name: str):
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    return cells, slides_of(cells)


def faults_of(cells) -> list[str]:
    """What must not be on slides, by cell."""
    faults = [f"{cell.id}: no slide type" for cell in cells if slide_type(cell) not in SLIDE_TYPES]
    for number, slide in enumerate(slides_of(cells), 1):
        codes = [part.cell for part in slide.parts if part.cell is not None]
        texts = [part.text for part in slide.parts if part.cell is None]
        if not any(texts) and not any(cell.outputs for cell in codes):
            faults.append(f"slide {number} is blank")
        if len(codes) > 1:
            faults.append(f"slide {number} shows the outputs of {len(codes)} cells")
        for cell in codes:
            faults += [f"slide {number}, {cell.id}: {why}" for why in unfit(cell)]
        faults += [
            f"slide {number}: {len(text)} letters: {text[:50]}"
            for text in texts
            if len(text) > MOST_LETTERS and not text.startswith(("- ", "> ", "|", "1. "))
        ]
        asked = [i for i, part in enumerate(slide.parts) if part.text.startswith("**Predict")]
        if asked and any(part.cell and not part.waits for part in slide.parts[asked[0] + 1 :]):
            faults.append(f"slide {number}: the answer does not wait for the question")
    return faults


def unfit(cell) -> list[str]:
    """Why the outputs of a cell are no matter for a lecture."""
    found = [
        f"a cell tagged {tag}"
        for tag in ("exercise", "solution", "timing")
        if tag in cell.metadata.get("tags", [])
    ]
    for output in cell.outputs:
        words = "".join(output.get("data", {}).get("text/plain", output.get("text", "")))
        if CLAIM in output.get("data", {}):
            found.append("the card of a claim")
        if words.startswith(("○", "Exercises solved")):
            found.append("exercises")
        if words.startswith("vizkit/"):
            found.append("source of the package")
        if words.startswith("✓ "):
            found.append("a check of versions")
    if not cell.outputs:
        found.append("nothing to see")
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_deck_is_a_lecture(name):
    cells, slides = deck(name)
    few, many = tool.FEWEST, tool.MOST
    assert few <= len(slides) <= many, f"{len(slides)} slides; a deck has {few} to {many}"
    assert slides[0].title.startswith("# ")
    assert faults_of(cells) == []


def cell(source: str, kind: str, **parts):
    new = new_markdown_cell(source) if not parts else new_code_cell(source, **parts)
    new.metadata["slideshow"] = {"slide_type": kind}
    return new


PRINTED = [new_output("stream", text="3\n")]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ([new_markdown_cell("A text.")], "no slide type"),
        ([cell("", "slide")], "slide 1 is blank"),
        ([cell("x" * 400, "slide")], "400 letters"),
        ([cell("Now.", "slide"), cell("check()", "-", outputs=[])], "nothing to see"),
        ([cell("**Predict.** 2?", "slide"), cell("3", "-", outputs=PRINTED)], "does not wait"),
        ([cell("Now.", "slide"), *[cell("3", "-", outputs=PRINTED)] * 2], "outputs of 2 cells"),
        (
            [
                cell("Now.", "slide"),
                cell("v", "-", outputs=[new_output("stream", text="✓ torch 2\n")]),
            ],
            "versions",
        ),
        (
            [
                cell("Now.", "slide"),
                cell("c", "-", outputs=[new_output("display_data", {CLAIM: {}})]),
            ],
            "a claim",
        ),
    ],
)
def test_what_is_no_lecture_is_noticed(cells, fault):
    assert any(fault in one for one in faults_of(cells)), faults_of(cells)


def test_what_of_a_text_stands_on_a_slide():
    cells = [
        cell("# 00 · Title\n\n> A promise.\n\nMore.", "slide"),
        cell("## One\n\nSet-up. And more.\n\n**Predict.** What comes?", "slide"),
        cell("show()", "fragment", outputs=PRINTED),
        cell(
            "It came, as everybody in this room had foretold. A reason.\n\n### Two\n\nFirst. Second.\n\n$$a$$",
            "subslide",
        ),
        cell("hidden()", "skip", outputs=PRINTED),
        cell("Said in passing.", "notes"),
    ]
    title, one, two = slides_of(cells)
    assert [part.text for part in title.parts] == ["> A promise."]
    assert (one.new_section, one.title, two.new_section, two.title) == (
        True,
        "## One",
        False,
        "### Two",
    )
    asked, shown, told = one.parts
    assert asked.text == "**Predict.** What comes?"
    assert (shown.cell.source, shown.waits) == ("show()", True)
    assert (told.text, told.waits) == ("It came, as everybody in this room had foretold.", True)
    assert [part.text for part in two.parts] == ["First. Second.", "$$a$$"]
    assert two.section == "One"
    # Nothing of the text is lost: the speaker has all of it.
    notes = "\n".join(note for slide in (title, one, two) for note in slide.notes)
    for text in ("More.", "Set-up. And more.", "A reason.", "Second.", "Said in passing."):
        assert text in notes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "It does. Every row says so, and every column too. More.",
            "It does. Every row says so, and every column too.",
        ),
        (
            "He et al. (2016) trained a network of 152 layers. More.",
            "He et al. (2016) trained a network of 152 layers.",
        ),
        (
            "The share (see 03. It is small) falls to $0. 5$ at the end. More.",
            "The share (see 03. It is small) falls to $0. 5$ at the end.",
        ),
        ("Only one", "Only one"),
    ],
)
def test_the_first_sentence(text, sentence):
    assert first_sentence(text) == sentence


def test_the_tool_leaves_out_what_says_nothing_and_prints_the_deck(tmp_path, capsys):
    cells = [
        cell("# 00 · T\n\n> Promise.", "slide"),
        new_markdown_cell("New."),
        cell("f()", "-", outputs=PRINTED),
    ]
    path = tmp_path / "00_t.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    for said in ("1 cells had no slide type", "# 00 · T"):
        assert tool.main([str(path)]) == 0
        assert said in capsys.readouterr().out
    assert [slide_type(one) for one in nbformat.read(path, 4).cells] == ["slide", "skip", "-"]
    assert "had no" not in capsys.readouterr().out
