"""An encoder as the browser gets it: plain facts, and its weights in half precision.

Widgets know arrays only: models are recognised by what their classes are called and read by duck typing. The
names of the weights are those of `state_dict`, and js/living-encoder/model reads them by these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vizkit.inputs import as_list, as_texts
from vizkit.widgets.codec import Array, pack

MOST_WEIGHTS = 5_000_000  # more would be slow on two cores, and a large page
LARGEST = float(np.finfo(np.float16).max)
STEMS = {"PatchEmbed": "patch", "ConvolutionalStem": "convolution", "ResidualStem": "residual"}
POOLINGS = {"ClassTokenPooling": "cls", "MeanPooling": "mean", "AttentionPooling": "map"}
NORMS = ("norm_1", "norm_2")
ELSEWHERE = "AttentionMap.from_model(model, image) shows the attention of any encoder"


@dataclass
class Parts:
    """What an encoder is put together from, each part None where it has none."""

    name: str
    tower: Any
    model: Any  # with both towers or with heads; the tower itself where it stands alone
    tokenizer: Any = None
    labels: dict[str, list[str]] = field(default_factory=dict)
    image_size: int | None = None  # for a CNN, which would take any


def parts_of(encoder: Any, tokenizer: Any, labels: Any) -> Parts:
    """Take an encoder apart.

    Args:
        encoder: a pocket encoder, or a `VisionTransformer`, `DualEncoder` or `LabelledEncoder` of
            `vizkit.models`.
        tokenizer: of a bare `DualEncoder`; others bring theirs.
        labels: of a bare `LabelledEncoder` or of a `VisionTransformer` with a head; see `LivingEncoder`.

    Raises:
        TypeError: another kind of model, with the reason; tokenizer or labels that do not belong to it.
        ValueError: labels that do not fit the heads.
    """
    model = getattr(encoder, "_orig_mod", encoder)  # of torch.compile
    name, size = "", None
    if _kind(model) in ("PocketEncoder", "PocketImageEncoder"):
        if tokenizer is not None or labels is not None:
            raise TypeError(f"{model.name} brings its own words: leave tokenizer= and labels= out")
        name, size, labels = model.name, model.image_size, getattr(model, "labels", None)
        tokenizer, model = getattr(model, "tokenizer", None), model.model
    kind = _kind(model)
    if kind == "DualEncoder":
        if labels is not None:
            raise TypeError("a DualEncoder is asked with captions: leave labels= out")
        _check_tokenizer(tokenizer)
        return Parts(name or kind, model.image_tower, model, tokenizer, image_size=size)
    if tokenizer is not None:
        raise TypeError(
            f"tokenizer= belongs to a DualEncoder, and this is a {kind or _type(model)}: received"
            f" tokenizer={tokenizer!r:.60}"
        )
    if kind == "LabelledEncoder":
        heads = _labels(model.heads, labels)
        return Parts(name or kind, model.image_tower, model, None, heads, size)
    if kind == "VisionTransformer":
        head = {} if _kind(model.head) == "Identity" else {"class": model.head}
        return Parts(kind, model, model, None, _labels(head, labels))
    raise TypeError(_reason(encoder))


def pack_encoder(parts: Parts, mean: Any = None, std: Any = None) -> dict[str, Any]:
    """Return `{facts, weights}` as js/living-encoder/model/index.ts reads it.

    Raises:
        TypeError: an image tower whose architecture the browser does not have, with the reason.
        ValueError: too many weights, weights that are not finite or too large for half precision,
            pictures that are not square, or a normalisation that is not known.
    """
    kind = _kind(parts.tower)
    if kind not in ("VisionTransformer", "ConvNet"):
        raise TypeError(_reason(parts.tower))
    if parts.tower is not parts.model and _kind(parts.tower.head) != "Identity":
        raise TypeError("expected an image tower that gives features, received one with a head")
    facts = _vit_facts(parts.tower) if kind == "VisionTransformer" else _cnn_facts(parts)
    facts |= {"name": parts.name, **_normalization(parts.tower, mean, std), **_words(parts)}
    weights, exact = _weights(parts)
    facts["parameters"] = count = sum(value.numel() for value in parts.model.parameters())
    if count > MOST_WEIGHTS:
        raise ValueError(
            f"expected an encoder of at most {MOST_WEIGHTS:,} weights, and {parts.name} has {count:,}:"
            f" a browser would be too slow. {ELSEWHERE}"
        )
    packed = pack_weights(weights, exact)
    facts["bytes"] = len(packed["numbers"]["buffer"]) + len(packed["exact"]["buffer"])
    return {"facts": facts, "weights": packed}


def pack_weights(weights: Mapping[str, Array], exact: Mapping[str, Array]) -> dict[str, Any]:
    """Return arrays as js/living-encoder/model/weights.ts reads them: `weights` in half precision, `exact` in single.

    Raises:
        ValueError: a weight that is not finite, or too large for half precision.
    """
    tensors: dict[str, dict[str, Any]] = {}
    start = 0
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise ValueError(
                f"expected finite weights, and {name} has {value[~np.isfinite(value)][0]}"
            )
        if np.abs(value).max(initial=0) > LARGEST:
            raise ValueError(
                f"expected weights of at most {LARGEST:g}, the largest number in half precision, and"
                f" {name} has {np.abs(value).max():g}"
            )
        tensors[name] = {"shape": list(value.shape), "start": start}
        start += value.size
    start = 0
    for name, value in exact.items():
        tensors[name] = {"shape": list(value.shape), "start": start, "exact": True}
        start += value.size
    numbers = _end_to_end(weights.values(), np.float16).view(np.uint16)
    return {
        "tensors": tensors,
        "numbers": pack(numbers),
        "exact": pack(_end_to_end(exact.values(), np.float32)),
    }


def _end_to_end(values: Any, dtype: Any) -> Array:
    return np.concatenate([np.zeros(0, dtype), *(value.astype(dtype).ravel() for value in values)])


def _kind(model: Any) -> str:
    """The name of a class of vizkit or torch; "" for those of others, which may be called the same."""
    kind = type(model)
    return kind.__name__ if kind.__module__.split(".")[0] in ("vizkit", "torch") else ""


def _type(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__name__}"


def _reason(model: Any) -> str:
    """Why an encoder cannot live in the browser."""
    known = (
        "a pocket encoder, or a VisionTransformer, DualEncoder or LabelledEncoder of vizkit.models"
    )
    if not hasattr(model, "parameters") and not hasattr(model, "model"):
        return f"expected {known}, received {_type(model)}"
    return (
        f"expected {known}, received {_type(model)}: the browser computes the forward pass itself and has no"
        f" file for this architecture (js/living-encoder/model). {ELSEWHERE}"
    )


def _check_tokenizer(tokenizer: Any) -> None:
    if not hasattr(tokenizer, "vocabulary") or not hasattr(tokenizer, "context_length"):
        raise TypeError(
            f"expected tokenizer= to be the WordTokenizer that the DualEncoder was trained with, received"
            f" {tokenizer!r:.60}"
        )


def _labels(heads: Mapping[str, Any] | Any, labels: Any) -> dict[str, list[str]]:
    """The names of every head's classes, checked; numbers where none were given."""
    heads = dict(heads.items())
    if labels is None:
        return {name: [str(i) for i in range(len(head.weight))] for name, head in heads.items()}
    if not isinstance(labels, Mapping):
        if len(heads) != 1:
            raise ValueError(
                f"expected labels as a dictionary with the heads {list(heads)}, received {labels!r:.60}"
            )
        labels = {next(iter(heads)): labels}
    if set(labels) != set(heads):
        raise ValueError(f"expected labels for the heads {list(heads)}, received {list(labels)}")
    return {
        name: as_texts(f"labels of {name}", labels[name], len(head.weight))
        for name, head in heads.items()
    }


