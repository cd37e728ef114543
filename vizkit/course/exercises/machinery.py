"""Compare a learner's answer with the solution and with every mistake that has a name."""

import ast
import copy
import inspect
import math
import textwrap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

from vizkit.course.exercises.progress import record
from vizkit.course.show import BLUE, GREEN, GREY, ORANGE, card, show

Kind = Literal["not yet attempted", "right", "mistake", "wrong"]


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: a function like the solution's, or a value, and the hint for it."""

    name: str
    wrong: Any
    hint: str


@dataclass(frozen=True)
class Result:
    """What a check found. `mistake` is the name of the mistake, if it is a known one."""

    kind: Kind
    message: str
    mistake: str = ""


class Exercise:
    """A task whose check knows the solution and the usual mistakes.

    Args:
        name: a short title, unique in the course.
        solution: a function on numpy arrays, or a value (number, text, list, array) where the
            learner fills in a value.
        mistakes: at least one known wrong answer of the same kind.
        inputs: for functions: a list of argument tuples, or a function that makes that list from
            a seeded `numpy.random.Generator`. On them the solution and all mistakes must differ.
        difficulty: 1 (a warm-up) to 5.
        minutes: how long it takes.
        tolerance: relative and absolute; a right answer written another way is right.
        to: what arrays the learner's function receives. What it returns may be either.

    Raises:
        ValueError: an argument out of range, or two answers that the inputs do not tell apart.
    """

    def __init__(
        self,
        name: str,
        *,
        solution: Any,
        mistakes: Sequence[Mistake],
        inputs: Sequence[tuple] | Callable[[np.random.Generator], Sequence[tuple]] | None = None,
        difficulty: int = 2,
        minutes: int = 5,
        tolerance: float = 1e-4,
        to: Literal["numpy", "torch"] = "numpy",
    ):
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"name must be a text, not {name!r}")
        if type(difficulty) is not int or not 1 <= difficulty <= 5:
            raise ValueError(f"difficulty must be 1 to 5, not {difficulty!r}")
        for option, value, limit in (("minutes", minutes, math.inf), ("tolerance", tolerance, 1)):
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not 0 < value < limit:
                raise ValueError(f"{option} must be positive and below {limit}, not {value!r}")
        if not isinstance(to, str) or to not in ("numpy", "torch"):
            raise ValueError(f'to must be "numpy" or "torch", not {to!r}')
        named = isinstance(mistakes, list | tuple)
        if not named or not mistakes or not all(isinstance(one, Mistake) for one in mistakes):
            raise ValueError(f"exercise {name!r} names no mistake, but {mistakes!r}")
        if callable(solution) != (inputs is not None):
            raise ValueError(
                f"inputs belong to an exercise whose solution is a function, not {inputs!r}"
            )
        self.name, self.solution, self.mistakes = name, solution, tuple(mistakes)
        self.difficulty, self.minutes = difficulty, minutes
        self.tolerance, self.to = tolerance, to
        self._given_inputs = inputs
        self._answers: dict[str, list] | None = None  # computed at the first check

    @property
    def inputs(self) -> list[tuple]:
        """The argument tuples, the same in every run."""
        given = self._given_inputs
        if given is None:
            return [()]
        inputs = list(given(np.random.default_rng(0)) if callable(given) else given)
        if not inputs or not all(isinstance(arguments, tuple) for arguments in inputs):
            raise ValueError(f"inputs of {self.name!r} must be a list of argument tuples")
        return inputs

    def check(self, answer: Any, *, record_progress: bool = True) -> None:
        """Show what is to say about `answer` and, if it is attempted, note the progress.

        The cell with the folded solution passes `record_progress=False`.
        """
        result = self.judge(answer)
        color, mark = {
            "not yet attempted": (GREY, "○"),
            "right": (GREEN, "✓"),
            "mistake": (ORANGE, "✎"),
            "wrong": (BLUE, "✎"),
        }[result.kind]
        found = result.mistake or result.kind.replace("wrong", "not right yet")
        heading = f"{mark} {self.name}: {found}"
        text = f"{heading}\n{result.message}" if result.message else heading
        show(text, card(color, heading, result.message))
        if record_progress and result.kind != "not yet attempted":
            record(self.name, solved=result.kind == "right")

    def judge(self, answer: Any) -> Result:
        """The result of the check, without showing or recording anything."""
        self.verify()
        expected = self._answers["solution"]
        function = answer if callable(self.solution) else lambda: answer
        if not callable(function):
            return Result("wrong", f"Pass the function itself; received {_describe(answer)}.")
        if _has_blank(function):
            return Result("not yet attempted", "")
        received = []
        for arguments in self.inputs:
            try:
                received.append(_to_numpy(function(*_for_learner(arguments, self.to))))
            except NotImplementedError:
                return Result("not yet attempted", "")
            except Exception as error:
                return Result("wrong", _short_error(error, function))
        if all(_is_empty(value) for value in received) and not _is_empty(expected[0]):
            return Result("not yet attempted", "")
        if _same(received, expected, self.tolerance):
            return Result("right", "")
        for mistake in self.mistakes:
            if _same(received, self._answers[mistake.name], self.tolerance):
                return Result("mistake", mistake.hint, mistake.name)
        return Result("wrong", self._first_difference(received))

    def verify(self) -> None:
        """Make sure that the inputs tell the solution and all mistakes apart.

        Raises:
            ValueError: two of them agree on all inputs, or nearly so.
        """
        if self._answers is not None:
            return
        answers = {"solution": self._run(self.solution)}
        for mistake in self.mistakes:
            if mistake.name in answers:
                raise ValueError(f"{self.name!r} has two mistakes named {mistake.name!r}")
            answers[mistake.name] = self._run(mistake.wrong)
        names = list(answers)
        for index, first in enumerate(names):
            for second in names[index + 1 :]:
                # Ten times the tolerance: an answer close to both must not exist.
                if _same(answers[first], answers[second], 10 * self.tolerance):
                    raise ValueError(
                        f"the inputs of {self.name!r} do not tell {first!r} and {second!r} apart"
                    )
        self._answers = answers

    def _run(self, function: Any) -> list:
        if not callable(self.solution):
            return [_to_numpy(function)]
        return [_to_numpy(function(*copy.deepcopy(arguments))) for arguments in self.inputs]

    def _first_difference(self, received: list) -> str:
        arguments, got, wanted = next(
            case
            for case in zip(self.inputs, received, self._answers["solution"], strict=True)
            if not _same(case[1], case[2], self.tolerance)
        )
        if not callable(self.solution):
            return f"Received {_brief(got)}: think again."
        where = _name_arguments(self.solution, arguments)
        if _describe(got) != _describe(wanted):
            return f"For {where}: expected {_describe(wanted)}, received {_describe(got)}."
        return f"For {where}: expected {_brief(wanted)}, received {_brief(got)}."


