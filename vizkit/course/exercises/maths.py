"""The maths that solutions and mistakes of several notebooks share."""

import numpy as np


def softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Shares that add up to 1 along an axis; the same shape as the scores."""
    powers = np.exp(scores - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def unit(vectors: np.ndarray, axis: int = -1) -> np.ndarray:
    """The vectors along an axis, each divided by its length."""
    return vectors / np.linalg.norm(vectors, axis=axis, keepdims=True)
