"""Where the pictures go in: the bare model inside its wrappers, its image tower, and how it is called.

Everything is recognised by what it has, never by an import: `models` needs no transformers, no
peft, no lightning and no open_clip to look into their models.
"""

import inspect
from collections.abc import Callable, Iterable
from functools import lru_cache

import torch
from torch import Tensor, nn

# What libraries call the image tower of a model with two: open_clip, transformers, vizkit.
TOWERS = ("visual", "vision_model", "vision_tower", "image_tower")
CALLS = ("encode_image", "get_image_features")  # open_clip and vizkit, transformers
WITHOUT_FORWARD = ("_forward_unimplemented", "LightningModule.forward")


def bare(model: nn.Module, is_encoder: Callable[[nn.Module], bool] | None = None) -> nn.Module:
    """The model inside `torch.compile`, `DataParallel`, `DistributedDataParallel` and PEFT.

    Adapters of PEFT stay in it: what it computes with them is what is read. Of a module without a
    forward pass of its own (a `LightningModule` that only trains) it is the one part of which
    `is_encoder` holds.

    Raises ValueError if several parts of such a module are encoders.
    """
    while True:
        inner = inside(model, is_encoder)
        if inner is model:
            return model
        model = inner


def inside(model: nn.Module, is_encoder: Callable[[nn.Module], bool] | None) -> nn.Module:
    """One layer of wrapping less, or the model itself where it is not wrapped."""
    if hasattr(model, "_orig_mod"):
        return model.get_submodule("_orig_mod")
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return model.module
    base = getattr(model, "get_base_model", None)
    if hasattr(model, "peft_config") and base is not None:
        return base()
    if is_encoder is None or any(hasattr(model, call) for call in CALLS):
        return model
    if not type(model).forward.__qualname__.endswith(WITHOUT_FORWARD):
        return model
    parts = {name: part for name, part in model.named_children() if is_encoder(part)}
    if len(parts) > 1:
        raise ValueError(
            f"{type(model).__name__} has no forward pass of its own and several encoders: give one "
            f"of its parts, {', '.join(parts)}"
        )
    return next(iter(parts.values()), model)


def image_tower(model: nn.Module) -> str:
    """The name of the image tower of a model that has texts as well, "" for the whole model."""
    return tower_among(model.named_modules())


def tower_among(named_modules: Iterable[tuple[str, nn.Module]]) -> str:
    """`image_tower` of the model that has these modules."""
    takes: dict[type[nn.Module], bool] = {}  # a model has hundreds of modules of a few classes
    for name, module in named_modules:
        kind = type(module)
        if kind not in takes:
            takes[kind] = takes_images(kind)
        if takes[kind] or not module.__dict__.keys().isdisjoint(CALLS):
            for tower in TOWERS:
                if isinstance(getattr(module, tower, None), nn.Module):
                    return f"{name}.{tower}".lstrip(".")
    return ""


def takes_images(module_type: type[nn.Module]) -> bool:
    """Whether modules of this class have a call for images alone.

    Asked of the class: a module words an error for each name that it lacks.
    """
    return any(hasattr(module_type, call) for call in CALLS)


def run_images(model: nn.Module, images: Tensor) -> object:
    """What the model makes of images (B, C, H, W), texts left out.

    A model of transformers is asked to interpolate its positions where the images have another size
    than it was made for, and SigLIP 2 gets its images cut into patches.
    """
    encode = getattr(model, "encode_image", None)
    if encode is not None:
        return encode(images)
    own = getattr(model, "get_image_features", None)
    takes = arguments_of(own or model.forward)
    if "pixel_values" not in takes:
        return model(images)
    call, config = own or model, getattr(model, "config", None)
    config = getattr(config, "vision_config", config)
    patch_size = getattr(config, "patch_size", None)
    if "spatial_shapes" in takes and patch_size is not None:
        return call(**cut_into_patches(images, patch_size))
    size = getattr(config, "image_size", None)
    made_for = (size, size) if isinstance(size, int) else size and tuple(size)
    if "interpolate_pos_encoding" in takes and made_for and made_for != tuple(images.shape[2:]):
        return call(pixel_values=images, interpolate_pos_encoding=True)
    return call(pixel_values=images)


def arguments_of(call: Callable[..., object]) -> frozenset[str]:
    """The names of the arguments that a call takes; none where it does not say."""
    function = getattr(call, "__func__", None)  # of a class: nothing that a cache would keep alive
    return signature_of(call) if function is None else cached_signature_of(function)


def signature_of(call: Callable[..., object]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(call).parameters)
    except (TypeError, ValueError):  # code that was compiled beforehand
        return frozenset()


cached_signature_of = lru_cache(maxsize=64)(signature_of)


def cut_into_patches(images: Tensor, patch_size: int) -> dict[str, Tensor]:
    """Images (B, C, H, W) as SigLIP 2 of transformers wants them: patches in rows, and their grid.

    Raises ValueError unless both sides are multiples of the patch.
    """
    height, width = images.shape[2:]
    if height % patch_size or width % patch_size:
        raise ValueError(
            f"expected sides that are multiples of the patch of {patch_size} pixels, received "
            f"{height} x {width}"
        )
    rows, columns = height // patch_size, width // patch_size
    patches = images.unflatten(3, (columns, -1)).unflatten(2, (rows, -1))  # (B, C, R, P, S, P)
    patches = patches.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # (B, N, P*P*C)
    whole = torch.ones(patches.shape[:2], dtype=torch.int32, device=images.device)  # (B, N)
    grid = torch.tensor([[rows, columns]] * len(images), device=images.device)  # (B, 2)
    return {"pixel_values": patches, "pixel_attention_mask": whole, "spatial_shapes": grid}
