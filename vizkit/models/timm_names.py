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


def our_convnext_name(timm_name: str) -> str:
    """The name in `ConvNeXt` of what timm calls `timm_name`."""
    for pattern, replacement in CONVNEXT:
        timm_name = re.sub(pattern, replacement, timm_name)
    return timm_name
