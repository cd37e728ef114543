"""Public names of `vizkit.data`: a right answer, or an error that says what came."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from tests.unit.constructors import Case, checks_of, fixed, one_of
from vizkit import data

COUNTS = st.integers(1, 6)
SEEDS = st.integers(0, 99)
SHARES = one_of(0, 0.5, 1.0)
COLORS, BACKGROUNDS = list(data.COLORS), list(data.BACKGROUNDS)


def names(known) -> st.SearchStrategy[Any]:
    """What an option for names takes: nothing, one, or a list of them."""
    one = st.sampled_from(list(known))
    return st.none() | one | st.lists(one, min_size=1, max_size=3)


def maybe(known) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(list(known))


SCENES = {
    "n": COUNTS,
    "seed": SEEDS,
    "objects": one_of("mixed", "one", "two"),
    "shapes": names(data.SHAPES),
    "colors": st.none() | st.lists(st.sampled_from(COLORS), min_size=4, unique=True),
    "styles": names(data.STYLES),
    "backgrounds": names(BACKGROUNDS),
    "sizes": names(data.SIZES),
    "relation": names(data.RELATIONS[1:]),
    "same_color": st.none(),
    "far_apart": st.booleans(),
    "held_out": one_of("exclude", "include"),
    "shading": st.booleans(),
    "grain": st.booleans(),
}


def table(n: int = 6, **options: Any) -> data.SceneTable:
    return data.sample_scenes(n, 0, **options)


TABLES = st.builds(table, n=st.integers(2, 6), objects=one_of("mixed", "one", "two"))


def drawn(scenes: data.SceneTable, options: dict[str, Any]) -> None:
    assert len(scenes) == options["n"]
    assert set(scenes.num_objects) <= {1, 2}
    for name, known in (("styles", data.STYLES), ("backgrounds", BACKGROUNDS)):
        wanted = options[name]
        wanted = known if wanted is None else [wanted] if isinstance(wanted, str) else wanted
        assert {known[i] for i in getattr(scenes, name[:-1])} <= set(wanted)
    assert np.isfinite(scenes.center).all()


def pictures(images: np.ndarray, options: dict[str, Any]) -> None:
    side = options["image_size"]
    assert images.shape == (len(options["table"]), side, side, 3)
    assert images.dtype == np.uint8
    assert images.std() > 0


def outlines(masks: np.ndarray, options: dict[str, Any]) -> None:
    side, table = options["image_size"], options["table"]
    assert masks.shape == (len(table), 2, side, side)
    assert masks.dtype == bool
    assert (masks.any((2, 3)) == (table.shape >= 0)).all()


def told(captions: Any, options: dict[str, Any]) -> None:
    swapped = np.zeros(len(options["table"]), bool)
    if options["return_noise"]:
        captions, swapped = captions
    assert len(captions) == len(swapped) == len(options["table"])
    assert set(" ".join(captions).split()) <= set(data.caption_vocabulary())
    assert swapped.sum() in (0, round(options["noise"] * len(swapped)))


def described(text: str, options: dict[str, Any]) -> None:
    for value in options.values():
        assert value is None or value in text
    assert set(text.split()) <= set(data.caption_vocabulary())


def both_described(text: str, options: dict[str, Any]) -> None:
    for value in options.values():
        assert value is None or value in text


def probed(probes: data.BindingProbes, options: dict[str, Any]) -> None:
    for right, wrong in zip(probes.correct, probes.wrong, strict=True):
        assert right != wrong
        if options["kind"] == "color":
            assert sorted(right.split()) == sorted(wrong.split())
    assert (options["table"].num_objects[probes.scenes] == 2).all()


def dataset(images: Any, options: dict[str, Any]) -> None:
    side = options["image_size"]
    assert len(images) == options["n"]
    assert images[0]["image"].size == (side, side)


def as_array(images: np.ndarray, options: dict[str, Any]) -> None:
    side = options["image_size"] or 16
    assert images.shape == (len(options["dataset"]), side, side, 3)


def paired(found: data.ImageTextPairs, options: dict[str, Any]) -> None:
    side = options["image_size"]
    count = len(found)
    assert found.images().shape == (count, side, side, 3)
    assert all(isinstance(caption, str) and caption for caption in found.captions)
    assert [len(texts) for _, texts in found.batches(count)] == [count]
    with pytest.raises(ValueError, match="batch_size must be an integer from 1 to"):
        next(found.batches(count + 1))


def spelled(found: data.EmojiConcepts, languages: Any) -> None:
    assert len(found) > 1_000
    assert set(found.names) <= {"en", "ko", "de"}


def drawn_emoji(pictures: np.ndarray, options: dict[str, Any]) -> None:
    assert pictures.dtype == np.uint8
    assert pictures.shape[-1] == 3
    assert len(pictures) == len(list(options["characters"]))


def strings(found: tuple[str, ...], options: dict[str, Any]) -> None:
    assert bool(found) == bool(options["name"].strip())
    assert all(isinstance(one, str) for one in found)


def square(found: np.ndarray, options: dict[str, Any]) -> None:
    assert found.dtype == bool
    assert found.ndim == 2
    assert found.shape[0] == found.shape[1] > 0


def split(found: tuple[np.ndarray, ...], options: dict[str, Any]) -> None:
    assert sorted(np.concatenate(found).tolist()) == list(range(9))


def named(photos: list[data.Photo], options: dict[str, Any]) -> None:
    found = [photo.name for photo in photos]
    assert found == (list(options["names"]) if options["names"] is not None else found[:15])
    assert found or options["names"] is not None
    assert all(photo.image.shape[2] == 3 and photo.credit for photo in photos)


def folder_of_pairs() -> str:
    """A learner's folder with two pictures."""
    folder = Path(tempfile.mkdtemp(dir=SCRATCH))
    lines = []
    for index in range(2):
        Image.new("RGB", (20, 30), (index, 0, 0)).save(folder / f"{index}.png")
        lines.append(json.dumps({"file_name": f"{index}.png", "caption": f"picture {index}"}))
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return str(folder)


