"""Which factors do single features of a sparse autoencoder stand for, and after how many steps? (17)

Patch tokens of `pocket-vit`, the layer before the last, and what is really under each patch: its
shape, color and style. `sparse`: for every factor the feature that ranks its patches best, chosen on
one half of the pictures and marked on the other by average precision, after 200, 1,000 and 4,000
steps of training; `rivals`: the same of the neurons with either sign, of as many random directions,
and of linear readers that were told the answers. Every seed has pictures of its own. About three
minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
STEPS = [200, 1000, 4000]
RIVALS = ("neurons", "random directions", "told the answers")
KINDS = {"shape": (0, 10), "color": (10, 19), "style": (19, 27)}
SETTINGS = {
    "seeds": SEEDS,
    "steps": STEPS,
    "encoder": "pocket-vit, layer before the last",
    "scenes": 300,
    "first scenes": 21,  # the seed of the scenes of seed 0
    "halves": "of the pictures",
    "patches that are marked": 6000,
    "sparse autoencoder": {"num_features": 256, "active": 8},
}


@cache
def world(seed: int) -> tuple:
    """Standardised patch tokens (19200, 96), their factors (19200, 27) of bool and which lie in the
    first half of the pictures (19200,), shuffled; the pictures are drawn by seed.

    A style belongs to a whole picture, so that patches of one picture must stay in one half.
    """
    from vizkit import zoo
    from vizkit.data import sample_scenes
    from vizkit.training.factors import true_factors
    from vizkit.training.vlm import visual_features

    scenes = sample_scenes(SETTINGS["scenes"], seed=SETTINGS["first scenes"] + seed)
    tokens = visual_features(zoo.load("pocket-vit"), scenes)["before last"][:, 1:]  # (300, 64, 96)
    truth = true_factors(scenes, 8)[0]
    first = np.arange(len(tokens)).repeat(tokens.shape[1]) < len(tokens) // 2
    order = np.random.default_rng(seed).permutation(len(first))
    flat = tokens.flatten(0, 1)[order]
    flat = (flat - flat.mean(0)) / flat.std(0)
    return flat, truth.reshape(len(order), -1)[order], first[order]


def marked(seed: int) -> tuple:
    """As `world`, but only the patches that are marked."""
    return tuple(some[: SETTINGS["patches that are marked"]] for some in world(seed))


def marks(values: np.ndarray, seed: int) -> dict[str, float]:
    """Average precision of the best value of each factor, as a mean over the factors of a kind."""
    from vizkit.training.factors import best_of

    _, truth, first = marked(seed)
    found = best_of(values, truth, choose=first)[1]  # (27,)
    return {kind: round(float(found[slice(*places)].mean()), 4) for kind, places in KINDS.items()}


def measure(point: dict, table: dict) -> dict:
    """What single features stand for after training, and what variance is not explained."""
    import torch

    from vizkit.models.sparse_autoencoder import unexplained
    from vizkit.training.factors import train_sparse_autoencoder

    seed = point["seed"]
    model = train_sparse_autoencoder(
        world(seed)[0], steps=point["steps"], seed=seed, **SETTINGS["sparse autoencoder"]
    )
    some = marked(seed)[0]
    with torch.no_grad():
        rebuilt, codes = model(some)
    left = round(float(unexplained(some, rebuilt)), 4)
    return marks(codes.numpy(), seed) | {"unexplained variance": left}


def measure_rival(point: dict, table: dict) -> dict:
    """The same of neurons, of random directions, or of readers that were told the answers."""
    import torch

    seed = point["seed"]
    some, truth, first = marked(seed)
    if point["rival"] == "neurons":
        return marks(np.concatenate([some.numpy(), -some.numpy()], axis=1), seed)
    if point["rival"] == "told the answers":
        return marks(told(some.numpy(), truth, first), seed)
    draw = torch.Generator().manual_seed(seed)
    count = SETTINGS["sparse autoencoder"]["num_features"]
    return marks((some @ torch.randn(some.shape[1], count, generator=draw)).numpy(), seed)


def told(some: np.ndarray, truth: np.ndarray, first: np.ndarray) -> np.ndarray:
    """What a linear reader of each factor says of the patches, (N, 27), fitted on the first half."""
    from sklearn.linear_model import RidgeClassifier

    readers = [RidgeClassifier(alpha=10).fit(some[first], column[first]) for column in truth.T]
    return np.stack([reader.decision_function(some) for reader in readers], axis=1)


def by_seed(rows: list[dict], kind: str, **which) -> np.ndarray:
    """One number by seed, (seeds,), of the rows that are `which`."""
    found = {row["seed"]: row[kind] for row in rows if which.items() <= row.items()}
    return np.array([found[seed] for seed in SEEDS])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed.

    A feature stands for a factor where it brings more than half of what a reader that was told the
    answers has ahead of the best neuron.
    """
    from vizkit.course.evidence import estimate

    found = {}
    for kind in KINDS:
        neuron, reader = (
            by_seed(table["rivals"], kind, rival=rival) for rival in ("neurons", "told the answers")
        )
        for steps in table["settings"]["steps"]:
            sparse = by_seed(table["sparse"], kind, steps=steps)
            found[f"{kind}, {steps} steps: single features stand for the factors"] = estimate(
                sparse - (neuron + reader) / 2
            ).above(0)
            for rival in ("neurons", "random directions"):
                ahead = estimate(sparse - by_seed(table["rivals"], kind, rival=rival))
                found |= {
                    f"{kind}, {steps} steps: ahead of the best of the {rival}": ahead.above(0),
                    f"{kind}, {steps} steps: five points ahead of them ({rival})": ahead.above(
                        0.05
                    ),
                }
        last, before = (
            by_seed(table["sparse"], kind, steps=steps)
            for steps in table["settings"]["steps"][:0:-1]
        )
        found[f"{kind}: the last steps still bring a point"] = estimate(last - before).above(0.01)
    return found


EXPERIMENT = Experiment(
    name="sparse_factors",
    settings=SETTINGS,
    parts=(
        Part(
            "rivals",
            points=lambda table: [
                {"rival": rival, "seed": seed} for rival in RIVALS for seed in SEEDS
            ],
            measure=measure_rival,
        ),
        Part(
            "sparse",
            points=lambda table: [
                {"steps": steps, "seed": seed} for steps in STEPS for seed in SEEDS
            ],
            measure=measure,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
