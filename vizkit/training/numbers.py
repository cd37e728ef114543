"""Sentences with numbers and with "no", and how a dual encoder on locked features takes them."""

import numpy as np

from vizkit.data import COLORS, SHAPES, caption_vocabulary, sample_scenes
from vizkit.data.crowds import MOST_IN_A_CROWD, Crowds
from vizkit.data.scenes import SceneTable, check_share
from vizkit.models.text import WordTokenizer
from vizkit.training.vlm import check_scenes
from vizkit.training.vlm_exam import COLOR_NAMES, NAMES

NUMBERS = ("one", "two", "three", "four", "five", "six")


def plural(name: str) -> str:
    """The plural of a shape: "hearts", "crosses"."""
    return f"{name}es" if name.endswith(("s", "x")) else f"{name}s"


TOKENIZER = WordTokenizer(
    sorted({*caption_vocabulary(), *NUMBERS, *map(plural, SHAPES), "some", "but", "no"}),
    context_length=12,
)


def number_sentence(number: str, shape: str, color: str) -> str:
    """ "three red hearts"; number: one of NUMBERS, or "some"."""
    return f"{number} {color} {shape if number == 'one' else plural(shape)}"


def crowd_captions(crowds: Crowds, seed: int, told: float) -> list[str]:
    """One caption a picture: "three red hearts", or "some red hearts" where no number is told.

    told: how often, 0 to 1, the number is told.
    """
    check_share("told", told)
    tells = np.random.default_rng(seed).random(len(crowds)) < told  # (N,)
    return [
        number_sentence(NUMBERS[count - 1] if tell else "some", SHAPES[shape], list(COLORS)[color])
        for count, shape, color, tell in zip(
            crowds.counts, crowds.shape, crowds.color, tells, strict=True
        )
    ]


def number_questions(crowds: Crowds) -> list[list[str]]:
    """For each picture its sentence with each of the six numbers, N lists of six."""
    colors = list(COLORS)
    return [
        [number_sentence(number, SHAPES[shape], colors[color]) for number in NUMBERS]
        for shape, color in zip(crowds.shape, crowds.color, strict=True)
    ]


def counts_by_eye(sizes: np.ndarray, known_sizes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The count, (M,), that a reader of the inked area alone would give: nearest mean area."""
    means = np.array(
        [known_sizes[known == count].mean() for count in range(1, MOST_IN_A_CROWD + 1)]
    )
    return np.abs(sizes[:, None] - means).argmin(axis=1) + 1


def single_scenes(n: int, seed: int) -> SceneTable:
    """`n` scenes of one object: four shapes, four colors, any style."""
    return sample_scenes(
        n, seed, objects="one", shapes=NAMES, colors=COLOR_NAMES, held_out="include"
    )


def negating_captions(
    scenes: SceneTable, seed: int, negated: float, *, even: bool = False
) -> list[str]:
    """One true caption a scene of one object: "a red heart", or with a "no".

    negated: how often, 0 to 1, it says what is not there: half of those "a red heart but no star",
    half "no star".
    even: whether colors are told alike of what is there and of what is not: of each in half of the
    captions, "a heart but no red star". Otherwise a shape without a color is one that is not there.
    """
    check_scenes(scenes)
    check_share("negated", negated)
    rng = np.random.default_rng(seed)
    captions = []
    for index in range(len(scenes)):
        shape, color = SHAPES[scenes.shape[index, 0]], list(COLORS)[scenes.color[index, 0]]
        absent = rng.choice([name for name in NAMES if name != shape])
        here, alone = f"{color} {shape}", rng.random() < 0.5
        says_no = rng.random() < negated
        if even:
            told = rng.random(2) < 0.5
            here = here if told[0] else shape
            absent = f"{rng.choice(COLOR_NAMES)} {absent}" if told[1] else absent
        caption = f"a {here}"
        if says_no:
            caption = f"no {absent}" if alone else f"{caption} but no {absent}"
        captions.append(caption)
    return captions


def negation_test(scenes: SceneTable, seed: int, pattern: str) -> tuple[list[str], list[str]]:
    """True and false sentences of what is not there, for scenes of one object.

    pattern: with "{}" for a shape, such as "no {}", and "{color}" where the object's color is to
    stand: the true sentence names a shape that is not in the picture, the false one the shape that
    is.
    """
    check_scenes(scenes)
    rng = np.random.default_rng(seed)
    here = [SHAPES[shape] for shape in scenes.shape[:, 0]]
    colors = [list(COLORS)[color] for color in scenes.color[:, 0]]
    absent = [rng.choice([name for name in NAMES if name != shape]) for shape in here]
    true, false = (
        [pattern.format(one, color=color) for one, color in zip(some, colors, strict=True)]
        for some in (absent, here)
    )
    return true, false
