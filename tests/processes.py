"""Processes that a test starts itself, and how they find each other."""

import multiprocessing
import time
from collections.abc import Callable, Collection
from multiprocessing.util import get_temp_dir
from pathlib import Path

import torch.distributed as dist

# A fork server imports PyTorch once for all of them; Windows has none.
METHODS = multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
# Asked for once and kept: the path of a socket has room for 108 bytes, a test's own TMPDIR more.
get_temp_dir()


def run_processes(
    target: Callable,
    count: int,
    folder: Path,
    *arguments: object,
    seconds: float = 240,
    lasting: Collection[int] = (),
) -> list[int | None]:
    """Run `target(rank, count, folder, *arguments)` in `count` processes; their exit codes.

    None stands for a process that had to be killed: after `seconds`, or, if its rank is among
    `lasting`, when the others were done.
    """
    CONTEXT.set_forkserver_preload([target.__module__])
    processes = [
        CONTEXT.Process(target=target, args=(rank, count, folder, *arguments))
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    end = time.monotonic() + seconds
    for process in (each for rank, each in enumerate(processes) if rank not in lasting):
        process.join(max(0.0, end - time.monotonic()))
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    return codes


def join_group(rank: int, count: int, folder: Path) -> dist.ProcessGroup:
    """Meet the others over a file of `folder`; the group of all."""
    meeting = (folder / "meeting").resolve().as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    return dist.group.WORLD
