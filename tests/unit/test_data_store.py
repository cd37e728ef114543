"""Drawn scenes as a dataset: right, cached in one piece, and rebuilt when damaged."""

import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vizkit.data import (
    BACKGROUNDS,
    COLORS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    STYLES,
    cache_folder,
    images_as_array,
    render,
    sample_scenes,
    scenes,
    store,
)


@pytest.fixture(autouse=True)
def no_surprise_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def test_pictures_and_ground_truth_are_those_of_the_table(tmp_path):
    options = {"styles": ["flat", "neon"], "held_out": "include"}
    dataset = scenes(40, 3, image_size=48, cache_dir=tmp_path, **options)
    table = sample_scenes(40, 3, **options)
    np.testing.assert_array_equal(images_as_array(dataset), render(table, 48))
    boxes, features = table.boxes(48), dataset.features
    names = {"shape": SHAPES, "color": COLORS, "size": SIZES, "place": PLACES}
    for i, row in enumerate(dataset):
        count = table.num_objects[i]
        assert row["num_objects"] == count
        assert row["image"].size == (48, 48)
        np.testing.assert_array_equal(np.asarray(row["image"]), render(table[i], 48)[0])
        for column in names:
            assert row[column] == getattr(table, column)[i, :count].tolist()
        np.testing.assert_array_equal(np.float32(row["box"]), boxes[i, :count])
        for column in ("style", "background", "relation"):
            assert row[column] == getattr(table, column)[i]
    for column, known in names.items():
        assert features[column].feature.names == list(known)
    known = {"style": STYLES, "background": BACKGROUNDS, "relation": RELATIONS}
    assert all(features[column].names == list(names) for column, names in known.items())


def test_a_second_call_reads_what_the_first_wrote(tmp_path, monkeypatch):
    first = images_as_array(scenes(20, cache_dir=tmp_path))
    monkeypatch.setattr(store, "render", lambda *_: pytest.fail("drew again"))
    np.testing.assert_array_equal(first, images_as_array(scenes(20, cache_dir=tmp_path)))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", [{"seed": 1}, {"image_size": 32}, {"grain": False}, {"n": 21}])
def test_other_scenes_get_another_file(tmp_path, change):
    scenes(n=20, cache_dir=tmp_path)
    scenes(**{"n": 20, "cache_dir": tmp_path, **change})
    assert len(list(tmp_path.iterdir())) == 2


def damage_middle(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage_end(path):
    path.write_bytes(path.read_bytes()[:-1000])


def damage_all(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_middle, damage_end, damage_all])
def test_a_damaged_file_is_drawn_again_with_a_warning(tmp_path, damage):
    whole = images_as_array(scenes(20, cache_dir=tmp_path))
    (path,) = tmp_path.iterdir()
    damage(path)
    with pytest.warns(UserWarning, match="is damaged; drawing its scenes again"):
        again = scenes(20, cache_dir=tmp_path)
    np.testing.assert_array_equal(whole, images_as_array(again))
    scenes(20, cache_dir=tmp_path)  # and now it is whole: no warning
    assert len(list(tmp_path.iterdir())) == 1


def test_two_processes_may_draw_the_same_scenes_at_once(tmp_path):
    program = (
        "import sys; from vizkit.data import scenes, images_as_array; "
        "print(images_as_array(scenes(1500, 5, image_size=32, cache_dir=sys.argv[1])).sum())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error::UserWarning", "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    expected = str(render(sample_scenes(1500, 5), 32).sum())
    assert [out.strip() for out, _ in outputs] == [expected, expected]
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scenes(20, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_folder_is_named_and_the_scenes_held_in_memory(tmp_path):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    with pytest.warns(UserWarning, match="cannot keep drawn scenes in .*a file, not a folder"):
        dataset = scenes(20, cache_dir=blocked)
    np.testing.assert_array_equal(images_as_array(dataset), render(sample_scenes(20)))


def test_a_full_disk_is_named_and_the_scenes_held_in_memory(tmp_path, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        dataset = scenes(20, cache_dir=tmp_path)
    assert len(dataset) == 20
    assert list(tmp_path.iterdir()) == []


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    scenes(3)
    assert len(list((tmp_path / "mine").iterdir())) == 1
    monkeypatch.delenv("VIZKIT_CACHE")
    assert cache_folder().name == "vizkit"


@pytest.mark.parametrize("side", [16, 64, 150, 300])
def test_pngs_are_read_alike_by_pillow_and_by_the_quick_reader(side):
    pictures = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    for picture, file in zip(pictures, store.encode_pngs(pictures), strict=True):
        data = file.tobytes()
        with Image.open(BytesIO(data)) as image:
            image.verify()  # every checksum
        np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(data))), picture)
        np.testing.assert_array_equal(store.decode_png(data), picture)


def test_the_quick_reader_leaves_other_pngs_to_pillow():
    file = BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(file, "PNG")
    ours = store.encode_pngs(np.zeros((1, 64, 64, 3), np.uint8))[0].tobytes()
    assert store.decode_png(ours) is not None
    for other in (file.getvalue(), ours[:-1], ours.replace(b"\x01\xc1", b"\x00\xc1"), b"", b"GIF"):
        assert store.decode_png(other) is None


def test_selected_and_shuffled_rows_come_in_their_order(tmp_path):
    dataset = scenes(30, cache_dir=tmp_path)
    whole = images_as_array(dataset)
    np.testing.assert_array_equal(images_as_array(dataset.select([7, 2])), whole[[7, 2]])
    smaller = images_as_array(dataset.select([7]), image_size=20)
    assert smaller.shape == (1, 20, 20, 3)


def test_bad_calls_are_refused_with_a_reason(tmp_path):
    with pytest.raises(ValueError, match="image_size must be an integer from 16"):
        scenes(3, image_size=3)
    with pytest.raises(TypeError, match="palette"):
        scenes(3, palette="warm", cache_dir=tmp_path)
    dataset = scenes(3, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="no image column"):
        images_as_array(dataset.remove_columns("image"))
    with pytest.raises(ValueError, match="empty"):
        images_as_array(dataset.select([]))


def test_the_data_room_never_loads_torch():
    program = "import sys, vizkit.data; sys.exit('torch' in sys.modules)"
    root = Path(store.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
