"""Hierarchical k-means with resampling (Vo et al. 2024): clusters of clusters, spread evenly over what there is.

k-means puts its centroids where most points are. Here each level is trained again on the points that are closest to
each centroid, the same number of every cluster, which thins out what is dense, and so on; the centroids come to lie
evenly over the points' support. The next level clusters these centroids.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.algorithms import cluster
from curate.algorithms.groups import first_of_each


class Level(NamedTuple):
    """One level of a hierarchy: unit centroids, float32 (k, d), the sampled documents of each, int64 (k,), and the
    cluster of the next level that each belongs to, int32 (k,), or None at the top."""

    centroids: np.ndarray
    sizes: np.ndarray
    parents: np.ndarray | None


def build(vectors: np.ndarray, counts: list[int], resamples: int, iterations: int, seed: int) -> list[Level]:
    """Levels of clusters, the finest first, and in each the largest first.

    vectors: float32 (n, d), of length one. counts: how many clusters at each level; there are never more than
    different points. Memory: half the vectors for the resampled ones.
    """
    levels: list[Level] = []
    points, weights = vectors, np.ones(len(vectors), dtype=np.int64)
    for count in counts:
        centroids = _spread(points, count, resamples, iterations, seed)
        centroids, sizes, owners = cluster.largest_first(points, weights, centroids)
        if levels:
            levels[-1] = levels[-1]._replace(parents=owners)
        levels.append(Level(centroids, sizes, None))
        points, weights = centroids, sizes
    return levels


def _spread(points: np.ndarray, count: int, resamples: int, iterations: int, seed: int) -> np.ndarray:
    centroids = cluster.kmeans(points, count, iterations, seed)
    for turn in range(1, resamples + 1):
        chosen = _closest(points, centroids)
        centroids = cluster.kmeans(points[chosen], count, iterations, seed + turn)
    return centroids


def _closest(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The points closest to every centroid among its own, half as many as a cluster has on average: ascending."""
    owners, distances = cluster.assign(points, cluster.Centroids(centroids))
    each = max(1, len(points) // (2 * len(centroids)))
    return np.sort(first_of_each(owners, distances, each))
