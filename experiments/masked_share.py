"""How much to hide? A masked autoencoder, a painter that only smooths, and what probes find. (14)

Three hidden shares with five seeds, the probes of each encoder and of untrained ones, and of what
can be written down without a network: the patches' colours and the edges. A probe reads the mean
token; a second one reads all tokens in their places, compressed to as many numbers as the mean
colours have, since a mean may lose what the colours keep. All seeds are asked the same five tests.
About ten minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
SHARES = [0.5, 0.75, 0.9]
TESTS = [1, 11, 12, 13, 14]  # seeds of the pictures
NUMBERS = 192  # the mean colours of 64 patches
BY_HAND = ["mean colours", "mean and spread of the colours", "edges"]  # no network, no seed
SETTINGS = {
    "seeds": SEEDS,
    "shares": SHARES,
    "steps": 600,
    "batch_size": 64,
    "pictures": 4096,
    "test": 1024,
    "tests": TESTS,
    "numbers": NUMBERS,
    "by hand": BY_HAND,
    "optimizer": "AdamW, 3e-3, weight decay 0.05, warm-up over a tenth of the steps, then cosine",
    "probe": "ridge regression on the mean token of the whole picture, and on all tokens by PCA; "
    "what is written down by hand has as many numbers, by PCA where it has more",
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


def by_hand_points(table: dict) -> list[dict]:
    return [{"features": name} for name in BY_HAND]


def measure_by_hand(point: dict, table: dict) -> dict:
    """What the colours of the 64 patches tell, or the edges, in the place of features."""
    describe = {
        "mean colours": mean_colors,
        "mean and spread of the colours": colors_with_spread,
        "edges": edges,
    }[point["features"]]
    fits = describe(data()[0].pixels[:1]).shape[1] <= NUMBERS
    return rounded(probe_of(describe if fits else compressed(describe)))


def mean_colors(pixels):
    """Pixels (N, 3, 32, 32) to the mean colours of their patches, (N, 192)."""
    from torch.nn.functional import avg_pool2d

    return avg_pool2d(pixels, 4).flatten(1)


def colors_with_spread(pixels):
    """Pixels (N, 3, 32, 32) to mean and standard deviation of each patch's colours, (N, 384)."""
    import torch

    mean = mean_colors(pixels)  # (N, 192)
    variance = mean_colors(pixels.square()) - mean.square()
    return torch.cat([mean, variance.clamp(min=0).sqrt()], 1)


def edges(pixels):
    """Pixels (N, 3, 32, 32) to how far neighbours differ in brightness, without sign, (N, 1984)."""
    import torch

    grey = pixels.mean(1)  # (N, 32, 32)
    steps = [grey.diff(dim=1), grey.diff(dim=2)]  # down, (N, 31, 32), and across, (N, 32, 31)
    return torch.cat([step.abs().flatten(1) for step in steps], 1)


def probe(model) -> dict[str, list[float]]:
    """What the mean token tells, and what all tokens in their places tell of the shape."""
    import torch

    def tokens(pixels):
        return torch.cat([model.encode(some).flatten(1) for some in pixels.split(512)])

    return {
        **probe_of(model.features),
        "shape_of_tokens": probe_of(compressed(tokens), ("shape",))["shape"],
    }


def compressed(features):
    """The same function from pictures to features (N, F), along their widest directions alone."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        known = features(data()[0].pixels)  # (N, F)
    center = known.mean(0)
    directions = torch.svd_lowrank(known - center, NUMBERS)[2]  # (F, NUMBERS)
    return lambda pixels: (features(pixels) - center) @ directions


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
    return {**of_painting(table), **of_probes(table)}


def of_painting(table: dict) -> dict[str, bool | str]:
    """Where the autoencoder is nearer to the truth than the painter."""
    from vizkit.course import estimate

    lead = {s: select(table, "painter", s) - select(table, "error", s) for s in SHARES}
    found = {}
    for share in SHARES:  # all seeds take one test, whose pictures make the painter uncertain
        ahead = estimate(lead[share], shared=select(table, "painter ±", share)[0])
        found[f"with {share:.0%} hidden it rebuilds better than the painter"] = ahead.above(0)
    larger = estimate(lead[0.9] - lead[0.5]).above(0)
    return {**found, "its lead over the painter is larger at 90% than at 50%": larger}


def of_probes(table: dict) -> dict[str, bool | str]:
    """What the probes find more, or less, than in an untrained network and in what has none."""
    from vizkit.course import all_of
    from vizkit.course.evidence import estimate_over_tests

    names = ("shape", "shape_of_tokens", "color")
    untrained = {name: np.array([row[name] for row in table["untrained"]]) for name in names}
    by_hand = {row["features"]: np.array(row["shape"]) for row in table["by hand"]}  # (tests,) each

    def better(value: str, than: np.ndarray) -> bool | str:
        """At every share, with two standard errors to spare; by seed where `than` has seeds."""
        return all_of(
            *(estimate_over_tests(select(table, value, s) - than).above(0) for s in SHARES)
        )

    mean, tokens = (
        f"at every share {who} the" for who in ("its mean token tells", "all its tokens tell")
    )
    of_mean = {"untrained ones": untrained["shape"], "mean colours": by_hand["mean colours"]}
    of_tokens = {"untrained ones": untrained["shape_of_tokens"], **by_hand}
    found = {
        **{f"{mean} shape better than {name}": better("shape", it) for name, it in of_mean.items()},
        **{
            f"{tokens} shape better than {name}": better("shape_of_tokens", it)
            for name, it in of_tokens.items()
        },
        "at every share edges tell the shape better than all its tokens": all_of(
            *(
                estimate_over_tests(by_hand["edges"] - select(table, "shape_of_tokens", s)).above(0)
                for s in SHARES
            )
        ),
        f"{mean} colour better than untrained ones": better("color", untrained["color"]),
        "at 75% the mean token tells the shape better than at 50%": estimate_over_tests(
            select(table, "shape", 0.75) - select(table, "shape", 0.5)
        ).above(0),
    }
    taught = (found[f"{tokens} shape better than {name}"] for name in of_mean)
    return {
        **found,
        f"{tokens} shape better than untrained ones and mean colours": all_of(*taught),
    }


EXPERIMENT = Experiment(
    name="masked_share",
    settings=SETTINGS,
    parts=(
        Part("rows", points, measure),
        Part("untrained", untrained_points, measure_untrained),
        Part("by hand", by_hand_points, measure_by_hand),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
