"""The sparse autoencoder against its formula, written out in float64, gradients included."""

import numpy as np
import pytest
import torch

from vizkit.models.sparse_autoencoder import SparseAutoencoder, unexplained


def model_and_tokens(active=3):
    torch.manual_seed(0)
    model = SparseAutoencoder(in_dim=5, num_features=12, active=active).double()
    with torch.no_grad():
        model.encoder.add_(0.1 * torch.randn(12, 5).double())
        model.middle.normal_()
    return model, torch.randn(7, 5, dtype=torch.float64)


def by_hand(model, tokens):
    """Codes (N, M), one token and one feature at a time."""
    encoder, middle = model.encoder.detach().numpy(), model.middle.detach().numpy()
    codes = np.zeros((len(tokens), len(encoder)))
    for row, token in enumerate(tokens.numpy()):
        scores = [float(((token - middle) * direction).sum()) for direction in encoder]
        for feature in sorted(range(len(scores)), key=lambda one: -scores[one])[: model.active]:
            codes[row, feature] = max(scores[feature], 0.0)
    return codes


@pytest.mark.parametrize("active", [1, 3, 12])
def test_codes_and_rebuilt_tokens_are_those_of_the_formula(active):
    model, tokens = model_and_tokens(active)
    rebuilt, codes = model(tokens)
    expected = by_hand(model, tokens)
    np.testing.assert_allclose(codes.detach().numpy(), expected, atol=1e-12)
    directions, middle = model.directions.detach().numpy(), model.middle.detach().numpy()
    np.testing.assert_allclose(rebuilt.detach().numpy(), expected @ directions + middle, atol=1e-12)
    assert ((codes > 0).sum(dim=-1) <= active).all()


def test_gradients_are_those_of_the_chosen_features_alone():
    model, tokens = model_and_tokens()
    unexplained(tokens, model(tokens)[0]).backward()
    codes = torch.from_numpy(by_hand(model, tokens))  # (N, M)
    with torch.no_grad():
        error = 2 * (codes @ model.directions + model.middle - tokens)
        error /= (tokens - tokens.mean(0)).square().sum()
        to_codes = (error @ model.directions.T) * (codes > 0)  # (N, M)
        expected = {
            "directions": codes.T @ error,
            "encoder": to_codes.T @ (tokens - model.middle),
            "middle": error.sum(0) - (to_codes @ model.encoder).sum(0),
        }
    for name, gradient in expected.items():
        torch.testing.assert_close(getattr(model, name).grad, gradient, atol=1e-12, rtol=1e-9)


def test_gradients_agree_with_differences():
    model, tokens = model_and_tokens()
    tokens.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: model(x)[0], (tokens,))


def test_leading_dimensions_are_kept():
    model, tokens = model_and_tokens()
    rebuilt, codes = model(tokens.reshape(7, 1, 5).expand(7, 2, 5))
    assert rebuilt.shape == (7, 2, 5)
    assert codes.shape == (7, 2, 12)
    torch.testing.assert_close(codes[:, 1], model.encode(tokens))


def test_directions_come_back_to_length_one():
    model, _ = model_and_tokens()
    with torch.no_grad():
        model.directions.mul_(3.0)
    model.normalize_directions()
    torch.testing.assert_close(model.directions.norm(dim=-1), torch.ones(12).double())


def test_unexplained_is_one_for_the_mean_and_zero_for_the_tokens():
    _, tokens = model_and_tokens()
    assert unexplained(tokens, tokens).item() == 0
    assert abs(unexplained(tokens, tokens.mean(0).expand_as(tokens)).item() - 1) < 1e-12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_dim": 0, "num_features": 4, "active": 1}, "in_dim"),
        ({"in_dim": 4, "num_features": 4, "active": 5}, "at most 4"),
        ({"in_dim": 4, "num_features": 4, "active": 0}, "active"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder(**options)


def test_tokens_of_another_width_are_refused():
    model, tokens = model_and_tokens()
    with pytest.raises(ValueError, match=r"\(\.\.\., 5\)"):
        model.encode(tokens[:, :4])
    with pytest.raises(ValueError, match="rebuilt"):
        unexplained(tokens, tokens[:3])
