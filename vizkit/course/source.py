"""`show_source`: the code behind a name, highlighted, straight from its file."""

import inspect
import textwrap
from collections.abc import Callable
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from vizkit.course.show import show

# JupyterLab's editor colours follow the theme; the second value serves everywhere else and
# keeps a contrast of 4:1 on white and on black.
_COLORS = {
    "Keyword": "var(--jp-mirror-editor-keyword-color,#0a7d4b)",
    "Literal.String": "var(--jp-mirror-editor-string-color,#b5504c)",
    "Literal.Number": "var(--jp-mirror-editor-number-color,#3d7fb5)",
    "Comment": "var(--jp-mirror-editor-comment-color,#797979)",
    "Operator": "var(--jp-mirror-editor-operator-color,#9a55d4)",
    "Name.Function": "var(--jp-mirror-editor-def-color,#3d7fd0)",
    "Name.Class": "var(--jp-mirror-editor-def-color,#3d7fd0)",
    "Name.Decorator": "var(--jp-mirror-editor-meta-color,#9a55d4)",
}


Shown = ModuleType | type | Callable[..., Any]


def show_source(obj: Shown) -> None:
    """Show the source of a function, method, class or module, with its file and line.

    The plain text is one line that names file and object, and stays the same when lines move.

    Raises:
        TypeError: `obj` has no Python source (a number, a built-in).
    """
    obj = inspect.unwrap(obj) if callable(obj) else obj
    try:
        code = inspect.getsource(obj)
        line = 1 if inspect.ismodule(obj) else inspect.getsourcelines(obj)[1]
    except (TypeError, OSError) as error:
        raise TypeError(
            "show_source expects a function, method, class or module written in Python; "
            f"received {type(obj).__name__}"
        ) from error
    path, name = _relative_path(obj), getattr(obj, "__qualname__", getattr(obj, "__name__", ""))
    title = f"{path}: {name}"
    show(
        title,
        f'<details open><summary style="cursor:pointer"><code>{escape(path)}</code>, '
        f"line {line}: <strong>{escape(name)}</strong></summary>"
        f'<pre tabindex="0" aria-label="Source of {escape(name)}" style="overflow-x:auto;'
        "padding:8px 12px;line-height:1.45;border-radius:4px;"
        'background:var(--jp-layout-color2,rgba(128,128,128,.1))">'
        f"{_highlight(textwrap.dedent(code))}</pre></details>",
    )


def _relative_path(obj: Shown) -> str:
    """The file from its package's folder down, such as `vizkit/models/vit.py`."""
    module = inspect.getmodule(obj)
    file = getattr(module, "__file__", None)
    if module is None or not file:
        return "this notebook"
    above_package = Path(file).resolve()
    parts = module.__name__.count(".") + 1 + (above_package.name == "__init__.py")
    return "/".join(above_package.parts[-parts:])


def _highlight(code: str) -> str:
    from pygments import lex
    from pygments.lexers import PythonLexer

    pieces = []
    for token, text in lex(code, PythonLexer()):
        kind = str(token).removeprefix("Token.")
        color = next((value for key, value in _COLORS.items() if kind.startswith(key)), None)
        text = escape(text)
        pieces.append(f'<span style="color:{color}">{text}</span>' if color else text)
    return "".join(pieces).rstrip()
