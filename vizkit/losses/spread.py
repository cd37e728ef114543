"""SIGReg: keeps embeddings from collapsing, by asking that every direction of them looks normal."""

import torch
from torch import Tensor

POINTS, REACH = 17, 5.0  # LeJEPA, Algorithm 1: the integral over t, from -5 to 5


def sigreg(embeddings: Tensor, directions: Tensor) -> Tensor:
    """How far embeddings (N, D) are from N(0, 1) in every one of the directions (D, M); a scalar.

    Sketched isotropic Gaussian regularisation: the embeddings are projected on M directions, which
    should be drawn anew in each step (their length does not matter), and the statistic of Epps and
    Pulley of each projection x is averaged. It compares the mean of exp(i t x) over the batch, the
    empirical characteristic function, with that of the standard normal distribution, exp(-t²/2):

        N · ∫ |mean exp(i t x) - exp(-t²/2)|² exp(-t²/2) dt

    by the trapezoid rule on 17 points. All equal embeddings give the largest values, N(0, I) the
    smallest, about 1. Half precision is computed in float32.

    Raises ValueError for other shapes, TypeError for numbers that are not floating-point.
    Source: Balestriero and LeCun 2025, LeJEPA (2511.08544), §4 and Algorithm 1.
    """
    check_spread(embeddings, directions)
    if embeddings.dtype in (torch.float16, torch.bfloat16):
        embeddings, directions = embeddings.float(), directions.float()
    unit = directions / directions.norm(dim=0)  # (D, M)
    places = torch.linspace(
        -REACH, REACH, POINTS, dtype=embeddings.dtype, device=embeddings.device
    )  # (T,)
    normal = torch.exp(-places.square() / 2)  # (T,): the aim, and the weight of each place
    angles = (embeddings @ unit)[..., None] * places  # (N, M, T)
    # The aim is real: its distance to a complex mean is that of the cosines, and the sines.
    distance = (angles.cos().mean(0) - normal).square() + angles.sin().mean(0).square()  # (M, T)
    return len(embeddings) * torch.trapezoid(distance * normal, places, dim=-1).mean()


def check_spread(embeddings: Tensor, directions: Tensor) -> None:
    """Raises unless the embeddings are (N, D) and the directions (D, M), of floats."""
    for name, value in (("embeddings", embeddings), ("directions", directions)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = repr(value)
            if isinstance(value, Tensor):
                kind = f"a {value.dtype} tensor of shape {tuple(value.shape)}"
            raise TypeError(f"expected {name} to be a tensor of floats, received {kind}")
        if value.ndim != 2 or 0 in value.shape:
            raise ValueError(f"expected {name} with two axes, received {tuple(value.shape)}")
    if embeddings.shape[1] != directions.shape[0]:
        raise ValueError(
            f"expected directions ({embeddings.shape[1]}, M) for embeddings "
            f"{tuple(embeddings.shape)}, received {tuple(directions.shape)}"
        )
