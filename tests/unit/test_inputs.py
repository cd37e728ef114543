"""What callers hand over: columns, pictures and embeddings of any kind, and who must go through it."""

import inspect
import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from datasets import Dataset
from PIL import Image

from vizkit import data, inputs, widgets, zoo
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix

WORDS = ["three", "one", "seven", "zero"]
SHUFFLED = [3, 1, 7, 0]
COLUMNS = {
    "list": list,
    "tuple": tuple,
    "numpy": np.array,
    "numpy objects": lambda words: np.array(words, object),
    "pandas, shuffled index": lambda words: pd.Series(words, index=SHUFFLED),
    "pandas, index of words": lambda words: pd.Series(words, index=list("abcd")),
    "pandas index": pd.Index,
    "polars": pl.Series,
    "polars categories": lambda words: pl.Series(words, dtype=pl.Categorical),
    "pandas categories": lambda words: pd.Series(words, index=SHUFFLED, dtype="category"),
    "Arrow array": pa.array,
    "Arrow chunks": lambda words: pa.chunked_array([words[:1], words[1:]]),
    "Hugging Face column": lambda words: Dataset.from_dict({"a": words})["a"],
    "generator": lambda words: (word for word in words),
    "pandas strings": lambda words: pd.Series(words, index=SHUFFLED, dtype="string"),
    "values of a dict": lambda words: dict(enumerate(words)).values(),
}
VECTORS = np.random.default_rng(0).normal(size=(4, 6))
PIXELS = np.random.default_rng(1).integers(0, 256, (4, 12, 20, 3), np.uint8)


# ------------------------------------------------------------------ columns


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_is_read_by_position(kind):
    assert inputs.as_texts("captions", COLUMNS[kind](WORDS), 4) == WORDS


