"""What a release needs: one version everywhere, whole files, and checks that notice what is missing."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import vizkit
from tools import check_release

ROOT = Path(__file__).parents[2]


def test_one_version_everywhere():
    assert check_release.package_version() == vizkit.__version__
    assert check_release.check_version(f"v{vizkit.__version__}")
    with pytest.raises(ValueError, match="the tag is v9"):
        check_release.check_version("v9.9.9")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == vizkit.__version__
    recipe = (ROOT / "conda.recipe" / "meta.yaml").read_text()
    assert f'{{% set version = "{vizkit.__version__}" %}}' in recipe


def test_the_conda_recipe_has_the_dependencies_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {one.lower().replace(">=", " >=") for one in project["dependencies"]} | {
        f"python {project['requires-python']}"
    }
    recipe = (ROOT / "conda.recipe" / "meta.yaml").read_text()
    run = recipe.split("  run:\n")[1].split("\n\n")[0]
    assert {line.strip(" -") for line in run.splitlines()} == wanted


def test_forms_workflows_and_settings_can_be_read():
    for pattern in (".github/**/*.yml", ".pre-commit-config.yaml", "CITATION.cff"):
        found = list(ROOT.glob(pattern))
        assert found
        for path in found:
            assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path
    json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())


GOOD = {
    "vizkit/py.typed",
    "vizkit/constants.json",
    "vizkit/zoo/weights/pocket-clip.safetensors",
    "vizkit/zoo/weights/pocket-clip.json",
    "vizkit-0.1.0.dist-info/licenses/LICENSE",
} | {
    f"vizkit/widgets/static/{name}.js"
    for name in ("similarity_matrix", "attention_map", "embedding_space", "living_encoder")
}


def distribution(folder: Path, names: set[str]) -> Path:
    with zipfile.ZipFile(folder / "vizkit-0.1.0-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with tarfile.open(folder / "vizkit-0.1.0.tar.gz", "w:gz") as archive:
        for name in ("vizkit-0.1.0/vizkit/py.typed", "vizkit-0.1.0/pyproject.toml"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return folder


def test_a_whole_wheel_passes(tmp_path):
    assert check_release.check_files(distribution(tmp_path, GOOD)).startswith(f"{len(GOOD)} files")


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_a_wheel_without_one_of_its_files_fails(tmp_path, missing: str):
    with pytest.raises(ValueError, match="has no"):
        check_release.check_files(distribution(tmp_path, GOOD - {missing}))


@pytest.mark.parametrize("stranger", ["tests/unit/test_x.py", "tools/x.py", "js/node_modules/x.js"])
def test_a_wheel_with_strangers_fails(tmp_path, stranger: str):
    with pytest.raises(ValueError, match="no part of the package"):
        check_release.check_files(distribution(tmp_path, GOOD | {stranger}))
