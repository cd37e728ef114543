"""InfoNCE (CLIP) and the sigmoid loss (SigLIP): one interface, and the plain formulas.

Both take a whole batch at once (`plain_info_nce`, `plain_sigmoid_loss`), or one block of the N x N
matrix at a time (blockwise.py), or a batch spread over processes (distributed.py).
"""

from typing import Any

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor

from vizkit.losses.blockwise import BlockwiseInfoNCE, BlockwiseSigmoid
from vizkit.losses.distributed import GatheredInfoNCE, RingSigmoid


def info_nce(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    *,
    block_size: int | None = None,
    group: "torch.distributed.ProcessGroup | None" = None,
    timeout: float = 300.0,
) -> Tensor:
    """Symmetric InfoNCE: each image picks its text among N, each text its image (scalar).

    image_features, text_features: L2-normalised (N, D), row i of one belongs to row i of the other;
    logit_scale: 1 / temperature, a positive number or scalar tensor (already out of the logarithm).
    block_size: None for the plain formula; an integer B never holds more than B x B logits.
    group: processes that hold N / W pairs each. Every process gets the loss of all N pairs and, as
    from open_clip, gradients whose mean over the processes (DistributedDataParallel) is exact.
    timeout: seconds that one exchange may take before the others are given up.

    Half precision is computed in float32, under autocast too. Raises ValueError on shapes or
    settings that do not fit, RuntimeError if a process of the group is lost. Source: Radford et
    al. 2021, Fig. 3; the reference code is open_clip's `ClipLoss` with `gather_with_grad=True`.
    """
    check_inputs(image_features, text_features, block_size, group, timeout)
    check_numbers(logit_scale=logit_scale)
    inputs = in_full_precision(image_features, text_features, logit_scale)
    with torch.autocast(image_features.device.type, enabled=False):
        if group is not None:
            return GatheredInfoNCE.apply(*inputs, block_size, group, timeout)
        if block_size is not None:
            return BlockwiseInfoNCE.apply(*inputs, block_size)
        return plain_info_nce(*inputs)


def sigmoid_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    logit_bias: Tensor | float,
    *,
    block_size: int | None = None,
    group: "torch.distributed.ProcessGroup | None" = None,
    timeout: float = 300.0,
) -> Tensor:
    """Sigmoid loss: every one of the N x N pairs is a yes-or-no question of its own (scalar).

    image_features, text_features: L2-normalised (N, D), row i of one belongs to row i of the other;
    logit_scale, logit_bias: t and b in log_sigmoid(z (t x.y + b)), with z = 1 for a pair, else -1.
    block_size, group, timeout: as for `info_nce`; the texts go round the processes in a ring.

    The sum over all pairs is divided by N, not by N squared. Half precision is computed in float32,
    under autocast too. Raises ValueError on shapes or settings that do not fit, RuntimeError if a
    process of the group is lost. Source: Zhai et al. 2023, Algorithm 1 (the printed equation has
    the other sign of b); the reference code is open_clip's `SigLipLoss`.
    """
    check_inputs(image_features, text_features, block_size, group, timeout)
    check_numbers(logit_scale=logit_scale, logit_bias=logit_bias)
    inputs = in_full_precision(image_features, text_features, logit_scale, logit_bias)
    with torch.autocast(image_features.device.type, enabled=False):
        if group is not None:
            return RingSigmoid.apply(*inputs, block_size, group, timeout)
        if block_size is not None:
            return BlockwiseSigmoid.apply(*inputs, block_size)
        return plain_sigmoid_loss(*inputs)


# ── The plain formulas ────────────────────────────────────────────────────────────────────────────


