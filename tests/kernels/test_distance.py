import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import distance
from tests.naive import cluster as naive


def nearest(vectors, centroids, disturbed=0.0):
    """With products of a BLAS that are off by as much as they may be."""
    vectors.setflags(write=False)
    lengths = np.linalg.norm(vectors, axis=1)
    approximate = (vectors @ centroids.T).astype(np.float32)
    longest = np.linalg.norm(centroids, axis=1).max(initial=0)
    doubt = distance.doubt(vectors.shape[1]) * lengths * longest
    approximate += np.random.default_rng(1).uniform(-1, 1, approximate.shape) * disturbed * doubt[:, None] / 4
    limits = (approximate.max(axis=1, initial=-np.inf) - doubt).astype(np.float32)
    out, products = np.zeros(len(vectors), np.int32), np.full(len(vectors), -np.inf, np.float32)
    numbers = np.arange(len(centroids), dtype=np.int32)
    distance.nearest(vectors, centroids, numbers, approximate, limits, out, products)
    return out, products


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(1, 9), st.sampled_from([1, 2, 7, 40]), st.integers(0, 999), st.booleans())
def test_nearest_is_the_same_to_the_last_bit(count, dimensions, clusters, seed, alike):
    random = np.random.default_rng(seed)
    centroids = random.normal(size=(clusters, dimensions)).astype(np.float32)
    if alike:
        centroids = centroids[:1] + random.normal(size=(clusters, dimensions)).astype(np.float32) * np.float32(1e-7)
    vectors = random.normal(size=(2 * count, dimensions)).astype(np.float32)[::2]
    out, products = nearest(vectors, centroids, 0.5)
    for vector, found, product in zip(vectors, out, products, strict=True):
        assert (found, product) == naive.nearest(vector, centroids)


def test_of_equal_centroids_the_lowest_number_counts():
    centroids = np.ones((200, 4), np.float32)
    centroids[:3] = 0
    assert nearest(np.ones((5, 4), np.float32), centroids)[0].tolist() == [3] * 5
    out, products = np.array([7], np.int32), np.array([4], np.float32)
    ones = np.ones((1, 4), np.float32)
    for number, kept in ((9, 7), (5, 5)):
        distance.nearest(ones, ones, np.array([number], np.int32), 4 * ones[:, :1], ones[0], out, products)
        assert out[0] == kept


def test_what_is_below_the_limit_is_left_out():
    vectors, centroids = np.ones((1, 3), np.float32), np.array([[1, 1, 1], [1, 0, 0]], np.float32)
    out, products = np.zeros(1, np.int32), np.full(1, -np.inf, np.float32)
    approximate = np.array([[1, 2]], np.float32)
    distance.nearest(vectors, centroids, np.arange(2, dtype=np.int32), approximate, approximate[0, 1:], out, products)
    assert (out[0], products[0]) == (1, 1)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(1, 9), st.sampled_from([0, 1, 127, 129, 300]), st.integers(0, 999))
def test_products(count, dimensions, clusters, seed):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, dimensions)).astype(np.float32)
    centroids = random.normal(size=(clusters, dimensions)).astype(np.float32)
    rows = np.zeros((count, distance.padded(dimensions)), np.float32)
    rows[:, :dimensions] = vectors
    rows.setflags(write=False)
    out = np.empty((count, clusters), np.float32)
    distance.products(rows, distance.packed(centroids), out)
    expected = [[naive.in_order(vector, centroid) for centroid in centroids] for vector in vectors]
    assert out.tolist() == expected


def test_lengths():
    vectors = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    out = np.empty(7)
    distance.lengths(vectors, out)
    assert out == pytest.approx(np.linalg.norm(vectors, axis=1))
