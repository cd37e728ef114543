"""Why one linear map does not bring the towers of pocket-clip together: the map, the loss or the text? (17)

Frozen pictures, and beside them a linear map of what the frozen text tower says, or one of the true
pairs of shape and color in its place. Each learns with InfoNCE over the batch, or with the pair
loss, which compares each picture with its true sentence and with that of its twin alone (LABCLIP's
negatives). As a control the pairs of another scene. About two minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
TEXTS = ("text tower, frozen", "told pairs", "pairs of another scene")
MEET = 0.6  # the share of swap tests from which on the towers are said to meet, as in J2
SETTINGS = {
    "seeds": SEEDS,
    "texts": TEXTS,
    "losses": ["batch", "pair"],
    "steps": 600,
    "batch_size": 48,
    "learning_rate": 0.003,
    "scenes, captions and test": "those of the experiment mending",
}


@cache
def pair_vectors() -> dict:
    """For scenes with twins, and for the test with true and false pairs, (N, 90) with two ones."""
    import torch

    from experiments.mending import world
    from vizkit.training.binding import twins_of
    from vizkit.training.mending import pairs_of

    tables = world()["tables"]
    test = tables["test"]
    found = {
        "known": torch.cat([pairs_of(tables["scenes"]), pairs_of(tables["twins"])]),
        "true": pairs_of(test),
        "false": pairs_of(twins_of(test)),
    }
    return {name: torch.zeros(len(p), 90).scatter_(1, p, 1.0) for name, p in found.items()}


@cache
def said_by_tower() -> dict:
    """Unit vectors (N, 64) of the captions, and of the true and the false sentences of the test."""
    import torch

    from experiments.mending import encoder, world
    from vizkit.training.binding import swap_test

    true, false, _ = swap_test(world()["tables"]["test"], 5)
    texts = {"known": world()["captions"], "true": true, "false": false}
    with torch.no_grad():
        clip = encoder()
        return {k: clip.model.encode_text(clip.tokenizer(list(some))) for k, some in texts.items()}


def start_map(text: str, seed: int):
    """What the map reads, by part (N, D), and the map before it learns."""
    import torch
    from torch import nn

    from vizkit.training import seed_everything
    from vizkit.training.mending import starting_map

    seed_everything(seed)
    if text == "text tower, frozen":
        return said_by_tower(), starting_map(torch.eye(64))
    vectors = dict(pair_vectors())
    if text == "pairs of another scene":
        count = len(vectors["known"]) // 2
        order = np.random.default_rng(seed).permutation(count)
        vectors["known"] = vectors["known"][np.concatenate([order, order + count])]
    return vectors, nn.Linear(90, 64)


def pair_loss(shown, said, scale):
    """Each picture with its own sentence against that of its twin: cross-entropy over the two.

    shown, said: (B, E) unit vectors, the twin of row i at i + B / 2.
    """
    import torch

    twin = said.roll(len(said) // 2, dims=0)
    return torch.nn.functional.softplus(scale * (shown * (twin - said)).sum(1)).mean()


def measure(point: dict, table: dict) -> dict:
    """Train one map with twins in each batch; the swap test on new scenes."""
    import torch
    from torch.nn.functional import normalize

    from experiments.mending import encoder, pictures
    from vizkit.losses import info_nce
    from vizkit.training import fit
    from vizkit.training.binding import twin_batches

    seed = point["seed"]
    texts, module = start_map(point["text"], seed)
    shown = torch.cat([pictures(one, "joint") for one in ("scenes", "twins")])  # (2N, 64)
    rng = np.random.default_rng(seed)
    draw = twin_batches(len(shown) // 2, SETTINGS["batch_size"])
    scale = encoder().model.scale().detach()

    def loss(step: int):
        batch = torch.from_numpy(draw(rng))
        both = shown[batch], normalize(module(texts["known"][batch]), dim=-1)
        return pair_loss(*both, scale) if point["loss"] == "pair" else info_nce(*both, scale)

    fit(
        module, loss, steps=SETTINGS["steps"], learning_rate=SETTINGS["learning_rate"],
        warmup_steps=20, clip_norm=1.0, seed=None, progress=False,
    )  # fmt: skip
    with torch.no_grad():
        right, wrong = (normalize(module(texts[k]), dim=-1) for k in ("true", "false"))
    hits = (pictures("test", "joint") * (right - wrong)).sum(1) > 0
    return {"swap": round(float(hits.float().mean()), 4)}


def column(table: dict, text: str, loss: str) -> np.ndarray:
    """The swap test by seed, (seeds,)."""
    rows = [row for row in table["rows"] if (row["text"], row["loss"]) == (text, loss)]
    found = {row["seed"]: row["swap"] for row in rows}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed."""
    from vizkit.course.evidence import estimate

    found = {}
    tower, told, other = TEXTS
    for loss in table["settings"]["losses"]:
        for text in TEXTS:
            found[f"{text}, {loss} loss: above 0.6"] = estimate(column(table, text, loss)).above(
                MEET
            )
        for rival in (tower, other):
            gain = estimate(column(table, told, loss) - column(table, rival, loss))
            found[f"{loss} loss: told pairs are ahead of: {rival}"] = gain.above(0)
    gain = estimate(column(table, tower, "pair") - column(table, tower, "batch"))
    return found | {f"{tower}: the pair loss is ahead of that over the batch": gain.above(0)}


EXPERIMENT = Experiment(
    name="map_or_loss",
    settings=SETTINGS,
    parts=(
        Part(
            "rows",
            points=lambda table: [
                {"text": t, "loss": one, "seed": s}
                for t in TEXTS
                for one in SETTINGS["losses"]
                for s in SEEDS
            ],
            measure=measure,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
