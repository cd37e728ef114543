"""The drawn world: its ground truth is true, its options do what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizkit.data import (
    BACKGROUNDS,
    COLORS,
    HELD_OUT_PAIRS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    STYLES,
    render,
    sample_scenes,
)
from vizkit.data.shapes import signed_distance

COLOR_NAMES = list(COLORS)
HELD_OUT = {(SHAPES.index(shape), COLOR_NAMES.index(color)) for shape, color in HELD_OUT_PAIRS}
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "objects": st.sampled_from(["mixed", "one", "two"]),
        "shapes": st.lists(st.sampled_from(SHAPES), min_size=1),
        "colors": st.lists(st.sampled_from(COLOR_NAMES), min_size=3, unique=True),
        "styles": st.sampled_from(STYLES),
        "backgrounds": st.sampled_from(list(BACKGROUNDS)),
        "sizes": st.sampled_from(SIZES),
        "relation": st.sampled_from(RELATIONS[1:]),
        "far_apart": st.booleans(),
        "shading": st.booleans(),
        "grain": st.booleans(),
    },
)


def columns(table):
    return {name: getattr(table, name) for name in table.__dataclass_fields__}


def pairs_of(table):
    present = table.shape >= 0
    return set(zip(table.shape[present].tolist(), table.color[present].tolist(), strict=True))


def test_the_world_has_the_promised_variety():
    assert (len(SHAPES), len(COLORS), len(BACKGROUNDS), len(STYLES), len(SIZES)) == (10, 9, 6, 8, 2)
    table = sample_scenes(2000, seed=1)
    for column, count in (("shape", 10), ("color", 9), ("background", 6), ("style", 8)):
        seen = np.unique(getattr(table, column))
        assert (seen >= 0).sum() == count
    assert set(np.unique(table.relation)) == {0, 1, 2, 3, 4}
    assert set(np.unique(table.place)) == {-1, *range(len(PLACES))}


@settings(max_examples=40, deadline=None)
@given(options=OPTIONS, seed=st.integers(0, 10**9))
def test_boxes_lie_inside_and_never_overlap(options, seed):
    table = sample_scenes(60, seed, held_out="include", **options)
    boxes = table.boxes(64)
    present = table.shape >= 0
    assert np.isnan(boxes[~present]).all()
    assert boxes[present].min() >= 1
    assert boxes[present].max() <= 63
    first, second = boxes[table.num_objects == 2].transpose(1, 0, 2)
    apart_x = np.maximum(first[:, 0] - second[:, 2], second[:, 0] - first[:, 2])
    apart_y = np.maximum(first[:, 1] - second[:, 3], second[:, 1] - first[:, 3])
    assert (np.maximum(apart_x, apart_y) >= 2).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9), options=OPTIONS)
def test_the_relation_is_the_larger_offset(seed, options):
    table = sample_scenes(60, seed, held_out="include", **options)
    two = table.num_objects == 2
    assert ((table.relation > 0) == two).all()
    offset = table.center[two, 0] - table.center[two, 1]
    along_x = np.abs(offset[:, 0]) > np.abs(offset[:, 1])
    said = np.array(RELATIONS)[table.relation[two]]
    assert ((said == "left of") == (along_x & (offset[:, 0] < 0))).all()
    assert ((said == "right of") == (along_x & (offset[:, 0] > 0))).all()
    assert ((said == "above") == (~along_x & (offset[:, 1] < 0))).all()
    assert ((said == "below") == (~along_x & (offset[:, 1] > 0))).all()


@pytest.mark.parametrize("style", STYLES)
def test_boxes_are_tight_to_the_drawn_pixels(style):
    table = sample_scenes(
        60,
        3,
        objects="one",
        styles=style,
        backgrounds="black" if style == "shaded" else None,  # no shadow shows on black
        held_out="include",
        shading=False,
        grain=False,
    )
    pictures = render(table, 128).astype(int)
    boxes = table.boxes(128)[:, 0]
    for picture, box, background in zip(pictures, boxes, table.background, strict=True):
        ground = np.array(list(BACKGROUNDS.values()))[background]
        difference = np.abs(picture - ground).max(axis=-1)
        # A glow is fainter than its tube, and reaches beyond the box.
        drawn = difference > (0.6 * difference.max() if style == "neon" else 24)
        rows, across = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        found = [across[0], rows[0], across[-1] + 1, rows[-1] + 1]
        assert np.abs(found - box).max() <= 4  # 1/32 of the picture


def test_a_plain_background_is_strictly_plain():
    table = sample_scenes(40, 5, objects="one", styles="flat", shading=False, grain=False)
    pictures, boxes = render(table), table.boxes()[:, 0]
    for picture, (left, top, right, bottom), background in zip(
        pictures, boxes, table.background, strict=True
    ):
        outside = np.ones((64, 64), bool)
        outside[int(top) - 1 : int(bottom) + 2, int(left) - 1 : int(right) + 2] = False
        assert (picture[outside] == list(BACKGROUNDS.values())[background]).all()


@pytest.mark.parametrize("option", ["shading", "grain"])
def test_shading_and_grain_show(option):
    both = {"shading": False, "grain": False}
    plain = render(sample_scenes(8, 0, **both))
    changed = render(sample_scenes(8, 0, **{**both, option: True}))
    assert (plain != changed).any(axis=(1, 2, 3)).all()
    assert np.abs(plain.astype(int) - changed).mean() < 16


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_a_seed_gives_the_same_scenes_and_another_seed_others(seed):
    first, again, other = (
        sample_scenes(30, seed),
        sample_scenes(30, seed),
        sample_scenes(30, seed + 1),
    )
    for name, column in columns(first).items():
        np.testing.assert_array_equal(column, getattr(again, name))
    assert not np.array_equal(first.center, other.center)


def test_drawing_does_not_depend_on_the_company():
    table = sample_scenes(700, 2)
    whole = render(table, 32)
    np.testing.assert_array_equal(whole[600:620], render(table[600:620], 32))
    np.testing.assert_array_equal(whole[[5, 1]], render(table[[5, 1]], 32))


def test_a_scene_looks_the_same_at_every_size():
    table = sample_scenes(80, 4, styles=[s for s in STYLES if s != "pixel"], grain=False)
    large = render(table, 256).reshape(80, 64, 4, 64, 4, 3).mean(axis=(2, 4))
    difference = np.abs(large - render(table, 64)).mean(axis=(1, 2, 3))
    assert difference.max() < 4  # of 255, edges included


@settings(max_examples=25, deadline=None)
@given(options=OPTIONS, seed=st.integers(0, 10**9))
def test_names_restrict_what_is_drawn(options, seed):
    table = sample_scenes(40, seed, held_out="include", **options)
    present = table.shape >= 0
    for option, column, names in (
        ("shapes", table.shape[present], SHAPES),
        ("colors", table.color[present], COLOR_NAMES),
        ("styles", table.style, STYLES),
        ("backgrounds", table.background, list(BACKGROUNDS)),
        ("sizes", table.size[present], SIZES),
    ):
        if option in options:
            wanted = options[option]
            wanted = [wanted] if isinstance(wanted, str) else wanted
            assert {names[index] for index in column} <= set(wanted)


def test_held_out_pairs_are_few_of_each():
    held = np.zeros((10, 9), int)
    for shape, color in HELD_OUT:
        held[shape, color] = 1
    assert held.sum() == len(HELD_OUT_PAIRS) == 18
    assert held.sum(axis=0).max() <= 2
    assert held.sum(axis=1).max() <= 2
    assert held.sum(axis=0).min() >= 1
    assert held.sum(axis=1).min() >= 1


@pytest.mark.parametrize("same_color", [None, True, False])
def test_held_out_pairs_appear_only_when_asked_for(same_color):
    assert not pairs_of(sample_scenes(3000, 0, same_color=same_color)) & HELD_OUT
    assert pairs_of(sample_scenes(3000, 0, same_color=same_color, held_out="only")) == HELD_OUT
    assert len(pairs_of(sample_scenes(6000, 0, same_color=same_color, held_out="include"))) == 90


def test_colors_are_equal_or_not_as_asked():
    same = sample_scenes(300, 0, objects="two", same_color=True)
    assert (same.color[:, 0] == same.color[:, 1]).all()
    assert (same.shape[:, 0] != same.shape[:, 1]).all()
    other = sample_scenes(300, 0, objects="two", same_color=False)
    assert (other.color[:, 0] != other.color[:, 1]).all()
    free = sample_scenes(3000, 0, objects="two")
    share = (free.color[:, 0] == free.color[:, 1]).mean()
    assert 0.05 < share < 0.15
    twins = (free.color[:, 0] == free.color[:, 1]) & (free.shape[:, 0] == free.shape[:, 1])
    assert not twins.any()


def test_far_apart_pushes_to_opposite_sides():
    near = sample_scenes(300, 0, objects="two", sizes="small", relation="left of")
    far = sample_scenes(300, 0, objects="two", sizes="small", relation="left of", far_apart=True)
    gap = [np.abs(t.center[:, 1, 0] - t.center[:, 0, 0]) for t in (near, far)]
    assert gap[1].min() > 0.5 > gap[0].min()


def test_exact_arrays_are_obeyed():
    rng = np.random.default_rng(0)
    shapes, colors = rng.integers(0, 10, (50, 2)), rng.integers(0, 9, (50, 2))
    shapes[::2, 1] = colors[::2, 1] = -1
    table = sample_scenes(50, 0, shapes=shapes, colors=colors, held_out="include")
    np.testing.assert_array_equal(table.shape, shapes)
    np.testing.assert_array_equal(table.color, colors)
    np.testing.assert_array_equal(table.num_objects, np.where(np.arange(50) % 2, 2, 1))
    only_shapes = sample_scenes(50, 0, shapes=shapes)
    np.testing.assert_array_equal(only_shapes.shape, shapes)
    assert not pairs_of(only_shapes) & HELD_OUT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be an integer from 1 to 10000000"),
        ({"n": 2.5}, "n must be an integer"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"shapes": "blob"}, "shapes: 'blob' is not among circle, square"),
        ({"colors": ["red", "mauve"]}, "colors: 'mauve' is not among"),
        ({"styles": []}, "styles"),
        ({"backgrounds": 3}, "backgrounds"),
        ({"sizes": "huge"}, "sizes: 'huge' is not among small, large"),
        ({"relation": "none"}, "relation: 'none' is not among left of"),
        ({"objects": "three"}, 'objects must be "mixed", "one" or "two"'),
        ({"held_out": "no"}, 'held_out must be "exclude", "only" or "include"'),
        ({"shapes": np.zeros((3, 2), int)}, r"integers of shape \(4, 2\), got int64 of shape"),
        ({"shapes": np.full((4, 2), 10)}, "indices from 0 to 9"),
        ({"colors": np.full((4, 2), -1)}, "indices from 0 to 8"),
        ({"shapes": np.zeros((4, 2), int), "objects": "one"}, "disagrees with the array"),
        ({"shapes": "circle", "colors": "teal"}, "no shape-color combination fits scene 0"),
        ({"colors": "red", "objects": "two", "same_color": False}, "no shape-color combination"),
        (
            {"shapes": np.zeros((4, 2), int), "colors": np.array([[0, -1]] * 4)},
            "disagree on which scenes have two objects",
        ),
    ],
)
def test_bad_options_are_refused_with_a_reason(options, message):
    with pytest.raises(ValueError, match=message):
        sample_scenes(**{"n": 4, **options})


@pytest.mark.parametrize("image_size", [8, 4096, 64.0, "64", True])
def test_bad_picture_sizes_are_refused(image_size):
    with pytest.raises(ValueError, match="image_size must be an integer from 16 to 1024"):
        render(sample_scenes(1), image_size)


@pytest.mark.parametrize("image_size", [16, 17, 50, 100])
def test_odd_picture_sizes_work(image_size):
    pictures = render(sample_scenes(20, 1), image_size)
    assert pictures.shape == (20, image_size, image_size, 3)
    assert pictures.dtype == np.uint8
    assert (pictures.std(axis=(1, 2)).max(axis=-1) > 3).all()


@pytest.mark.parametrize("shape", range(10), ids=SHAPES)
def test_distances_are_distances(shape):
    """Outside, the distance to the outline must be the distance to the nearest inner point."""
    axis = np.linspace(-1.3, 1.3, 131)
    x, y = np.meshgrid(axis, axis)
    distance = signed_distance(np.array([shape]), x[None], y[None])[0]
    inside = np.stack([x[distance <= 0], y[distance <= 0]])
    outside = (distance > 0.05) & (distance < 0.5)
    sample = np.random.default_rng(0).choice(np.flatnonzero(outside), 200)
    points = np.stack([x.flat[sample], y.flat[sample]])
    nearest = np.hypot(*(points[:, :, None] - inside[:, None, :])).min(axis=1)
    assert np.abs(nearest - distance.flat[sample]).max() < 0.04


def test_every_color_stands_out_from_every_background():
    colors = np.array([[i, -1] for i in range(9) for _ in range(6)])
    table = sample_scenes(54, 0, colors=colors, styles="flat", shapes="circle", held_out="include")
    table.background[:] = np.tile(np.arange(6), 9)
    pictures = render(table, 64).astype(float)
    at = (table.center[:, 0] * 64).astype(int)
    ink = pictures[np.arange(54), at[:, 1], at[:, 0]]
    ground = np.array(list(BACKGROUNDS.values()))[table.background]
    assert np.linalg.norm(ink - ground, axis=1).min() > 90


def test_slicing_keeps_the_columns_together():
    table = sample_scenes(20, 0)
    part = table[np.array([3, 7])]
    assert len(part) == 2
    assert len(table[4]) == 1
    assert len(table[:5]) == 5
    np.testing.assert_array_equal(part.boxes()[1], table.boxes()[7])
