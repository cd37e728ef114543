"""Cuts a Python process off from everything but this machine.

Python imports a module of this name by itself when it starts. The tests put this folder on
PYTHONPATH, so that every kernel and server they start is offline, however deep it was started.
Only the file is run, not the package: any Python may start here, with or without numpy.
"""

import runpy
from pathlib import Path

GUARD = Path(__file__).resolve().parents[2] / "tools" / "course" / "offline.py"
runpy.run_path(str(GUARD))["block_network"]()
