"""What AttentionMap shows without a browser: a picture without a browser, and a Plotly figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from vizkit.extras import require
from vizkit.fonts import font
from vizkit.widgets import picture
from vizkit.widgets.attention_map.numbers import patch_distances
from vizkit.widgets.codec import Array

if TYPE_CHECKING:
    from vizkit.widgets.attention_map import AttentionMap
    from vizkit.widgets.attention_map.inputs import ModelMaps

# Twice as sharp as it is shown.
MAP, PANEL, MARGIN, TEXT, CAPTION = 464, 464, 22, 26, 22
PIN, DOT, MOST_CELLS = "#ff9d3c", "#006ba8", 2**20


def _limits(values: Array, signed: bool) -> tuple[float, float]:
    """Ends of the colour scale: from zero up, or the same distance both ways."""
    largest = float(np.abs(values).max()) or 1.0
    return (-largest if signed else 0.0), largest


def _colors(values: Array, signed: bool) -> Array:
    return picture.colorize(values, "diverging" if signed else "magma", *_limits(values, signed))


def over_picture(widget: AttentionMap, height: int = MAP, model: int = 0) -> Image.Image:
    """The map on view of one model over its picture, in the picture's proportions."""
    side = widget.models[model]
    layer = side.layers[min(widget.layer, len(side.layers) - 1)]
    patches = widget.weights(model)[side.num_prefix_tokens :].reshape(layer.key_grid)
    rows, columns = layer.key_grid
    photo = widget.pictures[widget.image_index] if widget.pictures else None
    ratio = photo.shape[1] / photo.shape[0] if photo is not None else columns / rows
    width = max(1, round(height * min(ratio, 2.0)))
    colored = picture.enlarge(
        _colors(patches, side.signed), width, height, smooth=bool(widget.smooth)
    )
    if photo is None:
        return colored
    under = Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)
    if widget.query < 0 and widget.direction == "given":
        return under
    # As in the browser: the picture shows through where little is looked at.
    share = np.abs(patches) / (np.abs(patches).max() or 1.0)
    mask = np.rint((140 + 115 * share) * widget.opacity).astype(np.uint8)
    mask = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
    return Image.composite(colored, under, mask)


def _shown_layer(widget: AttentionMap, side: ModelMaps) -> int:
    return min(widget.layer, len(side.layers) - 1)


def _legend(widget: AttentionMap, model: int, width: int) -> Image.Image:
    """The colours from end to end, with their numbers."""
    side = widget.models[model]
    low, high = _limits(widget.weights(model)[side.num_prefix_tokens :], side.signed)
    sheet, pen = picture.blank(width, 50)
    name = "diverging" if side.signed else "magma"
    bar = picture.colorize(np.linspace(0, 1, width)[None], name, 0, 1)
    sheet.paste(picture.enlarge(bar, width, 14), (0, 0))
    face = font(CAPTION)
    pen.text((0, 20), f"{low:.3g}".replace("-", "−"), picture.INK, face)
    pen.text((width, 20), f"{high:.3g}", picture.INK, face, anchor="ra")
    words = "up to this map's maximum"
    if pen.textlength(words, face) < 0.6 * width:
        pen.text((width / 2, 20), words, picture.MUTED, face, anchor="ma")
    return sheet


