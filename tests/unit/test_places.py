"""The two questions about places, and the drawings of notebooks 02 and 04."""

import numpy as np
import pytest
import torch

from vizkit.course.drawings.patches import numbered_grid
from vizkit.course.drawings.positions import rope_sum, sincos_waves
from vizkit.models import patchify
from vizkit.training.places import ROPE_RING, place_network, place_scenes


@pytest.mark.parametrize("fine", [1, 2])
def test_every_object_lies_in_one_patch(fine):
    images, _ = place_scenes(40, 0, fine)
    inked = (patchify(images, 8) < 0.9).any(dim=2)  # (40, N)
    assert images.shape[-1] == 48 * fine
    assert (inked.sum(dim=1) == 2).all()


def test_the_two_answers_say_nothing_about_each_other():
    _, answers = place_scenes(4000, 0)
    left, quadrant = answers.T.numpy()
    counts = np.histogram2d(left, quadrant, bins=(2, 4))[0]
    assert np.abs(counts / 500 - 1).max() < 0.2


def shifted(images, patches):
    return torch.roll(images, (8 * patches, 8 * patches), dims=(2, 3))


def test_only_ring_and_average_together_are_blind_to_shifts():
    images, _ = place_scenes(4, 0)
    found = {}
    for position, pooling in ((ROPE_RING, "mean"), (ROPE_RING, "cls"), ("rope_axial", "mean")):
        model = place_network(position, 0, pooling).eval()
        with torch.no_grad():
            found[position, pooling] = (
                (model(images) - model(shifted(images, 2))).abs().max().item()
            )
    assert found.pop((ROPE_RING, "mean")) < 1e-5
    assert min(found.values()) > 1e-3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="expected n"):
        place_scenes(0, 0)
    with pytest.raises(ValueError, match="position"):
        place_network("spiral", 0)
    with pytest.raises(ValueError, match="places"):
        sincos_waves(places=1)


def test_drawings_show_what_they_say():
    grid = numbered_grid().text
    order = [grid.index(f"token {n}") for n in range(4)]
    assert order == sorted(order)
    assert rope_sum().text.count("<rect") == 17 * 17
    assert sincos_waves().text.count("<rect") == 16 * 8 + 1  # cells, and the table's edge
