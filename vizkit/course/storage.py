"""A small JSON file that several kernels may change at once."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def read_json(path: Path) -> dict:
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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp makes files private; an existing file keeps the rights it had.
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def update_json(path: Path, change: Callable[[dict], None]) -> None:
    """Read `path`, let `change` edit the dictionary in place, and write it back atomically.

    A lock makes the three steps one, so two kernels lose nothing of each other's. It lies in the
    folder for temporary files: beside the file it would be clutter, and it must work there too
    when the file's own folder is about to refuse the write.

    Raises:
        OSError: the file cannot be written, or the lock was held for more than 10 s.
    """
    path = Path(path).absolute()
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"vizkit-{digest}.lock", timeout=10, mode=0o666):
        content = read_json(path)
        change(content)
        write_atomically(
            path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        )
