"""Questions and answers about drawn scenes, and the features of a frozen encoder to answer from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from vizkit.data import (
    COLORS,
    SHAPES,
    caption_vocabulary,
    describe,
    describe_pair,
    render,
)
from vizkit.data.scenes import PLACES, RELATIONS, SceneTable
from vizkit.models import VisionLanguageModel, next_word_loss
from vizkit.models.text import END, PADDING, WordTokenizer
from vizkit.training.loop import generator

if TYPE_CHECKING:
    from vizkit.zoo.pocket import PocketTower

BATCH = 256  # pictures at a time through the frozen encoder
TASKS = ("describe", "where")
DESCRIBE = "describe the picture"
TOKENIZER = WordTokenizer(sorted({*caption_vocabulary(), "describe", "where"}), context_length=24)


@dataclass(frozen=True)
class Dialogues:
    """Questions with their answers: `pictures` (M,) says which picture each one is about.

    tokens: (M, L), the words of question, answer and end sign, then padding;
    counted: (M, L) of bool, True at the answer and its end sign; questions, answers: M texts.
    """

    pictures: Tensor
    tokens: Tensor
    counted: Tensor
    questions: list[str]
    answers: list[str]

    def __len__(self) -> int:
        return len(self.questions)


def write_dialogues(scenes: SceneTable, *, tasks: Sequence[str] = TASKS) -> Dialogues:
    """Questions about each scene. "describe" has one, "where" one for each object.

    "describe the picture": "a red circle left of a blue star", with the leftmost (or, one above
    the other, the topmost) object first, or "a red circle at the top left" for a single object;
    "where is the circle": "top left", one of PLACES; "the red circle" beside another circle.
    Raises ValueError on an unknown task or none, TypeError on something that is no table of scenes.
    """
    check_scenes(scenes)
    if isinstance(tasks, str) or not tasks or not set(tasks) <= set(TASKS):
        raise ValueError(f"expected tasks among {TASKS}, received {tasks!r}")
    rows = []
    for index in range(len(scenes)):
        if "describe" in tasks:
            rows.append((index, DESCRIBE, describe_scene(scenes, index)))
        if "where" in tasks:
            for slot in range(scenes.num_objects[index]):
                question = f"where is the {name_of(scenes, index, slot)}"
                rows.append((index, question, PLACES[scenes.place[index, slot]]))
    pictures, questions, answers = map(list, zip(*rows, strict=True))
    tokens = TOKENIZER([f"{q} {a}" for q, a in zip(questions, answers, strict=True)])  # (M, L)
    asked = torch.tensor([len(question.split()) for question in questions])  # (M,)
    counted = (torch.arange(tokens.shape[1]) >= asked[:, None]) & (tokens != PADDING)  # (M, L)
    used = int((tokens != PADDING).any(dim=0).sum())
    return Dialogues(
        torch.tensor(pictures), tokens[:, :used], counted[:, :used], questions, answers
    )


def describe_scene(scenes: SceneTable, index: int) -> str:
    """One sentence that says color, shape and place of a single object, or how two stand."""
    phrases = [describe(shape, color=color) for shape, color in objects_of(scenes, index)]
    if len(phrases) == 1:
        shape, color = objects_of(scenes, index)[0]
        return describe(shape, color=color, place=PLACES[scenes.place[index, 0]])
    relation = RELATIONS[scenes.relation[index]]
    first_leads = relation in ("left of", "above")
    relation = {"right of": "left of", "below": "above"}.get(relation, relation)
    first, second = phrases if first_leads else phrases[::-1]
    return describe_pair(first, second, relation)


def objects_of(scenes: SceneTable, index: int) -> list[tuple[str, str]]:
    """(shape, color) of each object of one scene."""
    colors = list(COLORS)
    return [
        (SHAPES[scenes.shape[index, slot]], colors[scenes.color[index, slot]])
        for slot in range(scenes.num_objects[index])
    ]


def name_of(scenes: SceneTable, index: int, slot: int) -> str:
    """What a question calls an object: "star", or "red star" beside another star."""
    objects = objects_of(scenes, index)
    shape, color = objects[slot]
    alone = sum(shape == other for other, _ in objects) == 1
    return shape if alone else f"{color} {shape}"


@torch.no_grad()
def visual_features(encoder: "PocketTower", scenes: SceneTable) -> dict[str, Tensor]:
    """The tokens of a frozen encoder by layer, class token first, (N, T, D) each, on the CPU.

    encoder: a pocket encoder whose image tower is a `VisionTransformer`. The layers are "last",
    after the last norm, and "before last", what the last block gets (LLaVA takes that one).
    Raises TypeError for an encoder without patch tokens, or something that is no table of scenes.
    """
    check_scenes(scenes)
    tower: nn.Module = encoder.image_tower
    if not hasattr(tower, "num_prefix_tokens"):
        raise TypeError(f"{encoder.name} has a {type(tower).__name__}, which has no patch tokens")
    blocks = cast(nn.ModuleList, tower.blocks)
    names = {"last": "encoded", "before last": f"block_{len(blocks) - 2}"}
    parts: dict[str, list[Tensor]] = {layer: [] for layer in names}
    for start in range(0, len(scenes), BATCH):
        pixels = encoder.preprocess(render(scenes[start : start + BATCH], encoder.image_size))
        _, named = tower(pixels.to(encoder.device), return_intermediates=True)
        for layer, name in names.items():
            parts[layer].append(named[name].float().cpu())  # (B, T, D)
    return {layer: torch.cat(tokens) for layer, tokens in parts.items()}  # (N, T, D) each


def words_of(tokens: Tensor) -> list[str]:
    """Token numbers (B, L) to texts; each stops at its end sign."""
    special = {PADDING: "", END: ""}
    known = {number: word for word, number in TOKENIZER.number.items()} | special
    texts = []
    for row in np.asarray(tokens).tolist():
        row = row[: row.index(END)] if END in row else row
        texts.append(" ".join(known.get(number, "?") for number in row).strip())
    return texts


def answer_loss(
    model: VisionLanguageModel,
    features: Tensor,
    dialogues: Dialogues,
    *,
    batch_size: int = 48,
    seed: int = 0,
) -> Callable[[int], Tensor]:
    """A `compute_loss` for `fit`: each step draws dialogues and learns the words of their answers.

    features: (N, T, D_in) of the pictures that the dialogues are about.
    """
    chooser = generator(seed)
    tokens, counted = dialogues.tokens.to(features.device), dialogues.counted.to(features.device)

    def loss(step: int) -> Tensor:
        rows = torch.randint(len(dialogues), (batch_size,), generator=chooser)  # (B,)
        logits = model(features[dialogues.pictures[rows]], tokens[rows])  # (B, L, V)
        return next_word_loss(logits, tokens[rows], counted[rows])

    return loss


def answers_of(
    model: VisionLanguageModel, features: Tensor, dialogues: Dialogues, *, max_words: int = 14
) -> list[str]:
    """What the model answers to each question, in their order; it never sees the true answers."""
    asked = np.array([len(question.split()) for question in dialogues.questions])  # (M,)
    answers = [""] * len(dialogues)
    for length in np.unique(asked):
        same = np.flatnonzero(asked == length)
        for rows in np.array_split(same, -(-len(same) // BATCH)):
            questions = dialogues.tokens[rows, :length].to(features.device)  # (B, length)
            seen = features[dialogues.pictures[rows]]  # (B, T, D_in)
            said = model.generate(seen, questions, max_words=max_words)  # (B, A)
            for row, text in zip(rows, words_of(said.cpu()), strict=True):
                answers[row] = text
    return answers


def check_scenes(scenes: SceneTable) -> None:
    """Raise TypeError unless `scenes` is a table of scenes."""
    if not isinstance(scenes, SceneTable):
        raise TypeError(f"expected scenes from sample_scenes, received {type(scenes).__name__}")
