"""What is shipped: weights in half precision, and a card that says what they are."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from vizkit.device import default_device
from vizkit.files import write_whole


def round_to_half(model: nn.Module) -> None:
    """Round every weight to what half precision can hold: what is shipped is what was measured."""
    model.load_state_dict({key: v.half().to(v.dtype) for key, v in model.state_dict().items()})


def interval(hits: np.ndarray) -> dict[str, float]:
    """Share of hits with its Wilson interval at 95%."""
    n, share, z = len(hits), float(hits.mean()), 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    ends = {"low": middle - half, "high": middle + half}
    return {"share": round(share, 4), **{k: round(v, 4) for k, v in ends.items()}, "n": n}


def save_pretrained(
    recipe: Any, model: nn.Module, scores: Mapping[str, object], seconds: float, folder: Path
) -> Path:
    """Write fp16 weights and their card; returns the card's path.

    recipe: a dataclass with name, image_size, `config()` and `data()`; with `command`, where
        another command than that of the pocket encoders trains it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = {
        name: value.detach().cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        for name, value in model.state_dict().items()
    }
    data = save(half)
    card = {
        "name": recipe.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "image_size": recipe.image_size,
        "config": recipe.config(),
        "recipe": asdict(recipe),
        "data": recipe.data(),
        "trained": {
            "minutes": round(seconds / 60, 1),
            "device": str(default_device()),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(),
        },
        "scores": scores,
        "command": getattr(recipe, "command", f"python -m vizkit.training.pocket {recipe.name}"),
    }
    write_whole(folder / f"{recipe.name}.safetensors", data)
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    return write_whole(folder / f"{recipe.name}.json", text.encode())
