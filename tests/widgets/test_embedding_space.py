"""EmbeddingSpace without a browser: arguments, numbers, messages, static picture and figure, size."""

import base64
import json
import re

import numpy as np
import pytest
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tests.support.messages import tell
from vizkit.widgets import EmbeddingSpace, codec, picture
from vizkit.widgets.embedding_space import widget as module

HOSTILE = '<img src=x onerror=alert(1)> & </script> "한국어" \u2028'


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def places(widget, name=None, step=None):
    """Coordinates as the front end reads them."""
    shown = widget.maps[name or widget.projection]
    codes = codec.unpack(shown["points"])[widget.step if step is None else step]
    return np.array(shown["low"]) + codes / 65535 * shown["span"]


def pictures(count):
    return [np.full((8, 8, 3), 20 * index, np.uint8) for index in range(count)]


def test_two_dimensions_are_shown_as_they_are(rng):
    points = rng.normal(size=(50, 2)) * [3, 0.2] + 100
    widget = EmbeddingSpace(points)
    assert widget.projection == "none"
    assert np.abs(places(widget) - points).max() <= widget.maps["none"]["span"] / 65535
    assert widget.headline() == "EmbeddingSpace: 50 points in the plane"


def test_neighbours_are_true_cosines_and_distances_in_a_plane(rng):
    rows = rng.normal(size=(30, 6))
    found, values = EmbeddingSpace(rows).neighbours(4, k=5)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit[4]
    cosines[4] = -2
    np.testing.assert_array_equal(found, np.argsort(-cosines)[:5])
    np.testing.assert_allclose(values, np.sort(cosines)[:-6:-1], atol=1e-12)
    found, values = EmbeddingSpace(rows[:, :2]).neighbours(4, k=3)
    distances = np.linalg.norm(rows[:, :2] - rows[4, :2], axis=1)
    np.testing.assert_array_equal(found, np.argsort(distances)[1:4])
    np.testing.assert_allclose(values, np.sort(distances)[1:4], atol=1e-6)


def test_modality_gap_is_the_distance_of_the_means_of_unit_vectors(rng):
    images, texts = rng.normal(size=(2, 3, 20, 8))
    widget = EmbeddingSpace.from_pairs(images, texts + 1, steps=[0, 10, 20])
    for step in range(3):
        means = [
            (one[step] / np.linalg.norm(one[step], axis=1, keepdims=True)).mean(0)
            for one in (images, texts + 1)
        ]
        expected = np.linalg.norm(means[0] - means[1])
        assert widget.modality_gap(step) == pytest.approx(expected, abs=1e-12)
        assert widget.data["gaps"][step] == widget.modality_gap(step)
    assert re.search(
        r"2 modalities, step 20 of 3 steps.*modality gap ⟨\d\.\d\d⟩$", widget.headline()
    )


def test_a_gap_needs_both_modalities(rng):
    rows = rng.normal(size=(4, 3))
    for modality in (None, ["image"] * 4):
        widget = EmbeddingSpace(rows, modality=modality)
        assert widget.data["gaps"] is None
        with pytest.raises(ValueError, match="both modalities"):
            widget.modality_gap()


def test_from_pairs_joins_image_i_with_text_i(rng):
    widget = EmbeddingSpace.from_pairs(
        rng.normal(size=(4, 3)),
        rng.normal(size=(4, 3)),
        images=pictures(4),
        captions=["a", "b", "c", HOSTILE],
        labels=["x", "y", "x", "y"],
    )
    np.testing.assert_array_equal(
        codec.unpack(widget.data["pairs"]), [[0, 4], [1, 5], [2, 6], [3, 7]]
    )
    assert widget.data["captions"] == ["", "", "", "", "a", "b", "c", HOSTILE]
    np.testing.assert_array_equal(codec.unpack(widget.data["tiles"]), [0, 1, 2, 3])
    np.testing.assert_array_equal(codec.unpack(widget.data["modality"]), [0b11110000])
    assert widget.data["classes"] == ["x", "y"]
    with pytest.raises(ValueError, match=r"one shape, got \(4, 3\) and \(5, 3\)"):
        EmbeddingSpace.from_pairs(np.ones((4, 3)), np.ones((5, 3)))


