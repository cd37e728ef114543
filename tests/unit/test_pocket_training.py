"""Training of the pocket encoders: repeatable, resumable, honestly measured, written whole."""

import dataclasses
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.faults.places import files_of_at_most
from vizkit.data import COLORS, RELATIONS, SHAPES, STYLES, sample_scenes, write_captions
from vizkit.models.pocket import pocket_dual_encoder, pocket_labelled_encoder
from vizkit.training import cards, pocket
from vizkit.training import checkpoint as checkpoints
from vizkit.training.checkpoint import read_notes, save_checkpoint
from vizkit.training.labelled import LABEL_RECIPES
from vizkit.training.pocket import RECIPES, Recipe
from vizkit.zoo import load

TINY = dataclasses.replace(
    RECIPES["pocket-clip"],
    name="tiny",
    start_from=None,
    image_tower={"kind": "vit", "patch_size": 16, "embed_dim": 8, "depth": 1, "num_heads": 2},
    text_tower={"context_length": 28, "embed_dim": 8, "depth": 1, "num_heads": 2},
    joint_dim=6,
    batch_size=4,
    steps=4,
    learning_rate=1e-2,
    warmup_steps=1,
)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """Bit-identical runs are promised for the CPU."""
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The weights after all four steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZKIT_DEVICE", "cpu")
        return weights_of(TINY, tmp_path_factory.mktemp("run") / "tiny.checkpoint")


def weights_of(recipe: Recipe, checkpoint: Path, **options) -> dict[str, torch.Tensor]:
    model, _, _ = pocket.train(recipe, checkpoint, **options)
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def stop_at(step: int, error: type[BaseException], monkeypatch) -> None:
    """Let the batch of `step` raise."""
    batch = pocket.training_batch

    def stopped(recipe, number):
        if number == step:
            raise error
        return batch(recipe, number)

    monkeypatch.setattr(pocket, "training_batch", stopped)


# Repeatable and resumable


def test_the_same_seed_gives_the_same_weights(uninterrupted, tmp_path):
    torch.manual_seed(99)  # what was drawn before must not matter
    assert same(weights_of(TINY, tmp_path / "a"), uninterrupted)
    assert not same(weights_of(dataclasses.replace(TINY, seed=1), tmp_path / "b"), uninterrupted)


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_training_changes_every_weight(loss, tmp_path):
    recipe = dataclasses.replace(TINY, loss=loss)
    torch.manual_seed(recipe.seed)
    start = pocket_dual_encoder(recipe.config())[0].state_dict()
    end = weights_of(recipe, tmp_path / "run")
    # What a linear layer adds to the keys cancels in the softmax, but noise moves it all the same.
    assert [name for name in start if torch.equal(start[name].half().float(), end[name])] == []
    assert ("logit_bias" in end) == (loss == "sigmoid")


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_interrupted_and_resumed_equals_uninterrupted(step, uninterrupted, tmp_path, monkeypatch):
    checkpoint = tmp_path / "tiny.checkpoint"
    with monkeypatch.context() as patch:
        stop_at(step, KeyboardInterrupt, patch)
        with pytest.raises(KeyboardInterrupt):
            pocket.train(TINY, checkpoint)
    assert read_notes(checkpoint)["done"] == str(step)
    drawn = []
    batch = pocket.training_batch
    monkeypatch.setattr(pocket, "training_batch", lambda r, s: drawn.append(s) or batch(r, s))
    assert same(weights_of(TINY, checkpoint), uninterrupted)
    assert drawn == list(range(step, 4))  # the finished steps were not done again


def test_a_crash_goes_on_from_the_last_checkpoint(uninterrupted, tmp_path, monkeypatch):
    checkpoint = tmp_path / "tiny.checkpoint"
    with monkeypatch.context() as patch:
        stop_at(3, RuntimeError, patch)
        with pytest.raises(RuntimeError):
            pocket.train(TINY, checkpoint, checkpoint_every=1)
    assert read_notes(checkpoint)["done"] == "3"
    assert same(weights_of(TINY, checkpoint), uninterrupted)


def test_a_finished_run_has_nothing_left_to_do(uninterrupted, tmp_path, monkeypatch):
    checkpoint = tmp_path / "tiny.checkpoint"
    pocket.train(TINY, checkpoint, checkpoint_every=4)
    stop_at(0, AssertionError, monkeypatch)
    assert same(weights_of(TINY, checkpoint), uninterrupted)


