"""Loading timm's weights into ConvNeXt, Swin and the hybrid's stem: what each part is called there."""

import re

# timm's name for a part (a regular expression) -> ours. All are applied, from the top.
CONVNEXT = (
    (r"^stages\.(\d+)\.downsample\.", r"halvings.\1."),
    (r"^stages\.(\d+)\.blocks\.", r"stages.\1."),
    (r"^head\.norm\.", "norm."),
    (r"^head\.fc\.", "head."),
    (r"\bconv_dw\.", "depthwise."),
    (r"\bgamma$", "scale"),
    (r"\bmlp\.fc1\.", "mlp.expand."),
    (r"\bmlp\.fc2\.", "mlp.contract."),
)


SWIN = (
    (r"^patch_embed\.proj\.", "patch_embed.projection."),
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


def our_convnext_name(timm_name: str) -> str:
    """The name in `ConvNeXt` or `ConvNeXtBlock` of what timm calls `timm_name`."""
    return renamed(timm_name, CONVNEXT)


def our_swin_name(timm_name: str) -> str:
    """The name in `SwinTransformer`, or a part of it, of what timm calls `timm_name`."""
    return renamed(timm_name, SWIN)


def renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
