"""How the experiment any_size reads tokens by ten marks, and how far copied tokens come."""

import numpy as np
import pytest
import torch

from experiments.any_size import GRAINS, distance_of_copies, marked_iou, marks_of
from vizkit.models.shortened import Shortened
from vizkit.training.any_size import PIXELS


@pytest.fixture
def told():
    """(60, 4) of bool, all places of a group alike, and tokens (60, 4, 8) whose first channel says it."""
    draw = torch.Generator().manual_seed(0)
    truth = (torch.arange(60) % 3 == 0)[:, None].expand(-1, 4).clone()
    tokens = 0.01 * torch.randn(60, 4, 8, generator=draw)
    tokens[..., 0] = truth.float()
    return tokens, truth


def test_marks_tell_the_object_from_tokens_that_hold_it(told):
    tokens, truth = told
    for read in (tokens, tokens.mean(1), tokens.flatten(1)):
        assert marked_iou(read, truth, 0) == 1


def test_one_token_a_group_is_read_for_each_of_its_places(told):
    _, truth = told
    truth[:, 1] = ~truth[:, 0]  # the second place is the other way round
    truth[:, 2:] = truth[:, :1]
    one = torch.stack([truth[:, 0].float(), torch.ones(60)], dim=1)
    assert marked_iou(one, truth, 0) == 1
    lost = torch.stack([torch.ones(60), torch.arange(60) % 2], dim=1).float()
    assert marked_iou(lost, truth, 0) < 0.8


def test_a_copy_comes_from_the_nearest_place_that_is_left():
    origin = torch.tensor([[0, 1, -1, -1, -1]])  # the class token, and the first patch of 2 x 2
    found = Shortened(torch.zeros(1, 2, 3), torch.ones(1, 2), origin)
    assert distance_of_copies(found, 2) == pytest.approx((0 + 1 + 1 + 2**0.5) / 4)


def test_marks_tell_the_box_and_which_edges_are_blurred():
    square = np.full((48, 48), 0.9)
    square[10:20, 10:34] = 0.1  # 24 wide, 10 high
    blurred = square.copy()
    blurred[:, 9] = blurred[:, 34] = square.mean(1)  # the upright edges become soft
    sharp, soft = marks_of(square), marks_of(blurred)
    assert sharp[0] == pytest.approx(np.log(2.4))
    assert sharp[1] == pytest.approx(0)
    assert soft[1] < -0.05, "upright edges against level ones"
    assert len(sharp) == 11


def test_the_fine_pictures_are_those_that_the_networks_see():
    assert GRAINS["fine"] == PIXELS
