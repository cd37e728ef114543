"""The exercises of notebook 17: a fair swap test, a head's part of a score, sparse codes."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake


def _by_order(hits: np.ndarray, first: np.ndarray) -> float:
    """The mean of the two orders' shares."""
    return float(np.mean([hits[first == order].mean() for order in (0, 1)]))


def _swap_inputs(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Cosines with the true and the false sentence (N,), and which object both name first (N,)."""
    found = [
        (
            np.array([0.5, 0.4, 0.3, 0.6, 0.2]),
            np.array([0.4, 0.4, 0.5, 0.5, 0.19]),
            np.array([0, 0, 0, 1, 1]),
        )
    ]
    for size, ones in ((12, 3), (15, 11)):
        true = np.round(rng.uniform(0.1, 0.6, size), 2)
        false = np.round(rng.uniform(0.1, 0.6, size), 2)
        false[:4] = true[:4]  # ties
        false[-4:] = np.round(true[-4:] - 0.01, 2)  # narrow, and right all the same
        first = (np.arange(size) % size < ones).astype(int)
        found.append((true, false, first))
    return found


fair_swap_test = Exercise(
    "A fair swap test",
    solution=lambda true, false, first: _by_order(true > false, first),
    mistakes=[
        Mistake(
            "ties count as right",
            lambda true, false, first: _by_order(true >= false, first),
            (
                "What does your test say of an encoder that gives every sentence the same cosine?",
                "Who says the same of both has not told them apart: a tie is no success.",
                "true > false, not true >= false",
            ),
        ),
        Mistake(
            "orders not balanced",
            lambda true, false, first: float((true > false).mean()),
            (
                "What if object 0 is named first in nine of ten sentences?",
                "Take the share of each order by itself, then the mean of the two shares.",
                "(hits[first == 0].mean() + hits[first == 1].mean()) / 2",
            ),
        ),
        Mistake(
            "the false sentence preferred",
            lambda true, false, first: _by_order(true < false, first),
            (
                "Which of the two sentences should have the larger cosine?",
                "A success is a larger cosine with the true sentence.",
                "true > false",
            ),
        ),
        Mistake(
            "only where object 0 is named first",
            lambda true, false, first: float((true > false)[first == 0].mean()),
            (
                "Does your number change with the answers to sentences that name object 1 first?",
                "Both orders count, and each counts one half.",
                "Add the share where first == 1, and divide by 2.",
            ),
        ),
        Mistake(
            "only where object 1 is named first",
            lambda true, false, first: float((true > false)[first == 1].mean()),
            (
                "Does your number change with the answers to sentences that name object 0 first?",
                "Both orders count, and each counts one half.",
                "Add the share where first == 0, and divide by 2.",
            ),
        ),
        Mistake(
            "the margin in place of the success",
            lambda true, false, first: _by_order(true - false, first),
            (
                "Is your number a share of the pictures?",
                "Asked for is how often the true sentence wins, not by how much.",
                "Compare first, then take the mean.",
            ),
        ),
        Mistake(
            "averaged before it is compared",
            lambda true, false, first: float(
                np.mean([true[first == k].mean() > false[first == k].mean() for k in (0, 1)])
            ),
            (
                "How many comparisons do you make?",
                "Each picture is one comparison; the mean comes last.",
                "(true > false)[first == 0].mean(), not true[…].mean() > false[…].mean()",
            ),
        ),
    ],
    inputs=_swap_inputs,
    difficulty=2,
    minutes=6,
    to="torch",
)


def _length(vector: np.ndarray) -> float:
    return float(np.sqrt((vector**2).sum()))


def _parts(heads: np.ndarray, rest: np.ndarray, text: np.ndarray) -> np.ndarray:
    """(H,): each head's summand of the cosine."""
    return heads @ text / _length(heads.sum(0) + rest)


def _head_inputs(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What each head writes (H, D), what everything else writes (D,), a unit text vector (D,)."""
    found = [
        (
            np.array([[3.0, 0.0], [-1.0, 1.0], [0.0, 2.0]]),
            np.array([1.0, 1.0]),
            np.array([0.6, 0.8]),
        )
    ]
    for heads, width in ((4, 3), (3, 6)):
        text = rng.normal(size=width)
        found.append(
            (rng.normal(size=(heads, width)), rng.normal(1, 1, size=width), text / _length(text))
        )
    return found


part_of_a_head = Exercise(
    "A head's part of the score",
    solution=_parts,
    mistakes=[
        Mistake(
            "not divided by the length",
            lambda heads, rest, text: heads @ text,
            (
                "What do your parts and that of the rest add up to?",
                "A cosine divides by the length of the picture's vector; so does each of its parts.",
                "Divide by the length of heads.sum(dim=0) + rest.",
            ),
        ),
        Mistake(
            "each head at length 1",
            lambda heads, rest, text: heads @ text / np.sqrt((heads**2).sum(1)),
            (
                "Do your numbers add up to the cosine?",
                "There is one vector and one length: that of the sum. A head has none of its own.",
                "One divisor for all heads: (heads.sum(dim=0) + rest).norm()",
            ),
        ),
        Mistake(
            "the length of the heads alone",
            lambda heads, rest, text: heads @ text / _length(heads.sum(0)),
            (
                "Which vector is it whose cosine is taken?",
                "The picture's vector is the heads and the rest together.",
                "(heads.sum(dim=0) + rest).norm()",
            ),
        ),
        Mistake(
            "shares that add up to 1",
            lambda heads, rest, text: heads @ text / (heads @ text).sum(),
            (
                "What do your numbers add up to?",
                "The parts of the heads and of the rest add up to the cosine, not to 1.",
                "Divide by the length of the vector, not by the sum of the parts.",
            ),
        ),
        Mistake(
            "the signs are lost",
            lambda heads, rest, text: np.abs(_parts(heads, rest, text)),
            (
                "May a head speak against the sentence?",
                "A negative part lowers the score, and it belongs to the sum.",
                "Leave out abs.",
            ),
        ),
        Mistake(
            "the rest is dealt out to the heads",
            lambda heads, rest, text: (
                (heads + rest / len(heads)) @ text / _length(heads.sum(0) + rest)
            ),
            (
                "Whose is the rest?",
                "The rest (MLPs, biases, the start) is a part of its own; it belongs to no head.",
                "heads @ text in the numerator, without rest.",
            ),
        ),
    ],
    inputs=_head_inputs,
    difficulty=3,
    minutes=8,
    to="torch",
)


def _keep(scores: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Scores where chosen, else 0."""
    return np.where(chosen, scores, 0.0)


def _top(values: np.ndarray, count: int, axis: int = 1) -> np.ndarray:
    """Which entries are among the `count` largest of their row (or column), of bool."""
    order = (-values).argsort(axis=axis).argsort(axis=axis)
    return order < count


def _codes(scores: np.ndarray, k: int) -> np.ndarray:
    """(N, M): the k largest of each row, not below 0; all others 0."""
    return np.maximum(_keep(scores, _top(scores, k)), 0)


def _code_inputs(rng: np.random.Generator) -> list[tuple[np.ndarray, int]]:
    """Scores (N, M) and k."""
    return [
        (np.array([[0.5, -2.0, 1.0, 0.2], [-0.1, -0.4, -3.0, 0.7]]), 2),
        (rng.normal(size=(5, 7)), 3),
        (rng.normal(-0.5, 1, size=(6, 6)), 2),
    ]


sparse_codes = Exercise(
    "Sparse codes",
    solution=_codes,
    mistakes=[
        Mistake(
            "negative codes stay",
            lambda scores, k: _keep(scores, _top(scores, k)),
            (
                "What if a token has only one score above 0, and k is 2?",
                "A code says how much of a feature there is: it is never negative.",
                "Add a ReLU: clamp(min=0).",
            ),
        ),
        Mistake(
            "the largest in size",
            lambda scores, k: np.maximum(_keep(scores, _top(np.abs(scores), k)), 0),
            (
                "Which scores may take a place among the k?",
                "The largest count, not those farthest from 0: a strongly negative one takes no place.",
                "scores.topk(k), not scores.abs().topk(k)",
            ),
        ),
        Mistake(
            "k of each column",
            lambda scores, k: np.maximum(_keep(scores, _top(scores, k, axis=0)), 0),
            (
                "How many codes of a token are above 0?",
                "Each token, a row, keeps k features. You kept k tokens for each feature.",
                "topk(k, dim=1)",
            ),
        ),
        Mistake(
            "the largest of the whole batch",
            lambda scores, k: np.maximum(
                _keep(scores, _top(scores.reshape(1, -1), k * len(scores)).reshape(scores.shape)), 0
            ),
            (
                "Does every token keep k codes?",
                "This is another method (batch top-k). Here each row has its own k.",
                "topk along each row, not over the flattened matrix",
            ),
        ),
        Mistake(
            "all that are above 0",
            lambda scores, k: np.maximum(scores, 0),
            (
                "Where do you use k?",
                "After the ReLU at most k codes of a row may stay.",
                "Keep scores.topk(k) only.",
            ),
        ),
        Mistake(
            "yes and no in place of codes",
            lambda scores, k: (_codes(scores, k) > 0).astype(float),
            (
                "How much of a feature is there?",
                "The codes keep their values; only the others become 0.",
                "Multiply the mask with the scores.",
            ),
        ),
    ],
    inputs=_code_inputs,
    difficulty=2,
    minutes=8,
    to="torch",
)
