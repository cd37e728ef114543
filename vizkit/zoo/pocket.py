"""Pocket encoders: small models trained on the drawn world, shipped with the package."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from vizkit.device import default_device
from vizkit.models import AttentionCapture, capture_attention
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.heads import LabelledEncoder
from vizkit.models.pocket import pocket_dual_encoder, pocket_labelled_encoder
from vizkit.models.text import WordTokenizer, split_words
from vizkit.zoo.images import to_pixels, to_sentences

WEIGHTS = Path(__file__).with_name("weights")
BATCH = 256  # pictures at a time: bounds the memory of a large call
OWN_COMMAND = re.compile(r"python -m vizkit\.training\.[a-z_]+( [a-z0-9-]+)*")


def pocket_names(folder: Path = WEIGHTS) -> list[str]:
    """The pocket encoders in `folder`. Raises TypeError unless it is a path."""
    if not isinstance(folder, str | Path):
        raise TypeError(f"expected folder to be a path, received {folder!r}")
    return sorted(card.stem for card in Path(folder).glob("*.json"))


def load_pocket(name: str, *, folder: Path = WEIGHTS) -> PocketEncoder | PocketImageEncoder:
    """Load a pocket encoder by name, ready to use on `default_device()`.

    A dual encoder comes as a `PocketEncoder`; an image encoder that was taught with labels has no
    text tower and comes as a `PocketImageEncoder`.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError, OSError: a card or weights that are missing or damaged; the message
            names the command that trains them again.
    """
    known = pocket_names(folder)
    folder = Path(folder)
    if not isinstance(name, str) or name not in known:
        raise ValueError(
            f"expected a pocket model among {', '.join(known) or 'none'}, received {name!r}; "
            "`python -m vizkit.training.pocket NAME` trains one. Models of others are named "
            "timm/<model> and open_clip/<model>/<pretrained>"
        )
    card = read_card(folder / f"{name}.json")
    state = read_weights(folder / f"{name}.safetensors", card)
    weights = {key: value.float() for key, value in state.items()}
    if "labels" in card["config"]:
        labelled = pocket_labelled_encoder(card["config"])
        labelled.load_state_dict(weights)
        return PocketImageEncoder(name, labelled, card)
    model, tokenizer = pocket_dual_encoder(card["config"])
    model.load_state_dict(weights)
    return PocketEncoder(name, model, tokenizer, card)


def read_card(file: Path) -> dict[str, Any]:
    """The card of a pocket encoder; OSError if something of it is gone."""
    card = None
    with suppress(ValueError):
        card = json.loads(file.read_bytes())
    if not isinstance(card, dict) or not card.keys() >= {"sha256", "config", "image_size"}:
        raise OSError(f"{file.name} is damaged: {rebuild(file)}")
    return card


def read_weights(file: Path, card: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of a weights file, checked against the card's SHA-256."""
    if not file.is_file():
        raise FileNotFoundError(f"{file.name} is missing beside its card: {rebuild(file)}")
    data = file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != card["sha256"]:
        raise OSError(
            f"{file.name} is damaged: expected SHA-256 {card['sha256'][:12]}…, "
            f"found {found[:12]}…: {rebuild(file)}"
        )
    return load_safetensors(data)


def rebuild(file: Path) -> str:
    """What to do about a file that is of no use: the command on its card, if it can be read.

    A card is a file that anybody may have written, so only a command of this package is passed on.
    """
    command = f"python -m vizkit.training.pocket {file.stem}"
    with suppress(OSError, ValueError, AttributeError):
        told = json.loads(file.with_suffix(".json").read_bytes()).get("command")
        if isinstance(told, str) and OWN_COMMAND.fullmatch(told):
            command = told
    return f"rebuild it with `{command}`"


