"""Photographs that come with the installation, and those of the learner's own folder."""

import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from vizkit.data import photos

RED, BLUE = (255, 0, 0), (0, 0, 255)
BY_SKLEARN = {"china", "flower"}


def test_photographs_come_credited():
    found = photos()
    assert [photo.name for photo in found[:6]] == [
        "chelsea",
        "coffee",
        "astronaut",
        "rocket",
        "china",
        "flower",
    ]
    assert len(found) == len({photo.name for photo in found}) == 15
    for photo in found:
        assert photo.image.dtype == np.uint8
        assert photo.image.ndim == 3
        assert photo.image.shape[2] == 3
        assert min(photo.image.shape[:2]) >= 300
        assert photo.image.std() > 8
        assert photo.credit
        assert photo.license
        assert photo.caption.startswith(f"{photo.name}: {photo.credit}, {photo.license}, from sk")
    assert [photo.name for photo in photos(["coffee"])] == ["coffee"]
    assert [photo.name for photo in photos("camera")] == ["camera"]
    with pytest.raises(ValueError, match="photo 'lena' is not among chelsea"):
        photos(["lena"])


@pytest.mark.parametrize(
    "photo", [one for one in photos() if one.name not in BY_SKLEARN], ids=lambda one: one.name
)
def test_the_licence_is_the_one_that_scikit_image_states(photo):
    assert photo.source == "skimage.data"
    stated = " ".join(getattr(skimage.data, photo.name).__doc__.split())
    words = {
        "CC0": ("CC0", "Creative Commons CC0"),
        "public domain": ("public domain",),
        "no known copyright restrictions": ("No known copyright restrictions",),
    }
    assert any(word in stated for word in words[photo.license])
    # Every longer word of the credit stands there, but for accents ("Stefan").
    long_words = re.findall(r"\w{5,}", bare(photo.credit))
    assert long_words
    assert all(word in bare(stated) for word in long_words)


def bare(text):
    """A text without accents."""
    return "".join(one for one in unicodedata.normalize("NFD", text) if one.isascii())


def test_no_photograph_is_downloaded(tmp_path):
    """In a process that can reach no network and has no library to download with."""
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('the network is asked')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "sys.modules['pooch'] = None\n"
        "from vizkit.data import photos\n"
        "print(len(photos()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "15\n", done.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "holidays").mkdir()
    Image.new("RGB", (30, 20), RED).save(tmp_path / "cat.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    Image.new("RGB", (40, 20), BLUE).save(tmp_path / "holidays" / "beach.jpg", exif=exif)
    return tmp_path


def test_a_folder_of_your_own(folder):
    cat, beach = photos(folder=folder)
    assert (cat.name, beach.name) == ("cat.png", "holidays/beach.jpg")
    assert cat.image.shape == (20, 30, 3)
    assert cat.image[0, 0].tolist() == [255, 0, 0]
    assert beach.image.shape == (40, 20, 3)  # turned upright
    assert cat.caption == f"cat.png: your own, from {folder}"
    assert [one.name for one in photos("holidays/beach.jpg", folder=str(folder))] == [
        "holidays/beach.jpg"
    ]
    with pytest.raises(ValueError, match=r"'dog.png' is not among the files of .*: cat\.png, hol"):
        photos(["dog.png"], folder=folder)


def test_what_is_no_picture_is_left_out_aloud(folder):
    (folder / "letter.txt").write_text("Dear Jenny")
    (folder / "cut.png").write_bytes((folder / "cat.png").read_bytes()[:60])
    with pytest.warns(UserWarning, match=r"left out of .*cut\.png \(.*letter\.txt \(Unident"):
        assert len(photos(folder=folder)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [({}, "it is empty"), ({"a.jpg": b"no jpeg"}, r"a\.jpg \(UnidentifiedImageError")],
    ids=["empty", "damaged"],
)
def test_a_folder_without_a_picture_is_refused(tmp_path, content, message):
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"no picture in .* can be read: {message}"):
        photos(folder=tmp_path)


@pytest.mark.parametrize("wrong", ["nowhere", "", " ", Path("nowhere")])
def test_a_folder_that_is_not_there(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        photos(folder=wrong)


def test_a_file_is_no_folder(folder):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        photos(folder=folder / "cat.png")


@pytest.mark.parametrize("wrong", [3, True, b"folder", ["a"]])
def test_what_is_no_path_is_refused(wrong):
    with pytest.raises(TypeError, match="expected folder to be the path of a folder"):
        photos(folder=wrong)
