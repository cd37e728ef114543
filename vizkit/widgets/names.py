"""Shorter names for the front end: its source is written for people, its budget is for browsers.

A name gets a short one only where that is safe without knowing scopes: it is declared in the text
and never occurs as a property, as a key, as a method or in a shorthand. Each gets one new name that
occurs nowhere else, in the whole text. This is right for a style in which no name is both declared
and taken from the browser.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count, product
from string import ascii_letters

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<number>\d[\w.]*|\.\d[\w]*)
    |(?P<sign>=>|\.\.\.|\?\.(?!\d)|\+\+|--|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
PATTERN = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
KEYWORDS = frozenset(
    [
        "await",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "default",
        "delete",
        "do",
        "else",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "function",
        "if",
        "import",
        "in",
        "instanceof",
        "let",
        "new",
        "null",
        "of",
        "return",
        "static",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "undefined",
        "var",
        "void",
        "while",
        "yield",
        "async",
        "get",
        "set",
        "arguments",
    ]
)
BROWSER = frozenset(
    [
        "window",
        "document",
        "globalThis",
        "navigator",
        "location",
        "performance",
        "console",
        "fetch",
        "atob",
        "btoa",
        "event",
        "name",
        "requestAnimationFrame",
        "cancelAnimationFrame",
        "requestIdleCallback",
        "cancelIdleCallback",
        "setTimeout",
        "clearTimeout",
        "setInterval",
        "clearInterval",
        "getComputedStyle",
        "matchMedia",
        "devicePixelRatio",
        "isNaN",
        "parseInt",
        "parseFloat",
        "queueMicrotask",
        "structuredClone",
        "encodeURIComponent",
        "decodeURIComponent",
    ]
)
BEFORE_PATTERN = frozenset(
    [
        "(",
        ",",
        "=",
        ":",
        "[",
        "!",
        "&",
        "|",
        "?",
        "{",
        "}",
        ";",
        "=>",
        "return",
        "typeof",
        "case",
        "+",
        "-",
        "<",
        ">",
    ]
)
BEFORE_BLOCK = frozenset([")", "=>", ";", "{", "}", "else", "try", "finally", "do"])
Token = tuple[str, str]  # kind and text


def shorten_names(source: str) -> str:
    """Return JavaScript that does what `source` does, with shorter names and no needless space.

    Raises:
        ValueError: `source` cannot be read.
    """
    tokens = list(_tokens(source))
    names = _new_names(tokens)
    return _join(
        [(kind, names.get(text, text) if kind == "name" else text) for kind, text in tokens]
    )


def _tokens(source: str) -> Iterator[Token]:
    """Yield the tokens; code inside a template literal comes as tokens of its own."""
    position, before, depth, templates = 0, "", 0, []
    while position < len(source):
        match = PATTERN.match(source, position) if before in BEFORE_PATTERN else None
        if match:
            kind, text = "string", match.group()
        elif source[position] == "`" or (source[position] == "}" and templates[-1:] == [depth]):
            if source[position] == "}":
                templates.pop()
            match = re.compile(r"[`}](?:\\.|(?!\$\{)[^`\\])*(?:`|\$\{)", re.DOTALL).match(
                source, position
            )
            if match is None:
                raise ValueError(
                    f"a template literal does not end: {source[position : position + 40]!r}"
                )
            kind, text = "template", match.group()
            if text.endswith("${"):
                templates.append(depth)
        else:
            match = TOKEN.match(source, position)
            if match is None:
                raise ValueError(f"not understood: {source[position : position + 40]!r}")
            kind, text = str(match.lastgroup), match.group()
            depth += (text == "{") - (text == "}")
        position = match.end()
        if kind == "space":
            text = "\n" if "\n" in text and not text.startswith("/") else " "
        else:
            before = text
        yield kind, text


def _new_names(tokens: list[Token]) -> dict[str, str]:
    solid = [token for token in tokens if token[0] != "space"]
    used = Counter(text for kind, text in solid if kind == "name")
    fixed = _fixed(solid) | KEYWORDS | BROWSER
    free = [name for name in _declared(solid) if name not in fixed and len(name) > 1]
    free.sort(key=lambda name: (-used[name] * (len(name) - 1), name))
    short = (
        "".join(letters) for size in count(1) for letters in product(ascii_letters, repeat=size)
    )
    unused = (name for name in short if name not in used and name not in KEYWORDS)
    new = {}
    for name in free:
        candidate = next(unused)
        if len(candidate) < len(name):
            new[name] = candidate
    return new


def _fixed(solid: list[Token]) -> set[str]:
    """Names that occur as a property, a key, a method or a shorthand: their text has a meaning."""
    found, open_brackets = set(), []
    for place, (kind, text) in enumerate(solid):
        before = solid[place - 1][1] if place else ""
        after = solid[place + 1][1] if place + 1 < len(solid) else ""
        if kind == "sign" and text in "([{":
            block = text == "{" and before in BEFORE_BLOCK
            open_brackets.append("block" if block else text)
        elif kind == "sign" and text in ")]}":
            open_brackets.pop()
        elif kind == "name":
            inside = open_brackets[-1:] == ["{"] and before in ("{", ",")
            if before in (".", "?.") or (inside and (after in (",", "}", "=", ":", "("))):
                found.add(text)
    return found


def _declared(solid: list[Token]) -> set[str]:
    """Names declared anywhere: variables, functions, parameters."""
    found: set[str] = set()
    for place, (kind, text) in enumerate(solid):
        if kind == "name" and text in ("const", "let", "function", "class"):
            found |= _names_until_end(solid, place + 1)
        elif text == "=>":
            found |= _parameters(solid, place - 1)
        if text == "function":
            end = next(i for i in range(place, len(solid)) if solid[i][1] == "(")
            found |= _parameters(solid, _closing(solid, end))
    return {name for name in found if not name[0].isupper() or name.isupper()}


def _names_until_end(solid: list[Token], place: int) -> set[str]:
    """Names that a declaration introduces, from behind its keyword."""
    found, expecting, depth = set(), True, 0
    for kind, text in solid[place:]:
        if kind == "sign" and text in "([{":
            depth += 1
        elif kind == "sign" and text in ")]}":
            depth -= 1
            if depth < 0:
                break
        elif depth == 0 and text in (";", "of", "in"):
            break
        elif depth == 0 and text == "=":
            expecting = False
        elif depth == 0 and text == ",":
            expecting = True
        elif expecting and kind == "name":
            found.add(text)
        if depth == 0 and text == ")":
            break
    return found


def _closing(solid: list[Token], place: int) -> int:
    depth = 0
    for index in range(place, len(solid)):
        if solid[index][0] == "sign":
            depth += (solid[index][1] in "([{") - (solid[index][1] in ")]}")
        if depth == 0:
            return index
    raise ValueError("a bracket does not close")


def _parameters(solid: list[Token], last: int) -> set[str]:
    """Names between the brackets that end at `last`, or the one name there."""
    if solid[last][0] == "name":
        return {solid[last][1]}
    depth, found = 0, set()
    for index in range(last, -1, -1):
        kind, text = solid[index]
        if kind == "sign":
            depth += (text in ")]}") - (text in "([{")
        if depth == 0:
            break
        if kind == "name" and solid[index - 1][1] in ("(", ",", "[", "{", "...", ":"):
            found.add(text)
    return found


def _join(tokens: list[Token]) -> str:
    """Write the tokens with white space only where two would grow together, or a line must end."""
    parts: list[str] = []
    gap = ""
    for kind, text in tokens:
        if kind == "space":
            gap = "\n" if "\n" in (gap, text) else " "
            continue
        last = parts[-1][-1] if parts else ""
        words = re.match(r"[\w$]", last or " ") and re.match(r"[\w$]", text)
        signs = last in ("+", "-", "/") and text[0] in ("+", "-", "/")
        if (
            gap == "\n"
            and last
            and last not in "{([,;:?=&|*<>.+-"
            and text[0] not in ")]},;:?=&|*<>."
        ):
            parts.append("\n")
        elif gap and (words or signs):
            parts.append(" ")
        parts.append(text)
        gap = ""
    return "".join(parts)
