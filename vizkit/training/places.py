"""Two questions about places, and small ViTs that answer them: the ablation of notebook 04.

Both questions can be asked of the same scene, and neither answer tells anything about the other:
is the red object left of the blue one (the offset), and in which quadrant is it (the place)?
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vizkit.data import COLORS, render, sample_scenes
from vizkit.models import VisionTransformer
from vizkit.models.checks import check_choice, check_whole
from vizkit.models.positions import POSITIONS, token_places
from vizkit.models.rope import rotation_of
from vizkit.training.loop import History, generator, seed_everything
from vizkit.training.together import fit_together

SIDE = 6  # patches of 8 pixels along a side
QUESTIONS = ("left of", "quadrant")
CHANCE = (0.5, 0.25)
# A table of random numbers: a name for every place, and no geometry at all.
RANDOM_TABLE = "random table"
# RoPE at whole turns in six patches: the sixth place is the first again, and there is no border.
ROPE_RING = "rope_ring"


def place_scenes(n: int, seed: int, fine: int = 1) -> tuple[Tensor, Tensor]:
    """Images (n, 3, S, S) from -1 to 1, S = 48 * fine, and answers (n, 2): left of?, quadrant.

    A red and a blue object on white, each in the middle of a patch that it does not fill. Their
    offset and the place of the red one are drawn so that each says nothing about the other: a
    column distance m leaves the red object the columns m to 5 - m, from which both signs stay
    inside. With fine = 2 the picture has 12 x 12 patches, and every object looks as it did, in one
    of the four patches that lie where its patch was.

    Raises ValueError unless n and fine are whole numbers of at least 1.
    """
    check_whole(n=n, fine=fine)
    rng = np.random.default_rng(seed)
    colors = np.tile([list(COLORS).index("red"), list(COLORS).index("blue")], (n, 1))
    scenes = sample_scenes(
        n,
        seed,
        colors=colors,
        styles="flat",
        sizes="small",
        backgrounds="white",
        held_out="include",
        shading=False,
        grain=False,
    )
    distance = np.stack([rng.integers(1, 3, n), rng.integers(0, 3, n)], axis=1)  # columns, rows
    red = distance + rng.integers(0, SIDE - 2 * distance)  # (n, 2)
    sign = rng.choice([-1, 1], (n, 2))
    cells = np.stack([red, red + sign * distance], axis=1)  # (n, object, column and row)
    cells = fine * cells + rng.integers(0, fine, (n, 2, 2))
    center = ((cells + 0.5) / (SIDE * fine)).astype("float32")
    radius = np.full_like(scenes.radius, 0.07 / fine)
    pixels = render(replace(scenes, center=center, radius=radius), 48 * fine)
    answers = np.stack([sign[:, 0] > 0, 2 * (red[:, 1] > 2) + (red[:, 0] > 2)], axis=1)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1  # (n, 3, S, S)
    return images, torch.from_numpy(answers).long()  # (n, 2)


def place_network(position: str, seed: int, pooling: str = "cls") -> VisionTransformer:
    """A ViT of two layers and 32 channels for 48 x 48 pixels: 2 scores left of?, 4 quadrant.

    position: one of `VisionTransformer`, "random table" (fixed random numbers) or "rope_ring".
    A learned table starts at the size of the sines and cosines (root mean square 0.7): it has
    hundreds of steps to grow, not hundreds of thousands.

    Raises ValueError for another position.
    """
    check_choice("position", position, (*POSITIONS, RANDOM_TABLE, ROPE_RING))
    seed_everything(seed)
    kind = {RANDOM_TABLE: "sincos_2d", ROPE_RING: "rope_axial"}.get(position, position)
    model = VisionTransformer(
        image_size=8 * SIDE,
        patch_size=8,
        embed_dim=32,
        depth=2,
        num_heads=2,
        mlp_ratio=2.0,
        position=kind,
        pooling=pooling,
        num_classes=2 + 4,
        initialization="fan_in",
    )
    if position.startswith("learned"):
        for table in model.position.parameters():
            table.data *= 35
    if position == RANDOM_TABLE:
        fixed = model.position.get_buffer("table")  # (1, T, D)
        model.position.table = 0.7 * torch.randn_like(fixed)
    if position == ROPE_RING:
        close_ring(model)
    return model


def close_ring(model: VisionTransformer) -> None:
    """Give axial RoPE frequencies of 1, 2 and 3 turns in `SIDE` patches, in place."""
    position = model.position
    pairs = position.embed_dim // position.num_heads // 4  # for each axis
    speed = 2 * torch.pi / SIDE * (1 + torch.arange(pairs, dtype=torch.float64) % 3)  # (d/4,)
    still = torch.zeros_like(speed)
    frequencies = torch.stack([torch.cat([speed, still]), torch.cat([still, speed])])  # (2, d/2)
    places = token_places(position, "extrapolate")  # (T, 2)
    position.rotation = rotation_of(places, frequencies).to(position.get_buffer("rotation"))


def place_loss(model: nn.Module, images: Tensor, answers: Tensor) -> Tensor:
    """The sum of two cross entropies, one for each question."""
    scores = model(images)  # (B, 6)
    return cross_entropy(scores[:, :2], answers[:, 0]) + cross_entropy(scores[:, 2:], answers[:, 1])


@torch.no_grad()
def place_accuracy(model: nn.Module, images: Tensor, answers: Tensor) -> list[float]:
    """The share of right answers to each of the two questions."""
    scores = model(images)  # (N, 6)
    guesses = torch.stack([scores[:, :2].argmax(1), scores[:, 2:].argmax(1)], dim=1)  # (N, 2)
    return (guesses == answers).float().mean(0).tolist()


def train_places(
    models: Sequence[VisionTransformer],
    learn: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    steps: int,
    learning_rate: float,
    record_every: int = 100,
) -> list[History]:
    """Train networks side by side on batches of 24, network i in the order of seed i.

    learn, test: images and answers of `place_scenes`. The records of a history hold the test
    accuracy of both questions, "left of" and "quadrant".
    """
    images, answers = learn
    orders = [generator(seed) for seed in range(len(models))]

    def batches(step: int) -> tuple[Tensor, Tensor]:
        chosen = torch.stack([torch.randint(len(images), (24,), generator=o) for o in orders])
        chosen = chosen.to(images.device)
        return images[chosen], answers[chosen]  # (R, 24, 3, S, S), (R, 24, 2)

    return fit_together(
        models,
        place_loss,
        batches,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=24,
        clip_norm=1.0,
        record=lambda step: [
            dict(zip(QUESTIONS, place_accuracy(model, *test), strict=True)) for model in models
        ],
        record_every=record_every,
    )
