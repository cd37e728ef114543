"""Runs the cells of a notebook in a kernel of its own, with no network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.course.offline import notebook_environment

# Runs code in the kernel, as `execute_interactive` of jupyter_client does, and returns the reply's content.
Request = Callable[..., dict[str, Any]]
_SECONDS_PER_CELL = 1200
_SECONDS_TO_START = 300


@contextmanager
def executed(
    notebook: Any,
    folder: Path,
    scratch: Path,
    *,
    variables: Mapping[str, str] | None = None,
    on_cell: Callable[[], None] = lambda: None,
) -> Iterator[Request]:
    """Run every cell of a notebook; what they show is in the notebook then, and the kernel lives on.

    Args:
        notebook: an `nbformat` notebook; its outputs are replaced.
        folder: where its kernel works.
        scratch: an empty folder for what the kernel writes on its own account.
        variables: environment variables of the kernel, beside those of `notebook_environment`.
        on_cell: called after each code cell that ran.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    from jupyter_core.utils import run_sync
    from nbclient import NotebookClient

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook,
        timeout=_SECONDS_PER_CELL,
        startup_timeout=_SECONDS_TO_START,
        kernel_name="python3",
        # What the kernel logs, of its connection or of being stopped, says nothing of the notebook.
        extra_arguments=["--IPKernelApp.log_level=50"],
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    environment = {**os.environ, **notebook_environment(scratch)}
    environment.setdefault("VIZKIT_DEVICE", "cpu")
    with client.setup_kernel(env=environment | dict(variables or {})):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
            if cell.cell_type == "code":
                on_cell()
        run = run_sync(client.kc.execute_interactive)

        def request(code: str, **options: Any) -> dict[str, Any]:
            return run(code, output_hook=lambda message: None, **options)["content"]

        yield request
