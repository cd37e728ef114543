"""Encoders taught with labels: the labels are right, runs resume, the shipped model loads whole."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vizkit.data import COLORS, SHAPES, STYLES, render, sample_scenes
from vizkit.models import VisionTransformer
from vizkit.models.heads import LabelledEncoder
from vizkit.models.pocket import pocket_labelled_encoder
from vizkit.training import labelled
from vizkit.training.cards import round_to_half, save_pretrained
from vizkit.training.checkpoint import read_notes
from vizkit.training.labelled import LABEL_RECIPES, label_loss, labels_of, labels_of_cells
from vizkit.training.optimizers import pocket_optimizer
from vizkit.training.pixels import to_tensor
from vizkit.zoo import PocketImageEncoder, load

TINY = dataclasses.replace(
    LABEL_RECIPES["pocket-vit"],
    name="tiny",
    image_tower={"kind": "vit", "patch_size": 16, "embed_dim": 8, "depth": 2, "num_heads": 2},
    steps=4,
    batch_size=4,
    warmup_steps=1,
)
CNN = dataclasses.replace(TINY, name="cnn", image_tower={"kind": "cnn", "width": 4})
SIZES = {"shape": len(SHAPES), "color": len(COLORS), "style": len(STYLES)}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """Bit-identical runs are promised for the CPU."""
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")


def weights_of(recipe, checkpoint, **options):
    model, _ = labelled.train_labelled(recipe, checkpoint, **options)
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_weight_moves_and_an_interrupted_run_ends_the_same(tmp_path, monkeypatch):
    torch.manual_seed(TINY.seed)
    start = pocket_labelled_encoder(TINY.config()).state_dict()
    whole = weights_of(TINY, tmp_path / "whole")
    assert [name for name in start if torch.equal(start[name], whole[name])] == []

    loss = labelled.label_loss
    calls = []

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return loss(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(labelled, "label_loss", stopped)
        with pytest.raises(KeyboardInterrupt):
            labelled.train_labelled(TINY, tmp_path / "run")
    assert read_notes(tmp_path / "run")["done"] == "2"
    assert same(weights_of(TINY, tmp_path / "run"), whole)
    with pytest.raises(ValueError, match="another recipe"):
        labelled.train_labelled(dataclasses.replace(TINY, seed=1), tmp_path / "run")


def test_muon_moves_the_matrices_of_the_blocks_and_adamw_the_rest():
    model = pocket_labelled_encoder(TINY.config())
    pair = pocket_optimizer(model, weight_decay=0.05, matrix_rate=4.0, rates={"heads.": 0.5})
    adamw, muon = pair.optimizers
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    moved = [names[id(p)] for group in muon.param_groups for p in group["params"]]
    assert len(moved) == 8  # four matrices in each of two blocks
    assert all(".blocks." in name for name in moved)
    others = [names[id(p)] for group in adamw.param_groups for p in group["params"]]
    assert sorted(moved + others) == sorted(names.values())
    assert {group["lr_scale"] for group in muon.param_groups} == {4.0}
    slower = [g["params"] for g in adamw.param_groups if g["lr_scale"] == 0.5]
    found = sorted(names[id(p)] for params in slower for p in params)
    assert found == sorted(name for name in names.values() if name.startswith("heads."))
    assert {group["weight_decay"] for group in muon.param_groups} == {0.05}


def test_cells_hold_the_object_whose_box_covers_their_centre():
    scenes = sample_scenes(200, 3)
    boxes = scenes.boxes(64)
    cells = labels_of_cells(scenes, "shape", 8)
    assert cells.shape == (200, 64)
    for n in range(200):
        for cell in range(64):
            x, y = 8 * (cell % 8) + 4, 8 * (cell // 8) + 4
            here = [
                scenes.shape[n, slot]
                for slot, (left, top, right, bottom) in enumerate(boxes[n])
                if left < x < right and top < y < bottom
            ]
            assert cells[n, cell] == (max(here) if here else -1)
    assert (cells >= 0).any(axis=1).all()


def test_the_loss_is_the_sum_of_plain_cross_entropies():
    torch.manual_seed(0)
    model = pocket_labelled_encoder(TINY.config()).eval()
    scenes = sample_scenes(6, 1)
    images = to_tensor(render(scenes, 64), torch.device("cpu"))
    whole, patches = model.dense(images)
    expected = torch.zeros(())
    for name, scores in whole.items():
        labels = labels_of(scenes, name)
        each = []
        for n in range(6):
            present = [k for k in labels[n] if k >= 0]
            logs = F.log_softmax(scores[n], dim=0)
            each.append(-sum(logs[k] for k in present) / len(present))
        expected = expected + sum(each) / 6
    for name, scores in patches.items():
        cells = torch.from_numpy(labels_of_cells(scenes, name, 4)) % scores.shape[2]  # -1: the last
        expected = expected + F.cross_entropy(scores.reshape(-1, scores.shape[2]), cells.flatten())
    torch.testing.assert_close(label_loss(model, images, scenes), expected)


def test_a_model_that_knows_the_answer_scores_1(monkeypatch):
    class Knows(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = torch.nn.ModuleDict({name: torch.nn.Linear(1, 1) for name in SIZES})
            self.patch_heads = torch.nn.ModuleDict()

        def forward(self, scenes):
            return {
                name: F.one_hot(torch.from_numpy(labels_of(scenes, name)[:, 0]), size)
                for name, size in SIZES.items()
            }

    monkeypatch.setattr(labelled, "render", lambda scenes, image_size: scenes)
    monkeypatch.setattr(labelled, "to_tensor", lambda scenes, device: scenes)
    scores = labelled.measure_labels(Knows(), 64, n=300)
    assert {name: score["share"] for name, score in scores.items()} == {
        "shape": 1.0,
        "color": 1.0,
        "style": 1.0,
        "held-out shape-color pairs": 1.0,
    }


def test_attention_on_objects_is_the_share_of_uniform_attention_in_an_untrained_model():
    tower = VisionTransformer(embed_dim=16, depth=1, num_heads=2)
    model = LabelledEncoder(tower, classes=SIZES, patch_classes={"shape": 10}).eval()
    with torch.no_grad():
        for parameter in tower.blocks[0].attention.query_key_value.parameters():
            parameter.zero_()
        scenes = sample_scenes(64, 0, objects="one")
        scores = labelled.attention_on_objects(model, scenes, 64, torch.device("cpu"))
    attention, patches = scores["attention on the object"], scores["patches on the object"]
    assert attention["share"] == pytest.approx(patches["share"], abs=1e-3)
    assert attention["n"] == 64


def test_mean_interval_is_the_normal_one():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    found = labelled.mean_interval(values)
    half = 1.96 * np.sqrt(5 / 3) / 2
    assert found == {
        "share": 1.5,
        "low": pytest.approx(1.5 - half, abs=1e-4),
        "high": pytest.approx(1.5 + half, abs=1e-4),
        "n": 4,
    }


@pytest.mark.parametrize("recipe", [TINY, CNN], ids=lambda recipe: recipe.name)
def test_what_is_shipped_is_what_was_trained(recipe, tmp_path):
    model, seconds = labelled.train_labelled(recipe, tmp_path / "run")
    round_to_half(model)
    scores = labelled.measure_labels(model, recipe.image_size, n=40)
    save_pretrained(recipe, model, scores, seconds, tmp_path)
    encoder = load(recipe.name, folder=tmp_path)
    assert isinstance(encoder, PocketImageEncoder)
    pictures = render(sample_scenes(5, 9))
    images = to_tensor(pictures, torch.device("cpu"))
    with torch.no_grad():
        expected = {name: score.softmax(-1) for name, score in model(images).items()}
    for name, chances in encoder.classify(pictures).items():
        assert chances.shape == (5, SIZES[name])
        torch.testing.assert_close(chances, expected[name], atol=1e-5, rtol=1e-5)
        assert encoder.labels[name] == labelled.LABELS[name]
    vectors = encoder.encode_image(pictures)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5))
    with pytest.raises(TypeError, match="no text tower"):
        encoder.encode_text("a heart")
    if recipe is CNN:
        with pytest.raises(TypeError, match="no patch tokens"):
            encoder.patch_tokens(pictures)
    else:
        assert encoder.patch_tokens(pictures).shape == (5, 16, 8)
        assert encoder.capture_attention(pictures).grid == (4, 4)


def test_heads_refuse_what_cannot_be():
    cnn = pocket_labelled_encoder(CNN.config()).image_tower
    with pytest.raises(TypeError, match="expected a VisionTransformer for patch_classes"):
        LabelledEncoder(cnn, classes=SIZES, patch_classes={"shape": 10})
    with pytest.raises(ValueError, match="expected shape to be a whole number of at least 2"):
        LabelledEncoder(cnn, classes={"shape": 1})
