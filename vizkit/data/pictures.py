"""Picture files of any kind to upright RGB pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


def upright_rgb(picture: Image) -> Image:
    """What a viewer shows of an opened file: turned as the camera was held, 8 bits, no holes.

    The EXIF orientation is applied; 16-bit gray keeps its shades (Pillow by itself would turn
    all but the darkest white); what is transparent is white; CMYK becomes RGB; of an animation the
    first picture is taken. Raises what Pillow raises for a damaged file.
    """
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # I;16, I;16B, I: 0 to 65535
        shades = np.clip(np.asarray(picture).astype(np.float32) / 257, 0, 255)
        return Image.fromarray(np.rint(shades).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return picture.convert("RGB")
