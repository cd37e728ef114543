"""Which layer of a contrastive encoder knows color, shape, count and place best? (17)

Linear probes on the mean patch token after the stem, each block and the last norm, on the class
token at the end, and on the joint vector: of five draws of pictures, three fifths to fit on, one to
choose the best layer by, one for the test. Beside them an encoder that learned nothing, and the best
layer's numbers brought to as few as the joint vector has. `all patches`: the same probe on all patch
tokens side by side, for their mean may lose what they still hold. About three minutes on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
ENCODERS = ("pocket-clip", "pocket-siglip", "untrained")
QUESTIONS = ("color", "shape", "count", "place")
STATIONS = ("stem", "block 1", "block 2", "block 3", "norm", "class token", "joint")
LAYERS = STATIONS[:-2]  # those with patch tokens
FADING = ("count", "place")  # what the joint vector lacks
SETTINGS = {
    "seeds": SEEDS,
    "encoders": ENCODERS,
    "questions": QUESTIONS,
    "stations": STATIONS,
    "pictures": 600,
    "strength": 10,
    "strength for all patches": 640,  # as much for each of 64 times as many numbers
}


@cache
def model_of(name: str):
    """A pocket encoder; "untrained" has the parts of pocket-clip as they were initialised."""
    from vizkit import zoo
    from vizkit.models.pocket import pocket_dual_encoder
    from vizkit.training import seed_everything

    if name != "untrained":
        return zoo.load(name).model
    seed_everything(0)
    return pocket_dual_encoder(zoo.load("pocket-clip").card["config"])[0].eval()


@lru_cache(maxsize=2)  # of one encoder and draw; all together they would fill two gigabytes
def seen_by(name: str, seed: int, crowds: bool) -> dict[str, np.ndarray]:
    """Patch tokens (N, 64, 96) after each of `LAYERS`, class token (N, 96), joint vector (N, 64)."""
    import torch

    from vizkit import zoo

    pictures, model, found = drawn(seed)[int(crowds)], model_of(name), {}
    with torch.no_grad():
        for at in range(0, len(pictures), 100):
            pixels = zoo.load("pocket-clip").preprocess(pictures[at : at + 100])
            pooled, named = model.image_tower(pixels, return_intermediates=True)
            blocks = [named[f"block_{k}"][:, 1:] for k in range(3)]
            last = named["encoded"]
            steps = [named["patch_tokens"], *blocks, last[:, 1:], last[:, 0]]
            for station, values in zip(
                STATIONS, [*steps, model.image_projection(pooled)], strict=True
            ):
                found.setdefault(station, []).append(values)
    return {station: torch.cat(values).numpy() for station, values in found.items()}


def stations_of(name: str, seed: int, crowds: bool) -> dict[str, np.ndarray]:
    """What a probe reads of N pictures, (N, D) by station: the mean patch token, if there are any."""
    seen = seen_by(name, seed, crowds)
    return {one: some.mean(1) if one in LAYERS else some for one, some in seen.items()}


@cache
def drawn(seed: int) -> tuple:
    """Pictures of one object, and of crowds; and the answers to each question, (N,)."""
    from vizkit.data import render, sample_scenes
    from vizkit.data.crowds import draw_crowds

    n = SETTINGS["pictures"]
    single, many = sample_scenes(n, seed=500 + seed, objects="one"), draw_crowds(n, 600 + seed)
    answers = {name: getattr(single, name)[:, 0] for name in ("color", "shape", "place")}
    return render(single), many.pictures, answers | {"count": many.counts}


def marks(
    values: np.ndarray, labels: np.ndarray, strength: float = SETTINGS["strength"]
) -> tuple[float, float]:
    """Shares of right answers of a ridge probe on the fifth to choose by, and on that of the test."""
    from sklearn.linear_model import RidgeClassifier

    values = (values - values.mean(0)) / (values.std(0) + 1e-6)
    part = np.arange(len(labels)) % 5
    fit = RidgeClassifier(alpha=strength).fit(values[part < 3], labels[part < 3])
    return tuple(float(fit.score(values[part == k], labels[part == k])) for k in (3, 4))


def measure(point: dict, table: dict) -> dict:
    """Right answers of the test by station, the best layer, and the best layer with fewer numbers."""
    seed, question = point["seed"], point["question"]
    stations = stations_of(point["encoder"], seed, question == "count")
    labels = drawn(seed)[2][question]
    found = {station: marks(values, labels) for station, values in stations.items()}
    best = max(LAYERS, key=lambda one: found[one][0])
    rng = np.random.default_rng(seed)
    wide, width = stations[best], stations["joint"].shape[1]
    fewer = wide @ rng.normal(size=(wide.shape[1], width)) / np.sqrt(wide.shape[1])
    row = {station: round(mark[1], 4) for station, mark in found.items()}
    return row | {
        "best layer": best,
        "best": round(found[best][1], 4),
        "best, fewer numbers": round(marks(fewer, labels)[1], 4),
    }


def measure_all_patches(point: dict, table: dict) -> dict:
    """Right answers of the test by layer, and of the best one, from all patch tokens side by side."""
    seen = seen_by(point["encoder"], point["seed"], point["question"] == "count")
    labels = drawn(point["seed"])[2][point["question"]]
    found = {
        layer: marks(
            seen[layer].reshape(len(labels), -1), labels, SETTINGS["strength for all patches"]
        )
        for layer in LAYERS
    }
    best = max(LAYERS, key=lambda one: found[one][0])
    row = {layer: round(mark[1], 4) for layer, mark in found.items()}
    return row | {"best layer": best, "best": round(found[best][1], 4)}


def column(table: dict, encoder: str, question: str, value: str, part: str = "rows") -> np.ndarray:
    """One number by seed, (seeds,)."""
    wanted = {"encoder": encoder, "question": question}
    found = {row["seed"]: row[value] for row in table[part] if wanted.items() <= row.items()}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by draw."""
    from vizkit.course.evidence import estimate

    found = {}
    for encoder in ("pocket-clip", "pocket-siglip"):
        for question in QUESTIONS:
            joint = column(table, encoder, question, "joint")
            for value, words in (
                ("best", "the best layer is ahead of the joint vector"),
                ("best, fewer numbers", "with as few numbers, too"),
                ("class token", "the class token is ahead of the joint vector"),
            ):
                lead = estimate(column(table, encoder, question, value) - joint)
                found[f"{encoder}, {question}: {words}, by five points"] = lead.above(0.05)
            learned = column(table, encoder, question, "best")
            lead = estimate(learned - column(table, "untrained", question, "best"))
            found[f"{encoder}, {question}: its best layer is ahead of an untrained one"] = (
                lead.above(0)
            )
            lead = estimate(learned - column(table, encoder, question, "norm"))
            found[f"{encoder}, {question}: its best layer is ahead of the last one"] = lead.above(0)
        for question in FADING:
            first, last = (
                column(table, encoder, question, value, "all patches") for value in ("best", "norm")
            )
            found[
                f"{encoder}, {question}: the best layer is ahead of the last one, all patches"
            ] = estimate(first - last).above(0)
    return found


def points_of(questions: Sequence[str]) -> list[dict[str, Any]]:
    """Every seed and encoder with each of these questions."""
    return [
        {"encoder": encoder, "question": question, "seed": seed}
        for seed in SEEDS
        for encoder in ENCODERS
        for question in questions
    ]


EXPERIMENT = Experiment(
    name="layers",
    settings=SETTINGS,
    parts=(
        Part(
            "rows",
            points=lambda table: points_of(QUESTIONS),
            measure=measure,
        ),
        Part(
            "all patches",
            points=lambda table: points_of(FADING),
            measure=measure_all_patches,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
