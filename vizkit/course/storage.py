"""A small JSON file that several kernels may change at once."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from vizkit.files import write_whole


def read_json(path: Path) -> dict[str, Any]:
    """The dictionary stored in `path`; empty when there is no readable one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that a reader sees the old file or the new one, never a part of it.

    A file that already holds `text` is left alone, time stamp included.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    content = text.encode("utf-8")
    if path.is_file() and path.read_bytes() == content:
        return
    write_whole(path, content)


def lock_of(path: Path, seconds: float = 10) -> FileLock:
    """A lock between processes that change `path`, to be used with `with`.

    It lies in the folder for temporary files: beside the file it would be clutter, and it must
    work there too when the file's own folder is about to refuse the write.

    Raises (when entered):
        OSError: the lock was held by another for more than `seconds`, or cannot be made.
    """
    digest = hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()[:16]
    name = Path(tempfile.gettempdir()) / f"vizkit-{digest}.lock"
    return FileLock(name, timeout=seconds, mode=0o666)


def update_json(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Read `path`, let `change` edit the dictionary in place, and write it back atomically.

    A lock makes the three steps one, so two kernels lose nothing of each other's.

    Raises:
        OSError: the file cannot be read or written, or the lock was held for more than 10 s.
    """
    path = Path(path).absolute()
    with lock_of(path):
        content = read_json(path)
        change(content)
        write_atomically(
            path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        )
