"""Captured maps are the maps the model used, and capturing leaves no trace."""

import warnings

import open_clip
import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from timm.models.swin_transformer import SwinTransformer as TimmSwin
from torch import nn

from vizkit.models import (
    POSITIONS,
    ConvNet,
    ConvNeXt,
    SwinTransformer,
    VisionTransformer,
    attention_weights,
    capture_attention,
    load_timm_parts,
)
from vizkit.models.attention import Attention, merge_heads, split_heads

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
SWIN = {"img_size": 32, "patch_size": 2, "window_size": 4, "embed_dim": 24, "depths": (2, 2)}
SWIN["num_heads"] = (2, 3)

TIMM_MODELS = {
    "class token": ("vit_tiny_patch16_224", SMALL, 1),
    "distilled": ("deit_tiny_distilled_patch16_224", SMALL, 2),
    "registers": ("vit_small_patch14_reg4_dinov2", SMALL, 5),
    "CLIP": ("vit_base_patch16_clip_224", SMALL, 1),
    "SigLIP": ("vit_base_patch16_siglip_224", SMALL, 0),
    "query-key norm": ("vit_tiny_patch16_224", {**SMALL, "qk_norm": True}, 1),
    "EVA, RoPE": ("eva02_tiny_patch14_224", SMALL, 1),
    "EVA, RoPE mixed": ("vit_small_patch16_rope_mixed_224", SMALL, 1),
    "DINOv3": ("vit_small_patch16_dinov3", SMALL, 5),
    "DINOv3, SwiGLU": ("vit_small_plus_patch16_dinov3_qkvb", SMALL, 5),
    "EVA, PE": ("vit_pe_core_base_patch16_224", SMALL, 1),
    "BEiT, relative positions": ("beit_base_patch16_224", SMALL, 1),
}


def make_timm(name, options, *, fused=True):
    """A small timm model with weights large enough for maps that are far from uniform."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5, **options).eval()
    sharpen(model)
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused
    return model


def sharpen(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))


def images(*shape):
    return torch.randn(*(shape or (2, 3, 32, 32)), generator=torch.Generator().manual_seed(1))


def explicit_maps(model, batch):
    """The oracle: timm's own explicit path, read where the maps go into their dropout."""
    maps, handles = [], []
    for name, module in model.named_modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
        if name.endswith("attn_drop"):
            handles.append(module.register_forward_hook(lambda m, args, out: maps.append(args[0])))
    with torch.no_grad():
        model(batch)
    for handle in handles:
        handle.remove()
    return maps


def assert_maps(received, expected, tolerance=1e-5):
    assert len(received) == len(expected) > 0
    for ours, theirs in zip(received, expected, strict=True):
        assert ours.shape == theirs.shape
        assert not ours.requires_grad
        torch.testing.assert_close(ours, theirs.to(ours.dtype), atol=tolerance, rtol=0)
        torch.testing.assert_close(ours.sum(-1), torch.ones_like(ours.sum(-1)))
        assert ours.std() > 1e-3  # not uniform, or every map would look right


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])
@pytest.mark.parametrize("kind", TIMM_MODELS)
def test_timm_maps_equal_its_explicit_path(kind, fused):
    name, options, prefix = TIMM_MODELS[kind]
    model = make_timm(name, options, fused=fused)
    capture = capture_attention(model, images())
    assert torch.equal(capture.output, model(images()))
    assert_maps(capture.maps, explicit_maps(make_timm(name, options), images()))
    assert capture.names == ["blocks.0.attn", "blocks.1.attn"]
    assert (capture.grid, capture.num_prefix_tokens) == ((4, 4), prefix)
    assert capture.maps[0].shape == (2, 3, 16 + prefix, 16 + prefix)
    assert list(capture.pooling_maps) == (
        ["attn_pool"] if kind.startswith(("SigLIP", "EVA, PE")) else []
    )


