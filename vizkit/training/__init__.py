"""Training: one loop for every model of the course, and one for many models side by side."""

from vizkit.extras import require

require("course", "torch", "datasets", "safetensors", "tqdm", what="vizkit.training")

from vizkit.training.loop import History, fit, generator, learning_rate_at, seed_everything
from vizkit.training.together import fit_together

__all__ = [
    "History",
    "fit",
    "fit_together",
    "generator",
    "learning_rate_at",
    "seed_everything",
]
