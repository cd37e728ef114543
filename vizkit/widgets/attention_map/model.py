"""Behind `AttentionMap.from_model`: a picture into a model, its attention and the picture it saw out again.

Widgets know arrays only: tensors are made by the model's own parameters and read by duck typing, and
`capture_attention` comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from vizkit.inputs import as_array, as_image, as_images, as_list, is_one_picture
from vizkit.widgets.codec import Array


def run_model(
    capture_attention: Callable[..., Any],
    model: Any,
    image: Any,
    preprocess: Any,
    mean: Any,
    std: Any,
    chosen: tuple[list[int], list[int]] | None = None,
    **options: Any,
) -> tuple[Any, list[Array], tuple[list[int], list[int]] | None]:
    """Return what `capture_attention` returns, the pictures that the model saw, uint8 (H, W, 3), and `chosen`.

    chosen: as `chosen_modules` returns it; None comes back where all layers were captured, because
        some were not what their surroundings said.

    Raises:
        TypeError: not a model with parameters.
        ValueError: `image`, `preprocess`, `mean` or `std` do not fit, or the normalisation of the
            model is not known and not given.
    """
    weight = _first_weight(model)
    channels = weight.shape[1] if len(weight.shape) == 4 else 3
    preprocess = getattr(preprocess, "image_processor", preprocess)  # of a processor for both
    mean, std = _normalization(model, preprocess, mean, std, channels)
    inputs = _inputs(model, image, preprocess, mean, std, channels)  # (B, C, H, W)
    # A tensor like the weights that meet it: their device and their precision.
    batch = weight.detach().new_tensor(inputs)
    captured = capture_attention(model, batch, layers=chosen and chosen[0], **options)
    if chosen is not None and len(captured.maps) != len(set(chosen[1])):
        captured, chosen = capture_attention(model, batch, **options), None
    return captured, [_seen(one, mean, std) for one in inputs], chosen


def seen_by(model: Any, inputs: Array) -> list[Array]:
    """Inputs (B, C, H, W) of a model as pictures, by the normalisation that the model states."""
    mean, std = _stated(model)
    channels = inputs.shape[1]
    mean, std = _per_channel("mean", mean, channels), _per_channel("std", std, channels)
    return [_seen(one, mean, std) for one in inputs]


def _first_weight(model: Any) -> Any:
    """The weight that meets the pictures: of the first convolution, else the first matrix.

    Not the first parameter: in half precision, some models keep a few others in float32.
    """
    weights = list(model.parameters()) if hasattr(model, "parameters") else []
    weights = [one for one in weights if one.is_floating_point()]
    if not weights:
        raise TypeError(f"model must be a torch model with parameters, got {type(model).__name__}")
    convolutions = [one for one in weights if one.ndim == 4]
    return [*convolutions, *(one for one in weights if one.ndim == 2), *weights][0]


def _normalization(
    model: Any, preprocess: Any, mean: Any, std: Any, channels: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and standard deviation of the model's input, from the caller, the transform or the model."""
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std belong together, got mean={mean} and std={std}")
    if mean is None and hasattr(preprocess, "image_mean"):  # an image processor of transformers
        plain = not getattr(preprocess, "do_normalize", True)
        mean, std = (0, 1) if plain else (preprocess.image_mean, preprocess.image_std)
    for step in getattr(preprocess, "transforms", ()):
        if mean is None and hasattr(step, "mean") and hasattr(step, "std"):
            mean, std = step.mean, step.std  # timm holds them as tensors
    if mean is None and preprocess is None:
        mean, std = _stated(model)
    return _per_channel("mean", mean, channels), _per_channel("std", std, channels)


def _stated(model: Any) -> tuple[Any, Any]:
    """What the model, or the model inside of a wrapper, says of its normalisation.

    The outermost one counts: open_clip's tower knows better than the trunk of timm in it. Two that
    stand beside each other and differ decide nothing.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for name, module in model.named_modules():
        if any(name.startswith(f"{outer}.") or not outer for outer in found):
            continue
        config = getattr(module, "pretrained_cfg", None) or {}
        config = config if hasattr(config, "get") else vars(config)
        mean = getattr(module, "image_mean", None) or config.get("mean")
        std = getattr(module, "image_std", None) or config.get("std")
        if mean is not None and std is not None:
            found[name] = (tuple(mean), tuple(std))
    return found.popitem()[1] if len(set(found.values())) == 1 else (None, None)


def _per_channel(name: str, values: Any, channels: int) -> tuple[float, ...] | None:
    if values is None:
        return None
    values = [values] if isinstance(values, int | float) else as_list(name, values)
    values = tuple(float(value) for value in values)
    if len(set(values)) == 1:
        return values[:1] * channels  # of a model for gray pictures, three times the same
    if len(values) != channels:
        raise ValueError(
            f"{name} must hold one number for each of the {channels} channels, got {values}"
        )
    return values


def _inputs(model: Any, image: Any, preprocess: Any, mean: Any, std: Any, channels: int) -> Array:
    """One batch (B, C, H, W) from whatever came."""
    if hasattr(image, "is_floating_point") and image.is_floating_point() and preprocess is None:
        batch = as_array("image", image, ndims=(3, 4))
        batch = batch[None] if batch.ndim == 3 else batch
        if batch.shape[1] != channels:
            raise ValueError(
                f"a float tensor as image must be the model's input ({channels}, H, W) or"
                f" (B, {channels}, H, W), got {tuple(image.shape)}"
            )
        return batch
    pictures = [as_image("image", image)] if is_one_picture(image) else as_images("image", image)
    if not pictures:
        raise ValueError("image must not be an empty list")
    if preprocess is not None:
        found = [_preprocessed(preprocess, one, channels) for one in pictures]
        shapes = list(dict.fromkeys(one.shape for one in found))
        if len(shapes) > 1:
            raise ValueError(
                f"preprocess must bring all pictures to one size, got {shapes[0]} and {shapes[1]}:"
                " show those of another size by themselves"
            )
        return np.stack(found)
    if mean is None:
        raise ValueError(
            f"the normalisation of {type(model).__name__} cannot be found, and without it the model"
            " would see another picture than in its training: give mean= and std= (of pixels from 0"
            " to 1; mean=0, std=1 for none), preprocess=, or the model's input as a float tensor"
        )
    size = _input_size(model)
    batch = np.stack([_fitted(one, size) for one in pictures]).astype(np.float32) / 255
    batch = _in_channels(batch, channels)  # (B, H, W, C)
    batch = (batch - np.float32(mean)) / np.float32(std)
    return np.moveaxis(batch, -1, 1)  # (B, C, H, W)


def _in_channels(pixels: Array, channels: int) -> Array:
    """Pixels (B, H, W, 3) as the model's channels: colours, or gray as Pillow mixes it."""
    if channels == 3:
        return pixels
    if channels != 1:
        raise ValueError(
            f"the model takes pictures of {channels} channels, which no picture file has: give its"
            f" input as a float tensor ({channels}, H, W), got a picture"
        )
    return pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)  # (B, H, W, 1)


