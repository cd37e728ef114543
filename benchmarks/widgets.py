"""Measures the three widgets against their peers and prints the required table with what came out.

    python -m benchmarks.widgets [--only similarity …] [--quick] [--json PATH] [--check]

Ends with 0 when everything could be measured, whatever came out; with 2 when something could not;
with `--check`, with 1 when a requirement was missed. Needs the `test` and `bench` extras and a
Chromium. The definitions are in `benchmarks/harness.py`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import contenders as made
from benchmarks import harness
from benchmarks.harness import Requirement, Row, Samples, tell

SIZES = (64, 256, 1024)
COUNTS = (2_000, 100_000, 1_000_000)
REPEATS = {64: 5, 256: 5, 1024: 3, 2_000: 5, 100_000: 3, 1_000_000: 3}
FRAME_RATE = 55
# A drag "moves" when a frame takes no longer than the temperature slider's 33 ms.
DRAG_RATE = 30
CONTENDERS = ("vizkit", "peers")


# ── Similarity ────────────────────────────────────────────────────────────────────────────────────


def similarity_rows() -> list[Row]:
    rows = []
    for size, bound in zip(SIZES, (88, 44, 23), strict=True):
        work, peer = f"similarity {size}²", "FigureWidget"
        rows.append(Row(Requirement(work, "bytes received", peer, "ratio", 1 / bound, "B")))
        rows.append(Row(Requirement(work, "run to painted", peer, "ratio", 1 / 10, "ms")))
    drag = Requirement("similarity 1024²", "temperature drag, p95", "", "at most", 33, "ms")
    return [*rows, Row(drag)]


def measure_similarity(browser: Any, rows: list[Row], who: Sequence[str], details: dict) -> None:
    kinds = [name for name, group in (("vizkit", "vizkit"), ("plotly", "peers")) if group in who]
    samples = in_lab(browser, "similarity", SIZES, kinds, details)
    for size, pair in zip(SIZES, (rows[0:2], rows[2:4], rows[4:6]), strict=True):
        fill_ratios(pair, samples, size, "plotly")
    if "vizkit" in who:
        measure_temperature_drag(browser, rows[6], details)


def measure_temperature_drag(browser: Any, row: Row, details: dict) -> None:
    """Fill the row with the slower of two views: the first, and one all of whose cells change."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "similarity.html"
        for view in ("cosine", "softmax over texts"):
            made.save_similarity_vizkit(1024, path, view=view)
            with harness.exported(browser, path, "vizkit") as (page, _):
                times = harness.drag_slider(page, 'input[type=range][aria-label*="emperature"]')
            details[f"temperature drag 1024², {view}"] = times
            half, most = (harness.percentile(times, percent) for percent in (50, 95))
            figures[view] = most
            tell(f"temperature drag 1024², {view}: p50 {half:.1f} ms, p95 {most:.1f} ms")
    row.ours = max(figures.values())
    row.note = ", ".join(f"{view} {value:.1f} ms" for view, value in figures.items())


def page_rows() -> list[Row]:
    return [
        Row(
            Requirement(
                f"similarity {size}², exported", "page to painted", "to_html", "ratio", 1 / 7, "ms"
            )
        )
        for size in SIZES
    ]


def measure_pages(browser: Any, rows: list[Row], who: Sequence[str], details: dict) -> None:
    savers = {"vizkit": made.save_similarity_vizkit, "plotly": made.save_similarity_plotly}
    kinds = [name for name in savers if ("vizkit" if name == "vizkit" else "peers") in who]
    with tempfile.TemporaryDirectory() as folder:
        for size, row in zip(SIZES, rows, strict=True):
            samples = Samples()
            for kind in kinds:
                savers[kind](size, Path(folder) / f"{kind}-{size}.html")
            for kind, counts in harness.alternate(kinds, REPEATS[size]):
                path = Path(folder) / f"{kind}-{size}.html"
                with harness.exported(browser, path, kind) as (_, painted):
                    if counts:
                        samples.add(kind, painted)
            row.ours, row.theirs = samples.median("vizkit"), samples.median("plotly")
            details[row.requirement.work] = samples.values
            tell(f"{row.requirement.work}: {_medians(samples, 'ms')}")


