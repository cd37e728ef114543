"""What is left of widgets without their kernel: their state as JSON, and the links between them."""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any, TypedDict

# ipywidgets has no public way to enumerate widgets but `Widget.get_manager_state()`, which copies the data of
# all of them, however many a notebook has shown.
from ipywidgets.widgets.widget import _instances
from ipywidgets.widgets.widget_link import DirectionalLink, Link

_OF_THE_KERNEL = ("layout", "tabbable", "tooltip")


class Buffer(TypedDict):
    """Bytes of a state: where they belong, and base64."""

    path: list[str | int]
    data: str


class SavedState(TypedDict):
    """A widget's own traits; their bytes stand apart."""

    state: dict[str, Any]
    buffers: list[Buffer]


class SavedLink(TypedDict):
    """An `ipywidgets.jslink` (`both`) or `jsdlink` between two widgets, by their model ids."""

    source: tuple[str, str]
    target: tuple[str, str]
    both: bool


def saved_state(state: dict[str, Any]) -> SavedState:
    """What JSON can hold of a widget's state: `widget.get_state()`, or the `page_state()` of ours."""
    buffers: list[Buffer] = []
    own = {
        name: value
        for name, value in state.items()
        if not name.startswith("_") and name not in _OF_THE_KERNEL
    }
    return {"state": _without_bytes(own, [], buffers), "buffers": buffers}


def _without_bytes(value: Any, path: list[str | int], buffers: list[Buffer]) -> Any:
    """A copy of `value`, whose bytes go to `buffers` with their paths: None in lists, absent in dicts.

    As ipywidgets' own protocol does it.
    """
    if isinstance(value, dict):
        for key, one in value.items():
            if _is_bytes(one):
                buffers.append(_buffer([*path, key], one))
        rest = {key: one for key, one in value.items() if not _is_bytes(one)}
        return {key: _without_bytes(one, [*path, key], buffers) for key, one in rest.items()}
    if isinstance(value, list | tuple):
        return [_without_bytes(one, [*path, index], buffers) for index, one in enumerate(value)]
    if _is_bytes(value):
        buffers.append(_buffer(path, value))
        return None
    return value


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes | bytearray | memoryview)


def _buffer(path: list[str | int], value: bytes | bytearray | memoryview) -> Buffer:
    return {"path": path, "data": base64.b64encode(value).decode()}


def saved_links(model_ids: Collection[str]) -> list[SavedLink]:
    """The links of this process both of whose ends are among the widgets of these ids."""
    found: list[SavedLink] = []
    for link in list(_instances.values()):
        if not isinstance(link, Link):
            continue
        source, target = ((widget.model_id, trait) for widget, trait in (link.source, link.target))
        if source[0] in model_ids and target[0] in model_ids:
            both = not isinstance(link, DirectionalLink)
            found.append({"source": source, "target": target, "both": both})
    return found
