"""The course as a static site: `python -m tools.site` (or `make site`) runs the notebooks and writes it."""
