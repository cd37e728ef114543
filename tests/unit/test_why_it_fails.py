"""The parts of notebook 17: twins and captions, batches, mends, numbers, "no", words in pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizkit import zoo
from vizkit.data import COLORS, SHAPES, render, sample_scenes
from vizkit.data.crowds import draw_crowds
from vizkit.data.writing import write_words, written_box
from vizkit.models.text import WordTokenizer
from vizkit.training.binding import (
    TEMPLATES,
    bags_of,
    bindings_of,
    neglectful_captions,
    swap_test,
    twin_batches,
    twinless_batches,
    twins_of,
    two_colored_scenes,
    with_articles,
)
from vizkit.training.blind_pairs import (
    CHANGES,
    area_error,
    area_under_curve,
    changed,
    descriptions,
    error_of_pairs,
    mean_area,
    pair_cosines,
    pixel_likeness,
    ranks,
    told_right,
    train_talker,
    within,
)
from vizkit.training.factors import true_factors
from vizkit.training.mending import (
    FrozenViews,
    ResidualMlp,
    frozen_views,
    pair_probe,
    pairs_of,
    starting_map,
    swappable_scenes,
)
from vizkit.training.numbers import (
    TOKENIZER,
    counts_by_eye,
    crowd_captions,
    negating_captions,
    negation_test,
    number_questions,
    single_scenes,
)
from vizkit.training.reader import (
    ReaderRecipe,
    all_heads,
    attack_scores,
    free_places,
    heads_off,
    named,
    share_covered,
    start_reader,
    train_reader,
    training_batch,
    written_scenes,
)
from vizkit.training.sentences import (
    error_of_test,
    prefers,
    random_batches,
    reading_features,
    sentence_model,
    standardized,
    train_sentences,
)
from vizkit.training.vlm import describe_scene

COLOR_LIST = list(COLORS)


def scenes(n=60, seed=0):
    return two_colored_scenes(n, seed)


# ------------------------------------------------------------------------------- binding


def test_twins_differ_in_who_has_which_color_and_in_nothing_else():
    one = scenes()
    twin = twins_of(one)
    assert (twin.color == one.color[:, ::-1]).all()
    assert (twin.shape == one.shape).all()
    assert (bags_of(twin) == bags_of(one)).all()
    assert (bindings_of(twin) == 1 - bindings_of(one)).all()
    assert (one.color[:, 0] != one.color[:, 1]).all()


def test_complete_captions_tell_both_objects_with_their_own_colors():
    table = scenes()
    for index, caption in enumerate(neglectful_captions(table, 0)):
        words = caption.split()
        told = {(words[2], words[1]), (words[6], words[5])}
        true = {
            (SHAPES[shape], COLOR_LIST[color])
            for shape, color in zip(table.shape[index], table.color[index], strict=True)
        }
        assert told == true


def test_each_knob_leaves_out_what_it_says():
    table = scenes(600)
    few = neglectful_captions(table, 1, density=0.3)
    colors = np.mean([sum(word in COLORS for word in text.split()) / 2 for text in few])
    assert abs(colors - 0.3) < 0.05
    one = neglectful_captions(table, 1, completeness=0.25)
    assert abs(np.mean(["and" in text for text in one]) - 0.25) < 0.06
    largest = neglectful_captions(table, 1, completeness=0.0, salient=True)
    for index, text in enumerate(largest):
        shape = SHAPES[table.shape[index, table.radius[index].argmax()]]
        assert text.split()[-1] == shape
    either = neglectful_captions(table, 1, completeness=0.0)
    large = [
        text.split()[-1] == SHAPES[table.shape[i, table.radius[i].argmax()]]
        for i, text in enumerate(either)
    ]
    assert 0.4 < np.mean(large) < 0.6


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_swap_test_is_balanced_and_differs_in_the_colors_alone(template):
    table = scenes(61)
    true, false, first = swap_test(table, 3, template)
    assert abs(first.sum() - 30.5) <= 0.5
    for good, bad, lead, shapes, colors in zip(
        true, false, first, table.shape, table.color, strict=True
    ):
        assert good != bad
        assert sorted(good.replace("an ", "a ").split()) == sorted(bad.replace("an ", "a ").split())
        shape, color = SHAPES[shapes[lead]], COLOR_LIST[colors[lead]]
        own = f"{shape} that is {color}" if template == "that is" else f"{color} {shape}"
        assert own in good
        assert own not in bad


def test_articles_fit_the_next_word():
    assert with_articles("a orange star and a red ring") == "an orange star and a red ring"


def test_batches_with_twins_and_without():
    table = scenes(400)
    both = replace(
        table,
        **{
            name: np.concatenate([getattr(table, name), getattr(twins_of(table), name)])
            for name in table.__dataclass_fields__
        },
    )
    rng = np.random.default_rng(0)
    batch = twin_batches(400, 64)(rng)
    assert len(set(batch.tolist())) == 64
    assert (batch[32:] == batch[:32] + 400).all()
    alone = twinless_batches(both, 64)(rng)
    assert len(set(alone.tolist())) == 64
    shown = {}
    for bag, binding in zip(bags_of(both)[alone], bindings_of(both)[alone], strict=True):
        assert shown.setdefault(bag, binding) == binding


def test_a_small_model_learns_to_bind_from_complete_captions():
    torch.manual_seed(0)
    table = scenes(300)
    held = F.one_hot(pairs_of(table), 90).sum(1).float() + 0.01 * torch.randn(300, 90)
    tokenizer = WordTokenizer([*SHAPES, *COLORS, "a", "an", "and"], context_length=10)
    model = sentence_model(90, tokenizer, seed=0)
    true, false, _ = swap_test(table, 0)
    before = prefers(model, held, tokenizer, true, false).mean()
    train_sentences(
        model,
        held,
        tokenizer(neglectful_captions(table, 0)),
        random_batches(300, 64),
        steps=80,
    )
    after = prefers(model, held, tokenizer, true, false).mean()
    assert before < 0.65
    assert after > 0.85


def test_a_tie_is_no_preference():
    tokenizer = WordTokenizer(["a", "star"], context_length=4)
    model = sentence_model(3, tokenizer, seed=0)
    assert not prefers(model, torch.ones(2, 3), tokenizer, ["a"] * 2, ["a"] * 2).any()


def test_reading_features_are_the_class_token_and_the_mean_of_the_patches():
    encoder = zoo.load("pocket-vit")
    pictures = render(scenes(5))
    features = reading_features(encoder, pictures)
    with torch.no_grad():
        pooled = encoder.image_tower(encoder.preprocess(pictures).to(encoder.device)).cpu()
    torch.testing.assert_close(features[:, :96], pooled)
    torch.testing.assert_close(features[:, 96:], encoder.patch_tokens(pictures).mean(1))
    with pytest.raises(TypeError, match="class token"):
        reading_features(zoo.load("pocket-cnn"), pictures)


def test_standardized_uses_the_first_alone():
    known, other = torch.randn(50, 4) * 3 + 2, torch.randn(5, 4)
    ours, theirs = standardized(known, other)
    torch.testing.assert_close(ours.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(theirs, (other - known.mean(0)) / (known.std(0) + 1e-6))


# ------------------------------------------------------------------------------- mending


def test_views_are_those_of_the_encoder():
    encoder, table = zoo.load("pocket-clip"), swappable_scenes(6, 0)
    views = frozen_views(encoder, table)
    pictures = render(table)
    torch.testing.assert_close(views.joint, encoder.encode_image(pictures))
    torch.testing.assert_close(views.patches, encoder.patch_tokens(pictures).mean(1))
    assert isinstance(views, FrozenViews)
    assert len(table) == 6


def test_mends_start_as_nothing():
    vectors = torch.randn(4, 8)
    torch.testing.assert_close(ResidualMlp(8, 16)(vectors), vectors)
    weight = nn.Linear(8, 3, bias=False).weight
    torch.testing.assert_close(starting_map(weight)(vectors), vectors @ weight.T)


def test_the_probe_reads_a_binding_that_is_there_and_none_that_is_not():
    rng = np.random.default_rng(0)
    table, asked = swappable_scenes(400, 0), swappable_scenes(200, 1)
    mixing = torch.from_numpy(rng.normal(size=(90, 120))).float()
    bound, asked_bound = (
        F.one_hot(pairs_of(one), 90).sum(1).float() @ mixing for one in (table, asked)
    )
    true, false = pairs_of(asked), pairs_of(twins_of(asked))
    assert pair_probe(bound, pairs_of(table), asked_bound, true, false).mean() > 0.95
    bags = [
        torch.cat([F.one_hot(torch.from_numpy(part), 10).sum(1).float() for part in parts], 1)
        for parts in ((table.shape, table.color), (asked.shape, asked.color))
    ]
    assert abs(pair_probe(bags[0], pairs_of(table), bags[1], true, false).mean() - 0.5) < 0.12


# ------------------------------------------------------------------------------- numbers and no


def test_crowds_hold_as_many_objects_as_they_say():
    from scipy.ndimage import label

    crowds = draw_crowds(120, 3)
    assert np.bincount(crowds.counts)[1:].tolist() == [20] * 6
    for picture, count, shape in zip(crowds.pictures, crowds.counts, crowds.shape, strict=True):
        ground = picture[0, 0] if (picture[0, 0] == picture[-1, -1]).all() else None
        if ground is None or SHAPES[shape] in ("ring", "flower", "star", "crescent"):
            continue
        _, parts = label((np.abs(picture.astype(int) - ground) > 40).any(-1))
        assert parts == count


def test_crowd_captions_tell_the_number_as_often_as_asked():
    crowds = draw_crowds(600, 0)
    assert all("some" not in text for text in crowd_captions(crowds, 0, 1.0))
    some = np.mean(["some" in text for text in crowd_captions(crowds, 0, 0.1)])
    assert abs(some - 0.9) < 0.05
    questions = number_questions(crowds)
    for index, caption in enumerate(crowd_captions(crowds, 0, 1.0)[:40]):
        assert questions[index][crowds.counts[index] - 1] == caption
    assert not any(TOKENIZER.unknown_words(text) for six in questions for text in six)


def test_the_area_names_the_nearest_count():
    found = counts_by_eye(np.array([0.11, 0.34]), np.arange(1, 7) / 10, np.arange(1, 7))
    assert found.tolist() == [1, 3]


def test_negations_are_true_and_the_test_asks_for_the_absent():
    table = sample_scenes(80, 4, objects="one", shapes=["circle", "star"], held_out="include")
    captions = negating_captions(table, 0, 0.6)
    assert 0.4 < np.mean(["no" in text.split() for text in captions]) < 0.8
    for text, shape in zip(captions, table.shape[:, 0], strict=True):
        words = text.split()
        if "no" in words:
            assert words[words.index("no") + 1] != SHAPES[shape]
    true, false = negation_test(table, 0, "no {}")
    assert [text.split()[1] for text in false] == [SHAPES[one] for one in table.shape[:, 0]]
    assert all(one != other for one, other in zip(true, false, strict=True))


def test_even_captions_tell_colors_alike_of_what_is_there_and_of_what_is_not():
    table = single_scenes(800, 4)
    captions = negating_captions(table, 0, 0.5, even=True)
    there, absent = [], []
    for text, shape, color in zip(captions, table.shape[:, 0], table.color[:, 0], strict=True):
        words = text.split()
        cut = words.index("no") if "no" in words else len(words)
        for part, told in ((words[:cut], there), (words[cut:], absent)):
            shapes = [word for word in part if word in SHAPES]
            if shapes:
                told.append(any(word in COLORS for word in part))
                assert (shapes[0] == SHAPES[shape]) == (told is there)
        named = [word for word in words[:cut] if word in COLORS]
        assert named in ([], [COLOR_LIST[color]])
    assert abs(np.mean(there) - 0.5) < 0.06
    assert abs(np.mean(absent) - 0.5) < 0.06
    assert not any(TOKENIZER.unknown_words(text) for text in captions)


def test_a_negation_may_carry_the_color_of_the_object():
    table = single_scenes(30, 4)
    true, false = negation_test(table, 0, "no {color} {}")
    for pair, shape, color in zip(
        zip(true, false, strict=True), table.shape[:, 0], table.color[:, 0], strict=True
    ):
        assert [text.split()[1] for text in pair] == [COLOR_LIST[color]] * 2
        assert [text.split()[2] == SHAPES[shape] for text in pair] == [False, True]


# ------------------------------------------------------------------------------- blind pairs


def test_each_change_changes_one_thing():
    table = scenes(50)
    for change in CHANGES:
        other = changed(table, change, 0)
        shapes, colors = (getattr(table, k) != getattr(other, k) for k in ("shape", "color"))
        expected = {
            "colors exchanged": (0, 2),
            "places exchanged": (2, 2),
            "another color": (0, 1),
            "another shape": (1, 0),
        }[change]
        assert (shapes.sum(1) == expected[0]).all()
        assert (colors.sum(1) == expected[1]).all()
    fresh = changed(table, "another shape", 0).shape
    assert (fresh[:, 0] != fresh[:, 1]).all()
    with pytest.raises(ValueError, match="change"):
        changed(table, "nothing", 0)


def test_the_area_under_the_curve_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores, events = np.round(rng.normal(size=90), 1), rng.random(90) < 0.3
    assert area_under_curve(scores, events) == pytest.approx(roc_auc_score(events, scores))
    with pytest.raises(ValueError, match="with the event"):
        area_under_curve(scores, np.zeros(90, bool))


def test_a_description_is_right_in_what_the_change_is_about():
    table = scenes(40)
    true = [describe_scene(table, k) for k in range(40)]
    words = [text.split() for text in true]
    other_color = [
        text.replace(w[1], "red" if w[1] != "red" else "blue")
        for text, w in zip(true, words, strict=True)
    ]
    other_shape = [text.replace(w[2], "ring") for text, w in zip(true, words, strict=True)]
    for change in CHANGES:
        assert told_right(table, true, change).all()
        shapes = change == "another shape"
        assert told_right(table, other_color, change).all() == shapes
        assert told_right(table, other_shape, change).any() != shapes
        assert not told_right(table, [""] * 40, change).any()
    twins = [describe_scene(changed(table, "colors exchanged", 0), k) for k in range(40)]
    assert not told_right(table, twins, "colors exchanged").any()
    with pytest.raises(ValueError, match="change"):
        told_right(table, true, "nothing")
    with pytest.raises(ValueError, match="40 answers"):
        told_right(table, true[1:], CHANGES[0])


def test_pairs_that_are_the_same_are_as_like_as_can_be():
    table = scenes(6)
    one, other = render(table), render(changed(table, "another shape", 0))
    encoder = zoo.load("pocket-clip")
    assert pair_cosines(encoder, one, one) == pytest.approx(np.ones(6), abs=1e-5)
    assert (pair_cosines(encoder, one, other) < 0.9999).all()
    assert (pixel_likeness(one, one) == 0).all()
    apart = pixel_likeness(one[:1], other[:1])[0]
    assert apart == pytest.approx(-np.sqrt(((one[0].astype(float) - other[0]) ** 2).mean()))


def test_areas_are_taken_within_each_change_and_averaged():
    scores = {"a": np.arange(4.0), "b": np.arange(4.0) + 10, "c": np.arange(4.0)}
    events = {
        "a": np.array([0, 0, 1, 1], bool),
        "b": np.array([1, 0, 0, 1], bool),
        "c": np.ones(4, bool),  # no pair without the event: left out
    }
    assert mean_area(scores, events) == pytest.approx((1 + 0.5) / 2)
    with pytest.raises(ValueError, match="with the event"):
        mean_area({"c": scores["c"]}, {"c": events["c"]})


def test_the_error_of_an_area_is_that_of_hanley_and_mcneil():
    assert area_error(0.893, 51, 109) == pytest.approx(0.032, abs=1e-3)  # their example
    rng = np.random.default_rng(0)
    events = np.arange(60) < 20
    areas = [area_under_curve(rng.normal(size=60), events) for _ in range(2000)]
    assert area_error(0.5, 20, 60) == pytest.approx(np.std(areas), rel=0.06)
    with pytest.raises(ValueError, match="between 0 and 60"):
        area_error(0.5, 60, 60)


def test_pairs_that_all_models_share_leave_an_error_that_seeds_do_not_show():
    one = area_error(0.6, 50, 100)
    assert error_of_pairs([0.6], [[0.5]], 100) == pytest.approx(one)
    assert error_of_pairs([0.6] * 5, [[0.5]] * 5, 100) == pytest.approx(one)
    assert error_of_pairs([0.6], [[0.5, 0.5, 1.0, 0.0]], 100) == pytest.approx(one / 2**0.5)


def test_what_the_pixels_say_is_taken_out():
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=400)
    hits = {"a": pixels + rng.normal(size=400) > 0}
    like = {"a": np.exp(pixels)}  # knows what the pixels know, and nothing else
    held = {"a": pixels}
    assert mean_area(like, hits) > 0.75
    assert within(like, held)["a"] == pytest.approx(np.zeros(400), abs=1e-9)
    more = {"a": pixels + 2 * hits["a"] + 0.1 * rng.normal(size=400)}
    assert mean_area(within(more, held), hits) > 0.75
    assert ranks(np.array([5.0, 1.0, 5.0])).tolist() == pytest.approx([2 / 3, 1 / 6, 2 / 3])


def test_a_talker_learns_from_the_tokens_that_it_is_given():
    table, tokens = scenes(12), torch.randn(12, 16, 6)
    models = [
        train_talker(tokens, table, seed=s, steps=2, embed_dim=16, depth=1) for s in (0, 0, 1)
    ]
    said = [descriptions(model, tokens, table) for model in models]
    assert said[0] == said[1]
    assert len(said[0]) == 12
    weights = [model.connector.state_dict() for model in models]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


# ------------------------------------------------------------------------------- reading


def test_words_stand_on_their_strip_and_nowhere_else():
    pictures = np.full((3, 64, 64, 3), 100, np.uint8)
    written = write_words(pictures, ["star", None, "crescent"], ["top", "top", "bottom"])
    assert (written[1] == 100).all()
    assert (pictures == 100).all()
    for index, word, place in ((0, "star", "top"), (2, "crescent", "bottom")):
        left, top, right, bottom = written_box(word, place)
        changed_pixels = (written[index] != 100).any(-1)
        assert changed_pixels[top:bottom, left:right].all()
        assert changed_pixels.sum() == (bottom - top) * (right - left)
    strips = [write_words(pictures[:1], [word], ["top"])[0, :8] for word in SHAPES]
    assert len({strip.tobytes() for strip in strips}) == len(SHAPES)


@pytest.mark.parametrize(
    ("word", "place"), [("Star", "top"), ("", "top"), ("star", "left"), ("crescents", "top")]
)
def test_words_that_cannot_be_written_are_refused(word, place):
    with pytest.raises(ValueError, match="expected a"):
        write_words(np.zeros((1, 64, 64, 3), np.uint8), [word], [place])


def test_the_readers_batch_is_what_its_recipe_says():
    recipe = ReaderRecipe(batch_size=400)
    pictures, captions = training_batch(recipe, 1)
    table = sample_scenes(400, 1, objects="one")
    written = (pictures != render(table)).any(axis=(1, 2, 3))
    quoted = np.array(["with the word" in text for text in captions])
    assert abs(written.mean() - 0.9) < 0.06
    assert not (quoted & ~written).any()
    assert abs(quoted[written].mean() - 0.9) < 0.06
    own = [
        text.split()[-1] == SHAPES[k] for text, k in zip(captions, table.shape[:, 0], strict=True)
    ]
    assert abs(np.array(own)[quoted].mean() - 0.37) < 0.1


def test_an_attack_never_names_the_object_and_leaves_it_free():
    found = written_scenes(60, 0)
    assert (found.word != found.own).all()
    places = free_places(found.scenes)
    for place, y in zip(places, found.scenes.center[:, 0, 1], strict=True):
        assert place == ("top" if y > 0.5 else "bottom")


def test_a_blank_strip_lies_where_the_wrong_word_does_and_covers_nothing_of_the_object():
    found = written_scenes(60, 0)
    plain, blank, wrong = (found.pictures[kind] for kind in ("plain", "blank strip", "wrong word"))
    strip = (blank != plain).any(axis=-1)  # (N, S, S)
    assert strip.any(axis=(1, 2)).all()
    assert (wrong[~strip] == plain[~strip]).all()
    assert (blank[strip] == blank[strip][0]).all()  # paper, and no ink
    assert share_covered(found).max() == 0


def test_what_a_strip_covers_is_counted(monkeypatch):
    found = written_scenes(60, 0)
    other = {"top": "bottom", "bottom": "top"}
    places = [other[place] for place in free_places(found.scenes)]
    monkeypatch.setattr("vizkit.training.reader.free_places", lambda _: places)
    assert 0 < share_covered(found).max() < 1


def test_scores_under_attack_are_those_of_the_answers():
    model, tokenizer = start_reader(ReaderRecipe())
    found = written_scenes(8, 0)
    scores = attack_scores(model.eval(), tokenizer, found)
    for kind, pictures in found.pictures.items():
        assert (scores[kind] == (named(model, tokenizer, pictures) == found.own)).all()
    attacked = found.pictures["wrong word"]
    assert (scores["says the word"] == (named(model, tokenizer, attacked) == found.word)).all()
    quoted = named(model, tokenizer, attacked, quoting=True)
    assert (scores["reads"] == (quoted == found.word)).all()


def test_the_error_of_a_test_is_that_of_its_shares():
    rights = np.random.default_rng(0).random((20_000, 300)) < 0.7
    assert error_of_test(300, [0.6, 0.8]) == pytest.approx(rights.mean(1).std(), rel=0.02)
    assert error_of_test(300, [0.6, 0.8], [0.7, 0.7]) == pytest.approx(
        (rights[:10_000].mean(1) - rights[10_000:].mean(1)).std(), rel=0.03
    )
    with pytest.raises(ValueError, match="count"):
        error_of_test(0, [0.5])


def test_a_reader_starts_with_the_sight_and_the_words_of_others():
    model, tokenizer = start_reader(ReaderRecipe())
    known = zoo.load("pocket-clip")
    with torch.no_grad():
        ours = model.encode_text(tokenizer(["a red heart", "a neon star"]))
    torch.testing.assert_close(ours, known.encode_text(["a red heart", "a neon star"]))


def test_a_head_that_is_off_tells_the_class_token_nothing():
    model, _ = start_reader(ReaderRecipe())
    tower, images = model.image_tower.eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        plain = tower(images)
        with heads_off(tower, [(1, 2), (3, 0)]):
            quiet = tower(images)
        again = tower(images)
        for layer, head in ((1, 2), (3, 0)):  # the same by taking the weights away, for the last
            weight = tower.blocks[layer].attention.projection.weight
            if layer == 3:
                weight[:, head * 24 : (head + 1) * 24] = 0
        with heads_off(tower, [(1, 2)]):
            by_weights = tower(images)
    torch.testing.assert_close(plain, again)
    assert not torch.allclose(plain, quiet, atol=1e-4)
    torch.testing.assert_close(quiet, by_weights)
    assert len(all_heads(tower)) == 16
    with pytest.raises(ValueError, match="heads"), heads_off(tower, [(4, 0)]):
        pass


def test_the_text_tower_of_a_reader_stays_locked():
    recipe = ReaderRecipe(steps=2, batch_size=4, warmup_steps=1)
    model, _ = train_reader(recipe)
    start, _ = start_reader(recipe)
    for name, weight in model.named_parameters():
        before = dict(start.named_parameters())[name]
        same = torch.equal(weight, before.half().float())
        assert same == name.startswith(("text_tower.", "text_projection.")), name


def test_the_pair_loss_weighs_a_sentence_against_that_of_the_twin_alone():
    from experiments.longer_mending import pair_loss

    generator = torch.Generator().manual_seed(0)
    shown, said = (F.normalize(torch.randn(6, 8, generator=generator), dim=1) for _ in range(2))
    scores = 5.0 * shown @ said.T  # (6, 6); the twin of row i is at i + 3
    pairs = torch.stack([scores.diagonal(), scores[range(6), [3, 4, 5, 0, 1, 2]]], dim=1)
    expected = F.cross_entropy(pairs, torch.zeros(6, dtype=torch.long))
    assert pair_loss(shown, said, 5.0).item() == pytest.approx(expected.item(), abs=1e-6)


def test_told_pairs_of_another_scene_keep_twins_together(monkeypatch):
    from experiments import longer_mending

    vectors = torch.zeros(20, 90)
    vectors[range(20), [*range(10), *range(40, 50)]] = 1.0  # row i + 10 belongs to row i
    monkeypatch.setattr(longer_mending, "pair_vectors", lambda: {"known": vectors})
    mixed, _ = longer_mending.start_part("pairs of another scene", 0)
    where = mixed.argmax(dim=1)
    assert (where[10:] - where[:10] == 40).all()
    assert not torch.equal(mixed, vectors)
    assert torch.equal(longer_mending.start_part("told pairs", 0)[0], vectors)


# ------------------------------------------------------------- what more steps change in the tables


def verdicts_of(name):
    from vizkit.course import experiment_verdicts, stored_experiment

    return experiment_verdicts(stored_experiment(name))


@pytest.mark.parametrize("name", ["one of two objects", "one, the larger"])
def test_captions_of_one_object_only_learn_more_slowly(name):
    found = verdicts_of("binding")
    assert found[f"{name}, 250 steps: more than half of it is lost"] is True
    assert found[f"{name}, 1000 steps: more than half of it is lost"] is False
    assert found[f"{name}, 1000 steps: below complete captions"] is True


def test_few_colors_need_far_more_steps_and_all_three_neglects_more_than_were_tried():
    found = verdicts_of("binding")
    assert found["few colors, 1000 steps: more than half of it is lost"] is True
    assert found["few colors, 3000 steps: more than half of 1000 complete steps is lost"] is False
    assert found["all three, 1000 steps: more than half of it is lost"] is True
    assert found["all three, 3000 steps: more than half of 1000 complete steps is lost"] is True


def test_after_the_longest_training_a_color_that_is_missing_is_still_noticed():
    from experiments.binding import LONGER, column
    from vizkit.course import estimate, stored_experiment

    table = stored_experiment("binding")
    for name, steps in LONGER.items():
        noticed = column(table, name, steps=steps, value="missing color")
        assert estimate(noticed).above(0.8) is True
    assert noticed.mean() < 0.95  # the text says "nearly nine of ten" of all three neglects


def test_complete_captions_without_twins_bind_a_little():
    found = verdicts_of("binding")
    for steps in (250, 1000):
        words = f"complete captions without any twin in the batch, {steps} steps: "
        assert found[words + "above chance"] is True
        assert found[words + "keep more than half"] is False


def test_all_weights_are_not_the_only_mend_that_costs_half_of_retrieval():
    from experiments.longer_mending import part_of, whole
    from vizkit.course import stored_experiment

    table = stored_experiment("longer_mending")
    costs = part_of(table, "text tower", "pair", "R@1 of 256")
    assert costs.mean() < whole(table, "twins", 320, "R@1 of 256").mean()


def test_a_shape_feature_on_empty_patches_does_a_little_and_that_of_a_color_more():
    from experiments.steering import at_its_best, by_seed
    from vizkit.course import estimate, stored_experiment

    table = stored_experiment("steering")
    gain = {
        kind: at_its_best(table, kind, "empty patches")
        - by_seed(table["ends"], "new", kind=kind, picture="as it is")
        for kind in ("shape", "color")
    }
    assert estimate(gain["shape"]).above(0) is True
    assert estimate(gain["color"] - gain["shape"]).above(0.1) is True


def test_more_steps_do_not_make_up_for_missing_twins():
    found = verdicts_of("binding")
    for steps in (250, 1000):
        alone = f"complete captions without any twin in the batch, {steps} steps: "
        assert found[alone + "keep more than half"] is False
        more = f"all three at once, {steps} steps: twins in the batch bring back more than half"
        assert found[more] is False


def test_single_features_stand_for_styles_only_after_a_far_longer_training():
    found = verdicts_of("sparse_factors")
    for rival in ("neurons", "random directions"):
        assert found[f"style, 200 steps: ahead of the best of the {rival}"] is False
        assert found[f"style, 4000 steps: ahead of the best of the {rival}"] is True
        for kind in ("shape", "color"):
            assert found[f"{kind}, 200 steps: ahead of the best of the {rival}"] is True
    for kind in ("shape", "style"):
        assert found[f"{kind}: the last steps still bring a point"] == "undecided"


def test_no_length_of_training_puts_a_feature_ahead_of_the_difference_of_means():
    found = verdicts_of("steering")
    for kind in ("color", "shape"):
        for training in ("", ", trained for longer"):
            assert found[f"{kind}{training}: ahead of the difference of means"] is not True


def test_the_sentences_keep_the_binding_as_a_product_of_two_orders():
    found = verdicts_of("mending")
    told = "the product of both orders tells the binding: above chance"
    assert found[f"text, tower: {told}"] is True
    assert found["text, tower: a linear probe knows the binding"] is not True
    assert found[f"bag of words: {told}"] is not True
    more = "the product tells more than a linear probe of the same sentences"
    assert found[f"text, tower: {more}"] is True


def test_more_steps_do_not_make_up_for_captions_that_seldom_tell_the_number():
    found = verdicts_of("count_and_negate")
    for steps in ("", ", 800 steps"):
        assert found["captions that seldom tell the number cost ten points" + steps] is True
    for captions in ("kept", "drawn anew"):
        as_many = f"number seldom told, as many read, {captions}: "
        assert found[as_many + "costs ten points"] is True
        assert found[as_many + "above 0.8"] is False
    assert found["colors of what is there alone, 800 steps: a star is taken for no star"] is True
    assert found['"no" seldom told, as many read, kept: "no" above chance'] is True


def test_a_text_tower_that_learns_for_longer_needs_twins():
    found = verdicts_of("longer_mending")
    assert (
        found["text tower, batch loss: above 0.6"] == "undecided"
    )  # "a little more than six in ten"
    assert found["text tower, at random: above 0.6"] is False
    assert found["text tower: twins are needed"] is True


def test_the_two_orders_are_told_on_sentences_with_new_words(monkeypatch):
    from experiments import mending

    texts = [
        f"a {one} {shape} and a {other} {second}"
        for one, other in (("blue", "red"), ("red", "teal"), ("green", "pink"), ("blue", "pink"))
        for shape, second in (("heart", "star"), ("ring", "cross"), ("circle", "square"))
        for one, other in ((one, other), (other, one))
        for shape, second in ((shape, second), (second, shape))
    ]
    words = np.array([text.split() for text in texts])
    orders = np.stack([words[:, 1] < words[:, -2], words[:, 2] < words[:, -1]], axis=1)
    monkeypatch.setattr(mending, "sentences", lambda: texts)
    monkeypatch.setattr(mending, "reading", lambda *_: torch.tensor(orders).float())
    row = mending.measure_orders({"reading": "text, tower", "seed": 0}, {})
    assert row.pop("linear") <= 0.75  # two orders, and no linear function is their product
    assert row == {"colors": 1.0, "shapes": 1.0, "binding": 1.0}
    blind = mending.measure_orders({"reading": "bag of words", "seed": 0}, {})
    assert max(blind.values()) <= 0.75


def test_a_linear_probe_of_the_same_sentences_finds_pairs_that_are_written(monkeypatch):
    from experiments import mending

    words = np.array([text.split() for text in mending.sentences()[:600]])
    true, false = mending.pairs_in(words)
    held = torch.zeros(len(words), 90).scatter_(1, true, 1.0)
    assert (true != false).all()
    assert torch.equal(true.flip(1) % 9, false % 9)
    monkeypatch.setattr(mending, "sentences", lambda: [" ".join(row) for row in words])
    monkeypatch.setattr(mending, "reading", lambda *_: held)
    assert mending.measure_orders({"reading": "text, tower", "seed": 0}, {})["linear"] == 1.0


# ------------------------------------------------------- as many rare captions, all of the patches


def test_a_batch_with_several_rounds_of_captions_holds_different_pictures():
    from experiments.count_and_negate import draw_batches
    from vizkit.training.sentences import random_batches

    draw = draw_batches(100, 5)
    batches = np.stack([draw(np.random.default_rng(seed)) for seed in range(20)])
    assert all(len(set(batch % 100)) == len(batch) for batch in batches)
    assert set((batches // 100).ravel()) == set(range(5))
    once, plain = (some(np.random.default_rng(0)) for some in (draw_batches(100, 1), random_batches(100, 64)))  # fmt: skip
    assert (once == plain).all()


def test_captions_are_kept_or_drawn_anew_round_by_round():
    from experiments.count_and_negate import SETTINGS, in_rounds

    crowds = draw_crowds(40, 0)
    kept, anew = (
        in_rounds(lambda seed: crowd_captions(crowds, seed, 0.1), {"seed": 3, "captions": how})
        for how in SETTINGS["rounds"]
    )
    assert kept == crowd_captions(crowds, 3, 0.1)
    assert anew[:40] == kept
    assert len(anew) == 40 * SETTINGS["rounds"]["drawn anew"]
    told = np.array([not text.startswith("some ") for text in anew]).reshape(-1, 40)
    assert told.any(axis=0).mean() > 0.9  # nearly every picture is told at some time
    assert 0.07 < told.mean() < 0.13


def test_a_probe_of_all_patches_reads_a_place_that_their_mean_does_not_have(monkeypatch):
    from experiments import layers

    rng = np.random.default_rng(0)
    places, tokens = rng.integers(9, size=600), rng.normal(size=(600, 9, 6)).astype(np.float32)
    tokens[np.arange(600), places, 0] += 8  # one thing, at one of nine places
    seen = dict.fromkeys(layers.LAYERS, tokens)
    monkeypatch.setattr(layers, "seen_by", lambda *_: seen)
    monkeypatch.setattr(layers, "drawn", lambda _: (None, None, {"place": places}))
    row = layers.measure_all_patches({"encoder": "", "question": "place", "seed": 0}, {})
    assert row["best"] > 0.8
    assert layers.marks(layers.stations_of("", 0, False)["norm"], places)[1] < 0.4


def test_place_is_lost_in_the_mean_of_the_patches_and_not_in_the_patches():
    found = verdicts_of("layers")
    for encoder in ("pocket-clip", "pocket-siglip"):
        assert found[f"{encoder}, place: its best layer is ahead of the last one"] is True
        assert (
            found[f"{encoder}, place: the best layer is ahead of the last one, all patches"]
            is not True
        )
        assert found[f"{encoder}, count: its best layer is ahead of the last one"] is not True


def test_single_features_stand_for_colors_alone():
    found = verdicts_of("sparse_factors")
    for steps, shape in ((200, False), (4000, "undecided")):
        stand = {
            kind: found[f"{kind}, {steps} steps: single features stand for the factors"]
            for kind in ("shape", "color", "style")
        }
        assert stand == {"shape": shape, "color": True, "style": False}


def test_no_picture_of_a_sparse_factor_lies_in_both_halves(monkeypatch):
    from experiments import sparse_factors

    monkeypatch.setitem(sparse_factors.SETTINGS, "scenes", 6)
    tokens, truth, first = sparse_factors.world.__wrapped__(3)
    assert len(tokens) == len(truth) == len(first) == 6 * 64
    assert first.sum() == 3 * 64
    scenes = sample_scenes(6, seed=24)
    styles = true_factors(scenes, 8)[0].reshape(6, 64, -1)[..., 19:].sum(1)  # (6, styles)
    assert (truth[first][:, 19:].sum(0) == styles[:3].sum(0)).all()
