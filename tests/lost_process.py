"""What one process of tests/faults/test_lost_process.py does; the last one gets lost."""

import os
import time
from pathlib import Path

import torch

from tests.losses import random_features
from tests.processes import join_group
from vizkit.losses import info_nce, sigmoid_loss

TIMEOUT = 3.0


def lose_contact(rank: int, count: int, folder: Path, name: str, when: str, how: str) -> None:
    """Compute a loss once, then lose the last process before the next "forward" or "backward".

    The others write down how many seconds they waited, and the error that they got.
    """
    group = join_group(rank, count, folder)
    features = [part.requires_grad_() for part in random_features(4, torch.float32, rank)]

    def loss() -> torch.Tensor:
        if name == "info_nce":
            return info_nce(*features, 10.0, group=group, timeout=TIMEOUT)
        return sigmoid_loss(*features, 10.0, -10.0, group=group, timeout=TIMEOUT)

    value = loss()
    if rank == count - 1:
        while how == "hangs":
            time.sleep(1)
        os._exit(9)
    start = time.monotonic()
    try:
        value.backward() if when == "backward" else loss()
        error = "none"
    except RuntimeError as caught:
        error = str(caught)
    part = folder / f"{rank}.part"
    part.write_text(f"{time.monotonic() - start}\n{error}", encoding="utf-8")
    part.rename(folder / f"{rank}.txt")
    os._exit(0)  # without the farewell that the group would wait for
