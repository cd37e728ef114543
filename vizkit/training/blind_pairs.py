"""Pairs of pictures that differ in one thing, and the tiny language model that tells them apart.

Tong et al. 2024 ("Eyes Wide Shut? Exploring the Visual Shortcomings of Multimodal LLMs", MMVP,
2401.06209) look for pairs that CLIP takes for the same, and ask a language model about them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from vizkit.data import COLORS, SHAPES
from vizkit.data.scenes import SceneTable
from vizkit.extras import require
from vizkit.models import MlpConnector, VisionLanguageModel
from vizkit.training.binding import twins_of
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


def area_error(area: float, events: int, count: int) -> float:
    """The standard error of an area under the curve over `count` pairs, of which `events` have the event.

    Source: Hanley and McNeil 1982, "The Meaning and Use of the Area under a ROC Curve", equation 1.
    Raises ValueError unless there are pairs with the event and without it.
    """
    if not 0 < events < count:
        raise ValueError(f"expected events between 0 and {count}, received {events}")
    rest = count - events
    two_events, two_of_rest = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area)
    spread += (events - 1) * (two_events - area**2) + (rest - 1) * (two_of_rest - area**2)
    return float((spread / (events * rest)) ** 0.5)


def error_of_pairs(areas: Sequence[float], shares: Sequence[Sequence[float]], count: int) -> float:
    """How far the pairs themselves may move a mean over models that are all asked the same pairs.

    areas: of each model, by `mean_area`; shares: of each model and change, how many of its `count`
    pairs have the event; a change with none or with all does not count, as in `mean_area`. The
    changes are taken as independent of each other, the models as moved all alike: that is the most
    that the pairs can do.
    """
    errors = []
    for area, row in zip(areas, shares, strict=True):
        hits = [round(share * count) for share in row]
        single = [area_error(area, some, count) for some in hits if 0 < some < count]
        errors.append(float(np.sqrt(np.square(single).sum()) / len(single)))
    return float(np.mean(errors))


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


# ------------------------------------------------------------------------------- who tells


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
