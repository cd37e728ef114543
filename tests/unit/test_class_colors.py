"""The classes' colours: apart for every eye, and off both papers.

All is computed here anew from the published formulas, and the formulas are checked against published numbers.
"""

from __future__ import annotations

import re
from itertools import combinations
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt
from pathlib import Path

import pytest

from vizkit.widgets import assets, picture

LEAST_DIFFERENCE = 8.0  # CIEDE2000
LEAST_CONTRAST = 3.0  # WCAG 2.2, success criterion 1.4.11
COLORS = assets.constant("categoryColors")
FRAME = Path(__file__).parents[2] / "js" / "shared" / "frame.css"
LAB_DARK = "#111111"  # JupyterLab's own

# Machado, Oliveira & Fernandes 2009, severity 1.0, for linear RGB.
SIGHTS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
# IEC 61966-2-1, white point D65.
TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE = (0.95047, 1.0, 1.08883)


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def linear(color: str) -> list[float]:
    """Linear RGB of '#rrggbb'."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio of two colours."""
    low, high = sorted(times(TO_XYZ, linear(color))[1] for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def seen(color: str, sight: str) -> tuple[float, float, float]:
    """CIELAB of a colour as an eye sees it."""
    light = [min(1.0, max(0.0, part)) for part in times(SIGHTS[sight], linear(color))]
    shares = [part / white for part, white in zip(times(TO_XYZ, light), WHITE, strict=True)]
    x, y, z = (
        t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in shares
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one, other) -> float:
    """CIEDE2000 of two colours in CIELAB, as Sharma, Wu & Dalal 2005 write it (equations 2 to 22)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = (hypot(a1, b1) + hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * sqrt(mean**7 / (mean**7 + 25**7))
    c1, c2 = hypot(a1 * stretch, b1), hypot(a2 * stretch, b2)
    h1, h2 = degrees(atan2(b1, a1 * stretch)) % 360, degrees(atan2(b2, a2 * stretch)) % 360
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    hue = h1 + h2 if c1 * c2 == 0 else (h1 + turn / 2) % 360
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * cos(radians(hue - 30))
        + 0.24 * cos(radians(2 * hue))
        + 0.32 * cos(radians(3 * hue + 6))
        - 0.20 * cos(radians(4 * hue - 63))
    )
    s_l = 1 + 0.015 * (light - 50) ** 2 / sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = (
        -2
        * sqrt(chroma**7 / (chroma**7 + 25**7))
        * sin(radians(60 * exp(-(((hue - 275) / 25) ** 2))))
    )
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * sqrt(c1 * c2) * sin(radians(turn / 2)) / s_h
    return sqrt(d_l**2 + d_c**2 + d_h**2 + rotation * d_c * d_h)


@pytest.mark.parametrize(
    ("one", "other", "published"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_the_published_table(one, other, published):
    assert difference(one, other) == pytest.approx(published, abs=1e-4)
    assert difference(other, one) == pytest.approx(published, abs=1e-4)


def test_grey_is_grey_for_every_eye():
    for matrix in SIGHTS.values():
        assert times(matrix, (1, 1, 1)) == pytest.approx((1, 1, 1), abs=2e-6)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def lighter(color: str) -> str:
    """The colour on dark paper, as `classColors` in js/embedding-space/plot.ts mixes it."""
    share = assets.constant("lighterOnDark")
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{int(part + (255 - part) * share + 0.5):02x}" for part in parts)


def papers() -> dict[str, str]:
    light, dark = re.findall(r"--vk-paper: (#\w{6})", FRAME.read_text("utf-8"))
    return {"light": light, "dark": dark, "JupyterLab's dark": LAB_DARK}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_twelve_classes_are_apart_for_every_eye(sight, theme):
    assert len(COLORS) == picture.category_count() == 12
    shown = COLORS if theme == "light" else [lighter(color) for color in COLORS]
    labs = {color: seen(color, sight) for color in shown}
    close = {
        (one, other): round(difference(labs[one], labs[other]), 2)
        for one, other in combinations(shown, 2)
        if difference(labs[one], labs[other]) < LEAST_DIFFERENCE
    }
    assert not close


@pytest.mark.parametrize("color", COLORS)
def test_a_class_stands_out_from_both_papers(color):
    """As it is, since captions' buttons wear it so, and lighter on dark paper, as the points do."""
    for name, paper in papers().items():
        assert contrast(color, paper) >= LEAST_CONTRAST, name
        if "dark" in name:
            assert contrast(lighter(color), paper) >= LEAST_CONTRAST, name
