"""Whether two answers agree, and where they differ: numbers, texts, arrays, and lists of them."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any

import numpy as np

# Half precision keeps 11 or 8 bits; a few roundings on the way are no mistake of the learner.
HALF_TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2}


def to_numpy(value: Any) -> Any:
    """Tensors, and tensors in lists, tuples and dictionaries, as arrays; numbers as they are."""
    if hasattr(value, "detach"):
        try:
            return _numbers_of(value.detach())
        except (RuntimeError, TypeError):  # a tensor on the meta device holds no numbers
            return value
    if isinstance(value, dict):
        return {key: to_numpy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_numpy(item) for item in value]
    return value


def _numbers_of(tensor: Any) -> Any:
    """A tensor of any kind as an array; of rows of different lengths, as a list of arrays."""
    if tensor.is_nested:
        return [_numbers_of(row) for row in tensor.unbind()]
    tensor = tensor.cpu()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if str(tensor.layout) != "torch.strided":  # a sparse answer is as right as a full one
        tensor = tensor.to_dense()
    if str(tensor.dtype).startswith(("torch.bfloat16", "torch.float8")):  # numpy has no such type
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().numpy()  # torch may leave both until it is read


def is_blank(value: Any) -> bool:
    """Whether a part of the answer is still the `...` of the stub."""
    if isinstance(value, list):
        return any(is_blank(item) for item in value)
    return value is Ellipsis


def half_precision(answers: Any) -> str:
    """ "float16" or "bfloat16" if an answer, or a part of one, is of that type, else ""."""
    if isinstance(answers, dict):
        answers = list(answers.values())
    if isinstance(answers, list | tuple):
        return next(filter(None, map(half_precision, answers)), "")
    name = str(getattr(answers, "dtype", "")).removeprefix("torch.")
    return name if name in HALF_TOLERANCE else ""


def cannot_hold(half: str, received: list[Any], expected: list[Any]) -> bool:
    """Whether whole numbers were asked for and these are what `half` makes of them."""
    pairs = [
        (as_array(one), as_array(other)) for one, other in zip(received, expected, strict=True)
    ]
    return all(
        one is not None
        and other is not None
        and other.dtype.kind in "iu"
        and one.size == other.size
        and bool((one.ravel() == _rounded(half, other).ravel()).all())
        for one, other in pairs
    )


def _rounded(half: str, array: np.ndarray) -> np.ndarray:
    """Numbers as float16 or bfloat16 keeps them: to the nearest, a tie to the even one."""
    if half == "float16":
        with np.errstate(over="ignore"):
            return array.astype(np.float16).astype(float)
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def all_same(received: list[Any], expected: list[Any], tolerance: float) -> bool:
    """Whether the answers to all inputs agree, input by input."""
    return all(is_same(*pair, tolerance) for pair in zip(received, expected, strict=True))


def is_same(received: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(received, dict) or isinstance(expected, dict):
        return (
            isinstance(received, dict)
            and isinstance(expected, dict)
            and received.keys() == expected.keys()
            and all(is_same(received[key], expected[key], tolerance) for key in expected)
        )
    if isinstance(expected, str):
        return isinstance(received, str) and _folded(received) == _folded(expected)
    other = as_array(expected)
    if other is None or (isinstance(expected, list) and _holds_texts(expected)):
        return (
            isinstance(received, list)
            and len(received) == len(expected)
            and all(map(is_same, received, expected, [tolerance] * len(expected)))
        )
    one = as_array(received)
    if one is not None and other.ndim == 0 and one.size == 1:
        one = one.reshape(())  # one number in brackets is that number
    if one is None or one.shape != other.shape:
        return False
    if other.dtype.kind == "b" or (other.ndim == 0 and one.dtype.kind == "b"):
        return one.dtype.kind == other.dtype.kind and bool((one == other).all())
    if other.dtype.kind in "iu":  # counted, not measured
        return bool((one == other).all())
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True))


def _folded(text: str) -> str:
    return text.strip().casefold()


def _holds_texts(values: list[Any]) -> bool:
    return any(isinstance(value, str | list | dict) for value in values)


def as_array(value: Any) -> np.ndarray | None:
    try:
        if isinstance(value, Fraction | Decimal) or (
            isinstance(value, int) and value.bit_length() > 63
        ):
            value = float(value)
        array = np.asarray(value)
        if array.dtype == object and array.size:  # fractions, or numbers that were kept as objects
            ones = set(map(type, array.flat))
            if ones <= {bool, np.bool_}:
                array = array.astype(bool)
            elif all(issubclass(one, Number) for one in ones):
                array = array.astype(float)
    except (ValueError, OverflowError):  # rows of different lengths; a number beyond all floats
        return None
    except (RuntimeError, TypeError):  # a tensor without numbers; complex numbers among objects
        return None
    return array if array.dtype.kind in "biufc" else None


def shape_of(value: Any) -> tuple[int, ...] | None:
    array = as_array(value)
    return None if array is None else array.shape


def is_ragged(value: Any) -> bool:
    """Whether it is a list of arrays that do not make one array."""
    return (
        isinstance(value, list)
        and as_array(value) is None
        and all(as_array(part) is not None for part in value)
    )


def count_numbers(arguments: Iterable[Any]) -> int:
    return sum(
        count_numbers(one)
        if is_ragged(one)
        else 0
        if (array := as_array(one)) is None
        else array.size
        for one in arguments
    )


def holds_numbers_for_booleans(got: Any, wanted: Any) -> bool:
    one, other = as_array(got), as_array(wanted)
    return other is not None and one is not None and other.dtype.kind == "b" != one.dtype.kind


def first_difference(got: Any, wanted: Any, tolerance: float) -> tuple[str, Any, Any]:
    """Where two answers of one shape differ first, and the two entries there."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        key = next((k for k in wanted if not is_same(got.get(k), wanted[k], tolerance)), None)
        if key is not None:
            return f"the entry {key!r}", got.get(key), wanted[key]
    one, other = as_array(got), as_array(wanted)
    if one is not None and other is not None and one.shape == other.shape and other.ndim:
        exact = other.dtype.kind in "biu"
        equal = one == other if exact else np.isclose(one, other, tolerance, tolerance, True)
        index = tuple(int(i) for i in np.argwhere(~equal)[0])
        return f"the entry {list(index)}", one[index], other[index]
    if isinstance(wanted, list) and isinstance(got, list) and len(got) == len(wanted):
        pairs = list(zip(got, wanted, strict=True))
        place = next(i for i, pair in enumerate(pairs) if not is_same(*pair, tolerance))
        return f"the entry [{place}]", *pairs[place]
    return "the result", got, wanted


