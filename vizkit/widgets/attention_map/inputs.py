"""The inputs of AttentionMap: whatever form maps come in becomes checked layers of known grids, or a clear error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vizkit.inputs import as_array, as_list, as_numpy, as_texts
from vizkit.widgets.attention_map.numbers import QuantizedMaps
from vizkit.widgets.codec import Array

ROW_SUM_TOLERANCE = 1e-3
MAX_PREFIX_TOKENS = 16
MAX_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Layer:
    """The maps of one layer for every picture, and where its queries and keys stand in the picture."""

    name: str
    grid: tuple[int, int]
    key_grid: tuple[int, int]
    blocks: tuple[QuantizedMaps, ...]

    @property
    def heads(self) -> int:
        """Number of maps side by side."""
        return self.blocks[0].scales.shape[0]

    @property
    def queries(self) -> int:
        """Number of queries, prefix tokens included."""
        return self.blocks[0].scales.shape[1]


@dataclass(frozen=True)
class ModelMaps:
    """One model: its layers, the first layer first. `complete` says that no layer is left out from the first on."""

    name: str
    layers: tuple[Layer, ...]
    num_prefix_tokens: int
    signed: bool
    complete: bool
    prefix_names: tuple[str, ...] = ()  # what each prefix token is, where that is known
    pooling: Layer | None = None  # of the learned query of attention pooling: one query, all keys

    @property
    def can_roll_out(self) -> bool:
        """Whether rollout is defined: no layer missing, the same tokens in every layer."""
        same = len({layer.grid for layer in self.layers}) == 1
        return self.complete and same and len(self.layers) > 1


def attention_sides(
    attention: Any, grid: Any, num_prefix_tokens: Any, names: Any, layers: Any
) -> tuple[ModelMaps, ...]:
    """Return one side for each model; `attention` is one model's maps or a dict of at most two.

    Raises:
        ValueError: wrong shapes, rows that do not sum to 1, grids that do not fit, unequal numbers of pictures.
        TypeError: an argument of the wrong kind.
    """
    if not isinstance(attention, Mapping):
        return (_side("", attention, grid, num_prefix_tokens, names, layers),)
    if not 1 <= len(attention) <= 2:
        raise ValueError(
            f"attention as a dict must hold one or two models, got {len(attention)}: {list(attention)}"
        )
    sides = []
    for key, maps in attention.items():
        own = [_of(value, key) for value in (grid, num_prefix_tokens, names, layers)]
        sides.append(_side(str(key).replace("\0", "␀"), maps, *own))
    counts = {side.name: len(side.layers[0].blocks) for side in sides}
    if len(set(counts.values())) > 1:
        raise ValueError(f"both models must show the same pictures, got {counts} pictures")
    return tuple(sides)


def with_pooling(sides: tuple[ModelMaps, ...], pooling: Any) -> tuple[ModelMaps, ...]:
    """Return the sides with the maps of a learned pooling query: (H, T) or (images, H, T), or a dict of them.

    Raises:
        ValueError: shapes that do not fit the last layer, rows that do not sum to 1, an unknown model.
    """
    if pooling is None:
        return sides
    if not isinstance(pooling, Mapping):
        pooling = {sides[0].name: pooling}
    unknown = set(pooling) - {side.name for side in sides}
    if unknown:
        raise ValueError(f"pooling names models that are not shown: {sorted(unknown)}")
    found = []
    for side in sides:
        maps = pooling.get(side.name)
        if maps is not None:
            last = side.layers[-1]
            array = as_array("pooling", maps, ndims=(2, 3))
            array = array[None] if array.ndim == 2 else array
            expected = (len(last.blocks), last.queries)
            if (array.shape[0], array.shape[2]) != expected:
                raise ValueError(
                    f"pooling must hold (pictures, heads, tokens) with {expected[0]} pictures and"
                    f" {expected[1]} tokens, got shape {array.shape}"
                )
            blocks = _blocks("pooling", array[:, :, None], side.num_prefix_tokens)
            side = replace(side, pooling=Layer("pooling", (1, 1), last.key_grid, blocks))
        found.append(side)
    return tuple(found)


def _of(value: Any, key: Any) -> Any:
    """The part of an argument that concerns one model."""
    if not isinstance(value, Mapping):
        return value
    if key not in value:
        raise ValueError(f"the model {key!r} is missing in {dict(value)}")
    return value[key]


def _side(name: str, maps: Any, grid: Any, prefix: Any, names: Any, chosen: Any) -> ModelMaps:
    label = f"attention[{name!r}]" if name else "attention"
    arrays = _layer_arrays(label, maps)
    keep = _chosen(chosen, len(arrays))
    own_names = [str(i + 1) for i in range(len(arrays))]
    if names is not None:
        own_names = as_texts("names", names, len(arrays))
    grids = _grids(grid, len(arrays))
    tokens = [array.shape[-1] for array in arrays]
    prefix = _prefix(label, prefix, tokens[0], grids[0] if grids else None)
    layers = []
    for index in keep:
        where = f"layer {index} of {label}"
        layer_grid = _fit(where, tokens[index], prefix, grids[index] if grids else None)
        blocks = _blocks(where, arrays[index], prefix)
        layers.append(Layer(own_names[index], layer_grid, layer_grid, blocks))
    return ModelMaps(name, tuple(layers), prefix, False, keep == list(range(len(keep))))


def _layer_arrays(label: str, maps: Any) -> list[Array]:
    """Return one array (images, H, T, T) for each layer."""
    if isinstance(maps, list | tuple):
        maps = [as_numpy(f"{label}[{i}]", one) for i, one in enumerate(maps)]
    ragged = isinstance(maps, list | tuple) and len({np.shape(m) for m in maps}) > 1
    as_layers = isinstance(maps, list | tuple) and len(maps) and np.ndim(maps[0]) in (3, 4)
    if ragged or as_layers:
        arrays = [as_array(f"{label}[{i}]", m, ndims=(3, 4)) for i, m in enumerate(maps)]
        arrays = [array[None] if array.ndim == 3 else array for array in arrays]
        pictures = {len(array) for array in arrays}
        if len(pictures) > 1:
            raise ValueError(
                f"every layer of {label} must hold the same pictures, got {sorted(pictures)}"
            )
    else:
        whole = as_array(label, maps, ndims=(4, 5))
        whole = whole[None] if whole.ndim == 4 else whole
        arrays = [whole[:, layer] for layer in range(whole.shape[1])]
    for index, array in enumerate(arrays):
        if array.shape[-1] != array.shape[-2]:
            raise ValueError(
                f"layer {index} of {label} must be square in its last two axes (queries, keys), got {array.shape[-2:]};"
                " AttentionMap.from_maps takes other maps"
            )
    return arrays


def _chosen(chosen: Any, count: int) -> list[int]:
    if chosen is None:
        return list(range(count))
    chosen = [int(index) for index in as_list("layers", chosen)]
    if not chosen or any(not -count <= index < count for index in chosen):
        raise ValueError(
            f"layers must name at least one of the layers 0 to {count - 1}, got {chosen}"
        )
    return [index % count for index in chosen]


def as_grid(name: str, grid: Any) -> tuple[int, int]:
    """Return (rows, columns) as two positive ints, or raise ValueError."""
    try:
        rows, columns = (int(size) for size in grid)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be (rows, columns), got {grid!r}") from None
    if rows < 1 or columns < 1:
        raise ValueError(f"{name} must have at least one row and one column, got {grid!r}")
    return rows, columns


def _grids(grid: Any, count: int) -> list[tuple[int, int]] | None:
    """One grid for each layer, or None to infer them."""
    if grid is None:
        return None
    if len(np.shape(grid)) == 2 or (isinstance(grid, list) and np.ndim(grid[0]) == 1):
        if len(grid) != count:
            raise ValueError(
                f"grid as a list must hold one (rows, columns) for each of {count} layers, got {len(grid)}"
            )
        return [as_grid(f"grid[{index}]", one) for index, one in enumerate(grid)]
    return [as_grid("grid", grid)] * count


def _prefix(label: str, prefix: Any, tokens: int, grid: tuple[int, int] | None) -> int:
    if prefix is not None:
        prefix = int(prefix)
        if not 0 <= prefix < tokens:
            raise ValueError(f"num_prefix_tokens must be 0 to {tokens - 1}, got {prefix}")
        return prefix
    if grid is not None:
        if tokens < grid[0] * grid[1]:
            raise ValueError(
                f"{label} has {tokens} tokens, fewer than the {grid[0]} x {grid[1]} patches of grid"
            )
        return tokens - grid[0] * grid[1]
    for guess in range(min(MAX_PREFIX_TOKENS, tokens - 1) + 1):
        if math.isqrt(tokens - guess) ** 2 == tokens - guess:
            return guess
    raise ValueError(
        f"cannot tell the grid of {label} from {tokens} tokens: give grid=(rows, columns)"
    )


def _fit(where: str, tokens: int, prefix: int, grid: tuple[int, int] | None) -> tuple[int, int]:
    patches = tokens - prefix
    if grid is None:
        side = math.isqrt(max(patches, 0))
        if patches < 1 or side * side != patches:
            raise ValueError(
                f"{where} has {tokens} tokens, {prefix} of them prefix: {patches} patches are no square,"
                " give grid=(rows, columns)"
            )
        return side, side
    if grid[0] * grid[1] != patches:
        raise ValueError(
            f"{where} has {tokens} tokens; grid {grid[0]} x {grid[1]} and {prefix} prefix token(s)"
            f" need {grid[0] * grid[1] + prefix}"
        )
    return grid


def _blocks(where: str, array: Array, prefix: int) -> tuple[QuantizedMaps, ...]:
    """Quantise one layer (images, H, T, T) after checking that it holds attention."""
    _check_size(where, array[0].size)
    low = float(array.min())
    sums = array.sum(-1, dtype=np.float64)
    off = float(np.abs(sums - 1).max())
    if low < -ROW_SUM_TOLERANCE or off > ROW_SUM_TOLERANCE:
        raise ValueError(
            f"{where} holds no attention: its rows must be ≥ 0 and sum to 1 within {ROW_SUM_TOLERANCE:g}, got a"
            f" smallest value of {low:.3g} and sums from {sums.min():.4g} to {sums.max():.4g}. Apply softmax over the"
            " last axis, or show any other numbers with AttentionMap.from_maps"
        )
    return tuple(
        QuantizedMaps.from_weights(np.maximum(one, 0) if low < 0 else one, prefix) for one in array
    )


def _check_size(where: str, count: int) -> None:
    if count > MAX_BLOCK_BYTES:
        raise ValueError(
            f"{where} holds {count / 2**20:.0f} million numbers for one picture, more than the {MAX_BLOCK_BYTES >> 20}"
            " million that a browser takes at once: choose fewer heads, or a smaller picture"
        )


def map_sides(maps: Any, grid: Any, names: Any) -> tuple[ModelMaps, ...]:
    """Return the one side of `from_maps`: maps (Q, rows, columns) with up to two leading axes.

    Raises:
        ValueError: wrong shapes or a grid that does not hold Q cells.
    """
    array = as_array("maps", maps, ndims=(3, 4, 5))
    queries, rows, columns = array.shape[-3:]
    if grid is None:
        root = math.isqrt(queries)
        grid = (rows, columns) if queries == rows * columns else (root, root)
    grid = as_grid("grid", grid)
    if grid[0] * grid[1] != queries:
        raise ValueError(
            f"maps must hold one map for each of the {grid[0]} x {grid[1]} places of grid,"
            f" got {queries} maps in shape {array.shape}"
        )
    signed = bool(array.min() < 0)
    stack = array[None] if array.ndim == 3 else array
    stack = stack[:, None] if stack.ndim == 4 else stack  # (variants, heads, Q, rows, columns)
    own_names = [str(i + 1) for i in range(len(stack))]
    if names is not None:
        own_names = as_texts("names", names, len(stack))
    layers = []
    for index, one in enumerate(stack):
        _check_size(f"variant {index} of maps", one.size)
        flat = one.reshape(one.shape[0], queries, rows * columns)  # (H, Q, N)
        block = QuantizedMaps.from_weights(flat, 0, signed)
        layers.append(Layer(own_names[index], grid, (rows, columns), (block,)))
    return (ModelMaps("", tuple(layers), 0, signed, False),)
