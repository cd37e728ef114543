"""The exercises of notebook 07: softmax, the gradient on negatives, the learned scale."""

import math
from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _softmax(logits: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _similarities(rng: np.random.Generator) -> list[tuple]:
    """Cosines (N, N) and a temperature."""
    return [
        (rng.uniform(-0.5, 1, size=(5, 5)), 0.3),
        (rng.uniform(0, 1, size=(4, 4)), 2.0),
    ]


softmax_with_temperature = Exercise(
    "Softmax with a temperature",
    solution=lambda cosines, temperature: _softmax(cosines / temperature),
    mistakes=[
        Mistake(
            "temperature multiplied",
            lambda cosines, temperature: _softmax(cosines * temperature),
            "A small temperature must sharpen: divide by it (or multiply by the scale, 1 / τ).",
        ),
        Mistake(
            "softmax over the wrong axis",
            lambda cosines, temperature: _softmax(cosines / temperature, axis=0),
            "Your columns sum to 1. Each image, a row, shares its probability out over the texts.",
        ),
        Mistake(
            "softmax over the whole matrix",
            lambda cosines, temperature: _softmax(cosines.reshape(1, -1) / temperature).reshape(
                cosines.shape
            ),
            "All entries together sum to 1. Every row is a choice of its own.",
        ),
        Mistake(
            "temperature after the softmax",
            lambda cosines, temperature: _softmax(cosines) / temperature,
            "Divide the cosines, inside the exponential; probabilities must still sum to 1.",
        ),
        Mistake(
            "temperature forgotten",
            lambda cosines, temperature: _softmax(cosines),
            "You have not used the temperature: cosines lie between -1 and 1, far too close.",
        ),
    ],
    inputs=_similarities,
    difficulty=1,
    minutes=5,
    to="torch",
)


def _shares(cosines: np.ndarray, temperature: float, axis: int = 1) -> np.ndarray:
    """(N, N): how each row's push on its negatives is shared out; Wang and Liu 2021, section 3."""
    logits = np.where(np.eye(len(cosines), dtype=bool), -np.inf, cosines / temperature)
    return _softmax(logits, axis)


def _without_diagonal(weights: np.ndarray) -> np.ndarray:
    return np.where(np.eye(len(weights), dtype=bool), 0.0, weights)


shares_of_negatives = Exercise(
    "Who gets the gradient?",
    solution=_shares,
    mistakes=[
        Mistake(
            "positive included",
            lambda cosines, temperature: _softmax(cosines / temperature),
            "The own text still has a share. It is pulled, not pushed: leave it out, so that the "
            "negatives of a row sum to 1.",
        ),
        Mistake(
            "positive removed too late",
            lambda cosines, temperature: _without_diagonal(_softmax(cosines / temperature)),
            "Your rows no longer sum to 1: divide by what is left when the own text is out.",
        ),
        Mistake(
            "temperature multiplied",
            lambda cosines, temperature: _shares(cosines * temperature, 1.0),
            "With your shares a small temperature would treat all negatives alike: divide by it.",
        ),
        Mistake(
            "softmax over the wrong axis",
            lambda cosines, temperature: _shares(cosines, temperature, axis=0),
            "Your columns sum to 1. The question is what each image, a row, does to its negatives.",
        ),
        Mistake(
            "in proportion to the cosine",
            lambda cosines, temperature: (
                _without_diagonal(cosines) / _without_diagonal(cosines).sum(1, keepdims=True)
            ),
            "The shares come from a softmax: in proportion to exp(cosine / τ), not to the cosine.",
        ),
    ],
    inputs=_similarities,
    difficulty=3,
    minutes=10,
    to="torch",
)


def _update(
    temperature: float,
    gradient: float,
    learning_rate: float,
    *,
    limit: Callable[[float], float] = lambda logarithm: min(logarithm, math.log(100)),
    sign: float = -1.0,
) -> float:
    """One step on logit_scale = log(1 / temperature), which is then held at log(100)."""
    return math.exp(-limit(-math.log(temperature) + sign * learning_rate * gradient))


scale_update = Exercise(
    "One update of the temperature",
    solution=lambda temperature, gradient, learning_rate: _update(
        temperature, gradient, learning_rate
    ),
    mistakes=[
        Mistake(
            "log forgotten",
            lambda temperature, gradient, learning_rate: (
                1 / min(1 / temperature - learning_rate * gradient, 100.0)
            ),
            "You took the step on the scale itself. What is stored, and what the gradient belongs "
            "to, is its logarithm.",
        ),
        Mistake(
            "wrong direction",
            lambda temperature, gradient, learning_rate: _update(
                temperature, gradient, learning_rate, sign=1.0
            ),
            "The step goes against the gradient. (If you stored log τ: it is minus log(1 / τ), and "
            "its gradient has the other sign.)",
        ),
        Mistake(
            "not clipped",
            lambda temperature, gradient, learning_rate: _update(
                temperature, gradient, learning_rate, limit=lambda logarithm: logarithm
            ),
            "The scale must not pass 100, so the temperature must not fall below 0.01.",
        ),
        Mistake(
            "the logarithm held at 1",
            lambda temperature, gradient, learning_rate: _update(
                temperature, gradient, learning_rate, limit=lambda logarithm: min(logarithm, 1.0)
            ),
            "You held the logarithm at 1, that is the scale at e: its limit is log(100).",
        ),
        Mistake(
            "the scale returned",
            lambda temperature, gradient, learning_rate: (
                1 / _update(temperature, gradient, learning_rate)
            ),
            "That is the scale, 1 / τ. Asked for is the temperature.",
        ),
    ],
    inputs=[(0.07, 0.8, 0.5), (0.07, -1.2, 0.1), (0.012, -1.0, 0.4), (0.5, -0.6, 0.3)],
    difficulty=2,
    minutes=8,
)
