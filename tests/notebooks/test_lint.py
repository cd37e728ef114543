"""What every notebook of the course looks like."""

import ast
import itertools
import math
import re
from pathlib import Path

import nbformat
import pytest

from tools.course.looked import mark_looked, unlooked
from tools.course.measure import table_path
from vizkit.course import CLAIMS, NOTEBOOKS
from vizkit.course.claims import CLAIM_MIME
from vizkit.course.storage import read_json

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("[0-9]*.ipynb"))
SECTIONS = (
    "What you will be able to do",
    "Time and memory",
    "Before you start",
    "Quiz",
    "Take-aways",
    "Glossary",
)
MAX_LINES, P90_LINES = 25, 15
# JupyterLab shows the first line of a folded cell.
SOLUTION = "# Solution: open this cell to read it"
QUIZ = "# Quiz: the answers are in this cell"
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|Users|tmp|work|usr|opt|mnt|var)/|[A-Z]:\\\\")


def problems_of(notebook, path: Path) -> list[str]:
    """Everything that breaks the conventions, as sentences."""
    checks = (
        _headings,
        _sections,
        _glossary,
        _prose,
        _code,
        _outputs,
        _exercises,
        _links,
        _claims,
        _looked,
    )
    return [problem for check in checks for problem in check(notebook, path)]


def _markdown(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def _heading_lines(notebook) -> list[tuple[int, str]]:
    text = re.sub(r"^```.*?^```", "", _markdown(notebook), flags=re.MULTILINE | re.DOTALL)
    return [(len(m[1]), m[2].strip()) for m in re.finditer(r"^(#+) (.*)$", text, re.MULTILINE)]


def _headings(notebook, path):
    first = notebook.cells[0].source if notebook.cells else ""
    number = path.stem[:2]
    if not re.match(rf"# {number} · \S.*\n\n?> \S", first):
        yield f"the first cell must be '# {number} · Title' and a promise that starts with '> '"
    levels = [level for level, _ in _heading_lines(notebook)]
    if levels.count(1) != 1:
        yield f"expected one heading of level 1, found {levels.count(1)}"
    for before, after in itertools.pairwise(levels):
        if after > before + 1:
            yield f"a heading jumps from level {before} to level {after}"


def _sections(notebook, path):
    titles = [title for level, title in _heading_lines(notebook) if level == 2]
    found = [title for title in titles if title in SECTIONS]
    if found != list(SECTIONS):
        yield f"expected the sections {SECTIONS} in this order, found {found}"
    text = _markdown(notebook)
    if "⟨not measured yet⟩" in text or not re.search(
        r"^## Time and memory\n[^⟨]*⟨about \d+ seconds? and [\d.]+ GB", text, re.MULTILINE
    ):
        yield "the time and memory are not measured: run python -m tools.course.outputs"
    row = read_json(table_path()).get(path.stem)
    if row and f"⟨about {row['seconds']:.0f} seconds and {row['gigabytes']:.1f} GB" not in text:
        yield "the time and memory differ from the measured table: run python -m tools.course.outputs"


def glossary_of(notebook) -> dict[str, str]:
    """English terms and their Korean words."""
    glossary = _markdown(notebook).split("## Glossary")[-1]
    rows = re.findall(r"^\|([^|]*[A-Za-z][^|]*)\|([^|]*[가-힣][^|]*)\|", glossary, re.MULTILINE)
    terms = {english.strip(" *`"): korean.strip() for english, korean in rows}
    terms.pop("English", None)  # the head of the table
    return terms


def _glossary(notebook, path):
    terms = glossary_of(notebook)
    if len(terms) < 3:
        yield f"the glossary needs three terms in English and Korean, found {len(terms)}"
    body = _markdown(notebook).split("## Glossary")[0]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    text = f"{body}\n{code}".lower()
    for term in terms:
        # The first letters of each word: "interpolation" also explains "interpolate".
        words = re.findall(r"[a-z0-9]+", re.sub(r"\(.*\)", "", term.lower()))
        if not all(word[: max(4, len(word) - 4)] in text for word in words):
            yield f"the glossary explains {term!r}, which the notebook never mentions"
    if korean := re.findall("[가-힣]+", body):
        yield f"Korean words belong into the glossary: {korean}"


def _prose(notebook, path):
    for before, cell in zip([None, *notebook.cells], notebook.cells, strict=False):
        if cell.cell_type == "code" and (before is None or before.cell_type != "markdown"):
            yield f"no prose before the code cell {cell.id}"


def _code(notebook, path):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lengths = sorted(len(cell.source.splitlines()) for cell in cells)
    if not cells:
        yield "no code at all"
        return
    if lengths[math.ceil(0.9 * len(lengths)) - 1] > P90_LINES or lengths[-1] > MAX_LINES:
        yield f"code cells are too long: {lengths[-5:]} lines"
    for cell in cells:
        if not cell.source.strip():
            yield f"cell {cell.id} is empty"
        if cell.execution_count is None:
            yield f"cell {cell.id} was not run"
        if re.search(r"^\s*#\s*NBVAL_", cell.source, re.MULTILINE):
            yield f"cell {cell.id} has an NBVAL comment: use a tag"
        if ABSOLUTE_PATH.search(cell.source):
            yield f"cell {cell.id} holds an absolute path"


def _outputs(notebook, path):
    if "widgets" in notebook.metadata:
        yield "widget state is stored"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text") or data.get("text/plain", "")
            if output.output_type == "error":
                yield f"cell {cell.id} stores a traceback"
            if output.get("name") == "stderr":
                yield f"cell {cell.id} stores a warning or other noise: {text[:80]!r}"
            if "application/vnd.jupyter.widget-view+json" in data:
                yield f"cell {cell.id} stores the view of a widget"
            if ABSOLUTE_PATH.search(text) or " at 0x" in text:
                yield f"cell {cell.id} prints a path or an address: {text[:80]!r}"
            if "application/vnd.plotly.v1+json" in data and "image/png" not in data:
                yield f"the figure of cell {cell.id} has no static picture"
            if "image/png" in data:
                alt = output.metadata.get("image/png", {}).get("alt", "")
                if len(alt) < 12 or alt.startswith("<"):
                    yield f"a picture of cell {cell.id} has no alt text: {alt!r}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(|<img(?![^>]*alt=)", cell.source):
            yield f"an image in the markdown cell {cell.id} has no alt text"


