"""The widgets: what a person sees. They know arrays only, and run in any Jupyter front end and in exported pages."""

from vizkit.widgets.attention_map import AttentionMap
from vizkit.widgets.embedding_space import EmbeddingSpace
from vizkit.widgets.living_encoder import LivingEncoder
from vizkit.widgets.page import save_page
from vizkit.widgets.row import side_by_side
from vizkit.widgets.similarity_matrix import SimilarityMatrix

__all__ = [
    "AttentionMap",
    "EmbeddingSpace",
    "LivingEncoder",
    "SimilarityMatrix",
    "save_page",
    "side_by_side",
]
