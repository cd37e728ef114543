"""The attention maps of a model, read while it runs as it always does.

A model with fused attention never stores its maps. Here the query and the key on their way into
the fused kernel are caught, and softmax(Q K^T / sqrt(d)) is computed once more beside it; the
model's own numbers stay untouched, to the bit.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from numbers import Integral
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vizkit.models.towers import bare, image_tower, run_images, tower_among

# Names, not classes: `models` needs no timm and no open_clip to read their models.
KINDS = {
    "vizkit.models.attention.Attention": "self",
    "vizkit.models.windows.WindowAttention": "window",
    "timm.layers.attention.Attention": "self",
    "timm.layers.attention.AttentionRope": "self",
    "timm.models.eva.EvaAttention": "self",
    "timm.models.beit.Attention": "self",
    "timm.models.fastvit.Attention": "self",
    "timm.models.vision_transformer_relpos.RelPosAttention": "self",
    "open_clip.transformer.Attention": "self",
    "torch.nn.modules.activation.MultiheadAttention": "self",
    "timm.models.swin_transformer.WindowAttention": "window",
    "timm.models.swin_transformer_v2.WindowAttention": "window",
    "vizkit.models.pooling.AttentionPooling": "pooling",
    "timm.layers.attention_pool.AttentionPoolLatent": "pooling",
    "transformers.models.beit.modeling_beit.BeitAttention": "self",
    "transformers.models.chinese_clip.modeling_chinese_clip.ChineseCLIPVisionAttention": "self",
    "transformers.models.clip.modeling_clip.CLIPAttention": "self",
    "transformers.models.deit.modeling_deit.DeiTAttention": "self",
    "transformers.models.dinov2.modeling_dinov2.Dinov2Attention": "self",
    "transformers.models.dinov2_with_registers.modeling_dinov2_with_registers"
    ".Dinov2WithRegistersAttention": "self",
    "transformers.models.dinov3_vit.modeling_dinov3_vit.DINOv3ViTAttention": "self",
    "transformers.models.ijepa.modeling_ijepa.IJepaAttention": "self",
    "transformers.models.siglip.modeling_siglip.SiglipAttention": "self",
    "transformers.models.siglip2.modeling_siglip2.Siglip2Attention": "self",
    "transformers.models.vit.modeling_vit.ViTAttention": "self",
    "transformers.models.vit_msn.modeling_vit_msn.ViTMSNAttention": "self",
}
LEARNED_QUERIES = ("probe", "query", "latent", "queries")  # beside an attention that pools
SUPPORTED = (
    "vizkit VisionTransformer (with any stem and position), SwinTransformer; timm "
    "VisionTransformer (DeiT, CLIP, SigLIP, DINO, hybrids, ...), Eva (EVA, DINOv3, ...), Beit, "
    "SwinTransformer (1 and 2), FastViT; open_clip image towers; transformers ViT, DeiT, BEiT, "
    "ViT-MSN, CLIP, Chinese CLIP, SigLIP (1 and 2), DINOv2, DINOv3, I-JEPA; "
    "torch.nn.MultiheadAttention"
)
MOST_PREFIX_TOKENS = 16
SOFTMAX = (F.softmax, torch.softmax, Tensor.softmax)


@dataclass
class AttentionCapture:
    """The attention maps of one forward pass; rows are queries, columns keys, rows sum to 1.

    maps: one tensor (B, H, T, T) for each self-attention layer, in the order of the forward pass,
        without gradients, float32 (float64 for a float64 model), before dropout. T counts the
        prefix tokens (class token, registers) first and then the patches row by row;
    names: the module of each map, e.g. "blocks.0.attn";
    grids: (rows, columns) of the patches of each layer; stages of a Swin differ;
    num_prefix_tokens: how many tokens come before the patches;
    prefix_names: what each of them is: "CLS", "distillation", "register 1", ..., or "prefix 0" where
        the model does not say;
    output: what the model returned;
    pooling_maps: name -> (B, H, L, S) of attention pooling, L learned queries over S tokens.
    """

    num_prefix_tokens: int
    output: object
    maps: list[Tensor] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    grids: list[tuple[int, int]] = field(default_factory=list)
    pooling_maps: dict[str, Tensor] = field(default_factory=dict)
    prefix_names: list[str] = field(default_factory=list)

    @property
    def token_names(self) -> list[str]:
        """What each token is: the prefix tokens, then "patch r,c" row by row. ValueError as `grid`."""
        rows, columns = self.grid
        patches = [f"patch {row},{column}" for row in range(rows) for column in range(columns)]
        return [*self.prefix_names, *patches]

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) if all layers share them, else ValueError: use `grids`."""
        if len(set(self.grids)) != 1:
            raise ValueError(f"expected layers with one grid, received {self.grids}: use `grids`")
        return self.grids[0]


