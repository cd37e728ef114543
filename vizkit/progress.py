"""`progress_bar`: tqdm as text everywhere.

tqdm's notebook bar is a widget: in a saved notebook that is opened again, nothing is left of it but
"Error displaying widget". Text stays.
"""

import sys
from collections.abc import Iterable
from typing import Any

from vizkit.extras import require
from vizkit.hosts import in_kernel

require("models", "tqdm", what="A progress bar")

from tqdm import tqdm


def progress_bar(iterable: Iterable[Any] | None = None, **options: Any) -> tqdm:
    """A bar of tqdm, with tqdm's own options, in text.

    In a Jupyter kernel it goes to the standard output: what goes to the standard error stands
    there on red.
    """
    if in_kernel():
        options = {"file": sys.stdout, "ncols": 88, **options}
    return tqdm(iterable, **options)
