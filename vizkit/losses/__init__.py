"""Contrastive losses: which picture belongs to which sentence."""

from vizkit.losses.contrastive import info_nce, sigmoid_loss

__all__ = ["info_nce", "sigmoid_loss"]
