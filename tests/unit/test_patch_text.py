"""Which patches answer to a sentence: closed forms, exact sums, and the known masks of the drawn world."""

import functools

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import nn

from vizkit import zoo
from vizkit.data import COLORS, SHAPES, object_masks, render, sample_scenes
from vizkit.models import VisionTransformer
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.patch_text import decompose_score, occlude, patch_similarity, text_maps
from vizkit.widgets.attention_map.scores import (
    average_precision,
    mean_score,
    object_patches,
    overlap,
    score_map,
)

TEXT = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}


class NoText(nn.Module):
    embed_dim = 8


def make_vizkit(**options):
    tower = VisionTransformer(
        image_size=(16, 24), patch_size=4, embed_dim=24, depth=3, num_heads=3, **options
    )
    return DualEncoder(tower, NoText(), joint_dim=10)


def make_open_clip(**options):
    vision = {"image_size": 32, "layers": 3, "width": 48, "head_width": 16, "patch_size": 8}
    return open_clip.CLIP(24, {**vision, **options}, TEXT)


MODELS = {
    "vizkit, CLS": (make_vizkit, (16, 24)),
    "vizkit, mean": (functools.partial(make_vizkit, pooling="mean"), (16, 24)),
    "vizkit, RoPE": (functools.partial(make_vizkit, position="rope_axial"), (16, 24)),
    "vizkit, convolutions": (functools.partial(make_vizkit, stem="convolution"), (16, 24)),
    "open_clip": (make_open_clip, (32, 32)),
    "open_clip, mean": (functools.partial(make_open_clip, pool_type="avg"), (32, 32)),
    "open_clip, LayerScale": (functools.partial(make_open_clip, ls_init_value=0.1), (32, 32)),
}