def test_seconds_of_earlier_runs_count(tmp_path):
    model, _, _ = pocket.train(TINY, tmp_path / "run")
    optimizer = pocket.make_optimizer(model, TINY)
    checkpoint = tmp_path / "tiny.checkpoint"
    save_checkpoint(checkpoint, model, optimizer, TINY, 4, 1000.0)
    assert 1000.0 <= pocket.train(TINY, checkpoint)[2] < 1060.0


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"batch_size": 5}, {"steps": 5}, {"loss": "sigmoid"}],
    ids=str,
)
def test_a_checkpoint_of_another_recipe_is_refused(change, tmp_path):
    checkpoint = tmp_path / "tiny.checkpoint"
    pocket.train(TINY, checkpoint, checkpoint_every=4)
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=r"tiny\.checkpoint was made by another recipe"):
        pocket.train(dataclasses.replace(TINY, **change), checkpoint)
    assert checkpoint.read_bytes() == before


# Batches


def test_each_step_has_scenes_and_captions_of_its_own():
    seen = set()
    for step in range(4):
        pictures, captions = pocket.training_batch(TINY, step)
        again, captions_again = pocket.training_batch(TINY, step)
        assert pictures.shape == (4, 64, 64, 3)
        assert np.array_equal(pictures, again)
        assert captions == captions_again
        assert captions == write_captions(sample_scenes(4, step), step, omit=pocket.OMIT)
        seen |= {picture.tobytes() for picture in pictures}
    assert len(seen) == 16


def test_no_training_seed_is_a_test_seed():
    last = max(recipe.seed for recipe in RECIPES.values()) * 1_000_003
    assert last + max(recipe.steps for recipe in RECIPES.values()) < pocket.TEST_SEED


def test_pictures_become_numbers_from_minus_one_to_one():
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    pictures[0, 0, 1] = 255, 0, 51
    tensor = pocket.to_tensor(pictures, torch.device("cpu"))
    assert tensor.shape == (1, 3, 2, 2)
    assert tensor[0, :, 0, 1].tolist() == pytest.approx([1.0, -1.0, -0.6])


# Scores


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_wilsons(hits, n, low, high):
    """The four examples of Newcombe 1998, table I, method 3."""
    score = pocket.interval(np.arange(n) < hits)
    assert score == {
        "share": round(hits / n, 4),
        "low": pytest.approx(low, abs=1.01e-4),
        "high": pytest.approx(high, abs=1.01e-4),
        "n": n,
    }


class KnowsTheAnswer:
    """A dual encoder that reads the scene table; a feature counts the facts that are true."""

    logit_scale = torch.zeros(())

    def __init__(self) -> None:
        self.number: dict = {}
        self.texts: list[str] = []

    def tokenizer(self, texts: list[str]) -> torch.Tensor:
        self.texts += texts
        return torch.arange(len(self.texts) - len(texts), len(self.texts))

    def vector(self, facts: set) -> torch.Tensor:
        vector = torch.zeros(6_000)
        for fact in facts:
            vector[self.number.setdefault(fact, len(self.number))] = 1
        return vector

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.vector(facts_of_text(self.texts[i])) for i in tokens])

    def encode_image(self, scenes) -> torch.Tensor:
        return torch.stack([self.vector(facts_of_scene(scenes, i)) for i in range(len(scenes))])


def facts_of_text(text: str) -> set:
    objects = re.findall(rf"(?:({'|'.join(COLORS)}) )?({'|'.join(SHAPES)})", text)
    facts = set(text.split()) & {*SHAPES, *COLORS, *STYLES} | set(objects)
    relation = next((name for name in RELATIONS if name in text), None)
    return facts | ({canonical(*objects, relation)} if relation else set())


def facts_of_scene(scenes, i: int) -> set:
    slots = range(scenes.num_objects[i])
    objects = [(list(COLORS)[scenes.color[i, s]], SHAPES[scenes.shape[i, s]]) for s in slots]
    facts = {word for pair in objects for word in pair} | {*objects, STYLES[scenes.style[i]]}
    if len(objects) == 1:
        return facts
    return facts | {canonical(*objects, RELATIONS[scenes.relation[i]])}


def canonical(first, second, relation: str) -> tuple:
    """ "A right of B" is "B left of A"."""
    swapped = {"right of": "left of", "below": "above"}
    return (second, first, swapped[relation]) if relation in swapped else (first, second, relation)


@pytest.fixture
def scenes_are_pictures(monkeypatch):
    """Hand the scene table itself to the model instead of a picture."""
    monkeypatch.setattr(pocket, "render", lambda scenes, image_size: scenes)
    monkeypatch.setattr(pocket, "to_tensor", lambda scenes, device: scenes)


