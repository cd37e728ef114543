"""Which files of a folder are pictures, and what is said of each: the `imagefolder` layout.

`datasets.load_dataset("imagefolder", data_dir=…)` reads the same folders. What it finds there is
found here, in the same order, inside of zip archives as well; what it passes over without a word
is named with a reason.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from vizkit.data.archives import archive_of, is_archive, list_members, read_member, why_no_member
from vizkit.extras import require
from vizkit.inputs import upright_rgb

__all__ = [
    "read_folder",
    "caption_column_of",
    "first_caption",
    "stored_name",
    "why_unreadable",
    "stored_picture",
    "printable",
    "list_problems",
]

FILE_NAME = "file_name"
FILE_NAMES = "file_names"
LABEL = "label"
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
# Words in the name of a folder, or of a file, that tell which split it belongs to.
SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
SEPARATOR = "[-._ 0-9]"
# `imagefolder` leaves these out without a word, whether they can be decoded or not.
LATER_PICTURES = (".heic", ".heif", ".avif")

Entries = list[tuple[str, str]]  # (file name, caption)
Problems = list[tuple[str, str]]  # (file name, reason)


def read_folder(
    folder: Path, caption_column: str | None, split: str = "train", image_column: str = "image"
) -> tuple[Entries, Problems]:
    """`(file name, caption)` of the pictures of one split, and `(name, reason)` of what is no pair.

    Captions are the names of the files for `caption_column="file_name"`, else what the metadata
    say, else the names of the class folders.

    Raises:
        FileNotFoundError: there is nothing to take captions from.
        ValueError: no such split, metadata that cannot be read or lack the column.
    """
    names, problems = _walk(folder)
    if caption_column == FILE_NAME:
        names, more = _opened(folder, names)
        named = [(name, _words(name)) for name in names if not _is_metadata(name)]
        return named, problems + more
    splits = _splits(names)  # an archive belongs to one split as a whole
    for which, files in splits.items():
        splits[which], more = _opened(folder, files)
        problems = problems + [one for one in more if one not in problems]
    names = sorted(
        names + [name for files in splits.values() for name in files if name not in names]
    )
    found = [name for name in names if _is_metadata(name)]
    if found and not any(name in files for files in splits.values() for name in found):
        splits = {"train": names}  # metadata stand beside all splits: they speak for all pictures
    if split not in splits and splits:
        raise ValueError(f"{folder} has no split {split!r}, only {', '.join(splits)}: see split=")
    inside = [name for name in splits.get(split, ()) if _is_metadata(name)]
    if inside:
        entries, more = _from_metadata(folder, inside, caption_column, image_column)
        return entries, problems + more
    if not found and caption_column in (None, LABEL):
        entries, more = _from_labels(folder, splits, split, caption_column == LABEL)
        if entries:
            return entries, problems + more
    unopened = "".join(f"; {name} {reason}" for name, reason in problems)
    raise FileNotFoundError(
        f"{folder} has no {' or '.join(METADATA)}, and no folders of two classes or more, all at "
        "one depth. Write one line of metadata.jsonl per picture, such as "
        '{"file_name": "cat.jpg", "caption": "a cat on a sofa"}, or take the names of the files as '
        f'captions with caption_column="{FILE_NAME}", those of the folders with "{LABEL}"{unopened}'
    )


# Files


def _walk(folder: Path) -> tuple[list[str], Problems]:
    """Every file below a folder, without hidden ones, and the folders that cannot be opened.

    In the order of `imagefolder`, which sorts whole names: "a b/0.png" is before "a/0.png".
    """
    names, problems = [], []

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder).as_posix()
        problems.append((name, f"this folder cannot be opened: {error.strerror or error}"))

    for top, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [one for one in folders if not _is_hidden(one) and not one.startswith("__")]
        files = [one for one in files if not _is_hidden(one)]
        where = [os.path.join(top, one) for one in files]
        names += [Path(one).relative_to(folder).as_posix() for one in where if os.path.isfile(one)]
    return sorted(names), sorted(problems)


def _opened(folder: Path, names: Sequence[str]) -> tuple[list[str], Problems]:
    """The names with the members of archives at the end, in place of the archives."""
    found, problems = [name for name in names if not is_archive(name)], []
    for name in names:
        if is_archive(name):
            try:
                if not _stays_inside(folder, folder / name):
                    raise ValueError("lies outside the folder")
                found += list_members(folder, name)
            except ValueError as error:
                problems.append((name, str(error)))
    return found, problems


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and set(name) != {"."}


def _is_metadata(name: str) -> bool:
    return name.rpartition("/")[2] in METADATA


def _words(name: str) -> str:
    """What the name of a file says, with the folders that it lies in: "cat/my_photo.jpg"."""
    path = Path(re.sub("[.]zip/", "/", name, flags=re.IGNORECASE))
    said = " ".join((*path.parent.parts, path.stem))
    return unicodedata.normalize("NFC", said).replace("_", " ").strip() or path.name


def _splits(names: Sequence[str]) -> dict[str, list[str]]:
    """The files of each split, told from the names of the folders, else of the files, else one."""
    for pattern in (
        (
            "(.*/)?{word}({sep}[^/]*)?/.*",
            "(.*/)?[^/]*{sep}{word}({sep}[^/]*)?/.*",
        ),
        (
            "(.*/)?{word}{sep}[^/]*",
            "(.*/)?[^/]*{sep}{word}{sep}[^/]*",
        ),
    ):
        splits = {}
        for split, words in SPLIT_WORDS.items():
            found: dict[str, None] = {}  # a file that two patterns match counts once
            for word in words:
                for one in pattern:
                    match = re.compile(one.format(word=word, sep=SEPARATOR), re.DOTALL).fullmatch
                    found |= dict.fromkeys(name for name in names if match(name))
            if found:
                splits[split] = list(found)
        if splits:
            return splits
    return {"train": list(names)} if names else {}


# Captions from folders


def _from_labels(
    folder: Path, splits: dict[str, list[str]], split: str, forced: bool
) -> tuple[Entries, Problems]:
    """Pictures with the name of the folder that each lies in.

    As in `imagefolder`: unless it is forced, only where two names or more stand at one depth.
    """
    pictures = [name for files in splits.values() for name in files if _is_picture(name)]
    labels = {_label(folder, name) for name in pictures}
    depths = {name.count("/") for name in pictures}
    if not forced and (len(labels) < 2 or len(depths) > 1):
        return [], []
    entries: Entries = []
    problems: Problems = []
    for name in splits.get(split, ()):
        if _is_picture(name):
            label = _label(folder, name)
            inside = archive_of(folder, name)
            # An archive in a class folder: all of its pictures are of that class.
            outer = (folder / inside[0]).parent.name if inside else ""
            label = outer if outer in labels else label
            entries.append((name, unicodedata.normalize("NFC", label)))
    return entries, problems


def _label(folder: Path, name: str) -> str:
    """The folder that a picture lies in; for one at the top of an archive, that of the archive."""
    parent = (folder / name).parent
    return parent.parent.name if is_archive(parent.name) and parent.is_file() else parent.name


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in _picture_suffixes()


@cache
def _picture_suffixes() -> frozenset[str]:
    require("course", "datasets", what="A folder of pictures")
    from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

    return frozenset((*ImageFolder.EXTENSIONS, *LATER_PICTURES))


# Captions from metadata


def _from_metadata(
    folder: Path, files: Sequence[str], caption_column: str | None, image_column: str
) -> tuple[Entries, Problems]:
    """The pairs of all metadata of one split; each names files beside it or below."""
    kinds = sorted({Path(name).suffix for name in files})
    if len(kinds) > 1:
        raise ValueError(f"{folder} has metadata of several kinds, {', '.join(files)}: keep one")
    read = {".csv": _rows_of_csv, ".jsonl": _rows_of_json, ".parquet": _rows_of_parquet}[kinds[0]]
    entries, problems = [], []
    for name in files:
        more, bad = _read_metadata(folder, name, read, caption_column, image_column)
        entries += more
        problems += bad
    reasons = {reason for _, reason in problems}
    if not entries and len(reasons) == 1 and min(reasons).startswith("no text under"):
        column = min(reasons).removeprefix("no text under ")
        raise ValueError(f"{folder / files[0]}: no line has a caption under {column}")
    return entries, problems


def _read_metadata(
    folder: Path,
    name: str,
    read: Callable[[Path, str], Iterator[tuple[str, Any]]],
    caption_column: str | None,
    image_column: str,
) -> tuple[Entries, Problems]:
    """`(file name, caption)` of each good line, and `(line, reason)` of each bad one."""
    entries, problems, column = [], [], caption_column
    beside = name.rpartition("/")[0]
    for place, record in read(folder, name):
        where = f"{name} {place}"
        if isinstance(record, str):
            problems.append((where, record))
            continue
        key = _file_column(record, image_column) if isinstance(record, dict) else None
        files = record[key] if key is not None else []
        files = files if isinstance(files, list) else [files]
        if not files or not all(isinstance(one, str) for one in files):
            problems.append((where, f'no "{FILE_NAME}"'))
            continue
        column = column or caption_column_of(list(record), str(folder / name))
        caption = first_caption(record.get(column))
        for one in files:
            file = "/".join((beside, one)) if beside else one
            if caption is None:
                problems.append((file, f'no text under "{column}"'))
            else:
                entries.append((file, caption))
    return entries, problems


def _file_column(record: dict[str, Any], image_column: str) -> str | None:
    """Where a record names its picture, or a list of them: "file_name", "<image column>_file_name"."""
    for name in (FILE_NAME, FILE_NAMES):
        ends = f"_{name}"
        own = [key for key in record if isinstance(key, str) and key.endswith(ends)]
        for key in (f"{image_column}{ends}", name, *(own if len(own) == 1 else ())):
            if key in record:
                return key
    return None


def _rows_of_json(folder: Path, name: str) -> Iterator[tuple[str, object]]:
    """Place and record of every line; a reason in place of a record that cannot be read."""
    # Lines end at line breaks alone: JSON may hold the separators that `splitlines` knows.
    for number, line in enumerate(_text_of(folder, name).split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except json.JSONDecodeError as error:
                yield f"line {number}", f"not JSON: {error}"


def _rows_of_csv(folder: Path, name: str) -> Iterator[tuple[str, object]]:
    """Place and record of every row. All is text: a caption "12" or "None" stays what it is."""
    rows = csv.DictReader(io.StringIO(_text_of(folder, name), newline=""), strict=True)
    try:
        for row in rows:
            # `DictReader` keeps what is left over under None: a comma in a caption without quotes.
            crowded = "more cells than columns: put the caption into quotes"
            yield f"line {rows.line_num}", crowded if None in row else row
    except csv.Error as error:
        raise ValueError(
            f"{folder / name} cannot be read, line {rows.line_num}: {error}"
        ) from error


def _rows_of_parquet(folder: Path, name: str) -> Iterator[tuple[str, object]]:
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(_file_of(folder, name)) as file:
            rows = (row for batch in file.iter_batches() for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield f"row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{folder / name} cannot be read: {error}") from error


def _text_of(folder: Path, name: str) -> str:
    try:
        file = _file_of(folder, name)
        data = file.getvalue() if isinstance(file, io.BytesIO) else file.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / name} is not UTF-8 ({error}): save it as UTF-8") from error


def _file_of(folder: Path, name: str) -> Path | io.BytesIO:
    """A file of the folder, or the bytes of a member of an archive in it."""
    inside = archive_of(folder, name)
    if inside is None:
        return folder / name
    try:
        return io.BytesIO(read_member(folder, *inside))
    except ValueError as error:
        raise ValueError(f"{folder / name} {error}") from error


def caption_column_of(columns: Sequence[str], where: str) -> str:
    """The column of the captions, "caption" or "text"; ValueError if there is none."""
    for name in ("caption", "text"):
        if name in columns:
            return name
    raise ValueError(
        f'{where} has no column "caption" or "text", only {", ".join(columns)}: '
        "name one with caption_column="
    )


def first_caption(value: object) -> str | None:
    """The caption, or the first of a list of them; None if there is no text."""
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value if isinstance(value, str) and value.strip() else None


# Which files can be used


def stored_name(folder: Path, name: str) -> str:
    """The name of a file as the disk spells it.

    One Hangul syllable, or one accented letter, can be written in two ways; a macOS archive and a
    text file often differ in that.
    """
    spellings = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    return next((one for one in spellings if _exists(folder, one)), name)


def _exists(folder: Path, name: str) -> bool:
    inside = archive_of(folder, name)
    return why_no_member(folder, *inside) is None if inside else os.path.isfile(folder / name)


def why_unreadable(folder: Path, name: str) -> str | None:
    """Why a picture cannot be used, None when it can. Decodes it whole: headers can be fine."""
    from PIL import Image

    path, inside = folder / name, archive_of(folder, name)
    if name != printable(name):
        return "its name is not UTF-8: rename it"
    if not _stays_inside(folder, folder / inside[0] if inside else path):
        return "lies outside the folder"
    if inside and why_no_member(folder, *inside):
        return why_no_member(folder, *inside)
    if not inside and not os.path.isfile(
        path
    ):  # of a folder that cannot be opened, `Path.is_file` raises
        return "no such file, or its folder cannot be opened"
    try:
        # Of what Pillow only warns of, too, the header alone is read: 108 megapixels, decoded and
        # turned upright, take 1.2 GB.
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(_file_of(folder, name)) as image:
                upright_rgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"more than {(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels: make it smaller"
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        if path.suffix.lower() in (".heic", ".heif"):
            return "HEIC is not read here: save it as JPEG"
        return f"{type(error).__name__}: {str(error).replace(str(path), path.name)}"
    return None


def stored_picture(folder: Path, name: str) -> dict[str, object]:
    """A picture as `datasets` stores it: where it lies on the disk, or its bytes from an archive."""
    inside = archive_of(folder, name)
    if inside is None:
        return {"path": str(folder / name), "bytes": None}
    return {"path": name, "bytes": read_member(folder, *inside)}


def printable(name: str) -> str:
    """The name of a file with bytes that are no UTF-8 written out, as they can be stored nowhere."""
    return name.encode("utf-8", "backslashreplace").decode()


def _stays_inside(folder: Path, path: Path) -> bool:
    """Whether a file, or what it links to, lies in the folder or in the hub's cache of it.

    A snapshot of `huggingface_hub` holds links into the `blobs` of the same data set.
    """
    real, home = path.resolve(), folder.resolve()
    if real.is_relative_to(home):
        return True
    for above in home.parents:
        if above.name == "snapshots":
            repository = above.parent.name
            hub = repository.startswith(("datasets--", "models--", "spaces--"))
            return hub and real.is_relative_to(above.parent / "blobs")
    return False


def list_problems(problems: Sequence[tuple[str, str]]) -> str:
    listed = "; ".join(f"{name} ({reason})" for name, reason in problems[:10])
    rest = len(problems) - 10
    return (listed or "the metadata is empty") + (f"; and {rest} more" if rest > 0 else "")
