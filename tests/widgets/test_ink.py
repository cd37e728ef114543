"""Where the ink lies in static pictures and in Plotly: one hot cell on a grid that is not square, four corners.

A picture that is transposed, mirrored, upside down or has two marks swapped puts its ink elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix, picture
from vizkit.widgets.embedding_space import figure

ROWS, COLUMNS = 3, 5
CELLS = [(0, 0), (2, 1), (0, 3), (1, 4)]
CORNERS = {"left low": (0, 0), "right low": (3, 0), "left high": (0, 2), "right high": (3, 2)}
COLORS = dict(zip(CORNERS, ("#d00000", "#00a000", "#0000d0", "#707070"), strict=True))


def matrix(hot: tuple[int, int]) -> SimilarityMatrix:
    similarity = np.zeros((ROWS, COLUMNS))
    similarity[hot] = 1
    return SimilarityMatrix(similarity=similarity)


def attention(hot: tuple[int, int]) -> AttentionMap:
    cells = ROWS * COLUMNS
    weights = np.zeros((1, 1, cells, cells))
    weights[..., hot[0] * COLUMNS + hot[1]] = 1
    return AttentionMap(weights, grid=(ROWS, COLUMNS), num_prefix_tokens=0, panels=[])


def near(image: Image.Image, color: np.ndarray, within: float = 12) -> np.ndarray:
    """Which pixels have a colour, `(height, width)`."""
    pixels = np.asarray(image.convert("RGB"), float)
    return np.abs(pixels - color).max(-1) <= within


def middle(mask: np.ndarray) -> tuple[float, float]:
    """Middle of a mask's pixels, down and right."""
    rows, columns = np.nonzero(mask)
    return float(np.median(rows)), float(np.median(columns))


@pytest.mark.parametrize("hot", CELLS)
@pytest.mark.parametrize(
    ("make", "colormap"), [(matrix, "viridis"), (attention, "magma")], ids=["matrix", "map"]
)
def test_the_hot_cell_of_a_picture_is_where_it_belongs(make, colormap, hot):
    image = make(hot).picture()
    table = picture.color_table(colormap)
    low, high = (table[index].astype(float) for index in (0, 255))
    cold, warm = near(image, low), near(image, high)
    # Bars and labels are small: the rows and columns that are mostly map are the map.
    ink = cold | warm
    rows = np.flatnonzero(ink.sum(1) > 0.5 * ink.sum(1).max())
    columns = np.flatnonzero(ink.sum(0) > 0.5 * ink.sum(0).max())
    inside = np.zeros_like(ink)
    inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    down, right = middle(warm & inside)
    assert (down - rows[0]) / len(rows) == pytest.approx((hot[0] + 0.5) / ROWS, abs=0.06)
    assert (right - columns[0]) / len(columns) == pytest.approx((hot[1] + 0.5) / COLUMNS, abs=0.06)


def test_four_corners_of_a_picture_are_where_they_belong():
    space = EmbeddingSpace(
        np.array(list(CORNERS.values()), float), labels=list(CORNERS), class_colors=COLORS
    )
    image = space.picture()
    found = {}
    for name, color in COLORS.items():
        mask = near(image, np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]))
        mask[:, 950:] = False  # the legend beside it
        found[name] = middle(mask)
    assert found["left low"][1] == pytest.approx(found["left high"][1], abs=2)
    assert found["left low"][1] < found["right low"][1]
    assert found["left high"][0] < found["left low"][0]
    assert found["right high"][0] == pytest.approx(found["left high"][0], abs=2)


@pytest.mark.parametrize("hot", CELLS)
@pytest.mark.parametrize("make", [matrix, attention], ids=["matrix", "map"])
def test_the_hot_cell_in_plotly_is_where_it_belongs(make, hot):
    figure = make(hot).to_plotly()
    heatmap = next(trace for trace in figure.data if trace.type == "heatmap")
    values = np.asarray(heatmap.z, float)
    assert values.shape == (ROWS, COLUMNS)
    assert np.argwhere(values == values.max()).tolist() == [list(hot)]
    axis = figure.layout.yaxis
    # Row 0 is at the top.
    assert axis.autorange == "reversed" or (axis.range and axis.range[0] > axis.range[1])


def test_four_corners_in_plotly_are_where_they_belong():
    space = EmbeddingSpace(
        np.array(list(CORNERS.values()), float), labels=list(CORNERS), class_colors=COLORS
    )
    figure = space.to_plotly()
    for trace in figure.data:
        assert trace.marker.color == COLORS[trace.name]
        assert [(trace.x[0], trace.y[0])] == [CORNERS[trace.name]]
    assert figure.layout.yaxis.autorange != "reversed"


