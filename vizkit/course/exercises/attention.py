"""The exercises of notebook 03."""

from collections.abc import Callable

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import softmax


def _attend(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(H, T, d) each to (H, T, d): softmax(Q K^T / sqrt(d)) V, Vaswani et al. 2017, eq. 1."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (H, T, T)
    return softmax(scores) @ value


def _attend_scaled_by(
    scale: Callable[[int, int], float],
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Attention with another factor in front of Q K^T than 1 / sqrt(d)."""

    def scaled(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
        heads, _, channels = query.shape
        scores = query @ key.swapaxes(-1, -2) * scale(heads, channels)  # (H, T, T)
        return softmax(scores) @ value

    return scaled


def _attend_over_queries(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    return softmax(scores, axis=-2) @ value


def _attend_causally(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    seen = np.tril(np.ones(scores.shape[-2:], dtype=bool))
    return softmax(np.where(seen, scores, -np.inf)) @ value


scaled_dot_product_attention = Exercise(
    "Scaled dot-product attention",
    solution=_attend,
    mistakes=[
        Mistake(
            "softmax over the queries",
            _attend_over_queries,
            (
                "Add up a row of your weights, then a column.",
                "Each query shares its attention out over the keys: every row sums to 1.",
                "scores.softmax(dim=-1)",
            ),
        ),
        Mistake(
            "not divided by the root of d",
            _attend_scaled_by(lambda heads, channels: 1.0),
            (
                "Your softmax is sharper than it should be.",
                "The scores grow with the width of a head; their spread is the root of d.",
                "scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5",
            ),
        ),
        Mistake(
            "root of the whole width",
            _attend_scaled_by(lambda heads, channels: (heads * channels) ** -0.5),
            (
                "Which width belongs under the root?",
                "d is the width of one head, the last axis of the query; you took that of all heads.",
                "query.shape[-1] ** 0.5",
            ),
        ),
        Mistake(
            "divided by d without the root",
            _attend_scaled_by(lambda heads, channels: 1.0 / channels),
            (
                "Your softmax is flatter than it should be.",
                "The variance of the scores is d, so their standard deviation is its root.",
                "query.shape[-1] ** 0.5",
            ),
        ),
        Mistake(
            "no softmax",
            lambda query, key, value: (
                query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1]) @ value
            ),
            (
                "Add up a row of your weights.",
                "Scores are no shares: a softmax turns each row into shares that sum to 1.",
                "weights = scores.softmax(dim=-1)",
            ),
        ),
        Mistake(
            "keys ask, queries answer",
            lambda query, key, value: _attend(key, query, value),
            (
                "Who asks in your first row: query 0 or key 0?",
                "A row belongs to a query, a column to a key; you have them the other way round.",
                "query @ key.transpose(-2, -1)",
            ),
        ),
        Mistake(
            "looks back only",
            _attend_causally,
            (
                "Does your first query see the last key?",
                "That is the causal mask of a language model. In a picture every patch sees every other.",
                "leave the mask out",
            ),
        ),
        Mistake(
            "key and value swapped",
            lambda query, key, value: _attend(query, value, key),
            (
                "Which of the three is compared, and which is mixed?",
                "The key is compared with the query, the value is what gets mixed: you swapped them.",
                "weights @ value, with weights from query and key",
            ),
        ),
    ],
    inputs=lambda rng: [
        tuple(rng.normal(size=(1, 3, 2)).round(1).astype("float32") for _ in range(3)),
        tuple(rng.normal(size=(2, 5, 8)).astype("float32") for _ in range(3)),
        tuple(2 * rng.normal(size=(3, 4, 4)).astype("float32") for _ in range(3)),
    ],
    difficulty=2,
    minutes=8,
    to="torch",
    forbidden=(
        "scaled_dot_product_attention",
        "multi_head_attention_forward",
        "MultiheadAttention",
        "attention_weights",
        "attend",
    ),
)


split_into_heads = Exercise(
    "Split into heads",
    solution=lambda tokens, heads: tokens.reshape(*tokens.shape[:2], heads, -1).swapaxes(1, 2),
    mistakes=[
        Mistake(
            "one reshape and no swap",
            lambda tokens, heads: tokens.reshape(len(tokens), heads, tokens.shape[1], -1),
            (
                "Follow the first token: in how many of your heads does it stand?",
                "A reshape alone mixes tokens. Cut the channels into (heads, d), then swap the axes of tokens and heads.",
                "tokens.reshape(B, T, H, D // H).transpose(1, 2)",
            ),
        ),
        Mistake(
            "neighbouring channels dealt to different heads",
            lambda tokens, heads: tokens.reshape(*tokens.shape[:2], -1, heads).transpose(
                0, 3, 1, 2
            ),
            (
                "Which channels does your first head hold?",
                "The first head should get the first d channels, not every H-th one: the axis of the heads comes before that of d.",
                "tokens.reshape(B, T, H, D // H)",
            ),
        ),
        Mistake(
            "heads in the middle",
            lambda tokens, heads: tokens.reshape(*tokens.shape[:2], heads, -1),
            (
                "Compare the order of your axes with the task.",
                "The axis of the heads has to stand before that of the tokens, so that a matrix product works on all heads at once.",
                ".transpose(1, 2)",
            ),
        ),
    ],
    inputs=lambda rng: [
        (np.arange(8.0, dtype="float32").reshape(1, 2, 4), 2),
        (rng.normal(size=(2, 6, 12)).astype("float32"), 3),
        (rng.normal(size=(1, 4, 8)).astype("float32"), 4),
    ],
    difficulty=2,
    minutes=5,
    to="torch",
)


def _mean_over_heads(layer: np.ndarray) -> np.ndarray:
    return layer.mean(0)


def _halved_with_residual(weights: np.ndarray) -> np.ndarray:
    return 0.5 * weights + 0.5 * np.eye(len(weights))


def _rollout(
    maps: np.ndarray,
    join: Callable[[np.ndarray], np.ndarray] = _mean_over_heads,
    step: Callable[[np.ndarray], np.ndarray] = _halved_with_residual,
    latest_first: bool = True,
) -> np.ndarray:
    """(L, H, T, T) to (T, T); Abnar and Zuidema 2020, eq. 1."""
    result = np.eye(maps.shape[-1])
    for layer in maps:
        now = step(join(layer))
        result = now @ result if latest_first else result @ now
    return result


rollout = Exercise(
    "Attention rollout",
    solution=lambda maps: _rollout(maps),
    mistakes=[
        Mistake(
            "residual forgotten",
            lambda maps: _rollout(maps, step=lambda weights: weights),
            (
                "What reaches the next layer besides the attention?",
                "Half of what leaves a block came around the attention: average each map with the identity before you multiply.",
                "0.5 * layer.mean(0) + 0.5 * np.eye(T)",
            ),
        ),
        Mistake(
            "layers multiplied in the wrong order",
            lambda maps: _rollout(maps, latest_first=False),
            (
                "In which layer does a row of your product start?",
                "A row of the product must start in the last layer: the later layer stands on the left, A_2 A_1.",
                "result = now @ result",
            ),
        ),
        Mistake(
            "rows not brought back to 1",
            lambda maps: _rollout(maps, step=lambda weights: weights + np.eye(len(weights))),
            (
                "Add up a row of your result.",
                "The rows of A + I sum to 2, and to 2 to the power of L at the end: halve each map.",
                "0.5 * layer.mean(0) + 0.5 * np.eye(T)",
            ),
        ),
        Mistake(
            "strongest head",
            lambda maps: _rollout(maps, join=lambda layer: layer.max(0)),
            (
                "Add up a row after you have joined the heads.",
                "The maximum over the heads is no distribution: average them.",
                "layer.mean(0)",
            ),
        ),
        Mistake(
            "one head only",
            lambda maps: _rollout(maps, join=lambda layer: layer[0]),
            (
                "How many heads of a layer did you use?",
                "You rolled out the first head: average over all heads of a layer.",
                "layer.mean(0)",
            ),
        ),
    ],
    inputs=lambda rng: [
        (
            np.array(
                [
                    [[[0.8, 0.2], [0.4, 0.6]], [[0.6, 0.4], [0.0, 1.0]]],
                    [[[0.5, 0.5], [0.1, 0.9]], [[0.7, 0.3], [0.5, 0.5]]],
                ]
            ),
        ),
        (softmax(2 * rng.normal(size=(3, 2, 5, 5))),),
        (softmax(2 * rng.normal(size=(2, 3, 4, 4))),),
    ],
    difficulty=3,
    minutes=10,
)


def _distance(
    attention: np.ndarray,
    columns: int,
    patch_size: int,
    length: Callable[[np.ndarray, np.ndarray], np.ndarray] = np.hypot,
) -> float:
    """Mean attention distance of one head (N, N) in pixels; Dosovitskiy et al. 2021, Fig. 7."""
    row, column = np.divmod(np.arange(len(attention)), columns)
    apart = length(row[:, None] - row, column[:, None] - column)  # (N, N), in patches
    return patch_size * (attention * apart).sum() / len(attention)


distance_in_pixels = Exercise(
    "Attention distance in pixels",
    solution=lambda attention, columns, patch_size: _distance(attention, columns, patch_size),
    mistakes=[
        Mistake(
            "counted in patches",
            lambda attention, columns, patch_size: _distance(attention, columns, 1),
            (
                "In which unit is your answer?",
                "That is the distance in patches; a patch is patch_size pixels wide.",
                "patch_size * ...",
            ),
        ),
        Mistake(
            "rows plus columns",
            lambda attention, columns, patch_size: _distance(
                attention, columns, patch_size, length=lambda down, right: abs(down) + abs(right)
            ),
            (
                "How long is the way across one square of the grid?",
                "You walk along the streets of the grid; take the straight line (Pythagoras).",
                "np.hypot(rows apart, columns apart)",
            ),
        ),
        Mistake(
            "distance along the sequence",
            lambda attention, columns, patch_size: _distance(attention, len(attention), patch_size),
            (
                "Where on the grid does patch number `columns` lie?",
                "It lies just below patch 0: turn each index into its row and its column first.",
                "row, column = np.divmod(np.arange(N), columns)",
            ),
        ),
        Mistake(
            "summed over the queries",
            lambda attention, columns, patch_size: (
                _distance(attention, columns, patch_size) * len(attention)
            ),
            (
                "Your number grows with the number of queries.",
                "Each query has its own mean distance; take the mean of them, not the sum.",
                "(attention * apart).sum(1).mean()",
            ),
        ),
        Mistake(
            "every patch counted alike",
            lambda attention, columns, patch_size: _distance(
                np.full_like(attention, 1 / len(attention)), columns, patch_size
            ),
            (
                "Does your answer depend on the attention?",
                "The mean is weighted: a patch counts as much as attention falls on it.",
                "(attention * apart).sum(1)",
            ),
        ),
    ],
    inputs=lambda rng: [
        (np.array([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2]]), 2, 10),
        (softmax(3 * rng.normal(size=(12, 12))), 4, 8),
        (softmax(3 * rng.normal(size=(16, 16))), 4, 16),
    ],
    difficulty=3,
    minutes=10,
)