def capture_attention(
    model: nn.Module,
    images: Tensor,
    *,
    layers: Sequence[int] | None = None,
    num_prefix_tokens: int | None = None,
) -> AttentionCapture:
    """Run `model` on images (B, C, H, W) and return its attention maps and its output.

    layers: only these of its attention layers, counted from 0 in the order of its modules, pooling
        included. Those of many tokens take much memory: a Swin's first two, at 224 pixels, 40 MB a
        head.
    num_prefix_tokens: tokens before the patches, for a model that does not say so; None takes the
        model's word, or what is left of its tokens beside the grid of its patches.

    Runs `model.encode_image(images)` or `model.get_image_features(images)` where there is one
    (CLIP-like models), else `model(images)`, in the model's own mode, dtype and autocast. Nothing
    stays changed, whatever happens. Inside `torch.compile`, `DataParallel`,
    `DistributedDataParallel` and PEFT the bare model is run, with its adapters, and where torch's `TransformerEncoder` would take its fast path it takes the plain one (equal up to
    rounding). Keys that are no tokens (`add_bias_kv`, `add_zero_attn`) take their share of a row
    and are left out, so that such rows sum to less than 1.
    A Swin's windows are put back on their grid, (B, H, N, N) with zeros outside the window; where
    it fills up its grid, attention to the filling is left out and such rows sum to less than 1.

    Raises TypeError if the model has no attention that is known here, ValueError if its tokens do
    not form a grid (e.g. patch dropout in train mode), if they are split into groups that never meet
    (MobileViT), or it has no such layer.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, received {type(model).__name__}")
    if not isinstance(images, Tensor) or images.ndim != 4:
        received = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"expected images (B, C, H, W), received {received}")
    check_prefix(num_prefix_tokens)
    model = bare(model, has_attention)
    modules = dict(model.named_modules())
    tower = tower_among(modules.items())
    chosen = attention_layers(modules, layers, tower)
    caught: list[Caught] = []
    grids: dict[str, tuple[int, int]] = {}
    with ExitStack() as stack:
        for name, module in chosen.items():
            stack.enter_context(listening(module, name, caught))
            if kind_of(module) == "window":
                block = model.get_submodule(name.rpartition(".")[0])
                grid = getattr(block, "grid", None)
                if grid is not None:  # ours takes no other grid
                    grids[name] = grid
                else:
                    stack.enter_context(measuring(block, name, grids))
        stack.enter_context(plain_paths(modules))
        output = run_images(model, images)
    if not caught:
        raise TypeError(
            f"found no attention that can be read in {described(model)}; supported are: {SUPPORTED}"
        )
    return arrange(model, tower, images, caught, grids, output, num_prefix_tokens)


def check_prefix(count: int | None) -> None:
    """Raise ValueError unless a number of prefix tokens is None or whole, from 0 on."""
    whole = isinstance(count, Integral) and not isinstance(count, bool) and count >= 0
    if count is not None and not whole:
        raise ValueError(
            f"expected num_prefix_tokens to be None or a whole number, received {count!r}"
        )


def described(model: nn.Module) -> str:
    """The class of a model, of the network in its image tower, and of its unknown attention."""
    names, tower = [type(model).__name__], model.get_submodule(image_tower(model))
    for inner in (tower, getattr(tower, "trunk", tower)):  # open_clip calls timm's network trunk
        if type(inner).__name__ not in names:
            names.append(type(inner).__name__)
    kinds = {type(module).__name__ for module in tower.modules()}
    own = sorted(name for name in kinds if "attention" in name.lower() or "attn" in name.lower())
    return " with ".join(names) + (f" (it has {', '.join(own)})" if own else "")


@contextmanager
def plain_paths(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Within this context none of a model's modules runs as code that calls no Python to listen to."""
    with ExitStack() as stack:
        if any(f".{name}".endswith("._orig_mod") for name in modules):  # a part that is compiled
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if any(isinstance(module, nn.TransformerEncoderLayer) for module in modules.values()):
            stack.callback(
                torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled()
            )
            torch.backends.mha.set_fastpath_enabled(False)
        yield


