"""Train the pocket encoders that the notebooks load: `python -m vizkit.training.pocket NAME`.

Every step draws scenes of its own from the drawn world, so no scene is seen twice and a run that
was interrupted goes on exactly where it stopped.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vizkit.data import (
    COLORS,
    SHAPES,
    STYLES,
    binding_probes,
    caption_vocabulary,
    describe,
    render,
    sample_scenes,
    write_captions,
)
from vizkit.device import default_device
from vizkit.losses import info_nce, sigmoid_loss
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.pocket import pocket_dual_encoder
from vizkit.models.text import WordTokenizer
from vizkit.training.cards import interval, round_to_half, ship
from vizkit.training.checkpoint import load_checkpoint, train_resumably
from vizkit.training.labelled import LABEL_RECIPES, LabelRecipe, measure_labels, train_labelled
from vizkit.training.loop import fit, parameter_groups, seed_everything
from vizkit.training.pixels import to_tensor

WEIGHTS = Path(__file__).parents[1] / "zoo" / "weights"
# How often captions leave a fact out. Colour, place, size and background are learned within minutes
# and alone tell most pairs of a batch apart; captions full of them leave shape and style unlearned
# (measured: 17% and 47% right after 1,400 steps with `write_captions`' own shares).
OMIT = {"color": 0.5, "style": 0.35, "size": 0.85, "place": 0.85, "background": 0.85}
STEM_SEED = 5 * 10**8
TEST_SEED = 10**9  # far from the seeds of the training steps


@dataclass(frozen=True)
class Recipe:
    """All that decides a pocket encoder: towers, loss, data and optimizer."""

    name: str
    image_tower: dict
    loss: str = "info_nce"  # or "sigmoid"
    text_tower: dict = field(
        default_factory=lambda: {
            "context_length": 28,
            "embed_dim": 128,
            "depth": 2,
            "num_heads": 4,
        }
    )
    joint_dim: int = 64
    image_size: int = 64
    stem_steps: int = 350
    steps: int = 450
    batch_size: int = 128
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup_steps: int = 60
    clip_norm: float = 1.0
    seed: int = 0

    def config(self) -> dict:
        """The architecture, as `pocket_dual_encoder` reads it."""
        start = {"info_nce": (0.07, None), "sigmoid": (0.1, -10.0)}[self.loss]
        return {
            "image_tower": self.image_tower,
            "text_tower": self.text_tower,
            "vocabulary": caption_vocabulary(),
            "dual_encoder": {
                "joint_dim": self.joint_dim,
                "temperature": start[0],
                "bias": start[1],
            },
        }

    def data(self) -> dict:
        """What the model learns from, for the card."""
        return {
            "world": "vizkit.data.sample_scenes: one or two objects, held-out pairs excluded",
            "pairs_seen": self.steps * self.batch_size,
            "caption_omissions": OMIT,
        }


VIT = {
    "kind": "vit",
    "image_size": 64,
    "patch_size": 8,
    "embed_dim": 96,
    "depth": 3,
    "num_heads": 4,
    "stem": "residual",
    "pooling": "cls",
}
RECIPES = {recipe.name: recipe for recipe in (Recipe(name="pocket-clip", image_tower=VIT),)}


def training_batch(recipe: Recipe, step: int) -> tuple[np.ndarray, list[str]]:
    """The pictures (B, H, W, 3) and captions of one step; they depend on seed and step alone."""
    seed = recipe.seed * 1_000_003 + step
    scenes = sample_scenes(recipe.batch_size, seed)
    return render(scenes, recipe.image_size), write_captions(scenes, seed, omit=OMIT)


def loss_of(model: DualEncoder, recipe: Recipe, images: Tensor, tokens: Tensor) -> Tensor:
    """The recipe's loss on one batch (scalar)."""
    image_features, text_features = model(images, tokens)  # (B, joint_dim) each
    if recipe.loss == "sigmoid":
        return sigmoid_loss(image_features, text_features, model.scale(), model.logit_bias)
    return info_nce(image_features, text_features, model.scale())


