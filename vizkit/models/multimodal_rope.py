"""Multimodal RoPE: one rule of places for words and pictures in one sequence (Qwen2-VL, Qwen3-VL)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vizkit.models.checks import check_choice, check_pair, check_tensor, check_whole

LAYOUTS = ("sections", "interleaved")


def multimodal_places(parts: Sequence[int | tuple[int, int]]) -> Tensor:
    """(time, row, column) of every token of a sequence of words and pictures: (T, 3), whole numbers.

    parts: a number of words, or (rows, columns) of a picture's tokens, in their order. Words count
    on in all three; the tokens of a picture share one time, and their rows and columns count from
    there. What follows a picture starts after its longer side. Words alone stand where RoPE in one
    dimension puts them. Source: Wang et al. 2024, Qwen2-VL (2409.12191), section 2.1, figure 3.

    Raises ValueError for no parts and for sizes that are not positive.
    """
    if not parts:
        raise ValueError("expected at least one part, received none")
    found, start = [], 0
    for part in parts:
        if isinstance(part, tuple | list):
            check_pair("picture", part)
            grid = torch.cartesian_prod(*(torch.arange(side) for side in part))  # (N, 2)
            place = torch.cat([torch.zeros_like(grid[:, :1]), grid], dim=1)  # (N, 3)
            length = max(part)
        else:
            check_whole(words=part)
            place = torch.arange(part)[:, None].expand(-1, 3)  # (N, 3)
            length = part
        found.append(start + place)
        start += length
    return torch.cat(found)  # (T, 3)


def multimodal_rotation(
    places: Tensor,
    *,
    sections: tuple[int, int, int],
    layout: str = "sections",
    temperature: float = 1e6,
) -> Tensor:
    """Cosines and sines (2, T, d/2) for `rotate`, from places (T, 3) in time, row and column.

    sections: how many of the d/2 pairs turn with time, row and column; Qwen2-VL has (16, 24, 24);
    layout: "sections" gives the fastest pairs to time, the slowest to columns (Qwen2-VL);
        "interleaved" deals them out in turn, so that each axis has fast and slow ones (Qwen3-VL).

    Raises ValueError for sections or a temperature that are not positive, and for another layout.
    """
    check_tensor("places", places, "(T, 3)")
    check_choice("layout", layout, LAYOUTS)
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, received {temperature!r}")
    check_whole(**dict(zip(("time", "rows", "columns"), sections, strict=True)))
    pairs = sum(sections)
    inv_freq = temperature ** -(torch.arange(pairs, dtype=torch.float64) / pairs)  # (d/2,)
    axis = axis_of_pairs(sections, layout)  # (d/2,), 0 to 2
    angles = places.double()[:, axis] * inv_freq  # (T, d/2)
    return torch.stack([angles.cos(), angles.sin()]).to(torch.get_default_dtype())  # (2, T, d/2)


def axis_of_pairs(sections: tuple[int, int, int], layout: str) -> Tensor:
    """Which axis each pair of channels turns with: (d/2,) of 0 (time), 1 (row) or 2 (column)."""
    if layout == "sections":
        return torch.arange(3).repeat_interleave(torch.tensor(sections))  # (d/2,)
    axis = torch.zeros(sum(sections), dtype=torch.long)  # (d/2,)
    for number, count in ((1, sections[1]), (2, sections[2])):
        axis[number : 3 * count : 3] = number
    return axis
