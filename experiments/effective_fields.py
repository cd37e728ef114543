"""How far the trained networks of 05 see: effective receptive fields at three depths.

Every network is trained as in `data_hunger` on 1,300 digits. `rows`: widths in pixels after the
training, and before it, the control for "depth alone"; for networks that take any size also on a
canvas of 64 x 64 pixels with the digit in its middle, the control for "the border cuts the field".
About five minutes on one core.
"""

from __future__ import annotations

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = list(range(8))
SETTINGS = {
    "seeds": SEEDS,
    "n": 1300,
    "steps": 600,
    "rates": "those of data_hunger",
    "images": "16 test digits; 4 x 4 places, of which the middle four count",
    "canvas": 64,
}
DEPTHS = {
    "CNN": ("stem", "stage_0", "stage_1"),
    "ViT": ("patch_tokens", "block_0", "encoded"),
    "hybrid": ("patch_tokens", "block_0", "encoded"),
    "ConvNeXt": ("stem", "stage_0", "stage_1"),
    "ConvNeXt, layer scale off": ("stem", "stage_0", "stage_1"),
    "Swin": ("patch_tokens", "stage_0", "encoded"),
}
ANY_SIZE = ("CNN", "ConvNeXt", "ConvNeXt, layer scale off")
THEORY = 23  # pixels that can reach the last features of the CNN: 1 + 2 + 4 + 4 + 4 + 8
MIDDLE = [5, 6, 9, 10]  # of the 4 x 4 places


def widths(model, network: str) -> list[float]:
    """The effective width at the three depths, on 16 test digits."""
    from vizkit.models.fields import field_width, influence_maps
    from vizkit.training.digits import digits

    images = digits()[0][1300:1316]
    maps = [influence_maps(model, name, images)[MIDDLE] for name in DEPTHS[network]]
    return [round(field_width(one), 3) for one in maps]


def width_on_canvas(model, network: str) -> float:
    """The width of the last features' field where no border is near."""
    import torch.nn.functional as F

    from vizkit.models.fields import field_width, influence_maps
    from vizkit.training.digits import digits

    border = (SETTINGS["canvas"] - 16) // 2
    images = F.pad(digits()[0][1300:1316], (border,) * 4, value=-1.0)  # black, as in a digit
    place = influence_maps(model, DEPTHS[network][-1], images, grid=1)
    return round(field_width(place), 3)


def measure(point: dict, table: dict) -> dict:
    """Train one network; widths of its fields before and after."""
    from experiments.data_hunger import chosen_rates
    from vizkit.course import stored_experiment
    from vizkit.training import seed_everything
    from vizkit.training.digits import digit_networks, train_on_digits

    name, seed = point["network"], point["seed"]
    make = digit_networks()[name]
    seed_everything(seed)
    before = widths(make().eval(), name)
    rate = chosen_rates(stored_experiment("data_hunger"))[name]
    run = train_on_digits(
        make, n=SETTINGS["n"], seed=seed, learning_rate=rate, steps=SETTINGS["steps"]
    )
    first, halfway, end = widths(run.model, name)
    row = {"first": first, "halfway": halfway, "end": end}
    row |= {"first_untrained": before[0], "end_untrained": before[-1]}
    row["end_on_canvas"] = width_on_canvas(run.model, name) if name in ANY_SIZE else None
    return row


def column(table: dict, network: str, value: str) -> np.ndarray:
    """One number by seed, (seeds,), of one network."""
    return np.array([row[value] for row in table["rows"] if row["network"] == network], float)


def even_width(pixels: int) -> float:
    """The width of a field that is evenly bright over so many pixels."""
    return float(np.sqrt(4 / 3 * (pixels**2 - 1)))


def verdicts(table: dict) -> dict[str, bool | str]:
    """What the table says, each with two standard errors to spare; differences by seed."""
    from vizkit.course import estimate

    cnn, vit = column(table, "CNN", "end"), column(table, "ViT", "end")
    untrained = column(table, "CNN", "end_untrained") - column(table, "CNN", "first_untrained")
    return {
        "the CNN's field grows with depth": estimate(cnn - column(table, "CNN", "first")).above(0),
        "the CNN's effective field is narrower than an even one": estimate(cnn).below(
            even_width(16)
        ),
        "on a canvas, where no border cuts it, it is narrower than an even field of its theory": (
            estimate(column(table, "CNN", "end_on_canvas")).below(even_width(THEORY))
        ),
        "before the training it grows with depth, too": estimate(untrained).above(0),
        "the CNN's field is narrower than the ViT's": estimate(vit - cnn).above(0),
    }


EXPERIMENT = Experiment(
    name="effective_fields",
    settings=SETTINGS,
    parts=(
        Part(
            "rows",
            lambda table: [{"network": name, "seed": seed} for name in DEPTHS for seed in SEEDS],
            measure,
        ),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
