"""Training that can be stopped and goes on where it stopped, bit for bit."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from vizkit.files import write_whole
from vizkit.progress import progress_bar
from vizkit.training.loop import learning_rate_at, progress_wanted, update


def train_resumably(
    recipe: Any,
    model: nn.Module,
    optimizer: Any,
    compute_loss: Callable[[int], Tensor],
    checkpoint: Path,
    *,
    first: int,
    seconds: float,
    every: int = 100,
    describe: Callable[[], dict[str, str]] = dict,
) -> float:
    """Run the steps `first` .. `recipe.steps` - 1; returns the seconds of all runs together.

    recipe: a dataclass with name, steps, learning_rate, warmup_steps and clip_norm;
    first, seconds: what `load_checkpoint` returned;
    every: steps between two checkpoints;
    describe: what the progress bar shows beside the loss.

    An interrupt (Ctrl-C) writes the checkpoint before it is passed on.
    """
    start, done = time.perf_counter() - seconds, first
    bar = progress_bar(
        range(first, recipe.steps),
        initial=first,
        total=recipe.steps,
        desc=recipe.name,
        disable=not progress_wanted(),
    )
    try:
        for step in bar:
            model.train()
            rate = learning_rate_at(
                step, recipe.learning_rate, steps=recipe.steps, warmup_steps=recipe.warmup_steps
            )
            loss, _ = update(optimizer, compute_loss, step, rate, recipe.clip_norm)
            done = step + 1
            bar.set_postfix(loss=f"{loss:.3f}", **describe(), refresh=False)
            if done % every == 0:
                seconds = time.perf_counter() - start
                save_checkpoint(checkpoint, model, optimizer, recipe, done, seconds)
    except KeyboardInterrupt:
        # In the middle of an update the weights belong to no step: the last checkpoint stays.
        if updates_of(optimizer) == done:
            seconds = time.perf_counter() - start
            save_checkpoint(checkpoint, model, optimizer, recipe, done, seconds)
        raise
    finally:
        bar.close()
    return time.perf_counter() - start


class OptimizerPair:
    """Several optimizers, each with weights of its own, that step as one.

    The first must be AdamW: its count of steps tells whether an interrupt fell into an update.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = list(optimizers)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for one in self.optimizers for group in one.param_groups]

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        return {weight: state for one in self.optimizers for weight, state in one.state.items()}

    def zero_grad(self, set_to_none: bool = True) -> None:
        for one in self.optimizers:
            one.zero_grad(set_to_none)

    def step(self) -> None:
        for one in self.optimizers:
            one.step()


def updates_of(optimizer: Any) -> int:
    """How many updates AdamW has begun; it counts before it moves the first weight."""
    return max(
        (int(state["step"]) for state in optimizer.state.values() if "step" in state), default=0
    )


def save_checkpoint(
    file: Path, model: nn.Module, optimizer: Any, recipe: Any, done: int, seconds: float
) -> None:
    """Write model and optimizer as safetensors, whole or not at all."""
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    for part, one in enumerate(parts_of(optimizer)):
        for number, state in one.state_dict()["state"].items():
            named = {f"optimizer.{part}.{number}.{name}": value for name, value in state.items()}
            tensors |= named
    notes = {"recipe": recipe_text(recipe), "done": str(done), "seconds": str(seconds)}
    file.parent.mkdir(parents=True, exist_ok=True)
    data = save({name: value.cpu() for name, value in tensors.items()}, metadata=notes)
    write_whole(file, data)


def load_checkpoint(file: Path, model: nn.Module, optimizer: Any, recipe: Any) -> tuple[int, float]:
    """Restore a checkpoint; returns the finished steps and the seconds they took.

    Without a file nothing is restored. Raises ValueError if the checkpoint is damaged or belongs
    to another recipe.
    """
    if not file.is_file():
        return 0, 0.0
    try:
        notes, tensors = read_notes(file), load_file(file)
    except (SafetensorError, ValueError, KeyError):
        raise ValueError(f"{file} is damaged: delete it to start over") from None
    if notes["recipe"] != recipe_text(recipe):
        raise ValueError(f"{file} was made by another recipe: delete it to start over")
    model.load_state_dict(
        {name[6:]: value for name, value in tensors.items() if name.startswith("model.")}
    )
    for part, one in enumerate(parts_of(optimizer)):
        full = one.state_dict()
        for name, value in tensors.items():
            if name.startswith(f"optimizer.{part}."):
                number, key = name.split(".")[2:]
                full["state"].setdefault(int(number), {})[key] = value
        one.load_state_dict(full)
    return int(notes["done"]), float(notes["seconds"])


def parts_of(optimizer: Any) -> list[torch.optim.Optimizer]:
    """The optimizers of a pair, or the one there is."""
    return optimizer.optimizers if isinstance(optimizer, OptimizerPair) else [optimizer]


def read_notes(file: Path) -> dict[str, str]:
    """The metadata of a safetensors file (its header is 8 bytes of length, then JSON)."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        return json.loads(opened.read(length))["__metadata__"]


def recipe_text(recipe: Any) -> str:
    """The recipe as text that is equal for equal recipes."""
    return json.dumps(asdict(recipe), sort_keys=True)
