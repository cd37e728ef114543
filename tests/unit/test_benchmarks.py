"""The arithmetic of the benchmarks: what the table says must follow from what was measured."""

import importlib.metadata
import json
import math
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

from benchmarks import __main__ as everything
from benchmarks import contenders, harness, widgets
from benchmarks.harness import Requirement, Row, Samples
from vizkit.widgets.code import Code


def row(kind="ratio", bound=0.1, ours=None, theirs=None, unit="B", peer="Plotly", note=""):
    return Row(Requirement("work", "bytes received", peer, kind, bound, unit), ours, theirs, note)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (50, 10), (95, 19), (96, 20), (99, 20), (100, 20)]
)
def test_percentile_is_a_measured_value_that_enough_values_do_not_exceed(percent, expected):
    values = [float(value) for value in range(20, 0, -1)]
    assert harness.percentile(values, percent) == expected
    reached = sum(value <= expected for value in values) / len(values)
    assert reached >= percent / 100
    assert harness.percentile(values, percent) == np.percentile(
        values, percent, method="inverted_cdf"
    )


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], -1), ([1.0], 101)])
def test_percentile_refuses_what_has_no_answer(values, percent):
    with pytest.raises(ValueError, match=r"at least one value|between 0 and 100"):
        harness.percentile(values, percent)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (row("ratio", 1 / 88, ours=1.0, theirs=88.0), "met"),
        (row("ratio", 1 / 88, ours=1.01, theirs=88.0), "not met"),
        (row("ratio", 1 / 88, ours=1.0), "not measured"),
        (row("ratio", 1 / 88, theirs=88.0), "not measured"),
        (row("ratio", 1 / 88, ours=1.0, theirs=0.0), "not measured"),
        (row("at most", 33, ours=33.0), "met"),
        (row("at most", 33, ours=33.1, theirs=99.0), "not met"),
        (row("at most", 33, ours=math.nan), "not measured"),
        (row("at least", 55, ours=55.0), "met"),
        (row("at least", 55, ours=54.9), "not met"),
        (row("at least", 55), "not measured"),
    ],
)
def test_verdict(made, verdict):
    assert made.verdict == verdict


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "B", "–"),
        (57_340, "B", "57.3 kB"),
        (4_956_000, "B", "4.96 MB"),
        (9.24, "ms", "9.2 ms"),
        (118.4, "ms", "118 ms"),
        (1_420, "ms", "1.42 s"),
        (54.96, "frames/s", "55.0 frames/s"),
    ],
)
def test_values_carry_units_that_people_read(value, unit, text):
    assert harness.format_value(value, unit) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1 / 88.9, "1/88"), (1 / 6.99, "1/6.9"), (0.999, "1/1.0"), (1.21, "1.3x"), (None, "–")],
)
def test_a_printed_ratio_never_flatters(ratio, text):
    assert harness.format_ratio(ratio) == text


def test_the_table_holds_required_and_measured_side_by_side():
    rows = [
        row("ratio", 1 / 44, ours=100_000, theirs=5e6, note="noisy"),
        row("at least", 55, peer=""),
    ]
    lines = harness.format_table(rows).splitlines()
    assert len({len(line) for line in lines}) == 1, "the columns are not aligned"
    first = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert first == [
        "work", "bytes received", "Plotly 5.00 MB", "100.0 kB", "≤ 1/44", "1/50", "met", "noisy",
    ]  # fmt: skip
    assert "not measured" in lines[3]


def test_the_summary_counts_and_names_the_missed():
    rows = [row("at most", 1, ours=2.0), row("at most", 1, ours=1.0), row()]
    assert harness.summary(rows) == "1 met, 1 not met, 1 not measured (work: bytes received)"


@pytest.mark.parametrize(
    ("rows", "check", "status"),
    [
        ([row("at most", 1, ours=1.0)], True, 0),
        ([row("at most", 1, ours=2.0)], False, 0),
        ([row("at most", 1, ours=2.0)], True, 1),
        ([row("at most", 1, ours=2.0), row()], True, 2),
        ([row()], False, 2),
    ],
)
def test_exit_status(rows, check, status):
    assert widgets.exit_status(rows, check=check) == status


def test_json_holds_rows_verdicts_and_single_measurements(tmp_path):
    target = tmp_path / "figures.json"
    rows = [row("ratio", 0.5, ours=1.0, theirs=4.0)]
    harness.write_text(target, harness.to_json(rows, {"similarity": {"vizkit": [1.0, 2.0]}}))
    read = json.loads(target.read_text(encoding="utf-8"))
    assert read["rows"][0]["verdict"] == "met"
    assert read["rows"][0]["reached"] == 0.25
    assert read["rows"][0]["requirement"]["peer"] == "Plotly"
    assert read["details"]["similarity"]["vizkit"] == [1.0, 2.0]
    assert list(tmp_path.iterdir()) == [target], "a part of a file was left behind"