def test_a_model_that_knows_the_answer_scores_1(scenes_are_pictures):
    model = KnowsTheAnswer()
    scores = pocket.measure(model, model.tokenizer, 64, n=300)
    recall = scores.pop("image to text R@1 of 256")
    assert {name: score["share"] for name, score in scores.items()} == dict.fromkeys(scores, 1.0)
    assert {"zero-shot shape", "zero-shot color", "zero-shot style"} <= scores.keys()
    assert {"held-out shape-color pairs", "binding", "relation"} <= scores.keys()
    assert scores["zero-shot shape"]["n"] == 300
    assert recall["n"] == 1024
    assert recall["share"] > 0.3  # size, place and background it does not read


def test_a_model_that_sees_nothing_scores_as_chance_does(scenes_are_pictures):
    class Guesses(KnowsTheAnswer):
        def encode_image(self, scenes):
            return torch.randn(len(scenes), 6_000)

    torch.manual_seed(0)
    model = Guesses()
    scores = pocket.measure(model, model.tokenizer, 64, n=300)
    chance = {"zero-shot shape": 1 / 10, "zero-shot color": 1 / 9, "zero-shot style": 1 / 8}
    chance |= {"binding": 1 / 2, "relation": 1 / 2, "image to text R@1 of 256": 1 / 256}
    for name, expected in chance.items():
        assert abs(scores[name]["share"] - expected) < 0.06, name
    assert scores["held-out shape-color pairs"]["share"] < 0.06


def test_retrieval_asks_for_the_own_caption(monkeypatch):
    monkeypatch.setattr(pocket, "write_captions", lambda scenes, seed, omit: ["x"] * len(scenes))

    class InOrder(KnowsTheAnswer):
        def encode_text(self, tokens):
            return torch.eye(len(tokens))

    model = InOrder()
    right = pocket.retrieval(model, model.tokenizer, lambda scenes: torch.eye(256))
    assert right.shape == (1024,)
    assert right.all()
    assert not pocket.retrieval(model, model.tokenizer, lambda s: torch.eye(256).roll(1, 0)).any()


# Files


def trained(tmp_path) -> tuple:
    model, _, seconds = pocket.train(TINY, tmp_path / "tiny.checkpoint")
    pocket.round_to_half(model)
    return model, seconds


