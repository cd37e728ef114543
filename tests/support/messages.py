"""What a front end says to an instrument, as the kernel receives it."""

from __future__ import annotations

from typing import Any


def tell(widget: Any, content: Any) -> None:
    """Deliver a message of a widget's front end, by the way on which it comes in Jupyter."""
    data = {"method": "custom", "content": content}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})
