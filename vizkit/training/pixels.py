"""Pictures of the drawn world as the pocket encoders see them."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(pictures: np.ndarray, device: torch.device | str) -> Tensor:
    """uint8 (B, H, W, 3) to float (B, 3, H, W) from -1 to 1."""
    images = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).contiguous()
    return images.float() / 127.5 - 1  # (B, 3, H, W)
