"""The exercises of notebook 01: equivariance, receptive fields, parameters."""

import numpy as np

from vizkit.course.exercises.machinery import Exercise, Mistake


def _equivariance_error(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return np.abs(after[:, :, shift:] - before[:, :, :-shift]).max()


def _unshifted(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return np.abs(after - before).max()


def _wrong_way(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return np.abs(after[:, :, :-shift] - before[:, :, shift:]).max()


def _along_rows(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return np.abs(after[:, shift:] - before[:, :-shift]).max()


def _rolled(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return np.abs(after - np.roll(before, shift, axis=2)).max()


def _signed(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return (after[:, :, shift:] - before[:, :, :-shift]).max()


def _shifted_maps(rng: np.random.Generator) -> list[tuple]:
    """Feature maps before and after a shift to the right, with an error that is known to exist."""
    cases = []
    for shift, noise in ((1, 0.0), (3, 0.5)):
        before = rng.normal(size=(2, 6, 9)).astype("float32")
        after = rng.normal(size=(2, 6, 9)).astype("float32")
        after[:, :, shift:] = before[:, :, :-shift]
        after[1, 4, 6] -= noise  # below, not above: the sign of a difference must not matter
        cases.append((before, after, shift))
    return cases


equivariance_error = Exercise(
    "Measure the equivariance error",
    solution=_equivariance_error,
    mistakes=[
        Mistake(
            "invariance measured",
            _unshifted,
            "You compare the same place before and after. An equivariant map moves along with "
            "the image: compare each place with the one that it came from.",
        ),
        Mistake(
            "shifted the wrong way",
            _wrong_way,
            "The image moved to the right: column x before is column x + shift after.",
        ),
        Mistake(
            "rows shifted",
            _along_rows,
            "The last axis holds the columns; you moved along the rows.",
        ),
        Mistake(
            "border included",
            _rolled,
            "`roll` brings columns from the right edge back on the left. They have no partner: "
            "leave the first `shift` columns out.",
        ),
        Mistake(
            "sign kept",
            _signed,
            "A large negative difference is an error too: take absolute values first.",
        ),
    ],
    inputs=_shifted_maps,
    difficulty=2,
    minutes=8,
    to="torch",
)


def _receptive_field(kernels: list[int], strides: list[int]) -> int:
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
    return field


def _own_stride_first(kernels: list[int], strides: list[int]) -> int:
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step *= stride
        field += (kernel - 1) * step
    return field


def _whole_kernels(kernels: list[int], strides: list[int]) -> int:
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += kernel * step
        step *= stride
    return field


receptive_field = Exercise(
    "The receptive field of a stack",
    solution=_receptive_field,
    mistakes=[
        Mistake(
            "strides ignored",
            lambda kernels, strides: 1 + sum(kernel - 1 for kernel in kernels),
            "After a stride of 2, neighbours in the feature map are two pixels apart: later "
            "kernels reach further.",
        ),
        Mistake(
            "own stride counted",
            _own_stride_first,
            "The stride of a layer spreads the layers after it, not the layer itself: add first, "
            "multiply the step afterwards.",
        ),
        Mistake(
            "whole kernels added",
            _whole_kernels,
            "A 3x3 kernel reaches one pixel further on each side: it adds 2, not 3.",
        ),
        Mistake(
            "kernels multiplied",
            lambda kernels, strides: int(np.prod(kernels)),
            "Two 3x3 layers see 5x5 pixels, not 9x9: their fields overlap and add up.",
        ),
    ],
    inputs=lambda rng: [
        ([3], [1]),
        ([3, 3, 3], [1, 1, 1]),
        ([7, 3, 3, 3], [2, 2, 1, 2]),
        ([5, 2, 3], [1, 2, 1]),
    ],
    difficulty=3,
    minutes=10,
)

count_patch_parameters = Exercise(
    "Count the parameters of a patch embedding",
    solution=16 * 16 * 3 * 768 + 768,
    mistakes=[
        Mistake("bias forgotten", 16 * 16 * 3 * 768, "Each of the 768 outputs has a bias as well."),
        Mistake(
            "channels forgotten",
            16 * 16 * 768 + 768,
            "A patch holds 16 x 16 pixels of three channels each.",
        ),
        Mistake(
            "weights for every patch",
            196 * (16 * 16 * 3 * 768 + 768),
            "All 196 patches go through the same weights: that is what makes it a convolution.",
        ),
        Mistake(
            "one output only",
            16 * 16 * 3 + 1,
            "That is one of the 768 numbers in a token; each has weights of its own.",
        ),
    ],
    difficulty=1,
    minutes=4,
)
