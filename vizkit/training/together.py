"""Many runs side by side: the parameters of R models in one tensor, sent through the code at once.

A small network leaves a processor waiting: its matrices are so small that most of the time goes
into calling the operations. R runs of one architecture share those calls. `torch.func.vmap` turns
the loss of one run into the losses of all, and each run still has its own weights, batches,
learning rate and history, as if it had been trained alone by `fit`.

On one thread that makes locked-image runs two to five times as fast, and tiny networks on 16 x 16
pixels up to half again; at 32 x 32 pixels the arithmetic itself takes the time, and nothing is won.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from vizkit.progress import progress_bar
from vizkit.training.loop import (
    History,
    adamw,
    check_schedule,
    check_settings,
    check_whole,
    decays,
    learning_rate_at,
    progress_wanted,
    seed_everything,
    set_training,
    steps_to_compute,
)


def fit_together(
    models: Sequence[nn.Module],
    compute_loss: Callable[..., Tensor],
    batches: Callable[[int], Tensor | tuple[Tensor, ...]],
    *,
    steps: int,
    learning_rate: float | Sequence[float] = 1e-3,
    weight_decay: float | Sequence[float] = 0.05,
    betas: tuple[float, float] = (0.9, 0.98),
    warmup_steps: int = 0,
    schedule: str = "cosine",
    clip_norm: float | None = None,
    seed: int | None = 0,
    same_batch: bool = False,
    record: Callable[[int], Sequence[dict[str, float]]] | None = None,
    record_every: int = 100,
    progress: bool = True,
) -> list[History]:
    """Train R `models` of one architecture at once, each as `fit` would alone; R histories.

    models: R modules that differ in their weights only (what else they hold is read from the first);
    compute_loss: `compute_loss(model, *batch)` returns the scalar loss of one run;
    batches: `batches(step)` returns the tensors of a step, (R, ...) each, run r's at [r];
    same_batch: True if all runs take the same batch, whose tensors have no R then;
    learning_rate, weight_decay: one number, or one for each run;
    record: called with the number of finished steps as in `fit`; returns R dicts, one for each run.
    All other options are those of `fit`.

    The weights and running averages of a BatchNorm belong to each run; a parameter that no run
    trains is shared if it is equal in all. Dropout draws apart for each run, and other numbers than
    `fit` would. An interrupt ends all runs and keeps what they have.

    Raises ValueError for models of different kinds or options that make no sense, TypeError for
    wrong types, FloatingPointError, naming step and run, if a loss is not finite, and RuntimeError
    for code that cannot run for all models at once, such as `.item()` in a forward pass.
    Source: torch.func, "Model ensembling".
    """
    models = check_models(models)
    rates = one_for_each("learning_rate", learning_rate, len(models))
    pulls = one_for_each("weight_decay", weight_decay, len(models))
    for rate, pull in zip(rates, pulls, strict=True):
        check_schedule(steps, rate, warmup_steps, schedule)
        check_settings(compute_loss, pull, betas, clip_norm, record, None)
    if not callable(batches) or isinstance(batches, type):
        raise TypeError(f"expected batches to be a function, received {batches!r}")
    if not isinstance(same_batch, bool):
        raise TypeError(f"expected same_batch to be True or False, received {same_batch!r}")
    check_whole(record_every=record_every)
    computed = steps_to_compute(steps)
    if seed is not None:
        seed_everything(seed)
    stack = StackedRuns(models)
    optimizer = adamw(stack.groups(rates, pulls), rates[0], betas)
    losses_of = stack.losses(compute_loss, same_batch)
    histories = [History() for _ in models]
    bar = progress_bar(range(steps), disable=not (progress and progress_wanted()))
    try:
        set_training(stack.modules, True)
        for step in bar:
            factor = learning_rate_at(
                step, 1.0, steps=steps, warmup_steps=warmup_steps, schedule=schedule
            )
            if step < computed:
                losses = losses_of(batches(step))  # (R,)
                check_finite(losses, step, [rate * factor for rate in rates])
                norms = stack.differentiate(losses, clip_norm)  # (R,)
                for group in optimizer.param_groups:
                    group["lr"] = group["rate"] * factor
                optimizer.step()
                values = list(zip(losses.tolist(), norms.tolist(), rates, strict=True))
            append_step(histories, values, factor)
            bar.set_postfix(loss=f"{losses.mean():.3f}", refresh=False)
            if record is not None and ((step + 1) % record_every == 0 or step + 1 == steps):
                set_training(stack.modules, False)
                with torch.no_grad():
                    join_records(histories, step + 1, record(step + 1))
                set_training(stack.modules, True)
    except KeyboardInterrupt:
        done = mark_interrupted(histories)
        print(f"Stopped by hand after {done} of {steps} steps; the histories so far are kept.")
    finally:
        bar.close()
        stack.release()
        set_training(stack.modules, False)
    return histories


class StackedRuns:
    """The weights of R models as two tensors (R, P): those that decay, and those that do not.

    While it lives, the parameters of the models are views of its rows: what trains the rows trains
    the models, and nothing has to be copied to look at one of them.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models, self.modules = models, nn.ModuleList(models)
        trained = trained_names(models)
        parameters = [dict(model.named_parameters()) for model in models]
        first = parameters[0]
        names = [n for n in first if any(trained[n]) and decays(n, first[n])]
        others = [n for n in first if any(trained[n]) and not decays(n, first[n])]
        self.parts = [Rows(part, parameters) for part in (names, others) if part]
        if not self.parts:
            raise ValueError(
                "expected parameters to train, received none that require a gradient "
                f"in {type(models[0]).__name__}"
            )
        # A scale or bias may be trained in some runs only: the gradient of the others is cut.
        self.masks = [
            torch.stack(
                [
                    torch.cat(
                        [torch.full((first[n].numel(),), float(trained[n][r])) for n in p.names]
                    )
                    for r in range(len(models))
                ]
            ).to(p.flat)
            if not all(all(trained[n]) for n in p.names)
            else None
            for p in self.parts
        ]  # (R, P) each
        fixed = [n for n in first if not any(trained[n])]
        self.shared = {n: first[n].detach() for n in fixed if all_equal([p[n] for p in parameters])}
        self.held = {
            n: torch.stack([p[n].detach() for p in parameters])
            for n in fixed
            if n not in self.shared
        }
        self.link_buffers()

    def link_buffers(self) -> None:
        """Stack the buffers that training changes; one that is equal everywhere is shared."""
        changing = {
            f"{name}.{key}" if name else key
            for name, module in self.models[0].named_modules()
            if isinstance(module, _BatchNorm)
            for key, _ in module.named_buffers(recurse=False)
        }
        buffers = [dict(model.named_buffers()) for model in self.models]
        for name, buffer in buffers[0].items():
            every = [one[name] for one in buffers]
            if name not in changing and all_equal(every):
                self.shared[name] = buffer
                continue
            self.held[name] = torch.stack(every)
            for own, row in zip(every, self.held[name], strict=True):
                own.data = row

    def groups(self, rates: Sequence[float], pulls: Sequence[float]) -> list[dict[str, Any]]:
        """Parameter groups for AdamW: runs with one learning rate and weight decay are one group."""
        groups: dict[tuple[float, float], dict[str, Any]] = {}
        for part in self.parts:
            for row, rate, pull in zip(part.rows, rates, pulls, strict=True):
                pull = pull if part.decays else 0.0
                start = {"params": [], "rate": rate, "weight_decay": pull}
                groups.setdefault((rate, pull), start)["params"].append(row)
        return list(groups.values())

    def losses(
        self, compute_loss: Callable[..., Tensor], same_batch: bool
    ) -> Callable[[Tensor | tuple[Tensor, ...]], Tensor]:
        """A function from a batch to the losses of all runs, (R,)."""
        module = LossOf(self.models[0], compute_loss)

        def one(
            parameters: dict[str, Tensor], shared: dict[str, Tensor], batch: tuple[Tensor, ...]
        ) -> Tensor:
            named = {f"model.{name}": value for name, value in (parameters | shared).items()}
            return functional_call(module, named, batch)

        every = vmap(one, in_dims=(0, None, None if same_batch else 0), randomness="different")

        def losses_of(batch: Tensor | tuple[Tensor, ...]) -> Tensor:
            batch = check_batch(batch, None if same_batch else len(self.models))
            stacked = dict(self.held)
            for part in self.parts:
                stacked |= part.named(part.flat)
            try:
                # The fused attention of the CPU knows no vmap: it would run one model at a time.
                with sdpa_kernel(SDPBackend.MATH):
                    return every(stacked, self.shared, batch)  # (R,)
            except RuntimeError as error:
                if "vmap" not in str(error):
                    raise
                raise RuntimeError(
                    "expected compute_loss and the models to run for all models at once; "
                    f"train these one by one with fit ({str(error).splitlines()[0]})"
                ) from error

        return losses_of

    def differentiate(self, losses: Tensor, clip_norm: float | None) -> Tensor:
        """Give every row its gradient, cut to `clip_norm`; returns the lengths before, (R,)."""
        flats = [part.flat for part in self.parts]
        # No run's loss depends on the weights of another: the sum has the gradient of each.
        found = torch.autograd.grad(losses.sum(), flats, allow_unused=True)  # (R, P) each
        gradients = [
            torch.zeros_like(f) if g is None else g for f, g in zip(flats, found, strict=True)
        ]
        for gradient, mask in zip(gradients, self.masks, strict=True):
            if mask is not None:
                gradient *= mask
        squares = [gradient.square().sum(dim=1) for gradient in gradients]  # (R,) each
        norms = sum(squares[1:], start=squares[0]).sqrt()  # (R,)
        for part, gradient in zip(self.parts, gradients, strict=True):
            if clip_norm is not None:
                gradient *= (float(clip_norm) / (norms + 1e-6)).clamp(max=1.0)[:, None]
            for row, own in zip(part.rows, gradient, strict=True):
                row.grad = own
        return norms

    def release(self) -> None:
        """Give every model parameters and buffers of its own again."""
        for model in self.models:
            for tensor in (*model.parameters(), *model.buffers()):
                if tensor._base is not None or tensor.untyped_storage().nbytes() > tensor.nbytes:
                    tensor.data = tensor.detach().clone()


