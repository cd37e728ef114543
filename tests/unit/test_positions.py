"""Position embeddings: equal to timm's, gradients included; their symmetries; resizing."""

import copy
import itertools
from contextlib import contextmanager

import pytest
import timm
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import RotaryEmbeddingCat, apply_rot_embed_cat, resample_abs_pos_embed
from timm.layers.pos_embed_sincos import (
    RotaryEmbeddingMixed,
    build_fourier_pos_embed,
    build_rotary_pos_embed,
    build_sincos2d_pos_embed,
    init_random_2d_freqs,
)
from timm.models.eva import Eva
from torch.overrides import TorchFunctionMode

from vizkit.models import (
    POSITIONS,
    Attention,
    EncoderBlock,
    LearnedPosition1d,
    LearnedPosition2d,
    RopeAxial,
    RopeMixed,
    SinCosPosition2d,
    VisionTransformer,
    axial_frequencies,
    capture_attention,
    load_timm_weights,
    mixed_frequencies,
    patch_places,
    rotate,
    rotation_of,
    sincos_2d,
)
from vizkit.models.positions import RESIZINGS
from vizkit.models.timm_weights import our_name

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float64", "float32"])
GRIDS = pytest.mark.parametrize("grid", [(6, 6), (3, 5), (1, 1)], ids=str)
ROPE = ("rope_axial", "rope_mixed")


@pytest.fixture
def default_dtype(dtype):
    """Models made in the test have this dtype, fixed tables included."""
    torch.set_default_dtype(dtype)
    yield dtype
    torch.set_default_dtype(torch.float32)


@contextmanager
def timm_in(dtype):
    """timm computes angles in float32 whatever the model's dtype; here `float()` may mean double.

    That gives a float64 oracle that is timm's own code.
    """
    plain = torch.Tensor.float
    if dtype == torch.float64:
        torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.Tensor.float = plain


def assert_close(received, expected, what="value"):
    assert received.shape == expected.shape, what
    scale = max(1.0, expected.abs().max().item())
    difference = (received - expected).abs().max().item() / scale
    assert difference <= TOLERANCE[received.dtype], f"{what}: differs by {difference:.2e}"
    assert expected.abs().max() > 0, f"{what}: all zero, so equality says nothing"


def as_timm(rotation):
    """Our cosines and sines (2, ..., N, d/2) in timm's layout: (..., N, 2d), sines first."""
    cosine, sine = rotation.repeat_interleave(2, dim=-1)
    return torch.cat([sine, cosine], dim=-1)


def axial_table_of_timm(grid, head_dim, dtype, **options):
    """timm's table (N, 2d) for RoPE-Axial; in float64 from frequencies in float64."""
    quarter = head_dim // 4
    bands = 100.0 ** -(torch.arange(quarter, dtype=torch.float64) / quarter)
    return torch.cat(
        build_rotary_pos_embed(
            grid, bands=bands.to(dtype), dim=head_dim, in_pixels=False, dtype=dtype, **options
        ),
        dim=-1,
    )


# ── The tables ────────────────────────────────────────────────────────────────────────────────────


@GRIDS
@DTYPES
def test_sincos_equals_timm(grid, default_dtype):
    position = SinCosPosition2d(grid=grid, embed_dim=24, num_prefix_tokens=2)
    assert not position.table[0, :2].any()
    patches = position.table[0, 2:]
    torch.testing.assert_close(
        patches.float(), build_sincos2d_pos_embed(grid, 24), atol=1e-5, rtol=0
    )
    bands = 10_000.0 ** -(torch.arange(6, dtype=torch.float64) / 6)
    waves = build_fourier_pos_embed(grid, bands=bands, in_pixels=False, dtype=torch.float64)
    expected = torch.cat([wave.reshape(-1, 12) for wave in waves], dim=1)
    assert_close(patches, expected.to(default_dtype))


@GRIDS
@DTYPES
def test_rope_axial_equals_timm(grid, default_dtype):
    position = RopeAxial(grid=grid, embed_dim=48, num_heads=3, depth=2, num_prefix_tokens=1)
    first, second = position.rotations()
    assert torch.equal(first, second)
    patches = as_timm(first[:, 1:])
    module = RotaryEmbeddingCat(16, temperature=100.0, in_pixels=False, feat_shape=grid)
    torch.testing.assert_close(patches.float(), module.get_embed().float(), atol=1e-5, rtol=0)
    assert_close(patches, axial_table_of_timm(grid, 16, default_dtype))


