"""The losses one block at a time: the plain formulas again, in a fraction of the memory."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from open_clip.loss import ClipLoss, SigLipLoss
from torch.profiler import ProfilerActivity, profile

from tests.losses import TOLERANCE, assert_close, random_features, value_and_gradients
from vizkit.losses import info_nce, sigmoid_loss

DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float64", "float32"])
LOSSES = pytest.mark.parametrize("loss", [info_nce, sigmoid_loss], ids=["info_nce", "sigmoid"])


def inputs_of(loss, features, scale: float, bias: float = -10.0) -> list[torch.Tensor]:
    """Features, scale and, where the loss has one, bias."""
    scalars = [scale] if loss is info_nce else [scale, bias]
    return [*features, *torch.tensor(scalars, dtype=features[0].dtype)]


@DTYPES
@LOSSES
@pytest.mark.parametrize("duplicates", [False, True], ids=["distinct", "duplicates"])
@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
@pytest.mark.parametrize(("n", "block_size"), [(1, 4), (8, 4), (10, 4), (5, 1), (3, 1), (6, 9)])
def test_blocks_change_nothing(loss, n, block_size, scale, duplicates, dtype):
    """In float32 the matrix in float64 is the measure: both forms round on their own."""
    features = random_features(n, dtype, duplicates=duplicates)
    inputs = inputs_of(loss, features, scale)
    ours = value_and_gradients(loss, *inputs, block_size=block_size)
    assert all(value.dtype == dtype for value in ours)
    exact = value_and_gradients(loss, *(value.double() for value in inputs))
    assert_close(ours, exact, TOLERANCE[dtype])


@LOSSES
@pytest.mark.parametrize("duplicates", [False, True], ids=["distinct", "duplicates"])
def test_rows_and_columns_of_very_different_size(loss, duplicates):
    """At scale 1,000 one exp cannot serve rows and columns of a block."""
    inputs = inputs_of(loss, random_features(20, torch.float64, duplicates=duplicates), 1000.0)
    ours = value_and_gradients(loss, *inputs, block_size=7)
    assert_close(ours, value_and_gradients(loss, *inputs), 1e-10)


@DTYPES
@pytest.mark.parametrize("duplicates", [False, True], ids=["distinct", "duplicates"])
@pytest.mark.parametrize("scale", [14.3, 100.0])
@pytest.mark.parametrize("n", [1, 17])
@pytest.mark.parametrize(
    ("loss", "theirs"),
    [(info_nce, ClipLoss(gather_with_grad=True)), (sigmoid_loss, SigLipLoss())],
    ids=["info_nce", "sigmoid"],
)
def test_blocks_equal_open_clip(loss, theirs, n, scale, duplicates, dtype):
    inputs = inputs_of(loss, random_features(n, dtype, duplicates=duplicates), scale)
    ours = value_and_gradients(loss, *inputs, block_size=5)
    assert_close(ours, value_and_gradients(theirs, *inputs), TOLERANCE[dtype])


@LOSSES
@pytest.mark.parametrize("block_size", [None, 3])
def test_the_gradient_is_the_slope_of_the_value(loss, block_size):
    inputs = inputs_of(loss, random_features(5, torch.float64, dim=3), 7.0, -2.0)
    leaves = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(partial(loss, block_size=block_size), leaves)


def nearly_certain(n: int, dim: int, scale: float, loss: float) -> torch.Tensor:
    """Unit vectors of which each has exactly one near neighbour: InfoNCE is about `loss`.

    The cosine of two neighbours is 1 + log(loss) / scale, all others are orthogonal.
    """
    cosine = 1 + math.log(loss) / scale
    vectors = torch.eye(n, dim, dtype=torch.float64)
    vectors[1::2] *= math.sqrt(1 - cosine**2)
    vectors[1::2] += cosine * vectors[0::2]
    rotation = torch.linalg.qr(
        torch.randn(dim, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )[0]
    return vectors @ rotation


def longest_info_nce(images, texts, scale: float) -> float:
    """softplus(logsumexp over the others - own) in numpy's longest floating-point format."""
    images, texts = (value.double().numpy().astype(np.longdouble) for value in (images, texts))
    logits = np.longdouble(scale) * (images @ texts.T)
    total = np.longdouble(0)
    for one in (logits, logits.T):
        others = np.exp(one - np.diag(one)[:, None])
        np.fill_diagonal(others, 0)
        total += np.log1p(others.sum(axis=1)).mean()
    return float(total / 2)


