"""Compare a learner's answer with the solution and with every mistake that has a name."""

import copy
import inspect
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, NoReturn

import numpy as np

from vizkit.course.exercises.compare import (
    HALF_TOLERANCE,
    all_same,
    as_array,
    cannot_hold,
    common_difference,
    count_numbers,
    first_difference,
    half_precision,
    holds_numbers_for_booleans,
    is_blank,
    is_same,
    shape_of,
    to_numpy,
)
from vizkit.course.exercises.progress import record
from vizkit.course.exercises.wording import (
    about_value,
    brief_pair,
    describe,
    name_arguments,
    short_error,
)
from vizkit.course.exercises.written import as_written, belong_together, has_blank, names_used
from vizkit.course.show import BLUE, GREEN, GREY, ORANGE, card, show
from vizkit.extras import require

Arguments = tuple[Any, ...]  # arrays, tensors, numbers: what a task is about
Kind = Literal["not yet attempted", "right", "mistake", "wrong"]


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer and what helps against it.

    Attributes:
        name: what went wrong, in a few words.
        wrong: a function like the solution's, or a value.
        hint: a sentence, or several that say more and more (a nudge, the rule, the line): each
            further check that finds this mistake shows one more.
        fits: for a mistake with more than one outcome, as when a library is free to choose signs:
            whether an array is one of them, given that array and the arguments.
    """

    name: str
    wrong: Any
    hint: str | tuple[str, ...]
    fits: Callable[..., bool] | None = None

    @property
    def hints(self) -> tuple[str, ...]:
        """The steps of the hint, at least one."""
        return (self.hint,) if isinstance(self.hint, str) else tuple(self.hint)


@dataclass(frozen=True)
class Result:
    """What a check found. `mistake` is the name of the mistake, if it is a known one.

    `message` is the first step of its hint, `more` are the steps after it.
    """

    kind: Kind
    message: str
    mistake: str = ""
    more: tuple[str, ...] = ()


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
        forbidden: names of ready-made functions that would spare the learner the task, called or
            passed as the answer. With a dot, an attribute of just that name ("np.append", not a
            list's); with a space between, a function and attributes that are harmless unless they
            belong to its call.
        further: what a right answer must still pass: from the learner's function to what is wrong
            with it, in a sentence; "" for nothing.

    Raises:
        ValueError: an argument out of range, or two answers that the inputs do not tell apart.
    """

    def __init__(
        self,
        name: str,
        *,
        solution: Any,
        mistakes: Sequence[Mistake],
        inputs: Sequence[Arguments]
        | Callable[[np.random.Generator], Sequence[Arguments]]
        | None = None,
        difficulty: int = 2,
        minutes: int = 5,
        tolerance: float = 1e-4,
        to: Literal["numpy", "torch"] = "numpy",
        forbidden: Sequence[str] = (),
        further: Callable[[Callable[..., Any]], str] | None = None,
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
        if not all(mistake.hints and all(map(_is_text, mistake.hints)) for mistake in mistakes):
            raise ValueError(f"exercise {name!r} has a mistake without a hint in words")
        if not isinstance(forbidden, list | tuple) or not all(map(_is_text, forbidden)):
            raise ValueError(f"forbidden must be a list of names, not {forbidden!r}")
        if callable(solution) != (inputs is not None):
            raise ValueError(
                f"inputs belong to an exercise whose solution is a function, not {inputs!r}"
            )
        if further is not None and not (callable(further) and callable(solution)):
            raise ValueError(
                f"further must be a function, for a solution that is one, not {further!r}"
            )
        self.name, self.solution, self.mistakes = name, solution, tuple(mistakes)
        self.difficulty, self.minutes = difficulty, minutes
        self.tolerance, self.to, self.forbidden = tolerance, to, tuple(forbidden)
        self._given_inputs, self._further = inputs, further
        self._seen: Counter[str] = Counter()  # how often each mistake was found
        self._answers: dict[str, list[Any]] = {}  # computed at the first check

    @property
    def inputs(self) -> list[Arguments]:
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
        result = self.grade(answer)
        color, mark = {
            "not yet attempted": (GREY, "○"),
            "right": (GREEN, "✓"),
            "mistake": (ORANGE, "✎"),
            "wrong": (BLUE, "✎"),
        }[result.kind]
        found = result.mistake or result.kind.replace("wrong", "not right yet")
        heading = f"{mark} {self.name}: {found}"
        message = self._next_hints(result) if result.mistake else result.message
        text = f"{heading}\n{message}" if message else heading
        show(text, card(color, heading, message))
        if record_progress and result.kind != "not yet attempted":
            record(self.name, solved=result.kind == "right")

    def require(self, answer: Any) -> None:
        """For graders: silent when `answer` is right.

        Raises:
            AssertionError: it is not, with the named mistake and the whole hint in its message.
        """
        result = self.grade(answer)
        if result.kind != "right":
            found = result.mistake or result.kind.replace("wrong", "not right yet")
            words = " ".join([result.message, *result.more])
            raise AssertionError(f"{self.name}: {found}. {words}".strip())

    def grade(self, answer: Any) -> Result:
        """The result of the check, without showing or recording anything."""
        self.verify()
        try:
            return self._grade(answer)
        except RecursionError:  # one of the learner's own is caught where their function runs
            return Result("wrong", "Your answer holds itself, so it has no end.")

    def _grade(self, answer: Any) -> Result:
        if answer is Ellipsis:
            return Result("not yet attempted", "")
        if callable(answer) != callable(self.solution):
            wanted = "the function itself" if callable(self.solution) else "the value itself"
            got = "a function" if callable(answer) else describe(to_numpy(answer))
            return Result("wrong", f"Pass {wanted}; received {got}.")
        function = answer if callable(answer) else lambda: answer
        result = self._try(function)
        # A right answer may hold a `...` that is no blank: an index kept in a variable.
        blank = result.kind != "right" and has_blank(as_written(function))
        return Result("not yet attempted", "") if blank else result

    def _try(self, function: Callable[..., Any]) -> Result:
        """What is to say about a function, whether or not its source holds a blank."""
        written = as_written(function)
        used = names_used(function)
        for name in self.forbidden:
            if used.issuperset(name.split()) and belong_together(written, name):
                return Result(
                    "wrong",
                    f"Write it yourself, without `{name.split()[0]}`: that is the exercise.",
                )
        received = []
        for arguments in self.inputs:
            try:
                received.append(function(*_for_learner(arguments, self.to)))
            except Exception as error:
                if _is_of_the_stub(error):
                    return Result("not yet attempted", "")
                return Result("wrong", short_error(error, function))
            if inspect.iscoroutine(received[-1]):
                received[-1].close()  # nobody will await it
                return Result("wrong", "Your function is `async`: define it with `def` alone.")
        result = self._compare(received)
        if result.kind != "right" or self._further is None:
            return result
        try:
            objection = self._further(function)
        except Exception as error:  # the learner's, on arguments of another size
            objection = short_error(error, function)
        return Result("wrong", objection) if objection else result

    @np.errstate(all="ignore")  # the learner may have told numpy to raise errors
    def _compare(self, answers: list[Any]) -> Result:
        """What is to say about the learner's answers to all inputs."""
        expected = self._answers["solution"]
        received = [to_numpy(answer) for answer in answers]
        if any(is_blank(value) for value in received):
            return Result("not yet attempted", "")
        if any(value is None for value in received):
            return Result("wrong", "Your answer is None: is a `return` or a value missing?")
        if all_same(received, expected, self.tolerance):
            return Result("right", "")
        half = half_precision(answers)
        if half and cannot_hold(half, received, expected):
            return Result("wrong", f"{half} rounds whole numbers of this size: use another type.")
        for mistake in self.mistakes:
            if self._is_mistake(received, mistake):
                first, *more = mistake.hints
                return Result("mistake", first, mistake.name, tuple(more))
        if half and all_same(received, expected, HALF_TOLERANCE[half]):
            if self._near_a_mistake(received, HALF_TOLERANCE[half]):
                return Result(
                    "wrong",
                    f"In {half} your answer cannot be told from a wrong one: compute in float32.",
                )
            return Result("right", f"Right, to the precision of {half}.")
        return Result("wrong", self._first_difference(received))

    def _is_mistake(self, received: list[Any], mistake: Mistake) -> bool:
        if all_same(received, self._answers[mistake.name], self.tolerance):
            return True
        if mistake.fits is None:
            return False
        return all(
            (array := as_array(value)) is not None and mistake.fits(array, *arguments)
            for value, arguments in zip(received, self.inputs, strict=True)
        )

    def _near_a_mistake(self, received: list[Any], tolerance: float) -> bool:
        """Whether a rough answer fits one of the mistakes."""
        return any(
            all_same(received, self._answers[mistake.name], tolerance) for mistake in self.mistakes
        )

    def _next_hints(self, result: Result) -> str:
        """One step more of the hint each time the same mistake is found."""
        self._seen[result.mistake] += 1
        steps = (result.message, *result.more)
        if len(steps) == 1:
            return steps[0]
        shown = steps[: self._seen[result.mistake]]
        lines = [f"Hint {n} of {len(steps)}: {step}" for n, step in enumerate(shown, 1)]
        if len(shown) < len(steps):
            lines.append("Check the same answer again for the next hint.")
        return "\n".join(lines)

    @np.errstate(all="ignore")
    def verify(self) -> None:
        """Make sure that the inputs tell the solution and all mistakes apart.

        Raises:
            ValueError: two of them agree on all inputs, or nearly so.
        """
        if self._answers:
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
                if all_same(answers[first], answers[second], 10 * self.tolerance):
                    raise ValueError(
                        f"the inputs of {self.name!r} do not tell {first!r} and {second!r} apart"
                    )
        self._answers = answers

    def _run(self, function: Any) -> list[Any]:
        if not callable(self.solution):
            return [to_numpy(function)]
        return [to_numpy(function(*copy.deepcopy(arguments))) for arguments in self.inputs]

    def _first_difference(self, received: list[Any]) -> str:
        """The first entry that differs, on the smallest inputs that show it."""
        cases = zip(self.inputs, received, self._answers["solution"], strict=True)
        wrong = [case for case in cases if not is_same(case[1], case[2], self.tolerance)]
        arguments, got, wanted = min(wrong, key=lambda case: count_numbers(case[0]))
        if not callable(self.solution):
            return about_value(got, wanted)
        where = name_arguments(self.solution, arguments)
        if describe(got) != describe(wanted) and shape_of(got) != shape_of(wanted):
            return f"For {where}: expected {describe(wanted)}, received {describe(got)}."
        if holds_numbers_for_booleans(got, wanted):
            return f"For {where}: the answer is True or False everywhere, and yours holds numbers."
        place, one, other = first_difference(got, wanted, self.tolerance)
        wanted, got = brief_pair(other, one)
        text = f"For {where}: {place} should be {wanted}, yours is {got}."
        pairs = list(zip(received, self._answers["solution"], strict=True))
        return text + common_difference(pairs, self.tolerance)


def assert_exercise_is_sound(exercise: Exercise) -> None:
    """For tests: the stub is not yet attempted, the solution right, each mistake caught alone.

    Raises:
        AssertionError: one of them is not.
    """
    exercise.verify()
    as_answer = _taking_tensors if exercise.to == "torch" else (lambda answer: answer)
    assert exercise.grade(_stub if callable(exercise.solution) else ...) == Result(
        "not yet attempted", ""
    ), f"{exercise.name}: the untouched stub is not 'not yet attempted'"
    assert exercise.grade(as_answer(exercise.solution)).kind == "right", (
        f"{exercise.name}: the solution is not right"
    )
    firsts = {mistake.hints[0] for mistake in exercise.mistakes}
    assert len(firsts) == len(exercise.mistakes), f"{exercise.name}: two mistakes share a hint"
    for mistake in exercise.mistakes:
        result = exercise.grade(as_answer(mistake.wrong))
        told = (result.message, *result.more)
        assert (result.mistake, told) == (mistake.name, mistake.hints), (
            f"{exercise.name}: {mistake.name!r} was answered by {result}"
        )


def _stub(*arguments: Any) -> NoReturn:
    raise NotImplementedError


def _taking_tensors(answer: Any) -> Any:
    """The numpy function `answer` as a learner's function that receives tensors."""
    if not callable(answer):
        return answer
    return lambda *arguments: answer(*(to_numpy(argument) for argument in arguments))


def _for_learner(arguments: Arguments, to: str) -> Arguments:
    arguments = copy.deepcopy(arguments)  # a function that writes into its input harms no one
    if to == "numpy":
        return arguments
    require("models", "torch", what="An exercise on tensors")
    import torch

    return tuple(
        torch.from_numpy(argument) if isinstance(argument, np.ndarray) else argument
        for argument in arguments
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_of_the_stub(error: Exception) -> bool:
    """Whether the stub raised it: torch's own NotImplementedError always gives a reason."""
    return isinstance(error, NotImplementedError) and not str(error)
