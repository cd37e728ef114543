"""VIZKIT_DEVICE decides; otherwise the fastest device that is there."""

import pytest
import torch

from vizkit.device import default_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend that this machine has that many CUDA devices, and MPS or not."""

    def pretend(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(0, False, "cpu"), (1, False, "cuda"), (0, True, "mps"), (1, True, "cuda")],
)
def test_without_a_wish_the_fastest_device(machine, monkeypatch, cuda, mps, expected):
    machine(cuda, mps)
    for unset in (None, "", "  "):
        if unset is None:
            monkeypatch.delenv("VIZKIT_DEVICE", raising=False)
        else:
            monkeypatch.setenv("VIZKIT_DEVICE", unset)
        assert default_device() == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_a_wish_is_followed(machine, monkeypatch, name):
    machine(cuda=2, mps=True)
    monkeypatch.setenv("VIZKIT_DEVICE", name)
    assert default_device() == torch.device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "meta", "cpu cuda", "xla"])
def test_a_name_that_is_no_device_is_refused(machine, monkeypatch, name):
    machine(cuda=1)
    monkeypatch.setenv("VIZKIT_DEVICE", name)
    with pytest.raises(ValueError, match=rf"expected VIZKIT_DEVICE to be cpu.*{name}"):
        default_device()


@pytest.mark.parametrize(("name", "missing"), [("cuda", "cuda"), ("mps", "mps")])
def test_a_device_that_is_not_there_is_refused(machine, monkeypatch, name, missing):
    machine()
    monkeypatch.setenv("VIZKIT_DEVICE", name)
    with pytest.raises(ValueError, match=f"asks for '{name}', but torch finds no {missing}"):
        default_device()


def test_a_cuda_number_too_high_is_refused(machine, monkeypatch):
    machine(cuda=2)
    monkeypatch.setenv("VIZKIT_DEVICE", "cuda:2")
    with pytest.raises(ValueError, match="finds 2 cuda device"):
        default_device()
