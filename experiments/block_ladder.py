"""From ResNet's block to ConvNeXt's, one change at a time (05): which of them counts?

`rates`: the learning rates that were tried; `rows`: 200 digits, trained to the end; `short`: 64
steps on 1,300 digits, once with the papers' initial weights and once scaled by the inputs of each
layer, the control for "the start, not the block". About an hour on one core.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = list(range(5))
SETTINGS = {
    "seeds": SEEDS,
    "n": 200,
    "steps": 600,
    "rates": [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32],
    "rate_seeds": [100, 101, 102, 103, 104],
    "short_n": 1300,
    "short_steps": 64,
    "short_rate": 0.005,
    "short_seeds": SEEDS,
    "network": "two stages of 24 and 48 channels, one block each",
    "digits": "1,300 to learn from, 497 for the test; rates on 1,000 and 300 of the 1,300",
}


def steps() -> list[str]:
    """The names of the blocks from ResNet's to ConvNeXt's."""
    from vizkit.models import RESNET_TO_CONVNEXT

    return list(RESNET_TO_CONVNEXT)


def train(step: str, initialization: str = "fan_in", **options):
    """Train a small network of the blocks of one step."""
    from vizkit.training.digits import ladder_network, train_on_digits

    return train_on_digits(partial(ladder_network, step, initialization), **options)


def measure_rate(point: dict, table: dict) -> dict:
    """Accuracy on the validation digits."""
    run = train(
        point["step"], n=SETTINGS["n"], seed=point["seed"], learning_rate=point["rate"],
        steps=SETTINGS["steps"], choosing_rates=True,
    )  # fmt: skip
    return {"validation": round(run.test, 4)}


def chosen_rates(table: dict) -> dict[str, float]:
    """The rate of each step whose mean over seeds is highest."""
    scores = defaultdict(lambda: defaultdict(list))
    for row in table["rates"]:
        scores[row["step"]][row["rate"]].append(row["validation"])
    return {step: max(tried, key=lambda r: np.mean(tried[r])) for step, tried in scores.items()}


def measure(point: dict, table: dict) -> dict:
    """Accuracy on new digits after the whole training, and what its last quarter added."""
    run = train(
        point["step"], n=SETTINGS["n"], seed=point["seed"], steps=SETTINGS["steps"],
        learning_rate=chosen_rates(table)[point["step"]],
    )  # fmt: skip
    return {"test": round(run.test, 4), "late_gain": round(run.late_gain, 4)}


def measure_short(point: dict, table: dict) -> dict:
    """Accuracy on new digits after a short training."""
    run = train(
        point["step"], point["initialization"], n=SETTINGS["short_n"], seed=point["seed"],
        learning_rate=SETTINGS["short_rate"], steps=SETTINGS["short_steps"],
    )  # fmt: skip
    return {"test": round(run.test, 4)}


def accuracies(rows: list[dict], **chosen: object) -> dict[str, np.ndarray]:
    """Step → accuracies (seeds,) in the order of the seeds, of the rows that agree with `chosen`."""
    found = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["seed"]):
        if chosen.items() <= row.items():
            found[row["step"]].append(row["test"])
    return {step: np.array(values) for step, values in found.items()}


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed."""
    from vizkit.course import all_of, estimate

    long = accuracies(table["rows"])
    start = {how: accuracies(table["short"], initialization=how) for how in ("published", "fan_in")}
    first, *_, before_scale, last = steps()
    fall = {how: found["GELU"] - found["LayerNorm"] for how, found in start.items()}
    return {
        "ConvNeXt's block is ahead of ResNet's": estimate(long[last] - long[first]).above(0),
        "layer scale costs accuracy": estimate(long[before_scale] - long[last]).above(0),
        "after 64 steps layer scale costs accuracy with either start": all_of(
            *(estimate(one[before_scale] - one[last]).above(0) for one in start.values())
        ),
        "after 64 steps fewer, layer normalizations cost more with the papers' start": estimate(
            fall["published"] - fall["fan_in"]
        ).above(0),
    }


EXPERIMENT = Experiment(
    name="block_ladder",
    settings=SETTINGS,
    parts=(
        Part(
            "rates",
            lambda table: [
                {"step": step, "seed": seed, "rate": rate}
                for step in steps()
                for rate in SETTINGS["rates"]
                for seed in SETTINGS["rate_seeds"]
            ],
            measure_rate,
        ),
        Part(
            "short",
            lambda table: [
                {"step": step, "initialization": how, "seed": seed}
                for step in steps()
                for how in ("published", "fan_in")
                for seed in SETTINGS["short_seeds"]
            ],
            measure_short,
        ),
        Part(
            "rows",
            lambda table: [{"step": step, "seed": seed} for step in steps() for seed in SEEDS],
            measure,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
