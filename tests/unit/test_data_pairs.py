"""One interface for pairs from the drawn world, a folder and the hub; photographs without a network."""

import json
import os
import socket
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vizkit.data import pairs, render, sample_scenes, write_captions


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments, **_):
        raise OSError("the network is blocked in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def folder(tmp_path):
    """Three good pictures of several kinds, with captions."""
    Image.new("RGB", (80, 40), (200, 30, 30)).save(tmp_path / "wide.jpg")
    Image.new("L", (30, 90), 128).save(tmp_path / "tall gray.png")
    # Upper half blue as stored; the EXIF orientation 6 turns it so that the right half is blue.
    turned = Image.new("RGB", (64, 64), (255, 255, 255))
    turned.paste((0, 0, 255), (0, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    write_metadata(
        tmp_path,
        {"file_name": "wide.jpg", "caption": "a red <b>field</b>"},
        {"file_name": "tall gray.png", "caption": "회색 탑"},
        {"file_name": "turned.png", "caption": ["blue on the right", "another"]},
    )
    return tmp_path


def write_metadata(folder, *records):
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")


def add_metadata(folder, *records):
    old = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    write_metadata(folder, *old, *records)


def test_scenes_come_with_their_captions_and_truth(tmp_path):
    world = pairs("scenes", n=50, seed=2, image_size=32, noise=0.2, cache_dir=tmp_path)
    table = sample_scenes(50, 2)
    assert len(world) == len(world.dataset) == 50
    np.testing.assert_array_equal(world.images(), render(table, 32))
    np.testing.assert_array_equal(world.images([4, 1]), render(table[[4, 1]], 32))
    np.testing.assert_array_equal(world.images(slice(3, 5)), render(table[3:5], 32))
    assert world.captions == write_captions(table, 2, noise=0.2)
    assert world.caption_is_noise.sum() == 10
    np.testing.assert_array_equal(world.table.center, table.center)
    image, caption = next(iter(world))
    assert (image.size, caption) == ((32, 32), world.captions[0])


def test_batches_visit_every_pair_once_in_seeded_order(tmp_path):
    world = pairs("scenes", n=50, image_size=16, cache_dir=tmp_path)
    whole = world.images()
    seen = []
    for images, captions in world.batches(16, seed=3, drop_last=False):
        assert len(images) == len(captions)
        for image, caption in zip(images, captions, strict=True):
            (index,) = np.flatnonzero((whole == image).all(axis=(1, 2, 3)))
            assert world.captions[index] == caption
            seen.append(int(index))
    assert sorted(seen) == list(range(50))
    assert seen != sorted(seen)
    assert len(list(world.batches(16))) == 3
    first = [captions for _, captions in world.batches(16, seed=3)]
    assert first == [captions for _, captions in world.batches(16, seed=3)]
    assert first != [captions for _, captions in world.batches(16, seed=4)]


@pytest.mark.parametrize("batch_size", [0, 51])
def test_an_impossible_batch_size_is_refused_at_once(tmp_path, batch_size):
    world = pairs("scenes", n=50, image_size=16, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="batch_size must be an integer from 1 to 50"):
        world.batches(batch_size)


def test_a_folder_is_read_offline_and_upright(folder):
    mine = pairs(folder, image_size=64)
    assert mine.captions == ["a red <b>field</b>", "회색 탑", "blue on the right"]
    assert mine.problems == []
    images = mine.images()
    assert images.shape == (3, 64, 64, 3)
    assert np.abs(images[0].astype(int) - (200, 30, 30)).max() < 8
    assert (images[1] == 128).all()
    np.testing.assert_array_equal(images[2, 32, [5, 60]], [[255, 255, 255], [0, 0, 255]])
    assert mine.dataset[0]["image"].size == (80, 40)
    assert len(pairs(str(folder), n=2)) == 2


def test_bad_files_are_named_with_a_reason_and_the_rest_loads(folder):
    (folder / "text.png").write_text("not a picture")
    whole = (folder / "wide.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    add_metadata(
        folder,
        {"file_name": "text.png", "caption": "x"},
        {"file_name": "cut.jpg", "caption": "x"},
        {"file_name": "missing.png", "caption": "x"},
        {"file_name": "../outside.png", "caption": "x"},
        {"file_name": "wide.jpg", "caption": "  "},
        {"caption": "no name"},
        "{not json",
    )
    with pytest.warns(UserWarning, match="7 of 10 pairs .* left out: .*text.png"):
        mine = pairs(folder)
    assert len(mine) == 3
    reasons = dict(mine.problems)
    assert "UnidentifiedImageError" in reasons["text.png"]
    assert "OSError" in reasons["cut.jpg"]
    assert reasons["missing.png"] == "no such file, or its folder cannot be opened"
    assert reasons["../outside.png"] == "lies outside the folder"
    assert reasons["wide.jpg"] == 'no text under "caption"'
    assert reasons["metadata.jsonl line 9"] == 'no "file_name"'
    assert reasons["metadata.jsonl line 10"].startswith("not JSON")


def test_a_folder_that_cannot_serve_says_why(folder, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        pairs(folder / "nowhere")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        pairs("./nowhere")
    with pytest.raises(FileNotFoundError, match=r"has no metadata.csv or .* Write one line"):
        pairs(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match='no line has a caption under "title"'):
        pairs(folder, caption_column="title")
    with pytest.raises(TypeError, match="'styles' is an option of pairs"):
        pairs(folder, styles="flat")
    write_metadata(folder, {"file_name": "wide.jpg", "label": 3})
    with pytest.raises(ValueError, match='no column "caption" or "text", only file_name, label'):
        pairs(folder)
    write_metadata(folder, {"file_name": "gone.jpg", "text": "x"})
    with pytest.raises(ValueError, match=r"no usable pair in .*gone.jpg \(no such file"):
        pairs(folder)


def test_another_caption_column_can_be_named(folder):
    write_metadata(folder, {"file_name": "wide.jpg", "title": "red"})
    assert pairs(folder, caption_column="title").captions == ["red"]


def test_the_hub_without_a_network_says_what_to_do(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match=r"cannot load .*Without a network use"):
        pairs("someone/pictures-with-captions")


def hub_snapshot(root):
    """What `huggingface_hub.snapshot_download` leaves: links into the blobs of the repository."""
    blobs = root / "datasets--me--cats" / "blobs"
    snapshot = root / "datasets--me--cats" / "snapshots" / "0123abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    lines = []
    for index in range(3):
        Image.new("RGB", (32, 32), (80 * index, 0, 0)).save(blobs / f"digest{index}", format="PNG")
        (snapshot / f"{index}.png").symlink_to(f"../../blobs/digest{index}")
        lines.append(json.dumps({"file_name": f"{index}.png", "caption": f"cat {index}"}))
    (blobs / "digest").write_text("\n".join(lines))
    (snapshot / "metadata.jsonl").symlink_to("../../blobs/digest")
    return snapshot


def test_a_snapshot_of_the_hub_is_read_through_its_links(tmp_path):
    """Case 09: every picture was refused, because its link leads out of the folder."""
    found = pairs(hub_snapshot(tmp_path), image_size=32)
    assert found.captions == ["cat 0", "cat 1", "cat 2"]
    assert found.images()[:, 0, 0, 0].tolist() == [0, 80, 160]
    assert found.problems == []


def test_a_link_out_of_the_cache_of_its_own_data_set_is_refused(tmp_path):
    snapshot = hub_snapshot(tmp_path)
    other = tmp_path / "datasets--you--secret" / "blobs"
    other.mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(other / "private", format="PNG")
    (snapshot / "2.png").unlink()
    (snapshot / "2.png").symlink_to(other / "private")
    with pytest.warns(UserWarning, match="lies outside the folder"):
        found = pairs(snapshot, image_size=32)
    assert [name for name, _ in found.problems] == ["2.png"]
    plain = tmp_path / "plain" / "snapshots" / "x"  # no repository of the hub
    plain.mkdir(parents=True)
    (tmp_path / "plain" / "blobs").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "plain" / "blobs" / "a", format="PNG")
    (plain / "a.png").symlink_to("../../blobs/a")
    with pytest.raises(ValueError, match="lies outside the folder"):
        pairs(plain, caption_column="file_name")


def test_odd_files_are_named_with_a_reason_and_the_rest_loads(tmp_path, monkeypatch):
    Image.new("RGB", (32, 32)).save(tmp_path / "good.png")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    try:
        Image.new("RGB", (32, 32)).save(os.fsencode(tmp_path) + b"/bad\xff.jpg", format="JPEG")
    except OSError:
        pytest.skip("this disk takes no names that are not UTF-8")
    Image.new("RGB", (50, 60)).save(tmp_path / "panorama.png")
    Image.new("RGB", (51, 60)).save(tmp_path / "telephone.png")  # of which Pillow warns
    Image.new("RGB", (90, 90)).save(tmp_path / "poster.png")  # which Pillow refuses
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = pairs(tmp_path, caption_column="file_name", image_size=32)
        assert found.images().shape == (2, 32, 32, 3)
    assert sorted(found.captions) == ["good", "panorama"]
    assert dict(found.problems) == {
        "bad\\udcff.jpg": "its name is not UTF-8: rename it",
        "phone.heic": "HEIC is not read here: save it as JPEG",
        "poster.png": "more than 0 megapixels: make it smaller",
        "telephone.png": "more than 0 megapixels: make it smaller",
    }
    assert [type(one.message) for one in told] == [UserWarning]


def write_blank_png(path: Path, width: int, height: int) -> None:
    """A gray RGB picture of any size, written in strips."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer, line = zlib.compressobj(1), b"\0" + b"\x80" * 3 * width
    pixels = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


# How many MB more a process of its own needs for a folder than before it read one with a small picture.
READ = """
import json, resource, sys, warnings
from vizkit.data import pairs, photos
warnings.simplefilter("ignore")
unit = 1e6 if sys.platform == "darwin" else 1e3
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
pairs(sys.argv[1], caption_column="file_name", image_size=32).images()
before = peak()
found = pairs(sys.argv[2], caption_column="file_name", image_size=32)
pictures, own = found.images(), [photo.name for photo in photos(folder=sys.argv[2])]
print(json.dumps([found.captions, pictures.shape, own, found.problems, peak() - before]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_a_picture_of_108_megapixels_is_named_and_not_decoded(tmp_path):
    small, mixed = tmp_path / "small", tmp_path / "mixed"
    for folder in (small, mixed):
        folder.mkdir()
        Image.new("RGB", (32, 32)).save(folder / "good.png")
    write_blank_png(mixed / "telephone.png", 12_000, 9_000)
    command = [sys.executable, "-c", READ, str(small), str(mixed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    captions, shape, own, problems, megabytes = json.loads(done.stdout)
    assert captions == ["good"]
    assert shape == [1, 32, 32, 3]
    assert own == ["good.png"]
    assert problems == [["telephone.png", "more than 89 megapixels: make it smaller"]]
    assert megabytes < 60  # its pixels alone are 324