@pytest.mark.parametrize("classes", [1, 2, 3, 16, 17, 256, 300])
def test_classes_travel_packed(classes):
    labels = np.arange(classes * 2 + 1) % classes
    widget = EmbeddingSpace(np.random.default_rng(0).normal(size=(len(labels), 2)), labels=labels)
    packed = widget.data["codes"]
    codes = codec.unpack(packed)
    if packed["bits"] == 4:
        codes = np.stack([codes & 15, codes >> 4], 1).reshape(-1)[: len(labels)]
    np.testing.assert_array_equal(codes, labels)
    assert packed["bits"] == (4 if classes <= 16 else 8 if classes <= 256 else 16)
    assert widget.data["classes"] == [str(one) for one in range(classes)]


def test_labels_may_have_gaps_names_or_be_strings(rng):
    rows = rng.normal(size=(4, 2))
    assert EmbeddingSpace(rows, labels=[-5, 900, 7, 7]).data["classes"] == ["-5", "7", "900"]
    assert EmbeddingSpace(rows, labels=["b", "a", "b", HOSTILE]).data["classes"] == [
        HOSTILE,
        "a",
        "b",
    ]
    named = EmbeddingSpace(rows, labels=[0, 0, 2, 2], class_names=["cat", "dog", "cow"])
    assert named.data["classes"] == ["cat", "dog", "cow"]


def test_classes_may_have_colours_of_their_own(rng):
    rows = rng.normal(size=(4, 2))
    plain = EmbeddingSpace(rows, labels=["red", "blue", "red", "teal"])
    assert plain.data["colors"] is None
    given = {"red": "#e02020", "teal": "#10A0a0"}
    widget = EmbeddingSpace(rows, labels=["red", "blue", "red", "teal"], class_colors=given)
    palette = picture.category_color(0)  # of "blue", the first by name
    assert widget.data["colors"] == [palette, "#e02020", "#10A0a0"]
    markers = {trace.name: trace.marker.color for trace in widget.to_plotly().data}
    assert markers == {"blue": palette, **given}
    pixels = {color for _, color in widget.picture().convert("RGB").getcolors(1 << 20)}
    assert (0xE0, 0x20, 0x20) in pixels
    assert (0xE0, 0x20, 0x20) not in {
        c for _, c in plain.picture().convert("RGB").getcolors(1 << 20)
    }


