"""Which connector, and does a tiny vision-language model look? (12)

`connectors`: four connectors in front of the same decoder of one block, asked *where* an object
is, for two lengths of training and two learning rates; the rate of each is chosen on other
pictures than those of the test. Where the best one is the lowest or the highest, `wider` and
`widest` try one further. `talkers`: the model that describes and says where, with a trained
connector and with one frozen as it was initialised (the control for "the decoder does the work"),
each asked about its own picture and about another one (the control for "habit"); `slower_talkers`:
the same at another learning rate. About half an hour on one core.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
SHORT, LONG = 120, 480
WIDTH = 64
LOOKS = [10, 20, 40, 80, 160, 320, 520]  # steps at which the talker is examined
SETTINGS = {
    "seeds": SEEDS,
    "encoder": "pocket-vit, the layer before the last, without the class token",
    "pictures": "2,500 to learn from, 300 for the test, 300 others to choose the learning rate",
    "embed_dim": WIDTH,
    "steps": [SHORT, LONG],
    "rates": [0.003, 0.01],
    "further_rates": [0.0001, 0.0003, 0.001, 0.03, 0.1],
    "connector_depth": 1,
    "talker_steps": 520,
    "talker_rate": 0.005,
    "slower_talker_rate": 0.002,
    "talker_depth": 2,
    "batch_size": 48,
    "looks": LOOKS,
    "optimizer": "AdamW, weight decay 0.05, warm-up, then cosine, gradients clipped at 1",
}


PARTS = ("connectors", "wider", "widest")  # the rows of `connectors` and the rates tried later


def makers() -> dict:
    """The four connectors by name."""
    from vizkit.models import MlpConnector, PixelShuffleConnector, PoolingConnector, Resampler

    return {
        "MLP": lambda: MlpConnector(in_dim=96, embed_dim=WIDTH),
        "pooling": lambda: PoolingConnector(in_dim=96, embed_dim=WIDTH),
        "pixel shuffle": lambda: PixelShuffleConnector(in_dim=96, embed_dim=WIDTH),
        "resampler": lambda: Resampler(in_dim=96, embed_dim=WIDTH, num_queries=16, num_heads=4),
    }


@cache
def world() -> dict:
    """Scenes and standardised features by part: "train", "test" and "choose"."""
    from vizkit import zoo
    from vizkit.training.vlm import visual_features
    from vizkit.training.vlm_exam import pair_scenes, standardize

    encoder = zoo.load("pocket-vit")
    counts = {"train": (2500, 0), "test": (300, 1), "choose": (300, 2)}
    scenes = {part: pair_scenes(n, seed) for part, (n, seed) in counts.items()}
    tokens = [visual_features(encoder, one)["before last"][:, 1:] for one in scenes.values()]
    return {"scenes": scenes, "features": dict(zip(scenes, standardize(*tokens), strict=True))}


def points(table: dict) -> list[dict]:
    """Every connector, length, rate and seed."""
    return [
        {"connector": name, "steps": steps, "rate": rate, "seed": seed}
        for steps in SETTINGS["steps"]
        for rate in SETTINGS["rates"]
        for seed in SEEDS
        for name in makers()
    ]


def further(table: dict, parts: tuple[str, ...]) -> list[dict]:
    """One rate more, every seed, wherever the best one of these parts is the lowest or the highest."""
    ladder, found = sorted(SETTINGS["rates"] + SETTINGS["further_rates"]), []
    for steps in SETTINGS["steps"]:
        for name in makers():
            rates = sorted({row["rate"] for row in tried(table, name, steps, parts)})
            best = chosen_rate(table, name, steps, parts)
            place = ladder.index(best)
            for edge, step in ((rates[0], -1), (rates[-1], 1)):
                if best == edge:
                    point = {"connector": name, "steps": steps, "rate": ladder[place + step]}
                    found += [{**point, "seed": seed} for seed in SEEDS]
    return found


def measure(point: dict, table: dict) -> dict:
    """Share of right places: on the test, with another picture, and on the pictures to choose by."""
    from vizkit.training import fit
    from vizkit.training.vlm import answer_loss, write_dialogues
    from vizkit.training.vlm_exam import other_pictures, small_model

    scenes, features = world()["scenes"], world()["features"]
    asked = {part: write_dialogues(some, tasks=["where"]) for part, some in scenes.items()}
    model = small_model(
        makers()[point["connector"]], embed_dim=WIDTH, depth=SETTINGS["connector_depth"],
        seed=point["seed"],
    )  # fmt: skip
    loss = answer_loss(model, features["train"], asked["train"], seed=point["seed"])
    history = fit(
        model, loss, steps=point["steps"], learning_rate=point["rate"], warmup_steps=20,
        clip_norm=1.0, seed=point["seed"], progress=False,
    )  # fmt: skip
    return {
        "where": right(model, features["test"], asked["test"])["where"],
        "other_picture": right(model, other_pictures(features["test"]), asked["test"])["where"],
        "choose": right(model, features["choose"], asked["choose"])["where"],
        "loss": round(float(np.mean(history.loss[-20:])), 4),
    }


def right(model, features, dialogues) -> dict[str, float]:
    """Share of right answers for each fact."""
    from vizkit.training.vlm import answers_of
    from vizkit.training.vlm_exam import mark_facts

    marks = mark_facts(dialogues, answers_of(model, features, dialogues))
    return {fact: round(float(found.mean()), 4) for fact, found in marks.items()}


def talker_points(table: dict) -> list[dict]:
    """Both connectors with every seed."""
    return [{"connector": c, "seed": s} for s in SEEDS for c in ("trained", "frozen")]


def slower_points(table: dict) -> list[dict]:
    """The same at the other learning rate."""
    return [{**point, "rate": SETTINGS["slower_talker_rate"]} for point in talker_points(table)]


def measure_talker(point: dict, table: dict) -> dict:
    """Facts right with its own and with another picture, and the language along the way."""
    from vizkit.training import fit
    from vizkit.training.vlm import answer_loss, write_dialogues
    from vizkit.training.vlm_exam import other_pictures, small_model

    scenes, features = world()["scenes"], world()["features"]
    asked = {part: write_dialogues(some) for part, some in scenes.items()}
    model = small_model(
        makers()["MLP"], embed_dim=WIDTH, depth=SETTINGS["talker_depth"], seed=point["seed"]
    )
    if point["connector"] == "frozen":
        model.connector.requires_grad_(False)
    early = write_dialogues(scenes["test"][:60])
    loss = answer_loss(model, features["train"], asked["train"], seed=point["seed"])
    history = fit(
        model, loss, steps=SETTINGS["talker_steps"],
        learning_rate=point.get("rate", SETTINGS["talker_rate"]),
        warmup_steps=40, clip_norm=1.0, seed=point["seed"], progress=False, record_every=10,
        record=lambda step: language(model, features["test"], early) if step in LOOKS else {},
    )  # fmt: skip
    seen = [row for row in history.records if row["step"] in LOOKS]
    return {
        "own": right(model, features["test"], asked["test"]),
        "other": right(model, other_pictures(features["test"]), asked["test"]),
        "well_formed": [row["well_formed"] for row in seen],
        "true": [row["true"] for row in seen],
        "true_of_another": [row["true_of_another"] for row in seen],
        "loss": [round(float(np.mean(history.loss[s - 10 : s])), 4) for s in LOOKS],
    }


def language(model, features, dialogues) -> dict[str, float]:
    """Shares of answers that are well-formed, that are true, and true when shown another picture."""
    from vizkit.training.vlm import answers_of
    from vizkit.training.vlm_exam import is_well_formed, other_pictures

    count = int(dialogues.pictures.max()) + 1
    said = answers_of(model, features[:count], dialogues)
    blind = answers_of(model, other_pictures(features[:count]), dialogues)
    return {
        "well_formed": round(float(np.mean([is_well_formed(one) for one in said])), 4),
        "true": round(float(np.mean(np.array(said) == dialogues.answers)), 4),
        "true_of_another": round(float(np.mean(np.array(blind) == dialogues.answers)), 4),
    }


def tried(table: dict, connector: str, steps: int, parts: tuple[str, ...] = PARTS) -> list[dict]:
    """The rows of one connector and one length, all rates."""
    rows = [row for part in parts for row in table.get(part, [])]
    return [row for row in rows if (row["connector"], row["steps"]) == (connector, steps)]


def chosen_rate(table: dict, connector: str, steps: int, parts: tuple[str, ...] = PARTS) -> float:
    """The rate with the highest mean on the pictures to choose by."""
    rows = tried(table, connector, steps, parts)
    rates = sorted({row["rate"] for row in rows})
    return max(rates, key=lambda one: np.mean([r["choose"] for r in rows if r["rate"] == one]))


def at_an_edge(table: dict) -> int:
    """How often the best rate is the lowest or the highest that was tried."""
    count = 0
    for steps in SETTINGS["steps"]:
        for name in makers():
            rates = [row["rate"] for row in tried(table, name, steps)]
            count += chosen_rate(table, name, steps) in (min(rates), max(rates))
    return count


def scores(table: dict, connector: str, steps: int, value: str = "where") -> np.ndarray:
    """(seeds,) of one connector after `steps`, at its chosen rate."""
    rate = chosen_rate(table, connector, steps)
    rows = [row for row in tried(table, connector, steps) if row["rate"] == rate]
    return np.array([row[value] for row in sorted(rows, key=lambda row: row["seed"])])


def facts_of(
    table: dict, connector: str, picture: str, part: str = "talkers"
) -> dict[str, np.ndarray]:
    """For each fact the shares right, (seeds,): `picture` is "own" or "other"."""
    rows = [row for row in table[part] if row["connector"] == connector]
    rows = sorted(rows, key=lambda row: row["seed"])
    return {fact: np.array([row[picture][fact] for row in rows]) for fact in rows[0][picture]}


def verdicts(table: dict) -> dict[str, bool | str]:
    """Differences paired by seed, judged at two standard errors."""
    from vizkit.course.evidence import all_of, estimate

    found = {}
    for steps in SETTINGS["steps"]:
        for other in ("pooling", "pixel shuffle", "resampler"):
            lead = scores(table, "MLP", steps) - scores(table, other, steps)
            found[f"after {steps} steps the MLP is ahead of {other}"] = estimate(lead).above(0)
    own, blind = facts_of(table, "trained", "own"), facts_of(table, "trained", "other")
    looks = [estimate(own[fact] - blind[fact]).above(0.1) for fact in own]
    found["every fact falls by more than 10 points with another picture"] = all_of(*looks)
    for part, when in (("talkers", ""), ("slower_talkers", " at the lower rate")):
        own, frozen = (facts_of(table, name, "own", part) for name in ("trained", "frozen"))
        for fact in own:
            gain = estimate(own[fact] - frozen[fact])
            found[f"{fact} gains by training the connector{when}"] = gain.above(0)
    return found


EXPERIMENT = Experiment(
    name="connectors",
    settings=SETTINGS,
    parts=(
        Part("connectors", points=points, measure=measure),
        Part("wider", points=partial(further, parts=PARTS[:1]), measure=measure),
        Part("widest", points=partial(further, parts=PARTS[:2]), measure=measure),
        Part("talkers", points=talker_points, measure=measure_talker),
        Part("slower_talkers", points=slower_points, measure=measure_talker),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
