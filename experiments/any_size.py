"""Squash, crop, pad, tile or native; and which tokens an encoder can do without. (16)

`fit`: a small network learns to tell the ratio and the kind of an object from pictures that were
made to fit in seven ways, five seeds each. `blur`: boosted trees tell the ratio of squashed pictures
from the sharpness of upright and level edges; they find a trace of it in coarse pictures and must
not in the fine ones. `pocket`: the pocket ViT names shapes with fewer and fewer tokens, merged or
dropped by likeness, by attention, or by chance, on five draws of scenes. `photographs`: DINOv2's
patches, merged or dropped, segment an object after ten marks, on six photographs; a dropped patch
gets the token of the nearest one that is left. `connectors`: the same ten marks, two by two patches
each, read from tokens that a connector behind DINOv2 pooled or put together. About fifteen
minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
FIT_WAYS = [
    "squash",
    "crop",
    "pad",
    "tile",
    "native",
    "native, a quarter of the patches",
    "squash, ratio told",
]
GRAINS = {"fine": 288 * 288, "coarse": 96 * 96}  # pixels of a picture before it is squashed
READ = ["the box", "the box and the edges"]
PLANS = ["merged by likeness", "merged by chance", "dropped by attention", "dropped by chance"]
COPIED = "all encoded, then copied"  # over the places that "dropped by attention" leaves empty
CONNECTORS = [
    "all patches",
    "merged by likeness",
    "pooling",
    "pooling of strangers",
    "pixel shuffle",
    "pixel shuffle of strangers",
]
SETTINGS = {
    "seeds": SEEDS,
    "ways": FIT_WAYS,
    "pictures": 2400,
    "test": 800,
    "steps": 300,
    "batch_size": 24,
    "optimizer": "AdamW, 5e-3, weight decay 0.05, warm-up over a tenth of the steps, then cosine",
    "grains": GRAINS,
    "read": READ,
    "blur_pictures": 6000,
    "blur_test": 3000,
    "blur_draws": 6,
    "plans": PLANS,
    "kept": [64, 32, 16],
    "scenes": 300,
    "photographs_side": 518,
    "photographs_kept": [1369, 684, 342, 171],
    "photographs_plans": [*PLANS, COPIED],
    "connectors": CONNECTORS,
    "connectors_merged": 342,
    "marks": 5,
    "draws": 5,
}


# ── Made to fit ───────────────────────────────────────────────────────────────────────────────────


@cache
def pictures():
    from vizkit.training.any_size import wide_pictures

    return wide_pictures(SETTINGS["pictures"], 0), wide_pictures(SETTINGS["test"], 1)


@cache
def prepared(way: str):
    from vizkit.training.any_size import prepare

    return tuple(prepare(part, way) for part in pictures())


def measure_fit(point: dict, table: dict) -> dict:
    """The share of right answers to both questions, by a network that learned from such pictures."""
    from vizkit.training.any_size import evaluate_reader, train_reader

    (train, test), (seen, asked) = pictures(), prepared(point["way"])
    model, _ = train_reader(
        seen,
        train,
        point["seed"],
        steps=SETTINGS["steps"],
        batch_size=SETTINGS["batch_size"],
        learning_rate=5e-3,
    )
    return evaluate_reader(model, asked, test)


# ── A trace of the ratio ──────────────────────────────────────────────────────────────────────────


def blur_points(table: dict) -> list[dict]:
    return [
        {"grain": grain, "read": read, "draw": draw}
        for grain in GRAINS
        for draw in range(SETTINGS["blur_draws"])
        for read in READ
    ]


def measure_blur(point: dict, table: dict) -> dict:
    """The share of ratios that boosted trees tell from marks of squashed pictures."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    (seen, known), (asked, truth) = marks(point["grain"], point["draw"])
    columns = slice(1) if point["read"] == "the box" else slice(None)
    trees = HistGradientBoostingClassifier(max_iter=100, random_state=0)
    trees.fit(seen[:, columns], known)
    return {"ratio": float((trees.predict(asked[:, columns]) == truth).mean())}


