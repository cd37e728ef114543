"""What runs in a notebook's kernel after its last cell: every widget that was shown goes into a file.

The state that Jupyter itself would save does not do: a widget may keep in Python what its front end
requests later, and an exported page must bring that along.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ipywidgets import Box, VBox, widget_serialization
from traitlets.traitlets import EventHandler

from vizkit.widgets.saved_state import saved_links, saved_state


def save_widget_state(path: str, model_ids: Sequence[str]) -> None:
    """Write the widgets of these ids, what they hold, and the jslinks among them, as JSON."""
    models: dict[str, dict[str, Any]] = {}
    for widget in _with_children(model_ids):
        models[widget.model_id] = _described(widget)
    text = json.dumps({"models": models, "links": saved_links(models)}, allow_nan=False)
    Path(path).write_text(text, encoding="utf-8")


def _with_children(model_ids: Sequence[str]) -> Iterator[Any]:
    read = widget_serialization["from_json"]
    found = (read(f"IPY_MODEL_{model_id}", None) for model_id in model_ids)
    # Of a widget that has been closed its id is all that comes back.
    waiting = [widget for widget in found if not isinstance(widget, str)]
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
    if hasattr(widget, "frontend"):  # ours: the site takes the code from the package, once
        code = {"frontend": widget.frontend}
        state, responses = widget.page_state(), widget.page_responses()
    else:
        code = {"script": str(widget._esm), "style": str(getattr(widget, "_css", ""))}
        state, responses = widget.get_state(), {}
    encoded = {name: base64.b64encode(data).decode() for name, data in responses.items()}
    return {**common, **code, **saved_state(state), "responses": encoded}


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
