"""Locked-image runs: the picture side is frozen and cached, so a contrastive run takes seconds.

Zhai et al. 2022 ("LiT") lock a trained image tower and let the text tower learn to read it. Here
the pictures go through the frozen encoder once; what is trained is a projection of their features
and a small text tower over bags of words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.data import (
    COLORS,
    SHAPES,
    STYLES,
    caption_vocabulary,
    describe,
    render,
    sample_scenes,
    write_captions,
)
from vizkit.data.scenes import SceneTable
from vizkit.losses import info_nce, sigmoid_loss
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.text import SPECIAL, WordTokenizer
from vizkit.training.loop import (
    History,
    check_whole,
    fit,
    generator,
    seed_everything,
    steps_to_compute,
)
from vizkit.training.together import fit_together

BATCH = 256  # pictures at a time through the frozen encoder
START = {"info_nce": 0.07, "sigmoid": 0.1}  # temperatures: CLIP section 2.5, SigLIP section 3.2
LOSSES = tuple(START)
KINDS = {"shape": tuple(SHAPES), "color": tuple(COLORS), "style": tuple(STYLES)}
TOKENIZER = WordTokenizer(caption_vocabulary(), context_length=64)


@dataclass(frozen=True)
class LockedPairs:
    """Pictures as features of a frozen encoder, beside their captions.

    image_features: (N, F); word_counts: (N, V), how often each word stands in the caption;
    captions: N sentences; scenes: what is in the pictures.
    """

    image_features: Tensor
    word_counts: Tensor
    captions: list[str]
    scenes: SceneTable

    def __len__(self) -> int:
        return len(self.captions)

    def __getitem__(self, index: slice) -> "LockedPairs":
        """The pairs of a slice. Raises TypeError for anything else."""
        if not isinstance(index, slice):
            raise TypeError(f"expected a slice such as pairs[:256], received {index!r}")
        return LockedPairs(
            self.image_features[index],
            self.word_counts[index],
            self.captions[index],
            self.scenes[index],
        )


def locked_pairs(
    encode: Callable[[np.ndarray], Tensor],
    n: int,
    seed: int = 0,
    *,
    noise: float = 0.0,
    omit: Mapping[str, float] | None = None,
    image_size: int = 64,
    objects: str = "mixed",
) -> LockedPairs:
    """Draw `n` scenes, write their captions and put the pictures through a frozen encoder.

    encode: pictures (B, H, W, 3) of uint8 to features (B, F), e.g. `load("pocket-vit").encode_image`;
    noise, omit: see `write_captions`; objects: see `sample_scenes`.

    Raises TypeError or ValueError on bad options and on features of another shape.
    """
    if not callable(encode):
        raise TypeError(f"expected encode to be a function, received {encode!r}")
    scenes = sample_scenes(n, seed, objects=objects)
    captions = write_captions(scenes, seed, noise=noise, omit=omit)
    parts = []
    for start in range(0, len(scenes), BATCH):
        pictures = render(scenes[start : start + BATCH], image_size)  # (B, H, W, 3)
        with torch.no_grad():
            features = encode(pictures)
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(pictures):
            shape = tuple(features.shape) if isinstance(features, Tensor) else features
            raise ValueError(
                f"expected encode to return features ({len(pictures)}, F), received {shape!r}"
            )
        parts.append(features.float().cpu())
    return LockedPairs(torch.cat(parts), count_words(captions), captions, scenes)


def count_words(texts: list[str]) -> Tensor:
    """How often each word of the caption grammar stands in each text, (B, V)."""
    tokens = TOKENIZER(texts)  # (B, L)
    counts = torch.zeros(len(tokens), len(TOKENIZER))  # (B, V + special)
    counts.scatter_add_(1, tokens, torch.ones_like(tokens, dtype=counts.dtype))
    return counts[:, len(SPECIAL) :]  # (B, V)


class LockedTower(nn.Identity):
    """The place of an image tower whose features are already there, (B, F)."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim


class BagOfWords(nn.Sequential):
    """Word counts (B, V) to features (B, D): a text tower that ignores the order of the words."""

    def __init__(self, vocabulary_size: int, embed_dim: int) -> None:
        super().__init__(
            nn.Linear(vocabulary_size, embed_dim), nn.GELU(), nn.Linear(embed_dim, embed_dim)
        )
        self.embed_dim = embed_dim


def locked_dual_encoder(
    image_dim: int,
    vocabulary_size: int = len(TOKENIZER.vocabulary),
    *,
    joint_dim: int = 64,
    hidden: int = 128,
    temperature: float = 0.07,
    bias: float | None = None,
) -> DualEncoder:
    """A `DualEncoder` over cached features (B, image_dim) and word counts (B, vocabulary_size)."""
    check_whole(
        image_dim=image_dim, vocabulary_size=vocabulary_size, joint_dim=joint_dim, hidden=hidden
    )
    return DualEncoder(
        LockedTower(image_dim),
        BagOfWords(vocabulary_size, hidden),
        joint_dim=joint_dim,
        temperature=temperature,
        bias=bias,
    )


