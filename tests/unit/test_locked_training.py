"""Locked-image runs: the pairs are right, runs repeat, learn, and are judged honestly."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from vizkit.data import COLORS, SHAPES, STYLES, write_captions
from vizkit.training.locked import (
    LockedPairs,
    batch_order,
    count_words,
    locked_dual_encoder,
    locked_pairs,
    recall_at_one,
    train_locked,
    zero_shot_accuracy,
)

WORDS = [*SHAPES, *COLORS, *STYLES]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def corner(pictures: np.ndarray) -> torch.Tensor:
    """A frozen encoder for the tests: 48 pixels, as they are."""
    return torch.from_numpy(pictures[:, ::16, ::16]).reshape(len(pictures), -1) / 255  # (B, 48)


def pairs_that_say_it_all(n: int, seed: int = 0) -> LockedPairs:
    """Features that hold each word of the caption: what an ideal image tower would tell."""
    pairs = locked_pairs(corner, n, seed, objects="one")
    return LockedPairs(pairs.word_counts, pairs.word_counts, pairs.captions, pairs.scenes)


def test_pairs_hold_features_captions_and_scenes_in_one_order():
    pairs = locked_pairs(corner, 300, 5, noise=0.3, omit={"color": 1.0})
    assert len(pairs) == 300
    assert pairs.image_features.shape == (300, 48)
    assert pairs.captions == write_captions(pairs.scenes, 5, noise=0.3, omit={"color": 1.0})
    part = pairs[256:260]  # beyond the first batch of pictures
    again = locked_pairs(corner, 300, 5)
    assert torch.equal(part.image_features, again.image_features[256:260])
    assert part.captions == pairs.captions[256:260]
    assert part.scenes.shape.tolist() == pairs.scenes.shape[256:260].tolist()
    with pytest.raises(TypeError, match="expected a slice"):
        pairs[3]


def test_words_are_counted_and_order_is_lost():
    one, other, empty = count_words(["a red heart a", "heart a a red", ""])
    assert torch.equal(one, other)
    assert sorted(one[one > 0].tolist()) == [1, 1, 2]
    assert empty.sum() == 0


def test_every_pair_comes_once_before_one_comes_twice():
    order = batch_order(10, 3, 7, seed=0)
    assert order.shape == (7, 3)
    for start in (0, 3):
        assert len(order[start : start + 3].unique()) == 9
    assert torch.equal(order, batch_order(10, 3, 7, seed=0))
    assert not torch.equal(order, batch_order(10, 3, 7, seed=1))


def test_a_rehearsal_takes_the_first_batches_of_the_true_order(monkeypatch):
    order = batch_order(10, 3, 7, seed=0)
    monkeypatch.setenv("VIZKIT_REHEARSAL", "2")
    with pytest.warns(UserWarning, match="a rehearsal of 2 steps"):
        assert torch.equal(batch_order(10, 3, 7, seed=0), order[:2])


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_a_run_repeats_and_learns(loss):
    pairs, test = pairs_that_say_it_all(512), pairs_that_say_it_all(200, seed=9)
    options = {"loss": loss, "batch_size": 64, "samples": 6400}
    model, history = train_locked(pairs, **options)
    assert len(history) == 100
    assert zero_shot_accuracy(model, test, "shape") > 0.7
    assert zero_shot_accuracy(model, test, "color") > 0.5  # chance: 1 / 9; captions often omit it
    before = locked_dual_encoder(pairs.image_features.shape[1])
    assert recall_at_one(model, test) > 5 * recall_at_one(before, test)
    again, same = train_locked(pairs, **options)
    assert same.loss == history.loss
    assert torch.equal(again.logit_scale, model.logit_scale)
    assert train_locked(pairs, **options, seed=1)[1].loss != history.loss


def test_the_temperature_stays_or_moves_as_asked():
    pairs = pairs_that_say_it_all(64)
    options = {"batch_size": 32, "samples": 640, "temperature": 0.2}
    held, _ = train_locked(pairs, **options, learn_temperature=False)
    moved, _ = train_locked(pairs, **options)
    assert held.scale().item() == pytest.approx(5.0)
    assert abs(moved.scale().item() - 5.0) > 1e-3
    sigmoid, _ = train_locked(pairs, loss="sigmoid", bias=-4.0, **options)
    assert sigmoid.logit_bias is not None
    assert abs(sigmoid.logit_bias.item() + 4) < 1
    assert held.logit_bias is None


def test_records_see_the_model_on_the_way():
    seen = []
    _, history = train_locked(
        pairs_that_say_it_all(64),
        batch_size=32,
        samples=320,
        record=lambda model: {"scale": seen.append(model.training) or model.scale().item()},
        record_every=5,
    )
    assert [record["step"] for record in history.records] == [5, 10]
    assert seen == [False, False]


class Answers:
    """A model whose texts and pictures are the unit vectors that it is given."""

    def encode_image(self, features):
        return normalize(features, dim=-1)

    encode_text = encode_image


def test_recall_counts_the_own_caption_and_equal_sentences():
    pairs = locked_pairs(corner, 4)
    texts = torch.eye(4)[[0, 1, 2, 2]]
    images = torch.eye(4)[[0, 0, 2, 2]]
    given = LockedPairs(images, texts, ["a", "b", "c", "c"], pairs.scenes)
    assert (
        recall_at_one(Answers(), given) == 0.75
    )  # the second finds the first; the last is "c" too
    other = LockedPairs(images, texts, ["a", "b", "c", "d"], pairs.scenes)
    assert recall_at_one(Answers(), other) == 0.5


@pytest.mark.parametrize("kind", ["shape", "color", "style"])
def test_zero_shot_reads_the_class_of_single_objects(kind):
    pairs = locked_pairs(corner, 120, objects="mixed")
    names = {"shape": list(SHAPES), "color": list(COLORS), "style": list(STYLES)}[kind]
    column = np.asarray(getattr(pairs.scenes, kind)).reshape(120, -1)[:, 0]
    told = count_words([names[index] for index in column])  # each picture says its own word
    right = LockedPairs(told, told, pairs.captions, pairs.scenes)
    assert zero_shot_accuracy(Answers(), right, kind) == 1.0
    wrong = count_words([names[(index + 1) % len(names)] for index in column])
    assert (
        zero_shot_accuracy(Answers(), LockedPairs(wrong, wrong, [""] * 120, pairs.scenes), kind)
        == 0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hinge"}, "expected loss to be one of"),
        ({"batch_size": 65}, "expected batch_size of at most the 64 pairs"),
        ({"batch_size": 64, "samples": 63}, "and the 63 samples"),
        ({"batch_size": 0}, "expected batch_size"),
        ({"temperature": 0.0}, "expected a positive temperature"),
        ({"learning_rate": -1.0}, "expected a positive learning_rate"),
    ],
)
def test_odd_options_are_refused(change, message):
    pairs = pairs_that_say_it_all(64)
    with pytest.raises(ValueError, match=message):
        train_locked(pairs, **({"batch_size": 32, "samples": 64} | change))


def test_odd_encoders_and_pairs_are_refused():
    with pytest.raises(TypeError, match="expected encode to be a function"):
        locked_pairs("pocket-vit", 4)
    with pytest.raises(ValueError, match=r"features \(4, F\), received \(4, 3, 2\)"):
        locked_pairs(lambda pictures: torch.zeros(4, 3, 2), 4)
    with pytest.raises(ValueError, match="received None"):
        locked_pairs(lambda pictures: None, 4)
    with pytest.raises(TypeError, match="expected pairs from locked_pairs"):
        train_locked(torch.zeros(3, 3))
    two = locked_pairs(corner, 8, objects="two")
    with pytest.raises(ValueError, match="of a single object"):
        zero_shot_accuracy(Answers(), two)
    with pytest.raises(ValueError, match="expected kind"):
        zero_shot_accuracy(Answers(), two, "size")
