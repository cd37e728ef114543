"""Six small networks and 1,797 handwritten digits: the task of notebooks 01 and 05."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.extras import require
from vizkit.models import (
    RESNET_TO_CONVNEXT,
    ConvNet,
    ConvNeXt,
    ConvNeXtBlock,
    ModernizedBlock,
    SwinTransformer,
    VisionTransformer,
)
from vizkit.models.checks import check_choice
from vizkit.training.loop import fit, generator, seed_everything

TRAINING, TEST = slice(0, 1300), slice(1300, None)
# To choose learning rates, the training digits are divided once more; the test digits stay unseen.
RATE_TRAINING, RATE_VALIDATION = slice(0, 1000), slice(1000, 1300)


def digit_networks() -> dict[str, Callable[[], nn.Module]]:
    """Makers of six networks with about 22,000 parameters each, for images (B, 1, 16, 16).

    All are initialised by the size of each layer's input: the ResNet by He et al. 2015, the others
    by "fan_in". Their papers' constant, 0.02, is meant for layers that are 5 to 50 times as wide.
    """
    narrow: dict[str, Any] = {"in_channels": 1, "num_classes": 10, "initialization": "fan_in"}
    vit = partial(VisionTransformer, image_size=16, num_heads=2, pooling="mean", **narrow)
    convnext = partial(ConvNeXt, patch_size=2, widths=(20, 38), depths=(1, 1), **narrow)
    return {
        "CNN": lambda: ConvNet(
            in_channels=1, width=17, depth=(1, 1), strides=(1, 2), num_classes=10
        ),
        "ViT": lambda: vit(patch_size=8, embed_dim=28, depth=2),
        "hybrid": lambda: vit(patch_size=4, embed_dim=26, depth=1, stem="residual"),
        "ConvNeXt": convnext,
        "ConvNeXt, layer scale off": lambda: convnext(block=partial(ConvNeXtBlock, layer_scale=None)),
        "Swin": lambda: SwinTransformer(
            image_size=16, patch_size=4, width=16, depths=(2, 1), num_heads=(1, 2),
            window_size=2, **narrow,
        ),
    }  # fmt: skip


def ladder_network(step: str, initialization: str = "fan_in") -> nn.Module:
    """A network of one step from ResNet's block to ConvNeXt's, for images (B, 1, 16, 16).

    step: a key of `RESNET_TO_CONVNEXT`. Two stages of 24 and 48 channels, one block each.
    """
    check_choice("step", step, RESNET_TO_CONVNEXT)
    return ConvNeXt(
        in_channels=1, patch_size=2, widths=(24, 48), depths=(1, 1), num_classes=10,
        block=lambda channels: ModernizedBlock(channels, **RESNET_TO_CONVNEXT[step]),
        initialization=initialization,
    )  # fmt: skip


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Images (1797, 1, 16, 16) from -1 to 1 and labels (1797,), in one shuffled order.

    The digits that scikit-learn carries (Alpaydin and Kaynak 1998), enlarged from 8 x 8 pixels.
    """
    require("course", "sklearn", what="digits")
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = torch.randperm(len(raw.images), generator=generator(0)).numpy()
    small = torch.from_numpy(raw.images[order]).float()[:, None] / 8 - 1  # (1797, 1, 8, 8)
    images = F.interpolate(small, scale_factor=2, mode="bilinear")  # (1797, 1, 16, 16)
    return images, torch.from_numpy(raw.target[order])


@dataclass(frozen=True)
class DigitRun:
    """A trained network and its accuracies: on new digits, on its own, and what came late.

    late_gain: what the last quarter of the training added to the accuracy on new digits.
    """

    model: nn.Module
    test: float
    train: float
    late_gain: float


def train_on_digits(
    make: Callable[[], nn.Module],
    *,
    n: int,
    seed: int,
    learning_rate: float,
    steps: int = 600,
    batch_size: int = 32,
    choosing_rates: bool = False,
    device: torch.device | str = "cpu",
) -> DigitRun:
    """Train what `make` makes on `n` digits, in `steps` batches, and measure it.

    The seed decides the digits, their order and the initial weights. While `choosing_rates`, digits
    of the validation part stand for new ones, and nothing is learned from those.
    """
    images, labels = (part.to(device) for part in digits())
    pool, new = (RATE_TRAINING, RATE_VALIDATION) if choosing_rates else (TRAINING, TEST)
    if not 1 <= n <= pool.stop:
        raise ValueError(f"expected n from 1 to {pool.stop}, received {n!r}")
    chosen = torch.randperm(pool.stop, generator=generator(seed))[:n]
    numbers = generator(seed)
    seed_everything(seed)
    model = make().to(device)

    def compute_loss(step: int) -> Tensor:
        batch = chosen[torch.randint(n, (batch_size,), generator=numbers)]
        return F.cross_entropy(model(images[batch]), labels[batch])

    def accuracy(part: slice | Tensor) -> float:
        return (model(images[part]).argmax(1) == labels[part]).float().mean().item()

    history = fit(
        model, compute_loss, steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10,
        clip_norm=1.0, seed=seed, progress=False,
        record=lambda step: {"new": accuracy(new)}, record_every=max(1, 3 * steps // 4),
    )  # fmt: skip
    with torch.no_grad():
        train = accuracy(chosen)
    first, last = history.records[0]["new"], history.records[-1]["new"]
    return DigitRun(model, test=last, train=train, late_gain=last - first)
