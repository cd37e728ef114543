"""The reference of vizkit's public parts, made from their docstrings by pdoc; it needs no network."""

from __future__ import annotations

import warnings
from pathlib import Path

PARTS = ("widgets", "models", "losses", "data", "training", "zoo", "inputs", "course")
# Definitions of single notebooks, drawings and command lines: nothing to call.
LEFT_OUT = (r"!vizkit\.course\.(drawings|exercises\..+|registry)", r"!.*__main__")


def write_api(folder: Path) -> list[Path]:
    """Write the reference into `folder`; its pages, relative to it.

    Raises:
        RuntimeError: a module of vizkit cannot be imported, such as one whose extra is missing.
        OSError: `folder` cannot be written.
    """
    import pdoc
    import pdoc.render

    # Ours are Google's headings (Args, Returns, Raises); the course is one folder above.
    pdoc.render.configure(
        docformat="google",
        footer_text="vizkit: the instruments and components of the course",
        logo_link="../index.html",
        search=True,
    )
    modules = ["vizkit", *(f"vizkit.{part}" for part in PARTS), *LEFT_OUT]
    with warnings.catch_warnings():
        # The fields of a NamedTuple keep their annotations as texts, which pdoc shows as they are.
        warnings.filterwarnings("ignore", message="Error parsing type annotation")
        pdoc.pdoc(*modules, output_directory=folder)
    return sorted(path.relative_to(folder) for path in folder.rglob("*.html"))
