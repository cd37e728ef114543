"""What the tests of the losses share: features, gradients, how close is close enough."""

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def random_features(
    n: int, dtype: torch.dtype, seed: int = 0, *, duplicates: bool = False, dim: int = 16
) -> tuple[Tensor, Tensor]:
    """Two sets of unit vectors (n, dim) that partly agree; some may be there twice."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    texts = images + torch.randn(n, dim, generator=generator, dtype=torch.float64)
    if duplicates:
        images[n // 2] = images[0]
        texts[n // 2 :] = texts[: n - n // 2].clone()
    return F.normalize(images, dim=1).to(dtype), F.normalize(texts, dim=1).to(dtype)


def value_and_gradients(loss, *inputs: Tensor, **settings) -> list[Tensor]:
    """The loss and its gradient for every input."""
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    value = loss(*leaves, **settings)
    return [value.detach(), *torch.autograd.grad(value, leaves)]


def assert_close(ours, expected, tolerance: float) -> None:
    """Every tensor as close to the expected one as `tolerance` of its largest entry, or of 1."""
    for one, other in zip(ours, expected, strict=True):
        assert one.shape == torch.as_tensor(other).shape
        error = (one.double() - torch.as_tensor(other).double()).abs().max().item()
        size = max(1.0, torch.as_tensor(other).abs().max().item())
        assert error <= tolerance * size, f"off by {error} of {size}"
