"""A disk that fills up in the middle of a write: what is told, what is left, what comes next.

The hub's cache is in test_hub.py, the environment in tests/unit/test_setup_environment.py.
"""

import dataclasses
import json

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from tests.faults.places import files_in, files_of_at_most
from tools.course import measure
from tools.site import __main__ as site_command
from tools.site import build, execute
from vizkit.course.exercises import progress
from vizkit.course.storage import read_json
from vizkit.data import images_as_array, render, sample_scenes, scenes
from vizkit.training.cards import save_pretrained
from vizkit.training.checkpoint import save_checkpoint
from vizkit.widgets import SimilarityMatrix

LIMIT = 20_000
FILLED = {f"entry {number}": {"solved": True, "tries": number} for number in range(1000)}


@dataclasses.dataclass
class TinyRecipe:
    name: str = "tiny"
    image_size: int = 32

    def config(self) -> dict:
        return {}

    def data(self) -> dict:
        return {}


def large_model(value: float) -> nn.Module:
    model = nn.Linear(200, 200)
    nn.init.constant_(model.weight, value)
    return model


def save_page(folder, version):
    SimilarityMatrix(np.eye(4), np.eye(4), title=f"version {version}").save_html(folder / "a.html")


def save_training(folder, version):
    model = large_model(version)
    optimizer = torch.optim.AdamW(model.parameters())
    save_checkpoint(folder / "a.checkpoint", model, optimizer, TinyRecipe(), version, 0.0)


def save_weights(folder, version):
    save_pretrained(TinyRecipe(), large_model(version), {}, 0.0, folder)


def store_times(folder, version):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "reference_seconds", lambda: 0.1)
        name = "of a notebook " * 5_000
        measure.store_measured(
            name, measure.Use(10.0**version, 1.0, 1.0), table=folder / "measured.json"
        )


def keep_a_run_for_the_site(folder, version):
    path = folder.parent / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "fingerprint", lambda notebook: str(version))
        patch.setattr(execute, "run_anew", lambda *_: {"outputs": ["x" * 30_000], "widgets": {}})
        execute.run(path, folder)


@pytest.mark.parametrize(
    "save", [save_page, save_training, save_weights, store_times, keep_a_run_for_the_site]
)
def test_a_file_is_written_whole_or_not_at_all(save, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()

    def refused(version: int) -> None:
        with files_of_at_most(LIMIT), pytest.raises(OSError, match="File too large") as caught:
            save(folder, version)
        assert str(folder) in str(caught.value)

    refused(1)
    assert files_in(folder) == {}
    save(folder, 1)
    before = files_in(folder)
    refused(2)
    assert files_in(folder) == before
    save(folder, 2)
    assert len(files_in(folder)) == len(before)
    assert files_in(folder) != before


def test_a_site_is_written_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        build, "run", lambda *_: {"outputs": [], "widgets": {"models": {}, "links": []}}
    )
    path, out = tmp_path / "a.ipynb", tmp_path / "site"
    command = ["--notebooks", str(path), "--out", str(out)]

    def write(version: int) -> None:
        cell = nbformat.v4.new_markdown_cell(f"# Version {version}\n\n" + "word " * 10_000)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)

    def refused(kept: str) -> None:
        with files_of_at_most(LIMIT):
            assert site_command.main(command) == 1
        error = capsys.readouterr().err
        assert f"{out} cannot be written" in error
        assert "File too large" in error
        assert kept in error

    write(1)
    refused("no site was written")
    assert set(files_in(tmp_path)) == {"a.ipynb"}
    assert site_command.main(command) == 0
    before = files_in(tmp_path / "site")
    write(2)
    refused("the site is as it was")
    assert files_in(tmp_path / "site") == before
    assert {path.name for path in tmp_path.iterdir()} == {"a.ipynb", "site"}
    assert site_command.main(command) == 0
    assert b"Version 2" in files_in(out)["a.html"]


def test_progress_that_cannot_be_kept_is_said_once(tmp_path, monkeypatch, capsys):
    file = tmp_path / "progress.json"
    file.write_text(json.dumps(FILLED))
    monkeypatch.setenv("VIZKIT_PROGRESS_FILE", str(file))
    monkeypatch.setattr(progress, "warned", False)
    with files_of_at_most(LIMIT):
        progress.record("new", solved=True)
        progress.record("newer", solved=True)
    notice = capsys.readouterr().out
    assert notice.count("Your progress could not be saved") == 1
    assert "File too large" in notice
    assert str(file) in notice
    assert files_in(tmp_path) == {"progress.json": json.dumps(FILLED).encode()}
    progress.record("new", solved=True)
    assert read_json(file) == {**FILLED, "new": {"solved": True, "tries": 1}}


def test_drawn_scenes_that_cannot_be_kept_are_held_in_memory(tmp_path):
    with (
        files_of_at_most(LIMIT),
        pytest.warns(UserWarning, match="File too large.*VIZKIT_CACHE") as caught,
    ):
        dataset = scenes(20, cache_dir=tmp_path)
    assert str(tmp_path) in str(caught[0].message)
    assert files_in(tmp_path) == {}
    np.testing.assert_array_equal(images_as_array(dataset), render(sample_scenes(20)))
    scenes(20, cache_dir=tmp_path)
    assert len(files_in(tmp_path)) == 1
