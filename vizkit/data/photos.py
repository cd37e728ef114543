"""Real photographs for single-picture demonstrations, from packages that carry them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Photo", "photos"]

_PUBLIC = "public domain"
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


@dataclass(frozen=True)
class Photo:
    """One photograph and whom to thank for it."""

    name: str
    image: np.ndarray  # (H, W, 3) uint8 RGB
    credit: str
    license: str
    source: str

    @property
    def caption(self) -> str:
        """One line to print below the photograph."""
        return f"{self.name}: {self.credit}, {self.license}, from {self.source}"


def photos(names: list[str] | None = None) -> list[Photo]:
    """Photographs that come with scikit-image and scikit-learn; nothing is downloaded.

    Args:
        names: which to load, in this order; None for all: chelsea, coffee, astronaut, rocket,
            china, flower.

    Raises:
        ValueError: an unknown name.
    """
    known = {name: ("skimage.data", credit, licence) for name, credit, licence in _SKIMAGE}
    for name, credit, licence in _SKLEARN:
        known[name] = ("sklearn.datasets", credit, licence)
    if names is not None and not isinstance(names, (str, list, tuple)):
        raise ValueError(f"expected names of photos in a list, got {names!r}")
    wanted = list(known) if names is None else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in wanted if not isinstance(name, str) or name not in known]
    if unknown:
        raise ValueError(f"photo {unknown[0]!r} is not among {', '.join(known)}")
    return [_load(name, *known[name]) for name in wanted]


def _load(name: str, source: str, credit: str, licence: str) -> Photo:
    if source == "skimage.data":
        import skimage.data

        image = getattr(skimage.data, name)()
    else:
        from sklearn.datasets import load_sample_image

        image = load_sample_image(f"{name}.jpg")
    return Photo(name, np.ascontiguousarray(image[..., :3], np.uint8), credit, licence, source)
