"""Real photographs: those that installed packages carry, and the learner's own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vizkit.data.folders import FILE_NAME, list_problems, read_folder, stored_name, why_unreadable
from vizkit.extras import require
from vizkit.inputs import as_image, upright_rgb

__all__ = ["Photo", "photos"]

_PUBLIC, _FREE = "public domain", "no known copyright restrictions"
# (name, credit, licence) as `skimage.data` documents them. Only pictures that lie in the wheel
# (the others it would download), and only those whose licence is stated.
_SKIMAGE = (
    ("chelsea", "Stéfan van der Walt", "CC0"),
    ("coffee", "Rachel Michetti, courtesy of Pikolo Espresso Bar", "CC0"),
    ("astronaut", "NASA: Eileen Collins", _PUBLIC),
    ("rocket", "SpaceX: launch of DSCOVR", _PUBLIC),
)
_SKLEARN = (
    ("china", "Daniel Büchele (flickr.com/photos/danielbuechele)", "CC BY 2.0"),
    ("flower", "vultilion (flickr.com/photos/vultilion)", "CC BY 2.0"),
)
_MORE_OF_SKIMAGE = (
    ("camera", "Lav Varshney", "CC0"),
    ("clock", "Stéfan van der Walt", _PUBLIC),
    ("coins", "Brooklyn Museum: Greek coins from Pompeii", _FREE),
    ("brick", "CC0Textures: Bricks25", "CC0"),
    ("grass", "linolafett (DeviantArt)", "CC0"),
    ("gravel", "CC0Textures: Gravel04", "CC0"),
    ("retina", "Mikael Häggström", "CC0"),
    ("hubble_deep_field", "NASA: Hubble eXtreme Deep Field", _PUBLIC),
    ("immunohistochemistry", "Center for Microscopy And Molecular Imaging (CMMI)", _FREE),
)
_KNOWN = {
    name: (source, credit, licence)
    for source, listed in (
        ("skimage.data", _SKIMAGE),
        ("sklearn.datasets", _SKLEARN),
        ("skimage.data", _MORE_OF_SKIMAGE),
    )
    for name, credit, licence in listed
}


@dataclass(frozen=True)
class Photo:
    """One photograph and whom to thank for it. `license` is "" for the learner's own."""

    name: str
    image: np.ndarray  # (H, W, 3) uint8 RGB
    credit: str
    license: str
    source: str

    @property
    def caption(self) -> str:
        """One line to print below the photograph."""
        rights = ", ".join(part for part in (self.credit, self.license) if part)
        return f"{self.name}: {rights}, from {self.source}"


def photos(
    names: str | Sequence[str] | None = None, *, folder: str | Path | None = None
) -> list[Photo]:
    """Photographs that come with scikit-image and scikit-learn, or your own; none is downloaded.

    Args:
        names: which to load, in this order; None for all: chelsea, coffee, astronaut, rocket,
            china, flower (in colour, of things that everybody knows), camera, clock, coins, brick,
            grass, gravel (gray), retina, hubble_deep_field, immunohistochemistry (of science).
            With `folder`, the names of files in it, such as "cat.jpg" or "holidays/beach.jpg".
        folder: a folder of your own pictures, its subfolders included, read as a viewer shows them
            (turned as the camera was held). What is no picture is left out with a warning.

    Raises:
        ValueError: an unknown name; a folder without a picture that can be read.
        FileNotFoundError: there is no such folder.
        TypeError: `folder` is no path.
    """
    if names is not None and not isinstance(names, (str, list, tuple)):
        raise ValueError(f"expected names of photos in a list, got {names!r}")
    names = [names] if isinstance(names, str) else names
    if folder is not None:
        return _own(names, folder)
    wanted = list(_KNOWN) if names is None else list(names)
    unknown = [name for name in wanted if not isinstance(name, str) or name not in _KNOWN]
    if unknown:
        raise ValueError(f"photo {unknown[0]!r} is not among {', '.join(_KNOWN)}")
    return [_load(name, *_KNOWN[name]) for name in wanted]


def _load(name: str, source: str, credit: str, licence: str) -> Photo:
    if source == "skimage.data":
        require("course", "skimage", what=f"The photo {name!r}")
        import skimage.data

        image = getattr(skimage.data, name)()
    else:
        require("course", "sklearn", what=f"The photo {name!r}")
        from sklearn.datasets import load_sample_image

        image = load_sample_image(f"{name}.jpg")
    return Photo(name, as_image(name, image), credit, licence, source)


def _own(names: Sequence[str] | None, folder: str | Path) -> list[Photo]:
    """The pictures of a folder, all of them or those named."""
    if not isinstance(folder, (str, Path)):
        raise TypeError(f"expected folder to be the path of a folder, got {folder!r}")
    path = Path(folder).expanduser()
    if not str(folder).strip() or not path.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r}")
    entries, problems = read_folder(path, FILE_NAME)
    found = [stored_name(path, name) for name, _ in entries]
    if names is not None:
        unknown = [name for name in names if name not in found]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not among the files of {path}: {_listed(found)}")
        found = list(names)
    photographs = []
    for name in found:
        reason = why_unreadable(path, name)
        if reason is None:
            photographs.append(Photo(name, _read(path / name), "your own", "", str(folder)))
        else:
            problems.append((name, reason))
    if not photographs:
        why = list_problems(problems) if problems else "it is empty"
        raise ValueError(f"no picture in {path} can be read: {why}")
    if problems:
        warnings.warn(f"left out of {path}: {list_problems(problems)}", stacklevel=3)
    return photographs


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return (", ".join(names[:10]) or "there is none") + more


def _read(path: Path) -> np.ndarray:
    """A picture (H, W, 3) uint8 as a viewer shows it; `why_unreadable` has found it readable."""
    from PIL import Image

    with Image.open(path) as opened:
        return np.array(upright_rgb(opened))
