"""Pictures and metadata inside zip archives: named like files below the archive, never unpacked.

"photos.zip/cat/0.png" is the member "cat/0.png" of the archive "photos.zip". Nothing is written to
the disk, so no name in an archive can lead out of the folder.
"""

from __future__ import annotations

import os
import posixpath
import zipfile
from pathlib import Path

__all__ = ["archive_of", "is_archive", "list_members", "read_member", "why_no_member"]

LARGEST = 256 * 2**20  # bytes of one member: a picture is smaller, and a bomb is not opened


def is_archive(name: str) -> bool:
    """Whether the name is that of a zip archive."""
    return name.lower().endswith(".zip")


def archive_of(folder: Path, name: str) -> tuple[str, str] | None:
    """The archive and the member that a name speaks of; None for a plain file."""
    parts = name.split("/")
    for end in range(1, len(parts)):
        above = "/".join(parts[:end])
        if is_archive(parts[end - 1]) and os.path.isfile(folder / above):
            return above, posixpath.normpath("/".join(parts[end:]))
    return None


def list_members(folder: Path, archive: str) -> list[str]:
    """The files in an archive, without hidden ones; those of a folder before its subfolders.

    Raises ValueError, with the reason, for what is no archive that can be opened.
    """
    try:
        with zipfile.ZipFile(folder / archive) as opened:
            names = [one.filename for one in opened.infolist() if not one.is_dir()]
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"this archive cannot be opened: {error}") from error
    shown = [name for name in names if not any(map(_is_hidden, name.split("/")))]
    return [f"{archive}/{name}" for name in sorted(dict.fromkeys(shown), key=_place)]


def _is_hidden(part: str) -> bool:
    return part.startswith((".", "__"))


def _place(name: str) -> list[tuple[bool, str]]:
    *folders, file = name.split("/")
    return [*((True, one) for one in folders), (False, file)]


def read_member(folder: Path, archive: str, member: str) -> bytes:
    """The bytes of a member. Raises ValueError, with the reason, where they cannot be had."""
    reason = why_no_member(folder, archive, member)
    if reason:
        raise ValueError(reason)
    with zipfile.ZipFile(folder / archive) as opened:
        try:
            return opened.read(member)
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
            raise ValueError(f"cannot be read from its archive: {error}") from error


def why_no_member(folder: Path, archive: str, member: str) -> str | None:
    """Why a member cannot be read, as far as the list of the archive says; None if it can."""
    try:
        with zipfile.ZipFile(folder / archive) as opened:
            found = opened.getinfo(member)
    except KeyError:
        return "no such file in the archive"
    except (OSError, zipfile.BadZipFile) as error:
        return f"this archive cannot be opened: {error}"
    if found.flag_bits & 1:
        return "is encrypted: unpack the archive"
    if found.file_size > LARGEST:
        return f"more than {LARGEST >> 20} MB: make it smaller"
    return None