def _heads(widget: AttentionMap, model: int = 0) -> Image.Image:
    """The query's map in every head, one row a layer; one block of tiles when no layer has several heads."""
    side = widget.models[model]
    most = max(layer.heads for layer in side.layers)
    across = int(np.ceil(np.sqrt(len(side.layers)))) if most == 1 else most
    down = -(-len(side.layers) // across) if most == 1 else len(side.layers)
    rows, columns = side.layers[0].key_grid
    tile = max(16, min(128, PANEL // max(across, down)))
    wide, high = (max(8, round(tile * part / max(rows, columns))) for part in (columns, rows))
    left, top = (0, 0) if most == 1 else (_longest(side), CAPTION + 6)
    sheet, pen = picture.blank(left + across * wide, top + down * high)
    for index, layer in enumerate(side.layers):
        block, token = layer.blocks[widget.image_index], widget.token_in(layer, side)
        shown = token >= 0 or (widget.direction == "received" and widget.query < 0)
        for head in range(layer.heads if shown else 0):
            patches = widget.head_map(block, head, token)[side.num_prefix_tokens :].reshape(
                layer.key_grid
            )
            colored = picture.enlarge(_colors(patches, side.signed), wide - 4, high - 4)
            row, column = divmod(index, across) if most == 1 else (index, head)
            place = (left + column * wide + 2, top + row * high + 2)
            sheet.paste(colored, place)
            if _is_on(widget, side, index, head):
                pen.rectangle(
                    [place[0] - 2, place[1] - 2, place[0] + wide - 3, place[1] + high - 3],
                    outline=PIN,
                    width=4,
                )
    if most > 1:
        _label(widget, side, pen, (left, top), (wide, high))
    return sheet


def _is_on(widget: AttentionMap, side: ModelMaps, layer: int, head: int) -> bool:
    """Whether a head is part of the map on view."""
    if layer != _shown_layer(widget, side) or widget.mode == "rollout":
        return False
    return widget.mode != "one head" or head == min(widget.head, side.layers[layer].heads - 1)


def _longest(side: ModelMaps) -> int:
    """Room for the names of the layers."""
    _, pen = picture.blank(1, 1)
    width = max(pen.textlength(layer.name, font(CAPTION)) for layer in side.layers)
    return int(min(width, 150)) + 12


def _label(
    widget: AttentionMap,
    side: ModelMaps,
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    tile: tuple[int, int],
) -> None:
    """Names of the heads above the tiles, of the layers left of them, where there is room."""
    face, (left, top), (wide, high) = font(CAPTION), corner, tile
    for head in range(max(layer.heads for layer in side.layers)):
        name = widget.head_names[head] if widget.head_names else str(head + 1)
        name = picture.shorten(name, pen, face, max(wide - 4, 26))
        if wide >= 24 or head % 2 == 0:
            pen.text((left + (head + 0.5) * wide, 0), name, picture.MUTED, face, anchor="ma")
    for index, layer in enumerate(side.layers):
        name = picture.shorten(layer.name, pen, face, left - 8)
        if high >= CAPTION or index % 2 == 0:
            place = (left - 8, top + (index + 0.5) * high)
            pen.text(place, name, picture.MUTED, face, anchor="rm")


def _distance(widget: AttentionMap, model: int) -> Image.Image:
    """Mean attention distance of every head, a dot each, over the layers."""
    side, distances = widget.models[model], widget.distances(model, widget.image_index)
    (width, height), face = (PANEL, 360), font(CAPTION)
    sheet, pen = picture.blank(width, height)
    rows, columns = side.layers[0].grid
    uniform = float(patch_distances((rows, columns)).mean())
    top = max(1.25 * uniform, *(float(np.nanmax(one)) for one in distances))
    left, bottom = 56, height - 72

    def y(value: float) -> float:
        return bottom - value / top * (bottom - 40)

    for value in np.arange(0, top, 0.2):
        pen.line([left, y(value), width, y(value)], picture.LINE, 2)
        pen.text((left - 8, y(value)), f"{value:.1f}", picture.MUTED, face, anchor="rm")
    for start in range(left, width, 18):
        pen.line([start, y(uniform), start + 9, y(uniform)], picture.MUTED, 3)
    pen.text((width, 4), "- - uniform attention", picture.MUTED, face, anchor="ra")
    step = (width - left) / len(distances)
    every = max(1, int(np.ceil(max(_longest(side), 34) / step)))
    for index, one in enumerate(distances):
        x = left + (index + 0.5) * step
        if index % every == 0:
            name = picture.shorten(side.layers[index].name, pen, face, every * step)
            pen.text((x, bottom + 8), name, picture.MUTED, face, anchor="ma")
        # The dot on view lies on top.
        for head in sorted(range(len(one)), key=lambda h: _is_on(widget, side, index, h)):
            value = one[head]
            if np.isfinite(value):
                on = _is_on(widget, side, index, head)
                radius, ink = (10, PIN) if on else (7, DOT)
                pen.ellipse([x - radius, y(value) - radius, x + radius, y(value) + radius], ink)
    pen.text(((left + width) / 2, height - 36), "layer", picture.MUTED, face, anchor="ma")
    return sheet


def _matrix(widget: AttentionMap, model: int) -> Image.Image | None:
    """The whole matrix on view, each row up to its own maximum; None where it is too large to draw."""
    side = widget.models[model]
    number = _shown_layer(widget, side)
    layer = side.layers[number]
    block = layer.blocks[widget.image_index]
    if layer.queries * (block.prefix.shape[-1] + block.values.shape[-1]) > MOST_CELLS:
        return None
    if widget.mode == "rollout":
        whole = widget.rollout(number, model)
    elif widget.mode == "one head":
        whole = block.weights(min(widget.head, layer.heads - 1))
    else:
        every = np.stack([block.weights(head) for head in range(layer.heads)])
        whole = every.mean(0) if widget.mode == "mean over heads" else every.max(0)
    shares = whole / np.maximum(np.abs(whole).max(-1, keepdims=True), 1e-30)
    name, low = ("diverging", -1) if side.signed else ("magma", 0)
    return picture.enlarge(picture.colorize(shares, name, low, 1), PANEL, PANEL)


_Panel = (
    tuple[str, Image.Image] | None
)  # its caption and its picture; None where nothing is to show


def _heads_panel(widget: AttentionMap, model: int) -> _Panel:
    heads = [layer.heads for layer in widget.models[model].layers]
    if sum(heads) == 1:
        return None
    return "all maps" if max(heads) == 1 else "all heads of all layers", _heads(widget, model)


def _distance_panel(widget: AttentionMap, model: int) -> _Panel:
    if widget.kind != "attention":
        return None
    return "mean attention distance (share of the width)", _distance(widget, model)


def _matrix_panel(widget: AttentionMap, model: int) -> _Panel:
    matrix = _matrix(widget, model)
    return None if matrix is None else ("rows: queries, columns: keys", matrix)


# What can stand beside the map, in this order; `openModel` of js/attention-map/index.ts has the browser's.
PANELS: dict[str, Callable[[AttentionMap, int], _Panel]] = {
    "heads": _heads_panel,
    "distance": _distance_panel,
    "matrix": _matrix_panel,
}


def _panels(widget: AttentionMap, model: int) -> list[tuple[str, Image.Image]]:
    """What stands beside the map, as chosen by `panels`, each with its caption."""
    found = [make(widget, model) for name, make in PANELS.items() if name in widget.panels]
    return [panel for panel in found if panel is not None]


def _model(widget: AttentionMap, model: int) -> Image.Image:
    """One model: its name, its map over the picture with the legend, and the panels beside it."""
    face, name = font(CAPTION), widget.models[model].name
    shown = over_picture(widget, model=model)
    head = CAPTION + 10
    parts = [(name, shown), *_panels(widget, model)]
    captioned = any(caption for caption, _ in parts)
    top = head if captioned else 0
    widths = [
        max(part.width, 300 if number else part.width) for number, (_, part) in enumerate(parts)
    ]
    heights = [part.height for _, part in parts]
    heights[0] += 60
    sheet, pen = picture.blank(sum(widths) + MARGIN * (len(parts) - 1), top + max(heights))
    left = 0
    for (caption, part), width in zip(parts, widths, strict=True):
        text = picture.shorten(caption, pen, face, width)
        pen.text((left, 0), text, picture.MUTED, face)
        sheet.paste(part, (left, top))
        left += width + MARGIN
    sheet.paste(_legend(widget, model, shown.width), (0, top + shown.height + 10))
    return sheet


def unknown_names(prefix: int) -> list[str]:
    """Names of prefix tokens of maps alone, which do not say what their tokens are.

    One token before the patches is a class token nearly everywhere; several may be anything.
    """
    return ["CLS"] if prefix == 1 else [f"prefix {number}" for number in range(prefix)]


def describe(widget: AttentionMap) -> str:
    """What the map on view is, in words."""
    side = widget.models[0]
    if widget.method:
        head = widget.head_names[widget.head]
        said = f'"{side.layers[widget.layer].name}", {head}'
        return f"{said}: {widget.notes[widget.image_index][widget.layer]}"
    prefix, (rows, columns) = side.num_prefix_tokens, side.layers[0].grid
    if rows * columns == 1 and not prefix:
        query = ""  # there is nothing to choose
    elif widget.query < 0:
        query = "no query"
    elif widget.query < prefix:
        query = f"query {(side.prefix_names or unknown_names(prefix))[widget.query]}"
    else:
        query = "query row {}, column {}".format(*divmod(widget.query - prefix, columns))
    names, most = widget.head_names, max(layer.heads for layer in side.layers)
    head = names[widget.head] if names else f"head {widget.head + 1}"
    # As in the browser: of one head, or of one map, there is nothing to say.
    mode = (head if widget.mode == "one head" else widget.mode) if most > 1 else ""
    if widget.direction == "received":
        whose = (
            query.removeprefix("query ") if widget.query >= 0 else "each patch, from all queries"
        )
        query = f"attention received by {whose}"
    names = [one.name for one in side.layers]
    name = names[widget.layer]
    word = "layer" if widget.kind == "attention" or most > 1 else "map"
    layer = f"{word} {name}" if name[:1].isdigit() else name  # a name of its own says what it is
    if names == [str(index + 1) for index in range(len(names))]:
        layer = f"{layer} of {len(names)}" if len(names) > 1 else ""
    return ", ".join(part for part in (layer, mode, query) if part)


def draw(widget: AttentionMap) -> Image.Image:
    """The title and what is on view; below, for each model, its map with the legend and its panels."""
    rows = [_model(widget, model) for model in range(len(widget.models))]
    width = max(row.width for row in rows) + 2 * MARGIN
    face, (_, pen) = font(TEXT), picture.blank(1, 1)
    lines = [
        part
        for line in (widget.title, describe(widget))
        for part in picture.wrapped(line, pen, face, width - 2 * MARGIN)
    ]
    top = MARGIN + (TEXT + 8) * len(lines) + 8
    sheet, pen = picture.blank(width, top + sum(row.height + MARGIN for row in rows))
    for number, line in enumerate(lines):
        ink = picture.INK if widget.title and not number else picture.MUTED
        pen.text((MARGIN, MARGIN + (TEXT + 8) * number), line, ink, face)
    for row in rows:
        sheet.paste(row, (MARGIN, top))
        top += row.height + MARGIN
    return sheet


def figure(widget: AttentionMap) -> Any:
    """The map on view as a `plotly.graph_objects.Figure`: the picture and a heatmap over it."""
    require("plotly", "plotly", what="to_plotly")
    import plotly.graph_objects as go

    side, layer = widget.models[0], widget.models[0].layers[widget.layer]
    rows, columns = layer.key_grid
    patches = widget.weights()[side.num_prefix_tokens :].reshape(rows, columns)
    low, high = _limits(patches, side.signed)
    table = picture.color_table("diverging" if side.signed else "magma")
    scale = [[i / 15, "rgb({},{},{})".format(*table[i * 17])] for i in range(16)]
    result = go.Figure()
    if widget.pictures:
        photo = Image.fromarray(widget.pictures[widget.image_index])
        place = {"x": -0.5, "y": -0.5, "sizex": columns, "sizey": rows, "sizing": "stretch"}
        result.add_layout_image(
            source=photo, xref="x", yref="y", xanchor="left", yanchor="top", layer="below", **place
        )
    result.add_heatmap(
        z=patches,
        zmin=low,
        zmax=high,
        colorscale=scale,
        opacity=widget.opacity if widget.pictures else 1.0,
        zsmooth="best" if widget.smooth else False,
        hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>",
    )
    result.update_xaxes(showgrid=False, zeroline=False, range=[-0.5, columns - 0.5])
    result.update_yaxes(showgrid=False, zeroline=False, range=[rows - 0.5, -0.5], scaleanchor="x")
    return result.update_layout(title={"text": describe(widget)}, width=560, height=560)
