"""Captions say only what is true, in words that the vocabulary knows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizkit.data import (
    BACKGROUNDS,
    COLORS,
    HELD_OUT_PAIRS,
    PLACES,
    PROMPTS,
    RELATIONS,
    SHAPES,
    SIZES,
    STYLES,
    binding_probes,
    caption_vocabulary,
    describe,
    describe_pair,
    sample_scenes,
    write_captions,
)

COLOR_NAMES = list(COLORS)
SAY_ALL = dict.fromkeys(
    ("color", "shape", "style", "size", "place", "background", "relation", "prompt"), 0.0
)
CONVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def facts_of(phrase):
    """What a noun phrase claims: kind -> name."""
    found = {}
    kinds = {"shape": SHAPES, "color": COLOR_NAMES, "size": SIZES, "style": STYLES}
    for word in phrase.split():
        for kind, names in kinds.items():
            if word in names:
                assert kind not in found, f"{kind} said twice: {phrase}"
                found[kind] = word
    return found


def matches(facts, table, i, slot):
    names = {
        "shape": SHAPES[table.shape[i, slot]],
        "color": COLOR_NAMES[table.color[i, slot]],
        "size": SIZES[table.size[i, slot]],
        "style": STYLES[table.style[i]],
    }
    return all(names[kind] == word for kind, word in facts.items())


def is_true(caption, table, i):
    """Reads a caption word by word against the ground truth of one scene."""
    for prompt in sorted(PROMPTS, key=len, reverse=True):
        opening = prompt.replace("{}", "")
        if caption.startswith(opening):
            caption = caption.removeprefix(opening)
            break
    if caption.endswith(" background"):
        caption, background = caption.removesuffix(" background").rsplit(" on a ", 1)
        if background != list(BACKGROUNDS)[table.background[i]]:
            return False
    if " at the " in caption:
        caption, place = caption.split(" at the ")
        if place != PLACES[table.place[i, 0]]:
            return False
    for relation in (*RELATIONS[1:], "and", "next to", "with"):
        for link in (f" to the {relation} ", f" {relation} "):
            if link not in caption:
                continue
            first, second = (facts_of(phrase) for phrase in caption.split(link))
            truth = RELATIONS[table.relation[i]]
            as_listed = relation not in RELATIONS or relation == truth
            as_turned = relation not in RELATIONS or CONVERSE[relation] == truth
            return (as_listed and matches(first, table, i, 0) and matches(second, table, i, 1)) or (
                as_turned and matches(first, table, i, 1) and matches(second, table, i, 0)
            )
    return table.num_objects[i] == 1 and matches(facts_of(caption), table, i, 0)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    omit=st.dictionaries(st.sampled_from(list(SAY_ALL)), st.sampled_from([0.0, 0.4, 1.0])),
)
def test_captions_state_only_true_facts(seed, omit):
    table = sample_scenes(40, seed)
    vocabulary = set(caption_vocabulary())
    for i, caption in enumerate(write_captions(table, seed, omit=omit)):
        assert set(caption.split()) <= vocabulary
        assert is_true(caption, table, i), caption


def test_the_reader_of_these_tests_notices_lies():
    table = sample_scenes(300, 0)
    captions = write_captions(table, 0, omit=SAY_ALL)
    others = captions[1:] + captions[:1]
    assert sum(is_true(caption, table, i) for i, caption in enumerate(others)) < 10


def test_every_word_of_the_vocabulary_is_used():
    table = sample_scenes(4000, 0)
    omit = {"shape": 0.1}
    used = set(" ".join(write_captions(table, 0, omit=omit)).split())
    assert sorted(used) == caption_vocabulary()


def test_saying_all_says_all_and_omitting_all_says_little():
    table = sample_scenes(200, 0, objects="one")
    for caption in write_captions(table, 0, omit=SAY_ALL):
        assert facts_of(caption.replace(" background", "")).keys() >= {
            "shape",
            "color",
            "size",
            "style",
        }
        assert " at the " in caption
        assert caption.endswith(" background")
    little = write_captions(table, 0, omit=dict.fromkeys(SAY_ALL, 1.0))
    assert set(little) <= {f"a {shape}" for shape in SHAPES}


def test_both_orders_of_mention_are_equally_common():
    table = sample_scenes(3000, 0, objects="two", relation="left of")
    captions = write_captions(table, 0, omit={"relation": 0.0})
    turned = np.mean(["right of" in caption for caption in captions])
    assert 0.46 < turned < 0.54


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.3, 1.0])
def test_noise_swaps_the_asked_share_with_other_scenes(noise):
    table = sample_scenes(500, 0)
    clean = write_captions(table, 0)
    noisy, is_noise = write_captions(table, 0, noise=noise, return_noise=True)
    assert is_noise.sum() == round(noise * 500)
    changed = np.array([a != b for a, b in zip(clean, noisy, strict=True)])
    assert not changed[~is_noise].any()
    assert changed.sum() >= 0.9 * is_noise.sum()  # two scenes may share a caption's words
    assert set(noisy) <= set(clean)


def test_noise_never_returns_a_scene_its_own_caption():
    table = sample_scenes(90, 0, objects="one", held_out="include")
    table.shape[:, 0], table.color[:, 0] = np.arange(90) // 9, np.arange(90) % 9
    only_pair = dict.fromkeys(SAY_ALL, 1.0) | {"color": 0.0, "shape": 0.0}
    clean = write_captions(table, 0, omit=only_pair)
    for seed in range(20):
        noisy = write_captions(table, seed, omit=only_pair, noise=1.0)
        assert all(
            sorted(c.split()) != sorted(n.split()) for c, n in zip(clean, noisy, strict=True)
        )


def test_seeds_reproduce_captions():
    table = sample_scenes(100, 0)
    assert write_captions(table, 3, noise=0.2) == write_captions(table, 3, noise=0.2)
    assert write_captions(table, 3) != write_captions(table, 4)


def test_describe_says_exactly_what_it_is_given():
    assert describe("heart") == "a heart"
    assert describe("star", color="orange") == "an orange star"
    assert describe(color="red") == "a red shape"
    full = describe(
        "heart", color="red", size="large", style="neon", place="top left", background="sky"
    )
    assert full == "a large neon red heart at the top left on a sky background"
    pair = describe_pair("a red heart", "a blue star", "above", background="mint")
    assert pair == "a red heart above a blue star on a mint background"
    assert describe_pair("a red heart", "a blue star") == "a red heart and a blue star"


@pytest.mark.parametrize("kind", ["color", "relation"])
def test_probes_are_true_false_and_balanced(kind):
    table = sample_scenes(400, 0)
    probes = binding_probes(table, 1, kind=kind)
    assert abs((probes.first_mentioned == 0).sum() - (probes.first_mentioned == 1).sum()) <= 1
    for scene, correct, wrong in zip(probes.scenes, probes.correct, probes.wrong, strict=True):
        assert is_true(correct, table, scene)
        assert not is_true(wrong, table, scene)
    if kind == "color":
        words = [[sorted(c.replace("an ", "a ").split()) for c in side] for side in probes[1:3]]
        assert words[0] == words[1]


def test_wrong_color_captions_avoid_held_out_pairs_unless_told_not_to():
    table = sample_scenes(400, 0)
    held = [f"{color} {shape}" for shape, color in HELD_OUT_PAIRS]

    def named(probes):
        return any(pair in caption for caption in probes.wrong for pair in held)

    assert not named(binding_probes(table))
    assert named(binding_probes(table, avoid_held_out=False))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: write_captions(t, noise=1.2), "noise must be a share from 0 to 1, got 1.2"),
        (lambda t: write_captions(t, omit={"hue": 1}), "omit: 'hue' is not among color"),
        (lambda t: write_captions(t, omit={"color": 2}), "color must be a share"),
        (lambda t: write_captions(t[:1], noise=1.0), "at least two scenes"),
        (lambda t: describe("blob"), "shape: 'blob' is not among circle"),
        (lambda t: describe("star", place="here"), "place: 'here'"),
        (lambda t: describe_pair("a", "b", "inside"), "relation: 'inside'"),
        (lambda t: describe_pair("a", "b", background="sea"), "background: 'sea'"),
        (lambda t: binding_probes(t, kind="size"), 'kind must be "color" or "relation"'),
        (lambda t: binding_probes(t[t.num_objects == 1]), "no scene of the table has two"),
    ],
)
def test_bad_options_are_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call(sample_scenes(30, 0))
