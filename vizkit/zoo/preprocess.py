"""A model's own preprocessing as something to read: its steps, one to a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from vizkit.zoo.images import to_pictures


class Preprocess:
    """Pictures of any kind and size to the tensor (B, C, H, W) that a model was trained on.

    transform: the model's own transform of one RGB picture (torchvision), for use elsewhere, such
        as `AttentionMap.from_model(…, preprocess=encoder.preprocess.transform)`;
    steps: its steps in words. Printing the object lists them.
    """

    def __init__(self, transform: Callable[[Image.Image], Tensor]) -> None:
        self.transform: Any = transform  # a `Compose`, as a rule: `steps` reads its parts

    @property
    def steps(self) -> list[str]:
        return [described(step) for step in self.transform.transforms]

    def __call__(self, images: Any) -> Tensor:
        """Raises TypeError or ValueError for what is no picture, see `to_pictures`."""
        return torch.stack([self.transform(picture) for picture in to_pictures(images)])

    def __repr__(self) -> str:
        return "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps, start=1))


def described(step: Any) -> str:
    """One step in words; without addresses in memory, and with numbers one can read."""
    if hasattr(step, "mean") and hasattr(step, "std"):
        return f"{type(step).__name__}(mean={rounded(step.mean)}, std={rounded(step.std)})"
    if hasattr(step, "__name__"):
        return step.__name__.strip("_").replace("_", " ")
    return repr(step)


def rounded(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
