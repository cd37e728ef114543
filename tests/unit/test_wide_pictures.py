"""Pictures whose answer is a ratio: what is drawn, what each way to fit keeps, and the limit."""

import math

import numpy as np
import pytest
import torch

from vizkit.training.any_size import (
    BUDGET,
    CANVASES,
    KINDS,
    PATCH,
    PIXELS,
    RATIOS,
    SIDE,
    TILE,
    WAYS,
    WIDEST,
    RatioReader,
    draw,
    evaluate_reader,
    native,
    prepare,
    squash,
    squashed_ceiling,
    train_reader,
    wide_pictures,
)


@pytest.fixture(scope="module")
def pictures():
    return wide_pictures(300, seed=0)


def box_of(picture):
    """Width and height in pixels of what is not paper, to a fraction of a pixel."""
    ink = (
        (picture - picture[:, :1, :1]).abs().amax(0)
    )  # the corner is paper, or the object fills it
    ink = ink / ink.max()
    return ink.amax(0).sum().item(), ink.amax(1).sum().item()


def test_objects_have_the_ratio_of_their_label_and_pictures_theirs(pictures):
    for picture, ratio, ground in zip(
        pictures.pictures, pictures.ratio, pictures.ground, strict=True
    ):
        wide, tall = box_of(picture)
        assert wide / tall == pytest.approx(list(RATIOS.values())[ratio], rel=0.15)
        height, width = picture.shape[1:]
        assert width / height == pytest.approx(float(ground), rel=0.05)
        assert height * width == pytest.approx(PIXELS, rel=0.02)
        assert 1 / WIDEST <= ground <= WIDEST


def test_the_picture_tells_nothing_of_its_object(pictures):
    for answer in range(len(RATIOS)):
        logs = pictures.ground[pictures.ratio == answer].log()
        assert abs(logs.mean()) < 3 * logs.std() / math.sqrt(len(logs))
    assert sorted(pictures.kind.unique().tolist()) == list(range(len(KINDS)))


def test_the_same_seed_gives_the_same_pictures():
    one, two, other = wide_pictures(3, 7), wide_pictures(3, 7), wide_pictures(3, 8)
    assert all(torch.equal(a, b) for a, b in zip(one.pictures, two.pictures, strict=True))
    assert not torch.equal(one.ground, other.ground)


def test_the_ceiling_is_what_the_best_guess_reaches():
    """By simulation: the best answer at q is any whose interval holds it."""
    draw = torch.Generator().manual_seed(0)
    n = 200_000
    answer = torch.randint(len(RATIOS), (n,), generator=draw)
    logs = torch.tensor([math.log(ratio) for ratio in RATIOS.values()])
    ground = math.log(WIDEST) * (2 * torch.rand(n, generator=draw) - 1)
    q = logs[answer] - ground
    fits = ((q[:, None] - logs).abs() <= math.log(WIDEST)).float()  # (n, answers)
    right = fits[torch.arange(n), answer] / fits.sum(1)  # a guess among those that fit
    assert float(right.mean()) == pytest.approx(squashed_ceiling(), abs=0.004)


def test_parts_have_the_sizes_of_their_way(pictures):
    for picture in pictures.pictures[:40]:
        height, width = picture.shape[1:]
        for way in ("squash", "crop", "pad"):
            (part,) = WAYS[way](picture)
            assert part.shape == (3, SIDE, SIDE)
        (native,) = WAYS["native"](picture)
        patches = native.shape[1] * native.shape[2] / PATCH**2
        assert BUDGET / 2 < patches <= BUDGET
        stretch = (native.shape[2] / native.shape[1]) / (width / height)
        assert 0.7 < stretch < 1.43  # rounded up to whole patches
        (small,) = WAYS["native, a quarter of the patches"](picture)
        assert small.shape[1] * small.shape[2] <= SIDE * SIDE / 4
        *tiles, thumbnail = WAYS["tile"](picture)
        assert all(part.shape == (3, TILE, TILE) for part in (*tiles, thumbnail))
        assert len(tiles) * TILE * TILE in {a * b for a, b in CANVASES}


def squashed_twice(kind: str, pixels: int) -> float:
    """By how many grey levels of 255 one object differs, squashed from a high and a wide picture."""
    corner, box = np.array([0.31, 0.42]), np.array([0.3, 0.25])
    squares = [squash(draw(kind, g, corner, box, pixels=pixels))[0] for g in (1 / WIDEST, WIDEST)]
    return float((squares[0] - squares[1]).abs().max()) * 127.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_squashed_picture_does_not_show_what_it_was_squashed_from(kind):
    """The reason for the limit. In coarse pictures one direction is blurred and the other is not."""
    assert squashed_twice(kind, PIXELS) < 5
    assert squashed_twice(kind, 96 * 96) > 16


def test_a_tall_and_a_wide_object_are_the_same_picture_squashed():
    corner, box = np.array([0.3, 0.4]), np.array([0.3, 0.25])
    one, other = (draw("circle", ground, corner, box) for ground in (1.6, 1 / 1.6))
    ratios = [box[0] / box[1] * ground for ground in (1.6, 1 / 1.6)]
    assert ratios[0] / ratios[1] == pytest.approx(1.6**2)
    assert (squash(one)[0] - squash(other)[0]).abs().mean() < 0.002
    assert native(one)[0].shape != native(other)[0].shape


def test_pictures_are_drawn_when_asked_for(pictures):
    drawn = pictures.pictures
    assert len(drawn) == 300
    assert torch.equal(drawn[3], drawn[2:5][1])
    assert torch.equal(drawn[-1], drawn[299])
    with pytest.raises(IndexError):
        drawn[300]


def test_rows_hold_the_parts_and_say_where_they_are(pictures):
    few = wide_pictures(12, seed=3)
    for way in WAYS:
        rows = prepare(few, way)
        assert rows.patches.shape == (12, BUDGET, 3 * PATCH**2)
        counts = [
            sum(p.shape[1] * p.shape[2] for p in WAYS[way](x)) // PATCH**2 for x in few.pictures
        ]
        assert (rows.part >= 0).sum(1).tolist() == counts
        assert bool(rows.told.any()) == way.endswith("told")
        for row in range(12):
            filled = rows.part[row] >= 0
            places = rows.places[row][filled]
            assert len(places.unique(dim=0)) == len(places), "two patches at one place"


def test_empty_places_change_nothing():
    few = wide_pictures(4, seed=3)
    rows = prepare(few, "native")
    torch.manual_seed(0)
    model = RatioReader()
    before = model(rows)
    rows.patches[rows.part < 0] = 9.0
    assert torch.allclose(model(rows), before, atol=1e-6)


def test_a_reader_learns_and_is_the_same_again():
    few = wide_pictures(64, seed=3)
    rows = prepare(few, "native")
    model, history = train_reader(rows, few, 0, steps=25, batch_size=16)
    again, _ = train_reader(rows, few, 0, steps=25, batch_size=16)
    assert sum(history.loss[-5:]) < 0.8 * sum(history.loss[:5])
    assert torch.equal(model(rows), again(rows))
    assert evaluate_reader(model, rows, few).keys() == {"ratio", "kind"}


def test_another_way_is_refused():
    with pytest.raises(ValueError, match="squash"):
        prepare(wide_pictures(1, 0), "stretch")
    with pytest.raises(ValueError, match="whole number"):
        wide_pictures(0, 0)
