"""One executed notebook as the content of a page: headings, HTML, widgets, charts."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from tools.site.execute import WIDGET_MIME
from tools.site.text import (
    CourseRenderer,
    cleaned,
    colored,
    escaped,
    markdown,
    mathml,
    plain,
    words_of,
)
from vizkit.course.figures import PLOTLY_MIME
from vizkit.widgets import assets
from vizkit.widgets.page import as_script, ascii_script, has_default_export, json_for_page

_TIME = re.compile(r"^## Time and memory\n[^⟨]*⟨(?:about )?([^⟩]*?)(?: of memory)?⟩", re.MULTILINE)
_PROMISE = re.compile(r"<h1[^>]*>(.*?)</h1>\s*<blockquote>\s*<p>(.*?)</p>", re.DOTALL)
_EXPORTED = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)
_RASTER = ("image/png", "image/jpeg")


@dataclass(frozen=True)
class Code:
    """The script and the style of one kind of widget; `key` changes with either."""

    key: str
    script: str
    style: str


@dataclass
class Page:
    """What a notebook brings to its page.

    Attributes:
        name: the notebook's file name without its suffix.
        title, promise: of its first cell, as HTML.
        time: how long it runs and what it takes, in words; "" if it does not say.
        headings: (level, id, text), from top to bottom.
        blocks: HTML, one piece per cell of prose, code cell or output.
        widgets: saved states in the order of their places `vizkit-0`, `vizkit-1`, ….
        responses: id of what a front end requests later → base64.
        links: the jslinks between the widgets, by place.
        codes: the code of every kind of widget on the page.
        charts: the number of Plotly charts.
        deck: its slides; None if it has none.
    """

    name: str
    title: str = ""
    promise: str = ""
    time: str = ""
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    widgets: list[dict[str, Any]] = field(default_factory=list)
    responses: dict[str, str] = field(default_factory=dict)
    links: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    charts: int = 0
    deck: Page | None = None


def page_of(name: str, notebook: Any, run: dict[str, Any], names: Sequence[str]) -> Page:
    """Lay out a notebook.

    Args:
        notebook: as stored; its prose, and the outputs of its cells tagged `timing`, are used as
            they are, since a busy machine would tell other times.
        run: what `execute.run` returned for it.
        names: all notebooks of the site, which links may lead to.
    """
    layout = Layout(Page(name), run["widgets"], frozenset(names))
    outputs = outputs_of(notebook, run)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            layout.page.blocks.append(layout.to_html(cell.source))
        elif cell.cell_type == "code":
            layout.code_cell(cell, outputs[cell.id])
    return layout.finish(notebook)


def outputs_of(notebook: Any, run: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The outputs of each code cell, by its id."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {
        cell.id: cell.outputs if "timing" in cell.metadata.get("tags", []) and cell.outputs else own
        for cell, own in zip(cells, run["outputs"], strict=True)
    }


class Layout:
    """Turns cells and outputs into HTML, and keeps what the widgets and charts among them need."""

    def __init__(self, page: Page, saved: dict[str, Any], names: frozenset[str]) -> None:
        self.page = page
        self.models, self.all_links = saved["models"], saved["links"]
        self.places: dict[str, int] = {}  # of the widgets on the page, by model id
        self.renderer = CourseRenderer(names)
        self.to_html = markdown(self.renderer)

    def finish(self, notebook: Any) -> Page:
        page = self.page
        page.headings = self.renderer.headings
        first = _PROMISE.search("".join(page.blocks[:1]))
        page.title, page.promise = first.groups() if first else (escaped(page.name), "")
        prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        time = _TIME.search(prose)
        page.time = escaped(time[1]) if time else ""
        page.links = [
            {**link, **{end: [self.places[link[end][0]], link[end][1]] for end in _ENDS}}
            for link in self.all_links
            if all(link[end][0] in self.places for end in _ENDS)
        ]
        return page

    def code_cell(self, cell: Any, outputs: Sequence[dict[str, Any]]) -> None:
        tags = cell.metadata.get("tags", [])
        code = self.source(cell.source)
        place = f'id="cell-id={escaped(cell.id)}"'  # the ledger links to cells as JupyterLab does
        shown = [f'<div class="output">{html}</div>' for html in map(self.output, outputs) if html]
        # The code of a question holds its answer.
        asks = any('class="widget Quiz"' in html for html in shown)
        hidden = asks or cell.metadata.get("jupyter", {}).get("source_hidden", False)
        if "solution" in tags:
            inside = "\n".join([code, *shown])
            fold = (
                f'<details class="solution" {place}><summary>Solution</summary>{inside}</details>'
            )
            self.page.blocks.append(fold)
        elif hidden:
            fold = f'<details class="fold" {place}><summary>Code</summary>{code}</details>'
            self.page.blocks.extend([fold, *shown])
        else:
            kind = "cell exercise" if "exercise" in tags else "cell"
            self.page.blocks.append(f'<div class="{kind}" {place}>{code}</div>')
            self.page.blocks.extend(shown)

    def source(self, code: str) -> str:
        return f'<div class="code"><pre tabindex="0">{colored(code)}</pre></div>'

    def output(self, output: dict[str, Any]) -> str:
        """The richest form of one output that needs no kernel."""
        kind = output["output_type"]
        if kind == "stream":
            noise = " noise" if output["name"] == "stderr" else ""
            return f'<pre class="stream{noise}" tabindex="0">{escaped(_text(output["text"]))}</pre>'
        if kind == "error":  # only in a cell that is expected to raise
            words = f"{output['ename']}: {output['evalue']}"
            return f'<pre class="stream noise" tabindex="0">{escaped(words)}</pre>'
        data = {mime: _text(value) for mime, value in output["data"].items()}
        metadata = output.get("metadata", {})
        if WIDGET_MIME in data:
            return self._widget(data[WIDGET_MIME]["model_id"], data, metadata)
        if PLOTLY_MIME in data:
            return self._chart(data)
        return self._static(data, metadata)

    def _static(self, data: dict[str, Any], metadata: dict[str, Any]) -> str:
        drawing = "image/svg+xml"
        if drawing in data:  # its HTML is a picture too, which no page takes from an output
            return _picture(drawing, data, metadata.get(drawing, {}))
        if "text/html" in data:
            return cleaned(data["text/html"])
        if "text/markdown" in data:
            return self.to_html(data["text/markdown"])
        for mime in _RASTER:
            if mime in data:
                return _picture(mime, data, metadata.get(mime, {}))
        if "text/latex" in data:
            return mathml(data["text/latex"].strip().strip("$"), block=True)
        words = data.get("text/plain", "")
        return f'<pre class="stream" tabindex="0">{escaped(words)}</pre>' if words else ""

    def _chart(self, data: dict[str, Any]) -> str:
        number, figure = self.page.charts, data[PLOTLY_MIME]
        self.page.charts += 1
        content = {"data": figure["data"], "layout": figure["layout"]}
        height = int(figure["layout"].get("height") or 420)
        return (
            f'<div class="chart" id="chart-{number}" role="figure" style="min-height:{height}px"'
            f' aria-label="{escaped(data.get("text/plain", "chart"))}"></div>'
            f'<script type="application/json" id="chart-{number}-data">'
            f"{json_for_page(content)}</script>"
        )

    def _widget(self, model_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> str:
        """A widget's place; a picture where it stands on the page already."""
        model = self.models.get(model_id)
        if model is None or model_id in self.places:
            rest = {mime: value for mime, value in data.items() if mime != WIDGET_MIME}
            return self._static(rest, metadata)
        return self._place(model_id, model)

    def _place(self, model_id: str, model: dict[str, Any]) -> str:
        if "children" in model:
            return self._box(model)
        code = _code_of(model)
        if code is None:
            return _needs_jupyterlab(f"a control ({model['name']})")
        index = self.places[model_id] = len(self.page.widgets)
        self.page.codes[code.key] = code
        saved = {"kind": code.key, "state": model["state"], "buffers": model["buffers"]}
        self.page.widgets.append(saved)
        for name, response in model["responses"].items():
            self.page.responses[f"vizkit-{index}-{name}"] = response
        note = _needs_jupyterlab("what Python code does with this widget") if model["told"] else ""
        name = escape(model["name"])
        return f'<div class="widget {name}" id="vizkit-{index}"></div>{note}'

    def _box(self, model: dict[str, Any]) -> str:
        children = []
        for model_id in model["children"]:
            child = self.models[model_id]
            width = child["width"] if re.fullmatch(r"[\d.]+(%|px|em)", child["width"]) else "50%"
            if model_id in self.places:
                inside = _needs_jupyterlab("a second view of a widget above")
            else:
                inside = self._place(model_id, child)
            children.append(f'<div style="flex-basis:calc({width} - 1rem)">{inside}</div>')
        kind = "column" if model["name"] == "VBox" else "row"
        return f'<div class="box {kind}">{"".join(children)}</div>'


