"""What runs in a notebook's kernel after its last cell: every widget that was shown goes into a file.

The state that Jupyter itself would save does not do: a widget may keep in Python what its front end
asks for later, and an exported page must bring that along.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ipywidgets import Box, VBox
from ipywidgets.widgets.widget import _instances, _remove_buffers
from ipywidgets.widgets.widget_link import DirectionalLink, Link
from traitlets.traitlets import EventHandler

_OF_THE_KERNEL = ("layout", "tabbable", "tooltip")


def write_widgets(path: str, model_ids: Sequence[str]) -> None:
    """Write the widgets of these ids, what they hold, and the jslinks among them, as JSON."""
    models: dict[str, dict[str, Any]] = {}
    for widget in _with_children(model_ids):
        models[widget.model_id] = _described(widget)
    text = json.dumps({"models": models, "links": list(_links(set(models)))}, allow_nan=False)
    Path(path).write_text(text, encoding="utf-8")


def _with_children(model_ids: Sequence[str]) -> Iterator[Any]:
    waiting = [_instances[model_id] for model_id in model_ids if model_id in _instances]
    while waiting:
        widget = waiting.pop()
        waiting.extend(getattr(widget, "children", ()))
        yield widget


def _described(widget: Any) -> dict[str, Any]:
    # The site lays out boxes itself; every other control of ipywidgets needs its kernel.
    box = isinstance(widget, Box)
    name = ("VBox" if isinstance(widget, VBox) else "HBox") if box else type(widget).__name__
    layout = getattr(widget, "layout", None)
    common = {"name": name, "width": (layout and layout.width) or "", "told": _told(widget)}
    if box:
        return {**common, "children": [child.model_id for child in widget.children]}
    if not hasattr(widget, "_esm"):
        return common
    saved = widget.page_state() if hasattr(widget, "page_state") else widget.get_state()
    state, paths, buffers = _remove_buffers(saved)
    own = {
        name: value
        for name, value in state.items()
        if not name.startswith("_") and name not in _OF_THE_KERNEL
    }
    if hasattr(widget, "frontend"):  # ours: the site takes the code from the package, once
        code = {"frontend": widget.frontend}
    else:
        code = {"script": str(widget._esm), "style": str(getattr(widget, "_css", ""))}
    answers = widget.page_answers() if hasattr(widget, "page_answers") else {}
    return {
        **common,
        **code,
        "state": own,
        "buffers": [
            {"path": path, "data": base64.b64encode(buffer).decode()}
            for path, buffer in zip(paths, buffers, strict=True)
        ],
        "answers": {name: base64.b64encode(data).decode() for name, data in answers.items()},
    }


def _told(widget: Any) -> list[str]:
    """The traits that Python code outside of the widget observes: nobody would hear them on a page."""
    return sorted(
        name
        for name, kinds in widget._trait_notifiers.items()
        for handlers in kinds.values()
        for handler in handlers
        if not isinstance(handler, EventHandler | str)
        and getattr(handler, "__self__", None) is not widget
        and not getattr(handler, "__module__", "").startswith(("ipywidgets", "anywidget"))
    )


def _links(model_ids: set[str]) -> Iterator[dict[str, Any]]:
    for link in list(_instances.values()):
        if not isinstance(link, Link):
            continue
        ends = [(widget.model_id, trait) for widget, trait in (link.source, link.target)]
        if all(model_id in model_ids for model_id, _ in ends):
            both = not isinstance(link, DirectionalLink)
            yield {"source": ends[0], "target": ends[1], "both": both}