BAD = {
    "empty": ({'embeddings': np.zeros((0, 3))}, "must not be empty"),
    "not finite": ({'embeddings': [[1, 2], [np.nan, 1]]}, "must be finite"),
    "one dimension": ({'embeddings': np.ones((3, 1))}, "at least 2 dimensions"),
    "four axes": ({'embeddings': np.ones((1, 1, 3, 2))}, "2 or 3 dimensions"),
    "text": ({'embeddings': [["a", "b"]]}, "real numbers"),
    "labels short": ({'labels': [1, 2]}, "labels must hold 3 classes"),
    "labels real": ({'labels': [0.5, 1, 2]}, "integers or strings"),
    "labels nested": ({'labels': [[1], [2], [3]]}, "flat sequence"),
    "labels one text": ({'labels': "abc"}, "sequence of 3 classes"),
    "names alone": ({'class_names': ["a"]}, "need labels"),
    "names few": ({'labels': [0, 1, 2], 'class_names': ["a", "b"]}, r"must lie in 0\.\.1"),
    "names twice": ({'labels': [0, 1, 1], 'class_names': ["a", "a"]}, "differ"),
    "colours listed": ({'labels': [0, 1, 1], 'class_colors': ["#ff0000"]}, "map names .* got list"),
    "colours alone": ({'class_colors': {"a": "#ff0000"}}, "'a', which is no class"),
    "colour word": (
        {'labels': ["a", "b", "b"], 'class_colors': {"a": "red;x:url(y)"}}, "got 'red;x:url"
    ),
    "modality word": ({'modality': ["image", "text", "sound"]}, r"modality\[2\].*'sound'"),
    "images few": ({'images': [np.zeros((4, 4, 3))]}, "images must hold 3 entries"),
    "images numbers": ({'images': [1, 2, 3]}, r"images\[0\]"),
    "captions few": ({'captions': ["a"]}, "captions must hold 3 entries"),
    "captions number": ({'captions': ["a", "b", 3]}, r"captions\[2\] must be a string"),
    "captions one text": ({'captions': "abc"}, "must be a sequence"),
    "pairs wide": ({'pairs': [[0, 1, 2]]}, r"shape \(P, 2\)"),
    "pairs far": ({'pairs': [[0, 3]]}, r"points in 0\.\.2"),
    "pairs half": ({'pairs': [[0, 0.5]]}, "indices"),
    "projection": ({'projection': "umap"}, "'pca', 'tsne' or 'none', got 'umap'"),
    "none in space": ({'embeddings': np.eye(3), 'projection': "none"}, "needs embeddings in 2"),
    "tsne small": ({'embeddings': np.eye(3), 'projection': "tsne"}, "at least 5 points"),
    "tsne later": ({'embeddings': np.eye(3), 'projections': ["tsne"]}, "at least 5 points"),
    "steps": ({'steps': ["a", "b"]}, "steps must hold 1 names"),
    "step": ({'step': 1}, r"step must lie in 0\.\.0"),
    "seed": ({'seed': -1}, "seed must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_with_what_came(name):
    arguments, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        EmbeddingSpace(**{"embeddings": np.arange(6.0).reshape(3, 2), **arguments})


@settings(max_examples=60, deadline=None)
@given(
    embeddings=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64]),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6),
        elements=st.integers(-50, 50),
    ),
    labels=st.none() | st.lists(st.integers(-3, 3) | st.text(max_size=3), max_size=6),
    captions=st.none() | st.lists(st.text(max_size=5), max_size=6),
    pairs=st.none() | st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 5)), max_size=3),
    modality=st.none() | st.lists(st.sampled_from(["image", "text"]), max_size=6),
)
def test_odd_input_gives_a_clear_error_or_a_whole_widget(
    embeddings, labels, captions, pairs, modality
):
    try:
        widget = EmbeddingSpace(
            embeddings, labels=labels, captions=captions, pairs=pairs, modality=modality
        )
    except (ValueError, TypeError) as refusal:
        message = str(refusal)
        assert re.match(r"(embeddings|labels|captions|pairs|modality)\b", message), message
        return
    assert np.isfinite(places(widget)).all()
    assert widget.headline().startswith("EmbeddingSpace: ")
    assert widget.picture().size[0] >= 360
    json.dumps(widget.page_state(), default=lambda part: len(part), allow_nan=False)


def test_traits_refuse_nonsense_and_keep_their_value(rng):
    widget = EmbeddingSpace(rng.normal(size=(2, 6, 3)), labels=[0, 0, 1, 1, 2, 2])
    for name, value in [
        ("step", 2),
        ("step", -1),
        ("projection", "umap"),
        ("projection", "none"),
        ("hovered", -2),
        ("selected", [0, -1]),
        ("hidden_classes", ["3"]),
        ("theme", "pink"),
    ]:
        before = getattr(widget, name)
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)
        assert getattr(widget, name) == before
    widget.hovered = 99  # a linked widget may have more items
    assert widget.hovered == 99


