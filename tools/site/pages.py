"""The HTML around the content: course map, notebook pages, and what may run on them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape

from tools.course.ledger import PAGE as LEDGER
from tools.site.notebook import Page, title_words
from tools.site.text import words_of
from vizkit.widgets.page import json_for_page

COURSE = "How vision encoders see"
_NO_NUMBER = -1
API = "api"  # the folder of the reference
PARTS = (
    ("How an encoder sees", range(6)),
    ("Pictures and words", range(6, 10)),
    ("Encoders at work", range(10, 100)),
    ("To look things up", (_NO_NUMBER,)),
)
_REFERENCE_CARD = (
    f'<a class="card" href="{API}/index.html"><strong>Reference</strong>'
    "<span>Every public class and function of vizkit: shapes, units, errors, sources.</span></a>"
)
_MARK = (
    '<svg class="mark" viewBox="0 0 9 9" aria-hidden="true"><path opacity=".25" d="M0 0h2.6v2.6H0z'
    'M6.4 0H9v2.6H6.4zM0 3.2h2.6v2.6H0zM0 6.4h2.6V9H0zM3.2 6.4h2.6V9H3.2z"/><path opacity=".55" '
    'd="M3.2 0h2.6v2.6H3.2zM6.4 6.4H9V9H6.4z"/><path d="M3.2 3.2h2.6v2.6H3.2zM6.4 3.2H9v2.6H6.4z"/>'
    "</svg>"
)
_SUN = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 0 18zM12 3v18" '
    'fill="currentColor"/><circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" '
    'stroke-width="2"/></svg>'
)


def notebook_page(page: Page, pages: Sequence[Page]) -> str:
    """The page of one notebook."""
    index = pages.index(page)
    before = pages[index - 1] if index else None
    after = pages[index + 1] if index + 1 < len(pages) else None
    deck = f'<a class="tool" href="slides/{page.name}.html">Slides</a>' if page.deck else ""
    menu = (
        '<button class="tool menu" type="button" aria-expanded="false" aria-controls="side">'
        "Contents</button>"
    )
    body = "\n".join(
        [
            _header(menu + deck),
            '<div class="frame">',
            f'<nav id="side" aria-label="Contents">{_contents(page)}{_course(pages, page)}</nav>',
            f'<main id="main">{"".join(page.blocks)}\n{_steps(before, after)}</main>',
            "</div>",
        ]
    )
    return _document(f"{title_words(page)} · {COURSE}", body + _live(page, "assets"), page, "")


def index_page(pages: Sequence[Page], *, reference: bool = False) -> str:
    """The course map; `reference`: with a link to the reference of vizkit."""
    sections = []
    for name, numbers in PARTS:
        cards = [_card(page) for page in pages if _number(page) in numbers]
        if reference and _NO_NUMBER in numbers:
            cards.append(_REFERENCE_CARD)
        if cards:
            sections.append(f'<section><h2>{name}</h2><div class="cards">{"".join(cards)}</div>')
            sections.append("</section>")
    first = pages[0]
    opening = _opening(pages)
    body = (
        f'{_header("")}<main id="main" class="map"><div class="hero"><div><h1>{COURSE}</h1>'
        "<p>Every idea of a vision encoder, made to happen in front of you: patches, attention,"
        " positions, CLIP and SigLIP. The instruments on these pages are alive: drag, hover,"
        " use the arrow keys. Nothing is fetched from a network.</p>"
        f'<p><a class="start" href="{first.name}.html">Start with {title_words_html(first)}</a></p>'
        f"</div>{_motif()}</div>{''.join(opening.blocks)}{''.join(sections)}"
        '<p class="small">Numbers between ⟨ ⟩ were measured when this site was built. To change the'
        " code and to have your exercises checked, open the notebooks in JupyterLab:"
        " <code>make lab</code>.</p></main>"
    )
    return _document(COURSE, body + _live(opening, "assets"), opening, "")


# What the front page opens with, if a notebook has it: the first of these.
_OPENING = ("LivingEncoder", "AttentionMap", "EmbeddingSpace", "SimilarityMatrix")


def _opening(pages: Sequence[Page]) -> Page:
    """An instrument for the front page, to be touched at once; no blocks if there is none."""
    for name in _OPENING:
        for page in pages:
            for index, widget in enumerate(page.widgets):
                if widget["kind"].startswith(f"{name}_"):
                    return _alone(page, index, name)
    return Page("index")


def _alone(page: Page, index: int, name: str) -> Page:
    """One of a page's instruments, in the first place of another page."""
    widget, place = page.widgets[index], f"vizkit-{index}-"
    responses = {
        key.replace(place, "vizkit-0-"): response
        for key, response in page.responses.items()
        if key.startswith(place)
    }
    link = f'<a href="{page.name}.html">{title_words_html(page)}</a>'
    block = (
        f'<section class="opening"><div class="widget {name}" id="vizkit-0"></div>'
        f'<p class="small">From {link}. Point at it, drag its sliders; press f for the full screen.</p>'
        "</section>"
    )
    codes = {widget["kind"]: page.codes[widget["kind"]]}
    return Page("index", blocks=[block], widgets=[widget], codes=codes, responses=responses)


