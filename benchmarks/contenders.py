"""The same data in every contender's hands; runs in the notebook's kernel and beside it.

Every maker takes the prepared data and returns what a cell would show. The data is seeded and made
outside the measured time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
LAYERS, HEADS, TOKENS = 12, 12, 197
SAVED_WIDGETS = 23


# ── Data ──────────────────────────────────────────────────────────────────────────────────────────


@cache
def embeddings(count: int) -> tuple[Array, Array]:
    """Return noisy pairs of unit vectors, `(count, 64)` each, float32."""
    random = np.random.default_rng(count)
    images = random.normal(size=(count, 64))
    texts = images + random.normal(size=(count, 64))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    return images.astype(np.float32), texts.astype(np.float32)


@cache
def cosines(count: int) -> Array:
    """Return the cosine similarities `(count, count)`, float32, of `embeddings`."""
    images, texts = embeddings(count)
    return images @ texts.T


@cache
def attention_maps() -> Array:
    """Return softmaxed attention `(layers, heads, tokens, tokens)`, float32."""
    random = np.random.default_rng(0)
    scores = 2 * random.normal(size=(LAYERS, HEADS, TOKENS, TOKENS)).astype(np.float32)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@cache
def photograph() -> Array:
    """Return a picture `(224, 224, 3)`, uint8."""
    from skimage.data import chelsea
    from skimage.transform import resize

    return (resize(chelsea()[:, 75:375], (224, 224), anti_aliasing=True) * 255).astype(np.uint8)


@cache
def clusters(count: int) -> tuple[Array, Array]:
    """Return points `(count, 2)`, float32, around ten centres, and whose they are `(count,)`."""
    random = np.random.default_rng(count)
    labels = random.integers(0, 10, count)
    centres = 4 * random.normal(size=(10, 2))
    return (centres[labels] + random.normal(size=(count, 2))).astype(np.float32), labels


# ── Similarity ────────────────────────────────────────────────────────────────────────────────────


def similarity_vizkit(count: int) -> Any:
    from vizkit.widgets import SimilarityMatrix

    return SimilarityMatrix(*embeddings(count))


def similarity_plotly(count: int) -> Any:
    import plotly.graph_objects as go

    return go.FigureWidget(go.Heatmap(z=cosines(count)))


def save_similarity_vizkit(count: int, path: Path, view: str = "cosine") -> None:
    widget = similarity_vizkit(count)
    widget.view = view
    widget.save_html(path)


def save_similarity_plotly(count: int, path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Heatmap(z=cosines(count)))
    path.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")


# ── Attention ─────────────────────────────────────────────────────────────────────────────────────


def attention_vizkit(_: int = 0) -> Any:
    from vizkit.widgets import AttentionMap

    return AttentionMap(attention_maps(), photograph())


def attention_bytes_bertviz() -> int:
    """Return the bytes of the outputs that bertviz's head view hands to the notebook.

    Two hundred million of them: counted beside the browser, which they would only bring down.
    """
    import torch
    from bertviz import head_view

    maps = [torch.from_numpy(layer)[None] for layer in attention_maps()]
    view = head_view(maps, [str(token) for token in range(TOKENS)], html_action="return")
    return len(view.data.encode())


def attention_bytes_circuitsvis() -> int:
    """Return the bytes of circuitsvis' attention heads, its offline form, with all 144 heads."""
    from circuitsvis.attention import attention_heads

    heads = attention_maps().reshape(-1, TOKENS, TOKENS)
    tokens = [str(token) for token in range(TOKENS)]
    view = attention_heads(heads, tokens, mask_upper_tri=False)
    return len(view.local_src.encode())


# ── Embedding space ───────────────────────────────────────────────────────────────────────────────


def embedding_vizkit(count: int) -> Any:
    from vizkit.widgets import EmbeddingSpace

    points, labels = clusters(count)
    return EmbeddingSpace(points, labels=labels)


@cache
def _frame(count: int) -> Any:
    import pandas as pd

    points, labels = clusters(count)
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "label": pd.Categorical(labels)})


def embedding_scatter(count: int) -> Any:
    import jscatter

    return jscatter.Scatter(data=_frame(count), x="x", y="y", color_by="label").show()


# ── Saved notebooks ───────────────────────────────────────────────────────────────────────────────


def code_bytes(state: dict[str, Any]) -> int:
    """Return the bytes of code in a saved widget state: `_esm` and `_css` of every model, and packed code in base64."""
    texts = (model["state"].get(name, "") for model in state.values() for name in ("_esm", "_css"))
    packed = (
        buffer["data"]
        for model in state.values()
        for buffer in model.get("buffers", ())
        if buffer["path"][0] == "packed"
    )
    return sum(len(text.encode()) for text in (*texts, *packed))


def saved_code_vizkit() -> int:
    """Return the code bytes of 23 saved widgets: eight, eight and seven of the three kinds.

    In a kernel, as in a notebook: elsewhere every widget carries the whole of its code.
    """
    from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix

    random = np.random.default_rng(0)
    maps = random.random((1, 1, 5, 5))
    make: list[Callable[[], Any]] = [
        lambda: SimilarityMatrix(similarity=cosines(4)),
        lambda: AttentionMap(maps / maps.sum(-1, keepdims=True), photograph()),
        lambda: EmbeddingSpace(clusters(50)[0]),
    ]
    return _saved_code(lambda index: make[index % 3]())


def saved_code_plotly() -> int:
    """Return the code bytes of 23 saved `FigureWidget`s."""
    return _saved_code(lambda _: similarity_plotly(4))


def _saved_code(make: Callable[[int], Any]) -> int:
    from ipywidgets import Widget

    clear()
    kept = [make(index) for index in range(SAVED_WIDGETS)]
    total = code_bytes(Widget.get_manager_state(drop_defaults=False)["state"])
    del kept
    clear()
    return total


# ── The notebook's side ───────────────────────────────────────────────────────────────────────────


def prepare(kind: str, counts: list[int], contenders: list[str]) -> None:
    """Import every library and make all data, so that a measured run starts warm."""
    for count in counts:
        {"similarity": cosines, "embedding": clusters}.get(kind, lambda _: attention_maps())(count)
    for contender in contenders:
        globals()[f"{kind}_{contender}"](counts[0])
    photograph()
    if "scatter" in contenders:
        for count in counts:
            _frame(count)
    clear()


def clear() -> None:
    """Close every widget, so that no contender carries another one's memory."""
    from ipywidgets import Widget

    Widget.close_all()
    gc.collect()
