"""Features that were computed once and are kept on disk, named by all that decides them."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from vizkit.files import cache_folder, write_whole
from vizkit.zoo.encoder import Encoder
from vizkit.zoo.images import checked

# The calls behind each kind; raise the number when what they give changes.
CALLS = {"image": "encode_image", "patches": "patch_tokens"}
VERSION = 1


def cached_features(
    encoder: Encoder, images: Any, kind: Literal["image", "patches"] = "image"
) -> Tensor:
    """What an encoder makes of pictures, computed on the first call and then read from disk.

    A file in `vizkit.data.cache_folder()` is named by the digest of the pictures, of the encoder's
    name, weights and preprocessing, and of `kind`: other pictures or a trained step more give
    another file, so a stale one is never used. It is written whole or not at all. A damaged file is
    made again, with a warning; where the folder cannot be written to, a warning says so and the
    features are returned all the same. Files that are not needed any more may simply be removed.
    Nothing is kept of a model with hooks, which change what it does unseen.

    Args:
        encoder: what `load` gives, or anything with its calls and a torch module `model`.
        images: pictures of any kind, see `vizkit.inputs.as_images`.
        kind: "image" for `encoder.encode_image`, unit vectors (B, D); "patches" for
            `encoder.patch_tokens`, (B, N, D): 400 kB a picture for DINOv2 at 224 pixels.

    Returns:
        (B, D) or (B, N, D) float32 on the CPU.

    Raises:
        TypeError: something that is no picture, no encoder, or an encoder without patch tokens.
        ValueError: an unknown kind, an array that is no picture, or no picture at all.
    """
    if not isinstance(kind, str) or kind not in CALLS:
        raise ValueError(f'expected kind to be "image" or "patches", received {kind!r}')
    if not isinstance(getattr(encoder, "model", None), nn.Module):
        raise TypeError(f"expected an encoder of the zoo, received {type(encoder).__name__}")
    pictures = checked(images)
    if is_hooked(encoder.model):
        return compute(encoder, pictures, kind)
    try:
        path = cache_folder() / f"features-{key_of(encoder, pictures, kind)}.safetensors"
    except FileNotFoundError as error:  # a user without a home folder
        warn("the user's cache folder", error)
        return compute(encoder, pictures, kind)
    found = read(path, len(pictures))
    if found is None:
        found = compute(encoder, pictures, kind)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, save({"features": found, "digest": digest(found)}))
        except OSError as error:
            warn(path.parent, error)
    return found


def compute(encoder: Encoder, pictures: list[np.ndarray], kind: str) -> Tensor:
    return getattr(encoder, CALLS[kind])(pictures).float().contiguous()  # (B, D) or (B, N, D)


def is_hooked(model: nn.Module) -> bool:
    """Whether hooks change what a model does: its weights do not tell."""
    return any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def key_of(encoder: Encoder, pictures: list[np.ndarray], kind: str) -> str:
    """A name for all that decides the features."""
    named = f"{VERSION} {kind} {encoder.name} {type(encoder).__name__} {encoder.model.training}"
    summary = hashlib.blake2b(named.encode(), digest_size=12)
    for picture in pictures:
        summary.update(str(picture.shape).encode())
        summary.update(np.ascontiguousarray(picture).data)
    # The first picture as the model gets it stands for its preprocessing.
    add(summary, "pixels", encoder.preprocess(pictures[:1]))
    for name, tensor in encoder.model.state_dict().items():
        add(summary, name, tensor)
    return summary.hexdigest()


def add(summary: hashlib.blake2b, name: str, tensor: Tensor) -> None:
    summary.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
    # Seen as bytes, because numpy does not know bfloat16.
    summary.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def digest(features: Tensor) -> Tensor:
    """The checksum of features, (16,) uint8, to be kept beside them."""
    summary = hashlib.blake2b(digest_size=16)
    add(summary, "features", features)
    return torch.tensor(list(summary.digest()), dtype=torch.uint8)  # (16,)


def read(path: Path, count: int) -> Tensor | None:
    """The features of `count` pictures in a file; None, with a warning, if it is damaged."""
    try:
        kept = load(path.read_bytes())
        features = kept["features"]
        if len(features) == count and torch.equal(kept["digest"], digest(features)):
            return features
        reason = "is damaged"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (SafetensorError, KeyError):
        reason = "is damaged"
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
    warnings.warn(f"{path} {reason}; its features are computed again", stacklevel=3)
    return None


def warn(folder: str | Path, error: OSError) -> None:
    warnings.warn(
        f"cannot keep features in {folder} ({error.strerror or error}); they are computed again "
        "next time. Set VIZKIT_CACHE to a writable folder.",
        stacklevel=3,
    )
