"""Nearest neighbours of crops and of patches of photographs, for 11: what DINOv2 puts side by side.

`crops`: 12 crops of each of 15 photographs, flipped and with other colours. Is the nearest of all
other crops one of the same photograph? Encoders see them at 224 pixels.
`patches`: every second of 37 x 37 patches of each of 11 photographs at 518 pixels, where it lies in
a box drawn by hand. Does the nearest of the others, at least `apart` patches away, lie in a box of
the same object? And the nearest one in another photograph, in a box of the same kind of thing?
`views`: the same, asked in a second view of all photographs: a part of each, mirrored, with other
colours.
Controls: raw pixels, mean colours, the same ViT with random weights, and the place alone, once as
row and column and once as the row and the distance from the vertical middle line, which a mirror
does not change. Both are told which photograph it is.
`where_place_fails`: only those patches of `views` for which the place up to a mirror is wrong. That
choice could leave patches that are easy or hard for everything, so DINOv2 is compared with the other
controls on the same patches, and with a place that is known roughly: a patch by lot among the
nearest ones, or from the whole photograph.
`told`: pixels and colours once more, told which photograph to look at, as the place is; in `views`,
and where the place fails. About ten minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = list(range(5))
DINO, CNN = "vit_small_patch14_dinov2.lvd142m", "tf_efficientnet_lite0.in1k"
# Left, upper, right and lower edge, as shares of the square in the middle of a photograph.
BOXES = {
    "chelsea": {
        "eye": [[0.22, 0.30, 0.43, 0.48], [0.74, 0.38, 0.89, 0.54]],
        "fur": [[0.05, 0.03, 0.85, 0.22], [0.05, 0.55, 0.45, 0.72]],
    },
    "coffee": {
        "coffee": [[0.30, 0.28, 0.70, 0.45]],
        "saucer": [[0.12, 0.76, 0.55, 0.90], [0.76, 0.45, 0.92, 0.72], [0.02, 0.42, 0.17, 0.72]],
        "table": [[0.80, 0.02, 1.0, 0.18], [0.0, 0.0, 0.18, 0.14], [0.86, 0.88, 1.0, 1.0]],
        "spoon": [[0.57, 0.61, 0.75, 0.79]],
    },
    "astronaut": {
        "face": [[0.36, 0.16, 0.53, 0.35]],
        "suit": [[0.14, 0.48, 0.42, 0.66], [0.08, 0.76, 0.42, 0.90], [0.52, 0.50, 0.68, 0.62]],
        "flag": [[0.0, 0.0, 0.11, 0.30], [0.0, 0.50, 0.06, 0.95]],
        "rocket": [[0.74, 0.04, 0.87, 0.50]],
        "helmet": [[0.62, 0.74, 0.96, 0.97]],
    },
    "rocket": {
        "rocket": [[0.475, 0.32, 0.54, 0.93]],
        "mast": [[0.17, 0.48, 0.22, 0.85], [0.79, 0.48, 0.84, 0.85]],
        "sky": [[0.03, 0.02, 0.97, 0.25], [0.25, 0.45, 0.44, 0.78], [0.58, 0.45, 0.76, 0.78]],
    },
    "china": {
        "building": [[0.03, 0.18, 0.40, 0.80]],
        "sky": [[0.55, 0.02, 0.98, 0.42]],
        "water": [[0.62, 0.57, 0.98, 0.66]],
        "trees": [[0.70, 0.76, 1.0, 0.98], [0.02, 0.84, 0.24, 0.98]],
    },
    "flower": {
        "petals": [[0.22, 0.28, 0.72, 0.76], [0.50, 0.93, 0.74, 1.0]],
        "leaves": [[0.02, 0.02, 0.98, 0.16], [0.84, 0.2, 0.98, 0.98], [0.02, 0.2, 0.12, 0.98]],
    },
    "camera": {
        "coat": [[0.12, 0.42, 0.30, 0.66]],
        "face": [[0.37, 0.23, 0.48, 0.38]],
        "camera": [[0.52, 0.28, 0.63, 0.40]],
        "lawn": [[0.76, 0.60, 1.0, 0.96], [0.34, 0.74, 0.48, 0.96]],
        "sky": [[0.0, 0.02, 0.28, 0.25], [0.62, 0.02, 1.0, 0.20]],
    },
    "coins": {
        "coin": [
            [(x - 0.7 * r) / 298, (y - 0.7 * r) / 298, (x + 0.7 * r) / 298, (y + 0.7 * r) / 298]
            for x, y, r in (
                *((58, 55, 18), (112, 50, 22), (173, 50, 21), (230, 50, 20)),
                *((61, 124, 17), (111, 125, 19), (162, 122, 19), (225, 117, 25)),
                *((60, 192, 21), (112, 193, 19), (168, 188, 22), (228, 190, 21)),
                *((71, 261, 20), (130, 258, 27), (199, 255, 22), (255, 259, 23)),
            )
        ],
        "cloth": [[0.1, 0.27, 0.9, 0.33], [0.1, 0.50, 0.66, 0.55], [0.12, 0.73, 0.9, 0.76]],
    },
    "brick": {"bricks": [[0.02, 0.02, 0.98, 0.98]]},
    "grass": {"lawn": [[0.02, 0.02, 0.98, 0.98]]},
    "gravel": {"gravel": [[0.02, 0.02, 0.98, 0.98]]},
}
MORE = ["clock", "retina", "hubble_deep_field", "immunohistochemistry"]
SETTINGS = {
    "seeds": SEEDS,
    "encoders": [DINO, CNN],
    "photographs": [*BOXES, *MORE],
    "crops": 12,
    "crop": "25 to 60 % of the area, flipped in half of the cases, ColorJitter(0.4, 0.4, 0.4, 0.1)",
    "crop_pixels": 224,
    "grid": 37,
    "apart": 5,
    "view": "a square of 65 to 90 % of the side, mirrored, ColorJitter(0.4, 0.4, 0.4, 0.1)",
    "near_by": [3, 10, 40, 80],  # so many patches nearest by place, one of which a lot takes
    "boxes": BOXES,
}
MIRROR_PROOF = "place up to a mirror"
METHODS = ("DINOv2", "raw pixels", "mean colour", "place alone", MIRROR_PROOF, "random ViT")
TOLD = ("raw pixels", "mean colour")


def random_vit(seed: int, side: int):
    """DINOv2's architecture with random weights."""
    import timm
    import torch

    torch.manual_seed(seed)
    return timm.create_model(DINO, pretrained=False, img_size=side).eval()