def test_a_text_has_another_mark_than_an_image():
    def ink(modality: str) -> np.ndarray:
        rows = np.array([[0.0, 0.0], [1.0, 1.0]])
        space = EmbeddingSpace(rows, modality=[modality, "image"], labels=["a", "b"])
        return np.asarray(space.picture())

    assert not np.array_equal(ink("image"), ink("text"))


# --------------------------------------------------------------------- colours, names and marks


def region(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and lower end of what a mask holds."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def corners(**options) -> EmbeddingSpace:
    return EmbeddingSpace(np.array(list(CORNERS.values()), float), **options)


def width_shares(mask: np.ndarray) -> float:
    """How wide a mark is in its upper third, as a share of its lower third."""
    left, top, right, low = region(mask)
    third = max(1, (low - top) // 3)
    upper, lower = mask[top : top + third, left:right], mask[low - third : low, left:right]
    return float(upper.sum() / lower.sum())


def test_an_image_is_a_disc_and_a_text_a_triangle_that_stands():
    kinds = ["image", "text", "text", "image"]
    space = corners(labels=list(CORNERS), class_colors=COLORS, modality=kinds)
    drawn = space.picture()
    for (name, color), kind in zip(COLORS.items(), kinds, strict=True):
        mask = near(drawn, np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]))
        mask[:, 950:] = False  # the legend beside it
        share = width_shares(mask)
        assert share == pytest.approx(1, abs=0.25) if kind == "image" else share < 0.6, name
    symbols = {trace.name: trace.marker.symbol[0] for trace in space.to_plotly().data}
    wanted = {"image": "circle", "text": "triangle-up"}
    assert symbols == {name: wanted[kind] for name, kind in zip(CORNERS, kinds, strict=True)}
    assert figure.legend(space) == [
        *(("circle", COLORS[name], name) for name in sorted(COLORS)),
        ("circle", picture.MUTED, "images"),
        ("triangle-up", picture.MUTED, "texts"),
    ]


def test_each_point_has_its_own_picture():
    inks = {name: [int(color[i : i + 2], 16) for i in (1, 3, 5)] for name, color in COLORS.items()}
    images = [np.full((8, 8, 3), ink, np.uint8) for ink in inks.values()]
    drawn = corners(images=images, show_thumbnails=True).picture()
    found = {name: middle(near(drawn, np.array(ink))) for name, ink in inks.items()}
    assert found["left low"][1] < drawn.width / 3 < found["right low"][1]
    assert found["left high"][0] < drawn.height / 3 < found["left low"][0]
    assert found["left high"][1] == pytest.approx(found["left low"][1], abs=2)
    assert found["right high"][0] == pytest.approx(found["left high"][0], abs=2)