@GRIDS
@DTYPES
def test_rope_mixed_equals_timm_gradients_included(grid, default_dtype):
    position = RopeMixed(grid=grid, embed_dim=48, num_heads=3, depth=2, num_prefix_tokens=1)
    reference = RotaryEmbeddingMixed(
        48, depth=2, num_heads=3, feat_shape=grid, grid_indexing="ij", dtype=default_dtype
    )
    with torch.no_grad():
        reference.freqs.copy_(position.frequencies)
    ours = torch.stack([as_timm(layer[..., 1:, :]) for layer in position.rotations()])
    with timm_in(default_dtype):
        theirs = reference.get_embed()
        direction = torch.randn_like(theirs)
        (theirs * direction).sum().backward()
    (ours * direction).sum().backward()
    assert_close(ours, theirs)
    if grid != (1, 1):  # at (0, 0) nothing depends on the frequencies
        assert_close(position.frequencies.grad, reference.freqs.grad, "gradient")


@DTYPES
def test_mixed_frequencies_start_where_those_of_timm_start(default_dtype):
    torch.manual_seed(3)
    ours = mixed_frequencies(depth=2, num_heads=3, head_dim=16)
    torch.manual_seed(3)
    assert_close(ours, init_random_2d_freqs(16, 2, 3, dtype=default_dtype))


@DTYPES
@pytest.mark.parametrize("mixed", [False, True], ids=["axial", "mixed"])
def test_rotating_equals_timm_gradients_included(mixed, default_dtype):
    torch.manual_seed(0)
    places = patch_places((3, 5)).to(default_dtype)
    frequencies = mixed_frequencies(1, 2, 8)[:, 0] if mixed else axial_frequencies(8)
    rotation = rotation_of(places, frequencies.to(default_dtype))
    joint = torch.randn(2, 15, 48)  # the heads are views of it, as in attention
    inputs = [joint.clone().requires_grad_() for _ in range(2)]
    heads = [one.chunk(3, dim=-1)[1].unflatten(-1, (2, 8)).transpose(1, 2) for one in inputs]
    outputs = [rotate(heads[0], rotation), apply_rot_embed_cat(heads[1], as_timm(rotation))]
    direction = torch.randn_like(outputs[0])
    for output in outputs:
        (output * direction).sum().backward()
    assert_close(*outputs)
    assert_close(inputs[0].grad, inputs[1].grad, "gradient")


def test_rotation_by_hand():
    quarter_turn = torch.tensor([[[0.0]], [[1.0]]])  # cosine, sine; one token, one pair
    torch.testing.assert_close(
        rotate(torch.tensor([[[[2.0, 5.0]]]]), quarter_turn), torch.tensor([[[[-5.0, 2.0]]]])
    )
    rotation = rotation_of(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.2], [0.5]]))
    angle = torch.tensor(3 * 0.2 + 4 * 0.5)
    torch.testing.assert_close(rotation.flatten(), torch.stack([angle.cos(), angle.sin()]))


@DTYPES
def test_learned_2d_is_a_row_vector_beside_a_column_vector(default_dtype):
    position = LearnedPosition2d(grid=(3, 5), embed_dim=8, num_prefix_tokens=1)
    tokens = torch.randn(2, 16, 8)
    output = position(tokens)
    direction = torch.randn_like(output)
    (output * direction).sum().backward()
    assert torch.equal(output[:, 0], tokens[:, 0])
    for row, column in itertools.product(range(3), range(5)):
        token = 1 + 5 * row + column
        expected = torch.cat([position.rows[row], position.columns[column]])
        assert_close(output[:, token] - tokens[:, token], expected.expand(2, -1))
    cells = direction[:, 1:].sum(0).unflatten(0, (3, 5))
    assert_close(position.rows.grad, cells[..., :4].sum(1), "gradient of the rows")
    assert_close(position.columns.grad, cells[..., 4:].sum(0), "gradient of the columns")


# ── Whole models ──────────────────────────────────────────────────────────────────────────────────

