"""Pictures of one to six equal objects, for counting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vizkit.data.render import render
from vizkit.data.scenes import SceneTable, check_count, sample_scenes

__all__ = ["MOST_IN_A_CROWD", "Crowds", "draw_crowds"]

MOST_IN_A_CROWD = 6
_CELLS = 3  # objects stand in different cells of a grid of 3 x 3
_RADII = (0.075, 0.125)  # shares of the picture's side, one for all objects of a picture
_JITTER = 0.03


@dataclass(frozen=True)
class Crowds:
    """`N` pictures, how many objects each shows, and what they are.

    pictures: (N, S, S, 3) uint8; counts: (N,) 1 to 6; shape, color: (N,) indices into SHAPES and
    COLORS; area: (N,) the share of the picture's pixels that differ from its background.
    """

    pictures: np.ndarray
    counts: np.ndarray
    shape: np.ndarray
    color: np.ndarray
    area: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)


def draw_crowds(n: int, seed: int = 0, *, image_size: int = 64) -> Crowds:
    """Draws `n` pictures of one to six objects of one shape, color and size, which never overlap.

    The numbers from 1 to 6 are equally frequent (to within one), and small and large objects come
    with each number, so that the inked area tells it only in part.

    Args:
        n: how many pictures, at least 1.
        seed: non-negative integer; the same arguments give the same pictures.
        image_size: side of the pictures in pixels.

    Raises:
        ValueError: a number out of range.
    """
    check_count("n", n, 1, 100_000)
    check_count("seed", seed)
    rng = np.random.default_rng(seed)
    scenes = sample_scenes(n, seed, objects="one", styles="flat", shading=False, grain=False)
    counts = rng.permutation(n) % MOST_IN_A_CROWD + 1  # (n,)
    cells = rng.random((n, _CELLS**2)).argsort(axis=1)[:, :MOST_IN_A_CROWD]  # (n, 6)
    corners = np.stack([cells % _CELLS, cells // _CELLS], axis=-1)  # (n, 6, 2)
    centers = (corners + 0.5) / _CELLS + rng.uniform(-_JITTER, _JITTER, (n, MOST_IN_A_CROWD, 2))
    radius = rng.uniform(*_RADII, n)  # (n,)
    ground = _one_each(scenes, np.full((n, 2), 0.5), np.full(n, 1e-4), image_size)
    pictures = ground.copy()
    for slot in range(MOST_IN_A_CROWD):
        drawn = _one_each(scenes, centers[:, slot], radius, image_size)
        new = (drawn != _plain(ground)).any(axis=-1) & (slot < counts)[:, None, None]
        pictures[:] = np.where(new[..., None], drawn, pictures if slot else _plain(ground))
    area = (pictures != _plain(ground)).any(axis=-1).mean(axis=(1, 2))
    return Crowds(pictures, counts, scenes.shape[:, 0], scenes.color[:, 0], area)


def _plain(ground: np.ndarray) -> np.ndarray:
    """The background's color everywhere, (N, S, S, 3): that of the upper left pixel."""
    return np.broadcast_to(ground[:, :1, :1], ground.shape)


def _one_each(
    scenes: SceneTable, center: np.ndarray, radius: np.ndarray, image_size: int
) -> np.ndarray:
    """The first object of each scene at another place, (N, S, S, 3)."""
    centers = np.stack([center, np.zeros_like(center)], axis=1).astype(np.float32)  # (N, 2, 2)
    radii = np.stack([radius, np.zeros_like(radius)], axis=1).astype(np.float32)  # (N, 2)
    return render(replace(scenes, center=centers, radius=radii), image_size)
