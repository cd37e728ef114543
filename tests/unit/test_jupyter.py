"""What is left out of a notebook when it is opened, and what is kept."""

import asyncio
import copy
import json

import pytest
from jupyter_server.extension.manager import ExtensionPackage
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from traitlets.config import Config

from vizkit.jupyter import SERVER_CONFIG, STATE_MIME, WIDGET_MIME, leave_out_dead_widgets


def notebook(*ids: str, saved: tuple[str, ...] = ()) -> dict:
    outputs = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/plain": "a widget", "image/png": "abc", WIDGET_MIME: {"model_id": id}},
        }
        for id in ids
    ]
    code = {"cell_type": "code", "source": "", "metadata": {}, "execution_count": 1}
    metadata = {}
    if saved:
        state = {id: {"model_name": "AnyModel", "state": {}} for id in saved}
        metadata["widgets"] = {STATE_MIME: {"state": state, "version_major": 2, "version_minor": 0}}
    cells = [{**code, "id": "a", "outputs": outputs}]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def views(content: dict) -> list[str]:
    data = [output["data"] for cell in content["cells"] for output in cell.get("outputs", [])]
    return [one[WIDGET_MIME]["model_id"] for one in data if WIDGET_MIME in one]


def test_a_view_without_its_state_is_left_out_and_its_picture_kept():
    content = notebook("gone", "kept", saved=("kept",))
    leave_out_dead_widgets({"type": "notebook", "content": content})
    assert views(content) == ["kept"]
    assert all("image/png" in output["data"] for output in content["cells"][0]["outputs"])


@pytest.mark.parametrize(
    "model",
    [{"type": "file", "content": "x"}, {"type": "notebook"}, {"type": "notebook", "content": {}}],
)
def test_anything_else_is_left_alone(model):
    before = copy.deepcopy(model)
    leave_out_dead_widgets(model)
    assert model == before


class Sessions:
    def __init__(self, *paths: str):
        self.paths = paths

    async def session_exists(self, path: str) -> bool:
        return path in self.paths


@pytest.mark.parametrize(("running", "shown"), [((), []), (("a.ipynb",), ["gone"])])
def test_views_are_left_out_where_no_kernel_runs_and_the_file_keeps_them(tmp_path, running, shown):
    class Server:
        config = Config()
        contents_manager = AsyncLargeFileManager(root_dir=str(tmp_path))
        session_manager = Sessions(*running)

    async def save_and_open() -> dict:
        model = {"type": "notebook", "content": notebook("gone")}
        await Server.contents_manager.save(model, "a.ipynb")
        return await Server.contents_manager.get("/a.ipynb")  # as the address has it

    for name, enabled in SERVER_CONFIG["ServerApp"]["jpserver_extensions"].items():
        ExtensionPackage(name=name, enabled=enabled).load_all_points(Server)
    assert views(asyncio.run(save_and_open())["content"]) == shown
    assert views(json.loads((tmp_path / "a.ipynb").read_text())) == ["gone"]
