import dataclasses
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vizkit.course import CLAIMS, NOTEBOOKS, Estimate, all_of, cite, claim, claims, estimate
from vizkit.course.claims import CLAIM_MIME
from vizkit.course.evidence import estimate_over_tests
from vizkit.course.storage import read_json, update_json, write_atomically

RIVALS = {"luck": "One seed may have been lucky.", "border": "The border gives places away."}


@pytest.fixture(autouse=True)
def rivals(monkeypatch):
    """A1 with two rivals, whatever the course says."""
    monkeypatch.setitem(CLAIMS, "A1", dataclasses.replace(CLAIMS["A1"], rivals=RIVALS))


def claim_a1(**changes):
    options = {
        "id": "A1",
        "measured": 1.0,
        "holds": True,
        "sentence": "It came out so.",
        "controls": {"luck": 3},
    }
    claim(**{**options, **changes})


def bundle_of(monkeypatch, **changes) -> dict:
    shown = {}
    monkeypatch.setattr(claims, "show", lambda text, html, data: shown.update(data, html=html))
    claim_a1(**changes)
    return {**shown[CLAIM_MIME], "html": shown["html"]}


def test_registry_holds_every_claim_once_and_in_order():
    families = [(id[0], int(id[1:])) for id in CLAIMS]
    assert families == sorted(families)
    for letter in {letter for letter, _ in families}:
        numbers = [number for one, number in families if one == letter]
        assert numbers == list(range(1, len(numbers) + 1))
    assert {letter for letter, _ in families} >= set("ABCDEF")
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
        (np.bool_(False), "", "does not hold"),
        (torch.tensor(True), "", "holds"),
        ("undecided", "", "undecided"),
        ("with a limit", "stride 1 only", "holds with a limit"),
    ],
)
def test_claim_says_verdict_number_rival_and_control(capsys, holds, note, verdict):
    claim_a1(measured=1.23456e-7, holds=holds, note=note)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f" A1 {verdict} · {CLAIMS['A1'].statement}")
    assert lines[1:5] == [
        "  What came out: It came out so.",
        "  measured · result: ⟨1.23e-07⟩",
        "  rival · luck: One seed may have been lucky.",
        "    control · result: ⟨3⟩",
    ]
    assert lines[5:] == ([f"  note · {note}"] if note else [])


@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        (196, ["result: ⟨196⟩"]),
        (32768, ["result: ⟨32,768⟩"]),
        ({"CNN": 0.98765, "ViT": np.float32(0.5)}, ["CNN: ⟨0.988⟩", "ViT: ⟨0.5⟩"]),
        (torch.tensor(2.0), ["result: ⟨2.0⟩"]),
        (float("nan"), ["result: ⟨nan⟩"]),
        ("about half", ["result: ⟨about half⟩"]),
        (estimate([0.5, 0.52, 0.54]), ["result: ⟨0.520 ± 0.012 (3 seeds)⟩"]),
    ],
)
def test_measured_values_stand_between_the_brackets(capsys, measured, shown):
    claim_a1(measured=measured)
    out = capsys.readouterr().out
    assert [
        line[len("  measured · ") :] for line in out.splitlines() if "measured ·" in line
    ] == shown


def test_the_bundle_holds_all_that_is_shown(monkeypatch):
    content = bundle_of(
        monkeypatch, measured={"error": 0.5}, controls={"luck": 3, "border": {"b": 4}}
    )
    assert content["measured"] == [{"name": "error", "value": "0.5"}]
    assert content["rivals"] == [
        {"rival": "luck", "reason": RIVALS["luck"], "control": [{"name": "result", "value": "3"}]},
        {"rival": "border", "reason": RIVALS["border"], "control": [{"name": "b", "value": "4"}]},
    ]
    assert (content["verdict"], content["notebook"]) == ("holds", "01_cnn_vs_vit")
    json.dumps(content)


def test_what_a_claim_says_is_escaped(monkeypatch):
    evil = "<img src=x onerror=alert(1)>"
    html = bundle_of(monkeypatch, sentence=evil, note=evil, measured={evil: evil})["html"]
    assert "<img" not in html
    assert html.count("&lt;img") == 4


@pytest.mark.parametrize(
    ("holds", "verdict"),
    [
        (True, "holds, by its source"),
        (False, "does not hold, by its source"),
        ("with a limit", "holds with a limit, by its source"),
    ],
)
def test_cited_claim_has_a_verdict_and_shows_what_is_known(capsys, holds, verdict):
    cite("D7", "the paper", holds=holds, note="half of it")
    out = capsys.readouterr().out
    assert f" D7 {verdict} · " in out
    assert CLAIMS["D7"].truth in out
    assert "source · the paper" in out


