"""Widgets side by side, with a picture of all of them for where no kernel runs."""

from __future__ import annotations

import sys
from typing import Any

from ipywidgets import HBox
from PIL import Image

from vizkit.widgets import picture
from vizkit.widgets.base import VizkitWidget

GAP = 16 * picture.SHARP  # pixels between two static pictures


class Row(HBox):  # type: ignore[misc]  # ipywidgets has no types
    """What `side_by_side` returns: an `ipywidgets.HBox` that GitHub and PDF show as a picture."""

    def headline(self) -> str:
        """One line for each widget."""
        return "\n".join(widget.headline() for widget in self.children)

    def picture(self) -> Image.Image:
        """The current views in a row, drawn without a browser."""
        parts = [widget.picture() for widget in self.children]
        width = sum(part.width for part in parts) + GAP * (len(parts) - 1)
        sheet, _ = picture.blank(width, max(part.height for part in parts))
        left = 0
        for part in parts:
            sheet.paste(part, (left, 0))
            left += part.width + GAP
        return sheet

    def _display_(self) -> Any:
        """What marimo asks for: it knows these widgets, but no boxes of ipywidgets."""
        return sys.modules["marimo"].hstack(self.children, widths="equal")

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = super()._repr_mimebundle_(**kwargs)
        png, shown = picture.as_output(self.picture(), self.headline().replace("\n", "; "))
        data = {**data, "text/plain": self.headline(), "image/png": png}
        return data, {"image/png": shown}


def side_by_side(*widgets: VizkitWidget) -> Row:
    """Show widgets in one row, each as wide as the others; link them with `ipywidgets.jslink`.

    Args:
        widgets: two or more, each once.

    Returns:
        The row, for the last line of a cell. Each widget's `layout.width` is set.

    Raises:
        TypeError: something that is no widget of this package.
        ValueError: fewer than two, or one of them twice.
    """
    for widget in widgets:
        if not isinstance(widget, VizkitWidget):
            raise TypeError(
                f"side_by_side takes widgets of vizkit, got {type(widget).__name__}: {widget!r:.60}"
            )
    if len(widgets) < 2 or len({id(widget) for widget in widgets}) < len(widgets):
        raise ValueError(
            f"side_by_side needs two or more widgets, each once, got {len(widgets)}: {widgets!r}"
        )
    for widget in widgets:
        widget.layout.width = f"{100 / len(widgets):.4g}%"
    return Row(widgets)
