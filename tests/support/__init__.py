"""What tests and benchmarks share: browsers, a real JupyterLab, and the moves that a person makes in them."""
