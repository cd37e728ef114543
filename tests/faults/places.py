"""Disks and folders that refuse: what the tests of faults have in common."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

CAPABILITIES = "-dac_override,-dac_read_search,-fowner"


@contextlib.contextmanager
def files_of_at_most(limit: int) -> Iterator[None]:
    """Within this context no file of this process can grow beyond `limit` bytes.

    The system itself refuses, in the middle of the write, as it does on a full disk; only the
    words differ: "File too large".
    """
    resource = pytest.importorskip("resource", reason="this system has no limit on file sizes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, hidden ones too, with what it holds."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@contextlib.contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Within this context nothing in these folders can be written, by `run_without_privileges`."""
    entries = [entry for folder in folders for entry in (folder, *folder.rglob("*"))]
    entries = [entry for entry in entries if not entry.is_symlink()]
    modes = [entry.stat().st_mode for entry in entries]
    for entry, mode in zip(entries, modes, strict=True):
        entry.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for entry, mode in zip(entries, modes, strict=True):
            entry.chmod(mode)


def run_without_privileges(
    command: Sequence[str | Path], *, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a Python command for which the rights of files count: root gives up what spares it them.

    Skips the test where that is not possible.
    """
    if os.name != "posix":
        pytest.skip("rights of folders as on POSIX systems are needed")
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("run by root, for whom no folder is read-only, and setpriv is missing")
        prefix = ["setpriv", f"--bounding-set={CAPABILITIES}"]
        if subprocess.run([*prefix, "true"], capture_output=True).returncode:
            pytest.skip("run by root, who may not give up its rights here")
    return subprocess.run(
        [*prefix, sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
