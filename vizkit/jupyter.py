"""A small extension of the Jupyter server: a notebook that is opened shows no widget that is gone.

JupyterLab prefers a widget to the picture that is stored beside it, and where neither a kernel nor
the file knows the widget any more it shows "Error displaying widget". The views of such widgets are
left out of what is opened, so that their picture or their text is shown. The file keeps them.
(To save the state of the widgets would keep them alive in JupyterLab, in a much larger file.)

And what tells nbconvert to show the picture of a widget whose state is stored.
"""

from typing import Any

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
STATE_MIME = "application/vnd.jupyter.widget-state+json"
# What stands in the file that switches this on, below the environment's own folder.
SERVER_CONFIG = {"ServerApp": {"jpserver_extensions": {"vizkit.jupyter": True}}}

# nbconvert prefers a widget whose state the notebook holds, as one has that was executed by
# nbconvert or papermill, and shows it by a script from the network. Here pictures and texts come
# first; what has neither, as another package's widget, stays a widget.
NBCONVERT_CONFIG = {
    "WidgetsDataTypeFilter": {
        "display_data_priority": [
            "application/javascript",
            "text/html",
            "text/markdown",
            "image/svg+xml",
            "text/vnd.mermaid",
            "text/latex",
            "image/png",
            "image/jpeg",
            WIDGET_MIME,
            "text/plain",
        ]
    }
}


def leave_out_dead_widgets(model: dict[str, Any]) -> None:
    """Drop, in place, the views of widgets whose state the notebook does not hold.

    model: what Jupyter's contents manager read; anything but a notebook of format 4 is left alone.
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
    from jupyter_server.utils import ensure_async

    server.config.merge(NBCONVERT_CONFIG)  # for what the server itself converts
    read = server.contents_manager.get

    async def get(path: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        model = await ensure_async(read(path, *arguments, **options))
        # A notebook whose kernel lives gets its widgets back from there.
        # (Sessions are listed without the slash that the address of a file begins with.)
        if not await ensure_async(server.session_manager.session_exists(path=path.strip("/"))):
            leave_out_dead_widgets(model)
        return model

    server.contents_manager.get = get