def train(
    recipe: Recipe, checkpoint: Path, *, checkpoint_every: int = 100
) -> tuple[DualEncoder, WordTokenizer, float]:
    """Train one pocket dual encoder, going on from `checkpoint` if there is one.

    Returns the model in eval mode, its tokenizer and the seconds of training, earlier runs
    included; see `train_resumably` for interrupts.
    """
    device = default_device()
    seed_everything(recipe.seed)
    model, tokenizer = pocket_dual_encoder(recipe.config())
    model.to(device)
    optimizer = make_optimizer(model, recipe)
    first, seconds = load_checkpoint(checkpoint, model, optimizer, recipe)
    if first == 0:
        teach_stem(model, recipe)

    def compute_loss(step: int) -> Tensor:
        pictures, captions = training_batch(recipe, step)
        return loss_of(model, recipe, to_tensor(pictures, device), tokenizer(captions).to(device))

    seconds = train_resumably(
        recipe,
        model,
        optimizer,
        compute_loss,
        checkpoint,
        first=first,
        seconds=seconds,
        every=checkpoint_every,
        describe=lambda: {"scale": f"{model.scale().item():.1f}"},
    )
    return model.eval(), tokenizer, seconds


def teach_stem(model: DualEncoder, recipe: Recipe) -> None:
    """Let the CNN in front name shape, colour and style before the contrastive training.

    Contrastive learning alone finds the colour first and leaves the shape for very late; a few
    hundred steps with labels give the tokens something to say. Towers without a CNN are left alone.
    """
    network = getattr(getattr(model.image_tower, "patch_embed", None), "network", None)
    if network is None or recipe.stem_steps == 0:
        return
    device = model.logit_scale.device
    sizes = [len(SHAPES), len(COLORS), len(STYLES)]
    head = torch.nn.Linear(network.embed_dim, sum(sizes)).to(device)

    def compute_loss(step: int) -> Tensor:
        scenes = sample_scenes(64, STEM_SEED + recipe.seed * 1_000_003 + step, objects="one")
        images = to_tensor(render(scenes, recipe.image_size), device)
        scores = head(network(images)).split(sizes, dim=1)  # (64, classes) each
        labels = (scenes.shape[:, 0], scenes.color[:, 0], scenes.style)
        return sum(
            torch.nn.functional.cross_entropy(one, torch.from_numpy(truth).to(device))
            for one, truth in zip(scores, labels, strict=True)
        )

    fit(
        torch.nn.ModuleList([network, head]),
        compute_loss,
        steps=recipe.stem_steps,
        learning_rate=3e-3,
        warmup_steps=min(30, recipe.stem_steps),
        seed=recipe.seed,
    )