def _vit_facts(tower: Any) -> dict[str, Any]:
    (height, width), (rows, columns) = tower.image_size, tower.grid
    if height != width:
        raise ValueError(
            f"expected an encoder for square pictures, received one for {height} x {width}"
        )
    if tower.in_channels != 3:
        raise ValueError(
            f"expected an encoder for colours (3 channels), received one for {tower.in_channels}"
        )
    _check_layers(tower)
    attention = tower.blocks[0].attention
    return {
        "kind": "vit",
        "imageSize": height,
        "patchSize": height // rows,
        "grid": [rows, columns],
        "layers": len(tower.blocks),
        "heads": attention.num_heads,
        "tokens": tower.num_prefix_tokens + rows * columns,
        "prefix": tower.num_prefix_tokens,
        "pooling": POOLINGS[_kind(tower.pooling)],
        "stem": STEMS[_kind(tower.patch_embed)],
        "positions": type(tower.position).__name__ != "Position",
        "width": tower.embed_dim,
        "strides": [],
    }


def _check_layers(tower: Any) -> None:
    """Every part is one that the browser computes: else it would show what another encoder sees, and not say so."""
    found = [
        ("patch_embed", tower.patch_embed, (*STEMS,)),
        ("pooling", tower.pooling, (*POOLINGS,)),
        ("norm", tower.norm, ("LayerNorm",)),
    ]
    for number, block in enumerate(tower.blocks):
        where = f"blocks[{number}]"
        found.append((where, block, ("EncoderBlock",)))
        if _kind(block) != "EncoderBlock":
            break  # its parts have other names
        found += [(f"{where}.{name}", getattr(block, name), ("LayerNorm",)) for name in NORMS]
        found.append((f"{where}.attention", block.attention, ("Attention",)))
        found.append((f"{where}.mlp", block.mlp, ("Mlp",)))
    for where, part, known in found:
        if _kind(part) not in known:
            raise TypeError(
                f"expected {where} to be {' or '.join(known)}, received {_type(part)}: the browser computes the"
                f" forward pass itself and has no file for it (js/living-encoder/model). {ELSEWHERE}"
            )


