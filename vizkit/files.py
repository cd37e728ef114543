"""Files that are there whole or not at all, and the folders of the user that they lie in."""

import errno
import os
import sys
import tempfile
from pathlib import Path


def write_whole(path: str | Path, data: bytes) -> Path:
    """Write a file so that a reader sees the old one or the new one, never a part; return its path.

    Several processes may write the same file at once: the last one wins.

    Raises:
        OSError: it cannot be written (the disk is full, no right to); the error names `path`, an
            older file there is left as it was, and nothing else is left behind.
    """
    path = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes files private; an existing file keeps the rights it had.
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # The name of the temporary file would tell a reader nothing.
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    return path


def home_folder() -> Path:
    """The user's own folder.

    Raises:
        FileNotFoundError: there is none, as in a container that knows the user by number only.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder") from None


def cache_folder() -> Path:
    """Where drawn scenes and computed features are kept.

    `VIZKIT_CACHE`, else `vizkit` in the user's cache folder.

    Raises:
        FileNotFoundError: the variable is not set, and the user has no folder.
    """
    if chosen := os.environ.get("VIZKIT_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home_folder() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home_folder() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home_folder() / ".cache"
    return Path(base).expanduser() / "vizkit"
