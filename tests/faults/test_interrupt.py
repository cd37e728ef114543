"""The stop button in the middle of training: a real kernel, a real interrupt, and the next cell.

tests/unit tests the same with exceptions at every step; here the signal comes whenever it comes.
"""

import json
import os
import queue
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[2]
SECONDS = 120  # for any one cell; a busy machine imports slowly

SETUP = """
import dataclasses, time
from pathlib import Path
import torch
from vizkit.training import fit
from vizkit.training.checkpoint import load_checkpoint, read_notes, train_resumably

@dataclasses.dataclass
class Recipe:
    name: str = "tiny"
    steps: int = 600
    learning_rate: float = 1e-2
    warmup_steps: int = 1
    clip_norm: float = 1.0

def compute_loss(step):
    worked.append(step)
    if step == 20:
        print("in the middle", flush=True)
    if step >= 20:
        time.sleep(pause)
    return (model(torch.ones(1, 4)) ** 2).sum()

def go_on():
    optimizer = torch.optim.AdamW(model.parameters())
    first, seconds = load_checkpoint(file, model, optimizer, Recipe())
    return train_resumably(
        Recipe(), model, optimizer, compute_loss, file, first=first, seconds=seconds, every=10
    )

model, file = torch.nn.Linear(4, 4), Path("run") / "tiny.checkpoint"
worked, pause = [], 0.1
"""


class Notebook:
    """A kernel that runs cells one after the other, as a notebook does."""

    def __init__(self, manager, client) -> None:
        self.manager, self.client = manager, client

    def run(self, code: str, *, stop_at: str | None = None) -> tuple[str, str]:
        """Run a cell; press stop when it has printed `stop_at`. What it printed, and its error."""
        message, printed, error = self.client.execute(code), "", ""
        end = time.monotonic() + SECONDS
        while True:
            try:
                reply = self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"the cell has not ended after {SECONDS} s; it printed {printed!r}")
            if reply["parent_header"].get("msg_id") != message:
                continue
            content = reply["content"]
            if reply["msg_type"] == "stream":
                printed += content["text"]
            elif reply["msg_type"] == "error":
                error = content["ename"]
            elif reply["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed, error
            if stop_at is not None and stop_at in printed:
                stop_at = None
                self.manager.interrupt_kernel()

    def value(self, expression: str):
        printed, error = self.run(f"import json; print(json.dumps({expression}))")
        assert not error, f"{expression}: {error}"
        return json.loads(printed)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    own = {"PYTHONPATH": path, "IPYTHONDIR": str(folder / "ipython"), "VIZKIT_PROGRESS": "1"}
    manager, client = start_new_kernel(
        startup_timeout=SECONDS, cwd=str(folder), env={**os.environ, **own}
    )
    notebook = Notebook(manager, client)
    assert notebook.run(SETUP) == ("", "")
    yield notebook
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_fit_says_that_it_was_stopped_and_keeps_the_history(notebook):
    printed, error = notebook.run(
        "history = fit(model, compute_loss, steps=600)", stop_at="in the middle"
    )
    assert error == ""
    done = notebook.value("len(history)")
    assert 20 <= done < 600
    assert f"Stopped by hand after {done} of 600 steps; the history so far is kept." in printed
    assert notebook.value("history.interrupted") is True
    assert notebook.value("model.training") is False
    assert notebook.value("[len(history.learning_rate), len(history.gradient_norm)]") == [done] * 2
    # The next cell trains on.
    printed, error = notebook.run("fit(model, compute_loss, steps=10, history=history);")
    assert (error, "Stopped" in printed) == ("", False)
    assert notebook.value("[len(history), history.interrupted]") == [done + 10, False]


def test_a_training_with_checkpoints_stops_with_one_and_goes_on_from_it(notebook):
    _, error = notebook.run("go_on();", stop_at="in the middle")
    assert error == "KeyboardInterrupt"
    assert notebook.value("[path.name for path in file.parent.iterdir()]") == ["tiny.checkpoint"]
    done = int(notebook.value("read_notes(file)['done']"))
    assert 20 <= done < 600
    # The same cell again: it does none of the finished steps a second time.
    _, error = notebook.run("worked, pause = [], 0\ngo_on();")
    assert error == ""
    assert notebook.value("[worked[0], worked[-1]]") == [done, 599]
    assert notebook.value("[path.name for path in file.parent.iterdir()]") == ["tiny.checkpoint"]
