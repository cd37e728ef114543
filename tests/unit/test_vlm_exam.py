"""The world and the exam of the tiny vision-language model."""

import numpy as np
import pytest
import torch

from vizkit.course.drawings.attention import encoder_block, query_key_value
from vizkit.data import SHAPES
from vizkit.data.scenes import PLACES
from vizkit.models import MlpConnector
from vizkit.training.vlm import write_dialogues
from vizkit.training.vlm_exam import (
    NAMES,
    is_well_formed,
    mark_facts,
    other_pictures,
    pair_scenes,
    place_of_shape,
    small_model,
    standardize,
)


def test_every_scene_has_two_objects_of_different_named_shapes():
    scenes = pair_scenes(40, seed=3)
    names = np.array(SHAPES)[scenes.shape]
    assert set(names.ravel()) == set(NAMES)
    assert (names[:, 0] != names[:, 1]).all()
    assert np.array_equal(pair_scenes(40, seed=3).center, scenes.center)
    with pytest.raises(ValueError, match="n"):
        pair_scenes(0, seed=0)


def test_the_place_of_a_shape_is_the_one_that_the_dialogue_tells():
    scenes = pair_scenes(30, seed=1)
    told = write_dialogues(scenes, tasks=["where"])
    there, place = place_of_shape(scenes, "star")
    numbers = iter(place)
    for picture, question, answer in zip(told.pictures, told.questions, told.answers, strict=True):
        if question == "where is the star":
            assert there[picture]
            assert PLACES[next(numbers)] == answer
    assert next(numbers, None) is None
    with pytest.raises(ValueError, match="expected a shape"):
        place_of_shape(scenes, "hexagon")


def test_true_answers_are_well_formed_and_right_and_others_are_not():
    dialogues = write_dialogues(pair_scenes(30, seed=2))
    assert all(map(is_well_formed, dialogues.answers))
    assert not any(map(is_well_formed, ("", "a red", "red circle", "a red circle above a star")))
    assert all(right.all() for right in mark_facts(dialogues, dialogues.answers).values())
    assert not any(right.any() for right in mark_facts(dialogues, [""] * len(dialogues)).values()
                   if len(right) == 60)  # fmt: skip
    turned = [answer.replace("above", "left of") for answer in dialogues.answers]
    above = ["above" in answer for answer in dialogues.answers[::3]]
    assert (mark_facts(dialogues, turned)["relation"] != above).all()
    with pytest.raises(ValueError, match="answers"):
        mark_facts(dialogues, ["top left"])


def test_standardized_channels_and_other_pictures():
    features = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(0)) * 4 + 2
    train, same = standardize(features, features)
    assert torch.equal(train, same)
    assert torch.allclose(train.mean((0, 1)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(train.std((0, 1)), torch.ones(3), atol=1e-4)
    assert torch.equal(other_pictures(features)[0], features[1])


def test_one_seed_gives_one_model():
    def weights(seed):
        model = small_model(
            lambda: MlpConnector(in_dim=8, embed_dim=16), embed_dim=16, depth=1, seed=seed
        )
        return torch.cat([parameter.flatten() for parameter in model.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


@pytest.mark.parametrize("draw", [query_key_value, encoder_block])
def test_the_drawings_of_attention_name_their_parts(draw):
    drawing = draw()
    words = {query_key_value: ("W_q", "softmax", "answers"), encoder_block: ("norm", "MLP", "+")}
    assert all(f">{word}<" in drawing.text for word in words[draw])
