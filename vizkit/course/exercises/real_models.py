"""The exercises of notebook 13: preprocessing, both read-outs of scores, two counts."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake
from vizkit.course.exercises.maths import softmax


def _shrunk(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Each value the mean of a block of `rows` by `columns` pixels; what is left over is cut."""
    high, wide = image.shape[0] // rows, image.shape[1] // columns
    blocks = image[: high * rows, : wide * columns].reshape(high, rows, wide, columns, 3)
    return blocks.mean(axis=(1, 3))  # (high, wide, 3)


def _centre(image: np.ndarray, size: int, up: int = 0) -> np.ndarray:
    """The middle; half a pixel is rounded down, or up with `up=1`."""
    top, left = (image.shape[0] - size + up) // 2, (image.shape[1] - size + up) // 2
    return image[top : top + size, left : left + size]


def _resize_and_crop(image: np.ndarray, size: int, up: int = 0) -> np.ndarray:
    """(H, W, 3) to (size, size, 3) as CLIP does it, with a whole factor."""
    factor = min(image.shape[:2]) // size
    return _centre(_shrunk(image, factor, factor), size, up)


def _with_leftovers(image: np.ndarray, size: int) -> np.ndarray:
    factor = min(image.shape[:2]) // size
    more = [(0, -side % factor) for side in image.shape[:2]]
    padded = np.pad(image.astype(float), [*more, (0, 0)], constant_values=np.nan)
    high, wide = padded.shape[0] // factor, padded.shape[1] // factor
    blocks = padded.reshape(high, factor, wide, factor, 3)
    return _centre(np.nanmean(blocks, axis=(1, 3)), size)


def _top_left(image: np.ndarray, size: int) -> np.ndarray:
    factor = min(image.shape[:2]) // size
    return _shrunk(image, factor, factor)[:size, :size]


def _every_nth(image: np.ndarray, size: int) -> np.ndarray:
    factor = min(image.shape[:2]) // size
    return _centre(image[::factor, ::factor], size).astype(float)


