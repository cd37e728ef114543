"""The exercises of notebook 10: a zero-shot classifier from features, and recall both ways."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import softmax, unit


def _classify(images: np.ndarray, prompts: np.ndarray, scale: float) -> np.ndarray:
    """Raw features (N, D) and (K, P, D) to probabilities (N, K); Radford et al. 2021, §3.1.4."""
    classes = unit(unit(prompts).mean(axis=1))  # (K, D)
    return softmax(scale * unit(images) @ classes.T)  # (N, K)


def _images_not_normalised(images: np.ndarray, prompts: np.ndarray, scale: float) -> np.ndarray:
    return softmax(scale * images @ unit(unit(prompts).mean(axis=1)).T)


def _prompts_not_normalised(images: np.ndarray, prompts: np.ndarray, scale: float) -> np.ndarray:
    return softmax(scale * unit(images) @ unit(prompts.mean(axis=1)).T)


def _mean_not_renormalised(images: np.ndarray, prompts: np.ndarray, scale: float) -> np.ndarray:
    return softmax(scale * unit(images) @ unit(prompts).mean(axis=1).T)


def _softmax_over_images(images: np.ndarray, prompts: np.ndarray, scale: float) -> np.ndarray:
    classes = unit(unit(prompts).mean(axis=1))
    return softmax(scale * unit(images) @ classes.T, axis=0)


def _mean_over_classes(images: np.ndarray, prompts: np.ndarray, scale: float) -> np.ndarray:
    classes = unit(unit(prompts).mean(axis=0))  # (P, D)
    return softmax(scale * unit(images) @ classes.T)


zero_shot_classifier = Exercise(
    "A zero-shot classifier from features",
    solution=_classify,
    mistakes=[
        Mistake(
            "images not normalised",
            _images_not_normalised,
            (
                "Compare a picture with long features and one with short ones.",
                "The winner is right, but a picture with long features is surer than it should be. A cosine needs unit vectors on both sides: divide each picture by its length.",
                "`F.normalize(images, dim=-1) @ classes.T`.",
            ),
        ),
        Mistake(
            "prompts not normalised before the mean",
            _prompts_not_normalised,
            (
                "How much does a prompt with long features weigh in your mean?",
                "Prompts with long features outvote the short ones. Bring every prompt to length 1 first, then take the mean.",
                "`F.normalize(prompts, dim=-1).mean(dim=1)`.",
            ),
        ),
        Mistake(
            "ensemble averaged without renormalising",
            _mean_not_renormalised,
            (
                "How long is your class vector?",
                "The mean of unit vectors is shorter than 1, most of all where the prompts of a class disagree, so that class loses. Bring the mean back to length 1.",
                "`F.normalize(F.normalize(prompts, dim=-1).mean(dim=1), dim=-1)`.",
            ),
        ),
        Mistake(
            "first prompt only",
            lambda images, prompts, scale: _classify(images, prompts[:, :1], scale),
            (
                "How many of the P prompts of a class does your answer depend on?",
                "You used one prompt of each class. An ensemble takes the mean of all P.",
                "`prompts.mean(dim=1)`, after the normalisation, not `prompts[:, 0]`.",
            ),
        ),
        Mistake(
            "mean over the classes",
            _mean_over_classes,
            (
                "Which axis of (K, P, D) counts the prompts of one class?",
                "You averaged over the wrong axis: all classes of one template became one vector. The prompts of a class are axis 1 of (K, P, D).",
                "`.mean(dim=1)`.",
            ),
        ),
        Mistake(
            "softmax over the images",
            _softmax_over_images,
            (
                "What do your rows sum to, and what do your columns?",
                "Your columns sum to 1, so the pictures compete for a class. It is the classes that compete for a picture: each row must sum to 1.",
                "`.softmax(dim=1)`.",
            ),
        ),
        Mistake(
            "divided by the scale",
            lambda images, prompts, scale: _classify(images, prompts, 1 / scale),
            (
                "Does a larger scale make your probabilities sharper, or flatter?",
                "The scale is already 1 / temperature: multiply the cosines by it.",
                "`(scale * images @ classes.T).softmax(dim=1)`.",
            ),
        ),
    ],
    inputs=lambda rng: [
        (  # small enough to redo by hand
            np.array([[3.0, 4.0], [0.0, 2.0]]),
            np.array([[[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [-3.0, 0.0]]]),
            2.0,
        ),
        *(
            (
                rng.normal(size=(n, 8)).astype("float32") * rng.uniform(0.5, 3, (n, 1)),
                rng.normal(size=(k, p, 8)).astype("float32") * rng.uniform(0.3, 3, (k, p, 1)),
                scale,
            )
            for n, k, p, scale in ((2, 2, 2, 10.0), (7, 3, 3, 4.0))
        ),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


def _share_found(similarity: np.ndarray, k: int) -> float:
    """Share of rows whose diagonal entry is among the k largest of the row."""
    better = (similarity > similarity.diagonal()[:, None]).sum(axis=1)  # rank from 0
    return float((better < k).mean())


def _recall(similarity: np.ndarray, k: int) -> np.ndarray:
    """Similarities (N, N), image i with text i, to recall@k: image to text, text to image."""
    return np.array([_share_found(similarity, k), _share_found(similarity.T, k)])


recall_at_k = Exercise(
    "Recall@k both ways",
    solution=_recall,
    mistakes=[
        Mistake(
            "the two directions swapped",
            lambda similarity, k: _recall(similarity, k)[::-1],
            (
                "Which of your two numbers belongs to the pictures?",
                "The numbers are right, in the wrong order. A picture is a row, and it looks for its text along the row: that comes first.",
                "`[share(similarity), share(similarity.T)]`.",
            ),
        ),
        Mistake(
            "rows both times",
            lambda similarity, k: _recall(similarity, k)[[0, 0]],
            (
                "Your two numbers are equal. Whose search is the second one?",
                "You searched the rows twice. A text looks for its picture down a column.",
                "The second number is the first one of `similarity.T`.",
            ),
        ),
        Mistake(
            "columns both times",
            lambda similarity, k: _recall(similarity, k)[[1, 1]],
            (
                "Your two numbers are equal. Whose search is the first one?",
                "You searched the columns twice. A picture looks for its text along a row.",
                "The first number reads `similarity`, the second `similarity.T`.",
            ),
        ),
        Mistake(
            "one candidate too few",
            lambda similarity, k: _recall(similarity, k - 1),
            (
                "For k = 1, how many candidates do you look at?",
                "Off by one: the best candidate has rank 0, so the last of k has rank k - 1.",
                "`topk(k, dim=1)`, or `rank < k` with ranks from 0.",
            ),
        ),
        Mistake(
            "one candidate too many",
            lambda similarity, k: _recall(similarity, k + 1),
            (
                "With k = 1, does your answer also count a partner in the second place?",
                "Off by one: with ranks from 0, rank k is already the candidate number k + 1.",
                "`topk(k, dim=1)`, or `rank < k` with ranks from 0.",
            ),
        ),
        Mistake(
            "recall@1 whatever k is",
            lambda similarity, k: _recall(similarity, 1),
            (
                "Does your answer change with k?",
                "You asked whether the best candidate is right. Any of the first k will do.",
                "`(topk(k, dim=1).indices == own).any(dim=1)`.",
            ),
        ),
        Mistake(
            "the smallest instead of the largest",
            lambda similarity, k: _recall(-similarity, k),
            (
                "Is a large similarity good or bad in your ranking?",
                "You took the k least similar. Sorting puts the smallest first: turn the order round.",
                "`similarity.topk(k, dim=1)`, or `argsort(descending=True)`.",
            ),
        ),
        Mistake(
            "counted, not shared",
            lambda similarity, k: _recall(similarity, k) * len(similarity),
            (
                "Can a recall be larger than 1?",
                "That is how many were found. Recall is their share: divide by N.",
                "`.double().mean()` instead of `.sum()`.",
            ),
        ),
    ],
    inputs=lambda rng: [
        # A bias for every text, or for every picture, makes the two directions differ.
        (matrix.T.copy() if of_pictures else matrix, k)
        for n, k, of_pictures in ((4, 2, False), (40, 3, False), (30, 5, True))
        for matrix in [rng.normal(size=(n, n)) + 1.2 * np.eye(n) + 1.5 * rng.normal(size=(1, n))]
    ],
    difficulty=2,
    minutes=8,
    to="torch",
)
