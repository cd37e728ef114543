"""Front-end code without what a browser does not need: unused helpers, comments, spaces of a style sheet."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
_TOP_LEVEL = re.compile(
    r"^function (?P<function>\w+)\(.*?^\}\n|^const (?P<constant>\w+) = (?:[^\n]*;|\{\n.*?^\};)\n",
    re.DOTALL | re.MULTILINE,
)


def drop_unused(source: str) -> str:
    """Return `source` without its comments and without the top-level functions and constants that nothing names."""
    text = _COMMENT.sub("", source)
    while True:
        unused = [
            found.span()
            for found in _TOP_LEVEL.finditer(text)
            if len(re.findall(rf"\b{found['function'] or found['constant']}\b", text)) == 1
        ]
        if not unused:
            return text
        for start, end in reversed(unused):
            text = text[:start] + text[end:]


def shrink_css(source: str) -> str:
    """Return a style sheet without comments and without spaces beside braces, colons of values and separators."""
    text = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};,]) ?", r"\1", text)
    return re.sub(r": ", ":", text).replace(";}", "}").replace("}", "}\n").strip()
