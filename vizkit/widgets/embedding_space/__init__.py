"""EmbeddingSpace: a map of embeddings, with classes, pairs, true neighbours and training steps.

`widget` is the instrument; `inputs` checks what comes in, `figure` draws without a browser. The
projections are in `vizkit.widgets.projection`.
"""

from vizkit.widgets.embedding_space.widget import EmbeddingSpace

__all__ = ["EmbeddingSpace"]