def _exercises(notebook, path):
    text = _markdown(notebook)
    count = len(re.findall(r"^### Exercise: \S", text, re.MULTILINE))
    levels = len(re.findall(r"difficulty [1-5] of 5 · \d+ minutes", text))
    if count < 2 or levels < count:
        yield f"{count} exercises (at least 2), {levels} with 'difficulty n of 5 · m minutes'"
    stubs = [c for c in notebook.cells if "exercise" in c.metadata.get("tags", [])]
    solutions = [c for c in notebook.cells if "solution" in c.metadata.get("tags", [])]
    if not len(stubs) == len(solutions) == count:
        yield f"{count} exercises, {len(stubs)} stubs, {len(solutions)} solutions (by tag)"
    for cell in stubs:
        if "not yet attempted" not in _plain(cell):
            yield f"the untouched stub {cell.id} is not 'not yet attempted'"
    for cell in solutions:
        if not cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"the solution {cell.id} is not folded: jupyter.source_hidden in its metadata"
        if "record_progress=False" not in cell.source or ": right" not in _plain(cell):
            yield f"the solution {cell.id} must be right and must not count as progress"
        if not cell.source.startswith(SOLUTION):
            yield f"the folded solution {cell.id} must begin with {SOLUTION!r}: it is on view"
    asked = [c for c in notebook.cells if c.cell_type == "code" and "quiz(" in c.source]
    if not asked:
        yield "no quiz"
    for cell in asked:
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
        hidden_in_marimo = cell.metadata.get("marimo", {}).get("config", {}).get("hide_code")
        if not (hidden and hidden_in_marimo and cell.source.startswith(QUIZ)):
            yield f"the quiz {cell.id} shows its answer: fold it, with {QUIZ!r} as its first line"


LINK = r"\]\(([^)\s]+)\)"


def _plain(cell) -> str:
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.get("outputs", [])
    )


def _links(notebook, path):
    text = _markdown(notebook)
    for target in re.findall(LINK, text):
        outside = re.match(r"https?:|mailto:|#|attachment:", target)
        if not outside and not (path.parent / target.split("#")[0]).exists():
            yield f"dead link: {target}"
    for named in re.findall(r"\bnotebooks? \d\d\b", re.sub(LINK, "", text)):
        yield f"named without a link: {named}"