def test_tsne_is_computed_when_it_is_first_asked_for(rng, monkeypatch):
    widget = EmbeddingSpace(rng.normal(size=(12, 4)))
    assert list(widget.maps) == ["pca"]
    assert widget.data["offers"] == ["pca", "tsne"]
    assert widget.page_state()["data"]["offers"] == ["pca"]
    widget.projection = "tsne"
    assert list(widget.maps) == ["pca", "tsne"]
    assert widget.page_state()["data"]["offers"] == ["pca", "tsne"]
    monkeypatch.setattr(module.plane, "tsne", lambda *_, **__: pytest.fail("computed twice"))
    widget.projection = "pca"
    widget.projection = "tsne"


def test_the_table_of_neighbours_equals_neighbours(rng):
    rows = rng.normal(size=(2, 25, 5))
    widget = EmbeddingSpace(rows)
    assert widget.table == {}  # nothing of it travels before the first picture
    tell(widget, {"request": "table"})
    indices, values = (codec.unpack(widget.table[name]) for name in ("indices", "values"))
    for step in range(2):
        found, cosines = widget.neighbours(7, step=step)
        np.testing.assert_array_equal(indices[step, 7], found)
        np.testing.assert_allclose(values[step, 7] / 32767, cosines, atol=2e-5)


def test_the_kernel_answers_for_one_point(rng):
    widget, sent = EmbeddingSpace(rng.normal(size=(25, 5))), []
    widget.send = sent.append
    tell(widget, {"request": "neighbours", "index": 3, "step": 0})
    tell(widget, {"request": "neighbours", "index": 25, "step": 0})
    tell(widget, "nonsense")
    found, values = widget.neighbours(3)
    about = {"response": "neighbours", "index": 3, "step": 0}
    assert sent == [{**about, "found": found.tolist(), "values": values.tolist()}]


def test_neighbours_across_classes_lie_in_other_classes_and_are_the_nearest_there(rng):
    rows, labels = rng.normal(size=(40, 6)).astype(np.float32), np.arange(40) % 3
    widget = EmbeddingSpace(rows, labels=labels, across_classes=True)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.where(labels[:, None] == labels, -np.inf, unit.astype(np.float64) @ unit.T)
    table = codec.unpack(widget.page_state()["table"]["indices"])
    for index in range(40):
        nearest = np.argsort(-cosines[index])[:8]
        np.testing.assert_array_equal(widget.neighbours(index)[0], nearest)
        np.testing.assert_array_equal(table[0, index], nearest)
    assert widget.data["across"]


def test_across_classes_gives_no_more_than_lie_outside_of_the_largest_class(rng):
    widget = EmbeddingSpace(
        rng.normal(size=(9, 4)), labels=[0] * 6 + [1, 1, 2], across_classes=True
    )
    assert len(widget.neighbours(0)[0]) == len(widget.neighbours(8)[0]) == 3