def _preprocessed(preprocess: Any, pixels: Array, channels: int) -> Array:
    result = preprocess(Image.fromarray(pixels))
    if hasattr(result, "keys") and "pixel_values" in result:  # of transformers
        shapes = result.get("spatial_shapes")
        result = as_array("what preprocess returns", result["pixel_values"][0])
        if shapes is not None:
            result = _put_together(result, as_list("spatial_shapes", shapes[0]), channels)
    result = as_array("what preprocess returns", result)
    if result.ndim != 3 or result.shape[0] != channels:
        raise ValueError(
            f"preprocess must return a tensor ({channels}, H, W), got shape {result.shape}"
        )
    return result


def _put_together(patches: Array, grid: Sequence[int], channels: int) -> Array:
    """Patches in rows (N, P*P*C), as SigLIP 2's processor cuts them, to the picture (C, H, W)."""
    rows, columns = map(int, grid)
    side = round((patches.shape[1] / channels) ** 0.5)
    patches = patches[: rows * columns].reshape(rows, columns, side, side, channels)
    return patches.transpose(4, 0, 2, 1, 3).reshape(channels, rows * side, columns * side)


def _input_size(model: Any) -> tuple[int, int] | None:
    """(height, width) that the model, or the model in a wrapper, wants; None where none says."""
    for module in model.modules():
        config = getattr(module, "pretrained_cfg", None) or {}
        config = config if hasattr(config, "get") else vars(config)
        for size in (
            getattr(getattr(module, "patch_embed", None), "img_size", None),
            getattr(module, "image_size", None),
            (config.get("input_size") or (None,))[1:],
        ):
            if isinstance(size, int):
                return size, size
            if isinstance(size, Sequence) and len(size) == 2:
                return int(size[0]), int(size[1])
    return None


def _fitted(pixels: Array, size: tuple[int, int] | None) -> Array:
    """Short side to the model's size, then the middle: what most models are evaluated with."""
    if size is None or pixels.shape[:2] == size:
        return pixels
    height, width = size
    image = Image.fromarray(pixels)
    scale = max(height / image.height, width / image.width)
    shape = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    image = image.resize(shape, Image.Resampling.BICUBIC)
    left, top = (shape[0] - width) // 2, (shape[1] - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)))


def _seen(inputs: Array, mean: Any, std: Any) -> Array:
    """One input (C, H, W) as a picture: the normalisation undone, or stretched to 0..1 if unknown.

    Channels that are not three are shown as their mean.
    """
    pixels = np.moveaxis(inputs, 0, -1).astype(np.float64)  # (H, W, C)
    if mean is not None:
        pixels = pixels * np.array(std) + np.array(mean)
    elif pixels.min() < -1e-3 or pixels.max() > 1 + 1e-3:
        pixels = (pixels - pixels.min()) / ((pixels.max() - pixels.min()) or 1.0)
    if pixels.shape[2] != 3:
        pixels = np.repeat(pixels.mean(2, keepdims=True), 3, axis=2)
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def chosen_modules(kinds: Sequence[str | None], layers: Any) -> tuple[list[int], list[int]] | None:
    """Which attention modules to listen to for these self-attention layers, and their order.

    Args:
        kinds: the kind of each attention module, in the order of the modules.
        layers: the layers wanted, counted without pooling; negative ones count from the end.

    Returns:
        Modules by number, those of pooling included, and the place of each wanted layer among the
        maps that come; None where all must run, to be checked and chosen afterwards.
    """
    own = [index for index, kind in enumerate(kinds) if kind != "pooling"]
    wanted = [int(layer) for layer in as_list("layers", layers)]
    if not wanted or any(not -len(own) <= layer < len(own) for layer in wanted):
        return None
    wanted = [layer % len(own) for layer in wanted]
    some = sorted(set(wanted))
    pooling = [index for index, kind in enumerate(kinds) if kind == "pooling"]
    return sorted([own[layer] for layer in some] + pooling), [some.index(one) for one in wanted]
