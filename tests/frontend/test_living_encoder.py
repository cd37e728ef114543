"""The encoder that runs in the browser says what torch says: every pocket encoder, every kind of vizkit ViT, every switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.living_encoder import (
    asked_of_torch,
    bundle,
    floats,
    job,
    run_in_node,
)
from tests.support.node import find_node
from vizkit.data.render import render
from vizkit.data.scenes import sample_scenes
from vizkit.models import ConvNet, VisionTransformer
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.heads import LabelledEncoder
from vizkit.models.text import TextTransformer, WordTokenizer
from vizkit.widgets.living_encoder.encoder import pack_encoder, parts_of
from vizkit.zoo import load
from vizkit.zoo.pocket import pocket_names

CAPTIONS = [
    "a red circle",
    "A small, blue star left of a GREEN heart!",
    "zebra",
    "",
    "a cross above a ring, " * 12,
    "the diamond's edge is teal-ish",
]
SHUFFLED = np.random.default_rng(3).permutation(64).tolist()
EVERYTHING = [
    {},
    {"heads": ["0,1", "2,3"]},
    {"layers": [1]},
    {"positions": "none"},
    {"positions": SHUFFLED},
    {"stem": "alone"},
    {"stem": "off"},
    {"heads": ["1,0"], "layers": [0], "positions": "none", "stem": "alone"},
]


@pytest.fixture(scope="module")
def node() -> str:
    return find_node("the browser's encoder was not compared with torch")


@pytest.fixture(scope="module")
def engine(node, tmp_path_factory) -> str:
    return bundle(node, tmp_path_factory.mktemp("engine"))


def pictures(count: int, size: int = 64) -> torch.Tensor:
    """Scenes (B, 3, S, S) from 0 to 1."""
    drawn = render(sample_scenes(count, seed=11), size)
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255


def compare(
    node: str,
    engine: str,
    folder: Path,
    encoder: Any,
    images: torch.Tensor,
    ablations: list[dict[str, Any]] = ({},),
    captions: list[str] = (),
    options: dict[str, Any] | None = None,
    simd: bool = True,
) -> dict[str, Any]:
    """Compare browser and torch on pictures; return what the browser says."""
    options = options or {}
    parts = parts_of(encoder, options.get("tokenizer"), options.get("labels"))
    packed = pack_encoder(parts, 0.5, 0.5)
    work = job(packed, images, list(ablations), list(captions), simd)
    found = run_in_node(node, engine, folder, work)
    assert found["facts"]["kernel"] == ("simd" if simd else "plain")
    parts.model.eval()
    halved(parts.model)
    for ablation, told in zip(ablations, found["answers"], strict=True):
        wanted = asked_of_torch(parts, images * 2 - 1, ablation)
        for name, value in wanted.items():
            got = floats(told[name], *value.shape) if value.size else floats(told[name], -1)
            if name in ("feature", "lens"):
                cosine = (unit(got) * unit(value)).sum(-1)
                assert cosine.min() >= 0.9999, (ablation, name, cosine.min())
            if name == "norms":
                np.testing.assert_allclose(got, value, rtol=1e-3, err_msg=str(ablation))
            elif value.size:
                assert np.abs(got - value).max() <= 1e-3 * max(1, np.abs(value).max()), (
                    ablation,
                    name,
                )
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def halved(model: torch.nn.Module) -> None:
    """Weights as they travel; those of the pocket encoders are stored so."""
    with torch.no_grad():
        for value in (*model.parameters(), *model.buffers()):
            if value.is_floating_point():
                value.copy_(value.half().float())


def test_pocket_clip_on_100_scenes(node, engine, tmp_path):
    encoder = load("pocket-clip")
    found = compare(node, engine, tmp_path, encoder, pictures(100), captions=CAPTIONS)
    vectors = floats(found["vectors"], len(CAPTIONS), -1)
    with pytest.warns(UserWarning, match="zebra"):
        wanted = encoder.encode_text(CAPTIONS).numpy()
    assert (vectors * wanted).sum(-1).min() >= 0.9999
    scores = (
        encoder.logit_scale
        * encoder.encode_image(list(images_of(pictures(100)))).numpy()
        @ wanted.T
    )
    shares = torch.from_numpy(scores).softmax(-1).numpy()
    np.testing.assert_allclose(floats(found["probabilities"], *shares.shape), shares, atol=1e-4)
    assert found["facts"]["bytes"] <= 2_000_000


def images_of(pixels: torch.Tensor) -> np.ndarray:
    return (pixels * 255).round().byte().permute(0, 2, 3, 1).numpy()


def test_every_switch(node, engine, tmp_path):
    compare(node, engine, tmp_path, load("pocket-clip"), pictures(4), EVERYTHING)


def test_without_webassembly_it_says_the_same(node, engine, tmp_path):
    compare(node, engine, tmp_path, load("pocket-clip"), pictures(2), EVERYTHING, simd=False)


@pytest.mark.parametrize("name", [name for name in pocket_names() if name != "pocket-clip"])
def test_every_pocket_encoder(name, node, engine, tmp_path):
    encoder = load(name)
    captions = CAPTIONS if hasattr(encoder, "tokenizer") else []
    found = compare(node, engine, tmp_path, encoder, pictures(5), captions=captions)
    probabilities = floats(found["probabilities"], 5, -1)
    images = list(images_of(pictures(5)))
    if not captions:
        first = next(iter(encoder.labels))
        wanted = encoder.classify(images)[first].numpy()
        assert [head["name"] for head in found["facts"]["labels"]] == list(encoder.labels)
    else:
        with pytest.warns(UserWarning, match="never saw"):
            cosines = encoder.encode_image(images) @ encoder.encode_text(CAPTIONS).T
        scores = encoder.logit_scale * cosines
        bias = encoder.logit_bias
        wanted = (scores.softmax(-1) if bias is None else (scores + bias).sigmoid()).numpy()
    np.testing.assert_allclose(probabilities, wanted, atol=1e-4)


def test_a_caption_says_which_of_its_words_are_known(node, engine, tmp_path):
    found = compare(node, engine, tmp_path, load("pocket-clip"), pictures(1), captions=CAPTIONS)
    tokenizer = load("pocket-clip").tokenizer
    for caption, words in zip(CAPTIONS, found["words"], strict=True):
        unknown = [word["word"] for word in words if not word["known"]]
        assert unknown == tokenizer.unknown_words(caption)


KINDS = [
    {"stem": "patch", "position": "none", "pooling": "mean"},
    {"stem": "patch", "position": "learned_2d", "pooling": "cls"},
    {"stem": "convolution", "position": "sincos_2d", "pooling": "map"},
    {"stem": "residual", "position": "rope_axial", "pooling": "mean"},
    {"stem": "patch", "position": "rope_mixed", "pooling": "cls"},
    {"stem": "patch", "position": "learned_1d", "pooling": "map", "embed_dim": 36, "num_heads": 3},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_a_learners_own_vit(kind, node, engine, tmp_path):
    torch.manual_seed(0)
    options = {"embed_dim": 32, "num_heads": 2, **kind}
    model = VisionTransformer(image_size=32, depth=2, initialization="fan_in", **options)
    lively(model)
    ablations = [{}, {"positions": "none"}, {"positions": SHUFFLED_16}, {"stem": "alone"}]
    compare(node, engine, tmp_path, model, pictures(3, 32), ablations)


SHUFFLED_16 = np.random.default_rng(4).permutation(16).tolist()


def lively(model: torch.nn.Module) -> None:
    """Values that are 0 or 1 at first, and hide what reads them: biases, norms, tables, statistics."""
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value += 0.2 * torch.rand_like(value)


def test_a_learners_own_head_and_dual_encoder(node, engine, tmp_path):
    torch.manual_seed(1)
    small = {"image_size": 32, "embed_dim": 32, "num_heads": 2, "depth": 1}
    model = VisionTransformer(**small, num_classes=3)
    names = ["circle", "square", "star"]
    lively(model)
    found = compare(node, engine, tmp_path, model, pictures(3, 32), options={"labels": names})
    assert found["facts"]["labels"] == [{"name": "class", "labels": names}]
    wanted = model(pictures(3, 32) * 2 - 1).softmax(-1).detach().numpy()
    np.testing.assert_allclose(floats(found["probabilities"], 3, 3), wanted, atol=1e-4)
    labelled = LabelledEncoder(VisionTransformer(**small), classes={"shape": 3, "color": 2})
    compare(node, engine, tmp_path, labelled, pictures(2, 32))
    tokenizer = WordTokenizer(["a", "red", "star"], context_length=6)
    text = TextTransformer(vocabulary_size=6, context_length=6, embed_dim=36, depth=1, num_heads=3)
    dual = DualEncoder(VisionTransformer(**small), text, joint_dim=20, bias=-3.0)
    found = compare(
        node,
        engine,
        tmp_path,
        dual,
        pictures(2, 32),
        captions=CAPTIONS,
        options={"tokenizer": tokenizer},
    )
    wanted = dual.encode_text(tokenizer(CAPTIONS)).detach().numpy()
    np.testing.assert_allclose(floats(found["vectors"], *wanted.shape), wanted, atol=1e-3)


def test_shares_of_the_largest_weights_come_through(node, engine, tmp_path):
    """Numbers near 0 in half precision have no leading one: they must not become 0 or something else."""
    torch.manual_seed(2)
    model = VisionTransformer(image_size=32, embed_dim=32, num_heads=2, depth=1)
    with torch.no_grad():
        model.patch_embed.projection.weight.mul_(1e-5)
        model.patch_embed.projection.bias.zero_()
    compare(node, engine, tmp_path, model, pictures(2, 32), [{}])


def test_a_convnet_has_no_blocks(node, engine, tmp_path):
    encoder = load("pocket-cnn")
    assert isinstance(encoder.image_tower, ConvNet)
    found = compare(node, engine, tmp_path, encoder, pictures(2))
    assert found["facts"]["layers"] == 0
    assert found["answers"][0]["attention"] == ""
