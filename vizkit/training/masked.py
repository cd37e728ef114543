"""Train a masked autoencoder, and the rival that only paints in the colours near by."""

import torch
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


def paint_local(
    patches: Tensor, hidden: Tensor, grid: tuple[int, int], fade: float = 2.0
) -> Tensor:
    """The rival: each patch in one colour, that of the visible patches, the nearest first.

    patches (B, N, P*P*3), hidden (B, N) of bool; a visible patch counts exp(-fade · distance).
    """
    rows, columns = torch.meshgrid(
        *(torch.arange(n, dtype=torch.float32) for n in grid), indexing="ij"
    )
    places = torch.stack([rows, columns], -1).flatten(0, 1)  # (N, 2)
    near = torch.exp(-fade * torch.cdist(places, places)) * ~hidden[:, None]  # (B, N, N)
    colors = patches.unflatten(-1, (-1, 3)).mean(2)  # (B, N, 3)
    painted = near @ colors / near.sum(-1, keepdim=True)  # (B, N, 3)
    return painted.repeat(1, 1, patches.shape[-1] // 3)  # (B, N, P*P*3)


@torch.no_grad()
def evaluate_masked(model: MaskedAutoencoder, pixels: Tensor, share: float) -> dict[str, float]:
    """The error on hidden patches of `pixels`, of the model and of the painter, with equal masks."""
    patches = patchify(pixels, model.patch_size)
    draw = torch.Generator().manual_seed(TEST_DRAW)
    hidden = random_mask(patches.shape[0], patches.shape[1], share, draw)  # (B, N)
    return {
        "error": hidden_error(model(pixels, hidden), patches, hidden).item(),
        "painter": hidden_error(paint_local(patches, hidden, model.grid), patches, hidden).item(),
    }
