"""SimilarityMatrix: images against texts, with the losses, gradients and rankings that follow.

`widget` is the instrument; `inputs` checks what comes in, `numbers` has the formulas, `figure` draws
without a browser.
"""

from vizkit.widgets.similarity_matrix.numbers import PAIRED_VIEWS, VIEWS, SimilarityNumbers
from vizkit.widgets.similarity_matrix.widget import SimilarityMatrix

__all__ = ["PAIRED_VIEWS", "VIEWS", "SimilarityMatrix", "SimilarityNumbers"]
