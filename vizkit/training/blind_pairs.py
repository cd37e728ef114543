"""Pairs of pictures that differ in one thing, and tokens that are steered with one sparse feature.

Tong et al. 2024 ("Eyes Wide Shut? Exploring the Visual Shortcomings of Multimodal LLMs", MMVP,
2401.06209) look for pairs that CLIP takes for the same, and ask a language model about them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vizkit.data import COLORS, SHAPES
from vizkit.data.scenes import SceneTable
from vizkit.extras import require
from vizkit.models import MlpConnector, VisionLanguageModel
from vizkit.models.sparse_autoencoder import SparseAutoencoder
from vizkit.training.binding import twins_of
from vizkit.training.factors import best_of, train_sparse_autoencoder, true_factors
from vizkit.training.labelled import labels_of_cells
from vizkit.training.loop import fit
from vizkit.training.vlm import (
    answer_loss,
    answers_of,
    check_scenes,
    describe_scene,
    write_dialogues,
)
from vizkit.training.vlm_exam import COLOR_NAMES, NAMES, small_model

if TYPE_CHECKING:
    from vizkit.zoo.pocket import PocketTower

CHANGES = ("colors exchanged", "places exchanged", "another color", "another shape")


def changed(scenes: SceneTable, change: str, seed: int) -> SceneTable:
    """The same scenes of two objects with one thing changed; see `CHANGES`.

    "another color" and "another shape" change object 0 to one of `COLOR_NAMES` or `NAMES` that the
    scene does not hold. Raises ValueError on an unknown change.
    """
    check_scenes(scenes)
    if change not in CHANGES:
        raise ValueError(f"expected a change among {CHANGES}, received {change!r}")
    if change == "colors exchanged":
        return twins_of(scenes)
    if change == "places exchanged":
        return replace(
            scenes, color=scenes.color[:, ::-1].copy(), shape=scenes.shape[:, ::-1].copy()
        )
    kind, names, known = (
        ("color", COLOR_NAMES, list(COLORS))
        if change == "another color"
        else ("shape", NAMES, list(SHAPES))
    )
    return replace(scenes, **{kind: another(getattr(scenes, kind), names, known, seed)})


def another(column: np.ndarray, names: tuple[str, ...], known: list[str], seed: int) -> np.ndarray:
    """The column (N, 2) with a new value in slot 0, one of `names` that its row does not hold."""
    rng = np.random.default_rng(seed)
    numbers = np.array([known.index(name) for name in names])
    free = ~(numbers[None, None] == column[..., None]).any(axis=1)  # (N, names)
    pick = (rng.random(free.shape) * free).argmax(axis=1)  # (N,)
    found = column.copy()
    found[:, 0] = numbers[pick]
    return found


def area_under_curve(scores: np.ndarray, events: np.ndarray) -> float:
    """The chance that a pair with the event has a higher score than one without; ties count half.

    scores (N,), events (N,) of bool. Raises ValueError unless there are both.
    """
    require("course", "scipy", what="blind_pairs")
    from scipy.stats import rankdata

    events = np.asarray(events, bool)
    if not events.any() or events.all():
        raise ValueError("expected pairs with the event and pairs without it")
    ranks, hits = rankdata(scores), events.sum()
    return float((ranks[events].sum() - hits * (hits + 1) / 2) / (hits * (len(events) - hits)))


def patches_of(scenes: SceneTable, slot: int, side: int) -> np.ndarray:
    """Which patches lie in the box of one object, (N, side * side) of bool."""
    alone = scenes.shape.copy()
    alone[:, 1 - slot] = -1
    return labels_of_cells(replace(scenes, shape=alone), "shape", side) >= 0


@torch.no_grad()
def steer(
    model: SparseAutoencoder,
    tokens: Tensor,
    where: np.ndarray,
    out: np.ndarray,
    into: np.ndarray,
    strength: Tensor,
) -> Tensor:
    """Tokens (N, P, D) in which one feature was taken out and another put in.

    where: (N, P) of bool, the patches that change; out, into: (N,) numbers of features;
    strength: (M,) how large a feature's code is where it is put in. What the autoencoder does not
    explain of a token stays as it was.
    """
    codes = model.encode(tokens)  # (N, P, M)
    rows = torch.arange(len(tokens))
    removed = codes[rows, :, out, None] * model.directions[out][:, None]  # (N, P, D)
    added = (strength[into, None] * model.directions[into])[:, None]  # (N, 1, D)
    mask = torch.from_numpy(where)[..., None]  # (N, P, 1)
    return tokens + mask * (added - removed)


# ------------------------------------------------------------------------------- pairs


def in_order(answers: Sequence[str], among: Sequence[str]) -> list[tuple[str, ...]]:
    """The words of each answer that are `among` these, in their order."""
    return [tuple(word for word in answer.split() if word in among) for answer in answers]


def told_right(scenes: SceneTable, answers: Sequence[str], change: str) -> np.ndarray:
    """Which descriptions are right in what `change` is about, (N,) of bool.

    For "another shape" both shapes in their order, for all others both colors in their order.
    Raises ValueError on an unknown change or unless there is one answer a scene.
    """
    check_scenes(scenes)
    if change not in CHANGES:
        raise ValueError(f"expected a change among {CHANGES}, received {change!r}")
    if len(answers) != len(scenes):
        raise ValueError(f"expected {len(scenes)} answers, received {len(answers)}")
    among = NAMES if change == "another shape" else COLOR_NAMES
    true = [describe_scene(scenes, index) for index in range(len(scenes))]
    both = zip(in_order(answers, among), in_order(true, among), strict=True)
    return np.array([said == told for said, told in both])


def pair_cosines(encoder: "PocketTower", first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine of each pair of pictures (N, H, W, 3) in the encoder's own vector, (N,)."""
    one, other = (encoder.encode_image(some) for some in (first, second))  # (N, D) unit vectors
    return (one * other).sum(dim=1).numpy()


