"""Both losses over one block of the N x N matrix at a time: exact, whatever the batch size.

A block of logits is computed, used for its rows (image to text) and its columns (text to image) at
once, and overwritten by the next. The logit of a pair's own image and text, on the diagonal, is
taken out of the block and kept apart in float64: as softplus(others - own), the loss keeps its
digits when it is almost zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

# Powers of e that float32 holds with all its digits; below them exp is also forty times slower.
LOWEST, HIGHEST = -87.0, 80.0
# While the references of rows and columns lie this close, one exp serves both: what is lost below
# e^LOWEST is then at most e^(LOWEST + CLOSE) = 4e-21 of the smallest of them.
CLOSE = 40.0


# ── One block after the other ─────────────────────────────────────────────────────────────────────


@dataclass
class Tile:
    """One block of the matrix of logits; the next one overwrites `logits` and `scratch`."""

    rows: slice
    columns: slice
    logits: Tensor  # (R, C)
    scratch: Tensor  # (R, C)
    offset: int  # the own pairs lie on this diagonal, if they cross the block at all


def tiles(
    images: Tensor, texts: Tensor, scale: Tensor, block_size: int, first: int = 0
) -> Iterator[Tile]:
    """Yield scale * images @ texts.T block by block, always in the same memory.

    images (N, D), texts (M, D); image i belongs to text first + i.
    """
    memory = images.new_empty(2, min(block_size, len(images)) * min(block_size, len(texts)))
    for rows in blocks(len(images), block_size):
        scaled = images[rows] * scale  # (R, D)
        for columns in blocks(len(texts), block_size):
            shape = len(scaled), columns.stop - columns.start
            logits, scratch = memory[:, : shape[0] * shape[1]].view(2, *shape)  # (R, C) each
            torch.mm(scaled, texts[columns].T, out=logits)
            yield Tile(rows, columns, logits, scratch, rows.start + first - columns.start)


def blocks(count: int, block_size: int) -> list[slice]:
    """0 to count cut into slices of `block_size`; the last may be shorter."""
    starts = range(0, count, block_size)
    return [slice(start, min(start + block_size, count)) for start in starts]


def add_products(
    tile: Tile,
    grads: Tensor,
    images: Tensor,
    texts: Tensor,
    image_grads: Tensor,
    text_grads: Tensor,
) -> None:
    """Add one block of grads (R, C) to the gradients (N, D), (M, D) of the features."""
    image_grads[tile.rows].addmm_(grads, texts[tile.columns])
    text_grads[tile.columns].addmm_(grads.T, images[tile.rows])


def row_products(left: Tensor, right: Tensor) -> Tensor:
    """The inner product of each row of `left` with the same row of `right`, in float64: (N,)."""
    products = exact(left.new_empty(len(left)))
    # A few rows at a time and straight into their place: small results that outlive large
    # temporary tensors would leave holes in the memory.
    for rows in blocks(len(left), 256):
        torch.sum(exact(left[rows]) * right[rows], dim=1, out=products[rows])
    return products


def exact(tensor: Tensor) -> Tensor:
    """The tensor in the longest format of its device."""
    return tensor.to(torch.float32 if tensor.device.type == "mps" else torch.float64)


def softplus(gap: Tensor) -> Tensor:
    """log(1 + e^gap), without overflow and without the cut-off of torch's own."""
    return torch.logaddexp(gap, torch.zeros_like(gap))


# ── InfoNCE ───────────────────────────────────────────────────────────────────────────────────────


