"""The site's parts without a browser: text made safe, the cache, the replacement of the old site."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.site import __main__ as command
from tools.site import build, execute
from tools.site.build import STAMP, build_site
from tools.site.notebook import Code, Page, page_of
from tools.site.pages import index_page, notebook_page
from tools.site.text import CourseRenderer, cleaned, colored, markdown, mathml, plain

TAG = "<img src=x onerror=alert(1)>"
NOTHING_SHOWN = {"models": {}, "links": []}


def html_of(text: str, pages: frozenset[str] = frozenset()) -> str:
    return markdown(CourseRenderer(pages))(text)


# ---------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\x00b\x07\x9b", "a\ufffdb\ufffd\ufffd"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("one\r\ntwo\rthree\tfour\n", "one\ntwo\nthree\tfour\n"),
    ],
)
def test_control_characters_are_visible(given, shown):
    assert plain(given) == shown


@pytest.mark.parametrize(
    "hostile",
    [
        TAG,
        "<script>alert(1)</script>",
        "<svg onload=alert(1)>",
        "<style>*{display:none}</style>",
        "<iframe src=//x></iframe>",
        "<a href=javascript:alert(1)>x</a>",
        "<a href='javascript:1'>x</a>",
        "<a href='java\nscript:alert(1)'>x</a>",
        "<b onclick=alert(1)>x</b>",
        "<div style='position:fixed;inset:0'>x</div>",
        "<form action=//x><input></form>",
        "<math><mtext><script>alert(1)</script></mtext></math>",
    ],
)
def test_html_of_an_output_loses_what_acts(hostile):
    for html in (cleaned(hostile), html_of(hostile), html_of(f"| {hostile} |\n|---|\n")):
        for bad in ("<img", "<script", "<svg", "<style", "<iframe", "<form", "<input", "<math"):
            assert bad not in html
        assert "javascript:" not in html.split("&lt;")[0]
        assert 'onclick="' not in html
        assert "position" not in html.split("&lt;")[0]


def test_html_of_an_output_keeps_its_looks():
    html = '<details open><summary style="cursor:pointer;">s</summary><pre tabindex="0" style="color:var(--x,#123456);">x</pre></details>'
    assert cleaned(html) == html


@pytest.mark.parametrize(
    "tex",
    [
        rf"\text{{{TAG}}}",
        r"\text{<img src='x' onerror='alert(1)'/>}",
        r"\text{<!--><img src=x onerror=alert(1)>-->}",
        r"\href{javascript:alert(1)}{x}",
        TAG,
        "\\frac{",
    ],
)
def test_a_formula_holds_nothing_but_mathematics(tex):
    for html in (mathml(tex, block=True), html_of(f"${tex}$"), html_of(f"$$\n{tex}\n$$")):
        assert "<img" not in html
        assert "<!--" not in html
        assert "href=" not in html


def test_formulas_become_mathml():
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html_of("Take $x^2$.")
    assert '<div class="formula"><math display="block">' in html_of("$$\\frac{a}{b}$$")
    assert "<math" not in html_of("`$x$` costs \\$5 and \\$6")


def test_links_stay_in_the_site_or_are_plain_text():
    pages = frozenset({"06_clip"})
    assert 'href="06_clip.html#Quiz"' in html_of("[a](06_clip.ipynb#Quiz)", pages)
    assert 'href="#Quiz"' in html_of("[a](#Quiz)", pages)
    assert 'href="https://a.org/?b=1&amp;c=2"' in html_of("[a](https://a.org/?b=1&c=2)", pages)
    for gone in (
        "07_gone.ipynb",
        "/etc/passwd",
        "../x.html",
        "file:///x",
        "//x.org",
        "data:text/html,x",
    ):
        assert "href" not in html_of(f"[a]({gone})", pages)
    assert "<img" not in html_of("![a](https://a.org/x.png)")
    assert 'alt="&lt;i&gt;"' in html_of("![<i>](data:image/png;base64,AAAA)")


def test_headings_get_the_places_that_jupyterlab_gives_them():
    renderer = CourseRenderer(frozenset())
    html = markdown(renderer)("## Far $x$ away\n\n## Far $x$ away\n\n### <b>")
    assert 'id="Far-x-away"' in html
    places = [(level, place) for level, place, _ in renderer.headings]
    assert places == [(2, "Far-x-away"), (2, "Far-x-away-2"), (3, "<b>")]


def test_code_is_colored_and_escaped():
    assert '<span class="k">def</span>' in colored("def f(): pass")
    assert colored(TAG, "no such language") == "&lt;img src=x onerror=alert(1)&gt;"


# ---------------------------------------------------------------------------- a page


def test_stored_times_are_kept_and_unknown_widgets_explained():
    timing = new_code_cell("time()", metadata={"tags": ["timing"]})
    timing.outputs = [new_output("stream", text="⟨5 s⟩\n")]
    cells = [new_markdown_cell("# 05 · Title <b>\n\n> A $x$.\n"), timing, new_code_cell("w")]
    view = new_output("display_data", {execute.WIDGET_MIME: {"model_id": "1"}, "text/plain": "w"})
    models = {"1": {"name": "IntSlider", "width": "", "told": []}}
    run = {
        "outputs": [[new_output("stream", text="⟨99 s⟩\n")], [view]],
        "widgets": {"models": models, "links": []},
    }
    page = page_of("05_x", new_notebook(cells=cells), run, ["05_x"])
    html = "".join(page.blocks)
    assert "⟨5 s⟩" in html
    assert "⟨99 s⟩" not in html
    assert "needs JupyterLab: a control (IntSlider)." in html
    assert (page.title, page.widgets) == ("05 · Title &lt;b&gt;", [])


def test_code_that_would_come_from_elsewhere_is_not_put_on_a_page():
    script = 'import x from "https://a.org/x.js";\nexport default { render() {} };'
    model = {"name": "W", "width": "", "told": [], "script": script, "style": "", "state": {}}
    view = new_output("display_data", {execute.WIDGET_MIME: {"model_id": "1"}})
    run = {"outputs": [[view]], "widgets": {"models": {"1": model}, "links": []}}
    page = page_of("a", new_notebook(cells=[new_code_cell("w")]), run, ["a"])
    assert not page.codes
    assert "needs JupyterLab" in "".join(page.blocks)


def test_a_drawing_is_a_picture_with_its_alt_text():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>'
    data = {"image/svg+xml": svg, "text/html": "<img src='data:x'>", "text/plain": "A <b> line."}
    run = {"outputs": [[new_output("display_data", data)]], "widgets": NOTHING_SHOWN}
    html = "".join(page_of("a", new_notebook(cells=[new_code_cell("w")]), run, ["a"]).blocks)
    assert '<img src="data:image/svg+xml;base64,' in html
    assert 'alt="A &lt;b&gt; line."' in html
    assert "&lt;img" not in html


# ---------------------------------------------------------------------------- the cache


def written(path: Path, *sources: str, prose: str = "# 00 · A\n\n> B.") -> Path:
    cells = [new_markdown_cell(prose), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def key(path: Path) -> str:
    return execute.fingerprint(nbformat.read(path, as_version=4))


def test_changed_code_runs_again_and_changed_prose_does_not(tmp_path, monkeypatch):
    path = written(tmp_path / "a.ipynb", "1 + 1")
    first = key(path)
    assert key(written(path, "1 + 1", prose="# Other")) == first
    assert key(written(path, "1 + 2")) != first
    monkeypatch.setattr(execute, "version", lambda name: "0.0")
    assert key(written(path, "1 + 1")) != first


def test_a_second_run_takes_everything_from_the_cache(tmp_path, monkeypatch):
    path, cache = written(tmp_path / "a.ipynb", "1 + 1"), tmp_path / "cache"
    ran = []

    def pretend(notebook, folder, on_cell):
        ran.append(folder)
        return {"outputs": [[]], "widgets": NOTHING_SHOWN}

    monkeypatch.setattr(execute, "run_anew", pretend)
    assert not execute.is_cached(path, cache)
    assert execute.run(path, cache) == execute.run(path, cache)
    assert execute.is_cached(path, cache)
    assert len(ran) == 1
    execute.run(written(path, "1 + 2"), cache)
    assert (len(ran), len(list(cache.iterdir()))) == (2, 1)


def test_a_notebook_runs_in_a_kernel_of_its_own_offline(tmp_path):
    code = "import os, socket\nprint(os.getcwd().split('/')[-1])\ntry:\n    socket.create_connection(('1.1.1.1', 80), 1)\nexcept OSError as error:\n    print('runs offline' in str(error))"
    cells = []
    result = execute.run(
        written(tmp_path / "a.ipynb", code, "6 * 7"), tmp_path / "cache", lambda: cells.append(1)
    )
    assert result["outputs"][0][0]["text"] == f"{tmp_path.name}\nTrue\n"
    assert result["outputs"][1][0]["data"]["text/plain"] == "42"
    assert (result["widgets"], len(cells)) == (NOTHING_SHOWN, 2)


SHOWN = """
import base64, json
import numpy as np
from IPython.display import display
from ipywidgets import HBox, jsdlink, jslink
from vizkit.widgets import AttentionMap, SimilarityMatrix
maps = AttentionMap(np.full((3, 2, 9, 9), 1 / 9, dtype="float32"), num_prefix_tokens=0)
rows, gone, apart = (SimilarityMatrix(similarity=np.eye(2)) for _ in range(3))
jslink((maps, "selected"), (rows, "selected"))
jsdlink((rows, "hovered"), (maps, "hovered"))
jslink((rows, "selected"), (apart, "selected"))
rows.observe(print, "selected")
"""
THEN = """
gone.close()
print(json.dumps({
    "later": {name: base64.b64encode(data).decode() for name, data in maps.page_responses().items()},
    "ids": [maps.model_id, rows.model_id],
    "selected": list(rows.selected),
}))
"""


def test_the_site_keeps_what_widgets_hold_and_what_they_request_later(tmp_path):
    path = written(tmp_path / "a.ipynb", SHOWN, "display(HBox([maps, rows]))\ngone", THEN)
    result = execute.run(path, tmp_path / "cache")
    said = json.loads(result["outputs"][2][0]["text"])
    maps, rows = (result["widgets"]["models"][model_id] for model_id in said["ids"])
    assert len(result["widgets"]["models"]) == 3  # with the box, without what was closed
    assert said["later"].keys() == {"0/0/0", "0/0/1"}  # the last layer is on view
    assert (maps["responses"], rows["responses"]) == (said["later"], {})
    assert [one["path"] for one in maps["buffers"]] == [["blocks", "0/0/2"]]
    assert maps["state"]["blocks"] == {}
    assert (maps["told"], rows["told"]) == ([], ["selected"])
    assert not [name for name in maps["state"] if name[0] == "_" or name == "layout"]
    first, second = said["ids"]
    assert result["widgets"]["links"] == [
        {"source": [first, "selected"], "target": [second, "selected"], "both": True},
        {"source": [second, "hovered"], "target": [first, "hovered"], "both": False},
    ]


# ---------------------------------------------------------------------------- the old site and the new


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A folder with one notebook and a site made of it; running it costs nothing."""
    monkeypatch.setattr(build, "run", lambda *_: {"outputs": [], "widgets": NOTHING_SHOWN})
    build_site([written(tmp_path / "00_a.ipynb")], tmp_path / "site")
    return tmp_path


