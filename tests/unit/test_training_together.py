"""Runs side by side: each is what it would have been alone, and what cannot be is said clearly."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.unit.test_locked_training import pairs_that_say_it_all
from vizkit.models import ConvNet, ConvNeXt, SwinTransformer, VisionTransformer
from vizkit.training import fit, fit_together, generator, seed_everything
from vizkit.training.locked import train_locked, train_locked_together
from vizkit.training.together import StackedRuns

RUNS = 3


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def images_and_labels(runs: int = RUNS, steps: int = 6, size: int = 16):
    own = generator(5)
    images = torch.randn(steps, runs, 4, 3, size, size, generator=own)
    return images, torch.randint(3, (steps, runs, 4), generator=own)


def cross_entropy(model, images, labels):
    return F.cross_entropy(model(images), labels)


def perceptrons(runs: int = RUNS) -> list[nn.Module]:
    models = []
    for seed in range(runs):
        seed_everything(seed)
        models.append(
            nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 8), nn.GELU(), nn.Linear(8, 3))
        )
    return models


NETWORKS = {
    "perceptron": lambda: perceptrons(1)[0],
    "cnn with batch norm": lambda: ConvNet(width=4, depth=(1, 1), strides=(1, 2), num_classes=3),
    "cnn with group norm": lambda: ConvNet(
        width=8, depth=(1,), strides=(1,), norm="group", num_classes=3
    ),
    "vit": lambda: VisionTransformer(
        image_size=16, patch_size=8, embed_dim=8, depth=1, num_heads=2, num_classes=3
    ),
    "vit with rope": lambda: VisionTransformer(
        image_size=16,
        patch_size=8,
        embed_dim=8,
        depth=1,
        num_heads=2,
        num_classes=3,
        position="rope_axial",
    ),
    "convnext": lambda: ConvNeXt(depths=(1, 1), widths=(4, 8), num_classes=3),
    "swin": lambda: SwinTransformer(
        image_size=16, width=8, depths=(2,), num_heads=(2,), window_size=2, num_classes=3
    ),
}
# Where a gradient is rounding error only (the bias of a key), Adam makes a full step of it: in
# double precision its epsilon keeps such steps small, and runs can be compared digit by digit.
OPTIONS = {"steps": 6, "warmup_steps": 2, "weight_decay": 0.3, "clip_norm": 1.0}


def made(network: str) -> list[nn.Module]:
    models = []
    for seed in range(RUNS):
        seed_everything(seed)
        models.append(NETWORKS[network]().double())
    return models


@pytest.mark.parametrize("network", NETWORKS)
def test_each_run_is_what_fit_makes_of_it_alone(network):
    models, twins, starts = made(network), made(network), made(network)
    images, labels = images_and_labels()
    images = images.double()
    rates = [3e-3, 1e-2, 3e-3]
    batches = lambda step: (images[step], labels[step])  # noqa: E731
    histories = fit_together(models, cross_entropy, batches, learning_rate=rates, **OPTIONS)
    for run, (model, twin, start) in enumerate(zip(models, twins, starts, strict=True)):
        history = alone(twin, images[:, run], labels[:, run], learning_rate=rates[run], **OPTIONS)
        assert histories[run].loss == pytest.approx(history.loss, rel=1e-9)
        assert histories[run].gradient_norm == pytest.approx(history.gradient_norm, rel=1e-8)
        assert histories[run].learning_rate == pytest.approx(history.learning_rate)
        assert not model.training
        expected, moved = twin.state_dict(), 0
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value, expected[name], rtol=1e-6, atol=1e-7)
            moved += not torch.equal(value, start.state_dict()[name])
        assert moved > 0.7 * len(expected)


def test_single_precision_agrees_where_gradients_are_no_rounding_error():
    models, twins = perceptrons(), perceptrons()
    images, labels = images_and_labels()
    fit_together(models, cross_entropy, lambda step: (images[step], labels[step]), steps=6)
    for run, (model, twin) in enumerate(zip(models, twins, strict=True)):
        alone(twin, images[:, run], labels[:, run], steps=6)
        for ours, expected in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_the_gradients_are_those_of_each_run():
    models = perceptrons()
    images, labels = images_and_labels()
    stack = StackedRuns(models)
    losses = stack.losses(cross_entropy, same_batch=False)((images[0], labels[0]))
    norms = stack.differentiate(losses, None)
    for run, twin in enumerate(perceptrons()):
        cross_entropy(twin, images[0, run], labels[0, run]).backward()
        own = dict(twin.named_parameters())
        for part in stack.parts:
            expected = torch.cat([own[name].grad.flatten() for name in part.names])
            torch.testing.assert_close(part.rows[run].grad, expected)
        square = sum(p.grad.square().sum() for p in twin.parameters())
        torch.testing.assert_close(norms[run], square.sqrt())


def test_weights_decay_as_in_fit_and_by_run():
    """With gradients of zero only the decay moves anything: matrices, by each run's own rate."""
    models = perceptrons()
    starts = copy.deepcopy(models)
    fit_together(
        models,
        lambda model, images: 0.0 * model(images).sum(),
        lambda step: torch.zeros(2, 3, 16, 16),
        steps=1,
        same_batch=True,
        learning_rate=0.1,
        weight_decay=[0.0, 0.5, 1.0],
        schedule="constant",
    )
    for factor, model, start in zip((1.0, 0.95, 0.9), models, starts, strict=True):
        for ours, before in zip(model.parameters(), start.parameters(), strict=True):
            kept = 1.0 if before.ndim == 1 else factor
            torch.testing.assert_close(ours, kept * before)