def make_optimizer(model: DualEncoder, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW with the recipe's weight decay; the learning rate is set at every step."""
    return torch.optim.AdamW(parameter_groups(model, recipe.weight_decay), betas=(0.9, 0.98))


def class_features(
    model: DualEncoder, tokenizer: WordTokenizer, names: list[str], write: Callable[[str], list]
) -> Tensor:
    """One unit vector for each class: the mean over the prompts that `write` makes (K, D)."""
    device = model.logit_scale.device
    means = [model.encode_text(tokenizer(write(name)).to(device)).mean(0) for name in names]
    return torch.nn.functional.normalize(torch.stack(means), dim=-1)  # (K, D)


@torch.no_grad()
def measure(
    model: DualEncoder, tokenizer: WordTokenizer, image_size: int, *, n: int = 2048
) -> dict[str, dict[str, float]]:
    """Held-out scores, each with its 95% interval (Wilson 1927) and the number of trials."""
    device = model.logit_scale.device

    def features(scenes) -> Tensor:
        parts = [
            model.encode_image(to_tensor(render(scenes[i : i + 256], image_size), device))
            for i in range(0, len(scenes), 256)
        ]
        return torch.cat(parts)  # (N, D)

    def pick(images: Tensor, names: list[str], write: Callable[[str], list]) -> np.ndarray:
        classes = class_features(model, tokenizer, names, write)  # (K, D)
        return (images @ classes.T).argmax(dim=1).cpu().numpy()  # (N,)

    one = sample_scenes(n, TEST_SEED, objects="one")
    images, colors = features(one), list(COLORS)
    shape_hits = pick(images, list(SHAPES), lambda s: [describe(s)]) == one.shape[:, 0]
    color_hits = pick(images, colors, lambda c: [describe(s, color=c) for s in SHAPES])
    style_hits = pick(images, list(STYLES), lambda k: [describe(s, style=k) for s in SHAPES])
    unseen = sample_scenes(n, TEST_SEED + 1, objects="one", held_out="only")
    pairs = [f"{c} {s}" for s in SHAPES for c in colors]
    chosen = pick(features(unseen), pairs, lambda p: [describe(p.split()[1], color=p.split()[0])])
    right = unseen.shape[:, 0] * len(colors) + unseen.color[:, 0]
    return {
        "zero-shot shape": interval(shape_hits),
        "zero-shot color": interval(color_hits == one.color[:, 0]),
        "zero-shot style": interval(style_hits == one.style),
        "held-out shape-color pairs": interval(chosen == right),
        "image to text R@1 of 256": interval(retrieval(model, tokenizer, features)),
        "binding": interval(probe(model, tokenizer, features, "color")),
        "relation": interval(probe(model, tokenizer, features, "relation")),
    }


def retrieval(model: DualEncoder, tokenizer: WordTokenizer, features: Callable) -> np.ndarray:
    """Whether each image of four groups of 256 finds its own caption first (1024,)."""
    hits = []
    for group in range(4):
        scenes = sample_scenes(256, TEST_SEED + 10 + group)
        # Full captions: "a heart" would fit many of the 256 scenes, and be no mistake.
        nothing = dict.fromkeys(("color", "style", "size", "place", "background", "relation"), 0.0)
        captions = write_captions(scenes, TEST_SEED + group, omit=nothing)
        texts = model.encode_text(tokenizer(captions).to(model.logit_scale.device))  # (256, D)
        best = (features(scenes) @ texts.T).argmax(dim=1).cpu().numpy()  # (256,)
        hits.append(best == np.arange(256))
    return np.concatenate(hits)


def probe(
    model: DualEncoder, tokenizer: WordTokenizer, features: Callable, kind: str
) -> np.ndarray:
    """Whether each scene prefers its true caption to the wrongly bound one; chance is 0.5."""
    scenes = sample_scenes(2048, TEST_SEED + 20, objects="two")
    probes = binding_probes(scenes, TEST_SEED, kind=kind)
    images = features(scenes[probes.scenes])  # (K, D)
    device = model.logit_scale.device
    correct = model.encode_text(tokenizer(probes.correct).to(device))  # (K, D)
    wrong = model.encode_text(tokenizer(probes.wrong).to(device))  # (K, D)
    return ((images * correct).sum(1) > (images * wrong).sum(1)).cpu().numpy()  # (K,)


def main() -> None:
    """Train the named pocket encoder, measure it and write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(RECIPES | LABEL_RECIPES))
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where weights and card go")
    parser.add_argument("--checkpoint", type=Path, help="default: NAME.checkpoint beside them")
    options = parser.parse_args()
    recipe = (RECIPES | LABEL_RECIPES)[options.name]
    checkpoint = options.checkpoint or options.folder / f"{recipe.name}.checkpoint"
    model, scores, seconds = train_and_measure(recipe, checkpoint)
    card = ship(recipe, model, scores, seconds, options.folder)
    checkpoint.unlink(missing_ok=True)
    print(f"wrote {card}")
    for name, score in scores.items():
        print(f"{name:28} {score['share']:.3f} ({score['low']:.3f} to {score['high']:.3f})")


def train_and_measure(
    recipe: Recipe | LabelRecipe, checkpoint: Path
) -> tuple[torch.nn.Module, dict[str, dict[str, float]], float]:
    """The trained model as it will be shipped, its held-out scores, the seconds of training."""
    if isinstance(recipe, LabelRecipe):
        model, seconds = train_labelled(recipe, checkpoint)
        round_to_half(model)
        return model, measure_labels(model, recipe.image_size), seconds
    model, tokenizer, seconds = train(recipe, checkpoint)
    round_to_half(model)
    return model, measure(model, tokenizer, recipe.image_size), seconds


if __name__ == "__main__":
    main()
