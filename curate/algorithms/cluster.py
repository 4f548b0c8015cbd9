"""Spherical k-means (Dhillon and Modha 2001): faiss finds the centroids, our own kernel who belongs to which.

This is the one file that knows faiss. It runs on one thread with a seed, or on a GPU where it was built for one
and one is there, so that centroids are equal on one kind of processor or of GPU; what is stored for a document comes
from products summed in a fixed order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.errors import DataError
from curate.kernels import distance, hashing

FLAT_MOST = 16_384
"""Centroids that are all compared with each document."""
PROBES = 16
_RANKED = 25_600
_RANKED_AT_ONCE = 2_048
_GROUP_ITERATIONS = 10
_PRODUCTS_AT_ONCE = 4 << 20
_SEARCHED_AT_ONCE = 16_384
_LONGEST = 1.001
"""No centroid is longer, whatever its rounding."""
_DRAWN_PER_CENTROID = 5
_DRAWN_LEAST = 2_000


class Centroids(NamedTuple):
    """Unit vectors, float32 (k, d), and for so many that all are not compared, how to find the likely ones."""

    rows: np.ndarray
    search: Search | None = None


class Search(NamedTuple):
    """Centroids in groups about centres (Sivic and Zisserman 2003): a document is compared with those of the nearest.

    centres: packed. members: of each group the centroids' numbers, int32, ascending.
    """

    centres: np.ndarray
    members: list[np.ndarray]


def spread(vectors: np.ndarray) -> tuple[float, float]:
    """The effective rank of vectors of length one, float32 (n, d), and the mean cosine of two of them.

    The rank is the exponential of the entropy of the singular values (RankMe: Garrido et al. 2023), here of 25,600 of
    them, from their products in float64. Both are rounded to four places, so that a BLAS's order of adding is not seen.
    """
    chosen = vectors[:: -(-len(vectors) // _RANKED)]
    products, total = np.zeros((vectors.shape[1],) * 2), np.zeros(vectors.shape[1])
    for start in range(0, len(chosen), _RANKED_AT_ONCE):
        block = chosen[start : start + _RANKED_AT_ONCE].astype(np.float64)
        products += block.T @ block
        total += block.sum(axis=0)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(products), 0))
    shares = values / values.sum() + 1e-7
    rank = float(np.exp(-(shares * np.log(shares)).sum()))
    count = len(chosen)
    cosine = (np.square(total).sum() - count) / (count * (count - 1)) if count > 1 else 1.0
    return float(f"{rank:.4g}"), round(float(cosine), 4)


def kmeans(points: np.ndarray, clusters: int, iterations: int, seed: int) -> np.ndarray:
    """Unit centroids, float32 (k, d), of points (n, d) of length one: no more of them than different points."""
    import faiss

    faiss.omp_set_num_threads(1)
    wanted = min(clusters, _different(points))
    trained = faiss.Kmeans(
        points.shape[1],
        wanted,
        niter=iterations,
        seed=seed % (1 << 31),
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
        gpu=faiss.get_num_gpus() > 0,
    )
    trained.train(points, init_centroids=first_centroids(points, wanted, seed))
    return np.ascontiguousarray(trained.centroids, dtype=np.float32)


def first_centroids(points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Where k-means starts: some of the points, float32 (k, d), by k-means++ (Arthur and Vassilvitskii 2007).

    Each next one is drawn in proportion to one minus the cosine to the nearest of those before, which is half of the
    squared distance, among five random points for each centroid; equal ones are found only where too few differ.
    """
    random = np.random.default_rng(seed)
    drawn = random.permutation(len(points))[: max(_DRAWN_PER_CENTROID * clusters, _DRAWN_LEAST)]
    chosen, left = points[drawn], np.full(len(drawn), np.inf, dtype=np.float32)
    found = np.empty((clusters, points.shape[1]), dtype=np.float32)
    place = 0
    for number in range(clusters):
        found[number] = chosen[place]
        np.minimum(left, np.maximum(1 - chosen @ found[number], 0), out=left)
        left[place] = 0
        sums = np.cumsum(left, dtype=np.float64)
        place = min(int(np.searchsorted(sums, random.random() * sums[-1], side="right")), len(left) - 1)
    return found


