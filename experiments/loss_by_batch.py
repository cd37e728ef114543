"""Softmax or sigmoid loss, by batch size, each with its own learning rate (09).

Locked-image runs at equal samples, 15 seeds, once with 8,192 pairs seen and, as the control for
"too short to tell", once with 32,768. `rows` tries three rates, a factor of 3 apart; where the best
lies at an edge, `wider` and `widest` go one further. `steps` gives a batch of 256 as many steps as
a batch of 32 has: the control for "larger batches only lack steps". About eight minutes on one
core.
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
    "pairs": "4,096 to learn from, 256 to choose the rate, 256 for the test; pocket-vit, locked",
    "widths": {"joint_dim": 32, "hidden": 64},
    "score": "recall@1 among 256, pictures to captions",
}
LOSSES = ("info_nce", "sigmoid")
KEY = ("samples", "loss", "batch_size")
SHORT, LONG = SETTINGS["samples"]


@cache
def pairs():
    """Pairs to learn from, to choose the rate, and for the test."""
    from vizkit import zoo
    from vizkit.training.locked import locked_pairs

    all_pairs = locked_pairs(zoo.load("pocket-vit").encode_image, 4608, seed=1)
    return all_pairs[:4096], all_pairs[4096:4352], all_pairs[4352:]


def measure(point: dict, table: dict) -> dict:
    """Recall of every seed, on the pairs that choose the rate and on the test."""
    from vizkit.training.locked import recall_at_one, train_locked_together

    train, tuning, test = pairs()
    rate = 2e-3 * (point["batch_size"] / 4) ** 0.5 * 3.0 ** point["power"]
    models, _ = train_locked_together(
        train, [{"seed": seed, "learning_rate": rate} for seed in SETTINGS["seeds"]],
        loss=point["loss"], batch_size=point["batch_size"], samples=point["samples"],
        **SETTINGS["widths"],
    )  # fmt: skip
    return {
        "rate": float(f"{rate:.4g}"),
        "tuning": [round(recall_at_one(model, tuning), 4) for model in models],
        "test": [round(recall_at_one(model, test), 4) for model in models],
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
    """Loss → recall on the test at each batch size's best rate, (seeds, sizes)."""
    rows = tried(table)
    return {
        loss: np.array(
            [best_of(rows[samples, loss, size])["test"] for size in SETTINGS["batch_sizes"]]
        ).T
        for loss in LOSSES
    }


def at_an_edge(table: dict) -> int:
    """How often the best rate is the lowest or the highest that was tried."""
    count = 0
    for rows in tried(table).values():
        powers = [row["power"] for row in rows]
        count += best_of(rows)["power"] in (min(powers), max(powers))
    return count


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each at two standard errors and paired by seed."""
    from vizkit.course import estimate

    found = {}
    for samples in SETTINGS["samples"]:
        scores = recalls(table, samples)
        lead = scores["sigmoid"] - scores["info_nce"]  # (seeds, sizes)
        when = f"after {samples:,} samples"
        found[f"{when} the sigmoid loss leads at batch 4"] = estimate(lead[:, 0]).above(0)
        found[f"{when} it leads at batch 16"] = estimate(lead[:, 1]).above(0)
        found[f"{when} its lead is smaller at 128 and 256 than at 4 and 16"] = estimate(
            lead[:, :2].mean(1) - lead[:, 4:].mean(1)
        ).above(0)
        rise = scores["info_nce"][:, 2] - scores["info_nce"][:, 0]
        found[f"{when} batch 32 beats batch 4 (softmax)"] = estimate(rise).above(0)
        end = scores["info_nce"][:, -1] - scores["info_nce"][:, 2]
        found[f"{when} batch 256 beats batch 32 (softmax)"] = estimate(end).above(0)
    return found


EXPERIMENT = Experiment(
    name="loss_by_batch",
    settings=SETTINGS,
    parts=(
        Part("rows", points=points, measure=measure),
        Part("wider", points=partial(further, parts=("rows",)), measure=measure),
        Part("widest", points=partial(further, parts=("rows", "wider")), measure=measure),
        Part("steps", points=equal_steps, measure=measure),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
