"""Trained encoders: pictures and sentences of any kind in, unit vectors out."""

import dataclasses
import itertools
import json
import warnings

import numpy as np
import pytest
import torch
from datasets import Dataset
from datasets import Image as ImageFeature
from PIL import Image

from vizkit.data import render, sample_scenes, write_captions
from vizkit.models.pocket import pocket_dual_encoder
from vizkit.training.labelled import LABEL_RECIPES
from vizkit.training.pocket import RECIPES, Recipe, round_to_half, save_pretrained, to_tensor
from vizkit.zoo import Encoder, PocketEncoder, list_models, load
from vizkit.zoo import pocket as zoo_pocket
from vizkit.zoo.images import to_pixels

TEXT = {"context_length": 28, "embed_dim": 8, "depth": 1, "num_heads": 2}
VIT = {"kind": "vit", "patch_size": 16, "embed_dim": 8, "depth": 2, "num_heads": 2}
CNN = {"kind": "cnn", "width": 4}
TINY = Recipe(name="tiny-vit", image_tower=VIT, text_tower=TEXT, joint_dim=6)
TINY_CNN = dataclasses.replace(TINY, name="tiny-cnn", image_tower=CNN, loss="sigmoid")


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu():
    """The tolerances below are the CPU's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZKIT_DEVICE", "cpu")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two untrained encoders, written as trained ones are."""
    folder = tmp_path_factory.mktemp("weights")
    for recipe in (TINY, TINY_CNN):
        torch.manual_seed(0)
        model, _ = pocket_dual_encoder(recipe.config())
        with torch.no_grad():
            for parameter in model.image_tower.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        round_to_half(model)
        save_pretrained(recipe, model, {}, 0.0, folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return load("tiny-vit", folder=folder)


@pytest.fixture(scope="module")
def pictures():
    return render(sample_scenes(7, 3))


# Pictures


def test_all_kinds_of_pictures_give_the_same_pixels(pictures):
    """Arrays, lists, PIL pictures, a data set's column, read-only and reversed arrays."""
    expected = torch.tensor(pictures).permute(0, 3, 1, 2) / 255
    as_pil = [Image.fromarray(picture) for picture in pictures]
    read_only = pictures.copy()
    read_only.flags.writeable = False
    backwards = pictures[::-1].copy()[::-1]
    column = Dataset.from_dict({"image": as_pil}).cast_column("image", ImageFeature())["image"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (pictures, list(pictures), as_pil, tuple(as_pil), read_only, backwards, column):
            pixels = to_pixels(kind, 64)
            assert pixels.dtype == torch.float32
            assert torch.equal(pixels, expected)
    assert torch.equal(to_pixels(pictures[0], 64), expected[:1])
    assert torch.equal(to_pixels(as_pil[0], 64), expected[:1])


@pytest.mark.parametrize("mode", ["RGBA", "L", "CMYK", "P", "1", "LA"])
def test_pil_pictures_of_any_mode_are_read_as_rgb(mode, pictures):
    picture = Image.fromarray(pictures[0]).convert(mode)
    expected = torch.tensor(np.asarray(picture.convert("RGB"))).permute(2, 0, 1) / 255
    pixels = to_pixels(picture, 64)
    assert torch.equal(pixels[0], expected)


def test_pixels_go_from_0_to_1_with_channels_first():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[0, 1] = 255, 51, 0
    pixels = to_pixels(picture, 64)
    assert pixels.shape == (1, 3, 64, 64)
    assert pixels[0, :, 0, 1].tolist() == pytest.approx([1.0, 0.2, 0.0])
    assert pixels.sum().item() == pytest.approx(1.2)


@pytest.mark.parametrize("size", [(1, 1), (64, 20), (200, 300), (63, 64)])
def test_pictures_of_any_size_are_squashed(size):
    picture = np.full((*size, 3), (10, 200, 30), np.uint8)
    for kind in (picture, picture[None], Image.fromarray(picture), [picture]):
        pixels = to_pixels(kind, 64)
        assert pixels.shape == (1, 3, 64, 64)
        expected = (torch.tensor([10, 200, 30]) / 255).view(1, 3, 1, 1).expand_as(pixels)
        torch.testing.assert_close(pixels, expected)


def test_sizes_may_be_mixed_in_one_list(pictures):
    mixed = [pictures[0], Image.fromarray(pictures[1]).resize((100, 50)), pictures[2][:30]]
    assert to_pixels(mixed, 64).shape == (3, 3, 64, 64)
    assert torch.equal(to_pixels(mixed, 64)[:1], to_pixels(pictures[0], 64))


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.full((64, 64, 3), 2.5, np.float32), ValueError),
        (np.zeros((2, 64, 64), np.uint8), ValueError),
        (np.zeros((2, 2, 64, 64), np.uint8), ValueError),
        (np.full((2, 64, 64, 3), 256), ValueError),
        (np.zeros((2, 0, 64, 3), np.uint8), ValueError),
        (np.zeros((0, 5, 3), np.uint8), ValueError),
        (np.zeros((0, 64, 64, 3), np.uint8), ValueError),
        (np.zeros((1, 2, 64, 64, 3), np.uint8), ValueError),
        ([np.full((64, 64, 3), np.nan)], ValueError),
        ([], ValueError),
        ("picture.png", TypeError),
        (b"png", TypeError),
        (["picture.png"], TypeError),
        (-torch.ones(1, 3, 64, 64), ValueError),
        ({"image": 1}, TypeError),
        (None, TypeError),
        (7, TypeError),
    ],
)
def test_what_is_no_picture_is_refused(images, error):
    with pytest.raises(error, match=r"images|at least one picture"):
        to_pixels(images, 64)


