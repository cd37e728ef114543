"""Run notebooks in place and store what they print:

    python -m tools.course.outputs [--fresh] notebooks/*.ipynb

Every notebook runs in a new kernel with no network. A notebook whose run changes nothing keeps
its bytes; one that raises is left as it was. Plotly figures get the static picture that GitHub
and PDF show, drawn by the same Plotly in a headless Chromium.
"""

import argparse
import errno
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat

from tools.browsers import headless_chromium
from tools.course.execute import executed
from tools.course.ledger import PAGE, write_ledger
from tools.course.looked import unlooked
from tools.course.measure import KERNEL_USE, Use, store_measured, use_of_kernel
from vizkit.course.figures import PLOTLY_MIME
from vizkit.course.registry import NOTEBOOKS
from vizkit.course.storage import write_atomically

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_BREATHES = re.compile(r"⟨[^⟩]*⟩")
_TIME_SECTION = re.compile(r"(^## Time and memory\n[^⟨]*)⟨[^⟩]*⟩", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Run and store the notebooks named on the command line (default: all). 0 if all ran."""
    parser = argparse.ArgumentParser(prog="python -m tools.course.outputs")
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument(
        "--fresh", action="store_true", help="also renew the outputs of cells tagged `timing`"
    )
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted(Path("notebooks").glob("*.ipynb"))
    paths = [path for path in paths if path.name != PAGE]
    failed = []
    with figure_renderer() as render:
        for path in paths:
            print(f"{path.name}: running …", flush=True)
            try:
                use, changed = store_outputs(path, render, fresh=options.fresh)
            except Exception as error:
                failed.append(path.name)
                print(f"{path.name}: {_last_lines(error)}", file=sys.stderr)
                continue
            except KeyboardInterrupt:
                print("interrupted; what was stored before is kept", file=sys.stderr)
                return 130
            state = "stored" if changed else "unchanged"
            took = f"{use.seconds:.0f} s ({use.processor:.0f} s of the processors)"
            print(f"{path.name}: {took}, {use.gigabytes:.2f} GB at most, {state}", flush=True)
            if cells := unlooked(nbformat.read(path, as_version=4)):
                print(
                    f"{path.name}: compare these texts with the outputs above them: "
                    f"{' '.join(cells)}; then run python -m tools.course.looked {path}",
                    flush=True,
                )
    stored = [path for path in paths if path.name not in failed]
    for folder in {path.parent for path in stored if path.stem in NOTEBOOKS}:
        write_ledger(folder)
    if failed:
        print(f"not stored, for the errors above: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def store_outputs(
    path: Path, render: Callable[[dict], str], *, fresh: bool = False, measured: Path | None = None
) -> tuple[Use, bool]:
    """Run one notebook, store its outputs and figures.

    measured: another table of times and memory than the package's.
    Returns what it took, and whether the file changed.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; nothing is written.
        OSError: the notebook cannot be written, which is found out before it runs.
    """
    before = path.read_text(encoding="utf-8")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))
    old, new = nbformat.reads(before, as_version=4), nbformat.reads(before, as_version=4)
    with tempfile.TemporaryDirectory() as scratch:
        use = _execute(new, path, Path(scratch))
    _clean(new)
    old_cells = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in (cell for cell in new.cells if cell.cell_type == "code"):
        previous = old_cells.get(cell.id)
        if previous is not None and not fresh and is_kept(cell, previous):
            cell.outputs = previous.outputs
        else:
            _add_pictures(cell, previous, render)
    _fill_in_time(new, store_measured(path.stem, use, table=measured))
    after = nbformat.writes(new, indent=1).rstrip("\n") + "\n"
    write_atomically(path, after)
    return use, after != before


@contextmanager
def figure_renderer() -> Iterator[Callable[[dict], str]]:
    """A function from a Plotly figure (its JSON) to a PNG in base64. Chromium starts when needed.

    Raises (when called):
        RuntimeError: playwright or Chromium is missing.
    """
    pages: list[Any] = []

    def render(figure: dict) -> str:
        if not pages:
            pages.append(_page_with_plotly(opened))
        # Plotly's JupyterLab extension shows a stored picture pixel by pixel, so: one to one.
        url = pages[0].evaluate(
            """async ({data, layout}) => Plotly.toImage({data, layout},
               {format: "png", width: 800, height: layout.height || 420, scale: 1})""",
            {"data": figure["data"], "layout": figure["layout"]},
        )
        return url.split(",", 1)[1]

    with ExitStack() as opened:
        yield render


def _page_with_plotly(opened: ExitStack) -> Any:
    import plotly

    try:
        page = opened.enter_context(headless_chromium()).new_page(offline=True)
    except ImportError as error:
        raise RuntimeError(
            "pictures of figures need the test extra: pip install .[test]"
        ) from error
    except FileNotFoundError as error:
        raise RuntimeError(f"pictures of figures: {error}") from error
    page.add_script_tag(path=str(Path(plotly.__file__).parent / "package_data" / "plotly.min.js"))
    return page


def _execute(notebook, path: Path, scratch: Path) -> Use:
    start = time.perf_counter()
    with executed(notebook, path.parent, scratch) as request:
        seconds = time.perf_counter() - start
        reply = request("", silent=True, user_expressions={"use": KERNEL_USE})
    return use_of_kernel(seconds, reply)


def _clean(notebook) -> None:
    """Drop what says nothing to a reader: widget state, versions, timings."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            # The view of a widget that is gone would hide the picture stored beside it.
            data.pop(WIDGET_MIME, None)
            if "image/png" in data:
                picture = output.metadata.setdefault("image/png", nbformat.from_dict({}))
                picture.setdefault("alt", data.get("text/plain", "").split("\n")[0])
        cell_outputs = cell.get("outputs")
        if cell_outputs:
            cell.outputs = [o for o in cell_outputs if o.get("data", o.get("text")) != {}]


def _text(cell) -> str:
    """What a cell says, numbers between ⟨ ⟩ blanked: its text, and the titles of its figures."""
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        parts.append(output.get("text") or data.get("text/plain", ""))
        layout = data.get(PLOTLY_MIME, {}).get("layout", {})
        titled = (layout, layout.get("xaxis", {}), layout.get("yaxis", {}))
        parts += [str(one.get("title", {}).get("text", "")) for one in titled]
    return _BREATHES.sub("⟨⟩", "\n".join(parts))


def is_kept(cell, previous) -> bool:
    return (
        "timing" in cell.metadata.get("tags", [])
        and bool(previous.outputs)
        and _text(cell) == _text(previous)
    )


def _add_pictures(cell, previous, render: Callable[[dict], str]) -> None:
    stored = [o for o in previous.outputs if PLOTLY_MIME in o.get("data", {})] if previous else []
    for output in cell.outputs:
        figure = output.get("data", {}).get(PLOTLY_MIME)
        if figure is None:
            continue
        same = (o.data.get("image/png") for o in stored if o.data[PLOTLY_MIME] == figure)
        output.data["image/png"] = next(filter(None, same), None) or render(figure)
        output.metadata["image/png"] = nbformat.from_dict(
            {
                "alt": output.data["text/plain"],
                "width": 800,
                "height": figure["layout"].get("height", 420),
            }
        )


def _fill_in_time(notebook, use: Use) -> None:
    text = f"⟨about {use.seconds:.0f} seconds and {use.gigabytes:.1f} GB of memory⟩"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _TIME_SECTION.sub(rf"\g<1>{text}", cell.source)


def _last_lines(error: Exception) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return json.dumps(type(error).__name__) + "\n" + "\n".join(lines[-12:])


if __name__ == "__main__":
    raise SystemExit(main())
