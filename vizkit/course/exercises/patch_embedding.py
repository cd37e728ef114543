"""The exercises of notebook 02."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake


def _cells(images: np.ndarray, patch_size: int) -> np.ndarray:
    """(B, C, H, W) to (B, rows, columns, P, P, C)."""
    batch, channels, height, width = images.shape
    rows, columns = height // patch_size, width // patch_size
    cells = images.reshape(batch, channels, rows, patch_size, columns, patch_size)
    return cells.transpose(0, 2, 4, 3, 5, 1)


def _flat(cells: np.ndarray) -> np.ndarray:
    batch, rows, columns = cells.shape[:3]
    return cells.reshape(batch, rows * columns, -1)


def _patches(images: np.ndarray, patch_size: int) -> np.ndarray:
    return _flat(_cells(images, patch_size))


def _inputs(rng: np.random.Generator) -> list[tuple[np.ndarray, int]]:
    """First a picture small enough to cut by hand, whose values tell their place."""
    small = np.arange(1 * 2 * 2 * 4, dtype="float32").reshape(1, 2, 2, 4)
    return [
        (small, 2),
        (rng.normal(size=(2, 3, 8, 12)).astype("float32"), 4),
        (rng.normal(size=(1, 3, 6, 4)).astype("float32"), 2),
        (np.arange(16, dtype="float32").reshape(1, 1, 4, 4), 2),  # two rows of patches
    ]


_PERMUTE = "The line is cells.permute(0, 2, 4, 3, 5, 1): batch, rows, columns, P, P, channel."

cut_into_patches = Exercise(
    "Cut an image into patches",
    solution=_patches,
    mistakes=[
        Mistake(
            "patches column by column",
            lambda images, patch_size: _flat(_cells(images, patch_size).swapaxes(1, 2)),
            (
                "In which order do your patches come?",
                "Your patches run down the columns first; a page is read row by row.",
                _PERMUTE,
            ),
        ),
        Mistake(
            "reshape alone",
            lambda images, patch_size: images.reshape(
                len(images), -1, patch_size**2 * images.shape[1]
            ),
            (
                "Which values lie next to each other in memory?",
                "reshape never moves a value: your 'patches' are runs of pixels along the rows.",
                "Give the rows and columns of a patch axes of their own, then permute.",
            ),
        ),
        Mistake(
            "channels last, then reshape alone",
            lambda images, patch_size: images.transpose(0, 2, 3, 1).reshape(
                len(images), -1, patch_size**2 * images.shape[1]
            ),
            (
                "The channels are in place. Are the rows of a patch?",
                "Your 'patches' are runs of pixels along the rows of the picture.",
                "Split the height into (rows, P) and the width into (columns, P) before you permute.",
            ),
        ),
        Mistake(
            "channels first inside a patch",
            lambda images, patch_size: _flat(
                _cells(images, patch_size).transpose(0, 1, 2, 5, 3, 4)
            ),
            (
                "The cut is right. In which order are the values inside a patch?",
                "Inside a patch the channel should change fastest: (row, column, channel).",
                _PERMUTE,
            ),
        ),
        Mistake(
            "rows and columns swapped inside a patch",
            lambda images, patch_size: _flat(_cells(images, patch_size).swapaxes(3, 4)),
            (
                "Look at one patch as a picture.",
                "Each patch is mirrored along its diagonal: its rows and columns are swapped.",
                _PERMUTE,
            ),
        ),
        Mistake(
            "patches in the last axis",
            lambda images, patch_size: _flat(
                _cells(images, patch_size).transpose(0, 1, 2, 5, 3, 4)
            ).swapaxes(1, 2),
            (
                "What is the shape of your result?",
                "torch's unfold returns (B, values, N), channel first. The tokens belong into "
                "axis 1, and inside a patch the channel changes fastest.",
                _PERMUTE,
            ),
        ),
        Mistake(
            "batch merged with the patches",
            lambda images, patch_size: _patches(images, patch_size).reshape(
                -1, patch_size**2 * images.shape[1]
            ),
            (
                "Where did the pictures of the batch go?",
                "Every picture keeps its own patches: three axes, (B, N, P·P·C).",
                "The last line is cells.reshape(batch, rows * columns, -1).",
            ),
        ),
        Mistake(
            "not flattened",
            lambda images, patch_size: _cells(images, patch_size).reshape(
                len(images), -1, patch_size, patch_size, images.shape[1]
            ),
            (
                "How many axes has your result?",
                "A token is one row of values: P, P and C become one axis.",
                "The last line is cells.reshape(batch, rows * columns, -1).",
            ),
        ),
    ],
    inputs=_inputs,
    difficulty=3,
    minutes=10,
    to="torch",
    forbidden=("patchify",),
)


def _tokens(image_size: int, patch_size: int) -> int:
    return (image_size // patch_size) ** 2 + 1


attention_cost = Exercise(
    "The price of finer patches",
    solution=lambda image_size, patch_size: 2 * _tokens(image_size, patch_size) ** 2 * 64,
    mistakes=[
        Mistake(
            "class token forgotten",
            lambda image_size, patch_size: 2 * (image_size // patch_size) ** 4 * 64,
            (
                "Who takes part in the attention?",
                "The class token looks and is looked at as well: one token more.",
                "tokens = (image_size // patch_size) ** 2 + 1",
            ),
        ),
        Mistake(
            "linear in the tokens",
            lambda image_size, patch_size: 2 * _tokens(image_size, patch_size) * 64,
            (
                "How many entries has the attention matrix?",
                "Every token looks at every token: the number of tokens enters squared.",
                "return 2 * tokens**2 * 64",
            ),
        ),
        Mistake(
            "one of two products",
            lambda image_size, patch_size: _tokens(image_size, patch_size) ** 2 * 64,
            (
                "How often is the matrix used?",
                "Two products need it: query times key makes it, and it mixes the values.",
                "return 2 * tokens**2 * 64",
            ),
        ),
        Mistake(
            "tokens along one side only",
            lambda image_size, patch_size: 2 * (image_size // patch_size + 1) ** 2 * 64,
            (
                "How many patches has the whole picture?",
                "You counted the patches along one side; the picture has two.",
                "tokens = (image_size // patch_size) ** 2 + 1",
            ),
        ),
        Mistake(
            "class token added after squaring",
            lambda image_size, patch_size: 2 * ((image_size // patch_size) ** 4 + 1) * 64,
            (
                "When does the class token join?",
                "It joins before the matrix is made, so it belongs inside the square.",
                "tokens = (image_size // patch_size) ** 2 + 1",
            ),
        ),
        Mistake(
            "floating-point operations",
            lambda image_size, patch_size: 4 * _tokens(image_size, patch_size) ** 2 * 64,
            (
                "What is counted here?",
                "A multiply-add is one, not two: you counted multiplications and additions apart.",
                "return 2 * tokens**2 * 64",
            ),
        ),
        Mistake(
            "width of the head forgotten",
            lambda image_size, patch_size: 2 * _tokens(image_size, patch_size) ** 2,
            (
                "What does one entry of the matrix cost?",
                "One entry is a dot product of 64 numbers.",
                "return 2 * tokens**2 * 64",
            ),
        ),
        Mistake(
            "all heads of ViT-B",
            lambda image_size, patch_size: 2 * _tokens(image_size, patch_size) ** 2 * 768,
            (
                "How many heads are asked for?",
                "768 is the width of all twelve heads; one head has 64 channels.",
                "return 2 * tokens**2 * 64",
            ),
        ),
        Mistake(
            "pixels instead of patches",
            lambda image_size, patch_size: 2 * (image_size**2 + 1) ** 2 * 64,
            (
                "What is a token?",
                "A token is a patch, not a pixel: divide by the patch size first.",
                "tokens = (image_size // patch_size) ** 2 + 1",
            ),
        ),
    ],
    inputs=lambda rng: [(4, 2), (224, 16), (224, 14), (384, 16), (64, 8)],
    difficulty=2,
    minutes=5,
)

num_tokens = Exercise(
    "Count the tokens of a larger picture",
    solution=24 * 24 + 1,
    mistakes=[
        Mistake(
            "class token forgotten",
            24 * 24,
            ("Is every token a patch?", "The class token is missing.", "24 * 24 + 1"),
        ),
        Mistake(
            "one side only",
            24 + 1,
            (
                "How many patches has one row, and how many rows are there?",
                "24 is the number of patches along one side.",
                "24 * 24 + 1",
            ),
        ),
        Mistake(
            "the small picture",
            14 * 14 + 1,
            (
                "How large is the picture?",
                "197 belongs to 224 pixels; here it is 384.",
                "(384 // 16) ** 2 + 1",
            ),
        ),
        Mistake(
            "one side, no class token",
            24,
            (
                "How many rows of patches are there?",
                "24 is the number of patches in one row, and the class token is missing, too.",
                "24 * 24 + 1",
            ),
        ),
        Mistake(
            "channels counted as tokens",
            24 * 24 * 3 + 1,
            (
                "Does every channel get tokens of its own?",
                "The three channels of a patch are in one token.",
                "24 * 24 + 1",
            ),
        ),
    ],
    difficulty=1,
    minutes=2,
)