_ENDS = ("source", "target")


def _code_of(model: dict[str, Any]) -> Code | None:
    """The code of a widget's kind; None where it is no part of a page."""
    if "frontend" in model:
        module, style = assets.script(model["frontend"]), assets.style(model["frontend"])
    elif "script" in model:
        module, style = _EXPORTED.sub("", model["script"]), model["style"]
    else:
        return None
    name = re.sub(r"\W", "_", model["name"])
    key = f"{name}_{hashlib.sha256((module + style).encode()).hexdigest()[:8]}"
    if re.search(r"^\s*import\b", module, re.MULTILINE) or not has_default_export(module):
        return None  # fetches its code from somewhere else
    script = ascii_script(f'(() => {{ "use strict";\n{as_script(key, module)}\n}})();\n')
    return Code(key, script, style)


def _needs_jupyterlab(what: str) -> str:
    return f'<p class="needs">This part needs JupyterLab: {escape(what)}.</p>'


def _picture(mime: str, data: dict[str, Any], about: dict[str, Any]) -> str:
    """An image with its alt text; as an `<img>`, an SVG runs no script."""
    words = about.get("alt") or data.get("text/plain", "").split("\n")[0]
    size = "".join(
        f' {side}="{int(about[side])}"'
        for side in ("width", "height")
        if isinstance(about.get(side), int | float)
    )
    if mime == "image/svg+xml":
        import base64

        content = base64.b64encode(plain(data[mime]).encode()).decode()
    else:
        content = re.sub(r"[^A-Za-z0-9+/=]", "", data[mime])
    return f'<img src="data:{mime};base64,{content}" alt="{escaped(words)}"{size}>'


def _text(value: Any) -> Any:
    """nbformat stores a text as one string or as a list of lines."""
    lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "".join(value) if lines else value


def title_words(page: Page) -> str:
    """The page's title as plain text, such as "06 · CLIP"."""
    return html.unescape(words_of(page.title))
