"""InfoNCE (CLIP) and the sigmoid loss (SigLIP), as plain formulas."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float) -> Tensor:
    """Symmetric InfoNCE: each image picks its text among N, each text its image (scalar).

    image_features, text_features: L2-normalised (N, D), row i of one belongs to row i of the other;
    logit_scale: 1 / temperature, a positive number or scalar tensor (already out of the logarithm).

    The loss of a row is written as -log_sigmoid(own - logsumexp(others)), which equals
    logsumexp(all) - own but keeps its digits when the pair is almost certain.
    Raises ValueError on shapes that do not match. Source: Radford et al. 2021, Fig. 3; the
    reference code is open_clip's `ClipLoss`.
    """
    check_features(image_features, text_features)
    if len(image_features) == 1:
        return 0.0 * logit_scale * (image_features * text_features).sum()  # nothing to choose from
    logits = logit_scale * image_features @ text_features.T  # (N, N)
    own = logits.diagonal()  # (N,)
    diagonal = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    others = logits.masked_fill(diagonal, -torch.inf)  # (N, N)
    image_to_text = -F.logsigmoid(own - others.logsumexp(dim=1))  # (N,)
    text_to_image = -F.logsigmoid(own - others.logsumexp(dim=0))  # (N,)
    return (image_to_text.mean() + text_to_image.mean()) / 2


def sigmoid_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    logit_bias: Tensor | float,
) -> Tensor:
    """Sigmoid loss: every one of the N x N pairs is a yes-or-no question of its own (scalar).

    image_features, text_features: L2-normalised (N, D), row i of one belongs to row i of the other;
    logit_scale, logit_bias: t and b in log_sigmoid(z (t x.y + b)), with z = 1 for a pair, else -1.

    The sum over all pairs is divided by N, not by N squared. Raises ValueError on shapes that do
    not match. Source: Zhai et al. 2023, Algorithm 1 (the printed equation has the other sign of b);
    the reference code is open_clip's `SigLipLoss`.
    """
    check_features(image_features, text_features)
    logits = logit_scale * image_features @ text_features.T + logit_bias  # (N, N)
    labels = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1  # (N, N)
    return -F.logsigmoid(labels * logits).sum() / len(logits)


def check_features(image_features: Tensor, text_features: Tensor) -> None:
    """Raise ValueError unless both are (N, D) with the same N of at least 1 and the same D."""
    shapes = tuple(image_features.shape), tuple(text_features.shape)
    if image_features.ndim != 2 or shapes[0] != shapes[1] or 0 in shapes[0]:
        raise ValueError(
            "expected image_features and text_features of one shape (N, D), N of at least 1, "
            f"received {shapes[0]} and {shapes[1]}"
        )
