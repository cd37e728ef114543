"""Words written into pictures: letters of five by seven pixels, one in each cell of eight pixels.

A strip of paper lies across the upper or the lower edge, and the word stands on it. The letters
are the course's own, so that a word looks the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["CELL", "WRITTEN_PLACES", "write_words", "written_box"]

CELL = 8  # pixels: a letter and its margins
WRITTEN_PLACES = ("top", "bottom")
_PAPER, _INK = (250, 250, 245), (20, 20, 25)
# Seven rows of five pixels, "#" is ink.
_LETTERS = {
    "a": ".###. #...# #...# ##### #...# #...# #...#",
    "b": "####. #...# #...# ####. #...# #...# ####.",
    "c": ".#### #.... #.... #.... #.... #.... .####",
    "d": "####. #...# #...# #...# #...# #...# ####.",
    "e": "##### #.... #.... ####. #.... #.... #####",
    "f": "##### #.... #.... ####. #.... #.... #....",
    "g": ".#### #.... #.... #..## #...# #...# .####",
    "h": "#...# #...# #...# ##### #...# #...# #...#",
    "i": ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "j": "..### ...#. ...#. ...#. ...#. #..#. .##..",
    "k": "#...# #..#. #.#.. ##... #.#.. #..#. #...#",
    "l": "#.... #.... #.... #.... #.... #.... #####",
    "m": "#...# ##.## #.#.# #...# #...# #...# #...#",
    "n": "#...# ##..# #.#.# #..## #...# #...# #...#",
    "o": ".###. #...# #...# #...# #...# #...# .###.",
    "p": "####. #...# #...# ####. #.... #.... #....",
    "q": ".###. #...# #...# #...# #.#.# #..#. .##.#",
    "r": "####. #...# #...# ####. #.#.. #..#. #...#",
    "s": ".#### #.... #.... .###. ....# ....# ####.",
    "t": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    "u": "#...# #...# #...# #...# #...# #...# .###.",
    "v": "#...# #...# #...# #...# #...# .#.#. ..#..",
    "w": "#...# #...# #...# #...# #.#.# ##.## #...#",
    "x": "#...# #...# .#.#. ..#.. .#.#. #...# #...#",
    "y": "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#..",
    "z": "##### ....# ...#. ..#.. .#... #.... #####",
}
_MASKS = {
    letter: np.array([[pixel == "#" for pixel in row] for row in rows.split()])
    for letter, rows in _LETTERS.items()
}


def written_box(word: str, place: str, image_size: int = 64) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the cells that a word takes, in pixels.

    Raises:
        ValueError: a word with something else than letters from a to z, one that is too long for
            the picture, or an unknown place.
    """
    unknown = not isinstance(word, str) or not word or set(word) - set(_LETTERS)
    if unknown:
        raise ValueError(f"expected a word of letters from a to z, received {word!r}")
    if place not in WRITTEN_PLACES:
        raise ValueError(f"expected a place among {WRITTEN_PLACES}, received {place!r}")
    cells = image_size // CELL
    if len(word) > cells:
        raise ValueError(f"expected a word of at most {cells} letters, received {word!r}")
    left = (cells - len(word)) // 2 * CELL
    top = 0 if place == "top" else (cells - 1) * CELL
    return left, top, left + len(word) * CELL, top + CELL


def write_words(
    pictures: np.ndarray,
    words: Sequence[str | None],
    places: Sequence[str],
    *,
    ink: bool = True,
) -> np.ndarray:
    """Copies of pictures, each with a word on a strip of paper, centred at the top or bottom edge.

    Args:
        pictures: (N, S, S, 3) uint8, S a multiple of 8.
        words: one of letters a to z for each picture; None leaves a picture as it is.
        places: "top" or "bottom" for each picture.
        ink: False leaves the strip of paper blank.

    Returns:
        (N, S, S, 3) uint8.

    Raises:
        ValueError: other pictures, not one word and one place a picture, or what `written_box`
            refuses.
    """
    square = pictures.ndim == 4 and pictures.shape[1] == pictures.shape[2]
    if not square or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
        raise ValueError(
            f"pictures must be (N, S, S, 3) of uint8, got {pictures.dtype} {pictures.shape}"
        )
    if pictures.shape[1] % CELL:
        raise ValueError(f"the side must be a multiple of {CELL}, got {pictures.shape[1]}")
    if not len(pictures) == len(words) == len(places):
        raise ValueError(
            f"{len(pictures)} pictures, but {len(words)} words and {len(places)} places"
        )
    written = pictures.copy()
    for picture, word, place in zip(written, words, places, strict=True):
        if word is not None:
            _write(picture, word, place, ink)
    return written


def _write(picture: np.ndarray, word: str, place: str, ink: bool) -> None:
    """Write one word, or lay its blank paper, into a picture (S, S, 3)."""
    left, top, right, bottom = written_box(word, place, len(picture))
    picture[top:bottom, left:right] = _PAPER
    for number, letter in enumerate(word if ink else ""):
        mask = _MASKS[letter]  # (7, 5)
        corner = left + number * CELL + 1
        cell = picture[top : top + mask.shape[0], corner : corner + mask.shape[1]]
        cell[mask] = _INK
