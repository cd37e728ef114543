"""The instruments' code in a kernel: a notebook receives each part once, however many instruments it shows."""

from __future__ import annotations

import anywidget
import ipywidgets
import traitlets

from vizkit.widgets import assets


def _trait(name: str) -> str:
    return str(anywidget.AnyWidget.class_traits()[name].default_value)


class Code(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets tells no types
    """A part of the front end. It shows nothing and has no layout: instruments refer to it.

    anywidget keeps its model in the browser: ipywidgets' own would lose the bytes when JupyterLab saves the state
    of the widgets.

    Traits:
        packed: the bytes, as `assets.part` gives them.
    """

    packed = traitlets.Bytes().tag(sync=True)
    _model_name = traitlets.Unicode(_trait("_model_name")).tag(sync=True)
    _model_module = traitlets.Unicode(_trait("_model_module")).tag(sync=True)
    _model_module_version = traitlets.Unicode(_trait("_model_module_version")).tag(sync=True)
    _esm = traitlets.Unicode("export default {}").tag(sync=True)
    _anywidget_id = traitlets.Unicode("vizkit.widgets.code.Code").tag(sync=True)


_kept: dict[str, Code] = {}


def code_of(frontend: str) -> list[Code]:
    """The parts of an instrument, in order; sent to the notebook if it has not got them yet."""
    return [_part(name) for name in assets.parts_of(frontend)]


def _part(name: str) -> Code:
    code = _kept.get(name)
    if code is None or code.comm is None:  # `Widget.close_all()` closes it, too
        code = _kept[name] = Code(packed=assets.part(name))
    return code
