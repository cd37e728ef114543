import json
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vizkit.course import CLAIMS, NOTEBOOKS, cite, claim, claims
from vizkit.course.storage import read_json, update_json, write_atomically


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VIZKIT_LEDGER", str(tmp_path / "ledger.json"))
    monkeypatch.setattr(claims, "_warned_about", set())
    return tmp_path / "ledger.json"


def test_registry_holds_every_claim_once_and_in_order():
    counts = {"A": 9, "B": 6, "C": 4, "D": 15, "E": 5, "F": 2}
    assert list(CLAIMS) == [f"{k}{n}" for k, count in counts.items() for n in range(1, count + 1)]
    for entry in CLAIMS.values():
        assert entry.statement
        assert entry.truth
        assert entry.source
        assert entry.notebooks
        assert set(entry.notebooks) <= set(NOTEBOOKS)


@pytest.mark.parametrize(
    ("holds", "note", "verdict"),
    [
        (True, "", "holds"),
        (np.bool_(False), "", "does not hold here"),
        (torch.tensor(True), "", "holds"),
        ("with a limit", "stride 1 only", "holds with a limit"),
    ],
)
def test_claim_prints_one_line_and_writes_the_ledger(capsys, ledger, holds, note, verdict):
    claim("A1", measured=1.23456e-7, holds=holds, note=note)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert f" A1 {verdict} · {CLAIMS['A1'].statement} · measured ⟨1.23e-07⟩" in line
    assert note in line
    row = json.loads(ledger.read_text())["A1"]["01_cnn_vs_vit"]
    assert row["verdict"] == verdict
    assert row["measured"] == 1.23e-07


@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        (196, "⟨196⟩"),
        (32768, "⟨32,768⟩"),
        ({"CNN": 0.98765, "ViT": np.float32(0.5)}, "CNN ⟨0.988⟩, ViT ⟨0.5⟩"),
        (torch.tensor(2.0), "⟨2.0⟩"),
        (float("nan"), "⟨nan⟩"),
        ("about half", "⟨about half⟩"),
    ],
)
def test_measured_values_stand_between_the_brackets(capsys, measured, shown):
    claim("A1", measured=measured, holds=True)
    assert f"measured {shown}" in capsys.readouterr().out


def test_cited_claim_shows_what_is_known(capsys, ledger):
    cite("D7", "the paper")
    line = capsys.readouterr().out
    assert "D7 cited" in line
    assert CLAIMS["D7"].truth in line
    assert json.loads(ledger.read_text())["D7"]["13_real_models"]["source"] == "the paper"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"id": "C9"}, ValueError, "near it: .*C4"),
        ({"id": "nonsense!"}, ValueError, "A1 … F2"),
        ({"holds": "maybe"}, ValueError, "with a limit"),
        ({"holds": 0.97}, ValueError, "True, False"),
        ({"holds": "with a limit"}, ValueError, "which limit"),
        ({"measured": [1, 2]}, TypeError, "list"),
        ({"measured": {}}, ValueError, "empty"),
        ({"notebook": "06_clip"}, ValueError, "belongs to"),
    ],
)
def test_bad_claim_is_refused_before_anything_is_written(capsys, ledger, arguments, error, message):
    with pytest.raises(error, match=message):
        claim(**{"id": "A1", "measured": 1.0, "holds": True, **arguments})
    assert not ledger.exists()
    assert capsys.readouterr().out == ""


@given(st.floats() | st.integers(-(10**9), 10**9))
@settings(max_examples=60, deadline=None)
def test_any_number_can_be_measured(number):
    claim("A1", measured=number, holds=True)
    assert read_json(Path(os.environ["VIZKIT_LEDGER"]))["A1"]["01_cnn_vs_vit"]["verdict"] == "holds"


def test_same_result_leaves_the_file_alone(ledger):
    claim("A1", measured=0.123456, holds=True)
    before = (ledger.read_bytes(), ledger.stat().st_mtime_ns, ledger.stat().st_ino)
    claim("A1", measured=0.123451, holds=True)
    assert (ledger.read_bytes(), ledger.stat().st_mtime_ns, ledger.stat().st_ino) == before
    claim("A1", measured=0.2, holds=True)
    assert ledger.read_bytes() != before[0]


def _many_entries(path: Path, prefix: str) -> None:
    for number in range(40):
        update_json(path, lambda content, n=number: content.update({f"{prefix}{n}": n}))


def test_two_processes_lose_nothing(tmp_path):
    path = tmp_path / "shared.json"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_many_entries, args=(path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(read_json(path)) == 80
    assert [p.name for p in tmp_path.iterdir()] == ["shared.json"]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_atomically(path, "old")
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_rehearsal_shows_its_claims_and_writes_none(capsys, monkeypatch, ledger):
    monkeypatch.setenv("VIZKIT_REHEARSAL", "2")
    claim("D3", measured=0.5, holds=True)
    assert "D3 holds" in capsys.readouterr().out
    assert not ledger.exists()


def test_unwritable_ledger_gives_one_notice(capsys, monkeypatch, tmp_path):
    # A file where the folder should be: nobody, not even root, can write below it.
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIZKIT_LEDGER", str(tmp_path / "file" / "ledger.json"))
    claim("A1", measured=1, holds=True)
    claim("A2", measured=1, holds=True)
    out = capsys.readouterr().out
    assert out.count("could not be written") == 1
    assert "A2 holds" in out


def test_damaged_ledger_is_replaced(ledger):
    ledger.write_text('{"A1": ')
    claim("A2", measured=1, holds=True)
    assert list(read_json(ledger)) == ["A2"]


def test_course_imports_no_torch_and_no_plotly():
    code = "import sys, vizkit.course; print([m for m in ('torch', 'plotly') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_html_of_a_claim_is_escaped(monkeypatch):
    shown = {}
    monkeypatch.setattr(claims, "show", lambda text, html: shown.update(html=html))
    claim("A1", measured="<img src=x onerror=alert(1)>", holds=True, note="<script>")
    assert not re.search("<img|<script", shown["html"])
