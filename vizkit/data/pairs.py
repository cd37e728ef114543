"""Image-text pairs behind one interface: the drawn world, a folder of your own, or the hub."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vizkit.data.captions import write_captions
from vizkit.data.folders import (
    caption_column_of,
    first_caption,
    list_problems,
    printable,
    read_folder,
    stored_name,
    stored_picture,
    why_unreadable,
)
from vizkit.data.render import check_image_size
from vizkit.data.scenes import SceneTable, check_count, check_share, sample_scenes
from vizkit.data.store import images_as_array, scenes
from vizkit.extras import require

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["ImageTextPairs", "pairs"]


@dataclass(frozen=True)
class ImageTextPairs:
    """Pictures with one caption each. Iterating yields `(PIL image, caption)`.

    Captions are plain text from wherever the data came from: escape them before they reach HTML.
    """

    dataset: Dataset  # has an image column; `dataset[i]["image"]` is the picture as stored
    captions: list[str]
    image_size: int  # side of the pictures that `images` returns
    table: SceneTable | None = None  # the ground truth of drawn scenes
    caption_is_noise: np.ndarray | None = None  # (N,) bool, drawn scenes only
    problems: list[tuple[str, str]] = field(default_factory=list)  # files left out, and why

    def __len__(self) -> int:
        return len(self.captions)

    def __iter__(self) -> Iterator[tuple[object, str]]:
        for row, caption in zip(self.dataset, self.captions, strict=True):
            yield row["image"], caption

    def images(self, indices: Sequence[int] | slice | np.ndarray | None = None) -> np.ndarray:
        """Pictures as `(K, S, S, 3)` uint8, S = image_size: the chosen ones, or all for None.

        Pictures of another size are cut to a centred square and resized.
        """
        chosen = np.arange(len(self)) if indices is None else np.arange(len(self))[indices]
        chosen = np.atleast_1d(chosen)
        if len(chosen) == 0:
            return np.empty((0, self.image_size, self.image_size, 3), np.uint8)
        selected = self.dataset if indices is None else self.dataset.select(chosen)
        return images_as_array(selected, self.image_size)

    def batches(
        self, batch_size: int, seed: int = 0, *, drop_last: bool = True
    ) -> Iterator[tuple[np.ndarray, list[str]]]:
        """One shuffled pass: `(batch_size, S, S, 3)` uint8 pictures and their captions.

        Raises:
            ValueError: batch_size is not from 1 to the number of pairs.
        """
        check_count("batch_size", batch_size, 1, len(self))
        order = np.random.default_rng(seed).permutation(len(self))
        return self._batches(order, batch_size, drop_last)

    def _batches(
        self, order: np.ndarray, batch_size: int, drop_last: bool
    ) -> Iterator[tuple[np.ndarray, list[str]]]:
        end = len(order) - len(order) % batch_size if drop_last else len(order)
        for start in range(0, end, batch_size):
            chosen = order[start : start + batch_size]
            yield self.images(chosen), [self.captions[i] for i in chosen]


def pairs(
    source: str | Path = "scenes",
    *,
    image_size: int = 64,
    n: int | None = None,
    seed: int = 0,
    noise: float = 0.0,
    omit: Mapping[str, float] | None = None,
    split: str = "train",
    image_column: str = "image",
    caption_column: str | None = None,
    cache_dir: str | Path | None = None,
    **options: Any,
) -> ImageTextPairs:
    """Loads image-text pairs.

    Args:
        source: "scenes" for the drawn world; the path of a folder with pictures; or the name of a
            dataset on the hub, such as "jxie/flickr8k" (needs a network the first time).
            A folder is read offline, and as `imagefolder` of Hugging Face datasets reads it: the
            same pictures and captions in the same order, of `metadata.csv`, `metadata.jsonl` or
            `metadata.parquet` (with "file_name" and a caption), else the names of its class
            folders; zip archives are read as well, without unpacking them. Of a list in
            "file_names", each picture is a pair with the row's caption. Hidden files do not count. Metadata beside the folders of all splits, which
            `imagefolder` overlooks, speak for all pictures.
            A snapshot of `huggingface_hub` is such a folder, too: its links are followed into the
            hub's cache of the same data set, and nowhere else.
            Of a folder, files of any kind are read as a viewer shows them (see `upright_rgb`);
            those that cannot be read are left out, listed in `problems` and in a warning, and so
            are subfolders that cannot be opened and pictures of more than 89 megapixels
            (Pillow's MAX_IMAGE_PIXELS), of which only the header is read.
        image_size: side of the pictures that `images` and `batches` return.
        n: how many pairs; 1000 for scenes, all for folders and the hub.
        seed, noise, omit: for scenes, as in `sample_scenes` and `write_captions`.
        split, image_column: for the hub, which split and column to take. In a folder, splits are
            words in the names of folders, else of files ("train", "val", "test", …), and a column
            "<image_column>_file_name" of the metadata counts as "file_name".
        caption_column: the captions' name in metadata or dataset; None looks for "caption", then
            "text". Where one picture has a list of captions, the first is taken. For a folder,
            "file_name" takes the names of the files as captions ("cat/my_photo.jpg": "cat my
            photo") and needs no metadata: every file in it and in its subfolders counts. "label",
            without metadata, takes the names of the folders even where there is only one.
        cache_dir: where drawn scenes are kept (see `scenes`).
        options: for scenes, every keyword of `sample_scenes`.

    Raises:
        FileNotFoundError: no such folder, or neither metadata nor class folders in it.
        ValueError: no caption column, no such split, no readable pair, or a refused option.
        ConnectionError: the hub cannot be reached.
        TypeError: an option that this source does not have.
    """
    if not isinstance(source, (str, Path)) or not str(source).strip():
        raise ValueError(
            f'source must be "scenes", a folder or the name of a dataset, got {source!r}'
        )
    check_image_size(image_size)
    if n is not None:
        check_count("n", n, 1)
    check_count("seed", seed)
    check_share("noise", noise)
    if source == "scenes":
        count = 1000 if n is None else n
        return _from_scenes(image_size, count, seed, noise, omit, cache_dir, options)
    if options:
        raise TypeError(f"{sorted(options)[0]!r} is an option of pairs('scenes') only")
    path = Path(source).expanduser()
    if path.is_dir():
        return _from_folder(path, image_size, n, split, image_column, caption_column)
    if isinstance(source, Path) or _looks_like_a_path(source):
        raise FileNotFoundError(f"there is no folder {path}")
    return _from_hub(source, image_size, n, split, image_column, caption_column)


def _looks_like_a_path(source: str) -> bool:
    return source.startswith((".", "~", os.sep)) or "\\" in source or source.count("/") > 1


def _from_scenes(
    image_size: int,
    n: int,
    seed: int,
    noise: float,
    omit: Mapping[str, float] | None,
    cache_dir: str | Path | None,
    options: dict[str, Any],
) -> ImageTextPairs:
    table = sample_scenes(n, seed, **options)
    captions, is_noise = write_captions(table, seed, noise=noise, omit=omit, return_noise=True)
    dataset = scenes(n, seed, image_size=image_size, cache_dir=cache_dir, **options)
    return ImageTextPairs(dataset, captions, image_size, table, is_noise)


def _from_folder(
    folder: Path,
    image_size: int,
    n: int | None,
    split: str,
    image_column: str,
    caption_column: str | None,
) -> ImageTextPairs:
    require("course", "datasets", what="pairs")
    from datasets import Dataset, Features, Image, Value

    entries, problems = read_folder(folder, caption_column, split, image_column)
    names: list[str] = []
    captions: list[str] = []
    for name, caption in entries:
        if n is not None and len(names) == n:
            break
        stored = stored_name(folder, name)
        reason = why_unreadable(folder, stored)
        if reason is None:
            names.append(stored)
            captions.append(caption)
        else:
            problems.append((printable(name), reason))
    if not names:
        raise ValueError(f"no usable pair in {folder}: {list_problems(problems)}")
    if problems:
        warnings.warn(
            f"{len(problems)} of {len(problems) + len(names)} pairs in {folder} left out: "
            f"{list_problems(problems)}",
            stacklevel=3,
        )
    dataset = Dataset.from_dict(
        {"image": [stored_picture(folder, name) for name in names], "caption": captions},
        features=Features({"image": Image(), "caption": Value("string")}),
    )
    return ImageTextPairs(dataset, captions, image_size, problems=problems)


def _from_hub(
    name: str,
    image_size: int,
    n: int | None,
    split: str,
    image_column: str,
    caption_column: str | None,
) -> ImageTextPairs:
    require("course", "datasets", what="pairs")
    from datasets import load_dataset

    try:
        dataset = load_dataset(name, split=split)
    except OSError as error:  # every way the hub fails to answer, or does not know the name
        raise ConnectionError(
            f"cannot load {name!r} from the Hugging Face hub: {error}. Check the name and the "
            "network; once loaded, a dataset also works offline. Without a network use "
            'pairs("scenes") or the path of a folder of your own.'
        ) from error
    if image_column not in dataset.column_names:
        raise ValueError(
            f"{name!r} has no column {image_column!r}, only {', '.join(dataset.column_names)}: "
            "name one with image_column="
        )
    column = caption_column or caption_column_of(dataset.column_names, name)
    if column not in dataset.column_names:
        raise ValueError(f"{name!r} has no column {column!r}")
    if n is not None:
        dataset = dataset.select(range(min(n, len(dataset))))
    if image_column != "image":
        dataset = dataset.rename_column(image_column, "image")
    captions = [first_caption(value) or "" for value in dataset[column]]
    return ImageTextPairs(dataset, captions, image_size)
