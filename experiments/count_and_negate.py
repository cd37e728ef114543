"""Does a dual encoder count, and does it understand "no"? (17)

Locked features of `pocket-vit` and a small text transformer. `counting`: pictures of one to six
objects, captions that tell the number always or one time in ten; `negation`: pictures of one object,
captions that say what is not there never, one time in ten, or every second time. About two minutes
on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
SETTINGS = {
    "seeds": SEEDS,
    "told": [0.1, 1.0],
    "negated": [0.0, 0.1, 0.5],
    "pictures": 800,
    "test": 300,
    "steps": 200,
    "batch_size": 64,
    "learning_rate": 0.003,
    "network": "locked pocket-vit, a projection, a text transformer of two layers, width 48",
}


@cache
def world() -> dict:
    """Crowds and single scenes with their features, to learn from and for the test."""
    from vizkit import zoo
    from vizkit.data import render
    from vizkit.data.crowds import draw_crowds
    from vizkit.training.numbers import single_scenes
    from vizkit.training.sentences import reading_features, standardized

    encoder, n, m = zoo.load("pocket-vit"), SETTINGS["pictures"], SETTINGS["test"]
    crowds, test_crowds = draw_crowds(n, 0), draw_crowds(m, 1)
    scenes, test_scenes = single_scenes(n, 0), single_scenes(m, 1)
    found = {"crowds": (crowds, test_crowds), "scenes": (scenes, test_scenes)}
    for name, pictures in (
        ("crowd features", (crowds.pictures, test_crowds.pictures)),
        ("scene features", (render(scenes), render(test_scenes))),
    ):
        found[name] = standardized(*(reading_features(encoder, some) for some in pictures))
    return found


def train(features, captions: list[str], seed: int):
    """A model on locked features, trained on one caption a picture."""
    from vizkit.training.numbers import TOKENIZER
    from vizkit.training.sentences import random_batches, sentence_model, train_sentences

    model = sentence_model(features.shape[1], TOKENIZER, seed=seed)
    train_sentences(
        model,
        features,
        TOKENIZER(captions),
        random_batches(len(features), SETTINGS["batch_size"]),
        steps=SETTINGS["steps"],
        learning_rate=SETTINGS["learning_rate"],
        seed=seed,
    )
    return model


def measure_counting(point: dict, table: dict) -> dict:
    """Share of right counts by number, by sentences, by a linear probe and by the inked area."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from vizkit.training.numbers import TOKENIZER, counts_by_eye, crowd_captions, number_questions

    (known, asked), (crowds, test) = world()["crowd features"], world()["crowds"]
    model = train(known, crowd_captions(crowds, point["seed"], point["told"]), point["seed"])
    with torch.no_grad():
        shown = model.encode_image(asked)  # (M, E)
        texts = [text for six in number_questions(test) for text in six]
        said = model.encode_text(TOKENIZER(texts)).unflatten(0, (len(test), 6))  # (M, 6, E)
    guess = torch.einsum("me,mke->mk", shown, said).argmax(1).numpy() + 1
    row = {"right": round(float((guess == test.counts).mean()), 4)}
    for count in range(1, 7):
        row[f"right of {count}"] = round(float((guess == count)[test.counts == count].mean()), 4)
    row["off by one at most"] = round(float((abs(guess - test.counts) <= 1).mean()), 4)
    chosen = np.random.default_rng(point["seed"]).permutation(len(known))[: len(known) * 4 // 5]
    probe = LogisticRegression(C=0.1, max_iter=300).fit(
        known[chosen].numpy(), crowds.counts[chosen]
    )
    row["probe"] = round(float(probe.score(asked.numpy(), test.counts)), 4)
    area = counts_by_eye(test.area, crowds.area[chosen], crowds.counts[chosen])
    return row | {"area": round(float((area == test.counts).mean()), 4)}


def measure_negation(point: dict, table: dict) -> dict:
    """Share of pictures that prefer what is true, for three forms of sentence."""
    from vizkit.training.numbers import TOKENIZER, negating_captions, negation_test
    from vizkit.training.sentences import prefers

    (known, asked), (scenes, test) = world()["scene features"], world()["scenes"]
    model = train(known, negating_captions(scenes, point["seed"], point["negated"]), point["seed"])
    row = {}
    for name, pattern in (("no", "no {}"), ("but no", "a shape but no {}")):
        true, false = negation_test(test, 5, pattern)
        row[name] = round(float(prefers(model, asked, TOKENIZER, true, false).mean()), 4)
    absent, here = negation_test(test, 5, "a {}")
    row["a"] = round(float(prefers(model, asked, TOKENIZER, here, absent).mean()), 4)
    return row


def column(table: dict, part: str, share: float, value: str) -> np.ndarray:
    """One number by seed, (seeds,), of one share."""
    key = "told" if part == "counting" else "negated"
    found = {row["seed"]: row[value] for row in table[part] if row[key] == share}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare."""
    from vizkit.course.evidence import all_of, estimate

    rare, always = table["settings"]["told"]
    counted = {share: column(table, "counting", share, "right") for share in (rare, always)}
    low = np.mean([column(table, "counting", always, f"right of {k}") for k in (1, 2)], axis=0)
    high = np.mean([column(table, "counting", always, f"right of {k}") for k in (4, 5)], axis=0)
    no = {share: column(table, "negation", share, "no") for share in table["settings"]["negated"]}
    return {
        "it counts when every caption tells the number: above 0.8": estimate(counted[always]).above(
            0.8
        ),
        "captions that seldom tell the number cost ten points": estimate(
            counted[always] - counted[rare]
        ).above(0.1),
        "small numbers are easier by ten points": estimate(low - high).above(0.1),
        "a linear probe counts better than the sentences": estimate(
            column(table, "counting", always, "probe") - counted[always]
        ).above(0),
        "without a no in the captions, no star means star": estimate(no[0.0]).below(0.4),
        "one no in ten captions is enough: above 0.8": estimate(no[0.1]).above(0.8),
        "one no in two captions is enough: above 0.8": estimate(no[0.5]).above(0.8),
        "shapes that are there are named, whatever the share": all_of(
            *(
                estimate(column(table, "negation", share, "a")).above(0.9)
                for share in table["settings"]["negated"]
            )
        ),
    }


EXPERIMENT = Experiment(
    name="count_and_negate",
    settings=SETTINGS,
    parts=(
        Part(
            "counting",
            points=lambda table: [
                {"told": told, "seed": seed} for told in SETTINGS["told"] for seed in SEEDS
            ],
            measure=measure_counting,
        ),
        Part(
            "negation",
            points=lambda table: [
                {"negated": share, "seed": seed} for share in SETTINGS["negated"] for seed in SEEDS
            ],
            measure=measure_negation,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
