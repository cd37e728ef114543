"""How random weights spread at the start: a constant, or by the inputs of each layer."""

import pytest
import torch
from torch import nn

from vizkit.models import ConvNeXt, SwinTransformer, VisionTransformer

NARROW = {"in_channels": 1, "num_classes": 10}
MODELS = {
    "ViT": lambda **how: VisionTransformer(
        image_size=16, patch_size=8, embed_dim=28, num_heads=2, **NARROW, **how
    ),
    "hybrid": lambda **how: VisionTransformer(
        image_size=16, patch_size=4, embed_dim=26, num_heads=2, stem="residual", **NARROW, **how
    ),
    "ConvNeXt": lambda **how: ConvNeXt(widths=(20, 38), depths=(1, 1), **NARROW, **how),
    "Swin": lambda **how: SwinTransformer(
        image_size=32, width=16, depths=(2, 2), num_heads=(1, 2), **NARROW, **how
    ),
}


def layers(model: nn.Module) -> dict[str, nn.Module]:
    return {
        name: one for name, one in model.named_modules() if isinstance(one, nn.Linear | nn.Conv2d)
    }


@pytest.mark.parametrize("name", MODELS)
def test_fan_in_scales_every_layer_by_its_inputs(name):
    torch.manual_seed(0)
    for layer_name, layer in layers(MODELS[name](initialization="fan_in")).items():
        if ".network." in layer_name:
            continue  # a residual network keeps its own rule
        inputs, count = layer.weight[0].numel(), layer.weight.numel()
        expected = inputs**-0.5
        # Four standard errors of a standard deviation.
        assert abs(layer.weight.std() / expected - 1) < 4 / (2 * count) ** 0.5, layer_name
        assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("name", MODELS)
def test_published_is_the_default_and_keeps_the_constant(name):
    torch.manual_seed(0)
    default = MODELS[name]().state_dict()
    torch.manual_seed(0)
    published = MODELS[name](initialization="published")
    assert all(torch.equal(default[key], value) for key, value in published.state_dict().items())
    linear = [one for one in layers(published).values() if isinstance(one, nn.Linear)]
    weights = torch.cat([layer.weight.flatten() for layer in linear])
    assert 0.019 < weights.std() < 0.021


def test_the_residual_network_of_a_hybrid_keeps_its_own_rule():
    torch.manual_seed(0)
    layer = MODELS["hybrid"](initialization="fan_in").patch_embed.network.stages[1][0].conv_2
    he = (2 / (layer.out_channels * 9)) ** 0.5  # He et al. 2015, fan_out
    assert abs(layer.weight.std() / he - 1) < 0.1


def test_values_keep_their_size_in_a_narrow_network_with_fan_in_and_fade_with_the_constant():
    images = torch.randn(64, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    spread = {}
    for how in ("published", "fan_in"):
        torch.manual_seed(0)
        with torch.no_grad():
            spread[how] = MODELS["ViT"](initialization=how)(images).std().item()
    assert spread["published"] < 0.3 < 0.5 < spread["fan_in"] < 2


@pytest.mark.parametrize("name", MODELS)
def test_another_name_is_refused(name):
    with pytest.raises(ValueError, match="initialization"):
        MODELS[name](initialization="small")
