"""Tiny stand-ins: the modules, tokens and preprocessing of the real models, without a network."""

import open_clip
import pytest
import timm
import torch
from PIL import Image

from tests.hub import Hub
from vizkit.data import photos
from vizkit.zoo import OpenClipEncoder, TimmEncoder, list_models, load

TIMM = {
    "vit_base_patch16_clip_224.openai": (12, 12, 196, 1),
    "vit_base_patch16_siglip_224.webli": (12, 12, 196, 0),
    "vit_base_patch16_dinov3.lvd1689m": (12, 12, 256, 5),
    "swin_base_patch4_window7_224.ms_in22k_ft_in1k": (24, 4, 49, 0),
    "convnext_base.fb_in22k_ft_in1k": None,
}
OPEN_CLIP = {
    "ViT-B-16/openai": (12, 12, 196, 1),
    "ViT-L-14/laion2b_s32b_b82k": (24, 16, 256, 1),
    "ViT-B-16-SigLIP/webli": (12, 12, 196, 0),
}


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch):
    """A hub that has nothing and notes who asks."""
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")
    with Hub() as hub, hub.used_by_this_process(tmp_path):
        yield
        assert hub.requests == []


@pytest.fixture(scope="module")
def photo():
    return photos("coffee")[0].image


def parts(model):
    """Every module by name and kind: all of an architecture but its widths."""
    return [(name, type(module).__name__) for name, module in model.named_modules()]


def check_attention(encoder, photo, expected):
    layers, heads, patches, prefix = expected
    assert encoder.patch_tokens(photo).shape[:2] == (1, patches)
    capture = encoder.capture_attention(photo)
    assert (len(capture.maps), capture.maps[0].shape[1]) == (layers, heads)
    assert capture.num_prefix_tokens == prefix


@pytest.mark.parametrize("name", TIMM)
def test_a_stand_in_of_timm_is_the_model_but_for_its_width(name, photo):
    encoder = load(f"tiny/timm/{name}")
    with torch.device("meta"):
        whole = timm.create_model(name)
    assert isinstance(encoder, TimmEncoder)
    assert encoder.name == f"tiny/timm/{name}"
    assert parts(encoder.model) == parts(whole)
    count = [sum(one.numel() for one in model.parameters()) for model in (encoder.model, whole)]
    assert count[0] < count[1] / 10
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(whole))
    assert [repr(step) for step in encoder.preprocess.transform.transforms] == [
        repr(step) for step in transform.transforms
    ]
    assert encoder.encode_image([photo, photo]).shape == (2, encoder.model.num_features)
    if TIMM[name] is None:
        with pytest.raises(TypeError, match="no patch tokens"):
            encoder.patch_tokens(photo)
    else:
        check_attention(encoder, photo, TIMM[name])


@pytest.mark.parametrize("name", OPEN_CLIP)
def test_a_stand_in_of_open_clip_is_the_model_but_for_its_width(name, photo):
    encoder = load(f"tiny/open_clip/{name}")
    model, _, weights = name.rpartition("/")
    config = open_clip.get_pretrained_cfg(model, weights)
    with torch.device("meta"):
        whole = open_clip.create_model(
            model,
            device="meta",
            force_preprocess_cfg=config,
            force_quick_gelu=config.get("quick_gelu", False),
        )
    assert isinstance(encoder, OpenClipEncoder)
    assert encoder.name == f"tiny/open_clip/{name}"
    assert parts(encoder.model) == parts(whole)
    config = open_clip.transform.PreprocessCfg(**open_clip.get_model_preprocess_cfg(whole))
    transform = open_clip.transform.image_transform_v2(config, is_train=False)
    assert torch.equal(encoder.preprocess(photo)[0], transform(Image.fromarray(photo)))
    check_attention(encoder, photo, OPEN_CLIP[name])
    first, second = encoder.encode_text(["a cup of coffee", "a cat"])
    assert first.shape == encoder.encode_image(photo)[0].shape
    assert not torch.allclose(first, second)
    assert (encoder.logit_bias is None) == ("SigLIP" not in name)


def test_a_stand_in_is_the_same_in_every_run_and_takes_no_random_numbers(photo):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = load("tiny/open_clip/ViT-B-16-SigLIP/webli").encode_image(photo)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(load("tiny/open_clip/ViT-B-16-SigLIP/webli").encode_image(photo), first)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny/pocket-clip", "tiny/ and the name of an encoder of timm or open_clip"),
        ("tiny/timm/vit_base_patch16_siglip_22", "vit_base_patch16_siglip_224.webli"),
        ("tiny/open_clip/ViT-B-16/laion", "ViT-B-16/laion2b_s34b_b88k"),
        ("tiny/timm/resnet50.a1_in1k", "a ViT, ConvNeXt or Swin to make tiny.*ResNet"),
        ("tiny/open_clip/RN50/openai", "a CLIP with a ViT, or a SigLIP"),
        ("tiny/open_clip/convnext_base_w/laion2b_s13b_b82k", "a CLIP with a ViT, or a SigLIP"),
    ],
)
def test_a_name_without_a_stand_in_says_what_is_expected(name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


def test_a_stand_in_never_takes_the_place_of_a_real_model():
    assert not any(name.startswith("tiny/") for name in list_models(network=True))
