"""Steering what a tiny language model says, by one sparse feature in the patch tokens that it sees.

Pach et al. 2025 (2504.02821) turn up features of a sparse autoencoder in the eyes of LLaVA. Here
the world is drawn, so it is known what each feature should stand for, and what the model would say
if the picture were really changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from vizkit.data import COLORS, SHAPES
from vizkit.data.scenes import SceneTable
from vizkit.models.sparse_autoencoder import SparseAutoencoder
from vizkit.training.factors import best_of, train_sparse_autoencoder, true_factors
from vizkit.training.labelled import labels_of_cells
from vizkit.training.vlm import check_scenes, describe_scene
from vizkit.training.vlm_exam import COLOR_NAMES, NAMES, is_well_formed

WAYS = ("feature", "difference of means", "another feature", "random direction", "empty patches")
AS_ACTIVE = 5  # features that are most nearly as active, of which "another feature" is one


@dataclass(frozen=True)
class NamedFeatures:
    """A sparse autoencoder on patch tokens (…, D), and what its M features stand for.

    numbers: for each factor ("color: red") the feature that ranks its patches best;
    usual: (M,) the mean code of each of these where it is above 0 at a patch of its factor, and 0
        for features that no factor has;
    activity: (M,) at which share of all patches a feature is above 0;
    means: for each factor the mean token (D,) of its patches, for which no autoencoder is needed.
    """

    model: SparseAutoencoder
    numbers: dict[str, int]
    usual: Tensor
    activity: Tensor
    means: dict[str, Tensor]


def named_features(
    tokens: Tensor,
    scenes: SceneTable,
    *,
    count: int,
    seed: int,
    num_features: int = 256,
    active: int = 8,
    steps: int = 300,
) -> NamedFeatures:
    """A sparse autoencoder on `count` of the patch tokens (N, P, D) of the scenes, and its features.

    num_features, active, steps: as in `train_sparse_autoencoder`. A factor that none of these
    patches has gets no feature. Each feature is chosen on the first half of the patches.
    """
    flat = tokens.flatten(0, 1)  # (N * P, D)
    order = np.random.default_rng(seed).permutation(len(flat))[:count]
    some = flat[order]
    model = train_sparse_autoencoder(
        some, num_features=num_features, active=active, steps=steps, seed=seed
    )
    truth, names = true_factors(scenes, int(tokens.shape[1] ** 0.5))
    truth = truth.reshape(len(flat), -1)[order]  # (count, K)
    there = truth.any(0)
    with torch.no_grad():
        codes = model.encode(some).numpy()  # (count, M)
    best, _ = best_of(codes, truth[:, there], choose=np.arange(len(order)) < len(order) // 2)
    numbers = dict(zip(np.array(names)[there].tolist(), best.tolist(), strict=True))
    usual = np.zeros(codes.shape[1], np.float32)
    for name, number in numbers.items():
        own = codes[truth[:, names.index(name)], number]
        usual[number] = own[own > 0].mean() if (own > 0).any() else 0.0
    means = {name: some[truth[:, names.index(name)]].mean(0) for name in numbers}
    activity = torch.from_numpy((codes > 0).mean(0, dtype=np.float32))
    return NamedFeatures(model, numbers, torch.from_numpy(usual), activity, means)


@dataclass(frozen=True)
class Steered:
    """One `kind` of factor of object 0 in N scenes of two, steered from its old name to a new one.

    scenes, new: the scenes, and the same with the new name; kind: "color" or "shape";
    features: what the tokens are steered with.
    """

    scenes: SceneTable
    new: SceneTable
    kind: str
    features: NamedFeatures

    @property
    def names(self) -> tuple[str, ...]:
        """The names that an answer may give."""
        return COLOR_NAMES if self.kind == "color" else NAMES

    def names_of(self, scenes: SceneTable, slot: int) -> list[str]:
        """What one object of each scene is."""
        known = list(COLORS) if self.kind == "color" else list(SHAPES)
        return [known[value] for value in getattr(scenes, self.kind)[:, slot]]

    def factors_of(self, scenes: SceneTable) -> list[str]:
        """The factor of object 0 of each scene: "color: red"."""
        return [f"{self.kind}: {name}" for name in self.names_of(scenes, 0)]

    def numbers_of(self, scenes: SceneTable) -> np.ndarray:
        """The feature of what object 0 of each scene is, (N,)."""
        return np.array([self.features.numbers[factor] for factor in self.factors_of(scenes)])


def patches_of(scenes: SceneTable, slot: int, side: int) -> np.ndarray:
    """Which patches lie in the box of one object, (N, side * side) of bool."""
    check_scenes(scenes)
    alone = scenes.shape.copy()
    alone[:, 1 - slot] = -1
    return labels_of_cells(replace(scenes, shape=alone), "shape", side) >= 0


@torch.no_grad()
def push(features: NamedFeatures, tokens: Tensor, out: np.ndarray, into: np.ndarray) -> Tensor:
    """What exchanging one feature for another adds to each token, (N, P, D).

    tokens: (N, P, D); out, into: (N,) numbers of features. The code of `out` is taken away as far
    as it is there, and the usual code of `into` put in.
    """
    model = features.model
    codes = model.encode(tokens)  # (N, P, M)
    removed = codes[torch.arange(len(tokens)), :, out, None] * model.directions[out][:, None]
    added = (features.usual[into, None] * model.directions[into])[:, None]  # (N, 1, D)
    return added - removed  # (N, P, D)


@torch.no_grad()
def ways_of_steering(
    steered: Steered, tokens: Tensor, seed: int, *, times: float = 1.0
) -> dict[str, Tensor]:
    """The tokens (N, P, D) of the scenes, pushed in each of `WAYS`.

    "feature": on the patches of object 0 the feature of the old name is exchanged for that of the
    new one, `times` as far as usual. In the next three each of these patches is moved exactly as
    far in another direction: from the mean token of the old name to that of the new one; along
    another feature, one of those most nearly as active as the new name's; in a direction drawn by
    lot. "empty patches": the exchange on as many patches that show no object.
    """
    rng, side = np.random.default_rng(seed), int(tokens.shape[1] ** 0.5)
    own, beside = (patches_of(steered.scenes, slot, side) for slot in (0, 1))  # (N, P) each
    empty = torch.from_numpy(emptied(own, beside, rng))[..., None]  # (N, P, 1)
    full = push(steered.features, tokens, *map(steered.numbers_of, (steered.scenes, steered.new)))
    lots = torch.from_numpy(rng.normal(size=(len(tokens), tokens.shape[2])).astype(np.float32))
    directions = {
        "difference of means": between_means(steered),
        "another feature": steered.features.model.directions.detach()[as_active(steered, rng)],
        "random direction": lots,
    }  # (N, D) each
    mask = torch.from_numpy(own)[..., None]  # (N, P, 1)
    length = times * mask * full.norm(dim=-1, keepdim=True)  # (N, P, 1)
    found = {"feature": tokens + times * mask * full}
    for way, direction in directions.items():
        found[way] = tokens + length * normalize(direction, dim=-1)[:, None]  # (N, P, D)
    return found | {"empty patches": tokens + times * empty * full}


def between_means(steered: Steered) -> Tensor:
    """From the mean token of the old name to that of the new one, (N, D)."""
    old, new = (
        torch.stack([steered.features.means[factor] for factor in steered.factors_of(scenes)])
        for scenes in (steered.scenes, steered.new)
    )
    return new - old


def as_active(steered: Steered, rng: np.random.Generator) -> np.ndarray:
    """For each scene another feature, (N,): one of those most nearly as active as the new name's.

    Features of names of the same kind take no part.
    """
    activity = steered.features.activity.numpy()
    own = [steered.features.numbers[f"{steered.kind}: {name}"] for name in steered.names]
    rest = np.setdiff1d(np.arange(len(activity)), own)
    apart = np.abs(activity[rest] - activity[steered.numbers_of(steered.new), None])  # (N, rest)
    nearest = rest[np.argsort(apart, axis=1, kind="stable")[:, :AS_ACTIVE]]  # (N, AS_ACTIVE)
    return nearest[np.arange(len(nearest)), rng.integers(AS_ACTIVE, size=len(nearest))]


def emptied(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many patches as `first` has, in each row, drawn from those in neither; (N, P) of bool."""
    found = np.zeros_like(first)
    for row, (one, two) in enumerate(zip(first, second, strict=True)):
        free = np.flatnonzero(~(one | two))
        found[row, rng.choice(free, min(len(free), int(one.sum())), replace=False)] = True
    return found


