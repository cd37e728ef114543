"""Where the main object of some photographs is, drawn by hand as polygons."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from vizkit.inputs import as_image

__all__ = ["central_square", "object_cells"]

# Corners "x,y" in hundredths of the central square, by photograph; drawn by hand for this course.
_DRAWN: dict[str, tuple[str, list[str]]] = {
    "chelsea": (
        "the eyes",
        [
            "20,38 22,31 28,28 36,30 43,38 44,45 38,49 30,48 23,44",
            "73,46 76,39 83,36 89,38 88,46 83,53 77,54 73,51",
        ],
    ),
    "coffee": (
        "cup, saucer and spoon",
        [
            "0,32 5,25 18,18 19,13 25,8 40,4 52,4 65,8 74,14 80,17 80,25 88,38 94,50 94,62 "
            "90,72 80,85 65,93 50,97 35,96 20,90 8,80 0,72"
        ],
    ),
    "astronaut": (
        "the astronaut and her helmet",
        [
            "30,10 36,5 45,3 55,6 59,14 57,24 53,32 58,38 60,46 66,55 69,64 72,67 85,68 94,76 "
            "99,88 99,100 9,100 4,90 5,75 8,60 20,45 24,32 31,28 30,20"
        ],
    ),
    "rocket": ("the rocket", ["47,96 47.3,50 47.5,35 50,30 52.5,35 53,50 54,96"]),
    "china": (
        "the tower",
        [
            "22,7 24,7 25,12 36,22 49,28 49,31 45,35 52,41 52,45 50,52 57,58 57,62 54,66 54,75 "
            "62,78 58,84 45,90 28,90 20,82 10,80 0,80 0,30 8,24 18,17 21,12"
        ],
    ),
    "flower": (
        "both blossoms",
        [
            "47,20 60,22 72,30 79,45 79,58 73,70 62,80 50,84 38,82 24,74 16,62 14.5,50 17,38 "
            "24,28 34,22",
            "43,96 50,91 56,88 63,91 75,89 79,96 85,100 43,100",
        ],
    ),
}
REGIONS = {name: what for name, (what, _) in _DRAWN.items()}


def central_square(image: object, side: int) -> np.ndarray:
    """The middle of a picture as `(side, side, 3)` uint8: what most encoders see of it.

    Raises as `vizkit.inputs.as_image` does, and ValueError for a side that is no positive integer.
    """
    if isinstance(side, bool) or not isinstance(side, int) or side < 1:
        raise ValueError(f"expected side to be a positive integer, got {side!r}")
    picture = Image.fromarray(as_image("image", image))
    size = min(picture.size)
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    square = picture.crop((left, top, left + size, top + size))
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))


def object_cells(name: str, grid: int) -> np.ndarray:
    """Which cells of the central square of a photograph lie on its object: (grid, grid) of bool.

    The object is that of `REGIONS`, drawn by hand as a polygon; a cell belongs to it if half of it
    does. The drawing follows the outline to about one hundredth of the picture.

    Raises ValueError for a photograph without a drawing, and for a grid that is no positive integer.
    """
    if name not in _DRAWN:
        raise ValueError(f"{name!r} is not among {', '.join(_DRAWN)}")
    if isinstance(grid, bool) or not isinstance(grid, int) or grid < 1:
        raise ValueError(f"expected grid to be a positive integer, got {grid!r}")
    fine = 16  # points a cell
    side = grid * fine
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    for corners in _DRAWN[name][1]:
        places = [
            tuple(float(n) / 100 * side for n in corner.split(",")) for corner in corners.split()
        ]
        pen.polygon(places, fill=1)
    cells = np.asarray(canvas).reshape(grid, fine, grid, fine).mean((1, 3))
    return cells >= 0.5
