"""A masked autoencoder (He et al. 2022): encode the patches that are left, rebuild the hidden ones."""

import torch
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, EncoderBlock
from vizkit.models.initialization import initialize
from vizkit.models.patches import patchify, unpatchify
from vizkit.models.positions import sincos_2d


def random_mask(batch: int, patches: int, share: float, draw: torch.Generator) -> Tensor:
    """Which patches are hidden, (B, N) of bool: in each picture the same number, chosen by chance.

    share: hidden part, from 0 to below 1; the count is rounded, and at least one patch stays.
    Raises ValueError for another share.
    """
    if isinstance(share, bool) or not 0 <= share < 1:
        raise ValueError(f"expected a share from 0 to below 1, received {share!r}")
    hidden = min(round(share * patches), patches - 1)
    ranks = torch.rand(batch, patches, generator=draw).argsort(1).argsort(1)  # (B, N)
    return ranks < hidden


class MaskedAutoencoder(nn.Module):
    """Pictures (B, 3, S, S) and hidden patches (B, N) to the rebuilt patches (B, N, P*P*3).

    The encoder sees the visible patches alone, so a large hidden share makes it cheap; the small
    decoder gets them with one learned token in the place of each hidden patch. Every picture of a
    batch hides the same number of patches. Source: He et al. 2022, Masked Autoencoders (2111.06377).
    """

    places: Tensor
    decoder_places: Tensor

    def __init__(
        self,
        *,
        image_size: int = 32,
        patch_size: int = 4,
        embed_dim: int = 48,
        depth: int = 2,
        decoder_dim: int = 32,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        side = image_size // patch_size
        self.patch_size, self.grid = patch_size, (side, side)
        values = 3 * patch_size**2
        self.embed = nn.Linear(values, embed_dim)
        self.blocks = blocks(depth, embed_dim, num_heads)
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.to_decoder = nn.Linear(embed_dim, decoder_dim)
        self.mask_token = nn.Parameter(torch.zeros(decoder_dim))
        self.decoder = blocks(1, decoder_dim, num_heads)
        self.decoder_norm = nn.LayerNorm(decoder_dim, eps=LAYER_NORM_EPS)
        self.to_pixels = nn.Linear(decoder_dim, values)
        self.register_buffer("places", sincos_2d(self.grid, embed_dim, 100.0).float())
        self.register_buffer("decoder_places", sincos_2d(self.grid, decoder_dim, 100.0).float())
        initialize(self, "fan_in", published=())

    def encode(self, pixels: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Tokens (B, V, D) of the V visible patches; of all for `hidden` None."""
        tokens = (
            self.embed(4 * (patchify(pixels, self.patch_size) - 0.5)) + self.places
        )  # (B, N, D)
        if hidden is not None:
            batch, _, width = tokens.shape
            tokens = tokens[~hidden].reshape(batch, -1, width)  # (B, V, D)
        for block in self.blocks:
            tokens = block(tokens)  # (B, V, D)
        return self.norm(tokens)

    def features(self, pixels: Tensor) -> Tensor:
        """The mean token (B, D) of the whole picture: what a probe reads."""
        return self.encode(pixels).mean(1)  # (B, D)

    def forward(self, pixels: Tensor, hidden: Tensor) -> Tensor:
        seen = self.to_decoder(self.encode(pixels, hidden))  # (B, V, E)
        tokens = self.mask_token.expand(*hidden.shape, -1).clone()  # (B, N, E)
        tokens[~hidden] = seen.flatten(0, 1)
        tokens = tokens + self.decoder_places  # (B, N, E)
        for block in self.decoder:
            tokens = block(tokens)
        return self.to_pixels(self.decoder_norm(tokens))  # (B, N, P*P*3)

    def picture(self, pixels: Tensor, hidden: Tensor) -> Tensor:
        """The picture (B, 3, S, S) with its hidden patches rebuilt, and the visible ones as given."""
        patches = patchify(pixels, self.patch_size)
        patches = torch.where(hidden[..., None], self(pixels, hidden), patches)  # (B, N, P*P*3)
        return unpatchify(patches, self.patch_size, self.grid)  # (B, 3, S, S)


def blocks(depth: int, width: int, num_heads: int) -> nn.ModuleList:
    """`depth` transformer blocks with a small MLP."""
    made = (EncoderBlock(embed_dim=width, num_heads=num_heads, mlp_ratio=2) for _ in range(depth))
    return nn.ModuleList(made)
