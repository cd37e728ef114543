"""AttentionMap in Python: the inputs, the bytes, the numbers, the traits, the static picture and figure."""

from __future__ import annotations

import zlib

import numpy as np
import plotly.graph_objects as go
import pytest
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.messages import tell
from vizkit.widgets import AttentionMap
from vizkit.widgets.attention_map.figure import describe, over_picture
from vizkit.widgets.attention_map.numbers import (
    QuantizedMaps,
    attention_distance,
    attention_rollout,
    effective_number,
)


def softmax_maps(*shape: int, seed: int = 0, spread: float = 2.0) -> np.ndarray:
    logits = np.random.default_rng(seed).standard_normal(shape) * spread
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@pytest.fixture
def maps() -> np.ndarray:
    return softmax_maps(3, 2, 17, 17)


# ------------------------------------------------------------------ the bytes and their bound


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(2, 30), st.integers(0, 2), st.integers(0, 99))
def test_a_weight_is_off_by_at_most_the_stated_bound(heads, tokens, prefix, seed):
    prefix = min(prefix, tokens - 1)
    weights = softmax_maps(heads, tokens, tokens, seed=seed, spread=4)
    block = QuantizedMaps.from_weights(weights, prefix)
    largest = weights[..., prefix:].max(-1, keepdims=True)
    for head in range(heads):
        error = np.abs(block.weights(head) - weights[head])
        assert (error[:, prefix:] <= largest[head] / 510 * (1 + 1e-5)).all()
        assert (error[:, :prefix] <= 1 / 131_070 * (1 + 1e-6)).all()


def test_signed_maps_keep_zero_and_their_bound():
    weights = np.random.default_rng(1).standard_normal((1, 5, 12))
    weights[0, 0, 3] = 0
    block = QuantizedMaps.from_weights(weights, 0, signed=True)
    assert block.weights(0)[0, 3] == 0
    bound = np.abs(weights).max(-1, keepdims=True)[0] / 254 * (1 + 1e-5)
    assert (np.abs(block.weights(0) - weights[0]) <= bound).all()


def test_a_row_of_zeros_stays_zero():
    assert (QuantizedMaps.from_weights(np.zeros((1, 2, 3))).weights(0) == 0).all()


def test_the_stream_holds_scales_prefix_and_values(maps):
    block = QuantizedMaps.from_weights(maps[0], 1)
    raw = zlib.decompress(block.compressed())
    assert raw == block.scales.tobytes() + block.prefix.tobytes() + block.values.tobytes()


# ------------------------------------------------------------------ the numbers


def test_distance_of_hand_made_heads():
    own, next_to = np.eye(4), np.roll(np.eye(4), 1, axis=1)
    row = attention_distance(np.stack([own, next_to]), grid=(1, 4))
    # Three queries look one patch away, the last one three: (1 + 1 + 1 + 3) / 4 patches of 1/4.
    assert row == pytest.approx([0, 0.375])


def test_distance_leaves_prefix_tokens_out():
    attention = np.zeros((1, 5, 5))
    attention[0, :, 0] = 0.9
    attention[0, :, 1] = 0.1
    assert attention_distance(attention, grid=(1, 4), num_prefix_tokens=1) == pytest.approx([0.375])