# ── Attention ─────────────────────────────────────────────────────────────────────────────────────


def attention_rows() -> list[Row]:
    work = "attention 12 x 12 x 197 x 197"
    return [
        Row(Requirement(work, "first display", "", "at most", 0.6e6, "B")),
        Row(Requirement(work, "all layers", "", "at most", 5.8e6, "B")),
        Row(Requirement(work, "all layers", "bertviz", "ratio", 1 / 44, "B")),
        Row(Requirement(work, "exported page to painted", "", "at most", 500, "ms")),
        Row(Requirement(work, "hover", "", "at least", FRAME_RATE, "frames/s")),
    ]


def measure_attention(browser: Any, rows: list[Row], who: Sequence[str], details: dict) -> None:
    first, everything, against, page_time, hover = rows
    if "peers" in who:
        against.theirs = made.attention_bytes_bertviz()
        circuits = made.attention_bytes_circuitsvis()
        against.note = f"circuitsvis {harness.format_value(circuits, 'B')}"
        details["attention bytes"] = {"bertviz": against.theirs, "circuitsvis": circuits}
        tell(f"attention: bertviz {against.theirs / 1e6:.1f} MB, {against.note}")
    if "vizkit" not in who:
        return
    samples = in_lab(browser, "attention", (0,), ["vizkit"], details, repeats=3)
    first.ours = samples.median("vizkit 0 first")
    everything.ours = against.ours = samples.median("vizkit 0 bytes")
    first.note = f"run to painted {harness.format_value(samples.median('vizkit 0 painted'), 'ms')}"
    times = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attention.html"
        made.attention_vizkit().save_html(path)
        for _ in range(5):
            with harness.exported(browser, path, "vizkit") as (page, painted):
                times.append(painted)
                if len(times) == 5:
                    fill_sweep(hover, page, details)
    # The first page warms Chromium up, as everywhere.
    page_time.ours = harness.percentile(times[1:], 50)
    details["attention, exported"] = times
    tell(f"attention, exported: {page_time.ours:.0f} ms to painted")


# ── Embedding space ───────────────────────────────────────────────────────────────────────────────


def embedding_rows() -> list[Row]:
    rows = []
    for count, size, speed in zip(COUNTS, (33, 6.9, 3.6), (2.6, 2.8, 4.6), strict=True):
        work, peer = f"embedding {count:,}", "jupyter-scatter"
        rows.append(Row(Requirement(work, "bytes received", peer, "ratio", 1 / size, "B")))
        rows.append(Row(Requirement(work, "run to painted", peer, "ratio", 1 / speed, "ms")))
        rows.append(Row(Requirement(work, "hover", "", "at least", FRAME_RATE, "frames/s")))
    work = f"embedding {COUNTS[-1]:,}"
    return [*rows, Row(Requirement(work, "drag", "", "at least", DRAG_RATE, "frames/s"))]


def measure_embedding(browser: Any, rows: list[Row], who: Sequence[str], details: dict) -> None:
    kinds = [name for name, group in (("vizkit", "vizkit"), ("scatter", "peers")) if group in who]
    samples = in_lab(browser, "embedding", COUNTS, kinds, details)
    for index, count in enumerate(COUNTS):
        fill_ratios(rows[3 * index : 3 * index + 2], samples, count, "scatter")
    if "vizkit" not in who:
        return
    with tempfile.TemporaryDirectory() as folder:
        for index, count in enumerate(COUNTS):
            path = Path(folder) / f"embedding-{count}.html"
            made.embedding_vizkit(count).save_html(path)
            with harness.exported(browser, path, "vizkit") as (page, painted):
                details[f"embedding {count:,}, exported"] = painted
                fill_sweep(rows[3 * index + 2], page, details)
                if count == COUNTS[-1]:
                    fill_sweep(rows[-1], page, details, drag=True)


