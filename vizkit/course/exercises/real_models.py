"""The exercises of notebook 13: preprocessing, both read-outs of scores, two counts."""

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _shrunk(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Each value the mean of a block of `rows` by `columns` pixels; what is left over is cut."""
    high, wide = image.shape[0] // rows, image.shape[1] // columns
    blocks = image[: high * rows, : wide * columns].reshape(high, rows, wide, columns, 3)
    return blocks.mean(axis=(1, 3))  # (high, wide, 3)


def _centre(image: np.ndarray, size: int) -> np.ndarray:
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def _resize_and_crop(image: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) to (size, size, 3) as CLIP does it; the shorter side is a multiple of `size`."""
    factor = min(image.shape[:2]) // size
    return _centre(_shrunk(image, factor, factor), size)


def _top_left(image: np.ndarray, size: int) -> np.ndarray:
    factor = min(image.shape[:2]) // size
    return _shrunk(image, factor, factor)[:size, :size]


def _every_nth(image: np.ndarray, size: int) -> np.ndarray:
    factor = min(image.shape[:2]) // size
    return _centre(image[::factor, ::factor], size).astype(float)


def _picture(rng: np.random.Generator, high: int, wide: int) -> np.ndarray:
    return rng.uniform(size=(high, wide, 3)).astype("float32")


resize_and_crop = Exercise(
    "Resize and crop as CLIP does",
    solution=_resize_and_crop,
    mistakes=[
        Mistake(
            "squashed",
            lambda image, size: _shrunk(image, image.shape[0] // size, image.shape[1] // size),
            "Both sides became `size`, each by its own factor: that is SigLIP's way, and it "
            "changes the proportions. CLIP shrinks both sides by the factor of the shorter one.",
        ),
        Mistake(
            "cropped without resizing",
            lambda image, size: _centre(image, size).astype(float),
            "You cut the middle out of the picture at its full size, so the model would see a "
            "detail. First shrink until the shorter side is `size`.",
        ),
        Mistake(
            "not cropped",
            lambda image, size: _shrunk(image, *2 * (min(image.shape[:2]) // size,)),
            "The shorter side is right. Now cut the longer one down to the middle `size` pixels.",
        ),
        Mistake(
            "cropped at the corner",
            _top_left,
            "You kept the first `size` pixels of the longer side; a centre crop keeps the middle.",
        ),
        Mistake(
            "every nth pixel",
            _every_nth,
            "You left pixels out, which makes edges jagged (aliasing). Take the mean of each "
            "block instead: that is what antialias=True is for.",
        ),
    ],
    inputs=lambda rng: [
        (_picture(rng, 12, 24), 4),
        (_picture(rng, 30, 10), 5),
        (_picture(rng, 6, 18), 3),
    ],
    difficulty=3,
    minutes=10,
    to="torch",
)


def _softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _probabilities(
    images: np.ndarray, texts: np.ndarray, scale: float, bias: float | None
) -> np.ndarray:
    """Unit vectors (N, D) and (K, D) to probabilities (N, K): softmax for CLIP, else sigmoid."""
    logits = scale * (images.astype(float) @ texts.T)  # (N, K)
    return _softmax(logits, 1) if bias is None else _sigmoid(logits + bias)


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
            "A bias in front of a softmax changes nothing. A model with a bias (SigLIP) judges "
            "each pair by itself: a sigmoid.",
        ),
        Mistake(
            "sigmoid for both",
            lambda images, texts, scale, bias: _probabilities(images, texts, scale, bias or 0.0),
            "Without a bias it is a CLIP, which lets the texts compete: a softmax over the texts.",
        ),
        Mistake(
            "scale divided",
            lambda images, texts, scale, bias: _probabilities(images, texts, 1 / scale, bias),
            "`logit_scale` is 1 / τ already: multiply by it.",
        ),
        Mistake(
            "no scale",
            lambda images, texts, scale, bias: _probabilities(images, texts, 1.0, bias),
            "A cosine is at most 1: without the scale nothing would ever be sure.",
        ),
        Mistake(
            "bias forgotten",
            lambda images, texts, scale, bias: _probabilities(
                images, texts, scale, None if bias is None else 0.0
            ),
            "You left the bias out, so an unrelated pair would get one half. Add it to the logits.",
        ),
        Mistake(
            "bias subtracted",
            lambda images, texts, scale, bias: _probabilities(
                images, texts, scale, None if bias is None else -bias
            ),
            "The bias is negative and is added: pairs are unlikely to begin with.",
        ),
        Mistake(
            "softmax over the images",
            lambda images, texts, scale, bias: (
                _softmax(scale * (images.astype(float) @ texts.T), 0)
                if bias is None
                else _probabilities(images, texts, scale, bias)
            ),
            "Your columns sum to 1, so the pictures compete for a text. Each picture chooses its "
            "text: the rows must sum to 1.",
        ),
    ],
    inputs=lambda rng: [
        (_unit(rng, 3, 6), _unit(rng, 4, 6), 8.0, None),
        (_unit(rng, 2, 5), _unit(rng, 3, 5), 10.0, -3.0),
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
            "SigLIP's patch embedding has a bias as well, one for each channel.",
        ),
        Mistake(
            "one color only",
            14 * 14 * 1152 + 1152,
            "A patch has three color channels: 14 · 14 · 3 values go in.",
        ),
        Mistake(
            "patches of 16 pixels",
            16 * 16 * 3 * 1152 + 1152,
            "SO400M/14 has patches of 14 pixels.",
        ),
        Mistake(
            "counted for every patch",
            729 * (14 * 14 * 3 * 1152 + 1152),
            "All patches share the same weights: it is one convolution.",
        ),
        Mistake(
            "positions counted with it",
            14 * 14 * 3 * 1152 + 1152 + 729 * 1152,
            "The 729 position vectors are a table of their own.",
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
        Mistake("GPU-hours", 592 * 18 * 24, "That is in hours. The question asks for days."),
        Mistake(
            "the ViT's machines or days",
            256 * 12,
            "That is ViT-L/14. The question asks for RN50x64.",
        ),
        Mistake(
            "512 machines",
            512 * 18,
            "512 is the number that is told; the paper says 592 for RN50x64.",
        ),
        Mistake("the days of the ViT", 592 * 12, "12 days is what ViT-L/14 took; RN50x64 took 18."),
        Mistake(
            "added", 592 + 18, "One GPU for one day is one GPU-day: multiply machines and days."
        ),
    ],
    difficulty=1,
    minutes=2,
    tolerance=1e-4,
)
