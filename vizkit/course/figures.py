"""Charts and contact sheets with one look, legible in the light and the dark theme."""

import base64
import io
import json
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from vizkit.course.show import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, show
from vizkit.fonts import font
from vizkit.hosts import in_marimo

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from PIL import Image, ImageFont
    from plotly.graph_objects import Figure
    from plotly.graph_objects.layout import Template

    Face = ImageFont.FreeTypeFont | ImageFont.ImageFont

PLOTLY_MIME = "application/vnd.plotly.v1+json"
_LETTERS = 72  # that stand side by side below a chart of 700 pixels
_COLORS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
# Colour is never the only difference between two series.
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star")


def show_figure(fig: "Figure", *, alt: str) -> None:
    """Show a Plotly figure: alive in JupyterLab, Notebook 7 and marimo with no network, text elsewhere.

    Plotly's own JupyterLab extension draws it. The static picture that GitHub and PDF need is
    stored by `python -m tools.course.outputs`.

    Args:
        fig: a `plotly.graph_objects.Figure`. Its own template, if it has one, is kept.
        alt: what the picture shows, in a sentence; it becomes the plain text of the output.

    Raises:
        ValueError: no alt text.
        TypeError: not a Plotly figure.
    """
    _require(alt=alt)
    if not hasattr(fig, "to_plotly_json"):
        raise TypeError(f"show_figure expects a Plotly figure, received {type(fig).__name__}")
    import plotly.graph_objects as go
    import plotly.io as pio

    fig = go.Figure(fig)
    if fig.layout.template == pio.templates[pio.templates.default]:
        fig.update_layout(template=figure_template())
    if in_marimo():  # knows Plotly's figures, but not what JupyterLab is sent for one
        from IPython.display import display

        display(fig)
        return
    show(alt, data={PLOTLY_MIME: json.loads(fig.to_json())})


def figure_template() -> "Template":
    """The look of the course's charts as a Plotly template."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": "rgba(128,128,128,.25)",
        "zerolinecolor": "rgba(128,128,128,.5)",
        "linecolor": GREY,
        "showline": True,
        "ticks": "outside",
        "tickcolor": GREY,
        "automargin": True,
        "title": {"font": {"size": 17}, "standoff": 12},
    }
    return go.layout.Template(
        layout={
            # One grey with the same contrast, 4.3:1, on JupyterLab's white and on its black.
            "font": {"color": GREY, "size": 15, "family": "system-ui, sans-serif"},
            "title": {"font": {"size": 20}, "x": 0.02, "xanchor": "left"},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(_COLORS),
            "colorscale": {"sequential": "Cividis", "sequentialminus": "Cividis"},
            "hoverlabel": {"font": {"size": 15}},
            "margin": {"l": 70, "r": 30, "t": 70, "b": 60},
            "height": 420,
            "xaxis": axis,
            "yaxis": axis,
            "legend": {"bgcolor": "rgba(0,0,0,0)", "font": {"size": 15}},
        }
    )


def mean_and_interval(values: Any, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean over `axis` and the half-width of its 95% t-interval (0 for a single run).

    Raises ValueError if there are no numbers along that axis.
    """
    values = _numbers("values", values)
    whole = isinstance(axis, int) and not isinstance(axis, bool)
    if not values.size or not whole or not -values.ndim <= axis < values.ndim:
        raise ValueError(
            f"expected values along axis {axis!r}, received an array of shape {values.shape}"
        )
    count, mean = values.shape[axis], values.mean(axis)
    if count < 2:
        return mean, np.zeros_like(mean)
    from scipy.stats import t

    error = values.std(axis, ddof=1) / math.sqrt(count)
    return mean, t.ppf(0.975, count - 1) * error