def train_locked(
    pairs: LockedPairs,
    *,
    loss: str = "info_nce",
    batch_size: int = 128,
    samples: int = 32_768,
    learning_rate: float = 3e-3,
    temperature: float | None = None,
    learn_temperature: bool = True,
    bias: float = -10.0,
    learn_bias: bool = True,
    seed: int = 0,
    joint_dim: int = 64,
    hidden: int = 128,
    record: Callable[[DualEncoder], dict[str, float]] | None = None,
    record_every: int = 100,
    progress: bool = False,
) -> tuple[DualEncoder, History]:
    """Train a projection and a bag-of-words tower on cached pairs; the same seed, the same run.

    samples: pairs seen in all, each counted as often as it comes, so that runs of different
        `batch_size` can be compared; a batch is drawn without repeats, and every pair comes once
        before one comes twice;
    temperature: where it starts, None for the paper's (0.07 for "info_nce", 0.1 for "sigmoid");
    learn_temperature: False holds it there;
    bias, learn_bias: the same for the bias of the sigmoid loss;
    joint_dim, hidden: widths of the common space and of the text tower;
    record: called with the model every `record_every` steps and at the end, see `fit`.

    Returns the model in eval mode and the history. Raises TypeError or ValueError on bad options.
    """
    check_locked(pairs, loss, batch_size, samples)
    run = {
        "seed": seed,
        "temperature": temperature,
        "learn_temperature": learn_temperature,
        "bias": bias,
        "learn_bias": learn_bias,
    }
    model = start_locked(pairs, loss, run, joint_dim=joint_dim, hidden=hidden)
    steps = samples // batch_size
    order = batch_order(len(pairs), batch_size, steps, seed)  # (steps, batch_size)

    def compute_loss(step: int) -> Tensor:
        batch = order[step]  # (batch_size,)
        return locked_loss(model, pairs.image_features[batch], pairs.word_counts[batch])

    history = fit(
        model,
        compute_loss,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        seed=None,
        record=None if record is None else lambda done: record(model),
        record_every=record_every,
        progress=progress,
    )
    return model, history


RUN = {
    "seed": 0,
    "learning_rate": 3e-3,
    "temperature": None,
    "learn_temperature": True,
    "bias": -10.0,
    "learn_bias": True,
}  # what the runs of `train_locked_together` may differ in, and what holds where they say nothing


def train_locked_together(
    pairs: LockedPairs,
    runs: Sequence[Mapping[str, Any]],
    *,
    loss: str = "info_nce",
    batch_size: int = 128,
    samples: int = 32_768,
    joint_dim: int = 64,
    hidden: int = 128,
    prepare: Callable[[DualEncoder], None] | None = None,
    record: Callable[[DualEncoder], dict[str, float]] | None = None,
    record_every: int = 100,
    progress: bool = False,
) -> tuple[list[DualEncoder], list[History]]:
    """Many runs of `train_locked` side by side, several times as fast as one after the other.

    runs: for each run what is its own: seed, learning_rate, temperature, learn_temperature, bias,
        learn_bias, as for `train_locked`; what it does not name is as there. All other options are
        those of `train_locked` and hold for all runs;
    prepare: is called with every model before its first step, and may change its weights.

    Returns the models in eval mode and the histories, in the order of `runs`. Raises TypeError or
    ValueError on bad options. Results are those of `train_locked` up to rounding.
    """
    check_locked(pairs, loss, batch_size, samples)
    runs = check_runs(runs)
    models = [start_locked(pairs, loss, run, joint_dim=joint_dim, hidden=hidden) for run in runs]
    if prepare is not None:
        for model in models:
            prepare(model)
    steps = samples // batch_size
    seeds = {run["seed"] for run in runs}
    orders = {seed: batch_order(len(pairs), batch_size, steps, seed) for seed in seeds}
    order = torch.stack([orders[run["seed"]] for run in runs], dim=1)  # (steps, R, batch_size)
    histories = fit_together(
        models,
        locked_loss,
        lambda step: (pairs.image_features[order[step]], pairs.word_counts[order[step]]),
        steps=steps,
        learning_rate=[run["learning_rate"] for run in runs],
        warmup_steps=steps // 20,
        seed=None,
        record=None if record is None else lambda done: [record(model) for model in models],
        record_every=record_every,
        progress=progress,
    )
    return models, histories


