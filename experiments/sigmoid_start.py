"""Where the bias of the sigmoid loss should start (08): Table 4 of the paper, in small.

The five starts of Zhai et al. 2023, Table 4, and the start that fits the batch, -log(N - 1). Three
lengths of training, because the ranking depends on them; each start and length has its own learning
rate: `rows` tries four, a factor of about 3 apart; where the best lies at an edge, `wider` and
`widest` go one further. `faster` starts the bias at 0 and lets it move faster than the weights: the
control for "it only comes late because it moves slowly". About seven minutes on one core.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache, partial

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

RATES = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]
SETTINGS = {
    "seeds": [0, 1, 2, 3, 4],
    "batch_size": 256,
    "steps": [80, 320, 1280],
    "rates": RATES,
    "first_rates": [1e-3, 3e-3, 1e-2, 3e-2],
    "speeds": [10, 100],
    "speed": "the bias is this number times what is learned, so that a step of Adam on it is as "
    "many times larger; bias 0, scale 10",
    "pairs": "4,096 to learn from, 256 to choose the rate, 256 for the test; pocket-vit, locked",
    "widths": {"joint_dim": 32, "hidden": 64},
    "score": "recall@1 among 256, pictures to captions",
}
# Start → bias, whether it is learned, scale. "No bias" is a bias of 0 that stays there.
STARTS = {
    "no bias, scale 10": (0.0, False, 10.0),
    "bias -10, scale 10": (-10.0, True, 10.0),
    "bias -10, scale 1": (-10.0, True, 1.0),
    "bias 0, scale 10": (0.0, True, 10.0),
    "bias 0, scale 1": (0.0, True, 1.0),
    "bias -5.5, scale 10": (-float(np.log(255)), True, 10.0),
}
PAPER = dict(zip(STARTS, (62.0, 63.0, 61.0, 61.7, 53.7), strict=False))  # Table 4
RECOMMENDED = "bias -10, scale 10"


@cache
def pairs():
    """Pairs to learn from, to choose the rate, and for the test."""
    from vizkit import zoo
    from vizkit.training.locked import locked_pairs

    all_pairs = locked_pairs(zoo.load("pocket-vit").encode_image, 4608, seed=1)
    return all_pairs[:4096], all_pairs[4096:4352], all_pairs[4352:]


def train_all(start: str, steps: int, rate: float, seeds: list[int]):
    """Models and histories of every seed from one start."""
    from vizkit.training.locked import train_locked_together

    bias, learn_bias, scale = STARTS[start]
    run = {
        "bias": bias,
        "learn_bias": learn_bias,
        "temperature": 1 / scale,
        "learning_rate": rate,
    }
    return train_locked_together(
        pairs()[0], [{**run, "seed": seed} for seed in seeds], loss="sigmoid",
        batch_size=SETTINGS["batch_size"], samples=steps * SETTINGS["batch_size"],
        **SETTINGS["widths"],
    )  # fmt: skip


def measure(point: dict, table: dict) -> dict:
    """Recall, first and last loss, bias and scale at the end, of every seed."""
    from vizkit.training.locked import recall_at_one

    _, tuning, test = pairs()
    models, histories = train_all(point["start"], point["steps"], point["rate"], SETTINGS["seeds"])
    return {
        "tuning": [round(recall_at_one(model, tuning), 4) for model in models],
        "test": [round(recall_at_one(model, test), 4) for model in models],
        "first_loss": [round(history.loss[0], 3) for history in histories],
        "last_loss": [round(float(np.mean(history.loss[-10:])), 4) for history in histories],
        "bias": [round(model.logit_bias.item(), 3) for model in models],
        "scale": [round(model.scale().item(), 3) for model in models],
    }


def measure_faster(point: dict, table: dict) -> dict:
    """Recall and bias of every seed from bias 0 and scale 10, with a bias that moves faster."""
    from vizkit.losses import sigmoid_loss
    from vizkit.training import fit_together
    from vizkit.training.locked import RUN, batch_order, recall_at_one, start_locked

    train, tuning, test = pairs()
    size, steps, speed = SETTINGS["batch_size"], point["steps"], point["speed"]
    runs = [{**RUN, "seed": seed, "bias": 0.0, "temperature": 0.1} for seed in SETTINGS["seeds"]]
    models = [start_locked(train, "sigmoid", run, **SETTINGS["widths"]) for run in runs]
    orders = [batch_order(len(train), size, steps, seed) for seed in SETTINGS["seeds"]]
    order = np.stack(orders, axis=1)  # (steps, seeds, size)

    def loss(model, features, words):
        return sigmoid_loss(*model(features, words), model.scale(), speed * model.logit_bias)

    fit_together(
        models, loss, lambda step: (train.image_features[order[step]], train.word_counts[order[step]]),
        steps=steps, learning_rate=point["rate"], warmup_steps=steps // 20, seed=None, progress=False,
    )  # fmt: skip
    return {
        "tuning": [round(recall_at_one(model, tuning), 4) for model in models],
        "test": [round(recall_at_one(model, test), 4) for model in models],
        "bias": [round(speed * model.logit_bias.item(), 3) for model in models],
    }


def faster_points(table: dict) -> list[dict]:
    """Four rates for every speed of the bias and every length."""
    return [
        {"speed": speed, "steps": steps, "rate": rate}
        for speed in SETTINGS["speeds"]
        for steps in SETTINGS["steps"]
        for rate in SETTINGS["first_rates"]
    ]


def faster(table: dict) -> dict[int, list[dict]]:
    """Speed of the bias → for each length the row at its best rate."""
    return {
        speed: [
            best_of([r for r in table["faster"] if (r["speed"], r["steps"]) == (speed, steps)])
            for steps in SETTINGS["steps"]
        ]
        for speed in SETTINGS["speeds"]
    }


def points(table: dict) -> list[dict]:
    """Four rates for every start and length."""
    return [
        {"start": start, "steps": steps, "rate": rate}
        for steps in SETTINGS["steps"]
        for start in STARTS
        for rate in SETTINGS["first_rates"]
    ]


def further(table: dict, parts: tuple[str, ...]) -> list[dict]:
    """One rate more wherever the best one of these parts is the lowest or the highest."""
    found = []
    for (start, steps), rows in tried(table, parts).items():
        rates = sorted(row["rate"] for row in rows)
        best = best_of(rows)["rate"]
        step = (best == rates[-1]) - (best == rates[0])
        place = RATES.index(best) + step
        if step and 0 <= place < len(RATES):
            found.append({"start": start, "steps": steps, "rate": RATES[place]})
    return found


def tried(table: dict, parts: tuple[str, ...] = ("rows", "wider", "widest")) -> dict:
    """(start, steps) → its rows, one for each rate."""
    found = defaultdict(list)
    for part in parts:
        for row in table.get(part, []):
            found[row["start"], row["steps"]].append(row)
    return dict(found)


def best_of(rows: list[dict]) -> dict:
    """The row whose rate was best on the pairs that choose it."""
    return max(rows, key=lambda row: np.mean(row["tuning"]))


def chosen(table: dict, start: str, steps: int) -> dict:
    """The row of a start and a length at its best rate."""
    return best_of(tried(table)[start, steps])


def recalls(table: dict) -> dict[str, np.ndarray]:
    """Start → recall on the test, (seeds, lengths)."""
    return {
        start: np.array([chosen(table, start, steps)["test"] for steps in SETTINGS["steps"]]).T
        for start in STARTS
    }


def verdicts(table: dict) -> dict[str, bool | str]:
    """Is the recommended start ahead, length by length? At two standard errors, paired by seed."""
    from vizkit.course import estimate

    scores, found = recalls(table), {}
    for column, steps in enumerate(SETTINGS["steps"]):
        for other in STARTS:
            if other != RECOMMENDED:
                lead = scores[RECOMMENDED][:, column] - scores[other][:, column]
                sentence = f"after {steps} steps {RECOMMENDED} is ahead of {other}"
                found[sentence] = estimate(lead).above(0)
        for speed, best in faster(table).items():
            lead = scores[RECOMMENDED][:, column] - best[column]["test"]
            sentence = (
                f"after {steps} steps it is ahead of bias 0 with a bias {speed} times as fast"
            )
            found[sentence] = estimate(lead).above(0)
    return found


EXPERIMENT = Experiment(
    name="sigmoid_start",
    settings=SETTINGS,
    parts=(
        Part("rows", points=points, measure=measure),
        Part("wider", points=partial(further, parts=("rows",)), measure=measure),
        Part("widest", points=partial(further, parts=("rows", "wider")), measure=measure),
        Part("faster", points=faster_points, measure=measure_faster),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
