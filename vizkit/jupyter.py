"""A small extension of the Jupyter server: a saved notebook shows no widget that is gone.

JupyterLab prefers a widget to the picture that is stored beside it, and shows "Error displaying
widget" where the widget's state was not saved. The views of such widgets are left out of the file,
so that their picture or their text is shown. (To save the state instead would keep them alive in
JupyterLab, but nbconvert's pages would then wait for a widget manager from the network.)
"""

from typing import Any

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
STATE_MIME = "application/vnd.jupyter.widget-state+json"
# What stands in the file that switches this on, below the environment's own folder.
SERVER_CONFIG = {"ServerApp": {"jpserver_extensions": {"vizkit.jupyter": True}}}


def leave_out_dead_widgets(model: dict[str, Any], **_: Any) -> None:
    """Jupyter's hook before a save: drop views without a saved state, in place.

    model: what is about to be written, see `ContentsManager.pre_save_hook`; anything but a notebook
    of format 4 is left alone.
    """
    notebook = model.get("content")
    if model.get("type") != "notebook" or not isinstance(notebook, dict):
        return
    widgets = notebook.get("metadata", {}).get("widgets", {})
    saved = widgets.get(STATE_MIME, {}).get("state", {})
    for cell in notebook.get("cells", []):
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(WIDGET_MIME)
            if isinstance(view, dict) and view.get("model_id") not in saved:
                del output["data"][WIDGET_MIME]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "vizkit.jupyter"}]


def _load_jupyter_server_extension(server: Any) -> None:
    server.contents_manager.register_pre_save_hook(leave_out_dead_widgets)