def test_distance_against_plain_loops(maps):
    rows = columns = 4
    expected = []
    for query in range(16):
        far = [
            np.hypot(key // columns - query // columns, key % columns - query % columns) / columns
            for key in range(16)
        ]
        expected.append(np.average(far, weights=maps[1, 1, 1 + query, 1:]))
    got = attention_distance(maps, grid=(rows, columns), num_prefix_tokens=1)
    assert got.shape == (3, 2)
    assert got[1, 1] == pytest.approx(np.mean(expected), abs=1e-12)


def test_rollout_against_its_formula(maps):
    mixed = [0.5 * layer.mean(0) + 0.5 * np.eye(17) for layer in maps]
    expected = mixed[2] @ mixed[1] @ mixed[0]
    assert attention_rollout(list(maps)) == pytest.approx(expected, abs=1e-12)
    assert attention_rollout(list(maps)).sum(-1) == pytest.approx(np.ones(17))


def test_effective_number():
    weights = np.array([[0.2] * 5, [1, 0, 0, 0, 0], [0] * 5])
    assert effective_number(weights) == pytest.approx([5, 1, 0])


def test_the_widget_has_the_numbers_of_its_bytes(maps):
    widget = AttentionMap(maps, layer=1, head=1, query=3)
    block = widget.models[0].layers[1].blocks[0]
    assert widget.weights() == pytest.approx(maps[1, 1, 3], abs=maps[1, 1, 3].max() / 500)
    dequantised = np.stack([block.weights(head) for head in range(2)])
    widget.mode = "mean over heads"
    assert widget.weights() == pytest.approx(dequantised[:, 3].mean(0))
    widget.mode = "max over heads"
    assert widget.weights() == pytest.approx(dequantised[:, 3].max(0))
    widget.mode = "rollout"
    assert widget.weights() == pytest.approx(attention_rollout(list(maps[:2]))[3], abs=2e-3)
    distances = np.stack(widget.attention_distance())
    true = attention_distance(maps, grid=(4, 4), num_prefix_tokens=1)
    assert distances == pytest.approx(true, abs=2e-3)


# ------------------------------------------------------------------ the inputs


def test_grids_and_prefix_tokens_are_inferred():
    for tokens, grid, prefix in (
        (64, (8, 8), 0),
        (65, (8, 8), 1),
        (197, (14, 14), 1),
        (201, (14, 14), 5),
    ):
        side = AttentionMap(softmax_maps(1, 1, tokens, tokens)).models[0]
        assert (side.layers[0].grid, side.num_prefix_tokens) == (grid, prefix)


def test_layers_may_differ():
    layers = [softmax_maps(2, 16, 16), softmax_maps(4, 4, 4)]
    widget = AttentionMap(layers, grid=[(4, 4), (2, 2)], query=15)
    assert [layer.heads for layer in widget.models[0].layers] == [2, 4]
    assert widget.layer == 1
    assert widget.weights() == pytest.approx(layers[1][0, 3], abs=2e-3)
    with pytest.raises(traitlets.TraitError, match="rollout"):
        widget.mode = "rollout"


def test_two_models_share_pictures():
    two = AttentionMap({"a": softmax_maps(2, 2, 5, 5), "b": softmax_maps(4, 3, 17, 17)})
    assert set(two.blocks) == {"0/0/1", "1/0/3"}
    with pytest.raises(ValueError, match="same pictures"):
        AttentionMap({"a": softmax_maps(2, 2, 2, 5, 5), "b": softmax_maps(2, 2, 5, 5)})


BAD = [
    ({"attention": np.zeros((2, 2, 5, 5))}, "softmax"),
    ({"attention": softmax_maps(2, 2, 5, 5) * 1.01}, "softmax"),
    ({"attention": np.full((1, 1, 4, 4), np.nan)}, "finite"),
    ({"attention": softmax_maps(5, 5)}, "dimensions"),
    ({"attention": softmax_maps(1, 1, 4, 5)}, "square"),
    ({"attention": softmax_maps(1, 1, 7, 7), "num_prefix_tokens": 0}, "no square"),
    ({"attention": softmax_maps(1, 1, 5, 5), "grid": (2, 3)}, "fewer"),
    ({"attention": softmax_maps(1, 1, 5, 5), "grid": (2, 2), "num_prefix_tokens": 0}, "need 4"),
    ({"attention": softmax_maps(1, 1, 5, 5), "grid": 7}, "rows, columns"),
    ({"attention": softmax_maps(1, 1, 5, 5), "layer": 1}, "layer must be between"),
    ({"attention": softmax_maps(1, 1, 5, 5), "head": 2}, "head must be between"),
    ({"attention": softmax_maps(1, 1, 5, 5), "query": 5}, "query must be"),
    ({"attention": softmax_maps(1, 1, 5, 5), "opacity": 2}, "opacity"),
    ({"attention": softmax_maps(1, 1, 5, 5), "names": ["a", "b"]}, "names"),
    ({"attention": softmax_maps(1, 1, 5, 5), "layers": [3]}, "layers must name"),
    (
        {"attention": softmax_maps(2, 1, 1, 5, 5), "image": np.zeros((4, 4, 3))},
        "list of 2 pictures",
    ),
    ({"attention": {"a": 1, "b": 2, "c": 3}}, "one or two models"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_named(arguments, message):
    with pytest.raises((ValueError, TypeError, traitlets.TraitError), match=message):
        AttentionMap(**arguments)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
    st.sampled_from(["zeros", "uniform", "normal", "text"]),
)
def test_odd_input_gives_a_clear_error_or_a_widget(shape, kind):
    value = {
        "zeros": lambda: np.zeros(shape),
        "uniform": lambda: np.full(shape, 1 / max(1, shape[-1])),
        "normal": lambda: np.random.default_rng(0).standard_normal(shape),
        "text": lambda: np.full(shape, "a"),
    }[kind]()
    try:
        widget = AttentionMap(value)
    except (ValueError, TypeError) as error:
        assert len(str(error)) > 20  # noqa: PT017
    else:
        assert kind in ("uniform", "normal")
        assert widget.headline().startswith("AttentionMap: ")


def test_from_maps_takes_signed_maps_finer_than_their_queries():
    maps = np.random.default_rng(0).standard_normal((2, 4, 6, 9))
    widget = AttentionMap.from_maps(maps, grid=(2, 2), names=["a", "b"], query=1)
    assert widget.about["sides"][0]["signed"]
    assert widget.weights() == pytest.approx(maps[0, 1].ravel(), abs=np.abs(maps[0, 1]).max() / 250)
    assert "distance" not in widget.panels
    with pytest.raises(ValueError, match="attention distance needs"):
        widget.attention_distance()
    with pytest.raises(ValueError, match="places of grid"):
        AttentionMap.from_maps(maps, grid=(3, 2))
    with pytest.raises(ValueError, match="kind"):
        AttentionMap.from_maps(maps, grid=(2, 2), kind="other")


def test_a_pooling_query_is_checked_described_and_sent(maps):
    tokens = maps.shape[-1]
    pooling = softmax_maps(3, tokens)
    widget = AttentionMap(maps, pooling=pooling)
    grid = widget.about["sides"][0]["layers"][-1]["grid"]
    assert widget.about["sides"][0]["pooling"] == {
        "name": "pooling",
        "heads": 3,
        "grid": (1, 1),
        "keys": grid,
    }
    sent = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    tell(widget, {"request": "0/0/pooling"})
    prefix = widget.models[0].num_prefix_tokens
    expected = QuantizedMaps.from_weights(pooling[:, None], prefix)
    assert sent == [({"response": "0/0/pooling"}, [expected.compressed()])]
    assert zlib.decompress(widget.page_responses()["0/0/pooling"]) == zlib.decompress(sent[0][1][0])
    assert AttentionMap(maps).about["sides"][0]["pooling"] is None
    tell(AttentionMap(maps), {"request": "0/0/pooling"})
    for wrong, message in (
        (pooling[:, :-1], "pooling must hold"),
        (2 * pooling, "pooling holds no attention"),
        ({"other": pooling}, "not shown"),
    ):
        with pytest.raises(ValueError, match=message):
            AttentionMap(maps, pooling=wrong)


def test_from_model_offers_the_query_of_attention_pooling():
    import torch

    from vizkit.models import VisionTransformer, capture_attention

    torch.manual_seed(0)
    sizes = {"image_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
    model = VisionTransformer(**sizes, pooling="map")
    image = torch.rand(1, 3, 32, 32)
    widget = AttentionMap.from_model(model, image)
    block = widget.models[0].pooling.blocks[0]
    expected = capture_attention(model, image).pooling_maps["pooling"][0, 1, 0]
    assert block.weights(1, 0) == pytest.approx(expected.numpy(), abs=1 / 510)
    plain = AttentionMap.from_model(VisionTransformer(**sizes, pooling="mean"), image)
    assert plain.about["sides"][0]["pooling"] is None


def test_heads_of_maps_have_names_if_one_is_given_for_each():
    maps = np.ones((3, 2, 4, 2, 2))
    widget = AttentionMap.from_maps(maps, head_names=["CNN", "ViT"], head=1)
    assert widget.about["heads"] == ["CNN", "ViT"]
    assert AttentionMap.from_maps(maps).about["heads"] == []
    with pytest.raises(ValueError, match="head_names must hold 2 strings"):
        AttentionMap.from_maps(maps, head_names=["CNN"])


# ------------------------------------------------------------------ traits


def test_traits_refuse_what_is_out_of_range_and_keep_together(maps):
    widget = AttentionMap(maps)
    assert (widget.layer, widget.query) == (2, 0)
    widget.layer = -3
    assert widget.layer == 0
    for name, value in {
        "layer": 3,
        "head": 2,
        "query": 17,
        "image_index": 1,
        "opacity": -1,
    }.items():
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(widget, name, value)
    query = widget.query
    with pytest.warns(UserWarning, match="hovered=16 is ignored: there are 16 items"):
        widget.hovered = 16  # a linked widget may have more items
    with pytest.warns(UserWarning, match="selected=99 is ignored"):
        widget.selected = [2, 99]
    # Kept, so that the link does not take it from the other; shown it is not.
    assert (widget.hovered, widget.selected, widget.query) == (16, [99], query)
    widget.selected = [2, 5]
    assert (widget.selected, widget.query) == ([5], 6)
    widget.query = 3
    assert widget.selected == [2]
    widget.query = 0
    assert widget.selected == []


# ------------------------------------------------------------------ what travels


def test_the_first_display_is_small_and_the_rest_comes_when_asked():
    maps = softmax_maps(12, 12, 197, 197, spread=1).astype(np.float32)
    photo = np.random.default_rng(0).integers(0, 255, (224, 224, 3)).astype(np.uint8)
    widget = AttentionMap(maps, photo)
    state = widget.get_state()
    assert set(state["blocks"]) == {"0/0/11"}
    first = len(state["blocks"]["0/0/11"]) + len(state["_esm"])
    assert first < 520_000
    onto_the_page = widget.page_responses() | widget.page_state()["blocks"]
    assert set(onto_the_page) == {f"0/0/{layer}" for layer in range(12)}
    assert sum(map(len, onto_the_page.values())) < 5_700_000
    sent = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    tell(widget, {"request": "0/0/3"})
    assert sent[0][0] == {"response": "0/0/3"}
    expected = QuantizedMaps.from_weights(maps[3], 1)
    assert zlib.decompress(sent[0][1][0])[: expected.scales.nbytes] == expected.scales.tobytes()


@pytest.mark.parametrize("ask", ["9/0/0", "0/5/0", "0/0/99", "0/-1/0", "x", "", 3, None, {"a": 1}])
def test_a_question_that_makes_no_sense_is_left_unanswered(maps, ask):
    widget = AttentionMap(maps)
    widget.send = lambda *_, **__: pytest.fail("answered")
    tell(widget, {"request": ask})
    tell(widget, ask)


def test_too_much_for_a_page_or_a_browser_is_refused_with_advice(maps, monkeypatch):
    monkeypatch.setattr("vizkit.widgets.attention_map.widget.PAGE_BYTES", 1000)
    with pytest.raises(ValueError, match="fewer layers"):
        AttentionMap(maps).page_responses()
    monkeypatch.setattr("vizkit.widgets.attention_map.inputs.MAX_BLOCK_BYTES", 500)
    with pytest.raises(ValueError, match="fewer heads"):
        AttentionMap(maps)


def test_chosen_layers_keep_their_names_and_lose_rollout(maps):
    widget = AttentionMap(maps, layers=[0, 2])
    assert [layer.name for layer in widget.models[0].layers] == ["1", "3"]
    with pytest.raises(traitlets.TraitError, match="rollout"):
        widget.mode = "rollout"
    assert AttentionMap(maps, layers=[0, 1]).about["sides"][0]["rollout"]


# ------------------------------------------------------------------ static picture and figure


def test_headline_picture_and_figure(maps):
    photo = np.full((40, 60, 3), 200, np.uint8)
    widget = AttentionMap(maps, photo, title="A")
    line = widget.headline()
    assert line.startswith(
        "AttentionMap: 3 layers x 2 heads, 4 x 4 patches + 1 prefix token; mean "
    )
    mean = attention_distance(maps, grid=(4, 4), num_prefix_tokens=1).mean()
    assert f"⟨{mean:.2f}⟩ of the width" in line
    drawn = np.asarray(widget.picture())
    widget.query = 7
    assert (np.asarray(widget.picture()) != drawn).any()
    widget.opacity = 0
    figure = widget.to_plotly()
    assert isinstance(figure, go.Figure)
    assert np.asarray(figure.data[0].z) == pytest.approx(widget.weights()[1:].reshape(4, 4))
    data, _ = widget._repr_mimebundle_()
    assert data["text/plain"] == line
    assert data["image/png"]


def test_from_model_shows_what_the_model_saw():
    torch = pytest.importorskip("torch")
    from vizkit.models import VisionTransformer, capture_attention

    torch.manual_seed(0)
    model = VisionTransformer(
        image_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3
    ).eval()
    photo = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    widget = AttentionMap.from_model(model, photo, mean=(0.5,) * 3, std=(0.5,) * 3, query=2)
    assert (widget.pictures[0] == photo).all()
    inputs = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255 * 2 - 1
    expected = capture_attention(model, inputs).maps[1][0, 0, 2].numpy()
    assert widget.weights() == pytest.approx(expected, abs=float(expected.max()) / 500)
    with pytest.raises(TypeError, match="torch model"):
        AttentionMap.from_model("vit", photo)
    with pytest.raises(ValueError, match="belong together"):
        AttentionMap.from_model(model, photo, mean=(0.5,) * 3)
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        AttentionMap.from_model(model, torch.zeros(1, 1, 32, 32))


def test_the_static_picture_calls_heads_by_their_names():
    maps = np.random.default_rng(0).random((1, 2, 16, 8, 8))
    widget = AttentionMap.from_maps(maps, grid=(4, 4), head=1, head_names=["CNN", "ViT"])
    assert describe(widget).startswith("ViT, ")
    assert describe(AttentionMap.from_maps(maps, grid=(4, 4), head=1)).startswith("head 2, ")


# ------------------------------------------------------------------ from_model: wrappers and inputs


def small_vit(**options):
    import timm
    import torch

    torch.manual_seed(0)
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 4, "num_heads": 3}
    return timm.create_model("vit_tiny_patch16_224", **{**sizes, **options}).eval()


PHOTO = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def test_a_layer_with_a_name_of_its_own_is_called_by_it_and_one_query_needs_no_place():
    maps = np.full((2, 3, 1, 4, 4), 0.5, dtype=np.float32)
    words = AttentionMap.from_maps(maps, grid=(1, 1), names=["after 'a'", "after 'red'"], layer=1)
    assert describe(words) == "after 'red', head 1"
    assert describe(AttentionMap.from_maps(maps, grid=(1, 1))) == "layer 1 of 2, head 1"


def test_a_wrapper_keeps_the_normalisation_of_the_model():
    """Case 04: a wrapped model got pictures that were never normalised."""
    import torch
    from torch import nn

    class Wrapped(nn.Module):
        def __init__(self, backbone):
            super().__init__()
            self.backbone = backbone

        def forward(self, batch):
            return self.backbone(batch)

    model = small_vit()
    bare = AttentionMap.from_model(model, PHOTO)
    for wrapped in (Wrapped(model), nn.DataParallel(model), Wrapped(torch.compile(model))):
        other = AttentionMap.from_model(wrapped, PHOTO)
        np.testing.assert_array_equal(other.weights(), bare.weights())
        np.testing.assert_array_equal(other.pictures[0], PHOTO)
        resized = AttentionMap.from_model(wrapped, Image.fromarray(PHOTO).resize((50, 40)))
        assert resized.pictures[0].shape == (32, 32, 3)


def test_without_a_normalisation_the_caller_is_asked():
    from torch import nn

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = small_vit(), small_vit()

        def forward(self, batch):
            return self.one(batch)

    model = Own()
    model.other.pretrained_cfg = {**model.other.pretrained_cfg, "mean": (0.1, 0.2, 0.3)}
    with pytest.raises(ValueError, match=r"normalisation of Own cannot be found.*mean= and std="):
        AttentionMap.from_model(model, PHOTO)
    assert AttentionMap.from_model(model, PHOTO, mean=0.5, std=0.5).weights().sum()


def test_a_model_for_gray_pictures_gets_one_channel():
    """Case 14: the input of a ViT with one channel could not be given."""
    import torch

    model = small_vit(in_chans=1)
    gray = AttentionMap.from_model(model, Image.fromarray(PHOTO).convert("L"))
    assert np.abs(np.diff(gray.pictures[0].astype(int), axis=2)).max() == 0
    assert AttentionMap.from_model(model, torch.rand(1, 1, 32, 32)).weights().sum()
    with pytest.raises(ValueError, match=r"input \(1, H, W\)"):
        AttentionMap.from_model(model, torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="5 channels"):
        AttentionMap.from_model(small_vit(in_chans=5), PHOTO)


def test_the_weights_that_meet_the_picture_decide_its_precision():
    """Case 07: open_clip leaves some parameters in float32, and the first of them decided."""
    import torch

    model = small_vit().to(torch.bfloat16)
    model.cls_token.data = model.cls_token.data.float()
    model.patch_embed.register_forward_hook(lambda module, args, output: output.float())
    model.blocks.float(), model.norm.float(), model.head.float()
    model.pos_embed.data = model.pos_embed.data.float()
    assert AttentionMap.from_model(model, PHOTO).weights().sum() == pytest.approx(1, abs=0.02)


def test_chosen_layers_are_all_that_is_captured(monkeypatch):
    """Case 12: all layers were captured, and then all but one dropped."""
    from vizkit.models import capture

    every, ran, listening = AttentionMap.from_model(small_vit(), PHOTO), [], capture.listening

    def listen(module, name, caught):
        ran.append(name)
        return listening(module, name, caught)

    monkeypatch.setattr(capture, "listening", listen)
    some = AttentionMap.from_model(small_vit(), PHOTO, layers=[3, 1])
    assert ran == ["blocks.1.attn", "blocks.3.attn"]
    assert [layer.name for layer in some.models[0].layers] == ["4", "2"]
    assert not some.about["sides"][0]["rollout"]
    some.layer = 1
    every.layer = 1
    np.testing.assert_array_equal(some.weights(), every.weights())
    assert AttentionMap.from_model(small_vit(), PHOTO, layers=[0, 1]).about["sides"][0]["rollout"]
    assert AttentionMap.from_model(small_vit(), PHOTO, layers=[-1]).models[0].layers[0].name == "4"
    with pytest.raises(ValueError, match="layers must name at least one of the layers 0 to 3"):
        AttentionMap.from_model(small_vit(), PHOTO, layers=[4])


def test_maps_without_layers_and_heads_are_not_told_of_any():
    """As in the browser, where one map has no slider for layers or heads."""
    cosines = np.random.default_rng(0).normal(size=(6, 2, 3))
    one = AttentionMap.from_maps(cosines[None, None], kind="similarity", grid=(2, 3), query=4)
    assert describe(one) == "query row 1, column 1"
    several = np.stack([cosines, 2 * cosines])[:, None]
    two = AttentionMap.from_maps(several, kind="similarity", grid=(2, 3), query=0, layer=1)
    assert describe(two) == "map 2 of 2, query row 0, column 0"


def test_a_token_is_described_as_what_it_is():
    import timm

    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 3}
    registers = timm.create_model("vit_medium_patch16_reg4_gap_256", **sizes).eval()
    assert describe(AttentionMap.from_model(registers, PHOTO)).endswith("query register 1")
    distilled = timm.create_model("deit_tiny_distilled_patch16_224", **sizes).eval()
    assert describe(AttentionMap.from_model(distilled, PHOTO, query=1)).endswith("distillation")
    alone = AttentionMap(softmax_maps(1, 1, 18, 18), num_prefix_tokens=2, query=1)
    assert describe(alone).endswith("query prefix 1")


def test_the_picture_shows_every_model_below_the_other():
    one, other = softmax_maps(2, 3, 17, 17), softmax_maps(2, 3, 17, 17, seed=1)
    alone, both = AttentionMap(one), AttentionMap({"a": one, "b": other})
    twice = AttentionMap({"a": one, "b": one})
    assert both.picture().height > 1.8 * alone.picture().height
    half = both.picture().height // 2
    assert (np.asarray(both.picture())[half:] != np.asarray(twice.picture())[half:]).any()


# ------------------------------------------------------------------ attention received


def received_maps(prefix=1, grid=(2, 3), heads=2, layers=3):
    random = np.random.default_rng(0)
    tokens = prefix + grid[0] * grid[1]
    maps = random.random((layers, heads, tokens, tokens)) ** 4
    return maps / maps.sum(-1, keepdims=True)


@pytest.mark.parametrize("query", [0, 4])
def test_attention_received_is_a_column_over_all_queries(query):
    maps = received_maps()
    widget = AttentionMap(maps, grid=(2, 3), query=query, layer=1, head=1, direction="received")
    expected = maps[1, :, :, query] / 7
    step = maps.max() / 400 / 7
    np.testing.assert_allclose(widget.weights(), expected[1], atol=step)
    widget.mode = "mean over heads"
    np.testing.assert_allclose(widget.weights(), expected.mean(0), atol=step)
    widget.mode = "max over heads"
    np.testing.assert_allclose(widget.weights(), expected.max(0), atol=step)
    widget.mode = "rollout"
    np.testing.assert_allclose(widget.weights(), widget.rollout(1)[:, query] / 7)
    widget.mode = "one head"
    total = widget.weights().sum()
    np.testing.assert_allclose(total, widget.attention_received()[1][1, query])
    widget.direction = "given"
    np.testing.assert_allclose(widget.weights(), maps[1, 1, query], atol=maps.max() / 400)


def test_without_a_query_it_is_what_each_patch_receives():
    maps = received_maps()
    widget = AttentionMap(maps, grid=(2, 3), query=-1, layer=0, head=0, direction="received")
    np.testing.assert_allclose(widget.weights(), maps[0, 0].mean(0), atol=1e-3)
    widget.mode = "mean over heads"
    np.testing.assert_allclose(widget.weights(), maps[0].mean((0, 1)), atol=1e-3)
    widget.mode = "max over heads"
    np.testing.assert_allclose(widget.weights(), maps[0].max(0).mean(0), atol=1e-3)
    for layer, found in enumerate(widget.attention_received()):
        np.testing.assert_allclose(found, maps[layer].mean(1), atol=1e-3)
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-2)
    widget.direction = "given"
    assert not widget.weights().any()