def test_siglip_pooling_map():
    model = make_timm("vit_base_patch16_siglip_224", SMALL)
    pool, inputs = model.attn_pool, []
    pool.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    received = capture_attention(model, images()).pooling_maps["attn_pool"]
    _, expected = F.multi_head_attention_forward(
        pool.latent.expand(2, -1, -1).transpose(0, 1),
        inputs[0].transpose(0, 1),
        inputs[0].transpose(0, 1),
        24,
        3,
        torch.cat([pool.q.weight, pool.kv.weight]),
        torch.cat([pool.q.bias, pool.kv.bias]),
        None,
        None,
        False,
        0.0,
        pool.proj.weight,
        pool.proj.bias,
        average_attn_weights=False,
    )
    assert_maps([received], [expected.detach()])
    assert received.shape == (2, 3, 1, 16)


VIZKIT_MODELS = [
    *[{"pooling": pooling} for pooling in ("cls", "mean", "map")],
    *[{"position": position} for position in POSITIONS if position != "learned_1d"],
    *[{"stem": stem} for stem in ("convolution", "residual")],
]


@pytest.mark.parametrize("options", VIZKIT_MODELS, ids=lambda options: "".join(options.values()))
def test_vizkit_maps_reproduce_the_layers(options):
    torch.manual_seed(0)
    model = VisionTransformer(image_size=(16, 24), patch_size=4, embed_dim=24, depth=2, **options)
    model.double().eval()
    sharpen(model)
    batch, pooling = images(2, 3, 16, 24).double(), options.get("pooling", "cls")
    capture = capture_attention(model, batch)
    output, named = model(batch, return_intermediates=True)
    assert torch.equal(capture.output, output)
    entering = [named["with_position"], named["block_0"]]
    layers = zip(model.blocks, entering, model.position.rotations(), strict=True)
    expected = [
        block.attention(block.norm_1(tokens), return_map=True, rotation=rotation)[1]
        for block, tokens, rotation in layers
    ]
    assert_maps(capture.maps, expected, tolerance=1e-10)
    assert capture.maps[0].dtype == torch.float64
    assert capture.grids == [(4, 6), (4, 6)]
    assert capture.names == ["blocks.0.attention", "blocks.1.attention"]
    assert capture.num_prefix_tokens == (1 if pooling == "cls" else 0)
    if pooling == "map":
        assert capture.pooling_maps["pooling"].shape == (2, 3, 1, 24)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])
