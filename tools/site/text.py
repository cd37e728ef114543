"""Text of a notebook as HTML: nothing that a notebook, a caption or an output says becomes code."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import mistune
from nbconvert.filters.markdown_mistune import MathBlockParser, MathInlineParser
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, get_lexer_by_name
from pygments.util import ClassNotFound

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Tabs and line breaks stay; NUL and its kind would be dropped or change the rest of the line.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\Z")
_CALLOUT = re.compile(r"<strong>(Predict|Explain|Note|Try it)\b")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SCHEMES = frozenset({"http", "https", "mailto"})
_TAGS = _set(
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure"
    " h2 h3 h4 h5 h6 hr i kbd li mark ol p pre s samp small span strong sub summary sup table tbody"
    " td tfoot th thead tr u ul var"
)
_ATTRIBUTES = {
    "*": ["style", "title", "role", "aria-label", "lang", "dir"],
    "a": lambda tag, name, value: name == "href" and urlsplit(value).scheme in _SCHEMES,
    "details": ["open"],
    "pre": ["tabindex"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
_MATHML = "http://www.w3.org/1998/Math/MathML"
_MATHML_TAGS = _set(
    "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow"
    " ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover"
)
_MATHML_ATTRIBUTES = _set(
    "accent accentunder align columnalign columnlines columnspacing depth display displaystyle"
    " fence form height largeop linethickness lspace mathcolor mathsize mathvariant maxsize minsize"
    " movablelimits notation rowspacing rspace scriptlevel separator stretchy symmetric voffset"
    " width"
)
# Nothing that could leave its place on the page.
_PROPERTIES = _set(
    "background background-color border border-bottom border-collapse border-color border-left"
    " border-left-color border-radius border-right border-spacing border-style border-top"
    " border-width color cursor display flex font font-family font-size font-style font-variant"
    " font-weight gap grid-template-columns height line-height list-style margin margin-bottom"
    " margin-left margin-right margin-top max-height max-width min-width overflow overflow-x"
    " overflow-y padding padding-bottom padding-left padding-right padding-top text-align"
    " text-decoration vertical-align white-space width word-break"
)


def plain(text: str) -> str:
    """Text with no terminal colours; each control character is shown as �."""
    return _CONTROLS.sub("\ufffd", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def escaped(text: str) -> str:
    """Plain text, ready to stand in HTML and in an attribute."""
    return escape(plain(text))


def words_of(html: str) -> str:
    """The text of a piece of HTML of our own, mathematics without its source."""
    return unescape(re.sub(r"<[^>]*>", "", html))


@cache
def _cleaner() -> Any:
    from bleach.css_sanitizer import CSSSanitizer
    from bleach.sanitizer import Cleaner

    return Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        protocols=_SCHEMES,
        css_sanitizer=CSSSanitizer(allowed_css_properties=_PROPERTIES),
    )


def cleaned(html: str) -> str:
    """HTML of an output, reduced to text and its layout; what is not allowed is shown as text."""
    return _cleaner().clean(plain(html))


def colored(code: str, language: str = "python") -> str:
    """Code as HTML whose words carry the classes of pygments; other languages too, if it knows them."""
    try:
        lexer = PythonLexer() if language == "python" else get_lexer_by_name(language)
    except ClassNotFound:
        return escaped(code)
    return highlight(plain(code), lexer, HtmlFormatter(nowrap=True)).rstrip("\n")


def mathml(tex: str, *, block: bool) -> str:
    """LaTeX as MathML, which browsers draw themselves; what cannot be converted stays LaTeX."""
    from latex2mathml.converter import convert

    try:
        markup = convert(plain(tex).strip(), display="block" if block else "inline")
        # The converter lets tags in \text{…} through, so only what is MathML is written anew.
        formula = _mathml_only(ElementTree.fromstring(markup))
    except Exception:  # the converter's errors have no common ancestor
        return f"<code>{escaped(tex)}</code>"
    return f'<div class="formula">{formula}</div>' if block else formula


def _mathml_only(element: ElementTree.Element) -> str:
    """The element as HTML. Raises ValueError if it holds anything but MathML's presentation."""
    namespace, _, tag = element.tag[1:].partition("}")
    attributes = {name for name in element.attrib if name not in _MATHML_ATTRIBUTES}
    if namespace != _MATHML or tag not in _MATHML_TAGS or attributes:
        raise ValueError(f"not MathML: <{element.tag}> {sorted(attributes)}")
    options = "".join(f' {name}="{escape(value)}"' for name, value in element.attrib.items())
    inside = "".join(_mathml_only(child) + escape(child.tail or "") for child in element)
    return f"<{tag}{options}>{escape(element.text or '')}{inside}</{tag}>"


class CourseRenderer(mistune.HTMLRenderer):
    """Markdown to HTML: raw HTML is shown as text, links stay in the site, headings are noted.

    Attributes:
        headings: (level, id, text) of every heading so far.
    """

    def __init__(self, pages: frozenset[str]) -> None:
        super().__init__(escape=True)
        self.pages = pages
        self.headings: list[tuple[int, str, str]] = []

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        words = words_of(text)
        place = base = words.strip().replace(" ", "-")  # as JupyterLab does: its links work here
        taken = {place for _, place, _ in self.headings}
        count = 2
        while place in taken:
            place, count = f"{base}-{count}", count + 1
        self.headings.append((level, place, words))
        return f'<h{level} id="{escape(place)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        address = self._address(unescape(url))
        return f'<a href="{escape(address)}">{text}</a>' if address else text

    def _address(self, url: str) -> str:
        """Where a link leads on the site; "" if nowhere."""
        try:
            parts = urlsplit(url.strip())
        except ValueError:
            return ""
        if parts.scheme:
            return url.strip() if parts.scheme in _SCHEMES else ""
        if parts.path.endswith(".ipynb"):
            name = parts.path.rpartition("/")[2].removesuffix(".ipynb")
            fragment = f"#{parts.fragment}" if parts.fragment else ""
            return f"{name}.html{fragment}" if name in self.pages else ""
        return f"#{parts.fragment}" if parts.fragment and not parts.path + parts.netloc else ""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        words = escape(words_of(text))
        return f'<img src="{url}" alt="{words}">' if _PICTURE.match(url) else words

    def block_code(self, code: str, info: str | None = None) -> str:
        language = (info or "text").split(maxsplit=1)[0]
        return f'<div class="code"><pre tabindex="0">{colored(code, language)}</pre></div>\n'

    def paragraph(self, text: str) -> str:
        callout = _CALLOUT.match(text)
        kind = f' class="callout {callout[1].split()[0].lower()}"' if callout else ""
        return f"<p{kind}>{text}</p>\n" if not text.startswith("<div") else f"{text}\n"

    def block_math(self, text: str) -> str:
        return mathml(text, block=True)

    def inline_math(self, text: str) -> str:
        return mathml(text, block=False)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", block=True)


def markdown(renderer: CourseRenderer) -> Any:
    """A function from Markdown with LaTeX to HTML; the renderer collects its headings."""
    convert = mistune.Markdown(
        renderer=renderer,
        block=MathBlockParser(),
        inline=MathInlineParser(),
        plugins=[mistune.import_plugin(name) for name in ("strikethrough", "table")],
    )

    def html(text: str) -> str:
        found = convert(plain(text))
        return found.replace("<table>", '<div class="table"><table>').replace(
            "</table>", "</table></div>"
        )

    return html
