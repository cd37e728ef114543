"""Run the notebooks, lay out every page, and put the finished site in its place at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

from tools.site.api import write_api
from tools.site.execute import is_cached, run
from tools.site.notebook import Page, page_of
from tools.site.pages import API, index_page, notebook_page, slides_page
from tools.site.slides import deck_of
from vizkit.course.storage import lock_of
from vizkit.progress import progress_bar
from vizkit.widgets import assets
from vizkit.widgets.page import ascii_script

FRONTEND = Path(__file__).with_name("frontend")  # built from js/site and js/slides
STAMP = ".vizkit-site"  # marks a folder that a build may replace
MOST_BYTES = 4_500_000  # of a page, without the shared assets; 00 carries the weights of an encoder
_SECONDS_TO_WRITE = 300  # two builds at once: the second waits until the first has written


def build_site(
    notebooks: Sequence[Path], out: Path, *, slides: bool = False, reference: bool = False
) -> list[Path]:
    """Build the site of these notebooks in `out`; return its pages.

    `reference` adds what vizkit's docstrings say, in `api/`. What the notebooks show is kept beside it in `.<out>-cache`, so that only changed code runs again.

    Raises:
        ValueError: no notebooks, a path that is none, or an `out` that holds something else.
        nbclient.exceptions.CellExecutionError: a cell raised; the site stays as it was.
        OSError: the site cannot be written; the old one stays.
    """
    notebooks = [Path(path) for path in notebooks]
    out = Path(out).absolute()
    _check(notebooks, out)
    cache = out.with_name(f".{out.name}-cache")
    with lock_of(out, _SECONDS_TO_WRITE):
        _recover(out)
        # A folder that cannot be written to says so now, and not when all notebooks have run.
        _scratch(out).rmdir()
    names = [path.stem for path in notebooks]
    pages = []
    for path, result in _runs(notebooks, cache):
        notebook = nbformat.read(path, as_version=4)
        page = page_of(path.stem, notebook, result, names)
        if slides:
            page.deck = deck_of(path.stem, notebook, result, names)
        pages.append(page)
    with lock_of(out, _SECONDS_TO_WRITE):
        _recover(out)
        scratch = _scratch(out)
        try:
            written = _write(scratch, pages, reference=reference)
            scratch.chmod(0o755)
            _replace(out, scratch)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
    return [out / path for path in written]


def _check(notebooks: Sequence[Path], out: Path) -> None:
    if not notebooks:
        raise ValueError("expected one or more notebooks, received none")
    for path in notebooks:
        if path.suffix != ".ipynb" or not path.is_file():
            raise ValueError(f"expected a notebook, received {str(path)!r}")
    if len({path.stem for path in notebooks}) != len(notebooks):
        raise ValueError("two notebooks have the same name")
    if out.exists() and not (out.is_dir() and ((out / STAMP).exists() or not any(out.iterdir()))):
        raise ValueError(
            f"{str(out)!r} holds something that is no site of this course: name another folder"
        )


def _runs(notebooks: Sequence[Path], cache: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every notebook with its outputs and widgets; progress counts the cells still to be run."""
    cells = dict.fromkeys(notebooks, 0)
    for path in notebooks:
        if not is_cached(path, cache):
            content = nbformat.read(path, as_version=4).cells
            cells[path] = sum(cell.cell_type == "code" for cell in content)
    with progress_bar(
        total=sum(cells.values()), unit="cell", disable=not any(cells.values())
    ) as bar:
        for path in notebooks:
            bar.set_description(path.stem)
            yield path, run(path, cache, bar.update)


def _scratch(out: Path) -> Path:
    """A new folder beside `out`; OSError, naming `out`, if there can be none."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-", suffix=".part"))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out)) from None


def _write(folder: Path, pages: Sequence[Page], *, reference: bool) -> list[Path]:
    """Write the site into an empty folder; return its pages, relative to it."""
    _write_assets(folder / "assets", pages)
    texts: dict[str, Callable[[], str]] = {
        "index.html": lambda: index_page(pages, reference=reference)
    }
    for page in pages:
        texts[f"{page.name}.html"] = lambda page=page: notebook_page(page, pages)
        if page.deck:
            texts[f"slides/{page.name}.html"] = lambda page=page: slides_page(page)
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text(), encoding="utf-8")
    if reference:
        write_api(folder / API)
    (folder / STAMP).write_text("made by python -m tools.site\n", encoding="utf-8")
    return [Path(name) for name in texts]


def _write_assets(folder: Path, pages: Sequence[Page]) -> None:
    import plotly

    folder.mkdir()
    codes = {key: code for page in pages for key, code in page.codes.items()}
    for key, code in codes.items():
        (folder / f"{key}.js").write_text(code.script, encoding="utf-8")
        if code.style:
            (folder / f"{key}.css").write_text(code.style, encoding="utf-8")
    if codes:
        host = ascii_script(assets.script("page"))
        host = f'(() => {{ "use strict";\n{host}\n}})();\n'
        (folder / "host.js").write_text(host, encoding="utf-8")
    if any(page.charts for page in pages):
        source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        shutil.copyfile(source, folder / source.name)
    decks = ("slides.css", "slides.js") if any(page.deck for page in pages) else ()
    for name in ("site.css", "site.js", *decks):
        shutil.copyfile(FRONTEND / name, folder / name)


def _replace(out: Path, finished: Path) -> None:
    """Put the finished folder in the place of the old one. Renaming is all that happens there."""
    old = _old(out)
    if out.exists():
        out.rename(old)
    try:
        finished.rename(out)
    except BaseException:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _recover(out: Path) -> None:
    """Undo what an earlier build left if it was killed between its two renames."""
    old = _old(out)
    if old.exists() and not out.exists():
        old.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    for rest in out.parent.glob(f".{out.name}-*.part"):
        shutil.rmtree(rest, ignore_errors=True)


def _old(out: Path) -> Path:
    return out.with_name(f".{out.name}-old")
