"""Loading the weights of a timm ViT into ours: the two then compute the same function."""

import copy
import re
from typing import Protocol

import torch
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS
from vizkit.models.checks import check_module
from vizkit.models.positions import Position, SinCosPosition2d
from vizkit.models.vit import VisionTransformer

# timm's name for a part (a regular expression) -> ours.
NAMES = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "position.table"),
    (r"^rope\.freqs$", "position.frequencies"),
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


class TimmRope(Protocol):
    """A rotary embedding of timm, as far as it is read here."""

    def get_embed(self, shape: tuple[int, int]) -> Tensor:
        """Sines, then cosines, side by side: (..., N, 2*d)."""
        ...


def load_timm_weights(model: VisionTransformer, timm_model: nn.Module) -> None:
    """Copy the weights of a timm VisionTransformer, or Eva with RoPE, into `model`, in place.

    timm's `global_pool` "token", "avg" (made with `fc_norm=False`, or `use_fc_norm=False`) and
    "map" are our `pooling` "cls", "mean" and "map". Its `pos_embed` is our "learned_1d", or our
    "sincos_2d" if it holds that table. Its `rope` "cat" and "mixed" are our "rope_axial" and
    "rope_mixed" if made with `rope_grid_indexing="ij"` (and "cat" with `rope_temperature=100`).

    Raises ValueError, before anything is copied, if the two do not compute the same function: other
    shapes, extra parts (registers, layer scale, query-key norm), another activation, epsilon or
    rotation.
    """
    check_module("model", model)
    check_module("timm_model", timm_model)
    for name, module in timm_model.named_modules():
        if isinstance(module, nn.LayerNorm) and module.eps != LAYER_NORM_EPS:
            raise ValueError(f"expected epsilon {LAYER_NORM_EPS} in {name}, received {module.eps}")
        if name.endswith("mlp.act") and type(module).__name__ != "GELU":
            raise ValueError(f"expected GELU in {name}, received {type(module).__name__}")

    theirs = {our_name(name): value for name, value in timm_model.state_dict().items()}
    if isinstance(model.position, SinCosPosition2d):
        check_same_table(model.position.table, theirs.pop("position.table", None))
    check_same_parts(model.state_dict(), theirs)
    check_same_rotations(model.position, theirs, getattr(timm_model, "rope", None))
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


def check_same_table(ours: Tensor, theirs: Tensor | None) -> None:
    """Raise ValueError unless timm's position table holds our fixed one."""
    if (
        theirs is None
        or theirs.shape != ours.shape
        or not torch.allclose(ours, theirs.to(ours), atol=1e-5)
    ):
        raise ValueError("expected the table of sincos_2d, received another position embedding")


def check_same_rotations(
    position: Position, theirs: dict[str, Tensor], rope: TimmRope | None
) -> None:
    """Raise ValueError unless both turn queries and keys by the same angles in every layer."""
    if (position.rotations()[0] is not None) != (rope is not None):
        received = f"{type(position).__name__} and {type(rope).__name__}"
        raise ValueError(f"expected RoPE in both models or in none, received {received}")
    if rope is None:
        return
    loaded = copy.deepcopy(position)  # the model itself must stay as it is if this fails
    loaded.load_state_dict({name: theirs[f"position.{name}"] for name in position.state_dict()})
    turns = [one for one in loaded.rotations() if one is not None]  # (2, ..., T, d/2) each
    ours = torch.stack(turns, dim=1)  # (2, depth, ..., T, d/2)
    ours = ours[..., position.num_prefix_tokens :, :]  # (2, depth, ..., N, d/2)
    sine, cosine = rope.get_embed(position.grid).chunk(2, dim=-1)  # (..., N, d) each
    expected = torch.stack([cosine, sine])[..., ::2]  # (2, ..., N, d/2): timm has each twice
    if expected.ndim == 3:  # the same for all layers
        expected = expected[:, None].expand(-1, position.depth, -1, -1)  # (2, depth, N, d/2)
    if ours.shape != expected.shape or not torch.allclose(ours, expected.to(ours), atol=1e-5):
        raise ValueError(
            f"expected the rotations of {type(position).__name__}, received others "
            "(grid, temperature, offset, order of rows and columns, or layout of the pairs differ)"
        )
