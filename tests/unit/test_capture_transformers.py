"""Maps of the image encoders of transformers: what its own softmax gives, whoever computes it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from PIL import Image
from torch import nn

from vizkit.models import capture_attention
from vizkit.widgets import AttentionMap

VISION = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
TEXT = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 60,
    "max_position_embeddings": 12,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
NAFLEX = {name: value for name, value in VISION.items() if name != "image_size"}
NAFLEX["num_patches"] = 16
REGISTERS = [f"register {number}" for number in range(1, 5)]


def vision(name, **more):
    config = getattr(transformers, f"{name}Config")(**VISION, **more)
    return getattr(transformers, f"{name}Model"), config


def whole(name, tower):
    config = getattr(transformers, f"{name}Config")(text_config=TEXT, vision_config=tower)
    return getattr(transformers, f"{name}Model"), config


MODELS = {  # name -> (class and configuration, what its prefix tokens are)
    "ViT": (lambda: vision("ViT"), ["CLS"]),
    "ViT, classifier": (
        lambda: (transformers.ViTForImageClassification, vision("ViT")[1]),
        ["CLS"],
    ),
    "DeiT": (lambda: vision("DeiT"), ["CLS", "distillation"]),
    "DINOv2": (lambda: vision("Dinov2"), ["CLS"]),
    "DINOv2, registers": (
        lambda: vision("Dinov2WithRegisters", num_register_tokens=4),
        ["CLS", *REGISTERS],
    ),
    "DINOv3": (lambda: vision("DINOv3ViT", num_register_tokens=4), ["CLS", *REGISTERS]),
    "I-JEPA": (lambda: vision("IJepa"), []),
    "BEiT": (lambda: vision("Beit", use_relative_position_bias=True), ["CLS"]),
    "ViT-MSN": (lambda: vision("ViTMSN"), ["CLS"]),
    "Chinese CLIP": (lambda: vision("ChineseCLIPVision"), ["CLS"]),
    "CLIP, image tower": (lambda: vision("CLIPVision"), ["CLS"]),
    "CLIP, projection": (
        lambda: (transformers.CLIPVisionModelWithProjection, vision("CLIPVision")[1]),
        ["CLS"],
    ),
    "CLIP": (lambda: whole("CLIP", VISION), ["CLS"]),
    "SigLIP, image tower": (lambda: vision("SiglipVision"), []),
    "SigLIP": (lambda: whole("Siglip", VISION), []),
    "SigLIP 2": (lambda: whole("Siglip2", NAFLEX), []),
}
SIZES = pytest.mark.parametrize("size", [(32, 32), (16, 48), (40, 24)], ids=str)


def make(name, attention="sdpa"):
    torch.manual_seed(0)
    model_class, config = MODELS[name][0]()
    model = model_class._from_config(config, attn_implementation=attention).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # maps that are far from uniform
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


def images(*size):
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))


def softmax_maps(model, run):
    """The oracle: every softmax (B, H, T, T) that its own eager code computes."""
    maps, plain = [], F.softmax

    def heard(*args, **kwargs):
        result = plain(*args, **kwargs)
        if result.ndim == 4:  # that of torch's pooling head has three axes
            maps.append(result)
        return result

    F.softmax = nn.functional.softmax = heard
    try:
        with torch.no_grad():
            run(model)
    finally:
        F.softmax = nn.functional.softmax = plain
    return maps


def call(model, batch):
    """The model as its own documentation calls it, with the images' own size."""
    rows, columns = batch.shape[2] // 8, batch.shape[3] // 8
    kwargs = {"pixel_values": batch}
    if type(model).__name__.startswith("Siglip2"):
        patches = F.unfold(batch, 8, stride=8).transpose(1, 2)  # (B, N, C*P*P), channels first
        patches = patches.unflatten(2, (3, 64)).transpose(2, 3).flatten(2)  # channels last
        kwargs = {
            "pixel_values": patches,
            "pixel_attention_mask": torch.ones(len(batch), rows * columns),
            "spatial_shapes": torch.tensor([[rows, columns]] * len(batch)),
        }
    elif not type(model).__name__.startswith("DINO") and "Dinov2" not in type(model).__name__:
        kwargs["interpolate_pos_encoding"] = True
    return getattr(model, "get_image_features", model)(**kwargs)


