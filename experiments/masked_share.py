"""How much to hide? A masked autoencoder, its painter of local colours, and what probes find. (14)

Three hidden shares with five seeds, the probe of each encoder and of untrained ones, and of the
local colours themselves. About four minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
SHARES = [0.5, 0.75, 0.9]
SETTINGS = {
    "seeds": SEEDS,
    "shares": SHARES,
    "steps": 600,
    "batch_size": 64,
    "pictures": 4096,
    "test": 1024,
    "optimizer": "AdamW, 3e-3, weight decay 0.05, warm-up over a tenth of the steps, then cosine",
    "probe": "ridge regression on the mean token of the whole picture",
}


@cache
def data():
    from vizkit.training.two_views import small_pictures

    return small_pictures(SETTINGS["pictures"], 0), small_pictures(SETTINGS["test"], 1)


def points(table: dict) -> list[dict]:
    return [{"share": share, "seed": seed} for share in SHARES for seed in SEEDS]


def measure(point: dict, table: dict) -> dict:
    """Errors on hidden patches of the test, and the probes."""
    from vizkit.training.masked import evaluate_masked, train_masked

    train, test = data()
    model, _ = train_masked(train.pixels, point["share"], point["seed"], steps=SETTINGS["steps"])
    return rounded({**evaluate_masked(model, test.pixels, point["share"]), **probe(model)})


def untrained_points(table: dict) -> list[dict]:
    return [{"seed": seed} for seed in SEEDS]


def measure_untrained(point: dict, table: dict) -> dict:
    from vizkit.models.masked import MaskedAutoencoder
    from vizkit.training.loop import seed_everything

    seed_everything(point["seed"])
    return rounded(probe(MaskedAutoencoder().eval()))


def colors_points(table: dict) -> list[dict]:
    return [{"features": "local colours"}]


def measure_colors(point: dict, table: dict) -> dict:
    """What the mean colours of the 64 patches tell, in the place of features."""
    from torch.nn.functional import avg_pool2d

    return rounded(probe_of(lambda pixels: avg_pool2d(pixels, 4).flatten(1)))


def probe(model) -> dict[str, float]:
    return probe_of(model.features)


def probe_of(features) -> dict[str, float]:
    """Accuracy of the linear probes of shape and colour."""
    import torch

    from vizkit.training.two_views import linear_probe

    train, test = data()
    with torch.no_grad():
        known, asked = features(train.pixels), features(test.pixels)
    return {
        name: linear_probe(known, getattr(train, name), asked, getattr(test, name))
        for name in ("shape", "color")
    }


def rounded(found: dict) -> dict:
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def select(table: dict, value: str, share: float) -> np.ndarray:
    """One value of one share, by seed."""
    return np.array([row[value] for row in table["rows"] if row["share"] == share])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 14 says of the table."""
    from vizkit.course import all_of, estimate

    untrained = {n: np.array([r[n] for r in table["untrained"]]) for n in ("shape", "color")}
    (colors,) = table["colors"]
    lead = {s: select(table, "painter", s) - select(table, "error", s) for s in SHARES}

    def better(value: str, than: np.ndarray | float) -> bool | str:
        """At every share, with two standard errors to spare; by seed where `than` has seeds."""
        return all_of(*(estimate(select(table, value, s) - than).above(0) for s in SHARES))

    found = {
        "at every share it rebuilds better than the painter": all_of(
            *(estimate(lead[s]).above(0) for s in SHARES)
        ),
        "its lead over the painter is larger at 90% than at 50%": estimate(
            lead[0.9] - lead[0.5]
        ).above(0),
        "at every share its features tell the shape better than untrained ones": better(
            "shape", untrained["shape"]
        ),
        "at every share its features tell the shape better than local colours": better(
            "shape", colors["shape"]
        ),
        "at every share its features tell the colour better than untrained ones": better(
            "color", untrained["color"]
        ),
        "at 75% the shape is told better than at 50%": estimate(
            select(table, "shape", 0.75) - select(table, "shape", 0.5)
        ).above(0),
    }
    rebuilds, _, than_untrained, than_colors, *_ = found.values()
    return {
        **found,
        "it rebuilds better than the painter, and its features tell the shape better than both rivals": all_of(
            rebuilds, than_untrained, than_colors
        ),
    }


EXPERIMENT = Experiment(
    name="masked_share",
    settings=SETTINGS,
    parts=(
        Part("rows", points, measure),
        Part("untrained", untrained_points, measure_untrained),
        Part("colors", colors_points, measure_colors),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
