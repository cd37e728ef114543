"""Maps of open_clip's architectures against their own softmax, with random weights, two layers each."""

import copy
import functools

import open_clip
import pytest
import torch
from torch import nn

from tests.unit.test_capture import assert_maps, explicit_maps, multihead_maps
from vizkit.models import capture_attention
from vizkit.widgets import AttentionMap

TEXT = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
MULTIMODAL = {**TEXT, "context_length": 7, "attn_pooler_heads": 2}
# name -> (what comes before the patches, attention pooling)
ARCHITECTURES = {
    "ViT-B-32": (["CLS"], []),
    "ViT-B-16-quickgelu": (["CLS"], []),
    "ViT-H-14": (["CLS"], []),
    "ViT-L-14-CLIPA": (["CLS"], []),
    "coca_ViT-B-32": (["CLS"], ["visual.attn_pool.attn"]),
    "ViT-B-16-SigLIP": ([], ["visual.trunk.attn_pool"]),
    "EVA02-B-16": (["CLS"], []),
    "MobileCLIP-B": (["CLS"], []),
    "MobileCLIP-S1": ([], []),
    "ViTamin-S": ([], []),
    "PE-Core-T-16-384": (["CLS"], ["visual.trunk.attn_pool"]),
    "vit_medium_patch16_gap_256": ([], []),
    "vit_relpos_medium_patch16_cls_224": (["CLS"], []),
}


@functools.cache
def built(name, cast=None):
    config = copy.deepcopy(open_clip.get_model_config(name))
    vision, width = config["vision_cfg"], config["embed_dim"]
    if "timm_model_name" not in vision:
        side = vision["patch_size"] * 3 if vision["patch_size"] else 64
        layers = [1, 1, 1, 1] if isinstance(vision["layers"], list) else 2
        vision |= {"layers": layers, "width": 64, "head_width": 16, "image_size": side}
    torch.manual_seed(0)
    if "multimodal_cfg" in config:
        model = open_clip.CoCa(
            32, MULTIMODAL, TEXT, vision | {"attn_pooler_heads": 4}, cast_dtype=cast
        )
    else:
        whole = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
        model = whole(width, vision, TEXT, cast_dtype=cast)
    blocks = getattr(getattr(model.visual, "trunk", None), "blocks", None)
    if blocks is not None:
        model.visual.trunk.blocks = blocks[:2]
    return model.eval()


def make(name, cast=None):
    model = copy.deepcopy(built(name, cast))
    torch.manual_seed(1)
    with torch.no_grad():
        for module in model.modules():  # maps that are far from uniform, whatever the width
            if isinstance(module, nn.Linear | nn.Conv2d):
                fan_in = module.weight[0].numel()
                module.weight.copy_(1.5 * torch.randn_like(module.weight) / fan_in**0.5)
            elif isinstance(module, nn.MultiheadAttention):
                for one in (module.in_proj_weight, module.q_proj_weight, module.k_proj_weight):
                    if one is not None:
                        one.copy_(torch.randn_like(one) / 4)
    return model


def images_for(model, count=1):
    side = model.visual.image_size
    size = side if isinstance(side, tuple) else (side, side)
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_maps_equal_the_softmax_of_the_model_itself(name):
    model, (prefix, pooling) = make(name), ARCHITECTURES[name]
    batch = images_for(model)
    with torch.no_grad():
        capture = capture_attention(model, batch)
        assert torch.equal(capture.output, model.encode_image(batch))
    if hasattr(model.visual, "trunk"):
        expected = explicit_maps(model.visual, batch)
        expected = [one for one in expected if one.shape[-1] == one.shape[-2]]
    else:
        found = multihead_maps(model, lambda _: model.encode_image(batch))
        expected = [one for key, one in found.items() if key not in pooling]
    assert_maps(capture.maps, expected, tolerance=1e-4)
    assert (capture.prefix_names, list(capture.pooling_maps)) == (prefix, pooling)
    assert len(capture.token_names) == capture.maps[0].shape[-1]
    assert all(key.startswith("visual.") for key in capture.names)


def test_they_are_ten_at_least():
    assert len(ARCHITECTURES) >= 10


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_tower_alone_and_its_layers(name):
    model = make(name)
    batch = images_for(model)
    with torch.no_grad():
        whole, alone = capture_attention(model, batch), capture_attention(model.visual, batch)
        last = AttentionMap.from_model(model.visual, batch, layers=[-1])
    assert all(map(torch.equal, whole.maps, alone.maps))
    assert [f"visual.{key}" for key in alone.names] == whole.names
    assert alone.prefix_names == whole.prefix_names
    layer = last.models[0].layers
    assert len(layer) == 1
    torch.testing.assert_close(
        torch.from_numpy(layer[0].blocks[0].weights(0)).float(),
        whole.maps[-1][0, 0],
        atol=4e-3,
        rtol=0,
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("name", "pure"),
    [
        ("ViT-B-32", True),
        ("ViT-B-32", False),
        ("coca_ViT-B-32", True),  # in the other way open_clip itself fails
        ("EVA02-B-16", True),
        ("ViT-B-16-SigLIP", True),
    ],
)
def test_half_precision(name, pure, dtype):
    """open_clip's precision="fp16" keeps the norms of its own ViT in float32, "pure_fp16" nothing."""
    exact, model = make(name), make(name, None if pure else dtype)
    batch = images_for(model)
    if pure:
        model = model.to(dtype)
    else:
        open_clip.convert_weights_to_lp(model, dtype)
        assert model.visual.ln_pre.weight.dtype == torch.float32
    with torch.no_grad():
        exact = capture_attention(exact, batch, layers=[0]).maps[0]
        found = capture_attention(model, batch.to(dtype), layers=[0]).maps[0]
        widget = AttentionMap.from_model(model, batch, layers=[0])
    assert found.dtype == torch.float32
    apart = (found - exact).abs().sum(-1)  # from 0 to 2, and near 2 for maps of other tokens
    assert apart.mean() < 0.2
    torch.testing.assert_close(found.sum(-1), torch.ones_like(found.sum(-1)))
    torch.testing.assert_close(
        torch.from_numpy(widget.models[0].layers[0].blocks[0].weights(0)).float(),
        found[0, 0],
        atol=4e-3,
        rtol=0,
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("convnext_tiny", "no attention that can be read in CLIP with TimmModel with ConvNeXt"),
        ("RN50", r"in CLIP with ModifiedResNet \(it has AttentionPool2d\)"),
    ],
)
def test_what_has_no_attention_is_refused_by_name(name, message):
    model = built(name)
    for one in (model, model.visual):
        with pytest.raises(TypeError, match=message if one is model else "no attention"):
            capture_attention(one, images_for(model))