def test_what_is_received_is_drawn_where_it_comes_from():
    """One patch looks at the class token, and one at patch 5: each view has its ink there alone."""
    maps = np.zeros((1, 1, 7, 7))
    maps[0, 0] = np.eye(7)
    maps[0, 0, 3] = [1, 0, 0, 0, 0, 0, 0]
    maps[0, 0, 2] = [0, 0, 0, 0, 0, 1, 0]
    widget = AttentionMap(maps, grid=(2, 3), query=0, direction="received")
    z = np.array(widget.to_plotly().data[0].z)
    assert z.argmax() == 2
    assert (z > 0).sum() == 1
    assert "attention received by CLS" in widget.to_plotly().layout.title.text
    widget.query = 5
    z = np.array(widget.to_plotly().data[0].z)
    assert np.flatnonzero(z).tolist() == [1, 4]
    drawn = np.asarray(widget.picture())
    widget.direction = "given"
    assert "query row 1, column 1" in widget.to_plotly().layout.title.text
    assert (np.asarray(widget.picture()) != drawn).any()
    widget.query, widget.direction = -1, "received"
    assert "received by each patch, from all queries" in widget.to_plotly().layout.title.text
    assert np.array(widget.to_plotly().data[0].z).argmax() == 4  # two look at it


def test_two_models_and_other_grids_follow():
    first, second = received_maps(1, (2, 3)), received_maps(0, (4, 6))
    widget = AttentionMap({"a": first, "b": second}, grid={"a": (2, 3), "b": (4, 6)}, layer=2)
    widget.query, widget.direction = 1 + 4, "received"  # row 1, column 1
    np.testing.assert_allclose(
        widget.weights(1), second[2, 0, :, 3 * 6 + 3] / 24, atol=second.max() / 400 / 24
    )
    widget.query = 0  # the class token, which the second model does not have
    assert not widget.weights(1).any()
    assert widget.weights(0).any()