class BlockwiseInfoNCE(Function):
    """InfoNCE in 4 matrix products: logits forward; logits again and two gradients backward."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, texts: Tensor, scale: Tensor, block_size: int) -> Tensor:
        own = scale * row_products(images, texts)  # (N,)
        rows, columns = others_logsumexp(images, texts, scale, block_size)  # (N,), (N,)
        ctx.save_for_backward(images, texts, scale, own, rows, columns)
        ctx.block_size = block_size
        loss = (softplus(rows - own).mean() + softplus(columns - own).mean()) / 2
        return loss.to(images.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        images, texts, scale, own, rows, columns = ctx.saved_tensors
        image_grads, text_grads = info_nce_grads(
            images, texts, scale, ctx.block_size, own, rows, own, columns
        )  # (N, D), (N, D)
        step = grad_output / (2 * len(images))
        scale_grad = row_products(images, image_grads).sum()
        step_of_features = step * scale
        return (
            image_grads.mul_(step_of_features),
            text_grads.mul_(step_of_features),
            (step * scale_grad).to(scale.dtype),
            None,
        )


def others_logsumexp(
    images: Tensor, texts: Tensor, scale: Tensor, block_size: int, first: int = 0
) -> tuple[Tensor, Tensor]:
    """Log-sum-exp of every row (N,) and column (M,) of the logits, own pairs left out.

    Online: the sum so far and that of the next block are joined as log(e^a + e^b).
    """
    rows = exact(images.new_full((len(images),), -torch.inf))
    columns = exact(images.new_full((len(texts),), -torch.inf))
    for tile in tiles(images, texts, scale, block_size, first):
        tile.logits.diagonal(tile.offset).fill_(-torch.inf)
        of_rows, of_columns = tile_logsumexp(tile)  # (R,), (C,)
        rows[tile.rows] = torch.logaddexp(rows[tile.rows], of_rows)
        columns[tile.columns] = torch.logaddexp(columns[tile.columns], of_columns)
    return rows, columns


def tile_logsumexp(tile: Tile) -> tuple[Tensor, Tensor]:
    """Log-sum-exp of the rows (R,) and the columns (C,) of one block."""
    finite = torch.finfo(tile.logits.dtype).min  # a row may hold nothing but its own pair
    row_peak = tile.logits.amax(dim=1, keepdim=True).clamp_(min=finite)  # (R, 1)
    column_peak = tile.logits.amax(dim=0, keepdim=True).clamp_(min=finite)  # (1, C)
    peak = row_peak.max()
    if peak - torch.minimum(row_peak.min(), column_peak.min()) < CLOSE:
        powers = powers_of_e(tile, peak, out=tile.logits)  # (R, C)
        return peak + log_sum(powers, 1), peak + log_sum(powers, 0)
    of_rows = log_sum(powers_of_e(tile, row_peak, out=tile.scratch), 1)  # (R,)
    of_columns = log_sum(powers_of_e(tile, column_peak, out=tile.scratch), 0)  # (C,)
    return row_peak[:, 0] + of_rows, column_peak[0] + of_columns


def powers_of_e(tile: Tile, reference: Tensor, out: Tensor) -> Tensor:
    """exp(logits - reference) in `out` (R, C), with 0 for the own pairs."""
    torch.sub(tile.logits, reference, out=out).clamp_(min=LOWEST).exp_()
    out.diagonal(tile.offset).zero_()
    return out


def log_sum(powers: Tensor, dim: int) -> Tensor:
    """The logarithm of the sums over one dimension, in float64."""
    return exact(powers.sum(dim)).log()


def info_nce_grads(
    images: Tensor,
    texts: Tensor,
    scale: Tensor,
    block_size: int,
    row_own: Tensor,
    row_others: Tensor,
    column_own: Tensor,
    column_others: Tensor,
    first: int = 0,
) -> tuple[Tensor, Tensor]:
    """(P - Y) texts (N, D) and (P - Y)^T images (M, D): 2 N dL/dlogits times the features.

    P is the softmax over texts plus the softmax over images, Y is 2 for a pair and 0 elsewhere; on
    the diagonal P - Y = -sigmoid(others - own), once for the row and once for the column.
    """
    image_grads, text_grads = torch.zeros_like(images), torch.zeros_like(texts)
    rows = torch.logaddexp(row_own, row_others).to(images.dtype)[:, None]  # (N, 1)
    columns = torch.logaddexp(column_own, column_others).to(images.dtype)[None]  # (1, M)
    for tile in tiles(images, texts, scale, block_size, first):
        softmaxes = both_softmaxes(tile, rows[tile.rows], columns[:, tile.columns])  # (R, C)
        add_products(tile, softmaxes, images, texts, image_grads, text_grads)
    pairs = slice(first, first + len(images))
    error = (row_others - row_own).sigmoid() + (column_others - column_own)[pairs].sigmoid()
    error = error.to(images.dtype)[:, None]  # (N, 1)
    image_grads.addcmul_(error, texts[pairs], value=-1)
    text_grads[pairs].addcmul_(error, images, value=-1)
    return image_grads, text_grads


def both_softmaxes(tile: Tile, rows: Tensor, columns: Tensor) -> Tensor:
    """e^(logits - rows) + e^(logits - columns), (R, C), from log-sum-exps (R, 1) and (1, C)."""
    high = torch.maximum(rows.max(), columns.max())
    if high - torch.minimum(rows.min(), columns.min()) < CLOSE:
        powers = powers_of_e(tile, high, out=tile.logits)  # (R, C)
        torch.add((high - rows).exp(), (high - columns).exp(), out=tile.scratch)
        return powers.mul_(tile.scratch)
    over_texts = powers_of_e(tile, rows, out=tile.scratch)  # (R, C)
    return powers_of_e(tile, columns, out=tile.logits).add_(over_texts)


# ── Sigmoid loss ──────────────────────────────────────────────────────────────────────────────────


class BlockwiseSigmoid(Function):
    """The sigmoid loss in 3 matrix products: every pair stands alone, so each block of logits
    gives its share of the gradients at once, in the forward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, block_size: int
    ) -> Tensor:
        ctx.save_for_backward(images, texts, scale, bias)
        ctx.block_size = block_size
        ctx.sweep = sigmoid_sweep(
            images, texts, scale, bias, block_size, grads=any(ctx.needs_input_grad)
        )
        return (ctx.sweep.loss / len(images)).to(images.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        images, texts, scale, bias = ctx.saved_tensors
        # The gradients are handed over, not copied; whoever asks twice has them computed again.
        sweep, ctx.sweep = ctx.sweep, None
        sweep = sweep or sigmoid_sweep(images, texts, scale, bias, ctx.block_size)
        step = grad_output / len(images)
        image_grads, text_grads = sweep.feature_grads()
        scale_grad = row_products(images, image_grads).sum()
        return (
            image_grads.mul_(step * scale),
            text_grads.mul_(step * scale),
            (step * scale_grad).to(scale.dtype),
            (step * sweep.bias_grad).to(bias.dtype),
            None,
        )


@dataclass
class Sweep:
    """Sums over all pairs: N times the loss and its grads (before the factor of the scale)."""

    loss: Tensor  # ()
    bias_grad: Tensor  # ()
    image_grads: Tensor | None = None  # (N, D)
    text_grads: Tensor | None = None  # (M, D)

    def feature_grads(self) -> tuple[Tensor, Tensor]:
        """Of images (N, D) and texts (M, D); RuntimeError where the sweep was made without them."""
        if self.image_grads is None or self.text_grads is None:
            raise RuntimeError("this sweep was made without gradients")
        return self.image_grads, self.text_grads


def sigmoid_sweep(
    images: Tensor,
    texts: Tensor,
    scale: Tensor,
    bias: Tensor,
    block_size: int,
    *,
    grads: bool = True,
) -> Sweep:
    """Loss and gradients of all pairs, matching and not, in one pass over the blocks."""
    sweep = Sweep(*exact(images.new_zeros(2)))
    if grads:
        sweep.image_grads, sweep.text_grads = torch.zeros_like(images), torch.zeros_like(texts)
    add_negatives(sweep, images, texts, scale, bias, block_size)
    add_positives(sweep, images, texts, scale, bias, block_size)
    return sweep


def add_negatives(
    sweep: Sweep,
    images: Tensor,
    texts: Tensor,
    scale: Tensor,
    bias: Tensor,
    block_size: int,
    first: int = 0,
) -> None:
    """Add softplus(logit) of every image with every text but its own; the slope is the sigmoid."""
    for tile in tiles(images, texts, scale, block_size, first):
        logits = tile.logits.add_(bias)  # (R, C)
        logits.diagonal(tile.offset).fill_(LOWEST)
        if logits.max() > HIGHEST:  # above, softplus is its argument to the last digit
            sweep.loss += torch.sub(logits, HIGHEST, out=tile.scratch).clamp_(min=0).sum()
        powers = logits.clamp_(LOWEST, HIGHEST).exp_()  # (R, C)
        powers.diagonal(tile.offset).zero_()
        sweep.loss += torch.log1p(powers, out=tile.scratch).sum()
        if sweep.image_grads is not None:
            chances = powers.div_(torch.add(powers, 1, out=tile.scratch))  # (R, C)
            sweep.bias_grad += chances.sum()
            add_products(tile, chances, images, texts, *sweep.feature_grads())


def add_positives(
    sweep: Sweep, images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, block_size: int
) -> None:
    """Add softplus(-logit) of every image with its own text; the slope is sigmoid - 1."""
    own = scale * row_products(images, texts) + bias  # (N,)
    sweep.loss += softplus(-own).sum()
    if sweep.image_grads is not None:
        error = (-own).sigmoid()  # (N,)
        sweep.bias_grad -= error.sum()
        error = error.to(images.dtype)[:, None]  # (N, 1)
        image_grads, text_grads = sweep.feature_grads()
        image_grads.addcmul_(error, texts, value=-1)
        text_grads.addcmul_(error, images, value=-1)
