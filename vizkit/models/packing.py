"""Pictures of any size in one sequence: packing, and a ViT that keeps them apart (NaViT, NaFlex)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, EncoderBlock
from vizkit.models.block_attention import block_diagonal_mask
from vizkit.models.checks import check_choice, check_heads, check_pair, check_whole
from vizkit.models.initialization import initialize
from vizkit.models.patches import patchify
from vizkit.models.pooling import AttentionPooling, MeanPooling
from vizkit.models.positions import patch_places, resize_table
from vizkit.models.rope import axial_frequencies, rotation_of

PACKED_POSITIONS = ("none", "learned", "factorized", "rope_axial")
PACKED_POOLINGS = ("mean", "map")


@dataclass(frozen=True)
class Packed:
    """The patches of several pictures in S sequences of T places; see `pack`.

    Attributes:
        patches: (S, T, P*P*C), flat as from `patchify`; zeros where a place is empty.
        picture: (S, T) which picture a place belongs to; -1 where it is empty.
        places: (S, T, 2) row and column of each patch in its own picture.
        grids: (rows, columns) of each picture.
        starts: (sequence, place) of the first patch of each picture; its others follow.
    """

    patches: Tensor
    picture: Tensor
    places: Tensor
    grids: tuple[tuple[int, int], ...]
    starts: tuple[tuple[int, int], ...]

    def part(self, tokens: Tensor, index: int) -> Tensor:
        """The tokens (N, D) of one picture out of all tokens (S, T, D)."""
        (rows, columns), (sequence, first) = self.grids[index], self.starts[index]
        return tokens[sequence, first : first + rows * columns]  # (N, D)

    @property
    def empty_share(self) -> float:
        """The share of places that hold no patch, 0 to 1."""
        return float((self.picture < 0).float().mean())


def pack(pictures: Sequence[Tensor], *, patch_size: int, length: int | None = None) -> Packed:
    """Cut pictures (C, H, W) of any sizes into patches and lay them into sequences.

    length: places of a sequence; None for one sequence that holds all pictures. Each picture goes
    into the first sequence that has room for it (see `first_fit`).

    Raises ValueError for no pictures, sides that are no multiples of `patch_size`, different
    numbers of channels, and a picture that is longer than `length`.
    """
    if not isinstance(pictures, Sequence) or not len(pictures):
        raise ValueError(f"expected a list of pictures (C, H, W), received {pictures!r}")
    parts = [patchify(picture[None], patch_size)[0] for picture in pictures]  # (N, P*P*C) each
    if len({part.shape[1] for part in parts}) > 1:
        shapes = sorted({tuple(picture.shape) for picture in pictures})
        raise ValueError(f"expected pictures with the same channels, received {shapes}")
    sizes = [tuple(picture.shape[1:]) for picture in pictures]
    grids = tuple((height // patch_size, width // patch_size) for height, width in sizes)
    lengths = [len(part) for part in parts]
    length = sum(lengths) if length is None else length
    rows = first_fit(lengths, length)
    patches = parts[0].new_zeros(len(rows), length, parts[0].shape[1])  # (S, T, P*P*C)
    picture = torch.full(patches.shape[:2], -1, device=patches.device)  # (S, T)
    places = torch.zeros(*patches.shape[:2], 2, device=patches.device)  # (S, T, 2)
    starts = [(0, 0)] * len(parts)
    for sequence, members in enumerate(rows):
        first = 0
        for index in members:
            here = slice(first, first + lengths[index])
            patches[sequence, here] = parts[index]
            picture[sequence, here] = index
            places[sequence, here] = patch_places(grids[index]).to(places)
            starts[index] = (sequence, first)
            first += lengths[index]
    return Packed(patches, picture, places, grids, tuple(starts))


def first_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Which items share a sequence: each goes into the first one in which it still fits.

    Returns the indices of the items, a list for each sequence. NaViT packs like this (2307.06304,
    section 2.2, and Algorithm 1 of its appendix). Raises ValueError for an item that is too long.
    """
    check_whole(capacity=capacity)
    check_whole(**{f"length {index}": length for index, length in enumerate(lengths)})
    if lengths and max(lengths) > capacity:
        raise ValueError(f"expected lengths of at most {capacity}, received {max(lengths)}")
    rows: list[list[int]] = []
    room: list[int] = []
    for index, length in enumerate(lengths):
        fits = [row for row, left in enumerate(room) if left >= length]
        if not fits:
            rows.append([])
            room.append(capacity)
        row = fits[0] if fits else len(rows) - 1
        rows[row].append(index)
        room[row] -= length
    return rows


