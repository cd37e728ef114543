"""The exercises of notebook 01: equivariance, receptive fields, parameters."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake


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


def _one_too_far(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    return np.abs(after[:, :, shift + 1 :] - before[:, :, : -shift - 1]).max()


def _shifted_maps(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Feature maps before and after a shift to the right; every place has an error of its own.

    The largest error is once above and once below, and not always in the same channel.
    """
    one = np.array([[[1, 4, 2, 7], [0, 5, 3, 6]]], dtype="float32")
    # errors 1, 0, -2; 0, 1, 0
    one_after = np.array([[[9, 2, 4, 0], [8, 0, 6, 3]]], dtype="float32")
    two = np.array([[[1, 4, 3], [2, 0, 5]], [[6, 3, 1], [0, 7, 2]]], dtype="float32")
    # errors 1, 0; 3, -1 in the first channel, -2, 1; 2, -2 in the second
    two_after = np.array([[[9, 2, 4], [5, 5, -1]], [[8, 4, 4], [3, 2, 5]]], dtype="float32")
    far = np.array([[[2, 5, 1, 4], [3, 6, 0, 2], [1, 4, 7, 3]]], dtype="float32")
    # two places on; errors 1, 0; -3, 1; 1, 1
    far_after = np.array([[[9, 7, 3, 5], [8, 6, 0, 7], [0, 9, 2, 5]]], dtype="float32")
    cases = [(one, one_after, 1), (two, two_after, 1), (far, far_after, 2)]
    for shift in (1, 3):
        before = rng.normal(size=(2, 6, 9)).astype("float32")
        after = rng.normal(size=(2, 6, 9)).astype("float32") * 4
        after[:, :, shift:] = before[:, :, :-shift] + rng.normal(size=(2, 6, 9 - shift)) * 0.3
        after[1, 2, 7] += 1.2
        after[1, 4, 6] -= 2  # below, not above: the sign of a difference must not matter
        cases.append((before, after, shift))
    return cases


def _errors(before: np.ndarray, after: np.ndarray, shift: int) -> np.ndarray:
    return after[:, :, shift:] - before[:, :, :-shift]


