"""Answers that learners might give, by notebook, and what the check must say to each."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Probe:
    """One answer to one exercise.

    Attributes:
        exercise: the exercise's name.
        what: what is special about the answer.
        answer: a function or a value, as a learner would pass it.
        kind: "right", "mistake", "wrong" or "not yet attempted".
        mistake: the name of the mistake that must be found; "" for none.
    """

    exercise: str
    what: str
    answer: Any
    kind: str
    mistake: str = ""
