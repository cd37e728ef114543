"""The exercises of notebook 14: a random mask, DINO's loss, the effective rank, IoU."""

import numpy as np

from vizkit.course.exercises.exercise import Exercise, Mistake

# ── A random mask ─────────────────────────────────────────────────────────────────────────────────


def _masks(rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Random numbers (B, N) and a share; the numbers are no even grid, so that a threshold fails."""
    return [
        (np.array([[0.9, 0.8, 0.95, 0.7], [0.1, 0.3, 0.2, 0.05]]), 0.5),
        # Short enough for paper: rounded down or up, half of them, the smaller half of the numbers.
        (np.array([[0.6, 0.2, 0.9, 0.4, 0.3]]), 0.25),
        (np.array([[0.6, 0.2, 0.9, 0.4, 0.3]]), 0.35),
        (rng.random((3, 16)) ** 2, 0.75),
        (rng.random((4, 10)) ** 0.5, 0.3),
        # No whole number of patches: rounded down, rounded up and a quantile all come out otherwise.
        (rng.random((2, 12)), 0.2),
        (rng.random((2, 12)), 0.3),
    ]


def _count(noise: np.ndarray, share: float) -> int:
    return round(share * noise.shape[1])


def _smallest(noise: np.ndarray, count: int) -> np.ndarray:
    """True for the `count` smallest numbers of each row."""
    return noise.argsort(1).argsort(1) < count


random_mask = Exercise(
    "Hide a share of the patches",
    solution=lambda noise, share: _smallest(noise, _count(noise, share)),
    mistakes=[
        Mistake(
            "visible and hidden exchanged",
            lambda noise, share: ~_smallest(noise, _count(noise, share)),
            (
                "How many entries of your rows are True?",
                "True means hidden. Yours is True for the patches that stay.",
                "ranks < count, not ranks >= count",
            ),
        ),
        Mistake(
            "a threshold instead of a count",
            lambda noise, share: noise < share,
            (
                "Do all of your rows hide the same number of patches?",
                "noise < share hides a share only on average. Rows of different lengths make no "
                "tensor: each picture must hide exactly round(share * N).",
                "Rank the numbers of each row, then compare the ranks with the count.",
            ),
        ),
        Mistake(
            "the order taken for the ranks",
            lambda noise, share: noise.argsort(1) < _count(noise, share),
            (
                "Which patch does the first entry of argsort name?",
                "argsort says which patch comes first, second, …; the rank of a patch is the "
                "inverse of that order.",
                "noise.argsort(1).argsort(1)",
            ),
        ),
        Mistake(
            "ranked over the whole batch",
            lambda noise, share: _smallest(noise.reshape(1, -1), round(share * noise.size)).reshape(
                noise.shape
            ),
            (
                "Count the hidden patches in each of your rows: are they equally many?",
                "You ranked all numbers of the batch together. Each picture has a mask of its own.",
                "argsort along axis 1, without flattening",
            ),
        ),
        Mistake(
            "the largest numbers hidden",
            lambda noise, share: _smallest(-noise, _count(noise, share)),
            (
                "Which patches shall be hidden: those with small or with large numbers?",
                "As random as the other choice; but asked for are the smallest numbers.",
                "ranks < count",
            ),
        ),
        Mistake(
            "the share kept, not hidden",
            lambda noise, share: _smallest(noise, noise.shape[1] - _count(noise, share)),
            (
                "With a share of 0.75, how many of 16 patches do you hide?",
                "share is the hidden part. You hid 1 - share.",
                "count = round(share * noise.shape[1])",
            ),
        ),
    ],
    inputs=_masks,
    difficulty=2,
    minutes=8,
    to="torch",
)

# ── DINO's loss ───────────────────────────────────────────────────────────────────────────────────

STUDENT, TEACHER = 0.1, 0.04


def _outputs(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Outputs of student and teacher (B, K), and the centre (K,)."""
    return [
        (
            np.array([[0.2, 0.1, 0.0], [0.0, 0.1, 0.1]]),
            np.array([[0.3, 0.26, 0.1], [0.1, 0.08, 0.12]]),
            np.array([0.2, 0.15, 0.1]),
        ),
        (
            rng.normal(size=(3, 4)) * 0.2,
            rng.normal(size=(3, 4)) * 0.1,
            rng.normal(size=4) * 0.1,
        ),
        (
            rng.normal(size=(5, 3)) * 0.1,
            rng.normal(size=(5, 3)) * 0.05 + 0.3,
            np.array([0.1, 0.3, 0.2]),
        ),
    ]


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _dino(
    student: np.ndarray,
    teacher: np.ndarray,
    center: np.ndarray,
    *,
    cool: float = STUDENT,
    sharp: float = TEACHER,
    mean: bool = True,
) -> float:
    """Cross-entropy of the teacher's shares with the student's; Caron et al. 2021, Algorithm 1."""
    shares = np.exp(_log_softmax((teacher - center) / sharp))
    rows = -(shares * _log_softmax(student / cool)).sum(1)
    return float(rows.mean() if mean else rows.sum())


def _exchanged(student: np.ndarray, teacher: np.ndarray, center: np.ndarray) -> float:
    shares = np.exp(_log_softmax(student / STUDENT))
    return float(-(shares * _log_softmax((teacher - center) / TEACHER)).sum(1).mean())


def _without_logarithm(student: np.ndarray, teacher: np.ndarray, center: np.ndarray) -> float:
    shares = np.exp(_log_softmax((teacher - center) / TEACHER))
    return float(-(shares * np.exp(_log_softmax(student / STUDENT))).sum(1).mean())


dino_loss = Exercise(
    "DINO's loss",
    solution=_dino,
    mistakes=[
        Mistake(
            "centring forgotten",
            lambda student, teacher, center: _dino(student, teacher, 0 * center),
            (
                "Does your loss change when one entry of the centre changes?",
                "Each output has a centre of its own, which is subtracted from it before the "
                "softmax. (One number for all outputs would change no share.)",
                "(teacher - center) / 0.04",
            ),
        ),
        Mistake(
            "the centre added",
            lambda student, teacher, center: _dino(student, teacher, -center),
            (
                "An output that is large for every picture: shall its share grow or shrink?",
                "Subtract the centre; adding it makes the favourite more of a favourite.",
                "teacher - center",
            ),
        ),
        Mistake(
            "the student centred as well",
            lambda student, teacher, center: _dino(student - center, teacher, center),
            (
                "Whose outputs are centred?",
                "The teacher's alone. The student has to follow without help.",
                "(student / 0.1).log_softmax(dim=1)",
            ),
        ),
        Mistake(
            "sharpening forgotten",
            lambda student, teacher, center: _dino(student, teacher, center, sharp=STUDENT),
            (
                "Which temperature does your teacher have?",
                "The teacher's temperature, 0.04, is lower than the student's 0.1: that sharpens.",
                "((teacher - center) / 0.04).softmax(dim=1)",
            ),
        ),
        Mistake(
            "the temperatures exchanged",
            lambda student, teacher, center: _dino(
                student, teacher, center, cool=TEACHER, sharp=STUDENT
            ),
            (
                "Whose answer shall be the sharper one?",
                "The teacher's: 0.04 belongs to it, 0.1 to the student.",
                "(teacher - center) / 0.04 and student / 0.1",
            ),
        ),
        Mistake(
            "teacher and student exchanged",
            _exchanged,
            (
                "Whose logarithm do you take?",
                "The teacher's shares are the aim; the logarithm belongs to the student.",
                "-(teacher_shares * student_log_shares).sum(dim=1)",
            ),
        ),
        Mistake(
            "logarithm forgotten",
            _without_logarithm,
            (
                "Is your loss zero where the student is perfect?",
                "A cross-entropy takes the logarithm of the student's shares.",
                "log_softmax for the student",
            ),
        ),
        Mistake(
            "sum over the batch",
            lambda student, teacher, center: _dino(student, teacher, center, mean=False),
            (
                "Does your loss grow with the number of pictures?",
                "Take the mean over the pictures, the sum over the outputs.",
                ".sum(dim=1).mean()",
            ),
        ),
        Mistake(
            "mean over the outputs",
            lambda student, teacher, center: _dino(student, teacher, center) / student.shape[1],
            (
                "Over which axis does a cross-entropy add up?",
                "You took the mean over the outputs. The K terms of a picture are added.",
                ".sum(dim=1).mean(), not .mean()",
            ),
        ),
        Mistake(
            "sign forgotten",
            lambda student, teacher, center: -_dino(student, teacher, center),
            (
                "Can a cross-entropy be negative?",
                "Logarithms of shares are negative: put a minus before the sum.",
                "-(…).sum(dim=1).mean()",
            ),
        ),
    ],
    inputs=_outputs,
    difficulty=3,
    minutes=12,
    to="torch",
    forbidden=("cross_entropy", "kl_div", "CrossEntropyLoss", "KLDivLoss"),
)

# ── The effective rank ────────────────────────────────────────────────────────────────────────────


def _variances(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Variances (D,) along the principal directions; one of them zero."""
    return [
        (np.array([2.0, 1.0, 1.0]),),
        (np.array([9.0, 3.0, 0.5, 0.0]),),
        (rng.random(8) ** 3 * 5,),
    ]


def _entropy(shares: np.ndarray) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def _shares(values: np.ndarray) -> np.ndarray:
    return values / values.sum()


effective_rank = Exercise(
    "The effective rank",
    solution=lambda variances: float(np.exp(_entropy(_shares(variances)))),
    mistakes=[
        Mistake(
            "the entropy itself",
            lambda variances: _entropy(_shares(variances)),
            (
                "What is your number for three equal variances? It should be 3.",
                "That is the entropy in nats. Its exponential is a number of directions.",
                "entropy.exp()",
            ),
        ),
        Mistake(
            "not divided by the sum",
            lambda variances: float(np.exp(_entropy(variances))),
            (
                "Does your number change when all variances are doubled? It should not.",
                "An entropy needs shares: divide the variances by their sum.",
                "shares = variances / variances.sum()",
            ),
        ),
        Mistake(
            "the standard deviations used",
            lambda variances: float(np.exp(_entropy(_shares(np.sqrt(variances))))),
            (
                "Shares of what add up here?",
                "You took square roots. Variances add up over directions, standard deviations "
                "do not.",
                "shares = variances / variances.sum()",
            ),
        ),
        Mistake(
            "the variances squared",
            lambda variances: float(np.exp(_entropy(_shares(variances**2)))),
            (
                "Are the numbers that you got variances or standard deviations?",
                "They are variances already: they need not be squared.",
                "shares = variances / variances.sum()",
            ),
        ),
        Mistake(
            "the directions counted",
            lambda variances: int((variances > 0).sum()),
            (
                "Shall a direction with hardly any variance count as a whole one?",
                "That is the rank. The effective rank weighs the directions by their share.",
                "exp of the entropy of the shares",
            ),
        ),
        Mistake(
            "one over the sum of squares",
            lambda variances: float(1 / (_shares(variances) ** 2).sum()),
            (
                "A good measure, but another one.",
                "That is the participation ratio. Asked for is the exponential of the entropy.",
                "-(shares * shares.log()).sum(), then exp",
            ),
        ),
        Mistake(
            "the logarithm to the base 2",
            lambda variances: float(np.exp(_entropy(_shares(variances)) / np.log(2))),
            (
                "Which base does your logarithm have, and which your power?",
                "log2 and exp do not belong together: log and exp do, or log2 and 2**.",
                "torch.log, or torch.special.entr",
            ),
        ),
        Mistake(
            "the sign of the entropy",
            lambda variances: float(np.exp(-_entropy(_shares(variances)))),
            (
                "Can a number of directions lie below 1?",
                "The entropy is minus the sum of p log p.",
                "-(shares * shares.log()).sum()",
            ),
        ),
    ],
    inputs=_variances,
    difficulty=2,
    minutes=6,
    to="torch",
)

# ── Intersection over union ───────────────────────────────────────────────────────────────────────


def _regions(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """What was predicted and what is true, (H, W) of bool each."""
    return [
        (
            np.array([[True, True, False], [False, True, False]]),
            np.array([[False, True, True], [False, False, False]]),
        ),
        (rng.random((6, 7)) < 0.4, rng.random((6, 7)) < 0.3),
        (rng.random((5, 5)) < 0.7, rng.random((5, 5)) < 0.6),
    ]


def _ratio(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum())


iou = Exercise(
    "Intersection over union",
    solution=lambda predicted, true: _ratio(predicted & true, predicted | true),
    mistakes=[
        Mistake(
            "the share of right cells",
            lambda predicted, true: float((predicted == true).mean()),
            (
                "What does an empty answer score, when the object is small?",
                "You counted the background that both agree on. IoU leaves it out.",
                "intersection / union",
            ),
        ),
        Mistake(
            "the Dice coefficient",
            lambda predicted, true: (
                2 * float((predicted & true).sum() / (predicted.sum() + true.sum()))
            ),
            (
                "What did you divide by?",
                "Twice the intersection over both areas is Dice. The union counts the common "
                "cells once.",
                "(predicted & true).sum() / (predicted | true).sum()",
            ),
        ),
        Mistake(
            "the common cells counted twice",
            lambda predicted, true: float(
                (predicted & true).sum() / (predicted.sum() + true.sum())
            ),
            (
                "What is your number where both regions are equal? It should be 1.",
                "The sum of both areas holds the common cells twice.",
                "(predicted | true).sum()",
            ),
        ),
        Mistake(
            "divided by the prediction",
            lambda predicted, true: _ratio(predicted & true, predicted),
            (
                "What does a prediction of one single right cell score?",
                "That is the precision: it forgives all that was missed.",
                "Divide by the union.",
            ),
        ),
        Mistake(
            "divided by the truth",
            lambda predicted, true: _ratio(predicted & true, true),
            (
                "What does a prediction score that marks every cell?",
                "That is the recall: it forgives all that was marked too much.",
                "Divide by the union.",
            ),
        ),
        Mistake(
            "the background instead of the object",
            lambda predicted, true: _ratio(~predicted & ~true, ~predicted | ~true),
            (
                "Which cells are True: the object or the background?",
                "You measured the overlap of the backgrounds.",
                "Leave out the ~.",
            ),
        ),
        Mistake(
            "the mean with the background",
            lambda predicted, true: (
                (
                    _ratio(predicted & true, predicted | true)
                    + _ratio(~predicted & ~true, ~predicted | ~true)
                )
                / 2
            ),
            (
                "How many regions were asked for?",
                "That is the mean IoU of object and background. Asked for is that of the object.",
                "Only the first of your two terms.",
            ),
        ),
        Mistake(
            "the part that differs",
            lambda predicted, true: _ratio(predicted ^ true, predicted | true),
            (
                "Is your number large or small where the regions agree?",
                "You counted the cells in which they differ: 1 minus the IoU.",
                "predicted & true in the numerator",
            ),
        ),
    ],
    inputs=_regions,
    difficulty=1,
    minutes=5,
    to="torch",
)
