"""Says where the repository is published: `python tools/set_address.py somebody/vision-encoders`.

Until somebody does, nobody knows, and README.md's links to Binder and Colab lead to `OWNER/REPOSITORY`; nothing else
names an address. Afterwards README.md, pyproject.toml (`project.urls`) and CITATION.cff (`repository-code`) name the
same one, and the same command with another name moves it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNKNOWN = "OWNER/REPOSITORY"
_NAME = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"
_LINK = re.compile(rf"(?<=github\.com/){_NAME}(?=\"\n)")


def address(root: Path = ROOT) -> str:
    """`owner/name` as pyproject.toml has it; `OWNER/REPOSITORY` where it has none."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(rf'^Repository = "https://github\.com/({_NAME})"$', text, re.M)
    return found[1] if found else UNKNOWN


def set_address(new: str, root: Path = ROOT) -> None:
    """Write an address into the three files.

    Raises:
        ValueError: no `owner/name`; a README that does not name the present address.
    """
    if not re.fullmatch(_NAME, new) or new == UNKNOWN:
        raise ValueError(f"expected owner/name, such as somebody/vision-encoders, received {new!r}")
    old = address(root)
    readme, project, citation = (
        root / name for name in ("README.md", "pyproject.toml", "CITATION.cff")
    )
    texts = {path: path.read_text(encoding="utf-8") for path in (readme, project, citation)}
    if old not in texts[readme]:
        raise ValueError(f"README.md does not name {old}")
    texts[readme] = texts[readme].replace(old, new)
    link = f"https://github.com/{new}"
    if old == UNKNOWN:
        urls = f'[project.urls]\nRepository = "{link}"\n\n[project.optional-dependencies]\n'
        texts[project] = texts[project].replace("[project.optional-dependencies]\n", urls, 1)
        texts[citation] += f'repository-code: "{link}"\n'
    else:
        texts[project] = _LINK.sub(new, texts[project], count=1)
        texts[citation] = _LINK.sub(new, texts[citation], count=1)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        set_address(sys.argv[1])
    except ValueError as error:
        sys.exit(f"vizkit: {error}")
    print(f"README.md, pyproject.toml and CITATION.cff name https://github.com/{sys.argv[1]} now")
