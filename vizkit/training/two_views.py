"""Learning from two views of a picture, without labels: SIGReg, DINO, and what collapses."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.data import render, sample_scenes
from vizkit.data.scenes import SceneTable
from vizkit.losses import sigreg
from vizkit.training.loop import History, fit, seed_everything

METHODS = ("nothing", "SIGReg", "DINO", "DINO without centring", "DINO without sharpening")
STUDENT_TEMPERATURE, TEACHER_TEMPERATURE = 0.1, 0.04  # Caron et al. 2021, the sharpening
DIRECTIONS = 64  # of SIGReg, drawn anew in each step


@dataclass(frozen=True)
class Pictures:
    """Scenes with one object, as pixels (N, 3, 32, 32) from 0 to 1, and the index of its shape and
    colour, (N,) each, which no training without labels sees."""

    pixels: Tensor
    shape: Tensor
    color: Tensor


def small_pictures(n: int, seed: int) -> Pictures:
    """`n` scenes of 32 pixels with one large object; the same in every run."""
    scenes: SceneTable = sample_scenes(
        n, seed, objects="one", sizes="large", styles=["flat", "shaded"], held_out="include"
    )
    pixels = torch.from_numpy(render(scenes, 32)).permute(0, 3, 1, 2).float() / 255
    return Pictures(
        pixels.contiguous(),  # (N, 3, 32, 32)
        torch.from_numpy(scenes.shape[:, 0]),
        torch.from_numpy(scenes.color[:, 0]),
    )


def random_view(
    pixels: Tensor, draw: torch.Generator, *, keep_color: bool = True, reach: float = 0.3
) -> Tensor:
    """Each picture of (B, 3, S, S) turned, scaled, moved and made lighter or darker by chance.

    keep_color: False also replaces the colours by a grey mixture of them that is drawn for each
    picture, so that two views no longer share a colour; reach: the longest move, in half pictures.
    """
    batch = len(pixels)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw)

    scale, angle = 0.8 + 0.4 * uniform(batch), 0.6 * (uniform(batch) - 0.5)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    across, down = (2 * reach * (uniform(2, batch) - 0.5)).unbind()
    rows = [torch.stack([cosine, -sine, across], 1), torch.stack([sine, cosine, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)
    view = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)  # (B, 3, S, S)
    if not keep_color:
        weights = uniform(batch, 3, 1, 1) - 0.35
        view = (view * weights / weights.abs().sum(1, keepdim=True)).sum(1, keepdim=True)
        view = view - view.mean((2, 3), keepdim=True)
        view = view / view.std((2, 3), keepdim=True).clamp(min=0.03)
        view = (0.5 + view * 0.2 * (0.7 + 0.6 * uniform(batch, 1, 1, 1))).expand(-1, 3, -1, -1)
    return (view + 0.2 * (uniform(batch, 1, 1, 1) - 0.5)).clamp(0, 1)  # (B, 3, S, S)


class TwoViewEncoder(nn.Module):
    """Pictures (B, 3, 32, 32) to embeddings (B, 32): a small convolutional stem and a projector.

    `features` (B, 64), the stem's mean over the picture, are what a probe reads: the projector is
    thrown away after the training, as usual.
    """

    def __init__(self, *, width: int = 32, outputs: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, 2, 1),
            nn.GELU(),
            nn.Conv2d(width // 2, width, 3, 2, 1),
            nn.GroupNorm(4, width),
            nn.GELU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.GroupNorm(4, 2 * width),
            nn.GELU(),
        )
        self.projector = nn.Sequential(
            nn.Linear(2 * width, 128), nn.GELU(), nn.Linear(128, outputs)
        )
        for module in self.modules():  # no batch normalisation: that alone would resist collapse
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, 32, 32) from 0 to 1 to features (B, 64)."""
        return self.stem(4 * (pixels - 0.5)).mean((2, 3))  # (B, 64)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.projector(self.features(pixels))  # (B, 32)


