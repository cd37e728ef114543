"""The training loop of the course: AdamW, warm-up, cosine, a history that outlives an interrupt."""

import math
import os
import random
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from vizkit.progress import progress_bar

SCHEDULES = ("cosine", "constant")
FUSED_DEVICES = ("cpu", "cuda", "mps")  # where torch has an AdamW in one kernel

# Parameters that say where or how strongly, not what: pulling them to zero does harm.
NO_WEIGHT_DECAY = frozenset({"position", "class_token", "latent", "logit_scale", "logit_bias"})


@dataclass
class History:
    """What happened in training: one entry per finished step, one dict per call of `record`.

    `interrupted` is True if training was stopped by hand before the last step.
    """

    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    records: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.loss)


def fit(
    model: nn.Module | Iterable[nn.Parameter],
    compute_loss: Callable[[int], Tensor],
    *,
    steps: int,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.98),
    warmup_steps: int = 0,
    schedule: str = "cosine",
    clip_norm: float | None = None,
    seed: int | None = 0,
    record: Callable[[int], dict[str, float]] | None = None,
    record_every: int = 100,
    progress: bool = True,
    history: History | None = None,
) -> History:
    """Train `model` on the loss that `compute_loss(step)` returns for steps 0 .. `steps` - 1.

    model: a module (several: `nn.ModuleList([...])`), or bare parameters, e.g. a logit scale;
    compute_loss: draws its own batch and returns a scalar tensor;
    learning_rate, warmup_steps, schedule: see `learning_rate_at`;
    weight_decay: AdamW's (Loshchilov and Hutter 2019), on weight matrices only; see `adamw`;
    clip_norm: longest gradient that is let through, None for any;
    seed: given to `seed_everything` before the first step, None to leave the generators alone;
    record: called after every `record_every` steps and after the last one, in eval mode and
        without gradients, with the number of finished steps; its dict joins `History.records`;
    progress: a bar, unless the environment variable VIZKIT_PROGRESS is 0;
    history: a `History` to append to; yours even if an exception ends the training.

    An interrupt (the stop button) ends training, says so, and returns the history so far. The
    module is left in eval mode. Raises FloatingPointError, naming the step, when the loss is not
    finite. For VIZKIT_REHEARSAL see `steps_to_compute`.
    """
    check_schedule(steps, learning_rate, warmup_steps, schedule)
    check_whole(record_every=record_every)
    check_settings(compute_loss, weight_decay, betas, clip_norm, record, history)
    computed = steps_to_compute(steps)
    if seed is not None:
        seed_everything(seed)
    history = History() if history is None else history
    history.interrupted = False  # what stopped an earlier call is over
    groups = parameter_groups(model, weight_decay)
    optimizer = adamw(groups, learning_rate, betas)
    done = 0
    bar = progress_bar(range(steps), disable=not (progress and progress_wanted()))
    try:
        set_training(model, True)
        for step in bar:
            rate = learning_rate_at(
                step, learning_rate, steps=steps, warmup_steps=warmup_steps, schedule=schedule
            )
            if step < computed:
                loss, norm = update(optimizer, compute_loss, step, rate, clip_norm)
            history.loss.append(loss)
            history.learning_rate.append(rate)
            history.gradient_norm.append(norm)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            done = step + 1
            if record is not None and (done % record_every == 0 or done == steps):
                set_training(model, False)
                with torch.no_grad():
                    history.records.append({"step": done, **record(done)})
                set_training(model, True)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        set_training(model, False)
    if history.interrupted:
        print(f"Stopped by hand after {done} of {steps} steps; the history so far is kept.")
    return history


def adamw(
    groups: list[dict[str, Any]], learning_rate: float, betas: tuple[float, float]
) -> torch.optim.AdamW:
    """AdamW in its fused form where the device has one: one call for all weights of a group.

    That saves a small network about a tenth of the time of a step on the CPU. The results differ
    from those of the plain form by rounding; with one number of threads they repeat bit for bit.
    """
    weights = [weight for group in groups for weight in group["params"]]
    fused = all(one.is_floating_point() and one.device.type in FUSED_DEVICES for one in weights)
    betas = (float(betas[0]), float(betas[1]))
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=fused)