def _claim_words(source: str) -> list[str]:
    """Sentences and notes that a cell gives to its claims word by word; a formatted one may be any text."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic
        return []
    return [
        keyword.value.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "claim"
        for keyword in call.keywords
        if keyword.arg in ("sentence", "note") and isinstance(keyword.value, ast.Constant)
    ]


def _claims(notebook, path):
    for cell in notebook.cells:
        contents = [output.get("data", {}).get(CLAIM_MIME) for output in cell.get("outputs", [])]
        stored = [
            content.get(word) for content in contents if content for word in ("sentence", "note")
        ]
        for words in _claim_words(cell.source):
            if contents and words not in stored:
                yield f"the source of {cell.id} says {words[:60]!r}, its stored claim does not"
        for output in cell.get("outputs", []):
            content = output.get("data", {}).get(CLAIM_MIME)
            if content and path.stem not in CLAIMS[content["id"]].notebooks:
                yield f"claim {content['id']} belongs to {CLAIMS[content['id']].notebooks}"
            if content and content["measured"] and not content["rivals"]:
                yield f"claim {content['id']} is measured without a control"


def _looked(notebook, path):
    if cells := unlooked(notebook):
        yield (
            "nobody has compared these texts with the outputs above them since those changed: "
            f"{' '.join(cells)}; do, then run python -m tools.course.looked notebooks/{path.name}"
        )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_keeps_the_conventions(path):
    problems = problems_of(nbformat.read(path, as_version=4), path)
    assert not problems, "\n".join(problems)


def test_a_term_has_one_korean_word_in_the_whole_course():
    words: dict[str, set[str]] = {}
    for path in PATHS:
        for english, korean in glossary_of(nbformat.read(path, as_version=4)).items():
            words.setdefault(english.lower(), set()).add(korean)
    assert {english: korean for english, korean in words.items() if len(korean) > 1} == {}


def test_the_map_leads_to_every_notebook():
    start = nbformat.read(FOLDER / "00_start_here.ipynb", as_version=4)
    lines = _markdown(start).split("## The map of the course")[1].split("## ")[0].splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    linked = [target for row in rows for target in re.findall(LINK, row)]
    wanted = [f"{name}.ipynb" for name in NOTEBOOKS[1:]]
    assert linked == wanted, "each of NOTEBOOKS has its row in the map of 00_start_here.ipynb"


def test_nothing_else_lies_in_the_folder():
    assert PATHS, "there are no notebooks"
    known = {f"{name}.ipynb" for name in NOTEBOOKS} | {"ledger.ipynb"}
    assert {p.name for p in FOLDER.iterdir() if not p.name.startswith(".")} <= known


GOOD_TEXT = """# 01 · Title

> One sentence on heads, patches and tokens.

