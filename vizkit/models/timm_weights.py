"""Loading the weights of a timm VisionTransformer into ours: the two compute the same function."""

import re

from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS
from vizkit.models.vit import VisionTransformer

# timm's name for a part (a regular expression) -> ours.
NAMES = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "position.table"),
    (r"^patch_embed\.proj\.", "patch_embed.projection."),
    (r"^attn_pool\.", "pooling."),
    (r"^pooling\.q\.", "pooling.query."),
    (r"^pooling\.kv\.", "pooling.key_value."),
    (r"^pooling\.proj\.", "pooling.projection."),
    (r"\.attn\.qkv\.", ".attention.query_key_value."),
    (r"\.attn\.proj\.", ".attention.projection."),
    (r"\.norm(\d)\.", r".norm_\1."),
    (r"\.mlp\.fc1\.", ".mlp.expand."),
    (r"\.mlp\.fc2\.", ".mlp.contract."),
)


def load_timm_weights(model: VisionTransformer, timm_model: nn.Module) -> None:
    """Copy the weights of a timm VisionTransformer into `model`, in place.

    timm's `global_pool` "token", "avg" (made with `fc_norm=False`) and "map" are our `pooling`
    "cls", "mean" and "map". Raises ValueError if the two do not compute the same function: other
    shapes, extra parts (registers, layer scale, query-key norm), another activation or epsilon.
    """
    for name, module in timm_model.named_modules():
        if isinstance(module, nn.LayerNorm) and module.eps != LAYER_NORM_EPS:
            raise ValueError(f"expected epsilon {LAYER_NORM_EPS} in {name}, received {module.eps}")
        if name.endswith("mlp.act") and type(module).__name__ != "GELU":
            raise ValueError(f"expected GELU in {name}, received {type(module).__name__}")

    theirs = {our_name(name): value for name, value in timm_model.state_dict().items()}
    ours = model.state_dict()
    check_same_parts(ours, theirs)
    model.load_state_dict(theirs)


def our_name(timm_name: str) -> str:
    """The name in `VisionTransformer` of what timm calls `timm_name`."""
    for pattern, replacement in NAMES:
        timm_name = re.sub(pattern, replacement, timm_name)
    return timm_name


def check_same_parts(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    """Raise ValueError unless both have the same names and shapes."""
    shapes = {name: tuple(value.shape) for name, value in ours.items()}
    their_shapes = {name: tuple(value.shape) for name, value in theirs.items()}
    if shapes != their_shapes:
        differing = sorted(shapes.items() ^ their_shapes.items())
        raise ValueError(f"expected the parts of this model; these differ: {differing}")
