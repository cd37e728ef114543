"""What the three widgets share on the Python side: one module of front-end code, traits, fallbacks and export."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets
from ipywidgets import widget_serialization
from PIL import Image

from vizkit.hosts import in_kernel
from vizkit.inputs import refuse_unknown
from vizkit.widgets import assets, page, picture
from vizkit.widgets.code import Code, code_of

TAKES_ALL = ("self", "traits", "options")


class VizkitWidget(anywidget.AnyWidget):
    """Base of the widgets: an `anywidget.AnyWidget` with linkable indices, a static picture and an export.

    A subclass names its front end (`class AttentionMap(VizkitWidget, frontend="attention_map")`)
    and implements `headline`, `picture` and `to_plotly`.

    Traits:
        hovered: index of the item under the pointer, -1 for none.
        selected: indices of the chosen items.
        theme: "auto" follows the page, "light" and "dark" do not.
        title: shown above the picture, as text.
    """

    hovered = traitlets.Int(-1).tag(sync=True)
    selected = traitlets.List(traitlets.Int()).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    _code = traitlets.List(traitlets.Instance(Code)).tag(sync=True, **widget_serialization)
    filled = frozenset(
        {"data", "maps", "table", "about", "blocks", "encoder"}
    )  # traits that no caller sets
    frontend: str  # the stem of its files in `static/`
    needs_wasm = False  # whether an exported page must allow WebAssembly
    _ready: tuple[str, str, dict[str, Any]] | None = None  # headline, PNG in base64, its metadata

    def __init_subclass__(cls, frontend: str | None = None, **kwargs: Any) -> None:
        if frontend is not None:
            cls.frontend = frontend
            cls._esm = assets.module(frontend)  # complete; a notebook gets less, see `open`
        super().__init_subclass__(**kwargs)

    def open(self) -> None:
        """Meet the browser; in a kernel with the static picture ready, and with code that the notebook may have already.

        To the first word of a widget JupyterLab replies by asking the kernel for one more thread, and a picture
        that is drawn beside the start of that thread takes five times as long.
        """
        if self.comm is None and in_kernel():
            self._ready = self._static_output()
            self._esm = assets.module(self.frontend, complete=False)
            self._code = code_of(self.frontend)
            self.on_msg(self._give_code)
            self.observe(self._forget_output, self.keys)
        super().open()

    @traitlets.default("layout")
    def _make_layout(self) -> ipywidgets.Layout:
        layout = ipywidgets.Layout()
        if self.comm is not None:  # the browser knows of none so far, see `get_state`
            state = {"layout": f"IPY_MODEL_{layout.model_id}"}
            self._send({"method": "update", "state": state, "buffer_paths": []})
        return layout

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The synchronised traits, or those that `key` names; a layout only where somebody has asked for it.

        A layout is a model of its own, which a notebook has to receive and to keep for every widget, changed or not.
        """
        if key is None and not self.trait_has_value("layout"):
            key = [name for name in self.keys if name != "layout"]
        return dict(super().get_state(key=key, drop_defaults=drop_defaults))

    def _give_code(self, _: Any, content: Any, buffers: Any) -> None:
        """Send the code to a front end that does not find one model from another."""
        if isinstance(content, dict) and content.get("request") == "code":
            parts = [assets.part(name) for name in assets.parts_of(self.frontend)]
            self.send({"response": "code"}, buffers=parts)

    def _static_output(self) -> tuple[str, str, dict[str, Any]]:
        headline = self.headline()
        return headline, *picture.as_output(self.picture(), headline)

    def _forget_output(self, change: Any) -> None:
        self._ready = None

    @classmethod
    def refuse_unknown(
        cls, call: Callable[..., Any], options: dict[str, Any], *, also: tuple[str, ...] = ()
    ) -> None:
        """Raise TypeError, with the nearest name, for a keyword that is no option and no trait.

        Args:
            call: what took `options` beside its own parameters: the constructor, or what calls it.
            options: the further keywords that came.
            also: the parameters of what `call` hands the options to.
        """
        own = [name for name in inspect.signature(call).parameters if name not in TAKES_ALL]
        traits = cls.class_traits(sync=True).items()
        traits = [name for name, trait in traits if name[0] != "_" and not trait.read_only]
        known = {*own, *also, *traits} - cls.filled
        refuse_unknown(f"{call.__qualname__.removesuffix('.__init__')}()", options, known)

    def within(self, name: str, value: int, count: int) -> int:
        """A linked index as it came, with a warning where this widget has no such item.

        Nothing is shown for it here. It is kept all the same: -1 in its place would go back through
        the link and take the item away from the widget that has it.
        """
        if not -1 <= value < count:
            warnings.warn(
                f"{type(self).__name__}: {name}={value} is ignored: there are {count} items here,"
                " and a linked widget may have more",
                stacklevel=2,
            )
        return value

    def headline(self) -> str:
        """One line that says what the widget shows and its main number; the same on every machine."""
        raise NotImplementedError

    def picture(self) -> Image.Image:
        """The current view as a picture, drawn without a browser."""
        raise NotImplementedError

    def to_plotly(self) -> Any:
        """The current view as a static `plotly.graph_objects.Figure`."""
        raise NotImplementedError

    def page_state(self) -> dict[str, Any]:
        """Return the state that an exported page starts with."""
        return self.get_state()

    def page_responses(self) -> dict[str, bytes]:
        """What the front end might request of the kernel later: the page's response to `{"request": name}`."""
        return {}

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained page that is alive with no kernel and no network; return its path.

        Raises:
            OSError: the page cannot be written; an older page at `path` is left as it was.
        """
        return page.save_page(path, [self])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(title={self.title!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        headline, png, shown = self._ready or self._static_output()
        data = {**data, "text/plain": headline, "image/png": png}
        return data, {**metadata, "image/png": shown}