def _first_pixels(image: np.ndarray, size: int) -> np.ndarray:
    factor = min(image.shape[:2]) // size
    rows, columns = (side // factor * factor for side in image.shape[:2])
    return _centre(image[:rows:factor, :columns:factor], size).astype(float)


def _picture(rng: np.random.Generator, high: int, wide: int) -> np.ndarray:
    return rng.uniform(size=(high, wide, 3)).astype("float32")


resize_and_crop = Exercise(
    "Resize and crop as CLIP does",
    solution=_resize_and_crop,
    mistakes=[
        Mistake(
            "squashed",
            lambda image, size: _shrunk(image, image.shape[0] // size, image.shape[1] // size),
            (
                "Is a circle still round in your result?",
                "Each side was shrunk by its own factor: that is SigLIP's way, and it changes the "
                "proportions. CLIP shrinks both sides by the factor of the shorter one.",
                "factor = min(image.shape[:2]) // size, for rows and columns",
            ),
        ),
        Mistake(
            "cropped without resizing",
            lambda image, size: _centre(image, size).astype(float),
            (
                "How much of the picture is left in your result?",
                "You cut the middle out of the picture at its full size, so the model would see a "
                "detail. First shrink until the shorter side is `size`.",
                "Take the mean of blocks of factor x factor pixels before you cut.",
            ),
        ),
        Mistake(
            "not cropped",
            lambda image, size: _shrunk(image, *2 * (min(image.shape[:2]) // size,)),
            (
                "Which shape should come out?",
                "The shorter side is right. Now cut the longer one down to the middle `size` pixels.",
                "small[top : top + size, left : left + size]",
            ),
        ),
        Mistake(
            "cropped at the corner",
            _top_left,
            (
                "Which part of the longer side did you keep?",
                "You kept the first `size` pixels of it; a centre crop keeps the middle.",
                "top, left = (rows - size) // 2, (columns - size) // 2",
            ),
        ),
        Mistake(
            "every nth pixel",
            _every_nth,
            (
                "Does every pixel have a say in your result?",
                "You left pixels out, which makes edges jagged (aliasing). Take the mean of each "
                "block instead: that is what antialias=True is for.",
                "image.reshape(rows, factor, columns, factor, 3).mean over both factors",
            ),
        ),
        Mistake(
            "first pixel of each block",
            _first_pixels,
            (
                "How many pixels of a block does your result depend on?",
                "You took one pixel of each block, which makes edges jagged (aliasing). Take the "
                "mean of all of them.",
                "blocks.mean over the two axes of a block, not blocks[:, 0, :, 0]",
            ),
        ),
        Mistake(
            "offset rounded up",
            lambda image, size: _resize_and_crop(image, size, up=1),
            (
                "Look at where your cut begins.",
                "Where the middle is half a pixel off, the offset is rounded down; yours is "
                "rounded up.",
                "(rows - size) // 2",
            ),
        ),
        Mistake(
            "incomplete blocks kept",
            _with_leftovers,
            (
                "Are all of your blocks complete?",
                "At the border you kept blocks with fewer pixels; they are left out, and that "
                "moves the middle.",
                "rows = image.shape[0] // factor, and cut the picture to rows * factor first",
            ),
        ),
        Mistake(
            "sum instead of mean",
            lambda image, size: _resize_and_crop(image, size) * (min(image.shape[:2]) // size) ** 2,
            (
                "Can a pixel become brighter than the brightest one of its block?",
                "You added up the pixels of a block. Take their mean.",
                ".mean, not .sum",
            ),
        ),
    ],
    inputs=lambda rng: [
        # The first two are to redo by hand: a block, and a crop.
        (np.arange(12.0, dtype="float32").reshape(2, 2, 3), 1),
        (np.arange(12.0, dtype="float32").reshape(1, 4, 3), 1),
        (_picture(rng, 2, 4), 1),
        (_picture(rng, 12, 24), 4),
        (_picture(rng, 30, 10), 5),
        (_picture(rng, 15, 9), 4),
        (_picture(rng, 10, 17), 3),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _probabilities(
    images: np.ndarray, texts: np.ndarray, scale: float, bias: float | None
) -> np.ndarray:
    """Unit vectors (N, D) and (K, D) to probabilities (N, K): softmax for CLIP, else sigmoid."""
    logits = scale * (images.astype(float) @ texts.T)  # (N, K)
    return softmax(logits, 1) if bias is None else _sigmoid(logits + bias)


def _unit(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    vectors = rng.normal(size=(count, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")


zero_shot_scores = Exercise(
    "From vectors to probabilities, for CLIP and for SigLIP",
    solution=_probabilities,
    mistakes=[
        Mistake(
            "softmax for both",
            lambda images, texts, scale, bias: _probabilities(images, texts, scale, None),
            (
                "What do your rows sum to when there is a bias?",
                "A bias in front of a softmax changes nothing. A model with a bias "
                "(SigLIP) judges each pair by itself: a sigmoid.",
                "torch.sigmoid(logits + bias)",
            ),
        ),
        Mistake(
            "sigmoid for both",
            lambda images, texts, scale, bias: _probabilities(images, texts, scale, bias or 0.0),
            (
                "What should the rows of a CLIP sum to?",
                "Without a bias it is a CLIP, which lets the texts compete: a softmax"
                " over the texts.",
                "logits.softmax(dim=1)",
            ),
        ),
        Mistake(
            "a bias of 0 taken for none",
            lambda images, texts, scale, bias: _probabilities(images, texts, scale, bias or None),
            (
                "Is a bias of 0.0 no bias?",
                "`if not bias` is true for 0.0 as well, and a SigLIP with a bias of 0 is still one.",
                "if bias is None",
            ),
        ),
        Mistake(
            "scale divided",
            lambda images, texts, scale, bias: _probabilities(images, texts, 1 / scale, bias),
            (
                "Are your probabilities nearly all the same?",
                "The scale is 1 / τ already: multiply by it.",
                "logits = scale * images @ texts.T",
            ),
        ),
        Mistake(
            "no scale",
            lambda images, texts, scale, bias: _probabilities(images, texts, 1.0, bias),
            (
                "Which argument did you not use?",
                "A cosine is at most 1: without the scale nothing would ever be sure.",
                "logits = scale * images @ texts.T, for both kinds of model",
            ),
        ),
        Mistake(
            "bias forgotten",
            lambda images, texts, scale, bias: _probabilities(
                images, texts, scale, None if bias is None else 0.0
            ),
            (
                "What would an unrelated pair get, whose cosine is 0?",
                "You left the bias out, so it would get one half. Add the bias to the logits.",
                "torch.sigmoid(scale * cosines + bias)",
            ),
        ),
        Mistake(
            "bias subtracted",
            lambda images, texts, scale, bias: _probabilities(
                images, texts, scale, None if bias is None else -bias
            ),
            (
                "Does your bias make pairs more likely or less?",
                "The bias is negative and is added: pairs are unlikely to begin with.",
                "logits + bias, not logits - bias",
            ),
        ),
        Mistake(
            "softmax over the images",
            lambda images, texts, scale, bias: (
                softmax(scale * (images.astype(float) @ texts.T), 0)
                if bias is None
                else _probabilities(images, texts, scale, bias)
            ),
            (
                "What sums to 1, rows or columns?",
                "Your columns sum to 1, so the pictures compete for a text. Each "
                "picture chooses its text: the rows must sum to 1.",
                "softmax over dim=1",
            ),
        ),
    ],
    inputs=lambda rng: [
        # The first two are small enough to redo by hand.
        (np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[0.8, 0.6], [0.0, 1.0]]), 2.0, None),
        (np.array([[0.6, 0.8]]), np.array([[1.0, 0.0], [0.0, 1.0]]), 5.0, -3.0),
        (_unit(rng, 3, 6), _unit(rng, 4, 6), 8.0, None),
        (_unit(rng, 2, 5), _unit(rng, 3, 5), 10.0, -3.0),
        (_unit(rng, 2, 5), _unit(rng, 3, 5), 5.0, 0.0),  # a bias all the same
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


patch_embedding_parameters = Exercise(
    "The weights of SO400M's patch embedding",
    solution=14 * 14 * 3 * 1152 + 1152,
    mistakes=[
        Mistake(
            "no bias",
            14 * 14 * 3 * 1152,
            (
                "What does a convolution have beside its kernel?",
                "SigLIP's patch embedding has a bias as well, one for each channel.",
                "Add 1,152.",
            ),
        ),
        Mistake(
            "one color only",
            14 * 14 * 1152 + 1152,
            (
                "How many values does one patch have?",
                "A patch has three color channels: 14 · 14 · 3 values go in.",
                "14 · 14 · 3 · 1152 + 1152",
            ),
        ),
        Mistake(
            "patches of 16 pixels",
            16 * 16 * 3 * 1152 + 1152,
            (
                "How large is a patch of SO400M/14?",
                "The number after the stroke is the side of a patch: 14 pixels.",
                "14 · 14 · 3 · 1152 + 1152, written out as one number",
            ),
        ),
        Mistake(
            "counted for every patch",
            729 * (14 * 14 * 3 * 1152 + 1152),
            (
                "Does the number of patches matter?",
                "All patches share the same weights: it is one convolution.",
                "Leave the 27 · 27 patches out of the product.",
            ),
        ),
        Mistake(
            "positions counted with it",
            14 * 14 * 3 * 1152 + 1152 + 729 * 1152,
            (
                "What belongs to the patch embedding, and what comes after it?",
                "The 729 position vectors are a table of their own.",
                "Leave the 729 · 1152 out of the sum.",
            ),
        ),
    ],
    difficulty=2,
    minutes=4,
    tolerance=1e-6,
)


gpu_days = Exercise(
    "The GPU-days of the largest CLIP ResNet",
    solution=592 * 18,
    mistakes=[
        Mistake(
            "GPU-hours",
            592 * 18 * 24,
            ("In which unit is that?", "It is in hours. The question asks for days.", "592 * 18"),
        ),
        Mistake(
            "the ViT's machines or days",
            256 * 12,
            (
                "Which network is that?",
                "That is ViT-L/14. The question asks for RN50x64.",
                "The row with 592 machines.",
            ),
        ),
        Mistake(
            "512 machines",
            512 * 18,
            (
                "How many machines does the paper name?",
                "512 is the number that is often taught; the paper says 592 for RN50x64.",
                "Machines times days, with 592 machines.",
            ),
        ),
        Mistake(
            "the days of the ViT",
            592 * 12,
            (
                "How many days did RN50x64 take?",
                "12 days is what ViT-L/14 took; RN50x64 took 18.",
                "592 machines times 18 days.",
            ),
        ),
        Mistake(
            "added",
            592 + 18,
            (
                "What is one GPU-day?",
                "One GPU for one day is one GPU-day: multiply machines and days.",
                "592 times 18",
            ),
        ),
    ],
    difficulty=1,
    minutes=2,
    tolerance=1e-4,
)
