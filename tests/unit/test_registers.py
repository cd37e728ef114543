"""Neurons that move into a register: by hand on a tiny ViT, and no hook stays behind."""

import pytest
import timm
import torch

from vizkit.models.registers import block_tokens, neuron_excess, neuron_peaks, with_register


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    options = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 2}
    return timm.models.VisionTransformer(num_classes=0, **options).eval()


@pytest.fixture
def pixels():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def hooks(model):
    return [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks]


def test_tokens_of_every_block(model, pixels):
    tokens = block_tokens(model, pixels)
    assert tokens.shape == (3, 2, 16, 24)
    with torch.no_grad():
        last = model.forward_features(pixels)[:, 1:]
    assert torch.allclose(model.norm(tokens[-1]), last, atol=1e-5)


def test_excess_names_the_neuron_that_fires_there(model, pixels):
    seen = {}
    handle = model.blocks[1].mlp.act.register_forward_hook(lambda m, i, out: seen.update(out=out))
    with torch.no_grad():
        model.forward_features(pixels)
    handle.remove()
    chosen = torch.zeros(2, 16, dtype=torch.bool)
    chosen[0, 3] = chosen[1, 5] = True
    excess = neuron_excess(model, pixels, chosen, blocks=[1])
    fired = seen["out"][:, 1:]
    expected = (fired[0, 3, 7] + fired[1, 5, 7]) / 2 - fired[..., 7][~chosen].mean()
    assert excess[1, 7] == pytest.approx(expected.item(), abs=1e-6)
    assert len(excess) == 96
    assert not hooks(model)


def test_peaks_are_the_largest_activations_of_a_picture(model, pixels):
    seen = {}
    handle = model.blocks[2].mlp.act.register_forward_hook(lambda m, i, out: seen.update(out=out))
    peaks = neuron_peaks(model, pixels, blocks=[0, 2])
    handle.remove()
    fired = seen["out"][:, 1:, 5]  # without the class token
    assert peaks[2, 5] == pytest.approx((fired[0].max() + fired[1].max()).item() / 2, abs=1e-6)
    assert {block for block, _ in peaks} == {0, 2}
    assert not hooks(model)


def test_the_register_takes_the_largest_activation_and_the_patches_lose_it(model, pixels):
    seen = {}
    # After `with_register`'s own hook, which is registered inside of the call.
    after = with_register(model, pixels, [(1, 7), (1, 9)], behind=2)
    assert after.shape == (2, 18, 24)
    assert not hooks(model)
    plain = with_register(model, pixels, [], behind=1)
    original = model.blocks[1].mlp.fc2.register_forward_pre_hook(lambda m, i: seen.update(x=i[0]))
    moved = with_register(model, pixels, [(1, 7), (1, 9)], behind=1)
    fired = seen["x"]
    free = {}
    with_neurons = model.blocks[1].mlp.fc2.register_forward_pre_hook(
        lambda m, i: free.update(x=i[0])
    )
    with_register(model, pixels, [], behind=1)
    original.remove(), with_neurons.remove()
    assert (fired[:, 1:-1, [7, 9]] == 0).all()
    assert torch.allclose(fired[:, -1, 7], free["x"][:, 1:-1, 7].amax(1))
    assert torch.allclose(fired[:, 0], free["x"][:, 0])  # CLS keeps its own
    assert not torch.allclose(plain[:, 1:-1], moved[:, 1:-1])


def test_the_model_stays_as_it_is(model, pixels):
    with torch.no_grad():
        before = model.forward_features(pixels)
        with_register(model, pixels, [(0, 1)], behind=2)
        assert torch.equal(before, model.forward_features(pixels))
    assert not hooks(model)


def test_it_goes_on_from_a_block(model, pixels):
    whole = with_register(model, pixels, [(1, 7), (2, 3)], behind=2)
    entering = with_register(model, pixels, [], behind=0)
    assert torch.equal(with_register(model, entering, [(1, 7), (2, 3)], start=1, behind=2), whole)


@pytest.mark.parametrize("neurons", [[(0, 1)], [(1, 3), (2, 1)]])
def test_a_neuron_outside_of_the_blocks_is_refused(model, pixels, neurons):
    entering = with_register(model, pixels, [], behind=0)
    with pytest.raises(ValueError, match="expected neurons in blocks 1 to 1, received"):
        with_register(model, entering, neurons, start=1, behind=1)
    assert not hooks(model)