@SIZES
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", MODELS)
def test_maps_equal_the_softmax_of_its_eager_attention(name, attention, size):
    model, prefix = make(name, attention), MODELS[name][1]
    capture = capture_attention(model, images(*size))
    expected = softmax_maps(make(name, "eager"), lambda other: call(other, images(*size)))
    assert len(capture.maps) == len(expected) == 2
    for received, theirs in zip(capture.maps, expected, strict=True):
        torch.testing.assert_close(received, theirs, atol=1e-5, rtol=0)
        assert received.std() > 1e-3
    grid = (size[0] // 8, size[1] // 8)
    assert capture.grid == grid
    assert capture.prefix_names == prefix
    assert len(capture.token_names) == capture.maps[0].shape[-1]
    assert list(capture.pooling_maps) == [
        f"{'' if 'tower' in name else 'vision_model.'}head.attention"
    ] * ("SigLIP" in name)
    theirs = call(model, images(*size))
    for key in ("pooler_output", "last_hidden_state", "logits", "image_embeds"):
        if theirs.get(key) is not None:
            assert torch.equal(capture.output[key], theirs[key])


@pytest.mark.parametrize("name", ["ViT", "DINOv2", "CLIP, image tower", "SigLIP, image tower"])
def test_maps_equal_output_attentions(name):
    capture = capture_attention(make(name), images(32, 32))
    theirs = make(name, "eager")(pixel_values=images(32, 32), output_attentions=True).attentions
    assert len(theirs) == 2
    for received, expected in zip(capture.maps, theirs, strict=True):
        torch.testing.assert_close(received, expected.detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["SigLIP", "SigLIP 2"])
def test_the_map_of_the_pooling_head(name):
    model, found = make(name), []
    head = model.vision_model.head.attention

    def again(module, args, output):
        handle.remove()
        found.append(module(*args, average_attn_weights=False)[1])

    handle = head.register_forward_hook(again)
    with torch.no_grad():
        capture = capture_attention(model, images(32, 32))
        call(model, images(32, 32))
    received = capture.pooling_maps["vision_model.head.attention"]
    assert received.shape == (2, 3, 1, 16)
    torch.testing.assert_close(received, found[-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["CLIP", "SigLIP"])
def test_layers_are_those_of_the_image_tower(name):
    """The text tower comes first in CLIPModel, and its attention is of the same class."""
    model = make(name)
    every = capture_attention(model, images(32, 32))
    some = capture_attention(model, images(32, 32), layers=[1])
    assert torch.equal(some.maps[0], every.maps[1])
    widget = AttentionMap.from_model(model, images(32, 32)[:1], layers=[-1])
    expected = AttentionMap(every.maps[1][None, 0], grid=(4, 4))
    np.testing.assert_array_equal(widget.weights(), expected.weights())


def test_another_attention_is_refused_with_what_to_do():
    model = make("ViT")
    transformers.AttentionInterface.register("own", lambda module, q, k, v, *args, **kw: (v, None))
    model.set_attn_implementation("own")
    with pytest.raises(TypeError, match=r'no attention map that can be read.*"sdpa" or "eager"'):
        capture_attention(model, images(32, 32))


def test_sides_that_are_no_multiple_of_the_patch():
    with pytest.raises(ValueError, match="multiples of the patch of 8 pixels, received 30 x 32"):
        capture_attention(make("SigLIP 2"), images(30, 32))


# ------------------------------------------------------------------ shown, with its normalisation

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
SMALL = {"size": {"height": 32, "width": 32}}
PROCESSORS = {
    "CLIP": lambda: transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ),
    "ViT": lambda: transformers.ViTImageProcessor(**SMALL),
    "SigLIP": lambda: transformers.SiglipImageProcessor(**SMALL),
    "SigLIP 2": lambda: transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16),
    "DINOv2": lambda: transformers.BitImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_an_image_processor_brings_its_normalisation(name):
    model, processor = make(name), PROCESSORS[name]()
    widget = AttentionMap.from_model(model, Image.fromarray(PIXELS), preprocess=processor)
    np.testing.assert_array_equal(widget.pictures[0], PIXELS)
    pixels = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255
    mean, std = (
        torch.tensor(one)[:, None, None] for one in (processor.image_mean, processor.image_std)
    )
    expected = capture_attention(model, (pixels - mean) / std)
    shown = AttentionMap(torch.stack([one[0] for one in expected.maps]), grid=(4, 4))
    widget.mode = shown.mode = "mean over heads"
    np.testing.assert_allclose(widget.weights(), shown.weights(), atol=1e-4)
    given = AttentionMap.from_model(
        model, PIXELS, mean=processor.image_mean, std=processor.image_std
    )
    given.mode = "mean over heads"
    np.testing.assert_allclose(given.weights(), shown.weights(), atol=1e-4)


def test_the_processor_of_a_whole_model_will_do():
    class Processor:
        image_processor = PROCESSORS["CLIP"]()

        def __call__(self, *args, **kwargs):
            raise AssertionError("this one wants texts as well")

    widget = AttentionMap.from_model(make("CLIP"), PIXELS, preprocess=Processor())
    np.testing.assert_array_equal(widget.pictures[0], PIXELS)
    assert widget.about["sides"][0]["tokens"] == ["CLS"]


def test_a_rectangle_by_an_image_processor():
    wide = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    processor = transformers.BitImageProcessor(do_resize=False, do_center_crop=False)
    widget = AttentionMap.from_model(make("DINOv2"), wide, preprocess=processor)
    assert widget.models[0].layers[0].grid == (4, 8)
    naflex = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=32)
    widget = AttentionMap.from_model(make("SigLIP 2"), wide, preprocess=naflex)
    assert widget.models[0].layers[0].grid == (4, 8)
    np.testing.assert_array_equal(widget.pictures[0], wide)
    with pytest.raises(ValueError, match="preprocess must bring all pictures to one size"):
        AttentionMap.from_model(make("SigLIP 2"), [wide, PIXELS], preprocess=naflex)


def test_without_a_normalisation_it_asks():
    with pytest.raises(ValueError, match=r"ViTModel cannot be found.*mean= and std=.*preprocess="):
        AttentionMap.from_model(make("ViT"), PIXELS)