def made(name):
    torch.manual_seed(0)
    make, size = MODELS[name]
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # biases and norms that are not 0 and 1
            parameter.copy_(0.3 * torch.randn_like(parameter))
    joint = 24 if "open_clip" in name else 10
    texts = F.normalize(torch.randn(4, joint), dim=-1)
    return model, torch.randn(2, 3, *size), texts


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_add_up_to_the_score(name):
    model, images, texts = made(name)
    parts = decompose_score(model, images, texts)
    with torch.no_grad():
        scores = F.normalize(model.encode_image(images), dim=-1) @ texts.T
    torch.testing.assert_close(parts.scores, scores, atol=1e-6, rtol=0)
    torch.testing.assert_close(parts.total, scores, atol=1e-5, rtol=0)
    assert parts.heads.shape[:4] == (2, 4, 3, 3)
    assert parts.patches.shape == (2, 4, *parts.grid)
    torch.testing.assert_close(parts.by_head.sum((2, 3)), parts.patches)
    # Each sort of part matters here: a sum that forgets one would be far off.
    for part in (parts.heads.sum((2, 3, 4)), parts.mlps.sum(-1), parts.start, parts.constants):
        assert part.abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_a_part_is_what_the_score_loses_without_it(name):
    """Closed form: a head's value row set to zero takes exactly its part away before the last norm."""
    model, images, texts = made(name)
    parts = decompose_score(model, images, texts)
    layer, head = 2, 1  # of the last block, so that nothing after it changes but its own MLP
    last = (model.image_tower.blocks if "vizkit" in name else model.visual.transformer.resblocks)[2]
    attention = last.attention if "vizkit" in name else last.attn
    outward = attention.projection if "vizkit" in name else attention.out_proj
    width = outward.weight.shape[0]
    rows = slice(head * width // 3, (head + 1) * width // 3)
    norm = model.image_tower.norm if "vizkit" in name else model.visual.ln_post
    seen = []

    def run():
        handles = [
            last.register_forward_hook(lambda m, args, out: seen.append(out)),
            last.mlp.register_forward_hook(lambda m, args, out: seen.append(out)),
        ]
        with torch.no_grad():
            model.encode_image(images)
        for handle in handles:
            handle.remove()

    run()
    with torch.no_grad():
        outward.weight[:, rows] = 0
    run()
    scale = (getattr(getattr(last, "ls_2", None), "gamma", None), 1.0)
    gamma = scale[0] if scale[0] is not None else scale[1]
    thought, whole, other, without = seen
    lost = (whole - gamma * thought) - (without - gamma * other)  # what the head alone had added
    spread = (whole.var(-1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    lost = (lost - lost.mean(-1, keepdim=True)) / spread * norm.weight
    lost = lost[:, parts.num_prefix_tokens :].mean(1) if "mean" in name else lost[:, 0]
    matrix = model.image_projection.weight if "vizkit" in name else model.visual.proj.T
    fresh, _, _ = made(name)
    tower = fresh.image_tower if "vizkit" in name else fresh.visual
    with torch.no_grad():
        raw = tower(images)
        raw = raw @ fresh.image_projection.weight.T if "vizkit" in name else raw
        expected = lost @ matrix.T @ texts.T / raw.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(parts.heads[:, :, layer, head].sum(-1), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_patch_tokens_go_where_the_read_out_goes(name):
    model, images, texts = made(name)
    found = patch_similarity(model, images, texts)
    with torch.no_grad():
        if "vizkit" in name:
            tokens = model.image_tower(images, return_intermediates=True)[1]["encoded"]
            tokens = (
                tokens[:, model.image_tower.num_prefix_tokens :] @ model.image_projection.weight.T
            )
        else:
            tower = model.visual
            tower.output_tokens = True
            tokens = tower(images)[1]
            if tower.pool_type != "avg":
                tokens = tokens.float()
            tokens = tokens @ tower.proj
    expected = F.normalize(tokens, dim=-1) @ texts.T  # (B, N, K)
    torch.testing.assert_close(found.flatten(2), expected.transpose(1, 2), atol=1e-5, rtol=0)


def test_covering_a_part_takes_away_what_it_held():
    """Closed form: an encoder that sums up brightness, read at one place."""
    images = torch.zeros(1, 1, 8, 12)
    images[0, 0, 2:4, 9:12] = 1.0  # the part in row 1, column 3 of 4 x 4
    encode = lambda batch: torch.stack([batch.sum((1, 2, 3)), torch.ones(len(batch))], 1)  # noqa: E731
    losses = occlude(encode, images, torch.tensor([[1.0, 0.0]]), (4, 4))
    mean, whole = images.mean().item(), 6.0
    cosine = lambda total: total / (total**2 + 1) ** 0.5  # noqa: E731
    expected = np.full((4, 4), cosine(whole) - cosine(whole + 6 * mean))
    expected[1, 3] = cosine(whole) - cosine(6 * mean)
    np.testing.assert_allclose(losses[0, 0], expected, atol=1e-6)
    wide = occlude(encode, images, torch.tensor([[1.0, 0.0]]), (4, 4), window=3)[0, 0]
    assert (wide[0:3, 2:4] > 0).all()
    assert (wide[3] < 0).all()
    for bad, message in (({"window": 2}, "odd window"), ({"grid": (9, 1)}, "from 1 x 1 to 8 x 12")):
        with pytest.raises(ValueError, match=message):
            occlude(encode, images, torch.ones(1, 2), **{"grid": (4, 4), **bad})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (functools.partial(make_vizkit, pooling="map"), "attention pooling with an MLP of its own"),
        (lambda: make_open_clip(attentional_pool=True), "attention pooling or another read-out"),
        (lambda: make_open_clip(qk_norm=True), "attention pooling or another read-out"),
        (lambda: open_clip.create_model("MobileCLIP-S1"), "CustomTextCLIP with FastVit"),
        (lambda: zoo.load("pocket-clip-cnn").model, "a ConvNet has no patch tokens"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused_with_the_reason(make, reason):
    for function in (decompose_score, patch_similarity):
        with pytest.raises(TypeError, match=rf'{reason}.*method="occlusion" works'):
            function(make(), torch.zeros(1, 3, 32, 32), torch.zeros(1, 24))


# ------------------------------------------------------------------ how a map is scored


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_equals_that_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    values, wanted = random.normal(size=(6, 7)), random.random((6, 7)) < 0.3
    expected = average_precision_score(wanted.ravel(), values.ravel())
    assert average_precision(values, wanted) == pytest.approx(expected)


def test_ties_stand_in_no_order():
    """The mean over all orders of patches with one value."""
    wanted = np.array([1, 0, 0, 1, 0, 0])
    values = np.array([1.0, 1, 1, 0, 0, 0])
    random = np.random.default_rng(0)
    broken = [
        average_precision_score(wanted, values + 1e-6 * random.random(6)) for _ in range(4000)
    ]
    assert average_precision(values, wanted) == pytest.approx(np.mean(broken), abs=0.01)
    assert overlap(np.zeros(4), np.array([1, 0, 0, 0])) == pytest.approx(0.25 / 1.75)
    assert overlap(np.array([3.0, 2, 1]), np.array([1, 1, 0])) == 1


def test_what_a_random_map_gets():
    wanted = np.zeros((8, 8), bool)
    wanted[2:4, 1:5] = True
    mask = wanted.repeat(8, 0).repeat(8, 1)
    draws = np.random.default_rng(0).random((3000, 64))
    score = score_map(draws[0].reshape(8, 8), mask)
    expected = np.mean([average_precision_score(wanted.ravel(), one) for one in draws])
    assert score.random_precision == pytest.approx(expected, abs=0.005)
    expected = np.mean([overlap(one, wanted) for one in draws])
    assert score.random_overlap == pytest.approx(expected, abs=0.005)


def test_patches_of_a_mask():
    mask = np.zeros((6, 8), bool)
    mask[0:3, 0:2] = True
    assert object_patches(mask, (2, 4)).tolist() == [[True] + [False] * 3, [False] * 4]
    assert object_patches(mask, (4, 4))[:, 0].tolist() == [True, True, False, False]
    mask[:] = False
    mask[5, 7] = True  # less than half of any patch: the one that holds most of it
    assert np.argwhere(object_patches(mask, (2, 2))).tolist() == [[1, 1]]
    with pytest.raises(ValueError, match="true somewhere"):
        object_patches(np.zeros((4, 4)), (2, 2))


def test_a_perfect_map_and_an_opposite_one():
    mask = np.zeros((64, 64), bool)
    mask[8:24, 16:40] = True
    wanted = object_patches(mask, (8, 8))
    best, worst = score_map(wanted, mask), score_map(-wanted.astype(float), mask)
    assert (best.pointing, best.average_precision, best.overlap) == (1, 1, 1)
    assert (worst.pointing, worst.overlap) == (0, 0)
    assert worst.average_precision < best.area == 6 / 64
    assert best.area < best.random_precision < 0.2


def test_masks_lie_where_the_ink_lies():
    table = sample_scenes(40, seed=4, objects="two", styles="flat", shading=False, grain=False)
    images, masks = render(table, 96).astype(int), object_masks(table, 96)
    for number in range(len(table)):
        ground = np.median(images[number].reshape(-1, 3), 0)
        ink = np.abs(images[number] - ground).sum(-1) > 60
        both = masks[number].any(0)
        assert (ink & both).sum() / (ink | both).sum() > 0.9
        assert not (masks[number, 0] & masks[number, 1]).any()
    single = object_masks(sample_scenes(5, objects="one"))
    assert single[:, 0].any((1, 2)).all()
    assert not single[:, 1].any()


@pytest.mark.parametrize("name", ["pocket-clip", "pocket-siglip"])
def test_the_pocket_encoders_find_what_the_sentence_names(name):
    """Each method beside chance, random maps, and the same maps held against the other object."""
    table = sample_scenes(24, seed=11, objects="two")
    images, masks = render(table), object_masks(table)
    encoder, colors, shapes = zoo.load(name), list(COLORS), list(SHAPES)
    right, other = {}, {}
    for scene in range(len(table)):
        texts = [
            f"a {colors[table.color[scene, slot]]} {shapes[table.shape[scene, slot]]}"
            for slot in (0, 1)
        ]
        for method in ("patches", "decomposition", "occlusion"):
            maps = text_maps(encoder, images[scene], texts, method).maps[0, :, 0].numpy()
            for slot in (0, 1):
                right.setdefault(method, []).append(score_map(maps[slot], masks[scene, slot]))
                other.setdefault(method, []).append(score_map(maps[slot], masks[scene, 1 - slot]))
    for method, scores in right.items():
        found, swapped = mean_score(scores), mean_score(other[method])
        assert found.average_precision > 2 * found.random_precision
        assert found.average_precision > 2 * swapped.average_precision
        assert found.pointing > 3 * found.area
        assert found.overlap > 3 * found.random_overlap
    best = max(right, key=lambda method: mean_score(right[method]).average_precision)
    assert best == "decomposition"
