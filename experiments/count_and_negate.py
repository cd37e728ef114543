"""Does a dual encoder count, and does it understand "no"? (17)

Locked features of `pocket-vit` and a small text transformer. `counting`: pictures of one to six
objects, captions that tell the number always or one time in ten; `negation`: pictures of one object,
captions that say what is not there never, one time in ten, or every second time; "even" captions
tell colors alike of what is there and of what is not. `longer counting` and `longer negation`: the
same with four times the steps, for rare captions may only be slower. `equal counting` and `equal
negation`: rare captions for so many steps that as many of them are read as of the frequent ones in
the short training; with captions that are kept, of which the same few tell it again and again, and
with captions that are drawn anew each time, so that sooner or later nearly every picture is told.
`those told`: the few pictures whose captions tell the number, alone, and a linear probe that has no
more than these. About eight minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, on_one_test, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
SETTINGS = {
    "seeds": SEEDS,
    "told": [0.1, 1.0],
    "negated": [0.0, 0.1, 0.5],
    "even": [0.1, 0.5],
    "pictures": 800,
    "test": 300,
    "steps": 200,
    "longer": 800,
    "equal": {"counting": 2000, "negation": 1000},  # steps: 0.1 of them are 1.0 or 0.5 of 200
    "rounds": {"kept": 1, "drawn anew": 40},  # how many captions a picture has
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


def draw_batches(n: int, rounds: int):
    """Batches of different pictures out of n, each with one of its captions; caption of round r of
    picture i: i + r * n."""
    from vizkit.training.sentences import random_batches

    pictures = random_batches(n, SETTINGS["batch_size"])
    if rounds == 1:
        return pictures

    def draw(rng: np.random.Generator) -> np.ndarray:
        chosen = pictures(rng)
        return chosen + n * rng.integers(rounds, size=len(chosen))

    return draw


def train(features, captions: list[str], point: dict):
    """A model on locked features; captions: one for each picture, or several rounds of them."""
    from vizkit.training.numbers import TOKENIZER
    from vizkit.training.sentences import sentence_model, train_sentences

    rounds = len(captions) // len(features)
    model = sentence_model(features.shape[1], TOKENIZER, seed=point["seed"])
    train_sentences(
        model,
        features.repeat(rounds, 1),
        TOKENIZER(captions),
        draw_batches(len(features), rounds),
        steps=point.get("steps", SETTINGS["steps"]),
        learning_rate=SETTINGS["learning_rate"],
        seed=point["seed"],
    )
    return model


def in_rounds(write, point: dict) -> list[str]:
    """Captions of every round, one round after the other; write: from a seed to one round."""
    rounds = SETTINGS["rounds"][point.get("captions", "kept")]
    return [text for r in range(rounds) for text in write(point["seed"] + 1000 * r)]


def guesses(model) -> np.ndarray:
    """Which of six sentences with a number wins for each picture of the test, (M,) from 1 to 6."""
    import torch

    from vizkit.training.numbers import TOKENIZER, number_questions

    asked, test = world()["crowd features"][1], world()["crowds"][1]
    with torch.no_grad():
        shown = model.encode_image(asked)  # (M, E)
        texts = [text for six in number_questions(test) for text in six]
        said = model.encode_text(TOKENIZER(texts)).unflatten(0, (len(test), 6))  # (M, 6, E)
    return torch.einsum("me,mke->mk", shown, said).argmax(1).numpy() + 1


def probed(chosen: np.ndarray) -> float:
    """Share of right counts of a linear probe that is fitted on the chosen pictures."""
    from sklearn.linear_model import LogisticRegression

    (known, asked), (crowds, test) = world()["crowd features"], world()["crowds"]
    probe = LogisticRegression(C=0.1, max_iter=300)
    probe.fit(known[chosen].numpy(), crowds.counts[chosen])
    return round(float(probe.score(asked.numpy(), test.counts)), 4)


def measure_counting(point: dict, table: dict) -> dict:
    """Share of right counts by number, by sentences, by a linear probe and by the inked area."""
    from vizkit.training.numbers import counts_by_eye, crowd_captions

    known, (crowds, test) = world()["crowd features"][0], world()["crowds"]
    captions = in_rounds(lambda seed: crowd_captions(crowds, seed, point["told"]), point)
    guess = guesses(train(known, captions, point))
    row = {"right": round(float((guess == test.counts).mean()), 4)}
    for count in range(1, 7):
        row[f"right of {count}"] = round(float((guess == count)[test.counts == count].mean()), 4)
    row["off by one at most"] = round(float((abs(guess - test.counts) <= 1).mean()), 4)
    chosen = np.random.default_rng(point["seed"]).permutation(len(known))[: len(known) * 4 // 5]
    area = counts_by_eye(test.area, crowds.area[chosen], crowds.counts[chosen])
    return row | {"probe": probed(chosen), "area": round(float((area == test.counts).mean()), 4)}


def measure_those_told(point: dict, table: dict) -> dict:
    """The same pictures that tell their number in "counting", without all others."""
    from vizkit.training.numbers import crowd_captions

    known, (crowds, test) = world()["crowd features"][0], world()["crowds"]
    captions = crowd_captions(crowds, point["seed"], point["told"])
    told = np.flatnonzero([not caption.startswith("some ") for caption in captions])
    guess = guesses(train(known[told], [captions[k] for k in told], point))
    right = round(float((guess == test.counts).mean()), 4)
    return {"right": right, "probe": probed(told), "pictures": len(told)}


NEGATIONS = {
    "no": "no {}",
    "but no": "a shape but no {}",
    "no, with the color": "no {color} {}",
}
AFFIRMATIONS = {"a": "a {}", "a, with the color": "a {color} {}"}


def measure_negation(point: dict, table: dict) -> dict:
    """Share of pictures that prefer what is true, for three sentences with "no" and two without."""
    from vizkit.training.numbers import TOKENIZER, negating_captions, negation_test
    from vizkit.training.sentences import prefers

    (known, asked), (scenes, test) = world()["scene features"], world()["scenes"]
    captions = in_rounds(
        lambda seed: negating_captions(scenes, seed, point["negated"], even=point["even"]), point
    )
    model = train(known, captions, point)
    row = {}
    for name, pattern in (NEGATIONS | AFFIRMATIONS).items():
        absent, here = negation_test(test, 5, pattern)
        true, false = (absent, here) if name in NEGATIONS else (here, absent)
        row[name] = round(float(prefers(model, asked, TOKENIZER, true, false).mean()), 4)
    return row


def negation_points(table: dict) -> list[dict]:
    """Every share with colors told of what is there alone, and those of "even"."""
    kinds = [(share, False) for share in SETTINGS["negated"]]
    kinds += [(share, True) for share in SETTINGS["even"]]
    return [{"negated": share, "even": even, "seed": s} for share, even in kinds for s in SEEDS]


def equal_points(part: str, **which) -> list[dict]:
    """Rare captions, kept or drawn anew, for so many steps that as many of them are read."""
    steps = SETTINGS["equal"][part]
    return [
        {**which, "steps": steps, "captions": captions, "seed": seed}
        for captions in SETTINGS["rounds"]
        for seed in SEEDS
    ]


def column(
    table: dict, part: str, share: float, value: str, *, even: bool = False, **which
) -> np.ndarray:
    """One number by seed, (seeds,), of one share; even: the captions, for negation."""
    counts = "counting" in part or part == "those told"
    wanted = which | ({"told": share} if counts else {"negated": share, "even": even})
    found = {row["seed"]: row[value] for row in table[part] if wanted.items() <= row.items()}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare.

    All seeds are asked the same pictures, whose error is added.
    """
    from vizkit.course.evidence import all_of

    asked = table["settings"]["test"]

    rare, always = table["settings"]["told"]
    counted = {share: column(table, "counting", share, "right") for share in (rare, always)}
    low = np.mean([column(table, "counting", always, f"right of {k}") for k in (1, 2)], axis=0)
    high = np.mean([column(table, "counting", always, f"right of {k}") for k in (4, 5)], axis=0)

    def says(share: float, name: str, even: bool = False):
        return on_one_test(asked, column(table, "negation", share, name, even=even))

    found = {
        "it counts when every caption tells the number: above 0.8": on_one_test(
            asked, counted[always]
        ).above(0.8),
        "captions that seldom tell the number cost ten points": on_one_test(
            asked, counted[always], counted[rare]
        ).above(0.1),
        "rarely told: a linear probe counts better by ten points": on_one_test(
            asked, column(table, "counting", rare, "probe"), counted[rare]
        ).above(0.1),
        "small numbers are easier by ten points": on_one_test(asked // 3, low, high).above(0.1),
        "a linear probe counts better than the sentences": on_one_test(
            asked, column(table, "counting", always, "probe"), counted[always]
        ).above(0),
        "always told: it counts better than the inked area by ten points": on_one_test(
            asked, counted[always], column(table, "counting", always, "area")
        ).above(0.1),
        "without a no in the captions, no star means star": says(0.0, "no").below(0.4),
        "without a no in the captions, shapes that are there are named": all_of(
            *(says(0.0, name).above(0.8) for name in AFFIRMATIONS)
        ),
    }
    share = table["settings"]["even"][-1]
    for even, name in ((False, "colors of what is there alone"), (True, "colors told alike")):
        for level, words in ((0.8, "above 0.8"), (0.5, "above chance")):
            every = [says(share, one, even).above(level) for one in (*NEGATIONS, *AFFIRMATIONS)]
            found[f"no in half of the captions, {name}: all five sentences {words}"] = all_of(
                *every
            )
        for one in ("no", "no, with the color"):
            found[f'no in half of the captions, {name}: "{one}" above chance'] = says(
                share, one, even
            ).above(0.5)
    found["colors of what is there alone: a star is taken for no star"] = says(0.5, "a").below(0.4)
    steps = table["settings"]["longer"]
    longer = {told: column(table, "longer counting", told, "right") for told in (rare, always)}
    found[f"captions that seldom tell the number cost ten points, {steps} steps"] = on_one_test(
        asked, longer[always], longer[rare]
    ).above(0.1)
    found[f"rarely told: more right after {steps} steps"] = on_one_test(
        asked, longer[rare], counted[rare]
    ).above(0)
    taken = on_one_test(asked, column(table, "longer negation", share, "a"))
    found[f"colors of what is there alone, {steps} steps: a star is taken for no star"] = (
        taken.below(0.4)
    )
    for one in NEGATIONS:
        read = column(table, "longer negation", share, one, even=True)
        found[f'colors told alike, {steps} steps: "{one}" above chance'] = on_one_test(
            asked, read
        ).above(0.5)
    return found | equal_verdicts(table, counted[always])


def equal_verdicts(table: dict, always: np.ndarray) -> dict[str, bool | str]:
    """Rare captions, of which as many are read as of frequent ones; always: right counts of those."""
    asked = table["settings"]["test"]
    found = {}
    for captions in table["settings"]["rounds"]:
        right = column(table, "equal counting", 0.1, "right", captions=captions)
        found |= {
            f"number seldom told, as many read, {captions}: costs ten points": on_one_test(
                asked, always, right
            ).above(0.1),
            f"number seldom told, as many read, {captions}: above 0.8": on_one_test(
                asked, right
            ).above(0.8),
        }
        for one in NEGATIONS:
            read = column(table, "equal negation", 0.1, one, even=True, captions=captions)
            found[f'"no" seldom told, as many read, {captions}: "{one}" above chance'] = (
                on_one_test(asked, read).above(0.5)
            )
    told = {value: column(table, "those told", 0.1, value) for value in ("right", "probe")}
    return found | {
        "of those told: a linear probe is ahead of the sentences": on_one_test(
            asked, told["probe"], told["right"]
        ).above(0)
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
            points=negation_points,
            measure=measure_negation,
        ),
        Part(
            "longer counting",
            points=lambda table: [
                {"told": told, "steps": SETTINGS["longer"], "seed": seed}
                for told in SETTINGS["told"]
                for seed in SEEDS
            ],
            measure=measure_counting,
        ),
        Part(
            "longer negation",
            points=lambda table: [
                {"negated": 0.5, "even": even, "steps": SETTINGS["longer"], "seed": seed}
                for even in (False, True)
                for seed in SEEDS
            ],
            measure=measure_negation,
        ),
        Part(
            "equal counting",
            points=lambda table: equal_points("counting", told=0.1),
            measure=measure_counting,
        ),
        Part(
            "equal negation",
            points=lambda table: equal_points("negation", negated=0.1, even=True),
            measure=measure_negation,
        ),
        Part(
            "those told",
            points=lambda table: [{"told": 0.1, "seed": seed} for seed in SEEDS],
            measure=measure_those_told,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