def test_the_card_tells_scores_and_checksum_and_makes_the_same_model(tmp_path):
    model, _ = trained(tmp_path)
    scores = {"binding": {"share": 0.5, "low": 0.4, "high": 0.6, "n": 100}}
    card_file = pocket.save_pretrained(TINY, model, scores, 90.0, tmp_path / "new folder")
    card = json.loads(card_file.read_text(encoding="utf-8"))
    data = card_file.with_suffix(".safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["scores"] == scores
    assert card["config"] == TINY.config()
    assert card["data"]["pairs_seen"] == 16
    assert card["trained"]["minutes"] == 1.5
    assert card["parameters"] == sum(p.numel() for p in model.parameters())
    assert sorted(p.name for p in card_file.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]
    # What is shipped is what was measured, bit by bit.
    encoder = load("tiny", folder=card_file.parent)
    assert same(encoder.model.state_dict(), model.state_dict())
    for value in load_file(card_file.with_suffix(".safetensors")).values():
        assert value.dtype == torch.float16


def test_a_failing_write_leaves_the_old_checkpoint(uninterrupted, tmp_path, monkeypatch):
    checkpoint = tmp_path / "tiny.checkpoint"
    with monkeypatch.context() as patch:
        stop_at(2, KeyboardInterrupt, patch)
        with pytest.raises(KeyboardInterrupt):
            pocket.train(TINY, checkpoint)
    before = checkpoint.read_bytes()

    with files_of_at_most(1_000), pytest.raises(OSError, match=re.escape(str(checkpoint))):
        pocket.train(TINY, checkpoint, checkpoint_every=3)
    assert checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.checkpoint"]
    assert same(weights_of(TINY, checkpoint), uninterrupted)


@pytest.mark.parametrize("length", [0, 4, 40, -10])
def test_a_damaged_checkpoint_is_named(length, tmp_path):
    checkpoint = tmp_path / "tiny.checkpoint"
    pocket.train(TINY, checkpoint, checkpoint_every=3)
    checkpoint.write_bytes(checkpoint.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"checkpoint is damaged: delete it to start over"):
        pocket.train(TINY, checkpoint)


def test_a_failing_write_leaves_the_old_weights_and_card(tmp_path):
    model, seconds = trained(tmp_path)
    card_file = pocket.save_pretrained(TINY, model, {"old": {}}, seconds, tmp_path)
    before = [p.read_bytes() for p in (card_file, card_file.with_suffix(".safetensors"))]
    with torch.no_grad():
        model.logit_scale.add_(1)
    with files_of_at_most(1_000), pytest.raises(OSError, match="File too large"):
        pocket.save_pretrained(TINY, model, {"new": {}}, seconds, tmp_path)
    after = [p.read_bytes() for p in (card_file, card_file.with_suffix(".safetensors"))]
    assert after == before
    assert load("tiny", folder=tmp_path).card["scores"] == {"old": {}}


def test_weights_without_their_new_card_are_never_loaded(tmp_path, monkeypatch):
    """Cut off between the two files: the old card does not vouch for the new weights."""
    model, seconds = trained(tmp_path)
    pocket.save_pretrained(TINY, model, {"old": {}}, seconds, tmp_path)
    write_whole = cards.write_whole

    def cut_off(file, data):
        if file.suffix == ".json":
            raise KeyboardInterrupt
        return write_whole(file, data)

    with torch.no_grad():
        model.logit_scale.add_(1)
    monkeypatch.setattr(cards, "write_whole", cut_off)
    with pytest.raises(KeyboardInterrupt):
        pocket.save_pretrained(TINY, model, {"new": {}}, seconds, tmp_path)
    with pytest.raises(OSError, match=r"damaged.*python -m vizkit\.training\.pocket tiny"):
        load("tiny", folder=tmp_path)


def test_the_command_trains_measures_ships_and_cleans_up(
    uninterrupted, tmp_path, monkeypatch, capsys
):
    score = {"share": 0.25, "low": 0.2, "high": 0.3, "n": 9}
    measured = []
    monkeypatch.setattr(pocket, "RECIPES", {"tiny": TINY})
    monkeypatch.setattr(pocket, "measure", lambda m, t, size: measured.append(m) or {"x": score})
    monkeypatch.setattr(sys, "argv", ["pocket", "tiny", "--folder", str(tmp_path)])
    pocket.main()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.json", "tiny.safetensors"]
    assert "0.250 (0.200 to 0.300)" in capsys.readouterr().out
    encoder = load("tiny", folder=tmp_path)
    assert encoder.card["scores"] == {"x": score}
    assert same(encoder.model.state_dict(), measured[0].state_dict())
    assert same(measured[0].state_dict(), {k: v.half().float() for k, v in uninterrupted.items()})


def test_an_unknown_recipe_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pocket", "nothing"])
    with pytest.raises(SystemExit):
        pocket.main()
    assert "pocket-clip" in capsys.readouterr().err


def test_the_image_tower_starts_from_the_shipped_labelled_encoder(tmp_path):
    labels = dataclasses.replace(
        LABEL_RECIPES["pocket-vit"], name="taught", image_tower=TINY.image_tower
    )
    torch.manual_seed(7)
    taught = pocket_labelled_encoder(labels.config())
    cards.round_to_half(taught)
    cards.save_pretrained(labels, taught, {}, 0.0, tmp_path)
    model, _ = pocket_dual_encoder(TINY.config())
    pocket.start_image_tower(model, "taught", tmp_path)
    assert same(model.image_tower.state_dict(), taught.image_tower.state_dict())
    with pytest.raises(FileNotFoundError, match=r"python -m vizkit\.training\.pocket gone"):
        pocket.train(dataclasses.replace(TINY, start_from="gone"), tmp_path / "run")


def test_the_image_tower_learns_slower(tmp_path):
    model, _ = pocket_dual_encoder(TINY.config())
    optimizer = pocket.make_optimizer(model, TINY)
    tower = {id(p) for p in model.image_tower.parameters()}
    for group in optimizer.param_groups:
        in_tower = {id(p) in tower for p in group["params"]}
        assert len(in_tower) == 1
        assert (group["lr_scale"] in (TINY.image_rate, TINY.image_rate * 4)) == in_tower.pop()


def test_scale_and_bias_learn_at_their_own_rate():
    recipe = dataclasses.replace(TINY, loss="sigmoid", scale_rate=10.0)
    model, _ = pocket_dual_encoder(recipe.config())
    groups = pocket.make_optimizer(model, recipe).param_groups
    found = {id(p) for group in groups if group["lr_scale"] == 10.0 for p in group["params"]}
    assert found == {id(model.logit_scale), id(model.logit_bias)}


def test_an_interrupt_in_the_middle_of_an_update_keeps_the_last_checkpoint(
    uninterrupted, tmp_path, monkeypatch
):
    checkpoint, plain = tmp_path / "tiny.checkpoint", checkpoints.update

    def interrupted_after_the_second(*arguments):
        result = plain(*arguments)
        if arguments[2] == 1:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(checkpoints, "update", interrupted_after_the_second)
    with pytest.raises(KeyboardInterrupt):
        pocket.train(TINY, checkpoint, checkpoint_every=1)
    monkeypatch.setattr(checkpoints, "update", plain)
    assert same(weights_of(TINY, checkpoint), uninterrupted)