def assert_exercise_is_sound(exercise: Exercise) -> None:
    """For tests: the stub is not yet attempted, the solution right, each mistake caught alone.

    Raises:
        AssertionError: one of them is not.
    """
    exercise.verify()
    as_answer = _taking_tensors if exercise.to == "torch" else (lambda answer: answer)
    assert exercise.judge(_stub if callable(exercise.solution) else ...) == Result(
        "not yet attempted", ""
    ), f"{exercise.name}: the untouched stub is not 'not yet attempted'"
    assert exercise.judge(as_answer(exercise.solution)).kind == "right", (
        f"{exercise.name}: the solution is not right"
    )
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes), (
        f"{exercise.name}: two mistakes share a hint"
    )
    for mistake in exercise.mistakes:
        result = exercise.judge(as_answer(mistake.wrong))
        assert (result.mistake, result.message) == (mistake.name, mistake.hint), (
            f"{exercise.name}: {mistake.name!r} was answered by {result}"
        )


def _stub(*arguments):
    raise NotImplementedError


def _taking_tensors(answer: Any) -> Any:
    """The numpy function `answer` as a learner's function that receives tensors."""
    if not callable(answer):
        return answer
    return lambda *arguments: answer(*(_to_numpy(argument) for argument in arguments))


def _for_learner(arguments: tuple, to: str) -> tuple:
    arguments = copy.deepcopy(arguments)  # a function that writes into its input harms no one
    if to == "numpy":
        return arguments
    import torch

    return tuple(
        torch.from_numpy(argument) if isinstance(argument, np.ndarray) else argument
        for argument in arguments
    )