class Rows:
    """Parameters of one kind, flattened: `flat` (R, P), and `rows`, R views for the optimizer."""

    def __init__(self, names: list[str], parameters: Sequence[dict[str, nn.Parameter]]) -> None:
        self.names = names
        first = parameters[0]
        self.decays = decays(names[0], first[names[0]])
        self.shapes = [first[name].shape for name in names]
        self.sizes = [first[name].numel() for name in names]
        flats = [torch.cat([own[n].detach().reshape(-1) for n in names]) for own in parameters]
        self.flat = torch.stack(flats).requires_grad_()  # (R, P)
        self.rows = [nn.Parameter(row) for row in self.flat.detach()]  # (P,) each
        for own, views in zip(parameters, self.rows, strict=True):
            for name, part, shape in zip(
                names, views.detach().split(self.sizes), self.shapes, strict=True
            ):
                own[name].data = part.view(shape)

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """The parameters by name, (R, ...) each, as views of `flat` (R, P)."""
        parts = flat.split(self.sizes, dim=1)
        return {
            name: part.view(len(flat), *shape)
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }


class LossOf(nn.Module):
    """A loss as a module, so that `functional_call` can exchange what its model holds."""

    def __init__(self, model: nn.Module, compute_loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.compute_loss = model, compute_loss

    def forward(self, *batch: Tensor) -> Tensor:
        loss = self.compute_loss(self.model, *batch)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise TypeError(f"expected compute_loss to return a scalar tensor, received {loss!r}")
        return loss.reshape(())


# ── What is given ─────────────────────────────────────────────────────────────────────────────────


def check_models(models: Sequence[nn.Module]) -> list[nn.Module]:
    """The models as a list. Raises unless they are modules of one architecture on one device."""
    several = isinstance(models, Sequence | nn.ModuleList) and not isinstance(models, str)
    if not several or not all(isinstance(model, nn.Module) for model in models):
        raise TypeError(f"expected a list of modules, received {models!r}")
    if not len(models):
        raise ValueError("expected at least one model, received none")
    forms = [form_of(model) for model in models]
    for run, form in enumerate(forms):
        different = [
            name for name in form.keys() | forms[0] if form.get(name) != forms[0].get(name)
        ]
        if different:
            name = min(different)
            raise ValueError(
                "expected models of one architecture, on one device, received "
                f"{name} {forms[0].get(name)} in model 0 and {form.get(name)} in model {run}"
            )
    own = [id(p) for model in models for p in model.parameters() if p.requires_grad]
    if len(own) != len(set(own)):
        raise ValueError(
            "expected models with weights of their own, received weights shared by two"
        )
    return list(models)


def form_of(model: nn.Module) -> dict[str, tuple[object, ...]]:
    """What has to be equal in all models: names, shapes, formats, devices, kinds of modules."""
    tensors = (*model.named_parameters(), *model.named_buffers())
    form: dict[str, tuple[object, ...]] = {
        n: (tuple(t.shape), str(t.dtype), str(t.device)) for n, t in tensors
    }
    return form | {
        f"module {name!r}": (type(module).__name__,) for name, module in model.named_modules()
    }


def trained_names(models: Sequence[nn.Module]) -> dict[str, list[bool]]:
    """For every parameter by name, in which of the runs it is trained.

    Raises ValueError for a weight matrix that only some runs train: its decay could not be held.
    """
    each = [dict(model.named_parameters()) for model in models]
    trained = {name: [own[name].requires_grad for own in each] for name in each[0]}
    for name, runs in trained.items():
        if any(runs) and not all(runs) and decays(name, each[0][name]):
            raise ValueError(
                f"expected {name} to be trained in all runs or in none, received "
                f"{sum(runs)} of {len(runs)}; train the two kinds apart"
            )
    return trained


def one_for_each(name: str, value: float | Sequence[float], runs: int) -> list[float]:
    """One number for each run, from one number or a sequence of them."""
    if not isinstance(value, list | tuple):
        return [cast(float, value)] * runs  # no sequence: one number
    if len(value) != runs:
        raise ValueError(
            f"expected {name} as one number or {runs}, one for each model, received {len(value)}"
        )
    return list(value)


def check_batch(batch: Tensor | tuple[Tensor, ...], runs: int | None) -> tuple[Tensor, ...]:
    """The tensors of a batch. Raises unless each begins with the number of runs (None: any)."""
    batch = (batch,) if isinstance(batch, Tensor) else batch
    if not isinstance(batch, tuple | list) or not all(isinstance(one, Tensor) for one in batch):
        raise TypeError(
            f"expected batches to return a tensor or a tuple of them, received {batch!r}"
        )
    for tensor in batch:
        if runs is not None and (tensor.ndim == 0 or len(tensor) != runs):
            raise ValueError(
                f"expected batches to return tensors ({runs}, ...), a batch for each run, received "
                f"{tuple(tensor.shape)}; for one batch that all runs take use same_batch=True"
            )
    return tuple(batch)


def check_finite(losses: Tensor, step: int, rates: Sequence[float]) -> None:
    """Raise FloatingPointError, naming step and run, unless the losses of all runs are finite."""
    bad = (~torch.isfinite(losses)).nonzero().flatten().tolist()
    if bad:
        raise FloatingPointError(
            f"the loss of run {bad[0]} is {losses[bad[0]].item()} at step {step} "
            f"(learning rate {rates[bad[0]]:.2g}): try a lower learning_rate, more warmup_steps, "
            "or clip_norm=1.0"
        )


def append_step(
    histories: Sequence[History], values: Sequence[tuple[float, float, float]], factor: float
) -> None:
    """Append one step to each history: values are (loss, gradient norm, peak rate) of each run."""
    for history, (loss, norm, rate) in zip(histories, values, strict=True):
        history.loss.append(loss)
        history.learning_rate.append(rate * factor)
        history.gradient_norm.append(norm)


def mark_interrupted(histories: Sequence[History]) -> int:
    """Cut all histories to the steps that every one of them has; returns their number."""
    done = min(len(history.gradient_norm) for history in histories)
    for history in histories:
        history.interrupted = True
        for entries in (history.loss, history.learning_rate, history.gradient_norm):
            del entries[done:]  # the interrupt may have come between two runs
    return done


def join_records(
    histories: Sequence[History], done: int, found: Sequence[dict[str, float]]
) -> None:
    """Append to each history the dict of its run. Raises unless there is one for each."""
    if not isinstance(found, Sequence) or len(found) != len(histories):
        raise ValueError(f"expected record to return {len(histories)} dicts, received {found!r}")
    for history, row in zip(histories, found, strict=True):
        history.records.append({"step": done, **row})


def all_equal(tensors: Sequence[Tensor]) -> bool:
    return all(torch.equal(tensors[0], other) for other in tensors[1:])
