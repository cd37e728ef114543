"""Loading timm's weights into ConvNeXt, Swin and hybrids: what each part is called there."""

import re

from torch import nn

from vizkit.models.checks import check_module
from vizkit.models.convnext import ConvNeXt, ConvNeXtBlock
from vizkit.models.hybrid import ResidualStem
from vizkit.models.swin import PatchMerging, SwinBlock, SwinTransformer
from vizkit.models.timm_weights import check_same_parts, our_name
from vizkit.models.vit import VisionTransformer
from vizkit.models.windows import WindowAttention

Rules = tuple[tuple[str, str], ...]

# timm's name for a part (a regular expression) -> ours. All are applied, from the top.
CONVNEXT: Rules = (
    (r"^stages\.(\d+)\.downsample\.", r"halvings.\1."),
    (r"^stages\.(\d+)\.blocks\.", r"stages.\1."),
    (r"^head\.norm\.", "norm."),
    (r"^head\.fc\.", "head."),
    (r"\bconv_dw\.", "depthwise."),
    (r"\bgamma$", "scale"),
    (r"\bmlp\.fc1\.", "mlp.expand."),
    (r"\bmlp\.fc2\.", "mlp.contract."),
)
SWIN: Rules = (
    (r"^patch_embed\.norm\.", "patch_norm."),
    (r"^layers\.(\d+)\.downsample\.", r"mergings.\1."),
    (r"^layers\.(\d+)\.blocks\.", r"stages.\1."),
    (r"^head\.fc\.", "head."),
    (r"\battn\.", "attention."),
    (r"\brelative_position_bias_table$", "bias_table"),
    (r"\bqkv\.", "query_key_value."),
    (r"\bproj\.", "projection."),
    (r"\bnorm(\d)\.", r"norm_\1."),
    (r"\bmlp\.fc1\.", "mlp.expand."),
    (r"\bmlp\.fc2\.", "mlp.contract."),
)
HYBRID: Rules = (
    (r"^proj\.", "projection."),
    (r"\bbackbone\.", "network."),
    (r"\bnetwork\.conv1\.", "network.stem.0."),
    (r"\bnetwork\.bn1\.", "network.stem.1."),
    # timm counts the layers of a ResNet from 1, we count stages from 0.
    *((rf"\bnetwork\.layer{number}\.", f"network.stages.{number - 1}.") for number in range(1, 9)),
    (r"\bconv(\d)\.", r"conv_\1."),
    (r"\bbn(\d)\.", r"norm_\1."),
    (r"\bdownsample\.", "shortcut."),
)
RULES: dict[type[nn.Module], Rules] = {
    ConvNeXt: CONVNEXT,
    ConvNeXtBlock: CONVNEXT,
    SwinTransformer: SWIN,
    SwinBlock: SWIN,
    WindowAttention: SWIN,
    PatchMerging: SWIN,
    ResidualStem: HYBRID,
    VisionTransformer: HYBRID,
}


def load_timm_parts(model: nn.Module, timm_model: nn.Module) -> None:
    """Copy timm's weights into our `ConvNeXt`, `SwinTransformer`, hybrid, or a part of one.

    A hybrid is our `VisionTransformer(stem="residual")` and timm's with a `HybridEmbed` of its
    `ResNet`. Parts are `ConvNeXtBlock`, `SwinBlock`, `WindowAttention`, `PatchMerging` and
    `ResidualStem`. Raises TypeError for other models, and ValueError, before anything is copied,
    if the two do not compute the same function: other names, shapes, epsilon, activation, shift.
    """
    if type(model) not in RULES:
        known = ", ".join(one.__name__ for one in RULES)
        raise TypeError(f"expected one of {known}, received {type(model).__name__}")
    check_module("timm_model", timm_model)
    theirs = {
        our_part_name(name, type(model)): value for name, value in timm_model.state_dict().items()
    }
    check_same_parts(model.state_dict(), theirs)
    ours = dict(model.named_modules())
    for name, module in timm_model.named_modules():
        check_same_layer(ours.get(our_part_name(f"{name}.", type(model))[:-1]), module, name)
    model.load_state_dict(theirs)


def our_part_name(timm_name: str, model_type: type[nn.Module]) -> str:
    """The name in a model of `model_type` of what timm calls `timm_name`."""
    for pattern, replacement in RULES[model_type]:
        timm_name = re.sub(pattern, replacement, timm_name)
    return our_name(timm_name) if model_type is VisionTransformer else timm_name


def check_same_layer(ours: nn.Module | None, theirs: nn.Module, name: str) -> None:
    """Raise ValueError if two layers with the same weights differ in what they do."""
    epsilon = getattr(ours, "eps", None)
    if isinstance(theirs, nn.LayerNorm | nn.BatchNorm2d) and theirs.eps != epsilon:
        raise ValueError(f"expected epsilon {epsilon} in {name}, received {theirs.eps}")
    if name.endswith("mlp.act") and type(theirs).__name__ != "GELU":
        raise ValueError(f"expected GELU in {name}, received {type(theirs).__name__}")
    stride, padding, shift = (
        getattr(theirs, option, None) for option in ("stride", "padding", "shift_size")
    )
    if isinstance(ours, nn.Conv2d) and (ours.stride, ours.padding) != (stride, padding):
        raise ValueError(
            f"expected stride {ours.stride} and padding {ours.padding} in {name}, "
            f"received {stride} and {padding}"
        )
    if isinstance(ours, SwinBlock) and ours.shift != shift:
        raise ValueError(f"expected shift {ours.shift} in {name}, received {shift}")
