"""Features kept on disk: computed once, never stale, never half, and never in the way."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.faults.places import files_of_at_most
from vizkit import zoo
from vizkit.zoo import cached_features, features

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def encoder():
    return zoo.load("pocket-vit")


@pytest.fixture
def calls(monkeypatch):
    """How often features were computed."""
    made = []

    def count(encoder, pictures, kind):
        made.append(kind)
        return compute(encoder, pictures, kind)

    compute = features.compute
    monkeypatch.setattr(features, "compute", count)
    return made


@pytest.mark.parametrize(("kind", "call"), [("image", "encode_image"), ("patches", "patch_tokens")])
def test_they_are_the_encoders_own_and_computed_once(encoder, calls, kind, call):
    expected = getattr(encoder, call)(PICTURES)
    first, again = (cached_features(encoder, PICTURES, kind) for _ in range(2))
    assert first.dtype == torch.float32
    torch.testing.assert_close(first, expected, rtol=0, atol=1e-6)
    assert torch.equal(first, again)
    assert calls == [kind]


def test_one_picture_in_any_form_is_the_same_picture(encoder, calls):
    one = cached_features(encoder, PICTURES[0])
    assert one.shape[0] == 1
    torch.testing.assert_close(one, encoder.encode_image(PICTURES[0]))
    for same in (Image.fromarray(PICTURES[0]), [PICTURES[0]], PICTURES[:1] / 255):
        assert torch.equal(cached_features(encoder, same), one)
    assert len(calls) == 1


def test_whatever_decides_them_has_a_file_of_its_own(encoder, calls, folder):
    cached_features(encoder, PICTURES)
    changed = PICTURES.copy()
    changed[2, 39, 55, 2] ^= 1
    cached_features(encoder, changed)
    cached_features(encoder, PICTURES[::-1])
    cached_features(encoder, PICTURES, "patches")
    cached_features(zoo.load("pocket-vit-patch"), PICTURES)
    with torch.no_grad():
        next(encoder.model.parameters()).flatten()[0] += 1e-3
    trained = cached_features(encoder, PICTURES)
    assert torch.equal(trained, encoder.encode_image(PICTURES))
    assert len(calls) == len(list(folder.iterdir())) == 6


def test_other_pixels_for_the_same_picture_are_other_features(encoder, calls, monkeypatch):
    cached_features(encoder, PICTURES)
    own = encoder.preprocess
    monkeypatch.setattr(encoder, "preprocess", lambda images: own(images) / 2)
    found = cached_features(encoder, PICTURES)
    torch.testing.assert_close(found, encoder.encode_image(PICTURES))
    assert len(calls) == 2


def test_a_model_with_a_hook_is_asked_every_time(encoder, folder):
    plain = cached_features(encoder, PICTURES)
    hook = encoder.image_tower.register_forward_hook(lambda module, given, out: out.flip(-1))
    hooked = cached_features(encoder, PICTURES)
    hook.remove()
    torch.testing.assert_close(hooked, plain.flip(-1))
    assert torch.equal(cached_features(encoder, PICTURES), plain)
    assert len(list(folder.iterdir())) == 1


def damage(path, how):
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[len(data) // 2 :]
    elif how == "one bit":
        data[-1] ^= 1
    elif how == "empty":
        data.clear()
    elif how == "another file":
        data[:] = b"<html>Not found</html>" * 9
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "one bit", "empty", "another file"])
def test_a_damaged_file_is_made_again(encoder, calls, folder, how):
    whole = cached_features(encoder, PICTURES)
    (path,) = folder.iterdir()
    damage(path, how)
    with pytest.warns(UserWarning, match=r"features-.* is damaged; its features are computed ag"):
        assert torch.equal(cached_features(encoder, PICTURES), whole)
    assert torch.equal(cached_features(encoder, PICTURES), whole)  # mended, and no warning
    assert len(calls) == 2


def test_a_full_disk_leaves_nothing_behind(encoder, calls, folder):
    folder.mkdir()
    expected = encoder.patch_tokens(PICTURES)
    with (
        files_of_at_most(100),
        pytest.warns(UserWarning, match="cannot keep features in .*VIZKIT_CACHE"),
    ):
        found = cached_features(encoder, PICTURES, "patches")
    torch.testing.assert_close(found, expected)
    assert list(folder.iterdir()) == []


def test_a_cache_that_cannot_be_written_still_gives(encoder, calls, folder, monkeypatch):
    kept = cached_features(encoder, PICTURES)

    def refuse(path, data):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(features, "write_whole", refuse)
    assert torch.equal(cached_features(encoder, PICTURES), kept)  # read, and no warning
    assert calls == ["image"]
    with pytest.warns(UserWarning, match=r"cannot keep features in .*Permission denied"):
        assert cached_features(encoder, PICTURES[:2]).shape[0] == 2


def test_a_user_without_a_home_folder(encoder, monkeypatch):
    def no_home():
        raise FileNotFoundError(2, "this user has no home folder")

    monkeypatch.setattr(features, "cache_folder", no_home)
    with pytest.warns(UserWarning, match="no home folder.*VIZKIT_CACHE"):
        assert len(cached_features(encoder, PICTURES)) == 3


def test_what_cannot_be_is_refused(encoder):
    with pytest.raises(ValueError, match='expected kind to be "image" or "patches"'):
        cached_features(encoder, PICTURES, "patch")
    with pytest.raises(TypeError, match="expected an encoder of the zoo, received str"):
        cached_features("pocket-vit", PICTURES)
    with pytest.raises(TypeError, match="no patch tokens"):
        cached_features(zoo.load("pocket-cnn"), PICTURES, "patches")
    with pytest.raises(ValueError, match="at least one picture"):
        cached_features(encoder, [])