def attention_layers(
    modules: Mapping[str, nn.Module], layers: Sequence[int] | None, tower: str
) -> dict[str, nn.Module]:
    """Of a model's modules the attention in its image tower, all or only those of these numbers."""
    inside = f"{tower}." if tower else ""
    found = [
        (name, module)
        for name, module in modules.items()
        if kind_of(module) and name.startswith(inside)
    ]
    if layers is None or not found:
        return dict(found)
    if isinstance(layers, str | bytes) or not isinstance(layers, Sequence):
        raise TypeError(f"expected layers to be a list of whole numbers, received {layers!r}")
    if not layers:
        raise ValueError(f"expected at least one layer, received {layers!r}")
    for layer in layers:
        if not isinstance(layer, Integral) or isinstance(layer, bool):
            raise TypeError(f"expected layers to be whole numbers, received {layer!r}")
        if not 0 <= layer < len(found):
            raise ValueError(f"expected layers from 0 to {len(found) - 1}, received {layer}")
    return dict(found[layer] for layer in sorted(set(layers)))


def has_attention(model: nn.Module) -> bool:
    """Whether some part of the model is attention that is known here."""
    return any(kind_of(module) for module in model.modules())


def layer_kinds(model: nn.Module) -> list[str]:
    """What each attention of the image tower will turn out to be, as far as its surroundings say.

    In the order in which `layers` counts. An attention beside a learned query pools.
    """
    model, kinds = bare(model, has_attention), []
    modules = dict(model.named_modules())
    for name, module in attention_layers(modules, None, tower_among(modules.items())).items():
        beside = model.get_submodule(name.rpartition(".")[0])
        learned = any(
            isinstance(getattr(beside, one, None), nn.Parameter) for one in LEARNED_QUERIES
        )
        kind = kind_of(module)
        kinds.append("pooling" if kind == "self" and learned else kind)
    return kinds


@dataclass
class Caught:
    """One attention map as its module computed it, and where it comes from."""

    name: str
    kind: str
    map: Tensor


def kind_of(module: nn.Module) -> str:
    """The kind of attention, "self", "window" or "pooling", or "" for any other module."""
    # `cache` asks for a `Hashable`, and mypy does not see that a class is one.
    return kind_of_type(cast(Hashable, type(module)))


@cache
def kind_of_type(module_type: type[nn.Module]) -> str:
    for ancestor in module_type.__mro__:
        kind = KINDS.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if kind is not None:
            return kind
    return ""


@contextmanager
def listening(module: nn.Module, name: str, caught: list[Caught]) -> Iterator[None]:
    """Within this context every call of `module` also appends its map to `caught`."""
    method = mixing_method(module)
    plain = getattr(module, method)
    kind = kind_of(module)

    def listen(*args: Any, **kwargs: Any) -> object:
        crossed, attention_map = False, None
        if method == "mix":
            output, attention_map = plain(*args, **kwargs), fused_map(*args, **kwargs)
        elif isinstance(module, nn.MultiheadAttention):
            crossed, attention_map = multihead_map(module, *args, **kwargs)
            output = plain(*args, **kwargs)
        else:
            with Listener() as listener:
                output = plain(*args, **kwargs)
            attention_map = listener.map
        if attention_map is None:
            raise TypeError(
                f"{name} ({type(module).__name__}) computed no attention map that can be read; a "
                'model of transformers does with attn_implementation="sdpa" or "eager"'
            )
        caught.append(Caught(name, "pooling" if crossed else kind, attention_map))
        return output

    own = module.__dict__.get(method)  # set if somebody else already replaced it
    setattr(module, method, listen)
    try:
        yield
    finally:
        delattr(module, method)
        if own is not None:
            setattr(module, method, own)


def mixing_method(module: nn.Module) -> str:
    """The narrowest method of an attention in which its map is made: "mix" of our own, else "forward".

    Listening to all torch calls of a `forward` costs a model of two milliseconds a third of its time.
    A `forward` or a `mix` that somebody else has put in its place may do anything.
    """
    author = next(ancestor for ancestor in type(module).__mro__ if "forward" in vars(ancestor))
    ours = f"{author.__module__}.{author.__qualname__}" in KINDS and "mix" in vars(author)
    as_written = ours and getattr(type(module), "mix", None) is vars(author)["mix"]
    return "mix" if as_written and {"forward", "mix"}.isdisjoint(vars(module)) else "forward"