def test_only_attention_is_received():
    with pytest.raises(traitlets.TraitError, match="only attention is received"):
        AttentionMap.from_maps(np.ones((4, 2, 2)), direction="received")
    with pytest.raises(ValueError, match="attention received needs attention maps"):
        AttentionMap.from_maps(np.ones((4, 2, 2))).attention_received()


# ------------------------------------------------------------------ where the ink lies

TARGETS = [
    3,
    0,
    4,
    10,
    14,
    6,
]  # the corners of a grid of 3 x 5, and what is no mirror image of itself


def one_hot_maps() -> np.ndarray:
    """Query q looks at patch TARGETS[q] alone; the second head at the patch before it."""
    maps = np.zeros((2, 2, 15, 15))
    for query, target in enumerate(TARGETS):
        maps[:, 0, query, target] = maps[:, 1, query, target - 1] = 1
    maps[:, :, len(TARGETS) :, 7] = 1
    return maps


def ink(image, box=None) -> list[int]:
    """Patches of a grid of 3 x 5 that are bright at their middles."""
    pixels = np.asarray(image.crop(box) if box else image, float).sum(-1)
    y = ((np.arange(3) + 0.5) / 3 * pixels.shape[0]).astype(int)
    x = ((np.arange(5) + 0.5) / 5 * pixels.shape[1]).astype(int)
    return np.flatnonzero(pixels[np.ix_(y, x)] > 450).tolist()


