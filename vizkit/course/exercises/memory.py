"""How much memory of its own a learner's function holds at once."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any


def peak_of(function: Callable[..., Any], *arguments: Any) -> int:
    """The most bytes that a call had allocated at once, with what it returned.

    numpy's arrays and Python's own objects are seen, torch's tensors are not. Where `tracemalloc`
    runs already, it goes on running; its peak starts anew.
    """
    was_tracing = tracemalloc.is_tracing()
    if was_tracing:
        gc.collect()  # what was left behind must not be freed meanwhile
        tracemalloc.reset_peak()
    else:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = function(*arguments)
        _, peak = tracemalloc.get_traced_memory()
        del result
    finally:
        if not was_tracing:
            tracemalloc.stop()
    return peak - before