SIZES = {"img_size": (16, 24), "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3}
OURS = {"image_size": (16, 24), "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3}
GRID = (4, 6)
TIMM_ROPE = {
    "rope_axial": {"rope_type": "cat", "rope_temperature": 100.0},
    "rope_mixed": {"rope_type": "mixed", "rope_temperature": 10.0},
}


def timm_vit(pooling, **options):
    """A small timm VisionTransformer that pools as ours does."""
    name = {
        "cls": "vit_tiny_patch16_224",
        "mean": "vit_base_patch16_siglip_gap_224",
        "map": "vit_base_patch16_siglip_224",
    }[pooling]
    return timm.create_model(name, num_classes=7, **SIZES, **options)


def timm_eva(position, pooling="cls", **options):
    """A small timm Eva with RoPE that computes what our ViT computes."""
    defaults = {
        "attn_type": "rope",
        "use_abs_pos_emb": False,
        "use_rot_pos_emb": True,
        "use_fc_norm": False,
        "class_token": pooling == "cls",
        "global_pool": {"cls": "token", "mean": "avg", "map": "map"}[pooling],
        "num_classes": 7,
    }
    model = Eva(**{**SIZES, **defaults, **TIMM_ROPE[position], **options})
    if position == "rope_axial" and torch.get_default_dtype() == torch.float64:
        model.rope.pos_embed.copy_(axial_table_of_timm(GRID, 8, torch.float64))
    return model


def randomize(model):
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))


def outputs_and_gradients(model, images):
    images = images.clone().requires_grad_()
    output = model(images)
    torch.manual_seed(2)
    (output * torch.randn_like(output)).sum().backward()
    return output, {"images": images.grad} | {
        name: parameter.grad for name, parameter in model.named_parameters()
    }


def assert_same_function(ours, reference, dtype, rename=our_name):
    """Outputs, and the gradients of the images and of every parameter, agree."""
    torch.manual_seed(0)
    images = torch.randn(2, 3, 16, 24)
    received, gradients = outputs_and_gradients(ours, images)
    with timm_in(dtype):
        expected, their_gradients = outputs_and_gradients(reference, images)
    assert_close(received, expected, "output")
    their_gradients = {rename(name): value for name, value in their_gradients.items()}
    assert gradients.keys() == their_gradients.keys()
    for name, gradient in gradients.items():
        assert_close(gradient, their_gradients[name], f"gradient of {name}")


@DTYPES
@pytest.mark.parametrize("pooling", ["cls", "mean", "map"])
@pytest.mark.parametrize("position", ROPE)
def test_vit_with_rope_equals_timm_eva(position, pooling, default_dtype):
    reference = timm_eva(position, pooling)
    randomize(reference)
    ours = VisionTransformer(position=position, pooling=pooling, num_classes=7, **OURS)
    load_timm_weights(ours, reference)
    assert_same_function(ours, reference, default_dtype)


@DTYPES
@pytest.mark.parametrize("pooling", ["cls", "mean", "map"])
@pytest.mark.parametrize("position", ["none", "learned_1d", "sincos_2d"])
def test_vit_with_added_positions_equals_timm(position, pooling, default_dtype):
    # A timm ViT with a class token adds a position to it, "none" excepted.
    reference = timm_vit(pooling, pos_embed="none" if position == "none" else "learn")
    randomize(reference)
    ours = VisionTransformer(position=position, pooling=pooling, num_classes=7, **OURS)
    if position == "sincos_2d":
        reference.pos_embed.requires_grad_(False).copy_(ours.position.table)
    load_timm_weights(ours, reference)
    if position == "sincos_2d":
        del reference.pos_embed
        reference.register_buffer("pos_embed", ours.position.table)
    assert_same_function(ours, reference, default_dtype)


@DTYPES
@pytest.mark.parametrize("pooling", ["cls", "mean", "map"])
def test_vit_with_learned_2d_equals_timm_with_that_table(pooling, default_dtype):
    ours = VisionTransformer(position="learned_2d", pooling=pooling, num_classes=7, **OURS)
    randomize(ours)
    reference = timm_vit(pooling)
    state = {our_name(name): name for name in reference.state_dict() if name != "pos_embed"}
    values = {theirs: ours.state_dict()[mine] for mine, theirs in state.items()}
    reference.load_state_dict(values | {"pos_embed": ours.position.table.detach()})

    torch.manual_seed(0)
    images = torch.randn(2, 3, 16, 24)
    received, gradients = outputs_and_gradients(ours, images)
    expected, their_gradients = outputs_and_gradients(reference, images)
    assert_close(received, expected, "output")
    cells = their_gradients.pop("pos_embed")[0, -24:].unflatten(0, GRID)
    their_gradients = {our_name(name): value for name, value in their_gradients.items()}
    their_gradients["position.rows"] = cells[..., :12].sum(1)
    their_gradients["position.columns"] = cells[..., 12:].sum(0)
    assert gradients.keys() == their_gradients.keys()
    for name, gradient in gradients.items():
        assert_close(gradient, their_gradients[name], f"gradient of {name}")


