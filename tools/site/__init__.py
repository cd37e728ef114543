"""The course as a static site: `python -m tools.site` (or `make site`) runs the notebooks and writes it.

Why the pages are not made by an nbconvert exporter. `jupyter nbconvert --to html` writes the gallery as 0.5 MB with no
instrument alive, asks a CDN for MathJax and RequireJS, and leaves formulas as TeX without them; here it is
larger by the weights of the encoder that runs in it, and asks nobody. An exporter with a template of ours, a preprocessor
that puts `Layout.output` in the place of each output, and this package's Markdown filter gave the same page, byte for
byte but for its nonce: nothing is lost. But all that it takes the place of is `Layout.code_cell`, some 25 lines, for
as many of template, preprocessor and exporter. Widgets, charts, clean HTML, MathML, the policy against scripts, the
course's navigation and the decks stay what they are in either case.
"""