def _is_living(kind: str) -> bool:
    """Whether a widget's code has an encoder in it, which wants to run WebAssembly."""
    return kind.startswith("LivingEncoder_")


def slides_page(page: Page) -> str:
    """The slide deck of one notebook."""
    deck = page.deck
    body = (
        f'<main id="main"><div id="frame"><div class="slides">{"".join(deck.blocks)}</div></div></main>'
        '<div id="source" role="region" aria-label="Code" tabindex="-1" hidden></div>'
        '<nav id="deck" aria-label="Slides">'
        f'<a class="tool" href="../{page.name}.html">Page</a>'
        '<button class="tool" type="button" id="code" title="code of this slide (c)" hidden>Code'
        "</button>"
        '<button class="tool" type="button" id="speaker" title="speaker notes (s)">Notes</button>'
        '<button class="tool" type="button" id="overview" title="all slides (o)">All</button>'
        '<button class="tool" type="button" id="back" aria-label="previous slide">\u2190</button>'
        '<output id="count"></output>'
        '<button class="tool" type="button" id="on" aria-label="next slide">\u2192</button>'
        f"{_theme_button()}</nav>"
    )
    scripts = _live(deck, "../assets")
    ledger = LEDGER.replace(".ipynb", ".html")  # the page that no deck stands for
    body = body.replace(f'href="{ledger}', f'href="../{ledger}')
    return _document(f"{title_words(page)} · slides", body + scripts, deck, "../", slides=True)


def title_words_html(page: Page) -> str:
    return escape(title_words(page))


def _document(title: str, body: str, page: Page | None, root: str, *, slides: bool = False) -> str:
    """A whole page. Scripts run by a nonce, which nobody who wrote the content could have known."""
    nonce = base64.b64encode(hashlib.sha256(body.encode()).digest()[:18]).decode()
    wasm = " 'wasm-unsafe-eval'" if page and any(map(_is_living, page.codes)) else ""
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'{wasm};"
        # A page opened as a file has no origin that 'self' could mean, hence the scheme.
        " style-src 'unsafe-inline' 'self' file:; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )
    styles = [f"{root}assets/site.css", *(f"{root}assets/{key}.css" for key in _styled(page))]
    if slides:
        styles.append(f"{root}assets/slides.css")
    links = "".join(f'<link rel="stylesheet" href="{style}">' for style in styles)
    start = f'<script nonce="{nonce}" src="{root}assets/site.js"></script>'
    body = _SCRIPT_PLACE.sub(rf'<script nonce="{nonce}" \1></script>', body)
    if slides:
        body += f'<script nonce="{nonce}" src="{root}assets/slides.js"></script>'
    kind = "deck" if slides else "page"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n"
        f'<link rel="icon" href="{_icon()}">\n{links}\n'
        f'</head>\n<body class="{kind}">\n{start}\n{body}\n</body>\n</html>\n'
    )


# Scripts get their nonce when the whole page is known. The only text with this character in it
# is ours: `text.plain` lets no control character through, and JSON escapes it.
_SCRIPT_PLACE = re.compile("\x01([^\x01]*)\x01")


def _script(address: str, *, wait: bool = False) -> str:
    return f'\x01src="{address}"{" defer" if wait else ""}\x01'


