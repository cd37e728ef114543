"""A sparse autoencoder: each token as the sum of a few directions out of many."""

import torch
from torch import Tensor, nn

from vizkit.models.checks import check_tensor, check_whole


class SparseAutoencoder(nn.Module):
    """Tokens (..., D) to rebuilt tokens (..., D) and codes (..., M), of which `active` are not 0.

    in_dim: D; num_features: M, usually several times D; active: how many features a token may use.

    A code is ReLU(W (x - b)), of which the `active` largest stay; a token is rebuilt as the codes
    times the features' directions, plus b. The directions are rows of length 1, see
    `normalize_directions`.

    Sources: Makhzani and Frey 2013, "k-Sparse Autoencoders", algorithm 1; Gao et al. 2024, "Scaling
    and evaluating sparse autoencoders" (2406.04093), section 2.3; on vision-language models Pach
    et al. 2025 (2504.02821).
    """

    def __init__(self, *, in_dim: int, num_features: int, active: int) -> None:
        super().__init__()
        check_whole(in_dim=in_dim, num_features=num_features, active=active)
        if active > num_features:
            raise ValueError(
                f"expected active of at most {num_features} features, received {active}"
            )
        self.active = active
        directions = nn.functional.normalize(torch.randn(num_features, in_dim), dim=-1)
        self.directions = nn.Parameter(directions)  # (M, D)
        self.encoder = nn.Parameter(directions.clone())  # (M, D), starts as the transpose (tied)
        self.middle = nn.Parameter(torch.zeros(in_dim))  # (D,): b

    def encode(self, tokens: Tensor) -> Tensor:
        """Tokens (..., D) to codes (..., M), not negative, at most `active` above 0."""
        width = self.middle.shape[0]
        if not isinstance(tokens, Tensor) or tokens.shape[-1:] != (width,):
            shape = tuple(tokens.shape) if isinstance(tokens, Tensor) else type(tokens).__name__
            raise ValueError(f"expected tokens (..., {width}), received {shape}")
        scores = (tokens - self.middle) @ self.encoder.T  # (..., M)
        largest, places = scores.topk(self.active, dim=-1)  # (..., active)
        return torch.zeros_like(scores).scatter(-1, places, largest.relu())  # (..., M)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (..., M) to tokens (..., D)."""
        return codes @ self.directions + self.middle  # (..., D)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        codes = self.encode(tokens)  # (..., M)
        return self.decode(codes), codes

    @torch.no_grad()
    def normalize_directions(self) -> None:
        """Bring every direction back to length 1, so that a code says how much of it there is."""
        self.directions.copy_(nn.functional.normalize(self.directions, dim=-1))


def unexplained(tokens: Tensor, rebuilt: Tensor) -> Tensor:
    """The share of the tokens' variance that is missing in `rebuilt`, a scalar; (N, D) each.

    0 is perfect, 1 is as good as the mean token.
    """
    check_tensor("tokens", tokens, "(N, D)")
    if rebuilt.shape != tokens.shape:
        raise ValueError(f"expected rebuilt {tuple(tokens.shape)}, received {tuple(rebuilt.shape)}")
    return (tokens - rebuilt).square().sum() / (tokens - tokens.mean(0)).square().sum()
