"""Public names of `vizkit.training` and `losses`: right, or a clear error."""

import functools
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.unit.constructors import (
    NAN,
    Case,
    checks_of,
    fixed,
    one_of,
)
from vizkit import losses, training
from vizkit.training import History

# Training


def square(model: nn.Module):
    """A loss that training can only lower."""
    return lambda step: model(torch.ones(1, 2)).square().sum()


@st.composite
def training_run(draw) -> dict[str, Any]:
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    steps = draw(st.integers(1, 4))
    return {
        "model": model,
        "compute_loss": square(model),
        "steps": steps,
        "learning_rate": draw(one_of(1e-4, 0.01)),
        "weight_decay": draw(one_of(0, 0.05)),
        "betas": draw(one_of((0.9, 0.98), (0.0, 0.999))),
        "warmup_steps": draw(st.integers(0, steps)),
        "schedule": draw(one_of("cosine", "constant")),
        "clip_norm": draw(one_of(None, 1.0)),
        "seed": draw(one_of(None, 0, 7)),
        "record": draw(one_of(None, lambda done: {"done": done})),
        "record_every": draw(st.integers(1, 3)),
        "progress": False,
    }


@functools.wraps(training.fit)
def fit_afresh(**options: Any) -> History | str:
    """`fit` from the same start each time."""
    if isinstance(options["model"], nn.Linear):
        torch.manual_seed(0)
        options["model"].reset_parameters()
    try:
        return training.fit(**options)
    except FloatingPointError:
        return "diverged"


def trained(history: History | str, options: dict[str, Any]) -> None:
    if history == "diverged":
        assert max(options["learning_rate"], options["weight_decay"]) >= 2
        return
    steps = options["steps"]
    assert len(history) == len(history.learning_rate) == len(history.gradient_norm) == steps
    assert np.isfinite(history.loss).all()
    assert not history.interrupted
    assert not options["model"].training
    assert bool(history.records) == (options["record"] is not None)


@st.composite
def runs_together(draw) -> dict[str, Any]:
    torch.manual_seed(0)
    models = [nn.Linear(2, 1) for _ in range(draw(st.integers(2, 3)))]
    options = draw(training_run())
    same_batch = draw(st.booleans())
    shape = (len(models), 1, 2)  # fits both ways
    rates = draw(one_of(0.01, tuple(0.01 * (run + 1) for run in range(len(models)))))
    del options["model"]
    return options | {
        "models": models,
        "compute_loss": lambda model, inputs: model(inputs).square().sum(),
        "batches": lambda step: torch.ones(shape),
        "same_batch": same_batch,
        "learning_rate": rates,
        "record": draw(one_of(None, lambda done: [{"done": done} for _ in models])),
    }


@functools.wraps(training.fit_together)
def fit_together_afresh(**options: Any) -> list[History] | str:
    """`fit_together` from the same start each time."""
    torch.manual_seed(0)
    if isinstance(options["models"], list):
        for model in options["models"]:
            if isinstance(model, nn.Linear):
                model.reset_parameters()
    try:
        return training.fit_together(**options)
    except FloatingPointError:
        return "diverged"


def trained_together(histories: list[History] | str, options: dict[str, Any]) -> None:
    if histories == "diverged":
        return
    assert len(histories) == len(options["models"])
    for history, model in zip(histories, options["models"], strict=True):
        assert len(history) == len(history.gradient_norm) == options["steps"]
        assert np.isfinite(history.loss).all()
        assert not model.training
        assert bool(history.records) == (options["record"] is not None)


@st.composite
def schedule(draw) -> dict[str, Any]:
    steps = draw(st.integers(1, 50))
    return {
        "step": draw(st.integers(0, steps - 1)),
        "peak": draw(one_of(1e-3, 1)),
        "steps": steps,
        "warmup_steps": draw(st.integers(0, steps)),
        "schedule": draw(one_of("cosine", "constant")),
    }


def a_rate(rate: float, options: dict[str, Any]) -> None:
    assert 0 <= rate <= options["peak"]


def seeded(nothing: None, options: dict[str, Any]) -> None:
    drawn = [torch.rand(2).tolist(), np.random.rand(2).tolist()]  # noqa: NPY002
    training.seed_everything(options["seed"])
    assert drawn == [torch.rand(2).tolist(), np.random.rand(2).tolist()]  # noqa: NPY002


def drawn_apart(generator: torch.Generator, options: dict[str, Any]) -> None:
    again = training.generator(**options)
    assert torch.equal(torch.rand(2, generator=generator), torch.rand(2, generator=again))


TRAINING = {
    "fit": Case(
        fit_afresh,
        training_run(),
        trained,
        # steps: a huge number is right, and takes as long as it says; progress: True or not.
        keep=("steps", "progress"),
        also_odd={"model": ([nn.Linear(2, 2)], nn.ReLU()), "betas": ((1.0, 0.9), (0.9, NAN))},
    ),
    "fit_together": Case(
        fit_together_afresh,
        runs_together(),
        trained_together,
        keep=("steps", "progress"),  # as for fit
        also_odd={"models": ([nn.Linear(2, 2), nn.Linear(3, 2)], [nn.ReLU()])},
    ),
    "learning_rate_at": Case(training.learning_rate_at, schedule(), a_rate),
    "seed_everything": Case(
        training.seed_everything, fixed(seed=st.integers(0, 2**32 - 1)), seeded
    ),
    "generator": Case(
        training.generator,
        fixed(seed=st.integers(0, 2**32 - 1), device=one_of("cpu", torch.device("cpu"))),
        drawn_apart,
    ),
}


# Losses


@st.composite
def features(draw, **scalars: tuple[float, ...]) -> dict[str, Any]:
    count, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    pair = torch.randn(2, count, width, generator=generator)
    pair = nn.functional.normalize(pair, dim=-1)
    numbers = {name: draw(st.sampled_from(values)) for name, values in scalars.items()}
    return {"image_features": pair[0], "text_features": pair[1], **numbers}


def a_loss(loss: Tensor, options: dict[str, Any]) -> None:
    assert loss.shape == ()
    assert loss.isfinite()
    assert loss >= 0


WRONG_FEATURES = (torch.zeros(3), torch.zeros(0, 2), torch.zeros(7, 9), torch.zeros(2, 2, 2))
LOSSES = {
    "info_nce": Case(
        losses.info_nce,
        features(logit_scale=(1.0, 14.3, 100.0)),
        a_loss,
        also_odd={"image_features": WRONG_FEATURES, "text_features": WRONG_FEATURES},
    ),
    "sigmoid_loss": Case(
        losses.sigmoid_loss,
        features(logit_scale=(1.0, 10.0), logit_bias=(0.0, -10.0)),
        a_loss,
        also_odd={"image_features": WRONG_FEATURES, "text_features": WRONG_FEATURES},
    ),
    "sigreg": Case(
        losses.sigreg,
        fixed(
            embeddings=one_of(torch.zeros(7, 4), torch.eye(4), torch.ones(1, 4).half()),
            directions=one_of(torch.eye(4), torch.ones(4, 1)),
        ),
        a_loss,
        also_odd={"embeddings": WRONG_FEATURES, "directions": WRONG_FEATURES},
    ),
}


CASES = {
    f"vizkit.{room}.{name}": case
    for room, group in (("training", TRAINING), ("losses", LOSSES))
    for name, case in group.items()
}


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
