"""The drawn world as a `datasets.Dataset`: drawn once, kept on disk, read back fast."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vizkit.data.render import check_image_size, render
from vizkit.data.scenes import PLACES, RELATIONS, SIZES, SceneTable, sample_scenes
from vizkit.data.shapes import SHAPES
from vizkit.data.styles import BACKGROUNDS, COLORS, STYLES
from vizkit.extras import require
from vizkit.files import cache_folder
from vizkit.inputs import upright_rgb

if TYPE_CHECKING:  # importing datasets takes seconds: only those who call scenes() pay for it
    import pyarrow as pa
    from datasets import Dataset

__all__ = ["cache_folder", "images_as_array", "scenes"]

_ROWS = 1024  # scenes of 64 px drawn and written at a time


def scenes(
    n: int,
    seed: int = 0,
    *,
    image_size: int = 64,
    cache_dir: str | Path | None = None,
    **options: Any,
) -> Dataset:
    """Draws `n` scenes as a dataset of pictures with their ground truth.

    Drawn on the first call and kept in `cache_dir`; later calls map the file into memory. The key
    holds every scene, the size and the drawing code, so a stale file is never used. A damaged file
    is drawn anew with a warning. Where the folder cannot be written to (read-only, disk full), a
    warning says so and the dataset is held in memory. Pictures are stored uncompressed:
    12 MB per thousand at 64 px, 3 MB at 32 px.

    Args:
        n, seed: as for `sample_scenes`; `sample_scenes(n, seed, **options)` gives the same scenes
            as a table. The first `k` of `n` scenes are *not* those of a call with `n=k`.
        image_size: side of the pictures in pixels, 16 to 1024.
        cache_dir: folder to keep drawn scenes in; None takes `cache_folder()`.
        options: every keyword of `sample_scenes`.

    Returns:
        A dataset with the columns image, num_objects, shape, color, size, place, box (one entry
        per object; boxes are left, top, right, bottom in pixels), style, background, relation.

    Raises:
        ValueError: options that `sample_scenes` or `render` refuse.
        TypeError: an unknown option.
    """
    require("course", "datasets", what="scenes")
    from datasets import Dataset
    from datasets.table import InMemoryTable, MemoryMappedTable

    check_image_size(image_size)
    table = sample_scenes(n, seed, **options)
    key = _key(table, image_size)
    folder: str | Path = "the user's cache folder"
    try:
        folder = Path(cache_dir) if cache_dir is not None else cache_folder()
        path = _find(folder, key) or _write(folder, key, table, image_size)
    except OSError as error:
        warnings.warn(
            f"cannot keep drawn scenes in {folder} ({error.strerror or error}); they are held "
            "in memory and drawn again next time. Set VIZKIT_CACHE to a writable folder.",
            stacklevel=2,
        )
        batches = list(_batches(table, image_size))
        drawn = InMemoryTable.from_batches(batches, schema=_schema())
        return Dataset(drawn, fingerprint=key)
    return Dataset(MemoryMappedTable.from_file(str(path)), fingerprint=key)


def images_as_array(dataset: Dataset, image_size: int | None = None) -> np.ndarray:
    """Every picture of a dataset's `image` column as one array.

    Args:
        dataset: any dataset with an `image` column of type Image, selected or shuffled or whole.
        image_size: None when all pictures have one size; else they are cut to a centred square
            and resized to this many pixels, 16 to 1024.

    Returns:
        `(N, H, W, 3)` uint8 RGB.

    Raises:
        TypeError: no dataset.
        ValueError: no image column, an empty dataset, or pictures of different sizes.
    """
    require("course", "datasets", what="images_as_array")
    from datasets import Dataset

    if not isinstance(dataset, Dataset):
        raise TypeError(f"expected a datasets.Dataset, got {type(dataset).__name__}")
    if image_size is not None:
        check_image_size(image_size)
    if "image" not in dataset.column_names:
        raise ValueError(f"the dataset has no image column, only {dataset.column_names}")
    if len(dataset) == 0:
        raise ValueError("the dataset is empty")
    rows = dataset.select_columns("image").with_format("arrow")[:]["image"].to_pylist()
    first = _decode(rows[0], image_size)
    images = np.empty((len(rows), *first.shape), np.uint8)
    for index, row in enumerate(rows):
        image = _decode(row, image_size)
        if image.shape != first.shape:
            raise ValueError(
                f"picture {index} is {image.shape[1]} x {image.shape[0]}, the first is "
                f"{first.shape[1]} x {first.shape[0]}: give image_size to resize them"
            )
        images[index] = image
    return images


def square_image(image: Any, image_size: int) -> np.ndarray:
    """Cuts a PIL image to its centred square and resizes it: `(S, S, 3)` uint8."""
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(image.convert("RGB"), (image_size, image_size), Image.Resampling.BICUBIC)
    return np.asarray(fitted)


def _decode(row: dict[str, Any], image_size: int | None) -> np.ndarray:
    from PIL import Image

    data = row["bytes"]
    if data is not None and (quick := decode_png(data)) is not None:
        if image_size in (None, quick.shape[0]):
            return quick
        return square_image(Image.fromarray(quick), image_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `pairs` has looked
        with Image.open(row["path"] if data is None else BytesIO(data)) as opened:
            image = upright_rgb(opened)
    return np.asarray(image) if image_size is None else square_image(image, image_size)


@lru_cache(maxsize=8)
def _png_frame(side: int) -> tuple[np.ndarray, bytes, bytes]:
    """The bytes of an uncompressed PNG that its pixels do not change.

    Each row of pixels is one stored block of the deflate format, so that the pixels stand at
    fixed places: valid for every reader, and instant to write and to read back.

    Returns:
        `(side, 6)` uint8 what precedes each row: a block's header and the row's filter (0, none);
        the file up to the first row; the file after the last row's two checksums.
    """
    length = 1 + 3 * side
    before = np.frombuffer(struct.pack("<BHHB", 0, length, length ^ 0xFFFF, 0), np.uint8)
    before = np.tile(before, (side, 1))
    before[-1, 0] = 1  # the last block
    header = struct.pack(">4sIIBBBBB", b"IHDR", side, side, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    head += struct.pack(">I", zlib.crc32(header))
    head += struct.pack(">I4s", 2 + side * (5 + length) + 4, b"IDAT") + b"\x78\x01"
    return before, head, struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def encode_pngs(images: np.ndarray) -> np.ndarray:
    """`(N, R, R, 3)` pictures as PNG files of one length: `(N, length)` uint8."""
    count, side = images.shape[:2]
    before, head, end = _png_frame(side)
    start, stop = len(head), len(head) + side * (6 + 3 * side)
    files = np.empty((count, stop + 8 + len(end)), np.uint8)
    files[:, :start] = np.frombuffer(head, np.uint8)
    files[:, stop + 8 :] = np.frombuffer(end, np.uint8)
    rows = np.zeros((count, side, 1 + 3 * side), np.uint8)
    rows[:, :, 1:] = images.reshape(count, side, -1)
    body = np.concatenate([np.broadcast_to(before[:, :5], (count, side, 5)), rows], axis=2)
    files[:, start:stop] = body.reshape(count, -1)
    for file, pixels in zip(files, rows, strict=True):
        file[stop : stop + 4] = np.frombuffer(struct.pack(">I", zlib.adler32(pixels)), np.uint8)
        checksum = zlib.crc32(file[start - 6 : stop + 4])
        file[stop + 4 : stop + 8] = np.frombuffer(struct.pack(">I", checksum), np.uint8)
    return files


def decode_png(data: bytes) -> np.ndarray | None:
    """The picture in a PNG that `encode_pngs` wrote; None for any other data."""
    side = int.from_bytes(data[16:20], "big")
    if side > 1024 or not data.startswith(b"\x89PNG") or len(data) < 3 * side * side:
        return None
    before, head, end = _png_frame(side)
    stop = len(head) + side * (6 + 3 * side)
    if len(data) != stop + 8 + len(end) or not data.startswith(head):
        return None
    rows = np.frombuffer(data, np.uint8)[len(head) : stop].reshape(side, 6 + 3 * side)
    if not np.array_equal(rows[:, :6], before):
        return None
    return rows[:, 6:].reshape(side, side, 3)


def _schema() -> pa.Schema:
    require("course", "datasets", what="scenes")
    from datasets import ClassLabel, Features, Image, List, Value

    def per_object(names: tuple[str, ...]) -> List:
        return List(ClassLabel(names=list(names)))

    return Features(
        {
            "image": Image(),
            "num_objects": Value("int64"),
            "shape": per_object(SHAPES),
            "color": per_object(tuple(COLORS)),
            "size": per_object(SIZES),
            "place": per_object(PLACES),
            "box": List(List(Value("float32"))),
            "style": ClassLabel(names=list(STYLES)),
            "background": ClassLabel(names=list(BACKGROUNDS)),
            "relation": ClassLabel(names=list(RELATIONS)),
        }
    ).arrow_schema


def _batches(table: SceneTable, image_size: int) -> Iterator[pa.RecordBatch]:
    """Draws the scenes, some at a time, into rows of the dataset."""
    import pyarrow as pa

    from vizkit.progress import progress_bar

    schema = _schema()
    count = max(1, _ROWS * 64 * 64 // image_size**2)
    with progress_bar(total=len(table), desc="drawing scenes", delay=2, leave=False) as progress:
        for start in range(0, len(table), count):
            part = table[start : start + count]
            files = encode_pngs(render(part, image_size))
            ends = np.arange(0, files.size + 1, files.shape[1], dtype=np.int32)
            buffers = [None, pa.py_buffer(ends), pa.py_buffer(files)]
            pngs = pa.BinaryArray.from_buffers(pa.binary(), len(part), buffers)
            pictures = pa.StructArray.from_arrays(
                [pngs, pa.nulls(len(part), pa.string())], ["bytes", "path"]
            )
            columns = {"image": pictures, **_truth(part, image_size)}
            arrays = [columns[field.name].cast(field.type) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            progress.update(len(part))


def _truth(table: SceneTable, image_size: int) -> dict[str, pa.Array]:
    """The ground truth columns; those per object are lists of one or two entries."""
    import pyarrow as pa

    present = table.shape >= 0
    ends = np.concatenate([[0], table.num_objects.cumsum()]).astype(np.int32)
    columns = {
        name: pa.ListArray.from_arrays(ends, pa.array(values[present]))
        for name, values in (
            ("shape", table.shape),
            ("color", table.color),
            ("size", table.size),
            ("place", table.place),
        )
    }
    boxes = table.boxes(image_size)[present]
    corners = pa.ListArray.from_arrays(
        np.arange(0, boxes.size + 1, 4, dtype=np.int32), pa.array(boxes.ravel())
    )
    columns["box"] = pa.ListArray.from_arrays(ends, corners)
    columns["num_objects"] = pa.array(table.num_objects)
    for name in ("style", "background", "relation"):
        columns[name] = pa.array(getattr(table, name))
    return columns


def _key(table: SceneTable, image_size: int) -> str:
    """Names a cache file by all that decides its content: the scenes, the size and the code."""
    digest = hashlib.blake2b(f"{image_size}".encode(), digest_size=12)
    for module in ("shapes", "styles", "scenes", "render", "store"):
        digest.update(Path(__file__).with_name(f"{module}.py").read_bytes())
    for field in fields(table):
        digest.update(np.ascontiguousarray(getattr(table, field.name)).data)
    return digest.hexdigest()


def _find(folder: Path, key: str) -> Path | None:
    """An undamaged cache file. Its name ends in its checksum, so one file tells all."""
    for path in sorted(folder.glob(f"scenes-{key}-*.arrow")):
        try:
            if path.stem.rsplit("-", 1)[1] == _checksum(path):
                return path
            reason = "is damaged"
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
        warnings.warn(f"{path} {reason}; drawing its scenes again", stacklevel=3)
        try:
            path.unlink()
        except OSError:
            continue  # a read-only folder: the new file gets in the way of nothing
    return None


def _checksum(path: Path) -> str:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return f"{checksum:08x}"


def _write(folder: Path, key: str, table: SceneTable, image_size: int) -> Path:
    """Writes a cache file beside its final name, then moves it there in one step."""
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    handle, name = tempfile.mkstemp(prefix=".unfinished-", suffix=".arrow", dir=folder)
    unfinished = Path(name)
    try:
        schema = _schema()
        with os.fdopen(handle, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for batch in _batches(table, image_size):
                writer.write_batch(batch)
        path = folder / f"scenes-{key}-{_checksum(unfinished)}.arrow"
        try:
            unfinished.replace(path)
        except PermissionError:
            # Windows will not replace a file that another process has open; then that process
            # has already written these very bytes.
            if not path.exists():
                raise
        return path
    finally:
        unfinished.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Removes what processes killed more than a day ago left unfinished."""
    for path in folder.glob(".unfinished-*.arrow"):
        try:
            if time.time() - path.stat().st_mtime > 86400:
                path.unlink()
        except OSError:
            continue  # another process is as quick as this one
