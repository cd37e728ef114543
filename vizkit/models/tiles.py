"""Sizes and cuts for pictures of any shape: tiles with a thumbnail, and native sizes by a budget."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from vizkit.models.checks import check_pair, check_tensor, check_whole

Size = tuple[int, int]  # (height, width) in pixels


def best_canvas(size: Size, canvases: Sequence[Size]) -> Size:
    """The canvas (height, width) that keeps most of a picture's pixels, and wastes least.

    A picture is shrunk or enlarged, in its own ratio, until it just fits into a canvas. What counts
    is how many pixels it has there, but never more than it had before; among equals the smallest
    canvas wins, and among those the first. AnyRes of LLaVA-NeXT (Liu et al. 2024); reference:
    `select_best_resolution` in transformers.

    Raises ValueError for no canvases and for sizes that are not positive.
    """
    check_pair("size", size)
    if not canvases:
        raise ValueError("expected at least one canvas, received none")
    for canvas in canvases:
        check_pair("canvas", canvas)

    def rank(canvas: Size) -> tuple[int, int]:
        height, width = fitted(size, canvas)
        kept = min(height * width, size[0] * size[1])
        return kept, -canvas[0] * canvas[1]

    height, width = max(canvases, key=rank)
    return height, width


def fitted(size: Size, canvas: Size) -> Size:
    """(height, width) of a picture scaled in its own ratio until it just fits into a canvas."""
    scale = min(canvas[1] / size[1], canvas[0] / size[0])
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def cut_tiles(picture: Tensor, canvas: Size, tile: int) -> tuple[Tensor, Tensor]:
    """The tiles of a picture (C, H, W) on its canvas, (n, C, tile, tile), and its thumbnail.

    The picture is scaled in its own ratio, laid into the middle of the canvas on zeros, and cut row
    by row. The thumbnail (C, tile, tile) is the whole picture, squashed. As in LLaVA-NeXT.

    Raises ValueError for a canvas that is not made of whole tiles.
    """
    check_tensor("picture", picture, "(C, H, W)")
    check_pair("canvas", canvas)
    check_whole(tile=tile)
    if canvas[0] % tile or canvas[1] % tile:
        raise ValueError(f"expected a canvas of whole tiles of {tile}, received {canvas}")
    laid = letterbox(picture, canvas)  # (C, *canvas)
    rows, columns = canvas[0] // tile, canvas[1] // tile
    cells = laid.unflatten(1, (rows, tile)).unflatten(3, (columns, tile))
    tiles = cells.permute(1, 3, 0, 2, 4).flatten(0, 1)  # (rows * columns, C, tile, tile)
    return tiles, resize(picture, (tile, tile))


def letterbox(picture: Tensor, canvas: Size) -> Tensor:
    """A picture (C, H, W) scaled in its own ratio into the middle of a canvas, on zeros."""
    height, width = picture.shape[1:]
    scaled = resize(picture, fitted((height, width), canvas))
    down, across = (whole - part for whole, part in zip(canvas, scaled.shape[1:], strict=True))
    top, left = down // 2, across // 2
    return F.pad(scaled, (left, across - left, top, down - top))  # (C, *canvas)


def resize(picture: Tensor, size: Size) -> Tensor:
    """A picture (C, H, W) at another size, bilinear, averaged where it gets smaller."""
    return F.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]  # (C, *size)


def native_grid(size: Size, patch_size: int, budget: int) -> tuple[int, int]:
    """(rows, columns) of at most `budget` patches for a picture of this size, in its own ratio.

    The picture is scaled as far up or down as the budget allows, each side then rounded up to whole
    patches. NaFlex (SigLIP 2, 2502.14786, section 2.4.2). Reference, by bisection:
    `get_image_size_for_max_num_patches` in transformers.
    """
    check_pair("size", size)
    check_whole(patch_size=patch_size, budget=budget)
    height, width = size
    best, largest = (1, 1), 0.0
    # The number of patches only changes where a side is a whole number of them.
    for side in range(1, budget + 1):
        for scale, grid in (
            (side / height, (side, -(-side * width // height))),
            (side / width, (-(-side * height // width), side)),
        ):
            if grid[0] * grid[1] <= budget and scale > largest:
                best, largest = grid, scale
    return best


def smart_size(size: Size, factor: int, least: int, most: int) -> Size:
    """(height, width) in multiples of `factor`, near the picture's own, of `least` to `most` pixels.

    Each side is rounded to the nearest multiple; if that makes too many or too few pixels, both
    sides are scaled first, and rounded down or up. Qwen2-VL's rule; `smart_resize` in transformers.

    Raises ValueError for a ratio of more than 200, as there.
    """
    check_pair("size", size)
    check_whole(factor=factor)
    if max(size) > 200 * min(size):
        raise ValueError(f"expected sides in a ratio of at most 200, received {size}")
    near = [round(side / factor) * factor for side in size]
    if math.prod(near) > most:
        scale = math.sqrt(math.prod(size) / most)
        near = [max(factor, math.floor(side / scale / factor) * factor) for side in size]
    elif math.prod(near) < least:
        scale = math.sqrt(least / math.prod(size))
        near = [math.ceil(side * scale / factor) * factor for side in size]
    return near[0], near[1]


def at_native_size(picture: Tensor, patch_size: int, budget: int) -> Tensor:
    """A picture (C, H, W) resized to its `native_grid`: (C, rows * P, columns * P)."""
    check_tensor("picture", picture, "(C, H, W)")
    height, width = picture.shape[1:]
    rows, columns = native_grid((height, width), patch_size, budget)
    return resize(picture, (rows * patch_size, columns * patch_size))


def centre_crop(picture: Tensor) -> Tensor:
    """The middle square of a picture (C, H, W): (C, S, S) with S its shorter side."""
    check_tensor("picture", picture, "(C, H, W)")
    height, width = picture.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[:, top : top + side, left : left + side]
