"""The exercises of notebook 15: locked features, ranks of names, names without a word in common."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import unit


def _lock(features: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(N, F) unit vectors around the mean of the seen rows."""
    return unit(features - features[seen].mean(0))


def _locked_inputs(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Features (N, F) and the indices of the pictures to learn from."""
    return [
        (np.array([[3.0, 1.0], [1.0, 4.0], [2.0, -2.0], [6.0, 5.0]]), np.array([0, 2])),
        (rng.normal(1, 2, size=(9, 5)), np.array([1, 2, 5, 8])),
        (rng.uniform(0, 3, size=(7, 7)), np.array([0, 3, 4])),
    ]


centre_on_seen = Exercise(
    "Centre on what was seen",
    solution=_lock,
    mistakes=[
        Mistake(
            "the mean of all pictures",
            lambda features, seen: unit(features - features.mean(0)),
            (
                "Which pictures may you look at?",
                "The unseen pictures are the test: nothing may be computed from them.",
                "features[seen].mean(dim=0), not features.mean(dim=0)",
            ),
        ),
        Mistake(
            "not at length 1",
            lambda features, seen: features - features[seen].mean(0),
            (
                "How long are the vectors that you return?",
                "Cosines are products of vectors of length 1.",
                "F.normalize(…, dim=-1) at the end",
            ),
        ),
        Mistake(
            "at length 1 before the mean is taken off",
            lambda features, seen: _lock(unit(features), seen),
            (
                "In which order do you work?",
                "First the mean, then the length. You shortened the features before as well.",
                "F.normalize(features - features[seen].mean(dim=0), dim=-1)",
            ),
        ),
        Mistake(
            "no mean taken off",
            lambda features, seen: unit(features),
            (
                "What have all drawings in common?",
                "The mean of the seen pictures has to come off first.",
                "features - features[seen].mean(dim=0)",
            ),
        ),
        Mistake(
            "only the seen pictures returned",
            lambda features, seen: _lock(features, seen)[seen],
            (
                "How many rows do you return?",
                "All pictures are wanted; the mean alone is of the seen ones.",
                "features - features[seen].mean(dim=0), with all rows of features",
            ),
        ),
        Mistake(
            "the whole matrix at length 1",
            lambda features, seen: (
                (features - features[seen].mean(0))
                / np.linalg.norm(features - features[seen].mean(0))
            ),
            (
                "What is the length of each of your rows?",
                "Each row on its own has length 1, not the whole matrix.",
                "norm(dim=-1, keepdim=True)",
            ),
        ),
        Mistake(
            "the mean over the numbers of a picture",
            lambda features, seen: unit(features - features.mean(1, keepdims=True)),
            (
                "How many numbers does your mean have?",
                "The mean is a picture's worth of numbers: one for each column.",
                "features[seen].mean(dim=0), not dim=1",
            ),
        ),
    ],
    inputs=_locked_inputs,
    difficulty=1,
    minutes=5,
    to="torch",
)


def _ranks(cosines: np.ndarray) -> np.ndarray:
    """(N,) rank of the diagonal entry in its row, 1 is best; ties count against it."""
    return (cosines >= cosines.diagonal()[:, None]).sum(1)


def _cosine_inputs(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Cosines (N, N), some of them equal."""
    return [
        (np.array([[0.4, 0.9, 0.4], [0.2, 0.6, 0.5], [0.5, 0.8, 0.5]]),),
        (rng.uniform(-0.2, 0.6, size=(7, 7)),),
        (np.round(rng.uniform(-0.5, 0.5, size=(8, 8)), 1),),
    ]


rank_of_the_name = Exercise(
    "The rank of the right name",
    solution=_ranks,
    mistakes=[
        Mistake(
            "ranks from 0",
            lambda cosines: _ranks(cosines) - 1,
            (
                "Which rank has the best answer?",
                "R@1 counts ranks of 1: the best rank is 1, not 0.",
                "Add 1, or count the right name itself with >=.",
            ),
        ),
        Mistake(
            "ties count for the right name",
            lambda cosines: (cosines > cosines.diagonal()[:, None]).sum(1) + 1,
            (
                "What does your function say of a row in which all cosines are equal?",
                "A model that says the same of every name knows nothing: a tie counts against it.",
                "cosines >= own, not cosines > own",
            ),
        ),
        Mistake(
            "names look for pictures",
            lambda cosines: _ranks(cosines.T),
            (
                "Do you look along a row or along a column?",
                "A picture, a row, looks for its name among the names.",
                "sum over dim=1",
            ),
        ),
        Mistake(
            "counted from the worst",
            lambda cosines: (cosines <= cosines.diagonal()[:, None]).sum(1),
            (
                "Which rank does your function give to the largest cosine of a row?",
                "The largest cosine has rank 1.",
                "Count the cosines that are at least as large as the right one.",
            ),
        ),
        Mistake(
            "the place of the best name",
            lambda cosines: cosines.argmax(1),
            (
                "Is your number a place in the list of names, or a rank?",
                "argmax says which name is best. Asked for is how far down the right one stands.",
                "Compare each row with its entry on the diagonal, and count.",
            ),
        ),
        Mistake(
            "right or wrong",
            lambda cosines: (_ranks(cosines) == 1).astype(int),
            (
                "Does your answer tell a near miss from a bad one?",
                "You return whether the rank is 1. Asked for is the rank.",
                "Leave out the last comparison.",
            ),
        ),
    ],
    inputs=_cosine_inputs,
    difficulty=2,
    minutes=8,
    to="torch",
)


def _shared(seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """(U, S): how many words an unseen name has in common with each seen one."""
    return unseen.astype(float) @ seen.astype(float).T


def _word_tables(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tables of 0 and 1, which word stands in which name: seen (S, V) and unseen (U, V)."""
    return [
        (np.array([[1, 1, 0, 0], [0, 1, 0, 0]]), np.array([[0, 1, 1, 0], [0, 0, 1, 1]])),
        # For paper as well: a word of the first seen name, one of the second beside two new ones.
        (
            np.array([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0]]),
            np.array([[1, 0, 0, 0, 0], [0, 0, 1, 1, 1]]),
        ),
        (
            (rng.uniform(size=(4, 9)) < 0.25).astype(int),
            (rng.uniform(size=(12, 9)) < 0.3).astype(int),
        ),
        (
            np.array([[1, 0, 0, 1, 0], [0, 0, 0, 1, 0], [1, 1, 0, 1, 0]]),
            np.array([[0, 0, 1, 0, 1], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 0, 1]]),
        ),
    ]


names_without_a_seen_word = Exercise(
    "Names without a seen word",
    solution=lambda seen, unseen: (_shared(seen, unseen) == 0).all(1),
    mistakes=[
        Mistake(
            "the names that do have one",
            lambda seen, unseen: (_shared(seen, unseen) > 0).any(1),
            (
                "Which names did you mark?",
                "Yours have a word that was seen. Wanted are those that have none.",
                "Negate your answer.",
            ),
        ),
        Mistake(
            "no word in common with one of the names",
            lambda seen, unseen: (_shared(seen, unseen) == 0).any(1),
            (
                "Is it enough that one seen name is different?",
                "A name has no seen word if it shares none with every seen name.",
                "all, not any",
            ),
        ),
        Mistake(
            "some word is new",
            lambda seen, unseen: (unseen.astype(bool) & ~(seen.sum(0) > 0)).any(1),
            (
                "What do you say of a name with one new word and one that was seen?",
                "You marked the names in which some word is new. Wanted are those in which all are.",
                "Ask whether any word of the name was seen, and negate that.",
            ),
        ),
        Mistake(
            "numbers in place of yes and no",
            lambda seen, unseen: _shared(seen, unseen).sum(1),
            (
                "What type do you return?",
                "You return how many words are shared. Wanted is True where there are none.",
                "Compare with 0.",
            ),
        ),
        Mistake(
            "seen and unseen exchanged",
            lambda seen, unseen: (_shared(seen, unseen) == 0).all(0),
            (
                "How many entries do you return?",
                "One for each unseen name, not one for each seen name.",
                "The rows of the product are the unseen names: unseen @ seen.T, then all(dim=1).",
            ),
        ),
    ],
    inputs=_word_tables,
    difficulty=2,
    minutes=8,
    to="torch",
)
