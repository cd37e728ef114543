"""The exercises of notebook 02."""

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _cells(images: np.ndarray, patch_size: int) -> np.ndarray:
    """(B, C, H, W) to (B, rows, columns, P, P, C)."""
    batch, channels, height, width = images.shape
    rows, columns = height // patch_size, width // patch_size
    cells = images.reshape(batch, channels, rows, patch_size, columns, patch_size)
    return cells.transpose(0, 2, 4, 3, 5, 1)


def _flat(cells: np.ndarray) -> np.ndarray:
    batch, rows, columns = cells.shape[:3]
    return cells.reshape(batch, rows * columns, -1)


cut_into_patches = Exercise(
    "Cut an image into patches",
    solution=lambda images, patch_size: _flat(_cells(images, patch_size)),
    mistakes=[
        Mistake(
            "patches column by column",
            lambda images, patch_size: _flat(_cells(images, patch_size).swapaxes(1, 2)),
            "Your patches run down the columns first; a page is read row by row.",
        ),
        Mistake(
            "reshape alone",
            lambda images, patch_size: images.reshape(
                len(images), -1, patch_size**2 * images.shape[1]
            ),
            "reshape never moves a value: your 'patches' are runs of pixels along the rows. "
            "Give the rows and columns of a patch axes of their own, then permute.",
        ),
        Mistake(
            "channels first inside a patch",
            lambda images, patch_size: _flat(
                _cells(images, patch_size).transpose(0, 1, 2, 5, 3, 4)
            ),
            "The cut is right, but inside a patch the channel should change fastest: "
            "(row, column, channel).",
        ),
        Mistake(
            "rows and columns swapped inside a patch",
            lambda images, patch_size: _flat(_cells(images, patch_size).swapaxes(3, 4)),
            "Each patch is mirrored along its diagonal: its rows and columns are swapped.",
        ),
    ],
    inputs=lambda rng: [
        (rng.normal(size=(2, 3, 8, 12)).astype("float32"), 4),
        (rng.normal(size=(1, 3, 6, 4)).astype("float32"), 2),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)

attention_cost = Exercise(
    "The price of finer patches",
    solution=lambda image_size, patch_size: 2.0 * ((image_size // patch_size) ** 2 + 1) ** 2 * 64,
    mistakes=[
        Mistake(
            "class token forgotten",
            lambda image_size, patch_size: 2.0 * ((image_size // patch_size) ** 2) ** 2 * 64,
            "The class token looks and is looked at as well: one token more.",
        ),
        Mistake(
            "linear in the tokens",
            lambda image_size, patch_size: 2.0 * ((image_size // patch_size) ** 2 + 1) * 64,
            "Every token looks at every token: the number of tokens enters squared.",
        ),
        Mistake(
            "one of two products",
            lambda image_size, patch_size: 1.0 * ((image_size // patch_size) ** 2 + 1) ** 2 * 64,
            "Two products need the matrix: query times key makes it, and it mixes the values.",
        ),
        Mistake(
            "tokens along one side only",
            lambda image_size, patch_size: 2.0 * (image_size // patch_size + 1) ** 2 * 64,
            "That is the number of patches along one side; the picture has two.",
        ),
    ],
    inputs=lambda rng: [(224, 16), (224, 14), (384, 16), (64, 8)],
    difficulty=2,
    minutes=5,
)

num_tokens = Exercise(
    "Count the tokens of a larger picture",
    solution=24 * 24 + 1,
    mistakes=[
        Mistake("class token forgotten", 24 * 24, "The class token is missing."),
        Mistake("one side only", 24 + 1, "24 is the number of patches along one side."),
        Mistake("the small picture", 14 * 14 + 1, "197 belongs to 224 pixels; here it is 384."),
    ],
    difficulty=1,
    minutes=2,
)