@pytest.mark.parametrize("holds", ["undecided", "maybe", None])
def test_a_source_decides(holds):
    with pytest.raises(ValueError, match="holds"):
        cite("D7", "the paper", holds=holds)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"id": "C9"}, ValueError, "near it: .*C4"),
        ({"id": "nonsense!"}, ValueError, "A1 … "),
        ({"holds": "maybe"}, ValueError, "with a limit"),
        ({"holds": 0.97}, ValueError, "True, False"),
        ({"holds": "with a limit"}, ValueError, "which limit"),
        ({"measured": [1, 2]}, TypeError, "list"),
        ({"measured": {}}, ValueError, "empty"),
        ({"measured": {str(n): n for n in range(9)}}, ValueError, "9 rows"),
        ({"notebook": "06_clip"}, ValueError, "belongs to"),
        ({"sentence": " "}, ValueError, "sentence"),
        ({"controls": {}}, ValueError, "luck"),
        ({"controls": {"other": 1}}, ValueError, "other"),
        (
            {
                "controls": {
                    "luck": {str(n): n for n in range(5)},
                    "border": {str(n): n for n in range(5)},
                }
            },
            ValueError,
            "control numbers",
        ),
        ({"controls": {"luck": {}}}, ValueError, "the control of 'luck'"),
    ],
)
def test_bad_claim_is_refused_before_anything_is_shown(capsys, arguments, error, message):
    with pytest.raises(error, match=message):
        claim_a1(**arguments)
    assert capsys.readouterr().out == ""


@given(st.floats() | st.integers(-(10**9), 10**9))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_number_can_be_measured(number):
    claim_a1(measured=number)


def test_a_claim_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    claim_a1()
    assert list(tmp_path.iterdir()) == []


# Estimates: means that know how far they may be off


def test_an_estimate_is_the_mean_with_its_standard_error():
    values = np.random.default_rng(0).normal(size=7)
    found = estimate(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(scipy.stats.sem(values))
    assert estimate(torch.tensor(values)) == estimate(list(values)) == found


def test_what_all_values_share_adds_to_their_error():
    values = [1.0, 2.0, 3.0]
    assert estimate(values, shared=0.4).standard_error == pytest.approx((1 / 3 + 0.16) ** 0.5)
    assert estimate([2.0, 2.0], shared=0.4).standard_error == pytest.approx(0.4)
    for bad in (-0.1, float("nan"), "much"):
        with pytest.raises(ValueError, match="shared"):
            estimate(values, shared=bad)


def test_seeds_that_share_their_tests_are_as_uncertain_as_both():
    table = [[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]  # three seeds, two tests four apart
    found = estimate_over_tests(table)
    assert (found.mean, found.count, found.of) == (4.0, 3, "seeds on 2 tests")
    assert found.standard_error == pytest.approx((1 / 3 + 2**2) ** 0.5)
    assert estimate_over_tests(table, "draws", "pictures").of == "draws on 2 pictures"
    for bad in ([1.0, 2.0], [[1.0], [2.0]], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="expected"):
            estimate_over_tests(bad)


@pytest.mark.parametrize(
    ("mean", "error", "above"),
    [
        (0.5, 0.24, True),
        (0.5, 0.25, True),
        (0.5, 0.26, "undecided"),
        (-0.5, 0.26, "undecided"),
        (-0.5, 0.24, False),
        (0.0, 0.0, False),
        (0.1, 0.0, True),
    ],
)
def test_no_verdict_turns_on_less_than_two_standard_errors(mean, error, above):
    assert Estimate(mean + 1, error, 5).above(1) == above
    assert Estimate(-mean - 1, error, 5).below(-1) == above


def test_decisions_combine():
    assert all_of(True, np.bool_(True)) is True
    assert all_of(True, "undecided") == "undecided"
    assert all_of("undecided", False) is False
    for bad in ((), ("maybe",), (1,)):
        with pytest.raises(ValueError, match="decision"):
            all_of(*bad)


@pytest.mark.parametrize("values", [[1.0], [], [[1, 2]], [1, float("nan")], "ab", None])
def test_an_estimate_needs_two_finite_numbers(values):
    with pytest.raises(ValueError, match="values"):
        estimate(values)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.79, 0.81], "0.800 ± 0.010 (2 seeds)"),
        ([1000, 1200], "1100 ± 100 (2 seeds)"),
        ([0.5, 0.5], "0.500 ± 0.000 (2 seeds)"),
        ([0, 0], "0.0 ± 0.0 (2 seeds)"),
    ],
)
def test_an_estimate_is_printed_to_two_digits_of_its_error(values, shown):
    assert str(estimate(values)) == shown


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


def test_course_imports_no_torch_and_no_plotly():
    code = "import sys, vizkit.course; print([m for m in ('torch', 'plotly') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