@DTYPES
@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("scale", [25.0, 100.0, 1000.0])
def test_info_nce_keeps_its_digits_at_a_loss_of_a_billionth(scale, block_size, dtype):
    """The oracle is given the same features, rounded as they are."""
    features = nearly_certain(48, 64, scale, 1e-9).to(dtype)
    value = info_nce(features, features, scale, block_size=block_size)
    wanted = longest_info_nce(features, features, scale)
    assert 2e-10 < wanted < 5e-9
    assert value.item() == pytest.approx(wanted, rel=1e-4)


@DTYPES
@pytest.mark.parametrize("block_size", [None, 2])
def test_sigmoid_loss_keeps_its_digits_at_a_loss_of_a_billionth(block_size, dtype):
    """Orthogonal pairs: N - 1 negatives at b = -25 and one positive at t + b = 25 for each."""
    images = torch.eye(4, dtype=dtype)
    value = sigmoid_loss(images, images, 50.0, -25.0, block_size=block_size)
    assert value.item() == pytest.approx(4 * math.log1p(math.exp(-25)), rel=1e-4)
    value = sigmoid_loss(images, images, 40.0, -20.0, block_size=block_size)
    assert value.item() == pytest.approx(4 * math.log1p(math.exp(-20)), rel=1e-4)


@LOSSES
@pytest.mark.parametrize("block_size", [1, 2, 3])
def test_the_own_logit_keeps_the_digit_that_float32_lacks(loss, block_size):
    """A cosine of 1 + 2^-24, which float32 rounds to 1, is a logit of 2^24 + 1 at scale 2^24.

    Everything else is exact in float32: the other logit is 2^24 - 15, and the bias 8 - 2^24.
    """
    images = torch.tensor([[4096.0, 1.0, 0.0], [4096.0, 0.0, 1.0]]) / 4096
    texts = torch.tensor([[4096.0, 1.0, -15.0], [4096.0, -15.0, 1.0]]) / 4096
    inputs = inputs_of(loss, (images, texts), 2.0**24, 8 - 2.0**24)
    wanted = {info_nce: math.log1p(math.exp(-16))}
    wanted[sigmoid_loss] = math.log1p(math.exp(-9)) + math.log1p(math.exp(-7))
    assert loss(*inputs, block_size=block_size).item() == pytest.approx(wanted[loss], rel=1e-6)


