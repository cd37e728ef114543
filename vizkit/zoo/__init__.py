"""Trained encoders behind one face: `load("pocket-clip")`."""

from vizkit.zoo.encoder import Encoder
from vizkit.zoo.pocket import PocketEncoder, PocketImageEncoder, list_models, load

__all__ = ["Encoder", "PocketEncoder", "PocketImageEncoder", "list_models", "load"]
