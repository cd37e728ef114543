"""The instrument in which an encoder lives: it answers in the browser while one drags, types and switches parts off."""

from vizkit.widgets.living_encoder.widget import LivingEncoder

__all__ = ["LivingEncoder"]
