"""AttentionMap: where a model looks, in every layer and head.

`widget` is the instrument; `inputs` checks what comes in, `model` runs a model, `text` shows which
patches answer to sentences and `scores` how well, `numbers` has the formulas, `figure` draws
without a browser.
"""

from vizkit.widgets.attention_map.widget import AttentionMap

__all__ = ["AttentionMap"]
