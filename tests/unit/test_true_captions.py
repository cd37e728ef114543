"""Which captions are true of which scene: the rule of the sweep over temperatures."""

import numpy as np
import pytest

from experiments.temperature_sweep import CONVERSE, pictures_of
from vizkit.data import COLORS, SHAPES, describe, sample_scenes, write_captions
from vizkit.data.captions import PLACES, RELATIONS, describe_pair

SCENES = sample_scenes(300, seed=5)
NAMES = tuple(COLORS)


def phrase(i, slot, color=None):
    return describe(SHAPES[SCENES.shape[i, slot]], color=color or NAMES[SCENES.color[i, slot]])


@pytest.mark.parametrize("omit", [None, dict.fromkeys(("color", "style", "size", "place"), 0)])
def test_a_picture_is_among_those_of_its_own_caption(omit):
    captions = write_captions(SCENES, seed=5, omit=omit)
    assert all(pictures_of(SCENES, caption)[i] for i, caption in enumerate(captions))


def test_a_wrong_place_is_untrue():
    for i in np.flatnonzero(SCENES.num_objects == 1)[:20]:
        place = SCENES.place[i, 0]
        assert pictures_of(SCENES, f"{phrase(i, 0)} at the {PLACES[place]}")[i]
        assert not pictures_of(SCENES, f"{phrase(i, 0)} at the {PLACES[(place + 1) % 9]}")[i]


def test_colours_of_the_other_object_and_the_other_relation_are_untrue():
    two = SCENES.num_objects == 2
    different = (SCENES.shape[:, 0] != SCENES.shape[:, 1]) & (
        SCENES.color[:, 0] != SCENES.color[:, 1]
    )
    for i in np.flatnonzero(two & different)[:20]:
        first, second, relation = phrase(i, 0), phrase(i, 1), RELATIONS[SCENES.relation[i]]
        other = [NAMES[SCENES.color[i, 1 - slot]] for slot in (0, 1)]
        assert pictures_of(SCENES, f"{second} and {first}")[i]
        assert pictures_of(SCENES, describe_pair(first, second, relation))[i]
        assert pictures_of(SCENES, describe_pair(second, first, CONVERSE[relation]))[i]
        assert not pictures_of(SCENES, describe_pair(first, second, CONVERSE[relation]))[i]
        assert not pictures_of(SCENES, phrase(i, 0, other[0]))[i]
        swapped = describe_pair(phrase(i, 0, other[0]), phrase(i, 1, other[1]))
        assert not pictures_of(SCENES, swapped)[i]