@pytest.mark.parametrize(
    ("position", "theirs", "options"),
    [
        ("rope_axial", "rope_axial", {"rope_temperature": 10_000.0}),
        ("rope_axial", "rope_axial", {"rope_grid_indexing": "xy"}),
        ("rope_axial", "rope_axial", {"rope_rotate_half": True}),
        ("rope_axial", "rope_axial", {"rope_grid_offset": 0.5}),
        ("rope_axial", "rope_axial", {"ref_feat_shape": (2, 3)}),
        ("rope_axial", "rope_axial", {"img_size": (24, 16)}),
        ("rope_mixed", "rope_mixed", {"rope_grid_indexing": "xy"}),
        ("none", "rope_axial", {}),
        ("rope_axial", "rope_mixed", {}),
        ("rope_mixed", "rope_axial", {}),
        ("rope_axial", "rope_axial", {"use_abs_pos_emb": True}),
        ("rope_axial", "rope_axial", {"init_values": 1e-5}),
    ],
)
def test_loading_refuses_other_rotations_and_leaves_the_model_alone(position, theirs, options):
    ours = VisionTransformer(position=position, num_classes=7, **OURS)
    before = copy.deepcopy(ours.state_dict())
    with pytest.raises(ValueError, match="expected"):
        load_timm_weights(ours, timm_eva(theirs, **options))
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


def test_loading_refuses_absolute_positions_that_differ():
    plain = timm_vit("cls")
    for position in ("sincos_2d", "rope_axial", "none", "learned_2d"):
        with pytest.raises(ValueError, match="expected"):
            load_timm_weights(VisionTransformer(position=position, num_classes=7, **OURS), plain)
    bare = timm_vit("cls", pos_embed="none")
    for position in ("sincos_2d", "rope_axial", "rope_mixed", "learned_1d"):
        with pytest.raises(ValueError, match="expected"):
            load_timm_weights(VisionTransformer(position=position, num_classes=7, **OURS), bare)


@pytest.mark.parametrize("position", POSITIONS)
def test_what_a_checkpoint_holds(position):
    names = VisionTransformer(position=position, **OURS).state_dict()
    expected = {
        "learned_1d": {"position.table": (1, 25, 24)},
        "learned_2d": {"position.rows": (4, 12), "position.columns": (6, 12)},
        "rope_mixed": {"position.frequencies": (2, 2, 3, 4)},
    }.get(position, {})
    held = {name: tuple(value.shape) for name, value in names.items() if "position" in name}
    assert held == expected


# ── Symmetries ────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    st.booleans(),
    st.integers(0, 10_000),
)
def test_a_score_with_rope_depends_on_the_offset_only(shift, mixed, seed):
    generator = torch.Generator().manual_seed(seed)
    query, key = torch.randn(2, 1, 1, 15, 16, generator=generator, dtype=torch.float64)
    places = patch_places((3, 5))
    frequencies = mixed_frequencies(1, 1, 16)[:, 0, 0].double() if mixed else axial_frequencies(16)

    def scores(places, query_places=None):
        at_query = rotation_of(places if query_places is None else query_places, frequencies)
        return rotate(query, at_query) @ rotate(key, rotation_of(places, frequencies)).mT

    shifted = places + torch.tensor(shift)
    plain = scores(places)
    torch.testing.assert_close(scores(shifted), plain, atol=1e-10, rtol=0)
    if shift != (0, 0):  # and it does depend on the offset
        assert (scores(places, shifted) - plain).abs().max() > 1e-6


@pytest.mark.parametrize("position", ROPE)
def test_equal_content_gets_scores_that_tell_the_offset(position):
    module = POSITIONS[position](grid=(4, 4), embed_dim=16, num_heads=1).double()
    torch.manual_seed(0)
    rotation = module.rotations()[0]
    query, key = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64).expand(-1, -1, -1, 16, -1)
    scores = (rotate(query, rotation) @ rotate(key, rotation).mT)[0, 0].detach()
    places = patch_places((4, 4)).long().tolist()
    by_offset = {}
    for (n, p), (m, q) in itertools.product(enumerate(places), repeat=2):
        by_offset.setdefault((p[0] - q[0], p[1] - q[1]), []).append(scores[n, m].item())
    assert len(by_offset) == 49
    # The tables of a model made in float32 are rounded to it.
    assert all(max(values) - min(values) < 1e-5 for values in by_offset.values())
    means = sorted(sum(values) / len(values) for values in by_offset.values())
    assert all(b - a > 1e-6 for a, b in itertools.pairwise(means)), "two offsets look alike"


