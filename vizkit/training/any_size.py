"""Pictures that are not square, ways to make them fit, and a network that has to tell their ratio.

An object is tall, even or wide, on a ground that is anything from four times as high as wide to the
reverse. Both ratios are drawn apart, so that neither tells the other.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.data import SHAPES
from vizkit.data.shapes import half_extents, signed_distance
from vizkit.models.attention import EncoderBlock
from vizkit.models.block_attention import block_diagonal_mask
from vizkit.models.checks import check_choice, check_whole
from vizkit.models.initialization import initialize
from vizkit.models.packing import Packed, PackedVisionTransformer, pack
from vizkit.models.tiles import (
    at_native_size,
    best_canvas,
    centre_crop,
    cut_tiles,
    letterbox,
    resize,
)
from vizkit.training.loop import History, fit, seed_everything

RATIOS = {"tall": 1 / 1.6, "even": 1.0, "wide": 1.6}  # of the object, width by height
KINDS = ("circle", "square", "ring", "cross")
WIDEST = 4.0  # the ground's largest ratio, and one over it the smallest
PAPER, INK = np.full(3, 0.94), np.array([0.12, 0.24, 0.47])
AREAS = (0.05, 0.12)  # the object's share of the picture, as a box
PIXELS = 288 * 288  # of a whole picture, many times those that a network sees; see `draw`
PATCH, BUDGET = 8, 36  # pixels of a patch's side, and patches of a picture
SIDE = PATCH * math.isqrt(BUDGET)  # of the square that holds them
EDGE = 1.0  # width of an object's soft edge, in pixels of that square
TILE = 24  # 9 patches: three tiles and the thumbnail are within the budget
CANVASES = ((TILE, TILE), (2 * TILE, TILE), (TILE, 2 * TILE), (3 * TILE, TILE), (TILE, 3 * TILE))

QUESTIONS = ("ratio", "kind")
CHANCE = {"ratio": 1 / len(RATIOS), "kind": 1 / len(KINDS)}


@dataclass(frozen=True)
class Drawings(Sequence[Tensor]):
    """Pictures that are drawn when they are asked for: thousands of them would fill the memory.

    Attributes:
        kind: (N,) index into KINDS.
        ground: (N,) width by height of the whole picture.
        corner, box: (N, 2) x and y of the object's box, and its width and height, as shares.
        pixels: of a picture, about.
    """

    kind: np.ndarray
    ground: np.ndarray
    corner: np.ndarray
    box: np.ndarray
    pixels: int

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        kind, ground = KINDS[self.kind[index]], float(self.ground[index])
        return draw(kind, ground, self.corner[index], self.box[index], pixels=self.pixels)


@dataclass(frozen=True)
class WidePictures:
    """Pictures (3, H, W) of about `PIXELS` pixels, from -1 to 1, and what is in them.

    Attributes:
        pictures: one object each, on a plain ground.
        ratio: (N,) index into RATIOS, of the object.
        kind: (N,) index into KINDS.
        ground: (N,) width by height of the whole picture.
    """

    pictures: Drawings
    ratio: Tensor
    kind: Tensor
    ground: Tensor

    def __len__(self) -> int:
        return len(self.pictures)


def wide_pictures(n: int, seed: int, *, pixels: int = PIXELS) -> WidePictures:
    """`n` pictures of any shape with one object each; the same in every run.

    The ratio of the object and that of the picture are drawn apart. So is the area of the object as
    a share of the picture. Once squashed, pictures that are fine enough hold nothing of the
    picture's ratio but the quotient of the two; see `squashed_ceiling`. Coarse ones hold a trace
    more; see `draw`.
    """
    check_whole(n=n, pixels=pixels)
    rng = np.random.default_rng(seed)
    ratio, kind = rng.integers(len(RATIOS), size=n), rng.integers(len(KINDS), size=n)
    ground = WIDEST ** rng.uniform(-1, 1, n)  # (N,)
    squashed = np.array(list(RATIOS.values()))[ratio] / ground  # (N,) once the picture is a square
    area = rng.uniform(*AREAS, n)
    box = np.stack([np.sqrt(area * squashed), np.sqrt(area / squashed)], 1)  # (N, 2) w, h, shares
    corner = rng.uniform(size=(n, 2)) * (1 - box)
    return WidePictures(
        Drawings(kind, ground, corner, box, pixels),
        torch.from_numpy(ratio),
        torch.from_numpy(kind),
        torch.from_numpy(ground),
    )


def draw(
    kind: str, ground: float, corner: np.ndarray, box: np.ndarray, *, pixels: int = PIXELS
) -> Tensor:
    """One object in its box (x, y and width, height as shares) on paper: (3, H, W).

    What is drawn depends on the shares alone, its soft edge included; the ground only decides at
    how many rows and columns it is looked at. With few of them squashing leaves a trace: at 96 x 96
    pixels it shrinks one direction four times and the other not at all, and the blur of upright
    against level edges tells the picture's ratio. At `PIXELS` both directions shrink by three or
    more, and the blur is the same.
    """
    height = round(math.sqrt(pixels / ground))
    width = round(pixels / height)
    shape = np.array([SHAPES.index(kind)])
    reach = half_extents(shape, np.zeros(1))[0]  # left, top, right, bottom, in radii
    radius = box / np.array([reach[0] + reach[2], reach[1] + reach[3]])  # (2,) shares
    center = corner + radius * reach[:2]
    x = ((np.arange(width) + 0.5) / width - center[0]) / radius[0]  # (W,) in radii
    y = ((np.arange(height) + 0.5) / height - center[1]) / radius[1]  # (H,)
    x, y = np.broadcast_arrays(x[None], y[:, None])  # (H, W) each
    distance = signed_distance(shape, x[None], y[None])[0]  # (H, W), in radii
    edges = SIDE * math.sqrt(radius[0] * radius[1]) / EDGE  # widths of the edge in a radius
    inside = torch.from_numpy(np.clip(0.5 - distance * edges, 0, 1)).float()  # (H, W)
    paper, ink = (torch.from_numpy(colour).float()[:, None, None] for colour in (PAPER, INK))
    return (paper + (ink - paper) * inside) * 2 - 1  # (3, H, W)


def squashed_ceiling() -> float:
    """The best share of right ratios that anybody can reach from squashed pictures, in closed form.

    All that they hold of the ratio is q = (object's ratio) / (picture's ratio), and log q is uniform
    over an interval that shifts with the answer. The best guess at q is any answer whose interval
    holds it: right for the length of their union by the sum of their lengths.
    """
    logs = [math.log(ratio) for ratio in RATIOS.values()]
    each = 2 * math.log(WIDEST)
    return (each + max(logs) - min(logs)) / (len(logs) * each)


# ── Ways to fit a picture to an encoder: (3, H, W) to the parts that it sees, each by itself ──────


def squash(picture: Tensor) -> list[Tensor]:
    """The whole picture as a square."""
    return [resize(picture, (SIDE, SIDE))]


def crop(picture: Tensor) -> list[Tensor]:
    """The middle square."""
    return [resize(centre_crop(picture), (SIDE, SIDE))]


def pad(picture: Tensor) -> list[Tensor]:
    """The whole picture in its own ratio, with bars around it."""
    return [letterbox(picture, (SIDE, SIDE))]


def tile(picture: Tensor) -> list[Tensor]:
    """One to three tiles and a squashed thumbnail."""
    height, width = picture.shape[1:]
    canvas = best_canvas((height, width), CANVASES)
    tiles, thumbnail = cut_tiles(picture, canvas, TILE)
    return [*tiles, thumbnail]


def native(picture: Tensor) -> list[Tensor]:
    """The whole picture in its own ratio, as large as the budget of patches allows."""
    return [at_native_size(picture, PATCH, BUDGET)]


def native_quarter(picture: Tensor) -> list[Tensor]:
    """As `native`, with a quarter of the patches: fewer pixels than a squashed picture has."""
    return [at_native_size(picture, PATCH, BUDGET // 4)]


WAYS: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "squash": squash,
    "crop": crop,
    "pad": pad,
    "tile": tile,
    "native": native,
    "native, a quarter of the patches": native_quarter,
    "squash, ratio told": squash,
}


@dataclass(frozen=True)
class Sequences:
    """Prepared pictures, one in a row of T patches: what `RatioReader` sees.

    Attributes:
        patches: (N, T, P*P*3).
        part: (N, T) which part of its picture a patch belongs to, -1 where a row is empty.
        places: (N, T, 2) row and column, in one system for all parts of a picture.
        told: (N,) the logarithm of the picture's ratio, or 0 if it is not told.
    """

    patches: Tensor
    part: Tensor
    places: Tensor
    told: Tensor

    def __getitem__(self, index: Tensor) -> "Sequences":
        return Sequences(*(value[index] for value in vars(self).values()))


def prepare(pictures: WidePictures, way: str) -> Sequences:
    """All pictures made to fit in one of the WAYS."""
    check_choice("way", way, WAYS)
    length = BUDGET
    shape = (len(pictures), length)
    patches, part = torch.zeros(*shape, 3 * PATCH**2), torch.full(shape, -1)
    places = torch.zeros(*shape, 2)
    for row, picture in enumerate(pictures.pictures):
        packed = pack(WAYS[way](picture), patch_size=PATCH)
        count = packed.patches.shape[1]
        patches[row, :count], part[row, :count] = packed.patches[0], packed.picture[0]
        places[row, :count] = packed.places[0] + offsets(packed, picture)[packed.picture[0]]
    told = pictures.ground.log() if way.endswith("told") else torch.zeros(len(pictures))
    return Sequences(patches, part, places, told.float())


def offsets(packed: Packed, picture: Tensor) -> Tensor:
    """Where each part begins, (parts, 2) in patches: tiles side by side, the thumbnail apart."""
    parts = len(packed.grids)
    if parts == 1:
        return torch.zeros(1, 2)
    rows, columns = packed.grids[0]
    height, width = picture.shape[1:]
    canvas = best_canvas((height, width), CANVASES)
    across = canvas[1] // TILE
    numbers = torch.arange(parts)
    begins = torch.stack([numbers // across * rows, numbers % across * columns], 1).float()
    begins[-1] = torch.tensor([4.0 * rows, 0.0])  # below every canvas
    return begins


class RatioReader(nn.Module):
    """`Sequences` to scores (N, 3 + 4): the object's ratio, and its kind.

    Two blocks read each part by itself, as an encoder reads tiles; a third reads all of them, as a
    language model does after it. RoPE by rows and columns, and the mean of all patches at the end.
    """

    def __init__(self, *, embed_dim: int = 48, num_heads: int = 3) -> None:
        super().__init__()
        self.encoder = PackedVisionTransformer(
            patch_size=PATCH,
            embed_dim=embed_dim,
            depth=2,
            num_heads=num_heads,
            mlp_ratio=2.0,
            position="rope_axial",
            initialization="fan_in",
        )
        self.told = nn.Linear(1, embed_dim)
        self.reader = EncoderBlock(embed_dim=embed_dim, num_heads=num_heads, mlp_ratio=2.0)
        self.head = nn.Linear(embed_dim, len(RATIOS) + len(KINDS))
        initialize(self, "fan_in", published=(nn.Linear,))

    def forward(self, rows: Sequences) -> Tensor:
        packed = Packed(rows.patches, rows.part, rows.places, (), ())
        tokens = self.encoder.tokens(packed)  # (N, T, D)
        tokens = tokens + self.told(rows.told[:, None])[:, None]  # (N, T, D)
        filled = rows.part >= 0  # (N, T)
        mask = block_diagonal_mask(filled.long())[:, None]  # (N, 1, T, T)
        _, rotation = self.encoder.position(tokens, packed)
        tokens = self.reader(tokens, mask=mask, rotation=rotation)  # (N, T, D)
        weight = filled / filled.sum(1, keepdim=True)  # (N, T)
        return self.head((tokens * weight[..., None]).sum(1))  # (N, 3 + 4)


def train_reader(
    rows: Sequences,
    answers: WidePictures,
    seed: int,
    *,
    steps: int = 600,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    progress: bool = False,
) -> tuple[RatioReader, History]:
    """A `RatioReader` that learns both questions from prepared pictures."""
    seed_everything(seed)
    model, order = RatioReader(), torch.Generator().manual_seed(seed)

    def compute_loss(step: int) -> Tensor:
        batch = torch.randint(len(answers), (batch_size,), generator=order)
        ratio, kind = model(rows[batch]).split([len(RATIOS), len(KINDS)], dim=1)
        return F.cross_entropy(ratio, answers.ratio[batch]) + F.cross_entropy(
            kind, answers.kind[batch]
        )

    history = fit(
        model,
        compute_loss,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 10,
        clip_norm=1.0,
        seed=None,
        progress=progress,
    )
    return model, history


@torch.no_grad()
def evaluate_reader(model: RatioReader, rows: Sequences, answers: WidePictures) -> dict[str, float]:
    """The share of right answers to each of QUESTIONS."""
    scores = torch.cat([model(rows[part]) for part in torch.arange(len(answers)).split(256)])
    ratio, kind = scores.split([len(RATIOS), len(KINDS)], dim=1)
    return {
        "ratio": float((ratio.argmax(1) == answers.ratio).float().mean()),
        "kind": float((kind.argmax(1) == answers.kind).float().mean()),
    }
