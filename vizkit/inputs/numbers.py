"""Lengths and directions that are right for every finite number, from the smallest to the largest.

The rule of this package: a row of zeros has no direction, and its cosine with anything is 0. Where
a direction is needed, as in a matrix of similarities, such a row is refused by name.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def power_of_two(values: Array) -> int:
    """The exponent e such that values * 2**-e lie between -1 and 1, one of them from 0.5 on.

    Multiplying by a power of two changes no digit. 0 where all values are 0.
    """
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    return int(np.frexp(largest)[1]) if largest else 0


def unit_rows(rows: Array) -> Array:
    """Rows `(..., D)` at length 1, whatever their size; a row of zeros stays zero.

    Squares of 1e30 or 1e-30 leave the range of float32, and those of 1e-310 that of float64: each
    row is first multiplied by the power of two that brings its largest entry near 1.
    """
    peaks = np.abs(rows).max(-1, keepdims=True)
    exponents = np.frexp(np.where(peaks > 0, peaks, 1))[1]
    scaled = np.ldexp(rows, -exponents)
    lengths = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return scaled / np.where(lengths > 0, lengths, 1)


def nonzero_rows(name: str, rows: Array) -> Array:
    """The rows as they are; ValueError if one of them is all zeros and has no direction."""
    zero = ~rows.any(-1)
    if zero.any():
        where = tuple(int(index) for index in np.argwhere(zero)[0])
        raise ValueError(f"{name} must not hold zero vectors, got one at index {where}")
    return rows
