"""The type in pictures that Pillow draws."""

from functools import cache

from PIL import ImageFont

# With Latin letters beyond ASCII, and Korean.
_WIDE = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansKR-Regular.otf",
    "AppleSDGothicNeo.ttc",
    "malgun.ttf",
)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font that also has Korean letters where the system offers one, else Pillow's own.

    size: in pixels.
    """
    for name in _WIDE:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