@cache
def marks(grain: str, draw: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Marks (N, 11) of squashed pictures and their answers (N,), to learn from and for the test."""
    from vizkit.training.any_size import squash, wide_pictures

    parts = []
    for count, seed in ((SETTINGS["blur_pictures"], 10), (SETTINGS["blur_test"], 11)):
        some = wide_pictures(count, seed + 2 * draw, pixels=GRAINS[grain])
        rows = [marks_of(squash(picture)[0][0].double().numpy()) for picture in some.pictures]
        parts.append((np.array(rows), some.ratio.numpy()))
    return parts


def marks_of(square: np.ndarray) -> list[float]:
    """The ratio of the object's box, and how steep its upright and its level edges are.

    square: (S, S), one channel of a squashed picture.
    """
    ink = (square.max() - square) / np.ptp(square)  # (S, S) from 0 to 1
    found = [np.log(ink.max(0).sum() / ink.max(1).sum())]
    each = []
    for axis in (1, 0):
        slope = np.abs(np.diff(ink, axis=axis))
        bend = np.abs(np.diff(ink, 2, axis=axis))
        powers = [(slope**power).sum() / slope.sum() for power in (2, 4)]
        each.append([slope.max(), *powers, bend.sum() / slope.sum()])
    found += [np.log(each[0][1] / each[1][1]), ink.sum(), *each[0], *each[1]]
    return [float(value) for value in found]


# ── Fewer tokens ──────────────────────────────────────────────────────────────────────────────────


def plan_of(name: str, seed: int):
    import torch

    from vizkit.models.merging import merge_random, merge_similar, prune_random, prune_unseen

    chance = torch.Generator().manual_seed(seed)
    return {
        "merged by likeness": merge_similar,
        "merged by chance": merge_random(chance),
        "dropped by attention": prune_unseen,
        "dropped by chance": prune_random(chance),
    }[name]


@cache
def pocket(seed: int):
    """The encoder, and scenes of one object that it never saw: pixels and shapes."""
    import torch

    from vizkit import zoo
    from vizkit.data import render, sample_scenes

    encoder = zoo.load("pocket-vit-patch")
    scenes = sample_scenes(SETTINGS["scenes"], 10**8 + seed, objects="one")
    return encoder, encoder.preprocess(render(scenes, 64)), torch.from_numpy(scenes.shape[:, 0])


def measure_pocket(point: dict, table: dict) -> dict:
    """The share of shapes named right from the class token."""
    import torch

    from vizkit.models.merging import keep_evenly
    from vizkit.models.shortened import encode_shortened

    encoder, pixels, shapes = pocket(point["seed"])
    removed = keep_evenly(65, point["kept"] + 1, len(encoder.image_tower.blocks))
    plan = plan_of(point["plan"], point["seed"])
    parts = [encode_shortened(encoder.image_tower, p, removed, plan) for p in pixels.split(200)]
    tokens = torch.cat([part.tokens[:, 0] for part in parts])  # (N, D)
    with torch.no_grad():
        named = encoder.model.heads["shape"](tokens).argmax(1)  # (N,)
    return {"shape": float((named == shapes).float().mean())}


def pocket_points(table: dict) -> list[dict]:
    return [
        {"plan": plan, "kept": kept, "seed": seed}
        for plan in PLANS
        for kept in SETTINGS["kept"]
        for seed in SEEDS
    ]


@cache
def dino():
    from vizkit import zoo

    return zoo.load("timm/vit_small_patch14_dinov2.lvd142m")


def photograph_points(table: dict) -> list[dict]:
    from vizkit.data.regions import REGIONS

    whole, *fewer = SETTINGS["photographs_kept"]
    return [
        {"photograph": name, "plan": plan, "kept": kept}
        for name in REGIONS
        for plan, kept in [
            (PLANS[0], whole),
            *((plan, kept) for kept in fewer for plan in SETTINGS["photographs_plans"]),
        ]
    ]


@cache
def encoded(photograph: str, plan: str, kept: int):
    """What leaves DINOv2 of a photograph, run with fewer and fewer patches; see `Shortened`."""
    from vizkit.data import photos
    from vizkit.data.regions import central_square
    from vizkit.models.merging import keep_evenly
    from vizkit.models.shortened import encode_shortened

    encoder = dino()
    (photo,) = photos([photograph])
    square = central_square(photo.image, SETTINGS["photographs_side"])
    pixels = encoder.preprocess([square]).to(encoder.device)
    removed = keep_evenly(1370, kept + 1, len(encoder.model.blocks))
    return encode_shortened(encoder.model, pixels, removed, plan_of(plan, 0))


def all_encoded_then_copied(photograph: str, kept: int):
    """The tokens of all patches, but where "dropped by attention" drops, those of a neighbour."""
    from vizkit.models.shortened import Shortened

    whole = encoded(photograph, PLANS[0], SETTINGS["photographs_kept"][0])
    dropped = encoded(photograph, "dropped by attention", kept)
    tokens = dropped.tokens.clone()  # (1, T', D)
    left = dropped.origin[0] >= 0  # (T,)
    tokens[0, dropped.origin[0, left]] = whole.tokens[0, left]
    return Shortened(tokens, dropped.sizes, dropped.origin)


def object_places(photograph: str, grid: int):
    """(grid * grid,) of bool: the patches on the object."""
    import torch

    from vizkit.data.regions import object_cells

    return torch.from_numpy(object_cells(photograph, grid)).flatten()


def measure_photograph(point: dict, table: dict) -> dict:
    """IoU after marks on object and ground, the mean of several draws, from fewer patches."""
    name, plan, kept = point["photograph"], point["plan"], point["kept"]
    found = all_encoded_then_copied(name, kept) if plan == COPIED else encoded(name, plan, kept)
    grid = SETTINGS["photographs_side"] // 14
    patches = found.filled((grid, grid))[0].cpu()  # (N, D)
    truth = object_places(name, grid)  # (N,)
    scores = [marked_iou(patches, truth[:, None], draw) for draw in range(SETTINGS["draws"])]
    return {"iou": float(np.mean(scores)), "copied_from": distance_of_copies(found, grid)}


def distance_of_copies(found, grid: int) -> float:
    """How far, in patches, the token comes from that stands in a place: the mean of all places."""
    import torch

    left = found.origin[0, 1:].cpu() >= 0  # (N,)
    place = torch.cartesian_prod(*2 * [torch.arange(grid).double()])  # (N, 2)
    return float(torch.cdist(place, place[left]).amin(1).mean())


def connector_points(table: dict) -> list[dict]:
    from vizkit.data.regions import REGIONS

    return [{"photograph": name, "connector": way} for name in REGIONS for way in CONNECTORS]


def measure_connector(point: dict, table: dict) -> dict:
    """IoU after marks on groups of two by two patches, read from one token a group or from all four.

    The last row and column of the 37 go, since a connector takes them by twos.
    """
    import torch

    from vizkit.models.connectors import pixel_shuffle, pool_grid

    way, name, grid = point["connector"], point["photograph"], SETTINGS["photographs_side"] // 14
    merged, whole = SETTINGS["connectors_merged"], SETTINGS["photographs_kept"][0]
    found = encoded(name, PLANS[0], merged if way == "merged by likeness" else whole)
    even = torch.arange(grid**2).reshape(grid, grid)[:-1, :-1].flatten()  # (N,)
    if way.endswith(" of strangers"):
        even = even[torch.randperm(len(even), generator=torch.Generator().manual_seed(0))]
    patches = found.on_the_grid[:, even].cpu()  # (1, N, D)
    group = pixel_shuffle(torch.arange(len(even)).double()[None, :, None], 2)[0].long()  # (N/4, 4)
    tokens = {"pooling": pool_grid, "pixel shuffle": pixel_shuffle}
    handed = way.removesuffix(" of strangers")
    read = tokens[handed](patches, 2)[0] if handed in tokens else patches[0, group]
    # (N/4, D'), or (N/4, 4, D) where each place is read by itself
    truth = object_places(name, grid)[even][group]  # (N/4, 4)
    scores = [marked_iou(read, truth, draw) for draw in range(SETTINGS["draws"])]
    return {"iou": float(np.mean(scores))}


def marked_iou(tokens, truth, draw: int) -> float:
    """IoU of ridge regression from marked groups, five on the object and five beside it. (14)

    tokens: (G, D), one token for the P places of a group, each with weights of its own, or
        (G, P, D), one for each place, all with the same weights; truth: (G, P) of bool.
    """
    import torch
    import torch.nn.functional as F

    chance = torch.Generator().manual_seed(draw)
    mostly = truth.double().mean(1) >= 0.5  # (G,)
    sides = [side.nonzero()[:, 0] for side in (mostly, ~mostly)]
    count = SETTINGS["marks"]
    marked = torch.cat([s[torch.randperm(len(s), generator=chance)[:count]] for s in sides])
    each = tokens.flatten(0, -2)  # (G, D) or (G*P, D)
    scaled = (each - each.mean(0)) / (each.std(0) + 1e-6) / each.shape[1] ** 0.5
    rows = F.pad(scaled, (0, 1), value=1.0).double().reshape(*tokens.shape[:-1], -1)
    few = rows[marked].flatten(0, -2)  # (marked, D + 1) or (marked * P, D + 1)
    answers = (truth[marked].double() * 2 - 1).reshape(len(few), -1)
    weights = few.T @ torch.linalg.solve(few @ few.T + 0.1 * torch.eye(len(few)), answers)
    predicted, rest = (rows @ weights > 0).reshape(truth.shape), torch.ones_like(truth)
    rest[marked] = False
    predicted, truth = predicted[rest], truth[rest]
    return float((predicted & truth).sum() / (predicted | truth).sum())


# ── What it says ──────────────────────────────────────────────────────────────────────────────────


def fit(table: dict, way: str, question: str) -> np.ndarray:
    """(seeds,) of one way to fit."""
    return np.array([row[question] for row in table["fit"] if row["way"] == way])


def blurred(table: dict, grain: str, read: str) -> np.ndarray:
    """(draws,) of the trees that read the edges."""
    rows = table["blur"]
    return np.array([row["ratio"] for row in rows if (row["grain"], row["read"]) == (grain, read)])


def shapes(table: dict, plan: str, kept: int) -> np.ndarray:
    """(seeds,) of the pocket ViT."""
    rows = table["pocket"]
    return np.array([row["shape"] for row in rows if (row["plan"], row["kept"]) == (plan, kept)])


def ious(table: dict, plan: str, kept: int) -> np.ndarray:
    """(photographs,) of DINOv2; the whole number of patches is the same for each plan."""
    plan = PLANS[0] if kept == SETTINGS["photographs_kept"][0] else plan
    rows = table["photographs"]
    return np.array([row["iou"] for row in rows if (row["plan"], row["kept"]) == (plan, kept)])


def connected(table: dict, way: str) -> np.ndarray:
    """(photographs,) of DINOv2, read behind a connector."""
    return np.array([row["iou"] for row in table["connectors"] if row["connector"] == way])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 16 says of the table."""
    from vizkit.course import all_of, estimate
    from vizkit.training.any_size import squashed_ceiling

    nearly = squashed_ceiling() + 0.02
    squashed, native = (fit(table, way, "ratio") for way in ("squash", "native"))
    likeness, chance, attention, by_chance = PLANS
    everything = connected(table, CONNECTORS[0])
    whole, half = shapes(table, likeness, 64), shapes(table, likeness, 32)
    photo, photo_half = (ious(table, likeness, kept) for kept in (1369, 684))
    found = {
        "at native size the ratio is told better than from a squashed picture": estimate(
            native - squashed
        ).above(0),
        "a quarter of the native patches tells it better than the squashed picture": estimate(
            fit(table, "native, a quarter of the patches", "ratio") - squashed
        ).above(0),
        "a squashed picture whose ratio is told is better than one whose ratio is not": estimate(
            fit(table, "squash, ratio told", "ratio") - squashed
        ).above(0),
        "padded, the ratio is told better than squashed": estimate(
            fit(table, "pad", "ratio") - squashed
        ).above(0),
        "in tiles, the ratio is told better than squashed": estimate(
            fit(table, "tile", "ratio") - squashed
        ).above(0),
        "cropped, the ratio is told better than squashed": estimate(
            fit(table, "crop", "ratio") - squashed
        ).above(0),
        "at native size the kind is told better than from a squashed picture": estimate(
            fit(table, "native", "kind") - fit(table, "squash", "kind")
        ).above(0),
        "half of the tokens merged by likeness cost less than a point of shapes": estimate(
            whole - half
        ).below(0.01),
        "merged by chance they cost more": estimate(half - shapes(table, chance, 32)).above(0),
        "dropped by attention they cost more": estimate(half - shapes(table, attention, 32)).above(
            0
        ),
        "on photographs, half of the patches merged by likeness cost less than a point of IoU": (
            estimate(photo - photo_half, of="photographs").below(0.01)
        ),
        "on photographs, merged by chance they cost more": estimate(
            photo_half - ious(table, chance, 684), of="photographs"
        ).above(0),
        "on photographs, dropped by attention they cost more": estimate(
            photo_half - ious(table, attention, 684), of="photographs"
        ).above(0),
        "on photographs, dropped by chance they cost more": estimate(
            photo_half - ious(table, by_chance, 684), of="photographs"
        ).above(0),
        "dropping by attention to a quarter costs less than two points beside the copying": estimate(
            ious(table, COPIED, 342) - ious(table, attention, 342), of="photographs"
        ).below(0.02),
        "dropping by attention to a quarter costs more than by chance": estimate(
            ious(table, by_chance, 342) - ious(table, attention, 342), of="photographs"
        ).above(0),
        "pooling behind DINOv2 costs IoU": estimate(
            everything - connected(table, "pooling"), of="photographs"
        ).above(0),
        "pixel shuffle behind DINOv2 costs IoU": estimate(
            everything - connected(table, "pixel shuffle"), of="photographs"
        ).above(0),
        "strangers pooled behind DINOv2 cost more than neighbours": estimate(
            connected(table, "pooling") - connected(table, "pooling of strangers"), of="photographs"
        ).above(0),
        "strangers side by side behind DINOv2 cost less than strangers pooled": estimate(
            connected(table, "pixel shuffle of strangers")
            - connected(table, "pooling of strangers"),
            of="photographs",
        ).above(0),
    }
    blur = {
        "a reader of the edges gets no further than two points above the limit": estimate(
            blurred(table, "fine", READ[1]), of="draws"
        ).below(nearly),
        "from coarse pictures it gets further": estimate(
            blurred(table, "coarse", READ[1]), of="draws"
        ).above(nearly),
    }
    sentences = list(found.values())
    return {
        **found,
        **blur,
        "the squashed ratio is what is missing, not the pixels": all_of(
            *sentences[:3], *blur.values()
        ),
    }


EXPERIMENT = Experiment(
    name="any_size",
    settings=SETTINGS,
    parts=(
        Part(
            "fit",
            lambda table: [{"way": way, "seed": seed} for way in FIT_WAYS for seed in SEEDS],
            measure_fit,
        ),
        Part("blur", blur_points, measure_blur),
        Part("pocket", pocket_points, measure_pocket),
        Part("photographs", photograph_points, measure_photograph),
        Part("connectors", connector_points, measure_connector),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