@pytest.mark.parametrize(
    ("name", "size", "made_for"),
    [
        ("swin_tiny_patch4_window7_224", (32, 32), (32, 32)),
        # 12 x 20 patches: the second stage fills up.
        ("swin_tiny_patch4_window7_224", (24, 40), (24, 40)),
        ("swinv2_tiny_window8_256", (32, 32), (32, 32)),
        ("swin_tiny_patch4_window7_224", (40, 24), (24, 40)),
        ("swinv2_tiny_window8_256", (16, 48), (32, 32)),
    ],
)
def test_swin_maps_on_the_grid_do_what_the_windows_did(name, size, made_for, fused):
    options = {**SWIN, "img_size": made_for, "strict_img_size": size == made_for}
    model = make_timm(name, options, fused=fused)
    blocks = {f"{n}.attn": m for n, m in model.named_modules() if "SwinT" in type(m).__name__}
    blocks = {n: m for n, m in blocks.items() if hasattr(m, "window_size")}
    seen = {}
    for layer, block in blocks.items():
        zero_value_bias(block.attn)  # then attention to padding adds nothing
        attend = block._attn

        def watched(tokens, layer=layer, attend=attend):
            seen[layer] = (tokens, attend(tokens))
            return seen[layer][1]

        block._attn = watched
    with torch.no_grad():
        capture = capture_attention(model, images(2, 3, *size))
    high, wide = size[0] // 2, size[1] // 2
    assert capture.grids == [(high, wide)] * 2 + [(high // 2, wide // 2)] * 2
    assert capture.names == list(blocks)
    assert capture.num_prefix_tokens == 0
    with pytest.raises(ValueError, match="grids"):
        _ = capture.grid
    for layer, whole in zip(capture.names, capture.maps, strict=True):
        tokens, expected = (part.flatten(1, 2) for part in seen[layer])
        attention = blocks[layer].attn
        value = F.linear(tokens, attention.qkv.weight.chunk(3)[2])
        value = value.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
        received = attention.proj((whole @ value).transpose(1, 2).flatten(2))
        torch.testing.assert_close(received, expected, atol=1e-4, rtol=1e-4)
        assert (whole > 0).sum(-1).max() <= 16  # nobody looks out of a 4 x 4 window
    torch.testing.assert_close(capture.maps[0].sum(-1), torch.ones_like(capture.maps[0].sum(-1)))
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("window_size", [4, 3, 7, 16], ids="window {}".format)
def test_vizkit_swin_maps_equal_those_of_timm(window_size):
    sizes = {"patch_size": 2, "window_size": window_size, "depths": (2, 2), "num_heads": (2, 3)}
    reference = TimmSwin(img_size=(24, 40), embed_dim=24, num_classes=5, **sizes).eval()
    sharpen(reference)
    model = SwinTransformer(image_size=(24, 40), width=24, num_classes=5, **sizes)
    load_timm_parts(model, reference)
    batch = images(2, 3, 24, 40)
    capture, expected = capture_attention(model, batch), capture_attention(reference, batch)
    assert torch.equal(capture.output, model(batch))
    assert capture.names == [f"stages.{s}.{b}.attention" for s in range(2) for b in range(2)]
    assert capture.grids == expected.grids == [(12, 20)] * 2 + [(6, 10)] * 2
    for received, theirs in zip(capture.maps, expected.maps, strict=True):
        torch.testing.assert_close(received, theirs, atol=1e-5, rtol=0)
        if window_size == 16:  # the second stage is one window, of every patch
            continue
        assert ((received > 0).sum(-1) <= window_size**2).all()
    for whole, grid in zip(capture.maps, capture.grids, strict=True):
        filled_up = any(side % min(window_size, side) for side in grid)
        assert whole.sum(-1).max() < 1 + 1e-5
        assert whole.sum(-1).min() > 1 - 1e-5 or filled_up
    assert capture.num_prefix_tokens == 0


@pytest.mark.parametrize("name", ["vit_small_r26_s32_224", "vit_tiny_r_s16_p8_224"])
def test_timm_hybrid(name):
    options = {"img_size": (64, 96), "embed_dim": 24, "depth": 2, "num_heads": 3}
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5, **options).eval()
    sharpen(model.blocks)
    batch = images(2, 3, 64, 96)
    capture = capture_attention(model, batch)
    assert torch.equal(capture.output, model(batch))
    assert (capture.grid, capture.num_prefix_tokens) == ((2, 3), 1)
    assert capture.names == ["blocks.0.attn", "blocks.1.attn"]
    assert_maps(capture.maps, explicit_maps(model, batch))


def zero_value_bias(attention):
    with torch.no_grad():
        if attention.qkv.bias is not None:
            attention.qkv.bias.chunk(3)[2].zero_()
        if getattr(attention, "v_bias", None) is not None:
            attention.v_bias.zero_()


def make_open_clip(vision, **options):
    torch.manual_seed(0)
    text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
    vision_cfg = {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8}
    model = open_clip.CLIP(24, {**vision_cfg, **vision}, text, **options).eval()
    sharpen(model)
    return model


def multihead_maps(model, run):
    """The oracle: every `nn.MultiheadAttention` called once more, with `need_weights`."""
    maps, handles = {}, []

    def again(name):
        def hook(module, args, kwargs, output):
            handles.pop(name).remove()
            query, key, value = (*args, kwargs.get("key"), kwargs.get("value"))[:3]
            maps[name] = module(query, key, value, average_attn_weights=False)[1]

        return hook

    handles = {
        name: module.register_forward_hook(again(name), with_kwargs=True)
        for name, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention)
    }
    with torch.no_grad():
        run(images())
    for handle in handles.values():
        handle.remove()
    return maps


