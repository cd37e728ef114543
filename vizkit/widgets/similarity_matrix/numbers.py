"""What a `SimilarityMatrix` shows, by the textbook formulas, in float64."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vizkit.widgets import assets

VIEW_LIST = assets.constant("similarityViews")  # the browser reads the same list
VIEWS = tuple(view["name"] for view in VIEW_LIST)
SIMILARITY = "cosine"  # the view of the similarity itself, from which all others are computed
PAIRED_VIEWS = tuple(view["name"] for view in VIEW_LIST if view["paired"])
SIGNED_VIEWS = tuple(view["name"] for view in VIEW_LIST if view["signed"])
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


# Multiplications; as many take about two milliseconds on one core.
SMALL_PRODUCT = 2**23


def product(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The similarities (N, M) of one step, from the matrix or from unit vectors."""
    if "similarity" in arrays:
        return arrays["similarity"].astype(np.float64)
    return inner_products(arrays["images"].astype(np.float64), arrays["texts"].astype(np.float64))


def inner_products(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """The inner products (..., N, M) of rows (..., N, D) and (..., M, D).

    The library of the operator `@` keeps its threads spinning for a tenth of a second after a product, on the
    core that the browser needs to draw it; a small product is computed without it.
    """
    if images.shape[-2] * texts.shape[-2] * images.shape[-1] <= SMALL_PRODUCT:
        return np.einsum("...nd,...md->...nm", images, texts)
    return images @ texts.swapaxes(-1, -2)


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


@dataclass(frozen=True)
class _Step:
    """What a view's formula may ask of one step: similarities and logits (N, M), their sums, the bias."""

    similarity: np.ndarray
    logits: np.ndarray
    bias: float
    sums: _Sums


# What the formulas in constants.json are made of: (N, M), or a number. `js/similarity-matrix/quantities.ts` has the same
# for one cell.
QUANTITIES: dict[str, Callable[[_Step], np.ndarray | int]] = {
    "similarity": lambda step: step.similarity,
    "logit": lambda step: step.logits,
    "overTexts": lambda step: np.exp(step.logits - step.sums.rows),
    "overImages": lambda step: np.exp(step.logits - step.sums.columns),
    "pair": lambda step: np.exp(-np.logaddexp(0, -(step.logits + step.bias))),
    "own": lambda step: np.eye(*step.logits.shape),
    "count": lambda step: len(step.logits),
}
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def read_formula(formula: str) -> Callable[[_Step], Any]:
    """A formula of constants.json as a function: sums, products and quotients of `QUANTITIES` and numbers.

    Raises:
        ValueError: it holds anything else.
    """

    def read(node: ast.expr) -> Callable[[_Step], Any]:
        if isinstance(node, ast.Name) and node.id in QUANTITIES:
            return QUANTITIES[node.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return lambda step: node.value
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            left, right, combine = read(node.left), read(node.right), OPERATORS[type(node.op)]
            return lambda step: combine(left(step), right(step))
        raise ValueError(
            f"the formula {formula!r} in constants.json may add, multiply and divide "
            f"{', '.join(QUANTITIES)} and numbers; it has {ast.unparse(node)!r}"
        )

    return read(ast.parse(formula, mode="eval").body)


FORMULAS = {view["name"]: read_formula(view["value"]) for view in VIEW_LIST}


def similarity_numbers(
    similarity: np.ndarray, temperature: float, bias: float, view: str
) -> SimilarityNumbers:
    """The textbook formulas, in float64."""
    logits = similarity / temperature
    rows, columns = logits.shape
    sums = _sums(logits, bias)
    row_lse, column_lse = sums.rows, sums.columns
    values = FORMULAS[view](_Step(similarity, logits, bias, sums))
    if rows != columns:
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
