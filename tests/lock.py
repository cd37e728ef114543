"""What uv.lock says, read without uv."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def locked_packages() -> list[dict[str, Any]]:
    """The packages that uv.lock pins: name, version, wheels. Not vizkit itself."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return [package for package in lock["package"] if "registry" in package["source"]]
