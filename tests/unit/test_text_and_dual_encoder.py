"""The text tower, its tokenizer, the causal mask and the dual encoder."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.transformer import LayerNorm as OpenClipLayerNorm
from open_clip.transformer import TextTransformer as OpenClipTextTransformer
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from tests.unit.equality import DTYPES, assert_close, fill
from vizkit.data import (
    PROMPTS,
    binding_probes,
    caption_vocabulary,
    sample_scenes,
    write_captions,
)
from vizkit.models import Attention, EncoderBlock
from vizkit.models.attention import LAYER_NORM_EPS, attention_weights
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.pocket import pocket_dual_encoder
from vizkit.models.text import (
    END,
    PADDING,
    UNKNOWN,
    TextTransformer,
    WordTokenizer,
    split_words,
    without_padding,
)
from vizkit.training.pocket import RECIPES

WORDS = ["a", "red", "blue", "heart", "star", "of", "left"]


def causal(length: int) -> torch.Tensor:
    return torch.ones(length, length, dtype=torch.bool).tril()


def small_text_tower(**options) -> TextTransformer:
    torch.manual_seed(0)
    options = {"vocabulary_size": 10, "context_length": 8, "embed_dim": 12, **options}
    tower = TextTransformer(depth=2, num_heads=3, **options)
    fill(tower)
    return tower


# Attention with a mask


@DTYPES
def test_masked_attention_equals_torch_is_causal(dtype):
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(2, 3, 7, 4, generator=generator, dtype=dtype).requires_grad_() for _ in range(3)
    ]
    query, key, value = inputs
    ours = attention_weights(query, key, causal(7)) @ value
    expected = scaled_dot_product_attention(query, key, value, is_causal=True)
    weight = torch.randn(ours.shape, generator=generator, dtype=dtype)
    assert_close(ours, expected)
    for one, other in zip(
        torch.autograd.grad((ours * weight).sum(), inputs),
        torch.autograd.grad((expected * weight).sum(), inputs),
        strict=True,
    ):
        assert_close(one, other)


@DTYPES
@pytest.mark.parametrize("return_map", [False, True])
@pytest.mark.parametrize("pattern", ["causal", "random", "none"])
def test_masked_attention_equals_multihead_attention(pattern, return_map, dtype):
    ours = Attention(embed_dim=12, num_heads=3).to(dtype)
    reference = nn.MultiheadAttention(12, 3, batch_first=True, dtype=dtype)
    fill(ours)
    reference.load_state_dict(
        {
            "in_proj_weight": ours.query_key_value.weight,
            "in_proj_bias": ours.query_key_value.bias,
            "out_proj.weight": ours.projection.weight,
            "out_proj.bias": ours.projection.bias,
        }
    )
    generator = torch.Generator().manual_seed(1)
    mask = None
    if pattern == "causal":
        mask = causal(6)
    elif pattern == "random":
        mask = (torch.rand(6, 6, generator=generator) < 0.5) | torch.eye(6, dtype=torch.bool)
    tokens = torch.randn(2, 6, 12, generator=generator, dtype=dtype)
    one, other = tokens.clone().requires_grad_(), tokens.clone().requires_grad_()
    mixed = ours(one, return_map=return_map, mask=mask)
    expected, weights = reference(
        other, other, other, attn_mask=None if mask is None else ~mask, average_attn_weights=False
    )
    if return_map:
        mixed, attention_map = mixed
        assert_close(attention_map, weights)
        if mask is not None:
            assert (attention_map[..., ~mask] == 0).all()
    assert_close(mixed, expected)
    weight = torch.randn(mixed.shape, generator=generator, dtype=dtype)
    (mixed * weight).sum().backward()
    (expected * weight).sum().backward()
    assert_close(one.grad, other.grad)
    assert_close(ours.query_key_value.weight.grad, reference.in_proj_weight.grad)
    assert_close(ours.query_key_value.bias.grad, reference.in_proj_bias.grad)


def test_a_block_passes_its_mask_on():
    block = EncoderBlock(embed_dim=12, num_heads=3)
    fill(block)
    tokens = torch.randn(1, 6, 12, generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 4:] = tokens[:, 4:].flip(-1)
    mask = causal(6)
    assert torch.equal(block(tokens, mask=mask)[:, :4], block(changed, mask=mask)[:, :4])
    assert not torch.allclose(block(tokens)[:, :4], block(changed)[:, :4])


# The text tower


@DTYPES
def test_text_tower_equals_open_clip(dtype):
    ours = small_text_tower().to(dtype)
    reference = OpenClipTextTransformer(
        context_length=8,
        vocab_size=10,
        width=12,
        heads=3,
        layers=2,
        output_dim=None,
        pool_type="eos",
        eos_id=END,
        norm_layer=partial(OpenClipLayerNorm, eps=LAYER_NORM_EPS),
    ).to(dtype)
    reference.load_state_dict({open_clip_name(k): v for k, v in ours.state_dict().items()})
    tokens = torch.tensor([[3, 4, END, 0, 0, 0, 0, 0], [9, 8, 7, 6, 5, 4, 3, END], [END] + [0] * 7])
    features, expected = ours(tokens), reference(tokens)
    assert features.shape == (3, 12)
    assert_close(features, expected)
    weight = torch.randn(3, 12, generator=torch.Generator().manual_seed(0), dtype=dtype)
    (features * weight).sum().backward()
    (expected * weight).sum().backward()
    theirs = dict(reference.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, theirs[open_clip_name(name)].grad, name)


def open_clip_name(name: str) -> str:
    """What open_clip calls one of our parameters."""
    changes = {
        "blocks.": "transformer.resblocks.",
        "norm_1": "ln_1",
        "norm_2": "ln_2",
        "attention.query_key_value.weight": "attn.in_proj_weight",
        "attention.query_key_value.bias": "attn.in_proj_bias",
        "attention.projection": "attn.out_proj",
        "mlp.expand": "mlp.c_fc",
        "mlp.contract": "mlp.c_proj",
    }
    if name == "position":
        return "positional_embedding"
    if name.startswith("norm."):
        return name.replace("norm.", "ln_final.")
    for ours, theirs in changes.items():
        name = name.replace(ours, theirs)
    return name


@settings(deadline=None, max_examples=40)
@given(
    words=st.lists(st.integers(UNKNOWN + 2, 9), max_size=6),
    behind=st.lists(st.integers(0, 9), min_size=7, max_size=7),
)
def test_what_stands_behind_the_end_sign_changes_nothing(words, behind):
    tower = small_text_tower()
    rest = 8 - len(words) - 1
    padded = torch.tensor([[*words, END, *[PADDING] * rest]])
    other = torch.tensor([[*words, END, *behind[:rest]]])
    short = torch.tensor([[*words, END]])
    feature = tower(padded)
    torch.testing.assert_close(tower(other), feature, rtol=0, atol=1e-6)
    torch.testing.assert_close(tower(short), feature, rtol=0, atol=1e-6)


def test_every_word_and_its_place_change_the_feature():
    tower = small_text_tower()
    rows = [[3, 4, 5, END], [9, 4, 5, END], [3, 9, 5, END], [3, 4, 9, END], [4, 3, 5, END]]
    features = tower(torch.tensor(rows))
    assert (features[1:] - features[0]).abs().amax(dim=1).min() > 1e-3


def test_the_mask_is_no_part_of_the_weights():
    assert "causal_mask" not in small_text_tower().state_dict()


@pytest.mark.parametrize("shape", [(4,), (2, 9), (1, 2, 3)])
def test_tokens_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"tokens \(B, L\) with L at most 8"):
        small_text_tower()(torch.full(shape, END))


@pytest.mark.parametrize("rows", [[[3, 4], [3, END]], [[PADDING, PADDING]], [[]]])
def test_a_row_without_an_end_sign_is_refused(rows):
    with pytest.raises(ValueError, match="end sign"):
        small_text_tower()(torch.tensor(rows, dtype=torch.int64))


# The tokenizer


def test_words_become_their_numbers():
    tokenizer = WordTokenizer(WORDS, context_length=6)
    assert len(tokenizer) == 10
    assert tokenizer("A red HEART!").tolist() == [[3, 4, 6, END, PADDING, PADDING]]
    assert tokenizer(["red", "blue star"]).tolist() == [
        [4, END, 0, 0, 0, 0],
        [5, 7, END, 0, 0, 0],
    ]
    assert tokenizer("red").dtype == torch.int64


@pytest.mark.parametrize("text", ["", "   ", "!?…", "\n\t"])
def test_a_text_without_words_is_the_end_sign_alone(text):
    tokenizer = WordTokenizer(WORDS, context_length=4)
    assert tokenizer(text).tolist() == [[END, 0, 0, 0]]
    assert tokenizer.unknown_words(text) == []


def test_no_texts_are_no_rows():
    assert WordTokenizer(WORDS, context_length=4)([]).shape == (0, 4)


def test_a_long_text_loses_words_but_not_the_end_sign():
    tokenizer = WordTokenizer(WORDS, context_length=4)
    assert tokenizer("a red heart left of a star").tolist() == [[3, 4, 6, END]]
    assert tokenizer("a red heart").tolist() == [[3, 4, 6, END]]


def test_unknown_words_are_reported_in_order():
    tokenizer = WordTokenizer(WORDS, context_length=8)
    assert tokenizer.unknown_words("a GREEN heart of t-rex, don't") == ["green", "t-rex", "don't"]
    assert tokenizer("a green heart").tolist() == [[3, UNKNOWN, 6, END, 0, 0, 0, 0]]


def test_korean_words_are_words():
    tokenizer = WordTokenizer(["빨간", "하트"], context_length=5)
    assert tokenizer("빨간 하트, 별").tolist() == [[3, 4, UNKNOWN, END, PADDING]]
    assert tokenizer.unknown_words("빨간 하트, 별") == ["별"]


def test_the_names_of_special_tokens_are_ordinary_text():
    """Nobody can write an end sign into a caption."""
    tokenizer = WordTokenizer(WORDS, context_length=6)
    assert tokenizer("red <end> blue").tolist() == [[4, UNKNOWN, 5, END, 0, 0]]


@pytest.mark.parametrize(
    ("vocabulary", "context_length", "match"),
    [
        (["red", "blue", "red"], 8, "repeated"),
        (WORDS, 1, "context_length of at least 2"),
        (["Red"], 8, "'Red'"),
        (["dark blue"], 8, "'dark blue'"),
        (["<end>"], 8, "'<end>'"),
        ([""], 8, "''"),
    ],
)
def test_a_vocabulary_that_cannot_work_is_refused(vocabulary, context_length, match):
    with pytest.raises(ValueError, match=match):
        WordTokenizer(vocabulary, context_length=context_length)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80))
def test_any_text_becomes_words_one_end_sign_and_padding(text):
    tokenizer = WordTokenizer(WORDS, context_length=6)
    row = tokenizer(text)[0].tolist()
    end = row.index(END)
    assert end == min(len(split_words(text)), 5)
    assert row[end + 1 :] == [PADDING] * (5 - end)
    assert PADDING not in row[:end]
    assert row[:end].count(UNKNOWN) <= len(tokenizer.unknown_words(text))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_caption_fits_the_pocket_models(recipe):
    """5,000 captions, the longest that can be written among them, and all probes."""
    config = recipe.config()
    length = config["text_tower"]["context_length"]
    tokenizer = WordTokenizer(config["vocabulary"], context_length=length)
    scenes = sample_scenes(2500, 7)
    everything = dict.fromkeys(("color", "shape", "style", "size", "place", "background"), 0.0)
    captions = write_captions(scenes, 7)
    captions += write_captions(scenes, 8, omit={**everything, "relation": 0.0, "prompt": 0.0})
    for kind in ("color", "relation"):
        probes = binding_probes(scenes, kind=kind)
        captions += [*probes.correct, *probes.wrong]
    captions += [prompt.format("a red heart") for prompt in PROMPTS]
    assert len(captions) > 5000
    assert {word for text in captions for word in tokenizer.unknown_words(text)} == set()
    longest = max(captions, key=lambda text: len(split_words(text)))
    assert len(split_words(longest)) + 1 <= length, longest


# The dual encoder


class Flat(nn.Module):
    """An image tower that only flattens."""

    embed_dim = 12

    def forward(self, images):
        return images.flatten(1)


def small_dual_encoder(**options) -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder(Flat(), small_text_tower(), joint_dim=5, **options)


def test_both_towers_give_unit_vectors_in_one_space():
    model = small_dual_encoder()
    images = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[3, END], [4, END], [5, END], [END, 0]])
    image_features, text_features = model(images, tokens)
    for features in (image_features, text_features):
        assert features.shape == (4, 5)
        torch.testing.assert_close(features.norm(dim=1), torch.ones(4))
    expected = images.flatten(1) @ model.image_projection.weight.T
    torch.testing.assert_close(
        image_features, expected / expected.norm(dim=1, keepdim=True), rtol=1e-5, atol=1e-6
    )
    assert torch.equal(text_features, model.encode_text(tokens))


@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0, 3.0])
def test_scale_is_the_inverse_of_the_temperature(temperature):
    model = small_dual_encoder(temperature=temperature)
    assert model.scale().item() == pytest.approx(1 / temperature, rel=1e-6)
    (gradient,) = torch.autograd.grad(model.scale(), model.logit_scale)
    assert gradient.item() == pytest.approx(1 / temperature, rel=1e-6)


def test_scale_stops_at_100():
    model = small_dual_encoder(temperature=0.005)
    assert model.scale().item() == 100.0
    with torch.no_grad():
        model.logit_scale.fill_(math.log(99.0))
    assert model.scale().item() == pytest.approx(99.0, rel=1e-6)


@pytest.mark.parametrize("temperature", [0, -0.07, math.nan, math.inf])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="positive temperature"):
        small_dual_encoder(temperature=temperature)


def test_a_tower_says_how_many_channels_it_gives():
    with pytest.raises(TypeError, match="`embed_dim`, received Linear with None"):
        DualEncoder(nn.Linear(3, 4), small_text_tower())


def test_only_a_model_with_a_bias_has_one():
    assert small_dual_encoder().logit_bias is None
    assert "logit_bias" not in small_dual_encoder().state_dict()
    model = small_dual_encoder(bias=-10)
    assert isinstance(model.logit_bias, nn.Parameter)
    assert model.logit_bias.item() == -10.0


def test_config_makes_the_model_it_describes():
    config = {
        "image_tower": {"kind": "vit", "embed_dim": 12, "depth": 1, "num_heads": 2},
        "text_tower": {"context_length": 9, "embed_dim": 8, "depth": 1, "num_heads": 2},
        "vocabulary": WORDS,
        "dual_encoder": {"joint_dim": 6, "temperature": 0.1, "bias": -10.0},
    }
    model, tokenizer = pocket_dual_encoder(config)
    assert config["image_tower"]["kind"] == "vit"  # the caller's dictionary is left as it was
    assert model.encode_image(torch.zeros(1, 3, 64, 64)).shape == (1, 6)
    assert model.encode_text(tokenizer("a red heart")).shape == (1, 6)
    assert tokenizer.context_length == 9
    assert model.logit_bias.item() == -10.0
    with pytest.raises(ValueError, match="'mlp'"):
        pocket_dual_encoder({**config, "image_tower": {"kind": "mlp"}})


def test_the_vocabulary_of_the_captions_is_accepted():
    assert len(WordTokenizer(caption_vocabulary())) == len(caption_vocabulary()) + 3


def test_padding_columns_change_nothing():
    torch.manual_seed(0)
    tokenizer = WordTokenizer(["a", "red", "heart"], context_length=12)
    tower = TextTransformer(vocabulary_size=len(tokenizer), context_length=12, embed_dim=8)
    tokens = tokenizer(["a red heart", "a heart"])
    short = without_padding(tokens)
    assert short.shape == (2, 4)
    torch.testing.assert_close(tower(short), tower(tokens))
    assert torch.equal(without_padding(tokens[:, 4:]), tokens[:, 4:5])
