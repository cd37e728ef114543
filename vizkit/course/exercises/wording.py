"""What is said of an answer: short words for values, arguments and errors."""

import inspect
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from vizkit.course.exercises.compare import as_array, count_numbers, is_ragged, shape_of

_SMALL = 25  # numbers that somebody is willing to redo by hand
_FEW = 6  # numbers of one argument, shown whatever the others are: the size of a grid


def describe(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dictionary with {', '.join(map(str, value))}" if value else "an empty dictionary"
    if getattr(value, "is_meta", False):
        return "a tensor on the meta device, which holds no numbers"
    array = as_array(value)
    if isinstance(value, list) and (array is None or array.ndim == 0):
        return f"a list of {len(value)}"
    if array is None:
        if isinstance(value, np.ndarray):
            return "an array that holds no numbers"
        name = type(value).__name__
        return f"an {name}" if name[0] in "aeioAEIO" else f"a {name}"
    kind = {"b": "booleans", "i": "whole numbers", "u": "whole numbers"}.get(
        array.dtype.kind, "numbers"
    )
    if array.ndim == 0:
        return {"booleans": "a boolean", "whole numbers": "a whole number"}.get(kind, "a number")
    return f"{kind} of shape {array.shape}"


def brief(value: Any) -> str:
    array = as_array(value)
    if array is None or isinstance(value, dict):
        return textwrap.shorten(repr(value), 100)
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind in "fc" else str(array.item())
    with np.printoptions(precision=4, threshold=8, edgeitems=2, suppress=True):
        return " ".join(str(array).split())


def brief_pair(first: Any, second: Any) -> tuple[str, str]:
    """Two values that differ, in so many digits that one sees it."""
    words = brief(first), brief(second)
    one, other = as_array(first), as_array(second)
    if words[0] != words[1] or one is None or other is None or one.ndim or other.ndim:
        return words
    longer = f"{one.item():.12g}", f"{other.item():.12g}"
    return longer if longer[0] != longer[1] else (str(one.item()), str(other.item()))


def _in_full(value: Any) -> str:
    if is_ragged(value):
        return f"[{', '.join(map(_in_full, value))}]"
    array = as_array(value)
    if array is None or array.ndim == 0:
        return brief(value)
    with np.printoptions(precision=4, threshold=_SMALL + 1, suppress=True):
        return " ".join(str(array).split())


def name_arguments(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """The arguments in full where they are few numbers, else their shapes."""
    names = list(inspect.signature(function).parameters)
    all_in_full = count_numbers(arguments) <= _SMALL
    parts = []
    for name, argument in zip(names, arguments, strict=False):
        in_full = all_in_full or count_numbers([argument]) <= _FEW
        array = as_array(argument)
        numbers = array is not None or is_ragged(argument)
        one_number = array is not None and array.ndim == 0
        small = isinstance(argument, str) or one_number or (numbers and in_full)
        shown = _in_full(argument) if small and numbers else brief(argument)
        parts.append(f"{name} = {shown}" if small else f"{name}: {describe(argument)}")
    return ", ".join(parts) or "no arguments"


def about_value(got: Any, wanted: Any) -> str:
    """Why a value is not the one that was asked for, without giving it away."""
    number = shape_of(wanted) == ()
    asked, given = as_array(wanted), as_array(got)
    if number and isinstance(got, str):
        return f"Received the text {brief(got)}: pass a number."
    if number and shape_of(got) != ():
        return f"Received {describe(got)}: pass one number."
    whole = asked is not None and asked.dtype.kind in "iu"
    real = 0.0 if given is None or given.ndim or given.dtype.kind != "f" else float(given)
    if number and whole and not real.is_integer():  # infinity is none either
        return f"Received {real:.12g}: the answer is a whole number."
    return f"Received {brief(got)}: think again."


def short_error(error: Exception, function: Any) -> str:
    """The error and the learner's own line that raised it, without the traceback."""
    try:
        file = inspect.unwrap(function).__code__.co_filename
    except AttributeError:
        file = None
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    try:
        message = " ".join(str(error).split())
    except Exception:  # an error of the learner's own may be unable to say what it is
        message = ""
    text = f"Your code stopped with {type(error).__name__}" + (f": {message[:200]}" * bool(message))
    return f"{text}\nat the line: {lines[-1].line}" if lines and lines[-1].line else text
