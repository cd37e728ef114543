"""What the property-based tests of the public names share: cases, odd values, what is a clear error.

A `Case` says how a public name is called, with what, and how a right answer is recognized. From it
come two tests: options that fit give a right answer; and with any one of them replaced by an odd
value, the answer is right as well, or a ValueError or TypeError of our own says what came.
"""

import contextlib
import io
import itertools
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

PACKAGE = Path(__file__).parents[2] / "vizkit"
NAN, INFINITY = float("nan"), float("inf")

# Wrong types, zero, negative, huge, not a number, empty, of another shape.
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    3,
    2.5,
    NAN,
    INFINITY,
    -INFINITY,
    10**9,
    2**70,
    -(2**70),
    "",
    " ",
    "8",
    "<img src=x>",
    b"8",
    (),
    [],
    (1,),
    (0, 0),
    (-1, 2),
    (2.5, 2),
    ("a", "b"),
    [1, 2, 3],
    [None],
    {},
    {"a": 1},
    object,
    np.int64(4),
    np.zeros((0, 2)),
    np.full((2, 3), NAN),
    torch.zeros(0),
    torch.full((2, 3), NAN),
    torch.zeros(2, 3, dtype=torch.int64),
)


@dataclass(frozen=True)
class Case:
    """One public name: how to call it, options that fit together, what a right answer is.

    check: raises AssertionError unless the answer is right for these options;
    keep: options that no odd value replaces, and why that is so stands beside the case;
    also_odd: further values for an option, such as tensors of a wrong shape;
    examples: how many sets of options to try.
    """

    call: Callable[..., Any]
    options: st.SearchStrategy[dict[str, Any]]
    check: Callable[[Any, dict[str, Any]], None]
    keep: tuple[str, ...] = ()
    also_odd: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    examples: int = 12


def checks_of(cases: dict[str, Case]) -> tuple[Callable[[str], None], Callable[[str], None]]:
    """The two tests of a module's cases, each run for every name."""

    @pytest.mark.parametrize("name", cases)
    def options_that_fit(name: str) -> None:
        check_right_answers(cases[name])

    @pytest.mark.parametrize("name", cases)
    def an_odd_option(name: str) -> None:
        check_odd_values(cases[name])

    return options_that_fit, an_odd_option


def check_right_answers(case: Case) -> None:
    """Options that fit together are accepted, and the answer is right."""

    @settings(max_examples=case.examples)
    @given(case.options)
    def examples(options: dict[str, Any]) -> None:
        case.check(quietly(case.call, options), options)

    examples()


def check_odd_values(case: Case) -> None:
    """Every option replaced by every odd value in turn: a clear error, or a right answer."""
    complaints: dict[str, None] = {}

    @settings(max_examples=2 if case.examples > 4 else 1, phases=[Phase.generate])
    @given(case.options)
    def examples(options: dict[str, Any]) -> None:
        for name in options.keys() - set(case.keep):
            for odd in itertools.chain(ODD, case.also_odd.get(name, ())):
                complaint = complaint_about(case, {**options, name: odd}, odd)
                if complaint:
                    complaints[f"{name}={described(odd)}: {complaint}"] = None

    examples()
    assert not complaints, "\n".join(sorted(complaints))


def complaint_about(case: Case, options: dict[str, Any], odd: Any) -> str:
    """What is wrong with the answer to an odd value; "" if it is right or a clear error."""
    try:
        answer = quietly(case.call, options)
    except (ValueError, TypeError) as error:
        return why_unclear(error, odd)
    except Exception as error:
        return f"{type(error).__name__}: {first_line(error)}"
    try:
        case.check(answer, options)
    except Exception as error:
        return f"accepted, but {type(error).__name__}: {first_line(error)}"
    return ""


def why_unclear(error: Exception, odd: Any) -> str:
    """Why an error does not say what is wrong with `odd`; "" if it does.

    It must be raised by a `raise` of this package, not come up from the depths, and name what came.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if not Path(frame.filename).is_relative_to(PACKAGE) or not frame.line.startswith("raise "):
        where = f"{Path(frame.filename).name}: {frame.line}"
        return f"{type(error).__name__} from {where}: {first_line(error)}"
    if not any(sign in str(error) for sign in signs_of(odd)):
        return f"the message does not say what came: {error}"
    return ""


def signs_of(odd: Any) -> Iterable[str]:
    """Ways to name a value in a message."""
    yield repr(odd)
    yield type(odd).__name__
    if isinstance(odd, (str, bytes)) and not odd.strip():
        yield "empty"
        return
    yield str(odd)
    if isinstance(odd, int):
        yield "to be a multiple of"  # the rest may be said of a quotient
    if isinstance(odd, torch.nn.Module):
        yield "these differ"  # the parts of a model
    if odd is None or isinstance(odd, (int, float, str, bytes)):
        yield "shape ()"  # a number where an array belongs
    if hasattr(odd, "shape"):
        yield str(tuple(odd.shape))
        if odd.ndim > 1 and len(odd):
            yield from (repr(odd[0]), str(tuple(odd.shape[1:])))
        yield str(len(odd) if odd.ndim else odd)
    if isinstance(odd, (tuple, list, dict)):
        yield from map(repr, odd)
        yield from (" x ".join(map(str, odd)), str(len(odd)))
        yield from (type(one).__name__ for one in odd if one is not None)
        yield from (str(one.shape) for one in odd if hasattr(one, "shape"))
        yield "shape ()"
    if 0 in getattr(odd, "shape", ()) or (isinstance(odd, (tuple, list, dict)) and not odd):
        yield from ("empty", "received none")


def quietly(call: Callable[..., Any], options: dict[str, Any]) -> Any:
    """The answer; what is printed and warned about on the way is no part of it."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return call(**options)


def described(value: Any) -> str:
    shape = f" {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return f"{type(value).__name__}{shape}" if shape else repr(value)


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:150]


def option_names(case: Case) -> set[str]:
    """The names of the options that a case draws."""
    names: set[str] = set()

    @settings(max_examples=1, phases=[Phase.generate])
    @given(case.options)
    def examples(options: dict[str, Any]) -> None:
        names.update(options)

    examples()
    return names


def fixed(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Options that are drawn one by one."""
    return st.fixed_dictionaries(options)


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)