equivariance_error = Exercise(
    "Measure the equivariance error",
    solution=_equivariance_error,
    mistakes=[
        Mistake(
            "invariance measured",
            _unshifted,
            (
                "What should a perfect layer give for your measure?",
                "You compare the same place before and after. An equivariant map moves along with "
                "the image: compare each place with the one that it came from.",
                "Column x + shift of `after` belongs to column x of `before`.",
            ),
        ),
        Mistake(
            "shifted the wrong way",
            _wrong_way,
            (
                "Which way did the image move?",
                "The image moved to the right: column x before is column x + shift after.",
                "Compare `after[:, :, shift:]` with `before[:, :, :-shift]`.",
            ),
        ),
        Mistake(
            "rows shifted",
            _along_rows,
            (
                "Which axis did you move along?",
                "The last axis holds the columns; you moved along the rows.",
                "Cut the third axis: `[:, :, shift:]`.",
            ),
        ),
        Mistake(
            "border included",
            _rolled,
            (
                "Which columns have no partner?",
                "`roll` brings the columns that leave at one edge back at the other. They have no "
                "partner: leave these `shift` columns out.",
                "If you rolled `before` to the right, compare `[:, :, shift:]` of both; if you rolled "
                "`after` back to the left, `[:, :, :-shift]`.",
            ),
        ),
        Mistake(
            "one column too many left out",
            _one_too_far,
            (
                "How many columns have no partner?",
                "Exactly `shift` columns came in; the next one has a partner already.",
                "Start at `shift`, not at `shift + 1`.",
            ),
        ),
        Mistake(
            "sign kept",
            _signed,
            (
                "What does your measure say when a value is too small?",
                "A large negative difference is an error too: take absolute values first.",
                "`.abs().max()`, in this order.",
            ),
        ),
        Mistake(
            "mean instead of the largest",
            lambda before, after, shift: np.abs(_errors(before, after, shift)).mean(),
            (
                "Which one number of all the differences was asked for?",
                "The mean hides a single bad place; the task asks for the largest difference.",
                "End with `.max()`.",
            ),
        ),
        Mistake(
            "squared difference",
            lambda before, after, shift: (_errors(before, after, shift) ** 2).max(),
            (
                "In which unit is your answer?",
                "A square is another number than the difference; no root was taken.",
                "Use `.abs()` in place of the square.",
            ),
        ),
        Mistake(
            "first channel only",
            lambda before, after, shift: np.abs(_errors(before, after, shift)[0]).max(),
            (
                "Which channels does your answer depend on?",
                "A feature map has C channels; an error in any of them counts.",
                "Keep the first axis whole: `[:, :, shift:]`.",
            ),
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


def _from_zero(kernels: list[int], strides: list[int]) -> int:
    return _receptive_field(kernels, strides) - 1


def _strides_added(kernels: list[int], strides: list[int]) -> int:
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step += stride
    return field


receptive_field = Exercise(
    "The receptive field of a stack",
    solution=_receptive_field,
    mistakes=[
        Mistake(
            "strides ignored",
            lambda kernels, strides: 1 + sum(kernel - 1 for kernel in kernels),
            (
                "Does your answer change when a stride changes?",
                "After a stride of 2, neighbours in the feature map are two pixels apart: later "
                "kernels reach further.",
                "Add `(kernel - 1) * step`, where `step` is the product of the strides before.",
            ),
        ),
        Mistake(
            "own stride counted",
            _own_stride_first,
            (
                "Try one layer with a kernel of 3 and a stride of 2: how many pixels does it see?",
                "The stride of a layer spreads the layers after it, not the layer itself.",
                "Add first, multiply the step afterwards.",
            ),
        ),
        Mistake(
            "whole kernels added",
            _whole_kernels,
            (
                "Try one 3x3 layer: how many pixels wide is its field?",
                "A 3x3 kernel reaches one pixel further on each side: it adds 2, not 3.",
                "Add `(kernel - 1) * step`.",
            ),
        ),
        Mistake(
            "kernels multiplied",
            lambda kernels, strides: int(np.prod(kernels)),
            (
                "Draw two 3x3 layers: does the second see nine new pixels?",
                "Two 3x3 layers see 5x5 pixels, not 9x9: their fields overlap and add up.",
                "Add `(kernel - 1) * step` for each layer.",
            ),
        ),
        Mistake(
            "started from nothing",
            _from_zero,
            (
                "How many pixels does a stack without any layer see?",
                "One place of the input sees itself: the field starts at 1.",
                "Begin with `field, step = 1, 1`.",
            ),
        ),
        Mistake(
            "strides added",
            _strides_added,
            (
                "Two layers of stride 2: how many pixels apart are two neighbours then?",
                "Strides multiply: after two layers of stride 2 neighbours are four pixels apart.",
                "`step *= stride`.",
            ),
        ),
        Mistake(
            "radius instead of width",
            lambda kernels, strides: (_receptive_field(kernels, strides) - 1) / 2,
            (
                "Is your number the whole width?",
                "This is how far the field reaches to one side of its middle.",
                "The width is twice that, and the pixel in the middle.",
            ),
        ),
        Mistake(
            "area instead of width",
            lambda kernels, strides: _receptive_field(kernels, strides) ** 2,
            (
                "In which unit is your answer?",
                "This is the number of pixels in the square; the task asks for its width.",
                "Return the field without squaring it.",
            ),
        ),
    ],
    inputs=lambda rng: [
        ([3], [1]),
        ([3, 3, 3], [1, 1, 1]),
        ([3], [2]),
        ([3, 3], [2, 2]),
        ([7, 3, 3, 3], [2, 2, 1, 2]),
        ([5, 2, 3], [1, 2, 1]),
        ([4, 5, 3, 2], [3, 2, 2, 3]),
    ],
    difficulty=3,
    minutes=10,
)

_PER_OUTPUT, _WIDTH = 16 * 16 * 3, 1024  # not ViT-B/16, whose number stands in the notebook's table
count_patch_parameters = Exercise(
    "Count the parameters of a patch embedding",
    solution=_PER_OUTPUT * _WIDTH + _WIDTH,
    mistakes=[
        Mistake(
            "bias forgotten",
            _PER_OUTPUT * _WIDTH,
            (
                "What does the layer add after it has multiplied?",
                "Each of the 1024 outputs has a bias as well.",
                "Add 1024.",
            ),
        ),
        Mistake(
            "channels forgotten",
            16 * 16 * _WIDTH + _WIDTH,
            (
                "How many numbers are in one patch?",
                "A patch holds 16 x 16 pixels of three channels each.",
                "Multiply 16 x 16 by 3 first.",
            ),
        ),
        Mistake(
            "weights for every patch",
            196 * (_PER_OUTPUT * _WIDTH + _WIDTH),
            (
                "Does the number of weights depend on the size of the image?",
                "All 196 patches go through the same weights: that is what makes it a convolution.",
                "Leave the 196 out.",
            ),
        ),
        Mistake(
            "one output only",
            _PER_OUTPUT + 1,
            (
                "How many numbers does the layer make of one patch?",
                "That is one of the 1024 numbers in a token; each has weights of its own.",
                "Multiply by 1024.",
            ),
        ),
        Mistake(
            "one bias for all",
            _PER_OUTPUT * _WIDTH + 1,
            (
                "How many biases does a layer with 1024 outputs have?",
                "Each output has a bias of its own.",
                "Add 1024, not 1.",
            ),
        ),
        Mistake(
            "positions counted",
            _PER_OUTPUT * _WIDTH + _WIDTH + 196 * _WIDTH,
            (
                "Which parts of the ViT did you count?",
                "The positional embedding is a table of its own, not a part of this layer.",
                "Leave the 196 x 1024 out.",
            ),
        ),
        Mistake(
            "width of ViT-B",
            _PER_OUTPUT * 768 + 768,
            (
                "How many numbers has a token here?",
                "768 is the number of values in a patch, and the width of ViT-B's tokens. Those of ViT-L "
                "are wider.",
                "Take 1024 outputs.",
            ),
        ),
    ],
    difficulty=1,
    minutes=4,
)
