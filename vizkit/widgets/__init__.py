"""The widgets: what a person sees. They know arrays only, and run in any Jupyter front end and in exported pages."""

from vizkit.widgets.page import save_page

__all__ = ["save_page"]
