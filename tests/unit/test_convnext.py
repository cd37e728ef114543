"""ConvNeXt equals timm's, and the ladder from ResNet's block to ConvNeXt's starts and ends right."""

from itertools import pairwise

import pytest
import torch
from timm.models.convnext import ConvNeXt as TimmConvNeXt
from timm.models.convnext import ConvNeXtBlock as TimmBlock
from torch import nn
from torchvision.models.resnet import Bottleneck

from tests.unit.equality import DTYPES, assert_same_function
from vizkit.models import (
    RESNET_TO_CONVNEXT,
    ConvNeXt,
    ConvNeXtBlock,
    ModernizedBlock,
    VisionTransformer,
    count_parameters,
)
from vizkit.models.timm_names import our_part_name

STEPS = list(RESNET_TO_CONVNEXT)


def our_name(name):
    return our_part_name(name, ConvNeXt)


@DTYPES
@pytest.mark.parametrize("layer_scale", [None, 0.5])
@pytest.mark.parametrize("kernel_size", [7, 3])
def test_block_equals_timm(dtype, layer_scale, kernel_size):
    assert_same_function(
        ConvNeXtBlock(12, kernel_size=kernel_size, layer_scale=layer_scale),
        TimmBlock(12, kernel_size=kernel_size, ls_init_value=layer_scale),
        (2, 12, 9, 10),
        dtype,
        rename=our_name,
    )


def timm_convnext(**options):
    return TimmConvNeXt(dims=(8, 12, 16, 24), depths=(1, 2, 1, 1), **options)


@DTYPES
@pytest.mark.parametrize("num_classes", [5, 0])
@pytest.mark.parametrize("size", [(32, 32), (40, 70)])  # 10 x 17 patches: halving drops the odd one
def test_network_equals_timm(dtype, num_classes, size):
    ours = ConvNeXt(widths=(8, 12, 16, 24), depths=(1, 2, 1, 1), num_classes=num_classes)
    reference = timm_convnext(num_classes=num_classes)
    assert_same_function(ours, reference, (2, 3, *size), dtype, rename=our_name)


def test_weights_start_where_those_of_timm_start():
    ours, reference = ConvNeXtBlock(8), TimmBlock(8)
    assert torch.equal(ours.scale, reference.gamma)
    weights = ConvNeXt(num_classes=10).state_dict()
    assert 0.015 < weights["stages.3.0.mlp.expand.weight"].std() < 0.025
    assert 0.015 < weights["halvings.1.1.weight"].std() < 0.025
    assert all(not value.any() for name, value in weights.items() if name.endswith("bias"))


def test_intermediates_and_size():
    model = ConvNeXt(patch_size=2, widths=(8, 16), depths=(1, 2), num_classes=5)
    images = torch.randn(2, 3, 16, 24)
    output, named = model(images, return_intermediates=True)
    assert {name: tuple(value.shape) for name, value in named.items()} == {
        "stem": (2, 8, 8, 12),
        "stage_0": (2, 8, 8, 12),
        "stage_1": (2, 16, 4, 6),
        "pooled": (2, 16),
    }
    assert torch.equal(output, model(images))
    assert torch.equal(output, model.head(named["pooled"]))
    assert (output.shape, model.embed_dim) == ((2, 5), 16)
    assert 0.9 < count_parameters(ConvNeXt()) / count_parameters(VisionTransformer()) < 1.1


def test_the_first_step_is_a_resnet_bottleneck():
    options = RESNET_TO_CONVNEXT["ResNet bottleneck"]
    assert options == {}
    places = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4, "conv3": 6, "bn3": 7}

    def rename(name):
        part, _, rest = name.partition(".")
        return f"layers.{places[part]}.{rest}"

    for training in (True, False):
        for dtype in (torch.float64, torch.float32):
            ours = ModernizedBlock(16, **options).train(training)
            reference = Bottleneck(16, 4).train(training)
            assert_same_function(ours, reference, (3, 16, 6, 7), dtype, rename=rename)


class AsConvolutions(nn.Module):
    """A ConvNeXt block whose linear layers are stored as 1x1 convolutions."""

    def __init__(self, block):
        super().__init__()
        self.block = block
        for layer in (block.mlp.fc1, block.mlp.fc2):
            layer.weight = nn.Parameter(layer.weight[:, :, None, None])
        block.gamma = nn.Parameter(block.gamma[:, None, None])

    def forward(self, features):
        weights = dict(self.block.named_parameters())
        flat = {name: weights[name].flatten(1) for name in ("mlp.fc1.weight", "mlp.fc2.weight")}
        flat["gamma"] = weights["gamma"].flatten()
        return torch.func.functional_call(self.block, flat, (features,))