class Teacher:
    """DINO's teacher: a running average of the student, whose answers are centred and sharpened.

    momentum: how much of the teacher stays in a step; center: subtract the running mean of its
    outputs; sharpen: divide by 0.04 before the softmax, else by the student's 0.1.
    Source: Caron et al. 2021, Algorithm 1.
    """

    def __init__(
        self,
        student: nn.Module,
        *,
        momentum: float = 0.98,
        center: bool = True,
        sharpen: bool = True,
    ) -> None:
        self.student, self.network = student, copy.deepcopy(student).requires_grad_(False)
        self.momentum, self.centered = momentum, center
        self.temperature = TEACHER_TEMPERATURE if sharpen else STUDENT_TEMPERATURE
        self.center: Tensor | float = 0.0

    @torch.no_grad()
    def answer(self, pixels: Tensor) -> Tensor:
        """Follow the student by one step, then answer for pictures (B, ...): shares (B, K)."""
        pairs = zip(self.network.parameters(), self.student.parameters(), strict=True)
        for own, new in pairs:
            own.lerp_(new, 1 - self.momentum)
        outputs = self.network(pixels)  # (B, K)
        center = self.center if self.centered else 0.0
        shares = ((outputs - center) / self.temperature).softmax(dim=-1)  # (B, K)
        self.center = 0.9 * self.center + 0.1 * outputs.mean(0)  # (K,)
        return shares


def train_two_views(
    pixels: Tensor,
    method: str,
    seed: int,
    *,
    steps: int = 500,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    weight: float = 0.05,
    keep_color: bool = True,
    record: Callable[[TwoViewEncoder, int], dict[str, float]] | None = None,
    record_every: int = 100,
    progress: bool = False,
) -> tuple[TwoViewEncoder, History]:
    """A network that learns from `pixels` (N, 3, 32, 32) alone, by one of METHODS.

    weight: the share of SIGReg in the loss, LeJEPA's only knob; keep_color: see `random_view`;
    record: called with the network and the number of finished steps, as in `fit`.
    Raises ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"expected a method among {METHODS}, received {method!r}")
    seed_everything(seed)
    model, draw = TwoViewEncoder(), torch.Generator().manual_seed(seed)
    teacher = Teacher(model, center="centring" not in method, sharpen="sharpening" not in method)

    def compute_loss(step: int) -> Tensor:
        chosen = torch.randint(len(pixels), (batch_size,), generator=draw)
        views = [random_view(pixels[chosen], draw, keep_color=keep_color) for _ in range(2)]
        both = torch.cat(views)  # (2B, 3, 32, 32)
        outputs = model(both)  # (2B, 32)
        first, second = outputs.chunk(2)  # (B, 32) each
        if method.startswith("DINO"):
            own, other = teacher.answer(both).chunk(2)  # (B, 32) each
            return (distillation(first, other) + distillation(second, own)) / 2
        agreement = (first - second).square().mean() / 4  # each view to the middle of both
        if method == "nothing":
            return agreement
        directions = torch.randn(outputs.shape[1], DIRECTIONS, generator=draw)
        spread = (sigreg(first, directions) + sigreg(second, directions)) / 2
        return (1 - weight) * agreement + weight * spread

    history = fit(
        model,
        compute_loss,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=0.01,
        warmup_steps=steps // 20,
        seed=None,
        record=None if record is None else lambda step: record(model, step),
        record_every=record_every,
        progress=progress,
    )
    return model, history


def train_with_labels(
    pictures: Pictures, seed: int, *, steps: int = 500, batch_size: int = 64
) -> TwoViewEncoder:
    """The same network, views and steps, taught the shape and the colour by their labels."""
    seed_everything(seed)
    model, draw = TwoViewEncoder(), torch.Generator().manual_seed(seed)
    heads = nn.ModuleList([nn.LazyLinear(10), nn.LazyLinear(9)])
    answers = (pictures.shape, pictures.color)

    def compute_loss(step: int) -> Tensor:
        chosen = torch.randint(len(pictures.pixels), (batch_size,), generator=draw)
        features = model.features(random_view(pictures.pixels[chosen], draw))  # (B, 64)
        losses = [
            F.cross_entropy(h(features), a[chosen]) for h, a in zip(heads, answers, strict=True)
        ]
        return losses[0] + losses[1]

    for head in heads:
        head(torch.zeros(1, 64))  # gives the lazy layers their size
    fit(
        nn.ModuleList([model, heads]),
        compute_loss,
        steps=steps,
        learning_rate=3e-3,
        weight_decay=0.01,
        warmup_steps=steps // 20,
        seed=None,
        progress=False,
    )
    return model


def distillation(outputs: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of the student's outputs (B, K) with the teacher's shares (B, K); a scalar."""
    return -(shares * (outputs / STUDENT_TEMPERATURE).log_softmax(-1)).sum(-1).mean()


