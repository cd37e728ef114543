"""A pocket CLIP that can read: `python -m vizkit.training.reader` trains and ships `pocket-reader`.

Its training pictures carry a written word, often the name of the object, and their captions quote it.
So the words are worth reading, and often true: what makes a typographic attack possible (Materzynska,
Torralba and Bau 2022, "Disentangling Visual and Written Concepts in CLIP", 2206.07835). The text tower
is that of `pocket-clip` and stays locked: it is a bag of words, in which "the word star" lies near "a
star". The image tower has to say in that space what it reads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vizkit.data import (
    SHAPES,
    caption_vocabulary,
    describe,
    object_masks,
    render,
    sample_scenes,
    write_captions,
)
from vizkit.data.scenes import SceneTable
from vizkit.data.writing import WRITTEN_PLACES, write_words
from vizkit.losses import info_nce
from vizkit.models.attention import Attention, EncoderBlock
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.pocket import DualConfig, pocket_dual_encoder
from vizkit.models.text import WordTokenizer, without_padding
from vizkit.training.cards import interval, round_to_half, save_pretrained
from vizkit.training.labelled import LABEL_RECIPES
from vizkit.training.loop import learning_rate_at, seed_everything, update
from vizkit.training.optimizers import pocket_optimizer
from vizkit.training.pixels import to_tensor
from vizkit.training.pocket import OMIT, WEIGHTS, start_image_tower

READERS = WEIGHTS / "reader"  # where the shipped reader lies, apart from the pocket encoders
QUOTE = "with the word"
TEST_SEED = 10**9


@dataclass(frozen=True)
class ReaderRecipe:
    """All that decides a reader.

    written: share of pictures with a word; own: share of those words that are the object's name for
        sure (another one in ten of the rest is by chance); quoted: share of captions of written
        pictures that quote the word; the image tower starts from `pocket-vit-patch`, the text tower
        from `pocket-clip`, which has the same words but one, and learns nothing.
    """

    name: str = "pocket-reader"
    written: float = 0.9
    own: float = 0.3
    quoted: float = 0.9
    image_size: int = 64
    steps: int = 240
    batch_size: int = 48
    learning_rate: float = 2e-3
    matrix_rate: float = 4.0
    weight_decay: float = 0.05
    warmup_steps: int = 30
    clip_norm: float = 1.0
    seed: int = 0

    @property
    def command(self) -> str:
        """What trains it again, for the card."""
        return "python -m vizkit.training.reader"

    def config(self) -> DualConfig:
        """The architecture, as `pocket_dual_encoder` reads it."""
        return {
            "image_tower": LABEL_RECIPES["pocket-vit-patch"].image_tower,
            "text_tower": {
                "context_length": 28, "embed_dim": 128, "depth": 2, "num_heads": 4
            },
            "vocabulary": [*caption_vocabulary(), "word"],  # the new word last: numbers stay
            "dual_encoder": {"joint_dim": 64, "temperature": 0.07, "bias": None},
        }  # fmt: skip

    def data(self) -> dict[str, object]:
        """What the model learns from, for the card."""
        return {
            "world": "vizkit.data.sample_scenes: one object, held-out pairs excluded; words by "
            "vizkit.data.writing",
            "pairs_seen": self.steps * self.batch_size,
            "image_tower_starts_from": "pocket-vit-patch",
            "text_tower_starts_from": "pocket-clip",
            "caption_omissions": OMIT,
        }


def free_places(scenes: SceneTable) -> list[str]:
    """The edge that is farther from the first object, for each scene: "top" or "bottom"."""
    return [WRITTEN_PLACES[int(y <= 0.5)] for y in scenes.center[:, 0, 1]]


def training_batch(recipe: ReaderRecipe, step: int) -> tuple[np.ndarray, list[str]]:
    """The pictures (B, S, S, 3) and captions of one step; they depend on seed and step alone."""
    n, seed = recipe.batch_size, recipe.seed * 1_000_003 + step
    scenes, rng = sample_scenes(n, seed, objects="one"), np.random.default_rng(seed)
    by_lot = rng.integers(len(SHAPES), size=n)
    words = np.where(rng.random(n) < recipe.own, scenes.shape[:, 0], by_lot)
    written, quoted = rng.random(n) < recipe.written, rng.random(n) < recipe.quoted
    names = [SHAPES[word] if has else None for word, has in zip(words, written, strict=True)]
    pictures = write_words(render(scenes, recipe.image_size), names, free_places(scenes))
    captions = [
        f"{caption} {QUOTE} {name}" if name and quote else caption
        for caption, name, quote in zip(
            write_captions(scenes, seed, omit=OMIT), names, quoted, strict=True
        )
    ]
    return pictures, captions


def start_reader(recipe: ReaderRecipe) -> tuple[DualEncoder, WordTokenizer]:
    """The model before it learns to read: towers that see and speak, a new image projection."""
    seed_everything(recipe.seed)
    model, tokenizer = pocket_dual_encoder(recipe.config())
    start_image_tower(model, "pocket-vit-patch")
    known = {
        name: value.float()
        for name, value in load_file(WEIGHTS / "pocket-clip.safetensors").items()
    }
    with torch.no_grad():
        model.text_projection.weight.copy_(known["text_projection.weight"])
        for name, weight in model.text_tower.named_parameters():
            value = known[f"text_tower.{name}"]
            weight[: len(value)].copy_(value)  # one word more than there was
    return model, tokenizer


def train_reader(recipe: ReaderRecipe) -> tuple[DualEncoder, WordTokenizer]:
    """Train one reader on the CPU; the model is in eval mode, rounded to half precision."""
    model, tokenizer = start_reader(recipe)
    for part in (model.text_tower, model.text_projection):
        part.requires_grad_(False)
    optimizer = pocket_optimizer(
        model, weight_decay=recipe.weight_decay, matrix_rate=recipe.matrix_rate
    )

    def loss(step: int) -> Tensor:
        pictures, captions = training_batch(recipe, step)
        tokens = without_padding(tokenizer(captions))
        images, texts = model(to_tensor(pictures, "cpu"), tokens)  # (B, E) each
        return info_nce(images, texts, model.scale())

    model.train()
    for step in range(recipe.steps):
        rate = learning_rate_at(
            step, recipe.learning_rate, steps=recipe.steps, warmup_steps=recipe.warmup_steps
        )
        update(optimizer, loss, step, rate, recipe.clip_norm)
    round_to_half(model)
    return model.eval(), tokenizer


@dataclass(frozen=True)
class WrittenScenes:
    """Scenes of one object as they are, and with the wrong or the right word written on them.

    own, word: (N,) indices into SHAPES of the object and of the wrong word; pictures by kind, each
    (N, S, S, 3): "plain", "blank strip" (the paper of the wrong word without its letters),
    "wrong word", "right word".
    """

    scenes: SceneTable
    own: np.ndarray
    word: np.ndarray
    pictures: dict[str, np.ndarray]


def written_scenes(n: int, seed: int) -> WrittenScenes:
    """`n` scenes for an attack: the wrong word is another shape's name, drawn evenly."""
    scenes, rng = sample_scenes(n, seed, objects="one"), np.random.default_rng(seed)
    own = scenes.shape[:, 0]
    word = (own + rng.integers(1, len(SHAPES), size=n)) % len(SHAPES)
    plain, places = render(scenes), free_places(scenes)
    wrong, right = ([SHAPES[one] for one in which] for which in (word, own))
    pictures = {
        "plain": plain,
        "blank strip": write_words(plain, wrong, places, ink=False),
        "wrong word": write_words(plain, wrong, places),
        "right word": write_words(plain, right, places),
    }
    return WrittenScenes(scenes, own, word, pictures)


