"""The exercises of notebook 06: InfoNCE, its value at chance, the modality gap."""

import math

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _unit(vectors: np.ndarray, axis: int = 1) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=axis, keepdims=True)


def _probabilities(logits: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _logits(images: np.ndarray, texts: np.ndarray, temperature: float) -> np.ndarray:
    return _unit(images.astype(float)) @ _unit(texts.astype(float)).T / temperature  # (N, N)


def _loss_of(logits: np.ndarray, axes: tuple[int, ...] = (1, 0), labels: int = 0) -> float:
    """The mean of -log P(own), averaged over `axes`; `labels` shifts what counts as own."""
    rows = np.arange(len(logits))
    own = np.roll(rows, -labels)
    return float(
        np.mean([-np.log(_probabilities(logits, axis)[rows, own]).mean() for axis in axes])
    )


def _info_nce(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    """Raw features (N, D) to symmetric InfoNCE; Radford et al. 2021, Fig. 3."""
    return _loss_of(_logits(images, texts, temperature))


def _one_sided(axis: int):
    return lambda images, texts, temperature: _loss_of(_logits(images, texts, temperature), (axis,))


def _log_of_the_mean(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    logits = _logits(images, texts, temperature)
    own = [_probabilities(logits, axis).diagonal() for axis in (1, 0)]
    return float(np.mean([-np.log(each.mean()) for each in own]))


def _own_left_out_below(images: np.ndarray, texts: np.ndarray, temperature: float) -> float:
    logits = _logits(images, texts, temperature)
    others = np.where(np.eye(len(logits), dtype=bool), 0.0, np.exp(logits))
    own = logits.diagonal()
    return float(np.mean([(np.log(others.sum(axis)) - own).mean() for axis in (1, 0)]))


info_nce = Exercise(
    "InfoNCE from scratch",
    solution=_info_nce,
    mistakes=[
        Mistake(
            "missing normalisation",
            lambda images, texts, temperature: _loss_of(
                images.astype(float) @ texts.astype(float).T / temperature
            ),
            "Your logits grow with the length of the vectors. A cosine is the dot product of unit "
            "vectors: divide every row by its own length first.",
        ),
        Mistake(
            "normalised over the wrong axis",
            lambda images, texts, temperature: _loss_of(
                _unit(images.astype(float), 0) @ _unit(texts.astype(float), 0).T / temperature
            ),
            "You divided each feature by its length over the batch. An embedding is a row.",
        ),
        Mistake(
            "one-sided, images to texts only",
            _one_sided(1),
            "That is half of it: each image picks its text. Add the other direction, where each "
            "text picks its image, and take the mean of the two.",
        ),
        Mistake(
            "softmax over the wrong axis, texts to images only",
            _one_sided(0),
            "You normalised the columns only, so each text picks its image. The rows count as "
            "much: take the mean of both directions.",
        ),
        Mistake(
            "the two directions not halved",
            lambda images, texts, temperature: 2 * _info_nce(images, texts, temperature),
            "You added the two directions. The loss is their mean, so that chance stays at log N.",
        ),
        Mistake(
            "-log of the mean",
            _log_of_the_mean,
            "You averaged the probabilities and took the logarithm of that, so pairs that are lost "
            "cost almost nothing. Take -log of each pair first, then the mean.",
        ),
        Mistake(
            "labels off by one",
            lambda images, texts, temperature: _loss_of(
                _logits(images, texts, temperature), labels=1
            ),
            "Your positives lie beside the diagonal. Row 0 belongs to column 0: count from zero.",
        ),
        Mistake(
            "temperature multiplied",
            lambda images, texts, temperature: _loss_of(_logits(images, texts, 1.0) * temperature),
            "A small temperature must make the softmax sharper: divide the cosines by it.",
        ),
        Mistake(
            "own pair left out below the fraction bar",
            _own_left_out_below,
            "The softmax runs over all N candidates, the right one included; without it the loss "
            "could fall below zero.",
        ),
    ],
    inputs=lambda rng: [
        (
            rng.normal(size=(6, 8)).astype("float32") * 1.5,
            rng.normal(size=(6, 8)).astype("float32"),
            0.5,
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
)


chance = Exercise(
    "The loss of CLIP's batch at chance",
    solution=math.log(32_768),
    mistakes=[
        Mistake(
            "logarithm to the base 2",
            math.log2(32_768),
            "15 bits is right, but the loss is measured with the natural logarithm.",
        ),
        Mistake(
            "logarithm to the base 10",
            math.log10(32_768),
            "The loss is measured with the natural logarithm: `math.log`, not `math.log10`.",
        ),
        Mistake(
            "logarithm of all pairs",
            math.log(32_768**2),
            "Nobody chooses among all N² pairs: each image chooses among N texts.",
        ),
        Mistake(
            "halved",
            math.log(32_768) / 2,
            "Both directions are at chance, and their mean is no smaller than either.",
        ),
        Mistake(
            "a probability",
            1 / 32_768,
            "That is the chance of a right guess; the loss is minus its logarithm.",
        ),
    ],
    difficulty=1,
    minutes=3,
    tolerance=1e-3,
)


def _gap(images: np.ndarray, texts: np.ndarray) -> float:
    """Raw features (N, D) each to the distance of the two means; Liang et al. 2022, section 2."""
    return float(np.linalg.norm(_unit(images).mean(0) - _unit(texts).mean(0)))


modality_gap = Exercise(
    "Measure the modality gap",
    solution=_gap,
    mistakes=[
        Mistake(
            "missing normalisation",
            lambda images, texts: float(np.linalg.norm(images.mean(0) - texts.mean(0))),
            "These are raw features. Bring every row to length 1 before you take the means.",
        ),
        Mistake(
            "mean distance of the pairs",
            lambda images, texts: float(
                np.linalg.norm(_unit(images) - _unit(texts), axis=1).mean()
            ),
            "You measured how far each image is from its own text. The gap lies between the two "
            "clouds: first the mean of each, then one distance.",
        ),
        Mistake(
            "squared",
            lambda images, texts: _gap(images, texts) ** 2,
            "That is the square of the distance: take the root.",
        ),
        Mistake(
            "means brought to length 1",
            lambda images, texts: float(
                np.linalg.norm(
                    _unit(_unit(images).mean(0, keepdims=True))
                    - _unit(_unit(texts).mean(0, keepdims=True))
                )
            ),
            "The mean of unit vectors is shorter than 1, and that is part of the measure: do not "
            "normalise it again.",
        ),
        Mistake(
            "cosine of the means",
            lambda images, texts: float(
                (
                    _unit(_unit(images).mean(0, keepdims=True))
                    @ _unit(_unit(texts).mean(0, keepdims=True)).T
                ).item()
            ),
            "That is an angle between the two means; the gap is the distance between them.",
        ),
    ],
    inputs=lambda rng: [
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
