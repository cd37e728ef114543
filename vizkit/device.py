"""Which device the course runs on."""

import os

from vizkit.extras import require

require("models", "torch", what="vizkit.device")

import torch


def default_device() -> torch.device:
    """The device named by VIZKIT_DEVICE if that is set, else cuda, else mps, else cpu.

    Raises ValueError if VIZKIT_DEVICE names no device, or one that this machine lacks.
    """
    wanted = os.environ.get("VIZKIT_DEVICE", "").strip()
    if wanted:
        return device_called(wanted)
    return torch.device(next(name for name in ("cuda", "mps", "cpu") if is_available(name)))


def device_called(name: str) -> torch.device:
    """The torch device called `name` ("cpu", "cuda", "cuda:1", "mps"), checked to be there."""
    kinds = "cpu, cuda, cuda:<number> or mps"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"expected VIZKIT_DEVICE to be {kinds}, received {name!r}") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"expected VIZKIT_DEVICE to be {kinds}, received {name!r}")
    if not is_available(device.type):
        raise ValueError(f"VIZKIT_DEVICE asks for {name!r}, but torch finds no {device.type} here")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"VIZKIT_DEVICE asks for {name!r}, but torch finds {torch.cuda.device_count()} "
            "cuda device(s), counted from 0"
        )
    return device


def is_available(kind: str) -> bool:
    """Whether torch can compute on this kind of device here."""
    if kind == "cuda":
        return torch.cuda.is_available()
    if kind == "mps":
        return torch.backends.mps.is_available()
    return kind == "cpu"
