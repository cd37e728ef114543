"""Exported pages: widgets in one HTML file that is alive with no kernel, no network and no other file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vizkit.files import write_whole
from vizkit.widgets import assets
from vizkit.widgets.saved_state import saved_links, saved_state

if TYPE_CHECKING:
    from vizkit.widgets.base import VizkitWidget

PAGE_STYLE = (
    ":root{color-scheme:light dark}body{margin:0;padding:16px;background:#fff;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){body{background:#111418}}.vizkit{margin-bottom:24px}"
    # Read out, and found by who jumps from heading to heading; the instruments have titles of their own.
    "h1{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%)}"
)


def save_page(path: str | Path, widgets: Sequence[VizkitWidget], *, title: str = "vizkit") -> Path:
    """Write `widgets` into one self-contained page; `ipywidgets.jslink`s between them stay alive.

    The page carries one copy of each widget's code however many instances it shows, and a
    content-security policy that allows these very scripts (by hash) and no connection at all.

    Args:
        path: the file to write; written whole or not at all.
        widgets: the widgets, from top to bottom.
        title: the page's title.

    Returns:
        The path of the page.

    Raises:
        ValueError: no widgets.
        TypeError: something that is no widget of this package, or a title that is no text.
        OSError: the page cannot be written; an older page at `path` is left as it was.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"path must be a path, got {path!r}")
    if not isinstance(title, str):
        raise TypeError(f"title must be text, got {title!r}")
    if not isinstance(widgets, list | tuple) or not all(
        callable(getattr(widget, "page_state", None)) for widget in widgets
    ):
        raise TypeError(f"widgets must be a list of widgets of vizkit, got {widgets!r}")
    if not widgets:
        raise ValueError("save_page needs at least one widget, got none")
    text = page_text(widgets, title=title)
    return write_whole(path, text.encode())


def page_text(widgets: Sequence[VizkitWidget], *, title: str = "vizkit") -> str:
    """Return the page that `save_page` writes: ASCII only, which browsers read several times as fast."""
    kinds = {type(widget).__name__: widget for widget in widgets}
    scripts = [as_script(name, assets.script(one.frontend)) for name, one in kinds.items()]
    scripts.append(assets.script("page"))
    scripts = [ascii_script(f'(() => {{ "use strict";\n{script}\n}})();') for script in scripts]
    state = _saved(widgets)
    places = "\n".join(
        f'<div class="vizkit" id="vizkit-{index}"></div>' for index in range(len(widgets))
    )
    styles = PAGE_STYLE + "\n" + "\n".join(assets.style(one.frontend) for one in kinds.values())
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts, any(one.needs_wasm for one in widgets))}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_ascii(html.escape(title))}</title>\n<style>{styles}</style>\n</head>\n"
            f"<body>\n<main>\n<h1>{_ascii(html.escape(title))}</h1>\n{places}\n</main>",
            f'<script type="application/json" id="vizkit-state">{json_for_page(state)}</script>',
            # Plain scripts run as soon as they are read: the first picture waits for nothing below.
            *(f"<script>{script}</script>" for script in scripts),
            *(
                f'<script type="text/plain" id="vizkit-{index}-{html.escape(name)}">'
                f"{base64.b64encode(data).decode()}</script>"
                for index, widget in enumerate(widgets)
                for name, data in widget.page_responses().items()
            ),
            "</body>\n</html>\n",
        ]
    )


# How a module ends: as people write it, and as the bundler does.
_EXPORT = re.compile(r"export\s+default\b|export\s*\{[^}]*?(?P<name>[\w$]+) as default\b[^}]*\};?")


def has_default_export(module: str) -> bool:
    """Whether a text is a module that `as_script` can turn into a script."""
    return _EXPORT.search(module) is not None


def as_script(name: str, module: str) -> str:
    """Turn a widget's module into a script that leaves `render` where the host finds it: no import, no blob.

    Raises:
        ValueError: the module has no default export.
    """
    exports = list(_EXPORT.finditer(module))
    if not exports:
        raise ValueError(f"the front end of {name} has no default export")
    last = exports[-1]
    place = f"(window.vizkit ??= {{}}).{name} ="
    value = f"{place} {last['name']};" if last["name"] else place
    return f"{module[: last.start()]}{value}{module[last.end() :]}"


def _policy(scripts: Sequence[str], wasm: bool) -> str:
    hashes = " ".join([*map(_hash, scripts), *(["'wasm-unsafe-eval'"] if wasm else [])])
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _saved(widgets: Sequence[VizkitWidget]) -> dict[str, Any]:
    """The widgets, and the links among them by their places on the page."""
    place = {widget.model_id: index for index, widget in enumerate(widgets)}
    saved = [{"kind": type(one).__name__, **saved_state(one.page_state())} for one in widgets]
    links = [
        {**link, **{end: (place[link[end][0]], link[end][1]) for end in ("source", "target")}}
        for link in saved_links(place)
    ]
    return {"widgets": saved, "links": links}


def json_for_page(state: Any) -> str:
    """JSON that cannot end its own script element, whatever the captions say."""
    return json.dumps(state, allow_nan=False).replace("<", "\\u003c")


def ascii_script(script: str) -> str:
    """JavaScript whose strings spell what is not ASCII as escapes."""
    # json.dumps knows the escapes of one character, surrogate pairs included.
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], script)


def _ascii(text: str) -> str:
    """Text whose characters beyond ASCII are numbered, as HTML allows."""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