@pytest.mark.parametrize(
    "wrong",
    ["abcd", b"abcd", {"a": 1}, {"a", "b"}, 4, None, np.array("a"), pd.DataFrame({"a": WORDS})],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_column_is_refused_by_name(wrong):
    with pytest.raises(TypeError, match="captions must be"):
        inputs.as_list("captions", wrong, 4)


def test_lengths_are_counted_and_endless_columns_end():
    with pytest.raises(ValueError, match="captions must hold 3 entries, one for each item, got 4"):
        inputs.as_list("captions", WORDS, 3)
    with pytest.raises(ValueError, match="got 5 or more"):
        inputs.as_list("captions", iter(int, 1), 4)


def test_the_keys_of_a_dict_have_an_order_and_a_set_has_none():
    assert inputs.as_texts("captions", dict.fromkeys(WORDS).keys(), 4) == WORDS
    with pytest.raises(TypeError, match="captions must be a sequence"):
        inputs.as_texts("captions", set(WORDS), 4)


def test_what_is_missing_in_a_table_is_no_caption():
    column = pd.Series(["a", None, "c", np.nan], index=SHUFFLED)
    assert inputs.as_texts("captions", column, missing="") == ["a", "", "c", ""]
    assert EmbeddingSpace(VECTORS, captions=column).captions == ["a", "", "c", ""]
    with pytest.raises(TypeError, match=r"captions\[1\]"):
        SimilarityMatrix(VECTORS, VECTORS, captions=column)


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_public_column_takes_every_kind(kind):
    """Case 01: a shuffled Series gave captions and pictures to the wrong points."""
    column = COLUMNS[kind]
    pictures = [Image.fromarray(one) for one in PIXELS]
    space = EmbeddingSpace(VECTORS, captions=column(WORDS), labels=column(WORDS))
    assert space.captions == WORDS
    assert [space.classes[code] for code in space.codes] == WORDS
    assert EmbeddingSpace(VECTORS, modality=column(["text", "image"] * 2)).modality.tolist() == [
        1,
        0,
        1,
        0,
    ]
    paired = EmbeddingSpace.from_pairs(
        VECTORS, VECTORS, labels=column(WORDS), captions=column(WORDS)
    )
    assert [paired.classes[code] for code in paired.codes] == WORDS * 2
    assert paired.captions[4:] == WORDS
    assert SimilarityMatrix(VECTORS, VECTORS, captions=column(WORDS)).captions == WORDS
    steps = SimilarityMatrix(np.stack([VECTORS] * 4), np.stack([VECTORS] * 4), steps=column(WORDS))
    assert steps.step_names == WORDS
    maps = np.full((4, 1, 5, 5), 0.2)
    assert [
        layer.name for layer in AttentionMap(maps, names=column(WORDS)).models[0].layers
    ] == WORDS
    encoder = zoo.load("pocket-clip")
    sentences = ["a red circle", "a blue square", "a star", "a heart"]
    torch.testing.assert_close(
        encoder.encode_text(column(sentences)), encoder.encode_text(sentences), rtol=0, atol=0
    )
    if (
        kind
        not in ("numpy", "numpy objects", "pandas categories", "pandas strings", "pandas index")
        and kind[0] != "A"
        and not kind.startswith("polars")
    ):
        held = column(pictures)
        shown = EmbeddingSpace(VECTORS, images=held).pictures
        np.testing.assert_array_equal(np.stack(shown), PIXELS)


# ------------------------------------------------------------------ pictures


def exif_turned(pixels):
    """A picture stored lying on its side, as a camera stores it."""
    picture = Image.fromarray(pixels).rotate(90, expand=True)
    picture.getexif()[0x0112] = 6
    return picture


def undecoded(pixels):
    """A picture as `datasets.Image(decode=False)` hands it over."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


GRAY = PIXELS[0, :, :, 0]
PICTURES = {
    "PIL": (Image.fromarray, PIXELS[0]),
    "PIL turned": (exif_turned, PIXELS[0]),
    "uint8": (np.asarray, PIXELS[0]),
    "channels first": (lambda one: np.moveaxis(one, 2, 0), PIXELS[0]),
    "floats to 1": (lambda one: one / 255, PIXELS[0]),
    "floats to 255": (lambda one: one.astype(np.float32), PIXELS[0]),
    "int64": (lambda one: one.astype(np.int64), PIXELS[0]),
    "uint16": (lambda one: one.astype(np.uint16) * 257, PIXELS[0]),
    "tensor": (lambda one: torch.from_numpy(one).permute(2, 0, 1), PIXELS[0]),
    "tensor of floats": (lambda one: torch.from_numpy(one).permute(2, 0, 1) / 255, PIXELS[0]),
    "tensor with gradients": (
        lambda one: (torch.from_numpy(one).permute(2, 0, 1) / 255).requires_grad_(),
        PIXELS[0],
    ),
    "tensor of bfloat16 to 255": (
        lambda one: torch.from_numpy(one).permute(2, 0, 1).to(torch.bfloat16),
        PIXELS[0],
    ),
    "gray": (lambda one: one[:, :, 0], np.stack([GRAY] * 3, 2)),
    "one channel last": (lambda one: one[:, :, :1], np.stack([GRAY] * 3, 2)),
    "one channel first": (lambda one: one[None, :, :, 0], np.stack([GRAY] * 3, 2)),
    "undecoded": (undecoded, PIXELS[0]),
    "PIL La": (
        lambda one: Image.fromarray(one[:, :, 0]).convert("LA").convert("La"),
        np.stack([GRAY] * 3, 2),
    ),
    "PIL RGBa": (lambda one: Image.fromarray(one).convert("RGBA").convert("RGBa"), PIXELS[0]),
    "PIL I;16B": (
        lambda one: Image.frombytes(
            "I;16B", one.shape[1::-1], (one[:, :, 0].astype(">u2") * 257).tobytes()
        ),
        np.stack([GRAY] * 3, 2),
    ),
    "PIL I;16": (
        lambda one: Image.fromarray(one[:, :, 0].astype(np.uint16) * 257),
        np.stack([GRAY] * 3, 2),
    ),
    "PIL F": (lambda one: Image.fromarray(one[:, :, 0] / np.float32(255)), np.stack([GRAY] * 3, 2)),
    "PIL I": (lambda one: Image.fromarray(one[:, :, 0]).convert("I"), np.stack([GRAY] * 3, 2)),
    "alpha": (lambda one: np.dstack([one, np.full_like(GRAY, 255)]), PIXELS[0]),
    "nothing but alpha": (lambda one: np.dstack([one, np.zeros_like(GRAY)]), PIXELS[0] * 0 + 255),
    "gray and alpha": (
        lambda one: np.dstack([GRAY, np.full_like(GRAY, 255)]),
        np.stack([GRAY] * 3, 2),
    ),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_every_public_picture_takes_every_kind(kind):
    make, expected = PICTURES[kind]
    given = make(PIXELS[0])
    tolerance = 1 if "bfloat16" in kind else 0
    encoder = zoo.load("pocket-clip")
    found = {
        "as_image": inputs.as_image("image", given),
        "EmbeddingSpace": EmbeddingSpace(VECTORS[:1], images=[given]).pictures[0],
        "SimilarityMatrix": SimilarityMatrix(VECTORS[:1], VECTORS, images=[given]).pictures[0],
        "AttentionMap": AttentionMap(np.full((1, 1, 5, 5), 0.2), given).pictures[0],
        "zoo": np.asarray(zoo.images.to_pictures(given)[0]),
        "zoo, several": np.asarray(zoo.images.to_pictures([given])[0]),
    }
    for name, one in found.items():
        assert one.dtype == np.uint8, name
        assert np.abs(one.astype(int) - expected).max() <= tolerance, name
    if not tolerance:
        torch.testing.assert_close(encoder.encode_image(given), encoder.encode_image(expected))


def test_floats_have_one_range_for_all_pictures():
    dark = np.stack([PIXELS[0], PIXELS[1] // 255]).astype(np.float32)
    found = inputs.as_images("images", torch.from_numpy(dark).permute(0, 3, 1, 2), 2)
    np.testing.assert_array_equal(np.stack(found), dark.astype(np.uint8))
    with pytest.raises(ValueError, match="another of the pictures goes to 255"):
        inputs.as_images("images", [dark[0], PIXELS[1] / 255])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (PIXELS[0] / 127.5 - 1, "normalised"),
        (PIXELS[0] / 100, "normalised"),
        (np.full((4, 4), np.nan), "floats"),
        (np.ma.array(PIXELS[0], mask=PIXELS[0] > 9), "masked"),
        (PIXELS[0].astype(np.uint16), "make it uint8"),
        (PIXELS[0].astype(int) - 1, "between 0 and 255"),
        (np.zeros((5, 5, 7)), "shape"),
    ],
)
def test_what_is_no_picture_says_why(wrong, message):
    with pytest.raises(ValueError, match=message):
        inputs.as_image("image", wrong)


# ------------------------------------------------------------------ embeddings

EMBEDDINGS = {
    "float16": lambda rows: rows.astype(np.float16),
    "list of lists": lambda rows: rows.tolist(),
    "list of vectors": list,
    "tensor": torch.from_numpy,
    "with gradients": lambda rows: torch.from_numpy(rows).requires_grad_(),
    "bfloat16": lambda rows: torch.from_numpy(rows).to(torch.bfloat16),
    "list of tensors with gradients": lambda rows: list(torch.from_numpy(rows).requires_grad_()),
    "table": pd.DataFrame,
    "column of vectors": lambda rows: pd.Series(list(rows), index=SHUFFLED),
    "nullable table": lambda rows: pd.DataFrame(rows).convert_dtypes(),
    "numbers as objects": lambda rows: np.array(rows.tolist(), object),
    "nested tensor": lambda rows: torch.nested.nested_tensor(list(torch.from_numpy(rows))),
    "masked, nothing hidden": np.ma.array,
    "polars table": pl.DataFrame,
    "polars lists": lambda rows: pl.Series(rows.tolist()),
    "polars arrays": lambda rows: pl.Series(rows.tolist(), dtype=pl.Array(pl.Float64, 6)),
    "Hugging Face column": lambda rows: Dataset.from_dict({"a": rows.tolist()})["a"],
    "Arrow lists": lambda rows: pa.array(rows.tolist()),
    "generator": lambda rows: (row for row in rows),
}


def cosines(space):
    """The cosines of every point to its neighbours, the nearest first."""
    return np.stack([space.neighbours(index)[1] for index in range(space.count)])


@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_every_public_embedding_takes_every_kind(kind):
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(kind, 1e-6)
    make = EMBEDDINGS[kind]
    np.testing.assert_allclose(
        cosines(EmbeddingSpace(make(VECTORS))), cosines(EmbeddingSpace(VECTORS)), atol=tolerance
    )
    expected = SimilarityMatrix(VECTORS, VECTORS[::-1]).similarity()
    found = SimilarityMatrix(make(VECTORS), make(VECTORS[::-1].copy())).similarity()
    np.testing.assert_allclose(found, expected, atol=tolerance)
    pairs = EmbeddingSpace.from_pairs(make(VECTORS), make(VECTORS))
    expected = EmbeddingSpace.from_pairs(VECTORS, VECTORS)
    np.testing.assert_allclose(cosines(pairs), cosines(expected), atol=tolerance)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.ma.array(VECTORS, mask=VECTORS > 1), ValueError, "no missing values.*that are masked"),
        (pd.DataFrame(VECTORS).mask(VECTORS > 1).convert_dtypes(), ValueError, "no missing values"),
        (pl.DataFrame(VECTORS).with_columns(pl.lit(None).alias("a")), ValueError, "finite"),
        (pl.DataFrame({"a": ["x"], "b": [1.0]}), TypeError, "real numbers"),
        (VECTORS + 1j, TypeError, "real numbers"),
        (
            torch.nested.nested_tensor([torch.ones(3), torch.ones(2)]),
            ValueError,
            "rectangular array",
        ),
    ],
    ids=["masked", "nullable", "polars nulls", "words", "complex", "nested"],
)
def test_what_is_no_embedding_is_refused_by_name(wrong, error, message):
    """A masked array once gave what it hid."""
    with pytest.raises(error, match=f"embeddings must.*{message}"):
        EmbeddingSpace(wrong)


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["numpy", "torch"])
def test_batches_are_never_taken_for_steps(make):
    batches = [make(VECTORS), make(VECTORS)]
    for call in (
        lambda: EmbeddingSpace(batches),
        lambda: SimilarityMatrix(batches, batches),
        lambda: EmbeddingSpace.from_pairs(batches, batches),
        lambda: SimilarityMatrix(similarity=batches),
    ):
        with pytest.raises(ValueError, match=r"got a list of 2 of them.*torch\.cat"):
            call()
    data = EmbeddingSpace(batches, steps=["start", "end"]).data
    assert (data["steps"], data["count"], data["dims"]) == (["start", "end"], 4, 6)


# ------------------------------------------------------------------ who goes through it


SIGNS = (".detach().cpu().numpy()", "exif_transpose", "alpha_composite", "in (2, 3)")


@pytest.mark.parametrize("room", ["widgets", "zoo", "data"])
def test_nobody_else_converts(room):
    """The conversions that were written three times stand in `vizkit.inputs` alone."""
    folder = inspect.getfile({"widgets": widgets, "zoo": zoo, "data": data}[room])
    for path in __import__("pathlib").Path(folder).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for sign in (*SIGNS, '"bfloat16"'):
            assert sign not in text, f"{path.name} converts by itself: {sign}"


# ------------------------------------------------------------------ keywords


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AttentionMap(np.full((1, 1, 4, 4), 0.25), picture=GRAY), "'picture'.*'image'"),
        (lambda: AttentionMap.from_maps(np.ones((4, 2, 2)), modes="rollout"), "'modes'.*'mode'"),
        (lambda: AttentionMap.from_model(None, GRAY, heads=2), "'heads'.*'head'"),
        (lambda: AttentionMap.from_model(None, GRAY, transform=2), "'transform'.*'preprocess'"),
        (lambda: SimilarityMatrix(VECTORS, VECTORS, temprature=1), "'temprature'.*'temperature'"),
        (lambda: SimilarityMatrix(VECTORS, VECTORS, texts=WORDS), "'texts'.*'captions'"),
        (lambda: EmbeddingSpace(VECTORS, lables=WORDS), "'lables'.*'labels'"),
        (lambda: EmbeddingSpace.from_pairs(VECTORS, VECTORS, color=WORDS), "'color'.*'class_color"),
        (lambda: EmbeddingSpace(VECTORS, data={}), "unexpected keyword argument 'data'"),
    ],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_name(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_known_traits_are_still_taken():
    widget = EmbeddingSpace(VECTORS, theme="dark", selected=[1], layout={"width": "50%"})
    assert (widget.theme, widget.selected, widget.layout.width) == ("dark", [1], "50%")


# ------------------------------------------------------------------ numbers of any size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-45, 1e-38, 1e-20, 1e-7, 1, 1e7, 1e20, 3e34])
def test_cosines_are_right_for_every_size(dtype, size):
    rows = np.array([[1, 2], [3, -1], [-2, 5], [2, 4]]) * np.array([[1], [1e3], [1], [1e-3]])
    rows = (np.pad(rows, ((0, 0), (0, 2))) * size).astype(dtype)  # three dimensions and more
    exact = rows.astype(np.longdouble)
    exact = exact[(exact != 0).any(1)]
    exact = exact / np.sqrt((exact**2).sum(1, keepdims=True))
    there = np.flatnonzero(rows.any(1))
    space = EmbeddingSpace(rows)
    for place, index in enumerate(there):
        found, cosines = space.neighbours(index, k=3)
        expected = {there[other]: float(exact[place] @ exact[other]) for other in range(len(there))}
        for neighbour, cosine in zip(found, cosines, strict=True):
            assert cosine == pytest.approx(expected.get(neighbour, 0), abs=1e-6)
    assert np.isfinite([space.maps["pca"]["span"], *space.maps["pca"]["low"]]).all()
    assert space.maps["pca"]["span"] > 0
    if len(there) == 4:
        matrix = SimilarityMatrix(rows, rows)
        np.testing.assert_allclose(matrix.similarity(), (exact @ exact.T).astype(float), atol=2e-7)


def test_sizes_may_differ_by_all_that_a_format_holds():
    rows = np.array([[1e-38, 2e-38, 0], [1e38, 2e38, 0], [0, 1e-45, 1e-45]], np.float32)
    _, cosines = EmbeddingSpace(rows).neighbours(0, k=1)
    assert cosines == pytest.approx([1], abs=1e-6)
    assert SimilarityMatrix(rows, rows).similarity()[0, 1] == pytest.approx(1, abs=1e-6)
    half = np.array([[65504, 65504, 6e-8], [6e-8, 6e-8, 0]], np.float16)
    assert SimilarityMatrix(half, half).similarity()[0, 1] == pytest.approx(1, abs=1e-3)
    plane = EmbeddingSpace(rows[:, :2] * [[1], [1], [0]])
    assert plane.neighbours(0, k=1)[1] == pytest.approx([1e-38 * 5**0.5], rel=1e-6)
    assert EmbeddingSpace([[1e300, 0], [-1e300, 0.0]]).maps["none"]["span"] == pytest.approx(
        2e300, rel=1e-6
    )


def test_a_zero_row_equal_rows_and_one_row():
    rows = np.array([[1.0, 2, 3], [0, 0, 0], [1, 2, 3], [-1, 0, 1]])
    space = EmbeddingSpace(rows)
    assert space.neighbours(1)[1].tolist() == [0, 0, 0]
    found, cosines = space.neighbours(0)
    assert (found[0], cosines[0]) == (2, pytest.approx(1))
    assert cosines.max() <= 1
    with pytest.raises(ValueError, match="zero vectors, got one at index"):
        SimilarityMatrix(rows, rows)
    same = EmbeddingSpace(np.ones((6, 4)), projections=["tsne"])
    assert np.isfinite(same.points["tsne"]).all()
    assert same.maps["pca"]["explained_variance_ratio"] == [1.0]
    assert same.neighbours(3)[1] == pytest.approx(np.ones(5))
    one = EmbeddingSpace([[1e-40, 2e-40, 0]])
    assert one.picture().width
    assert len(one.neighbours(0)[0]) == 0


# ------------------------------------------------------------------ more classes than colours


@pytest.mark.parametrize("count", [12, 13, 30, 90])
def test_more_classes_than_colours_are_told_apart_by_marks(count):
    """Case 16: colours repeated from the 13th class on, and nothing said so."""
    rows = np.random.default_rng(0).normal(size=(count * 2, 2))
    labels = [f"class {index % count}" for index in range(count * 2)]
    figure = EmbeddingSpace(rows, labels=labels).to_plotly()
    looks = {(trace.marker.color, str(trace.marker.symbol)) for trace in figure.data}
    assert len(looks) == count
    assert {mark for _, mark in looks} == {"circle"} or count > 12


def test_the_static_picture_draws_the_marks_of_plotly():
    drawn = []
    for turn in range(8):
        labels = [f"{index:03}" for index in range(96)]
        widget = EmbeddingSpace(np.arange(192.0).reshape(96, 2) * [1, 0], labels=labels)
        widget.hidden_classes = [name for name in labels if name != labels[12 * turn]]
        drawn.append(np.asarray(widget.picture()))
    for one in range(8):
        assert (drawn[one] != 255).any()
        assert all((drawn[one] != drawn[other]).any() for other in range(one))