def _cnn_facts(parts: Parts) -> dict[str, Any]:
    tower, size = parts.tower, parts.image_size
    if size is None:
        raise TypeError(
            f"expected a pocket encoder around the ConvNet, which says how large its pictures are. {ELSEWHERE}"
        )
    strides = [tower.stem[0].stride[0], *(stage[0].conv_1.stride[0] for stage in tower.stages)]
    step = int(np.prod(strides))
    if size % step:
        raise ValueError(f"expected pictures of a multiple of {step} pixels, received {size}")
    if not hasattr(tower.stem[1], "running_mean"):
        raise TypeError(
            "expected a ConvNet with batch normalisation: another depends on the picture, and no file in js/living-encoder/model has it"
        )
    return {
        "kind": "cnn",
        "imageSize": size,
        "patchSize": step,
        "grid": [size // step] * 2,
        "layers": 0,
        "heads": 0,
        "tokens": (size // step) ** 2,
        "prefix": 0,
        "pooling": "mean",
        "stem": "cnn",
        "positions": False,
        "width": tower.embed_dim,
        "strides": strides,
    }


def _normalization(tower: Any, mean: Any, std: Any) -> dict[str, list[float]]:
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std belong together, got mean={mean} and std={std}")
    given = mean is not None
    mean = mean if given else getattr(tower, "image_mean", None)
    std = std if given else getattr(tower, "image_std", None)
    if mean is None or std is None:
        raise ValueError(
            "the normalisation of the encoder is not known, and without it the encoder would see another"
            " picture than in its training: give mean= and std= (of pixels from 0 to 1)"
        )
    found = {"mean": _per_channel("mean", mean), "std": _per_channel("std", std)}
    if min(found["std"]) <= 0:
        raise ValueError(f"std must be positive, got {std}")
    return found


def _per_channel(name: str, values: Any) -> list[float]:
    if isinstance(values, int | float) and not isinstance(values, bool):
        values = [values] * 3
    try:
        numbers = [float(value) for value in as_list(name, values, what="channels")]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise ValueError(
            f"{name} must be a number, or one for each of the 3 channels, got {values!r:.60}"
        )
    return numbers


def _words(parts: Parts) -> dict[str, Any]:
    """What the encoder is asked with: captions and the temperature of its scores, or labels."""
    model, tokenizer = parts.model, parts.tokenizer
    facts = {
        "vocabulary": [],
        "contextLength": 0,
        "textHeads": 0,
        "logitScale": 1.0,
        "logitBias": None,
    }
    if tokenizer is not None:
        bias = model.logit_bias
        facts = {
            "vocabulary": list(tokenizer.vocabulary),
            "contextLength": tokenizer.context_length,
            "textHeads": model.text_tower.blocks[0].attention.num_heads,
            "logitScale": model.scale().item(),
            "logitBias": None if bias is None else bias.item(),
        }
    heads = [{"name": name, "labels": labels} for name, labels in parts.labels.items()]
    return {**facts, "labels": heads}


def _weights(parts: Parts) -> tuple[dict[str, Array], dict[str, Array]]:
    """The arrays that the browser needs: in half precision, and in single."""
    tower, model = parts.tower, parts.model
    names = [("image_tower.", tower)]
    for part in ("image_projection", "text_projection", "text_tower"):
        if hasattr(model, part):
            names.append((f"{part}.", getattr(model, part)))
    heads = getattr(model, "heads", None) or {"class": getattr(model, "head", None)}
    names += [(f"heads.{index}.", heads[name]) for index, name in enumerate(parts.labels)]
    weights = {
        start + name: _array(value)
        for start, module in names
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
        and not (module is tower and name.startswith(("position.", "head.")))
    }
    exact: dict[str, Array] = {}
    position = getattr(tower, "position", None)
    if position is not None and hasattr(position, "table"):
        weights["image_tower.position.table"] = _array(position.table)[0]
    for layer, rotation in enumerate(position.rotations() if position is not None else ()):
        if rotation is not None:
            exact[f"image_tower.position.rotations.{layer}"] = _array(rotation)
    return weights, exact


def _array(tensor: Any) -> Array:
    return tensor.detach().cpu().float().numpy()