@DTYPES
@LOSSES
@pytest.mark.parametrize("block_size", [None, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["all right", "all wrong"])
def test_nothing_overflows(loss, sign, block_size, dtype):
    """At scale 1,000 e^logit is beyond float32 and float64 alike."""
    images = torch.eye(8, 9, dtype=dtype)
    texts = sign * (images if sign > 0 else images.roll(1, 0).neg())
    inputs = inputs_of(loss, (images, texts), 1000.0, 0.0)
    value, *gradients = value_and_gradients(loss, *inputs, block_size=block_size)
    assert all(gradient.isfinite().all() for gradient in gradients)
    if loss is info_nce:
        wanted = 0.0 if sign > 0 else 1000.0
    else:
        wanted = 7 * math.log(2) + (0.0 if sign > 0 else 1000.0)
    assert value.item() == pytest.approx(wanted, rel=1e-6)


@LOSSES
def test_a_second_backward_gives_the_same_gradients(loss):
    leaves = inputs_of(loss, random_features(9, torch.float64), 10.0)
    leaves = [value.requires_grad_() for value in leaves]
    value = loss(*leaves, block_size=4)
    first = torch.autograd.grad(value, leaves, retain_graph=True)
    second = torch.autograd.grad(2 * value, leaves)
    assert_close([one / 2 for one in second], first, 1e-14)


@LOSSES
def test_frozen_features_need_no_gradient(loss):
    """Locked-image tuning: only the texts and the scalars learn."""
    inputs = inputs_of(loss, random_features(9, torch.float64), 10.0)
    expected = value_and_gradients(loss, *inputs)
    leaves = [value.requires_grad_() for value in inputs[1:]]
    gradients = torch.autograd.grad(loss(inputs[0], *leaves, block_size=4), leaves)
    assert_close(gradients, expected[2:], 1e-12)
    with torch.no_grad():
        assert loss(*inputs, block_size=4).item() == pytest.approx(expected[0].item(), rel=1e-12)


@LOSSES
@pytest.mark.parametrize("block_size", [0, -1, 2.0, "4", True])
def test_a_block_size_without_sense_is_refused(loss, block_size):
    inputs = inputs_of(loss, random_features(4, torch.float32), 10.0)
    with pytest.raises(ValueError, match="expected block_size to be None or a whole number"):
        loss(*inputs, block_size=block_size)


@LOSSES
def test_unequal_numbers_are_refused(loss):
    images, texts = random_features(6, torch.float32)
    with pytest.raises(ValueError, match=r"received \(6, 16\) and \(5, 16\)"):
        loss(*inputs_of(loss, (images, texts[:5]), 10.0), block_size=2)


# ── Half precision ────────────────────────────────────────────────────────────────────────────────


def assert_half_precision_is_computed_in_float32(loss, block_size, device):
    """bf16 features under autocast: exactly what float32 gives for the same numbers."""
    images, texts = (part.bfloat16() for part in random_features(40, torch.float32))
    scalars = [part.to(device) for part in inputs_of(loss, (images, texts), 100.0)[2:]]
    scalars = [part.float() for part in scalars]
    halves = [images.to(device), texts.to(device), *scalars]

    def under_autocast(*inputs):
        with torch.autocast(device, dtype=torch.bfloat16):
            return loss(*inputs, block_size=block_size)

    ours = value_and_gradients(under_autocast, *halves)
    wanted = value_and_gradients(loss, *(part.double().cpu() for part in halves))
    kinds = [torch.float32, torch.bfloat16, torch.bfloat16]
    assert [part.dtype for part in ours] == kinds + [torch.float32] * len(scalars)
    ours = [part.cpu() for part in ours]
    assert_close([ours[0], *ours[3:]], [wanted[0], *wanted[3:]], 1e-5)
    assert_close(ours[1:3], [part.bfloat16() for part in wanted[1:3]], 2**-8)
    again = value_and_gradients(under_autocast, *(part.float() for part in halves))
    assert_close([part.cpu() for part in again], wanted, 1e-5)


@LOSSES
@pytest.mark.parametrize("block_size", [None, 16])
def test_autocast_on_the_processor(loss, block_size):
    assert_half_precision_is_computed_in_float32(loss, block_size, "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, finds none")
@LOSSES
@pytest.mark.parametrize("block_size", [None, 16])
def test_autocast_on_a_gpu(loss, block_size):
    assert_half_precision_is_computed_in_float32(loss, block_size, "cuda")


# ── Memory ────────────────────────────────────────────────────────────────────────────────────────


def peak_bytes(run) -> int:
    """The most bytes of tensors that `run` held at once, from PyTorch's own allocator."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        kept = run()
    assert kept is not None
    events = sorted(record.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    held = np.cumsum([event.nbytes() for event in events if event.name() == "[memory]"])
    return int(held.max())


@LOSSES
def test_peak_memory_is_the_gradients_and_a_block(loss):
    """N = 2,048: gradients of 2 x 512 kB, a block of 64 kB; the whole matrix would be 16.8 MB."""
    n, dim, block_size = 2048, 64, 128
    inputs = inputs_of(loss, random_features(n, torch.float32, dim=dim), 14.3)
    leaves = [value.requires_grad_() for value in inputs]

    def run(block_size):
        return torch.autograd.grad(loss(*leaves, block_size=block_size), leaves)

    gradients, block, vector = 2 * n * dim * 4, block_size**2 * 4, n * 8
    assert peak_bytes(lambda: run(block_size)) < gradients + 4 * block + 16 * vector
    assert peak_bytes(lambda: run(None)) > n * n * 4
