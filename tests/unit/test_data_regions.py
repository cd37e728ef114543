"""The hand-drawn regions lie on the photographs, and the square is the one that encoders see."""

import numpy as np
import pytest

from vizkit.data import photos
from vizkit.data.regions import REGIONS, central_square, object_cells


@pytest.mark.parametrize("name", REGIONS)
def test_a_region_is_a_part_of_a_photograph(name):
    cells = object_cells(name, 37)
    assert cells.shape == (37, 37)
    assert cells.dtype == bool
    assert 0.01 < cells.mean() < 0.75
    assert photos([name])[0].name == name


def test_the_blossom_is_orange_and_the_rest_is_not():
    square = central_square(photos(["flower"])[0].image, 37 * 8).astype(float)
    red_over_blue = (square[..., 0] - square[..., 2]).reshape(37, 8, 37, 8).mean((1, 3))
    cells = object_cells("flower", 37)
    assert red_over_blue[cells].mean() > 80 > 20 > red_over_blue[~cells].mean()


def test_finer_grids_show_the_same_region():
    coarse, fine = object_cells("china", 20), object_cells("china", 40)
    assert abs(coarse.mean() - fine.mean()) < 0.02
    assert (coarse == fine.reshape(20, 2, 20, 2).mean((1, 3)).round()).mean() > 0.95


def test_the_square_is_the_middle():
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 255
    assert (central_square(picture, 10) == 255).all()
    assert (central_square(picture.transpose(1, 0, 2), 5) == 255).all()


@pytest.mark.parametrize(
    ("name", "grid", "words"),
    [("cat", 5, "chelsea"), ("china", 0, "grid"), ("china", True, "grid")],
)
def test_bad_input_is_named(name, grid, words):
    with pytest.raises(ValueError, match=words):
        object_cells(name, grid)


def test_a_bad_side_is_named():
    with pytest.raises(ValueError, match="side"):
        central_square(np.zeros((4, 4, 3), np.uint8), 0)
