"""The warm-ups of notebook 00."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import unit

count_negatives = Exercise(
    "Count the negative pairs",
    solution=24 * 24 - 24,
    mistakes=[
        Mistake(
            "positives counted too",
            24 * 24,
            (
                "Is every cell of the matrix a negative pair?",
                "The 24 pairs that belong together are in there as well.",
                "All 24 x 24 cells, less the 24 on the diagonal.",
            ),
        ),
        Mistake(
            "positives counted",
            24,
            (
                "Which cells of the matrix did you count?",
                "The 24 on the diagonal are the pairs that do belong together.",
                "Count all cells that are not on the diagonal.",
            ),
        ),
        Mistake(
            "each pair counted once",
            24 * 23 // 2,
            (
                "Does the matrix have the same cell on both sides of its diagonal?",
                "Picture 1 with caption 2 and picture 2 with caption 1 are two different pairs. (The batch "
                "has 24 pictures; above you see the first twelve.)",
                "Count the cells on both sides of the diagonal.",
            ),
        ),
        Mistake(
            "one row only",
            23,
            (
                "For how many pictures is this the count?",
                "Each picture has 23 captions that are not its own.",
                "Take that number for each of the 24 pictures.",
            ),
        ),
        Mistake(
            "counted from both sides",
            2 * 24 * 23,
            (
                "Is a pair that you found from its picture a new one when you find it from its caption?",
                "Picture 1 with caption 2 is one cell of the matrix, from whichever side you come. (And two "
                "pictures, or two captions, are no pair here.)",
                "Count the cells off the diagonal once.",
            ),
        ),
    ],
    difficulty=1,
    minutes=2,
)


def _square(vectors: np.ndarray) -> np.ndarray:
    return vectors / (vectors**2).sum(axis=1, keepdims=True)


def _pairs(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Three vectors with lengths that can be read off, then some of every length."""
    images = np.array([[3, 4], [0, 2]], dtype="float32")
    texts = np.array([[5, 12], [-8, 6], [1, 0]], dtype="float32")
    large = rng.normal(size=(5, 8)).astype("float32") * 3
    return [
        (images, texts),
        (large, rng.normal(size=(4, 8)).astype("float32")),
        (large[:3, :2], rng.normal(size=(6, 2)).astype("float32") * 2),
    ]


cosine_matrix = Exercise(
    "Cosine similarity",
    solution=lambda images, texts: unit(images) @ unit(texts).T,
    mistakes=[
        Mistake(
            "missing normalisation",
            lambda images, texts: images @ texts.T,
            (
                "Can a cosine be larger than 1? Yours can.",
                "A dot product grows with the length of the vectors: divide each by its own length.",
                "First `images / images.norm(dim=1, keepdim=True)`, and the same for the texts.",
            ),
        ),
        Mistake(
            "texts not normalised",
            lambda images, texts: unit(images) @ texts.T,
            (
                "Make a text vector twice as long: does your answer change?",
                "The texts still have lengths other than 1.",
                "Divide the texts by `texts.norm(dim=1, keepdim=True)`, too.",
            ),
        ),
        Mistake(
            "images not normalised",
            lambda images, texts: images @ unit(texts).T,
            (
                "Make an image vector twice as long: does your answer change?",
                "The images still have lengths other than 1.",
                "Divide the images by `images.norm(dim=1, keepdim=True)`, too.",
            ),
        ),
        Mistake(
            "normalised over the wrong axis",
            lambda images, texts: unit(images, 0) @ unit(texts, 0).T,
            (
                "Which axis of the array runs through one vector?",
                "You divided each feature by its length over the batch: a vector is a row.",
                "Take the norm with `dim=1`.",
            ),
        ),
        Mistake(
            "divided by the squared length",
            lambda images, texts: _square(images) @ _square(texts).T,
            (
                "What is the cosine of a vector with itself? Try your function.",
                "The length of a vector is the square root of the sum of its squares.",
                "Divide by `images.norm(dim=1, keepdim=True)`: the root is in it.",
            ),
        ),
        Mistake(
            "transposed",
            lambda images, texts: unit(texts) @ unit(images).T,
            (
                "Which shape did the task ask for?",
                "Rows should be images and columns texts; yours are the other way round.",
                "`images @ texts.T` has the shape (N, M).",
            ),
        ),
    ],
    inputs=_pairs,
    difficulty=2,
    minutes=6,
    to="torch",
)
