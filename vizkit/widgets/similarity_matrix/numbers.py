"""What a `SimilarityMatrix` shows, by the textbook formulas, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vizkit.widgets import assets

VIEW_LIST = assets.constant("similarityViews")  # the browser reads the same list
VIEWS = tuple(view["name"] for view in VIEW_LIST)
PAIRED_VIEWS = tuple(view["name"] for view in VIEW_LIST if view["paired"])
TEMPERATURES = (0.005, 2.0)
BIASES = (-20.0, 10.0)
COLORS = {view["name"]: view["colormap"] for view in VIEW_LIST}


@dataclass(frozen=True)
class SimilarityNumbers:
    """What a `SimilarityMatrix` shows, in float64.

    Attributes:
        values: the view's matrix, shape `(N, M)`.
        infonce_loss: symmetric InfoNCE in nats, log N at chance; None unless N = M.
        sigmoid_loss: sigmoid loss, summed over all pairs and divided by N; None unless N = M.
        image_to_text_accuracy: share of images whose own text scores highest; None unless N = M.
        text_to_image_accuracy: share of texts whose own image scores highest; None unless N = M.
    """

    values: np.ndarray
    infonce_loss: float | None
    sigmoid_loss: float | None
    image_to_text_accuracy: float | None
    text_to_image_accuracy: float | None


def product(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The similarities (N, M) of one step, from the matrix or from unit vectors."""
    if "similarity" in arrays:
        return arrays["similarity"].astype(np.float64)
    return arrays["images"].astype(np.float64) @ arrays["texts"].astype(np.float64).T


# Logits as far apart as this still have exponentials that float64 tells apart from 0 and infinity.
SAFE_EXPONENT = 600


def _log_sum_exp(logits: np.ndarray, axis: int) -> np.ndarray:
    top = logits.max(axis, keepdims=True)
    return top + np.log(np.exp(logits - top).sum(axis, keepdims=True))


@dataclass(frozen=True)
class _Sums:
    """What every view needs of all logits: log-sum-exp of rows and columns, and the sum of softplus."""

    rows: np.ndarray
    columns: np.ndarray
    softplus: float


def _sums(logits: np.ndarray, bias: float) -> _Sums:
    """One exponential of each logit serves all three sums where float64 can hold them all."""
    top, low = logits.max(), logits.min()
    if top - low > SAFE_EXPONENT or abs(top + bias) > SAFE_EXPONENT:
        softplus = np.logaddexp(0, logits + bias).sum()
        return _Sums(_log_sum_exp(logits, 1), _log_sum_exp(logits, 0), float(softplus))
    powers = logits - top  # in place from here on: new memory costs more than the arithmetic
    np.exp(powers, out=powers)
    rows = top + np.log(powers.sum(1, keepdims=True))
    columns = top + np.log(powers.sum(0, keepdims=True))
    powers *= np.exp(top + bias)
    return _Sums(rows, columns, float(np.log1p(powers, out=powers).sum()))


def similarity_numbers(
    similarity: np.ndarray, temperature: float, bias: float, view: str
) -> SimilarityNumbers:
    """The textbook formulas, in float64."""
    logits = similarity / temperature
    rows, columns = logits.shape
    sums = _sums(logits, bias)
    row_lse, column_lse = sums.rows, sums.columns
    paired = rows == columns
    if view == VIEWS[0]:
        values = similarity
    elif view == VIEWS[1]:
        values = np.exp(logits - row_lse)
    elif view == VIEWS[2]:
        values = np.exp(logits - column_lse)
    elif view == VIEWS[4]:
        both = np.exp(logits - row_lse) + np.exp(logits - column_lse)
        values = (both / 2 - np.eye(rows)) / rows
    else:
        values = np.exp(-np.logaddexp(0, -(logits + bias)))
        if view == VIEWS[5]:
            values = (values - np.eye(rows)) / rows
    if not paired:
        return SimilarityNumbers(values, None, None, None, None)
    own = np.arange(rows)
    diagonal = logits[own, own]
    return SimilarityNumbers(
        values,
        float(((row_lse[:, 0] + column_lse[0]) / 2 - diagonal).mean()),
        float((sums.softplus - diagonal.sum()) / rows - bias),
        float((similarity.argmax(1) == own).mean()),
        float(_own_is_first(similarity).mean()),
    )


def _own_is_first(similarity: np.ndarray) -> np.ndarray:
    """Whether the first of each column's maxima is on the diagonal: `argmax(0)` takes three times as long."""
    top = similarity.max(0)  # (N,)
    before = np.triu(similarity == top, 1).any(0)  # an earlier row has it, too
    return (similarity.diagonal() == top) & ~before
