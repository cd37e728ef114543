"""SimilarityMatrix in Python: validation, numbers against torch, static picture and figure."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets import Widget
from torch.nn import functional as F

from vizkit.widgets import SimilarityMatrix, codec, picture
from vizkit.widgets.similarity_matrix import VIEWS, numbers


def embeddings(count: int, dim: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    shared = random.normal(size=(count, dim))
    return shared + random.normal(size=shared.shape), shared + random.normal(size=shared.shape)


def torch_numbers(similarity: np.ndarray, temperature: float, bias: float) -> SimpleNamespace:
    """Losses, gradients and shares from torch in float64, gradients from autograd."""
    logits = torch.tensor(similarity / temperature, requires_grad=True)
    count = len(logits)
    target = torch.arange(count)
    infonce = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    signs = 2 * torch.eye(count, dtype=torch.float64) - 1
    sigmoid = -F.logsigmoid(signs * (logits + bias)).sum() / count
    values = {  # of every view of constants.json
        "cosine": torch.tensor(similarity),
        "softmax over texts": logits.softmax(1).detach(),
        "softmax over images": logits.softmax(0).detach(),
        "sigmoid": torch.sigmoid(logits + bias).detach(),
        "gradient of InfoNCE": torch.autograd.grad(infonce, logits)[0],
        "gradient of sigmoid": torch.autograd.grad(sigmoid, logits)[0],
    }
    return SimpleNamespace(
        infonce=infonce.item(),
        sigmoid=sigmoid.item(),
        image_to_text=(logits.argmax(1) == target).double().mean().item(),
        text_to_image=(logits.argmax(0) == target).double().mean().item(),
        values={view: value.numpy() for view, value in values.items()},
    )


@pytest.mark.parametrize(("temperature", "bias"), [(0.07, -10), (0.005, -20), (2, 10), (0.01, 0)])
def test_numbers_equal_torch(temperature, bias):
    images, texts = embeddings(20, 8)
    widget = SimilarityMatrix(images, texts, temperature=temperature, bias=bias)
    expected = torch_numbers(widget.similarity(), temperature, bias)
    assert set(expected.values) == set(VIEWS), "torch_numbers says what each view must show"
    for view in VIEWS:
        found = widget.numbers(view)
        np.testing.assert_allclose(found.values, expected.values[view], atol=1e-10, err_msg=view)
    assert found.infonce_loss == pytest.approx(expected.infonce, abs=1e-10)
    assert found.sigmoid_loss == pytest.approx(expected.sigmoid, rel=1e-10, abs=1e-10)
    assert found.image_to_text_accuracy == expected.image_to_text
    assert found.text_to_image_accuracy == expected.text_to_image


@pytest.mark.parametrize("dim", [3, 512], ids=["embeddings travel", "matrix travels"])
def test_the_smaller_of_embeddings_and_matrix_travels(dim):
    images, texts = embeddings(10, dim)
    widget = SimilarityMatrix(torch.tensor(images, requires_grad=True), texts)
    assert set(widget.data) == ({"images", "texts"} if dim == 3 else {"similarity"})
    assert all(packed["dtype"] == "fixed24" for packed in widget.data.values())
    assert sum(len(packed["buffer"]) for packed in widget.data.values()) == 3 * min(100, 20 * dim)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts))
    np.testing.assert_allclose(widget.similarity(), a @ b.T, atol=2e-7)


def test_a_sequence_shows_its_current_step():
    images, texts = embeddings(6)
    widget = SimilarityMatrix(np.stack([texts, images]), np.stack([texts, texts]), steps=[0, 500])
    assert widget.step_names == ["0", "500"]
    np.testing.assert_allclose(widget.similarity().diagonal(), 1, atol=1e-6)
    before = widget.headline()
    widget.step = 1
    assert widget.similarity().diagonal().max() < 0.999
    assert widget.headline() != before
    assert widget.value_range[0] < 0 < 0.99 < widget.value_range[1]


def test_more_texts_than_images_leaves_losses_undefined():
    widget = SimilarityMatrix(similarity=np.eye(3, 5), view="softmax over texts")
    numbers = widget.numbers()
    assert (numbers.infonce_loss, numbers.sigmoid_loss) == (None, None)
    assert (numbers.image_to_text_accuracy, numbers.text_to_image_accuracy) == (None, None)
    np.testing.assert_allclose(numbers.values.sum(1), 1)
    assert "loss" not in widget.headline()
    with pytest.raises(traitlets.TraitError, match="needs one text for each image, got 3"):
        widget.view = "gradient of InfoNCE"
    with pytest.raises(ValueError, match="needs one text for each image"):
        widget.numbers("gradient of sigmoid")
    with pytest.raises(traitlets.TraitError, match="needs one text for each image"):
        SimilarityMatrix(similarity=np.eye(3, 5), view="gradient of sigmoid")


BAD_ARGUMENTS = {
    "nothing": ({}, ValueError, "give image_embeddings and text_embeddings, or similarity"),
    "one side": ({"image_embeddings": np.eye(3)}, ValueError, "give image_embeddings and"),
    "both": ({"image_embeddings": np.eye(3), "similarity": np.eye(3)}, ValueError, "not both"),
    "one axis": ({"similarity": np.ones(3)}, ValueError, r"2 or 3 dimensions, got shape \(3,\)"),
    "empty": ({"similarity": np.ones((0, 3))}, ValueError, "must not be empty"),
    "NaN": ({"similarity": [[1, np.nan]]}, ValueError, r"finite.*index \(0, 1\)"),
    "ragged": ({"similarity": [[1, 2], [3]]}, ValueError, "rectangular"),
    "words": ({"similarity": [["a"]]}, TypeError, "real numbers"),
    "huge": ({"similarity": [[1e30]]}, ValueError, "between -1e6 and 1e6"),
    "sizes": (
        {"image_embeddings": np.eye(3), "text_embeddings": np.eye(4)},
        ValueError,
        "equal numbers of steps and dimensions",
    ),
    "zero vector": (
        {"image_embeddings": np.eye(3) * [1, 0, 1], "text_embeddings": np.eye(3)},
        ValueError,
        r"image_embeddings must not hold zero vectors, got one at index \(0, 1\)",
    ),
    "captions": ({"similarity": np.eye(3), "captions": ["a"]}, ValueError, "3 strings.*got 1"),
    "caption kind": ({"similarity": np.eye(2), "captions": ["a", 5]}, TypeError, r"captions\[1\]"),
    "images": (
        {"similarity": np.eye(3), "images": [np.zeros((4, 4, 3), np.uint8)]},
        ValueError,
        "images must hold 3 pictures.*got 1",
    ),
    "steps": ({"similarity": np.ones((2, 3, 3)), "steps": [1]}, ValueError, "name 2 step"),
    "steps kind": ({"similarity": np.eye(3), "steps": "a"}, TypeError, "steps must be a sequence"),
    "temperature 0": ({"similarity": np.eye(3), "temperature": 0}, traitlets.TraitError, "0.005"),
    "temperature kind": (
        {"similarity": np.eye(3), "temperature": "hot"},
        traitlets.TraitError,
        "temperature",
    ),
    "bias": ({"similarity": np.eye(3), "bias": 11}, traitlets.TraitError, "bias"),
    "view": ({"similarity": np.eye(3), "view": "heat"}, traitlets.TraitError, "view"),
    "step": ({"similarity": np.eye(3), "step": 1}, traitlets.TraitError, "step must lie between 0"),
    "keyword": ({"similarity": np.eye(3), "pictures": []}, TypeError, "did you mean 'images'"),
    "batches": (
        {"image_embeddings": [np.eye(3), np.eye(3)], "text_embeddings": np.eye(3)},
        ValueError,
        "image_embeddings must be one array, got a list of 2",
    ),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments_are_named(name):
    arguments, error, message = BAD_ARGUMENTS[name]
    with pytest.raises(error, match=message):
        SimilarityMatrix(**arguments)


def test_traits_refuse_what_is_out_of_range_and_stay_as_they_were():
    widget = SimilarityMatrix(similarity=np.zeros((2, 3, 4)))
    wrong = {"temperature": 0.0049, "bias": -21.0, "step": 2, "view": "gradient of sigmoid"}
    for name, value in wrong.items():
        before = getattr(widget, name)
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)
        assert getattr(widget, name) == before
    # Kept, so that a link does not take it from the widget that has it; shown it is not.
    for name, value in {"hovered": 3, "hovered_text": 4, "selected": [3, 1]}.items():
        with pytest.warns(UserWarning, match=f"{name}=. is ignored"):
            setattr(widget, name, value)
        assert getattr(widget, name) == value
    right = {"temperature": 0.005, "bias": 10.0, "step": 1, "hovered": 2, "hovered_text": 3}
    for name, value in (right | {"selected": [2, 0], "selected_text": [3]}).items():
        setattr(widget, name, value)
        assert getattr(widget, name) == value


numbers_or_nonsense = st.one_of(
    st.floats(width=32), st.integers(), st.text(max_size=3), st.none(), st.booleans()
)


@settings(max_examples=120, deadline=None)
@given(
    rows=st.integers(0, 5),
    columns=st.integers(0, 5),
    steps=st.integers(0, 2),
    filling=numbers_or_nonsense,
    temperature=numbers_or_nonsense,
    bias=numbers_or_nonsense,
    view=st.sampled_from([*VIEWS, "", "Cosine", None]),
    captions=st.one_of(st.none(), st.lists(st.one_of(st.text(), st.integers()), max_size=5)),
)
def test_any_input_gives_a_widget_or_a_clear_error(
    rows, columns, steps, filling, temperature, bias, view, captions
):
    shape = (steps, rows, columns) if steps else (rows, columns)
    try:
        widget = SimilarityMatrix(
            similarity=np.full(shape, filling, dtype=object if filling is None else None),
            temperature=temperature,
            bias=bias,
            view=view,
            captions=captions,
        )
    except (ValueError, TypeError, traitlets.TraitError) as error:
        reason = str(error)
    else:
        reason = None
    if reason is not None:
        assert len(reason) > 15
        return
    assert widget.numbers().values.shape == (rows, columns)
    assert np.isfinite(widget.numbers().values).all()
    assert f"{rows} images × {columns} texts" in widget.headline()
    assert widget.picture().width > 100


def test_the_headline_brackets_what_is_measured():
    images, texts = embeddings(8)
    headline = SimilarityMatrix(images, texts, temperature=0.1).headline()
    assert re.sub(r"⟨[\d.]+⟩", "⟨⟩", headline) == (
        "SimilarityMatrix: 8 images × 8 texts, InfoNCE loss ⟨⟩, sigmoid loss ⟨⟩ at temperature 0.1,"
        " accuracy image→text ⟨⟩, text→image ⟨⟩"
    )


@pytest.mark.parametrize("view", VIEWS)
def test_picture_and_figure_show_the_view(view):
    images, texts = embeddings(5)
    widget = SimilarityMatrix(images, texts, captions=["a & <b>"] * 5, view=view, title="<i>x</i>")
    figure = widget.to_plotly()
    np.testing.assert_array_equal(figure.data[0].z, widget.numbers().values)
    assert figure.layout.xaxis.ticktext[0] == "a &amp; &lt;b&gt;"
    assert figure.layout.title.text == "&lt;i&gt;x&lt;/i&gt;"
    assert figure.data[0].zmin <= widget.numbers().values.min()
    assert figure.data[0].zmax >= widget.numbers().values.max()
    # The matched pair of image 0 stands at the matrix's first cell, coloured by its value.
    canvas = np.asarray(widget.picture())
    assert len(np.unique(canvas.reshape(-1, 3), axis=0)) > 20


def test_the_picture_follows_the_numbers():
    low = SimilarityMatrix(similarity=np.eye(8), temperature=2, view="softmax over texts")
    before = np.asarray(low.picture())
    low.temperature = 0.01
    after = np.asarray(low.picture())
    assert before.shape == after.shape
    assert (before != after).any()


@pytest.mark.parametrize(("fours", "share"), [((1, 2), 2 / 3), ((0, 1), 1 / 3)])
def test_of_equal_maxima_of_a_text_the_first_image_counts(fours, share):
    matrix = np.array([[2.0, 2, -1], [5, 3, 0], [1, 3, 2]])
    matrix[list(fours), 1] = 4
    numbers = SimilarityMatrix(similarity=matrix).numbers()
    assert numbers.text_to_image_accuracy == pytest.approx(share)


def test_the_picture_stays_small():
    random = np.random.default_rng(0)
    for count in (64, 256, 1024):
        widget = SimilarityMatrix(similarity=random.normal(size=(count, count)))
        assert len(picture.to_png(widget.picture())) < 13_000


def test_the_mimebundle_has_text_and_picture():
    bundle, _ = SimilarityMatrix(similarity=np.eye(4))._repr_mimebundle_()
    assert bundle["text/plain"].startswith("SimilarityMatrix: 4 images × 4 texts")
    assert base64.b64decode(bundle["image/png"])[:4] == b"\x89PNG"


def test_what_travels_unpacks_to_what_python_uses():
    images, texts = embeddings(9, 4)
    widget = SimilarityMatrix(images, texts)
    sent = {name: codec.unpack(packed)[0] for name, packed in widget.data.items()}
    product = sent["images"] @ sent["texts"].T
    np.testing.assert_allclose(product, widget.similarity(), rtol=0, atol=1e-15)


def test_fixed_point_keeps_the_digits_of_float32():
    values = np.random.default_rng(0).uniform(-1, 1, (40, 50))
    packed = codec.pack_fixed(values)
    assert len(packed["buffer"]) == 3 * values.size
    assert np.abs(codec.unpack(packed) - values).max() <= np.ptp(values) / 2**25
    np.testing.assert_array_equal(codec.unpack(codec.pack_fixed(np.full((2, 3), 0.25))), 0.25)


def test_the_browser_meets_the_widget_when_it_is_whole(monkeypatch):
    """A message that follows may come late or never: anywidget drops those of a slow start."""
    met, open_it = [], Widget.open

    def meet(widget):
        if isinstance(widget, SimilarityMatrix):
            met.append(widget.get_state())
        open_it(widget)

    monkeypatch.setattr(Widget, "open", meet)
    widget = SimilarityMatrix(similarity=np.eye(3), captions=["a", "b", "c"])
    now = widget.get_state()
    assert len(met) == 1
    for name in ("data", "size", "captions", "thumbnails", "step_names", "value_range", "measure"):
        assert met[0][name] == now[name], name


def test_captions_of_24_columns_have_room_beside_each_other():
    images, texts = embeddings(24)
    plain = SimilarityMatrix(images, texts)
    named = SimilarityMatrix(images, texts, captions=[f"caption {i}" for i in range(24)])
    assert named.picture().width - plain.picture().width >= 24 * 2 * (18 - 280 // 24)


def test_the_picture_carries_its_title():
    images, texts = embeddings(4)
    plain, named = SimilarityMatrix(images, texts), SimilarityMatrix(images, texts, title="Who?")
    assert named.picture().height > plain.picture().height


# ------------------------------------------------------------------ images and texts against both


def both(count: int = 3, texts: int = 5, **options) -> tuple[SimilarityMatrix, np.ndarray]:
    """A widget of `count` images and `texts` texts, and the cosines that it must show."""
    rows, _ = embeddings(count + texts)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    widget = SimilarityMatrix(rows[:count], rows[count:], against_both=True, **options)
    return widget, unit @ unit.T


def test_against_both_holds_every_cosine():
    widget, expected = both()
    assert widget.similarity().shape == (8, 8)
    np.testing.assert_allclose(widget.similarity(), expected, atol=1e-6)
    numbers = widget.numbers()
    np.testing.assert_allclose(numbers.values, expected, atol=1e-6)
    assert numbers.infonce_loss is numbers.image_to_text_accuracy is None
    within = expected[:3, :3][~np.eye(3, dtype=bool)].mean()
    texts = expected[3:, 3:][~np.eye(5, dtype=bool)].mean()
    assert widget.headline() == (
        "SimilarityMatrix: 3 images and 5 texts against both, mean cosine of two images"
        f" ⟨{within:.2f}⟩, texts ⟨{texts:.2f}⟩, one of each ⟨{expected[:3, 3:].mean():.2f}⟩"
    )


def test_against_both_counts_images_first():
    images = [np.full((8, 8, 3), 80 * index, np.uint8) for index in range(3)]
    widget, _ = both(images=images, captions=list("vwxyz"), selected=[7])
    assert widget.num_images == 3
    assert widget.selected == [7]
    assert list(widget.to_plotly().layout.yaxis.ticktext) == [
        *("image 0", "image 1", "image 2"),
        *"vwxyz",
    ]
    assert widget.picture().width > 200
    with pytest.raises(ValueError, match="3"):
        both(images=images[:2])
    with pytest.raises(ValueError, match="5"):
        both(captions=["a"])


def test_against_both_of_a_training():
    rows = np.random.default_rng(0).normal(size=(2, 7, 4))
    widget = SimilarityMatrix(rows[:, :3], rows[:, 3:], against_both=True, steps=["0", "9"], step=1)
    unit = rows[1] / np.linalg.norm(rows[1], axis=1, keepdims=True)
    np.testing.assert_allclose(widget.similarity(), unit @ unit.T, atol=1e-6)


def test_against_both_refuses_what_has_no_meaning():
    with pytest.raises(traitlets.TraitError, match="one view, 'cosine'"):
        both(view="sigmoid")
    widget, _ = both(3, 3)
    with pytest.raises(traitlets.TraitError, match="one view"):
        widget.view = "gradient of InfoNCE"
    with pytest.raises(ValueError, match="one view"):
        widget.numbers("sigmoid")
    with pytest.raises(ValueError, match="not similarity"):
        SimilarityMatrix(similarity=np.eye(3), against_both=True)
    with pytest.raises(TypeError, match="True or False, got 1"):
        SimilarityMatrix(np.eye(3), np.eye(3), against_both=1)


@pytest.mark.parametrize(
    "formula",
    ["pairs / count", "pair ** 2", "exp(pair)", "pair.sum()", "'pair'", "pair if own else 0"],
)
def test_a_formula_of_anything_else_is_refused(formula):
    with pytest.raises(ValueError, match=r"in constants\.json may add.*similarity.*count"):
        numbers.read_formula(formula)


def test_a_small_product_leaves_the_other_core_to_the_browser():
    """The threads of the library behind `@` spin for a tenth of a second after a product."""
    script = (
        "import time, numpy as np\n"
        "from vizkit.widgets import SimilarityMatrix\n"
        "random = np.random.default_rng(0)\n"
        "rows = [random.normal(size=(256, 64)) for _ in range(2)]\n"
        "SimilarityMatrix(*rows).picture()\n"
        "before = time.process_time()\n"
        "time.sleep(0.15)\n"
        "print(time.process_time() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(done.stdout) < 0.03