@pytest.mark.parametrize("query", range(len(TARGETS)))
def test_static_pictures_have_their_ink_where_the_query_looks(query):
    widget = AttentionMap(one_hot_maps(), grid=(3, 5), num_prefix_tokens=0, layer=0, query=query)
    target = TARGETS[query]
    assert ink(over_picture(widget)) == [target]
    figure = widget.to_plotly()
    assert np.flatnonzero(np.asarray(figure.data[0].z)).tolist() == [target]
    # The first row on top, the first column on the left.
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert figure.layout.xaxis.range[0] < figure.layout.xaxis.range[1]
    widget.head = 1
    assert ink(over_picture(widget)) == [(target - 1) % 15]


def test_the_map_lies_over_the_picture_and_hides_most_where_most_is_looked_at():
    white = np.full((30, 50, 3), 255, np.uint8)
    widget = AttentionMap(
        one_hot_maps(), white, grid=(3, 5), num_prefix_tokens=0, layer=0, query=0, opacity=1.0
    )
    pixels = np.asarray(over_picture(widget), int)
    at = [pixels[round(464 / 6), round(pixels.shape[1] * (c + 0.5) / 5)] for c in (3, 0)]
    assert at[0].tolist() == pytest.approx([252, 253, 191], abs=2)  # magma's end, opaque
    assert at[1].min() > 90  # the picture shows through
    widget.opacity = 0.0
    assert (np.asarray(over_picture(widget)) == 255).all()


