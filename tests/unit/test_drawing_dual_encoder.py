"""The drawing of the dual encoder: every pair has a cell, and the own pairs stand out."""

from vizkit.course.drawings.dual_encoder import CELL, PAIRS, dual_encoder
from vizkit.course.show import ORANGE


def test_the_own_pairs_are_the_diagonal():
    text = dual_encoder().text
    cells = [line for line in text.split("<rect ") if f'width="{CELL}" height="{CELL}"' in line]
    own = [index for index, cell in enumerate(cells) if ORANGE in cell]
    assert len(cells) == PAIRS**2
    assert own == [i * PAIRS + i for i in range(PAIRS)]


def test_it_follows_the_theme():
    text = dual_encoder().text
    assert "currentColor" in text
    assert "black" not in text