# ------------------------------------------------------------------------------- what is said


def said_of(
    steered: Steered, answers: Sequence[str], before: Sequence[str]
) -> dict[str, np.ndarray]:
    """What N answers say of each scene, (N,) of bool each; `before`: the answers without a push.

    "new", "old": object 0 has its new, its old name; "other": the other object has its own;
    "rest": all words but the name of object 0 are those of `before`; "clean": "new" and "rest";
    "well formed": it is a sentence of the world's language, true or not.

    Raises ValueError unless there is one answer of each sort a scene.
    """
    if not len(answers) == len(before) == len(steered.scenes):
        raise ValueError(
            f"expected {len(steered.scenes)} answers of each sort, "
            f"received {len(answers)} and {len(before)}"
        )
    named = [named_at(answers, steered, slot) for slot in (0, 1)]
    without = [named_at(some, steered, 0, hide=True) for some in (answers, before)]
    new = equal(named[0], steered.names_of(steered.new, 0))
    rest = equal(*without)
    return {
        "new": new,
        "old": equal(named[0], steered.names_of(steered.scenes, 0)),
        "other": equal(named[1], steered.names_of(steered.scenes, 1)),
        "rest": rest,
        "clean": new & rest,
        "well formed": np.array([is_well_formed(answer) for answer in answers]),
    }


def equal(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Where two lists of texts agree, (N,) of bool."""
    return np.array([one == other for one, other in zip(first, second, strict=True)])


def named_at(
    answers: Sequence[str], steered: Steered, slot: int, *, hide: bool = False
) -> list[str]:
    """What each answer calls one object, by its place in the true description; "" if nothing.

    hide: the answer without that name in place of the name; an answer that does not name two
    things as it is.
    """
    found = []
    for index, answer in enumerate(answers):
        words, true = answer.split(), describe_scene(steered.scenes, index).split()
        own = SHAPES[steered.scenes.shape[index, slot]]
        at = [name for name in true if name in NAMES].index(own)
        places = [k for k, word in enumerate(words) if word in steered.names]
        if hide:
            found.append(
                " ".join([*words[: places[at]], "…", *words[places[at] + 1 :]])
                if len(places) == 2
                else answer
            )
        else:
            found.append(words[places[at]] if len(places) == 2 else "")
    return found


def chosen_by_others(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Each seed's value at the strength that is best for all other seeds, (seeds,).

    values, by: (seeds, strengths), what is reported and what is to be high. So no seed has a say in
    the strength that it is judged at. Raises ValueError on shapes that differ, or on one seed.
    """
    values, by = np.asarray(values), np.asarray(by)
    if values.shape != by.shape or values.ndim != 2 or len(values) < 2:
        raise ValueError(
            f"expected two arrays (seeds, strengths), received {values.shape} and {by.shape}"
        )
    best = (by.sum(axis=0) - by).argmax(axis=1)  # (seeds,)
    return values[np.arange(len(values)), best]