# ── Saved notebooks ───────────────────────────────────────────────────────────────────────────────


def saved_rows() -> list[Row]:
    work = f"{made.SAVED_WIDGETS} saved widgets"
    return [
        Row(Requirement(work, "code in the notebook", "FigureWidget", "at most", 0.95e6, "B")),
        # What an instrument carried before they had anything in common.
        Row(Requirement(work, "code in the notebook for each", "", "at most", 17_600, "B")),
    ]


def measure_saved(browser: Any, rows: list[Row], who: Sequence[str], details: dict) -> None:
    if "peers" in who:
        rows[0].theirs = _in_kernel("saved_code_plotly")
    if "vizkit" in who:
        rows[0].ours = _in_kernel("saved_code_vizkit")
        rows[1].ours = rows[0].ours / made.SAVED_WIDGETS
    details["saved code"] = {"vizkit": rows[0].ours, "plotly": rows[0].theirs}


def _in_kernel(name: str) -> int:
    """What a function of `contenders` gives in a kernel of its own."""
    import nbformat
    from nbclient import NotebookClient

    source = f"from benchmarks import contenders as made\nmade.{name}()"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    return int(notebook.cells[0].outputs[-1]["data"]["text/plain"])


# ── Shared steps ──────────────────────────────────────────────────────────────────────────────────


def in_lab(
    browser: Any,
    kind: str,
    counts: Sequence[int],
    kinds: Sequence[str],
    details: dict,
    repeats: int | None = None,
) -> Samples:
    """Show `kind` at every size in JupyterLab, contenders in turn.

    Returns:
        Samples named "contender size measure".
    """
    samples = Samples()
    with harness.lab(browser) as lab:
        lab.run_to_end(
            "from benchmarks import contenders as made\n"
            f"made.prepare({kind!r}, {list(counts)!r}, {list(kinds)!r})"
        )
        for count in counts:
            for name, counted in harness.alternate(kinds, repeats or REPEATS[count]):
                try:
                    result = lab.show(f"made.{kind}_{name}({count})", name)
                    result.update(lab.phases() if name == "vizkit" else {})
                except TimeoutError as error:
                    # A display that never comes must not cost the other figures; it is told.
                    tell(f"{kind} {count or ''} {name}: left out: {error}".splitlines()[0])
                    details.setdefault("painted nothing", []).append(f"{kind} {count} {name}")
                    counted = False
                lab.run_to_end("made.clear()")
                if counted:
                    for measure, value in result.items():
                        samples.add(f"{name} {count} {measure}", value)
            for name in kinds:
                size = harness.format_value(samples.median(f"{name} {count} bytes"), "B")
                painted = harness.format_value(samples.median(f"{name} {count} painted"), "ms")
                tell(f"{kind} {count or ''} {name}: {size}, run to painted {painted}")
            medians = {one: samples.median(f"vizkit {count} {one}") for one in harness.PHASES}
            if all(value is not None for value in medians.values()):
                shares = ", ".join(f"{one} {value:.0f}" for one, value in medians.items())
                tell(f"{kind} {count or ''} vizkit, phases in ms: {shares}")
    details[f"{kind} in JupyterLab"] = samples.values
    return samples


def fill_ratios(pair: Sequence[Row], samples: Samples, size: int, peer: str) -> None:
    """Fill a row of bytes and a row of run to painted."""
    for row, measure in zip(pair, ("bytes", "painted"), strict=True):
        row.ours = samples.median(f"vizkit {size} {measure}")
        row.theirs = samples.median(f"{peer} {size} {measure}")