@pytest.mark.parametrize(
    ("size", "labels", "message"),
    [
        ((9, 2), [0, 1, 2] * 3, "more than two dimensions"),
        ((9, 4), None, "at least two classes"),
        ((9, 4), [1] * 9, "at least two classes"),
    ],
)
def test_across_classes_is_refused_where_it_has_no_meaning(rng, size, labels, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingSpace(rng.normal(size=size), labels=labels, across_classes=True)
    with pytest.raises(TypeError, match="True or False"):
        EmbeddingSpace(rng.normal(size=(9, 4)), across_classes="yes")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"index": 25}, r"index must lie in 0\.\.24, got 25"),
        ({"index": 0, "k": 0}, "k must be at least 1"),
        ({"index": 0, "step": 1}, r"step must lie in 0\.\.0"),
    ],
)
def test_neighbours_refuses_what_is_out_of_range(rng, call, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingSpace(rng.normal(size=(25, 5))).neighbours(**call)


def test_page_state_carries_the_neighbours_only_where_they_fit(rng, monkeypatch):
    widget = EmbeddingSpace(rng.normal(size=(30, 4)))
    assert codec.unpack(widget.page_state()["table"]["indices"]).shape == (1, 30, 8)
    assert widget.page_state()["data"]["live"] is False
    monkeypatch.setattr(module, "TABLE_POINTS", 10)
    assert widget.page_state()["table"] == {}


def test_pictures_show_marks_in_the_colour_of_their_class(rng):
    rows = np.array([[0, 0], [10, 0], [0, 10.0]])
    widget = EmbeddingSpace(rows, labels=[0, 1, 2], modality=["image", "text", "image"])
    colors = {color for _, color in widget.picture().getcolors(4096)}
    assert {(0, 115, 231), (196, 124, 0), (187, 19, 119)} <= colors
    widget.hidden_classes = ["1"]
    assert (196, 124, 0) not in {color for _, color in widget.picture().getcolors(4096)}
    widget.hidden_classes = ["0", "1", "2"]
    assert widget.picture().getcolors() == [(960 * 720, (255, 255, 255))]


def test_thumbnails_are_in_the_picture(rng):
    image = Image.new("RGB", (8, 8), (1, 200, 3))
    widget = EmbeddingSpace([[0, 0], [9, 9.0]], images=[image, None], show_thumbnails=True)
    assert (1, 200, 3) in {color for _, color in widget.picture().getcolors(4096)}


def test_mimebundle_has_text_and_a_small_picture(rng):
    labels = rng.integers(0, 10, 2000)
    widget = EmbeddingSpace(rng.normal(size=(2000, 2)), labels=labels)
    data, metadata = widget._repr_mimebundle_()
    assert (
        data["text/plain"]
        == widget.headline()
        == "EmbeddingSpace: 2,000 points in the plane, 10 classes"
    )
    assert len(base64.b64decode(data["image/png"])) < 15_000
    assert metadata["image/png"]["alt"] == widget.headline()


def test_headline_numbers_breathe_and_the_rest_is_fixed(rng):
    line = EmbeddingSpace(rng.normal(size=(60, 16)), labels=[0, 1] * 30).headline()
    assert re.sub(r"⟨[^⟩]*⟩", "·", line) == (
        "EmbeddingSpace: 60 points in 16 dimensions, 2 classes, PCA explains · of the variance,"
        " keeps · of the 10 nearest neighbours"
    )


def test_plotly_shows_the_same_points_and_escapes_text(rng):
    widget = EmbeddingSpace.from_pairs(
        rng.normal(size=(5, 4)), rng.normal(size=(5, 4)), captions=[HOSTILE] * 5, title=HOSTILE
    )
    figure = widget.to_plotly()
    assert [trace.name for trace in figure.data] == ["pairs", "image", "text"]
    np.testing.assert_allclose(
        np.stack([figure.data[2].x, figure.data[2].y], 1), places(widget)[5:], atol=1e-3
    )
    assert "<" not in figure.layout.title.text + "".join(figure.data[2].text)


def test_a_million_points_take_four_and_a_half_megabytes(rng):
    labels = rng.integers(0, 10, 1_000_000)
    points = rng.normal(size=(1_000_000, 2)).astype(np.float32)
    widget = EmbeddingSpace(points, labels=labels)
    sent = len(widget.maps["none"]["points"]["buffer"]) + len(widget.data["codes"]["buffer"])
    assert sent == 4_500_000
    assert len(base64.b64decode(widget._repr_mimebundle_()[0]["image/png"])) < 100_000


def test_save_html_is_one_page_without_live_markup(rng, tmp_path):
    widget = EmbeddingSpace(rng.normal(size=(6, 3)), captions=[HOSTILE] * 6, title=HOSTILE)
    text = widget.save_html(tmp_path / "page.html").read_text("utf-8")
    assert "<img" not in text
    assert text.count("</script>") == 3
    assert not re.search(r"https?://", text)
