"""Static pictures: sharp, shown at half their pixels, with title, legend and captions that keep out of each other's way."""

from __future__ import annotations

import base64
import io

import anywidget
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.browser.test_accessibility import instruments
from vizkit.fonts import font
from vizkit.widgets import EmbeddingSpace, SimilarityMatrix, base, picture, side_by_side
from vizkit.widgets.embedding_space.figure import GAP_INK, as_rgb

IMAGES = [np.full((8, 8, 3), 40 + 20 * index, np.uint8) for index in range(6)]
CAPTIONS = [
    "a red heart",
    "two dogs that run",
    "cup",
    "한국어",
    "an astronaut on a horse in a black suit",
    "x",
]


def pairs(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).normal(size=(2, count, 8))
    return rows[0], rows[0] + rows[1]


def matrix(**options) -> SimilarityMatrix:
    return SimilarityMatrix(*pairs(), images=IMAGES, captions=CAPTIONS, **options)


class Texts:
    """Records where texts are written, in the pixels of the sheet that they are written on."""

    def __init__(self, monkeypatch) -> None:
        self.boxes: dict[int, list[tuple[str, tuple[float, float, float, float]]]] = {}
        self.written: list[str] = []
        self.kept: list = []
        write = ImageDraw.ImageDraw.text

        def text(pen, xy, words, fill=None, font=None, anchor=None, **rim):
            box = pen.textbbox(xy, words, font, anchor=anchor)
            self.boxes.setdefault(id(pen.im), []).append((words, box))
            self.kept.append(pen.im)  # no other sheet gets its number
            self.written.append(words)
            return write(pen, xy, words, fill, font, anchor, **rim)

        monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)

    def collisions(self) -> list[tuple[str, str]]:
        found = []
        for boxes in self.boxes.values():
            for index, (one, a) in enumerate(boxes):
                for other, b in boxes[:index]:
                    across = min(a[2], b[2]) - max(a[0], b[0])
                    down = min(a[3], b[3]) - max(a[1], b[1])
                    if across > 1 and down > 1:
                        found.append((one, other))
        return found


MAKERS = {
    **{type(one).__name__: (lambda one=one: one) for one in instruments("light")},
    "matrix of pairs": lambda: matrix(
        title="What six captions and six pictures have in common, " * 3
    ),
    "gradient": lambda: matrix(view="gradient of InfoNCE", selected=[3]),
    "against both": lambda: matrix(against_both=True, title="both"),
    "3 x 5": lambda: SimilarityMatrix(similarity=np.random.default_rng(1).normal(size=(3, 5))),
    "one cell": lambda: SimilarityMatrix(similarity=[[1.0]]),
    "64 x 64": lambda: SimilarityMatrix(*pairs(64)),
    "300 x 300": lambda: SimilarityMatrix(*pairs(300)),
    "many classes": lambda: EmbeddingSpace(
        pairs(60)[0],
        labels=[f"a class with a long name, number {i % 20}" for i in range(60)],
        title="t" * 200,
    ),
    "two kinds": lambda: EmbeddingSpace.from_pairs(*pairs(), captions=CAPTIONS, images=IMAGES),
    "2,000 points": lambda: EmbeddingSpace(pairs(2_000)[0], labels=np.arange(2_000) % 5),
    "6,000 points": lambda: EmbeddingSpace(pairs(6_000)[0], labels=np.arange(6_000) % 5),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_picture_is_shown_at_half_its_pixels(name):
    widget = MAKERS[name]()
    data, metadata = widget._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    shown = metadata["image/png"]
    assert shown["alt"] == widget.headline()
    assert (shown["width"], shown["height"]) == (round(image.width / 2), round(image.height / 2))
    assert 230 <= shown["width"] <= 900


@pytest.mark.parametrize("name", MAKERS)
def test_no_two_texts_collide_and_all_are_whole(name, monkeypatch):
    widget = MAKERS[name]()
    texts = Texts(monkeypatch)
    widget.picture()
    assert texts.written
    assert texts.collisions() == []


def test_texts_that_collide_are_found(monkeypatch):
    texts = Texts(monkeypatch)
    _, pen = picture.blank(100, 100)
    pen.text((5, 5), "one")
    pen.text((9, 9), "other")
    assert texts.collisions() == [("other", "one")]


def test_title_captions_numbers_and_ranking_are_in_the_picture_of_a_matrix(monkeypatch):
    texts = Texts(monkeypatch)
    widget = matrix(title="Six pairs", selected=[1])
    widget.picture()
    numbers = widget.numbers()
    wanted = [
        "Six pairs",
        "InfoNCE loss",
        f"{numbers.infonce_loss:.3f}",
        "cosine",
        "image 1: cosine",
    ]
    assert [word for word in wanted if word not in texts.written] == []
    assert f"{100 * numbers.image_to_text_accuracy:.3g}%" in texts.written
    listed = [CAPTIONS[k] for k in np.argsort(-widget.similarity()[1])]
    names = texts.written[texts.written.index("image 1: cosine") + 1 :][:12:2]
    for caption, name in zip(listed, names, strict=True):
        head, _, tail = name.partition("…")
        assert caption.startswith(head)
        assert caption.endswith(tail)


def test_a_negative_score_has_a_bar_to_the_left(monkeypatch):
    boxes = []
    draw = ImageDraw.ImageDraw.rectangle

    def rectangle(pen, box, *rest, **options):
        boxes.append(tuple(box))
        return draw(pen, box, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "rectangle", rectangle)
    similarity = np.array([[0.5, -0.25], [0.1, 0.2]])
    SimilarityMatrix(similarity=similarity).picture()
    _, positive, _, negative, _ = boxes  # tracks, bars, and the frame of the matrix
    assert positive[0] == negative[2]  # zero
    assert positive[2] - positive[0] == pytest.approx(2 * (negative[2] - negative[0]))


def test_classes_and_kinds_of_marks_are_named_beside_the_map(monkeypatch):
    texts = Texts(monkeypatch)
    rows, _ = pairs()
    widget = EmbeddingSpace(
        rows, labels=list("aabbcc"), modality=["image", "text"] * 3, title="Here"
    )
    widget.hidden_classes = ["b"]
    widget.picture()
    assert texts.written == ["Here", "a", "c", "images", "texts"]
    texts.written.clear()
    EmbeddingSpace(pairs(40)[0], labels=[f"c{i % 20:02}" for i in range(40)]).picture()
    assert texts.written == [f"c{i:02}" for i in range(20)]
    texts.written.clear()
    EmbeddingSpace(pairs(60)[0], labels=[f"c{i % 30:02}" for i in range(60)]).picture()
    assert texts.written == [*(f"c{i:02}" for i in range(19)), "… and 11 more"]


def test_of_names_that_are_cut_the_ends_are_kept():
    _, pen = picture.blank(1, 1)
    face = font(24)
    names = [f"a very long name of a class, the {which}" for which in ("first", "second")]
    cut = [picture.shorten(name, pen, face, 300) for name in names]
    assert [name[-4:] for name in cut] == ["irst", "cond"]
    assert all(name.startswith("a very") and "…" in name for name in cut)
    widths = [pen.textlength(name, face) for name in cut]
    assert all(240 < width <= 300 for width in widths), widths
    assert picture.shorten("short", pen, face, 300) == "short"
    assert picture.shorten("nowhere", pen, face, 1) == "…"


def test_the_gap_is_in_the_picture_where_it_is_shown(monkeypatch):
    images, captions = pairs(30)
    widget = EmbeddingSpace(
        [*images, *(captions + 2)], modality=["image"] * 30 + ["text"] * 30, show_gap=True
    )
    texts = Texts(monkeypatch)
    shown = np.asarray(widget.picture())
    assert f"gap {widget.modality_gap():.2f}" in texts.written
    ink = np.array(as_rgb(GAP_INK))
    assert (shown == ink).all(-1).sum() > 200
    widget.show_gap = False
    assert not (np.asarray(widget.picture()) == ink).all(-1).any()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (-0.39, 0.93, [0, 0.5]),
        (0, 1, [0, 0.5, 1]),
        (-0.03, 0.12, [0, 0.05, 0.1]),
        (2, 2, [2]),
    ],
)
def test_the_colour_bar_of_cosines_has_round_numbers(low, high, ticks):
    assert picture.round_ticks(low, high) == pytest.approx(ticks)