def pixel_likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Minus the root mean square difference of each pair of pictures (N, H, W, 3), (N,)."""
    apart = first.astype(np.float64) - second
    return -np.sqrt((apart**2).mean(axis=(1, 2, 3)))


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value as a share, above 0 and below 1; equal values share theirs."""
    require("course", "scipy", what="blind_pairs")
    from scipy.stats import rankdata

    return (rankdata(values) - 0.5) / len(values)


def mean_area(scores: dict[str, np.ndarray], events: dict[str, np.ndarray]) -> float:
    """The area under the curve within each change, averaged over those with both outcomes.

    Within a change, so that it says nothing that one kind of change is harder than another.
    Raises ValueError if no change has both.
    """
    areas = [
        area_under_curve(scores[change], hit)
        for change, hit in events.items()
        if hit.any() and not hit.all()
    ]
    if not areas:
        raise ValueError("expected a change with the event and without it")
    return float(np.mean(areas))


def within(scores: dict[str, np.ndarray], held: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scores by change, without what `held` says in a straight line: residuals of the ranks."""
    found = {}
    for change, values in scores.items():
        x, y = ranks(held[change]) - 0.5, ranks(values) - 0.5
        found[change] = y - x * (x @ y) / (x @ x)
    return found


# ------------------------------------------------------------------------------- steering


def named_at(
    answers: Sequence[str], scenes: SceneTable, slot: int, among: Sequence[str]
) -> list[str]:
    """What each answer calls one object, by its place in the true description; "" if nothing."""
    found = []
    for index, words in enumerate(in_order(answers, among)):
        true = describe_scene(scenes, index)
        own = SHAPES[scenes.shape[index, slot]]
        place = in_order([true], NAMES)[0].index(own)
        found.append(words[place] if len(words) == 2 else "")
    return found


def train_talker(
    tokens: Tensor,
    scenes: SceneTable,
    *,
    seed: int,
    steps: int = 520,
    learning_rate: float = 5e-3,
    batch_size: int = 48,
    embed_dim: int = 64,
    depth: int = 2,
) -> VisionLanguageModel:
    """The tiny language model of notebook 12, which describes and says where.

    tokens: (N, P, D) of the scenes, from a frozen encoder.
    """
    model = small_model(
        lambda: MlpConnector(in_dim=tokens.shape[-1], embed_dim=embed_dim),
        embed_dim=embed_dim, depth=depth, seed=seed,
    )  # fmt: skip
    loss = answer_loss(model, tokens, write_dialogues(scenes), batch_size=batch_size, seed=seed)
    fit(
        model, loss, steps=steps, learning_rate=learning_rate, warmup_steps=min(40, steps),
        clip_norm=1.0, seed=seed, progress=False,
    )  # fmt: skip
    return model


def descriptions(model: VisionLanguageModel, tokens: Tensor, scenes: SceneTable) -> list[str]:
    """What the model says when it is asked to describe each picture; tokens (N, P, D)."""
    return answers_of(model, tokens, write_dialogues(scenes, tasks=["describe"]))


def named_features(
    tokens: Tensor, scenes: SceneTable, *, count: int, seed: int, **options: Any
) -> tuple[SparseAutoencoder, dict[str, int], Tensor]:
    """A sparse autoencoder on `count` of the patch tokens (N, P, D), and what its features stand for.

    options: those of `train_sparse_autoencoder`. Also the feature that ranks each factor best
    ("color: red"), and each feature's usual code, (M,): its mean where it is above 0 at a patch of
    its factor, 0 for features that no factor has.
    """
    flat = tokens.flatten(0, 1)  # (N * P, D)
    order = np.random.default_rng(seed).permutation(len(flat))[:count]
    some = flat[order]
    model = train_sparse_autoencoder(some, seed=seed, **options)
    truth, names = true_factors(scenes, int(tokens.shape[1] ** 0.5))
    truth = truth.reshape(len(flat), -1)[order]  # (count, K)
    there = truth.any(0)
    with torch.no_grad():
        codes = model.encode(some).numpy()  # (count, M)
    best, _ = best_of(codes, truth[:, there], choose=np.arange(len(order)) < len(order) // 2)
    features = dict(zip(np.array(names)[there].tolist(), best.tolist(), strict=True))
    usual = np.zeros(codes.shape[1], np.float32)
    for name, feature in features.items():
        own = codes[truth[:, names.index(name)], feature]
        usual[feature] = own[own > 0].mean() if (own > 0).any() else 0.0
    return model, features, torch.from_numpy(usual)


@dataclass(frozen=True)
class Steered:
    """One `kind` of factor of object 0 in N scenes, steered from its old name to a new one.

    scenes, new: the scenes, and the same with the new name; kind: "color" or "shape";
    model, features, strength: a sparse autoencoder, its best feature for each factor ("color: red"),
    and how large each feature's code is where it is put in, (M,).
    """

    scenes: SceneTable
    new: SceneTable
    kind: str
    model: SparseAutoencoder
    features: dict[str, int]
    strength: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """The names that an answer may give."""
        return COLOR_NAMES if self.kind == "color" else NAMES

    def names_of(self, scenes: SceneTable, slot: int) -> list[str]:
        """What one object of each scene is."""
        known = list(COLORS) if self.kind == "color" else list(SHAPES)
        return [known[value] for value in getattr(scenes, self.kind)[:, slot]]

    def features_of(self, scenes: SceneTable) -> np.ndarray:
        """The feature of what object 0 of each scene is, (N,)."""
        return np.array([self.features[f"{self.kind}: {n}"] for n in self.names_of(scenes, 0)])


def ways_of_steering(
    steered: Steered, tokens: Tensor, real: Tensor, seed: int
) -> dict[str, Tensor]:
    """Tokens (N, P, D) of the scenes in six ways; `real` are those of the new scenes.

    "as it is"; "feature": the old name's feature is taken out of object 0 and the new one's put in;
    "random direction", "another feature": object 0 is moved as far, along a direction drawn by lot
    or along the feature of some other factor; "empty patches": the feature, on as many patches
    without an object; "really changed": `real`.
    """
    rng, count = np.random.default_rng(seed), len(tokens)
    side = int(tokens.shape[1] ** 0.5)
    where = patches_of(steered.scenes, 0, side)  # (N, P)
    empty = emptied(where, patches_of(steered.scenes, 1, side), rng)
    what = (steered.features_of(steered.scenes), steered.features_of(steered.new), steered.strength)
    lots = torch.from_numpy(rng.normal(size=(count, tokens.shape[2])).astype(np.float32))  # (N, D)
    own = {steered.features[f"{steered.kind}: {name}"] for name in steered.names}
    rest = np.array(sorted(set(steered.features.values()) - own))
    others = steered.model.directions.detach()[rng.choice(rest, count)]  # (N, D)
    full = steer(steered.model, tokens, where, *what)
    length = (full - tokens).norm(dim=-1, keepdim=True)  # (N, P, 1)
    return {
        "as it is": tokens,
        "feature": full,
        "random direction": tokens + length * torch.nn.functional.normalize(lots, dim=-1)[:, None],
        "another feature": tokens + length * others[:, None],
        "empty patches": steer(steered.model, tokens, empty, *what),
        "really changed": real,
    }


def said_of(steered: Steered, answers: Sequence[str]) -> dict[str, float]:
    """Shares of the answers in which object 0 has its "new" or its "old" name, and in which the
    "other" object keeps its own."""
    said, beside = (named_at(answers, steered.scenes, slot, steered.names) for slot in (0, 1))
    expected = {
        "new": (said, steered.names_of(steered.new, 0)),
        "old": (said, steered.names_of(steered.scenes, 0)),
        "other": (beside, steered.names_of(steered.scenes, 1)),
    }
    return {
        name: float(np.mean([a == b for a, b in zip(*both, strict=True)]))
        for name, both in expected.items()
    }


def emptied(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many patches as `first` has, in each row, drawn from those in neither; (N, P) of bool."""
    found = np.zeros_like(first)
    for row, (one, two) in enumerate(zip(first, second, strict=True)):
        free = np.flatnonzero(~(one | two))
        found[row, rng.choice(free, min(len(free), int(one.sum())), replace=False)] = True
    return found
