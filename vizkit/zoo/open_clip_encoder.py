"""open_clip's models with the interface of `Encoder`: `load("open_clip/ViT-B-16/openai")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from vizkit.zoo.hub import HubFile, fetch, weights_file
from vizkit.zoo.hub_encoder import HubEncoder, fitting
from vizkit.zoo.images import to_sentences
from vizkit.zoo.timm_encoder import patches_of

# open_clip is imported in functions: the pocket encoders need not wait for it.

TEXTS = 256  # sentences at a time


class OpenClipEncoder(HubEncoder):
    """A dual encoder of open_clip: CLIP, SigLIP and what came after them."""

    def __init__(
        self,
        name: str,
        model: Any,
        transform: Callable[[Any], Tensor],
        tokenizer: Callable[[Sequence[str]], Tensor],
    ) -> None:
        super().__init__(name, model, transform)
        self.tokenizer = tokenizer
        self.logit_scale = model.logit_scale.exp().item()
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else bias.item()

    def features(self, pixels: Tensor) -> Tensor:
        return self.model.encode_image(pixels)  # (B, D)

    def tokens(self, pixels: Tensor) -> Tensor:
        tower = self.model.visual
        if hasattr(tower, "trunk"):  # a model of timm
            return patches_of(tower.trunk, pixels, self.name)  # (B, N, D)
        if not hasattr(tower, "transformer"):
            raise TypeError(f"{self.name} has a {type(tower).__name__}, which has no patch tokens")
        found = tower.forward_intermediates(
            pixels,
            indices=1,
            normalize_intermediates=True,
            intermediates_only=True,
            output_fmt="NLC",
        )
        return found["image_intermediates"][-1]  # (B, N, D)

    @torch.no_grad()
    def encode_text(self, texts: str | Sequence[str]) -> Tensor:
        """Sentences to unit vectors (B, D), on the CPU; too long ones are cut by the tokenizer.

        Raises TypeError unless `texts` is a sentence or a sequence of them.
        """
        texts = to_sentences(texts)
        parts = [
            self.model.encode_text(self.tokenizer(texts[start : start + TEXTS]).to(self.device))
            for start in range(0, len(texts), TEXTS)
        ]
        return nn.functional.normalize(torch.cat(parts), dim=-1).cpu()  # (B, D)


def load_open_clip(model_and_weights: str) -> OpenClipEncoder:
    """The encoder `open_clip/<model>/<pretrained>`.

    Raises ValueError for an unknown name, and as `fetch` does.
    """
    import open_clip

    name = f"open_clip/{model_and_weights}"
    weights, *tokenizer_files = [fetch(wanted) for wanted in open_clip_files(model_and_weights)]
    model, config = known_model(model_and_weights)
    with fitting(name):
        network = open_clip.create_model(
            model,
            pretrained=str(weights),
            force_preprocess_cfg=config,
            # open_clip only warns if a name without "-quickgelu" has weights that need it.
            force_quick_gelu=config.get("quick_gelu", False),
        )
        tokenizer = tokenizer_of(model, tokenizer_files)
    config = open_clip.transform.PreprocessCfg(**open_clip.get_model_preprocess_cfg(network))
    transform = open_clip.transform.image_transform_v2(config, is_train=False)
    return OpenClipEncoder(name, network, transform, tokenizer)


def open_clip_files(model_and_weights: str) -> list[HubFile]:
    """What the hub must give for `<model>/<pretrained>`: weights, and for SigLIP a tokenizer.

    Raises ValueError for an unknown name, and for text towers that need the transformers library.
    """
    import open_clip

    from vizkit.zoo.hub_tokenizer import tokenizer_files

    model, config = known_model(model_and_weights)
    repo, _, file = config["hf_hub"].rpartition("/")
    needed = [weights_file(repo, file, "open_clip_model.safetensors")]
    text = open_clip.get_model_config(model)["text_cfg"]
    if "hf_model_name" in text or text.get("tokenizer_kwargs", {}).keys() - {"clean"}:
        raise ValueError(
            f"expected a model whose text tower needs no transformers library, received "
            f"'open_clip/{model_and_weights}'"
        )
    if "hf_tokenizer_name" in text:
        needed += tokenizer_files(text["hf_tokenizer_name"])
    return needed


def tokenizer_of(model: str, files: Sequence[Any]) -> Callable[[Sequence[str]], Tensor]:
    """The tokenizer of a model; `files` are those of the hub, none for CLIP."""
    import open_clip

    from vizkit.zoo.hub_tokenizer import HubTokenizer

    if not files:
        return open_clip.get_tokenizer(model)
    text = open_clip.get_model_config(model)["text_cfg"]
    return HubTokenizer(
        *files,
        context_length=text["context_length"],
        clean=text.get("tokenizer_kwargs", {}).get("clean", "whitespace"),
    )


def known_model(model_and_weights: str) -> tuple[str, dict[str, Any]]:
    """open_clip's name of the model and its entry for the weights. ValueError if it has none."""
    import open_clip

    model, _, weights = model_and_weights.rpartition("/")
    model = model.replace("/", "-")  # open_clip takes ViT-B/16 for ViT-B-16, too
    config = open_clip.get_pretrained_cfg(model, weights)
    if not config.get("hf_hub"):
        known = open_clip_names()
        close = [name for name in known if name.startswith(f"{model}/")]
        close = close or get_close_matches(model_and_weights, known, n=5) or ["ViT-B-16/openai"]
        raise ValueError(
            f"expected open_clip/ and a model with its weights, such as {', '.join(close[:8])}, "
            f"received 'open_clip/{model_and_weights}'"
        )
    return model, config


def open_clip_names() -> list[str]:
    """All `<model>/<pretrained>` of open_clip that the hub has weights of."""
    import open_clip

    return [
        f"{model}/{weights}"
        for model, weights in open_clip.list_pretrained()
        if open_clip.get_pretrained_cfg(model, weights).get("hf_hub")
    ]
