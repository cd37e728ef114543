"""The instruments' code in a kernel: a notebook receives each part once, however many instruments it shows."""

from __future__ import annotations

import ipywidgets
import traitlets

from vizkit.widgets import assets


class Code(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets tells no types
    """A part of the front end. It shows nothing: instruments refer to it.

    Traits:
        packed: the bytes, as `assets.part` gives them.
    """

    packed = traitlets.Bytes().tag(sync=True)


_kept: dict[str, Code] = {}


def code_of(frontend: str) -> list[Code]:
    """The parts of an instrument, in order; sent to the notebook if it has not got them yet."""
    return [_part(name) for name in assets.parts_of(frontend)]


def _part(name: str) -> Code:
    code = _kept.get(name)
    if code is None or code.comm is None:  # `Widget.close_all()` closes it, too
        code = _kept[name] = Code(packed=assets.part(name))
    return code
