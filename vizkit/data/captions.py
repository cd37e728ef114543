"""Captions of drawn scenes: template sentences that state only what is true of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, overload

import numpy as np

from vizkit.data.scenes import (
    HELD_OUT_PAIRS,
    PLACES,
    RELATIONS,
    SIZES,
    SceneTable,
    check_count,
    check_flag,
    check_share,
    check_table,
)
from vizkit.data.shapes import SHAPES
from vizkit.data.styles import BACKGROUNDS, COLORS, STYLES

__all__ = [
    "BindingProbes",
    "PROMPTS",
    "binding_probes",
    "caption_vocabulary",
    "describe",
    "describe_pair",
    "write_captions",
]

# What a caption may begin with; "{}" takes the description.
PROMPTS = (
    "{}",
    "a photo of {}",
    "an image of {}",
    "a picture of {}",
    "a drawing of {}",
    "this is {}",
    "there is {}",
)
# How often each kind of fact is left out of a caption.
_OMIT = {
    "color": 0.15,
    "shape": 0.0,
    "style": 0.5,
    "size": 0.6,
    "place": 0.65,
    "background": 0.6,
    "relation": 0.35,
    "prompt": 0.4,
}
_RELATION_FORMS = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above",),
    "below": ("below",),
}
_CONVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_COLOR_NAMES, _BACKGROUND_NAMES = tuple(COLORS), tuple(BACKGROUNDS)


def describe(
    shape: str | None = None,
    *,
    color: str | None = None,
    size: str | None = None,
    style: str | None = None,
    place: str | None = None,
    background: str | None = None,
) -> str:
    """Says exactly the given facts of one object, e.g. "a large neon red heart".

    Args:
        shape: a name in SHAPES; None says "shape" instead.
        color, size, style, place, background: a name in COLORS, SIZES, STYLES, PLACES,
            BACKGROUNDS; None leaves the fact out.

    Raises:
        ValueError: an unknown name.
    """
    known = {
        "shape": (shape, SHAPES),
        "color": (color, _COLOR_NAMES),
        "size": (size, SIZES),
        "style": (style, STYLES),
        "place": (place, PLACES),
        "background": (background, _BACKGROUND_NAMES),
    }
    for fact, (value, names) in known.items():
        _check_name(fact, value, names)
    words = " ".join(word for word in (size, style, color, shape or "shape") if word)
    return _with_article(words) + _where(place, background)


def describe_pair(
    first: str, second: str, relation: str | None = None, *, background: str | None = None
) -> str:
    """Joins two descriptions: "a red heart left of a blue star", or with "and" for None.

    Raises:
        ValueError: no description, or an unknown relation or background.
    """
    for name, text in (("first", first), ("second", second)):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name} must be a description, such as 'a red heart', got {text!r}")
    _check_name("relation", relation, tuple(_RELATION_FORMS))
    _check_name("background", background, _BACKGROUND_NAMES)
    return f"{first} {relation or 'and'} {second}" + _where(None, background)


@overload
def write_captions(
    table: SceneTable,
    seed: int = ...,
    *,
    noise: float = ...,
    omit: Mapping[str, float] | None = ...,
    return_noise: Literal[False] = ...,
) -> list[str]: ...


@overload
def write_captions(
    table: SceneTable,
    seed: int = ...,
    *,
    noise: float = ...,
    omit: Mapping[str, float] | None = ...,
    return_noise: Literal[True],
) -> tuple[list[str], np.ndarray]: ...


def write_captions(
    table: SceneTable,
    seed: int = 0,
    *,
    noise: float = 0.0,
    omit: Mapping[str, float] | None = None,
    return_noise: bool = False,
) -> list[str] | tuple[list[str], np.ndarray]:
    """Writes one caption for each scene. The same arguments give the same captions.

    Args:
        table: scenes from `sample_scenes`.
        seed: non-negative integer.
        noise: share of scenes, 0 to 1, that get the caption of *another* scene instead of their
            own (which may happen to fit: "a heart").
        omit: how often, 0 to 1, a kind of fact is left out; keys "color", "shape", "style",
            "size", "place", "background", "relation", "prompt". Kinds not named keep their
            defaults. Colour and shape are never both left out.
        return_noise: also return which captions were swapped.

    Returns:
        `N` captions in lower case without punctuation; with `return_noise` also `(N,)` bool.

    Raises:
        ValueError: a share outside 0..1, an unknown kind, or noise in a table of one scene.
    """
    check_table(table)
    check_count("seed", seed)
    shares = _check_shares(omit)
    check_share("noise", noise)
    check_flag("return_noise", return_noise)
    rng = np.random.default_rng(seed)
    kinds = list(shares)
    keep = rng.random((len(table), len(kinds))) >= list(shares.values())
    keep_second = rng.random((len(table), len(kinds))) >= list(shares.values())
    choice = rng.random((len(table), 5))
    place, count = table.place, table.num_objects
    captions = []
    for i in range(len(table)):
        told = dict(zip(kinds, keep[i], strict=True))
        if count[i] == 1:
            text = _one_object(table, i, PLACES[place[i, 0]], told, choice[i])
        else:
            told_second = dict(zip(kinds, keep_second[i], strict=True))
            text = _two_objects(table, i, told, told_second, choice[i])
        if told["prompt"]:
            text = PROMPTS[1 + int(choice[i, 0] * (len(PROMPTS) - 1))].format(text)
        captions.append(text)
    captions, is_noise = _swap_some(captions, rng, noise)
    return (captions, is_noise) if return_noise else captions


def caption_vocabulary() -> list[str]:
    """Every word that `write_captions`, `describe` and PROMPTS can produce, sorted."""
    words = set(SHAPES) | set(COLORS) | set(BACKGROUNDS) | set(STYLES) | set(SIZES)
    phrases = [*PLACES, *PROMPTS, *(form for forms in _RELATION_FORMS.values() for form in forms)]
    phrases += ["a an and shape that is in style at the on background next to with"]
    for phrase in phrases:
        words.update(phrase.replace("{}", "").split())
    return sorted(words)


class BindingProbes(NamedTuple):
    """Caption pairs that differ only in which object has which attribute."""

    scenes: np.ndarray  # (K,) indices into the table
    correct: list[str]
    wrong: list[str]
    first_mentioned: np.ndarray  # (K,) which object, 0 or 1, both captions name first


def binding_probes(
    table: SceneTable, seed: int = 0, *, kind: str = "color", avoid_held_out: bool = True
) -> BindingProbes:
    """For two-object scenes: a true caption, and the same words bound wrongly.

    Half of the probes (to within one) name object 0 first, half object 1, so that knowing the
    order of mention gains nothing.

    Args:
        table: scenes; those with one object, or whose two objects share shape or colour, are
            left out.
        seed: non-negative integer, shuffles which scenes name which object first.
        kind: "color": "a red heart and a blue star" against "a blue heart and a red star";
            "relation": "a red heart left of a blue star" against "… right of …".
        avoid_held_out: for kind "color", leave out scenes whose wrong caption would name one of
            HELD_OUT_PAIRS, which a model could reject merely for being new.

    Raises:
        ValueError: an unknown kind, or a table without a fitting scene.
    """
    check_table(table)
    check_count("seed", seed)
    check_flag("avoid_held_out", avoid_held_out)
    if not isinstance(kind, str) or kind not in ("color", "relation"):
        raise ValueError(f'kind must be "color" or "relation", got {kind!r}')
    fits = (table.num_objects == 2) & (table.shape[:, 0] != table.shape[:, 1])
    fits &= table.color[:, 0] != table.color[:, 1]
    if kind == "color" and avoid_held_out:
        held = {(SHAPES.index(s), _COLOR_NAMES.index(c)) for s, c in HELD_OUT_PAIRS}
        swapped = zip(table.shape, table.color[:, ::-1], strict=True)
        fits &= [held.isdisjoint(zip(s.tolist(), c.tolist(), strict=True)) for s, c in swapped]
    scenes = np.flatnonzero(fits)
    if len(scenes) == 0:
        raise ValueError("no scene of the table has two objects of different shape and color")
    first = np.random.default_rng(seed).permutation(len(scenes)) % 2
    correct, wrong = [], []
    for i, lead in zip(scenes, first, strict=True):
        shapes = [SHAPES[table.shape[i, slot]] for slot in (lead, 1 - lead)]
        colors = [_COLOR_NAMES[table.color[i, slot]] for slot in (lead, 1 - lead)]
        true = [describe(s, color=c) for s, c in zip(shapes, colors, strict=True)]
        if kind == "color":
            false = [describe(s, color=c) for s, c in zip(shapes, colors[::-1], strict=True)]
            correct.append(describe_pair(*true))
            wrong.append(describe_pair(*false))
        else:
            relation = _seen_from(table, int(i), int(lead))
            correct.append(describe_pair(true[0], true[1], relation))
            wrong.append(describe_pair(true[0], true[1], _CONVERSE[relation]))
    return BindingProbes(scenes, correct, wrong, first)


def _with_article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _where(place: str | None, background: str | None) -> str:
    text = "" if place is None else f" at the {place}"
    return text if background is None else f"{text} on {_with_article(background)} background"


def _seen_from(table: SceneTable, i: int, lead: int) -> str:
    """The relation of object `lead` to the other one."""
    relation = RELATIONS[table.relation[i]]
    return relation if lead == 0 else _CONVERSE[relation]


def _check_name(option: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and (not isinstance(name, str) or name not in known):
        raise ValueError(f"{option}: {name!r} is not among {', '.join(known)}")


def _check_shares(omit: Mapping[str, float] | None) -> dict[str, float]:
    if omit is not None and not isinstance(omit, Mapping):
        raise ValueError(f"omit must be a dictionary of kinds and shares, got {omit!r}")
    unknown = set(omit or {}) - set(_OMIT)
    if unknown:
        raise ValueError(f"omit: {sorted(unknown)[0]!r} is not among {', '.join(_OMIT)}")
    shares = {**_OMIT, **(omit or {})}
    for kind, share in shares.items():
        check_share(f"omit: {kind}", share)
    return shares


def _facts(table: SceneTable, i: int, slot: int, told: Mapping[str, bool]) -> dict[str, str]:
    """The facts to tell of one object, by kind."""
    told_shape = told["shape"] or not told["color"]
    facts = {"shape": SHAPES[table.shape[i, slot]] if told_shape else "shape"}
    if told["color"]:
        facts["color"] = _COLOR_NAMES[table.color[i, slot]]
    if told["size"]:
        facts["size"] = SIZES[table.size[i, slot]]
    if told["style"]:
        facts["style"] = STYLES[table.style[i]]
    return facts


def _noun_phrase(facts: Mapping[str, str], form: float) -> str:
    """One of several ways to say the same facts; `form` in 0..1 picks it."""
    size, style, color = (facts.get(kind) for kind in ("size", "style", "color"))
    plain = " ".join(word for word in (size, style, color, facts["shape"]) if word)
    if form < 0.15 and color:  # "a large neon heart that is red"
        rest = " ".join(word for word in (size, style, facts["shape"]) if word)
        return f"{_with_article(rest)} that is {color}"
    if form < 0.35 and style:  # "a large red heart in neon style"
        rest = " ".join(word for word in (size, color, facts["shape"]) if word)
        return f"{_with_article(rest)} in {style} style"
    return _with_article(plain)


def _one_object(
    table: SceneTable, i: int, place: str, told: Mapping[str, bool], choice: np.ndarray
) -> str:
    text = _noun_phrase(_facts(table, i, 0, told), choice[1])
    background = _BACKGROUND_NAMES[table.background[i]] if told["background"] else None
    return text + _where(place if told["place"] else None, background)


def _two_objects(
    table: SceneTable,
    i: int,
    told: Mapping[str, bool],
    told_second: Mapping[str, bool],
    choice: np.ndarray,
) -> str:
    lead = int(choice[2] < 0.5)
    # The style belongs to the scene: say it at most once, of the object named first.
    told_second = {**told_second, "style": False}
    first = _noun_phrase(_facts(table, i, lead, told), choice[1])
    second = _noun_phrase(_facts(table, i, 1 - lead, told_second), choice[3])
    if told["relation"]:
        forms = _RELATION_FORMS[_seen_from(table, i, lead)]
    else:
        forms = ("and", "next to", "with")
    background = _BACKGROUND_NAMES[table.background[i]] if told["background"] else None
    link = forms[int(choice[4] * len(forms))]
    return f"{first} {link} {second}" + _where(None, background)


def _swap_some(
    captions: Sequence[str], rng: np.random.Generator, noise: float
) -> tuple[list[str], np.ndarray]:
    """Passes the captions of a random share of scenes round in one cycle, so none keeps its own."""
    n, swapped = len(captions), list(captions)
    is_noise = np.zeros(n, bool)
    count = round(noise * n)
    if count == 0:
        return swapped, is_noise
    if n == 1:
        raise ValueError("noise needs at least two scenes to swap captions between")
    chosen = rng.permutation(n)[: max(count, 2)]
    for place, source in zip(chosen[:count], np.roll(chosen, 1)[:count], strict=True):
        swapped[place] = captions[source]
        is_noise[place] = True
    return swapped, is_noise
