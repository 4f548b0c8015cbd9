import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import distance


def nearest(vectors, centroids):
    rows = np.zeros((len(vectors), distance.padded(vectors.shape[1])), np.float32)
    rows[:, : vectors.shape[1]] = vectors
    rows.setflags(write=False)
    out, products = np.empty(len(rows), np.int32), np.empty(len(rows), np.float32)
    distance.nearest(rows, distance.packed(centroids), len(centroids), out, products)
    return out, products


def in_order(vector, centroid):
    """The product as the kernel promises it: float32, one dimension after another."""
    total = np.float32(0)
    for x, c in zip(vector, centroid, strict=True):
        total = total + x * c
    return total


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(1, 9), st.sampled_from([1, 2, 127, 128, 129, 300]), st.integers(0, 999))
def test_nearest_is_the_same_to_the_last_bit(count, dimensions, clusters, seed):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, dimensions)).astype(np.float32)
    centroids = random.normal(size=(clusters, dimensions)).astype(np.float32)
    out, products = nearest(vectors, centroids)
    for vector, found, product in zip(vectors, out, products, strict=True):
        expected = [in_order(vector, centroid) for centroid in centroids]
        assert found == int(np.argmax(expected))
        assert product == max(expected)


def test_of_equal_centroids_the_first_counts():
    centroids = np.ones((200, 4), np.float32)
    centroids[:3] = 0
    assert nearest(np.ones((5, 4), np.float32), centroids)[0].tolist() == [3] * 5


def test_centroids_that_fill_up_a_block_are_never_chosen():
    out, products = nearest(np.ones((1, 3), np.float32), -np.ones((2, 3), np.float32))
    assert (out[0], products[0]) == (0, -3)


def test_a_row_does_not_depend_on_its_neighbours():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(11, 30)).astype(np.float32)
    centroids = random.normal(size=(140, 30)).astype(np.float32)
    out, products = nearest(vectors, centroids)
    for i in range(len(vectors)):
        alone = nearest(vectors[i : i + 1], centroids)
        assert (alone[0][0], alone[1][0]) == (out[i], products[i])


def test_lengths():
    vectors = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    out = np.empty(7)
    distance.lengths(vectors, out)
    assert out == pytest.approx(np.linalg.norm(vectors, axis=1))
