"""Keywords that nobody knows are refused, with the name that was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

# What people write elsewhere, or by habit, and what it is called here.
ALSO_CALLED = {
    "attn": "attention",
    "bias_init": "bias",
    "class_labels": "labels",
    "classes": "class_names",
    "color": "class_colors",
    "colors": "class_colors",
    "colours": "class_colors",
    "img": "image",
    "imgs": "images",
    "label": "labels",
    "layer_index": "layer",
    "logit_bias": "bias",
    "logit_scale": "temperature",
    "normalization": "mean",
    "photo": "image",
    "picture": "image",
    "pictures": "images",
    "prompts": "captions",
    "registers": "num_prefix_tokens",
    "sentences": "captions",
    "tau": "temperature",
    "text": "captions",
    "texts": "captions",
    "token": "query",
    "transform": "preprocess",
}


def refuse_unknown(where: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise TypeError, with the nearest known name, if `given` has a keyword that is not known."""
    known = sorted(known)
    for name in given:
        if name not in known:
            raise TypeError(
                f"{where} got an unexpected keyword argument {name!r}: did you mean"
                f" {nearest(name, known)!r}?"
            )


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was most likely meant."""
    known = list(known)
    meant = ALSO_CALLED.get(name, "")
    for one in (meant, meant + "s", meant.removesuffix("s")):
        if one in known:
            return one
    return max(known, key=lambda one: SequenceMatcher(None, name.lower(), one.lower()).ratio())
