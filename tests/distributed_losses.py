"""What one process of tests/unit/test_losses_distributed.py does; it leaves a file behind."""

import shutil
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from open_clip.loss import ClipLoss, SigLipLoss
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tests.losses import TOLERANCE, random_features, value_and_gradients
from tests.processes import join_group
from vizkit.losses import info_nce, sigmoid_loss

PAIRS = 6  # shared out among 1, 2 or 3 processes
BLOCK_SIZES = (None, 1, 4)
LOSSES = {"info_nce": info_nce, "sigmoid": sigmoid_loss}
# name of the loss, dtype, scale, with duplicates
CASES = [
    (name, dtype, scale, duplicates)
    for name in LOSSES
    for dtype in TOLERANCE
    for scale in (14.3, 100.0)
    for duplicates in (False, True)
]


def whole_batch(name: str, dtype: torch.dtype, scale: float, duplicates: bool) -> list[Tensor]:
    """Features of all pairs, scale and, for the sigmoid loss, bias."""
    scalars = torch.tensor([scale, -10.0][: 1 + (name == "sigmoid")], dtype=dtype)
    return [*random_features(PAIRS, dtype, duplicates=duplicates), *scalars]


def share(inputs: list[Tensor], rank: int, count: int) -> list[Tensor]:
    """The same inputs with the features of one process only."""
    rows = slice(rank * PAIRS // count, (rank + 1) * PAIRS // count)
    return [inputs[0][rows], inputs[1][rows], *inputs[2:]]


def compute(rank: int, count: int, folder: Path) -> None:
    """Every case with every block size and with open_clip, the talk of both, and odd sizes."""
    group = join_group(rank, count, folder)
    ways = {size: {"block_size": size, "group": group, "timeout": 60.0} for size in BLOCK_SIZES}
    place = {"rank": rank, "world_size": count}
    theirs = {"info_nce": ClipLoss(gather_with_grad=True, **place), "sigmoid": SigLipLoss(**place)}
    results = {}
    for case in CASES:
        inputs = share(whole_batch(*case), rank, count)
        for size, way in ways.items():
            results[case, size] = value_and_gradients(LOSSES[case[0]], *inputs, **way)
        results[case, "open_clip"] = value_and_gradients(theirs[case[0]], *inputs)
    for name, loss in LOSSES.items():
        inputs = share(whole_batch(name, torch.float32, 14.3, False), rank, count)
        results[name, "talk"] = overhear(partial(value_and_gradients, loss, *inputs, **ways[None]))
        results[name, "odd"] = complaint(loss, inputs, rank, group)
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


def compute_in_contexts(rank: int, count: int, folder: Path) -> None:
    """Every loss where a training may put it; see `CONTEXTS`."""
    group = join_group(rank, count, folder)
    results = {}
    for name, loss in LOSSES.items():
        for size in CONTEXT_SIZES:
            settings = {"block_size": size, "group": group, "timeout": 60.0}
            inputs = share(whole_batch(name, torch.float32, 14.3, False), rank, count)
            for context, way in CONTEXTS.items():
                if context == "torch.compile" and (size or not HAS_COMPILER):
                    continue  # half a minute for each
                dtype = torch.bfloat16 if context == "bfloat16" else torch.float32
                given = [one.to(dtype) for one in inputs[:2]] + inputs[2:]
                results[name, size, context] = way(partial(loss, **settings), given)
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


def trained(loss, inputs: list[Tensor], call=lambda loss, *given: loss(*given)) -> list[Tensor]:
    """Value and gradients as a training has them: of features that are normalised just before."""
    leaves = [one.detach().clone().requires_grad_() for one in inputs]

    def step(images, texts, *scalars):
        unit = (
            one / one.float().norm(dim=1, keepdim=True).to(one.dtype) for one in (images, texts)
        )
        return loss(*unit, *scalars)

    value = call(step, *leaves)
    return [value.detach(), *torch.autograd.grad(value, leaves)]


def compiled(loss, inputs: list[Tensor]) -> list[Tensor]:
    torch._dynamo.reset()
    return trained(loss, inputs, lambda step, *given: torch.compile(step)(*given))


def under_autocast(loss, inputs: list[Tensor]) -> list[Tensor]:
    def call(step, *given):
        with torch.autocast("cpu", torch.bfloat16):
            return step(*given)

    return trained(loss, inputs, call)


def deterministic(loss, inputs: list[Tensor]) -> list[Tensor]:
    torch.use_deterministic_algorithms(True)
    try:
        return trained(loss, inputs)
    finally:
        torch.use_deterministic_algorithms(False)


def checkpointed(loss, inputs: list[Tensor]) -> list[Tensor]:
    return trained(loss, inputs, partial(checkpoint, use_reentrant=False))


HAS_COMPILER = any(shutil.which(one) for one in ("c++", "g++", "clang++"))
CONTEXT_SIZES = (None, 2)
CONTEXTS = {
    "eager": trained,
    "torch.compile": compiled,
    "autocast": under_autocast,
    "bfloat16": trained,
    "checkpoint": checkpointed,
    "deterministic": deterministic,
}


def overhear(run) -> list[tuple[str, int, int]]:
    """What `run` says to others: exchange, the other's rank (-1: all), numbers of the tensor."""
    talk, originals = [], {}

    def listen(name):
        def exchange(*tensors, **settings):
            other = settings.get("group_dst", settings.get("group_src", -1))
            talk.append((name, other, tensors[-1].numel()))
            return originals[name](*tensors, **settings)

        originals[name] = getattr(dist, name)
        setattr(dist, name, exchange)

    names = ["isend", "irecv", "all_reduce", "all_gather_into_tensor", "all_to_all_single"]
    for name in names:
        listen(name)
    run()
    for name in names:
        setattr(dist, name, originals[name])
    return talk


def complaint(loss, inputs: list[Tensor], rank: int, group: dist.ProcessGroup) -> str:
    """What the loss says when the last process comes with one pair less."""
    if rank == dist.get_world_size(group) - 1:
        inputs = [inputs[0][1:], inputs[1][1:], *inputs[2:]]
    try:
        loss(*inputs, group=group, timeout=60.0)
    except ValueError as error:
        return str(error)
    return ""
