"""Rotary position embedding (RoPE, Su et al. 2021): its place turns a token's query and key.

The channels of a head are taken in pairs, and a pair is a point in the plane. It is turned by the
angle frequency x place. The score q·k then depends on the difference of two places only: turning
both points by the same angle leaves the angle between them as it was.
"""

import torch
from torch import Tensor

from vizkit.models.checks import check_positive, check_rotation, check_whole


def rotate(heads: Tensor, rotation: Tensor) -> Tensor:
    """Turn every pair of channels of `heads` (B, H, T, d) by its angle.

    `rotation` holds the cosines and sines of the angles, (2, T, d/2) or (2, H, T, d/2). Pairs are
    neighbours, (0, 1), (2, 3), ..., as in Su et al. 2021, eq. 34, and timm `apply_rot_embed`.
    Raises ValueError if the shapes do not fit.
    """
    check_rotation(heads, rotation)
    # A pair as one complex number is turned by one product, twice as fast as in real numbers.
    # Half precision has no such product.
    exact = torch.promote_types(heads.dtype, torch.float32)
    pairs = torch.view_as_complex(heads.to(exact).unflatten(-1, (-1, 2)))  # (B, H, T, d/2)
    turn = torch.complex(*rotation.to(exact))  # (T, d/2) or (H, T, d/2), cos + i sin
    return torch.view_as_real(pairs * turn).flatten(-2).to(heads.dtype)  # (B, H, T, d)


def rotation_of(places: Tensor, frequencies: Tensor) -> Tensor:
    """Cosines and sines (2, ..., T, d/2) of the angles that belong to places (T, 2).

    `frequencies` (2, ..., d/2) are radians per row (index 0) and per column (index 1).
    """
    along_rows, along_columns = frequencies.unsqueeze(-2)  # (..., 1, d/2) each
    row, column = places.unsqueeze(-1).unbind(1)  # (T, 1) each
    # Not a matrix product: automatic mixed precision would round that to 8 or 11 bits.
    angles = row * along_rows + column * along_columns  # (..., T, d/2)
    return torch.stack([angles.cos(), angles.sin()])  # (2, ..., T, d/2)


def axial_frequencies(head_dim: int, temperature: float = 100.0) -> Tensor:
    """Frequencies (2, d/2) of RoPE-Axial, float64: a pair turns with the row or with the column.

    The first half of the pairs belongs to the rows, the second to the columns (Heo et al. 2024,
    with their temperature; timm `RotaryEmbeddingCat`).
    """
    inv_freq = inv_freq_of(head_dim, temperature)  # (d/4,)
    still = torch.zeros_like(inv_freq)
    return torch.stack([torch.cat([inv_freq, still]), torch.cat([still, inv_freq])])  # (2, d/2)


def mixed_frequencies(
    depth: int, num_heads: int, head_dim: int, temperature: float = 10.0
) -> Tensor:
    """Frequencies (2, depth, H, d/2) from which RoPE-Mixed starts: every pair sees both axes.

    A pair's two frequencies are an arrow over the image. Each head of each layer draws a direction
    for the first half of its pairs; the second half stands at right angles to it (Heo et al. 2024,
    with their temperature; timm `init_random_2d_freqs`).
    """
    check_whole(depth=depth, num_heads=num_heads)
    inv_freq = inv_freq_of(head_dim, temperature).to(torch.get_default_dtype()).repeat(2)  # (d/2,)
    direction = 2 * torch.pi * torch.rand(depth, num_heads, 1)  # (depth, H, 1)
    across = torch.arange(2).repeat_interleave(head_dim // 4) * torch.pi / 2  # (d/2,)
    direction = direction + across  # (depth, H, d/2)
    return torch.stack(
        [inv_freq * direction.cos(), inv_freq * direction.sin()]
    )  # (2, depth, H, d/2)


def inv_freq_of(head_dim: int, temperature: float) -> Tensor:
    """temperature^(-4t/d), t = 0 .. d/4 - 1, in radians per patch: from 1 towards 1/temperature.

    In float64. Raises ValueError if `head_dim` is not a multiple of 4: pairs for two axes.
    """
    check_whole(head_dim=head_dim)
    check_positive(temperature=temperature)
    if head_dim % 4:
        raise ValueError(
            f"expected embed_dim / num_heads to be a multiple of 4, received {head_dim}"
        )
    quarter = head_dim // 4
    return temperature ** -(torch.arange(quarter, dtype=torch.float64) / quarter)  # (d/4,)