def unit(rows) -> np.ndarray:
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def crops(seed: int):
    """Crops (N, 3, 224, 224) with values 0 to 1, and the number of the photograph of each, (N,)."""
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    from vizkit.data import photos

    torch.manual_seed(seed)
    cut = v2.Compose(
        [
            v2.RandomResizedCrop(SETTINGS["crop_pixels"], scale=(0.25, 0.6), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    taken = [
        cut(Image.fromarray(photo.image))
        for photo in photos(SETTINGS["photographs"])
        for _ in range(SETTINGS["crops"])
    ]
    return torch.stack(taken), np.arange(len(taken)) // SETTINGS["crops"]


def same_photograph(vectors, owner: np.ndarray) -> float:
    """How many crops have a crop of the same photograph as their nearest neighbour."""
    cosines = unit(vectors) @ unit(vectors).T
    np.fill_diagonal(cosines, -np.inf)
    return round(float((owner[cosines.argmax(1)] == owner).mean()), 4)


def measure_crops(point: dict, table: dict) -> dict:
    """The share for each kind of vectors, for one draw of crops and one random ViT."""
    import torch
    import torch.nn.functional as F

    from vizkit import zoo

    taken, owner = crops(point["seed"])
    side = SETTINGS["crop_pixels"]

    @torch.no_grad()
    def encode(model, mean, std):
        mean, std = (torch.tensor(one).reshape(3, 1, 1) for one in (mean, std))
        found = [model.forward_features((part - mean) / std) for part in taken.split(20)]
        return torch.cat(found)

    imagenet = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    dino = zoo.load(f"timm/{DINO}").model.cpu()
    dino.set_input_size((side, side))
    cnn = zoo.load(f"timm/{CNN}").model.cpu()
    untrained = encode(random_vit(point["seed"], side), *imagenet)
    small = F.interpolate(taken, size=(32, 32), mode="area")
    vectors = {
        "DINOv2": encode(dino, *imagenet)[:, 0],
        "EfficientNet": encode(cnn, (0.5,) * 3, (0.5,) * 3).mean((2, 3)),
        "random ViT, class token": untrained[:, 0],
        "random ViT, mean of patches": untrained[:, 1:].mean(1),
        "raw pixels": (small - small.mean((1, 2, 3), keepdim=True)).flatten(1),
        "mean colour": taken.mean((2, 3)) - taken.mean((0, 2, 3)),
    }
    return {name: same_photograph(some, owner) for name, some in vectors.items()}


def patch_middles() -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every second patch, (N, 2), and its middle (y, x) as shares of the side."""
    step = range(0, SETTINGS["grid"], 2)
    places = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1).reshape(-1, 2)
    return places, (places + 0.5) / SETTINGS["grid"]


def objects_at(photo: str, middles: np.ndarray) -> np.ndarray:
    """The object in whose box each place (y, x) of a photograph lies, "" for none, (N,)."""
    y, x = middles.T
    names = np.full(len(middles), "", dtype="<U12")
    for name, boxes in BOXES[photo].items():
        for left, upper, right, lower in boxes:
            names[(x >= left) & (x <= right) & (y >= upper) & (y <= lower)] = name
    return names


def squares(view: int | None):
    """The photographs' middles, (B, 3, 518, 518) with values 0 to 1, and what became of places.

    view: None for the photographs as they are; else the seed of a second view of each: a part of
        it, mirrored, with other colours. The second value maps places (y, x) back, by photograph.
    """
    import torch
    from torchvision.transforms import v2
    from torchvision.transforms.v2.functional import resized_crop

    from vizkit import zoo
    from vizkit.data import photos

    steps = zoo.load(f"timm/{DINO}").preprocess.transform.transforms[:-1]  # all but the colours'
    whole = torch.stack([v2.Compose(steps)(picture_of(photo)) for photo in photos(list(BOXES))])
    if view is None:
        return whole, [lambda middles: middles] * len(whole)
    rng, side = np.random.default_rng(view), whole.shape[-1]
    torch.manual_seed(view)
    jitter = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)
    taken, back = [], []
    for one in whole:
        part = round(rng.uniform(0.65, 0.9) * side)
        top, left = rng.integers(0, side - part + 1, size=2)
        cut = resized_crop(one, int(top), int(left), part, part, [side, side], antialias=True)
        taken.append(jitter(cut.clamp(0, 1)).flip(-1))
        corner, share = np.array([top, left]) / side, part / side
        back.append(lambda m, corner=corner, share=share: corner + share * mirrored(m))
    return torch.stack(taken), back


def picture_of(photo):
    from PIL import Image

    return Image.fromarray(photo.image)


def mirrored(middles: np.ndarray) -> np.ndarray:
    return np.stack([middles[:, 0], 1 - middles[:, 1]], axis=1)


def folded(places: np.ndarray) -> np.ndarray:
    """Row and distance from the vertical middle line: what a mirror leaves of a place, (N, 2)."""
    return np.stack([places[:, 0], np.abs(places[:, 1] - (SETTINGS["grid"] - 1) / 2)], axis=1)


@cache
def named_vectors(method: str, seed: int, view: int | None):
    """The patches that lie in boxes: photograph (M,), object (M,), place (M, 2), vectors (M, D)."""
    import torch

    pixels, back = squares(view)
    places, middles = patch_middles()
    objects = np.concatenate(
        [objects_at(photo, turn(middles)) for photo, turn in zip(BOXES, back, strict=True)]
    )
    inside = objects != ""
    owner = np.repeat(np.arange(len(pixels)), len(places))[inside]
    where = np.tile(places, (len(pixels), 1))[inside]
    if method in ("place alone", MIRROR_PROOF):
        place = where if method == "place alone" else folded(where)
        # First those of the same photograph; ties are decided by lot.
        lot = np.random.default_rng(seed if view is None else seed + 100).uniform(
            0, 1e-3, where.shape
        )
        vectors = np.concatenate([place + lot, 1000.0 * owner[:, None]], axis=1)
    else:
        rows, columns = torch.from_numpy(places).T
        tokens = patch_vectors(method, seed, pixels)[:, rows, columns]  # (B, N, D)
        vectors = tokens.flatten(0, 1).numpy()[inside]
    return owner, objects[inside], where, vectors


def patch_vectors(method: str, seed: int, pixels):
    """One vector for each patch, (B, rows, columns, D), of pictures with values 0 to 1."""
    import torch

    from vizkit import zoo

    grid, mean, std = SETTINGS["grid"], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    if method in ("DINOv2", "random ViT"):
        trained = method == "DINOv2"
        model = zoo.load(f"timm/{DINO}").model.cpu() if trained else random_vit(seed, 518)
        mean, std = (torch.tensor(one).reshape(3, 1, 1) for one in (mean, std))
        with torch.no_grad():
            tokens = [model.forward_features(((one - mean) / std)[None])[0, 1:] for one in pixels]
        return torch.stack(tokens).unflatten(1, (grid, grid))
    size = pixels.shape[-1] // grid
    blocks = pixels.unfold(2, size, size).unfold(3, size, size)  # (B, 3, rows, columns, size, size)
    blocks = blocks.permute(0, 2, 3, 1, 4, 5)
    return blocks.flatten(3) if method == "raw pixels" else blocks.mean((4, 5))


def distances(method: str, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """How far apart vectors are, (M, M'): by the cosine for a network, else by the difference."""
    if method in ("DINOv2", "random ViT"):
        return -(unit(ours) @ unit(theirs).T)
    apart = (ours**2).sum(1)[:, None] + (theirs**2).sum(1) - 2 * ours @ theirs.T
    return apart


def shares(right: np.ndarray, groups: np.ndarray, names: list) -> dict[str, float]:
    """The share of `right` in each group that has members: name → share."""
    found = {name: right[groups == number] for number, name in enumerate(names)}
    return {name: round(float(some.mean()), 4) for name, some in found.items() if len(some)}


def measure_patches(point: dict, table: dict) -> dict:
    """Nearest patches in the same picture, by photograph; and in the other ones, by kind."""
    owner, objects, where, vectors = named_vectors(point["method"], point["seed"], None)
    apart = distances(point["method"], vectors, vectors)
    same_photo = owner[:, None] == owner
    near = same_photo & (np.abs(where[:, None] - where).max(-1) < SETTINGS["apart"])
    same_object = same_photo & (objects[:, None] == objects) & ~near
    everyone, asked = np.arange(len(owner)), same_object.any(1)  # those that have one to find
    nearest = same_object[everyone, np.where(near, np.inf, apart).argmin(1)]
    chance = same_object.sum(1) / (~near).sum(1)
    same_kind = (objects[:, None] == objects) & ~same_photo
    elsewhere = same_kind[everyone, np.where(same_photo, np.inf, apart).argmin(1)]
    kinds = sorted({str(one) for one in objects[same_kind.any(1)]})
    kind = np.array([kinds.index(one) if one in kinds else -1 for one in objects])
    return {
        "same object": shares(nearest[asked], owner[asked], list(BOXES)),
        "chance": shares(chance[asked], owner[asked], list(BOXES)),
        "same kind elsewhere": shares(elsewhere, kind, kinds),
        "chance elsewhere": shares(same_kind.sum(1) / (~same_photo).sum(1), kind, kinds),
    }


def asked_in_another_view(method: str, seed: int):
    """The photograph of each patch (M,), its distances to those of the view (M, M'), same object."""
    owner, objects, _, vectors = named_vectors(method, seed, None)
    their_owner, their_objects, _, theirs = named_vectors(method, seed, seed)
    same = (owner[:, None] == their_owner) & (objects[:, None] == their_objects)
    return owner, distances(method, vectors, theirs), same


def measure_views(point: dict, table: dict) -> dict:
    """Nearest patches in second views of all photographs, by photograph."""
    owner, apart, same = asked_in_another_view(point["method"], point["seed"])
    asked = same.any(1)  # the view still shows the object
    nearest = same[np.arange(len(owner)), apart.argmin(1)]
    return {
        "same object": shares(nearest[asked], owner[asked], list(BOXES)),
        "chance": shares(same.mean(1)[asked], owner[asked], list(BOXES)),
    }


def by_asked_photograph(
    found: np.ndarray, chosen: np.ndarray, owner: np.ndarray
) -> dict[str, float]:
    """What was found for the chosen patches (M,), added up by photograph: name → count."""
    return {
        photo: round(float(found[chosen & (owner == number)].sum()), 3)
        for number, photo in enumerate(BOXES)
        if len(BOXES[photo]) > 1
    }


def measure_where_place_fails(point: dict, table: dict) -> dict:
    """Right answers in one view where the place up to a mirror is wrong, as counts by photograph."""
    seed = point["seed"]
    owner, apart, same = asked_in_another_view(MIRROR_PROOF, seed)
    nearest = apart.argsort(1)  # all of the same photograph come first
    right = np.take_along_axis(same, nearest, 1)
    failed = same.any(1) & ~right[:, 0]
    same_photo = owner[:, None] == named_vectors(MIRROR_PROOF, seed, seed)[0]
    found = {"patches": failed, "any patch": same.sum(1) / np.maximum(same_photo.sum(1), 1)}
    for count in SETTINGS["near_by"]:
        found[f"one of {count} near by"] = right[:, :count].mean(1)
    for method in METHODS:
        if method not in ("place alone", MIRROR_PROOF):
            _, apart, _ = asked_in_another_view(method, seed)
            found[method] = same[np.arange(len(owner)), apart.argmin(1)]
    return {name: by_asked_photograph(some, failed, owner) for name, some in found.items()}


def measure_told(point: dict, table: dict) -> dict:
    """Nearest patches among those of the same photograph in its second view, by photograph."""
    seed = point["seed"]
    owner, apart, same = asked_in_another_view(point["method"], seed)
    _, by_place, _ = asked_in_another_view(MIRROR_PROOF, seed)
    other = owner[:, None] != named_vectors(MIRROR_PROOF, seed, seed)[0]
    everyone, asked = np.arange(len(owner)), same.any(1)
    right = same[everyone, np.where(other, np.inf, apart).argmin(1)]
    failed = asked & ~same[everyone, by_place.argmin(1)]
    return {
        "same object": shares(right[asked], owner[asked], list(BOXES)),
        "where place fails": by_asked_photograph(right, failed, owner),
    }


def patch_points(table: dict) -> list[dict]:
    return [
        *({"method": method, "seed": 0} for method in METHODS[:-1]),
        *({"method": METHODS[-1], "seed": seed} for seed in SEEDS),
    ]


def view_points(table: dict) -> list[dict]:
    return [{"method": method, "seed": seed} for method in METHODS for seed in SEEDS]


def told_points(table: dict) -> list[dict]:
    return [{"method": method, "seed": seed} for method in TOLD for seed in SEEDS]


def each_seed(table: dict) -> list[dict]:
    return [{"seed": seed} for seed in SEEDS]


def by_photograph(table: dict, part: str, method: str) -> np.ndarray:
    """Share of nearest patches in the same object, (photographs,), the mean over seeds.

    Only photographs with more than one object are asked: in the others, which serve as wrong
    answers, whoever finds the photograph has found the object.
    """
    rows = [row["same object"] for row in table[part] if row["method"] == method]
    asked = [photo for photo, objects in BOXES.items() if len(objects) > 1]
    return np.array([np.mean([row[photo] for row in rows]) for photo in asked])


def where_place_fails(table: dict) -> dict[str, np.ndarray]:
    """Shares of right answers where the place fails: method or control → (photographs,).

    All views of a photograph together: in some views the place fails for a handful of patches only.
    Photographs in which it never fails are left out.
    """
    rows = table["where_place_fails"]
    counts = {
        name: np.sum([list(row[name].values()) for row in rows], axis=0)
        for name in rows[0]
        if name not in ("seed", "seconds")
    }
    for method in TOLD:
        told = [row["where place fails"] for row in table["told"] if row["method"] == method]
        counts[f"{method}, told"] = np.sum([list(row.values()) for row in told], axis=0)
    patches = counts.pop("patches")
    return {name: count[patches > 0] / patches[patches > 0] for name, count in counts.items()}


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; pairs by seed or photograph."""
    from vizkit.course import all_of, estimate

    found = {
        name: np.array([row[name] for row in table["crops"]])
        for name in table["crops"][0]
        if name not in ("seed", "seconds")
    }
    rivals = [name for name in found if name not in ("DINOv2", "EfficientNet")]
    result = {
        "crops: DINOv2 finds the photograph more often than every control": all_of(
            *(estimate(found["DINOv2"] - found[name]).above(0) for name in rivals)
        )
    }
    for part, words in (("patches", "the same view"), ("views", "another view")):
        dino = by_photograph(table, part, "DINOv2")
        for rival in METHODS[1:]:
            ahead = estimate(dino - by_photograph(table, part, rival), of="photographs")
            sentence = f"patches, {words}: DINOv2 finds the object more often than {rival}"
            result[sentence] = ahead.above(0)
    for rival in TOLD:
        ahead = by_photograph(table, "views", "DINOv2") - by_photograph(table, "told", rival)
        sentence = f"patches, another view: DINOv2 finds the object more often than {rival}, told"
        result[sentence] = estimate(ahead, of="photographs").above(0)
    right = where_place_fails(table)
    for rival in right:
        if rival != "DINOv2":
            ahead = estimate(right["DINOv2"] - right[rival], of="photographs")
            sentence = f"patches, where {MIRROR_PROOF} fails: DINOv2 finds the object more often than {rival}"
            result[sentence] = ahead.above(0)
    return result


EXPERIMENT = Experiment(
    name="patch_neighbours",
    settings=SETTINGS,
    parts=(
        Part("patches", patch_points, measure_patches),
        Part("views", view_points, measure_views),
        Part("where_place_fails", each_seed, measure_where_place_fails),
        Part("told", told_points, measure_told),
        Part("crops", each_seed, measure_crops),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
