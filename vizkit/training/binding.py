"""Who has which colour: a world of twins, captions of three kinds of neglect, batches with twins.

A twin of a scene has the colours of its two objects exchanged. The three knobs of the captions are
those of Gurung, Hoffmann and Brox 2025, "Common Data Properties Limit Object-Attribute Binding in
CLIP" (2507.07985).
"""

from dataclasses import replace

import numpy as np

from vizkit.data import COLORS, SHAPES, describe, describe_pair
from vizkit.data.scenes import SceneTable, check_share
from vizkit.training.loop import check_whole
from vizkit.training.sentences import Draw
from vizkit.training.vlm import check_scenes
from vizkit.training.vlm_exam import pair_scenes

# How the sentences of a test may join two objects; `that is` moves the colour behind its shape.
TEMPLATES = {
    "and": "a {0} {1} and a {2} {3}",
    "next to": "a {0} {1} next to a {2} {3}",
    "with": "a picture of a {0} {1} with a {2} {3}",
    "that is": "a {1} that is {0} and a {3} that is {2}",
}


def two_colored_scenes(n: int, seed: int) -> SceneTable:
    """`n` scenes of two objects: two of four shapes, two of four colors, any style."""
    check_whole(n=n)
    scenes = pair_scenes(2 * n + 64, seed)
    different = np.flatnonzero(scenes.color[:, 0] != scenes.color[:, 1])
    return scenes[different[:n]]


def twins_of(scenes: SceneTable) -> SceneTable:
    """The same scenes with the colors of their two objects exchanged."""
    check_scenes(scenes)
    return replace(scenes, color=scenes.color[:, ::-1].copy())


def neglectful_captions(
    scenes: SceneTable,
    seed: int,
    *,
    density: float = 1.0,
    completeness: float = 1.0,
    salient: bool = False,
) -> list[str]:
    """One caption a scene of two objects: "a red heart and a blue star", or less.

    density: how often, 0 to 1, the color of a named object is told;
    completeness: how often both objects are named;
    salient: whether a single object that is named is always the larger one, else either.
    Which of two named objects comes first is drawn evenly.
    """
    check_scenes(scenes)
    check_share("density", density)
    check_share("completeness", completeness)
    rng = np.random.default_rng(seed)
    lead = rng.integers(2, size=len(scenes))  # (N,)
    both = rng.random(len(scenes)) < completeness  # (N,)
    told = rng.random((len(scenes), 2)) < density  # (N, 2)
    larger = scenes.radius.argmax(axis=1)  # (N,)
    lead = np.where(salient & ~both, larger, lead)
    captions = []
    for index in range(len(scenes)):
        slots = (lead[index], 1 - lead[index])
        phrases = [phrase(scenes, index, slot, told[index, slot]) for slot in slots]
        captions.append(describe_pair(*phrases) if both[index] else phrases[0])
    return captions


def phrase(scenes: SceneTable, index: int, slot: int, with_color: bool) -> str:
    """One object: "a red heart", or "a heart"."""
    color = list(COLORS)[scenes.color[index, slot]] if with_color else None
    return describe(SHAPES[scenes.shape[index, slot]], color=color)


def swap_test(
    scenes: SceneTable, seed: int, template: str = "and"
) -> tuple[list[str], list[str], np.ndarray]:
    """True sentences, the same with the colors exchanged, and which object both name first, (N,).

    Half of them (to within one) name object 0 first, so that the order of mention tells nothing.
    Raises ValueError for an unknown template.
    """
    check_scenes(scenes)
    if template not in TEMPLATES:
        raise ValueError(f"expected a template among {tuple(TEMPLATES)}, received {template!r}")
    first = np.random.default_rng(seed).permutation(len(scenes)) % 2  # (N,)
    colors, pattern = list(COLORS), TEMPLATES[template]
    true, false = [], []
    for index, lead in enumerate(first):
        slots = (lead, 1 - lead)
        shape = [SHAPES[scenes.shape[index, slot]] for slot in slots]
        color = [colors[scenes.color[index, slot]] for slot in slots]
        true.append(with_articles(pattern.format(color[0], shape[0], color[1], shape[1])))
        false.append(with_articles(pattern.format(color[1], shape[0], color[0], shape[1])))
    return true, false, first


def with_articles(sentence: str) -> str:
    """The sentence with "an" before a vowel."""
    words = sentence.split()
    following = [*words[1:], ""]
    return " ".join(
        "an" if word == "a" and after[:1] in "aeiou" and after else word
        for word, after in zip(words, following, strict=True)
    )


def bags_of(scenes: SceneTable) -> np.ndarray:
    """A number for the words of a complete caption, whoever has which color, (N,)."""
    check_scenes(scenes)
    shapes = np.sort(scenes.shape, axis=1) @ (len(SHAPES), 1)
    colors = np.sort(scenes.color, axis=1) @ (len(COLORS), 1)
    return shapes * len(COLORS) ** 2 + colors


def bindings_of(scenes: SceneTable) -> np.ndarray:
    """Which of the two bindings of its bag each scene shows: 0 or 1, (N,)."""
    order = scenes.shape.argsort(axis=1)
    colors = np.take_along_axis(scenes.color, order, axis=1)
    return (colors[:, 0] > colors[:, 1]).astype(int)


def twin_batches(n: int, batch_size: int) -> Draw:
    """Batches that hold both twins of half as many scenes; scene i has its twin at n + i.

    n: scenes without their twins. Raises ValueError if batch_size is odd or too large.
    """
    check_whole(n=n, batch_size=batch_size)
    if batch_size % 2 or batch_size > 2 * n:
        raise ValueError(f"expected an even batch_size of at most {2 * n}, received {batch_size}")

    def draw(rng: np.random.Generator) -> np.ndarray:
        half = rng.choice(n, batch_size // 2, replace=False)
        return np.concatenate([half, half + n])

    return draw


def twinless_batches(scenes: SceneTable, batch_size: int) -> Draw:
    """Batches in which no two scenes differ in their binding alone.

    Of each bag of words the batch shows one of its two bindings, drawn anew each time. Raises
    ValueError if so many scenes cannot be had.
    """
    check_whole(batch_size=batch_size)
    bags, bindings = bags_of(scenes), bindings_of(scenes)
    _, bag_number = np.unique(bags, return_inverse=True)
    if len(scenes) < 4 * batch_size:
        raise ValueError(f"expected at least {4 * batch_size} scenes, received {len(scenes)}")

    def draw(rng: np.random.Generator) -> np.ndarray:
        shown = rng.integers(2, size=bag_number.max() + 1)
        fits = np.flatnonzero(bindings == shown[bag_number])
        return rng.choice(fits, batch_size, replace=False)

    return draw
