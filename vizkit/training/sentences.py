"""Sentences for locked pictures: a small transformer learns to say what frozen features show.

Unlike the bag of words of `vizkit.training.locked`, this text tower can read the order of the words.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from vizkit.losses import info_nce
from vizkit.models.checks import check_tensor
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.text import TextTransformer, WordTokenizer, without_padding
from vizkit.training.locked import LockedTower
from vizkit.training.loop import History, check_whole, fit, seed_everything, steps_to_compute

if TYPE_CHECKING:
    from vizkit.zoo.pocket import PocketTower

BATCH = 256  # pictures at a time through the frozen encoder


@torch.no_grad()
def reading_features(encoder: "PocketTower", pictures: np.ndarray) -> Tensor:
    """Class token and mean patch token side by side, (N, 2 D), of a frozen pocket ViT.

    encoder: a pocket encoder whose image tower has a class token; pictures: (N, H, W, 3) of uint8.
    Raises TypeError for an encoder without one.
    """
    tower = encoder.image_tower
    if getattr(tower, "num_prefix_tokens", 0) != 1:
        raise TypeError(f"expected an encoder with a class token, received {encoder.name}")
    parts = []
    for start in range(0, len(pictures), BATCH):
        pixels = encoder.preprocess(pictures[start : start + BATCH]).to(encoder.device)
        tokens = tower(pixels, return_intermediates=True)[1]["encoded"].cpu()  # (B, T, D)
        parts.append(torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=1))
    return torch.cat(parts)  # (N, 2 D)


def standardized(known: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Features (N, F) with mean 0 and spread 1 in each column of `known`; `others` alike."""
    check_tensor("known", known, "(N, F)")
    mean, spread = known.mean(0), known.std(0) + 1e-6  # (F,) each
    return tuple((one - mean) / spread for one in (known, *others))


def error_of_test(count: int, *shares: Sequence[float]) -> float:
    """How far a test itself may move the mean of several seeds that are all asked the same questions.

    count: of the questions; shares: of right answers, one by seed; a second row of shares, if a
    difference is asked for. The rows are taken as independent, the seeds as moved all alike,
    which for one row is the most that the questions can do. For `shared=` of `vizkit.course.estimate`.
    """
    check_whole(count=count)
    means = [float(np.mean(row)) for row in shares]
    return float(np.sqrt(sum(mean * (1 - mean) for mean in means) / count))


def sentence_model(
    feature_dim: int, tokenizer: WordTokenizer, *, seed: int, embed_dim: int = 48, depth: int = 2
) -> DualEncoder:
    """A projection of locked features (B, feature_dim) and an untrained text transformer.

    Words and positions start large enough to be told apart at once (std 0.3), as in
    `vizkit.training.vlm_exam.small_model`.
    """
    check_whole(feature_dim=feature_dim, embed_dim=embed_dim, depth=depth)
    seed_everything(seed)
    tower = TextTransformer(
        vocabulary_size=len(tokenizer),
        context_length=tokenizer.context_length,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=4,
    )
    nn.init.normal_(tower.token_embedding.weight, std=0.3)
    nn.init.normal_(tower.position, std=0.3)
    return DualEncoder(LockedTower(feature_dim), tower, joint_dim=64)


Draw = Callable[[np.random.Generator], np.ndarray]


def random_batches(n: int, batch_size: int) -> Draw:
    """Batches (batch_size,) of different numbers below n."""
    check_whole(n=n, batch_size=batch_size)
    if batch_size > n:
        raise ValueError(f"expected batch_size of at most {n}, received {batch_size}")
    return lambda rng: rng.choice(n, batch_size, replace=False)


def train_sentences(
    model: DualEncoder,
    features: Tensor,
    tokens: Tensor,
    draw: Draw,
    *,
    steps: int,
    learning_rate: float = 3e-3,
    seed: int = 0,
    progress: bool = False,
) -> History:
    """Train on pairs of locked features (N, F) and sentences (N, L) with InfoNCE.

    draw: which pairs stand in a batch, given a generator of numbers; the batches depend on `seed`
        alone. The model is left in eval mode.
    Raises ValueError unless there is one sentence a picture.
    """
    if len(features) != len(tokens):
        raise ValueError(f"expected {len(features)} sentences, received {len(tokens)}")
    rng = np.random.default_rng(seed)
    tokens = without_padding(tokens)
    batches = [torch.from_numpy(draw(rng)) for _ in range(steps_to_compute(steps))]

    def loss(step: int) -> Tensor:
        batch = batches[step]  # (B,)
        pictures, texts = model(features[batch], tokens[batch])  # (B, D) each
        return info_nce(pictures, texts, model.scale())

    return fit(
        model,
        loss,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=min(30, steps),
        clip_norm=1.0,
        seed=None,
        progress=progress,
    )


@torch.no_grad()
def prefers(
    model: DualEncoder,
    features: Tensor,
    tokenizer: WordTokenizer,
    correct: Sequence[str],
    wrong: Sequence[str],
) -> np.ndarray:
    """Whether each picture is nearer to its correct sentence than to the wrong one, (N,) of bool.

    A tie counts as wrong: who says the same of both has not told them apart.
    Raises ValueError unless there are two sentences a picture.
    """
    if not len(features) == len(correct) == len(wrong):
        raise ValueError(
            f"expected {len(features)} correct and wrong sentences, "
            f"received {len(correct)} and {len(wrong)}"
        )
    shown = model.encode_image(features)  # (N, D)
    right, false = (model.encode_text(tokenizer(list(texts))) for texts in (correct, wrong))
    return ((shown * (right - false)).sum(dim=1) > 0).numpy()