SCRATCH = None  # set by the fixture below
SMALL = one_of(16, 24)
CASES = {
    "vizkit.data.sample_scenes": Case(data.sample_scenes, fixed(**SCENES), drawn, examples=40),
    "vizkit.data.object_masks": Case(
        data.object_masks, fixed(table=TABLES, image_size=SMALL), outlines
    ),
    "vizkit.data.render": Case(data.render, fixed(table=TABLES, image_size=SMALL), pictures),
    "vizkit.data.write_captions": Case(
        data.write_captions,
        fixed(
            table=TABLES,
            seed=SEEDS,
            noise=SHARES,
            omit=st.none() | st.dictionaries(one_of("color", "style", "prompt"), SHARES),
            return_noise=st.booleans(),
        ),
        told,
    ),
    "vizkit.data.describe": Case(
        data.describe,
        fixed(
            shape=maybe(data.SHAPES),
            color=maybe(COLORS),
            size=maybe(data.SIZES),
            style=maybe(data.STYLES),
            place=maybe(data.PLACES),
            background=maybe(BACKGROUNDS),
        ),
        described,
    ),
    "vizkit.data.describe_pair": Case(
        data.describe_pair,
        fixed(
            first=one_of("a heart", "a red star"),
            second=one_of("a ring"),
            relation=maybe(data.RELATIONS[1:]),
            background=maybe(BACKGROUNDS),
        ),
        both_described,
    ),
    "vizkit.data.binding_probes": Case(
        data.binding_probes,
        fixed(
            table=st.builds(table, n=st.integers(20, 25), objects=st.just("two")),
            seed=SEEDS,
            kind=one_of("color", "relation"),
            avoid_held_out=st.booleans(),
        ),
        probed,
    ),
    "vizkit.data.scenes": Case(
        data.scenes,
        fixed(n=COUNTS, seed=st.just(0), image_size=SMALL, cache_dir=st.builds(lambda: SCRATCH)),
        dataset,
        keep=("cache_dir",),  # any path is right; where it cannot be written, a warning says so
        examples=4,
    ),
    "vizkit.data.images_as_array": Case(
        data.images_as_array,
        fixed(
            dataset=st.builds(
                lambda n: data.scenes(n, image_size=16, cache_dir=SCRATCH), st.integers(1, 2)
            ),
            image_size=st.none() | SMALL,
        ),
        as_array,
        examples=4,
    ),
    "vizkit.data.pairs": Case(
        data.pairs,
        fixed(
            source=st.just("scenes") | st.builds(folder_of_pairs),
            image_size=SMALL,
            n=st.integers(2, 3),
            seed=SEEDS,
            noise=one_of(0, 0.5),
            omit=st.none(),
            cache_dir=st.builds(lambda: SCRATCH),
        ),
        paired,
        keep=("cache_dir", "source"),  # a source of another name is asked for on the hub
        examples=4,
    ),
    "vizkit.data.photos": Case(
        data.photos,
        fixed(
            names=st.lists(one_of("chelsea", "flower"), min_size=1, max_size=2),
            folder=st.none(),
        ),
        named,
        keep=("folder",),  # a folder that is not there is an OSError, see test_data_photos.py
        examples=3,
    ),
    "vizkit.data.emoji_concepts": Case(
        data.emoji_concepts,
        fixed(languages=st.lists(one_of("en", "ko", "de"), min_size=1, max_size=2)),
        lambda found, options: spelled(found, options["languages"]),
        examples=3,
    ),
    "vizkit.data.draw_emoji": Case(
        data.draw_emoji,
        fixed(
            characters=st.lists(one_of("🍎", "🚲"), min_size=1, max_size=2),
            image_size=st.integers(16, 40),
            style=one_of("color", "lines"),
        ),
        drawn_emoji,
        examples=4,
    ),
    "vizkit.data.name_words": Case(
        data.name_words, fixed(name=one_of("fox", "여우 얼굴")), strings
    ),
    "vizkit.data.name_pieces": Case(
        data.name_pieces, fixed(name=one_of("fox", "여우 얼굴")), strings
    ),
    "vizkit.data.near_duplicates": Case(
        data.near_duplicates,
        fixed(
            pictures=st.builds(lambda n: np.zeros((n, 30, 30, 3), np.uint8), st.integers(1, 3)),
        ),
        square,
    ),
    "vizkit.data.unseen_split": Case(
        data.unseen_split,
        fixed(
            near=st.builds(lambda: np.zeros((9, 9), bool)),
            seed=SEEDS,
            unseen=st.integers(1, 8),
        ),
        split,
    ),
}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where data sets are kept during one test."""
    monkeypatch.setattr(f"{__name__}.SCRATCH", tmp_path)
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path / "cache"))


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
