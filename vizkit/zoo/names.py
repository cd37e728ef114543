"""What somebody may have meant by a name that `load` does not know."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from vizkit.zoo.open_clip_encoder import open_clip_names
from vizkit.zoo.timm_encoder import timm_names

SIZES = {"small": "S", "base": "B", "large": "L", "so400m": "SO400M", "giant-opt": "gopt"}
DINO_V3 = {"s": "small", "splus": "small_plus", "b": "base", "l": "large", "hplus": "huge_plus"}


def meant(name: object, pocket: Sequence[str]) -> str | None:
    """The name to `load` in place of this one: another case, the hub's own id, a near spelling.

    Returns None where nothing is near.
    """
    if not isinstance(name, str) or not name.strip():
        return None
    known = [
        *pocket,
        *(f"timm/{one}" for one in timm_names()),
        *(f"open_clip/{one}" for one in open_clip_names()),
    ]
    translated = from_hub_id(name.strip())
    if translated in known:
        return translated
    by_letters = {letters(one): one for one in reversed(known)}  # pocket encoders come first
    short = {letters(one.partition("/")[2]): one for one in reversed(known) if "/" in one}
    repository = letters(name.partition("/")[2])  # "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    for table in (by_letters, short):
        for spelling in (letters(name), repository, repository.removeprefix("clip")):
            if spelling and spelling in table:
                return table[spelling]
    close = get_close_matches(letters(name), by_letters, n=1, cutoff=0.75)
    return by_letters[close[0]] if close else None


def letters(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[\W_]", "", name.casefold())


def from_hub_id(name: str) -> str | None:
    """The name here of a model that `transformers` loads by this id, or of OpenAI's "ViT-B/16"."""
    for pattern, translate in HUB_IDS.items():
        match = re.fullmatch(pattern, name, re.IGNORECASE)
        if match:
            return translate(*(one and one.lower() for one in match.groups()))
    return None


def clip(size: str, patch: str, side: str | None) -> str:
    return f"open_clip/ViT-{SIZES.get(size, size.upper())}-{patch}{side or ''}/openai"


def siglip(version: str, size: str, patch: str, side: str) -> str:
    side = {"224": "", "384": "-378"}.get(side, f"-{side}") if patch == "14" else f"-{side}"
    side = "" if (patch, side) == ("16", "-224") else side
    if (version, side) == ("", "-378"):
        side = "-384"  # open_clip corrected the second version's to what its patches cover
    return f"open_clip/ViT-{SIZES.get(size, size)}-{patch}-SigLIP{version}{side}/webli"


def dino_v2(registers: str | None, size: str) -> str:
    return f"timm/vit_{size}_patch14_{'reg4_' if registers else ''}dinov2.lvd142m"


def dino_v3(size: str, patch: str, plus: str | None, data: str) -> str:
    return f"timm/vit_{DINO_V3.get(size + (plus or ''), size)}_patch{patch}_dinov3.{data}"


HUB_IDS: dict[str, Callable[..., str]] = {
    r"openai/clip-vit-(base|large)-patch(\d+)(-336)?": clip,
    r"ViT-([BL])/(\d+)(?:@(336)px)?": lambda size, patch, side: clip(
        size, patch, side and f"-{side}"
    ),
    r"google/siglip(2?)-(base|large|so400m|giant-opt)-patch(\d+)-(\d+)": siglip,
    r"facebook/dinov2-(with-registers-)?(small|base|large|giant)": dino_v2,
    r"facebook/dinov3-vit(s|b|l|h|7b)(\d\d)(plus)?-pretrain-(\w+)": dino_v3,
}
