"""How every part of the course puts something under a cell: rich in a notebook, text elsewhere."""

from html import escape
from typing import TYPE_CHECKING, Any

from vizkit.hosts import in_kernel, in_marimo

if TYPE_CHECKING:
    from anywidget import AnyWidget

# Okabe and Ito's colours: told apart with every common form of colour blindness.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#797979"


def in_notebook() -> bool:
    """Whether a Jupyter kernel or marimo runs this code (not a terminal, not a script)."""
    return in_marimo() or in_kernel()


def show(
    text: str,
    html: str = "",
    *,
    data: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Display `text`, with `html` and further MIME types beside it; prints outside of notebooks."""
    if not in_notebook():
        print(text)
        return
    from IPython.display import display

    bundle = {"text/plain": text, **(data or {})}
    if in_marimo() and "image/png" in bundle:  # it knows no metadata
        about = {"alt": text, **(metadata or {}).get("image/png", {})}
        words = " ".join(f'{name}="{escape(str(value))}"' for name, value in about.items())
        html = f'<img src="data:image/png;base64,{bundle["image/png"]}" {words}>'
    if html:
        bundle["text/html"] = html
    display(bundle, raw=True, metadata=metadata or {})


def live_form(widget: "AnyWidget") -> dict[str, Any]:
    """Of all that a widget says of itself, what a live kernel needs to show it."""
    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle or {}
    return {mime: value for mime, value in data.items() if mime.endswith("widget-view+json")}


def card(color: str, heading: str, body: str = "") -> str:
    """HTML of a note with a coloured edge. `heading` and `body` are text and get escaped.

    The colour only repeats what the heading says. JupyterLab's own variables give the rest, so
    the card follows the light and the dark theme.
    """
    paragraphs = "".join(
        f'<div style="margin-top:4px;white-space:pre-wrap">{escape(line)}</div>'
        for line in body.split("\n")
        if line
    )
    return (
        f'<div role="status" style="border-left:6px solid {color};border-radius:4px;'
        "padding:8px 14px;margin:4px 0;max-width:60em;line-height:1.5;"
        "background:var(--jp-layout-color2,rgba(128,128,128,.12));"
        'color:var(--jp-ui-font-color1,inherit)">'
        f"<strong>{escape(heading)}</strong>{paragraphs}</div>"
    )
