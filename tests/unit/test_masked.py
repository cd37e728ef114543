"""The masked autoencoder: what is hidden is not seen, and the loss is taken where it was hidden."""

import pytest
import torch

from vizkit.models.masked import MaskedAutoencoder, random_mask
from vizkit.models.patches import patchify, unpatchify
from vizkit.training.masked import (
    TEST_DRAW,
    evaluate_masked,
    hidden_error,
    paint_smooth,
    train_masked,
)


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


def test_the_painter_is_the_mean_of_four_neighbours_round_by_round(pixels):
    """Against a loop over pixels that knows nothing of padding."""
    pixels, hidden = pixels[:2, :, :8, :8], torch.tensor([[1, 0, 1, 1], [0, 1, 0, 0]]).bool()
    painted = paint_smooth(pixels, hidden, patch=4, rounds=3)
    for b in range(2):
        covered = [(y, x) for y in range(8) for x in range(8) if hidden[b, 2 * (y // 4) + x // 4]]
        seen = [(y, x) for y in range(8) for x in range(8) if (y, x) not in covered]
        picture = pixels[b].clone()
        for y, x in covered:
            picture[:, y, x] = torch.stack([pixels[b, :, v, u] for v, u in seen]).mean(0)
        for _ in range(3):
            before = picture.clone()
            for y, x in covered:
                around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                inside = [(min(max(v, 0), 7), min(max(u, 0), 7)) for v, u in around]
                picture[:, y, x] = sum(before[:, v, u] for v, u in inside) / 4
        assert torch.allclose(painted[b], picture, atol=1e-6)


def test_the_painter_continues_a_ramp_exactly():
    """A plane has no other smooth continuation inside: hidden patches come back as they were."""
    ramp = torch.linspace(0, 1, 32)[None, None, None].repeat(1, 3, 32, 1)
    hidden = torch.zeros(1, 64, dtype=torch.bool)
    hidden[0, [18, 19, 45]] = True
    assert torch.allclose(paint_smooth(ramp, hidden), ramp, atol=1e-4)


def test_the_painter_never_sees_what_is_hidden_and_keeps_the_rest(pixels):
    hidden = mask(6, 0.75)
    cover = hidden.view(6, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    painted = paint_smooth(pixels, hidden)
    assert torch.equal(painted, paint_smooth(pixels.masked_fill(cover, 9.0), hidden))
    assert torch.equal(painted.masked_fill(cover, 0), pixels.masked_fill(cover, 0))


def test_training_lowers_the_error(pixels):
    model, history = train_masked(pixels, 0.5, 0, steps=25)
    assert history.loss[-1] < history.loss[0] * 0.7
    before = evaluate_masked(MaskedAutoencoder().eval(), pixels, 0.5)
    assert evaluate_masked(model, pixels, 0.5)["error"] < before["error"]


def test_the_painter_is_scored_picture_by_picture(pixels):
    model, hidden = (
        MaskedAutoencoder().eval(),
        random_mask(6, 64, 0.75, torch.Generator().manual_seed(TEST_DRAW)),
    )
    found = evaluate_masked(model, pixels, 0.75)
    painted, patches = patchify(paint_smooth(pixels, hidden), 4), patchify(pixels, 4)
    assert found["painter"] == pytest.approx(
        hidden_error(painted, patches, hidden).item(), rel=1e-5
    )
    alone = [hidden_error(painted[[i]], patches[[i]], hidden[[i]]).item() for i in range(6)]
    assert found["painter ±"] == pytest.approx(torch.tensor(alone).std().item() / 6**0.5, rel=1e-4)
