"""Which factors do single features of a sparse autoencoder stand for, and after how many steps? (17)

Patch tokens of `pocket-vit`, the layer before the last, and what is really under each patch: its
shape, color and style. `sparse`: for every factor the feature that ranks its patches best, chosen on
one half of the patches and marked on the other by average precision, after 200, 1,000 and 4,000
steps of training; `rivals`: the same of the neurons with either sign, of as many random directions,
and of linear readers that were told the answers. About two minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
STEPS = [200, 1000, 4000]
KINDS = {"shape": (0, 10), "color": (10, 19), "style": (19, 27)}
SETTINGS = {
    "seeds": SEEDS,
    "steps": STEPS,
    "encoder": "pocket-vit, layer before the last",
    "scenes": 300,
    "patches that are marked": 6000,
    "sparse autoencoder": {"num_features": 256, "active": 8},
}


@cache
def world() -> tuple:
    """Standardised patch tokens (19200, 96) and their factors (19200, 27) of bool, shuffled."""
    from vizkit import zoo
    from vizkit.data import sample_scenes
    from vizkit.training.factors import true_factors
    from vizkit.training.vlm import visual_features

    scenes = sample_scenes(SETTINGS["scenes"], seed=21)
    tokens = visual_features(zoo.load("pocket-vit"), scenes)["before last"][:, 1:].flatten(0, 1)
    order = np.random.default_rng(0).permutation(len(tokens))
    tokens = tokens[order]
    truth = true_factors(scenes, 8)[0].reshape(len(order), -1)[order]
    return (tokens - tokens.mean(0)) / tokens.std(0), truth


def marks(values: np.ndarray) -> dict[str, float]:
    """Average precision of the best value of each factor, as a mean over the factors of a kind."""
    from vizkit.training.factors import best_of

    rows = SETTINGS["patches that are marked"]
    half = np.arange(rows) < rows // 2
    found = best_of(values, world()[1][:rows], choose=half)[1]  # (27,)
    return {kind: round(float(found[slice(*places)].mean()), 4) for kind, places in KINDS.items()}


def measure(point: dict, table: dict) -> dict:
    """What single features stand for after training, and what variance is not explained."""
    import torch

    from vizkit.models.sparse_autoencoder import unexplained
    from vizkit.training.factors import train_sparse_autoencoder

    tokens = world()[0]
    model = train_sparse_autoencoder(
        tokens, steps=point["steps"], seed=point["seed"], **SETTINGS["sparse autoencoder"]
    )
    some = tokens[: SETTINGS["patches that are marked"]]
    with torch.no_grad():
        rebuilt, codes = model(some)
    left = round(float(unexplained(some, rebuilt)), 4)
    return marks(codes.numpy()) | {"unexplained variance": left}


def measure_rival(point: dict, table: dict) -> dict:
    """The same of neurons, of random directions, or of readers that were told the answers."""
    import torch

    some = world()[0][: SETTINGS["patches that are marked"]]
    if point["rival"] == "neurons":
        return marks(np.concatenate([some.numpy(), -some.numpy()], axis=1))
    if point["rival"] == "told the answers":
        return marks(told(some.numpy()))
    draw = torch.Generator().manual_seed(point["seed"])
    count = SETTINGS["sparse autoencoder"]["num_features"]
    return marks((some @ torch.randn(some.shape[1], count, generator=draw)).numpy())


def told(some: np.ndarray) -> np.ndarray:
    """What a linear reader of each factor says of the patches, (N, 27), fitted on the first half."""
    from sklearn.linear_model import RidgeClassifier

    truth, half = world()[1][: len(some)], len(some) // 2
    readers = [RidgeClassifier(alpha=10).fit(some[:half], column[:half]) for column in truth.T]
    return np.stack([reader.decision_function(some) for reader in readers], axis=1)


def by_seed(rows: list[dict], kind: str, **which) -> np.ndarray:
    """One number by seed, (seeds,), of the rows that are `which`."""
    return np.array([row[kind] for row in rows if which.items() <= row.items()])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed.

    A feature stands for a factor where it brings more than half of what a reader that was told the
    answers has ahead of the best neuron.
    """
    from vizkit.course.evidence import estimate

    found = {}
    for kind in KINDS:
        neuron, reader = (
            by_seed(table["rivals"], kind, rival=rival).item()
            for rival in ("neurons", "told the answers")
        )
        for steps in table["settings"]["steps"]:
            sparse = by_seed(table["sparse"], kind, steps=steps)
            found[f"{kind}, {steps} steps: single features stand for the factors"] = estimate(
                sparse
            ).above((neuron + reader) / 2)
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
                {"rival": "neurons"},
                {"rival": "told the answers"},
                *({"rival": "random directions", "seed": seed} for seed in SEEDS),
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
