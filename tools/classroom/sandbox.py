"""A kernel that runs a stranger's code: without network, and where possible without the disk.

Bubblewrap (`bwrap`) gives both: the disk can be read and not written, other processes are not
seen, and there is no network. `unshare` takes the network only. Where neither works nothing is
run, unless the caller says `unprotected=True`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Literal

from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager

import vizkit

Protection = Literal["bubblewrap", "network only", "none"]
MOST_MEMORY = 24 * 2**30  # bytes of addresses; PyTorch reserves more than it uses
# All that a stranger's code gets to see of this process's environment.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIZKIT_WEIGHTS", "OMP_NUM_THREADS")
HIDING_NETWORK = ["unshare", "--map-root-user", "--net"]


class Kernel:
    """A running kernel: `run` executes a cell and waits until it has ended, or for so long."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient):
        self.manager, self.client = manager, client

    def run(self, source: str, seconds: float) -> list[dict]:
        """The messages of a cell's output.

        Raises:
            TimeoutError: it ran for more than `seconds`.
            ChildProcessError: the kernel ended while it ran.
        """
        request = self.client.execute(source, store_history=False, allow_stdin=False)
        messages: list[dict] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except Empty:
                if not self.manager.is_alive():
                    raise ChildProcessError("the kernel ended while a cell ran") from None
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return messages
            messages.append(message)
        raise TimeoutError(f"a cell ran for more than {seconds:g} seconds")


def bubblewrap(folder: Path) -> list[str]:
    """The words before a command that leave it `folder` to write to, and nothing else."""
    words = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for place in below_tmp():
        words += ["--ro-bind", place, place]
    words += ["--bind", str(folder), str(folder), "--unshare-all", "--new-session"]
    return [*words, "--die-with-parent", "--chdir", str(folder)]


def below_tmp() -> list[str]:
    """What a kernel needs of the folder that is hidden from it: Python, its packages, the checkout."""
    places = {sys.prefix, sys.base_prefix, str(Path(vizkit.__file__).parents[1])}
    return sorted(place for place in places if Path(place).is_relative_to("/tmp"))


def protection() -> Protection:
    """The best that works on this machine, tried once with a command that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name, words in (
            ("bubblewrap", bubblewrap(Path(folder))),
            ("network only", HIDING_NETWORK),
        ):
            tried = shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True)
            if tried and tried.returncode == 0:
                return name
    return "none"


def words_before(how: Protection, folder: Path) -> list[str]:
    return {"bubblewrap": bubblewrap(folder), "network only": HIDING_NETWORK, "none": []}[how]


@contextmanager
def sandboxed_kernel(how: Protection) -> Iterator[Kernel]:
    """A fresh kernel under the protection `how`, in a folder of its own.

    Raises:
        RuntimeError: the kernel does not start.
    """
    with tempfile.TemporaryDirectory(prefix="grade-") as name:
        folder = Path(name)
        spec = folder / "kernels" / "sandboxed"
        spec.mkdir(parents=True)
        command = [*words_before(how, folder), sys.executable, "-m", "ipykernel_launcher"]
        # In a process space of its own the kernel does not see its parent, and would take it for
        # dead; bubblewrap ends it with its parent.
        command.append("--IPKernelApp.parent_handle=0")
        (spec / "kernel.json").write_text(
            json.dumps({"argv": [*command, "-f", "{connection_file}"], "display_name": "sandboxed"})
        )
        # A socket in the folder: without a network there is no port to meet at.
        manager = KernelManager(
            kernel_name="sandboxed",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(spec.parent)]),
            transport="ipc",
            connection_file=str(folder / "kernel.json"),
            ip=str(folder / "socket"),
        )
        silent = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
        manager.start_kernel(env=environment(folder), cwd=str(folder), **silent)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def environment(folder: Path) -> dict[str, str]:
    """Variables of the kernel: no keys, no hub, and every cache in its own folder."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "VIZKIT_CACHE", "HF_HOME")
    return (
        kept
        | dict.fromkeys(own, str(folder))
        | {
            "HF_HUB_OFFLINE": "1",
            "VIZKIT_PROGRESS_FILE": str(folder / "progress.json"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
    )