@pytest.mark.parametrize("gradients", [True, False], ids=["grad", "no_grad"])
def test_open_clip_maps_equal_torch_need_weights(gradients):
    model = make_open_clip({})
    with torch.set_grad_enabled(gradients):
        capture = capture_attention(model, images())
        assert torch.equal(capture.output, model.encode_image(images()))
    expected = multihead_maps(model, model.encode_image)
    assert list(expected) == capture.names  # and no map of the text tower
    assert all(name.startswith("visual.") for name in capture.names)
    assert_maps(capture.maps, list(expected.values()))
    assert (capture.grid, capture.num_prefix_tokens) == ((4, 4), 1)
    assert capture.maps[0].shape == (2, 3, 17, 17)


def test_open_clip_attentional_pooling_is_a_pooling_map():
    model = make_open_clip({"attentional_pool": True, "attn_pooler_queries": 7})
    capture = capture_attention(model, images())
    expected = multihead_maps(model, model.encode_image)
    assert list(capture.pooling_maps) == ["visual.attn_pool.attn"]
    pooling = expected.pop("visual.attn_pool.attn")
    assert pooling.shape == (2, 8, 7, 17)
    assert_maps([capture.pooling_maps["visual.attn_pool.attn"]], [pooling])
    assert_maps(capture.maps, list(expected.values()))


def test_open_clip_custom_attention_and_timm_trunk():
    inner = make_open_clip({"qk_norm": True})
    capture = capture_attention(inner, images())
    attention = inner.visual.transformer.resblocks[0].attn
    assert type(attention).__name__ == "Attention"
    assert [tuple(one.shape) for one in capture.maps] == [(2, 3, 17, 17)] * 2
    seen = []
    attention.register_forward_hook(lambda module, args, output: seen.append((args[0], output)))
    inner.encode_image(images())
    tokens, expected = seen[0]
    value = F.linear(tokens, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)[2]
    value = value.unflatten(-1, (3, -1)).transpose(1, 2)
    received = attention.out_proj((capture.maps[0] @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(received, expected, atol=1e-4, rtol=1e-4)

    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "linear"}
    trunk = open_clip.CustomTextCLIP(
        24,
        {"image_size": 224, **vision},
        {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1},
    ).eval()
    capture = capture_attention(trunk, images(1, 3, 224, 224))
    assert capture.names == [f"visual.trunk.blocks.{layer}.attn" for layer in range(12)]
    expected = explicit_maps(trunk.visual, images(1, 3, 224, 224))
    torch.testing.assert_close(capture.maps, expected)
    assert (capture.grid, capture.num_prefix_tokens) == ((14, 14), 1)


def test_torchvision_vit():
    model = torchvision.models.VisionTransformer(32, 8, 2, 3, 24, 48, num_classes=5).eval()
    sharpen(model)
    capture = capture_attention(model, images())
    assert_maps(capture.maps, list(multihead_maps(model, model).values()))
    assert (capture.grid, capture.num_prefix_tokens) == ((4, 4), 1)


def test_grid_of_a_wide_image():
    options = {**SMALL, "dynamic_img_size": True}
    capture = capture_attention(make_timm("vit_tiny_patch16_224", options), images(1, 3, 16, 48))
    assert capture.grid == (2, 6)
    wide = make_open_clip({"image_size": (16, 48)})
    assert capture_attention(wide, images(1, 3, 16, 48)).grid == (2, 6)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])
def test_train_mode_gives_maps_before_dropout(fused):
    options = {**SMALL, "attn_drop_rate": 0.5, "proj_drop_rate": 0.3}
    model = make_timm("vit_tiny_patch16_224", options, fused=fused)
    expected = explicit_maps(model, images())[:1]  # the first layer sees no dropout before it
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused
    model.train()
    torch.manual_seed(3)
    capture = capture_attention(model, images())
    torch.manual_seed(3)
    assert torch.equal(capture.output, model(images()))
    assert_maps(capture.maps[:1], expected)
    assert model.training
    capture.output.sum().backward()
    assert model.blocks[0].attn.qkv.weight.grad.abs().max() > 0