def test_one_batch_for_all_and_bare_tensors():
    models, twins = perceptrons(), perceptrons()
    images, labels = images_and_labels(runs=1)
    loss = lambda model, images: cross_entropy(model, images, labels[0, 0])  # noqa: E731
    fit_together(models, loss, lambda step: images[step, 0], steps=3, same_batch=True)
    for model, twin in zip(models, twins, strict=True):
        fit(twin, lambda step, twin=twin: loss(twin, images[step, 0]), steps=3)
        for ours, expected in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_frozen_weights_stay_and_need_not_be_equal():
    models, twins = perceptrons(), perceptrons()
    for every in (models, twins):
        for run, model in enumerate(every):
            model[1].weight.requires_grad_(False)  # differs, trained in no run
            model[3].bias.requires_grad_(run != 1)  # trained in some runs only
    images, labels = images_and_labels()
    fit_together(models, cross_entropy, lambda step: (images[step], labels[step]), steps=4)
    for run, (model, twin) in enumerate(zip(models, twins, strict=True)):
        start = copy.deepcopy(twin.state_dict())
        alone(twin, images[:, run], labels[:, run], steps=4)
        for ours, expected in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(model[1].weight, start["1.weight"])
        assert torch.equal(model[3].bias, start["3.bias"]) == (run == 1)


def test_afterwards_every_model_stands_alone():
    models = made("cnn with batch norm")
    images, labels = images_and_labels()
    images = images.double()
    identities = [id(p) for p in models[0].parameters()]
    fit_together(models, cross_entropy, lambda step: (images[step], labels[step]), steps=2)
    assert [id(p) for p in models[0].parameters()] == identities
    for tensor in models[1].state_dict().values():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
    before = copy.deepcopy(models[1].state_dict())
    for parameter in models[0].parameters():
        parameter.data.zero_()
    assert all(torch.equal(before[n], value) for n, value in models[1].state_dict().items())


def test_records_see_the_models_on_the_way_in_eval_mode():
    models, seen = perceptrons(), []
    images, labels = images_and_labels()

    def record(done):
        seen.append([model[1].weight.detach().sum().item() for model in models])
        assert not any(model.training for model in models)
        assert not torch.is_grad_enabled()
        return [{"sum": value} for value in seen[-1]]

    histories = fit_together(
        models,
        cross_entropy,
        lambda step: (images[step], labels[step]),
        steps=5,
        record=record,
        record_every=2,
    )
    assert [[row["step"] for row in history.records] for history in histories] == [[2, 4, 5]] * RUNS
    assert [row["sum"] for row in histories[1].records] == [values[1] for values in seen]
    assert seen[0] != seen[1]
    assert seen[2] == [model[1].weight.detach().sum().item() for model in models]


