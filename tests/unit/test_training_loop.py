"""The training loop: reproducible, interruptible, and clear when it goes wrong."""

import math
import warnings

import pytest
import torch
from open_clip_train.scheduler import const_lr, cosine_lr
from torch import nn

from vizkit.models import VisionTransformer
from vizkit.training import History, fit, generator, learning_rate_at, seed_everything
from vizkit.training.loop import parameter_groups


def tiny_problem():
    """A small model and a loss that draws its own batches."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 1))

    def compute_loss(step):
        inputs = torch.randn(16, 4)
        return (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()

    return model, compute_loss


def test_it_learns():
    model, compute_loss = tiny_problem()
    history = fit(model, compute_loss, steps=200, learning_rate=0.03, warmup_steps=10)
    assert len(history) == len(history.learning_rate) == len(history.gradient_norm) == 200
    assert sum(history.loss[-20:]) < 0.2 * sum(history.loss[:20])
    assert not history.interrupted


def test_same_seed_same_bits():
    runs = []
    for seed in (5, 5, 6):
        model, compute_loss = tiny_problem()
        history = fit(model, compute_loss, steps=20, seed=seed)
        runs.append((history, model.state_dict()))
    (first, weights), (again, same_weights), (other, _) = runs
    assert first == again
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)
    assert first.loss != other.loss


@pytest.mark.parametrize("fused", [True, False])
def test_one_step_is_adamw(fused):
    """Bit for bit the fused form of the optimizer, and the plain one up to rounding."""
    model, _ = tiny_problem()
    twin, _ = tiny_problem()
    inputs = torch.randn(16, 4)
    fit(
        model.eval(),
        lambda step: model.eval()(inputs).square().mean(),
        steps=3,
        learning_rate=0.01,
        weight_decay=0.1,
        betas=(0.8, 0.9),
        schedule="constant",
    )
    weights = [p for p in twin.parameters() if p.ndim == 2]
    biases = [p for p in twin.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}],
        lr=0.01,
        betas=(0.8, 0.9),
        fused=fused,
    )
    for _ in range(3):
        optimizer.zero_grad()
        twin.eval()(inputs).square().mean().backward()
        optimizer.step()
    for ours, expected in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, expected) or not fused
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("schedule", "reference"), [("cosine", cosine_lr), ("constant", const_lr)])
@pytest.mark.parametrize("warmup_steps", [0, 7])
def test_schedule_equals_open_clip(schedule, reference, warmup_steps):
    adjust = reference(torch.optim.SGD([torch.zeros(1)], 1.0), 0.3, warmup_steps, 50)
    history = fit(
        *tiny_problem(), steps=50, learning_rate=0.3, warmup_steps=warmup_steps, schedule=schedule
    )
    assert history.learning_rate == pytest.approx([adjust(step) for step in range(50)], abs=1e-15)


def test_cosine_by_hand():
    rates = [learning_rate_at(step, 2.0, steps=5, warmup_steps=1) for step in range(5)]
    assert rates == pytest.approx([2.0, 2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5)])


def test_the_optimizer_uses_the_scheduled_rate():
    weight = nn.Parameter(torch.zeros(2, 2))
    history = fit([weight], lambda step: weight.sum(), steps=1, learning_rate=0.5, warmup_steps=1)
    assert history.learning_rate == [0.5]
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.5))  # Adam's first step


def test_an_interrupt_keeps_the_history():
    model, compute_loss = tiny_problem()

    def stopped(step):
        if step == 4:
            raise KeyboardInterrupt
        return compute_loss(step)

    history = fit(model, stopped, steps=50)
    assert history.interrupted
    assert len(history) == 4
    assert not model.training


def test_an_interrupt_while_recording_keeps_the_history():
    def record(step):
        raise KeyboardInterrupt

    history = fit(*tiny_problem(), steps=50, record=record, record_every=3)
    assert history.interrupted
    assert len(history) == 3
    assert history.records == []


def test_a_history_of_ones_own_survives_any_error():
    model, compute_loss = tiny_problem()
    history = History()

    def breaks(step):
        return compute_loss(step) if step < 5 else 1 / 0

    with pytest.raises(ZeroDivisionError):
        fit(model, breaks, steps=50, history=history)
    assert len(history) == 5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_and_names_the_step(value):
    model, compute_loss = tiny_problem()
    before = {}

    def diverges(step):
        if step < 6:
            return compute_loss(step)
        before.update({name: p.clone() for name, p in model.state_dict().items()})
        return compute_loss(step) * value

    with pytest.raises(FloatingPointError, match=r"at step 6 \(learning rate"):
        fit(model, diverges, steps=50)
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


@pytest.mark.parametrize("result", [1.0, torch.zeros(2), None])
def test_a_loss_must_be_a_scalar_tensor(result):
    model, _ = tiny_problem()
    with pytest.raises(TypeError, match="scalar tensor, received"):
        fit(model, lambda step: result, steps=1)


def test_records_are_made_in_eval_mode_without_gradients():
    model, compute_loss = tiny_problem()
    seen = []

    def record(step):
        seen.append((step, model.training, torch.is_grad_enabled()))
        return {"accuracy": 0.5}

    modes = []

    def watched(step):
        modes.append(model.training)
        return compute_loss(step)

    history = fit(model, watched, steps=7, record=record, record_every=3)
    assert seen == [(3, False, False), (6, False, False), (7, False, False)]
    assert history.records == [{"step": s, "accuracy": 0.5} for s in (3, 6, 7)]
    assert modes == [True] * 7
    assert not model.training


def test_clipping_shortens_long_gradients_only():
    weight = nn.Parameter(torch.zeros(1, 4))
    lengths = []

    def compute_loss(step):
        if step:
            lengths.append(weight.grad.norm().item())
        return (weight * (10.0 if step < 2 else 0.1)).sum()

    history = fit([weight], compute_loss, steps=4, clip_norm=1.0)
    assert lengths == pytest.approx([1.0, 1.0, 0.2], rel=1e-4)
    assert history.gradient_norm == pytest.approx([20.0, 20.0, 0.2, 0.2])


@pytest.mark.parametrize("pooling", ["cls", "map"])
def test_only_weight_matrices_decay(pooling):
    model = nn.ModuleDict(
        {"vit": VisionTransformer(embed_dim=24, depth=1, pooling=pooling, num_classes=3)}
    )
    model.logit_scale = nn.Parameter(torch.zeros(1, 1))
    model["vit"].norm.weight.requires_grad_(False)
    decayed, kept = parameter_groups(model, 0.2)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.2, 0.0)
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    names = [{name_of[id(p)] for p in group["params"]} for group in (decayed, kept)]
    assert all(name.endswith(".weight") and "norm" not in name for name in names[0])
    readout = "vit.class_token" if pooling == "cls" else "vit.pooling.latent"
    assert {"logit_scale", "vit.position.table", readout, "vit.head.bias"} <= names[1]
    assert "vit.head.weight" in names[0]
    assert names[0] | names[1] == set(name_of.values()) - {"vit.norm.weight"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps 0"),
        ({"steps": 5, "warmup_steps": 6}, "warmup_steps 6"),
        ({"steps": 5, "learning_rate": -1.0}, "learning_rate"),
        ({"steps": 5, "learning_rate": math.nan}, "learning_rate"),
        ({"steps": 5, "schedule": "linear"}, "linear"),
        ({"steps": 5, "record_every": 0}, "record_every"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=f"expected .*{message}"):
        fit(*tiny_problem(), **options)


def test_what_is_trained_must_be_there():
    with pytest.raises(ValueError, match="received none"):
        fit(nn.ReLU(), lambda step: torch.zeros(()), steps=1)
    with pytest.raises(TypeError, match="ModuleList"):
        fit([nn.Linear(2, 2)], lambda step: torch.zeros(()), steps=1)


def test_progress_can_be_turned_off(monkeypatch, capfd):
    monkeypatch.delenv("VIZKIT_PROGRESS", raising=False)
    fit(*tiny_problem(), steps=3)
    assert "0/3" in capfd.readouterr().err
    fit(*tiny_problem(), steps=3, progress=False)
    monkeypatch.setenv("VIZKIT_PROGRESS", "0")
    fit(*tiny_problem(), steps=3)
    assert capfd.readouterr() == ("", "")


def test_a_rehearsal_computes_few_steps_and_says_so(monkeypatch):
    seen = []
    model, compute_loss = tiny_problem()

    def watched(step):
        seen.append(step)
        return compute_loss(step)

    monkeypatch.setenv("VIZKIT_REHEARSAL", "2")
    with pytest.warns(UserWarning, match="a rehearsal of 2 steps, the network stays untrained"):
        history = fit(model, watched, steps=6, record=lambda done: {"x": done}, record_every=3)
    assert seen == [0, 1]
    assert len(history.loss) == len(history.learning_rate) == len(history.gradient_norm) == 6
    assert history.loss[1:] == [history.loss[1]] * 5
    assert [row["step"] for row in history.records] == [3, 6]
    monkeypatch.setenv("VIZKIT_REHEARSAL", "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, watched, steps=3)
    assert seen == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("wrong", ["0", "-1", "yes", "1.5"])
def test_a_rehearsal_of_no_steps_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("VIZKIT_REHEARSAL", wrong)
    model, compute_loss = tiny_problem()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ValueError, match=f"VIZKIT_REHEARSAL.*received '{wrong}'"):
        fit(model, compute_loss, steps=3)
    assert all(map(torch.equal, before, model.parameters()))


def test_seeds():
    import random

    import numpy as np

    draws = []
    for _ in range(2):
        seed_everything(3)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert draws[0] == draws[1]
    own = torch.rand(4, generator=generator(7))
    assert torch.equal(own, torch.rand(4, generator=generator(7)))
    assert not torch.equal(own, torch.rand(4, generator=generator(8)))