@pytest.mark.parametrize("kind", ["class token", "EVA, RoPE"])
def test_under_autocast(kind):
    name, options, _ = TIMM_MODELS[kind]
    model = make_timm(name, options)
    exact = capture_attention(model, images())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        capture = capture_attention(model, images())
        assert torch.equal(capture.output, model(images()))
    assert capture.output.dtype == torch.bfloat16
    assert capture.maps[0].dtype == torch.float32
    assert_maps(capture.maps[:1], exact.maps[:1], tolerance=0.05)
    assert not torch.equal(capture.maps[0], exact.maps[0])


def test_half_precision_model():
    model = make_timm("vit_tiny_patch16_224", SMALL).to(torch.bfloat16)
    with torch.inference_mode():
        capture = capture_attention(model, images().to(torch.bfloat16))
    assert capture.maps[0].dtype == torch.float32
    torch.testing.assert_close(capture.maps[0].sum(-1), torch.ones(2, 3, 17))


def traces(model):
    methods = {"forward", "mix"}
    return [name for name, module in model.named_modules() if methods & module.__dict__.keys()]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["blocks.0.attn.proj", "blocks.1.mlp"])
def test_an_exception_leaves_no_trace(error, place):
    model = make_timm("vit_tiny_patch16_224", SMALL)
    expected = model(images())

    def fails(*args):
        raise error("stop")

    handle = model.get_submodule(place).register_forward_pre_hook(fails)
    with pytest.raises(error, match="stop"):
        capture_attention(model, images())
    handle.remove()
    assert traces(model) == []
    assert torch.equal(model(images()), expected)
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_forward_that_somebody_replaced_is_kept():
    model, calls = make_timm("vit_tiny_patch16_224", SMALL), []
    attention = model.blocks[0].attn
    plain = attention.forward

    def theirs(*args, **kwargs):
        calls.append(1)
        return plain(*args, **kwargs)

    attention.forward = theirs
    assert len(capture_attention(model, images()).maps) == 2
    assert attention.forward is theirs
    assert calls == [1]
    assert traces(model) == ["blocks.0.attn"]


class Sharper(Attention):
    """A learner's own: scores twice as large, on the way that `Attention.forward` takes."""

    def mix(self, query, key, value, mask):
        return (2 * query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(-1) @ value


class SharperByItself(Attention):
    """The same with a `forward` that knows nothing of `mix`."""

    def forward(self, tokens, return_map=False, mask=None, rotation=None):
        joint = self.query_key_value(tokens).chunk(3, dim=-1)
        query, key, value = (split_heads(part, self.num_heads) for part in joint)
        mixed = F.scaled_dot_product_attention(2 * query, key, value)
        return self.projection(merge_heads(mixed))


def replace_on_the_instance(attention):
    attention.mix = lambda query, key, value, mask: Sharper.mix(attention, query, key, value, mask)


def replace_class(kind):
    return lambda attention: setattr(attention, "__class__", kind)


@pytest.mark.parametrize(
    "replace",
    [replace_class(Sharper), replace_class(SharperByItself), replace_on_the_instance],
    ids=["mix", "forward", "mix of the instance"],
)
def test_the_map_of_an_attention_that_somebody_changed_is_the_one_it_used(replace):
    torch.manual_seed(0)
    model = VisionTransformer(patch_size=16, embed_dim=24, depth=2, num_heads=3).eval()
    sharpen(model)
    attention, seen = model.blocks[1].attention, []
    expected = model.blocks[1].norm_1.register_forward_hook(lambda *rest: seen.append(rest[2]))
    replace(attention)
    before, pictures = traces(model), torch.randn(2, 3, 64, 64)
    found = capture_attention(model, pictures).maps[1]
    expected.remove()
    query, key, _ = attention.query_key_value(seen[0]).chunk(3, dim=-1)
    query, key = split_heads(query, 3), split_heads(key, 3)
    torch.testing.assert_close(found, attention_weights(2 * query, key).detach())
    assert traces(model) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: ConvNet(width=8),
        lambda: ConvNeXt(widths=(8,), depths=(1,)),
        lambda: torchvision.models.resnet18(),
        lambda: timm.create_model("vit_tiny_patch16_224", attn_layer="diff", **SMALL),
    ],
    ids=["ConvNet", "ConvNeXt", "ResNet", "differential attention"],
)
def test_a_model_without_known_attention_is_refused(make):
    with pytest.raises(TypeError, match=r"found no attention.*vizkit.*timm.*Swin.*open_clip"):
        capture_attention(make().eval(), images())


