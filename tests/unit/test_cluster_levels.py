import itertools

import numpy as np
import pytest

from curate.algorithms import cluster, cluster_levels

SIZES = (20_000, 200, 1_000, 500, 8_000)


def rings(seed=0):
    """Five rings of very different numbers of points, on a small patch of the sphere, and the ring of each."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(5), SIZES)
    turn, around = owners * 2 * np.pi / 5, random.random(len(owners)) * 2 * np.pi
    radius = 1 + random.normal(size=len(owners)) * 0.08
    flat = [3 * np.cos(turn) + radius * np.cos(around), 3 * np.sin(turn) + radius * np.sin(around)]
    points = np.stack([*flat, np.full(len(owners), 10.0)], axis=1)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), owners


def each_ring(points, owners, level):
    """How many centroids of a level lie in each ring."""
    nearest = cluster.assign(level.centroids, cluster.Centroids(np.ascontiguousarray(points[::4])))[0]
    return np.bincount(owners[::4][nearest], minlength=5)


def test_rings_of_unlike_numbers_come_out_balanced():
    points, owners = rings()
    plain = cluster_levels.build(points, [50], 0, 10, 0)[-1]
    even = cluster_levels.build(points, [400, 50], 8, 10, 0)[-1]
    assert each_ring(points, owners, plain).max() >= 5 * each_ring(points, owners, plain).min()
    assert each_ring(points, owners, even).max() < 2 * each_ring(points, owners, even).min()
    assert each_ring(points, owners, even).sum() == 50


def test_levels_are_nested_and_the_largest_come_first():
    points = rings()[0][::20]
    levels = cluster_levels.build(points, [60, 20, 4], 2, 5, 0)
    assert [len(level.centroids) for level in levels] == [60, 20, 4]
    for below, above in itertools.pairwise(levels):
        assert below.parents.min() >= 0
        sums = np.bincount(below.parents, weights=below.sizes, minlength=len(above.sizes))
        assert above.sizes.tolist() == sums.tolist()
    assert levels[-1].parents is None
    for level in levels:
        assert level.sizes.sum() == len(points)
        assert (np.diff(level.sizes) <= 0).all()


def test_the_same_again_and_another_with_another_seed():
    points = rings()[0][::20]
    first, again, other = (cluster_levels.build(points, [30, 5], 2, 5, seed) for seed in (1, 1, 2))
    assert all((a.centroids == b.centroids).all() for a, b in zip(first, again, strict=True))
    assert (first[0].centroids != other[0].centroids).any()


def test_never_more_than_different_points():
    points = np.repeat(rings()[0][:3], 7, axis=0)
    levels = cluster_levels.build(points, [10, 5], 3, 5, 0)
    assert [len(level.centroids) for level in levels] == [3, 3]


@pytest.mark.parametrize(("points", "each"), [(40, 2), (41, 2), (7, 1)])
def test_of_every_cluster_the_closest(points, each):
    vectors = rings()[0][:: len(rings()[0]) // points][:points]
    centroids = np.ascontiguousarray(vectors[:: max(1, points // 8)][:8])
    chosen = cluster_levels._closest(vectors, centroids)
    owners, distances = cluster.assign(vectors, cluster.Centroids(centroids))
    for number in range(len(centroids)):
        members = np.flatnonzero(owners == number)
        kept = members[np.argsort(distances[members], kind="stable")][:each]
        assert sorted(kept) == [i for i in chosen if owners[i] == number]