def test_a_living_encoder_carries_its_title():
    living = next(one for one in instruments("light") if type(one).__name__ == "LivingEncoder")
    before = living.picture().height
    living.title = "What does it see?"
    assert living.picture().height > before


@pytest.mark.parametrize("count", [3, 40, 127, 300, 4_000])
def test_a_png_has_the_pixels_that_were_drawn(count):
    """Exactly where colours are few, and nearly where they are many; rows that repeat are stored short."""
    random = np.random.default_rng(count)
    table = random.integers(0, 240, (count, 3)).astype(np.uint8)
    small = table[random.integers(0, count, (30, 20))]
    drawn = picture.enlarge(small, 160 + count % 2, 240)  # an odd width, too
    found = Image.open(io.BytesIO(picture.to_png(drawn)))
    found.load()
    assert found.mode == "P"
    off = np.abs(np.asarray(found.convert("RGB"), int) - np.asarray(drawn, int))
    assert off.max() == 0 if count <= 128 else off.mean() < 12
    assert len(picture.to_png(drawn)) < 0.4 * len(
        picture.to_png(Image.fromarray(table[random.integers(0, count, (240, 160))]))
    )


def test_widgets_in_a_row_are_shown_at_half_their_pixels():
    row = side_by_side(matrix(), matrix())
    data, metadata = row._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert metadata["image/png"]["width"] == round(image.width / 2)


@pytest.fixture
def kernel(monkeypatch):
    """The widgets take this process for a Jupyter kernel."""
    monkeypatch.setattr(base, "in_kernel", lambda: True)


@pytest.mark.usefixtures("kernel")
def test_in_a_kernel_the_picture_is_drawn_before_the_browser_hears_of_the_widget(monkeypatch):
    steps = []
    draw, open_comm = SimilarityMatrix.picture, anywidget.AnyWidget.open
    monkeypatch.setattr(
        SimilarityMatrix, "picture", lambda self: steps.append("picture") or draw(self)
    )
    monkeypatch.setattr(
        anywidget.AnyWidget, "open", lambda self: steps.append("comm") or open_comm(self)
    )
    SimilarityMatrix(similarity=np.eye(4))._repr_mimebundle_()
    assert steps == ["picture", "comm"]  # and not drawn once more for the output


@pytest.mark.usefixtures("kernel")
def test_a_picture_drawn_early_is_not_shown_after_a_change():
    widget = SimilarityMatrix(similarity=np.eye(4))
    first = widget._repr_mimebundle_()[0]["image/png"]
    widget.title = "Another"
    second = widget._repr_mimebundle_()[0]["image/png"]
    assert first != second
    assert base64.b64decode(second) == picture.to_png(widget.picture())