def start_locked(
    pairs: LockedPairs, loss: str, run: Mapping[str, Any], *, joint_dim: int, hidden: int
) -> DualEncoder:
    """The untrained model of one run, from its seed."""
    seed_everything(run["seed"])
    temperature = run["temperature"]
    model = locked_dual_encoder(
        pairs.image_features.shape[1],
        pairs.word_counts.shape[1],
        joint_dim=joint_dim,
        hidden=hidden,
        temperature=START[loss] if temperature is None else temperature,
        bias=run["bias"] if loss == "sigmoid" else None,
    )
    model.logit_scale.requires_grad_(run["learn_temperature"])
    if model.logit_bias is not None:
        model.logit_bias.requires_grad_(run["learn_bias"])
    return model


def locked_loss(model: DualEncoder, image_features: Tensor, word_counts: Tensor) -> Tensor:
    """The sigmoid loss of a model that has a bias, InfoNCE of one that has none."""
    images, texts = model(image_features, word_counts)  # (B, D) each
    if model.logit_bias is None:
        return info_nce(images, texts, model.scale())
    return sigmoid_loss(images, texts, model.scale(), model.logit_bias)


def check_locked(pairs: LockedPairs, loss: str, batch_size: int, samples: int) -> None:
    """Raise TypeError or ValueError on options that no run could have."""
    if not isinstance(pairs, LockedPairs):
        raise TypeError(f"expected pairs from locked_pairs, received {type(pairs).__name__}")
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"expected loss to be one of {LOSSES}, received {loss!r}")
    check_whole(batch_size=batch_size, samples=samples)
    if not batch_size <= min(len(pairs), samples):
        raise ValueError(
            f"expected batch_size of at most the {len(pairs)} pairs and the {samples} samples, "
            f"received {batch_size}"
        )


def check_runs(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each run with all its settings. Raises unless there is a run, and each is a dict of them."""
    if not isinstance(runs, Sequence) or not all(isinstance(run, Mapping) for run in runs):
        raise TypeError(f"expected a list of dicts, one for each run, received {runs!r}")
    if not runs:
        raise ValueError("expected at least one run, received none")
    for run in runs:
        unknown = sorted(str(key) for key in run.keys() - RUN.keys())
        if unknown:
            raise ValueError(
                f"expected a run to hold some of {sorted(RUN)}, received {unknown[0]!r}"
            )
    return [{**RUN, **run} for run in runs]


def batch_order(n: int, batch_size: int, steps: int, seed: int) -> Tensor:
    """Which of `n` pairs each step takes, (steps, batch_size): shuffled passes over all of them.

    In a rehearsal only the steps that are computed (`vizkit.training.loop.steps_to_compute`).
    """
    steps = steps_to_compute(steps)
    own = generator(seed)
    each = n // batch_size
    passes = [
        torch.randperm(n, generator=own)[: each * batch_size].view(each, batch_size)
        for _ in range(-(-steps // each))
    ]
    return torch.cat(passes)[:steps]  # (steps, batch_size)


@torch.no_grad()
def recall_at_one(model: DualEncoder, pairs: LockedPairs) -> float:
    """Share of pictures that find their own caption first among those of all `pairs`, 0 to 1.

    Another scene's caption counts if it is the same sentence word for word.
    """
    images = model.encode_image(pairs.image_features)  # (N, D)
    texts = model.encode_text(pairs.word_counts)  # (N, D)
    best = (images @ texts.T).argmax(dim=1).tolist()  # N numbers
    hits = [pairs.captions[found] == own for found, own in zip(best, pairs.captions, strict=True)]
    return float(np.mean(hits))


@torch.no_grad()
def zero_shot_accuracy(model: DualEncoder, pairs: LockedPairs, kind: str = "shape") -> float:
    """Share of one-object pictures whose best sentence names the right class, 0 to 1.

    kind: "shape" ("a heart"), "color" or "style" (means over the sentences of all shapes).
    Raises ValueError on another kind, or when no picture shows a single object.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"expected kind to be one of {tuple(KINDS)}, received {kind!r}")
    single = torch.from_numpy(pairs.scenes.num_objects == 1)  # (N,)
    if not single.any():
        raise ValueError("expected pairs with pictures of a single object, received none")
    features = []
    for name in KINDS[kind]:
        shapes = [name] if kind == "shape" else list(SHAPES)
        options = {} if kind == "shape" else {kind: name}
        texts = count_words([describe(shape, **options) for shape in shapes])  # (P, V)
        features.append(model.encode_text(texts.to(pairs.word_counts)).mean(dim=0))  # (D,)
    classes = F.normalize(torch.stack(features), dim=-1)  # (K, D)
    images = model.encode_image(pairs.image_features[single])  # (M, D)
    found = (images @ classes.T).argmax(dim=1).numpy()  # (M,)
    column = np.asarray(getattr(pairs.scenes, kind)).reshape(len(pairs), -1)[:, 0]  # (N,)
    return float((found == column[single.numpy()]).mean())
