"""What fine-tuning a dual encoder on one task costs it on another (10).

A copy of pocket-clip with a new head learns six photo filters from 384 pictures, all weights of the
image encoder together, at three learning rates. Afterwards it is asked for the filters and, with
its old text encoder, for the shapes that it could name before; once as it is, and once with the
mean of the tuned and the old weights (WiSE-FT, Wortsman et al. 2022). Each seed draws other
pictures, another order and another head. About four minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SETTINGS = {
    "seeds": [0, 1, 2, 3, 4],
    "rates": [1e-3, 3e-4, 1e-4],
    "encoder": "pocket-clip, all weights of the image encoder",
    "pictures": "384 of 3,000 to learn from, 384 to test the filters, 256 to test the shapes",
    "passes": 4,
    "batch_size": 32,
    "head": "64 features times 8, a hidden layer of 256, six filters",
    "optimizer": "AdamW, weight decay 0.05, warm-up over 5 steps, then cosine",
}
EXAMPLES = 384
FILTERS = (  # those of notebook 10, in its order: pictures from 0 to 1, (H, W, 3)
    lambda x: x,
    lambda x: 1 - x,
    lambda x: x.mean(axis=-1, keepdims=True).repeat(3, axis=-1),
    lambda x: x.mean(axis=-1, keepdims=True) * [1, 0.8, 0.6],
    lambda x: sum(np.roll(x, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9,
    lambda x: np.floor(x * 2.99) / 2,
)


def filtered(n: int, seed: int):
    """Pictures (n, 64, 64, 3), each under a filter drawn by lot, and which one it is, (n,)."""
    import torch

    from vizkit.data import render, sample_scenes

    drawn = render(sample_scenes(n, seed=seed, objects="one"))
    labels = np.random.default_rng(seed).integers(len(FILTERS), size=n)
    changed = [
        np.round(FILTERS[k](one / 255) * 255).astype(np.uint8)
        for k, one in zip(labels, drawn, strict=True)
    ]
    return np.stack(changed), torch.tensor(labels)


@cache
def world() -> dict:
    """Pictures to learn from, and both tests."""
    from vizkit.data import render, sample_scenes

    scenes = sample_scenes(256, seed=10, objects="one")
    test, labels = filtered(1000, seed=17)
    return {
        "pool": filtered(3000, seed=16),
        "filters": (test[:EXAMPLES], labels[:EXAMPLES]),
        "shapes": (render(scenes), scenes.shape[:, 0]),
    }


def points(table: dict) -> list[dict]:
    """Every learning rate with every seed."""
    return [
        {"rate": rate, "seed": seed} for rate in SETTINGS["rates"] for seed in SETTINGS["seeds"]
    ]


def fine_tune(rate: float, seed: int):
    """The tuned encoder and its head."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    from vizkit import zoo
    from vizkit.training import fit, seed_everything

    seed_everything(seed)
    tuned = zoo.load("pocket-clip")
    head = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, len(FILTERS)))
    pictures, labels = world()["pool"]
    drawn = np.random.default_rng(seed).permutation(len(labels))[:EXAMPLES]
    pixels, wanted = tuned.preprocess(pictures[drawn]), labels[drawn]  # (384, 3, 64, 64), (384,)
    size = SETTINGS["batch_size"]
    order = torch.cat(
        [torch.randperm(EXAMPLES).view(-1, size) for _ in range(SETTINGS["passes"])]
    )  # (48, 32)

    def loss(step):
        features = tuned.model.encode_image(pixels[order[step]])  # (32, 64)
        return F.cross_entropy(head(8 * features), wanted[order[step]])

    fit(
        nn.ModuleList([tuned.model, head]), loss, steps=len(order), learning_rate=rate,
        warmup_steps=5, seed=None, progress=False,
    )  # fmt: skip
    return tuned, head


def skills(tuned, head) -> tuple[float, float]:
    """Share of filters that the head names, and of shapes that the sentences name."""
    import torch

    from vizkit.data import SHAPES, describe

    (filtered_pictures, labels), (pictures, shapes) = world()["filters"], world()["shapes"]
    with torch.no_grad():
        named = head(8 * tuned.encode_image(filtered_pictures)).argmax(dim=1)
    classes = tuned.encode_text([describe(shape) for shape in SHAPES])  # (10, 64)
    found = (tuned.encode_image(pictures) @ classes.T).argmax(dim=1).numpy()
    filters, kept = (named == labels).float().mean().item(), float((found == shapes).mean())
    return round(filters, 4), round(kept, 4)


def measure(point: dict, table: dict) -> dict:
    """Both skills of the tuned weights, and of their mean with the old ones."""
    from vizkit import zoo

    tuned, head = fine_tune(point["rate"], point["seed"])
    filters, shapes = skills(tuned, head)
    old, new = zoo.load("pocket-clip").model.state_dict(), tuned.model.state_dict()
    tuned.model.load_state_dict({name: (value + old[name]) / 2 for name, value in new.items()})
    mean_filters, mean_shapes = skills(tuned, head)
    return {
        "filters": filters,
        "shapes": shapes,
        "mean_filters": mean_filters,
        "mean_shapes": mean_shapes,
    }


def values(table: dict, rate: float, name: str) -> np.ndarray:
    """(seeds,) of one learning rate."""
    return np.array([row[name] for row in table["rows"] if row["rate"] == rate])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What is gained, what is lost, and what the mean of the weights gives back."""
    from vizkit.course.evidence import estimate

    fast, middle, slow = SETTINGS["rates"]
    found = {}
    for name, sign in (("filters", 1), ("shapes", -1)):
        for more, less in ((fast, middle), (middle, slow)):
            gain = estimate(sign * (values(table, more, name) - values(table, less, name)))
            word = "more filters are learned" if sign > 0 else "more shapes are forgotten"
            found[f"{word} at {more:g} than at {less:g}"] = gain.above(0)
    for rate in SETTINGS["rates"]:
        back = values(table, rate, "mean_shapes") - values(table, rate, "shapes")
        cost = values(table, rate, "filters") - values(table, rate, "mean_filters")
        found[f"at {rate:g} the mean of the weights gives shapes back"] = estimate(back).above(0)
        found[f"at {rate:g} it costs filters"] = estimate(cost).above(0)
    return found


EXPERIMENT = Experiment(
    name="forgetting",
    settings=SETTINGS,
    parts=(Part("rows", points=points, measure=measure),),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
