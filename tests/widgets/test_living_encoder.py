"""LivingEncoder in Python: what it takes and refuses, what it sends, its static pictures, its page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import timm
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.unit.constructors import ODD, why_unclear
from vizkit.data import sample_scenes
from vizkit.data.render import compose, render
from vizkit.data.styles import COLORS, STYLES
from vizkit.models import ConvNet, VisionTransformer
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.swin import SwinTransformer
from vizkit.models.text import TextTransformer, WordTokenizer
from vizkit.widgets import LivingEncoder, SimilarityMatrix, codec
from vizkit.widgets.living_encoder.answer import Answer
from vizkit.zoo import load

CAPTIONS = ["a red heart", "a <b>green</b> circle"]
THING = {"shape": "star", "color": "blue", "style": "neon", "x": 0.5, "y": 0.25, "radius": 0.2}
HALF = {"mean": 0.5, "std": 0.5}


@pytest.fixture(scope="module")
def clip():
    return load("pocket-clip")


def small(**options) -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(
        **{"image_size": 32, "embed_dim": 32, "num_heads": 2, "depth": 1} | options
    )


def test_the_weights_travel_as_they_are_stored(clip):
    weights = LivingEncoder(clip).encoder["weights"]
    numbers = codec.unpack(weights["numbers"]).view(np.float16)
    assert numbers.nbytes <= 2_000_000
    for name in ("image_tower.norm.weight", "text_projection.weight"):
        place = weights["tensors"][name]
        wanted = clip.model.state_dict()[name].numpy()
        found = numbers[place["start"] : place["start"] + wanted.size].reshape(place["shape"])
        np.testing.assert_array_equal(found, wanted)


def test_the_headline_is_what_the_encoder_says(clip):
    widget = LivingEncoder(clip, CAPTIONS)
    picture = Image.fromarray(widget.drawn())
    with pytest.warns(UserWarning, match="never saw: b"):
        cosines = clip.encode_image(picture) @ clip.encode_text(CAPTIONS).T
    shares = (clip.logit_scale * cosines).softmax(-1)[0].numpy()
    np.testing.assert_allclose(widget.answer().shares, shares, atol=1e-4)
    assert widget.headline() == (
        "LivingEncoder: pocket-clip runs in the browser (948,089 weights, 3 layers of 4 heads); "
        f"{CAPTIONS[shares.argmax()]!r} {shares.max():.0%}"
    )


def test_attention_of_the_static_face_is_the_class_tokens(clip):
    widget = LivingEncoder(clip)
    maps = clip.capture_attention(Image.fromarray(widget.drawn())).maps
    wanted = np.asarray(maps[-1])[0].mean(0)[0, 1:].reshape(8, 8)
    np.testing.assert_allclose(widget.answer().attention, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["pocket-vit", "pocket-cnn", "pocket-clip-cnn", "pocket-siglip"])
def test_every_kind_of_pocket_encoder_has_its_faces(name):
    widget = LivingEncoder(load(name))
    assert name in widget.headline()
    assert widget.picture().width > 900
    assert widget.to_plotly().data
    bundle, _ = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).width > 900


def test_answering_leaves_a_learning_model_as_it_was():
    model = small(stem="residual").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    LivingEncoder(model, **HALF).headline()
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_captions_in_plotly_are_text(clip):
    figure = LivingEncoder(clip, CAPTIONS).to_plotly()
    names = [name for trace in figure.data if trace.type == "bar" for name in trace.y]
    assert "a &lt;b&gt;green&lt;/b&gt; circle" in names


# ---------------------------------------------------------------------------------------- scenes


def test_a_table_of_one_scene_is_drawn_as_render_draws_it(clip):
    steady = [
        style for style in STYLES if style != "sketch"
    ]  # its strokes lie where its paper does
    for seed in range(8):
        table = sample_scenes(1, seed, grain=False, styles=steady)
        drawn = LivingEncoder(clip, scene=table).drawn()
        assert np.abs(drawn.astype(int) - render(table)[0]).max() <= 10, seed  # the grain


def test_layers_lie_over_each_other():
    table = sample_scenes(2, 1, backgrounds="white", grain=False, styles="flat", objects="one")
    both, (below, above) = compose(table), render(table)
    column, row = (table.center[1, 0] * 64).astype(int)
    on_top = (above == above[row, column]).all(-1)  # the inside of the upper one
    np.testing.assert_array_equal(both[on_top], above[on_top])
    empty = (above == above[:, :1]).all(-1)
    np.testing.assert_array_equal(both[empty], below[empty])
    assert (both[empty] != above[empty]).any()
    with pytest.raises(ValueError, match="one background"):
        compose(sample_scenes(20, 0))


def test_a_scene_by_names_has_indices_inside(clip):
    widget = LivingEncoder(clip, scene={"background": "mint", "objects": [THING]})
    (thing,) = widget.scene["objects"]
    assert thing["style"] == STYLES.index("neon")
    assert thing["color"] == list(COLORS).index("blue")
    assert thing["rotation"] == 0
    widget.scene = {"background": 1, "objects": []}
    assert widget.drawn().mean() < 60


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ({"background": "lilac"}, "white, black, gray"),
        ({"sky": 1}, "no 'sky'"),
        ({"objects": [THING | {"shape": "cube"}]}, "circle, square"),
        ({"objects": [THING | {"x": 9.0}]}, "from -0.5 to 1.5"),
        ({"objects": [{"shape": 1}]}, "needs color"),
        ({"objects": [THING | {"size": 2}]}, "no 'size'"),
        ({"objects": "star"}, "a list"),
        (sample_scenes(2, 0), "one scene"),
    ],
)
def test_a_scene_that_is_none_is_refused(clip, scene, says):
    with pytest.raises(ValueError, match=says):
        LivingEncoder(clip, scene=scene)
    if isinstance(scene, dict):
        with pytest.raises(traitlets.TraitError, match=says):
            LivingEncoder(clip).scene = scene


# --------------------------------------------------------------------------------- what is refused


class NotOfVizkit(torch.nn.Module):
    pass


NotOfVizkit.__name__ = "VisionTransformer"


@pytest.mark.parametrize(
    ("encoder", "says"),
    [
        (lambda: timm.create_model("test_vit"), "no file for this architecture.*AttentionMap"),
        (lambda: NotOfVizkit(), "no file for this architecture"),
        (lambda: SwinTransformer(), "SwinTransformer"),
        (lambda: ConvNet(), "ConvNet"),
        (lambda: "pocket-clip", "received builtins.str"),
    ],
)
def test_other_encoders_are_refused_with_the_reason(encoder, says):
    with pytest.raises(TypeError, match=says):
        LivingEncoder(encoder(), **HALF)


class OwnPart(torch.nn.Identity):
    """A part that a learner wrote."""


@pytest.mark.parametrize(
    ("where", "part"),
    [
        ("blocks.1", torch.nn.Identity()),
        ("blocks.1.norm_2", torch.nn.RMSNorm(32)),
        ("blocks.1.mlp", torch.nn.Linear(32, 32)),
        ("blocks.0.attention", OwnPart()),
        ("norm", torch.nn.RMSNorm(32)),
        ("patch_embed", OwnPart()),
        ("pooling", OwnPart()),
    ],
)
def test_a_vit_with_a_part_that_the_browser_does_not_know_is_refused(where, part):
    """Else the page would show what another encoder sees."""
    model = small(depth=2)
    model.set_submodule(where, part)
    shown = where.replace("blocks.0", r"blocks\[0\]").replace("blocks.1", r"blocks\[1\]")
    with pytest.raises(
        TypeError, match=rf"expected {shown} to be .*{type(part).__name__}.*AttentionMap"
    ):
        LivingEncoder(model, **HALF)


def test_more_than_five_million_weights_are_refused():
    with pytest.raises(ValueError, match=r"at most 5,000,000 weights.*has 7,"):
        LivingEncoder(small(embed_dim=384, num_heads=6, depth=4), **HALF)


@pytest.mark.parametrize(("value", "says"), [(1e5, "65504.*100000"), (float("nan"), "finite.*nan")])
def test_weights_that_half_precision_cannot_hold_are_refused(value, says):
    model = small()
    with torch.no_grad():
        model.norm.weight[3] = value
    with pytest.raises(ValueError, match=says):
        LivingEncoder(model, **HALF)


def test_what_does_not_fit_is_refused(clip):
    model = small()
    tokenizer = WordTokenizer(["a"], context_length=4)
    text = TextTransformer(vocabulary_size=4, context_length=4, embed_dim=8, depth=1, num_heads=2)
    dual = DualEncoder(small(), text)
    for make, kind, says in [
        (lambda: LivingEncoder(model), ValueError, "normalisation"),
        (lambda: LivingEncoder(model, mean=0.5), ValueError, "belong together"),
        (lambda: LivingEncoder(model, mean=0.5, std=0), ValueError, "positive"),
        (lambda: LivingEncoder(model, "a", **HALF), TypeError, "no text tower"),
        (lambda: LivingEncoder(model, labels=["a"], **HALF), ValueError, "heads"),
        (lambda: LivingEncoder(small(num_classes=3), labels=["a"], **HALF), ValueError, "3"),
        (lambda: LivingEncoder(clip, labels=["a"]), TypeError, "brings its own words"),
        (lambda: LivingEncoder(dual, **HALF), TypeError, "tokenizer"),
        (lambda: LivingEncoder(model, tokenizer=tokenizer, **HALF), TypeError, "DualEncoder"),
        (lambda: LivingEncoder(clip, ["a"] * 51), ValueError, "at most 50"),
        (lambda: LivingEncoder(clip, caption="a"), TypeError, "'captions'"),
        (lambda: LivingEncoder(small(image_size=(32, 16)), **HALF), ValueError, "square"),
        (lambda: LivingEncoder(small(in_channels=1), **HALF), ValueError, "3 channels"),
    ]:
        with pytest.raises(kind, match=says):
            make()
    with pytest.raises(traitlets.TraitError, match="at most 50"):
        LivingEncoder(clip).captions = ["a"] * 51
    assert LivingEncoder(dual, "a", tokenizer=tokenizer, **HALF).answer().names == ["a"]


MODEL = small(num_classes=2)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_odd_input_gives_a_clear_error_or_a_widget(data):
    options = {"labels": ["a", "b"], "title": "", "scene": None, **HALF}
    name = data.draw(st.sampled_from([*options, "captions", "encoder", "tokenizer"]))
    odd = options[name] = data.draw(st.sampled_from(ODD))
    encoder = options.pop("encoder", MODEL)
    try:
        widget = LivingEncoder(encoder, options.pop("captions", None), **options)
    except traitlets.TraitError:
        return  # of the title
    except (TypeError, ValueError) as error:
        assert why_unclear(error, odd) == ""  # noqa: PT017 - a widget is right as well
    else:
        assert "LivingEncoder" in widget.headline()


# ------------------------------------------------------------------------------------------ pages


def test_only_a_page_with_an_encoder_allows_webassembly(clip, tmp_path):
    with_it = LivingEncoder(clip, title="<i>x</i>").save_html(tmp_path / "a.html").read_text()
    without = SimilarityMatrix(similarity=np.eye(2)).save_html(tmp_path / "b.html").read_text()
    assert "'wasm-unsafe-eval'" in with_it
    assert "'wasm-unsafe-eval'" not in without
    assert "unsafe-eval'" not in with_it.replace("'wasm-unsafe-eval'", "")
    assert "<i>x" not in with_it


# ----------------------------------------------------------------------------- where the ink lies


@pytest.fixture
def foreseen(clip, monkeypatch) -> LivingEncoder:
    """A widget on a grey picture whose last block looks at one patch, and whose captions' shares are known."""
    attention = np.full((8, 8), 0.0)
    attention[2, 5] = 1
    found = Answer(["the least", "the most", "between"], np.array([0.1, 0.65, 0.25]), attention)
    monkeypatch.setattr(LivingEncoder, "answer", lambda widget: found)
    grey = lambda widget, size=64: np.full((size or 64, size or 64, 3), 128, np.uint8)  # noqa: E731
    monkeypatch.setattr(LivingEncoder, "drawn", grey)
    return LivingEncoder(clip)


