"""What the encoder says of one picture, computed in Python: for the static picture, where no browser computes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from vizkit.widgets.codec import Array
from vizkit.widgets.living_encoder.encoder import Parts


@dataclass
class Answer:
    """names: captions, or the labels of the first head; shares (M,): their probabilities;
    attention (rows, columns): how much the class token, or the mean patch, looks at each patch after the
    last block, the mean over its heads; None for a CNN."""

    names: list[str]
    shares: Array
    attention: Array | None


def run_encoder(parts: Parts, facts: dict[str, Any], picture: Array, captions: list[str]) -> Answer:
    """Run the encoder on one picture, uint8 (S, S, 3), as it stands in Python."""
    with _resting(parts.model):
        pixels = (picture / 255 - facts["mean"]) / facts["std"]  # (S, S, 3)
        weight = next(iter(parts.tower.parameters()))
        images = weight.detach().new_tensor(pixels.transpose(2, 0, 1)[None])  # (1, 3, S, S)
        names, scores = _scores(parts, images, captions)
        return Answer(names, _shares(scores, facts["logitBias"]), _attention(parts, facts, images))


@contextmanager
def _resting(model: Any) -> Iterator[None]:
    """The model as it answers, not as it learns: its running statistics stay as they are."""
    learning = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(learning)


def _scores(parts: Parts, images: Any, captions: list[str]) -> tuple[list[str], Array]:
    model = parts.model
    if parts.tokenizer is not None:
        if not captions:
            return [], np.zeros(0)
        feature = _numbers(model.encode_image(images))[0]  # (D,)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unknown words, which the instrument shows
            tokens = parts.tokenizer(captions).to(images.device)
        cosines = _numbers(model.encode_text(tokens)) @ feature  # (M,)
        bias = 0.0 if model.logit_bias is None else model.logit_bias.item()
        return captions, model.scale().item() * cosines + bias
    if not parts.labels:
        return [], np.zeros(0)
    name, labels = next(iter(parts.labels.items()))
    answer = model(images)
    scores = answer[name] if isinstance(answer, dict) else answer  # (1, M)
    return labels, _numbers(scores)[0]


def _shares(scores: Array, bias: float | None) -> Array:
    """Softmax, or each by its own sigmoid where the encoder has a bias."""
    if bias is not None:
        return 1 / (1 + np.exp(-scores))
    powers = np.exp(scores - scores.max(initial=0))
    return powers / (powers.sum() or 1)


def _attention(parts: Parts, facts: dict[str, Any], images: Any) -> Array | None:
    if not facts["layers"]:
        return None
    from vizkit.models import capture_attention

    last = _numbers(capture_attention(parts.tower, images).maps[-1])[0].mean(axis=0)  # (T, T)
    prefix = facts["prefix"]
    row = last[0] if prefix else last.mean(axis=0)  # (T,)
    return row[prefix:].reshape(facts["grid"])


def _numbers(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().float().numpy(), np.float64)
