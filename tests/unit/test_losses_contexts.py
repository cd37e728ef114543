"""The losses where a training may put them: compiled, autocast, half precision, checkpointed."""

import contextlib
import shutil

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from tests.losses import assert_close, random_features
from vizkit.losses import info_nce, sigmoid_loss

LOSSES = {
    "info_nce": (info_nce, (30.0,), {}),
    "info_nce in blocks": (info_nce, (30.0,), {"block_size": 8}),
    "sigmoid": (sigmoid_loss, (30.0, -10.0), {}),
    "sigmoid in blocks": (sigmoid_loss, (30.0, -10.0), {"block_size": 8}),
}


def leaves(name, dtype=torch.float32, n=37):
    scalars = [torch.tensor(value) for value in LOSSES[name][1]]
    return [one.requires_grad_() for one in (*random_features(n, dtype), *scalars)]


def numbers(name, given, call=lambda loss, *x: loss(*x), context=None):
    """Value and gradients of a loss that is computed in some context; backward runs outside of it."""
    loss, _, settings = LOSSES[name]
    with context or contextlib.nullcontext():
        value = call(lambda *inputs: loss(*inputs, **settings), *given)
    return [value.detach(), *torch.autograd.grad(value, given)]


@pytest.mark.parametrize("name", LOSSES)
def test_checkpointed(name):
    given = leaves(name)
    found = numbers(name, given, lambda loss, *x: checkpoint(loss, *x, use_reentrant=False))
    assert_close(found, numbers(name, given), 1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_deterministic_algorithms(name):
    given = leaves(name)
    expected = numbers(name, given)
    torch.use_deterministic_algorithms(True)
    try:
        first, again = numbers(name, given), numbers(name, given)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(map(torch.equal, first, again))
    assert_close(first, expected, 1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_autocast(name):
    given = leaves(name)
    found = numbers(name, given, context=torch.autocast("cpu", torch.bfloat16))
    assert found[0].dtype == torch.float32
    assert_close(found, numbers(name, given), 1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", LOSSES)
def test_half_precision(name, dtype):
    """The same numbers as in float32, from the same rounded features."""
    given = leaves(name, dtype)
    found = numbers(name, given)
    expected = numbers(name, [one.detach().float().requires_grad_() for one in given])
    assert found[0].dtype == torch.float32
    assert found[1].dtype == dtype
    assert_close(found[:1], expected[:1], 1e-6)
    for one, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(one.float(), other, rtol=2**-7, atol=1e-6)


@pytest.mark.skipif(
    not any(shutil.which(one) for one in ("c++", "g++", "clang++")), reason="no compiler"
)
@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_compiled(name):
    """Case 02: the gradients of the compiled InfoNCE were wrong, its value was right."""
    torch._dynamo.reset()
    compiled = torch.compile(LOSSES[name][0])
    given = leaves(name)
    found = numbers(name, given, lambda _, *inputs: compiled(*inputs, **LOSSES[name][2]))
    expected = numbers(name, given)
    assert_close(found, expected, 1e-5)
    for one, other in zip(found[1:], expected[1:], strict=True):
        assert (one - other).norm() <= 1e-4 * other.norm()