def test_patch_dropout_is_refused():
    model = make_timm("vit_tiny_patch16_224", {**SMALL, "patch_drop_rate": 0.75})
    assert len(capture_attention(model, images()).maps) == 2
    with pytest.raises(ValueError, match=r"expected 4 x 4 patch tokens, received 4 .*eval"):
        capture_attention(model.train(), images())


def test_some_layers_are_those_of_all():
    model = make_timm("vit_tiny_patch16_224", SMALL | {"depth": 4})
    every = capture_attention(model, images())
    some = capture_attention(model, images(), layers=[3, 1, 1])
    assert some.names == [every.names[1], every.names[3]]
    assert all(map(torch.equal, some.maps, [every.maps[1], every.maps[3]]))
    assert torch.equal(some.output, every.output)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "expected at least one layer"),
        ([2], ValueError, "expected layers from 0 to 1, received 2"),
        ([-1], ValueError, "expected layers from 0 to 1, received -1"),
        ([0.5], TypeError, r"expected layers to be whole numbers, received 0\.5"),
        ([True], TypeError, "expected layers to be whole numbers, received True"),
    ],
)
def test_layers_that_a_model_does_not_have(layers, error, message):
    with pytest.raises(error, match=message):
        capture_attention(make_timm("vit_tiny_patch16_224", SMALL), images(), layers=layers)


@pytest.mark.parametrize("wrong", [torch.zeros(3, 32, 32), None, "photo.png"])
def test_images_must_be_a_batch(wrong):
    with pytest.raises(ValueError, match=r"expected images \(B, C, H, W\), received"):
        capture_attention(VisionTransformer(), wrong)


def test_the_model_must_be_a_module():
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, received function"):
        capture_attention(lambda batch: batch, images())


def test_capturing_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        capture_attention(make_timm("vit_tiny_patch16_224", SMALL), images())


# ------------------------------------------------------------------ what tokens are, and wrappers


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("vit_tiny_patch16_224", SMALL, ["CLS"]),
        ("deit_tiny_distilled_patch16_224", SMALL, ["CLS", "distillation"]),
        ("vit_medium_patch16_reg4_gap_256", SMALL, [f"register {i}" for i in range(1, 5)]),
        ("vit_small_patch14_reg4_dinov2", SMALL, ["CLS", *(f"register {i}" for i in range(1, 5))]),
        ("vit_base_patch16_siglip_224", SMALL, []),
    ],
)
def test_tokens_are_called_what_they_are(name, options, expected):
    """Case 05: token 0 was called CLS and token 1 a register, whatever they were."""
    capture = capture_attention(make_timm(name, options), images())
    assert capture.prefix_names == expected
    patches = [f"patch {row},{column}" for row in range(4) for column in range(4)]
    assert capture.token_names == expected + patches
    assert capture.maps[0].shape[-1] == len(capture.token_names)


def test_open_clip_and_vizkit_tokens_have_names():
    assert capture_attention(make_open_clip({}), images()).prefix_names == ["CLS"]
    ours = VisionTransformer(image_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=3)
    assert capture_attention(ours, images()).prefix_names == ["CLS"]


