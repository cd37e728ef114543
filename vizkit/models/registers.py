"""Look into the blocks of a timm ViT, and move what a few neurons write into an empty register."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]


class TimmVit(Protocol):
    """A ViT of timm, as far as it is read here."""

    blocks: nn.Sequential
    num_prefix_tokens: int

    def forward_features(self, x: Tensor) -> Tensor:
        """Pixels (B, C, H, W) to tokens (B, T, D)."""
        ...

    def forward_intermediates(
        self,
        x: Tensor,
        *,
        indices: int | list[int],
        intermediates_only: bool,
        norm: bool,
        output_fmt: str,
        stop_early: bool = False,
    ) -> list[Tensor]:
        """Pixels (B, C, H, W) to the patch tokens (B, N, D) behind each block."""
        ...


@torch.no_grad()
def block_tokens(model: TimmVit, pixels: Tensor) -> Tensor:
    """The patch tokens (blocks, B, N, D) behind each block of a timm ViT, on the CPU.

    Pixels (B, C, H, W) as the model expects them; prefix tokens are left out, no last norm. One
    picture at a time, so that twelve blocks of many patches stay small in memory.
    """
    blocks = len(model.blocks)
    kept = torch.empty(0)  # until the first picture says how many tokens there are
    for place, one in enumerate(pixels.split(1)):
        found = model.forward_intermediates(
            one, indices=blocks, intermediates_only=True, norm=False, output_fmt="NLC"
        )
        if place == 0:
            kept = torch.empty(blocks, len(pixels), *found[0].shape[1:])  # (blocks, B, N, D)
        for block, tokens in enumerate(found):
            kept[block, place] = tokens[0].cpu()
    return kept


@torch.no_grad()
def _neurons(
    model: TimmVit, pixels: Tensor, blocks: Sequence[int], summary: Callable[[Tensor], Tensor]
) -> dict[tuple[int, int], float]:
    """(block, neuron), both from 0, to the neuron's number in `summary` of what fired (B, N, H)."""
    found: dict[tuple[int, int], float] = {}
    prefix = model.num_prefix_tokens

    def read(block: int) -> Hook:
        def hook(module: nn.Module, given: tuple[Tensor, ...], fired: Tensor) -> None:
            values = summary(fired[:, prefix:].cpu())  # (H,), of (B, N, H)
            found.update({(block, n): float(value) for n, value in enumerate(values)})

        return hook

    with ExitStack() as hooks:
        for block in blocks:
            neurons = model.blocks[block].get_submodule("mlp.act")
            handle = neurons.register_forward_hook(read(block))
            hooks.callback(handle.remove)
        model.forward_features(pixels)
    return found


def neuron_excess(
    model: TimmVit, pixels: Tensor, chosen: Tensor, blocks: Sequence[int]
) -> dict[tuple[int, int], float]:
    """How much more each MLP neuron of `blocks` fires on the chosen patches (B, N) than on the rest.

    (block, neuron), both from 0, to the difference of the mean activations behind the GELU.
    """
    return _neurons(
        model, pixels, blocks, lambda fired: fired[chosen].mean(0) - fired[~chosen].mean(0)
    )


def neuron_peaks(
    model: TimmVit, pixels: Tensor, blocks: Sequence[int]
) -> dict[tuple[int, int], float]:
    """How strongly each MLP neuron of `blocks` fires at most: what `with_register` would move.

    (block, neuron), both from 0, to its largest activation behind the GELU on a patch of a picture,
    as a mean over the pictures.
    """
    return _neurons(model, pixels, blocks, lambda fired: fired.amax(1).mean(0))


def _with_empty_token(model: TimmVit, pixels: Tensor) -> Tensor:
    """The tokens (B, T + 1, D) that enter the first block, and zeros behind them."""
    entering: list[Tensor] = []
    keep = model.blocks[0].register_forward_pre_hook(lambda _, given: entering.append(given[0]))
    with ExitStack() as hooks:
        hooks.callback(keep.remove)
        model.forward_intermediates(
            pixels,
            indices=[0],
            stop_early=True,
            intermediates_only=True,
            norm=False,
            output_fmt="NLC",
        )
    return F.pad(entering[0], (0, 0, 0, 1))  # (B, T + 1, D)


@torch.no_grad()
def with_register(
    model: TimmVit,
    given: Tensor,
    neurons: Sequence[tuple[int, int]],
    *,
    behind: int,
    start: int = 0,
) -> Tensor:
    """Tokens (B, T + 1, D) behind block `behind`, with an empty token at the end as a register.

    For each (block, neuron) the largest activation of a picture's patches goes to the register, and
    that of all patches becomes 0. The model stays as it is. `neurons` may be empty.

    given: pixels (B, C, H, W); or, to go on from block `start`, the tokens behind the one before it.
    Raises ValueError unless every neuron lies in a block from `start` to `behind`.
    Source: Jiang et al. 2025, Vision Transformers Don't Need Trained Registers (2506.08010), §4.
    """
    if not all(start <= block <= behind for block, _ in neurons):
        raise ValueError(f"expected neurons in blocks {start} to {behind}, received {[*neurons]}")
    prefix = model.num_prefix_tokens

    def move(numbers: list[int]) -> Hook:
        def hook(module: nn.Module, entering: tuple[Tensor, ...], fired: Tensor) -> Tensor:
            fired = fired.clone()  # (B, T + 1, H)
            fired[:, -1, numbers] = fired[:, prefix:-1, numbers].amax(1)
            fired[:, prefix:-1, numbers] = 0
            return fired

        return hook

    with ExitStack() as hooks:
        for number in {number for number, _ in neurons}:
            numbers = [neuron for other, neuron in neurons if other == number]
            activation = model.blocks[number].get_submodule("mlp.act")
            hooks.callback(activation.register_forward_hook(move(numbers)).remove)
        tokens = given if start else _with_empty_token(model, given)
        for block in model.blocks[start : behind + 1]:
            tokens = block(tokens)
    return tokens.cpu()  # (B, T + 1, D)
