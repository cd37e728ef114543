"""What does a CLIP learn first, and has it learned it all? (06)

The small CLIP of notebook 06, from nothing: five seeds, as long as in the notebook (200 steps) and
four times as long. About three minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SETTINGS = {
    "seeds": [0, 1, 2, 3, 4],
    "steps": [200, 800],
    "record_every": 20,
    "learning_rate": 0.005,
    "warmup_steps": 30,
    "batch_size": 128,
    "pairs": 8000,
    "test": 512,
    "probe": "ridge regression on the image tower's features of 2,000 pictures, before training",
}
KINDS = ("color", "style", "shape")
WORLD = {"objects": "one", "sizes": ("large",), "styles": ("flat", "outline", "neon")}
SHAPE_COUNT = 8
OMIT = {
    "shape": 0.15, "color": 0.5, "style": 0.5, "size": 0.9, "place": 0.9, "background": 0.9,
    "prompt": 1.0,
}  # fmt: skip


@cache
def data() -> dict:
    """Scenes, pictures and captions of notebook 06, and the classes that are asked for."""
    import torch

    from vizkit.data import COLORS, SHAPES, STYLES, render, sample_scenes, write_captions
    from vizkit.training.locked import count_words

    shapes = tuple(SHAPES)[:SHAPE_COUNT]
    classes = {"color": list(COLORS), "style": list(WORLD["styles"]), "shape": list(shapes)}
    found: dict = {"classes": classes}
    for part, number, seed in (("train", SETTINGS["pairs"], 0), ("test", SETTINGS["test"], 99)):
        scenes = sample_scenes(number, seed=seed, shapes=shapes, **WORLD)
        pictures = torch.from_numpy(render(scenes, 32)).permute(0, 3, 1, 2)  # (N, 3, 32, 32)
        styles = [classes["style"].index(STYLES[style]) for style in scenes.style]
        found[part] = {
            "images": pictures.contiguous().float() / 127.5 - 1,
            "color": scenes.color[:, 0],
            "style": np.array(styles),
            "shape": scenes.shape[:, 0],
        }
        if part == "train":
            found["words"] = count_words(write_captions(scenes, seed=0, omit=OMIT))
    return found


def new_model(seed: int):
    """The model of the notebook, untrained."""
    from torch import nn

    from vizkit.models import ConvNet
    from vizkit.models.dual_encoder import DualEncoder
    from vizkit.training import seed_everything

    seed_everything(seed)
    text_tower = nn.Sequential(
        nn.Linear(data()["words"].shape[1], 64), nn.GELU(), nn.Linear(64, 64)
    )
    text_tower.embed_dim = 64
    image_tower = ConvNet(width=16, depth=(1, 1, 1), strides=(1, 2, 2))
    return DualEncoder(image_tower, text_tower, joint_dim=64, temperature=0.07)


def zero_shot(model) -> dict[str, float]:
    """Accuracy by kind of class, and the scale."""
    import torch
    import torch.nn.functional as F

    from vizkit.data import describe
    from vizkit.training.locked import count_words

    test, classes = data()["test"], data()["classes"]
    features = model.encode_image(test["images"])  # (N, D)
    found = {"scale": model.scale().item()}
    for kind, names in classes.items():
        vectors = []
        for name in names:
            shapes = [name] if kind == "shape" else classes["shape"]
            told = [{"color": c} for c in classes["color"]] if kind == "shape" else [{kind: name}]
            sentences = [describe(shape, **one) for shape in shapes for one in told]
            vectors.append(model.encode_text(count_words(sentences)).mean(0))
        guess = (features @ F.normalize(torch.stack(vectors), dim=1).T).argmax(1).numpy()  # (N,)
        found[kind] = float((guess == test[kind]).mean())
    return found


def probe_untrained(model) -> dict[str, float]:
    """How well a linear classifier reads each kind of class from the untrained image tower."""
    import torch

    train, test = data()["train"], data()["test"]
    with torch.no_grad():
        model.eval()
        known = model.image_tower(train["images"][:2000]).numpy().astype(float)  # (2000, F)
        asked = model.image_tower(test["images"]).numpy().astype(float)  # (N, F)
        model.train()
    mean, spread = known.mean(0), known.std(0) + 1e-6
    known, asked = ((x - mean) / spread for x in (known, asked))
    known, asked = (np.pad(x, ((0, 0), (0, 1)), constant_values=1.0) for x in (known, asked))
    found = {}
    for kind, names in data()["classes"].items():
        targets = np.eye(len(names))[train[kind][:2000]]  # (2000, K)
        weights = np.linalg.solve(known.T @ known + 10 * np.eye(known.shape[1]), known.T @ targets)
        found[f"untrained_{kind}"] = float(((asked @ weights).argmax(1) == test[kind]).mean())
    return found


def points(table: dict) -> list[dict]:
    return [
        {"steps": steps, "seed": seed} for steps in SETTINGS["steps"] for seed in SETTINGS["seeds"]
    ]


def measure(point: dict, table: dict) -> dict:
    """The course of accuracies and scale, the loss at both ends, and the probe before training."""
    import torch

    from vizkit.losses import info_nce
    from vizkit.training import fit

    model, batch, steps = new_model(point["seed"]), SETTINGS["batch_size"], point["steps"]
    before = probe_untrained(model)
    with torch.no_grad():
        start = {"step": 0, **zero_shot(model.eval())}
    draw = torch.Generator().manual_seed(point["seed"])
    each = SETTINGS["pairs"] // batch
    passes = [
        torch.randperm(SETTINGS["pairs"], generator=draw)[: each * batch]
        for _ in range(-(-steps // each) + 1)
    ]
    order, train = torch.cat(passes), data()["train"]

    def compute_loss(step):
        chosen = order[step * batch : (step + 1) * batch]
        return info_nce(*model(train["images"][chosen], data()["words"][chosen]), model.scale())

    history = fit(
        model, compute_loss, steps=steps, learning_rate=SETTINGS["learning_rate"],
        warmup_steps=SETTINGS["warmup_steps"], record=lambda done: zero_shot(model),
        record_every=SETTINGS["record_every"], seed=None, progress=False,
    )  # fmt: skip
    records = [start, *history.records]
    return {
        **{name: round(value, 4) for name, value in before.items()},
        "at": [record["step"] for record in records],
        **{name: [round(r[name], 4) for r in records] for name in (*KINDS, "scale")},
        "first_loss": round(history.loss[0], 4),
        "last_losses": [
            round(float(np.mean(history.loss[end - 40 : end])), 4) for end in (steps - 40, steps)
        ],
    }


def half_way(row: dict, kind: str) -> float:
    """The first recorded step at which a kind is half-way between chance and 1."""
    chance = 1 / {"color": 9, "style": 3, "shape": SHAPE_COUNT}[kind]
    reached = [
        at for at, value in zip(row["at"], row[kind], strict=True) if value >= (1 + chance) / 2
    ]
    return float(reached[0] if reached else row["at"][-1])


def rows_of(table: dict, steps: int) -> list[dict]:
    """The rows of one length, by seed."""
    return sorted((row for row in table["rows"] if row["steps"] == steps), key=lambda r: r["seed"])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 06 says of the table."""
    from vizkit.course import all_of, estimate

    long, short = rows_of(table, 800), rows_of(table, 200)
    reached = {kind: np.array([half_way(row, kind) for row in long]) for kind in KINDS}
    end = {kind: np.array([row[kind][-1] for row in long]) for kind in KINDS}
    late = {kind: np.array([row[kind][-1] - row[kind][-6] for row in long]) for kind in KINDS}
    short_shape = np.array([row["shape"][-1] for row in short])
    above_chance = {
        kind: np.array([(row[f"untrained_{kind}"] - 1 / n) / (1 - 1 / n) for row in long])
        for kind, n in (("color", 9), ("style", 3), ("shape", SHAPE_COUNT))
    }
    return {
        "colour is learned before shape": estimate(reached["shape"] - reached["color"]).above(0),
        "style is learned before shape": estimate(reached["shape"] - reached["style"]).above(0),
        "colour is learned before style": estimate(reached["style"] - reached["color"]).above(0),
        "an untrained image tower shows colour better than shape": estimate(
            above_chance["color"] - above_chance["shape"]
        ).above(0),
        "200 steps are too few for shape": estimate(end["shape"] - short_shape).above(0),
        "after 800 steps shape is known as well as style": estimate(
            end["shape"] - end["style"]
        ).above(-0.02),
        "the last 100 of the 800 steps add less than a point": all_of(
            *(estimate(late[kind]).below(0.01) for kind in KINDS)
        ),
    }


EXPERIMENT = Experiment(
    name="clip_from_scratch",
    settings=SETTINGS,
    parts=(Part("rows", points, measure),),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
