"""What makes a dual encoder bind colors to shapes: the captions or the batch? (17)

Locked features of `pocket-vit` (class token beside the mean patch token) and a small text
transformer, on scenes of two objects. The captions are complete or neglect something: colors
(density), the second object (completeness), the smaller one (saliency). Batches are drawn at
random, with both twins of each scene, or without any twin. Poor captions may only be slower: all are
tried with two and four times the steps as well, those of few colors and those with all three
neglects with twelve times as many. About fifteen minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, on_one_test, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
FULL = {"density": 1.0, "completeness": 1.0, "salient": False}
CAPTIONS = {
    "complete": FULL,
    "few colors": {**FULL, "density": 0.3},
    "one of two objects": {**FULL, "completeness": 0.25},
    "one, the larger": {**FULL, "completeness": 0.25, "salient": True},
    "all three": {"density": 0.3, "completeness": 0.25, "salient": True},
}
STEPS = [250, 500, 1000]
# As many captions that tell both colors as complete ones in 270, or in 70.
LONGER = {"few colors": 3000, "all three": 3000}
RUNS = [
    *(
        {"captions": name, "batches": "random", "steps": steps}
        for steps in STEPS
        for name in CAPTIONS
    ),
    *({"captions": name, "batches": "random", "steps": steps} for name, steps in LONGER.items()),
    *({"captions": "all three", "batches": "twins", "steps": steps} for steps in STEPS[::2]),
    *({"captions": "complete", "batches": "no twins", "steps": steps} for steps in STEPS[::2]),
]
SETTINGS = {
    "seeds": SEEDS,
    "captions": CAPTIONS,
    "scenes": 1500,
    "test": 600,
    "steps": STEPS,
    "longer": LONGER,
    "batch_size": 64,
    "learning_rate": 0.003,
    "network": "locked pocket-vit, a projection, a text transformer of two layers, width 48",
}


@cache
def world() -> dict:
    """Training scenes with their twins behind them, test scenes, the features of both."""
    from vizkit import zoo
    from vizkit.data import render
    from vizkit.training.binding import twins_of, two_colored_scenes
    from vizkit.training.sentences import reading_features, standardized

    encoder = zoo.load("pocket-vit")
    scenes, test = (
        two_colored_scenes(SETTINGS["scenes"], 0),
        two_colored_scenes(SETTINGS["test"], 1),
    )
    pictures = np.concatenate([render(scenes), render(twins_of(scenes))])
    known, asked = standardized(
        reading_features(encoder, pictures), reading_features(encoder, render(test))
    )
    return {"scenes": scenes, "test": test, "known": known, "asked": asked}


def captions(kind: str, seed: int) -> list[str]:
    """Captions of all scenes, then of their twins."""
    from vizkit.training.binding import neglectful_captions, twins_of

    scenes, how = world()["scenes"], CAPTIONS[kind]
    return neglectful_captions(scenes, seed, **how) + neglectful_captions(
        twins_of(scenes), seed + 1000, **how
    )


def batches(kind: str):
    """How the batches of a run are drawn."""
    from dataclasses import fields

    from vizkit.training.binding import twin_batches, twinless_batches, twins_of
    from vizkit.training.sentences import random_batches

    scenes, size = world()["scenes"], SETTINGS["batch_size"]
    if kind == "twins":
        return twin_batches(len(scenes), size)
    if kind == "random":
        return random_batches(2 * len(scenes), size)
    twins = twins_of(scenes)
    both = type(scenes)(
        **{
            one.name: np.concatenate([getattr(scenes, one.name), getattr(twins, one.name)])
            for one in fields(scenes)
        }
    )
    return twinless_batches(both, size)


def measure(point: dict, table: dict) -> dict:
    """The swap test, and whether shapes and colors are known at all."""
    from vizkit.data import caption_vocabulary
    from vizkit.models.text import WordTokenizer
    from vizkit.training.binding import swap_test
    from vizkit.training.sentences import prefers, sentence_model, train_sentences

    tokenizer = WordTokenizer(caption_vocabulary(), context_length=16)
    here = world()
    model = sentence_model(here["known"].shape[1], tokenizer, seed=point["seed"])
    train_sentences(
        model,
        here["known"],
        tokenizer(captions(point["captions"], point["seed"])),
        batches(point["batches"]),
        steps=point["steps"],
        learning_rate=SETTINGS["learning_rate"],
        seed=point["seed"],
    )
    true, false, _ = swap_test(here["test"], 0)
    hits = prefers(model, here["asked"], tokenizer, true, false)
    row = {"swap": round(float(hits.mean()), 4)}
    return row | missing_color(model, tokenizer)


def missing_color(model, tokenizer) -> dict[str, float]:
    """Whether the true sentence is preferred to one with a color that is not in the picture."""
    from vizkit.training.binding import swap_test
    from vizkit.training.sentences import prefers
    from vizkit.training.vlm_exam import COLOR_NAMES

    here = world()
    true, _, _ = swap_test(here["test"], 0)
    false = []
    for sentence in true:
        words = sentence.split()
        absent = [color for color in COLOR_NAMES if color not in words]
        words[1] = absent[len(false) % len(absent)]
        false.append(" ".join(words))
    hits = prefers(model, here["asked"], tokenizer, true, false)
    return {"missing color": round(float(hits.mean()), 4)}


def column(
    table: dict, captions: str, batches: str = "random", steps: int = 250, value: str = "swap"
) -> np.ndarray:
    """One number by seed, (seeds,)."""
    wanted = {"captions": captions, "batches": batches, "steps": steps}
    found = {row["seed"]: row[value] for row in table["rows"] if wanted.items() <= row.items()}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


CHANCE = 0.5


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed.

    No level is chosen by hand. Whoever binds is above chance, and "more than half" is half of what
    the complete captions of the same seed and as many steps bring above chance. All seeds are
    asked the same scenes, whose error is added.
    """
    from vizkit.course.evidence import all_of

    asked = table["settings"]["test"]

    full = {steps: column(table, "complete", steps=steps) for steps in STEPS}  # (seeds,) each
    half = {steps: CHANCE + (one - CHANCE) / 2 for steps, one in full.items()}
    found = {
        f"complete captions bind, {steps} steps: above chance": on_one_test(asked, one).above(
            CHANCE
        )
        for steps, one in full.items()
    }
    for name in list(CAPTIONS)[1:]:
        for steps in STEPS:
            swaps = column(table, name, steps=steps)
            found |= {
                f"{name}, {steps} steps: below complete captions": on_one_test(
                    asked, full[steps], swaps
                ).above(0),
                f"{name}, {steps} steps: more than half of it is lost": on_one_test(
                    asked, half[steps], swaps
                ).above(0),
            }
    for name, steps in LONGER.items():
        swaps = column(table, name, steps=steps)
        found[f"{name}, {steps} steps: more than half of {STEPS[-1]} complete steps is lost"] = (
            on_one_test(asked, half[STEPS[-1]], swaps).above(0)
        )
    for steps in STEPS[::2]:
        twins = column(table, "all three", "twins", steps)
        found[f"all three at once, {steps} steps: twins in the batch bring back more than half"] = (
            on_one_test(asked, twins, half[steps]).above(0)
        )
        alone = column(table, "complete", "no twins", steps)
        found |= {
            f"complete captions without any twin in the batch, {steps} steps: above chance": (
                on_one_test(asked, alone).above(CHANCE)
            ),
            f"complete captions without any twin in the batch, {steps} steps: "
            "keep more than half": on_one_test(asked, alone, half[steps]).above(0),
        }
    colors = [column(table, name, value="missing color") for name in CAPTIONS]
    found["a color that is missing is noticed with any captions: above chance"] = all_of(
        *(on_one_test(asked, one).above(CHANCE) for one in colors)
    )
    return found


EXPERIMENT = Experiment(
    name="binding",
    settings=SETTINGS,
    parts=(
        Part(
            "rows",
            points=lambda table: [{**run, "seed": seed} for run in RUNS for seed in SEEDS],
            measure=measure,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
