"""A row of pictures behind one slider, with no kernel: dragging shows another of them."""

import base64
import io
from collections.abc import Mapping
from typing import Any

from vizkit.course.figures import show_figure


def picture_slider(
    pictures: Mapping[str, Any], *, slider: str, title: str, alt: str, scale: int = 4
) -> None:
    """Show one picture of several, chosen by a slider.

    pictures: name on the slider → array (H, W, 3) of uint8, all of one size; slider: what the names
    are; scale: screen pixels for a pixel of the pictures.

    Raises:
        ValueError: no pictures, pictures of different sizes, or no title or alt text.
    """
    import numpy as np
    import plotly.graph_objects as go
    from PIL import Image

    arrays = {name: np.asarray(picture) for name, picture in pictures.items()}
    shapes = {array.shape for array in arrays.values()}
    (shape,) = shapes if len(shapes) == 1 else [()]
    if len(shape) != 3 or shape[2] != 3:
        raise ValueError(f"expected pictures of one size, (H, W, 3), received {sorted(shapes)}")
    if not title or not slider:
        raise ValueError("title and slider must say something")
    fig = go.Figure()
    for place, array in enumerate(arrays.values()):
        sheet = Image.fromarray(array.astype(np.uint8))
        sheet = sheet.resize((shape[1] * scale, shape[0] * scale), Image.Resampling.NEAREST)
        file = io.BytesIO()
        sheet.save(file, "PNG", optimize=True)
        code = base64.b64encode(file.getvalue()).decode()
        fig.add_image(
            source=f"data:image/png;base64,{code}",
            visible=place == len(arrays) // 2,
            hoverinfo="skip",
        )
    steps = [
        {
            "label": name,
            "method": "restyle",
            "args": [{"visible": [other == place for other in range(len(arrays))]}],
        }
        for place, name in enumerate(arrays)
    ]
    fig.update_layout(
        title=title,
        sliders=[
            {"active": len(arrays) // 2, "currentvalue": {"prefix": f"{slider}: "}, "steps": steps}
        ],
        height=shape[0] * scale + 190,
        width=shape[1] * scale + 40,
        margin={"l": 20, "r": 20, "t": 60, "b": 20},
    )
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    show_figure(fig, alt=alt)
