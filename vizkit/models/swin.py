"""Swin (Liu et al. 2021): attention within windows, and windows that shift from block to block."""

from typing import TypedDict, Unpack

import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.attention import Mlp
from vizkit.models.checks import (
    check_flags,
    check_images,
    check_pair,
    check_positive,
    check_stages,
    check_tensor,
    check_whole,
)
from vizkit.models.initialization import initialize
from vizkit.models.patches import PatchEmbed
from vizkit.models.vit import cut
from vizkit.models.windows import (
    Pair,
    WindowAttention,
    shift_mask,
    window_merge,
    window_partition,
)


class SwinBlock(nn.Module):
    """A transformer block whose attention stays within windows, on tokens (B, rows, columns, D).

    shifted: move the windows by half their side, so that neighbours on both sides of a border
        meet (Liu et al. 2021, section 3.2). A window as large as the grid is not shifted.

    A grid that is no multiple of the window is filled up with zeros, which are seen, as in timm
    (where in such a grid a shifted window may also see round the edge: it rolls, then fills up).
    Reference: `SwinTransformerBlock` in timm `models/swin_transformer.py`.
    """

    mask: Tensor | None

    def __init__(
        self,
        *,
        embed_dim: int,
        num_heads: int,
        grid: Pair,
        window_size: int = 4,
        shifted: bool = False,
        mlp_ratio: float = 4.0,
    ) -> None:
        super().__init__()
        check_whole(window_size=window_size)
        check_pair("grid", grid)
        check_flags(shifted=shifted)
        check_positive(mlp_ratio=mlp_ratio)
        self.grid = (grid[0], grid[1])
        self.window = (min(window_size, grid[0]), min(window_size, grid[1]))
        down, right = (shifted * (side > window_size) * (window_size // 2) for side in grid)
        self.shift = (down, right)
        self.padding = (-grid[0] % self.window[0], -grid[1] % self.window[1])
        padded = (grid[0] + self.padding[0], grid[1] + self.padding[1])
        mask = shift_mask(padded, self.window, self.shift) if any(self.shift) else None
        self.register_buffer("mask", mask, persistent=False)  # (W, A, A)
        self.attention = WindowAttention(
            embed_dim=embed_dim, num_heads=num_heads, window=self.window
        )
        self.norm_1 = nn.LayerNorm(embed_dim)
        self.norm_2 = nn.LayerNorm(embed_dim)
        self.mlp = Mlp(embed_dim=embed_dim, hidden_dim=int(mlp_ratio * embed_dim))

    def forward(self, tokens: Tensor) -> Tensor:
        check_tensor("tokens", tokens, "(B, rows, columns, D)")
        if tokens.shape[1:3] != self.grid:
            raise ValueError(
                f"expected tokens (B, {self.grid[0]}, {self.grid[1]}, D), "
                f"received {tuple(tokens.shape)}"
            )
        tokens = tokens + self.attend(self.norm_1(tokens))  # (B, rows, columns, D)
        return tokens + self.mlp(self.norm_2(tokens))  # (B, rows, columns, D)

    def attend(self, tokens: Tensor) -> Tensor:
        """Shift, cut into windows, attend, put back, shift back."""
        (rows, columns), (down, right) = self.grid, self.padding
        shifted = tokens.roll((-self.shift[0], -self.shift[1]), dims=(1, 2))
        shifted = F.pad(shifted, (0, 0, 0, right, 0, down))  # (B, rows', columns', D)
        windows = window_partition(shifted, self.window)  # (B*W, A, D)
        mixed = self.attention(windows, self.mask)  # (B*W, A, D)
        merged = window_merge(mixed, self.window, (rows + down, columns + right))
        return merged[:, :rows, :columns].roll(self.shift, dims=(1, 2))  # (B, rows, columns, D)


class PatchMerging(nn.Module):
    """Every 2 x 2 tokens become one of twice the channels (Liu et al. 2021, section 3.1).

    Tokens (B, rows, columns, D) become (B, rows/2, columns/2, 2*D); an odd side is filled up with
    zeros. Reference: `PatchMerging` in timm `models/swin_transformer.py`.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        check_whole(embed_dim=embed_dim)
        self.norm = nn.LayerNorm(4 * embed_dim)
        self.reduction = nn.Linear(4 * embed_dim, 2 * embed_dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        check_tensor("tokens", tokens, "(B, rows, columns, D)")
        batch, rows, columns, channels = tokens.shape
        tokens = F.pad(tokens, (0, 0, 0, columns % 2, 0, rows % 2))  # even rows and columns
        cells = tokens.reshape(batch, (rows + 1) // 2, 2, (columns + 1) // 2, 2, channels)
        # In a cell the column counts before the row, as in the paper's code.
        quads = cells.permute(0, 1, 3, 4, 2, 5).flatten(3)  # (B, rows/2, columns/2, 4*D)
        return self.reduction(self.norm(quads))  # (B, rows/2, columns/2, 2*D)


class SwinTransformer(nn.Module):
    """Images (B, C, H, W) to class scores (B, num_classes), or to features (B, D) if that is 0.

    width: channels of the first stage; every further stage doubles them, D is the last;
    depths, num_heads: blocks and heads of each stage; every second block is shifted;
    window_size: the side of a window in patches;
    initialization: "published" (standard deviation 0.02) or "fan_in", for narrow networks.

    `image_size` is a side in pixels or (height, width), a multiple of `patch_size`; the model
    accepts that size only. The defaults have about as many parameters as the default
    `VisionTransformer`. Raises ValueError on sizes that do not fit.
    Reference: timm `models/swin_transformer.py`, equal with the same weights.
    """

    def __init__(
        self,
        *,
        image_size: int | Pair = 64,
        patch_size: int = 4,
        in_channels: int = 3,
        width: int = 56,
        depths: tuple[int, ...] = (2, 2, 2),
        num_heads: tuple[int, ...] = (2, 4, 8),
        window_size: int = 4,
        mlp_ratio: float = 4.0,
        num_classes: int = 0,
        initialization: str = "published",
    ) -> None:
        super().__init__()
        check_stages(depths=depths, num_heads=num_heads)
        check_whole(in_channels=in_channels, patch_size=patch_size, width=width)
        check_whole(num_classes=num_classes, at_least=0)
        self.image_size, grid = cut(image_size, patch_size)
        self.in_channels = in_channels
        self.embed_dim = width * 2 ** (len(depths) - 1)

        self.patch_embed = PatchEmbed(
            patch_size=patch_size, in_channels=in_channels, embed_dim=width
        )
        self.patch_norm = nn.LayerNorm(width)
        self.grids = [grid]  # of each stage
        for _ in depths[1:]:
            rows, columns = self.grids[-1]
            self.grids.append(((rows + 1) // 2, (columns + 1) // 2))
        widths = [width * 2**index for index in range(len(depths))]
        self.mergings = nn.ModuleList([nn.Identity(), *(PatchMerging(one) for one in widths[:-1])])
        self.stages = nn.ModuleList(
            make_stage(
                depth,
                embed_dim=width,
                num_heads=heads,
                grid=grid,
                window_size=window_size,
                mlp_ratio=mlp_ratio,
            )
            for depth, width, heads, grid in zip(depths, widths, num_heads, self.grids, strict=True)
        )
        self.norm = nn.LayerNorm(self.embed_dim)
        self.head = nn.Linear(self.embed_dim, num_classes) if num_classes else nn.Identity()
        initialize(self, initialization, published=(nn.Linear,))

    def forward(
        self, images: Tensor, return_intermediates: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        check_images(images, channels=self.in_channels, size=self.image_size)
        named: dict[str, Tensor] = {}
        tokens = self.patch_norm(self.patch_embed(images))  # (B, N, width)
        named["patch_tokens"] = tokens = tokens.unflatten(1, self.grids[0])  # (B, rows, columns, D)
        for index, (merging, stage) in enumerate(zip(self.mergings, self.stages, strict=True)):
            named[f"stage_{index}"] = tokens = stage(merging(tokens))  # (B, rows, columns, D)
        named["encoded"] = tokens = self.norm(tokens)  # (B, rows, columns, D)
        named["pooled"] = pooled = tokens.mean(dim=(1, 2))  # (B, D)
        output = self.head(pooled)  # (B, num_classes), or (B, D)
        return (output, named) if return_intermediates else output


class BlockOptions(TypedDict):
    """What every block of a stage is made with; see `SwinBlock`."""

    embed_dim: int
    num_heads: int
    grid: Pair
    window_size: int
    mlp_ratio: float


def make_stage(depth: int, **options: Unpack[BlockOptions]) -> nn.Sequential:
    """`depth` blocks at one resolution, every second one shifted."""
    return nn.Sequential(*(SwinBlock(shifted=index % 2 == 1, **options) for index in range(depth)))