@DTYPES
def test_the_last_step_is_a_convnext_block(dtype):
    places = {"conv_dw": "layers.0", "norm": "layers.1", "mlp.fc1": "layers.2"}
    places |= {"mlp.fc2": "layers.4", "gamma": "scale"}

    def rename(name):
        name = name.removeprefix("block.")
        part = next(part for part in places if name.startswith(part))
        return places[part] + name.removeprefix(part)

    ours = ModernizedBlock(12, **RESNET_TO_CONVNEXT[STEPS[-1]])
    assert_same_function(ours, AsConvolutions(TimmBlock(12)), (2, 12, 9, 10), dtype, rename=rename)
    assert ModernizedBlock(12, **RESNET_TO_CONVNEXT[STEPS[-1]]).scale[0] == 1e-6


def layers(step):
    block = ModernizedBlock(32, **RESNET_TO_CONVNEXT[step])
    return [
        f"{layer.kernel_size[0]}x{layer.kernel_size[0]}"
        f"{' depthwise' if layer.groups > 1 else ''} {layer.in_channels}-{layer.out_channels}"
        f"{' bias' if layer.bias is not None else ''}"
        if isinstance(layer, nn.Conv2d)
        else type(layer).__name__
        for layer in [*block.layers, block.last_activation]
        if not isinstance(layer, nn.Identity)
    ]


def test_every_step_makes_the_change_of_its_name():
    batch, relu = "BatchNorm2d", "ReLU"
    assert layers("ResNet bottleneck") == [
        *("1x1 32-8", batch, relu, "3x3 8-8", batch, relu, "1x1 8-32", batch, relu)
    ]
    assert layers("depthwise convolution") == [
        *("1x1 32-8", batch, relu, "3x3 depthwise 8-8", batch, relu, "1x1 8-32", batch, relu)
    ]
    assert layers("inverted bottleneck") == [
        *("1x1 32-128", batch, relu, "3x3 depthwise 128-128", batch, relu, "1x1 128-32", batch),
        relu,
    ]
    assert layers("spatial convolution first") == [
        *("3x3 depthwise 32-32", batch, relu, "1x1 32-128", batch, relu, "1x1 128-32", batch, relu)
    ]
    assert layers("7x7 kernel") == [
        *("7x7 depthwise 32-32", batch, relu, "1x1 32-128", batch, relu, "1x1 128-32", batch, relu)
    ]
    assert layers("GELU") == [
        *("7x7 depthwise 32-32", batch, "GELU", "1x1 32-128", batch, "GELU", "1x1 128-32", batch),
        "GELU",
    ]
    assert layers("one activation") == [
        *("7x7 depthwise 32-32", batch, "1x1 32-128", batch, "GELU", "1x1 128-32", batch)
    ]
    assert layers("one normalization") == [
        *("7x7 depthwise 32-32", batch, "1x1 32-128 bias", "GELU", "1x1 128-32 bias")
    ]
    last = ["7x7 depthwise 32-32 bias", "LayerNorm2d", "1x1 32-128 bias", "GELU", "1x1 128-32 bias"]
    assert layers("LayerNorm") == last
    assert layers("layer scale") == last


def test_the_ladder_adds_one_option_at_a_time():
    for before, after in pairwise(STEPS):
        old, new = RESNET_TO_CONVNEXT[before], RESNET_TO_CONVNEXT[after]
        assert len(new) == len(old) + 1
        assert old.items() < new.items()


@pytest.mark.parametrize("step", STEPS)
def test_a_network_of_any_step_trains(step):
    torch.manual_seed(0)
    model = ConvNeXt(
        widths=(8, 16),
        depths=(1, 1),
        block=lambda channels: ModernizedBlock(channels, **RESNET_TO_CONVNEXT[step]),
        num_classes=3,
    )
    output = model(torch.randn(4, 3, 16, 16))
    assert output.shape == (4, 3)
    output.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    "make",
    [
        lambda: ConvNeXt(widths=(8, 16), depths=(1,)),
        lambda: ConvNeXt(widths=(), depths=()),
        lambda: ConvNeXt(widths=(8, 0), depths=(1, 1)),
        lambda: ConvNeXt(depths=(1, 1, 0, 1)),
        lambda: ConvNeXt(patch_size=0),
        lambda: ConvNeXt(num_classes=-1),
        lambda: ConvNeXt()(torch.zeros(1, 3, 64, 16)),
        lambda: ConvNeXt()(torch.zeros(1, 1, 64, 64)),
        lambda: ConvNeXt()(torch.zeros(3, 64, 64)),
        lambda: ConvNeXtBlock(0),
        lambda: ConvNeXtBlock(8, kernel_size=4),
        lambda: ModernizedBlock(6),
        lambda: ModernizedBlock(8, kernel_size=2),
        lambda: ModernizedBlock(8, norm="group"),
        lambda: ModernizedBlock(8, activation="silu"),
    ],
)
def test_errors_say_what_was_expected_and_what_came(make):
    with pytest.raises(ValueError, match=r"(?s)expected .*received "):
        make()