def test_the_whole_static_picture_has_title_legend_and_every_panel():
    shown = AttentionMap(softmax_maps(3, 2, 17, 17), title="A title", panels=[])
    bare = shown.picture()
    assert bare.height > 2 * 232
    heights, widths = [], [bare.width]
    for panels in (["heads"], ["heads", "distance"], ["heads", "distance", "matrix"]):
        shown.panels = panels
        widths.append(shown.picture().width)
        heights.append(shown.picture().height)
    assert widths == sorted(set(widths))
    # The legend runs from black to the brightest colour, below the map.
    legend = np.asarray(bare, int)[-22 - 60 : -22 - 30].sum(-1)
    strip = legend[np.argmin(legend[:, 30]), 22 : 22 + 464]
    assert strip[0] < 60
    assert strip[-1] > 600
    assert (np.diff(strip) >= -3).all()
    shown.title = ""
    assert shown.picture().height < heights[-1]


def test_the_head_on_view_is_framed_in_the_static_picture():
    widget = AttentionMap(one_hot_maps(), grid=(3, 5), num_prefix_tokens=0, layer=1, query=0)
    frames = []
    for layer in (0, 1):
        for head in (0, 1):
            widget.layer, widget.head = layer, head
            pixels = np.asarray(widget.picture()).astype(int)
            y, x = np.nonzero((np.abs(pixels - [255, 157, 60]).sum(-1) < 5)[:, :-480])
            frames.append((y.mean(), x.mean()))
    frames = np.array(frames).reshape(2, 2, 2)
    assert (frames[1, :, 0] > frames[0, :, 0]).all()
    assert (frames[:, 1, 1] > frames[:, 0, 1]).all()