@contextmanager
def measuring(block: nn.Module, name: str, grids: dict[str, tuple[int, int]]) -> Iterator[None]:
    """Within this context a call of a Swin block with (B, rows, columns, D) sets `grids[name]`.

    What the block was made for (`input_resolution`) need not be what it is given.
    """

    def measure(block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        rows, columns = inputs[0].shape[1:3]
        grids[name] = (rows, columns)

    handle = block.register_forward_pre_hook(measure)
    try:
        yield
    finally:
        handle.remove()


class Listener(TorchFunctionMode):
    """Keeps the attention map of the torch calls made within its context (this thread only)."""

    def __init__(self) -> None:
        super().__init__()
        self.map: Tensor | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **kwargs) if kwargs else func(*args)
        if func is F.scaled_dot_product_attention:
            self.map = fused_map(*args, **(kwargs or {}))
        elif func in SOFTMAX:
            self.map = output.detach().to(map_dtype(output))
        return output


def fused_map(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The map (B, H, T, S) inside `scaled_dot_product_attention` with these arguments."""
    if is_causal or enable_gqa:
        raise TypeError("cannot read causal or grouped-query attention: not an image encoder's")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    if torch.is_autocast_enabled(
        query.device.type
    ):  # it would compute the scores in half precision
        with torch.autocast(query.device.type, enabled=False):
            return softmax_of_scores(query, key, attn_mask, scale)
    return softmax_of_scores(query, key, attn_mask, scale)


def softmax_of_scores(query: Tensor, key: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(scale Q K^T + mask), (B, H, T, S), in `map_dtype`, without gradients.

    Parts are detached one by one: a context without gradients costs more than the softmax of a few tokens.
    """
    query, key = (part.detach().to(map_dtype(part)) for part in (query, key))
    scores = (query * scale) @ key.transpose(-2, -1)  # (B, H, T, S)
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill_(~mask, float("-inf"))
    elif mask is not None:
        scores = scores.add_(mask.detach())
    return scores.softmax(dim=-1)  # (B, H, T, S)


def multihead_map(
    module: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    **options: bool,
) -> tuple[bool, Tensor]:
    """Whether this is no self-attention, and the map (B, H, T, S) of `nn.MultiheadAttention`.

    Projects query and key once more: torch's module does that and the fused kernel in one call
    that nothing outside can look into.
    """
    masked = key_padding_mask is not None or attn_mask is not None
    with torch.no_grad():
        if masked or module.bias_k is not None or module.add_zero_attn:
            whole = explicit_multihead_map(module, query, key, value, key_padding_mask, attn_mask)
            tokens = key.shape[1 if module.batch_first else 0]
            return is_pooling(module, query, key), whole[..., :tokens]  # (B, H, T, S)
        if module.in_proj_weight is not None:
            query_weight, key_weight, _ = module.in_proj_weight.chunk(3)  # (D, D) each
        else:
            query_weight, key_weight = module.q_proj_weight, module.k_proj_weight
        query_bias, key_bias = None, None
        if module.in_proj_bias is not None:
            query_bias, key_bias, _ = module.in_proj_bias.chunk(3)  # (D,) each
        projected = [F.linear(query, query_weight, query_bias), F.linear(key, key_weight, key_bias)]
        if not module.batch_first:
            projected = [part.transpose(0, 1) for part in projected]
        queries, keys = (
            part.unflatten(-1, (module.num_heads, -1)).transpose(1, 2) for part in projected
        )
    return is_pooling(module, query, key), fused_map(queries, keys, keys)  # (B, H, T, S)


def explicit_multihead_map(
    module: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
) -> Tensor:
    """The map (B, H, T, S) that the module itself computes, with masks and keys of its own."""
    training, own = module.training, module.__dict__.pop("forward", None)
    try:
        module.training = False  # the map before dropout
        _, whole = module(
            query,
            key,
            value,
            key_padding_mask=key_padding_mask,
            attn_mask=attn_mask,
            need_weights=True,
            average_attn_weights=False,
        )
    finally:
        module.training = training
        if own is not None:
            module.__dict__["forward"] = own
    return whole.detach().to(map_dtype(whole))


def is_pooling(module: nn.MultiheadAttention, query: Tensor, key: Tensor) -> bool:
    """Whether learned queries look at tokens; else tokens look at tokens.

    Not whether they are one object: a block may normalise its tokens once for each. Queries of
    another number than the tokens, or the same ones for pictures whose tokens differ, are learned.
    """
    if query is key:
        return False
    batch, tokens = (0, 1) if module.batch_first else (1, 0)
    if query.shape[tokens] != key.shape[tokens]:
        return True
    if query.shape[batch] == 1 or torch.equal(query, key):
        return False
    same = [torch.equal(part, part.narrow(batch, 0, 1).expand_as(part)) for part in (query, key)]
    return same[0] and not same[1]


def arrange(
    model: nn.Module,
    tower_name: str,
    images: Tensor,
    caught: list[Caught],
    grids: dict[str, tuple[int, int]],
    output: object,
    num_prefix_tokens: int | None,
) -> AttentionCapture:
    """Sort what was caught into self-attention on a grid and pooling attention."""
    tower = model.get_submodule(tower_name)
    windows_only = all(one.kind == "window" for one in caught)  # a Swin has patches only
    if num_prefix_tokens is None:
        num_prefix_tokens = 0 if windows_only else prefix_tokens(tower)
    capture = AttentionCapture(num_prefix_tokens=num_prefix_tokens or 0, output=output)
    grid_of: dict[int, tuple[int, int]] = {}  # by the number of tokens
    for one in caught:
        if one.kind == "pooling":
            capture.pooling_maps[one.name] = one.map
            continue
        if one.kind == "window":
            block, grid = model.get_submodule(one.name.rpartition(".")[0]), grids[one.name]
            window = getattr(block, "window", None) or block.window_size  # ours, timm's
            shift = getattr(block, "shift", None) or block.shift_size
            pairs = cast(tuple[int, int], window), cast(tuple[int, int], shift)
            whole = unwindow(one.map, grid, *pairs, len(images))
        else:
            whole = one.map
            check_batch(one, images)
            if num_prefix_tokens is None:  # the model does not say: what its grid leaves
                num_prefix_tokens = beside_the_grid(tower, images, whole.shape[-1])
                capture.num_prefix_tokens = num_prefix_tokens
            tokens = whole.shape[-1]
            if tokens not in grid_of:
                patches = tokens - capture.num_prefix_tokens
                grid_of[tokens] = patch_grid(tower, images, patches)
            grid = grid_of[tokens]
        capture.maps.append(whole)
        capture.names.append(one.name)
        capture.grids.append(grid)
    capture.prefix_names = prefix_names(tower, capture.num_prefix_tokens)
    return capture


def check_batch(one: Caught, images: Tensor) -> None:
    """Raise ValueError unless there is one map for each picture."""
    if len(one.map) != len(images):
        raise ValueError(
            f"expected maps of {len(images)} picture(s) from {one.name}, received {len(one.map)}: "
            "this model splits its patches into groups that never meet (as MobileViT does), which "
            "cannot be shown on one grid"
        )


def unwindow(
    windows: Tensor,
    grid: tuple[int, int],
    window: tuple[int, int],
    shift: tuple[int, int],
    batch: int,
) -> Tensor:
    """Maps of windows (B*W, H, A, A) put onto their grid: (B, H, N, N), zeros outside a window.

    Follows `SwinBlock.attend`, like timm's: roll by -shift, pad to whole windows, cut.
    Attention that falls on padding is left out, so rows that see padding sum to less than 1.
    """
    num_patches = grid[0] * grid[1]
    index, num_windows, size = places_on_grid(tuple(grid), tuple(window), tuple(shift))
    if len(windows) != batch * num_windows:
        raise ValueError(
            f"expected {num_windows} windows for a grid of {grid[0]} x {grid[1]}, "
            f"received {len(windows) // batch}: give images of the size the model was made for"
        )
    per_image = windows.unflatten(0, (batch, -1)).transpose(1, 2).flatten(2)  # (B, H, W*A*A)
    whole = windows.new_zeros(*per_image.shape[:2], size * size)
    whole.scatter_(2, index.to(windows.device).expand_as(per_image), per_image)
    return whole.unflatten(2, (size, size))[..., :num_patches, :num_patches]  # (B, H, N, N)


@lru_cache(maxsize=64)
def places_on_grid(
    grid: tuple[int, int], window: tuple[int, int], shift: tuple[int, int]
) -> tuple[Tensor, int, int]:
    """Where each value of the windows' maps (W, A, A) lies in one flat map of the whole grid.

    Returns the index (W*A*A,), the number of windows W, and the side of the whole map: the number
    of patches, and one more that takes what falls on padding.
    """
    rows, columns = grid
    places = torch.arange(rows * columns).reshape(rows, columns)
    places = places.roll((-shift[0], -shift[1]), dims=(0, 1))
    padding = (0, -columns % window[1], 0, -rows % window[0])
    places = F.pad(places, padding, value=rows * columns)
    high, wide = places.shape[0] // window[0], places.shape[1] // window[1]
    places = places.reshape(high, window[0], wide, window[1]).transpose(1, 2)
    places = places.reshape(high * wide, -1)  # (W, A): which patch each place in a window is
    size = rows * columns + any(padding)
    index = size * places[:, :, None] + places[:, None, :]  # (W, A, A)
    return index.flatten(), high * wide, size


CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")  # timm, torchvision, open_clip
DISTILLATION_TOKENS = ("dist_token", "distillation_token")
REGISTERS = ("reg_token", "register_tokens", "registers")


def prefix_tokens(model: nn.Module) -> int | None:
    """How many tokens the model says come before its patches; None if it does not say."""
    for module in model.modules():
        count = getattr(module, "num_prefix_tokens", None)
        if isinstance(count, int):
            return count
        names = named_prefix(module)
        if names:
            return len(names)
    return None


def named_prefix(module: nn.Module) -> list[str]:
    """What the prefix tokens of this module are, by the names of its parameters, in their order."""
    found = []
    for kind, attributes in (("CLS", CLASS_TOKENS), ("distillation", DISTILLATION_TOKENS)):
        if any(isinstance(getattr(module, one, None), Tensor) for one in attributes):
            found.append(kind)
    for one in REGISTERS:
        registers = getattr(module, one, None)
        if isinstance(registers, Tensor) and registers.ndim > 1:
            found += [f"register {number + 1}" for number in range(registers.shape[-2])]
    return found


def prefix_names(model: nn.Module, count: int) -> list[str]:
    """What each of `count` prefix tokens is; "prefix 0" and so on where the model does not say."""
    for module in model.modules():
        names = named_prefix(module)
        if len(names) == count:
            return names
    return [f"prefix {number}" for number in range(count)]


def beside_the_grid(model: nn.Module, images: Tensor, tokens: int) -> int:
    """How many of the tokens are no patches, by the grid of the convolution that cuts patches."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == module.stride != (1, 1):
            sizes = zip(images.shape[2:], module.kernel_size, strict=True)
            rows, columns = (size // patch for size, patch in sizes)
            extra = tokens - rows * columns
            if 0 <= extra <= MOST_PREFIX_TOKENS:
                return extra
    return 0


def patch_grid(model: nn.Module, images: Tensor, num_patches: int) -> tuple[int, int]:
    """(rows, columns) of the patches, as the model itself says, else from the image's aspect."""
    height, width = images.shape[2:]
    side = (height * width / num_patches) ** 0.5
    grid = (round(height / side), round(width / side))
    for module in model.modules():
        dynamic = getattr(module, "dynamic_feat_size", None)
        if dynamic is not None:  # timm's PatchEmbed
            grid = tuple(dynamic((height, width)))
            break
        stated = getattr(module, "grid", getattr(module, "grid_size", None))  # ours, open_clip's
        if isinstance(stated, tuple):
            grid = stated
            break
    else:
        patches = [one for one in model.modules() if isinstance(one, nn.Conv2d)]
        for one in patches:
            if one.kernel_size == one.stride != (1, 1):
                sizes = zip((height, width), one.kernel_size, strict=True)
                stated = tuple(size // patch for size, patch in sizes)
                grid = stated if stated[0] * stated[1] == num_patches else grid
    if grid[0] * grid[1] != num_patches:
        raise ValueError(
            f"expected {grid[0]} x {grid[1]} patch tokens, received {num_patches} "
            "(patch dropout? use eval mode; a class token or registers of your own? give "
            "num_prefix_tokens=)"
        )
    return grid


def map_dtype(tensor: Tensor) -> torch.dtype:
    """Maps are kept in float32, and in float64 for a float64 model."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