def spectrum(embeddings: Tensor) -> Tensor:
    """Standard deviations (D,) of embeddings (N, D) along their principal directions, falling."""
    centered = embeddings.double() - embeddings.double().mean(0)  # (N, D)
    return torch.linalg.svdvals(centered) / math.sqrt(len(embeddings) - 1)


def effective_rank(embeddings: Tensor) -> float:
    """exp(entropy) of the shares that the principal directions have of the variance of (N, D).

    Source: Roy and Vetterli 2007, on the variances (eigenvalues of the covariance). It does not see
    the scale: a collapse to one point shows in `spectrum`.
    """
    shares = spectrum(embeddings).square()
    shares = shares / shares.sum().clamp(min=1e-300)  # (D,)
    return torch.special.entr(shares).sum().exp().item()


def told_by_outputs(outputs: Tensor, temperature: float = STUDENT_TEMPERATURE) -> float:
    """How many nats DINO's softmax over the outputs (N, K) tells about the picture.

    The entropy of the mean answer minus the mean entropy of the answers: 0 in both of DINO's
    collapses, where all pictures get one answer.
    """
    shares = (outputs.double() / temperature).softmax(-1)  # (N, K)
    entropy = torch.special.entr(shares).sum(-1).mean()
    return (torch.special.entr(shares.mean(0)).sum() - entropy).item()


def linear_probe(
    features: Tensor, labels: Tensor, test_features: Tensor, test_labels: Tensor
) -> float:
    """Accuracy on the test of the best linear map (ridge regression) from features (N, D) to labels.

    The features are standardised first, so that a network with tiny outputs is read as well.
    """
    center, spread = features.mean(0), features.std(0)
    spread = spread.clamp(min=1e-6 * float(spread.max()) + 1e-30)
    known, asked = (((f - center) / spread).double() for f in (features, test_features))
    known, asked = (torch.cat([f, f.new_ones(len(f), 1)], 1) for f in (known, asked))  # (N, D + 1)
    wanted = F.one_hot(labels).double()  # (N, classes)
    pull = 0.01 * len(known) * torch.eye(known.shape[1], dtype=torch.double)
    weights = torch.linalg.solve(known.T @ known + pull, known.T @ wanted)
    return (asked @ weights).argmax(1).eq(test_labels).double().mean().item()


@torch.no_grad()
def evaluate_two_views(model: TwoViewEncoder, train: Pictures, test: Pictures) -> dict[str, float]:
    """Everything that notebook 14 asks of one of its networks, on pictures it has not seen."""
    known, asked = model.features(train.pixels), model.features(test.pixels)
    outputs = model(test.pixels)  # (N, 32)
    along = spectrum(outputs)
    return {
        "spread": along.square().mean().sqrt().item(),
        "live directions": int((along > 0.1).sum()),
        "effective rank": effective_rank(outputs),
        "told": told_by_outputs(outputs),
        "shape": linear_probe(known, train.shape, asked, test.shape),
        "color": linear_probe(known, train.color, asked, test.color),
    }


def as_images(pixels: Tensor) -> np.ndarray:
    """Pixels (N, 3, S, S) from 0 to 1 as pictures (N, S, S, 3) of uint8."""
    return (pixels.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
