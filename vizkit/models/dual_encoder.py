"""The dual encoder of CLIP and SigLIP: two towers, one space."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.checks import width_of


class DualEncoder(nn.Module):
    """Images and texts to unit vectors in one space of `joint_dim` dimensions.

    image_tower: images (B, C, H, W) to (B, D_image), D_image its `embed_dim`;
    text_tower: tokens (B, L) to (B, D_text), D_text its `embed_dim`;
    temperature: where it starts; what is learned is `logit_scale`, the logarithm of its inverse,
        so that a gradient step multiplies the scale and can never make it negative;
    bias: where the bias of the sigmoid loss starts, None for a model without one (CLIP).

    Sources: Radford et al. 2021, Fig. 3 and section 2.5 (temperature 0.07, scale at most 100);
    Zhai et al. 2023, section 3.2 (temperature 0.1, bias -10).
    """

    MAX_SCALE = 100.0

    def __init__(
        self,
        image_tower: nn.Module,
        text_tower: nn.Module,
        *,
        joint_dim: int = 64,
        temperature: float = 0.07,
        bias: float | None = None,
    ) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ValueError(f"expected a positive temperature, received {temperature}")
        self.image_tower, self.text_tower = image_tower, text_tower
        self.image_projection = nn.Linear(width_of(image_tower), joint_dim, bias=False)
        self.text_projection = nn.Linear(width_of(text_tower), joint_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))
        self.logit_bias = None if bias is None else nn.Parameter(torch.tensor(float(bias)))
        for projection in (self.image_projection, self.text_projection):
            nn.init.normal_(projection.weight, std=projection.in_features**-0.5)

    def encode_image(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to unit vectors (B, joint_dim)."""
        return F.normalize(self.image_projection(self.image_tower(images)), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Tokens (B, L) to unit vectors (B, joint_dim)."""
        return F.normalize(self.text_projection(self.text_tower(tokens)), dim=-1)

    def scale(self) -> Tensor:
        """exp(logit_scale), at most 100: beyond that the loss of CLIP became unstable."""
        return self.logit_scale.exp().clamp(max=self.MAX_SCALE)

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.encode_image(images), self.encode_text(tokens)
