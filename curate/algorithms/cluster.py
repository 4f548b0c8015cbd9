"""Spherical k-means (Dhillon and Modha 2001): faiss finds the centroids, our own kernel who belongs to which.

This is the one file that knows faiss. It runs on one thread with a seed, so that centroids are equal on
one kind of processor; what is stored for a document comes from products summed in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.errors import UsageError
from curate.kernels import arrow, distance, hashing

USUAL_CLUSTERS = 1000
FEWEST_DOCUMENTS = 39
"""Sampled documents a cluster, when the number of clusters is not given: faiss warns of less."""
_ROWS_AT_ONCE = 8_192


class Centroids(NamedTuple):
    """Unit vectors, float32 (k, d), and the same packed for the kernel."""

    rows: np.ndarray
    blocks: np.ndarray


def vectors_of(column: pa.ChunkedArray, name: str) -> pa.Array:
    """The vectors of a column that are not null. Raises UsageError when it holds none."""
    kind = column.type
    if not (pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)):
        raise UsageError(f"--embedding {name}: the column holds {kind}, not vectors; name a column that embed made")
    return arrow.combined(column).drop_null()


def train(vectors: np.ndarray, clusters: int | None, iterations: int, seed: int) -> np.ndarray:
    """Unit centroids, float32 (k, d), those of most vectors first.

    vectors: float32 (n, d), none of them zero; scaled to length one in place. clusters: None chooses
    1,000, or one for every 39 different vectors where that is less; never are there more than
    different vectors. Memory: 4 bytes a number besides the vectors.
    """
    import faiss

    if len(vectors) == 0:
        return np.empty((0, vectors.shape[1]), dtype=np.float32)
    faiss.omp_set_num_threads(1)
    faiss.normalize_L2(vectors)
    different = _different(vectors)
    wanted = clusters if clusters is not None else min(USUAL_CLUSTERS, max(1, different // FEWEST_DOCUMENTS))
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        min(wanted, different),
        niter=iterations,
        seed=seed % (1 << 31),
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    kmeans.train(vectors)
    centroids = np.ascontiguousarray(kmeans.centroids, dtype=np.float32)
    members = np.bincount(assign(vectors, pack(centroids))[0], minlength=len(centroids))
    return centroids[np.argsort(-members, kind="stable")]


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

    vectors: float16 or float32 (n, d), of any length but zero. Of equally near centroids the first counts.
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


def assign_column(column: pa.ChunkedArray, name: str, centroids: Centroids) -> tuple[pa.Array, pa.Array]:
    """Clusters (int32) and distances (float32) of a column of vectors, null where the vector is null."""
    vectors = vectors_of(column, name)
    if len(vectors) and len(centroids.rows) == 0:
        raise UsageError(f"--embedding {name}: no document of the sample has a vector; raise --documents-per-cluster")
    clusters, distances = assign(arrow.vectors(vectors), centroids)
    valid = arrow.validity(column)
    places = pa.array(np.cumsum(valid) - 1, mask=~valid)
    return pa.array(clusters).take(places), pa.array(distances).take(places)


def trained(tables: Iterable[pa.Table], clusters: int | None, iterations: int, seed: int) -> pa.Table:
    """Centroids found on the vectors of surveys, one row each: `cluster` and `centroid`."""
    columns = [table["vector"] for table in tables]
    chunks = [chunk for column in columns for chunk in column.chunks if len(chunk)]
    if not chunks:
        return pa.table({"cluster": pa.array([], pa.int32()), "centroid": pa.array([], pa.list_(pa.float32(), 1))})
    vectors = np.concatenate([arrow.vectors(chunk) for chunk in chunks], dtype=np.float32)
    centroids = train(vectors, clusters, iterations, seed)
    numbers = pa.array(np.arange(len(centroids), dtype=np.int32))
    return pa.table({"cluster": numbers, "centroid": arrow.vector_array(centroids)})


def from_table(table: pa.Table) -> Centroids:
    """The centroids that `trained` made a table of."""
    return pack(arrow.vectors(table["centroid"]))
