"""A folder of ordinary files: the good ones as a viewer shows them, the bad ones named."""

import json
import unicodedata
import warnings

import numpy as np
import pytest
from PIL import Image

from vizkit.data import pairs
from vizkit.inputs import upright_rgb

RED, WHITE, BLUE = (255, 0, 0), (255, 255, 255), (0, 0, 255)
# What stands in the upper left and the lower right quarter of each picture when seen upright.
SEEN = {
    "camera.jpg": (RED, WHITE),
    "holes.png": (RED, WHITE),
    "palette with holes.png": (RED, WHITE),
    "x-ray 16 bit.png": ((64, 64, 64), (191, 191, 191)),
    "scan 16 bit.tiff": ((64, 64, 64), (191, 191, 191)),
    "print.jpg": (RED, WHITE),
    "film.gif": (RED, WHITE),
    "고양이 사진 1.png": (RED, WHITE),
    "below/plain.webp": (RED, WHITE),
}
BAD = {
    "cut.jpg": "OSError",
    "cut.png": "",
    "letter.png": "UnidentifiedImageError",
    "empty.jpg": "UnidentifiedImageError",
}


def quarters(upper_left, lower_right, mode="RGB", background=WHITE):
    """A picture of 64 by 64 pixels with two coloured quarters."""
    picture = Image.new(mode, (64, 64), background)
    picture.paste(upper_left, (0, 0, 32, 32))
    picture.paste(lower_right, (32, 32, 64, 64))
    return picture


@pytest.fixture
def folder(tmp_path):
    """One file of each kind that a learner's folder may hold, good and bad."""
    (tmp_path / "below").mkdir()
    plain = quarters(RED, WHITE)
    # Stored lying on its side: orientation 6 says, turn me by 90 degrees clockwise.
    exif = Image.Exif()
    exif[0x0112] = 6
    plain.rotate(90).save(tmp_path / "camera.jpg", exif=exif, quality=95)
    see_through = quarters((*RED, 255), (0, 0, 0, 0), "RGBA", (0, 0, 0, 0))
    see_through.save(tmp_path / "holes.png")
    indexed = Image.new("P", (64, 64), 1)
    indexed.putpalette([*RED, *BLUE])
    indexed.paste(0, (0, 0, 32, 32))
    indexed.save(tmp_path / "palette with holes.png", transparency=1)
    shades = np.full((64, 64), 65535, np.uint16)
    shades[:32, :32], shades[32:, 32:] = 64 * 257, 191 * 257
    Image.fromarray(shades).save(tmp_path / "x-ray 16 bit.png")
    Image.fromarray(shades).save(tmp_path / "scan 16 bit.tiff")
    quarters((0, 255, 255, 0), (0, 0, 0, 0), "CMYK", (0, 0, 0, 0)).save(
        tmp_path / "print.jpg", quality=95
    )
    others = [Image.new("RGB", (64, 64), color) for color in (BLUE, WHITE)]
    plain.save(tmp_path / "film.gif", save_all=True, append_images=others)
    plain.save(tmp_path / "고양이 사진 1.png")
    plain.save(tmp_path / "below" / "plain.webp", lossless=True)
    random = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for name in ("cut.jpg", "cut.png"):
        Image.fromarray(random).save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    (tmp_path / "letter.png").write_text("Dear reader, I am no picture.")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / ".DS_Store").write_bytes(b"hidden")
    return tmp_path


def write_metadata(folder, names):
    lines = [json.dumps({"file_name": name, "caption": f"this is {name}"}) for name in names]
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")


def assert_seen(picture, name):
    upper_left, lower_right = SEEN[name]
    tolerance = 12 if name.endswith(".jpg") else 1
    for place, color in (((16, 16), upper_left), ((48, 48), lower_right)):
        assert np.abs(picture[place].astype(int) - color).max() <= tolerance, (name, place)
    if name == "camera.jpg":  # the other quarters, too: neither mirrored nor turned twice
        assert picture[16, 48].min() > 240
        assert picture[48, 16].min() > 240


def test_every_good_file_is_read_as_a_viewer_shows_it(folder):
    write_metadata(folder, SEEN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine = pairs(folder, image_size=64)
    assert mine.problems == []
    assert mine.captions == [f"this is {name}" for name in SEEN]
    for picture, name in zip(mine.images(), SEEN, strict=True):
        assert_seen(picture, name)


def test_bad_files_are_named_with_the_reason_and_the_good_ones_load(folder):
    write_metadata(folder, [*BAD, *SEEN])
    with pytest.warns(UserWarning, match=f"{len(BAD)} of {len(BAD) + len(SEEN)} pairs") as caught:
        mine = pairs(folder, image_size=64)
    assert len(mine) == len(SEEN)
    assert [name for name, _ in mine.problems] == list(BAD)
    for name, reason in mine.problems:
        assert reason.startswith(BAD[name])
        assert name in str(caught[0].message)
        assert reason in str(caught[0].message)
        assert str(folder) not in reason
    for picture, name in zip(mine.images(), SEEN, strict=True):
        assert_seen(picture, name)


def test_a_folder_without_captions_takes_the_names_of_its_files(folder):
    with pytest.raises(FileNotFoundError, match='caption_column="file_name"'):
        pairs(folder)
    with pytest.warns(UserWarning, match="left out"):
        mine = pairs(folder, image_size=64, caption_column="file_name")
    assert {name for name, _ in mine.problems} == set(BAD)
    captions = {name.replace("/", " ").rpartition(".")[0]: name for name in SEEN}
    assert sorted(mine.captions) == sorted(captions)
    for picture, caption in zip(mine.images(), mine.captions, strict=True):
        assert_seen(picture, captions[caption])
    assert len(pairs(folder, n=2, caption_column="file_name")) == 2


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_both_spellings_of_a_korean_name_are_found(tmp_path, on_disk):
    name = "고양이 café.png"
    Image.new("RGB", (20, 20), RED).save(tmp_path / unicodedata.normalize(on_disk, name))
    for in_metadata in ("NFC", "NFD"):
        write_metadata(tmp_path, [unicodedata.normalize(in_metadata, name)])
        assert len(pairs(tmp_path)) == 1
    mine = pairs(tmp_path, caption_column="file_name")
    assert mine.captions == [unicodedata.normalize("NFC", "고양이 café")]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_camera_is_turned_upright(orientation, tmp_path):
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :20], upright[20:, 40:] = RED, BLUE
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL.Image.Transpose
    stored = Image.fromarray(upright)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "picture.png", exif=exif)
    with Image.open(tmp_path / "picture.png") as opened:
        np.testing.assert_array_equal(np.asarray(upright_rgb(opened)), upright)


def test_half_transparent_is_half_white():
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert upright_rgb(picture).getpixel((0, 0)) == (255, 127, 127)


def test_shades_of_16_bits_are_rounded_not_cut():
    shades = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    found = np.asarray(upright_rgb(Image.fromarray(shades)))[..., 0]
    np.testing.assert_array_equal(found, np.rint(shades / 257).astype(np.uint8))
