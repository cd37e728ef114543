"""Train the pocket encoders that the notebooks load: `python -m vizkit.training.pocket NAME`.

Every step draws scenes of its own from the drawn world, so no scene is seen twice and a run that
was interrupted goes on exactly where it stopped.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
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
from vizkit.data.scenes import SceneTable
from vizkit.device import default_device
from vizkit.losses import info_nce, sigmoid_loss
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.pocket import DualConfig, Options, pocket_dual_encoder
from vizkit.models.text import WordTokenizer, without_padding
from vizkit.training.cards import interval, round_to_half, save_pretrained
from vizkit.training.checkpoint import OptimizerPair, load_checkpoint, train_resumably
from vizkit.training.labelled import LABEL_RECIPES, LabelRecipe, measure_labels, train_labelled
from vizkit.training.loop import seed_everything
from vizkit.training.optimizers import pocket_optimizer
from vizkit.training.pixels import to_tensor

WEIGHTS = Path(__file__).parents[1] / "zoo" / "weights"
# How often captions leave a fact out. Colour, place, size and background are learned within minutes
# and alone tell most pairs of a batch apart; captions full of them leave shape and style unlearned
# (measured: 17% and 47% right after 1,400 steps with `write_captions`' own shares).
OMIT = {"color": 0.5, "style": 0.35, "size": 0.85, "place": 0.85, "background": 0.85}
TEST_SEED = 10**9  # far from the seeds of the training steps


@dataclass(frozen=True)
class Recipe:
    """All that decides a pocket encoder: towers, loss, data and optimizer.

    start_from: the labelled pocket encoder whose image tower this one starts with. From nothing,
        contrastive learning finds the colours first and leaves the shapes for very late; a tower
        that was taught with labels (cf. Zhai et al. 2022, "LiT") makes it a matter of minutes;
    image_rate: how much slower than the text tower the image tower learns;
    scale_rate: how much faster the logit scale and bias learn; the sigmoid loss starts at a bias
        of -10, which suits a batch of 20,000, and has to come up from there;
    matrix_rate: see `pocket_optimizer`.
    """

    name: str
    image_tower: Options
    loss: str = "info_nce"  # or "sigmoid"
    text_tower: Options = field(
        default_factory=lambda: {
            "context_length": 28,
            "embed_dim": 128,
            "depth": 2,
            "num_heads": 4,
        }
    )
    joint_dim: int = 64
    image_size: int = 64
    start_from: str | None = None
    image_rate: float = 0.3
    scale_rate: float = 1.0
    matrix_rate: float = 4.0
    steps: int = 500
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 60
    clip_norm: float = 1.0
    seed: int = 0

    def config(self) -> DualConfig:
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

    def data(self) -> dict[str, object]:
        """What the model learns from, for the card."""
        return {
            "world": "vizkit.data.sample_scenes: one or two objects, held-out pairs excluded",
            "pairs_seen": self.steps * self.batch_size,
            "image_tower_starts_from": self.start_from,
            "caption_omissions": OMIT,
        }


VIT, CNN = (LABEL_RECIPES[name].image_tower for name in ("pocket-vit", "pocket-cnn"))
CLIP = Recipe(name="pocket-clip", image_tower=VIT, start_from="pocket-vit")
CLIP_CNN = Recipe(name="pocket-clip-cnn", image_tower=CNN, start_from="pocket-cnn", steps=300)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        CLIP,
        replace(CLIP, name="pocket-siglip", loss="sigmoid", scale_rate=10.0),
        CLIP_CNN,
        replace(CLIP_CNN, name="pocket-siglip-cnn", loss="sigmoid", scale_rate=10.0),
    )
}


def training_batch(recipe: Recipe, step: int) -> tuple[np.ndarray, list[str]]:
    """The pictures (B, H, W, 3) and captions of one step; they depend on seed and step alone."""
    seed = recipe.seed * 1_000_003 + step
    scenes = sample_scenes(recipe.batch_size, seed)
    return render(scenes, recipe.image_size), write_captions(scenes, seed, omit=OMIT)


def loss_of(model: DualEncoder, recipe: Recipe, images: Tensor, tokens: Tensor) -> Tensor:
    """The recipe's loss on one batch (scalar)."""
    image_features, text_features = model(images, tokens)  # (B, joint_dim) each
    if recipe.loss == "sigmoid":
        assert model.logit_bias is not None  # `Recipe.config` gave it one
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
    if first == 0 and recipe.start_from is not None:
        start_image_tower(model, recipe.start_from)

    def compute_loss(step: int) -> Tensor:
        pictures, captions = training_batch(recipe, step)
        tokens = without_padding(tokenizer(captions)).to(device)  # (B, L)
        return loss_of(model, recipe, to_tensor(pictures, device), tokens)

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


def start_image_tower(model: DualEncoder, name: str, folder: Path = WEIGHTS) -> None:
    """Give the image tower the shipped weights of a labelled encoder.

    Raises FileNotFoundError, with the command that trains them, if they are not there.
    """
    file = folder / f"{name}.safetensors"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file.name} is missing, where the image tower starts: "
            f"run `python -m vizkit.training.pocket {name}` first"
        )
    prefix = "image_tower."
    tower = {k.removeprefix(prefix): v for k, v in load_file(file).items() if k.startswith(prefix)}
    model.image_tower.load_state_dict(tower)


def make_optimizer(model: DualEncoder, recipe: Recipe) -> OptimizerPair:
    """The pocket optimizer, slower in the image tower, which already knows how to see."""
    return pocket_optimizer(
        model,
        weight_decay=recipe.weight_decay,
        matrix_rate=recipe.matrix_rate,
        rates={"image_tower.": recipe.image_rate, "logit_": recipe.scale_rate},
    )


Features = Callable[[SceneTable], Tensor]


def class_features(
    model: DualEncoder,
    tokenizer: WordTokenizer,
    names: list[str],
    write: Callable[[str], list[str]],
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

    def features(scenes: SceneTable) -> Tensor:
        parts = [
            model.encode_image(to_tensor(render(scenes[i : i + 256], image_size), device))
            for i in range(0, len(scenes), 256)
        ]
        return torch.cat(parts)  # (N, D)

    def pick(images: Tensor, names: list[str], write: Callable[[str], list[str]]) -> np.ndarray:
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


def retrieval(model: DualEncoder, tokenizer: WordTokenizer, features: Features) -> np.ndarray:
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
    model: DualEncoder, tokenizer: WordTokenizer, features: Features, kind: str
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
    try:
        model, scores, seconds = train_and_measure(recipe, checkpoint)
    except KeyboardInterrupt:
        sys.exit(f"stopped; the same command goes on from {checkpoint}")
    card = save_pretrained(recipe, model, scores, seconds, options.folder)
    checkpoint.unlink(missing_ok=True)
    print(f"wrote {card}")
    for name, score in scores.items():
        print(f"{name:28} {score['share']:.3f} ({score['low']:.3f} to {score['high']:.3f})")


def train_and_measure(
    recipe: Recipe | LabelRecipe, checkpoint: Path
) -> tuple[torch.nn.Module, dict[str, dict[str, float]], float]:
    """The trained model as it will be shipped, its held-out scores, the seconds of training."""
    if isinstance(recipe, LabelRecipe):
        labelled, seconds = train_labelled(recipe, checkpoint)
        round_to_half(labelled)
        return labelled, measure_labels(labelled, recipe.image_size), seconds
    model, tokenizer, seconds = train(recipe, checkpoint)
    round_to_half(model)
    return model, measure(model, tokenizer, recipe.image_size), seconds


if __name__ == "__main__":
    main()