class Wrapped(nn.Module):
    """What a training framework makes of a model."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, batch):
        return self.backbone(batch)


@pytest.mark.parametrize(
    "wrap",
    [Wrapped, nn.DataParallel, torch.compile, lambda model: Wrapped(torch.compile(model))],
    ids=["module", "DataParallel", "compile", "compile in module"],
)
def test_a_wrapped_model_gives_the_maps_of_the_bare_one(wrap):
    model = make_timm("vit_tiny_patch16_224", SMALL)
    expected = capture_attention(model, images())
    capture = capture_attention(wrap(model), images())
    assert all(map(torch.equal, capture.maps, expected.maps))
    assert torch.equal(capture.output, expected.output)
    assert (capture.prefix_names, capture.grids) == (expected.prefix_names, expected.grids)


def test_open_clip_tower_alone_gives_the_maps_of_the_whole():
    model = make_open_clip({})
    whole, tower = capture_attention(model, images()), capture_attention(model.visual, images())
    assert all(map(torch.equal, whole.maps, tower.maps))
    assert tower.prefix_names == ["CLS"]


def test_pictures_in_and_maps_out_are_counted():
    """Case 06: MobileViT's four grids of one picture came back as the maps of four."""
    model = timm.create_model("mobilevit_xxs").eval()
    with pytest.raises(ValueError, match=r"expected maps of 1 picture\(s\).*received 4.*MobileViT"):
        capture_attention(model, torch.randn(1, 3, 64, 64))


class Own(nn.Module):
    """An image encoder as people write it with torch's own parts."""

    def __init__(self, style, class_token=False, depth=2, **options):
        super().__init__()
        self.style, self.patches = style, nn.Conv2d(3, 32, 8, 8)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 32)) if class_token else None
        self.norms = nn.ModuleList([nn.LayerNorm(32) for _ in range(3)])
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True, **options)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth)
        self.queries = nn.Parameter(torch.randn(1, 16, 32))

    def tokens(self, batch):
        x = self.patches(batch).flatten(2).transpose(1, 2)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)
        return x

    def forward(self, batch):
        x = self.tokens(batch)
        if self.style == "encoder":
            return self.encoder(x)
        parts = {
            "one norm": lambda: [self.norms[0](x)] * 3,
            "one norm, thrice": lambda: [self.norms[0](x) for _ in range(3)],
            "three norms": lambda: [norm(x) for norm in self.norms],
            "pooling": lambda: [self.queries.repeat(len(x), 1, 1), x, x],
        }
        return self.attention(*parts[self.style]())[0]


@pytest.mark.parametrize("gradients", [True, False], ids=["grad", "no_grad"])
def test_the_fast_path_of_torch_is_read_as_well(gradients):
    """Case 08: within no_grad torch runs the whole layer at once, and no map was found."""
    torch.manual_seed(0)
    model = Own("encoder", class_token=True).eval()
    sharpen(model.encoder)
    fast = torch.backends.mha.get_fastpath_enabled()
    with torch.set_grad_enabled(gradients):
        capture = capture_attention(model, images())
    assert torch.backends.mha.get_fastpath_enabled() == fast
    with torch.no_grad():
        x, expected = model.tokens(images()), []
        torch.testing.assert_close(capture.output, model(images()), atol=1e-4, rtol=1e-4)
        for layer in model.encoder.layers:
            expected.append(layer.self_attn(x, x, x, average_attn_weights=False)[1])
            x = layer(x)
    assert_maps(capture.maps, expected, tolerance=1e-4)
    assert (capture.prefix_names, capture.grid) == (["CLS"], (4, 4))


