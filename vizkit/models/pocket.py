"""The architecture of the pocket encoders: a dictionary of plain values makes a dual encoder."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from vizkit.models.cnn import ConvNet
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.heads import LabelledEncoder
from vizkit.models.text import TextTransformer, WordTokenizer
from vizkit.models.vit import VisionTransformer

IMAGE_TOWERS: dict[str, type[VisionTransformer] | type[ConvNet]] = {
    "vit": VisionTransformer,
    "cnn": ConvNet,
}

Options = dict[str, Any]  # arguments of a constructor, as a card stores them


class DualConfig(TypedDict):
    """What `pocket_dual_encoder` reads."""

    image_tower: Options
    text_tower: Options
    vocabulary: Sequence[str]
    dual_encoder: Options


class LabelledConfig(TypedDict):
    """What `pocket_labelled_encoder` reads."""

    image_tower: Options
    labels: Mapping[str, Sequence[str]]
    patch_labels: Mapping[str, Sequence[str]]


def pocket_dual_encoder(config: DualConfig) -> tuple[DualEncoder, WordTokenizer]:
    """Make the untrained dual encoder and the tokenizer that `config` describes.

    config: `image_tower` (its `kind`, "vit" or "cnn", and the constructor's arguments),
        `text_tower` (the constructor's arguments), `vocabulary` (words), and `dual_encoder`
        (`joint_dim`, `temperature`, `bias`). It is what a card stores beside the weights.

    Raises ValueError on an unknown kind of image tower.
    """
    image_tower = make_image_tower(config["image_tower"])
    text_options = config["text_tower"]
    tokenizer = WordTokenizer(config["vocabulary"], context_length=text_options["context_length"])
    text_tower = TextTransformer(vocabulary_size=len(tokenizer), **text_options)
    return DualEncoder(image_tower, text_tower, **config["dual_encoder"]), tokenizer


def pocket_labelled_encoder(config: LabelledConfig) -> LabelledEncoder:
    """Make the untrained labelled encoder that `config` describes.

    config: `image_tower` as above, `labels` and `patch_labels` (the class names of each head).
    """
    return LabelledEncoder(
        make_image_tower(config["image_tower"]),
        classes={name: len(labels) for name, labels in config["labels"].items()},
        patch_classes={name: len(labels) for name, labels in config["patch_labels"].items()},
    )


def make_image_tower(options: Options) -> VisionTransformer | ConvNet:
    """The image tower of the `kind` in `options`, made with the rest of them."""
    kind = options["kind"]
    if kind not in IMAGE_TOWERS:
        raise ValueError(f"expected an image tower among {tuple(IMAGE_TOWERS)}, received {kind!r}")
    return IMAGE_TOWERS[kind](**{name: value for name, value in options.items() if name != "kind"})
