"""Both losses over processes that hold a part of the batch each (torch.distributed).

W processes with n pairs each make a batch of N = W n. A process works on its n rows of the N x N
matrix: its own images against the texts of all. Every process returns the loss of the whole batch.
The gradients of the features are W times those of one process with the whole batch, so that their
mean over the processes, which DistributedDataParallel takes, is exact; open_clip does the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from vizkit.losses.blockwise import (
    Sweep,
    add_negatives,
    add_positives,
    exact,
    info_nce_grads,
    others_logsumexp,
    row_products,
    softplus,
)

# ── InfoNCE: gather the texts, share out their gradients ──────────────────────────────────────────


class GatheredInfoNCE(Function):
    """InfoNCE after an all-gather of the texts; the images stay where they are."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        texts: Tensor,
        scale: Tensor,
        block_size: int | None,
        group: Any,
        timeout: float,
    ) -> Tensor:
        peers = Peers(group, timeout)
        check_sizes(images, peers.gather)
        block_size = block_size or len(images) * peers.count
        first = peers.rank * len(images)
        mine = slice(first, first + len(images))
        all_texts = peers.gather(texts).flatten(0, 1)  # (N, D)
        rows, columns = others_logsumexp(images, all_texts, scale, block_size, first)  # (n,), (N,)
        columns = peers.gather(columns).logsumexp(dim=0)  # (N,): over the images of all
        own = scale * row_products(images, texts)  # (n,)
        all_own = peers.gather(own).flatten()  # (N,)
        loss = (softplus(rows - own) + softplus(columns[mine] - own)).sum() / 2
        ctx.save_for_backward(images, all_texts, scale, own, rows, all_own, columns)
        ctx.block_size, ctx.peers, ctx.first = block_size, peers, first
        return (peers.sum(loss) / len(all_texts)).to(images.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        images, all_texts, scale, own, rows, all_own, columns = ctx.saved_tensors
        image_grads, text_grads = info_nce_grads(
            images, all_texts, scale, ctx.block_size, own, rows, all_own, columns, ctx.first
        )  # (n, D), (N, D)
        scale_grad = row_products(images, image_grads).sum()
        text_grads = ctx.peers.share_out(text_grads)  # (n, D)
        step = grad_output / (2 * len(images))
        return (
            image_grads.mul_(step * scale),
            text_grads.mul_(step * scale),
            (step * ctx.peers.sum(scale_grad) / ctx.peers.count).to(scale.dtype),
            *(None,) * 3,
        )


# ── Sigmoid loss: pass the texts round a ring ─────────────────────────────────────────────────────


class RingSigmoid(Function):
    """The sigmoid loss while the texts, and with them their gradients, go once round the ring."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        texts: Tensor,
        scale: Tensor,
        bias: Tensor,
        block_size: int | None,
        group: Any,
        timeout: float,
    ) -> Tensor:
        peers, block_size = Peers(group, timeout), block_size or len(images)
        check_sizes(images, peers.collect)
        sweep = ring_sweep(peers, images, texts, scale, bias, block_size)
        image_grads, text_grads = sweep.feature_grads()
        scale_grad = row_products(images, image_grads).sum()
        sums = torch.stack([sweep.loss, scale_grad, sweep.bias_grad])
        loss, scale_grad, bias_grad = peers.collect(sums).mean(dim=0) / len(images)
        step = scale / len(images)
        ctx.save_for_backward(
            image_grads.mul_(step),
            text_grads * step,
            scale_grad.to(scale.dtype),
            bias_grad.to(bias.dtype),
        )
        return loss.to(images.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        return *(grad_output * gradient for gradient in ctx.saved_tensors), None, None, None


def ring_sweep(
    peers: "Peers", images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, block_size: int
) -> Sweep:
    """All pairs of this process' images, and the grads of its texts from all processes."""
    loss, bias_grad = exact(images.new_zeros(2))
    sweep = Sweep(loss, bias_grad, image_grads=torch.zeros_like(images))
    parcel = torch.stack([texts, torch.zeros_like(texts)])  # (2, n, D): texts and their grads
    for hop in range(peers.count):
        visitors, sweep.text_grads = parcel
        if hop == 0:
            add_positives(sweep, images, visitors, scale, bias, block_size)
        # The pairs lie on the diagonal of the first hop; later it is out of the matrix.
        first = 0 if hop == 0 else len(visitors)
        add_negatives(sweep, images, visitors, scale, bias, block_size, first)
        parcel = peers.pass_on(parcel)
    sweep.text_grads = parcel[1]  # after W hops they are home again
    return sweep


# ── Exchanges between processes ───────────────────────────────────────────────────────────────────


@dataclass
class Peers:
    """The processes of a group, and exchanges that end after `timeout` seconds at the latest."""

    group: "dist.ProcessGroup"
    timeout: float

    @property
    def rank(self) -> int:
        return dist.get_rank(self.group)

    @property
    def count(self) -> int:
        return dist.get_world_size(self.group)

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, in the order of their ranks: (W, ...)."""
        parts = tensor.new_empty(self.count, *tensor.shape)
        with self.watched("gather tensors"):
            self.wait(self.start(dist.all_gather_into_tensor, parts.view(-1), tensor.flatten()))
        return parts

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes."""
        total = tensor.clone()
        with self.watched("add up a number"):
            self.wait(self.start(dist.all_reduce, total))
        return total

    def share_out(self, tensor: Tensor) -> Tensor:
        """Of the sum over all processes (W n, D), the rows of this one (n, D)."""
        # Not reduce_scatter: with gloo its wait knows no timeout.
        shares = torch.empty_like(tensor)
        with self.watched("share out gradients"):
            self.wait(self.start(dist.all_to_all_single, shares, tensor))
        return shares.view(self.count, -1, *tensor.shape[1:]).sum(dim=0)

    def pass_on(self, tensor: Tensor) -> Tensor:
        """Hand a tensor to the neighbour before; return what the neighbour after hands over."""
        if self.count == 1:
            return tensor
        before, after = (self.rank - 1) % self.count, (self.rank + 1) % self.count
        received = torch.empty_like(tensor)
        with self.watched(f"exchange with its neighbours {before} and {after}"):
            receiving = self.start(dist.irecv, received, group_src=after)
            sending = self.start(dist.isend, tensor, group_dst=before)
            self.wait(receiving, sending)
        return received

    def collect(self, tensor: Tensor) -> Tensor:
        """What `gather` returns, in another order, by passing on: only neighbours talk."""
        parts = [tensor]
        for _ in range(self.count - 1):
            parts.append(self.pass_on(parts[-1]))
        return torch.stack(parts)

    def start(
        self, exchange: Callable[..., Any], *tensors: Tensor, **neighbour: int
    ) -> "dist.Work":
        if neighbour:
            return exchange(*tensors, group=self.group, **neighbour)
        return exchange(*tensors, group=self.group, async_op=True)

    def wait(self, *works: "dist.Work") -> None:
        for work in works:
            work.wait(timedelta(seconds=self.timeout))

    @contextmanager
    def watched(self, what: str) -> Iterator[None]:
        """Turn what the backend says about a lost process into one clear error."""
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"process {self.rank} of {self.count} could not {what} within {self.timeout:g} s: "
                "another process has ended or hangs"
            ) from error


def check_sizes(features: Tensor, gather: Callable[[Tensor], Tensor]) -> None:
    """Raise ValueError in every process unless all hold features of one shape (n, D)."""
    shape = torch.tensor(features.shape, device=features.device)
    shapes = sorted({tuple(other) for other in gather(shape).tolist()})
    if len(shapes) > 1:
        raise ValueError(
            "expected features of one shape (n, D) in every process of the group, "
            f"received {' and '.join(map(str, shapes))}"
        )