## What you will be able to do
## Time and memory
⟨about 3 seconds and 0.2 GB of memory⟩
## Before you start
### Exercise: one
difficulty 1 of 5 · 2 minutes
### Exercise: two
difficulty 2 of 5 · 2 minutes
## Quiz
## Take-aways
## Glossary
| patch | 패치 | a |
| token | 토큰 | b |
| head | 헤드 | c |
"""


def _good():
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    def code(id, source, text, **metadata):
        data = {"text/plain": text, "image/png": "x"}
        alt = {"image/png": {"alt": "two lines that rise"}}
        output = new_output("display_data", data, metadata=alt)
        return new_code_cell(source, id=id, execution_count=1, outputs=[output], metadata=metadata)

    text, end = GOOD_TEXT.split("## Quiz")
    cells = [new_markdown_cell(text, id="text")]
    for n in "12":
        cells += [
            code(f"stub{n}", "x = ...", "○ one: not yet attempted", tags=["exercise"]),
            new_markdown_cell("Folded.", id=f"folded{n}"),
            code(
                f"solution{n}",
                f"{SOLUTION}\ncheck(record_progress=False)",
                "✓ one: right",
                tags=["solution"],
                jupyter={"source_hidden": True},
            ),
            new_markdown_cell("Explained.", id=f"explained{n}"),
        ]
    fold = {"jupyter": {"source_hidden": True}, "marimo": {"config": {"hide_code": True}}}
    cells += [code("shown", "draw()", "a picture"), new_markdown_cell("It rises.", id="about")]
    cells += [new_markdown_cell(f"## Quiz{end}", id="end")]
    cells += [code("quiz", f"{QUIZ}\nquiz('a')", "Question: a", **fold)]
    notebook = new_notebook(cells=cells)
    mark_looked(notebook)
    return notebook


def _edit_shown(**changes):
    def edit(notebook):
        (cell,) = [cell for cell in notebook.cells if cell.id == "shown"]
        cell.outputs[0].data.update(changes)

    return edit


def _bundle(**changes):
    content = {"id": "A1", "measured": [{}], "rivals": [{}], **changes}
    return _edit_shown(**{CLAIM_MIME: content})


def _edit_claim(notebook):
    (cell,) = [cell for cell in notebook.cells if cell.id == "shown"]
    cell.source = "claim('A1', sentence='It rose.')"


def _edit_text(old, new):
    def edit(notebook):
        cell = next(cell for cell in notebook.cells if old in cell.source)
        cell.source = cell.source.replace(old, new, 1)

    return edit


def _edit_cell(**changes):
    return lambda notebook: notebook.cells[1].update(changes)


def _edit_output(**changes):
    return lambda notebook: notebook.cells[1].outputs[0].update(changes)


BREAKS = {
    "no promise": (_edit_text("> One", "One"), "first cell"),
    "jump": (_edit_text("## Before", "#### Before"), "jumps"),
    "no take-aways": (_edit_text("## Take-aways\n", ""), "sections"),
    "not measured": (_edit_text("about 3 seconds", "soon"), "not measured"),
    "no Korean": (_edit_text("헤드", "head"), "glossary"),
    "term not used": (_edit_text("| head |", "| saliency |"), "never mentions"),
    "Korean in the text": (_edit_text("> One", "> 패치 One"), "belong into the glossary"),
    "dead link": (_edit_text("## Quiz", "[x](gone.md)\n## Quiz"), "dead link"),
    "no link": (_edit_text("## Quiz", "See notebook 07.\n## Quiz"), "without a link: notebook 07"),
    "no level": (_edit_text("difficulty 2 of 5", "easy"), "exercises"),
    "image without alt": (_edit_text("## Quiz", "![](a.png)\n## Quiz"), "alt text"),
    "no prose": (lambda notebook: notebook.cells.pop(2), "no prose"),
    "long cell": (_edit_cell(source="x\n" * 30), "too long"),
    "not run": (_edit_cell(execution_count=None), "not run"),
    "comment": (_edit_cell(source="x = 1\n# NBVAL_IGNORE_OUTPUT"), "NBVAL"),
    "path in code": (_edit_cell(source="open('/home/me/x')"), "absolute path"),
    "stderr": (_edit_output(name="stderr"), "noise"),
    "error": (_edit_output(output_type="error"), "traceback"),
    "address": (_edit_output(data={"text/plain": "<A at 0x7f>"}), "address"),
    "no alt": (_edit_output(metadata={}), "no alt text"),
    "widget view": (
        _edit_output(data={"application/vnd.jupyter.widget-view+json": {}}),
        "view of a widget",
    ),
    "no static picture": (
        _edit_output(data={"application/vnd.plotly.v1+json": {}}),
        "no static picture",
    ),
    "foreign claim": (_bundle(id="C1"), "claim C1 belongs"),
    "another sentence": (
        lambda notebook: (_bundle(sentence="It fell.")(notebook), _edit_claim(notebook)),
        "its stored claim does not",
    ),
    "no control": (_bundle(rivals=[]), "without a control"),
    "no look": (_edit_shown(**{"text/plain": "another picture"}), "compared these texts"),
    "no look at a picture": (_edit_shown(**{"image/png": "y"}), "compared these texts"),
    "state": (lambda notebook: notebook.metadata.update(widgets={}), "widget state"),
    "quiz unfolded": (lambda notebook: notebook.cells[-1].metadata.clear(), "shows its answer"),
    "quiz begins with it": (
        lambda notebook: notebook.cells[-1].update(source="quiz('a')"),
        "shows its answer",
    ),
    "solution begins with it": (
        lambda notebook: notebook.cells[3].update(source="check(record_progress=False)"),
        "must begin with",
    ),
    "unfolded": (lambda notebook: notebook.cells[3].metadata.pop("jupyter"), "not folded"),
    "progress": (lambda notebook: notebook.cells[3].update(source="check()"), "as progress"),
}


def test_lint_accepts_a_good_notebook():
    assert problems_of(_good(), Path("01_x.ipynb")) == []


@pytest.mark.parametrize("name", BREAKS)
def test_lint_notices(name):
    notebook = nbformat.from_dict(_good())
    plant, message = BREAKS[name]
    plant(notebook)
    found = problems_of(notebook, Path("01_x.ipynb"))
    assert any(message in problem for problem in found), found