def test_preprocess_is_what_training_saw(encoder, pictures):
    pixels = encoder.preprocess(pictures)
    torch.testing.assert_close(pixels, to_tensor(pictures, torch.device("cpu")), rtol=0, atol=1e-6)
    assert pixels.min() >= -1
    assert pixels.max() <= 1


# Encoders


def test_shipped_models_are_those_with_a_recipe():
    """Fails until `python -m vizkit.training.pocket NAME` has been run for every recipe."""
    names = [name for name in list_models() if "/" not in name]
    recipes = RECIPES | LABEL_RECIPES
    assert names == sorted(recipes)
    for name in names:
        card = load(name).card
        assert card["scores"], name
        recipe = dataclasses.asdict(recipes[name])
        assert card["recipe"].items() <= recipe.items(), name
        assert card["config"] == json.loads(json.dumps(recipes[name].config())), name


def test_load_gives_the_weights_that_were_shipped(folder):
    torch.manual_seed(1)
    first, second = load("tiny-cnn", folder=folder), load("tiny-cnn", folder=folder)
    assert list_models(folder=folder)[:2] == ["tiny-cnn", "tiny-vit"]
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.dtype == torch.float32
    assert not first.model.training
    assert first.logit_bias == -10.0
    assert first.logit_scale == pytest.approx(10.0, rel=1e-3)  # half precision


def test_a_pocket_encoder_has_the_face_of_an_encoder(encoder):
    assert isinstance(encoder, PocketEncoder)
    wanted = {name for name in vars(Encoder) if not name.startswith("_")}
    assert wanted >= {"encode_image", "encode_text", "patch_tokens", "capture_attention"}
    for name in wanted | set(Encoder.__annotations__):
        assert hasattr(encoder, name), name
    assert encoder.name == "tiny-vit"
    assert encoder.logit_bias is None
    assert encoder.logit_scale == pytest.approx(1 / 0.07, rel=1e-3)


def test_batches_equal_one_by_one(encoder, pictures, monkeypatch):
    together = encoder.encode_image(pictures)
    assert together.shape == (7, 6)
    assert not together.requires_grad
    torch.testing.assert_close(together.norm(dim=1), torch.ones(7))
    one_by_one = torch.cat([encoder.encode_image(picture) for picture in pictures])
    torch.testing.assert_close(together, one_by_one, rtol=0, atol=1e-6)
    monkeypatch.setattr(zoo_pocket, "BATCH", 3)
    torch.testing.assert_close(encoder.encode_image(pictures), together, rtol=0, atol=1e-6)
    # The pictures differ, so that an order mixed up would show.
    gaps = [(a - b).abs().max() for a, b in itertools.combinations(together, 2)]
    assert min(gaps) > 1e-4


def test_sentences_in_a_batch_equal_one_by_one(encoder):
    captions = write_captions(sample_scenes(7, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = encoder.encode_text(captions)
        one_by_one = torch.cat([encoder.encode_text(caption) for caption in captions])
        assert encoder.encode_text(captions[0]).shape == (1, 6)
    assert not together.requires_grad
    torch.testing.assert_close(together.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(together, one_by_one, rtol=0, atol=1e-6)


def test_unknown_words_are_warned_about_once_each(encoder):
    with pytest.warns(UserWarning, match="^tiny-vit never saw: zebra, 얼룩말$"):
        encoder.encode_text(["a red zebra", "얼룩말 zebra"])


@pytest.mark.parametrize("text", ["", "얼룩말", "zebra, zebra!"])
def test_a_sentence_without_a_known_word_is_warned_about(encoder, text):
    with pytest.warns(UserWarning, match="^tiny-vit knows no word of .*means nothing$"):
        vectors = encoder.encode_text(["a red heart", text])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_sentences_without_any_known_word_are_all_the_same_to_it(encoder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zebra, other = encoder.encode_text(["zebra", "얼룩말"])
    assert torch.equal(zebra, other)
    with pytest.raises(ValueError, match="at least one sentence, received none"):
        encoder.encode_text([])


def test_patch_tokens_are_the_towers_last_tokens_without_the_class_token(encoder, pictures):
    tokens = encoder.patch_tokens(pictures)
    assert tokens.shape == (7, 16, 8)  # a 4 by 4 grid
    tower = encoder.model.image_tower
    with torch.no_grad():
        _, named = tower(encoder.preprocess(pictures), return_intermediates=True)
    assert torch.equal(tokens, named["encoded"][:, 1:])
    assert not tokens.requires_grad


def test_attention_maps_of_a_vit(encoder, pictures):
    capture = encoder.capture_attention(pictures[:2])
    assert [tuple(layer.shape) for layer in capture.maps] == [(2, 2, 17, 17)] * 2
    assert capture.grid == (4, 4)
    assert capture.num_prefix_tokens == 1


def test_a_cnn_has_no_patch_tokens_and_no_attention(folder, pictures):
    encoder = load("tiny-cnn", folder=folder)
    with pytest.raises(TypeError, match="tiny-cnn has a ConvNet"):
        encoder.patch_tokens(pictures)
    with pytest.raises(TypeError):
        encoder.capture_attention(pictures)
    assert encoder.encode_image(pictures).shape == (7, 6)


def test_16_bit_pictures_keep_their_shades():
    shades = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    pixels = to_pixels(Image.fromarray(shades), 64)
    expected = torch.from_numpy(shades.astype(np.float32) / 65535)
    torch.testing.assert_close(pixels[0, 0], expected, rtol=0, atol=0.5 / 255 + 1e-6)
    assert torch.equal(pixels[0, 0], pixels[0, 2])
