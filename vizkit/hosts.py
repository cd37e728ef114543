"""Which program runs this code: a Jupyter kernel, marimo, or neither."""

import sys


def in_kernel() -> bool:
    """Whether a Jupyter kernel runs this code. Only one that has imported IPython can."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def in_marimo() -> bool:
    """Whether a cell of marimo runs this code. Only a marimo that is imported already can."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and marimo.running_in_notebook()
