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
    from vizkit.course import all_of

    collapse, cures, probes = of_collapse(table), of_cures(table), of_probes(table)
    learned = probes["SIGReg's features tell the colour better than untrained ones"]
    return {
        **collapse,
        **cures,
        **of_lesions(table),
        **probes,
        "two views alone collapse, with SIGReg and with DINO they do not": all_of(
            *collapse.values(), *cures.values(), learned
        ),
    }


def of_collapse(table: dict) -> dict[str, bool | str]:
    """Whether the embeddings of two views alone have shrunk, and whether that lasts."""
    from vizkit.course import all_of, estimate

    start = compared(table, "untrained", "spread")

    def shrunk(**wanted) -> bool | str:
        return estimate(start / 10 - select(table, "nothing", "spread", **wanted)).above(0)

    return {
        "without a regulariser the spread falls below a tenth of the start": shrunk(),
        "with three times the steps it is still there": shrunk(steps=LONG),
        "at every rate tried it is there": all_of(
            *(shrunk(rate=rate) for rate in SETTINGS["rates of the control"])
        ),
    }


def of_cures(table: dict) -> dict[str, bool | str]:
    """Whether SIGReg and DINO keep the pictures apart."""
    from vizkit.course import estimate

    start = compared(table, "untrained", "spread")
    spread = {method: select(table, method, "spread") for method in ("SIGReg", "DINO")}
    told = select(table, "DINO", "told") - compared(table, "untrained", "told")
    return {
        "with SIGReg the spread is above a half": estimate(spread["SIGReg"]).above(0.5),
        "with DINO the spread stays above a tenth of the start": estimate(
            spread["DINO"] - start / 10
        ).above(0),
        "DINO's answers tell more than untrained ones": estimate(told).above(0),
    }


def of_lesions(table: dict) -> dict[str, bool | str]:
    """DINO without one of its parts: beside DINO, beside an untrained network, and its spread.

    An untrained network tells less than DINO as well. So that alone would be no collapse.
    """
    from vizkit.course import estimate

    start = compared(table, "untrained", "spread")
    untrained = compared(table, "untrained", "told")
    found = {}
    for method in ("DINO without centring", "DINO without sharpening"):
        told, spread = (select(table, method, value) for value in ("told", "spread"))
        asked = {
            "tells less than DINO": select(table, "DINO", "told") - told,
            "tells less than an untrained network": untrained - told,
            "has a spread below a tenth of the start": start / 10 - spread,
        }
        for what, lead in asked.items():
            found[f"{method} {what}"] = estimate(lead).above(0)
    return found


def of_probes(table: dict) -> dict[str, bool | str]:
    """What the features tell of colour and shape, beside untrained ones and beside labels."""
    from vizkit.course import all_of, estimate

    color, shape = (
        {
            "collapsed": select(table, "nothing", value),
            "SIGReg": select(table, "SIGReg", value),
            "grey": select(table, "SIGReg", value, keep_color=False),
            "DINO": select(table, "DINO", value),
            "labels": compared(table, "labels", value),
            "untrained": compared(table, "untrained", value),
        }
        for value in ("color", "shape")
    )

    def above(values: dict, better: str, worse: str) -> bool | str:
        return estimate(values[better] - values[worse]).above(0)

    return {
        "SIGReg's features tell the colour better than untrained ones": above(
            color, "SIGReg", "untrained"
        ),
        "collapsed features tell it better than untrained ones": above(
            color, "collapsed", "untrained"
        ),
        "on grey views SIGReg's features tell it worse than untrained ones": above(
            color, "untrained", "grey"
        ),
        "SIGReg's features tell the shape better than untrained ones": above(
            shape, "SIGReg", "untrained"
        ),
        "DINO's features tell the shape better than untrained ones": above(
            shape, "DINO", "untrained"
        ),
        "labels teach the shape better than either method and than no training": all_of(
            *(above(shape, "labels", other) for other in ("SIGReg", "DINO", "untrained"))
        ),
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
