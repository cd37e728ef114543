"""How much to hide? A masked autoencoder, a painter that only smooths, and what probes find. (14)

Three hidden shares with five seeds, the probes of each encoder and of untrained ones, and of the
local colours themselves. A probe reads the mean token; a second one reads all tokens in their
places, compressed to as many numbers as the local colours have, since a mean may lose what the
colours keep. All seeds are asked the same five tests. About ten minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
SHARES = [0.5, 0.75, 0.9]
TESTS = [1, 11, 12, 13, 14]  # seeds of the pictures
NUMBERS = 192  # the colours of 64 patches
SETTINGS = {
    "seeds": SEEDS,
    "shares": SHARES,
    "steps": 600,
    "batch_size": 64,
    "pictures": 4096,
    "test": 1024,
    "tests": TESTS,
    "numbers": NUMBERS,
    "optimizer": "AdamW, 3e-3, weight decay 0.05, warm-up over a tenth of the steps, then cosine",
    "probe": "ridge regression on the mean token of the whole picture, and on all tokens by PCA",
}


@cache
def data():
    """Pictures to learn from, and a list of those for each test."""
    from vizkit.training.two_views import small_pictures

    train = small_pictures(SETTINGS["pictures"], 0)
    return train, [small_pictures(SETTINGS["test"], seed) for seed in TESTS]


def points(table: dict) -> list[dict]:
    return [{"share": share, "seed": seed} for share in SHARES for seed in SEEDS]


def measure(point: dict, table: dict) -> dict:
    """Errors on hidden patches of the first test, and the probes on all of them."""
    from vizkit.training.masked import evaluate_masked, train_masked

    train, tests = data()
    model, _ = train_masked(train.pixels, point["share"], point["seed"], steps=SETTINGS["steps"])
    return rounded({**evaluate_masked(model, tests[0].pixels, point["share"]), **probe(model)})


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


def probe(model) -> dict[str, list[float]]:
    """What the mean token tells, and what all tokens in their places tell of the shape."""
    return {
        **probe_of(model.features),
        "shape_of_tokens": probe_of(compressed(model), ("shape",))["shape"],
    }


def compressed(model):
    """A function from pictures to their tokens, all in one row, along the widest directions."""
    import torch

    def tokens(pixels):
        return torch.cat([model.encode(some).flatten(1) for some in pixels.split(512)])

    torch.manual_seed(0)
    with torch.no_grad():
        known = tokens(data()[0].pixels)  # (N, 64 * D)
    center = known.mean(0)
    directions = torch.svd_lowrank(known - center, NUMBERS)[2]  # (64 * D, NUMBERS)
    return lambda pixels: (tokens(pixels) - center) @ directions


def probe_of(features, asked: tuple[str, ...] = ("shape", "color")) -> dict[str, list[float]]:
    """Accuracy of the linear probes, on each test."""
    import torch

    from vizkit.training.two_views import linear_probe

    train, tests = data()
    with torch.no_grad():
        known, of_tests = features(train.pixels), [features(test.pixels) for test in tests]
    return {
        name: [
            linear_probe(known, getattr(train, name), of_test, getattr(test, name))
            for test, of_test in zip(tests, of_tests, strict=True)
        ]
        for name in asked
    }


def rounded(found: dict) -> dict:
    def short(value: float) -> float:
        return float(f"{value:.4g}")

    return {
        name: [short(one) for one in value] if isinstance(value, list) else short(value)
        for name, value in found.items()
    }


def select(table: dict, value: str, share: float) -> np.ndarray:
    """One value of one share: (seeds,), or (seeds, tests) of a probe."""
    return np.array([row[value] for row in table["rows"] if row["share"] == share])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 14 says of the table."""
    from vizkit.course import all_of, estimate
    from vizkit.course.evidence import Estimate, estimate_over_tests

    names = ("shape", "shape_of_tokens", "color")
    untrained = {name: np.array([row[name] for row in table["untrained"]]) for name in names}
    colors = np.array(table["colors"][0]["shape"])  # (tests,): there is no seed in them
    lead = {s: select(table, "painter", s) - select(table, "error", s) for s in SHARES}

    def lead_of(share: float) -> Estimate:
        """All seeds take one test, and its pictures make the painter's error uncertain."""
        return estimate(lead[share], shared=select(table, "painter ±", share)[0])

    def better(value: str, than: np.ndarray) -> bool | str:
        """At every share, with two standard errors to spare; by seed where `than` has seeds."""
        return all_of(
            *(estimate_over_tests(select(table, value, s) - than).above(0) for s in SHARES)
        )

    found = {
        **{
            f"with {s:.0%} hidden it rebuilds better than the painter": lead_of(s).above(0)
            for s in SHARES
        },
        "its lead over the painter is larger at 90% than at 50%": estimate(
            lead[0.9] - lead[0.5]
        ).above(0),
        "at every share its mean token tells the shape better than untrained ones": better(
            "shape", untrained["shape"]
        ),
        "at every share its mean token tells the shape better than local colours": better(
            "shape", colors
        ),
        "at every share all its tokens tell the shape better than untrained ones": better(
            "shape_of_tokens", untrained["shape_of_tokens"]
        ),
        "at every share all its tokens tell the shape better than local colours": better(
            "shape_of_tokens", colors
        ),
        "at every share its mean token tells the colour better than untrained ones": better(
            "color", untrained["color"]
        ),
        "at 75% the mean token tells the shape better than at 50%": estimate_over_tests(
            select(table, "shape", 0.75) - select(table, "shape", 0.5)
        ).above(0),
    }
    rivals = ("untrained ones", "local colours")
    tokens = "at every share all its tokens tell the shape better than"
    return {
        **found,
        f"{tokens} both rivals": all_of(*(found[f"{tokens} {rival}"] for rival in rivals)),
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
