"""Two kernels that write the same files at the same moment: both succeed, and nothing is lost.

Two processes draw the same scenes in tests/unit/test_data_store.py.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import nbformat

from tests.faults.places import files_in
from tests.faults.two_kernels import LENGTH, VERSIONS, work
from tests.hub import Hub
from tests.processes import run_processes
from vizkit.course.registry import NOTEBOOKS
from vizkit.zoo.hub import HubFile, fetch


def test_two_kernels_keep_everything(tmp_path):
    text = nbformat.v4.new_markdown_cell("# Title")
    nbformat.write(nbformat.v4.new_notebook(cells=[text]), tmp_path / "01_a.ipynb")
    assert run_processes(work, 2, tmp_path) == [0, 0]

    stored = {name: data for name, data in files_in(tmp_path).items() if "/" not in name}
    progress = json.loads(stored["progress.json"])
    assert len(progress) == 81
    assert progress["exercise of both"] == {"solved": False, "tries": 80}
    assert set(json.loads(stored["measured.json"])) == set(NOTEBOOKS)
    assert stored["weights"] in (bytes([rank]) * LENGTH for rank in range(2))
    (run,) = (tmp_path / "cache").iterdir()
    assert run.name == f"01_a-{VERSIONS - 1}.json"
    assert set(files_in(tmp_path / "site")) >= {"index.html", "01_a.html", ".vizkit-site"}
    # Nothing else: no lock, no file of a write that lost the race, no unfinished site.
    names = {"01_a.ipynb", "cache", "site", "weights"}
    names |= {"progress.json", "measured.json"}
    assert {path.name for path in tmp_path.iterdir() if "keep" not in path.name} == names


def test_two_kernels_fetch_the_same_weights(tmp_path):
    """Threads in place of processes: the locks of the cache hold between both."""
    weights, start = bytes(range(256)) * 4_000, Barrier(2)

    def fetch_together(_):
        start.wait()
        return fetch(HubFile("timm/some_model", ("model.safetensors",)))

    with Hub() as hub, hub.used_by_this_process(tmp_path):
        hub.repos["timm/some_model"] = {"model.safetensors": weights}
        with ThreadPoolExecutor(2) as kernels:
            one, other = kernels.map(fetch_together, range(2))
    assert one == other
    assert one.read_bytes() == weights
    sizes = [len(data) for data in files_in(tmp_path).values()]
    assert [size for size in sizes if size > 500] == [
        len(weights)
    ] * 2  # the file, and a link to it
