"""A small world and an exam for the tiny vision-language model of notebook 12.

Two objects of different shape in every picture, four shapes and four colors, so that a question
has one answer and guessing has a known score.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vizkit.data import SHAPES, sample_scenes
from vizkit.data.scenes import PLACES, SceneTable
from vizkit.models import CausalDecoder, VisionLanguageModel
from vizkit.training.loop import check_whole, seed_everything
from vizkit.training.vlm import TOKENIZER, Dialogues, check_scenes

NAMES = ("circle", "square", "star", "heart")
COLOR_NAMES = ("red", "blue", "green", "yellow")
FACTS = ("where", "shapes", "colors", "relation")
_THING = rf"an? ({'|'.join(COLOR_NAMES)}) ({'|'.join(NAMES)})"
_SENTENCE = re.compile(rf"{_THING} (left of|above) {_THING}")


def pair_scenes(n: int, seed: int) -> SceneTable:
    """`n` scenes of two objects: two of `NAMES`, `COLOR_NAMES`, every style and background."""
    check_whole(n=n)
    kinds = np.array([SHAPES.index(name) for name in NAMES])
    rng = np.random.default_rng(seed)
    shapes = np.array([rng.permutation(kinds)[:2] for _ in range(n)])  # (n, 2)
    return sample_scenes(n, seed, shapes=shapes, colors=COLOR_NAMES, held_out="include")


def place_of_shape(scenes: SceneTable, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Which scenes hold the shape `name`, (N,) of bool, and its place in those, 0 to 8.

    Places are numbered as in `PLACES`. Raises ValueError for an unknown shape.
    """
    check_scenes(scenes)
    if name not in SHAPES:
        raise ValueError(f"expected a shape among {SHAPES}, received {name!r}")
    is_it = scenes.shape == SHAPES.index(name)  # (N, 2)
    there = is_it.any(axis=1)  # (N,)
    return there, scenes.place[there, is_it.argmax(axis=1)[there]]


def standardize(train: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Features (N, T, D) with mean 0 and spread 1 in each channel of `train`; `others` alike.

    Without this the few channels of large values drown the rest in a connector's first layer.
    """
    mean, spread = train.mean((0, 1)), train.std((0, 1)) + 1e-6  # (D,) each
    return tuple((one - mean) / spread for one in (train, *others))


def small_model(
    make_connector: Callable[[], nn.Module], *, embed_dim: int, depth: int, seed: int
) -> VisionLanguageModel:
    """A connector and a small decoder of `depth` blocks, started from `seed`.

    Positions and words start large enough to be told apart at once (std 0.3): at a width of 64
    the 0.02 of large language models costs some hundred steps.
    """
    seed_everything(seed)
    decoder = CausalDecoder(vocabulary_size=len(TOKENIZER), embed_dim=embed_dim, depth=depth)
    nn.init.normal_(decoder.position, std=0.3)
    nn.init.normal_(decoder.token_embedding.weight, std=0.3)
    return VisionLanguageModel(make_connector(), decoder)


def mark_facts(dialogues: Dialogues, answers: Sequence[str]) -> dict[str, np.ndarray]:
    """Which answers are right, for each of `FACTS` an array of bool over its questions.

    where: the place of one object; shapes: both are named; colors: both, in their order;
    relation: "above" or "left of". Raises ValueError unless there is one answer a question.
    """
    if len(answers) != len(dialogues):
        raise ValueError(f"expected {len(dialogues)} answers, received {len(answers)}")
    marks: dict[str, list[bool]] = {fact: [] for fact in FACTS}
    for question, said, true in zip(dialogues.questions, answers, dialogues.answers, strict=True):
        if question.startswith("where"):
            marks["where"].append(said == true)
            continue
        said_words, true_words = said.split(), true.split()
        marks["shapes"].append(_named(said_words, NAMES) == _named(true_words, NAMES))
        marks["colors"].append(
            said_words[1:2] == true_words[1:2] and said_words[-2:-1] == true_words[-2:-1]
        )
        marks["relation"].append(("above" in said_words) == ("above" in true_words))
    return {fact: np.array(right) for fact, right in marks.items() if right}


def is_well_formed(answer: str) -> bool:
    """Whether an answer is a sentence of the world's language, true or not."""
    return answer in PLACES or _SENTENCE.fullmatch(answer) is not None


def other_pictures(features: Tensor) -> Tensor:
    """The same features (N, T, D) with each picture in the place of the one before it."""
    return torch.roll(features, -1, dims=0)


def _named(words: list[str], among: Sequence[str]) -> set[str]:
    return {word for word in words if word in among}
