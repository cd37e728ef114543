"""`estimate`: a mean with its standard error, and verdicts that keep two of them apart."""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

UNDECIDED: Final = "undecided"
Decision = bool | Literal["undecided"]
MARGIN = 2.0  # standard errors; no verdict of the course turns on less


@dataclass(frozen=True)
class Estimate:
    """A mean over repetitions and how far it may be off.

    Attributes:
        mean: of the values.
        standard_error: of the mean, 0 or more: spread of the values / sqrt(count).
        count: how many values there were, at least 2.
        of: what was repeated, in the plural ("seeds", "pictures").

    Raises:
        ValueError: a number that is not finite, a negative error, fewer than two values.
    """

    mean: float
    standard_error: float
    count: int
    of: str = "seeds"

    def __post_init__(self) -> None:
        given = repr(self.standard_error)
        for name in ("mean", "standard_error"):
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        if self.standard_error < 0:
            raise ValueError(f"standard_error must be 0 or more, received {given}")
        if type(self.count) is not int or self.count < 2:
            raise ValueError(f"count must be a whole number of at least 2, received {self.count!r}")
        if not isinstance(self.of, str) or not self.of.strip():
            raise ValueError(f"of must say what was repeated, received {self.of!r}")

    def above(self, threshold: float) -> Decision:
        """True if the mean lies at least two standard errors above `threshold`, False if at
        least two below (or exactly on it, without any spread), otherwise "undecided"."""
        threshold = _finite("threshold", threshold)
        distance, needed = self.mean - threshold, MARGIN * self.standard_error
        if distance > 0 and distance >= needed:
            return True
        return False if -distance >= needed else UNDECIDED

    def below(self, threshold: float) -> Decision:
        """As `above`, the other way round."""
        return Estimate(-self.mean, self.standard_error, self.count).above(
            -_finite("threshold", threshold)
        )

    def __str__(self) -> str:
        digits = _digits(self.mean, self.standard_error)
        mean, error = f"{self.mean:.{digits}f}", f"{self.standard_error:.{digits}f}"
        return f"{mean} ± {error} ({self.count} {self.of})"


def estimate(values: Any, of: str = "seeds", *, shared: float = 0.0) -> Estimate:
    """Mean and standard error of repeated measurements; for pairs, pass their differences.

    values: two or more finite numbers, e.g. one per seed (an array, a tensor or a list);
    of: what was repeated, in the plural;
    shared: a standard error, 0 or more, of what is the same for all values, e.g. of the one test
        that all seeds take: their spread does not show it. Its square is added.

    Raises ValueError on fewer than two values, on values that are not finite numbers in one row,
    on a negative `shared`, and on an empty `of`.
    """
    if _finite("shared", shared) < 0:
        raise ValueError(f"shared must be 0 or more, received {shared!r}")
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"values must be numbers, received {values!r}") from None
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"expected two or more values in one row, received shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, received {array.tolist()}")
    error = math.hypot(array.std(ddof=1) / math.sqrt(array.size), float(shared))
    return Estimate(float(array.mean()), float(error), array.size, of)


def estimate_over_tests(values: Any, of: str = "seeds", tests: str = "tests") -> Estimate:
    """Mean of a table (repetitions, tests), where each repetition was asked every one of the tests.

    of, tests: what repetitions and tests are called, where the estimate is told.

    Repetitions and tests were both drawn by chance, so the spread of either counts: that of the
    repetitions' means, and as `shared` that of the tests' means.

    Raises ValueError unless there are two or more of each, as finite numbers.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"expected (repetitions, tests), received shape {table.shape}")
    of_tests = estimate(table.mean(axis=0), tests)
    of = f"{of} on {of_tests.count} {tests}"
    return estimate(table.mean(axis=1), of, shared=of_tests.standard_error)


def all_of(*decisions: Decision) -> Decision:
    """False if any decision is False, else "undecided" if any is, else True.

    Raises ValueError for no decision at all, and for anything that is not one.
    """
    if not decisions:
        raise ValueError("expected at least one decision, received none")
    plain = [_decision(one) for one in decisions]
    if False in plain:
        return False
    return UNDECIDED if UNDECIDED in plain else True


def _decision(value: Any) -> Decision:
    if isinstance(value, str):
        if value == UNDECIDED:
            return UNDECIDED
    elif isinstance(value, bool | np.bool_):
        return bool(value)
    raise ValueError(f'a decision is True, False or "undecided", not {value!r}')


def _finite(name: str, value: Any) -> float:
    number = not isinstance(value, bool | str | bytes | bytearray) and np.ndim(value) == 0
    try:
        number = number and math.isfinite(float(value))
    except (TypeError, ValueError):
        number = False
    if not number:
        raise ValueError(f"{name} must be a finite number, received {value!r}")
    return float(value)


def _digits(mean: float, error: float) -> int:
    """Places after the point: two digits of the error, or three of the mean where it is 0."""
    size, shown = (error, 1) if error > 0 else (abs(mean), 2)
    if size == 0:
        return 1
    return min(max(shown - math.floor(math.log10(size)), 0), 9)