@pytest.mark.parametrize("position", ROPE)
def test_prefix_tokens_are_not_turned(position):
    module = POSITIONS[position](grid=(3, 3), embed_dim=24, num_heads=3, num_prefix_tokens=2)
    heads = torch.randn(2, 3, 11, 8)
    for rotation in module.rotations():
        turned = rotate(heads, rotation)
        assert torch.equal(turned[:, :, :3], heads[:, :, :3])  # the patch at (0, 0) neither
        assert not torch.isclose(turned[:, :, 3:], heads[:, :, 3:]).all(-1).any()


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(9)))
def test_attention_without_positions_is_permutation_equivariant(order):
    torch.manual_seed(0)
    block = EncoderBlock(embed_dim=24, num_heads=3).double()
    tokens = torch.randn(2, 9, 24, dtype=torch.float64)
    expected = block(tokens)[:, order]
    torch.testing.assert_close(block(tokens[:, order]), expected, atol=1e-12, rtol=0)
    rotation = RopeAxial(grid=(3, 3), embed_dim=24, num_heads=3).double().rotations()[0]
    turned = block(tokens[:, order], rotation=rotation) - block(tokens, rotation=rotation)[:, order]
    # Attention without a turn cannot tell; with it, only the order of the grid is left alone.
    if order != list(range(9)):
        assert turned.abs().max() > 1e-9


# ── Other image sizes ─────────────────────────────────────────────────────────────────────────────

RESIZED = pytest.mark.parametrize(
    "grid", [(12, 12), (3, 4), (6, 9), (4, 6), (8, 3), (9, 1)], ids=str
)


@RESIZED
@DTYPES
@pytest.mark.parametrize("prefix", [0, 2])
def test_learned_tables_are_resized_as_in_timm(grid, prefix, default_dtype):
    for kind in (LearnedPosition1d, LearnedPosition2d):
        position = kind(grid=(4, 6), embed_dim=24, num_prefix_tokens=prefix)
        before = position.table.detach().clone()
        position.resize(grid)
        with timm_in(default_dtype):
            expected = resample_abs_pos_embed(
                before, new_size=grid, old_size=(4, 6), num_prefix_tokens=prefix
            )
        assert_close(position.table.detach(), expected)
        assert all(parameter.requires_grad for parameter in position.parameters())


@pytest.mark.parametrize("grid", [(8, 12), (2, 3), (5, 9)], ids=str)
@DTYPES
def test_coordinates_are_rescaled_as_in_timm(grid, default_dtype):
    axial = RopeAxial(grid=(4, 6), embed_dim=24, num_heads=3)
    axial.resize(grid)
    module = RotaryEmbeddingCat(
        8, temperature=100.0, in_pixels=False, feat_shape=grid, ref_feat_shape=(4, 6)
    )
    received = as_timm(axial.rotations()[0])
    torch.testing.assert_close(received.float(), module.get_embed().float(), atol=1e-5, rtol=0)

    sincos = SinCosPosition2d(grid=(4, 6), embed_dim=24)
    sincos.resize(grid)
    bands = 10_000.0 ** -(torch.arange(6, dtype=torch.float64) / 6)
    options = {"bands": bands, "in_pixels": False, "dtype": torch.float64}
    waves = build_fourier_pos_embed(grid, ref_feat_shape=(4, 6), **options)
    expected = torch.cat([wave.reshape(-1, 12) for wave in waves], dim=1)
    torch.testing.assert_close(sincos.table[0].float(), expected.float(), atol=1e-5, rtol=0)
    if grid != (5, 9):  # halves and doubles are exact in timm's float32 coordinates
        assert_close(sincos.table[0], expected.to(default_dtype))
        table = axial_table_of_timm(grid, 8, default_dtype, ref_feat_shape=(4, 6))
        assert_close(received, table)


