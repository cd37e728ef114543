"""One vector from many tokens: class token, mean or attention pooling (02)?

Small ViTs on 1,300 digits. `rates`: the learning rates that were tried, on digits set aside for
that; `rows`: the comparison at each of the middle rates, since a choice between two rates that do
about equally well moves the accuracy as much as the read-out does. In the fourth kind, "CLS, never
read", the answer is read from the mean of the patches and nobody reads the class token; a linear
classifier then tells what each of the two holds. About twenty minutes on one core.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = list(range(5))
UNREAD = "CLS, never read"
READOUTS = ["cls", "mean", "map", UNREAD]
SETTINGS = {
    "seeds": SEEDS,
    "n": 1300,
    "steps": 1600,
    "batch_size": 32,
    "rates": [0.001, 0.002, 0.005, 0.01, 0.02, 0.04],
    "compared_rates": [0.002, 0.005, 0.01, 0.02],
    "rate_seeds": [100, 101],
    "rate_n": 1000,
    "network": "ViT, 16 patches of 4 x 4 pixels, width 32, two layers of two heads, fan-in",
    "digits": "1,300 to learn from, 497 for the test; rates on 1,000 and 300 of the 1,300",
}


def network(readout: str):
    """The ViT of one read-out; that of the control has a class token which nobody reads."""
    from vizkit.models import VisionTransformer

    model = VisionTransformer(
        image_size=16, patch_size=4, in_channels=1, embed_dim=32, depth=2, num_heads=2,
        mlp_ratio=2.0, num_classes=10, initialization="fan_in",
        pooling="cls" if readout == UNREAD else readout,
    )  # fmt: skip
    if readout == UNREAD:
        model.pooling = mean_of_patches()
    return model


def mean_of_patches():
    """Pooling that passes over the class token."""
    from torch import nn

    class MeanOfPatches(nn.Module):
        def forward(self, tokens):
            return tokens[:, 1:].mean(dim=1)  # (B, D)

    return MeanOfPatches()


def train(readout: str, **options):
    """Train one network; `options` as for `train_on_digits`."""
    from vizkit.training.digits import train_on_digits

    return train_on_digits(partial(network, readout), steps=SETTINGS["steps"], **options)


def measure_rate(point: dict, table: dict) -> dict:
    """Accuracy on the validation digits."""
    run = train(
        point["readout"], n=SETTINGS["rate_n"], seed=point["seed"], learning_rate=point["rate"],
        choosing_rates=True,
    )  # fmt: skip
    return {"validation": round(run.test, 4)}


def mean_scores(table: dict) -> dict[str, dict[float, float]]:
    """Read-out → rate → accuracy on the validation digits, the mean over the seeds."""
    scores = defaultdict(lambda: defaultdict(list))
    for row in table["rates"]:
        scores[row["readout"]][row["rate"]].append(row["validation"])
    return {
        readout: {rate: float(np.mean(some)) for rate, some in tried.items()}
        for readout, tried in scores.items()
    }


def chosen_rates(table: dict) -> dict[str, float]:
    """The best rate of each read-out; the control takes that of the mean, which it trains."""
    best = {name: max(tried, key=tried.get) for name, tried in mean_scores(table).items()}
    return {**best, UNREAD: best["mean"]}


def probes(model) -> dict[str, float]:
    """What a linear classifier reads from the class token, and from the mean of the patches."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from vizkit.training.digits import TEST, TRAINING, digits

    images, labels = digits()
    with torch.no_grad():
        tokens = model(images, return_intermediates=True)[1]["encoded"].numpy()  # (N, 17, 32)
    found = {}
    for name, features in (("class_token", tokens[:, 0]), ("patches", tokens[:, 1:].mean(axis=1))):
        classifier = LogisticRegression(max_iter=1000).fit(features[TRAINING], labels[TRAINING])
        found[name] = round(float(classifier.score(features[TEST], labels[TEST])), 4)
    return found


def points(table: dict) -> list[dict]:
    """Every read-out at each of the compared rates and at its best; the control at its best."""
    best = chosen_rates(table)
    compared = dict.fromkeys(READOUTS, SETTINGS["compared_rates"]) | {UNREAD: []}
    return [
        {"readout": readout, "rate": rate, "seed": seed}
        for readout in READOUTS
        for rate in sorted({*compared[readout], best[readout]})
        for seed in SEEDS
    ]


def measure(point: dict, table: dict) -> dict:
    """Accuracy on new digits, what the last quarter added, and for the control the two probes."""
    readout = point["readout"]
    run = train(readout, n=SETTINGS["n"], seed=point["seed"], learning_rate=point["rate"])
    row = {"test": round(run.test, 4), "late_gain": round(run.late_gain, 4)}
    return row | (probes(run.model) if readout == UNREAD else {})


def column(table: dict, readout: str, value: str = "test", rate: float | None = None) -> np.ndarray:
    """One number by seed, (seeds,), of one read-out; at its best rate unless told."""
    rate = rate or chosen_rates(table)[readout]
    found = {
        row["seed"]: row[value]
        for row in table["rows"]
        if (row["readout"], row["rate"]) == (readout, rate)
    }
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed."""
    from vizkit.course import all_of, estimate

    cls = column(table, "cls")
    unread, patches = (column(table, UNREAD, one) for one in ("class_token", "patches"))
    return {
        "a class token that is read names the digits": estimate(cls).above(0.8),
        "it is better than mean and attention pooling by two points": all_of(
            *(estimate(cls - column(table, other)).above(0.02) for other in ("mean", "map"))
        ),
        "the mean is ahead of the class token at each compared rate": all_of(
            *(
                estimate(column(table, "mean", rate=rate) - column(table, "cls", rate=rate)).above(
                    0
                )
                for rate in table["settings"]["compared_rates"]
            )
        ),
        "a class token that nobody read is behind the mean": estimate(patches - unread).above(0),
    }


EXPERIMENT = Experiment(
    name="readouts",
    settings=SETTINGS,
    parts=(
        Part(
            "rates",
            lambda table: [
                {"readout": readout, "rate": rate, "seed": seed}
                for readout in READOUTS[:3]
                for rate in SETTINGS["rates"]
                for seed in SETTINGS["rate_seeds"]
            ],
            measure_rate,
        ),
        Part("rows", points, measure),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
