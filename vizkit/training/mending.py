"""Bringing two finished towers together: maps on frozen vectors, or a text tower that learns again.

Koishigarina et al. 2025 ("CLIP Behaves like a Bag-of-Words Model Cross-modally but not Uni-modally",
2502.03566) put one linear map behind the text tower and train it with swapped captions (LABCLIP);
Yuksekgonul et al. 2023 ("When and Why Vision-Language Models Behave like Bags-of-Words", NegCLIP)
go on training all weights with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.data import binding_probes, render, sample_scenes
from vizkit.data.scenes import SceneTable
from vizkit.models.text import WordTokenizer, without_padding
from vizkit.training.loop import check_whole

if TYPE_CHECKING:
    from vizkit.zoo.pocket import PocketTower

BATCH = 256  # pictures at a time through the frozen encoder


def swappable_scenes(n: int, seed: int) -> SceneTable:
    """`n` scenes of two objects whose colors can be exchanged without a held-out combination."""
    check_whole(n=n)
    scenes = sample_scenes(2 * n + 64, seed, objects="two")
    return scenes[binding_probes(scenes).scenes[:n]]


@dataclass(frozen=True)
class FrozenViews:
    """What a frozen dual encoder makes of N pictures.

    joint: (N, E) unit vectors of the joint space; patches: (N, D) means of the patch tokens.
    """

    joint: Tensor
    patches: Tensor


@torch.no_grad()
def frozen_views(encoder: "PocketTower", scenes: SceneTable) -> FrozenViews:
    """Both views of drawn scenes; encoder: a pocket dual encoder with a ViT."""
    joint, patches = [], []
    for start in range(0, len(scenes), BATCH):
        pixels = encoder.preprocess(render(scenes[start : start + BATCH], encoder.image_size))
        _, named = encoder.image_tower(pixels.to(encoder.device), return_intermediates=True)
        projected = encoder.model.image_projection(named["pooled"])  # (B, E)
        joint.append(F.normalize(projected, dim=-1).cpu())
        patches.append(named["encoded"][:, 1:].mean(dim=1).cpu())  # (B, D)
    return FrozenViews(torch.cat(joint), torch.cat(patches))


class MendedEncoder(nn.Module):
    """A dual encoder of frozen parts with something that learns behind them.

    image_map: from what is known of a picture (B, F) to (B, E);
    text_tower: tokens (B, L) to (B, G), frozen or not; text_map: from there to (B, E).
    """

    def __init__(
        self, image_map: nn.Module, text_tower: nn.Module, text_map: nn.Module, scale: float
    ) -> None:
        super().__init__()
        self.image_map, self.text_tower, self.text_map = image_map, text_tower, text_map
        self.log_scale = nn.Parameter(torch.tensor(float(np.log(scale))))

    def encode_image(self, known: Tensor) -> Tensor:
        """Frozen vectors (B, F) to unit vectors (B, E)."""
        return F.normalize(self.image_map(known), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Tokens (B, L) to unit vectors (B, E)."""
        return F.normalize(self.text_map(self.text_tower(tokens)), dim=-1)

    def scale(self) -> Tensor:
        """1 / temperature, at most 100."""
        return self.log_scale.exp().clamp(max=100.0)

    def forward(self, known: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.encode_image(known), self.encode_text(tokens)


class ProjectedTower(nn.Module):
    """A text tower with its projection: tokens (B, L) to unit vectors (B, E)."""

    def __init__(self, tower: nn.Module, projection: nn.Module) -> None:
        super().__init__()
        self.tower, self.projection = tower, projection

    def forward(self, tokens: Tensor) -> Tensor:
        return F.normalize(self.projection(self.tower(tokens)), dim=-1)


def starting_map(weight: Tensor) -> nn.Linear:
    """A linear map without bias that starts with the weight (E, F) of a projection."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        linear.weight.copy_(weight)
    return linear


class ResidualMlp(nn.Module):
    """x + MLP(x), (B, D) to (B, D), which starts as the identity."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + self.contract(F.gelu(self.expand(vectors)))  # (B, D)


def pair_probe(
    known: Tensor,
    known_pairs: Tensor,
    asked: Tensor,
    true_pairs: Tensor,
    false_pairs: Tensor,
    *,
    strength: float = 0.01,
) -> np.ndarray:
    """Whether a linear probe prefers the true pairs of each row to the false ones, (M,) of bool.

    known (N, F), asked (M, F): features to fit on and to judge; the pairs (N, 2) and (M, 2) are
    numbers below 90, one for each combination of shape and color. Ridge regression from features to
    90 numbers; a row's score is the sum over its two pairs, so the order of mention plays no part.
    """
    mean, spread = known.mean(0), known.std(0) + 1e-6
    known, asked = ((one.double() - mean) / spread for one in (known, asked))
    known, asked = (F.pad(one, (0, 1), value=1.0) for one in (known, asked))
    held = torch.zeros(len(known), 90, dtype=torch.float64).scatter_(1, known_pairs, 1.0)
    pull = strength * len(known) / 100 * torch.eye(known.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(known.T @ known + pull, known.T @ held)  # (F + 1, 90)
    scores = asked @ weights  # (M, 90)
    true, false = (scores.gather(1, pairs).sum(1) for pairs in (true_pairs, false_pairs))
    return (true > false).numpy()


def pairs_of(scenes: SceneTable) -> Tensor:
    """Which of the 90 combinations of shape and color each object is, (N, 2)."""
    return torch.from_numpy(scenes.shape * 9 + scenes.color)


@torch.no_grad()
def found_first(shown: Tensor, said: Tensor, captions: Sequence[str]) -> float:
    """Share of pictures (N, E) that find their own caption first; equal sentences count as one."""
    best = (shown @ said.T).argmax(dim=1).tolist()
    return float(np.mean([captions[one] == own for one, own in zip(best, captions, strict=True)]))


def tokens_of(tokenizer: WordTokenizer, texts: Sequence[str]) -> Tensor:
    """Tokens (N, L) without columns of padding."""
    return without_padding(tokenizer(list(texts)))