def test_places_on_another_grid():
    def axes(mode):
        places = patch_places((4, 2), (2, 2), mode)
        return places[::2, 0].tolist(), places[:2, 1].tolist()

    assert axes("interpolate") == ([0, 0.5, 1, 1.5], [0, 1])
    assert axes("extrapolate") == ([0, 1, 2, 3], [0, 1])
    assert axes("repeat") == ([0, 1, 0, 1], [0, 1])
    assert patch_places((2, 3)).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


@pytest.mark.parametrize("position", ["learned_1d", "learned_2d", "sincos_2d"])
def test_tables_without_mending(position):
    model = VisionTransformer(position=position, **OURS)
    patches = model.position.table[0, 1:].unflatten(0, GRID)
    size = (32, 48)

    def table(positions):
        return model.resized(size, positions).position.table[0, 1:].unflatten(0, (8, 12))

    assert torch.equal(table("repeat"), patches.repeat(2, 2, 1))
    extrapolated = table("extrapolate")
    assert torch.equal(extrapolated[:4, :6], patches)
    if position == "sincos_2d":
        expected = sincos_2d((8, 12), 24).float().unflatten(0, (8, 12))
        assert torch.equal(extrapolated, expected)
    elif position == "learned_1d":
        assert not extrapolated[4:].any()
        assert not extrapolated[:, 6:].any()
    else:  # a known row in an unknown column keeps what is known of it
        assert torch.equal(extrapolated[:4, 6:, :12], patches[:, :1, :12].expand(-1, 6, -1))
        assert not extrapolated[:4, 6:, 12:].any()
        assert not extrapolated[4:, 6:].any()


@pytest.mark.parametrize("position", ROPE)
def test_rotations_without_mending(position):
    model = VisionTransformer(position=position, **OURS)

    def rotation(positions):
        layer = model.resized((32, 48), positions).position.rotations()[1]
        return layer[..., 1:, :].unflatten(-2, (8, 12)).detach()

    plain = model.position.rotations()[1][..., 1:, :].unflatten(-2, GRID).detach()
    repeated, extrapolated = rotation("repeat"), rotation("extrapolate")
    assert torch.equal(extrapolated[..., :4, :6, :], plain)
    for row, column in itertools.product(range(8), range(12)):
        assert torch.equal(repeated[..., row, column, :], plain[..., row % 4, column % 6, :])
    # Going on: the step from one place to the next stays the same turn.
    turns = torch.complex(*extrapolated)
    steps = turns[..., :, 1:, :] / turns[..., :, :-1, :]
    torch.testing.assert_close(steps, steps[..., :1, :].expand_as(steps), atol=1e-5, rtol=0)
    interpolated = torch.complex(*rotation("interpolate"))
    halves = interpolated[..., :, 1:, :] / interpolated[..., :, :-1, :]
    torch.testing.assert_close(halves**2, steps, atol=1e-5, rtol=0)