def test_the_picture_is_brightest_where_the_last_block_looks(foreseen):
    drawn = np.asarray(foreseen.picture(), float)
    side, start = 416, 416 + 28  # of the map, right of the picture
    cells = drawn[40 : 40 + side, start : start + side].reshape(8, 52, 8, 52, 3).mean((1, 3))
    # Strong over the grey picture where it looks, faint elsewhere: the picture shows through.
    assert cells[2, 5] == pytest.approx(128 + (np.array([252, 253, 191]) - 128) * 230 / 255, abs=3)
    cells[2, 5] = cells[0, 0]
    faint = 128 + (np.array([0, 0, 4]) - 128) * 90 / 255
    assert np.abs(cells - faint).max() < 3


def test_names_shares_and_bars_stand_in_one_row(foreseen, monkeypatch):
    places: dict[str, tuple[float, float]] = {}
    write = ImageDraw.ImageDraw.text

    def text(pen, xy, words, *rest, **options):
        places[words] = xy
        return write(pen, xy, words, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    drawn = np.asarray(foreseen.picture(), int)
    blue = (np.abs(drawn - [0x00, 0x72, 0xB2]).max(-1) < 8).sum(1)  # pixels of a bar, by row
    wanted = [("the most", 0.65), ("between", 0.25), ("the least", 0.1)]
    tops = [places[name][1] for name, _ in wanted]
    assert tops == sorted(tops)
    for (name, share), top in zip(wanted, tops, strict=True):
        assert places[f"{share:.0%}"][1] == top, name
        assert blue[int(top) + 42] == pytest.approx(560 * share, abs=3), name


def test_plotly_has_the_map_upright_and_each_bar_at_its_name(foreseen):
    figure = foreseen.to_plotly()
    heat = next(trace for trace in figure.data if trace.type == "heatmap")
    assert np.argwhere(np.asarray(heat.z) == 1).tolist() == [[2, 5]]
    assert figure.layout.yaxis2.autorange == "reversed"
    assert heat.colorscale[0][1] == "#000004"
    bars = next(trace for trace in figure.data if trace.type == "bar")
    answer = foreseen.answer()
    assert dict(zip(bars.y, bars.x, strict=True)) == dict(
        zip(answer.names, answer.shares, strict=True)
    )
