"""Do few heads read, in every encoder that learned to read? (17)

Five readers trained with five seeds. A wrong word is written on each test picture; on other pictures
the three heads are found without which the word does least harm, and switched off. Beside them: three
heads by lot out of all, and three by lot out of the same layers; and the strip of paper without a
word, with the share of the object's pixels that it covers. About seven minutes on one core.
"""

from __future__ import annotations

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
KINDS = ("plain", "blank strip", "wrong word", "right word", "says the word", "reads")
SETTINGS = {
    "seeds": SEEDS,
    "count": 3,
    "test": 400,
    "to find the heads": 200,
    "draws": 8,
    "encoder": "ReaderRecipe: image tower from pocket-vit-patch, text tower of pocket-clip, locked",
}


def hits(reader: tuple, written, heads: list) -> dict[str, np.ndarray]:
    """Picture by picture, (N,) of 0 and 1 for each kind, with these heads switched off."""
    from vizkit.training.reader import attack_scores, heads_off

    model, tokenizer = reader
    with heads_off(model.image_tower, heads):
        found = attack_scores(model, tokenizer, written)
    return {kind: found[kind].astype(int) for kind in KINDS}


def right_under_attack(reader: tuple, written, heads: list) -> np.ndarray:
    """Which pictures with a wrong word get their object's name, (N,) of 0 and 1, these heads off."""
    from vizkit.training.reader import heads_off, named

    model, tokenizer = reader
    with heads_off(model.image_tower, heads):
        answers = named(model, tokenizer, written.pictures["wrong word"])
    return (answers == written.own).astype(int)


def stored(name: str, counts: np.ndarray, draws: int = 1) -> dict[str, float | str]:
    """A share, and how often each picture (N,) was a hit in `draws` draws, a digit a picture."""
    share = round(float(counts.mean() / draws), 4)
    return {name: share, f"{name}, by picture": "".join(map(str, counts))}


def drawn_heads(tower, chosen: list, rng: np.random.Generator, *, same_layers: bool) -> list:
    """As many heads by lot: out of all, or in the layers of `chosen`."""
    from vizkit.training.reader import all_heads

    heads = all_heads(tower)
    if not same_layers:
        return [heads[k] for k in rng.choice(len(heads), len(chosen), replace=False)]
    picked = []
    for layer in sorted({layer for layer, _ in chosen}):
        there = [head for head in heads if head[0] == layer]
        count = sum(one == layer for one, _ in chosen)
        picked += [there[k] for k in rng.choice(len(there), count, replace=False)]
    return picked


def measure(point: dict, table: dict) -> dict:
    """Train one reader, attack it, find its reading heads and switch them off."""
    from dataclasses import replace

    from vizkit.training.reader import (
        ReaderRecipe,
        heads_that_read,
        share_covered,
        train_reader,
        written_scenes,
    )

    seed, draws = point["seed"], SETTINGS["draws"]
    reader = train_reader(replace(ReaderRecipe(), seed=seed))
    tower, test = reader[0].image_tower, written_scenes(SETTINGS["test"], 20)
    find = written_scenes(SETTINGS["to find the heads"], 21)
    chosen, _ = heads_that_read(*reader, find, count=SETTINGS["count"])
    rng = np.random.default_rng(seed)
    row: dict = {"heads": [[layer + 1, head + 1] for layer, head in chosen]}
    row["most of an object under the strip"] = round(float(share_covered(test).max()), 4)
    for name, heads in (("as it is", []), ("off", chosen)):
        for kind, found in hits(reader, test, heads).items():
            row |= stored(f"{name}: {kind}", found)
    runs = {f"off, {count}": [chosen[:count]] for count in range(1, SETTINGS["count"])}
    for name, same in (("by lot", False), ("by lot, same layers", True)):
        runs[name] = [drawn_heads(tower, chosen, rng, same_layers=same) for _ in range(draws)]
    for name, many in runs.items():
        counts = np.sum([right_under_attack(reader, test, heads) for heads in many], axis=0)
        row |= stored(f"{name}: wrong word", counts, len(many))
    return row


def column(table: dict, value: str, draws: int = 1) -> np.ndarray:
    """Shares of hits in `draws` draws by seed and picture, (seeds, pictures)."""
    found = {row["seed"]: row[f"{value}, by picture"] for row in table["rows"]}
    digits = [[int(one) for one in found[seed]] for seed in table["settings"]["seeds"]]
    return np.array(digits) / draws


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed and picture.

    All readers are asked the same pictures, so the spread of the pictures counts as well. "Most" is
    more than half of what was lost, "cheap" less than half of what came back.
    """
    from vizkit.course.evidence import estimate_over_tests as estimate

    plain, blank, wrong = (
        column(table, f"as it is: {kind}") for kind in ("plain", "blank strip", "wrong word")
    )
    off = column(table, "off: wrong word")
    paid = plain - column(table, "off: plain")
    found = {
        "a wrong word costs at least ten points": estimate(plain - wrong).above(0.1),
        "the right word costs nothing": estimate(
            column(table, "as it is: right word") - plain
        ).above(0),
        "a blank strip costs less than half of what a wrong word costs": estimate(
            (plain - wrong) / 2 - (plain - blank)
        ).above(0),
        "three heads off bring back more than half of it": estimate(
            off - (plain + wrong) / 2
        ).above(0),
        "on plain pictures they cost less than half of what they bring back": estimate(
            (off - wrong) / 2 - paid
        ).above(0),
        "on plain pictures they cost something": estimate(paid).above(0),
        "reading falls by at least ten points": estimate(
            column(table, "as it is: reads") - column(table, "off: reads")
        ).above(0.1),
    }
    for name in ("by lot", "by lot, same layers"):
        lot = column(table, f"{name}: wrong word", table["settings"]["draws"])
        found[f"three heads {name} bring back less"] = estimate(off - lot).above(0)
    return found


EXPERIMENT = Experiment(
    name="readers",
    settings=SETTINGS,
    parts=(Part("rows", points=lambda table: [{"seed": s} for s in SEEDS], measure=measure),),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
