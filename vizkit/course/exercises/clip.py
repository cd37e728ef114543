"""The exercises of notebook 06: InfoNCE, its value at chance, the modality gap."""

import math
from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import softmax, unit


def _logits(images: np.ndarray, texts: np.ndarray, temperature: float) -> np.ndarray:
    return unit(images.astype(float)) @ unit(texts.astype(float)).T / temperature  # (N, N)


def _loss_of(logits: np.ndarray, axes: tuple[int, ...] = (1, 0), labels: int = 0) -> float:
    """The mean of -log P(own), averaged over `axes`; `labels` shifts what counts as own."""
    asked = np.arange(len(logits))
    own = np.roll(asked, -labels)
    cells = {1: (asked, own), 0: (own, asked)}  # a row asks for a column, a column for a row
    return float(np.mean([-np.log(softmax(logits, axis)[cells[axis]]).mean() for axis in axes]))


def _info_nce(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    """Raw features (N, D) to symmetric InfoNCE; Radford et al. 2021, Fig. 3."""
    return _loss_of(_logits(images, texts, temperature))


def _one_sided(axis: int) -> Callable[[np.ndarray, np.ndarray, float], float]:
    return lambda images, texts, temperature: _loss_of(_logits(images, texts, temperature), (axis,))


def _log_of_the_mean(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    logits = _logits(images, texts, temperature)
    own = [softmax(logits, axis).diagonal() for axis in (1, 0)]
    return float(np.mean([-np.log(each.mean()) for each in own]))


def _own_left_out_below(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    logits = _logits(images, texts, temperature)
    others = np.where(np.eye(len(logits), dtype=bool), 0.0, np.exp(logits))
    own = logits.diagonal()
    return float(np.mean([(np.log(others.sum(axis)) - own).mean() for axis in (1, 0)]))


def _softmax_twice(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    """What cross_entropy returns for shares instead of logits."""
    logits = _logits(images, texts, temperature)
    shares = (softmax(logits, 1), softmax(logits, 0).T)  # (N, N) each
    return float(np.mean([_loss_of(share, (1,)) for share in shares]))


info_nce = Exercise(
    "InfoNCE from scratch",
    solution=_info_nce,
    mistakes=[
        Mistake(
            "missing normalisation",
            lambda images, texts, temperature: _loss_of(
                images.astype(float) @ texts.astype(float).T / temperature
            ),
            (
                "What would your loss say if every vector were twice as long?",
                "A cosine is the dot product of unit vectors: divide every row by its own length.",
                "images = F.normalize(images, dim=1), and the same for the texts.",
            ),
        ),
        Mistake(
            "only the images normalised",
            lambda images, texts, temperature: _loss_of(
                unit(images.astype(float)) @ texts.astype(float).T / temperature
            ),
            (
                "One of the two kinds of vectors still has lengths of its own.",
                "A cosine needs both sides to have length 1; the texts do not yet.",
                "texts = F.normalize(texts, dim=1)",
            ),
        ),
        Mistake(
            "only the texts normalised",
            lambda images, texts, temperature: _loss_of(
                images.astype(float) @ unit(texts.astype(float)).T / temperature
            ),
            (
                "One of the two kinds of vectors still has its own lengths.",
                "A cosine needs both sides to have length 1; the images do not yet.",
                "images = F.normalize(images, dim=1)",
            ),
        ),
        Mistake(
            "normalised over the wrong axis",
            lambda images, texts, temperature: _loss_of(
                unit(images.astype(float), 0) @ unit(texts.astype(float), 0).T / temperature
            ),
            (
                "Which axis of (N, D) is one embedding?",
                "You divided each feature by its length over the batch. An embedding is a row.",
                "F.normalize(images, dim=1), not dim=0.",
            ),
        ),
        Mistake(
            "one-sided, images to texts only",
            _one_sided(1),
            (
                "That is half of it.",
                "Each image picks its text; in the other half each text picks its image.",
                "Add F.cross_entropy(logits.T, labels) and take the mean of the two.",
            ),
        ),
        Mistake(
            "softmax over the wrong axis, texts to images only",
            _one_sided(0),
            (
                "You read the matrix by its columns alone.",
                "The columns let each text pick its image; the rows, where each image picks its "
                "text, count as much.",
                "Add F.cross_entropy(logits, labels) and take the mean of both directions.",
            ),
        ),
        Mistake(
            "the two directions not halved",
            lambda images, texts, temperature: 2 * _info_nce(images, texts, temperature),
            (
                "What would your loss be for a batch in which all vectors are alike?",
                "You added the two directions. The loss is their mean, so that chance is log N.",
                "return (by_rows + by_columns) / 2",
            ),
        ),
        Mistake(
            "the sum over the batch instead of the mean",
            lambda images, texts, temperature: len(images) * _info_nce(images, texts, temperature),
            (
                "What would happen to your loss if the batch were twice as large?",
                "You added the losses of the pairs. The loss is their mean.",
                'F.cross_entropy(logits, labels), whose reduction is "mean" unless told otherwise.',
            ),
        ),
        Mistake(
            "the minus forgotten",
            lambda images, texts, temperature: -_info_nce(images, texts, temperature),
            (
                "Can a loss of this kind be below zero?",
                "The logarithm of a share is negative; the loss is minus that logarithm.",
                "return -log_shares.mean()",
            ),
        ),
        Mistake(
            "-log of the mean",
            _log_of_the_mean,
            (
                "How much does one pair that is lost completely add to your loss?",
                "You averaged the probabilities and took the logarithm of that. Take -log of each "
                "pair first, then the mean.",
                "-shares.diagonal().log().mean(), not -shares.diagonal().mean().log()",
            ),
        ),
        Mistake(
            "softmax twice",
            _softmax_twice,
            (
                "What does cross_entropy do with its first argument?",
                "cross_entropy takes the softmax itself: give it logits, not shares.",
                "F.cross_entropy(logits, labels), without a softmax before it.",
            ),
        ),
        Mistake(
            "labels off by one",
            lambda images, texts, temperature: _loss_of(
                _logits(images, texts, temperature), labels=1
            ),
            (
                "Which caption belongs to picture 0?",
                "Your positives lie beside the diagonal. Row 0 belongs to column 0.",
                "labels = torch.arange(len(logits))",
            ),
        ),
        Mistake(
            "temperature multiplied",
            lambda images, texts, temperature: _loss_of(_logits(images, texts, 1.0) * temperature),
            (
                "Does a small temperature make your softmax sharper or flatter?",
                "A small temperature must make the softmax sharper: divide the cosines by it.",
                "logits = images @ texts.T / temperature",
            ),
        ),
        Mistake(
            "temperature forgotten",
            lambda images, texts, temperature: _loss_of(_logits(images, texts, 1.0)),
            (
                "Change the temperature: does your loss change?",
                "The temperature has no effect on your loss. The cosines are divided by it.",
                "logits = images @ texts.T / temperature, and not images @ texts.T alone.",
            ),
        ),
        Mistake(
            "own pair left out below the fraction bar",
            _own_left_out_below,
            (
                "Could your loss fall below zero?",
                "The softmax runs over all N candidates, the right one included.",
                "powers[i] / powers.sum(), with powers[i] in the sum.",
            ),
        ),
    ],
    inputs=lambda rng: [
        (
            np.array([[3, 4], [0, 2], [1, 0]], dtype="float32"),
            np.array([[1, 1], [-1, 2], [3, 0]], dtype="float32"),
            0.5,
        ),
        (
            rng.normal(size=(6, 8)).astype("float32") * 1.5,
            rng.normal(size=(6, 8)).astype("float32"),
            0.4,
        ),
        (
            rng.normal(size=(4, 5)).astype("float32"),
            rng.normal(size=(4, 5)).astype("float32") * 2,
            0.2,
        ),
    ],
    difficulty=3,
    minutes=12,
    to="torch",
    forbidden=("info_nce", "plain_info_nce", "ClipLoss"),
)


chance = Exercise(
    "The loss of CLIP's batch at chance",
    solution=lambda n: math.log(n),
    mistakes=[
        Mistake(
            "logarithm to the base 2",
            lambda n: math.log2(n),
            (
                "Which logarithm does cross_entropy use?",
                "You counted in bits; the loss is measured with the natural logarithm.",
                "math.log(n), not math.log2(n)",
            ),
        ),
        Mistake(
            "logarithm to the base 10",
            lambda n: math.log10(n),
            (
                "Which logarithm is it that cross_entropy uses?",
                "You took decimal digits; the loss is measured with the natural logarithm.",
                "math.log(n), not math.log10(n)",
            ),
        ),
        Mistake(
            "twice as large",
            lambda n: math.log(n**2),
            (
                "Among how many does one picture choose? And how do the two directions become one loss?",
                "Each image chooses among N texts, not among all N² pairs; and of the two directions "
                "the mean is taken, not the sum.",
                "The share of the right one is 1 / n in either direction: (loss + loss) / 2.",
            ),
        ),
        Mistake(
            "logarithm of the negatives",
            lambda n: math.log(n - 1),
            (
                "Among how many captions does a picture choose, its own included?",
                "You counted the negatives. The softmax runs over all N captions.",
                "math.log(n), not math.log(n - 1)",
            ),
        ),
        Mistake(
            "halved",
            lambda n: math.log(n) / 2,
            (
                "What is the mean of two equal numbers?",
                "Both directions are at chance, and their mean is no smaller than either.",
                "(math.log(n) + math.log(n)) / 2",
            ),
        ),
        Mistake(
            "a probability",
            lambda n: 1 / n,
            (
                "Does your number grow or shrink with the batch?",
                "That is the chance of a right guess; the loss is minus its logarithm.",
                "-math.log(1 / n)",
            ),
        ),
        Mistake(
            "the minus forgotten",
            lambda n: -math.log(n),
            (
                "Can this loss be below zero?",
                "The share is 1 / n, and its logarithm is negative; the loss is minus that.",
                "-math.log(1 / n), which is math.log(n)",
            ),
        ),
    ],
    inputs=[(4,), (128,), (2_048,)],  # a matrix of N x N must fit into any memory
    difficulty=1,
    minutes=3,
    tolerance=2e-6,
)


def _gap(images: np.ndarray, texts: np.ndarray) -> float:
    """Raw features (N, D) each to the distance of the two means; Liang et al. 2022, section 2."""
    return float(np.linalg.norm(unit(images).mean(0) - unit(texts).mean(0)))


def _unit_means(images: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The means of the unit vectors, brought to length 1 themselves, (1, D) each."""
    first, second = (unit(unit(x).mean(0, keepdims=True)) for x in (images, texts))
    return first, second


modality_gap = Exercise(
    "Measure the modality gap",
    solution=_gap,
    mistakes=[
        Mistake(
            "missing normalisation",
            lambda images, texts: float(np.linalg.norm(images.mean(0) - texts.mean(0))),
            (
                "Would your gap grow if all vectors were twice as long?",
                "These are raw features. Bring every row to length 1 before you take the means.",
                "F.normalize(images, dim=1).mean(0)",
            ),
        ),
        Mistake(
            "normalised over the wrong axis",
            lambda images, texts: float(
                np.linalg.norm(unit(images, 0).mean(0) - unit(texts, 0).mean(0))
            ),
            (
                "Which axis of (N, D) is one vector?",
                "You divided each feature by its length over the batch. A vector is a row.",
                "F.normalize(images, dim=1), not dim=0",
            ),
        ),
        Mistake(
            "mean distance of the pairs",
            lambda images, texts: float(np.linalg.norm(unit(images) - unit(texts), axis=1).mean()),
            (
                "How many distances did you take?",
                "You measured how far each image is from its own text. The gap lies between the "
                "two clouds: first the mean of each, then one distance.",
                "(images.mean(0) - texts.mean(0)).norm()",
            ),
        ),
        Mistake(
            "squared",
            lambda images, texts: _gap(images, texts) ** 2,
            (
                "Is this a distance, or a distance times itself?",
                "That is the square of the distance: take the root.",
                "(difference**2).sum().sqrt(), or difference.norm()",
            ),
        ),
        Mistake(
            "mean instead of sum of the squares",
            lambda images, texts: _gap(images, texts) / math.sqrt(images.shape[1]),
            (
                "Would your number change if you appended features that are all zero?",
                "A length is the root of the *sum* of the squares, not of their mean.",
                "(difference**2).sum().sqrt()",
            ),
        ),
        Mistake(
            "sum of the absolute differences",
            lambda images, texts: float(np.abs(unit(images).mean(0) - unit(texts).mean(0)).sum()),
            (
                "Which distance is meant?",
                "You added the absolute differences. The gap is the ordinary (Euclidean) distance.",
                "difference.norm(), not difference.abs().sum()",
            ),
        ),
        Mistake(
            "means brought to length 1",
            lambda images, texts: float(np.linalg.norm(np.subtract(*_unit_means(images, texts)))),
            (
                "How long is the mean of your unit vectors?",
                "The mean of unit vectors is shorter than 1, and that is part of the measure: do "
                "not normalise it again.",
                "Normalise before mean(0), not after it.",
            ),
        ),
        Mistake(
            "cosine of the means",
            lambda images, texts: float(
                (_unit_means(images, texts)[0] * _unit_means(images, texts)[1]).sum()
            ),
            (
                "Does your number grow when the clouds move apart?",
                "That is an angle between the two means; the gap is the distance between them.",
                "(images.mean(0) - texts.mean(0)).norm()",
            ),
        ),
    ],
    inputs=lambda rng: [
        (
            np.array([[3, 4], [0, 2]], dtype="float32"),
            np.array([[5, 0], [4, 3]], dtype="float32"),
        ),
        (
            (rng.normal(size=(7, 6)) + 1).astype("float32") * 2,
            rng.normal(size=(7, 6)).astype("float32"),
        ),
        (
            rng.normal(size=(5, 3)).astype("float32"),
            (rng.normal(size=(5, 3)) - 0.5).astype("float32"),
        ),
    ],
    difficulty=2,
    minutes=6,
    to="torch",
)
