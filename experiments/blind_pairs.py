"""Do pairs that the encoder confuses predict what its tiny language model gets wrong? (17)

The tiny vision-language model of notebook 12, with the patch tokens of `pocket-clip` or of
`pocket-vit` as its eyes, describes pairs of pictures that differ in one thing. `pairs`: whether the
cosine of a pair in `pocket-clip` ranks the pairs that get a wrong answer first, within each kind of
change; beside it the cosine in `pocket-vit`, the pixels, labels dealt by lot, and models with other
seeds and other eyes. All models are asked the same pairs, so the verdicts add the error that these
pairs have by themselves to that of the seeds. About nine minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
EYES = ("pocket-clip", "pocket-vit")
SETTINGS = {
    "seeds": SEEDS,
    "eyes": EYES,
    "layer": "before last, without the class token",
    "pictures": 2500,
    "pairs of each change": 150,
    "steps": 520,
    "learning_rate": 0.005,
    "batch_size": 48,
    "embed_dim": 64,
    "depth": 2,
}


@cache
def world() -> dict:
    """Scenes to learn from, and pairs: base scenes and the same with one thing changed."""
    from vizkit.training.binding import two_colored_scenes
    from vizkit.training.blind_pairs import CHANGES, changed
    from vizkit.training.vlm_exam import pair_scenes

    base = two_colored_scenes(SETTINGS["pairs of each change"], 1)
    tables = {"train": pair_scenes(SETTINGS["pictures"], 0), "base": base}
    return tables | {change: changed(base, change, 2) for change in CHANGES}


@cache
def tokens(eyes: str) -> dict:
    """Standardised patch tokens (N, 64, 96) of each table of `world`."""
    from vizkit import zoo
    from vizkit.training.vlm import visual_features
    from vizkit.training.vlm_exam import standardize

    encoder = zoo.load(eyes)
    found = [visual_features(encoder, some)["before last"][:, 1:] for some in world().values()]
    return dict(zip(world(), standardize(*found), strict=True))


@cache
def talker(eyes: str, seed: int):
    """The model of notebook 12 with these eyes."""
    from vizkit.training.blind_pairs import train_talker

    how = ("steps", "learning_rate", "batch_size", "embed_dim", "depth")
    options = {name: SETTINGS[name] for name in how}
    return train_talker(tokens(eyes)["train"], world()["train"], seed=seed, **options)


@cache
def wrong_pairs(eyes: str, seed: int) -> dict[str, np.ndarray]:
    """For each change which pairs are not told right in both pictures, (N,) of bool."""
    from vizkit.training.blind_pairs import CHANGES, descriptions, told_right

    model, here, seen = talker(eyes, seed), world(), tokens(eyes)
    answers = {name: descriptions(model, seen[name], here[name]) for name in ("base", *CHANGES)}
    found = {}
    for change in CHANGES:
        right = [told_right(here[name], answers[name], change) for name in ("base", change)]
        found[change] = ~(right[0] & right[1])
    return found


@cache
def likeness() -> dict[str, dict[str, np.ndarray]]:
    """How like the two pictures of each pair are, by measure and change, (N,) each."""
    from vizkit import zoo
    from vizkit.data import render
    from vizkit.training.blind_pairs import CHANGES, pair_cosines, pixel_likeness

    pictures = {name: render(world()[name]) for name in ("base", *CHANGES)}
    base = pictures["base"]
    found = {eyes: {c: pair_cosines(zoo.load(eyes), base, pictures[c]) for c in CHANGES}
             for eyes in EYES}  # fmt: skip
    return found | {"pixels": {c: pixel_likeness(base, pictures[c]) for c in CHANGES}}


def measure_pairs(point: dict, table: dict) -> dict:
    """Areas under the curve, means over the changes; and how often pairs are told wrong."""
    from vizkit.training.blind_pairs import CHANGES, mean_area, ranks, within

    eyes, seed, like = point["eyes"], point["seed"], likeness()
    wrong = wrong_pairs(eyes, seed)
    rng = np.random.default_rng(seed)
    others = {
        c: np.mean([wrong_pairs(eyes, s)[c] for s in SEEDS if s != seed], axis=0) for c in CHANGES
    }
    blind = {c: ranks(like["pocket-clip"][c]) - ranks(like["pocket-vit"][c]) for c in CHANGES}
    lots = {c: rng.permutation(like["pocket-clip"][c]) for c in CHANGES}
    row = {
        "pocket-clip": mean_area(like["pocket-clip"], wrong),
        "pocket-vit": mean_area(like["pocket-vit"], wrong),
        "alike for pocket-clip, not for pocket-vit": mean_area(blind, wrong),
        "pixels": mean_area(like["pixels"], wrong),
        "pocket-clip, equal pixels": mean_area(within(like["pocket-clip"], like["pixels"]), wrong),
        "by lot": mean_area(lots, wrong),
        "models with other seeds": mean_area(others, wrong),
    }
    row = {name: round(float(value), 4) for name, value in row.items()}
    every = np.concatenate([wrong[c] for c in CHANGES])
    scores = [np.concatenate([ranks(like[e][c]) for c in CHANGES]) for e in EYES]
    parts = {
        "blind": (scores[0] > 0.5) & (scores[1] < 0.5),
        "told apart by both": (scores[0] < 0.5) & (scores[1] < 0.5),
        "alike for both": (scores[0] > 0.5) & (scores[1] > 0.5),
    }
    row |= {f"wrong, {c}": round(float(wrong[c].mean()), 4) for c in CHANGES}
    return row | {f"wrong, {n}": round(float(every[p].mean()), 4) for n, p in parts.items()}


def column(table: dict, eyes: str, value: str) -> np.ndarray:
    """One number by seed, (seeds,), of the models with these eyes."""
    found = {row["seed"]: row[value] for row in table["pairs"] if row["eyes"] == eyes}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def errors(table: dict, eyes: str, value: str) -> float:
    """What the pairs, the same for all seeds, may add to the mean of one area; see `error_of_pairs`."""
    from vizkit.training.blind_pairs import CHANGES, error_of_pairs

    shares = np.stack([column(table, eyes, f"wrong, {change}") for change in CHANGES], axis=1)
    count = table["settings"]["pairs of each change"]
    return error_of_pairs(column(table, eyes, value), shares.tolist(), count)


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare, of seeds and of pairs.

    Differences by seed; of two areas the pairs' errors are added as if they had nothing in common.
    """
    from vizkit.course.evidence import Decision, estimate

    def above_half(value: str) -> Decision:
        shared = errors(table, "pocket-clip", value)
        return estimate(column(table, "pocket-clip", value), shared=shared).above(0.5)

    def ahead(first: tuple[str, str], second: tuple[str, str]) -> Decision:
        lead = column(table, *first) - column(table, *second)
        shared = np.hypot(errors(table, *first), errors(table, *second))
        return estimate(lead, shared=float(shared)).above(0)

    alike = ("pocket-clip", "pocket-clip")  # the eyes, and what ranks the pairs
    return {
        "pairs alike for pocket-clip are told wrong more often": above_half("pocket-clip"),
        "at equal pixels, too": above_half("pocket-clip, equal pixels"),
        "better than by pixels": ahead(alike, ("pocket-clip", "pixels")),
        "better than for a model with the eyes of pocket-vit": ahead(
            alike, ("pocket-vit", "pocket-clip")
        ),
        "blind pairs, alike for pocket-clip and not for pocket-vit, are told wrong more often":
            above_half("alike for pocket-clip, not for pocket-vit"),
        "labels dealt by lot rank wrong pairs first":  # dealt anew for each seed
            estimate(column(table, "pocket-clip", "by lot")).above(0.5),
        "the errors of other seeds say more": ahead(
            ("pocket-clip", "models with other seeds"), alike
        ),
    }  # fmt: skip


EXPERIMENT = Experiment(
    name="blind_pairs",
    settings=SETTINGS,
    parts=(
        Part(
            "pairs",
            points=lambda table: [{"eyes": e, "seed": s} for e in EYES for s in SEEDS],
            measure=measure_pairs,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
