"""Binding in a finished pocket-clip: where it is known, what brings it together, what that costs. (17)

`probes`: a linear probe on what each tower knows. `orders`: the binding of a sentence as a product,
which no linear probe can form: which of the colors stands first, times which of the shapes; on
sentences whose words never stood together in the fit, beside a linear probe of the same sentences.
`mends`: maps behind frozen towers, or a text
tower that learns again, with random batches or with twins; judged by the swap test in the sentence
form that was trained and in three others, by retrieval and by zero-shot naming. About four minutes
on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, on_one_test, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
# What is read of the picture, where the text goes through, what is put there, and the batches.
MENDS = {
    "nothing": None,
    "linear map, twins": ("joint", "joint", "linear", "twins"),
    "MLP, twins": ("joint", "joint", "mlp", "twins"),
    "linear map of the tower, twins": ("joint", "tower", "linear", "twins"),
    "linear maps on both sides, twins": ("patches", "tower", "linear", "twins"),
    "text tower, random batches": ("joint", "learns", "keep", "random"),
    "text tower, twins": ("joint", "learns", "keep", "twins"),
    "text tower and a map of the patches, twins": ("patches", "learns", "keep", "twins"),
}
SETTINGS = {
    "seeds": SEEDS,
    "mends": MENDS,
    "scenes": 700,
    "test": 300,
    "sentences from": 12000,
    "steps": 80,
    "batch_size": 48,
    "learning_rate": {"maps": 0.003, "text tower": 0.001},
    "encoder": "pocket-clip",
}
ASKED = 273  # scenes: those of the test whose colors and shapes differ
READINGS = ("picture, joint", "picture, patches", "text, joint", "text, tower")
ORDERS = ("text, joint", "text, tower", "bag of words")


@cache
def encoder():
    from vizkit import zoo

    return zoo.load("pocket-clip")


@cache
def world() -> dict:
    """Scenes with their twins behind them, test scenes, and what costs are measured on."""
    from vizkit.data import sample_scenes, write_captions
    from vizkit.training.binding import swap_test, twins_of
    from vizkit.training.mending import frozen_views, swappable_scenes

    scenes, test = swappable_scenes(SETTINGS["scenes"], 0), swappable_scenes(SETTINGS["test"], 1)
    twins = twins_of(scenes)
    nothing = dict.fromkeys(("color", "style", "size", "place", "background", "relation"), 0.0)
    mixed, single = sample_scenes(256, 11), sample_scenes(300, 12, objects="one")
    tables = {"scenes": scenes, "twins": twins, "test": test, "mixed": mixed, "single": single}
    return {
        "tables": tables,
        "views": {name: frozen_views(encoder(), table) for name, table in tables.items()},
        "captions": swap_test(scenes, 3)[0] + swap_test(twins, 4)[0],
        "test captions": swap_test(test, 5),
        "full captions": write_captions(mixed, 11, omit=nothing),
    }


def pictures(part: str, how: str):
    """What is read of the pictures of one part, (N, F)."""
    views = world()["views"][part]
    return views.joint if how == "joint" else views.patches


def reading(name: str, texts: list[str], parts: list[str]):
    """Features of pictures or of sentences, (N, F), for a probe."""
    import torch

    from vizkit.training.mending import tokens_of

    if name.startswith("picture"):
        return torch.cat([pictures(part, name.split(", ")[1]) for part in parts])
    with torch.no_grad():
        tower = encoder().model.text_tower(tokens_of(encoder().tokenizer, texts))
        return tower if name == "text, tower" else encoder().model.text_projection(tower)


def measure_probe(point: dict, table: dict) -> dict:
    """The probe on half of the training scenes, drawn by seed; and with features dealt by lot."""
    import torch

    from vizkit.training.binding import twins_of
    from vizkit.training.mending import pair_probe, pairs_of

    here, rng = world(), np.random.default_rng(point["seed"])
    tables = here["tables"]
    known = reading(point["reading"], here["captions"], ["scenes", "twins"])
    asked = reading(point["reading"], here["test captions"][0], ["test"])
    pairs = torch.cat([pairs_of(tables["scenes"]), pairs_of(tables["twins"])])
    true, false = pairs_of(tables["test"]), pairs_of(twins_of(tables["test"]))
    chosen = rng.permutation(len(known))[: len(known) // 2]
    dealt = rng.permutation(chosen)
    hits = {
        "prefers": pair_probe(known[chosen], pairs[chosen], asked, true, false),
        "by lot": pair_probe(known[dealt], pairs[chosen], asked, true, false),
    }
    return {name: round(float(found.mean()), 4) for name, found in hits.items()}


@cache
def sentences() -> list[str]:
    """Different sentences about two objects, "a red heart and a blue star", in random order."""
    from vizkit.training.binding import swap_test
    from vizkit.training.mending import swappable_scenes

    found = sorted(set(swap_test(swappable_scenes(SETTINGS["sentences from"], 0), 0)[0]))
    return [found[k] for k in np.random.default_rng(0).permutation(len(found))]


def bags(texts: list[str]) -> np.ndarray:
    """Which word stands in which text, (N, V) of 0 and 1."""
    words = sorted({word for text in texts for word in text.split()})
    return np.array([[float(word in text.split()) for word in words] for text in texts])


def pairs_in(words: np.ndarray):
    """The pairs that the words (N, 7) of sentences name, true and with colors exchanged: (N, 2) each."""
    import torch

    from vizkit.data import COLORS, SHAPES

    colors, shapes = (
        np.array([[names.index(word) for word in row] for row in words[:, at]])
        for names, at in ((list(COLORS), [1, -2]), (list(SHAPES), [2, -1]))
    )
    return tuple(
        torch.from_numpy(shapes * len(COLORS) + some) for some in (colors, colors[:, ::-1])
    )


def measure_orders(point: dict, table: dict) -> dict:
    """How well two linear readers tell the orders, and their product the binding; and a linear
    probe for the binding, fitted and asked with the same sentences."""
    import torch
    from sklearn.linear_model import RidgeClassifier

    from vizkit.training.mending import pair_probe

    texts = sentences()
    words = np.array([text.split() for text in texts])
    color_first = words[:, 1] < words[:, -2]  # (N,): the color that comes first in the alphabet
    shape_first = words[:, 2] < words[:, -1]
    own = {bag: k for k, bag in enumerate(sorted({tuple(sorted(text)) for text in words.tolist()}))}
    number = np.array([own[tuple(sorted(text))] for text in words.tolist()])
    new = np.random.default_rng(point["seed"]).permutation(len(own))[: len(own) // 4]
    asked = np.isin(number, new)
    counted = point["reading"] == "bag of words"
    values = bags(texts) if counted else reading(point["reading"], texts, []).numpy()
    values = (values - values[~asked].mean(0)) / (values[~asked].std(0) + 1e-6)
    margins = [
        RidgeClassifier(alpha=10)
        .fit(values[~asked], first[~asked])
        .decision_function(values[asked])
        for first in (color_first, shape_first)
    ]
    same = (color_first == shape_first)[asked]
    hits = {
        "colors": (margins[0] > 0) == color_first[asked],
        "shapes": (margins[1] > 0) == shape_first[asked],
        "binding": (margins[0] * margins[1] > 0) == same,
    }
    features, (true, false) = torch.from_numpy(values).float(), pairs_in(words)
    known = torch.from_numpy(~asked)
    hits["linear"] = pair_probe(
        features[known], true[known], features[~known], true[~known], false[~known]
    )
    return {name: round(float(found.mean()), 4) for name, found in hits.items()}


def start(kind: str, seed: int):
    """The mended encoder of one kind, before it learns; and what it reads of pictures."""
    import copy

    import torch
    from torch import nn

    from vizkit.training import seed_everything
    from vizkit.training.mending import MendedEncoder, ProjectedTower, ResidualMlp, starting_map

    seed_everything(seed)
    model = copy.deepcopy(encoder().model)
    image, text, what, _ = MENDS[kind] or ("joint", "learns", "keep", "")
    for weight in model.parameters():
        weight.requires_grad_(text == "learns")
    outward = model.image_projection.weight
    image_map = nn.Identity() if image == "joint" else starting_map(outward)
    tower, text_map = model.text_tower, model.text_projection
    if text == "tower":
        text_map = starting_map(text_map.weight)
    elif text == "joint":
        tower = ProjectedTower(tower, text_map)
        text_map = ResidualMlp(64, 256) if what == "mlp" else starting_map(torch.eye(64))
    return MendedEncoder(image_map, tower, text_map, model.scale().item()), image


def mend(kind: str, seed: int):
    """Train one kind of mend."""
    import torch

    from vizkit.losses import info_nce
    from vizkit.training import fit
    from vizkit.training.binding import twin_batches
    from vizkit.training.mending import tokens_of
    from vizkit.training.sentences import random_batches

    model, image = start(kind, seed)
    if MENDS[kind] is None:
        return model.eval(), image
    known = torch.cat([pictures(part, image) for part in ("scenes", "twins")])
    tokens = tokens_of(encoder().tokenizer, world()["captions"])
    n, size = len(known) // 2, SETTINGS["batch_size"]
    draw = twin_batches(n, size) if MENDS[kind][3] == "twins" else random_batches(2 * n, size)
    rng = np.random.default_rng(seed)
    learns = MENDS[kind][1] == "learns"
    if not learns:  # the frozen tower speaks once
        with torch.no_grad():
            said = model.text_tower(tokens)

    def loss(step: int):
        batch = torch.from_numpy(draw(rng))
        shown = model.encode_image(known[batch])
        texts = (
            model.encode_text(tokens[batch])
            if learns
            else torch.nn.functional.normalize(model.text_map(said[batch]), dim=-1)
        )
        return info_nce(shown, texts, model.scale())

    rate = SETTINGS["learning_rate"]["text tower" if learns else "maps"]
    fit(
        model, loss, steps=SETTINGS["steps"], learning_rate=rate, warmup_steps=20, clip_norm=1.0,
        seed=None, progress=False,
    )  # fmt: skip
    return model, image


def measure_mend(point: dict, table: dict) -> dict:
    """What a mended encoder can do, see `judge`."""
    import torch

    model, image = mend(point["mend"], point["seed"])
    with torch.no_grad():
        shown = {p: model.encode_image(pictures(p, image)) for p in ("test", "mixed", "single")}
    return judge(model, shown)


def judge(model, shown: dict) -> dict[str, float]:
    """The swap test in four forms of sentence, retrieval, and zero-shot shape and color.

    shown: unit vectors (N, E) of the pictures of three parts of `world`: "test", "mixed", "single".
    """
    import torch

    from vizkit.data import COLORS, SHAPES, describe
    from vizkit.training.binding import TEMPLATES, swap_test
    from vizkit.training.mending import found_first

    here, tokenizer = world(), encoder().tokenizer
    row = {}
    with torch.no_grad():
        for template in TEMPLATES:
            true, false, _ = swap_test(here["tables"]["test"], 5, template)
            right, wrong = (model.encode_text(tokenizer(texts)) for texts in (true, false))
            hits = (shown["test"] * (right - wrong)).sum(1) > 0
            row[f"swap, {template}"] = round(float(hits.float().mean()), 4)
        said = model.encode_text(tokenizer(here["full captions"]))
        row["R@1 of 256"] = round(found_first(shown["mixed"], said, here["full captions"]), 4)
        shapes = model.encode_text(tokenizer([describe(one) for one in SHAPES]))
        colors = torch.stack(
            [
                model.encode_text(tokenizer([describe(s, color=c) for s in SHAPES])).mean(0)
                for c in COLORS
            ]
        )
    for name, classes in (("shape", shapes), ("color", colors)):
        classes = torch.nn.functional.normalize(classes, dim=-1)
        best = (shown["single"] @ classes.T).argmax(1).numpy()
        truth = getattr(here["tables"]["single"], name)[:, 0]
        row[name] = round(float((best == truth).mean()), 4)
    return row


def column(table: dict, part: str, name: str, value: str) -> np.ndarray:
    """One number by seed, (seeds,), of one reading or mend."""
    key = "mend" if part == "mends" else "reading"
    found = {row["seed"]: row[value] for row in table[part] if row[key] == name}
    return np.array([found[seed] for seed in table["settings"]["seeds"]])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed.

    All seeds are asked the same scenes, whose error is added; but those of `orders` are drawn by seed.
    """
    from vizkit.course.evidence import all_of, estimate

    def swap(name: str, template: str = "and") -> np.ndarray:
        return column(table, "mends", name, f"swap, {template}")

    others = ("next to", "with", "that is")
    best = "text tower and a map of the patches, twins"
    found = {
        f"{name}: a linear probe knows the binding": on_one_test(
            ASKED, column(table, "probes", name, "prefers")
        ).above(0.6)
        for name in READINGS
    }
    found["one linear map with twins lets the towers meet"] = on_one_test(
        ASKED, swap("linear map, twins")
    ).above(0.6)
    found["the text tower with twins lets the towers meet"] = on_one_test(
        ASKED, swap("text tower, twins")
    ).above(0.6)
    found["with the patches as well: above 0.75"] = on_one_test(ASKED, swap(best)).above(0.75)
    found["twins are needed for it"] = on_one_test(
        ASKED, swap("text tower, twins"), swap("text tower, random batches")
    ).above(0.05)
    found["in sentence forms that were not trained: above 0.6"] = all_of(
        *(on_one_test(ASKED, swap(best, one)).above(0.6) for one in others)
    )
    first, then = (column(table, "mends", name, "R@1 of 256") for name in ("nothing", best))
    found["it costs retrieval at least five points"] = on_one_test(256, first, then).above(0.05)
    for name in ORDERS:
        product = estimate(column(table, "orders", name, "binding"))
        found[f"{name}: the product of both orders tells the binding: above chance"] = (
            product.above(0.5)
        )
        linear = column(table, "orders", name, "linear")
        found[f"{name}: the product tells more than a linear probe of the same sentences"] = (
            estimate(column(table, "orders", name, "binding") - linear).above(0)
        )
    return found


EXPERIMENT = Experiment(
    name="mending",
    settings=SETTINGS,
    parts=(
        Part(
            "probes",
            points=lambda table: [{"reading": r, "seed": s} for r in READINGS for s in SEEDS],
            measure=measure_probe,
        ),
        Part(
            "orders",
            points=lambda table: [{"reading": r, "seed": s} for r in ORDERS for s in SEEDS],
            measure=measure_orders,
        ),
        Part(
            "mends",
            points=lambda table: [{"mend": m, "seed": s} for m in MENDS for s in SEEDS],
            measure=measure_mend,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
