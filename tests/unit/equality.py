"""How a test says that two implementations agree: values and gradients, at one set of tolerances.

@DTYPES
def test_mine_equals_theirs(dtype):
    assert_same_function(mine, theirs, (2, 5, 12), dtype, rename=their_name_as_mine)
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float64", "float32"])


def assert_close(received: Tensor, expected: Tensor | np.ndarray | float, what: str = "value"):
    """Fails unless the two agree to the tolerance of `received`'s type.

    The difference is measured against the largest expected value, or 1 if that is larger. An
    expected tensor of zeros fails too: equality with it would say nothing.
    """
    expected = torch.as_tensor(expected)
    assert received.shape == expected.shape, f"{what}: {received.shape} is not {expected.shape}"
    largest = expected.abs().max().item()
    assert largest > 0, f"{what}: all zero, so equality says nothing"
    difference = (received.double() - expected.double()).abs().max().item() / max(1.0, largest)
    assert difference <= TOLERANCE[received.dtype], f"{what}: differs by {difference:.2e}"


def assert_same_function(
    ours: nn.Module,
    reference: nn.Module,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    *,
    rename: Callable[[str], str] = lambda name: name,
    as_ours: Callable[[Tensor], Tensor] = lambda output: output,
    copy: bool = True,
) -> None:
    """Same weights, same input: same output, same gradients of the input and every parameter.

    shape: of the input, drawn from a normal distribution;
    rename: the reference's name of a parameter to ours;
    as_ours: the reference's output in the layout of ours;
    copy: give both the same random weights first; False if they already share theirs.
    """
    torch.manual_seed(0)
    ours.to(dtype)
    reference.to(dtype)
    if copy:
        fill(reference, scale=0.2)
        state = {rename(name): value for name, value in reference.state_dict().items()}
        ours.load_state_dict(state, strict=True)
    values = torch.randn(shape, dtype=dtype)
    inputs = [values.clone().requires_grad_() for _ in range(2)]
    outputs = [ours(inputs[0]), as_ours(reference(inputs[1]))]
    direction = torch.randn_like(outputs[0])
    for output in outputs:
        (output * direction).sum().backward()

    assert_close(*outputs, "output")
    assert_close(inputs[0].grad, inputs[1].grad, "gradient of the input")
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    expected = {rename(name): parameter.grad for name, parameter in reference.named_parameters()}
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert_close(gradient, expected[name], f"gradient of {name}")


def fill(module: nn.Module, seed: int = 0, scale: float = 0.3) -> None:
    """Random weights everywhere, so that no zero bias hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(scale * noise)


def value_and_gradients(function: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    """The scalar that `function` returns, and its gradient for every input."""
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    value = function(*leaves)
    return [value.detach(), *torch.autograd.grad(value, leaves)]
