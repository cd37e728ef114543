"""The hybrid: a small CNN looks first, and its feature map is cut into tokens."""

from torch import Tensor, nn

from vizkit.models.checks import check_images, check_whole
from vizkit.models.cnn import ConvNet


class ResidualStem(nn.Module):
    """Tokens (B, N, D) from the last feature map of a residual CNN (Dosovitskiy et al. 2021, §3.1).

    Each stage after the first halves the map, until one cell stands for one patch; a 1x1
    convolution makes the token. The grid is that of a `PatchEmbed` with the same `patch_size`, a
    power of two of at least 4. Reference: timm `layers/hybrid_embed.py`, around its `ResNet`.
    """

    def __init__(self, *, patch_size: int = 8, in_channels: int = 3, embed_dim: int = 96) -> None:
        super().__init__()
        check_whole(patch_size=patch_size, in_channels=in_channels, embed_dim=embed_dim)
        stages = patch_size.bit_length() - 1
        if patch_size < 4 or 2**stages != patch_size:
            raise ValueError(
                f"expected patch_size to be a power of two of at least 4, received {patch_size}"
            )
        if embed_dim % 2 ** (stages - 1):
            raise ValueError(
                f"expected embed_dim to be a multiple of {2 ** (stages - 1)} "
                f"for patch_size {patch_size}, received {embed_dim}"
            )
        self.patch_size, self.in_channels = patch_size, in_channels
        self.network = ConvNet(
            in_channels=in_channels,
            width=embed_dim // 2 ** (stages - 1),
            depth=(1,) * stages,
            strides=(1, *(2,) * (stages - 1)),
            stem_stride=2,
        )
        self.projection = nn.Conv2d(self.network.embed_dim, embed_dim, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, channels=self.in_channels, patch_size=self.patch_size)
        features = self.network.stem(images.contiguous())  # (B, width, H/2, W/2)
        for stage in self.network.stages:
            features = stage(features)  # (B, C', H', W'), at last (B, D, rows, columns)
        return self.projection(features).flatten(2).transpose(1, 2)  # (B, N, D)
