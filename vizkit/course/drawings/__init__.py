"""Drawings of the course as SVG: one module a topic, each function returns an `Svg`."""

from vizkit.course.drawings.svg import Svg, show_drawing

__all__ = ["Svg", "show_drawing"]
