"""Interactive pictures of how vision encoders see, and the components the course builds.

The rooms (`widgets`, `models`, `losses`, `data`, `training`, `zoo`, `course`) are imported one by
one, so that a widget never waits for PyTorch.
"""

__version__ = "0.1.0"