def _live(page: Page, assets: str) -> str:
    """What makes the widgets and charts of a page move."""
    parts = []
    if page.widgets:
        state = {"widgets": page.widgets, "links": page.links}
        state_text = json_for_page(state)
        parts.append(f'<script type="application/json" id="vizkit-state">{state_text}</script>')
        parts += [_script(f"{assets}/{key}.js") for key in page.codes]
        parts.append(_script(f"{assets}/host.js"))
        parts += [
            f'<script type="text/plain" id="{escape(place)}">{response}</script>'
            for place, response in page.responses.items()
        ]
    if page.charts:
        parts.append(_script(f"{assets}/plotly.min.js", wait=True))
    return "\n".join(parts)


def _styled(page: Page | None) -> list[str]:
    return [key for key, code in page.codes.items() if code.style] if page else []


def _header(tools: str) -> str:
    return (
        '<a class="skip" href="#main">To the text</a><header class="top">'
        f'<a class="brand" href="index.html">{_MARK}<span>{COURSE}</span></a>'
        f'<span class="gap"></span>{tools}{_theme_button()}</header>'
    )


def _theme_button() -> str:
    return (
        '<button class="tool theme" type="button" aria-label="light or dark theme"'
        f' title="light or dark theme">{_SUN}</button>'
    )


def _contents(page: Page) -> str:
    rows = "".join(
        f'<li class="level{level}"><a href="#{escape(place)}">{escape(words)}</a></li>'
        for level, place, words in page.headings
        if level in (2, 3)
    )
    return f'<h2>On this page</h2><ol class="contents">{rows}</ol>'


def _course(pages: Sequence[Page], here: Page) -> str:
    rows = "".join(
        f'<li><a href="{page.name}.html"{" aria-current=page" if page is here else ""}>'
        f"{title_words_html(page)}</a></li>"
        for page in pages
    )
    return f'<h2>The course</h2><ol class="course">{rows}</ol>'


def _steps(before: Page | None, after: Page | None) -> str:
    left = (
        f'<a rel="prev" href="{before.name}.html"><small>before</small>{title_words_html(before)}</a>'
        if before
        else ""
    )
    right = (
        f'<a rel="next" href="{after.name}.html"><small>next</small>{title_words_html(after)}</a>'
        if after
        else ""
    )
    return f'<nav class="steps" aria-label="Previous and next">{left}<span></span>{right}</nav>'


def _number(page: Page) -> int:
    return int(page.name[:2]) if page.name[:2].isdigit() else _NO_NUMBER


def _card(page: Page) -> str:
    number, _, title = title_words(page).rpartition(" · ")
    exercises = sum(words.startswith("Exercise: ") for _, _, words in page.headings)
    facts = [page.time, f"{exercises} exercises" if exercises > 1 else ""]
    about = " · ".join(filter(None, facts))
    promise = escape(words_of(page.promise)) if "<math" not in page.promise else page.promise
    return (
        f'<a class="card" href="{page.name}.html"><span class="number">{escape(number)}</span>'
        f"<strong>{escape(title)}</strong><span>{promise}</span><small>{about}</small></a>"
    )


def _motif() -> str:
    """A picture cut into patches, and how much one of them looks at each."""
    rows, columns, query = 6, 8, (2.0, 5.0)
    cells = []
    for row in range(rows):
        for column in range(columns):
            distance = (row - query[0]) ** 2 + (column - query[1]) ** 2
            twin = (row - 4) ** 2 + (column - 1) ** 2
            weight = max(2.7 ** (-distance / 3), 0.75 * 2.7 ** (-twin / 2))
            cells.append(
                f'<rect x="{column * 10}" y="{row * 10}" width="9" height="9" rx="1.4"'
                f' opacity="{0.08 + 0.92 * weight:.2f}"/>'
            )
    x, y = query[1] * 10, query[0] * 10
    ring = (
        f'<rect class="query" x="{x - 0.2:g}" y="{y - 0.2:g}" width="9.4" height="9.4" rx="1.6"/>'
    )
    return (
        f'<svg class="motif" viewBox="-1 -1 {columns * 10 + 1} {rows * 10 + 1}" aria-hidden="true">'
        f"{''.join(cells)}{ring}</svg>"
    )


def _icon() -> str:
    svg = _MARK.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg" fill="#0072B2"')
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