class PocketTower:
    """What every pocket encoder does with pictures; `card` says how it was trained."""

    def __init__(
        self, name: str, model: DualEncoder | LabelledEncoder, card: dict[str, Any]
    ) -> None:
        self.name, self.card = name, card
        self.device = default_device()
        self.model: Any = model.eval().to(self.device)
        self.image_size = card["image_size"]
        # What `preprocess` does, where `AttentionMap.from_model` looks for it.
        tower: Any = self.image_tower
        tower.image_mean = tower.image_std = (0.5, 0.5, 0.5)

    @property
    def image_tower(self) -> nn.Module:
        """The tower alone: images (B, 3, H, W) to features (B, D), not normalised."""
        return self.model.image_tower

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) to unit vectors (B, D)."""
        return nn.functional.normalize(self.image_tower(pixels), dim=-1)

    def preprocess(self, images: Any) -> Tensor:
        """Pictures of any kind and size to (B, 3, H, W) from -1 to 1; see `to_pixels`."""
        return to_pixels(images, self.image_size) * 2 - 1  # (B, 3, H, W)

    @torch.no_grad()
    def encode_image(self, images: Any) -> Tensor:
        """Pictures to unit vectors (B, D), on the CPU."""
        pixels = self.preprocess(images)  # (B, 3, H, W)
        parts = [self.features(part.to(self.device)).cpu() for part in pixels.split(BATCH)]
        return torch.cat(parts)  # (B, D)

    @torch.no_grad()
    def patch_tokens(self, images: Any) -> Tensor:
        """One vector for each patch (B, N, D) after the last norm, without prefix tokens.

        Raises TypeError for an image tower that has no patch tokens (a CNN).
        """
        tower = self.image_tower
        if not hasattr(tower, "num_prefix_tokens"):
            raise TypeError(f"{self.name} has a {type(tower).__name__}, which has no patch tokens")
        pixels = self.preprocess(images).to(self.device)  # (B, 3, H, W)
        encoded = tower(pixels, return_intermediates=True)[1]["encoded"]  # (B, T, D)
        return encoded[:, tower.num_prefix_tokens :].cpu()  # (B, N, D)

    @torch.no_grad()
    def capture_attention(
        self, images: Any, *, layers: Sequence[int] | None = None
    ) -> AttentionCapture:
        """The image tower's attention maps, of all layers or of these (from 0).

        Raises TypeError if it has none (a CNN), ValueError if it has no such layer.
        """
        pixels = self.preprocess(images).to(self.device)  # (B, 3, H, W)
        return capture_attention(self.image_tower, pixels, layers=layers)


class PocketImageEncoder(PocketTower):
    """An image encoder that was taught with labels: it names shape, color and style.

    labels: the class names of each head, in the order of its scores.
    """

    # Nothing was contrasted here: cosines stay as they are.
    logit_scale: float = 1.0
    logit_bias: float | None = None

    def __init__(self, name: str, model: LabelledEncoder, card: dict[str, Any]) -> None:
        super().__init__(name, model, card)
        self.labels: dict[str, list[str]] = card["config"]["labels"]

    @torch.no_grad()
    def classify(self, images: Any) -> dict[str, Tensor]:
        """The probability of every label: name of the head to (B, K), on the CPU."""
        pixels = self.preprocess(images)  # (B, 3, H, W)
        parts = [self.model(part.to(self.device)) for part in pixels.split(BATCH)]
        return {
            name: torch.cat([part[name] for part in parts]).softmax(dim=-1).cpu()  # (B, K)
            for name in self.labels
        }

    def encode_text(self, texts: str | Sequence[str]) -> Tensor:
        """Raises TypeError: this encoder has no text tower."""
        raise TypeError(f"{self.name} has no text tower: it was taught with labels, not captions")


class PocketEncoder(PocketTower):
    """A trained pocket dual encoder with the interface of `Encoder`."""

    def __init__(
        self, name: str, model: DualEncoder, tokenizer: WordTokenizer, card: dict[str, Any]
    ) -> None:
        super().__init__(name, model, card)
        self.tokenizer = tokenizer
        self.logit_scale = model.scale().item()
        self.logit_bias = None if model.logit_bias is None else model.logit_bias.item()

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) to unit vectors (B, D) of the joint space."""
        return self.model.encode_image(pixels)

    @torch.no_grad()
    def encode_text(self, texts: str | Sequence[str]) -> Tensor:
        """Sentences to unit vectors (B, D), on the CPU.

        Unknown words are warned about, and so is a sentence without a known one: it gets a unit
        vector as any other, and nothing that is near it is an answer.

        Raises TypeError unless `texts` is a sentence or a sequence of them.
        """
        texts = to_sentences(texts)
        known = set(self.tokenizer.vocabulary)
        empty = [text for text in texts if known.isdisjoint(split_words(text))]
        if empty:
            warnings.warn(
                f"{self.name} knows no word of {empty[0][:60]!r}: its vector means nothing",
                stacklevel=2,
            )
        unknown = {word: None for text in texts for word in self.tokenizer.unknown_words(text)}
        if unknown:
            warnings.warn(f"{self.name} never saw: {', '.join(unknown)}", stacklevel=2)
        return self.model.encode_text(self.tokenizer(texts).to(self.device)).cpu()  # (B, D)
