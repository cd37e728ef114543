"""The static faces of AttentionMap: a picture without a browser, and a Plotly figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vizkit.fonts import font
from vizkit.widgets import picture
from vizkit.widgets.codec import Array

if TYPE_CHECKING:
    from vizkit.widgets.attention_map import AttentionMap

MAP, PANEL, MARGIN, HEADER = 232, 232, 12, 26


def _limits(values: Array, signed: bool) -> tuple[float, float]:
    """Ends of the colour scale: from zero up, or the same distance both ways."""
    largest = float(np.abs(values).max()) or 1.0
    return (-largest if signed else 0.0), largest


def _colors(values: Array, signed: bool) -> Array:
    return picture.colorize(values, "diverging" if signed else "magma", *_limits(values, signed))


def over_picture(widget: AttentionMap, height: int = MAP, model: int = 0) -> Image.Image:
    """The map on view of one model over its picture, in the picture's proportions."""
    side = widget._sides[model]
    layer = side.layers[min(widget.layer, len(side.layers) - 1)]
    patches = widget.weights(model)[side.num_prefix_tokens :].reshape(layer.key_grid)
    rows, columns = layer.key_grid
    photo = widget._images[widget.image_index] if widget._images else None
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


def _heads(widget: AttentionMap, model: int = 0) -> Image.Image:
    """The query's map in every head, one row a layer; one block of tiles when no layer has several heads."""
    side = widget._sides[model]
    most = max(layer.heads for layer in side.layers)
    across = int(np.ceil(np.sqrt(len(side.layers)))) if most == 1 else most
    down = -(-len(side.layers) // across) if most == 1 else len(side.layers)
    tile = max(8, min(64, PANEL // max(across, down)))
    sheet = Image.new("RGB", (across * tile, down * tile), picture.PAPER)
    for index, layer in enumerate(side.layers):
        block, token = layer.blocks[widget.image_index], widget._token_in(layer, side)
        shown = token >= 0 or (widget.direction == "received" and widget.query < 0)
        for head in range(layer.heads if shown else 0):
            patches = widget.head_map(block, head, token)[side.num_prefix_tokens :].reshape(
                layer.key_grid
            )
            colored = picture.enlarge(_colors(patches, side.signed), tile - 2, tile - 2)
            row, column = divmod(index, across) if most == 1 else (index, head)
            sheet.paste(colored, (column * tile + 1, row * tile + 1))
    return sheet


def unknown_names(prefix: int) -> list[str]:
    """Names of prefix tokens of maps alone, which do not say what their tokens are.

    One token before the patches is a class token nearly everywhere; several may be anything.
    """
    return ["CLS"] if prefix == 1 else [f"prefix {number}" for number in range(prefix)]


def describe(widget: AttentionMap) -> str:
    """What the map on view is, in words."""
    side = widget._sides[0]
    if widget._method:
        head = widget._head_names[widget.head]
        said = f'"{side.layers[widget.layer].name}", {head}'
        return f"{said}: {widget._notes[widget.image_index][widget.layer]}"
    prefix, (rows, columns) = side.num_prefix_tokens, side.layers[0].grid
    if rows * columns == 1 and not prefix:
        query = ""  # there is nothing to choose
    elif widget.query < 0:
        query = "no query"
    elif widget.query < prefix:
        query = f"query {(side.prefix_names or unknown_names(prefix))[widget.query]}"
    else:
        query = "query row {}, column {}".format(*divmod(widget.query - prefix, columns))
    names = widget._head_names
    head = names[widget.head] if names else f"head {widget.head + 1}"
    mode = head if widget.mode == "one head" else widget.mode
    if widget.direction == "received":
        whose = (
            query.removeprefix("query ") if widget.query >= 0 else "each patch, from all queries"
        )
        query = f"attention received by {whose}"
    names = [one.name for one in side.layers]
    name = names[widget.layer]
    layer = f"layer {name}" if name[:1].isdigit() else name  # a name of its own says what it is
    if len(names) > 1 and names == [str(index + 1) for index in range(len(names))]:
        layer += f" of {len(names)}"
    return ", ".join(part for part in (layer, mode, query) if part)


def draw(widget: AttentionMap) -> Image.Image:
    """The title and what is on view; below, for each model, its map over the picture and all its heads."""
    models = range(len(widget._sides))
    rows = [(over_picture(widget, model=model), _heads(widget, model)) for model in models]
    width = max(left.width + right.width for left, right in rows) + 3 * MARGIN
    face, (_, pen) = font(13), picture.blank(1, 1)
    lines = [text for text in (widget.title, describe(widget)) if text]
    if widget._method:  # what was measured must be legible to its end
        lines = [
            part for line in lines for part in picture.wrapped(line, pen, face, width - 2 * MARGIN)
        ]
    top, label = HEADER + 16 * (len(lines) - 1), 18 if len(rows) > 1 else 0
    heights = [max(left.height, right.height) + MARGIN + label for left, right in rows]
    sheet, pen = picture.blank(width, top + sum(heights))
    for number, line in enumerate(lines):
        text = picture.shorten(line, pen, face, width - 2 * MARGIN)
        pen.text((MARGIN, 6 + 16 * number), text, picture.INK, face)
    for (left, right), side, height in zip(rows, widget._sides, heights, strict=True):
        if label:
            pen.text((MARGIN, top), side.name, picture.MUTED, face)
        sheet.paste(left, (MARGIN, top + label))
        sheet.paste(right, (left.width + 2 * MARGIN, top + label))
        top += height
    return sheet


def figure(widget: AttentionMap) -> Any:
    """The map on view as a `plotly.graph_objects.Figure`: the picture and a heatmap over it."""
    import plotly.graph_objects as go

    side, layer = widget._sides[0], widget._sides[0].layers[widget.layer]
    rows, columns = layer.key_grid
    patches = widget.weights()[side.num_prefix_tokens :].reshape(rows, columns)
    low, high = _limits(patches, side.signed)
    table = picture.color_table("diverging" if side.signed else "magma")
    scale = [[i / 15, "rgb({},{},{})".format(*table[i * 17])] for i in range(16)]
    result = go.Figure()
    if widget._images:
        photo = Image.fromarray(widget._images[widget.image_index])
        place = {"x": -0.5, "y": -0.5, "sizex": columns, "sizey": rows, "sizing": "stretch"}
        result.add_layout_image(
            source=photo, xref="x", yref="y", xanchor="left", yanchor="top", layer="below", **place
        )
    result.add_heatmap(
        z=patches,
        zmin=low,
        zmax=high,
        colorscale=scale,
        opacity=widget.opacity if widget._images else 1.0,
        zsmooth="best" if widget.smooth else False,
        hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>",
    )
    result.update_xaxes(showgrid=False, zeroline=False, range=[-0.5, columns - 0.5])
    result.update_yaxes(showgrid=False, zeroline=False, range=[rows - 0.5, -0.5], scaleanchor="x")
    return result.update_layout(title={"text": describe(widget)}, width=560, height=560)
