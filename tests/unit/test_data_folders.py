"""A folder gives what `datasets`' imagefolder gives; what is left out is named with a reason."""

import json
import os
import zipfile

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from vizkit.data import archives, pairs

ROWS = [("b.png", "a cat, asleep"), ("a.png", 'a "dog"'), ("c.png", "고양이")]


@pytest.fixture
def root(tmp_path):
    """A folder whose own path has words and letters that must not count."""
    folder = tmp_path / ".hidden" / "train [x]" / "mine"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def plain(tmp_path):
    """A folder that imagefolder can read, too: it takes brackets in a path for a pattern."""
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def draw(root, *names):
    """Pictures of one pixel's colour each, so that they can be told apart."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shade = sum(map(ord, name)) % 251
        Image.new("RGB", (8, 8), (shade, len(name), 9)).save(root / name, format="PNG")


def write(root, kind, rows, column="caption"):
    records = [{"file_name": name, column: text} for name, text in rows]
    root.mkdir(parents=True, exist_ok=True)
    if kind == "jsonl":
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        (root / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    elif kind == "csv":
        quoted = [",".join('"' + x.replace('"', '""') + '"' for x in r.values()) for r in records]
        text = "\n".join([f"file_name,{column}", *quoted])
        (root / "metadata.csv").write_text(text, encoding="utf-8")
    else:
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist(records), root / "metadata.parquet", row_group_size=2
        )


def by_datasets(root, split, tmp_path):
    """Pictures and captions of imagefolder, with the names of labels in place of their numbers."""
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(root), split=split, cache_dir=str(tmp_path / "cache")
    )
    if "label" in found.column_names:
        captions = [found.features["label"].int2str(one) for one in found["label"]]
    else:
        captions = list(found["caption"])
    return [np.asarray(one) for one in found["image"]], captions


def same(root, tmp_path, split="train"):
    expected, captions = by_datasets(root, split, tmp_path)
    mine = pairs(root, image_size=16, split=split)
    assert mine.captions == captions
    assert len(mine) == len(expected) > 0
    for one, other in zip(mine.dataset, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(one["image"]), other)
    return mine


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_metadata_of_every_kind(plain, tmp_path, kind):
    draw(plain, "a.png", "b.png", "c.png", "without.png")
    write(plain, kind, ROWS)
    assert same(plain, tmp_path).captions == [caption for _, caption in ROWS]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_metadata_in_the_folder_of_each_split(plain, tmp_path, kind):
    for split, folder in (("train", "data/train"), ("test", "data/my-testing")):
        draw(plain, f"{folder}/deep/x.png", f"{folder}/y.png")
        write(plain / folder, kind, [("y.png", f"{split} y"), ("deep/x.png", f"{split} x")])
    assert same(plain, tmp_path).captions == ["train y", "train x"]
    assert same(plain, tmp_path, "test").captions == ["test y", "test x"]
    with pytest.raises(ValueError, match="no split 'validation', only train, test"):
        pairs(plain, split="validation")


LAYOUTS = {
    "two classes": (["dog/0.png", "cat/1.PNG", "cat/0.png"], ["train"]),
    "spaces, sorted as whole names": (["a/0.png", "a b/0.png", "a-b/1.png", "가/0.png"], ["train"]),
    "hidden files and folders": (
        ["cat/0.png", "dog/1.png", "cat/.x.png", ".dog/0.png", "__MACOSX/cat/0.png", "dog/__1.png"],
        ["train"],
    ),
    "nested": (["set/one/cat/0.png", "set/two/cat/0.png", "set/one/dog/3.png"], ["train"]),
    "splits": (
        ["train/cat/0.png", "train/dog/0.png", "test/cat/9.png", "test/dog/1.png", "other/a.png"],
        ["train", "test"],
    ),
    "splits of several words": (
        ["my-training/cat/0.png", "train 2/dog/1.png", "val/cat/0.png", "eval_1/dog/0.png"],
        ["train", "validation", "test"],
    ),
    "splits in names of files": (
        ["cat/train_1.png", "dog/a-train-2.png", "dog/test.png", "cat/other.png"],
        ["train", "test"],
    ),
    "no split, only letters of one": (["cat/trains.png", "dog/atest.png"], ["train"]),
}


@pytest.mark.parametrize(("names", "splits"), LAYOUTS.values(), ids=LAYOUTS)
def test_class_folders(plain, tmp_path, names, splits):
    draw(plain, *names)
    (plain / "cat").mkdir(exist_ok=True)
    (plain / "cat" / "notes.txt").write_text("no picture")
    for split in splits:
        same(plain, tmp_path, split)


def test_the_path_of_the_folder_itself_does_not_count(root):
    draw(root, "dog/0.png", "cat/1.png")
    assert pairs(root).captions == ["cat", "dog"]


def test_a_file_that_two_words_match_counts_once(plain):
    """imagefolder gives it twice."""
    draw(plain, "train/train-a/cat/0.png", "train/train-a/dog/0.png")
    assert pairs(plain).captions == ["cat", "dog"]


@pytest.mark.parametrize(
    "names",
    [
        ["0.png", "1.png"],
        ["cat/0.png", "cat/1.png"],
        ["cat/0.png", "deep/dog/1.png"],
    ],
    ids=["no folder", "one class", "two depths"],
)
def test_where_imagefolder_takes_no_labels_they_are_asked_for(plain, tmp_path, names):
    draw(plain, *names)
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(plain), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert found.column_names == ["image"]
    with pytest.raises(FileNotFoundError, match='those of the folders with "label"'):
        pairs(plain)
    found = datasets.load_dataset(
        "imagefolder",
        data_dir=str(plain),
        split="train",
        drop_labels=False,
        cache_dir=str(tmp_path / "labels"),
    )
    expected = [found.features["label"].int2str(one) for one in found["label"]]
    assert pairs(plain, caption_column="label").captions == expected


def test_the_names_of_files_keep_the_names_of_their_folders(plain):
    """Case 10."""
    draw(plain, "cat/0.png", "cat/my_photo.png", "dog/0.png", "top.png")
    found = pairs(plain, caption_column="file_name")
    assert found.captions == ["cat 0", "cat my photo", "dog 0", "top"]


def test_metadata_beside_the_splits_speak_for_all_pictures(plain):
    draw(plain, "train/0.png", "test/0.png", "other.png")
    write(plain, "csv", [("test/0.png", "one"), ("train/0.png", "two"), ("other.png", "three")])
    assert pairs(plain).captions == ["one", "two", "three"]


def test_text_stays_text_and_rows_that_are_no_pairs_are_named(plain):
    draw(plain, "0.png", "1.png")
    lines = ["file_name,text", "0.png,None", "1.png,007", "0.png,a cat, asleep", "0.png", ",x"]
    (plain / "metadata.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    with pytest.warns(UserWarning, match="left out"):
        found = pairs(plain)
    assert found.captions == ["None", "007"]
    assert dict(found.problems)["metadata.csv line 4"].startswith("more cells than columns")
    assert dict(found.problems)["0.png"] == 'no text under "text"'


def test_metadata_that_cannot_be_read_are_named(plain):
    draw(plain, "0.png")
    (plain / "metadata.csv").write_bytes("file_name,text\n0.png,고양이\n".encode("cp949"))
    with pytest.raises(ValueError, match=r"metadata.csv is not UTF-8"):
        pairs(plain)
    (plain / "metadata.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(ValueError, match=r"metadata of several kinds, metadata.csv, metadata.parq"):
        pairs(plain)
    (plain / "metadata.csv").unlink()
    with pytest.raises(ValueError, match=r"metadata.parquet cannot be read"):
        pairs(plain)


def test_another_column_may_name_the_pictures(plain):
    draw(plain, "0.png", "1.png")
    records = [{"left_file_name": "0.png", "right_file_name": "1.png", "text": "a cat"}]
    (plain / "metadata.jsonl").write_text(json.dumps(records[0]))
    shades = [
        pairs(plain, image_column=name).images()[0, 0, 0, 0].item() for name in ("left", "right")
    ]
    assert shades[1] - shades[0] == 1
    with pytest.raises(ValueError, match='no "file_name"'):
        pairs(plain)


def test_a_folder_that_cannot_be_opened_and_an_archive_are_named(plain, monkeypatch):
    draw(plain, "cat/0.png", "dog/0.png", "locked/0.png")
    (plain / "more.zip").write_bytes(b"PK")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # tests may run as root, who may open everything
    expected = ("locked", "this folder cannot be opened: Permission denied")
    with pytest.warns(UserWarning, match=r"locked \(this folder cannot be opened"):
        found = pairs(plain)
    assert found.captions == ["cat", "dog"]
    reason = "this archive cannot be opened: File is not a zip file"
    assert found.problems == [expected, ("more.zip", reason)]
    with pytest.warns(UserWarning, match="locked"):
        assert expected in pairs(plain, caption_column="file_name").problems


# ------------------------------------------------------------------ archives, and lists of pictures


def pack(root, archive, *names, metadata=None, kind="jsonl"):
    """A zip archive of pictures, with metadata (a folder in it and rows) where they are given."""
    source = root.parent / f"source of {archive.replace('/', ' ')}"
    draw(source, *names)
    if metadata:
        write(source / metadata[0], kind, metadata[1])
    (root / archive).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / archive, "w") as opened:
        for path in sorted(source.rglob("*"), reverse=True):
            opened.write(path, path.relative_to(source))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_metadata_in_an_archive(plain, tmp_path, kind):
    rows = [("b.png", "a cat"), ("./deep/a.png", "a dog")]
    pack(
        plain, "photos.zip", "in/b.png", "in/deep/a.png", "c.png", metadata=("in", rows), kind=kind
    )
    assert same(plain, tmp_path).captions == ["a cat", "a dog"]


def test_an_archive_of_each_split(plain, tmp_path):
    for split in ("train", "test"):
        rows = [("0.png", f"one of {split}")]
        pack(plain, f"{split}.zip", "test/0.png", metadata=("test", rows), kind="csv")
    assert same(plain, tmp_path).captions == ["one of train"]
    assert same(plain, tmp_path, "test").captions == ["one of test"]


def test_archives_in_class_folders(plain, tmp_path):
    for name in ("cat", "dog"):
        pack(plain, f"{name}/more.zip", f"{name}/1.png", f"{name}/0.png", f"{name}/__x.png")
    assert same(plain, tmp_path).captions == ["cat", "cat", "dog", "dog"]


def test_class_folders_in_an_archive(plain):
    """Where imagefolder fails: it calls all of them by the name of the folder around the archive."""
    pack(
        plain,
        "photos.zip",
        "dog/0.png",
        "cat/1.png",
        "cat/0.png",
        "cat/.x.png",
        "__MACOSX/cat/0.png",
    )
    found = pairs(plain, image_size=16)
    assert found.captions == ["cat", "cat", "dog"]
    assert found.problems == []
    shades = [np.asarray(row["image"])[0, 0, 0] for row in found.dataset]
    assert shades == [sum(map(ord, name)) % 251 for name in ("cat/0.png", "cat/1.png", "dog/0.png")]
    named = pairs(plain, image_size=16, caption_column="file_name").captions
    assert named == ["photos cat 0", "photos cat 1", "photos dog 0"]


def test_nothing_leaves_the_folder_through_an_archive(plain, tmp_path):
    draw(plain, "0.png")
    draw(tmp_path, "secret.png")
    pack(tmp_path, "outside.zip", "a.png")
    pack(plain, "inside.zip", "b.png")
    rows = [("0.png", "mine"), ("inside.zip/b.png", "mine, too")]
    rows += [
        ("../outside.zip/a.png", "x"),
        ("inside.zip/../../secret.png", "x"),
        ("gone.zip/a.png", "x"),
    ]
    write(plain, "jsonl", rows)
    with pytest.warns(UserWarning, match="3 of 5 pairs"):
        found = pairs(plain, image_size=16)
    assert found.captions == ["mine", "mine, too"]
    assert dict(found.problems) == {
        "../outside.zip/a.png": "lies outside the folder",
        "inside.zip/../../secret.png": "no such file in the archive",
        "gone.zip/a.png": "no such file, or its folder cannot be opened",
    }
    (plain / "metadata.jsonl").unlink()
    (plain / "link.zip").symlink_to(tmp_path / "outside.zip")
    with pytest.warns(UserWarning, match="link.zip"):
        found = pairs(plain, image_size=16, caption_column="label")
    assert ("link.zip", "lies outside the folder") in found.problems


def test_members_that_cannot_be_read_are_named(plain, monkeypatch):
    pack(plain, "photos.zip", "cat/0.png", "dog/0.png")
    with zipfile.ZipFile(plain / "photos.zip", "a") as opened:
        opened.writestr("dog/large.png", b"0" * 5000)
        opened.writestr("dog/notes.png", b"no picture")
    monkeypatch.setattr(archives, "LARGEST", 4000)
    with pytest.warns(UserWarning, match="2 of 4 pairs"):
        found = pairs(plain, image_size=16)
    reasons = dict(found.problems)
    assert reasons["photos.zip/dog/large.png"] == "more than 0 MB: make it smaller"
    assert "UnidentifiedImageError" in reasons["photos.zip/dog/notes.png"]


def test_rows_of_several_pictures(plain, tmp_path):
    """imagefolder keeps the list; here each picture of it is a pair with the caption of its row."""
    draw(plain, "a.png", "b.png", "c.png")
    rows = [
        {"file_names": ["c.png", "a.png"], "caption": "two"},
        {"file_names": ["b.png"], "caption": "one"},
    ]
    lines = "\n".join(map(json.dumps, rows))
    (plain / "metadata.jsonl").write_text(lines, encoding="utf-8")
    theirs = datasets.load_dataset(
        "imagefolder", data_dir=str(plain), split="train", cache_dir=str(tmp_path / "cache")
    )
    mine = pairs(plain, image_size=16)
    assert mine.captions == ["two", "two", "one"]
    expected = [one for row in theirs["images"] for one in row]
    for row, other in zip(mine.dataset, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(row["image"]), np.asarray(other))