def line_chart(
    series: Mapping[str, "tuple[ArrayLike, ArrayLike]"],
    *,
    title: str,
    x_label: str,
    y_label: str,
    alt: str,
    log_x: bool = False,
    log_y: bool = False,
    dots: bool = False,
    apart: bool = False,
    limits: tuple[float, float] | None = None,
    ticks: Mapping[float, str] | None = None,
) -> None:
    """Show lines. `series` maps a name to (x, y); a y of shape (seeds, points) gets its band.

    The line is then the mean over the seeds, the band its 95% t-interval; with `dots`, every
    seed is a dot instead of the band; with `apart` besides, the dots of a point stand side by side
    and the mean has no mark of its own, so that seeds that nearly agree can be seen. limits: what
    y can be at all, e.g. (0, 1) for a share: the band ends there. ticks: the places on the x-axis
    that have a name, and their names, in place of numbers.
    """
    _require(title=title, x_label=x_label, y_label=y_label, alt=alt)
    _require_named(series=series)
    named = _named_ticks(ticks)
    for name, switch in (("log_x", log_x), ("log_y", log_y), ("dots", dots), ("apart", apart)):
        if not isinstance(switch, bool):
            raise ValueError(f"{name} must be True or False, received {switch!r}")
    if apart and not dots:
        raise ValueError("apart=True moves the dots of the seeds: it needs dots=True")
    low, high = _limits(limits)
    import plotly.graph_objects as go

    fig = go.Figure()
    for index, (name, pair) in enumerate(series.items()):
        color = _COLORS[index % len(_COLORS)]
        x, y = _two(f"series {name!r}", pair)
        x, y = np.asarray(x), _numbers(f"series {name!r}", y)
        if y.shape[-1:] != x.shape or y.ndim not in (1, 2):
            raise ValueError(
                f"series {name!r}: expected y of shape (points,) or (seeds, points) with "
                f"{x.shape} points, received {y.shape}"
            )
        mean, half = mean_and_interval(np.atleast_2d(y))
        if dots and y.ndim == 2:
            places = _side_by_side(x, len(y), log_x) if apart else np.tile(x, (len(y), 1))
            fig.add_scatter(
                x=places.ravel(),
                y=y.ravel(),
                mode="markers",
                marker={
                    "color": color,
                    "size": 7,
                    "opacity": 0.55,
                    "symbol": _SYMBOLS[index % len(_SYMBOLS)] if apart else "circle",
                },
                hoverinfo="skip",
                showlegend=False,
                legendgroup=name,
            )
        elif half.any():
            edges = np.concatenate([mean + half, (mean - half)[::-1]])
            fig.add_scatter(
                x=np.concatenate([x, x[::-1]]),
                y=edges.clip(low, high),
                mode="lines",
                fill="toself",
                fillcolor=color,
                opacity=0.2,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=name,
            )
        fig.add_scatter(
            x=x,
            y=mean,
            name=name,
            legendgroup=name,
            mode="lines+markers" if len(x) <= 40 and not (apart and y.ndim == 2) else "lines",
            line={"color": color, "width": 3, "dash": _DASHES[index % len(_DASHES)]},
            marker={"symbol": _SYMBOLS[index % len(_SYMBOLS)], "size": 9},
        )
    _label(fig, title, x_label, y_label)
    if log_x:
        fig.update_xaxes(type="log", **_log_ticks([pair[0] for pair in series.values()]))
    if log_y:
        fig.update_yaxes(type="log", **_log_ticks([pair[1] for pair in series.values()]))
    fig.update_xaxes(**named)
    fig.update_layout(hovermode="x unified")
    show_figure(fig, alt=alt)


def _side_by_side(x: np.ndarray, count: int, log_x: bool) -> np.ndarray:
    """The places (count, points) of `count` seeds around each x, within 3% of the axis."""
    x = np.log(x.astype(float)) if log_x else x.astype(float)
    places = x + np.linspace(-0.015, 0.015, count)[:, None] * (np.ptp(x) or 1.0)
    return np.exp(places) if log_x else places


