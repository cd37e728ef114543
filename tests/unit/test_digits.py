"""The digits task of notebooks 01 and 05: what is learned, what is new, and who competes."""

import pytest
import torch

from vizkit.models import RESNET_TO_CONVNEXT, ConvNet, count_parameters
from vizkit.training import digits as task


def test_digits_are_enlarged_and_in_one_order():
    images, labels = task.digits()
    assert images.shape == (1797, 1, 16, 16)
    assert labels.shape == (1797,)
    assert images.min() >= -1
    assert images.max() <= 1
    assert labels.bincount().min() > 100  # shuffled digits of all ten kinds
    assert labels[:30].unique().numel() > 5


def test_no_digit_is_both_learned_and_new():
    assert task.TRAINING.stop == task.TEST.start
    assert task.RATE_TRAINING.stop == task.RATE_VALIDATION.start
    assert task.RATE_VALIDATION.stop == task.TRAINING.stop  # the test is never used for rates


def test_the_networks_are_of_like_size_and_none_starts_faded():
    images, _ = task.digits()
    for name, make in task.digit_networks().items():
        torch.manual_seed(0)
        model = make().train()
        assert 21_000 < count_parameters(model) < 23_000, name
        with torch.no_grad():
            assert model(images[:64]).std() > 0.25, name


def test_layer_scale_is_what_the_two_convnexts_differ_in():
    made = {name: make().state_dict().keys() for name, make in task.digit_networks().items()}
    extra = made["ConvNeXt"] - made["ConvNeXt, layer scale off"]
    assert extra
    assert all(name.endswith("scale") for name in extra)
    assert made["ConvNeXt, layer scale off"] < made["ConvNeXt"]


def small_network():
    return ConvNet(in_channels=1, width=2, depth=(1,), strides=(2,), num_classes=10)


def test_a_run_repeats_itself_and_measures_its_own_digits():
    first, again = (
        task.train_on_digits(small_network, n=20, seed=3, learning_rate=0.01, steps=8)
        for _ in range(2)
    )
    assert (first.test, first.train, first.late_gain) == (again.test, again.train, again.late_gain)
    assert 20 * first.train == pytest.approx(round(20 * first.train), abs=1e-4)  # of 20 digits
    assert 497 * first.test == pytest.approx(round(497 * first.test), abs=1e-3)
    rates = task.train_on_digits(
        small_network, n=20, seed=3, learning_rate=0.01, steps=8, choosing_rates=True
    )
    assert 300 * rates.test == pytest.approx(round(300 * rates.test), abs=1e-3)


def test_more_digits_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="from 1 to 1300"):
        task.train_on_digits(small_network, n=1301, seed=0, learning_rate=0.01)


def test_every_step_of_the_ladder_makes_a_network_of_its_block():
    sizes = {step: count_parameters(task.ladder_network(step)) for step in RESNET_TO_CONVNEXT}
    assert (
        sizes["depthwise convolution"] < sizes["ResNet bottleneck"] < sizes["inverted bottleneck"]
    )
    with pytest.raises(ValueError, match="step"):
        task.ladder_network("ResNet")