def _to_numpy(value: Any) -> Any:
    """Tensors, and tensors in lists, tuples and dictionaries, as arrays; numbers as they are."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):
            value = value.float()
        return value.numpy()
    if isinstance(value, dict):
        return {key: _to_numpy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_numpy(item) for item in value]
    return value


def _is_empty(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_empty(item) for item in value)
    return value is None or value is Ellipsis


def _same(first: Any, second: Any, tolerance: float) -> bool:
    if isinstance(first, dict) or isinstance(second, dict):
        return (
            isinstance(first, dict)
            and isinstance(second, dict)
            and first.keys() == second.keys()
            and all(_same(first[key], second[key], tolerance) for key in first)
        )
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(
            _same(one, other, tolerance) for one, other in zip(first, second, strict=True)
        )
    if isinstance(first, str) and isinstance(second, str):
        return first.strip().casefold() == second.strip().casefold()
    one, other = _as_array(first), _as_array(second)
    if one is None or other is None or one.shape != other.shape:
        return False
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True))


def _as_array(value: Any) -> np.ndarray | None:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
    return array if array.dtype.kind in "biufc" else None


def _has_blank(function: Any) -> bool:
    """Whether the source still holds a `...` to fill in (one inside of `[...]` is an index)."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    indices = {
        id(node)
        for subscript in ast.walk(tree)
        if isinstance(subscript, ast.Subscript)
        for node in ast.walk(subscript.slice)
    }
    return any(
        isinstance(node, ast.Constant) and node.value is Ellipsis and id(node) not in indices
        for node in ast.walk(tree)
    )


def _short_error(error: Exception, function: Any) -> str:
    """The error and the learner's own line that raised it, without the traceback."""
    try:
        file = inspect.unwrap(function).__code__.co_filename
    except AttributeError:
        file = None
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    message = " ".join(str(error).split())
    text = f"Your code stopped with {type(error).__name__}: {message[:200]}"
    return f"{text}\nat the line: {lines[-1].line}" if lines and lines[-1].line else text


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dictionary with {', '.join(map(str, value))}"
    array = _as_array(value)
    if isinstance(value, list) and (array is None or array.ndim == 0):
        return f"a list of {len(value)}"
    if array is None:
        return f"a {type(value).__name__}"
    kind = {"b": "booleans", "i": "whole numbers", "u": "whole numbers"}.get(
        array.dtype.kind, "numbers"
    )
    if array.ndim == 0:
        return {"booleans": "a boolean", "whole numbers": "a whole number"}.get(kind, "a number")
    return f"{kind} of shape {array.shape}"


def _brief(value: Any) -> str:
    array = _as_array(value)
    if array is None or isinstance(value, dict):
        return textwrap.shorten(repr(value), 100)
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    with np.printoptions(precision=4, threshold=8, edgeitems=2, suppress=True):
        return " ".join(str(array).split())


def _name_arguments(function: Callable, arguments: tuple) -> str:
    names = list(inspect.signature(function).parameters)
    parts = []
    for name, argument in zip(names, arguments, strict=False):
        array = _as_array(argument)
        small = isinstance(argument, str) or (array is not None and array.ndim == 0)
        parts.append(f"{name} = {_brief(argument)}" if small else f"{name}: {_describe(argument)}")
    return ", ".join(parts) or "no arguments"
