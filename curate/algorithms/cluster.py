"""Spherical k-means (Dhillon and Modha 2001): faiss finds the centroids, our own kernel who belongs to which.

This is the one file that knows faiss. It runs on one thread with a seed, so that centroids are equal on
one kind of processor; what is stored for a document comes from products summed in a fixed order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import distance, hashing

_ROWS_AT_ONCE = 8_192


class Centroids(NamedTuple):
    """Unit vectors, float32 (k, d), and the same packed for the kernel."""

    rows: np.ndarray
    blocks: np.ndarray


def kmeans(points: np.ndarray, clusters: int, iterations: int, seed: int) -> np.ndarray:
    """Unit centroids, float32 (k, d), of points (n, d) of length one: no more of them than different points."""
    import faiss

    faiss.omp_set_num_threads(1)
    trained = faiss.Kmeans(
        points.shape[1],
        min(clusters, _different(points)),
        niter=iterations,
        seed=seed % (1 << 31),
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
    )
    trained.train(points)
    return np.ascontiguousarray(trained.centroids, dtype=np.float32)


def largest_first(
    points: np.ndarray, weights: np.ndarray, centroids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroids in falling order of the points' weights that are theirs, those sums, and each point's centroid.

    weights: int64 (n,). Gives float32 (k, d), int64 (k,), int32 (n,).
    """
    owners, _ = assign(points, pack(centroids))
    sizes = np.bincount(owners, weights=weights, minlength=len(centroids)).astype(np.int64)
    order = np.argsort(-sizes, kind="stable")
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return centroids[order], sizes[order], ranks[owners]


def normalise(vectors: np.ndarray) -> None:
    """Scale rows, float32 (n, d), to length one in place; none may be zero."""
    import faiss

    faiss.normalize_L2(vectors)


def _different(vectors: np.ndarray) -> int:
    offsets = np.arange(len(vectors) + 1, dtype=np.int64) * vectors.shape[1] * vectors.itemsize
    hashes = np.empty(len(vectors), dtype=np.uint64)
    hashing.hash_strings(offsets, vectors.view(np.uint8).reshape(-1), np.uint64(0), hashes)
    return len(np.unique(hashes))


def pack(rows: np.ndarray) -> Centroids:
    """Centroids, ready for `assign`."""
    return Centroids(rows, distance.packed(rows))


def assign(vectors: np.ndarray, centroids: Centroids) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each vector, int32 (n,), and its distance, float32 (n,): one minus the cosine.

    vectors: float16, float32 or int8 (n, d), of any length but zero. Of equally near centroids the first counts.
    """
    count, dimensions = vectors.shape
    clusters, cosines = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.float32)
    block = np.zeros((min(count, _ROWS_AT_ONCE), distance.padded(dimensions)), dtype=np.float32)
    lengths = np.empty(len(block), dtype=np.float64)
    for start in range(0, count, _ROWS_AT_ONCE):
        piece = slice(start, min(start + _ROWS_AT_ONCE, count))
        rows = block[: piece.stop - start]
        rows[:, :dimensions] = vectors[piece]
        distance.nearest(rows, centroids.blocks, len(centroids.rows), clusters[piece], cosines[piece])
        distance.lengths(rows, lengths[: len(rows)])
        cosines[piece] /= lengths[: len(rows)]
    return clusters, np.clip(1 - cosines, 0, 2)