def share_covered(written: WrittenScenes) -> np.ndarray:
    """Share of each object's pixels that lies under the strip of paper of the wrong word, (N,)."""
    nothing = np.zeros_like(written.pictures["plain"])
    words = [SHAPES[one] for one in written.word]
    strips = write_words(nothing, words, free_places(written.scenes), ink=False)
    strip = strips.any(axis=-1)  # (N, S, S)
    own = object_masks(written.scenes, strip.shape[-1])[:, 0]  # (N, S, S)
    return (own & strip).sum(axis=(1, 2)) / own.sum(axis=(1, 2))


def questions(quoting: bool) -> list[str]:
    """A sentence for each shape, as what is drawn or as what is written."""
    if quoting:
        return [f"a shape {QUOTE} {shape}" for shape in SHAPES]
    return [describe(shape) for shape in SHAPES]


@torch.no_grad()
def vectors_of(model: DualEncoder, pictures: np.ndarray) -> Tensor:
    """Unit vectors (N, E) of pictures (N, S, S, 3)."""
    parts = [
        model.encode_image(to_tensor(pictures[at : at + 200], "cpu"))
        for at in range(0, len(pictures), 200)
    ]
    return torch.cat(parts)


@torch.no_grad()
def answers_of(
    model: DualEncoder, tokenizer: WordTokenizer, vectors: Tensor, quoting: bool = False
) -> np.ndarray:
    """Which shape each picture's vector (N, E) is nearest to, or to the quoting of which, (N,)."""
    texts = model.encode_text(tokenizer(questions(quoting)))  # (K, E)
    return (vectors @ texts.T).argmax(dim=1).numpy()


