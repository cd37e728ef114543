"""What a release must be: its version, its files, and a wheel that works by itself.

    python tools/check_release.py address .        it is known where the repository is published
    python tools/check_release.py version v1.2.3   the tag names the package's version
    python tools/check_release.py files DIST       wheel and sdist hold what they should, and no more
    python tools/check_release.py wheel DIST       the wheel, alone in a fresh environment

It needs nothing but the standard library.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# In the wheel: the type marker, the constants, every instrument's bundle, the pocket weights.
WANTED = (
    r"vizkit/py\.typed",
    r"vizkit/constants\.json",
    r"vizkit/widgets/static/similarity_matrix\.js",
    r"vizkit/widgets/static/attention_map\.js",
    r"vizkit/widgets/static/embedding_space\.js",
    r"vizkit/widgets/static/living_encoder\.js",
    r"vizkit/zoo/weights/pocket-clip\.safetensors",
    r"vizkit/zoo/weights/pocket-clip\.json",
    r".*\.dist-info/licenses/LICENSE",
)
UNWANTED = r"(tests|tools|experiments|benchmarks|notebooks|js|node_modules)/"
TRY = """
import sys
import numpy as np
from vizkit.widgets import AttentionMap, EmbeddingSpace, SimilarityMatrix

rows = np.random.default_rng(0).normal(size=(9, 4))
maps = np.full((2, 2, 9, 9), 1 / 9)
for number, instrument in enumerate((
    SimilarityMatrix(rows, rows),
    AttentionMap(maps, np.zeros((9, 9, 3), np.uint8), grid=(3, 3), num_prefix_tokens=0),
    EmbeddingSpace(rows),
)):
    instrument.save_html(f"{number}.html")
assert "torch" not in sys.modules
print("three instruments, three pages, no PyTorch")
"""


def package_version() -> str:
    text = (ROOT / "vizkit" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.M)[1]


def check_version(tag: str) -> str:
    """Raises ValueError unless the tag, the package and the changes name one version."""
    version = package_version()
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, the package's version is {version}")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if f"\n## {version}\n" not in changes:
        raise ValueError(f"CHANGELOG.md has no section {version!r}")
    return f"version {version}"


def check_address(folder: Path) -> str:
    """Raises ValueError where nobody has said where the repository is published: README's links lead nowhere then."""
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    if not (found := re.search(r'^Repository = "(.+)"$', text, re.M)):
        raise ValueError(
            "nobody has said where the repository is published: python tools/set_address.py owner/name"
        )
    return f"published at {found[1]}"


def check_files(folder: Path) -> str:
    """Raises ValueError for a file that is missing in the wheel, or does not belong there."""
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for pattern in WANTED:
        if not any(re.fullmatch(pattern, name) for name in names):
            raise ValueError(f"{wheel.name} has no {pattern}")
    if strangers := [name for name in names if re.match(UNWANTED, name)]:
        raise ValueError(f"{wheel.name} brings {strangers[0]}, which is no part of the package")
    with tarfile.open(source) as archive:
        inside = {name.split("/", 1)[-1] for name in archive.getnames()}
    if "vizkit/py.typed" not in inside or "pyproject.toml" not in inside:
        raise ValueError(f"{source.name} is not whole")
    return f"{len(names)} files in {wheel.name}"


def check_wheel(folder: Path) -> str:
    """Raises ValueError unless the wheel alone shows the instruments in a fresh environment."""
    (wheel,) = folder.glob("*.whl")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        venv.create(place / "env", with_pip=True)
        windows = sys.platform == "win32"
        python = place / "env" / ("Scripts/python.exe" if windows else "bin/python")
        install = [python, "-m", "pip", "install", "--quiet", str(wheel.resolve())]
        for command in (install, [python, "-c", TRY]):
            done = subprocess.run(command, cwd=place, capture_output=True, text=True)
            if done.returncode:
                raise ValueError(f"{wheel.name} does not work alone: {done.stderr.strip()[-2000:]}")
        pages = [path.stat().st_size for path in place.glob("*.html")]
        if len(pages) != 3 or min(pages) < 10_000:
            raise ValueError(f"the exported pages have {pages} bytes")
    return done.stdout.strip()


def main() -> None:
    commands = {
        "address": lambda folder: check_address(Path(folder)),
        "version": check_version,
        "files": lambda folder: check_files(Path(folder)),
        "wheel": lambda folder: check_wheel(Path(folder)),
    }
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        print(commands[sys.argv[1]](sys.argv[2]))
    except ValueError as error:
        sys.exit(f"vizkit: {error}")


if __name__ == "__main__":
    main()
