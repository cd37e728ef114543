"""The instruments' code in a kernel: a notebook receives each part once, however many instruments it shows."""

from __future__ import annotations

import anywidget
import ipywidgets
import traitlets

from vizkit.widgets import assets


def _trait(name: str) -> str:
    return str(anywidget.AnyWidget.class_traits()[name].default_value)


class Code(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets tells no types
    """Parts of the front end. It shows nothing and has no layout: instruments refer to it.

    anywidget keeps its model in the browser: ipywidgets' own would lose the bytes when JupyterLab saves the state
    of the widgets.

    Traits:
        packed: the bytes of each part, as `assets.part` gives them, by the digest that `assets.digest` gives.
    """

    packed = traitlets.Dict().tag(sync=True)
    _model_name = traitlets.Unicode(_trait("_model_name")).tag(sync=True)
    _model_module = traitlets.Unicode(_trait("_model_module")).tag(sync=True)
    _model_module_version = traitlets.Unicode(_trait("_model_module_version")).tag(sync=True)
    _esm = traitlets.Unicode("export default {}").tag(sync=True)
    _anywidget_id = traitlets.Unicode("vizkit.widgets.code.Code").tag(sync=True)


_kept: dict[str, Code] = {}


def code_of(frontend: str) -> list[Code]:
    """The models that hold the parts of an instrument. What the notebook has not got yet travels together, in one."""
    names = assets.parts_of(frontend)
    missing = [name for name in names if not _is_open(name)]
    if missing:
        parts = [assets.part(name) for name in missing]
        code = Code(packed={assets.digest(part): part for part in parts})
        _kept.update(dict.fromkeys(missing, code))
    return list(dict.fromkeys(_kept[name] for name in names))


def _is_open(name: str) -> bool:
    return name in _kept and _kept[name].comm is not None  # `Widget.close_all()` closes it, too
