"""Numbers of any kind to checked numpy arrays: tensors, tables, lists of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from vizkit.inputs.columns import as_list, is_missing

Array = np.ndarray


def as_numpy(name: str, value: Any) -> Any:
    """Return a tensor, or an array in a format of machine learning, as a plain numpy array.

    A tensor may require gradients, live on any device and have any dtype: bfloat16 and the formats
    of 8 bits become float32. Everything that is no tensor and no array comes back as it is.

    Raises:
        ValueError: a tensor without numbers (on the meta device), masked values.
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach()
        if str(getattr(value, "device", "")) == "meta":
            raise ValueError(f"{name} must hold numbers, got a tensor on the meta device")
        if getattr(value, "is_nested", False):  # rows of lengths of their own
            parts = [as_numpy(name, part) for part in value.unbind()]
            return np.stack(parts) if len({part.shape for part in parts}) == 1 else parts
        value = value.dequantize() if getattr(value, "is_quantized", False) else value
        if getattr(value, "is_sparse", False) or "sparse" in str(getattr(value, "layout", "")):
            value = value.to_dense()
        kind = str(getattr(value, "dtype", ""))
        if "bfloat16" in kind or "float8" in kind or "float4" in kind:
            value = value.float()
        for lazily in ("resolve_conj", "resolve_neg"):
            value = getattr(value, lazily)() if hasattr(value, lazily) else value
        return value.cpu().numpy()
    if isinstance(value, np.ma.MaskedArray):
        hidden = int(np.asarray(value.mask).sum())
        if hidden:
            raise ValueError(f"{name} must hold no missing values, got {hidden} that are masked")
        return value.data
    unknown = isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "V"
    if unknown and "float" in value.dtype.name:  # bfloat16 of ml_dtypes, as JAX returns it
        return np.asarray(value).astype(np.float32)
    return value


def as_array(name: str, value: Any, *, ndims: Sequence[int] | None = None) -> Array:
    """Return `value` as a finite float array.

    Takes numpy arrays, nested lists, tensors (see `as_numpy`), lists of any of these, and columns
    whose entries are vectors. Float64, and whole numbers that float32 cannot hold, become float64;
    everything else becomes float32.

    Args:
        name: the argument's name, for the message.
        value: the numbers.
        ndims: allowed numbers of dimensions; None allows any.

    Raises:
        TypeError: `value` holds no numbers.
        ValueError: the number of dimensions is not allowed, an axis is empty, or a value is NaN or
            infinite.
    """
    array = _real(name, value)
    if ndims is not None and array.ndim not in ndims:
        allowed = " or ".join(str(n) for n in ndims)
        raise ValueError(f"{name} must have {allowed} dimensions, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    wide = array.dtype.itemsize >= (8 if array.dtype.kind == "f" else 4)
    with np.errstate(over="ignore"):  # a longdouble beyond float64 is told below
        array = array.astype(np.float64 if wide else np.float32, copy=False)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} must be finite, got {bad} NaN or infinite value(s), the first at index {where}"
        )
    return array


def _real(name: str, value: Any) -> Array:
    """`value` as an array of real numbers, whatever it came in."""
    given, value = type(value).__name__, as_numpy(name, value)
    if not isinstance(value, np.ndarray) and not np.isscalar(value):
        value = _stacked(name, value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:  # ragged nested lists
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind == "O" and array.ndim == 1 and array.size and np.ndim(array[0]):
        return _real(name, list(array))  # an array whose entries are vectors
    if array.dtype.kind == "O" and array.size:
        array = _numbers_of(name, array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got {given} of dtype {array.dtype}")
    return array


def _numbers_of(name: str, array: Array) -> Array:
    """Numbers that are objects, as tables of nullable or of decimal columns give them, as floats.

    Whatever else is in there stays what it is.
    """
    flat = array.ravel().tolist()
    missing = sum(map(is_missing, flat))
    kinds = {type(one) for one in flat if not is_missing(one)}
    if not all(issubclass(kind, Real | Decimal) for kind in kinds):
        return array
    if missing and kinds:
        raise ValueError(f"{name} must hold no missing values, got {missing}")
    return array.astype(np.float64) if kinds else array


def _stacked(name: str, value: Any) -> Any:
    """Parts that numpy cannot read by itself, such as tensors in a list, as arrays in a list."""
    is_column = not isinstance(value, list | tuple) and (
        hasattr(value, "to_pylist") or hasattr(value, "to_list") or not hasattr(value, "__array__")
    )
    if is_column:
        try:
            value = as_list(name, value)
        except TypeError:  # a table, a set, a word: numpy says what it is
            return value
    if not isinstance(value, list | tuple):
        return value
    return [
        _stacked(name, part) if isinstance(part, list | tuple) else as_numpy(name, part)
        for part in value
    ]


def as_embeddings(
    name: str,
    value: Any,
    *,
    ndims: Sequence[int] = (2, 3),
    steps: Any = None,
) -> Array:
    """Return embeddings (N, D), or (steps, N, D) where `ndims` allows it, as `as_array` does.

    A list of vectors is (N, D). A list of batches (each (n, D), as a loop over a `DataLoader`
    leaves it) is refused: it may mean one long batch or the steps of a training, and only the
    caller knows. With a name in `steps` for each of its entries it means steps.

    Raises:
        TypeError, ValueError: as `as_array`; a list of batches.
    """
    batches = isinstance(value, list | tuple) and len(value) and _is_batch(value[0])
    named = hasattr(steps, "__len__") and batches and len(steps) == len(value)
    if batches and not named:
        raise ValueError(
            f"{name} must be one array, got a list of {len(value)} of them, the first of shape"
            f" {tuple(np.shape(as_numpy(name, value[0])))}. Join batches with torch.cat({name}) or"
            f" np.concatenate({name}); for the steps of a training, stack them, or give steps= a"
            " name for each"
        )
    return as_array(name, value, ndims=ndims)


def _is_batch(entry: Any) -> bool:
    """Whether an entry of a list is itself an array of vectors, or of more."""
    if hasattr(entry, "detach") or isinstance(entry, np.ndarray):
        return entry.ndim >= 2
    if isinstance(entry, list | tuple) and len(entry):  # a list of vectors that are tensors
        return hasattr(entry[0], "shape") and len(entry[0].shape) == 1
    return False