def common_difference(pairs: list[tuple[Any, Any]], tolerance: float) -> str:
    """What is true of all wrong entries at once, if it is something simple; else nothing."""
    ones, others = [], []
    for got, wanted in pairs:
        one, other = as_array(got), as_array(wanted)
        if one is None or other is None or one.shape != other.shape or other.dtype.kind != "f":
            return ""
        if one.dtype.kind == "c":
            return ""
        ones.append(one.astype(float))
        others.append(other.astype(float))
    flat, wanted = (np.concatenate([np.ravel(x) for x in xs]) for xs in (ones, others))
    each, several = ("entry", "entries") if any(x.ndim for x in others) else ("result", "results")
    if not np.isfinite(flat).all():
        return "" if not np.isfinite(wanted).all() else f" Some of your {several} are not finite."
    if flat.size < 2 or np.ptp(wanted) == 0:
        return ""
    largest = np.abs(wanted).argmax()
    factor = flat[largest] / wanted[largest]
    told = f"{factor:.4g}" != "1" and abs(factor) > 1e-6  # a factor that says something
    if told and np.allclose(flat, factor * wanted, rtol=tolerance, atol=tolerance):
        return f" Every {each} of yours is {factor:.4g} times what it should be."
    offset = (flat - wanted).mean()
    if np.allclose(flat - offset, wanted, rtol=tolerance, atol=tolerance):
        return f" Every {each} of yours is {abs(offset):.4g} too {'high' if offset > 0 else 'low'}."
    if all(x.ndim >= 2 and x.shape[-1] == x.shape[-2] for x in ones) and all(
        np.allclose(np.swapaxes(x, -1, -2), y, rtol=tolerance, atol=tolerance)
        for x, y in zip(ones, others, strict=True)
    ):
        return " Your result is the right one with its last two axes exchanged."
    return ""
