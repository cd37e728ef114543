"""Train a masked autoencoder, and the rival that only paints on with the colours near by."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vizkit.models.masked import MaskedAutoencoder, random_mask
from vizkit.models.patches import patchify
from vizkit.training.loop import History, fit, seed_everything

TEST_DRAW = 10**6  # seeds the masks of a test


def hidden_error(rebuilt: Tensor, patches: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error on the hidden patches alone: (B, N, V), (B, N, V), (B, N) to a scalar."""
    return (rebuilt - patches).square().mean(-1)[hidden].mean()


def train_masked(
    pixels: Tensor,
    share: float,
    seed: int,
    *,
    steps: int = 800,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    progress: bool = False,
) -> tuple[MaskedAutoencoder, History]:
    """An autoencoder that learns from `pixels` (N, 3, 32, 32), of which `share` is hidden."""
    seed_everything(seed)
    model, draw = MaskedAutoencoder(), torch.Generator().manual_seed(seed)
    count = model.grid[0] * model.grid[1]

    def compute_loss(step: int) -> Tensor:
        batch = pixels[torch.randint(len(pixels), (batch_size,), generator=draw)]
        hidden = random_mask(batch_size, count, share, draw)  # (B, N)
        return hidden_error(model(batch, hidden), patchify(batch, model.patch_size), hidden)

    history = fit(
        model,
        compute_loss,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 10,
        clip_norm=1.0,
        seed=None,
        progress=progress,
    )
    return model, history


def paint_smooth(pixels: Tensor, hidden: Tensor, patch: int = 4, rounds: int = 300) -> Tensor:
    """The rival that learns nothing: the visible colours go on smoothly into the hidden patches.

    pixels (B, 3, S, S), hidden (B, N) of bool, with at least one visible patch in each picture;
    patch: their width. Hidden pixels start at the mean of the visible ones. In each round they
    become the mean of their four neighbours (at the border a pixel stands for the missing one).
    Returns pictures (B, 3, S, S) in which the visible pixels are as they were.
    """
    rows = pixels.shape[-1] // patch
    cover = hidden.view(-1, 1, rows, rows).repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    # So few at a time fit into a processor's cache, and one thread takes them: to share out sums
    # as small as these costs more than it saves.
    few = zip(pixels.split(8), cover.split(8), strict=True)
    return torch.cat([_smoothed(*some, rounds) for some in few])


def _smoothed(pixels: Tensor, cover: Tensor, rounds: int) -> Tensor:
    """Pictures (B, 3, S, S) whose covered pixels, (B, 1, S, S) of bool, follow from the others."""
    total, count = (pixels * ~cover).sum((2, 3), keepdim=True), (~cover).sum((2, 3), keepdim=True)
    out = torch.where(cover, total / count, pixels)
    for _ in range(rounds):
        p = F.pad(out, (1, 1, 1, 1), mode="replicate")
        around = p[..., :-2, 1:-1] + p[..., 2:, 1:-1]
        around += p[..., 1:-1, :-2]
        around += p[..., 1:-1, 2:]
        out = torch.where(cover, around / 4, pixels)
    return out


@torch.no_grad()
def evaluate_masked(model: MaskedAutoencoder, pixels: Tensor, share: float) -> dict[str, float]:
    """The error on hidden patches of `pixels`, of the model and of the painter, with equal masks.

    "painter ±" is the standard error of the painter's over the pictures, two or more: it has no
    seeds, and the pictures alone make it uncertain.
    """
    patches = patchify(pixels, model.patch_size)
    draw = torch.Generator().manual_seed(TEST_DRAW)
    hidden = random_mask(patches.shape[0], patches.shape[1], share, draw)  # (B, N)
    painted = patchify(paint_smooth(pixels, hidden, model.patch_size), model.patch_size)
    by_picture = (painted - patches).square().mean(-1)[hidden].view(len(pixels), -1).mean(1)  # (B,)
    return {
        "error": hidden_error(model(pixels, hidden), patches, hidden).item(),
        "painter": by_picture.mean().item(),
        "painter ±": (by_picture.std() / len(pixels) ** 0.5).item(),
    }
