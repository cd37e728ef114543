"""Muon against torch's own, which rounds to bfloat16, and against the singular values."""

import pytest
import torch
from torch import nn

from vizkit.training.muon import Muon, orthogonalize


def test_it_moves_weights_as_torchs_does():
    """Within what bfloat16 can hold, over several steps with momentum and weight decay."""
    ours, theirs = (nn.Parameter(torch.empty(24, 10)) for _ in range(2))
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(24, 10, generator=generator)
    for parameter in (ours, theirs):
        parameter.data.copy_(start)
    settings = {"lr": 0.01, "weight_decay": 0.1}
    optimizers = [
        Muon([ours], **settings),
        torch.optim.Muon([theirs], adjust_lr_fn="match_rms_adamw", **settings),
    ]
    for _ in range(5):
        gradient = torch.randn(24, 10, generator=generator)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    found = orthogonalize(matrix)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    middle = left.T @ found @ right.T  # diagonal if the singular vectors stayed
    values = middle.diagonal()
    torch.testing.assert_close(middle, torch.diag(values), atol=1e-9, rtol=0)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_momentum_remembers_and_a_missing_gradient_moves_nothing():
    torch.manual_seed(0)
    moved, still = nn.Parameter(torch.zeros(4, 4)), nn.Parameter(torch.ones(4, 4))
    optimizer = Muon([moved, still], lr=0.1, weight_decay=0.0)
    moved.grad = torch.randn(4, 4)
    loss = optimizer.step(lambda: moved.sum())
    before = moved.detach().clone()
    moved.grad = torch.zeros(4, 4)
    optimizer.step()
    assert loss == 0
    assert not torch.equal(before, moved)
    assert torch.equal(still, torch.ones(4, 4))


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"expected matrices.*\(5,\)"):
        Muon([nn.Parameter(torch.zeros(5))])
