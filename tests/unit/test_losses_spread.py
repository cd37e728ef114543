"""SIGReg against the closed form of its integral in float64, gradients included."""

import math

import numpy as np
import pytest
import torch

from vizkit.losses import sigreg


def closed_form(projected: np.ndarray) -> tuple[float, np.ndarray]:
    """Epps and Pulley's statistic of (N,) numbers, and its gradient, with the integral done by hand.

    |mean exp(itx)|² gives exp(-(xj - xk)²/2), the mixed term exp(-xj²/4), the aim alone a constant.
    """
    n = len(projected)
    apart = projected[:, None] - projected[None]  # (N, N)
    pairs = np.exp(-(apart**2) / 2)
    own = np.exp(-(projected**2) / 4)
    value = (
        math.sqrt(2 * math.pi) * pairs.sum() / n
        - 2 * math.sqrt(math.pi) * own.sum()
        + n * math.sqrt(2 * math.pi / 3)
    )
    slope = (
        -2 * math.sqrt(2 * math.pi) / n * (apart * pairs).sum(1)
        + math.sqrt(math.pi) * projected * own
    )
    return value, slope


def by_hand(embeddings: np.ndarray, directions: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and gradient for embeddings (N, D): the mean over the directions (D, M)."""
    unit = directions / np.sqrt((directions**2).sum(0))
    found = [closed_form(embeddings @ one) for one in unit.T]
    value = np.mean([value for value, _ in found])
    slope = np.mean([np.outer(g, one) for (_, g), one in zip(found, unit.T, strict=True)], axis=0)
    return value, slope


def data(n=40, d=6, m=5, spread=1.0, shift=0.0, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    return draw(n, d) * spread + shift, draw(d, m)


@pytest.mark.parametrize(("spread", "shift"), [(1.0, 0.0), (0.05, 0.0), (0.3, 0.7), (0.0, 0.4)])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_sigreg_equals_its_closed_form_and_so_do_its_gradients(n, spread, shift):
    embeddings, directions = data(n=n, spread=spread, shift=shift)
    embeddings.requires_grad_()
    value = sigreg(embeddings, directions)
    value.backward()
    expected, slope = by_hand(embeddings.detach().numpy(), directions.numpy())
    # 17 points from -5 to 5: the integral is cut off where its weight is exp(-12.5).
    assert value.item() == pytest.approx(expected, rel=2e-4, abs=2e-5 * n)
    assert np.allclose(embeddings.grad.numpy(), slope, rtol=1e-3, atol=1e-4)


def test_normal_embeddings_score_low_collapsed_ones_high():
    embeddings, directions = data(n=2000, m=64)
    best = sigreg(embeddings, directions)
    assert 0.5 < best < 2
    for worse in (0 * embeddings, 2 * embeddings, embeddings + 0.5, embeddings.sign()):
        assert sigreg(worse, directions) > 5 * best
    line = embeddings[:, :1].expand(-1, 6)  # every direction of it is normal, but not of variance 1
    assert sigreg(line, directions) > 5 * best


def test_a_step_against_the_gradient_spreads_a_collapsed_batch():
    embeddings, directions = data(n=64, d=4, m=256, spread=0.01)
    embeddings.requires_grad_()
    for _ in range(200):
        (slope,) = torch.autograd.grad(sigreg(embeddings, directions), embeddings)
        embeddings = (embeddings - 0.3 * slope).detach().requires_grad_()
    spread = torch.linalg.eigvalsh(torch.cov(embeddings.detach().T))
    assert spread.min() > 0.5
    assert spread.max() < 1.5


def test_the_length_of_a_direction_does_not_count():
    embeddings, directions = data()
    assert torch.allclose(sigreg(embeddings, directions), sigreg(embeddings, 7 * directions))


def test_half_precision_is_computed_in_float32():
    embeddings, directions = data()
    half = sigreg(embeddings.half(), directions.half())
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(sigreg(embeddings, directions).item(), rel=2e-2)


@pytest.mark.parametrize(
    ("embeddings", "directions", "error", "words"),
    [
        (torch.ones(3), torch.ones(3, 2), ValueError, "two axes"),
        (torch.ones(4, 3), torch.ones(2, 3), ValueError, r"expected directions \(3, M\)"),
        (torch.ones(0, 3), torch.ones(3, 2), ValueError, "two axes"),
        (torch.ones(4, 3, dtype=torch.long), torch.ones(3, 2), TypeError, "floats"),
        ([[1.0]], torch.ones(1, 2), TypeError, r"\[\[1.0\]\]"),
    ],
)
def test_bad_input_is_named(embeddings, directions, error, words):
    with pytest.raises(error, match=words):
        sigreg(embeddings, directions)
