"""Softmax or sigmoid loss, by batch size, each with its own learning rate (09).

Locked-image runs at equal samples, 15 seeds: once 8,192, which are two passes over the 4,096 pairs,
and, as the control for "too short to tell", once 32,768, which are eight. `rows` tries three rates, a factor of 3 apart; where the best
lies at an edge, `wider` and `widest` go one further. `steps` gives a batch of 256 as many steps as
a batch of 32 has: the control for "larger batches only lack steps". All seeds are asked the same
pairs, and another 256 pairs are easier or harder; so `tests` asks the models of the best rates five
tests, and the spread over them counts as well. About eight minutes on one core.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache, partial

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SETTINGS = {
    "seeds": list(range(15)),
    "batch_sizes": [4, 16, 32, 64, 128, 256],
    "samples": [8192, 32768],
    "rates": "0.002 sqrt(batch size / 4) x 3^power, powers -1 to 1 and further where needed",
    "pairs": "4,096 to learn from, 256 to choose the rate, 256 for each test; pocket-vit, locked",
    "tests": 5,
    "widths": {"joint_dim": 32, "hidden": 64},
    "score": "recall@1 among 256, pictures to captions",
}
LOSSES = ("info_nce", "sigmoid")
KEY = ("samples", "loss", "batch_size")
SHORT, LONG = SETTINGS["samples"]


@cache
def pairs():
    """Pairs to learn from, to choose the rate, and a list of those for each test."""
    from vizkit import zoo
    from vizkit.training.locked import locked_pairs

    encode = zoo.load("pocket-vit").encode_image
    first = locked_pairs(encode, 4608, seed=1)
    more = locked_pairs(encode, 256 * (SETTINGS["tests"] - 1), seed=2)
    others = [more[start : start + 256] for start in range(0, len(more), 256)]
    return first[:4096], first[4096:4352], [first[4352:], *others]


def trained(point: dict):
    """The models of every seed, and their learning rate."""
    from vizkit.training.locked import train_locked_together

    rate = 2e-3 * (point["batch_size"] / 4) ** 0.5 * 3.0 ** point["power"]
    models, _ = train_locked_together(
        pairs()[0], [{"seed": seed, "learning_rate": rate} for seed in SETTINGS["seeds"]],
        loss=point["loss"], batch_size=point["batch_size"], samples=point["samples"],
        **SETTINGS["widths"],
    )  # fmt: skip
    return models, rate


def measure(point: dict, table: dict) -> dict:
    """Recall of every seed, on the pairs that choose the rate and on the first test."""
    from vizkit.training.locked import recall_at_one

    (_, tuning, tests), (models, rate) = pairs(), trained(point)
    return {
        "rate": float(f"{rate:.4g}"),
        "tuning": [round(recall_at_one(model, tuning), 4) for model in models],
        "test": [round(recall_at_one(model, tests[0]), 4) for model in models],
    }


def measure_tests(point: dict, table: dict) -> dict:
    """Recall of every seed on every test, (seeds, tests)."""
    from vizkit.training.locked import recall_at_one

    models, _ = trained(point)
    return {
        "tests": [[round(recall_at_one(one, test), 4) for test in pairs()[2]] for one in models]
    }


def points(table: dict) -> list[dict]:
    """Three rates for every loss, batch size and number of samples."""
    return [
        {"samples": samples, "loss": loss, "batch_size": size, "power": power}
        for samples in SETTINGS["samples"]
        for size in SETTINGS["batch_sizes"][::-1]
        for loss in LOSSES
        for power in (-1, 0, 1)
    ]


def further(table: dict, parts: tuple[str, ...]) -> list[dict]:
    """One rate more wherever the best one of these parts is the lowest or the highest."""
    found = []
    for key, rows in tried(table, parts).items():
        best, powers = best_of(rows)["power"], [row["power"] for row in rows]
        step = (best == max(powers)) - (best == min(powers))
        if step:
            found.append({**dict(zip(KEY, key, strict=True)), "power": best + step})
    return found


def equal_steps(table: dict) -> list[dict]:
    """Batch 256 with the 256 steps that batch 32 has at 8,192 samples."""
    return [
        {"samples": 256 * 256, "loss": "info_nce", "batch_size": 256, "power": power}
        for power in (-2, -1, 0, 1)
    ]


def best_points(table: dict) -> list[dict]:
    """The best rate of every loss, batch size and number of samples, and of the equal steps."""
    names = (*KEY, "power")
    best = [best_of(rows) for rows in (*tried(table).values(), table["steps"])]
    return [{name: row[name] for name in names} for row in best]


def tried(table: dict, parts: tuple[str, ...] = ("rows", "wider", "widest")) -> dict:
    """(samples, loss, batch size) → its rows, one for each rate."""
    found = defaultdict(list)
    for part in parts:
        for row in table.get(part, []):
            found[tuple(row[name] for name in KEY)].append(row)
    return dict(found)


def best_of(rows: list[dict]) -> dict:
    """The row whose rate was best on the pairs that choose it."""
    return max(rows, key=lambda row: np.mean(row["tuning"]))


def recalls(table: dict, samples: int = SHORT) -> dict[str, np.ndarray]:
    """Loss → recall on the tests at each batch size's best rate, (sizes, seeds, tests)."""
    found = {tuple(row[name] for name in KEY): row["tests"] for row in table["tests"]}
    sizes = SETTINGS["batch_sizes"]
    return {loss: np.array([found[samples, loss, size] for size in sizes]) for loss in LOSSES}


def at_an_edge(table: dict) -> int:
    """How often the best rate is the lowest or the highest that was tried."""
    count = 0
    for rows in tried(table).values():
        powers = [row["power"] for row in rows]
        count += best_of(rows)["power"] in (min(powers), max(powers))
    return count


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each at two standard errors, paired by seed and by test."""
    from vizkit.course.evidence import estimate_over_tests

    found = {}
    for samples in SETTINGS["samples"]:
        scores = recalls(table, samples)
        softmax, lead = scores["info_nce"], scores["sigmoid"] - scores["info_nce"]
        when = f"after {samples:,} samples"
        for size, ahead in zip(SETTINGS["batch_sizes"], lead, strict=True):
            name = f"{when} the sigmoid loss leads at batch {size}"
            found[name] = estimate_over_tests(ahead).above(0)
        found[f"{when} its lead is smaller at 128 and 256 than at 4 and 16"] = estimate_over_tests(
            lead[:2].mean(0) - lead[4:].mean(0)
        ).above(0)
        rise, end = softmax[2] - softmax[0], softmax[-1] - softmax[2]
        found[f"{when} batch 32 beats batch 4 (softmax)"] = estimate_over_tests(rise).above(0)
        found[f"{when} batch 256 beats batch 32 (softmax)"] = estimate_over_tests(end).above(0)
    return found


EXPERIMENT = Experiment(
    name="loss_by_batch",
    settings=SETTINGS,
    parts=(
        Part("rows", points=points, measure=measure),
        Part("wider", points=partial(further, parts=("rows",)), measure=measure),
        Part("widest", points=partial(further, parts=("rows", "wider")), measure=measure),
        Part("steps", points=equal_steps, measure=measure),
        Part("tests", points=best_points, measure=measure_tests),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
