"""The exercises of notebook 08."""

from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import unit


def _features(rng: np.random.Generator, count: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and texts (N, D) of length 1 that partly agree."""
    images = rng.normal(size=(count, channels))
    texts = images + rng.normal(size=(count, channels))
    return unit(images).astype("float32"), unit(texts).astype("float32")


def _softplus(values: np.ndarray) -> np.ndarray:
    """log(1 + e^x) = -log sigmoid(-x)."""
    return np.logaddexp(0, values)


def _sign(logits: np.ndarray) -> np.ndarray:
    """+1 for a pair, -1 elsewhere."""
    return 2 * np.eye(len(logits)) - 1


def _sum_over_n(logits: np.ndarray) -> float:
    """Zhai et al. 2023, Algorithm 1: -log sigmoid(z logit), summed, divided by N."""
    return _softplus(-_sign(logits) * logits).sum() / len(logits)


def _loss(
    total: Callable[[np.ndarray], float] = _sum_over_n, bias_sign: int = 1
) -> Callable[[np.ndarray, np.ndarray, float, float], float]:
    """A loss of features, scale and bias that ends in `total` of the logits (N, N)."""

    def loss(images: np.ndarray, texts: np.ndarray, scale: float, bias: float) -> float:
        return total(scale * images @ texts.T + bias_sign * bias)

    return loss


def _of_signed(values: np.ndarray) -> float:
    """The loss of logits that already carry the sign of their label."""
    return _softplus(-values).sum() / len(values)


def _labels_zero_and_one(logits: np.ndarray) -> float:
    return _softplus(-np.eye(len(logits)) * logits).sum() / len(logits)


def _labels_off_by_one(logits: np.ndarray) -> float:
    return _sum_over_n(np.roll(logits, -1, axis=1))


def _positives_only(logits: np.ndarray) -> float:
    return _softplus(-np.diag(logits)).mean()


def _log_of_the_mean(logits: np.ndarray) -> float:
    chances = np.exp(-_softplus(-_sign(logits) * logits))  # (N, N)
    return -np.log(chances.mean(axis=1)).sum()


sigmoid_loss = Exercise(
    "Sigmoid loss",
    solution=_loss(),
    mistakes=[
        Mistake(
            "divided by N squared",
            _loss(lambda logits: _sum_over_n(logits) / len(logits)),
            (
                "By what is the sum divided in Algorithm 1?",
                "You took the mean over all N x N pairs. Add them up and divide by N: otherwise the "
                "positives pull less and less as the batch grows.",
                "The last step is .sum() / len(logits), not .mean().",
            ),
        ),
        Mistake(
            "bias with the wrong sign",
            _loss(bias_sign=-1),
            (
                "Look at the sign of the bias.",
                "The logit is scale * cosine + bias. With the bias subtracted, -10 says that "
                "everything matches everything.",
                "logits = scale * images @ texts.T + bias",
            ),
        ),
        Mistake(
            "labels 0 and 1",
            _loss(_labels_zero_and_one),
            (
                "What is the label of a pair that does not belong together?",
                "With a label of 0 the logit of a negative is multiplied away, and it costs log 2 "
                "whatever it is. The labels are +1 and -1.",
                "z = 2 * torch.eye(len(logits)) - 1",
            ),
        ),
        Mistake(
            "labels off by one",
            _loss(_labels_off_by_one),
            (
                "Where in the matrix are the pairs that belong together?",
                "Your positives lie beside the diagonal: picture i belongs to text i.",
                "z is +1 where the row and the column have the same number.",
            ),
        ),
        Mistake(
            "positives only",
            _loss(_positives_only),
            (
                "How many terms has your sum?",
                "You asked the N true pairs only. The N x N - N others have to learn to say no.",
                "Sum over the whole matrix of -logsigmoid(z * logits), not over its diagonal.",
            ),
        ),
        Mistake(
            "log of the mean",
            _loss(_log_of_the_mean),
            (
                "In which order do you take logarithm and mean?",
                "You averaged the probabilities before the logarithm: take the logarithm of each "
                "pair's probability first.",
                "First logsigmoid of every entry, then the sum.",
            ),
        ),
        Mistake(
            "label on the cosine only",
            lambda images, texts, scale, bias: _of_signed(
                _sign(images) * (scale * images @ texts.T) + bias
            ),
            (
                "What does the label multiply?",
                "The label z turns the whole logit round, the bias included: "
                "z * (scale * cosine + bias).",
                "-logsigmoid(z * (scale * images @ texts.T + bias))",
            ),
        ),
        Mistake(
            "minus forgotten",
            lambda images, texts, scale, bias: -_loss()(images, texts, scale, bias),
            (
                "Can a loss be negative here?",
                "The logarithm of a probability is negative; the loss is minus that.",
                "Begin with a minus: -logsigmoid(...).sum() / N",
            ),
        ),
        Mistake(
            "not divided",
            _loss(lambda logits: _sum_over_n(logits) * len(logits)),
            (
                "Your value is N times too large.",
                "The sum over all pairs is divided by the number of pictures, N.",
                "The last step is .sum() / len(logits).",
            ),
        ),
    ],
    inputs=lambda rng: [
        (*_features(rng, 2, 2), 2.0, -1.0),
        (*_features(rng, 5, 4), 10.0, -10.0),
        (*_features(rng, 8, 6), 4.0, -1.5),
        (*_features(rng, 3, 2), 2.0, -1.0),  # small, and N is not D
    ],
    difficulty=2,
    minutes=8,
    to="torch",
    forbidden=("sigmoid_loss", "plain_sigmoid_loss", "SigLipLoss"),
)


def _gradient(logits: np.ndarray, divide: bool = True) -> np.ndarray:
    """(sigmoid - [i = j]) / N."""
    chances = 1 / (1 + np.exp(-logits))
    return (chances - np.eye(len(logits))) / (len(logits) if divide else 1)


def _softmax_gradient(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True) - np.eye(len(logits))) / len(logits)


gradient_of_the_logits = Exercise(
    "Gradient of the sigmoid loss",
    solution=lambda logits: _gradient(logits),
    mistakes=[
        Mistake(
            "positives forgotten",
            lambda logits: _gradient(logits) + np.eye(len(logits)) / len(logits),
            (
                "Look at the diagonal.",
                "Every entry of yours pushes its logit down. For a pair the slope is sigmoid - 1: it "
                "pulls up.",
                "(sigmoid - identity) / N",
            ),
        ),
        Mistake(
            "softmax instead of sigmoid",
            _softmax_gradient,
            (
                "What do your rows sum to?",
                "They sum to 0: that is the gradient of a softmax. Here every logit has a sigmoid "
                "of its own.",
                "Start from logits.sigmoid().",
            ),
        ),
        Mistake(
            "wrong sign",
            lambda logits: -_gradient(logits),
            (
                "Raise the logit of a wrong pair a little: does the loss grow or fall?",
                "Yours is the direction in which the logits should go. The gradient points to where "
                "the loss grows.",
                "sigmoid - identity, not identity - sigmoid.",
            ),
        ),
        Mistake(
            "not divided by N",
            lambda logits: _gradient(logits, divide=False),
            (
                "Your values are N times too large.",
                "The loss is a sum divided by N, so its gradient is divided by N as well.",
                "Divide by len(logits).",
            ),
        ),
        Mistake(
            "divided by N squared",
            lambda logits: _gradient(logits) / len(logits),
            (
                "By what is the sum of this loss divided?",
                "The loss is a sum over N x N pairs divided by N, not a mean over the pairs.",
                "Divide by len(logits), once.",
            ),
        ),
    ],
    inputs=lambda rng: [
        (np.array([[2.0, -1.0], [0.5, -3.0]], "float32"),),
        (2 * rng.normal(size=(4, 4)).astype("float32"),),
        (rng.normal(size=(7, 7)).astype("float32") - 1,),
    ],
    difficulty=2,
    minutes=6,
    to="torch",
    forbidden=(
        *("autograd", "backward", "grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd"),
        "jacobian",
    ),
)


bias_that_fits = Exercise(
    "The bias that fits the batch",
    solution=lambda batch_size: -np.log(batch_size - 1.0),
    mistakes=[
        Mistake(
            "wrong sign",
            lambda batch_size: np.log(batch_size - 1.0),
            (
                "What does the sigmoid of a positive bias say?",
                "With a positive bias it is above one half, as if most pairs matched. Most do not.",
                "The bias is minus a logarithm.",
            ),
        ),
        Mistake(
            "odds mistaken for a share",
            lambda batch_size: -np.log(float(batch_size)),
            (
                "Close. Put your bias into the sigmoid: what comes out for N = 4?",
                "sigmoid(-log N) is 1 / (N + 1). Solve sigmoid(b) = 1 / N.",
                "1 + exp(-b) = N.",
            ),
        ),
        Mistake(
            "the share itself",
            lambda batch_size: 1.0 / batch_size,
            (
                "Is that a bias or a probability?",
                "It is the probability. The bias is the logit whose sigmoid is that probability.",
                "Solve 1 / (1 + exp(-b)) = 1 / N for b.",
            ),
        ),
        Mistake(
            "one pair in N x N",
            lambda batch_size: -np.log(batch_size**2 - 1.0),
            (
                "How many of the N x N pairs match?",
                "N of the N x N pairs match, not one: the share is 1 / N.",
                "Solve sigmoid(b) = 1 / N.",
            ),
        ),
        Mistake(
            "always the paper's value",
            lambda batch_size: -10.0,
            (
                "Does your answer depend on the batch?",
                "-10 says one pair in 22,027. In a batch of N one pair in N belongs together.",
                "Solve sigmoid(b) = 1 / N for b.",
            ),
        ),
        Mistake(
            "logarithm to the base 10",
            lambda batch_size: -np.log10(batch_size - 1.0),
            (
                "Which logarithm undoes the e in the sigmoid?",
                "The sigmoid is made with powers of e, so the natural logarithm undoes it.",
                "np.log, not np.log10",
            ),
        ),
    ],
    inputs=[(4,), (64,), (2_048,)],  # a matrix of N x N must fit into any memory
    difficulty=2,
    minutes=4,
)
