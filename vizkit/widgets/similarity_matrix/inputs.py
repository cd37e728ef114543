"""What comes into a `SimilarityMatrix`: checked, and made ready to be sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from vizkit.inputs import as_embeddings, nonzero_rows, unit_rows
from vizkit.widgets.similarity_matrix.numbers import inner_products


def step_names(steps: list[Any] | None, count: int) -> list[str]:
    """The names of `count` steps, by default their numbers."""
    if steps is None:
        return [str(index) for index in range(count)]
    if len(steps) != count:
        raise ValueError(f"steps must name {count} step(s), got {len(steps)} names")
    return [str(step) for step in steps]


def arrays_to_send(
    image_embeddings: Any, text_embeddings: Any, similarity: Any, names: list[Any] | None
) -> tuple[dict[str, np.ndarray], tuple[int, int, int]]:
    """Check; return the smaller of embeddings and matrix as float32, and (steps, N, M)."""
    if similarity is not None:
        if image_embeddings is not None or text_embeddings is not None:
            raise ValueError("give either embeddings or similarity, not both")
        matrix = _with_steps(as_embeddings("similarity", similarity, steps=names))
        return {"similarity": _float32("similarity", matrix)}, matrix.shape
    if image_embeddings is None or text_embeddings is None:
        raise ValueError("give image_embeddings and text_embeddings, or similarity")
    images = _with_steps(as_embeddings("image_embeddings", image_embeddings, steps=names))
    texts = _with_steps(as_embeddings("text_embeddings", text_embeddings, steps=names))
    if (images.shape[0], images.shape[2]) != (texts.shape[0], texts.shape[2]):
        raise ValueError(
            "image_embeddings and text_embeddings must have equal numbers of steps and dimensions,"
            f" got {images.shape} and {texts.shape} (steps, rows, dimensions)"
        )
    steps, rows, dim = images.shape
    columns = texts.shape[1]
    images, texts = _normalized("image_embeddings", images), _normalized("text_embeddings", texts)
    if rows * columns <= (rows + columns) * dim:
        return {"similarity": inner_products(images, texts).astype(np.float32)}, (
            steps,
            rows,
            columns,
        )
    return {"images": images.astype(np.float32), "texts": texts.astype(np.float32)}, (
        steps,
        rows,
        columns,
    )


def stacked(
    image_embeddings: Any, text_embeddings: Any, steps: list[Any] | None
) -> tuple[dict[str, np.ndarray], tuple[int, int, int]]:
    """Images and texts as rows and as columns, in the form that `arrays_to_send` gives.

    Raises:
        ValueError: there are no embeddings to stack, only their similarity.
    """
    if image_embeddings is None:
        raise ValueError("against_both needs image_embeddings and text_embeddings, not similarity")
    parts = [
        _with_steps(as_embeddings(name, value, steps=steps))
        for name, value in (("image", image_embeddings), ("text", text_embeddings))
    ]
    rows = np.concatenate(parts, axis=1)
    return arrays_to_send(rows, rows, None, None)


def _with_steps(array: np.ndarray) -> np.ndarray:
    return array if array.ndim == 3 else array[None]


def _float32(name: str, array: np.ndarray) -> np.ndarray:
    largest = float(np.abs(array).max())
    if largest > 1e6:
        raise ValueError(f"{name} must lie between -1e6 and 1e6, got {largest:.3g}")
    return array.astype(np.float32)


def _normalized(name: str, embeddings: np.ndarray) -> np.ndarray:
    """Divide by the L2 norms, in float64; a row of zeros has no direction and is refused."""
    return unit_rows(nonzero_rows(name, embeddings.astype(np.float64)))
