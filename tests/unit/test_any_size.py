"""Tiles, native sizes, token budgets and multimodal RoPE against transformers' own code."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.equality import assert_close
from vizkit.models.budgets import BUDGETS, picture_tokens
from vizkit.models.multimodal_rope import axis_of_pairs, multimodal_places, multimodal_rotation
from vizkit.models.rope import rotate
from vizkit.models.tiles import (
    at_native_size,
    best_canvas,
    centre_crop,
    cut_tiles,
    letterbox,
    native_grid,
    smart_size,
)

pytest.importorskip("transformers")
QUICK = settings(max_examples=150, deadline=None)
SIDES = st.integers(1, 3000)
SIZES = st.tuples(st.integers(10, 3000), st.integers(10, 3000))
CANVASES = BUDGETS["LLaVA-NeXT"].canvases


# Sizes


@QUICK
@given(SIZES, st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=6))
def test_best_canvas_is_that_of_llava_next(size, canvases):
    from transformers.image_processing_utils import select_best_resolution

    for choice in (list(CANVASES), canvases):
        assume(all(min(h / size[0], w / size[1]) * min(size) >= 1 for h, w in choice))
        assert best_canvas(size, choice) == tuple(select_best_resolution(size, choice))


@QUICK
@given(st.tuples(SIDES, SIDES), st.integers(1, 64))
def test_smart_size_is_that_of_qwen(size, factor):
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    assume(max(size) <= 200 * min(size))
    least, most = 4 * factor**2, 1280 * factor**2
    assert smart_size(size, factor, least, most) == smart_resize(
        *size, factor=factor, min_pixels=least, max_pixels=most
    )


@QUICK
@given(SIZES, st.integers(4, 32), st.integers(16, 400))
def test_native_grid_is_that_of_siglip_2(size, patch_size, budget):
    from transformers.models.siglip2 import image_processing_siglip2 as siglip2

    assume(max(size) <= 10 * min(size))
    height, width = siglip2.get_image_size_for_max_num_patches(*size, patch_size, budget)
    assert native_grid(size, patch_size, budget) == (height // patch_size, width // patch_size)


@QUICK
@given(SIZES, st.integers(1, 40))
def test_native_grid_is_the_largest_scale_that_fits(size, budget):
    """By trying: a hair more of the scale than the grid's own would be too many patches."""
    rows, columns = native_grid(size, 8, budget)
    assert rows * columns <= budget
    scale = min(rows * 8 / size[0], columns * 8 / size[1])
    more = [-(-side * scale * (1 + 1e-9) // 8) for side in size]
    assert more[0] * more[1] > budget or rows == columns == 1


# Cuts


def test_tiles_are_the_letterboxed_picture_row_by_row_and_the_thumbnail_is_squashed():
    picture = torch.rand(3, 20, 50)
    tiles, thumbnail = cut_tiles(picture, (32, 64), 16)
    whole = letterbox(picture, (32, 64))
    assert tiles.shape == (8, 3, 16, 16)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 4)
        part = whole[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
        assert torch.equal(tile, part)
    assert thumbnail.shape == (3, 16, 16)
    assert (thumbnail.mean() - picture.mean()).abs() < 0.02


def test_a_letterboxed_picture_keeps_its_ratio_and_lies_in_the_middle():
    laid = letterbox(torch.ones(1, 10, 30), (60, 60))
    inside = laid[0] > 0.5
    assert inside.any(1).nonzero().flatten().tolist() == list(range(20, 40))
    assert inside.any(0).all()


def test_native_size_and_crop_keep_the_ratio_of_what_they_show():
    assert at_native_size(torch.ones(3, 100, 200), 8, 32).shape == (3, 32, 64)
    crop = centre_crop(torch.arange(24.0).reshape(1, 4, 6))
    assert crop.shape == (1, 4, 4)
    assert crop[0, 0].tolist() == [1, 2, 3, 4]


# Budgets


def test_settings_are_those_of_the_configurations_in_transformers():
    from transformers import (
        LlavaConfig,
        LlavaNextConfig,
        Qwen2_5_VLConfig,
        Qwen3VLConfig,
        Siglip2VisionConfig,
    )

    for config, name in ((LlavaConfig(), "LLaVA-1.5"), (LlavaNextConfig(), "LLaVA-NeXT")):
        vision = config.vision_config
        side = BUDGETS[name].side if name == "LLaVA-1.5" else BUDGETS[name].tile
        assert (vision.image_size, vision.patch_size) == (side, BUDGETS[name].cell)
        assert config.image_seq_length == (side // BUDGETS[name].cell) ** 2
    assert tuple(tuple(pair) for pair in LlavaNextConfig().image_grid_pinpoints) == CANVASES
    for config, name in ((Qwen2_5_VLConfig(), "Qwen2.5-VL"), (Qwen3VLConfig(), "Qwen3-VL")):
        vision = config.vision_config
        assert vision.patch_size * vision.spatial_merge_size == BUDGETS[name].cell
    siglip = Siglip2VisionConfig()
    assert siglip.patch_size == BUDGETS["SigLIP 2 NaFlex"].patch_size
    assert siglip.num_patches == BUDGETS["SigLIP 2 NaFlex"].budget


@QUICK
@given(SIZES)
def test_tokens_of_llava_next_are_those_of_its_processor(size):
    from transformers import LlavaNextProcessor
    from transformers.models.llava_next.image_processing_llava_next import LlavaNextImageProcessor

    processor = LlavaNextProcessor.__new__(LlavaNextProcessor)
    processor.image_processor = LlavaNextImageProcessor()
    processor.patch_size, processor.num_additional_image_tokens = 14, 0
    expected = processor._get_number_of_features(*size, 336, 336)
    assert picture_tokens("LLaVA-NeXT", size) == expected


@pytest.mark.parametrize(("name", "patch_size"), [("Qwen2.5-VL", 14), ("Qwen3-VL", 16)])
@pytest.mark.parametrize("size", [(300, 500), (40, 30), (1080, 1920), (333, 90)])
def test_tokens_of_qwen_are_those_of_its_image_processor(name, patch_size, size):
    from transformers import Qwen2VLImageProcessor

    budget = BUDGETS[name]
    processor = Qwen2VLImageProcessor(
        patch_size=patch_size, size={"shortest_edge": budget.least, "longest_edge": budget.most}
    )
    picture = torch.zeros(3, *size, dtype=torch.uint8)
    _, rows, columns = processor(picture, return_tensors="pt")["image_grid_thw"][0].tolist()
    assert picture_tokens(name, size) == rows * columns // 4


def test_fixed_budgets_do_not_ask_for_the_size():
    for size in ((10, 10), (3000, 20)):
        assert picture_tokens("LLaVA-1.5", size) == 576
        assert picture_tokens("FastVLM", size) == 256


# Multimodal RoPE


@QUICK
@given(
    st.lists(
        st.one_of(st.integers(1, 5), st.tuples(st.integers(1, 5), st.integers(1, 5))),
        min_size=1,
        max_size=5,
    )
)
def test_places_are_those_of_qwen2_vl(parts):
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLModel

    kinds, grids = [], []
    for before, part in zip([None, *parts], parts, strict=False):
        assume(not (isinstance(part, tuple) and isinstance(before, tuple)))
        kinds += [int(isinstance(part, tuple))] * (
            part[0] * part[1] if isinstance(part, tuple) else part
        )
        grids += [(1, 2 * part[0], 2 * part[1])] if isinstance(part, tuple) else []
    model = Qwen2VLModel.__new__(Qwen2VLModel)
    torch.nn.Module.__init__(model)
    model.config = type("", (), {"vision_config": type("", (), {"spatial_merge_size": 2})})
    expected, _ = model.get_rope_index(
        torch.zeros(1, len(kinds), dtype=torch.long),
        torch.tensor([kinds]),
        image_grid_thw=torch.tensor(grids) if grids else None,
    )
    assert torch.equal(multimodal_places(parts), expected[:, 0].T)


def test_words_alone_stand_where_one_dimension_puts_them():
    assert multimodal_places([3, 2]).tolist() == [[n] * 3 for n in range(5)]


SECTIONS = {"sections": (2, 3, 3), "interleaved": (4, 2, 2)}


@pytest.mark.parametrize("layout", SECTIONS)
def test_turned_heads_give_the_scores_of_transformers(layout):
    """Theirs pair channel i with i + d/2, ours neighbours: the scores q . k are the same."""
    from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2
    from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3

    theirs = {
        "sections": (qwen2.Qwen2VLRotaryEmbedding, qwen2.Qwen2VLTextConfig),
        "interleaved": (qwen3.Qwen3VLTextRotaryEmbedding, qwen3.Qwen3VLTextConfig),
    }
    turner, config = theirs[layout]
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": list(SECTIONS[layout])}
    config = config(
        hidden_size=32,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        rope_parameters=rope,
    )
    places = multimodal_places([3, (2, 4), 2])
    query, key = torch.randn(2, 1, 2, len(places), 16).unbind()
    cosine, sine = turner(config)(query, places.T[:, None])
    expected = qwen2.apply_rotary_pos_emb(query, key, cosine, sine)
    rotation = multimodal_rotation(
        places, sections=SECTIONS[layout], layout=layout, temperature=1e4
    )
    neighbours = torch.arange(16).view(2, 8).T.flatten()  # 0, 8, 1, 9, ...
    ours = [rotate(heads[..., neighbours], rotation) for heads in (query, key)]
    assert_close(ours[0], expected[0][..., neighbours], "query")
    assert_close(ours[0] @ ours[1].mT, expected[0] @ expected[1].mT, "scores")


def test_interleaving_gives_each_axis_fast_and_slow_pairs():
    assert axis_of_pairs((2, 2, 2), "sections").tolist() == [0, 0, 1, 1, 2, 2]
    assert axis_of_pairs((2, 2, 2), "interleaved").tolist() == [0, 1, 2, 0, 1, 2]
    assert axis_of_pairs((4, 1, 1), "interleaved").tolist() == [0, 1, 2, 0, 0, 0]


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_canvas((10, 10), []), "at least one canvas"),
        (lambda: best_canvas((0, 10), [(5, 5)]), "size"),
        (lambda: cut_tiles(torch.zeros(3, 8, 8), (30, 16), 16), "whole tiles of 16"),
        (lambda: cut_tiles(torch.zeros(8, 8), (32, 16), 16), r"\(C, H, W\)"),
        (lambda: native_grid((10, 10), 0, 4), "patch_size"),
        (lambda: native_grid((10, 10), 4, 0), "budget"),
        (lambda: smart_size((1, 300), 28, 1, 100), "at most 200"),
        (lambda: picture_tokens("GPT", (10, 10)), "LLaVA-1.5"),
        (lambda: picture_tokens("FastVLM", (10, 0)), "size"),
        (lambda: multimodal_places([]), "at least one part"),
        (lambda: multimodal_places([(0, 2)]), "picture"),
        (lambda: multimodal_places([0]), "words"),
        (lambda: multimodal_rotation(torch.zeros(2, 3), sections=(0, 1, 1)), "time"),
        (
            lambda: multimodal_rotation(torch.zeros(2, 3), sections=(1, 1, 1), layout="mixed"),
            "interleaved",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