@pytest.mark.parametrize("positions", RESIZINGS)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_resized_model_runs_and_the_old_one_stays(position, positions, pooling):
    model = VisionTransformer(position=position, pooling=pooling, num_classes=3, **OURS).eval()
    images = torch.randn(2, 3, 16, 24)
    before, state = model(images), copy.deepcopy(model.state_dict())
    for size in ((32, 48), (8, 40), 12):
        larger = model.resized(size, positions)
        height, width = (size, size) if isinstance(size, int) else size
        assert larger.image_size == (height, width)
        assert larger.grid == (height // 4, width // 4)
        assert not larger.training
        larger(torch.randn(2, 3, height, width)).sum().backward()
        assert all(parameter.grad is not None for parameter in larger.parameters())
        with pytest.raises(ValueError, match=f"{height}, {width}"):
            larger(images)
    assert torch.equal(model(images), before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    torch.testing.assert_close(model.resized((16, 24), positions)(images), before)
    if position in ("none", "sincos_2d", *ROPE):  # coordinates forget nothing
        there_and_back = model.resized((8, 40), positions).resized((16, 24), positions)
        assert torch.equal(there_and_back(images), before)


def test_resizing_keeps_dtype_and_device():
    for position in POSITIONS:
        model = VisionTransformer(position=position, **OURS).double().resized((32, 48))
        assert model(torch.randn(1, 3, 32, 48, dtype=torch.float64)).dtype == torch.float64
        everything = itertools.chain(model.parameters(), model.buffers())
        assert {tensor.dtype for tensor in everything} == {torch.float64}


# ── Inside attention ──────────────────────────────────────────────────────────────────────────────


class Calls(TorchFunctionMode):
    """Counts the calls of the fused attention kernel and of softmax."""

    def __init__(self):
        super().__init__()
        self.fused = self.softmax = 0

    def __torch_function__(self, function, types, arguments=(), options=None):
        self.fused += function is F.scaled_dot_product_attention
        self.softmax += function in (F.softmax, torch.softmax, torch.Tensor.softmax)
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("position", POSITIONS)
def test_fused_attention_when_no_map_is_asked_for(position):
    model = VisionTransformer(position=position, **OURS)
    with Calls() as calls:
        model(torch.randn(2, 3, 16, 24)).sum().backward()
    assert (calls.fused, calls.softmax) == (2, 0)
    rotation = model.position.rotations()[0]
    with Calls() as calls:
        model.blocks[0].attention(torch.randn(2, 25, 24), return_map=True, rotation=rotation)
    assert (calls.fused, calls.softmax) == (0, 1)


@pytest.mark.parametrize("position", ROPE)
def test_the_map_is_that_of_turned_queries_and_keys(position):
    torch.manual_seed(0)
    model = VisionTransformer(position=position, **OURS).double().eval()
    randomize(model)
    images = torch.randn(2, 3, 16, 24, dtype=torch.float64)
    capture = capture_attention(model, images)
    output, named = model(images, return_intermediates=True)
    assert torch.equal(capture.output, output)
    tokens = named["with_position"]
    for block, rotation, captured in zip(
        model.blocks, model.position.rotations(), capture.maps, strict=True
    ):
        normed = block.norm_1(tokens)
        mixed, explicit = block.attention(normed, return_map=True, rotation=rotation)
        torch.testing.assert_close(captured, explicit.detach(), atol=1e-12, rtol=0)
        fused = block.attention(normed, rotation=rotation)
        torch.testing.assert_close(mixed, fused, atol=1e-12, rtol=0)
        unturned = block.attention(normed, return_map=True)[1]
        assert (unturned - explicit).abs().max() > 1e-3
        tokens = block(tokens, rotation=rotation)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_turned_in_single_precision(dtype):
    torch.manual_seed(0)
    position = RopeAxial(grid=(14, 14), embed_dim=64)
    heads = torch.randn(1, 1, 196, 64).to(dtype)
    turned = rotate(heads, position.rotations()[0])
    assert turned.dtype == dtype
    exact = rotate(heads.double(), position.rotations()[0])
    torch.testing.assert_close(turned, exact.to(dtype), atol=0, rtol=torch.finfo(dtype).eps)


@pytest.mark.parametrize("position", POSITIONS)
def test_automatic_mixed_precision_and_half_precision_models(position):
    torch.manual_seed(0)
    model, images = VisionTransformer(position=position, **OURS), torch.randn(2, 3, 16, 24)
    expected = model(images)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(images)
        turn = model.position.rotations()[0]
    assert turn is None or turn.dtype == torch.float32
    torch.testing.assert_close(mixed.float(), expected, atol=0.1, rtol=0)
    half = model.bfloat16()(images.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), expected, atol=0.2, rtol=0)


# ── Bad input ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "make",
    [
        lambda: VisionTransformer(position="rope"),
        lambda: VisionTransformer(position="rope_axial", embed_dim=30, num_heads=3),
        lambda: VisionTransformer(position="rope_mixed", embed_dim=18, num_heads=3),
        lambda: VisionTransformer(position="learned_2d", embed_dim=15, num_heads=3),
        lambda: VisionTransformer(position="sincos_2d", embed_dim=18, num_heads=3),
        lambda: VisionTransformer().resized(100),
        lambda: VisionTransformer().resized(96, "stretch"),
        lambda: VisionTransformer().resized((96, 0)),
        lambda: LearnedPosition1d(grid=(4, 4), embed_dim=0),
        lambda: patch_places((4, 4), (2, 2), "stretch"),
        lambda: axial_frequencies(6),
        lambda: Attention(embed_dim=8, num_heads=2)(
            torch.randn(1, 5, 8), rotation=torch.ones(2, 4, 2)
        ),
        lambda: Attention(embed_dim=8, num_heads=2)(
            torch.randn(1, 5, 8), rotation=torch.ones(2, 5, 4)
        ),
    ],
)
def test_errors_say_what_was_expected_and_what_came(make):
    with pytest.raises(ValueError, match=r"expected .*received "):
        make()