def fill_sweep(row: Row, page: Any, details: dict, *, drag: bool = False) -> None:
    """Move (or drag) the pointer over the widget's largest picture for two seconds."""
    page.wait_for_timeout(500)
    result = page.evaluate(
        "drag => bench.sweep(bench.largest('.vizkit canvas'), 2000, drag)",
        drag,
    )
    if not result["changes"]:
        raise RuntimeError(f"{row.requirement.work}: the pointer moved and nothing answered")
    row.ours = result["rate"]
    row.note = f"longest frame {result['longest']:.0f} ms"
    if drag:
        row.note += f", {result['points']:,} points while it moves"
    details[f"{row.requirement.work}, {row.requirement.measure}"] = result
    tell(f"{row.requirement.work}, {row.requirement.measure}: {row.ours:.1f} frames/s, {row.note}")


def _medians(samples: Samples, unit: str) -> str:
    return ", ".join(
        f"{name} {harness.format_value(samples.median(name), unit)}" for name in samples.values
    )


WORKS: dict[str, tuple[Callable[[], list[Row]], Callable[..., None]]] = {
    "similarity": (similarity_rows, measure_similarity),
    "pages": (page_rows, measure_pages),
    "attention": (attention_rows, measure_attention),
    "embedding": (embedding_rows, measure_embedding),
    "saved": (saved_rows, measure_saved),
}


def environment() -> dict[str, Any]:
    """Return the versions and the machine that the figures belong to.

    Raises:
        CannotMeasureError: a peer is not installed.
    """
    names = ("plotly", "bertviz", "circuitsvis", "jupyter-scatter", "jupyterlab", "anywidget")
    try:
        versions = {name: importlib.metadata.version(name) for name in names}
    except importlib.metadata.PackageNotFoundError as missing:
        raise harness.CannotMeasureError(
            f"{missing.name} is not installed: make bench installs it"
        ) from None
    return {**versions, "python": platform.python_version(), "cores": os.cpu_count()}


def measure(works: Sequence[str], who: Sequence[str]) -> tuple[list[Row], dict[str, Any]]:
    """Measure `works` for the contenders in `who`; a work that fails leaves its reason behind."""
    rows: list[Row] = []
    details: dict[str, Any] = {"environment": environment()}
    with harness.chromium() as browser:
        details["environment"]["chromium"] = browser.version
        for work in works:
            make, run = WORKS[work]
            own = make()
            rows += own
            begin = time.perf_counter()
            try:
                run(browser, own, who, details)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}".splitlines()
                tell("\n  ".join([f"{work} failed:", *reason]))
                for row in own:
                    if row.verdict == "not measured":
                        row.note = reason[0][:120]
            tell(f"{work}: {time.perf_counter() - begin:.0f} s")
    return rows, details


def main(quick: bool = False) -> bool:
    """Measure everything, print the table, say whether every requirement is met."""
    return command(["--check", *(["--quick"] if quick else [])]) == 0


def command(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, return the exit status that the module's first lines state."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.widgets", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=WORKS, default=list(WORKS), metavar="WORK")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--json", metavar="PATH", help="also write rows and single measurements")
    parser.add_argument("--quick", action="store_true", help="one repeat of everything: noisy")
    parser.add_argument("--check", action="store_true", help="fail when a requirement is missed")
    options = parser.parse_args(arguments)
    if options.quick:
        REPEATS.update(dict.fromkeys(REPEATS, 1))
    try:
        rows, details = measure(options.only, options.contenders)
    except harness.CannotMeasureError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    print(harness.format_table(rows))
    print(f"\n{harness.summary(rows)}")
    if options.json:
        harness.write_text(options.json, harness.to_json(rows, details))
    return exit_status(rows, check=options.check)


def exit_status(rows: Sequence[Row], *, check: bool) -> int:
    """Return 2 when something was not measured, 1 when `check` and something was missed, else 0."""
    verdicts = {row.verdict for row in rows}
    if "not measured" in verdicts:
        return 2
    return int(check and "not met" in verdicts)


if __name__ == "__main__":
    sys.exit(command())
