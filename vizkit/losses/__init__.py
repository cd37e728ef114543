"""Losses: which picture belongs to which sentence; and SIGReg, which keeps embeddings apart."""

from vizkit.extras import require

require("models", "torch", what="vizkit.losses")

from vizkit.losses.contrastive import info_nce, sigmoid_loss
from vizkit.losses.spread import sigreg

__all__ = ["info_nce", "sigmoid_loss", "sigreg"]
