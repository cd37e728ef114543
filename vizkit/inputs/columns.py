"""Columns of any kind to lists, in the order in which a person sees their entries."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping, Set
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

NO_COLUMNS = (str, bytes, bytearray, Image.Image, Mapping, Set)  # a set has no order


def as_list(name: str, value: Any, count: int | None = None, *, what: str = "entries") -> list[Any]:
    """Return the entries of a column by position, never by the label of an index.

    Takes lists, tuples, ranges, numpy arrays, tensors, columns of pandas (with any index), polars,
    Arrow and Hugging Face datasets, and generators. What an endless generator yields beyond `count`
    is not asked for.

    Args:
        name: the argument's name, for the message.
        value: the column.
        count: how many entries it must have; None allows any number.
        what: what the entries are called in the message.

    Raises:
        TypeError: no column: one text, a picture, a mapping, a set, a whole table.
        ValueError: another number of entries came.
    """
    wanted = what if count is None else f"{count} {what}"
    ordered = isinstance(value, KeysView)  # unlike other sets
    if (isinstance(value, NO_COLUMNS) and not ordered) or not _can_be_read(value):
        raise TypeError(f"{name} must be a sequence of {wanted}, got {type(value).__name__}")
    if _is_table(value):
        raise TypeError(
            f"{name} must be one column with {wanted}, got a whole table, {type(value).__name__}:"
            " choose a column of it"
        )
    found = _entries(name, value, wanted, count)
    if count is not None and len(found) != count:
        came = f"{len(found)} or more" if len(found) > count and _is_endless(value) else len(found)
        raise ValueError(f"{name} must hold {wanted}, one for each item, got {came}")
    return found


def _can_be_read(value: Any) -> bool:
    """Whether entries come by iterating, or by whole numbers as from a `Dataset` of torch."""
    return isinstance(value, Iterable) or (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    )


def _is_table(value: Any) -> bool:
    """Whether this has columns, each with a name: iterating would give the names, or rows."""
    columns = getattr(value, "column_names", None)
    if columns is None:
        columns = getattr(value, "columns", None)
    return columns is not None and not callable(columns)


def _is_endless(value: Any) -> bool:
    return not hasattr(value, "__len__")


def _entries(name: str, value: Any, wanted: str, count: int | None) -> list[Any]:
    if hasattr(value, "detach"):  # a tensor: numbers where it is flat, else its rows
        return (
            value.detach().cpu().tolist() if value.ndim == 1 else list(_rows(name, value, wanted))
        )
    for method in ("to_pylist", "to_list", "tolist"):  # Arrow; polars and pandas; numpy
        # An array of numpy with several axes stays an array of rows: pictures, vectors.
        if hasattr(value, method) and getattr(value, "ndim", 1) == 1:
            return list(getattr(value, method)())
    if isinstance(value, np.ndarray):
        return list(_rows(name, value, wanted))
    if _is_endless(value):
        return list(islice(value, None if count is None else count + 1))
    if not isinstance(value, Iterable):
        return [value[index] for index in range(len(value))]
    return list(value)


def _rows(name: str, value: Any, wanted: str) -> Any:
    if value.ndim == 0:
        raise TypeError(f"{name} must be a sequence of {wanted}, got one number of shape ()")
    return value


def is_missing(value: Any) -> bool:
    """Whether an entry of a column says that there is nothing: None, NaN, or pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def as_texts(
    name: str, value: Any, count: int | None = None, *, missing: str | None = None
) -> list[str]:
    """Return the strings of a column as they came; NUL characters become '␀'.

    Args:
        name, value, count: as for `as_list`.
        missing: what stands for a missing entry; None refuses it.

    Raises:
        TypeError: no column, or an entry that is no string.
        ValueError: another number of strings came.
    """
    texts = as_list(name, value, count, what="strings")
    for index, item in enumerate(texts):
        if missing is not None and is_missing(item):
            texts[index] = missing
        elif not isinstance(item, str):
            raise TypeError(f"{name}[{index}] must be a string, got {type(item).__name__}")
        else:
            texts[index] = str(item).replace("\0", "␀")
    return texts
