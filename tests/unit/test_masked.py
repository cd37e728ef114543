"""The masked autoencoder: what is hidden is not seen, and the loss is taken where it was hidden."""

import pytest
import torch

from vizkit.models.masked import MaskedAutoencoder, random_mask
from vizkit.models.patches import patchify, unpatchify
from vizkit.training.masked import evaluate_masked, hidden_error, paint_local, train_masked


@pytest.fixture
def pixels():
    return torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def mask(batch, share, seed=0):
    return random_mask(batch, 64, share, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.25, 16), (0.75, 48), (0.999, 63)])
def test_every_picture_hides_the_same_number_of_patches(share, count):
    hidden = mask(50, share)
    assert (hidden.sum(1) == count).all()


def test_masks_are_random():
    hidden = mask(4000, 0.75).float()
    assert (hidden.mean(0) - 0.75).abs().max() < 0.04  # each patch is hidden as often
    assert not torch.equal(hidden, mask(4000, 0.75, seed=1).float())


@pytest.mark.parametrize("share", [-0.1, 1, True])
def test_a_share_that_makes_no_sense_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        mask(2, share)


def test_hidden_patches_are_never_seen(pixels):
    model, hidden = MaskedAutoencoder().eval(), mask(6, 0.5)
    patches = patchify(pixels, 4)
    other = torch.where(hidden[..., None], torch.rand_like(patches), patches)
    other = unpatchify(other, 4, (8, 8))
    with torch.no_grad():
        assert torch.allclose(model(pixels, hidden), model(other, hidden), atol=1e-6)
        assert not torch.allclose(model(pixels, hidden), model(pixels.flip(0), hidden), atol=1e-3)


def test_each_visible_token_comes_back_to_its_own_place(pixels):
    """Against a loop over pictures and patches that knows nothing of boolean indexing."""
    model, hidden = MaskedAutoencoder().eval(), mask(6, 0.75)
    with torch.no_grad():
        together = model(pixels, hidden)
        for b in range(6):
            places = [n for n in range(64) if not hidden[b, n]]
            tokens = model.embed(4 * (patchify(pixels[b : b + 1], 4) - 0.5)) + model.places
            tokens = tokens[:, places]
            for block in model.blocks:
                tokens = block(tokens)
            seen = model.to_decoder(model.norm(tokens))[0]
            full = torch.stack(
                [seen[places.index(n)] if n in places else model.mask_token for n in range(64)]
            )[None]
            full = full + model.decoder_places
            for block in model.decoder:
                full = block(full)
            alone = model.to_pixels(model.decoder_norm(full))
            assert torch.allclose(together[b], alone[0], atol=1e-5)


def test_the_error_counts_hidden_patches_alone():
    patches, hidden = torch.zeros(1, 4, 2), torch.tensor([[True, False, True, False]])
    rebuilt = torch.tensor([[[1.0, 1.0], [9.0, 9.0], [2.0, 0.0], [9.0, 9.0]]])
    assert hidden_error(rebuilt, patches, hidden).item() == pytest.approx((1 + 1 + 4 + 0) / 4)


def test_the_picture_keeps_what_was_visible(pixels):
    model, hidden = MaskedAutoencoder().eval(), mask(6, 0.5)
    with torch.no_grad():
        shown = patchify(model.picture(pixels, hidden), 4)
    assert torch.equal(shown[~hidden], patchify(pixels, 4)[~hidden])


def test_the_painter_uses_visible_colours_the_nearest_first():
    patches = torch.zeros(1, 16, 12)
    patches[0, :, :] = torch.arange(16.0)[:, None]
    hidden = torch.zeros(1, 16, dtype=torch.bool)
    hidden[0, 5] = True
    painted = paint_local(patches, hidden, (4, 4))[0, 5, 0]
    assert painted == pytest.approx(5, abs=0.6)  # its neighbours 1, 4, 6 and 9 have the mean 5
    assert paint_local(patches, hidden, (4, 4), fade=9.0)[0, 5, 0] == pytest.approx(5, abs=0.1)
    patches[0, 5] = 1000
    assert paint_local(patches, hidden, (4, 4))[0, 5, 0] == painted


def test_training_lowers_the_error(pixels):
    model, history = train_masked(pixels, 0.5, 0, steps=25)
    assert history.loss[-1] < history.loss[0] * 0.7
    before = evaluate_masked(MaskedAutoencoder().eval(), pixels, 0.5)
    assert evaluate_masked(model, pixels, 0.5)["error"] < before["error"]
