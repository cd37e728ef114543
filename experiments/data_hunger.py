"""How much data does each family need? Six networks on 50, 200 and 1,300 digits (01 and 05).

`leads`: CNN and ViT on few digits at every learning rate, the control for "an unfit rate"; `rates`:
the rates that were tried for each network; both on digits set aside for that; `rows`: the comparison,
trained to the end; `longer`: CNN and ViT with twice the steps, the control for "stopped too early".
About half an hour on one core.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = list(range(8))
STEPS = 600
SETTINGS = {
    "seeds": SEEDS,
    "n": [50, 200, 1300],
    "steps": STEPS,
    "longer_n": [1300],
    "longer_steps": 2 * STEPS,
    "batch_size": 32,
    "rates": [0.002, 0.005, 0.01, 0.02, 0.04, 0.08],
    "rate_seeds": [100, 101],
    "rate_n": [50, 1000],
    "claimed": ["CNN", "ViT"],
    "lead_seeds": [100, 101, 102, 103, 104],
    "lead_n": 50,
    "optimizer": "AdamW, weight decay 0.05, warm-up over a tenth of the steps, then cosine",
    "initialization": "fan_in (He et al. 2015 in the residual networks)",
    "digits": "1,300 to learn from, 497 for the test; rates on 1,000 and 300 of the 1,300",
}


def networks() -> dict:
    """Makers by name: the six that are compared, and a ViT with finer patches that was tried."""
    from vizkit.models import VisionTransformer
    from vizkit.training.digits import digit_networks

    finer = partial(
        VisionTransformer, image_size=16, patch_size=4, in_channels=1, embed_dim=28, depth=2,
        num_heads=2, pooling="mean", num_classes=10, initialization="fan_in",
    )  # fmt: skip
    return {**digit_networks(), "ViT, patches of 4": finer}


def rate_points(table: dict) -> list[dict]:
    """Every rate for every network, on few digits and on many."""
    return [
        {"network": name, "n": n, "seed": seed, "rate": rate}
        for name in networks()
        for n in SETTINGS["rate_n"]
        for rate in SETTINGS["rates"]
        for seed in SETTINGS["rate_seeds"]
    ]


def lead_points(table: dict) -> list[dict]:
    """CNN and ViT at every rate, on few digits, with more seeds than it takes to choose a rate."""
    return [
        {"network": name, "n": SETTINGS["lead_n"], "seed": seed, "rate": rate}
        for name in SETTINGS["claimed"]
        for rate in SETTINGS["rates"]
        for seed in SETTINGS["lead_seeds"]
    ]


def measure_rate(point: dict, table: dict) -> dict:
    """Accuracy on the validation digits."""
    from vizkit.training.digits import train_on_digits

    run = train_on_digits(
        networks()[point["network"]], n=point["n"], seed=point["seed"],
        learning_rate=point["rate"], steps=STEPS, choosing_rates=True,
    )  # fmt: skip
    return {"validation": round(run.test, 4)}


def chosen_rates(table: dict) -> dict[str, float]:
    """The rate of each network whose mean over numbers of digits and seeds is highest."""
    scores = defaultdict(lambda: defaultdict(list))
    for row in table["rates"]:
        scores[row["network"]][row["rate"]].append(row["validation"])
    return {
        name: max(tried, key=lambda rate: np.mean(tried[rate])) for name, tried in scores.items()
    }


def points(table: dict) -> list[dict]:
    """Every network, seed and number of digits."""
    from vizkit.training.digits import digit_networks

    return [
        {"network": name, "n": n, "seed": seed}
        for name in digit_networks()
        for seed in SEEDS
        for n in SETTINGS["n"]
    ]


def longer_points(table: dict) -> list[dict]:
    """The networks of the claim with every seed, on many digits."""
    return [
        {"network": name, "n": n, "seed": seed}
        for name in SETTINGS["claimed"]
        for seed in SEEDS
        for n in SETTINGS["longer_n"]
    ]


def measure(point: dict, table: dict, steps: int = STEPS) -> dict:
    """Accuracy on new digits and on the learned ones, and what the last quarter added."""
    from vizkit.training.digits import train_on_digits

    run = train_on_digits(
        networks()[point["network"]], n=point["n"], seed=point["seed"],
        learning_rate=chosen_rates(table)[point["network"]], steps=steps,
    )  # fmt: skip
    return {
        "test": round(run.test, 4),
        "train": round(run.train, 4),
        "late_gain": round(run.late_gain, 4),
    }


def at_rates(table: dict, network: str) -> np.ndarray:
    """(rates, seeds) of CNN or ViT with few digits, on the digits set aside for choosing rates."""
    rows = [row for row in table["leads"] if row["network"] == network]
    found = {(row["rate"], row["seed"]): row["validation"] for row in rows}
    return np.array(
        [[found[rate, s] for s in SETTINGS["lead_seeds"]] for rate in SETTINGS["rates"]]
    )


def rate_controls(table: dict) -> dict[str, np.ndarray]:
    """What another learning rate would have done with 50 digits: leads of the CNN, by seed.

    The rates are picked by their means, so the best of the ViT is flattered, not the CNN.
    """
    cnn, vit = at_rates(table, "CNN"), at_rates(table, "ViT")
    leads = cnn - vit
    return {
        "worst against best": cnn[cnn.mean(1).argmin()] - vit[vit.mean(1).argmax()],
        "smallest at equal rates": leads[leads.mean(1).argmin()],
    }


def accuracies(rows: list[dict], network: str, value: str = "test") -> np.ndarray:
    """(seeds, numbers of digits) of one network, in the order of the settings."""
    found = {(row["seed"], row["n"]): row[value] for row in rows if row["network"] == network}
    return np.array([[found[seed, n] for n in SETTINGS["n"]] for seed in SEEDS])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed."""
    from vizkit.course import all_of, estimate

    score = {
        name: accuracies(table["rows"], name) for name in {r["network"]: 0 for r in table["rows"]}
    }
    gap = score["CNN"] - score["ViT"]  # (seeds, numbers of digits)
    scale = score["ConvNeXt, layer scale off"] - score["ConvNeXt"]
    excess = (1 - score["ViT"]) - 2 * (1 - score["CNN"])  # points near 100% cannot tell, errors can
    twice = [estimate(one).above(0) for one in excess.T]
    rates = rate_controls(table)
    return {
        "the CNN is ahead of the ViT with 50 digits": estimate(gap[:, 0]).above(0),
        "its lead in points shrinks from 50 to 1,300 digits": estimate(
            gap[:, 0] - gap[:, -1]
        ).above(0),
        "with 50 digits the ViT makes more than twice the errors of the CNN": twice[0],
        "with 1,300 digits the ViT makes more than twice the errors of the CNN": twice[-1],
        "the ViT has overtaken it with 1,300 digits": estimate(gap[:, -1]).below(0),
        "with 50 digits the CNN is ahead at each of the six rates": estimate(
            rates["smallest at equal rates"]
        ).above(0),
        "with 50 digits the CNN at its worst rate is ahead of the ViT at its best": estimate(
            rates["worst against best"]
        ).above(0),
        "every network gains from 50 to 1,300 digits": all_of(
            *(estimate(one[:, -1] - one[:, 0]).above(0) for one in score.values())
        ),
        "the hybrid is ahead of the ViT with 1,300 digits": estimate(
            (score["hybrid"] - score["ViT"])[:, -1]
        ).above(0),
        "ConvNeXt is better without layer scale with 50 digits": estimate(scale[:, 0]).above(0),
        "ConvNeXt is better without layer scale with 1,300 digits": estimate(scale[:, -1]).above(0),
    }


EXPERIMENT = Experiment(
    name="data_hunger",
    settings=SETTINGS,
    parts=(
        Part("leads", lead_points, measure_rate),
        Part("rates", rate_points, measure_rate),
        Part("rows", points, measure),
        Part(
            "longer",
            longer_points,
            partial(measure, steps=SETTINGS["longer_steps"]),
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