class Optimizer(Protocol):
    """An optimizer of torch, or several that step as one."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameters with their learning rates."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        ...

    def step(self) -> None:
        """Move the parameters."""
        ...


def update(
    optimizer: Optimizer,
    compute_loss: Callable[[int], Tensor],
    step: int,
    rate: float,
    clip_norm: float | None,
) -> tuple[float, float]:
    """One step of the optimizer; returns the loss before it and the length of its gradient.

    A parameter group may carry a `lr_scale`, by which its learning rate differs.
    """
    loss = compute_loss(step)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise TypeError(f"expected compute_loss to return a scalar tensor, received {loss!r}")
    if not torch.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss.item()} at step {step} (learning rate {rate:.2g}): "
            "try a lower learning_rate, more warmup_steps, or clip_norm=1.0"
        )
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip_norm is None else clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)
    optimizer.step()
    return loss.item(), norm.item()


def learning_rate_at(
    step: int, peak: float, *, steps: int, warmup_steps: int = 0, schedule: str = "cosine"
) -> float:
    """The learning rate of one step: a linear warm-up to `peak`, then a cosine towards 0.

    During warm-up peak * (step + 1) / warmup_steps; then, with t running from 0 to 1 over the
    other steps, peak * (1 + cos(pi t)) / 2 for "cosine" (Loshchilov and Hutter 2017, eq. 5, one
    cycle), or `peak` for "constant". Raises ValueError on a step that is not among the `steps`.
    """
    check_schedule(steps, peak, warmup_steps, schedule)
    if not is_whole(step) or not 0 <= step < steps:
        raise ValueError(f"expected step from 0 to {steps - 1}, received {step!r}")
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "constant":
        return peak
    progress = (step - warmup_steps) / (steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * progress)) / 2


def parameter_groups(
    model: nn.Module | Iterable[nn.Parameter], weight_decay: float
) -> list[dict[str, Any]]:
    """Two groups for AdamW: weight matrices decay; biases, norms, positions and scales do not."""
    if isinstance(model, nn.Module):
        named = list(model.named_parameters())
    else:
        named = [("", one) for one in model] if isinstance(model, Iterable) else [("", model)]
        wrong = [type(one).__name__ for _, one in named if not isinstance(one, Tensor)]
        if wrong:
            raise TypeError(
                f"expected a module or parameters, received {type(model).__name__} ({wrong[0]}); "
                "for modules use nn.ModuleList([...])"
            )
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        (decayed if decays(name, parameter) else kept).append(parameter)
    if not decayed and not kept:
        raise ValueError(
            "expected parameters to train, received none that require a gradient "
            f"in {type(model).__name__}"
        )
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay pulls at this parameter: at matrices that say what, see above."""
    return parameter.ndim >= 2 and NO_WEIGHT_DECAY.isdisjoint(name.split("."))


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, numpy and torch (all devices) with 0 to 2**32 - 1."""
    check_seed(seed)
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries still draw from numpy's global generator
    torch.manual_seed(seed)


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator of its own, so that drawing from it disturbs nobody else's numbers."""
    check_seed(seed)
    try:
        own = torch.Generator(device)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(f"expected a device or its name, received {device!r}") from None
    return own.manual_seed(int(seed))


def progress_wanted() -> bool:
    """False if VIZKIT_PROGRESS=0: stored notebook outputs must not hold half a progress bar."""
    return os.environ.get("VIZKIT_PROGRESS", "1") != "0"


def steps_to_compute(steps: int) -> int:
    """All `steps`, or as many as VIZKIT_REHEARSAL says: a notebook runs through, untrained.

    In a rehearsal the steps after these repeat the last loss. It shows in a minute whether every
    cell runs and every picture appears; what the cells then say is worth nothing, and a warning
    says that.

    Raises ValueError unless VIZKIT_REHEARSAL is empty or a positive whole number.
    """
    wanted = os.environ.get("VIZKIT_REHEARSAL", "")
    if not wanted:
        return steps
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(
            f"expected VIZKIT_REHEARSAL to be a positive whole number, received {wanted!r}"
        )
    warnings.warn(
        f"VIZKIT_REHEARSAL: a rehearsal of {wanted} steps, the network stays untrained",
        stacklevel=3,
    )
    return min(steps, int(wanted))


def set_training(model: nn.Module | Iterable[nn.Parameter], training: bool) -> None:
    """Switch a module between train and eval mode; bare parameters have none."""
    if isinstance(model, nn.Module):
        model.train(training)


def check_schedule(steps: int, learning_rate: float, warmup_steps: int, schedule: str) -> None:
    """Raise ValueError on a schedule that makes no sense, before any work."""
    whole = is_whole(steps) and is_whole(warmup_steps)
    if not whole or steps < 1 or not 0 <= warmup_steps <= steps:
        raise ValueError(
            "expected steps of at least 1 and warmup_steps from 0 to steps, "
            f"received steps {steps!r} and warmup_steps {warmup_steps!r}"
        )
    if not is_number(learning_rate) or not 0 < learning_rate < math.inf:
        raise ValueError(f"expected a positive learning_rate, received {learning_rate!r}")
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise ValueError(f"expected schedule to be one of {SCHEDULES}, received {schedule!r}")


def check_settings(
    compute_loss: Callable[[int], Tensor],
    weight_decay: float,
    betas: tuple[float, float],
    clip_norm: float | None,
    record: Callable[[int], object] | None,
    history: History | None,
) -> None:
    """Raise ValueError or TypeError on other options of `fit` that make no sense."""
    for name, function in (("compute_loss", compute_loss), ("record", record)):
        wanted = callable(function) and not isinstance(function, type)
        if not wanted and not (name == "record" and function is None):
            raise TypeError(f"expected {name} to be a function, received {function!r}")
    if not is_number(weight_decay) or not 0 <= weight_decay < math.inf:
        raise ValueError(f"expected weight_decay of at least 0, received {weight_decay!r}")
    pair = isinstance(betas, tuple | list) and len(betas) == 2
    if not pair or not all(is_number(beta) and 0 <= beta < 1 for beta in betas):
        raise ValueError(f"expected betas as two numbers from 0 to below 1, received {betas!r}")
    if clip_norm is not None and not (is_number(clip_norm) and clip_norm > 0):
        raise ValueError(f"expected clip_norm to be positive or None, received {clip_norm!r}")
    if history is not None and not isinstance(history, History):
        raise TypeError(f"expected history to be a History, received {history!r}")


def check_seed(seed: int) -> None:
    """Raise ValueError unless every generator takes this seed."""
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ValueError(f"expected a seed from 0 to 2**32 - 1, received {seed!r}")


def check_whole(**numbers: int) -> None:
    """Raise ValueError unless every named number is whole and at least 1."""
    for name, value in numbers.items():
        if not is_whole(value) or value < 1:
            raise ValueError(f"expected {name} of at least 1, received {value!r}")


def is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
