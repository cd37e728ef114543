"""Projections against scikit-learn and numpy: PCA, t-SNE, alignment, true neighbours."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from vizkit.widgets import projection


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("shape", [(200, 12), (9, 40), (40, 2), (30, 30)])
def test_pca_equals_scikit_learn(rng, shape):
    rows = rng.normal(size=shape) * np.linspace(3, 0.5, shape[1]) + 5
    found, reference = projection.pca(rows[None]), PCA(2).fit(rows)
    expected = reference.transform(rows)
    expected *= np.sign((expected * found.points[0]).sum(0))
    np.testing.assert_allclose(found.points[0], expected, atol=2e-5)
    assert found.explained_variance_ratio[0] == pytest.approx(
        reference.explained_variance_ratio_.sum(), abs=1e-10
    )


def test_pca_has_one_basis_for_all_steps_and_a_fixed_sign(rng):
    rows = rng.normal(size=(3, 50, 6)) * [4, 2, 1, 1, 1, 1]
    found = projection.pca(rows)
    basis = np.linalg.lstsq(
        rows.reshape(-1, 6) - rows.mean((0, 1)), found.points.reshape(-1, 2), rcond=None
    )[0]
    for one, points, share in zip(rows, found.points, found.explained_variance_ratio, strict=True):
        np.testing.assert_allclose(points, (one - rows.mean((0, 1))) @ basis, atol=1e-5)
        centred = one - one.mean(0)
        assert share == pytest.approx(((centred @ basis) ** 2).sum() / (centred**2).sum(), rel=1e-5)
    assert (basis[np.abs(basis).argmax(0), [0, 1]] > 0).all()
    np.testing.assert_array_equal(projection.pca(rows).points, found.points)


def test_pca_in_blocks_equals_pca_at_once(rng, monkeypatch):
    rows = rng.normal(size=(2, 300, 5)).astype(np.float32)
    whole = projection.pca(rows)
    monkeypatch.setattr(projection, "BLOCK", 64)
    parts = projection.pca(rows)
    np.testing.assert_allclose(parts.points, whole.points, atol=1e-5)
    np.testing.assert_allclose(
        parts.explained_variance_ratio, whole.explained_variance_ratio, rtol=1e-10
    )


@pytest.mark.parametrize(
    "rows",
    [
        np.ones((1, 4, 3)),
        np.zeros((1, 1, 5)),
        np.eye(3)[None],
        np.array([[[0, 7, 7], [7, 7, 7]]], np.float32),  # two points: one direction, and no second
    ],
)
def test_pca_of_hardly_anything_is_finite(rows):
    found = projection.pca(rows)
    assert np.isfinite(found.points).all()
    assert 0 <= found.explained_variance_ratio[0] <= 1


def test_align_undoes_a_turn_a_mirror_and_a_shift(rng):
    before = rng.normal(size=(40, 2))
    angle = 2.1
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    moved = before @ turn + [3, -8]
    np.testing.assert_allclose(projection.align(before, moved), before, atol=1e-12)


def test_align_keeps_distances_and_is_the_best_turn(rng):
    before, after = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    aligned = projection.align(before, after)
    np.testing.assert_allclose(pairwise_distances(aligned), pairwise_distances(after), atol=1e-10)
    best = ((aligned - before) ** 2).sum()
    centre = aligned.mean(0)
    for angle in np.linspace(0, 2 * np.pi, 60)[1:-1]:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert (((aligned - centre) @ turn + centre - before) ** 2).sum() > best


def test_align_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"shape \(N, 2\), got \(3, 2\) and \(4, 2\)"):
        projection.align(np.zeros((3, 2)), np.zeros((4, 2)))


def test_tsne_separates_clusters_repeats_itself_and_is_aligned(rng):
    labels = np.repeat(np.arange(3), 12)
    first = np.eye(3).repeat(12, 0) * 9 + rng.normal(size=(36, 3))
    steps = np.stack([first, first + 0.01 * rng.normal(size=first.shape)])
    found = projection.tsne(steps, seed=3)
    assert found.points.shape == (2, 36, 2)
    assert found.explained_variance_ratio is None
    np.testing.assert_array_equal(projection.tsne(steps, seed=3).points, found.points)
    nearest = NearestNeighbors(n_neighbors=4).fit(found.points[1]).kneighbors(return_distance=False)
    assert (labels[nearest] == labels[:, None]).mean() > 0.95
    np.testing.assert_allclose(projection.align(*found.points), found.points[1], atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "count", "message"),
    [
        (1, 4, "at least 5 points, got 4"),
        (1, 5001, "random sample"),
        (9, 5000, "5,000 points x 9 steps"),
    ],
)
def test_tsne_refuses_what_would_not_work(steps, count, message):
    with pytest.raises(ValueError, match=message):
        projection.check_tsne(steps, count)


@pytest.mark.parametrize("cosine", [True, False])
def test_nearest_equals_scikit_learn(rng, cosine, monkeypatch):
    rows = rng.normal(size=(60, 7))
    queries = np.array([0, 59, 13])
    metric = "cosine" if cosine else "euclidean"
    model = NearestNeighbors(n_neighbors=6, metric=metric, algorithm="brute").fit(rows)
    distances, expected = model.kneighbors(rows[queries])
    found, values = projection.nearest(rows, queries, 5, cosine=cosine)
    np.testing.assert_array_equal(found, expected[:, 1:])
    np.testing.assert_allclose(
        values, 1 - distances[:, 1:] if cosine else distances[:, 1:], atol=1e-10
    )


def test_nearest_prefers_the_lower_index_among_equals_and_stops_at_everyone():
    rows = np.array([[1.0, 0], [1, 0], [0, 1], [1, 0]])
    found, _ = projection.nearest(rows, np.array([3]), 9)
    np.testing.assert_array_equal(found, [[0, 1, 2]])


def test_nearest_takes_a_zero_vector(rng):
    rows = np.vstack([np.zeros(3), rng.normal(size=(4, 3))])
    _, values = projection.nearest(rows, np.array([0]), 2)
    np.testing.assert_array_equal(values, [[0, 0]])


def test_neighbours_kept_is_one_for_a_faithful_map_and_chance_for_a_random_one(rng):
    angles = rng.uniform(0, 2 * np.pi, 400)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert projection.neighborhood_preservation(3 * circle, circle) == 1
    shuffled = projection.neighborhood_preservation(
        rng.normal(size=(400, 20)), rng.normal(size=(400, 2))
    )
    assert shuffled == pytest.approx(10 / 399, abs=0.02)


def test_neighbours_kept_equals_its_definition(rng):
    rows = rng.normal(size=(80, 6))
    points = rows[:, :2]
    true = (
        NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute")
        .fit(rows)
        .kneighbors(return_distance=False)
    )
    shown = NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    expected = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(true, shown, strict=True)])
    assert projection.neighborhood_preservation(rows, points) == pytest.approx(expected)


def test_neighbours_kept_of_many_points_comes_from_a_seeded_sample(rng):
    rows = rng.normal(size=(20_500, 3)).astype(np.float32)
    first = projection.neighborhood_preservation(rows, rows[:, :2], sample=50, seed=1)
    assert first == projection.neighborhood_preservation(rows, rows[:, :2], sample=50, seed=1)
    assert 0 < first < 1
