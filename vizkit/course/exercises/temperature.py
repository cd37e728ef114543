"""The exercises of notebook 07: softmax, the gradient on negatives, the learned scale."""

import math
from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import softmax


def _similarities(rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Cosines (N, N) and a temperature."""
    return [
        (np.array([[0.9, 0.3, 0.1], [0.2, 0.8, 0.5], [0.4, -0.2, 0.6]]), 0.5),
        (rng.uniform(-0.5, 1, size=(5, 5)), 0.3),
        (rng.uniform(0, 1, size=(4, 4)), 2.0),
    ]


def _rescaled(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(1, keepdims=True)


softmax_with_temperature = Exercise(
    "Softmax with a temperature",
    solution=lambda cosines, temperature: softmax(cosines / temperature),
    mistakes=[
        Mistake(
            "temperature multiplied",
            lambda cosines, temperature: softmax(cosines * temperature),
            (
                "Does a small temperature make your rows sharper or flatter?",
                "A small temperature must sharpen: divide by it (or multiply by 1 / τ).",
                "(cosines / temperature).softmax(dim=1)",
            ),
        ),
        Mistake(
            "softmax over the wrong axis",
            lambda cosines, temperature: softmax(cosines / temperature, axis=0),
            (
                "Do your rows sum to 1, or your columns?",
                "Each image, a row, shares its probability out over the texts.",
                "softmax(dim=1), not dim=0",
            ),
        ),
        Mistake(
            "softmax over the whole matrix",
            lambda cosines, temperature: softmax(cosines.reshape(1, -1) / temperature).reshape(
                cosines.shape
            ),
            (
                "What do your rows sum to?",
                "All your entries together sum to 1. Every row is a choice of its own.",
                "softmax(dim=1) on the matrix, without flattening it.",
            ),
        ),
        Mistake(
            "temperature after the softmax",
            lambda cosines, temperature: softmax(cosines) / temperature,
            (
                "What does each of your rows sum to?",
                "Divide the cosines, inside the exponential; probabilities must still sum to 1.",
                "(cosines / temperature).softmax(dim=1), not cosines.softmax(dim=1) / temperature",
            ),
        ),
        Mistake(
            "temperature forgotten",
            lambda cosines, temperature: softmax(cosines),
            (
                "Change the temperature: do your shares change?",
                "The temperature has no effect on your shares. The cosines are divided by it.",
                "(cosines / temperature).softmax(dim=1), not cosines.softmax(dim=1)",
            ),
        ),
        Mistake(
            "the logarithm of the shares",
            lambda cosines, temperature: np.log(softmax(cosines / temperature)),
            (
                "Can a probability be below zero?",
                "You returned the logarithms of the probabilities.",
                "softmax, not log_softmax",
            ),
        ),
        Mistake(
            "the exponentials not divided by their sum",
            lambda cosines, temperature: np.exp(cosines / temperature),
            (
                "What do your rows add up to?",
                "The exponentials are there; a softmax divides each by the sum of its row.",
                "powers / powers.sum(dim=1, keepdim=True)",
            ),
        ),
        Mistake(
            "in proportion to the cosine",
            lambda cosines, temperature: _rescaled(cosines / temperature),
            (
                "What becomes of a negative cosine?",
                "A softmax shares out in proportion to exp(cosine / τ), not to the cosine.",
                "(cosines / temperature).exp() before you divide by the sum of the row.",
            ),
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
    return softmax(logits, axis)


def _without_diagonal(weights: np.ndarray) -> np.ndarray:
    return np.where(np.eye(len(weights), dtype=bool), 0.0, weights)


shares_of_negatives = Exercise(
    "Who gets the gradient?",
    solution=_shares,
    mistakes=[
        Mistake(
            "positive included",
            lambda cosines, temperature: softmax(cosines / temperature),
            (
                "What stands on your diagonal?",
                "The own text is pulled, not pushed: leave it out, so that the negatives of a row "
                "sum to 1.",
                "masked_fill(diagonal, -torch.inf) before the softmax",
            ),
        ),
        Mistake(
            "positive removed too late",
            lambda cosines, temperature: _without_diagonal(softmax(cosines / temperature)),
            (
                "What do the rows that you return sum to?",
                "Divide by what is left when the own text is out.",
                "shares / shares.sum(dim=1, keepdim=True), after the diagonal is set to 0",
            ),
        ),
        Mistake(
            "the positive's cosine set to zero",
            lambda cosines, temperature: softmax(_without_diagonal(cosines) / temperature),
            (
                "What is exp(0)?",
                "A cosine of 0 still gets a share. Only minus infinity gets none.",
                "masked_fill(diagonal, -torch.inf), not masked_fill(diagonal, 0)",
            ),
        ),
        Mistake(
            "temperature multiplied",
            lambda cosines, temperature: _shares(cosines * temperature, 1.0),
            (
                "With a small temperature, whom do you push?",
                "With your shares a small temperature would treat all negatives alike: divide by it.",
                "cosines / temperature, not cosines * temperature",
            ),
        ),
        Mistake(
            "temperature forgotten",
            lambda cosines, temperature: _shares(cosines, 1.0),
            (
                "Change the temperature: does the answer change?",
                "The temperature has no effect on your shares. The cosines are divided by it.",
                "cosines / temperature inside of the softmax",
            ),
        ),
        Mistake(
            "the factor 1 / τ left in",
            lambda cosines, temperature: _shares(cosines, temperature) / temperature,
            (
                "What does each row that you return sum to?",
                "The gradient has a factor 1 / τ, the same for all negatives. Shares do not: they "
                "sum to 1.",
                "Leave the division by the temperature after the softmax out.",
            ),
        ),
        Mistake(
            "the gradient itself",
            lambda cosines, temperature: (
                (softmax(cosines / temperature) - np.eye(len(cosines))) / temperature
            ),
            (
                "Is there a negative number in your answer?",
                "That is the gradient, with the pull on the positive. Asked for is how the push on "
                "the negatives is shared out.",
                "Set the diagonal to 0 and divide each row by its sum.",
            ),
        ),
        Mistake(
            "softmax over the wrong axis",
            lambda cosines, temperature: _shares(cosines, temperature, axis=0),
            (
                "Do your rows sum to 1, or your columns?",
                "The question is what each image, a row, does to its negatives.",
                "softmax(dim=1), not dim=0",
            ),
        ),
        Mistake(
            "in proportion to the cosine",
            lambda cosines, temperature: _rescaled(_without_diagonal(cosines)),
            (
                "Where does the temperature come in?",
                "The shares come from a softmax: in proportion to exp(cosine / τ), not to the cosine.",
                "(cosines / temperature) with the diagonal at -torch.inf, then softmax(dim=1)",
            ),
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


def _held_before(temperature: float, gradient: float, learning_rate: float) -> float:
    return math.exp(-min(-math.log(temperature), math.log(100)) + learning_rate * gradient)


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
            (
                "To which number does the gradient belong?",
                "You took the step on the scale itself. What is stored is its logarithm.",
                "log_scale = math.log(1 / temperature) - learning_rate * gradient",
            ),
        ),
        Mistake(
            "the step taken on the temperature",
            lambda temperature, gradient, learning_rate: max(
                temperature - learning_rate * gradient, 0.01
            ),
            (
                "Which number is stored?",
                "You took the step on τ. What is stored, and what the gradient belongs to, is "
                "log(1 / τ).",
                "Turn τ into log(1 / τ) first, then take the step, then turn it back.",
            ),
        ),
        Mistake(
            "logarithm to the base 10",
            lambda temperature, gradient, learning_rate: (
                1 / min(10 ** (math.log10(1 / temperature) - learning_rate * gradient), 100.0)
            ),
            (
                "Which logarithm undoes exp?",
                "The scale is e to the power of what is stored: the natural logarithm.",
                "math.log and math.exp, not math.log10",
            ),
        ),
        Mistake(
            "wrong direction",
            lambda temperature, gradient, learning_rate: _update(
                temperature, gradient, learning_rate, sign=1.0
            ),
            (
                "Does your step make the loss smaller or larger?",
                "The step goes against the gradient. (If you stored log τ: it is minus log(1 / τ), "
                "and its gradient has the other sign.)",
                "log_scale - learning_rate * gradient",
            ),
        ),
        Mistake(
            "the scale passes 100",
            lambda temperature, gradient, learning_rate: _update(
                temperature, gradient, learning_rate, limit=lambda logarithm: logarithm
            ),
            (
                "What is the smallest temperature that your function can return?",
                "The scale must not pass 100, so the temperature must not fall below 0.01. (If you held "
                "the logarithm at 100: its limit is log(100).)",
                "1 / min(math.exp(log_scale), 100)",
            ),
        ),
        Mistake(
            "clipped before the step",
            _held_before,
            (
                "Can the scale pass 100 after your step?",
                "You held the scale before the step. It has to be held after it, or the step can "
                "leave the limit again.",
                "First log_scale - learning_rate * gradient, then the minimum with math.log(100).",
            ),
        ),
        Mistake(
            "clipped before and after the step",
            lambda temperature, gradient, learning_rate: max(
                _held_before(temperature, gradient, learning_rate), 0.01
            ),
            (
                "What becomes of a scale of 200 and a step of 0.1?",
                "Only the scale after the step is held. The step starts from the old temperature "
                "as it is.",
                "Leave out the minimum before the step.",
            ),
        ),
        Mistake(
            "the logarithm held at 1",
            lambda temperature, gradient, learning_rate: _update(
                temperature, gradient, learning_rate, limit=lambda logarithm: min(logarithm, 1.0)
            ),
            (
                "What is the largest scale that your function allows?",
                "You held the logarithm at 1, that is the scale at e: its limit is log(100).",
                "min(log_scale, math.log(100))",
            ),
        ),
        Mistake(
            "the scale returned",
            lambda temperature, gradient, learning_rate: (
                1 / _update(temperature, gradient, learning_rate)
            ),
            (
                "Is your number larger or smaller than 1?",
                "That is the scale, 1 / τ. Asked for is the temperature.",
                "return 1 / scale",
            ),
        ),
        Mistake(
            "the stored logarithm returned",
            lambda temperature, gradient, learning_rate: (
                -math.log(_update(temperature, gradient, learning_rate))
            ),
            (
                "What did you return: τ, 1 / τ, or log(1 / τ)?",
                "That is the stored number. Asked for is the temperature.",
                "return math.exp(-log_scale)",
            ),
        ),
    ],
    inputs=[
        (0.1, 0.5, 0.2),
        (0.07, -1.2, 0.1),
        (0.012, -1.0, 0.4),
        (0.5, -0.6, 0.3),
        (0.006, 1.5, 0.2),
        (0.006, -3.0, 0.3),
        (1.6, 0.8, 0.25),
    ],
    difficulty=2,
    minutes=8,
    tolerance=1e-5,
)