def plain_info_nce(image_features: Tensor, text_features: Tensor, logit_scale: Tensor) -> Tensor:
    """InfoNCE with the whole (N, N) matrix.

    The loss of a row is written as -log_sigmoid(own - logsumexp(others)), which equals
    logsumexp(all) - own but keeps its digits when the pair is almost certain.
    """
    if len(image_features) == 1:
        return 0.0 * logit_scale * (image_features * text_features).sum()  # nothing to choose from
    logits = logit_scale * image_features @ text_features.T  # (N, N)
    # From the rows: beside the matrix without its diagonal, torch.compile (2.15, CPU) computes wrong
    # gradients for the diagonal itself.
    own = logit_scale * (image_features * text_features).sum(dim=1)  # (N,)
    diagonal = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    others = logits.masked_fill(diagonal, -torch.inf)  # (N, N)
    image_to_text = -F.logsigmoid(own - others.logsumexp(dim=1))  # (N,)
    text_to_image = -F.logsigmoid(own - others.logsumexp(dim=0))  # (N,)
    return (image_to_text.mean() + text_to_image.mean()) / 2


def plain_sigmoid_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor, logit_bias: Tensor
) -> Tensor:
    """The sigmoid loss with the whole (N, N) matrix."""
    logits = logit_scale * image_features @ text_features.T + logit_bias  # (N, N)
    labels = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1  # (N, N)
    return -F.logsigmoid(labels * logits).sum() / len(logits)


# ── Inputs ────────────────────────────────────────────────────────────────────────────────────────


def check_inputs(
    image_features: Tensor,
    text_features: Tensor,
    block_size: int | None,
    group: "torch.distributed.ProcessGroup | None",
    timeout: float,
) -> None:
    """Raise unless features are both (N, D), N of at least 1, and the settings make sense."""
    for name, features in {"image": image_features, "text": text_features}.items():
        if not isinstance(features, Tensor) or not features.is_floating_point():
            kind: Any = features
            if isinstance(features, Tensor):
                kind = f"a {features.dtype} tensor of shape {tuple(features.shape)}"
            raise TypeError(f"expected {name}_features to be a tensor of floats, received {kind!r}")
    shapes = tuple(image_features.shape), tuple(text_features.shape)
    if image_features.ndim != 2 or shapes[0] != shapes[1] or 0 in shapes[0]:
        raise ValueError(
            "expected image_features and text_features of one shape (N, D), N of at least 1, "
            f"received {shapes[0]} and {shapes[1]}"
        )
    whole = isinstance(block_size, int) and not isinstance(block_size, bool)
    if block_size is not None and (not whole or block_size < 1):
        raise ValueError(
            f"expected block_size to be None or a whole number of at least 1, "
            f"received {block_size!r}"
        )
    known = torch.distributed.is_available() and isinstance(group, torch.distributed.ProcessGroup)
    if group is not None and not known:
        raise TypeError(
            "expected group to be None or a torch.distributed.ProcessGroup that this process "
            f"belongs to, received {group!r}"
        )
    if not isinstance(timeout, int | float) or not timeout > 0:
        raise ValueError(
            f"expected timeout to be a positive number of seconds, received {timeout!r}"
        )


def check_numbers(**numbers: Tensor | float) -> None:
    """Raise TypeError or ValueError unless each is a finite number or a tensor that holds one.

    What a tensor holds is not read: on a GPU that would wait for all work before it.
    """
    for name, value in numbers.items():
        if isinstance(value, Tensor):
            if value.numel() != 1 or value.is_complex():
                raise ValueError(
                    f"expected {name} to be one number, received a {value.dtype} tensor of shape "
                    f"{tuple(value.shape)}"
                )
        elif not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(f"expected {name} to be a number or a tensor, received {value!r}")
        elif not abs(value) < 1e38:
            raise ValueError(f"expected {name} to be finite in float32, received {value}")


def in_full_precision(
    image_features: Tensor, text_features: Tensor, *scalars: Tensor | float
) -> list[Tensor]:
    """Everything in one format, float32 or longer, and on one device; scalars as tensors ()."""
    dtype = torch.promote_types(image_features.dtype, text_features.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    device = image_features.device
    numbers = [
        (one if isinstance(one, Tensor) else torch.tensor(float(one))).to(device, dtype).reshape(())
        for one in scalars
    ]
    return [image_features.to(dtype), text_features.to(dtype), *numbers]
