"""Where the ink lies in static pictures and in Plotly: one hot cell on a grid that is not square, four corners.

A picture that is transposed, mirrored, upside down or has two marks swapped puts its ink elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix, picture

ROWS, COLUMNS = 3, 5
CELLS = [(0, 0), (2, 1), (0, 3), (1, 4)]
CORNERS = {"left low": (0, 0), "right low": (3, 0), "left high": (0, 2), "right high": (3, 2)}
COLORS = dict(zip(CORNERS, ("#d00000", "#00a000", "#0000d0", "#707070"), strict=True))


def matrix(hot: tuple[int, int]) -> SimilarityMatrix:
    similarity = np.zeros((ROWS, COLUMNS))
    similarity[hot] = 1
    return SimilarityMatrix(similarity=similarity)


def attention(hot: tuple[int, int]) -> AttentionMap:
    cells = ROWS * COLUMNS
    weights = np.zeros((1, 1, cells, cells))
    weights[..., hot[0] * COLUMNS + hot[1]] = 1
    return AttentionMap(weights, grid=(ROWS, COLUMNS), num_prefix_tokens=0, panels=[])


def near(image: Image.Image, color: np.ndarray, within: float = 12) -> np.ndarray:
    """Which pixels have a colour, `(height, width)`."""
    pixels = np.asarray(image.convert("RGB"), float)
    return np.abs(pixels - color).max(-1) <= within


def middle(mask: np.ndarray) -> tuple[float, float]:
    """Middle of a mask's pixels, down and right."""
    rows, columns = np.nonzero(mask)
    return float(np.median(rows)), float(np.median(columns))


@pytest.mark.parametrize("hot", CELLS)
@pytest.mark.parametrize(
    ("make", "colormap"), [(matrix, "viridis"), (attention, "magma")], ids=["matrix", "map"]
)
def test_the_hot_cell_of_a_picture_is_where_it_belongs(make, colormap, hot):
    image = make(hot).picture()
    table = picture.color_table(colormap)
    low, high = (table[index].astype(float) for index in (0, 255))
    cold, warm = near(image, low), near(image, high)
    # Bars and labels are small: the rows and columns that are mostly map are the map.
    ink = cold | warm
    rows = np.flatnonzero(ink.sum(1) > 0.5 * ink.sum(1).max())
    columns = np.flatnonzero(ink.sum(0) > 0.5 * ink.sum(0).max())
    inside = np.zeros_like(ink)
    inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    down, right = middle(warm & inside)
    assert (down - rows[0]) / len(rows) == pytest.approx((hot[0] + 0.5) / ROWS, abs=0.06)
    assert (right - columns[0]) / len(columns) == pytest.approx((hot[1] + 0.5) / COLUMNS, abs=0.06)


def test_four_corners_of_a_picture_are_where_they_belong():
    space = EmbeddingSpace(
        np.array(list(CORNERS.values()), float), labels=list(CORNERS), class_colors=COLORS
    )
    image = space.picture()
    found = {}
    for name, color in COLORS.items():
        mask = near(image, np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]))
        mask[:, 950:] = False  # the legend beside it
        found[name] = middle(mask)
    assert found["left low"][1] == pytest.approx(found["left high"][1], abs=2)
    assert found["left low"][1] < found["right low"][1]
    assert found["left high"][0] < found["left low"][0]
    assert found["right high"][0] == pytest.approx(found["left high"][0], abs=2)


@pytest.mark.parametrize("hot", CELLS)
@pytest.mark.parametrize("make", [matrix, attention], ids=["matrix", "map"])
def test_the_hot_cell_in_plotly_is_where_it_belongs(make, hot):
    figure = make(hot).to_plotly()
    heatmap = next(trace for trace in figure.data if trace.type == "heatmap")
    values = np.asarray(heatmap.z, float)
    assert values.shape == (ROWS, COLUMNS)
    assert np.argwhere(values == values.max()).tolist() == [list(hot)]
    axis = figure.layout.yaxis
    # Row 0 is at the top.
    assert axis.autorange == "reversed" or (axis.range and axis.range[0] > axis.range[1])


def test_four_corners_in_plotly_are_where_they_belong():
    space = EmbeddingSpace(
        np.array(list(CORNERS.values()), float), labels=list(CORNERS), class_colors=COLORS
    )
    figure = space.to_plotly()
    for trace in figure.data:
        assert trace.marker.color == COLORS[trace.name]
        assert [(trace.x[0], trace.y[0])] == [CORNERS[trace.name]]
    assert figure.layout.yaxis.autorange != "reversed"


def test_a_text_has_another_mark_than_an_image():
    def ink(modality: str) -> np.ndarray:
        rows = np.array([[0.0, 0.0], [1.0, 1.0]])
        space = EmbeddingSpace(rows, modality=[modality, "image"], labels=["a", "b"])
        return np.asarray(space.picture())

    assert not np.array_equal(ink("image"), ink("text"))