def test_an_interrupt_keeps_what_it_has(capsys):
    models, twins = perceptrons(), perceptrons()
    images, labels = images_and_labels()

    def batches(step):
        if step == 4:
            raise KeyboardInterrupt
        return images[step], labels[step]

    histories = fit_together(models, cross_entropy, batches, steps=6)
    assert "Stopped by hand after 4 of 6 steps" in capsys.readouterr().out
    assert all(history.interrupted and len(history) == 4 for history in histories)
    assert not any(model.training for model in models)

    def loss(step):
        if step == 4:
            raise KeyboardInterrupt
        return cross_entropy(twins[2], images[step, 2], labels[step, 2])

    fit(twins[2], loss, steps=6)
    for ours, expected in zip(models[2].parameters(), twins[2].parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_a_rehearsal_computes_few_steps_and_says_so(monkeypatch):
    images, labels = images_and_labels()
    seen = []

    def batches(step):
        seen.append(step)
        return images[step], labels[step]

    monkeypatch.setenv("VIZKIT_REHEARSAL", "2")
    with pytest.warns(UserWarning, match="a rehearsal of 2 steps"):
        histories = fit_together(perceptrons(), cross_entropy, batches, steps=6)
    assert seen == [0, 1]
    assert [len(history) for history in histories] == [6] * RUNS
    assert histories[0].loss[1:] == [histories[0].loss[1]] * 5


def test_the_bar_can_be_turned_off(monkeypatch, capfd):
    images, labels = images_and_labels()
    batches = lambda step: (images[step], labels[step])  # noqa: E731
    monkeypatch.delenv("VIZKIT_PROGRESS", raising=False)
    fit_together(perceptrons(), cross_entropy, batches, steps=3)
    assert "0/3" in capfd.readouterr().err
    fit_together(perceptrons(), cross_entropy, batches, steps=3, progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_loss_that_is_not_finite_names_step_and_run():
    images, labels = images_and_labels()
    images[2, 1] = math.inf
    models = perceptrons()
    with pytest.raises(FloatingPointError, match=r"the loss of run 1 is nan at step 2 \(learning"):
        fit_together(models, cross_entropy, lambda step: (images[step], labels[step]), steps=6)
    assert all(model[1].weight.isfinite().all() for model in models)


def wider() -> list[nn.Module]:
    return [
        *perceptrons(1),
        nn.Sequential(nn.Flatten(), nn.Linear(768, 9), nn.GELU(), nn.Linear(9, 3)),
    ]


def half_frozen() -> list[nn.Module]:
    models = perceptrons(2)
    models[0][1].weight.requires_grad_(False)
    return models


@pytest.mark.parametrize(
    ("models", "options", "error", "message"),
    [
        (wider, {}, ValueError, r"one architecture.*1\.bias.*model 1"),
        (half_frozen, {}, ValueError, r"1\.weight to be trained in all runs or in none"),
        (lambda: perceptrons(1) * 2, {}, ValueError, "weights of their own"),
        (list, {}, ValueError, "at least one model"),
        (lambda: nn.Linear(2, 2), {}, TypeError, "a list of modules"),
        (lambda: [nn.ReLU()], {}, ValueError, "received none that require"),
        (perceptrons, {"learning_rate": [1e-3, 1e-3]}, ValueError, "3, one for each.*received 2"),
        (perceptrons, {"learning_rate": [1e-3, 1e-3, -1.0]}, ValueError, "positive learning_rate"),
        (perceptrons, {"weight_decay": -1.0}, ValueError, "weight_decay"),
        (perceptrons, {"steps": 0}, ValueError, "steps"),
        (perceptrons, {"batches": 3}, TypeError, "batches to be a function"),
        (perceptrons, {"batches": lambda step: 3}, TypeError, "a tensor or a tuple"),
        (perceptrons, {"batches": lambda step: torch.zeros(2, 4)}, ValueError, "same_batch=True"),
        (perceptrons, {"compute_loss": lambda model, *batch: 3.0}, TypeError, "scalar tensor"),
        (perceptrons, {"record": lambda done: []}, ValueError, "record to return 3 dicts"),
        (
            perceptrons,
            {"compute_loss": lambda model, *batch: torch.tensor(model(batch[0]).sum().item())},
            RuntimeError,
            "one by one with fit",
        ),
    ],
)
def test_what_cannot_be_is_refused(models, options, error, message):
    images, labels = images_and_labels()
    given = {
        "compute_loss": cross_entropy,
        "batches": lambda step: (images[step], labels[step]),
        "steps": 2,
    }
    with pytest.raises(error, match=message):
        fit_together(models(), **(given | options))


# Locked-image runs


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_locked_runs_are_those_of_train_locked(loss):
    pairs = pairs_that_say_it_all(96)
    runs = [
        {"seed": 0},
        {"seed": 1, "learning_rate": 1e-2, "temperature": 0.3},
        {"seed": 1, "learn_temperature": False},
    ]
    if loss == "sigmoid":
        runs += [{"bias": -3.0}, {"bias": 0.0, "learn_bias": False}]
    options = {"loss": loss, "batch_size": 16, "samples": 16 * 24, "joint_dim": 8, "hidden": 16}
    record = lambda model: {"scale": model.scale().item()}  # noqa: E731
    models, histories = train_locked_together(
        pairs, runs, record=record, record_every=10, **options
    )
    for run, model, history in zip(runs, models, histories, strict=True):
        twin, expected = train_locked(pairs, record=record, record_every=10, **options, **run)
        assert history.loss == pytest.approx(expected.loss, rel=1e-3)
        assert history.learning_rate == pytest.approx(expected.learning_rate)
        assert [r["step"] for r in history.records] == [10, 20, 24]
        assert [r["scale"] for r in history.records] == pytest.approx(
            [r["scale"] for r in expected.records], rel=1e-3
        )
        for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=2e-3)
        assert model.logit_scale.requires_grad == run.get("learn_temperature", True)
    assert models[0].logit_bias is None or models[-1].logit_bias.item() == 0.0


def test_what_prepares_a_model_is_called_before_its_first_step():
    def louder(model):
        with torch.no_grad():
            model.text_tower[-1].bias += 1.0

    pairs, runs = (
        pairs_that_say_it_all(64),
        [{"seed": seed, "learning_rate": 1e-7} for seed in (0, 1)],
    )
    options = {"batch_size": 16, "samples": 32, "joint_dim": 8, "hidden": 16}
    plain, unprepared = train_locked_together(pairs, runs, **options)
    changed, histories = train_locked_together(pairs, runs, prepare=louder, **options)
    for before, after in zip(plain, changed, strict=True):
        added = after.text_tower[-1].bias - before.text_tower[-1].bias
        torch.testing.assert_close(added, torch.ones_like(added), atol=1e-4, rtol=0)
    assert histories[0].loss[0] != pytest.approx(unprepared[0].loss[0], rel=1e-4)


@pytest.mark.parametrize(
    ("runs", "error", "message"),
    [
        ([], ValueError, "at least one run"),
        ({"seed": 0}, TypeError, "a list of dicts"),
        ([{"rate": 1e-3}], ValueError, "some of .*received 'rate'"),
        ([{"seed": -1}], ValueError, "expected a seed"),
        ([{"temperature": 0.0}], ValueError, "positive temperature"),
        ([{"learning_rate": 0.0}], ValueError, "positive learning_rate"),
    ],
)
def test_odd_runs_are_refused(runs, error, message):
    with pytest.raises(error, match=message):
        train_locked_together(pairs_that_say_it_all(64), runs, batch_size=32, samples=64)


def alone(model, images, labels, **options):
    """The same run by `fit`: images (steps, B, ...), labels (steps, B)."""
    return fit(model, lambda step: cross_entropy(model, images[step], labels[step]), **options)