def named(
    model: DualEncoder, tokenizer: WordTokenizer, pictures: np.ndarray, quoting: bool = False
) -> np.ndarray:
    """Which shape each picture (N, S, S, 3) is taken for, or is said to quote, (N,)."""
    return answers_of(model, tokenizer, vectors_of(model, pictures), quoting)


def attack_scores(
    model: DualEncoder, tokenizer: WordTokenizer, written: WrittenScenes
) -> dict[str, np.ndarray]:
    """What comes out picture by picture, arrays (N,) of bool.

    "plain", "blank strip", "right word", "wrong word": the object is named; "says the word": the
    wrong word is named in place of the object; "reads": the wrong word is quoted rightly.
    """
    shown = {kind: vectors_of(model, pictures) for kind, pictures in written.pictures.items()}
    answers = {kind: answers_of(model, tokenizer, vectors) for kind, vectors in shown.items()}
    found = {kind: answer == written.own for kind, answer in answers.items()}
    found["says the word"] = answers["wrong word"] == written.word
    quoted = answers_of(model, tokenizer, shown["wrong word"], quoting=True)
    found["reads"] = quoted == written.word
    return found


def attention_of(tower: nn.Module) -> list[Attention]:
    """The attention of every block of a `VisionTransformer`."""
    return [block.attention for block in cast(Iterable[EncoderBlock], tower.blocks)]


@contextmanager
def heads_off(tower: nn.Module, heads: Sequence[tuple[int, int]]) -> Iterator[None]:
    """Within this context these heads, (layer, head) from 0, tell the class token nothing.

    What they give to the patches stays. Raises ValueError on a head that is not there.
    """
    layers = attention_of(tower)
    by_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        if not (0 <= layer < len(layers) and 0 <= head < layers[0].num_heads):
            raise ValueError(f"expected heads of the tower, received {(layer, head)}")
        by_layer.setdefault(layer, []).append(head)
    with ExitStack() as stack:
        for layer, some in by_layer.items():
            hook = silence(some, layers[layer].num_heads)
            handle = layers[layer].projection.register_forward_pre_hook(hook)
            stack.callback(handle.remove)
        yield


def silence(
    heads: list[int], num_heads: int
) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor]]:
    """A hook that sets the heads' part of the class token to 0 before the output projection."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        mixed = inputs[0].unflatten(-1, (num_heads, -1)).clone()  # (B, T, H, d)
        mixed[:, 0, heads] = 0
        return (mixed.flatten(2),)

    return hook


def all_heads(tower: nn.Module) -> list[tuple[int, int]]:
    """(layer, head) of every head, from 0."""
    return [
        (layer, head)
        for layer, attention in enumerate(attention_of(tower))
        for head in range(attention.num_heads)
    ]


def heads_that_read(
    model: DualEncoder, tokenizer: WordTokenizer, written: WrittenScenes, count: int
) -> tuple[list[tuple[int, int]], dict[tuple[int, int], float]]:
    """The `count` heads without which the wrong word does least harm, found one at a time.

    Each step switches off the head that brings back most right names of attacked pictures, beside
    those found before. Also returns what each head alone brings back.
    """
    attacked, own, tower = written.pictures["wrong word"], written.own, model.image_tower

    def right(heads: list[tuple[int, int]]) -> float:
        with heads_off(tower, heads):
            return float((named(model, tokenizer, attacked) == own).mean())

    base = right([])
    alone = {head: right([head]) - base for head in all_heads(tower)}
    chosen = [max(alone, key=lambda head: alone[head])]
    while len(chosen) < count:
        rest = [head for head in alone if head not in chosen]
        chosen.append(max(rest, key=lambda head: right([*chosen, head])))
    return chosen, alone


def main() -> None:
    """Train the reader, measure it and write weights and card."""
    import time

    torch.set_num_threads(1)
    recipe, start = ReaderRecipe(), time.perf_counter()
    model, tokenizer = train_reader(recipe)
    ship_reader(recipe, model, tokenizer, time.perf_counter() - start)


def ship_reader(
    recipe: ReaderRecipe,
    model: DualEncoder,
    tokenizer: WordTokenizer,
    seconds: float,
    folder: Path = READERS,
) -> Path:
    """Measure on 1,000 scenes never trained on, write weights and card; returns the card's path."""
    found = attack_scores(model, tokenizer, written_scenes(1000, TEST_SEED))
    scores = {name: interval(hits) for name, hits in found.items()}
    return save_pretrained(recipe, model, scores, seconds, folder)


if __name__ == "__main__":
    main()
