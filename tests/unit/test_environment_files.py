"""pyproject.toml, environment.yml, uv.lock and the imports of the package say the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.lock import locked_packages

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)>=([0-9.]+)")
# conda-forge calls PyTorch by its own name; the others differ only in case and in "_" or "-".
CONDA_NAMES = {"torch": "pytorch"}
# Distributions whose module has another name.
MODULES = {
    "open-clip-torch": "open_clip",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}


def normalized(name: str) -> str:
    """One spelling for a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bounds(requirements: list[str]) -> dict[str, str]:
    """Name → lower bound; every requirement is a plain `name>=version`, or extras of vizkit."""
    found = {}
    for requirement in requirements:
        if own := re.fullmatch(r"vizkit\[([a-z,]+)\]", requirement):
            for extra in own[1].split(","):
                found |= bounds(PROJECT["optional-dependencies"][extra])
            continue
        match = REQUIREMENT.fullmatch(requirement)
        assert match, f"{requirement!r} is not of the form name>=version"
        found[normalized(match[1])] = match[2]
    return found


BASE = bounds(PROJECT["dependencies"])
EXTRAS = {name: bounds(group) for name, group in PROJECT["optional-dependencies"].items()}
# What `make lab` installs.
COURSE = BASE | EXTRAS["course"]


def pins() -> dict[str, list[str]]:
    """Name → pinned versions (several where they depend on the Python version)."""
    found: dict[str, list[str]] = {}
    for package in locked_packages():
        found.setdefault(package["name"], []).append(package["version"])
    return found


def version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def test_conda_carries_the_same_dependencies_and_lower_bounds():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    wanted = environment["dependencies"]
    conda = bounds([line for line in wanted if isinstance(line, str) and line != "pip"])
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in COURSE.items()}
    expected |= EXTRAS["real"]  # conda knows no extras
    expected["python"] = PROJECT["requires-python"].removeprefix(">=")
    assert conda == expected
    (from_pypi,) = [line["pip"] for line in wanted if isinstance(line, dict)]
    assert bounds(from_pypi) == EXTRAS["words"]


@pytest.mark.parametrize("group", ["dependencies", *EXTRAS])
def test_every_dependency_is_pinned_at_or_above_its_lower_bound(group):
    wanted = BASE if group == "dependencies" else EXTRAS[group]
    pinned = pins()
    for name, bound in wanted.items():
        assert name in pinned, f"{name} is not pinned: run `make pins`"
        for version in pinned[name]:
            assert version_key(version) >= version_key(bound), f"{name} {version} is below {bound}"


def test_the_installed_versions_are_the_pinned_ones():
    from importlib.metadata import version

    if "VIZKIT_NEWEST" in __import__("os").environ:
        pytest.skip("the weekly run installs the newest versions on purpose")
    pinned = pins()
    wrong = {
        name: (version(name), pinned[name])
        for name in COURSE
        if version(name).split("+")[0] not in pinned[name]
    }
    assert not wrong, f"installed and pinned versions differ: {wrong}"


def imported_modules() -> set[str]:
    """Top-level modules that the package imports, anywhere in its files."""
    found = set()
    for path in (ROOT / "vizkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"vizkit"}


# Part of what a declared dependency promises: its own interface speaks in these.
COMES_WITH = {
    "jupyter_server": "jupyterlab",  # vizkit.jupyter extends it, where it runs
    "ipywidgets": "anywidget",
    "IPython": "ipywidgets",
    "pyarrow": "datasets",
}


def test_the_package_imports_what_it_declares():
    wanted = COURSE | EXTRAS["real"] | EXTRAS["words"]
    declared = {MODULES.get(name, name.replace("-", "_")) for name in wanted}
    undeclared = imported_modules() - declared - set(COMES_WITH)
    assert not undeclared, f"imported but not declared: {sorted(undeclared)}"
    assert set(COMES_WITH.values()) <= set(COURSE)


def test_the_lock_fits_the_project_and_names_the_public_index():
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    lock = tomllib.loads(text)
    (own,) = (package for package in lock["package"] if package["name"] == "vizkit")
    locked: dict[str, set[tuple[str, str]]] = {}
    for wanted in own["metadata"]["requires-dist"]:
        extra = re.fullmatch(r"extra == '(.+)'", wanted.get("marker", "extra == 'dependencies'"))[1]
        if wanted["name"] != "vizkit":
            bound = wanted["specifier"].removeprefix(">=")
            locked.setdefault(extra, set()).add((wanted["name"], bound))
    groups = {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    declared = {
        name: set(bounds([one for one in group if not one.startswith("vizkit[")]).items())
        for name, group in groups.items()
    }
    assert locked == declared, "run: uv lock"
    assert {package["source"]["registry"] for package in locked_packages()} == {
        "https://pypi.org/simple"
    }
    hosts = set(re.findall(r'url = "(https?://[^/"]+)', text))
    assert hosts == {"https://files.pythonhosted.org"}
