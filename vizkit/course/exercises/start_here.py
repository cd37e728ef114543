"""The warm-ups of notebook 00."""

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake

count_negatives = Exercise(
    "Count the negative pairs",
    solution=24 * 24 - 24,
    mistakes=[
        Mistake("positives counted too", 24 * 24, "The 24 true pairs are in there as well."),
        Mistake("positives counted", 24, "These are the pairs that do belong together."),
        Mistake(
            "each pair counted once",
            24 * 23 // 2,
            "Picture 1 with caption 2 and picture 2 with caption 1 are two different pairs.",
        ),
    ],
    difficulty=1,
    minutes=2,
)


def _unit(vectors: np.ndarray, axis: int = 1) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=axis, keepdims=True)


cosine_matrix = Exercise(
    "Cosine similarity",
    solution=lambda images, texts: _unit(images) @ _unit(texts).T,
    mistakes=[
        Mistake(
            "missing normalisation",
            lambda images, texts: images @ texts.T,
            "A dot product grows with the length of the vectors: divide each by its own length.",
        ),
        Mistake(
            "one side only",
            lambda images, texts: _unit(images) @ texts.T,
            "The texts still have lengths other than 1.",
        ),
        Mistake(
            "normalised over the wrong axis",
            lambda images, texts: _unit(images, 0) @ _unit(texts, 0).T,
            "You divided each feature by its length over the batch: a vector is a row.",
        ),
        Mistake(
            "transposed",
            lambda images, texts: _unit(texts) @ _unit(images).T,
            "Rows should be images and columns texts; yours are the other way round.",
        ),
    ],
    inputs=lambda rng: [
        (rng.normal(size=(5, 8)).astype("float32") * 3, rng.normal(size=(4, 8)).astype("float32")),
        (rng.normal(size=(3, 2)).astype("float32"), rng.normal(size=(6, 2)).astype("float32") * 2),
    ],
    difficulty=2,
    minutes=6,
    to="torch",
)
