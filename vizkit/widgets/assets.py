"""The built front end: what `js/build.mjs` wrote into `static/`, read once and as it is."""

from __future__ import annotations

import base64
import hashlib
import json
import string
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
def part(name: str) -> bytes:
    """A part of an instrument's code and style, compressed: "attention_map", or "shared", what all instruments need."""
    return _bytes(f"{name}.part")


def digest(data: bytes) -> str:
    """A name for these very bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def parts_of(name: str) -> tuple[str, str]:
    """The parts that make up an instrument; each needs those before it."""
    return "shared", name


@cache
def module(name: str, *, complete: bool = True) -> str:
    """The module of an instrument as it travels to a notebook: its parts and what unpacks them.

    complete: with the parts; without them the notebook is asked for them, which gets each once (see `code.py`).
    """
    parts = [_described(part(one), complete) for one in parts_of(name)]
    loader = _read("loader.js")
    if loader.count(_PARTS) != 1:
        raise ValueError(f"loader.js must name {_PARTS} once: run `npm run build` in js/")
    return loader.replace(_PARTS, json.dumps(parts))


_PARTS = "VIZKIT_PARTS"  # where the loader takes the list of parts
_STANDARD = (
    string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
)  # of base64.b85encode
# The signs from "#" on; those with a meaning in JavaScript, JSON or HTML give way to six that are free.
_HARMLESS = "".join(map(chr, range(35, 120))).translate(str.maketrans("$&<>\\`", "xyz{|}"))


def _described(data: bytes, complete: bool) -> dict[str, Any]:
    about = {"digest": digest(data), "length": len(data)}
    if not complete:
        return about
    text = base64.b85encode(data, pad=True).decode()
    return {**about, "text": text.translate(str.maketrans(_STANDARD, _HARMLESS))}


@cache
def constant(name: str) -> Any:
    """What both sides of an instrument must agree on: colour maps, palettes, views."""
    constants = json.loads(CONSTANTS.read_text(encoding="utf-8"))
    if name not in constants:
        raise LookupError(f"constants.json has {', '.join(constants)}, and no {name!r}")
    return constants[name]


def _read(name: str) -> str:
    return _bytes(name).decode()


def _bytes(name: str) -> bytes:
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"the front end lacks {name}: reinstall vizkit, or run `npm ci && npm run build` in js/"
        )
    return path.read_bytes()
