"""Words for locked encoders: which encoder, at which size, and against none that was trained. (15)

`locked`: a text tower on the locked features of each encoder, R@1 among the 158 names of concepts
never seen, for five splits of the concepts. The pocket encoder sees 64 pixels and has 64 numbers, so
the two others are asked at 64 and 70 pixels as well, and with 64 directions. `scratch`: the same with a small CNN that starts
untrained and learns with the words.
About a quarter of an hour on one core, most of it DINOv2 at 224 pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
DINOV2, EFFICIENTNET = "timm/vit_small_patch14_dinov2.lvd142m", "timm/tf_efficientnet_lite0.in1k"
ENCODERS = {  # name: model, side of the pictures in pixels, principal directions that are kept
    "DINOv2, 70 px": (DINOV2, 70, 256),
    "DINOv2, 70 px, 64 directions": (DINOV2, 70, 64),
    "DINOv2, 140 px": (DINOV2, 140, 256),
    "DINOv2, 140 px, 64 directions": (DINOV2, 140, 64),
    "DINOv2, 224 px": (DINOV2, 224, 256),
    "EfficientNet, 64 px": (EFFICIENTNET, 64, 256),
    "EfficientNet, 64 px, 64 directions": (EFFICIENTNET, 64, 64),
    "EfficientNet, 140 px": (EFFICIENTNET, 140, 256),
    "EfficientNet, 140 px, 64 directions": (EFFICIENTNET, 140, 64),
    "EfficientNet, 224 px": (EFFICIENTNET, 224, 256),
    "pocket encoder": ("pocket-clip", None, 256),  # it sees 64 pixels and has 64 numbers
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
def features(model: str, size: int | None):
    """(N, F) of an encoder, drawn at the size that it sees."""
    from vizkit import zoo
    from vizkit.data import draw_emoji

    encoder = zoo.load(model) if size is None else zoo.load(model, image_size=size)
    return zoo.cached_features(encoder, draw_emoji(world()["characters"], size or 140))


def measure_locked(point: dict, table: dict) -> dict:
    """R@1 in both languages for one encoder and one split."""
    from torch.nn.functional import pad

    from vizkit.training.words import WordRun, lock_features, train_words

    pieces, (seen, unseen, _) = world()["pieces"], world()["splits"][point["seed"]]
    model, size, directions = ENCODERS[point["encoder"]]
    locked = lock_features(features(model, size), seen, directions)
    locked = pad(locked, (0, SETTINGS["dims"] - directions))  # one text tower for all
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
