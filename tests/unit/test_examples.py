"""The property-based tests try the same examples in every run, unless asked to explore."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRAWS = """
import json
from hypothesis import given, settings, strategies as st
{imports}
drawn = []

@settings(max_examples=200)
@given(st.integers(), st.text(max_size=9), st.floats())
def test_draw(number, text, share):
    drawn.append(repr((number, text, share)))

def test_keep():
    open("drawn.json", "w").write(json.dumps(drawn))
"""


def drawn_examples(folder: Path, *options: str, imports: str = "") -> list[str]:
    """What a property-based test draws in a pytest run of its own."""
    folder.mkdir()
    (folder / "constants.py").write_text(f"SEEN = {list(range(31_000, 31_900))}\n")
    (folder / "check_draws.py").write_text(DRAWS.format(imports=imports))
    (folder / "pytest.ini").write_text("[pytest]\n")
    path = os.pathsep.join([str(ROOT), str(folder)])
    plugins = ["-p", "_hypothesis_pytestplugin", "-p", "tests.examples"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *options]
    subprocess.run(
        [*command, "check_draws.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=True,
        capture_output=True,
    )
    return json.loads((folder / "drawn.json").read_text())


def test_examples_are_the_same_whatever_stands_in_the_source(tmp_path):
    first = drawn_examples(tmp_path / "first")
    second = drawn_examples(tmp_path / "second", imports="import constants")
    assert len(first) > 100
    assert first == second


def test_the_weekly_run_explores(tmp_path):
    explore = "--hypothesis-profile=explore"
    assert drawn_examples(tmp_path / "first", explore) != drawn_examples(
        tmp_path / "second", explore
    )
    weekly = (ROOT / ".github" / "workflows" / "weekly.yml").read_text(encoding="utf-8")
    assert explore in weekly