def test_contenders_alternate_and_the_first_round_does_not_count():
    assert list(harness.alternate(["a", "b"], 2)) == [
        ("a", False), ("b", False), ("a", True), ("b", True), ("a", True), ("b", True),
    ]  # fmt: skip


def test_samples_have_medians():
    samples = Samples()
    for value in (9.0, 1.0, 3.0):
        samples.add("vizkit", value)
    assert samples.median("vizkit") == 3.0
    assert samples.median("plotly") is None


def test_the_table_asks_for_what_the_project_promised():
    rows = [made for make, _ in widgets.WORKS.values() for made in make()]
    needs = {(r.requirement.work, r.requirement.measure, r.requirement.peer): r for r in rows}
    assert len(needs) == len(rows), "two rows say the same"
    promised = {
        ("similarity 64²", "bytes received", "FigureWidget"): ("ratio", 1 / 88),
        ("similarity 1024²", "bytes received", "FigureWidget"): ("ratio", 1 / 23),
        ("similarity 256²", "run to painted", "FigureWidget"): ("ratio", 1 / 10),
        ("similarity 1024²", "temperature drag, p95", ""): ("at most", 33),
        ("similarity 1024², exported", "page to painted", "to_html"): ("ratio", 1 / 7),
        ("attention 12 x 12 x 197 x 197", "first display", ""): ("at most", 600_000),
        ("attention 12 x 12 x 197 x 197", "all layers", "bertviz"): ("ratio", 1 / 44),
        ("embedding 100,000", "bytes received", "jupyter-scatter"): ("ratio", 1 / 6.9),
        ("embedding 1,000,000", "run to painted", "jupyter-scatter"): ("ratio", 1 / 4.6),
        ("embedding 1,000,000", "hover", ""): ("at least", 55),
        ("23 saved widgets", "code in the notebook", "FigureWidget"): ("at most", 950_000),
        ("23 saved widgets", "code in the notebook for each", ""): ("at most", 17_600),
    }
    for name, (kind, bound) in promised.items():
        assert (needs[name].requirement.kind, needs[name].requirement.bound) == (kind, bound)


def test_code_bytes_count_utf8_and_packed_code_over_every_saved_model():
    state = {
        "a": {"state": {"_esm": "é", "_css": "xy", "title": "not code"}},
        "b": {"state": {"value": 1}},
        "c": {"state": {"_esm": "12345"}},
        "d": {
            "state": {},
            "buffers": [
                {"path": ["packed", "digest"], "data": "AAAA"},
                {"path": ["data"], "data": "AA=="},
            ],
        },
    }
    assert contenders.code_bytes(state) == 2 + 2 + 5 + 4


def test_code_bytes_see_the_parts_that_a_notebook_saves():
    part = bytes(3_000)
    code = Code(packed={"digest": part})
    saved = ipywidgets.Widget.get_manager_state(widgets=[code])["state"]
    assert contenders.code_bytes(saved) >= len(part) * 4 / 3


def test_every_contender_gets_the_same_seeded_data():
    contenders.cosines.cache_clear()
    first = contenders.cosines(8).copy()
    contenders.cosines.cache_clear()
    assert np.array_equal(contenders.cosines(8), first)
    assert np.abs(first).max() <= 1 + 1e-6
    assert np.diag(first).mean() > first.mean()
    points, labels = contenders.clusters(100)
    assert points.shape == (100, 2)
    assert labels.shape == (100,)


def test_a_missing_peer_gives_one_line_that_says_what_to_do(monkeypatch, capsys):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert widgets.command([]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "plotly is not installed: make bench installs it" in lines[0]


# ------------------------------------------------------------------ all parts in one command


def test_make_bench_runs_every_part_there_is():
    files = Path(harness.__file__).parent.glob("*.py")
    with_a_table = {path.stem for path in files if "def main(quick: bool" in path.read_text()}
    assert set(everything.PARTS) == with_a_table


@pytest.mark.parametrize(
    ("arguments", "met", "status"),
    [([], False, 0), (["--check"], False, 1), (["--check", "--quick"], True, 0)],
)
def test_parts_run_in_turn_and_tell_what_was_missed(monkeypatch, capsys, arguments, met, status):
    ran = []

    class Part:
        def __init__(self, name):
            self.name = name

        def main(self, quick):
            ran.append((self.name, quick))
            return met or self.name != "benchmarks.scenes"

    monkeypatch.setattr(everything.importlib, "import_module", Part)
    assert everything.main(arguments) == status
    assert ran == [(f"benchmarks.{part}", "--quick" in arguments) for part in everything.PARTS]
    assert ("scenes: NOT met" in capsys.readouterr().out) is not met


def test_a_part_that_is_missing_is_an_error_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(everything, "PARTS", ("scenes", "nowhere"))
    with pytest.raises(ImportError, match="nowhere"):
        everything.main([])
    assert "##" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        everything.main(["elsewhere"])
