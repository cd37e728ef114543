"""Front-end code without what a browser does not need: comments, indentation, spaces between tokens.

Names stay as they are, so an error in the browser's console still reads like the source; `const`
becomes `let`, and declarations that follow each other become one.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<space>\s+)|(?P<word>[\w$]+)|(?P<other>.)",
    re.DOTALL,
)
_TEMPLATE_TEXT = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*", re.DOTALL)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n\[])+/[a-z]*")
_BEFORE_REGEX = frozenset("(,=:[!&|?{;>")


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


def shrink_javascript(source: str) -> str:
    """Return `source` with only the white space it needs; strings, templates and regexes stay as they are.

    A line that starts with `export` is left whole: the exported page looks for it.
    """
    return _Shrinker(source).run()


def shrink_css(source: str) -> str:
    """Return a style sheet without comments and without spaces beside braces, colons of values and separators."""
    text = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};,]) ?", r"\1", text)
    return re.sub(r": ", ":", text).replace(";}", "}").replace("}", "}\n").strip()


class _Shrinker:
    """One pass over the tokens; `stack` counts open braces inside each open `${` of a template."""

    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0
        self.out: list[str] = []
        self.space = ""
        self.stack: list[int] = []
        # For each open bracket: whether the statement that is being read declares something.
        self.declares = [False]

    def run(self) -> str:
        while self.at < len(self.source):
            if self.source.startswith("export ", self.at) and self._starts_line():
                end = self.source.find("\n", self.at) % (len(self.source) + 1)
                self.out += ["\n", self.source[self.at : end]]
                self.at, self.space = end, ""
                continue
            token = _TOKEN.match(self.source, self.at)
            assert token is not None  # the last alternative takes any character
            self._take(token)
        return "".join(self.out).strip()

    def _starts_line(self) -> bool:
        return not self.stack and (self.at == 0 or self.source[self.at - 1] == "\n")

    def _take(self, token: re.Match[str]) -> None:
        text = token.group()
        regex = (
            _REGEX.match(self.source, self.at) if text == "/" and self._expects_value() else None
        )
        if regex:
            text = regex.group()
        self.at += len(text)
        if token.lastgroup in ("comment", "space"):
            self.space = "\n" if "\n" in text + self.space else " "
        elif text == "`":
            self._emit(text)
            self._template_text()
        elif text == "}" and self.stack and self.stack[-1] == 0:
            self.stack.pop()
            self._emit(text)
            self._template_text()
        else:
            if self.stack and text in "{}":
                self.stack[-1] += 1 if text == "{" else -1
            self._emit(text if text not in ("const", "let") else self._declare())

    def _declare(self) -> str:
        """The word that opens a declaration, or the comma that joins it to the one before."""
        if self.declares[-1] and self._last() == ";":
            self.out.pop()
            self.space = ""
            return ","
        return "let"

    def _template_text(self) -> None:
        """Copy a template's text up to its end or to the next `${`, whose code is shrunk like any other."""
        text = _TEMPLATE_TEXT.match(self.source, self.at)
        assert text is not None  # it may be empty
        closing = "`" if self.source.startswith("`", text.end()) else "${"
        self.out.append(text.group() + closing)
        self.at, self.space = text.end() + len(closing), ""
        if closing == "${":
            self.stack.append(0)
            self.declares.append(False)

    def _last(self) -> str:
        return self.out[-1][-1:] if self.out else ""

    def _expects_value(self) -> bool:
        return self._last() in _BEFORE_REGEX or not self.out or self.out[-1] == "return"

    def _emit(self, text: str) -> None:
        last, first = self._last(), text[0]
        if self.space == "\n" and last not in "{;,([" and first not in "})],;.?:":
            self.out.append("\n")
        elif self.space and ((_wordy(last) and _wordy(first)) or (last == first and last in "+-")):
            self.out.append(" ")
        elif first == "}" and self.out and self.out[-1] == ";":
            self.out.pop()
        self._note_statement(text)
        self.out.append(text)
        self.space = ""

    def _note_statement(self, text: str) -> None:
        """Keep `declares` true to the statement that `text` begins or belongs to."""
        last = self._last()
        # After `}` a word begins a statement; anything else goes on with a value, as in `{} || b`.
        if last in ("", "\n", ";", "{", "(") or (last == "}" and _wordy(text[0])):
            self.declares[-1] = text == "let"
        if text in ("{", "(", "["):
            self.declares.append(False)
        elif text in ("}", ")", "]") and len(self.declares) > 1:
            self.declares.pop()


def _wordy(character: str) -> bool:
    return character.isalnum() or character in ("_", "$")
