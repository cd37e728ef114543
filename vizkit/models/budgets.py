"""What a picture costs a language model: tokens by the rules and configurations of known models."""

from dataclasses import dataclass

from vizkit.models.checks import check_choice, check_pair
from vizkit.models.tiles import Size, best_canvas, native_grid, smart_size


@dataclass(frozen=True)
class Fixed:
    """Every picture becomes a square of `side` pixels, one token for `cell` x `cell` of them."""

    side: int
    cell: int
    source: str

    def tokens(self, size: Size) -> int:
        """Tokens of a picture of (height, width) pixels."""
        return (self.side // self.cell) ** 2


@dataclass(frozen=True)
class Tiled:
    """Tiles of `tile` pixels on one of several canvases, and a thumbnail (AnyRes of LLaVA-NeXT).

    The tokens of the black bars are taken out again, and each row of tokens ends with a token for
    the line break.
    """

    tile: int
    cell: int
    canvases: tuple[Size, ...]
    source: str

    def tokens(self, size: Size) -> int:
        """Tokens of a picture of (height, width) pixels."""
        canvas = best_canvas(size, self.canvases)
        rows, columns = (side // self.cell for side in canvas)
        height, width = size
        if width * rows > columns * height:  # bars above and below; rounded as the authors do
            rows -= 2 * ((rows - int(round(height * (columns / width), 7))) // 2)
        else:
            columns -= 2 * ((columns - int(round(width * (rows / height), 7))) // 2)
        return rows * (columns + 1) + (self.tile // self.cell) ** 2


@dataclass(frozen=True)
class Native:
    """The picture's own size, rounded to cells of `cell` pixels, within a range of pixels."""

    cell: int
    least: int
    most: int
    source: str

    def tokens(self, size: Size) -> int:
        """Tokens of a picture of (height, width) pixels."""
        height, width = smart_size(size, self.cell, self.least, self.most)
        return (height // self.cell) * (width // self.cell)


@dataclass(frozen=True)
class Budgeted:
    """The picture's own ratio, scaled to fill at most `budget` patches (NaFlex)."""

    patch_size: int
    budget: int
    source: str

    def tokens(self, size: Size) -> int:
        """Tokens of a picture of (height, width) pixels."""
        rows, columns = native_grid(size, self.patch_size, self.budget)
        return rows * columns


# Patches of 14 and 2 x 2 of them merged make cells of 28 pixels; patches of 16, cells of 32.
BUDGETS: dict[str, Fixed | Tiled | Native | Budgeted] = {
    "LLaVA-1.5": Fixed(336, 14, "Liu et al. 2023 (2310.03744): CLIP ViT-L/14 at 336 pixels"),
    "LLaVA-NeXT": Tiled(
        336,
        14,
        ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)),
        "Liu et al. 2024, LLaVA-NeXT; `image_grid_pinpoints` of its configuration",
    ),
    "FastVLM": Fixed(
        1024, 64, "Vasu et al. 2024 (2412.13303): FastViTHD at 1024 pixels, stride 64"
    ),
    "SigLIP 2 NaFlex": Budgeted(16, 256, "Tschannen et al. 2025 (2502.14786): 256 patches of 16"),
    "Qwen2.5-VL": Native(
        28,
        4 * 28**2,
        16384 * 28**2,
        "Bai et al. 2025 (2502.13923): patches of 14, 2 x 2 merged, 4 to 16,384 tokens",
    ),
    "Qwen3-VL": Native(
        32,
        64 * 32**2,
        16384 * 32**2,
        "Qwen team 2025, Qwen3-VL: patches of 16, 2 x 2 merged, 64 to 16,384 tokens",
    ),
}


def picture_tokens(model: str, size: Size) -> int:
    """How many tokens a picture of (height, width) pixels becomes in `model`, one of `BUDGETS`.

    The models of one picture, at the settings that their authors published; an encoder without a
    language model, SigLIP 2, counts the tokens that it hands on. Raises ValueError for another name.
    """
    check_choice("model", model, BUDGETS)
    check_pair("size", size)
    height, width = size
    return BUDGETS[model].tokens((height, width))
