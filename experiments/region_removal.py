"""What DINOv2 attends to, and what its class token depends on (03): regions of photographs removed.

`rows`: one for each photograph; about half a minute each on one core. It needs the weights of
`timm/vit_small_patch14_dinov2.lvd142m`.
"""

from __future__ import annotations

import copy
from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

PHOTOS = ("chelsea", "coffee", "astronaut", "rocket", "china", "flower")
SIDE = 16  # patches of 14 pixels along a side of 224
FINE = 2  # patches along a side of a region
REGIONS = (SIDE // FINE) ** 2
SETTINGS = {
    "encoder": "timm/vit_small_patch14_dinov2.lvd142m",
    "photographs": PHOTOS,
    "pixels": 14 * SIDE,
    "regions": "8 x 8, each of 2 x 2 patches",
    "effect": "change of the class token's output, divided by the length of that output",
    "seeds": [0, 1, 2, 3, 4],
}


@cache
def encoder():
    """The trained tower for 224 pixels, and the photographs (6, 3, 224, 224) as it wants them."""
    import torch
    from torch.nn.functional import interpolate

    from vizkit import zoo
    from vizkit.data import photos

    trained = zoo.load(SETTINGS["encoder"])
    model = copy.deepcopy(trained.model).cpu().eval()
    model.set_input_size((14 * SIDE, 14 * SIDE))
    whole = trained.preprocess([photo.image for photo in photos(list(PHOTOS))]).cpu()
    with torch.no_grad():
        return model, interpolate(whole, size=14 * SIDE, mode="bicubic", antialias=True)


def per_region(patches: np.ndarray) -> np.ndarray:
    """Values of patches (..., 256), added up in each region (..., 64)."""
    cut = patches.reshape(*patches.shape[:-1], SIDE // FINE, FINE, SIDE // FINE, FINE)
    return cut.sum((-3, -1)).reshape(*patches.shape[:-1], REGIONS)


def class_output(model, tokens):
    """Tokens in front of the first block (B, T, D) to the class token behind the last norm (B, D)."""
    for block in model.blocks:
        tokens = block(tokens)  # (B, T, D)
    return model.norm(tokens)[:, 0]  # (B, D)


def effects(model, pixels) -> dict[str, np.ndarray]:
    """For each region of one photograph (1, 3, 224, 224): its tokens left out, its pixels blanked."""
    import torch

    region = torch.from_numpy(region_of_patch())  # (256,)
    tokens = model._pos_embed(model.patch_embed(pixels))  # (1, 257, D)
    whole = class_output(model, tokens)  # (1, D)
    left_out, blanked = [], []
    for number in range(REGIONS):
        rest = torch.cat([torch.ones(1, dtype=torch.bool), region != number])  # (257,)
        left_out.append(class_output(model, tokens[:, rest]))
        here = (region == number).reshape(SIDE, SIDE)
        here = here.repeat_interleave(14, 0).repeat_interleave(14, 1)  # (224, 224)
        blank = torch.where(here, pixels.mean((2, 3), keepdim=True), pixels)
        blanked.append(class_output(model, model._pos_embed(model.patch_embed(blank))))
    found = {"left out": torch.cat(left_out), "blanked": torch.cat(blanked)}  # (64, D) each
    return {name: ((one - whole).norm(dim=1) / whole.norm()).numpy() for name, one in found.items()}


def region_of_patch() -> np.ndarray:
    """The number of the region that each of the 256 patches lies in."""
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    return row // FINE * (SIDE // FINE) + column // FINE


def candidates(model, pixels) -> dict[str, np.ndarray]:
    """Maps of one photograph over the regions: attention of the class token, and blind references."""
    from vizkit.models import capture_attention
    from vizkit.widgets.attention_map.numbers import attention_rollout

    layers = [layer[0].numpy() for layer in capture_attention(model, pixels).maps]  # (H, T, T) each
    last = layers[-1][:, 0, 1:]  # (H, 256)
    maps = {"mean, last layer": last.mean(0), "rollout": attention_rollout(layers)[0, 1:]}
    maps |= {f"head {head}": one for head, one in enumerate(last)}
    squares = pixels[0].unfold(1, 28, 28).unfold(2, 28, 28).flatten(3)  # (3, 8, 8, 784)
    middle = np.arange(SIDE // FINE) - (SIDE // FINE - 1) / 2
    return {name: per_region(one) for name, one in maps.items()} | {
        "contrast": squares.var(-1).sum(0).flatten().numpy(),
        "nearness to the middle": -np.hypot(middle[:, None], middle[None]).ravel(),
    }


def untrained_maps(model, pixels, seeds) -> np.ndarray:
    """The mean of the last layer with all numbers of each weight in another order, by seed (S, 64)."""
    import torch

    from vizkit.models import capture_attention

    found = []
    for seed in seeds:
        draw = torch.Generator().manual_seed(seed)
        twin = copy.deepcopy(model)
        for weight in twin.parameters():
            order = torch.randperm(weight.numel(), generator=draw)
            weight.data = weight.data.flatten()[order].reshape(weight.shape)
        last = capture_attention(twin, pixels).maps[-1][0, :, 0, 1:].mean(0)  # (256,)
        found.append(per_region(last.numpy()))
    return np.stack(found)


def measure(point: dict, table: dict) -> dict:
    """Effects and maps over the 64 regions of one photograph."""
    import torch

    model, pixels = encoder()
    one = pixels[PHOTOS.index(point["photograph"])][None]
    with torch.no_grad():
        maps = candidates(model, one)
        shuffled = untrained_maps(model, one, table["settings"]["seeds"])
        maps |= {f"shuffled weights {seed}": row for seed, row in enumerate(shuffled)}
        found = effects(model, one)
    return {
        "effects": {name: rounded(values) for name, values in found.items()},
        "maps": {name: rounded(values) for name, values in maps.items()},
    }


def rounded(values: np.ndarray) -> list[float]:
    """Five digits: enough for an order, and a table that can be read."""
    return [float(f"{value:.5g}") for value in values]


def agreement(table: dict, name: str, effect: str = "left out") -> np.ndarray:
    """The rank correlation of a map with an effect, by photograph.

    name: a map of the table, "another photograph" (the attention on the next one) or "shuffled
    weights" (the mean over the seeds).
    """
    from scipy.stats import spearmanr

    rows, found = table["rows"], []
    for number, row in enumerate(rows):
        if name == "another photograph":
            maps = [rows[number - 1]["maps"]["mean, last layer"]]
        elif name == "shuffled weights":
            maps = [row["maps"][f"{name} {seed}"] for seed in table["settings"]["seeds"]]
        else:
            maps = [row["maps"][name]]
        found.append(np.mean([spearmanr(one, row["effects"][effect]).statistic for one in maps]))
    return np.array(found)


def beaten(table: dict, name: str = "mean, last layer", effect: str = "left out") -> np.ndarray:
    """By photograph: does a region with under half of the top weight matter more than the top one?"""
    found = []
    for row in table["rows"]:
        weight, matters = np.array(row["maps"][name]), np.array(row["effects"][effect])
        top = weight.argmax()
        found.append(bool(((weight < weight[top] / 2) & (matters > matters[top])).any()))
    return np.array(found)


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 03 says of this table."""
    from vizkit.course.evidence import estimate

    found = {}
    for effect in ("left out", "blanked"):
        attention = agreement(table, "mean, last layer", effect)
        for rival in (
            "another photograph",
            "shuffled weights",
            "contrast",
            "nearness to the middle",
        ):
            lead = estimate(attention - agreement(table, rival, effect), of="photographs")
            found[f"{effect}: attention orders the regions better than {rival}"] = lead.above(0)
    return found


EXPERIMENT = Experiment(
    name="region_removal",
    settings=SETTINGS,
    parts=(
        Part(
            "rows",
            points=lambda table: [{"photograph": name} for name in PHOTOS],
            measure=measure,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