@pytest.mark.parametrize("style", ["one norm", "one norm, thrice", "three norms"])
@pytest.mark.parametrize("options", [{}, {"add_zero_attn": True}, {"add_bias_kv": True}], ids=str)
@pytest.mark.parametrize("batch", [1, 2])
def test_own_attention_is_self_attention_with_its_true_weights(style, options, batch):
    torch.manual_seed(0)
    model = Own(style, class_token=True, **options).eval()
    sharpen(model.attention)
    capture = capture_attention(model, images(batch, 3, 32, 32))
    assert capture.pooling_maps == {}
    x = model.tokens(images(batch, 3, 32, 32))
    norms = list(model.norms) if style == "three norms" else [model.norms[0]] * 3
    _, expected = model.attention(*(norm(x) for norm in norms), average_attn_weights=False)
    assert expected.shape[-1] == 17 + bool(options)
    torch.testing.assert_close(capture.maps[0], expected[..., :17].detach(), atol=1e-5, rtol=0)
    assert (capture.num_prefix_tokens, capture.grid) == (1, (4, 4))


def test_learned_queries_are_pooling_even_where_they_are_as_many_as_the_tokens():
    capture = capture_attention(Own("pooling").eval(), images())
    assert list(capture.pooling_maps) == ["attention"]


def test_the_number_of_prefix_tokens_may_be_given():
    model = Own("one norm", class_token=True)
    capture = capture_attention(model, images(), num_prefix_tokens=1)
    assert capture.grid == (4, 4)
    with pytest.raises(ValueError, match="give num_prefix_tokens="):
        capture_attention(model, images(), num_prefix_tokens=3)
    for wrong in (-1, 1.5, True, "1"):
        with pytest.raises(ValueError, match="expected num_prefix_tokens to be None or a whole"):
            capture_attention(model, images(), num_prefix_tokens=wrong)


# Small versions of many architectures: their maps against their own explicit softmax.
SMALL_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 3}
MANY = [
    "vit_tiny_patch16_384", "vit_small_patch32_224", "vit_base_patch8_224", "vit_large_patch16_224",
    "vit_huge_patch14_224", "vit_base_patch16_224_miil", "vit_medium_patch16_gap_240",
    "vit_betwixt_patch16_gap_256", "vit_base_patch16_gap_224", "vit_base_patch32_clip_224",
    "vit_base_patch16_clip_quickgelu_224", "vit_large_patch14_clip_224",
    "vit_base_patch16_siglip_gap_224", "vit_so400m_patch14_siglip_224",
    "vit_base_patch32_siglip_256", "vit_little_patch16_reg4_gap_256",
    "vit_little_patch16_reg1_gap_256",
    "vit_wee_patch16_reg1_gap_256", "vit_base_patch14_dinov2", "vit_large_patch14_reg4_dinov2",
    "vit_small_patch8_224", "vit_giant_patch14_reg4_dinov2", "deit_small_patch16_224",
    "deit_base_distilled_patch16_224", "deit3_small_patch16_224", "deit3_base_patch16_224",
    "deit3_medium_patch16_224", "flexivit_small", "flexivit_base",
    "vit_xsmall_patch16_clip_224", "eva_large_patch14_196",
    "eva02_small_patch14_224", "eva02_base_patch14_224", "eva02_base_patch16_clip_224",
    "vit_medium_patch16_rope_reg1_gap_256", "vit_base_patch16_dinov3", "vit_large_patch16_dinov3",
    "vit_base_patch16_rope_224", "vit_small_patch16_rope_ape_224", "vit_pe_spatial_tiny_patch16_512",
    "vit_pe_lang_large_patch14_448", "beit_large_patch16_224", "beitv2_base_patch16_224",
]  # fmt: skip


def softmax_maps_of(model, batch):
    """The oracle: what every softmax of the model's explicit attention gives, by its own calls."""
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    return explicit_maps(model, batch)


def test_they_are_many():
    assert len(set(MANY)) >= 40


@pytest.mark.parametrize("name", MANY)
def test_maps_of_many_architectures_equal_their_explicit_softmax(name):
    model = make_timm(name, SMALL_VIT)
    capture = capture_attention(model, images(2, 3, 32, 32))
    assert_maps(capture.maps, softmax_maps_of(model, images(2, 3, 32, 32)), tolerance=2e-5)
    assert capture.grid == (4, 4)
    assert capture.maps[0].shape[-1] == len(capture.token_names)
