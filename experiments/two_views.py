"""Two views of a picture, without labels: what collapses, what does not, what is learned? (14)

Five methods on small scenes with five seeds, the same without a regulariser for three times as many
steps and at other learning rates, SIGReg on views that share no colour, the same network taught
with labels, and untrained. About ten minutes on one core.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.run import Experiment, Part, run_from_command_line

SEEDS = [0, 1, 2, 3, 4]
STEPS, LONG = 400, 1200
SETTINGS = {
    "seeds": SEEDS,
    "steps": STEPS,
    "long": LONG,
    "rates of the control": [0.0003, 0.03],
    "batch_size": 64,
    "pictures": 4096,
    "test": 1024,
    "optimizer": "AdamW, 3e-3, weight decay 0.01, warm-up over a twentieth of the steps, then cosine",
    "probe": "ridge regression on standardised features, before the projector",
}


@cache
def data():
    from vizkit.training.two_views import small_pictures

    return small_pictures(SETTINGS["pictures"], 0), small_pictures(SETTINGS["test"], 1)


def points(table: dict) -> list[dict]:
    """Every method and seed, then the controls."""
    from vizkit.training.two_views import METHODS

    plain = {"steps": STEPS, "rate": 0.003, "keep_color": True}
    found = [{"method": m, **plain, "seed": s} for m in METHODS for s in SEEDS]
    found += [{"method": "SIGReg", **plain, "keep_color": False, "seed": s} for s in SEEDS]
    found += [{"method": "nothing", **plain, "steps": LONG, "seed": s} for s in SEEDS]
    for rate in SETTINGS["rates of the control"]:
        found += [{"method": "nothing", **plain, "rate": rate, "seed": s} for s in SEEDS]
    return found


def measure(point: dict, table: dict) -> dict:
    """The loss at the end and all that `evaluate_two_views` finds."""
    from vizkit.training.two_views import evaluate_two_views, train_two_views

    train, test = data()
    model, history = train_two_views(
        train.pixels,
        point["method"],
        point["seed"],
        steps=point["steps"],
        batch_size=SETTINGS["batch_size"],
        learning_rate=point["rate"],
        keep_color=point["keep_color"],
    )
    return {
        "loss": float(f"{np.mean(history.loss[-20:]):.3g}"),
        **rounded(evaluate_two_views(model, train, test)),
    }


def compared_points(table: dict) -> list[dict]:
    return [{"kind": kind, "seed": seed} for kind in ("labels", "untrained") for seed in SEEDS]


def measure_compared(point: dict, table: dict) -> dict:
    """The same network with labels, or as it starts."""
    from vizkit.training.loop import seed_everything
    from vizkit.training.two_views import TwoViewEncoder, evaluate_two_views, train_with_labels

    train, test = data()
    if point["kind"] == "labels":
        return rounded(
            evaluate_two_views(train_with_labels(train, point["seed"], steps=STEPS), train, test)
        )
    seed_everything(point["seed"])
    return rounded(evaluate_two_views(TwoViewEncoder(), train, test))


def rounded(found: dict) -> dict:
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def select(table: dict, method: str, value: str, **wanted) -> np.ndarray:
    """One value of a method by seed; `wanted` names the settings of a control."""
    wanted = {"steps": STEPS, "rate": 0.003, "keep_color": True, **wanted}
    return np.array(
        [
            row[value]
            for row in table["rows"]
            if row["method"] == method and all(row[k] == v for k, v in wanted.items())
        ]
    )


def compared(table: dict, kind: str, value: str) -> np.ndarray:
    """One value of the network with labels or untrained, by seed."""
    return np.array([row[value] for row in table["compared"] if row["kind"] == kind])


def verdicts(table: dict) -> dict[str, bool | str]:
    """What notebook 14 says of the table."""
    from vizkit.course import all_of, estimate

    def spread(method: str, **wanted) -> np.ndarray:
        return select(table, method, "spread", **wanted)

    start = compared(table, "untrained", "spread")
    told = {m: select(table, m, "told") for m in {row["method"] for row in table["rows"]}}
    half = told["DINO"] / 2
    rates = SETTINGS["rates of the control"]
    color = {
        "collapsed": select(table, "nothing", "color"),
        "SIGReg": select(table, "SIGReg", "color"),
        "grey": select(table, "SIGReg", "color", keep_color=False),
        "untrained": compared(table, "untrained", "color"),
    }
    shape = {
        "SIGReg": select(table, "SIGReg", "shape"),
        "DINO": select(table, "DINO", "shape"),
        "labels": compared(table, "labels", "shape"),
        "untrained": compared(table, "untrained", "shape"),
    }
    found = {
        "without a regulariser the spread falls below a tenth of the start": estimate(
            start / 10 - spread("nothing")
        ).above(0),
        "with three times the steps it is still there": estimate(
            start / 10 - spread("nothing", steps=LONG)
        ).above(0),
        "at every rate tried it is there": all_of(
            *(estimate(start / 10 - spread("nothing", rate=r)).above(0) for r in rates)
        ),
        "with SIGReg the spread is above a half": estimate(spread("SIGReg")).above(0.5),
        "DINO without centring tells less than half of DINO": estimate(
            half - told["DINO without centring"]
        ).above(0),
        "DINO without sharpening tells less than half of DINO": estimate(
            half - told["DINO without sharpening"]
        ).above(0),
        "SIGReg's features tell the colour better than untrained ones": estimate(
            color["SIGReg"] - color["untrained"]
        ).above(0),
        "collapsed features tell it better than untrained ones": estimate(
            color["collapsed"] - color["untrained"]
        ).above(0),
        "on grey views SIGReg's features tell it worse than untrained ones": estimate(
            color["untrained"] - color["grey"]
        ).above(0),
        "SIGReg's features tell the shape better than untrained ones": estimate(
            shape["SIGReg"] - shape["untrained"]
        ).above(0),
        "DINO's features tell the shape better than untrained ones": estimate(
            shape["DINO"] - shape["untrained"]
        ).above(0),
        "labels teach the shape better than either method and than no training": all_of(
            *(
                estimate(shape["labels"] - shape[other]).above(0)
                for other in ("SIGReg", "DINO", "untrained")
            )
        ),
    }
    collapse, cure = list(found.values())[:3], list(found.values())[3:7]
    return {
        **found,
        "two views alone collapse, with SIGReg and with DINO they do not": all_of(*collapse, *cure),
    }


EXPERIMENT = Experiment(
    name="two_views",
    settings=SETTINGS,
    parts=(
        Part("rows", points, measure),
        Part("compared", compared_points, measure_compared),
    ),
    verdicts=verdicts,
)

if __name__ == "__main__":
    run_from_command_line(EXPERIMENT)
