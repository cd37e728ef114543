"""Do few heads read, in every encoder that learned to read? (17)

Five readers trained with five seeds. A wrong word is written on each test picture; on other pictures
the three heads are found without which the word does least harm, and switched off. Beside them: three
heads by lot out of all, and three by lot out of the same layers. About seven minutes on one core.
"""

from __future__ import annotations

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
KINDS = ("plain", "wrong word", "right word", "says the word", "reads")
SETTINGS = {
    "seeds": SEEDS,
    "count": 3,
    "test": 400,
    "to find the heads": 200,
    "draws": 8,
    "encoder": "ReaderRecipe: image tower from pocket-vit-patch, text tower of pocket-clip, locked",
}


def shares(reader: tuple, written, heads: list) -> dict[str, float]:
    """Share of pictures by kind with these heads switched off."""
    from vizkit.training.reader import attack_scores, heads_off

    model, tokenizer = reader
    with heads_off(model.image_tower, heads):
        found = attack_scores(model, tokenizer, written)
    return {kind: float(found[kind].mean()) for kind in KINDS}


def right_under_attack(reader: tuple, written, heads: list) -> float:
    """Share of pictures with a wrong word whose object is named, with these heads switched off."""
    from vizkit.training.reader import heads_off, named

    model, tokenizer = reader
    with heads_off(model.image_tower, heads):
        return float(
            (named(model, tokenizer, written.pictures["wrong word"]) == written.own).mean()
        )


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

    from vizkit.training.reader import ReaderRecipe, heads_that_read, train_reader, written_scenes

    seed, draws = point["seed"], SETTINGS["draws"]
    reader = train_reader(replace(ReaderRecipe(), seed=seed))
    tower, test = reader[0].image_tower, written_scenes(SETTINGS["test"], 20)
    find = written_scenes(SETTINGS["to find the heads"], 21)
    chosen, _ = heads_that_read(*reader, find, count=SETTINGS["count"])
    rng = np.random.default_rng(seed)
    row: dict = {"heads": [[layer + 1, head + 1] for layer, head in chosen]}
    for name, heads in (("as it is", []), ("off", chosen)):
        found = shares(reader, test, heads)
        row |= {f"{name}: {kind}": round(found[kind], 4) for kind in KINDS}
    runs = {f"off, {count}": [chosen[:count]] for count in range(1, SETTINGS["count"])}
    for name, same in (("by lot", False), ("by lot, same layers", True)):
        runs[name] = [drawn_heads(tower, chosen, rng, same_layers=same) for _ in range(draws)]
    for name, many in runs.items():
        right = np.mean([right_under_attack(reader, test, heads) for heads in many])
        row[f"{name}: wrong word"] = round(float(right), 4)
    return row


def column(table: dict, value: str) -> np.ndarray:
    """One number by seed, (seeds,)."""
    found = {row["seed"]: row[value] for row in table["rows"]}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed.

    "Most" is more than half of what was lost, "cheap" less than half of what came back.
    """
    from vizkit.course.evidence import estimate

    plain, wrong = (column(table, f"as it is: {kind}") for kind in ("plain", "wrong word"))
    off = column(table, "off: wrong word")
    paid = plain - column(table, "off: plain")
    found = {
        "a wrong word costs at least ten points": estimate(plain - wrong).above(0.1),
        "the right word costs nothing": estimate(
            column(table, "as it is: right word") - plain
        ).above(0),
        "three heads off bring back more than half of it": estimate(
            off - (plain + wrong) / 2
        ).above(0),
        "on plain pictures they cost less than half of what they bring back": estimate(
            (off - wrong) / 2 - paid
        ).above(0),
        "reading falls by at least ten points": estimate(
            column(table, "as it is: reads") - column(table, "off: reads")
        ).above(0.1),
    }
    for name in ("by lot", "by lot, same layers"):
        found[f"three heads {name} bring back less"] = estimate(
            off - column(table, f"{name}: wrong word")
        ).above(0)
    return found


EXPERIMENT = Experiment(
    name="readers",
    settings=SETTINGS,
    parts=(Part("rows", points=lambda table: [{"seed": s} for s in SEEDS], measure=measure),),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
