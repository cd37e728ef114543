"""What every drawing is: SVG of its own, legible in both themes, with a text for those who do not see it."""

import base64
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree

from vizkit.course.show import GREY, show
from vizkit.hosts import in_marimo

SVG_MIME = "image/svg+xml"
_NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Svg:
    """One drawing.

    Attributes:
        text: the SVG, with a `viewBox`. `currentColor` becomes the grey that is legible on
            JupyterLab's white and on its black: shown as a picture, it cannot ask for the theme.
        alt: what it shows, in a sentence.

    Raises:
        ValueError: not well-formed SVG, no `viewBox`, or no alt text.
    """

    text: str
    alt: str

    def __post_init__(self) -> None:
        if not isinstance(self.alt, str) or len(self.alt.strip()) < 12:
            raise ValueError(f"alt must say in a sentence what is drawn, received {self.alt!r}")
        if not isinstance(self.text, str):
            raise ValueError(f"text must be SVG, received {type(self.text).__name__}")
        try:
            root = ElementTree.fromstring(self.text)
        except ElementTree.ParseError as error:
            raise ValueError(
                f"text must be well-formed SVG ({error}), received {self.text[:40]!r}"
            ) from None
        if root.tag != f"{_NAMESPACE}svg" or not root.get("viewBox"):
            raise ValueError(
                f"text must be an <svg> with its namespace and a viewBox, not {root.tag}"
            )


def show_drawing(drawing: Svg, *, width: int | None = None) -> None:
    """Show a drawing under the cell: a picture that scales, with its alt text.

    width: in CSS pixels; None for the drawing's own, at most that of the page.

    Raises:
        TypeError: not an `Svg`.
        ValueError: a width that is not a positive whole number.
    """
    if not isinstance(drawing, Svg):
        raise TypeError(f"show_drawing expects an Svg, received {type(drawing).__name__}")
    if width is not None and (type(width) is not int or width < 1):
        raise ValueError(f"width must be a positive whole number or None, received {width!r}")
    text = drawing.text.replace("currentColor", GREY)
    code = base64.b64encode(text.encode("utf-8")).decode("ascii")
    size = f"width:{width}px;" if width else ""
    html = (
        f'<img src="data:{SVG_MIME};base64,{code}" alt="{escape(drawing.alt)}" '
        f'style="{size}max-width:100%">'
    )
    show(drawing.alt, html, data={} if in_marimo() else {SVG_MIME: text})
