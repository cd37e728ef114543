"""The course as a static site: `python -m vizkit.site` (or `make site`) runs the notebooks and writes it."""
