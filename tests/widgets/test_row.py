"""Widgets side by side: one row, one picture, one line each."""

import base64
import io

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from vizkit.widgets import EmbeddingSpace, SimilarityMatrix, side_by_side


@pytest.fixture
def widgets():
    rows = np.random.default_rng(0).normal(size=(6, 4))
    return SimilarityMatrix(rows, rows), EmbeddingSpace(rows)


def test_row_is_a_box_of_equal_shares_with_the_picture_of_both(widgets):
    row = side_by_side(*widgets)
    assert isinstance(row, ipywidgets.HBox)
    assert [child.layout.width for child in row.children] == ["50%", "50%"]
    data, metadata = row._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"].splitlines() == [widget.headline() for widget in widgets]
    alt = metadata["image/png"]["alt"]
    assert all(widget.headline() in alt for widget in widgets)
    assert "\n" not in alt
    shown = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    first, second = (widget.picture() for widget in widgets)
    assert shown.size == (first.width + 32 + second.width, max(first.height, second.height))
    both = np.asarray(row.picture())
    np.testing.assert_array_equal(both[: first.height, : first.width], np.asarray(first))
    np.testing.assert_array_equal(both[: second.height, -second.width :], np.asarray(second))


def test_three_share_the_width(widgets):
    row = side_by_side(*widgets, SimilarityMatrix(similarity=np.eye(3)))
    assert {child.layout.width for child in row.children} == {"33.33%"}


def test_what_is_no_row_is_refused_and_nothing_is_changed(widgets):
    matrix, space = widgets
    with pytest.raises(TypeError, match="widgets of vizkit, got HBox"):
        side_by_side(matrix, ipywidgets.HBox())
    with pytest.raises(ValueError, match="two or more widgets, each once, got 1"):
        side_by_side(matrix)
    with pytest.raises(ValueError, match="each once, got 3"):
        side_by_side(matrix, space, matrix)
    assert matrix.layout.width is None
