"""The built front end: what `js/build.mjs` wrote into `static/`, read once and as it is."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

STATIC = Path(__file__).with_name("static")
CONSTANTS = Path(__file__).parents[1] / "constants.json"


@cache
def script(name: str) -> str:
    """The module of an instrument, such as "attention_map", or the host of an exported page ("page")."""
    return _read(f"{name}.js")


@cache
def style(name: str) -> str:
    """The style sheet of an instrument."""
    return _read(f"{name}.css")


@cache
def module(name: str) -> str:
    """The module of an instrument as it travels to a notebook: compressed together with the style sheet, and their unpacking."""
    return _read(f"{name}.bundle.js")


@cache
def constant(name: str) -> Any:
    """What both sides of an instrument must agree on: colour maps, palettes, views."""
    constants = json.loads(CONSTANTS.read_text(encoding="utf-8"))
    if name not in constants:
        raise LookupError(f"constants.json has {', '.join(constants)}, and no {name!r}")
    return constants[name]


def _read(name: str) -> str:
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"the front end lacks {name}: reinstall vizkit, or run `npm ci && npm run build` in js/"
        )
    return path.read_text(encoding="utf-8")
