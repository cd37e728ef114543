"""What a widget of attention keeps on the way: the memory of one head, not of all."""

import tracemalloc

import numpy as np

from vizkit.widgets.attention_map.numbers import QuantizedMaps


def test_quantising_holds_one_head_at_a_time():
    """Case 12: a layer was copied three times, twice the memory of the capture itself."""
    weights = np.random.default_rng(0).random((16, 200, 201), np.float32)  # (H, Q, P + N)
    one_head = weights[0].nbytes
    tracemalloc.start()
    block = QuantizedMaps.from_weights(weights, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < block.nbytes + 4 * one_head
