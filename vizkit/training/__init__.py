"""Training: one loop for every model of the course."""

from vizkit.training.loop import History, fit, generator, learning_rate_at, seed_everything

__all__ = ["History", "fit", "generator", "learning_rate_at", "seed_everything"]
