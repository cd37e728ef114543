"""`rope_wheel`: two arrows that their places turn, and the dot product that notices nothing."""

import base64
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from vizkit.course.show import BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION, live_form, show

if TYPE_CHECKING:
    from PIL import Image

LAST_PLACE = 15  # of the row of patches that the wheel shows, 0 .. 15
_FRONT_END = Path(__file__).with_name("rope_wheel.js")
_SIDE = 560  # of the static picture, in points; it is drawn twice as fine
_HEIGHT = 290


class State(TypedDict):
    """What the wheel stands at: places, radians per patch, the angles at place 0."""

    query: int
    key: int
    frequency: float
    start: list[float]


def rope_wheel(
    *,
    query: int = 5,
    key: int = 2,
    frequency: float = 0.4,
    start: tuple[float, float] = (0.6, 0.2),
) -> None:
    """Show one pair of RoPE as a wheel: places turn query and key, the score keeps to the offset.

    The learner moves the places and the frequency; all is computed in the browser. "f" fills the
    screen, where a clicker's page keys move both places. Where no browser code runs, a picture of
    the first view stands in.

    Args:
        query, key: places in a row of patches, 0 to 15.
        frequency: radians per patch, 0 to 1.5.
        start: the angles of query and key at place 0, in radians; both arrows have length 1.

    Raises:
        ValueError: a place or the frequency out of range, or `start` not two finite angles.
    """
    for name, place in (("query", query), ("key", key)):
        if not is_number(place) or place not in range(LAST_PLACE + 1):
            raise ValueError(f"{name} must be a place from 0 to {LAST_PLACE}, not {place!r}")
    if not is_number(frequency) or not 0 <= frequency <= 1.5:
        raise ValueError(f"frequency must be from 0 to 1.5 radians per patch, not {frequency!r}")
    pair = isinstance(start, tuple | list) and len(start) == 2
    if not pair or not all(is_number(angle) and math.isfinite(angle) for angle in start):
        raise ValueError(f"start must be two angles in radians, not {start!r}")
    state: State = {
        "query": int(query),
        "key": int(key),
        "frequency": float(frequency),
        "start": [float(angle) for angle in start],
    }
    text = f"RoPE wheel: {describe(state)}"
    buffer = io.BytesIO()
    _picture(state).save(buffer, "PNG", optimize=True)
    show(
        text,
        data={"image/png": base64.b64encode(buffer.getvalue()).decode(), **_live_form(state)},
        metadata={"image/png": {"width": _SIDE, "height": _HEIGHT, "alt": text}},
    )


def is_number(value: object) -> bool:
    """Whether it is a whole or decimal number, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def turned(state: State) -> tuple[list[float], float]:
    """The angles of query and key at their places, and the dot product of the two."""
    places = (state["query"], state["key"])
    angles = [
        angle + place * state["frequency"]
        for angle, place in zip(state["start"], places, strict=True)
    ]
    return angles, math.cos(angles[0] - angles[1])


def describe(state: State) -> str:
    """What the wheel shows, in words; the same words as in the browser."""
    angles, product = turned(state)
    query, key = (f"{math.floor(math.degrees(angle) + 0.5)}°" for angle in angles)
    offset = str(state["query"] - state["key"]).replace("-", "−")
    return (
        f"query at place {state['query']}, turned to {query}; "
        f"key at place {state['key']}, turned to {key}; "
        f"offset {offset}: query · key = {f'{product:.3f}'.replace('-', '−')}"
    )


def _live_form(state: State) -> dict[str, Any]:
    import anywidget
    import traitlets

    class RopeWheel(anywidget.AnyWidget):
        _esm = _FRONT_END.read_text(encoding="utf-8")
        content = traitlets.Dict().tag(sync=True)

    light = {"query": BLUE, "key": VERMILLION, "product": GREEN}
    dark = {"query": SKY, "key": ORANGE, "product": GREEN}
    return live_form(RopeWheel(content={**state, "light": light, "dark": dark}))


def _picture(state: State) -> "Image.Image":
    """The first view, drawn without a browser: the wheel, and the score against the offset."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGBA", (2 * _SIDE, 2 * _HEIGHT), (0, 0, 0, 0))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(28)
    angles, product = turned(state)
    x, y, radius = 270, 280, 190
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=GREY, width=3)
    for name, angle, color in zip(("query", "key"), angles, (BLUE, VERMILLION), strict=True):
        dx, dy = math.cos(angle), -math.sin(angle)
        tip = (x + radius * dx, y + radius * dy)
        pen.line((x, y, tip[0] - 16 * dx, tip[1] - 16 * dy), fill=color, width=9)
        wings = [(tip[0] - 28 * dx + s * 15 * dy, tip[1] - 28 * dy - s * 15 * dx) for s in (1, -1)]
        pen.polygon([tip, *wings], fill=color)
        beside = (x + (radius + 50) * dx, y + (radius + 28) * dy)
        pen.text(beside, name, fill=color, font=font, anchor="mm")
    left, right, height = 620, 1090, 180
    step = (right - left) / (2 * LAST_PLACE)
    difference = state["start"][0] - state["start"][1]

    def point(offset: float) -> tuple[float, float]:
        score = math.cos(difference + offset * state["frequency"])
        return left + (offset + LAST_PLACE) * step, y - height * score

    for value in (-1, 0, 1):
        pen.line((left, y - value * height, right, y - value * height), fill=GREY, width=2)
        pen.text((left - 40, y - value * height - 16), str(value), fill=GREY, font=font)
    curve = [point(LAST_PLACE * (index / 150 - 1)) for index in range(301)]
    pen.line(curve, fill=GREY, width=5, joint="curve")
    cx, cy = point(state["query"] - state["key"])
    pen.ellipse((cx - 15, cy - 15, cx + 15, cy + 15), fill=GREEN)
    pen.text((left + 60, 20), f"query · key = {product:.3f}", fill=GREY, font=font)
    pen.text((left + 60, y + height + 30), "offset, from -15 to 15", fill=GREY, font=font)
    return image
