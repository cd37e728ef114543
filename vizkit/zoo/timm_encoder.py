"""timm's models with the face of `Encoder`: `load("timm/vit_base_patch16_siglip_224.webli")`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches

from torch import Tensor, nn

from vizkit.zoo.hub import HubFile, fetch, weights_file
from vizkit.zoo.hub_encoder import HubEncoder, fitting

# timm is imported in functions: the pocket encoders, and their first picture, need not wait for it.


class TimmEncoder(HubEncoder):
    """An image encoder of timm. Its vectors are those in front of the classifier."""

    def features(self, pixels: Tensor) -> Tensor:
        encoded = self.model.forward_features(pixels)
        return self.model.forward_head(encoded, pre_logits=True)  # (B, D)

    def tokens(self, pixels: Tensor) -> Tensor:
        return patches_of(self.model, pixels, self.name)  # (B, N, D)

    def encode_text(self, texts: str | Sequence[str]) -> Tensor:
        """Raises TypeError: timm's models have no text tower."""
        raise TypeError(
            f"{self.name} has no text tower: timm's models encode images only. For both, load "
            '"open_clip/<model>/<pretrained>" or a pocket encoder such as "pocket-clip".'
        )


def patches_of(model: nn.Module, pixels: Tensor, name: str) -> Tensor:
    """What a model of timm makes of pixels (B, C, H, W): the tokens of its patches (B, N, D)."""
    encoded = model.forward_features(pixels)
    if encoded.ndim == 3:
        return encoded[:, getattr(model, "num_prefix_tokens", 0) :]  # (B, N, D)
    if getattr(model, "output_fmt", None) == "NHWC":  # a Swin's tokens lie on their grid
        return encoded.flatten(1, 2)  # (B, N, D)
    raise TypeError(f"{name} has a {type(model).__name__}, which has no patch tokens")


def load_timm(model: str) -> TimmEncoder:
    """The encoder `timm/<model>`. Raises ValueError for an unknown name, and as `fetch` does."""
    import timm

    name = f"timm/{model}"
    path = fetch(timm_weights(model))
    with fitting(name):
        # timm reads the file itself: it knows how older weights of its models are named.
        network = timm.create_model(
            model, pretrained=True, pretrained_cfg_overlay={"file": str(path)}
        )
    config = timm.data.resolve_model_data_config(network)
    return TimmEncoder(name, network, timm.data.create_transform(**config))


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

    return [name for name in timm.list_pretrained() if timm.get_pretrained_cfg(name).hf_hub_id]
