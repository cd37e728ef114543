"""Muon in the precision of the weights: a momentum whose steps are made (nearly) orthogonal.

`torch.optim.Muon` orthogonalizes in bfloat16. On a CPU without bfloat16 units that took a third of
a training step of a pocket encoder; the same sum in float32 takes a few percent.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

# The quintic whose slope at zero is as large as can be (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalized, for weight matrices (Jordan et al. 2024, with Nesterov's step).

    lr: as long a step as AdamW's with the same lr (Liu et al. 2025, eq. 4: 0.2 sqrt(max(rows,
        columns)) times the orthogonal matrix); weight_decay: decoupled; momentum: 0 to below 1.

    Raises ValueError on parameters that are not matrices. Reference: `torch.optim.Muon` with
    `adjust_lr_fn="match_rms_adamw"`.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        shapes = [tuple(p.shape) for group in self.param_groups for p in group["params"]]
        wrong = [shape for shape in shapes if len(shape) != 2]
        if wrong:
            raise ValueError(
                f"expected matrices for Muon, received a parameter of shape {wrong[0]}"
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update of every matrix that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move(parameter, group)
        return loss

    def move(self, parameter: Tensor, group: dict) -> None:
        """The update of one matrix."""
        gradient, state = parameter.grad, self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        direction = orthogonalize(gradient.lerp(average, group["momentum"]))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_(direction, alpha=group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def orthogonalize(matrix: Tensor) -> Tensor:
    """All singular values of (M, N) brought near 1 (0.7 to 1.2), the singular vectors kept."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
