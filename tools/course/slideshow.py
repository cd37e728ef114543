"""A notebook's slideshow metadata as slides: which cells, and what of their text, stand on which.

The metadata is Jupyter's own (`slideshow.slide_type`: slide, subslide, fragment, skip, notes, "-"), so nbconvert and
JupyterLab show the same slides. They show a text cell whole; a deck of this course shows one idea of it, by one rule:

- what is asked in it (**Predict.**) stands on the slide; where nothing is asked, the list, quotation or formula that it
  begins with, the sentence with a colon that ends it and announces what comes, or else its first sentence;
- its first heading, or the one above the question, is the slide's title;
- what stands before the heading or the question (where there is neither, before its last paragraph) speaks of the
  outputs above: its first sentence ends their slide;
- the whole text stands in the speaker's notes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

BEGINS = ("slide", "subslide")
SLIDE_TYPES = (*BEGINS, "fragment", "skip", "notes", "-")
ENOUGH = 45  # letters: a sentence that is shorter, such as "It does.", brings the next one along
_HEADING = re.compile(r"#{1,6} ")
_QUESTION = re.compile(r"(?:.*\s)?(?=\*\*Predict\b)", re.DOTALL)
_WHOLE = re.compile(r"(?:[-*>|] ?|\d+\. |\$\$)")  # a list, a quotation, a table, a formula
_ABBREVIATIONS = ("al.", "e.g.", "i.e.", "vs.", "cf.", "Eq.", "Fig.", "Sec.", "no.")
_ENDS = re.compile(r"[.?!][\"'”’*_)]*\s+(?=[\"'“(*_$`\[⟨]*[A-Z0-9$⟨*])")
_CLOSED = re.compile(r"`[^`]*`|\$[^$]*\$|\([^()]*\)|\[[^\[\]]*\]")  # where no sentence ends


@dataclass
class Part:
    """A piece of a slide: text (Markdown), or a code cell, whose outputs are shown.

    Attributes:
        waits: whether it comes with a click of its own.
    """

    text: str = ""
    cell: Any = None
    waits: bool = False


@dataclass
class Slide:
    """What stands on one slide, from top to bottom.

    Attributes:
        new_section: whether it begins a section or goes on with one.
        title: Markdown of its heading, with the signs that say its level; "" for none.
        section: the heading of the section that it belongs to.
        notes: Markdown for the speaker.
    """

    new_section: bool
    title: str = ""
    section: str = ""
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def slide_type(cell: Any) -> str:
    """What the metadata of a cell says; "" if nothing."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "")


def slides_of(cells: Sequence[Any]) -> list[Slide]:
    """The slides of a notebook's cells; those before the first slide belong to none."""
    slides: list[Slide] = []
    section, above = "", None
    for cell in cells:
        kind = slide_type(cell)
        text = cell.source if cell.cell_type == "markdown" else ""
        before, heading, after = divided(text, follows=kind in BEGINS and _is_shown(above))
        if kind in BEGINS:
            if slides and before and _is_shown(above):
                slides[-1].parts.append(Part(first_sentence(before[0]), waits=True))
                slides[-1].notes.append("\n\n".join(before))
            slides.append(Slide(kind == "slide", heading, section))
        if title := _section_title(text):
            section = title
        if slides and kind not in ("skip", ""):
            _add(slides[-1], cell, kind, before, after)
        above = cell
    return slides


def _add(slide: Slide, cell: Any, kind: str, before: list[str], after: list[str]) -> None:
    if cell.cell_type == "code":
        slide.parts.append(Part(cell=cell, waits=kind == "fragment"))
    elif cell.cell_type != "markdown":
        return
    elif kind == "notes":
        slide.notes.append(cell.source)
    elif kind in BEGINS:
        slide.parts += [Part(text) for text in shown(after, begins=True)]
        slide.notes.append("\n\n".join(after))
    else:
        told = before or after
        slide.parts += [Part(text, waits=kind == "fragment") for text in shown(told, begins=False)]
        slide.notes.append("\n\n".join(told))


def _is_shown(cell: Any) -> bool:
    """Whether a cell's outputs stand on a slide."""
    hidden = ("skip", "notes", "")
    return cell is not None and cell.cell_type == "code" and slide_type(cell) not in hidden


def divided(text: str, *, follows: bool) -> tuple[list[str], str, list[str]]:
    """What a text says of the outputs above, its heading, and what it goes on with, in blocks.

    Args:
        follows: whether there are outputs above that it may speak of.
    """
    blocks = _blocks(text)
    headings = [i for i, block in enumerate(blocks) if _HEADING.match(block)]
    asked = next((i for i, block in enumerate(blocks) if _QUESTION.match(block)), None)
    above = [i for i in headings if asked is None or i < asked]
    if above:
        title = above[0] if asked is None else above[-1]
        return blocks[: above[0]], blocks[title], blocks[title + 1 :]
    start = asked if asked is not None else len(blocks) - 1 if follows else 0
    return blocks[:start], "", blocks[start:]


def _section_title(text: str) -> str:
    """The last heading of a text that begins a section."""
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    return titles[-1] if titles else ""


def _blocks(text: str) -> list[str]:
    """A text cut at its blank lines; code and formulas stay whole, headings stand alone."""
    blocks, fence = [""], ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(```|\$\$)", line)
        if mark and (not fence or fence == mark[1]) and line.count("$$") < 2:
            fence = "" if fence else mark[1]
        alone = _HEADING.match(line) and not fence
        if (not line.strip() and not fence) or alone:
            blocks += [line, ""] if alone else [""]
        else:
            blocks[-1] += line + "\n"
    return [block.strip("\n") for block in blocks if block.strip()]


def shown(blocks: Sequence[str], *, begins: bool) -> list[str]:
    """What of a text stands on a slide, as Markdown; `begins` where it begins the slide."""
    question = next((i for i, block in enumerate(blocks) if _QUESTION.match(block)), None)
    if question is not None:
        answers = [block for block in blocks[question + 1 : question + 2] if _WHOLE.match(block)]
        return [_QUESTION.sub("", blocks[question], count=1), *answers]
    if not blocks:
        return []
    if _WHOLE.match(blocks[0]):
        return [blocks[0]]
    formulas = [block for block in blocks if block.startswith("$$")]
    if begins and blocks[-1].endswith(":"):
        return [*formulas[:1], last_sentence(blocks[-1])]
    return [first_sentence(blocks[0]), *formulas[:1]]


def first_sentence(text: str) -> str:
    """The first sentence of a paragraph, and the next one where it is very short; a question is never brought along."""
    first, *more = _sentence_ends(text)
    brings = more and first < ENOUGH and not text[: more[0]].rstrip().endswith("?")
    return text[: more[0] if brings else first].strip()


def last_sentence(text: str) -> str:
    """The last sentence of a paragraph."""
    ends = [0, *_sentence_ends(text)]
    return text[ends[-2] :].strip()


def _sentence_ends(text: str) -> list[int]:
    """Where the sentences of a paragraph end."""
    hidden = text
    for _ in range(3):  # brackets in brackets
        hidden = _CLOSED.sub(lambda match: "x" * len(match[0]), hidden)
    ends = (match.end() for match in _ENDS.finditer(hidden))
    return [*(end for end in ends if not text[:end].rstrip().endswith(_ABBREVIATIONS)), len(text)]