def largest_first(
    points: np.ndarray, weights: np.ndarray, centroids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroids in falling order of the points' weights that are theirs, those sums, and each point's centroid.

    weights: int64 (n,). Gives float32 (k, d), int64 (k,), int32 (n,).
    """
    owners, _ = assign(points, Centroids(centroids))
    sizes = np.bincount(owners, weights=weights, minlength=len(centroids)).astype(np.int64)
    order = np.argsort(-sizes, kind="stable")
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return centroids[order], sizes[order], ranks[owners]


def normalise(vectors: np.ndarray) -> None:
    """Scale rows, float32 (n, d), to length one in place. Raises DataError as `assign` does."""
    lengths = np.empty(len(vectors), dtype=np.float64)
    distance.lengths(vectors, lengths)
    _check(lengths)
    for start in range(0, len(vectors), _SEARCHED_AT_ONCE):
        vectors[start : start + _SEARCHED_AT_ONCE] /= lengths[start : start + _SEARCHED_AT_ONCE, None].astype(
            np.float32
        )


def _different(vectors: np.ndarray) -> int:
    offsets = np.arange(len(vectors) + 1, dtype=np.int64) * vectors.shape[1] * vectors.itemsize
    hashes = np.empty(len(vectors), dtype=np.uint64)
    hashing.hash_strings(offsets, vectors.view(np.uint8).reshape(-1), np.uint64(0), hashes)
    return len(np.unique(hashes))


def grouped(centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Centres of groups of more than 16,384 centroids, about the root of their number, and the group of each, int32."""
    if len(centroids) <= FLAT_MOST:
        return None
    centres = kmeans(centroids, round(len(centroids) ** 0.5), _GROUP_ITERATIONS, 0)
    return centres, assign(centroids, Centroids(centres))[0]


def searchable(centroids: np.ndarray, centres: np.ndarray, groups: np.ndarray) -> Centroids:
    """Centroids that `grouped` put into groups, ready for `assign`."""
    order = np.argsort(groups, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(groups, minlength=len(centres)))
    return Centroids(centroids, Search(distance.packed(centres), np.split(order, ends[:-1])))


def assign(vectors: np.ndarray, centroids: Centroids) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each vector, int32 (n,), and its distance, float32 (n,): one minus the cosine.

    vectors: float16, float32 or int8 (n, d). Of equally near centroids the first counts. With a search, only centroids
    of the 16 nearest groups are compared: of documents' vectors 19 of 20 get the nearest of all, and the others one
    that is hardly farther. Memory: 32 MiB, and twice that for a search. Raises DataError for a vector that has no
    direction, of length zero or not finite.
    """
    count = len(vectors)
    clusters, cosines = np.zeros(count, dtype=np.int32), np.full(count, -np.inf, dtype=np.float32)
    rows_at_once = max(16, _PRODUCTS_AT_ONCE // max(1, *centroids.rows.shape))
    if centroids.search is not None:
        rows_at_once = _SEARCHED_AT_ONCE
    sizes = np.empty(min(count, rows_at_once), dtype=np.float64)
    for start in range(0, count, rows_at_once):
        piece = slice(start, min(start + rows_at_once, count))
        rows = np.ascontiguousarray(vectors[piece], dtype=np.float32)
        lengths = sizes[: len(rows)]
        distance.lengths(rows, lengths)
        _check(lengths)
        if centroids.search is None:
            numbers = np.arange(len(centroids.rows), dtype=np.int32)
            _compare(rows, lengths, centroids.rows, numbers, clusters[piece], cosines[piece])
        else:
            _search(rows, lengths, centroids, clusters[piece], cosines[piece])
        cosines[piece] /= lengths
    return clusters, np.clip(1 - cosines, 0, 2)


def _check(lengths: np.ndarray) -> None:
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(wrong):
        raise DataError(
            f"{len(wrong):,} vectors have no direction, such as one of length {lengths[wrong[0]]}; embed again so that "
            "these documents have none, or leave them out with --where"
        )


def _compare(rows, lengths, centroids, numbers, clusters, products) -> None:
    approximate = rows @ centroids.T
    limits = approximate.max(axis=1) - distance.doubt(rows.shape[1]) * _LONGEST * lengths
    distance.nearest(rows, centroids, numbers, approximate, limits.astype(np.float32), clusters, products)


def _search(rows, lengths, centroids: Centroids, clusters, products) -> None:
    """The same with the centroids of the nearest groups, all rows of a group at once."""
    assert centroids.search is not None
    centres, members = centroids.search
    wide = np.zeros((len(rows), distance.padded(rows.shape[1])), dtype=np.float32)
    wide[:, : rows.shape[1]] = rows
    near = np.empty((len(rows), len(members)), dtype=np.float32)
    distance.products(wide, centres, near)
    probed = np.argsort(-near, axis=1, kind="stable")[:, :PROBES].reshape(-1)
    order = np.argsort(probed, kind="stable")
    starts = np.searchsorted(probed[order], np.arange(len(members) + 1))
    for group, numbers in enumerate(members):
        chosen = order[starts[group] : starts[group + 1]] // min(PROBES, len(members))
        if len(chosen) and len(numbers):
            best, product = clusters[chosen], products[chosen]
            _compare(rows[chosen], lengths[chosen], centroids.rows[numbers], numbers, best, product)
            clusters[chosen], products[chosen] = best, product
