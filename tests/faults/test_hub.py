"""A network and a disk that fail while weights are fetched: what a learner is told, what is left."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants, file_download
from safetensors.torch import save

from tests.hub import Hub, full_disk
from vizkit.zoo import hub as zoo_hub
from vizkit.zoo import list_models, load

ROOT = Path(__file__).parents[2]
REPO = "timm/test_vit.r160_in1k"  # the name of the model, and of its repository
FILE = "model.safetensors"


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return save(timm.create_model("test_vit").state_dict())


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def hub(weights, cache):
    with Hub() as hub, hub.used_by_this_process(cache):
        hub.repos[REPO] = {FILE: weights}
        yield hub


def cached_files(cache):
    """Every file of more than some bytes: no part of the weights may be left."""
    return [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size > 500]


FAULTS = {
    "truncated": (OSError, r"broke off .*run this again"),
    "wrong bytes": (OSError, r"came damaged.*checksum.*run this again"),
    "no checksum": (OSError, r"came damaged.*none-of-your"),
    "no answer": (TimeoutError, r"too slow.*HF_HUB_ETAG_TIMEOUT.*pocket-clip"),
    "stalled": (TimeoutError, r"too slow.*HF_HUB_DOWNLOAD_TIMEOUT.*pocket-clip"),
    "503": (ConnectionError, r"answered 503.*again later.*pocket-clip"),
    "sign-in page": (ConnectionError, r"does not answer as the .* hub does.*HF_ENDPOINT"),
    "gated": (PermissionError, r"accepted its licence.*hf auth login"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_hub_is_named_and_the_next_run_works(hub, cache, fault):
    kind, message = FAULTS[fault]
    hub.faults[FILE] = fault
    with pytest.raises(kind, match=message) as caught:
        load(REPO)
    assert type(caught.value) is kind
    assert REPO in str(caught.value)
    assert cached_files(cache) == []
    assert REPO not in list_models()
    hub.faults.clear()
    assert load(REPO).name == REPO
    assert REPO in list_models()


def test_a_full_disk_is_named_and_nothing_is_left(hub, cache):
    with full_disk(after=10_000):
        with pytest.raises(OSError, match=r"the disk is full.*HF_HOME") as caught:
            load(REPO)
        assert str(cache) in str(caught.value)
        assert cached_files(cache) == []
    load(REPO)


def test_an_interrupted_download_leaves_nothing(hub, cache, monkeypatch):
    plain = file_download.http_get

    def interrupted(url, temp_file, **options):
        plain(url, temp_file, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(file_download, "http_get", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(REPO, fallback="pocket-clip")
    assert cached_files(cache) == []
    monkeypatch.undo()
    load(REPO)


def test_a_repository_that_is_not_there(hub):
    del hub.repos[REPO]
    with pytest.raises(FileNotFoundError, match=f"knows no repository {REPO}"):
        load(REPO)


def test_no_network(hub, cache):
    hub.server.server_close()
    with pytest.raises(ConnectionError, match=r"cannot be reached.*load\(\"pocket-clip\"\)"):
        load(REPO)
    assert cached_files(cache) == []


def test_what_was_fetched_once_needs_no_network(hub):
    first = load(REPO)
    hub.server.server_close()
    second = load(REPO)
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_offline_on_request(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match=r"HF_HUB_OFFLINE forbids"):
        load(REPO)
    assert hub.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    load(REPO)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load(REPO)


@pytest.mark.parametrize("links", [True, False])
def test_a_bit_that_flipped_in_the_cache_is_noticed(hub, cache, weights, links, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", not links)
    load(REPO)
    (file,) = {path.resolve() for path in cached_files(cache)}
    assert len(cached_files(cache)) == (2 if links else 1)
    file.chmod(0o644)
    file.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    hub.requests.clear()
    with pytest.warns(UserWarning, match=f"{REPO}/{FILE} was damaged in the cache"):
        load(REPO)
    assert any(request.startswith("GET /storage") for request in hub.requests)
    assert file.read_bytes() == weights
    hub.requests.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(REPO)
    assert hub.requests == []


def test_a_cache_without_links_and_without_our_record_is_checked_against_the_hub(
    hub, cache, monkeypatch
):
    """Fetched by another library on Windows: only the hub knows the checksum."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    load(REPO)
    (record,) = cache.rglob("*.checksum")
    record.unlink()
    hub.requests.clear()
    load(REPO)
    assert not any(request.startswith("GET /storage") for request in hub.requests)
    assert record.is_file()


def test_a_cache_that_cannot_be_written(hub, cache, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zoo_hub, "hf_hub_download", refuse)
    with pytest.raises(PermissionError, match="HF_HOME"):
        load(REPO)


# Falling back


@pytest.mark.parametrize("fault", ["truncated", "wrong bytes", "no answer", "gated"])
def test_the_fallback_comes_with_a_warning(hub, fault):
    hub.faults[FILE] = fault
    with pytest.warns(UserWarning, match=f"USING pocket-clip IN PLACE OF {REPO}") as caught:
        encoder = load(REPO, fallback="pocket-clip")
    assert encoder.name == "pocket-clip"
    assert len([one for one in caught if "IN PLACE OF" in str(one.message)]) == 1
    assert caught[0].filename == __file__


def test_no_fallback_where_none_is_needed(hub):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(REPO, fallback="pocket-clip").name == REPO


@pytest.mark.parametrize("fallback", ["pocket", REPO, "", 3])
def test_a_fallback_that_cannot_serve_is_refused_at_once(hub, fallback):
    with pytest.raises(ValueError, match="expected fallback to be a pocket model among") as caught:
        load(REPO, fallback=fallback)
    assert repr(fallback) in str(caught.value)
    assert hub.requests == []


# The environment


@pytest.mark.slow
def test_the_hubs_variables_are_honoured(weights, tmp_path):
    """HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE, in processes of their own."""

    plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}

    def run(program: str, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", f"from vizkit.zoo import load\n{program}"],
            cwd=ROOT,
            env={**plain, "HF_HOME": str(tmp_path), "NO_PROXY": "*", **variables},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with Hub() as hub:
        hub.repos[REPO] = {FILE: weights}
        assert run(f"print(load({REPO!r}).name)", HF_ENDPOINT=hub.address) == REPO
        assert (tmp_path / "hub" / f"models--{REPO.replace('/', '--')}").is_dir()
        hub.requests.clear()
        again = f"""print(load({REPO!r}).name)
try:
    load("timm/test_vit2.r160_in1k")
except ConnectionError as error:
    print(error)"""
        first, second = run(again, HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="1").splitlines()
        assert first == REPO
        assert "HF_HUB_OFFLINE forbids" in second
        assert hub.requests == []
