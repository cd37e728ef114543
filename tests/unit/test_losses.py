"""The contrastive losses against open_clip and against their formulas in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.loss import ClipLoss, SigLipLoss

from tests.losses import TOLERANCE, assert_close, random_features, value_and_gradients
from vizkit.losses import info_nce, sigmoid_loss

DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float64", "float32"])


def info_nce_by_hand(images, texts, scale):
    """Value and gradients of InfoNCE in numpy: the gradient of a softmax is p - y."""
    n = len(images)
    logits = scale * images @ texts.T
    rows = np.exp(logits - logits.max(1, keepdims=True))
    rows /= rows.sum(1, keepdims=True)
    columns = np.exp(logits - logits.max(0, keepdims=True))
    columns /= columns.sum(0, keepdims=True)
    value = -(np.log(np.diag(rows)) + np.log(np.diag(columns))).mean() / 2
    slope = (rows + columns - 2 * np.eye(n)) / (2 * n)
    return (
        value,
        scale * slope @ texts,
        scale * slope.T @ images,
        (slope * (images @ texts.T)).sum(),
    )


def sigmoid_by_hand(images, texts, scale, bias):
    """Value and gradients of the sigmoid loss in numpy."""
    n = len(images)
    signs = 2 * np.eye(n) - 1
    margin = signs * (scale * images @ texts.T + bias)
    slope = -signs / (1 + np.exp(margin)) / n
    value = np.logaddexp(0, -margin).sum() / n
    cosine = images @ texts.T
    return (
        value,
        scale * slope @ texts,
        scale * slope.T @ images,
        (slope * cosine).sum(),
        slope.sum(),
    )


@DTYPES
@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
@pytest.mark.parametrize("n", [2, 3, 17])
def test_info_nce_equals_open_clip(n, scale, dtype):
    inputs = [*random_features(n, dtype), torch.tensor(scale, dtype=dtype)]
    ours = value_and_gradients(info_nce, *inputs)
    assert_close(ours, value_and_gradients(ClipLoss(), *inputs), TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (1.0, 0.0), (100.0, -16.0)])
@pytest.mark.parametrize("n", [1, 2, 17])
def test_sigmoid_loss_equals_open_clip(n, scale, bias, dtype):
    inputs = [*random_features(n, dtype), *torch.tensor([scale, bias], dtype=dtype)]
    ours = value_and_gradients(sigmoid_loss, *inputs)
    assert_close(ours, value_and_gradients(SigLipLoss(), *inputs), TOLERANCE[dtype])


@pytest.mark.parametrize("scale", [0.5, 14.3, 60.0])
def test_info_nce_equals_its_formula(scale):
    inputs = [*random_features(6, torch.float64), torch.tensor(scale, dtype=torch.float64)]
    ours = value_and_gradients(info_nce, *inputs)
    assert_close(ours, info_nce_by_hand(*(value.numpy() for value in inputs)), 1e-10)


@pytest.mark.parametrize("bias", [-10.0, 0.0, 3.0])
def test_sigmoid_loss_equals_its_formula(bias):
    scalars = torch.tensor([10.0, bias], dtype=torch.float64)
    inputs = [*random_features(6, torch.float64), *scalars]
    ours = value_and_gradients(sigmoid_loss, *inputs)
    assert_close(ours, sigmoid_by_hand(*(value.numpy() for value in inputs)), 1e-10)


@pytest.mark.parametrize("gap", [19.0, 20.5, 25.0, 60.0])
def test_info_nce_keeps_its_digits_when_the_pair_is_almost_ruled_out(gap):
    """Softplus of torch rounds to its argument above 20; the loss must not."""
    images = torch.eye(2, dtype=torch.float64)
    inputs = [images, images.flip(0), torch.tensor(gap, dtype=torch.float64)]
    ours = value_and_gradients(info_nce, *inputs)
    assert ours[0].item() == pytest.approx(gap + math.log1p(math.exp(-gap)), rel=1e-14)
    assert ours[3].item() == pytest.approx(1 / (1 + math.exp(-gap)), rel=1e-14)


@DTYPES
@pytest.mark.parametrize("wanted", [1e-4, 1e-9, 1e-20])
def test_info_nce_keeps_its_digits_when_the_pair_is_almost_certain(wanted, dtype):
    """Orthogonal pairs at scale s: the loss is log(1 + exp(-s)), about exp(-s)."""
    scale = torch.tensor(-math.log(wanted), dtype=dtype)
    value, _, _, slope = value_and_gradients(
        info_nce, torch.eye(2, dtype=dtype), torch.eye(2, dtype=dtype), scale
    )
    assert value.item() == pytest.approx(math.log1p(wanted), rel=1e-4)
    assert slope.item() == pytest.approx(-wanted / (1 + wanted), rel=1e-4)


@DTYPES
@pytest.mark.parametrize("n", [2, 5, 64])
def test_equal_features_are_at_chance(n, dtype):
    """When all pictures and all sentences are the same, the loss is log N."""
    same = torch.ones(n, 4, dtype=dtype) / 2
    value, *gradients = value_and_gradients(info_nce, same, same, torch.tensor(100.0, dtype=dtype))
    assert value.item() == pytest.approx(math.log(n), abs=100 * torch.finfo(dtype).eps)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_one_of_two_duplicates_is_a_coin_toss():
    images, texts = (torch.tensor([[1.0, 0], [1, 0], [0, 1]], dtype=torch.float64),) * 2
    value = info_nce(images, texts, 100.0)
    assert value.item() == pytest.approx(2 / 3 * math.log(2), rel=1e-12)


@DTYPES
def test_a_single_pair_has_nothing_to_choose(dtype):
    """With N = 1 the loss is 0 and every gradient is 0, not NaN."""
    inputs = [*random_features(1, dtype), torch.tensor(14.3, dtype=dtype)]
    result = value_and_gradients(info_nce, *inputs)
    assert [value.shape for value in result] == [(), (1, 16), (1, 16), ()]
    assert all((value == 0).all() for value in result)


def test_a_plain_number_serves_as_scale_and_bias():
    images, texts = random_features(4, torch.float64)
    tensors = torch.tensor([7.0, -3.0], dtype=torch.float64)
    assert info_nce(images, texts, 7.0) == info_nce(images, texts, tensors[0])
    assert sigmoid_loss(images, texts, 7.0, -3.0) == sigmoid_loss(images, texts, *tensors)


def test_swapping_pictures_and_sentences_changes_nothing():
    images, texts = random_features(9, torch.float64)
    for loss, scalars in ((info_nce, (20.0,)), (sigmoid_loss, (10.0, -5.0))):
        one, other = loss(images, texts, *scalars), loss(texts, images, *scalars)
        assert one.item() == pytest.approx(other.item(), rel=1e-12)


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (2, 4)),
        ((3, 4), (3, 5)),
        ((4,), (4,)),
        ((0, 4), (0, 4)),
        ((3, 0), (3, 0)),
        ((2, 3, 4), (2, 3, 4)),
        ((3, 4), (4,)),
        ((), ()),
    ],
    ids=str,
)
def test_shapes_that_do_not_match_are_refused(shapes):
    features = [torch.zeros(shape) for shape in shapes]
    for loss, scalars in ((info_nce, (1.0,)), (sigmoid_loss, (1.0, 0.0))):
        with pytest.raises(ValueError, match=r"one shape \(N, D\)") as caught:
            loss(*features, *scalars)
        assert str(shapes[0]) in str(caught.value)
        assert str(shapes[1]) in str(caught.value)


SHAPE = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@settings(deadline=None, max_examples=60)
@given(first=SHAPE, second=SHAPE)
def test_any_two_shapes_give_a_number_or_a_clear_error(first, second):
    images, texts = torch.full(first, 0.5), torch.full(second, 0.5)
    fits = first == second and len(first) == 2 and 0 not in first
    for loss, scalars in ((info_nce, (1.0,)), (sigmoid_loss, (1.0, 0.0))):
        if fits:
            assert torch.isfinite(loss(images, texts, *scalars))
        else:
            with pytest.raises(ValueError, match="expected image_features"):
                loss(images, texts, *scalars)