class PackedVisionTransformer(nn.Module):
    """`Packed` pictures to class scores (P, num_classes), or to features (P, D) if that is 0.

    A picture sees its own patches only, and gives what it would give alone, whatever it is packed
    with. There is no class token.

    position: "learned" (a table over `trained_grid`, stretched over each picture's grid: NaFlex),
        "factorized" (one table for rows and one for columns, stretched and added: NaViT),
        "rope_axial" (Qwen2-VL; see `axial_frequencies`) or "none";
    pooling: "mean" or "map" (attention pooling), over the picture's patches;
    initialization: see `initialize`.

    Raises ValueError on sizes and names that do not fit.
    Reference: timm `models/naflexvit.py`; equal outputs and gradients with the same weights, which
    `load_naflex_weights` copies.
    """

    def __init__(
        self,
        *,
        patch_size: int = 8,
        in_channels: int = 3,
        embed_dim: int = 192,
        depth: int = 4,
        num_heads: int = 3,
        mlp_ratio: float = 4.0,
        position: str = "learned",
        trained_grid: tuple[int, int] = (8, 8),
        pooling: str = "mean",
        num_classes: int = 0,
        initialization: str = "published",
    ) -> None:
        super().__init__()
        check_choice("position", position, PACKED_POSITIONS)
        check_choice("pooling", pooling, PACKED_POOLINGS)
        check_whole(patch_size=patch_size, in_channels=in_channels, depth=depth)
        check_whole(num_classes=num_classes, at_least=0)
        check_heads(embed_dim, num_heads)
        check_pair("trained_grid", trained_grid)
        self.patch_size, self.embed_dim = patch_size, embed_dim
        self.patch_embed = nn.Linear(in_channels * patch_size**2, embed_dim)
        self.position = make_position(position, trained_grid, embed_dim, num_heads)
        self.blocks = nn.ModuleList(
            EncoderBlock(embed_dim=embed_dim, num_heads=num_heads, mlp_ratio=mlp_ratio)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.pooling = (
            MeanPooling()
            if pooling == "mean"
            else AttentionPooling(embed_dim=embed_dim, num_heads=num_heads, mlp_ratio=mlp_ratio)
        )
        self.head = nn.Linear(embed_dim, num_classes) if num_classes else nn.Identity()
        initialize(self, initialization, published=(nn.Linear,))

    def forward(self, packed: Packed) -> Tensor:
        tokens = self.tokens(packed)  # (S, T, D)
        parts = [packed.part(tokens, index) for index in range(len(packed.grids))]  # (N, D) each
        pooled = torch.cat([self.pooling(part[None]) for part in parts])  # (P, D)
        return self.head(pooled)  # (P, num_classes), or (P, D)

    def tokens(self, packed: Packed) -> Tensor:
        """The encoded tokens (S, T, D); what stands in empty places means nothing."""
        if not isinstance(packed, Packed):
            raise TypeError(f"expected Packed pictures, received {type(packed).__name__}")
        tokens = self.patch_embed(packed.patches)  # (S, T, D)
        tokens, rotation = self.position(tokens, packed)  # rotation: (2, S, 1, T, d/2) or None
        mask = block_diagonal_mask(packed.picture)[:, None]  # (S, 1, T, T), for every head
        for block in self.blocks:
            tokens = block(tokens, mask=mask, rotation=rotation)  # (S, T, D)
        return self.norm(tokens)  # (S, T, D)


def make_position(
    position: str, trained_grid: tuple[int, int], embed_dim: int, num_heads: int
) -> nn.Module:
    """The position embedding of `PackedVisionTransformer` called `position`."""
    if position == "rope_axial":
        return PackedRope(embed_dim // num_heads)
    if position == "none":
        return PackedPosition()
    kind = PackedTable if position == "learned" else PackedFactors
    return kind(trained_grid, embed_dim)


class PackedPosition(nn.Module):
    """Tells the tokens (S, T, D) of packed pictures where they are; by itself, nothing.

    Returns the tokens and the rotation of their queries and keys, or None.
    """

    def forward(self, tokens: Tensor, packed: Packed) -> tuple[Tensor, Tensor | None]:
        tables = {grid: self.table_for(grid) for grid in set(packed.grids)}
        added = torch.zeros_like(tokens)  # (S, T, D)
        for grid, (sequence, first) in zip(packed.grids, packed.starts, strict=True):
            table = tables[grid]
            if table is None:
                return tokens, None
            added[sequence, first : first + grid[0] * grid[1]] = table
        return tokens + added, None  # (S, T, D)

    def table_for(self, grid: tuple[int, int]) -> Tensor | None:
        """What is added to the tokens of a picture of this grid, (N, D)."""
        return None


class PackedTable(PackedPosition):
    """A learned vector for each place of the trained grid, stretched bicubically over another."""

    def __init__(self, trained_grid: tuple[int, int], embed_dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(*trained_grid, embed_dim))  # (R, C, D)
        nn.init.trunc_normal_(self.table, std=0.02)

    def table_for(self, grid: tuple[int, int]) -> Tensor:
        return resize_table(self.table, grid, "interpolate").flatten(0, 1)  # (N, D)


class PackedFactors(PackedPosition):
    """A learned vector for each row and one for each column, stretched linearly, and added.

    "Factorized & fractional positional embeddings" of NaViT (2307.06304, section 2.1), as in timm.
    """

    def __init__(self, trained_grid: tuple[int, int], embed_dim: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(trained_grid[0], embed_dim))  # (R, D)
        self.columns = nn.Parameter(torch.empty(trained_grid[1], embed_dim))  # (C, D)
        nn.init.trunc_normal_(self.rows, std=0.02)
        nn.init.trunc_normal_(self.columns, std=0.02)

    def table_for(self, grid: tuple[int, int]) -> Tensor:
        rows, columns = (
            F.interpolate(table.T[None], size, mode="linear")[0].T  # (size, D)
            for table, size in zip((self.rows, self.columns), grid, strict=True)
        )
        return (rows[:, None] + columns[None]).flatten(0, 1)  # (N, D)


class PackedRope(PackedPosition):
    """Axial RoPE by row and column in the own picture: no table, nothing to stretch."""

    frequencies: Tensor

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", axial_frequencies(head_dim), persistent=False)

    def forward(self, tokens: Tensor, packed: Packed) -> tuple[Tensor, Tensor | None]:
        places = packed.places.to(self.frequencies).flatten(0, 1)  # (S*T, 2)
        rotation = rotation_of(places, self.frequencies).to(tokens.dtype)  # (2, S*T, d/2)
        rotation = rotation.unflatten(1, packed.picture.shape)[:, :, None]  # (2, S, 1, T, d/2)
        return tokens, rotation