def _named_ticks(ticks: Any) -> dict[str, Any]:
    """Plotly's words for ticks that have names; ValueError if these are no numbers and names."""
    if ticks is None:
        return {}
    _require_named(ticks=ticks)
    places = _numbers("the places of ticks", list(ticks))
    for name in ticks.values():
        _require(**{"the name of a tick": name})
    return {"tickvals": places.tolist(), "ticktext": _plain(ticks.values())}


def _log_ticks(columns: "list[ArrayLike]") -> dict[str, Any]:
    """A tick at each value if they are few, else at 1, 2 and 5, else at the powers of ten.

    Plotly's own run together, and between the powers of ten it shows the first digit alone.
    """
    values = np.unique(np.concatenate([np.ravel(column).astype(float) for column in columns]))
    values = values[values > 0]
    # Labels fit if neighbours stand at least a twelfth of the axis apart.
    gaps = np.diff(np.log(values)) if len(values) > 1 else np.ones(1)
    if len(values) > 9 or gaps.min() < gaps.sum() / 12:
        low, high = np.log10(values[[0, -1]])
        powers = 10.0 ** np.arange(np.floor(low), np.ceil(high) + 1)
        values = np.outer(powers, (1, 2, 5)).ravel() if high - low < 4 else powers
    return {"tickvals": values.tolist(), "ticktext": [_short(value) for value in values]}