def rest(course: Path) -> set[str]:
    return {path.name for path in course.iterdir()}


def test_a_new_site_replaces_the_old_one_whole(course):
    assert rest(course) == {"00_a.ipynb", "site"}
    build_site([written(course / "01_b.ipynb")], course / "site")
    pages = {path.name for path in (course / "site").glob("*.html")}
    assert pages == {"index.html", "01_b.html"}
    assert rest(course) == {"00_a.ipynb", "01_b.ipynb", "site"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("place", ["run", "index_page", "_write_assets"])
def test_an_interrupted_build_leaves_the_old_site(course, monkeypatch, place, error):
    before = (course / "site" / "index.html").read_text()

    def broken(*_, **__):
        raise error

    monkeypatch.setattr(build, place, broken)
    with pytest.raises((KeyboardInterrupt, OSError)):
        build_site([course / "00_a.ipynb"], course / "site")
    assert (course / "site" / "index.html").read_text() == before
    assert rest(course) == {"00_a.ipynb", "site"}


def test_a_build_killed_between_its_renames_is_undone_by_the_next(course, monkeypatch):
    (course / "site").rename(course / ".site-old")
    (course / ".site-abc.part").mkdir()

    def broken(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "run", broken)
    with pytest.raises(KeyboardInterrupt):
        build_site([course / "00_a.ipynb"], course / "site")
    assert (course / "site" / "index.html").is_file()
    assert rest(course) == {"00_a.ipynb", "site"}


def test_a_folder_of_somebody_else_is_never_replaced(course):
    other = course / "thesis"
    other.mkdir()
    (other / "chapter1.tex").touch()
    for out in (other, other / "chapter1.tex"):
        with pytest.raises(ValueError, match="no site of this course"):
            build_site([course / "00_a.ipynb"], out)
    assert (other / "chapter1.tex").exists()


@pytest.mark.parametrize("notebooks", [[], ["nowhere.ipynb"], [__file__]])
def test_what_is_no_notebook_is_refused(tmp_path, notebooks):
    with pytest.raises(ValueError, match="expected"):
        build_site(notebooks, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_command_says_what_it_made_and_why_it_stopped(course, capsys):
    arguments = ["--notebooks", str(course / "00_a.ipynb"), "--out", str(course / "site")]
    assert command.main(arguments) == 0
    assert "00_a.html" in capsys.readouterr().out
    (course / "site" / STAMP).unlink()
    assert command.main(arguments) == 1
    assert "the site is as it was" in capsys.readouterr().err


def test_a_cell_that_raises_is_named_and_leaves_no_site(tmp_path, capsys):
    path = written(tmp_path / "a.ipynb", "1 / 0")
    assert command.main(["--notebooks", str(path), "--out", str(tmp_path / "site")]) == 1
    assert "ZeroDivisionError: division by zero; no site was written" in capsys.readouterr().err
    assert {item.name for item in tmp_path.iterdir()} == {"a.ipynb"}


def test_the_policy_names_one_nonce_and_every_script_carries_it(course):
    text = (course / "site" / "00_a.html").read_text(encoding="utf-8")
    nonce = text.split("script-src 'nonce-")[1].split("'")[0]
    assert len(nonce) == 24
    assert text.count("<script") == text.count(f'<script nonce="{nonce}"') == 1
    assert "default-src 'none'" in text
    assert json.dumps(text).count("\\u0001") == 0


def test_the_front_page_opens_with_the_first_encoder_and_allows_it_to_run():
    """Pages without one allow no WebAssembly, and the front page has nothing to open with."""
    key = "LivingEncoder_1234"
    living = {"kind": key, "state": {"title": "</script>here"}, "buffers": []}
    quiet = Page("00_a", title="00 · A", blocks=["<p>a</p>"])
    codes = {"Quiz_1": Code("Quiz_1", "", ""), key: Code(key, "", "")}
    other = {"kind": "Quiz_1", "state": {}, "buffers": []}
    alive = Page("01_b", title="01 · B", widgets=[other, living], codes=codes)
    front = index_page([quiet, alive])
    assert '<div class="widget LivingEncoder" id="vizkit-0"></div>' in front
    assert f'src="assets/{key}.js"' in front
    assert "Quiz_1" not in front
    assert "</script>here" not in front
    for text in (front, notebook_page(alive, [quiet, alive])):
        assert "'wasm-unsafe-eval'" in text
    for text in (index_page([quiet]), notebook_page(quiet, [quiet, alive])):
        assert "unsafe-eval" not in text
        assert "LivingEncoder" not in text.split("</head>")[0]
    assert "LivingEncoder" not in index_page([quiet])


def test_without_a_living_encoder_another_instrument_opens_the_front_page():
    key = "AttentionMap_1234"
    widget = {"kind": key, "state": {}, "buffers": []}
    page = Page("00_a", title="00 · A", codes={key: Code(key, "", "")})
    page.widgets = [{**widget, "kind": "Quiz_1"}, widget]
    page.responses = {"vizkit-0-x": "wrong", "vizkit-1-layers": "right"}
    front = index_page([page])
    assert '<div class="widget AttentionMap" id="vizkit-0"></div>' in front
    assert '<script type="text/plain" id="vizkit-0-layers">right</script>' in front
    assert "wrong" not in front
