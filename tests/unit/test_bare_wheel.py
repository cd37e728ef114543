"""`pip install vizkit` alone: a fresh environment with the wheel and what it declares, and nothing else.

Tests run offline. So what pip would fetch is taken from this environment: the distributions that
the wheel's own metadata ask for, and those that they ask for in turn, file by file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.lock import ROOT, locked_packages

pytestmark = pytest.mark.slow

MEGABYTES = 1e6
INSTRUMENTS = """
import json, pathlib, sys
import numpy as np
import vizkit
from vizkit import AttentionMap, EmbeddingSpace, SimilarityMatrix

rng = np.random.default_rng(0)
shown = [
    SimilarityMatrix(rng.normal(size=(4, 8)), rng.normal(size=(4, 8))),
    AttentionMap(rng.dirichlet(np.ones(10), size=(2, 3, 10)), grid=(3, 3), num_prefix_tokens=1),
    EmbeddingSpace(rng.normal(size=(30, 8)), labels=[0, 1] * 15),
]
pictures = [instrument._repr_mimebundle_()[0]["image/png"][:8] for instrument in shown]
for instrument in shown:
    instrument.save_html(f"{type(instrument).__name__}.html")
refused = {}
for name, call in {
    "to_plotly": shown[0].to_plotly,
    "t-SNE": lambda: setattr(shown[2], "projection", "tsne"),
    "load": lambda: vizkit.load,
    "info_nce": lambda: vizkit.info_nce,
    "capture_attention": lambda: vizkit.capture_attention,
    "scenes": lambda: vizkit.scenes,
    "course": lambda: __import__("vizkit.course"),
    "training": lambda: __import__("vizkit.training"),
    "device": lambda: __import__("vizkit.device"),
    "progress": lambda: __import__("vizkit.progress"),
    "LivingEncoder": lambda: vizkit.LivingEncoder(object()),
    "from_model": lambda: AttentionMap.from_model(object(), np.zeros((8, 8, 3), np.uint8)),
}.items():
    try:
        call()
        refused[name] = "it worked"
    except ModuleNotFoundError as error:
        refused[name] = str(error)
print(json.dumps({
    "file": vizkit.__file__, "pictures": len(pictures), "refused": refused,
    "torch": [name for name in ("torch", "plotly", "sklearn", "jupyterlab") if name in sys.modules],
}))
"""
EXTRAS = {
    "to_plotly": "plotly",
    "t-SNE": "tsne",
    "load": "models",
    "info_nce": "models",
    "capture_attention": "models",
    "scenes": "course",
    "course": "course",
    "training": "course",
    "device": "models",
    "progress": "models",
    "LivingEncoder": "models",
    "from_model": "models",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built without a network from a copy of what git knows."""
    place = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "vizkit", "pyproject.toml", "LICENSE", "README.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--quiet"]
    built = subprocess.run(
        [*command, "--no-index", "--wheel-dir", place, place / "source"],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = place.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Path:
    """The Python of a fresh environment with the wheel and the distributions that it asks for."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(
        subprocess.run(
            [python, "-c", where], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (metadata,) = packages.glob("vizkit-*.dist-info")
    for found in required_by(Distribution.at(metadata)).values():
        for file in found.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), packages / file)
    return python


def required_by(wanted: Distribution) -> dict[str, Distribution]:
    """By name: what a distribution asks for without extras, here and now, and so on."""
    found: dict[str, Distribution] = {}
    queue = [Requirement(line) for line in wanted.requires or ()]
    while queue:
        one = queue.pop()
        key = one.name.lower().replace("_", "-")
        if key in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found[key] = distribution(one.name)
        queue += [Requirement(line) for line in found[key].requires or ()]
    return found


def run_bare(python: Path, code: str, folder: Path) -> dict:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", code],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_bare_wheel_shows_every_instrument_and_exports_pages(bare, tmp_path):
    found = run_bare(bare, INSTRUMENTS, tmp_path)
    assert Path(found["file"]).is_relative_to(bare.parents[1])
    assert found["pictures"] == 3
    assert found["torch"] == []
    for name in ("SimilarityMatrix", "AttentionMap", "EmbeddingSpace"):
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert f'"{name}"' in page
        assert "http://" not in page.replace("http://www.w3.org", "")
    for name, extra in EXTRAS.items():
        message = found["refused"][name]
        assert f'pip install "vizkit[{extra}]"' in message, (name, message)
        assert "\n" not in message


def test_the_bare_environment_has_no_torch(bare, tmp_path):
    code = """
import importlib.util, json
print(json.dumps([n for n in ("torch", "timm", "plotly", "sklearn", "jupyterlab", "datasets")
                  if importlib.util.find_spec(n)]))
"""
    assert run_bare(bare, code, tmp_path) == []


def test_the_bare_install_is_small(bare, wheel):
    """What is downloaded, by the lock's largest wheel of each, and what then lies on the disk."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert len(declared["project"]["dependencies"]) == 4
    (packages,) = bare.parents[1].rglob("site-packages")
    sizes = {package["name"]: package for package in locked_packages()}
    (metadata,) = packages.glob("vizkit-*.dist-info")
    names = required_by(Distribution.at(metadata))
    download = wheel.stat().st_size + sum(
        max(file["size"] for file in sizes[name]["wheels"]) for name in names
    )
    assert download < 100 * MEGABYTES, f"{download / MEGABYTES:.0f} MB"
    disk = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    assert disk < 140 * MEGABYTES, f"{disk / MEGABYTES:.0f} MB"


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"vizkit"}
    for wanted in (
        "vizkit/py.typed",
        "vizkit/constants.json",
        "vizkit/course/rope_wheel.js",
        "vizkit/widgets/static/similarity_matrix.part",
        "vizkit/widgets/static/loader.js",
        "vizkit/widgets/static/page.js",
        "vizkit/zoo/weights/pocket-clip.safetensors",
    ):
        assert wanted in names
    assert not [name for name in names if "test" in name.lower() and name.endswith(".py")]
