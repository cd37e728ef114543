"""Words for locked features: numbering pieces, locking, training many towers at once, ranking."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

from vizkit.losses import info_nce
from vizkit.training import learning_rate_at, seed_everything
from vizkit.training.words import (
    NONE,
    WordRun,
    WordTower,
    found_names,
    lock_features,
    number_pieces,
    train_from_scratch,
    train_words,
    word_batches,
)

COLORS = ("red", "green", "blue", "white", "black", "brown")
THINGS = ("apple", "bus", "cat", "door", "egg", "fox", "goat")
KOREAN = dict(
    zip(
        COLORS + THINGS,
        [
            "빨강",
            "초록",
            "파랑",
            "하양",
            "검정",
            "갈색",
            "사과",
            "버스",
            "고양이",
            "문",
            "달걀",
            "여우",
            "염소",
        ],
        strict=True,
    )
)


@pytest.fixture(scope="module")
def world():
    """42 concepts of a colour and a thing: a picture is the sum of two vectors and a little noise."""
    own = torch.Generator().manual_seed(0)
    basis = {name: torch.randn(32, generator=own) for name in KOREAN}
    pairs = [(color, thing) for color in COLORS for thing in THINGS]
    features = torch.stack([basis[color] + basis[thing] for color, thing in pairs])  # (42, 32)
    features += 0.05 * torch.randn(features.shape, generator=own)
    names = {
        "en": tuple(f"{color} {thing}" for color, thing in pairs),
        "ko": tuple(f"{KOREAN[color]} {KOREAN[thing]}" for color, thing in pairs),
    }
    unseen = np.array([i for i, (c, t) in enumerate(pairs) if COLORS.index(c) == THINGS.index(t)])
    seen = np.setdiff1d(np.arange(len(pairs)), unseen)
    return number_pieces(names), features, seen, unseen


def ranks(world, tower, pictures, language):
    pieces, _, _, unseen = world
    ids = pieces.ids[pieces.languages.index(language)]
    return found_names(pictures[unseen], tower(ids[unseen]))


def run_of(world, **options):
    _, features, seen, _ = world
    return WordRun(lock_features(features, seen, 16), seen, **options)


QUICK = {"steps": 150, "batch_size": 16}


def test_concepts_never_seen_are_found_by_words_that_were_in_both_languages(world):
    run = run_of(world, languages=["en", "ko"], seed=1)
    (tower,) = train_words(world[0], [run], **QUICK)
    for language in ("en", "ko"):
        assert (ranks(world, tower, run.pictures, language) == 1).mean() >= 0.8
    assert not tower.training


def test_a_language_never_taught_says_nothing(world):
    run = run_of(world, languages=["en"])
    (tower,) = train_words(world[0], [run], **QUICK)
    pieces, _, _, unseen = world
    assert tower(pieces.ids[1][unseen]).abs().max() == 0
    assert (ranks(world, tower, run.pictures, "ko") > 1).all()


def test_each_concept_in_a_language_of_its_own(world):
    languages = ["en" if place % 2 else "ko" for place in range(len(world[2]))]
    run = run_of(world, languages=languages, each_its_own=True)
    (tower,) = train_words(world[0], [run], **QUICK)
    for language in ("en", "ko"):
        assert (ranks(world, tower, run.pictures, language) == 1).mean() >= 0.5


def test_runs_together_are_the_runs_alone(world):
    runs = [run_of(world, languages=["en"], seed=s) for s in (0, 1)]
    together = train_words(world[0], runs, **{**QUICK, "steps": 20})
    for run, tower in zip(runs, together, strict=True):
        (alone,) = train_words(world[0], [run], **{**QUICK, "steps": 20})
        torch.testing.assert_close(alone.table, tower.table, rtol=1e-3, atol=1e-4)
        assert torch.equal(alone.learned, tower.learned)
    assert not torch.equal(together[0].table, together[1].table)


def test_a_run_is_the_plain_loop_of_clip(world):
    """Against the loss of the package and an optimizer of torch, step by step."""
    pieces, _, seen, _ = world
    run = run_of(world, languages=["en", "ko"], seed=3)
    (tower,) = train_words(pieces, [run], steps=8, batch_size=16, learning_rate=0.01)
    seed_everything(3)
    plain = WordTower(len(pieces.known), 16)
    numbers = torch.tensor([[0, 1]]).expand(len(seen), -1)
    batches = word_batches(run, torch.as_tensor(seen), numbers, 8, 16)
    optimizer = torch.optim.AdamW(plain.parameters(), weight_decay=0.05, betas=(0.9, 0.98))
    for step, (which, language) in enumerate(batches):
        rate = learning_rate_at(step, 0.01, steps=8, warmup_steps=0, schedule="cosine")
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        info_nce(run.pictures[which], plain(pieces.ids[language, which]), 1 / 0.1).backward()
        optimizer.step()
    torch.testing.assert_close(tower.table, plain.table, rtol=1e-4, atol=1e-5)


def test_the_pictures_are_locked(world):
    run = run_of(world, languages=["en"])
    before = run.pictures.clone()
    (tower,) = train_words(world[0], [run], **{**QUICK, "steps": 3})
    assert torch.equal(run.pictures, before)
    assert [name for name, _ in tower.named_parameters()] == ["table"]


def test_locking_is_whitening_by_half_of_the_seen_pictures_alone():
    features = torch.randn(60, 10, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 11)
    seen = np.arange(40)
    pca = PCA(6, svd_solver="full").fit(features[:40].double().numpy())
    scores = pca.transform(features.double().numpy()) / np.sqrt(pca.singular_values_)
    expected = F.normalize(torch.from_numpy(scores), dim=-1).float()
    found = lock_features(features, seen, 6)
    torch.testing.assert_close((found @ found.T), (expected @ expected.T), rtol=1e-4, atol=1e-5)
    changed = features.clone()
    changed[50] *= 9
    torch.testing.assert_close(lock_features(changed, seen, 6)[:50], found[:50])


def test_fewer_directions_than_asked_for_are_filled_with_zeros():
    found = lock_features(torch.randn(20, 4), np.arange(10), 7)
    assert found.shape == (20, 7)
    assert (found[:, 4:] == 0).all()
    torch.testing.assert_close(found.norm(dim=1), torch.ones(20))


def test_pieces_are_numbered_once_for_all_languages(world):
    names = {"en": ["OK button", "cat"], "ko": ["OK 버튼", "고양이"]}
    assert number_pieces(names).known == ("ok",)  # all other pieces stand in a single name
    pieces = number_pieces(names, at_least=1)
    assert "ok" in pieces.known
    assert "고양" in pieces.known
    number = pieces.known.index("ok")
    assert number in pieces.ids[0, 0]
    assert number in pieces.ids[1, 0]
    assert (pieces.ids[0, 1] != NONE).sum() == 1
    assert len(pieces) == 2
    read = pieces.read(["a cat", "nothing known"])
    assert read[0].tolist() == [pieces.known.index("cat")]
    assert (read[1] == NONE).all()


def test_a_tower_adds_the_vectors_of_its_pieces():
    tower = WordTower(5, 3)
    tower.learned[4] = 0
    ids = torch.tensor([[0, 2, NONE], [4, NONE, NONE], [0, 4, 2]])
    found = tower(ids)
    torch.testing.assert_close(found[0], F.normalize(tower.table[0] + tower.table[2], dim=0))
    assert (found[1] == 0).all()
    torch.testing.assert_close(found[2], found[0])


def test_the_rank_of_the_own_name_and_ties_count_against_it():
    pictures = F.normalize(torch.randn(30, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    names = F.normalize(pictures + 0.5 * torch.randn(30, 8), dim=1)
    order = np.argsort(-(pictures @ names.T).numpy(), axis=1)
    expected = [1 + list(row).index(place) for place, row in enumerate(order)]
    assert found_names(pictures, names).tolist() == expected
    assert (found_names(pictures, torch.zeros(30, 8)) == 30).all()
    with pytest.raises(ValueError, match="expected pictures and names"):
        found_names(pictures, names[:5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"languages": ["de"]}, "expected languages among"),
        ({"languages": []}, "expected languages among"),
        ({"languages": ["en"], "each_its_own": True}, "languages, received 1"),
        ({"languages": ["en"], "seen": np.arange(9)}, "16 concepts or more, received 9"),
    ],
)
def test_bad_runs_are_named(world, change, words):
    pieces, features, seen, _ = world
    options = {"pictures": lock_features(features, seen, 16), "seen": seen} | change
    with pytest.raises(ValueError, match=words):
        train_words(pieces, [WordRun(**options)], **QUICK)


def test_both_towers_from_scratch_learn_what_they_are_shown():
    names = {"en": [f"{color} {thing}" for color in COLORS[:4] for thing in THINGS[:4]]}
    pictures = torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    pieces, seen = number_pieces(names), np.arange(12)
    model = train_from_scratch(pieces, pictures, seen, ["en"], steps=60, batch_size=12)
    with torch.no_grad():
        shown = model.encode_image(pictures)
    assert (found_names(shown[:12], model.words(pieces.ids[0, :12])) == 1).mean() > 0.8
    assert model.words.learned.sum() == len({p for name in names["en"][:12] for p in name.split()})


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="at least one run"):
        train_words(number_pieces({"en": ["a"]}), [])
    for names in ({}, None, {"en": ["a"], "ko": []}, {"en": []}):
        with pytest.raises(ValueError, match=r"expected .*names"):
            number_pieces(names)
    with pytest.raises(ValueError, match=r"expected features \(N, F\)"):
        lock_features(torch.zeros(3), np.arange(2))
