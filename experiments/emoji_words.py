"""Words for locked encoders: which encoder, at which size, and against none that was trained. (15)

`locked`: a text tower on the locked features of each encoder, R@1 among the 158 names of concepts
never seen, for five splits of the concepts. The pocket encoder sees 64 pixels and has 64 numbers, so
the two others are asked at 64 and 70 pixels as well, and with 64 directions. Its 64 numbers come out
of a projection that was trained on captions of shapes, and the two others have none, so it is read
before its projection as well. `scratch`: the same with a small CNN that starts untrained and learns
with the words.
About a quarter of an hour on one core, most of it DINOv2 at 224 pixels.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
DINOV2, EFFICIENTNET = "timm/vit_small_patch14_dinov2.lvd142m", "timm/tf_efficientnet_lite0.in1k"
POCKET = "pocket-clip"
PLACES = ["class token", "mean patch"]  # before its projection


class Reading(NamedTuple):
    """What is read of which encoder.

    size: side of the pictures in pixels, None for the encoder's own; directions: principal ones
    that are kept, all where the features have fewer numbers; place: "output", or before a
    projection "class token" or "mean patch".
    """

    model: str
    size: int | None
    directions: int
    place: str = "output"


ENCODERS = {
    "DINOv2, 70 px": Reading(DINOV2, 70, 256),
    "DINOv2, 70 px, 64 directions": Reading(DINOV2, 70, 64),
    "DINOv2, 140 px": Reading(DINOV2, 140, 256),
    "DINOv2, 140 px, 64 directions": Reading(DINOV2, 140, 64),
    "DINOv2, 224 px": Reading(DINOV2, 224, 256),
    "EfficientNet, 64 px": Reading(EFFICIENTNET, 64, 256),
    "EfficientNet, 64 px, 64 directions": Reading(EFFICIENTNET, 64, 64),
    "EfficientNet, 140 px": Reading(EFFICIENTNET, 140, 256),
    "EfficientNet, 140 px, 64 directions": Reading(EFFICIENTNET, 140, 64),
    "EfficientNet, 224 px": Reading(EFFICIENTNET, 224, 256),
    "pocket encoder": Reading(POCKET, None, 256),  # it sees 64 pixels and has 64 numbers
    "pocket encoder, class token": Reading(POCKET, None, 256, "class token"),  # 96 numbers
    "pocket encoder, class token, 64 directions": Reading(POCKET, None, 64, "class token"),
    "pocket encoder, mean patch": Reading(POCKET, None, 256, "mean patch"),
    "pocket encoder, mean patch, 64 directions": Reading(POCKET, None, 64, "mean patch"),
}
SETTINGS = {
    "seeds": SEEDS,
    "unseen": 158,
    "drawings": "OpenMoji 17.0 at 224 pixels, scaled by the encoder; from scratch: 32 pixels",
    "dims": 256,
    "steps": 150,
    "scratch_steps": 300,
    "scratch_rate": 0.003,
    "languages": ["en", "ko"],
    "optimizer": "AdamW, weight decay 0.05, warm-up, then cosine; scale held at 1 / 0.1",
}


@cache
def world() -> dict:
    """The concepts, their drawings, numbered pieces and the splits by seed."""
    from vizkit.data import draw_emoji, emoji_concepts, near_duplicates, unseen_split
    from vizkit.training.words import number_pieces

    concepts = emoji_concepts(SETTINGS["languages"])
    pictures = draw_emoji(concepts.characters, 140)
    near = near_duplicates(pictures)
    return {
        "pictures": pictures,
        "characters": concepts.characters,
        "pieces": number_pieces(concepts.names),
        "splits": {seed: unseen_split(near, seed, unseen=SETTINGS["unseen"]) for seed in SEEDS},
    }


@cache
def features(model: str, size: int | None, place: str = "output"):
    """(N, F) of an encoder, drawn at the size that it sees; unit vectors wherever it is read."""
    from torch.nn.functional import normalize

    from vizkit import zoo
    from vizkit.data import draw_emoji

    encoder = zoo.load(model) if size is None else zoo.load(model, image_size=size)
    pictures = draw_emoji(world()["characters"], size or 140)
    if place == "output":
        return zoo.cached_features(encoder, pictures)
    if place == "mean patch":
        return normalize(zoo.cached_features(encoder, pictures, "patches").mean(dim=1), dim=-1)
    return normalize(class_tokens(encoder, pictures), dim=-1)


def class_tokens(encoder, pictures):
    """(N, F) of a pocket encoder after its last norm: what its projection is given."""
    import torch

    with torch.no_grad():
        parts = encoder.preprocess(pictures).split(128)
        return torch.cat([encoder.image_tower(part.to(encoder.device)).cpu() for part in parts])


def measure_locked(point: dict, table: dict) -> dict:
    """R@1 in both languages for one encoder and one split."""
    from torch.nn.functional import pad

    from vizkit.training.words import WordRun, lock_features, train_words

    pieces, (seen, unseen, _) = world()["pieces"], world()["splits"][point["seed"]]
    reading = ENCODERS[point["encoder"]]
    shown = features(reading.model, reading.size, reading.place)
    locked = lock_features(shown, seen, reading.directions)
    locked = pad(locked, (0, SETTINGS["dims"] - reading.directions))  # one text tower for all
    run = WordRun(locked, seen, SETTINGS["languages"], point["seed"])
    (tower,) = train_words(pieces, [run], steps=SETTINGS["steps"])
    return right(pieces, locked, tower, unseen)


def right(pieces, locked, tower, unseen) -> dict[str, float]:
    """Share of unseen pictures whose own name comes first, by language."""
    from vizkit.training.words import found_names

    scores = {}
    for language, ids in zip(pieces.languages, pieces.ids, strict=True):
        ranks = found_names(locked[unseen], tower(ids[unseen]))
        scores[language] = round(float((ranks == 1).mean()), 4)
    return scores


def measure_scratch(point: dict, table: dict) -> dict:
    """R@1 of two towers that start untrained, for one split, and among as many seen concepts."""
    import torch

    from vizkit.data import draw_emoji
    from vizkit.training.words import train_from_scratch

    pieces, (seen, unseen, _) = world()["pieces"], world()["splits"][point["seed"]]
    drawn = torch.from_numpy(draw_emoji(world()["characters"], 32)).permute(0, 3, 1, 2) / 255
    model = train_from_scratch(
        pieces, drawn, seen, SETTINGS["languages"], point["seed"],
        steps=SETTINGS["scratch_steps"], learning_rate=SETTINGS["scratch_rate"],
    )  # fmt: skip
    with torch.no_grad():
        shown = model.encode_image(drawn)
    known = right(pieces, shown, model.words, seen[:: len(seen) // SETTINGS["unseen"]])
    return right(pieces, shown, model.words, unseen) | {f"seen_{k}": v for k, v in known.items()}


def scores(table: dict, encoder: str, language: str) -> np.ndarray:
    """(seeds,) of one encoder, or "from scratch"."""
    part = "scratch" if encoder == "from scratch" else "locked"
    rows = [row for row in table[part] if row.get("encoder", "from scratch") == encoder]
    return np.array([row[language] for row in rows])


def verdicts(table: dict) -> dict[str, bool | str]:
    """Differences paired by split, judged at two standard errors."""
    from vizkit.course.evidence import estimate

    pairs = [
        ("EfficientNet, 140 px", "DINOv2, 140 px"),
        ("EfficientNet, 224 px", "DINOv2, 224 px"),
        ("DINOv2, 224 px", "DINOv2, 140 px"),
        ("DINOv2, 140 px", "pocket encoder"),
        ("DINOv2, 70 px", "pocket encoder"),
        ("DINOv2, 70 px, 64 directions", "pocket encoder"),
        ("EfficientNet, 140 px", "pocket encoder"),
        ("EfficientNet, 64 px", "pocket encoder"),
        ("EfficientNet, 64 px, 64 directions", "pocket encoder"),
        ("pocket encoder", "from scratch"),
        *[(f"pocket encoder, {place}", "pocket encoder") for place in PLACES],
        *[("DINOv2, 140 px", f"pocket encoder, {place}") for place in PLACES],
        *[("EfficientNet, 140 px", f"pocket encoder, {place}") for place in PLACES],
        *[
            (f"{alike}, 64 directions", f"pocket encoder, {place}, 64 directions")
            for alike in ("DINOv2, 70 px", "EfficientNet, 64 px")
            for place in PLACES
        ],
    ]
    found = {}
    for language in SETTINGS["languages"]:
        for better, worse in pairs:
            lead = scores(table, better, language) - scores(table, worse, language)
            found[f"{better} is ahead of {worse} in {language}"] = estimate(lead).above(0)
    return found


EXPERIMENT = Experiment(
    name="emoji_words",
    settings=SETTINGS,
    parts=(
        Part(
            "locked",
            points=lambda table: [{"encoder": e, "seed": s} for e in ENCODERS for s in SEEDS],
            measure=measure_locked,
        ),
        Part(
            "scratch",
            points=lambda table: [{"seed": seed} for seed in SEEDS],
            measure=measure_scratch,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
