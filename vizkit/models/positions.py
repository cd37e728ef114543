"""Telling a token where it is: added to the token, or as a turn of its query and key."""

from typing import Required, TypedDict, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.checks import check_choice, check_heads, check_pair, check_positive, check_whole
from vizkit.models.rope import axial_frequencies, mixed_frequencies, rotation_of

RESIZINGS = ("interpolate", "extrapolate", "repeat")


class Sizes(TypedDict, total=False):
    """What every position embedding is made with; see `Position`."""

    grid: Required[tuple[int, int]]
    embed_dim: Required[int]
    num_prefix_tokens: int
    num_heads: int
    depth: int


class Position(nn.Module):
    """What every position embedding does; by itself it tells nothing: the tokens are a bag.

    grid: (rows, columns) of patches; num_prefix_tokens: tokens before them, which have no place;
    num_heads, depth: of the encoder, for the rotations.
    """

    def __init__(
        self,
        *,
        grid: tuple[int, int],
        embed_dim: int,
        num_prefix_tokens: int = 0,
        num_heads: int = 1,
        depth: int = 1,
    ) -> None:
        super().__init__()
        check_pair("grid", grid)
        check_heads(embed_dim, num_heads)
        check_whole(depth=depth)
        check_whole(num_prefix_tokens=num_prefix_tokens, at_least=0)
        self.grid, self.trained_grid = grid, grid
        self.num_prefix_tokens, self.embed_dim = num_prefix_tokens, embed_dim
        self.num_heads, self.depth = num_heads, depth

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T, D) with what is added to them."""
        return tokens

    def rotations(self) -> list[Tensor | None]:
        """For each layer the cosines and sines by which `rotate` turns its queries and keys."""
        return [None] * self.depth

    def resize(self, grid: tuple[int, int], mode: str = "interpolate") -> None:
        """Serve another grid from now on, in place, without learning anything new.

        mode: what becomes of the grid on which the position embedding was trained.
            "interpolate" stretches it over the new grid: learned tables bicubically (timm
            `resample_abs_pos_embed`), coordinates times old size / new size (timm `ref_feat_shape`,
            EVA-02; "position interpolation", Chen et al. 2023);
            "extrapolate" keeps it at the top left: coordinates go on counting; learned tables have
            nothing to say there, so the new places get zeros;
            "repeat" lays it out again and again, like tiles.
        """
        check_choice("mode", mode, RESIZINGS)
        self.grid = grid


class LearnedPosition1d(Position):
    """One learned vector per token, the class token included (Dosovitskiy et al. 2021, eq. 1)."""

    def __init__(self, **sizes: Unpack[Sizes]) -> None:
        super().__init__(**sizes)
        num_tokens = self.num_prefix_tokens + self.grid[0] * self.grid[1]
        self.table = nn.Parameter(torch.empty(1, num_tokens, self.embed_dim))  # (1, T, D)
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table  # (B, T, D)

    def resize(self, grid: tuple[int, int], mode: str = "interpolate") -> None:
        prefix = self.table[0, : self.num_prefix_tokens].detach()  # (prefix, D)
        table = self.table[0, self.num_prefix_tokens :].detach().unflatten(0, self.grid)
        super().resize(grid, mode)
        patches = resize_table(table, grid, mode).flatten(0, 1)  # (N, D)
        self.table = nn.Parameter(torch.cat([prefix, patches])[None])  # (1, T, D)


class LearnedPosition2d(Position):
    """A learned vector (D/2) for each row and one for each column, side by side.

    "2-dimensional positional embedding" of Dosovitskiy et al. 2021, appendix D.4, and DETR's
    `PositionEmbeddingLearned`; (R + C) D/2 numbers in place of R C D. Prefix tokens get zeros.
    """

    def __init__(self, **sizes: Unpack[Sizes]) -> None:
        super().__init__(**sizes)
        if self.embed_dim % 2:
            raise ValueError(f"expected embed_dim to be a multiple of 2, received {self.embed_dim}")
        self.rows = nn.Parameter(torch.empty(self.grid[0], self.embed_dim // 2))  # (R, D/2)
        self.columns = nn.Parameter(torch.empty(self.grid[1], self.embed_dim // 2))  # (C, D/2)
        nn.init.trunc_normal_(self.rows, std=0.02)
        nn.init.trunc_normal_(self.columns, std=0.02)

    @property
    def table(self) -> Tensor:
        """The vector of every token, (1, T, D)."""
        rows = self.rows[:, None].expand(-1, self.grid[1], -1)  # (R, C, D/2)
        columns = self.columns[None].expand(self.grid[0], -1, -1)  # (R, C, D/2)
        patches = torch.cat([rows, columns], dim=-1).flatten(0, 1)  # (N, D)
        return F.pad(patches, (0, 0, self.num_prefix_tokens, 0))[None]  # (1, T, D)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table  # (B, T, D)

    def resize(self, grid: tuple[int, int], mode: str = "interpolate") -> None:
        super().resize(grid, mode)
        rows = resize_table(self.rows.detach()[:, None], (grid[0], 1), mode)  # (R', 1, D/2)
        columns = resize_table(self.columns.detach()[None], (1, grid[1]), mode)  # (1, C', D/2)
        self.rows, self.columns = nn.Parameter(rows[:, 0]), nn.Parameter(columns[0])


class SinCosPosition2d(Position):
    """The fixed table of `sincos_2d`; class tokens have no place and get zeros, as in MAE."""

    table: Tensor

    def __init__(self, **sizes: Unpack[Sizes]) -> None:
        super().__init__(**sizes)
        # Not persistent: it follows from the sizes, so a checkpoint need not carry it.
        self.register_buffer("table", self.make_table("extrapolate"), persistent=False)

    def make_table(self, mode: str) -> Tensor:
        """The table (1, T, D) for the present grid."""
        patches = sincos_of(patch_places(self.grid, self.trained_grid, mode), self.embed_dim)
        table = F.pad(patches, (0, 0, self.num_prefix_tokens, 0))[None]  # (1, T, D)
        return table.to(torch.get_default_dtype())

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table  # (B, T, D)

    def resize(self, grid: tuple[int, int], mode: str = "interpolate") -> None:
        super().resize(grid, mode)
        self.table = self.make_table(mode).to(self.table)


class RopeAxial(Position):
    """RoPE on two axes: half of the pairs turn with the row, half with the column.

    Fixed, without parameters, the same in every layer and head; see `axial_frequencies`. Prefix
    tokens are not turned.
    """

    rotation: Tensor

    def __init__(self, **sizes: Unpack[Sizes]) -> None:
        super().__init__(**sizes)
        # Not persistent: it follows from the sizes, so a checkpoint need not carry it.
        self.register_buffer("rotation", self.make_rotation("extrapolate"), persistent=False)

    def make_rotation(self, mode: str) -> Tensor:
        """Cosines and sines (2, T, d/2) for the present grid, computed in float64."""
        places = token_places(self, mode)  # (T, 2)
        frequencies = axial_frequencies(self.embed_dim // self.num_heads)  # (2, d/2)
        return rotation_of(places, frequencies).to(torch.get_default_dtype())  # (2, T, d/2)

    def rotations(self) -> list[Tensor | None]:
        return [self.rotation] * self.depth

    def resize(self, grid: tuple[int, int], mode: str = "interpolate") -> None:
        super().resize(grid, mode)
        self.rotation = self.make_rotation(mode).to(self.rotation)


class RopeMixed(Position):
    """RoPE whose pairs turn with row and column at once, at learned frequencies (Heo et al. 2024).

    Each head of each layer learns its own, (2, depth, H, d/2); see `mixed_frequencies`. Prefix
    tokens are not turned. Reference: timm `RotaryEmbeddingMixed`.
    """

    places: Tensor

    def __init__(self, **sizes: Unpack[Sizes]) -> None:
        super().__init__(**sizes)
        head_dim = self.embed_dim // self.num_heads
        self.frequencies = nn.Parameter(mixed_frequencies(self.depth, self.num_heads, head_dim))
        places = token_places(self, "extrapolate").to(self.frequencies.dtype)  # (T, 2)
        self.register_buffer("places", places, persistent=False)

    def rotations(self) -> list[Tensor | None]:
        rotation = rotation_of(self.places, self.frequencies)  # (2, depth, H, T, d/2)
        return list(rotation.unbind(1))

    def resize(self, grid: tuple[int, int], mode: str = "interpolate") -> None:
        super().resize(grid, mode)
        self.places = token_places(self, mode).to(self.places)


POSITIONS: dict[str, type[Position]] = {
    "none": Position,
    "learned_1d": LearnedPosition1d,
    "learned_2d": LearnedPosition2d,
    "sincos_2d": SinCosPosition2d,
    "rope_axial": RopeAxial,
    "rope_mixed": RopeMixed,
}


def sincos_2d(grid: tuple[int, int], embed_dim: int, temperature: float = 10_000.0) -> Tensor:
    """Fixed sine-cosine table (rows*columns, D): a quarter of D for each of sin, cos × row, column.

    Vaswani et al. 2017, section 3.5, applied to both axes as in MoCo v3 and MAE. The order is
    (sin row, sin column, cos row, cos column), as in timm `build_sincos2d_pos_embed`.
    Computed in float64. Raises ValueError if `embed_dim` is not a multiple of 4.
    """
    return sincos_of(patch_places(grid), embed_dim, temperature)  # (N, D)


def sincos_of(places: Tensor, embed_dim: int, temperature: float = 10_000.0) -> Tensor:
    """The sines and cosines (N, D) of `sincos_2d` for any places (N, 2)."""
    check_whole(embed_dim=embed_dim)
    check_positive(temperature=temperature)
    if embed_dim % 4:
        raise ValueError(f"expected embed_dim to be a multiple of 4, received {embed_dim}")
    quarter = embed_dim // 4
    frequencies = temperature ** -(torch.arange(quarter, dtype=torch.float64) / quarter)  # (D/4,)
    angles = (places[:, :, None] * frequencies).flatten(1)  # (N, D/2), the row's first
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (N, D)


def patch_places(
    grid: tuple[int, int], trained_grid: tuple[int, int] | None = None, mode: str = "interpolate"
) -> Tensor:
    """(row, column) of every patch (N, 2), float64, counted in patches of the trained grid.

    On another grid than the trained one, `mode` says how to count; see `Position.resize`.
    """
    check_choice("mode", mode, RESIZINGS)
    check_pair("grid", grid)
    check_pair("trained_grid", grid if trained_grid is None else trained_grid)
    axes = []
    for size, trained in zip(grid, grid if trained_grid is None else trained_grid, strict=True):
        places = torch.arange(size, dtype=torch.float64)
        if mode == "interpolate":
            places = places * (trained / size)
        elif mode == "repeat":
            places = places % trained
        axes.append(places)
    return torch.cartesian_prod(*axes)  # (N, 2)


def token_places(position: Position, mode: str) -> Tensor:
    """(row, column) of every token (T, 2): prefix tokens stand at (0, 0), where nothing turns."""
    patches = patch_places(position.grid, position.trained_grid, mode)  # (N, 2)
    return F.pad(patches, (0, 0, position.num_prefix_tokens, 0))  # (T, 2)


def resize_table(table: Tensor, grid: tuple[int, int], mode: str) -> Tensor:
    """A learned table (rows, columns, D) for another grid; for `mode` see `Position.resize`."""
    sizes = list(zip(table.shape[:2], grid, strict=True))
    if mode == "interpolate":
        rows, columns = (bicubic_weights(*size).to(table) for size in sizes)
        return torch.einsum("ri,cj,ijd->rcd", rows, columns, table)  # (*grid, D)
    rows, columns = (torch.arange(new) % old for old, new in sizes)
    tiled = table[rows][:, columns]  # (*grid, D)
    if mode == "extrapolate":
        tiled[table.shape[0] :] = 0
        tiled[:, table.shape[1] :] = 0
    return tiled


def bicubic_weights(size: int, new_size: int) -> Tensor:
    """How much each of `size` old values counts in each of `new_size` new ones: (new, old).

    Cubic convolution (Keys 1981, a = -1/2), widened where values get fewer, as in
    `F.interpolate(mode="bicubic", antialias=True)`, which timm uses. Written out, in float64,
    because torch 2.15 gets images of width 1 wrong.
    """
    centre = (torch.arange(new_size, dtype=torch.float64) + 0.5) * size / new_size - 0.5  # (new,)
    distance = (torch.arange(size) - centre[:, None]).abs() / max(
        size / new_size, 1.0
    )  # (new, old)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))  # (new, old)
    return weights / weights.sum(dim=1, keepdim=True)  # (new, old)
