"""Loading the weights of timm's NaFlexVit into `PackedVisionTransformer`."""

import torch
from torch import nn

from vizkit.models.attention import LAYER_NORM_EPS
from vizkit.models.checks import check_module
from vizkit.models.packing import PackedRope, PackedVisionTransformer
from vizkit.models.positions import patch_places
from vizkit.models.rope import rotation_of
from vizkit.models.timm_weights import TimmRope, check_same_parts, our_name

# timm's name for what comes before the blocks -> ours.
EMBEDS = {
    "embeds.proj.weight": "patch_embed.weight",
    "embeds.proj.bias": "patch_embed.bias",
    "embeds.pos_embed": "position.table",
    "embeds.pos_embed_y": "position.rows",
    "embeds.pos_embed_x": "position.columns",
}


def load_naflex_weights(model: PackedVisionTransformer, timm_model: nn.Module) -> None:
    """Copy the weights of a timm NaFlexVit into `model`, in place.

    timm's `pos_embed` "learned" and "factorized" have the same names here; its
    `rope_type="axial"`, with `pos_embed="none"`, is "rope_axial" if made with `rope_temperature=100`.
    Its `global_pool` "avg" (made with `fc_norm=False`) and "map" are "mean" and "map".

    Raises ValueError, before anything is copied, if the two do not compute the same function: other
    shapes, extra parts (class token, registers, layer scale), another activation, epsilon, way to
    stretch a table, or rotation.
    """
    check_module("model", model)
    check_module("timm_model", timm_model)
    for name, module in timm_model.named_modules():
        if isinstance(module, nn.LayerNorm) and module.eps != LAYER_NORM_EPS:
            raise ValueError(f"expected epsilon {LAYER_NORM_EPS} in {name}, received {module.eps}")
        if name.endswith("mlp.act") and type(module).__name__ != "GELU":
            raise ValueError(f"expected GELU in {name}, received {type(module).__name__}")
    embeds = timm_model.embeds
    for option in ("pos_embed_ar_preserving", "pos_embed_use_grid_sample"):
        if getattr(embeds, option):
            raise ValueError(f"expected {option}=False, received True")
    theirs = {
        EMBEDS.get(name, our_name(name)): value for name, value in timm_model.state_dict().items()
    }
    for name in ("position.table", "position.rows", "position.columns"):
        if name in theirs:
            theirs[name] = theirs[name][0]  # without timm's axis for the batch
    check_same_parts(model.state_dict(), theirs)
    check_same_turns(model.position, getattr(timm_model, "rope", None))
    model.load_state_dict(theirs)


def check_same_turns(position: nn.Module, rope: TimmRope | None) -> None:
    """Raise ValueError unless both turn queries and keys by the same angles, or neither does."""
    if isinstance(position, PackedRope) != (rope is not None):
        received = f"{type(position).__name__} and {type(rope).__name__}"
        raise ValueError(f"expected RoPE in both models or in none, received {received}")
    if not isinstance(position, PackedRope) or rope is None:
        return
    theirs = rope.get_embed((3, 5)).chunk(2, dim=-1)[1][:, ::2]  # (15, d/2): timm has each twice
    cosine, _ = rotation_of(patch_places((3, 5)), position.frequencies)  # (15, d/2)
    if not torch.allclose(theirs, cosine.to(theirs), atol=1e-5):
        raise ValueError("expected the rotations of rope_axial, received others")