def test_a_pair_is_joined_from_mark_to_mark():
    pairs = [[0, 3]]  # from the lower left to the upper right
    line = near(corners(pairs=pairs).picture(), np.array([0xD0, 0xD7, 0xDE]))
    high, wide = line.shape
    assert line[int(0.4 * high) : int(0.6 * high), int(0.4 * wide) : int(0.6 * wide)].any()
    assert line[: high // 3, 2 * wide // 3 :].any()
    assert not line[: high // 3, : wide // 3].any()


def test_the_mist_of_many_points_lies_where_they_are():
    places = np.repeat(np.array(list(CORNERS.values()), float), 2_000, 0)
    places += np.random.default_rng(0).normal(scale=0.1, size=places.shape)
    names = np.repeat(list(CORNERS), 2_000)
    drawn = np.asarray(EmbeddingSpace(places, labels=names, class_colors=COLORS).picture(), float)[
        :, :700
    ]
    high, wide = drawn.shape[:2]
    for name, (right, up) in CORNERS.items():
        part = drawn[(high // 2) * (up == 0) :, (wide // 2) * (right > 0) :][
            : high // 2, : wide // 2
        ]
        inked = 255 - part[part.min(-1) < 250].mean(0)  # what is missing to white, as a direction
        likeness = {}
        for other, color in COLORS.items():
            own = 255 - np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], float)
            likeness[other] = inked @ own / np.linalg.norm(own)
        assert max(likeness, key=likeness.get) == name


def ramp(drawn: Image.Image, colormap: str) -> np.ndarray:
    """The colour scale's places in the colour map, 0 to 255, left to right: the row with most of its colours."""
    packed = picture.color_table(colormap).astype(int) @ [65536, 256, 1]  # (256,)
    order = np.argsort(packed)
    lines = np.asarray(drawn.convert("RGB"), int)[::4] @ [65536, 256, 1]  # (H / 4, W)
    at = order[np.searchsorted(packed[order], lines).clip(max=255)]
    scales = [line[packed[line] == words] for line, words in zip(at, lines, strict=True)]
    return max(scales, key=lambda scale: len(np.unique(scale)))


@pytest.mark.parametrize(
    ("make", "colormap"), [(matrix, "viridis"), (attention, "magma")], ids=["matrix", "map"]
)
def test_the_colour_scale_runs_from_the_lowest_to_the_highest(make, colormap):
    found = ramp(make((2, 1)).picture(), colormap)
    assert len(np.unique(found)) >= 12
    assert found[:4].max() < 40
    assert found[-4:].min() > 215
    assert (np.diff(found) >= 0).mean() > 0.98
    heatmap = next(trace for trace in make((2, 1)).to_plotly().data if trace.type == "heatmap")
    ends = [color for _, color in heatmap.colorscale][:: len(heatmap.colorscale) - 1]
    wanted = picture.color_table(colormap)[[0, 255]].tolist()
    assert [[int(part) for part in end[4:-1].split(",")] for end in ends] == wanted


@pytest.mark.parametrize("make", [matrix, attention], ids=["matrix", "map"])
def test_the_numbers_of_the_colour_scale_run_with_it(monkeypatch, make):
    written = []
    write = ImageDraw.ImageDraw.text

    def keep(pen, place, text, *rest, **options):
        written.append((text, place))
        return write(pen, place, text, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", keep)
    make((2, 1)).picture()
    levels = {}  # height → numbers with their places from the left
    for text, (x, y) in written:
        if text.replace("−", "-").replace(".", "").removeprefix("-").isdigit():
            levels.setdefault(y, []).append((x, float(text.replace("−", "-"))))
    scale = next(numbers for numbers in levels.values() if {0.0, 1.0} <= {n for _, n in numbers})
    assert [number for _, number in sorted(scale)] == sorted(number for _, number in scale)


def test_the_images_of_a_matrix_stand_beside_their_rows():
    inks = [[200, 0, 0], [0, 150, 0], [0, 0, 200]]
    images = [np.full((8, 8, 3), ink, np.uint8) for ink in inks]
    drawn = SimilarityMatrix(np.eye(3), np.eye(3), images=images).picture()
    down = [middle(near(drawn, np.array(ink)))[0] for ink in inks]
    assert down == sorted(down)
    # The bright cells of the diagonal are as high up.
    left = max(middle(near(drawn, np.array(ink)))[1] for ink in inks)
    bright = near(drawn, picture.color_table("viridis")[255].astype(float))
    bright[int(down[-1] + 40) :] = False  # the colour scale
    for place, y in enumerate(down):
        columns = np.flatnonzero(bright[int(y)])
        assert columns.size, place
        assert columns[0] > left
    firsts = [np.flatnonzero(bright[int(y)])[0] for y in down]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize("long", range(COLUMNS))
def test_a_caption_leans_from_its_own_column(long):
    similarity = np.zeros((ROWS, COLUMNS))
    similarity[0, 0] = 1
    captions = ["WWWWWWWW" if column == long else "i" for column in range(COLUMNS)]
    shown = SimilarityMatrix(similarity=similarity, captions=captions)
    drawn = shown.picture()
    cold = near(drawn, picture.color_table("viridis")[0].astype(float))
    rows = np.flatnonzero(cold.sum(1) > 0.5 * cold.sum(1).max())
    columns = np.flatnonzero(cold[rows].sum(0) > 0.5 * cold[rows].sum(0).max())
    cell = len(columns) / COLUMNS
    above = 60  # pixels: nothing but the long caption reaches so far up
    ink = np.asarray(drawn.convert("L"), int)[rows[0] - above - 6 : rows[0] - above] < 140
    lean = above / np.tan(np.deg2rad(55))
    start = (np.median(np.nonzero(ink)[1]) - lean - columns[0]) / cell
    assert start == pytest.approx(long + 0.5, abs=0.6)
    figure = shown.to_plotly()
    named = dict(zip(figure.layout.xaxis.tickvals, figure.layout.xaxis.ticktext, strict=True))
    assert named == dict(enumerate(captions))
    assert [figure.layout.yaxis.title.text, figure.layout.xaxis.title.text] == ["image", "text"]


# ---------------------------------------------------------------------------- AttentionMap's panels


def one_hot_heads(query: int = 0) -> AttentionMap:
    """Two layers of two heads: patch q looks at TARGETS[q], and in the second head at the patch left of it."""
    cells = ROWS * COLUMNS
    maps = np.zeros((2, 2, cells, cells))
    for one in range(cells):
        target = TARGETS.get(one, 7)
        maps[:, 0, one, target] = maps[:, 1, one, target - 1] = 1
    return AttentionMap(maps, grid=(ROWS, COLUMNS), num_prefix_tokens=0, query=query)


TARGETS = {0: 3, 3: 13}


def panel(widget: AttentionMap, name: str) -> Image.Image:
    """What stands right of the map and its margin."""
    widget.panels = [name]
    whole = widget.picture()
    widget.panels = []
    return whole.crop((widget.picture().width, 0, whole.width, whole.height))


def test_every_head_is_drawn_in_its_place():
    bright = picture.color_table("magma")[255].astype(float)
    spots = {}
    for query, (row, column) in {0: (0, 3), 3: (2, 3)}.items():
        mask = near(panel(one_hot_heads(query), "heads"), bright, 6)
        left, top, *_ = region(near(panel(one_hot_heads(query), "heads"), np.zeros(3), 8))
        down, across = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        # Each layer has a row of tiles, each head a column; a bright cell in every tile.
        starts = [group[0] for group in np.split(across, np.flatnonzero(np.diff(across) > 3) + 1)]
        lines = [group[0] for group in np.split(down, np.flatnonzero(np.diff(down) > 3) + 1)]
        assert len(starts) == len(lines) == 2
        spots[query] = starts, lines, left, top
        cell = across[np.flatnonzero(np.diff(across) > 3)[0]] - starts[0] + 1
        wide = COLUMNS * cell + 4
        assert starts[1] - starts[0] == pytest.approx(wide - cell, abs=5), (row, column)
    assert spots[3][1][0] - spots[0][1][0] == pytest.approx(2 * cell, abs=5)


def test_the_names_of_heads_and_layers_stand_at_their_tiles(monkeypatch):
    places: dict[str, tuple[float, float]] = {}
    write = ImageDraw.ImageDraw.text

    def text(pen, xy, words, *rest, **options):
        if xy[1] == 0:  # above the tiles
            places[words] = xy
        return write(pen, xy, words, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    widget = AttentionMap(
        np.full((1, 3, 15, 15), 1 / 15), grid=(ROWS, COLUMNS), num_prefix_tokens=0, panels=["heads"]
    )
    widget.picture()
    heads = [places[name][0] for name in ("1", "2", "3")]
    assert np.ptp(np.diff(heads)) < 2
    assert min(np.diff(heads)) > 20
    assert "4" not in places


def test_the_matrix_panel_has_queries_as_rows():
    drawn = panel(one_hot_heads(), "matrix")
    left, top, right, low = region(near(drawn, np.zeros(3), 8))
    bright = near(drawn, picture.color_table("magma")[255].astype(float))[top:low, left:right]
    cell = bright.shape[0] / (ROWS * COLUMNS)
    for query in range(ROWS * COLUMNS):
        line = bright[int((query + 0.5) * cell)]
        key = np.median(np.flatnonzero(line)) / cell - 0.5
        assert key == pytest.approx(TARGETS.get(query, 7), abs=0.5), query


def test_a_head_that_looks_far_has_its_dot_higher_up():
    cells = ROWS * COLUMNS
    maps = np.stack([np.eye(cells), np.eye(cells)[::-1]])[None]  # itself; across the middle
    widget = AttentionMap(maps, grid=(ROWS, COLUMNS), num_prefix_tokens=0, head=1)
    drawn = panel(widget, "distance")
    far = middle(near(drawn, np.array([0xFF, 0x9D, 0x3C])))  # the head on view
    itself = middle(near(drawn, np.array([0x00, 0x6B, 0xA8])))
    assert far[0] < itself[0] - 40


def test_plotly_lays_the_photograph_under_its_map():
    photo = np.zeros((30, 50, 3), np.uint8)
    cells = ROWS * COLUMNS
    maps = np.full((1, 1, cells, cells), 1 / cells)
    drawn = AttentionMap(maps, photo, grid=(ROWS, COLUMNS), num_prefix_tokens=0).to_plotly()
    (image,) = drawn.layout.images
    # The cells reach from −0.5 to COLUMNS − 0.5 and, downwards, from −0.5 to ROWS − 0.5.
    assert (image.x, image.xanchor, image.sizex) == (-0.5, "left", COLUMNS)
    assert (image.y, image.yanchor, image.sizey) == (-0.5, "top", ROWS)
    assert (image.xref, image.yref, image.sizing, image.layer) == ("x", "y", "stretch", "below")
    assert tuple(drawn.layout.yaxis.range) == (ROWS - 0.5, -0.5)


def test_the_arrow_of_the_gap_points_at_the_texts():
    points = np.array([[0, 0], [0, 1], [4, 0], [4, 1]])
    drawn = EmbeddingSpace(points, modality=["image"] * 2 + ["text"] * 2, show_gap=True).picture()
    ink = near(drawn, np.array(figure.as_rgb(figure.GAP_INK)), within=2)
    columns = np.flatnonzero(ink.any(0))
    # Ink of the arrow by its height: the wings make it tall where it ends.
    heights = np.array([np.ptp(np.flatnonzero(ink[:, column])) for column in columns])
    third = len(columns) // 3
    assert heights[-third:].max() > 2 * heights[:third].max()