def _short(value: float) -> str:
    """A number as an axis shows it: 0.02, 500, 16384, 5M, 2B."""
    for unit, letter in ((1e9, "B"), (1e6, "M")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def bar_chart(
    values: Mapping[str, Any], *, title: str, x_label: str, y_label: str, alt: str
) -> None:
    """Show bars. `values` maps a name to a number or to one number per seed, drawn with its
    95% t-interval."""
    _require(title=title, x_label=x_label, y_label=y_label, alt=alt)
    _require_named(values=values)
    import plotly.graph_objects as go

    pairs = [
        mean_and_interval(np.atleast_1d(_numbers(f"the value of {name!r}", value)))
        for name, value in values.items()
    ]
    heights = [float(mean) for mean, _ in pairs]
    halves = [float(half) for _, half in pairs]
    fig = go.Figure()
    fig.add_bar(
        # The number stands under the bar, where no interval crosses it.
        x=[
            "<br>".join([*_plain(_lines(name, _LETTERS // len(values))), f"{height:.3g}"])
            for name, height in zip(values, heights, strict=True)
        ],
        y=heights,
        marker_color=BLUE,
        error_y={"array": halves, "color": GREY, "thickness": 2} if any(halves) else None,
    )
    _label(fig, title, x_label, y_label)
    show_figure(fig, alt=alt)


def dot_chart(
    groups: Mapping[str, Any],
    *,
    title: str,
    x_label: str,
    y_label: str,
    alt: str,
    limits: tuple[float, float] | None = None,
    line: float | None = None,
    names_left: bool = False,
) -> None:
    """Show every seed as a dot: `groups` maps a name to a number or to one number per seed.

    A short bar is the mean, the thin line around it ± one standard error. limits: the range of
    the y axis; line: a level to compare with, e.g. chance. names_left: the groups stand below each
    other with their names on the left, for so many groups that their names would overlap on a narrow
    page; x_label is still that of the groups and joins the title, y_label that of the values.

    Raises ValueError on empty groups, on limits that are no range, and where a label is missing;
    TypeError unless names_left is True or False.
    """
    _require(title=title, x_label=x_label, y_label=y_label, alt=alt)
    _require_named(groups=groups)
    if line is not None and (not isinstance(line, Real) or isinstance(line, bool)):
        raise ValueError(f"line must be a number or None, received {line!r}")
    if limits is not None:
        limits = _limits(limits)
    if not isinstance(names_left, bool):
        raise TypeError(f"expected names_left to be True or False, received {names_left!r}")
    import plotly.graph_objects as go

    fig = go.Figure()
    across, along = ("y", "x") if names_left else ("x", "y")
    for place, (name, values) in enumerate(groups.items()):
        values = np.atleast_1d(_numbers(f"the values of {name!r}", values)).ravel()
        if not values.size:
            raise ValueError(f"the values of {name!r} are empty")
        # Side by side, so that equal seeds do not hide each other.
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        marker = {"color": _COLORS[place % len(_COLORS)], "size": 10, "opacity": 0.7}
        marker["symbol"] = _SYMBOLS[place % len(_SYMBOLS)]
        dots = {across: place + spread, along: values}
        fig.add_scatter(**dots, mode="markers", marker=marker, name=name)
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
        off = {"array": [error] * 2, "color": GREY, "thickness": 1.5, "width": 0}
        fig.add_scatter(
            **{across: [place - 0.3, place + 0.3], along: [values.mean()] * 2},
            mode="lines",
            line={"color": GREY, "width": 3},
            **{f"error_{along}": off},
            hoverinfo="skip",
        )
    if line is not None:
        add_line = fig.add_vline if names_left else fig.add_hline
        add_line(**{along: line}, line={"color": GREY, "dash": "dot"})
    if names_left:  # what the axis says of all groups would not fit beside them: it joins the title
        title, x_label, y_label = f"{title}<br><sub>{x_label}</sub>", y_label, ""
    _label(fig, title, x_label, y_label)
    _name_groups(fig, list(groups), limits, names_left)
    fig.update_layout(showlegend=False)
    show_figure(fig, alt=alt)


def _name_groups(fig: "Figure", names: list[str], limits: Any, left: bool) -> None:
    """The groups' names at the places 0, 1, … of a dot chart, and the range of its values.

    On the left the first group stands at the top, and each has a line for each line of its name.
    """
    width = _LETTERS // 2 if left else _LETTERS // len(names)
    texts = [_plain(_lines(name, width)) for name in names]
    places = {
        "tickvals": list(range(len(names))),
        "ticktext": ["<br>".join(lines) for lines in texts],
    }
    if left:
        fig.update_yaxes(**places, range=[len(names) - 0.4, -0.6], automargin=True)
        fig.update_xaxes(range=limits)
        fig.update_layout(height=160 + 26 * len(names) * max(map(len, texts)))
        return
    fig.update_xaxes(**places, range=[-0.6, len(names) - 0.4])
    fig.update_yaxes(range=limits)


def heat_map(
    matrix: Any,
    *,
    title: str,
    x_label: str,
    y_label: str,
    alt: str,
    x: Sequence[object] | None = None,
    y: Sequence[object] | None = None,
    color_label: str = "",
) -> None:
    """Show a matrix (rows, columns), the first row at the top, squares for its cells.

    Data of both signs are drawn on a scale that is symmetric about zero.
    """
    _require(title=title, x_label=x_label, y_label=y_label, alt=alt)
    if not isinstance(color_label, str):
        raise ValueError(f"color_label must be a text, received {color_label!r}")
    matrix = _numbers("matrix", matrix)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"expected a matrix (rows, columns), received shape {matrix.shape}")
    import plotly.graph_objects as go

    signed = bool(np.nanmin(matrix) < 0 < np.nanmax(matrix))
    limit = float(np.nanmax(np.abs(matrix)))
    fig = go.Figure()
    fig.add_heatmap(
        z=matrix,
        x=x,
        y=y,
        colorscale="RdBu" if signed else "Cividis",
        reversescale=signed,
        zmin=-limit if signed else None,
        zmax=limit if signed else None,
        colorbar={"title": color_label},
    )
    _label(fig, title, x_label, y_label)
    fig.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain", showgrid=False)
    fig.update_xaxes(constrain="domain", showgrid=False)
    show_figure(fig, alt=alt)


def scatter(
    groups: Mapping[str, "tuple[ArrayLike, ArrayLike]"],
    *,
    title: str,
    x_label: str,
    y_label: str,
    alt: str,
    hover: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Show points. `groups` maps a name to (x, y); `hover` a name to one text for each point."""
    _require(title=title, x_label=x_label, y_label=y_label, alt=alt)
    _require_named(groups=groups)
    if hover is not None and not (
        isinstance(hover, Mapping)
        and all(isinstance(texts, Sequence | np.ndarray) for texts in hover.values())
    ):
        raise ValueError(f"hover must map names to lists of texts, received {hover!r}")
    import plotly.graph_objects as go

    fig = go.Figure()
    for index, (name, pair) in enumerate(groups.items()):
        x, y = _two(f"group {name!r}", pair)
        if len(x) != len(y):
            raise ValueError(f"group {name!r}: {len(x)} values of x, but {len(y)} of y")
        fig.add_scatter(
            x=x,
            y=y,
            name=name,
            mode="markers",
            marker={
                "size": 9,
                "opacity": 0.8,
                "color": _COLORS[index % len(_COLORS)],
                "symbol": _SYMBOLS[index % len(_SYMBOLS)],
            },
            text=_plain(hover[name]) if hover and name in hover else None,
        )
    _label(fig, title, x_label, y_label)
    show_figure(fig, alt=alt)


def show_images(
    images: Any,
    captions: Sequence[str] | None = None,
    *,
    columns: int = 4,
    size: int = 128,
    alt: str,
) -> None:
    """Show images as one contact sheet (a PNG of twice the size it is shown at).

    Args:
        images: (N, H, W, 3) or (N, H, W), or a list of images of any sizes; uint8, or floats
            from 0 to 1. Arrays, tensors or Pillow images.
        captions: one short text for each image.
        columns: images in a row.
        size: width of an image on the screen in pixels, 16 to 2048.

    Raises:
        ValueError: no images, no alt text, or not one caption for each image.
    """
    _require(alt=alt)
    for name, value, least, most in (("columns", columns, 1, 1000), ("size", size, 16, 2048)):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not least <= value <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}: {value!r}")
    if captions is not None and (isinstance(captions, str) or not hasattr(captions, "__len__")):
        raise ValueError(f"captions must be a list of texts, received {captions!r}")
    if isinstance(images, str | bytes | dict) or not hasattr(images, "__len__"):
        raise ValueError(f"expected images in a list or an array, received {images!r}")
    pictures = [_picture(image) for image in images]
    if not pictures:
        raise ValueError("expected one or more images, received none")
    if captions is not None and len(captions) != len(pictures):
        raise ValueError(f"{len(pictures)} images, but {len(captions)} captions")
    sheet = _contact_sheet(pictures, captions, min(columns, len(pictures)), 2 * size)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    shown_at = {"width": sheet.width // 2, "height": sheet.height // 2, "alt": alt}
    show(
        alt,
        data={"image/png": base64.b64encode(buffer.getvalue()).decode()},
        metadata={"image/png": shown_at},
    )


def _contact_sheet(
    pictures: "list[Image.Image]", captions: Sequence[str] | None, columns: int, side: int
) -> "Image.Image":
    from PIL import Image, ImageDraw

    gap, face = side // 16, font(26)
    lines = [_wrap(caption, face, side) for caption in captions or [""] * len(pictures)]
    tiles = [_fit(picture, side) for picture in pictures]
    starts = range(0, len(tiles), columns)
    heights = [
        max(tile.height for tile in tiles[start : start + columns])
        + 36 * max(map(len, lines[start : start + columns]))
        for start in starts
    ]
    width = columns * (side + gap) - gap
    sheet = Image.new("RGBA", (width, sum(heights) + gap * (len(heights) - 1)), (0, 0, 0, 0))
    draw, top = ImageDraw.Draw(sheet), 0
    for start, height in zip(starts, heights, strict=True):
        for column, index in enumerate(range(start, min(start + columns, len(tiles)))):
            left, tile = column * (side + gap), tiles[index]
            sheet.paste(tile, (left, top))
            for row, line in enumerate(lines[index]):
                baseline = top + tile.height + 28 + 36 * row
                draw.text((left, baseline), line, fill=GREY, font=face, anchor="ls")
        top += height + gap
    return sheet


def _picture(image: Any) -> "Image.Image":
    from PIL import Image

    if isinstance(image, Image.Image):
        return image.convert("RGB")
    if hasattr(image, "detach"):
        image = image.detach().cpu().numpy()
    array = np.asarray(image)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise ValueError(f"expected an image (H, W) or (H, W, 3), received shape {array.shape}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ValueError("an image of floats must lie between 0 and 1")
        array = np.round(array * 255)
    return Image.fromarray(array.astype(np.uint8)).convert("RGB")


def _fit(picture: "Image.Image", side: int) -> "Image.Image":
    from PIL import Image

    height = max(1, round(picture.height * side / picture.width))
    # Pixels of a small image stay visible; a large one is smoothed.
    method = Image.Resampling.NEAREST if picture.width < side else Image.Resampling.LANCZOS
    return picture.resize((side, height), method)


def _wrap(text: str, face: "Face", width: int, max_lines: int = 3) -> list[str]:
    """`text` in lines of at most `width` pixels; what does not fit ends in …"""
    lines: list[str] = []
    # Three lines hold fewer letters than this; measuring 10 kB letter by letter takes minutes.
    for word in str(text)[:300].replace("\x00", "").split():
        if lines and face.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], lines[max_lines - 1] + " …"]
    return [_shorten(line, face, width) for line in lines]


def _shorten(line: str, face: "Face", width: int) -> str:
    if face.getlength(line) <= width:
        return line
    while line and face.getlength(line + "…") > width:
        line = line[:-1]
    return line + "…"


def _label(fig: "Figure", title: str, x_label: str, y_label: str) -> None:
    fig.update_layout(title_text=title, xaxis_title_text=x_label, yaxis_title_text=y_label)


def _lines(text: str, width: int) -> list[str]:
    """A text in lines of about that many letters; words stay whole."""
    return textwrap.wrap(str(text), max(width, 6), break_long_words=False) or [""]


def _plain(texts: Iterable[str]) -> list[str]:
    """Texts in which Plotly sees no tag of its own little HTML."""
    return [str(text).replace("&", "&amp;").replace("<", "&lt;") for text in texts]


def _require(**texts: str) -> None:
    """Raise ValueError unless every text says something."""
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"{name} must be a text, received {text!r}")
        if not text.strip():
            raise ValueError(f"{name} must not be empty")


def _require_named(**groups: Mapping[str, Any]) -> None:
    """Raise ValueError unless each maps names to data."""
    for name, group in groups.items():
        if not isinstance(group, Mapping):
            raise ValueError(f"{name} must map names to data, received {group!r}")
        if not group:
            raise ValueError(f"{name} must not be empty")


def _numbers(name: str, values: Any) -> np.ndarray:
    """An array of floats; ValueError if these are no numbers."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, received {values!r}") from None


def _limits(limits: Any) -> tuple[float, float]:
    """The lowest and the highest value there can be; ValueError if these are no range."""
    if limits is None:
        return -math.inf, math.inf
    low, high = _two("limits", limits)
    for end in (low, high):
        if not isinstance(end, Real) or isinstance(end, bool):
            raise ValueError(f"limits must be two numbers, received {limits!r}")
    if not low < high:
        raise ValueError(f"limits must be (low, high) with low below high, received {limits!r}")
    return low, high


def _two(name: str, pair: Any) -> tuple[Any, Any]:
    """The x and the y of a series; ValueError if these are not two."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"{name}: expected (x, y), received {pair!r}")
    first, second = pair
    return first, second
