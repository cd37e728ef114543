"""Which position embedding answers which question, and at which size (04), trained to the end.

`rows`: every network at every learning rate, five seeds; about half an hour on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = list(range(5))
NETWORKS = {
    "none": ("none", "cls"),
    "learned_1d": ("learned_1d", "cls"),
    "learned_2d": ("learned_2d", "cls"),
    "sincos_2d": ("sincos_2d", "cls"),
    "rope_axial": ("rope_axial", "cls"),
    "rope_mixed": ("rope_mixed", "cls"),
    "rope_axial, average": ("rope_axial", "mean"),
    "ring, class token": ("rope_ring", "cls"),
    "ring, average": ("rope_ring", "mean"),
    "random table": ("random table", "cls"),
}
MODES = ("interpolate", "extrapolate", "repeat")
SETTINGS = {
    "seeds": SEEDS,
    "steps": 1200,
    "rates": [0.004, 0.01],
    "batch": 24,
    "scenes": "2,000 to learn from (seed 1), 500 for the test (seed 2), 250 at 96 pixels (seed 3)",
    "network": "ViT of 2 layers, 32 channels, 2 heads, 6 x 6 patches of 8 pixels",
}


@cache
def scenes() -> tuple:
    """Scenes to learn from, for the test, and for the test at 96 pixels."""
    from vizkit.training.places import place_scenes

    return place_scenes(2000, 1), place_scenes(500, 2), place_scenes(250, 3, fine=2)


def points(table: dict) -> list[dict]:
    """Every network at every learning rate."""
    settings = table["settings"]
    return [{"network": name, "rate": rate} for name in NETWORKS for rate in settings["rates"]]


def measure(point: dict, table: dict) -> dict:
    """Accuracies by seed, as trained and at 96 pixels, the loss at the end, and the curve."""
    from vizkit.training.places import QUESTIONS, place_accuracy, place_network, train_places

    position, pooling = NETWORKS[point["network"]]
    learn, test, large = scenes()
    models = [place_network(position, seed, pooling) for seed in table["settings"]["seeds"]]
    steps = table["settings"]["steps"]
    histories = train_places(models, learn, test, steps=steps, learning_rate=point["rate"])
    row = {"loss": [float(np.mean(history.loss[-100:])) for history in histories]}
    row["curve"] = {
        question: [[record[question] for record in history.records] for history in histories]
        for question in QUESTIONS
    }
    if position not in ("none", "random table", "rope_ring"):
        for mode in MODES:
            found = [place_accuracy(model.resized(96, mode), *large) for model in models]
            row[mode] = dict(zip(QUESTIONS, map(list, zip(*found, strict=True)), strict=True))
    return row


def chosen(table: dict) -> dict[str, dict]:
    """For every network the row of the rate with the lowest training loss at the end."""
    best: dict[str, dict] = {}
    for row in table["rows"]:
        name = row["network"]
        if name not in best or np.mean(row["loss"]) < np.mean(best[name]["loss"]):
            best[name] = row
    return best


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 04 says of this table."""
    from vizkit.course.evidence import all_of, estimate

    rows = chosen(table)
    chance = {"left of": 0.5, "quadrant": 0.25}

    def final(name: str, question: str) -> np.ndarray:
        return np.array(rows[name]["curve"][question])[:, -1]  # (seeds,)

    def solves(name: str):
        # Halfway between guessing and knowing.
        return all_of(*(estimate(final(name, q)).above((1 + c) / 2) for q, c in chance.items()))

    with_positions = [name for name in NETWORKS if name not in ("none", "ring, average")]
    without = [estimate(final("none", q)).below(c + 0.05) for q, c in chance.items()]
    loss = {
        name: estimate(final(name, "quadrant") - np.array(rows[name]["extrapolate"]["quadrant"]))
        for name in ("rope_axial", "rope_axial, average")
    }
    return {
        "Without positions both questions are guessed": all_of(*without),
        **{f"{name} answers both questions": solves(name) for name in with_positions},
        "RoPE on a ring, read by the average, knows the quadrant": estimate(
            final("ring, average", "quadrant")
        ).above((1 + chance["quadrant"]) / 2),
        **{
            f"{name} loses the quadrant when it counts on": found.above(0.1)
            for name, found in loss.items()
        },
    }


EXPERIMENT = Experiment(
    name="positions",
    settings=SETTINGS,
    parts=(Part("rows", points=points, measure=measure),),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
