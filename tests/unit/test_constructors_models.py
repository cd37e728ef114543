"""Public names of `vizkit.models`: a right answer, or an error that says what came."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.unit.constructors import (
    Case,
    checks_of,
    fixed,
    one_of,
)
from vizkit import models

SIDES = st.integers(1, 4)
GRIDS = st.tuples(SIDES, SIDES)
WIDTHS = one_of(4, 8, 12)
FEW_CLASSES = one_of(0, 1, 5)
RATIOS = one_of(1, 1.5, 2.0)


def noise(*shape: int) -> Tensor:
    """The same numbers for the same shape, with a gradient to come."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator).requires_grad_()


def assert_maps(module: nn.Module, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Fails unless the module takes this shape to the expected one, finite, with a gradient."""
    inputs = noise(*shape)
    output = module.eval()(inputs)
    assert output.shape == expected
    assert output.isfinite().all()
    (slope,) = torch.autograd.grad(output.square().sum(), inputs)
    assert slope.isfinite().all()


def assert_tensor(received: Any, shape: tuple[int, ...]) -> None:
    assert isinstance(received, Tensor)
    assert received.shape == shape
    assert received.isfinite().all()


@st.composite
def heads(draw, multiple: int = 1) -> dict[str, int]:
    """A number of channels that can be shared out among the heads."""
    num_heads = draw(st.integers(1, 3))
    return {"embed_dim": num_heads * multiple * draw(st.integers(1, 3)), "num_heads": num_heads}


def with_heads(multiple: int = 1, **more: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda a, b: {**a, **b}, heads(multiple), fixed(**more))


# Parts of the transformer


def tokens_to_tokens(module: nn.Module, options: dict[str, Any]) -> None:
    width = options["embed_dim"]
    assert_maps(module, (2, 5, width), (2, 5, width))


def pooled(module: nn.Module, options: dict[str, Any]) -> None:
    assert_maps(module, (2, 5, options["embed_dim"]), (2, options["embed_dim"]))


@st.composite
def queries_and_keys(draw) -> dict[str, Any]:
    rows, columns, width = (draw(st.integers(1, 4)) for _ in range(3))
    return {
        "query": noise(2, rows, width),
        "key": noise(2, columns, width),
        "mask": draw(one_of(None, torch.ones(rows, columns, dtype=torch.bool))),
    }


def rows_sum_to_one(weights: Tensor, options: dict[str, Any]) -> None:
    assert_tensor(weights, (2, options["query"].shape[1], options["key"].shape[1]))
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


TRANSFORMER = {
    "Attention": Case(models.Attention, heads(), tokens_to_tokens),
    "EncoderBlock": Case(models.EncoderBlock, with_heads(mlp_ratio=RATIOS), tokens_to_tokens),
    "Mlp": Case(models.Mlp, fixed(embed_dim=WIDTHS, hidden_dim=WIDTHS), tokens_to_tokens),
    "AttentionPooling": Case(models.AttentionPooling, with_heads(mlp_ratio=RATIOS), pooled),
    "attention_weights": Case(
        models.attention_weights,
        queries_and_keys(),
        rows_sum_to_one,
        keep=("query", "key", "mask"),  # formula: torch's own errors name the shapes
    ),
}


# From images to tokens


@st.composite
def images_in_patches(draw) -> dict[str, Any]:
    patch_size, rows, columns = (draw(SIDES) for _ in range(3))
    images = noise(2, draw(SIDES), rows * patch_size, columns * patch_size)
    return {"images": images, "patch_size": patch_size}


def patches_of(patches: Tensor, options: dict[str, Any]) -> None:
    images, side = options["images"], options["patch_size"]
    batch, channels, height, width = images.shape
    assert patches.shape == (batch, height * width // side**2, side**2 * channels)
    grid = (height // side, width // side)
    assert torch.equal(models.unpatchify(patches, side, grid), images)


@st.composite
def patches_on_a_grid(draw) -> dict[str, Any]:
    grid, side = draw(GRIDS), draw(SIDES)
    patches = noise(2, grid[0] * grid[1], side**2 * draw(SIDES))
    return {"patches": patches, "patch_size": side, "grid": grid}


def image_of(images: Tensor, options: dict[str, Any]) -> None:
    assert torch.equal(models.patchify(images, options["patch_size"]), options["patches"])


def stem(module: nn.Module, options: dict[str, Any]) -> None:
    side = options["patch_size"]
    shape = (2, options["in_channels"], 2 * side, 3 * side)
    assert_maps(module, shape, (2, 6, options["embed_dim"]))


WRONG_IMAGES = (noise(4, 4), noise(1, 3, 4), noise(1, 3, 0, 4), noise(1, 2, 7, 5))
STEMS = {
    "patchify": Case(models.patchify, images_in_patches(), patches_of),
    "unpatchify": Case(models.unpatchify, patches_on_a_grid(), image_of),
    "PatchEmbed": Case(
        models.PatchEmbed, fixed(patch_size=SIDES, in_channels=SIDES, embed_dim=WIDTHS), stem
    ),
    "ConvolutionalStem": Case(
        models.ConvolutionalStem,
        fixed(
            patch_size=one_of(2, 4, 8),
            in_channels=SIDES,
            embed_dim=WIDTHS,
            norm=one_of("batch", "group", "layer"),
        ),
        stem,
    ),
    "ResidualStem": Case(
        models.ResidualStem,
        fixed(patch_size=one_of(4, 8), in_channels=SIDES, embed_dim=WIDTHS),
        stem,
    ),
}


# Positions


def positioned(module: nn.Module, options: dict[str, Any]) -> None:
    rows, columns = options["grid"]
    num_tokens = options["num_prefix_tokens"] + rows * columns
    assert_maps(
        module, (2, num_tokens, options["embed_dim"]), (2, num_tokens, options["embed_dim"])
    )
    rotations = module.rotations()
    assert len(rotations) == options["depth"]
    for rotation in rotations:
        if rotation is not None:
            assert rotation.shape[-2] == num_tokens
            assert rotation.isfinite().all()


POSITION = with_heads(4, grid=GRIDS, num_prefix_tokens=st.integers(0, 2), depth=st.integers(1, 2))
POSITIONS = {
    name: Case(getattr(models, name), POSITION, positioned, examples=8)
    for name in (
        "Position",
        "LearnedPosition1d",
        "LearnedPosition2d",
        "SinCosPosition2d",
        "RopeAxial",
        "RopeMixed",
    )
}
TEMPERATURES = one_of(10, 100.0, 10_000.0)


def places_of(places: Tensor, options: dict[str, Any]) -> None:
    rows, columns = options["grid"]
    assert_tensor(places, (rows * columns, 2))
    assert places.unique(dim=0).shape == places.shape or options["mode"] == "repeat"


@st.composite
def heads_and_rotation(draw) -> dict[str, Any]:
    num_tokens, pairs = draw(SIDES), draw(SIDES)
    places = torch.rand(num_tokens, 2)
    rotation = models.rotation_of(places, torch.rand(2, pairs))
    return {"heads": noise(2, draw(SIDES), num_tokens, 2 * pairs), "rotation": rotation}


def turned(heads: Tensor, options: dict[str, Any]) -> None:
    assert_tensor(heads, options["heads"].shape)
    torch.testing.assert_close(heads.norm(dim=-1), options["heads"].norm(dim=-1))


ROPE = {
    "sincos_2d": Case(
        models.sincos_2d,
        fixed(grid=GRIDS, embed_dim=WIDTHS, temperature=TEMPERATURES),
        lambda table, options: assert_tensor(
            table, (options["grid"][0] * options["grid"][1], options["embed_dim"])
        ),
    ),
    "patch_places": Case(
        models.patch_places,
        fixed(grid=GRIDS, trained_grid=GRIDS, mode=one_of("interpolate", "extrapolate", "repeat")),
        places_of,
    ),
    "axial_frequencies": Case(
        models.axial_frequencies,
        fixed(head_dim=WIDTHS, temperature=TEMPERATURES),
        lambda table, options: assert_tensor(table, (2, options["head_dim"] // 2)),
    ),
    "mixed_frequencies": Case(
        models.mixed_frequencies,
        fixed(depth=SIDES, num_heads=SIDES, head_dim=WIDTHS, temperature=TEMPERATURES),
        lambda table, options: assert_tensor(
            table, (2, options["depth"], options["num_heads"], options["head_dim"] // 2)
        ),
    ),
    "rotate": Case(
        models.rotate,
        heads_and_rotation(),
        turned,
        keep=("heads", "rotation"),  # formula: torch's own errors name the shapes
    ),
    "rotation_of": Case(
        models.rotation_of,
        st.builds(lambda t, d: {"places": noise(t, 2), "frequencies": noise(2, d)}, SIDES, SIDES),
        lambda rotation, options: assert_tensor(
            rotation, (2, len(options["places"]), options["frequencies"].shape[1])
        ),
        keep=("places", "frequencies"),  # formula: torch's own errors name the shapes
    ),
}


# Whole encoders


def features_or_scores(module: nn.Module, size: tuple[int, int], options: dict[str, Any]) -> None:
    width = options["num_classes"] or module.embed_dim
    assert_maps(module, (2, options["in_channels"], *size), (2, width))


@st.composite
def vision_transformer(draw) -> dict[str, Any]:
    patch_size = draw(one_of(4, 8))
    side = patch_size * draw(st.integers(1, 2))
    return {
        **draw(heads(4)),
        "image_size": draw(one_of(side, (side, patch_size))),
        "patch_size": patch_size,
        "in_channels": draw(SIDES),
        "depth": draw(st.integers(1, 2)),
        "mlp_ratio": draw(RATIOS),
        "stem": draw(one_of("patch", "convolution", "residual")),
        "position": draw(st.sampled_from(list(models.POSITIONS))),
        "pooling": draw(one_of("cls", "mean", "map")),
        "num_classes": draw(FEW_CLASSES),
        "initialization": draw(one_of("published", "fan_in")),
    }


@st.composite
def swin(draw) -> dict[str, Any]:
    stages = draw(st.integers(1, 2))
    return {
        "image_size": draw(one_of(8, (16, 8))),
        "patch_size": draw(one_of(2, 4)),
        "in_channels": draw(SIDES),
        "width": 4 * draw(st.integers(1, 2)),
        "depths": draw(st.tuples(*[st.integers(1, 2)] * stages)),
        "num_heads": draw(st.tuples(*[one_of(1, 2, 4)] * stages)),
        "window_size": draw(SIDES),
        "mlp_ratio": draw(RATIOS),
        "num_classes": draw(FEW_CLASSES),
        "initialization": draw(one_of("published", "fan_in")),
    }


@st.composite
def conv_net(draw) -> dict[str, Any]:
    stages = draw(st.integers(1, 2))
    return {
        "in_channels": draw(SIDES),
        "width": draw(WIDTHS),
        "depth": draw(st.tuples(*[st.integers(1, 2)] * stages)),
        "strides": draw(st.tuples(*[st.integers(1, 2)] * stages)),
        "stem_stride": draw(st.integers(1, 2)),
        "norm": draw(one_of("batch", "group", "layer")),
        "num_classes": draw(FEW_CLASSES),
    }


@st.composite
def convnext(draw) -> dict[str, Any]:
    stages = draw(st.integers(1, 2))
    return {
        "in_channels": draw(SIDES),
        "patch_size": draw(one_of(2, 4)),
        "widths": draw(st.tuples(*[WIDTHS] * stages)),
        "depths": draw(st.tuples(*[st.integers(1, 2)] * stages)),
        "block": draw(one_of(models.ConvNeXtBlock, models.ModernizedBlock)),
        "num_classes": draw(FEW_CLASSES),
        "initialization": draw(one_of("published", "fan_in")),
    }


def maps_to_maps(module: nn.Module, options: dict[str, Any]) -> None:
    shape = (2, options["channels"], 5, 6)
    assert_maps(module, shape, shape)


def strided(module: nn.Module, options: dict[str, Any]) -> None:
    side = (6 - 1) // options["stride"] + 1
    expected = (2, options["out_channels"], side, side)
    assert_maps(module, (2, options["in_channels"], 6, 6), expected)


@st.composite
def swin_block(draw) -> dict[str, Any]:
    return {
        **draw(heads()),
        "grid": draw(GRIDS),
        "window_size": draw(SIDES),
        "shifted": draw(st.booleans()),
        "mlp_ratio": draw(RATIOS),
    }


def block_on_a_grid(module: nn.Module, options: dict[str, Any]) -> None:
    shape = (2, *options["grid"], options["embed_dim"])
    assert_maps(module, shape, shape)


def merging(module: nn.Module, options: dict[str, Any]) -> None:
    width = options["embed_dim"]
    assert_maps(module, (2, 3, 4, width), (2, 2, 2, 2 * width))


def within_windows(module: nn.Module, options: dict[str, Any]) -> None:
    area = options["window"][0] * options["window"][1]
    shape = (4, area, options["embed_dim"])
    assert_maps(module, shape, shape)


LAYER_SCALES = one_of(None, 1e-6, 1.0)
ENCODERS = {
    "VisionTransformer": Case(
        models.VisionTransformer,
        vision_transformer(),
        lambda model, options: features_or_scores(model, model.image_size, options),
        examples=25,
    ),
    "ConvNet": Case(
        models.ConvNet,
        conv_net(),
        lambda model, options: features_or_scores(model, (9, 8), options),
    ),
    "ConvNeXt": Case(
        models.ConvNeXt,
        convnext(),
        lambda model, options: features_or_scores(model, (9, 8), options),
    ),
    "SwinTransformer": Case(
        models.SwinTransformer,
        swin(),
        lambda model, options: features_or_scores(model, model.image_size, options),
    ),
    "BasicBlock": Case(
        models.BasicBlock,
        fixed(
            in_channels=WIDTHS,
            out_channels=WIDTHS,
            stride=st.integers(1, 3),
            norm=one_of("batch", "group", "layer"),
        ),
        strided,
    ),
    "ConvNeXtBlock": Case(
        models.ConvNeXtBlock,
        fixed(channels=WIDTHS, kernel_size=one_of(1, 3, 7), layer_scale=LAYER_SCALES),
        maps_to_maps,
    ),
    "LayerNorm2d": Case(models.LayerNorm2d, fixed(channels=WIDTHS), maps_to_maps),
    "ModernizedBlock": Case(
        models.ModernizedBlock,
        fixed(
            channels=WIDTHS,
            depthwise=st.booleans(),
            inverted=st.booleans(),
            spatial_first=st.booleans(),
            kernel_size=one_of(1, 3, 7),
            activation=one_of("relu", "gelu"),
            one_activation=st.booleans(),
            one_norm=st.booleans(),
            norm=one_of("batch", "layer"),
            layer_scale=LAYER_SCALES,
        ),
        maps_to_maps,
    ),
    "PatchMerging": Case(models.PatchMerging, fixed(embed_dim=WIDTHS), merging),
    "SwinBlock": Case(models.SwinBlock, swin_block(), block_on_a_grid),
    "WindowAttention": Case(models.WindowAttention, with_heads(window=GRIDS), within_windows),
}


# Windows


@st.composite
def grid_of_windows(draw) -> dict[str, Any]:
    window, windows = draw(GRIDS), draw(GRIDS)
    grid = (window[0] * windows[0], window[1] * windows[1])
    return {"window": window, "grid": grid}


def cut_into_windows(options: dict[str, Any]) -> dict[str, Any]:
    return {"tokens": noise(2, *options["grid"], 3), "window": options["window"]}


def windows_of(windows: Tensor, options: dict[str, Any]) -> None:
    tokens, window = options["tokens"], options["window"]
    assert windows.shape[1:] == (window[0] * window[1], tokens.shape[-1])
    assert torch.equal(models.window_merge(windows, window, tuple(tokens.shape[1:3])), tokens)


def back_on_the_grid(options: dict[str, Any]) -> dict[str, Any]:
    return {"windows": models.window_partition(**cut_into_windows(options)), **options}


def grid_of(tokens: Tensor, options: dict[str, Any]) -> None:
    assert torch.equal(models.window_partition(tokens, options["window"]), options["windows"])


def index_of(index: Tensor, options: dict[str, Any]) -> None:
    high, wide = options["window"]
    assert_tensor(index, (high * wide, high * wide))
    assert torch.equal(index.unique(), torch.arange((2 * high - 1) * (2 * wide - 1)))


def with_shift(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "shift": tuple(side // 2 for side in options["window"])}


def mask_of(mask: Tensor, options: dict[str, Any]) -> None:
    (rows, columns), (high, wide) = options["grid"], options["window"]
    assert mask.shape == (rows * columns // (high * wide), high * wide, high * wide)
    assert torch.equal(mask, mask.transpose(1, 2))
    assert mask.diagonal(dim1=1, dim2=2).all()


WINDOWS = {
    "window_partition": Case(
        models.window_partition,
        grid_of_windows().map(cut_into_windows),
        windows_of,
        keep=("tokens",),
        also_odd={"window": ((5, 7),)},
    ),
    "window_merge": Case(
        models.window_merge,
        grid_of_windows().map(back_on_the_grid),
        grid_of,
        keep=("windows",),
    ),
    "relative_position_index": Case(models.relative_position_index, fixed(window=GRIDS), index_of),
    "shift_mask": Case(models.shift_mask, grid_of_windows().map(with_shift), mask_of),
}


# Into the language model


def connected(num_tokens: Callable[[dict[str, Any]], int]) -> Callable[[nn.Module, dict], None]:
    """A check that 36 tokens become so many, of the wanted width."""

    def check(module: nn.Module, options: dict[str, Any]) -> None:
        expected = (2, num_tokens(options), options["embed_dim"])
        assert_maps(module, (2, 36, options["in_dim"]), expected)

    return check


@st.composite
def tokens_in_blocks(draw) -> dict[str, Any]:
    factor, rows, columns = (draw(st.integers(1, 3)) for _ in range(3))
    grid = (factor * rows, factor * columns)
    return {"tokens": noise(2, grid[0] * grid[1], 3), "factor": factor, "grid": grid}


def blocks_of(wide: bool) -> Callable[[Tensor, dict[str, Any]], None]:
    """A check that every block became one token, `wide` if its tokens stand side by side."""

    def check(blocks: Tensor, options: dict[str, Any]) -> None:
        tokens, area = options["tokens"], options["factor"] ** 2
        count = tokens.shape[1] // area
        assert_tensor(blocks, (len(tokens), count, tokens.shape[2] * (area if wide else 1)))
        torch.testing.assert_close(blocks.sum() / (1 if wide else 1 / area), tokens.sum())

    return check


def scores_of_next_words(decoder: nn.Module, options: dict[str, Any]) -> None:
    words = torch.zeros(2, min(3, options["context_length"]), dtype=torch.long)
    scores = decoder(words)
    assert scores.shape == (*words.shape, options["vocabulary_size"])
    assert scores.isfinite().all()
    scores.sum().backward()


def mask_of_a_prefix(mask: Tensor, options: dict[str, Any]) -> None:
    length, free = options["length"], options["num_free"]
    assert mask.shape == (length, length)
    assert mask.sum() == length * (length + 1) // 2 + free * (free - 1) // 2


@st.composite
def words_to_learn(draw) -> dict[str, Any]:
    length, vocabulary = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    counted = torch.zeros(2, length, dtype=torch.bool)
    counted[:, draw(st.integers(1, length - 1))] = True
    tokens = torch.full((2, length), draw(st.integers(0, vocabulary - 1)))
    return {"logits": noise(2, length, vocabulary), "tokens": tokens, "counted": counted}


def a_loss(loss: Tensor, options: dict[str, Any]) -> None:
    assert_tensor(loss, ())
    assert loss > 0


def small_vlm_parts(embed_dim: int) -> dict[str, Any]:
    sizes = {"context_length": 12, "depth": 1, "num_heads": 1}
    return {
        "connector": models.MlpConnector(in_dim=3, embed_dim=embed_dim),
        "decoder": models.CausalDecoder(vocabulary_size=5, embed_dim=embed_dim, **sizes),
    }


def words_from_features(model: nn.Module, options: dict[str, Any]) -> None:
    assert model(noise(2, 4, 3), torch.zeros(2, 3, dtype=torch.long)).shape == (2, 3, 5)


FACTORS = one_of(1, 2, 3)
INTO_THE_VLM = {
    "MlpConnector": Case(
        models.MlpConnector, fixed(in_dim=WIDTHS, embed_dim=WIDTHS), connected(lambda options: 36)
    ),
    "PixelShuffleConnector": Case(
        models.PixelShuffleConnector,
        fixed(in_dim=WIDTHS, embed_dim=WIDTHS, factor=FACTORS),
        connected(lambda options: 36 // options["factor"] ** 2),
    ),
    "PoolingConnector": Case(
        models.PoolingConnector,
        fixed(in_dim=WIDTHS, embed_dim=WIDTHS, factor=FACTORS),
        connected(lambda options: 36 // options["factor"] ** 2),
    ),
    "Resampler": Case(
        models.Resampler,
        with_heads(in_dim=WIDTHS, num_queries=SIDES),
        connected(lambda options: options["num_queries"]),
    ),
    "pixel_shuffle": Case(models.pixel_shuffle, tokens_in_blocks(), blocks_of(wide=True)),
    "pool_grid": Case(models.pool_grid, tokens_in_blocks(), blocks_of(wide=False)),
    "CausalDecoder": Case(
        models.CausalDecoder,
        with_heads(vocabulary_size=SIDES, context_length=one_of(4, 8), depth=one_of(1, 2)),
        scores_of_next_words,
    ),
    "prefix_mask": Case(
        models.prefix_mask,
        fixed(length=one_of(4, 5), num_free=one_of(0, 1, 4)),
        mask_of_a_prefix,
    ),
    "next_word_loss": Case(models.next_word_loss, words_to_learn(), a_loss),
    "VisionLanguageModel": Case(
        models.VisionLanguageModel,
        st.builds(small_vlm_parts, WIDTHS),
        words_from_features,
        also_odd={"connector": (nn.Identity,)},
    ),
}


# What looks into models


def small_vit(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"image_size": 16, "patch_size": 8, "embed_dim": 8, "depth": 2, "num_heads": 2}
    return models.VisionTransformer(**sizes, **options)


def small_timm_vit(depth: int = 2) -> nn.Module:
    sizes = {"img_size": 16, "patch_size": 8, "embed_dim": 8, "num_heads": 2}
    return timm.models.VisionTransformer(**sizes, depth=depth, num_classes=0)


def convnext_of_both() -> dict[str, nn.Module]:
    widths, depths = (4, 4, 8, 8), (1, 1, 1, 1)
    ours = models.ConvNeXt(widths=widths, depths=depths)
    theirs = timm.models.ConvNeXt(dims=widths, depths=depths, num_classes=0)
    return {"model": ours, "timm_model": theirs}


def captured(capture: models.AttentionCapture, options: dict[str, Any]) -> None:
    batch = len(options["images"])
    layers = options["layers"]
    assert capture.names == [
        f"blocks.{i}.attention" for i in ([0, 1] if layers is None else sorted(set(layers)))
    ]
    for one in capture.maps:
        assert one.shape == (batch, 2, 5, 5)
        torch.testing.assert_close(one.sum(-1), torch.ones(batch, 2, 5))


def same_features(nothing: None, options: dict[str, Any]) -> None:
    size = (2, 3, *getattr(options["model"], "image_size", (32, 32)))
    with torch.no_grad():
        ours = options["model"].eval()(noise(*size))
        torch.testing.assert_close(ours, options["timm_model"].eval()(noise(*size)))


WHOLE_MODELS = {
    "capture_attention": Case(
        models.capture_attention,
        fixed(
            model=st.builds(small_vit, num_classes=FEW_CLASSES),
            images=st.integers(1, 3).map(lambda batch: noise(batch, 3, 16, 16)),
            layers=one_of(None, [0], [1, 0]),
        ),
        captured,
        also_odd={"images": WRONG_IMAGES, "model": (nn.Identity(),), "layers": ([], [2], ["0"])},
        examples=5,
    ),
    "count_parameters": Case(
        models.count_parameters,
        st.builds(lambda a, b: {"model": nn.Linear(a, b)}, SIDES, SIDES),
        lambda count, options: (
            bool(count == sum(map(torch.numel, options["model"].parameters())))
            or pytest.fail("counted wrongly")
        ),
    ),
    "load_timm_weights": Case(
        models.load_timm_weights,
        st.builds(lambda: {"model": small_vit(), "timm_model": small_timm_vit()}),
        same_features,
        also_odd={"timm_model": (small_timm_vit(depth=1), nn.Linear(2, 2))},
        examples=1,
    ),
    "load_timm_parts": Case(
        models.load_timm_parts,
        st.builds(convnext_of_both),
        same_features,
        also_odd={"timm_model": (small_timm_vit(), nn.Linear(2, 2)), "model": (small_vit(),)},
        examples=1,
    ),
}

# No options: what they do is tested in test_models_behaviour.py.
CASES = {
    f"vizkit.models.{name}": case
    for group in (
        TRANSFORMER,
        STEMS,
        POSITIONS,
        ROPE,
        ENCODERS,
        WINDOWS,
        INTO_THE_VLM,
        WHOLE_MODELS,
    )
    for name, case in group.items()
}


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
