"""Image encoders taught with the labels of the drawn world: `pocket-vit` and its kin."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vizkit.data import COLORS, SHAPES, STYLES, render, sample_scenes
from vizkit.data.scenes import SceneTable
from vizkit.device import default_device
from vizkit.models.capture import capture_attention
from vizkit.models.heads import LabelledEncoder
from vizkit.models.pocket import LabelledConfig, Options, pocket_labelled_encoder
from vizkit.training.cards import interval
from vizkit.training.checkpoint import load_checkpoint, train_resumably
from vizkit.training.loop import seed_everything
from vizkit.training.optimizers import pocket_optimizer
from vizkit.training.pixels import to_tensor

TEST_SEED = 10**9  # far from the seeds of the training steps
LABELS = {"shape": list(SHAPES), "color": list(COLORS), "style": list(STYLES)}
PATCH_LABELS = {"shape": list(SHAPES), "color": list(COLORS)}


@dataclass(frozen=True)
class LabelRecipe:
    """All that decides a labelled pocket encoder: tower, data and optimizer.

    matrix_rate: how much faster than the rest the weight matrices of the transformer blocks learn;
        Muon moves them (Jordan et al. 2024), AdamW all other weights.
    """

    name: str
    image_tower: Options
    image_size: int = 64
    steps: int = 1600
    batch_size: int = 64
    learning_rate: float = 1e-3
    matrix_rate: float = 4.0
    weight_decay: float = 0.05
    warmup_steps: int = 60
    clip_norm: float = 1.0
    seed: int = 0

    def config(self) -> LabelledConfig:
        """The architecture, as `pocket_labelled_encoder` reads it."""
        patch_labels = PATCH_LABELS if self.image_tower["kind"] == "vit" else {}
        return {
            "image_tower": self.image_tower,
            "labels": LABELS,
            "patch_labels": patch_labels,
        }

    def data(self) -> dict[str, object]:
        """What the model learns from, for the card."""
        return {
            "world": "vizkit.data.sample_scenes: one or two objects, held-out pairs excluded",
            "labels": "shapes and colors in the picture, its style; shape and color in each patch",
            "pictures_seen": self.steps * self.batch_size,
        }


TOWER: Options = {
    "kind": "vit",
    "image_size": 64,
    "patch_size": 8,
    "embed_dim": 96,
    "depth": 3,
    "num_heads": 4,
    "pooling": "cls",
}
LABEL_RECIPES = {
    recipe.name: recipe
    for recipe in (
        LabelRecipe(name="pocket-vit", image_tower=TOWER | {"stem": "residual"}),
        LabelRecipe(
            name="pocket-vit-patch",
            image_tower=TOWER | {"stem": "patch", "depth": 4},
            steps=4000,
        ),
        LabelRecipe(
            name="pocket-cnn",
            image_tower={"kind": "cnn", "width": 24},
            steps=1000,
            learning_rate=3e-3,
        ),
    )
}


def train_labelled(
    recipe: LabelRecipe, checkpoint: Path, *, checkpoint_every: int = 100
) -> tuple[LabelledEncoder, float]:
    """Train one encoder with labels, going on from `checkpoint` if there is one.

    Returns the model in eval mode and the seconds of training, earlier runs included; see
    `train_resumably` for interrupts.
    """
    device = default_device()
    seed_everything(recipe.seed)
    model = pocket_labelled_encoder(recipe.config()).to(device)
    optimizer = pocket_optimizer(
        model, weight_decay=recipe.weight_decay, matrix_rate=recipe.matrix_rate
    )
    first, seconds = load_checkpoint(checkpoint, model, optimizer, recipe)

    def compute_loss(step: int) -> Tensor:
        scenes = sample_scenes(recipe.batch_size, recipe.seed * 1_000_003 + step)
        images = to_tensor(render(scenes, recipe.image_size), device)  # (B, 3, H, W)
        return label_loss(model, images, scenes)

    seconds = train_resumably(
        recipe,
        model,
        optimizer,
        compute_loss,
        checkpoint,
        first=first,
        seconds=seconds,
        every=checkpoint_every,
    )
    return model.eval(), seconds


def label_loss(model: LabelledEncoder, images: Tensor, scenes: SceneTable) -> Tensor:
    """Cross-entropy of all heads, summed (scalar).

    A picture of two objects counts half for each. A patch belongs to the object whose box holds
    its centre, or to nothing.
    """
    whole, patches = model.dense(images)
    device = images.device
    loss = images.new_zeros(())
    for name, scores in whole.items():  # (B, K)
        labels = torch.from_numpy(labels_of(scenes, name)).to(device)  # (B, 1 or 2), -1 for none
        one_hot = F.one_hot(labels.clamp(min=0), scores.shape[1]) * (labels >= 0)[..., None]
        shares = one_hot.sum(1) / one_hot.sum((1, 2), keepdim=True)[:, 0]  # (B, K), rows sum to 1
        loss = loss + F.cross_entropy(scores, shares)
    for name, scores in patches.items():  # (B, N, K + 1)
        classes = scores.shape[2]
        side = round(scores.shape[1] ** 0.5)
        cells = torch.from_numpy(labels_of_cells(scenes, name, side)).to(device)  # (B, N)
        cells = torch.where(cells < 0, classes - 1, cells)
        loss = loss + F.cross_entropy(scores.flatten(0, 1), cells.flatten())
    return loss


def labels_of(scenes: SceneTable, name: str) -> np.ndarray:
    """Class indices (B, 1 or 2) of the picture; -1 where there is no second object."""
    column = np.asarray(getattr(scenes, name), np.int64)
    return column.reshape(len(column), -1)


def labels_of_cells(scenes: SceneTable, name: str, side: int) -> np.ndarray:
    """Class indices (B, side * side) of the cells of a square grid; -1 where there is nothing."""
    middle = (np.arange(side) + 0.5) / side
    left, top, right, bottom = scenes.boxes(1).transpose(2, 0, 1)[..., None]  # (B, 2, 1) each
    across = (left < middle) & (middle < right)  # (B, 2, side); nowhere in a box of NaN
    down = (top < middle) & (middle < bottom)  # (B, 2, side)
    inside = down[:, :, :, None] & across[:, :, None, :]  # (B, 2, rows, columns)
    classes = np.asarray(getattr(scenes, name), np.int64)[:, :, None, None]  # (B, 2, 1, 1)
    cells = np.where(inside, classes, -1).max(axis=1)  # (B, rows, columns); boxes do not overlap
    return cells.reshape(len(cells), -1)


@torch.no_grad()
def measure_labels(
    model: LabelledEncoder, image_size: int, *, n: int = 2048
) -> dict[str, dict[str, float]]:
    """Scores on scenes never trained on, each with its 95% interval and the number of trials."""
    device = next(model.parameters()).device
    one = sample_scenes(n, TEST_SEED, objects="one")
    chosen = choose(model, one, image_size, device)
    unseen = sample_scenes(n, TEST_SEED + 1, objects="one", held_out="only")
    pairs = choose(model, unseen, image_size, device)
    both = [pairs[name] == labels_of(unseen, name)[:, 0] for name in ("shape", "color")]
    scores = {name: interval(chosen[name] == labels_of(one, name)[:, 0]) for name in chosen}
    scores["held-out shape-color pairs"] = interval(both[0] & both[1])
    if model.patch_heads:
        scores |= attention_on_objects(model, one[:512], image_size, device)
    return scores


def choose(
    model: LabelledEncoder, scenes: SceneTable, image_size: int, device: torch.device
) -> dict[str, np.ndarray]:
    """The class of the highest score for each scene and head (N,)."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in model.heads}
    for start in range(0, len(scenes), 256):
        images = to_tensor(render(scenes[start : start + 256], image_size), device)
        for name, scores in model(images).items():  # (B, K)
            found[name].append(scores.argmax(dim=1).cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def attention_on_objects(
    model: LabelledEncoder, scenes: SceneTable, image_size: int, device: torch.device
) -> dict[str, dict[str, float]]:
    """How much of the class token's attention lies on patches of the object, and their share.

    Attention of the last block, mean over its heads, on patches only, summing to 1. Means over
    the scenes with the 95% interval of a mean.
    """
    images = to_tensor(render(scenes, image_size), device)
    captured = capture_attention(model.image_tower, images)
    looked = captured.maps[-1][:, :, 0, captured.num_prefix_tokens :].mean(dim=1)  # (B, N)
    weights = (looked / looked.sum(dim=1, keepdim=True)).cpu().numpy()
    on_object = labels_of_cells(scenes, "shape", captured.grid[0]) >= 0  # (B, N)
    return {
        "attention on the object": mean_interval((weights * on_object).sum(axis=1)),
        "patches on the object": mean_interval(on_object.mean(axis=1)),
    }


def mean_interval(values: np.ndarray) -> dict[str, float]:
    """Mean of many values with its 95% interval (normal)."""
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    ends = {"low": round(mean - half, 4), "high": round(mean + half, 4)}
    return {"share": round(mean, 4), **ends, "n": len(values)}
